// Unix sockets without names: what pairs carry, how they end, what poll(2) says of them.
#include "check.h"
#include "sockets.h"
#include <sys/epoll.h>

static void pairs(void) {
  int s[2];
  char buf[64] = {0};
  GOOD("pair", socketpair(AF_UNIX, SOCK_STREAM, 0, s));
  EQ("write", write(s[0], "hello ", 6), 6);
  EQ("send", send(s[0], "world", 5, 0), 5);
  int n = -1;
  GOOD("fionread", ioctl(s[1], FIONREAD, &n));
  EQ("fionread-bytes", n, 11);
  EQ("read", read(s[1], buf, 3), 3);
  EQ("recv-rest", recv(s[1], buf + 3, 60, 0), 8);
  STR("data", buf, "hello world");
  struct iovec out[3] = {{"a", 1}, {"bc", 2}, {"def", 3}};
  EQ("writev", writev(s[1], out, 3), 6);
  char a[2], b[3], c[9];
  struct iovec in[3] = {{a, 2}, {b, 3}, {c, 9}};
  EQ("readv", readv(s[0], in, 3), 6);
  TRUE("scattered", !memcmp(a, "ab", 2) && !memcmp(b, "cde", 3) && c[0] == 'f');
  struct sockaddr_un from;
  socklen_t length = sizeof from;
  EQ("sendto-null", sendto(s[0], "x", 1, 0, NULL, 0), 1);
  EQ("recvfrom", recvfrom(s[1], buf, 64, 0, (void *)&from, &length), 1);
  EQ("no-name", length, 0);
  EQ("both-ways", write(s[1], "y", 1), 1);
  EQ("own-data-is-not-read", recv(s[1], buf, 1, MSG_DONTWAIT), -1);
  EQ("peer-reads", read(s[0], buf, 1), 1);
  close(s[0]), close(s[1]);
  GOOD("flags", socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, s));
  EQ("cloexec", fcntl(s[1], F_GETFD), FD_CLOEXEC);
  EQ("nonblock", fcntl(s[1], F_GETFL), O_RDWR | O_NONBLOCK);
  FAILS("empty", read(s[0], buf, 1), EAGAIN);
  fcntl(s[0], F_SETFL, 0);
  EQ("nonblock-is-of-one", fcntl(s[1], F_GETFL), O_RDWR | O_NONBLOCK);
  close(s[0]), close(s[1]);
}

static void small(void) {
  // Nothing and next to nothing.
  int s[2];
  char buf[8];
  must(socketpair(AF_UNIX, SOCK_STREAM, 0, s));
  EQ("write-0", write(s[0], "", 0), 0);
  EQ("send-0", send(s[0], "", 0, 0), 0);
  FAILS("nothing-arrives", recv(s[1], buf, 8, MSG_DONTWAIT), EAGAIN);
  EQ("read-0", read(s[1], buf, 0), 0);
  must(write(s[0], "abc", 3));
  EQ("recv-0", recv(s[1], buf, 0, 0), 0);
  EQ("still-there", recv(s[1], buf, 8, MSG_DONTWAIT), 3);
  // One read takes what several writes have left, and a write is read in parts.
  for (int i = 0; i < 5; i++) must(write(s[0], "x", 1));
  EQ("joined", read(s[1], buf, 8), 5);
  close(s[0]), close(s[1]);
}

