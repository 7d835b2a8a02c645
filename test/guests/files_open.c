// open(2) and openat(2): flags, creation modes, which errors in which order.
#include "check.h"

static void create(void) {
  FAILS("absent", open("a", O_RDONLY), ENOENT);
  int fd = GOOD("creat", open("a", O_CREAT | O_WRONLY, 0644));
  EQ("lowest-fd", fd, 3);
  GOOD("close", close(fd));
  FAILS("close-twice", close(fd), EBADF);
  FAILS("excl", open("a", O_CREAT | O_EXCL | O_WRONLY, 0644), EEXIST);
  fd = GOOD("excl-new", open("b", O_CREAT | O_EXCL | O_RDWR, 0600));
  close(fd);
  struct stat st;
  stat("b", &st);
  EQ("mode", st.st_mode, S_IFREG | 0600);
  symlink("nowhere", "dangling");
  FAILS("excl-symlink", open("dangling", O_CREAT | O_EXCL | O_WRONLY, 0644), EEXIST);
  fd = GOOD("creat-through-symlink", open("dangling", O_CREAT | O_WRONLY, 0644));
  close(fd);
  GOOD("creat-through-symlink-made", access("nowhere", F_OK));
  FAILS("creat-under-absent", open("no/such", O_CREAT | O_WRONLY, 0644), ENOENT);
  FAILS("creat-under-file", open("a/x", O_CREAT | O_WRONLY, 0644), ENOTDIR);
  FAILS("creat-trailing-slash", open("new/", O_CREAT | O_WRONLY, 0644), EISDIR);
  FAILS("file-trailing-slash", open("a/", O_RDONLY), ENOTDIR);
  FAILS("empty-path", open("", O_RDONLY), ENOENT);
  // The mode of a file that this open creates does not bind this descriptor.
  fd = GOOD("creat-unreadable", open("c", O_CREAT | O_RDWR, 0));
  EQ("creat-unreadable-write", write(fd, "x", 1), 1);
  close(fd);
  GOOD("creat-call", close(creat("d", 0640)));
  stat("d", &st);
  EQ("creat-call-mode", st.st_mode & 07777, 0640);
}

static void umask_applies(void) {
  mode_t old = umask(027);
  close(open("m", O_CREAT | O_WRONLY, 0666));
  struct stat st;
  stat("m", &st);
  EQ("mode", st.st_mode & 07777, 0640);
  EQ("returns-last", umask(old), 027);
}

static void access_modes(void) {
  write_file("rw", "hello");
  char buf[8];
  int fd = must(open("rw", O_RDONLY));
  FAILS("write-on-rdonly", write(fd, "x", 1), EBADF);
  FAILS("truncate-on-rdonly", ftruncate(fd, 0), EINVAL);
  EQ("getfl-rdonly", fcntl(fd, F_GETFL) & O_ACCMODE, O_RDONLY);
  close(fd);
  fd = must(open("rw", O_WRONLY));
  FAILS("read-on-wronly", read(fd, buf, 1), EBADF);
  EQ("getfl-wronly", fcntl(fd, F_GETFL) & O_ACCMODE, O_WRONLY);
  close(fd);
  fd = must(open("rw", O_RDWR | O_APPEND | O_NONBLOCK));
  EQ("getfl-flags", fcntl(fd, F_GETFL) & (O_ACCMODE | O_APPEND | O_NONBLOCK | O_CREAT), O_RDWR | O_APPEND | O_NONBLOCK);
  close(fd);
  fd = must(open("rw", O_RDONLY | O_TRUNC));
  struct stat st;
  fstat(fd, &st);
  EQ("trunc", st.st_size, 0);
  close(fd);
}

