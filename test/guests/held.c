// What a waiting call has resolved stays resolved: its descriptors may be closed or replaced, its names unlinked or
// renamed, its arrays overwritten and its memory unmapped under it.
#include "check.h"
#include <poll.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <sys/uio.h>

// One call on a thread of its own, and what it came to.
struct call {
  long (*make)(struct call *);
  int fd, to;
  char *path;
  void *memory;
  size_t bytes;
  pthread_t thread;
  volatile pid_t tid;
  long result;
  int error;
};

static void *caller(void *arg) {
  struct call *c = arg;
  __atomic_store_n(&c->tid, gettid(), __ATOMIC_SEQ_CST);
  errno = 0;
  c->result = c->make(c);
  c->error = errno;
  return NULL;
}

// Begins a call and returns when its thread sleeps in it.
static void begin(struct call *c, long (*make)(struct call *)) {
  c->make = make, c->tid = 0;
  if (pthread_create(&c->thread, NULL, caller, c)) _exit(96);
  while (!__atomic_load_n(&c->tid, __ATOMIC_SEQ_CST)) sched_yield();
  // A machine that waits for a lock of its own (qemu) sleeps for a moment only.
  for (int k = 0; k < 20; k++) until_asleep(getpid(), c->tid), sched_yield();
}

static long end(struct call *c) {
  pthread_join(c->thread, NULL);
  errno = c->error;
  return c->result;
}

static long reads(struct call *c) { return read(c->fd, c->memory, c->bytes); }
static long writes(struct call *c) { return write(c->fd, c->memory, c->bytes); }
static long opens(struct call *c) { return open(c->path, c->to, 0644); }

static char big[200000];

static long drain(int fd) {
  long all = 0;
  char part[4096];
  for (long n; (n = read(fd, part, sizeof part)) > 0;) all += n;
  return all;
}

// A read goes on with its pipe, whatever its descriptor names now.
static void reading(void) {
  for (int closed = 0; closed < 2; closed++) {
    int p[2], q[2];
    char got = '-';
    must(pipe(p)), must(pipe(q));
    must(write(q[1], "Q", 1));
    struct call c = {.fd = p[0], .memory = &got, .bytes = 1};
    begin(&c, reads);
    if (closed)
      must(close(p[0]));
    else
      must(dup2(q[0], p[0]));
    GOOD("the pipe has a reader", write(p[1], "P", 1));
    EQ("read", end(&c), 1);
    EQ("byte", got, 'P');
    if (!closed) {
      EQ("the other", read(p[0], &got, 1), 1);
      EQ("its byte", got, 'Q');
      close(p[0]);
    } else {
      FAILS("closed", read(p[0], &got, 1), EBADF);
    }
    signal(SIGPIPE, SIG_IGN);
    FAILS("and then none", write(p[1], "P", 1), EPIPE);
    close(p[1]), close(q[0]), close(q[1]);
  }
}

// A write that has moved a part moves the rest to the same pipe.
static void writing(void) {
  int p[2], f = must(open("file", O_CREAT | O_TRUNC | O_RDWR, 0644));
  must(pipe(p));
  struct call c = {.fd = p[1], .memory = big, .bytes = sizeof big};
  begin(&c, writes);
  must(dup2(f, p[1]));
  EQ("pipe got", drain(p[0]), sizeof big); // its only end is in the call
  EQ("write", end(&c), sizeof big);
  struct stat s;
  must(fstat(f, &s));
  EQ("file has", s.st_size, 0);
  close(f), close(p[0]), close(p[1]);
}

static long readvs(struct call *c) { return readv(c->fd, c->memory, 2); }

// The iovecs are those of the beginning.
static void vectors(void) {
  for (int gone = 0; gone < 2; gone++) {
    int p[2];
    char a[2] = "--", b[3] = "---";
    must(pipe(p));
    struct iovec *v = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    v[0] = (struct iovec){a, 2}, v[1] = (struct iovec){b, 3};
    struct call c = {.fd = p[0], .memory = v};
    begin(&c, readvs);
    if (gone)
      munmap(v, 4096);
    else
      v[0] = v[1] = (struct iovec){NULL, 1};
    must(write(p[1], "12345", 5));
    EQ("readv", end(&c), 5);
    EQ("first", memcmp(a, "12", 2), 0);
    EQ("second", memcmp(b, "345", 3), 0);
    if (!gone) munmap(v, 4096);
    close(p[0]), close(p[1]);
  }
}

