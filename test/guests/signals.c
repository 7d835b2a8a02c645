// Signals: dispositions, masks, pending, queueing, alternate stacks, siginfo, groups, nesting.
#include "check.h"
#include <setjmp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <ucontext.h>

static volatile sig_atomic_t count, last, trace[32], traced;
static siginfo_t info;

static void counter(int signal) {
  count++;
  last = signal;
  if (traced < 32) trace[traced++] = signal;
}

static void keeper(int signal, siginfo_t *i, void *context) {
  (void)context;
  counter(signal);
  info = *i;
}

static void handle(int signal, void (*handler)(int), int flags) {
  struct sigaction a = {.sa_handler = handler, .sa_flags = flags};
  sigaction(signal, &a, NULL);
}

static void handle_info(int signal) {
  struct sigaction a = {.sa_sigaction = keeper, .sa_flags = SA_SIGINFO};
  sigaction(signal, &a, NULL);
}

static void block(int how, int signal) {
  sigset_t s;
  sigemptyset(&s);
  sigaddset(&s, signal);
  sigprocmask(how, &s, NULL);
}

static int blocked(int signal) {
  sigset_t s;
  sigprocmask(SIG_SETMASK, NULL, &s);
  return sigismember(&s, signal);
}

static int is_pending(int signal) {
  sigset_t s;
  sigpending(&s);
  return sigismember(&s, signal);
}

static void dispositions(void) {
  struct sigaction a, old;
  handle(SIGUSR1, counter, SA_RESTART);
  GOOD("get", sigaction(SIGUSR1, NULL, &old));
  TRUE("handler", old.sa_handler == counter);
  EQ("flags", old.sa_flags & SA_RESTART, SA_RESTART);
  count = 0;
  raise(SIGUSR1);
  EQ("delivered", count, 1);
  EQ("number", last, SIGUSR1);
  signal(SIGUSR1, SIG_IGN);
  raise(SIGUSR1);
  EQ("ignored", count, 1);
  a = (struct sigaction){.sa_handler = counter};
  FAILS("sigkill", sigaction(SIGKILL, &a, NULL), EINVAL);
  FAILS("sigstop", sigaction(SIGSTOP, &a, NULL), EINVAL);
  FAILS("zero", syscall(SYS_rt_sigaction, 0, NULL, NULL, 8), EINVAL);
  FAILS("65", syscall(SYS_rt_sigaction, 65, NULL, NULL, 8), EINVAL);
  FAILS("set-size", syscall(SYS_rt_sigaction, SIGUSR1, NULL, NULL, 4), EINVAL);
  FAILS("kill-number", kill(getpid(), 65), EINVAL);
  FAILS("kill-nobody", kill(0x3ffffff, SIGTERM), ESRCH);
  GOOD("kill-0", kill(getpid(), 0));
  handle(SIGUSR1, counter, SA_RESETHAND);
  raise(SIGUSR1);
  sigaction(SIGUSR1, NULL, &old);
  TRUE("reset", old.sa_handler == SIG_DFL);
  // Setting to ignore discards what is pending.
  handle(SIGUSR1, counter, 0);
  block(SIG_BLOCK, SIGUSR1);
  raise(SIGUSR1);
  EQ("pending", is_pending(SIGUSR1), 1);
  signal(SIGUSR1, SIG_IGN);
  EQ("discarded", is_pending(SIGUSR1), 0);
  block(SIG_UNBLOCK, SIGUSR1);
}

static void masks(void) {
  handle(SIGUSR1, counter, 0);
  handle(SIGUSR2, counter, 0);
  count = traced = 0;
  block(SIG_BLOCK, SIGUSR1);
  block(SIG_BLOCK, SIGUSR2);
  raise(SIGUSR2);
  raise(SIGUSR1);
  raise(SIGUSR1);
  EQ("held", count, 0);
  EQ("pending-1", is_pending(SIGUSR1), 1);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, NULL);
  EQ("standard-signals-do-not-queue", count, 2);
  EQ("not-pending", is_pending(SIGUSR1), 0);
  sigset_t s;
  sigfillset(&s);
  sigprocmask(SIG_BLOCK, &s, NULL);
  EQ("kill-cannot-be-blocked", blocked(SIGKILL), 0);
  EQ("stop-cannot-be-blocked", blocked(SIGSTOP), 0);
  sigprocmask(SIG_SETMASK, &none, NULL);
  FAILS("how", sigprocmask(99, &none, NULL), EINVAL);
  FAILS("size", syscall(SYS_rt_sigprocmask, SIG_BLOCK, &none, NULL, 16), EINVAL);
}

