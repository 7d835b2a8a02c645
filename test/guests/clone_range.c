// Files that would share their contents (ioctl_ficlone(2), ioctl_fideduperange(2)) on a file system that cannot: cp and tar
// copy after EOPNOTSUPP, and tell that from wrong descriptors.
#include "check.h"
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#define BYTES 8192

static int a, b, reader, writer, appender, p[2], dir, path;

static void open_all(void) {
  a = must(memfd_create("a", 0)), b = must(memfd_create("b", 0));
  must(ftruncate(a, BYTES)), must(ftruncate(b, BYTES));
  char name[64];
  snprintf(name, sizeof name, "/proc/self/fd/%d", b);
  reader = must(open(name, O_RDONLY)), writer = must(open(name, O_WRONLY)), appender = must(open(name, O_RDWR | O_APPEND));
  must(pipe(p));
  dir = must(open("/proc/self/fd", O_RDONLY)), path = must(open("/", O_PATH));
}

static void clones(void) {
  open_all();
  FAILS("files", ioctl(b, FICLONE, a), EOPNOTSUPP);
  FAILS("itself", ioctl(b, FICLONE, b), EOPNOTSUPP);
  FAILS("onto-reader", ioctl(reader, FICLONE, a), EBADF);
  FAILS("of-writer", ioctl(b, FICLONE, writer), EBADF);
  FAILS("onto-appender", ioctl(appender, FICLONE, a), EBADF);
  FAILS("none", ioctl(b, FICLONE, -1), EBADF);
  FAILS("path", ioctl(b, FICLONE, path), EBADF);
  FAILS("pipe", ioctl(b, FICLONE, p[0]), EXDEV);
  FAILS("onto-pipe", ioctl(p[1], FICLONE, a), EXDEV);
  FAILS("other-system", ioctl(b, FICLONE, dir), EXDEV);
  int here = must(open(".", O_RDONLY)), file = must(open("file", O_RDWR | O_CREAT, 0644));
  FAILS("directory", ioctl(file, FICLONE, here), EISDIR);
  struct file_clone_range r = {.src_fd = a, .src_length = 4096};
  FAILS("range", ioctl(b, FICLONERANGE, &r), EOPNOTSUPP);
  r.src_fd = -1;
  FAILS("range-none", ioctl(b, FICLONERANGE, &r), EBADF);
  FAILS("range-nowhere", ioctl(b, FICLONERANGE, NULL), EFAULT);
}

static void duplicates(void) {
  open_all();
  union {
    struct file_dedupe_range range;
    char bytes[8192];
  } u = {.range = {.src_length = 4096, .dest_count = 1}};
  u.range.info[0].dest_fd = b;
  u.range.info[0].status = 77;
  FAILS("files", ioctl(a, FIDEDUPERANGE, &u), EOPNOTSUPP);
  EQ("untouched", u.range.info[0].status, 77);
  u.range.info[0].dest_fd = -1;
  FAILS("none", ioctl(a, FIDEDUPERANGE, &u), EOPNOTSUPP);
  FAILS("of-reader", ioctl(reader, FIDEDUPERANGE, &u), EOPNOTSUPP);
  FAILS("of-writer", ioctl(writer, FIDEDUPERANGE, &u), EINVAL);
  FAILS("of-pipe", ioctl(p[0], FIDEDUPERANGE, &u), EINVAL);
  FAILS("of-directory", ioctl(dir, FIDEDUPERANGE, &u), EISDIR);
  FAILS("nowhere", ioctl(a, FIDEDUPERANGE, NULL), EFAULT);
  u.range.reserved1 = 1;
  FAILS("reserved", ioctl(a, FIDEDUPERANGE, &u), EINVAL);
  u.range.reserved1 = 0, u.range.dest_count = 200;
  FAILS("too-many", ioctl(a, FIDEDUPERANGE, &u), ENOMEM);
  u.range.dest_count = 0;
  FAILS("nobody", ioctl(a, FIDEDUPERANGE, &u), EOPNOTSUPP);
}

CHECK_MAIN(CASE(clones), CASE(duplicates))
