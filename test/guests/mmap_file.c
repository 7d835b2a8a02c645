// Mapped files: shared and private, what other descriptors see, past the end, truncation, after close and unlink.
#include "fault.h"
#include <sys/mman.h>

enum { P = 4096 };

static int file(const char *name, size_t size, char fill) {
  int fd = must(open(name, O_RDWR | O_CREAT | O_TRUNC, 0644));
  static char page[P];
  memset(page, fill, P);
  for (size_t done = 0; done < size;) done += must(write(fd, page, size - done < P ? size - done : P));
  return fd;
}

static void shared(void) {
  int fd = file("s", 3 * P, 'a');
  char *m = (char *)must(mmap(NULL, 3 * P, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
  EQ("reads-file", m[2 * P], 'a');
  m[P] = 'M';
  char c;
  pread(fd, &c, 1, P);
  EQ("store-seen-by-read", c, 'M');
  pwrite(fd, "W", 1, 2 * P + 5);
  EQ("write-seen-by-load", m[2 * P + 5], 'W');
  char *second = (char *)must(mmap(NULL, P, PROT_READ, MAP_SHARED, fd, P));
  EQ("second-mapping", second[0], 'M');
  m[P + 1] = 'N';
  EQ("second-follows", second[1], 'N');
  FAULT("second-read-only", store_byte, second, SIGSEGV, SEGV_ACCERR);
  pid_t pid = fork();
  if (pid == 0) {
    m[10] = 'C';
    _exit(0);
  }
  status_of(pid);
  EQ("child-store", m[10], 'C');
  close(fd);
  m[11] = 'D';
  EQ("after-close", read_file("s")[11], 'D');
  unlink("s");
  m[12] = 'E';
  EQ("after-unlink", m[12], 'E');
  GOOD("msync", msync(m, 3 * P, MS_SYNC));
  munmap(m, 3 * P), munmap(second, P);
}

static void private_copy(void) {
  int fd = file("p", 2 * P, 'a');
  char *m = (char *)must(mmap(NULL, 2 * P, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0));
  pwrite(fd, "b", 1, 0);
  EQ("clean-page-follows-file", m[0], 'b');
  m[1] = 'X';
  pwrite(fd, "zz", 2, 0);
  EQ("own-copy-stays", m[0], 'b');
  EQ("own-store", m[1], 'X');
  char two[2];
  pread(fd, two, 2, 0);
  EQ("file-unchanged", two[1], 'z');
  EQ("other-page", m[P], 'a');
  madvise(m, P, MADV_DONTNEED);
  EQ("dontneed-back-to-file", m[0], 'z');
  m[P] = 'K';
  pid_t pid = fork();
  if (pid == 0) {
    m[P] = 'L';
    _exit(m[P + 1] == 'a' ? 0 : 1);
  }
  EQ("child", status_of(pid), 0);
  EQ("parent-keeps", m[P], 'K');
  munmap(m, 2 * P);
  // A private mapping may be writable although the file is open for reading only.
  close(fd);
  fd = must(open("p", O_RDONLY));
  m = (char *)must(mmap(NULL, P, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0));
  m[0] = '!';
  EQ("private-on-rdonly", m[0], '!');
  munmap(m, P);
  close(fd);
}

static void permissions(void) {
  close(file("x", P, 'a'));
  int r = must(open("x", O_RDONLY)), w = must(open("x", O_WRONLY));
  FAILS("shared-write-on-rdonly", mmap(NULL, P, PROT_READ | PROT_WRITE, MAP_SHARED, r, 0), EACCES);
  FAILS("read-on-wronly", mmap(NULL, P, PROT_READ, MAP_PRIVATE, w, 0), EACCES);
  char *m = (char *)must(mmap(NULL, P, PROT_READ, MAP_SHARED, r, 0));
  FAILS("mprotect-write", mprotect(m, P, PROT_READ | PROT_WRITE), EACCES);
  munmap(m, P);
  FAILS("offset-unaligned", mmap(NULL, P, PROT_READ, MAP_PRIVATE, r, 100), EINVAL);
  int d = must(open(".", O_RDONLY)), p[2];
  FAILS("directory", mmap(NULL, P, PROT_READ, MAP_PRIVATE, d, 0), ENODEV);
  pipe(p);
  FAILS("pipe", mmap(NULL, P, PROT_READ, MAP_PRIVATE, p[0], 0), ENODEV);
  close(d), close(p[0]), close(p[1]), close(r), close(w);
}

static void past_the_end(void) {
  int fd = file("e", P + 100, 'a');
  char *m = (char *)must(mmap(NULL, 4 * P, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
  EQ("tail-is-zero", m[P + 100], 0);
  NO_FAULT("tail-store", store_byte, m + 2 * P - 1);
  struct stat st;
  fstat(fd, &st);
  EQ("size-unchanged", st.st_size, P + 100);
  FAULT("next-page", load_byte, m + 2 * P, SIGBUS, BUS_ADRERR);
  FAULT("next-page-store", store_byte, m + 3 * P + 8, SIGBUS, BUS_ADRERR);
  ftruncate(fd, 3 * P);
  NO_FAULT("after-growth", load_byte, m + 2 * P);
  FAULT("not-grown-enough", load_byte, m + 3 * P, SIGBUS, BUS_ADRERR);
  char c = 9;
  pread(fd, &c, 1, P + 100);
  EQ("grown-tail-zero", c, 0);
  munmap(m, 4 * P);
  char *p = (char *)must(mmap(NULL, 4 * P, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0));
  FAULT("private", store_byte, p + 3 * P, SIGBUS, BUS_ADRERR);
  munmap(p, 4 * P);
  close(fd);
}

static void truncation(void) {
  int fd = file("t", 4 * P, 'a');
  char *m = (char *)must(mmap(NULL, 4 * P, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
  char *p = (char *)must(mmap(NULL, 4 * P, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0));
  m[3 * P] = 'x';
  p[3 * P] = 'y';
  p[0] = 'q';
  GOOD("truncate", ftruncate(fd, P + 10));
  FAULT("shared-gone", load_byte, m + 3 * P, SIGBUS, BUS_ADRERR);
  FAULT("private-gone-too", load_byte, p + 3 * P, SIGBUS, BUS_ADRERR);
  EQ("private-below-stays", p[0], 'q');
  EQ("kept", m[P + 9], 'a');
  EQ("cut-inside-page", m[P + 10], 0);
  ftruncate(fd, 4 * P);
  EQ("grown-again-zero", m[3 * P], 0);
  EQ("private-grown-zero", p[3 * P], 0);
  int other = open("t", O_RDWR | O_TRUNC);
  FAULT("o-trunc", load_byte, m, SIGBUS, BUS_ADRERR);
  munmap(m, 4 * P), munmap(p, 4 * P);
  close(fd), close(other);
}

static void offsets(void) {
  int fd = must(open("o", O_RDWR | O_CREAT, 0644));
  for (int i = 0; i < 50; i++) {
    char page[P];
    memset(page, i, P);
    write(fd, page, P);
  }
  char *m = (char *)must(mmap(NULL, 10 * P, PROT_READ, MAP_SHARED, fd, 20 * P));
  int right = 1;
  for (int i = 0; i < 10; i++) right &= m[i * P] == 20 + i;
  TRUE("window", right);
  munmap(m + 3 * P, 2 * P);
  EQ("above-hole", m[5 * P], 25);
  EQ("last", m[10 * P - 1], 29);
  munmap(m, 10 * P);
  m = (char *)must(mmap(NULL, 2 * P, PROT_READ, MAP_SHARED, fd, 0));
  char *g = mremap(m, 2 * P, 50 * P, MREMAP_MAYMOVE);
  EQ("mremap-grows-into-file", g[49 * P], 49);
  munmap(g, 50 * P);
  char *hole = (char *)must(mmap(NULL, P, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
  ftruncate(fd, 0), ftruncate(fd, 100 * P);
  EQ("hole-reads-zero", hole[0], 0);
  hole[0] = 'h';
  char c;
  pread(fd, &c, 1, 0);
  EQ("hole-store", c, 'h');
  munmap(hole, P);
  close(fd);
}

static void io_through_mappings(void) {
  // read(2) into a mapping of the same file, and write(2) from it.
  int fd = file("io", 2 * P, 'a');
  char *m = (char *)must(mmap(NULL, 2 * P, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
  memset(m, 'b', P);
  EQ("write-from-own-page", pwrite(fd, m, P, P), P);
  EQ("copied", m[P], 'b');
  memset(m, 'c', 10);
  EQ("read-into-own-page", pread(fd, m + P, 10, 0), 10);
  EQ("copied-back", m[P], 'c');
  ftruncate(fd, P);
  int q[2];
  pipe(q);
  FAILS("write-from-past-end", write(q[1], m + P, 10), EFAULT);
  write(q[1], "x", 1);
  FAILS("read-into-past-end", read(q[0], m + P, 1), EFAULT);
  close(q[0]), close(q[1]);
  munmap(m, 2 * P);
  close(fd);
  int zero = must(open("/dev/zero", O_RDWR));
  m = (char *)must(mmap(NULL, P, PROT_READ | PROT_WRITE, MAP_PRIVATE, zero, 0));
  EQ("dev-zero", m[100], 0);
  m[100] = 1;
  munmap(m, P);
  close(zero);
}

static void memory_files(void) {
  int fd = GOOD("memfd", memfd_create("name", MFD_CLOEXEC));
  EQ("cloexec", fcntl(fd, F_GETFD), FD_CLOEXEC);
  ftruncate(fd, 2 * P);
  char *a = (char *)must(mmap(NULL, 2 * P, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
  char *b = (char *)must(mmap(NULL, 2 * P, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
  a[P] = 'z';
  EQ("two-views", b[P], 'z');
  munmap(a, 2 * P), munmap(b, 2 * P);
  close(fd);
}

static void sealed(void) {
  int fd = must(memfd_create("sealed", MFD_ALLOW_SEALING));
  must(ftruncate(fd, 2 * P));
  char *m = mmap(NULL, P, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  FAILS("still-mapped", fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), EBUSY);
  munmap(m, P);
  GOOD("seal", fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE));
  FAILS("write", write(fd, "x", 1), EPERM);
  FAILS("map", mmap(NULL, P, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0), EPERM);
  m = mmap(NULL, P, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
  TRUE("private", m != MAP_FAILED);
  m[0] = 1;
  munmap(m, P);
  close(fd);
}

static struct stat stat_of(int fd) {
  struct stat s;
  must(fstat(fd, &s));
  return s;
}

// A mapping counts as a read (relatime); of stores through it a tmpfs sees the first touch of a page.
static void times(void) {
  int fd = file("t", P, 't');
  const struct timespec past[2] = {{1000, 0}, {1000, 0}};
  must(futimens(fd, past));
  int quiet = must(open("t", O_RDWR | O_NOATIME));
  must((long)mmap(NULL, P, PROT_READ, MAP_SHARED, quiet, 0));
  EQ("no-atime", stat_of(fd).st_atime, 1000);
  must((long)mmap(NULL, P, PROT_READ, MAP_PRIVATE, fd, 0));
  TRUE("private", stat_of(fd).st_atime > 1000);
  must(futimens(fd, past));
  must((long)mmap(NULL, P, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
  TRUE("shared", stat_of(fd).st_atime > 1000);
  EQ("mtime", stat_of(fd).st_mtime, 1000);
  time_t later = time(NULL) + 1000;
  must(futimens(fd, (struct timespec[2]){{later, 0}, {1000, 0}}));
  must((long)mmap(NULL, P, PROT_READ, MAP_PRIVATE, fd, 0));
  EQ("newer", stat_of(fd).st_atime, later);
  char c;
  must(pread(fd, &c, 1, 0));
  EQ("newer-read", stat_of(fd).st_atime, later);
  int memory = must(memfd_create("m", 0));
  must(ftruncate(memory, 2 * P));
  char *m = mmap(NULL, 2 * P, PROT_READ | PROT_WRITE, MAP_SHARED, memory, 0);
  c = *(volatile char *)m;
  must(futimens(memory, past));
  m[0] = c + 1;
  must(msync(m, P, MS_SYNC));
  EQ("store-after-load", stat_of(memory).st_mtime, 1000);
  m[P] = 1;
  TRUE("store-first", stat_of(memory).st_mtime > 1000 && stat_of(memory).st_ctime > 1000);
}

CHECK_MAIN(CASE(shared), CASE(private_copy), CASE(permissions), CASE(past_the_end), CASE(truncation), CASE(offsets),
           CASE(io_through_mappings), CASE(memory_files), CASE(sealed), CASE(times))
