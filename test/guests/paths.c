// Walking paths: dots, slashes, chdir, getcwd, descriptors as starting points, permissions on the way.
#include "check.h"
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>

static char start[PATH_MAX];

static void dots(void) {
  mkdir("a", 0755), mkdir("a/b", 0755);
  write_file("a/b/f", "deep");
  STR("dot", read_file("./a/./b/./f"), "deep");
  STR("dotdot", read_file("a/../a/b/../b/f"), "deep");
  STR("slashes", read_file("a//b///f"), "deep");
  FAILS("dot-after-file", open("a/b/f/.", O_RDONLY), ENOTDIR);
  FAILS("dotdot-after-file", open("a/b/f/..", O_RDONLY), ENOTDIR);
  FAILS("absent-middle", open("a/x/../b/f", O_RDONLY), ENOENT);
  struct stat root, up;
  stat("/", &root), stat("/../../..", &up);
  EQ("above-root", root.st_ino, up.st_ino);
  symlink("b", "a/link");
  STR("link-then-dotdot", read_file("a/link/../b/f"), "deep");
  symlink("/", "abs");
  stat("abs", &up);
  EQ("absolute-link", root.st_ino, up.st_ino);
}

static void working_directory(void) {
  char buf[PATH_MAX], want[PATH_MAX + 16];
  must(syscall(SYS_getcwd, start, sizeof start));
  mkdir("w", 0755), mkdir("w/in", 0755);
  GOOD("chdir", chdir("w/in"));
  snprintf(want, sizeof want, "%s/w/in", start);
  EQ("getcwd-length", syscall(SYS_getcwd, buf, sizeof buf), strlen(want) + 1);
  STR("getcwd", buf, want);
  FAILS("getcwd-small", syscall(SYS_getcwd, buf, 3), ERANGE);
  write_file("here", "x");
  GOOD("dotdot", chdir(".."));
  GOOD("relative", access("in/here", R_OK));
  FAILS("file", chdir("in/here"), ENOTDIR);
  FAILS("absent", chdir("nope"), ENOENT);
  int fd = must(open("in", O_RDONLY | O_DIRECTORY));
  GOOD("fchdir", fchdir(fd));
  GOOD("fchdir-here", access("here", R_OK));
  rename("../in", "../moved");
  snprintf(want, sizeof want, "%s/w/moved", start);
  syscall(SYS_getcwd, buf, sizeof buf);
  STR("getcwd-after-rename", buf, want);
  int file = must(open("here", O_RDONLY));
  FAILS("fchdir-file", fchdir(file), ENOTDIR);
  FAILS("fchdir-bad", fchdir(99), EBADF);
  pid_t pid = fork();
  if (pid == 0) _exit(chdir("/") != 0);
  status_of(pid);
  GOOD("child-has-its-own", access("here", R_OK));
  must(chdir("/"));
  syscall(SYS_getcwd, buf, sizeof buf);
  STR("root", buf, "/");
  close(fd), close(file);
}

static void at_calls(void) {
  mkdir("at", 0755);
  int d = must(open("at", O_RDONLY | O_DIRECTORY));
  GOOD("mkdirat", mkdirat(d, "sub", 0755));
  GOOD("openat", close(openat(d, "sub/f", O_CREAT | O_WRONLY, 0644)));
  GOOD("symlinkat", symlinkat("f", d, "sub/s"));
  GOOD("linkat", linkat(d, "sub/f", d, "hard", 0));
  GOOD("faccessat", faccessat(d, "hard", W_OK, 0));
  GOOD("renameat", renameat(d, "hard", d, "sub/hard"));
  struct stat st;
  GOOD("fstatat", fstatat(d, "sub/hard", &st, 0));
  EQ("nlink", st.st_nlink, 2);
  GOOD("fstatat-empty", fstatat(d, "", &st, AT_EMPTY_PATH));
  TRUE("fstatat-empty-dir", S_ISDIR(st.st_mode));
  FAILS("fstatat-empty-no-flag", fstatat(d, "", &st, 0), ENOENT);
  FAILS("fstatat-flags", fstatat(d, "sub", &st, 0x40000), EINVAL);
  GOOD("unlinkat", unlinkat(d, "sub/hard", 0));
  FAILS("unlinkat-file-as-dir", unlinkat(d, "sub/f", AT_REMOVEDIR), ENOTDIR);
  FAILS("unlinkat-dir-as-file", unlinkat(d, "sub", 0), EISDIR);
  GOOD("mknodat", mknodat(d, "node", S_IFREG | 0600, 0));
  GOOD("fchmodat", fchmodat(d, "node", 0640, 0));
  fstatat(d, "node", &st, 0);
  EQ("mode", st.st_mode, S_IFREG | 0640);
  close(d);
  FAILS("closed", openat(d, "sub", O_RDONLY), EBADF);
}

