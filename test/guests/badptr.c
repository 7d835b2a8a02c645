// Every pointer that a program hands to the kernel may be wild: EFAULT, and nothing else happens. Wild descriptors: EBADF.
#include "check.h"
#include <poll.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/statfs.h>
#include <sys/sysinfo.h>
#include <sys/time.h>
#include <sys/times.h>
#include <sys/uio.h>
#include <sys/utsname.h>

// Straight to the kernel: libc must not touch the pointer itself.
static long s(long n, ...) {
  va_list ap;
  long a[6];
  va_start(ap, n);
  for (int i = 0; i < 6; i++) a[i] = va_arg(ap, long);
  va_end(ap);
  return syscall(n, a[0], a[1], a[2], a[3], a[4], a[5]);
}
#define S(...) s(__VA_ARGS__, 0l, 0l, 0l, 0l, 0l, 0l)

static char *const wild[] = {(char *)8, (char *)0xfffffffffffff000, (char *)0x3fffffffff8};
static char *read_only, *hole;

static void prepare(void) {
  read_only = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  char *two = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  munmap(two + 4096, 4096);
  hole = two + 4096;  // unmapped, right after a good page
}

static void in_and_out(void) {
  prepare();
  int fd = must(open("f", O_RDWR | O_CREAT, 0644)), p[2];
  write_file("data", "some data");
  pipe(p);
  for (int i = 0; i < 3; i++) {
    char name[32];
#define NAME(x) (snprintf(name, sizeof name, x "-%d", i), name)
    FAILS(NAME("write"), S(SYS_write, fd, wild[i], 10l), EFAULT);
    FAILS(NAME("pipe-write"), S(SYS_write, p[1], wild[i], 10l), EFAULT);
    FAILS(NAME("open"), S(SYS_openat, AT_FDCWD, wild[i], O_RDONLY), EFAULT);
    FAILS(NAME("stat"), S(SYS_newfstatat, AT_FDCWD, "data", wild[i], 0l), EFAULT);
    FAILS(NAME("fstat"), S(SYS_fstat, fd, wild[i]), EFAULT);
    FAILS(NAME("uname"), S(SYS_uname, wild[i]), EFAULT);
    FAILS(NAME("clock_gettime"), S(SYS_clock_gettime, 0l, wild[i]), EFAULT);
    FAILS(NAME("getcwd"), S(SYS_getcwd, wild[i], 100l), EFAULT);
    FAILS(NAME("pipe2"), S(SYS_pipe2, wild[i], 0l), EFAULT);
    FAILS(NAME("execve"), S(SYS_execve, wild[i], 0l, 0l), EFAULT);
    FAILS(NAME("sigaction"), S(SYS_rt_sigaction, (long)SIGUSR1, wild[i], 0l, 8l), EFAULT);
  }
  struct stat st;
  fstat(fd, &st);
  EQ("nothing-written", st.st_size, 0);
  close(fd), close(p[0]), close(p[1]);
}

static void outgoing(void) {
  // The kernel must not write where the program could not.
  int fd = must(open("/dev/zero", O_RDONLY));
  FAILS("read-null", S(SYS_read, fd, 0l, 10l), EFAULT);
  FAILS("read-only-page", S(SYS_read, fd, read_only, 10l), EFAULT);
  EQ("half-way", S(SYS_read, fd, hole - 5, 10l), 5);
  FAILS("own-code", S(SYS_read, fd, (char *)&prepare, 4l), EFAULT);
  close(fd);
  FAILS("getdents", S(SYS_getdents64, (long)must(open("/", O_RDONLY)), read_only, 4096l), EFAULT);
  close(fd);
  FAILS("getrandom", S(SYS_getrandom, read_only, 10l, 0l), EFAULT);
  FAILS("readlink", S(SYS_readlinkat, (long)AT_FDCWD, "/proc/self/exe", read_only, 10l), EFAULT);
  FAILS("getrlimit", S(SYS_prlimit64, 0l, (long)RLIMIT_NOFILE, 0l, read_only), EFAULT);
  FAILS("getrusage", S(SYS_getrusage, 0l, read_only), EFAULT);
  FAILS("sysinfo", S(SYS_sysinfo, read_only), EFAULT);
  FAILS("times", S(SYS_times, read_only), EFAULT);
  FAILS("gettimeofday", S(SYS_gettimeofday, read_only, 0l), EFAULT);
  FAILS("statfs", S(SYS_statfs, "/", read_only), EFAULT);
  FAILS("getitimer", S(SYS_getitimer, 0l, read_only), EFAULT);
  FAILS("sigprocmask-old", S(SYS_rt_sigprocmask, (long)SIG_BLOCK, 0l, read_only, 8l), EFAULT);
  FAILS("sigpending", S(SYS_rt_sigpending, read_only, 8l), EFAULT);
  FAILS("getgroups", S(SYS_getresuid, read_only, read_only, read_only), EFAULT);
  FAILS("sched_getaffinity", S(SYS_sched_getaffinity, 0l, 128l, read_only), EFAULT);
  pid_t pid = fork();
  if (pid == 0) _exit(0);
  siginfo_t info;
  waitid(P_PID, pid, &info, WEXITED | WNOWAIT);
  FAILS("wait4", S(SYS_wait4, (long)pid, read_only, 0l, 0l), EFAULT);
  int status;
  FAILS("wait4-reaped", waitpid(pid, &status, 0), ECHILD);
}

