// Leases of files (fcntl(2), F_SETLEASE): whoever opens or truncates the file waits for the holder, who hears of it by a signal.
#include "check.h"
#include <poll.h>
#include <sys/mman.h>
#include <sys/wait.h>

#define UNPRIVILEGED 12345
static const char *const path = "lease";

static int opened(int flags) { return must(open(path, flags)); }
static int lease(int fd) { return fcntl(fd, F_GETLEASE); }
static void put_down(int fd) { must(fcntl(fd, F_SETLEASE, F_UNLCK)); }
// Descriptors of earlier checks stay with the file that went.
static void fresh(void) {
  unlink(path);
  write_file(path, "text");
}

// Signals come to a wait that names them, never to a handler.
static sigset_t heard;
static void hear(int signal) {
  sigemptyset(&heard);
  sigaddset(&heard, signal);
  must(sigprocmask(SIG_BLOCK, &heard, NULL));
}
static int none_pending(void) {
  sigset_t pending;
  must(sigpending(&pending));
  return !sigismember(&pending, SIGIO) && !sigismember(&pending, SIGRTMIN);
}

// A child that makes one call, and says with its exit code whether that was done (0) or the errno.
enum how { FOR_READING, FOR_WRITING, TRUNCATING, BY_NAME, EXECUTING };
static long make(enum how how, int flags) {
  switch (how) {
    case FOR_READING: return open(path, O_RDONLY | flags);
    case FOR_WRITING: return open(path, O_WRONLY | flags);
    case TRUNCATING: return open(path, O_RDONLY | O_TRUNC | flags);
    case BY_NAME: return truncate(path, 2);
    case EXECUTING: return execl(path, path, NULL);
  }
  return 0;
}
static pid_t child(int holder, enum how how) {
  pid_t pid = must(fork());
  if (!pid) {
    must(close(holder));  // a copy would keep the lease
    _exit(make(how, 0) < 0 ? errno : 0);
  }
  return pid;
}

static void taking(void) {
  fresh();
  int fd = opened(O_RDONLY);
  EQ("none", lease(fd), F_UNLCK);
  FAILS("nothing-to-give-up", fcntl(fd, F_SETLEASE, F_UNLCK), EAGAIN);
  FAILS("type", fcntl(fd, F_SETLEASE, 3), EINVAL);
  GOOD("read", fcntl(fd, F_SETLEASE, F_RDLCK));
  EQ("reads", lease(fd), F_RDLCK);
  GOOD("upgrade", fcntl(fd, F_SETLEASE, F_WRLCK));
  EQ("writes", lease(fd), F_WRLCK);
  GOOD("downgrade", fcntl(fd, F_SETLEASE, F_RDLCK));
  EQ("through-a-copy", lease(must(dup(fd))), F_RDLCK);
  int other = opened(O_RDONLY);
  EQ("of-the-description", lease(other), F_UNLCK);
  GOOD("another-reader", fcntl(other, F_SETLEASE, F_RDLCK));
  FAILS("alone-no-more", fcntl(fd, F_SETLEASE, F_WRLCK), EAGAIN);
  GOOD("give-up", fcntl(fd, F_SETLEASE, F_UNLCK));
  EQ("given-up", lease(fd), F_UNLCK);
  EQ("the-other-stays", lease(other), F_RDLCK);
  must(close(other));
  EQ("ends-with-its-description", fcntl(fd, F_SETLEASE, F_WRLCK), 0);
  put_down(fd);

  int writer = opened(O_WRONLY);
  FAILS("file-is-written", fcntl(fd, F_SETLEASE, F_RDLCK), EAGAIN);
  FAILS("writer-reads", fcntl(writer, F_SETLEASE, F_RDLCK), EAGAIN);
  FAILS("writer-is-not-alone", fcntl(writer, F_SETLEASE, F_WRLCK), EAGAIN);
}

static void alone(void) {
  fresh();
  int writer = opened(O_RDWR);
  GOOD("writer", fcntl(writer, F_SETLEASE, F_WRLCK));
  GOOD("truncates-itself", ftruncate(writer, 2));
  TRUE("hears-nothing", none_pending());
}

static void refused(void) {
  int p[2];
  must(pipe(p));
  FAILS("pipe", fcntl(p[0], F_SETLEASE, F_RDLCK), EINVAL);
  FAILS("directory", fcntl(must(open(".", O_RDONLY)), F_SETLEASE, F_RDLCK), EINVAL);
  FAILS("device", fcntl(must(open("/dev/null", O_RDONLY)), F_SETLEASE, F_RDLCK), EINVAL);
  fresh();
  FAILS("path-only", fcntl(opened(O_PATH), F_SETLEASE, F_RDLCK), EBADF);
  FAILS("no-descriptor", fcntl(999, F_SETLEASE, F_RDLCK), EBADF);
  must(chmod(path, 0644));
  int fd = opened(O_RDONLY);
  pid_t pid = must(fork());
  if (!pid) {
    must(setresuid(UNPRIVILEGED, UNPRIVILEGED, UNPRIVILEGED));
    _exit(fcntl(fd, F_SETLEASE, F_RDLCK) < 0 ? errno : 0);
  }
  EQ("not-the-owner", status_of(pid), EXITED(EACCES));
}