static long writevs(struct call *c) { return writev(c->fd, c->memory, 2); }

static void written_vectors(void) {
  int p[2];
  static char left[150000], right[50000];
  memset(left, 'l', sizeof left), memset(right, 'r', sizeof right);
  must(pipe(p));
  struct iovec v[2] = {{left, sizeof left}, {right, sizeof right}};
  struct call c = {.fd = p[1], .memory = v};
  begin(&c, writevs);
  v[0].iov_len = v[1].iov_len = 1;
  must(close(p[1]));
  long counts[2] = {0, 0}, n;
  char part[5000];
  while ((n = read(p[0], part, sizeof part)) > 0)
    for (long k = 0; k < n; k++) counts[part[k] == 'r']++;
  EQ("writev", end(&c), sizeof left + sizeof right);
  EQ("left", counts[0], sizeof left);
  EQ("right", counts[1], sizeof right);
  close(p[0]);
}

// What a buffer that is unmapped misses stays in the pipe.
static void buffer_unmapped(void) {
  int p[2];
  must(pipe(p));
  char *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), got = '-';
  struct call c = {.fd = p[0], .memory = page, .bytes = 1};
  begin(&c, reads);
  munmap(page, 4096);
  must(write(p[1], "P", 1));
  FAILS("read", end(&c), EFAULT);
  EQ("again", read(p[0], &got, 1), 1);
  EQ("byte", got, 'P');
  close(p[0]), close(p[1]);
}

// Other things that a read waits for.
static void counters(void) {
  uint64_t value = 0, one = 1;
  int e = must(eventfd(0, 0)), same = must(dup(e)), other = must(eventfd(7, 0));
  struct call c = {.fd = e, .memory = &value, .bytes = 8};
  begin(&c, reads);
  must(dup2(other, e));
  must(write(same, &one, 8));
  EQ("eventfd", end(&c), 8);
  EQ("value", value, 1);
  close(e), close(same), close(other);

  int t = must(timerfd_create(CLOCK_MONOTONIC, 0)), kept = must(dup(t));
  c = (struct call){.fd = t, .memory = &value, .bytes = 8};
  begin(&c, reads);
  must(close(t));
  must(timerfd_settime(kept, 0, &(struct itimerspec){.it_value.tv_nsec = 1000000}, NULL));
  EQ("timerfd", end(&c), 8);
  EQ("ticks", value, 1);
  close(kept);
}

static long polls(struct call *c) { return poll(c->memory, c->bytes, -1); }

// poll(2) keeps the files open and the array as it was; what a descriptor names it looks up each time.
static void polling(void) {
  int p[2], q[2];
  must(pipe(p)), must(pipe(q));
  struct pollfd f[2] = {{q[0], POLLIN, 0}, {p[0], POLLIN, 0}};
  struct call c = {.memory = f, .bytes = 2};
  begin(&c, polls);
  f[0] = f[1] = (struct pollfd){-1, 0, 0};
  must(write(p[1], "P", 1));
  EQ("poll", end(&c), 1);
  EQ("first", f[0].revents, 0);
  EQ("second", f[1].revents, POLLIN);
  EQ("fd", f[1].fd, -1);
  must(read(p[0], big, 1));

  f[0] = (struct pollfd){q[0], POLLIN, 0}, f[1] = (struct pollfd){p[0], POLLIN, 0};
  begin(&c, polls);
  must(close(p[0]));
  signal(SIGPIPE, SIG_IGN);
  GOOD("it is open still", write(p[1], "P", 1));
  EQ("poll closed", end(&c), 1);
  EQ("no descriptor", f[1].revents, POLLNVAL);
  FAILS("closed then", write(p[1], "P", 1), EPIPE);
  close(p[1]), close(q[0]), close(q[1]);
}

