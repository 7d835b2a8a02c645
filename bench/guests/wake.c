// Threads that wake one another: wake futex|create|mutex|sleep [COUNT]. A line of JSON each run: medians, and of sleeps the worst.
#define _GNU_SOURCE
#include <linux/futex.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "bench.h"

enum { MOST = 20000 };
static uint64_t samples[MOST];
static long count;

static int ascending(const void *a, const void *b) {
  uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
  return x < y ? -1 : x > y;
}

static void report(void) {
  qsort(samples, (size_t)count, sizeof *samples, ascending);
  printf("{\"ns\":%llu,\"worstNs\":%llu,\"count\":%ld}\n", (unsigned long long)samples[count / 2],
         (unsigned long long)samples[count - 1], count);
}

static long futex(atomic_uint *word, int op, unsigned value) { return syscall(SYS_futex, word, op | FUTEX_PRIVATE_FLAG, value, 0, 0, 0); }

// The waker lets the sleeper's hart fall asleep, looks at the clock and wakes; the sleeper looks when it runs.
static atomic_uint turn;
static _Atomic uint64_t woken_at, running_at;

static void *sleeper(void *unused) {
  for (unsigned i = 1; i <= (unsigned)count; i++) {
    while (atomic_load(&turn) < i) futex(&turn, FUTEX_WAIT, i - 1);
    atomic_store(&running_at, now_ns());
  }
  return unused;
}

static void futex_wakes(void) {
  pthread_t thread;
  check(!pthread_create(&thread, 0, sleeper, 0), "pthread_create");
  for (long i = 0; i < count; i++) {
    uint64_t asleep = now_ns() + 300000;
    while (now_ns() < asleep) continue;
    atomic_store(&running_at, 0);
    atomic_store(&woken_at, now_ns());
    atomic_fetch_add(&turn, 1);
    futex(&turn, FUTEX_WAKE, 1);
    while (!atomic_load(&running_at)) continue;
    samples[i] = atomic_load(&running_at) - atomic_load(&woken_at);
  }
  pthread_join(thread, 0);
}

static void *nothing(void *unused) { return unused; }

static void creates(void) {
  for (long i = 0; i < count; i++) {
    uint64_t from = now_ns();
    pthread_t thread;
    check(!pthread_create(&thread, 0, nothing, 0) && !pthread_join(thread, 0), "pthread_create");
    samples[i] = now_ns() - from;
  }
}

// Two threads on a ring of three mutexes: each holds one, takes the next and lets go of the one before, so that every step
// of the one in front hands a mutex to the one behind, which waits for it.
static pthread_mutex_t ring[3] = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_MUTEX_INITIALIZER, PTHREAD_MUTEX_INITIALIZER};
static pthread_barrier_t begin;

static void *walk(void *first) {
  long at = (long)first;
  pthread_mutex_lock(&ring[at]);
  pthread_barrier_wait(&begin);
  for (long i = 0; i < count; i++) {
    long next = (at + 1) % 3;
    pthread_mutex_lock(&ring[next]);
    pthread_mutex_unlock(&ring[at]);
    at = next;
  }
  pthread_mutex_unlock(&ring[at]);
  return 0;
}

static void mutexes(void) {
  pthread_barrier_init(&begin, 0, 2);
  pthread_t other;
  check(!pthread_create(&other, 0, walk, (void *)1), "pthread_create");
  uint64_t from = now_ns();
  walk((void *)0);
  pthread_join(other, 0);
  uint64_t each = (now_ns() - from) / (uint64_t)(2 * count);
  for (long i = 0; i < count; i++) samples[i] = each;
}

static void sleeps(void) {
  const struct timespec wanted = {0, 200000};
  for (long i = 0; i < count; i++) {
    uint64_t due = now_ns() + (uint64_t)wanted.tv_nsec;
    check(!nanosleep(&wanted, 0), "nanosleep");
    uint64_t now = now_ns();
    samples[i] = now > due ? now - due : 0;
  }
}

int main(int argc, char **argv) {
  check(argc > 1, "wake futex|create|mutex|sleep [COUNT]");
  count = number(argc, argv, 2, 1000);
  check(count > 0 && count <= MOST, "count");
  if (!strcmp(argv[1], "futex")) futex_wakes();
  else if (!strcmp(argv[1], "create")) creates();
  else if (!strcmp(argv[1], "mutex")) mutexes();
  else sleeps();
  report();
  return 0;
}
