// fork + exec + wait of another program: exec BATCHES RUNS PROGRAM [ARG…].
#include <sys/wait.h>
#include <unistd.h>
#include "bench.h"

int main(int argc, char **argv) {
  check(argc > 3, "usage: exec BATCHES RUNS PROGRAM [ARG…]");
  long batches = number(argc, argv, 1, 5), runs = number(argc, argv, 2, 20);
  for (long b = 0; b < batches; b++) {
    uint64_t from = now_ns();
    for (long i = 0; i < runs; i++) {
      pid_t pid = fork();
      check(pid >= 0, "fork");
      if (!pid) {
        execv(argv[3], argv + 3);
        _exit(127);
      }
      int status;
      check(waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 0, "waitpid");
    }
    report_ns(now_ns() - from, (uint64_t)runs);
  }
  return 0;
}