// More descriptors than are looked at in one go.
static void polling_many(void) {
  enum { MANY = 3000 };
  static struct pollfd f[MANY];
  int p[2];
  must(pipe(p));
  struct rlimit limit;
  must(getrlimit(RLIMIT_NOFILE, &limit));
  limit.rlim_cur = limit.rlim_max;
  must(setrlimit(RLIMIT_NOFILE, &limit));
  for (int k = 0; k < MANY; k++) f[k] = (struct pollfd){p[0], k % 2 ? POLLIN : 0, 0};
  struct call c = {.memory = f, .bytes = MANY};
  begin(&c, polls);
  memset(f, 0xff, sizeof f);
  must(write(p[1], "P", 1));
  EQ("poll", end(&c), MANY / 2);
  int right = 0;
  for (int k = 0; k < MANY; k++) right += f[k].revents == (k % 2 ? POLLIN : 0);
  EQ("each", right, MANY);
  close(p[0]), close(p[1]);
}

static long selects(struct call *c) { return select(c->bytes, c->memory, NULL, NULL, NULL); }

static void selecting(void) {
  int p[2], q[2];
  must(pipe(p)), must(pipe(q));
  fd_set set;
  FD_ZERO(&set);
  FD_SET(p[0], &set);
  FD_SET(q[0], &set);
  struct call c = {.memory = &set, .bytes = q[1] + 1};
  begin(&c, selects);
  FD_ZERO(&set);
  must(write(p[1], "P", 1));
  EQ("select", end(&c), 1);
  EQ("p", !!FD_ISSET(p[0], &set), 1);
  EQ("q", !!FD_ISSET(q[0], &set), 0);
  must(read(p[0], big, 1));

  // One that is closed while it waits counts as ready, as in poll(2) (Linux fs/select.c, select_poll_one).
  FD_ZERO(&set);
  FD_SET(p[0], &set);
  FD_SET(q[0], &set);
  begin(&c, selects);
  must(close(p[0]));
  signal(SIGPIPE, SIG_IGN);
  must(write(q[1], "Q", 1));
  EQ("select closed", end(&c), 2);
  EQ("p closed", !!FD_ISSET(p[0], &set), 1);
  EQ("q tells", !!FD_ISSET(q[0], &set), 1);
  FAILS("closed then", write(p[1], "P", 1), EPIPE);
  close(p[1]), close(q[0]), close(q[1]);
}

static long epolls(struct call *c) { return epoll_wait(c->fd, c->memory, 1, -1); }

static void epolling(void) {
  int p[2], e = must(epoll_create1(0)), other = must(epoll_create1(0));
  must(pipe(p));
  must(epoll_ctl(e, EPOLL_CTL_ADD, p[0], &(struct epoll_event){.events = EPOLLIN, .data.u64 = 42}));
  struct epoll_event got = {0};
  struct call c = {.fd = e, .memory = &got};
  begin(&c, epolls);
  must(dup2(other, e));
  must(write(p[1], "P", 1));
  EQ("epoll_wait", end(&c), 1);
  EQ("data", got.data.u64, 42);
  close(e), close(other), close(p[0]), close(p[1]);
}

static long splices(struct call *c) { return splice(c->fd, NULL, c->to, NULL, 100, 0); }
static long tees(struct call *c) { return tee(c->fd, c->to, 100, 0); }
static long vmsplices(struct call *c) { return vmsplice(c->fd, c->memory, 1, 0); }

