// Package proc owns processes and threads: their slots and ids, fork, exec,
// exit and wait, signals, futexes, timers that signal, and core files.
//
// It does not own address spaces (mm), files (vfs, file), or instructions
// (riscv). Everything here wants the machine lock unless it says otherwise.
//
// # Rules
//
// A number that a guest chose and that is kept (an exit signal, a limit) is checked
// again where it becomes an index. What is chosen for another process is checked
// against its owner: CLONE_PARENT's child has the caller's own exit signal, execve
// takes it back to SIGCHLD, prlimit and get_robust_list want the same user.
//
// What a call leaves behind while it waits (a place in a futex's queue, a copied
// address space, a core file, a vfork's parent) is found by its record: abandon gives
// it up before the record is another call's, and when the thread ends.
//
// SIGKILL is acted on before all other signals: the frame of a handler in front of it
// would lie on the stack that a child of vfork runs on. A program that was prepared
// and never started runs no handler: SIGKILL by its handle frees it.
//
// A PI futex with waiters has an owner that lives: the end of a thread gives away
// what it owns (piOwnerGone). All waiters of a key name the same owner.
//
// Ask cred.Has, never for user 0. Who walks the processes meets process 1, the host,
// first: it has no memory, descriptors, owner or actions.
//
// A guest's pc has no bit 0 (pcOf).
package proc

import (
	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/file"
	"foreshore.dev/kernel/kmem"
	"foreshore.dev/kernel/sched"
)

const (
	firstPid = 2
	pidMax   = 1 << 15
	// hostPid is the process that the machine's host plays: init.
	hostPid = 1
)

// state is what proc remembers beside its slots.
func state() *abi.ProcessesLive { return &kmem.Kernel().Processes }

func tidBucket(tid uint32) *abi.ThreadRef {
	return kmem.Word[abi.ThreadRef](kmem.Areas.PidBuckets + tid&(kmem.Areas.PidBucketCount-1)*4)
}

// FindThread is the thread with a tid, 0 when there is none.
func FindThread(tid uint32) abi.ThreadRef {
	for i := *tidBucket(tid); i != 0; i = kmem.Thread(i).Live.TidNext {
		if kmem.Thread(i).State.Tid == tid {
			return i
		}
	}
	return 0
}

// FindProcess is the process with a pid, zombies included; 0 when there is none.
func FindProcess(pid uint32) abi.ProcessRef {
	i := FindThread(pid)
	if i == 0 {
		return 0
	}
	p := kmem.Thread(i).State.Process
	if kmem.Process(p).State.Pid != pid {
		return 0
	}
	return p
}

// newTid takes the next free id: no thread, group or session may have it.
func newTid() uint32 {
	s := state()
	for range pidMax {
		s.LastTid++
		if s.LastTid >= pidMax || s.LastTid < firstPid {
			s.LastTid = firstPid
		}
		if FindThread(s.LastTid) == 0 && !idInUse(s.LastTid) {
			return s.LastTid
		}
	}
	return 0
}

// idInUse says whether a process group or session goes by an id whose process
// is gone. Only ids that wrapped can meet one.
func idInUse(id uint32) bool {
	if GroupExists(id) {
		return true
	}
	for p := kmem.Header().InitProcess; p != 0; p = kmem.Process(p).Live.NextProcess {
		if kmem.Process(p).State.Sid == id {
			return true
		}
	}
	return false
}

func hashThread(i abi.ThreadRef) {
	t := kmem.Thread(i)
	b := tidBucket(t.State.Tid)
	t.Live.TidNext = *b
	*b = i
}

func unhashThread(i abi.ThreadRef) {
	t := kmem.Thread(i)
	b := tidBucket(t.State.Tid)
	if *b == i {
		*b = t.Live.TidNext
		return
	}
	k := *b
	for ; k != 0 && kmem.Thread(k).Live.TidNext != i; k = kmem.Thread(k).Live.TidNext {
	}
	kmem.Linked(k != 0)
	kmem.Thread(k).Live.TidNext = t.Live.TidNext
}

// newThread makes a thread of a process, in state Prepared; 0 when the table
// is full.
func newThread(process abi.ProcessRef, tid uint32) abi.ThreadRef {
	i := kmem.Alloc[abi.ThreadRef]()
	if i == 0 {
		return 0
	}
	t, p := kmem.Thread(i), kmem.Process(process)
	kmem.WriteBegin(&t.Header)
	t.State.Tid, t.State.Process = tid, process
	t.State.Name = p.State.Comm // until the caller knows better: readers outside the kernel see no thread without a name
	t.State.StartNs = sched.NowNs()
	kmem.WriteEnd(&t.Header)
	t.State.AltStack.Flags = abi.SS_DISABLE
	t.State.Affinity = sched.AllHarts
	t.Live.NextInProcess = p.Live.ThreadHead
	if p.Live.ThreadHead != 0 {
		kmem.Thread(p.Live.ThreadHead).Live.PrevInProcess = i
	}
	p.Live.ThreadHead = i
	p.Live.ThreadCount++
	p.Live.LiveThreads++
	hashThread(i)
	return i
}

