// fork, vfork, exit, wait4, waitid: statuses, order, orphans, zombies, groups.
#include "check.h"
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/time.h>

static int exits_with(int code) {
  pid_t pid = fork();
  if (pid == 0) _exit(code);
  return status_of(pid);
}

static int dies_of(int signal) {
  pid_t pid = fork();
  if (pid == 0) {
    raise(signal);
    _exit(0);
  }
  return status_of(pid) & 0x7f;
}

static void statuses(void) {
  EQ("exit-0", exits_with(0), 0);
  EQ("exit-1", exits_with(1), EXITED(1));
  EQ("exit-255", exits_with(255), EXITED(255));
  EQ("exit-256", exits_with(256), 0);
  EQ("exit-minus-1", exits_with(-1), EXITED(255));
  EQ("sigterm", dies_of(SIGTERM), SIGTERM);
  EQ("sigkill", dies_of(SIGKILL), SIGKILL);
  EQ("sigsegv", dies_of(SIGSEGV), SIGSEGV);
  EQ("sigabrt", dies_of(SIGABRT), SIGABRT);
  EQ("sigrtmin", dies_of(SIGRTMIN), SIGRTMIN);
  EQ("sigusr2", dies_of(SIGUSR2), SIGUSR2);
  EQ("sigchld-ignored", dies_of(SIGCHLD), 0);
  EQ("sigwinch-ignored", dies_of(SIGWINCH), 0);
  pid_t pid = fork();
  if (pid == 0) abort();
  EQ("abort", status_of(pid) & 0x7f, SIGABRT);
}

static void waiting(void) {
  int status = 77;
  FAILS("no-children", wait(&status), ECHILD);
  FAILS("not-mine", waitpid(1, &status, 0), ECHILD);
  FAILS("no-group", waitpid(-99999, &status, 0), ECHILD);
  FAILS("least-number", waitpid(INT_MIN, &status, WNOHANG), ESRCH);
  FAILS("flags", waitpid(-1, &status, 0x100), EINVAL);
  int p[2];
  pipe(p);
  pid_t pid = fork();
  if (pid == 0) {
    char c;
    close(p[1]);
    read(p[0], &c, 1);
    _exit(5);
  }
  EQ("nohang", waitpid(pid, &status, WNOHANG), 0);
  EQ("nohang-status-untouched", status, 77);
  FAILS("other-group", waitpid(-pid, &status, WNOHANG), ECHILD);
  EQ("same-group", waitpid(0, &status, WNOHANG), 0);
  close(p[0]), close(p[1]);
  EQ("pid", waitpid(-1, &status, 0), pid);
  EQ("status", status, EXITED(5));
  FAILS("only-once", waitpid(pid, &status, 0), ECHILD);
  pid = fork();
  if (pid == 0) _exit(0);
  EQ("null-status", waitpid(pid, NULL, 0), pid);
  // Three children, waited for in an order of our own.
  pid_t kid[3];
  for (int i = 0; i < 3; i++)
    if ((kid[i] = fork()) == 0) _exit(10 + i);
  EQ("second-first", (waitpid(kid[1], &status, 0), status), EXITED(11));
  int sum = 0;
  for (int i = 0; i < 2; i++) wait(&status), sum += status >> 8;
  EQ("the-others", sum, 10 + 12);
  struct rusage u;
  pid = fork();
  if (pid == 0) _exit(3);
  EQ("wait4", wait4(pid, &status, 0, &u), pid);
  TRUE("rusage", u.ru_utime.tv_sec >= 0 && u.ru_utime.tv_usec < 1000000);
}

static void identifiers(void) {
  siginfo_t info;
  pid_t pid = fork();
  if (pid == 0) _exit(9);
  memset(&info, 0xff, sizeof info);
  GOOD("nowait", waitid(P_PID, pid, &info, WEXITED | WNOWAIT));
  EQ("signo", info.si_signo, SIGCHLD);
  EQ("code", info.si_code, CLD_EXITED);
  EQ("pid", info.si_pid, pid);
  EQ("status", info.si_status, 9);
  EQ("uid", info.si_uid, getuid());
  GOOD("then-reaped", waitid(P_ALL, 0, &info, WEXITED));
  EQ("reaped-pid", info.si_pid, pid);
  FAILS("none-left", waitid(P_ALL, 0, &info, WEXITED), ECHILD);
  FAILS("no-options", waitid(P_ALL, 0, &info, 0), EINVAL);
  FAILS("id-type", waitid(99, 0, &info, WEXITED), EINVAL);
  pid = fork();
  if (pid == 0) {
    kill(getpid(), SIGKILL);
    _exit(0);
  }
  waitid(P_PID, pid, &info, WEXITED);
  EQ("killed-code", info.si_code, CLD_KILLED);
  EQ("killed-status", info.si_status, SIGKILL);
  int p[2];
  pipe(p);
  pid = fork();
  if (pid == 0) {
    char c;
    close(p[1]);
    read(p[0], &c, 1);
    _exit(0);
  }
  memset(&info, 0xff, sizeof info);
  GOOD("nohang", waitid(P_PID, pid, &info, WEXITED | WNOHANG));
  EQ("nohang-pid-zero", info.si_pid, 0);
  close(p[1]);
  waitid(P_PID, pid, NULL, WEXITED);
  close(p[0]);
}

