// Core files (core(5)): when one is written, what wait(2) tells of it, and what it says of the process.
#include "check.h"
#include <elf.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#define P 4096
#define MIB (1 << 20)
#define DUMPED 0x80

static void plain(rlim_t limit) {
  struct rlimit core = {limit, RLIM_INFINITY};
  must(setrlimit(RLIMIT_CORE, &core));
}

// The wait status of a child that does something fatal.
static int fate(void (*fatal)(void), rlim_t limit) {
  unlink("core");
  pid_t pid = must(fork());
  if (!pid) {
    plain(limit);
    fatal();
    _exit(0);
  }
  return status_of(pid);
}
static void aborts(void) { abort(); }
static void terminates(void) { raise(SIGTERM); }
static void quits(void) { raise(SIGQUIT); }
static void faults(void) { *(volatile char *)8 = 1; }
static void secret(void) {
  must(prctl(PR_SET_DUMPABLE, 0));
  abort();
}

static void bit(void) {
  EQ("none-wanted", fate(aborts, 0), SIGABRT);
  TRUE("no-file", access("core", F_OK) && errno == ENOENT);
  EQ("abort", fate(aborts, RLIM_INFINITY), SIGABRT | DUMPED);
  struct stat s;
  must(stat("core", &s));
  EQ("mode", s.st_mode, S_IFREG | 0600);
  TRUE("not-empty", s.st_size > P);
  EQ("quit", fate(quits, RLIM_INFINITY), SIGQUIT | DUMPED);
  EQ("fault", fate(faults, RLIM_INFINITY), SIGSEGV | DUMPED);
  EQ("terminated", fate(terminates, RLIM_INFINITY), SIGTERM);
  EQ("not-dumpable", fate(secret, RLIM_INFINITY), SIGABRT);
  EQ("no-room-for-a-page", fate(aborts, P - 1), SIGABRT);
  TRUE("nor-a-file", access("core", F_OK) && errno == ENOENT);
  EQ("room-for-some", fate(aborts, 4 * P), SIGABRT | DUMPED);
  must(stat("core", &s));
  TRUE("cut", s.st_size <= 4 * P);
  pid_t pid = must(fork());
  if (!pid) {
    plain(RLIM_INFINITY);
    abort();
  }
  siginfo_t info;
  must(waitid(P_PID, pid, &info, WEXITED));
  EQ("code", info.si_code, CLD_DUMPED);
  EQ("signal", info.si_status, SIGABRT);
}

// A new file takes the name: what had it is not written to.
static void places(void) {
  write_file("precious", "text");
  unlink("core");
  must(symlink("precious", "core"));
  pid_t pid = must(fork());
  if (!pid) {
    plain(RLIM_INFINITY);
    abort();
  }
  EQ("link", status_of(pid), SIGABRT | DUMPED);
  STR("not-followed", read_file("precious"), "text");
  unlink("core");
  must(link("precious", "core"));
  pid = must(fork());
  if (!pid) {
    plain(RLIM_INFINITY);
    abort();
  }
  EQ("second-name", status_of(pid), SIGABRT | DUMPED);
  STR("not-written", read_file("precious"), "text");
  unlink("core");
  must(mkdir("core", 0700));
  pid = must(fork());
  if (!pid) {
    plain(RLIM_INFINITY);
    abort();
  }
  EQ("directory", status_of(pid), SIGABRT);
  must(rmdir("core"));
  must(mkdir("closed", 0500));
  pid = must(fork());
  if (!pid) {
    plain(RLIM_INFINITY);
    must(chdir("closed"));
    must(setresuid(12345, 12345, 12345));
    must(prctl(PR_SET_DUMPABLE, 1));
    abort();
  }
  EQ("may-not", status_of(pid), SIGABRT);
  write_file("core", "longer than nothing");
  must(chmod("core", 0600));
  pid = must(fork());
  if (!pid) {
    plain(RLIM_INFINITY);
    abort();
  }
  EQ("another-core", status_of(pid), SIGABRT | DUMPED);
}