static void splicing(void) {
  for (int mode = 0; mode < 2; mode++) {
    int p[2], q[2], r[2];
    must(pipe(p)), must(pipe(q)), must(pipe(r));
    struct call c = {.fd = p[0], .to = q[1]};
    begin(&c, mode ? tees : splices);
    must(dup2(r[0], p[0]));
    must(dup2(r[1], q[1]));
    must(write(p[1], "hello", 5));
    EQ(mode ? "tee" : "splice", end(&c), 5);
    EQ("bytes", read(q[0], big, 100), 5);
    for (int k = 0; k < 2; k++) close(p[k]), close(q[k]), close(r[k]);
  }
  int p[2], f = must(open("other", O_CREAT | O_RDWR, 0644));
  must(pipe(p));
  must(fcntl(p[1], F_SETFL, O_NONBLOCK));
  long in = 0;
  for (long n; (n = write(p[1], big, sizeof big)) > 0;) in += n;
  must(fcntl(p[1], F_SETFL, 0));
  struct iovec v = {"five!", 5};
  struct call c = {.fd = p[1], .memory = &v};
  begin(&c, vmsplices);
  v.iov_len = 1;
  must(dup2(f, p[1]));
  long out = drain(p[0]);
  EQ("vmsplice", end(&c), 5);
  EQ("all", out - in, 5);
  close(p[0]), close(p[1]), close(f);
}

// A lock that comes when its descriptor is gone is given back.
static long locks(struct call *c) { return fcntl(c->fd, F_SETLKW, c->memory); }
static long ofd_locks(struct call *c) { return fcntl(c->fd, F_OFD_SETLKW, c->memory); }

static int child_holds(const char *path, int go) {
  pid_t pid = must(fork());
  if (pid == 0) {
    int f = must(open(path, O_RDWR));
    must(fcntl(f, F_SETLK, &(struct flock){.l_type = F_WRLCK}));
    must(write(go, "l", 1));
    pause();
  }
  return pid;
}

// One that is open still; the locks of a process go with a descriptor that is closed, those of a description stay.
enum { OPEN, CLOSED, DESCRIPTION_CLOSED };

static void locking(void) {
  for (int mode = OPEN; mode <= DESCRIPTION_CLOSED; mode++) {
    int f = must(open("locked", O_CREAT | O_RDWR, 0644)), ready[2];
    must(pipe(ready));
    pid_t pid = child_holds("locked", ready[1]);
    must(read(ready[0], big, 1));
    struct flock l = {.l_type = F_WRLCK, .l_start = 10, .l_len = 5};
    struct call c = {.fd = f, .memory = &l};
    begin(&c, mode == DESCRIPTION_CLOSED ? ofd_locks : locks);
    int same = must(dup(f));
    if (mode != OPEN) must(close(f));
    l.l_start = 1000, l.l_type = F_RDLCK;
    must(kill(pid, SIGKILL));
    status_of(pid);
    if (mode == CLOSED)
      FAILS("closed", end(&c), EBADF);
    else
      GOOD(mode == OPEN ? "lock" : "of a description", end(&c));
    // Another process sees which bytes are locked.
    pid = must(fork());
    if (pid == 0) {
      struct flock t = {.l_type = F_WRLCK};
      must(fcntl(same, F_GETLK, &t));
      _exit(t.l_type == F_UNLCK ? 1 : t.l_start == 10 && t.l_len == 5 && t.l_type == F_WRLCK ? 0 : 2);
    }
    EQ("range", status_of(pid), EXITED(mode == CLOSED));
    close(same), close(ready[0]), close(ready[1]);
    if (mode == OPEN) close(f);
  }
}

static long flocks(struct call *c) { return flock(c->fd, LOCK_EX); }

static void flocking(void) {
  int a = must(open("flocked", O_CREAT | O_RDWR, 0644)), b = must(open("flocked", O_RDWR)), other = must(open("elsewhere", O_CREAT | O_RDWR, 0644));
  must(flock(a, LOCK_EX));
  int same = must(dup(b));
  struct call c = {.fd = b};
  begin(&c, flocks);
  must(dup2(other, b));
  must(flock(a, LOCK_UN));
  EQ("flock", end(&c), 0);
  FAILS("it has the lock", flock(a, LOCK_EX | LOCK_NB), EWOULDBLOCK);
  must(close(same));
  EQ("its last descriptor gives it back", flock(a, LOCK_EX | LOCK_NB), 0);
  close(a), close(b), close(other);
}

