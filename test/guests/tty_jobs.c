// Sessions, controlling terminals and job control.
#include "check.h"
#include "tty.h"

// A session of its own on a fresh terminal: its leader runs `run` with the slave as descriptor `tty`.
static struct pty p;
static int tty;

static int session(void (*run)(void)) {
  pid_t child = must(fork());
  if (child == 0) {
    check_failures = 0;
    must(setsid());
    tty = must(open(p.name, O_RDWR));
    close(p.slave);
    run();
    _exit(check_failures ? 1 : 0);
  }
  return child;
}

static volatile sig_atomic_t caught[65];
static void catcher(int s) { caught[s]++; }
static void catch(int s, int flags) {
  struct sigaction a = {.sa_handler = catcher, .sa_flags = flags};
  must(sigaction(s, &a, NULL));
}

static long stat_field(pid_t pid, int index) {
  char path[32];
  snprintf(path, sizeof path, "/proc/%d/stat", pid);
  char *text = read_file(path), *at = text ? strrchr(text, ')') : NULL;
  for (int i = 2; at && i < index; i++) at = strchr(at + 1, ' ');
  return at ? strtol(at + 1, NULL, 10) : -99;
}

static void acquire(void) {
  struct stat st;
  fstat(tty, &st);
  EQ("sid", tcgetsid(tty), getpid());
  EQ("pgrp", tcgetpgrp(tty), getpid());
  EQ("tty_nr", stat_field(getpid(), 7), st.st_rdev);
  EQ("tpgid", stat_field(getpid(), 8), getpid());
  int fd = GOOD("dev-tty", open("/dev/tty", O_RDWR));
  EQ("isatty", isatty(fd), 1);
  EQ("dev-tty-pgrp", tcgetpgrp(fd), getpid());
  GOOD("again", ioctl(tty, TIOCSCTTY, 0));
  FAILS("spgrp-none", tcsetpgrp(tty, 32000), ESRCH);
  FAILS("spgrp-negative", tcsetpgrp(tty, -5), EINVAL);
  catch(SIGHUP, 0), catch(SIGCONT, 0);
  GOOD("notty", ioctl(fd, TIOCNOTTY));
  EQ("hup-cont", caught[SIGHUP] * 10 + caught[SIGCONT], 11);
  FAILS("given-up", open("/dev/tty", O_RDWR), ENXIO);
  EQ("no-tty_nr", stat_field(getpid(), 7), 0);
  EQ("no-tpgid", stat_field(getpid(), 8), -1);
  GOOD("sctty", ioctl(tty, TIOCSCTTY, 0));
  EQ("back", tcgetpgrp(tty), getpid());
}

static void acquiring(void) {
  p = pty_open();
  pid_t child = must(fork());
  if (child == 0) _exit(ioctl(p.slave, TIOCSCTTY, 0) == -1 && errno == EPERM);
  EQ("not-leader", status_of(child), EXITED(1));
  EQ("status", status_of(session(acquire)), 0);
  pty_close(&p);
}

static void keys_leader(void) {
  catch(SIGINT, 0), catch(SIGQUIT, 0), catch(SIGTSTP, 0), catch(SIGWINCH, 0);
  char b[64];
  must(write(tty, "ready", 5));
  FAILS("int", read(tty, b, 64), EINTR);
  EQ("int-once", caught[SIGINT], 1);
  must(write(tty, "1", 1));
  FAILS("quit", read(tty, b, 64), EINTR);
  EQ("quit-once", caught[SIGQUIT], 1);
  must(write(tty, "2", 1));
  FAILS("susp", read(tty, b, 64), EINTR);
  EQ("susp-once", caught[SIGTSTP], 1);
  must(write(tty, "3", 1));
  FAILS("winch", read(tty, b, 64), EINTR);
  EQ("winch-once", caught[SIGWINCH], 1);
  must(write(tty, "4", 1));
  EQ("flushed", read(tty, b, 64), 4);
  TRUE("new", !memcmp(b, "new\n", 4));
}

