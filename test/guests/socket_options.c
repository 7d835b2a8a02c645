// What getsockopt(2) and setsockopt(2) know, how long values may be, and what some options do.
#include "check.h"
#include "sockets.h"
#include <netinet/tcp.h>
#include <netinet/udp.h>

// Sets an option to `to` and expects it to be `then`.
static void sets(int fd, const char *name, int level, int option_name, int to, int then) {
  GOOD(name, set_option(fd, level, option_name, to));
  EQ(name, option(fd, level, option_name), then);
}

static void switches(void) {
  static const struct {
    const char *name;
    int level, option, tcp_only;
  } all[] = {{"reuseaddr", SOL_SOCKET, SO_REUSEADDR, 0}, {"reuseport", SOL_SOCKET, SO_REUSEPORT, 0}, {"keepalive", SOL_SOCKET, SO_KEEPALIVE, 0},
             {"broadcast", SOL_SOCKET, SO_BROADCAST, 0}, {"oobinline", SOL_SOCKET, SO_OOBINLINE, 0}, {"dontroute", SOL_SOCKET, SO_DONTROUTE, 0},
             {"timestamp", SOL_SOCKET, SO_TIMESTAMP, 0}, {"nodelay", IPPROTO_TCP, TCP_NODELAY, 1},   {"cork", IPPROTO_TCP, TCP_CORK, 1}};
  int t = must(socket(AF_INET, SOCK_STREAM, 0)), u = must(socket(AF_INET, SOCK_DGRAM, 0));
  for (unsigned i = 0; i < sizeof all / sizeof all[0]; i++) {
    for (int udp = 0; udp < 2 - all[i].tcp_only; udp++) {
      int fd = udp ? u : t;
      EQ(all[i].name, option(fd, all[i].level, all[i].option), 0);
      sets(fd, all[i].name, all[i].level, all[i].option, 1, 1);
      sets(fd, all[i].name, all[i].level, all[i].option, 77, 1);
      sets(fd, all[i].name, all[i].level, all[i].option, 0, 0);
    }
  }
  close(t), close(u);
  // Those of Unix sockets.
  int x = must(socket(AF_UNIX, SOCK_STREAM, 0));
  sets(x, "unix-reuseaddr", SOL_SOCKET, SO_REUSEADDR, 1, 1);
  sets(x, "unix-keepalive", SOL_SOCKET, SO_KEEPALIVE, 1, 1);
  sets(x, "unix-passcred", SOL_SOCKET, SO_PASSCRED, 1, 1);
  sets(x, "unix-broadcast", SOL_SOCKET, SO_BROADCAST, 1, 1);
  close(x);
}

