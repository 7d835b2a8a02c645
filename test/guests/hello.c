// The smallest program with a libc: its output is the first figure of a machine.
#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv) {
  printf("hello from riscv64\n");
  for (int i = 1; i < argc; i++) printf("argv[%d] = %s\n", i, argv[i]);
  return argc > 1 ? atoi(argv[1]) : 0;
}
