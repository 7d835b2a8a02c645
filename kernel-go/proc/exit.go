package proc

import (
	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/file"
	"foreshore.dev/kernel/kmem"
	"foreshore.dev/kernel/mm"
	"foreshore.dev/kernel/sched"
	"foreshore.dev/kernel/trace"
	"foreshore.dev/kernel/tty"
)

// ExitThread ends the calling thread, and its process when it was the last: that
// may have given way, as End says.
func ExitThread(c *sched.Ctx, code uint32) bool {
	p := c.P()
	if p.Live.LiveThreads == 1 {
		return End(c, code<<8)
	}
	leaveMemory(c, c.Thread, c.As)
	endThread(c, c.Thread, code<<8)
	forget(c)
	return true
}

// End is ExitGroup of a process that may have much to close. False: it has given
// way, and the thread's record is of an exit_group(2) that goes on with it.
func End(c *sched.Ctx, status uint32) bool {
	if file.HaveMany(c) {
		abandon(c, c.Thread)
		killOthers(c, status)
		t := c.T()
		t.State.Sigmask, t.State.Restart = ^uint64(0), 0
		exits(t, abi.EndStageClosing).Args[0] = uint64(status)
		if file.CloseRange(c, 0, ^uint32(0), false) == abi.ERESCHED {
			return false
		}
	}
	ExitGroup(c, status)
	return true
}

// Ending says whether the caller's exit_group(2) is one that End has begun, with
// which wait status. Nothing stops it.
func Ending(c *sched.Ctx) (status uint32, yes bool) {
	b := &c.T().State.Blocked
	return uint32(b.Args[0]), endsAt(b, abi.EndStageClosing)
}

// exits makes the record of a thread that has none the exit_group(2) of its
// process's end, at a stage.
func exits(t *abi.ThreadSlot, stage abi.EndStage) *abi.BlockedSyscall {
	b := &t.State.Blocked
	kmem.Assert(b.Held.Held == 0, "a record that becomes another's holds nothing")
	*b = abi.BlockedSyscall{Number: abi.SYS_exit_group, DeadlineNs: ^uint64(0), Attempt: 1}
	b.EndWait().Stage = stage
	t.Live.Traced = 1 // maybe nobody made that call
	return b
}

func endsAt(b *abi.BlockedSyscall, stage abi.EndStage) bool {
	return b.Number == abi.SYS_exit_group && b.Attempt != 0 && b.EndWait().Stage == stage
}

// ExitGroup ends the calling thread's process with a wait status.
func ExitGroup(c *sched.Ctx, status uint32) {
	process := c.Process
	abandon(c, c.Thread)
	killOthers(c, status)
	leaveMemory(c, c.Thread, c.As)
	endThread(c, c.Thread, status)
	forget(c)
	finish(c, process, status)
}

// KillPrepared ends a process that was never started.
func KillPrepared(c *sched.Ctx, process abi.ProcessRef, status uint32) {
	endThread(c, kmem.Process(process).State.Leader, status)
	finish(c, process, status)
}

// forget makes the context act for nobody: its thread is gone.
func forget(c *sched.Ctx) { c.Thread, c.Process, c.As = 0, 0, 0 }

// leaveMemory does what a dying thread owes others in its memory: robust
// futexes, and the word that pthread_join waits on.
func leaveMemory(c *sched.Ctx, i abi.ThreadRef, as abi.AddressSpaceRef) {
	t := kmem.Thread(i)
	if t.State.RobustList != 0 {
		walkRobust(c, t, as)
	}
	if t.State.ClearChildTid != 0 {
		kmem.Store32(c.Page, 0)
		if mm.CopyOutAs(c, mm.User{As: as, Va: t.State.ClearChildTid}, c.InPage(4)) == abi.OK {
			FutexWakeAt(c, mm.User{As: as, Va: t.State.ClearChildTid}, 1)
		}
	}
}

// WaitEnds takes a thread out of what others find it by while it waits: the queue of
// a futex, a vfork's child. Whatever ends the wait, its record says no more of it.
func WaitEnds(i abi.ThreadRef) {
	FutexForget(i)
	b := &kmem.Thread(i).State.Blocked
	if b.Reason != abi.WaitReasonVfork {
		return
	}
	if child := FindProcess(b.VforkWait().Child); child != 0 && kmem.Process(child).Live.VforkParent == i {
		kmem.Process(child).Live.VforkParent = 0
	}
}

// abandon gives up the call that a thread is in, and what it has begun: the thread
// ends, or its record is about to be another's. Nothing that is found by the
// record (the key of a futex, the child of a fork) may outlast it.
func abandon(c *sched.Ctx, i abi.ThreadRef) {
	b := &kmem.Thread(i).State.Blocked
	WaitEnds(i)
	if i == c.Thread {
		sched.CancelWaits(c) // first: what is let go wakes who waits for it
	}
	mm.ForkAbandoned(b)
	b.Attempt, b.Reason, b.Kept = 0, abi.WaitReasonNone, [3]uint64{}
	file.LetGo(c, i)
}

