// Users and groups, process groups, sessions.
#include "check.h"
#include <grp.h>
#include <sys/fsuid.h>

static int in_child(int (*f)(void)) {
  pid_t pid = fork();
  if (pid == 0) _exit(f());
  return status_of(pid) >> 8;
}

static void root(void) {
  EQ("uid", getuid(), 0);
  EQ("euid", geteuid(), 0);
  EQ("gid", getgid(), 0);
  EQ("egid", getegid(), 0);
  uid_t r, e, s;
  GOOD("getresuid", getresuid(&r, &e, &s));
  TRUE("all-zero", !r && !e && !s);
  TRUE("pids", getpid() > 0 && gettid() == getpid());
}

static int gives_up(void) {
  if (setgroups(2, (gid_t[]){5, 6})) return 1;
  gid_t g[8];
  if (getgroups(8, g) != 2 || g[0] != 5 || g[1] != 6) return 2;
  if (getgroups(0, NULL) != 2) return 3;
  if (getgroups(1, g) != -1 || errno != EINVAL) return 4;
  if (setgid(20)) return 5;
  if (setuid(10)) return 6;
  if (getuid() != 10 || geteuid() != 10 || getgid() != 20) return 7;
  if (setuid(0) != -1 || errno != EPERM) return 8;
  if (setgroups(0, NULL) != -1 || errno != EPERM) return 9;
  if (setuid(10)) return 10;
  return 0;
}

static int saved_id(void) {
  if (setresuid(1, 2, 3)) return 1;
  uid_t r, e, s;
  getresuid(&r, &e, &s);
  if (r != 1 || e != 2 || s != 3) return 2;
  if (seteuid(3)) return 3;
  if (geteuid() != 3) return 4;
  if (seteuid(9) != -1 || errno != EPERM) return 5;
  if (setreuid(-1, 1)) return 6;
  if (setresuid(-1, -1, -1)) return 7;
  return 0;
}

static void users(void) {
  EQ("give-up", in_child(gives_up), 0);
  EQ("saved", in_child(saved_id), 0);
  EQ("setfsuid", setfsuid(0), 0);
}

static int new_session(void) {
  pid_t me = getpid();
  if (setsid() != me) return 1;
  if (getsid(0) != me || getpgrp() != me) return 2;
  if (setsid() != -1 || errno != EPERM) return 3;
  if (setpgid(0, 0) != -1 || errno != EPERM) return 4;
  pid_t kid = fork();
  if (kid == 0) _exit(getsid(0) == me && getpgrp() == me ? 0 : 1);
  if (status_of(kid)) return 5;
  return open("/dev/tty", O_RDWR) == -1 && errno == ENXIO ? 0 : 6;
}

static int group_rules(void) {
  pid_t me = getpid();
  if (setpgid(0, 0)) return 1;
  if (getpgid(0) != me) return 2;
  int p[2];
  pipe(p);
  pid_t kid = fork();
  if (kid == 0) {
    char c;
    close(p[1]);
    read(p[0], &c, 1);
    _exit(0);
  }
  if (getpgid(kid) != me) return 3;
  if (setpgid(kid, kid) || getpgid(kid) != kid) return 4;
  if (setpgid(kid, me)) return 5;
  if (setpgid(kid, 0x3ffffff) != -1 || errno != EPERM) return 6;
  if (setpgid(kid, -5) != -1 || errno != EINVAL) return 7;
  if (setpgid(-1, 0) != -1 || errno != EINVAL) return 11;
  if (setpgid(-1, 1) != -1 || errno != ESRCH) return 12;
  if (setpgid(1, 0) != -1 || errno != ESRCH) return 8;
  if (getpgid(0x3ffffff) != -1 || errno != ESRCH) return 9;
  close(p[1]);
  return status_of(kid) ? 10 : 0;
}

static void groups(void) {
  EQ("setsid", in_child(new_session), 0);
  EQ("setpgid", in_child(group_rules), 0);
  TRUE("getpgrp", getpgrp() > 0 && getpgid(0) == getpgrp());
  TRUE("getsid", getsid(0) > 0 && getsid(getpid()) == getsid(0));
  FAILS("getsid-nobody", getsid(0x3ffffff), ESRCH);
}

CHECK_MAIN(CASE(root), CASE(users), CASE(groups))
