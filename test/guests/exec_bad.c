// Programs that cannot be: wrong kind, truncated, absurd segments. The kernel refuses them, or the new program dies; the
// caller's own image must never be harmed by a refusal.
#include "check.h"
#include <elf.h>
#include <stddef.h>

#ifndef EM_RISCV
#define EM_RISCV 243
#endif
#ifdef __riscv
enum { MACHINE = EM_RISCV, OTHER = EM_X86_64 };
// li a7,93; li a0,42; ecall
static const uint32_t code[] = {0x05d00893, 0x02a00513, 0x00000073};
#else
enum { MACHINE = EM_X86_64, OTHER = EM_RISCV };
static const unsigned char code[] = {0xb8, 60, 0, 0, 0, 0xbf, 42, 0, 0, 0, 0x0f, 0x05};
#endif

enum { P = 4096, BASE = 0x400000 };
struct image {
  Elf64_Ehdr e;
  Elf64_Phdr p[4];
  unsigned char text[2 * P];
};
static struct image image;

// A right program with one segment that ends with status 42.
static struct image *fresh(void) {
  memset(&image, 0, sizeof image);
  image.e = (Elf64_Ehdr){
      .e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB, EV_CURRENT},
      .e_type = ET_EXEC,
      .e_machine = MACHINE,
      .e_version = EV_CURRENT,
      .e_entry = BASE + offsetof(struct image, text),
      .e_phoff = offsetof(struct image, p),
      .e_ehsize = sizeof(Elf64_Ehdr),
      .e_phentsize = sizeof(Elf64_Phdr),
      .e_phnum = 1,
      .e_flags = MACHINE == EM_RISCV ? 5 : 0,
  };
  image.p[0] = (Elf64_Phdr){PT_LOAD, PF_R | PF_X, 0, BASE, BASE, sizeof image, sizeof image, P};
  memcpy(image.text, code, sizeof code);
  return &image;
}

// What came of it: the program's exit code, the errno of the refusal + 1000, or minus the signal that killed it.
static int outcome(size_t size) {
  static int count;
  char path[32];
  snprintf(path, sizeof path, "./p%d", count++);
  int fd = must(open(path, O_WRONLY | O_CREAT | O_EXCL, 0755));
  if (must(write(fd, &image, size)) != (long)size) _exit(96);
  must(close(fd));
  int report[2];
  must(pipe2(report, O_CLOEXEC));
  pid_t pid = fork();
  if (pid == 0) {
    execl(path, path, NULL);
    int e = errno;
    write(report[1], &e, sizeof e);
    _exit(0);
  }
  close(report[1]);
  int e = 0;
  ssize_t n = read(report[0], &e, sizeof e);
  close(report[0]);
  int status = status_of(pid);
  unlink(path);
  if (n == sizeof e) return 1000 + e;
  return status & 0x7f ? -(status & 0x7f) : status >> 8;
}
enum { REFUSED = 1000 + ENOEXEC };

// Linux finds some of these only when the old image is gone, and then kills with SIGSEGV; to refuse them is as right.
static int harmless(int outcome) {
  return outcome == REFUSED || outcome == 1000 + ENOMEM || outcome == 1000 + EINVAL || outcome == -SIGSEGV ||
         outcome == -SIGKILL || outcome == -SIGBUS;
}

static void headers(void) {
  fresh();
  EQ("right", outcome(sizeof image), 42);
  fresh()->e.e_ident[EI_CLASS] = ELFCLASS32;
  EQ("32-bit", outcome(sizeof image), REFUSED);
  fresh()->e.e_machine = OTHER;
  EQ("other-machine", outcome(sizeof image), REFUSED);
  fresh()->e.e_type = ET_REL;
  EQ("object-file", outcome(sizeof image), REFUSED);
  fresh()->e.e_type = ET_CORE;
  EQ("core-file", outcome(sizeof image), REFUSED);
  fresh()->e.e_phentsize = 32;
  EQ("phentsize", outcome(sizeof image), REFUSED);
  fresh()->e.e_phnum = 0;
  EQ("no-headers", outcome(sizeof image), REFUSED);
  fresh()->e.e_phnum = 0xffff;
  EQ("too-many-headers", outcome(sizeof image), REFUSED);
  fresh()->e.e_ident[0] = 'X';
  EQ("not-elf", outcome(sizeof image), REFUSED);
}

