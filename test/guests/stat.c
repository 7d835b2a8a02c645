// stat and statx, times, modes, owners, special files.
#include "check.h"
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <sys/vfs.h>
#include <linux/stat.h>
#include <sys/sysmacros.h>
#include <sys/time.h>

static void kinds(void) {
  struct stat st;
  write_file("f", "12345");
  GOOD("file", stat("f", &st));
  EQ("file-mode", st.st_mode, S_IFREG | 0644);
  EQ("file-size", st.st_size, 5);
  EQ("file-nlink", st.st_nlink, 1);
  EQ("file-uid", st.st_uid, getuid());
  EQ("file-gid", st.st_gid, getgid());
  EQ("file-blksize", st.st_blksize, 4096);
  EQ("file-blocks", st.st_blocks, 8);
  TRUE("file-ino", st.st_ino != 0);
  GOOD("dir", stat(".", &st));
  TRUE("dir-kind", S_ISDIR(st.st_mode));
  GOOD("null", stat("/dev/null", &st));
  TRUE("null-kind", S_ISCHR(st.st_mode));
  EQ("null-rdev", st.st_rdev, makedev(1, 3));
  stat("/dev/zero", &st);
  EQ("zero-rdev", st.st_rdev, makedev(1, 5));
  stat("/dev/full", &st);
  EQ("full-rdev", st.st_rdev, makedev(1, 7));
  int p[2];
  pipe(p);
  GOOD("pipe", fstat(p[0], &st));
  TRUE("pipe-kind", S_ISFIFO(st.st_mode));
  close(p[0]), close(p[1]);
  FAILS("absent", stat("absent", &st), ENOENT);
  FAILS("bad-fd", fstat(99, &st), EBADF);
  FAILS("not-dir", stat("f/x", &st), ENOTDIR);
  FAILS("empty", stat("", &st), ENOENT);
}

// What fstat says of descriptions that no path names: whatever else a kind does, its
// attributes are its inode's.
static void nameless(void) {
  sigset_t set;
  sigemptyset(&set);
  const int fds[] = {must(epoll_create1(0)), must(eventfd(0, 0)), must(timerfd_create(CLOCK_MONOTONIC, 0)),
                     must(signalfd(-1, &set, 0))};
  struct stat first, st;
  fstat(fds[0], &first);
  for (unsigned k = 0; k < sizeof fds / sizeof *fds; k++) {
    GOOD("anonymous", fstat(fds[k], &st));
    EQ("mode", st.st_mode, 0600);
    EQ("nlink", st.st_nlink, 1);
    EQ("size", st.st_size, 0);
    EQ("rdev", st.st_rdev, 0);
    TRUE("the same inode", st.st_ino == first.st_ino && st.st_dev == first.st_dev);
    close(fds[k]);
  }
  int p[2];
  must(pipe(p));
  fstat(p[0], &first);
  GOOD("pipe", fstat(p[1], &st));
  EQ("pipe-mode", st.st_mode, S_IFIFO | 0600);
  TRUE("both ends", st.st_ino == first.st_ino && st.st_dev == first.st_dev);
  close(p[0]), close(p[1]);
  int m = must(memfd_create("m", 0));
  must(ftruncate(m, 5));
  GOOD("memfd", fstat(m, &st));
  EQ("memfd-mode", st.st_mode, S_IFREG | 0777);
  EQ("memfd-nlink", st.st_nlink, 0);
  EQ("memfd-size", st.st_size, 5);
  close(m);
  must(mkfifo("fifo", 0640));
  int f = must(open("fifo", O_RDWR));
  GOOD("fifo", fstat(f, &st));
  EQ("fifo-mode", st.st_mode, S_IFIFO | 0640);
  close(f);
  int d = must(open(".", O_PATH | O_DIRECTORY));
  GOOD("path", fstat(d, &st));
  TRUE("path-kind", S_ISDIR(st.st_mode));
  close(d);
}

static void extended(void) {
  write_file("x", "123");
  struct statx sx;
  GOOD("statx", statx(AT_FDCWD, "x", 0, STATX_BASIC_STATS, &sx));
  EQ("mask", sx.stx_mask & STATX_BASIC_STATS, STATX_BASIC_STATS);
  EQ("mode", sx.stx_mode, S_IFREG | 0644);
  EQ("size", sx.stx_size, 3);
  struct stat st;
  stat("x", &st);
  EQ("ino", sx.stx_ino, st.st_ino);
  EQ("dev", makedev(sx.stx_dev_major, sx.stx_dev_minor), st.st_dev);
  EQ("mtime", sx.stx_mtime.tv_sec, st.st_mtim.tv_sec);
  EQ("mtime-ns", sx.stx_mtime.tv_nsec, st.st_mtim.tv_nsec);
  int fd = must(open("x", O_RDONLY));
  GOOD("empty-path", statx(fd, "", AT_EMPTY_PATH, STATX_SIZE, &sx));
  close(fd);
  FAILS("flags", statx(AT_FDCWD, "x", 0x1, STATX_SIZE, &sx), EINVAL);
  FAILS("reserved-mask", statx(AT_FDCWD, "x", 0, 0x80000000u, &sx), EINVAL);
  FAILS("absent", statx(AT_FDCWD, "nope", 0, STATX_SIZE, &sx), ENOENT);
}

