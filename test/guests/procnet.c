// /proc/net: each kind of socket in each state, found by its inode (proc(5)).
#include "check.h"
#include "sockets.h"
#include <dirent.h>
#include <linux/netlink.h>
#include <sys/resource.h>

static char *text;
static size_t length;

// A file as a whole, read in pieces of this size.
static const char *whole(const char *path, size_t step) {
  int fd = must(open(path, O_RDONLY));
  length = 0;
  for (ssize_t n;;) {
    text = realloc(text, length + step + 1);
    if (!text) _exit(96);
    n = must(read(fd, text + length, step));
    text[length += n] = 0;
    if (n == 0) break;
  }
  close(fd);
  return text;
}

static unsigned long inode_of(int fd) {
  struct stat s;
  must(fstat(fd, &s));
  return s.st_ino;
}

static char row[1024];
static char *columns[40];
static int count, row_length;

static void split(const char *line, size_t n) {
  row_length = n;
  memcpy(row, line, n);
  row[n] = 0;
  count = 0;
  for (char *at = row; *at && count < 40;) {
    while (*at == ' ') *at++ = 0;
    if (!*at) break;
    columns[count++] = at;
    while (*at && *at != ' ') at++;
  }
  for (int k = count; k < 40; k++) columns[k] = "";
}

// The line whose column `at` is this number: whether there is one.
static int find(const char *file, int at, unsigned long number) {
  char path[64], want[32];
  snprintf(path, sizeof path, "/proc/net/%s", file);
  snprintf(want, sizeof want, "%lu", number);
  for (const char *line = strchr(whole(path, 4096), '\n'), *end; line && line[1]; line = end) {
    end = strchr(++line, '\n');
    if (!end || end - line > (int)sizeof row - 1) return 0;
    split(line, end - line);
    if (!strcmp(columns[at], want)) return 1;
  }
  row[0] = 0, count = 0;
  for (int k = 0; k < 40; k++) columns[k] = "";
  return 0;
}

enum { LOCAL = 1, REMOTE, STATE, QUEUES, TIMER, AGAIN, USER, TIMEOUT, INODE };

static int internet(const char *file, int fd) { return find(file, INODE, inode_of(fd)); }
static int in_unix(int fd) { return find("unix", 6, inode_of(fd)); }

// The line of a connection whose state becomes this: the Internet's packets may be on their way.
static const char *state(const char *file, int fd, const char *want) {
  for (int64_t end = now_ns(CLOCK_MONOTONIC) + DEADLINE; now_ns(CLOCK_MONOTONIC) < end; sched_yield())
    if (internet(file, fd) && !strcmp(columns[STATE], want)) break;
  return columns[STATE];
}

static const char *queues(const char *file, int fd, const char *want) {
  for (int64_t end = now_ns(CLOCK_MONOTONIC) + DEADLINE; now_ns(CLOCK_MONOTONIC) < end; sched_yield())
    if (internet(file, fd) && !strcmp(columns[QUEUES], want)) break;
  return columns[QUEUES];
}

static const char *FILES[] = {"tcp", "tcp6", "udp", "udp6", "unix", "netlink", "dev", "if_inet6", "route"};

static void folder(void) {
  char link[64] = "", path[128];
  EQ("link-length", readlink("/proc/net", link, sizeof link - 1), 8);
  STR("link", link, "self/net");
  struct stat s, t;
  GOOD("link-stat", lstat("/proc/net", &s));
  EQ("link-mode", s.st_mode, S_IFLNK | 0777);
  GOOD("stat", stat("/proc/net", &s));
  EQ("mode", s.st_mode, S_IFDIR | 0555);
  snprintf(path, sizeof path, "/proc/%d/net", getpid());
  GOOD("own", stat(path, &t));
  snprintf(path, sizeof path, "/proc/self/task/%d/net", gettid());
  GOOD("thread", stat(path, &t));
  EQ("thread-mode", t.st_mode, S_IFDIR | 0555);
  DIR *d = opendir("/proc/net");
  TRUE("opendir", d != NULL);
  int listed = 0;
  for (struct dirent *e; d && (e = readdir(d));)
    for (int k = 0; k < 9; k++) {
      if (strcmp(e->d_name, FILES[k])) continue;
      listed++;
      EQ("type", e->d_type, DT_REG);
      snprintf(path, sizeof path, "/proc/net/%s", FILES[k]);
      GOOD("file", stat(path, &s));
      EQ("inode", s.st_ino, e->d_ino);
      EQ("file-mode", s.st_mode, S_IFREG | 0444);
      EQ("file-user", s.st_uid, 0);
      EQ("file-size", s.st_size, 0);
    }
  EQ("listed", listed, 9);
  if (d) closedir(d);
  FAILS("no-such", stat("/proc/net/nonsense", &s), ENOENT);
  FAILS("no-process", stat("/proc/999999/net", &s), ENOENT);
  FAILS("make", open("/proc/net/new", O_CREAT | O_WRONLY, 0644), ENOENT);
}

