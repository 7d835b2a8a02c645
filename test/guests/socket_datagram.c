// Unix sockets that keep messages apart: datagrams and packets.
#include "check.h"
#include "sockets.h"

static void pairs(int type) {
  int s[2];
  char buf[16] = {0};
  GOOD("pair", socketpair(AF_UNIX, type, 0, s));
  EQ("send", send(s[0], "one", 3, 0), 3);
  EQ("write", write(s[0], "three", 5), 5);
  struct iovec out[2] = {{"f", 1}, {"our", 3}};
  EQ("writev", writev(s[0], out, 2), 4);
  int n = -1;
  GOOD("fionread", ioctl(s[1], FIONREAD, &n));
  // Of datagrams the first is counted, of packets all are.
  EQ("fionread-bytes", n, type == SOCK_DGRAM ? 3 : 12);
  EQ("peek", recv(s[1], buf, 16, MSG_PEEK), 3);
  EQ("recv", recv(s[1], buf, 16, 0), 3);
  TRUE("first", !memcmp(buf, "one", 3));
  EQ("cut", read(s[1], buf, 2), 2);
  EQ("rest-is-gone", read(s[1], buf, 16), 4);
  TRUE("third", !memcmp(buf, "four", 4));
  FAILS("empty", recv(s[1], buf, 16, MSG_DONTWAIT), EAGAIN);
  must(write(s[0], "longer", 6));
  EQ("real-length", recv(s[1], buf, 2, MSG_TRUNC | MSG_PEEK), 6);
  struct iovec v = {buf, 4};
  struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1};
  EQ("recvmsg", recvmsg(s[1], &m, 0), 4);
  EQ("truncated", m.msg_flags & MSG_TRUNC, MSG_TRUNC);
  must(write(s[0], "four", 4));
  EQ("exact", recvmsg(s[1], &m, 0), 4);
  EQ("not-truncated", m.msg_flags & MSG_TRUNC, 0);
  EQ("send-nothing", send(s[0], "", 0, 0), 0);
  EQ("nothing-is-a-message", polled(s[1]), POLLIN | POLLOUT);
  EQ("recv-nothing", recv(s[1], buf, 16, MSG_DONTWAIT), 0);
  FAILS("only-one", recv(s[1], buf, 16, MSG_DONTWAIT), EAGAIN);
  EQ("write-nothing", write(s[0], "", 0), 0);
  EQ("read-nothing", recv(s[1], buf, 16, MSG_DONTWAIT), 0);
  must(write(s[0], "ab", 2)), must(write(s[0], "cd", 2));
  EQ("waitall-is-one", recv(s[1], buf, 4, MSG_WAITALL), 2);
  EQ("no-room", recv(s[1], buf, 0, 0), 0);
  FAILS("gone-with-it", recv(s[1], buf, 16, MSG_DONTWAIT), EAGAIN);
  // Three parts of a message land where the buffers say.
  must(write(s[0], "0123456", 7));
  char a[3], b[8];
  struct iovec in[2] = {{a, 3}, {b, 8}};
  EQ("readv", readv(s[1], in, 2), 7);
  TRUE("scattered", !memcmp(a, "012", 3) && !memcmp(b, "3456", 4));
  close(s[0]), close(s[1]);
}

static void datagram_pairs(void) { pairs(SOCK_DGRAM); }
static void packet_pairs(void) { pairs(SOCK_SEQPACKET); }

static void senders(void) {
  // Who sent it, and where it goes.
  int a = bound(SOCK_DGRAM, "a"), b = bound(SOCK_DGRAM, "b"), u = must(socket(AF_UNIX, SOCK_DGRAM, 0));
  char buf[16];
  struct name from = named("");
  FAILS("nowhere", send(u, "x", 1, 0), ENOTCONN);
  FAILS("nowhere-write", write(u, "x", 1), ENOTCONN);
  EQ("nameless", send_to(u, "a", "x"), 1);
  from.n = sizeof from.a;
  EQ("recvfrom", recvfrom(a, buf, 16, 0, (void *)&from.a, &from.n), 1);
  EQ("nameless-length", from.n, 0);
  EQ("named", send_to(b, "a", "y"), 1);
  from = named(""), from.n = sizeof from.a;
  EQ("recvfrom-named", recvfrom(a, buf, 16, 0, (void *)&from.a, &from.n), 1);
  STR("sender", from.a.sun_path, "b");
  EQ("sender-length", from.n, offsetof(struct sockaddr_un, sun_path) + 2);
  EQ("answer", sendto(a, "z", 1, 0, (void *)&from.a, from.n), 1);
  EQ("answered", recv(b, buf, 16, 0), 1);
  EQ("itself", send_to(a, "a", "self"), 4);
  EQ("from-itself", recv(a, buf, 16, 0), 4);
  must(send_to(b, "a", "y"));
  struct iovec v = {buf, 16};
  struct msghdr m = {.msg_name = &from.a, .msg_namelen = 3, .msg_iov = &v, .msg_iovlen = 1};
  memset(&from.a, 'x', sizeof from.a);
  EQ("recvmsg", recvmsg(a, &m, 0), 1);
  EQ("cut-length", m.msg_namelen, offsetof(struct sockaddr_un, sun_path) + 2);
  TRUE("cut", !memcmp(from.a.sun_path, "bx", 2));
  FAILS("absent", send_to(u, "absent", "x"), ENOENT);
  FAILS("absent-abstract", send_to(u, "@foreshore-absent", "x"), ECONNREFUSED);
  int l = listener(SOCK_STREAM, "l", 1);
  FAILS("stream", send_to(u, "l", "x"), EPROTOTYPE);
  close(a);
  FAILS("receiver-gone", send_to(u, "a", "x"), ECONNREFUSED);
  close(b), close(u), close(l);
}

