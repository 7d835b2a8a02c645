// What random calls pass: numbers, addresses and structures, made from a seed. Most are good, so that calls get beyond
// their first checks; some lie at an edge; some are forged. Nothing here uses the C library, whose state (TLS, locks,
// stack guard) the calls may ruin.
#pragma once
#include <stdint.h>

typedef uint64_t u64;

/// State of one caller: a thread, or what a fork made of one.
struct caller {
  u64 random;
  /// Its own 256 KiB, where the structures go that it passes.
  char *room;
  /// How many calls it may still make.
  int left;
};

enum {
  ROOM = 256 << 10,
  /// The upper part of a room is for stacks: of what clone makes, and (the last 32 KiB) of signal handlers.
  STACKS = 96 << 10,
  FDS = 40,
};
/// Where mappings are made, changed and taken away.
#define PLAY 0x60000000ul
#define PLAY_PAGES 512
/// Where the callers' rooms lie, one behind the other.
#define ROOMS 0x50000000ul
/// Futex words that all processes of a round share.
#define SHARED 0x58000000ul
/// What they count (main.c).
#define COUNTS 0x5f000000ul

static u64 next(struct caller *c) {
  u64 x = c->random;
  x ^= x >> 12;
  x ^= x << 25;
  x ^= x >> 27;
  c->random = x;
  return x * 0x2545F4914F6CDD1Dul;
}

static u64 mix(u64 a, u64 b) {
  u64 x = a * 0x9E3779B97F4A7C15ul + b + 1;
  x ^= x >> 31;
  x *= 0xBF58476D1CE4E5B9ul;
  x ^= x >> 29;
  return x ? x : 1;
}

/// 0 to n - 1.
static unsigned below(struct caller *c, unsigned n) { return (unsigned)(next(c) >> 33) % n; }

static int one_in(struct caller *c, unsigned n) { return below(c, n) == 0; }

#define COUNT(a) (sizeof(a) / sizeof(a)[0])
#define PICK(c, ...)                              \
  ({                                              \
    static const u64 values_[] = {__VA_ARGS__};   \
    values_[below(c, COUNT(values_))];            \
  })

static u64 edge(struct caller *c) {
  u64 v = PICK(c, 0, 1, 2, 8, 16, 31, 32, 63, 64, 65, 127, 128, 255, 256, 1023, 1024, 4095, 4096, 65535, 65536, 0x7fffffff, 0x80000000, 0xffffffff,
               0x100000000, 1ul << 38, 1ul << 43, 1ul << 44, 1ul << 47, 0x7ffffffffffffffful, 0x8000000000000000ul, ~0ul, 0xfffffffffffff000ul);
  return v + (one_in(c, 4) ? PICK(c, -2ul, -1ul, 1, 2) : 0);
}

static u64 bits(struct caller *c, unsigned width) {
  u64 v = 0;
  for (unsigned k = below(c, 4); k; k--) v |= 1ul << below(c, width);
  return v;
}

static u64 any(struct caller *c);

static u64 fd_of(struct caller *c) {
  if (one_in(c, 24)) return any(c);
  return below(c, one_in(c, 10) ? (one_in(c, 4) ? 66000 : 300) : FDS);
}

static u64 page_of(struct caller *c) { return PLAY + below(c, PLAY_PAGES) * 4096ul; }

static u64 length_of(struct caller *c) {
  if (one_in(c, 12)) return edge(c);
  return below(c, one_in(c, 6) ? PLAY_PAGES : 16) * 4096ul + (one_in(c, 4) ? below(c, 4096) : 0);
}

static u64 any(struct caller *c) {
  switch (below(c, 10)) {
    case 0:
    case 1: return fd_of(c);
    case 2:
    case 3: return below(c, 12);
    case 4: return bits(c, 32);
    case 5:
    case 6: return edge(c);
    case 7: return page_of(c) + (one_in(c, 2) ? below(c, 4096) : 0);
    case 8: return (u64)c->room + below(c, ROOM);
  }
  return next(c);
}