// open(2) of a FIFO goes on with the file that it found.
static void fifos(void) {
  for (int mode = 0; mode < 6; mode++) {
    static const char *const names[] = {"unlinked", "replaced", "renamed", "created", "path overwritten", "reader"};
    must(mkfifo("fifo", 0644));
    static char path[16];
    strcpy(path, "fifo");
    struct call c = {.path = path, .to = mode == 5 ? O_RDONLY : O_WRONLY | (mode == 3 ? O_CREAT | O_TRUNC : 0)};
    begin(&c, opens);
    int other = must(open("fifo", (mode == 5 ? O_WRONLY : O_RDONLY) | (mode == 5 ? O_NONBLOCK : 0)));
    if (mode == 2)
      must(rename("fifo", "moved"));
    else
      must(unlink("fifo"));
    if (mode == 1) write_file("fifo", "not this");
    strcpy(path, "nowhere");
    int fd = GOOD(names[mode], end(&c));
    int r = mode == 5 ? fd : other, w = mode == 5 ? other : fd;
    EQ("write", write(w, "x", 1), 1);
    char got = '-';
    EQ("read", read(r, &got, 1), 1);
    EQ("byte", got, 'x');
    close(fd), close(other);
    struct stat s;
    EQ("what is there", stat("fifo", &s), mode == 1 ? 0 : -1);
    if (mode == 1) EQ("as it was", s.st_size, 8);
    unlink("fifo"), unlink("moved");
  }
}

// Who waits in open counts as there, and has met whom opens and closes meanwhile.
static void fifo_met(void) {
  must(mkfifo("fifo", 0644));
  struct call c = {.path = "fifo", .to = O_WRONLY};
  begin(&c, opens);
  must(close(must(open("fifo", O_RDWR))));
  int w = GOOD("met", end(&c));
  signal(SIGPIPE, SIG_IGN);
  FAILS("nobody reads", write(w, "x", 1), EPIPE);
  close(w);
  // A writer in open keeps a reader from the end of the file.
  begin(&c, opens);
  int r = must(open("fifo", O_RDONLY | O_NONBLOCK));
  w = GOOD("again", end(&c));
  char got;
  FAILS("no end", read(r, &got, 1), EAGAIN);
  close(w);
  EQ("the end", read(r, &got, 1), 0);
  close(r);
}

static void on_signal(int s) { (void)s; }

// A signal gives the end back that the open had counted.
static void fifo_interrupted(void) {
  must(mkfifo("fifo", 0644));
  sigaction(SIGUSR1, &(struct sigaction){.sa_handler = on_signal}, NULL);
  struct call c = {.path = "fifo", .to = O_WRONLY};
  begin(&c, opens);
  pthread_kill(c.thread, SIGUSR1);
  FAILS("open", end(&c), EINTR);
  FAILS("no writer", open("fifo", O_WRONLY | O_NONBLOCK), ENXIO);
  int r = must(open("fifo", O_RDONLY | O_NONBLOCK));
  char got;
  EQ("no writer, so the end", read(r, &got, 1), 0);
  close(r);
  signal(SIGUSR1, SIG_DFL);
}

// An open that waits for a lease goes on with the file that its name meant.
static void leased(void) {
  write_file("leased", "the first");
  int f = must(open("leased", O_RDONLY));
  signal(SIGIO, SIG_IGN);
  if (fcntl(f, F_SETLEASE, F_RDLCK) == -1) _exit(95);
  static char path[16];
  strcpy(path, "leased");
  struct call c = {.path = path, .to = O_RDWR};
  begin(&c, opens);
  must(rename("leased", "away"));
  write_file("leased", "the second");
  strcpy(path, "nowhere");
  must(fcntl(f, F_SETLEASE, F_UNLCK));
  int fd = GOOD("open", end(&c));
  char text[32] = "";
  must(read(fd, text, sizeof text - 1));
  STR("file", text, "the first");
  close(fd), close(f);
}

static long truncates(struct call *c) { return truncate(c->path, 3); }

