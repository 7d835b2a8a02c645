// What the system says of itself and of the process: uname, sysinfo, limits, usage, random bytes, prctl, scheduling.
#include "check.h"
#include <linux/random.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>

static void names(void) {
  struct utsname u;
  GOOD("uname", uname(&u));
  STR("sysname", u.sysname, "Linux");
#ifdef __riscv
  STR("machine", u.machine, "riscv64");
#else
  STR("machine", u.machine, "x86_64");
#endif
  int major = 0, minor = 0;
  TRUE("release", sscanf(u.release, "%d.%d", &major, &minor) == 2 && major >= 4);
  TRUE("version", u.version[0] != 0);
  TRUE("nodename", u.nodename[0] != 0);
  char host[65];
  GOOD("gethostname", gethostname(host, sizeof host));
  STR("same-host", host, u.nodename);
}

static void numbers(void) {
  struct sysinfo s;
  GOOD("sysinfo", sysinfo(&s));
  TRUE("memory", s.totalram > 0 && s.freeram <= s.totalram && s.mem_unit >= 1);
  TRUE("processes", s.procs >= 1);
  TRUE("uptime", s.uptime >= 0);
  EQ("page-size", sysconf(_SC_PAGESIZE), 4096);
  TRUE("processors", sysconf(_SC_NPROCESSORS_ONLN) >= 1);
  TRUE("open-max", sysconf(_SC_OPEN_MAX) >= 256);
  TRUE("arg-max", sysconf(_SC_ARG_MAX) >= 131072);
}

static void random_bytes(void) {
  unsigned char a[256] = {0}, b[256] = {0};
  EQ("getrandom", getrandom(a, sizeof a, 0), 256);
  EQ("nonblock", getrandom(b, sizeof b, GRND_NONBLOCK), 256);
  TRUE("differ", memcmp(a, b, sizeof a));
  int distinct = 0, seen[256] = {0};
  for (int i = 0; i < 256; i++) distinct += !seen[a[i]]++;
  TRUE("spread", distinct > 100);
  EQ("nothing", getrandom(a, 0, 0), 0);
  FAILS("flags", getrandom(a, 1, 0x1000), EINVAL);
  GOOD("getentropy", getentropy(a, 32));
  static char big[100000];
  EQ("large", getrandom(big, sizeof big, 0), sizeof big);
}

static void limits(void) {
  struct rlimit r, old;
  GOOD("getrlimit", getrlimit(RLIMIT_NOFILE, &old));
  TRUE("soft-under-hard", old.rlim_cur <= old.rlim_max);
  r = (struct rlimit){100, old.rlim_max};
  GOOD("setrlimit", setrlimit(RLIMIT_NOFILE, &r));
  struct rlimit now;
  GOOD("prlimit", prlimit(0, RLIMIT_NOFILE, &old, &now));
  EQ("prlimit-old", now.rlim_cur, 100);
  r = (struct rlimit){200, 100};
  FAILS("soft-over-hard", setrlimit(RLIMIT_NOFILE, &r), EINVAL);
  FAILS("resource", getrlimit(99, &r), EINVAL);
  GOOD("stack", getrlimit(RLIMIT_STACK, &r));
  EQ("stack-soft", r.rlim_cur, 8 << 20);
  GOOD("as", getrlimit(RLIMIT_AS, &r));
  EQ("as-soft", r.rlim_cur, RLIM_INFINITY);
  // A file may not grow beyond RLIMIT_FSIZE.
  pid_t pid = fork();
  if (pid == 0) {
    r = (struct rlimit){1000, 1000};
    setrlimit(RLIMIT_FSIZE, &r);
    signal(SIGXFSZ, SIG_IGN);
    int fd = open("limited", O_CREAT | O_WRONLY, 0644);
    static char block[800];
    if (write(fd, block, 800) != 800) _exit(1);
    if (write(fd, block, 800) != 200) _exit(2);
    if (write(fd, block, 800) != -1 || errno != EFBIG) _exit(3);
    signal(SIGXFSZ, SIG_DFL);
    write(fd, block, 1);
    _exit(4);
  }
  EQ("file-size", status_of(pid) & 0x7f, SIGXFSZ);
  FAILS("prlimit-nobody", prlimit(0x3ffffff, RLIMIT_NOFILE, NULL, &r), ESRCH);
}

static void process_control(void) {
  char name[16] = {0};
  GOOD("set-name", prctl(PR_SET_NAME, "a-name-that-is-too-long"));
  GOOD("get-name", prctl(PR_GET_NAME, name));
  STR("name", name, "a-name-that-is-");
  EQ("dumpable", prctl(PR_GET_DUMPABLE), 1);
  GOOD("no-new-privs", prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
  EQ("no-new-privs-set", prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0), 1);
  FAILS("option", prctl(99999), EINVAL);
  // A child can ask to be told when its parent dies.
  int p[2];
  pipe(p);
  pid_t pid = fork();
  if (pid == 0) {
    int ready[2];
    pipe(ready);
    if (fork() == 0) {
      prctl(PR_SET_PDEATHSIG, SIGKILL);
      write(ready[1], "r", 1);
      for (;;) pause();  // holds p[1] until it is killed
    }
    char c;
    read(ready[0], &c, 1);
    _exit(0);
  }
  close(p[1]);
  status_of(pid);
  char c;
  EQ("parent-death", read(p[0], &c, 1), 0);
  close(p[0]);
}

static void scheduling(void) {
  cpu_set_t set;
  CPU_ZERO(&set);
  TRUE("getaffinity", sched_getaffinity(0, sizeof set, &set) == 0 && CPU_COUNT(&set) >= 1);
  FAILS("getaffinity-small", syscall(SYS_sched_getaffinity, 0, 1, &set), EINVAL);
  GOOD("setaffinity", sched_setaffinity(0, sizeof set, &set));
  GOOD("yield", sched_yield());
  EQ("scheduler", sched_getscheduler(0), SCHED_OTHER);
  EQ("priority-max", sched_get_priority_max(SCHED_FIFO), 99);
  EQ("priority-min", sched_get_priority_min(SCHED_OTHER), 0);
  errno = 0;
  EQ("getpriority", getpriority(PRIO_PROCESS, 0), 0);
  pid_t pid = fork();
  if (pid == 0) {
    if (setpriority(PRIO_PROCESS, 0, 7)) _exit(100);
    _exit(getpriority(PRIO_PROCESS, 0));
  }
  EQ("setpriority", status_of(pid), EXITED(7));
  unsigned cpu = 9999;
  GOOD("getcpu", getcpu(&cpu, NULL));
  TRUE("cpu-number", cpu < 1024);
  GOOD("membarrier", syscall(SYS_membarrier, 0, 0, 0));
}

CHECK_MAIN(CASE(names), CASE(numbers), CASE(random_bytes), CASE(limits), CASE(process_control), CASE(scheduling))
