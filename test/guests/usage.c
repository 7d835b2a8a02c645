// What processes and their children have used: getrusage, wait4's rusage, and sleeps by CPU time.
#include "check.h"
#include <pthread.h>
#include <sys/mman.h>
#include <sys/resource.h>

static double seconds(const struct rusage *r) {
  return r->ru_utime.tv_sec + r->ru_utime.tv_usec / 1e6 + r->ru_stime.tv_sec + r->ru_stime.tv_usec / 1e6;
}

static struct rusage used(int who) {
  struct rusage r;
  must(getrusage(who, &r));
  return r;
}

static void burn(double s) {
  volatile long x = 0;
  for (int64_t end = now_ns(CLOCK_THREAD_CPUTIME_ID) + s * 1e9; now_ns(CLOCK_THREAD_CPUTIME_ID) < end;)
    for (int i = 0; i < 1000; i++) x++;
}

// A child that uses time and 12 MiB, and waits n times.
static pid_t worker(int n) {
  pid_t pid = fork();
  if (pid) return pid;
  size_t bytes = 12 << 20;
  char *m = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  for (size_t i = 0; i < bytes; i += 4096) m[i] = 1;
  munmap(m, bytes);
  burn(0.2);
  struct timespec t = {0, 1000000};
  for (int i = 0; i < n; i++) nanosleep(&t, NULL);
  _exit(0);
}

static void children(void) {
  struct rusage before = used(RUSAGE_CHILDREN), r;
  pid_t pid = worker(5);
  siginfo_t i;
  must(waitid(P_PID, pid, &i, WEXITED | WNOWAIT));
  struct rusage unwaited = used(RUSAGE_CHILDREN);
  TRUE("not-before-wait", seconds(&unwaited) == seconds(&before));
  EQ("wait4", wait4(pid, NULL, 0, &r), pid);
  TRUE("its-time", seconds(&r) >= 0.15 && seconds(&r) < 30);
  TRUE("its-peak", r.ru_maxrss >= 12 << 10);
  TRUE("its-faults", r.ru_minflt >= 12 << 8);
  TRUE("its-switches", r.ru_nvcsw >= 5);
  struct rusage after = used(RUSAGE_CHILDREN);
  TRUE("time", seconds(&after) - seconds(&before) >= 0.15);
  TRUE("peak", after.ru_maxrss >= 12 << 10);
  TRUE("faults", after.ru_minflt - before.ru_minflt >= 12 << 8);
  TRUE("switches", after.ru_nvcsw - before.ru_nvcsw >= 5);
  // Grandchildren that a child has waited for are in its rusage; those that it has not are not.
  pid = fork();
  if (pid == 0) {
    status_of(worker(0));
    _exit(0);
  }
  EQ("wait4-2", wait4(pid, NULL, 0, &r), pid);
  TRUE("grandchild-time", seconds(&r) >= 0.15);
  TRUE("grandchild-peak", r.ru_maxrss >= 12 << 10);
  // Killed children count, too.
  before = used(RUSAGE_CHILDREN);
  pid = fork();
  if (pid == 0) {
    burn(0.2);
    raise(SIGKILL);
  }
  EQ("killed", wait4(pid, NULL, 0, &r), pid);
  TRUE("killed-time", seconds(&r) >= 0.15);
  after = used(RUSAGE_CHILDREN);
  TRUE("killed-sum", seconds(&after) - seconds(&before) >= 0.15);
  // Who does not wait has nothing of it.
  signal(SIGCHLD, SIG_IGN);
  before = used(RUSAGE_CHILDREN);
  pid = worker(0);
  FAILS("ignored", waitpid(pid, NULL, 0), ECHILD);
  after = used(RUSAGE_CHILDREN);
  TRUE("ignored-sum", seconds(&after) == seconds(&before));
  signal(SIGCHLD, SIG_DFL);
}

static void *sleeps(void *arg) {
  struct timespec t = {0, 1000000};
  for (int i = 0; i < 10; i++) nanosleep(&t, NULL);
  *(struct rusage *)arg = used(RUSAGE_THREAD);
  return NULL;
}

