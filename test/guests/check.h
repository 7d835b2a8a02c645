// The frame of a C guest: a table of cases, each a function that makes checks. A check prints one line, "ok case.name" or
// "FAIL case.name: got … want …", with one write(2), so that the lines of several processes never mix and nothing is
// printed twice after a fork. The run exits with 0 when all checks held and 1 otherwise. Arguments choose cases by name
// ("-name": all but this one).
// Lines hold no pid, address or time: the whole output is compared with qemu's byte by byte.
#pragma once
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

struct check_case {
  const char *name;
  void (*run)(void);
};
#define CASE(f) {#f, f}

static const char *check_case_name = "";
static int check_failures;

static __attribute__((unused, format(printf, 1, 2))) void put(const char *format, ...) {
  char line[512];
  va_list ap;
  va_start(ap, format);
  int n = vsnprintf(line, sizeof line, format, ap);
  va_end(ap);
  if (n > (int)sizeof line - 1) n = sizeof line - 1;
  for (int done = 0; done < n;) {
    ssize_t w = write(1, line + done, n - done);
    if (w < 0 && errno != EINTR) _exit(99);
    if (w > 0) done += w;
  }
}

static __attribute__((unused)) void check_number(const char *name, long long got, long long want) {
  if (got == want) {
    put("ok %s.%s\n", check_case_name, name);
    return;
  }
  check_failures++;
  put("FAIL %s.%s: got %lld (0x%llx) want %lld (0x%llx)\n", check_case_name, name, got, got, want, want);
}

static __attribute__((unused)) void check_truth(const char *name, int holds, const char *text) {
  if (holds) {
    put("ok %s.%s\n", check_case_name, name);
    return;
  }
  check_failures++;
  put("FAIL %s.%s: got false want %s\n", check_case_name, name, text);
}

static __attribute__((unused)) void check_string(const char *name, const char *got, const char *want) {
  if (got && !strcmp(got, want)) {
    put("ok %s.%s\n", check_case_name, name);
    return;
  }
  check_failures++;
  put("FAIL %s.%s: got \"%s\" want \"%s\"\n", check_case_name, name, got ? got : "(null)", want);
}

static __attribute__((unused)) const char *check_errno_name(int e) {
  const char *s = e ? strerrorname_np(e) : "success";
  return s ? s : "?";
}

static __attribute__((unused)) long check_good(const char *name, long result, int e) {
  if (result != -1) {
    put("ok %s.%s\n", check_case_name, name);
  } else {
    check_failures++;
    put("FAIL %s.%s: got %s want success\n", check_case_name, name, check_errno_name(e));
  }
  return result;
}

static __attribute__((unused)) void check_fails(const char *name, long result, int e, int want) {
  if (result == -1 && e == want) {
    put("ok %s.%s\n", check_case_name, name);
    return;
  }
  check_failures++;
  if (result == -1)
    put("FAIL %s.%s: got %s want %s\n", check_case_name, name, check_errno_name(e), check_errno_name(want));
  else
    put("FAIL %s.%s: got %ld want %s\n", check_case_name, name, result, check_errno_name(want));
}

// EQ compares two integers, TRUE takes a condition, STR two strings; GOOD wants a call that does not return -1 and hands
// its result on; FAILS wants -1 and this errno; FAILS_WITH takes a call that returns the errno itself (pthread_*, posix_*).
#define EQ(name, got, want) check_number(name, (long long)(got), (long long)(want))
#define TRUE(name, holds) check_truth(name, !!(holds), #holds)
#define STR(name, got, want) check_string(name, got, want)
#define GOOD(name, call)                          \
  ({                                              \
    errno = 0;                                    \
    long result_ = (long)(call);                  \
    check_good(name, result_, errno);             \
  })
#define FAILS(name, call, want)                   \
  ({                                              \
    errno = 0;                                    \
    long result_ = (long)(call);                  \
    check_fails(name, result_, errno, want);      \
  })
#define FAILS_WITH(name, call, want) EQ(name, call, want)