static int64_t ns(struct timespec t) { return t.tv_sec * 1000000000ll + t.tv_nsec; }

// Spins until the coarse clock that stamps files has moved.
static void tick(void) {
  int64_t from = now_ns(CLOCK_REALTIME_COARSE);
  while (now_ns(CLOCK_REALTIME_COARSE) <= from) continue;
}

static void times_change(void) {
  struct stat a, b, d1, d2;
  int64_t before = now_ns(CLOCK_REALTIME_COARSE);
  stat(".", &d1);
  tick();
  int fd = must(open("t", O_CREAT | O_RDWR, 0644));
  fstat(fd, &a);
  stat(".", &d2);
  TRUE("creation-now", ns(a.st_mtim) >= before && ns(a.st_ctim) >= before && ns(a.st_atim) >= before);
  TRUE("directory-changes", ns(d2.st_mtim) > ns(d1.st_mtim) && ns(d2.st_ctim) > ns(d1.st_ctim));
  tick();
  write(fd, "x", 1);
  fstat(fd, &b);
  TRUE("write-mtime", ns(b.st_mtim) > ns(a.st_mtim));
  TRUE("write-ctime", ns(b.st_ctim) > ns(a.st_ctim));
  EQ("write-atime", ns(b.st_atim), ns(a.st_atim));
  tick();
  fchmod(fd, 0600);
  fstat(fd, &a);
  TRUE("chmod-ctime", ns(a.st_ctim) > ns(b.st_ctim));
  EQ("chmod-mtime", ns(a.st_mtim), ns(b.st_mtim));
  tick();
  link("t", "t2");
  fstat(fd, &b);
  TRUE("link-ctime", ns(b.st_ctim) > ns(a.st_ctim));
  tick();
  ftruncate(fd, 0);
  fstat(fd, &a);
  TRUE("truncate-mtime", ns(a.st_mtim) > ns(b.st_mtim));
  tick();
  rename("t2", "t3");
  stat(".", &d1);
  TRUE("rename-directory", ns(d1.st_mtim) > ns(d2.st_mtim));
  close(fd);
}

static void times_set(void) {
  write_file("u", "");
  struct stat st;
  struct timespec t[2] = {{1000000000, 123456789}, {1500000000, 987654321}};
  GOOD("utimensat", utimensat(AT_FDCWD, "u", t, 0));
  stat("u", &st);
  EQ("atime", ns(st.st_atim), ns(t[0]));
  EQ("mtime", ns(st.st_mtim), ns(t[1]));
  t[0].tv_nsec = UTIME_OMIT;
  t[1].tv_nsec = UTIME_NOW;
  GOOD("omit-now", utimensat(AT_FDCWD, "u", t, 0));
  stat("u", &st);
  EQ("omit", ns(st.st_atim), 1000000000123456789ll);
  TRUE("now", llabs(ns(st.st_mtim) - now_ns(CLOCK_REALTIME)) < 60000000000ll);
  t[0].tv_nsec = 1000000000;
  FAILS("bad-ns", utimensat(AT_FDCWD, "u", t, 0), EINVAL);
  int fd = must(open("u", O_RDONLY));
  struct timespec old[2] = {{5, 0}, {-5, 0}};
  GOOD("futimens", futimens(fd, old));
  fstat(fd, &st);
  EQ("before-1970", st.st_mtim.tv_sec, -5);
  GOOD("null", futimens(fd, NULL));
  fstat(fd, &st);
  TRUE("null-now", llabs(ns(st.st_mtim) - now_ns(CLOCK_REALTIME)) < 60000000000ll);
  close(fd);
  symlink("u", "s");
  GOOD("symlink", utimensat(AT_FDCWD, "s", old, AT_SYMLINK_NOFOLLOW));
  lstat("s", &st);
  EQ("symlink-atime", st.st_atim.tv_sec, 5);
  FAILS("absent", utimensat(AT_FDCWD, "absent", old, 0), ENOENT);
  FAILS("flags", utimensat(AT_FDCWD, "u", old, 0x1), EINVAL);
  struct timeval tv[2] = {{7, 5}, {8, 6}};
  GOOD("utimes", utimes("u", tv));
  stat("u", &st);
  EQ("utimes-ns", ns(st.st_mtim), 8000006000ll);
}

