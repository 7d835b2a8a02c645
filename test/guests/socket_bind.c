// Addresses of the Internet's sockets: who may have which port beside whom; IPv4 by way of IPv6.
#include "check.h"
#include "sockets.h"

static int made(int family, int type, int reuse) {
  int fd = must(socket(family, type, 0));
  if (reuse) must(set_option(fd, SOL_SOCKET, reuse, 1));
  return fd;
}

static void addresses(void) {
  int fd = made(AF_INET, SOCK_STREAM, 0), six = made(AF_INET6, SOCK_STREAM, 0);
  union address u = address("127.0.0.1", 0), v = address("::1", 0);
  FAILS("short", bind(fd, &u.a, sizeof u.in - 1), EINVAL);
  FAILS("short6", bind(six, &v.a, 20), EINVAL);
  FAILS("ipv6-for-ipv4", bind(fd, &v.a, sizeof v.in6), EAFNOSUPPORT);
  FAILS("ipv4-for-ipv6", bind(six, &u.a, sizeof u.in), EINVAL);
  FAILS("ipv4-long-for-ipv6", bind(six, &u.a, sizeof u.in6), EAFNOSUPPORT);
  FAILS("not-ours", bind_at(fd, "198.51.100.1", 0), EADDRNOTAVAIL);
  FAILS("not-ours6", bind_at(six, "2001:db8::1", 0), EADDRNOTAVAIL);
  FAILS("null", bind(fd, NULL, sizeof u.in), EFAULT);
  u = address("0.0.0.0", 0), u.a.sa_family = AF_UNSPEC;
  GOOD("any-without-family", bind(fd, &u.a, sizeof u.in));
  char text[INET6_ADDRSTRLEN];
  TRUE("has-a-port", port_of(fd, 0, text) > 0);
  STR("any", text, "0.0.0.0");
  FAILS("twice", bind_at(fd, "127.0.0.1", 0), EINVAL);
  int other = made(AF_INET, SOCK_STREAM, 0);
  u = address("127.0.0.1", 0), u.a.sa_family = AF_UNSPEC;
  FAILS("one-without-family", bind(other, &u.a, sizeof u.in), EAFNOSUPPORT);
  GOOD("whole-loopback", bind_at(other, "127.200.3.4", 0));
  must(listen(other, 1));
  close(fd);
  fd = made(AF_INET, SOCK_STREAM, 0);
  GOOD("reachable", connect_at(fd, "127.200.3.4", port(other)));
  port_of(fd, 1, text);
  STR("peer", text, "127.200.3.4");
  close(fd), close(other), close(six);
  pid_t pid = fork();
  if (pid == 0) {
    if (getuid() == 0) must(setuid(1000));
    _exit(bind_at(made(AF_INET, SOCK_STREAM, 0), "127.0.0.1", 81) == -1 && errno == EACCES ? 0 : 1);
  }
  EQ("privileged-port", status_of(pid), 0);
}

