// How threads are scheduled: affinity, policies, priorities, nice values (sched(7)), and clocks that no thread sees go back.
#include "check.h"
#include <pthread.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/resource.h>

struct attributes {
  uint32_t size, policy;
  uint64_t flags;
  int32_t nice;
  uint32_t priority;
  uint64_t runtime, deadline, period;
};
enum { FIRST_SIZE = 48, KEEP_POLICY = 8, KEEP_PARAMS = 16 };
static int set_attributes(pid_t pid, struct attributes *a) { return syscall(SYS_sched_setattr, pid, a, 0); }
static int get_attributes(pid_t pid, struct attributes *a, unsigned size) { return syscall(SYS_sched_getattr, pid, a, size, 0); }

static int harts(void) { return (int)sysconf(_SC_NPROCESSORS_ONLN); }

static cpu_set_t only(int cpu) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(cpu, &set);
  return set;
}

// The value of a line of a /proc file whose name begins it.
static const char *line_of(const char *path, const char *name) {
  static char line[256];
  FILE *f = fopen(path, "r");
  while (f && fgets(line, sizeof line, f))
    if (!strncmp(line, name, strlen(name))) {
      fclose(f);
      line[strcspn(line, "\n")] = 0;
      return line + strlen(name);
    }
  if (f) fclose(f);
  return "";
}

static void affinity(void) {
  cpu_set_t before, now, set;
  must(sched_getaffinity(0, sizeof before, &before));
  EQ("all", CPU_COUNT(&before), harts());
  int there = 0, told = 0, listed = 0;
  for (int i = 0; i < harts(); i++) {
    set = only(i);
    must(sched_setaffinity(0, sizeof set, &set));
    there += sched_getcpu() == i;
    must(sched_getaffinity(0, sizeof now, &now));
    told += CPU_EQUAL(&now, &set);
    listed += atoi(line_of("/proc/self/status", "Cpus_allowed_list:\t")) == i;
  }
  TRUE("runs-there-at-once", there == harts());
  TRUE("told", told == harts());
  TRUE("listed", listed == harts());
  pid_t pid = fork();
  if (!pid) {
    must(sched_getaffinity(0, sizeof now, &now));
    _exit(CPU_EQUAL(&now, &set) ? 0 : 1);
  }
  EQ("inherited", status_of(pid), EXITED(0));
  CPU_ZERO(&set);
  FAILS("none", sched_setaffinity(0, sizeof set, &set), EINVAL);
  FAILS("bad-pointer", syscall(SYS_sched_setaffinity, 0, 8, 1), EFAULT);
  FAILS("no-such", sched_setaffinity(1 << 22, sizeof before, &before), ESRCH);
  FAILS("size", syscall(SYS_sched_getaffinity, 0, 4, &now), EINVAL);
  must(sched_setaffinity(0, sizeof before, &before));
}

// One that is bound to a hart where another never rests gets its turns, and so does one that waits there.
static atomic_int stop;
static void *spin(void *unused) {
  while (!stop) continue;
  return unused;
}
static atomic_long steps;
static void *step(void *unused) {
  for (int i = 0; i < 50; i++) {
    steps++;
    sched_yield();
  }
  return unused;
}
static void sharing(void) {
  pthread_t busy[3], other;
  pthread_attr_t a;
  pthread_attr_init(&a);
  cpu_set_t first = only(0);
  pthread_attr_setaffinity_np(&a, sizeof first, &first);
  for (int i = 0; i < 3; i++) must(-pthread_create(&busy[i], &a, spin, 0));
  must(-pthread_create(&other, &a, step, 0));
  pthread_join(other, 0);
  EQ("steps-beside-busy-ones", steps, 50);
  stop = 1;
  for (int i = 0; i < 3; i++) pthread_join(busy[i], 0);
}

