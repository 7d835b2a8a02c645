// The /proc that ordinary programs read.
#include "check.h"
#include <sys/resource.h>
#include <dirent.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>

static void self(void) {
  char text[PATH_MAX], want[PATH_MAX];
  ssize_t n = readlink("/proc/self", text, sizeof text - 1);
  text[n < 0 ? 0 : n] = 0;
  snprintf(want, sizeof want, "%d", getpid());
  STR("self", text, want);
  n = readlink("/proc/self/exe", text, sizeof text - 1);
  text[n < 0 ? 0 : n] = 0;
  STR("exe", text, check_self);
  n = readlink("/proc/self/cwd", text, sizeof text - 1);
  text[n < 0 ? 0 : n] = 0;
  getcwd(want, sizeof want);
  STR("cwd", text, want);
  int fd = must(open("/proc/self/cmdline", O_RDONLY));
  n = read(fd, text, sizeof text);
  TRUE("cmdline", n > 0 && !strcmp(text, check_self) && text[n - 1] == 0);
  close(fd);
  struct stat st;
  GOOD("stat-dir", stat("/proc/self", &st));
  TRUE("is-dir", S_ISDIR(st.st_mode));
  char *comm = read_file("/proc/self/comm");
  STR("comm", comm, "procfs\n");
}

static void descriptors(void) {
  write_file("open-file", "x");
  char path[64], text[PATH_MAX], want[PATH_MAX + 16], cwd[PATH_MAX];
  int fd = must(open("open-file", O_RDONLY)), p[2];
  pipe(p);
  snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
  ssize_t n = readlink(path, text, sizeof text - 1);
  text[n < 0 ? 0 : n] = 0;
  snprintf(want, sizeof want, "%s/open-file", getcwd(cwd, sizeof cwd));
  STR("file", text, want);
  snprintf(path, sizeof path, "/proc/self/fd/%d", p[0]);
  n = readlink(path, text, sizeof text - 1);
  text[n < 0 ? 0 : n] = 0;
  TRUE("pipe", !strncmp(text, "pipe:[", 6));
  int count = 0;
  DIR *d = opendir("/proc/self/fd");
  for (struct dirent *e; d && (e = readdir(d));) count += e->d_name[0] != '.';
  if (d) closedir(d);
  EQ("count", count, 3 + 3 + 1);
  snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
  int again = GOOD("reopen", open(path, O_RDONLY));
  char c = 0;
  read(again, &c, 1);
  EQ("reopen-own-position", c, 'x');
  snprintf(path, sizeof path, "/dev/fd/%d", fd);
  GOOD("dev-fd", access(path, F_OK));
  close(again), close(fd), close(p[0]), close(p[1]);
  FAILS("closed", access(path, F_OK), ENOENT);
}

static void status_files(void) {
  char *text = read_file("/proc/self/stat");
  int pid = 0, ppid = 0, pgrp = 0, session = 0;
  char state = 0, *end = text ? strrchr(text, ')') : NULL;
  TRUE("stat", text && end && sscanf(text, "%d", &pid) == 1 && sscanf(end, ") %c %d %d %d", &state, &ppid, &pgrp, &session) == 4);
  EQ("pid", pid, getpid());
  EQ("state", state, 'R');
  EQ("ppid", ppid, getppid());
  EQ("pgrp", pgrp, getpgrp());
  EQ("session", session, getsid(0));
  int fields = 0;
  for (char *t = end ? end + 1 : ""; *t; t++) fields += *t == ' ';
  EQ("fields", fields, 50);
  text = read_file("/proc/self/status");
  const char *keys[] = {"Name:\t", "State:\tR", "Pid:\t", "PPid:\t", "Uid:\t", "Gid:\t", "VmSize:\t", "VmRSS:\t", "Threads:\t1\n", "SigBlk:\t", "SigIgn:\t", "SigCgt:\t"};
  for (unsigned i = 0; i < sizeof keys / sizeof keys[0]; i++) {
    char name[32];
    snprintf(name, sizeof name, "status-%.*s", (int)strcspn(keys[i], ":"), keys[i]);
    TRUE(name, text && strstr(text, keys[i]));
  }
  text = read_file("/proc/self/statm");
  TRUE("statm", text && atoi(text) > 0);
}

