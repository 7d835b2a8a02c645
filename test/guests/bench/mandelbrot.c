// Mandelbrot set, scalar double precision: short dependent chains of multiply and add.
#include <stdint.h>
#include <stdio.h>

enum { SIZE = 480, LIMIT = 200 };

int main(void) {
  uint32_t sum = 0;
  for (int py = 0; py < SIZE; py++)
    for (int px = 0; px < SIZE; px++) {
      double cr = 3.0 * px / SIZE - 2.0, ci = 2.0 * py / SIZE - 1.0, zr = 0, zi = 0, r2 = 0, i2 = 0;
      int n = 0;
      while (n < LIMIT && r2 + i2 <= 4.0) {
        zi = 2 * zr * zi + ci, zr = r2 - i2 + cr;
        r2 = zr * zr, i2 = zi * zi, n++;
      }
      sum = sum * 31 + n;
    }
  printf("mandelbrot %08x\n", sum);
  return 0;
}
