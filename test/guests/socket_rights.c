// Descriptors that Unix sockets carry (unix(7), SCM_RIGHTS), and credentials.
#include "check.h"
#include "sockets.h"
#include "socket_rights.h"
#include <sys/resource.h>

static void passing(int type) {
  int s[2], fds[253];
  must(socketpair(AF_UNIX, type, 0, s));
  write_file("file", "0123456789");
  int f = must(open("file", O_RDWR)), before = open_count();
  EQ("send", send_right(s[0], f), 1);
  EQ("nothing-new", open_count(), before);
  int got = GOOD("receive", receive_right(s[1]));
  EQ("one-more", open_count(), before + 1);
  char buf[16];
  EQ("read", read(got, buf, 4), 4);
  EQ("shared-offset", lseek(f, 0, SEEK_CUR), 4);
  EQ("no-cloexec", fcntl(got, F_GETFD), 0);
  EQ("same-flags", fcntl(got, F_GETFL) & O_ACCMODE, O_RDWR);
  close(got);
  EQ("sender-has-it-still", read(f, buf, 16), 6);
  must(send_right(s[0], f));
  struct received r = receive(s[1], 1, CMSG_SPACE(sizeof(int)), MSG_CMSG_CLOEXEC);
  EQ("cloexec", fcntl(r.fds[0], F_GETFD), FD_CLOEXEC);
  EQ("cloexec-flag-back", r.flags & ~MSG_CMSG_CLOEXEC, 0);
  close_all(&r);
  // Closed by the sender while it is on its way.
  must(lseek(f, 0, SEEK_SET));
  must(send_right(s[0], f));
  close(f);
  got = receive_right(s[1]);
  EQ("sender-has-closed", read(got, buf, 16), 10);
  // The lowest free numbers, in order.
  for (int i = 0; i < 253; i++) fds[i] = got;
  EQ("three", send_rights(s[0], fds, 3, "abc", 3), 3);
  int lowest = must(dup(got));
  close(lowest);
  r = receive(s[1], 3, sizeof(union control), 0);
  EQ("three-bytes", r.bytes, 3);
  TRUE("three-numbers", r.n == 3 && r.fds[0] == lowest && r.fds[1] == lowest + 1 && r.fds[2] == lowest + 2);
  EQ("three-control", r.control, CMSG_SPACE(3 * sizeof(int)));
  close_all(&r);
  EQ("most", send_rights(s[0], fds, 253, "m", 1), 1);
  r = receive(s[1], 1, sizeof(union control), 0);
  EQ("most-received", r.n, 253);
  EQ("most-open", open_count(), before + 253);
  close_all(&r);
  int more[254];
  for (int i = 0; i < 254; i++) more[i] = got;
  FAILS("too-many", send_rights(s[0], more, 254, "m", 1), EINVAL);
  EQ("no-rights", send_rights(s[0], fds, 0, "n", 1), 1);
  r = receive(s[1], 1, sizeof(union control), 0);
  EQ("none", r.n, 0);
  fds[1] = 999;
  FAILS("bad-descriptor", send_rights(s[0], fds, 2, "x", 1), EBADF);
  fds[1] = -1;
  FAILS("negative", send_rights(s[0], fds, 2, "x", 1), EBADF);
  EQ("nothing-was-sent", polled(s[1]), POLLOUT);
  close(got), close(s[0]), close(s[1]);
  EQ("all-closed", open_count(), before - 3);
}

static void by_stream(void) { passing(SOCK_STREAM); }
static void by_datagram(void) { passing(SOCK_DGRAM); }
static void by_packet(void) { passing(SOCK_SEQPACKET); }

