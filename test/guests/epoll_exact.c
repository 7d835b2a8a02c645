// What epoll tells without being asked, whom it wakes, and what it takes.
#include "check.h"
#include <poll.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/mount.h>

static int control(int ep, int op, int fd, uint32_t events) {
  struct epoll_event e = {.events = events, .data.u64 = fd};
  return epoll_ctl(ep, op, fd, &e);
}
static int add(int ep, int fd, uint32_t events) { return control(ep, EPOLL_CTL_ADD, fd, events); }
// The events that one wait tells, 0 when there are none.
static uint32_t told(int ep) {
  struct epoll_event got = {0};
  return epoll_wait(ep, &got, 1, 0) == 1 ? got.events : 0;
}

static void unasked(void) {
  int ep = must(epoll_create1(0)), p[2], q[2];
  must(pipe(p)), must(pipe(q));
  GOOD("nothing-asked", add(ep, p[0], 0));
  must(write(p[1], "x", 1));
  EQ("no-data", told(ep), 0);
  must(close(p[1]));
  EQ("hang-up", told(ep), EPOLLHUP);
  EQ("level", told(ep), EPOLLHUP);
  GOOD("one-shot", control(ep, EPOLL_CTL_MOD, p[0], EPOLLONESHOT));
  EQ("one-shot-told", told(ep), EPOLLHUP);
  EQ("one-shot-once", told(ep), 0);
  GOOD("armed-again", control(ep, EPOLL_CTL_MOD, p[0], EPOLLET));
  EQ("edge-told", told(ep), EPOLLHUP);
  EQ("edge-once", told(ep), 0);
  must(close(p[0]));
  GOOD("writer", add(ep, q[1], EPOLLIN));
  EQ("nothing", told(ep), 0);
  must(close(q[0]));
  EQ("error", told(ep), EPOLLERR);
  must(close(q[1]));
  EQ("closed", told(ep), 0);
  must(close(ep));
}

static void taken(void) {
  int ep = must(epoll_create1(0)), other = must(epoll_create1(0)), ef = must(eventfd(0, EFD_NONBLOCK)), p[2];
  must(pipe(p));
  int file = must(memfd_create("file", 0)), dir = must(open("/", O_RDONLY)), path = must(open("/", O_PATH));
  FAILS("regular", add(ep, file, EPOLLIN), EPERM);
  FAILS("directory", add(ep, dir, EPOLLIN), EPERM);
  FAILS("path", add(ep, path, EPOLLIN), EBADF);
  FAILS("null", add(ep, must(open("/dev/null", O_RDWR)), EPOLLIN), EPERM);
  FAILS("zero", add(ep, must(open("/dev/zero", O_RDWR)), EPOLLIN), EPERM);
  FAILS("urandom", add(ep, must(open("/dev/urandom", O_RDONLY)), EPOLLIN), EPERM);
  FAILS("process-file", add(ep, must(open("/proc/self/status", O_RDONLY)), EPOLLIN), EPERM);
  int random = must(open("/dev/random", O_RDONLY));
  GOOD("random", add(ep, random, EPOLLIN | EPOLLRDNORM | EPOLLOUT));
  EQ("random-ready", told(ep), EPOLLIN | EPOLLRDNORM);
  must(close(random));
  int system = must(open("/proc/meminfo", O_RDONLY));
  GOOD("system-file", add(ep, system, EPOLLIN | EPOLLOUT));
  EQ("system-ready", told(ep), EPOLLIN | EPOLLOUT);
  must(close(system));
  FAILS("regular-first", epoll_ctl(file, EPOLL_CTL_ADD, file, &(struct epoll_event){0}), EPERM);
  FAILS("no-epoll", add(p[0], ef, EPOLLIN), EINVAL);
  FAILS("itself", add(ep, ep, EPOLLIN), EINVAL);
  FAILS("bad-op", control(ep, 9, ef, EPOLLIN), EINVAL);
  FAILS("no-memory", epoll_ctl(ep, EPOLL_CTL_ADD, ef, NULL), EFAULT);
  FAILS("too-many", syscall(SYS_epoll_pwait, ep, &ep, INT_MAX / 8, 0, NULL, 8), EINVAL);
  // What may be asked for together with EPOLLEXCLUSIVE.
  GOOD("exclusive", add(ep, ef, EPOLLIN | EPOLLOUT | EPOLLERR | EPOLLHUP | EPOLLET | EPOLLWAKEUP | EPOLLEXCLUSIVE));
  FAILS("exclusive-twice", add(ep, ef, EPOLLIN), EEXIST);
  FAILS("exclusive-mod", control(ep, EPOLL_CTL_MOD, ef, EPOLLIN), EINVAL);
  GOOD("exclusive-del", control(ep, EPOLL_CTL_DEL, ef, 0));
  FAILS("exclusive-one-shot", add(ep, ef, EPOLLIN | EPOLLONESHOT | EPOLLEXCLUSIVE), EINVAL);
  FAILS("exclusive-priority", add(ep, ef, EPOLLIN | EPOLLPRI | EPOLLEXCLUSIVE), EINVAL);
  FAILS("exclusive-peer", add(ep, ef, EPOLLIN | EPOLLRDHUP | EPOLLEXCLUSIVE), EINVAL);
  FAILS("exclusive-epoll", add(ep, other, EPOLLIN | EPOLLEXCLUSIVE), EINVAL);
  FAILS("exclusive-later", (must(add(ep, ef, EPOLLIN)), control(ep, EPOLL_CTL_MOD, ef, EPOLLIN | EPOLLEXCLUSIVE)), EINVAL);
  FAILS("exclusive-none", control(ep, EPOLL_CTL_MOD, p[0], EPOLLIN | EPOLLEXCLUSIVE), EINVAL);
  FAILS("none", control(ep, EPOLL_CTL_MOD, p[0], EPOLLIN), ENOENT);
}

