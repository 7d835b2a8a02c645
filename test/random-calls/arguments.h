// The arguments of a call, as abi/syscalls.fbs describes them: letters say what memory it reads and writes, words what its
// plain values are. `special` has the calls of which that says too little.
#pragma once
#include "values.h"

struct call {
  unsigned number;
  const char *name, *letters, *words;
};

/// A handler that goes on.
static u64 handler_address;

static const struct call calls[] = {
#include "calls.inc"
};

/// Kinds of plain values:
///   d descriptor, of a kind: X file, G directory, P pipe, E epoll, T timerfd, V eventfd, H signalfd, K terminal
///   D directory or AT_FDCWD, O open flags, W flags that make a descriptor, F AT_* flags, M mode
///   n count of bytes, N large count, o offset, q offset of a page, a page, A futex word, l length, p protection, m map flags
///   g signal, i process, t thread, u user, w whence, k clock, b low flag bits, B flag bits, x 0 to 15, y 0 to 3
///   s 8 (size of a signal set), C fcntl command, I ioctl, f futex operation, e epoll operation, c clone flags, S top of a
///   stack, R prctl option, Q wait options, z 0 nearly always, ? anything
static const struct {
  const char *word;
  char kind;
} kinds[] = {
    {"fd", 'd'}, {"dirfd", 'D'}, {"newfd", 'd'}, {"pid", 'i'}, {"tid", 't'}, {"uid", 'u'}, {"gid", 'u'}, {"int", 'x'}, {"uint", 'x'}, {"size", 'n'},
    {"count", 'x'}, {"offset", 'o'}, {"offsethigh", 'z'}, {"address", 'a'}, {"flags", 'z'}, {"mode", 'M'}, {"dev", 'y'}, {"timerid", 'y'},
    {"timerflags", 'y'}, {"OpenFlag", 'O'}, {"AtFlag", 'F'}, {"Clock", 'k'}, {"CloneFlag", 'c'}, {"Signal", 'g'}, {"PrctlOp", 'R'}, {"FcntlCmd", 'C'},
    {"Ioctl", 'I'}, {"FutexOp", 'f'}, {"EpollOp", 'e'}, {"SeekWhence", 'w'}, {"WaitFlag", 'Q'}, {"Prot", 'p'}, {"MapFlag", 'm'}, {"AccessMode", 'x'},
    {"Fadvice", 'x'}, {"Madvice", 'x'}, {"FlockOp", 'x'}, {"RlimitId", 'x'}, {"MembarrierCmd", 'x'}, {"IdType", 'y'}, {"SigHow", 'y'},
    {"ItimerWhich", 'y'}, {"PrioWhich", 'y'}, {"RusageWho", 'y'}, {"SchedPolicy", 'y'}, {"MemfdFlag", 'y'}, {"MremapFlag", 'y'}, {"RenameFlag", 'y'},
    {"TimerfdFlag", 'y'}, {"StatxMask", 'B'}, {"EventfdFlag", 'W'}, {"SignalfdFlag", 'W'}, {"EpollCreateFlag", 'W'}, {"PidfdFlag", 'W'},
    {"protocol", 'z'}, {"optname", 'x'},
};

/// Kinds of the arguments of some calls, where they are not what the words say ("." where they are).
static const struct {
  const char *name, *kinds;
} special[] = {
    {"epoll_ctl", "E"}, {"epoll_pwait", "E"}, {"epoll_pwait2", "E"}, {"dup3", "..W"}, {"ftruncate", "X"}, {"fallocate", "X"}, {"getdents64", "G"},
    {"pread64", "X"}, {"pwrite64", "X"}, {"preadv", "X"}, {"pwritev", "X"}, {"preadv2", "X"}, {"pwritev2", "X"}, {"sendfile", ".X.N"},
    {"vmsplice", "P"}, {"splice", "P...N"}, {"tee", "PPN"}, {"copy_file_range", "X.X.N"}, {"signalfd4", "H"}, {"fchdir", "G"},
    {"sync_file_range", "X..x"}, {"fadvise64", "X.o"}, {"timerfd_settime", "T"}, {"timerfd_gettime", "T"}, {"clone", ".S.AA"}, {"wait4", "..b"},
    {"set_tid_address", "A"}, {"futex", "A...Ax"}, {"set_robust_list", "A"}, {"rt_sigtimedwait", "...s"}, {"setpriority", ".i"},
    {"getpriority", ".i"}, {"sched_setaffinity", ".s"}, {"sched_getaffinity", ".s"}, {"mmap", ".....q"}, {"readahead", "X.N"},
    {"riscv_flush_icache", "..y"}, {"pidfd_getfd", ".d"}, {"socketpair", "yyz"}, {"unshare", "B"}, {"close_range", "dD"},
};

