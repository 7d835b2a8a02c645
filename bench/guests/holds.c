// One long system call, of those that have much to do: holds CALL [MIB]. What it costs others is measured from outside;
// "begun" is said where the call begins.
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/futex.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "bench.h"

static size_t size;
static char *buffer;

static char *map(void *at, size_t bytes, int protection, int flags) {
  char *p = mmap(at, bytes, protection, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | flags, -1, 0);
  check(p != MAP_FAILED, "mmap");
  return p;
}

// A page of every 4 MiB: as many leaves of page tables as there are pages.
enum { STEP = 4 << 20 };
static char *sparse(size_t leaves) {
  char *p = map(0, leaves * STEP, PROT_READ | PROT_WRITE, 0);
  for (size_t i = 0; i < leaves; i++) p[i * STEP] = 1;
  return p;
}
static const size_t leaves = 15000;

static int file_of(size_t bytes) {
  int fd = memfd_create("holds", 0);
  check(fd >= 0 && !ftruncate(fd, (off_t)bytes), "memfd");
  for (size_t at = 0; at < bytes; at += 4096) check(pwrite(fd, "x", 1, (off_t)at) == 1, "pwrite");
  return fd;
}

static void begun(void) { check(write(1, "begun\n", 6) == 6, "write"); }

static void call_mincore(void) {
  size_t bytes = 62ul << 32;
  char *high = map((void *)(1ul << 32), bytes, PROT_READ | PROT_WRITE, MAP_FIXED);
  for (size_t at = 0; at < bytes; at += 256ul << 20) high[at] = 1;
  unsigned char *residency = (unsigned char *)map(0, bytes >> 12, PROT_READ | PROT_WRITE, 0);
  begun();
  check(!mincore(high, bytes, residency), "mincore");
}
static void reads(const char *device) {
  int fd = open(device, O_RDONLY);
  begun();
  check(read(fd, buffer, size) == (ssize_t)size, "read");
}
static void call_urandom(void) { reads("/dev/urandom"); }
static void call_zero(void) { reads("/dev/zero"); }
static void call_getrandom(void) {
  begun();
  check(getrandom(buffer, 1 << 25, 0) > 0, "getrandom");
}
static void call_read(void) {
  int fd = file_of(size);
  begun();
  check(pread(fd, buffer, size, 0) == (ssize_t)size, "pread");
}
static void call_write(void) {
  memset(buffer, 1, size);
  int fd = file_of(0);
  begun();
  check(write(fd, buffer, size) == (ssize_t)size, "write");
}
static void call_sendfile(void) {
  off_t at = 0;
  int from = file_of(size), to = file_of(0);
  begun();
  check(sendfile(to, from, &at, size) == (ssize_t)size, "sendfile");
}
static void call_copy_file_range(void) {
  int from = file_of(size), to = file_of(0);
  begun();
  check(copy_file_range(from, 0, to, 0, size, 0) > 0, "copy_file_range");
}
static void call_ftruncate(void) {
  int fd = file_of(size);
  begun();
  check(!ftruncate(fd, 0), "ftruncate");
}
static void call_close(void) {
  int fd = file_of(size);
  begun();
  check(!close(fd), "close");
}
static void call_allocate(void) {
  int fd = file_of(0);
  begun();
  check(!fallocate(fd, 0, 0, (off_t)size), "fallocate");
}
static void call_punch(void) {
  int fd = file_of(size);
  begun();
  check(!fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, (off_t)size), "fallocate");
}
static void call_mprotect(void) {
  char *p = sparse(leaves);
  begun();
  check(!mprotect(p, leaves * STEP, PROT_READ), "mprotect");
}
static void call_munmap(void) {
  char *p = sparse(leaves);
  begun();
  check(!munmap(p, leaves * STEP), "munmap");
}
static void call_madvise(void) {
  char *p = sparse(leaves);
  begun();
  check(!madvise(p, leaves * STEP, MADV_DONTNEED), "madvise");
}
static void call_mremap(void) {
  char *p = sparse(leaves);
  begun();
  char *to = mremap(p, leaves * STEP, (leaves + 1) * STEP, MREMAP_MAYMOVE);
  check(to != MAP_FAILED && mremap(to, (leaves + 1) * STEP, (leaves + 9) * STEP, MREMAP_MAYMOVE) != MAP_FAILED, "mremap");
}
static void call_fork(void) {
  sparse(leaves / 2);
  begun();
  pid_t child = fork();
  check(child >= 0, "fork");
  if (!child) _exit(0);
  check(waitpid(child, 0, 0) == child, "waitpid");
}
static void call_exit(void) {
  sparse(leaves);
  begun();
}
static void call_core(void) {
  struct rlimit all = {RLIM_INFINITY, RLIM_INFINITY};
  check(!setrlimit(RLIMIT_CORE, &all), "setrlimit");
  memset(buffer, 1, size);
  begun();
  pid_t child = fork();
  check(child >= 0, "fork");
  if (!child) abort();
  int status;
  check(waitpid(child, &status, 0) == child && WCOREDUMP(status), "core");
}
static void call_populate(void) {
  begun();
  map(0, size, PROT_READ | PROT_WRITE, MAP_POPULATE);
}
static void call_lock(void) {
  struct rlimit all = {RLIM_INFINITY, RLIM_INFINITY};
  check(!setrlimit(RLIMIT_MEMLOCK, &all), "setrlimit");
  begun();
  check(!mlock(buffer, size), "mlock");
}
// As many pages as one program can have: a file's, mapped many times.
static int mapped_often(void) {
  size_t part = 64ul << 20;
  int fd = file_of(part);
  for (int i = 0; i < 32; i++) check(mmap(0, part, PROT_READ, MAP_SHARED | MAP_POPULATE, fd, 0) != MAP_FAILED, "mmap");
  return fd;
}
static void call_rollup(void) {
  mapped_often();
  int fd = open("/proc/self/smaps_rollup", O_RDONLY);
  begun();
  check(read(fd, buffer, 4096) > 0, "read");
}
static void call_cut(void) {
  int fd = mapped_often();
  begun();
  check(!ftruncate(fd, 0), "ftruncate");
}

