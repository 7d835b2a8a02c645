// A library that is opened while the program runs, when threads already exist.
#include <stdio.h>

static __thread long loaded_own[40] = {5};

__attribute__((constructor)) static void begin(void) { puts("loaded: constructor"); }
__attribute__((destructor)) static void end(void) { puts("loaded: destructor"); fflush(stdout); }

extern int linked_next(int by);

long loaded_next(int by) {
  loaded_own[0] += by;
  loaded_own[39] += 1;
  return loaded_own[0] * 100 + loaded_own[39] + 0L * linked_next(0);
}
