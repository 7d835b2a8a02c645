// What a new program finds on its stack: argc, argv, envp, the auxiliary vector (getauxval(3)).
#include "check.h"
#include <elf.h>
#include <link.h>
#include <sys/auxv.h>

extern char **environ;
extern char __executable_start[], _end[];

// The vector itself, in the order in which the kernel laid it out.
static Elf64_auxv_t *vector(void) {
  char **p = environ;
  while (*p) p++;
  return (Elf64_auxv_t *)(p + 1);
}

static const Elf64_auxv_t *entry(unsigned long type) {
  for (Elf64_auxv_t *a = vector(); a->a_type != AT_NULL; a++)
    if (a->a_type == type) return a;
  return NULL;
}

extern void _start(void);

static void values(void) {
  EQ("pagesz", getauxval(AT_PAGESZ), 4096);
  EQ("clktck", getauxval(AT_CLKTCK), 100);
  EQ("uid", getauxval(AT_UID), 0);
  EQ("euid", getauxval(AT_EUID), 0);
  EQ("gid", getauxval(AT_GID), 0);
  EQ("egid", getauxval(AT_EGID), 0);
  EQ("secure", getauxval(AT_SECURE), 0);
  EQ("base", getauxval(AT_BASE), 0);
  EQ("entry", getauxval(AT_ENTRY), (uintptr_t)_start);
  EQ("phent", getauxval(AT_PHENT), sizeof(Elf64_Phdr));
  STR("execfn", (char *)getauxval(AT_EXECFN), check_self);
  const char *types[] = {"phdr", "phnum", "random", "hwcap"};
  const unsigned long ids[] = {AT_PHDR, AT_PHNUM, AT_RANDOM, AT_HWCAP};
  for (int i = 0; i < 4; i++) {
    char name[32];
    snprintf(name, sizeof name, "has-%s", types[i]);
    TRUE(name, entry(ids[i]) != NULL);
  }
#ifdef __riscv
  unsigned long want = 0;
  for (const char *c = "imafdc"; *c; c++) want |= 1ul << (*c - 'a');
  EQ("hwcap-imafdc", getauxval(AT_HWCAP) & want, want);
#else
  EQ("hwcap-imafdc", 0, 0);
#endif
}

static void program_headers(void) {
  Elf64_Phdr *p = (Elf64_Phdr *)getauxval(AT_PHDR);
  int n = getauxval(AT_PHNUM), loads = 0, tls = 0, inside = 1;
  for (int i = 0; i < n; i++) {
    loads += p[i].p_type == PT_LOAD;
    tls += p[i].p_type == PT_TLS;
    if (p[i].p_type == PT_LOAD)
      inside &= p[i].p_vaddr >= (uintptr_t)__executable_start && p[i].p_vaddr + p[i].p_memsz <= (uintptr_t)_end + 4096;
  }
  TRUE("loads", loads >= 2);
  EQ("tls", tls, 1);
  TRUE("inside", inside);
  TRUE("elf-header-mapped", !memcmp(__executable_start, ELFMAG, SELFMAG));
}

static void randomness(void) {
  // Sixteen bytes that differ from run to run.
  unsigned char *r = (unsigned char *)getauxval(AT_RANDOM), other[16] = {0};
  TRUE("there", r != NULL);
  int p[2];
  pipe(p);
  pid_t pid = fork();
  if (pid == 0) {
    dup2(p[1], 3);
    execl(check_self, check_self, "+random", NULL);
    _exit(1);
  }
  EQ("child", status_of(pid), 0);
  EQ("read", read(p[0], other, 16), 16);
  TRUE("differs", memcmp(r, other, 16));
  close(p[0]), close(p[1]);
}

static void stack_layout(void) {
  char **argv = environ - 1;
  while (argv[-1] != (char *)(uintptr_t)(environ - 1 - argv)) argv--;
  TRUE("argc-below-argv", *(long *)(argv - 1) >= 1);
  EQ("aligned", (uintptr_t)(argv - 1) % 16, 0);
  STR("argv-0", argv[0], check_self);
  TRUE("argv-ends", environ[-1] == NULL);
  // Strings lie above the vector, in order, without gaps.
  int packed = 1;
  for (char **e = environ; e[0] && e[1]; e++) packed &= e[1] == e[0] + strlen(e[0]) + 1;
  TRUE("strings-packed", packed);
  TRUE("strings-above", (uintptr_t)argv[0] > (uintptr_t)vector());
}

static void empty_vectors(void) {
  // Linux gives a program without argv[0] an empty one (execve(2), since 5.18).
  pid_t pid = fork();
  if (pid == 0) {
    char *none[] = {NULL};
    execve(check_self, none, none);
    _exit(1);
  }
  int status = status_of(pid);
  TRUE("argc-0", status == 0);
}

static int second(int argc, char **argv) {
  (void)argc, (void)argv;
  return write(3, (void *)getauxval(AT_RANDOM), 16) == 16 ? 0 : 1;
}

static const struct check_case check_cases[] = {CASE(values), CASE(program_headers), CASE(randomness), CASE(stack_layout),
                                                CASE(empty_vectors)};
int main(int argc, char **argv) {
  if (argc == 0) return 9;
  if (!argv[0][0]) return argc == 1 && !environ[0] ? 0 : 2;
  check_self = argv[0];
  if (argc > 1 && argv[1][0] == '+') return second(argc, argv);
  return check_main(argc, argv, check_cases, sizeof check_cases / sizeof check_cases[0]);
}
