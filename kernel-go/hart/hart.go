// Package hart is what a hart's worker runs: it picks threads, runs their
// guest code, and does what guest code leaves for: system calls, faults,
// signals.
//
// The worker's host loop calls Run again and again. Between two calls nothing
// of a thread is on this stack: all of it is in slots.
//
// # Rules
//
// A system call comes in by guest (no lock; fastCall for what cannot change
// meanwhile), sched.LeaveGuest, the machine lock, begin, which fills the thread's
// record, and syscall. EBLOCKED leaves the record as it is, and the call is made again
// when something wakes the thread (its attempts are counted).
//
// After LeaveGuest the thread may be gone (package sched). riscv.Run never touches its
// context after that point, which is why FetchPage only looks into a small table of
// the hart's own and never takes the lock: a miss is an exit, served under the lock,
// and the instruction is fetched again.
package hart

import (
	"unsafe"

	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/kmem"
	"foreshore.dev/kernel/mm"
	"foreshore.dev/kernel/proc"
	"foreshore.dev/kernel/riscv"
	"foreshore.dev/kernel/sched"
	"foreshore.dev/kernel/trace"
)

// The interpreter's state of a hart fits the room that boot gave it.
const _ = kmem.CpuBytes - riscv.HartCpuBytes

const (
	regA0 = 10
	regA7 = 17
)

// fetched remembers pages that were found for the CPU's code TLB. The CPU asks
// for them without the machine lock; an entry is only used by its own hart,
// inside the stretch of guest code before which it was made or still checked.
type fetched struct {
	as    abi.AddressSpaceRef
	epoch uint32
	page  uint64
	frame uint32
}

const fetchSlots = 8

// local is what is kept of a worker, in its scratch memory.
type local struct {
	fetches [fetchSlots]fetched
	// entered is when its thread last came into the kernel: from there on its time
	// is system time.
	entered uint64
	// kind and number are what it does with the machine lock, for the counters.
	kind   abi.HoldKind
	number uint32
	// resched: the system call in progress has given way (ERESCHED).
	resched bool
}

const _ = unsafe.Sizeof(kmem.Scratch{}.Hart) - unsafe.Sizeof(local{})

func localOf(hart uint32) *local { return (*local)(unsafe.Pointer(&kmem.ScratchOf(hart).Hart)) }

func cpuOf(h *abi.HartSlot) *riscv.HartCpu { return (*riscv.HartCpu)(kmem.Ptr(h.CodeTlb)) }

// Init readies the CPU for all harts of a new machine.
func Init() {
	h := kmem.Header()
	riscv.Init(h.DecodeArenaBase, h.DecodeArenaBytes)
	for i := range h.HartCount {
		s := kmem.Hart(i)
		riscv.Register(cpuOf(s), i, kmem.Addr(ptrOf(&s.Poll)))
		s.State.Store(uint32(abi.HartStateIdle))
	}
}

// Attach is Init for a machine that goes on: decoded code and what a CPU remembers
// of it are another kernel's, and are made anew when they are asked for.
func Attach() {
	for i := range kmem.Header().HartCount {
		kmem.Zero(kmem.Hart(i).CodeTlb, riscv.HartCpuBytes)
	}
	Init()
}

// DropCode drops what was decoded of a frame.
func DropCode(frame uint32) {
	kmem.Frame(frame).Code.Store(0)
	riscv.InvalidateFrame(frame)
}

// FetchPage is the frame of an executable page that this hart was given by a
// fetchFault, for the CPU: it takes no lock.
func FetchPage(hart uint32, as abi.AddressSpaceRef, va uint64) (uint32, bool) {
	epoch := kmem.AddressSpace(as).Live.CodeEpoch.Load()
	l := localOf(hart)
	for i := range l.fetches {
		f := &l.fetches[i]
		if f.page == va && f.as == as && f.epoch == epoch && f.frame != 0 {
			if kmem.Frame(f.frame).Code.Load() == 0 {
				return 0, false
			}
			return f.frame, true
		}
	}
	return 0, false
}

