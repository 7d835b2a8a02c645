// UDP over the loopback, each for IPv4 and IPv6.
#include "check.h"
#include "sockets.h"

static long send_at(int fd, const char *text, int port, const void *data, size_t n) {
  union address u = address(text, port);
  return sendto(fd, data, n, 0, &u.a, size_of(u));
}

static void basics(int family) {
  const char *at = loopback(family);
  char buf[64] = {0}, text[INET6_ADDRSTRLEN];
  int r = GOOD("socket", socket(family, SOCK_DGRAM, 0)), s = must(socket(family, SOCK_DGRAM, 0));
  EQ("fresh", polled(r), POLLOUT);
  GOOD("bind", bind_at(r, at, 0));
  EQ("bound", polled(r), POLLOUT);
  int where = port(r);
  FAILS("bind-twice", bind_at(r, at, 0), EINVAL);
  EQ("no-port-yet", port(s), 0);
  EQ("sendto", send_at(s, at, where, "one", 3), 3);
  TRUE("port", port_of(s, 0, text) > 0);
  STR("any-address", text, family == AF_INET ? "0.0.0.0" : "::");
  must(send_at(s, at, where, "second", 6));
  EQ("first-counts", waiting(r, 1), 3);
  await(r, POLLIN);
  EQ("poll", polled(r), POLLIN | POLLOUT);
  EQ("peek", recv(r, buf, 64, MSG_PEEK), 3);
  union address from;
  socklen_t n = sizeof from;
  EQ("recvfrom", recvfrom(r, buf, 64, 0, &from.a, &n), 3);
  STR("data", buf, "one");
  EQ("from-length", n, size_of(from));
  EQ("from-port", ntohs(from.in.sin_port), port(s));
  TRUE("from-loopback", family == AF_INET ? from.in.sin_addr.s_addr == htonl(INADDR_LOOPBACK) : IN6_IS_ADDR_LOOPBACK(&from.in6.sin6_addr));
  await(r, POLLIN);
  EQ("real-length", recv(r, buf, 2, MSG_TRUNC | MSG_PEEK), 6);
  struct iovec v[2] = {{buf, 1}, {buf + 1, 2}};
  struct msghdr m = {.msg_iov = v, .msg_iovlen = 2};
  EQ("recvmsg", recvmsg(r, &m, 0), 3);
  EQ("truncated", m.msg_flags & MSG_TRUNC, MSG_TRUNC);
  FAILS("rest-is-gone", recv(r, buf, 64, MSG_DONTWAIT), EAGAIN);
  EQ("answer", sendto(r, "back", 4, 0, &from.a, n), 4);
  await(s, POLLIN);
  EQ("answered", recv(s, buf, 64, 0), 4);
  EQ("empty", send_at(s, at, where, "", 0), 0);
  await(r, POLLIN);
  EQ("empty-counts-nothing", waiting(r, 0), 0);
  EQ("empty-arrives", recv(r, buf, 64, 0), 0);
  EQ("itself", send_at(r, at, where, "me", 2), 2);
  await(r, POLLIN);
  EQ("from-itself", recv(r, buf, 64, 0), 2);
  must(send_at(s, at, where, "abc", 3)), await(r, POLLIN);
  EQ("no-room", recv(r, buf, 0, 0), 0);
  FAILS("gone-with-it", recv(r, buf, 64, MSG_DONTWAIT), EAGAIN);
  pid_t pid = fork();
  if (pid == 0) _exit(recv(r, buf, 64, 0) == 4 ? 0 : 1);
  until_asleep(pid, pid);
  must(send_at(s, at, where, "wake", 4));
  EQ("woken", status_of(pid), 0);
  must(set_timeout(r, SO_RCVTIMEO, 30));
  FAILS("timeout", recv(r, buf, 64, 0), EAGAIN);
  close(r), close(s);
}

