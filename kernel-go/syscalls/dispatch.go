// Package syscalls is the table of system calls (table.go) and their handlers.
// A handler decodes its arguments, refuses flags that it does not know, calls
// one kernel function and copies its result out; semantics live elsewhere.
//
// # Rules
//
// A handler may be made again from its beginning (package sched has the rules).
//
// A call's number has 64 bits, and so have arguments until one is known to be
// narrower. A time is added so that the sum stays at the end of time.
//
// A row's flags and the call's description (abi/syscalls.fbs) say which arguments are
// descriptors: their files are held while the call waits. poll and select look each
// descriptor up again at each attempt, as Linux does, and keep its file open.
package syscalls

import (
	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/file"
	"foreshore.dev/kernel/kmem"
	"foreshore.dev/kernel/proc"
	"foreshore.dev/kernel/sched"
)

// Unsupported is told once per process and number (and counted each time) of
// calls that the table lacks (a hook: boot/wire.go).
var Unsupported func(c *sched.Ctx, number abi.Syscall)

// Dispatch makes system call `number` with the arguments in the thread's record.
func Dispatch(c *sched.Ctx, number abi.Syscall) (uint64, abi.Errno) {
	if number < abi.Syscall(len(table)) {
		if h := table[number].handler; h != nil {
			return h(c)
		}
	}
	kmem.Header().Counters.Unsupported++
	Unsupported(c, number)
	return 0, abi.ENOSYS
}

// Hold has a call that will be made again go on with the files that the
// descriptors among its arguments name now, whatever becomes of these.
func Hold(c *sched.Ctx, number abi.Syscall) {
	letters := Letters(number)
	for i := range len(letters) {
		if letters[i] == descriptor {
			file.HoldArgument(c, fdArg(c, i))
		}
	}
}

// descriptor is the letter of an argument that is one.
const descriptor = '.'

// AccountIO counts what a call that is over has read or written. One whose descriptor
// was wrong did not come that far, and one that is to be made again is not over.
func AccountIO(c *sched.Ctx, number abi.Syscall, v uint64, e abi.Errno) {
	if number >= abi.Syscall(len(table)) || e == abi.EBADF || e >= abi.ERESTARTSYS && e <= abi.ERESTARTBLOCK {
		return
	}
	flags, l := table[number].flags, &c.P().Live
	if e != abi.OK {
		v = 0
	}
	if flags&countedRead != 0 {
		l.ReadCalls++
		l.ReadChars += v
	}
	if flags&countedWrite != 0 {
		l.WriteCalls++
		l.WrittenChars += v
	}
}

// Interrupted ends a call whose wait a signal ended: with what it has done, or
// a restart errno. EBLOCKED when a page of the caller must come in for that.
func Interrupted(c *sched.Ctx, number abi.Syscall) (uint64, abi.Errno) {
	b := &c.T().State.Blocked
	switch number {
	case abi.SYS_futex:
		return 0, proc.FutexInterrupted(c)
	case abi.SYS_nanosleep:
		return sleepInterrupted(c, abi.CLOCK_MONOTONIC, c.Arg(1))
	case abi.SYS_clock_nanosleep:
		if c.Arg(1)&uint64(abi.TIMER_ABSTIME) == 0 {
			return sleepInterrupted(c, abi.Clock(arg32(c, 0)), c.Arg(3))
		}
	}
	if number >= abi.Syscall(len(table)) {
		return 0, abi.ERESTARTSYS
	}
	switch flags := table[number].flags; {
	case flags&transfers != 0 && b.Progress != 0:
		return b.Progress, abi.OK
	case flags&bounded != 0 && b.DeadlineNs != forever:
		return 0, abi.EINTR
	case flags&neverRestarted != 0:
		return 0, abi.ERESTARTNOHAND
	}
	return 0, abi.ERESTARTSYS
}

// Letters is what traces show of a call's arguments (trace/letters.go).
func Letters(number abi.Syscall) string {
	if number >= abi.Syscall(len(abi.SyscallLetters)) {
		return ""
	}
	return abi.SyscallLetters[number]
}