static void permissions(void) {
  // Permissions bind only who is not root: a child gives that up.
  write_file("secret", "x");
  chmod("secret", 0600);
  mkdir("locked", 0700);
  write_file("locked/f", "x");
  mkdir("listonly", 0744);
  write_file("listonly/f", "x");
  mkdir("open", 0777);
  chmod("open", 0777);
  GOOD("root-reads", close(open("secret", O_RDONLY)));
  FAILS("root-exec-needs-a-bit", access("secret", X_OK), EACCES);
  int done[2];
  must(pipe(done));
  pid_t pid = fork();
  if (pid == 0) {
    check_failures = 0;
    GOOD("setgroups", syscall(SYS_setgroups, 0, NULL));
    GOOD("setresgid", setresgid(1000, 1000, 1000));
    GOOD("setresuid", setresuid(1000, 1000, 1000));
    FAILS("read", open("secret", O_RDONLY), EACCES);
    FAILS("access", access("secret", R_OK), EACCES);
    GOOD("access-exists", access("secret", F_OK));
    FAILS("search", open("locked/f", O_RDONLY), EACCES);
    FAILS("search-stat", access("locked/f", F_OK), EACCES);
    FAILS("search-listonly", access("listonly/f", F_OK), EACCES);
    FAILS("create", open("new", O_CREAT | O_WRONLY, 0644), EACCES);
    FAILS("unlink", unlink("secret"), EACCES);
    FAILS("chmod", chmod("secret", 0666), EPERM);
    FAILS("chown", chown("secret", 1000, 1000), EPERM);
    FAILS("setuid-back", setuid(0), EPERM);
    int fd = GOOD("create-in-open", open("open/mine", O_CREAT | O_RDWR, 0600));
    struct stat st;
    fstat(fd, &st);
    EQ("owner", st.st_uid, 1000);
    EQ("group", st.st_gid, 1000);
    GOOD("chmod-mine", chmod("open/mine", 0400));
    FAILS("write-mine", open("open/mine", O_WRONLY), EACCES);
    FAILS("kill-roots", kill(getppid(), 0), EPERM);
    _exit(check_failures != 0);
  }
  EQ("child", status_of(pid), 0);
  close(done[0]), close(done[1]);
}

static void file_systems(void) {
  struct statfs s;
  GOOD("statfs", statfs("/tmp", &s));
  TRUE("block-size", s.f_bsize >= 512);
  EQ("name-length", s.f_namelen, 255);
  int fd = must(open(".", O_RDONLY));
  GOOD("fstatfs", fstatfs(fd, &s));
  close(fd);
  FAILS("absent", statfs("nope", &s), ENOENT);
  FAILS("bad-fd", fstatfs(77, &s), EBADF);
  GOOD("proc", statfs("/proc", &s));
  EQ("proc-magic", s.f_type, 0x9fa0);
}

// An empty path is a link that is open as such, and nothing else.
static void empty_links(void) {
  char text[64];
  must(symlink("/nowhere", "link"));
  write_file("file", "x");
  int link = must(open("link", O_PATH | O_NOFOLLOW)), file = must(open("file", O_RDONLY)), p[2];
  must(pipe(p));
  EQ("link", readlinkat(link, "", text, sizeof text), 8);
  EQ("short", readlinkat(link, "", text, 3), 3);
  FAILS("zero", readlinkat(link, "", text, 0), EINVAL);
  FAILS("below-link", readlinkat(link, "x", text, sizeof text), ENOTDIR);
  FAILS("empty", readlink("", text, sizeof text), ENOENT);
  FAILS("working-directory", readlinkat(AT_FDCWD, "", text, sizeof text), ENOENT);
  FAILS("file", readlinkat(file, "", text, sizeof text), ENOENT);
  FAILS("path", readlinkat(must(open("file", O_PATH)), "", text, sizeof text), ENOENT);
  FAILS("directory", readlinkat(must(open(".", O_PATH)), "", text, sizeof text), ENOENT);
  FAILS("pipe", readlinkat(p[0], "", text, sizeof text), ENOENT);
  FAILS("none", readlinkat(-1, "", text, sizeof text), EBADF);
  FAILS("named-file", readlink("file", text, sizeof text), EINVAL);
  FAILS("nowhere", syscall(SYS_readlinkat, link, NULL, text, sizeof text), EFAULT);
  must(unlink("link"));
  EQ("removed", readlinkat(link, "", text, sizeof text), 8);
}

CHECK_MAIN(CASE(dots), CASE(working_directory), CASE(at_calls), CASE(permissions), CASE(file_systems), CASE(empty_links))
