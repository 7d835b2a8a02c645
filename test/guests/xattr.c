// Extended attributes of files (xattr(7)): names, values, lists, and what has none.
#include "check.h"
#include <sys/mman.h>
#include <sys/xattr.h>

static char value[70000], names[4096];
static char *volatile nowhere = (char *)1;

static int file(const char *name) { return must(open(name, O_RDWR | O_CREAT, 0644)); }
// Whether a list of names has this one, and how many there are.
static int listed(const char *path, const char *name) {
  ssize_t n = must(listxattr(path, names, sizeof names));
  for (char *at = names; at < names + n; at += strlen(at) + 1)
    if (!strcmp(at, name)) return 1;
  return 0;
}
static int is(const char *path, const char *name, const char *want) {
  ssize_t n = getxattr(path, name, value, sizeof value);
  return n == (ssize_t)strlen(want) && !memcmp(value, want, n);
}

static void values(void) {
  int fd = file("f");
  GOOD("set", setxattr("f", "user.note", "value", 5, 0));
  TRUE("get", is("f", "user.note", "value"));
  EQ("size", getxattr("f", "user.note", NULL, 0), 5);
  FAILS("too-small", getxattr("f", "user.note", value, 4), ERANGE);
  FAILS("nowhere", getxattr("f", "user.note", nowhere, 5), EFAULT);
  FAILS("absent", fgetxattr(fd, "user.other", value, 10), ENODATA);
  FAILS("create", fsetxattr(fd, "user.note", "x", 1, XATTR_CREATE), EEXIST);
  FAILS("replace", fsetxattr(fd, "user.other", "x", 1, XATTR_REPLACE), ENODATA);
  FAILS("both", fsetxattr(fd, "user.other", "x", 1, XATTR_CREATE | XATTR_REPLACE), ENODATA);
  FAILS("flags", fsetxattr(fd, "user.other", "x", 1, 4), EINVAL);
  GOOD("longer", fsetxattr(fd, "user.note", "longer text", 11, XATTR_REPLACE));
  TRUE("replaced", is("f", "user.note", "longer text"));
  GOOD("empty", setxattr("f", "user.empty", NULL, 0, XATTR_CREATE));
  EQ("empty-size", getxattr("f", "user.empty", value, 10), 0);
  GOOD("third", setxattr("f", "user.b", "b", 1, 0));
  EQ("list-size", listxattr("f", NULL, 0), 10 + 11 + 7);
  EQ("list", flistxattr(fd, names, sizeof names), 10 + 11 + 7);
  TRUE("listed", listed("f", "user.note") && listed("f", "user.empty") && listed("f", "user.b"));
  FAILS("list-small", listxattr("f", names, 27), ERANGE);
  GOOD("remove", removexattr("f", "user.note"));
  FAILS("removed", getxattr("f", "user.note", value, 10), ENODATA);
  FAILS("remove-again", fremovexattr(fd, "user.note"), ENODATA);
  TRUE("others-stay", is("f", "user.b", "b") && listed("f", "user.empty") && !listed("f", "user.note"));
  must(rename("f", "g"));
  TRUE("renamed", is("g", "user.b", "b"));
  must(unlink("g"));
  EQ("unlinked", fgetxattr(fd, "user.b", value, 10), 1);
  EQ("new-file", (close(file("f")), listxattr("f", names, sizeof names)), 0);
}

static void bad_names(void) {
  file("f");
  FAILS("no-name", setxattr("f", "", "x", 1, 0), ERANGE);
  FAILS("no-prefix", setxattr("f", "note", "x", 1, 0), EOPNOTSUPP);
  FAILS("unknown-prefix", getxattr("f", "other.note", value, 1), EOPNOTSUPP);
  FAILS("unknown-remove", removexattr("f", "other.note"), EOPNOTSUPP);
  FAILS("only-prefix", setxattr("f", "user.", "x", 1, 0), EINVAL);
  FAILS("only-prefix-get", getxattr("f", "user.", value, 1), EINVAL);
  char name[300];
  memset(name, 'n', sizeof name);
  memcpy(name, "user.", 5);
  name[256] = 0;
  FAILS("too-long", setxattr("f", name, "x", 1, 0), ERANGE);
  name[255] = 0;
  GOOD("longest", setxattr("f", name, "x", 1, 0));
  TRUE("longest-get", is("f", name, "x"));
  FAILS("name-nowhere", setxattr("f", nowhere, "x", 1, 0), EFAULT);
  FAILS("value-nowhere", setxattr("f", "user.x", nowhere, 10, 0), EFAULT);
  FAILS("value-too-long", setxattr("f", "user.x", value, 65537, 0), E2BIG);
  FAILS("no-file", setxattr("absent", "user.x", "x", 1, 0), ENOENT);
  FAILS("no-descriptor", fsetxattr(-1, "user.x", "x", 1, 0), EBADF);
}