static void receive_flags(void) {
  int s[2];
  char buf[16] = {0};
  must(socketpair(AF_UNIX, SOCK_STREAM, 0, s));
  FAILS("dontwait", recv(s[1], buf, 1, MSG_DONTWAIT), EAGAIN);
  FAILS("peek-nothing", recv(s[1], buf, 1, MSG_PEEK | MSG_DONTWAIT), EAGAIN);
  must(write(s[0], "abcdef", 6));
  EQ("peek", recv(s[1], buf, 3, MSG_PEEK), 3);
  EQ("peek-again", recv(s[1], buf, 16, MSG_PEEK), 6);
  TRUE("peeked", !memcmp(buf, "abcdef", 6));
  EQ("then-read", recv(s[1], buf, 2, 0), 2);
  TRUE("from-the-start", !memcmp(buf, "ab", 2));
  EQ("trunc-counts-what-is-copied", recv(s[1], buf, 1, MSG_TRUNC), 1);
  struct iovec v = {buf, 1};
  struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1, .msg_flags = -1};
  EQ("recvmsg", recvmsg(s[1], &m, 0), 1);
  EQ("no-flags", m.msg_flags, 0);
  EQ("rest", recv(s[1], buf, 16, 0), 2);
  // All of it, of two writes.
  pid_t pid = fork();
  if (pid == 0) {
    memset(buf, 0, 16);
    _exit(recv(s[1], buf, 8, MSG_WAITALL) == 8 && !memcmp(buf, "12345678", 8) ? 0 : 1);
  }
  must(write(s[0], "123", 3));
  until_asleep(pid, pid);
  must(write(s[0], "456789", 6));
  EQ("waitall", status_of(pid), 0);
  EQ("after-waitall", recv(s[1], buf, 16, 0), 1);
  must(write(s[0], "zz", 2));
  close(s[0]);
  EQ("waitall-end", recv(s[1], buf, 8, MSG_WAITALL), 2);
  EQ("end", recv(s[1], buf, 8, MSG_WAITALL), 0);
  EQ("peek-end", recv(s[1], buf, 8, MSG_PEEK), 0);
  close(s[1]);
}

static void broken(void) {
  int s[2];
  must(socketpair(AF_UNIX, SOCK_STREAM, 0, s));
  close(s[1]);
  pid_t pid = fork();
  if (pid == 0) _exit(write(s[0], "x", 1) == -1);
  EQ("sigpipe", status_of(pid), SIGPIPE);
  pid = fork();
  if (pid == 0) _exit(send(s[0], "x", 1, 0) == -1);
  EQ("sigpipe-send", status_of(pid), SIGPIPE);
  FAILS("nosignal", send(s[0], "x", 1, MSG_NOSIGNAL), EPIPE);
  signal(SIGPIPE, SIG_IGN);
  FAILS("epipe", write(s[0], "x", 1), EPIPE);
  EQ("write-0", write(s[0], "", 0), -1);
  signal(SIGPIPE, SIG_DFL);
  close(s[0]);
  // A writer that waits for room wakes when the reader goes: it has written a part.
  must(socketpair(AF_UNIX, SOCK_STREAM, 0, s));
  pid = fork();
  if (pid == 0) {
    close(s[1]);
    static char big[4000000];
    signal(SIGPIPE, SIG_IGN);
    ssize_t n = write(s[0], big, sizeof big);
    if (n <= 0 || n >= (ssize_t)sizeof big) _exit(1);
    _exit(write(s[0], big, 1) == -1 && errno == EPIPE ? 0 : 2);
  }
  close(s[0]);
  until_asleep(pid, pid);
  close(s[1]);
  EQ("writer-wakes", status_of(pid), 0);
}

static void ends(void) {
  int s[2];
  char buf[8];
  must(socketpair(AF_UNIX, SOCK_STREAM, 0, s));
  must(write(s[0], "last", 4));
  close(s[0]);
  EQ("drain", read(s[1], buf, 8), 4);
  EQ("end", read(s[1], buf, 8), 0);
  EQ("end-again", recv(s[1], buf, 8, 0), 0);
  EQ("no-error", option(s[1], SOL_SOCKET, SO_ERROR), 0);
  FAILS("write", send(s[1], "x", 1, MSG_NOSIGNAL), EPIPE);
  close(s[1]);
  // Closed with data that nobody has read: the peer is told once, by a read or a write or the option.
  for (int how = 0; how < 4; how++) {
    static const char *const names[] = {"unread-read", "unread-write", "unread-option", "unread-own-data"};
    must(socketpair(AF_UNIX, SOCK_STREAM, 0, s));
    must(write(s[1], "lost", 4));
    if (how == 3) must(write(s[0], "got", 3));
    close(s[0]);
    EQ("poll", polled(s[1]), POLLIN | POLLOUT | POLLERR | POLLHUP | POLLRDHUP);
    if (how == 0) FAILS(names[how], read(s[1], buf, 8), ECONNRESET);
    if (how == 1) FAILS(names[how], send(s[1], "x", 1, MSG_NOSIGNAL), EPIPE);
    if (how == 2) EQ(names[how], option(s[1], SOL_SOCKET, SO_ERROR), ECONNRESET);
    if (how == 3) EQ(names[how], read(s[1], buf, 8), 3);
    EQ("poll-then", polled(s[1]), POLLIN | POLLOUT | POLLHUP | POLLRDHUP | (how & 1 ? POLLERR : 0));
    if (how & 1) FAILS("told", read(s[1], buf, 8), ECONNRESET);
    EQ("then-the-end", read(s[1], buf, 8), 0);
    close(s[1]);
  }
}

