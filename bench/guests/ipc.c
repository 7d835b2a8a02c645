// What processes send to one another:
//   ipc stream KIND MIB      bytes from one process to another, 64 KiB at a time; KIND: pipe, unix, tcp
//   ipc ping KIND COUNT      one byte there and back; KIND: pipe, unix
//   ipc rights BYTES COUNT   a descriptor of a pipe with BYTES in it, to oneself
//   ipc echo SOCKETS COUNT   a process that echoes 64 bytes of each of SOCKETS connections by epoll, COUNT messages in all
#define _GNU_SOURCE
#include <fcntl.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include "bench.h"

enum { CHUNK = 65536, MESSAGE = 64, MOST = 16384, AT_ONCE = 64 };
static char chunk[CHUNK];
static int sockets[MOST];

static int listener(struct sockaddr_in *at) {
  socklen_t length = sizeof *at;
  *at = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  check(fd >= 0 && !bind(fd, (void *)at, sizeof *at) && !listen(fd, 4096) && !getsockname(fd, (void *)at, &length), "listen");
  return fd;
}

static int connected(const struct sockaddr_in *at) {
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  check(fd >= 0 && !connect(fd, (const void *)at, sizeof *at), "connect");
  return fd;
}

// Two ways of bytes between two processes: what [0] is given comes out of [1].
static void ways(const char *kind, int there[2], int back[2]) {
  if (!strcmp(kind, "pipe")) {
    int a[2], b[2];
    check(!pipe(a) && !pipe(b), "pipe");
    there[0] = a[1], there[1] = a[0], back[0] = b[1], back[1] = b[0];
    return;
  }
  int s[2];
  if (!strcmp(kind, "unix")) {
    check(!socketpair(AF_UNIX, SOCK_STREAM, 0, s), "socketpair");
  } else {
    struct sockaddr_in at;
    int l = listener(&at);
    s[0] = connected(&at), s[1] = accept(l, 0, 0);
    check(s[1] >= 0, "accept");
  }
  there[0] = s[0], there[1] = s[1], back[0] = s[1], back[1] = s[0];
}

static void ended(pid_t pid) {
  int status;
  check(waitpid(pid, &status, 0) == pid && status == 0, "the other process");
}

static void stream(const char *kind, long mib) {
  int there[2], back[2];
  ways(kind, there, back);
  memset(chunk, 'x', sizeof chunk);
  uint64_t from = now_ns();
  pid_t pid = fork();
  check(pid >= 0, "fork");
  if (!pid) {
    for (long left = mib << 20; left > 0;) {
      ssize_t n = write(there[0], chunk, CHUNK);
      check(n > 0, "write");
      left -= n;
    }
    _exit(0);
  }
  for (long left = mib << 20; left > 0;) {
    ssize_t n = read(there[1], chunk, CHUNK);
    check(n > 0, "read");
    left -= n;
  }
  uint64_t ns = now_ns() - from;
  ended(pid);
  printf("{\"mibPerS\":%.3f}\n", (double)mib / ((double)ns / 1e9));
}

static void ping(const char *kind, long count) {
  int there[2], back[2];
  char c = 'x';
  ways(kind, there, back);
  pid_t pid = fork();
  check(pid >= 0, "fork");
  if (!pid) {
    for (long i = 0; i < count; i++) check(read(there[1], &c, 1) == 1 && write(back[0], &c, 1) == 1, "echo");
    _exit(0);
  }
  uint64_t from = now_ns();
  for (long i = 0; i < count; i++) check(write(there[0], &c, 1) == 1 && read(back[1], &c, 1) == 1, "ping");
  report_ns(now_ns() - from, (uint64_t)count);
  ended(pid);
}