static void leased_truncate(void) {
  write_file("leased", "the first");
  int f = must(open("leased", O_RDONLY));
  signal(SIGIO, SIG_IGN);
  must(fcntl(f, F_SETLEASE, F_RDLCK));
  static char path[16];
  strcpy(path, "leased");
  struct call c = {.path = path};
  begin(&c, truncates);
  must(rename("leased", "away"));
  write_file("leased", "the second");
  strcpy(path, "nowhere");
  must(fcntl(f, F_SETLEASE, F_UNLCK));
  EQ("truncate", end(&c), 0);
  STR("that file", read_file("away"), "the");
  STR("not this", read_file("leased"), "the second");
  close(f);
}

static long sigwaits(struct call *c) { return sigtimedwait(c->memory, NULL, NULL); }

static void signals(void) {
  sigset_t set, all;
  sigemptyset(&set), sigaddset(&set, SIGUSR1);
  sigfillset(&all);
  sigset_t old;
  pthread_sigmask(SIG_BLOCK, &all, &old);
  struct call c = {.memory = &set};
  begin(&c, sigwaits);
  sigemptyset(&set);
  pthread_kill(c.thread, SIGUSR2); // not awaited, and blocked
  pthread_kill(c.thread, SIGUSR1);
  EQ("signal", end(&c), SIGUSR1);
  pthread_sigmask(SIG_SETMASK, &old, NULL);
}

static long waits(struct call *c) {
  siginfo_t info;
  long r = waitid(P_PIDFD, c->fd, &info, WEXITED);
  return r ? r : info.si_status;
}

static void children(void) {
  int p[2], q[2];
  must(pipe(p)), must(pipe(q));
  pid_t pids[2];
  for (int k = 0; k < 2; k++) {
    pids[k] = must(fork());
    if (pids[k] == 0) {
      char got;
      must(close(p[1])), must(close(q[1]));
      must(read(k ? q[0] : p[0], &got, 1));
      _exit(40 + k);
    }
  }
  int f = must(syscall(SYS_pidfd_open, pids[0], 0)), other = must(syscall(SYS_pidfd_open, pids[1], 0));
  struct call c = {.fd = f};
  begin(&c, waits);
  must(dup2(other, f));
  must(close(p[1]));
  EQ("waitid", end(&c), 40);
  must(close(q[1]));
  EQ("the other", status_of(pids[1]), EXITED(41));
  close(f), close(other), close(p[0]), close(q[0]);
}

// A program that ends, or becomes another, gives back what its calls hold.
static void ends(void) {
  for (int mode = 0; mode < 2; mode++) {
    int p[2];
    must(pipe2(p, O_CLOEXEC));
    pid_t pid = must(fork());
    if (pid == 0) {
      struct pollfd f = {p[0], POLLIN, 0};
      struct call r = {.fd = p[0], .memory = big, .bytes = 1}, w = {.memory = &f, .bytes = 1};
      must(close(p[1]));
      begin(&r, reads), begin(&w, polls);
      if (mode) execl(check_self, "held", "+pause", NULL);
      pause();
    }
    must(close(p[0]));
    signal(SIGPIPE, SIG_IGN);
    if (mode) {
      // The exec ends the threads: nobody reads any more.
      while (write(p[1], "x", 1) == 1) sched_yield();
      EQ("exec", errno, EPIPE);
    }
    must(kill(pid, SIGKILL));
    EQ("status", status_of(pid), SIGKILL);
    FAILS("nobody", write(p[1], "x", 1), EPIPE);
    close(p[1]);
  }
}

