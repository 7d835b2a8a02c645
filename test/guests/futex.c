// The futex system call itself.
#include "check.h"
#include <linux/futex.h>
#include <pthread.h>
#include <sys/mman.h>

static int word, other;

static long futex(int *at, int op, int value, const void *timeout, int *second, int third) {
  return syscall(SYS_futex, at, op, value, timeout, second, third);
}

static void immediate(void) {
  word = 5;
  FAILS("value-differs", futex(&word, FUTEX_WAIT_PRIVATE, 6, NULL, NULL, 0), EAGAIN);
  EQ("wake-nobody", futex(&word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0), 0);
  FAILS("misaligned", futex((int *)((char *)&word + 1), FUTEX_WAIT_PRIVATE, 5, NULL, NULL, 0), EINVAL);
  FAILS("bad-address", futex((int *)16, FUTEX_WAIT_PRIVATE, 5, NULL, NULL, 0), EFAULT);
  FAILS("bad-address-shared", futex((int *)16, FUTEX_WAIT, 5, NULL, NULL, 0), EFAULT);
  FAILS("operation", futex(&word, 99, 5, NULL, NULL, 0), ENOSYS);
  struct timespec t = {0, -1};
  FAILS("bad-time", futex(&word, FUTEX_WAIT_PRIVATE, 5, &t, NULL, 0), EINVAL);
  FAILS("no-bits", futex(&word, FUTEX_WAIT_BITSET_PRIVATE, 5, NULL, NULL, 0), EINVAL);
  FAILS("wake-no-bits", futex(&word, FUTEX_WAKE_BITSET_PRIVATE, 5, NULL, NULL, 0), EINVAL);
}

static void timeouts(void) {
  word = 1;
  struct timespec t = {0, 20000000};
  int64_t from = now_ns(CLOCK_MONOTONIC);
  FAILS("relative", futex(&word, FUTEX_WAIT_PRIVATE, 1, &t, NULL, 0), ETIMEDOUT);
  TRUE("not-early", now_ns(CLOCK_MONOTONIC) - from >= 20000000);
  clock_gettime(CLOCK_MONOTONIC, &t);
  t.tv_nsec += 20000000;
  if (t.tv_nsec >= 1000000000) t.tv_nsec -= 1000000000, t.tv_sec++;
  FAILS("absolute", futex(&word, FUTEX_WAIT_BITSET_PRIVATE, 1, &t, NULL, FUTEX_BITSET_MATCH_ANY), ETIMEDOUT);
  clock_gettime(CLOCK_REALTIME, &t);
  FAILS("realtime-past",
        futex(&word, FUTEX_WAIT_BITSET_PRIVATE | FUTEX_CLOCK_REALTIME, 1, &t, NULL, FUTEX_BITSET_MATCH_ANY), ETIMEDOUT);
  t = (struct timespec){0, 0};
  FAILS("zero", futex(&word, FUTEX_WAIT_PRIVATE, 1, &t, NULL, 0), ETIMEDOUT);
}

static int started, woken, last_result;
static pid_t tids[16];

static void *waits(void *bits) {
  int me = __atomic_fetch_add(&started, 1, __ATOMIC_SEQ_CST);
  __atomic_store_n(&tids[me], gettid(), __ATOMIC_SEQ_CST);
  long r;
  do r = futex(&word, FUTEX_WAIT_BITSET_PRIVATE, 0, NULL, NULL, (int)(long)bits);
  while (r == -1 && errno == EINTR);
  last_result = r;
  __atomic_fetch_add(&woken, 1, __ATOMIC_SEQ_CST);
  return NULL;
}

static pthread_t start(long bits) {
  int n = __atomic_load_n(&started, __ATOMIC_SEQ_CST);
  pthread_t t;
  pthread_create(&t, NULL, waits, (void *)bits);
  while (__atomic_load_n(&started, __ATOMIC_SEQ_CST) == n || !__atomic_load_n(&tids[n], __ATOMIC_SEQ_CST)) sched_yield();
  until_asleep(getpid(), tids[n]);
  return t;
}

// A waiter that was only about to sleep is not yet counted: ask until the number has come together.
static int wake_all(int *at, int n) {
  int total = 0;
  while (total < n) total += futex(at, FUTEX_WAKE_PRIVATE, n - total, NULL, NULL, 0);
  return total;
}