static void shutting(void) {
  int s[2];
  char buf[8];
  signal(SIGPIPE, SIG_IGN);
  must(socketpair(AF_UNIX, SOCK_STREAM, 0, s));
  must(write(s[0], "abc", 3));
  GOOD("write-side", shutdown(s[0], SHUT_WR));
  FAILS("no-more-writes", write(s[0], "x", 1), EPIPE);
  EQ("queued-is-read", read(s[1], buf, 8), 3);
  EQ("then-the-end", read(s[1], buf, 8), 0);
  EQ("other-way", write(s[1], "back", 4), 4);
  EQ("other-way-read", read(s[0], buf, 8), 4);
  FAILS("other-way-open", recv(s[0], buf, 8, MSG_DONTWAIT), EAGAIN);
  GOOD("twice", shutdown(s[0], SHUT_WR));
  close(s[0]), close(s[1]);
  must(socketpair(AF_UNIX, SOCK_STREAM, 0, s));
  must(write(s[0], "abc", 3));
  GOOD("read-side", shutdown(s[1], SHUT_RD));
  EQ("queued-stays", read(s[1], buf, 8), 3);
  EQ("end", read(s[1], buf, 8), 0);
  FAILS("peer-writes", write(s[0], "x", 1), EPIPE);
  EQ("own-writes", write(s[1], "x", 1), 1);
  close(s[0]), close(s[1]);
  must(socketpair(AF_UNIX, SOCK_STREAM, 0, s));
  GOOD("both", shutdown(s[0], SHUT_RDWR));
  EQ("both-end", read(s[0], buf, 8), 0);
  EQ("both-peer-end", read(s[1], buf, 8), 0);
  FAILS("both-peer-writes", write(s[1], "x", 1), EPIPE);
  FAILS("how", shutdown(s[0], 3), EINVAL);
  FAILS("how-negative", shutdown(s[0], -1), EINVAL);
  close(s[0]), close(s[1]);
  int fd = must(socket(AF_UNIX, SOCK_STREAM, 0));
  GOOD("unconnected", shutdown(fd, SHUT_RD));
  close(fd);
  // Readers and writers that wait are told.
  must(socketpair(AF_UNIX, SOCK_STREAM, 0, s));
  pid_t pid = fork();
  if (pid == 0) _exit(read(s[0], buf, 8) == 0 ? 0 : 1);
  until_asleep(pid, pid);
  shutdown(s[1], SHUT_WR);
  EQ("wakes-reader", status_of(pid), 0);
  pid = fork();
  if (pid == 0) {
    static char big[4000000];
    ssize_t n = write(s[0], big, sizeof big);
    _exit(n > 0 && n < (ssize_t)sizeof big ? 0 : 1);
  }
  until_asleep(pid, pid);
  shutdown(s[1], SHUT_RD);
  EQ("wakes-writer", status_of(pid), 0);
  close(s[0]), close(s[1]);
  signal(SIGPIPE, SIG_DFL);
}

