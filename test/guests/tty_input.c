// The line discipline's input side: what a slave reads, and what its master sees, of bytes that are typed.
#include "check.h"
#include "tty.h"

// One row: termios changes, what is typed, what single reads of the slave give (separated by '|'; '~' is a read of 0
// bytes), and what the master sees.
struct row {
  const char *name;
  tcflag_t iflag, oflag, lflag;           // toggled
  unsigned char cc[8];                    // pairs: index, value; 255 ends them
  const char *typed, *reads, *shown;
};
#define CC(...) {__VA_ARGS__, 255}
#define NONE {255}

static void run_row(const struct row *r) {
  struct pty p = pty_open();
  struct termios t;
  must(tcgetattr(p.slave, &t));
  t.c_iflag ^= r->iflag, t.c_oflag ^= r->oflag, t.c_lflag ^= r->lflag;
  for (const unsigned char *c = r->cc; *c != 255; c += 2) t.c_cc[c[0]] = c[1];
  must(tcsetattr(p.slave, TCSANOW, &t));
  must(fcntl(p.slave, F_SETFL, O_RDWR | O_NONBLOCK));
  must(write(p.master, r->typed, strlen(r->typed)));
  char reads[4096] = "", shown[8192] = "", all[512], name[64];
  // What was echoed is out before input can be read: typing is done in order.
  for (int k = 0; k < 40; k++) {
    ssize_t n = read(p.slave, all, sizeof all);
    if (n < 0) break;
    if (*reads) strcat(reads, "|");
    if (n == 0 && !(t.c_lflag & ICANON)) break;
    if (n == 0) strcat(reads, "~");
    strncat(reads, all, n);
  }
  must(fcntl(p.master, F_SETFL, O_RDWR | O_NONBLOCK));
  for (size_t at = 0;;) {
    ssize_t n = read(p.master, shown + at, sizeof shown - 1 - at);
    if (n <= 0) break;
    shown[at += n] = 0;
  }
  snprintf(name, sizeof name, "%s-read", r->name);
  STR(name, escaped(reads), r->reads);
  snprintf(name, sizeof name, "%s-shown", r->name);
  STR(name, escaped(shown), r->shown);
  pty_close(&p);
}

static void rows(const struct row *r, int n) {
  for (int i = 0; i < n; i++) run_row(r + i);
}
#define ROWS(r) rows(r, sizeof r / sizeof *r)

