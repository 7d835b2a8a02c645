// Sockets as descriptors: which kinds there are, what each call refuses, what sockets say of themselves.
#include "check.h"
#include "sockets.h"
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/statfs.h>

static void families(void) {
  static const struct {
    const char *name;
    int family, type, protocol, want;
  } kinds[] = {
      {"unix-stream", AF_UNIX, SOCK_STREAM, 0, 0},
      {"unix-datagram", AF_UNIX, SOCK_DGRAM, 0, 0},
      {"unix-packet", AF_UNIX, SOCK_SEQPACKET, 0, 0},
      {"unix-protocol", AF_UNIX, SOCK_STREAM, PF_UNIX, 0},
      {"unix-other-protocol", AF_UNIX, SOCK_STREAM, 2, EPROTONOSUPPORT},
      {"unix-rdm", AF_UNIX, SOCK_RDM, 0, ESOCKTNOSUPPORT},
      {"tcp", AF_INET, SOCK_STREAM, 0, 0},
      {"tcp-protocol", AF_INET, SOCK_STREAM, IPPROTO_TCP, 0},
      {"udp", AF_INET, SOCK_DGRAM, 0, 0},
      {"udp-protocol", AF_INET, SOCK_DGRAM, IPPROTO_UDP, 0},
      {"tcp6", AF_INET6, SOCK_STREAM, 0, 0},
      {"udp6", AF_INET6, SOCK_DGRAM, IPPROTO_UDP, 0},
      {"stream-of-udp", AF_INET, SOCK_STREAM, IPPROTO_UDP, EPROTONOSUPPORT},
      {"datagram-of-tcp", AF_INET6, SOCK_DGRAM, IPPROTO_TCP, EPROTONOSUPPORT},
      {"unknown-protocol", AF_INET, SOCK_STREAM, 250, EPROTONOSUPPORT},
      {"negative-protocol", AF_INET, SOCK_STREAM, -1, EINVAL},
      {"large-protocol", AF_INET, SOCK_STREAM, 1000, EINVAL},
      {"raw-without-protocol", AF_INET, SOCK_RAW, 0, EPROTONOSUPPORT},
      {"packets-of-inet", AF_INET, SOCK_SEQPACKET, 0, ESOCKTNOSUPPORT},
      {"family", 9999, SOCK_STREAM, 0, EAFNOSUPPORT},
      {"negative-family", -1, SOCK_STREAM, 0, EAFNOSUPPORT},
      {"no-family", AF_UNSPEC, SOCK_STREAM, 0, EAFNOSUPPORT},
      {"type-0", AF_UNIX, 0, 0, ESOCKTNOSUPPORT},
      {"type-14", AF_UNIX, 14, 0, EINVAL},
      {"flags", AF_UNIX, SOCK_STREAM | 0x1000, 0, EINVAL},
  };
  for (unsigned i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
    if (kinds[i].want == 0) {
      int fd = GOOD(kinds[i].name, socket(kinds[i].family, kinds[i].type, kinds[i].protocol));
      EQ("type", option(fd, SOL_SOCKET, SO_TYPE), kinds[i].type);
      EQ("domain", option(fd, SOL_SOCKET, SO_DOMAIN), kinds[i].family);
      int protocol = kinds[i].family == AF_UNIX ? 0 : kinds[i].type == SOCK_STREAM ? IPPROTO_TCP : IPPROTO_UDP;
      EQ("protocol", option(fd, SOL_SOCKET, SO_PROTOCOL), protocol);
      EQ("error", option(fd, SOL_SOCKET, SO_ERROR), 0);
      EQ("listens", option(fd, SOL_SOCKET, SO_ACCEPTCONN), 0);
      close(fd);
    } else {
      FAILS(kinds[i].name, socket(kinds[i].family, kinds[i].type, kinds[i].protocol), kinds[i].want);
    }
  }
  int s[2];
  FAILS("inet-pair", socketpair(AF_INET, SOCK_STREAM, 0, s), EOPNOTSUPP);
  FAILS("pair-protocol", socketpair(AF_UNIX, SOCK_STREAM, 2, s), EPROTONOSUPPORT);
  FAILS("pair-pointer", socketpair(AF_UNIX, SOCK_STREAM, 0, (int *)8), EFAULT);
  int fd = listener(SOCK_STREAM, "s", 1);
  EQ("accepts", option(fd, SOL_SOCKET, SO_ACCEPTCONN), 1);
  close(fd);
  must(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, s));
  EQ("pair-type", option(s[1], SOL_SOCKET, SO_TYPE), SOCK_SEQPACKET);
  close(s[0]), close(s[1]);
}

