/* System calls whose arguments point at memory of every kind, between two marks (writes to descriptor -7). */
#define _GNU_SOURCE
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <sys/time.h>
#include <sys/times.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <linux/openat2.h>
#include <linux/stat.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>
#include <sys/prctl.h>
#include <sched.h>
#define CALL(name, ...) syscall(SYS_##name, __VA_ARGS__)
static void handler(int s) {}
/* A string on a page that nothing else touches. */
static const char far[1 << 20] = {[600000] = '/', 'f', 'a', 'r'};

int main(int argc, char **argv) {
  static char page[8192]; static char big[100];
  CALL(write, -7, page, 0);
  if (argc > 1) return 3;
  int home = CALL(openat, AT_FDCWD, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  memset(big, 'a', 99);
  CALL(write, -7, "x\n\t\"\\\001\0011\377", 10);
  CALL(write, -7, big, 99);CALL(write, -7, big, 32);CALL(write, -7, big, 33);
  int fd = CALL(openat, AT_FDCWD, "f.tmp", O_RDWR|O_CREAT|O_TRUNC, 0644);
  CALL(write, fd, "hello world\n", 12);
  CALL(pread64, fd, page, 100, 6L);
  CALL(pread64, fd, page, 100, 60L);
  CALL(read, 99, page, 100);
  struct iovec v[40] = {{"ab", 2}, {big, 50}, {0, 0}};
  CALL(writev, fd, v, 3); CALL(writev, fd, v, 0); CALL(writev, fd, v, -1L); CALL(writev, 99, v, 40L); CALL(writev, fd, 8, 3);
  CALL(lseek, fd, 0L, SEEK_SET);
  struct iovec r[3] = {{page, 5}, {page + 100, 500}, {page, 7}};
  CALL(readv, fd, r, 3); CALL(readv, fd, r, 2);
  CALL(readv, 99, r, 2);
  struct stat st; CALL(fstat, fd, &st);
  CALL(newfstatat, AT_FDCWD, "f.tmp", &st, AT_SYMLINK_NOFOLLOW);
  CALL(newfstatat, AT_FDCWD, "nope", &st, 0);
  CALL(newfstatat, AT_FDCWD, "/dev/null", &st, 0);
  struct statx sx; CALL(statx, AT_FDCWD, "f.tmp", AT_STATX_SYNC_AS_STAT, STATX_BASIC_STATS, &sx);
  CALL(statx, fd, "", AT_EMPTY_PATH, STATX_BASIC_STATS|STATX_BTIME, &sx);
  struct statfs sf; CALL(statfs, "/proc", &sf);
  int p[2]; CALL(pipe2, p, O_CLOEXEC);
  CALL(readlinkat, AT_FDCWD, "/proc/self/fd/99", page, 100);
  CALL(symlinkat, "target", AT_FDCWD, "l.tmp"); CALL(readlinkat, AT_FDCWD, "l.tmp", page, 100);
  CALL(unlinkat, AT_FDCWD, "l.tmp", 0); CALL(unlinkat, AT_FDCWD, "f.tmp", 0);
  CALL(chdir, "/"); CALL(getcwd, page, 4096); CALL(getcwd, page, 1); CALL(fchdir, home);
  CALL(mkdirat, AT_FDCWD, "d.tmp", 0700); CALL(renameat2, AT_FDCWD, "d.tmp", AT_FDCWD, "e.tmp", 0);
  int d = CALL(openat, AT_FDCWD, "e.tmp", O_RDONLY|O_DIRECTORY);
  CALL(getdents64, d, page, 8192); CALL(getdents64, d, page, 8192);
  CALL(unlinkat, AT_FDCWD, "e.tmp", AT_REMOVEDIR);
  struct open_how how = {.flags = O_RDONLY|O_CLOEXEC, .resolve = RESOLVE_NO_SYMLINKS};
  CALL(openat2, AT_FDCWD, "nope", &how, sizeof how);
  struct sigaction sa = {.sa_handler = handler}; sigemptyset(&sa.sa_mask); sigaddset(&sa.sa_mask, SIGINT); sigaddset(&sa.sa_mask, SIGCHLD);
  struct { void *h; unsigned long f; 
#ifdef __x86_64__
void *r;
#endif
unsigned long m; } ka = {handler, SA_RESTART, 
#ifdef __x86_64__
0,
#endif
 1ul<<1|1ul<<16}, old;
  CALL(rt_sigaction, SIGWINCH, &ka, NULL, 8); CALL(rt_sigaction, SIGWINCH, NULL, &old, 8); CALL(rt_sigaction, SIGWINCH, 8, &old, 8);
  ka.h = SIG_DFL; ka.f = 0; ka.m = 0; CALL(rt_sigaction, SIGWINCH, &ka, &old, 8); ka.h = SIG_IGN; ka.f=SA_SIGINFO|SA_NODEFER|SA_RESETHAND|SA_ONSTACK|SA_NOCLDSTOP|SA_NOCLDWAIT; CALL(rt_sigaction, SIGWINCH, &ka, &old, 8);
  ka.h = handler; ka.f = SA_SIGINFO; CALL(rt_sigaction, SIGWINCH, &ka, NULL, 8);
  unsigned long m = ~0ul; unsigned long om;
  CALL(rt_sigprocmask, SIG_BLOCK, &m, &om, 8); CALL(rt_sigprocmask, SIG_SETMASK, &om, &m, 8); CALL(rt_sigprocmask, SIG_SETMASK, NULL, &m, 8);
  m = 1ul<<9|1ul<<33|1ul<<35; CALL(rt_sigprocmask, SIG_BLOCK, &m, NULL, 8); m = ~m;  CALL(rt_sigprocmask, SIG_UNBLOCK, &m, NULL, 8); CALL(rt_sigpending, &m, 8); m=~0ul;CALL(rt_sigprocmask, SIG_UNBLOCK, &m, NULL, 8);
  struct pollfd pf[3] = {{p[0], POLLIN}, {p[1], POLLOUT|POLLERR}, {-1, 0}}; struct timespec ts = {0, 1000};
  CALL(ppoll, pf, 3, &ts, NULL, 8); CALL(ppoll, pf, 1, &ts, NULL, 8); CALL(ppoll, pf, 1, &ts, &om, 8); CALL(ppoll, pf, 0, &ts, NULL, 8);
  CALL(nanosleep, &ts, NULL); CALL(nanosleep, &ts, &ts); CALL(clock_nanosleep, CLOCK_MONOTONIC, 0, &ts, NULL); ts.tv_nsec = -1; CALL(nanosleep, &ts, 8); CALL(clock_nanosleep, CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL);
  ts.tv_nsec=1000;
  fd_set a, b; FD_ZERO(&a); FD_ZERO(&b); FD_SET(p[0], &a); FD_SET(p[1], &b);
  struct { void *p; long n; } six = {&om, 8};
  CALL(pselect6, 10, &a, &b, NULL, &ts, &six); FD_ZERO(&a); FD_SET(p[0], &a); CALL(pselect6, 10, &a, NULL, NULL, &ts, NULL); CALL(pselect6, 0, NULL, NULL, NULL, &ts, NULL);
  int ep = CALL(epoll_create1, EPOLL_CLOEXEC); struct epoll_event ev = {EPOLLOUT|EPOLLET, {.u64 = 0x1122334455ul}};
  CALL(epoll_ctl, ep, EPOLL_CTL_ADD, p[1], &ev); CALL(epoll_ctl, ep, EPOLL_CTL_DEL, 99, NULL); struct epoll_event evs[4]; CALL(epoll_pwait, ep, evs, 4, 0, NULL, 8); CALL(epoll_pwait, ep, evs, 4, 0, NULL, 8);
  struct rlimit rl = {100, RLIM_INFINITY}; CALL(prlimit64, 0, RLIMIT_NOFILE, &rl, NULL); struct rlimit files = {100, 200}; CALL(prlimit64, 0, RLIMIT_NOFILE, &files, NULL); CALL(prlimit64, 0, RLIMIT_NOFILE, NULL, &files); rl.rlim_cur = 8192*1024; CALL(prlimit64, 99999, RLIMIT_NOFILE, &rl, &rl);
  struct rusage ru; CALL(getrusage, RUSAGE_SELF, &ru); CALL(getrusage, 77, &ru);
  struct utsname un; CALL(uname, &un); CALL(uname, 8); struct sysinfo si; CALL(sysinfo, &si);
  struct tms tm; CALL(times, &tm); 
  struct itimerval it = {{0, 0}, {0, 0}}; CALL(setitimer, ITIMER_REAL, &it, &it); CALL(getitimer, ITIMER_REAL, &it);
  int tf = CALL(timerfd_create, CLOCK_MONOTONIC, TFD_CLOEXEC|TFD_NONBLOCK); struct itimerspec is = {{1, 2}, {3, 4}}; CALL(timerfd_settime, tf, 0, &is, NULL); CALL(timerfd_settime, tf, TFD_TIMER_ABSTIME, &is, &is); CALL(timerfd_gettime, tf, &is);
  stack_t ss = {.ss_sp = page, .ss_size = 8192}; CALL(sigaltstack, &ss, NULL); CALL(sigaltstack, NULL, &ss); ss.ss_flags = SS_DISABLE; CALL(sigaltstack, &ss, &ss);
  CALL(prctl, PR_SET_NAME, "a-name"); CALL(prctl, PR_GET_NAME, page);
  CALL(ioctl, p[0], FIONREAD, &fd); CALL(ioctl, p[0], TCGETS, page); CALL(ioctl, p[0], TIOCGWINSZ, page); int one = 1; CALL(ioctl, p[0], FIONBIO, &one);
  struct flock fl = {F_WRLCK, SEEK_SET, 0, 10}; CALL(fcntl, d, F_SETLK, &fl); CALL(fcntl, 99, F_GETLK, &fl); 
  struct timespec ut[2] = {{0, UTIME_NOW}, {5, UTIME_OMIT}}; CALL(utimensat, AT_FDCWD, "nope", ut, 0);
  CALL(gettimeofday, page, NULL); CALL(clock_gettime, CLOCK_REALTIME, page); CALL(clock_getres, CLOCK_REALTIME, page); 
  CALL(memfd_create, "name", 1);
  CALL(getrandom, page, 2, 0);
  CALL(statfs, (char*)8, &sf); CALL(chdir, "/nope"); CALL(truncate, "/nope", 5); CALL(execve, "/nope", argv, (char*[]){"a=b","c=d",NULL}); char *av[] = {"one", big, "three", NULL}; CALL(execve, "/nope", av, NULL); CALL(execve, "/nope", NULL, 8);CALL(execve, "/nope", 8, NULL);
  CALL(chdir, far + 600000);
  off_t off = 1; CALL(sendfile, 99, 98, &off, 5);
  CALL(linkat, AT_FDCWD, "nope", AT_FDCWD, "nope2", 0); CALL(symlinkat, "nope", AT_FDCWD, "/nope2/x"); 
  CALL(wait4, -1, page, WNOHANG, &ru);
  // A child may end before its parent waits for it: the signal of that would stand anywhere.
  sigset_t child; sigemptyset(&child); sigaddset(&child, SIGCHLD); sigprocmask(SIG_BLOCK, &child, NULL);
  pid_t pid = fork(); if (!pid) { _exit(7); }
  CALL(wait4, pid, page, 0, &ru);
  pid = fork(); if (!pid) { raise(SIGTERM); }
  CALL(waitid, P_PID, pid, page, WEXITED, NULL);
  CALL(rt_sigtimedwait, &om, page, &ts, 8);
  sigaction(SIGUSR1, &sa, NULL); CALL(kill, getpid(), SIGUSR1);
  pid = fork(); if (!pid) { char *x[] = {"name", "child", NULL}; char *e[] = {NULL}; execve("/proc/self/exe", x, e); _exit(1); }
  CALL(wait4, -1, page, 0, NULL);
  raise(SIGURG);
  CALL(write, -7, page, 0);
  *(volatile int *)8 = 1;
  return 0;
}
