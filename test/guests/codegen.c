// A small code generator: random straight programs and loops are compiled to RV64GC machine code and run; an interpreter of
// the same programs says what they must give. Each way by which code comes into executable memory is a case.
#include "check.h"
#include <pthread.h>
#include <sys/mman.h>
#include <sys/uio.h>

#ifdef __riscv
enum { P = 4096, STEPS = 12, SLOT = 256 };
typedef uint64_t (*function)(uint64_t);

// One step of a program: an operation on the accumulator, with a constant.
struct step {
  unsigned char op;
  short k;
};
struct program {
  struct step steps[STEPS];
  int rounds;
};
enum { ADD, XOR, AND, SHL, SHR, ROTATE, MUL, SQUEEZE, OPS };

static uint32_t next(uint32_t *seed) {
  *seed = *seed * 1664525 + 1013904223;
  return *seed >> 8;
}

static struct program draw(uint32_t *seed) {
  struct program p;
  for (int i = 0; i < STEPS; i++) {
    p.steps[i].op = next(seed) % OPS;
    p.steps[i].k = (short)(next(seed) % 2048);
  }
  p.rounds = 1 + next(seed) % 20;
  return p;
}

static uint64_t interpret(const struct program *p, uint64_t a) {
  for (int r = 0; r < p->rounds; r++)
    for (int i = 0; i < STEPS; i++) {
      int k = p->steps[i].k;
      switch (p->steps[i].op) {
      case ADD: a += k; break;
      case XOR: a ^= k; break;
      case AND: a = (a & ~(uint64_t)15) + k; break;
      case SHL: a <<= k & 63; break;
      case SHR: a >>= k & 63; break;
      case ROTATE: a = a << 7 | a >> 57; break;
      case MUL: a *= (uint64_t)k; break;
      case SQUEEZE: a += 3; break;
      }
    }
  return a;
}

static int imm(uint32_t *o, uint32_t op, int f3, int rd, int rs, int k) {
  *o = (uint32_t)k << 20 | rs << 15 | f3 << 12 | rd << 7 | op;
  return 1;
}
static int reg(uint32_t *o, int f7, int f3, int rd, int x, int y) {
  *o = (uint32_t)f7 << 25 | y << 20 | x << 15 | f3 << 12 | rd << 7 | 0x33;
  return 1;
}

// Compiles to `out`, at most SLOT bytes, and returns their number. a0 is the accumulator, t0 (5) counts, t1 (6) is scratch.
static size_t compile(const struct program *p, uint32_t *out) {
  enum { A0 = 10, T0 = 5, T1 = 6 };
  uint32_t *o = out;
  o += imm(o, 0x13, 0, T0, 0, p->rounds);
  uint32_t *loop = o;
  for (int i = 0; i < STEPS; i++) {
    int k = p->steps[i].k;
    switch (p->steps[i].op) {
    case ADD: o += imm(o, 0x13, 0, A0, A0, k); break;
    case XOR: o += imm(o, 0x13, 4, A0, A0, k); break;
    case AND: o += imm(o, 0x13, 7, A0, A0, -16 & 0xfff), o += imm(o, 0x13, 0, A0, A0, k); break;
    case SHL: o += imm(o, 0x13, 1, A0, A0, k & 63); break;
    case SHR: o += imm(o, 0x13, 5, A0, A0, k & 63); break;
    case ROTATE:
      o += imm(o, 0x13, 1, T1, A0, 7), o += imm(o, 0x13, 5, A0, A0, 57), o += reg(o, 0, 6, A0, A0, T1);
      break;
    case MUL: o += imm(o, 0x13, 0, T1, 0, k), o += reg(o, 1, 0, A0, A0, T1); break;
    case SQUEEZE: *o++ = 0x05050509; break; // c.addi a0, 2; c.addi a0, 1
    }
  }
  o += imm(o, 0x13, 0, T0, T0, -1 & 0xfff);
  uint32_t d = (uint32_t)((char *)loop - (char *)o);
  *o++ = (d >> 12 & 1) << 31 | (d >> 5 & 63) << 25 | T0 << 15 | 1 << 12 | (d >> 1 & 15) << 8 | (d >> 11 & 1) << 7 | 0x63;
  *o++ = 0x8067;
  return (char *)o - (char *)out;
}

static void flush(void *p, size_t n) { __builtin___clear_cache((char *)p, (char *)p + n); }
static char *pages(int n, int prot) { return (char *)must(mmap(NULL, n * P, prot, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)); }
enum { RW = PROT_READ | PROT_WRITE, RX = PROT_READ | PROT_EXEC, RWX = RW | PROT_EXEC };

static int right(const struct program *p, const void *code, uint32_t *seed) {
  uint64_t a = (uint64_t)next(seed) << 40 ^ next(seed);
  return ((function)code)(a) == interpret(p, a);
}

// Stores into a page that other code of runs, at random places of it.
static void stores(void) {
  enum { N = P / SLOT };
  char *c = pages(1, RWX);
  static struct program have[N];
  int filled[N] = {0}, good = 0, all = 0;
  uint32_t seed = 1;
  for (int i = 0; i < 400; i++) {
    int slot = next(&seed) % N;
    have[slot] = draw(&seed);
    flush(c + slot * SLOT, compile(&have[slot], (uint32_t *)(c + slot * SLOT)));
    filled[slot] = 1;
    for (int k = 0; k < N; k++)
      if (filled[k]) all++, good += right(&have[k], c + k * SLOT, &seed);
  }
  EQ("right", good, all);
  munmap(c, P);
}

