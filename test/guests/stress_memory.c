// Threads store while others fork, change protections, unmap and truncate. Each store that returned must stay, none may
// land after a munmap or mprotect has returned. Arguments: seed, seconds×10. The seed chooses sizes and the order of acts.
#include "fault.h"
#include <pthread.h>
#include <stdatomic.h>
#include <sys/mman.h>

enum { P = 4096, PAGES = 32, WRITERS = 3 };
static uint64_t seed = 1;
static int tenths = 5;

static uint64_t next(uint64_t *s) {
  *s ^= *s << 13, *s ^= *s >> 7, *s ^= *s << 17;
  return *s;
}

static int64_t end_ns;
static int going(void) { return now_ns(CLOCK_MONOTONIC) < end_ns; }
static void begin(void) { end_ns = now_ns(CLOCK_MONOTONIC) + tenths * 100000000ll; }

static atomic_int stop;
static char *area;
static atomic_long progress[WRITERS], lost;

// Each writer owns one word per page and counts in it: what it reads must be what it wrote last.
static void *counts(void *arg) {
  long me = (long)arg;
  uint64_t s = seed * 77 + me + 1;
  static uint64_t mine[WRITERS][PAGES];
  memset(mine[me], 0, sizeof mine[me]);
  while (!atomic_load(&stop)) {
    int page = next(&s) % PAGES;
    volatile uint64_t *word = (volatile uint64_t *)(area + page * P) + me;
    if (*word != mine[me][page]) atomic_fetch_add(&lost, 1);
    mine[me][page]++;
    *word = mine[me][page];
    if (*word != mine[me][page]) atomic_fetch_add(&lost, 1);
    atomic_fetch_add_explicit(&progress[me], 1, memory_order_relaxed);
  }
  for (int page = 0; page < PAGES; page++)
    if (((volatile uint64_t *)(area + page * P))[me] != mine[me][page]) atomic_fetch_add(&lost, 1);
  return NULL;
}

static int all_progressed(void) {
  for (int i = 0; i < WRITERS; i++)
    if (!atomic_load(&progress[i])) return 0;
  return 1;
}