static void stopping(void) {
  int status, go[2];
  siginfo_t info;
  must(pipe(go));
  pid_t pid = fork();
  if (pid == 0) {
    setpgid(0, 0);  // SIGTSTP stops only where someone of the session could continue it
    raise(SIGSTOP);
    char byte;
    must(read(go[0], &byte, 1)); // a second stop takes back that it was continued
    raise(SIGTSTP);
    _exit(4);
  }
  EQ("stopped-pid", waitpid(pid, &status, WUNTRACED), pid);
  TRUE("stopped", WIFSTOPPED(status) && WSTOPSIG(status) == SIGSTOP);
  EQ("told-once", waitpid(pid, &status, WUNTRACED | WNOHANG), 0);
  kill(pid, SIGCONT);
  EQ("continued-pid", waitpid(pid, &status, WCONTINUED), pid);
  TRUE("continued", WIFCONTINUED(status));
  must(write(go[1], "g", 1));
  close(go[0]), close(go[1]);
  GOOD("second-stop", waitid(P_PID, pid, &info, WSTOPPED));
  EQ("second-code", info.si_code, CLD_STOPPED);
  EQ("second-status", info.si_status, SIGTSTP);
  kill(pid, SIGCONT);
  EQ("exit", status_of(pid), EXITED(4));
  pid = fork();
  if (pid == 0)
    for (;;) raise(SIGSTOP);
  waitpid(pid, &status, WUNTRACED);
  kill(pid, SIGTERM);
  EQ("term-waits", waitpid(pid, &status, WNOHANG), 0);
  kill(pid, SIGKILL);
  EQ("kill-does-not", status_of(pid), SIGKILL);
  // In a session of its own there is no such one: the group is orphaned and SIGTSTP is dropped (setpgid(2), NOTES).
  pid = fork();
  if (pid == 0) {
    setsid();
    raise(SIGTSTP);
    raise(SIGTTIN);
    raise(SIGTTOU);
    _exit(5);
  }
  EQ("orphaned-group", waitpid(pid, &status, WUNTRACED) == pid ? status : -1, EXITED(5));
}

static void copies(void) {
  // What a child has of its parent, and what stays apart.
  int fd = must(open("f", O_RDWR | O_CREAT, 0644)), value = 1;
  setenv("MINE", "parent", 1);
  umask(011);
  signal(SIGUSR1, SIG_IGN);
  pid_t parent = getpid(), pid = fork();
  if (pid == 0) {
    int bad = getppid() != parent || getpid() == parent || strcmp(getenv("MINE"), "parent");
    bad |= umask(0) != 011;
    bad |= signal(SIGUSR1, SIG_DFL) != SIG_IGN;
    value = 2;
    close(fd);
    chdir("/");
    setenv("MINE", "child", 1);
    struct itimerval it;
    getitimer(ITIMER_REAL, &it);
    bad |= it.it_value.tv_sec != 0;
    _exit(bad);
  }
  EQ("child", status_of(pid), 0);
  EQ("value", value, 1);
  EQ("umask", umask(022), 011);
  TRUE("signal", signal(SIGUSR1, SIG_DFL) == SIG_IGN);
  STR("environment", getenv("MINE"), "parent");
  GOOD("fd-open", close(fd));
  GOOD("directory", access("f", F_OK));
  // Neither pending signals nor timers are inherited.
  sigset_t s;
  sigemptyset(&s);
  sigaddset(&s, SIGUSR2);
  sigprocmask(SIG_BLOCK, &s, NULL);
  raise(SIGUSR2);
  pid = fork();
  if (pid == 0) {
    sigset_t pending, mask;
    sigpending(&pending);
    sigprocmask(SIG_BLOCK, NULL, &mask);
    _exit(sigismember(&pending, SIGUSR2) || !sigismember(&mask, SIGUSR2));
  }
  EQ("pending-not-inherited", status_of(pid), 0);
  signal(SIGUSR2, SIG_IGN);
  sigprocmask(SIG_UNBLOCK, &s, NULL);
}

