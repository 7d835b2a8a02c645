// Futexes with priority inheritance, alone and in robust lists; glibc's mutexes and condition variables of that kind.
#include "check.h"
#include <linux/futex.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/resource.h>

#ifndef FUTEX_LOCK_PI2
#define FUTEX_LOCK_PI2 13
#endif

static uint32_t word, cond;

static long futex(uint32_t *at, int op, uint32_t value, const void *timeout, uint32_t *second, uint32_t third) {
  return syscall(SYS_futex, at, op, value, timeout, second, third);
}

static uint32_t load(uint32_t *at) { return __atomic_load_n(at, __ATOMIC_SEQ_CST); }
static void store(uint32_t *at, uint32_t v) { __atomic_store_n(at, v, __ATOMIC_SEQ_CST); }

static struct timespec in_ms(clockid_t clock, int ms) {
  int64_t ns = now_ns(clock) + ms * 1000000ll;
  return (struct timespec){ns / 1000000000, ns % 1000000000};
}

// A thread that makes one futex call and tells what came of it.
struct call {
  pthread_t thread;
  pid_t tid;
  uint32_t *at, *second;
  int op;
  uint32_t value;
  const struct timespec *timeout;
  long result;
  int error;
  uint32_t seen;
  int order;
};

static int order;

static void *makes_call(void *arg) {
  struct call *c = arg;
  __atomic_store_n(&c->tid, gettid(), __ATOMIC_SEQ_CST);
  errno = 0;
  c->result = futex(c->at, c->op, c->value, c->timeout, c->second, 0);
  c->error = errno;
  if (c->result == 0) {
    uint32_t *owned = c->second ? c->second : c->at;
    c->seen = load(owned);
    c->order = __atomic_add_fetch(&order, 1, __ATOMIC_SEQ_CST);
    futex(owned, FUTEX_UNLOCK_PI | (c->op & FUTEX_PRIVATE_FLAG), 0, NULL, NULL, 0);
  }
  return NULL;
}

static void begin(struct call *c) {
  must(pthread_create(&c->thread, NULL, makes_call, c) ? -1 : 0);
  while (!__atomic_load_n(&c->tid, __ATOMIC_SEQ_CST)) sched_yield();
}

// Begins a lock, and waits until the word says that somebody waits and the thread sleeps.
static void begin_lock(struct call *c) {
  begin(c);
  while (!(load(c->at) & FUTEX_WAITERS)) sched_yield();
  until_asleep(getpid(), c->tid);
}

static void lock_and_unlock(void) {
  word = 0;
  EQ("lock", futex(&word, FUTEX_LOCK_PI_PRIVATE, 0, NULL, NULL, 0), 0);
  EQ("word", word, gettid());
  FAILS("again", futex(&word, FUTEX_LOCK_PI_PRIVATE, 0, NULL, NULL, 0), EDEADLK);
  FAILS("try-again", futex(&word, FUTEX_TRYLOCK_PI_PRIVATE, 0, NULL, NULL, 0), EDEADLK);
  EQ("unlock", futex(&word, FUTEX_UNLOCK_PI_PRIVATE, 0, NULL, NULL, 0), 0);
  EQ("free", word, 0);
  FAILS("unlock-again", futex(&word, FUTEX_UNLOCK_PI_PRIVATE, 0, NULL, NULL, 0), EPERM);
  EQ("try", futex(&word, FUTEX_TRYLOCK_PI_PRIVATE, 0, NULL, NULL, 0), 0);
  EQ("unlock-2", futex(&word, FUTEX_UNLOCK_PI_PRIVATE, 0, NULL, NULL, 0), 0);
  EQ("lock2", futex(&word, FUTEX_LOCK_PI2 | FUTEX_PRIVATE_FLAG, 0, NULL, NULL, 0), 0);
  EQ("unlock-3", futex(&word, FUTEX_UNLOCK_PI_PRIVATE, 0, NULL, NULL, 0), 0);
  word = FUTEX_OWNER_DIED;
  EQ("died", futex(&word, FUTEX_LOCK_PI_PRIVATE, 0, NULL, NULL, 0), 0);
  EQ("died-kept", word, FUTEX_OWNER_DIED | gettid());
  EQ("unlock-4", futex(&word, FUTEX_UNLOCK_PI_PRIVATE, 0, NULL, NULL, 0), 0);
  EQ("died-gone", word, 0);
  // A tid that is nobody's.
  word = 0x3ffffffe;
  FAILS("nobody", futex(&word, FUTEX_LOCK_PI_PRIVATE, 0, NULL, NULL, 0), ESRCH);
  EQ("nobody-marked", word, FUTEX_WAITERS | 0x3ffffffe);
  FAILS("nobody-unlock", futex(&word, FUTEX_UNLOCK_PI_PRIVATE, 0, NULL, NULL, 0), EPERM);
  FAILS("nobody-try", futex(&word, FUTEX_TRYLOCK_PI_PRIVATE, 0, NULL, NULL, 0), ESRCH);
}

