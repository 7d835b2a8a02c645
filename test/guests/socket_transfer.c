// What streams of bytes carry, over TCP and between Unix sockets: flags, sendfile, splice, much data, many connections.
#include "check.h"
#include "sockets.h"
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/sendfile.h>

static void stream_pair(int family, int s[2]) {
  if (family == AF_UNIX)
    must(socketpair(AF_UNIX, SOCK_STREAM, 0, s));
  else
    tcp_pair(family, s);
}

static void flags(void) {
  int s[2], n = -1;
  char buf[16] = {0};
  tcp_pair(AF_INET, s);
  FAILS("dontwait", recv(s[1], buf, 1, MSG_DONTWAIT), EAGAIN);
  EQ("send-0", send(s[0], "", 0, 0), 0);
  struct iovec out[3] = {{"a", 1}, {"bc", 2}, {"def", 3}};
  EQ("writev", writev(s[0], out, 3), 6);
  EQ("waiting", waiting(s[1], 6), 6);
  EQ("peek", recv(s[1], buf, 4, MSG_PEEK), 4);
  EQ("peek-all", recv(s[1], buf, 16, MSG_PEEK), 6);
  STR("peeked", buf, "abcdef");
  EQ("read", read(s[1], buf, 2), 2);
  // TCP's MSG_TRUNC throws data away.
  memset(buf, '-', 16);
  EQ("discard", recv(s[1], buf, 2, MSG_TRUNC), 2);
  EQ("untouched", buf[0], '-');
  EQ("recv-0", recv(s[1], buf, 0, 0), 0);
  EQ("rest", recv(s[1], buf, 16, 0), 2);
  TRUE("rest-data", !memcmp(buf, "ef", 2));
  FAILS("recv-0-empty", recv(s[1], buf, 0, MSG_DONTWAIT), EAGAIN);
  EQ("read-0-empty", read(s[1], buf, 0), 0);
  pid_t pid = fork();
  if (pid == 0) _exit(recv(s[1], buf, 8, MSG_WAITALL) == 8 && !memcmp(buf, "12345678", 8) ? 0 : 1);
  must(write(s[0], "123", 3));
  until_asleep(pid, pid);
  must(write(s[0], "456789", 6));
  EQ("waitall", status_of(pid), 0);
  EQ("after-waitall", recv(s[1], buf, 16, 0), 1);
  must(write(s[0], "zz", 2)), must(shutdown(s[0], SHUT_WR));
  EQ("waitall-end", recv(s[1], buf, 8, MSG_WAITALL), 2);
  EQ("peek-end", recv(s[1], buf, 8, MSG_PEEK), 0);
  close(s[0]), close(s[1]);
  // Held back until there is more, or nothing holds it any longer.
  tcp_pair(AF_INET, s);
  EQ("more", send(s[0], "ab", 2, MSG_MORE), 2);
  EQ("no-more", send(s[0], "cd", 2, 0), 2);
  EQ("joined", recv(s[1], buf, 4, MSG_WAITALL), 4);
  GOOD("cork", set_option(s[0], IPPROTO_TCP, TCP_CORK, 1));
  EQ("corked", write(s[0], "ef", 2), 2);
  GOOD("uncork", set_option(s[0], IPPROTO_TCP, TCP_CORK, 0));
  EQ("arrives", recv(s[1], buf, 2, MSG_WAITALL), 2);
  EQ("sendmsg", sendmsg(s[0], &(struct msghdr){.msg_iov = out, .msg_iovlen = 3}, 0), 6);
  struct iovec in[2] = {{buf, 2}, {buf + 8, 4}};
  waiting(s[1], 6);
  struct msghdr m = {.msg_iov = in, .msg_iovlen = 2, .msg_name = buf, .msg_namelen = 16, .msg_flags = -1};
  EQ("recvmsg", recvmsg(s[1], &m, 0), 6);
  TRUE("scattered", !memcmp(buf, "ab", 2) && !memcmp(buf + 8, "cdef", 4));
  EQ("no-name", m.msg_namelen, 0);
  EQ("no-flags", m.msg_flags, 0);
  must(ioctl(s[1], FIONREAD, &n));
  EQ("nothing-waits", n, 0);
  close(s[0]), close(s[1]);
}

