// Calls: naive Fibonacci, Ackermann and calls through a table of function pointers.
#include <stdint.h>
#include <stdio.h>

__attribute__((noinline, optimize("no-optimize-sibling-calls"))) static uint64_t fib(uint64_t n) {
  return n < 2 ? n : fib(n - 1) + fib(n - 2);
}

__attribute__((noinline)) static uint64_t ackermann(uint64_t m, uint64_t n) {
  if (!m) return n + 1;
  if (!n) return ackermann(m - 1, 1);
  return ackermann(m - 1, ackermann(m, n - 1));
}

__attribute__((noinline)) static uint64_t inc(uint64_t x) { return x + 1; }
__attribute__((noinline)) static uint64_t twice(uint64_t x) { return x * 2; }
__attribute__((noinline)) static uint64_t fold(uint64_t x) { return x ^ (x >> 7); }
__attribute__((noinline)) static uint64_t drop(uint64_t x) { return x - 3; }
static uint64_t (*volatile ops[4])(uint64_t) = {inc, twice, fold, drop};

int main(void) {
  uint64_t sum = fib(33), x = 1;
  for (int i = 0; i < 1; i++) sum += ackermann(3, 8);
  for (uint32_t i = 0; i < 8000000; i++) x = ops[(i ^ (i >> 3)) & 3](x);
  printf("calls %lx\n", (unsigned long)(sum ^ x));
  return 0;
}
