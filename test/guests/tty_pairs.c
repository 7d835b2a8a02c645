// Pairs of pseudo-terminals: opening, hang-ups, output, VMIN and VTIME, packet mode, sizes, poll.
#include "check.h"
#include "tty.h"
#ifndef TIOCGPTPEER
#define TIOCGPTPEER 0x5441
#endif

static void opening(void) {
  int m = GOOD("ptmx", open("/dev/ptmx", O_RDWR | O_NOCTTY));
  int locked = -1, n = -1;
  char name[32];
  struct stat st, ms;
  GOOD("number", ioctl(m, TIOCGPTN, &n));
  GOOD("locked", ioctl(m, TIOCGPTLCK, &locked));
  EQ("locked-first", locked, 1);
  snprintf(name, sizeof name, "/dev/pts/%d", n);
  FAILS("open-locked", open(name, O_RDWR | O_NOCTTY), EIO);
  locked = 0;
  GOOD("unlock", ioctl(m, TIOCSPTLCK, &locked));
  int s = GOOD("open", open(name, O_RDWR | O_NOCTTY));
  STR("ttyname", ttyname(s), name);
  EQ("isatty-slave", isatty(s), 1);
  EQ("isatty-master", isatty(m), 1);
  GOOD("stat", fstat(s, &st));
  EQ("major", st.st_rdev >> 8, 136);
  TRUE("device", S_ISCHR(st.st_mode));
  GOOD("stat-master", fstat(m, &ms));
  EQ("ptmx-number", ms.st_rdev, 0x502);
  int peer = GOOD("peer", ioctl(m, TIOCGPTPEER, O_RDWR | O_NOCTTY));
  STR("peer-name", ttyname(peer), name);
  FAILS("peer-of-slave", ioctl(s, TIOCGPTPEER, O_RDWR), EIO);
  FAILS("number-of-slave", ioctl(s, TIOCGPTN, &n), ENOTTY);
  FAILS("seek", lseek(s, 0, SEEK_CUR), ESPIPE);
  int m2 = GOOD("second", open("/dev/pts/ptmx", O_RDWR | O_NOCTTY));
  int n2 = -1;
  ioctl(m2, TIOCGPTN, &n2);
  EQ("next-number", n2, n + 1);
  close(m2);
  FAILS("unlink", unlink(name), EPERM);
  FAILS("mkdir", mkdir("/dev/pts/x", 0755), EPERM);
  FAILS("no-tty", open("/dev/tty", O_RDWR), ENXIO);
  close(s), close(peer), close(m);
  FAILS("gone", open(name, O_RDWR | O_NOCTTY), ENOENT);
}

static void closing(void) {
  char b[16];
  struct pty p = pty_open();
  struct pollfd f = {p.master, POLLIN | POLLOUT, 0};
  EQ("poll-idle", poll(&f, 1, 0), 1);
  EQ("writable", f.revents, POLLOUT);
  close(p.slave);
  FAILS("master-eio", read(p.master, b, 16), EIO);
  poll(&f, 1, 0);
  EQ("hup", f.revents, POLLOUT | POLLHUP);
  EQ("write-no-slave", write(p.master, "kept\n", 5), 5);
  p.slave = GOOD("again", open(p.name, O_RDWR | O_NOCTTY));
  EQ("kept", read(p.slave, b, 16), 5);
  shows(p.master, "kept\r\n");
  write(p.slave, "last", 4);
  close(p.slave);
  TRUE("before-eio", shows(p.master, "last"));
  FAILS("then-eio", read(p.master, b, 16), EIO);
  close(p.master);
  p = pty_open();
  close(p.master);
  EQ("slave-eof", read(p.slave, b, 16), 0);
  FAILS("slave-eio", write(p.slave, "x", 1), EIO);
  struct termios t;
  FAILS("ioctl-eio", tcgetattr(p.slave, &t), EIO);
  FAILS("spgrp", tcsetpgrp(p.slave, 1), ENOTTY);
  f.fd = p.slave;
  poll(&f, 1, 0);
  EQ("all", f.revents, POLLIN | POLLOUT | POLLERR | POLLHUP);
  close(p.slave);
}

