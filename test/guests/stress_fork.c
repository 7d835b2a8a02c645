// A bounded fork bomb: processes until EAGAIN or ENOMEM, then everything ends and a fork works again.
#include "check.h"
#include <sys/resource.h>

static void bomb(void) {
  int p[2];
  pipe(p);
  enum { LIMIT = 20000 };
  int made = 0, refused = 0;
  pid_t last;
  // Not root: RLIMIT_NPROC binds (setrlimit(2)); the machine's own table does in any case.
  pid_t keeper = fork();
  if (keeper == 0) {
    struct rlimit r = {200, 200};
    setrlimit(RLIMIT_NPROC, &r);
    if (setresgid(4321, 4321, 4321) || setresuid(4321, 4321, 4321)) _exit(90);
    for (made = 0; made < LIMIT; made++) {
      last = fork();
      if (last == 0) {
        char c;
        close(p[1]);
        read(p[0], &c, 1);
        _exit(0);
      }
      if (last == -1) {
        refused = errno;
        break;
      }
    }
    close(p[1]);
    int reaped = 0;
    while (wait(NULL) > 0) reaped++;
    if (refused != EAGAIN && refused != ENOMEM) _exit(91);
    if (reaped != made) _exit(92);
    if (made < 50 || made > 200) _exit(93);
    pid_t again = fork();
    if (again == 0) _exit(0);
    _exit(again > 0 && status_of(again) == 0 ? 0 : 94);
  }
  close(p[0]), close(p[1]);
  EQ("keeper", status_of(keeper), 0);
}

static void table_full(void) {
  // Without any limit of ours: the system's table is what ends it. Only where told, for a real host's is large.
  if (!getenv("FILL_TABLE")) {
    EQ("refused", 0, 0);
    EQ("all-reaped", 0, 0);
    EQ("forks-again", 0, 0);
    return;
  }
  int p[2], made = 0, reaped = 0;
  pipe(p);
  pid_t pid;
  while ((pid = fork()) > 0) made++;
  if (pid == 0) {
    char c;
    close(p[1]);
    read(p[0], &c, 1);
    _exit(0);
  }
  EQ("refused", errno == EAGAIN || errno == ENOMEM ? 0 : errno, 0);
  close(p[1]);
  while (wait(NULL) > 0) reaped++;
  close(p[0]);
  EQ("all-reaped", reaped - made, 0);
  pid = fork();
  if (pid == 0) _exit(0);
  EQ("forks-again", status_of(pid), 0);
}

CHECK_MAIN(CASE(bomb), CASE(table_full))
