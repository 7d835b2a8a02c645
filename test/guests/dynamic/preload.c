// In front of the C library by LD_PRELOAD: calls the one behind it.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>

int abs(int value) {
  int (*next)(int) = (int (*)(int))dlsym(RTLD_NEXT, "abs");
  return next(value) + 1000;
}
