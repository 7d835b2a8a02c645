// execve: arguments, environment, what survives and what does not, scripts, files that are no programs.
#include "check.h"
#include <elf.h>
#include <pthread.h>
#include <sys/auxv.h>
#include <sys/mman.h>

static int run_with(char **argv, char **envp, const char *path) {
  pid_t pid = fork();
  if (pid == 0) {
    execve(path, argv, envp);
    _exit(200);
  }
  return status_of(pid);
}
#define RUN(...) run_with((char *[]){(char *)check_self, __VA_ARGS__, NULL}, (char *[]){"A=1", "B=two words", NULL}, check_self)

// The program's second life: each "+word" checks something from inside.
static int again(int argc, char **argv) {
  const char *what = argv[1] + 1;
  extern char **environ;
  if (!strcmp(what, "exit")) return atoi(argv[2]);
  if (!strcmp(what, "fd17")) return argc != 4 || strcmp(argv[2], "/dev/fd/17") || strcmp(argv[3], "arg");
  if (!strcmp(what, "name")) {
    // what /proc says that it runs, and what it was executed as
    char exe[PATH_MAX] = "";
    if (readlink("/proc/self/exe", exe, sizeof exe - 1) < 0) return 1;
    if (strncmp(exe, argv[2], strlen(argv[2]))) return 2;
    const char *as = (const char *)getauxval(AT_EXECFN);
    return strncmp(as, argv[3], strlen(argv[3])) ? 3 : 0;
  }
  if (!strcmp(what, "env"))
    return !(environ[0] && !strcmp(environ[0], "A=1") && environ[1] && !strcmp(environ[1], "B=two words") && !environ[2]);
  if (!strncmp(what, "args", 4)) {
    for (int i = 1; i < argc; i++) put("%s|", argv[i]);
    put("\n");
    return argc;
  }
  if (!strcmp(what, "fds")) {
    // fd 10 was open without, 11 with close-on-exec; 10 keeps its position
    char c = 0;
    if (fcntl(11, F_GETFD) != -1 || errno != EBADF) return 1;
    if (fcntl(10, F_GETFD) != 0) return 2;
    return read(10, &c, 1) == 1 && c == 'c' ? 0 : 3;
  }
  if (!strcmp(what, "signals")) {
    struct sigaction a;
    sigaction(SIGUSR1, NULL, &a);
    if (a.sa_handler != SIG_IGN) return 1;
    sigaction(SIGUSR2, NULL, &a);
    if (a.sa_handler != SIG_DFL) return 2;
    sigset_t mask, pending;
    sigprocmask(SIG_SETMASK, NULL, &mask);
    sigpending(&pending);
    if (!sigismember(&mask, SIGHUP)) return 3;
    if (!sigismember(&pending, SIGHUP)) return 4;
    stack_t s;
    sigaltstack(NULL, &s);
    return s.ss_flags == SS_DISABLE ? 0 : 5;
  }
  if (!strcmp(what, "same")) {
    char cwd[PATH_MAX];
    if (getpid() != atoi(argv[2]) || getppid() != atoi(argv[3])) return 1;
    if (!getcwd(cwd, sizeof cwd) || strcmp(cwd, argv[4])) return 2;
    if (umask(0) != 027) return 3;
    return nice(0) == 0 ? 0 : 4;
  }
  if (!strcmp(what, "alone")) {
    // /proc/self/task holds only us after an exec from a program with threads
    char path[64];
    snprintf(path, sizeof path, "/proc/self/task/%d", getpid());
    return access(path, F_OK) ? 1 : getpid() == atoi(argv[2]) ? 0 : 2;
  }
  return 99;
}

