// Integer matrix product, row by column: two load streams (one strided), multiply, add.
#include <stdint.h>
#include <stdio.h>

enum { N = 256, ROUNDS = 10 };
static int32_t a[N][N], b[N][N], c[N][N];

static void multiply(void) {
  for (int i = 0; i < N; i++)
    for (int j = 0; j < N; j++) {
      int32_t sum = 0;
      for (int k = 0; k < N; k++) sum += a[i][k] * b[k][j];
      c[i][j] = sum;
    }
}

int main(void) {
  uint32_t sum = 0;
  for (int i = 0; i < N; i++)
    for (int j = 0; j < N; j++) a[i][j] = i * 3 + j, b[i][j] = i - j * 7;
  for (int r = 0; r < ROUNDS; r++) {
    multiply();
    for (int i = 0; i < N; i++)
      for (int j = 0; j < N; j++) sum = sum * 31 + (uint32_t)c[i][j], a[i][j] += c[j][i] & 15;
  }
  printf("matrix %08x\n", sum);
  return 0;
}