static void refusals(int family) {
  const char *at = loopback(family);
  int s = must(socket(family, SOCK_DGRAM, 0)), r = local(family, SOCK_DGRAM), where = port(r);
  static char big[70000];
  union address u = address(at, where);
  FAILS("nowhere", send(s, "x", 1, 0), EDESTADDRREQ);
  FAILS("nowhere-write", write(s, "x", 1), EDESTADDRREQ);
  FAILS("short-address", sendto(s, "x", 1, 0, &u.a, 8), EINVAL);
  u.a.sa_family = AF_UNIX;
  FAILS("family", sendto(s, "x", 1, 0, &u.a, sizeof u), family == AF_INET ? EAFNOSUPPORT : EINVAL);
  FAILS("port-0", send_at(s, at, 0, "x", 1), EINVAL);
  int most = family == AF_INET ? 65507 : 65527;
  FAILS("too-long", send_at(s, at, where, big, most + 1), EMSGSIZE);
  FAILS("much-too-long", send_at(s, at, where, big, 70000), EMSGSIZE);
  for (int i = 0; i < most; i++) big[i] = i * 7 + (i >> 8);
  EQ("longest", send_at(s, at, where, big, most), most);
  static char got[70000];
  await(r, POLLIN);
  EQ("longest-arrives", recv(r, got, sizeof got, 0), most);
  TRUE("same", !memcmp(big, got, most));
  FAILS("listen", listen(r, 1), EOPNOTSUPP);
  FAILS("accept", accept(r, NULL, NULL), EOPNOTSUPP);
  FAILS("peer", getpeername(r, &u.a, &(socklen_t){sizeof u}), ENOTCONN);
  FAILS("shutdown", shutdown(r, SHUT_WR), ENOTCONN);
  close(r);
  // Nobody hears of a datagram to a closed port, unless the socket is connected.
  EQ("to-nobody", send_at(s, at, where, "x", 1), 1);
  EQ("no-error", option(s, SOL_SOCKET, SO_ERROR), 0);
  close(s);
}

static void connected(int family) {
  const char *at = loopback(family);
  char buf[64], text[INET6_ADDRSTRLEN];
  int a = local(family, SOCK_DGRAM), b = local(family, SOCK_DGRAM), c = local(family, SOCK_DGRAM);
  must(send_at(c, at, port(a), "early", 5));
  await(a, POLLIN);
  GOOD("connect", connect_at(a, at, port(b)));
  EQ("peer-port", port_of(a, 1, text), port(b));
  STR("peer", text, at);
  EQ("what-was-there-stays", recv(a, buf, 64, 0), 5);
  EQ("send", send(a, "x", 1, 0), 1);
  await(b, POLLIN);
  EQ("recv", recv(b, buf, 64, 0), 1);
  must(send_at(c, at, port(a), "other", 5)), must(send_at(b, at, port(a), "peer", 4));
  await(a, POLLIN);
  EQ("hears-only-its-peer", recv(a, buf, 64, 0), 4);
  FAILS("and-no-other", recv(a, buf, 64, MSG_DONTWAIT), EAGAIN);
  EQ("sends-elsewhere", send_at(a, at, port(c), "y", 1), 1);
  await(c, POLLIN);
  EQ("elsewhere", recv(c, buf, 64, 0), 1);
  GOOD("reconnect", connect_at(a, at, port(c)));
  EQ("write", write(a, "zz", 2), 2);
  await(c, POLLIN);
  EQ("new-peer", recv(c, buf, 64, 0), 2);
  // To a port that nobody has: the next call is told, once.
  int where = port(b);
  close(b);
  must(connect_at(a, at, where));
  for (int how = 0; how < 4; how++) {
    static const char *const names[] = {"read", "send", "option", "recv-dontwait"};
    EQ("to-nobody", send(a, "x", 1, 0), 1);
    EQ("poll", becomes(a, POLLOUT | POLLERR), POLLOUT | POLLERR);
    if (how == 0) FAILS(names[how], read(a, buf, 64), ECONNREFUSED);
    if (how == 1) FAILS(names[how], send(a, "x", 1, 0), ECONNREFUSED);
    if (how == 2) EQ(names[how], option(a, SOL_SOCKET, SO_ERROR), ECONNREFUSED);
    if (how == 3) FAILS(names[how], recv(a, buf, 64, MSG_DONTWAIT), ECONNREFUSED);
    EQ("then", polled(a), POLLOUT);
  }
  pid_t pid = fork();
  if (pid == 0) _exit(recv(a, buf, 64, 0) == -1 && errno == ECONNREFUSED ? 0 : 1);
  until_asleep(pid, pid);
  must(send(a, "x", 1, 0));
  EQ("reader-is-told", status_of(pid), 0);
  struct sockaddr none = {.sa_family = AF_UNSPEC};
  // A port that was asked for by its number stays.
  int own = port(a);
  close(a), a = must(socket(family, SOCK_DGRAM, 0));
  must(bind_at(a, at, own)), must(connect_at(a, at, port(c)));
  GOOD("disconnect", connect(a, &none, sizeof none));
  FAILS("no-peer", getpeername(a, &none, &(socklen_t){sizeof none}), ENOTCONN);
  EQ("keeps-its-port", port(a), own);
  FAILS("nowhere", send(a, "x", 1, 0), EDESTADDRREQ);
  must(send_at(c, at, own, "again", 5));
  await(a, POLLIN);
  EQ("hears-all", recv(a, buf, 64, 0), 5);
  // A port of its own comes with the connection, and goes with it.
  int d = must(socket(family, SOCK_DGRAM, 0));
  must(connect_at(d, at, port(c)));
  TRUE("gets-a-port", port_of(d, 0, text) > 0);
  STR("and-an-address", text, at);
  must(connect(d, &none, sizeof none.sa_family));
  EQ("lets-it-go", port_of(d, 0, text), 0);
  STR("lets-both-go", text, family == AF_INET ? "0.0.0.0" : "::");
  close(a), close(c), close(d);
}