// The file itself.
static char *core;
static size_t core_size;
static void load(void) {
  int fd = must(open("core", O_RDONLY));
  core_size = (size_t)must(lseek(fd, 0, SEEK_END));
  core = (char *)must((long)mmap(NULL, core_size, PROT_READ, MAP_PRIVATE, fd, 0));
  must(close(fd));
}
static Elf64_Phdr *segment(int i) { return (Elf64_Phdr *)(core + ((Elf64_Ehdr *)core)->e_phoff) + i; }
static int segments(void) { return ((Elf64_Ehdr *)core)->e_phnum; }
static Elf64_Phdr *segment_of(const void *address) {
  for (int i = 0; i < segments(); i++) {
    Elf64_Phdr *p = segment(i);
    if (p->p_type == PT_LOAD && (uintptr_t)address - p->p_vaddr < p->p_memsz) return p;
  }
  return NULL;
}
static char *memory_of(const void *address, size_t n) {
  Elf64_Phdr *p = segment_of(address);
  if (!p) return NULL;
  size_t at = (uintptr_t)address - p->p_vaddr;
  return at + n <= p->p_filesz && p->p_offset + at + n <= core_size ? core + p->p_offset + at : NULL;
}
// The n-th note of a type; its size in *size.
static char *note(unsigned type, int n, size_t *size) {
  for (int i = 0; i < segments(); i++) {
    Elf64_Phdr *p = segment(i);
    if (p->p_type != PT_NOTE) continue;
    for (size_t at = 0; at < p->p_filesz;) {
      Elf64_Nhdr *h = (Elf64_Nhdr *)(core + p->p_offset + at);
      char *name = (char *)(h + 1), *data = name + (h->n_namesz + 3) / 4 * 4;
      if (h->n_type == type && !strcmp(name, "CORE") && n-- == 0) {
        *size = h->n_descsz;
        return data;
      }
      at += sizeof *h + (h->n_namesz + 3) / 4 * 4 + (h->n_descsz + 3) / 4 * 4;
    }
  }
  return NULL;
}

static volatile unsigned long marker;
static char *map, *hidden, *reserved, *shared, *from_file, *written_file;
static volatile pid_t tids[3];
static void *waits(void *i) {
  tids[(long)i] = (pid_t)syscall(SYS_gettid);
  for (;;) pause();
  return i;
}
static void dies_with_threads(void) {
  marker = 0x1234567890abcdef;
  memset(map + P, 7, P);
  map[MIB + 5] = 8;
  hidden[0] = 1;
  shared[0] = 9;
  must(from_file[0]);
  written_file[P] = 4;
  tids[0] = (pid_t)syscall(SYS_gettid);
  for (long i = 1; i < 3; i++) {
    pthread_t thread;
    pthread_create(&thread, NULL, waits, (void *)i);
    while (!tids[i]) sched_yield();
  }
  *(volatile char *)(reserved + 3 * P) = 1;
}