static void nested(int signal) {
  trace[traced++] = signal;
  if (signal == SIGUSR1) {
    trace[traced++] = blocked(SIGUSR1) ? 1000 : 1001;
    trace[traced++] = blocked(SIGUSR2) ? 1000 : 1001;
    raise(SIGUSR1);  // waits until this handler has returned
    raise(SIGUSR2);  // comes at once
    trace[traced++] = 1002;
    handle(SIGUSR1, counter, 0);
  }
}

static void nesting(void) {
  traced = 0;
  handle(SIGUSR1, nested, 0);
  handle(SIGUSR2, nested, 0);
  raise(SIGUSR1);
  int want[] = {SIGUSR1, 1000, 1001, SIGUSR2, 1002, SIGUSR1};
  EQ("events", traced, 6);
  int same = traced == 6;
  for (int i = 0; same && i < 6; i++) same = trace[i] == want[i];
  TRUE("order", same);
  EQ("mask-restored", blocked(SIGUSR1), 0);
  // sa_mask holds others back, SA_NODEFER lets the same one in.
  struct sigaction a = {.sa_handler = nested};
  sigaddset(&a.sa_mask, SIGUSR2);
  sigaction(SIGUSR1, &a, NULL);
  traced = 0;
  raise(SIGUSR1);
  EQ("sa_mask-holds", trace[2], 1000);
  EQ("sa_mask-order", trace[3], 1002);
  handle(SIGUSR1, nested, SA_NODEFER | SA_RESETHAND);
  signal(SIGUSR2, SIG_IGN);
  handle(SIGUSR1, counter, SA_NODEFER);
  count = 0;
  raise(SIGUSR1);
  EQ("nodefer", count, 1);
  // Two that wait come together, the lower number last onto the stack, so it runs first.
  handle(SIGUSR1, counter, 0);
  handle(SIGUSR2, counter, 0);
  block(SIG_BLOCK, SIGUSR1);
  block(SIG_BLOCK, SIGUSR2);
  raise(SIGUSR2);
  raise(SIGUSR1);
  traced = 0;
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, NULL);
  EQ("both", traced, 2);
}

static void queueing(void) {
  int s = SIGRTMIN + 1;
  handle_info(s);
  block(SIG_BLOCK, s);
  count = 0;
  union sigval v;
  for (int i = 0; i < 5; i++) {
    v.sival_int = 100 + i;
    sigqueue(getpid(), s, v);
  }
  block(SIG_UNBLOCK, s);
  EQ("real-time-queues", count, 5);
  EQ("last-value", info.si_value.sival_int, 104);
  EQ("code", info.si_code, SI_QUEUE);
  EQ("pid", info.si_pid, getpid());
  // First in, first out; lower numbers first.
  block(SIG_BLOCK, s);
  block(SIG_BLOCK, s + 1);
  v.sival_int = 1;
  sigqueue(getpid(), s + 1, v);
  v.sival_int = 2;
  sigqueue(getpid(), s, v);
  v.sival_int = 3;
  sigqueue(getpid(), s, v);
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, s);
  sigaddset(&set, s + 1);
  int order[3];
  for (int i = 0; i < 3; i++) order[i] = (sigwaitinfo(&set, &info), info.si_value.sival_int);
  TRUE("order", order[0] == 2 && order[1] == 3 && order[2] == 1);
  block(SIG_UNBLOCK, s);
  block(SIG_UNBLOCK, s + 1);
}

static void information(void) {
  handle_info(SIGUSR1);
  kill(getpid(), SIGUSR1);
  EQ("kill-code", info.si_code, SI_USER);
  EQ("kill-pid", info.si_pid, getpid());
  EQ("kill-uid", info.si_uid, getuid());
  raise(SIGUSR1);
  EQ("raise-code", info.si_code, SI_TKILL);
  EQ("signo", info.si_signo, SIGUSR1);
  handle_info(SIGCHLD);
  count = 0;
  block(SIG_BLOCK, SIGCHLD);
  pid_t pid = fork();
  if (pid == 0) _exit(13);
  sigset_t old;
  sigprocmask(SIG_SETMASK, NULL, &old);
  sigdelset(&old, SIGCHLD);
  sigsuspend(&old);
  EQ("sigchld", count, 1);
  EQ("sigchld-code", info.si_code, CLD_EXITED);
  EQ("sigchld-pid", info.si_pid, pid);
  EQ("sigchld-status", info.si_status, 13);
  status_of(pid);
  block(SIG_UNBLOCK, SIGCHLD);
  signal(SIGCHLD, SIG_DFL);
  FAILS("forged-code", ({
          siginfo_t i = {.si_code = SI_USER};
          syscall(SYS_rt_sigqueueinfo, 1, SIGUSR1, &i);
        }), EPERM);
}

static volatile uintptr_t on_stack_at;
static volatile int on_stack_flags;

static void where(int signal) {
  stack_t s;
  char here;
  counter(signal);
  on_stack_at = (uintptr_t)&here;
  sigaltstack(NULL, &s);
  on_stack_flags = s.ss_flags;
}

