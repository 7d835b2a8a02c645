// Directories and names: getdents64, mkdir, rmdir, link, symlink, unlink, rename.
#include "check.h"
#include <dirent.h>

static int count_entries(const char *path) {
  DIR *d = opendir(path);
  if (!d) return -1;
  int n = 0;
  while (readdir(d)) n++;
  closedir(d);
  return n;
}

static int by_name(const void *a, const void *b) { return strcmp(a, b); }

static void listing(void) {
  mkdir("d", 0755);
  mkdir("d/sub", 0755);
  write_file("d/file", "x");
  symlink("file", "d/link");
  mkfifo("d/fifo", 0644);
  DIR *d = opendir("d");
  TRUE("opendir", d != NULL);
  char names[8][32] = {{0}};
  unsigned char type_of_sub = 0, type_of_file = 0, type_of_link = 0, type_of_fifo = 0;
  int n = 0, inodes_match = 1;
  for (struct dirent *e; n < 8 && (e = readdir(d)); n++) {
    snprintf(names[n], sizeof names[n], "%.31s", e->d_name);
    struct stat st;
    if (strcmp(e->d_name, "..") && fstatat(dirfd(d), e->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0)
      inodes_match &= st.st_ino == e->d_ino;
    if (!strcmp(e->d_name, "sub")) type_of_sub = e->d_type;
    if (!strcmp(e->d_name, "file")) type_of_file = e->d_type;
    if (!strcmp(e->d_name, "link")) type_of_link = e->d_type;
    if (!strcmp(e->d_name, "fifo")) type_of_fifo = e->d_type;
  }
  EQ("count", n, 6);
  qsort(names, n, sizeof names[0], by_name);
  const char *want[] = {".", "..", "fifo", "file", "link", "sub"};
  int same = n == 6;
  for (int i = 0; same && i < 6; i++) same = !strcmp(names[i], want[i]);
  TRUE("names", same);
  EQ("type-dir", type_of_sub, DT_DIR);
  EQ("type-file", type_of_file, DT_REG);
  EQ("type-link", type_of_link, DT_LNK);
  EQ("type-fifo", type_of_fifo, DT_FIFO);
  TRUE("inodes", inodes_match);
  rewinddir(d);
  int again = 0;
  while (readdir(d)) again++;
  EQ("rewind", again, 6);
  closedir(d);
}

struct linux_dirent64 {
  uint64_t ino;
  int64_t off;
  unsigned short reclen;
  unsigned char type;
  char name[];
};

static void raw_getdents(void) {
  char buf[512] __attribute__((aligned(8)));
  mkdir("r", 0755);
  for (int i = 0; i < 100; i++) {
    char name[32];
    snprintf(name, sizeof name, "r/entry-%03d", i);
    write_file(name, "");
  }
  int fd = must(open("r", O_RDONLY | O_DIRECTORY));
  int seen[100] = {0}, dots = 0, calls = 0, aligned = 1;
  long n;
  while ((n = syscall(SYS_getdents64, fd, buf, sizeof buf)) > 0) {
    calls++;
    for (long at = 0; at < n;) {
      struct linux_dirent64 *e = (void *)(buf + at);
      int i;
      if (sscanf(e->name, "entry-%03d", &i) == 1) seen[i]++;
      else dots++;
      aligned &= e->reclen % 8 == 0;
      at += e->reclen;
    }
  }
  EQ("end", n, 0);
  int each_once = 1;
  for (int i = 0; i < 100; i++) each_once &= seen[i] == 1;
  TRUE("each-once", each_once);
  EQ("dots", dots, 2);
  TRUE("several-calls", calls > 5);
  TRUE("aligned", aligned);
  EQ("end-again", syscall(SYS_getdents64, fd, buf, sizeof buf), 0);
  // seek back to a position that d_off gave
  lseek(fd, 0, SEEK_SET);
  n = syscall(SYS_getdents64, fd, buf, sizeof buf);
  struct linux_dirent64 *first = (void *)buf, *second = (void *)(buf + first->reclen);
  char wanted[64];
  snprintf(wanted, sizeof wanted, "%.60s", second->name);
  lseek(fd, first->off, SEEK_SET);
  syscall(SYS_getdents64, fd, buf, sizeof buf);
  STR("seek-to-off", ((struct linux_dirent64 *)buf)->name, wanted);
  lseek(fd, 0, SEEK_SET);
  FAILS("small-buffer", syscall(SYS_getdents64, fd, buf, 8), EINVAL);
  close(fd);
  fd = must(open("r/entry-000", O_RDONLY));
  FAILS("on-file", syscall(SYS_getdents64, fd, buf, sizeof buf), ENOTDIR);
  close(fd);
  FAILS("bad-fd", syscall(SYS_getdents64, fd, buf, sizeof buf), EBADF);
}

static void removal_while_reading(void) {
  mkdir("w", 0755);
  for (int i = 0; i < 200; i++) {
    char name[32];
    snprintf(name, sizeof name, "w/%d", i);
    write_file(name, "");
  }
  DIR *d = opendir("w");
  int removed = 0;
  for (struct dirent *e; (e = readdir(d));)
    if (e->d_name[0] != '.' && unlinkat(dirfd(d), e->d_name, 0) == 0) removed++;
  closedir(d);
  EQ("removed", removed, 200);
  EQ("left", count_entries("w"), 2);
  GOOD("rmdir", rmdir("w"));
}

static void making(void) {
  GOOD("mkdir", mkdir("m", 0750));
  struct stat st;
  stat("m", &st);
  EQ("mode", st.st_mode, S_IFDIR | 0750);
  EQ("nlink", st.st_nlink, 2);
  FAILS("exists", mkdir("m", 0755), EEXIST);
  write_file("f", "");
  FAILS("file-exists", mkdir("f", 0755), EEXIST);
  FAILS("no-parent", mkdir("no/m", 0755), ENOENT);
  FAILS("file-parent", mkdir("f/m", 0755), ENOTDIR);
  GOOD("trailing-slash", mkdir("slash/", 0755));
  FAILS("dot", mkdir(".", 0755), EEXIST);
  FAILS("root", mkdir("/", 0755), EEXIST);
  FAILS("empty", mkdir("", 0755), ENOENT);
  mkdir("m/a", 0755);
  mkdir("m/b", 0755);
  stat("m", &st);
  EQ("nlink-children", st.st_nlink, 4);
  FAILS("rmdir-full", rmdir("m"), ENOTEMPTY);
  GOOD("rmdir-a", rmdir("m/a"));
  stat("m", &st);
  EQ("nlink-after", st.st_nlink, 3);
  FAILS("rmdir-dot", rmdir("m/b/."), EINVAL);
  FAILS("rmdir-dotdot", rmdir("m/b/.."), ENOTEMPTY);
  FAILS("rmdir-file", rmdir("f"), ENOTDIR);
  FAILS("rmdir-absent", rmdir("absent"), ENOENT);
  FAILS("unlink-dir", unlink("m"), EISDIR);
  GOOD("unlinkat-dir", unlinkat(AT_FDCWD, "m/b", AT_REMOVEDIR));
  FAILS("unlinkat-flags", unlinkat(AT_FDCWD, "m", 0x4000), EINVAL);
  FAILS("unlink-slash", unlink("f/"), ENOTDIR);
}

static void removed_directory(void) {
  mkdir("gone", 0755);
  int here = must(open(".", O_RDONLY | O_DIRECTORY));
  must(chdir("gone"));
  GOOD("rmdir-cwd", rmdir("../gone"));
  FAILS("create-in-removed", open("x", O_CREAT | O_WRONLY, 0644), ENOENT);
  FAILS("mkdir-in-removed", mkdir("y", 0755), ENOENT);
  char buf[PATH_MAX];
  FAILS("getcwd", syscall(SYS_getcwd, buf, sizeof buf), ENOENT);
  int fd = GOOD("open-dot", open(".", O_RDONLY));
  FAILS("getdents", syscall(SYS_getdents64, fd, buf, sizeof buf), ENOENT);
  close(fd);
  GOOD("dotdot", chdir(".."));
  must(fchdir(here));
  close(here);
}

static void hard_links(void) {
  write_file("a", "shared");
  GOOD("link", link("a", "b"));
  struct stat sa, sb;
  stat("a", &sa), stat("b", &sb);
  EQ("same-inode", sa.st_ino, sb.st_ino);
  EQ("nlink", sa.st_nlink, 2);
  write_file("b", "changed");
  STR("same-data", read_file("a"), "changed");
  FAILS("exists", link("a", "b"), EEXIST);
  FAILS("absent", link("absent", "c"), ENOENT);
  mkdir("d", 0755);
  FAILS("directory", link("d", "e"), EPERM);
  GOOD("unlink", unlink("a"));
  stat("b", &sb);
  EQ("nlink-after", sb.st_nlink, 1);
  STR("data-stays", read_file("b"), "changed");
  symlink("b", "s");
  GOOD("symlink-itself", link("s", "s2"));
  lstat("s2", &sa);
  TRUE("symlink-kind", S_ISLNK(sa.st_mode));
  GOOD("symlink-follow", linkat(AT_FDCWD, "s", AT_FDCWD, "s3", AT_SYMLINK_FOLLOW));
  lstat("s3", &sa);
  EQ("follow-inode", sa.st_ino, sb.st_ino);
}

static void symbolic_links(void) {
  GOOD("symlink", symlink("some/where", "l"));
  char buf[64];
  memset(buf, '#', sizeof buf);
  EQ("readlink", readlink("l", buf, sizeof buf), 10);
  TRUE("no-terminator", buf[10] == '#' && !memcmp(buf, "some/where", 10));
  EQ("readlink-short", readlink("l", buf, 4), 4);
  FAILS("readlink-zero", readlink("l", buf, 0), EINVAL);
  struct stat st;
  lstat("l", &st);
  EQ("size", st.st_size, 10);
  EQ("mode", st.st_mode, S_IFLNK | 0777);
  FAILS("exists", symlink("x", "l"), EEXIST);
  FAILS("empty", symlink("", "e"), ENOENT);
  write_file("f", "");
  FAILS("readlink-file", readlink("f", buf, 4), EINVAL);
  FAILS("readlink-absent", readlink("absent", buf, 4), ENOENT);
  FAILS("dangling", stat("l", &st), ENOENT);
  mkdir("real", 0755);
  symlink("real", "dirlink");
  GOOD("through", close(open("dirlink/file", O_CREAT | O_WRONLY, 0644)));
  GOOD("through-real", access("real/file", F_OK));
  // a trailing slash follows the link
  lstat("dirlink/", &st);
  TRUE("slash-follows", S_ISDIR(st.st_mode));
  FAILS("rmdir-link", rmdir("dirlink"), ENOTDIR);
  GOOD("unlink-link", unlink("dirlink"));
  GOOD("target-stays", access("real/file", F_OK));
  // 40 links in a row are the most (path_resolution(7))
  write_file("c0", "end");
  for (int i = 1; i <= 41; i++) {
    char to[8], name[8];
    snprintf(to, sizeof to, "c%d", i - 1);
    snprintf(name, sizeof name, "c%d", i);
    symlink(to, name);
  }
  GOOD("chain-40", access("c40", F_OK));
  FAILS("chain-41", access("c41", F_OK), ELOOP);
}

static void unlinked_open(void) {
  int fd = must(open("u", O_RDWR | O_CREAT, 0644));
  write(fd, "still here", 10);
  GOOD("unlink", unlink("u"));
  FAILS("gone", access("u", F_OK), ENOENT);
  struct stat st;
  fstat(fd, &st);
  EQ("nlink", st.st_nlink, 0);
  char buf[16] = {0};
  EQ("read", pread(fd, buf, 15, 0), 10);
  STR("data", buf, "still here");
  EQ("write", pwrite(fd, "S", 1, 0), 1);
  int other = must(open("u", O_RDWR | O_CREAT | O_EXCL, 0644));
  EQ("new-is-empty", read(other, buf, 1), 0);
  close(other), close(fd);
}

static void renaming(void) {
  write_file("a", "A");
  write_file("b", "B");
  GOOD("replace", rename("a", "b"));
  STR("replaced", read_file("b"), "A");
  FAILS("source-gone", access("a", F_OK), ENOENT);
  GOOD("same", rename("b", "b"));
  link("b", "b2");
  GOOD("same-inode", rename("b", "b2"));
  GOOD("same-inode-both-stay", access("b", F_OK));
  mkdir("d1", 0755);
  mkdir("d2", 0755);
  mkdir("full", 0755);
  write_file("full/x", "");
  FAILS("file-over-dir", rename("b", "d1"), EISDIR);
  FAILS("dir-over-file", rename("d1", "b"), ENOTDIR);
  FAILS("dir-over-full", rename("d1", "full"), ENOTEMPTY);
  GOOD("dir-over-empty", rename("full", "d2"));
  GOOD("moved-content", access("d2/x", F_OK));
  FAILS("into-itself", rename("d2", "d2/inner"), EINVAL);
  FAILS("dot", rename("d2/.", "z"), EBUSY);
  FAILS("absent", rename("absent", "z"), ENOENT);
  FAILS("slash-on-file", rename("b", "z/"), ENOTDIR);
  GOOD("slash-on-dir", rename("d1", "d3/"));
  mkdir("p1", 0755), mkdir("p2", 0755), mkdir("p1/c", 0755);
  GOOD("across", rename("p1/c", "p2/c"));
  struct stat s1, s2, up;
  stat("p1", &s1), stat("p2", &s2), stat("p2/c/..", &up);
  EQ("old-parent-nlink", s1.st_nlink, 2);
  EQ("new-parent-nlink", s2.st_nlink, 3);
  EQ("dotdot-follows", up.st_ino, s2.st_ino);
  int fd = must(open("b", O_RDONLY));
  rename("b", "p2/b");
  char c;
  EQ("open-stays", read(fd, &c, 1), 1);
  close(fd);
  symlink("nowhere", "sl");
  GOOD("symlink", rename("sl", "sl2"));
  EQ("symlink-kept", readlink("sl2", &c, 1), 1);
}

static void rename_flags(void) {
  write_file("a", "A");
  write_file("b", "B");
  FAILS("noreplace", renameat2(AT_FDCWD, "a", AT_FDCWD, "b", RENAME_NOREPLACE), EEXIST);
  GOOD("noreplace-new", renameat2(AT_FDCWD, "a", AT_FDCWD, "c", RENAME_NOREPLACE));
  GOOD("exchange", renameat2(AT_FDCWD, "b", AT_FDCWD, "c", RENAME_EXCHANGE));
  STR("exchanged-b", read_file("b"), "A");
  STR("exchanged-c", read_file("c"), "B");
  FAILS("exchange-absent", renameat2(AT_FDCWD, "b", AT_FDCWD, "q", RENAME_EXCHANGE), ENOENT);
  FAILS("both", renameat2(AT_FDCWD, "b", AT_FDCWD, "c", RENAME_EXCHANGE | RENAME_NOREPLACE), EINVAL);
  FAILS("unknown", renameat2(AT_FDCWD, "b", AT_FDCWD, "c", 1 << 10), EINVAL);
}

static void many_files(void) {
  enum { N = 1500 };
  int made = 0, found = 0, removed = 0;
  char name[64];
  for (int i = 0; i < N; i++) {
    snprintf(name, sizeof name, "file-with-a-longer-name-%d", i);
    int fd = open(name, O_CREAT | O_EXCL | O_WRONLY, 0644);
    made += fd >= 0;
    close(fd);
  }
  EQ("made", made, N);
  EQ("listed", count_entries("."), N + 2);
  for (int i = N - 1; i >= 0; i--) {
    snprintf(name, sizeof name, "file-with-a-longer-name-%d", i);
    found += access(name, F_OK) == 0;
    removed += unlink(name) == 0;
  }
  EQ("found", found, N);
  EQ("removed", removed, N);
  EQ("empty", count_entries("."), 2);
}

CHECK_MAIN(CASE(listing), CASE(raw_getdents), CASE(removal_while_reading), CASE(making), CASE(removed_directory),
           CASE(hard_links), CASE(symbolic_links), CASE(unlinked_open), CASE(renaming), CASE(rename_flags),
           CASE(many_files))
