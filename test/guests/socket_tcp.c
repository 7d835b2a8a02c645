// TCP over the loopback: connections, what poll(2) says of them, how they end. Each for IPv4 and IPv6.
#include "check.h"
#include "sockets.h"
#include <netinet/tcp.h>

#define GONE (POLLIN | POLLOUT | POLLHUP | POLLRDHUP)

static int state_of(int fd) {
  struct tcp_info info = {0};
  socklen_t n = sizeof info;
  must(getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &n));
  return info.tcpi_state;
}

// A state that the other side brings about.
static int reaches(int fd, int want) {
  for (int64_t end = now_ns(CLOCK_MONOTONIC) + DEADLINE; now_ns(CLOCK_MONOTONIC) < end; sched_yield())
    if (state_of(fd) == want) break;
  return state_of(fd);
}

static void connecting(int family) {
  const char *at = loopback(family);
  char buf[16] = {0}, text[INET6_ADDRSTRLEN], other[INET6_ADDRSTRLEN];
  int l = GOOD("socket", socket(family, SOCK_STREAM, 0));
  EQ("fresh-state", state_of(l), TCP_CLOSE);
  GOOD("bind", bind_at(l, at, 0));
  int where = port_of(l, 0, text);
  TRUE("port", where >= 1024);
  STR("address", text, at);
  GOOD("listen", listen(l, 5));
  EQ("listens", option(l, SOL_SOCKET, SO_ACCEPTCONN), 1);
  EQ("listen-state", state_of(l), TCP_LISTEN);
  GOOD("listen-again", listen(l, 6));
  int c = must(socket(family, SOCK_STREAM, 0));
  GOOD("connect", connect_at(c, at, where));
  EQ("state", state_of(c), TCP_ESTABLISHED);
  EQ("peer-port", port_of(c, 1, text), where);
  STR("peer-address", text, at);
  union address from;
  socklen_t n = sizeof from;
  int a = GOOD("accept", accept4(l, &from.a, &n, SOCK_CLOEXEC));
  EQ("cloexec", fcntl(a, F_GETFD), FD_CLOEXEC);
  EQ("from-length", n, size_of(from));
  EQ("from-family", from.a.sa_family, family);
  EQ("from-port", ntohs(from.in.sin_port), port_of(c, 0, text));
  STR("own-address", text, at);
  EQ("accepted-port", port_of(a, 0, text), where);
  EQ("accepted-peer", port_of(a, 1, other), port(c));
  STR("accepted-address", other, at);
  EQ("write", write(c, "hello", 5), 5);
  EQ("read", read(a, buf, 16), 5);
  STR("data", buf, "hello");
  EQ("answer", send(a, "you", 3, 0), 3);
  EQ("answered", recv(c, buf, 16, 0), 3);
  FAILS("again", connect_at(c, at, where), EISCONN);
  FAILS("bind-connected", bind_at(c, at, 0), EINVAL);
  FAILS("listen-connected", listen(c, 1), EINVAL);
  FAILS("accept-connected", accept(a, NULL, NULL), EINVAL);
  FAILS("connect-listening", connect_at(l, at, where), EISCONN);
  EQ("address-is-ignored", sendto(c, "x", 1, 0, &from.a, n), 1);
  n = 4;
  memset(&from, 0x55, sizeof from);
  must(getsockname(c, &from.a, &n));
  EQ("short-length", n, family == AF_INET ? 16 : 28);
  TRUE("short", ((char *)&from)[3] != 0x55 && ((char *)&from)[4] == 0x55);
  n = sizeof from;
  EQ("recvfrom", recvfrom(a, buf, 16, 0, &from.a, &n), 1);
  EQ("recvfrom-has-no-address", n, 0);
  close(a), close(c), close(l);
}