static void room(int family) {
  static char block[65536];
  int s[2];
  long total = 0, got = 0, n;
  stream_pair(family, s);
  fcntl(s[0], F_SETFL, O_NONBLOCK), fcntl(s[1], F_SETFL, O_NONBLOCK);
  // What has been sent may still move on from the sender's side to the receiver's: again until there is no room.
  do
    while ((n = write(s[0], block, sizeof block)) > 0) total += n;
  while (n == -1 && errno == EAGAIN && polled(s[0]) == POLLOUT);
  EQ("full", n, -1);
  EQ("one-way", polled(s[1]), POLLIN | POLLOUT);
  while (got < total) {
    await(s[1], POLLIN);
    while ((n = read(s[1], block, sizeof block)) > 0) got += n;
  }
  EQ("all", got, total);
  EQ("writable", becomes(s[0], POLLOUT), POLLOUT);
  EQ("nothing-left", polled(s[1]), POLLOUT);
  close(s[0]), close(s[1]);
}

static unsigned mix(unsigned sum, const unsigned char *p, long n) {
  for (long i = 0; i < n; i++) sum = (sum ^ p[i]) * 16777619;
  return sum;
}

// Four megabytes, and the same back; each side adds up what it has sent and read.
static void large(int family) {
  enum { BYTES = 4 << 20 };
  int s[2];
  stream_pair(family, s);
  static unsigned char chunk[50000];
  pid_t pid = fork();
  if (pid == 0) {
    close(s[0]);
    // Sends back all that it reads.
    for (long n; (n = read(s[1], chunk, sizeof chunk)) > 0;)
      for (long at = 0, w; at < n; at += w)
        if ((w = write(s[1], chunk + at, n - at)) <= 0) _exit(1);
    _exit(shutdown(s[1], SHUT_WR) ? 2 : 0);
  }
  close(s[1]);
  fcntl(s[0], F_SETFL, O_NONBLOCK);
  unsigned x = 1, sent_sum = 0, got_sum = 0;
  long sent = 0, got = 0, have = 0, at = 0;
  static unsigned char out[7777], in[9999];
  for (int ended = 0; !ended;) {
    struct pollfd f = {s[0], POLLIN | (sent < BYTES ? POLLOUT : 0), 0};
    if (must(poll(&f, 1, 30000)) != 1) break;
    if (f.revents & POLLOUT) {
      if (at == have) {
        have = BYTES - sent < (long)sizeof out ? BYTES - sent : (long)sizeof out, at = 0;
        for (long i = 0; i < have; i++) out[i] = (x = x * 1103515245 + 12345) >> 16;
      }
      long n = write(s[0], out + at, have - at);
      if (n > 0) sent_sum = mix(sent_sum, out + at, n), at += n, sent += n;
      if (sent == BYTES) must(shutdown(s[0], SHUT_WR));
    }
    if (f.revents & POLLIN) {
      long n = read(s[0], in, sizeof in);
      if (n == 0) ended = 1;
      if (n > 0) got += n, got_sum = mix(got_sum, in, n);
    }
  }
  EQ("sent", sent, BYTES);
  EQ("received", got, BYTES);
  EQ("same", got_sum, sent_sum);
  EQ("echo", status_of(pid), 0);
  close(s[0]);
}

