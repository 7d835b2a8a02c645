// Clocks, sleeps, timers.
#include "check.h"
#include <poll.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <sys/times.h>

static void clocks(void) {
  struct timespec t;
  const clockid_t ids[] = {CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_PROCESS_CPUTIME_ID, CLOCK_THREAD_CPUTIME_ID,
                           CLOCK_MONOTONIC_RAW, CLOCK_REALTIME_COARSE, CLOCK_MONOTONIC_COARSE, CLOCK_BOOTTIME};
  int got = 0, normal = 1;
  for (int i = 0; i < 8; i++) {
    got += syscall(SYS_clock_gettime, ids[i], &t) == 0;
    normal &= t.tv_nsec >= 0 && t.tv_nsec < 1000000000 && t.tv_sec >= 0;
  }
  EQ("all-ids", got, 8);
  TRUE("normal", normal);
  FAILS("bad-id", syscall(SYS_clock_gettime, 99, &t), EINVAL);
  GOOD("resolution", clock_getres(CLOCK_MONOTONIC, &t));
  TRUE("resolution-fine", t.tv_sec == 0 && t.tv_nsec > 0 && t.tv_nsec <= 10000000);
  clock_gettime(CLOCK_REALTIME, &t);
  TRUE("after-2020", t.tv_sec > 1577836800);
  struct timeval tv;
  GOOD("gettimeofday", gettimeofday(&tv, NULL));
  TRUE("same-clock", llabs(tv.tv_sec - t.tv_sec) <= 2);
  EQ("time", llabs(time(NULL) - t.tv_sec) <= 2, 1);
}

// Nobody here may set a clock, but what is wrong with the call itself is said first.
static void setting(void) {
  struct timespec now, wrong = {0, 1000000000}, before = {-1, 0};
  clock_gettime(CLOCK_REALTIME, &now);
  FAILS("permitted", syscall(SYS_clock_settime, CLOCK_REALTIME, &now), EPERM);
  FAILS("no-clock", syscall(SYS_clock_settime, 99, &now), EINVAL);
  const clockid_t ids[] = {CLOCK_MONOTONIC,     CLOCK_PROCESS_CPUTIME_ID, CLOCK_THREAD_CPUTIME_ID, CLOCK_MONOTONIC_RAW,
                           CLOCK_REALTIME_COARSE, CLOCK_MONOTONIC_COARSE, CLOCK_BOOTTIME};
  int refused = 0;
  for (int i = 0; i < 7; i++) refused += syscall(SYS_clock_settime, ids[i], &now) == -1 && errno == EINVAL;
  EQ("no-setter", refused, 7);
  FAILS("nanoseconds", syscall(SYS_clock_settime, CLOCK_REALTIME, &wrong), EINVAL);
  FAILS("negative", syscall(SYS_clock_settime, CLOCK_REALTIME, &before), EINVAL);
  FAILS("bad-pointer", syscall(SYS_clock_settime, CLOCK_REALTIME, 16), EFAULT);
  FAILS("no-setter-bad-pointer", syscall(SYS_clock_settime, CLOCK_MONOTONIC, 16), EINVAL);
  struct timeval tv = {now.tv_sec, 0}, usec = {0, 1000000};
  FAILS("timeofday", syscall(SYS_settimeofday, &tv, NULL), EPERM);
  FAILS("timeofday-usec", syscall(SYS_settimeofday, &usec, NULL), EINVAL);
  FAILS("timeofday-pointer", syscall(SYS_settimeofday, 16, NULL), EFAULT);
}

static void monotonic(void) {
  int64_t last = now_ns(CLOCK_MONOTONIC), last_raw = now_ns(CLOCK_MONOTONIC_RAW);
  int backward = 0, moved = 0;
  for (int i = 0; i < 20000; i++) {
    int64_t t = now_ns(CLOCK_MONOTONIC);
    backward += t < last;
    moved |= t > last;
    last = t;
  }
  EQ("never-back", backward, 0);
  TRUE("moves", moved);
  TRUE("raw-moves", now_ns(CLOCK_MONOTONIC_RAW) > last_raw);
  // The same clock in parent and child.
  int p[2];
  pipe(p);
  pid_t pid = fork();
  if (pid == 0) {
    int64_t t = now_ns(CLOCK_MONOTONIC);
    write(p[1], &t, sizeof t);
    _exit(0);
  }
  int64_t child = 0;
  read(p[0], &child, sizeof child);
  TRUE("child-later", child >= last && child <= now_ns(CLOCK_MONOTONIC));
  status_of(pid);
  close(p[0]), close(p[1]);
}

