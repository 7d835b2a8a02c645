// Descriptors: dup and its relatives, fcntl, close-on-exec, limits, locks.
#include "check.h"
#include <poll.h>
#include <pthread.h>
#include <sys/file.h>
#include <sys/resource.h>

static void duplication(void) {
  int fd = must(open("f", O_RDWR | O_CREAT | O_CLOEXEC, 0644));
  int d = GOOD("dup", dup(fd));
  EQ("dup-lowest", d, fd + 1);
  EQ("dup-drops-cloexec", fcntl(d, F_GETFD), 0);
  EQ("dup2", dup2(fd, 20), 20);
  EQ("dup2-self", dup2(fd, fd), fd);
  EQ("dup2-self-keeps-flag", fcntl(fd, F_GETFD), FD_CLOEXEC);
  EQ("dup3-cloexec", dup3(fd, 21, O_CLOEXEC), 21);
  EQ("dup3-flag", fcntl(21, F_GETFD), FD_CLOEXEC);
  FAILS("dup3-self", dup3(fd, fd, 0), EINVAL);
  FAILS("dup3-flags", dup3(fd, 22, O_APPEND), EINVAL);
  FAILS("dup-bad", dup(99), EBADF);
  FAILS("dup2-bad", dup2(99, 5), EBADF);
  FAILS("dup2-negative", dup2(fd, -1), EBADF);
  EQ("dupfd", fcntl(fd, F_DUPFD, 30), 30);
  EQ("dupfd-next", fcntl(fd, F_DUPFD, 30), 31);
  EQ("dupfd-cloexec", fcntl(fd, F_DUPFD_CLOEXEC, 40), 40);
  EQ("dupfd-cloexec-flag", fcntl(40, F_GETFD), FD_CLOEXEC);
  FAILS("dupfd-negative", fcntl(fd, F_DUPFD, -1), EINVAL);
  int p[2];
  pipe(p);
  dup2(p[1], 50);
  close(p[1]);
  write(50, "x", 1);
  char c;
  EQ("dup2-writes", read(p[0], &c, 1), 1);
  dup2(fd, 50);  // closes the last write end
  EQ("dup2-closes", read(p[0], &c, 1), 0);
  close(p[0]);
  for (int i = fd; i <= 50; i++) close(i);
}

static void flags(void) {
  int fd = must(open("g", O_RDWR | O_CREAT, 0644));
  int d = dup(fd);
  GOOD("setfd", fcntl(fd, F_SETFD, FD_CLOEXEC));
  EQ("getfd", fcntl(fd, F_GETFD), FD_CLOEXEC);
  EQ("other-fd", fcntl(d, F_GETFD), 0);
  GOOD("setfl", fcntl(fd, F_SETFL, O_NONBLOCK | O_APPEND | O_WRONLY));
  EQ("shared", fcntl(d, F_GETFL) & (O_ACCMODE | O_APPEND | O_NONBLOCK), O_RDWR | O_APPEND | O_NONBLOCK);
  FAILS("command", fcntl(fd, 9999), EINVAL);
  FAILS("bad-fd", fcntl(99, F_GETFL), EBADF);
  close(fd), close(d);
}

static void limits(void) {
  struct rlimit old, r;
  getrlimit(RLIMIT_NOFILE, &old);
  r = (struct rlimit){16, old.rlim_max};
  GOOD("setrlimit", setrlimit(RLIMIT_NOFILE, &r));
  int last = -1, fd;
  while ((fd = dup(1)) >= 0) last = fd;
  EQ("errno", errno, EMFILE);
  EQ("last", last, 15);
  FAILS("open", open("/", O_RDONLY), EMFILE);
  int p[2];
  close(15);
  FAILS("pipe-needs-two", pipe(p), EMFILE);
  EQ("one-left", dup(1), 15);
  FAILS("dup2-beyond", dup2(1, 16), EBADF);
  FAILS("dupfd-beyond", fcntl(1, F_DUPFD, 16), EINVAL);
  for (int i = 3; i < 16; i++) close(i);
  setrlimit(RLIMIT_NOFILE, &old);
}

static void many(void) {
  enum { N = 300 };
  int got = 0;
  for (int i = 0; i < N; i++) got += dup(1) == 3 + i;
  EQ("sequence", got, N);
  close(100);
  EQ("fills-the-gap", dup(1), 100);
  GOOD("close_range", syscall(SYS_close_range, 3, 3 + N - 1, 0));
  EQ("all-closed", dup(1), 3);
  dup2(1, 10);
  GOOD("close_range-cloexec", syscall(SYS_close_range, 3, ~0u, 4));
  EQ("cloexec", fcntl(10, F_GETFD), FD_CLOEXEC);
  FAILS("close_range-order", syscall(SYS_close_range, 5, 4, 0), EINVAL);
  close(3), close(10);
}

