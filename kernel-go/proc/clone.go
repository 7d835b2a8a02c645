package proc

import (
	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/cred"
	"foreshore.dev/kernel/file"
	"foreshore.dev/kernel/kmem"
	"foreshore.dev/kernel/mm"
	"foreshore.dev/kernel/sched"
	"foreshore.dev/kernel/vfs"
)

// CloneArgs is what clone(2) and clone3(2) come down to.
type CloneArgs struct {
	Flags               abi.CloneFlag
	ExitSignal          abi.Signal
	Stack, Tls          uint64
	ParentTid, ChildTid uint64
	// Pidfd is where CLONE_PIDFD puts the descriptor.
	Pidfd uint64
}

const threadFlags = abi.CLONE_VM | abi.CLONE_SIGHAND | abi.CLONE_THREAD

// Namespaces are the flags that ask for new namespaces, of which there are none.
const Namespaces = abi.CLONE_NEWNS | abi.CLONE_NEWCGROUP | abi.CLONE_NEWUTS | abi.CLONE_NEWIPC | abi.CLONE_NEWUSER | abi.CLONE_NEWPID | abi.CLONE_NEWNET

// MayEnterNew is what asking for new namespaces comes to.
func MayEnterNew(c *sched.Ctx, flags abi.CloneFlag) abi.Errno {
	switch {
	case flags&Namespaces == 0:
		return abi.OK
	case flags&abi.CLONE_NEWUSER != 0 || cred.Has(c, abi.CAP_SYS_ADMIN):
		return abi.EINVAL
	}
	return abi.EPERM
}

// Clone makes a thread or a process and returns its id.
func Clone(c *sched.Ctx, a *CloneArgs) (uint32, abi.Errno) {
	f := a.Flags
	if f&abi.CLONE_PIDFD != 0 {
		if f&(abi.CLONE_THREAD|abi.CLONE_DETACHED) != 0 {
			return 0, abi.EINVAL
		}
		if e := mm.Await(c, a.Pidfd, 4); e != abi.OK {
			return 0, e
		}
	}
	if e := MayEnterNew(c, f); e != abi.OK {
		return 0, e
	}
	if f&abi.CLONE_THREAD != 0 && f&abi.CLONE_SIGHAND == 0 || f&abi.CLONE_SIGHAND != 0 && f&abi.CLONE_VM == 0 {
		return 0, abi.EINVAL
	}
	if f&threadFlags == threadFlags {
		return cloneThread(c, a)
	}
	return cloneProcess(c, a)
}

// childContext gives a new thread its parent's registers as after the call.
func childContext(c *sched.Ctx, child abi.ThreadRef, a *CloneArgs) {
	t, n := c.T(), kmem.Thread(child)
	n.Cpu = t.Cpu
	n.Cpu.X[10] = 0
	n.Cpu.Pc += 4
	n.Cpu.LrValid = 0
	n.Cpu.Instret = 0
	if a.Stack != 0 {
		n.Cpu.X[2] = a.Stack
	}
	if a.Flags&abi.CLONE_SETTLS != 0 {
		n.Cpu.X[4] = a.Tls
	}
	n.State.Sigmask = t.State.Sigmask
	sched.Inherit(child, c.Thread)
	n.State.TimerSlackNs, n.State.DefaultTimerSlackNs = t.State.TimerSlackNs, t.State.TimerSlackNs
	kmem.SetName(&n.Header, &n.State.Name, &t.State.Name)
}

// SetNice gives a thread a nice value; its leader's is what viewers show of a process.
func SetNice(thread abi.ThreadRef, nice int32) {
	sched.SetNice(thread, nice)
	if p := kmem.Process(kmem.Thread(thread).State.Process); p.State.Leader == thread {
		p.State.Nice = nice
	}
}

// tellTids stores the new thread's id where the caller asked for it.
func tellTids(c *sched.Ctx, child abi.ThreadRef, as abi.AddressSpaceRef, a *CloneArgs) abi.Errno {
	n := kmem.Thread(child)
	kmem.Store32(c.Page, n.State.Tid)
	if a.Flags&abi.CLONE_PARENT_SETTID != 0 {
		if e := mm.CopyOut(c, a.ParentTid, c.InPage(4)); e != abi.OK {
			return e
		}
	}
	if a.Flags&abi.CLONE_CHILD_SETTID != 0 {
		// Linux ignores a bad address here; so does who waits for it.
		if e := mm.CopyOutAs(c, mm.User{As: as, Va: a.ChildTid}, c.InPage(4)); e == abi.EBLOCKED {
			return e
		}
	}
	if a.Flags&abi.CLONE_CHILD_CLEARTID != 0 {
		n.State.ClearChildTid = a.ChildTid
	}
	return abi.OK
}