static void numbers(void) {
  int t = must(socket(AF_INET, SOCK_STREAM, 0)), six = must(socket(AF_INET6, SOCK_STREAM, 0)), u = must(socket(AF_INET, SOCK_DGRAM, 0));
  EQ("idle", option(t, IPPROTO_TCP, TCP_KEEPIDLE), 7200);
  EQ("interval", option(t, IPPROTO_TCP, TCP_KEEPINTVL), 75);
  EQ("count", option(t, IPPROTO_TCP, TCP_KEEPCNT), 9);
  sets(t, "idle-set", IPPROTO_TCP, TCP_KEEPIDLE, 60, 60);
  sets(t, "interval-set", IPPROTO_TCP, TCP_KEEPINTVL, 10, 10);
  sets(t, "count-set", IPPROTO_TCP, TCP_KEEPCNT, 3, 3);
  FAILS("idle-0", set_option(t, IPPROTO_TCP, TCP_KEEPIDLE, 0), EINVAL);
  FAILS("idle-large", set_option(t, IPPROTO_TCP, TCP_KEEPIDLE, 40000), EINVAL);
  FAILS("interval-large", set_option(t, IPPROTO_TCP, TCP_KEEPINTVL, 40000), EINVAL);
  FAILS("count-large", set_option(t, IPPROTO_TCP, TCP_KEEPCNT, 128), EINVAL);
  FAILS("count-0", set_option(t, IPPROTO_TCP, TCP_KEEPCNT, 0), EINVAL);
  sets(t, "user-timeout", IPPROTO_TCP, TCP_USER_TIMEOUT, 5000, 5000);
  FAILS("user-timeout-negative", set_option(t, IPPROTO_TCP, TCP_USER_TIMEOUT, -1), EINVAL);
  sets(t, "priority", SOL_SOCKET, SO_PRIORITY, 6, 6);
  pid_t pid = fork();
  if (pid == 0) {
    if (getuid() == 0) must(setuid(1000));
    if (set_option(t, SOL_SOCKET, SO_PRIORITY, 7) != -1 || errno != EPERM) _exit(1);
    if (set_option(t, SOL_SOCKET, SO_SNDBUFFORCE, 100000) != -1 || errno != EPERM) _exit(2);
    if (set_option(t, SOL_SOCKET, SO_RCVBUFFORCE, 100000) != -1 || errno != EPERM) _exit(3);
    _exit(0);
  }
  EQ("privileged", status_of(pid), 0);
  EQ("ttl", option(t, IPPROTO_IP, IP_TTL), 64);
  sets(t, "ttl-set", IPPROTO_IP, IP_TTL, 10, 10);
  sets(t, "ttl-default", IPPROTO_IP, IP_TTL, -1, 64);
  FAILS("ttl-0", set_option(t, IPPROTO_IP, IP_TTL, 0), EINVAL);
  FAILS("ttl-large", set_option(t, IPPROTO_IP, IP_TTL, 256), EINVAL);
  sets(u, "tos", IPPROTO_IP, IP_TOS, 0x10, 0x10);
  EQ("hops", option(six, IPPROTO_IPV6, IPV6_UNICAST_HOPS), 64);
  sets(six, "hops-set", IPPROTO_IPV6, IPV6_UNICAST_HOPS, 5, 5);
  FAILS("hops-large", set_option(six, IPPROTO_IPV6, IPV6_UNICAST_HOPS, 256), EINVAL);
  sets(six, "class", IPPROTO_IPV6, IPV6_TCLASS, 0x20, 0x20);
  sets(six, "v6only", IPPROTO_IPV6, IPV6_V6ONLY, 1, 1);
  sets(six, "v6only-off", IPPROTO_IPV6, IPV6_V6ONLY, 0, 0);
  close(t), close(six), close(u);
}

static void buffers(void) {
  static const int kinds[][2] = {{AF_UNIX, SOCK_STREAM}, {AF_UNIX, SOCK_DGRAM}, {AF_INET, SOCK_STREAM}, {AF_INET, SOCK_DGRAM}, {AF_INET6, SOCK_STREAM}};
  for (unsigned i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
    int fd = must(socket(kinds[i][0], kinds[i][1], 0));
    TRUE("send-default", option(fd, SOL_SOCKET, SO_SNDBUF) >= 16384);
    TRUE("receive-default", option(fd, SOL_SOCKET, SO_RCVBUF) >= 65536);
    sets(fd, "send-doubles", SOL_SOCKET, SO_SNDBUF, 20000, 40000);
    sets(fd, "receive-doubles", SOL_SOCKET, SO_RCVBUF, 20000, 40000);
    sets(fd, "send-odd", SOL_SOCKET, SO_SNDBUF, 10001, 20002);
    sets(fd, "send-least", SOL_SOCKET, SO_SNDBUF, 1, 4608);
    sets(fd, "receive-least", SOL_SOCKET, SO_RCVBUF, 1, 2304);
    sets(fd, "send-0", SOL_SOCKET, SO_SNDBUF, 0, 4608);
    GOOD("large", set_option(fd, SOL_SOCKET, SO_SNDBUF, 2000000000));
    TRUE("is-cut", option(fd, SOL_SOCKET, SO_SNDBUF) > 40000 && option(fd, SOL_SOCKET, SO_SNDBUF) < 2000000000);
    close(fd);
  }
  int fd = must(socket(AF_UNIX, SOCK_STREAM, 0));
  FAILS("short", setsockopt(fd, SOL_SOCKET, SO_SNDBUF, "xyz", 3), EINVAL);
  close(fd);
}