static void connected(void) {
  int a = bound(SOCK_DGRAM, "a"), b = bound(SOCK_DGRAM, "b"), c = bound(SOCK_DGRAM, "c");
  char buf[16];
  GOOD("connect", connect_to(b, "a"));
  EQ("send", send(b, "x", 1, 0), 1);
  EQ("recv", recv(a, buf, 16, 0), 1);
  EQ("elsewhere", send_to(b, "c", "y"), 1);
  EQ("elsewhere-recv", recv(c, buf, 16, 0), 1);
  FAILS("one-sided", send(a, "x", 1, 0), ENOTCONN);
  EQ("sendto-connected", send_to(a, "b", "z"), 1);
  FAILS("to-one-connected-elsewhere", send_to(c, "b", "x"), EPERM);
  FAILS("connect-to-one-connected-elsewhere", connect_to(c, "b"), EPERM);
  EQ("peer-is-heard", recv(b, buf, 16, 0), 1);
  GOOD("reconnect", connect_to(b, "c"));
  EQ("to-the-new", send(b, "w", 1, 0), 1);
  EQ("new-hears", recv(c, buf, 16, 0), 1);
  struct sockaddr nobody = {.sa_family = AF_UNSPEC};
  GOOD("disconnect", connect(b, &nobody, sizeof nobody));
  FAILS("disconnected", send(b, "x", 1, 0), ENOTCONN);
  EQ("all-may-send", send_to(c, "b", "v"), 1);
  EQ("heard", recv(b, buf, 16, 0), 1);
  GOOD("to-itself", connect_to(b, "b"));
  EQ("send-itself", send(b, "s", 1, 0), 1);
  EQ("recv-itself", recv(b, buf, 16, 0), 1);
  must(connect_to(b, "a"));
  close(a);
  FAILS("receiver-gone", send(b, "x", 1, 0), ECONNREFUSED);
  FAILS("then-unconnected", send(b, "x", 1, 0), ENOTCONN);
  close(b), close(c);
  int s[2];
  must(socketpair(AF_UNIX, SOCK_DGRAM, 0, s));
  must(write(s[1], "last", 4));
  close(s[1]);
  EQ("pair-drains", recv(s[0], buf, 16, 0), 4);
  FAILS("pair-has-no-end", recv(s[0], buf, 16, MSG_DONTWAIT), EAGAIN);
  FAILS("pair-refused", write(s[0], "x", 1), ECONNREFUSED);
  close(s[0]);
}

static void shutting(void) {
  int s[2];
  char buf[8];
  signal(SIGPIPE, SIG_IGN);
  must(socketpair(AF_UNIX, SOCK_DGRAM, 0, s));
  must(write(s[1], "x", 1));
  GOOD("read-side", shutdown(s[0], SHUT_RD));
  EQ("queued", recv(s[0], buf, 8, 0), 1);
  EQ("then-the-end", recv(s[0], buf, 8, 0), 0);
  FAILS("peer", write(s[1], "x", 1), EPIPE);
  GOOD("write-side", shutdown(s[0], SHUT_WR));
  FAILS("own", write(s[0], "x", 1), EPIPE);
  FAILS("peer-sees-no-end", recv(s[1], buf, 8, MSG_DONTWAIT), EAGAIN);
  close(s[0]), close(s[1]);
  pid_t pid = fork();
  if (pid == 0) {
    must(socketpair(AF_UNIX, SOCK_DGRAM, 0, s));
    signal(SIGPIPE, SIG_DFL);
    shutdown(s[0], SHUT_WR);
    _exit(write(s[0], "x", 1) == -1 && errno == EPIPE ? 0 : 1);
  }
  EQ("sigpipe-of-datagrams", status_of(pid), 0);
  pid = fork();
  if (pid == 0) {
    must(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, s));
    signal(SIGPIPE, SIG_DFL);
    close(s[1]);
    _exit(write(s[0], "x", 1) == -1 && errno == EPIPE ? 0 : 1);
  }
  EQ("sigpipe-of-packets", status_of(pid), 0);
  signal(SIGPIPE, SIG_DFL);
}