static void mistakes(void) {
  word = cond = 0;
  uint32_t *odd = (uint32_t *)((char *)&word + 1);
  FAILS("misaligned", futex(odd, FUTEX_LOCK_PI_PRIVATE, 0, NULL, NULL, 0), EINVAL);
  FAILS("address", futex((uint32_t *)16, FUTEX_LOCK_PI_PRIVATE, 0, NULL, NULL, 0), EFAULT);
  FAILS("unlock-address", futex((uint32_t *)16, FUTEX_UNLOCK_PI, 0, NULL, NULL, 0), EFAULT);
  struct timespec bad = {0, 1000000000};
  FAILS("time", futex(&word, FUTEX_LOCK_PI_PRIVATE, 0, &bad, NULL, 0), EINVAL);
  FAILS("clock-of-lock", futex(&word, FUTEX_LOCK_PI | FUTEX_CLOCK_REALTIME, 0, NULL, NULL, 0), ENOSYS);
  FAILS("clock-of-try", futex(&word, FUTEX_TRYLOCK_PI | FUTEX_CLOCK_REALTIME, 0, NULL, NULL, 0), ENOSYS);
  FAILS("clock-of-unlock", futex(&word, FUTEX_UNLOCK_PI | FUTEX_CLOCK_REALTIME, 0, NULL, NULL, 0), ENOSYS);
  FAILS("clock-of-wait", futex(&word, FUTEX_WAIT | FUTEX_CLOCK_REALTIME, 1, NULL, NULL, 0), ENOSYS);
  FAILS("same-word", futex(&word, FUTEX_WAIT_REQUEUE_PI_PRIVATE, 0, NULL, &word, 0), EINVAL);
  FAILS("value", futex(&cond, FUTEX_WAIT_REQUEUE_PI_PRIVATE, 1, NULL, &word, 0), EAGAIN);
  FAILS("requeue-value", futex(&cond, FUTEX_CMP_REQUEUE_PI_PRIVATE, 1, NULL, &word, 1), EAGAIN);
  FAILS("requeue-same", futex(&cond, FUTEX_CMP_REQUEUE_PI_PRIVATE, 1, NULL, &cond, 0), EINVAL);
  FAILS("requeue-wakes-two", futex(&cond, FUTEX_CMP_REQUEUE_PI_PRIVATE, 2, NULL, &word, 0), EINVAL);
  FAILS("requeue-minus", futex(&cond, FUTEX_CMP_REQUEUE_PI_PRIVATE, 1, (void *)-1l, &word, 0), EINVAL);
  EQ("requeue-nobody", futex(&cond, FUTEX_CMP_REQUEUE_PI_PRIVATE, 1, NULL, &word, 0), 0);
}