/// A process or thread that there is or was; `where` 16 for processes, 0 for threads (main.c).
static u64 process_of(struct caller *c, unsigned where) {
  volatile unsigned *known = (unsigned *)(COUNTS + 2048);
  switch (below(c, 12)) {
    case 0: return any(c);
    case 1: return below(c, 7);
    case 2: return one_in(c, 12) ? -1ul : 0;
  }
  return known[where + below(c, 16)];
}

/// A descriptor of a kind: where the worker has opened one (main.c), or any.
static u64 fd_among(struct caller *c, const u64 *numbers, unsigned count) {
  return one_in(c, 3) ? fd_of(c) : numbers[below(c, count)];
}
#define AMONG(c, ...)                             \
  ({                                              \
    static const u64 numbers_[] = {__VA_ARGS__};  \
    fd_among(c, numbers_, COUNT(numbers_));       \
  })

static u64 value_of(struct caller *c, char type) {
  if (one_in(c, 32)) return any(c);
  switch (type) {
    case 'd': return fd_of(c);
    case 'X': return AMONG(c, 0, 1, 2, 3, 21, 30);
    case 'G': return AMONG(c, 4, 5, 28);
    case 'P': return AMONG(c, 8, 9, 10, 11, 12, 13, 14);
    case 'V': return AMONG(c, 15, 16);
    case 'H': return one_in(c, 2) ? -1ul : AMONG(c, 17);
    case 'T': return AMONG(c, 18);
    case 'E': return AMONG(c, 19, 20);
    case 'K': return AMONG(c, 25, 26);
    case 'D': return one_in(c, 4) ? value_of(c, 'G') : -100ul;
    case 'O': return one_in(c, 4) ? bits(c, 24) | below(c, 4) : (PICK(c, 0, 0, 0100, 0101, 0102, 01102, 02, 04000, 04002, 0200000, 010000000, 02002, 020200002, 03));
    case 'W': return PICK(c, 0, 04000, 02000000, 02004000, 1, 04001);
    case 'F': return PICK(c, 0, 0, 0x100, 0x200, 0x400, 0x800, 0x1000, 0x1100);
    case 'Q': return (1 + below(c, 15)) | (one_in(c, 3) ? 0x1000000 : 0);
    case 'y': return below(c, 4);
    case 'q': return below(c, 20) * 4096ul;
    case 'M': return one_in(c, 3) ? bits(c, 16) : (PICK(c, 0, 0010000, 0020000, 0040000, 0100000, 0060000, 0120000, 0140000) | below(c, 010000));
    case 'n': return below(c, one_in(c, 8) ? 200000 : 300);
    case 'N': return below(c, 2) ? below(c, 70000) : edge(c);
    case 'o': return one_in(c, 6) ? edge(c) : below(c, 100000);
    case 'g': return signal_of(c);
    case 'i': return process_of(c, 16);
    case 't': return process_of(c, 0);
    case 'u': return PICK(c, 0, 1000, 1001, -1ul, 0xffffffff, 65534);
    case 'a': return page_of(c) + (one_in(c, 16) ? below(c, 4096) : 0);
    case 'A': return SHARED + below(c, 16) * 4;
    case 'l': return length_of(c);
    case 'p': return one_in(c, 8) ? bits(c, 28) : below(c, 8);
    case 'm': return (one_in(c, 8) ? below(c, 4) : 1 + below(c, 2)) | (one_in(c, 4) ? bits(c, 22) : 0) | (one_in(c, 3) ? 0 : 0x10) | (one_in(c, 2) ? 0x20 : 0);
    case 'w': return below(c, 6);
    case 'k': return one_in(c, 8) ? any(c) : below(c, 12);
    case 'b': return bits(c, 6);
    case 'B': return bits(c, 16);
    case 'x': return below(c, one_in(c, 4) ? 70 : 16);
    case 's': return 8;
    case 'z': return one_in(c, 10) ? any(c) : 0;
    case 'e': return 1 + below(c, 3);
    case 'f': return below(c, 14) | (one_in(c, 2) ? 128 : 0) | (one_in(c, 6) ? 256 : 0);
    case 'R': return one_in(c, 8) ? edge(c) : below(c, 70);
    case 'C': return one_in(c, 2) ? below(c, 17) : 1024 + below(c, 14);
    case 'I':
      if (one_in(c, 3)) return PICK(c, 0x5401, 0x5402, 0x5404, 0x540e, 0x540f, 0x5410, 0x5413, 0x5414, 0x541b, 0x5421, 0x5422, 0x5423, 0x80045430, 0x40045431);
      return one_in(c, 8) ? any(c) : one_in(c, 6) ? 0x80045430 + below(c, 12) : one_in(c, 5) ? (PICK(c, 0x80045430, 0x40045431, 0x5441, 0x802c542a, 0x402c542b, 2, 0x541b, 0x5450, 0x5451, 0x5452, 0x8004667e)) : 0x5401 + below(c, 0x60);
    case 'S': return one_in(c, 10) ? any(c) : (u64)c->room + ROOM - 32768 - 8192 * below(c, 8);
    case 'c':
      // Threads, processes that share much or little, and what the caller may not have.
      return (PICK(c, 0, 0, 0x100, 0x4000, 0x4100, 0x3d0f00, 0x10f00, 0x900, 0x400, 0x200, 0x8000) | (one_in(c, 3) ? bits(c, 32) & ~0xfful : 0)) +
             (one_in(c, 3) ? below(c, 256) : 17);
  }
  return any(c);
}

