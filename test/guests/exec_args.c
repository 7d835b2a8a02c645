// How large arguments and environment may be (execve(2), "Limits on size of arguments and environment").
#include "check.h"
#include <sys/resource.h>

// What exec of this program with `count` arguments of `bytes` bytes each (with their ends) comes to: the new program's
// argc, or minus the errno.
static long run_with(int count, size_t bytes, int in_env) {
  char **argv = (char **)calloc(count + 3, sizeof *argv), **env = (char **)calloc(count + 3, sizeof *env);
  char *text = (char *)malloc(bytes);
  memset(text, 'x', bytes - 1);
  text[bytes - 1] = 0;
  argv[0] = (char *)"self", argv[1] = (char *)"+count";
  for (int i = 0; i < count; i++) (in_env ? env : argv)[(in_env ? 0 : 2) + i] = text;
  int report[2];
  must(pipe(report));
  pid_t child = must(fork());
  if (child == 0) {
    dup2(report[1], 3);
    execve(check_self, argv, env);
    long e = -errno;
    must(write(3, &e, sizeof e));
    _exit(1);
  }
  close(report[1]);
  long got = 0;
  must(read(report[0], &got, sizeof got));
  close(report[0]);
  must(waitpid(child, NULL, 0));
  free(argv), free(env), free(text);
  return got;
}

extern char **environ;
static int counts(int argc, char **argv) {
  (void)argv;
  long n = argc - 2;
  for (char **e = environ; *e; e++) n++;
  must(write(3, &n, sizeof n));
  return 0;
}

static void one_string(void) {
  EQ("largest", run_with(1, 131072, 0), 1);
  EQ("larger", run_with(1, 131073, 0), -E2BIG);
  EQ("largest-env", run_with(1, 131072, 1), 1);
  EQ("larger-env", run_with(1, 131073, 1), -E2BIG);
}

static void all_strings(void) {
  struct rlimit was, limit;
  must(getrlimit(RLIMIT_STACK, &was));
  limit = was;
  limit.rlim_cur = 2 << 20; // a quarter: 512 KiB
  must(setrlimit(RLIMIT_STACK, &limit));
  EQ("below", run_with(5, 100000, 0), 5);
  EQ("above", run_with(6, 100000, 0), -E2BIG);
  EQ("below-env", run_with(5, 100000, 1), 5);
  EQ("above-env", run_with(6, 100000, 1), -E2BIG);
  EQ("pointers", run_with(60000, 2, 0), -E2BIG); // 120 kB of strings, 480 kB of pointers
  EQ("fewer-pointers", run_with(50000, 2, 0), 50000);
  limit.rlim_cur = 256 << 10; // never below 128 KiB
  must(setrlimit(RLIMIT_STACK, &limit));
  EQ("least", run_with(12, 10000, 0), 12);
  EQ("above-least", run_with(14, 10000, 0), -E2BIG);
  must(setrlimit(RLIMIT_STACK, &was));
  EQ("default", run_with(18, 100000, 0), 18);
}

CHECK_MAIN_AFTER(counts, CASE(one_string), CASE(all_strings))