// Both ends of a pair after one end has done something.
static void states(int type) {
  static const struct {
    const char *name;
    int own[3], peer[3];  // of a stream, of packets, of datagrams
  } wants[] = {
      {"fresh", {POLLOUT, POLLOUT, POLLOUT}, {POLLOUT, POLLOUT, POLLOUT}},
      {"wrote", {POLLOUT, POLLOUT, POLLOUT}, {POLLIN | POLLOUT, POLLIN | POLLOUT, POLLIN | POLLOUT}},
      {"shut-read", {POLLIN | POLLOUT | POLLRDHUP, POLLIN | POLLOUT | POLLRDHUP, POLLIN | POLLOUT | POLLRDHUP}, {POLLOUT, POLLOUT, POLLOUT}},
      {"shut-write", {POLLOUT, POLLOUT, POLLOUT}, {POLLIN | POLLOUT | POLLRDHUP, POLLIN | POLLOUT | POLLRDHUP, POLLOUT}},
      {"shut-both", {POLLIN | POLLOUT | POLLHUP | POLLRDHUP, POLLIN | POLLOUT | POLLHUP | POLLRDHUP, POLLIN | POLLOUT | POLLHUP | POLLRDHUP},
       {POLLIN | POLLOUT | POLLHUP | POLLRDHUP, POLLIN | POLLOUT | POLLHUP | POLLRDHUP, POLLOUT}},
      {"closed", {0, 0, 0}, {POLLIN | POLLOUT | POLLHUP | POLLRDHUP, POLLIN | POLLOUT | POLLHUP | POLLRDHUP, POLLOUT}},
      {"closed-unread", {0, 0, 0},
       {POLLIN | POLLOUT | POLLERR | POLLHUP | POLLRDHUP, POLLIN | POLLOUT | POLLERR | POLLHUP | POLLRDHUP, POLLOUT}},
      {"wrote-and-closed", {0, 0, 0}, {POLLIN | POLLOUT | POLLHUP | POLLRDHUP, POLLIN | POLLOUT | POLLHUP | POLLRDHUP, POLLIN | POLLOUT}},
  };
  int k = type == SOCK_STREAM ? 0 : type == SOCK_SEQPACKET ? 1 : 2;
  for (unsigned i = 0; i < sizeof wants / sizeof wants[0]; i++) {
    int s[2];
    char name[64];
    must(socketpair(AF_UNIX, type, 0, s));
    if (i == 1 || i == 7) must(write(s[0], "x", 1));
    if (i == 2) must(shutdown(s[0], SHUT_RD));
    if (i == 3) must(shutdown(s[0], SHUT_WR));
    if (i == 4) must(shutdown(s[0], SHUT_RDWR));
    if (i == 6) must(write(s[1], "x", 1));
    if (i < 5) {
      snprintf(name, sizeof name, "%s-own", wants[i].name);
      EQ(name, polled(s[0]), wants[i].own[k]);
    } else {
      close(s[0]);
    }
    snprintf(name, sizeof name, "%s-peer", wants[i].name);
    EQ(name, polled(s[1]), wants[i].peer[k]);
    if (i < 5) close(s[0]);
    close(s[1]);
  }
}

static void stream_states(void) { states(SOCK_STREAM); }
static void packet_states(void) { states(SOCK_SEQPACKET); }
static void datagram_states(void) { states(SOCK_DGRAM); }

static void lone_states(void) {
  static const struct {
    const char *name;
    int type, fresh, named;
  } kinds[] = {{"stream", SOCK_STREAM, POLLOUT | POLLHUP, POLLOUT | POLLHUP},
               {"packet", SOCK_SEQPACKET, POLLOUT | POLLHUP, POLLOUT | POLLHUP},
               {"datagram", SOCK_DGRAM, POLLOUT, POLLOUT}};
  for (int k = 0; k < 3; k++) {
    char name[64];
    int fd = must(socket(AF_UNIX, kinds[k].type, 0));
    snprintf(name, sizeof name, "%s-fresh", kinds[k].name);
    EQ(name, polled(fd), kinds[k].fresh);
    snprintf(name, sizeof name, "%s-bound", kinds[k].name);
    must(bind_to(fd, kinds[k].name));
    EQ(name, polled(fd), kinds[k].named);
    if (k == 2) continue;
    must(listen(fd, 5));
    snprintf(name, sizeof name, "%s-listens", kinds[k].name);
    EQ(name, polled(fd), 0);
    int c = must(socket(AF_UNIX, kinds[k].type, 0));
    must(connect_to(c, kinds[k].name));
    snprintf(name, sizeof name, "%s-has-one", kinds[k].name);
    EQ(name, polled(fd), POLLIN);
    snprintf(name, sizeof name, "%s-is-not-yet-accepted", kinds[k].name);
    EQ(name, polled(c), POLLOUT);
    must(shutdown(fd, SHUT_RDWR));
    snprintf(name, sizeof name, "%s-listener-shut", kinds[k].name);
    EQ(name, polled(fd), POLLIN | POLLHUP | POLLRDHUP);
    close(fd);
    snprintf(name, sizeof name, "%s-never-accepted", kinds[k].name);
    EQ(name, polled(c), POLLIN | POLLOUT | POLLERR | POLLHUP | POLLRDHUP);
    close(c);
  }
}

