// poll, ppoll, select, pselect: readiness of files, pipes and bad descriptors, time-outs, masks.
#include "check.h"
#include <poll.h>
#include <sys/select.h>
#include <sys/time.h>

static void polling(void) {
  int p[2];
  pipe(p);
  struct pollfd f[3] = {{p[0], POLLIN, 0}, {p[1], POLLOUT, 0}, {-1, POLLIN, 99}};
  EQ("writable", poll(f, 3, 0), 1);
  EQ("read-end", f[0].revents, 0);
  EQ("write-end", f[1].revents, POLLOUT);
  EQ("negative-ignored", f[2].revents, 0);
  write(p[1], "x", 1);
  EQ("both", poll(f, 2, -1), 2);
  EQ("readable", f[0].revents, POLLIN);
  f[0].events = POLLIN | POLLRDNORM | POLLOUT;
  poll(f, 1, 0);
  EQ("only-what-is", f[0].revents, POLLIN | POLLRDNORM);
  close(p[1]);
  f[0].events = POLLIN;
  EQ("closed-writer", poll(f, 1, -1), 1);
  EQ("in-and-hup", f[0].revents, POLLIN | POLLHUP);
  char c;
  read(p[0], &c, 1);
  f[0].events = 0;
  poll(f, 1, -1);
  EQ("hup-always", f[0].revents, POLLHUP);
  struct pollfd bad = {99, POLLIN, 0};
  EQ("bad-fd", poll(&bad, 1, -1), 1);
  EQ("nval", bad.revents, POLLNVAL);
  close(p[0]);
  pipe(p);
  close(p[0]);
  f[1] = (struct pollfd){p[1], POLLOUT, 0};
  poll(f + 1, 1, -1);
  EQ("closed-reader", f[1].revents, POLLOUT | POLLERR);
  close(p[1]);
  int fd = must(open("f", O_CREAT | O_RDWR, 0644));
  struct pollfd file = {fd, POLLIN | POLLOUT | POLLPRI, 0};
  EQ("file", poll(&file, 1, -1), 1);
  EQ("file-always", file.revents, POLLIN | POLLOUT);
  close(fd);
  int null = open("/dev/null", O_RDWR);
  file = (struct pollfd){null, POLLIN | POLLOUT, 0};
  poll(&file, 1, -1);
  EQ("dev-null", file.revents, POLLIN | POLLOUT);
  close(null);
}

static void full_pipe(void) {
  int p[2];
  pipe2(p, O_NONBLOCK);
  static char block[65536];
  write(p[1], block, sizeof block);
  struct pollfd f = {p[1], POLLOUT, 0};
  EQ("full", poll(&f, 1, 0), 0);
  read(p[0], block, 4096);
  EQ("a-page-free", poll(&f, 1, 0), 1);
  close(p[0]), close(p[1]);
}

static void timeouts(void) {
  int p[2];
  pipe(p);
  struct pollfd f = {p[0], POLLIN, 0};
  int64_t t = now_ns(CLOCK_MONOTONIC);
  EQ("expires", poll(&f, 1, 30), 0);
  t = now_ns(CLOCK_MONOTONIC) - t;
  TRUE("not-early", t >= 30000000);
  TRUE("not-much-later", t < 5000000000);
  t = now_ns(CLOCK_MONOTONIC);
  EQ("nothing", poll(NULL, 0, 10), 0);
  TRUE("nothing-waits", now_ns(CLOCK_MONOTONIC) - t >= 10000000);
  struct timespec ts = {0, 20000000};
  t = now_ns(CLOCK_MONOTONIC);
  EQ("ppoll", ppoll(&f, 1, &ts, NULL), 0);
  TRUE("ppoll-waits", now_ns(CLOCK_MONOTONIC) - t >= 20000000);
  ts.tv_nsec = 1000000000;
  FAILS("ppoll-bad-time", ppoll(&f, 1, &ts, NULL), EINVAL);
  ts = (struct timespec){-1, 0};
  FAILS("ppoll-negative-time", ppoll(&f, 1, &ts, NULL), EINVAL);
  close(p[0]), close(p[1]);
}

static void wakes(void) {
  int p[2], q[2];
  pipe(p), pipe(q);
  pid_t pid = fork();
  if (pid == 0) {
    struct pollfd f[2] = {{p[0], POLLIN, 0}, {q[0], POLLIN, 0}};
    if (poll(f, 2, -1) != 1 || f[0].revents || f[1].revents != POLLIN) _exit(1);
    _exit(0);
  }
  until_asleep(pid, pid);
  write(q[1], "x", 1);
  EQ("by-write", status_of(pid), 0);
  close(p[0]), close(p[1]), close(q[0]), close(q[1]);
}

static void ignore(int signal) { (void)signal; }

