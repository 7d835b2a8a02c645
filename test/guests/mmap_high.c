// Fixed mappings above 4 GiB: everything that memory can be used for.
#include "fault.h"
#include <linux/futex.h>
#include <pthread.h>
#include <sys/mman.h>

#define P 4096
#define RW (PROT_READ | PROT_WRITE)
#define HIGH ((char *)0x2345678000)

static int demand(char *at, size_t size, int prot, int flags) {
  char *got = mmap(at, size, prot, flags | MAP_FIXED_NOREPLACE, (flags & MAP_ANONYMOUS) ? -1 : 3, 0);
  return got == at;
}
static int have(char *at, size_t size, int prot) { return demand(at, size, prot, MAP_PRIVATE | MAP_ANONYMOUS); }

static void place(void) {
  TRUE("first-above", have((char *)0x100000000, P, RW));
  TRUE("far", have((char *)0x3f00000000, 2 * P, RW));
  *(int *)0x100000000 = 7;
  *(int *)0x3f00001000 = 8;
  EQ("distinct", *(int *)0x100000000 * 10 + *(int *)0x3f00001000, 78);
  EQ("zero", *(int *)0x3f00000000, 0);
  TRUE("taken", !have((char *)0x3f00001000, P, RW) && errno == EEXIST);
  // What MAP_FIXED replaces is gone.
  TRUE("replace", mmap((char *)0x3f00001000, P, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == (char *)0x3f00001000);
  EQ("replaced", *(int *)0x3f00001000, 0);
  // A reservation costs nothing, however large.
  TRUE("reservation", have((char *)0x2800000000, 64ul << 30, PROT_NONE));
  FAULT("reserved", load_byte, (char *)0x3000000000, SIGSEGV, SEGV_ACCERR);
  GOOD("open", mprotect((char *)0x3000000000, 2 * P, RW));
  memset((char *)0x3000000000, 3, 2 * P);
  EQ("opened", *(char *)0x3000001fff, 3);
  FAULT("beside", store_byte, (char *)0x3000002000, SIGSEGV, SEGV_ACCERR);
  GOOD("unmap", munmap((char *)0x2800000000, 64ul << 30));
  FAULT("unmapped", load_byte, (char *)0x3000000000, SIGSEGV, SEGV_MAPERR);
  GOOD("unmap-first", munmap((char *)0x100000000, P));
  GOOD("unmap-far", munmap((char *)0x3f00000000, 2 * P));
}

static void boundary(void) {
  // From the last page below 4 GiB (if it is free) to the first above, and between two further 4 GiB.
  char *at = (char *)0x2000000000 - P;
  TRUE("place", have(at, 2 * P, RW));
  *(volatile uint64_t *)(at + P - 3) = 0x8877665544332211;
  EQ("low", (unsigned char)at[P - 1], 0x33);
  EQ("high", (unsigned char)at[P], 0x44);
  EQ("across", *(volatile uint64_t *)(at + P - 3) == 0x8877665544332211, 1);
  GOOD("protect", mprotect(at + P, P, PROT_READ));
  int signal = fault_of(store_word, at + P - 3);
  EQ("no-part", signal == SIGSEGV && fault_info.si_addr == at + P && at[P - 3] == 0x11, 1);
  GOOD("unmap", munmap(at, 2 * P));
}

static void widths(void) {
  TRUE("place", have(HIGH, P, RW));
  *(volatile uint8_t *)HIGH = 0xf1;
  *(volatile uint16_t *)(HIGH + 2) = 0xf234;
  *(volatile uint32_t *)(HIGH + 4) = 0xf2345678;
  *(volatile uint64_t *)(HIGH + 8) = 0xf23456789abcdef0;
  *(volatile float *)(HIGH + 16) = 1.5f;
  *(volatile double *)(HIGH + 24) = -2.25;
  EQ("lb", *(volatile int8_t *)HIGH, (int8_t)0xf1);
  EQ("lbu", *(volatile uint8_t *)HIGH, 0xf1);
  EQ("lh", *(volatile int16_t *)(HIGH + 2), (int16_t)0xf234);
  EQ("lw", *(volatile int32_t *)(HIGH + 4), (int32_t)0xf2345678);
  EQ("lwu", *(volatile uint32_t *)(HIGH + 4), 0xf2345678);
  TRUE("ld", *(volatile uint64_t *)(HIGH + 8) == 0xf23456789abcdef0);
  TRUE("flw", *(volatile float *)(HIGH + 16) == 1.5f);
  TRUE("fld", *(volatile double *)(HIGH + 24) == -2.25);
  EQ("amo", __atomic_fetch_or((int *)(HIGH + 4), 0x0f, __ATOMIC_SEQ_CST), (int32_t)0xf2345678);
  EQ("amo-after", *(int *)(HIGH + 4), (int32_t)0xf234567f);
  long want = 5;
  *(volatile long *)(HIGH + 32) = 5;
  EQ("cas", __atomic_compare_exchange_n((long *)(HIGH + 32), &want, 6, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST), 1);
  EQ("cas-after", *(long *)(HIGH + 32), 6);
  munmap(HIGH, P);
}

static void kernel_copies(void) {
  TRUE("place", have(HIGH, 3 * P, RW));
  int fd = must(open("file", O_RDWR | O_CREAT, 0600));
  memset(HIGH, 'x', 3 * P);
  EQ("write", write(fd, HIGH, 3 * P), 3 * P);
  EQ("pread", pread(fd, HIGH + 1, 2 * P, 0), 2 * P);
  strcpy(HIGH + P - 3, "file");
  GOOD("path", access(HIGH + P - 3, R_OK));
  struct timespec *now = (void *)(HIGH + 2 * P - 8);
  GOOD("struct", syscall(SYS_clock_gettime, CLOCK_MONOTONIC, now));
  FAILS("beyond", pread(fd, HIGH + 3 * P, 1, 0), EFAULT);
  FAILS("partly", syscall(SYS_clock_gettime, CLOCK_MONOTONIC, (void *)(HIGH + 3 * P - 8)), EFAULT);
  FAILS("top", write(fd, (char *)0x4000000000, 1), EFAULT);
  close(fd);
  munmap(HIGH, 3 * P);
}

static void forked(void) {
  TRUE("place", have(HIGH, 2 * P, RW));
  TRUE("shared", demand(HIGH + 16 * P, P, RW, MAP_SHARED | MAP_ANONYMOUS));
  HIGH[1] = 1;
  pid_t pid = fork();
  if (pid == 0) {
    HIGH[1]++;
    HIGH[P] = 9;
    HIGH[16 * P] = HIGH[1];
    _exit(HIGH[1] + HIGH[P]);
  }
  EQ("child", status_of(pid), EXITED(11));
  EQ("private", HIGH[1] * 10 + HIGH[P], 10);
  EQ("seen", HIGH[16 * P], 2);
  munmap(HIGH, 17 * P);
}

static void files(void) {
  int fd = must(open("mapped", O_RDWR | O_CREAT, 0600));
  must(ftruncate(fd, 2 * P));
  must(pwrite(fd, "abc", 3, P) == 3 ? 0 : -1);
  char *m = mmap(HIGH, 2 * P, RW, MAP_SHARED | MAP_FIXED, fd, 0);
  TRUE("place", m == HIGH);
  EQ("content", HIGH[P + 1], 'b');
  HIGH[5] = 'q';
  char c = 0;
  EQ("stored", pread(fd, &c, 1, 5) == 1 && c == 'q', 1);
  EQ("written", pwrite(fd, "Z", 1, P) == 1 && HIGH[P] == 'Z', 1);
  must(ftruncate(fd, P));
  FAULT("truncated", load_byte, HIGH + P, SIGBUS, BUS_ADRERR);
  GOOD("msync", msync(HIGH, P, MS_SYNC));
  munmap(HIGH, 2 * P);
  close(fd);
}

static void moved(void) {
  char *low = mmap(NULL, 4 * P, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  for (int i = 0; i < 4; i++) low[i * P] = 40 + i;
  TRUE("up", mremap(low, 4 * P, 4 * P, MREMAP_MAYMOVE | MREMAP_FIXED, HIGH) == HIGH);
  EQ("data", HIGH[0] + HIGH[3 * P], 83);
  FAULT("left", load_byte, low, SIGSEGV, SEGV_MAPERR);
  TRUE("grow", mremap(HIGH, 4 * P, 6 * P, 0) == HIGH);
  EQ("grown", HIGH[3 * P] * 2 + HIGH[5 * P], 86);
  TRUE("shrink", mremap(HIGH, 6 * P, 3 * P, 0) == HIGH);
  FAULT("shrunk", load_byte, HIGH + 3 * P, SIGSEGV, SEGV_MAPERR);
  TRUE("down", mremap(HIGH, 3 * P, 3 * P, MREMAP_MAYMOVE | MREMAP_FIXED, low) == low);
  EQ("back", low[2 * P], 42);
  FAULT("gone", load_byte, HIGH, SIGSEGV, SEGV_MAPERR);
  GOOD("discard", madvise(low, 3 * P, MADV_DONTNEED));
  EQ("discarded", low[2 * P], 0);
  munmap(low, 3 * P);
}

static const uint32_t add_five[] = {0x00550513 /* addi a0,a0,5 */, 0x00008067 /* ret */};
// Counts a0 up to a1 in a loop that lies across the end of a page.
static const uint32_t count_up[] = {0x00150513 /* addi a0,a0,1 */, 0xfeb54ee3 /* blt a0,a1,.-4 */, 0x00008067};
// A 4-byte instruction behind a 2-byte one: where the page ends in its middle.
static const uint16_t straddling[] = {0x0001 /* c.nop */, 0x0513, 0x0155 /* addi a0,a0,21 */, 0x8082 /* c.ret */};

static long call(char *at, long a, long b) { return ((long (*)(long, long))at)(a, b); }

static void code(void) {
  TRUE("place", have(HIGH, 3 * P, RW | PROT_EXEC));
  memcpy(HIGH, add_five, sizeof add_five);
  memcpy(HIGH + P - 4, count_up, sizeof count_up);
  memcpy(HIGH + 2 * P - 4, straddling, sizeof straddling);
  __builtin___clear_cache(HIGH, HIGH + 3 * P);
  EQ("call", call(HIGH, 10, 0), 15);
  EQ("loop", call(HIGH + P - 4, 0, 5000), 5000);
  EQ("straddle", call(HIGH + 2 * P - 4, 100, 0), 121);
  // What is written is executed as written.
  ((uint32_t *)HIGH)[0] = 0x00750513; // addi a0,a0,7
  __builtin___clear_cache(HIGH, HIGH + 8);
  EQ("rewritten", call(HIGH, 10, 0), 17);
  EQ("again", call(HIGH, call(HIGH, 1, 0), 0), 15);
  GOOD("no-exec", mprotect(HIGH, P, PROT_READ));
  FAULT("refused", call_code, HIGH, SIGSEGV, SEGV_ACCERR);
  munmap(HIGH, 3 * P);
  FAULT("nothing", call_code, HIGH, SIGSEGV, SEGV_MAPERR);
}

static void *sleeper(void *word) {
  while (__atomic_load_n((int *)word, __ATOMIC_SEQ_CST) == 0) syscall(SYS_futex, word, FUTEX_WAIT, 0, NULL, NULL, 0);
  char on_stack[64];
  return (void *)(long)(on_stack >= HIGH && on_stack < HIGH + (1 << 20));
}

static void threads(void) {
  TRUE("place", have(HIGH, 1 << 20, RW));
  TRUE("word", demand(HIGH + (2 << 20), P, RW, MAP_SHARED | MAP_ANONYMOUS));
  int *word = (int *)(HIGH + (2 << 20));
  pthread_attr_t attr;
  pthread_attr_init(&attr);
  FAILS_WITH("stack", pthread_attr_setstack(&attr, HIGH, 1 << 20), 0);
  pthread_t thread;
  FAILS_WITH("create", pthread_create(&thread, &attr, sleeper, word), 0);
  // A child wakes it through shared memory.
  pid_t pid = fork();
  if (pid == 0) {
    __atomic_store_n(word, 1, __ATOMIC_SEQ_CST);
    syscall(SYS_futex, word, FUTEX_WAKE, 1, NULL, NULL, 0);
    _exit(0);
  }
  void *result = NULL;
  FAILS_WITH("join", pthread_join(thread, &result), 0);
  EQ("stack-high", (long)result, 1);
  EQ("child", status_of(pid), EXITED(0));
  munmap(HIGH, 1 << 20);
  munmap(HIGH + (2 << 20), P);
}

static volatile uintptr_t handler_at;
static void handler(int signal) {
  char here = signal;
  handler_at = (uintptr_t)&here;
}

static void alternate_stack(void) {
  TRUE("place", have(HIGH, 64 << 10, RW));
  stack_t stack = {.ss_sp = HIGH, .ss_size = 64 << 10}, old;
  GOOD("set", sigaltstack(&stack, &old));
  struct sigaction action = {.sa_handler = handler, .sa_flags = SA_ONSTACK};
  sigaction(SIGUSR1, &action, NULL);
  raise(SIGUSR1);
  TRUE("there", handler_at >= (uintptr_t)HIGH && handler_at < (uintptr_t)HIGH + (64 << 10));
  old.ss_flags = SS_DISABLE;
  GOOD("unset", sigaltstack(&old, NULL));
  munmap(HIGH, 64 << 10);
}

static void seen_in_proc(void) {
  TRUE("place", have(HIGH, 2 * P, RW));
  char *maps = read_file("/proc/self/maps");
  TRUE("line", maps && strstr(maps, "2345678000-234567a000 rw-p 00000000 00:00 0"));
  munmap(HIGH, 2 * P);
  maps = read_file("/proc/self/maps");
  TRUE("no-line", maps && !strstr(maps, "2345678000-"));
}

static void beyond(void) {
  TRUE("last", have((char *)0x3ffffff000 - P, P, RW));
  munmap((char *)0x3ffffff000 - P, P);
  FAILS("over", mmap((char *)0x3ffffff000, 2 * P, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0), ENOMEM);
  FAILS("above", mmap((char *)0x4000000000, P, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0), ENOMEM);
  FAILS("munmap", munmap((char *)0x4000000000, P), EINVAL);
  FAULT("load", load_byte, (char *)0x5000000000, SIGSEGV, SEGV_MAPERR);
}

CHECK_MAIN(CASE(place), CASE(boundary), CASE(widths), CASE(kernel_copies), CASE(forked), CASE(files), CASE(moved), CASE(code),
           CASE(threads), CASE(alternate_stack), CASE(seen_in_proc), CASE(beyond))