static void lines(void) {
  static const struct row r[] = {
    {"line", 0, 0, 0, NONE, "abc\n", "abc\\n", "abc\\r\\n"},
    {"two-lines", 0, 0, 0, NONE, "a\nbc\n", "a\\n|bc\\n", "a\\r\\nbc\\r\\n"},
    {"unfinished", 0, 0, 0, NONE, "abc", "", "abc"},
    {"cr", 0, 0, 0, NONE, "abc\r", "abc\\n", "abc\\r\\n"},
    {"cr-as-is", ICRNL, 0, 0, NONE, "abc\rd\n", "abc\\rd\\n", "abc^Md\\r\\n"},
    {"igncr", IGNCR, 0, 0, NONE, "ab\rc\n", "abc\\n", "abc\\r\\n"},
    {"inlcr", INLCR | ICRNL, 0, 0, NONE, "ab\n", "", "ab^M"},
    {"istrip", ISTRIP, 0, 0, NONE, "a\xe2\n", "ab\\n", "ab\\r\\n"},
    {"iuclc", IUCLC, 0, 0, NONE, "AbC\n", "abc\\n", "abc\\r\\n"},
    {"eof", 0, 0, 0, NONE, "\4", "~", ""},
    {"eof-after-text", 0, 0, 0, NONE, "abc\4", "abc", "abc"},
    {"eof-between", 0, 0, 0, NONE, "ab\4cd\n", "ab|cd\\n", "abcd\\r\\n"},
    {"eof-twice", 0, 0, 0, NONE, "ab\4\4", "ab|~", "ab"},
    {"eof-after-line", 0, 0, 0, NONE, "ab\n\4c\n", "ab\\n|~|c\\n", "ab\\r\\nc\\r\\n"},
    {"eol", 0, 0, 0, CC(VEOL, ';'), "ab;c\n", "ab;|c\\n", "ab;c\\r\\n"},
    {"eol2", 0, 0, 0, CC(VEOL2, '#'), "ab#c\n", "ab#|c\\n", "ab#c\\r\\n"},
    {"eol2-without-iexten", 0, 0, IEXTEN, CC(VEOL2, '#'), "ab#c\n", "ab#c\\n", "ab#c\\r\\n"},
    {"echo-off", 0, 0, ECHO, NONE, "abc\n", "abc\\n", ""},
    {"echonl", 0, 0, ECHO | ECHONL, NONE, "abc\n", "abc\\n", "\\r\\n"},
    {"control", 0, 0, 0, NONE, "a\1\t\x7f\n", "a\\x01\\n", "a^A\\t\\x08\\x08\\x08\\x08\\x08\\r\\n"},
    {"control-as-is", 0, 0, ECHOCTL, NONE, "a\1b\n", "a\\x01b\\n", "a\\x01b\\r\\n"},
    {"lnext", 0, 0, 0, NONE, "a\x16\x03\x16\x16\x16\x7f\n", "a\\x03\\x16\\x7f\\n", "a^\\x08^C^\\x08^V^\\x08^?\\r\\n"},
    {"lnext-newline", 0, 0, 0, NONE, "a\x16\nb\n", "a\\nb\\n", "a^\\x08^Jb\\r\\n"},
    {"lnext-without-iexten", 0, 0, IEXTEN, NONE, "a\x16z\n", "a\\x16z\\n", "a^Vz\\r\\n"},
    {"reprint", 0, 0, 0, NONE, "ab\1\x12" "c\n", "ab\\x01c\\n", "ab^A^R\\r\\nab^Ac\\r\\n"},
    {"parmrk", PARMRK, 0, 0, NONE, "a\377b\n", "a\\xff\\xffb\\n", "a\\xffb\\r\\n"},
    {"no-ff-mark", 0, 0, 0, NONE, "a\377b\n", "a\\xffb\\n", "a\\xffb\\r\\n"},
  };
  ROWS(r);
}

