/* Socket calls with arguments of every kind, between two marks (writes to descriptor -7). */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define CALL(name, ...) syscall(SYS_##name, __VA_ARGS__)

/* A page with another behind it that is not there. */
static char *end;
static int me;

static struct sockaddr_un name;

/* The length of a name in sun_path. */
static socklen_t called(const char *bytes, size_t length) {
  memset(&name, 0, sizeof name);
  name.sun_family = AF_UNIX;
  memcpy(name.sun_path, bytes, length);
  return offsetof(struct sockaddr_un, sun_path) + length;
}

static void kinds(void) {
  CALL(socket, AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  CALL(socket, AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_UDP);
  CALL(socket, AF_INET6, SOCK_STREAM, IPPROTO_TCP);
  CALL(socket, AF_INET, SOCK_STREAM, IPPROTO_IP);
  CALL(socket, AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);
  CALL(socket, AF_INET, SOCK_STREAM, 250);
  CALL(socket, AF_UNIX, 15, 0);
  CALL(socket, 77, SOCK_STREAM, 9);
  CALL(socket, AF_UNIX, SOCK_STREAM, 1);
  CALL(socket, AF_INET6, SOCK_SEQPACKET | 0x10, IPPROTO_TCP);
  CALL(socket, AF_UNIX, 0xf | SOCK_CLOEXEC, 0);
  CALL(socket, AF_UNIX, SOCK_CLOEXEC, 0);
  CALL(socket, AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | 0x10, 0);
  CALL(socket, AF_UNIX, 0, 0);
  int pair[2];
  CALL(socketpair, AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, pair);
  int none[2];
  CALL(socketpair, AF_INET, SOCK_STREAM, 0, none);
  CALL(socketpair, AF_UNIX, SOCK_STREAM, 0, 8);
  CALL(shutdown, pair[0], SHUT_RD);
  CALL(shutdown, pair[0], SHUT_WR);
  CALL(shutdown, pair[1], SHUT_RDWR);
  CALL(shutdown, pair[1], 3);
  for (int fd = 3; fd < 12; fd++) close(fd);
}

static void names(void) {
  struct sockaddr_storage got;
  socklen_t length;
  int listener = CALL(socket, AF_UNIX, SOCK_STREAM, 0);
  int client = CALL(socket, AF_UNIX, SOCK_STREAM, 0);
  CALL(bind, listener, &name, called("here", 5));
  CALL(bind, -1, &name, called("no end", 6));
  CALL(bind, -1, &name, called("\0abstract", 9));
  CALL(bind, -1, &name, called("\0a\0b\n", 5));
  CALL(bind, -1, &name, called("", 0));
  CALL(bind, -1, &name, called("", 1));
  CALL(bind, -1, &name, 1);
  CALL(bind, -1, &name, 0);
  CALL(bind, -1, &name, -1);
  memset(name.sun_path, 'x', sizeof name.sun_path);
  CALL(bind, -1, &name, sizeof name);
  CALL(bind, -1, &name, sizeof name + 8);
  CALL(bind, -1, &name, 4096);
  CALL(bind, -1, NULL, 16);
  CALL(bind, -1, 8, 16);
  CALL(bind, -1, end - 8, 16);
  CALL(listen, listener, 5);
  CALL(connect, client, &name, called("nowhere", 8));
  CALL(connect, client, &name, called("here", 5));
  length = sizeof got;
  int one = CALL(accept, listener, &got, &length);
  fcntl(listener, F_SETFL, O_NONBLOCK);
  CALL(accept, listener, NULL, NULL);
  length = sizeof got;
  CALL(accept, listener, &got, &length);
  length = sizeof got;
  CALL(accept4, listener, &got, &length, SOCK_CLOEXEC | SOCK_NONBLOCK);
  CALL(accept4, listener, NULL, NULL, 7);
  length = sizeof got;
  CALL(getsockname, listener, &got, &length);
  length = 7;
  CALL(getsockname, listener, &got, &length);
  length = 2;
  CALL(getsockname, listener, &got, &length);
  length = 0;
  CALL(getsockname, listener, &got, &length);
  length = -1;
  CALL(getsockname, listener, &got, &length);
  length = 16;
  CALL(getsockname, listener, NULL, &length);
  CALL(getsockname, listener, &got, NULL);
  length = sizeof got;
  CALL(getpeername, client, &got, &length);
  length = sizeof got;
  CALL(getpeername, listener, &got, &length);
  length = sizeof got;
  CALL(getsockname, client, &got, &length);
  CALL(getsockname, client, 8, 8);
  CALL(getsockname, -1, &got, &length);
  struct sockaddr_in in = {AF_INET, htons(80), {htonl(INADDR_LOOPBACK)}};
  struct sockaddr_in6 in6 = {AF_INET6, htons(443), htonl(5), IN6ADDR_LOOPBACK_INIT, 7};
  struct sockaddr_nl nl = {AF_NETLINK, 0, 12, 0x11};
  CALL(connect, -1, &in, sizeof in);
  CALL(connect, -1, &in, sizeof in - 1);
  CALL(connect, -1, &in, sizeof in + 16);
  CALL(connect, -1, &in6, sizeof in6);
  in6.sin6_scope_id = in6.sin6_flowinfo = 0;
  memcpy(&in6.sin6_addr, "\x20\1\xd\xb8\0\0\0\0\0\1\0\0\0\0\0\1", 16);
  CALL(connect, -1, &in6, sizeof in6);
  memcpy(&in6.sin6_addr, "\0\0\0\0\0\0\0\0\0\0\xff\xff\1\2\3\4", 16);
  CALL(connect, -1, &in6, sizeof in6);
  memcpy(&in6.sin6_addr, "\0\0\0\0\0\0\0\0\0\0\0\0\1\2\3\4", 16);
  CALL(connect, -1, &in6, sizeof in6);
  memset(&in6.sin6_addr, 0, 16);
  CALL(connect, -1, &in6, 24);
  CALL(connect, -1, &in6, 23);
  memcpy(&in6.sin6_addr, "\xfe\x80\0\0\0\0\0\0\0\0\0\0\0\0\0\5", 16);
  in6.sin6_scope_id = 9;
  CALL(connect, -1, &in6, sizeof in6);
  in6.sin6_scope_id = 1;
  CALL(connect, -1, &in6, sizeof in6);
  CALL(connect, -1, &nl, sizeof nl);
  CALL(connect, -1, &nl, sizeof nl - 1);
  in.sin_family = AF_UNSPEC;
  CALL(connect, -1, &in, sizeof in);
  CALL(connect, -1, &in, 2);
  in.sin_family = 77;
  CALL(connect, -1, &in, 8);
  CALL(connect, -1, &in, 2);
  char any[130];
  memset(any, 'z', sizeof any);
  for (int family = 0; family < 46; family++) {
    *(short *)any = family;
    CALL(bind, -1, any, 5);
    if (family == AF_UNIX) CALL(bind, -1, any, 130);
  }
  any[2] = 0;
  *(short *)any = AF_UNIX;
  CALL(bind, -1, any, 40);
  CALL(bind, -1, any, 130);
  int tcp = CALL(socket, AF_INET, SOCK_STREAM, 0);
  memset(&in, 0, sizeof in);
  in.sin_family = AF_INET;
  CALL(bind, tcp, &in, sizeof in);
  int netlink = CALL(socket, AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);
  length = sizeof got;
  CALL(getsockname, netlink, &got, &length);
  close(netlink);
  close(tcp);
  close(one);
  close(client);
  close(listener);
}

static void bytes(void) {
  static char text[] = "0123456789abcdefghijklmnopqrstuvwxyz";
  static char into[64];
  struct sockaddr_storage got;
  socklen_t length = sizeof got;
  int pair[2];
  CALL(socketpair, AF_UNIX, SOCK_DGRAM, 0, pair);
  CALL(sendto, pair[0], "a\n\xff", 3, 0, NULL, 0);
  CALL(sendto, pair[0], text, 36, MSG_DONTWAIT | MSG_NOSIGNAL, NULL, 0);
  CALL(recvfrom, pair[1], into, 64, MSG_PEEK, &got, &length);
  length = sizeof got;
  CALL(recvfrom, pair[1], into, 64, 0, NULL, NULL);
  CALL(recvfrom, pair[1], into, 20, MSG_TRUNC | MSG_DONTWAIT, &got, &length);
  length = sizeof got;
  CALL(recvfrom, pair[1], into, 64, MSG_DONTWAIT, &got, &length);
  CALL(recvfrom, pair[1], into, 64, MSG_DONTWAIT, NULL, 8);
  CALL(recvfrom, -1, 8, 64, 0x80000000, 8, 8);
  struct sockaddr_in here = {AF_INET, 0, {htonl(INADDR_LOOPBACK)}};
  int a = CALL(socket, AF_INET, SOCK_DGRAM, 0);
  here.sin_port = htons(21987);
  CALL(bind, a, &here, sizeof here);
  CALL(sendto, a, "udp", 3, MSG_CONFIRM | MSG_DONTROUTE, &here, sizeof here);
  length = sizeof got;
  CALL(recvfrom, a, into, 64, MSG_WAITALL, &got, &length);
  CALL(sendto, a, "udp", 3, 0, &here, sizeof here);
  length = 4;
  CALL(recvfrom, a, into, 64, 0, &got, &length);
  CALL(sendto, -1, text, 3, 0, 8, 16);
  CALL(sendto, -1, end - 1, 3, 0, &here, 16);
  CALL(sendto, a, "", 0, 0, &here, sizeof here);
  length = sizeof got;
  CALL(recvfrom, a, into, 64, 0, &got, &length);
  close(a);
  close(pair[0]);
  close(pair[1]);
}

static void options(void) {
  char text[64] = {0};
  socklen_t length;
  int value, pair[2];
  int tcp = CALL(socket, AF_INET, SOCK_STREAM, 0);
  int tcp6 = CALL(socket, AF_INET6, SOCK_STREAM, 0);
  CALL(socketpair, AF_UNIX, SOCK_STREAM, 0, pair);
#define SET(fd, level, option, ...) CALL(setsockopt, fd, level, option, __VA_ARGS__)
#define GET(fd, level, option, to, size) (length = size, CALL(getsockopt, fd, level, option, to, &length))
  value = 1;
  SET(tcp, SOL_SOCKET, SO_REUSEADDR, &value, 4);
  SET(tcp, SOL_SOCKET, SO_REUSEADDR, &value, 3);
  SET(tcp, SOL_SOCKET, SO_REUSEADDR, &value, 0);
  SET(tcp, SOL_SOCKET, SO_REUSEADDR, &value, -1);
  SET(tcp, SOL_SOCKET, SO_REUSEADDR, 8, 4);
  SET(tcp, SOL_SOCKET, SO_REUSEADDR, NULL, 4);
  SET(-1, SOL_SOCKET, SO_REUSEADDR, &value, 8);
  SET(-1, SOL_SOCKET, SO_REUSEADDR, text, 4096);
  struct linger linger = {1, 30};
  SET(tcp, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
  SET(-1, SOL_SOCKET, SO_LINGER, &linger, 4);
  GET(tcp, SOL_SOCKET, SO_LINGER, &linger, 8);
  GET(tcp, SOL_SOCKET, SO_LINGER, &linger, 4);
  GET(tcp, SOL_SOCKET, SO_LINGER, &linger, 6);
  GET(tcp, SOL_SOCKET, SO_LINGER, &linger, 16);
  struct timeval time = {2, 500000};
  SET(tcp, SOL_SOCKET, SO_RCVTIMEO, &time, sizeof time);
  SET(-1, SOL_SOCKET, SO_SNDTIMEO, &time, 8);
  GET(tcp, SOL_SOCKET, SO_RCVTIMEO, &time, 16);
  GET(tcp, SOL_SOCKET, SO_SNDTIMEO, &time, 16);
  struct ucred who;
  GET(tcp, SOL_SOCKET, SO_PEERCRED, &who, sizeof who);
  GET(tcp, SOL_SOCKET, SO_PEERCRED, &who, 8);
  GET(tcp, SOL_SOCKET, SO_PEERCRED, &who, 16);
  GET(tcp, SOL_SOCKET, SO_TYPE, &value, 4);
  GET(tcp, SOL_SOCKET, SO_DOMAIN, &value, 4);
  GET(tcp, SOL_SOCKET, SO_PROTOCOL, &value, 4);
  GET(pair[0], SOL_SOCKET, SO_ERROR, &value, 4);
  GET(pair[0], SOL_SOCKET, SO_ACCEPTCONN, &value, 4);
  GET(pair[0], SOL_SOCKET, SO_REUSEADDR, &value, 2);
  GET(pair[0], SOL_SOCKET, SO_REUSEADDR, &value, 0);
  GET(pair[0], SOL_SOCKET, SO_REUSEADDR, text, 16);
  GET(pair[0], SOL_SOCKET, SO_REUSEADDR, text, -1);
  GET(pair[0], SOL_SOCKET, SO_REUSEADDR, 8, 4);
  CALL(getsockopt, pair[0], SOL_SOCKET, SO_REUSEADDR, &value, 8);
  CALL(getsockopt, pair[0], SOL_SOCKET, SO_REUSEADDR, &value, NULL);
  GET(-1, SOL_SOCKET, SO_REUSEADDR, &value, 4);
  SET(-1, SOL_SOCKET, SO_BINDTODEVICE, "lo", 3);
  SET(-1, SOL_SOCKET, SO_BINDTODEVICE, "lo", 2);
  /* Values of every size. */
  int options[][2] = {{1, SO_REUSEADDR}, {1, SO_LINGER}, {1, SO_PEERCRED}, {1, SO_RCVTIMEO}, {1, SO_TYPE}, {1, SO_BINDTODEVICE},
                      {1, SO_TIMESTAMP}, {1, SO_ACCEPTCONN}, {1, 250}, {6, TCP_CONGESTION}, {6, TCP_INFO}, {0, IP_TTL},
                      {0, IP_DROP_MEMBERSHIP}, {41, IPV6_V6ONLY}, {41, IPV6_LEAVE_GROUP}, {270, 2}, {4444, 3}};
  int sizes[] = {0, 1, 3, 4, 8, 12, 16, 20, 40}, numbers[16] = {0x41424344, 5};
  for (int i = 0; i < sizeof options / sizeof *options; i++)
    for (int k = 0; k < sizeof sizes / sizeof *sizes; k++) SET(-1, options[i][0], options[i][1], numbers, sizes[k]);
  int got[][2] = {{1, SO_KEEPALIVE}, {1, SO_LINGER}, {1, SO_RCVTIMEO}, {1, SO_TYPE}, {6, TCP_NODELAY}};
  for (int i = 0; i < sizeof got / sizeof *got; i++)
    for (int k = 0; k < sizeof sizes / sizeof *sizes; k++) GET(tcp, got[i][0], got[i][1], numbers, sizes[k]);
  GET(tcp, SOL_SOCKET, SO_TYPE, NULL, 4);
  SET(-1, SOL_SOCKET, 250, &value, 4);
  SET(-1, SOL_SOCKET, SO_MARK, &value, 4);
  SET(-1, SOL_SOCKET, SO_PASSCRED, &value, 4);
  SET(tcp, SOL_TCP, TCP_NODELAY, &value, 4);
  GET(tcp, SOL_TCP, TCP_NODELAY, &value, 4);
  SET(-1, SOL_TCP, TCP_CONGESTION, "cubic", 5);
  SET(-1, SOL_TCP, TCP_KEEPIDLE, &value, 4);
  SET(-1, SOL_TCP, 250, &value, 4);
  SET(-1, SOL_TCP, TCP_ULP, "tls", 3);
  SET(-1, SOL_IP, IP_TOS, &value, 4);
  SET(-1, SOL_IP, IP_TTL, text, 1);
  SET(-1, SOL_IP, IP_MTU_DISCOVER, &value, 4);
  struct ip_mreq group = {{htonl(0xe0000001)}, {0}};
  SET(-1, SOL_IP, IP_ADD_MEMBERSHIP, &group, sizeof group);
  SET(-1, SOL_IP, IP_MULTICAST_IF, &group, sizeof group);
  SET(-1, SOL_IP, IP_MULTICAST_IF, &group, 4);
  GET(tcp, SOL_IP, IP_TTL, &value, 4);
  SET(tcp6, SOL_IPV6, IPV6_V6ONLY, &value, 4);
  GET(tcp6, SOL_IPV6, IPV6_V6ONLY, &value, 4);
  struct ipv6_mreq group6 = {{{{0xff, 2, [15] = 1}}}, 1};
  SET(-1, SOL_IPV6, IPV6_JOIN_GROUP, &group6, sizeof group6);
  SET(-1, SOL_IPV6, IPV6_UNICAST_HOPS, &value, 4);
  SET(-1, 17, 103, &value, 4);
  SET(-1, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &value, 4);
  SET(-1, 4444, 3, &value, 4);
  GET(tcp, 4444, 3, &value, 4);
  char info[300];
  length = 300;
  CALL(getsockopt, -1, SOL_TCP, TCP_INFO, info, &length);
  CALL(getsockopt, -1, SOL_TCP, TCP_CONGESTION, info, &length);
  GET(-1, SOL_IPV6, IPV6_MTU, info, 4);
  close(tcp);
  close(tcp6);
  close(pair[0]);
  close(pair[1]);
}

static void messages(void) {
  static char text[] = "0123456789abcdefghijklmnopqrstuvwxyz";
  static char into[64];
  int pair[2];
  CALL(socketpair, AF_UNIX, SOCK_DGRAM, 0, pair);
  struct iovec two[2] = {{text, 5}, {text + 10, 20}};
  union {
    char bytes[512];
    struct cmsghdr align;
  } control, got;
  memset(&control, 0, sizeof control);
  struct msghdr m = {.msg_iov = two, .msg_iovlen = 2};
  CALL(sendmsg, pair[0], &m, MSG_NOSIGNAL);
  m.msg_control = control.bytes;
  struct cmsghdr *c = &control.align;
  *c = (struct cmsghdr){CMSG_LEN(8), SOL_SOCKET, SCM_RIGHTS};
  memcpy(CMSG_DATA(c), (int[]){0, 1}, 8);
  m.msg_controllen = CMSG_SPACE(8);
  CALL(sendmsg, pair[0], &m, 0);
  *c = (struct cmsghdr){CMSG_LEN(4), SOL_SOCKET, SCM_RIGHTS};
  m.msg_controllen = CMSG_LEN(4);
  CALL(sendmsg, pair[0], &m, 0);
  c = (struct cmsghdr *)(control.bytes + CMSG_SPACE(4));
  *c = (struct cmsghdr){CMSG_LEN(12), SOL_SOCKET, SCM_CREDENTIALS};
  struct ucred who = {me, getuid(), getgid()};
  memcpy(CMSG_DATA(c), &who, sizeof who);
  m.msg_controllen = CMSG_SPACE(4) + CMSG_SPACE(12);
  CALL(sendmsg, pair[0], &m, 0);
  /* What comes of them. */
  struct iovec room[2] = {{into, 4}, {into + 4, 60}};
  struct sockaddr_storage from;
  struct msghdr r = {.msg_iov = room, .msg_iovlen = 2};
  CALL(recvmsg, pair[1], &r, 0);
  r = (struct msghdr){.msg_name = &from, .msg_namelen = sizeof from, .msg_iov = room, .msg_iovlen = 2,
                      .msg_control = got.bytes, .msg_controllen = sizeof got};
  CALL(recvmsg, pair[1], &r, MSG_CMSG_CLOEXEC);
  r.msg_controllen = 4;
  CALL(recvmsg, pair[1], &r, 0);
  r.msg_controllen = sizeof got;
  int on = 1;
  CALL(setsockopt, pair[1], SOL_SOCKET, SO_PASSCRED, &on, 4);
  room[1].iov_len = 2;
  CALL(recvmsg, pair[1], &r, 0);
  CALL(recvmsg, pair[1], &r, MSG_DONTWAIT);
  CALL(recvmsg, pair[1], 8, MSG_DONTWAIT);
  CALL(recvmsg, -1, &r, 0);
  CALL(sendmsg, -1, NULL, 0);
  CALL(sendmsg, -1, end - 8, 0);
  /* Control messages that are none. */
  struct msghdr odd = m;
  c = &control.align;
  odd.msg_controllen = 8;
  CALL(sendmsg, -1, &odd, 0);
  odd.msg_controllen = 16;
  CALL(sendmsg, -1, &odd, 0);
  c->cmsg_len = 4;
  odd.msg_controllen = 40;
  CALL(sendmsg, -1, &odd, 0);
  c->cmsg_len = 1000;
  CALL(sendmsg, -1, &odd, 0);
  c->cmsg_len = 1ul << 40;
  CALL(sendmsg, -1, &odd, 0);
  *c = (struct cmsghdr){CMSG_LEN(6), SOL_SOCKET, SCM_RIGHTS};
  CALL(sendmsg, -1, &odd, 0);
  *c = (struct cmsghdr){CMSG_LEN(0), SOL_SOCKET, SCM_RIGHTS};
  CALL(sendmsg, -1, &odd, 0);
  *c = (struct cmsghdr){CMSG_LEN(4), SOL_SOCKET, SCM_CREDENTIALS};
  CALL(sendmsg, -1, &odd, 0);
  *c = (struct cmsghdr){CMSG_LEN(4), SOL_SOCKET, 77};
  odd.msg_controllen = CMSG_SPACE(4);
  CALL(sendmsg, -1, &odd, 0);
  *c = (struct cmsghdr){CMSG_LEN(4), SOL_IP, IP_TTL};
  CALL(sendmsg, -1, &odd, 0);
  *c = (struct cmsghdr){CMSG_LEN(4), SOL_IP, IP_TOS};
  CALL(sendmsg, -1, &odd, 0);
  *c = (struct cmsghdr){CMSG_LEN(4), SOL_TCP, 4};
  CALL(sendmsg, -1, &odd, 0);
  *c = (struct cmsghdr){CMSG_LEN(4), 4444, 4};
  CALL(sendmsg, -1, &odd, 0);
  *c = (struct cmsghdr){CMSG_LEN(16), SOL_SOCKET, SCM_TIMESTAMP};
  memcpy(CMSG_DATA(c), (long[]){5, 6}, 16);
  odd.msg_controllen = CMSG_SPACE(16);
  CALL(sendmsg, -1, &odd, 0);
  *c = (struct cmsghdr){CMSG_LEN(16), SOL_IPV6, 50};
  CALL(sendmsg, -1, &odd, 0);
  memset(&control, 0, sizeof control);
  *c = (struct cmsghdr){CMSG_LEN(160), SOL_SOCKET, SCM_RIGHTS};
  odd.msg_controllen = CMSG_SPACE(160);
  CALL(sendmsg, -1, &odd, 0);
  odd.msg_control = NULL;
  CALL(sendmsg, -1, &odd, 0);
  odd.msg_control = (void *)8;
  CALL(sendmsg, -1, &odd, 0);
  odd.msg_control = end - 16;
  CALL(sendmsg, -1, &odd, 0);
  odd.msg_control = NULL;
  odd.msg_controllen = 0;
  int data[][3] = {{1, 1, 2}, {1, 2, 11}, {1, 2, 16}, {1, 3, 5}, {1, 3, 0}, {1, SCM_TIMESTAMP, 20}, {1, 35, 16}, {0, IP_TOS, 1},
                   {0, IP_TTL, 8}, {0, IP_PKTINFO, 12}, {0, 99, 4}, {41, 50, 20}, {17, 103, 2}, {270, 3, 4}};
  for (int i = 0; i < sizeof data / sizeof *data; i++) {
    *c = (struct cmsghdr){CMSG_LEN(data[i][2]), data[i][0], data[i][1]};
    for (int k = 0; k < data[i][2]; k++) CMSG_DATA(c)[k] = k;
    odd.msg_control = control.bytes;
    odd.msg_controllen = CMSG_SPACE(data[i][2]);
    CALL(sendmsg, -1, &odd, 0);
  }
  odd.msg_control = NULL;
  odd.msg_controllen = 0;
  /* Names and iovecs that are none. */
  odd.msg_name = &name;
  odd.msg_namelen = called("/n", 3);
  odd.msg_flags = MSG_TRUNC;
  CALL(sendmsg, -1, &odd, MSG_EOR | MSG_MORE);
  odd.msg_name = (void *)8;
  CALL(sendmsg, -1, &odd, 0);
  odd.msg_namelen = -1;
  CALL(sendmsg, -1, &odd, 0);
  odd.msg_iov = NULL;
  CALL(sendmsg, -1, &odd, 0);
  odd.msg_iovlen = 0;
  CALL(sendmsg, -1, &odd, 0);
  odd.msg_iov = (void *)8;
  odd.msg_iovlen = ~0ul;
  CALL(sendmsg, -1, &odd, 0);
  odd.msg_iov = (void *)(end - 16);
  odd.msg_iovlen = 2;
  CALL(sendmsg, -1, &odd, 0);
  /* Names that come. */
  struct sockaddr_in here = {AF_INET, htons(21987), {htonl(INADDR_LOOPBACK)}};
  int udp = CALL(socket, AF_INET, SOCK_DGRAM, 0);
  CALL(bind, udp, &here, sizeof here);
  int sizes[] = {128, 16, 6, 0};
  for (int i = 0; i < 4; i++) {
    CALL(sendto, udp, "hello", 5, 0, &here, sizeof here);
    room[0].iov_len = 3;
    r = (struct msghdr){.msg_name = &from, .msg_namelen = sizes[i], .msg_iov = room, .msg_iovlen = i & 1};
    CALL(recvmsg, udp, &r, MSG_TRUNC);
  }
  close(udp);
  close(pair[0]);
  close(pair[1]);
}

static void many(void) {
  static char text[] = "0123456789abcdefghijklmnopqrstuvwxyz";
  static char into[3][64];
  int pair[2];
  CALL(socketpair, AF_UNIX, SOCK_DGRAM, 0, pair);
  struct iovec v[3] = {{text, 5}, {text + 5, 31}, {end - 1, 4}};
  struct mmsghdr out[3] = {{{.msg_iov = v, .msg_iovlen = 1}}, {{.msg_iov = v + 1, .msg_iovlen = 1}}, {{.msg_iov = v + 2, .msg_iovlen = 1}}};
  CALL(sendmmsg, pair[0], out, 3, MSG_NOSIGNAL);
  CALL(sendmmsg, pair[0], out, 1, 0);
  CALL(sendmmsg, pair[0], out, 0, 0);
  CALL(sendmmsg, pair[0], 8, 2, 0);
  CALL(sendmmsg, -1, out, 2, 0);
  struct iovec w[3] = {{into[0], 64}, {into[1], 64}, {into[2], 64}};
  struct sockaddr_storage from[3];
  struct mmsghdr in[3] = {{{.msg_iov = w, .msg_iovlen = 1, .msg_name = from, .msg_namelen = 128}}, {{.msg_iov = w + 1, .msg_iovlen = 1}}, {{.msg_iov = w + 2, .msg_iovlen = 1, .msg_name = from, .msg_namelen = 128}}};
  CALL(recvmmsg, pair[1], in, 2, 0, NULL);
  struct timespec left = {5, 0};
  CALL(recvmmsg, pair[1], in + 1, 2, MSG_DONTWAIT, &left);
  CALL(recvmmsg, pair[1], in, 2, MSG_WAITFORONE | MSG_DONTWAIT, NULL);
  left = (struct timespec){5, 0};
  CALL(recvmmsg, pair[1], in, 2, MSG_DONTWAIT, &left);
  CALL(recvmmsg, pair[1], 8, 2, MSG_DONTWAIT, NULL);
  CALL(recvmmsg, pair[1], in, 0, MSG_DONTWAIT, NULL);
  CALL(recvmmsg, pair[1], in, 2, 0, 8);
  static struct mmsghdr most[40];
  for (int i = 0; i < 40; i++) most[i].msg_hdr = out[0].msg_hdr;
  CALL(sendmmsg, -1, most, 40, 0);
  CALL(sendmmsg, -1, most, -1, 0);
  struct mmsghdr *last = (struct mmsghdr *)end - 2;
  last[0] = out[0], last[1] = out[1];
  CALL(sendmmsg, -1, last, 3, 0);
  CALL(writev, -1, end - 24, 2);
  close(pair[0]);
  close(pair[1]);
}

int main(void) {
  end = (char *)mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) + 4096;
  munmap(end, 4096);
  me = getpid();
  CALL(write, -7, "", 0);
  kinds();
  names();
  bytes();
  options();
  messages();
  many();
  CALL(write, -7, "", 0);
  return 0;
}