static void headers(void) {
  static const char *const FIRST[] = {
      "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode"
      "                                                     \n",
      "  sl  local_address                         remote_address                        st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n",
      "   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops            \n",
      "  sl  local_address                         remote_address                        st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops\n",
      "Num       RefCount Protocol Flags    Type St Inode Path\n",
      "sk               Eth Pid        Groups   Rmem     Wmem     Dump  Locks    Drops    Inode\n",
      "Inter-|   Receive                                                |  Transmit\n",
      "00000000000000000000000000000001 01 80 10 80       lo\n",
      "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT"
      "                                                       \n",
  };
  for (int k = 0; k < 9; k++) {
    char path[64], first[256] = "";
    snprintf(path, sizeof path, "/proc/net/%s", FILES[k]);
    const char *all = whole(path, 100);
    memcpy(first, all, strcspn(all, "\n") + 1);
    STR(FILES[k], first, FIRST[k]);
  }
  const char *lo = strstr(whole("/proc/net/dev", 4096), "    lo: ");
  TRUE("lo", lo != NULL);
  unsigned long v[16];
  EQ("lo-counters", lo ? sscanf(lo, " lo: %lu %lu %lu %lu %lu %lu %lu %lu %lu %lu %lu %lu %lu %lu %lu %lu", v, v + 1, v + 2, v + 3, v + 4, v + 5, v + 6, v + 7, v + 8, v + 9, v + 10, v + 11, v + 12, v + 13, v + 14, v + 15) : 0, 16);
  TRUE("lo-errors", !(v[2] | v[3] | v[4] | v[5] | v[6] | v[7] | v[10] | v[11] | v[12] | v[13] | v[14] | v[15]));
}

static char expected[128];
static const char *at(int family, int port) {
  snprintf(expected, sizeof expected, "%s:%04X", family == AF_INET ? "0100007F" : "00000000000000000000000001000000", port);
  return expected;
}
static const char *nowhere(int family) {
  snprintf(expected, sizeof expected, "%s:0000", family == AF_INET ? "00000000" : "00000000000000000000000000000000");
  return expected;
}

static void connections(int family, const char *file) {
  int u = must(socket(family, SOCK_STREAM, 0));
  EQ("unbound", internet(file, u), 0);
  must(bind_at(u, loopback(family), 0));
  EQ("bound", internet(file, u), 0);
  close(u);
  int l = local(family, SOCK_STREAM), p = port(l), c[3];
  must(listen(l, 5));
  EQ("listens", internet(file, l), 1);
  if (family == AF_INET) EQ("width", row_length, 149);
  STR("listener-local", columns[LOCAL], at(family, p));
  STR("listener-remote", columns[REMOTE], nowhere(family));
  STR("listener-state", columns[STATE], "0A");
  STR("listener-queues", columns[QUEUES], "00000000:00000000");
  STR("listener-timer", columns[TIMER], "00:00000000");
  STR("listener-again", columns[AGAIN], "00000000");
  STR("listener-user", columns[USER], "0");
  STR("listener-timeout", columns[TIMEOUT], "0");
  EQ("listener-columns", count, 17);
  EQ("listener-pointer", strlen(columns[11]), 16);
  for (int k = 0; k < 3; k++) {
    c[k] = must(socket(family, SOCK_STREAM, 0));
    must(connect_at(c[k], loopback(family), p));
  }
  STR("waiting", queues(file, l, "00000000:00000003"), "00000000:00000003");
  EQ("connected", internet(file, c[0]), 1);
  STR("client-local", columns[LOCAL], at(family, port(c[0])));
  STR("client-remote", columns[REMOTE], at(family, p));
  STR("client-state", columns[STATE], "01");
  STR("client-queues", queues(file, c[0], "00000000:00000000"), "00000000:00000000");
  EQ("client-columns", count, 17);
  // Those that wait have no inode yet.
  int none = 0;
  char path[64], mine[sizeof expected];
  snprintf(path, sizeof path, "/proc/net/%s", file);
  strcpy(mine, at(family, p));
  for (const char *line = strchr(whole(path, 4096), '\n'), *end; line && line[1]; line = end) {
    end = strchr(++line, '\n');
    split(line, end - line);
    if (!strcmp(columns[LOCAL], mine) && !strcmp(columns[STATE], "01") && !strcmp(columns[INODE], "0")) none++;
  }
  EQ("unaccepted", none, 3);
  int a = must(accept(l, NULL, NULL));
  EQ("one-less", internet(file, l), 1);
  STR("one-less-waits", columns[QUEUES], "00000000:00000002");
  EQ("accepted", internet(file, a), 1);
  STR("accepted-local", columns[LOCAL], at(family, p));
  STR("accepted-remote", columns[REMOTE], at(family, port(c[0])));
  STR("accepted-state", columns[STATE], "01");
  must(write(c[0], "seventeen letters", 17));
  STR("received", queues(file, a, "00000000:00000011"), "00000000:00000011");
  STR("sent", queues(file, c[0], "00000000:00000000"), "00000000:00000000");
  char buf[32];
  must(read(a, buf, 7));
  STR("read", queues(file, a, "00000000:0000000A"), "00000000:0000000A");
  must(read(a, buf, 32));
  must(shutdown(c[0], SHUT_WR));
  STR("fin-wait-2", state(file, c[0], "05"), "05");
  STR("close-wait", state(file, a, "08"), "08");
  close(a);
  for (int k = 0; k < 3; k++) close(c[k]);
  unsigned long gone = inode_of(l);
  close(l);
  EQ("gone", find(file, INODE, gone), 0);
}

