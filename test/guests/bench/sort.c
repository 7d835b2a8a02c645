// Quicksort, heapsort and insertion sort of pseudo-random words: unpredictable branches and swaps.
#include <stdint.h>
#include <stdio.h>

enum { N = 200000, ROUNDS = 5, SMALL = 16 };
static uint32_t v[N];

static void insertion(uint32_t *p, long n) {
  for (long i = 1; i < n; i++) {
    uint32_t x = p[i];
    long j = i;
    for (; j > 0 && p[j - 1] > x; j--) p[j] = p[j - 1];
    p[j] = x;
  }
}

static void quick(uint32_t *p, long n) {
  while (n > SMALL) {
    uint32_t pivot = p[n / 2];
    long i = 0, j = n - 1;
    while (i <= j) {
      while (p[i] < pivot) i++;
      while (p[j] > pivot) j--;
      if (i <= j) {
        uint32_t t = p[i];
        p[i++] = p[j], p[j--] = t;
      }
    }
    quick(p, j + 1);
    p += i, n -= i;
  }
  insertion(p, n);
}

static void heap(uint32_t *p, long n) {
  for (long start = n / 2 - 1, end = n - 1;;) {
    long root;
    if (start >= 0) {
      root = start--;
    } else {
      if (end <= 0) return;
      uint32_t t = p[0];
      p[0] = p[end], p[end--] = t, root = 0;
    }
    for (long child; (child = 2 * root + 1) <= end; root = child) {
      if (child < end && p[child] < p[child + 1]) child++;
      if (p[root] >= p[child]) break;
      uint32_t t = p[root];
      p[root] = p[child], p[child] = t;
    }
  }
}

int main(void) {
  uint32_t seed = 3, sum = 0;
  for (int r = 0; r < ROUNDS * 2; r++) {
    for (int i = 0; i < N; i++) v[i] = (seed = seed * 1664525u + 1013904223u) >> 3;
    if (r & 1) heap(v, N);
    else quick(v, N);
    for (int i = 0; i < N; i++) sum = sum * 33 + v[i];
  }
  printf("sort %08x\n", sum);
  return 0;
}
