// Threads through pthreads: creation, mutual exclusion, conditions, thread-local data, cancellation, exits.
#include "check.h"
#include <pthread.h>
#include <semaphore.h>
#include <sys/mman.h>

static void *identity(void *arg) { return arg; }

static void joining(void) {
  pthread_t t[20];
  void *r;
  int right = 0;
  for (long i = 0; i < 20; i++) pthread_create(&t[i], NULL, identity, (void *)(i * 3));
  for (long i = 0; i < 20; i++) right += pthread_join(t[i], &r) == 0 && r == (void *)(i * 3);
  EQ("values", right, 20);
  int one_after_another = 0;
  for (long i = 0; i < 300; i++) {
    pthread_create(&t[0], NULL, identity, (void *)i);
    pthread_join(t[0], &r);
    one_after_another += r == (void *)i;
  }
  EQ("one-after-another", one_after_another, 300);
}

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static long shared, plain_atomic;
enum { THREADS = 4, EACH = 20000 };

static void *adder(void *arg) {
  for (int i = 0; i < EACH; i++) {
    pthread_mutex_lock(&lock);
    shared++;
    pthread_mutex_unlock(&lock);
    __atomic_fetch_add(&plain_atomic, 2, __ATOMIC_RELAXED);
  }
  return arg;
}

static void run(void *(*f)(void *), int n) {
  pthread_t t[16];
  for (long i = 0; i < n; i++) pthread_create(&t[i], NULL, f, (void *)i);
  for (int i = 0; i < n; i++) pthread_join(t[i], NULL);
}

static void mutexes(void) {
  shared = plain_atomic = 0;
  run(adder, THREADS);
  EQ("mutex-sum", shared, THREADS * EACH);
  EQ("atomic-sum", plain_atomic, 2 * THREADS * EACH);
  pthread_mutex_t m;
  pthread_mutexattr_t a;
  pthread_mutexattr_init(&a);
  pthread_mutexattr_settype(&a, PTHREAD_MUTEX_ERRORCHECK);
  pthread_mutex_init(&m, &a);
  pthread_mutex_lock(&m);
  EQ("errorcheck", pthread_mutex_lock(&m), EDEADLK);
  pthread_mutex_unlock(&m);
  EQ("unlock-not-owned", pthread_mutex_unlock(&m), EPERM);
  pthread_mutexattr_settype(&a, PTHREAD_MUTEX_RECURSIVE);
  pthread_mutex_init(&m, &a);
  pthread_mutex_lock(&m);
  EQ("recursive", pthread_mutex_lock(&m), 0);
  pthread_mutex_lock(&lock);
  EQ("trylock", pthread_mutex_trylock(&lock), EBUSY);
  struct timespec t;
  clock_gettime(CLOCK_REALTIME, &t);
  t.tv_nsec += 20000000;
  if (t.tv_nsec >= 1000000000) t.tv_nsec -= 1000000000, t.tv_sec++;
  EQ("timedlock", pthread_mutex_timedlock(&lock, &t), ETIMEDOUT);
  pthread_mutex_unlock(&lock);
}

static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static int turn;

static void *takes_turns(void *arg) {
  int me = (long)arg;
  for (int i = 0; i < 200; i++) {
    pthread_mutex_lock(&lock);
    while (turn % THREADS != me) pthread_cond_wait(&changed, &lock);
    turn++;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
  }
  return NULL;
}

static void conditions(void) {
  turn = 0;
  run(takes_turns, THREADS);
  EQ("turns", turn, 200 * THREADS);
  struct timespec t;
  clock_gettime(CLOCK_REALTIME, &t);
  t.tv_nsec += 20000000;
  if (t.tv_nsec >= 1000000000) t.tv_nsec -= 1000000000, t.tv_sec++;
  pthread_mutex_lock(&lock);
  EQ("timedwait", pthread_cond_timedwait(&changed, &lock, &t), ETIMEDOUT);
  pthread_mutex_unlock(&lock);
}

static pthread_barrier_t barrier;
static int arrived[THREADS], serial;

static void *meets(void *arg) {
  for (int i = 0; i < 100; i++) {
    arrived[(long)arg] = i;
    if (pthread_barrier_wait(&barrier) == PTHREAD_BARRIER_SERIAL_THREAD) __atomic_fetch_add(&serial, 1, __ATOMIC_SEQ_CST);
    for (int k = 0; k < THREADS; k++)
      if (arrived[k] != i) return (void *)1;
    pthread_barrier_wait(&barrier);
  }
  return NULL;
}