static void tcp4(void) { connections(AF_INET, "tcp"); }
static void tcp6(void) { connections(AF_INET6, "tcp6"); }

static void mixed(void) {
  // A socket of IPv6 that speaks IPv4 is in the files of IPv6, with addresses that say so; its peer is not.
  int l = must(socket(AF_INET6, SOCK_STREAM, 0));
  must(bind_at(l, "::", 0));
  must(listen(l, 3));
  EQ("any", internet("tcp6", l), 1);
  EQ("not-in-tcp", internet("tcp", l), 0);
  must(internet("tcp6", l));
  TRUE("any-address", !strncmp(columns[LOCAL], "00000000000000000000000000000000:", 33));
  int c = must(socket(AF_INET, SOCK_STREAM, 0));
  must(connect_at(c, "127.0.0.1", port(l)));
  int a = must(accept(l, NULL, NULL));
  EQ("client", internet("tcp", c), 1);
  STR("client-remote", columns[REMOTE], at(AF_INET, port(l)));
  EQ("server", internet("tcp6", a), 1);
  char want[64];
  snprintf(want, sizeof want, "0000000000000000FFFF00000100007F:%04X", port(c));
  STR("mapped", columns[REMOTE], want);
  close(a), close(c), close(l);
  int any = must(socket(AF_INET, SOCK_STREAM, 0));
  must(listen(any, 3));
  EQ("without-address", internet("tcp", any), 1);
  TRUE("without-address-local", !strncmp(columns[LOCAL], "00000000:", 9) && strcmp(columns[LOCAL], "00000000:0000"));
  close(any);
}

static void datagrams(int family, const char *file) {
  int u = must(socket(family, SOCK_DGRAM, 0));
  EQ("unbound", internet(file, u), 0);
  must(bind_at(u, loopback(family), 0));
  EQ("bound", internet(file, u), 1);
  if (family == AF_INET) EQ("width", row_length, 127);
  EQ("columns", count, 13);
  STR("local", columns[LOCAL], at(family, port(u)));
  STR("remote", columns[REMOTE], nowhere(family));
  STR("state", columns[STATE], "07");
  STR("queues", columns[QUEUES], "00000000:00000000");
  STR("user", columns[USER], "0");
  STR("drops", columns[12], "0");
  int c = must(socket(family, SOCK_DGRAM, 0));
  must(connect_at(c, loopback(family), port(u)));
  EQ("connected", internet(file, c), 1);
  STR("connected-local", columns[LOCAL], at(family, port(c)));
  STR("connected-remote", columns[REMOTE], at(family, port(u)));
  STR("connected-state", columns[STATE], "01");
  must(send(c, "seven..", 7, 0));
  await(u, POLLIN);
  EQ("received", internet(file, u), 1);
  TRUE("received-bytes", strtoul(columns[QUEUES] + 9, NULL, 16) >= 7);
  char buf[8];
  must(recv(u, buf, 8, 0));
  STR("taken", queues(file, u, "00000000:00000000"), "00000000:00000000");
  struct sockaddr none = {.sa_family = AF_UNSPEC};
  must(connect(c, &none, sizeof none));
  EQ("disconnected", internet(file, c), 0);
  close(u), close(c);
}