// A first socket that is bound, and listens perhaps; a second one for the same port.
static void sharing(int type) {
  enum { R = SO_REUSEADDR, P = SO_REUSEPORT };
  static const struct {
    const char *name, *first, *second;
    int reuse_first, reuse_second, listens, stream, datagram;  // the errno of the second's bind
  } all[] = {
      {"same", "127.0.0.1", "127.0.0.1", 0, 0, 0, EADDRINUSE, EADDRINUSE},
      {"other-address", "127.0.0.1", "127.0.0.2", 0, 0, 1, 0, 0},
      {"any-then-one", "0.0.0.0", "127.0.0.1", 0, 0, 0, EADDRINUSE, EADDRINUSE},
      {"one-then-any", "127.0.0.1", "0.0.0.0", 0, 0, 0, EADDRINUSE, EADDRINUSE},
      {"reuse-first", "127.0.0.1", "127.0.0.1", R, 0, 0, EADDRINUSE, EADDRINUSE},
      {"reuse-second", "127.0.0.1", "127.0.0.1", 0, R, 0, EADDRINUSE, EADDRINUSE},
      {"reuse-both", "127.0.0.1", "127.0.0.1", R, R, 0, 0, 0},
      {"reuse-both-listening", "127.0.0.1", "127.0.0.1", R, R, 1, EADDRINUSE, 0},
      {"reuse-any-listening", "127.0.0.1", "0.0.0.0", R, R, 1, EADDRINUSE, 0},
      {"port-first", "127.0.0.1", "127.0.0.1", P, 0, 0, EADDRINUSE, EADDRINUSE},
      {"port-second", "127.0.0.1", "127.0.0.1", 0, P, 0, EADDRINUSE, EADDRINUSE},
      {"port-both", "127.0.0.1", "127.0.0.1", P, P, 1, 0, 0},
      {"port-any", "0.0.0.0", "127.0.0.1", P, P, 1, 0, 0},
      {"port-and-reuse", "127.0.0.1", "127.0.0.1", P, R, 0, EADDRINUSE, EADDRINUSE},
      {"six-same", "::1", "::1", 0, 0, 0, EADDRINUSE, EADDRINUSE},
      {"six-and-four", "::1", "127.0.0.1", 0, 0, 1, 0, 0},
      {"six-any-and-one", "::", "::1", 0, 0, 0, EADDRINUSE, EADDRINUSE},
      {"six-any-and-four", "::", "127.0.0.1", 0, 0, 0, EADDRINUSE, EADDRINUSE},
      {"four-and-six-any", "127.0.0.1", "::", 0, 0, 0, EADDRINUSE, EADDRINUSE},
      {"any-and-six-one", "0.0.0.0", "::1", 0, 0, 1, 0, 0},
      {"both-any", "::", "0.0.0.0", 0, 0, 0, EADDRINUSE, EADDRINUSE},
      {"both-any-listening", "::", "0.0.0.0", R, R, 1, EADDRINUSE, 0},
      {"mapped", "127.0.0.1", "::ffff:127.0.0.1", 0, 0, 0, EADDRINUSE, EADDRINUSE},
      {"mapped-other", "127.0.0.1", "::ffff:127.0.0.2", 0, 0, 1, 0, 0},
  };
  for (unsigned i = 0; i < sizeof all / sizeof all[0]; i++) {
    int want = type == SOCK_STREAM ? all[i].stream : all[i].datagram, got, a, b;
    // The port that the first one is given may be in use where the second one asks for it: then another.
    for (int tries = 0;; tries++) {
      a = made(strchr(all[i].first, ':') ? AF_INET6 : AF_INET, type, all[i].reuse_first);
      b = made(strchr(all[i].second, ':') ? AF_INET6 : AF_INET, type, all[i].reuse_second);
      must(bind_at(a, all[i].first, 0));
      if (type == SOCK_STREAM && all[i].listens) must(listen(a, 1));
      got = bind_at(b, all[i].second, port(a)) ? errno : 0;
      if (want || !got || tries == 20) break;
      close(a), close(b);
    }
    EQ(all[i].name, got, want);
    close(a);
    if (want) GOOD("free-again", bind_at(b, all[i].second, 0));
    close(b);
  }
}

static void streams(void) { sharing(SOCK_STREAM); }
static void datagrams(void) { sharing(SOCK_DGRAM); }