// Words in memory that is not there, or may not be used: shared operations say so, FUTEX_WAKE too.
static void unmapped(void) {
  uint32_t *gone = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  munmap(gone, 4096);
  uint32_t *none = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  uint32_t *quiet = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  uint32_t *shown = mmap(NULL, 4096, PROT_READ, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  uint32_t here = 0;
  FAILS("wake", futex(gone, FUTEX_WAKE, 1, NULL, NULL, 0), EFAULT);
  FAILS("wake-none", futex(none, FUTEX_WAKE, 1, NULL, NULL, 0), EFAULT);
  FAILS("wake-read-only", futex(quiet, FUTEX_WAKE, 1, NULL, NULL, 0), EFAULT);
  EQ("wake-read-only-shared", futex(shown, FUTEX_WAKE, 1, NULL, NULL, 0), 0);
  EQ("wake-private", futex(gone, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0), 0);
  FAILS("wake-bitset", futex(gone, FUTEX_WAKE_BITSET, 1, NULL, NULL, 1), EFAULT);
  FAILS("wake-op", futex(&here, FUTEX_WAKE_OP, 1, NULL, gone, 0), EFAULT);
  FAILS("wake-op-first", futex(gone, FUTEX_WAKE_OP, 1, NULL, &here, 0), EFAULT);
  FAILS("requeue", futex(&here, FUTEX_REQUEUE, 1, (void *)1, gone, 0), EFAULT);
  FAILS("cmp-requeue", futex(&here, FUTEX_CMP_REQUEUE, 1, (void *)1, gone, 0), EFAULT);
  FAILS("cmp-requeue-none", futex(&here, FUTEX_CMP_REQUEUE, 1, (void *)1, none, 0), EFAULT);
  EQ("cmp-requeue-private", futex(&here, FUTEX_CMP_REQUEUE_PRIVATE, 1, (void *)1, gone, 0), 0);
  FAILS("requeue-pi", futex(&here, FUTEX_CMP_REQUEUE_PI, 1, (void *)1, shown, 0), EFAULT);
  FAILS("lock-read-only", futex(shown, FUTEX_LOCK_PI, 0, NULL, NULL, 0), EFAULT);
  // Behind the end of the file.
  int fd = must(open("short", O_RDWR | O_CREAT | O_TRUNC, 0644));
  must(ftruncate(fd, 4096));
  uint32_t *past = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  FAILS("past-the-end", futex(past + 1024, FUTEX_WAKE, 1, NULL, NULL, 0), EFAULT);
  EQ("before-the-end", futex(past, FUTEX_WAKE, 1, NULL, NULL, 0), 0);
  close(fd);
  munmap(past, 8192), munmap(none, 4096), munmap(quiet, 4096), munmap(shown, 4096);
}

static void handing_over(void) {
  enum { N = 4 };
  struct call c[N] = {};
  word = order = 0;
  futex(&word, FUTEX_LOCK_PI_PRIVATE, 0, NULL, NULL, 0);
  for (int i = 0; i < N; i++) {
    c[i] = (struct call){.at = &word, .op = FUTEX_LOCK_PI_PRIVATE};
    begin_lock(&c[i]);
  }
  FAILS("held", futex(&word, FUTEX_LOCK_PI_PRIVATE, 0, NULL, NULL, 0), EDEADLK);
  // Only UNLOCK_PI may wake them.
  FAILS("wake", futex(&word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0), EINVAL);
  FAILS("requeue", futex(&word, FUTEX_REQUEUE_PRIVATE, 1, (void *)1, &cond, 0), EINVAL);
  FAILS("requeue-pi", futex(&word, FUTEX_CMP_REQUEUE_PI_PRIVATE, 1, (void *)1, &cond, word), EINVAL);
  EQ("unlock", futex(&word, FUTEX_UNLOCK_PI_PRIVATE, 0, NULL, NULL, 0), 0);
  for (int i = 0; i < N; i++) pthread_join(c[i].thread, NULL);
  int good = 1, in_order = 1;
  for (int i = 0; i < N; i++) {
    good &= c[i].result == 0 && c[i].seen == (c[i].tid | FUTEX_WAITERS);
    in_order &= c[i].order == i + 1;
  }
  TRUE("each-got-it", good);
  TRUE("in-order", in_order);
  EQ("free", word, 0);
}

static void deadlines(void) {
  word = 0;
  futex(&word, FUTEX_LOCK_PI_PRIVATE, 0, NULL, NULL, 0);
  struct timespec real = in_ms(CLOCK_REALTIME, 20), mono = in_ms(CLOCK_MONOTONIC, 20), past = {1, 0};
  struct call c[4] = {
      {.at = &word, .op = FUTEX_LOCK_PI_PRIVATE, .timeout = &real},
      {.at = &word, .op = FUTEX_LOCK_PI2 | FUTEX_PRIVATE_FLAG, .timeout = &mono},
      {.at = &word, .op = FUTEX_LOCK_PI2 | FUTEX_PRIVATE_FLAG | FUTEX_CLOCK_REALTIME, .timeout = &real},
      {.at = &word, .op = FUTEX_LOCK_PI_PRIVATE, .timeout = &past},
  };
  for (int i = 0; i < 4; i++) begin(&c[i]);
  for (int i = 0; i < 4; i++) pthread_join(c[i].thread, NULL);
  static const char *names[] = {"realtime", "lock2-monotonic", "lock2-realtime", "past"};
  for (int i = 0; i < 4; i++) EQ(names[i], c[i].result == -1 ? c[i].error : 0, ETIMEDOUT);
  TRUE("not-early", now_ns(CLOCK_MONOTONIC) >= mono.tv_sec * 1000000000ll + mono.tv_nsec);
  EQ("word", word, gettid() | FUTEX_WAITERS);
  struct call t = {.at = &word, .op = FUTEX_TRYLOCK_PI_PRIVATE};
  begin(&t);
  pthread_join(t.thread, NULL);
  EQ("try-held", t.error, EAGAIN);
  EQ("unlock", futex(&word, FUTEX_UNLOCK_PI_PRIVATE, 0, NULL, NULL, 0), 0);
  EQ("free", word, 0);
}

static uint32_t left, right;

static void *waits_for_left(void *arg) {
  struct call *c = arg;
  futex(&right, FUTEX_LOCK_PI_PRIVATE, 0, NULL, NULL, 0);
  __atomic_store_n(&c->tid, gettid(), __ATOMIC_SEQ_CST);
  c->result = futex(&left, FUTEX_LOCK_PI_PRIVATE, 0, NULL, NULL, 0);
  futex(&left, FUTEX_UNLOCK_PI_PRIVATE, 0, NULL, NULL, 0);
  futex(&right, FUTEX_UNLOCK_PI_PRIVATE, 0, NULL, NULL, 0);
  return NULL;
}

static void circles(void) {
  left = right = 0;
  futex(&left, FUTEX_LOCK_PI_PRIVATE, 0, NULL, NULL, 0);
  struct call c = {};
  pthread_create(&c.thread, NULL, waits_for_left, &c);
  while (!(load(&left) & FUTEX_WAITERS)) sched_yield();
  until_asleep(getpid(), c.tid);
  FAILS("of-two", futex(&right, FUTEX_LOCK_PI_PRIVATE, 0, NULL, NULL, 0), EDEADLK);
  EQ("unlock", futex(&left, FUTEX_UNLOCK_PI_PRIVATE, 0, NULL, NULL, 0), 0);
  pthread_join(c.thread, NULL);
  EQ("other-got-it", c.result, 0);
}

// The word is not what the kernel knows: EINVAL, and nothing happens.
static void forged(void) {
  word = 0;
  futex(&word, FUTEX_LOCK_PI_PRIVATE, 0, NULL, NULL, 0);
  struct call c = {.at = &word, .op = FUTEX_LOCK_PI_PRIVATE};
  begin_lock(&c);
  uint32_t was = load(&word);
  store(&word, 1 | FUTEX_WAITERS);
  FAILS("lock", futex(&word, FUTEX_LOCK_PI_PRIVATE, 0, NULL, NULL, 0), EINVAL);
  FAILS("unlock", futex(&word, FUTEX_UNLOCK_PI_PRIVATE, 0, NULL, NULL, 0), EPERM);
  store(&word, was);
  EQ("unlock-2", futex(&word, FUTEX_UNLOCK_PI_PRIVATE, 0, NULL, NULL, 0), 0);
  pthread_join(c.thread, NULL);
  EQ("got-it", c.result, 0);
  // Somebody waits there in another way.
  store(&word, 5);
  struct call plain = {.at = &word, .op = FUTEX_WAIT_PRIVATE, .value = 5};
  begin(&plain);
  until_asleep(getpid(), plain.tid);
  store(&word, 0);
  FAILS("plain-waiter", futex(&word, FUTEX_LOCK_PI_PRIVATE, 0, NULL, NULL, 0), EINVAL);
  while (futex(&word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0) != 1) sched_yield();
  pthread_join(plain.thread, NULL);
}

static volatile sig_atomic_t hits;
static void hit(int s) { hits += s != 0; }

static void *locks_interrupted(void *arg) { return makes_call(arg); }

static void signals_restart(void) {
  struct sigaction a = {.sa_handler = hit};  // no SA_RESTART
  sigaction(SIGUSR1, &a, NULL);
  word = 0, hits = 0;
  futex(&word, FUTEX_LOCK_PI_PRIVATE, 0, NULL, NULL, 0);
  struct call c = {.at = &word, .op = FUTEX_LOCK_PI_PRIVATE};
  pthread_create(&c.thread, NULL, locks_interrupted, &c);
  while (!(load(&word) & FUTEX_WAITERS)) sched_yield();
  until_asleep(getpid(), c.tid);
  pthread_kill(c.thread, SIGUSR1);
  while (!hits) sched_yield();
  until_asleep(getpid(), c.tid);
  EQ("unlock", futex(&word, FUTEX_UNLOCK_PI_PRIVATE, 0, NULL, NULL, 0), 0);
  pthread_join(c.thread, NULL);
  EQ("lock", c.result, 0);
  // A wait with a time-out is interrupted, SA_RESTART or not; one without is restarted.
  a.sa_flags = SA_RESTART;
  sigaction(SIGUSR1, &a, NULL);
  word = 0, hits = 0;
  struct timespec long_time = {1000, 0};
  struct call timed = {.at = &word, .op = FUTEX_WAIT_PRIVATE, .timeout = &long_time};
  begin(&timed);
  until_asleep(getpid(), timed.tid);
  pthread_kill(timed.thread, SIGUSR1);
  pthread_join(timed.thread, NULL);
  EQ("timed-wait", timed.error, EINTR);
}

static void *ends_holding(void *arg) {
  (void)arg;
  futex(&word, FUTEX_LOCK_PI_PRIVATE, 0, NULL, NULL, 0);
  store(&cond, 1);
  while (!(load(&word) & FUTEX_WAITERS)) sched_yield();
  while (load(&cond) != 2) sched_yield();
  return NULL;
}

static void owner_ends(void) {
  word = cond = 0;
  pthread_t owner;
  pthread_create(&owner, NULL, ends_holding, NULL);
  while (!load(&cond)) sched_yield();
  struct call c[2] = {{.at = &word, .op = FUTEX_LOCK_PI_PRIVATE}, {.at = &word, .op = FUTEX_LOCK_PI_PRIVATE}};
  order = 0;
  begin_lock(&c[0]);
  begin_lock(&c[1]);
  store(&cond, 2);
  pthread_join(owner, NULL);
  pthread_join(c[0].thread, NULL);
  pthread_join(c[1].thread, NULL);
  EQ("first", c[0].seen, c[0].tid | FUTEX_OWNER_DIED | FUTEX_WAITERS);
  EQ("second", c[1].seen, c[1].tid | FUTEX_WAITERS);
  EQ("free", word, 0);
}

static void requeueing(void) {
  enum { N = 4 };
  struct call c[N];
  word = cond = order = 0;
  for (int i = 0; i < N; i++) {
    c[i] = (struct call){.at = &cond, .op = FUTEX_WAIT_REQUEUE_PI_PRIVATE, .second = &word};
    begin(&c[i]);
    until_asleep(getpid(), c[i].tid);
  }
  FAILS("wake", futex(&cond, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0), EINVAL);
  FAILS("plain-requeue", futex(&cond, FUTEX_REQUEUE_PRIVATE, 0, (void *)1, &word, 0), EINVAL);
  FAILS("another-word", futex(&cond, FUTEX_CMP_REQUEUE_PI_PRIVATE, 1, (void *)1, &left, 0), EINVAL);
  futex(&word, FUTEX_LOCK_PI_PRIVATE, 0, NULL, NULL, 0);
  // The word is held: one more than the limit is moved.
  EQ("moved", futex(&cond, FUTEX_CMP_REQUEUE_PI_PRIVATE, 1, (void *)1, &word, 0), 2);
  EQ("word", word, gettid() | FUTEX_WAITERS);
  EQ("rest", futex(&cond, FUTEX_CMP_REQUEUE_PI_PRIVATE, 1, (void *)10, &word, 0), 2);
  EQ("none-left", futex(&cond, FUTEX_CMP_REQUEUE_PI_PRIVATE, 1, (void *)10, &word, 0), 0);
  EQ("unlock", futex(&word, FUTEX_UNLOCK_PI_PRIVATE, 0, NULL, NULL, 0), 0);
  int good = 1, in_order = 1;
  for (int i = 0; i < N; i++) {
    pthread_join(c[i].thread, NULL);
    good &= c[i].result == 0 && c[i].seen == (c[i].tid | FUTEX_WAITERS);
    in_order &= c[i].order == i + 1;
  }
  TRUE("each-got-it", good);
  TRUE("in-order", in_order);
  // A word that is free is taken for the first waiter.
  word = cond = order = 0;
  for (int i = 0; i < 2; i++) {
    c[i] = (struct call){.at = &cond, .op = FUTEX_WAIT_REQUEUE_PI_PRIVATE, .second = &word};
    begin(&c[i]);
    until_asleep(getpid(), c[i].tid);
  }
  EQ("taken", futex(&cond, FUTEX_CMP_REQUEUE_PI_PRIVATE, 1, (void *)10, &word, 0), 2);
  for (int i = 0; i < 2; i++) pthread_join(c[i].thread, NULL);
  EQ("taken-first", c[0].result == 0 && c[0].order == 1, 1);
  EQ("taken-second", c[1].result == 0 && c[1].order == 2, 1);
  // Time-outs: before it is moved, and after.
  word = cond = 0;
  futex(&word, FUTEX_LOCK_PI_PRIVATE, 0, NULL, NULL, 0);
  struct timespec at = in_ms(CLOCK_MONOTONIC, 20), real = in_ms(CLOCK_REALTIME, 400);
  c[0] = (struct call){.at = &cond, .op = FUTEX_WAIT_REQUEUE_PI_PRIVATE, .second = &word, .timeout = &at};
  begin(&c[0]);
  pthread_join(c[0].thread, NULL);
  EQ("expired", c[0].error, ETIMEDOUT);
  c[1] = (struct call){.at = &cond, .op = FUTEX_WAIT_REQUEUE_PI_PRIVATE | FUTEX_CLOCK_REALTIME, .second = &word, .timeout = &real};
  begin(&c[1]);
  while (futex(&cond, FUTEX_CMP_REQUEUE_PI_PRIVATE, 1, (void *)10, &word, 0) != 1) sched_yield();
  pthread_join(c[1].thread, NULL);
  EQ("expired-moved", c[1].error, ETIMEDOUT);
  EQ("unlock-2", futex(&word, FUTEX_UNLOCK_PI_PRIVATE, 0, NULL, NULL, 0), 0);
}

// Two processes, the word in memory that both have.
static void between_processes(void) {
  uint32_t *s = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  pid_t pid = fork();
  if (pid == 0) {
    futex(s, FUTEX_LOCK_PI, 0, NULL, NULL, 0);
    store(s + 1, 1);
    while (!(load(s) & FUTEX_WAITERS)) sched_yield();
    _exit(7);  // holding it
  }
  while (!load(s + 1)) sched_yield();
  EQ("lock", futex(s, FUTEX_LOCK_PI, 0, NULL, NULL, 0), 0);
  EQ("word", *s, gettid() | FUTEX_OWNER_DIED | FUTEX_WAITERS);
  EQ("status", status_of(pid), EXITED(7));
  EQ("unlock", futex(s, FUTEX_UNLOCK_PI, 0, NULL, NULL, 0), 0);
  munmap(s, 4096);
}

static pthread_mutex_t mutex;
static pthread_cond_t condition;
static int turns, ready;

static void *counts(void *arg) {
  for (int i = 0; i < 3000; i++) {
    pthread_mutex_lock(&mutex);
    turns++;
    pthread_mutex_unlock(&mutex);
  }
  return arg;
}

static void *awaits(void *arg) {
  pthread_mutex_lock(&mutex);
  ready++;
  while (ready < 100) pthread_cond_wait(&condition, &mutex);
  turns++;
  pthread_mutex_unlock(&mutex);
  return arg;
}

static void *tries(void *arg) {
  *(int *)arg = pthread_mutex_trylock(&mutex);
  return NULL;
}

static void mutexes(void) {
  static const struct { const char *name; int type; } kinds[] = {
      {"normal", PTHREAD_MUTEX_NORMAL}, {"errorcheck", PTHREAD_MUTEX_ERRORCHECK}, {"recursive", PTHREAD_MUTEX_RECURSIVE}};
  for (int k = 0; k < 3; k++) {
    char name[64];
#define NAMED(what) (snprintf(name, sizeof name, "%s-%s", kinds[k].name, what), name)
    pthread_mutexattr_t a;
    pthread_mutexattr_init(&a);
    pthread_mutexattr_settype(&a, kinds[k].type);
    EQ(NAMED("protocol"), pthread_mutexattr_setprotocol(&a, PTHREAD_PRIO_INHERIT), 0);
    EQ(NAMED("init"), pthread_mutex_init(&mutex, &a), 0);
    pthread_t t[4];
    turns = ready = 0;
    for (int i = 0; i < 4; i++) pthread_create(&t[i], NULL, counts, NULL);
    for (int i = 0; i < 4; i++) pthread_join(t[i], NULL);
    EQ(NAMED("exclude"), turns, 12000);
    int r = 0;
    pthread_mutex_lock(&mutex);
    pthread_create(t, NULL, tries, &r);
    pthread_join(*t, NULL);
    EQ(NAMED("try"), r, EBUSY);
    if (kinds[k].type == PTHREAD_MUTEX_ERRORCHECK) EQ(NAMED("again"), pthread_mutex_lock(&mutex), EDEADLK);
    if (kinds[k].type == PTHREAD_MUTEX_RECURSIVE) {
      EQ(NAMED("again"), pthread_mutex_lock(&mutex), 0);
      pthread_mutex_unlock(&mutex);
    }
    pthread_mutex_unlock(&mutex);
    pthread_cond_init(&condition, NULL);
    turns = 0;
    for (int i = 0; i < 4; i++) pthread_create(&t[i], NULL, awaits, NULL);
    for (int n = 0; n < 4; sched_yield()) {
      pthread_mutex_lock(&mutex);
      n = ready;
      pthread_mutex_unlock(&mutex);
    }
    pthread_mutex_lock(&mutex);
    ready = 100;
    pthread_cond_broadcast(&condition);
    pthread_mutex_unlock(&mutex);
    for (int i = 0; i < 4; i++) pthread_join(t[i], NULL);
    EQ(NAMED("condition"), turns, 4);
    pthread_cond_destroy(&condition);
    EQ(NAMED("destroy"), pthread_mutex_destroy(&mutex), 0);
  }
}

static void robust_mutexes(void) {
  static const struct { const char *name; int type, inherit, shared; } kinds[] = {
      {"normal", PTHREAD_MUTEX_NORMAL, 0, 1},        {"errorcheck", PTHREAD_MUTEX_ERRORCHECK, 0, 1},
      {"recursive", PTHREAD_MUTEX_RECURSIVE, 0, 1},  {"pi", PTHREAD_MUTEX_NORMAL, 1, 1},
      {"pi-errorcheck", PTHREAD_MUTEX_ERRORCHECK, 1, 1}, {"pi-recursive", PTHREAD_MUTEX_RECURSIVE, 1, 1},
      {"private", PTHREAD_MUTEX_NORMAL, 0, 0},       {"pi-private", PTHREAD_MUTEX_NORMAL, 1, 0}};
  for (int k = 0; k < (int)(sizeof kinds / sizeof *kinds); k++) {
    char name[64];
    pthread_mutexattr_t a;
    pthread_mutexattr_init(&a);
    pthread_mutexattr_settype(&a, kinds[k].type);
    pthread_mutexattr_setrobust(&a, PTHREAD_MUTEX_ROBUST);
    pthread_mutexattr_setpshared(&a, kinds[k].shared ? PTHREAD_PROCESS_SHARED : PTHREAD_PROCESS_PRIVATE);
    if (kinds[k].inherit) pthread_mutexattr_setprotocol(&a, PTHREAD_PRIO_INHERIT);
    struct shared { pthread_mutex_t m; int locked; } *s =
        mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    EQ(NAMED("init"), pthread_mutex_init(&s->m, &a), 0);
    if (kinds[k].shared) {
      // Its owner ends while this process waits, and then before.
      for (int early = 0; early < 2; early++) {
        __atomic_store_n(&s->locked, 0, __ATOMIC_SEQ_CST);
        pid_t self = getpid(), pid = fork();
        if (pid == 0) {
          pthread_mutex_lock(&s->m);
          __atomic_store_n(&s->locked, 1, __ATOMIC_SEQ_CST);
          if (!early) until_asleep(self, self);
          _exit(3);
        }
        while (!__atomic_load_n(&s->locked, __ATOMIC_SEQ_CST)) sched_yield();
        if (early) status_of(pid);
        EQ(NAMED(early ? "died-before" : "died-meanwhile"), pthread_mutex_lock(&s->m), EOWNERDEAD);
        if (!early) status_of(pid);
        EQ(NAMED("consistent"), pthread_mutex_consistent(&s->m), 0);
        EQ(NAMED("unlock"), pthread_mutex_unlock(&s->m), 0);
        EQ(NAMED("lock"), pthread_mutex_lock(&s->m), 0);
        EQ(NAMED("unlock-2"), pthread_mutex_unlock(&s->m), 0);
      }
    }
    // A thread that ends holding it; not made consistent, it is lost.
    mutex = s->m;
    pthread_mutex_init(&mutex, &a);
    int r = 0;
    pthread_t t;
    pthread_create(&t, NULL, tries, &r);
    pthread_join(t, NULL);
    EQ(NAMED("thread-locked"), r, 0);
    EQ(NAMED("thread-died"), pthread_mutex_trylock(&mutex), EOWNERDEAD);
    EQ(NAMED("thread-unlock"), pthread_mutex_unlock(&mutex), 0);
    EQ(NAMED("lost"), pthread_mutex_lock(&mutex), ENOTRECOVERABLE);
    munmap(s, 4096);
  }
}

// One that waits for a word, and has many descriptors to close, is killed while the owner ends.
static void killed_with_many(void) {
  uint32_t *shared_word = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  for (int k = 0; k < 10; k++) {
    int held[2], go[2];
    must(pipe(held)), must(pipe(go));
    store(shared_word, 0);
    pid_t owner = must(fork());
    char c = 0;
    if (!owner) {
      close(go[1]);
      if (futex(shared_word, FUTEX_LOCK_PI, 0, NULL, NULL, 0) || write(held[1], &c, 1) != 1) _exit(1);
      _exit(read(go[0], &c, 1) == 0 ? 0 : 1);
    }
    if (read(held[0], &c, 1) != 1) break;
    pid_t waiter = must(fork());
    if (!waiter) {
      close(go[1]);
      struct rlimit most;
      must(getrlimit(RLIMIT_NOFILE, &most));
      most.rlim_cur = most.rlim_max;
      must(setrlimit(RLIMIT_NOFILE, &most));
      for (int i = 0; i < 15000 && dup(0) >= 0; i++) continue;
      futex(shared_word, FUTEX_LOCK_PI, 0, NULL, NULL, 0);
      _exit(2);
    }
    until_asleep(waiter, waiter);
    kill(waiter, SIGKILL);
    close(go[1]);
    int status;
    must(waitpid(owner, &status, 0));
    if (k == 0) EQ("owner", status, EXITED(0));
    must(waitpid(waiter, &status, 0));
    if (k == 0) EQ("waiter", status, SIGKILL);
    close(held[0]), close(held[1]), close(go[0]);
  }
  munmap(shared_word, 4096);
}

CHECK_MAIN(CASE(lock_and_unlock), CASE(mistakes), CASE(unmapped), CASE(handing_over), CASE(deadlines), CASE(circles),
           CASE(forged), CASE(signals_restart), CASE(owner_ends), CASE(requeueing), CASE(between_processes),
           CASE(mutexes), CASE(robust_mutexes), CASE(killed_with_many))