static void arguments(void) {
  EQ("exit", RUN("+exit", "7"), EXITED(7));
  EQ("environment", RUN("+env"), 0);
  EQ("arguments", RUN("+args", "", "two words", "ünïcode", "-x"), EXITED(6));
  static char big[100000];
  memset(big, 'x', sizeof big - 1);
  EQ("100-kb", RUN("+exit", "3", big), EXITED(3));
  static char over[131073];
  memset(over, 'x', sizeof over - 1);
  EQ("one-string-too-long", RUN("+exit", "3", over), EXITED(200));
  over[131071] = 0;
  EQ("longest-string", RUN("+exit", "3", over), EXITED(3));
  char *many[1003];
  many[0] = (char *)check_self, many[1] = "+exit", many[2] = "4", many[1002] = NULL;
  for (int i = 3; i < 1002; i++) many[i] = "argument";
  EQ("many", run_with(many, (char *[]){NULL}, check_self), EXITED(4));
}

static void survives(void) {
  char pid_text[16], parent[16], cwd[PATH_MAX];
  write_file("f", "abcdef");
  pid_t pid = fork();
  if (pid == 0) {
    char two[2];
    int fd = open("f", O_RDONLY);
    read(fd, two, 2);
    dup2(fd, 10);
    dup3(fd, 11, O_CLOEXEC);
    execl(check_self, check_self, "+fds", NULL);
    _exit(200);
  }
  EQ("descriptors", status_of(pid), 0);
  pid = fork();
  if (pid == 0) {
    static char alternate[16384];
    stack_t s = {.ss_sp = alternate, .ss_size = sizeof alternate};
    sigaltstack(&s, NULL);
    signal(SIGUSR1, SIG_IGN);
    signal(SIGUSR2, exit);
    sigset_t hup;
    sigemptyset(&hup);
    sigaddset(&hup, SIGHUP);
    sigprocmask(SIG_BLOCK, &hup, NULL);
    raise(SIGHUP);
    execl(check_self, check_self, "+signals", NULL);
    _exit(200);
  }
  EQ("signals", status_of(pid), 0);
  getcwd(cwd, sizeof cwd);
  snprintf(parent, sizeof parent, "%d", getpid());
  pid = fork();
  if (pid == 0) {
    umask(027);
    snprintf(pid_text, sizeof pid_text, "%d", getpid());
    execl(check_self, check_self, "+same", pid_text, parent, cwd, NULL);
    _exit(200);
  }
  EQ("identity", status_of(pid), 0);
}

static void *exec_from_thread(void *pid) {
  execl(check_self, check_self, "+alone", pid, NULL);
  return NULL;
}

static void *sleeps(void *unused) {
  for (;;) pause();
  return unused;
}

static void threads_end(void) {
  pid_t pid = fork();
  if (pid == 0) {
    static char text[16];
    snprintf(text, sizeof text, "%d", getpid());
    pthread_t t;
    for (int i = 0; i < 4; i++) pthread_create(&t, NULL, sleeps, NULL);
    pthread_create(&t, NULL, exec_from_thread, text);
    pthread_join(t, NULL);
    _exit(201);
  }
  EQ("exec-from-thread", status_of(pid), 0);
}

static void wrong_paths(void) {
  char *argv[] = {"x", NULL};
  write_file("plain", "not a program");
  mkdir("d", 0755);
  FAILS("absent", execve("absent", argv, NULL), ENOENT);
  FAILS("directory", execve("d", argv, NULL), EACCES);
  FAILS("not-executable", execve("plain", argv, NULL), EACCES);
  FAILS("under-file", execve("plain/x", argv, NULL), ENOTDIR);
  FAILS("empty-path", execve("", argv, NULL), ENOENT);
  FAILS("device", execve("/dev/null", argv, NULL), EACCES);
  symlink("l2", "l1"), symlink("l1", "l2");
  FAILS("loop", execve("l1", argv, NULL), ELOOP);
}

static void program(const char *path, const void *bytes, size_t n) {
  unlink(path);
  int fd = must(open(path, O_WRONLY | O_CREAT | O_TRUNC, 0755));
  if (must(write(fd, bytes, n)) != (long)n) _exit(96);
  must(close(fd));
}

static int exec_errno(const char *path) {
  pid_t pid = fork();
  if (pid == 0) {
    execl(path, path, NULL);
    _exit(errno);
  }
  int status = status_of(pid);
  return status & 0x7f ? -(status & 0x7f) : status >> 8;
}

