// Package trace tells the host of system calls, signals and ends of threads
// (abi.TraceRecord), with the memory that arguments point at. Nothing of it may
// be noticed by guests, and nothing is done while it is off.
//
// All of it wants the machine lock: records are numbered under it.
//
// Memory is read by mm.Peek, which maps nothing, grows no stack and counts nothing.
// Only a page whose bytes have yet to come in is waited for, before the call begins:
// its attempts are still 0, and after the wait the thread makes its ecall anew. Records
// are made in a part of the hart's scratch memory of their own, since a signal may be
// traced while the context's Page is in use. ThreadLive.traced says that an entry was
// reported and no exit: a call that goes on after an interruption gets an entry of its own.
package trace

import (
	"unsafe"

	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/host"
	"foreshore.dev/kernel/kmem"
	"foreshore.dev/kernel/sched"
)

// state is what traces remember.
func state() *abi.TraceLive { return &kmem.Kernel().Trace }

// On says whether every system call is told to the host.
func On() bool { return state().On != 0 }

// Set turns tracing on or off; records are numbered anew.
func Set(on bool) {
	*state() = abi.TraceLive{}
	if on {
		state().On = 1
	}
}

// What is shown at most: of bytes and strings, of elements, of a path.
const (
	showBytes    = 32
	showElements = 32
	pathBytes    = uint32(abi.FixedPathMax)
	// namedBytes is sizeof(struct sockaddr_storage).
	namedBytes   = 128
	controlBytes = 1024
	// countMax bounds the walk along a vector of strings.
	countMax = 1 << 17
	// waitsMax is how many pages one call waits for at most: it begins anew for
	// each, and under want of memory the first may be gone again.
	waitsMax = 64
)

const (
	recordBytes = uint32(len(kmem.Scratch{}.TraceBytes))
)

const regSP = 2

// record is one in the making.
type record struct {
	base, n uint32
	// got is how many bytes the last piece has of those that it was to have.
	got  uint32
	as   abi.AddressSpaceRef
	wait bool
}

const _ = unsafe.Sizeof(kmem.Scratch{}.Trace) - unsafe.Sizeof(record{})

func (r *record) head() *abi.TraceRecord { return (*abi.TraceRecord)(kmem.Ptr(r.base)) }

// Who is the thread that a record is of, by its numbers.
type Who struct{ Tid, Pid uint32 }

// begin starts the record of a thread.
func begin(c *sched.Ctx, phase abi.TracePhase, who Who) *record {
	s := kmem.ScratchOf(c.Hart)
	r := (*record)(unsafe.Pointer(&s.Trace))
	r.base, r.n, r.as, r.wait = kmem.Addr(unsafe.Pointer(&s.TraceBytes)), abi.TraceRecordSize, c.As, false
	kmem.Zero(r.base, r.n)
	h := r.head()
	h.Phase, h.Tid, h.Pid = phase, who.Tid, who.Pid
	return r
}

// beginCall starts the record of a system call of the context's thread.
func beginCall(c *sched.Ctx, phase abi.TracePhase, number abi.Syscall, args *[6]uint64) *record {
	r := begin(c, phase, Who{c.T().State.Tid, c.P().State.Pid})
	h := r.head()
	h.Number, h.Args = uint32(number), *args
	return r
}

func (r *record) send() {
	s := state()
	s.Sequence++
	r.head().Sequence = s.Sequence
	host.Trace(r.base, r.n)
}

// Call is a system call: its number, what traces show of its arguments (a letter
// each), and these as it began.
type Call struct {
	Number  abi.Syscall
	Letters string
	Args    *[6]uint64
}

// Entry tells that the context's thread begins a system call. EBLOCKED, only
// when wait is set: memory that it points at has yet to come in; the thread must
// wait, and begin the call anew.
func Entry(c *sched.Ctx, call Call, wait bool) abi.Errno {
	t := c.T()
	r := beginCall(c, abi.TracePhaseEntry, call.Number, call.Args)
	if t.State.Blocked.Attempt != 0 {
		r.head().Errno = uint32(abi.ERESTARTBLOCK)
	}
	r.wait = wait && t.Live.TraceWaits < waitsMax
	e := abi.OK
	for i := 0; i < len(call.Letters) && e == abi.OK; i++ {
		e = r.read(c, call.Letters[i], i, call.Args)
	}
	if e == abi.OK && call.Number == abi.SYS_rt_sigreturn {
		e = r.take(c, t.Cpu.X[regSP]+abi.SiginfoSize+uint64(unsafe.Offsetof(abi.Ucontext{}.Sigmask)), abi.SigsetSize)
	}
	if e != abi.OK {
		t.Live.TraceWaits++
		return e
	}
	t.Live.Traced, t.Live.TraceWaits = 1, 0
	r.send()
	return abi.OK
}

// Exit tells how a call of the context's thread ended; args as it began.
func Exit(c *sched.Ctx, call Call, v uint64, e abi.Errno) {
	r := beginCall(c, abi.TracePhaseExit, call.Number, call.Args)
	r.head().Result, r.head().Errno = v, uint32(e)
	if e == abi.OK || e == abi.EINTR || e >= abi.ERESTARTSYS {
		for i := range len(call.Letters) {
			r.written(c, call, i, uint32(min(v, uint64(abi.MAX_RW_COUNT))))
		}
	} else if len(call.Letters) > 1 && call.Letters[1] == 'I' {
		// Where it would have read to: the addresses alone.
		r.written(c, call, 1, 0)
	}
	c.T().Live.Traced = 0
	r.send()
}

// Signal tells that a signal reached a thread, with the words that TraceRecord.args
// has of one.
func Signal(c *sched.Ctx, who Who, signo abi.Signal, args [6]uint64) {
	r := begin(c, abi.TracePhaseSignal, who)
	r.head().Number, r.head().Args = uint32(signo), args
	r.send()
}

// Stopped tells that a signal stopped a thread.
func Stopped(c *sched.Ctx, who Who, signo abi.Signal) {
	r := begin(c, abi.TracePhaseStopped, who)
	r.head().Args[0] = uint64(signo)
	r.send()
}

// Ended tells that a thread ended, with a wait status.
func Ended(c *sched.Ctx, who Who, status uint32) {
	r := begin(c, abi.TracePhaseEnded, who)
	r.head().Args[0] = uint64(status)
	r.send()
}