// From a file to a socket, from a pipe to a socket and from a socket to a pipe.
static void moving(int family) {
  enum { BYTES = 300000 };
  int s[2], p[2], f = must(open("f", O_RDWR | O_CREAT | O_TRUNC, 0644));
  static unsigned char data[BYTES], got[BYTES];
  for (int i = 0; i < BYTES; i++) data[i] = i * 13 + (i >> 7);
  must(write(f, data, BYTES)), must(lseek(f, 0, SEEK_SET));
  stream_pair(family, s);
  pid_t pid = fork();
  if (pid == 0) {
    close(s[0]);
    long n = recv(s[1], got, BYTES, MSG_WAITALL);
    _exit(n == BYTES && !memcmp(data, got, BYTES) ? 0 : 1);
  }
  long all = 0, n;
  while (all < BYTES && (n = sendfile(s[0], f, NULL, BYTES - all)) > 0) all += n;
  EQ("sendfile", all, BYTES);
  EQ("arrived", status_of(pid), 0);
  EQ("offset", lseek(f, 0, SEEK_CUR), BYTES);
  EQ("at-the-end", sendfile(s[0], f, NULL, 10), 0);
  off_t at = 100;
  EQ("from-an-offset", sendfile(s[0], f, &at, 50), 50);
  EQ("offset-moves", at, 150);
  EQ("arrives", recv(s[1], got, 50, MSG_WAITALL), 50);
  TRUE("same", !memcmp(data + 100, got, 50));
  FAILS("from-a-socket", sendfile(f, s[0], NULL, 10), EINVAL);
  must(pipe(p));
  must(write(p[1], "0123456789", 10));
  EQ("pipe-to-socket", splice(p[0], NULL, s[0], NULL, 6, 0), 6);
  EQ("received", recv(s[1], got, 6, MSG_WAITALL), 6);
  TRUE("data", !memcmp(got, "012345", 6));
  EQ("rest", splice(p[0], NULL, s[0], NULL, 100, SPLICE_F_MOVE), 4);
  EQ("socket-to-pipe", waiting(s[1], 4) == 4 ? splice(s[1], NULL, p[1], NULL, 100, 0) : -1, 4);
  EQ("read", read(p[0], got, 16), 4);
  TRUE("moved", !memcmp(got, "6789", 4));
  // SPLICE_F_NONBLOCK would be enough for a Unix socket, and is not for TCP.
  fcntl(s[1], F_SETFL, O_NONBLOCK);
  FAILS("nonblock", splice(s[1], NULL, p[1], NULL, 100, SPLICE_F_NONBLOCK), EAGAIN);
  fcntl(s[1], F_SETFL, 0);
  if (family == AF_UNIX) FAILS("nonblock-flag", splice(s[1], NULL, p[1], NULL, 100, SPLICE_F_NONBLOCK), EAGAIN);
  FAILS("offset-of-a-socket", splice(s[1], &at, p[1], NULL, 1, 0), EINVAL);
  FAILS("no-pipe", splice(s[1], NULL, f, NULL, 1, 0), EINVAL);
  pid = fork();
  if (pid == 0) _exit(splice(s[1], NULL, p[1], NULL, 100, 0) == 3 ? 0 : 1);
  until_asleep(pid, pid);
  must(write(s[0], "abc", 3));
  EQ("waits", status_of(pid), 0);
  must(shutdown(s[0], SHUT_WR));
  EQ("end", splice(s[1], NULL, p[1], NULL, 100, 0), 0);
  EQ("in-the-pipe", read(p[0], got, 16), 3);
  must(write(p[1], "x", 1));
  signal(SIGPIPE, SIG_IGN);
  FAILS("shut", splice(p[0], NULL, s[0], NULL, 1, 0), EPIPE);
  FAILS("sendfile-shut", sendfile(s[0], f, &at, 10), EPIPE);
  signal(SIGPIPE, SIG_DFL);
  EQ("still-in-the-pipe", waiting(p[0], 1), 1);
  close(s[0]), close(s[1]), close(p[0]), close(p[1]), close(f);
}

