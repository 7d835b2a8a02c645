// The cheapest system call, made directly: getpid [BATCHES] [CALLS].
#include <sys/syscall.h>
#include <unistd.h>
#include "bench.h"

static inline long raw_getpid(void) {
  register long a0 __asm__("a0");
  register long a7 __asm__("a7") = SYS_getpid;
  __asm__ volatile("ecall" : "=r"(a0) : "r"(a7) : "memory");
  return a0;
}

int main(int argc, char **argv) {
  long batches = number(argc, argv, 1, 5), calls = number(argc, argv, 2, 200000);
  long self = getpid(), wrong = 0;
  for (long b = 0; b < batches; b++) {
    uint64_t from = now_ns();
    for (long i = 0; i < calls; i++) wrong += raw_getpid() != self;
    report_ns(now_ns() - from, (uint64_t)calls);
  }
  check(!wrong, "getpid is not constant");
  return 0;
}
