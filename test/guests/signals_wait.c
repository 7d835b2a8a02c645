// Signals that meet a blocking call: EINTR, SA_RESTART, sigsuspend, sigtimedwait, pause, signalfd.
#include "check.h"
#include <sys/signalfd.h>
#include <sys/time.h>

static volatile sig_atomic_t count;
static void counter(int signal) {
  (void)signal;
  count++;
}

// SIGALRM every 4 ms, so that a call that was entered just after one still meets the next.
static void ticking(int flags) {
  struct sigaction a = {.sa_handler = counter, .sa_flags = flags};
  sigaction(SIGALRM, &a, NULL);
  struct itimerval it = {{0, 4000}, {0, 4000}};
  setitimer(ITIMER_REAL, &it, NULL);
}

static void quiet(void) {
  struct itimerval it = {{0, 0}, {0, 0}};
  setitimer(ITIMER_REAL, &it, NULL);
}

static void set_of(sigset_t *s, int signal) {
  sigemptyset(s);
  sigaddset(s, signal);
}

static void interrupts(void) {
  int p[2], status;
  char c;
  pipe(p);
  ticking(0);
  FAILS("read", read(p[0], &c, 1), EINTR);
  pid_t pid = fork();
  if (pid == 0)
    for (;;) pause();
  FAILS("waitpid", waitpid(pid, &status, 0), EINTR);
  struct timespec left = {0, 0}, ten = {10, 0};
  FAILS("nanosleep", nanosleep(&ten, &left), EINTR);
  TRUE("nanosleep-rest", left.tv_sec >= 8 && left.tv_sec < 10);
  EQ("clock_nanosleep", clock_nanosleep(CLOCK_MONOTONIC, 0, &ten, &left), EINTR);
  FAILS("pause", pause(), EINTR);
  static char block[65536];
  fcntl(p[1], F_SETFL, O_NONBLOCK);
  while (write(p[1], block, sizeof block) > 0) continue;
  fcntl(p[1], F_SETFL, 0);
  FAILS("write", write(p[1], block, 4096), EINTR);
  // A long write that has begun returns what it has done.
  read(p[0], block, 8192);
  ssize_t n = write(p[1], block, sizeof block);
  EQ("partial-write", n, 8192);
  struct flock l = {.l_type = F_WRLCK};
  int fd = must(open("lock", O_RDWR | O_CREAT, 0644)), ready[2];
  pipe(ready);
  pid_t holder = fork();
  if (holder == 0) {
    fcntl(fd, F_SETLK, &l);
    write(ready[1], "r", 1);
    for (;;) pause();
  }
  while (read(ready[0], &c, 1) != 1) continue;
  FAILS("lock", fcntl(fd, F_SETLKW, &l), EINTR);
  quiet();
  kill(pid, SIGKILL), kill(holder, SIGKILL);
  status_of(pid), status_of(holder);
  close(p[0]), close(p[1]), close(fd), close(ready[0]), close(ready[1]);
}

static void restarts(void) {
  // With SA_RESTART the same calls go on as if nothing had been; the child acts after ten ticks.
  int p[2];
  char c = 0;
  pipe(p);
  ticking(SA_RESTART);
  count = 0;
  pid_t pid = fork();
  if (pid == 0) {
    ticking(SA_RESTART);
    while (count < 10) pause();
    write(p[1], "x", 1);
    while (count < 20) pause();
    _exit(3);
  }
  EQ("read", read(p[0], &c, 1), 1);
  EQ("read-data", c, 'x');
  TRUE("ticked", count >= 2);
  int status = 0;
  EQ("waitpid", waitpid(pid, &status, 0), pid);
  EQ("status", status, EXITED(3));
  // nanosleep restarts never because of a handler, but always after SIGSTOP and SIGCONT.
  struct timespec ten = {10, 0};
  FAILS("nanosleep", nanosleep(&ten, NULL), EINTR);
  quiet();
  pid = fork();
  if (pid == 0) {
    struct timespec t = {0, 150000000};
    int64_t from = now_ns(CLOCK_MONOTONIC);
    if (nanosleep(&t, NULL)) _exit(1);
    _exit(now_ns(CLOCK_MONOTONIC) - from >= 150000000 ? 0 : 2);
  }
  until_asleep(pid, pid);
  kill(pid, SIGSTOP);
  waitpid(pid, &status, WUNTRACED);
  kill(pid, SIGCONT);
  EQ("nanosleep-after-stop", status_of(pid), 0);
  close(p[0]), close(p[1]);
}

