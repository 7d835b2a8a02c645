// Random system calls: `random-calls SEED` makes a round of them and ends with 0, or is ended by what it did; `random-calls
// after` removes what a round may have left, tries whether the machine still does what it should, and ends with 0 then.
//
// A round is a folder on a tmpfs of its own and, one after the other, workers: processes with a descriptor of every kind
// and four threads, which call whatever the table has (arguments.h) until their calls are used up, with a signal every
// 2 ms. Threads and processes that the calls make go on likewise, for less long. The first process makes no random call
// itself: it starts the next worker when one has ended (early, as a rule), and kills what is left when the time is up.
// Every fourth seed runs its workers as root, in a chroot; the others as user 1000.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#include "arguments.h"

#define FOLDER "/round"

enum {
  THREADS = 4,
  WORKERS = 16,
  THREAD_CALLS = 1500,
  CHILD_CALLS = 150,
  MOST_FORKS = 200,
  ROUND_MS = 1500,
};

/// What all processes of a round see. Behind the counts lie ids that there are or were: 16 threads, 16 processes.
struct shared {
  volatile unsigned calls, forks, rooms;
  unsigned root;
};
static struct shared *shared(void) { return (struct shared *)COUNTS; }

/// Makes a call. What a clone makes goes on in `born`, on the stack that it was given. a0: number, a1: six arguments.
long raw(long number, const u64 *args);
__asm__(
    ".text\n.globl raw\nraw:\n"
    "mv a7, a0\nmv t0, a1\n"
    "ld a0, 0(t0)\nld a1, 8(t0)\nld a2, 16(t0)\nld a3, 24(t0)\nld a4, 32(t0)\nld a5, 40(t0)\n"
    "ecall\n"
    "li t1, 220\nbeq a7, t1, 1f\nli t1, 435\nbeq a7, t1, 1f\nret\n"
    "1: beqz a0, 2f\nret\n"
    "2: andi sp, sp, -16\ntail born\n");

static void know(u64 tid, u64 pid) {
  volatile unsigned *known = (unsigned *)(COUNTS + 2048);
  known[tid % 16] = (unsigned)tid;
  known[16 + pid % 16] = (unsigned)pid;
}

static long raw1(long number, u64 a) {
  u64 args[6] = {a};
  return raw(number, args);
}

static void act(struct caller *c);

static _Noreturn void leave(unsigned number) {
  for (;;) raw1(number, 0);
}

static char *new_room(void) {
  unsigned k = __atomic_fetch_add(&shared()->rooms, 1, __ATOMIC_RELAXED);
  char *at = (char *)ROOMS + k % 256 * (u64)(ROOM + 4096);
  u64 args[6] = {(u64)at, ROOM, 3, 0x32, -1ul, 0};
  return raw(SYS_mmap, args) == (long)at ? at : 0;
}

/// A signal every 2 ms, without which nobody ends what waits.
static void tick(struct caller *c) {
  char *at = c->room;
  put8(at, 0), put8(at + 8, 2000), put8(at + 16, 0), put8(at + 24, 2000);
  u64 args[6] = {ITIMER_REAL, (u64)at};
  raw(SYS_setitimer, args);
}

/// Where a new thread or process begins.
__attribute__((used)) _Noreturn void born(void) {
  u64 id = (u64)raw1(SYS_gettid, 0);
  struct caller c = {mix(id, __atomic_fetch_add(&shared()->forks, 1, __ATOMIC_RELAXED)), 0, CHILD_CALLS};
  know(id, (u64)raw1(SYS_getpid, 0));
  if ((c.room = new_room())) {
    tick(&c);
    act(&c);
  }
  leave(one_in(&c, 2) ? SYS_exit : SYS_exit_group);
}