static void lingering(void) {
  int fd = must(socket(AF_INET, SOCK_STREAM, 0));
  struct linger l = {7, 7};
  socklen_t n = sizeof l;
  GOOD("get", getsockopt(fd, SOL_SOCKET, SO_LINGER, &l, &n));
  TRUE("off", l.l_onoff == 0 && l.l_linger == 0 && n == 8);
  l = (struct linger){5, 3};
  GOOD("set", setsockopt(fd, SOL_SOCKET, SO_LINGER, &l, sizeof l));
  must(getsockopt(fd, SOL_SOCKET, SO_LINGER, &l, &n));
  TRUE("on", l.l_onoff == 1 && l.l_linger == 3);
  FAILS("short", setsockopt(fd, SOL_SOCKET, SO_LINGER, &l, 4), EINVAL);
  l = (struct linger){0, 9};
  must(setsockopt(fd, SOL_SOCKET, SO_LINGER, &l, sizeof l));
  must(getsockopt(fd, SOL_SOCKET, SO_LINGER, &l, &n));
  EQ("off-again", l.l_onoff, 0);
  close(fd);
}

static void timeouts(void) {
  int s[2];
  must(socketpair(AF_UNIX, SOCK_STREAM, 0, s));
  struct timeval t = {9, 9};
  socklen_t n = sizeof t;
  for (int send = 0; send < 2; send++) {
    int name = send ? SO_SNDTIMEO : SO_RCVTIMEO;
    t = (struct timeval){9, 9};
    GOOD("get", getsockopt(s[0], SOL_SOCKET, name, &t, &n));
    TRUE("none", t.tv_sec == 0 && t.tv_usec == 0 && n == sizeof t);
    t = (struct timeval){3, 500000};
    GOOD("set", setsockopt(s[0], SOL_SOCKET, name, &t, sizeof t));
    t = (struct timeval){0, 0};
    must(getsockopt(s[0], SOL_SOCKET, name, &t, &n));
    TRUE("is-set", t.tv_sec == 3 && t.tv_usec == 500000);
    FAILS("microseconds", setsockopt(s[0], SOL_SOCKET, name, &(struct timeval){0, 1000000}, sizeof t), EDOM);
    FAILS("negative-microseconds", setsockopt(s[0], SOL_SOCKET, name, &(struct timeval){0, -1}, sizeof t), EDOM);
    FAILS("short", setsockopt(s[0], SOL_SOCKET, name, &t, sizeof t - 1), EINVAL);
    GOOD("long", setsockopt(s[0], SOL_SOCKET, name, (struct timeval[2]){{1, 0}}, 2 * sizeof t));
    must(getsockopt(s[0], SOL_SOCKET, name, &t, &n));
    TRUE("stays", t.tv_sec == 1 && t.tv_usec == 0);
    GOOD("forever", setsockopt(s[0], SOL_SOCKET, name, &(struct timeval){0, 0}, sizeof t));
  }
  // A negative time is over at once.
  char b;
  GOOD("negative", setsockopt(s[0], SOL_SOCKET, SO_RCVTIMEO, &(struct timeval){-1, 0}, sizeof t));
  FAILS("at-once", read(s[0], &b, 1), EAGAIN);
  close(s[0]), close(s[1]);
}

static void low_water(int family) {
  int s[2];
  char buf[64];
  if (family == AF_UNIX)
    must(socketpair(AF_UNIX, SOCK_STREAM, 0, s));
  else
    tcp_pair(family, s);
  EQ("default", option(s[1], SOL_SOCKET, SO_RCVLOWAT), 1);
  sets(s[1], "set", SOL_SOCKET, SO_RCVLOWAT, 5, 5);
  must(write(s[0], "abc", 3));
  waiting(s[1], 3);
  // poll(2) of TCP waits for so much, of Unix sockets it does not; a read does of both, unless it asks for less.
  EQ("poll", polled(s[1]), family == AF_UNIX ? POLLIN | POLLOUT : POLLOUT);
  pid_t pid = fork();
  if (pid == 0) _exit(read(s[1], buf, 64) == 8 ? 0 : 1);
  until_asleep(pid, pid);
  must(write(s[0], "defgh", 5));
  EQ("reader", status_of(pid), 0);
  must(write(s[0], "ab", 2));
  waiting(s[1], 2);
  EQ("less", read(s[1], buf, 2), 2);
  must(write(s[0], "12345", 5));
  EQ("enough", becomes(s[1], POLLIN | POLLOUT), POLLIN | POLLOUT);
  must(read(s[1], buf, 64));
  must(write(s[0], "ab", 2)), must(shutdown(s[0], SHUT_WR));
  EQ("end", becomes(s[1], POLLIN | POLLOUT | POLLRDHUP), POLLIN | POLLOUT | POLLRDHUP);
  EQ("end-ends-it", read(s[1], buf, 64), 2);
  sets(s[1], "zero-is-one", SOL_SOCKET, SO_RCVLOWAT, 0, 1);
  FAILS("send", set_option(s[1], SOL_SOCKET, SO_SNDLOWAT, 2), ENOPROTOOPT);
  EQ("send-is-one", option(s[1], SOL_SOCKET, SO_SNDLOWAT), 1);
  close(s[0]), close(s[1]);
}