static void refused(int family) {
  const char *at = loopback(family);
  int holder = local(family, SOCK_STREAM), where = port(holder), c = must(socket(family, SOCK_STREAM, 0));
  union address u = address(at, where);
  FAILS("refused", connect_at(c, at, where), ECONNREFUSED);
  EQ("error-is-taken", option(c, SOL_SOCKET, SO_ERROR), 0);
  FAILS("refused-again", connect_at(c, at, where), ECONNREFUSED);
  FAILS("not-connected", getpeername(c, &u.a, &(socklen_t){sizeof u}), ENOTCONN);
  must(listen(holder, 1));
  GOOD("same-socket", connect_at(c, at, where));
  close(c);
  c = must(socket(family, SOCK_STREAM, 0));
  FAILS("port-0", connect_at(c, at, 0), ECONNREFUSED);
  u = address(at, where);
  FAILS("length", connect(c, &u.a, size_of(u) - 8), EINVAL);
  u.a.sa_family = AF_UNIX;
  FAILS("family", connect(c, &u.a, sizeof u), EAFNOSUPPORT);
  close(c), close(holder);
  c = must(socket(family, SOCK_STREAM, 0));
  signal(SIGPIPE, SIG_IGN);
  FAILS("accept", accept(c, NULL, NULL), EINVAL);
  FAILS("recv", recv(c, &u, 1, 0), ENOTCONN);
  FAILS("send", send(c, "x", 1, 0), EPIPE);
  FAILS("shutdown", shutdown(c, SHUT_WR), ENOTCONN);
  FAILS("shutdown-how", shutdown(c, 3), EINVAL);
  FAILS("peer", getpeername(c, &u.a, &(socklen_t){sizeof u}), ENOTCONN);
  signal(SIGPIPE, SIG_DFL);
  EQ("no-port", port(c), 0);
  GOOD("listen-without-bind", listen(c, 1));
  TRUE("has-a-port", port(c) > 0);
  int d = must(socket(family, SOCK_STREAM, 0));
  GOOD("reachable", connect_at(d, at, port(c)));
  close(c), close(d);
  // To all addresses is to the loopback.
  int l = must(socket(family, SOCK_STREAM, 0));
  must(bind_at(l, family == AF_INET ? "0.0.0.0" : "::", 0)), must(listen(l, 1));
  c = must(socket(family, SOCK_STREAM, 0));
  GOOD("any", connect_at(c, family == AF_INET ? "0.0.0.0" : "::", port(l)));
  char text[INET6_ADDRSTRLEN];
  port_of(c, 1, text);
  STR("any-peer", text, at);
  close(l), close(c);
}

static void nonblocking(int family) {
  const char *at = loopback(family);
  int l = tcp_listener(family), where = port(l), c = must(socket(family, SOCK_STREAM | SOCK_NONBLOCK, 0));
  fcntl(l, F_SETFL, O_NONBLOCK);
  FAILS("nobody", accept(l, NULL, NULL), EAGAIN);
  FAILS("in-progress", connect_at(c, at, where), EINPROGRESS);
  EQ("done", becomes(c, POLLOUT), POLLOUT);
  EQ("no-error", option(c, SOL_SOCKET, SO_ERROR), 0);
  GOOD("connect-says-so-once", connect_at(c, at, where));
  FAILS("then", connect_at(c, at, where), EISCONN);
  await(l, POLLIN);
  int a = GOOD("accept", accept4(l, NULL, NULL, SOCK_NONBLOCK));
  EQ("accept-nonblock", fcntl(a, F_GETFL), O_RDWR | O_NONBLOCK);
  char b;
  FAILS("empty", read(a, &b, 1), EAGAIN);
  close(a), close(c), close(l);
  int holder = local(family, SOCK_STREAM);
  where = port(holder);
  for (int how = 0; how < 3; how++) {
    c = must(socket(family, SOCK_STREAM | SOCK_NONBLOCK, 0));
    FAILS("refused-in-progress", connect_at(c, at, where), EINPROGRESS);
    EQ("refused", becomes(c, GONE | POLLERR), GONE | POLLERR);
    if (how == 0) {
      EQ("option", option(c, SOL_SOCKET, SO_ERROR), ECONNREFUSED);
      EQ("once", option(c, SOL_SOCKET, SO_ERROR), 0);
    }
    if (how == 1) FAILS("connect", connect_at(c, at, where), ECONNREFUSED);
    if (how == 2) {
      FAILS("read", read(c, &b, 1), ECONNREFUSED);
      EQ("read-then", read(c, &b, 1), 0);
    }
    // After connect(2) has told it, the socket is as new.
    EQ("told", polled(c), how == 1 ? POLLOUT | POLLHUP : GONE);
    close(c);
  }
  close(holder);
}