static void maps(void) {
  char *m = must(mmap(NULL, 3 * 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)) + (char *)0;
  mprotect(m + 4096, 4096, PROT_READ | PROT_WRITE);
  m[4096] = 1;
  char *text = read_file("/proc/self/maps");
  TRUE("there", text != NULL);
  int line_of_code = 0, stack = 0, heap = 0, mine = 0, sorted = 1;
  unsigned long last = 0, from, to;
  for (char *line = text; line && *line; line = strchr(line, '\n') + 1) {
    char flags[8] = "";
    if (sscanf(line, "%lx-%lx %4s", &from, &to, flags) != 3) break;
    sorted &= from >= last && to > from;
    last = to;
    if ((uintptr_t)maps >= from && (uintptr_t)maps < to) line_of_code = !strcmp(flags, "r-xp");
    if ((uintptr_t)&text >= from && (uintptr_t)&text < to) stack = !strcmp(flags, "rw-p");
    if ((uintptr_t)m + 4096 == from && to == from + 4096) mine = !strcmp(flags, "rw-p");
    if (!strncmp(flags, "rw", 2)) heap = 1;
    if (!strchr(line, '\n')) break;
  }
  TRUE("sorted", sorted);
  TRUE("code", line_of_code);
  TRUE("stack", stack);
  TRUE("data", heap);
  TRUE("split", mine);
  munmap(m, 3 * 4096);
}

static void system_files(void) {
  char *text = read_file("/proc/meminfo");
  TRUE("meminfo", text && strstr(text, "MemTotal:") && strstr(text, "MemFree:") && strstr(text, "MemAvailable:") && strstr(text, " kB\n"));
  text = read_file("/proc/cpuinfo");
  TRUE("cpuinfo", text && strstr(text, "processor\t: 0"));
  text = read_file("/proc/uptime");
  double up = 0;
  TRUE("uptime", text && sscanf(text, "%lf", &up) == 1 && up >= 0);
  text = read_file("/proc/loadavg");
  TRUE("loadavg", text && strchr(text, '/'));
  text = read_file("/proc/version");
  TRUE("version", text && !strncmp(text, "Linux version ", 14));
  text = read_file("/proc/stat");
  TRUE("stat", text && !strncmp(text, "cpu ", 4) && strstr(text, "\nbtime "));
  text = read_file("/proc/filesystems");
  TRUE("filesystems", text && strstr(text, "tmpfs") && strstr(text, "proc"));
  text = read_file("/proc/mounts");
  TRUE("mounts", text && strstr(text, " /proc proc "));
  text = read_file("/proc/self/mountinfo");
  TRUE("mountinfo", text && strstr(text, " /proc "));
  text = read_file("/proc/sys/kernel/pid_max");
  TRUE("pid_max", text && atoi(text) >= 300);
  text = read_file("/proc/sys/kernel/ostype");
  STR("ostype", text, "Linux\n");
  FAILS("absent", open("/proc/no-such-thing", O_RDONLY), ENOENT);
  FAILS("absent-process", open("/proc/99999999/stat", O_RDONLY), ENOENT);
  FAILS("create", open("/proc/new", O_CREAT | O_WRONLY, 0644), ENOENT);
  FAILS("mkdir", mkdir("/proc/new", 0755), ENOENT);
}

static void other_processes(void) {
  char path[64];
  int p[2];
  pipe(p);
  pid_t pid = fork();
  if (pid == 0) {
    char c;
    close(p[1]);
    read(p[0], &c, 1);
    _exit(0);
  }
  int listed = 0, me = 0;
  DIR *d = opendir("/proc");
  for (struct dirent *e; d && (e = readdir(d));) {
    listed |= atoi(e->d_name) == pid;
    me |= atoi(e->d_name) == getpid();
  }
  if (d) closedir(d);
  TRUE("listed", listed && me);
  snprintf(path, sizeof path, "/proc/%d/stat", pid);
  until_asleep(pid, pid);
  char *text = read_file(path);
  TRUE("asleep", text && strstr(text, ") S "));
  snprintf(path, sizeof path, "/proc/%d/cmdline", pid);
  text = read_file(path);
  STR("cmdline", text, check_self);
  close(p[1]);
  status_of(pid);
  FAILS("gone", access(path, F_OK), ENOENT);
  close(p[0]);
}

static int none(int argc, char **argv) { return argc + !argv; }
static void nice_value(void) {
  must(setpriority(PRIO_PROCESS, 0, 5));
  char *stat = read_file("/proc/self/stat");
  char *at = stat ? strrchr(stat, ')') : NULL;
  for (int field = 2; at && field < 18; field++) at = strchr(at + 1, ' ');
  TRUE("stat", at && !strncmp(at, " 25 5 ", 6));
}