// What is refused at once, and what of it the holder hears.
static void without_waiting(void) {
  hear(SIGIO);
  fresh();
  int fd = opened(O_RDONLY);
  must(fcntl(fd, F_SETLEASE, F_RDLCK));
  GOOD("readers-may", make(FOR_READING, O_NONBLOCK));
  GOOD("looks-may", open(path, O_PATH));
  TRUE("not-told", none_pending());
  FAILS("writers-wait", make(FOR_WRITING, O_NONBLOCK), EAGAIN);
  siginfo_t info;
  EQ("told", must(sigwaitinfo(&heard, &info)), SIGIO);
  EQ("without-a-reason", info.si_code, SI_KERNEL);
  EQ("is-to-go", lease(fd), F_UNLCK);
  FAILS("again", make(FOR_WRITING, O_NONBLOCK), EAGAIN);
  GOOD("truncating-reader-may", make(TRUNCATING, O_NONBLOCK));
  TRUE("told-once", none_pending());
  put_down(fd);
  GOOD("free", make(FOR_WRITING, O_NONBLOCK));
}

static void reasons(void) {
  hear(SIGRTMIN);
  fresh();
  int fd = opened(O_RDONLY);
  must(fcntl(fd, F_SETSIG, SIGRTMIN));
  must(fcntl(fd, F_SETLEASE, F_WRLCK));
  EQ("owner", fcntl(fd, F_GETOWN), getpid());
  FAILS("reader", make(FOR_READING, O_NONBLOCK), EAGAIN);
  siginfo_t info;
  EQ("told", must(sigwaitinfo(&heard, &info)), SIGRTMIN);
  EQ("code", info.si_code, 3);  // POLL_MSG
  EQ("descriptor", info.si_fd, fd);
  EQ("band", info.si_band, POLLIN | POLLRDNORM | 0x400);
  EQ("may-stay-a-reader", lease(fd), F_RDLCK);
  FAILS("writer", make(FOR_WRITING, O_NONBLOCK), EAGAIN);
  EQ("told-of-more", must(sigwaitinfo(&heard, &info)), SIGRTMIN);
  EQ("must-go", lease(fd), F_UNLCK);
}

// Another process waits inside its call until the holder gives way.
static void one_waits(const char *name, int kind, enum how how, int give, int status) {
  fresh();
  must(chmod(path, 0755));
  int fd = opened(O_RDONLY);
  must(fcntl(fd, F_SETLEASE, kind));
  pid_t pid = child(fd, how);
  siginfo_t info;
  must(sigwaitinfo(&heard, &info));
  until_asleep(pid, pid);
  int early;
  EQ("waits", waitpid(pid, &early, WNOHANG), 0);
  if (give < 0) must(close(fd));
  else must(fcntl(fd, F_SETLEASE, give));
  EQ(name, status_of(pid), status);
  if (give >= 0) must(close(fd));
}
static void waiting(void) {
  hear(SIGIO);
  one_waits("writer", F_RDLCK, FOR_WRITING, F_UNLCK, 0);
  one_waits("writer-until-closed", F_RDLCK, FOR_WRITING, -1, 0);
  one_waits("reader", F_WRLCK, FOR_READING, F_UNLCK, 0);
  one_waits("reader-beside-a-reader", F_WRLCK, FOR_READING, F_RDLCK, 0);
  one_waits("truncating-reader", F_WRLCK, TRUNCATING, F_UNLCK, 0);
  one_waits("truncation-by-name", F_RDLCK, BY_NAME, F_UNLCK, 0);
  EQ("happened", (must(lseek(opened(O_RDONLY), 0, SEEK_END))), 2);
  one_waits("program", F_WRLCK, EXECUTING, F_UNLCK, EXITED(ENOEXEC));
}

// A signal ends the wait; the lease is still to be given up.
static void interrupted_by(int signal) { (void)signal; }
static void interrupted(void) {
  hear(SIGIO);
  fresh();
  int fd = opened(O_RDONLY);
  must(fcntl(fd, F_SETLEASE, F_RDLCK));
  pid_t pid = must(fork());
  if (!pid) {
    struct sigaction act = {.sa_handler = interrupted_by};
    must(sigaction(SIGUSR1, &act, NULL));
    _exit(make(FOR_WRITING, 0) < 0 ? errno : 0);
  }
  siginfo_t info;
  must(sigwaitinfo(&heard, &info));
  until_asleep(pid, pid);
  must(kill(pid, SIGUSR1));
  EQ("call", status_of(pid), EXITED(EINTR));
  EQ("lease", lease(fd), F_UNLCK);
}

static void inherited(void) {
  fresh();
  int fd = opened(O_RDONLY);
  must(fcntl(fd, F_SETLEASE, F_RDLCK));
  pid_t pid = must(fork());
  if (!pid) _exit(lease(fd) == F_RDLCK && !fcntl(fd, F_SETLEASE, F_UNLCK) ? 0 : 1);
  EQ("child", status_of(pid), 0);
  EQ("gone", lease(fd), F_UNLCK);
}

CHECK_MAIN(CASE(taking), CASE(alone), CASE(refused), CASE(without_waiting), CASE(reasons), CASE(waiting), CASE(interrupted), CASE(inherited))