// endThread takes a thread that no hart runs (or that is the caller's) out of
// every queue; status is a wait status. The leader's slot stays until the process is reaped.
func endThread(c *sched.Ctx, i abi.ThreadRef, status uint32) {
	t := kmem.Thread(i)
	p := kmem.Process(t.State.Process)
	if trace.On() {
		trace.Ended(c, trace.Who{Tid: t.State.Tid, Pid: p.State.Pid}, status)
	}
	if t.State.LoadRunState() == abi.ThreadRunStateReady {
		sched.Unready(i)
	}
	// Not blocked any more: Unblock then only takes it off queues and timers. Before
	// anything is let go: what that wakes must not find it there.
	sched.SetThreadState(t, abi.ThreadRunStateExited)
	t.State.ExitCode = int32(status)
	sched.Unblock(i)
	abandon(c, i)
	piOwnerGone(c, i)
	sched.ThreadStopped(i, abi.ThreadStopExited)
	p.Live.LiveThreads--
	p.State.Instret += t.Cpu.Instret
	p.State.UserNs += t.State.UserNs
	p.State.SystemNs += t.State.SystemNs
	p.State.VoluntarySwitches += uint64(t.State.VoluntarySwitches)
	p.State.InvoluntarySwitches += uint64(t.State.InvoluntarySwitches)
	t.Cpu.Instret, t.State.UserNs, t.State.SystemNs, t.State.VoluntarySwitches, t.State.InvoluntarySwitches = 0, 0, 0, 0, 0
	if i != p.State.Leader {
		freeThread(i)
	}
}

// killOthers ends all other threads of the caller's process at once. Those
// that run on other harts are called out of guest code first; their harts
// find the thread gone when they get the machine lock.
func killOthers(c *sched.Ctx, status uint32) {
	p := c.P()
	if p.Live.LiveThreads <= 1 {
		return
	}
	for i := p.Live.ThreadHead; i != 0; {
		next := kmem.Thread(i).Live.NextInProcess
		t := kmem.Thread(i)
		if i != c.Thread && t.State.LoadRunState() != abi.ThreadRunStateExited {
			if t.State.LoadRunState() == abi.ThreadRunStateRunning {
				h := kmem.Hart(t.State.Hart)
				sched.EvictHart(t.State.Hart)
				h.Thread.Store(0)
			}
			if t.State.ClearChildTid != 0 || t.State.RobustList != 0 {
				leaveMemory(c, i, c.As)
			}
			endThread(c, i, status)
		}
		i = next
	}
}

// finish turns a process without threads into a zombie and tells its parent.
func finish(c *sched.Ctx, process abi.ProcessRef, status uint32) {
	p := kmem.Process(process)
	sched.TimerCancel(&p.Live.Itimer)
	deleteTimers(process)
	sched.WakeAll(&p.Live.CpuWait)
	releaseParts(c, process)
	releaseVfork(p)
	tty.LeaderGone(c, process)
	reparent(c, process)
	hangUpOrphans(c, process, p.State.Parent, process)
	kmem.WriteBegin(&p.Header)
	p.State.ExitStatus = status
	p.State.Flags |= abi.ProcessFlagExiting
	sched.SetProcessState(p, abi.ProcessRunStateZombie)
	kmem.WriteEnd(&p.Header)
	kmem.Header().Counters.Exits++
	sched.ProcessExited(process, status)
	sched.WakeAll(&p.Live.ChildWait)
	file.ProcessEnded(process)
	if p.State.Parent == 0 {
		if p.State.Flags&abi.ProcessFlagOwnedByHost == 0 {
			Reap(process)
		}
		return
	}
	notifyParent(c, process)
}

// notifyParent sends the exit signal; a parent that ignores SIGCHLD, or has
// SA_NOCLDWAIT, leaves no zombie.
func notifyParent(c *sched.Ctx, process abi.ProcessRef) {
	p := kmem.Process(process)
	parent := p.State.Parent
	o := kmem.Process(parent)
	autoReap := false
	if p.State.ExitSignal == abi.SIGCHLD && o.State.Sighand != 0 {
		a := &kmem.Sighand(o.State.Sighand).Actions[abi.SIGCHLD-1]
		autoReap = a.Handler == abi.SIG_IGN || a.Flags&abi.SA_NOCLDWAIT != 0
	}
	// clone(2) takes any byte for it; what is no signal is not sent.
	if s := p.State.ExitSignal; s != 0 && s <= sigCount {
		SendChild(c, process, parent)
	}
	sched.WakeAll(&o.Live.ChildWait)
	if autoReap {
		Reap(process)
	}
}

// releaseVfork lets a parent go on that waits in vfork(2).
func releaseVfork(p *abi.ProcessSlot) {
	if t := p.Live.VforkParent; t != 0 {
		p.Live.VforkParent = 0
		b := &kmem.Thread(t).State.Blocked
		if b.Reason == abi.WaitReasonVfork {
			b.VforkWait().Released = 1
			sched.Unblock(t)
		}
	}
}