static void act(struct caller *c) {
  u64 args[6];
  while (c->left-- > 0) {
    const struct call *call = &calls[below(c, COUNT(calls))];
    switch (call->number) {
      case SYS_exit_group:
        if (!one_in(c, 60)) continue;
        break;
      case SYS_exit:
      case SYS_rt_sigreturn:
      case SYS_execve:
      case SYS_execveat:
      case SYS_munmap:
      case SYS_setitimer:
      case SYS_rt_sigprocmask:
        if (!one_in(c, 10)) continue;
        break;
      case SYS_clone:
      case SYS_clone3:
        if (shared()->forks > MOST_FORKS || one_in(c, 2)) continue;
        break;
      case SYS_brk:
        if (one_in(c, 2)) continue;
        break;
    }
    const char *letters = call->letters;
    char kinds[6];
    kinds_of(call, kinds);
    unsigned k = 0;
    for (; letters[k]; k++) args[k] = argument(c, letters[k], kinds[k]);
    for (; k < 6; k++) args[k] = one_in(c, 4) ? next(c) : 0;
    // Now and then one argument is something else altogether.
    if (one_in(c, 25)) args[below(c, 6)] = any(c);
    // Files that fill the memory would end what comes after the round.
    if ((call->number == SYS_setrlimit && args[0] == RLIMIT_FSIZE) || (call->number == SYS_prlimit64 && args[1] == RLIMIT_FSIZE)) continue;
    __atomic_fetch_add(&shared()->calls, 1, __ATOMIC_RELAXED);
    raw(call->number, args);
    // What was mapped is used.
    if (one_in(c, 8)) {
      volatile char *at = (char *)page_of(c);
      u64 pair[6] = {0, 8, (u64)at, 8, 0, 0};
      pair[0] = (u64)at;
      raw(SYS_mincore, pair);
      (void)*at;
      if (one_in(c, 2)) *at = 1;
    }
  }
}

/// Faults: pages of PLAY come and go, so what touches them goes on.
static void fault(int signal, siginfo_t *info, void *context) {
  (void)signal;
  ucontext_t *u = context;
  u64 at = (u64)info->si_addr;
  if (at >= ROOMS && at < PLAY + PLAY_PAGES * 4096ul && info->si_code > 0) {
    u64 args[6] = {at & ~4095ul, 4096, 3, 0x32, -1ul, 0};
    if (raw(SYS_mmap, args) == (long)args[0]) return;
  }
  // It goes on elsewhere, as what a clone makes does.
  char *stack = new_room();
  if (!stack) leave(SYS_exit);
  u->uc_mcontext.__gregs[REG_PC] = (u64)born;
  u->uc_mcontext.__gregs[REG_SP] = (u64)stack + ROOM;
  memset(&u->uc_sigmask, 0, 8);
}

/// Other signals: now and then a handler makes calls itself, or goes back to somewhere else.
static void handler(int signal, siginfo_t *info, void *context) {
  (void)info;
  ucontext_t *u = context;
  struct caller c = {mix((u64)signal, __atomic_fetch_add(&shared()->calls, 1, __ATOMIC_RELAXED)), (char *)ROOMS, 2};
  if (one_in(&c, 40)) act(&c);
  if (one_in(&c, 400)) {
    char *words = (char *)u;
    put8(words + 8 * below(&c, sizeof *u / 8), any(&c));
  }
}

static int thread(void *argument) {
  struct caller c = {(u64)argument, new_room(), THREAD_CALLS};
  know((u64)raw1(SYS_gettid, 0), (u64)raw1(SYS_getpid, 0));
  if (c.room) {
    stack_t alt = {.ss_sp = c.room + ROOM - 16384, .ss_size = 16384};
    sigaltstack(&alt, 0);
    act(&c);
  }
  leave(SYS_exit);
}

static void fill_file(const char *name, unsigned bytes, u64 seed) {
  int fd = open(name, O_RDWR | O_CREAT | O_TRUNC, 0777);
  if (!shared()->root && fchown(fd, 1000, 1000)) _exit(2);
  char text[4096];
  for (unsigned done = 0; done < bytes; done += sizeof text) {
    for (unsigned k = 0; k < sizeof text; k++) text[k] = (char)(seed >> k % 56);
    if (write(fd, text, sizeof text) < 0) break;
  }
  close(fd);
}

/// The start of this program, with a few words of its headers changed: something to execute.
static void damaged_program(struct caller *c) {
  static char text[16384];
  int from = open("/proc/self/exe", O_RDONLY), to = open("elf", O_WRONLY | O_CREAT | O_TRUNC, 0777);
  long n = read(from, text, sizeof text);
  for (unsigned k = below(c, 4); k; k--) {
    u64 v = any(c);
    memcpy(text + 8 * below(c, 64), &v, one_in(c, 2) ? 8 : 2);
  }
  if (n > 0 && write(to, text, n) < 0) _exit(1);
  close(from), close(to);
}

