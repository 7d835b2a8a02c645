// A program that waits for keys beside others that are busy: keys [BUSY]. Each key is answered with the next letter; one
// line when all are there.
#include <termios.h>
#include <unistd.h>
#include "bench.h"

int main(int argc, char **argv) {
  struct termios t;
  check(!tcgetattr(0, &t), "tcgetattr");
  t.c_iflag = t.c_lflag = t.c_oflag = 0;
  check(!tcsetattr(0, TCSANOW, &t), "tcsetattr");
  long busy = number(argc, argv, 1, 200);
  for (long i = 0; i < busy; i++) {
    pid_t pid = fork();
    check(pid >= 0, "fork");
    if (!pid)
      for (volatile long n = 0;; n++) continue;
  }
  check(write(1, "ready\n", 6) == 6, "write");
  for (char key; read(0, &key, 1) == 1;) {
    key++;
    check(write(1, &key, 1) == 1, "write");
  }
  return 0;
}
