// pidfds: opening, polling, signals, waiting, descriptors of others, clone's (pidfd_open(2), waitid(2)).
#include "check.h"
#include <linux/sched.h>
#include <poll.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/mman.h>

#ifndef P_PIDFD
#define P_PIDFD 3
#endif

static int pidfd_open(pid_t pid, unsigned flags) { return (int)syscall(SYS_pidfd_open, pid, flags); }
static int send_signal(int fd, int signo, void *info, unsigned flags) {
  return (int)syscall(SYS_pidfd_send_signal, fd, signo, info, flags);
}
static int getfd(int fd, int target, unsigned flags) { return (int)syscall(SYS_pidfd_getfd, fd, target, flags); }

static pid_t pausing(void) {
  pid_t pid = must(fork());
  if (!pid)
    for (;;) pause();
  return pid;
}

static int events_of(int fd) {
  struct pollfd p = {fd, POLLIN | POLLOUT, 0};
  poll(&p, 1, 0);
  return p.revents;
}

static void *waits(void *unused) {
  pause();
  return unused;
}

static void opening(void) {
  pid_t pid = pausing();
  int fd = GOOD("child", pidfd_open(pid, 0));
  EQ("cloexec", fcntl(fd, F_GETFD), FD_CLOEXEC);
  EQ("flags", fcntl(fd, F_GETFL), O_RDWR);
  int nonblock = GOOD("nonblock", pidfd_open(pid, O_NONBLOCK));
  EQ("nonblock-flags", fcntl(nonblock, F_GETFL), O_RDWR | O_NONBLOCK);
  close(nonblock);
  FAILS("unknown-flag", pidfd_open(pid, 1), EINVAL);
  FAILS("none", pidfd_open(0x3ffffff, 0), ESRCH);
  FAILS("zero", pidfd_open(0, 0), EINVAL);
  FAILS("negative", pidfd_open(-1, 0), EINVAL);
  char c;
  FAILS("read", read(fd, &c, 1), EINVAL);
  FAILS("write", write(fd, &c, 1), EINVAL);
  FAILS("seek", lseek(fd, 0, SEEK_SET), ESPIPE);
  FAILS("mmap", mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0) == MAP_FAILED ? -1 : 0, ENODEV);
  kill(pid, SIGKILL);
  status_of(pid);
  close(fd);
}

static void thread_ids(void) {
  pthread_t thread;
  pid_t own = getpid();
  must(-pthread_create(&thread, NULL, waits, NULL));
  int other = 0;
  for (int tid = own + 1; tid < own + 100 && !other; tid++)
    if (syscall(SYS_tgkill, own, tid, 0) == 0) other = tid;
  TRUE("found", other != 0);
  // EINVAL until Linux 6.13.
  TRUE("no-leader", pidfd_open(other, 0) == -1 && (errno == EINVAL || errno == ENOENT));
  int fd = GOOD("self", pidfd_open(own, 0));
  EQ("self-lives", events_of(fd), 0);
  close(fd);
}

static void polling(void) {
  pid_t pid = pausing();
  int fd = must(pidfd_open(pid, 0)), ep = must(epoll_create1(0));
  struct epoll_event ev = {.events = EPOLLIN, .data.u32 = 7}, got;
  GOOD("epoll", epoll_ctl(ep, EPOLL_CTL_ADD, fd, &ev));
  EQ("lives", events_of(fd), 0);
  EQ("epoll-lives", epoll_wait(ep, &got, 1, 0), 0);
  kill(pid, SIGKILL);
  struct pollfd p = {fd, POLLIN, 0};
  EQ("ended", poll(&p, 1, -1), 1);
  EQ("readable", p.revents, POLLIN);
  EQ("epoll-ended", epoll_wait(ep, &got, 1, -1), 1);
  EQ("epoll-events", got.events, EPOLLIN);
  GOOD("of-a-zombie", send_signal(fd, 0, NULL, 0));
  EQ("status", status_of(pid), SIGKILL);
  EQ("reaped", events_of(fd), POLLIN | POLLHUP);
  EQ("epoll-reaped", epoll_wait(ep, &got, 1, 0), 1);
  EQ("epoll-hung-up", got.events, EPOLLIN | EPOLLHUP);
  close(fd), close(ep);
}

// Several descriptions of one process, closed in any order, some before its end.
static void several(void) {
  pid_t pid = pausing();
  int fd[5];
  for (int i = 0; i < 5; i++) fd[i] = must(pidfd_open(pid, 0));
  close(fd[2]), close(fd[0]), close(fd[4]);
  pid_t waiter = must(fork());
  if (!waiter) {
    struct pollfd p[2] = {{fd[1], POLLIN, 0}, {fd[3], POLLIN, 0}};
    _exit(poll(p, 2, -1) == 2 && p[0].revents & POLLIN && p[1].revents & POLLIN ? 0 : 1);
  }
  until_asleep(waiter, waiter);
  kill(pid, SIGTERM);
  EQ("waiter", status_of(waiter), EXITED(0));
  EQ("status", status_of(pid), SIGTERM);
  TRUE("both-hung-up", events_of(fd[1]) == (POLLIN | POLLHUP) && events_of(fd[3]) == (POLLIN | POLLHUP));
  close(fd[1]), close(fd[3]);
}

