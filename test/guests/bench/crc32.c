// Table-driven CRC-32 (IEEE 802.3): a dependent chain of xor, shift and table load.
#include <stdint.h>
#include <stdio.h>

enum { SIZE = 1 << 20, ROUNDS = 96 };
static uint32_t table[256];
static uint8_t data[SIZE];

static uint32_t crc32(uint32_t crc, const uint8_t *p, unsigned long n) {
  crc = ~crc;
  while (n--) crc = table[(crc ^ *p++) & 255] ^ (crc >> 8);
  return ~crc;
}

int main(void) {
  for (uint32_t i = 0; i < 256; i++) {
    uint32_t c = i;
    for (int k = 0; k < 8; k++) c = c & 1 ? 0xEDB88320u ^ (c >> 1) : c >> 1;
    table[i] = c;
  }
  uint32_t seed = 1;
  for (int i = 0; i < SIZE; i++) data[i] = (seed = seed * 1664525u + 1013904223u) >> 24;
  uint32_t crc = 0;
  for (int r = 0; r < ROUNDS; r++) crc = crc32(crc, data, SIZE);
  printf("crc32 %08x\n", crc);
  return 0;
}
