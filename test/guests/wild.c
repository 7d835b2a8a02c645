// Programs that misbehave, one way per argument; what becomes of them is the test's business.
#include "check.h"
#include <sys/mman.h>

static void flood(void) {
  static char block[65536];
  memset(block, 'y', sizeof block);
  for (;;)
    if (write(1, block, sizeof block) < 0) _exit(3);
}

int main(int argc, char **argv) {
  const char *how = argc > 1 ? argv[1] : "";
  if (!strcmp(how, "null")) *(volatile int *)0 = 1;
  if (!strcmp(how, "load")) return *(volatile char *)0x7ffffff0;
  if (!strcmp(how, "jump")) ((void (*)(void))0x123456)();
  if (!strcmp(how, "code")) *(volatile char *)&main = 0;
  if (!strcmp(how, "abort")) abort();
  if (!strcmp(how, "illegal")) __asm__ volatile(".word 0");
  if (!strcmp(how, "loop"))
    for (;;) __asm__ volatile("" ::: "memory");
  if (!strcmp(how, "sleep"))
    for (;;) pause();
  if (!strcmp(how, "flood")) flood();
  if (!strcmp(how, "spin")) {  // ready, then for ever
    put("spinning\n");
    for (;;) __asm__ volatile("" ::: "memory");
  }
  if (!strcmp(how, "cat")) {
    char b[65536];
    for (ssize_t n; (n = read(0, b, sizeof b)) > 0;)
      for (ssize_t d = 0, w; d < n; d += w)
        if ((w = write(1, b + d, n - d)) < 0) return 3;
    return 0;
  }
  if (!strcmp(how, "stderr")) {
    write(1, "out", 3);
    write(2, "err", 3);
    return 5;
  }
  if (!strcmp(how, "signal")) {
    raise(atoi(argv[2]));
    return 1;
  }
  return 2;
}