static void shutting(int family) {
  char buf[8];
  int a = local(family, SOCK_DGRAM), b = local(family, SOCK_DGRAM);
  must(connect_at(a, loopback(family), port(b))), must(connect_at(b, loopback(family), port(a)));
  signal(SIGPIPE, SIG_IGN);
  GOOD("write-side", shutdown(a, SHUT_WR));
  FAILS("epipe", send(a, "x", 1, 0), EPIPE);
  EQ("still-heard", send(b, "x", 1, 0), 1);
  await(a, POLLIN);
  EQ("hears", recv(a, buf, 8, 0), 1);
  EQ("poll-write-side", polled(a), POLLOUT);
  EQ("poll-peer", polled(b), POLLOUT);
  GOOD("read-side", shutdown(a, SHUT_RD));
  EQ("poll-both", polled(a), POLLIN | POLLOUT | POLLHUP | POLLRDHUP);
  EQ("end", recv(a, buf, 8, 0), 0);
  signal(SIGPIPE, SIG_DFL);
  pid_t pid = fork();
  if (pid == 0) _exit(recv(b, buf, 8, 0) == 0 ? 0 : 1);
  until_asleep(pid, pid);
  must(shutdown(b, SHUT_RD));
  EQ("wakes", status_of(pid), 0);
  EQ("poll-read-side", polled(b), POLLIN | POLLOUT | POLLRDHUP);
  close(a), close(b);
}

static void broadcast(void) {
  int s = must(socket(AF_INET, SOCK_DGRAM, 0));
  EQ("off", option(s, SOL_SOCKET, SO_BROADCAST), 0);
  FAILS("refused", send_at(s, "127.255.255.255", 9, "x", 1), EACCES);
  FAILS("connect-refused", connect_at(s, "127.255.255.255", 9), EACCES);
  GOOD("set", set_option(s, SOL_SOCKET, SO_BROADCAST, 1));
  EQ("sent", send_at(s, "127.255.255.255", 9, "x", 1), 1);
  GOOD("connect", connect_at(s, "127.255.255.255", 9));
  close(s);
}