static void little_room(void) {
  int s[2], p[2];
  must(socketpair(AF_UNIX, SOCK_STREAM, 0, s)), must(pipe(p));
  int fds[3] = {p[1], p[1], p[1]}, before = open_count();
  static const struct {
    const char *name;
    size_t room;
    int n, flags;
  } rooms[] = {{"all", CMSG_SPACE(12), 3, 0},
               {"none", 0, 0, MSG_CTRUNC},
               {"less-than-a-header", sizeof(struct cmsghdr) - 1, 0, MSG_CTRUNC},
               {"a-header", CMSG_LEN(0), 0, MSG_CTRUNC},
               {"one", CMSG_LEN(4), 1, MSG_CTRUNC},
               {"two", CMSG_LEN(8), 2, MSG_CTRUNC},
               {"two-and-a-bit", CMSG_LEN(11), 2, MSG_CTRUNC},
               {"exactly-three", CMSG_LEN(12), 3, 0}};
  for (unsigned i = 0; i < sizeof rooms / sizeof rooms[0]; i++) {
    char name[64];
    must(send_rights(s[0], fds, 3, "x", 1));
    struct received r = receive(s[1], 1, rooms[i].room, 0);
    EQ(rooms[i].name, r.n, rooms[i].n);
    snprintf(name, sizeof name, "%s-flags", rooms[i].name);
    EQ(name, r.flags, rooms[i].flags);
    snprintf(name, sizeof name, "%s-open", rooms[i].name);
    EQ(name, open_count(), before + r.n);
    close_all(&r);
  }
  // Nothing has leaked: with its last descriptor the pipe ends.
  close(p[1]);
  EQ("pipe-ends", polled(p[0]), POLLHUP);
  close(p[0]), close(s[0]), close(s[1]);
}

static void no_descriptors_left(void) {
  int s[2], p[2];
  pid_t pid = fork();
  if (pid == 0) {
    must(socketpair(AF_UNIX, SOCK_STREAM, 0, s)), must(pipe(p));
    int fds[3] = {p[1], p[1], p[1]}, before = open_count(), filled[100], n = 0;
    must(send_rights(s[0], fds, 3, "x", 1));
    must(setrlimit(RLIMIT_NOFILE, &(struct rlimit){64, 64}));
    while (n < 100 && (filled[n] = dup(0)) >= 0) n++;
    if (errno != EMFILE) _exit(4);
    close(filled[--n]);
    struct received r = receive(s[1], 1, sizeof(union control), 0);
    if (r.bytes != 1 || r.n != 1 || r.flags != MSG_CTRUNC) _exit(1);
    close_all(&r), close(p[1]);
    while (n > 0) close(filled[--n]);
    if (polled(p[0]) != POLLHUP) _exit(2);
    _exit(open_count() == before - 1 ? 0 : 3);
  }
  EQ("as-many-as-fit", status_of(pid), 0);
}

static void in_a_stream(void) {
  // A read goes on into data with rights, and stops behind them.
  int s[2], p[2];
  must(socketpair(AF_UNIX, SOCK_STREAM, 0, s)), must(pipe(p));
  must(write(s[0], "plain", 5));
  must(send_rights(s[0], &p[0], 1, "AB", 2));
  must(send_rights(s[0], &p[1], 1, "CD", 2));
  must(write(s[0], "tail", 4));
  struct received r = receive(s[1], 64, sizeof(union control), 0);
  TRUE("first", r.bytes == 7 && r.n == 1 && !memcmp(r.data, "plainAB", 7));
  close_all(&r);
  r = receive(s[1], 64, sizeof(union control), 0);
  EQ("second-bytes", r.bytes, 2);
  EQ("second-rights", r.n, 1);
  close_all(&r);
  r = receive(s[1], 64, sizeof(union control), 0);
  TRUE("after", r.bytes == 4 && r.n == 0);
  // With the first byte of theirs.
  must(send_rights(s[0], &p[0], 1, "abcd", 4));
  r = receive(s[1], 1, sizeof(union control), 0);
  TRUE("first-byte", r.bytes == 1 && r.n == 1);
  close_all(&r);
  r = receive(s[1], 64, sizeof(union control), 0);
  TRUE("other-bytes", r.bytes == 3 && r.n == 0);
  // MSG_WAITALL does not go on behind them either.
  must(send_rights(s[0], &p[0], 1, "ab", 2)), must(send_rights(s[0], &p[0], 1, "cd", 2));
  r = receive(s[1], 4, sizeof(union control), MSG_WAITALL);
  TRUE("waitall", r.bytes == 2 && r.n == 1);
  close_all(&r);
  r = receive(s[1], 64, sizeof(union control), 0);
  close_all(&r);
  // Rights without a byte: a stream carries none of them.
  EQ("no-data", send_rights(s[0], &p[1], 1, "", 0), 0);
  EQ("nothing-there", polled(s[1]), POLLOUT);
  close(p[1]);
  EQ("not-kept", polled(p[0]), POLLHUP);
  close(p[0]), close(s[0]), close(s[1]);
  // A datagram does.
  must(socketpair(AF_UNIX, SOCK_DGRAM, 0, s)), must(pipe(p));
  EQ("datagram-no-data", send_rights(s[0], &p[1], 1, "", 0), 0);
  r = receive(s[1], 64, sizeof(union control), MSG_DONTWAIT);
  TRUE("datagram-rights", r.bytes == 0 && r.n == 1);
  close_all(&r);
  close(p[0]), close(p[1]), close(s[0]), close(s[1]);
}