static void alternate_stack(void) {
  enum { SIZE = 65536 };
  char *area = malloc(SIZE);
  stack_t s = {.ss_sp = area, .ss_size = SIZE}, old;
  GOOD("set", sigaltstack(&s, &old));
  EQ("none-before", old.ss_flags, SS_DISABLE);
  handle(SIGUSR1, where, SA_ONSTACK);
  raise(SIGUSR1);
  TRUE("inside", on_stack_at >= (uintptr_t)area && on_stack_at < (uintptr_t)area + SIZE);
  EQ("flag-inside", on_stack_flags, SS_ONSTACK);
  sigaltstack(NULL, &old);
  EQ("flag-after", old.ss_flags, 0);
  handle(SIGUSR1, where, 0);
  raise(SIGUSR1);
  TRUE("not-asked", on_stack_at < (uintptr_t)area || on_stack_at >= (uintptr_t)area + SIZE);
  s.ss_size = 100;
  FAILS("too-small", sigaltstack(&s, NULL), ENOMEM);
  s.ss_size = SIZE;
  s.ss_flags = 0x40;
  FAILS("flags", sigaltstack(&s, NULL), EINVAL);
  s.ss_flags = SS_DISABLE;
  GOOD("disable", sigaltstack(&s, NULL));
  sigaltstack(NULL, &old);
  EQ("disabled", old.ss_flags, SS_DISABLE);
  free(area);
}

static char *overflow_stack;
static sigjmp_buf overflow_return;

static void overflow_handler(int signal) {
  counter(signal);
  siglongjmp(overflow_return, 1);
}

static volatile int deepest = 1 << 30;
static int recurse(int depth) {
  volatile char frame[4096];
  frame[0] = depth;
  if (depth > deepest) return 0;
  return recurse(depth + 1) + frame[0];
}

static void stack_overflow(void) {
  // A stack that has run out can be handled on the alternate one.
  overflow_stack = malloc(65536);
  stack_t s = {.ss_sp = overflow_stack, .ss_size = 65536};
  sigaltstack(&s, NULL);
  handle(SIGSEGV, overflow_handler, SA_ONSTACK);
  count = 0;
  if (!sigsetjmp(overflow_return, 1)) recurse(0);
  EQ("handled", count, 1);
  signal(SIGSEGV, SIG_DFL);
  s.ss_flags = SS_DISABLE;
  sigaltstack(&s, NULL);
  // Without one the process dies.
  pid_t pid = fork();
  if (pid == 0) {
    handle(SIGSEGV, overflow_handler, 0);
    recurse(0);
    _exit(0);
  }
  EQ("fatal-without", status_of(pid) & 0x7f, SIGSEGV);
}

static void fatal_again(int signal) {
  (void)signal;
  *(volatile int *)0 = 1;
}

static void synchronous(void) {
  pid_t pid = fork();
  if (pid == 0) {
    // A fault whose signal is blocked or ignored kills all the same.
    block(SIG_BLOCK, SIGSEGV);
    *(volatile int *)0 = 1;
    _exit(0);
  }
  EQ("blocked-segv", status_of(pid) & 0x7f, SIGSEGV);
  pid = fork();
  if (pid == 0) {
    signal(SIGSEGV, SIG_IGN);
    *(volatile int *)0 = 1;
    _exit(0);
  }
  EQ("ignored-segv", status_of(pid) & 0x7f, SIGSEGV);
  pid = fork();
  if (pid == 0) {
    handle(SIGSEGV, fatal_again, 0);
    *(volatile int *)0 = 1;
    _exit(0);
  }
  EQ("segv-in-handler", status_of(pid) & 0x7f, SIGSEGV);
  pid = fork();
  if (pid == 0) {
    signal(SIGSEGV, SIG_IGN);
    raise(SIGSEGV);
    _exit(4);
  }
  EQ("raised-segv-is-ignorable", status_of(pid), EXITED(4));
}

static void contexts(void) {
  // A handler sees the registers and can change where the program goes on.
  static ucontext_t c;
  volatile int passes = 0;
  getcontext(&c);
  passes++;
  if (passes < 3) setcontext(&c);
  EQ("setcontext", passes, 3);
}