static void mapped(void) {
  char buf[8], text[INET6_ADDRSTRLEN];
  int six = must(socket(AF_INET6, SOCK_DGRAM, 0)), four = local(AF_INET, SOCK_DGRAM);
  must(bind_at(six, "::", 0));
  EQ("to-ipv6", send_at(four, "127.0.0.1", port(six), "x", 1), 1);
  union address u;
  socklen_t n = sizeof u;
  EQ("recvfrom", recvfrom(six, buf, 8, 0, &u.a, &n), 1);
  EQ("family", u.a.sa_family, AF_INET6);
  inet_ntop(AF_INET6, &u.in6.sin6_addr, text, sizeof text);
  STR("from", text, "::ffff:127.0.0.1");
  EQ("answer", sendto(six, "yz", 2, 0, &u.a, n), 2);
  n = sizeof u;
  EQ("answered", recvfrom(four, buf, 8, 0, &u.a, &n), 2);
  EQ("as-ipv4", u.a.sa_family, AF_INET);
  EQ("port", ntohs(u.in.sin_port), port(six));
  // An IPv4 address for a socket of IPv6 goes the same way.
  EQ("ipv4-address", send_at(six, "127.0.0.1", port(four), "abc", 3), 3);
  EQ("arrives", recv(four, buf, 8, 0), 3);
  int both = must(socket(AF_INET6, SOCK_DGRAM, 0));
  GOOD("connect", connect_at(both, "::ffff:127.0.0.1", port(four)));
  port_of(both, 0, text);
  STR("own", text, "::ffff:127.0.0.1");
  close(both);
  int only = must(socket(AF_INET6, SOCK_DGRAM, 0));
  must(set_option(only, IPPROTO_IPV6, IPV6_V6ONLY, 1));
  must(bind_at(only, "::", 0));
  FAILS("only-ipv6", send_at(only, "::ffff:127.0.0.1", port(four), "x", 1), ENETUNREACH);
  int apart = must(socket(AF_INET, SOCK_DGRAM, 0));
  GOOD("port-is-free", bind_at(apart, "0.0.0.0", port(only)));
  close(only), close(apart), close(six), close(four);
  // Any address is the loopback's.
  four = must(socket(AF_INET, SOCK_DGRAM, 0)), six = must(socket(AF_INET, SOCK_DGRAM, 0));
  must(bind_at(four, "0.0.0.0", 0));
  EQ("to-any", send_at(six, "0.0.0.0", port(four), "x", 1), 1);
  n = sizeof u;
  EQ("to-any-arrives", recvfrom(four, buf, 8, 0, &u.a, &n), 1);
  inet_ntop(AF_INET, &u.in.sin_addr, text, sizeof text);
  STR("to-any-from", text, "127.0.0.1");
  close(four), close(six);
}

static void chosen(void) {
  // The socket that says most of where a datagram comes from and goes to gets it.
  char buf[8];
  int any = must(socket(AF_INET, SOCK_DGRAM, 0)), one = must(socket(AF_INET, SOCK_DGRAM, 0)), both = must(socket(AF_INET, SOCK_DGRAM, 0));
  int a = local(AF_INET, SOCK_DGRAM), b = local(AF_INET, SOCK_DGRAM);
  int fds[3] = {any, one, both};
  for (int i = 0; i < 3; i++) must(set_option(fds[i], SOL_SOCKET, SO_REUSEADDR, 1));
  must(bind_at(any, "0.0.0.0", 0));
  int where = port(any);
  must(bind_at(one, "127.0.0.1", where)), must(bind_at(both, "127.0.0.1", where));
  must(connect_at(both, "127.0.0.1", port(a)));
  must(send_at(a, "127.0.0.1", where, "a", 1)), must(send_at(b, "127.0.0.1", where, "b", 1)), must(send_at(b, "127.0.0.9", where, "c", 1));
  for (int i = 0; i < 3; i++) {
    await(fds[2 - i], POLLIN);
    EQ("reaches", recv(fds[2 - i], buf, 8, 0) == 1 ? buf[0] : -1, "abc"[i]);
    EQ("only", polled(fds[2 - i]), POLLOUT);
  }
  close(any), close(one), close(both), close(a), close(b);
}