// Each call about a socket with a descriptor of something else.
static void refused(const char *what, int fd, int want) {
  char name[64], b[8];
  struct name u = named("x");
  socklen_t n = 4;
  struct iovec v = {b, 1};
  struct mmsghdr m = {.msg_hdr = {.msg_iov = &v, .msg_iovlen = 1}};
#define REFUSED(call_name, call) snprintf(name, sizeof name, "%s-%s", what, call_name), FAILS(name, call, want)
  REFUSED("bind", bind(fd, (void *)&u.a, u.n));
  REFUSED("connect", connect(fd, (void *)&u.a, u.n));
  REFUSED("listen", listen(fd, 1));
  REFUSED("accept", accept(fd, NULL, NULL));
  REFUSED("accept4", accept4(fd, NULL, NULL, SOCK_CLOEXEC));
  REFUSED("getsockname", getsockname(fd, (void *)&u.a, &u.n));
  REFUSED("getpeername", getpeername(fd, (void *)&u.a, &u.n));
  REFUSED("send", send(fd, "x", 1, 0));
  REFUSED("sendto", sendto(fd, "x", 1, 0, (void *)&u.a, u.n));
  REFUSED("recv", recv(fd, b, 1, 0));
  REFUSED("recvfrom", recvfrom(fd, b, 1, 0, (void *)&u.a, &u.n));
  REFUSED("sendmsg", sendmsg(fd, &m.msg_hdr, 0));
  REFUSED("recvmsg", recvmsg(fd, &m.msg_hdr, 0));
  REFUSED("sendmmsg", sendmmsg(fd, &m, 1, 0));
  REFUSED("recvmmsg", recvmmsg(fd, &m, 1, 0, NULL));
  REFUSED("shutdown", shutdown(fd, SHUT_RDWR));
  REFUSED("getsockopt", getsockopt(fd, SOL_SOCKET, SO_TYPE, b, &n));
  REFUSED("setsockopt", setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, "\1\0\0", 4));
}

static void not_sockets(void) {
  int fd = must(open("file", O_RDWR | O_CREAT, 0644)), p[2];
  must(pipe(p));
  refused("file", fd, ENOTSOCK);
  refused("pipe", p[0], ENOTSOCK);
  refused("closed", 99, EBADF);
  refused("negative", -1, EBADF);
  close(fd), close(p[0]), close(p[1]);
  close(bound(SOCK_STREAM, "s"));
  fd = must(open("s", O_PATH));
  refused("path", fd, EBADF);
  close(fd);
}

