/* Signals, interrupted calls, a stopped child and a thread: each a line of strace's own kind. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define CALL(name, ...) syscall(SYS_##name, __VA_ARGS__)

static int p[2], q[2];

static void tell(int signal) { write(p[1], "s", 1); }

static void *other(void *unused) {
  char c;
  write(q[1], "a", 1);
  read(p[0], &c, 1);
  write(q[1], "b", 1);
  read(p[0], &c, 1);
  return 0;
}

static void in(long us) {
  struct itimerval after = {{0, 0}, {0, us}};
  CALL(setitimer, ITIMER_REAL, &after, NULL);
}

/* Stops a child in its sleep and lets it go on. */
static void stop(void) {
  char name[40], text[200];
  pid_t pid = fork();
  if (pid == 0) {
    struct timespec second = {1, 0};
    CALL(nanosleep, &second, NULL);
    _exit(0);
  }
  snprintf(name, sizeof name, "/proc/%d/stat", pid);
  for (char *state = NULL; state == NULL || state[2] != 'S';) {
    int fd = open(name, O_RDONLY);
    long n = read(fd, text, sizeof text - 1);
    text[n < 0 ? 0 : n] = 0;
    close(fd);
    state = strrchr(text, ')');
  }
  int status;
  kill(pid, SIGSTOP);
  waitpid(pid, &status, WUNTRACED);
  kill(pid, SIGCONT);
  waitpid(pid, &status, 0);
}

int main(int argc, char **argv) {
  char c;
  pipe(p);
  pipe(q);
  if (argc > 1) {
    stop();
    return 0;
  }
  CALL(write, -7, &c, 0);
  struct sigaction act = {.sa_handler = tell};
  sigaction(SIGALRM, &act, NULL);
  unsigned long none = 0;
  in(20000);
  CALL(rt_sigsuspend, &none, 8);
  in(20000);
  struct timespec long_time = {1000, 0};
  CALL(nanosleep, &long_time, &long_time);
  read(p[0], &c, 1);
  read(p[0], &c, 1);
  act.sa_flags = SA_RESTART;
  sigaction(SIGALRM, &act, NULL);
  in(20000);
  read(p[0], &c, 1);
  pthread_t thread;
  pthread_create(&thread, NULL, other, NULL);
  read(q[0], &c, 1);
  write(p[1], "x", 1);
  read(q[0], &c, 1);
  CALL(write, -7, &c, 0);
  _exit(5);
}
