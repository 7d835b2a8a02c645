package proc

import (
	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/file"
	"foreshore.dev/kernel/kmem"
	"foreshore.dev/kernel/sched"
	"foreshore.dev/kernel/trace"
)

// Signals. A signal is pending for a thread or for a process; it is delivered
// when a thread that does not block it is about to run guest code. A sender
// only marks it and makes such a thread look.

const (
	sigCount = 64
	// queueMax is what RLIMIT_SIGPENDING begins with.
	queueMax = 1024
)

func bit(sig abi.Signal) uint64 { return 1 << (sig - 1) }

// Signals that cannot be caught, blocked or ignored.
const unmaskable = uint64(1)<<(abi.SIGKILL-1) | uint64(1)<<(abi.SIGSTOP-1)

const stopSignals = uint64(1)<<(abi.SIGSTOP-1) | uint64(1)<<(abi.SIGTSTP-1) | uint64(1)<<(abi.SIGTTIN-1) | uint64(1)<<(abi.SIGTTOU-1)

const ignoredByDefault = uint64(1)<<(abi.SIGCHLD-1) | uint64(1)<<(abi.SIGURG-1) | uint64(1)<<(abi.SIGWINCH-1) | uint64(1)<<(abi.SIGCONT-1)

// synchronous signals are delivered first (Linux SYNCHRONOUS_MASK).
const synchronous = uint64(1)<<(abi.SIGSEGV-1) | uint64(1)<<(abi.SIGBUS-1) | uint64(1)<<(abi.SIGILL-1) | uint64(1)<<(abi.SIGTRAP-1) | uint64(1)<<(abi.SIGFPE-1) | uint64(1)<<(abi.SIGSYS-1)

// Sig is one signal with what siginfo_t says of it.
type Sig struct {
	Signo abi.Signal
	Code  int32
	Errno int32
	// The union of siginfo_t, as far as the kernel keeps it (offsets 16 to 47).
	Field0, Field1, Field2, Field3 uint64
	// Timer is the PosixTimer whose signal this is, 0 for others.
	Timer abi.PosixTimerRef
}

func flushProcess(p *abi.ProcessSlot, mask uint64) {
	queueOf(p).drop(mask)
	for i := p.Live.ThreadHead; i != 0; i = kmem.Thread(i).Live.NextInProcess {
		threadQueue(p, kmem.Thread(i)).drop(mask)
	}
}

func action(p *abi.ProcessSlot, signo abi.Signal) *abi.Sigaction {
	return &kmem.Sighand(p.State.Sighand).Actions[signo-1]
}

func ignored(p *abi.ProcessSlot, signo abi.Signal) bool {
	a := action(p, signo)
	return a.Handler == abi.SIG_IGN || a.Handler == abi.SIG_DFL && ignoredByDefault&bit(signo) != 0
}

// SendProcess sends a signal of the kernel's own to a process.
func SendProcess(c *sched.Ctx, process abi.ProcessRef, signo abi.Signal) abi.Errno {
	return send(c, process, 0, &Sig{Signo: signo, Code: int32(abi.SI_KERNEL)})
}

// SendThread sends a signal to one thread.
func SendThread(c *sched.Ctx, thread abi.ThreadRef, s *Sig) abi.Errno {
	return send(c, kmem.Thread(thread).State.Process, thread, s)
}

// SendQueued sends a signal with its siginfo to a process.
func SendQueued(c *sched.Ctx, process abi.ProcessRef, s *Sig) abi.Errno {
	return send(c, process, 0, s)
}

