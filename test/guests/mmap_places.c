// Where mappings lie, and what else mmap, mremap, mlock and madvise are asked: reservations that are larger than 4 GiB, hints,
// flags, memory that is locked.
#include "fault.h"
#include <linux/capability.h>
#include <sys/mman.h>
#include <sys/resource.h>

#define P 4096
#define GIB (1ul << 30)
#define RW (PROT_READ | PROT_WRITE)
#define PA (MAP_PRIVATE | MAP_ANONYMOUS)
#ifndef MREMAP_DONTUNMAP
#define MREMAP_DONTUNMAP 4
#endif
#ifndef MADV_DONTNEED_LOCKED
#define MADV_DONTNEED_LOCKED 24
#endif

static char *map(void *at, size_t size, int prot, int flags) { return mmap(at, size, prot, flags, -1, 0); }
static int mapped(void *at) { return msync(at, P, MS_ASYNC) == 0; }
static int resident(void *at) {
  unsigned char v = 0;
  must(mincore(at, P, &v));
  return v & 1;
}

static int file_of(int pages) {
  int fd = must(memfd_create("places", MFD_ALLOW_SEALING));
  must(ftruncate(fd, pages * P));
  return fd;
}

// What V8, the JVM and sanitizers do: reserve far more than there is, cut an aligned part out, make pieces of it usable.
static void reservation(void) {
  char *all = map(NULL, 64 * GIB, PROT_NONE, PA | MAP_NORESERVE);
  TRUE("reserve", all != MAP_FAILED);
  char *cage = (char *)(((uintptr_t)all + 4 * GIB - 1) & -(4 * GIB));
  if (cage != all) must(munmap(all, cage - all));
  char *end = cage + 32 * GIB;
  GOOD("trim", munmap(end, all + 64 * GIB - end));
  FAULT("reserved", load_byte, cage + 5 * GIB, SIGSEGV, SEGV_ACCERR);
  FAULT("trimmed", load_byte, end, SIGSEGV, SEGV_MAPERR);
  GOOD("commit", mprotect(cage + 5 * GIB, 2 * P, RW));
  cage[5 * GIB + P] = 7;
  TRUE("commit-fixed", map(cage + 4 * GIB - P, 2 * P, RW, PA | MAP_FIXED) == cage + 4 * GIB - P);
  *(volatile long *)(cage + 4 * GIB - 4) = -1;
  EQ("across", *(unsigned char *)(cage + 4 * GIB + 3) + *(unsigned char *)(cage + 4 * GIB + 4), 255);
  pid_t pid = fork();
  if (!pid) _exit(cage[5 * GIB + P]);
  EQ("forked", status_of(pid), EXITED(7));
  GOOD("decommit", madvise(cage + 5 * GIB, 2 * P, MADV_DONTNEED));
  EQ("decommitted", cage[5 * GIB + P], 0);
  char *other = map(NULL, 8 * GIB, PROT_NONE, PA | MAP_NORESERVE);
  TRUE("second", other != MAP_FAILED && (other >= end || other + 8 * GIB <= cage));
  char *small = map(NULL, P, RW, PA);
  TRUE("small", small != MAP_FAILED && (small >= end || small < cage));
  GOOD("unmap", munmap(cage, 32 * GIB));
  must(munmap(other, 8 * GIB));
  must(munmap(small, P));
  FAILS("too-much", (long)map(NULL, 1ul << 60, PROT_NONE, PA), ENOMEM);
}

static void hints(void) {
  char *at = map(NULL, 64 * P, RW, PA);
  must(munmap(at, 64 * P));
  TRUE("free", map(at + 8 * P, P, RW, PA) == at + 8 * P);
  TRUE("unaligned", map(at + 16 * P + 5, P, RW, PA) == at + 16 * P);
  char *other = map(at + 8 * P, P, RW, PA);
  TRUE("taken", other != MAP_FAILED && other != at + 8 * P);
  TRUE("kept", mapped(at + 8 * P));
  TRUE("partly-taken", map(at + 7 * P, 2 * P, RW, PA) != at + 7 * P);
  FAILS("noreplace", (long)map(at + 8 * P, P, RW, PA | MAP_FIXED_NOREPLACE), EEXIST);
  must(munmap(at + 8 * P, P));
  TRUE("noreplace-free", map(at + 8 * P, P, RW, PA | MAP_FIXED_NOREPLACE) == at + 8 * P);
  TRUE("beyond", map((void *)-P, 2 * P, RW, PA) != MAP_FAILED);
  FAILS("fixed-beyond", (long)map((void *)-P, P, RW, PA | MAP_FIXED), ENOMEM);
  FAILS("fixed-unaligned", (long)map(at + 1, P, RW, PA | MAP_FIXED), EINVAL);
  munmap(at, 64 * P);
}

