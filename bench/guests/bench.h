// What the guests of the bench share: the clock, a line of JSON, giving up.
#pragma once
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static inline uint64_t now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

// One sample: nanoseconds for one of `count` repetitions.
static inline void report_ns(uint64_t total_ns, uint64_t count) {
  printf("{\"ns\":%.3f,\"count\":%llu}\n", (double)total_ns / (double)count, (unsigned long long)count);
}

static inline void check(int ok, const char *what) {
  if (ok) return;
  perror(what);
  exit(1);
}

// An argument as a number; without it, the default.
static inline long number(int argc, char **argv, int i, long fallback) {
  return i < argc ? strtol(argv[i], 0, 10) : fallback;
}