static void sleeping(void) {
  struct timespec t = {0, 15000000}, left = {7, 7};
  int64_t from = now_ns(CLOCK_MONOTONIC);
  GOOD("nanosleep", nanosleep(&t, &left));
  TRUE("long-enough", now_ns(CLOCK_MONOTONIC) - from >= 15000000);
  EQ("rest-untouched", left.tv_sec, 7);
  t.tv_nsec = 1000000000;
  FAILS("bad-ns", nanosleep(&t, NULL), EINVAL);
  t = (struct timespec){-1, 0};
  FAILS("negative", nanosleep(&t, NULL), EINVAL);
  clock_gettime(CLOCK_MONOTONIC, &t);
  t.tv_nsec += 15000000;
  if (t.tv_nsec >= 1000000000) t.tv_nsec -= 1000000000, t.tv_sec++;
  EQ("absolute", clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL), 0);
  TRUE("absolute-reached", now_ns(CLOCK_MONOTONIC) >= t.tv_sec * 1000000000ll + t.tv_nsec);
  EQ("absolute-past", clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL), 0);
  t = (struct timespec){0, 1000000};
  EQ("realtime", clock_nanosleep(CLOCK_REALTIME, 0, &t, NULL), 0);
  EQ("bad-clock", clock_nanosleep(99, 0, &t, NULL), EINVAL);
  EQ("thread-clock", clock_nanosleep(CLOCK_THREAD_CPUTIME_ID, 0, &t, NULL), EINVAL);
  t = (struct timespec){0, 0};
  GOOD("zero", nanosleep(&t, NULL));
  // Several that sleep at once end in the order of their times.
  int p[2];
  pipe(p);
  for (int i = 3; i >= 1; i--) {
    if (fork() == 0) {
      struct timespec s;
      clock_gettime(CLOCK_MONOTONIC, &s);
      s.tv_sec = from / 1000000000 + 1;
      s.tv_nsec = 250000000 * i;
      clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &s, NULL);
      char c = '0' + i;
      write(p[1], &c, 1);
      _exit(0);
    }
  }
  char order[4] = {0};
  for (int i = 0; i < 3; i++) read(p[0], order + i, 1);
  STR("order", order, "123");
  while (wait(NULL) > 0) continue;
  close(p[0]), close(p[1]);
}

static void cpu_time(void) {
  // CPU time runs while we work and stands still while we sleep.
  int64_t from = now_ns(CLOCK_PROCESS_CPUTIME_ID), wall = now_ns(CLOCK_MONOTONIC);
  struct timespec t = {0, 200000000};
  nanosleep(&t, NULL);
  int64_t slept = now_ns(CLOCK_PROCESS_CPUTIME_ID) - from;
  TRUE("not-while-asleep", slept < 100000000);
  from = now_ns(CLOCK_PROCESS_CPUTIME_ID);
  while (now_ns(CLOCK_PROCESS_CPUTIME_ID) - from < 30000000) continue;
  TRUE("while-working", now_ns(CLOCK_MONOTONIC) - wall >= 200000000);
  struct rusage u;
  GOOD("getrusage", getrusage(RUSAGE_SELF, &u));
  TRUE("rusage-time", u.ru_utime.tv_sec * 1000000 + u.ru_utime.tv_usec + u.ru_stime.tv_sec * 1000000 + u.ru_stime.tv_usec > 20000);
  FAILS("rusage-who", getrusage(77, &u), EINVAL);
  pid_t pid = fork();
  if (pid == 0) {
    while (now_ns(CLOCK_PROCESS_CPUTIME_ID) < 50000000) continue;
    _exit(0);
  }
  status_of(pid);
  getrusage(RUSAGE_CHILDREN, &u);
  TRUE("children", u.ru_utime.tv_sec * 1000000 + u.ru_utime.tv_usec + u.ru_stime.tv_sec * 1000000 + u.ru_stime.tv_usec >= 40000);
  struct tms b;
  clock_t ticks = times(&b);
  TRUE("times", ticks != (clock_t)-1 && b.tms_cutime + b.tms_cstime >= 3);
  EQ("ticks-per-second", sysconf(_SC_CLK_TCK), 100);
}

