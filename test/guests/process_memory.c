// Memory of another process, read and written by iovecs (process_vm_readv(2), process_vm_writev(2)).
#include "check.h"
#include <pthread.h>
#include <sys/mman.h>
#include <sys/uio.h>

enum { PAGE = 4096 };

static long reads(pid_t pid, const struct iovec *mine, unsigned long n, const struct iovec *theirs, unsigned long m, unsigned long flags) {
  return syscall(SYS_process_vm_readv, pid, mine, n, theirs, m, flags);
}
static long writes(pid_t pid, const struct iovec *mine, unsigned long n, const struct iovec *theirs, unsigned long m, unsigned long flags) {
  return syscall(SYS_process_vm_writev, pid, mine, n, theirs, m, flags);
}

// One page, then one that is read-only, then none.
static char *places;
// What a child writes before it waits, and is told by a byte to go on; its exit code is what it then finds in places[0].
static int begun[2], go[2];

static pid_t child(void) {
  must(pipe(begun));
  must(pipe(go));
  pid_t pid = must(fork());
  if (pid) {
    char c;
    must(read(begun[0], &c, 1));
    return pid;
  }
  strcpy(places, "the child's own text");
  char c = 'x';
  write(begun[1], &c, 1);
  read(go[0], &c, 1);
  _exit(places[0]);
}