static volatile int heard, said;
static void hears(int signo, siginfo_t *info, void *context) {
  (void)context;
  heard = signo;
  said = info->si_value.sival_int;
}

static void signals(void) {
  pid_t pid = pausing();
  int fd = must(pidfd_open(pid, 0));
  GOOD("nothing", send_signal(fd, 0, NULL, 0));
  FAILS("flags", send_signal(fd, 0, NULL, 0x100), EINVAL);
  FAILS("unknown", send_signal(fd, 65, NULL, 0), EINVAL);
  FAILS("no-pidfd", send_signal(1, 0, NULL, 0), EBADF);
  FAILS("no-descriptor", send_signal(99, 0, NULL, 0), EBADF);
  siginfo_t info;
  memset(&info, 0, sizeof info);
  info.si_signo = SIGTERM;
  info.si_code = SI_QUEUE;
  FAILS("another-signal", send_signal(fd, SIGHUP, &info, 0), EINVAL);
  info.si_code = SI_USER;
  FAILS("as-the-kernel", send_signal(fd, SIGTERM, &info, 0), EPERM);
  FAILS("bad-pointer", send_signal(fd, SIGTERM, (void *)8, 0), EFAULT);
  GOOD("terminate", send_signal(fd, SIGTERM, NULL, 0));
  EQ("terminated", status_of(pid), SIGTERM);
  FAILS("gone", send_signal(fd, 0, NULL, 0), ESRCH);
  close(fd);
  // With a value, to oneself.
  struct sigaction a = {.sa_sigaction = hears, .sa_flags = SA_SIGINFO};
  sigaction(SIGUSR1, &a, NULL);
  fd = must(pidfd_open(getpid(), 0));
  memset(&info, 0, sizeof info);
  info.si_signo = SIGUSR1;
  info.si_code = SI_QUEUE;
  info.si_value.sival_int = 42;
  GOOD("queue", send_signal(fd, SIGUSR1, &info, 0));
  TRUE("heard", heard == SIGUSR1 && said == 42);
  close(fd);
}

// The directory of a process in /proc will do, too.
static void by_directory(void) {
  char path[32];
  pid_t pid = pausing();
  snprintf(path, sizeof path, "/proc/%d", pid);
  int dir = must(open(path, O_RDONLY | O_DIRECTORY)), other = must(open("/proc", O_RDONLY | O_DIRECTORY));
  GOOD("signal", send_signal(dir, SIGTERM, NULL, 0));
  FAILS("another-directory", send_signal(other, 0, NULL, 0), EBADF);
  FAILS("getfd", getfd(dir, 0, 0), EBADF);
  EQ("status", status_of(pid), SIGTERM);
  FAILS("gone", send_signal(dir, 0, NULL, 0), ESRCH);
  close(dir), close(other);
}

static void waiting(void) {
  siginfo_t info;
  pid_t pid = pausing();
  int fd = must(pidfd_open(pid, 0)), nonblock = must(pidfd_open(pid, O_NONBLOCK));
  EQ("not-yet", waitid(P_PIDFD, fd, &info, WEXITED | WNOHANG), 0);
  FAILS("would-block", waitid(P_PIDFD, nonblock, &info, WEXITED), EAGAIN);
  EQ("not-yet-nonblock", waitid(P_PIDFD, nonblock, &info, WEXITED | WNOHANG), 0);
  kill(pid, SIGTERM);
  memset(&info, 0, sizeof info);
  EQ("waited", waitid(P_PIDFD, fd, &info, WEXITED), 0);
  TRUE("info", info.si_pid == pid && info.si_code == CLD_KILLED && info.si_status == SIGTERM && info.si_signo == SIGCHLD);
  FAILS("again", waitid(P_PIDFD, fd, &info, WEXITED), ECHILD);
  FAILS("no-pidfd", waitid(P_PIDFD, 1, &info, WEXITED), EBADF);
  FAILS("no-descriptor", waitid(P_PIDFD, 99, &info, WEXITED), EBADF);
  FAILS("negative", waitid(P_PIDFD, -1, &info, WEXITED), EINVAL);
  close(fd), close(nonblock);
  fd = must(pidfd_open(getpid(), 0));
  FAILS("no-child", waitid(P_PIDFD, fd, &info, WEXITED), ECHILD);
  close(fd);
}

