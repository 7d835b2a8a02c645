// fork + exit + wait of a process with much memory of its own: fork_big [MIB] [FORKS].
// One line per fork, then one for a fork whose child writes every 64th page: `ns` for that fork, the writes, exit and
// wait together; `bytes` is by how much less memory was free right after the fork, seen by the child before it wrote.
// Both processes then verify every page; a page that is wrong ends the run with code 1.
#include <stddef.h>
#include <sys/mman.h>
#include <sys/sysinfo.h>
#include <sys/wait.h>
#include <unistd.h>
#include "bench.h"

enum { PAGE = 4096, LINE = 64, EVERY = 64, CHILD = 0x5a5a5a5a };

static uint64_t mixed(uint64_t x) {
  x = (x ^ (x >> 31)) * 0x9e3779b97f4a7c15u;
  return x ^ (x >> 29);
}

static int64_t free_bytes(void) {
  struct sysinfo info;
  check(!sysinfo(&info), "sysinfo");
  return (int64_t)info.freeram * info.mem_unit;
}

// Pages that do not hold what they must; `written`: every 64th page holds what the child wrote.
static long wrong_pages(const char *memory, size_t size, int written) {
  long wrong = 0;
  for (size_t at = 0; at < size; at += PAGE) {
    int child = written && at / PAGE % EVERY == 0, bad = 0;
    for (size_t i = 0; i < PAGE; i += LINE) {
      uint64_t want = child && i == 0 ? CHILD : mixed(at + i);
      bad |= *(const volatile uint64_t *)(memory + at + i) != want;
    }
    wrong += bad;
  }
  return wrong;
}

static void finished(pid_t pid) {
  int status;
  check(waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 0, "child");
}

int main(int argc, char **argv) {
  size_t size = (size_t)number(argc, argv, 1, 256) << 20;
  long forks = number(argc, argv, 2, 5);
  char *memory = mmap(0, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  check(memory != MAP_FAILED, "mmap");
  for (size_t at = 0; at < size; at += LINE) *(uint64_t *)(memory + at) = mixed(at);
  for (long i = 0; i < forks; i++) {
    uint64_t from = now_ns();
    pid_t pid = fork();
    check(pid >= 0, "fork");
    if (!pid) _exit(0);
    finished(pid);
    report_ns(now_ns() - from, 1);
  }
  int line[2];
  check(!pipe(line), "pipe");
  struct {
    int64_t bytes;
    uint64_t written_ns;
  } seen;
  int64_t before = free_bytes();
  uint64_t from = now_ns();
  pid_t pid = fork();
  check(pid >= 0, "fork");
  if (!pid) {
    seen.bytes = before - free_bytes();
    for (size_t at = 0; at < size; at += PAGE * EVERY) *(uint64_t *)(memory + at) = CHILD;
    seen.written_ns = now_ns() - from;
    check(write(line[1], &seen, sizeof seen) == sizeof seen, "write");
    long wrong = wrong_pages(memory, size, 1);
    _exit(wrong != 0);
  }
  check(read(line[0], &seen, sizeof seen) == sizeof seen, "read");
  finished(pid);
  check(wrong_pages(memory, size, 0) == 0, "the parent's memory has changed");
  printf("{\"bytes\":%lld,\"writtenNs\":%llu}\n", (long long)seen.bytes, (unsigned long long)seen.written_ns);
  return 0;
}