// Both ends when one of them has done something.
static void states(int family) {
  int s[2], l = must(socket(family, SOCK_STREAM, 0));
  EQ("fresh", polled(l), POLLOUT | POLLHUP);
  must(bind_at(l, loopback(family), 0));
  EQ("bound", polled(l), POLLOUT | POLLHUP);
  must(listen(l, 5));
  EQ("listens", polled(l), 0);
  int c = must(socket(family, SOCK_STREAM, 0));
  must(connect_at(c, loopback(family), port(l)));
  EQ("not-yet-accepted", becomes(c, POLLOUT), POLLOUT);
  EQ("has-one", becomes(l, POLLIN), POLLIN);
  close(l);
  EQ("never-accepted", becomes(c, GONE | POLLERR), GONE | POLLERR);
  EQ("never-accepted-error", option(c, SOL_SOCKET, SO_ERROR), ECONNRESET);
  close(c);
  static const struct {
    const char *name;
    int own, peer, own_state, peer_state;
  } wants[] = {{"fresh", POLLOUT, POLLOUT, TCP_ESTABLISHED, TCP_ESTABLISHED},
               {"wrote", POLLOUT, POLLIN | POLLOUT, TCP_ESTABLISHED, TCP_ESTABLISHED},
               {"shut-read", POLLIN | POLLOUT | POLLRDHUP, POLLOUT, TCP_ESTABLISHED, TCP_ESTABLISHED},
               {"shut-write", POLLOUT, POLLIN | POLLOUT | POLLRDHUP, TCP_FIN_WAIT2, TCP_CLOSE_WAIT},
               {"shut-both", GONE, POLLIN | POLLOUT | POLLRDHUP, TCP_FIN_WAIT2, TCP_CLOSE_WAIT},
               {"both-shut-write", GONE, GONE, -1, -1},
               {"closed", 0, POLLIN | POLLOUT | POLLRDHUP, 0, TCP_CLOSE_WAIT},
               {"wrote-and-closed", 0, POLLIN | POLLOUT | POLLRDHUP, 0, TCP_CLOSE_WAIT},
               {"closed-unread", 0, GONE | POLLERR, 0, TCP_CLOSE}};
  for (unsigned i = 0; i < sizeof wants / sizeof wants[0]; i++) {
    char name[64];
    tcp_pair(family, s);
    if (i == 1 || i == 7) must(write(s[0], "x", 1));
    if (i == 2) must(shutdown(s[0], SHUT_RD));
    if (i == 3 || i == 5) must(shutdown(s[0], SHUT_WR));
    if (i == 4) must(shutdown(s[0], SHUT_RDWR));
    if (i == 5) must(shutdown(s[1], SHUT_WR));
    if (i == 8) must(write(s[1], "x", 1)), await(s[0], POLLIN);
    if (i > 5) close(s[0]);
    snprintf(name, sizeof name, "%s-peer", wants[i].name);
    EQ(name, becomes(s[1], wants[i].peer), wants[i].peer);
    if (i <= 5) {
      snprintf(name, sizeof name, "%s-own", wants[i].name);
      EQ(name, becomes(s[0], wants[i].own), wants[i].own);
      if (i < 5) {
        snprintf(name, sizeof name, "%s-own-state", wants[i].name);
        EQ(name, reaches(s[0], wants[i].own_state), wants[i].own_state);
      }
      close(s[0]);
    }
    if (wants[i].peer_state > 0 && i > 5) {
      snprintf(name, sizeof name, "%s-peer-state", wants[i].name);
      EQ(name, reaches(s[1], wants[i].peer_state), wants[i].peer_state);
    }
    close(s[1]);
  }
}

