// Processes that wait, until they are killed: sleepers [COUNT], the parent included. One line when all are there.
#include <unistd.h>
#include "bench.h"

int main(int argc, char **argv) {
  long count = number(argc, argv, 1, 1000);
  for (long i = 1; i < count; i++) {
    pid_t pid = fork();
    check(pid >= 0, "fork");
    if (!pid)
      for (;;) pause();
  }
  check(write(1, "ready\n", 6) == 6, "write");
  for (;;) pause();
}