static void room(void) {
  int s[2];
  static char block[4096], big[300000];
  long total = 0, got = 0, n;
  must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, s));
  while ((n = write(s[0], block, sizeof block)) > 0) total += n;
  FAILS("full", write(s[0], block, sizeof block), EAGAIN);
  TRUE("much", total >= 65536);
  EQ("not-writable", polled(s[0]), 0);
  EQ("readable-and-writable", polled(s[1]), POLLIN | POLLOUT);
  while ((n = read(s[1], block, sizeof block)) > 0) got += n;
  EQ("all", got, total);
  EQ("writable", polled(s[0]), POLLOUT);
  n = write(s[0], big, sizeof big);
  TRUE("a-part", n > 0 && n < (long)sizeof big);
  // A large write waits for the reader, and is told apart from none by nobody.
  fcntl(s[0], F_SETFL, 0), fcntl(s[1], F_SETFL, 0);
  while (n > 0) n -= must(read(s[1], block, n < 4096 ? n : 4096));
  pid_t pid = fork();
  if (pid == 0) {
    for (unsigned i = 0; i < sizeof big; i++) big[i] = i * 7 + (i >> 8);
    _exit(write(s[0], big, sizeof big) == sizeof big ? 0 : 1);
  }
  int same = 1;
  for (unsigned at = 0; at < sizeof big; at += n) {
    n = must(read(s[1], block, 3333));
    if (n == 0) break;
    for (int i = 0; i < n; i++) same &= block[i] == (char)((at + i) * 7 + ((at + i) >> 8));
  }
  TRUE("same", same);
  EQ("writer", status_of(pid), 0);
  close(s[0]), close(s[1]);
}

static void edges(void) {
  int s[2], ep = must(epoll_create1(0));
  char c;
  must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, s));
  struct epoll_event e = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET}, got[2];
  must(epoll_ctl(ep, EPOLL_CTL_ADD, s[0], &e));
  EQ("first", epoll_wait(ep, got, 2, 0), 1);
  EQ("first-events", got[0].events, EPOLLOUT);
  EQ("once", epoll_wait(ep, got, 2, 0), 0);
  must(write(s[1], "a", 1));
  EQ("data", epoll_wait(ep, got, 2, 0), 1);
  EQ("data-events", got[0].events, EPOLLIN | EPOLLOUT);
  EQ("data-once", epoll_wait(ep, got, 2, 0), 0);
  must(write(s[1], "b", 1));
  EQ("more-data", epoll_wait(ep, got, 2, 0), 1);
  must(read(s[0], &c, 1));
  EQ("a-read-is-no-event", epoll_wait(ep, got, 2, 0), 0);
  must(shutdown(s[1], SHUT_WR));
  EQ("half-close", epoll_wait(ep, got, 2, 0), 1);
  EQ("half-close-events", got[0].events, EPOLLIN | EPOLLOUT | EPOLLRDHUP);
  close(s[1]);
  EQ("close", epoll_wait(ep, got, 2, 0), 1);
  EQ("close-events", got[0].events, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLHUP);
  close(s[0]), close(ep);
}