static void ends(int family) {
  int s[2];
  char buf[16];
  tcp_pair(family, s);
  must(write(s[0], "last", 4)), must(shutdown(s[0], SHUT_WR));
  EQ("drain", recv(s[1], buf, 4, MSG_WAITALL), 4);
  EQ("end", read(s[1], buf, 16), 0);
  EQ("end-again", read(s[1], buf, 16), 0);
  EQ("other-way", write(s[1], "back", 4), 4);
  EQ("other-way-read", recv(s[0], buf, 4, MSG_WAITALL), 4);
  pid_t pid = fork();
  if (pid == 0) _exit(write(s[0], "x", 1) == -1);
  EQ("sigpipe", status_of(pid), SIGPIPE);
  FAILS("epipe", send(s[0], "x", 1, MSG_NOSIGNAL), EPIPE);
  GOOD("shut-twice", shutdown(s[0], SHUT_WR));
  close(s[0]), close(s[1]);
  // The first write after the peer has closed goes out, and comes back as a reset.
  tcp_pair(family, s);
  close(s[0]);
  EQ("closed", becomes(s[1], POLLIN | POLLOUT | POLLRDHUP), POLLIN | POLLOUT | POLLRDHUP);
  EQ("first-write", write(s[1], "x", 1), 1);
  EQ("reset", becomes(s[1], GONE | POLLERR), GONE | POLLERR);
  FAILS("second-write", send(s[1], "x", 1, MSG_NOSIGNAL), EPIPE);
  EQ("read", read(s[1], buf, 16), 0);
  pid = fork();
  if (pid == 0) _exit(write(s[1], "x", 1) == -1);
  EQ("third-write", status_of(pid), SIGPIPE);
  close(s[1]);
  // Closed with unread data, or at once.
  for (int how = 0; how < 5; how++) {
    static const char *const names[] = {"unread-read", "unread-write", "linger-read", "linger-option", "linger-loses-data"};
    tcp_pair(family, s);
    if (how < 2) {
      must(write(s[1], "lost", 4)), await(s[0], POLLIN);
    } else {
      must(setsockopt(s[0], SOL_SOCKET, SO_LINGER, &(struct linger){1, 0}, sizeof(struct linger)));
    }
    if (how == 4) must(write(s[0], "gone", 4)), await(s[1], POLLIN);
    close(s[0]);
    EQ("poll", becomes(s[1], GONE | POLLERR), GONE | POLLERR);
    if (how == 1) FAILS(names[how], send(s[1], "x", 1, MSG_NOSIGNAL), ECONNRESET);
    if (how == 3) EQ(names[how], option(s[1], SOL_SOCKET, SO_ERROR), ECONNRESET);
    if (how == 0 || how == 2) FAILS(names[how], read(s[1], buf, 16), ECONNRESET);
    if (how == 4) EQ(names[how], read(s[1], buf, 16), 4), FAILS("then-reset", read(s[1], buf, 16), ECONNRESET);
    EQ("poll-then", polled(s[1]), GONE);
    EQ("then-the-end", read(s[1], buf, 16), 0);
    FAILS("then-write", send(s[1], "x", 1, MSG_NOSIGNAL), EPIPE);
    FAILS("no-peer", getpeername(s[1], (void *)buf, &(socklen_t){16}), ENOTCONN);
    close(s[1]);
  }
  // Shut for reading: what comes is read all the same, and the end when nothing is there.
  tcp_pair(family, s);
  must(shutdown(s[1], SHUT_RD));
  EQ("shut-read", read(s[1], buf, 16), 0);
  EQ("peer-writes", write(s[0], "x", 1), 1);
  EQ("arrives", waiting(s[1], 1), 1);
  EQ("is-read", read(s[1], buf, 16), 1);
  EQ("then-end", read(s[1], buf, 16), 0);
  close(s[0]), close(s[1]);
}

