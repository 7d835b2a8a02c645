// Arguments at their edges and beyond: what a program may pass is checked before it is used as an index, a count, a role or
// a part of a sum. Each case once ended the machine, hung it, or wrote where it must not.
#include "check.h"
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/timerfd.h>

static int file(const char *name, int flags) { return open(name, flags, 0666); }

// open(2), access mode 3: read and write permission are checked, the descriptor is good for neither.
static void access_mode(void) {
  int made = file("f", O_RDWR | O_CREAT);
  GOOD("write", write(made, "text", 4));
  int fd = file("f", 3);
  EQ("opened", fd >= 0, 1);
  EQ("flags", fcntl(fd, F_GETFL) & O_ACCMODE, 3);
  char text[8];
  FAILS("read", read(fd, text, 4), EBADF);
  FAILS("write-3", write(fd, "more", 4), EBADF);
  FAILS("pread", pread(fd, text, 4, 0), EBADF);
  FAILS("ftruncate", ftruncate(fd, 1), EINVAL);
  FAILS("fallocate", fallocate(fd, 0, 0, 1), EBADF);
  FAILS("readahead", readahead(fd, 0, 1), EBADF);
  FAILS("mmap", (long)mmap(0, 4096, PROT_READ, MAP_PRIVATE, fd, 0), EACCES);
  FAILS("mmap-shared", (long)mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0), EACCES);
  FAILS("copy-from", copy_file_range(fd, 0, made, 0, 1, 0), EBADF);
  FAILS("copy-to", copy_file_range(made, 0, fd, 0, 1, 0), EBADF);
  struct flock lock = {.l_type = F_RDLCK, .l_whence = SEEK_SET};
  FAILS("read-lock", fcntl(fd, F_SETLK, &lock), EBADF);
  lock.l_type = F_WRLCK;
  FAILS("write-lock", fcntl(fd, F_SETLK, &lock), EBADF);
  int pair[2];
  GOOD("pipe", pipe(pair));
  FAILS("splice-from", splice(fd, 0, pair[1], 0, 1, 0), EBADF);
  FAILS("splice-to", splice(pair[0], 0, fd, 0, 1, 0), EBADF);
  close(pair[0]), close(pair[1]), close(fd), close(made);
  static const char path[] = "fifo";
  GOOD("mkfifo", mkfifo(path, 0666));
  int both = open(path, O_RDWR);
  FAILS("fifo", open(path, 3), EINVAL);
  FAILS("fifo-no-wait", open(path, 3 | O_NONBLOCK), EINVAL);
  GOOD("fifo-close", close(both));
}

// Any byte is an exit signal of clone(2); what is no signal is not sent. With CLONE_PARENT it is the caller's own.
static void exit_signal(void) {
  static const int bytes[] = {65, 127, 128, 200, 255};
  for (unsigned k = 0; k < sizeof bytes / sizeof *bytes; k++) {
    long child = syscall(SYS_clone, (long)bytes[k], 0L, 0L, 0L, 0L);
    if (child == 0) _exit(7);
    int status = 0;
    EQ("waited", waitpid((pid_t)child, &status, __WALL) == child, 1);
    EQ("status", status, 7 << 8);
  }
  // The grandchild may not choose SIGKILL for its grandparent.
  int pair[2], status = 0;
  GOOD("pipe", pipe(pair));
  pid_t child = fork();
  if (child == 0) {
    long other = syscall(SYS_clone, (long)(CLONE_PARENT | SIGKILL), 0L, 0L, 0L, 0L);
    if (other == 0) _exit(3);
    int pid = (int)other;
    _exit(write(pair[1], &pid, sizeof pid) == sizeof pid ? 0 : 1);
  }
  int pid = 0;
  GOOD("read", read(pair[0], &pid, sizeof pid));
  EQ("brother", waitpid(pid, &status, __WALL) == pid, 1);
  EQ("its-status", status, 3 << 8);
  EQ("child", waitpid(child, &status, 0) == child, 1);
  EQ("child-s-status", status, 0);
  close(pair[0]), close(pair[1]);
}