static void erasing(void) {
  static const struct row r[] = {
    {"erase", 0, 0, 0, NONE, "abc\x7f\x7fz\n", "az\\n", "abc\\x08 \\x08\\x08 \\x08z\\r\\n"},
    {"erase-nothing", 0, 0, 0, NONE, "\x7f" "a\n", "a\\n", "a\\r\\n"},
    {"erase-not-last-line", 0, 0, 0, NONE, "a\n\x7f\x7f" "b\n", "a\\n|b\\n", "a\\r\\nb\\r\\n"},
    {"erase-control", 0, 0, 0, NONE, "a\1\x7f\n", "a\\n", "a^A\\x08 \\x08\\x08 \\x08\\r\\n"},
    {"erase-unseen-control", 0, 0, ECHOCTL, NONE, "a\1\x7f\n", "a\\n", "a\\x01\\r\\n"},
    {"erase-without-echoe", 0, 0, ECHOE, NONE, "ab\x7f\n", "a\\n", "ab^?\\r\\n"},
    {"erase-tab", 0, 0, 0, NONE, "abc\t\x7f\n", "abc\\n", "abc\\t\\x08\\x08\\x08\\x08\\x08\\r\\n"},
    {"erase-second-tab", 0, 0, 0, NONE, "\tab\t\x7f\n", "\\tab\\n", "\\tab\\t\\x08\\x08\\x08\\x08\\x08\\x08\\r\\n"},
    {"kill", 0, 0, 0, NONE, "ab\x15" "c\n", "c\\n", "ab\\x08 \\x08\\x08 \\x08c\\r\\n"},
    {"kill-echok", 0, 0, ECHOKE, NONE, "ab\x15" "c\n", "c\\n", "ab^U\\r\\nc\\r\\n"},
    {"kill-neither", 0, 0, ECHOKE | ECHOK, NONE, "ab\x15" "c\n", "c\\n", "ab^Uc\\r\\n"},
    {"kill-unseen", 0, 0, ECHO, NONE, "ab\x15" "c\n", "c\\n", ""},
    {"word", 0, 0, 0, NONE, "ab cd_1\x17\n", "ab \\n", "ab cd_1\\x08 \\x08\\x08 \\x08\\x08 \\x08\\x08 \\x08\\r\\n"},
    {"word-and-blanks", 0, 0, 0, NONE, "ab c ,\x17z\n", "ab z\\n", "ab c ,\\x08 \\x08\\x08 \\x08\\x08 \\x08z\\r\\n"},
    {"word-without-iexten", 0, 0, IEXTEN, NONE, "ab\x17\n", "ab\\x17\\n", "ab^W\\r\\n"},
    {"echoprt", 0, 0, ECHOPRT, NONE, "abc\x7f\x7fz\n", "az\\n", "abc\\\\cb/z\\r\\n"},
    {"echoprt-all", 0, 0, ECHOPRT, NONE, "ab\x7f\x7f\n", "\\n", "ab\\\\ba/\\r\\n"},
    {"bytes", 0, 0, 0, NONE, "\xc3\xa4\x7f\n", "\\xc3\\n", "\\xc3\\xa4\\x08 \\x08\\r\\n"},
    {"utf8", IUTF8, 0, 0, NONE, "a\xc3\xa4\xe2\x82\xac\x7f\n", "a\\xc3\\xa4\\n", "a\\xc3\\xa4\\xe2\\x82\\xac\\x08 \\x08\\r\\n"},
    {"utf8-word", IUTF8, 0, 0, NONE, "x \xc3\xa4\xc3\xb6\x17\n", "x \\n", "x \\xc3\\xa4\\xc3\\xb6\\x08 \\x08\\x08 \\x08\\r\\n"},
    {"utf8-orphan", IUTF8, 0, 0, NONE, "\xa4\xa4\x7f\n", "\\xa4\\xa4\\n", "\\xa4\\xa4\\r\\n"},
    {"other-keys", 0, 0, 0, CC(VERASE, '#', VKILL, '@'), "ab#c@d#e\n", "e\\n", "ab\\x08 \\x08c\\x08 \\x08\\x08 \\x08d\\x08 \\x08e\\r\\n"},
    {"no-key", 0, 0, 0, CC(VERASE, 0), "ab\x7f\n", "ab\\x7f\\n", "ab^?\\r\\n"},
  };
  ROWS(r);
}

static void raw_mode(void) {
  static const struct row r[] = {
    {"raw", ICRNL | IXON, OPOST, ISIG | ICANON | ECHO | IEXTEN, NONE, "a\r\3\4\x11\x13\x16\x7f\n", "a\\r\\x03\\x04\\x11\\x13\\x16\\x7f\\n", ""},
    {"icrnl", IXON, 0, ISIG | ICANON | IEXTEN, NONE, "a\rb\n", "a\\nb\\n", "a\\r\\nb^J"},
    {"inlcr", ICRNL | INLCR, 0, ISIG | ICANON | IEXTEN, NONE, "a\n", "a\\r", "a^M"},
    {"echo", 0, 0, ICANON, NONE, "a\1\n", "a\\x01\\n", "a^A^J"},
    {"iexten-means-nothing", 0, 0, ICANON, NONE, "a\x16" "b", "a\\x16b", "a^Vb"},
    {"flow", 0, 0, ICANON, NONE, "a\x13" "b\x11" "c", "abc", "abc"},
    {"ixany", IXANY, 0, ICANON, NONE, "a\x13" "b", "ab", "ab"},
  };
  ROWS(r);
}