static void with_writers(void (*act)(uint64_t *), const char *name) {
  char line[64];
  area = mmap(NULL, PAGES * P, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  atomic_store(&stop, 0), atomic_store(&lost, 0);
  for (int i = 0; i < WRITERS; i++) atomic_store(&progress[i], 0);
  pthread_t t[WRITERS];
  for (long i = 0; i < WRITERS; i++) pthread_create(&t[i], NULL, counts, (void *)i);
  uint64_t s = seed;
  // At least until each writer has had its turn, however busy the machine is.
  for (begin(); going() || !all_progressed();) act(&s);
  atomic_store(&stop, 1);
  for (int i = 0; i < WRITERS; i++) pthread_join(t[i], NULL);
  snprintf(line, sizeof line, "%s-lost", name);
  EQ(line, atomic_load(&lost), 0);
  snprintf(line, sizeof line, "%s-progress", name);
  TRUE(line, all_progressed());
  munmap(area, PAGES * P);
}

static int snapshots_torn;
static void forks_once(uint64_t *s) {
  // A child sees one moment: the words of a page do not move under it, and its own stores stay its own.
  pid_t pid = fork();
  if (pid == 0) {
    int bad = 0;
    uint64_t first[PAGES];
    for (int i = 0; i < PAGES; i++) first[i] = *(volatile uint64_t *)(area + i * P);
    for (int k = 0; k < 50; k++) {
      int i = next(s) % PAGES;
      bad |= *(volatile uint64_t *)(area + i * P) != first[i];
    }
    for (int i = 0; i < PAGES; i += 3) *(volatile uint64_t *)(area + i * P) = ~0ull;
    _exit(bad);
  }
  if (pid > 0 && status_of(pid) != 0) snapshots_torn++;
  next(s);
}

static void storing_and_fork(void) {
  snapshots_torn = 0;
  with_writers(forks_once, "fork");
  EQ("child-sees-one-moment", snapshots_torn, 0);
}

static void maps_elsewhere(uint64_t *s) {
  // Work on other mappings beside the area: splits, protections, removals.
  int n = 1 + next(s) % 16;
  char *m = mmap(NULL, n * P, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  for (int i = 0; i < n; i++) m[i * P] = i;
  mprotect(m + next(s) % n * P, P, PROT_READ);
  if (next(s) % 2) madvise(m, n * P, MADV_DONTNEED);
  munmap(m, n * P);
}

static void storing_and_mapping(void) { with_writers(maps_elsewhere, "map"); }

// One thread stores into a page that another takes away and gives back: a store after the call returned would show.
static volatile char *contested;
static atomic_int phase;  // 0: allowed; 1: forbidden; 2: end
static atomic_long late, faults, stores;
static __thread sigjmp_buf store_return;
static void store_faulted(int signal) {
  (void)signal;
  siglongjmp(store_return, 1);
}

static void *stores_always(void *arg) {
  static __thread volatile uint64_t i;
  i = (uint64_t)arg << 32;
  while (atomic_load_explicit(&phase, memory_order_relaxed) != 2) {
    if (sigsetjmp(store_return, 1)) {
      atomic_fetch_add_explicit(&faults, 1, memory_order_relaxed);
      continue;
    }
    for (int k = 0; k < 100; k++) ((volatile uint64_t *)contested)[(uint64_t)arg] = ++i;
    atomic_fetch_add_explicit(&stores, 1, memory_order_relaxed);
  }
  return NULL;
}

static void contest(const char *name, void (*round)(uint64_t *)) {
  struct sigaction a = {.sa_handler = store_faulted, .sa_flags = SA_NODEFER}, old[2];
  sigaction(SIGSEGV, &a, &old[0]);
  sigaction(SIGBUS, &a, &old[1]);
  atomic_store(&phase, 0), atomic_store(&late, 0), atomic_store(&faults, 0), atomic_store(&stores, 0);
  pthread_t t[WRITERS];
  for (long i = 0; i < WRITERS; i++) pthread_create(&t[i], NULL, stores_always, (void *)(i + 1));
  uint64_t s = seed;
  for (begin(); going() || !atomic_load(&faults) || !atomic_load(&stores);) round(&s);
  atomic_store(&phase, 2);
  for (int i = 0; i < WRITERS; i++) pthread_join(t[i], NULL);
  sigaction(SIGSEGV, &old[0], NULL);
  sigaction(SIGBUS, &old[1], NULL);
  char line[64];
  snprintf(line, sizeof line, "%s-late-stores", name);
  EQ(line, atomic_load(&late), 0);
  snprintf(line, sizeof line, "%s-both-happened", name);
  TRUE(line, atomic_load(&faults) > 0 && atomic_load(&stores) > 0);
}

// The words that the writers store to, read twice with some work between.
static int moves(volatile uint64_t *words, uint64_t *s) {
  uint64_t before[WRITERS];
  for (int i = 0; i < WRITERS; i++) before[i] = words[i + 1];
  for (volatile int k = next(s) % 2000; k > 0; k--) continue;
  for (int i = 0; i < WRITERS; i++)
    if (words[i + 1] != before[i]) return 1;
  return 0;
}

static void protect_round(uint64_t *s) {
  mprotect((void *)contested, P, PROT_READ);
  if (moves((volatile uint64_t *)contested, s)) atomic_fetch_add(&late, 1);
  mprotect((void *)contested, P, PROT_READ | PROT_WRITE);
  for (volatile int k = next(s) % 5000; k > 0; k--) continue;
}

static void storing_and_mprotect(void) {
  contested = mmap(NULL, P, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  contest("mprotect", protect_round);
  munmap((void *)contested, P);
}

static volatile uint64_t *second_view;
static int backing;
static void unmap_round(uint64_t *s) {
  // A second mapping of the same page shows whether the first still stores.
  munmap((void *)contested, P);
  if (moves(second_view, s)) atomic_fetch_add(&late, 1);
  mmap((void *)contested, P, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, backing, 0);
  for (volatile int k = next(s) % 5000; k > 0; k--) continue;
}

static void storing_and_munmap(void) {
  backing = memfd_create("backing", 0);
  ftruncate(backing, P);
  contested = mmap(NULL, P, PROT_READ | PROT_WRITE, MAP_SHARED, backing, 0);
  second_view = mmap(NULL, P, PROT_READ, MAP_SHARED, backing, 0);
  contest("munmap", unmap_round);
  munmap((void *)contested, P), munmap((void *)second_view, P);
  close(backing);
}

static void truncate_round(uint64_t *s) {
  // After a truncate the page is gone; grown again it is zero until someone stores.
  ftruncate(backing, 0);
  for (volatile int k = next(s) % 3000; k > 0; k--) continue;
  char b;
  if (pread(backing, &b, 1, 0) != 0) atomic_fetch_add(&late, 1);
  ftruncate(backing, P);
  for (volatile int k = next(s) % 5000; k > 0; k--) continue;
}

static void storing_and_truncate(void) {
  backing = memfd_create("backing", 0);
  ftruncate(backing, P);
  contested = mmap(NULL, P, PROT_READ | PROT_WRITE, MAP_SHARED, backing, 0);
  contest("truncate", truncate_round);
  munmap((void *)contested, P);
  close(backing);
}

static void dontneed_round(uint64_t *s) {
  madvise((void *)contested, P, MADV_DONTNEED);
  mprotect((void *)contested, P, PROT_READ);
  if (moves((volatile uint64_t *)contested, s)) atomic_fetch_add(&late, 1);
  mprotect((void *)contested, P, PROT_READ | PROT_WRITE);
}

static void storing_and_dontneed(void) {
  contested = mmap(NULL, P, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  contest("dontneed", dontneed_round);
  munmap((void *)contested, P);
}

static void *sums(void *arg) {
  // Atomic additions on shared pages while others fork: none is lost.
  atomic_long *words = (atomic_long *)area;
  uint64_t s = seed + (long)arg;
  for (int i = 0; i < 20000; i++) atomic_fetch_add(&words[next(&s) % PAGES * (P / 8)], 1);
  return NULL;
}

static void shared_sums(void) {
  area = mmap(NULL, PAGES * P, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  pthread_t t[WRITERS];
  for (long i = 0; i < WRITERS; i++) pthread_create(&t[i], NULL, sums, (void *)i);
  pid_t pid[4];
  for (long i = 0; i < 4; i++)
    if ((pid[i] = fork()) == 0) {
      sums((void *)(i + 10));
      _exit(0);
    }
  for (int i = 0; i < WRITERS; i++) pthread_join(t[i], NULL);
  for (int i = 0; i < 4; i++) status_of(pid[i]);
  long total = 0;
  for (int i = 0; i < PAGES; i++) total += ((atomic_long *)area)[i * (P / 8)];
  EQ("sum", total, (WRITERS + 4) * 20000);
  munmap(area, PAGES * P);
}

static const struct check_case cases[] = {CASE(storing_and_fork), CASE(storing_and_mapping), CASE(storing_and_mprotect),
                                          CASE(storing_and_munmap), CASE(storing_and_truncate), CASE(storing_and_dontneed),
                                          CASE(shared_sums)};
int main(int argc, char **argv) {
  if (argc > 1) seed = strtoull(argv[1], NULL, 0);
  if (argc > 2) tenths = atoi(argv[2]);
  if (!seed) seed = 1;
  put("seed %llu\n", (unsigned long long)seed);
  int rest = argc > 3 ? argc - 3 : 0;
  return check_main(1 + rest, argv + (argc > 3 ? 2 : 0), cases, sizeof cases / sizeof cases[0]);
}
