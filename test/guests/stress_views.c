// What viewers of a machine's memory are tested with: processes that come and go, and change their names, files, pipes and
// mappings so that each row tells whether it is a mixture of two. `stress_views ROUNDS` makes more of it than the check does.
#include "check.h"
#include <sys/socket.h>
#include <sys/mman.h>
#include <sys/prctl.h>

enum { WORKERS = 4, PAGE = 4096, PAGES = 64 };
// A mapping of the file at BASE + n is one of its bytes from n on.
#define BASE 0x50000000ul
static const char *const MAPPED = "/tmp/views.map";

static int rounds = 3;

// The name of a process, in both halves of the 16 bytes: "view-" and its pid.
static void name_myself(void) {
  char name[16];
  snprintf(name, sizeof name, "view-%010u", (unsigned)getpid());
  prctl(PR_SET_NAME, name);
}

static void map_piece(int fd, int page, int pages, int private) {
  off_t at = (off_t)page * PAGE;
  int flags = MAP_FIXED | (private ? MAP_PRIVATE : MAP_SHARED);
  char *m = mmap((void *)(BASE + at), (size_t)pages * PAGE, PROT_READ | PROT_WRITE, flags, fd, at);
  if (m == MAP_FAILED) _exit(10);
  m[0] = 1;
}

static void child(int round) {
  name_myself();
  int fd = open(MAPPED, O_RDWR);
  if (fd < 0) _exit(11);
  char own[64];
  snprintf(own, sizeof own, "/tmp/views-%d", (int)getpid());
  int mine = open(own, O_RDWR | O_CREAT, 0600);
  int p[2];
  if (mine < 0 || pipe(p)) _exit(12);
  static char bytes[60000];
  // A small pipe never holds what a large one does.
  if (round & 1) fcntl(p[1], F_SETPIPE_SZ, PAGE);
  int n = round & 1 ? 3000 : (int)sizeof bytes;
  if (write(p[1], bytes, n) != n || write(mine, bytes, 5000) != 5000) _exit(13);
  for (int i = 0; i < 4; i++) {
    map_piece(fd, (round + i * 7) % (PAGES - 4), 1 + (i & 3), i & 1);
    dup2(p[i & 1], 100 + i);
    fcntl(100 + i, F_SETFD, FD_CLOEXEC);
    lseek(mine, i * 1000, SEEK_SET);
    name_myself();
  }
  // Two sockets, of which one takes a name, with a descriptor on its way between them.
  int s[2], got;
  sa_family_t family = AF_UNIX;
  char control[CMSG_SPACE(sizeof(int))] = {0};
  struct iovec v = {bytes, 100};
  struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
  if (socketpair(AF_UNIX, SOCK_STREAM, 0, s) || bind(s[0], (void *)&family, sizeof family)) _exit(16);
  *CMSG_FIRSTHDR(&m) = (struct cmsghdr){.cmsg_len = CMSG_LEN(sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
  memcpy(CMSG_DATA(CMSG_FIRSTHDR(&m)), &s[1], sizeof(int));
  if (sendmsg(s[0], &m, 0) != 100 || recvmsg(s[1], &m, 0) != 100 || m.msg_controllen != sizeof control) _exit(17);
  memcpy(&got, CMSG_DATA(CMSG_FIRSTHDR(&m)), sizeof(int));
  if (send(got, bytes, 100, 0) != 100) _exit(18);
  close(s[1]), close(got);
  mprotect((void *)BASE, PAGES * PAGE, PROT_READ);
  munmap((void *)(BASE + (round % PAGES) * PAGE), 3 * PAGE);
  unlink(own);
  if (read(p[0], bytes, n) != n) _exit(14);
  _exit(0);
}

static void worker(int which) {
  char name[16];
  snprintf(name, sizeof name, "views-%c", 'a' + which);
  prctl(PR_SET_NAME, name);
  for (int i = 0; i < rounds; i++) {
    pid_t pid = fork();
    if (pid == 0) child(i + which);
    if (pid < 0) _exit(1);
    if (status_of(pid)) _exit(2);
  }
  _exit(0);
}

// Uses one slot for two mappings and two names in turn, as fast as it can.
static void flip(void) {
  int fd = open(MAPPED, O_RDWR);
  if (fd < 0) _exit(15);
  for (int i = 0;; i++) {
    int page = i & 1 ? 8 : 40, pages = i & 1 ? 2 : 3;
    prctl(PR_SET_NAME, i & 1 ? "LLLLLLLLLLLLLLL" : "RRRRRRRRRRRRRRR");
    void *at = (void *)(BASE + (unsigned long)page * PAGE);
    if (mmap(at, pages * PAGE, PROT_READ, MAP_FIXED | MAP_PRIVATE, fd, page * PAGE) != at) _exit(16);
    munmap(at, pages * PAGE);
  }
}

static void views(void) {
  int fd = open(MAPPED, O_RDWR | O_CREAT, 0600);
  ftruncate(fd, PAGES * PAGE);
  close(fd);
  pid_t pids[WORKERS];
  for (int i = 0; i < WORKERS; i++) {
    pids[i] = fork();
    if (pids[i] == 0) worker(i);
  }
  pid_t flipper = fork();
  if (flipper == 0) flip();
  // Memory that is kept makes the machine's grow.
  int grown = rounds < 100 ? rounds / 2 : 100;
  for (int i = 0; i < grown; i++) {
    char *m = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    for (int k = 0; k < 1 << 20; k += PAGE) m[k] = 1;
    struct timespec t = {0, 10 * 1000 * 1000};
    nanosleep(&t, NULL);
  }
  int bad = 0;
  for (int i = 0; i < WORKERS; i++) bad += status_of(pids[i]) != 0;
  EQ("workers-that-failed", bad, 0);
  kill(flipper, SIGKILL);
  EQ("flipper", status_of(flipper), SIGKILL);
  unlink(MAPPED);
}

static const struct check_case cases[] = {CASE(views)};

int main(int argc, char **argv) {
  if (argc > 1) rounds = atoi(argv[1]);
  return check_main(1, argv, cases, sizeof cases / sizeof *cases);
}