func cloneThread(c *sched.Ctx, a *CloneArgs) (uint32, abi.Errno) {
	tid := newTid()
	if tid == 0 {
		return 0, abi.EAGAIN
	}
	i := newThread(c.Process, tid)
	if i == 0 {
		return 0, abi.EAGAIN
	}
	childContext(c, i, a)
	kmem.Thread(i).Cpu.As = c.As
	if e := tellTids(c, i, c.As, a); e != abi.OK {
		c.P().Live.LiveThreads--
		freeThread(i)
		return 0, e
	}
	sched.MakeReady(i)
	return tid, abi.OK
}

func cloneProcess(c *sched.Ctx, a *CloneArgs) (uint32, abi.Errno) {
	parent := c.P()
	if processesOf(parent.State.Uid) >= parent.State.Rlimits[abi.RLIMIT_NPROC].Cur {
		return 0, abi.EAGAIN
	}
	// The memory first: copying it may take several attempts.
	as := parent.State.AddressSpace
	if a.Flags&abi.CLONE_VM != 0 {
		mm.Hold(as)
	} else {
		var e abi.Errno
		if as, e = mm.Fork(c, as); e != abi.OK {
			return 0, e
		}
	}
	tid, above := newTid(), c.Process
	if a.Flags&abi.CLONE_PARENT != 0 {
		above = parent.State.Parent
	}
	i := abi.ProcessRef(0)
	if tid != 0 {
		i = newProcess(above, parent.State.Owner)
	}
	if i == 0 {
		mm.Drop(as)
		return 0, abi.EAGAIN
	}
	kmem.Process(i).State.AddressSpace = as
	return completeProcess(c, a, i, tid)
}

// completeProcess gives a new process, which has its memory, all else that it has
// of its parent, and makes it run. After an error it is gone, with its memory.
func completeProcess(c *sched.Ctx, a *CloneArgs, i abi.ProcessRef, tid uint32) (uint32, abi.Errno) {
	f := a.Flags
	parent := c.P()
	p := kmem.Process(i)
	joinGroup(i, parent.State.Pgid)
	inherit(p, parent)
	joinUser(i)
	p.State.ExitSignal = a.ExitSignal
	if f&abi.CLONE_PARENT != 0 {
		// The caller's parent is told as it is told of the caller: nobody
		// chooses a signal for a process that it may not signal.
		p.State.ExitSignal = parent.State.ExitSignal
	}
	if e := shareOrCopy(c, p, parent, f); e != abi.OK {
		undoProcess(c, i)
		return 0, e
	}
	leader := newThread(i, tid)
	if leader == 0 {
		undoProcess(c, i)
		return 0, abi.EAGAIN
	}
	// A process that has its pid is complete: readers outside the kernel see none before.
	kmem.WriteBegin(&p.Header)
	p.State.Pid, p.State.Leader = tid, leader
	kmem.WriteEnd(&p.Header)
	n := kmem.Thread(leader)
	n.State.Flags = abi.ThreadFlagLeader
	childContext(c, leader, a)
	p.State.Nice = n.State.Nice
	n.State.AltStack = c.T().State.AltStack
	if f&abi.CLONE_VM != 0 && f&abi.CLONE_VFORK == 0 {
		n.State.AltStack = abi.Sigaltstack{Flags: abi.SS_DISABLE}
	}
	n.Cpu.As = p.State.AddressSpace
	e := tellTids(c, leader, p.State.AddressSpace, a)
	if e == abi.OK && f&abi.CLONE_PIDFD != 0 {
		e = givePidfd(c, i, a.Pidfd)
	}
	if e != abi.OK {
		p.Live.LiveThreads--
		freeThread(leader)
		undoProcess(c, i)
		return 0, e
	}
	countCpuTimers(i) // the limit of CPU time is inherited
	sched.SetProcessState(p, abi.ProcessRunStateRunning)
	sched.MakeReady(leader)
	if f&abi.CLONE_VFORK != 0 {
		p.Live.VforkParent = c.Thread
	}
	return tid, abi.OK
}