// Processes that each wait on an epoll of their own for one pipe.
#define WAITERS 4
static struct shared {
  _Atomic int told[WAITERS];
} *shared;
static pid_t waiters[WAITERS];

static void wait_each(int p[2], const uint32_t *events) {
  shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  for (int i = 0; i < WAITERS; i++) {
    waiters[i] = must(fork());
    if (!waiters[i]) {
      close(p[1]);
      int ep = must(epoll_create1(0));
      must(add(ep, p[0], events[i]));
      struct epoll_event got;
      while (epoll_wait(ep, &got, 1, -1) == 1) {
        shared->told[i] = got.events;
        if (got.events & EPOLLHUP) _exit(0);
      }
      _exit(1);
    }
    // In the order in which they stand in the pipe's queue.
    until_asleep(waiters[i], waiters[i]);
  }
}
static int all_told(void) {
  int n = 0;
  for (int i = 0; i < WAITERS; i++) n += shared->told[i] != 0;
  return n;
}
static void until_told(int n) {
  while (all_told() < n) sched_yield();
  // Whoever else was woken has told it before it sleeps again.
  for (int i = 0; i < WAITERS; i++) until_asleep(waiters[i], waiters[i]);
}
static void end_waiters(const char *name, int p[2]) {
  must(close(p[1]));
  int good = 0;
  for (int i = 0; i < WAITERS; i++) good += status_of(waiters[i]) == 0;
  EQ(name, good, WAITERS);
  must(close(p[0]));
}

static void exclusive(void) {
  int p[2];
  must(pipe(p));
  const uint32_t one = EPOLLIN | EPOLLET | EPOLLEXCLUSIVE;
  wait_each(p, (const uint32_t[]){one, one, one, one});
  must(write(p[1], "x", 1));
  until_told(1);
  EQ("one", all_told(), 1);
  EQ("the-first", shared->told[0], EPOLLIN);
  // An end is for all.
  end_waiters("hang-up", p);
}

static void exclusive_among_others(void) {
  int p[2];
  must(pipe(p));
  wait_each(p, (const uint32_t[]){EPOLLIN | EPOLLET | EPOLLEXCLUSIVE, EPOLLIN | EPOLLET, EPOLLIN | EPOLLET | EPOLLEXCLUSIVE, EPOLLIN | EPOLLET});
  must(write(p[1], "x", 1));
  until_told(3);
  EQ("others-and-one", all_told(), 3);
  EQ("not-the-second", shared->told[2], 0);
  end_waiters("hang-up", p);
}

