// read, write, lseek and their relatives on regular files: offsets, holes, append, truncation, vectors, copying.
#include "check.h"
#include <sys/sendfile.h>
#include <sys/uio.h>

static int fresh(const char *path) { return must(open(path, O_RDWR | O_CREAT | O_TRUNC, 0644)); }

static off_t size_of(int fd) {
  struct stat st;
  must(fstat(fd, &st));
  return st.st_size;
}

static void read_write(void) {
  int fd = fresh("f");
  char buf[64] = {0};
  EQ("write", write(fd, "hello world", 11), 11);
  EQ("at-end", read(fd, buf, 10), 0);
  EQ("rewind", lseek(fd, 0, SEEK_SET), 0);
  EQ("read-part", read(fd, buf, 5), 5);
  STR("part", buf, "hello");
  EQ("read-rest", read(fd, buf, 60), 6);
  STR("rest", buf, " world");
  EQ("write-0", write(fd, "x", 0), 0);
  EQ("read-0", read(fd, buf, 0), 0);
  lseek(fd, 6, SEEK_SET);
  EQ("overwrite", write(fd, "W", 1), 1);
  EQ("position", lseek(fd, 0, SEEK_CUR), 7);
  EQ("size-unchanged", size_of(fd), 11);
  close(fd);
  STR("content", read_file("f"), "hello World");
}

static void seeking(void) {
  int fd = fresh("s");
  write(fd, "0123456789", 10);
  EQ("end", lseek(fd, 0, SEEK_END), 10);
  EQ("end-minus", lseek(fd, -3, SEEK_END), 7);
  EQ("cur-plus", lseek(fd, 2, SEEK_CUR), 9);
  FAILS("negative", lseek(fd, -1, SEEK_SET), EINVAL);
  EQ("unmoved", lseek(fd, 0, SEEK_CUR), 9);
  FAILS("whence", lseek(fd, 0, 9), EINVAL);
  FAILS("overflow", lseek(fd, INT64_MAX, SEEK_CUR), EINVAL);
  EQ("past-end", lseek(fd, 100, SEEK_SET), 100);
  char c = 'q';
  EQ("read-past-end", read(fd, &c, 1), 0);
  EQ("size-after-seek", size_of(fd), 10);
  EQ("write-past-end", write(fd, "x", 1), 1);
  EQ("size-after-write", size_of(fd), 101);
  EQ("hole", pread(fd, &c, 1, 50), 1);
  EQ("hole-zero", c, 0);
  int p[2];
  pipe(p);
  FAILS("pipe", lseek(p[0], 0, SEEK_SET), ESPIPE);
  FAILS("bad-fd", lseek(99, 0, SEEK_SET), EBADF);
  close(p[0]), close(p[1]), close(fd);
}

static void sparse(void) {
  int fd = fresh("sparse");
  const off_t far = 3ll << 30;
  EQ("pwrite-far", pwrite(fd, "end", 3, far), 3);
  EQ("size", size_of(fd), far + 3);
  struct stat st;
  fstat(fd, &st);
  TRUE("few-blocks", st.st_blocks < 1024);
  char page[4096];
  memset(page, 1, sizeof page);
  EQ("read-hole", pread(fd, page, 4096, 1 << 20), 4096);
  int zero = 1;
  for (int i = 0; i < 4096; i++) zero &= !page[i];
  TRUE("hole-is-zero", zero);
  EQ("read-over-end", pread(fd, page, 4096, far - 5), 8);
  TRUE("tail", !memcmp(page, "\0\0\0\0\0end", 8));
  EQ("seek-data", lseek(fd, 0, SEEK_DATA), far);
  EQ("seek-hole", lseek(fd, 0, SEEK_HOLE), 0);
  EQ("seek-hole-at-end", lseek(fd, far, SEEK_HOLE), far + 3);
  FAILS("seek-data-past-end", lseek(fd, far + 3, SEEK_DATA), ENXIO);
  close(fd);
  unlink("sparse");
}

static void positioned(void) {
  int fd = fresh("p");
  EQ("pwrite", pwrite(fd, "abcdef", 6, 4), 6);
  EQ("offset-unmoved", lseek(fd, 0, SEEK_CUR), 0);
  char buf[16] = {0};
  EQ("pread", pread(fd, buf, 3, 5), 3);
  STR("data", buf, "bcd");
  EQ("pread-end", pread(fd, buf, 3, 10), 0);
  FAILS("pread-negative", pread(fd, buf, 3, -1), EINVAL);
  FAILS("pwrite-negative", pwrite(fd, buf, 3, -1), EINVAL);
  int p[2];
  pipe(p);
  FAILS("pread-pipe", pread(p[0], buf, 1, 0), ESPIPE);
  FAILS("pwrite-pipe", pwrite(p[1], buf, 1, 0), ESPIPE);
  close(p[0]), close(p[1]), close(fd);
}