static void scripts(void) {
  char text[PATH_MAX + 64], me[PATH_MAX];
  snprintf(me, sizeof me, "%s", check_self);
  snprintf(text, sizeof text, "#!%s +args\nanything\n", me);
  program("s1", text, strlen(text));
  EQ("interpreter-sees-three", run_with((char *[]){"ignored", "one", NULL}, (char *[]){NULL}, "./s1"), EXITED(4));
  snprintf(text, sizeof text, "#! \t%s\t +args  with blanks \n", me);
  program("s2", text, strlen(text));
  EQ("blanks", run_with((char *[]){"s2", NULL}, (char *[]){NULL}, "./s2"), EXITED(3));
  snprintf(text, sizeof text, "#!%s +args", me);
  program("s3", text, strlen(text));
  EQ("no-newline", run_with((char *[]){"s3", NULL}, (char *[]){NULL}, "./s3"), EXITED(3));
  program("s4", "#!./s1 x\n", 9);
  EQ("script-of-script", run_with((char *[]){"s4", NULL}, (char *[]){NULL}, "./s4"), EXITED(5));
  program("s5", "#!/absent/interpreter\n", 22);
  EQ("absent-interpreter", exec_errno("./s5"), ENOENT);
  program("s6", "#!\n", 3);
  EQ("no-interpreter", exec_errno("./s6"), ENOEXEC);
  program("loop", "#!./loop\n", 9);
  EQ("loops", exec_errno("./loop"), ELOOP);
  snprintf(text, sizeof text, "#!/%0400d\n", 0);
  program("s7", text, strlen(text));
  EQ("line-too-long", exec_errno("./s7"), ENOEXEC);
  program("s8", "echo no magic\n", 14);
  EQ("no-magic", exec_errno("./s8"), ENOEXEC);
  program("s9", "", 0);
  EQ("empty-file", exec_errno("./s9"), ENOEXEC);
}

static void search(void) {
  char *dir = strdup(check_self);
  *strrchr(dir, '/') = 0;
  setenv("PATH", dir, 1);
  pid_t pid = fork();
  if (pid == 0) {
    execlp(strrchr(check_self, '/') + 1, "name", "+exit", "21", NULL);
    _exit(200);
  }
  EQ("execlp", status_of(pid), EXITED(21));
  int fd = must(open(check_self, O_RDONLY | O_CLOEXEC));
  pid = fork();
  if (pid == 0) {
    syscall(SYS_execveat, fd, "", (char *[]){"x", "+exit", "22", NULL}, (char *[]){NULL}, AT_EMPTY_PATH);
    _exit(200);
  }
  EQ("execveat", status_of(pid), EXITED(22));
  close(fd);
  free(dir);
}

static void busy(void) {
  // A program that runs cannot be opened for writing.
  FAILS("text-busy", open(check_self, O_WRONLY), ETXTBSY);
}

static int execute(const char *path) {
  pid_t pid = fork();
  if (pid == 0) {
    execl(path, "x", "+exit", "23", NULL);
    _exit(errno);
  }
  return status_of(pid);
}

static void written(void) {
  // A program that is open for writing cannot be executed.
  int from = must(open(check_self, O_RDONLY)), to = must(open("copy", O_WRONLY | O_CREAT, 0755));
  char buffer[65536];
  for (ssize_t n; (n = must(read(from, buffer, sizeof buffer))) > 0;) must(write(to, buffer, n));
  close(from);
  EQ("busy", execute("./copy"), EXITED(ETXTBSY));
  close(to);
  EQ("free", execute("./copy"), EXITED(23));
  to = must(open("copy", O_RDWR));
  char *m = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, to, 0);
  close(to);
  EQ("mapped", execute("./copy"), EXITED(ETXTBSY));
  munmap(m, 4096);
  EQ("unmapped", execute("./copy"), EXITED(23));
}

static int execute_at(int fd, const char *path, int flags, char **argv) {
  pid_t pid = fork();
  if (pid == 0) {
    syscall(SYS_execveat, fd, path, argv, (char *[]){NULL}, flags);
    _exit(errno);
  }
  return status_of(pid);
}