static void listening(void) {
  // Two may be bound to reuse a port, and one of them listens.
  int a = made(AF_INET, SOCK_STREAM, SO_REUSEADDR), b = made(AF_INET, SOCK_STREAM, SO_REUSEADDR);
  must(bind_at(a, "127.0.0.1", 0)), must(bind_at(b, "127.0.0.1", port(a)));
  GOOD("first", listen(a, 1));
  FAILS("second", listen(b, 1), EADDRINUSE);
  close(a);
  GOOD("then-the-second", listen(b, 1));
  close(b);
  // Who reuses a port must be of one user.
  if (getuid() == 0) {
    a = made(AF_INET, SOCK_STREAM, SO_REUSEPORT);
    must(bind_at(a, "127.0.0.1", 0)), must(listen(a, 1));
    pid_t pid = fork();
    if (pid == 0) {
      must(setuid(1000));
      b = made(AF_INET, SOCK_STREAM, SO_REUSEPORT);
      _exit(bind_at(b, "127.0.0.1", port(a)) == -1 && errno == EADDRINUSE ? 0 : 1);
    }
    EQ("other-user", status_of(pid), 0);
    close(a);
  }
  // A connection does not keep others from the port that it came to, if they say so.
  int l = made(AF_INET, SOCK_STREAM, SO_REUSEADDR), c = made(AF_INET, SOCK_STREAM, 0);
  must(bind_at(l, "127.0.0.1", 0)), must(listen(l, 1));
  int where = port(l);
  must(connect_at(c, "127.0.0.1", where));
  int s = must(accept(l, NULL, NULL));
  EQ("inherited", option(s, SOL_SOCKET, SO_REUSEADDR), 1);
  close(l);
  l = made(AF_INET, SOCK_STREAM, 0);
  FAILS("without-reuse", bind_at(l, "127.0.0.1", where), EADDRINUSE);
  set_option(l, SOL_SOCKET, SO_REUSEADDR, 1);
  GOOD("with-reuse", bind_at(l, "127.0.0.1", where));
  GOOD("listens", listen(l, 1));
  close(s);
  await(c, POLLRDHUP);
  close(c), close(l);
  l = made(AF_INET, SOCK_STREAM, SO_REUSEADDR);
  GOOD("after-it-has-ended", bind_at(l, "127.0.0.1", where));
  GOOD("listens-then", listen(l, 1));
  close(l);
  // Several listen at one port: each connection goes to one of them.
  int fds[3], got = 0;
  for (int i = 0; i < 3; i++) {
    fds[i] = made(AF_INET, SOCK_STREAM, SO_REUSEPORT);
    must(bind_at(fds[i], "127.0.0.1", i ? port(fds[0]) : 0)), must(listen(fds[i], 16));
    fcntl(fds[i], F_SETFL, O_NONBLOCK);
  }
  for (int i = 0; i < 10; i++) {
    c = made(AF_INET, SOCK_STREAM, 0);
    must(connect_at(c, "127.0.0.1", port(fds[0])));
    struct pollfd f[3] = {{fds[0], POLLIN, 0}, {fds[1], POLLIN, 0}, {fds[2], POLLIN, 0}};
    must(poll(f, 3, 10000));
    for (int k = 0; k < 3; k++) {
      s = accept(fds[k], NULL, NULL);
      if (s >= 0) got++, close(s);
    }
    close(c);
  }
  EQ("each-once", got, 10);
  for (int i = 0; i < 3; i++) close(fds[i]);
}

