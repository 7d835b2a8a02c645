package hart

import (
	"unsafe"

	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/file"
	"foreshore.dev/kernel/kmem"
	"foreshore.dev/kernel/proc"
	"foreshore.dev/kernel/sched"
	"foreshore.dev/kernel/syscalls"
	"foreshore.dev/kernel/trace"
)

func ptrOf[T any](p *T) unsafe.Pointer { return unsafe.Pointer(p) }

// traced tells of the call that begins. It says whether the call may go on: the
// thread may have to wait for a page that only the trace wants now.
func traced(c *sched.Ctx, h *abi.HartSlot) bool {
	cpu := &c.T().Cpu
	number := numberOf(cpu.X[regA7])
	args := (*[6]uint64)(cpu.X[regA0 : regA0+6])
	if trace.Entry(c, trace.Call{Number: number, Letters: syscalls.Letters(number), Args: args}, true) == abi.OK {
		return true
	}
	block(c, h)
	return false
}

// numberOf is the call that a register names; what is beyond 32 bits names none.
func numberOf(a7 uint64) abi.Syscall { return abi.Syscall(min(a7, 1<<32-1)) }

// begin fills the thread's record of a new system call.
func begin(c *sched.Ctx) {
	t := c.T()
	b := &t.State.Blocked
	b.Number = numberOf(t.Cpu.X[regA7])
	for i := range b.Args {
		b.Args[i] = t.Cpu.X[regA0+i]
	}
	b.Reason, b.DeadlineNs, b.Progress = abi.WaitReasonNone, ^uint64(0), 0
	b.TimedOut, b.PageTicket, b.Kept = 0, 0, [3]uint64{}
	t.Cpu.Instret++
	t.State.Syscalls++
	c.P().State.Syscalls++
	kmem.Header().Counters.Syscalls++
}

// syscall makes the call that the thread's record describes: for the first
// time, or again after a wait.
func syscall(c *sched.Ctx, h *abi.HartSlot) {
	t := c.T()
	b := &t.State.Blocked
	t.State.Restart = 0
	if b.Attempt != 0 && b.Reason != abi.WaitReasonVfork && killed(c) && !ending(c) {
		// A second try of a call whose thread is to die would only wait again.
		sched.CancelWaits(c)
		proc.WaitEnds(c.Thread)
		if !proc.DeliverSignals(c) {
			switchOut(h)
		}
		return
	}
	if trace.On() && t.Live.Traced == 0 {
		// Its end was told when a signal interrupted it; now it goes on.
		_ = trace.Entry(c, trace.Call{Number: b.Number, Letters: syscalls.Letters(b.Number), Args: &b.Args}, false)
	}
	holdFor(c, abi.HoldKindSystemCall, uint32(b.Number))
	v, e := syscalls.Dispatch(c, b.Number)
	if e == abi.ERESCHED {
		syscalls.Hold(c, b.Number)
		b.Attempt++
		giveWay(c)
		return
	}
	if e == abi.EBLOCKED {
		if !interrupted(c, b) {
			syscalls.Hold(c, b.Number)
			b.Attempt++
			block(c, h)
			return
		}
		sched.CancelWaits(c)
		proc.WaitEnds(c.Thread)
		if v, e = syscalls.Interrupted(c, b.Number); e == abi.EBLOCKED {
			syscalls.Hold(c, b.Number)
			b.Attempt++
			block(c, h)
			return
		}
	}
	if e == abi.ENORETURN {
		if c.Thread == 0 {
			switchOut(h)
			return
		}
		t = c.T()
		if trace.On() {
			trace.Exit(c, trace.Call{Number: b.Number, Letters: "", Args: &b.Args}, t.Cpu.X[regA0], abi.OK)
		}
		sched.TimerCancel(&t.Live.Timer)
		file.LetGo(c, c.Thread)
		t.State.Blocked.Attempt = 0
		return
	}
	sched.TimerCancel(&t.Live.Timer)
	file.LetGo(c, c.Thread)
	if trace.On() {
		trace.Exit(c, trace.Call{Number: b.Number, Letters: syscalls.Letters(b.Number), Args: &b.Args}, v, e)
	}
	syscalls.AccountIO(c, b.Number, v, e)
	switch {
	case e == abi.OK:
		t.Cpu.X[regA0] = v
		t.Cpu.Pc += 4
		b.Attempt = 0
	case e >= abi.ERESTARTSYS && e <= abi.ERESTARTBLOCK:
		// What becomes of it is decided where signals are delivered. Kept as
		// an attempt, so that a call made again remembers its deadline; all else it
		// resolves and reads anew.
		t.State.Restart = uint32(e)
		b.Kept = [3]uint64{}
		b.Attempt++
		deliverRestart(c, h)
	default:
		t.Cpu.X[regA0] = uint64(-int64(e))
		t.Cpu.Pc += 4
		b.Attempt = 0
	}
}

// insnsPerUs is what a microsecond in the kernel counts as, for shares: about
// what guest code retires in that time.
const insnsPerUs = 200

// giveWay has others go first, since the call in progress takes long. What it
// took so far counts as if guest code had run.
func giveWay(c *sched.Ctx) {
	l := localOf(c.Hart)
	l.resched = true
	now := sched.NowNs()
	spent := now - l.entered
	chargeSystem(c, now)
	l.entered = now
	sched.Charge(c.Thread, int32(min(spent/1000*insnsPerUs, 1<<30)), now, spent)
}

// deliverRestart delivers the signals that interrupted a call.
func deliverRestart(c *sched.Ctx, h *abi.HartSlot) {
	if !proc.DeliverSignals(c) {
		switchOut(h)
		return
	}
	c.T().State.Restart = 0
}

// killed says whether the thread's process is about to die of SIGKILL.
func killed(c *sched.Ctx) bool {
	return (c.T().State.Pending|c.P().State.Pending)&(1<<(abi.SIGKILL-1)) != 0
}

func ending(c *sched.Ctx) bool {
	_, yes := proc.Ending(c)
	return yes
}

func interrupted(c *sched.Ctx, b *abi.BlockedSyscall) bool {
	switch b.Reason {
	case abi.WaitReasonVfork, abi.WaitReasonPageIn: // Linux: TASK_KILLABLE
		return killed(c)
	}
	return proc.HasSignal(c)
}
