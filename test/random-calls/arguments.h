// The arguments of a call: the letters of the kernel's own table say what memory it reads and writes, `typed` says what
// the plain values of the calls mean that matter most. A call that only the table knows gets values of any kind.
#pragma once
#include "values.h"

struct call {
  unsigned number;
  const char *name, *letters;
};

/// A handler that goes on.
static u64 handler_address;

static const struct call calls[] = {
#include "calls.inc"
};

/// Plain values, one letter for each argument ("." where the table's letter says all):
///   d descriptor, D directory or AT_FDCWD, O open flags, M mode, n count of bytes, N large count, o offset
///   g signal, i process, t thread, u user, a page, A futex word, l length, p protection, m map flags, w whence
///   k clock, b low flag bits, B flag bits, x 0 to 15, s 8 (size of a signal set), C fcntl command, I ioctl, f futex operation
///   e epoll operation, c clone flags, S top of a stack, R prctl option, z 0 nearly always
static const struct {
  const char *name, *args;
} typed[] = {
    {"epoll_ctl", "ded."}, {"epoll_pwait", "d.xx.s"}, {"epoll_pwait2", "d.x..s"}, {"dup", "d"}, {"dup3", "ddB"}, {"fcntl", "dC."}, {"ioctl", "dI."},
    {"flock", "dx"}, {"mknodat", "D.MB"}, {"mkdirat", "D.M"}, {"unlinkat", "D.B"}, {"linkat", "D.D.B"}, {"renameat2", "D.D.b"}, {"symlinkat", ".D."},
    {"ftruncate", "do"}, {"truncate", ".o"}, {"fallocate", "dboo"}, {"faccessat", "D.x"}, {"fchmod", "dM"}, {"fchmodat", "D.M"}, {"fchown", "duu"},
    {"fchownat", "D.uuB"}, {"openat", "D.OM"}, {"openat2", "D..."}, {"close", "d"}, {"close_range", "dDb"}, {"pipe2", ".O"}, {"getdents64", "D.n"},
    {"lseek", "dow"}, {"read", "d.n"}, {"write", "d.n"}, {"readv", "d.x"}, {"writev", "d.x"}, {"pread64", "d.no"}, {"pwrite64", "d.no"},
    {"preadv", "d.xoz"}, {"pwritev", "d.xoz"}, {"preadv2", "d.xozb"}, {"pwritev2", "d.xozb"}, {"sendfile", "dd.N"}, {"vmsplice", "d.xb"},
    {"splice", "d.d.Nb"}, {"tee", "ddNb"}, {"copy_file_range", "d.d.Nz"}, {"pselect6", "x....."}, {"ppoll", ".x..s"}, {"signalfd4", "d.sO"},
    {"readlinkat", "D..n"}, {"newfstatat", "D..B"}, {"fstat", "d."}, {"statx", "D.BB."}, {"sync_file_range", "doox"}, {"fadvise64", "doox"},
    {"timerfd_create", "kO"}, {"timerfd_settime", "db.."}, {"timerfd_gettime", "d."}, {"utimensat", "D..B"}, {"memfd_create", ".b"}, {"eventfd2", "xO"},
    {"clone", "cS.AA"}, {"clone3", ".n"}, {"execveat", "d...B"}, {"wait4", "i.b."}, {"waitid", "xi.B."}, {"set_tid_address", "A"}, {"futex", "Afx.Ax"},
    {"set_robust_list", "A."}, {"get_robust_list", "t.."}, {"clock_nanosleep", "kb.."}, {"timer_create", "k.."}, {"timer_settime", "xb.."},
    {"timer_delete", "x"}, {"setitimer", "x.."}, {"getitimer", "x."}, {"kill", "ig"}, {"tkill", "tg"}, {"tgkill", "itg"}, {"rt_sigaction", "g..s"},
    {"rt_sigprocmask", "x..s"}, {"rt_sigpending", ".s"}, {"rt_sigsuspend", ".s"}, {"rt_sigtimedwait", "...s"}, {"rt_sigqueueinfo", "ig."},
    {"rt_tgsigqueueinfo", "itg."}, {"setpriority", "xix"}, {"getpriority", "xi"}, {"setpgid", "ii"}, {"getpgid", "i"}, {"getsid", "i"},
    {"prlimit64", "ix.."}, {"setrlimit", "x."}, {"getrlimit", "x."}, {"getrusage", "x."}, {"prctl", "R...."}, {"sched_setaffinity", "tn."},
    {"sched_getaffinity", "tn."}, {"sched_setscheduler", "tx."}, {"sched_setparam", "t."}, {"sched_getscheduler", "t"}, {"munmap", "al"},
    {"mremap", "allba"}, {"mmap", "alpmdo"}, {"mprotect", "alp"}, {"msync", "alb"}, {"mincore", "al?"}, {"madvise", "alx"}, {"mlock", "al"},
    {"munlock", "al"}, {"mlock2", "alb"}, {"readahead", "doN"}, {"getrandom", ".nb"}, {"riscv_flush_icache", "aab"}, {"riscv_hwprobe", "?xxxz"},
    {"membarrier", "xxx"}, {"setuid", "u"}, {"setgid", "u"}, {"setreuid", "uu"}, {"setresuid", "uuu"}, {"setregid", "uu"}, {"setresgid", "uuu"},
};