static void packets(void) {
  // Connected as streams are, and as unread.
  int l = listener(SOCK_SEQPACKET, "s", 5), c = must(socket(AF_UNIX, SOCK_SEQPACKET, 0));
  char buf[16];
  signal(SIGPIPE, SIG_IGN);
  FAILS("send-unconnected", send(c, "x", 1, 0), ENOTCONN);
  FAILS("recv-unconnected", recv(c, buf, 16, 0), ENOTCONN);
  GOOD("connect", connect_to(c, "s"));
  must(send(c, "one", 3, 0)), must(send(c, "three", 5, 0));
  int a = GOOD("accept", accept(l, NULL, NULL));
  EQ("first", recv(a, buf, 16, 0), 3);
  EQ("second", recv(a, buf, 16, 0), 5);
  EQ("address-is-ignored", send_to(a, "elsewhere", "x"), 1);
  EQ("goes-to-the-peer", recv(c, buf, 16, 0), 1);
  FAILS("again", connect_to(c, "s"), EISCONN);
  must(send(a, "end", 3, 0));
  close(a);
  EQ("drain", recv(c, buf, 16, 0), 3);
  EQ("end", recv(c, buf, 16, 0), 0);
  FAILS("epipe", send(c, "x", 1, 0), EPIPE);
  close(c);
  int s[2];
  must(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, s));
  must(send(s[1], "lost", 4, 0));
  close(s[0]);
  FAILS("reset", recv(s[1], buf, 16, 0), ECONNRESET);
  EQ("then-the-end", recv(s[1], buf, 16, 0), 0);
  close(s[1]), close(l);
  signal(SIGPIPE, SIG_DFL);
}

static void sizes(int type) {
  int s[2];
  static char big[70000], got[70000];
  must(socketpair(AF_UNIX, type, 0, s));
  for (unsigned i = 0; i < sizeof big; i++) big[i] = i * 31 + (i >> 8);
  EQ("large", send(s[0], big, sizeof big, 0), sizeof big);
  EQ("large-recv", recv(s[1], got, sizeof got, 0), sizeof big);
  TRUE("same", !memcmp(big, got, sizeof big));
  must(set_option(s[0], SOL_SOCKET, SO_SNDBUF, 8192));
  FAILS("over", send(s[0], big, 30000, 0), EMSGSIZE);
  EQ("under", send(s[0], big, 8000, 0), 8000);
  EQ("under-recv", recv(s[1], got, sizeof got, 0), 8000);
  close(s[0]), close(s[1]);
}

static void datagram_sizes(void) { sizes(SOCK_DGRAM); }
static void packet_sizes(void) { sizes(SOCK_SEQPACKET); }

static void full(void) {
  int r = bound(SOCK_DGRAM, "r"), s = must(socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0)), n = 0;
  char c = 0;
  must(connect_to(s, "r"));
  while (n < 100000 && send(s, "x", 1, 0) == 1) n++;
  EQ("full", errno, EAGAIN);
  TRUE("some", n >= 5);
  EQ("not-writable", polled(s), 0);
  int other = must(socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0));
  FAILS("for-others-too", send_to(other, "r", "x"), EAGAIN);
  EQ("unconnected-is-writable", polled(other), POLLOUT);
  must(recv(r, &c, 1, 0));
  EQ("writable", polled(s), POLLOUT);
  EQ("room-for-one", send(s, "x", 1, 0), 1);
  FAILS("full-again", send(s, "x", 1, 0), EAGAIN);
  fcntl(s, F_SETFL, 0);
  FAILS("dontwait", send(s, "x", 1, MSG_DONTWAIT), EAGAIN);
  set_timeout(s, SO_SNDTIMEO, 30);
  FAILS("timeout", send(s, "x", 1, 0), EAGAIN);
  set_timeout(s, SO_SNDTIMEO, 0);
  pid_t pid = fork();
  if (pid == 0) _exit(send(s, "last", 4, 0) == 4 ? 0 : 1);
  until_asleep(pid, pid);
  must(recv(r, &c, 1, 0));
  EQ("sender-wakes", status_of(pid), 0);
  pid = fork();
  if (pid == 0) {
    close(r);
    _exit(send(s, "x", 1, 0) == -1 && errno == ECONNREFUSED ? 0 : 1);
  }
  until_asleep(pid, pid);
  close(r);
  EQ("receiver-goes", status_of(pid), 0);
  close(s), close(other);
}