static void low_water_unix(void) { low_water(AF_UNIX); }
static void low_water_tcp(void) { low_water(AF_INET); }

static void lengths(void) {
  int fd = must(socket(AF_INET, SOCK_STREAM, 0)), v;
  socklen_t n;
  struct {
    int v, after;
  } wide = {-1, -1};
  n = 8;
  GOOD("long", getsockopt(fd, SOL_SOCKET, SO_TYPE, &wide, &n));
  TRUE("long-value", wide.v == SOCK_STREAM && wide.after == -1 && n == 4);
  v = -1, n = 2;
  GOOD("short", getsockopt(fd, SOL_SOCKET, SO_TYPE, &v, &n));
  TRUE("short-value", (v & 0xffff) == SOCK_STREAM && (v >> 16) == -1 && n == 2);
  n = 0;
  GOOD("none", getsockopt(fd, SOL_SOCKET, SO_TYPE, &v, &n));
  EQ("none-length", n, 0);
  n = -1;
  FAILS("negative", getsockopt(fd, SOL_SOCKET, SO_TYPE, &v, &n), EINVAL);
  n = 4;
  FAILS("pointer", getsockopt(fd, SOL_SOCKET, SO_TYPE, (void *)8, &n), EFAULT);
  FAILS("length-pointer", getsockopt(fd, SOL_SOCKET, SO_TYPE, &v, (void *)8), EFAULT);
  FAILS("set-short", setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, "x", 1), EINVAL);
  FAILS("set-none", setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &v, 0), EINVAL);
  FAILS("set-negative", setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &v, -1), EINVAL);
  FAILS("set-pointer", setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, (void *)8, 4), EFAULT);
  GOOD("set-long", setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(long){1}, 8));
  FAILS("tcp-short", setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, "x", 1), EINVAL);
  n = 2;
  GOOD("tcp-get-short", getsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &v, &n));
  EQ("tcp-get-length", n, 2);
  // IP's options may be one byte long.
  GOOD("byte", setsockopt(fd, IPPROTO_IP, IP_TTL, "\7", 1));
  EQ("byte-value", option(fd, IPPROTO_IP, IP_TTL), 7);
  unsigned char b = 0;
  n = 1;
  GOOD("byte-back", getsockopt(fd, IPPROTO_IP, IP_TTL, &b, &n));
  TRUE("byte-back-value", b == 7 && n == 1);
  close(fd);
}