// Written while it may not be executed, executed while it may not be written.
static void write_then_execute(void) {
  char *c = pages(2, RW);
  uint32_t seed = 2;
  int good = 0;
  for (int i = 0; i < 200; i++) {
    struct program p = draw(&seed);
    must(mprotect(c, 2 * P, RW));
    char *at = c + P - SLOT / 2 + i % 3 * 64; // across the pages' border
    size_t n = compile(&p, (uint32_t *)at);
    must(mprotect(c, 2 * P, RX));
    flush(at, n);
    good += right(&p, at, &seed);
  }
  EQ("right", good, 200);
  munmap(c, 2 * P);
}

// Code that the kernel puts there: read, readv, pread, and write to a file that is mapped shared.
static void by_the_kernel(void) {
  char *c = pages(1, RWX);
  uint32_t seed = 3, text[SLOT / 4];
  int good[4] = {0}, pipes[2], fd = memfd_create("code", 0);
  must(pipe(pipes));
  must(ftruncate(fd, P));
  char *mapped = (char *)must(mmap(NULL, P, RX, MAP_SHARED, fd, 0));
  for (int i = 0; i < 50; i++) {
    struct program p = draw(&seed);
    size_t n = compile(&p, text);
    must(write(pipes[1], text, n));
    must(read(pipes[0], c, n));
    flush(c, n);
    good[0] += right(&p, c, &seed);
    p = draw(&seed), n = compile(&p, text);
    must(write(pipes[1], text, n));
    struct iovec v[2] = {{c, 20}, {c + 20, n - 20}};
    must(readv(pipes[0], v, 2));
    flush(c, n);
    good[1] += right(&p, c, &seed);
    p = draw(&seed), n = compile(&p, text);
    must(pwrite(fd, text, n, 0));
    flush(mapped, n);
    good[2] += right(&p, mapped, &seed);
    must(pread(fd, c, n, 0));
    flush(c, n);
    good[3] += right(&p, c, &seed);
  }
  EQ("read", good[0], 50);
  EQ("readv", good[1], 50);
  EQ("write-to-mapped-file", good[2], 50);
  EQ("pread", good[3], 50);
  munmap(c, P), munmap(mapped, P);
  close(fd), close(pipes[0]), close(pipes[1]);
}

// Four threads, each with slots of its own in pages that all of them write and run.
static char *common;
static void *generates(void *arg) {
  long me = (long)arg, good = 0;
  uint32_t seed = 100 + me;
  for (int i = 0; i < 200; i++) {
    struct program p = draw(&seed);
    char *at = common + i % 8 * 1024 + me * SLOT;
    flush(at, compile(&p, (uint32_t *)at));
    good += right(&p, at, &seed);
  }
  return (void *)good;
}

static void threads(void) {
  common = pages(2, RWX);
  pthread_t t[4];
  long good = 0;
  for (long i = 0; i < 4; i++) pthread_create(&t[i], NULL, generates, (void *)i);
  for (int i = 0; i < 4; i++) {
    void *r;
    pthread_join(t[i], &r);
    good += (long)r;
  }
  EQ("right", good, 800);
  munmap(common, 2 * P);
}

// One thread generates, three others run what it made: its flush is for all harts, they need none of their own.
enum { JOBS = 240 };
static struct {
  struct program p;
  int ready;
} jobs[8];
static int made, taken, ran_right;
static void *runs(void *arg) {
  uint32_t seed = 7 + (uint32_t)(long)arg;
  for (;;) {
    int job = __atomic_fetch_add(&taken, 1, __ATOMIC_SEQ_CST);
    if (job >= JOBS) return NULL;
    while (__atomic_load_n(&made, __ATOMIC_ACQUIRE) <= job) sched_yield();
    int k = job % 8;
    if (right(&jobs[k].p, common + k * SLOT, &seed)) __atomic_fetch_add(&ran_right, 1, __ATOMIC_SEQ_CST);
    __atomic_store_n(&jobs[k].ready, 0, __ATOMIC_RELEASE);
  }
}

static void handed_over(void) {
  common = pages(1, RWX);
  pthread_t t[3];
  uint32_t seed = 5;
  for (long i = 0; i < 3; i++) pthread_create(&t[i], NULL, runs, (void *)i);
  for (int job = 0; job < JOBS; job++) {
    int k = job % 8;
    while (__atomic_load_n(&jobs[k].ready, __ATOMIC_ACQUIRE)) sched_yield();
    jobs[k].p = draw(&seed);
    flush(common + k * SLOT, compile(&jobs[k].p, (uint32_t *)(common + k * SLOT)));
    jobs[k].ready = 1;
    __atomic_store_n(&made, job + 1, __ATOMIC_RELEASE);
  }
  for (int i = 0; i < 3; i++) pthread_join(t[i], NULL);
  EQ("right", ran_right, JOBS);
  munmap(common, P);
}

// A child makes its own code where its parent has other code.
static void forked(void) {
  char *c = pages(1, RWX);
  uint32_t seed = 9;
  struct program p = draw(&seed), q = draw(&seed);
  flush(c, compile(&p, (uint32_t *)c));
  EQ("before", right(&p, c, &seed), 1);
  pid_t child = must(fork());
  if (child == 0) {
    flush(c, compile(&q, (uint32_t *)c));
    _exit(right(&q, c, &seed) ? 42 : 1);
  }
  int status;
  must(waitpid(child, &status, 0));
  EQ("child", WEXITSTATUS(status), 42);
  EQ("parent", right(&p, c, &seed), 1);
  munmap(c, P);
}

CHECK_MAIN(CASE(stores), CASE(write_then_execute), CASE(by_the_kernel), CASE(threads), CASE(handed_over), CASE(forked))
#else
static void not_here(void) {}
CHECK_MAIN(CASE(not_here))
#endif
