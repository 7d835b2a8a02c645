// Resource limits (setrlimit(2)) that the kernel holds programs to.
#include "check.h"
#include <dirent.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/select.h>

static int set(int which, rlim_t soft, rlim_t hard) {
  struct rlimit r = {soft, hard};
  return setrlimit(which, &r);
}

static rlim_t soft(int which) {
  struct rlimit r;
  must(getrlimit(which, &r));
  return r.rlim_cur;
}

// Runs a function in a child; its value is the exit code.
static int in_child(int (*run)(void)) {
  pid_t pid = fork();
  if (pid == 0) _exit(run());
  return status_of(pid);
}

static volatile sig_atomic_t hits;
static void hit(int s) { hits += s != 0; }

static void burn(double seconds) {
  volatile long x = 0;
  for (int64_t end = now_ns(CLOCK_PROCESS_CPUTIME_ID) + seconds * 1e9; now_ns(CLOCK_PROCESS_CPUTIME_ID) < end;)
    for (int i = 0; i < 1000; i++) x++;
}

static int killed_at_soft(void) {
  set(RLIMIT_CPU, 1, RLIM_INFINITY);
  burn(60);
  return 1;
}

static int told_each_second(void) {
  signal(SIGXCPU, hit);
  set(RLIMIT_CPU, 1, RLIM_INFINITY);
  while (hits < 1) burn(0.01);
  // (Linux counts by ticks, and may be early.)
  if (now_ns(CLOCK_PROCESS_CPUTIME_ID) < 500000000ll) return 1;
  if (soft(RLIMIT_CPU) != 2) return 2;
  while (hits < 2) burn(0.01);
  return now_ns(CLOCK_PROCESS_CPUTIME_ID) < 1000000000ll ? 3 : 0;
}

static int killed_at_hard(void) {
  signal(SIGXCPU, SIG_IGN);
  set(RLIMIT_CPU, 1, 1);
  // A child has the limit too, and its own time.
  pid_t pid = fork();
  if (pid == 0) {
    burn(60);
    _exit(1);
  }
  if (status_of(pid) != SIGKILL) return 1;
  burn(60);
  return 2;
}

static void cpu_time(void) {
  EQ("soft", in_child(killed_at_soft), SIGXCPU);
  EQ("each-second", in_child(told_each_second), EXITED(0));
  EQ("hard", in_child(killed_at_hard), SIGKILL);
}

static size_t mapped(void) {
  unsigned long pages = 0;
  sscanf(read_file("/proc/self/statm"), "%lu", &pages);
  return pages * 4096;
}