static void descriptors(void) {
  int p[2], there[2];
  must(pipe(p)), must(pipe(there));
  pid_t pid = must(fork());
  if (!pid) {
    int own = dup2(must(open("from-the-child", O_CREAT | O_RDWR, 0644)), 50);
    write(own, "hello", 5);
    write(there[1], "x", 1);
    for (;;) pause();
  }
  char text[8] = "";
  read(there[0], text, 1);
  int fd = must(pidfd_open(pid, 0)), got = GOOD("get", getfd(fd, 50, 0));
  EQ("cloexec", fcntl(got, F_GETFD), FD_CLOEXEC);
  EQ("same-file", pread(got, text, 5, 0), 5);
  TRUE("text", !memcmp(text, "hello", 5));
  EQ("shared-position", lseek(got, 0, SEEK_CUR), 5);
  FAILS("no-such", getfd(fd, 51, 0), EBADF);
  FAILS("flags", getfd(fd, 50, 1), EINVAL);
  FAILS("no-pidfd", getfd(p[0], 50, 0), EBADF);
  pid_t other = must(fork());
  if (!other) {
    if (setresuid(1000, 1000, 1000)) _exit(2);
    _exit(getfd(fd, 50, 0) == -1 && errno == EPERM && send_signal(fd, SIGTERM, NULL, 0) == -1 && errno == EPERM ? 0 : 1);
  }
  EQ("another-user", status_of(other), EXITED(0));
  kill(pid, SIGKILL);
  struct pollfd end = {fd, POLLIN, 0};
  poll(&end, 1, -1);
  FAILS("ended", getfd(fd, 50, 0), ESRCH);
  status_of(pid);
  FAILS("gone", getfd(fd, 50, 0), ESRCH);
  close(fd), close(got), close(p[0]), close(p[1]), close(there[0]), close(there[1]);
}

static void cloning(void) {
  int fd = -1;
  pid_t pid = (pid_t)syscall(SYS_clone, CLONE_PIDFD | SIGCHLD, 0, &fd, 0, 0);
  if (!pid) _exit(fcntl(fd, F_GETFD) == -1 && errno == EBADF ? 9 : 1);
  TRUE("clone", pid > 0 && fd > 2);
  EQ("cloexec", fcntl(fd, F_GETFD), FD_CLOEXEC);
  siginfo_t info;
  EQ("waited", waitid(P_PIDFD, fd, &info, WEXITED), 0);
  EQ("child-has-none", info.si_status, 9);
  close(fd);
  struct clone_args a = {.flags = CLONE_PIDFD, .pidfd = (uintptr_t)&fd, .exit_signal = SIGCHLD};
  fd = -1;
  pid = (pid_t)syscall(SYS_clone3, &a, sizeof a);
  if (!pid) _exit(3);
  TRUE("clone3", pid > 0 && fd > 2);
  EQ("clone3-waited", waitid(P_PIDFD, fd, &info, WEXITED), 0);
  EQ("clone3-status", info.si_status, 3);
  close(fd);
  pid_t both = 0;
  FAILS("with-parent-settid", syscall(SYS_clone, CLONE_PIDFD | CLONE_PARENT_SETTID | SIGCHLD, 0, &both, 0, 0), EINVAL);
  int lowest = dup(1);
  close(lowest);
  FAILS("bad-pointer", syscall(SYS_clone, CLONE_PIDFD | SIGCHLD, 0, 8, 0, 0), EFAULT);
  static const int constant = -1;
  FAILS("read-only", syscall(SYS_clone, CLONE_PIDFD | SIGCHLD, 0, &constant, 0, 0), EFAULT);
  EQ("no-descriptor-left", dup(1), lowest);
  close(lowest);
  a = (struct clone_args){.flags = CLONE_PIDFD | CLONE_PARENT_SETTID, .pidfd = (uintptr_t)&fd, .parent_tid = (uintptr_t)&fd, .exit_signal = SIGCHLD};
  FAILS("clone3-same-place", syscall(SYS_clone3, &a, sizeof a), EINVAL);
}

static const char *line_of(const char *text, const char *name) {
  const char *at = strstr(text, name);
  return at ? at + strlen(name) : "";
}

static void shown(void) {
  char path[64], text[64];
  pid_t pid = pausing();
  int fd = must(pidfd_open(pid, 0));
  snprintf(path, sizeof path, "/proc/self/fdinfo/%d", fd);
  EQ("pid", atoi(line_of(read_file(path), "\nPid:\t")), pid);
  EQ("nspid", atoi(line_of(read_file(path), "\nNSpid:\t")), pid);
  kill(pid, SIGKILL);
  status_of(pid);
  EQ("gone", atoi(line_of(read_file(path), "\nPid:\t")), -1);
  snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
  ssize_t n = readlink(path, text, sizeof text);
  TRUE("name", n == 18 && !memcmp(text, "anon_inode:[pidfd]", 18));
  close(fd);
}

CHECK_MAIN(CASE(opening), CASE(thread_ids), CASE(polling), CASE(several), CASE(signals), CASE(by_directory), CASE(waiting), CASE(descriptors),
           CASE(cloning), CASE(shown))