static void several(void) {
  int r = local(AF_INET, SOCK_DGRAM), s = must(socket(AF_INET, SOCK_DGRAM, 0));
  char buf[5][4];
  struct iovec out[3] = {{"a", 1}, {"bcd", 3}, {"", 0}}, in[5];
  union address from[5], to = address("127.0.0.1", port(r));
  struct mmsghdr m[5] = {0};
  for (int i = 0; i < 3; i++)
    m[i].msg_hdr = (struct msghdr){.msg_name = &to, .msg_namelen = sizeof to.in, .msg_iov = &out[i], .msg_iovlen = 1};
  EQ("sendmmsg", sendmmsg(s, m, 3, 0), 3);
  EQ("sent", m[0].msg_len + 10 * m[1].msg_len + 100 * m[2].msg_len, 31);
  // All three have arrived once a fourth has.
  must(send_at(s, "127.0.0.1", port(r), "end", 3));
  int n = 0;
  while (n < 4) {
    await(r, POLLIN);
    for (int i = n; i < 5; i++) {
      in[i] = (struct iovec){buf[i], 2};
      m[i].msg_hdr = (struct msghdr){.msg_name = &from[i], .msg_namelen = sizeof from[i], .msg_iov = &in[i], .msg_iovlen = 1};
    }
    n += must(recvmmsg(r, m + n, 5 - n, MSG_DONTWAIT, NULL));
  }
  EQ("recvmmsg", n, 4);
  EQ("lengths", m[0].msg_len + 10 * m[1].msg_len + 100 * m[2].msg_len, 21);
  EQ("cut", m[1].msg_hdr.msg_flags & MSG_TRUNC, MSG_TRUNC);
  TRUE("from", ntohs(from[2].in.sin_port) == port(s) && m[2].msg_hdr.msg_namelen == sizeof from[2].in);
  FAILS("none", recvmmsg(r, m, 5, MSG_DONTWAIT, NULL), EAGAIN);
  close(r), close(s);
}

static void full(void) {
  // What a receiver has no room for is lost, and nobody is told.
  static char block[8192];
  int r = local(AF_INET, SOCK_DGRAM), s = must(socket(AF_INET, SOCK_DGRAM, 0)), n = 0, sent = 200;
  must(set_option(r, SOL_SOCKET, SO_RCVBUF, 65536));
  must(connect_at(s, "127.0.0.1", port(r)));
  for (int i = 0; i < sent; i++) n += send(s, block, sizeof block, 0) == sizeof block;
  EQ("all-sent", n, sent);
  EQ("writable", becomes(s, POLLOUT), POLLOUT);
  await(r, POLLIN);
  for (n = 0; recv(r, block, sizeof block, MSG_DONTWAIT) == sizeof block;) n++;
  TRUE("some-arrive", n > 0 && n < sent);
  must(send(s, "x", 1, 0)), await(r, POLLIN);
  TRUE("room-again", recv(r, block, sizeof block, 0) > 0);
  close(r), close(s);
}

static void basics4(void) { basics(AF_INET); }
static void basics6(void) { basics(AF_INET6); }
static void refusals4(void) { refusals(AF_INET); }
static void refusals6(void) { refusals(AF_INET6); }
static void connected4(void) { connected(AF_INET); }
static void connected6(void) { connected(AF_INET6); }
static void shutting4(void) { shutting(AF_INET); }
static void shutting6(void) { shutting(AF_INET6); }

CHECK_MAIN(CASE(basics4), CASE(basics6), CASE(refusals4), CASE(refusals6), CASE(connected4), CASE(connected6), CASE(shutting4), CASE(shutting6),
           CASE(broadcast), CASE(mapped), CASE(chosen), CASE(several), CASE(full))
