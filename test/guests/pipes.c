// Pipes and FIFOs: capacity, atomic writes, ends that close, non-blocking use.
#include "check.h"
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/uio.h>

static void basics(void) {
  int p[2];
  char buf[64] = {0};
  GOOD("pipe", pipe(p));
  EQ("write", write(p[1], "hello ", 6), 6);
  EQ("write-2", write(p[1], "world", 5), 5);
  int n = -1;
  GOOD("fionread", ioctl(p[0], FIONREAD, &n));
  EQ("fionread-bytes", n, 11);
  EQ("read", read(p[0], buf, 3), 3);
  EQ("read-rest", read(p[0], buf + 3, 60), 8);
  STR("data", buf, "hello world");
  FAILS("read-write-end", read(p[1], buf, 1), EBADF);
  FAILS("write-read-end", write(p[0], buf, 1), EBADF);
  EQ("write-0", write(p[1], "", 0), 0);
  write(p[1], "tail", 4);
  close(p[1]);
  EQ("drain", read(p[0], buf, 64), 4);
  EQ("end-of-file", read(p[0], buf, 64), 0);
  EQ("end-of-file-again", read(p[0], buf, 64), 0);
  close(p[0]);
  GOOD("pipe2", pipe2(p, O_CLOEXEC | O_NONBLOCK));
  EQ("cloexec", fcntl(p[0], F_GETFD), FD_CLOEXEC);
  EQ("nonblock", fcntl(p[1], F_GETFL), O_WRONLY | O_NONBLOCK);
  close(p[0]), close(p[1]);
  FAILS("pipe2-flags", pipe2(p, O_CREAT), EINVAL);
  struct iovec v[3] = {{"a", 1}, {"bc", 2}, {"def", 3}};
  pipe(p);
  EQ("writev", writev(p[1], v, 3), 6);
  EQ("read-joined", read(p[0], buf, 64), 6);
  TRUE("joined", !memcmp(buf, "abcdef", 6));
  close(p[0]), close(p[1]);
}

static void nonblocking(void) {
  int p[2];
  char c;
  pipe2(p, O_NONBLOCK);
  FAILS("empty", read(p[0], &c, 1), EAGAIN);
  static char block[4096];
  int total = 0;
  ssize_t n;
  while ((n = write(p[1], block, sizeof block)) > 0) total += n;
  EQ("capacity", total, 65536);
  FAILS("full", write(p[1], block, 1), EAGAIN);
  EQ("size", fcntl(p[1], F_GETPIPE_SZ), 65536);
  read(p[0], block, 4096);
  EQ("room-again", write(p[1], block, 4096), 4096);
  // A write larger than PIPE_BUF may be partial; one up to PIPE_BUF is all or nothing.
  read(p[0], block, 4096);
  static char big[10000];
  EQ("partial", write(p[1], big, sizeof big), 4096);
  FAILS("not-partial", write(p[1], big, 4096), EAGAIN);
  close(p[1]);
  total = 0;
  while ((n = read(p[0], big, sizeof big)) > 0) total += n;
  EQ("drained", total, 65536);
  EQ("then-eof", n, 0);
  close(p[0]);
}

static void resize(void) {
  int p[2];
  pipe2(p, O_NONBLOCK);
  EQ("grow", fcntl(p[0], F_SETPIPE_SZ, 100000), 131072);
  EQ("shrink", fcntl(p[0], F_SETPIPE_SZ, 1), 4096);
  static char block[8192];
  EQ("fills", write(p[1], block, 8192), 4096);
  EQ("grow-full", fcntl(p[0], F_SETPIPE_SZ, 8192), 8192);
  EQ("more", write(p[1], block, 8192), 4096);
  FAILS("shrink-full", fcntl(p[0], F_SETPIPE_SZ, 4096), EBUSY);
  close(p[0]), close(p[1]);
}