static void directories(void) {
  mkdir("d", 0755);
  write_file("f", "");
  char buf[8];
  FAILS("write", open("d", O_WRONLY), EISDIR);
  FAILS("rdwr", open("d", O_RDWR), EISDIR);
  FAILS("creat", open("d", O_CREAT | O_RDONLY, 0644), EISDIR);
  FAILS("creat-directory", open("q", O_CREAT | O_DIRECTORY | O_RDONLY, 0644), EINVAL);
  FAILS("directory-on-file", open("f", O_DIRECTORY | O_RDONLY), ENOTDIR);
  int fd = GOOD("directory", open("d", O_DIRECTORY | O_RDONLY));
  FAILS("read", read(fd, buf, sizeof buf), EISDIR);
  FAILS("write-fd", write(fd, "x", 1), EBADF);
  GOOD("openat", close(openat(fd, "in", O_CREAT | O_WRONLY, 0644)));
  GOOD("openat-made", access("d/in", F_OK));
  close(fd);
  fd = must(open("f", O_RDONLY));
  FAILS("openat-file", openat(fd, "x", O_RDONLY), ENOTDIR);
  FAILS("openat-bad-fd", openat(77, "x", O_RDONLY), EBADF);
  GOOD("openat-absolute-ignores-fd", close(openat(77, "/", O_RDONLY)));
  close(fd);
}

static void links(void) {
  write_file("target", "abc");
  symlink("target", "link");
  symlink("loop2", "loop1");
  symlink("loop1", "loop2");
  symlink("d2", "todir");
  mkdir("d2", 0755);
  FAILS("nofollow", open("link", O_RDONLY | O_NOFOLLOW), ELOOP);
  GOOD("follow", close(open("link", O_RDONLY)));
  FAILS("loop", open("loop1", O_RDONLY), ELOOP);
  FAILS("nofollow-directory", open("todir", O_RDONLY | O_NOFOLLOW | O_DIRECTORY), ENOTDIR);
  GOOD("nofollow-middle", close(open("todir/../target", O_RDONLY | O_NOFOLLOW)));
}

static void path_only(void) {
  write_file("p", "data");
  symlink("p", "pl");
  char buf[8];
  struct stat st;
  int fd = GOOD("open", open("p", O_PATH));
  FAILS("read", read(fd, buf, 1), EBADF);
  FAILS("write", write(fd, buf, 1), EBADF);
  FAILS("lseek", lseek(fd, 0, SEEK_SET), EBADF);
  FAILS("ftruncate", ftruncate(fd, 0), EBADF);
  FAILS("fchmod", syscall(SYS_fchmod, fd, 0600), EBADF);
  GOOD("fstat", fstat(fd, &st));
  EQ("size", st.st_size, 4);
  GOOD("dup", close(dup(fd)));
  close(fd);
  fd = GOOD("symlink-itself", open("pl", O_PATH | O_NOFOLLOW));
  fstat(fd, &st);
  TRUE("symlink-type", S_ISLNK(st.st_mode));
  EQ("readlink-empty", readlinkat(fd, "", buf, sizeof buf), 1);
  close(fd);
}

static void temporary(void) {
  int fd = GOOD("tmpfile", open(".", O_TMPFILE | O_RDWR, 0600));
  struct stat st;
  fstat(fd, &st);
  EQ("nlink", st.st_nlink, 0);
  EQ("write", write(fd, "abc", 3), 3);
  char buf[4] = {0};
  EQ("pread", pread(fd, buf, 3, 0), 3);
  STR("data", buf, "abc");
  FAILS("rdonly", open(".", O_TMPFILE | O_RDONLY, 0600), EINVAL);
  close(fd);
}

static void long_names(void) {
  char name[300];
  memset(name, 'n', sizeof name);
  name[255] = 0;
  GOOD("255", close(open(name, O_CREAT | O_WRONLY, 0644)));
  name[255] = 'n';
  name[256] = 0;
  FAILS("256", open(name, O_CREAT | O_WRONLY, 0644), ENAMETOOLONG);
  static char path[PATH_MAX + 16];
  for (int i = 0; i < PATH_MAX; i += 2) memcpy(path + i, "./", 2);
  path[PATH_MAX - 2] = '.';
  path[PATH_MAX - 1] = 0;
  GOOD("path-4095", close(open(path, O_RDONLY)));
  path[PATH_MAX - 1] = '/';
  path[PATH_MAX] = 0;
  FAILS("path-4096", open(path, O_RDONLY), ENAMETOOLONG);
}

CHECK_MAIN(CASE(create), CASE(umask_applies), CASE(access_modes), CASE(directories), CASE(links), CASE(path_only),
           CASE(temporary), CASE(long_names))
