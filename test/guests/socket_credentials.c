// Credentials that Unix sockets carry (unix(7), SCM_CREDENTIALS).
#include "check.h"
#include "sockets.h"
#include "socket_rights.h"

static long send_as(int to, struct ucred u, size_t len, struct iovec v) {
  union control c;
  memset(&c, 0, sizeof c);
  struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1, .msg_control = &c, .msg_controllen = CMSG_SPACE(sizeof u)};
  c.first = (struct cmsghdr){.cmsg_len = CMSG_LEN(len), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_CREDENTIALS};
  memcpy(CMSG_DATA(&c.first), &u, sizeof u);
  return sendmsg(to, &m, 0);
}

static long send_credentials(int to, struct ucred u, size_t len) { return send_as(to, u, len, (struct iovec){"c", 1}); }

static struct ucred own(void) { return (struct ucred){getpid(), getuid(), getgid()}; }

static int same(struct ucred a, struct ucred b) { return a.pid == b.pid && a.uid == b.uid && a.gid == b.gid; }

static void plain(int type) {
  int s[2];
  must(socketpair(AF_UNIX, type, 0, s));
  EQ("off", option(s[1], SOL_SOCKET, SO_PASSCRED), 0);
  must(write(s[0], "a", 1));
  struct received r = receive(s[1], 64, sizeof(union control), 0);
  EQ("none", r.credentials, 0);
  EQ("no-control", r.control, 0);
  GOOD("set", set_option(s[1], SOL_SOCKET, SO_PASSCRED, 7));
  EQ("on", option(s[1], SOL_SOCKET, SO_PASSCRED), 1);
  must(write(s[0], "a", 1));
  r = receive(s[1], 64, sizeof(union control), 0);
  EQ("of-a-write", r.credentials, 1);
  TRUE("own", same(r.ucred, own()));
  EQ("control", r.control, CMSG_SPACE(sizeof(struct ucred)));
  EQ("sender-asks-for-none", option(s[0], SOL_SOCKET, SO_PASSCRED), 0);
  must(write(s[1], "b", 1));
  r = receive(s[0], 64, sizeof(union control), 0);
  EQ("one-way", r.credentials, 0);
  must(write(s[0], "a", 1));
  r = receive(s[1], 64, CMSG_LEN(sizeof(struct ucred)) - 1, 0);
  EQ("cut", r.flags, MSG_CTRUNC);
  must(write(s[0], "a", 1));
  r = receive(s[1], 64, 0, 0);
  EQ("no-room", r.flags, MSG_CTRUNC);
  must(write(s[0], "a", 1));
  r = receive(s[1], 64, sizeof(union control), MSG_PEEK);
  TRUE("peek", same(r.ucred, own()));
  char b;
  EQ("read-ignores-them", read(s[1], &b, 1), 1);
  must(send_right(s[0], s[0]));
  r = receive(s[1], 64, sizeof(union control), 0);
  TRUE("with-rights", r.n == 1 && r.credentials == 1 && same(r.ucred, own()));
  close_all(&r);
  pid_t pid = fork();
  if (pid == 0) {
    if (getuid() == 0) must(setresgid(-1, 1001, -1)), must(setresuid(-1, 1000, -1));
    _exit(write(s[0], "a", 1) == 1 ? 0 : 1);
  }
  r = receive(s[1], 64, sizeof(union control), 0);
  EQ("of-a-child", r.ucred.pid, pid);
  TRUE("its-real-ids", r.ucred.uid == getuid() && r.ucred.gid == getgid());
  EQ("child", status_of(pid), 0);
  close(s[0]), close(s[1]);
}

static void streams(void) { plain(SOCK_STREAM); }
static void datagrams(void) { plain(SOCK_DGRAM); }
static void packets(void) { plain(SOCK_SEQPACKET); }

static void explicit(void) {
  int s[2];
  struct ucred u = own();
  must(socketpair(AF_UNIX, SOCK_STREAM, 0, s));
  EQ("nobody-asks", send_credentials(s[0], u, sizeof u), 1);
  struct received r = receive(s[1], 64, sizeof(union control), 0);
  EQ("none", r.credentials, 0);
  must(set_option(s[1], SOL_SOCKET, SO_PASSCRED, 1));
  EQ("own", send_credentials(s[0], u, sizeof u), 1);
  r = receive(s[1], 64, sizeof(union control), 0);
  TRUE("received", same(r.ucred, u));
  FAILS("short", send_credentials(s[0], u, sizeof u - 4), EINVAL);
  FAILS("long", send_credentials(s[0], u, sizeof u - 1), EINVAL);
  if (getuid() == 0) {
    pid_t pid = fork();
    if (pid == 0) {
      u = (struct ucred){getppid(), 1234, 4321};
      _exit(send_credentials(s[0], u, sizeof u) == 1 ? 0 : 1);
    }
    EQ("forged-by-root", status_of(pid), 0);
    r = receive(s[1], 64, sizeof(union control), 0);
    TRUE("forged", r.ucred.pid == getpid() && r.ucred.uid == 1234 && r.ucred.gid == 4321);
    FAILS("absent-process", send_credentials(s[0], (struct ucred){pid, 0, 0}, sizeof u), ESRCH);
    FAILS("bad-user", send_credentials(s[0], (struct ucred){getpid(), -1, 0}, sizeof u), EINVAL);
    FAILS("bad-group", send_credentials(s[0], (struct ucred){getpid(), 0, -1}, sizeof u), EINVAL);
    pid = fork();
    if (pid == 0) {
      must(setresgid(2000, 2001, 2002)), must(setresuid(1000, 1001, 1002));
      int me = getpid(), bad = 0;
      for (int i = 0; i < 3; i++) {
        bad |= send_credentials(s[0], (struct ucred){me, 1000 + i, 2000 + i}, sizeof u) != 1;
        r = receive(s[1], 64, sizeof(union control), 0);
        bad |= r.ucred.pid != me || r.ucred.uid != 1000u + i || r.ucred.gid != 2000u + i;
      }
      static const struct ucred forged[] = {{1, 1000, 2000}, {0, 0, 2000}, {0, 1003, 2000}, {0, 1000, 0}, {0, 1000, 2003}};
      for (int i = 0; i < 5; i++) {
        u = forged[i];
        if (!u.pid) u.pid = me;
        if (send_credentials(s[0], u, sizeof u) != -1 || errno != EPERM) bad |= 2 << i;
      }
      _exit(bad);
    }
    EQ("others", status_of(pid), 0);
  }
  EQ("nothing-of-them-was-sent", polled(s[1]), POLLOUT);
  close(s[0]), close(s[1]);
}