static int address_space_inside(void) {
  enum { M = 1 << 20 };
  set(RLIMIT_AS, mapped() + 8 * M, RLIM_INFINITY);
  char *a = mmap(NULL, 4 * M, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (a == MAP_FAILED) return 1;
  if (mmap(NULL, 16 * M, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED || errno != ENOMEM) return 2;
  if (mremap(a, 4 * M, 32 * M, MREMAP_MAYMOVE) != MAP_FAILED || errno != ENOMEM) return 3;
  // In the place of what is there nothing more is needed.
  if (mmap(a, 4 * M, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) != a) return 4;
  char *end = sbrk(0);
  if (brk(end + 16 * M) != -1 || errno != ENOMEM) return 5;
  if (sbrk(0) != end) return 6;
  pid_t pid = fork();
  if (pid == 0) _exit(mmap(NULL, 16 * M, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED);
  return status_of(pid) ? 7 : 0;
}

static int data_inside(void) {
  enum { M = 1 << 20 };
  // More than what is there already, but by less than 16 MiB.
  set(RLIMIT_DATA, 12 * M, RLIM_INFINITY);
  char *end = sbrk(0);
  if (brk(end + 16 * M) != -1 || errno != ENOMEM) return 1;
  if (mmap(NULL, 16 * M, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED || errno != ENOMEM) return 2;
  // What cannot be written, and what is shared, is no data.
  char *read_only = mmap(NULL, 16 * M, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (read_only == MAP_FAILED) return 3;
  if (mmap(NULL, 16 * M, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0) == MAP_FAILED) return 4;
  if (mprotect(read_only, 16 * M, PROT_READ | PROT_WRITE) != -1 || errno != ENOMEM) return 5;
  if (mprotect(read_only, M, PROT_READ | PROT_WRITE)) return 6;
  return mmap(NULL, M, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED ? 7 : 0;
}

static void memory(void) {
  EQ("address-space", in_child(address_space_inside), EXITED(0));
  EQ("data", in_child(data_inside), EXITED(0));
}

static int pending_inside(void) {
  sigset_t all;
  sigfillset(&all);
  sigprocmask(SIG_BLOCK, &all, NULL);
  // The count is the user's: one that nothing else runs as.
  if (setresuid(54321, 54321, 54321)) return 1;
  set(RLIMIT_SIGPENDING, 3, 3);
  union sigval v = {.sival_int = 7};
  for (int i = 0; i < 3; i++)
    if (sigqueue(getpid(), SIGRTMIN, v)) return 2;
  if (sigqueue(getpid(), SIGRTMIN, v) != -1 || errno != EAGAIN) return 3;
  // kill(2) is heard, with nothing to tell; a standard signal is, too.
  if (kill(getpid(), SIGRTMIN + 1)) return 4;
  if (sigqueue(getpid(), SIGUSR1, v)) return 5;
  siginfo_t i;
  sigset_t one;
  sigemptyset(&one);
  sigaddset(&one, SIGRTMIN + 1);
  if (sigwaitinfo(&one, &i) != SIGRTMIN + 1 || i.si_pid != 0) return 6;
  sigemptyset(&one);
  sigaddset(&one, SIGUSR1);
  if (sigwaitinfo(&one, &i) != SIGUSR1 || i.si_value.sival_int != 0) return 7;
  sigemptyset(&one);
  sigaddset(&one, SIGRTMIN);
  for (int n = 0; n < 3; n++)
    if (sigwaitinfo(&one, &i) != SIGRTMIN || i.si_value.sival_int != 7) return 8;
  return sigqueue(getpid(), SIGRTMIN, v) ? 9 : 0;
}

static void pending_signals(void) { EQ("queued", in_child(pending_inside), EXITED(0)); }

static long locked_kib(void) {
  char *at = strstr(read_file("/proc/self/status"), "VmLck:");
  return at ? atol(at + 6) : -1;
}

static int locked_inside(void) {
  enum { PAGE = 4096 };
  char *m = mmap(NULL, 64 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (locked_kib() != 0) return 1;
  // Who may lock what it likes.
  set(RLIMIT_MEMLOCK, 8 * PAGE, 8 * PAGE);
  if (mlock(m, 16 * PAGE) || locked_kib() != 64) return 2;
  if (munlock(m, 16 * PAGE) || locked_kib() != 0) return 3;
  if (setresuid(54321, 54321, 54321)) return 4;
  // And who may not.
  if (mlock(m, 16 * PAGE) != -1 || errno != ENOMEM || locked_kib() != 0) return 5;
  if (mlock(m, 8 * PAGE) || locked_kib() != 32) return 6;
  if (mlock(m, 8 * PAGE) || mlock2(m + 4 * PAGE, 4 * PAGE, MLOCK_ONFAULT)) return 7;
  if (mlock(m + 8 * PAGE, PAGE) != -1 || errno != ENOMEM) return 8;
  if (mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_LOCKED, -1, 0) != MAP_FAILED || errno != EAGAIN) return 9;
  if (mlockall(MCL_CURRENT) != -1 || errno != ENOMEM) return 10;
  if (munlock(m + PAGE, 2 * PAGE) || locked_kib() != 24) return 11;
  // A child has nothing locked.
  pid_t pid = fork();
  if (pid == 0) _exit(locked_kib() != 0);
  if (status_of(pid)) return 12;
  if (munlockall() || locked_kib() != 0) return 13;
  if (mlockall(MCL_FUTURE)) return 14;
  char *n = mmap(NULL, 8 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (n == MAP_FAILED || locked_kib() != 32) return 15;
  if (mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED || errno != EAGAIN) return 16;
  if (mremap(n, 8 * PAGE, 9 * PAGE, MREMAP_MAYMOVE) != MAP_FAILED || errno != EAGAIN) return 17;
  munlockall();
  // With a limit of 0 there is nothing to ask for.
  set(RLIMIT_MEMLOCK, 0, 0);
  if (mlock(m, PAGE) != -1 || errno != EPERM) return 18;
  if (mlockall(MCL_FUTURE) != -1 || errno != EPERM) return 19;
  return mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_LOCKED, -1, 0) != MAP_FAILED || errno != EPERM ? 20 : 0;
}

static void locked(void) { EQ("memory", in_child(locked_inside), EXITED(0)); }

static int crash(void) {
  raise(SIGSEGV);
  return 0;
}

static int crash_without_core(void) {
  set(RLIMIT_CORE, 0, 0);
  return crash();
}

// A wait status has the core bit when a core was written.
static void core(void) { EQ("none", in_child(crash_without_core), SIGSEGV); }

static int many_descriptors(void) {
  enum { MOST = 4096 };
  if (set(RLIMIT_NOFILE, MOST, MOST)) return 1;
  int null = open("/dev/null", O_RDWR);
  while (dup(null) != -1) continue;
  if (errno != EMFILE) return 2;
  if (fcntl(MOST - 1, F_GETFD) || fcntl(MOST, F_GETFD) != -1 || errno != EBADF) return 3;
  if (dup2(null, MOST) != -1 || errno != EBADF) return 4;
  if (fcntl(null, F_DUPFD, MOST) != -1 || errno != EINVAL) return 5;
  if (open("/dev/null", O_RDONLY) != -1 || errno != EMFILE) return 6;
  // All of them are there for /proc, poll and select, and for a child.
  close(2000);
  DIR *d = opendir("/proc/self/fd");
  if (!d || dirfd(d) != 2000) return 7;
  int n = 0;
  while (readdir(d)) n++;
  closedir(d);
  if (n != MOST + 2) return 8;
  if (dup(null) != 2000) return 9;
  static struct pollfd p[MOST];
  for (int i = 0; i < MOST; i++) p[i] = (struct pollfd){.fd = i, .events = POLLOUT};
  if (poll(p + 3, MOST - 3, 0) != MOST - 3 || p[MOST - 1].revents != POLLOUT) return 10;
  static unsigned long bits[MOST / 64];
  for (int i = 1; i < MOST / 64; i++) bits[i] = ~0ul;
  struct timespec zero = {0, 0};
  if (syscall(SYS_pselect6, MOST, NULL, bits, NULL, &zero, NULL) != MOST - 64) return 11;
  if (bits[MOST / 64 - 1] != ~0ul || bits[0] != 0) return 12;
  pid_t pid = fork();
  if (pid == 0) {
    for (int i = null; i < MOST; i++)
      if (fcntl(i, F_GETFD)) _exit(1);
    if (write(MOST - 1, "x", 1) != 1) _exit(1);
    _exit(close_range(3, ~0u, 0) || fcntl(MOST - 1, F_GETFD) != -1 ? 2 : 0);
  }
  if (status_of(pid)) return 13;
  // Fewer are allowed than there are: those stay.
  if (set(RLIMIT_NOFILE, 10, MOST) || fcntl(MOST - 1, F_GETFD)) return 14;
  if (dup(null) != -1 || errno != EMFILE) return 15;
  if (poll(p, 11, 0) != -1 || errno != EINVAL) return 16;
  return 0;
}

static void descriptors(void) {
  EQ("many", in_child(many_descriptors), EXITED(0));
  struct rlimit r;
  must(getrlimit(RLIMIT_NOFILE, &r));
  TRUE("hard", r.rlim_max >= 4096);
  r.rlim_cur = r.rlim_max = 1ul << 40;
  FAILS("beyond-nr_open", setrlimit(RLIMIT_NOFILE, &r), EPERM);
}

static int unprivileged(void) {
  if (set(RLIMIT_FSIZE, 1000, 2000) || setresuid(54321, 54321, 54321)) return 1;
  if (set(RLIMIT_FSIZE, 2001, 2001) != -1 || errno != EPERM) return 2;
  if (set(RLIMIT_FSIZE, 2000, 2000)) return 3;
  if (set(RLIMIT_FSIZE, 1, 1999)) return 4;
  if (set(RLIMIT_FSIZE, 1, 2000) != -1 || errno != EPERM) return 5;
  // Another user's process.
  struct rlimit r;
  return prlimit(getppid(), RLIMIT_FSIZE, NULL, &r) != -1 || errno != EPERM ? 6 : 0;
}

static void setting(void) {
  FAILS("soft-above-hard", set(RLIMIT_FSIZE, 2, 1), EINVAL);
  FAILS("unknown", set(16, 1, 1), EINVAL);
  FAILS("unknown-get", syscall(SYS_prlimit64, 0, 16, NULL, NULL), EINVAL);
  FAILS("nobody", prlimit(0x3fffffff, RLIMIT_FSIZE, NULL, NULL), ESRCH);
  FAILS("address", syscall(SYS_prlimit64, 0, RLIMIT_FSIZE, (void *)16, NULL), EFAULT);
  EQ("unprivileged", in_child(unprivileged), EXITED(0));
}

CHECK_MAIN(CASE(cpu_time), CASE(memory), CASE(pending_signals), CASE(locked), CASE(core), CASE(descriptors), CASE(setting))
