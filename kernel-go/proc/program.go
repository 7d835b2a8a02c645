package proc

import (
	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/cred"
	"foreshore.dev/kernel/file"
	"foreshore.dev/kernel/kmem"
	"foreshore.dev/kernel/sched"
	"foreshore.dev/kernel/vfs"
)

// DefaultOwner is the process owner of the machine's Runtime.
const DefaultOwner = 1

// infinite is RLIM_INFINITY.
const infinite = ^uint64(0)

// InitOwner makes the default owner and what all programs need.
func InitOwner() abi.Errno {
	if kmem.Alloc[abi.OwnerRef]() != DefaultOwner {
		return abi.ENOMEM
	}
	if !sched.NewStatusRing(kmem.Owner(DefaultOwner)) {
		return abi.ENOMEM
	}
	kmem.Owner(DefaultOwner).Budget = 1
	if !initHost() {
		return abi.ENOMEM
	}
	return initVdso()
}

// initHost makes process 1, for which the machine's host stands: it takes
// orphans and reaps them. It has a slot and a thread that never runs, so that
// /proc, viewers and system calls all find it, and nothing else: no memory, no
// descriptors, no owner, and no actions, so that it takes no signals.
func initHost() bool {
	i := kmem.Alloc[abi.ProcessRef]()
	if i == 0 {
		return false
	}
	p := kmem.Process(i)
	p.State.Comm = [16]byte{'i', 'n', 'i', 't'}
	joinGroup(i, hostPid)
	p.State.Sid = hostPid
	p.State.StartNs = sched.NowNs()
	defaultLimits(p)
	cred.Init(&p.State)
	joinUser(i)
	state().ListTail, state().LastTid = i, hostPid
	kmem.Header().InitProcess = i
	leader := newThread(i, hostPid)
	if leader == 0 {
		return false
	}
	t := kmem.Thread(leader)
	t.State.Flags = abi.ThreadFlagLeader
	sched.SetThreadState(t, abi.ThreadRunStateBlocked)
	kmem.WriteBegin(&p.Header)
	p.State.Pid, p.State.Leader = hostPid, leader
	sched.SetProcessState(p, abi.ProcessRunStateRunning)
	kmem.WriteEnd(&p.Header)
	return true
}

// NewProgram makes a process that the host starts, whose working directory is that
// from which its program is found. It is left in state Prepared, without
// descriptors.
func NewProgram(c *sched.Ctx, owner abi.OwnerRef, program *Program) (abi.ProcessRef, abi.Errno) {
	tid := newTid()
	if tid == 0 {
		return 0, abi.EAGAIN
	}
	i := newProcess(0, owner)
	if i == 0 {
		return 0, abi.EAGAIN
	}
	p := kmem.Process(i)
	joinGroup(i, tid)
	p.State.Sid = tid
	p.State.ExitSignal = abi.SIGCHLD
	p.State.Flags |= abi.ProcessFlagOwnedByHost
	defaultLimits(p)
	cred.Init(&p.State)
	joinUser(i)
	p.State.FdTable = file.NewTable()
	p.State.FsContext = vfs.NewContext(kmem.Header().RootDentry, program.Dir, 0o022)
	p.State.Sighand = kmem.Alloc[abi.SighandRef]()
	leader := newThread(i, tid)
	e := abi.EAGAIN
	if leader != 0 && p.State.FdTable != 0 && p.State.FsContext != 0 && p.State.Sighand != 0 {
		p.State.Leader = leader
		kmem.Thread(leader).State.Flags = abi.ThreadFlagLeader
		e = Exec(c, i, leader, program)
	}
	if e != abi.ENORETURN {
		p.State.Leader = 0
		if leader != 0 {
			freeThread(leader)
		}
		undoProcess(c, i)
		return 0, e
	}
	kmem.WriteBegin(&p.Header)
	p.State.Pid = tid
	kmem.WriteEnd(&p.Header)
	return i, abi.OK
}

