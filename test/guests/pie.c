// A static PIE without a libc: the kernel places it, it relocates itself (R_RISCV_RELATIVE), and checks what it was given.
#include <elf.h>
#include <stdint.h>

#define R_RISCV_RELATIVE 3

static long call(long number, long a, long b, long c) {
  register long a7 __asm__("a7") = number;
  register long a0 __asm__("a0") = a;
  register long a1 __asm__("a1") = b;
  register long a2 __asm__("a2") = c;
  __asm__ volatile("ecall" : "+r"(a0) : "r"(a1), "r"(a2), "r"(a7) : "memory");
  return a0;
}

static int failures;

static void check(const char *name, int holds) {
  char line[64] = "ok ";
  char *p = line + 3;
  if (!holds) {
    failures++;
    for (const char *f = "FAIL "; *f; f++) p[-3 + (f - "FAIL ")] = *f;
    p = line + 5;
  }
  for (const char *n = name; *n; n++) *p++ = *n;
  *p++ = '\n';
  call(64, 1, (long)line, p - line);
}

static int target = 42;
static int *const pointers[] = {&target, &failures};  // wants relocation
extern char __ehdr_start[] __attribute__((visibility("hidden")));
extern Elf64_Dyn _DYNAMIC[] __attribute__((visibility("hidden")));
void _start(void);

__attribute__((used, noreturn)) static void begin(long *stack) {
  uintptr_t base = (uintptr_t)__ehdr_start;
  Elf64_Rela *rela = 0;
  long count = 0;
  for (Elf64_Dyn *d = _DYNAMIC; d->d_tag != DT_NULL; d++) {
    if (d->d_tag == DT_RELA) rela = (Elf64_Rela *)(base + d->d_un.d_ptr);
    if (d->d_tag == DT_RELASZ) count = d->d_un.d_val / sizeof(Elf64_Rela);
  }
  for (long i = 0; i < count; i++)
    if (ELF64_R_TYPE(rela[i].r_info) == R_RISCV_RELATIVE)
      *(uintptr_t *)(base + rela[i].r_offset) = base + rela[i].r_addend;
  long *p = stack + 1 + *stack + 1;  // past argc, argv and its end
  while (*p) p++;
  uintptr_t entry = 0, headers = 0, base_aux = 1;
  for (Elf64_auxv_t *a = (Elf64_auxv_t *)(p + 1); a->a_type != AT_NULL; a++) {
    if (a->a_type == AT_ENTRY) entry = a->a_un.a_val;
    if (a->a_type == AT_PHDR) headers = a->a_un.a_val;
    if (a->a_type == AT_BASE) base_aux = a->a_un.a_val;
  }
  check("relocations", count > 0);
  check("pointer", pointers[0] == &target && *pointers[0] == 42);
  check("base-aligned", base % 4096 == 0 && base != 0);
  check("entry", entry == (uintptr_t)_start);
  check("headers", headers == base + ((Elf64_Ehdr *)base)->e_phoff);
  check("no-interpreter", base_aux == 0);
  check("stack-aligned", (uintptr_t)stack % 16 == 0);
  uintptr_t top = call(214, 0, 0, 0);
  check("brk-elsewhere-or-after", top >= base + ((Elf64_Ehdr *)base)->e_ehsize || top < base);
  check("brk-grows", (uintptr_t)call(214, top + 8192, 0, 0) == top + 8192);
  *(volatile char *)(top + 8000) = 1;
  call(94, failures != 0, 0, 0);
  __builtin_unreachable();
}

__asm__(".global _start\n_start:\n  .option push\n  .option norelax\n  lla gp, __global_pointer$\n  .option pop\n  mv a0, sp\n  andi sp, sp, -16\n  call begin\n");