static pthread_rwlock_t rw = PTHREAD_RWLOCK_INITIALIZER;
static long first_half, second_half, torn;

static void *reads_and_writes(void *arg) {
  for (int i = 0; i < 3000; i++) {
    if ((i + (long)arg) % 8 == 0) {
      pthread_rwlock_wrlock(&rw);
      first_half++;
      second_half++;
    } else {
      pthread_rwlock_rdlock(&rw);
      if (first_half != second_half) __atomic_fetch_add(&torn, 1, __ATOMIC_SEQ_CST);
    }
    pthread_rwlock_unlock(&rw);
  }
  return NULL;
}

static pthread_once_t once = PTHREAD_ONCE_INIT;
static int initialised;
static void initialise(void) { initialised++; }
static void *calls_once(void *arg) {
  pthread_once(&once, initialise);
  return arg;
}

static void others(void) {
  pthread_barrier_init(&barrier, NULL, THREADS);
  serial = 0;
  run(meets, THREADS);
  EQ("barrier-serial", serial, 100);
  run(reads_and_writes, THREADS);
  EQ("rwlock-torn", torn, 0);
  EQ("rwlock-writes", first_half, THREADS * 3000 / 8);
  run(calls_once, 8);
  EQ("once", initialised, 1);
  sem_t s;
  sem_init(&s, 0, 2);
  sem_wait(&s), sem_wait(&s);
  FAILS("semaphore", sem_trywait(&s), EAGAIN);
  sem_post(&s);
  GOOD("semaphore-post", sem_wait(&s));
}

static __thread int local = 5;
static __thread int local_zero;
static int different_addresses = 1, initial_values = 1;
static int *addresses[8];
static pthread_key_t key;
static int destroyed;
static void destroy(void *value) { __atomic_fetch_add(&destroyed, (long)value, __ATOMIC_SEQ_CST); }

static void *uses_local(void *arg) {
  if (local != 5 || local_zero != 0) initial_values = 0;
  local = (long)arg;
  errno = (long)arg;
  addresses[(long)arg] = &local;
  pthread_setspecific(key, (void *)((long)arg + 1));
  sched_yield();
  if (local != (long)arg || errno != (long)arg) initial_values = 0;
  return NULL;
}

static void local_data(void) {
  pthread_key_create(&key, destroy);
  local = 77;
  run(uses_local, 8);
  TRUE("own-values", initial_values);
  for (int i = 0; i < 8; i++) different_addresses &= addresses[i] != &local;
  TRUE("own-place", different_addresses);
  EQ("ours-kept", local, 77);
  EQ("destructors", destroyed, 36);
}

static int cleaned;
static void cleanup(void *arg) { cleaned += (long)arg; }

static void *waits_for_ever(void *arg) {
  int p[2];
  pipe(p);
  char c;
  pthread_cleanup_push(cleanup, arg);
  read(p[0], &c, 1);
  pthread_cleanup_pop(0);
  return NULL;
}

static void *spins(void *arg) {
  pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, NULL);
  for (;;) __asm__ volatile("" ::: "memory");
  return arg;
}

static void *leaves(void *arg) {
  pthread_cleanup_push(cleanup, (void *)100);
  pthread_exit(arg);
  pthread_cleanup_pop(0);
}

static void cancellation(void) {
  pthread_t t;
  void *r = NULL;
  pthread_create(&t, NULL, waits_for_ever, (void *)10);
  pthread_cancel(t);
  pthread_join(t, &r);
  TRUE("in-read", r == PTHREAD_CANCELED);
  pthread_create(&t, NULL, spins, NULL);
  pthread_cancel(t);
  pthread_join(t, &r);
  TRUE("asynchronous", r == PTHREAD_CANCELED);
  cleaned = 0;
  pthread_create(&t, NULL, leaves, (void *)6);
  pthread_join(t, &r);
  EQ("pthread_exit", (long)r, 6);
  EQ("cleanup", cleaned, 100);
}

static int handled_by[4];
static pthread_t handled_in;
static void note(int signal) {
  (void)signal;
  handled_in = pthread_self();
  handled_by[0]++;
}