// The end of a program with many descriptors: however it ends, its status is what it was, and when it is told all are closed.
static void *pauses(void *unused) {
  pause();
  return unused;
}
static void ends(void) {
  struct rlimit before, most;
  must(getrlimit(RLIMIT_NOFILE, &before));
  most = (struct rlimit){before.rlim_max, before.rlim_max};
  must(setrlimit(RLIMIT_NOFILE, &most));
  static const struct {
    const char *name;
    int status;
  } ways[] = {{"exit_group", EXITED(7)}, {"last-thread", EXITED(8)}, {"signal", SIGTERM}, {"killed", SIGKILL}};
  for (int k = 0; k < 4; k++) {
    int p[2];
    must(pipe(p));
    pid_t pid = must(fork());
    if (!pid) {
      for (int i = 0; i < 5000; i++) must(dup(p[1]));
      pthread_t t;
      if (k != 1) must(-pthread_create(&t, NULL, pauses, NULL));
      write(p[1], "x", 1);
      if (k == 0) _exit(7);
      if (k == 1) syscall(SYS_exit, 8);
      if (k == 2) raise(SIGTERM);
      for (;;) pause();
    }
    close(p[1]);
    char c;
    EQ("begun", read(p[0], &c, 1), 1);
    if (k == 3) kill(pid, SIGKILL);
    int status = 0;
    EQ("waited", waitpid(pid, &status, 0), pid);
    EQ(ways[k].name, status, ways[k].status);
    struct pollfd end = {p[0], POLLIN, 0};
    TRUE("closed", poll(&end, 1, 0) == 1 && end.revents == POLLHUP);
    close(p[0]);
  }
  must(setrlimit(RLIMIT_NOFILE, &before));
}

static void record_locks(void) {
  int fd = must(open("lock", O_RDWR | O_CREAT, 0644));
  struct flock l = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 10, .l_len = 10};
  GOOD("set", fcntl(fd, F_SETLK, &l));
  pid_t pid = fork();
  if (pid == 0) {
    int me = open("lock", O_RDWR);
    struct flock t = {.l_type = F_RDLCK, .l_whence = SEEK_SET, .l_start = 15, .l_len = 1};
    if (fcntl(me, F_SETLK, &t) != -1 || (errno != EAGAIN && errno != EACCES)) _exit(1);
    if (fcntl(me, F_GETLK, &t) || t.l_type != F_WRLCK || t.l_pid != getppid() || t.l_start != 10 || t.l_len != 10)
      _exit(2);
    t = (struct flock){.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 20, .l_len = 0};
    if (fcntl(me, F_SETLK, &t)) _exit(3);
    // Sleeps until the parent lets go.
    t = (struct flock){.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 0, .l_len = 15};
    _exit(fcntl(me, F_SETLKW, &t) ? 4 : 0);
  }
  until_asleep(pid, pid);
  l.l_type = F_UNLCK;
  GOOD("unlock", fcntl(fd, F_SETLK, &l));
  EQ("child", status_of(pid), 0);
  l = (struct flock){.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 0, .l_len = 0};
  GOOD("exit-released", fcntl(fd, F_SETLK, &l));
  // Any close of the file drops this process's locks (fcntl(2)).
  close(dup(fd));
  pid = fork();
  if (pid == 0) _exit(fcntl(open("lock", O_RDWR), F_SETLK, &l) ? 1 : 0);
  EQ("close-drops", status_of(pid), 0);
  close(fd);
}

static void file_locks(void) {
  int a = must(open("fl", O_RDWR | O_CREAT, 0644)), b = must(open("fl", O_RDWR)), c = dup(a);
  GOOD("exclusive", flock(a, LOCK_EX));
  FAILS("second", flock(b, LOCK_EX | LOCK_NB), EWOULDBLOCK);
  FAILS("shared-too", flock(b, LOCK_SH | LOCK_NB), EWOULDBLOCK);
  GOOD("dup-owns-it-too", flock(c, LOCK_SH));
  GOOD("shared-both", flock(b, LOCK_SH | LOCK_NB));
  FAILS("upgrade", flock(a, LOCK_EX | LOCK_NB), EWOULDBLOCK);
  GOOD("unlock", flock(b, LOCK_UN));
  GOOD("upgrade-alone", flock(a, LOCK_EX | LOCK_NB));
  close(a);
  FAILS("dup-keeps-it", flock(b, LOCK_EX | LOCK_NB), EWOULDBLOCK);
  close(c);
  GOOD("last-close-releases", flock(b, LOCK_EX | LOCK_NB));
  FAILS("operation", flock(b, 0), EINVAL);
  close(b);
  FAILS("bad-fd", flock(b, LOCK_EX), EBADF);
}

CHECK_MAIN(CASE(duplication), CASE(flags), CASE(limits), CASE(many), CASE(ends), CASE(record_locks), CASE(file_locks))