enum { DESCRIPTORS = 60000, POLLED = 30000 };
static void many(void) {
  struct rlimit most = {65536, 65536};
  check(!setrlimit(RLIMIT_NOFILE, &most), "setrlimit");
}
static int descriptors(void) {
  many();
  int p[2];
  check(!pipe(p), "pipe");
  for (int i = 0; i < DESCRIPTORS; i++) check(dup(p[0]) >= 0, "dup");
  return p[0];
}
static void call_poll(void) {
  descriptors();
  struct pollfd *set = (struct pollfd *)map(0, POLLED * sizeof *set, PROT_READ | PROT_WRITE, 0);
  for (int i = 0; i < POLLED; i++) set[i] = (struct pollfd){.fd = 10 + i, .events = POLLIN};
  begun();
  check(!poll(set, POLLED, 20), "poll");
}
static void call_select(void) {
  descriptors();
  static unsigned long set[65536 / 64];
  for (int i = 10; i < POLLED; i++) set[i / 64] |= 1ul << i % 64;
  struct timespec wait = {0, 20000000};
  begun();
  check(!syscall(SYS_pselect6, POLLED, set, 0, 0, &wait, 0), "select");
}

// An epoll of many descriptors that were all ready, one that is closed, and a program that ends with one.
enum { WATCHED = 20000, PIPES = 100 };
static int pipes[PIPES][2];
static int watch(void) {
  many();
  int ep = epoll_create1(0);
  check(ep >= 0, "epoll_create1");
  for (int i = 0; i < PIPES; i++) check(!pipe(pipes[i]) && write(pipes[i][1], "x", 1) == 1, "pipe");
  for (int i = 0; i < WATCHED; i++) {
    int fd = dup(pipes[i % PIPES][0]);
    struct epoll_event ev = {.events = EPOLLIN};
    check(fd >= 0 && !epoll_ctl(ep, EPOLL_CTL_ADD, fd, &ev), "epoll_ctl");
  }
  return ep;
}
static void call_epoll_wait(void) {
  int ep = watch();
  char c;
  for (int i = 0; i < PIPES; i++) check(read(pipes[i][0], &c, 1) == 1, "read");
  struct epoll_event ev;
  begun();
  check(!epoll_wait(ep, &ev, 1, 0), "epoll_wait");
}
static void call_epoll_close(void) {
  int ep = watch();
  begun();
  check(!close(ep), "close");
}
static void call_epoll_exit(void) {
  watch();
  begun();
}
static void call_close_range(void) {
  descriptors();
  begun();
  check(!close_range(3, ~0u, 0), "close_range");
}

// All threads of a program woken at once, and all processes of a group ended.
enum { WAITERS = 2000, CHILDREN = 3000, QUEUED = 10000 };
static unsigned word;
static void *waits(void *unused) {
  syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, 0, 0, 0, 0);
  return unused;
}
static void call_wake(void) {
  pthread_attr_t small;
  pthread_attr_init(&small);
  pthread_attr_setstacksize(&small, 65536);
  pthread_t thread;
  for (int i = 0; i < WAITERS; i++) check(!pthread_create(&thread, &small, waits, 0), "pthread_create");
  begun();
  __atomic_store_n(&word, 1, __ATOMIC_SEQ_CST);
  syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, WAITERS, 0, 0, 0);
}
// Signals with a record each to all of a group, and many of one kind that are dropped behind many of another.
static void call_kill_queued(void) {
  sigset_t all;
  sigfillset(&all);
  sigprocmask(SIG_BLOCK, &all, 0);
  check(getpgrp() == getpid() || !setpgid(0, 0), "setpgid");
  pid_t pid[CHILDREN];
  for (int i = 0; i < CHILDREN; i++) {
    check((pid[i] = fork()) >= 0, "fork");
    if (!pid[i])
      for (;;) pause();
  }
  begun();
  check(!kill(0, SIGRTMIN), "kill");
  for (int i = 0; i < CHILDREN; i++) check(!kill(pid[i], SIGKILL), "kill");
  for (int i = 0; i < CHILDREN; i++) check(wait(0) > 0, "wait");
}
static void call_ignore(void) {
  sigset_t all;
  sigfillset(&all);
  sigprocmask(SIG_BLOCK, &all, 0);
  for (int i = 0; i < 2 * QUEUED; i++) check(!kill(getpid(), i < QUEUED ? SIGRTMIN : SIGRTMIN + 1), "kill");
  begun();
  check(signal(SIGRTMIN + 1, SIG_IGN) != SIG_ERR, "signal");
}

