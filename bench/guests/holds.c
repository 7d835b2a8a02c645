// One long system call, of those that have much to do: holds CALL [MIB]. What it costs others is measured from outside.
#define _GNU_SOURCE
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/sendfile.h>
#include <sys/wait.h>
#include <unistd.h>
#include "bench.h"

static size_t size;
static char *buffer;

static char *map(void *at, size_t bytes, int protection, int flags) {
  char *p = mmap(at, bytes, protection, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | flags, -1, 0);
  check(p != MAP_FAILED, "mmap");
  return p;
}

// A page of every 4 MiB: as many leaves of page tables as there are pages.
enum { STEP = 4 << 20 };
static char *sparse(size_t leaves) {
  char *p = map(0, leaves * STEP, PROT_READ | PROT_WRITE, 0);
  for (size_t i = 0; i < leaves; i++) p[i * STEP] = 1;
  return p;
}
static const size_t leaves = 15000;

static int file_of(size_t bytes) {
  int fd = memfd_create("holds", 0);
  check(fd >= 0 && !ftruncate(fd, (off_t)bytes), "memfd");
  for (size_t at = 0; at < bytes; at += 4096) check(pwrite(fd, "x", 1, (off_t)at) == 1, "pwrite");
  return fd;
}

static void call_mincore(void) {
  size_t bytes = 62ul << 32;
  char *high = map((void *)(1ul << 32), bytes, PROT_READ | PROT_WRITE, MAP_FIXED);
  for (size_t at = 0; at < bytes; at += 256ul << 20) high[at] = 1;
  check(!mincore(high, bytes, (unsigned char *)map(0, bytes >> 12, PROT_READ | PROT_WRITE, 0)), "mincore");
}
static void call_urandom(void) { check(read(open("/dev/urandom", O_RDONLY), buffer, size) == (ssize_t)size, "read"); }
static void call_zero(void) { check(read(open("/dev/zero", O_RDONLY), buffer, size) == (ssize_t)size, "read"); }
static void call_getrandom(void) { check(getrandom(buffer, 1 << 25, 0) > 0, "getrandom"); }
static void call_read(void) { check(pread(file_of(size), buffer, size, 0) == (ssize_t)size, "pread"); }
static void call_write(void) {
  memset(buffer, 1, size);
  check(write(file_of(0), buffer, size) == (ssize_t)size, "write");
}
static void call_sendfile(void) {
  off_t at = 0;
  check(sendfile(file_of(0), file_of(size), &at, size) == (ssize_t)size, "sendfile");
}
static void call_copy_file_range(void) { check(copy_file_range(file_of(size), 0, file_of(0), 0, size, 0) > 0, "copy_file_range"); }
static void call_ftruncate(void) { check(!ftruncate(file_of(size), 0), "ftruncate"); }
static void call_mprotect(void) { check(!mprotect(sparse(leaves), leaves * STEP, PROT_READ), "mprotect"); }
static void call_munmap(void) { check(!munmap(sparse(leaves), leaves * STEP), "munmap"); }
static void call_madvise(void) { check(!madvise(sparse(leaves), leaves * STEP, MADV_DONTNEED), "madvise"); }
static void call_mremap(void) {
  char *p = sparse(leaves), *to = mremap(p, leaves * STEP, (leaves + 1) * STEP, MREMAP_MAYMOVE);
  check(to != MAP_FAILED && mremap(to, (leaves + 1) * STEP, (leaves + 9) * STEP, MREMAP_MAYMOVE) != MAP_FAILED, "mremap");
}
static void call_fork(void) {
  sparse(leaves / 2);
  pid_t child = fork();
  check(child >= 0, "fork");
  if (!child) _exit(0);
  check(waitpid(child, 0, 0) == child, "waitpid");
}
static void call_exit(void) { sparse(leaves); }
static void call_populate(void) { map(0, size, PROT_READ | PROT_WRITE, MAP_POPULATE); }

static const struct {
  const char *name;
  void (*make)(void);
} calls[] = {
    {"mincore", call_mincore},   {"urandom", call_urandom},   {"zero", call_zero},
    {"getrandom", call_getrandom}, {"read", call_read},       {"write", call_write},
    {"sendfile", call_sendfile}, {"copy_file_range", call_copy_file_range}, {"ftruncate", call_ftruncate},
    {"mprotect", call_mprotect}, {"munmap", call_munmap},     {"madvise", call_madvise},
    {"mremap", call_mremap},     {"fork", call_fork},         {"exit", call_exit},
    {"populate", call_populate},
};

int main(int argc, char **argv) {
  check(argc > 1, "holds CALL [MIB]");
  size = (size_t)number(argc, argv, 2, 192) << 20;
  buffer = map(0, size, PROT_READ | PROT_WRITE, 0);
  for (size_t i = 0; i < sizeof calls / sizeof *calls; i++)
    if (!strcmp(argv[1], calls[i].name)) {
      calls[i].make();
      return 0;
    }
  check(0, "no such call");
}
