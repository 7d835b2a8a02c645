// Moves bytes over one path of the kernel, for test/copies.test.ts, which counts how often they are copied.
//   copies [none | pipe BYTES | unix BYTES | tcp BYTES | rights BYTES | read FILE BYTES | mmap FILE BYTES]
#define _GNU_SOURCE
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

static char buffer[65536];

static int fail(const char *what) {
  perror(what);
  return 1;
}

static int pair(int family, int ends[2]) {
  if (family == AF_UNIX) return socketpair(AF_UNIX, SOCK_STREAM, 0, ends);
  struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t length = sizeof at;
  int listener = socket(AF_INET, SOCK_STREAM, 0);
  ends[0] = socket(AF_INET, SOCK_STREAM, 0);
  if (bind(listener, (void *)&at, sizeof at) || listen(listener, 1) || getsockname(listener, (void *)&at, &length)) return -1;
  if (connect(ends[0], (void *)&at, sizeof at)) return -1;
  ends[1] = accept(listener, NULL, NULL);
  return ends[1] < 0 ? -1 : 0;
}

// Sends a descriptor, of a pipe that holds bytes, from one end to the other.
static int pass(const int ends[2], int fd) {
  char byte = 0, control[CMSG_SPACE(sizeof fd)] = {0};
  struct iovec bytes = {&byte, 1};
  struct msghdr m = {.msg_iov = &bytes, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
  *CMSG_FIRSTHDR(&m) = (struct cmsghdr){.cmsg_len = CMSG_LEN(sizeof fd), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
  memcpy(CMSG_DATA(CMSG_FIRSTHDR(&m)), &fd, sizeof fd);
  return sendmsg(ends[0], &m, 0) == 1 && recvmsg(ends[1], &m, 0) == 1 && m.msg_controllen != 0 ? 0 : -1;
}

int main(int argc, char **argv) {
  const char *mode = argc > 1 ? argv[1] : "none";
  size_t size = argc > 2 ? strtoul(argv[argc - 1], NULL, 0) : 0;
  memset(buffer, 1, sizeof buffer);
  if (strcmp(mode, "pipe") == 0) {
    int ends[2];
    if (pipe(ends) != 0) return fail("pipe");
    for (size_t done = 0; done < size; done += sizeof buffer) {
      if (write(ends[1], buffer, sizeof buffer) != (ssize_t)sizeof buffer) return fail("write");
      if (read(ends[0], buffer, sizeof buffer) != (ssize_t)sizeof buffer) return fail("read");
    }
  } else if (strcmp(mode, "unix") == 0 || strcmp(mode, "tcp") == 0) {
    int ends[2];
    if (pair(mode[0] == 'u' ? AF_UNIX : AF_INET, ends) != 0) return fail("pair");
    for (size_t done = 0; done < size; done += sizeof buffer) {
      if (write(ends[0], buffer, sizeof buffer) != (ssize_t)sizeof buffer) return fail("write");
      if (recv(ends[1], buffer, sizeof buffer, MSG_WAITALL) != (ssize_t)sizeof buffer) return fail("recv");
    }
  } else if (strcmp(mode, "rights") == 0) {
    // With as much in it as it holds: that goes in once, and does not come out.
    int ends[2], full[2];
    if (pipe(full) != 0 || fcntl(full[1], F_SETPIPE_SZ, size) != (int)size || pair(AF_UNIX, ends) != 0) return fail("pipe");
    for (size_t done = 0; done < size; done += sizeof buffer)
      if (write(full[1], buffer, sizeof buffer) != (ssize_t)sizeof buffer) return fail("write");
    for (int i = 0; i < 100; i++)
      if (pass(ends, full[0]) != 0) return fail("pass");
  } else if (strcmp(mode, "read") == 0 || strcmp(mode, "mmap") == 0) {
    int fd = open(argv[2], O_RDONLY);
    if (fd < 0) return fail("open");
    unsigned long sum = 0;
    if (mode[0] == 'r') {
      for (size_t done = 0; done < size; done += sizeof buffer)
        if (read(fd, buffer, sizeof buffer) != (ssize_t)sizeof buffer) return fail("read");
    } else {
      unsigned char *map = mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);
      if (map == MAP_FAILED) return fail("mmap");
      for (size_t i = 0; i < size; i += 64) sum += map[i];
      if (sum == 0) return fail("an empty file");
    }
  }
  printf("ok %s\n", mode);
  return 0;
}
