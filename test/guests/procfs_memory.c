// What /proc tells of memory, input and output, children, and the machine's settings: smaps and its sum, pagemap, lists of
// mappings that are longer than any buffer.
#include "check.h"
#include <sys/mman.h>
#include <sys/prctl.h>

#define P 4096
#define RW (PROT_READ | PROT_WRITE)
#define PA (MAP_PRIVATE | MAP_ANONYMOUS)

static char text[8 << 20];

// A whole file, read in pieces of some size.
static size_t slurp(const char *path, size_t piece) {
  int fd = must(open(path, O_RDONLY));
  size_t n = 0;
  for (ssize_t r; n < sizeof text - piece - 1 && (r = must(read(fd, text + n, piece))) > 0;) n += r;
  text[n] = 0;
  must(close(fd));
  return n;
}

// A line of smaps for the mapping that begins at an address, in kB; -1 when there is none.
static long smap(void *at, const char *label) {
  char start[32];
  snprintf(start, sizeof start, "\n%08lx-", (unsigned long)at);
  slurp("/proc/self/smaps", 65536);
  char *entry = strstr(text, start), *line = entry ? strstr(entry, label) : NULL;
  return line ? strtol(line + strlen(label), NULL, 10) : -1;
}
static int vm_flag(void *at, const char *flag) {
  if (smap(at, "VmFlags:") < 0) return 0;
  char start[32];
  snprintf(start, sizeof start, "\n%08lx-", (unsigned long)at);
  char *line = strstr(strstr(text, start), "VmFlags:");
  *strchr(line, '\n') = 0;
  return strstr(line, flag) != NULL;
}
static long sum(const char *path, const char *label) {
  long total = 0;
  slurp(path, 65536);
  for (char *at = text; (at = strstr(at, label)); at++)
    if (at[-1] == '\n') total += strtol(at + strlen(label), NULL, 10);
  return total;
}