// SendChild tells a parent that a child ended, stopped or continued.
func SendChild(c *sched.Ctx, child, parent abi.ProcessRef) {
	p := kmem.Process(child)
	w, ok := report(child, (abi.WEXITED | abi.WUNTRACED | abi.WCONTINUED | abi.WNOWAIT))
	if !ok {
		return
	}
	signo := p.State.ExitSignal
	if w.Code != int32(abi.CLD_EXITED) && w.Code != int32(abi.CLD_KILLED) && w.Code != int32(abi.CLD_DUMPED) {
		signo = abi.SIGCHLD
		if a := action(kmem.Process(parent), signo); a.Flags&abi.SA_NOCLDSTOP != 0 {
			return
		}
	}
	ticks := uint64(10_000_000) // ns per USER_HZ tick
	s := Sig{Signo: signo, Code: w.Code, Field0: uint64(w.Pid) | uint64(w.Uid)<<32,
		Field1: uint64(w.Value), Field2: p.State.UserNs / ticks, Field3: p.State.SystemNs / ticks}
	_ = send(c, parent, 0, &s)
}

func send(c *sched.Ctx, process abi.ProcessRef, thread abi.ThreadRef, s *Sig) abi.Errno {
	p := kmem.Process(process)
	if s.Signo == 0 || p.State.LoadRunState() == abi.ProcessRunStateZombie || p.State.Sighand == 0 {
		return abi.OK
	}
	kmem.Header().Counters.Signals++
	if s.Signo == abi.SIGCONT {
		flushProcess(p, stopSignals)
		resume(c, process)
	} else if stopSignals&bit(s.Signo) != 0 {
		flushProcess(p, bit(abi.SIGCONT))
	}
	if ignored(p, s.Signo) && unmaskable&bit(s.Signo) == 0 && !blockedSomewhere(p, thread, s.Signo) {
		if trace.On() {
			if thread == 0 {
				thread = p.State.Leader
			}
			traceSignal(c, thread, process, s)
		}
		return abi.OK
	}
	k := queueOf(p)
	if thread != 0 {
		k = threadQueue(p, kmem.Thread(thread))
	}
	if e := k.enqueue(p, s); e != abi.OK {
		return e
	}
	file.SignalArrived()
	nudge(process, thread, s.Signo)
	return abi.OK
}

// traceSignal traces a signal that reaches a thread.
func traceSignal(c *sched.Ctx, thread abi.ThreadRef, process abi.ProcessRef, s *Sig) {
	who := trace.Who{Tid: kmem.Thread(thread).State.Tid, Pid: kmem.Process(process).State.Pid}
	trace.Signal(c, who, s.Signo, [6]uint64{uint64(int64(s.Code)), uint64(int64(s.Errno)), s.Field0, s.Field1, s.Field2, s.Field3})
}

// blockedSomewhere: a signal that is ignored is still kept while it is
// blocked, since its action may change before it is unblocked.
func blockedSomewhere(p *abi.ProcessSlot, thread abi.ThreadRef, signo abi.Signal) bool {
	if thread == 0 {
		thread = p.State.Leader
	}
	return kmem.Thread(thread).State.Sigmask&bit(signo) != 0
}

// nudge makes a thread that can take the signal look at it.
func nudge(process abi.ProcessRef, thread abi.ThreadRef, signo abi.Signal) {
	p := kmem.Process(process)
	if thread != 0 {
		nudgeThread(thread, signo)
		return
	}
	fallback := abi.ThreadRef(0)
	for i := p.Live.ThreadHead; i != 0; i = kmem.Thread(i).Live.NextInProcess {
		t := kmem.Thread(i)
		if t.State.LoadRunState() == abi.ThreadRunStateExited {
			continue
		}
		if t.State.Sigmask&bit(signo) != 0 && !sigwaits(t, signo) && unmaskable&bit(signo) == 0 {
			continue
		}
		if t.State.LoadRunState() == abi.ThreadRunStateBlocked || sigwaits(t, signo) {
			nudgeThread(i, signo)
			return
		}
		// The leader is preferred, as on Linux, among those that run.
		if fallback == 0 || i == p.State.Leader {
			fallback = i
		}
	}
	if fallback != 0 {
		nudgeThread(fallback, signo)
	}
}

// sigwaits says whether a thread waits for this very signal (rt_sigtimedwait).
func sigwaits(t *abi.ThreadSlot, signo abi.Signal) bool {
	b := &t.State.Blocked
	return b.Reason == abi.WaitReasonSignal && b.Attempt != 0 && b.SignalWait().Set&bit(signo) != 0
}