/// Room for n bytes, most of the time; else memory that ends inside, that may not be written, or is none.
static char *place(struct caller *c, unsigned n) {
  switch (below(c, 40)) {
    case 0: return 0;
    case 1: return (char *)any(c);
    case 2: return (char *)page_of(c) + 4096 - below(c, n + 8);
    case 3: return c->room + ROOM - below(c, n + 1); // what follows is not mapped
    case 4: return (char *)SHARED + below(c, 4096);
    case 5: return (char *)0x10000 + below(c, 8192); // the program itself, read-only
  }
  return c->room + (below(c, ROOM - STACKS - n) & ~7u);
}

/// Whether memory that a structure is to be written to is the caller's own.
static int own(struct caller *c, char *at, unsigned n) { return at >= c->room && at + n <= c->room + ROOM; }

static void put8(char *at, u64 v) { __builtin_memcpy(at, &v, 8); }
static void put4(char *at, u64 v) {
  uint32_t w = (uint32_t)v;
  __builtin_memcpy(at, &w, 4);
}

static void put_text(char *at, const char *s) {
  while ((*at++ = *s++)) {
  }
}

static char *put_number(char *at, unsigned n) {
  if (n >= 10) at = put_number(at, n / 10);
  *at++ = '0' + n % 10;
  *at = 0;
  return at;
}

/// Names: files of the round's folder, of /proc and /dev, and some that are none.
static void put_name(struct caller *c, char *at) {
  static const char *const names[] = {
      "f0", "f1", "f2", "f3", "elf", "d0", "d0/x", "d0/y", "p0", "p1", "s0", "s1", ".", "", "d0/.", "f0/", "./f1", "d0//x", "/proc/self/maps", "/proc/self/status",
      "/proc/self/stat", "/proc/self/fd", "/proc/self/task", "/proc/self/exe", "/proc/self/cwd", "/proc/self/root", "/proc/mounts", "/proc/meminfo", "/proc", "/dev/null",
      "/dev/zero", "/dev/urandom", "/dev/ptmx", "/dev/tty", "/dev/pts/0", "/dev/pts/1", "/proc/self/comm", "/proc/self/mem", "/proc/self/environ", "/proc/self/cmdline",
      "self/fd", "self/exe", "self/maps", "self/task", "/sys", "/proc/sys/kernel/hostname", "/proc/self/fdinfo", "tmpfs",
  };
  switch (below(c, 24)) {
    case 0: // a name that is too long, or nearly
      for (unsigned k = PICK(c, 254, 255, 256, 300, 4094, 4095, 4096); k; k--) *at++ = 'n';
      *at = 0;
      return;
    case 1:
      for (unsigned k = below(c, 900); k; k--) *at++ = 'a', *at++ = '/';
      *at = 0;
      return;
    case 2:
    case 3:
    case 4:
    case 5:
      put_text(at, "new");
      put_number(at + 3, below(c, 12));
      return;
    case 6:
      put_text(at, "/proc/self/fd/");
      put_number(at + 14, below(c, FDS));
      return;
    case 7:
      put_text(at, "/proc/self/fdinfo/");
      put_number(at + 18, below(c, FDS));
      return;
    case 8:
      put_text(at, "d0/sub");
      put_number(at + 6, below(c, 8));
      return;
    case 9:
      put8(at, next(c) | 1);
      at[8] = 0;
      return;
  }
  put_text(at, names[below(c, COUNT(names))]);
}

static u64 nanoseconds(struct caller *c) { return one_in(c, 10) ? any(c) : below(c, 3000000); }

static void put_time(struct caller *c, char *at) {
  put8(at, one_in(c, 12) ? any(c) : 0);
  put8(at + 8, nanoseconds(c));
}

static u64 signal_of(struct caller *c) {
  if (one_in(c, 20)) return edge(c);
  u64 s = 1 + below(c, 64);
  // The signals that end or stop a process whatever it does come seldom, and the timer's goes on.
  return (s == 9 || s == 19 || s == 11 || s == 14) && !one_in(c, 8) ? 10 : s;
}