// A mapping with others of another kind around it, so that it is one of its own.
static char *alone(int pages, int prot, int kind) {
  char *m = mmap(NULL, (pages + 2) * P, PROT_NONE, PA, -1, 0);
  return mmap(m + P, pages * P, prot, kind | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
}

static void smaps(void) {
  memset(text, 1, sizeof text);
  char *m = alone(8, RW, MAP_PRIVATE);
  EQ("size", smap(m, "Size:"), 32);
  EQ("page", smap(m, "KernelPageSize:"), 4);
  EQ("untouched", smap(m, "Rss:"), 0);
  char zero = *(volatile char *)(m + 7 * P);
  for (int i = 0; i < 3; i++) m[i * P] = zero + 1;
  EQ("resident", smap(m, "Rss:"), 12);
  EQ("share", smap(m, "Pss:"), 12);
  EQ("anonymous", smap(m, "Anonymous:"), 12);
  EQ("dirty", smap(m, "Private_Dirty:"), 12);
  EQ("shared", smap(m, "Shared_Dirty:"), 0);
  int p[2];
  must(pipe(p));
  pid_t pid = fork();
  if (!pid) _exit(read(p[0], &zero, 1) != 1);
  EQ("forked-shared", smap(m, "Shared_Dirty:"), 12);
  EQ("forked-share", smap(m, "Pss:"), 6);
  m[P] = 9;
  EQ("copied", smap(m, "Shared_Dirty:"), 8);
  EQ("copied-private", smap(m, "Private_Dirty:"), 4);
  must(write(p[1], "x", 1));
  EQ("child", status_of(pid), 0);
  EQ("alone-again", smap(m, "Private_Dirty:"), 12);
  must(mlock(m, 8 * P));
  EQ("locked", smap(m, "Locked:"), 32);
  TRUE("flags", vm_flag(m, " rd ") && vm_flag(m, " wr ") && vm_flag(m, " mw ") && vm_flag(m, " lo ") && vm_flag(m, " ac "));
  TRUE("no-flags", !vm_flag(m, " ex ") && !vm_flag(m, " sh ") && !vm_flag(m, " gd "));
  char *s = alone(2, RW, MAP_SHARED);
  s[0] = 1;
  EQ("shared-resident", smap(s, "Rss:"), 4);
  EQ("shared-anonymous", smap(s, "Anonymous:"), 0);
  TRUE("shared-flags", vm_flag(s, " sh ") && vm_flag(s, " ms ") && vm_flag(s, " mw "));
  must(madvise(m, 0, MADV_NORMAL));
  must(munlock(m, 8 * P));
  must(madvise(m, 8 * P, MADV_DONTFORK));
  TRUE("not-copied", vm_flag(m, " dc ") && !vm_flag(m, " lo "));
}

// Whether the roll-up's `field` comes to be what `other` finds, and stays so while both are read: qemu's own memory, which grows
// as it translates, is in its files too.
static long smaps_sum(const char *field) { return sum("/proc/self/smaps", field); }
static long rollup_parts(const char *field) {
  (void)field;
  return sum("/proc/self/smaps_rollup", "Shared_Clean:") + sum("/proc/self/smaps_rollup", "Shared_Dirty:") + sum("/proc/self/smaps_rollup", "Private_Clean:") +
         sum("/proc/self/smaps_rollup", "Private_Dirty:");
}
static int agree(const char *field, long (*other)(const char *)) {
  for (int tries = 0; tries < 1000; tries++) {
    long before = sum("/proc/self/smaps_rollup", field), found = other(field);
    if (found == before && sum("/proc/self/smaps_rollup", field) == before) return 1;
  }
  return 0;
}
static void rollup(void) {
  memset(text, 1, sizeof text);
  EQ("one", sum("/proc/self/smaps_rollup", "Rss:") > 0, 1);
  TRUE("line", strstr(text, " ---p 00000000 00:00 0 ") && strstr(text, " [rollup]\n"));
  TRUE("resident", agree("Rss:", smaps_sum));
  TRUE("anonymous", agree("Anonymous:", smaps_sum));
  TRUE("parts", agree("Rss:", rollup_parts));
}

// Lists of many mappings, in small and large pieces, from the start and from the middle.
#define MANY 5000
static void many(void) {
  memset(text, 1, sizeof text);
  char *m = mmap(NULL, 2 * MANY * P, PROT_NONE, PA | MAP_NORESERVE, -1, 0);
  for (int i = 0; i < MANY; i++) must(mprotect(m + 2 * i * P, P, PROT_READ));
  static const struct {
    const char *name, *path;
    size_t piece;
  } reads[] = {{"small", "/proc/self/maps", 100}, {"large", "/proc/self/maps", 1 << 20}, {"smaps", "/proc/self/smaps", 65536}};
  for (size_t k = 0; k < sizeof reads / sizeof reads[0]; k++) {
    slurp(reads[k].path, reads[k].piece);
    unsigned long last = 0;
    int seen = 0, sorted = 1;
    for (char *line = text; line; line = strchr(line, '\n'), line = line ? line + 1 : NULL) {
      char *end;
      unsigned long from = strtoul(line, &end, 16);
      if (*end != '-' || end == line) continue;
      sorted &= from >= last;
      last = strtoul(end + 1, NULL, 16);
      seen += from >= (unsigned long)m && from < (unsigned long)(m + 2 * MANY * P) && (from - (unsigned long)m) % (2 * P) == 0 && last == from + P;
    }
    char name[64];
    snprintf(name, sizeof name, "%s-all", reads[k].name);
    EQ(name, seen, MANY);
    snprintf(name, sizeof name, "%s-sorted", reads[k].name);
    TRUE(name, sorted);
  }
  size_t n = slurp("/proc/self/maps", 4096);
  int fd = must(open("/proc/self/maps", O_RDONLY)), same = 1;
  static const int places[] = {70, 50, 3, 99, 0, 20};
  for (size_t k = 0; k < sizeof places / sizeof places[0]; k++) {
    char piece[300];
    off_t at = n / 100 * places[k];
    ssize_t got = must(pread(fd, piece, sizeof piece, at));
    same &= got > 0 && !memcmp(piece, text + at, got);
  }
  TRUE("anywhere", same);
  EQ("behind", pread(fd, text, 100, n + 1000000), 0);
  must(munmap(m, 2 * MANY * P));
  EQ("afterwards", slurp("/proc/self/maps", 4096) < n / 10, 1);
}

#define PRESENT (1ull << 63)
#define SWAPPED (1ull << 62)
#define SHARED (1ull << 61)
static uint64_t page_word(int fd, void *at) {
  uint64_t word = 0;
  must(pread(fd, &word, 8, (uintptr_t)at / P * 8));
  return word & (PRESENT | SWAPPED | SHARED);
}

static void pagemap(void) {
  int fd = must(open("/proc/self/pagemap", O_RDONLY));
  char *m = alone(4, RW, MAP_PRIVATE), *s = alone(2, RW, MAP_SHARED);
  m[P] = 1, s[0] = 1;
  EQ("absent", page_word(fd, m), 0);
  EQ("present", page_word(fd, m + P), PRESENT);
  EQ("unmapped", page_word(fd, (void *)P), 0);
  EQ("shared", page_word(fd, s), PRESENT | SHARED);
  uint64_t words[4];
  EQ("several", pread(fd, words, sizeof words, (uintptr_t)m / P * 8), sizeof words);
  TRUE("each", !(words[0] & PRESENT) && (words[1] & PRESENT) && !(words[2] & PRESENT));
  must(madvise(m, 4 * P, MADV_DONTNEED));
  EQ("dropped", page_word(fd, m + P), 0);
  FAILS("half-word", pread(fd, words, 8, 4), EINVAL);
  FAILS("half-length", pread(fd, words, 12, 0), EINVAL);
  struct stat mode;
  must(fstat(fd, &mode));
  EQ("mode", mode.st_mode & 0777, 0400);
}

static long io_of(const char *label) {
  char *line = strstr(text, label);
  return line ? strtol(line + strlen(label), NULL, 10) : -1;
}
static void io(void) {
  int p[2];
  must(pipe(p));
  size_t own = slurp("/proc/self/io", 4096);
  long rchar = io_of("rchar:"), wchar = io_of("wchar:"), syscr = io_of("syscr:"), syscw = io_of("syscw:");
  must(write(p[1], text, 1000));
  must(write(p[1], text, 200));
  must(read(p[0], text, 700));
  (void)!read(-1, text, 1);
  slurp("/proc/self/io", 4096);
  EQ("written", io_of("wchar:") - wchar, 1200);
  EQ("writes", io_of("syscw:") - syscw, 2);
  EQ("read", io_of("rchar:") - rchar, 700 + (long)own);
  EQ("reads", io_of("syscr:") - syscr, 1 + 2);
  TRUE("others", io_of("read_bytes:") >= 0 && io_of("write_bytes:") >= 0 && io_of("cancelled_write_bytes:") >= 0);
}

static void children(void) {
  char path[64], want[64];
  snprintf(path, sizeof path, "/proc/self/task/%d/children", getpid());
  EQ("none", slurp(path, 4096), 0);
  int p[2];
  must(pipe(p));
  pid_t pid[3];
  for (int i = 0; i < 3; i++) {
    pid[i] = must(fork());
    if (!pid[i]) {
      char c;
      close(p[1]);
      _exit(read(p[0], &c, 1));
    }
  }
  snprintf(want, sizeof want, "%d %d %d ", pid[0], pid[1], pid[2]);
  slurp(path, 4096);
  TRUE("eldest-first", !strcmp(text, want));
  must(kill(pid[1], SIGKILL));
  siginfo_t info;
  must(waitid(P_PID, pid[1], &info, WEXITED | WNOWAIT));
  slurp(path, 4096);
  TRUE("zombies-too", !strcmp(text, want));
  status_of(pid[1]);
  snprintf(want, sizeof want, "%d %d ", pid[0], pid[2]);
  slurp(path, 4096);
  TRUE("reaped", !strcmp(text, want));
  must(close(p[1]));
  status_of(pid[0]), status_of(pid[2]);
  EQ("all-gone", slurp(path, 4096), 0);
  FAILS("not-of-processes", open("/proc/self/children", O_RDONLY), ENOENT);
}

static void settings(void) {
  static const char *const numbers[] = {
      "kernel/tainted",  "kernel/shmmax",  "kernel/shmall",        "kernel/shmmni",        "kernel/msgmax",     "kernel/msgmnb",
      "kernel/msgmni",   "kernel/pid_max", "kernel/threads-max",   "kernel/overflowuid",   "vm/swappiness",     "vm/overcommit_memory",
      "vm/overcommit_ratio", "vm/max_map_count", "vm/mmap_min_addr", "vm/min_free_kbytes", "fs/file-max", "fs/nr_open",
  };
  for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
    char path[64];
    snprintf(path, sizeof path, "/proc/sys/%s", numbers[i]);
    char *content = read_file(path), *end = NULL;
    if (content) strtoull(content, &end, 10);
    TRUE(strchr(numbers[i], '/') + 1, end && end > content && !strcmp(end, "\n"));
  }
  unsigned long a, b, c;
  TRUE("file-nr", sscanf(read_file("/proc/sys/fs/file-nr"), "%lu %lu %lu", &a, &b, &c) == 3 && a > 0 && a <= c);
  TRUE("sem", sscanf(read_file("/proc/sys/kernel/sem"), "%lu %lu %lu", &a, &b, &c) == 3);
  TRUE("devices", strstr(read_file("/proc/devices"), "Character devices:\n  1 mem\n") && strstr(read_file("/proc/devices"), "\nBlock devices:\n"));
  TRUE("terminals", strstr(read_file("/proc/devices"), "136 pts\n") != NULL);
  TRUE("disks", read_file("/proc/diskstats") != NULL);
  TRUE("partitions", strstr(read_file("/proc/partitions"), "major minor  #blocks  name\n") != NULL);
  TRUE("swaps", !strncmp(read_file("/proc/swaps"), "Filename\t", 9));
  char *line = strstr(read_file("/proc/vmstat"), "\npgfault ");
  unsigned long faults = line ? strtoul(line + 9, NULL, 10) : 0;
  char *m = mmap(NULL, 64 * P, RW, PA, -1, 0);
  for (int i = 0; i < 64; i++) m[i * P] = 1;
  line = strstr(read_file("/proc/vmstat"), "\npgfault ");
  TRUE("faults", faults > 0 && strtoul(line + 9, NULL, 10) > faults);
  TRUE("swapped", strstr(read_file("/proc/vmstat"), "\npswpin ") && strstr(read_file("/proc/vmstat"), "\npgpgout "));
}

static void load(void) {
  double one, five, fifteen;
  unsigned running, threads, last;
  pid_t pid = must(fork());
  if (!pid) _exit(0);
  status_of(pid);
  EQ("fields", sscanf(read_file("/proc/loadavg"), "%lf %lf %lf %u/%u %u\n", &one, &five, &fifteen, &running, &threads, &last), 6);
  TRUE("counts", running >= 1 && threads >= running);
  TRUE("last-id", last > 0);
}

CHECK_MAIN(CASE(smaps), CASE(rollup), CASE(many), CASE(pagemap), CASE(io), CASE(children), CASE(settings), CASE(load))
