// poll, ppoll, select, pselect: readiness of files, pipes and bad descriptors, time-outs, masks.
#include "check.h"
#include <poll.h>
#include <pthread.h>
#include <sys/resource.h>
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

// So many that others get their turn between: the answer is that of one look at all.
enum { THOUSANDS = 6000, PLACE = 5990, TURNS = 100 };
static int quiet[2], loud[2], turn[2];
static pid_t poller;
static void *writes(void *times) {
  char c;
  for (long i = 0; i < (long)times; i++) {
    if (read(turn[0], &c, 1) != 1) break;
    if (i == 0) until_asleep(getpid(), poller);
    write(loud[1], "x", 1);
  }
  return NULL;
}
static struct rlimit before;
static struct pollfd f[THOUSANDS];
static void open_thousands(void) {
  must(getrlimit(RLIMIT_NOFILE, &before));
  must(setrlimit(RLIMIT_NOFILE, &(struct rlimit){before.rlim_max, before.rlim_max}));
  must(pipe(quiet)), must(pipe(loud)), must(pipe(turn));
  for (int i = 0; i < THOUSANDS; i++) f[i] = (struct pollfd){must(fcntl(i == PLACE ? loud[0] : quiet[0], F_DUPFD, 64)), POLLIN, 99};
}
static void close_thousands(void) {
  for (int i = 0; i < THOUSANDS; i++) close(f[i].fd);
  for (int i = 0; i < 2; i++) close(quiet[i]), close(loud[i]), close(turn[i]);
  must(setrlimit(RLIMIT_NOFILE, &before));
}
static void thousands(void) {
  open_thousands();
  EQ("none", poll(f, THOUSANDS, 20), 0);
  int told = 0;
  for (int i = 0; i < THOUSANDS; i++) told += f[i].revents != 0;
  EQ("none-told", told, 0);
  poller = gettid();
  pthread_t writer;
  must(-pthread_create(&writer, NULL, writes, (void *)TURNS));
  int right = 0;
  char c;
  for (int i = 0; i < TURNS; i++) {
    write(turn[1], "x", 1);
    right += poll(f, THOUSANDS, -1) == 1 && f[PLACE].revents == POLLIN && f[PLACE - 1].revents == 0 && f[0].revents == 0;
    if (read(loud[0], &c, 1) != 1) break;
  }
  pthread_join(writer, NULL);
  EQ("woken", right, TURNS);
  f[3].fd = before.rlim_max;
  write(loud[1], "x", 1);
  EQ("bad-and-ready", poll(f, THOUSANDS, -1), 2);
  TRUE("both", f[3].revents == POLLNVAL && f[PLACE].revents == POLLIN);
  close_thousands();
}

// The same as sets of bits, of which no C library has such large ones.
static unsigned long r[1024], w[1024], e[1024];
enum { BITS = 8 * sizeof *r };
static int isset(unsigned long *set, int fd) { return set[fd / BITS] >> fd % BITS & 1; }
static void fill(void) {
  for (int i = 0; i < THOUSANDS; i++) r[f[i].fd / BITS] |= 1ul << f[i].fd % BITS, e[f[i].fd / BITS] |= 1ul << f[i].fd % BITS;
}
static void thousands_selected(void) {
  open_thousands();
  struct timespec none = {0, 0}, soon = {0, 20000000};
  int place = f[PLACE].fd, n = f[THOUSANDS - 1].fd + 1;
  char c;
  write(loud[1], "x", 1);
  fill();
  r[n / BITS] |= ~0ul << n % BITS; // of what was not asked for nothing is told
  w[(quiet[1]) / BITS] |= 1ul << quiet[1] % BITS;
  EQ("select", syscall(SYS_pselect6, n, r, w, e, &none, NULL), 2);
  int others = 0;
  for (int i = 0; i < 1024; i++) others += __builtin_popcountl(r[i]) + __builtin_popcountl(w[i]) + __builtin_popcountl(e[i]);
  EQ("select-others", others, 2);
  TRUE("select-right", isset(r, place) && isset(w, quiet[1]));
  read(loud[0], &c, 1);
  fill();
  EQ("select-none", syscall(SYS_pselect6, n, r, NULL, e, &soon, NULL), 0);
  for (int i = 0; i < 1024; i++) others += __builtin_popcountl(r[i]) + __builtin_popcountl(e[i]);
  EQ("select-cleared", others, 2);
  pthread_t writer;
  poller = gettid();
  must(-pthread_create(&writer, NULL, writes, (void *)TURNS));
  int right = 0;
  for (int i = 0; i < TURNS; i++) {
    fill();
    write(turn[1], "x", 1);
    right += syscall(SYS_pselect6, n, r, NULL, e, NULL, NULL) == 1 && isset(r, place) && !isset(r, place - 1) && !isset(e, place);
    if (read(loud[0], &c, 1) != 1) break;
  }
  pthread_join(writer, NULL);
  EQ("select-woken", right, TURNS);
  fill();
  close(place);
  FAILS("select-bad", syscall(SYS_pselect6, n, r, NULL, e, NULL, NULL), EBADF);
  close_thousands();
}

CHECK_MAIN(CASE(polling), CASE(full_pipe), CASE(timeouts), CASE(wakes), CASE(interrupted), CASE(selecting), CASE(many), CASE(thousands), CASE(thousands_selected))