static void peeking(void) {
  int s[2], p[2], before;
  must(socketpair(AF_UNIX, SOCK_STREAM, 0, s)), must(pipe(p));
  must(send_right(s[0], p[1]));
  close(p[1]);
  before = open_count();
  struct received a = receive(s[1], 1, sizeof(union control), MSG_PEEK), b = receive(s[1], 1, sizeof(union control), MSG_PEEK);
  EQ("peeked", a.n, 1);
  EQ("peeked-again", b.n, 1);
  EQ("open", open_count(), before + 2);
  EQ("works", write(a.fds[0], "x", 1), 1);
  struct received c = receive(s[1], 1, sizeof(union control), 0);
  EQ("received", c.n, 1);
  close_all(&a), close_all(&b);
  char x;
  EQ("still-open", read(p[0], &x, 1), 1);
  EQ("one-end-left", polled(p[0]), 0);
  close_all(&c);
  EQ("none-left", polled(p[0]), POLLHUP);
  close(p[0]), close(s[0]), close(s[1]);
}

static void dropped(void) {
  // Who reads without room for rights closes them, and so does a socket that goes.
  int s[2], p[2];
  char buf[8];
  for (int how = 0; how < 6; how++) {
    static const char *const names[] = {"read", "recv", "readv", "close", "cut-datagram", "shutdown-and-close"};
    int type = how == 4 ? SOCK_DGRAM : SOCK_STREAM;
    must(socketpair(AF_UNIX, type, 0, s)), must(pipe(p));
    must(send_rights(s[0], &p[1], 1, "abc", 3));
    close(p[1]);
    EQ("in-flight", polled(p[0]), 0);
    struct iovec v = {buf, 3};
    switch (how) {
      case 0: must(read(s[1], buf, 1)); break;
      case 1: must(recv(s[1], buf, 3, 0)); break;
      case 2: must(readv(s[1], &v, 1)); break;
      case 3: close(s[1]); break;
      case 4: must(recv(s[1], buf, 1, 0)); break;
      case 5: shutdown(s[1], SHUT_RD), close(s[1]); break;
    }
    EQ(names[how], polled(p[0]), POLLHUP);
    if (how != 3 && how != 5) close(s[1]);
    close(s[0]), close(p[0]);
  }
  // The sender's end does not matter.
  must(socketpair(AF_UNIX, SOCK_STREAM, 0, s)), must(pipe(p));
  must(send_right(s[0], p[1]));
  close(p[1]), close(s[0]);
  EQ("sender-closed", polled(p[0]), 0);
  int w = GOOD("received-after", receive_right(s[1]));
  EQ("works", write(w, "x", 1), 1);
  close(w), close(s[1]), close(p[0]);
}

