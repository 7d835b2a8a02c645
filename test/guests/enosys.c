// System calls that nobody has: ENOSYS, and the program goes on.
#include "check.h"

#ifdef __riscv
enum { NFSSERVCTL = 42 };
#else
enum { NFSSERVCTL = 180 };
#endif

static void unknown(void) {
  for (int i = 0; i < 4; i++) {
    const long numbers[] = {600, 1000, 100000, -5};
    char name[32];
    snprintf(name, sizeof name, "number-%d", i);
    FAILS(name, syscall(numbers[i], 1, 2, 3, 4, 5, 6), ENOSYS);
  }
  FAILS("nfsservctl", syscall(NFSSERVCTL, 0, 0, 0), ENOSYS);
  TRUE("still-here", getpid() > 0);
}

CHECK_MAIN(CASE(unknown))