static void oneself(void) {
  struct rusage before = used(RUSAGE_SELF), thread;
  size_t bytes = 8 << 20;
  char *m = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  for (size_t i = 0; i < bytes; i += 4096) m[i] = 1;
  struct rusage after = used(RUSAGE_SELF);
  TRUE("faults", after.ru_minflt - before.ru_minflt >= (long)(bytes / 4096));
  munmap(m, bytes);
  struct rusage smaller = used(RUSAGE_SELF);
  TRUE("peak-stays", smaller.ru_maxrss >= after.ru_maxrss && smaller.ru_maxrss >= 8 << 10);
  pthread_t t;
  pthread_create(&t, NULL, sleeps, &thread);
  pthread_join(t, NULL);
  TRUE("thread-switches", thread.ru_nvcsw >= 10);
  after = used(RUSAGE_SELF);
  TRUE("switches", after.ru_nvcsw - before.ru_nvcsw >= 10);
  FAILS("unknown", getrusage(7, &after), EINVAL);
}

static void *burns(void *arg) {
  burn(*(double *)arg);
  return NULL;
}

static void *burns_until(void *arg) {
  while (!__atomic_load_n((int *)arg, __ATOMIC_SEQ_CST)) burn(0.001);
  return NULL;
}

static volatile sig_atomic_t hits;
static void hit(int s) { hits += s != 0; }

// clock_nanosleep by the CPU time of this process, of another one, of a thread.
static void sleeping(void) {
  struct timespec n = {0, 50000000}, left = {};
  int done = 0;
  pthread_t t;
  pthread_create(&t, NULL, burns_until, &done);
  int64_t from = now_ns(CLOCK_PROCESS_CPUTIME_ID);
  EQ("process", clock_nanosleep(CLOCK_PROCESS_CPUTIME_ID, 0, &n, NULL), 0);
  TRUE("process-time", now_ns(CLOCK_PROCESS_CPUTIME_ID) - from >= 40000000);
  from = now_ns(CLOCK_PROCESS_CPUTIME_ID) + 50000000;
  struct timespec at = {from / 1000000000, from % 1000000000};
  EQ("absolute", clock_nanosleep(CLOCK_PROCESS_CPUTIME_ID, TIMER_ABSTIME, &at, NULL), 0);
  TRUE("absolute-time", now_ns(CLOCK_PROCESS_CPUTIME_ID) >= from - 10000000);
  EQ("past", clock_nanosleep(CLOCK_PROCESS_CPUTIME_ID, TIMER_ABSTIME, &n, NULL), 0);
  clockid_t c;
  EQ("thread-clock", pthread_getcpuclockid(t, &c), 0);
  from = now_ns(c);
  EQ("thread", syscall(SYS_clock_nanosleep, c, 0, &n, NULL), 0);
  TRUE("thread-time", now_ns(c) - from >= 40000000);
  done = 1;
  pthread_join(t, NULL);
  EQ("own-thread", syscall(SYS_clock_nanosleep, CLOCK_THREAD_CPUTIME_ID, 0, &n, NULL) == -1 ? errno : 0, EOPNOTSUPP);
  pthread_getcpuclockid(pthread_self(), &c);
  EQ("own-thread-id", syscall(SYS_clock_nanosleep, c, 0, &n, NULL) == -1 ? errno : 0, EINVAL);
  // A child's time.
  pid_t pid = worker(0);
  EQ("child-clock", clock_getcpuclockid(pid, &c), 0);
  EQ("child", syscall(SYS_clock_nanosleep, c, 0, &n, NULL), 0);
  EQ("child-status", status_of(pid), 0);
  EQ("nobody", clock_getcpuclockid(0x3ffffff, &c), ESRCH);
  // A handler ends it, and what is left is told.
  struct sigaction a = {.sa_handler = hit};
  sigaction(SIGUSR1, &a, NULL);
  n = (struct timespec){100, 0};
  pthread_t self = pthread_self();
  pid = getpid();
  pid_t child = fork();
  if (child == 0) {
    until_asleep(pid, pid);
    kill(pid, SIGUSR1);
    _exit(0);
  }
  (void)self;
  EQ("interrupted", clock_nanosleep(CLOCK_PROCESS_CPUTIME_ID, 0, &n, &left), EINTR);
  TRUE("left", left.tv_sec >= 90 && left.tv_sec < 100);
  status_of(child);
}

// Two threads' time is their process's.
static void threads(void) {
  double s = 0.1;
  int64_t from = now_ns(CLOCK_PROCESS_CPUTIME_ID);
  pthread_t t[2];
  for (int i = 0; i < 2; i++) pthread_create(&t[i], NULL, burns, &s);
  for (int i = 0; i < 2; i++) pthread_join(t[i], NULL);
  TRUE("sum", now_ns(CLOCK_PROCESS_CPUTIME_ID) - from >= 190000000);
}

CHECK_MAIN(CASE(children), CASE(oneself), CASE(sleeping), CASE(threads))
