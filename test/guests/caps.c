// Capabilities, and prctl(2)'s options beside names and death signals.
#include "check.h"
#include <linux/capability.h>
#include <linux/securebits.h>
#include <sys/prctl.h>
#include <sys/resource.h>

// Options of other kernels and machines, by number: headers may lack them.
enum { GET_TSC = 25, SET_TSC = 26, GET_UNALIGN = 5, GET_FPEMU = 9, SET_PTRACER = 0x59616d61 };

static int in_child(int (*run)(void)) {
  pid_t pid = fork();
  if (pid == 0) _exit(run());
  return status_of(pid);
}

struct sets { uint64_t effective, permitted, inheritable; };

static int get(pid_t pid, struct sets *s) {
  struct __user_cap_header_struct h = {_LINUX_CAPABILITY_VERSION_3, pid};
  struct __user_cap_data_struct d[2] = {};
  if (syscall(SYS_capget, &h, d)) return -1;
  s->effective = d[0].effective | (uint64_t)d[1].effective << 32;
  s->permitted = d[0].permitted | (uint64_t)d[1].permitted << 32;
  s->inheritable = d[0].inheritable | (uint64_t)d[1].inheritable << 32;
  return 0;
}

static int put_sets(pid_t pid, struct sets s) {
  struct __user_cap_header_struct h = {_LINUX_CAPABILITY_VERSION_3, pid};
  struct __user_cap_data_struct d[2] = {{s.effective, s.permitted, s.inheritable},
                                        {s.effective >> 32, s.permitted >> 32, s.inheritable >> 32}};
  return syscall(SYS_capset, &h, d);
}

#define CAP(n) (1ull << (n))
// A child tells the first thing that does not hold by its distance from FROM.
#define FROM enum { from_line = __LINE__ }
#define WANT(holds) \
  if (!(holds)) return __LINE__ - from_line

static void reading(void) {
  struct sets s;
  EQ("get", get(0, &s), 0);
  EQ("by-pid", get(getpid(), &s), 0);
  TRUE("root", s.permitted & CAP(CAP_CHOWN) && s.effective == s.permitted);
  FAILS("nobody", get(0x3ffffff, &s), ESRCH);
  FAILS("negative", get(-1, &s), EINVAL);
  struct __user_cap_header_struct h = {12345, 0};
  struct __user_cap_data_struct d[2];
  FAILS("version", syscall(SYS_capget, &h, d), EINVAL);
  EQ("version-told", h.version, _LINUX_CAPABILITY_VERSION_3);
  h.version = 12345;
  EQ("version-asked", syscall(SYS_capget, &h, NULL), 0);
  FAILS("address", syscall(SYS_capget, 16, d), EFAULT);
  FAILS("set-another", put_sets(1, s), EPERM);
}

// What has been given up does not come back; what is not effective is not used.
static int gives_up(void) {
  FROM;
  struct sets s, t;
  get(0, &s);
  t = s;
  t.effective &= ~(CAP(CAP_CHOWN) | CAP(CAP_DAC_OVERRIDE) | CAP(CAP_DAC_READ_SEARCH));
  WANT(put_sets(0, t) == 0);
  WANT(chown("caps-file", 1000, 1000) == -1 && errno == EPERM);
  WANT(open("caps-closed/x", O_RDONLY) == -1 && errno == EACCES);
  WANT(put_sets(0, s) == 0);
  WANT(chown("caps-file", 1000, 1000) == 0);
  WANT(close(open("caps-closed/x", O_RDONLY)) == 0);
  t = s;
  t.permitted &= ~CAP(CAP_CHOWN), t.effective &= ~CAP(CAP_CHOWN);
  WANT(put_sets(0, t) == 0);
  WANT(put_sets(0, s) == -1 && errno == EPERM);
  t.effective |= CAP(CAP_CHOWN);
  WANT(put_sets(0, t) == -1 && errno == EPERM);
  WANT(chown("caps-file", 1, 1) == -1 && errno == EPERM);
  // One by one: sethostname and chroot are other capabilities than setuid.
  t = s;
  t.permitted = t.effective = CAP(CAP_SETUID);
  WANT(put_sets(0, t) == 0);
  WANT(chroot("/") == -1 && errno == EPERM);
  WANT(setpriority(PRIO_PROCESS, 0, -5) == -1 && errno == EACCES);
  WANT(setresuid(7, 7, 0) == 0);
  // The effective ones went with the effective user, and come back with it.
  WANT(get(0, &t) == 0 && t.effective == 0 && t.permitted == CAP(CAP_SETUID));
  WANT(setresuid(-1, 0, -1) == 0);
  WANT(get(0, &t) == 0 && t.effective == CAP(CAP_SETUID));
  WANT(setresuid(7, 7, 7) == 0);
  WANT(get(0, &t) == 0 && t.effective == 0 && t.permitted == 0);
  return 0;
}