static void suspending(void) {
  struct sigaction a = {.sa_handler = counter};
  sigaction(SIGUSR1, &a, NULL);
  sigset_t block, none, now;
  set_of(&block, SIGUSR1);
  sigemptyset(&none);
  sigprocmask(SIG_BLOCK, &block, NULL);
  count = 0;
  raise(SIGUSR1);
  EQ("held", count, 0);
  FAILS("sigsuspend", sigsuspend(&none), EINTR);
  EQ("delivered", count, 1);
  sigprocmask(SIG_SETMASK, NULL, &now);
  EQ("mask-back", sigismember(&now, SIGUSR1), 1);
  pid_t parent = getpid(), pid = fork();
  if (pid == 0) {
    until_asleep(parent, parent);
    kill(parent, SIGUSR1);
    _exit(0);
  }
  while (count < 2) sigsuspend(&none);
  EQ("from-child", count, 2);
  status_of(pid);
  sigprocmask(SIG_SETMASK, &none, NULL);
}

static void timed_waits(void) {
  sigset_t s;
  siginfo_t info;
  set_of(&s, SIGUSR1);
  sigprocmask(SIG_BLOCK, &s, NULL);
  raise(SIGUSR1);
  int got = 0;
  EQ("sigwait", sigwait(&s, &got), 0);
  EQ("sigwait-number", got, SIGUSR1);
  struct timespec t = {0, 20000000};
  int64_t from = now_ns(CLOCK_MONOTONIC);
  FAILS("expires", sigtimedwait(&s, &info, &t), EAGAIN);
  TRUE("not-early", now_ns(CLOCK_MONOTONIC) - from >= 20000000);
  t = (struct timespec){0, 0};
  FAILS("polls", sigtimedwait(&s, &info, &t), EAGAIN);
  t.tv_nsec = -1;
  FAILS("bad-time", sigtimedwait(&s, &info, &t), EINVAL);
  pid_t parent = getpid(), pid = fork();
  if (pid == 0) {
    until_asleep(parent, parent);
    kill(parent, SIGUSR1);
    _exit(0);
  }
  EQ("sigwaitinfo", sigwaitinfo(&s, &info), SIGUSR1);
  EQ("sender", info.si_pid, pid);
  status_of(pid);
  // Another handler interrupts it.
  ticking(SA_RESTART);
  FAILS("interrupted", sigwaitinfo(&s, &info), EINTR);
  quiet();
  sigprocmask(SIG_UNBLOCK, &s, NULL);
}

static void descriptors(void) {
  sigset_t s;
  set_of(&s, SIGUSR2);
  sigprocmask(SIG_BLOCK, &s, NULL);
  int fd = GOOD("signalfd", signalfd(-1, &s, SFD_NONBLOCK | SFD_CLOEXEC));
  struct signalfd_siginfo i;
  FAILS("empty", read(fd, &i, sizeof i), EAGAIN);
  kill(getpid(), SIGUSR2);
  EQ("read", read(fd, &i, sizeof i), sizeof i);
  EQ("signo", i.ssi_signo, SIGUSR2);
  EQ("pid", i.ssi_pid, getpid());
  FAILS("consumed", read(fd, &i, sizeof i), EAGAIN);
  FAILS("short", read(fd, &i, 10), EINVAL);
  close(fd);
  sigprocmask(SIG_UNBLOCK, &s, NULL);
}