static void output_is(const char *name, tcflag_t flags, const char *text, const char *want) {
  struct pty p = pty_open();
  struct termios t;
  tcgetattr(p.slave, &t);
  t.c_oflag = flags;
  tcsetattr(p.slave, TCSANOW, &t);
  if (write(p.slave, text, strlen(text)) != (long)strlen(text)) put("(short)\n");
  TRUE(name, shows(p.master, want));
  fcntl(p.master, F_SETFL, O_RDWR | O_NONBLOCK);
  char rest;
  FAILS("no-more", read(p.master, &rest, 1), EAGAIN);
  pty_close(&p);
}

static void output(void) {
  output_is("usual", OPOST | ONLCR, "a\nb\r\tc\n", "a\r\nb\r\tc\r\n");
  output_is("raw", ONLCR, "a\nb", "a\nb");
  output_is("tabs", OPOST | XTABS, "a\tb\t12345678\tc", "a       b       12345678        c");
  output_is("back", OPOST | XTABS, "abc\b\t|", "abc\b      |");
  output_is("ocrnl", OPOST | OCRNL, "a\rb", "a\nb");
  output_is("onocr", OPOST | ONOCR, "\r\ra\rb", "a\rb");
  output_is("onlret", OPOST | ONLRET | ONOCR, "a\n\rb", "a\nb");
  output_is("olcuc", OPOST | OLCUC, "aBc1", "ABC1");
}

// How many bytes a read of the slave gives, after what was written to the master; and whether it waited at least so long.
static void raw_read(const char *name, int min, int time, const char *typed, int size, int want, int tenths) {
  struct pty p = pty_open();
  char b[256], what[64];
  raw(p.slave, min, time);
  if (*typed) {
    write(p.master, typed, strlen(typed));
    waiting(p.slave, strlen(typed));
  }
  int64_t begin = now_ns(CLOCK_MONOTONIC);
  EQ(name, read(p.slave, b, size), want);
  int64_t spent = now_ns(CLOCK_MONOTONIC) - begin;
  snprintf(what, sizeof what, "%s-time", name);
  TRUE(what, spent >= tenths * 100000000ll - 20000000);
  pty_close(&p);
}

static void min_and_time(void) {
  raw_read("polling", 0, 0, "", 10, 0, 0);
  raw_read("polling-some", 0, 0, "abc", 10, 3, 0);
  raw_read("timeout", 0, 2, "", 10, 0, 2);
  raw_read("timeout-some", 0, 50, "ab", 10, 2, 0);
  raw_read("min", 3, 0, "abcd", 10, 4, 0);
  raw_read("min-count", 5, 0, "abc", 3, 3, 0);
  raw_read("between", 5, 2, "abc", 10, 3, 2);
  raw_read("between-all", 3, 50, "abc", 10, 3, 0);
  // MIN holds a read, and poll, until enough is there.
  struct pty p = pty_open();
  char b[16];
  raw(p.slave, 4, 0);
  write(p.master, "ab", 2);
  waiting(p.slave, 2);
  struct pollfd f = {p.slave, POLLIN, 0};
  EQ("poll-less", poll(&f, 1, 0), 0);
  pid_t child = fork();
  if (child == 0) {
    until_asleep(getppid(), getppid());
    write(p.master, "cd", 2);
    _exit(0);
  }
  EQ("held", read(p.slave, b, 16), 4);
  EQ("child", status_of(child), 0);
  write(p.master, "abcd", 4);
  EQ("poll-enough", poll(&f, 1, 10000), 1);
  fcntl(p.slave, F_SETFL, O_RDWR | O_NONBLOCK);
  EQ("nonblock", read(p.slave, b, 16), 4);
  FAILS("nonblock-none", read(p.slave, b, 16), EAGAIN);
  pty_close(&p);
}