static pid_t waiter_tid;
static void *waits_for_signal(void *arg) {
  sigset_t s;
  sigemptyset(&s);
  sigaddset(&s, SIGUSR1);
  __atomic_store_n(&waiter_tid, gettid(), __ATOMIC_SEQ_CST);
  int got;
  sigwait(&s, &got);
  *(int *)arg = got;
  return NULL;
}

static volatile int stop_spinning;
static void *spins_until_told(void *arg) {
  __atomic_store_n((pid_t *)arg, gettid(), __ATOMIC_SEQ_CST);
  while (!stop_spinning) continue;
  return NULL;
}

static void directed_signals(void) {
  struct sigaction a = {.sa_handler = note};
  sigaction(SIGUSR2, &a, NULL);
  pthread_t t;
  static pid_t tid;
  pthread_create(&t, NULL, spins_until_told, &tid);
  while (!__atomic_load_n(&tid, __ATOMIC_SEQ_CST)) sched_yield();
  pthread_kill(t, SIGUSR2);
  while (!__atomic_load_n(&handled_by[0], __ATOMIC_SEQ_CST)) sched_yield();
  TRUE("pthread_kill", pthread_equal(handled_in, t));
  // Blocked in the main thread, a signal to the process goes to the other one.
  sigset_t s;
  sigemptyset(&s);
  sigaddset(&s, SIGUSR2);
  pthread_sigmask(SIG_BLOCK, &s, NULL);
  kill(getpid(), SIGUSR2);
  while (__atomic_load_n(&handled_by[0], __ATOMIC_SEQ_CST) < 2) sched_yield();
  TRUE("process-signal", pthread_equal(handled_in, t));
  stop_spinning = 1;
  pthread_join(t, NULL);
  pthread_sigmask(SIG_UNBLOCK, &s, NULL);
  FAILS("tgkill-other-group", syscall(SYS_tgkill, getpid() + 1000000, tid, 0), ESRCH);
  while (syscall(SYS_tgkill, getpid(), tid, 0) == 0) sched_yield();  // join may return while the thread is still leaving
  FAILS("tgkill-gone", syscall(SYS_tgkill, getpid(), tid, 0), ESRCH);
  FAILS("tgkill-zero", syscall(SYS_tgkill, getpid(), 0, 0), EINVAL);
  sigemptyset(&s);
  sigaddset(&s, SIGUSR1);
  pthread_sigmask(SIG_BLOCK, &s, NULL);
  int got = 0;
  pthread_create(&t, NULL, waits_for_signal, &got);
  while (!__atomic_load_n(&waiter_tid, __ATOMIC_SEQ_CST)) sched_yield();
  until_asleep(getpid(), waiter_tid);
  kill(getpid(), SIGUSR1);
  pthread_join(t, NULL);
  EQ("sigwait", got, SIGUSR1);
  pthread_sigmask(SIG_UNBLOCK, &s, NULL);
}

static void *exits_all(void *arg) {
  exit((long)arg);
  return NULL;
}

static void *only_this(void *arg) {
  syscall(SYS_exit, 99);
  return arg;
}

static void *finishes_later(void *arg) {
  until_asleep(getpid(), getpid());
  _exit((long)arg);
}

static void endings(void) {
  pid_t pid = fork();
  if (pid == 0) {
    pthread_t t;
    for (int i = 0; i < 3; i++) pthread_create(&t, NULL, spins, NULL);
    pthread_create(&t, NULL, exits_all, (void *)31);
    for (;;) pause();
  }
  EQ("exit-from-thread", status_of(pid), EXITED(31));
  pid = fork();
  if (pid == 0) {
    pthread_t t;
    pthread_create(&t, NULL, spins, NULL);
    _exit(32);
  }
  EQ("exit-with-threads", status_of(pid), EXITED(32));
  pid = fork();
  if (pid == 0) {
    pthread_t t;
    pthread_create(&t, NULL, only_this, NULL);
    pthread_join(t, NULL);
    _exit(33);
  }
  EQ("thread-exit-syscall", status_of(pid), EXITED(33));
  // The first thread may leave before the others; the process goes on and its status is what the last one gives.
  pid = fork();
  if (pid == 0) {
    pthread_t t;
    pthread_create(&t, NULL, finishes_later, (void *)34);
    pthread_exit(NULL);
  }
  EQ("leader-leaves-first", status_of(pid), EXITED(34));
  pid = fork();
  if (pid == 0) {
    pthread_t t;
    for (int i = 0; i < 3; i++) pthread_create(&t, NULL, spins, NULL);
    kill(getpid(), SIGKILL);
    for (;;) pause();
  }
  EQ("kill-takes-all", status_of(pid), SIGKILL);
  pid = fork();
  if (pid == 0) {
    pthread_t t;
    pthread_create(&t, NULL, identity, NULL);
    *(volatile int *)8 = 1;
  }
  EQ("segv-takes-all", status_of(pid) & 0x7f, SIGSEGV);
}