// A word that lies across two pages is read and written across them, or not at all.
static void words(void) {
  char *at = mmap(0, 3 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  GOOD("munmap", munmap(at + 2 * 4096, 4096));
  int pair[2], n = 0;
  GOOD("pipe", pipe(pair));
  GOOD("write", write(pair[1], at, 300));
  GOOD("across", ioctl(pair[0], FIONREAD, at + 4096 - 2));
  memcpy(&n, at + 4096 - 2, 4);
  EQ("value", n, 300);
  FAILS("into-nothing", ioctl(pair[0], FIONREAD, at + 2 * 4096 - 2), EFAULT);
  n = 0;
  memcpy(at + 4096 - 1, &n, 4);
  at[4096] = 1; // 256, of which only the second byte is not 0
  GOOD("read-across", ioctl(pair[0], FIONBIO, at + 4096 - 1));
  EQ("non-blocking", (fcntl(pair[0], F_GETFL) & O_NONBLOCK) != 0, 1);
  FAILS("from-nothing", ioctl(pair[0], FIONBIO, at + 2 * 4096 - 3), EFAULT);
  close(pair[0]), close(pair[1]);
  munmap(at, 2 * 4096);
}

// Sums of times that do not fit: such a timer comes once.
static void intervals(void) {
  int fd = timerfd_create(CLOCK_MONOTONIC, 0);
  struct itimerspec t = {{LONG_MAX, 999999999}, {0, 1}};
  GOOD("settime", timerfd_settime(fd, 0, &t, 0));
  uint64_t count = 0;
  EQ("read", read(fd, &count, 8), 8);
  EQ("expirations", (long long)count, 1);
  t.it_interval.tv_sec = 1l << 33; // less than 2^64 ns, and more than 2^63
  GOOD("settime-2", timerfd_settime(fd, 0, &t, 0));
  EQ("read-2", read(fd, &count, 8), 8);
  EQ("expirations-2", (long long)count, 1);
  close(fd);
}

// Pages of a file behind the last that a mapping can have.
static void file_pages(void) {
  int fd = file("pages", O_RDWR | O_CREAT);
  char *at = mmap(0, 4096, PROT_READ, MAP_SHARED, fd, 0xffffffl << 12);
  EQ("far-behind-the-end", at != MAP_FAILED, 1);
  munmap(at, 4096);
  FAILS("grows-down", (long)mmap(0, 4096, PROT_READ, MAP_PRIVATE | MAP_GROWSDOWN, fd, 0), EINVAL);
  FAILS("grows-down-shared", (long)mmap(0, 4096, PROT_READ, MAP_SHARED | MAP_ANONYMOUS | MAP_GROWSDOWN, -1, 0), EINVAL);
  FAILS("negative", (long)syscall(SYS_mmap, 0, 4096L, PROT_READ, MAP_SHARED, fd, -4096L), EOVERFLOW);
  close(fd);
}

static void locks(void) {
  int fd = file("locks", O_RDWR | O_CREAT);
  struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = -5, .l_len = LONG_MIN};
  FAILS("before-the-start", fcntl(fd, F_SETLK, &lock), EINVAL);
  lock.l_start = 5;
  FAILS("length", fcntl(fd, F_SETLK, &lock), EINVAL);
  lock.l_start = LONG_MAX, lock.l_len = 2;
  FAILS("end", fcntl(fd, F_SETLK, &lock), EOVERFLOW);
  lock.l_start = 10, lock.l_len = -4;
  GOOD("backwards", fcntl(fd, F_SETLK, &lock));
  close(fd);
}

// A call's number has 64 bits.
static void numbers(void) {
  FAILS("getpid", syscall(SYS_getpid + (1l << 32)), ENOSYS);
  FAILS("read", syscall(SYS_read + (1l << 40), 0, 0, 0), ENOSYS);
  FAILS("negative", syscall(-1l), ENOSYS);
}

// Answers that go to memory whose bytes have yet to come in from the program's file: the call has its effect once.
static int distant[1 << 18] = {1};

static void answers(void) {
  struct {
    void (*handler)(int);
    unsigned long flags, mask;
  } act = {SIG_IGN, 0, 1};
  GOOD("ignore", syscall(SYS_rt_sigaction, SIGUSR1, &act, 0, 8));
  act.handler = SIG_DFL;
  int *old = distant + 50000;
  GOOD("action", syscall(SYS_rt_sigaction, SIGUSR1, &act, old, 8));
  TRUE("old-action", memcmp(old, (void *[]){(void *)SIG_IGN}, sizeof(void *)) == 0);
  pid_t child = fork();
  if (child == 0) _exit(5);
  int *status = distant + 100000;
  EQ("wait4", syscall(SYS_wait4, child, status, 0, 0) == child, 1);
  EQ("status", *status, 5 << 8);
  struct rlimit limit = {1000, 2000}, *before = (struct rlimit *)(distant + 150000);
  GOOD("first-limit", setrlimit(RLIMIT_CORE, &limit));
  limit.rlim_cur = 500;
  GOOD("second-limit", syscall(SYS_prlimit64, 0, RLIMIT_CORE, &limit, before));
  EQ("old-limit", before->rlim_cur, 1000);
  GOOD("limit-from-there", syscall(SYS_prlimit64, 0, RLIMIT_CORE, distant + 200000, 0));
  GOOD("getrlimit", getrlimit(RLIMIT_CORE, &limit));
  EQ("is-0", limit.rlim_max, 0);
  sigset_t set;
  sigemptyset(&set), sigaddset(&set, SIGUSR2);
  sigprocmask(SIG_BLOCK, &set, 0);
  kill(getpid(), SIGUSR2);
  struct timespec now = {0};
  int *info = distant + 250000;
  EQ("sigtimedwait", syscall(SYS_rt_sigtimedwait, &set, info, &now, 8), SIGUSR2);
  EQ("its-number", info[0], SIGUSR2);
}

// A futex is a word at a multiple of 4, whatever the operation.
static void odd_futexes(void) {
  static int words[4];
  for (int op = 0; op < 14; op++) {
    char name[32];
    snprintf(name, sizeof name, "operation-%d", op);
    // FUTEX_UNLOCK_PI looks at the owner first; FUTEX_FD is gone.
    if (op != 2) FAILS(name, syscall(SYS_futex, (char *)words + 1, op | 128, 0, 0, (char *)words + 5, 0), op == 7 ? EPERM : EINVAL);
  }
}

// clone3(2) takes a longer structure of a later kernel, as long as the rest is 0.
static void later_structures(void) {
  long args[16] = {0};
  args[4] = SIGCHLD;
  long child = syscall(SYS_clone3, args, sizeof args);
  if (child == 0) _exit(0);
  EQ("clone3", child > 0 && waitpid((pid_t)child, 0, 0) == child, 1);
  args[15] = 1;
  FAILS("more-than-it-knows", syscall(SYS_clone3, args, sizeof args), E2BIG);
  args[15] = 0, args[0] = CLONE_PARENT;
  FAILS("exit-signal-with-CLONE_PARENT", syscall(SYS_clone3, args, 64), EINVAL);
}

CHECK_MAIN(CASE(access_mode), CASE(exit_signal), CASE(words), CASE(intervals), CASE(file_pages), CASE(locks), CASE(numbers), CASE(answers), CASE(odd_futexes), CASE(later_structures))