static void incoming(void) {
  int fd = must(open("g", O_RDWR | O_CREAT, 0644));
  EQ("half-way", S(SYS_write, fd, hole - 5, 10l), 5);
  struct iovec v[2] = {{"good", 4}, {hole, 4}};
  lseek(fd, 0, SEEK_SET);
  EQ("writev-second", S(SYS_writev, fd, v, 2l), 4);
  FAILS("writev-array", S(SYS_writev, fd, hole, 2l), EFAULT);
  v[0].iov_base = hole;
  FAILS("writev-first", S(SYS_writev, fd, v, 2l), EFAULT);
  FAILS("poll", S(SYS_ppoll, hole, 1l, 0l, 0l, 8l), EFAULT);
  FAILS("select", S(SYS_pselect6, 64l, hole, 0l, 0l, 0l, 0l), EFAULT);
  FAILS("nanosleep", S(SYS_nanosleep, hole, 0l), EFAULT);
  FAILS("setitimer", S(SYS_setitimer, 0l, hole, 0l), EFAULT);
  FAILS("sigprocmask", S(SYS_rt_sigprocmask, (long)SIG_BLOCK, hole, 0l, 8l), EFAULT);
  FAILS("sigsuspend", S(SYS_rt_sigsuspend, hole, 8l), EFAULT);
  FAILS("sigaltstack", S(SYS_sigaltstack, hole, 0l), EFAULT);
  FAILS("rename", S(SYS_renameat2, (long)AT_FDCWD, "g", (long)AT_FDCWD, hole, 0l), EFAULT);
  FAILS("symlink", S(SYS_symlinkat, hole, (long)AT_FDCWD, "x"), EFAULT);
  FAILS("mkdir", S(SYS_mkdirat, (long)AT_FDCWD, hole, 0755l), EFAULT);
  FAILS("utimensat", S(SYS_utimensat, (long)AT_FDCWD, "g", hole, 0l), EFAULT);
  FAILS("chdir", S(SYS_chdir, hole), EFAULT);
  FAILS("setrlimit", S(SYS_prlimit64, 0l, (long)RLIMIT_NOFILE, hole, 0l), EFAULT);
  FAILS("setgroups", S(SYS_setgroups, 3l, hole), EFAULT);
  int ep = epoll_create1(0), p[2];
  pipe(p);
  FAILS("epoll_ctl", S(SYS_epoll_ctl, ep, (long)EPOLL_CTL_ADD, (long)p[0], hole), EFAULT);
  // An argument vector that ends in a hole, and a string that does.
  char **list = (char **)(hole - 16);
  list[0] = "a", list[1] = "b";
  FAILS("execve-vector", S(SYS_execve, check_self, list, 0l), EFAULT);
  memset(hole - 8, 'x', 8);
  char *args[] = {hole - 8, NULL};
  FAILS("execve-string", S(SYS_execve, check_self, args, 0l), EFAULT);
  FAILS("path-into-hole", S(SYS_openat, (long)AT_FDCWD, hole - 8, 0l), EFAULT);
  strcpy(hole - 5, "data");
  write_file("data", "x");
  GOOD("path-up-to-hole", close(S(SYS_openat, (long)AT_FDCWD, hole - 5, 0l)));
  close(fd), close(ep), close(p[0]), close(p[1]);
}

static void descriptors(void) {
  char b[256];
  for (int i = 0; i < 3; i++) {
    long fd = (long[]){77, -1, INT_MAX}[i];
    char name[32];
    FAILS(NAME("read"), S(SYS_read, fd, b, 1l), EBADF);
    FAILS(NAME("write"), S(SYS_write, fd, b, 1l), EBADF);
    FAILS(NAME("close"), S(SYS_close, fd), EBADF);
    FAILS(NAME("lseek"), S(SYS_lseek, fd, 0l, 0l), EBADF);
    FAILS(NAME("fstat"), S(SYS_fstat, fd, b), EBADF);
    FAILS(NAME("dup"), S(SYS_dup, fd), EBADF);
    FAILS(NAME("dup3"), S(SYS_dup3, fd, 50l, 0l), EBADF);
    FAILS(NAME("fcntl"), S(SYS_fcntl, fd, (long)F_GETFD), EBADF);
    FAILS(NAME("ioctl"), S(SYS_ioctl, fd, 0x5401l, b), EBADF);
    FAILS(NAME("getdents"), S(SYS_getdents64, fd, b, 256l), EBADF);
    FAILS(NAME("ftruncate"), S(SYS_ftruncate, fd, 0l), EBADF);
    FAILS(NAME("fchmod"), S(SYS_fchmod, fd, 0l), EBADF);
    FAILS(NAME("fchdir"), S(SYS_fchdir, fd), EBADF);
    FAILS(NAME("fsync"), S(SYS_fsync, fd), EBADF);
    FAILS(NAME("pread"), S(SYS_pread64, fd, b, 1l, 0l), EBADF);
    FAILS(NAME("readv"), S(SYS_readv, fd, b, 0l), EBADF);
    FAILS(NAME("flock"), S(SYS_flock, fd, 2l), EBADF);
    FAILS(NAME("openat"), S(SYS_openat, fd == -1 ? 78 : fd, "x", 0l), EBADF);
  }
}

static int first(int argc, char **argv) {
  (void)argc, (void)argv;
  return 0;
}

CHECK_MAIN_AFTER(first, CASE(in_and_out), CASE(outgoing), CASE(incoming), CASE(descriptors))
