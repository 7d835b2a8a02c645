// Memory until it runs out: ENOMEM from the call that asks, never a death of someone else, and all of it comes back.
#include "check.h"
#include <sys/mman.h>
#include <sys/resource.h>

enum { MIB = 1 << 20 };

static void limited(void) {
  // RLIMIT_AS: mmap and brk refuse.
  pid_t pid = fork();
  if (pid == 0) {
    struct rlimit r = {256 * (rlim_t)MIB, 256 * (rlim_t)MIB};
    setrlimit(RLIMIT_AS, &r);
    int got = 0;
    while (got < 10000 && mmap(NULL, MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED) got++;
    if (errno != ENOMEM) _exit(1);
    if (got < 50 || got > 256) _exit(2);
    errno = 0;
    if (malloc(64 * MIB) || errno != ENOMEM) _exit(3);
    _exit(0);
  }
  EQ("address-space", status_of(pid), 0);
}

static void everything(void) {
  // Only where told (a real host would really give it all): maps and touches until the machine has no more.
  const char *mib = getenv("HOG_MIB");
  if (!mib) {
    EQ("ended", 0, 0);
    EQ("released", 0, 0);
    return;
  }
  for (int round = 0; round < 2; round++) {
    int p[2];
    pipe(p);
    pid_t pid = fork();
    if (pid == 0) {
      int got = 0;
      for (;; got++) {
        char *m = mmap(NULL, MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (m == MAP_FAILED) break;
        for (int i = 0; i < MIB; i += 4096) m[i] = 1;
        write(p[1], "m", 1);
      }
      _exit(errno == ENOMEM ? 0 : 1);
    }
    close(p[1]);
    int touched = 0;
    char buf[256];
    for (ssize_t n; (n = read(p[0], buf, sizeof buf)) > 0;) touched += n;
    close(p[0]);
    int status = status_of(pid);
    // Refused by mmap, or killed where memory was promised and could not be given.
    if (round == 0) EQ("ended", status == 0 || (status & 0x7f) == SIGKILL || (status & 0x7f) == SIGBUS ? 0 : status, 0);
    else TRUE("released", touched > atoi(mib) / 2);
  }
}

CHECK_MAIN(CASE(limited), CASE(everything))