/// A descriptor of every kind, from 0 on.
static void open_all(void) {
  for (int fd = 0; fd < 3; fd++) close(fd);
  int pair[2];
  open("f0", O_RDWR), open("f1", O_RDONLY), open("f2", O_RDWR | O_APPEND), open("f1", O_WRONLY);
  open("d0", O_RDONLY | O_DIRECTORY), open(".", O_PATH), open("f0", O_PATH), open("f0", 3);
  if (pipe2(pair, O_NONBLOCK) || pipe(pair)) _exit(2);
  open("p0", O_RDWR | O_NONBLOCK), open("p0", O_RDONLY | O_NONBLOCK), open("p0", O_WRONLY | O_NONBLOCK), open("p0", 3 | O_NONBLOCK);
  eventfd(1, EFD_NONBLOCK), eventfd(0, EFD_SEMAPHORE);
  sigset_t usr;
  sigemptyset(&usr), sigaddset(&usr, SIGUSR1), sigaddset(&usr, SIGRTMIN + 1);
  signalfd(-1, &usr, SFD_NONBLOCK);
  int timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
  struct itimerspec every = {{0, 1000000}, {0, 1000000}};
  timerfd_settime(timer, 0, &every, 0);
  int ep = epoll_create1(0), outer = epoll_create1(0);
  struct epoll_event in = {.events = EPOLLIN | EPOLLET};
  epoll_ctl(ep, EPOLL_CTL_ADD, timer, &in), epoll_ctl(outer, EPOLL_CTL_ADD, ep, &in);
  int mem = memfd_create("mem", MFD_ALLOW_SEALING);
  if (ftruncate(mem, 65536)) _exit(2);
  open("/dev/null", O_RDWR), open("/dev/zero", O_RDWR), open("/dev/urandom", O_RDONLY);
  int master = open("/dev/ptmx", O_RDWR | O_NONBLOCK | O_NOCTTY), off = 0, n = 0;
  ioctl(master, TIOCSPTLCK, &off), ioctl(master, TIOCGPTN, &n);
  char name[32];
  snprintf(name, sizeof name, "/dev/pts/%d", n);
  open(name, O_RDWR | O_NONBLOCK);
  open("/proc/self/maps", O_RDONLY), open("/proc", O_RDONLY | O_DIRECTORY), open("prog", O_RDONLY), open("elf", O_RDONLY);
  open("f0", O_RDWR | O_CREAT, 0666);
}

static _Noreturn void worker(u64 seed) {
  struct caller c = {seed, new_room(), 0};
  setsid();
  open_all();
  struct rlimit most = {1 << 20, 1 << 20};
  setrlimit(RLIMIT_FSIZE, &most);
  if (shared()->root) {
    if (chroot(".")) _exit(3);
  } else if (setgid(1000) || setuid(1000)) {
    _exit(3);
  }
  struct sigaction a = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO | SA_ONSTACK};
  for (int s = 1; s < 65; s++) {
    a.sa_flags = SA_SIGINFO | SA_ONSTACK | (one_in(&c, s == SIGALRM ? 16 : 2) ? SA_RESTART : 0) | (one_in(&c, 4) ? SA_NODEFER : 0);
    sigaction(s, &a, 0);
  }
  a.sa_sigaction = fault, a.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER;
  sigaction(SIGSEGV, &a, 0), sigaction(SIGBUS, &a, 0), sigaction(SIGILL, &a, 0), sigaction(SIGTRAP, &a, 0);
  handler_address = (u64)handler;
  tick(&c);
  mmap((void *)PLAY, PLAY_PAGES * 2048ul, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
  mmap((void *)(PLAY + PLAY_PAGES * 2048ul), 65536, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, 0, 0);
  for (unsigned k = 1; k < THREADS; k++) {
    char *stack = new_room();
    if (!stack) break;
    clone(thread, stack + ROOM, CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM, (void *)mix(seed, k));
  }
  thread((void *)mix(seed, 0));
  leave(SYS_exit_group);
}

static u64 now_ms(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (u64)t.tv_sec * 1000 + (u64)t.tv_nsec / 1000000;
}

/// Makes the round's folder, and goes on as a copy of this program in it: what root does to a program that it executes
/// must not outlast the round.
static int begin(char **argv) {
  static char buffer[65536];
  if (mkdir(FOLDER, 0777) || mount("round", FOLDER, "tmpfs", 0, "") || chmod(FOLDER, 0777) || chdir(FOLDER)) return 2;
  int from = open("/proc/self/exe", O_RDONLY), to = open("prog", O_WRONLY | O_CREAT, 0755);
  for (long n; (n = read(from, buffer, sizeof buffer)) > 0;)
    if (write(to, buffer, n) != n) return 2;
  close(from), close(to);
  char *again[] = {argv[0], argv[1], "", 0};
  execv("prog", again);
  return 2;
}