static void broken(void) {
  int p[2];
  pipe(p);
  close(p[0]);
  signal(SIGPIPE, SIG_IGN);
  FAILS("epipe", write(p[1], "x", 1), EPIPE);
  EQ("write-0", write(p[1], "x", 0), 0);
  signal(SIGPIPE, SIG_DFL);
  pid_t pid = fork();
  if (pid == 0) {
    write(p[1], "x", 1);
    _exit(0);
  }
  EQ("sigpipe", status_of(pid), SIGPIPE);
  close(p[1]);
  // A writer that sleeps on a full pipe wakes when the last reader goes.
  pipe(p);
  pid = fork();
  if (pid == 0) {
    close(p[0]);
    static char big[200000];
    signal(SIGPIPE, SIG_IGN);
    ssize_t n = write(p[1], big, sizeof big);
    if (n < 65536 || n >= (ssize_t)sizeof big) _exit(1);
    _exit(write(p[1], big, 1) == -1 && errno == EPIPE ? 0 : 2);
  }
  close(p[1]);
  until_asleep(pid, pid);
  close(p[0]);
  EQ("writer-wakes", status_of(pid), 0);
}

static void blocking(void) {
  int p[2];
  pipe(p);
  pid_t pid = fork();
  if (pid == 0) {
    close(p[1]);
    char c;
    if (read(p[0], &c, 1) != 1 || c != 'q') _exit(1);
    _exit(read(p[0], &c, 1) == 0 ? 0 : 2);
  }
  close(p[0]);
  until_asleep(pid, pid);
  write(p[1], "q", 1);
  until_asleep(pid, pid);
  close(p[1]);
  EQ("reader", status_of(pid), 0);
  // A megabyte through 64 KiB, checked byte by byte.
  pipe(p);
  pid = fork();
  if (pid == 0) {
    close(p[0]);
    static unsigned char chunk[7777];
    unsigned x = 1;
    for (int sent = 0; sent < 1000000;) {
      int n = 1000000 - sent < (int)sizeof chunk ? 1000000 - sent : (int)sizeof chunk;
      for (int i = 0; i < n; i++) chunk[i] = (x = x * 1103515245 + 12345) >> 16;
      if (write(p[1], chunk, n) != n) _exit(1);
      sent += n;
    }
    _exit(0);
  }
  close(p[1]);
  static unsigned char buf[3333];
  unsigned x = 1;
  int got = 0, same = 1;
  for (ssize_t n; (n = read(p[0], buf, sizeof buf)) > 0; got += n)
    for (int i = 0; i < n; i++) same &= buf[i] == (unsigned char)((x = x * 1103515245 + 12345) >> 16);
  EQ("stream-bytes", got, 1000000);
  TRUE("stream-same", same);
  EQ("stream-writer", status_of(pid), 0);
  close(p[0]);
}

static void atomic_writes(void) {
  // Writes of up to PIPE_BUF bytes from several processes never mix (pipe(7)).
  enum { WRITERS = 4, EACH = 200, SIZE = 512 };
  int p[2];
  pipe(p);
  pid_t pid[WRITERS];
  for (int w = 0; w < WRITERS; w++) {
    pid[w] = fork();
    if (pid[w] == 0) {
      char record[SIZE];
      memset(record, 'a' + w, SIZE);
      for (int i = 0; i < EACH; i++)
        if (write(p[1], record, SIZE) != SIZE) _exit(1);
      _exit(0);
    }
  }
  close(p[1]);
  int count[WRITERS] = {0}, whole = 1, fill = 0;
  char record[SIZE];
  for (ssize_t n; (n = read(p[0], record + fill, SIZE - fill)) > 0;) {
    fill += n;
    if (fill < SIZE) continue;
    fill = 0;
    for (int i = 1; i < SIZE; i++) whole &= record[i] == record[0];
    if (record[0] >= 'a' && record[0] < 'a' + WRITERS) count[record[0] - 'a']++;
  }
  TRUE("whole", whole);
  int each = 1;
  for (int w = 0; w < WRITERS; w++) each &= status_of(pid[w]) == 0 && count[w] == EACH;
  TRUE("all-arrive", each);
  close(p[0]);
}

