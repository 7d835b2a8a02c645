// Unix sockets with names: bind, listen, connect and accept; files and abstract names; what sockets say of themselves.
#include "check.h"
#include "sockets.h"

static const socklen_t PATH_AT = offsetof(struct sockaddr_un, sun_path);

static void connecting(void) {
  char buf[16] = {0};
  int l = GOOD("socket", socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  EQ("cloexec", fcntl(l, F_GETFD), FD_CLOEXEC);
  GOOD("bind", bind_to(l, "s"));
  int c = must(socket(AF_UNIX, SOCK_STREAM, 0));
  FAILS("nobody-listens", connect_to(c, "s"), ECONNREFUSED);
  GOOD("listen", listen(l, 5));
  GOOD("connect", connect_to(c, "s"));
  EQ("write-before-accept", write(c, "early", 5), 5);
  int a = GOOD("accept", accept(l, NULL, NULL));
  EQ("flags-are-not-inherited", fcntl(a, F_GETFD), 0);
  EQ("read", read(a, buf, 16), 5);
  STR("data", buf, "early");
  EQ("answer", write(a, "late", 4), 4);
  EQ("answered", read(c, buf, 16), 4);
  FAILS("connect-again", connect_to(c, "s"), EISCONN);
  FAILS("connect-accepted", connect_to(a, "s"), EISCONN);
  FAILS("connect-listener", connect_to(l, "s"), EINVAL);
  FAILS("listen-connected", listen(c, 5), EINVAL);
  close(a);
  EQ("end", read(c, buf, 16), 0);
  FAILS("connect-ended", connect_to(c, "s"), EISCONN);
  close(c);
  fcntl(l, F_SETFL, O_NONBLOCK);
  FAILS("nobody-waits", accept(l, NULL, NULL), EAGAIN);
  c = must(socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0));
  GOOD("connect-nonblock", connect_to(c, "s"));
  a = GOOD("accept4", accept4(l, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC));
  EQ("accept4-nonblock", fcntl(a, F_GETFL), O_RDWR | O_NONBLOCK);
  EQ("accept4-cloexec", fcntl(a, F_GETFD), FD_CLOEXEC);
  FAILS("accept4-flags", accept4(l, NULL, NULL, 1), EINVAL);
  close(a), close(c);
  c = must(socket(AF_UNIX, SOCK_STREAM, 0)), must(connect_to(c, "s"));
  a = must(accept(l, NULL, NULL));
  EQ("nonblock-is-not-inherited", fcntl(a, F_GETFL), O_RDWR);
  FAILS("accept-connected", accept(a, NULL, NULL), EINVAL);
  close(a), close(c);
  // First come, first served; one that has gone is still handed out.
  int many[3];
  for (int i = 0; i < 3; i++) {
    many[i] = must(socket(AF_UNIX, SOCK_STREAM, 0));
    must(connect_to(many[i], "s")), must(write(many[i], &"012"[i], 1));
  }
  close(many[1]);
  for (int i = 0; i < 3; i++) {
    a = must(accept(l, NULL, NULL));
    EQ("turn", read(a, buf, 16) == 1 ? buf[0] : -1, '0' + i);
    if (i == 1) EQ("gone", read(a, buf, 16), 0);
    close(a);
  }
  close(many[0]), close(many[2]), close(l);
}

static void kinds(void) {
  int s = listener(SOCK_STREAM, "stream", 1), q = listener(SOCK_SEQPACKET, "packet", 1), d = bound(SOCK_DGRAM, "datagram");
  static const char *const names[] = {"stream", "packet", "datagram"};
  const int types[] = {SOCK_STREAM, SOCK_SEQPACKET, SOCK_DGRAM};
  for (int i = 0; i < 3; i++)
    for (int k = 0; k < 3; k++) {
      int c = must(socket(AF_UNIX, types[i], 0));
      char name[64];
      snprintf(name, sizeof name, "%s-to-%s", names[i], names[k]);
      if (i == k)
        GOOD(name, connect_to(c, names[k]));
      else
        FAILS(name, connect_to(c, names[k]), EPROTOTYPE);
      close(c);
    }
  FAILS("listen-datagram", listen(d, 1), EOPNOTSUPP);
  FAILS("accept-datagram", accept(d, NULL, NULL), EOPNOTSUPP);
  int u = must(socket(AF_UNIX, SOCK_STREAM, 0));
  FAILS("listen-unbound", listen(u, 1), EINVAL);
  FAILS("accept-unbound", accept(u, NULL, NULL), EINVAL);
  must(bind_to(u, "u"));
  FAILS("accept-not-listening", accept(u, NULL, NULL), EINVAL);
  GOOD("listen", listen(u, 1));
  GOOD("listen-again", listen(u, 2));
  close(s), close(q), close(d), close(u);
}