static void truncated(void) {
  fresh();
  EQ("4-bytes", outcome(4), REFUSED);
  EQ("63-bytes", outcome(63), REFUSED);
  EQ("header-only", outcome(sizeof(Elf64_Ehdr)), REFUSED);
  EQ("half-program-header", outcome(sizeof(Elf64_Ehdr) + 20), REFUSED);
  // The segment says more than the file holds: the missing pages raise SIGBUS when touched.
  fresh()->e.e_entry = BASE + P + offsetof(struct image, text);
  memcpy(image.text + P, code, sizeof code);
  EQ("text-beyond-end", outcome(P), -SIGBUS);
}

static void segments(void) {
  fresh()->p[0].p_filesz = sizeof image + 1;
  TRUE("filesz-above-memsz", harmless(outcome(sizeof image)));
  fresh()->p[0].p_memsz = (uint64_t)1 << 60;
  TRUE("huge", harmless(outcome(sizeof image)));
  fresh()->p[0].p_vaddr = (uint64_t)-P;
  TRUE("wraps", harmless(outcome(sizeof image)));
  fresh()->p[0].p_memsz = (uint64_t)-BASE;
  TRUE("memsz-wraps", harmless(outcome(sizeof image)));
  fresh()->p[0].p_vaddr = (uint64_t)1 << 62;
  TRUE("beyond-user-space", harmless(outcome(sizeof image)));
  fresh()->p[0].p_offset = 100;
  TRUE("offset-not-congruent", harmless(outcome(sizeof image)));
  fresh()->e.e_entry = 0;
  EQ("entry-null", outcome(sizeof image), -SIGSEGV);
  fresh()->e.e_entry = (uint64_t)1 << 62;
  EQ("entry-wild", outcome(sizeof image), -SIGSEGV);
  fresh()->p[0].p_flags = PF_R;
  EQ("entry-not-executable", outcome(sizeof image), -SIGSEGV);
  fresh()->p[0].p_type = PT_NOTE;
  TRUE("nothing-to-load", harmless(outcome(sizeof image)));
}

static void overlapping(void) {
  // On Linux a later segment replaces what an earlier one mapped there.
  struct image *i = fresh();
  i->e.e_phnum = 2;
  i->p[1] = (Elf64_Phdr){PT_LOAD, PF_R | PF_X, 0, BASE, BASE, sizeof image, sizeof image, P};
  int got = outcome(sizeof image);
  TRUE("runs-or-is-refused", got == 42 || got == REFUSED);
}

static void zero_fill(void) {
  // bss: memory beyond the file part is zero, also within the last page.
  struct image *i = fresh();
  i->e.e_phnum = 2;
  i->p[1] = (Elf64_Phdr){PT_LOAD, PF_R | PF_W, 0, BASE + 0x100000, BASE + 0x100000, 100, 100 * P, P};
  EQ("large-bss", outcome(sizeof image), 42);
  i->p[1] = (Elf64_Phdr){PT_LOAD, PF_R | PF_W, 0, BASE + 0x100000, BASE + 0x100000, 0, 3 * P, P};
  EQ("only-bss", outcome(sizeof image), 42);
}

static void interpreters(void) {
  struct image *i = fresh();
  i->e.e_phnum = 2;
  strcpy((char *)i->text + 256, "/absent/ld.so");
  i->p[1] = (Elf64_Phdr){PT_INTERP, PF_R, offsetof(struct image, text) + 256, 0, 0, 14, 14, 1};
  EQ("absent", outcome(sizeof image), 1000 + ENOENT);
  i->p[1].p_filesz = 5;
  EQ("not-terminated", outcome(sizeof image), REFUSED);
  i->p[1].p_filesz = 1;
  EQ("empty", outcome(sizeof image), REFUSED);
  i->p[1].p_filesz = 100000;
  EQ("too-long", outcome(sizeof image), REFUSED);
}

CHECK_MAIN(CASE(headers), CASE(truncated), CASE(segments), CASE(overlapping), CASE(zero_fill), CASE(interpreters))