static void keys(void) {
  p = pty_open();
  pid_t child = session(keys_leader);
  TRUE("ready", shows(p.master, "ready"));
  until_asleep(child, child);
  write(p.master, "\3", 1);
  TRUE("^C", shows(p.master, "^C1"));
  until_asleep(child, child);
  write(p.master, "\x1c", 1);
  TRUE("^\\", shows(p.master, "^\\2"));
  until_asleep(child, child);
  write(p.master, "old\x1a", 4); // its echo is dropped with it
  TRUE("^Z", shows(p.master, "^Z3"));
  until_asleep(child, child);
  struct winsize w = {10, 20, 0, 0};
  ioctl(p.master, TIOCSWINSZ, &w);
  ioctl(p.master, TIOCSWINSZ, &w); // no change, no signal
  TRUE("winch", shows(p.master, "4"));
  write(p.master, "new\n", 4);
  EQ("status", status_of(child), 0);
  pty_close(&p);
}

static int stop_of(pid_t pid) {
  int status = -1;
  while (waitpid(pid, &status, WUNTRACED) == -1 && errno == EINTR) continue;
  return status;
}

static void jobs_leader(void) {
  signal(SIGTTOU, SIG_IGN);
  // A background job that reads is stopped; in front it reads.
  pid_t job = must(fork());
  char b[64];
  if (job == 0) {
    signal(SIGTTOU, SIG_DFL);
    setpgid(0, 0);
    kill(getpid(), SIGSTOP);
    _exit(read(tty, b, 64) == 3 ? 7 : 8);
  }
  setpgid(job, job);
  EQ("stop", stop_of(job), SIGSTOP << 8 | 0x7f);
  kill(job, SIGCONT);
  EQ("ttin", stop_of(job), SIGTTIN << 8 | 0x7f);
  EQ("state", read_file("/proc/self/stat") != NULL, 1);
  GOOD("front", tcsetpgrp(tty, job));
  must(write(tty, "go", 2));
  kill(job, SIGCONT);
  EQ("read", status_of(job), EXITED(7));
  GOOD("back", tcsetpgrp(tty, getpgrp()));
  // Writing is free without TOSTOP; settings are not.
  job = must(fork());
  if (job == 0) {
    signal(SIGTTOU, SIG_DFL);
    setpgid(0, 0);
    while (tcgetpgrp(tty) == getpgrp()) sched_yield();
    struct termios t;
    if (write(tty, "w", 1) != 1) _exit(1);
    tcgetattr(tty, &t);
    tcsetattr(tty, TCSANOW, &t);
    _exit(9);
  }
  setpgid(job, job);
  EQ("ttou", stop_of(job), SIGTTOU << 8 | 0x7f);
  tcsetpgrp(tty, job);
  kill(job, SIGCONT);
  EQ("set", status_of(job), EXITED(9));
  tcsetpgrp(tty, getpgrp());
  // Who ignores or blocks: EIO for reads, nothing for the rest.
  job = must(fork());
  if (job == 0) {
    setpgid(0, 0);
    signal(SIGTTIN, SIG_IGN);
    struct termios t;
    tcgetattr(tty, &t);
    int ok = read(tty, b, 64) == -1 && errno == EIO;
    t.c_lflag |= TOSTOP;
    ok = ok && tcsetattr(tty, TCSANOW, &t) == 0 && write(tty, "i", 1) == 1;
    signal(SIGTTOU, SIG_DFL);
    if (!ok) _exit(1);
    write(tty, "t", 1); // TOSTOP
    _exit(10);
  }
  setpgid(job, job);
  EQ("tostop", stop_of(job), SIGTTOU << 8 | 0x7f);
  kill(job, SIGKILL);
  EQ("killed", status_of(job), SIGKILL);
}