// givePidfd makes a pidfd of a new process among the caller's descriptors, and
// writes its number to va. The child has none.
func givePidfd(c *sched.Ctx, process abi.ProcessRef, va uint64) abi.Errno {
	ofd, e := file.NewPidfd(process, 0)
	if e != abi.OK {
		return e
	}
	fd, e := file.NewFd(c, ofd, true)
	if e != abi.OK {
		return e
	}
	kmem.Store32(c.Page, fd)
	if e = mm.CopyOut(c, va, c.InPage(4)); e != abi.OK {
		_ = file.Close(c, int32(fd))
	}
	return e
}

// inherit copies what a child has of its parent's state, but for its group.
func inherit(p, parent *abi.ProcessSlot) {
	s, o := &p.State, &parent.State
	s.Sid = o.Sid
	s.Uid, s.Euid, s.Suid, s.Fsuid = o.Uid, o.Euid, o.Suid, o.Fsuid
	s.Gid, s.Egid, s.Sgid, s.Fsgid = o.Gid, o.Egid, o.Sgid, o.Fsgid
	s.GroupCount, s.Groups = o.GroupCount, o.Groups
	cred.Inherit(s, o)
	s.OomScoreAdj, s.OomScoreAdjMin = o.OomScoreAdj, o.OomScoreAdjMin
	s.ExeDentry = o.ExeDentry
	holdExe(p)
	s.Comm, s.Rlimits = o.Comm, o.Rlimits
	s.ArgStart, s.ArgEnd, s.EnvStart, s.EnvEnd = o.ArgStart, o.ArgEnd, o.EnvStart, o.EnvEnd
	s.Tty, s.Personality = o.Tty, o.Personality
	s.Flags |= abi.ProcessFlagForkNoExec | o.Flags&abi.ProcessFlagNoNewPrivs
}

// shareOrCopy gives a new process its files, directories and signal actions.
func shareOrCopy(c *sched.Ctx, p, parent *abi.ProcessSlot, flags abi.CloneFlag) abi.Errno {
	s, o := &p.State, &parent.State
	if flags&abi.CLONE_FILES != 0 {
		s.FdTable = o.FdTable
		file.HoldTable(s.FdTable)
	} else if s.FdTable = file.CloneTable(o.FdTable); s.FdTable == 0 {
		return abi.EAGAIN
	}
	if flags&abi.CLONE_FS != 0 {
		s.FsContext = o.FsContext
		kmem.Ref(&kmem.FsContext(s.FsContext).Header)
	} else if s.FsContext = vfs.CloneContext(o.FsContext); s.FsContext == 0 {
		return abi.EAGAIN
	}
	if flags&abi.CLONE_SIGHAND != 0 {
		s.Sighand = o.Sighand
		kmem.Ref(&kmem.Sighand(s.Sighand).Header)
	} else {
		if s.Sighand = kmem.Alloc[abi.SighandRef](); s.Sighand == 0 {
			return abi.EAGAIN
		}
		kmem.Sighand(s.Sighand).Actions = kmem.Sighand(o.Sighand).Actions
	}
	return abi.OK
}

// undoProcess takes a half-made process away again.
func undoProcess(c *sched.Ctx, i abi.ProcessRef) {
	releaseParts(c, i)
	freeProcess(i)
}

// releaseParts drops what a process holds; what it never got is 0.
func releaseParts(c *sched.Ctx, i abi.ProcessRef) {
	p := kmem.Process(i)
	s := &p.State
	keepPeak(p)
	files, dirs, actions, as := s.FdTable, s.FsContext, s.Sighand, s.AddressSpace
	// Readers outside the kernel follow what a process names.
	kmem.WriteBegin(&p.Header)
	s.FdTable, s.FsContext, s.Sighand, s.AddressSpace = 0, 0, 0, 0
	kmem.WriteEnd(&p.Header)
	// Closing releases the process's record locks: act as it.
	actor := c.Process
	c.Process = i
	if files != 0 {
		file.DropTable(c, files)
	}
	if dirs != 0 {
		vfs.DropContext(dirs)
	}
	if actions != 0 {
		dropSighand(actions)
	}
	if as != 0 {
		mm.Drop(as)
	}
	dropExe(p)
	c.Process = actor
}

func dropSighand(i abi.SighandRef) {
	if kmem.Unref(&kmem.Sighand(i).Header) {
		kmem.Free(i)
	}
}