// Each call about a file with the descriptor of a socket.
static void as_files(void) {
  int s[2];
  char b[8], link[64], name[64];
  struct stat st, other;
  must(socketpair(AF_UNIX, SOCK_STREAM, 0, s));
  must(fstat(s[0], &st)), must(fstat(s[1], &other));
  EQ("mode", st.st_mode, S_IFSOCK | 0777);
  EQ("size", st.st_size, 0);
  EQ("links", st.st_nlink, 1);
  TRUE("inodes-differ", st.st_ino != other.st_ino && st.st_dev == other.st_dev);
  must(fstat(dup(s[0]), &other));
  close(s[1] + 1);
  TRUE("same-inode", st.st_ino == other.st_ino);
  EQ("owner", st.st_uid, geteuid());
  struct statfs fs;
  must(fstatfs(s[0], &fs));
  EQ("file-system", fs.f_type, 0x534F434B);  // SOCKFS_MAGIC
  EQ("open-flags", fcntl(s[0], F_GETFL), O_RDWR);
  FAILS("lseek", lseek(s[0], 0, SEEK_CUR), ESPIPE);
  FAILS("pread", pread(s[0], b, 1, 0), ESPIPE);
  FAILS("pwrite", pwrite(s[0], b, 1, 0), ESPIPE);
  FAILS("truncate", ftruncate(s[0], 0), EINVAL);
  FAILS("mmap", (long)mmap(NULL, 4096, PROT_READ, MAP_SHARED, s[0], 0), ENODEV);
  FAILS("sync", fsync(s[0]), EINVAL);
  FAILS("allocate", fallocate(s[0], 0, 0, 1), ENODEV);
  FAILS("folder", fchdir(s[0]), ENOTDIR);
  GOOD("chmod", fchmod(s[0], 0600));
  must(fstat(s[0], &st));
  EQ("chmod-mode", st.st_mode, S_IFSOCK | 0600);
  snprintf(name, sizeof name, "/proc/self/fd/%d", s[0]);
  ssize_t n = must(readlink(name, link, sizeof link - 1));
  link[n] = 0;
  snprintf(name, sizeof name, "socket:[%llu]", (unsigned long long)st.st_ino);
  STR("link", link, name);
  snprintf(name, sizeof name, "/proc/self/fd/%d", s[0]);
  FAILS("open", open(name, O_RDWR), ENXIO);
  GOOD("stat", stat(name, &other));
  EQ("stat-inode", other.st_ino, st.st_ino);
  // The last descriptor ends it, and a fork's copies count.
  int twin = must(dup(s[0]));
  close(s[0]);
  EQ("dup-keeps-it", polled(s[1]), POLLOUT);
  pid_t pid = fork();
  if (pid == 0) {
    close(s[1]);
    while (read(twin, b, 1) == 1) continue;
    _exit(0);
  }
  close(twin);
  EQ("child-keeps-it", polled(s[1]), POLLOUT);
  must(shutdown(s[1], SHUT_WR));
  EQ("child", status_of(pid), 0);
  EQ("gone", polled(s[1]), POLLIN | POLLOUT | POLLHUP | POLLRDHUP);
  close(s[1]);
  // FIONBIO and O_NONBLOCK are one; close-on-exec has its own requests.
  int fd = must(socket(AF_UNIX, SOCK_STREAM, 0)), on = 1;
  GOOD("fionbio", ioctl(fd, FIONBIO, &on));
  EQ("nonblock", fcntl(fd, F_GETFL), O_RDWR | O_NONBLOCK);
  GOOD("fioclex", ioctl(fd, FIOCLEX));
  EQ("cloexec", fcntl(fd, F_GETFD), FD_CLOEXEC);
  FAILS("no-terminal", isatty(fd) - 1, ENOTTY);
  close(fd);
}

static struct ucred peer_of(int fd) {
  struct ucred u = {-2, -2, -2};
  socklen_t n = sizeof u;
  must(getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &u, &n));
  return u;
}