static void packets(void) {
  struct pty p = pty_open();
  char b[64];
  int on = 1;
  GOOD("on", ioctl(p.master, TIOCPKT, &on));
  write(p.slave, "hi", 2);
  EQ("data", read(p.master, b, 64), 3);
  EQ("data-byte", b[0], TIOCPKT_DATA);
  GOOD("flush", tcflush(p.slave, TCIOFLUSH));
  struct pollfd f = {p.master, POLLIN | POLLPRI, 0};
  EQ("poll", poll(&f, 1, 1000), 1);
  TRUE("pri", f.revents & POLLPRI);
  EQ("status", read(p.master, b, 64), 1);
  EQ("flushed", b[0], TIOCPKT_FLUSHREAD | TIOCPKT_FLUSHWRITE);
  GOOD("stop", tcflow(p.slave, TCOOFF));
  EQ("stop-read", read(p.master, b, 64), 1);
  EQ("stopped", b[0], TIOCPKT_STOP);
  GOOD("start", tcflow(p.slave, TCOON));
  EQ("start-read", read(p.master, b, 64), 1);
  EQ("started", b[0], TIOCPKT_START);
  struct termios t;
  tcgetattr(p.slave, &t);
  t.c_iflag &= ~IXON;
  tcsetattr(p.slave, TCSANOW, &t);
  EQ("flow-read", read(p.master, b, 64), 1);
  EQ("nostop", b[0] & (TIOCPKT_NOSTOP | TIOCPKT_DOSTOP), TIOCPKT_NOSTOP);
  t.c_iflag |= IXON;
  tcsetattr(p.slave, TCSANOW, &t);
  EQ("flow-again", read(p.master, b, 64), 1);
  EQ("dostop", b[0] & (TIOCPKT_NOSTOP | TIOCPKT_DOSTOP), TIOCPKT_DOSTOP);
  on = 0;
  GOOD("off", ioctl(p.master, TIOCPKT, &on));
  write(p.slave, "x", 1);
  EQ("plain", read(p.master, b, 64), 1);
  EQ("plain-byte", b[0], 'x');
  pty_close(&p);
}

static void sizes(void) {
  struct pty p = pty_open();
  struct winsize w = {1, 1, 1, 1};
  GOOD("get", ioctl(p.slave, TIOCGWINSZ, &w));
  EQ("zero", w.ws_row + w.ws_col + w.ws_xpixel + w.ws_ypixel, 0);
  w = (struct winsize){50, 10000, 7, 65535};
  GOOD("set", ioctl(p.master, TIOCSWINSZ, &w));
  memset(&w, 0, sizeof w);
  GOOD("slave", ioctl(p.slave, TIOCGWINSZ, &w));
  TRUE("same", w.ws_row == 50 && w.ws_col == 10000 && w.ws_xpixel == 7 && w.ws_ypixel == 65535);
  int n = 1;
  GOOD("outq", ioctl(p.slave, TIOCOUTQ, &n));
  EQ("outq-0", n, 0);
  GOOD("excl", ioctl(p.slave, TIOCEXCL));
  GOOD("nxcl", ioctl(p.slave, TIOCNXCL));
  GOOD("drain", tcdrain(p.slave));
  GOOD("break", tcsendbreak(p.slave, 0));
  FAILS("flow-what", tcflow(p.slave, 9), EINVAL);
  FAILS("gpgrp", tcgetpgrp(p.slave), ENOTTY);
  FAILS("fault", ioctl(p.slave, TCGETS, (void *)8), EFAULT);
  pty_close(&p);
}

CHECK_MAIN(CASE(opening), CASE(closing), CASE(output), CASE(min_and_time), CASE(packets), CASE(sizes))