static void files(void) {
  struct stat st;
  umask(027);
  int l = listener(SOCK_STREAM, "s", 5), fd = must(socket(AF_UNIX, SOCK_STREAM, 0));
  umask(022);
  must(stat("s", &st));
  EQ("mode", st.st_mode, S_IFSOCK | 0750);
  EQ("size", st.st_size, 0);
  FAILS("taken", bind_to(fd, "s"), EADDRINUSE);
  write_file("regular", "x");
  must(mkdir("folder", 0755)), must(symlink("s", "link")), must(symlink("nowhere", "dangling"));
  FAILS("bind-regular", bind_to(fd, "regular"), EADDRINUSE);
  FAILS("bind-link", bind_to(fd, "link"), EADDRINUSE);
  FAILS("bind-dangling", bind_to(fd, "dangling"), EADDRINUSE);
  FAILS("bind-no-folder", bind_to(fd, "no/s"), ENOENT);
  FAILS("bind-under-file", bind_to(fd, "regular/s"), ENOTDIR);
  FAILS("connect-nothing", connect_to(fd, "nothing"), ENOENT);
  FAILS("connect-dangling", connect_to(fd, "dangling"), ENOENT);
  FAILS("connect-under-file", connect_to(fd, "regular/s"), ENOTDIR);
  FAILS("connect-regular", connect_to(fd, "regular"), ECONNREFUSED);
  FAILS("connect-folder", connect_to(fd, "folder"), ECONNREFUSED);
  must(mknod("made", S_IFSOCK | 0644, 0));
  FAILS("connect-made", connect_to(fd, "made"), ECONNREFUSED);
  FAILS("open", open("s", O_RDWR), ENXIO);
  FAILS("open-read", open("s", O_RDONLY | O_NONBLOCK), ENXIO);
  FAILS("truncate", truncate("s", 0), EINVAL);
  int p = GOOD("open-path", open("s", O_PATH));
  close(p);
  must(link("s", "hard"));
  static const char *const names[] = {"s", "./folder/../s", "link", "hard"};
  for (int i = 0; i < 4; i++) {
    int c = must(socket(AF_UNIX, SOCK_STREAM, 0));
    GOOD("connect", connect_to(c, names[i]));
    int a = must(accept(l, NULL, NULL));
    EQ("reaches", write(a, "x", 1), 1);
    if (i == 0) {
      must(unlink("s"));
      char b;
      EQ("unlinked-and-connected", read(c, &b, 1), 1);
      must(link("hard", "s"));
    }
    close(c), close(a);
  }
  must(rename("s", "renamed"));
  FAILS("old-name", connect_to(fd, "s"), ENOENT);
  GOOD("new-name", connect_to(fd, "renamed"));
  struct name was = named("");
  was.n = sizeof was.a;
  must(getsockname(l, (void *)&was.a, &was.n));
  STR("says-the-first", was.a.sun_path, "s");
  int again = GOOD("bind-again", bound(SOCK_STREAM, "s"));
  close(again);
  GOOD("stays", stat("s", &st));
  close(l);
  int after = must(socket(AF_UNIX, SOCK_STREAM, 0));
  FAILS("listener-gone", connect_to(after, "renamed"), ECONNREFUSED);
  close(after), close(fd);
}