static void blocked(void) {
  int r = bound(SOCK_DGRAM, "r");
  char buf[8];
  pid_t pid = fork();
  if (pid == 0) _exit(recv(r, buf, 8, 0) == 3 ? 0 : 1);
  until_asleep(pid, pid);
  int s = must(socket(AF_UNIX, SOCK_DGRAM, 0));
  must(send_to(s, "r", "abc"));
  EQ("woken", status_of(pid), 0);
  must(set_timeout(r, SO_RCVTIMEO, 30));
  FAILS("timeout", recv(r, buf, 8, 0), EAGAIN);
  must(set_timeout(r, SO_RCVTIMEO, 0));
  pid = fork();
  if (pid == 0) _exit(recv(r, buf, 8, 0) == 0 ? 0 : 1);
  until_asleep(pid, pid);
  must(shutdown(r, SHUT_RD));
  EQ("shutdown-wakes", status_of(pid), 0);
  close(r), close(s);
}

static void several(void) {
  int s[2];
  must(socketpair(AF_UNIX, SOCK_DGRAM, 0, s));
  struct iovec out[3] = {{"a", 1}, {"bcd", 3}, {"", 0}};
  struct mmsghdr m[5] = {0};
  for (int i = 0; i < 3; i++) m[i].msg_hdr.msg_iov = &out[i], m[i].msg_hdr.msg_iovlen = 1;
  EQ("sendmmsg", sendmmsg(s[0], m, 3, 0), 3);
  EQ("sent", m[0].msg_len + 10 * m[1].msg_len + 100 * m[2].msg_len, 31);
  char buf[5][4];
  struct iovec in[5];
  memset(m, 0, sizeof m);
  for (int i = 0; i < 5; i++) in[i] = (struct iovec){buf[i], 2}, m[i].msg_hdr.msg_iov = &in[i], m[i].msg_hdr.msg_iovlen = 1;
  EQ("recvmmsg", recvmmsg(s[1], m, 5, MSG_DONTWAIT, NULL), 3);
  EQ("lengths", m[0].msg_len + 10 * m[1].msg_len + 100 * m[2].msg_len, 21);
  EQ("cut", m[1].msg_hdr.msg_flags & MSG_TRUNC, MSG_TRUNC);
  EQ("not-cut", m[0].msg_hdr.msg_flags & MSG_TRUNC, 0);
  FAILS("none", recvmmsg(s[1], m, 5, MSG_DONTWAIT, NULL), EAGAIN);
  must(write(s[0], "1", 1)), must(write(s[0], "2", 1));
  EQ("wait-for-one", recvmmsg(s[1], m, 5, MSG_WAITFORONE, NULL), 2);
  must(write(s[0], "1", 1)), must(write(s[0], "2", 1));
  EQ("no-more-than-asked", recvmmsg(s[1], m, 1, 0, NULL), 1);
  EQ("one-left", recvmmsg(s[1], m, 1, 0, NULL), 1);
  EQ("zero", recvmmsg(s[1], m, 0, 0, NULL), 0);
  EQ("send-zero", sendmmsg(s[0], m, 0, 0), 0);
  struct timespec soon = {0, 10000000}, bad = {0, 1000000000};
  FAILS("bad-time", recvmmsg(s[1], m, 1, MSG_DONTWAIT, &bad), EINVAL);
  must(write(s[0], "1", 1));
  EQ("with-time", recvmmsg(s[1], m, 1, 0, &soon), 1);
  // What has been sent counts before what cannot be.
  m[1].msg_hdr.msg_iov = (void *)1;
  for (int i = 0; i < 2; i++) in[i].iov_len = 1;
  EQ("some-sent", sendmmsg(s[0], m, 2, 0), 1);
  FAILS("none-sent", sendmmsg(s[0], m + 1, 1, 0), EFAULT);
  close(s[0]), close(s[1]);
}

CHECK_MAIN(CASE(datagram_pairs), CASE(packet_pairs), CASE(senders), CASE(connected), CASE(shutting), CASE(packets), CASE(datagram_sizes),
           CASE(packet_sizes), CASE(full), CASE(blocked), CASE(several))