static void interrupted(void) {
  int p[2];
  pipe(p);
  // Even with SA_RESTART poll is not restarted (signal(7)).
  struct sigaction a = {.sa_handler = ignore, .sa_flags = SA_RESTART};
  sigaction(SIGALRM, &a, NULL);
  struct itimerval it = {{0, 5000}, {0, 5000}};
  setitimer(ITIMER_REAL, &it, NULL);
  struct pollfd f = {p[0], POLLIN, 0};
  FAILS("poll", poll(&f, 1, -1), EINTR);
  fd_set r;
  FD_ZERO(&r);
  FD_SET(p[0], &r);
  FAILS("select", select(p[0] + 1, &r, NULL, NULL, NULL), EINTR);
  it = (struct itimerval){{0, 0}, {0, 0}};
  setitimer(ITIMER_REAL, &it, NULL);
  // ppoll opens the mask only while it waits: the pending signal arrives at once.
  sigset_t blocked, none;
  sigemptyset(&none);
  sigemptyset(&blocked);
  sigaddset(&blocked, SIGUSR1);
  sigaction(SIGUSR1, &a, NULL);
  sigprocmask(SIG_BLOCK, &blocked, NULL);
  raise(SIGUSR1);
  FAILS("ppoll-mask", ppoll(&f, 1, NULL, &none), EINTR);
  sigset_t now;
  sigprocmask(SIG_SETMASK, NULL, &now);
  EQ("mask-restored", sigismember(&now, SIGUSR1), 1);
  raise(SIGUSR1);
  FAILS("pselect-mask", pselect(0, NULL, NULL, NULL, NULL, &none), EINTR);
  raise(SIGUSR1);
  struct timespec zero = {0, 0};
  EQ("masked-stays-pending", pselect(0, NULL, NULL, NULL, &zero, &blocked), 0);
  sigset_t pending;
  sigpending(&pending);
  EQ("pending", sigismember(&pending, SIGUSR1), 1);
  sigprocmask(SIG_SETMASK, &none, NULL);
  close(p[0]), close(p[1]);
}

static void selecting(void) {
  int p[2];
  pipe(p);
  fd_set r, w, e;
  FD_ZERO(&r);
  FD_ZERO(&w);
  FD_ZERO(&e);
  FD_SET(p[0], &r);
  FD_SET(p[1], &w);
  FD_SET(p[0], &e);
  EQ("writable", select(p[1] + 1, &r, &w, &e, NULL), 1);
  TRUE("sets", !FD_ISSET(p[0], &r) && FD_ISSET(p[1], &w) && !FD_ISSET(p[0], &e));
  FD_ZERO(&r);
  FD_SET(p[0], &r);
  struct timeval tv = {0, 20000};
  EQ("expires", select(p[0] + 1, &r, NULL, NULL, &tv), 0);
  EQ("time-used", tv.tv_sec * 1000000 + tv.tv_usec, 0);
  TRUE("cleared", !FD_ISSET(p[0], &r));
  write(p[1], "x", 1);
  FD_SET(p[0], &r);
  tv = (struct timeval){100, 0};
  EQ("readable", select(p[0] + 1, &r, NULL, NULL, &tv), 1);
  TRUE("time-left", tv.tv_sec >= 95);
  close(p[1]);
  FD_ZERO(&r);
  FD_SET(p[0], &r);
  EQ("eof-is-readable", select(p[0] + 1, &r, NULL, NULL, NULL), 1);
  close(p[0]);
  FD_ZERO(&r);
  FD_SET(40, &r); // below 64: Linux looks no further than the size of the table of descriptors, which is at least 64
  FAILS("bad-fd", select(41, &r, NULL, NULL, NULL), EBADF);
  FAILS("negative", select(-1, NULL, NULL, NULL, NULL), EINVAL);
  tv = (struct timeval){-1, 0};
  FAILS("bad-time", select(0, NULL, NULL, NULL, &tv), EINVAL);
}

static void many(void) {
  enum { N = 200 };
  int p[N][2];
  struct pollfd f[N];
  for (int i = 0; i < N; i++) {
    pipe(p[i]);
    f[i] = (struct pollfd){p[i][0], POLLIN, 0};
  }
  for (int i = 0; i < N; i += 7) write(p[i][1], "x", 1);
  EQ("count", poll(f, N, -1), (N + 6) / 7);
  int right = 1;
  for (int i = 0; i < N; i++) right &= f[i].revents == (i % 7 ? 0 : POLLIN);
  TRUE("which", right);
  for (int i = 0; i < N; i++) close(p[i][0]), close(p[i][1]);
}

CHECK_MAIN(CASE(polling), CASE(full_pipe), CASE(timeouts), CASE(wakes), CASE(interrupted), CASE(selecting), CASE(many))