static u64 process_of(struct caller *c) {
  volatile unsigned *known = (unsigned *)(COUNTS + 2048); // what clone gave, a ring (see main.c)
  switch (below(c, 8)) {
    case 0: return any(c);
    case 1: return PICK(c, 0, 0, 0, 1, 2, 3, 4, 5, 6);
    case 2: return one_in(c, 12) ? -1ul : 0;
  }
  return known[below(c, 32)];
}

static u64 value_of(struct caller *c, char type) {
  if (one_in(c, 32)) return any(c);
  switch (type) {
    case 'd': return fd_of(c);
    case 'D': return one_in(c, 2) ? -100ul : fd_of(c);
    case 'O': return bits(c, 24) | below(c, 4);
    case 'M': return one_in(c, 3) ? bits(c, 16) : (PICK(c, 0, 0010000, 0020000, 0040000, 0100000, 0060000, 0120000, 0140000) | below(c, 010000));
    case 'n': return below(c, one_in(c, 8) ? 200000 : 300);
    case 'N': return below(c, 2) ? below(c, 70000) : edge(c);
    case 'o': return one_in(c, 6) ? edge(c) : below(c, 100000);
    case 'g': return signal_of(c);
    case 'i':
    case 't': return process_of(c);
    case 'u': return PICK(c, 0, 1000, 1001, -1ul, 0xffffffff, 65534);
    case 'a': return page_of(c) + (one_in(c, 16) ? below(c, 4096) : 0);
    case 'A': return SHARED + below(c, 16) * 4;
    case 'l': return length_of(c);
    case 'p': return one_in(c, 8) ? bits(c, 28) : below(c, 8);
    case 'm': return (one_in(c, 8) ? 0 : 1 + below(c, 3)) | bits(c, 22) | (one_in(c, 3) ? 0 : 0x10) | (one_in(c, 2) ? 0x20 : 0);
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
      put8(at, next(c)), put4(at + 8, signal_of(c)), put4(at + 12, one_in(c, 8) ? edge(c) : below(c, 5)), put4(at + 16, process_of(c));
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
    case 's':
      if (mine) put_name(c, at);
      return (u64)at;
    case 'i':
    case 'I':
    case '*':
    case '#': {
      if (!mine) return (u64)at;
      unsigned n = below(c, 12);
      for (unsigned k = 0; k < 16; k++) {
        if (letter == 'i' || letter == 'I') {
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

static const char *types_of(const char *name) {
  for (unsigned k = 0; k < COUNT(typed); k++) {
    const char *a = typed[k].name, *b = name;
    while (*a && *a == *b) a++, b++;
    if (*a == *b) return typed[k].args;
  }
  return "??????";
}