// Lets the child go on and returns what it found.
static int found(pid_t pid) {
  write(go[1], "x", 1);
  int status = status_of(pid);
  for (int k = 0; k < 2; k++) close(begun[k]), close(go[k]);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void setup(void) {
  places = mmap(NULL, 3 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  memset(places, '.', 3 * PAGE);
  strcpy(places, "the parent's text");
  must(mprotect(places + PAGE, PAGE, PROT_READ));
  must(munmap(places + 2 * PAGE, PAGE));
}

static void reading(void) {
  setup();
  pid_t pid = child();
  char a[4] = "", b[64] = "", c[8] = "";
  struct iovec mine[] = {{a, 3}, {NULL, 0}, {b, 1}, {c, 7}};
  struct iovec theirs[] = {{places + 4, 5}, {places, 0}, {places + 10, 6}};
  EQ("scattered", reads(pid, mine, 4, theirs, 3, 0), 11);
  STR("first", a, "chi");
  STR("second", b, "l");
  STR("third", c, "ds own ");
  STR("not-its-own", places, "the parent's text");
  // As many bytes as the smaller side has.
  struct iovec much = {b, sizeof b}, little = {places, 3};
  memset(b, 0, sizeof b);
  EQ("little", reads(pid, &much, 1, &little, 1, 0), 3);
  STR("the", b, "the");
  struct iovec across = {places + PAGE - 2, 4};
  EQ("across-pages", reads(pid, &much, 1, &across, 1, 0), 4);
  EQ("itself", reads(getpid(), &much, 1, &little, 1, 0), 3);
  EQ("its-status", found(pid), 't');
}

static void writing(void) {
  setup();
  pid_t pid = child();
  char a[] = "WX", b[] = "YZ";
  struct iovec mine[] = {{a, 2}, {b, 2}};
  struct iovec theirs[] = {{places, 1}, {places + 4, 3}};
  EQ("gathered", writes(pid, mine, 2, theirs, 2, 0), 4);
  // A page that was copied on write is the child's own.
  STR("not-here", places, "the parent's text");
  char text[32] = "";
  struct iovec all = {text, 20}, from = {places, 20};
  EQ("back", reads(pid, &all, 1, &from, 1, 0), 20);
  STR("there", text, "Whe XYZld's own text");
  struct iovec fixed = {places + PAGE, 2};
  FAILS("read-only", writes(pid, mine, 1, &fixed, 1, 0), EFAULT);
  EQ("its-status", found(pid), 'W');
}

static void ends_early(void) {
  setup();
  pid_t pid = child();
  static char room[3 * PAGE];
  struct iovec mine = {room, sizeof room};
  struct iovec good = {places, 8}, hole = {places + 2 * PAGE, 8}, both[] = {good, hole, good};
  FAILS("hole", reads(pid, &mine, 1, &hole, 1, 0), EFAULT);
  EQ("hole-behind", reads(pid, &mine, 1, both, 3, 0), 8);
  struct iovec long_one = {places + PAGE - 4, 2 * PAGE};
  EQ("into-hole", reads(pid, &mine, 1, &long_one, 1, 0), PAGE + 4);
  struct iovec bad[] = {{room, 4}, {places + 2 * PAGE, 4}};
  EQ("own-hole-behind", reads(pid, bad, 2, &good, 1, 0), 4);
  FAILS("own-hole", reads(pid, bad + 1, 1, &good, 1, 0), EFAULT);
  FAILS("own-hole-write", writes(pid, bad + 1, 1, &good, 1, 0), EFAULT);
  struct iovec split = {places, 2 * PAGE};
  EQ("up-to-read-only", writes(pid, &mine, 1, &split, 1, 0), PAGE);
  found(pid);
}

static void mistakes(void) {
  setup();
  pid_t pid = child();
  char room[8];
  struct iovec v = {room, 8}, at = {places, 8}, none = {room, 0}, negative = {room, -1};
  FAILS("flags", reads(pid, &v, 1, &at, 1, 1), EINVAL);
  FAILS("too-many", reads(pid, &v, 1025, &at, 1, 0), EINVAL);
  FAILS("too-many-there", reads(pid, &v, 1, &at, 1025, 0), EINVAL);
  FAILS("negative", reads(pid, &negative, 1, &at, 1, 0), EINVAL);
  FAILS("negative-there", reads(pid, &v, 1, &negative, 1, 0), EINVAL);
  FAILS("no-iovecs", reads(pid, (void *)8, 1, &at, 1, 0), EFAULT);
  FAILS("no-iovecs-there", reads(pid, &v, 1, (void *)8, 1, 0), EFAULT);
  EQ("nothing", reads(-5, &none, 1, (void *)8, 1, 0), 0);
  EQ("nothing-there", reads(-5, &v, 1, &none, 1, 0), 0);
  EQ("none", reads(-5, NULL, 0, NULL, 0, 0), 0);
  FAILS("no-process", reads(0x3ffffff, &v, 1, &at, 1, 0), ESRCH);
  FAILS("pid-0", reads(0, &v, 1, &at, 1, 0), ESRCH);
  FAILS("pid-negative", writes(-1, &v, 1, &at, 1, 0), ESRCH);
  found(pid);
  pid = must(fork());
  if (!pid) _exit(0);
  siginfo_t info;
  must(waitid(P_PID, pid, &info, WEXITED | WNOWAIT));
  FAILS("zombie", reads(pid, &v, 1, &at, 1, 0), ESRCH);
  status_of(pid);
  // Another user's.
  pid_t self = getpid();
  pid = must(fork());
  if (!pid) {
    if (setresuid(1000, 1000, 1000)) _exit(2);
    if (reads(self, &v, 1, &at, 1, 0) != -1 || errno != EPERM) _exit(3);
    _exit(writes(self, &v, 1, &at, 1, 0) == -1 && errno == EPERM ? 0 : 4);
  }
  EQ("another-user", status_of(pid), EXITED(0));
}

static volatile pid_t thread_id;

static void *names_it(void *unused) {
  __atomic_store_n(&thread_id, gettid(), __ATOMIC_SEQ_CST);
  pause();
  return unused;
}

static void threads(void) {
  setup();
  pthread_t thread;
  pthread_create(&thread, NULL, names_it, NULL);
  while (!__atomic_load_n(&thread_id, __ATOMIC_SEQ_CST)) sched_yield();
  char room[4] = "";
  struct iovec v = {room, 3}, at = {places, 3};
  EQ("by-thread", reads(thread_id, &v, 1, &at, 1, 0), 3);
  STR("text", room, "the");
  // Iovecs that the transfer itself overwrites are those that were given.
  static struct iovec mine[2];
  mine[0] = (struct iovec){mine, sizeof mine}, mine[1] = (struct iovec){room, 3};
  static char zeros[sizeof mine + 3] = {[sizeof mine] = 'e', 'n', 'd'};
  struct iovec from = {zeros, sizeof zeros};
  EQ("overwritten", reads(getpid(), mine, 2, &from, 1, 0), sizeof zeros);
  STR("end", room, "end");
}

enum { MOVED = 1 << 20, TIMES = 256 };
static volatile char *moved;
static pid_t victim;

// Ends or replaces the other process once the first byte of it has arrived.
static void *once_begun(void *how) {
  while (!moved[0]) sched_yield();
  if (how)
    write(go[1], "x", 1);
  else
    kill(victim, SIGKILL);
  if (!how) {
    siginfo_t info;
    waitid(P_PID, victim, &info, WEXITED | WNOWAIT);
  }
  return NULL;
}

// A transfer of a quarter of a GiB goes on with the memory that it began with, whatever becomes of the process.
static void long_transfer(const char *name, int executes) {
  char *there = mmap(NULL, MOVED, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  moved = mmap(NULL, MOVED, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  must(pipe(begun));
  must(pipe(go));
  victim = must(fork());
  if (!victim) {
    memset(there, 7, MOVED);
    write(begun[1], "x", 1);
    char c;
    read(go[0], &c, 1);
    execl("/proc/self/exe", check_self, "+", NULL);
    _exit(9);
  }
  char c;
  must(read(begun[0], &c, 1));
  static struct iovec mine[TIMES], theirs[TIMES];
  for (int k = 0; k < TIMES; k++) mine[k] = (struct iovec){(void *)moved, MOVED}, theirs[k] = (struct iovec){there, MOVED};
  pthread_t thread;
  if (pthread_create(&thread, NULL, once_begun, executes ? (void *)1 : NULL)) _exit(96);
  EQ(name, reads(victim, mine, TIMES, theirs, TIMES, 0), (long)MOVED * TIMES);
  pthread_join(thread, NULL);
  int sevens = 0;
  for (int k = 0; k < MOVED; k++) sevens += moved[k] == 7;
  EQ(executes ? "executed-bytes" : "killed-bytes", sevens, MOVED);
  EQ(executes ? "executed-status" : "killed-status", status_of(victim), executes ? EXITED(3) : SIGKILL);
  for (int k = 0; k < 2; k++) close(begun[k]), close(go[k]);
}

static void goes_on(void) {
  long_transfer("killed", 0);
  long_transfer("executed", 1);
}

static int executed(int argc, char **argv) {
  (void)argc, (void)argv;
  return 3;
}

CHECK_MAIN_AFTER(executed, CASE(reading), CASE(writing), CASE(ends_early), CASE(mistakes), CASE(threads), CASE(goes_on))
