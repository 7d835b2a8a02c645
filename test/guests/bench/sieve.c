// Sieve of Eratosthenes over a byte array: byte stores with a stride, byte loads in sequence.
#include <stdio.h>
#include <string.h>

enum { LIMIT = 2000000, ROUNDS = 24 };
static unsigned char composite[LIMIT + 1];

int main(void) {
  unsigned long sum = 0;
  for (int round = 0; round < ROUNDS; round++) {
    memset(composite, 0, sizeof composite);
    for (int i = 2; i * i <= LIMIT; i++)
      if (!composite[i])
        for (int j = i * i; j <= LIMIT; j += i) composite[j] = 1;
    for (int i = 2; i <= LIMIT; i++)
      if (!composite[i]) sum += i ^ round;
  }
  printf("sieve %lu\n", sum);
  return 0;
}