static void flags(void) {
  int fd = file_of(16);
#define FILED(flags) (long)mmap(NULL, P, RW, flags, fd, 0)
  FAILS("validate-anonymous", (long)map(NULL, P, RW, MAP_SHARED_VALIDATE | MAP_ANONYMOUS), EINVAL);
  GOOD("validate", FILED(MAP_SHARED_VALIDATE));
  GOOD("validate-known", FILED(MAP_SHARED_VALIDATE | MAP_POPULATE | MAP_NORESERVE | MAP_STACK | MAP_NONBLOCK));
  FAILS("validate-sync", FILED(MAP_SHARED_VALIDATE | MAP_SYNC), EOPNOTSUPP);
  FAILS("validate-unknown", FILED(MAP_SHARED_VALIDATE | 0x200000), EOPNOTSUPP);
  FAILS("validate-noreplace", (long)mmap((void *)0x30000000, P, RW, MAP_SHARED_VALIDATE | MAP_FIXED_NOREPLACE, fd, 0), EOPNOTSUPP);
  GOOD("unknown", FILED(MAP_SHARED | 0x200000));
  GOOD("sync-alone", FILED(MAP_SHARED | MAP_SYNC));
  GOOD("unknown-anonymous", (long)map(NULL, P, RW, PA | 0x200000));
  FAILS("grows-shared", (long)map(NULL, P, RW, MAP_SHARED | MAP_ANONYMOUS | MAP_GROWSDOWN), EINVAL);
  FAILS("grows-file", FILED(MAP_PRIVATE | MAP_GROWSDOWN), EINVAL);
  FAILS("huge", (long)map(NULL, 2 << 20, RW, PA | MAP_HUGETLB), ENOMEM);
  FAILS("huge-file", FILED(MAP_SHARED | MAP_HUGETLB), EINVAL);
  FAILS("no-type", FILED(0), EINVAL);
  FAILS("bad-type", FILED(7), EINVAL);
  int ends[2];
  must(pipe(ends));
  FAILS("pipe", (long)mmap(NULL, P, PROT_READ, MAP_PRIVATE, ends[0], 0), ENODEV);
  FAILS("directory", (long)mmap(NULL, P, PROT_READ, MAP_PRIVATE, must(open("/", O_RDONLY)), 0), ENODEV);
  FAILS("path", (long)mmap(NULL, P, PROT_READ, MAP_PRIVATE, must(open("/", O_PATH)), 0), EBADF);
  FAILS("null-device", (long)mmap(NULL, P, PROT_READ, MAP_PRIVATE, must(open("/dev/null", O_RDWR)), 0), ENODEV);
}

// A mapping that grows down page by page, as far as the guard gap in front of the next one.
static void grows_down(void) {
  char *room = map(NULL, 1024 * P, PROT_NONE, PA);
  must(munmap(room, 1024 * P));
  char *m = map(room + 1000 * P, 2 * P, RW, PA | MAP_GROWSDOWN | MAP_FIXED);
  TRUE("mapped", m == room + 1000 * P);
  for (int i = 1; i <= 40; i++) m[-i * P] = i;
  EQ("grown", m[-40 * P], 40);
  TRUE("wall", map(room + 600 * P, P, RW, PA | MAP_FIXED) == room + 600 * P);
  m[-100 * P] = 1;
  EQ("far", m[-100 * P], 1);
  FAULT("guard", store_byte, room + 700 * P, SIGSEGV, SEGV_MAPERR);
  munmap(room, 1024 * P);
}