static void permissions(void) {
  if (getuid() != 0) return;
  int l = listener(SOCK_STREAM, "s", 5), d = bound(SOCK_DGRAM, "d");
  must(mkdir("closed", 0700));
  int in = listener(SOCK_STREAM, "closed/s", 5);
  static const struct {
    const char *name;
    int mode, want;
  } modes[] = {{"none", 0, EACCES}, {"read", 0444, EACCES}, {"own", 0700, EACCES}, {"write", 0222, 0}, {"group", 0770, EACCES}};
  for (int i = 0; i < 5; i++) {
    must(chmod("s", modes[i].mode)), must(chmod("d", modes[i].mode));
    pid_t pid = fork();
    if (pid == 0) {
      must(setgid(1000)), must(setuid(1000));
      int c = must(socket(AF_UNIX, SOCK_STREAM, 0)), e = must(socket(AF_UNIX, SOCK_DGRAM, 0));
      errno = 0;
      if (connect_to(c, "s") != (modes[i].want ? -1 : 0) || errno != modes[i].want) _exit(1);
      errno = 0;
      if (send_to(e, "d", "x") != (modes[i].want ? -1 : 1) || errno != modes[i].want) _exit(2);
      if (connect_to(c, "closed/s") != -1 || errno != EACCES) _exit(3);
      if (bind_to(e, "here") != -1 || errno != EACCES) _exit(4);
      _exit(0);
    }
    EQ(modes[i].name, status_of(pid), 0);
  }
  must(chmod("s", 0));
  int c = must(socket(AF_UNIX, SOCK_STREAM, 0));
  GOOD("root", connect_to(c, "s"));
  close(c), close(l), close(d), close(in);
}

static void abstract(void) {
  struct name u;
  int l = GOOD("bind", listener(SOCK_STREAM, "@foreshore-test", 5)), c = must(socket(AF_UNIX, SOCK_STREAM, 0));
  struct stat st;
  FAILS("no-file", stat("@foreshore-test", &st), ENOENT);
  FAILS("taken", bind_to(c, "@foreshore-test"), EADDRINUSE);
  GOOD("other-type", bound(SOCK_DGRAM, "@foreshore-test"));
  FAILS("longer", connect_to(c, "@foreshore-test2"), ECONNREFUSED);
  FAILS("shorter", connect_to(c, "@foreshore-tes"), ECONNREFUSED);
  u = named("@foreshore-test");
  FAILS("with-a-zero", connect(c, (void *)&u.a, u.n + 1), ECONNREFUSED);
  GOOD("connect", connect_to(c, "@foreshore-test"));
  u.n = sizeof u.a;
  must(getpeername(c, (void *)&u.a, &u.n));
  EQ("length", u.n, PATH_AT + 15);
  TRUE("name", !memcmp(u.a.sun_path, "\0foreshore-test", 15));
  close(l), close(c);
  c = must(socket(AF_UNIX, SOCK_STREAM, 0));
  FAILS("gone", connect_to(c, "@foreshore-test"), ECONNREFUSED);
  GOOD("free-again", bind_to(c, "@foreshore-test"));
  close(c);
  // Without a name bind finds one: a zero and five hexadecimal digits.
  int fds[3];
  char seen[3][8];
  for (int i = 0; i < 3; i++) {
    fds[i] = must(socket(AF_UNIX, i ? SOCK_STREAM : SOCK_DGRAM, 0));
    u = named("");
    GOOD("autobind", bind(fds[i], (void *)&u.a, sizeof(sa_family_t)));
    u.n = sizeof u.a;
    must(getsockname(fds[i], (void *)&u.a, &u.n));
    EQ("autobind-length", u.n, PATH_AT + 6);
    TRUE("autobind-name", u.a.sun_path[0] == 0 && strspn(u.a.sun_path + 1, "0123456789abcdef") >= 5);
    memcpy(seen[i], u.a.sun_path, 6);
  }
  TRUE("names-differ", memcmp(seen[1], seen[2], 6));
  u = named("");
  GOOD("autobind-again", bind(fds[0], (void *)&u.a, sizeof(sa_family_t)));
  FAILS("name-after-that", bind_to(fds[0], "n"), EINVAL);
  for (int i = 0; i < 3; i++) close(fds[i]);
}