static void to_groups(void) {
  int ready[2], done[2];
  pipe(ready), pipe(done);
  pid_t leader = 0;
  for (int i = 0; i < 3; i++) {
    pid_t pid = fork();
    if (pid == 0) {
      setpgid(0, leader);
      handle(SIGUSR1, counter, 0);
      count = 0;
      block(SIG_BLOCK, SIGUSR1);
      write(ready[1], "r", 1);
      sigset_t none;
      sigemptyset(&none);
      while (!count) sigsuspend(&none);
      write(done[1], "d", 1);
      _exit(0);
    }
    if (i == 0) leader = pid;
    setpgid(pid, leader);
  }
  char buf[3];
  for (int i = 0; i < 3; i++) read(ready[0], buf, 1);
  GOOD("kill-group", kill(-leader, SIGUSR1));
  for (int i = 0; i < 3; i++) read(done[0], buf, 1);
  int zero = 0, status;
  while (wait(&status) > 0) zero += status == 0;
  EQ("all-three", zero, 3);
  FAILS("no-group", kill(-leader, SIGUSR1), ESRCH);
  close(ready[0]), close(ready[1]), close(done[0]), close(done[1]);
  // kill(0) reaches our own group: put the test into one of its own first.
  pid_t pid = fork();
  if (pid == 0) {
    setpgid(0, 0);
    pid_t kid = fork();
    if (kid == 0)
      for (;;) pause();
    signal(SIGTERM, SIG_IGN);
    kill(0, SIGTERM);
    _exit(status_of(kid) == SIGTERM ? 0 : 1);
  }
  EQ("kill-0-group", status_of(pid), 0);
}

static void many_at_once(void) {
  // A process that sends itself 2,000 signals handles each.
  handle(SIGUSR1, counter, 0);
  count = 0;
  for (int i = 0; i < 2000; i++) raise(SIGUSR1);
  EQ("handled", count, 2000);
  // Two processes that answer each other.
  handle(SIGUSR1, counter, 0);
  block(SIG_BLOCK, SIGUSR1);
  count = 0;
  sigset_t open;
  sigemptyset(&open);
  pid_t pid = fork();
  if (pid == 0) {
    for (int i = 0; i < 200; i++) {
      while (count <= i) sigsuspend(&open);
      kill(getppid(), SIGUSR1);
    }
    _exit(0);
  }
  for (int i = 0; i < 200; i++) {
    kill(pid, SIGUSR1);
    while (count <= i) sigsuspend(&open);
  }
  EQ("ping-pong", count, 200);
  EQ("other", status_of(pid), 0);
  sigprocmask(SIG_SETMASK, &open, NULL);
}

static void registers_survive(void) {
#ifdef __riscv
  // Every register, integer and floating, is as before after a handler that uses them all.
  handle(SIGUSR1, counter, 0);
  long pid = getpid(), wrong = 0;
  for (int round = 0; round < 3; round++) {
    register long a7 __asm__("a7") = SYS_kill;
    register long a0 __asm__("a0") = pid;
    register long a1 __asm__("a1") = SIGUSR1;
    long bad;
    __asm__ volatile(
        "li s2, 0x1234\n li s3, -77\n li t3, 0x5555\n li t4, 0x6666\n li t5, 99\n li t6, 98\n li a2, 5\n li a6, 6\n"
        "fcvt.d.l fs0, s2\n fcvt.d.l ft11, t3\n fcvt.d.l fa7, t5\n li t0, 0x45\n csrw fcsr, t0\n"
        "ecall\n"
        "li %0, 0\n"
        "li t0, 0x1234\n sub t0, t0, s2\n or %0, %0, t0\n"
        "li t0, -77\n sub t0, t0, s3\n or %0, %0, t0\n"
        "li t0, 0x5555\n sub t0, t0, t3\n or %0, %0, t0\n"
        "li t0, 0x6666\n sub t0, t0, t4\n or %0, %0, t0\n"
        "li t0, 99\n sub t0, t0, t5\n or %0, %0, t0\n"
        "li t0, 98\n sub t0, t0, t6\n or %0, %0, t0\n"
        "li t0, 5\n sub t0, t0, a2\n or %0, %0, t0\n"
        "li t0, 6\n sub t0, t0, a6\n or %0, %0, t0\n"
        "fcvt.l.d t0, fs0\n sub t0, t0, s2\n or %0, %0, t0\n"
        "fcvt.l.d t0, ft11\n sub t0, t0, t3\n or %0, %0, t0\n"
        "fcvt.l.d t0, fa7\n sub t0, t0, t5\n or %0, %0, t0\n"
        "csrr t0, fcsr\n addi t0, t0, -0x45\n or %0, %0, t0\n"
        "csrwi fcsr, 0\n"
        : "=&r"(bad), "+r"(a0)
        : "r"(a1), "r"(a7)
        : "t0", "t3", "t4", "t5", "t6", "s2", "s3", "a2", "a6", "fs0", "ft11", "fa7", "memory");
    wrong |= bad | a0;
  }
  EQ("all", wrong, 0);
#else
  EQ("all", 0, 0);
#endif
}

CHECK_MAIN(CASE(dispositions), CASE(masks), CASE(nesting), CASE(queueing), CASE(information), CASE(alternate_stack),
           CASE(stack_overflow), CASE(synchronous), CASE(contexts), CASE(to_groups), CASE(many_at_once),
           CASE(registers_survive))