static void zero_device(void) {
  int readonly = must(open("/dev/zero", O_RDONLY)), both = must(open("/dev/zero", O_RDWR)), writeonly = must(open("/dev/zero", O_WRONLY));
#define ZERO(prot, kind, fd) (long)mmap(NULL, 2 * P, prot, kind, fd, 0)
  FAILS("shared-write", ZERO(RW, MAP_SHARED, readonly), EACCES);
  FAILS("write-only", ZERO(PROT_READ, MAP_PRIVATE, writeonly), EACCES);
  char *m = (char *)GOOD("shared-read", ZERO(PROT_READ, MAP_SHARED, readonly));
  EQ("zero", m[P], 0);
  FAILS("stays-readonly", mprotect(m, P, RW), EACCES);
  m = (char *)GOOD("private", ZERO(RW, MAP_PRIVATE, readonly));
  m[0] = 1;
  m = (char *)GOOD("private-later", ZERO(PROT_READ, MAP_PRIVATE, readonly));
  GOOD("private-writable", mprotect(m, P, RW));
  m = (char *)GOOD("shared", ZERO(RW, MAP_SHARED, both));
  pid_t pid = fork();
  if (!pid) {
    m[P] = 'c';
    _exit(0);
  }
  EQ("child", status_of(pid), 0);
  EQ("is-shared", m[P], 'c');
  char *twin = (char *)GOOD("another", ZERO(RW, MAP_SHARED, both));
  EQ("has-its-own", twin[P], 0);
  int fd = file_of(1);
  char name[64];
  snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
  int again = must(open(name, O_RDONLY));
  m = (char *)GOOD("file-read", (long)mmap(NULL, P, PROT_READ, MAP_SHARED, again, 0));
  FAILS("file-stays-readonly", mprotect(m, P, RW), EACCES);
  GOOD("file-executable", mprotect(m, P, PROT_READ | PROT_EXEC));
  m = (char *)mmap(NULL, P, PROT_READ, MAP_SHARED, fd, 0);
  GOOD("file-becomes-writable", mprotect(m, P, RW));
}

static void remapping(void) {
  char *a = map(NULL, 16 * P, RW, PA), *s = map(NULL, 16 * P, RW, MAP_SHARED | MAP_ANONYMOUS);
  FAILS("none-private", (long)mremap(a, 0, P, MREMAP_MAYMOVE), EINVAL);
  FAILS("none-in-place", (long)mremap(s, 0, P, 0), ENOMEM);
  s[2 * P] = 's';
  char *twin = (char *)GOOD("none", (long)mremap(s + 2 * P, 0, 2 * P, MREMAP_MAYMOVE));
  EQ("twin-sees", twin[0], 's');
  twin[1] = 't';
  EQ("twin-shares", s[2 * P + 1], 't');
  TRUE("still-there", mapped(s) && mapped(s + 2 * P) && mapped(s + 15 * P));
  a[0] = 'a', a[P] = 'b';
  FAILS("keep-size", (long)mremap(a, P, 2 * P, MREMAP_MAYMOVE | MREMAP_DONTUNMAP), EINVAL);
  FAILS("keep-in-place", (long)mremap(a, P, P, MREMAP_DONTUNMAP), EINVAL);
  char *to = (char *)GOOD("keep", (long)mremap(a, 2 * P, 2 * P, MREMAP_MAYMOVE | MREMAP_DONTUNMAP));
  TRUE("kept", to != a && to[0] == 'a' && to[P] == 'b' && a[0] == 0 && a[P] == 0);
  a[0] = 'n';
  TRUE("apart", to[0] == 'a' && mapped(a + 2 * P));
  char *place = map(NULL, 2 * P, RW, PA);
  TRUE("keep-fixed", mremap(to, 2 * P, 2 * P, MREMAP_MAYMOVE | MREMAP_DONTUNMAP | MREMAP_FIXED, place) == place);
  TRUE("kept-fixed", place[P] == 'b' && to[P] == 0);
  to = (char *)GOOD("keep-shared", (long)mremap(s, 4 * P, 4 * P, MREMAP_MAYMOVE | MREMAP_DONTUNMAP));
  TRUE("kept-shared", to[2 * P] == 's' && s[2 * P] == 's' && (s[0] = 9, to[0] == 9));
  FAILS("onto-itself", (long)mremap(a, 4 * P, 4 * P, MREMAP_MAYMOVE | MREMAP_FIXED, a + P), EINVAL);
  FAILS("fixed-alone", (long)mremap(a, P, P, MREMAP_FIXED, place), EINVAL);
  FAILS("unknown", (long)mremap(a, P, P, 8), EINVAL);
  FAILS("more-than-all", (long)mremap(a, P, 1ul << 45, MREMAP_MAYMOVE), ENOMEM);
  // What only shrinks may be several mappings.
  must(mprotect(a + 5 * P, P, PROT_READ));
  TRUE("shrink-several", mremap(a + 4 * P, 4 * P, P, 0) == a + 4 * P && mapped(a + 4 * P) && !mapped(a + 5 * P) && !mapped(a + 7 * P) && mapped(a + 8 * P));
  must(mprotect(a + 9 * P, P, PROT_READ));
  FAILS("grow-several", (long)mremap(a + 8 * P, 2 * P, 32 * P, MREMAP_MAYMOVE), EFAULT);
  must(munmap(a + 12 * P, P));
  FAILS("unmapped", (long)mremap(a + 12 * P, P, 2 * P, MREMAP_MAYMOVE), EFAULT);
}

