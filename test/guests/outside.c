// Programs that tests look at from outside: outside descriptors COUNT | outside sockets | outside victim | outside dump MIB | outside waits FILE.
#include "check.h"
#include <linux/futex.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>

#define MIB (1 << 20)

static void *memory(size_t mib) {
  void *m = mmap(NULL, mib * MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  must((long)m);
  return m;
}

// Copies of standard input up to a descriptor, every third of them closed on exec; until its input ends.
static int descriptors(int last) {
  struct rlimit limit = {last + 1, last + 1};
  must(setrlimit(RLIMIT_NOFILE, &limit));
  for (int fd = 3; fd <= last; fd++) must(fcntl(0, fd % 3 ? F_DUPFD : F_DUPFD_CLOEXEC, fd));
  put("ready\n");
  char byte;
  while (read(0, &byte, 1) == 1) continue;
  return 0;
}

// A socket of each kind, until its input ends: a listener with a connection that waits and has bytes, a pair in whose queue a
// descriptor waits, a connection by TCP, and a bound UDP socket with two datagrams.
static int sockets(void) {
  struct sockaddr_un name = {AF_UNIX, "listener"};
  struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(7000), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(5353), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  int l = must(socket(AF_UNIX, SOCK_STREAM, 0)), c = must(socket(AF_UNIX, SOCK_STREAM, 0));
  must(bind(l, (void *)&name, sizeof name)), must(listen(l, 5)), must(connect(c, (void *)&name, sizeof name));
  must(write(c, "early", 5));
  int s[2];
  must(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, s));
  char control[CMSG_SPACE(sizeof(int))] = {0};
  struct iovec v = {"carried", 7};
  struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
  *CMSG_FIRSTHDR(&m) = (struct cmsghdr){.cmsg_len = CMSG_LEN(sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
  memcpy(CMSG_DATA(CMSG_FIRSTHDR(&m)), &l, sizeof(int));
  must(sendmsg(s[0], &m, 0));
  int t = must(socket(AF_INET, SOCK_STREAM, 0)), u = must(socket(AF_INET, SOCK_STREAM, 0)), d = must(socket(AF_INET, SOCK_DGRAM, 0));
  must(bind(t, (void *)&at, sizeof at)), must(listen(t, 9)), must(connect(u, (void *)&at, sizeof at)), must(accept(t, NULL, NULL));
  must(bind(d, (void *)&to, sizeof to));
  for (int i = 0; i < 2; i++) must(sendto(d, "datagram", 8, 0, (void *)&to, sizeof to));
  put("ready\n");
  char byte;
  while (read(0, &byte, 1) == 1) continue;
  return 0;
}

// Memory is used up by one that is to be spared, beside one that offers itself: the other is ended.
static int victim(void) {
  int ready[2];
  must(pipe(ready));
  pid_t pid = must(fork());
  if (!pid) {
    write_file("/proc/self/oom_score_adj", "1000");
    memset(memory(8), 1, 8 * MIB);
    must(write(ready[1], "x", 1));
    for (;;) pause();
  }
  char byte;
  must(read(ready[0], &byte, 1));
  int status = 0;
  for (char *m = memory(2048), *end = m + 2048ull * MIB; !waitpid(pid, &status, WNOHANG) && m < end; m += MIB) memset(m, 1, MIB);
  put("%s\n", WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL ? "the other is killed" : "the other lives");
  return 0;
}

// Leaves a core file of so much memory.
static int dump(int mib) {
  struct rlimit all = {RLIM_INFINITY, RLIM_INFINITY};
  must(setrlimit(RLIMIT_CORE, &all));
  memset(memory(mib), 1, (size_t)mib * MIB);
  put("ready\n");
  abort();
}

// Waits whose times lie in pages of a file, a MiB apart, that nobody has touched yet: they end all the same.
static int waits(const char *path) {
  unsigned word = 0, ended = 0;
  sigset_t usr;
  sigemptyset(&usr);
  sigaddset(&usr, SIGUSR1);
  sigprocmask(SIG_BLOCK, &usr, NULL);
  struct epoll_event event;
  const char *times = mmap(NULL, 5 * MIB, PROT_READ, MAP_PRIVATE, must(open(path, O_RDONLY)), 0);
  must((long)times);
  ended += syscall(SYS_ppoll, NULL, 0, times, NULL, 0) == 0;
  ended += syscall(SYS_pselect6, 0, NULL, NULL, NULL, times + MIB, NULL) == 0;
  ended += syscall(SYS_epoll_pwait2, epoll_create1(0), &event, 1, times + 2 * MIB, NULL, 0) == 0;
  ended += syscall(SYS_futex, &word, FUTEX_WAIT, 0, times + 3 * MIB, NULL, 0) == -1 && errno == ETIMEDOUT;
  ended += syscall(SYS_rt_sigtimedwait, &usr, NULL, times + 4 * MIB, 8) == -1 && errno == EAGAIN;
  put("%u waits have ended\n", ended);
  return 0;
}

// A program that waits for a lease is the one that its name meant. (Linux holds to that; qemu-user cannot, since
// binfmt_misc hands it the name.)
static int leased(const char *self) {
  static char part[65536];
  int from = must(open(self, O_RDONLY)), to = must(open("program", O_CREAT | O_WRONLY, 0755));
  for (long n; (n = read(from, part, sizeof part)) > 0;) must(write(to, part, n));
  close(from), close(to);
  write_file("other", "no program");
  must(chmod("other", 0755));
  int f = must(open("program", O_RDONLY));
  signal(SIGIO, SIG_IGN);
  must(fcntl(f, F_SETLEASE, F_WRLCK));
  pid_t pid = must(fork());
  if (pid == 0) {
    execl("program", "program", NULL);
    _exit(errno == ENOEXEC ? 3 : 4);
  }
  until_asleep(pid, pid);
  must(rename("other", "program"));
  must(fcntl(f, F_SETLEASE, F_UNLCK));
  put("%d\n", status_of(pid) >> 8);
  return 0;
}

static void on_hangup(int s) { (void)s; }

// A parent that is killed in vfork, behind a signal that it would handle: no handler's frame is put on the stack that its
// child runs on, and that goes on. (qemu-user has no vfork of this kind.)
static int vforked(void) {
  int ready[2], go[2];
  char byte;
  must(prctl(PR_SET_CHILD_SUBREAPER, 1));
  must(pipe(ready)), must(pipe(go));
  pid_t parent = must(fork());
  if (parent == 0) {
    signal(SIGHUP, on_hangup);
    if (vfork() == 0) {
      pid_t self = getpid();
      must(write(ready[1], &self, sizeof self));
      must(read(go[0], &byte, 1));
      _exit(5);
    }
    _exit(6);
  }
  pid_t child;
  must(read(ready[0], &child, sizeof child));
  until_asleep(child, child);
  must(kill(parent, SIGHUP));
  must(kill(parent, SIGKILL));
  put("parent %x\n", status_of(parent));
  must(write(go[1], "g", 1));
  put("child %x\n", status_of(child));
  return 0;
}

int main(int argc, char **argv) {
  if (argc == 2 && !strcmp(argv[1], "vforked")) return vforked();
  if (argc == 2 && !strcmp(argv[1], "leased")) return leased(argv[0]);
  if (argc == 3 && !strcmp(argv[1], "waits")) return waits(argv[2]);
  if (argc == 3 && !strcmp(argv[1], "descriptors")) return descriptors(atoi(argv[2]));
  if (argc == 2 && !strcmp(argv[1], "sockets")) return sockets();
  if (argc == 2 && !strcmp(argv[1], "victim")) return victim();
  if (argc == 3 && !strcmp(argv[1], "dump")) return dump(atoi(argv[2]));
  return 2;
}