// reparent hands the children of a dying process to the nearest subreaper, or
// to the host, which reaps at once.
func reparent(c *sched.Ctx, process abi.ProcessRef) {
	to := kmem.Process(process).State.Parent
	for to != 0 && kmem.Process(to).State.Flags&abi.ProcessFlagSubreaper == 0 {
		to = kmem.Process(to).State.Parent
	}
	first := abi.ProcessRef(0)
	for child := kmem.Process(process).Live.ChildHead; child != 0; child = kmem.Process(process).Live.ChildHead {
		p := kmem.Process(child)
		if p.State.Pdeathsig != 0 {
			_ = SendQueued(c, child, &Sig{Signo: p.State.Pdeathsig, Code: int32(abi.SI_USER)})
		}
		setParent(child, to)
		p.State.ExitSignal = abi.SIGCHLD
		first, p.Live.NextOrphan = child, first
	}
	hangUpEach(c, first, process)
	for child, next := first, abi.ProcessRef(0); child != 0; child = next {
		p := kmem.Process(child)
		next, p.Live.NextOrphan = p.Live.NextOrphan, 0
		if p.State.LoadRunState() == abi.ProcessRunStateZombie {
			if to == 0 {
				Reap(child)
			} else {
				notifyParent(c, child)
			}
		}
	}
}

// Reap frees a zombie and its leader's slot.
func Reap(process abi.ProcessRef) {
	sched.RecordEffect(abi.SyncEffectChildExit)
	freeThread(kmem.Process(process).State.Leader)
	freeProcess(process)
}

// Collect is Reap for the parent that waited for the zombie: what it used is
// the parent's from now on. (One that nobody waits for is nobody's, as on Linux.)
func Collect(process abi.ProcessRef) {
	passOn(process)
	Reap(process)
}

// Waited is what a wait call reports of one child.
type Waited struct {
	Process  abi.ProcessRef
	Pid, Uid uint32
	// Status is a wait status; Code one of abi.CLD_*; Value its exit code or signal.
	Status uint32
	Code   int32
	Value  uint32
}

// Which says which children a wait call means.
type Which struct {
	Type abi.IdType
	ID   uint32
}

func (w Which) matches(c *sched.Ctx, p *abi.ProcessSlot) bool {
	switch w.Type {
	case abi.P_PID:
		return p.State.Pid == w.ID
	case abi.P_PGID:
		return p.State.Pgid == w.ID
	}
	return true
}

// Wait looks for a child in one of the states that options (WEXITED, WUNTRACED,
// WCONTINUED, WNOHANG, WNOWAIT) ask for. ECHILD: no such child at all. Without
// one in such a state it blocks, or with WNOHANG returns an empty answer.
func Wait(c *sched.Ctx, which Which, options abi.WaitFlag) (Waited, abi.Errno) {
	var none Waited
	found := false
	for i := c.P().Live.ChildHead; i != 0; i = kmem.Process(i).Live.NextSibling {
		p := kmem.Process(i)
		if !which.matches(c, p) || options&abi.WALL == 0 && (p.State.ExitSignal != abi.SIGCHLD) != (options&abi.WCLONE != 0) {
			continue
		}
		found = true
		if w, ok := report(i, options); ok {
			return w, abi.OK
		}
	}
	if !found {
		return none, abi.ECHILD
	}
	if options&abi.WNOHANG != 0 {
		return none, abi.OK
	}
	c.T().State.Blocked.Reason = abi.WaitReasonChild
	return none, sched.WaitOn(c, &c.P().Live.ChildWait, sched.AllEvents)
}

func report(i abi.ProcessRef, options abi.WaitFlag) (Waited, bool) {
	p := kmem.Process(i)
	s := &p.State
	w := Waited{Process: i, Pid: s.Pid, Uid: s.Uid}
	keep := options&abi.WNOWAIT != 0
	switch {
	case s.LoadRunState() == abi.ProcessRunStateZombie && options&abi.WEXITED != 0:
		w.Status = s.ExitStatus
		if w.Status&0x7f == 0 {
			w.Code, w.Value = int32(abi.CLD_EXITED), w.Status>>8&0xff
		} else {
			w.Code, w.Value = int32(abi.CLD_KILLED), w.Status&0x7f
			if w.Status&0x80 != 0 {
				w.Code = int32(abi.CLD_DUMPED)
			}
		}
	case s.Flags&abi.ProcessFlagHasStopReport != 0 && options&abi.WUNTRACED != 0:
		w.Status = uint32(s.StopSignal<<8 | 0x7f)
		w.Code, w.Value = int32(abi.CLD_STOPPED), uint32(s.StopSignal)
		if !keep {
			s.Flags &^= abi.ProcessFlagHasStopReport
		}
	case s.Flags&abi.ProcessFlagHasContinueReport != 0 && options&abi.WCONTINUED != 0:
		w.Status = 0xffff
		w.Code, w.Value = int32(abi.CLD_CONTINUED), uint32(abi.SIGCONT)
		if !keep {
			s.Flags &^= abi.ProcessFlagHasContinueReport
		}
	default:
		return Waited{}, false
	}
	return w, true
}
