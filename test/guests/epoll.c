// epoll and eventfd.
#include "check.h"
#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

static int add(int ep, int fd, uint32_t events, uint64_t data) {
  struct epoll_event e = {.events = events, .data.u64 = data};
  return epoll_ctl(ep, EPOLL_CTL_ADD, fd, &e);
}

static void level(void) {
  int ep = GOOD("create", epoll_create1(EPOLL_CLOEXEC)), p[2];
  EQ("cloexec", fcntl(ep, F_GETFD), FD_CLOEXEC);
  pipe(p);
  struct epoll_event got[4];
  GOOD("add", add(ep, p[0], EPOLLIN, 0x1122334455667788));
  EQ("nothing", epoll_wait(ep, got, 4, 0), 0);
  write(p[1], "ab", 2);
  EQ("ready", epoll_wait(ep, got, 4, -1), 1);
  EQ("events", got[0].events, EPOLLIN);
  EQ("data", got[0].data.u64, 0x1122334455667788);
  char c;
  read(p[0], &c, 1);
  EQ("still-ready", epoll_wait(ep, got, 4, 0), 1);
  read(p[0], &c, 1);
  EQ("drained", epoll_wait(ep, got, 4, 0), 0);
  struct epoll_event e = {.events = EPOLLIN | EPOLLET, .data.u32 = 7};
  GOOD("mod", epoll_ctl(ep, EPOLL_CTL_MOD, p[0], &e));
  write(p[1], "c", 1);
  epoll_wait(ep, got, 4, 0);
  EQ("new-data", got[0].data.u32, 7);
  GOOD("del", epoll_ctl(ep, EPOLL_CTL_DEL, p[0], NULL));
  EQ("deleted", epoll_wait(ep, got, 4, 0), 0);
  close(p[0]), close(p[1]), close(ep);
}

static void edge(void) {
  int ep = epoll_create1(0), p[2];
  pipe2(p, O_NONBLOCK);
  struct epoll_event got[4];
  add(ep, p[0], EPOLLIN | EPOLLET, 1);
  write(p[1], "a", 1);
  EQ("first", epoll_wait(ep, got, 4, 0), 1);
  EQ("once", epoll_wait(ep, got, 4, 0), 0);
  write(p[1], "b", 1);
  EQ("next-write", epoll_wait(ep, got, 4, 0), 1);
  close(p[1]);
  EQ("hangup", epoll_wait(ep, got, 4, 0), 1);
  EQ("hangup-events", got[0].events, EPOLLIN | EPOLLHUP);
  close(p[0]), close(ep);
}

static void one_shot(void) {
  int ep = epoll_create1(0), p[2];
  pipe(p);
  struct epoll_event got[4];
  add(ep, p[0], EPOLLIN | EPOLLONESHOT, 1);
  write(p[1], "a", 1);
  EQ("first", epoll_wait(ep, got, 4, 0), 1);
  EQ("disarmed", epoll_wait(ep, got, 4, 0), 0);
  struct epoll_event e = {.events = EPOLLIN | EPOLLONESHOT, .data.u32 = 1};
  epoll_ctl(ep, EPOLL_CTL_MOD, p[0], &e);
  EQ("rearmed", epoll_wait(ep, got, 4, 0), 1);
  close(p[0]), close(p[1]), close(ep);
}

static void mistakes(void) {
  int ep = epoll_create1(0), p[2];
  pipe(p);
  struct epoll_event got[4], e = {.events = EPOLLIN};
  add(ep, p[0], EPOLLIN, 1);
  FAILS("twice", add(ep, p[0], EPOLLIN, 1), EEXIST);
  FAILS("mod-absent", epoll_ctl(ep, EPOLL_CTL_MOD, p[1], &e), ENOENT);
  FAILS("del-absent", epoll_ctl(ep, EPOLL_CTL_DEL, p[1], NULL), ENOENT);
  FAILS("bad-target", add(ep, 99, EPOLLIN, 1), EBADF);
  FAILS("bad-epoll", add(99, p[0], EPOLLIN, 1), EBADF);
  FAILS("not-epoll", add(p[0], p[1], EPOLLIN, 1), EINVAL);
  FAILS("itself", add(ep, ep, EPOLLIN, 1), EINVAL);
  FAILS("operation", epoll_ctl(ep, 77, p[0], &e), EINVAL);
  FAILS("max-events", epoll_wait(ep, got, 0, 0), EINVAL);
  FAILS("wait-not-epoll", epoll_wait(p[0], got, 1, 0), EINVAL);
  FAILS("create-flags", epoll_create1(1), EINVAL);
  FAILS("create-size", epoll_create(0), EINVAL);
  int fd = must(open("file", O_CREAT | O_RDWR, 0644));
  FAILS("regular-file", add(ep, fd, EPOLLIN, 1), EPERM);
  FAILS("directory", add(ep, must(open(".", O_RDONLY)), EPOLLIN, 1), EPERM);
  close(fd), close(fd + 1), close(p[0]), close(p[1]), close(ep);
}