static volatile int fired;
static void count(int signal) {
  (void)signal;
  fired++;
}

static void system_time(void) {
  // Work of the kernel for this process is its system time, wherever that shows.
  static char page[1 << 16];
  int fd = must(open("/dev/zero", O_RDONLY));
  struct rusage usage;
  struct timespec cpu;
  struct tms ticks;
  do {
    for (int i = 0; i < 100; i++) must(read(fd, page, sizeof page));
    must(getrusage(RUSAGE_SELF, &usage));
    times(&ticks);
  } while (usage.ru_stime.tv_sec == 0 && (usage.ru_stime.tv_usec < 20000 || ticks.tms_stime == 0));
  must(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu));
  TRUE("process-clock", cpu.tv_sec * 1000000 + cpu.tv_nsec / 1000 >= usage.ru_stime.tv_sec * 1000000 + usage.ru_stime.tv_usec);
  must(clock_gettime(CLOCK_THREAD_CPUTIME_ID, &cpu));
  TRUE("thread-clock", cpu.tv_sec * 1000000 + cpu.tv_nsec / 1000 >= usage.ru_stime.tv_sec * 1000000 + usage.ru_stime.tv_usec);
  char *stat = read_file("/proc/self/stat");
  char *at = stat ? strrchr(stat, ')') : NULL;
  for (int field = 2; at && field < 15; field++) at = strchr(at + 1, ' ');
  TRUE("stat", at && atoi(at + 1) >= 1);
  // What a child used counts when it was waited for.
  pid_t pid = fork();
  if (pid == 0) {
    do {
      for (int i = 0; i < 100; i++) read(fd, page, sizeof page);
      getrusage(RUSAGE_SELF, &usage);
    } while (usage.ru_stime.tv_sec == 0 && usage.ru_stime.tv_usec < 20000);
    _exit(0);
  }
  EQ("child", status_of(pid), 0);
  must(getrusage(RUSAGE_CHILDREN, &usage));
  TRUE("children", usage.ru_stime.tv_sec || usage.ru_stime.tv_usec >= 20000);
  close(fd);
}

static void posix_timers(void) {
  signal(SIGUSR1, count);
  timer_t timer;
  struct sigevent e = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1};
  if (GOOD("create", timer_create(CLOCK_MONOTONIC, &e, &timer))) return;
  struct itimerspec it = {{0, 0}, {0, 10000000}}, now;
  GOOD("set", timer_settime(timer, 0, &it, NULL));
  while (!fired) pause();
  EQ("fired", fired, 1);
  GOOD("get", timer_gettime(timer, &now));
  EQ("disarmed", now.it_value.tv_nsec, 0);
  GOOD("delete", timer_delete(timer));
}

static void descriptors(void) {
  int fd = GOOD("create", timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC));
  if (fd < 0) return;
  uint64_t n;
  FAILS("unset", read(fd, &n, 8), EAGAIN);
  struct itimerspec it = {{0, 5000000}, {0, 5000000}};
  GOOD("set", timerfd_settime(fd, 0, &it, NULL));
  struct pollfd f = {fd, POLLIN, 0};
  EQ("poll", poll(&f, 1, 5000), 1);
  EQ("read", read(fd, &n, 8), 8);
  TRUE("expirations", n >= 1);
  FAILS("clock", timerfd_create(99, 0), EINVAL);
  close(fd);
}

CHECK_MAIN(CASE(clocks), CASE(setting), CASE(monotonic), CASE(sleeping), CASE(cpu_time), CASE(system_time), CASE(posix_timers), CASE(descriptors))
