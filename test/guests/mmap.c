// Anonymous memory: mmap, munmap, mprotect, madvise, mremap, brk, and what a fork does to them.
#include "fault.h"
#include <sys/mman.h>
#include <sys/resource.h>

enum { P = 4096 };

static char *anonymous(size_t pages) {
  return (char *)must(mmap(NULL, pages * P, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
}

static int all(const char *p, size_t n, char value) {
  for (size_t i = 0; i < n; i++)
    if (p[i] != value) return 0;
  return 1;
}

static void basics(void) {
  char *m = anonymous(16);
  EQ("aligned", (uintptr_t)m % P, 0);
  TRUE("zero", all(m, 16 * P, 0));
  memset(m, 7, 16 * P);
  TRUE("written", all(m, 16 * P, 7));
  GOOD("munmap-middle", munmap(m + 4 * P, 4 * P));
  TRUE("below", all(m, 4 * P, 7));
  TRUE("above", all(m + 8 * P, 8 * P, 7));
  FAULT("hole", load_byte, m + 5 * P, SIGSEGV, SEGV_MAPERR);
  FAULT("hole-store", store_byte, m + 4 * P, SIGSEGV, SEGV_MAPERR);
  FAULT("hole-last", load_byte, m + 8 * P - 1, SIGSEGV, SEGV_MAPERR);
  GOOD("munmap-hole", munmap(m + 4 * P, 4 * P));
  GOOD("munmap-rest", munmap(m, 16 * P));
  FAULT("gone", load_byte, m, SIGSEGV, SEGV_MAPERR);
  m = anonymous(1);
  TRUE("zero-again", all(m, P, 0));
  munmap(m, P);
}

static void mistakes(void) {
  char *m = anonymous(2);
  FAILS("zero-length", mmap(NULL, 0, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), EINVAL);
  FAILS("no-kind", mmap(NULL, P, PROT_READ, MAP_ANONYMOUS, -1, 0), EINVAL);
  FAILS("fixed-unaligned", mmap(m + 1, P, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0), EINVAL);
  FAILS("huge", mmap(NULL, (size_t)1 << 62, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), ENOMEM);
  FAILS("wraps", mmap(NULL, -1ul, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), ENOMEM);
  FAILS("bad-fd", mmap(NULL, P, PROT_READ, MAP_PRIVATE, 99, 0), EBADF);
  FAILS("bad-fd-first", mmap(m + 1, 0, 0, MAP_SHARED | MAP_FIXED, 99, 0), EBADF);
  FAILS("bad-fd-huge", mmap(NULL, -1ul, PROT_READ, MAP_PRIVATE, 99, 0), EBADF);
  FAILS("position-unaligned", mmap(NULL, P, PROT_READ, MAP_PRIVATE, 99, 1), EINVAL);
  GOOD("unknown-protection", mmap(NULL, P, PROT_READ | 0x100, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED ? -1 : 0);
  FAILS("munmap-unaligned", munmap(m + 1, P), EINVAL);
  FAILS("munmap-zero", munmap(m, 0), EINVAL);
  FAILS("mprotect-unaligned", mprotect(m + 1, P, PROT_READ), EINVAL);
  GOOD("mprotect-zero", mprotect(m, 0, PROT_READ));
  FAILS("mprotect-bits", mprotect(m, P, 0x40), EINVAL);
  munmap(m + P, P);
  FAILS("madvise-advice", madvise(m, P, 9999), EINVAL);
  FAILS("madvise-hole", madvise(m, 2 * P, MADV_DONTNEED), ENOMEM);
  FAILS("noreplace", mmap(m, P, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0), EEXIST);
  munmap(m, P);
}

static void mprotect_hole(void) {
  char *m = anonymous(2);
  munmap(m + P, P);
  FAILS("fails", mprotect(m, 2 * P, PROT_READ), ENOMEM);
  FAULT("but-applied-before-it", store_byte, m, SIGSEGV, SEGV_ACCERR);
  munmap(m, P);
}

static void protection(void) {
  char *m = anonymous(4);
  memset(m, 3, 4 * P);
  GOOD("read-only", mprotect(m + P, P, PROT_READ));
  NO_FAULT("can-read", load_byte, m + P + 5);
  FAULT("cannot-write", store_byte, m + P + 5, SIGSEGV, SEGV_ACCERR);
  NO_FAULT("before", store_byte, m + P - 1);
  NO_FAULT("after", store_byte, m + 2 * P);
  GOOD("none", mprotect(m + P, P, PROT_NONE));
  FAULT("cannot-read", load_byte, m + P, SIGSEGV, SEGV_ACCERR);
  FAULT("cannot-write-none", store_byte, m + 2 * P - 1, SIGSEGV, SEGV_ACCERR);
  FAULT("cannot-run", call_code, m + P, SIGSEGV, SEGV_ACCERR);
  GOOD("back", mprotect(m + P, P, PROT_READ | PROT_WRITE));
  EQ("data-kept", m[P + 5], 3);
  NO_FAULT("can-write", store_byte, m + P);
  FAULT("data-is-not-code", call_code, m + 2 * P, SIGSEGV, SEGV_ACCERR);
  char *none = (char *)must(mmap(NULL, 4 * P, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  FAULT("reserved", load_byte, none, SIGSEGV, SEGV_ACCERR);
  GOOD("commit", mprotect(none + P, P, PROT_READ | PROT_WRITE));
  NO_FAULT("committed", store_byte, none + P);
  FAULT("still-reserved", store_byte, none + 2 * P, SIGSEGV, SEGV_ACCERR);
  munmap(none, 4 * P);
  munmap(m, 4 * P);
}

static void crossing(void) {
  // A misaligned access over the edge of a mapping faults at the page that is missing, and stores nothing.
  char *m = anonymous(2);
  memset(m, 5, 2 * P);
  NO_FAULT("both-there", store_word, m + P - 4);
  munmap(m + P, P);
  memset(m, 5, P);
  EQ("signal", fault_of(store_word, m + P - 4), SIGSEGV);
  EQ("code", fault_info.si_code, SEGV_MAPERR);
  TRUE("address-in-access", (char *)fault_info.si_addr >= m + P - 4 && (char *)fault_info.si_addr < m + P + 4);
  TRUE("nothing-stored", all(m + P - 4, 4, 5));
  EQ("load", fault_of(load_word, m + P - 1), SIGSEGV);
  munmap(m, P);
}

static void null_page(void) {
  FAULT("load", load_byte, (char *)0, SIGSEGV, SEGV_MAPERR);
  FAULT("store", store_byte, (char *)8, SIGSEGV, SEGV_MAPERR);
  FAULT("call", call_code, (char *)0, SIGSEGV, SEGV_MAPERR);
  FAULT("high", load_byte, (char *)0x3000000000, SIGSEGV, SEGV_MAPERR);
}

static void fixed(void) {
  char *m = anonymous(8);
  memset(m, 1, 8 * P);
  char *f = mmap(m + 2 * P, 2 * P, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
  TRUE("place", f == m + 2 * P);
  TRUE("replaced-with-zero", all(f, 2 * P, 0));
  FAULT("read-only", store_byte, f, SIGSEGV, SEGV_ACCERR);
  TRUE("around", all(m, 2 * P, 1) && all(m + 4 * P, 4 * P, 1));
  munmap(m + 2 * P, 2 * P);
  char *hint = mmap(m + 2 * P, P, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  TRUE("free-hint-is-taken", hint == m + 2 * P);
  char *other = mmap(m, P, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  TRUE("busy-hint-is-not", other != m && other != MAP_FAILED && m[0] == 1);
  munmap(m, 8 * P);
  munmap(other, P);
  // A hint above 4 GiB (Go's heap gives such) is only a hint.
  void *hinted = mmap((void *)0xc000000000, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  TRUE("high-hint", hinted != MAP_FAILED);
  NO_FAULT("high-hint-works", store_byte, (char *)hinted + 5000);
  munmap(hinted, 1 << 20);
}

static void fixed_high(void) {
  // Addresses above 4 GiB may be demanded, and MAP_FIXED gets them.
  char *high = (char *)0x1234567000;
  char *f = mmap(high, 3 * P, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
  TRUE("place", f == high);
  if (f == high) {
    memset(high, 9, 3 * P);
    TRUE("data", all(high, 3 * P, 9));
    store_word(high + P - 3);
    EQ("misaligned", high[P - 3], 1);
    __atomic_fetch_add((long *)(high + 64), 5, __ATOMIC_SEQ_CST);
    EQ("atomic", high[64], 14);
    int p[2];
    pipe(p);
    EQ("write", write(p[1], high, 3 * P), 3 * P);
    EQ("read", read(p[0], high, 3 * P), 3 * P);
    close(p[0]), close(p[1]);
    mprotect(high + P, P, PROT_READ);
    FAULT("protect", store_byte, high + P, SIGSEGV, SEGV_ACCERR);
    pid_t pid = fork();
    if (pid == 0) {
      high[5] = 77;
      _exit(high[6]);
    }
    EQ("fork", status_of(pid), EXITED(9));
    EQ("fork-private", high[5], 9);
    munmap(high, 3 * P);
    FAULT("gone", load_byte, high + 2 * P, SIGSEGV, SEGV_MAPERR);
  }
}

static void dont_need(void) {
  char *m = anonymous(8);
  memset(m, 6, 8 * P);
  GOOD("madvise", madvise(m + 2 * P, 3 * P, MADV_DONTNEED));
  TRUE("zeroed", all(m + 2 * P, 3 * P, 0));
  TRUE("kept", all(m, 2 * P, 6) && all(m + 5 * P, 3 * P, 6));
  m[2 * P] = 9;
  EQ("writable", m[2 * P], 9);
  GOOD("willneed", madvise(m, 8 * P, MADV_WILLNEED));
  GOOD("normal", madvise(m, 8 * P, MADV_NORMAL));
  GOOD("free", madvise(m + 6 * P, P, MADV_FREE));
  m[6 * P] = 4;
  EQ("free-then-store", m[6 * P], 4);
  munmap(m, 8 * P);
}

static void copy_on_write(void) {
  char *m = anonymous(64);
  for (int i = 0; i < 64; i++) m[i * P] = i;
  char *s = (char *)must(mmap(NULL, P, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
  pid_t pid = fork();
  if (pid == 0) {
    int same = 1;
    for (int i = 0; i < 64; i++) same &= m[i * P] == i;
    for (int i = 0; i < 64; i += 2) m[i * P] = 100;
    s[0] = 55;
    // A grandchild sees the child's changes, and its own stay its own.
    pid_t grand = fork();
    if (grand == 0) {
      int ok = m[0] == 100 && m[P] == 1;
      m[0] = 101;
      s[1] = 66;
      _exit(!ok);
    }
    same &= status_of(grand) == 0 && m[0] == 100;
    _exit(!same);
  }
  m[P] = 1;
  m[63 * P] = 77;
  EQ("child", status_of(pid), 0);
  int mine = 1;
  for (int i = 0; i < 63; i++) mine &= m[i * P] == i;
  TRUE("parent-unchanged", mine);
  EQ("parent-own", m[63 * P], 77);
  EQ("shared-child", s[0], 55);
  EQ("shared-grandchild", s[1], 66);
  munmap(m, 64 * P), munmap(s, P);
  // read(2) into a page that is shared after a fork must copy it too.
  m = anonymous(1);
  m[0] = 'p';
  int p[2];
  pipe(p);
  write(p[1], "c", 1);
  pid = fork();
  if (pid == 0) _exit(read(p[0], m, 1) == 1 && m[0] == 'c' ? 0 : 1);
  EQ("read-child", status_of(pid), 0);
  EQ("read-parent", m[0], 'p');
  munmap(m, P);
  close(p[0]), close(p[1]);
}

static void shared_anonymous(void) {
  int *s = (int *)must(mmap(NULL, 16 * P, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
  enum { N = 4, EACH = 20000 };
  pid_t pid[N];
  for (int i = 0; i < N; i++) {
    pid[i] = fork();
    if (pid[i] == 0) {
      for (int k = 0; k < EACH; k++) __atomic_fetch_add(&s[k % 16 * (P / 4)], 1, __ATOMIC_SEQ_CST);
      _exit(0);
    }
  }
  for (int i = 0; i < N; i++) status_of(pid[i]);
  int total = 0;
  for (int i = 0; i < 16; i++) total += s[i * (P / 4)];
  EQ("atomic-sum", total, N * EACH);
  madvise(s, P, MADV_DONTNEED);
  TRUE("dontneed-keeps-shared", s[0] != 0);
  munmap(s, 16 * P);
}

static void remapping(void) {
  char *m = anonymous(4);
  for (int i = 0; i < 4; i++) m[i * P] = 10 + i;
  char *s = mremap(m, 4 * P, 2 * P, 0);
  TRUE("shrink", s == m);
  FAULT("shrunk", load_byte, m + 2 * P, SIGSEGV, SEGV_MAPERR);
  // Something in the way makes growth in place impossible.
  char *block = mmap(m + 2 * P, P, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
  FAILS("no-room", mremap(m, 2 * P, 4 * P, 0), ENOMEM);
  char *g = mremap(m, 2 * P, 300 * P, MREMAP_MAYMOVE);
  TRUE("moved", g != MAP_FAILED && g != m);
  EQ("data-0", g[0], 10);
  EQ("data-1", g[P], 11);
  EQ("new-zero", g[299 * P], 0);
  g[299 * P] = 1;
  FAULT("old-gone", load_byte, m, SIGSEGV, SEGV_MAPERR);
  munmap(block, P);
  char *target = anonymous(8);
  char *t = mremap(g, 2 * P, 2 * P, MREMAP_MAYMOVE | MREMAP_FIXED, target);
  TRUE("fixed", t == target);
  EQ("fixed-data", target[P], 11);
  FAULT("fixed-old-gone", load_byte, g + P, SIGSEGV, SEGV_MAPERR);
  FAILS("overlap", mremap(target, 2 * P, 2 * P, MREMAP_MAYMOVE | MREMAP_FIXED, target + P), EINVAL);
  FAILS("unaligned", mremap(target + 1, P, 2 * P, MREMAP_MAYMOVE), EINVAL);
  FAILS("zero-new", mremap(target, P, 0, MREMAP_MAYMOVE), EINVAL);
  FAILS("unmapped", mremap(g, P, 2 * P, MREMAP_MAYMOVE), EFAULT);
  FAILS("flags", mremap(target, P, P, 0x80), EINVAL);
  munmap(target, 8 * P);
  munmap(g + 2 * P, 298 * P);
}

static void breaking(void) {
  char *start = (char *)syscall(SYS_brk, 0);
  TRUE("where", start != NULL);
  char *up = (char *)syscall(SYS_brk, start + 10 * P);
  TRUE("up", up == start + 10 * P);
  char *page = (char *)(((uintptr_t)start + P - 1) & ~(uintptr_t)(P - 1));
  TRUE("zero", all(page, 8 * P, 0));
  memset(page, 1, 8 * P);
  TRUE("down", (char *)syscall(SYS_brk, start + P) == start + P);
  FAULT("released", load_byte, page + 4 * P, SIGSEGV, SEGV_MAPERR);
  TRUE("up-again", (char *)syscall(SYS_brk, start + 10 * P) == start + 10 * P);
  TRUE("zero-again", all(page + 4 * P, 4 * P, 0));
  TRUE("refused-keeps", (char *)syscall(SYS_brk, 16) == start + 10 * P);
  TRUE("too-much-keeps", (char *)syscall(SYS_brk, (char *)1 + ((uint64_t)1 << 60)) == start + 10 * P);
  syscall(SYS_brk, start);
}

static void many_mappings(void) {
  enum { N = 500 };
  static char *m[N];
  int made = 0, right = 1;
  for (int i = 0; i < N; i++) {
    m[i] = mmap(NULL, (1 + i % 3) * P, i % 2 ? PROT_READ | PROT_WRITE : PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    made += m[i] != MAP_FAILED;
    if (i % 2) m[i][0] = i;
  }
  EQ("made", made, N);
  for (int i = 0; i < N; i += 4) munmap(m[i], (1 + i % 3) * P);
  for (int i = 1; i < N; i += 2) right &= m[i][0] == (char)i;
  TRUE("data", right);
  for (int i = 0; i < N; i++)
    if (i % 4) munmap(m[i], (1 + i % 3) * P);
  // A page in the middle of a large region, protected one by one: many splits and merges.
  char *big = anonymous(256);
  for (int i = 0; i < 256; i += 2) mprotect(big + i * P, P, PROT_READ);
  FAULT("split", store_byte, big + 128 * P, SIGSEGV, SEGV_ACCERR);
  NO_FAULT("between", store_byte, big + 129 * P);
  GOOD("merge", mprotect(big, 256 * P, PROT_READ | PROT_WRITE));
  NO_FAULT("merged", store_byte, big + 128 * P);
  munmap(big, 256 * P);
}

static void residency(void) {
  char *m = anonymous(8);
  unsigned char v[8];
  m[2 * P] = 1;
  GOOD("mincore", mincore(m, 8 * P, v));
  EQ("touched", v[2] & 1, 1);
  EQ("untouched", v[5] & 1, 0);
  GOOD("mlock", mlock(m, P));
  GOOD("munlock", munlock(m, P));
  munmap(m, 8 * P);
  FAILS("mincore-hole", mincore(m, P, v), ENOMEM);
  GOOD("msync", ({
         m = anonymous(1);
         msync(m, P, MS_SYNC);
       }));
  FAILS("msync-flags", msync(m, P, MS_SYNC | MS_ASYNC), EINVAL);
  munmap(m, P);
}

static void code_everywhere(void) {
  // More pages of code than any cache of decoded code holds, visited again and again.
  enum { pages = 12288 };
  char *m = (char *)must(mmap(NULL, (size_t)pages * P, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  for (int i = 0; i < pages; i++) {
    uint32_t *at = (uint32_t *)(m + (size_t)i * P);
    at[0] = 0x00150513;  // addi a0,a0,1
    at[1] = 0x00008067;  // ret
  }
  __builtin___clear_cache(m, m + (size_t)pages * P);
  long sum = 0;
  for (int round = 0; round < 3; round++)
    for (int i = 0; i < pages; i++) sum = ((long (*)(long))(m + (size_t)i * P))(sum);
  EQ("sum", sum, 3 * pages);
  munmap(m, (size_t)pages * P);
}

static void stack_grows(void) {
  // A megabyte of stack comes as it is touched.
  volatile char deep[1 << 20];
  for (size_t i = sizeof deep; i > 0; i -= P) deep[i - 1] = 1;
  EQ("deep", deep[sizeof deep - 1], 1);
  struct rlimit r;
  getrlimit(RLIMIT_STACK, &r);
  TRUE("limit", r.rlim_cur >= 1 << 20);
}

CHECK_MAIN(CASE(basics), CASE(mistakes), CASE(mprotect_hole), CASE(protection), CASE(crossing), CASE(null_page), CASE(fixed), CASE(fixed_high), CASE(dont_need),
           CASE(copy_on_write), CASE(shared_anonymous), CASE(remapping), CASE(breaking), CASE(many_mappings),
           CASE(residency), CASE(code_everywhere), CASE(stack_grows))