// fetchFault serves an instruction fetch that found no page.
func fetchFault(c *sched.Ctx, va uint64) mm.Fault {
	frame, f := mm.ExecFrame(c, c.As, va)
	if f.Err != abi.OK {
		return f
	}
	riscv.MarkCode(frame)
	kmem.Frame(frame).Code.Store(1)
	page := va &^ uint64(kmem.PageMask)
	localOf(c.Hart).fetches[page>>kmem.PageShift%fetchSlots] = fetched{c.As, kmem.AddressSpace(c.As).Live.CodeEpoch.Load(), page, frame}
	return f
}

// reapPieces is how many pieces of dead address spaces a hart frees before it
// runs a slice: a fraction of a millisecond's work.
const reapPieces = 4

// Run runs threads on a hart for about `budget` instructions.
func Run(hart uint32, budget int32) abi.HartExit {
	c, h := sched.For(hart), kmem.Hart(hart)
	kmem.Lock(hart)
	now := sched.NowNs()
	sched.HoldBegins(c, now)
	if Dead(hart) {
		takeOver(c, h)
	}
	sched.SetCurrent(0)
	holdFor(c, abi.HoldKindTimers, 0)
	sched.SampleLoad(now)
	sched.RunTimers(now)
	for k := 0; k < reapPieces && mm.HaveBuried(); k++ {
		mm.Reap()
	}
	exit := loop(c, h, budget)
	kmem.Assert(kmem.StackIntact(hart), "kernel stack kept to its bounds")
	held(c, sched.NowNs())
	sched.HoldEnds(c, sched.NowNs())
	kmem.UnlockToOthers()
	return exit
}

func loop(c *sched.Ctx, h *abi.HartSlot, budget int32) abi.HartExit {
	left := budget
	for {
		if s := kmem.Header().LoadBootState(); s != abi.BootStateReady {
			setState(h, abi.HartStateDead)
			if s == abi.BootStateFailed {
				return abi.HartExitFailed
			}
			return abi.HartExitStop
		}
		if h.Thread.Load() == 0 {
			now := sched.NowNs()
			if sched.HeldLong(c, now) {
				return abi.HartExitBudget // others have waited for the lock
			}
			held(c, now)
			if !switchIn(c, h, now) {
				if mm.HaveBuried() {
					mm.Reap()
					return abi.HartExitBudget
				}
				sched.KickIdle() // for what may only run elsewhere
				h.WakeAtNs = kmem.Header().NextTimerNs
				h.DoorbellSeen = h.Doorbell.Load()
				setState(h, abi.HartStateIdle)
				return abi.HartExitIdle
			}
		}
		bind(c, h)
		if !sched.MayRun(c.Thread, c.Hart) {
			yield(c, h, true)
			continue
		}
		if c.T().State.Blocked.Attempt != 0 {
			if l := localOf(c.Hart); l.resched {
				l.resched = false
				if sched.HaveReady(c.Hart) {
					yield(c, h, false)
				}
				return abi.HartExitBudget
			}
			syscall(c, h)
			continue
		}
		if !proc.DeliverSignals(c) {
			switchOut(h)
			continue
		}
		t := c.T()
		if t.State.Blocked.Attempt != 0 {
			continue // a signal has begun a core file
		}
		if t.State.Restart != 0 {
			// Interrupted for nothing: make the call again.
			t.State.Restart = 0
			continue
		}
		if t.State.Flags&abi.ThreadFlagYields != 0 {
			t.State.Flags &^= abi.ThreadFlagYields
			if sched.HaveReady(c.Hart) {
				sched.Yielded(c.Thread)
				yield(c, h, false)
				continue
			}
		}
		if left <= 0 {
			if sched.HaveReady(c.Hart) {
				yield(c, h, sched.PolicyOf(t) == abi.SCHED_FIFO)
			}
			return abi.HartExitBudget
		}
		if sched.Displaced(c.Thread, c.Hart) {
			yield(c, h, true)
			continue
		}
		left = guest(c, h, left)
	}
}