static void blocked(int family) {
  const char *at = loopback(family);
  int l = tcp_listener(family), s[2];
  char b;
  pid_t pid = fork();
  if (pid == 0) {
    int a = accept(l, NULL, NULL);
    _exit(a >= 0 && read(a, &b, 1) == 1 && b == 'q' && read(a, &b, 1) == 0 ? 0 : 1);
  }
  until_asleep(pid, pid);
  int c = must(socket(family, SOCK_STREAM, 0));
  must(connect_at(c, at, port(l)));
  until_asleep(pid, pid);
  must(write(c, "q", 1));
  until_asleep(pid, pid);
  close(c);
  EQ("woken", status_of(pid), 0);
  must(set_timeout(l, SO_RCVTIMEO, 30));
  FAILS("accept-timeout", accept(l, NULL, NULL), EAGAIN);
  must(set_timeout(l, SO_RCVTIMEO, 0));
  pid = fork();
  if (pid == 0) _exit(accept(l, NULL, NULL) == -1 && errno == EINVAL ? 0 : 1);
  until_asleep(pid, pid);
  GOOD("shutdown-listener", shutdown(l, SHUT_RDWR));
  EQ("accept-ends", status_of(pid), 0);
  EQ("not-listening", option(l, SOL_SOCKET, SO_ACCEPTCONN), 0);
  c = must(socket(family, SOCK_STREAM, 0));
  FAILS("refused", connect_at(c, at, port(l)), ECONNREFUSED);
  GOOD("listens-again", listen(l, 5));
  GOOD("reachable", connect_at(c, at, port(l)));
  close(c), close(l);
  tcp_pair(family, s);
  must(set_timeout(s[0], SO_RCVTIMEO, 30));
  FAILS("read-timeout", read(s[0], &b, 1), EAGAIN);
  must(set_timeout(s[0], SO_RCVTIMEO, 0));
  // A writer that waits for room; then the reader goes.
  static char big[20000000];
  must(set_timeout(s[0], SO_SNDTIMEO, 100));
  long n = write(s[0], big, sizeof big);
  TRUE("a-part", n > 0 && n < (long)sizeof big);
  must(set_timeout(s[0], SO_SNDTIMEO, 0));
  pid = fork();
  if (pid == 0) {
    close(s[1]);
    n = send(s[0], big, sizeof big, MSG_NOSIGNAL);
    _exit((n == -1 && errno == ECONNRESET) || (n >= 0 && n < (long)sizeof big) ? 0 : 1);
  }
  until_asleep(pid, pid);
  close(s[1]);
  EQ("writer-wakes", status_of(pid), 0);
  close(s[0]);
  // A reader whose socket is shut by another process.
  tcp_pair(family, s);
  pid = fork();
  if (pid == 0) _exit(read(s[0], &b, 1) == 0 ? 0 : 1);
  until_asleep(pid, pid);
  must(shutdown(s[0], SHUT_RD));
  EQ("shutdown-wakes", status_of(pid), 0);
  close(s[0]), close(s[1]);
}

static void connecting4(void) { connecting(AF_INET); }
static void connecting6(void) { connecting(AF_INET6); }
static void refused4(void) { refused(AF_INET); }
static void refused6(void) { refused(AF_INET6); }
static void nonblocking4(void) { nonblocking(AF_INET); }
static void nonblocking6(void) { nonblocking(AF_INET6); }
static void states4(void) { states(AF_INET); }
static void states6(void) { states(AF_INET6); }
static void ends4(void) { ends(AF_INET); }
static void ends6(void) { ends(AF_INET6); }
static void blocked4(void) { blocked(AF_INET); }
static void blocked6(void) { blocked(AF_INET6); }

CHECK_MAIN(CASE(connecting4), CASE(connecting6), CASE(refused4), CASE(refused6), CASE(nonblocking4), CASE(nonblocking6), CASE(states4), CASE(states6),
           CASE(ends4), CASE(ends6), CASE(blocked4), CASE(blocked6))