static void locked(void) {
  int fd = file_of(4);
  char *m = mmap(NULL, 4 * P, RW, MAP_SHARED, fd, 0), *n = map(NULL, 4 * P, RW, PA);
  GOOD("lock", mlock(m + 1, P - 1));
  FAILS("invalidate", msync(m, P, MS_INVALIDATE), EBUSY);
  FAILS("invalidate-part", msync(m, 4 * P, MS_SYNC | MS_INVALIDATE), EBUSY);
  GOOD("invalidate-other", msync(m + P, P, MS_INVALIDATE));
  GOOD("sync", msync(m, 4 * P, MS_SYNC));
  FAILS("dont-need", madvise(m, P, MADV_DONTNEED), EINVAL);
  FAILS("remove", madvise(m, P, MADV_REMOVE), EINVAL);
  GOOD("dont-need-locked", madvise(m, P, MADV_DONTNEED_LOCKED));
  GOOD("unlock", munlock(m, 1));
  GOOD("invalidate-again", msync(m, 4 * P, MS_INVALIDATE));
  EQ("out", resident(n), 0);
  GOOD("lock-more", mlock(n, 2 * P));
  EQ("in", resident(n) + resident(n + P), 2);
  FAILS("free-locked", madvise(n, P, MADV_FREE), EINVAL);
  GOOD("lock-on-fault", mlock2(n + 2 * P, P, MLOCK_ONFAULT));
  EQ("not-yet", resident(n + 2 * P), 0);
  FAILS("cold", madvise(n + 2 * P, P, MADV_COLD), EINVAL);
  FAILS("bad-flag", mlock2(n, P, 2), EINVAL);
  must(munmap(n + 3 * P, P));
  FAILS("hole", mlock(n, 4 * P), ENOMEM);
  FAILS("no-access", mlock(map(NULL, P, PROT_NONE, PA), P), ENOMEM);
  GOOD("nothing", mlock(NULL, 0));
  FAILS("all-none", mlockall(0), EINVAL);
  FAILS("all-on-fault", mlockall(MCL_ONFAULT), EINVAL);
  FAILS("all-unknown", mlockall(8), EINVAL);
  GOOD("future", mlockall(MCL_FUTURE));
  char *k = map(NULL, 2 * P, RW, PA);
  EQ("future-in", resident(k) + resident(k + P), 2);
  FAILS("future-locked", msync(k, P, MS_INVALIDATE), EBUSY);
  pid_t pid = fork();
  if (!pid) _exit(msync(k, P, MS_INVALIDATE) || msync(map(NULL, P, RW, PA), P, MS_INVALIDATE));
  EQ("not-inherited", status_of(pid), 0);
  GOOD("none", munlockall());
  GOOD("unlocked", msync(k, P, MS_INVALIDATE));
  GOOD("not-future", msync(map(NULL, P, RW, PA), P, MS_INVALIDATE));
  GOOD("map-locked", msync(map(NULL, P, RW, PA), P, MS_SYNC));
  k = map(NULL, 2 * P, RW, PA | MAP_LOCKED);
  EQ("map-locked-in", resident(k + P), 1);
  FAILS("map-locked-busy", msync(k, P, MS_INVALIDATE), EBUSY);
}

