// A dynamically linked program, built against glibc and against musl: thread-local storage in all its models, libraries
// that are linked, opened and preloaded, locales, and what a loader must leave right: signals, fork, unwinding of jumps.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <iconv.h>
#include <langinfo.h>
#include <link.h>
#include <locale.h>
#include <pthread.h>
#include <regex.h>
#include <setjmp.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <wchar.h>

extern char **environ;
extern __thread int linked_shared;
extern int linked_next(int by);
extern int linked_interposed(void);

static __thread int own = 1;
static __thread int own_zero;
static int atfork;

int interposed(void) { return 2; }

typedef long (*next_fn)(int);
static next_fn loaded_next;
static pthread_barrier_t barrier;

struct result {
  int own, shared, linked;
  long loaded;
};

static void *thread(void *argument) {
  struct result *result = argument;
  int by = result->own;
  own += by;
  own_zero -= by;
  linked_shared += by;
  result->linked = linked_next(by);
  // The library is opened between these two, so its thread-local storage is made for threads that run.
  pthread_barrier_wait(&barrier);
  pthread_barrier_wait(&barrier);
  for (int i = 0; i < 100; i++) result->loaded = loaded_next(by);
  result->own = own + own_zero;
  result->shared = linked_shared;
  return NULL;
}

static int module(struct dl_phdr_info *info, size_t size, void *count) {
  (void)size;
  // The kernel's own object is there under some kernels and not under others.
  if (strstr(info->dlpi_name, "vdso") != NULL) return 0;
  const char *name = strrchr(info->dlpi_name, '/');
  int loads = 0;
  for (int i = 0; i < info->dlpi_phnum; i++) loads += info->dlpi_phdr[i].p_type == PT_TLS;
  if (*info->dlpi_name != 0 && info->dlpi_addr != getauxval(AT_SYSINFO_EHDR)) printf("module %s tls %d\n", name == NULL ? info->dlpi_name : name + 1, loads);
  ++*(int *)count;
  return 0;
}

static void locales(void) {
  printf("locale %s, codeset", setlocale(LC_ALL, ""));
  printf(" %s\n", nl_langinfo(CODESET));
  wchar_t wide[32];
  size_t length = mbstowcs(wide, "grüße, 世界", 32);
  printf("%zu characters, %d columns, collates %d\n", length, wcswidth(wide, length), strcoll("a", "b") < 0);
  printf("%ls %5.2f %s\n", wide, 3.14159, nl_langinfo(DAY_1));
  iconv_t converter = iconv_open("UTF-16LE", "UTF-8");
  if (converter == (iconv_t)-1) {
    printf("iconv: errno %d\n", errno);
  } else {
    char in[] = "é世", out[16] = {0}, *from = in, *to = out;
    size_t left = strlen(in), room = sizeof out;
    iconv(converter, &from, &left, &to, &room);
    for (char *c = out; c < to; c++) printf("%02x", (unsigned char)*c);
    printf(" converted\n");
    iconv_close(converter);
  }
  regex_t expression;
  regmatch_t match[2];
  regcomp(&expression, "([[:alpha:]]+)ße", REG_EXTENDED);
  printf("regexec %d", regexec(&expression, "viele grüße", 2, match, 0));
  printf(" at %d to %d\n", (int)match[1].rm_so, (int)match[1].rm_eo);
  regfree(&expression);
  struct tm tm;
  time_t zero = 86400 * 200;
  localtime_r(&zero, &tm);
  char text[64];
  strftime(text, sizeof text, "%A %d %B %Y %H:%M %Z", &tm);
  puts(text);
}

static sigjmp_buf back;
static int *volatile nowhere;
static void fault(int signal) {
  (void)signal;
  siglongjmp(back, own);
}
static void forked(void) { atfork++; }

static void processes(void) {
  // Thread-local storage is right in a handler, after a jump out of it, and in a child.
  struct sigaction action = {.sa_handler = fault};
  sigaction(SIGSEGV, &action, NULL);
  own = 77;
  int jumped = sigsetjmp(back, 1);
  if (jumped == 0) *nowhere = 1;
  printf("jumped with %d\n", jumped);
  pthread_atfork(forked, NULL, forked);
  fflush(stdout);
  pid_t child = fork();
  if (child == 0) {
    linked_shared = 123;
    printf("child: own %d, linked %d, atfork %d\n", own, linked_next(0) / 1000, atfork);
    exit(9);
  }
  int status;
  waitpid(child, &status, 0);
  printf("child ended with %d; linked here %d\n", WEXITSTATUS(status), linked_shared);
  char *argv[] = {"echo", "spawned", NULL};
  fflush(stdout);
  int error = posix_spawnp(&child, "echo", NULL, NULL, argv, environ);
  if (error == 0) waitpid(child, &status, 0);
  printf("posix_spawn %d\n", error);
}

int main(int argc, char **argv) {
  setvbuf(stdout, NULL, _IOFBF, 4096);
  printf("main: own %d %d, shared %d, interposed %d, abs %d\n", own, own_zero, linked_shared, linked_interposed(), abs(-argc));
  pthread_t threads[4];
  struct result results[4];
  pthread_barrier_init(&barrier, NULL, 5);
  for (int i = 0; i < 4; i++) {
    results[i].own = i + 1;
    pthread_create(&threads[i], NULL, thread, &results[i]);
  }
  pthread_barrier_wait(&barrier);
  char path[4096];
  snprintf(path, sizeof path, "%.*s/libloaded.so", (int)(strrchr(argv[0], '/') - argv[0]), argv[0]);
  void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  if (library == NULL) {
    printf("dlopen: %s\n", dlerror());
    return 1;
  }
  loaded_next = (next_fn)dlsym(library, "loaded_next");
  pthread_barrier_wait(&barrier);
  for (int i = 0; i < 4; i++) {
    pthread_join(threads[i], NULL);
    printf("thread %d: %d %d %d %ld\n", i, results[i].own, results[i].shared, results[i].linked, results[i].loaded);
  }
  printf("main: own %d %d, shared %d, loaded %ld\n", own, own_zero, linked_shared, loaded_next(1));
  Dl_info info;
  printf("dladdr %s in %s\n", dladdr((void *)loaded_next, &info) ? info.dli_sname : "?", strrchr(info.dli_fname, '/') + 1);
  printf("dlsym of nothing: %s\n", dlsym(library, "nothing_of_this_name") == NULL && dlerror() != NULL ? "refused" : "found");
  printf("dlopen of nothing: %s\n", dlopen("/nope/libnope.so", RTLD_NOW) == NULL ? "refused" : "opened");
  int modules = 0;
  dl_iterate_phdr(module, &modules);
  printf("dlclose %d\n", dlclose(library));
  locales();
  processes();
  puts("main: returns");
  return 7;
}