static void not_mixed(void) {
  // Where credentials are asked for, a read of a stream brings the data of one writer.
  int s[2];
  must(socketpair(AF_UNIX, SOCK_STREAM, 0, s));
  must(set_option(s[1], SOL_SOCKET, SO_PASSCRED, 1));
  must(write(s[0], "a", 1)), must(write(s[0], "b", 1));
  pid_t pid = fork();
  if (pid == 0) _exit(write(s[0], "cd", 2) == 2 ? 0 : 1);
  EQ("child", status_of(pid), 0);
  must(write(s[0], "e", 1));
  struct received r = receive(s[1], 64, sizeof(union control), 0);
  TRUE("first", r.bytes == 2 && r.ucred.pid == getpid());
  r = receive(s[1], 64, sizeof(union control), 0);
  TRUE("second", r.bytes == 2 && r.ucred.pid == pid);
  r = receive(s[1], 64, sizeof(union control), 0);
  TRUE("third", r.bytes == 1 && r.ucred.pid == getpid());
  close(s[0]), close(s[1]);
}

// What is claimed is claimed of all of a message, also of what had to wait for room.
static void claims_that_wait(void) {
  if (getuid() != 0) return;
  static char bytes[400000];
  static const int types[] = {SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET};
  for (int i = 0; i < 3; i++) {
    int s[2], stream = types[i] == SOCK_STREAM, claimed = 0, wrong = 0;
    must(socketpair(AF_UNIX, types[i], 0, s)), must(set_option(s[1], SOL_SOCKET, SO_PASSCRED, 1));
    while (!stream && send(s[0], "x", 1, MSG_DONTWAIT) == 1) continue;
    pid_t pid = fork();
    if (pid == 0) {
      struct iovec v = {bytes, stream ? sizeof bytes : 2};
      _exit(send_as(s[0], (struct ucred){getppid(), 1234, 4321}, sizeof(struct ucred), v) == (long)v.iov_len ? 0 : 1);
    }
    until_asleep(pid, pid);
    for (int want = stream ? (int)sizeof bytes : 2; claimed < want;) {
      struct received r = receive(s[1], 64, sizeof(union control), 0);
      if (!stream && r.bytes == 1) continue;
      if (r.ucred.pid != getpid() || r.ucred.uid != 1234 || r.ucred.gid != 4321) wrong++;
      claimed += r.bytes;
    }
    EQ("all-of-it", wrong, 0);
    EQ("sent", status_of(pid), 0);
    close(s[0]), close(s[1]);
  }
}

static void named_for_it(void) {
  // A socket that asks for credentials gets a name when it connects or sends.
  struct name u = named("");
  int l = listener(SOCK_STREAM, "l", 1), d = bound(SOCK_DGRAM, "d"), c = must(socket(AF_UNIX, SOCK_STREAM, 0)), e = must(socket(AF_UNIX, SOCK_DGRAM, 0));
  must(set_option(c, SOL_SOCKET, SO_PASSCRED, 1)), must(set_option(e, SOL_SOCKET, SO_PASSCRED, 1));
  must(connect_to(c, "l")), must(send_to(e, "d", "x"));
  int fds[] = {c, e};
  for (int i = 0; i < 2; i++) {
    u.n = sizeof u.a;
    must(getsockname(fds[i], (void *)&u.a, &u.n));
    EQ(i ? "datagram" : "stream", u.n, offsetof(struct sockaddr_un, sun_path) + 6);
  }
  // What is accepted asks as the listener does.
  close(must(accept(l, NULL, NULL))), close(c);
  must(set_option(l, SOL_SOCKET, SO_PASSCRED, 1));
  c = must(socket(AF_UNIX, SOCK_STREAM, 0));
  must(connect_to(c, "l"));
  int a = must(accept(l, NULL, NULL));
  EQ("inherited", option(a, SOL_SOCKET, SO_PASSCRED), 1);
  must(write(c, "x", 1));
  struct received r = receive(a, 1, sizeof(union control), 0);
  TRUE("has-them", same(r.ucred, own()));
  close(a), close(c), close(d), close(e), close(l);
}

CHECK_MAIN(CASE(streams), CASE(datagrams), CASE(packets), CASE(explicit), CASE(not_mixed), CASE(named_for_it), CASE(claims_that_wait))
