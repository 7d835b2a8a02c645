/* System calls with arguments of every kind, between two marks (writes to descriptor -7). */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/futex.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define CALL(name, ...) syscall(SYS_##name, __VA_ARGS__)

/* Arguments that programs rarely have. */
static void described(char *page) {
  struct iovec v = {page, 8};
  int fd = CALL(openat, AT_FDCWD, "f", O_RDWR | O_CREAT, 0600);
  CALL(write, fd, "abcdefgh", 8);
  CALL(preadv2, fd, &v, 1, 0, 0, RWF_HIPRI);
  CALL(pwritev2, fd, &v, 1, 0, 0, RWF_DSYNC | RWF_APPEND);
  CALL(preadv2, fd, &v, 1, -1L, 0, 0);
  CALL(preadv, fd, &v, 1, 2, 0);
  CALL(pwritev, fd, &v, 1, 2, 0);
  CALL(mlock2, 1, 8, MLOCK_ONFAULT);
  CALL(mlockall, 0);
  CALL(mlockall, MCL_CURRENT | MCL_ONFAULT | 64);
  struct sched_param p = {0};
  CALL(sched_setscheduler, 0, SCHED_OTHER, &p);
  CALL(sched_setscheduler, -1, SCHED_RR, &p);
  CALL(sched_get_priority_max, SCHED_FIFO);
  CALL(sched_get_priority_min, 99);
  CALL(sched_getparam, 0, &p);
  CALL(mknodat, AT_FDCWD, "p", S_IFIFO | 0640, 0);
  CALL(mknodat, AT_FDCWD, "r", 0644, 7);
  CALL(mknodat, AT_FDCWD, "/nowhere/c", S_IFBLK | 0644, 0x12345103);
  int timer;
  struct sigevent e = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1, .sigev_value.sival_int = 7};
  CALL(timer_create, CLOCK_MONOTONIC, &e, &timer);
  CALL(timer_create, CLOCK_MONOTONIC, NULL, &timer);
  e.sigev_notify = SIGEV_NONE;
  CALL(timer_create, CLOCK_MONOTONIC, &e, &timer);
  e.sigev_notify = 77;
  CALL(timer_create, CLOCK_REALTIME, &e, &timer);
  struct itimerspec at = {{0}, {0}};
  CALL(timer_settime, 0, TIMER_ABSTIME, &at, NULL);
  CALL(timer_gettime, 0, &at);
  CALL(timer_delete, 1);
  CALL(mount, "a", "/nowhere", "tmpfs", MS_RDONLY, "size=1m");
  CALL(mount, "a", "/nowhere", "tmpfs", MS_REMOUNT, "size=1m");
  CALL(mount, "a", "/nowhere", "tmpfs", MS_BIND, "size=1m");
  CALL(unshare, CLONE_FS);
  CALL(setns, -1, CLONE_NEWNET);
  CALL(get_robust_list, 0, 8, 8);
  CALL(set_robust_list, NULL, 7);
  CALL(sched_setattr, 0, NULL, 0);
  CALL(getresuid, 8, 8, 8);
  CALL(setreuid, -1, -1);
  CALL(flistxattr, fd, page, 64);
  CALL(fallocate, fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 10);
  CALL(copy_file_range, fd, NULL, fd, NULL, 0, 0);
  CALL(close_range, 77, 99, CLOSE_RANGE_CLOEXEC);
  CALL(umount2, "/nowhere", MNT_DETACH);
  CALL(fchmodat, AT_FDCWD, "f", 0644);
  CALL(epoll_pwait2, -1, page, 1, NULL, NULL, 8);
  CALL(rt_sigqueueinfo, 0, 0, NULL);
  struct iovec there[2] = {{(void *)4096, 8}, {(void *)8192, 1}};
  CALL(process_vm_writev, -5, &v, 1, there, 2, 0);
  CALL(process_vm_readv, -5, &v, 1, there, 2, 0);
}

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
  described(page);
  CALL(write, -7, page, 0);
  return 0;
}