static void names(void) {
  // What the address' length means, going in and coming out.
  struct name u = named("short");
  int fd = must(socket(AF_UNIX, SOCK_STREAM, 0));
  FAILS("no-length", bind(fd, (void *)&u.a, 0), EINVAL);
  FAILS("one-byte", bind(fd, (void *)&u.a, 1), EINVAL);
  FAILS("too-long", bind(fd, (void *)&u.a, sizeof u.a + 1), EINVAL);
  u.a.sun_family = AF_INET;
  FAILS("family", bind(fd, (void *)&u.a, u.n), EINVAL);
  FAILS("connect-family", connect(fd, (void *)&u.a, u.n), EINVAL);
  u.a.sun_family = AF_UNIX;
  FAILS("connect-no-name", connect(fd, (void *)&u.a, sizeof(sa_family_t)), EINVAL);
  FAILS("bind-pointer", bind(fd, (void *)1, u.n), EFAULT);
  GOOD("without-its-zero", bind(fd, (void *)&u.a, PATH_AT + 4));
  struct stat st;
  GOOD("its-file", stat("shor", &st));
  FAILS("bound-already", bind_to(fd, "other"), EINVAL);
  socklen_t n = sizeof u.a;
  memset(&u.a, 'x', sizeof u.a);
  must(getsockname(fd, (void *)&u.a, &n));
  EQ("length", n, PATH_AT + 5);
  EQ("family-back", u.a.sun_family, AF_UNIX);
  STR("path", u.a.sun_path, "shor");
  memset(&u.a, 'x', sizeof u.a);
  n = PATH_AT + 2;
  must(getsockname(fd, (void *)&u.a, &n));
  EQ("cut-length", n, PATH_AT + 5);
  TRUE("cut", !memcmp(u.a.sun_path, "shx", 3));
  n = 0;
  GOOD("no-room", getsockname(fd, (void *)&u.a, &n));
  EQ("no-room-length", n, PATH_AT + 5);
  n = -1;
  FAILS("negative", getsockname(fd, (void *)&u.a, &n), EINVAL);
  n = sizeof u.a;
  FAILS("not-connected", getpeername(fd, (void *)&u.a, &n), ENOTCONN);
  must(listen(fd, 1));
  int c = must(socket(AF_UNIX, SOCK_STREAM, 0));
  must(connect_to(c, "shor"));
  n = sizeof u.a;
  int a = must(accept(fd, (void *)&u.a, &n));
  EQ("nameless-client", n, sizeof(sa_family_t));
  n = sizeof u.a;
  must(getsockname(c, (void *)&u.a, &n));
  EQ("nameless-self", n, sizeof(sa_family_t));
  n = sizeof u.a;
  must(getpeername(c, (void *)&u.a, &n));
  STR("peer", u.a.sun_path, "shor");
  n = sizeof u.a;
  memset(&u.a, 0, sizeof u.a);
  must(getsockname(a, (void *)&u.a, &n));
  STR("accepted-has-the-listeners", u.a.sun_path, "shor");
  close(a), close(c), close(fd);
  fd = must(socket(AF_UNIX, SOCK_STREAM, 0)), c = must(socket(AF_UNIX, SOCK_STREAM, 0));
  must(bind_to(fd, "named")), must(listen(fd, 1));
  must(bind_to(c, "client")), must(connect_to(c, "named"));
  n = sizeof u.a;
  a = must(accept(fd, (void *)&u.a, &n));
  EQ("client-length", n, PATH_AT + 7);
  STR("client-name", u.a.sun_path, "client");
  n = sizeof u.a;
  close(c), close(a), close(fd);
  int s[2];
  must(socketpair(AF_UNIX, SOCK_STREAM, 0, s));
  must(getpeername(s[0], (void *)&u.a, &n));
  EQ("pair", n, sizeof(sa_family_t));
  close(s[0]), close(s[1]);
}