// Without CAP_IPC_LOCK no more may be locked than RLIMIT_MEMLOCK says.
static void lock_limits(void) {
  pid_t pid = fork();
  if (pid) {
    EQ("limited", status_of(pid), 0);
    return;
  }
  struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  struct __user_cap_data_struct caps[2];
  must(syscall(SYS_capget, &header, caps));
  caps[0].effective &= ~(1u << CAP_IPC_LOCK);
  must(syscall(SYS_capset, &header, caps));
  must(setrlimit(RLIMIT_MEMLOCK, &(struct rlimit){8 * P, 8 * P}));
  char *m = map(NULL, 16 * P, RW, PA);
  GOOD("as-many", mlock(m, 8 * P));
  GOOD("the-same", mlock(m, 8 * P));
  FAILS("more", mlock(m, 9 * P), ENOMEM);
  FAILS("others", mlock(m + 8 * P, P), ENOMEM);
  FAILS("map-locked", (long)map(NULL, P, RW, PA | MAP_LOCKED), EAGAIN);
  FAILS("all", mlockall(MCL_CURRENT), ENOMEM);
  GOOD("less", munlock(m + 4 * P, 4 * P));
  GOOD("again", mlock(m + 8 * P, 4 * P));
  GOOD("move", (long)(m = mremap(m, 4 * P, 4 * P, MREMAP_MAYMOVE | MREMAP_FIXED, map(NULL, 4 * P, PROT_NONE, PA))));
  FAILS("grow", (long)mremap(m, 4 * P, 5 * P, MREMAP_MAYMOVE), EAGAIN);
  must(munmap(m, 4 * P));
  GOOD("later", mlockall(MCL_FUTURE));
  GOOD("later-some", (long)map(NULL, 4 * P, RW, PA));
  FAILS("later-more", (long)map(NULL, P, RW, PA), EAGAIN);
  GOOD("none", munlockall());
  must(setrlimit(RLIMIT_MEMLOCK, &(struct rlimit){0, 0}));
  FAILS("not-at-all", mlock(map(NULL, P, RW, PA), P), EPERM);
  FAILS("not-all", mlockall(MCL_CURRENT), EPERM);
  FAILS("not-mapped", (long)map(NULL, P, RW, PA | MAP_LOCKED), EPERM);
  _exit(check_failures != 0);
}

static void advice(void) {
  int fd = file_of(4);
  char *m = mmap(NULL, 4 * P, RW, MAP_SHARED, fd, 0), *n = map(NULL, 4 * P, RW, PA);
  memset(m, 'm', 4 * P);
  GOOD("remove", madvise(m + P, P, MADV_REMOVE));
  TRUE("removed", m[P] == 0 && m[0] == 'm' && m[2 * P] == 'm');
  FAILS("remove-anonymous", madvise(n, P, MADV_REMOVE), EINVAL);
  char name[64];
  snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
  char *r = mmap(NULL, P, PROT_READ, MAP_SHARED, must(open(name, O_RDONLY)), 0);
  FAILS("remove-readonly", madvise(r, P, MADV_REMOVE), EACCES);
  must(mprotect(m, P, PROT_READ));
  FAILS("free-file", madvise(m + P, P, MADV_FREE), EINVAL);
  FAILS("wipe-file", madvise(m + P, P, MADV_WIPEONFORK), EINVAL);
  GOOD("populate", madvise(n, 2 * P, MADV_POPULATE_WRITE));
  EQ("populated", resident(n) + resident(n + P) + resident(n + 2 * P), 2);
  FAILS("populate-readonly", madvise(m, P, MADV_POPULATE_WRITE), EINVAL);
  must(ftruncate(fd, P));
  FAILS("populate-past-end", madvise(m + 2 * P, P, MADV_POPULATE_READ), EFAULT);
  must(munmap(n + 2 * P, P));
  FAILS("populate-hole", madvise(n, 4 * P, MADV_POPULATE_READ), ENOMEM);
}

// One request for more memory than there is, is refused unless the program says that it will not use it all.
static void overcommit(void) {
  unsigned long total = 0;
  char *line = strstr(read_file("/proc/meminfo"), "MemTotal:"), *swap = strstr(read_file("/proc/meminfo"), "SwapTotal:");
  total = strtoul(line + 9, NULL, 10);
  swap = strstr(read_file("/proc/meminfo"), "SwapTotal:");
  size_t more = (total + strtoul(swap + 10, NULL, 10)) * 1024 + 64 * P;
  FAILS("private", (long)map(NULL, more, RW, PA), ENOMEM);
  FAILS("shared", (long)map(NULL, more, RW, MAP_SHARED | MAP_ANONYMOUS), ENOMEM);
  char *m = (char *)GOOD("readonly", (long)map(NULL, more, PROT_READ, PA));
  FAILS("writable-later", mprotect(m, more, RW), ENOMEM);
  GOOD("a-part", mprotect(m, 64 * P, RW));
  munmap(m, more);
  m = (char *)GOOD("no-reserve", (long)map(NULL, more, RW, PA | MAP_NORESERVE));
  m[more - P] = 1;
  EQ("used", m[more - P], 1);
  munmap(m, more);
  m = map(NULL, P, RW, PA);
  FAILS("grow", (long)mremap(m, P, more, MREMAP_MAYMOVE), ENOMEM);
}

CHECK_MAIN(CASE(reservation), CASE(hints), CASE(flags), CASE(grows_down), CASE(zero_device), CASE(remapping), CASE(locked), CASE(lock_limits), CASE(advice), CASE(overcommit))
