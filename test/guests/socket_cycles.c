// Sockets on their way in sockets: what only they themselves hold is closed, what can still be received is not.
#include "check.h"
#include "sockets.h"
#include "socket_rights.h"
#include <sys/resource.h>

// Sends two descriptors: the second is the write end of a pipe whose end tells that the message has been closed.
static void send_two(int to, int fd, int w) { must(send_rights(to, (int[]){fd, w}, 2, "m", 1)); }

static void itself(int type) {
  int s[2], p[2];
  must(socketpair(AF_UNIX, type, 0, s)), must(pipe(p));
  send_two(s[0], s[1], p[1]);
  close(p[1]), close(s[0]);
  EQ("open", polled(p[0]), 0);
  close(s[1]);
  TRUE("both-closed", pipe_ends(p[0]));
  close(p[0]);
  // The other end: it can be received as long as there is a receiver.
  must(socketpair(AF_UNIX, type, 0, s)), must(pipe(p));
  send_two(s[0], s[0], p[1]);
  close(p[1]), close(s[0]);
  EQ("receiver-open", polled(p[0]), 0);
  struct received r = receive(s[1], 1, sizeof(union control), 0);
  EQ("receives-the-sender", r.n, 2);
  EQ("it-works", write(r.fds[0], "x", 1), 1);
  close_all(&r), close(s[1]);
  EQ("then-ends", polled(p[0]), POLLHUP);
  close(p[0]);
  // Both ends in the queue of one.
  must(socketpair(AF_UNIX, type, 0, s)), must(pipe(p));
  must(send_rights(s[0], (int[]){s[0], s[1], p[1]}, 3, "m", 1));
  close(p[1]), close(s[0]), close(s[1]);
  TRUE("whole-pair", pipe_ends(p[0]));
  close(p[0]);
}

static void streams(void) { itself(SOCK_STREAM); }
static void datagrams(void) { itself(SOCK_DGRAM); }
static void packets(void) { itself(SOCK_SEQPACKET); }

static void each_other(void) {
  int a[2], b[2], p[2], q[2];
  must(socketpair(AF_UNIX, SOCK_STREAM, 0, a)), must(socketpair(AF_UNIX, SOCK_STREAM, 0, b)), must(pipe(p)), must(pipe(q));
  send_two(a[0], b[1], p[1]);
  send_two(b[0], a[1], q[1]);
  close(p[1]), close(q[1]), close(a[0]), close(b[0]), close(a[1]);
  EQ("one-is-open", polled(p[0]), 0);
  EQ("so-the-other-is", polled(q[0]), 0);
  close(b[1]);
  TRUE("first", pipe_ends(p[0]));
  TRUE("second", pipe_ends(q[0]));
  close(p[0]), close(q[0]);
}

static void ring(void) {
  enum { SIZE = 3 };
  for (int open = 0; open < 2; open++) {
    int s[SIZE][2], p[SIZE][2], ended = 1;
    for (int i = 0; i < SIZE; i++) must(socketpair(AF_UNIX, SOCK_STREAM, 0, s[i])), must(pipe(p[i]));
    for (int i = 0; i < SIZE; i++) send_two(s[i][0], s[(i + 1) % SIZE][1], p[i][1]);
    for (int i = 0; i < SIZE; i++) close(p[i][1]), close(s[i][0]);
    for (int i = open; i < SIZE; i++) close(s[i][1]);
    if (open) {
      // All of it can be had from the one that is open.
      int at = s[0][1];
      for (int i = 0; i < SIZE; i++) {
        EQ("alive", polled(p[i][0]), 0);
        struct received r = receive(at, 1, sizeof(union control), 0);
        EQ("received", r.n, 2);
        EQ("its-pipe", write(r.fds[1], "x", 1), 1);
        close(at), close(r.fds[1]);
        at = r.fds[0];
      }
      close(at);
      char b;
      for (int i = 0; i < SIZE; i++) must(read(p[i][0], &b, 1));
    }
    for (int i = 0; i < SIZE; i++) ended &= pipe_ends(p[i][0]), close(p[i][0]);
    TRUE("ended", ended);
  }
}

static void hanging(void) {
  // What hangs on a cycle goes with it: sockets that are no part of it, and what they carry.
  int a[2], b[2], c[2], p[2], q[2];
  must(socketpair(AF_UNIX, SOCK_STREAM, 0, a)), must(socketpair(AF_UNIX, SOCK_DGRAM, 0, b)), must(socketpair(AF_UNIX, SOCK_STREAM, 0, c));
  must(pipe(p)), must(pipe(q));
  send_two(c[0], p[1], q[1]);
  must(send_right(b[0], c[1]));
  must(send_rights(a[0], (int[]){a[1], b[1]}, 2, "m", 1));
  close(p[1]), close(q[1]), close(b[0]), close(c[0]), close(c[1]), close(b[1]), close(a[0]);
  EQ("open", polled(p[0]), 0);
  close(a[1]);
  TRUE("first", pipe_ends(p[0]));
  TRUE("second", pipe_ends(q[0]));
  close(p[0]), close(q[0]);
  // Without a cycle each closes the next.
  must(socketpair(AF_UNIX, SOCK_STREAM, 0, a)), must(socketpair(AF_UNIX, SOCK_DGRAM, 0, b)), must(pipe(p));
  must(send_right(b[0], p[1])), must(send_right(a[0], b[1]));
  close(p[1]), close(b[0]), close(b[1]), close(a[0]);
  EQ("nested", polled(p[0]), 0);
  close(a[1]);
  EQ("nested-closes", polled(p[0]), POLLHUP);
  close(p[0]);
}

