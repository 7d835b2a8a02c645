// Moves bytes over one path of the kernel, for test/copies.test.ts, which counts how often they are copied.
//   copies [none | pipe BYTES | read FILE BYTES | mmap FILE BYTES]
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static char buffer[65536];

static int fail(const char *what) {
  perror(what);
  return 1;
}

int main(int argc, char **argv) {
  const char *mode = argc > 1 ? argv[1] : "none";
  size_t size = argc > 2 ? strtoul(argv[argc - 1], NULL, 0) : 0;
  memset(buffer, 1, sizeof buffer);
  if (strcmp(mode, "pipe") == 0) {
    int ends[2];
    if (pipe(ends) != 0) return fail("pipe");
    for (size_t done = 0; done < size; done += sizeof buffer) {
      if (write(ends[1], buffer, sizeof buffer) != (ssize_t)sizeof buffer) return fail("write");
      if (read(ends[0], buffer, sizeof buffer) != (ssize_t)sizeof buffer) return fail("read");
    }
  } else if (strcmp(mode, "read") == 0 || strcmp(mode, "mmap") == 0) {
    int fd = open(argv[2], O_RDONLY);
    if (fd < 0) return fail("open");
    unsigned long sum = 0;
    if (mode[0] == 'r') {
      for (size_t done = 0; done < size; done += sizeof buffer)
        if (read(fd, buffer, sizeof buffer) != (ssize_t)sizeof buffer) return fail("read");
    } else {
      unsigned char *map = mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);
      if (map == MAP_FAILED) return fail("mmap");
      for (size_t i = 0; i < size; i += 64) sum += map[i];
      if (sum == 0) return fail("an empty file");
    }
  }
  printf("ok %s\n", mode);
  return 0;
}
