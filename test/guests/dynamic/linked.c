// A library that the program is linked with: its thread-local variables are reached in both ways.
#include <stdio.h>

__thread int linked_shared = 10; // the program's code reaches it, too
static __thread int linked_own = 20;
static __thread char linked_zero[300];

__attribute__((constructor)) static void begin(void) { puts("linked: constructor"); }
__attribute__((destructor)) static void end(void) { puts("linked: destructor"); fflush(stdout); }

int linked_next(int by) {
  linked_shared += by;
  linked_own += by;
  linked_zero[299] += by;
  return linked_shared * 1000 + linked_own * 10 + linked_zero[299] % 10;
}

// Overridden by the program: libraries' calls go to the program's definition.
int interposed(void) { return 1; }
int linked_interposed(void) { return interposed(); }
