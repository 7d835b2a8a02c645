/* System calls with arguments of every kind, between two marks (writes to descriptor -7). */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/futex.h>
#include <signal.h>
#include <stddef.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define CALL(name, ...) syscall(SYS_##name, __VA_ARGS__)

int main(void) {
  static char page[8192];
  static int word;
  CALL(write, -7, page, 0);
  int fd = CALL(openat, AT_FDCWD, ".", O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_DIRECTORY, 0);
  CALL(openat, AT_FDCWD, "/nowhere/x", O_WRONLY | O_CREAT | O_TRUNC, 0640);
  CALL(openat, -1, "x", O_RDWR | O_APPEND, 0);
  CALL(fcntl, fd, F_GETFD, 0);
  CALL(fcntl, 99, F_GETFL, 0);
  CALL(fcntl, fd, F_SETFD, FD_CLOEXEC);
  CALL(fcntl, fd, F_DUPFD_CLOEXEC, 20);
  CALL(lseek, 99, -5L, SEEK_END);
  CALL(flock, 99, LOCK_EX | LOCK_NB);
  CALL(close, 99);
  CALL(faccessat, AT_FDCWD, "/nowhere", R_OK | X_OK);
  CALL(mkdirat, AT_FDCWD, "/nowhere/x", 0755);
  CALL(unlinkat, AT_FDCWD, "/nowhere", AT_REMOVEDIR);
  CALL(linkat, AT_FDCWD, "/nowhere", AT_FDCWD, "/nowhere/x", AT_SYMLINK_FOLLOW);
  CALL(dup3, 99, 30, O_CLOEXEC);
  CALL(pipe2, (void *)8, O_CLOEXEC);
  void *at = (void *)CALL(mmap, NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  CALL(mprotect, at, 4096, PROT_NONE);
  CALL(madvise, at, 4096, MADV_DONTNEED);
  CALL(msync, at, 4096, MS_SYNC);
  CALL(munmap, at, 8192);
  CALL(mmap, (void *)65536, 8192, PROT_READ, MAP_SHARED | MAP_FIXED, 99, 4096);
  CALL(futex, &word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
  CALL(futex, &word, FUTEX_WAIT, 7, NULL, NULL, 0);
  CALL(kill, 0, 0);
  CALL(tgkill, -1, -1, SIGUSR1);
  CALL(wait4, -1, NULL, WNOHANG, NULL);
  CALL(getrandom, (void *)8, 16, GRND_NONBLOCK);
  CALL(clock_gettime, CLOCK_MONOTONIC, (void *)8);
  CALL(rt_sigprocmask, SIG_SETMASK, (void *)8, NULL, 8);
  CALL(prlimit64, 0, RLIMIT_NOFILE, NULL, NULL);
  CALL(getrusage, RUSAGE_SELF, (void *)8);
  CALL(setpgid, 0, -1);
  CALL(write, -7, page, 0);
  return 0;
}