static void jobs(void) {
  p = pty_open();
  pid_t child = session(jobs_leader);
  TRUE("go", shows(p.master, "go"));
  write(p.master, "ab\n", 3);
  // The leader tells what it finds at the same time: said once it is done.
  int echo = shows(p.master, "ab\r\nwi");
  EQ("status", status_of(child), 0);
  TRUE("echo", echo);
  pty_close(&p);
}

// A pipe by which signals are told of from afar.
static int told[2];
static void tell(int s) {
  char c = s == SIGHUP ? 'H' : s == SIGCONT ? 'C' : '?';
  write(told[1], &c, 1);
}

static void tell_and_leave(int s) {
  tell(s);
  _exit(0);
}

static char *tale(int n) {
  static char text[16];
  memset(text, 0, sizeof text);
  for (int i = 0; i < n && read(told[0], text + i, 1) == 1; i++) continue;
  return text;
}

static void orphan_leader(void) {
  // A child that has a stopped child in a group of its own, and ends.
  pid_t middle = must(fork());
  if (middle == 0) {
    setpgid(0, 0);
    pid_t last = must(fork());
    if (last == 0) {
      struct sigaction a = {.sa_handler = tell};
      sigaction(SIGHUP, &a, NULL);
      sigaction(SIGCONT, &a, NULL);
      kill(getpid(), SIGSTOP);
      for (;;) pause();
    }
    stop_of(last);
    _exit(last & 0x7f);
  }
  setpgid(middle, middle);
  TRUE("ended", WIFEXITED(status_of(middle)));
  char *text = tale(2);
  TRUE("both", strchr(text, 'H') && strchr(text, 'C'));
  kill(-middle, SIGKILL);
}

static void orphans(void) {
  pipe(told);
  p = pty_open();
  EQ("status", status_of(session(orphan_leader)), 0);
  pty_close(&p);
  close(told[0]), close(told[1]);
}

static void hup_leader(void) {
  struct sigaction a = {.sa_handler = tell};
  sigaction(SIGHUP, &a, NULL);
  sigaction(SIGCONT, &a, NULL);
  close(p.master);
  must(write(told[1], "r", 1));
  // On Linux the hang-up goes on beside this; until it is done, opening answers EIO.
  for (int tty; (tty = open("/dev/tty", O_RDWR)) != -1 || errno == EIO; sched_yield()) {
    if (tty != -1) close(tty);
  }
  EQ("no-terminal", errno, ENXIO);
  must(write(told[1], "e", 1));
}

static void hangups(void) {
  pipe(told);
  p = pty_open();
  pid_t child = session(hup_leader);
  STR("ready", tale(1), "r");
  close(p.slave);
  close(p.master);
  char *text = tale(3);
  TRUE("signals", strchr(text, 'H') && strchr(text, 'C') && strchr(text, 'e'));
  EQ("status", status_of(child), 0);
  close(told[0]), close(told[1]);
}

// The end of a session's leader hangs up the group in front.
static void leaving_leader(void) {
  pid_t front = must(fork());
  if (front == 0) {
    setpgid(0, 0);
    while (tcgetpgrp(tty) != getpgrp()) sched_yield();
    struct sigaction a = {.sa_handler = tell_and_leave};
    sigaction(SIGHUP, &a, NULL);
    must(write(told[1], "r", 1));
    for (;;) pause();
  }
  setpgid(front, front);
  tcsetpgrp(tty, front);
  STR("in-front", tale(1), "r");
  must(write(tty, "bye", 3));
  _exit(check_failures ? 1 : front % 100);
}

static void leaving(void) {
  pipe(told);
  p = pty_open();
  pid_t child = session(leaving_leader);
  TRUE("bye", shows(p.master, "bye"));
  TRUE("status", WIFEXITED(status_of(child)));
  STR("hup", tale(1), "H");
  EQ("free", tcgetpgrp(p.master), 0);
  close(p.slave);
  close(p.master);
  close(told[0]), close(told[1]);
}

CHECK_MAIN(CASE(acquiring), CASE(keys), CASE(jobs), CASE(orphans), CASE(hangups), CASE(leaving))