static void mapped(void) {
  char text[INET6_ADDRSTRLEN];
  int l = made(AF_INET6, SOCK_STREAM, 0), c = made(AF_INET, SOCK_STREAM, 0);
  EQ("both-by-default", option(l, IPPROTO_IPV6, IPV6_V6ONLY), 0);
  must(bind_at(l, "::", 0)), must(listen(l, 5));
  int where = port(l);
  GOOD("ipv4-connects", connect_at(c, "127.0.0.1", where));
  union address u;
  socklen_t n = sizeof u;
  int s = must(accept(l, &u.a, &n));
  EQ("family", u.a.sa_family, AF_INET6);
  EQ("length", n, sizeof u.in6);
  inet_ntop(AF_INET6, &u.in6.sin6_addr, text, sizeof text);
  STR("from", text, "::ffff:127.0.0.1");
  EQ("peer-port", port_of(s, 1, text), port(c));
  STR("peer", text, "::ffff:127.0.0.1");
  port_of(s, 0, text);
  STR("own", text, "::ffff:127.0.0.1");
  char b;
  must(write(c, "x", 1));
  EQ("data", read(s, &b, 1), 1);
  close(s), close(c);
  c = made(AF_INET6, SOCK_STREAM, 0);
  GOOD("ipv6-connects", connect_at(c, "::1", where));
  s = must(accept(l, NULL, NULL));
  port_of(s, 1, text);
  STR("ipv6-peer", text, "::1");
  close(s), close(c);
  c = made(AF_INET6, SOCK_STREAM, 0);
  GOOD("by-mapped-name", connect_at(c, "::ffff:127.0.0.1", where));
  port_of(c, 0, text);
  STR("its-own", text, "::ffff:127.0.0.1");
  FAILS("too-late", set_option(c, IPPROTO_IPV6, IPV6_V6ONLY, 1), EINVAL);
  close(c), close(l);
  // IPv4's listener, reached from an IPv6 socket.
  l = tcp_listener(AF_INET), c = made(AF_INET6, SOCK_STREAM, 0);
  GOOD("to-ipv4", connect_at(c, "::ffff:127.0.0.1", port(l)));
  n = sizeof u;
  s = must(accept(l, &u.a, &n));
  EQ("seen-as-ipv4", u.a.sa_family, AF_INET);
  close(s), close(c), close(l);
  // Only IPv6.
  l = made(AF_INET6, SOCK_STREAM, 0);
  GOOD("set-only", set_option(l, IPPROTO_IPV6, IPV6_V6ONLY, 1));
  FAILS("bind-mapped", bind_at(l, "::ffff:127.0.0.1", 0), EINVAL);
  close(l);
  int got;
  for (int tries = 0;; tries++) {
    l = made(AF_INET6, SOCK_STREAM, 0), s = made(AF_INET, SOCK_STREAM, 0);
    must(set_option(l, IPPROTO_IPV6, IPV6_V6ONLY, 1));
    must(bind_at(l, "::", 0)), must(listen(l, 5));
    got = bind_at(s, "0.0.0.0", port(l)) ? errno : 0;
    if (!got || tries == 20) break;
    close(l), close(s);
  }
  EQ("only", option(l, IPPROTO_IPV6, IPV6_V6ONLY), 1);
  EQ("port-is-free", got, 0);
  c = made(AF_INET, SOCK_STREAM, 0);
  FAILS("refused", connect_at(c, "127.0.0.1", port(l)), ECONNREFUSED);
  GOOD("listens-beside", listen(s, 1));
  GOOD("goes-there", connect_at(c, "127.0.0.1", port(l)));
  close(c), close(s);
  c = made(AF_INET6, SOCK_STREAM, 0);
  must(set_option(c, IPPROTO_IPV6, IPV6_V6ONLY, 1));
  FAILS("no-ipv4", connect_at(c, "::ffff:127.0.0.1", port(l)), ENETUNREACH);
  close(c), close(l);
}

static void unspecified(void) {
  // connect(2) to no family ends a connection; the socket can be used again.
  int s[2];
  char b;
  tcp_pair(AF_INET, s);
  struct sockaddr none = {.sa_family = AF_UNSPEC};
  GOOD("disconnect", connect(s[0], &none, sizeof none));
  FAILS("no-peer", getpeername(s[0], &none, &(socklen_t){sizeof none}), ENOTCONN);
  await(s[1], POLLIN);
  FAILS("peer", read(s[1], &b, 1), ECONNRESET);
  int l = tcp_listener(AF_INET);
  GOOD("again", connect_at(s[0], "127.0.0.1", port(l)));
  GOOD("short", connect(s[0], &none, sizeof none.sa_family));
  close(s[0]), close(s[1]);
  GOOD("listener", connect(l, &none, sizeof none));
  EQ("no-listener", option(l, SOL_SOCKET, SO_ACCEPTCONN), 0);
  close(l);
}

CHECK_MAIN(CASE(addresses), CASE(streams), CASE(datagrams), CASE(listening), CASE(mapped), CASE(unspecified))