static void udp4(void) { datagrams(AF_INET, "udp"); }
static void udp6(void) { datagrams(AF_INET6, "udp6"); }

static void expect_unix(int fd, const char *type, const char *st, const char *flags, const char *path) {
  EQ("found", in_unix(fd), 1);
  EQ("number", strlen(columns[0]), 17);
  STR("protocol", columns[2], "00000000");
  STR("flags", columns[3], flags);
  STR("type", columns[4], type);
  STR("state", columns[5], st);
  EQ("columns", count, path ? 8 : 7);
  if (path) STR("path", columns[7], path);
}

static void local_sockets(void) {
  int s[2];
  must(socketpair(AF_UNIX, SOCK_STREAM, 0, s));
  expect_unix(s[0], "0001", "03", "00000000", NULL);
  STR("pair-references", columns[1], "00000003");
  close(s[1]);
  expect_unix(s[0], "0001", "03", "00000000", NULL);
  STR("left-references", columns[1], "00000002");
  close(s[0]);
  must(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, s));
  expect_unix(s[1], "0005", "03", "00000000", NULL);
  close(s[0]), close(s[1]);
  int u = must(socket(AF_UNIX, SOCK_STREAM, 0));
  expect_unix(u, "0001", "01", "00000000", NULL);
  STR("references", columns[1], "00000002");
  close(u);
  u = must(socket(AF_UNIX, SOCK_DGRAM, 0));
  expect_unix(u, "0002", "01", "00000000", NULL);
  must(bind_to(u, "datagrams"));
  expect_unix(u, "0002", "01", "00000000", "datagrams");
  int c = must(socket(AF_UNIX, SOCK_DGRAM, 0));
  must(connect_to(c, "datagrams"));
  expect_unix(c, "0002", "03", "00000000", NULL);
  expect_unix(u, "0002", "03", "00000000", "datagrams"); // as Linux has it
  close(c), close(u);
  u = bound(SOCK_SEQPACKET, "packets");
  expect_unix(u, "0005", "01", "00000000", "packets");
  must(listen(u, 1));
  expect_unix(u, "0005", "01", "00010000", "packets");
  close(u);
}

static void accepting(void) {
  int l = listener(SOCK_STREAM, "door", 5);
  expect_unix(l, "0001", "01", "00010000", "door");
  int c = must(socket(AF_UNIX, SOCK_STREAM, 0));
  must(connect_to(c, "door"));
  expect_unix(c, "0001", "03", "00000000", NULL);
  int seen = 0;
  for (const char *line = strchr(whole("/proc/net/unix", 512), '\n'), *end; line && line[1]; line = end) {
    end = strchr(++line, '\n');
    split(line, end - line);
    if (!strcmp(columns[7], "door") && !strcmp(columns[5], "02") && !strcmp(columns[6], "0")) seen++;
  }
  EQ("unaccepted", seen, 1);
  int a = must(accept(l, NULL, NULL));
  expect_unix(a, "0001", "03", "00000000", "door");
  close(c), close(a), close(l);
}

static void abstract_names(void) {
  struct sockaddr_un a = {.sun_family = AF_UNIX, .sun_path = "\0two\0parts"};
  int u = must(socket(AF_UNIX, SOCK_DGRAM, 0));
  must(bind(u, (void *)&a, sizeof(sa_family_t) + 10));
  expect_unix(u, "0002", "01", "00000000", "@two@parts");
  close(u);
  u = must(socket(AF_UNIX, SOCK_STREAM, 0));
  must(bind(u, (void *)&a, sizeof(sa_family_t)));
  EQ("found", in_unix(u), 1);
  EQ("chosen", strlen(columns[7]), 6);
  EQ("chosen-at", columns[7][0], '@');
  close(u);
}

static void of_netlink(void) {
  int s = must(socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE));
  EQ("unbound", find("netlink", 9, inode_of(s)), 0);
  struct sockaddr_nl a = {.nl_family = AF_NETLINK, .nl_pid = 123457};
  must(bind(s, (void *)&a, sizeof a));
  EQ("bound", find("netlink", 9, inode_of(s)), 1);
  EQ("width", row_length, 91);
  EQ("columns", count, 10);
  EQ("address", strlen(columns[0]), 16);
  STR("protocol", columns[1], "0");
  STR("pid", columns[2], "123457");
  STR("groups", columns[3], "00000000");
  STR("received", columns[4], "0");
  STR("sent", columns[5], "0");
  STR("dump", columns[6], "0");
  STR("drops", columns[8], "0");
  close(s);
}