// freeThread unlinks and frees a thread that no hart runs.
func freeThread(i abi.ThreadRef) {
	t := kmem.Thread(i)
	p := kmem.Process(t.State.Process)
	unhashThread(i)
	if t.Live.PrevInProcess != 0 {
		kmem.Thread(t.Live.PrevInProcess).Live.NextInProcess = t.Live.NextInProcess
	} else {
		p.Live.ThreadHead = t.Live.NextInProcess
	}
	if t.Live.NextInProcess != 0 {
		kmem.Thread(t.Live.NextInProcess).Live.PrevInProcess = t.Live.PrevInProcess
	}
	p.Live.ThreadCount--
	threadQueue(p, t).empty()
	kmem.Assert(t.Live.PiFirst == 0 && t.Live.PiOwner == 0, "nobody waits for a thread that is freed")
	kmem.Assert(t.State.LoadRunState() != abi.ThreadRunStateReady && t.Live.WaitEntries == 0 && t.Live.FutexBucket == 0 && t.State.Blocked.Held.Held == 0,
		"a thread that is freed stands in no queue and holds nothing")
	kmem.Free(i)
}

// newProcess makes a process without threads; 0 when the table is full.
func newProcess(parent abi.ProcessRef, owner abi.OwnerRef) abi.ProcessRef {
	i := kmem.Alloc[abi.ProcessRef]()
	if i == 0 {
		return 0
	}
	p := kmem.Process(i)
	p.State.Owner = owner
	p.State.StartNs = sched.NowNs()
	p.State.Flags = abi.ProcessFlagDumpable
	s := state()
	p.Live.PrevProcess = s.ListTail
	if s.ListTail == 0 {
		kmem.Header().InitProcess = i
	} else {
		kmem.Process(s.ListTail).Live.NextProcess = i
	}
	s.ListTail = i
	setParent(i, parent)
	kmem.Owner(owner).Processes.Add(1)
	return i
}

// NoClient is the client of an owner whose client is gone: the owner goes with its
// last process.
const NoClient = ^uint32(0)

func freeProcess(i abi.ProcessRef) {
	p := kmem.Process(i)
	setParent(i, 0)
	leaveGroup(i)
	file.ProcessReaped(i)
	sched.WakeAll(&p.Live.ChildWait)
	sched.WakeAll(&p.Live.CpuWait)
	if p.Live.PrevProcess != 0 {
		kmem.Process(p.Live.PrevProcess).Live.NextProcess = p.Live.NextProcess
	} else {
		kmem.Header().InitProcess = p.Live.NextProcess
	}
	if p.Live.NextProcess != 0 {
		kmem.Process(p.Live.NextProcess).Live.PrevProcess = p.Live.PrevProcess
	} else {
		state().ListTail = p.Live.PrevProcess
	}
	o := kmem.Owner(p.State.Owner)
	o.Processes.Add(^uint32(0))
	if o.Processes.Load() == 0 {
		sched.WakeAll(&o.ExitWait)
		if o.Client == NoClient {
			kmem.RingKernel() // the owner goes, too
		}
	}
	queueOf(p).empty()
	leaveUser(i)
	kmem.Header().Counters.Instret += p.State.Instret
	kmem.Free(i)
}

// setParent moves a process to another parent's list of children.
func setParent(i, parent abi.ProcessRef) {
	p := kmem.Process(i)
	if old := p.State.Parent; old != 0 {
		o := kmem.Process(old)
		if p.Live.PrevSibling != 0 {
			kmem.Process(p.Live.PrevSibling).Live.NextSibling = p.Live.NextSibling
		} else {
			o.Live.ChildHead = p.Live.NextSibling
		}
		if p.Live.NextSibling != 0 {
			kmem.Process(p.Live.NextSibling).Live.PrevSibling = p.Live.PrevSibling
		}
	}
	p.Live.NextSibling, p.Live.PrevSibling = 0, 0
	p.State.Parent = parent
	if parent != 0 {
		o := kmem.Process(parent)
		p.Live.NextSibling = o.Live.ChildHead
		if o.Live.ChildHead != 0 {
			kmem.Process(o.Live.ChildHead).Live.PrevSibling = i
		}
		o.Live.ChildHead = i
	}
}

// Ppid is what getppid(2) answers for a process.
func Ppid(p *abi.ProcessSlot) uint32 {
	switch {
	case p.State.Pid == hostPid:
		return 0
	case p.State.Parent == 0:
		return hostPid
	}
	return kmem.Process(p.State.Parent).State.Pid
}