static void vectors(void) {
  int fd = fresh("v");
  struct iovec out[4] = {{"one ", 4}, {"", 0}, {"two ", 4}, {"three", 5}};
  EQ("writev", writev(fd, out, 4), 13);
  char a[4] = {0}, b[20] = {0};
  struct iovec in[2] = {{a, 3}, {b, 19}};
  lseek(fd, 0, SEEK_SET);
  EQ("readv", readv(fd, in, 2), 13);
  STR("first", a, "one");
  STR("second", b, " two three");
  EQ("pwritev", pwritev(fd, out + 2, 1, 0), 4);
  EQ("preadv", preadv(fd, in, 1, 1), 3);
  STR("preadv-data", a, "wo ");
  EQ("writev-none", writev(fd, out, 0), 0);
  FAILS("writev-count", writev(fd, out, 1025), EINVAL);
  FAILS("writev-count-negative", writev(fd, out, -1), EINVAL);
  struct iovec huge[2] = {{a, 1}, {b, (size_t)-1}};
  FAILS("readv-length-negative", readv(fd, huge, 2), EINVAL);
  close(fd);
}

static void appending(void) {
  int a = must(open("ap", O_WRONLY | O_CREAT | O_APPEND, 0644));
  int b = must(open("ap", O_RDWR));
  write(a, "aaa", 3);
  EQ("other-writes", write(b, "B", 1), 1);
  EQ("append-position", lseek(a, 0, SEEK_SET), 0);
  EQ("append", write(a, "cc", 2), 2);
  EQ("position-after", lseek(a, 0, SEEK_CUR), 5);
  STR("content", read_file("ap"), "Baacc");
  // Linux appends even for pwrite (open(2), BUGS of pwrite(2)).
  EQ("pwrite-appends", pwrite(a, "!", 1, 0), 1);
  STR("content-2", read_file("ap"), "Baacc!");
  GOOD("clear", fcntl(a, F_SETFL, 0));
  lseek(a, 0, SEEK_SET);
  write(a, "Z", 1);
  STR("content-3", read_file("ap"), "Zaacc!");
  close(a), close(b);
  // Two processes that append lose nothing.
  enum { EACH = 500 };
  unlink("log");
  pid_t pid[2];
  for (int i = 0; i < 2; i++) {
    pid[i] = fork();
    if (pid[i] == 0) {
      int fd = open("log", O_WRONLY | O_CREAT | O_APPEND, 0644);
      for (int k = 0; k < EACH; k++)
        if (write(fd, i ? "1111111\n" : "0000000\n", 8) != 8) _exit(1);
      _exit(0);
    }
  }
  EQ("writer-0", status_of(pid[0]), 0);
  EQ("writer-1", status_of(pid[1]), 0);
  char *text = read_file("log");
  int whole = strlen(text) == 2 * EACH * 8, ones = 0;
  for (int i = 0; whole && i < 2 * EACH; i++) {
    for (int k = 1; k < 7; k++) whole &= text[i * 8 + k] == text[i * 8];
    ones += text[i * 8] == '1';
  }
  TRUE("lines-whole", whole);
  EQ("lines-of-1", ones, EACH);
}

static void truncation(void) {
  int fd = fresh("t");
  write(fd, "0123456789", 10);
  GOOD("shorter", ftruncate(fd, 4));
  EQ("size-4", size_of(fd), 4);
  EQ("offset-stays", lseek(fd, 0, SEEK_CUR), 10);
  GOOD("longer", ftruncate(fd, 8));
  char buf[9] = {0};
  pread(fd, buf, 8, 0);
  TRUE("zeros", !memcmp(buf, "0123\0\0\0\0", 8));
  GOOD("by-path", truncate("t", 2));
  EQ("size-2", size_of(fd), 2);
  FAILS("negative", ftruncate(fd, -1), EINVAL);
  FAILS("path-negative", truncate("t", -1), EINVAL);
  FAILS("path-absent", truncate("absent", 0), ENOENT);
  FAILS("path-directory", truncate(".", 0), EISDIR);
  // A page that was partly kept must not show old bytes again.
  char page[8192];
  memset(page, 'x', sizeof page);
  pwrite(fd, page, 8192, 0);
  ftruncate(fd, 100);
  ftruncate(fd, 8192);
  pread(fd, page, 8192, 0);
  int clean = 1;
  for (int i = 100; i < 8192; i++) clean &= !page[i];
  TRUE("no-old-bytes", clean);
  int p[2];
  pipe(p);
  FAILS("pipe", ftruncate(p[1], 0), EINVAL);
  close(p[0]), close(p[1]), close(fd);
}