static void *forks(void *arg) {
  for (int i = 0; i < 20; i++) {
    pid_t pid = fork();
    if (pid == 0) _exit((long)arg);
    if (status_of(pid) != EXITED((long)arg)) return (void *)1;
  }
  return NULL;
}

static void fork_in_threads(void) {
  pthread_t t[THREADS];
  void *r;
  int right = 0;
  for (long i = 0; i < THREADS; i++) pthread_create(&t[i], NULL, forks, (void *)(i + 1));
  for (int i = 0; i < THREADS; i++) right += pthread_join(t[i], &r) == 0 && r == NULL;
  EQ("statuses", right, THREADS);
}

static pthread_mutex_t *robust;
static void *dies_with_lock(void *arg) {
  pthread_mutex_lock(robust);
  return arg;
}

static void robust_mutexes(void) {
  robust = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  pthread_mutexattr_t a;
  pthread_mutexattr_init(&a);
  pthread_mutexattr_setrobust(&a, PTHREAD_MUTEX_ROBUST);
  pthread_mutexattr_setpshared(&a, PTHREAD_PROCESS_SHARED);
  pthread_mutex_init(robust, &a);
  pthread_t t;
  pthread_create(&t, NULL, dies_with_lock, NULL);
  pthread_join(t, NULL);
  EQ("thread-died", pthread_mutex_lock(robust), EOWNERDEAD);
  EQ("consistent", pthread_mutex_consistent(robust), 0);
  pthread_mutex_unlock(robust);
  pid_t pid = fork();
  if (pid == 0) {
    pthread_mutex_lock(robust);
    _exit(0);
  }
  status_of(pid);
  EQ("process-died", pthread_mutex_lock(robust), EOWNERDEAD);
  pthread_mutex_unlock(robust);  // not made consistent: no longer usable
  EQ("not-recoverable", pthread_mutex_lock(robust), ENOTRECOVERABLE);
  munmap(robust, 4096);
}

static int across_sum(int *counter, pthread_mutex_t *m) {
  for (int i = 0; i < 5000; i++) {
    pthread_mutex_lock(m);
    ++*counter;
    pthread_mutex_unlock(m);
  }
  return 0;
}

static void across_processes(void) {
  struct {
    pthread_mutex_t m;
    int counter;
  } *s = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  pthread_mutexattr_t a;
  pthread_mutexattr_init(&a);
  pthread_mutexattr_setpshared(&a, PTHREAD_PROCESS_SHARED);
  pthread_mutex_init(&s->m, &a);
  pid_t pid[3];
  for (int i = 0; i < 3; i++)
    if ((pid[i] = fork()) == 0) _exit(across_sum(&s->counter, &s->m));
  for (int i = 0; i < 3; i++) status_of(pid[i]);
  EQ("sum", s->counter, 15000);
  munmap(s, 4096);
}

static void attributes(void) {
  pthread_attr_t a;
  pthread_attr_init(&a);
  pthread_attr_setstacksize(&a, 1 << 20);
  pthread_t t;
  EQ("stack-size", pthread_create(&t, &a, identity, NULL), 0);
  pthread_join(t, NULL);
  pthread_attr_setdetachstate(&a, PTHREAD_CREATE_DETACHED);
  for (int i = 0; i < 50; i++) pthread_create(&t, &a, identity, NULL);
  pthread_setname_np(pthread_self(), "renamed");
  char name[32] = {0};
  pthread_getname_np(pthread_self(), name, sizeof name);
  STR("name", name, "renamed");
  EQ("main-tid", gettid(), getpid());
}

CHECK_MAIN(CASE(joining), CASE(mutexes), CASE(conditions), CASE(others), CASE(local_data), CASE(cancellation),
           CASE(directed_signals), CASE(endings), CASE(fork_in_threads), CASE(robust_mutexes), CASE(across_processes),
           CASE(attributes))
