// fork + exit + wait of a small process: fork [BATCHES] [FORKS].
#include <sys/wait.h>
#include <unistd.h>
#include "bench.h"

int main(int argc, char **argv) {
  long batches = number(argc, argv, 1, 5), forks = number(argc, argv, 2, 40);
  for (long b = 0; b < batches; b++) {
    uint64_t from = now_ns();
    for (long i = 0; i < forks; i++) {
      pid_t pid = fork();
      check(pid >= 0, "fork");
      if (!pid) _exit(7);
      int status;
      check(waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 7, "waitpid");
    }
    report_ns(now_ns() - from, (uint64_t)forks);
  }
  return 0;
}