static void bad_control(void) {
  int s[2], p[2];
  must(socketpair(AF_UNIX, SOCK_STREAM, 0, s)), must(pipe(p));
  static const struct {
    const char *name;
    size_t len, room;
    int level, type, want;
  } all[] = {
      {"good", CMSG_LEN(4), CMSG_SPACE(4), SOL_SOCKET, SCM_RIGHTS, 0},
      {"without-padding", CMSG_LEN(4), CMSG_LEN(4), SOL_SOCKET, SCM_RIGHTS, 0},
      {"short", sizeof(struct cmsghdr) - 1, CMSG_SPACE(4), SOL_SOCKET, SCM_RIGHTS, EINVAL},
      {"zero", 0, CMSG_SPACE(4), SOL_SOCKET, SCM_RIGHTS, EINVAL},
      {"beyond", CMSG_LEN(4) + 64, CMSG_SPACE(4), SOL_SOCKET, SCM_RIGHTS, EINVAL},
      {"huge", ~(size_t)0, CMSG_SPACE(4), SOL_SOCKET, SCM_RIGHTS, EINVAL},
      {"type", CMSG_LEN(4), CMSG_SPACE(4), SOL_SOCKET, 0x77, EINVAL},
      {"other-level", CMSG_LEN(4), CMSG_SPACE(4), SOL_IP, 0x77, 0},
      {"no-header", CMSG_LEN(4), 8, SOL_SOCKET, SCM_RIGHTS, 0},
  };
  for (unsigned i = 0; i < sizeof all / sizeof all[0]; i++) {
    union control c;
    memset(&c, 0, sizeof c);
    struct iovec v = {"x", 1};
    struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1, .msg_control = &c, .msg_controllen = all[i].room};
    c.first = (struct cmsghdr){.cmsg_len = all[i].len, .cmsg_level = all[i].level, .cmsg_type = all[i].type};
    memcpy(CMSG_DATA(&c.first), &p[1], sizeof(int));
    if (all[i].want)
      FAILS(all[i].name, sendmsg(s[0], &m, 0), all[i].want);
    else
      GOOD(all[i].name, sendmsg(s[0], &m, 0));
  }
  struct iovec v = {"x", 1};
  struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1, .msg_control = (void *)8, .msg_controllen = CMSG_SPACE(4)};
  FAILS("pointer", sendmsg(s[0], &m, 0), EFAULT);
  // Two messages of rights in one: their descriptors come together.
  union control c;
  memset(&c, 0, sizeof c);
  m.msg_control = &c, m.msg_controllen = 2 * CMSG_SPACE(4);
  for (int i = 0; i < 2; i++) {
    struct cmsghdr *h = (void *)(c.room + i * CMSG_SPACE(4));
    *h = (struct cmsghdr){.cmsg_len = CMSG_LEN(4), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
    memcpy(CMSG_DATA(h), &p[i], sizeof(int));
  }
  close(s[0]), close(s[1]);
  must(socketpair(AF_UNIX, SOCK_STREAM, 0, s));
  GOOD("two-in-one", sendmsg(s[0], &m, 0));
  struct received r = receive(s[1], 1, sizeof(union control), 0);
  EQ("together", r.n, 2);
  EQ("as-one", r.control, CMSG_SPACE(8));
  close_all(&r);
  close(s[0]), close(s[1]), close(p[0]), close(p[1]);
  // What is no Unix socket says nothing of them.
  int t[2];
  tcp_pair(AF_INET, t);
  int f = must(open("file", O_RDWR | O_CREAT, 0644));
  EQ("tcp", send_right(t[0], f), 1);
  r = receive(t[1], 1, sizeof(union control), 0);
  TRUE("tcp-brings-none", r.bytes == 1 && r.n == 0);
  close(f), close(t[0]), close(t[1]);
}

CHECK_MAIN(CASE(by_stream), CASE(by_datagram), CASE(by_packet), CASE(little_room), CASE(no_descriptors_left), CASE(in_a_stream), CASE(peeking),
           CASE(dropped), CASE(bad_control))