// holdFor says what the lock is held for from here on.
func holdFor(c *sched.Ctx, kind abi.HoldKind, number uint32) {
	d := localOf(c.Hart)
	d.kind, d.number = kind, number
}

// held says what the lock was held for until now.
func held(c *sched.Ctx, now uint64) {
	d := localOf(c.Hart)
	sched.HeldFor(c, now, d.kind, d.number)
	d.kind, d.number = abi.HoldKindOther, 0
}

func chargeSystem(c *sched.Ctx, now uint64) {
	spent := now - localOf(c.Hart).entered
	c.T().State.SystemNs += spent
	c.P().Live.SystemNs += spent
	kmem.Hart(c.Hart).BusyNs += spent
	held(c, now)
}

// switchIn gives the hart a ready thread.
func switchIn(c *sched.Ctx, h *abi.HartSlot, now uint64) bool {
	i := sched.PickReady(c.Hart)
	if i == 0 {
		return false
	}
	t := kmem.Thread(i)
	kmem.WriteBegin(&t.Header)
	sched.SetThreadState(t, abi.ThreadRunStateRunning)
	t.State.Hart = c.Hart
	kmem.WriteEnd(&t.Header)
	t.Cpu.LrValid = 0
	localOf(c.Hart).entered = now
	h.Thread.Store(uint32(i))
	h.State.Store(uint32(abi.HartStateInKernel))
	kmem.Changed(kmem.Ran)
	kmem.Header().Counters.ContextSwitches++
	return true
}

// setState is a state of a hart that does not run, which viewers show.
func setState(h *abi.HartSlot, state abi.HartState) {
	if abi.HartState(h.State.Load()) != state {
		h.State.Store(uint32(state))
		kmem.Changed(1 << abi.SlotKindHart)
	}
}

// switchOut: the hart's thread is blocked, stopped or gone.
func switchOut(h *abi.HartSlot) {
	h.Thread.Store(0)
	kmem.Changed(kmem.Ran)
}

// yield puts the running thread back into its queue, before its equals if it was
// displaced.
func yield(c *sched.Ctx, h *abi.HartSlot, displaced bool) {
	i := c.Thread
	chargeSystem(c, sched.NowNs())
	c.T().State.InvoluntarySwitches++
	switchOut(h)
	sched.Requeue(i, displaced)
}

// bind makes the context act for the hart's thread.
func bind(c *sched.Ctx, h *abi.HartSlot) {
	c.Thread = abi.ThreadRef(h.Thread.Load())
	t := kmem.Thread(c.Thread)
	c.Process = t.State.Process
	c.As = kmem.Process(c.Process).State.AddressSpace
	sched.SetCurrent(c.Thread)
}

// kernelEntryCost is what a system call or fault takes from the budget, in
// instructions: a slice of one that does little else would last for a second.
const kernelEntryCost = 500

// guest runs guest code of the current thread and serves what it left for. It
// gives back what is left of the budget.
func guest(c *sched.Ctx, h *abi.HartSlot, left int32) int32 {
	cpu := &c.T().Cpu
	as := kmem.AddressSpace(c.As)
	cpu.As, cpu.RtDir, cpu.WtDir, cpu.High, cpu.CodeEpoch = c.As, as.Live.RtDir, as.Live.WtDir, as.Live.High, as.Live.CodeEpoch.Load()
	cpu.Left = left
	begin := sched.NowNs()
	chargeSystem(c, begin)
	sched.HoldEnds(c, begin)
	sched.EnterGuest(c.Hart, c.As)
	sched.KickIdle()
	kmem.Unlock()
	exit := riscv.Run(cpu, cpuOf(h))
	for exit == riscv.ExitEcall && fastCall(c, cpu) {
		exit = riscv.Run(cpu, cpuOf(h))
	}
	used := left - cpu.Left + kernelEntryCost
	sched.LeaveGuest(c.Hart)
	kmem.Lock(c.Hart)
	now := sched.NowNs()
	sched.HoldBegins(c, now)
	localOf(c.Hart).entered = now
	if h.Thread.Load() == 0 {
		// Another thread ended this one meanwhile; its slot may be another's.
		c.Thread, c.Process, c.As = 0, 0, 0
		return left - used
	}
	sched.SetCurrent(c.Thread)
	spent := now - begin
	sched.Charge(c.Thread, used, now, spent)
	c.T().State.UserNs += spent
	c.P().Live.UserNs += spent
	h.BusyNs += spent
	kmem.Changed(kmem.Ran)
	if c.P().Live.CpuTimers != 0 {
		proc.CheckCpuTimers(c)
	}
	serve(c, h, exit)
	return left - used
}