static void outside(void) {
  // Two queues hold each other, and a third, which is open, holds one of them.
  int a[2], b[2], o[2], p[2];
  must(socketpair(AF_UNIX, SOCK_STREAM, 0, a)), must(socketpair(AF_UNIX, SOCK_STREAM, 0, b)), must(socketpair(AF_UNIX, SOCK_STREAM, 0, o));
  must(pipe(p));
  send_two(a[0], b[1], p[1]);
  must(send_right(b[0], a[1])), must(send_right(o[0], a[1]));
  close(p[1]), close(a[0]), close(a[1]), close(b[0]), close(b[1]);
  close(must(socket(AF_UNIX, SOCK_STREAM, 0)));
  EQ("held-from-outside", polled(p[0]), 0);
  int fd = GOOD("received", receive_right(o[1]));
  struct received r = receive(fd, 1, sizeof(union control), 0);
  EQ("as-it-was", r.n, 2);
  close_all(&r), close(fd), close(o[0]), close(o[1]);
  TRUE("ended", pipe_ends(p[0]));
  close(p[0]);
  // The last to hold it is a socket that is closed with it in its queue.
  must(socketpair(AF_UNIX, SOCK_STREAM, 0, a)), must(socketpair(AF_UNIX, SOCK_STREAM, 0, o)), must(pipe(p));
  send_two(a[0], a[1], p[1]);
  must(send_right(o[0], a[1]));
  close(p[1]), close(a[0]), close(a[1]), close(o[0]);
  EQ("held", polled(p[0]), 0);
  close(o[1]);
  TRUE("let-go", pipe_ends(p[0]));
  close(p[0]);
}

static void listeners(void) {
  // A connection that nobody has accepted hangs on its listener, with what has been sent there.
  int p[2], l, c;
  must(pipe(p));
  l = listener(SOCK_STREAM, "a", 5), c = must(socket(AF_UNIX, SOCK_STREAM, 0));
  must(connect_to(c, "a"));
  must(send_right(c, p[1]));
  close(p[1]);
  close(c);
  EQ("waits", polled(p[0]), 0);
  close(l);
  TRUE("listener-closed", pipe_ends(p[0]));
  close(p[0]), unlink("a");
  // The listener itself is on its way there.
  must(pipe(p));
  l = listener(SOCK_STREAM, "a", 5), c = must(socket(AF_UNIX, SOCK_STREAM, 0));
  must(connect_to(c, "a"));
  send_two(c, l, p[1]);
  close(p[1]), close(c);
  EQ("open", polled(p[0]), 0);
  close(l);
  TRUE("in-itself", pipe_ends(p[0]));
  close(p[0]), unlink("a");
  // And can be had as long as somebody accepts.
  must(pipe(p));
  l = listener(SOCK_STREAM, "a", 5), c = must(socket(AF_UNIX, SOCK_STREAM, 0));
  must(connect_to(c, "a"));
  send_two(c, l, p[1]);
  close(p[1]), close(c);
  int s = must(accept(l, NULL, NULL));
  close(l);
  struct received r = receive(s, 1, sizeof(union control), 0);
  EQ("accepted", r.n, 2);
  EQ("still-listens", option(r.fds[0], SOL_SOCKET, SO_ACCEPTCONN), 1);
  close_all(&r), close(s);
  EQ("ended", polled(p[0]), POLLHUP);
  close(p[0]);
}

static void processes(void) {
  // A process that ends leaves nothing, however it ends.
  for (int how = 0; how < 2; how++) {
    int p[2], ready[2];
    must(pipe(p)), must(pipe(ready));
    pid_t pid = fork();
    if (pid == 0) {
      int s[2];
      must(socketpair(AF_UNIX, SOCK_STREAM, 0, s));
      send_two(s[0], s[1], p[1]);
      close(p[1]);
      must(write(ready[1], "r", 1));
      if (how) pause();
      _exit(0);
    }
    char b;
    close(p[1]);
    must(read(ready[0], &b, 1));
    if (how) kill(pid, SIGKILL);
    EQ(how ? "killed" : "exited", status_of(pid), how ? SIGKILL : 0);
    TRUE("ended", pipe_ends(p[0]));
    close(p[0]), close(ready[0]), close(ready[1]);
  }
}

static void too_many(void) {
  // As many as a user may have open may be on their way, and one more.
  if (getuid() != 0) return;
  pid_t pid = fork();
  if (pid == 0) {
    int s[2], p[2], fds[10], sent = 0;
    must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, s)), must(pipe(p));
    must(setgid(54321)), must(setuid(54321));
    must(setrlimit(RLIMIT_NOFILE, &(struct rlimit){50, 50}));
    for (int i = 0; i < 10; i++) fds[i] = p[1];
    while (sent < 1000 && send_rights(s[0], fds, 10, "x", 1) == 1) sent += 10;
    if (errno != ETOOMANYREFS) _exit(1);
    if (sent < 50 || sent > 70) _exit(2);
    struct received r = receive(s[1], 1, sizeof(union control), 0);
    if (r.n != 10) _exit(3);
    close_all(&r);
    _exit(send_rights(s[0], fds, 1, "x", 1) == 1 ? 0 : 4);
  }
  EQ("refused", status_of(pid), 0);
}

CHECK_MAIN(CASE(streams), CASE(datagrams), CASE(packets), CASE(each_other), CASE(ring), CASE(hanging), CASE(outside), CASE(listeners), CASE(processes),
           CASE(too_many))