static void orphans(void) {
  int p[2], line[2];
  pipe(p), pipe(line);
  pid_t pid = fork();
  if (pid == 0) {
    pid_t middle = getpid();
    if (fork() == 0) {
      char c;
      close(p[1]);
      read(p[0], &c, 1);  // until the test has seen the middle one end
      int adopted = getppid() != middle;
      write(line[1], adopted ? "y" : "n", 1);
      _exit(0);
    }
    _exit(0);
  }
  EQ("middle", status_of(pid), 0);
  close(p[0]), close(p[1]);
  char c = 0;
  read(line[0], &c, 1);
  EQ("adopted", c, 'y');
  int status;
  FAILS("not-ours", wait(&status), ECHILD);
  close(line[0]), close(line[1]);
  // A subreaper gets them (prctl(2)).
  GOOD("subreaper", prctl(PR_SET_CHILD_SUBREAPER, 1));
  pid = fork();
  if (pid == 0) {
    if (fork() == 0) _exit(33);
    _exit(0);
  }
  int sum = 0;
  for (int i = 0; i < 2; i++)
    if (wait(&status) > 0) sum += status >> 8;
  EQ("reaped-grandchild", sum, 33);
  prctl(PR_SET_CHILD_SUBREAPER, 0);
}

static void ignored_children(void) {
  struct sigaction a = {.sa_handler = SIG_IGN};
  sigaction(SIGCHLD, &a, NULL);
  pid_t pid = fork();
  if (pid == 0) _exit(1);
  int status;
  FAILS("wait-sees-none", waitpid(pid, &status, 0), ECHILD);
  signal(SIGCHLD, SIG_DFL);
  a = (struct sigaction){.sa_handler = SIG_DFL, .sa_flags = SA_NOCLDWAIT};
  sigaction(SIGCHLD, &a, NULL);
  pid = fork();
  if (pid == 0) _exit(1);
  FAILS("nocldwait", waitpid(pid, &status, 0), ECHILD);
  signal(SIGCHLD, SIG_DFL);
}

static void zombies(void) {
  pid_t pid = fork();
  if (pid == 0) _exit(6);
  siginfo_t info;
  waitid(P_PID, pid, &info, WEXITED | WNOWAIT);
  GOOD("kill-zombie", kill(pid, 0));
  char path[64];
  snprintf(path, sizeof path, "/proc/%d/stat", pid);
  char *text = read_file(path);
  TRUE("state-z", text && strstr(text, ") Z "));
  EQ("reap", status_of(pid), EXITED(6));
  FAILS("gone", kill(pid, 0), ESRCH);
  FAILS("proc-gone", access(path, F_OK), ENOENT);
}

static volatile int shared_value;

static void vforking(void) {
  shared_value = 1;
  pid_t pid = vfork();
  if (pid == 0) {
    shared_value = 2;
    _exit(7);
  }
  EQ("status", status_of(pid), EXITED(7));
  EQ("shares-memory", shared_value, 2);
  pid = vfork();
  if (pid == 0) {
    execl("/absent", "absent", NULL);
    _exit(errno == ENOENT ? 8 : 9);
  }
  EQ("exec-fails", status_of(pid), EXITED(8));
}

static void many(void) {
  enum { N = 60 };
  pid_t pid[N];
  int started = 0, right = 0, different = 1;
  for (int i = 0; i < N; i++) {
    pid[i] = fork();
    if (pid[i] == 0) _exit(i);
    started += pid[i] > 0;
    for (int k = 0; k < i; k++) different &= pid[k] != pid[i];
  }
  EQ("started", started, N);
  TRUE("different", different);
  for (int i = N - 1; i >= 0; i--) right += status_of(pid[i]) == EXITED(i);
  EQ("statuses", right, N);
  // A chain of processes, each waiting for the next.
  pid_t head = fork();
  if (head == 0) {
    int depth = 0;
    for (pid_t next; depth < 20; depth++) {
      next = fork();
      if (next != 0) _exit((status_of(next) >> 8) + 1);
    }
    _exit(0);
  }
  EQ("chain", status_of(head), EXITED(20));
  // Started and reaped one after another.
  int sum = 0;
  for (int i = 0; i < 300; i++) sum += exits_with(1) >> 8;
  EQ("one-after-another", sum, 300);
}

static void exit_functions(void) {
  int p[2];
  pipe(p);
  pid_t pid = fork();
  if (pid == 0) {
    dup2(p[1], 1);
    fputs("buffered", stdout);
    exit(2);
  }
  close(p[1]);
  EQ("status", status_of(pid), EXITED(2));
  char buf[16] = {0};
  EQ("flushed", read(p[0], buf, 15), 8);
  STR("text", buf, "buffered");
  close(p[0]);
}

CHECK_MAIN(CASE(statuses), CASE(waiting), CASE(identifiers), CASE(stopping), CASE(copies), CASE(orphans),
           CASE(ignored_children), CASE(zombies), CASE(vforking), CASE(many), CASE(exit_functions))
