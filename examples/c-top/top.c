/*
 * top FILE: the processes of a Foreshore machine whose memory is a file: a dump of one, or what a host that runs it shares
 * (`foreshore-native -share FILE …`), which is looked at while it changes.
 *
 *     cc -std=c11 -I…/@foreshore/abi/c -o top top.c
 *
 * Exit codes: 0 a table on standard output, 1 no machine that can be read, 2 wrong usage.
 */
#include "foreshore_abi.h"
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static const unsigned char *memory;
static size_t size;

static const char *state_name(fsh_process_run_state state) {
  switch (state) {
    case FSH_PROCESS_RUN_STATE_PREPARED: return "prepared";
    case FSH_PROCESS_RUN_STATE_RUNNING: return "running";
    case FSH_PROCESS_RUN_STATE_STOPPED: return "stopped";
    case FSH_PROCESS_RUN_STATE_ZOMBIE: return "zombie";
    default: return "?";
  }
}

/* A slot as it was at one moment; 0 when there is none, or it changes all the time. */
static int load(fsh_slot_kind kind, uint32_t index, void *to, size_t bytes) {
  const void *slot = index == 0 ? NULL : fsh_slot(memory, size, kind, index, bytes);
  return slot != NULL && fsh_slot_load(slot, to, bytes) == 1;
}

/* The header's first words are the same in every version; the others are believed once it fits. */
static const struct fsh_machine_header *machine(void) {
  const struct fsh_machine_header *header = (const void *)(memory + FSH_FIXED_HEADER_ADDRESS);
  if (size < FSH_FIXED_HEADER_ADDRESS + sizeof *header || header->magic != FSH_FIXED_MAGIC) {
    fprintf(stderr, "top: no machine that has booted\n");
    return NULL;
  }
  if (!fsh_abi_fits(header->abi_major, header->abi_minor, header->layout_hash_lo, header->layout_hash_hi)) {
    fprintf(stderr, "top: this program speaks ABI %d.%d (layout %08x%08x), the machine %u.%u (layout %08x%08x)\n", FSH_ABI_VERSION_MAJOR,
            FSH_ABI_VERSION_MINOR, FSH_LAYOUT_HASH_HI, FSH_LAYOUT_HASH_LO, header->abi_major, header->abi_minor,
            header->layout_hash_hi, header->layout_hash_lo);
    return NULL;
  }
  return header;
}

/* One more than the highest index in use, as the header says; no more than the memory can hold, whatever it says. */
static uint32_t end_of(const struct fsh_machine_header *header, fsh_slot_kind kind) {
  const struct fsh_slot_table *table = &header->tables[kind];
  uint64_t room = table->stride == 0 ? 0 : size / table->stride;
  uint32_t end = table->high_water < table->capacity ? table->high_water : table->capacity;
  return end < room ? end : (uint32_t)room;
}

/* What the living threads of a process have run; it has itself what those that ended have. */
static uint64_t instructions_of(uint32_t process, uint32_t end) {
  struct fsh_thread_slot t;
  uint64_t sum = 0;
  for (uint32_t index = 1; index < end; index++)
    if (load(FSH_SLOT_KIND_THREAD, index, &t, sizeof t) && t.state.tid != 0 && t.state.process == process) sum += t.cpu.instret;
  return sum;
}

static void process(uint32_t index, uint32_t threads) {
  struct fsh_process_slot p;
  struct fsh_process_slot parent;
  struct fsh_address_space_slot space;
  if (!load(FSH_SLOT_KIND_PROCESS, index, &p, sizeof p) || p.state.pid == 0) return;
  printf("%5u %5u %-8s %8llu KiB %14llu  %.16s\n", p.state.pid,
         load(FSH_SLOT_KIND_PROCESS, p.state.parent, &parent, sizeof parent) ? parent.state.pid : 0, state_name(p.state.run_state),
         load(FSH_SLOT_KIND_ADDRESS_SPACE, p.state.address_space, &space, sizeof space)
             ? (unsigned long long)space.state.resident_pages * (FSH_FIXED_PAGE_SIZE / 1024)
             : 0,
         (unsigned long long)(p.state.instret + instructions_of(index, threads)), (const char *)p.state.comm);
}

int main(int argc, char **argv) {
  struct stat file;
  int fd = argc == 2 ? open(argv[1], O_RDONLY) : -1;
  if (argc != 2) {
    fprintf(stderr, "usage: %s FILE\n", argv[0]);
    return 2;
  }
  if (fd < 0 || fstat(fd, &file) != 0) {
    perror(argv[1]);
    return 1;
  }
  size = (size_t)file.st_size;
  memory = size == 0 ? (const void *)"" : mmap(NULL, size, PROT_READ, MAP_SHARED, fd, 0);
  if (memory == MAP_FAILED) {
    perror("mmap");
    return 1;
  }
  const struct fsh_machine_header *header = machine();
  if (header == NULL) return 1;
  uint32_t end = end_of(header, FSH_SLOT_KIND_PROCESS);
  printf("  PID  PPID STATE       RESIDENT   INSTRUCTIONS  NAME\n");
  for (uint32_t index = 1; index < end; index++) process(index, end_of(header, FSH_SLOT_KIND_THREAD));
  return 0;
}