// What a SIGCHLD says of the child: its times in ticks of a hundredth of a second, behind the status.
static void child_times(void) {
  sigset_t s;
  set_of(&s, SIGCHLD);
  sigprocmask(SIG_BLOCK, &s, NULL);
  siginfo_t info;
  struct signalfd_siginfo record;
  int fd = GOOD("signalfd", signalfd(-1, &s, SFD_CLOEXEC));
  for (int round = 0; round < 2; round++) {
    pid_t child = fork();
    if (child == 0) {
      struct timespec t;
      do clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
      while (t.tv_sec == 0 && t.tv_nsec < 60000000);
      _exit(0x2a);
    }
    long ticks;
    if (round == 0) {
      memset(&info, 0xee, sizeof info);
      EQ("signo", sigwaitinfo(&s, &info), SIGCHLD);
      EQ("pid", info.si_pid, child);
      EQ("code", info.si_code, CLD_EXITED);
      EQ("status", info.si_status, 0x2a);
      ticks = info.si_utime + info.si_stime;
    } else {
      EQ("read", read(fd, &record, sizeof record), sizeof record);
      EQ("fd-pid", record.ssi_pid, child);
      EQ("fd-status", record.ssi_status, 0x2a);
      ticks = record.ssi_utime + record.ssi_stime;
    }
    waitpid(child, NULL, 0);
    // Each of the two is rounded down; what the end itself costs may come on top.
    TRUE(round == 0 ? "times" : "fd-times", ticks >= 4 && ticks < 1000);
  }
  close(fd);
  sigprocmask(SIG_UNBLOCK, &s, NULL);
}

static void alarms(void) {
  struct sigaction a = {.sa_handler = counter};
  sigaction(SIGALRM, &a, NULL);
  EQ("none-before", alarm(100), 0);
  TRUE("left", ({
         unsigned left = alarm(0);
         left >= 95 && left <= 100;
       }));
  count = 0;
  struct itimerval it = {{0, 0}, {0, 30000}}, now;
  int64_t from = now_ns(CLOCK_MONOTONIC);
  setitimer(ITIMER_REAL, &it, NULL);
  getitimer(ITIMER_REAL, &now);
  TRUE("gettimer", now.it_value.tv_sec == 0 && now.it_value.tv_usec > 0 && now.it_value.tv_usec <= 30000);
  while (!count) pause();
  TRUE("not-early", now_ns(CLOCK_MONOTONIC) - from >= 30000000);
  getitimer(ITIMER_REAL, &now);
  EQ("one-shot", now.it_value.tv_usec, 0);
  count = 0;
  it = (struct itimerval){{0, 5000}, {0, 5000}};
  setitimer(ITIMER_REAL, &it, NULL);
  while (count < 5) pause();
  quiet();
  EQ("repeats", count >= 5, 1);
  it.it_value.tv_usec = 1000000;
  FAILS("bad-time", setitimer(ITIMER_REAL, &it, NULL), EINVAL);
  FAILS("which", setitimer(9, &it, NULL), EINVAL);
  // Processor time runs only while we do.
  a.sa_handler = counter;
  sigaction(SIGVTALRM, &a, NULL);
  count = 0;
  it = (struct itimerval){{0, 0}, {0, 20000}};
  setitimer(ITIMER_VIRTUAL, &it, NULL);
  while (!count) continue;
  EQ("virtual", count, 1);
  // Without a handler it ends the process.
  pid_t pid = fork();
  if (pid == 0) {
    signal(SIGALRM, SIG_DFL);
    it = (struct itimerval){{0, 0}, {0, 1000}};
    setitimer(ITIMER_REAL, &it, NULL);
    for (;;) pause();
  }
  EQ("fatal", status_of(pid), SIGALRM);
}

static void endless_loop(void) {
  // A process that never makes a system call is stopped all the same.
  int p[2];
  pipe(p);
  pid_t pid = fork();
  if (pid == 0) {
    write(p[1], "x", 1);
    for (;;) __asm__ volatile("" ::: "memory");
  }
  char c;
  read(p[0], &c, 1);
  kill(pid, SIGTERM);
  EQ("killed", status_of(pid), SIGTERM);
  close(p[0]), close(p[1]);
}

CHECK_MAIN(CASE(interrupts), CASE(restarts), CASE(suspending), CASE(timed_waits), CASE(descriptors), CASE(child_times), CASE(alarms),
           CASE(endless_loop))