// What the last end of a file wakes while a call is given up may not be that call's own thread: each kind of file, closed
// under a call that waits on it, in a process that then ends.
static void ends_alone(void) {
  static const char *const names[] = {"exit", "exec", "killed", "fault"};
  for (int mode = 0; mode < 4; mode++) {
    pid_t pid = must(fork());
    if (pid == 0) {
      static uint64_t value;
      static struct epoll_event event;
      static struct pollfd f[2];
      static struct call c[8];
      int p[2], q[2], r[2], k = 0;
      must(pipe(p)), must(pipe(q)), must(pipe(r)), must(mkfifo("alone", 0644));
      sigset_t set;
      sigemptyset(&set), sigaddset(&set, SIGUSR1);
      pthread_sigmask(SIG_BLOCK, &set, NULL);
      must(setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0}));
      const int fds[] = {eventfd(0, 0), timerfd_create(CLOCK_MONOTONIC, 0), signalfd(-1, &set, 0), epoll_create1(0),
                         syscall(SYS_pidfd_open, getpid(), 0), posix_openpt(O_RDWR | O_NOCTTY)};
      for (; k < 3; k++) c[k] = (struct call){.fd = fds[k], .memory = &value, .bytes = 8}, begin(&c[k], reads);
      c[k] = (struct call){.fd = fds[3], .memory = &event}, begin(&c[k++], epolls);
      f[0] = (struct pollfd){fds[4], 0, 0}, f[1] = (struct pollfd){p[0], POLLIN, 0};
      c[k] = (struct call){.memory = f, .bytes = 2}, begin(&c[k++], polls);
      c[k] = (struct call){.fd = fds[5], .memory = &value, .bytes = 1}, begin(&c[k++], reads);
      c[k] = (struct call){.fd = q[0], .to = r[1]}, begin(&c[k++], splices);
      c[k] = (struct call){.path = "alone", .to = O_WRONLY}, begin(&c[k++], opens);
      for (k = 0; k < 6; k++) close(fds[k]);
      close(p[0]), close(p[1]), close(q[0]), close(q[1]), close(r[0]), close(r[1]);
      switch (mode) {
        case 0: exit(3);
        case 1: execl(check_self, "held", "+ends", NULL); _exit(9);
        case 2: kill(getpid(), SIGKILL); break;
        case 3: *(volatile char *)0 = 0;
      }
      _exit(8);
    }
    static const int want[] = {EXITED(3), EXITED(7), SIGKILL, SIGSEGV};
    EQ(names[mode], status_of(pid), want[mode]);
    FAILS("the FIFO has no writer", open("alone", O_WRONLY | O_NONBLOCK), ENXIO);
    unlink("alone");
  }
}

// A lock that is stopped and goes on asks for what its arguments say then.
static void stopped_lock(void) {
  int f = must(open("locked", O_CREAT | O_RDWR, 0644)), ready[2];
  must(pipe(ready));
  pid_t holder = child_holds("locked", ready[1]);
  must(read(ready[0], big, 1));
  struct flock *l = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  *l = (struct flock){.l_type = F_WRLCK, .l_len = 1};
  pid_t waiter = must(fork());
  if (waiter == 0) {
    must(fcntl(f, F_SETLKW, l));
    must(write(ready[1], "w", 1));
    pause();
  }
  until_asleep(waiter, waiter);
  int status;
  must(kill(waiter, SIGSTOP));
  must(waitpid(waiter, &status, WUNTRACED));
  l->l_start = 50;
  must(kill(waiter, SIGCONT));
  until_asleep(waiter, waiter);
  must(kill(holder, SIGKILL));
  status_of(holder);
  must(read(ready[0], big, 1));
  struct flock t = {.l_type = F_WRLCK};
  must(fcntl(f, F_GETLK, &t));
  EQ("start", t.l_start, 50);
  must(kill(waiter, SIGKILL));
  status_of(waiter);
  munmap(l, 4096), close(f), close(ready[0]), close(ready[1]);
}

static int again(int argc, char **argv) {
  if (argc > 1 && !strcmp(argv[1], "+ends")) return 7;
  pause();
  return 0;
}

CHECK_MAIN_AFTER(again, CASE(reading), CASE(writing), CASE(vectors), CASE(written_vectors), CASE(buffer_unmapped), CASE(counters), CASE(polling),
                 CASE(polling_many), CASE(selecting), CASE(epolling), CASE(splicing), CASE(locking), CASE(flocking), CASE(fifos), CASE(fifo_met),
                 CASE(fifo_interrupted), CASE(leased), CASE(leased_truncate), CASE(signals), CASE(children), CASE(ends), CASE(ends_alone),
                 CASE(stopped_lock))
