// Reading a file that is in the page cache: pread FILE_MIB PASSES CHUNK_BYTES. One line per pass.
#include <fcntl.h>
#include <string.h>
#include <unistd.h>
#include "bench.h"

static char chunk[1 << 20];

int main(int argc, char **argv) {
  long size = number(argc, argv, 1, 16) << 20, passes = number(argc, argv, 2, 4), step = number(argc, argv, 3, 65536);
  check(step > 0 && step <= (long)sizeof chunk, "chunk");
  char name[] = "/tmp/bench-pread-XXXXXX";
  int fd = mkstemp(name);
  check(fd >= 0, "mkstemp");
  unlink(name);
  memset(chunk, 'x', sizeof chunk);
  for (long at = 0; at < size; at += sizeof chunk) check(write(fd, chunk, sizeof chunk) == sizeof chunk, "write");
  for (long p = 0; p < passes; p++) {
    uint64_t from = now_ns();
    for (long at = 0; at < size; at += step) check(pread(fd, chunk, (size_t)step, at) == step, "pread");
    printf("{\"mibPerS\":%.3f}\n", (double)size / (1 << 20) / ((double)(now_ns() - from) / 1e9));
  }
  return 0;
}
