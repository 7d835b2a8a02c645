// The vDSO: an ELF image at AT_SYSINFO_EHDR with functions of version LINUX_4.15 (vdso(7), "riscv functions"). qemu-user 7.2
// has none, so under it every case is left out.
#include "check.h"
#include <elf.h>
#include <sys/auxv.h>
#include <sys/time.h>
#ifdef __riscv

// The dynamic section's entries as this test needs them.
static const char *base, *strings;
static const Elf64_Sym *symbols;
static const uint32_t *hash;
static const uint16_t *versions;
static const Elf64_Verdef *definitions;

static int open_image(void) {
  base = (const char *)getauxval(AT_SYSINFO_EHDR);
  if (!base || memcmp(base, ELFMAG, SELFMAG)) return 0;
  const Elf64_Ehdr *e = (const Elf64_Ehdr *)base;
  const Elf64_Phdr *p = (const Elf64_Phdr *)(base + e->e_phoff);
  for (int i = 0; i < e->e_phnum; i++) {
    if (p[i].p_type != PT_DYNAMIC) continue;
    for (const Elf64_Dyn *d = (const Elf64_Dyn *)(base + p[i].p_vaddr); d->d_tag != DT_NULL; d++) {
      const char *at = base + d->d_un.d_ptr;
      if (d->d_tag == DT_STRTAB) strings = at;
      if (d->d_tag == DT_SYMTAB) symbols = (const Elf64_Sym *)at;
      if (d->d_tag == DT_HASH) hash = (const uint32_t *)at;
      if (d->d_tag == DT_VERSYM) versions = (const uint16_t *)at;
      if (d->d_tag == DT_VERDEF) definitions = (const Elf64_Verdef *)at;
    }
  }
  return strings && symbols && hash && versions && definitions;
}

// The function of that name and of version LINUX_4.15, or NULL.
static void *function(const char *name) {
  for (uint32_t i = 1; i < hash[1]; i++) {
    if (strcmp(strings + symbols[i].st_name, name)) continue;
    const Elf64_Verdef *d = definitions;
    for (;; d = (const Elf64_Verdef *)((const char *)d + d->vd_next)) {
      const Elf64_Verdaux *a = (const Elf64_Verdaux *)((const char *)d + d->vd_aux);
      if (d->vd_ndx == (versions[i] & 0x7fff)) return strcmp(strings + a->vda_name, "LINUX_4.15") ? NULL : (void *)(base + symbols[i].st_value);
      if (!d->vd_next) return NULL;
    }
  }
  return NULL;
}

static void image(void) {
  TRUE("elf", open_image());
  EQ("machine", ((const Elf64_Ehdr *)base)->e_machine, EM_RISCV);
  EQ("type", ((const Elf64_Ehdr *)base)->e_type, ET_DYN);
  static const char *names[] = {"__vdso_rt_sigreturn", "__vdso_gettimeofday", "__vdso_clock_gettime", "__vdso_clock_getres",
                                "__vdso_getcpu", "__vdso_flush_icache", "__vdso_riscv_hwprobe"};
  for (unsigned i = 0; i < sizeof names / sizeof names[0]; i++) TRUE(names[i] + 7, function(names[i]) != NULL);
  TRUE("no-other", function("__vdso_nothing") == NULL);
  FILE *f = fopen("/proc/self/maps", "r");
  char line[256];
  unsigned long from = 0;
  while (f && fgets(line, sizeof line, f))
    if (strstr(line, "[vdso]")) sscanf(line, "%lx-", &from);
  TRUE("in-maps", from == (unsigned long)base);
}

static int64_t ns(const struct timespec *t) { return t->tv_sec * 1000000000LL + t->tv_nsec; }

static void clocks(void) {
  TRUE("elf", open_image());
  int (*gettime)(clockid_t, struct timespec *) = (int (*)(clockid_t, struct timespec *))function("__vdso_clock_gettime");
  static const struct {
    const char *name;
    clockid_t id;
  } all[] = {{"realtime", 0}, {"monotonic", 1}, {"process", 2}, {"thread", 3}, {"raw", 4}, {"realtime-coarse", 5}, {"monotonic-coarse", 6}, {"boottime", 7}};
  for (unsigned i = 0; i < sizeof all / sizeof all[0]; i++) {
    // Read in turns by call and by function: time never goes back.
    struct timespec t;
    int64_t last = 0, back = 0;
    for (int k = 0; k < 300; k++) {
      int r = k & 1 ? gettime(all[i].id, &t) : (int)syscall(SYS_clock_gettime, all[i].id, &t);
      if (r != 0 || ns(&t) < last || t.tv_nsec < 0 || t.tv_nsec > 999999999) back++;
      last = ns(&t);
    }
    EQ(all[i].name, back, 0);
  }
  struct timespec t;
  EQ("bad-clock", gettime(99, &t), -EINVAL);
  EQ("negative-clock", gettime(-1000 * 8 + 2, &t), -EINVAL);
  int (*tod)(struct timeval *, void *) = (int (*)(struct timeval *, void *))function("__vdso_gettimeofday");
  struct timeval v;
  syscall(SYS_clock_gettime, CLOCK_REALTIME, &t);
  EQ("gettimeofday", tod(&v, NULL), 0);
  int64_t apart = v.tv_sec * 1000000LL + v.tv_usec - ns(&t) / 1000;
  TRUE("gettimeofday-near", apart >= 0 && apart < 1000000);
  int zone[2] = {7, 7};
  EQ("zone", tod(&v, zone), 0);
  EQ("zone-zero", zone[0] | zone[1], 0);
  EQ("nothing", tod(NULL, NULL), 0);
}

static void others(void) {
  TRUE("elf", open_image());
  unsigned cpu = 999;
  EQ("getcpu", ((int (*)(unsigned *, unsigned *, void *))function("__vdso_getcpu"))(&cpu, NULL, NULL), 0);
  TRUE("getcpu-number", cpu < 64);
  int (*flush)(void *, void *, unsigned long) = (int (*)(void *, void *, unsigned long))function("__vdso_flush_icache");
  EQ("flush", flush(NULL, NULL, 0), 0);
  EQ("flush-local", flush(NULL, NULL, 1), 0);
  EQ("flush-bad", flush(NULL, NULL, 2), -EINVAL);
  struct {
    int64_t key;
    uint64_t value;
  } pairs[3] = {{3, 0}, {4, 0}, {12345, 9}};
  EQ("hwprobe", ((int (*)(void *, size_t, size_t, void *, unsigned))function("__vdso_riscv_hwprobe"))(pairs, 3, 0, NULL, 0), 0);
  EQ("hwprobe-base", pairs[0].value, 1);
  TRUE("hwprobe-extensions", (pairs[1].value & 3) == 3);
  EQ("hwprobe-unknown", pairs[2].key, -1);
}

CHECK_MAIN(CASE(image), CASE(clocks), CASE(others))
#else
static void not_here(void) {}
CHECK_MAIN(CASE(not_here))
#endif