// There is always a process 1, and whoever asks for it finds the same.
static void process_one(void) {
  char text[512];
  TRUE("group", getpgid(1) >= 0);
  TRUE("session", getsid(1) >= 0);
  EQ("kill", kill(1, 0), 0);
  EQ("stat-readable", access("/proc/1/stat", R_OK), 0);
  snprintf(text, sizeof text, "%s", read_file("/proc/1/stat"));
  int pid = 0, ppid = -1, pgrp = -1, sid = -1;
  char *end = strrchr(text, ')');
  TRUE("fields", end && sscanf(text, "%d", &pid) == 1 && sscanf(end + 4, "%d %d %d", &ppid, &pgrp, &sid) == 3);
  EQ("pid", pid, 1);
  EQ("ppid", ppid, 0);
  EQ("pgrp", pgrp, getpgid(1));
  EQ("sid", sid, getsid(1));
  EQ("task", access("/proc/1/task/1/status", R_OK), 0);
  FAILS("not-a-child", waitpid(1, NULL, WNOHANG), ECHILD);
  FAILS("set-group", setpgid(1, 0), ESRCH);
  pid_t child = fork();
  if (child == 0) {
    if (setresuid(54321, 54321, 54321)) _exit(1);
    _exit(kill(1, 0) == -1 && errno == EPERM ? 0 : 2);
  }
  EQ("kill-by-another", status_of(child), 0);
}

static int put_score(const char *text) {
  int fd = open("/proc/self/oom_score_adj", O_WRONLY);
  if (fd < 0) return errno;
  int e = write(fd, text, strlen(text)) == -1 ? errno : 0;
  close(fd);
  return e;
}

static void oom_scores(void) {
  pid_t child = fork();
  if (child) {
    EQ("child", status_of(child), 0);
    return;
  }
  check_failures = 0;
  EQ("raise", put_score("300"), 0);
  STR("kept", read_file("/proc/self/oom_score_adj"), "300\n");
  TRUE("score", atoi(read_file("/proc/self/oom_score")) >= 860 && atoi(read_file("/proc/self/oom_score")) < 1400);
  // Lowering it takes CAP_SYS_RESOURCE, which not every root has.
  char *caps = strstr(read_file("/proc/self/status"), "CapEff:");
  int may = strtoull(caps + 7, NULL, 16) >> 24 & 1;
  EQ("lower", put_score("-10\n"), may ? 0 : EACCES);
  STR("lower-kept", read_file("/proc/self/oom_score_adj"), may ? "-10\n" : "300\n");
  EQ("too-much", put_score("1001"), EINVAL);
  EQ("too-little", put_score("-1001"), EINVAL);
  EQ("no-number", put_score("x"), EINVAL);
  EQ("back", put_score("100"), 0);
  // A child has it, and may only lower it to what somebody privileged has set.
  child = fork();
  if (child == 0) {
    if (strcmp(read_file("/proc/self/oom_score_adj"), "100\n")) _exit(1);
    // The file stays open over the change of users: it is not this user's then.
    int fd = open("/proc/self/oom_score_adj", O_RDWR);
    if (setresuid(54321, 54321, 54321)) _exit(2);
    if (write(fd, "200", 3) != 3) _exit(3);
    if (write(fd, "100", 3) != 3) _exit(4);
    if (write(fd, may ? "99" : "-1", 2) != -1 || errno != EACCES) _exit(5);
    _exit(0);
  }
  EQ("unprivileged", status_of(child), 0);
  _exit(check_failures != 0);
}

// A line of /proc/self/fdinfo/FD, behind its name; "" when it is not there.
static const char *info_of(int fd, const char *name) {
  static char line[64];
  char path[64];
  snprintf(path, sizeof path, "/proc/self/fdinfo/%d", fd);
  const char *text = read_file(path), *at = text ? strstr(text, name) : NULL;
  snprintf(line, sizeof line, "%.*s", at ? (int)strcspn(at + strlen(name), "\n") : 0, at ? at + strlen(name) : "");
  return line;
}

// What a kind of open file keeps for itself is no position, and no other kind's.
static void descriptor_info(void) {
  sigset_t set;
  sigemptyset(&set), sigaddset(&set, SIGUSR1), sigaddset(&set, SIGTERM);
  int s = must(signalfd(-1, &set, 0)), e = must(eventfd(5, 0)), t = must(timerfd_create(CLOCK_MONOTONIC, 0)), p[2];
  must(pipe(p));
  STR("signalfd-pos", info_of(s, "pos:\t"), "0");
  STR("signalfd-mask", info_of(s, "sigmask:\t"), "0000000000004200");
  STR("eventfd-pos", info_of(e, "pos:\t"), "0");
  STR("timerfd-pos", info_of(t, "pos:\t"), "0");
  STR("pipe-pos", info_of(p[0], "pos:\t"), "0");
  int d = must(open("/proc/self/status", O_RDONLY)), m = must(open("/proc/self/mounts", O_RDONLY));
  char byte;
  must(read(d, &byte, 1));
  STR("generated-pos", info_of(d, "pos:\t"), "1");
  STR("mounts-pos", info_of(m, "pos:\t"), "0");
  close(s), close(e), close(t), close(p[0]), close(p[1]), close(d), close(m);
}

CHECK_MAIN_AFTER(none, CASE(self), CASE(descriptors), CASE(status_files), CASE(maps), CASE(system_files),
                 CASE(other_processes), CASE(nice_value), CASE(process_one), CASE(oom_scores), CASE(descriptor_info))