static void contents(void) {
  write_file("data", "a file's text");
  must(truncate("data", 3 * P));
  int fd = must(open("data", O_RDWR)), rw = PROT_READ | PROT_WRITE, anonymous = MAP_PRIVATE | MAP_ANONYMOUS;
  map = (char *)must((long)mmap(NULL, 2 * MIB, rw, anonymous, -1, 0));
  hidden = (char *)must((long)mmap(NULL, P, rw, anonymous, -1, 0));
  must(madvise(hidden, P, MADV_DONTDUMP));
  reserved = (char *)must((long)mmap(NULL, 16 * P, PROT_NONE, anonymous | MAP_NORESERVE, -1, 0));
  shared = (char *)must((long)mmap(NULL, P, rw, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
  tids[0] = tids[1] = tids[2] = 0;
  from_file = (char *)must((long)mmap(NULL, 3 * P, PROT_READ, MAP_PRIVATE, fd, 0));
  written_file = (char *)must((long)mmap(NULL, 3 * P, rw, MAP_PRIVATE, fd, 0));
  unlink("core");
  pid_t pid = must(fork());
  if (!pid) {
    plain(RLIM_INFINITY);
    dies_with_threads();
    _exit(0);
  }
  EQ("status", status_of(pid), SIGSEGV | DUMPED);
  load();
  Elf64_Ehdr *e = (Elf64_Ehdr *)core;
  TRUE("elf", !memcmp(e->e_ident, ELFMAG, SELFMAG) && e->e_ident[EI_CLASS] == ELFCLASS64 && e->e_ident[EI_DATA] == ELFDATA2LSB);
  EQ("type", e->e_type, ET_CORE);
  EQ("entries", e->e_phentsize, sizeof(Elf64_Phdr));
  size_t size = 0, threads = 0;
  for (char *s; (s = note(NT_PRSTATUS, (int)threads, &size)); threads++) {
    // struct elf_prstatus: the signal at 12, the thread id at 32, registers at 112.
    if (threads == 0) {
      EQ("signal", *(short *)(s + 12), SIGSEGV);
      EQ("first-is-who-died", *(int *)(s + 32), pid);
    }
  }
  EQ("threads", threads, 3);
  TRUE("floats", note(NT_FPREGSET, 2, &size) != NULL);
  TRUE("no-more-floats", note(NT_FPREGSET, 3, &size) == NULL);
  char *info = note(NT_SIGINFO, 0, &size);
  EQ("siginfo-size", size, 128);
  if (info) {
    EQ("siginfo", *(int *)info, SIGSEGV);
    EQ("siginfo-code", *(int *)(info + 8), SEGV_ACCERR);
    TRUE("siginfo-address", *(char **)(info + 16) == reserved + 3 * P);
  }
  char *ps = note(NT_PRPSINFO, 0, &size);
  EQ("psinfo-size", size, 136);
  if (ps) {
    EQ("psinfo-pid", *(int *)(ps + 24), pid);
    EQ("psinfo-parent", *(int *)(ps + 28), getpid());
    char comm[17] = "", mine[17] = "";
    must(prctl(PR_GET_NAME, mine));
    memcpy(comm, ps + 40, 16);
    STR("psinfo-name", comm, mine);
  }
  unsigned long *auxv = (unsigned long *)note(NT_AUXV, 0, &size);
  int page_size = 0;
  for (size_t i = 0; auxv && i + 1 < size / 8; i += 2) page_size |= auxv[i] == AT_PAGESZ && auxv[i + 1] == P;
  TRUE("auxv", page_size);
  unsigned long *files = (unsigned long *)note(NT_FILE, 0, &size);
  TRUE("files", files && files[0] >= 2 && files[1] == P);
  int found = 0;
  for (unsigned long i = 0; files && i < files[0]; i++) found |= files[2 + 3 * i] == (unsigned long)written_file;
  TRUE("file-mapping", found);

  unsigned long *m = (unsigned long *)memory_of((void *)&marker, 8);
  TRUE("data", m && *m == 0x1234567890abcdef);
  char *p = memory_of(map, 2 * MIB);
  TRUE("heap", p && p[P] == 7 && p[2 * P - 1] == 7 && p[MIB + 5] == 8);
  TRUE("untouched", p && !p[0] && !p[2 * P] && !p[2 * MIB - 1]);
  TRUE("not-wanted", !memory_of(hidden, 1) && segment_of(hidden));
  TRUE("reserved", segment_of(reserved) && segment_of(reserved)->p_filesz == 0);
  p = memory_of(shared, P);
  TRUE("shared", p && *p == 9);
  TRUE("of-a-file", segment_of(from_file) && !memory_of(from_file, 1));
  p = memory_of(written_file, 2 * P);
  TRUE("copied-from-a-file", p && p[P] == 4 && !strcmp(p, "a file's text"));
  int stack = 0;
  for (int i = 0; i < segments(); i++)
    if (segment(i)->p_type == PT_LOAD && (uintptr_t)&stack - segment(i)->p_vaddr < segment(i)->p_memsz) stack = segment(i)->p_filesz > 0;
  TRUE("stack", stack);
}

// A thread that waits for one signal, whichever, is only a thread that waits when it is killed.
static void waiting(void) {
  for (int signal = 1; signal <= 64; signal++) {
    if (signal == 32 || signal == 33 || signal == SIGKILL || signal == SIGSTOP) continue;  // the C library's, and what nobody waits for
    pid_t pid = must(fork());
    if (!pid) {
      sigset_t set;
      siginfo_t info;
      sigemptyset(&set);
      sigaddset(&set, signal);
      sigprocmask(SIG_BLOCK, &set, NULL);
      _exit(sigwaitinfo(&set, &info) == signal);
    }
    until_asleep(pid, pid);
    must(kill(pid, SIGKILL));
    if (status_of(pid) != SIGKILL) EQ("killed", signal, 0);
  }
  EQ("all", waitpid(-1, NULL, 0), -1);
}

CHECK_MAIN(CASE(bit), CASE(places), CASE(contents), CASE(waiting))