static void modes(void) {
  write_file("m", "");
  struct stat st;
  GOOD("chmod", chmod("m", 04751));
  stat("m", &st);
  EQ("mode", st.st_mode, S_IFREG | 04751);
  int fd = must(open("m", O_RDONLY));
  GOOD("fchmod", fchmod(fd, 0604));
  fstat(fd, &st);
  EQ("fchmod-mode", st.st_mode, S_IFREG | 0604);
  symlink("m", "ml");
  GOOD("through-link", chmod("ml", 0777));
  stat("m", &st);
  EQ("through-link-mode", st.st_mode & 07777, 0777);
  mkdir("d", 0755);
  GOOD("sticky", chmod("d", 01777));
  stat("d", &st);
  EQ("sticky-mode", st.st_mode, S_IFDIR | 01777);
  FAILS("absent", chmod("absent", 0), ENOENT);
  close(fd);
  FAILS("bad-fd", fchmod(fd, 0), EBADF);
  // A group bit on a directory is inherited by what is made in it.
  chmod("d", 02755);
  chown("d", 0, 123);
  chmod("d", 02755);
  mkdir("d/sub", 0755);
  stat("d/sub", &st);
  EQ("setgid-group", st.st_gid, 123);
  EQ("setgid-mode", st.st_mode & 07777, 02755);
  close(open("d/f", O_CREAT | O_WRONLY, 0644));
  stat("d/f", &st);
  EQ("setgid-file-group", st.st_gid, 123);
}

static void owners(void) {
  write_file("o", "");
  struct stat st;
  chmod("o", 06755);
  GOOD("chown", chown("o", 12, 34));
  stat("o", &st);
  EQ("uid", st.st_uid, 12);
  EQ("gid", st.st_gid, 34);
  EQ("drops-set-id", st.st_mode & 07777, 0755);
  GOOD("only-gid", chown("o", -1, 56));
  stat("o", &st);
  EQ("uid-kept", st.st_uid, 12);
  EQ("gid-new", st.st_gid, 56);
  symlink("o", "l");
  GOOD("lchown", lchown("l", 77, 78));
  lstat("l", &st);
  EQ("lchown-uid", st.st_uid, 77);
  stat("o", &st);
  EQ("target-kept", st.st_uid, 12);
  int fd = must(open("o", O_RDONLY));
  GOOD("fchown", fchown(fd, 0, 0));
  close(fd);
  FAILS("absent", chown("absent", 0, 0), ENOENT);
}

static void access_checks(void) {
  write_file("a", "");
  chmod("a", 0755);
  GOOD("exists", access("a", F_OK));
  GOOD("rwx", access("a", R_OK | W_OK | X_OK));
  chmod("a", 0644);
  FAILS("root-not-x", access("a", X_OK), EACCES);
  FAILS("mode", access("a", 8), EINVAL);
  FAILS("absent", access("absent", F_OK), ENOENT);
  GOOD("faccessat2", faccessat(AT_FDCWD, "a", R_OK, AT_EACCESS));
  symlink("gone", "dangling");
  FAILS("dangling", access("dangling", F_OK), ENOENT);
  GOOD("nofollow", faccessat(AT_FDCWD, "dangling", F_OK, AT_SYMLINK_NOFOLLOW));
}

static void special(void) {
  struct stat st;
  GOOD("fifo", mkfifo("p", 0640));
  stat("p", &st);
  EQ("fifo-mode", st.st_mode, S_IFIFO | 0640);
  GOOD("regular", mknod("r", S_IFREG | 0600, 0));
  GOOD("plain-is-regular", mknod("q", 0600, 0));
  stat("q", &st);
  EQ("plain-mode", st.st_mode, S_IFREG | 0600);
  GOOD("socket-node", mknod("s", S_IFSOCK | 0600, 0));
  stat("s", &st);
  EQ("socket-mode", st.st_mode, S_IFSOCK | 0600);
  FAILS("open-socket-node", open("s", O_RDONLY), ENXIO);
  FAILS("directory", mknod("d", S_IFDIR | 0700, 0), EPERM);
  FAILS("bad-kind", mknod("z", 0170000 | 0600, 0), EINVAL);
  FAILS("exists", mknod("r", S_IFREG | 0600, 0), EEXIST);
}

// Files that have no inode of their own.
static void anonymous(void) {
  const int fds[] = {must(eventfd(0, 0)), must(epoll_create1(0)), must(timerfd_create(CLOCK_MONOTONIC, 0))};
  struct stat first, s;
  struct statfs f;
  must(fstat(fds[0], &first));
  for (unsigned k = 0; k < sizeof fds / sizeof *fds; k++) {
    must(fstat(fds[k], &s));
    EQ("mode", s.st_mode, 0600);
    EQ("links", s.st_nlink, 1);
    EQ("size", s.st_size, 0);
    EQ("block", s.st_blksize, 4096);
    TRUE("one inode", s.st_ino == first.st_ino && s.st_dev == first.st_dev && s.st_ino != 0);
    must(fstatfs(fds[k], &f));
    EQ("type", f.f_type, 0x09041934);
    close(fds[k]);
  }
}

CHECK_MAIN(CASE(kinds), CASE(nameless), CASE(extended), CASE(times_change), CASE(times_set), CASE(modes), CASE(owners),
           CASE(access_checks), CASE(special), CASE(anonymous))