func nudgeThread(i abi.ThreadRef, signo abi.Signal) {
	t := kmem.Thread(i)
	switch t.State.LoadRunState() {
	case abi.ThreadRunStateBlocked:
		if t.State.Sigmask&bit(signo) == 0 || sigwaits(t, signo) || unmaskable&bit(signo) != 0 {
			sched.Unblock(i)
		}
	case abi.ThreadRunStateRunning:
		sched.PollHart(t.State.Hart)
	case abi.ThreadRunStateStopped:
		if signo == abi.SIGKILL {
			sched.MakeReady(i)
		}
	}
}

// deliverable is the set of signals that the thread must act on now.
func deliverable(t *abi.ThreadSlot, p *abi.ProcessSlot) uint64 {
	return (t.State.Pending | p.State.Pending) &^ (t.State.Sigmask &^ unmaskable)
}

// HasSignal says whether a blocking call of the thread is to be interrupted.
func HasSignal(c *sched.Ctx) bool {
	t, p := c.T(), c.P()
	set := deliverable(t, p)
	for set != 0 {
		signo := lowest(set)
		if !ignored(p, signo) || unmaskable&bit(signo) != 0 {
			return true
		}
		set &^= bit(signo)
	}
	return false
}

func lowest(set uint64) abi.Signal {
	if s := set & synchronous; s != 0 {
		set = s
	}
	n := abi.Signal(1)
	for set&1 == 0 {
		set >>= 1
		n++
	}
	return n
}

// TakeSignal removes one signal of a set from what is pending for the thread.
func TakeSignal(t *abi.ThreadSlot, p *abi.ProcessSlot, set uint64) (Sig, bool) {
	if own := t.State.Pending & set; own != 0 {
		return threadQueue(p, t).dequeue(lowest(own)), true
	}
	if all := p.State.Pending & set; all != 0 {
		return queueOf(p).dequeue(lowest(all)), true
	}
	return Sig{}, false
}

// DeliverSignals acts on the caller's pending signals before it goes back to
// guest code: ends or stops the process, or prepares one handler's frame after
// another. It returns false when the context acts for nobody any more, or its
// thread does not run.
func DeliverSignals(c *sched.Ctx) bool {
	for {
		t, p := c.T(), c.P()
		set := deliverable(t, p)
		if set == 0 {
			break
		}
		if set&bit(abi.SIGKILL) != 0 {
			// Before all others, whose handlers' frames may lie in memory that a child
			// of vfork(2) runs on (Linux kernel/signal.c, get_signal).
			set = bit(abi.SIGKILL)
		}
		s, _ := TakeSignal(t, p, set)
		if trace.On() && s.Signo != abi.SIGKILL {
			traceSignal(c, c.Thread, c.Process, &s)
		}
		a := *action(p, s.Signo)
		if s.Signo == abi.SIGKILL {
			return !End(c, uint32(s.Signo))
		}
		if s.Signo == abi.SIGSTOP {
			a.Handler = abi.SIG_DFL
		}
		switch {
		case a.Handler == abi.SIG_IGN:
			continue
		case a.Handler == abi.SIG_DFL:
			if ignoredByDefault&bit(s.Signo) != 0 {
				continue
			}
			if stopSignals&bit(s.Signo) != 0 {
				if s.Signo != abi.SIGSTOP && IsOrphaned(p.State.Pgid) {
					continue
				}
				stopProcess(c, s.Signo)
				continue
			}
			if coreSignals&bit(s.Signo) != 0 && beginCore(c, &s) {
				return true
			}
			return !End(c, uint32(s.Signo))
		}
		settleRestart(t, a.Flags)
		if !pushFrame(c, &s, &a) {
			// No stack to deliver on: Linux forces SIGSEGV, and kills when
			// that has no handler that could run.
			forceSegv(c, s.Signo)
			continue
		}
		if a.Flags&abi.SA_RESETHAND != 0 {
			action(p, s.Signo).Handler = abi.SIG_DFL
		}
	}
	if c.P().State.LoadRunState() == abi.ProcessRunStateStopped {
		park(c)
		return false
	}
	restoreMask(c)
	return true
}

