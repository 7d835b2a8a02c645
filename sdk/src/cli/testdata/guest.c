// A program for tests of the command line: its first argument says what to do.
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static void note(int signal) {
  char text[] = "got signal  0\n";
  text[11] = signal >= 10 ? '0' + signal / 10 : ' ';
  text[12] = '0' + signal % 10;
  write(1, text, sizeof text - 1);
}

static void note_and_exit(int signal) {
  note(signal);
  _exit(3);
}

static void ready(void) { write(1, "ready\n", 6); }

int main(int argc, char **argv) {
  const char *what = argc > 1 ? argv[1] : "";
  static char buffer[65536];
  if (!strcmp(what, "exit")) return atoi(argv[2]);
  if (!strcmp(what, "raise")) {
    raise(atoi(argv[2]));
    return 99;
  }
  if (!strcmp(what, "segv")) {
    *(volatile int *)0x123456780 = 1;
    return 99;
  }
  if (!strcmp(what, "args")) {
    for (int i = 0; i < argc; i++) printf("%s\n", argv[i]);
    for (char **e = environ; *e; e++) printf("env %s\n", *e);
    printf("cwd %s\n", getcwd(buffer, sizeof buffer));
    return 0;
  }
  if (!strcmp(what, "cat")) {
    for (;;) {
      ssize_t n = read(0, buffer, sizeof buffer);
      if (n <= 0) return n < 0;
      for (ssize_t done = 0; done < n;) {
        ssize_t w = write(1, buffer + done, n - done);
        if (w < 0) return 2;
        done += w;
      }
    }
  }
  if (!strcmp(what, "both")) {
    write(1, "out\n", 4);
    write(2, "err\n", 4);
    return 0;
  }
  if (!strcmp(what, "loop")) {
    ready();
    for (volatile unsigned long i = 0;; i++) {
    }
  }
  if (!strcmp(what, "flood")) {
    memset(buffer, 'x', sizeof buffer);
    for (;;)
      if (write(1, buffer, sizeof buffer) < 0) return errno == EPIPE ? 32 : 2;
  }
  if (!strcmp(what, "catch")) {
    signal(SIGINT, note_and_exit);
    signal(SIGTERM, note_and_exit);
    signal(SIGHUP, note_and_exit);
    ready();
    for (;;) pause();
  }
  if (!strcmp(what, "ignore")) {
    signal(SIGINT, note);
    ready();
    for (;;) pause();
  }
  if (!strcmp(what, "group")) {
    // The child is in the same process group: what is sent to the program reaches it too.
    pid_t child = fork();
    if (child == 0) {
      signal(SIGINT, SIG_DFL);
      for (;;) pause();
    }
    signal(SIGINT, SIG_IGN);
    ready();
    int status;
    waitpid(child, &status, 0);
    printf("child ended by signal %d\n", WTERMSIG(status));
    return 0;
  }
  if (!strcmp(what, "background")) {
    if (fork() == 0) {
      for (;;) pause();
    }
    write(1, "left one behind\n", 16);
    return 4;
  }
  if (!strcmp(what, "hog")) {
    for (;;) {
      char *p = mmap(0, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
      if (p != MAP_FAILED) memset(p, 1, 1 << 20);
    }
  }
  if (!strcmp(what, "bomb")) {
    for (;;)
      if (fork() < 0 && errno != EAGAIN && errno != ENOMEM) return 2;
  }
  if (!strcmp(what, "badcall")) {
    long n = write(1, (void *)8, 10);
    printf("%ld %s\n", n, errno == EFAULT ? "EFAULT" : "?");
    return 0;
  }
  if (!strcmp(what, "show") || !strcmp(what, "show-later")) {
    if (!strcmp(what, "show-later")) {
      ready();
      read(0, buffer, 1);
    }
    FILE *f = fopen(argv[2], "r");
    if (!f) {
      printf("%s\n", strerror(errno));
      return 1;
    }
    size_t n = fread(buffer, 1, sizeof buffer, f);
    if (ferror(f)) {
      printf("%s\n", strerror(errno));
      return 1;
    }
    fwrite(buffer, 1, n, stdout);
    return 0;
  }
  return 64;
}
