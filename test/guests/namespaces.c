// unshare(2) and its like: what can be had without namespaces, and what is said of these.
#include "check.h"

static int in_child(int (*run)(void)) {
  pid_t pid = fork();
  if (pid == 0) _exit(run());
  return status_of(pid);
}

static int leaves_files(void *arg) {
  (void)arg;
  if (unshare(CLONE_FILES)) return 1;
  close(20);
  return fcntl(21, F_GETFD) ? 2 : 0;
}

static int leaves_directories(void *arg) {
  (void)arg;
  if (unshare(CLONE_FS)) return 1;
  umask(077);
  return chdir("/") ? 2 : 0;
}

static int cloned(int (*run)(void *), int flags) {
  static char stack[65536] __attribute__((aligned(16)));
  return status_of(must(clone(run, stack + sizeof stack, flags | SIGCHLD, NULL)));
}

static void sharing(void) {
  EQ("nothing", unshare(0), 0);
  EQ("semaphores", unshare(CLONE_SYSVSEM), 0);
  must(dup2(0, 20));
  must(dup2(0, 21));
  EQ("files", cloned(leaves_files, CLONE_FILES), 0);
  EQ("files-stay", fcntl(20, F_GETFD), 0);
  char before[PATH_MAX], after[PATH_MAX];
  umask(022);
  getcwd(before, sizeof before);
  EQ("directories", cloned(leaves_directories, CLONE_FS), 0);
  STR("directories-stay", getcwd(after, sizeof after), before);
  EQ("umask-stays", umask(022), 022);
  EQ("memory", unshare(CLONE_VM), 0);
  EQ("actions", unshare(CLONE_SIGHAND), 0);
  FAILS("unknown", unshare(1), EINVAL);
}

static int unprivileged(void) {
  if (setresuid(54321, 54321, 54321)) return 1;
  if (unshare(CLONE_NEWNS) != -1 || errno != EPERM) return 2;
  if (unshare(CLONE_NEWNET | CLONE_NEWPID) != -1 || errno != EPERM) return 3;
  if (syscall(SYS_clone, CLONE_NEWNS | SIGCHLD, NULL, NULL, NULL, NULL) != -1 || errno != EPERM) return 4;
  return 0;
}

static void privileges(void) {
  EQ("none", in_child(unprivileged), EXITED(0));
  FAILS("setns-nothing", setns(-1, 0), EBADF);
  int null = must(open("/dev/null", O_RDONLY));
  FAILS("setns-file", setns(null, 0), EINVAL);
  close(null);
}

// A kernel without namespaces; the one below may have them.
static void absent(void) {
  FAILS("user", unshare(CLONE_NEWUSER), EINVAL);
  FAILS("user-and-mounts", unshare(CLONE_NEWUSER | CLONE_NEWNS), EINVAL);
  FAILS("mounts", unshare(CLONE_NEWNS), EINVAL);
  FAILS("no-map", open("/proc/self/uid_map", O_WRONLY), ENOENT);
  FAILS("no-list", open("/proc/self/ns/user", O_RDONLY), ENOENT);
}

CHECK_MAIN(CASE(sharing), CASE(privileges), CASE(absent))