// settleRestart decides, now that a handler will run, whether an interrupted
// system call is made again after it or returns EINTR (signal(7)).
func settleRestart(t *abi.ThreadSlot, flags abi.SigactionFlag) {
	e := abi.Errno(t.State.Restart)
	if e == abi.OK {
		return
	}
	t.State.Restart = 0
	t.State.Blocked.Attempt = 0
	if e == abi.ERESTARTNOINTR || e == abi.ERESTARTSYS && flags&abi.SA_RESTART != 0 {
		return // pc is still at the ecall, and the arguments are as they were
	}
	eintr := -int64(abi.EINTR)
	t.Cpu.X[regA0] = uint64(eintr)
	t.Cpu.Pc += 4
}

// restoreMask ends a temporary signal mask (sigsuspend, ppoll) once no signal
// that it let in is left.
func restoreMask(c *sched.Ctx) {
	t := c.T()
	if t.State.Flags&abi.ThreadFlagHasSavedSigmask != 0 && t.State.Blocked.Attempt == 0 {
		t.State.Flags &^= abi.ThreadFlagHasSavedSigmask
		t.State.Sigmask = t.State.SavedSigmask
	}
}

// MaskSwapped says whether an earlier attempt at the call in progress has swapped the mask.
func MaskSwapped(c *sched.Ctx) bool {
	s := &c.T().State
	return s.Blocked.Attempt != 0 && s.Flags&abi.ThreadFlagHasSavedSigmask != 0
}

// SwapMask replaces the signal mask until the system call in progress is over.
func SwapMask(c *sched.Ctx, mask uint64) {
	t := c.T()
	if t.State.Flags&abi.ThreadFlagHasSavedSigmask == 0 {
		t.State.Flags |= abi.ThreadFlagHasSavedSigmask
		t.State.SavedSigmask = t.State.Sigmask
	}
	t.State.Sigmask = mask &^ unmaskable
}

// ForceSignal delivers a synchronous signal of the running instruction: when
// it is blocked or ignored, the process dies of it.
func ForceSignal(c *sched.Ctx, s *Sig) {
	t, p := c.T(), c.P()
	a := action(p, s.Signo)
	if t.State.Sigmask&bit(s.Signo) != 0 || a.Handler == abi.SIG_IGN {
		a.Handler = abi.SIG_DFL
		t.State.Sigmask &^= bit(s.Signo)
	}
	_ = threadQueue(p, t).enqueue(p, s)
}

func forceSegv(c *sched.Ctx, during abi.Signal) {
	if during == abi.SIGSEGV {
		action(c.P(), during).Handler = abi.SIG_DFL
	}
	s := Sig{Signo: abi.SIGSEGV, Code: int32(abi.SI_KERNEL)}
	ForceSignal(c, &s)
}

// stopProcess stops all threads of the caller's process (a group stop).
func stopProcess(c *sched.Ctx, signo abi.Signal) {
	p := c.P()
	if p.State.LoadRunState() == abi.ProcessRunStateStopped {
		return
	}
	kmem.WriteBegin(&p.Header)
	sched.SetProcessState(p, abi.ProcessRunStateStopped)
	p.State.StopSignal = signo
	p.State.Flags = p.State.Flags&^abi.ProcessFlagHasContinueReport | abi.ProcessFlagHasStopReport
	kmem.WriteEnd(&p.Header)
	for i := p.Live.ThreadHead; i != 0; i = kmem.Thread(i).Live.NextInProcess {
		t := kmem.Thread(i)
		if i != c.Thread && t.State.LoadRunState() == abi.ThreadRunStateRunning {
			sched.PollHart(t.State.Hart)
		}
	}
	if o := p.State.Parent; o != 0 {
		SendChild(c, c.Process, o)
		sched.WakeAll(&kmem.Process(o).Live.ChildWait)
	}
}