// One that nobody waits on takes nothing.
static void exclusive_idle(void) {
  int idle = must(epoll_create1(0)), p[2];
  must(pipe(p));
  must(add(idle, p[0], EPOLLIN | EPOLLET | EPOLLEXCLUSIVE));
  const uint32_t one = EPOLLIN | EPOLLET | EPOLLEXCLUSIVE;
  wait_each(p, (const uint32_t[]){one, one, one, one});
  must(write(p[1], "x", 1));
  until_told(1);
  EQ("the-first-waiter", shared->told[0], EPOLLIN);
  EQ("one", all_told(), 1);
  EQ("idle-knows", told(idle), EPOLLIN);
  must(close(idle));
  end_waiters("hang-up", p);
}

static void mounts(void) {
  int fd = must(open("/proc/self/mounts", O_RDONLY)), ep = must(epoll_create1(0));
  GOOD("add", add(ep, fd, EPOLLIN | EPOLLPRI));
  EQ("readable", told(ep), EPOLLIN);
  EQ("poll", (poll(&(struct pollfd){fd, POLLPRI, 0}, 1, 0)), 0);
  int info = must(open("/proc/self/mountinfo", O_RDONLY)), quiet = must(epoll_create1(0));
  GOOD("add-info", add(quiet, info, EPOLLPRI | EPOLLET));
  EQ("quiet", told(quiet), 0);
  mkdir("/tmp", 0777);
  char at[] = "/tmp/mountsXXXXXX";
  TRUE("place", mkdtemp(at) != NULL);
  pid_t pid = fork();
  if (!pid) {
    struct epoll_event got;
    _exit(epoll_wait(quiet, &got, 1, -1) == 1 && got.events == (EPOLLPRI | EPOLLERR) ? 0 : 1);
  }
  until_asleep(pid, pid);
  GOOD("mount", mount("none", at, "tmpfs", 0, NULL));
  EQ("woken", status_of(pid), 0);
  EQ("changed", told(ep), EPOLLIN | EPOLLPRI | EPOLLERR);
  EQ("once", told(ep), EPOLLIN);
  GOOD("unmount", umount(at));
  struct pollfd p = {fd, POLLPRI, 0};
  EQ("poll-changed", poll(&p, 1, -1), 1);
  EQ("poll-events", p.revents, POLLPRI | POLLERR);
  rmdir(at);
}

// Nests: five deep and no ring, however many ways lead to the innermost.
static void nests(void) {
  int deep[6];
  for (int i = 0; i < 6; i++) deep[i] = must(epoll_create1(0));
  for (int i = 1; i < 5; i++) must(add(deep[i], deep[i - 1], EPOLLIN));
  FAILS("too-deep", add(deep[5], deep[4], EPOLLIN), ELOOP);
  FAILS("ring", add(deep[0], deep[3], EPOLLIN), ELOOP);
  int p[2], wide[4][4];
  must(pipe(p));
  for (int level = 0; level < 4; level++)
    for (int i = 0; i < 4; i++) {
      wide[level][i] = must(epoll_create1(0));
      if (!level) must(add(wide[0][i], p[0], EPOLLIN));
      // Linux bounds the ways to one file: each watches two of the level below.
      for (int k = 0; level && k < 2; k++) must(add(wide[level][i], wide[level - 1][(i + k) % 4], EPOLLIN));
    }
  FAILS("wide-ring", add(wide[0][3], wide[3][3], EPOLLIN), ELOOP);
  EQ("quiet", told(wide[3][0]), 0);
  must(write(p[1], "x", 1));
  EQ("outermost", told(wide[3][0]), EPOLLIN);
  EQ("all", told(wide[3][3]), EPOLLIN);
}

CHECK_MAIN(CASE(unasked), CASE(taken), CASE(exclusive), CASE(exclusive_among_others), CASE(exclusive_idle), CASE(mounts), CASE(nests))