/// Fills a structure that the kernel reads at `at`, which is the caller's own.
static unsigned fill(struct caller *c, char letter, char *at) {
  switch (letter) {
    case 'a': // Sigaction: handler, flags, mask
      put8(at, one_in(c, 16) ? any(c) : one_in(c, 4) ? below(c, 2) : handler_address);
      put8(at + 8, bits(c, 32));
      put8(at + 16, bits(c, 64));
      return 24;
    case 'c': // CloneArgs
      for (unsigned k = 0; k < 88; k += 8) put8(at + k, 0);
      put8(at, value_of(c, 'c') & ~0xfful);
      for (unsigned k = 8; k < 32; k += 8) put8(at + k, value_of(c, 'A'));
      put8(at + 32, one_in(c, 2) ? 17 : below(c, 70));
      put8(at + 40, (u64)c->room + ROOM - STACKS), put8(at + 48, value_of(c, 'S') - (u64)c->room - ROOM + STACKS);
      if (one_in(c, 4)) put8(at + 40, 0), put8(at + 48, 0);
      if (one_in(c, 10)) put8(at + 8 * below(c, 11), any(c));
      return 88;
    case 'e': put4(at, bits(c, 32)), put4(at + 4, 0), put8(at + 8, next(c)); return 16;
    case 'f': return 120;
    case 'g': // Siginfo
      for (unsigned k = 0; k < 128; k += 8) put8(at + k, one_in(c, 3) ? any(c) : 0);
      put4(at, signal_of(c)), put4(at + 4, 0), put4(at + 8, PICK(c, -1ul, -1ul, -6ul, -2ul, -3ul, 0, 1, 128));
      return 128;
    case 'j':
      put_time(c, at), put_time(c, at + 16);
      if (one_in(c, 3)) put8(at, 0), put8(at + 8, 0);
      return 32;
    case 'k': put8(at, (u64)c->room + ROOM - 16384), put8(at + 8, PICK(c, 0, 0, 0, 1, 2, 4, 0x80000000)), put8(at + 16, one_in(c, 8) ? edge(c) : 16384); return 24;
    case 'l': put8(at, one_in(c, 3) ? edge(c) : 1ul << (14 + below(c, 20))), put8(at + 8, -1ul); return 16;
    case 'm': put8(at, (one_in(c, 3) ? next(c) : bits(c, 64)) & ~(one_in(c, 16) ? 0 : 1ul << 13)); return 8;
    case 'n': put4(at, one_in(c, 2) ? below(c, 64) : edge(c)); return 4;
    case 'o': put8(at, value_of(c, 'O')), put8(at + 8, one_in(c, 2) ? 0 : below(c, 010000)), put8(at + 16, one_in(c, 2) ? 0 : bits(c, 6)); return 24;
    case 'q': put8(at, value_of(c, 'o')); return 8;
    case 't':
    case 'u': put_time(c, at); return 16;
    case 'x': // Sigevent: value, signo, notify, tid
      put8(at, next(c)), put4(at + 8, signal_of(c)), put4(at + 12, one_in(c, 8) ? edge(c) : below(c, 5)), put4(at + 16, process_of(c, 0));
      return 64;
  }
  for (unsigned k = 0; k < 128; k += 8) put8(at + k, any(c));
  return 128;
}