// park leaves the calling thread stopped.
func park(c *sched.Ctx) {
	t := c.T()
	if trace.On() {
		trace.Stopped(c, trace.Who{Tid: t.State.Tid, Pid: c.P().State.Pid}, c.P().State.StopSignal)
	}
	kmem.WriteBegin(&t.Header)
	sched.SetThreadState(t, abi.ThreadRunStateStopped)
	kmem.WriteEnd(&t.Header)
	sched.ThreadStopped(c.Thread, abi.ThreadStopStopped)
	forget(c)
}

// resume continues a stopped process.
func resume(c *sched.Ctx, process abi.ProcessRef) {
	p := kmem.Process(process)
	if p.State.LoadRunState() != abi.ProcessRunStateStopped {
		return
	}
	kmem.WriteBegin(&p.Header)
	sched.SetProcessState(p, abi.ProcessRunStateRunning)
	p.State.Flags = p.State.Flags&^abi.ProcessFlagHasStopReport | abi.ProcessFlagHasContinueReport
	kmem.WriteEnd(&p.Header)
	for i := p.Live.ThreadHead; i != 0; i = kmem.Thread(i).Live.NextInProcess {
		if kmem.Thread(i).State.LoadRunState() == abi.ThreadRunStateStopped {
			sched.MakeReady(i)
		}
	}
	if o := p.State.Parent; o != 0 {
		SendChild(c, process, o)
		sched.WakeAll(&kmem.Process(o).Live.ChildWait)
	}
}

// ActionChanged drops what is pending of a signal that is ignored from now on
// (sigaction(2), POSIX).
func ActionChanged(c *sched.Ctx, signo abi.Signal) {
	if p := c.P(); ignored(p, signo) {
		flushProcess(p, bit(signo))
	}
}

// SignalPending and TakeForSignalfd are what signalfd(2) asks for: SignalPending
// whether a signal of the mask waits.
func SignalPending(process abi.ProcessRef, thread abi.ThreadRef, mask uint64) bool {
	set := kmem.Process(process).State.Pending
	if thread != 0 {
		set |= kmem.Thread(thread).State.Pending
	}
	return set&mask != 0
}

// TakeForSignalfd takes a signal of the mask and writes its signalfd_siginfo.
func TakeForSignalfd(c *sched.Ctx, mask uint64, dst uint32) bool {
	s, ok := TakeSignal(c.T(), c.P(), mask)
	if !ok {
		return false
	}
	kmem.Zero(dst, abi.SignalfdSiginfoSize)
	i := (*abi.SignalfdSiginfo)(kmem.Ptr(dst))
	i.Signo, i.Errno, i.Code = s.Signo, s.Errno, s.Code
	if s.Code == int32(abi.SI_TIMER) {
		i.Tid, i.Overrun = uint32(s.Field0), uint32(s.Field0>>32)
	} else {
		i.Pid, i.Uid = uint32(s.Field0), uint32(s.Field0>>32)
	}
	if s.Signo == abi.SIGCHLD {
		i.Status, i.Utime, i.Stime = int32(s.Field1), s.Field2, s.Field3
	} else {
		i.IntValue, i.Ptr = int32(s.Field1), s.Field1
	}
	return true
}

// SigPipe is what a write to a pipe without readers sends to its thread.
func SigPipe(c *sched.Ctx) {
	if c.Thread == 0 {
		return
	}
	s := Sig{Signo: abi.SIGPIPE, Code: int32(abi.SI_KERNEL)}
	_ = SendThread(c, c.Thread, &s)
}

// FileTooLarge is what a write beyond RLIMIT_FSIZE sends.
func FileTooLarge(c *sched.Ctx) {
	if c.Thread == 0 {
		return
	}
	s := Sig{Signo: abi.SIGXFSZ, Code: int32(abi.SI_KERNEL)}
	_ = SendThread(c, c.Thread, &s)
}