static void fifos(void) {
  char buf[16] = {0};
  GOOD("mkfifo", mkfifo("f", 0644));
  FAILS("exists", mkfifo("f", 0644), EEXIST);
  FAILS("writer-without-reader", open("f", O_WRONLY | O_NONBLOCK), ENXIO);
  int r = GOOD("reader-nonblock", open("f", O_RDONLY | O_NONBLOCK));
  EQ("no-writer-is-eof", read(r, buf, 1), 0);
  int w = GOOD("writer", open("f", O_WRONLY | O_NONBLOCK));
  FAILS("writer-but-empty", read(r, buf, 1), EAGAIN);
  EQ("write", write(w, "via fifo", 8), 8);
  EQ("read", read(r, buf, 15), 8);
  STR("data", buf, "via fifo");
  close(w);
  EQ("eof", read(r, buf, 1), 0);
  struct pollfd pf = {r, POLLIN, 0};
  poll(&pf, 1, 0);
  EQ("hangup", pf.revents, POLLHUP);
  close(r);
  // Opening blocks until the other side opens.
  pid_t pid = fork();
  if (pid == 0) {
    int fd = open("f", O_RDONLY);
    char c = 0;
    _exit(fd >= 0 && read(fd, &c, 1) == 1 && c == 'z' ? 0 : 1);
  }
  until_asleep(pid, pid);
  w = GOOD("open-pairs", open("f", O_WRONLY));
  EQ("write-2", write(w, "z", 1), 1);
  EQ("reader-child", status_of(pid), 0);
  close(w);
  int rw = GOOD("rdwr", open("f", O_RDWR));
  write(rw, "self", 4);
  EQ("rdwr-read", read(rw, buf, 16), 4);
  GOOD("unlink-open", unlink("f"));
  EQ("still-works", write(rw, "x", 1), 1);
  close(rw);
}

static void fifo_openers(void) {
  // Whoever opens first sleeps until the other side comes; neither order may leave an end behind that nobody holds.
  char buf[16] = {0};
  mkfifo("w", 0644);
  pid_t pid = fork();
  if (pid == 0) {
    int fd = open("w", O_WRONLY);
    _exit(fd >= 0 && write(fd, "abc", 3) == 3 ? 0 : 1);
  }
  until_asleep(pid, pid);  // the writer waits in open
  int r = GOOD("writer-first", open("w", O_RDONLY));
  EQ("writer-first-status", status_of(pid), 0);
  fcntl(r, F_SETFL, O_NONBLOCK);
  EQ("writer-first-data", read(r, buf, 16), 3);
  EQ("writer-first-eof", read(r, buf, 16), 0);
  close(r);
  FAILS("writer-first-no-reader-left", open("w", O_WRONLY | O_NONBLOCK), ENXIO);
  pid = fork();
  if (pid == 0) {
    int fd = open("w", O_RDONLY);
    _exit(fd >= 0 ? 0 : 1);
  }
  until_asleep(pid, pid);  // the reader waits in open
  int w = GOOD("reader-first", open("w", O_WRONLY));
  EQ("reader-first-status", status_of(pid), 0);
  signal(SIGPIPE, SIG_IGN);
  FAILS("reader-first-epipe", write(w, "x", 1), EPIPE);
  signal(SIGPIPE, SIG_DFL);
  close(w);
  FAILS("reader-first-no-reader-left", open("w", O_WRONLY | O_NONBLOCK), ENXIO);
  // An opener that is killed while it waits leaves nothing behind.
  pid = fork();
  if (pid == 0) _exit(open("w", O_WRONLY) >= 0);
  until_asleep(pid, pid);
  kill(pid, SIGKILL);
  status_of(pid);
  r = must(open("w", O_RDONLY | O_NONBLOCK));
  EQ("killed-writer-eof", read(r, buf, 1), 0);
  close(r);
}

