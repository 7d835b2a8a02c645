// Runs a function that may fault and tells which signal, si_code and address it got.
#pragma once
#include "check.h"
#include <setjmp.h>

static sigjmp_buf fault_return;
static siginfo_t fault_info;

static void fault_handler(int signal, siginfo_t *info, void *context) {
  (void)signal, (void)context;
  fault_info = *info;
  siglongjmp(fault_return, 1);
}

// The signal that `run` got, 0 for none; its siginfo is in fault_info.
static __attribute__((unused)) int fault_of(void (*run)(volatile char *), volatile void *at) {
  struct sigaction action = {.sa_sigaction = fault_handler, .sa_flags = SA_SIGINFO}, old[3];
  sigaction(SIGSEGV, &action, &old[0]);
  sigaction(SIGBUS, &action, &old[1]);
  sigaction(SIGILL, &action, &old[2]);
  memset(&fault_info, 0, sizeof fault_info);
  if (!sigsetjmp(fault_return, 1)) run((volatile char *)at);
  sigaction(SIGSEGV, &old[0], NULL);
  sigaction(SIGBUS, &old[1], NULL);
  sigaction(SIGILL, &old[2], NULL);
  return fault_info.si_signo;
}

static __attribute__((unused)) void load_byte(volatile char *p) { (void)*p; }
static __attribute__((unused)) void store_byte(volatile char *p) { *p = 1; }
static __attribute__((unused)) void load_word(volatile char *p) { (void)*(volatile uint64_t *)p; }
static __attribute__((unused)) void store_word(volatile char *p) { *(volatile uint64_t *)p = 1; }
static __attribute__((unused)) void call_code(volatile char *p) { ((void (*)(void))p)(); }

// Checks signal, code and address of a fault in one line.
#define FAULT(name, run, at, signal, code)                                                          \
  ({                                                                                                \
    const volatile char *at_ = (const volatile char *)(at);                                         \
    int got_ = fault_of(run, (volatile char *)at_);                                                 \
    if (got_ == (signal) && fault_info.si_code == (code) && fault_info.si_addr == (const void *)at_) \
      put("ok %s.%s\n", check_case_name, name);                                                     \
    else {                                                                                          \
      check_failures++;                                                                             \
      put("FAIL %s.%s: got signal %d code %d address %+ld want signal %d code %d\n", check_case_name, name, got_, \
          fault_info.si_code, (long)((char *)fault_info.si_addr - (char *)at_), signal, code);      \
    }                                                                                               \
  })
#define NO_FAULT(name, run, at) EQ(name, fault_of(run, at), 0)