static int keeps(void) {
  FROM;
  struct sets t;
  WANT(prctl(PR_GET_KEEPCAPS) == 0);
  WANT(prctl(PR_SET_KEEPCAPS, 2) == -1 && errno == EINVAL);
  WANT(prctl(PR_SET_KEEPCAPS, 1) == 0 && prctl(PR_GET_KEEPCAPS) == 1);
  WANT(prctl(PR_GET_SECUREBITS) == SECBIT_KEEP_CAPS);
  WANT(setresuid(7, 7, 7) == 0);
  WANT(get(0, &t) == 0 && t.effective == 0 && t.permitted & CAP(CAP_CHOWN));
  t.effective = CAP(CAP_CHOWN);
  WANT(put_sets(0, t) == 0);
  WANT(chown("caps-file", 1000, 1000) == 0);
  return 0;
}

static int file_user(void) {
  FROM;
  struct sets t;

  syscall(SYS_setfsuid, 7);
  WANT(get(0, &t) == 0 && !(t.effective & CAP(CAP_CHOWN)) && t.effective & CAP(CAP_SETUID));
  WANT(open("caps-closed/x", O_RDONLY) == -1 && errno == EACCES);
  syscall(SYS_setfsuid, 0);
  WANT(get(0, &t) == 0 && t.effective & CAP(CAP_CHOWN));

  return 0;
}

// access(2) goes by the real user.
static int real_user(void) {
  FROM;
  WANT(setresuid(7, 0, 0) == 0);
  WANT(close(open("caps-closed/x", O_RDONLY)) == 0);
  WANT(access("caps-closed/x", R_OK) == -1 && errno == EACCES);
  return 0;
}

static void changing(void) {
  write_file("caps-file", "x");
  must(mkdir("caps-closed", 0700));
  write_file("caps-closed/x", "x");
  chmod("caps-closed/x", 0600);
  // Not even root owns it.
  must(chown("caps-closed", 1000, 1000));
  EQ("give-up", in_child(gives_up), EXITED(0));
  EQ("keep", in_child(keeps), EXITED(0));
  EQ("file-user", in_child(file_user), EXITED(0));
  EQ("real-user", in_child(real_user), EXITED(0));
}

static int bounded(void) {
  FROM;
  struct sets s;
  WANT(prctl(PR_CAPBSET_READ, CAP_CHOWN) == 1);
  WANT(prctl(PR_CAPBSET_READ, 63) == -1 && errno == EINVAL);
  WANT(prctl(PR_CAPBSET_DROP, 63) == -1 && errno == EINVAL);
  WANT(prctl(PR_CAPBSET_DROP, CAP_CHOWN) == 0 && prctl(PR_CAPBSET_READ, CAP_CHOWN) == 0);
  // What is out of bounds stays permitted, but cannot become inheritable, and is gone with the next program.
  get(0, &s);
  WANT(s.permitted & CAP(CAP_CHOWN));
  s.inheritable |= CAP(CAP_CHOWN);
  WANT(put_sets(0, s) == -1 && errno == EPERM);
  execl(check_self, "caps", "+permitted", NULL);
  return 99;
}

static int ambient(void) {
  FROM;
  struct sets s;
  WANT(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, CAP_CHOWN, 0, 0) == 0);
  WANT(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_CHOWN, 0, 0) == -1 && errno == EPERM);
  WANT(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, 63, 0, 0) == -1 && errno == EINVAL);
  WANT(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_CHOWN, 1, 0) == -1 && errno == EINVAL);
  WANT(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 1, 0, 0) == -1 && errno == EINVAL);
  WANT(prctl(PR_CAP_AMBIENT, 9, 0, 0, 0) == -1 && errno == EINVAL);
  get(0, &s);
  s.inheritable = CAP(CAP_CHOWN) | CAP(CAP_KILL);
  WANT(put_sets(0, s) == 0);
  WANT(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_CHOWN, 0, 0) == 0);
  WANT(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_KILL, 0, 0) == 0);
  WANT(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_LOWER, CAP_KILL, 0, 0) == 0);
  WANT(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, CAP_CHOWN, 0, 0) == 1);
  WANT(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, CAP_KILL, 0, 0) == 0);
  // A program without set-user-ID has them, whoever runs it.
  prctl(PR_SET_KEEPCAPS, 1);
  WANT(prctl(PR_SET_SECUREBITS, SECBIT_KEEP_CAPS | SECBIT_NO_SETUID_FIXUP) == 0);
  WANT(setresuid(7, 7, 7) == 0);
  WANT(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, CAP_CHOWN, 0, 0) == 1);
  execl(check_self, "caps", "+ambient", NULL);
  return 99;
}

