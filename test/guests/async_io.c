// Signals for what can be read or written: O_ASYNC with F_SETOWN, F_SETOWN_EX and F_SETSIG.
#include "check.h"
#include <poll.h>
#include <pthread.h>
#include <sys/ioctl.h>
#include <termios.h>

static sigset_t waited;

// Signals wait blocked until they are asked for.
static void block(void) {
  sigemptyset(&waited);
  sigaddset(&waited, SIGIO);
  sigaddset(&waited, SIGRTMIN);
  sigaddset(&waited, SIGUSR1);
  sigprocmask(SIG_BLOCK, &waited, NULL);
}

// The next signal, 0 when there is none; those that are merged or repeated are dropped with `all`.
static int next(siginfo_t *i) {
  struct timespec none = {0, 0};
  int s = sigtimedwait(&waited, i, &none);
  return s < 0 ? 0 : s;
}

static void drop(void) {
  siginfo_t i;
  while (next(&i)) continue;
}

static void owners(void) {
  int p[2];
  must(pipe(p));
  EQ("none", fcntl(p[0], F_GETOWN), 0);
  EQ("set", fcntl(p[0], F_SETOWN, getpid()), 0);
  EQ("get", fcntl(p[0], F_GETOWN), getpid());
  struct f_owner_ex o = {};
  EQ("get-ex", fcntl(p[0], F_GETOWN_EX, &o), 0);
  TRUE("process", o.type == F_OWNER_PID && o.pid == getpid());
  EQ("group", fcntl(p[0], F_SETOWN, -getpgrp()), 0);
  EQ("group-ex", fcntl(p[0], F_GETOWN_EX, &o), 0);
  TRUE("is-group", o.type == F_OWNER_PGRP && o.pid == getpgrp());
  o = (struct f_owner_ex){F_OWNER_TID, gettid()};
  EQ("thread", fcntl(p[0], F_SETOWN_EX, &o), 0);
  o.type = 9;
  EQ("thread-ex", fcntl(p[0], F_GETOWN_EX, &o), 0);
  TRUE("is-thread", o.type == F_OWNER_TID && o.pid == gettid());
  o.type = 9;
  FAILS("unknown-type", fcntl(p[0], F_SETOWN_EX, &o), EINVAL);
  FAILS("nobody", fcntl(p[0], F_SETOWN, 0x3fffffff), ESRCH);
  FAILS("no-group", fcntl(p[0], F_SETOWN, -0x3fffffff), ESRCH);
  FAILS("smallest", fcntl(p[0], F_SETOWN, INT_MIN), EINVAL);
  EQ("clear", fcntl(p[0], F_SETOWN, 0), 0);
  EQ("cleared", fcntl(p[0], F_GETOWN), 0);
  EQ("no-signal", fcntl(p[0], F_GETSIG), 0);
  EQ("signal", fcntl(p[0], F_SETSIG, SIGRTMIN), 0);
  EQ("signal-kept", fcntl(p[0], F_GETSIG), SIGRTMIN);
  FAILS("bad-signal", fcntl(p[0], F_SETSIG, 65), EINVAL);
  // An owner that is gone is nobody.
  pid_t pid = fork();
  if (pid == 0) _exit(0);
  fcntl(p[1], F_SETOWN, pid);
  status_of(pid);
  EQ("gone", fcntl(p[1], F_GETOWN), 0);
  close(p[0]), close(p[1]);
}