// Threads that wait for one thing about a counter, and those behind them in its queue, which wait for another and are woken.
static int counter;
static void *polls(void *events) {
  struct pollfd p = {.fd = counter, .events = (short)(long)events};
  poll(&p, 1, -1);
  return 0;
}
static void call_wake_some(void) {
  counter = eventfd(0, 0);
  check(counter >= 0, "eventfd");
  pthread_attr_t small;
  pthread_attr_init(&small);
  pthread_attr_setstacksize(&small, 65536);
  pthread_t thread[2 * WAITERS];
  for (int i = 0; i < 2 * WAITERS; i++)
    check(!pthread_create(&thread[i], &small, polls, (void *)(long)(i < WAITERS ? POLLPRI : POLLIN)), "pthread_create");
  unsigned long long one = 1;
  begun();
  check(write(counter, &one, 8) == 8, "write");
  for (int i = WAITERS; i < 2 * WAITERS; i++) check(!pthread_join(thread[i], 0), "pthread_join");
}

// A parent of many process groups, stopped ones among them, that ends.
static void call_orphans(void) {
  pid_t parent = fork();
  check(parent >= 0, "fork");
  if (!parent) {
    for (int i = 0; i < CHILDREN; i++) {
      pid_t pid = fork();
      check(pid >= 0, "fork");
      if (!pid) {
        if (i % 2) setpgid(0, 0);
        for (;;) raise(SIGSTOP);
      }
      check(waitpid(pid, 0, WUNTRACED) == pid, "waitpid");
    }
    begun();
    _exit(0);
  }
  check(waitpid(parent, 0, 0) == parent, "waitpid");
}
static void call_kill(void) {
  sigset_t term;
  sigemptyset(&term);
  sigaddset(&term, SIGTERM);
  sigprocmask(SIG_BLOCK, &term, 0);
  check(getpgrp() == getpid() || !setpgid(0, 0), "setpgid");
  for (int i = 0; i < CHILDREN; i++) {
    pid_t pid = fork();
    check(pid >= 0, "fork");
    if (!pid) {
      sigprocmask(SIG_UNBLOCK, &term, 0);
      for (;;) pause();
    }
  }
  begun();
  check(!kill(0, SIGTERM), "kill");
  for (int i = 0; i < CHILDREN; i++) check(wait(0) > 0, "wait");
}

static const struct {
  const char *name;
  void (*make)(void);
} calls[] = {
    {"mincore", call_mincore},
    {"urandom", call_urandom},
    {"zero", call_zero},
    {"getrandom", call_getrandom},
    {"read", call_read},
    {"write", call_write},
    {"sendfile", call_sendfile},
    {"copy_file_range", call_copy_file_range},
    {"ftruncate", call_ftruncate},
    {"close", call_close},
    {"allocate", call_allocate},
    {"punch", call_punch},
    {"mprotect", call_mprotect},
    {"munmap", call_munmap},
    {"madvise", call_madvise},
    {"mremap", call_mremap},
    {"fork", call_fork},
    {"exit", call_exit},
    {"core", call_core},
    {"populate", call_populate},
    {"lock", call_lock},
    {"rollup", call_rollup},
    {"cut", call_cut},
    {"poll", call_poll},
    {"select", call_select},
    {"epoll_wait", call_epoll_wait},
    {"epoll_close", call_epoll_close},
    {"epoll_exit", call_epoll_exit},
    {"close_range", call_close_range},
    {"wake", call_wake},
    {"wake_some", call_wake_some},
    {"orphans", call_orphans},
    {"kill_queued", call_kill_queued},
    {"ignore", call_ignore},
    {"kill", call_kill},
};

int main(int argc, char **argv) {
  check(argc > 1, "holds CALL [MIB]");
  size = (size_t)number(argc, argv, 2, 192) << 20;
  buffer = map(0, size, PROT_READ | PROT_WRITE, 0);
  for (size_t i = 0; i < sizeof calls / sizeof *calls; i++)
    if (!strcmp(argv[1], calls[i].name)) {
      calls[i].make();
      return 0;
    }
  check(0, "no such call");
}