// What is typed stays a line of at most 4,096 bytes; what is too long is lost but for its end.
static void full(void) {
  struct pty p = pty_open();
  static char b[9000], got[9000];
  struct termios t;
  tcgetattr(p.slave, &t);
  t.c_lflag &= ~ECHO;
  tcsetattr(p.slave, TCSANOW, &t);
  memset(b, 'x', sizeof b);
  b[5999] = '\n';
  EQ("typed", write(p.master, b, 6000), 6000);
  EQ("read", read(p.slave, got, sizeof got), 4096);
  EQ("end", got[4095], '\n');
  EQ("last", got[4094], 'x');
  // A short read leaves the rest of the line.
  write(p.master, "hello\n", 6);
  EQ("short", read(p.slave, got, 2), 2);
  EQ("rest", read(p.slave, got, 100), 4);
  // Raw mode loses nothing: the writer waits.
  raw(p.slave, 1, 0);
  fcntl(p.master, F_SETFL, O_RDWR | O_NONBLOCK);
  size_t in = 0, out = 0;
  for (int k = 0; k < 2000; k++) {
    for (size_t i = 0; i < 100; i++) b[i] = (in + i) % 251;
    ssize_t n = write(p.master, b, 100);
    if (n > 0) in += n;
    if (n < 100) break;
  }
  TRUE("waits", in >= 4095 && in < 100000);
  fcntl(p.slave, F_SETFL, O_RDWR | O_NONBLOCK);
  int same = 1;
  for (;;) {
    ssize_t n = read(p.slave, got, sizeof got);
    if (n <= 0) break;
    for (ssize_t i = 0; i < n; i++) same &= (unsigned char)got[i] == (out + i) % 251;
    out += n;
  }
  EQ("all", out, in);
  TRUE("same", same);
  pty_close(&p);
}

// Changing between the modes with input that waits.
static void switching(void) {
  struct pty p = pty_open();
  char b[64];
  int n;
  struct termios cooked;
  tcgetattr(p.slave, &cooked);
  write(p.master, "abc", 3);
  GOOD("waits-in-line", ioctl(p.slave, FIONREAD, &n));
  EQ("none-yet", n, 0);
  raw(p.slave, 1, 0);
  EQ("three", waiting(p.slave, 3), 3);
  EQ("read", read(p.slave, b, 64), 3);
  write(p.master, "xyz", 3);
  EQ("xyz", waiting(p.slave, 3), 3);
  GOOD("back", tcsetattr(p.slave, TCSANOW, &cooked));
  EQ("a-line", read(p.slave, b, 64), 3);
  write(p.master, "12\n34\n", 6);
  EQ("two-lines", waiting(p.slave, 6), 6);
  write(p.master, "5\4", 2);
  EQ("mark", waiting(p.slave, 7), 7);
  GOOD("flush", tcflush(p.slave, TCIFLUSH));
  GOOD("flushed", ioctl(p.slave, FIONREAD, &n));
  EQ("none", n, 0);
  write(p.master, "old\n", 4);
  EQ("old", waiting(p.slave, 4), 4);
  GOOD("tcsaflush", tcsetattr(p.slave, TCSAFLUSH, &cooked));
  write(p.master, "new\n", 4);
  EQ("new-only", read(p.slave, b, 64), 4);
  TRUE("new", !memcmp(b, "new\n", 4));
  // VEOF goes with the last byte before it.
  write(p.master, "abc\4d\n", 6);
  EQ("exact", read(p.slave, b, 3), 3);
  EQ("next", read(p.slave, b, 64), 2);
  FAILS("tcflush-what", tcflush(p.slave, 7), EINVAL);
  pty_close(&p);
}

static void stopping(void) {
  struct pty p = pty_open();
  // Output that is stopped, echoes too, goes on with START.
  write(p.master, "a", 1);
  TRUE("a", shows(p.master, "a"));
  write(p.master, "\x13", 1);
  fcntl(p.slave, F_SETFL, O_RDWR | O_NONBLOCK);
  for (int64_t end = now_ns(CLOCK_MONOTONIC) + DEADLINE; write(p.slave, "", 0) == 0 && now_ns(CLOCK_MONOTONIC) < end;) {
    struct pollfd f = {p.slave, POLLOUT, 0};
    if (poll(&f, 1, 0) == 0) break; // stopped
  }
  FAILS("stopped", write(p.slave, "x", 1), EAGAIN);
  write(p.master, "b\x11" "c", 3);
  TRUE("started", shows(p.master, "bc"));
  pty_close(&p);
}

CHECK_MAIN(CASE(lines), CASE(erasing), CASE(raw_mode), CASE(full), CASE(switching), CASE(stopping))