static void kinds(void) {
  file("f");
  must(symlink("f", "link")), must(mkdir("d", 0755)), must(mkfifo("p", 0644));
  GOOD("directory", setxattr("d", "user.x", "d", 1, 0));
  TRUE("of-directory", is("d", "user.x", "d"));
  GOOD("through-link", setxattr("link", "user.x", "f", 1, 0));
  TRUE("of-file", is("f", "user.x", "f"));
  FAILS("link", lsetxattr("link", "user.x", "x", 1, 0), EPERM);
  FAILS("link-get", lgetxattr("link", "user.x", value, 1), ENODATA);
  FAILS("link-remove", lremovexattr("link", "user.x"), EPERM);
  EQ("link-list", llistxattr("link", names, sizeof names), 0);
  FAILS("fifo", setxattr("p", "user.x", "x", 1, 0), EPERM);
  FAILS("fifo-get", getxattr("p", "user.x", value, 1), ENODATA);
  int ends[2];
  must(pipe(ends));
  FAILS("pipe", fsetxattr(ends[0], "user.x", "x", 1, 0), EPERM);
  FAILS("pipe-get", fgetxattr(ends[0], "user.x", value, 1), ENODATA);
  EQ("pipe-list", flistxattr(ends[0], names, sizeof names), 0);
  FAILS("path", fgetxattr(must(open("f", O_PATH)), "user.x", value, 1), EBADF);
  GOOD("reader", fsetxattr(must(open("f", O_RDONLY)), "user.r", "x", 1, 0));
  FAILS("proc-get", getxattr("/proc/version", "user.x", value, 1), EOPNOTSUPP);
  EQ("proc-list", listxattr("/proc/version", names, sizeof names), 0);
}

static void times(void) {
  int fd = file("f");
  must(futimens(fd, (struct timespec[2]){{1000, 0}, {1000, 0}}));
  struct stat before, after;
  must(fstat(fd, &before));
  do must(fsetxattr(fd, "user.x", "x", 1, 0)), must(fstat(fd, &after));
  while (after.st_ctim.tv_sec == before.st_ctim.tv_sec && after.st_ctim.tv_nsec == before.st_ctim.tv_nsec);
  EQ("mtime", after.st_mtime, 1000);
  TRUE("ctime", after.st_ctim.tv_sec > before.st_ctim.tv_sec || after.st_ctim.tv_nsec > before.st_ctim.tv_nsec);
}

// Many attributes, changed and removed in an order of their own: the others keep their values.
static void many(void) {
  file("f");
  char name[32], text[64];
  int lengths[40];
  for (int i = 0; i < 40; i++) lengths[i] = -1;
  unsigned seed = 1;
  int good = 1;
  for (int step = 0; step < 2000; step++) {
    seed = seed * 1103515245 + 12345;
    int i = seed >> 16 & 31, length = seed >> 8 & 31;
    snprintf(name, sizeof name, "user.%d", i);
    if ((seed >> 24) % 3 == 0) {
      good &= (removexattr("f", name) == 0) == (lengths[i] >= 0);
      lengths[i] = -1;
    } else {
      memset(text, 'a' + i % 26, length);
      good &= setxattr("f", name, text, length, 0) == 0;
      lengths[i] = length;
    }
    int k = seed >> 4 & 31;
    snprintf(name, sizeof name, "user.%d", k);
    ssize_t n = getxattr("f", name, text, sizeof text);
    good &= n == lengths[k];
    for (ssize_t j = 0; j < n; j++) good &= text[j] == 'a' + k % 26;
  }
  TRUE("kept", good);
}

CHECK_MAIN(CASE(values), CASE(bad_names), CASE(kinds), CASE(times), CASE(many))