// Two that wait for one another are served at once beside many that are always busy: how far those get meanwhile, in turns of
// a loop, is far less than a slice of each.
enum { BUSY = 60, ROUNDS = 31, TURNS_A_SLICE = 50000 };
static int less(const void *a, const void *b) {
  long x = *(const long *)a, y = *(const long *)b;
  return x < y ? -1 : x > y;
}
static void beside_busy(void) {
  volatile long *turns = mmap(0, BUSY * 64, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  pid_t busy[BUSY];
  for (int i = 0; i < BUSY; i++)
    if (!(busy[i] = must(fork())))
      for (;;) turns[i * 8]++;
  int there[2], back_[2];
  must(pipe(there));
  must(pipe(back_));
  pid_t echo = must(fork());
  char c = 0;
  if (!echo) {
    close(there[1]);
    while (read(there[0], &c, 1) == 1)
      if (write(back_[1], &c, 1) != 1) _exit(1);
    _exit(0);
  }
  close(there[0]);
  // Until each of the busy has had a turn.
  for (int i = 0; i < BUSY; i++)
    while (!turns[i * 8]) sched_yield();
  long passed[ROUNDS];
  for (int k = 0; k < ROUNDS; k++) {
    usleep(1000);
    long before = 0, after = 0;
    for (int i = 0; i < BUSY; i++) before += turns[i * 8];
    if (write(there[1], "x", 1) != 1 || read(back_[0], &c, 1) != 1) break;
    for (int i = 0; i < BUSY; i++) after += turns[i * 8];
    passed[k] = after - before;
  }
  qsort(passed, ROUNDS, sizeof *passed, less);
  TRUE("served-before-the-busy", passed[ROUNDS / 2] < BUSY / 4 * TURNS_A_SLICE);
  for (int i = 0; i < BUSY; i++) kill(busy[i], SIGKILL);
  for (int i = 0; i < BUSY; i++) status_of(busy[i]);
  close(there[1]);
  EQ("echo", status_of(echo), EXITED(0));
}

static void policies(void) {
  struct sched_param p = {.sched_priority = 0};
  EQ("usual", sched_getscheduler(0), SCHED_OTHER);
  EQ("most", sched_get_priority_max(SCHED_FIFO), 99);
  EQ("least", sched_get_priority_min(SCHED_RR), 1);
  EQ("usual-most", sched_get_priority_max(SCHED_BATCH), 0);
  FAILS("range-of-none", sched_get_priority_max(77), EINVAL);
  FAILS("negative", syscall(SYS_sched_setscheduler, 0, -1, &p), EINVAL);
  FAILS("unknown", sched_setscheduler(0, 77, &p), EINVAL);
  FAILS("no-parameters", syscall(SYS_sched_setscheduler, 0, SCHED_OTHER, 0), EINVAL);
  FAILS("no-such", sched_setscheduler(1 << 22, SCHED_OTHER, &p), ESRCH);
  FAILS("priority-of-usual", sched_setscheduler(0, SCHED_OTHER, &(struct sched_param){.sched_priority = 1}), EINVAL);
  FAILS("priority-too-high", sched_setscheduler(0, SCHED_FIFO, &(struct sched_param){.sched_priority = 100}), EINVAL);
  GOOD("batch", sched_setscheduler(0, SCHED_BATCH, &p));
  EQ("batch-is", sched_getscheduler(0), SCHED_BATCH);
  struct timespec t;
  GOOD("interval", sched_rr_get_interval(0, &t));
  FAILS("interval-no-such", sched_rr_get_interval(1 << 22, &t), ESRCH);
  must(sched_setscheduler(0, SCHED_OTHER, &p));
}

static void real_time(void) {
  struct sched_param p = {.sched_priority = 7};
  GOOD("round-robin", sched_setscheduler(0, SCHED_RR | SCHED_RESET_ON_FORK, &p));
  EQ("round-robin-is", sched_getscheduler(0), SCHED_RR | SCHED_RESET_ON_FORK);
  pid_t pid = fork();
  if (!pid) _exit(sched_getscheduler(0) == SCHED_OTHER ? 0 : 1);
  EQ("reset-on-fork", status_of(pid), EXITED(0));
  p.sched_priority = 9;
  GOOD("parameters", sched_setparam(0, &p));
  must(sched_getparam(0, &p));
  EQ("parameters-are", p.sched_priority, 9);
  GOOD("first-in", sched_setscheduler(0, SCHED_FIFO, &p));
  pid = fork();
  if (!pid) _exit(sched_getscheduler(0) == SCHED_FIFO ? 0 : 1);
  EQ("inherited", status_of(pid), EXITED(0));
  FILE *f = fopen("/proc/self/stat", "r");
  long priority = 0, nice_ = 1;
  unsigned rt = 0, policy = 0;
  int got = fscanf(f, "%*d (%*[^)]) %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %ld %ld %*d %*d %*u %*u %*d"
                      " %*u %*u %*u %*u %*u %*u %*u %*u %*u %*u %*u %*u %*u %*d %*d %u %u", &priority, &nice_, &rt, &policy);
  fclose(f);
  EQ("stat-fields", got, 4);
  EQ("stat-priority", priority, -10);
  EQ("stat-nice", nice_, 0);
  EQ("stat-real-time", rt, 9);
  EQ("stat-policy", policy, SCHED_FIFO);
  must(sched_setscheduler(0, SCHED_OTHER, &(struct sched_param){0}));
  pid = fork();
  if (!pid) {
    must(setuid(1000));
    int held = sched_setscheduler(0, SCHED_FIFO, &p) == -1 && errno == EPERM;
    cpu_set_t all;
    must(sched_getaffinity(0, sizeof all, &all));
    held &= sched_setaffinity(getppid(), sizeof all, &all) == -1 && errno == EPERM;
    _exit(held ? 0 : 1);
  }
  EQ("not-for-others", status_of(pid), EXITED(0));
}

// What a process has done to itself it cannot always undo: such cases have one of their own.
static void apart(void (*run)(void)) {
  pid_t pid = fork();
  if (!pid) {
    run();
    _exit(check_failures);
  }
  check_failures += status_of(pid) >> 8;
}

// Priority inheritance, all on one processor: the owner of a mutex for which an urgent thread waits goes before a busy one in between.
static pthread_mutex_t inner, outer;
static atomic_int inner_held, outer_held, spinning, served, after;
static cpu_set_t first_cpu;
static pthread_t at_priority(int priority, void *(*run)(void *), void *arg) {
  pthread_attr_t a;
  pthread_t t;
  pthread_attr_init(&a);
  pthread_attr_setaffinity_np(&a, sizeof first_cpu, &first_cpu);
  pthread_attr_setinheritsched(&a, PTHREAD_EXPLICIT_SCHED);
  pthread_attr_setschedpolicy(&a, priority ? SCHED_FIFO : SCHED_OTHER);
  pthread_attr_setschedparam(&a, &(struct sched_param){.sched_priority = priority});
  must(-pthread_create(&t, &a, run, arg));
  return t;
}
static void inheriting(pthread_mutex_t *m) {
  pthread_mutexattr_t a;
  pthread_mutexattr_init(&a);
  pthread_mutexattr_setprotocol(&a, PTHREAD_PRIO_INHERIT);
  must(-pthread_mutex_init(m, &a));
}
static void until(atomic_int *flag) {
  while (!*flag) usleep(500);
}
// The word of a mutex says whether somebody waits.
static int awaited(pthread_mutex_t *m) { return __atomic_load_n(&m->__data.__lock, __ATOMIC_SEQ_CST) & 0x80000000; }
static void *holds_inner(void *wanted) {
  pthread_mutex_lock(&inner);
  inner_held = 1;
  while (!awaited(wanted)) continue;
  pthread_mutex_unlock(&inner);
  after = 1; // not urgent any more: only when nobody else is
  return 0;
}
static void *holds_outer(void *unused) {
  pthread_mutex_lock(&outer);
  outer_held = 1;
  pthread_mutex_lock(&inner);
  pthread_mutex_unlock(&inner);
  pthread_mutex_unlock(&outer);
  return unused;
}
static void *is_urgent(void *mutex) {
  pthread_mutex_lock(mutex);
  served = 1;
  pthread_mutex_unlock(mutex);
  return 0;
}
static int64_t nanoseconds(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1000000000ll + t.tv_nsec;
}
static void *is_between(void *unused) {
  (void)unused;
  spinning = 1;
  int64_t end = nanoseconds() + 300000000;
  while (!served && nanoseconds() < end) continue;
  long in_time = served;
  while (nanoseconds() < end && !after) continue;
  return (void *)(in_time | (long)after << 1);
}
static void inheritance(void) {
  first_cpu = only(0);
  must(sched_setaffinity(0, sizeof first_cpu, &first_cpu));
  must(sched_setscheduler(0, SCHED_FIFO, &(struct sched_param){.sched_priority = 50}));
  static const struct {
    int chain, priority;
    const char *served, *given_back;
  } rounds[] = {{0, 0, "usual-served", 0}, {0, 2, "served", "given-back"}, {1, 2, "chain-served", "chain-given-back"}};
  for (int k = 0; k < 3; k++) {
    int chain = rounds[k].chain;
    inner_held = outer_held = spinning = served = after = 0;
    inheriting(&inner);
    inheriting(&outer);
    pthread_mutex_t *wanted = chain ? &outer : &inner;
    pthread_t holder = at_priority(rounds[k].priority, holds_inner, wanted), second = holder, urgent, between;
    until(&inner_held);
    if (chain) {
      second = at_priority(5, holds_outer, 0);
      until(&outer_held);
      while (!awaited(&inner)) usleep(500);
    }
    between = at_priority(20, is_between, 0);
    until(&spinning);
    urgent = at_priority(30, is_urgent, wanted);
    void *seen;
    pthread_join(between, &seen);
    TRUE(rounds[k].served, (long)seen & 1);
    // Linux lets ordinary threads have a little time beside urgent ones: it cannot be seen of them.
    if (rounds[k].given_back) TRUE(rounds[k].given_back, !((long)seen & 2));
    if (chain) pthread_join(second, 0);
    pthread_join(holder, 0);
    pthread_join(urgent, 0);
  }
}
static void inheritance_apart(void) { apart(inheritance); }

// Who waits is served by priority, and those of one priority in their order.
static atomic_int asleep, turn;
static unsigned word_to_wait_at;
static int served_at[4];
static void *waits_in_line(void *arg) {
  long me = (long)arg;
  asleep++;
  syscall(SYS_futex, &word_to_wait_at, 0 /* FUTEX_WAIT */, 0, 0, 0, 0);
  served_at[me] = ++turn;
  return 0;
}
static void *locks_in_line(void *arg) {
  long me = (long)arg;
  asleep++;
  pthread_mutex_lock(&inner);
  served_at[me] = ++turn;
  pthread_mutex_unlock(&inner);
  return 0;
}
static void in_line(void) {
  static const int priorities[4] = {10, 30, 20, 30};
  first_cpu = only(0);
  must(sched_setaffinity(0, sizeof first_cpu, &first_cpu));
  must(sched_setscheduler(0, SCHED_FIFO, &(struct sched_param){.sched_priority = 5}));
  for (int mutex = 0; mutex < 2; mutex++) {
    pthread_t t[4];
    turn = 0;
    inheriting(&inner);
    pthread_mutex_lock(&inner);
    // Each is more urgent than this thread, and so waits when this one goes on.
    for (long i = 0; i < 4; i++) {
      asleep = 0;
      t[i] = at_priority(priorities[i], mutex ? locks_in_line : waits_in_line, (void *)i);
      until(&asleep);
    }
    if (mutex) pthread_mutex_unlock(&inner);
    else
      for (int i = 0; i < 4; i++) EQ("woken", syscall(SYS_futex, &word_to_wait_at, 1 /* FUTEX_WAKE */, 1, 0, 0, 0), 1);
    for (int i = 0; i < 4; i++) pthread_join(t[i], 0);
    if (mutex) TRUE("mutex-by-priority", served_at[1] == 1 && served_at[3] == 2 && served_at[2] == 3 && served_at[0] == 4);
    else TRUE("by-priority", served_at[1] == 1 && served_at[3] == 2 && served_at[2] == 3 && served_at[0] == 4);
  }
}
static void in_line_apart(void) { apart(in_line); }

// A nice value that is so much more than the one that the program was started with, which may not be 0 where it is no guest.
static int base;
static int nicer(int more) { return base + more < 19 ? base + more : 19; }
static void attributes_apart(void) {
  struct attributes a = {.size = sizeof a}, b;
  base = getpriority(PRIO_PROCESS, 0);
  must(get_attributes(0, &a, sizeof a));
  EQ("size", a.size, sizeof a);
  EQ("policy", a.policy, SCHED_OTHER);
  EQ("nice", a.nice, base);
  a.nice = nicer(4);
  GOOD("set", set_attributes(0, &a));
  must(get_attributes(0, &b, sizeof b));
  EQ("set-nice", b.nice, nicer(4));
  EQ("getpriority", getpriority(PRIO_PROCESS, 0), nicer(4));
  a = (struct attributes){.size = sizeof a, .policy = SCHED_BATCH, .flags = KEEP_PARAMS};
  GOOD("keep", set_attributes(0, &a));
  must(get_attributes(0, &b, sizeof b));
  TRUE("kept-with-the-policy", b.policy == SCHED_OTHER && b.nice == nicer(4));
  FAILS("short", get_attributes(0, &b, FIRST_SIZE - 1), EINVAL);
  a.size = FIRST_SIZE - 1;
  FAILS("set-short", set_attributes(0, &a), E2BIG);
  a = (struct attributes){.size = sizeof a, .flags = 1ull << 40};
  FAILS("unknown-flag", set_attributes(0, &a), EINVAL);
  FAILS("null", set_attributes(0, 0), EINVAL);
}

static void attributes(void) { apart(attributes_apart); }

static pid_t tid_of_thread;
static pthread_barrier_t barrier;
static void *waits(void *unused) {
  tid_of_thread = gettid();
  pthread_barrier_wait(&barrier);
  pthread_barrier_wait(&barrier);
  return unused;
}
static void nice_values_apart(void) {
  base = getpriority(PRIO_PROCESS, 0);
  must(setpgid(0, 0));
  pthread_barrier_init(&barrier, 0, 2);
  pthread_t t;
  must(-pthread_create(&t, 0, waits, 0));
  pthread_barrier_wait(&barrier);
  GOOD("of-a-thread", setpriority(PRIO_PROCESS, tid_of_thread, nicer(9)));
  EQ("that-thread", getpriority(PRIO_PROCESS, tid_of_thread), nicer(9));
  EQ("not-this-one", getpriority(PRIO_PROCESS, 0), base);
  GOOD("of-the-group", setpriority(PRIO_PGRP, 0, nicer(12)));
  EQ("all-threads", getpriority(PRIO_PROCESS, tid_of_thread), nicer(12));
  pthread_barrier_wait(&barrier);
  pthread_join(t, 0);
  pid_t pid = fork();
  if (!pid) _exit(getpriority(PRIO_PROCESS, 0));
  EQ("inherited", status_of(pid), EXITED(nicer(12)));
}

static void nice_values(void) { apart(nice_values_apart); }

// What one thread has read and told is never later than what any thread reads then.
static _Atomic int64_t told;
static atomic_int back;
static int64_t read_clock(clockid_t id) {
  struct timespec t;
  clock_gettime(id, &t);
  return t.tv_sec * 1000000000ll + t.tv_nsec;
}
static void *reads(void *id) {
  for (int i = 0; i < 20000; i++) {
    int64_t before = told, now = read_clock(*(clockid_t *)id);
    if (now < before) back++;
    for (int64_t seen = told; seen < now && !atomic_compare_exchange_weak(&told, &seen, now);) continue;
    if (i % 1000 == 0) usleep(1);
  }
  return 0;
}
static void clocks(void) {
  static clockid_t ids[] = {CLOCK_MONOTONIC, CLOCK_REALTIME, CLOCK_BOOTTIME};
  for (int k = 0; k < 3; k++) {
    pthread_t threads[4];
    told = 0;
    for (int i = 0; i < 4; i++) must(-pthread_create(&threads[i], 0, reads, &ids[k]));
    for (int i = 0; i < 4; i++) pthread_join(threads[i], 0);
  }
  EQ("never-back", back, 0);
}

CHECK_MAIN(CASE(affinity), CASE(sharing), CASE(beside_busy), CASE(policies), CASE(real_time), CASE(inheritance_apart), CASE(in_line_apart), CASE(attributes), CASE(nice_values), CASE(clocks))