// fastCall makes system calls that only read what cannot change while the
// hart is in guest code, without the machine lock.
func fastCall(c *sched.Ctx, cpu *abi.CpuContext) bool {
	if trace.On() {
		return false
	}
	var v uint32
	switch cpu.X[regA7] {
	case uint64(abi.SYS_getpid):
		v = c.P().State.Pid
	case uint64(abi.SYS_gettid):
		v = c.T().State.Tid
	default:
		return false
	}
	cpu.X[regA0] = uint64(v)
	cpu.Pc += 4
	cpu.Instret++
	c.T().State.Syscalls++
	return true
}

func serve(c *sched.Ctx, h *abi.HartSlot, exit riscv.Exit) {
	cpu := &c.T().Cpu
	holdFor(c, abi.HoldKindFault, 0)
	switch exit {
	case riscv.ExitBudget, riscv.ExitPoll:
		holdFor(c, abi.HoldKindOther, 0)
	case riscv.ExitEcall:
		if trace.On() && !traced(c, h) {
			return
		}
		begin(c)
		syscall(c, h)
	case riscv.ExitLoadFault:
		faulted(c, h, mm.HandleFault(c, c.As, cpu.FaultAddr, mm.Read), cpu.FaultAddr)
	case riscv.ExitStoreFault:
		faulted(c, h, mm.HandleFault(c, c.As, cpu.FaultAddr, mm.Write), cpu.FaultAddr)
	case riscv.ExitFetchFault:
		faulted(c, h, fetchFault(c, cpu.FaultAddr), cpu.FaultAddr)
	case riscv.ExitIllegal:
		s := proc.Sig{Signo: abi.SIGILL, Code: int32(abi.ILL_ILLOPC), Field0: cpu.Pc}
		proc.ForceSignal(c, &s)
	case riscv.ExitEbreak:
		s := proc.Sig{Signo: abi.SIGTRAP, Code: int32(abi.TRAP_BRKPT), Field0: cpu.Pc}
		proc.ForceSignal(c, &s)
	case riscv.ExitMisalignedAtomic:
		s := proc.Sig{Signo: abi.SIGBUS, Code: int32(abi.BUS_ADRALN), Field0: cpu.FaultAddr}
		proc.ForceSignal(c, &s)
	default:
		kmem.Fail("the interpreter left for an unknown reason")
	}
}

// faulted does what a page fault came to.
func faulted(c *sched.Ctx, h *abi.HartSlot, f mm.Fault, va uint64) {
	switch f.Err {
	case abi.OK:
		c.P().State.MinorFaults++
	case abi.EBLOCKED:
		c.P().State.MajorFaults++
		block(c, h)
	case abi.ENOMEM:
		if proc.OutOfMemory(c) {
			switchOut(h)
		}
	default:
		s := proc.Sig{Signo: f.Signal, Code: f.Code, Field0: va}
		proc.ForceSignal(c, &s)
	}
}

// block takes the current thread off the hart until somebody wakes it.
func block(c *sched.Ctx, h *abi.HartSlot) {
	t := c.T()
	chargeSystem(c, sched.NowNs())
	kmem.WriteBegin(&t.Header)
	sched.SetThreadState(t, abi.ThreadRunStateBlocked)
	kmem.WriteEnd(&t.Header)
	sched.ThreadStopped(c.Thread, abi.ThreadStopBlocked)
	switchOut(h)
}