func defaultLimits(p *abi.ProcessSlot) {
	for k := range p.State.Rlimits {
		p.State.Rlimits[k] = abi.Rlimit64{Cur: infinite, Max: infinite}
	}
	set := func(id abi.RlimitId, cur, max uint64) { p.State.Rlimits[id] = abi.Rlimit64{Cur: cur, Max: max} }
	set(abi.RLIMIT_STACK, 8<<20, infinite)
	set(abi.RLIMIT_NOFILE, uint64(abi.LimitFdsAtFirst), uint64(abi.LimitFds))
	set(abi.RLIMIT_CORE, 0, infinite)
	n := uint64(kmem.Table(abi.SlotKindProcess).Capacity - 1)
	set(abi.RLIMIT_NPROC, n, n)
	set(abi.RLIMIT_SIGPENDING, queueMax, queueMax)
	set(abi.RLIMIT_MEMLOCK, 8<<20, 8<<20)
	set(abi.RLIMIT_NICE, 0, 0)
	set(abi.RLIMIT_RTPRIO, 0, 0)
}

// Start lets a prepared process run.
func Start(i abi.ProcessRef) abi.Errno {
	p := kmem.Process(i)
	if p.State.LoadRunState() != abi.ProcessRunStatePrepared {
		return abi.EINVAL
	}
	kmem.WriteBegin(&p.Header)
	sched.SetProcessState(p, abi.ProcessRunStateRunning)
	kmem.WriteEnd(&p.Header)
	sched.MakeReady(p.State.Leader)
	sched.KickIdle()
	return abi.OK
}

// Discard takes a prepared process away again.
func Discard(c *sched.Ctx, i abi.ProcessRef) {
	p := kmem.Process(i)
	freeThread(p.State.Leader)
	undoProcess(c, i)
}

// KillOwned sends SIGKILL to all processes of an owner; those that were never
// started, and zombies that only the host could reap, go at once.
func KillOwned(c *sched.Ctx, owner abi.OwnerRef) {
	for i := kmem.Header().InitProcess; i != 0; {
		p := kmem.Process(i)
		next := p.Live.NextProcess
		if p.State.Owner == owner {
			switch p.State.LoadRunState() {
			case abi.ProcessRunStatePrepared:
				Discard(c, i)
			case abi.ProcessRunStateZombie:
				if p.State.Parent == 0 {
					Reap(i)
				}
			default:
				// A request that waits for the end of the process reaps it.
				if p.Live.ChildWait == 0 {
					p.State.Flags &^= abi.ProcessFlagOwnedByHost
				}
				_ = SendProcess(c, i, abi.SIGKILL)
			}
		}
		i = next
	}
	sched.KickIdle()
}

// LeaveToThemselves lets go of the processes that a client has started: those
// that never ran go, the others are reaped when they end.
func LeaveToThemselves(c *sched.Ctx, client uint32) {
	for i := kmem.Header().InitProcess; i != 0; {
		p := kmem.Process(i)
		next := p.Live.NextProcess
		if p.State.Flags&abi.ProcessFlagOwnedByHost != 0 && p.Live.Client == client {
			p.State.Flags &^= abi.ProcessFlagOwnedByHost
			switch p.State.LoadRunState() {
			case abi.ProcessRunStatePrepared:
				Discard(c, i)
			case abi.ProcessRunStateZombie:
				if p.State.Parent == 0 {
					Reap(i)
				}
			}
		}
		i = next
	}
}

// ResumeBlocked completes the system call that a thread is blocked in with a
// result: the host has done it, or gives it up (a negative errno).
func ResumeBlocked(c *sched.Ctx, i abi.ThreadRef, result int64) abi.Errno {
	t := kmem.Thread(i)
	b := &t.State.Blocked
	if t.State.LoadRunState() != abi.ThreadRunStateBlocked || b.Attempt == 0 {
		return abi.EINVAL
	}
	FutexForget(i)
	t.Cpu.X[regA0] = uint64(result)
	t.Cpu.Pc += 4
	b.Attempt = 0
	sched.Unblock(i)
	file.LetGo(c, i)
	sched.KickIdle()
	return abi.OK
}