// must ends the guest where nothing after it could mean anything.
#define must(call)                                                                       \
  ({                                                                                     \
    long result_;                                                                        \
    errno = 0;                                                                           \
    while ((result_ = (long)(call)) == -1 && errno == EINTR) continue;                   \
    if (result_ == -1) {                                                                 \
      put("FAIL %s: line %d: %s\n", check_case_name, __LINE__, check_errno_name(errno)); \
      _exit(98);                                                                         \
    }                                                                                    \
    result_;                                                                             \
  })

#define EXITED(code) ((code) << 8)

// The raw wait status of one child; -1 when it is not ours.
static __attribute__((unused)) int status_of(pid_t pid) {
  int status = -1;
  while (waitpid(pid, &status, 0) == -1)
    if (errno != EINTR) return -1;
  return status;
}

static __attribute__((unused)) void write_file(const char *path, const char *text) {
  int fd = must(open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644));
  size_t n = strlen(text);
  if (must(write(fd, text, n)) != (long)n) _exit(97);
  must(close(fd));
}

// A whole small file as a string; NULL when it cannot be opened.
static __attribute__((unused)) char *read_file(const char *path) {
  static char text[65536];
  int fd = open(path, O_RDONLY);
  if (fd < 0) return NULL;
  size_t n = 0;
  for (ssize_t r; n < sizeof text - 1 && (r = read(fd, text + n, sizeof text - 1 - n)) != 0;) {
    if (r < 0 && errno == EINTR) continue;
    if (r < 0) break;
    n += r;
  }
  text[n] = 0;
  close(fd);
  return text;
}

static __attribute__((unused)) int64_t now_ns(clockid_t clock) {
  struct timespec t;
  clock_gettime(clock, &t);
  return t.tv_sec * 1000000000ll + t.tv_nsec;
}

// Waits until this thread sleeps in the kernel, so that what follows meets it there (proc(5), the third field of stat).
// The checks after it must hold as well when the thread was only about to sleep.
static __attribute__((unused)) void until_asleep(pid_t pid, pid_t tid) {
  char path[64], text[512];
  snprintf(path, sizeof path, "/proc/%d/task/%d/stat", pid, tid);
  for (;;) {
    int fd = open(path, O_RDONLY);
    if (fd < 0) return;
    ssize_t n = read(fd, text, sizeof text - 1);
    close(fd);
    if (n <= 0) return;
    text[n] = 0;
    char *end = strrchr(text, ')');
    if (end && (end[2] == 'S' || end[2] == 'Z' || end[2] == 'X')) return;
    sched_yield();
  }
}

static __attribute__((unused)) int check_main(int argc, char **argv, const struct check_case *cases, int n) {
  static char start[PATH_MAX];
  if (!getcwd(start, sizeof start)) strcpy(start, ".");
  for (int i = 0; i < n; i++) {
    int chosen = argc < 2 || argv[1][0] == '-';
    for (int a = 1; a < argc; a++) {
      if (!strcmp(argv[a], cases[i].name)) chosen = 1;
      if (argv[a][0] == '-' && !strcmp(argv[a] + 1, cases[i].name)) chosen = 0;
    }
    if (!chosen) continue;
    check_case_name = cases[i].name;
    // Each case works in a folder of its own.
    if (mkdir(cases[i].name, 0755) == 0) must(chdir(cases[i].name));
    cases[i].run();
    must(chdir(start));
  }
  return check_failures ? 1 : 0;
}
// A guest that runs itself again gives a function for that: it gets the arguments first, and ends the process when they
// are for it (argv[1] starts with '+').
static __attribute__((unused)) const char *check_self = "";
#define CHECK_MAIN_AFTER(first, ...)                                           \
  static const struct check_case check_cases[] = {__VA_ARGS__};                \
  int main(int argc, char **argv) {                                            \
    check_self = argv[0];                                                      \
    if (argc > 1 && argv[1][0] == '+') return first(argc, argv);               \
    return check_main(argc, argv, check_cases, sizeof check_cases / sizeof check_cases[0]); \
  }
#define CHECK_MAIN(...)                                                        \
  static const struct check_case check_cases[] = {__VA_ARGS__};                \
  int main(int argc, char **argv) {                                            \
    return check_main(argc, argv, check_cases, sizeof check_cases / sizeof check_cases[0]); \
  }
