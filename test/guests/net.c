// A machine without a network: sockets can be asked for, nothing can be reached.
#include "check.h"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

static int tried(int family, int type, const void *address, socklen_t n) {
  int fd = socket(family, type, 0);
  if (fd < 0) return errno;
  int e = connect(fd, address, n) == 0 ? 0 : errno;
  close(fd);
  return e;
}

static void unreachable(void) {
  struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(80)};
  inet_pton(AF_INET, "192.0.2.1", &a.sin_addr);  // TEST-NET-1, RFC 5737
  int64_t from = now_ns(CLOCK_MONOTONIC);
  EQ("stream", tried(AF_INET, SOCK_STREAM, &a, sizeof a), ENETUNREACH);
  EQ("datagram", tried(AF_INET, SOCK_DGRAM, &a, sizeof a), ENETUNREACH);
  TRUE("at-once", now_ns(CLOCK_MONOTONIC) - from < 1000000000);
}

static void mistakes(void) {
  struct sockaddr_in a = {.sin_family = AF_INET};
  int fd = must(open("f", O_RDWR | O_CREAT, 0644));
  FAILS("connect-file", connect(fd, (void *)&a, sizeof a), ENOTSOCK);
  FAILS("bind-file", bind(fd, (void *)&a, sizeof a), ENOTSOCK);
  FAILS("send-file", send(fd, "x", 1, 0), ENOTSOCK);
  FAILS("connect-bad", connect(99, (void *)&a, sizeof a), EBADF);
  FAILS("accept-bad", accept(99, NULL, NULL), EBADF);
  FAILS("family", socket(9999, SOCK_STREAM, 0), EAFNOSUPPORT);
  close(fd);
}

CHECK_MAIN(CASE(unreachable), CASE(mistakes))