static void timeouts(void) {
  int s[2];
  char c;
  static char big[4000000];
  must(socketpair(AF_UNIX, SOCK_STREAM, 0, s));
  GOOD("receive", set_timeout(s[0], SO_RCVTIMEO, 30));
  int64_t from = now_ns(CLOCK_MONOTONIC);
  FAILS("nothing-came", read(s[0], &c, 1), EAGAIN);
  TRUE("not-early", now_ns(CLOCK_MONOTONIC) - from >= 30000000);
  must(write(s[1], "xy", 2));
  char two[3];
  EQ("waitall-has-a-part", recv(s[0], two, 3, MSG_WAITALL), 2);
  GOOD("send", set_timeout(s[0], SO_SNDTIMEO, 30));
  long n = write(s[0], big, sizeof big);
  TRUE("a-part", n > 0 && n < (long)sizeof big);
  FAILS("nothing-went", write(s[0], big, sizeof big), EAGAIN);
  set_timeout(s[0], SO_RCVTIMEO, 0);
  pid_t pid = fork();
  if (pid == 0) _exit(read(s[0], &c, 1) == 1 ? 0 : 1);
  until_asleep(pid, pid);
  must(write(s[1], "z", 1));
  EQ("no-timeout", status_of(pid), 0);
  close(s[0]), close(s[1]);
}

static volatile sig_atomic_t seen;
static int told;

static void on_signal(int n) {
  (void)n;
  seen = 1;
  write(told, "s", 1);
}

static void interrupted(void) {
  // A handler ends a call, or lets it go on with SA_RESTART, unless the socket has a time-out (signal(7)).
  static const struct {
    const char *name;
    int flags, timeout, writes, restarts;
  } all[] = {{"ends", 0, 0, 0, 0},           {"restarts", SA_RESTART, 0, 0, 1},          {"timeout-ends", SA_RESTART, SO_RCVTIMEO, 0, 0},
             {"write-ends", 0, 0, 1, 0},     {"write-restarts", SA_RESTART, 0, 1, 1},    {"write-timeout-ends", SA_RESTART, SO_SNDTIMEO, 1, 0}};
  static char block[4096];
  for (unsigned i = 0; i < sizeof all / sizeof all[0]; i++) {
    int s[2], p[2];
    char b;
    must(socketpair(AF_UNIX, SOCK_STREAM, 0, s)), must(pipe(p));
    if (all[i].timeout) must(set_timeout(s[0], all[i].timeout, 50000));
    while (all[i].writes && send(s[0], block, sizeof block, MSG_DONTWAIT) > 0) continue;
    pid_t pid = fork();
    if (pid == 0) {
      told = p[1];
      sigaction(SIGUSR1, &(struct sigaction){.sa_handler = on_signal, .sa_flags = all[i].flags}, NULL);
      must(write(p[1], "r", 1));
      long n = all[i].writes ? write(s[0], block, 1) : read(s[0], &b, 1);
      _exit(n == 1 ? 1 : errno == EINTR && seen ? 2 : 3);
    }
    must(read(p[0], &b, 1));
    until_asleep(pid, pid);
    int status = -1;
    if (all[i].restarts) {
      kill(pid, SIGUSR1);
      must(read(p[0], &b, 1));
      until_asleep(pid, pid);
      if (all[i].writes)
        while (recv(s[1], block, sizeof block, MSG_DONTWAIT) > 0) continue;
      else
        must(write(s[1], "x", 1));
      status = status_of(pid);
    } else {
      while (waitpid(pid, &status, WNOHANG) == 0) kill(pid, SIGUSR1), sched_yield();
    }
    EQ(all[i].name, status, EXITED(all[i].restarts ? 1 : 2));
    close(s[0]), close(s[1]), close(p[0]), close(p[1]);
  }
}

CHECK_MAIN(CASE(pairs), CASE(small), CASE(receive_flags), CASE(broken), CASE(ends), CASE(shutting), CASE(stream_states), CASE(packet_states),
           CASE(datagram_states), CASE(lone_states), CASE(room), CASE(edges), CASE(timeouts), CASE(interrupted))
