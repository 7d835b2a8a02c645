// Sockets for guests.
#pragma once
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>

#define HELPER static __attribute__((unused))
#define DEADLINE 10000000000ll

// All that poll(2) may say of a socket here.
#define ASKED (POLLIN | POLLOUT | POLLPRI | POLLRDHUP)

HELPER int polled(int fd) {
  struct pollfd f = {fd, ASKED, 0};
  must(poll(&f, 1, 0));
  return f.revents;
}

// What poll(2) says once it is `want`, or after the deadline: the Internet's packets may be on their way in the background.
HELPER int becomes(int fd, int want) {
  int got = 0;
  for (int64_t end = now_ns(CLOCK_MONOTONIC) + DEADLINE; now_ns(CLOCK_MONOTONIC) < end; sched_yield())
    if ((got = polled(fd)) == want) break;
  return got;
}

// Waits for one of `events`.
HELPER int await(int fd, int events) {
  struct pollfd f = {fd, events, 0};
  if (must(poll(&f, 1, 10000)) != 1) put("FAIL %s: nothing to await\n", check_case_name), _exit(94);
  return f.revents;
}

// FIONREAD once it is at least `want`.
HELPER int waiting(int fd, int want) {
  int n = -1;
  for (int64_t end = now_ns(CLOCK_MONOTONIC) + DEADLINE; now_ns(CLOCK_MONOTONIC) < end; sched_yield()) {
    must(ioctl(fd, FIONREAD, &n));
    if (n >= want) break;
  }
  return n;
}

HELPER int option(int fd, int level, int name) {
  int v = -1;
  socklen_t n = sizeof v;
  must(getsockopt(fd, level, name, &v, &n));
  return v;
}

HELPER int set_option(int fd, int level, int name, int v) { return setsockopt(fd, level, name, &v, sizeof v); }

HELPER int set_timeout(int fd, int name, int ms) {
  struct timeval t = {ms / 1000, ms % 1000 * 1000};
  return setsockopt(fd, SOL_SOCKET, name, &t, sizeof t);
}

// A name of a Unix socket and its length; "@x" is abstract.
struct name {
  struct sockaddr_un a;
  socklen_t n;
};

HELPER struct name named(const char *path) {
  struct name u = {.a.sun_family = AF_UNIX};
  size_t n = strlen(path);
  memcpy(u.a.sun_path, path, n);
  u.n = offsetof(struct sockaddr_un, sun_path) + n + 1;
  if (path[0] == '@') u.a.sun_path[0] = 0, u.n--;
  return u;
}

HELPER int bind_to(int fd, const char *path) {
  struct name u = named(path);
  return bind(fd, (void *)&u.a, u.n);
}

HELPER int connect_to(int fd, const char *path) {
  struct name u = named(path);
  return connect(fd, (void *)&u.a, u.n);
}

HELPER long send_to(int fd, const char *path, const char *text) {
  struct name u = named(path);
  return sendto(fd, text, strlen(text), 0, (void *)&u.a, u.n);
}

HELPER int bound(int type, const char *path) {
  int fd = must(socket(AF_UNIX, type, 0));
  must(bind_to(fd, path));
  return fd;
}

HELPER int listener(int type, const char *path, int backlog) {
  int fd = bound(type, path);
  must(listen(fd, backlog));
  return fd;
}

// An address of the Internet.
union address {
  struct sockaddr a;
  struct sockaddr_in in;
  struct sockaddr_in6 in6;
};

// A family's address with this port in the host's byte order; of AF_INET6 when the text has a colon.
HELPER union address address(const char *text, int port) {
  union address u;
  memset(&u, 0, sizeof u);
  if (strchr(text, ':')) {
    u.in6.sin6_family = AF_INET6, u.in6.sin6_port = htons(port);
    inet_pton(AF_INET6, text, &u.in6.sin6_addr);
  } else {
    u.in.sin_family = AF_INET, u.in.sin_port = htons(port);
    inet_pton(AF_INET, text, &u.in.sin_addr);
  }
  return u;
}

HELPER socklen_t size_of(union address u) { return u.a.sa_family == AF_INET6 ? sizeof u.in6 : sizeof u.in; }

HELPER int bind_at(int fd, const char *text, int port) {
  union address u = address(text, port);
  return bind(fd, &u.a, size_of(u));
}

HELPER int connect_at(int fd, const char *text, int port) {
  union address u = address(text, port);
  return connect(fd, &u.a, size_of(u));
}

// The port of a socket's own address or its peer's; the text of the address.
HELPER int port_of(int fd, int peer, char text[INET6_ADDRSTRLEN]) {
  union address u;
  socklen_t n = sizeof u;
  must(peer ? getpeername(fd, &u.a, &n) : getsockname(fd, &u.a, &n));
  if (u.a.sa_family == AF_INET6)
    inet_ntop(AF_INET6, &u.in6.sin6_addr, text, INET6_ADDRSTRLEN);
  else
    inet_ntop(AF_INET, &u.in.sin_addr, text, INET6_ADDRSTRLEN);
  return ntohs(u.in.sin_port);
}

HELPER int port(int fd) {
  char text[INET6_ADDRSTRLEN];
  return port_of(fd, 0, text);
}

HELPER const char *loopback(int family) { return family == AF_INET6 ? "::1" : "127.0.0.1"; }

// A socket on the loopback with a port of its own.
HELPER int local(int family, int type) {
  int fd = must(socket(family, type, 0));
  must(bind_at(fd, loopback(family), 0));
  return fd;
}

HELPER int tcp_listener(int family) {
  int fd = local(family, SOCK_STREAM);
  must(listen(fd, 16));
  return fd;
}

// Two ends of a connection: the one that connected, and the one that was accepted.
HELPER void tcp_pair(int family, int s[2]) {
  int l = tcp_listener(family);
  s[0] = must(socket(family, SOCK_STREAM, 0));
  must(connect_at(s[0], loopback(family), port(l)));
  s[1] = must(accept(l, NULL, NULL));
  close(l);
}
