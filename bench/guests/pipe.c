// Bytes through a pipe from one process to another: pipe [MIB] [CHUNK_BYTES].
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include "bench.h"

static char chunk[1 << 20];

int main(int argc, char **argv) {
  long size = number(argc, argv, 1, 64) << 20, step = number(argc, argv, 2, 65536);
  check(step > 0 && step <= (long)sizeof chunk, "chunk");
  int ends[2];
  check(!pipe(ends), "pipe");
  uint64_t from = now_ns();
  pid_t pid = fork();
  check(pid >= 0, "fork");
  if (!pid) {
    close(ends[0]);
    memset(chunk, 'x', sizeof chunk);
    for (long left = size; left > 0;) {
      ssize_t n = write(ends[1], chunk, (size_t)(left < step ? left : step));
      check(n > 0, "write");
      left -= n;
    }
    _exit(0);
  }
  close(ends[1]);
  long got = 0;
  for (ssize_t n; (n = read(ends[0], chunk, (size_t)step)) != 0; got += n) check(n > 0, "read");
  uint64_t ns = now_ns() - from;
  int status;
  check(got == size && waitpid(pid, &status, 0) == pid && status == 0, "not all bytes came");
  printf("{\"mibPerS\":%.3f}\n", (double)size / (1 << 20) / ((double)ns / 1e9));
  return 0;
}