static int round_of(u64 seed) {
  // What a worker sends to its parent (an exit signal, SIGIO) is not to end the round.
  for (int s = 1; s < 65; s++)
    if (s != SIGCHLD) signal(s, SIG_IGN);
  prctl(PR_SET_CHILD_SUBREAPER, 1);
  umask(0);
  if (mmap((void *)SHARED, 3 * 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == MAP_FAILED) return 2;
  if (mmap((void *)COUNTS, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == MAP_FAILED) return 2;
  struct caller c = {mix(seed, 0), 0, 0};
  shared()->root = seed % 4 == 3;
  static const char *const files[] = {"f0", "f1", "f2", "f3"};
  for (unsigned k = 0; k < 4; k++) fill_file(files[k], 65536, next(&c));
  damaged_program(&c);
  if (mkdir("d0", 0777) || mkfifo("p0", 0666) || mkfifo("p1", 0666) || symlink("f0", "s0") || symlink("s1", "s1")) return 2;
  fill_file("d0/x", 4096, 1);
  u64 end = now_ms() + ROUND_MS;
  for (unsigned k = 0; k < WORKERS && now_ms() < end; k++) {
    pid_t child = fork();
    if (child == 0) worker(mix(seed, k + 100));
    if (child < 0) return 2;
    u64 late = now_ms() + ROUND_MS / 3;
    for (int status;;) {
      pid_t got = waitpid(-1, &status, WNOHANG | __WALL);
      if (got == child || (got < 0 && errno == ECHILD)) break;
      if (now_ms() > late) kill(-1, SIGKILL);
      if (got == 0) usleep(2000);
    }
  }
  kill(-1, SIGKILL);
  while (waitpid(-1, 0, __WALL) > 0 || errno == EINTR) kill(-1, SIGKILL);
  printf("%u calls\n", shared()->calls);
  return 0;
}

static int failed(const char *what) {
  printf("after a round: %s: %s\n", what, strerror(errno));
  return 1;
}

/// Files, memory, processes, pipes, time: what every program wants still works.
static int after(void) {
  // Where the round could not end itself: what is killed may take its time, and has the round's files open until then.
  u64 late = now_ms() + 20000;
  while (!kill(-1, SIGKILL)) {
    if (now_ms() > late) return failed("killed, and still there");
    usleep(1000);
  }
  // What lies deeper was mounted later.
  for (int more = 1; more;) {
    FILE *list = fopen("/proc/mounts", "r");
    char line[8192], where[8192], last[8192] = "";
    while (list && fgets(line, sizeof line, list))
      if (sscanf(line, "%*s %8191s", where) == 1 && !strncmp(where, FOLDER, strlen(FOLDER))) strcpy(last, where);
    if (list) fclose(list);
    more = *last && umount(last) == 0;
  }
  if (rmdir(FOLDER) && errno != ENOENT) return failed("rmdir");
  char text[64] = "";
  int fd = open("/after", O_RDWR | O_CREAT | O_EXCL, 0600), pair[2], status = 0;
  if (fd < 0 || write(fd, "text", 4) != 4 || pread(fd, text, 64, 0) != 4 || memcmp(text, "text", 4)) return failed("a file");
  close(fd);
  if (unlink("/after") || access("/after", F_OK) == 0) return failed("unlink");
  if (pipe(pair)) return failed("pipe");
  pid_t child = fork();
  if (child == 0) _exit(write(pair[1], "child", 5) == 5 ? 7 : 8);
  if (child < 0) return failed("fork");
  if (waitpid(child, &status, 0) != child || WEXITSTATUS(status) != 7 || !WIFEXITED(status)) return failed("waitpid");
  if (read(pair[0], text, 64) != 5 || memcmp(text, "child", 5)) return failed("a pipe");
  close(pair[0]), close(pair[1]);
  char *memory = mmap(0, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return failed("mmap");
  for (unsigned k = 0; k < 1 << 20; k += 4096) {
    if (memory[k]) return failed("memory that is not zero");
    memory[k] = 1;
  }
  // All of this program is in the page cache from now on.
  fd = open("/proc/self/exe", O_RDONLY);
  static char buffer[65536];
  while (read(fd, buffer, sizeof buffer) > 0) {
  }
  close(fd);
  u64 begin = now_ms();
  if (usleep(2000) || now_ms() - begin > 60000) return failed("usleep");
  fd = open("/proc/self/status", O_RDONLY);
  if (fd < 0 || read(fd, text, 6) != 6 || memcmp(text, "Name:\t", 6)) return failed("/proc/self/status");
  return 0;
}

int main(int argc, char **argv) {
  if (argc < 2 || argc > 3) return 0; // a random execve
  if (!strcmp(argv[1], "after")) return after();
  u64 seed = strtoull(argv[1], 0, 10);
  return seed == 0 ? 0 : argc == 2 ? begin(argv) : round_of(seed);
}
