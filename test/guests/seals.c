// Seals of memory files (F_ADD_SEALS of fcntl(2)) against every way to change them.
#include "check.h"
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/uio.h>

#define P 4096
#define RW (PROT_READ | PROT_WRITE)
#ifndef F_SEAL_EXEC
#define F_SEAL_EXEC 0x20
#endif
#ifndef F_SEAL_FUTURE_WRITE
#define F_SEAL_FUTURE_WRITE 0x10
#endif
#define NOEXEC_SEAL 8

static char data[2 * P];

static int sealed(int size, int seals) {
  int fd = must(memfd_create("sealed", MFD_ALLOW_SEALING));
  must(ftruncate(fd, size));
  if (seals) must(fcntl(fd, F_ADD_SEALS, seals));
  return fd;
}
static const char *path_of(int fd) {
  static char path[64];
  snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
  return path;
}
static long size_of(int fd) {
  struct stat s;
  must(fstat(fd, &s));
  return s.st_size;
}
static char *map(int fd, int prot, int kind) { return mmap(NULL, P, prot, kind, fd, 0); }

static void grow(void) {
  int fd = sealed(6000, F_SEAL_GROW), append = must(open(path_of(fd), O_WRONLY | O_APPEND));
  FAILS("ftruncate", ftruncate(fd, 6001), EPERM);
  FAILS("truncate", truncate(path_of(fd), 6001), EPERM);
  GOOD("same-size", ftruncate(fd, 6000));
  EQ("write-across", pwrite(fd, data, 2 * P, 0), P);
  FAILS("write-last-page", pwrite(fd, data, 100, 5950), EPERM);
  EQ("write-to-end", pwrite(fd, data, 50, 5950), 50);
  FAILS("write-behind", pwrite(fd, data, 1, 6000), EPERM);
  FAILS("append", write(append, data, 1), EPERM);
  EQ("nothing-behind", pwrite(fd, data, 0, 9000), 0);
  GOOD("allocate", fallocate(fd, 0, 0, 6000));
  FAILS("allocate-more", fallocate(fd, 0, 0, 6001), EPERM);
  FAILS("reserve-more", fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, 9000), EPERM);
  GOOD("punch", fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 9000));
  EQ("size", size_of(fd), 6000);
  GOOD("shrink", ftruncate(fd, 100));
  FAILS("grow-again", ftruncate(fd, 6000), EPERM);
  GOOD("open-truncates", open(path_of(fd), O_RDWR | O_TRUNC));
  EQ("empty", size_of(fd), 0);
}

static void shrink(void) {
  int fd = sealed(6000, F_SEAL_SHRINK);
  FAILS("ftruncate", ftruncate(fd, 5999), EPERM);
  FAILS("truncate", truncate(path_of(fd), 0), EPERM);
  FAILS("open-truncates", open(path_of(fd), O_RDWR | O_TRUNC), EPERM);
  FAILS("open-truncates-readonly", open(path_of(fd), O_RDONLY | O_TRUNC), EPERM);
  EQ("size", size_of(fd), 6000);
  GOOD("punch", fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, P));
  EQ("write-more", pwrite(fd, data, 2 * P, 0), 2 * P);
  GOOD("grow", ftruncate(fd, 9000));
  FAILS("shrink-again", ftruncate(fd, 2 * P), EPERM);
  GOOD("empty-truncates", open(path_of(sealed(0, F_SEAL_SHRINK)), O_RDWR | O_TRUNC));
}

static void writing(void) {
  int fd = sealed(2 * P, F_SEAL_WRITE), other = sealed(2 * P, 0), p[2];
  must(pipe(p));
  must(write(p[1], "abc", 3));
  FAILS("write", write(fd, "x", 1), EPERM);
  FAILS("pwrite", pwrite(fd, "x", 1, P), EPERM);
  FAILS("writev", writev(fd, &(struct iovec){data, 10}, 1), EPERM);
  FAILS("behind", pwrite(fd, "x", 1, 3 * P), EPERM);
  EQ("nothing", write(fd, "x", 0), 0);
  FAILS("copy", copy_file_range(other, NULL, fd, NULL, 100, 0), EPERM);
  FAILS("sendfile", sendfile(fd, other, NULL, 100), EPERM);
  FAILS("splice", splice(p[0], NULL, fd, NULL, 3, 0), EPERM);
  FAILS("punch", fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, P), EPERM);
  GOOD("allocate", fallocate(fd, 0, 0, 3 * P));
  FAILS("map-shared", (long)map(fd, RW, MAP_SHARED), EPERM);
  FAILS("map-shared-anew", (long)map(must(open(path_of(fd), O_RDWR)), RW, MAP_SHARED), EPERM);
  char *m = (char *)GOOD("map-private", (long)map(fd, RW, MAP_PRIVATE));
  m[0] = 1;
  m = (char *)GOOD("map-readonly", (long)map(fd, PROT_READ, MAP_SHARED));
  EQ("private-stays", m[0], 0);
  FAILS("not-later", mprotect(m, P, RW), EACCES);
  FAILS("remove", madvise(m, P, MADV_REMOVE), EACCES);
  GOOD("truncate", ftruncate(fd, P));
}