static void large(void) {
  int fd = fresh("big");
  static unsigned block[16384];
  unsigned x = 1;
  for (int k = 0; k < 32; k++) {
    for (int i = 0; i < 16384; i++) block[i] = x = x * 1664525 + 1013904223;
    if (write(fd, block, sizeof block) != sizeof block) break;
  }
  EQ("size", size_of(fd), 32 * sizeof block);
  lseek(fd, 0, SEEK_SET);
  x = 1;
  int same = 1;
  for (int k = 0; k < 32; k++) {
    same &= read(fd, block, sizeof block) == sizeof block;
    for (int i = 0; i < 16384; i++) same &= block[i] == (x = x * 1664525 + 1013904223);
  }
  TRUE("content", same);
  close(fd);
  unlink("big");
}

static void copying(void) {
  int in = fresh("src"), out = fresh("dst");
  write(in, "The quick brown fox", 19);
  off_t from = 4;
  EQ("sendfile", sendfile(out, in, &from, 5), 5);
  EQ("sendfile-offset", from, 9);
  EQ("sendfile-position", lseek(in, 0, SEEK_CUR), 19);
  lseek(in, 9, SEEK_SET);
  EQ("sendfile-null", sendfile(out, in, NULL, 100), 10);
  EQ("sendfile-end", sendfile(out, in, NULL, 100), 0);
  STR("content", read_file("dst"), "quick brown fox");
  loff_t a = 0, b = 100;
  EQ("copy_file_range", copy_file_range(in, &a, out, &b, 3, 0), 3);
  EQ("copy-size", size_of(out), 103);
  int p[2];
  pipe(p);
  from = 0;
  EQ("sendfile-to-pipe", sendfile(p[1], in, &from, 3), 3);
  char buf[4] = {0};
  read(p[0], buf, 3);
  STR("pipe-data", buf, "The");
  FAILS("sendfile-from-pipe", sendfile(out, p[0], NULL, 1), EINVAL);
  close(p[0]), close(p[1]), close(in), close(out);
}

static void allocation(void) {
  int fd = fresh("fa");
  GOOD("fallocate", fallocate(fd, 0, 0, 10000));
  EQ("size", size_of(fd), 10000);
  write(fd, "data", 4);
  GOOD("keep-size", fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, 20000));
  EQ("kept", size_of(fd), 10000);
  GOOD("punch", fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 1, 2));
  char buf[5] = {0};
  pread(fd, buf, 4, 0);
  TRUE("punched", !memcmp(buf, "d\0\0a", 4));
  FAILS("zero-length", fallocate(fd, 0, 0, 0), EINVAL);
  FAILS("negative", fallocate(fd, 0, -1, 5), EINVAL);
  EQ("posix", posix_fallocate(fd, 0, 12000), 0);
  EQ("posix-size", size_of(fd), 12000);
  EQ("fadvise", posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL), 0);
  GOOD("fsync", fsync(fd));
  GOOD("fdatasync", fdatasync(fd));
  close(fd);
  FAILS("fsync-bad", fsync(fd), EBADF);
  int p[2];
  pipe(p);
  FAILS("fsync-pipe", fsync(p[0]), EINVAL);
  close(p[0]), close(p[1]);
  sync();
}

static void shared_offset(void) {
  int fd = fresh("o");
  write(fd, "abcdef", 6);
  lseek(fd, 0, SEEK_SET);
  int twin = dup(fd), other = open("o", O_RDONLY);
  char c;
  read(fd, &c, 1);
  read(twin, &c, 1);
  EQ("dup-shares", c, 'b');
  read(other, &c, 1);
  EQ("open-does-not", c, 'a');
  pid_t pid = fork();
  if (pid == 0) {
    lseek(fd, 5, SEEK_SET);
    _exit(0);
  }
  status_of(pid);
  read(twin, &c, 1);
  EQ("fork-shares", c, 'f');
  close(fd), close(twin), close(other);
}

CHECK_MAIN(CASE(read_write), CASE(seeking), CASE(sparse), CASE(positioned), CASE(vectors), CASE(appending),
           CASE(truncation), CASE(large), CASE(copying), CASE(allocation), CASE(shared_offset))