static void closing(void) {
  int ep = epoll_create1(0), p[2];
  pipe(p);
  struct epoll_event got[4];
  int twin = dup(p[0]);
  add(ep, p[0], EPOLLIN, 1);
  write(p[1], "x", 1);
  close(p[0]);
  EQ("dup-keeps-it", epoll_wait(ep, got, 4, 0), 1);
  close(twin);
  EQ("last-close-removes", epoll_wait(ep, got, 4, 0), 0);
  close(p[1]), close(ep);
}

static void waiting(void) {
  int ep = epoll_create1(0), p[2];
  pipe(p);
  add(ep, p[0], EPOLLIN, 5);
  struct epoll_event got[2];
  int64_t t = now_ns(CLOCK_MONOTONIC);
  EQ("expires", epoll_wait(ep, got, 2, 25), 0);
  TRUE("not-early", now_ns(CLOCK_MONOTONIC) - t >= 25000000);
  pid_t pid = fork();
  if (pid == 0) _exit(epoll_wait(ep, got, 2, -1) == 1 && got[0].data.u64 == 5 ? 0 : 1);
  until_asleep(pid, pid);
  write(p[1], "x", 1);
  EQ("woken", status_of(pid), 0);
  // An epoll descriptor can itself be polled, and put into another.
  struct pollfd f = {ep, POLLIN, 0};
  EQ("pollable", poll(&f, 1, 0), 1);
  int outer = epoll_create1(0);
  GOOD("nest", add(outer, ep, EPOLLIN, 9));
  EQ("nested", epoll_wait(outer, got, 2, 0), 1);
  EQ("nested-data", got[0].data.u64, 9);
  FAILS("cycle", add(ep, outer, EPOLLIN, 1), ELOOP);
  char c;
  read(p[0], &c, 1);
  EQ("nested-quiet", epoll_wait(outer, got, 2, 0), 0);
  close(outer), close(ep), close(p[0]), close(p[1]);
}

static void several(void) {
  int ep = epoll_create1(0), e[20];
  struct epoll_event got[30];
  for (int i = 0; i < 20; i++) {
    e[i] = eventfd(i % 2, EFD_NONBLOCK);
    add(ep, e[i], EPOLLIN, i);
  }
  EQ("ready", epoll_wait(ep, got, 30, 0), 10);
  int odd = 1;
  for (int i = 0; i < 10; i++) odd &= got[i].data.u64 & 1;
  TRUE("which", odd);
  // With a small array everyone's turn comes.
  int seen[20] = {0};
  for (int k = 0; k < 10; k++) {
    int n = epoll_wait(ep, got, 3, 0);
    for (int i = 0; i < n; i++) seen[got[i].data.u64]++;
  }
  int fair = 1;
  for (int i = 0; i < 20; i++) fair &= (seen[i] > 0) == (i % 2);
  TRUE("fair", fair);
  for (int i = 0; i < 20; i++) close(e[i]);
  close(ep);
}

static void counters(void) {
  int fd = GOOD("eventfd", eventfd(3, EFD_NONBLOCK | EFD_CLOEXEC));
  uint64_t v = 0;
  EQ("read", read(fd, &v, 8), 8);
  EQ("value", v, 3);
  FAILS("empty", read(fd, &v, 8), EAGAIN);
  v = 5;
  EQ("write", write(fd, &v, 8), 8);
  write(fd, &v, 8);
  read(fd, &v, 8);
  EQ("sum", v, 10);
  FAILS("short-read", read(fd, &v, 7), EINVAL);
  FAILS("short-write", write(fd, &v, 7), EINVAL);
  v = ~0ull;
  FAILS("max", write(fd, &v, 8), EINVAL);
  v = ~0ull - 1;
  EQ("almost-max", write(fd, &v, 8), 8);
  v = 1;
  FAILS("overflow", write(fd, &v, 8), EAGAIN);
  struct pollfd f = {fd, POLLIN | POLLOUT, 0};
  poll(&f, 1, 0);
  EQ("full-not-writable", f.revents, POLLIN);
  read(fd, &v, 8);
  poll(&f, 1, 0);
  EQ("empty-writable", f.revents, POLLOUT);
  close(fd);
  fd = eventfd(2, EFD_SEMAPHORE | EFD_NONBLOCK);
  read(fd, &v, 8);
  EQ("semaphore", v, 1);
  read(fd, &v, 8);
  FAILS("semaphore-empty", read(fd, &v, 8), EAGAIN);
  close(fd);
  FAILS("flags", eventfd(0, 0x1000), EINVAL);
  // Blocks until someone adds.
  fd = eventfd(0, 0);
  pid_t pid = fork();
  if (pid == 0) _exit(read(fd, &v, 8) == 8 && v == 42 ? 0 : 1);
  until_asleep(pid, pid);
  v = 42;
  write(fd, &v, 8);
  EQ("wakes", status_of(pid), 0);
  close(fd);
}

CHECK_MAIN(CASE(level), CASE(edge), CASE(one_shot), CASE(mistakes), CASE(closing), CASE(waiting), CASE(several),
           CASE(counters))