static void fifo_hangup(void) {
  // A reader that waited in open has met its writer: poll tells it when that one goes (Linux fs/pipe.c, fifo_open).
  mkfifo("h", 0644);
  int line[2];
  pipe(line);
  pid_t pid = fork();
  if (pid == 0) {
    int r = open("h", O_RDONLY);
    write(line[1], "o", 1);
    struct pollfd f = {r, POLLIN, 0};
    char c;
    if (poll(&f, 1, 5000) != 1 || !(f.revents & POLLIN) || read(r, &c, 1) != 1) _exit(1);
    if (poll(&f, 1, 5000) != 1) _exit(2);
    _exit(f.revents == POLLHUP ? 0 : 3);
  }
  until_asleep(pid, pid);  // the reader waits in open
  int w = must(open("h", O_WRONLY));
  char c;
  read(line[0], &c, 1);
  write(w, "a", 1);
  close(w);
  EQ("reader-waited", status_of(pid), 0);
  // One that did not wait has met nobody, and hears of no hang-up before the first writer.
  int r = must(open("h", O_RDONLY | O_NONBLOCK));
  struct pollfd f = {r, POLLIN, 0};
  EQ("nobody-yet", poll(&f, 1, 0), 0);
  close(must(open("h", O_WRONLY)));
  poll(&f, 1, 5000);
  EQ("came-and-went", f.revents, POLLHUP);
  close(r), close(line[0]), close(line[1]);
}

static void splicing(void) {
  int a[2], b[2];
  pipe2(a, O_NONBLOCK), pipe2(b, O_NONBLOCK);
  write(a[1], "0123456789", 10);
  EQ("tee", tee(a[0], b[1], 4, 0), 4);
  char buf[16] = {0};
  EQ("tee-read", read(b[0], buf, 16), 4);
  EQ("splice", splice(a[0], NULL, b[1], NULL, 6, 0), 6);
  EQ("splice-read", read(b[0], buf, 16), 6);
  TRUE("data", !memcmp(buf, "012345", 6));
  int fd = must(open("s", O_RDWR | O_CREAT, 0644));
  loff_t at = 2;
  EQ("splice-to-file", splice(a[0], NULL, fd, &at, 100, 0), 4);
  EQ("offset", at, 6);
  EQ("file-read", pread(fd, buf, 16, 0), 6);
  TRUE("file-data", !memcmp(buf, "\0\0006789", 6));
  FAILS("no-pipe", splice(fd, NULL, fd, NULL, 1, 0), EINVAL);
  close(fd), close(a[0]), close(a[1]), close(b[0]), close(b[1]);
}

// A pipe without a name, opened through /proc/self/fd: open waits for nobody.
static void reopened(void) {
  int p[2];
  char name[40], b;
  pipe(p);
  snprintf(name, sizeof name, "/proc/self/fd/%d", p[0]);
  write(p[1], "x", 1);
  close(p[1]);
  int r = must(open(name, O_RDONLY));
  EQ("data", read(r, &b, 1), 1);
  EQ("end", read(r, &b, 1), 0);
  close(p[0]);
  snprintf(name, sizeof name, "/proc/self/fd/%d", r);
  int w = must(open(name, O_WRONLY));
  EQ("writes", write(w, "y", 1), 1);
  EQ("reads", read(r, &b, 1), 1);
  close(w);
  EQ("end-again", read(r, &b, 1), 0);
  close(r);
}

CHECK_MAIN(CASE(basics), CASE(nonblocking), CASE(resize), CASE(broken), CASE(blocking), CASE(atomic_writes), CASE(fifos), CASE(fifo_openers), CASE(fifo_hangup),
           CASE(splicing), CASE(reopened))
