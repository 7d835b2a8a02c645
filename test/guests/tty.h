// Pseudo-terminals for guests.
#pragma once
#include <poll.h>
#include <sys/ioctl.h>
#include <termios.h>

struct pty {
  int master, slave;
  char name[32];
};

static __attribute__((unused)) struct pty pty_open(void) {
  struct pty p;
  p.master = must(open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC));
  must(grantpt(p.master));
  must(unlockpt(p.master));
  must(ptsname_r(p.master, p.name, sizeof p.name));
  p.slave = must(open(p.name, O_RDWR | O_NOCTTY | O_CLOEXEC));
  return p;
}

#define DEADLINE 10000000000ll

// Linux's line discipline works in the background: these wait until it has done what they ask, or the deadline.

// FIONREAD once it is at least `want`.
static __attribute__((unused)) int waiting(int fd, int want) {
  int n = -1;
  for (int64_t end = now_ns(CLOCK_MONOTONIC) + DEADLINE; now_ns(CLOCK_MONOTONIC) < end; sched_yield()) {
    must(ioctl(fd, FIONREAD, &n));
    if (n >= want) break;
  }
  return n;
}

// Whether the master reads exactly this next.
static __attribute__((unused)) int shows(int fd, const char *want) {
  size_t n = 0, length = strlen(want);
  char got[4096];
  while (n < length) {
    struct pollfd f = {fd, POLLIN, 0};
    if (poll(&f, 1, DEADLINE / 1000000) != 1) break;
    ssize_t r = read(fd, got + n, length - n);
    if (r <= 0) break;
    n += r;
  }
  if (n == length && !memcmp(got, want, n)) return 1;
  put("(shows %.*s)\n", (int)n, got);
  return 0;
}

static __attribute__((unused)) void pty_close(struct pty *p) {
  close(p->slave);
  close(p->master);
}

// Raw mode: no lines, echo, signals or changes of bytes.
static __attribute__((unused)) void raw(int fd, int min, int time) {
  struct termios t;
  must(tcgetattr(fd, &t));
  cfmakeraw(&t);
  t.c_cc[VMIN] = min, t.c_cc[VTIME] = time;
  must(tcsetattr(fd, TCSANOW, &t));
}

// A string with its control characters and bytes above 0x7f as C writes them.
static __attribute__((unused)) const char *escaped(const char *s) {
  static char text[4][8192];
  static int turn;
  char *at = text[turn++ % 4], *begin = at;
  for (; *s && at < begin + 8180; s++) {
    unsigned char c = *s;
    if (c == '\n') at += sprintf(at, "\\n");
    else if (c == '\r') at += sprintf(at, "\\r");
    else if (c == '\t') at += sprintf(at, "\\t");
    else if (c == '\\') at += sprintf(at, "\\\\");
    else if (c < ' ' || c > 126) at += sprintf(at, "\\x%02x", c);
    else *at++ = c;
  }
  *at = 0;
  return begin;
}
