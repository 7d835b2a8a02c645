// Messages with descriptors and credentials, for guests.
#pragma once
#include <dirent.h>

// Room for the largest message with rights.
union control {
  struct cmsghdr first;
  char room[CMSG_SPACE(300 * sizeof(int)) + CMSG_SPACE(sizeof(struct ucred))];
};

HELPER long send_rights(int to, const int *fds, int n, const void *data, size_t bytes) {
  static union control c;
  struct iovec v = {(void *)data, bytes};
  struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1, .msg_control = &c, .msg_controllen = CMSG_SPACE(n * sizeof(int))};
  c.first = (struct cmsghdr){.cmsg_len = CMSG_LEN(n * sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
  memcpy(CMSG_DATA(&c.first), fds, n * sizeof(int));
  return sendmsg(to, &m, 0);
}

HELPER long send_right(int to, int fd) { return send_rights(to, &fd, 1, "r", 1); }

// What one recvmsg(2) brought.
struct received {
  long bytes;      // its result
  int error;       // its errno when that is -1
  int flags, n;    // msg_flags; how many descriptors
  int fds[300];
  char data[64];
  int credentials;  // whether there were any
  struct ucred ucred;
  size_t control;  // msg_controllen
};

// Receives up to `bytes` bytes, with so much room for control messages.
HELPER struct received receive(int from, size_t bytes, size_t room, int flags) {
  struct received r = {0};
  union control c;
  memset(&c, 0, sizeof c);
  struct iovec v = {r.data, bytes};
  struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1, .msg_control = room ? &c : NULL, .msg_controllen = room};
  r.bytes = recvmsg(from, &m, flags);
  r.error = r.bytes == -1 ? errno : 0, r.flags = m.msg_flags, r.control = m.msg_controllen;
  if (r.bytes == -1) return r;
  for (struct cmsghdr *h = CMSG_FIRSTHDR(&m); h; h = CMSG_NXTHDR(&m, h)) {
    if (h->cmsg_level == SOL_SOCKET && h->cmsg_type == SCM_RIGHTS) {
      int n = (h->cmsg_len - CMSG_LEN(0)) / sizeof(int);
      memcpy(r.fds + r.n, CMSG_DATA(h), n * sizeof(int));
      r.n += n;
    }
    if (h->cmsg_level == SOL_SOCKET && h->cmsg_type == SCM_CREDENTIALS) {
      memcpy(&r.ucred, CMSG_DATA(h), sizeof r.ucred);
      r.credentials++;
    }
  }
  return r;
}

HELPER void close_all(struct received *r) {
  for (int i = 0; i < r->n; i++) close(r->fds[i]);
}

// Receives one descriptor.
HELPER int receive_right(int from) {
  struct received r = receive(from, 1, CMSG_SPACE(sizeof(int)), 0);
  return r.bytes == 1 && r.n == 1 ? r.fds[0] : -1;
}

// How many descriptors this process has, without the one that looks.
HELPER int open_count(void) {
  DIR *d = opendir("/proc/self/fd");
  int n = 0;
  if (!d) return -1;
  while (readdir(d)) n++;
  closedir(d);
  return n - 3;
}

// Whether all write ends of this pipe are gone, or will be: Linux collects descriptors that only they themselves hold in the
// background, after a Unix socket was closed.
HELPER int pipe_ends(int r) {
  struct pollfd f = {r, POLLIN, 0};
  close(must(socket(AF_UNIX, SOCK_DGRAM, 0)));
  return poll(&f, 1, 10000) == 1 && f.revents == POLLHUP;
}
