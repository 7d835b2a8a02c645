// What only the processor and the kernel together do: faults of instructions, atomics, code that changes, registers.
#include "fault.h"
#include <pthread.h>
#include <sys/mman.h>
#ifdef __riscv
#include <sys/syscall.h>

enum { P = 4096 };
#define ASM __asm__ volatile

static uint32_t *code_page(int pages) {
  return (uint32_t *)must(mmap(NULL, pages * P, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
}
static void flush(void *p, size_t n) { __builtin___clear_cache((char *)p, (char *)p + n); }
static uint32_t li_a0(int value) { return 0x00000513 | (uint32_t)value << 20; }
enum { RET = 0x00008067, NOP = 0x00000013, EBREAK = 0x00100073, C_RET = 0x8082 };
typedef long (*function)(void);

static void amo_misaligned_word(volatile char *p) { ASM("amoadd.w zero, %1, (%0)" ::"r"(p), "r"(1) : "memory"); }
static void amo_misaligned_double(volatile char *p) { ASM("amoadd.d zero, %1, (%0)" ::"r"(p), "r"(1) : "memory"); }
static void lr_misaligned(volatile char *p) { ASM("lr.w t0, (%0)" ::"r"(p) : "t0", "memory"); }
static void sc_misaligned(volatile char *p) { ASM("sc.d t0, t0, (%0)" ::"r"(p) : "t0", "memory"); }
static void amo_aligned(volatile char *p) { ASM("amoswap.w zero, zero, (%0)" ::"r"(p) : "memory"); }

// Linux gives the instruction as the address here, qemu the data: both say where.
#define MISALIGNED(name, run, at)                                                                    \
  ({                                                                                                 \
    int got_ = fault_of(run, at);                                                                    \
    uintptr_t a_ = (uintptr_t)fault_info.si_addr;                                                    \
    EQ(name, got_, SIGBUS);                                                                          \
    EQ(name "-code", fault_info.si_code, BUS_ADRALN);                                                \
    TRUE(name "-address", a_ == (uintptr_t)(at) || (a_ >= (uintptr_t)run && a_ < (uintptr_t)run + 64)); \
  })

static void misaligned(void) {
  // Ordinary accesses work at any address; atomic ones must be aligned.
  char *m = (char *)must(mmap(NULL, 2 * P, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  for (int i = 0; i < 64; i++) m[P - 32 + i] = i;
  long d;
  int w, h;
  ASM("ld %0, 0(%1)" : "=r"(d) : "r"(m + P - 3));
  EQ("load-double-across", d, 0x24232221201f1e1d);
  ASM("lw %0, 0(%1)" : "=r"(w) : "r"(m + P - 1));
  EQ("load-word-across", w, 0x2221201f);
  ASM("lh %0, 0(%1)" : "=r"(h) : "r"(m + P - 1));
  EQ("load-half-across", h, 0x201f);
  ASM("sd %0, 0(%1)" ::"r"(0x1122334455667788l), "r"(m + P - 5) : "memory");
  EQ("store-across-low", m[P - 5], (char)0x88);
  EQ("store-across-high", m[P + 2], 0x11);
  double f;
  memcpy(m + P - 4, &(double){2.5}, 8);
  ASM("fld %0, 0(%1)" : "=f"(f) : "r"(m + P - 4));
  EQ("fld-across", (long)(f * 2), 5);
  MISALIGNED("amoadd.w", amo_misaligned_word, m + 2);
  MISALIGNED("amoadd.d", amo_misaligned_double, m + 4);
  MISALIGNED("lr.w", lr_misaligned, m + 1);
  MISALIGNED("sc.d", sc_misaligned, m + 12);
  mprotect(m, P, PROT_READ);
  FAULT("amo-read-only", amo_aligned, m, SIGSEGV, SEGV_ACCERR);
  munmap(m, 2 * P);
  FAULT("amo-unmapped", amo_aligned, m, SIGSEGV, SEGV_MAPERR);
}

static void illegal_instructions(void) {
  uint32_t *c = code_page(1);
  const uint32_t words[] = {0, 0xffffffff, 0x0000000b, 0x30200073 /* mret */, 0x10200073 /* sret */,
                            0x30001073 /* csrrw mstatus */, 0x10529073 /* csrw stvec */, 0xc0001073 /* csrw cycle */,
                            0x12000073 /* sfence.vma */};
  const char *names[] = {"zeros", "ones", "custom", "mret", "sret", "mstatus", "stvec", "write-cycle", "sfence.vma"};
  for (int i = 0; i < 9; i++) {
    c[0] = words[i];
    c[1] = RET;
    flush(c, 8);
    FAULT(names[i], call_code, c, SIGILL, ILL_ILLOPC);
  }
  c[0] = EBREAK;
  flush(c, 4);
  pid_t pid = fork();
  if (pid == 0) ((function)c)();
  EQ("ebreak", status_of(pid) & 0x7f, SIGTRAP);
  // The second half of a fault: what was before it has happened.
  c[0] = li_a0(7);
  c[1] = 0;
  flush(c, 8);
  pid = fork();
  if (pid == 0) ((function)c)();
  EQ("killed", status_of(pid) & 0x7f, SIGILL);
  munmap(c, P);
}

static void changing_code(void) {
  uint32_t *c = code_page(1);
  int right = 0;
  for (int i = 0; i < 200; i++) {
    c[0] = li_a0(i);
    c[1] = RET;
    flush(c, 8);
    right += ((function)c)() == i;
  }
  EQ("rewritten", right, 200);
  // Written by read(2).
  uint32_t text[2] = {li_a0(777), RET};
  int p[2];
  pipe(p);
  write(p[1], text, 8);
  read(p[0], c, 8);
  flush(c, 8);
  EQ("by-read", ((function)c)(), 777);
  close(p[0]), close(p[1]);
  // Another page at the same address.
  for (int i = 0; i < 20; i++) {
    mmap(c, P, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    c[0] = li_a0(i + 50);
    c[1] = RET;
    flush(c, 8);
    right += ((function)c)() == i + 50;
  }
  EQ("mapped-anew", right, 220);
  // Write, then execute only.
  mprotect(c, P, PROT_READ | PROT_EXEC);
  EQ("read-exec", ((function)c)(), 69);
  FAULT("no-longer-writable", store_byte, c, SIGSEGV, SEGV_ACCERR);
  mprotect(c, P, PROT_READ);
  FAULT("no-longer-executable", call_code, c, SIGSEGV, SEGV_ACCERR);
  munmap(c, P);
  // A shared file page with two mappings: one to write, one to run.
  int fd = memfd_create("code", 0);
  ftruncate(fd, P);
  uint32_t *w = (uint32_t *)must(mmap(NULL, P, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
  uint32_t *x = (uint32_t *)must(mmap(NULL, P, PROT_READ | PROT_EXEC, MAP_SHARED, fd, 0));
  right = 0;
  for (int i = 0; i < 50; i++) {
    w[0] = li_a0(i);
    w[1] = RET;
    flush(x, 8);
    right += ((function)x)() == i;
  }
  EQ("two-mappings", right, 50);
  uint32_t next[2] = {li_a0(99), RET};
  pwrite(fd, next, 8, 0);
  flush(x, 8);
  EQ("by-write-to-file", ((function)x)(), 99);
  munmap(w, P), munmap(x, P);
  close(fd);
  // A child that changes its copy leaves ours alone.
  c = code_page(1);
  c[0] = li_a0(1);
  c[1] = RET;
  flush(c, 8);
  ((function)c)();
  pid_t pid = fork();
  if (pid == 0) {
    c[0] = li_a0(2);
    flush(c, 4);
    _exit(((function)c)());
  }
  EQ("child-code", status_of(pid), EXITED(2));
  EQ("parent-code", ((function)c)(), 1);
  munmap(c, P);
}

static void page_ends(void) {
  // A four-byte instruction whose halves lie on two pages.
  uint32_t *c = code_page(2);
  uint16_t *h = (uint16_t *)c;
  uint32_t li = li_a0(321);
  h[2047] = li;
  h[2048] = li >> 16;
  h[2049] = C_RET;
  flush(c, 2 * P);
  EQ("straddles", ((function)(h + 2047))(), 321);
  li = li_a0(123);
  h[2048] = li >> 16;
  flush(h + 2048, 2);
  EQ("second-half-changed", ((function)(h + 2047))(), 123);
  mprotect((char *)c + P, P, PROT_READ);
  EQ("second-page-signal", fault_of(call_code, (char *)(h + 2047)), SIGSEGV);
  TRUE("second-page-address", fault_info.si_addr == (char *)c + P);
  munmap((char *)c + P, P);
  h[2047] = C_RET;
  flush(c, P);
  EQ("last-two-bytes", ((function)(h + 2047))() == 0 || 1, 1);
  h[2047] = 0x0001;  // c.nop: runs off the end
  flush(c, P);
  EQ("off-the-end", fault_of(call_code, (char *)(h + 2047)), SIGSEGV);
  TRUE("off-the-end-address", fault_info.si_addr == (char *)c + P);
  munmap(c, P);
}

static uint32_t *patched;
static int patch_go, patch_bad;
static void *runs_patched(void *arg) {
  // Sees the old or the new value, never anything else, and after its own flush the new one.
  for (int i = 0; i < 20000; i++) {
    long v = ((function)patched)();
    if (v != 5 && v != 6) __atomic_fetch_add(&patch_bad, 1, __ATOMIC_SEQ_CST);
    if (__atomic_load_n(&patch_go, __ATOMIC_SEQ_CST) == 2) break;
  }
  while (__atomic_load_n(&patch_go, __ATOMIC_SEQ_CST) != 2) sched_yield();
  ASM("fence.i" ::: "memory");
  return arg ? (void *)((function)patched)() : NULL;
}

static void code_between_threads(void) {
  patched = code_page(1);
  patched[0] = li_a0(5);
  patched[1] = RET;
  flush(patched, 8);
  pthread_t t[3];
  for (long i = 0; i < 3; i++) pthread_create(&t[i], NULL, runs_patched, (void *)1);
  for (int i = 0; i < 50; i++) {
    __atomic_store_n(patched, li_a0(5 + i % 2), __ATOMIC_SEQ_CST);
    flush(patched, 4);
  }
  __atomic_store_n(&patch_go, 2, __ATOMIC_SEQ_CST);
  void *r;
  int right = 0;
  for (int i = 0; i < 3; i++) right += pthread_join(t[i], &r) == 0 && (long)r == 6;
  EQ("sees-new-after-fence.i", right, 3);
  EQ("old-or-new", patch_bad, 0);
  munmap(patched, P);
}

static long lrsc_sum;
static int amo_word;
static void *adds(void *arg) {
  for (int i = 0; i < 20000; i++) {
    long t, f;
    ASM("1: lr.d.aqrl %0, (%2)\n addi %0, %0, 1\n sc.d.rl %1, %0, (%2)\n bnez %1, 1b"
        : "=&r"(t), "=&r"(f)
        : "r"(&lrsc_sum)
        : "memory");
    ASM("amoadd.w zero, %1, (%0)" ::"r"(&amo_word), "r"(3) : "memory");
  }
  return arg;
}

static void atomics(void) {
  pthread_t t[4];
  for (int i = 0; i < 4; i++) pthread_create(&t[i], NULL, adds, NULL);
  for (int i = 0; i < 4; i++) pthread_join(t[i], NULL);
  EQ("lr-sc", lrsc_sum, 80000);
  EQ("amo", amo_word, 240000);
  long failed, other = 0, value = 5;
  ASM("lr.d t0, (%1)\n sd %2, 0(%1)\n sc.d %0, zero, (%1)" : "=&r"(failed) : "r"(&value), "r"(6l) : "t0", "memory");
  TRUE("store-between-fails-or-not", failed == 0 ? value == 0 : value == 6);
  ASM("sc.d %0, zero, (%1)" : "=&r"(failed) : "r"(&other) : "memory");
  EQ("without-reservation", failed != 0, 1);
  value = 9;
  ASM("lr.d t0, (%1)\n sc.d %0, t0, (%2)" : "=&r"(failed) : "r"(&value), "r"(&other) : "t0", "memory");
  EQ("other-address", failed != 0, 1);
  // A system call between the two drops the reservation.
  ASM("lr.d t0, (%1)\n li a7, 172\n ecall\n sc.d %0, zero, (%1)" : "=&r"(failed) : "r"(&value) : "t0", "a0", "a7", "memory");
  TRUE("syscall-between", failed != 0 || value == 0);
  unsigned w = 0x80000000;
  long old;
  ASM("amomaxu.w %0, %2, (%1)" : "=r"(old) : "r"(&w), "r"(1l) : "memory");
  EQ("amomaxu-sign-extends", old, (long)(int)0x80000000);
  ASM("amomin.w %0, %2, (%1)" : "=r"(old) : "r"(&w), "r"(1l) : "memory");
  EQ("amomin", w, 0x80000000);
}

static void counters(void) {
  unsigned long a, b, t1, t2, i1, i2;
  ASM("rdcycle %0" : "=r"(a));
  ASM("rdtime %0" : "=r"(t1));
  ASM("rdinstret %0" : "=r"(i1));
  for (volatile int i = 0; i < 100000; i++) continue;
  ASM("rdinstret %0" : "=r"(i2));
  ASM("rdtime %0" : "=r"(t2));
  ASM("rdcycle %0" : "=r"(b));
  TRUE("cycle", b > a);
  TRUE("time", t2 > t1);
  TRUE("instret", i2 - i1 >= 300000);
}

static void floating_state(void) {
  // Rounding mode and flags belong to the thread, live through system calls, and are copied by fork.
  unsigned long f;
  ASM("fsrm zero, %0\n fsflags zero, %1" ::"r"(3), "r"(0x15));
  getppid();
  sched_yield();
  ASM("frcsr %0" : "=r"(f));
  EQ("after-syscall", f, 0x75);
  pid_t pid = fork();
  if (pid == 0) {
    ASM("frcsr %0" : "=r"(f));
    _exit(f);
  }
  EQ("after-fork", status_of(pid), EXITED(0x75));
  ASM("fscsr zero");
  double x;
  ASM("fsrm zero, %1\n fcvt.d.l ft0, %2\n fcvt.d.l ft1, %3\n fdiv.d %0, ft0, ft1\n fscsr zero"
      : "=f"(x)
      : "r"(2), "r"(1l), "r"(3l)
      : "ft0", "ft1");
  uint64_t bits;
  memcpy(&bits, &x, 8);
  EQ("round-down", bits, 0x3fd5555555555555);
  ASM("fsrm zero, %1\n fcvt.d.l ft0, %2\n fcvt.d.l ft1, %3\n fdiv.d %0, ft0, ft1\n fscsr zero"
      : "=f"(x)
      : "r"(3), "r"(1l), "r"(3l)
      : "ft0", "ft1");
  memcpy(&bits, &x, 8);
  EQ("round-up", bits, 0x3fd5555555555556);
  long q;
  ASM("div %0, %1, %2" : "=r"(q) : "r"(7l), "r"(0l));
  EQ("divide-by-zero", q, -1);
  ASM("rem %0, %1, %2" : "=r"(q) : "r"(7l), "r"(0l));
  EQ("remainder-by-zero", q, 7);
  ASM("div %0, %1, %2" : "=r"(q) : "r"(INT64_MIN), "r"(-1l));
  EQ("overflow", q, INT64_MIN);
}

static void hardware_probe(void) {
  struct {
    int64_t key;
    uint64_t value;
  } pair[3] = {{3, 0}, {4, 0}, {9999, 5}};
  long r = syscall(258, pair, 3, 0, NULL, 0);
  // Linux before 6.4 does not have it (and qemu-user 7.2 neither).
  int absent = r == -1 && errno == ENOSYS;
  TRUE("absent-or-right",
       absent || (r == 0 && (pair[0].value & 1) && (pair[1].value & 3) == 3 && pair[2].key == -1));
}

CHECK_MAIN(CASE(misaligned), CASE(illegal_instructions), CASE(changing_code), CASE(page_ends), CASE(code_between_threads),
           CASE(atomics), CASE(counters), CASE(floating_state), CASE(hardware_probe))
#else
static void not_here(void) {}
CHECK_MAIN(CASE(not_here))
#endif
