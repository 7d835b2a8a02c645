// A system call that changes a slot, and does little else: lseek [BATCHES] [CALLS].
#include <fcntl.h>
#include <unistd.h>
#include "bench.h"

int main(int argc, char **argv) {
  long batches = number(argc, argv, 1, 5), calls = number(argc, argv, 2, 100000);
  char name[] = "/tmp/bench-lseek-XXXXXX";
  int fd = mkstemp(name);
  check(fd >= 0, "mkstemp");
  unlink(name);
  for (long b = 0; b < batches; b++) {
    long wrong = 0;
    uint64_t from = now_ns();
    for (long i = 0; i < calls; i++) wrong += lseek(fd, i & 1023, SEEK_SET) != (i & 1023);
    report_ns(now_ns() - from, (uint64_t)calls);
    check(!wrong, "lseek is elsewhere");
  }
  return 0;
}