static void users(void) {
  pid_t pid = fork();
  if (pid == 0) {
    check_failures = 0;
    must(setuid(1234));
    int l = tcp_listener(AF_INET);
    EQ("found", internet("tcp", l), 1);
    STR("user", columns[USER], "1234");
    int u = local(AF_INET6, SOCK_DGRAM);
    EQ("found-udp", internet("udp6", u), 1);
    STR("user-udp", columns[USER], "1234");
    _exit(check_failures);
  }
  EQ("all", status_of(pid), 0);
}

static void others(void) {
  // A file of another process is the same, also when that has gone.
  int go[2], l = tcp_listener(AF_INET);
  must(pipe(go));
  pid_t pid = fork();
  if (pid == 0) {
    char b;
    close(go[1]);
    _exit(read(go[0], &b, 1));
  }
  close(go[0]);
  char path[64], want[32], got[8192];
  snprintf(path, sizeof path, "/proc/%d/net/tcp", pid);
  snprintf(want, sizeof want, " %lu ", inode_of(l));
  TRUE("same", strstr(whole(path, 4096), want) != NULL);
  int fd = must(open(path, O_RDONLY));
  close(go[1]);
  EQ("ended", status_of(pid), 0);
  ssize_t n = GOOD("read", read(fd, got, sizeof got - 1));
  got[n < 0 ? 0 : n] = 0;
  TRUE("still", strstr(got, want) != NULL);
  FAILS("gone", open(path, O_RDONLY), ENOENT);
  // From the begin it is made again.
  close(l);
  EQ("rewind", lseek(fd, 0, SEEK_SET), 0);
  n = must(read(fd, got, sizeof got - 1));
  got[n] = 0;
  TRUE("again", strstr(got, want) == NULL);
  close(fd);
}

// Many sockets with long names: more than is made at once, each there once.
enum { MANY = 700 };

static void many(void) {
  struct rlimit limit;
  must(getrlimit(RLIMIT_NOFILE, &limit));
  limit.rlim_cur = limit.rlim_max < 1024 ? limit.rlim_max : 1024;
  must(setrlimit(RLIMIT_NOFILE, &limit));
  static int fds[MANY], seen[MANY];
  static unsigned long inodes[MANY];
  for (int k = 0; k < MANY; k++) {
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    memset(a.sun_path + 1, 'x', sizeof a.sun_path - 1);
    snprintf(a.sun_path + 1, 9, "%08d", k);
    a.sun_path[9] = 'x';
    fds[k] = must(socket(AF_UNIX, SOCK_DGRAM, 0));
    must(bind(fds[k], (void *)&a, sizeof a));
    inodes[k] = inode_of(fds[k]);
  }
  static const int STEPS[] = {977, 4096, 1 << 20};
  for (int i = 0; i < 3; i++) {
    memset(seen, 0, sizeof seen);
    int long_enough = 1, exact = 1;
    for (const char *line = strchr(whole("/proc/net/unix", STEPS[i]), '\n'), *end; line && line[1]; line = end) {
      end = strchr(++line, '\n');
      split(line, end - line);
      for (int k = 0; k < MANY; k++) {
        if (inodes[k] != strtoul(columns[6], NULL, 10)) continue;
        seen[k]++;
        if (strlen(columns[7]) != 108 || atoi(columns[7] + 1) != k) long_enough = 0;
      }
    }
    for (int k = 0; k < MANY; k++)
      if (seen[k] != 1) exact = 0;
    TRUE("each-once", exact);
    TRUE("whole", long_enough);
  }
  // Files of others are short all the while.
  TRUE("udp", length > 0 && strlen(whole("/proc/net/udp", 4096)) < 4096);
  for (int k = 0; k < MANY; k++) close(fds[k]);
  int left = 0;
  for (const char *line = whole("/proc/net/unix", 4096); (line = strstr(line, "xxxxx\n")); line++) left++;
  EQ("left", left, 0);
}

CHECK_MAIN(CASE(folder), CASE(headers), CASE(tcp4), CASE(tcp6), CASE(mixed), CASE(udp4), CASE(udp6), CASE(local_sockets), CASE(accepting), CASE(abstract_names), CASE(of_netlink), CASE(users), CASE(others), CASE(many))