static void backlogs(void) {
  for (int size = 0; size < 3; size++) {
    char name[16];
    snprintf(name, sizeof name, "l%d", size);
    int l = listener(SOCK_STREAM, name, size), fds[5], n = 0;
    for (; n < 5; n++) {
      fds[n] = must(socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0));
      if (connect_to(fds[n], name) == -1) break;
    }
    EQ("queue", n, size + 1);
    FAILS("full", connect_to(fds[n], name), EAGAIN);
    int a = must(accept(l, NULL, NULL));
    GOOD("room", connect_to(fds[n], name));
    close(a);
    for (int i = 0; i <= n; i++) close(fds[i]);
    close(l);
  }
  int l = listener(SOCK_STREAM, "wide", -1), fds[20];
  for (int i = 0; i < 20; i++) fds[i] = must(socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0)), must(connect_to(fds[i], "wide"));
  put("ok backlogs.negative-is-many\n");
  for (int i = 0; i < 20; i++) close(fds[i]);
  close(l);
  // Who waits for room has it when another is accepted, and is refused when the listener goes.
  l = listener(SOCK_STREAM, "w", 0);
  int c = must(socket(AF_UNIX, SOCK_STREAM, 0)), t = must(socket(AF_UNIX, SOCK_STREAM, 0));
  must(connect_to(c, "w"));
  set_timeout(t, SO_SNDTIMEO, 30);
  FAILS("timeout", connect_to(t, "w"), EAGAIN);
  pid_t pid = fork();
  if (pid == 0) _exit(close(l) == 0 && connect_to(must(socket(AF_UNIX, SOCK_STREAM, 0)), "w") == 0 ? 0 : 1);
  until_asleep(pid, pid);
  close(must(accept(l, NULL, NULL)));
  EQ("woken", status_of(pid), 0);
  pid = fork();
  if (pid == 0) {
    close(l);
    _exit(connect_to(must(socket(AF_UNIX, SOCK_STREAM, 0)), "w") == -1 && errno == ECONNREFUSED ? 0 : 1);
  }
  until_asleep(pid, pid);
  close(l);
  EQ("refused-by-close", status_of(pid), 0);
  close(c), close(t);
}

static void accepting(void) {
  int l = listener(SOCK_STREAM, "s", 5);
  pid_t pid = fork();
  if (pid == 0) {
    char b;
    int a = accept(l, NULL, NULL);
    _exit(a >= 0 && read(a, &b, 1) == 1 && b == 'q' ? 0 : 1);
  }
  until_asleep(pid, pid);
  int c = must(socket(AF_UNIX, SOCK_STREAM, 0));
  must(connect_to(c, "s")), must(write(c, "q", 1));
  EQ("wakes", status_of(pid), 0);
  set_timeout(l, SO_RCVTIMEO, 30);
  FAILS("timeout", accept(l, NULL, NULL), EAGAIN);
  set_timeout(l, SO_RCVTIMEO, 0);
  pid = fork();
  if (pid == 0) _exit(accept(l, NULL, NULL) == -1 && errno == EINVAL ? 0 : 1);
  until_asleep(pid, pid);
  must(shutdown(l, SHUT_RD));
  EQ("shutdown-wakes", status_of(pid), 0);
  FAILS("shut", accept(l, NULL, NULL), EINVAL);
  int d = must(socket(AF_UNIX, SOCK_STREAM, 0));
  FAILS("shut-refuses", connect_to(d, "s"), ECONNREFUSED);
  // A connection that was never accepted ends with its listener.
  close(l), unlink("s");
  l = listener(SOCK_STREAM, "s", 5);
  must(connect_to(d, "s"));
  pid = fork();
  if (pid == 0) {
    char b;
    close(l);
    _exit(read(d, &b, 1) == -1 && errno == ECONNRESET && read(d, &b, 1) == 0 ? 0 : 1);
  }
  until_asleep(pid, pid);
  close(l);
  EQ("never-accepted", status_of(pid), 0);
  close(c), close(d);
}

CHECK_MAIN(CASE(connecting), CASE(kinds), CASE(files), CASE(permissions), CASE(abstract), CASE(names), CASE(backlogs), CASE(accepting))
