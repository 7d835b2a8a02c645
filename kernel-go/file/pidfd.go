package file

import (
	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/fs/procfs"
	"foreshore.dev/kernel/kmem"
	"foreshore.dev/kernel/sched"
)

// pidfd_open(2): a description of a process, which State.Object names for as long
// as there is one. The process has them in a list (ProcessLive.pidfds), to tell
// them of its end; who waits for that has a queue in the description itself.

// NewPidfd makes an OFD of a process; flags may hold O_NONBLOCK.
func NewPidfd(process abi.ProcessRef, flags abi.OpenFlag) (abi.OfdRef, abi.Errno) {
	i := NewOfd(abi.OfdKindPidfd, flags&abi.O_NONBLOCK|abi.O_RDWR)
	if i == 0 {
		return 0, abi.ENFILE
	}
	o, head := kmem.Ofd(i), &kmem.Process(process).Live.Pidfds
	kmem.SetObject(o, process)
	if o.Live.PidfdLive().Next = *head; *head != 0 {
		kmem.Ofd(*head).Live.PidfdLive().Prev = i
	}
	*head = i
	return i, abi.OK
}

// processOf is the process of a pidfd, a zombie too; 0 when it was reaped.
func processOf(o *abi.OfdSlot) abi.ProcessRef {
	return kmem.Lookup[abi.ProcessRef](abi.SlotHandle{Index: o.State.Object, Generation: o.Live.ObjectGeneration})
}

// ProcessOf is the process that a pidfd, or an open directory /proc/PID, stands
// for: ESRCH when it was reaped, EBADF for other OFDs.
func ProcessOf(i abi.OfdRef) (abi.ProcessRef, abi.Errno) {
	o := kmem.Ofd(i)
	process := abi.ProcessRef(0)
	switch {
	case IsPidfd(i):
		process = processOf(o)
	case IsDirectory(i) && procfs.IsProcess(o.State.Inode):
		process = procfs.ProcessOf(o.State.Inode)
	default:
		return 0, abi.EBADF
	}
	if process == 0 {
		return 0, abi.ESRCH
	}
	return process, abi.OK
}

// IsPidfd says whether an OFD is a pidfd.
func IsPidfd(i abi.OfdRef) bool { return kmem.Ofd(i).State.Kind == abi.OfdKindPidfd }

func releasePidfd(_ *sched.Ctx, o *abi.OfdSlot) {
	l := o.Live.PidfdLive()
	sched.WakeAll(&l.Wait)
	process := processOf(o)
	if process == 0 {
		return
	}
	if l.Prev != 0 {
		kmem.Ofd(l.Prev).Live.PidfdLive().Next = l.Next
	} else {
		kmem.Process(process).Live.Pidfds = l.Next
	}
	if l.Next != 0 {
		kmem.Ofd(l.Next).Live.PidfdLive().Prev = l.Prev
	}
}

// pollPidfd: readable when the process has ended, and hung up when it was reaped.
func pollPidfd(o *abi.OfdSlot) abi.PollEvent {
	process := processOf(o)
	if process == 0 {
		return pollIn | abi.POLLHUP
	}
	if kmem.Process(process).State.LoadRunState() == abi.ProcessRunStateZombie {
		return pollIn
	}
	return 0
}

func pidfdQueue(o *abi.OfdSlot, k int) *abi.WaitEntryRef {
	if k == 0 {
		return &o.Live.PidfdLive().Wait
	}
	return nil
}

func infoPidfd(w *procfs.Text, o *abi.OfdSlot) {
	pid := int32(-1)
	if process := processOf(o); process != 0 {
		pid = int32(kmem.Process(process).State.Pid)
	}
	w.Number("Pid:\t", pid)
	w.Number("NSpid:\t", pid)
}

// ProcessEnded tells the pidfds of a process that it has ended. proc calls it.
func ProcessEnded(process abi.ProcessRef) {
	for i := kmem.Process(process).Live.Pidfds; i != 0; i = kmem.Ofd(i).Live.PidfdLive().Next {
		sched.Wake(&kmem.Ofd(i).Live.PidfdLive().Wait, pollIn)
	}
}

// ProcessReaped tells them that it was reaped: they are of nothing from now on.
func ProcessReaped(process abi.ProcessRef) {
	p := kmem.Process(process)
	for i := p.Live.Pidfds; i != 0; i = p.Live.Pidfds {
		l := kmem.Ofd(i).Live.PidfdLive()
		p.Live.Pidfds, l.Next, l.Prev = l.Next, 0, 0
		sched.Wake(&l.Wait, pollIn|abi.POLLHUP)
	}
}