/// The argument that a letter of the table stands for.
static u64 argument(struct caller *c, char letter, char type) {
  char *at = place(c, 4096);
  int mine = own(c, at, 4096 + 128);
  switch (letter) {
    case 'v': return value_of(c, type);
    case '.': return value_of(c, type);
    case 's':
      if (mine) put_name(c, at);
      return (u64)at;
    case 'i':
    case 'I':
    case ':':
    case '*':
    case '#': {
      if (!mine) return (u64)at;
      unsigned n = below(c, 12);
      for (unsigned k = 0; k < 16; k++) {
        if (letter == 'i' || letter == 'I' || letter == ':') {
          put8(at + 16 * k, (u64)place(c, 4096)), put8(at + 16 * k + 8, one_in(c, 12) ? edge(c) : below(c, 3000));
        } else {
          put8(at + 8 * k, k < n ? (u64)at + 512 + 8 * below(c, 16) : 0);
          put8(at + 512 + 8 * k, one_in(c, 3) ? next(c) & 0xffffffffffff : 0x6661656c); // "leaf"
        }
      }
      if ((letter == '*' || letter == '#') && one_in(c, 2)) put8(at, 0);
      return (u64)at;
    }
    case 'p':
      if (mine)
        for (unsigned k = 0; k < 70; k++) put4(at + 8 * k, fd_of(c)), put4(at + 8 * k + 4, bits(c, 12));
      return (u64)at;
    case 'S':
      if (one_in(c, 4)) return 0;
      if (mine)
        for (unsigned k = 0; k < 1024; k += 8) put8(at + k, one_in(c, 2) ? next(c) : 0);
      return (u64)at;
    case '@':
      if (mine) put8(at, one_in(c, 3) ? 0 : (u64)place(c, 8)), put8(at + 8, one_in(c, 8) ? any(c) : 8);
      return (u64)at;
    case '=': letter = 'q'; break;
    case ';': letter = 'n'; break;
    case '&': letter = 't'; break;
    case '+': letter = 'c'; break;
    case '~': letter = one_in(c, 2) ? 't' : 0; break;
    case '|':
    case '%': // flock, pids, flags
      if (one_in(c, 2)) return one_in(c, 2) ? value_of(c, 'i') : any(c);
      if (mine) put4(at, below(c, 4) | below(c, 4) << 16), put4(at + 4, 0), put8(at + 8, value_of(c, 'o')), put8(at + 16, value_of(c, 'o')), put8(at + 24, 0);
      return (u64)at;
    case '!':
      if (one_in(c, 3)) return one_in(c, 2) ? below(c, 4) : any(c);
      if (mine)
        for (unsigned k = 0; k < 64; k += 4) put4(at + k, one_in(c, 2) ? bits(c, 32) : below(c, 256));
      return (u64)at;
  }
  // A pointer that may be NULL, or a number where the table says memory.
  if (letter == 0) return one_in(c, 2) ? below(c, 64) : any(c);
  if (one_in(c, 6)) return 0;
  if (letter >= 'a' && letter <= 'z' && letter != 'w' && mine) fill(c, letter, at);
  return (u64)at;
}

/// Whether `a` is the word that begins at b, without what marks it.
static int is_word(const char *a, const char *b) {
  while (*a && *a == *b) a++, b++;
  return !*a && (!*b || *b == ' ' || *b == '?');
}

static char kind_of_word(const char *word) {
  for (unsigned k = 0; k < COUNT(kinds); k++)
    if (is_word(kinds[k].word, word)) return kinds[k].kind;
  // Other enums are bits, mostly.
  return *word >= 'A' && *word <= 'Z' ? 'b' : '?';
}

/// The kinds of a call's arguments.
static void kinds_of(const struct call *call, char found[6]) {
  const char *own = "", *w = call->words, *before = "";
  for (unsigned k = 0; k < COUNT(special); k++)
    if (is_word(special[k].name, call->name)) own = special[k].kinds;
  for (unsigned k = 0; k < 6; k++) {
    while (*w == ' ' || *w == '<' || *w == '>') w++;
    found[k] = *w ? kind_of_word(w) : '?';
    if (is_word("size", w)) {
      if (is_word("address", before)) found[k] = 'l';
      else if (is_word("Sigset", before) || is_word("Sigaction", before)) found[k] = 's';
      else if (is_word("size", before)) found[k] = found[k - 1];
    }
    if (*own && *own++ != '.') found[k] = own[-1];
    for (before = w; *w && *w != ' ';) w++;
  }
}