static int memory_file(const char *name, unsigned flags, const char *text) {
  int fd = must(syscall(SYS_memfd_create, name, flags));
  if (text) {
    must(write(fd, text, strlen(text)));
    return fd;
  }
  int self = must(open(check_self, O_RDONLY));
  char buffer[65536];
  for (ssize_t n; (n = must(read(self, buffer, sizeof buffer))) > 0;) must(write(fd, buffer, n));
  close(self);
  return fd;
}

// Programs that are nowhere but in memory: they run although their descriptor may write, closed by the execve or not.
static void memory_files(void) {
  int closed = memory_file("prog", MFD_CLOEXEC, NULL), kept = memory_file("prog", 0, NULL);
  EQ("closed", execute_at(closed, "", AT_EMPTY_PATH, (char *[]){"m", "+name", "/memfd:prog", "/dev/fd/", NULL}), EXITED(0));
  EQ("kept", execute_at(kept, "", AT_EMPTY_PATH, (char *[]){"m", "+name", "/memfd:prog", "/dev/fd/", NULL}), EXITED(0));
  pid_t pid = fork();
  if (pid == 0) {
    fexecve(closed, (char *[]){"m", "+exit", "31", NULL}, (char *[]){NULL});
    _exit(errno);
  }
  EQ("fexecve", status_of(pid), EXITED(31));
  char path[32];
  snprintf(path, sizeof path, "/proc/self/fd/%d", kept);
  pid = fork();
  if (pid == 0) {
    execl(path, "m", "+exit", "32", NULL);
    _exit(errno);
  }
  EQ("by-proc", status_of(pid), EXITED(32));
  EQ("without-flag", execute_at(kept, "", 0, (char *[]){"m", NULL}), EXITED(ENOENT));
  EQ("unknown-flag", execute_at(kept, "", AT_EMPTY_PATH | 0x8000, (char *[]){"m", NULL}), EXITED(EINVAL));
  EQ("no-descriptor", execute_at(999, "", AT_EMPTY_PATH, (char *[]){"m", NULL}), EXITED(EBADF));
  fchmod(kept, 0600);
  EQ("not-executable", execute_at(kept, "", AT_EMPTY_PATH, (char *[]){"m", NULL}), EXITED(EACCES));
  close(closed), close(kept);
  // A script's interpreter opens the script by name, and a descriptor that is closed has none.
  static char text[PATH_MAX + 16];
  snprintf(text, sizeof text, "#!%s +exit\n", check_self);
  closed = memory_file("script", MFD_CLOEXEC, text);
  EQ("script-closed", execute_at(closed, "", AT_EMPTY_PATH, (char *[]){"m", NULL}), EXITED(ENOENT));
  close(closed);
  snprintf(text, sizeof text, "#!%s +fd17\n", check_self);
  kept = memory_file("script", 0, text);
  must(dup2(kept, 17));
  EQ("script-kept", execute_at(17, "", AT_EMPTY_PATH, (char *[]){"m", "arg", NULL}), EXITED(0));
  close(kept), close(17);
  int dir = must(open("/", O_RDONLY | O_DIRECTORY));
  EQ("directory", execute_at(dir, "", AT_EMPTY_PATH, (char *[]){"m", NULL}), EXITED(EACCES));
  close(dir);
  // A path below a descriptor is told by the descriptor's name.
  int here = must(open(".", O_RDONLY | O_DIRECTORY));
  must(symlink(check_self, "below"));
  EQ("below", execute_at(here, "below", 0, (char *[]){"m", "+name", "/", "/dev/fd/", NULL}), EXITED(0));
  EQ("below-cwd", execute_at(AT_FDCWD, "below", 0, (char *[]){"m", "+name", "/", "below", NULL}), EXITED(0));
  close(here);
}

CHECK_MAIN_AFTER(again, CASE(arguments), CASE(survives), CASE(threads_end), CASE(wrong_paths), CASE(scripts), CASE(search),
                 CASE(busy), CASE(written), CASE(memory_files))