static void rights(long bytes, long count) {
  int s[2], p[2], fd;
  check(!socketpair(AF_UNIX, SOCK_STREAM, 0, s) && !pipe(p), "pipe");
  if (bytes > CHUNK) check(fcntl(p[1], F_SETPIPE_SZ, bytes) >= bytes, "size");
  for (long left = bytes; left > 0;) {
    ssize_t n = write(p[1], chunk, (size_t)(left < CHUNK ? left : CHUNK));
    check(n > 0, "fill");
    left -= n;
  }
  char c = 'x', control[CMSG_SPACE(sizeof fd)];
  struct iovec v = {&c, 1};
  uint64_t from = now_ns();
  for (long i = 0; i < count; i++) {
    struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    *CMSG_FIRSTHDR(&m) = (struct cmsghdr){.cmsg_len = CMSG_LEN(sizeof fd), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
    memcpy(CMSG_DATA(CMSG_FIRSTHDR(&m)), &p[0], sizeof fd);
    check(sendmsg(s[0], &m, 0) == 1 && recvmsg(s[1], &m, 0) == 1 && m.msg_controllen != 0, "pass");
    memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&m)), sizeof fd);
    close(fd);
  }
  report_ns(now_ns() - from, (uint64_t)count);
}

static void serve(int count, int l, int epoll) {
  char message[MESSAGE];
  for (int i = 0; i < count; i++) {
    int fd = accept(l, 0, 0);
    check(fd >= 0 && !epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &(struct epoll_event){.events = EPOLLIN, .data.fd = fd}), "accept");
  }
  for (int open = count; open > 0;) {
    struct epoll_event events[AT_ONCE];
    int n = epoll_wait(epoll, events, AT_ONCE, -1);
    check(n > 0, "epoll_wait");
    for (int i = 0; i < n; i++) {
      ssize_t got = read(events[i].data.fd, message, MESSAGE);
      if (got == 0) close(events[i].data.fd), open--;
      else check(got == MESSAGE && write(events[i].data.fd, message, MESSAGE) == MESSAGE, "echo");
    }
  }
  _exit(0);
}

static void echo(int count, long messages) {
  struct sockaddr_in at;
  int l = listener(&at);
  struct rlimit most = {MOST, MOST};
  check(count <= MOST && !setrlimit(RLIMIT_NOFILE, &most), "rlimit");
  pid_t pid = fork();
  check(pid >= 0, "fork");
  if (!pid) serve(count, l, epoll_create1(0));
  close(l);
  int epoll = epoll_create1(0);
  for (int i = 0; i < count; i++) {
    sockets[i] = connected(&at);
    check(!epoll_ctl(epoll, EPOLL_CTL_ADD, sockets[i], &(struct epoll_event){.events = EPOLLIN, .data.fd = sockets[i]}), "epoll_ctl");
  }
  uint64_t from = now_ns();
  long sent = 0, got = 0;
  for (int i = 0; i < count && sent < messages; i++, sent++) check(write(sockets[i], chunk, MESSAGE) == MESSAGE, "write");
  while (got < messages) {
    struct epoll_event events[AT_ONCE];
    int n = epoll_wait(epoll, events, AT_ONCE, -1);
    check(n > 0, "epoll_wait");
    for (int i = 0; i < n; i++, got++) {
      check(read(events[i].data.fd, chunk, MESSAGE) == MESSAGE, "read");
      if (sent < messages) check(write(events[i].data.fd, chunk, MESSAGE) == MESSAGE, "write"), sent++;
    }
  }
  uint64_t ns = now_ns() - from;
  for (int i = 0; i < count; i++) close(sockets[i]);
  ended(pid);
  printf("{\"kPerS\":%.3f,\"ns\":%.3f}\n", (double)messages / ((double)ns / 1e6), (double)ns / (double)messages);
}

int main(int argc, char **argv) {
  const char *mode = argc > 1 ? argv[1] : "", *kind = argc > 2 ? argv[2] : "";
  long count = number(argc, argv, 3, 1000);
  if (!strcmp(mode, "stream")) stream(kind, count);
  else if (!strcmp(mode, "ping")) ping(kind, count);
  else if (!strcmp(mode, "rights")) rights(number(argc, argv, 2, 1), count);
  else if (!strcmp(mode, "echo")) echo((int)number(argc, argv, 2, 1000), count);
  else return fprintf(stderr, "ipc: see its source\n"), 2;
  return 0;
}
