/* System calls whose arguments no formatter should believe. Prints a line at the end: it is still there. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define CALL(name, ...) syscall(SYS_##name, __VA_ARGS__)

static uint64_t state = 88172645463325252u;
static uint64_t next(void) {
  state ^= state << 13;
  state ^= state >> 7;
  return state ^= state << 17;
}

int main(void) {
  /* Two pages, the second of which is not there: a string that never ends, structs across the end. */
  char *page = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  munmap(page + 4096, 4096);
  memset(page, 'x', 4096);
  char *end = page + 4096;
  CALL(openat, AT_FDCWD, page, O_RDONLY);
  CALL(openat, AT_FDCWD, end - 3, O_RDONLY);
  CALL(write, -1, end - 3, 8);
  CALL(write, -1, page, 1ul << 32);
  CALL(write, -1, page, ~0ul);
  CALL(read, -1, page, ~0ul);
  CALL(writev, -1, page, 1ul << 31);
  CALL(writev, -1, end - 8, 1);
  struct iovec v[3] = {{page, ~0ul}, {(void *)~0ul, 5}, {end - 1, 1ul << 32}};
  CALL(writev, -1, v, 3);
  CALL(ppoll, page, 1u << 31, NULL, NULL, 8);
  CALL(ppoll, end - 4, 1, NULL, NULL, 8);
  CALL(pselect6, 0x7fffffff, page, end - 1, NULL, (void *)-1, end - 8);
  CALL(pselect6, -1, page, page, page, page, page);
  CALL(execve, page, end - 8, end - 8);
  CALL(execve, (void *)-8, (void *)-8, (void *)-8);
  /* A vector of addresses that ends with its page, and one that has no end. */
  uint64_t *vector = (uint64_t *)page;
  for (int i = 0; i < 512; i++) vector[i] = next();
  CALL(execve, "/nowhere", vector, vector);
  for (int i = 0; i < 512; i++) vector[i] = (uint64_t)page;
  vector[511] = 0;
  CALL(execve, "/nowhere", vector, vector);
  CALL(clone3, end - 8, 88ul);
  CALL(rt_sigaction, 1000, (void *)1, (void *)2, 8);
  CALL(futex, (void *)-1, -1, -1, (void *)-1, (void *)-1, -1);
  CALL(getdents64, -1, (void *)-1, ~0ul);
  CALL(ioctl, -1, ~0ul, (void *)-1);
  CALL(fcntl, -1, 5, end - 1);
  CALL(prctl, 15, end - 1, 0, 0, 0);
  CALL(waitid, 9, 9, (void *)9, 9, (void *)9);
  /* Messages that point at themselves, at most of memory and at nothing. */
  struct mmsghdr *m = (struct mmsghdr *)page;
  for (int kind = 0; kind < 3; kind++) {
    for (int i = 0; i < 64; i++) {
      uint64_t *words = (uint64_t *)(m + i);
      for (int k = 0; k < 8; k++) words[k] = kind == 1 ? (uint64_t)page : ~0ul;
      if (kind != 2) m[i].msg_hdr.msg_name = m[i].msg_hdr.msg_iov = m[i].msg_hdr.msg_control = (void *)page;
    }
    CALL(sendmsg, -1, m, ~0ul);
    CALL(sendmmsg, -1, m, ~0ul, ~0ul);
    CALL(sendmmsg, -1, end - 100, 1ul << 31, 0);
    CALL(recvmsg, -1, m, ~0ul);
    CALL(recvmmsg, -1, m, ~0ul, ~0ul, end - 8);
  }
  /* Control messages without end. */
  memset(page, 0, 4096);
  for (int i = 0; i < 4096; i += 16) page[i] = 16;
  struct msghdr control = {.msg_control = page, .msg_controllen = 4096};
  CALL(sendmsg, -1, &control, 0);
  page[0] = 0;
  CALL(sendmsg, -1, &control, 0);
  memset(page, 0xff, 4096);
  CALL(sendmsg, -1, &control, 0);
  CALL(bind, -1, page, ~0ul);
  CALL(bind, -1, page, 1ul << 31);
  CALL(bind, -1, end - 8, 0x7fffffff);
  CALL(setsockopt, -1, 1, 13, end - 4, 1ul << 33 | 8);
  CALL(getsockname, -1, page, end - 2);
  /* Calls by the thousand with arguments at random: half numbers, half addresses near the end. */
  static const int calls[] = {SYS_openat, SYS_read, SYS_write, SYS_readv, SYS_writev, SYS_newfstatat, SYS_statx,
    SYS_ppoll, SYS_pselect6, SYS_readlinkat, SYS_getdents64, SYS_epoll_ctl, SYS_pipe2, SYS_fcntl, SYS_ioctl,
    SYS_rt_sigprocmask, SYS_rt_sigpending, SYS_prlimit64, SYS_utimensat, SYS_sendfile, SYS_getrandom, SYS_clock_gettime,
    SYS_getcwd, SYS_mount, SYS_linkat, SYS_renameat2, SYS_execve, SYS_sigaltstack, SYS_timer_create, SYS_openat2,
    SYS_socket, SYS_socketpair, SYS_bind, SYS_connect, SYS_accept, SYS_accept4, SYS_getsockname, SYS_getpeername, SYS_sendto,
    SYS_recvfrom, SYS_setsockopt, SYS_getsockopt, SYS_shutdown, SYS_sendmsg, SYS_recvmsg, SYS_sendmmsg, SYS_recvmmsg, 999};
  static const struct timespec now = {0, 0};
  for (int i = 0; i < 2000; i++) {
    uint64_t a[6];
    for (int k = 0; k < 6; k++) a[k] = next() & 1 ? next() >> (next() & 63) : (uint64_t)end - (next() & 127);
    int call = calls[next() % (sizeof calls / sizeof *calls)];
    /* Not where it would wait, write to descriptors that are open, or take our own signals. */
    if (call == SYS_ppoll) a[2] = (uint64_t)&now;
    else if (call == SYS_pselect6) a[4] = (uint64_t)&now;
    else if (call == SYS_rt_sigprocmask) a[1] = (uint64_t)end - 4;
    else a[0] |= 0x40000000;
    if (call == SYS_mount || call == SYS_execve || call == SYS_getcwd || call == SYS_getrandom) a[0] = (uint64_t)end - (next() & 15);
    CALL(rt_sigaction, SIGSYS, NULL, NULL, 8);
    syscall(call, a[0], a[1], a[2], a[3], a[4], a[5]);
  }
  write(1, "still here\n", 11);
  return 0;
}