static int secured(void) {
  FROM;
  WANT(prctl(PR_GET_SECUREBITS) == 0);
  WANT(prctl(PR_SET_SECUREBITS, 1 << 20) == -1 && errno == EPERM);
  WANT(prctl(PR_SET_SECUREBITS, SECBIT_KEEP_CAPS_LOCKED) == 0);
  WANT(prctl(PR_SET_KEEPCAPS, 1) == -1 && errno == EPERM);
  WANT(prctl(PR_SET_SECUREBITS, 0) == -1 && errno == EPERM);
  WANT(prctl(PR_SET_SECUREBITS, SECBIT_KEEP_CAPS_LOCKED | SECBIT_NOROOT) == 0);
  execl(check_self, "caps", "+nothing", NULL);
  return 99;
}

static void inheriting(void) {
  EQ("bounding", in_child(bounded), EXITED(0));
  EQ("ambient", in_child(ambient), EXITED(0));
  EQ("securebits", in_child(secured), EXITED(0));
}

static int slack(void) {
  FROM;
  WANT(prctl(PR_GET_TIMERSLACK) == 50000);
  WANT(prctl(PR_SET_TIMERSLACK, 70000) == 0 && prctl(PR_GET_TIMERSLACK) == 70000);
  // A child's default is what its parent had.
  pid_t pid = fork();
  if (pid == 0) {
    if (prctl(PR_GET_TIMERSLACK) != 70000 || prctl(PR_SET_TIMERSLACK, 1) || prctl(PR_GET_TIMERSLACK) != 1) _exit(1);
    _exit(prctl(PR_SET_TIMERSLACK, 0) || prctl(PR_GET_TIMERSLACK) != 70000);
  }
  WANT(status_of(pid) == 0);
  WANT(prctl(PR_SET_TIMERSLACK, 0) == 0 && prctl(PR_GET_TIMERSLACK) == 50000);
  return 0;
}

static void options(void) {
  EQ("timer-slack", in_child(slack), EXITED(0));
  EQ("seccomp", prctl(PR_GET_SECCOMP), 0);
  EQ("timing", prctl(PR_GET_TIMING), 0);
  EQ("set-timing", prctl(PR_SET_TIMING, 0), 0);
  FAILS("set-timing-other", prctl(PR_SET_TIMING, 1), EINVAL);
  FAILS("unalign", prctl(GET_UNALIGN, &errno), EINVAL);
  FAILS("fpemu", prctl(GET_FPEMU, &errno), EINVAL);
  FAILS("unknown", prctl(9999), EINVAL);
  EQ("thp", prctl(PR_GET_THP_DISABLE, 0, 0, 0, 0), 0);
  FAILS("thp-spare", prctl(PR_GET_THP_DISABLE, 0, 1, 0, 0), EINVAL);
  EQ("no-new-privs", prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0), 0);
  FAILS("no-new-privs-spare", prctl(PR_GET_NO_NEW_PRIVS, 1, 0, 0, 0), EINVAL);
  FAILS("set-no-new-privs-spare", prctl(PR_SET_NO_NEW_PRIVS, 1, 1, 0, 0), EINVAL);
  FAILS("set-no-new-privs-zero", prctl(PR_SET_NO_NEW_PRIVS, 0, 0, 0, 0), EINVAL);
  FAILS("death-signal", prctl(PR_SET_PDEATHSIG, 65), EINVAL);
}

// What a riscv kernel without Yama does not have; another machine may.
static void machines(void) {
  FAILS("get-tsc", prctl(GET_TSC, &errno), EINVAL);
  FAILS("set-tsc", prctl(SET_TSC, 1), EINVAL);
  FAILS("ptracer", prctl(SET_PTRACER, getpid(), 0, 0, 0), EINVAL);
}

static int again(int argc, char **argv) {
  struct sets s;
  if (argc < 2 || get(0, &s)) return 98;
  if (!strcmp(argv[1], "+permitted")) return s.permitted & CAP(CAP_CHOWN) || !(s.effective & CAP(CAP_KILL));
  if (!strcmp(argv[1], "+ambient")) return s.permitted != CAP(CAP_CHOWN) || s.effective != CAP(CAP_CHOWN);
  if (!strcmp(argv[1], "+nothing")) return s.permitted || s.effective;
  return 97;
}

CHECK_MAIN_AFTER(again, CASE(reading), CASE(changing), CASE(inheriting), CASE(options), CASE(machines))