static void pipes(void) {
  int p[2];
  siginfo_t i;
  must(pipe(p));
  block();
  // Not before it is asked for, and not for nobody.
  write(p[1], "x", 1);
  EQ("unasked", next(&i), 0);
  EQ("on", fcntl(p[0], F_SETFL, O_ASYNC), 0);
  TRUE("flag", fcntl(p[0], F_GETFL) & O_ASYNC);
  write(p[1], "x", 1);
  EQ("nobody", next(&i), 0);
  fcntl(p[0], F_SETOWN, getpid());
  write(p[1], "x", 1);
  EQ("sigio", next(&i), SIGIO);
  EQ("sigio-code", i.si_code, SI_KERNEL);
  drop();
  // A chosen signal tells the descriptor and what it can do.
  fcntl(p[0], F_SETSIG, SIGRTMIN);
  write(p[1], "x", 1);
  EQ("chosen", next(&i), SIGRTMIN);
  EQ("code", i.si_code, POLL_IN);
  EQ("descriptor", i.si_fd, p[0]);
  EQ("band", i.si_band, POLLIN | POLLRDNORM);
  drop();
  // The other end closes.
  int q[2];
  must(pipe(q));
  fcntl(q[0], F_SETOWN, getpid());
  fcntl(q[0], F_SETSIG, SIGRTMIN);
  fcntl(q[0], F_SETFL, O_ASYNC);
  close(q[1]);
  EQ("closed", next(&i), SIGRTMIN);
  EQ("closed-descriptor", i.si_fd, q[0]);
  drop();
  close(q[0]);
  // Room for a writer.
  char page[4096] = {};
  fcntl(p[1], F_SETFL, O_NONBLOCK | O_ASYNC);
  fcntl(p[1], F_SETOWN, getpid());
  fcntl(p[1], F_SETSIG, SIGUSR1);
  while (write(p[1], page, sizeof page) > 0) continue;
  drop();
  for (int n = 0; n < 3; n++) read(p[0], page, sizeof page);
  EQ("room", next(&i), SIGUSR1);
  EQ("room-code", i.si_code, POLL_OUT);
  EQ("room-band", i.si_band, POLLOUT | POLLWRNORM | POLLWRBAND);
  drop();
  // Off again.
  fcntl(p[0], F_SETFL, 0);
  fcntl(p[1], F_SETFL, 0);
  write(p[1], "x", 1);
  EQ("off", next(&i), 0);
  int on = 1;
  EQ("fioasync", ioctl(p[0], FIOASYNC, &on), 0);
  TRUE("fioasync-flag", fcntl(p[0], F_GETFL) & O_ASYNC);
  write(p[1], "x", 1);
  EQ("fioasync-signal", next(&i), SIGRTMIN);
  drop();
  close(p[0]), close(p[1]);
  int fd = must(open("plain", O_RDWR | O_CREAT, 0644));
  FAILS("plain-file", ioctl(fd, FIOASYNC, &on), ENOTTY);
  EQ("plain-flag", fcntl(fd, F_SETFL, O_ASYNC), 0);
  close(fd);
}

static int reader;
static volatile int stop;

static void *waits_for_sigio(void *arg) {
  siginfo_t i;
  *(pid_t *)arg = gettid();
  while (!stop) sched_yield();
  return (void *)(long)next(&i);
}

// A thread, a group, a child's own signals.
static void targets(void) {
  int p[2];
  siginfo_t i;
  block();
  must(pipe(p));
  reader = p[0];
  pid_t tid = 0;
  stop = 0;
  pthread_t t;
  pthread_create(&t, NULL, waits_for_sigio, (void *)&tid);
  while (!__atomic_load_n(&tid, __ATOMIC_SEQ_CST)) sched_yield();
  struct f_owner_ex o = {F_OWNER_TID, tid};
  fcntl(p[0], F_SETOWN_EX, &o);
  fcntl(p[0], F_SETFL, O_ASYNC);
  write(p[1], "x", 1);
  EQ("not-this-thread", next(&i), 0);
  stop = 1;
  void *got;
  pthread_join(t, &got);
  EQ("that-thread", (long)got, SIGIO);
  // A group: both of its processes.
  fcntl(p[0], F_SETFL, 0);
  pid_t pid = fork();
  if (pid == 0) {
    setpgid(0, 0);
    fcntl(p[0], F_SETOWN, -getpgrp());
    fcntl(p[0], F_SETFL, O_ASYNC);
    pid_t inner = fork();
    write(p[1], "x", 1);
    int bad = sigtimedwait(&waited, &i, &(struct timespec){60, 0}) != SIGIO;
    if (inner) bad |= status_of(inner);
    _exit(bad);
  }
  EQ("group", status_of(pid), 0);
  EQ("not-outside", next(&i), 0);
  close(p[0]), close(p[1]);
}

static void terminals(void) {
  siginfo_t i;
  block();
  int master = must(posix_openpt(O_RDWR | O_NOCTTY));
  grantpt(master), unlockpt(master);
  int slave = must(open(ptsname(master), O_RDWR | O_NOCTTY));
  fcntl(slave, F_SETSIG, SIGRTMIN);
  EQ("on", fcntl(slave, F_SETFL, O_ASYNC), 0);
  EQ("its-owner", fcntl(slave, F_GETOWN), getpid());
  write(master, "line\n", 5);
  EQ("line", sigtimedwait(&waited, &i, &(struct timespec){60, 0}), SIGRTMIN);
  EQ("code", i.si_code, POLL_IN);
  EQ("descriptor", i.si_fd, slave);
  close(slave), close(master);
  drop();
}

CHECK_MAIN(CASE(owners), CASE(pipes), CASE(targets), CASE(terminals))