static void existing_mappings(void) {
  int fd = sealed(2 * P, 0);
  char *m = map(fd, RW, MAP_SHARED);
  FAILS("mapped", fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), EBUSY);
  FAILS("none-of-both", fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW), EBUSY);
  EQ("nothing-added", fcntl(fd, F_GET_SEALS), 0);
  must(mprotect(m, P, PROT_READ));
  FAILS("may-be-written", fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), EBUSY);
  GOOD("future", fcntl(fd, F_ADD_SEALS, F_SEAL_FUTURE_WRITE));
  GOOD("writable-again", mprotect(m, P, RW));
  m[0] = 'm';
  EQ("stored", m[0], 'm');
  FAILS("future-write", write(fd, "x", 1), EPERM);
  FAILS("future-punch", fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, P), EPERM);
  FAILS("future-map", (long)map(fd, RW, MAP_SHARED), EPERM);
  GOOD("future-private", (long)map(fd, RW, MAP_PRIVATE));
  GOOD("future-resize", ftruncate(fd, 3 * P));
  pid_t pid = fork();
  if (!pid) {
    m[1] = 'c';
    _exit(0);
  }
  EQ("child", status_of(pid), 0);
  EQ("child-stored", m[1], 'c');
  char *moved = mremap(m, P, 2 * P, MREMAP_MAYMOVE);
  TRUE("moved", moved != MAP_FAILED && (moved[P] = 1));
  FAILS("still", fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), EBUSY);
  must(munmap(moved, 2 * P));
  GOOD("unmapped", fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE));
  EQ("both", fcntl(fd, F_GET_SEALS), F_SEAL_WRITE | F_SEAL_FUTURE_WRITE);
  fd = sealed(P, 0);
  must((long)map(must(open(path_of(fd), O_RDONLY)), PROT_READ, MAP_SHARED));
  must((long)map(fd, RW, MAP_PRIVATE));
  GOOD("readers", fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE));
}

static void sealing(void) {
  int plain = must(memfd_create("plain", 0)), fd = sealed(P, F_SEAL_SEAL), p[2];
  must(pipe(p));
  EQ("plain", fcntl(plain, F_GET_SEALS), F_SEAL_SEAL);
  FAILS("plain-add", fcntl(plain, F_ADD_SEALS, F_SEAL_GROW), EPERM);
  FAILS("sealed", fcntl(fd, F_ADD_SEALS, F_SEAL_GROW), EPERM);
  FAILS("nothing", fcntl(fd, F_ADD_SEALS, 0), EPERM);
  FAILS("unknown", fcntl(plain, F_ADD_SEALS, 0x100), EINVAL);
  FAILS("pipe", fcntl(p[0], F_GET_SEALS), EINVAL);
  FAILS("directory", fcntl(must(open("/", O_RDONLY)), F_GET_SEALS), EINVAL);
  FAILS("device", fcntl(must(open("/dev/null", O_RDWR)), F_GET_SEALS), EINVAL);
  FAILS("proc", fcntl(must(open("/proc/version", O_RDONLY)), F_GET_SEALS), EINVAL);
  FAILS("reader-first", fcntl(must(open("/proc/version", O_RDONLY)), F_ADD_SEALS, 0x100), EPERM);
  fd = sealed(P, F_SEAL_GROW);
  GOOD("again", fcntl(fd, F_ADD_SEALS, F_SEAL_GROW));
  int readonly = must(open(path_of(fd), O_RDONLY));
  FAILS("readonly", fcntl(readonly, F_ADD_SEALS, F_SEAL_SHRINK), EPERM);
  EQ("of-the-file", fcntl(readonly, F_GET_SEALS), F_SEAL_GROW);
}

static void executable(void) {
  int fd = sealed(P, F_SEAL_EXEC);
  EQ("implied", fcntl(fd, F_GET_SEALS), F_SEAL_EXEC | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_FUTURE_WRITE);
  FAILS("less", fchmod(fd, 0700), EPERM);
  FAILS("none", fchmod(fd, 0600), EPERM);
  GOOD("others", fchmod(fd, 0711));
  fd = must(memfd_create("data", NOEXEC_SEAL));
  EQ("never", fcntl(fd, F_GET_SEALS), F_SEAL_EXEC);
  FAILS("more", fchmod(fd, 0700), EPERM);
  GOOD("same", fchmod(fd, 0640));
  EQ("writable", write(fd, "x", 1), 1);
}

CHECK_MAIN(CASE(grow), CASE(shrink), CASE(writing), CASE(existing_mappings), CASE(sealing), CASE(executable))