static void unknown(void) {
  int t = must(socket(AF_INET, SOCK_STREAM, 0)), u = must(socket(AF_INET, SOCK_DGRAM, 0)), x = must(socket(AF_UNIX, SOCK_STREAM, 0)), v = 0;
  int six = must(socket(AF_INET6, SOCK_STREAM, 0));
  socklen_t n = 4;
  FAILS("get", getsockopt(t, SOL_SOCKET, 9999, &v, &n), ENOPROTOOPT);
  FAILS("set", set_option(t, SOL_SOCKET, 9999, 1), ENOPROTOOPT);
  FAILS("get-tcp", getsockopt(t, IPPROTO_TCP, 9999, &v, &n), ENOPROTOOPT);
  FAILS("set-tcp", set_option(t, IPPROTO_TCP, 9999, 1), ENOPROTOOPT);
  FAILS("get-ip", getsockopt(t, IPPROTO_IP, 9999, &v, &n), ENOPROTOOPT);
  FAILS("set-ip", set_option(t, IPPROTO_IP, 9999, 1), ENOPROTOOPT);
  FAILS("get-ipv6", getsockopt(six, IPPROTO_IPV6, 9999, &v, &n), ENOPROTOOPT);
  FAILS("set-ipv6", set_option(six, IPPROTO_IPV6, 9999, 1), ENOPROTOOPT);
  FAILS("get-level", getsockopt(t, 9999, 1, &v, &n), EOPNOTSUPP);
  FAILS("set-level", set_option(t, 9999, 1, 1), ENOPROTOOPT);
  FAILS("get-tcp-of-udp", getsockopt(u, IPPROTO_TCP, TCP_NODELAY, &v, &n), EOPNOTSUPP);
  FAILS("set-tcp-of-udp", set_option(u, IPPROTO_TCP, TCP_NODELAY, 1), ENOPROTOOPT);
  FAILS("ipv6-of-ipv4", set_option(t, IPPROTO_IPV6, IPV6_V6ONLY, 1), ENOPROTOOPT);
  FAILS("get-tcp-of-unix", getsockopt(x, IPPROTO_TCP, TCP_NODELAY, &v, &n), EOPNOTSUPP);
  FAILS("set-tcp-of-unix", set_option(x, IPPROTO_TCP, TCP_NODELAY, 1), EOPNOTSUPP);
  FAILS("get-of-unix", getsockopt(x, SOL_SOCKET, 9999, &v, &n), ENOPROTOOPT);
  FAILS("set-of-unix", set_option(x, SOL_SOCKET, 9999, 1), ENOPROTOOPT);
  static const int constant[] = {SO_TYPE, SO_DOMAIN, SO_PROTOCOL, SO_ERROR, SO_ACCEPTCONN};
  for (int i = 0; i < 5; i++) FAILS("constant", set_option(t, SOL_SOCKET, constant[i], 1), ENOPROTOOPT);
  close(t), close(u), close(x), close(six);
}

static void inherited(void) {
  // What an accepted connection has of its listener.
  int l = must(socket(AF_INET, SOCK_STREAM, 0)), c = must(socket(AF_INET, SOCK_STREAM, 0));
  must(set_option(l, SOL_SOCKET, SO_KEEPALIVE, 1)), must(set_option(l, IPPROTO_TCP, TCP_NODELAY, 1)), must(set_option(l, IPPROTO_TCP, TCP_KEEPIDLE, 33));
  must(setsockopt(l, SOL_SOCKET, SO_LINGER, &(struct linger){1, 4}, 8)), must(set_timeout(l, SO_RCVTIMEO, 5000));
  must(bind_at(l, "127.0.0.1", 0)), must(listen(l, 1)), must(connect_at(c, "127.0.0.1", port(l)));
  int s = must(accept(l, NULL, NULL));
  EQ("keepalive", option(s, SOL_SOCKET, SO_KEEPALIVE), 1);
  EQ("nodelay", option(s, IPPROTO_TCP, TCP_NODELAY), 1);
  EQ("idle", option(s, IPPROTO_TCP, TCP_KEEPIDLE), 33);
  struct linger g;
  struct timeval t;
  socklen_t n = sizeof g;
  must(getsockopt(s, SOL_SOCKET, SO_LINGER, &g, &n));
  TRUE("linger", g.l_onoff == 1 && g.l_linger == 4);
  n = sizeof t;
  must(getsockopt(s, SOL_SOCKET, SO_RCVTIMEO, &t, &n));
  EQ("timeout", t.tv_sec, 5);
  EQ("not-the-client", option(c, SOL_SOCKET, SO_KEEPALIVE), 0);
  close(s), close(c), close(l);
}

CHECK_MAIN(CASE(switches), CASE(numbers), CASE(buffers), CASE(lingering), CASE(timeouts), CASE(low_water_unix), CASE(low_water_tcp), CASE(lengths),
           CASE(unknown), CASE(inherited))
