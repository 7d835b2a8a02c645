// /dev: null, zero, full, random, urandom, tty; ioctl on what is no terminal.
#include "check.h"
#include <sys/ioctl.h>
#include <termios.h>

static void null_and_zero(void) {
  char b[64];
  int fd = GOOD("null", open("/dev/null", O_RDWR));
  EQ("null-read", read(fd, b, 64), 0);
  EQ("null-write", write(fd, b, 64), 64);
  EQ("null-seek", lseek(fd, 100, SEEK_SET), 0);
  close(fd);
  fd = GOOD("zero", open("/dev/zero", O_RDWR));
  memset(b, 1, sizeof b);
  EQ("zero-read", read(fd, b, 64), 64);
  int zero = 1;
  for (int i = 0; i < 64; i++) zero &= !b[i];
  TRUE("zero-bytes", zero);
  EQ("zero-write", write(fd, b, 64), 64);
  close(fd);
  fd = GOOD("full", open("/dev/full", O_RDWR));
  EQ("full-read", read(fd, b, 64), 64);
  FAILS("full-write", write(fd, b, 1), ENOSPC);
  close(fd);
  GOOD("truncate", close(open("/dev/null", O_WRONLY | O_TRUNC | O_CREAT, 0644)));
}

static void random_devices(void) {
  unsigned char a[64] = {0}, b[64] = {0};
  int fd = GOOD("urandom", open("/dev/urandom", O_RDONLY));
  EQ("read", read(fd, a, 64), 64);
  EQ("read-again", read(fd, b, 64), 64);
  TRUE("differ", memcmp(a, b, 64));
  close(fd);
  fd = GOOD("random", open("/dev/random", O_RDWR));
  EQ("random-read", read(fd, a, 64), 64);
  EQ("random-write", write(fd, a, 4), 4);
  close(fd);
}

static void no_terminal(void) {
  int p[2], n;
  struct termios t;
  struct winsize w;
  pipe(p);
  int fd = must(open("f", O_CREAT | O_RDWR, 0644));
  FAILS("tcgetattr-pipe", tcgetattr(p[0], &t), ENOTTY);
  FAILS("tcgetattr-file", tcgetattr(fd, &t), ENOTTY);
  FAILS("winsize", ioctl(fd, TIOCGWINSZ, &w), ENOTTY);
  EQ("isatty", isatty(p[0]), 0);
  FAILS("unknown", ioctl(fd, 0x12345678, &w), ENOTTY);
  write(fd, "12345", 5);
  lseek(fd, 2, SEEK_SET);
  GOOD("fionread-file", ioctl(fd, FIONREAD, &n));
  EQ("fionread-left", n, 3);
  n = 1;
  GOOD("fionbio", ioctl(p[0], FIONBIO, &n));
  EQ("fionbio-set", fcntl(p[0], F_GETFL) & O_NONBLOCK, O_NONBLOCK);
  GOOD("fioclex", ioctl(fd, FIOCLEX));
  EQ("fioclex-set", fcntl(fd, F_GETFD), FD_CLOEXEC);
  close(fd), close(p[0]), close(p[1]);
}

CHECK_MAIN(CASE(null_and_zero), CASE(random_devices), CASE(no_terminal))