static void peers(void) {
  int s[2];
  must(socketpair(AF_UNIX, SOCK_STREAM, 0, s));
  struct ucred u = peer_of(s[0]);
  TRUE("pair", u.pid == getpid() && u.uid == geteuid() && u.gid == getegid());
  pid_t pid = fork();
  if (pid == 0) _exit(peer_of(s[0]).pid == getppid() ? 0 : 1);
  EQ("who-made-it", status_of(pid), 0);
  close(s[0]), close(s[1]);
  int l = bound(SOCK_STREAM, "s"), c = must(socket(AF_UNIX, SOCK_STREAM, 0));
  u = peer_of(c);
  TRUE("unconnected", u.pid == 0 && u.uid == (uid_t)-1 && u.gid == (gid_t)-1);
  // Those of listen(2) and of connect(2).
  pid = fork();
  if (pid == 0) _exit(listen(l, 5));
  EQ("listen", status_of(pid), 0);
  must(connect_to(c, "s"));
  EQ("who-listened", peer_of(c).pid, pid);
  close(must(accept(l, NULL, NULL))), close(c);
  must(chmod("s", 0777));
  pid = fork();
  if (pid == 0) {
    if (getuid() == 0 && (setgid(1000) || setuid(1000))) _exit(1);
    c = must(socket(AF_UNIX, SOCK_STREAM, 0));
    _exit(connect_to(c, "s") == 0 && write(c, "x", 1) == 1 ? 0 : 2);
  }
  int a = must(accept(l, NULL, NULL));
  u = peer_of(a);
  TRUE("who-connected", u.pid == pid);
  TRUE("its-user", getuid() != 0 || (u.uid == 1000 && u.gid == 1000));
  EQ("connected", status_of(pid), 0);
  close(a), close(l);
  socklen_t n = 4;
  must(socketpair(AF_UNIX, SOCK_STREAM, 0, s));
  int part[3] = {-7, -7, -7};
  must(getsockopt(s[0], SOL_SOCKET, SO_PEERCRED, part, &n));
  TRUE("cut", part[0] == getpid() && part[1] == -7 && n == 4);
  FAILS("set", setsockopt(s[0], SOL_SOCKET, SO_PEERCRED, &u, sizeof u), ENOPROTOOPT);
  close(s[0]), close(s[1]);
  int t[2];
  tcp_pair(AF_INET, t);
  u = peer_of(t[0]);
  TRUE("tcp", u.pid == 0 && u.uid == (uid_t)-1 && u.gid == (gid_t)-1);
  close(t[0]), close(t[1]);
}

static void unconnected(void) {
  // What needs a peer, without one.
  static const struct {
    const char *name;
    int type, send, recv;
  } kinds[] = {{"stream", SOCK_STREAM, ENOTCONN, EINVAL}, {"packet", SOCK_SEQPACKET, ENOTCONN, ENOTCONN}, {"datagram", SOCK_DGRAM, ENOTCONN, EAGAIN}};
  for (int i = 0; i < 3; i++) {
    int fd = must(socket(AF_UNIX, kinds[i].type | SOCK_NONBLOCK, 0));
    char name[64], b;
    struct name u = named("");
    snprintf(name, sizeof name, "%s-send", kinds[i].name);
    FAILS(name, send(fd, "x", 1, 0), kinds[i].send);
    snprintf(name, sizeof name, "%s-recv", kinds[i].name);
    FAILS(name, recv(fd, &b, 1, 0), kinds[i].recv);
    snprintf(name, sizeof name, "%s-peer", kinds[i].name);
    FAILS(name, getpeername(fd, (void *)&u.a, &u.n), ENOTCONN);
    snprintf(name, sizeof name, "%s-read", kinds[i].name);
    FAILS(name, read(fd, &b, 1), kinds[i].recv);
    close(fd);
  }
  int s[2];
  struct name u = named("x");
  must(socketpair(AF_UNIX, SOCK_STREAM, 0, s));
  FAILS("address-of-a-stream", sendto(s[0], "x", 1, 0, (void *)&u.a, u.n), EISCONN);
  int fd = must(socket(AF_UNIX, SOCK_STREAM, 0));
  FAILS("address-unconnected", sendto(fd, "x", 1, 0, (void *)&u.a, u.n), EOPNOTSUPP);
  FAILS("bad-buffer", send(s[0], (void *)8, 1, 0), EFAULT);
  EQ("nothing-sent", polled(s[1]), POLLOUT);
  must(write(s[0], "ab", 2));
  FAILS("bad-destination", recv(s[1], (void *)8, 1, 0), EFAULT);
  char b[2];
  EQ("still-there", recv(s[1], b, 2, MSG_DONTWAIT), 2);
  close(fd), close(s[0]), close(s[1]);
}

CHECK_MAIN(CASE(families), CASE(not_sockets), CASE(as_files), CASE(peers), CASE(unconnected))