static void waking(void) {
  pthread_t t[5];
  word = started = woken = 0;
  memset(tids, 0, sizeof tids);
  for (int i = 0; i < 5; i++) t[i] = start(-1);
  int got = 0;
  while (!got) got = futex(&word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
  EQ("one", got, 1);
  EQ("two", wake_all(&word, 2), 2);
  EQ("rest", wake_all(&word, 2), 2);
  for (int i = 0; i < 5; i++) pthread_join(t[i], NULL);
  EQ("woken", woken, 5);
  EQ("result", last_result, 0);
  EQ("none-left", futex(&word, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0), 0);
  // Bit sets choose who wakes.
  started = woken = 0;
  memset(tids, 0, sizeof tids);
  t[0] = start(1);
  t[1] = start(2);
  EQ("no-match", futex(&word, FUTEX_WAKE_BITSET_PRIVATE, 10, NULL, NULL, 4), 0);
  while (futex(&word, FUTEX_WAKE_BITSET_PRIVATE, 10, NULL, NULL, 2) != 1) sched_yield();
  pthread_join(t[1], NULL);
  EQ("match", woken, 1);
  while (futex(&word, FUTEX_WAKE_BITSET_PRIVATE, 10, NULL, NULL, -1) != 1) sched_yield();
  pthread_join(t[0], NULL);
}

static void requeueing(void) {
  pthread_t t[4];
  word = started = woken = other = 0;
  memset(tids, 0, sizeof tids);
  for (int i = 0; i < 4; i++) t[i] = start(-1);
  FAILS("value-differs", futex(&word, FUTEX_CMP_REQUEUE_PRIVATE, 1, (void *)10, &other, 77), EAGAIN);
  // Wakes one and moves the other three (more calls when a waiter came late).
  int moved = 0;
  while (moved < 4) moved += futex(&word, FUTEX_CMP_REQUEUE_PRIVATE, moved ? 0 : 1, (void *)10, &other, 0);
  EQ("woken-and-moved", moved, 4);
  EQ("none-at-first", futex(&word, FUTEX_WAKE_PRIVATE, 10, NULL, NULL, 0), 0);
  EQ("three-at-second", futex(&other, FUTEX_WAKE_PRIVATE, 10, NULL, NULL, 0), 3);
  for (int i = 0; i < 4; i++) pthread_join(t[i], NULL);
  EQ("all", woken, 4);
  // FUTEX_WAKE_OP: other = other + 3; wakes on both when the old value was 0.
  other = 0;
  EQ("wake-op", futex(&word, FUTEX_WAKE_OP_PRIVATE, 1, (void *)1, &other,
                      FUTEX_OP(FUTEX_OP_ADD, 3, FUTEX_OP_CMP_EQ, 0)), 0);
  EQ("wake-op-value", other, 3);
}

static void between_processes(void) {
  int *s = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  pid_t pid = fork();
  if (pid == 0) {
    while (__atomic_load_n(s, __ATOMIC_SEQ_CST) == 0) futex(s, FUTEX_WAIT, 0, NULL, NULL, 0);
    _exit(*s);
  }
  until_asleep(pid, pid);
  __atomic_store_n(s, 9, __ATOMIC_SEQ_CST);
  futex(s, FUTEX_WAKE, 1, NULL, NULL, 0);
  EQ("anonymous", status_of(pid), EXITED(9));
  munmap(s, 4096);
  // The same page of a file, mapped twice at different addresses, is the same futex.
  int fd = must(open("f", O_RDWR | O_CREAT, 0644));
  ftruncate(fd, 8192);
  int *a = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  int *b = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 4096);
  pid = fork();
  if (pid == 0) {
    while (__atomic_load_n(a + 1024, __ATOMIC_SEQ_CST) == 0) futex(a + 1024, FUTEX_WAIT, 0, NULL, NULL, 0);
    _exit(*b);
  }
  until_asleep(pid, pid);
  __atomic_store_n(b, 8, __ATOMIC_SEQ_CST);
  futex(b, FUTEX_WAKE, 1, NULL, NULL, 0);
  EQ("file", status_of(pid), EXITED(8));
  munmap(a, 8192), munmap(b, 4096);
  close(fd);
  // A private futex of another process is another futex.
  word = 0;
  pid = fork();
  if (pid == 0) {
    struct timespec t = {0, 50000000};
    _exit(futex(&word, FUTEX_WAIT_PRIVATE, 0, &t, NULL, 0) == -1 && errno == ETIMEDOUT ? 0 : 1);
  }
  int hit = 0;
  int status = 0;
  while (waitpid(pid, &status, WNOHANG) == 0) hit += futex(&word, FUTEX_WAKE_PRIVATE, 10, NULL, NULL, 0);
  EQ("private-untouched", hit, 0);
  EQ("private-expired", status, 0);
}

static void *cleared(void *arg) { return arg; }

static void thread_exit_clears(void) {
  // set_tid_address: the word is zeroed and woken when the thread ends (pthread_join rests on it).
  pthread_t t;
  for (int i = 0; i < 50; i++) {
    pthread_create(&t, NULL, cleared, NULL);
    pthread_join(t, NULL);
  }
  EQ("set_tid_address", syscall(SYS_set_tid_address, &other), gettid());
  void *head;
  size_t length = 0;
  GOOD("get_robust_list", syscall(SYS_get_robust_list, 0, &head, &length));
  EQ("robust-length", length, 24);
  FAILS("set_robust_list", syscall(SYS_set_robust_list, head, 5), EINVAL);
}

CHECK_MAIN(CASE(immediate), CASE(timeouts), CASE(waking), CASE(requeueing), CASE(between_processes),
           CASE(thread_exit_clears))