// As many connections as this, each with its turn.
static void many(int edge) {
  enum { MANY = 200 };
  static int c[MANY], a[MANY];
  static char turn[MANY];
  int l = local(AF_INET, SOCK_STREAM), where = port(l), ep = must(epoll_create1(0));
  must(listen(l, MANY));
  for (int i = 0; i < MANY; i++) {
    c[i] = must(socket(AF_INET, SOCK_STREAM, 0));
    must(connect_at(c[i], "127.0.0.1", where));
    a[i] = must(accept4(l, NULL, NULL, SOCK_NONBLOCK));
    struct epoll_event e = {.events = EPOLLIN | EPOLLRDHUP | (edge ? EPOLLET : 0), .data.u32 = i};
    must(epoll_ctl(ep, EPOLL_CTL_ADD, a[i], &e));
  }
  put("ok %s.connected\n", check_case_name);
  struct epoll_event got[64];
  EQ("quiet", epoll_wait(ep, got, 64, 0), 0);
  char buf[16];
  int rounds = 5, echoes = 0, answers = 0;
  for (int r = 0; r < rounds; r++) {
    for (int i = r % 2; i < MANY; i += 2) must(write(c[i], "ping", 4));
    memset(turn, 0, sizeof turn);
    for (int left = MANY / 2; left > 0;) {
      int n = must(epoll_wait(ep, got, 64, 10000));
      if (n == 0) break;
      for (int k = 0; k < n; k++) {
        int i = got[k].data.u32;
        if (got[k].events & EPOLLIN && read(a[i], buf, 16) == 4) turn[i]++, left--, must(write(a[i], "pong", 4));
      }
    }
    for (int i = 0; i < MANY; i++) echoes += turn[i] == (i % 2 == r % 2);
    for (int i = r % 2; i < MANY; i += 2) answers += recv(c[i], buf, 4, MSG_WAITALL) == 4;
  }
  EQ("echoes", echoes, rounds * MANY);
  EQ("answers", answers, rounds * MANY / 2);
  if (edge) EQ("no-edge-left", epoll_wait(ep, got, 64, 0), 0);
  for (int i = 0; i < MANY; i++) close(c[i]);
  int closed = 0;
  memset(turn, 0, sizeof turn);
  while (closed < MANY) {
    int n = must(epoll_wait(ep, got, 64, 10000));
    if (n == 0) break;
    for (int k = 0; k < n; k++) {
      int i = got[k].data.u32;
      if (!(got[k].events & EPOLLRDHUP) || turn[i]) continue;
      turn[i] = 1, closed++, close(a[i]);
    }
  }
  EQ("all-close", closed, MANY);
  EQ("none-left", epoll_wait(ep, got, 64, 0), 0);
  close(ep), close(l);
}

static void busy(void) {
  // Several clients at once, each its own process, and a server that forks for none of them.
  enum { CLIENTS = 8, ROUNDS = 50 };
  int l = tcp_listener(AF_INET6), where = port(l), fds[CLIENTS], n = 0, done = 0;
  pid_t pid[CLIENTS];
  for (int i = 0; i < CLIENTS; i++) {
    pid[i] = fork();
    if (pid[i] == 0) {
      int c = must(socket(AF_INET6, SOCK_STREAM, 0)), sum = 0;
      must(connect_at(c, "::1", where));
      for (int r = 0; r < ROUNDS; r++) {
        int said = i * 1000 + r, heard = -1;
        must(write(c, &said, 4));
        if (recv(c, &heard, 4, MSG_WAITALL) != 4 || heard != -said) _exit(1);
        sum++;
      }
      _exit(sum == ROUNDS ? 0 : 2);
    }
  }
  while (done < CLIENTS) {
    struct pollfd f[CLIENTS + 1] = {{l, POLLIN, 0}};
    for (int i = 0; i < n; i++) f[i + 1] = (struct pollfd){fds[i], POLLIN, 0};
    if (must(poll(f, n + 1, 20000)) == 0) break;
    for (int i = n; i > 0; i--) {
      int said;
      if (!f[i].revents) continue;
      if (recv(fds[i - 1], &said, 4, MSG_WAITALL) == 4) {
        said = -said;
        must(write(fds[i - 1], &said, 4));
      } else {
        close(fds[i - 1]), done++;
        fds[i - 1] = -1;
      }
    }
    if (f[0].revents) fds[n++] = must(accept(l, NULL, NULL));
  }
  int good = 0;
  for (int i = 0; i < CLIENTS; i++) good += status_of(pid[i]) == 0;
  EQ("clients", good, CLIENTS);
  close(l);
}

static void room_unix(void) { room(AF_UNIX); }
static void room_tcp(void) { room(AF_INET); }
static void large_unix(void) { large(AF_UNIX); }
static void large_tcp4(void) { large(AF_INET); }
static void large_tcp6(void) { large(AF_INET6); }
static void moving_unix(void) { moving(AF_UNIX); }
static void moving_tcp(void) { moving(AF_INET); }
static void many_level(void) { many(0); }
static void many_edge(void) { many(1); }

CHECK_MAIN(CASE(flags), CASE(room_unix), CASE(room_tcp), CASE(large_unix), CASE(large_tcp4), CASE(large_tcp6), CASE(moving_unix), CASE(moving_tcp),
           CASE(many_level), CASE(many_edge), CASE(busy))
