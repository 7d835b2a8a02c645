package sched

import (
	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/kmem"
)

// SetCurrent says for which thread the kernel acts from here on, until the lock is
// given back: what changes is its doing.
func SetCurrent(thread abi.ThreadRef) { state().Acting = thread }

// RecordEffect notes what the acting thread has changed, for its next ThreadStatus.
func RecordEffect(bits abi.SyncEffect) {
	if acting := state().Acting; acting != 0 {
		kmem.Thread(acting).State.Effects |= uint32(bits)
	}
}

// NewStatusRing gives an owner its ring: false without memory.
func NewStatusRing(o *abi.OwnerSlot) bool {
	o.StatusBase = kmem.AllocFrame(abi.FrameTypeKernel)
	return o.StatusBase != 0
}

// record takes the next place of an owner's ring; its sequence is the
// complement of its own until finishRecord.
func record(owner abi.OwnerRef) *abi.ThreadStatus {
	o := kmem.Owner(owner)
	if owner == 0 || o.StatusBase == 0 {
		return nil
	}
	n := o.StatusTail.Load()
	r := (*abi.ThreadStatus)(kmem.Ptr(o.StatusBase + n%uint32(abi.FixedStatusEntries)*abi.ThreadStatusSize))
	r.Sequence.Store(^(n + 1))
	kmem.Fence()
	return r
}

func finishRecord(owner abi.OwnerRef, r *abi.ThreadStatus) {
	r.TimeNs = NowNs()
	kmem.Fence()
	n := kmem.Owner(owner).StatusTail.Add(1)
	r.Sequence.Store(n)
}

// ThreadStopped leaves the record of a stop in the ring of the thread's owner.
func ThreadStopped(i abi.ThreadRef, stop abi.ThreadStop) {
	t := kmem.Thread(i)
	p := kmem.Process(t.State.Process)
	if stop == abi.ThreadStopBlocked {
		t.State.VoluntarySwitches++
	}
	r := record(p.State.Owner)
	if r == nil {
		return
	}
	r.Stop, r.Tid, r.Pid = stop, t.State.Tid, p.State.Pid
	r.Thread = kmem.Handle(i)
	r.Process = kmem.Handle(t.State.Process)
	r.Effects, r.Reason, r.Syscall, r.Status = abi.SyncEffect(t.State.Effects), abi.WaitReasonNone, 0, 0
	t.State.Effects = 0
	switch b := &t.State.Blocked; stop {
	case abi.ThreadStopBlocked:
		r.Reason = b.Reason
		if b.Attempt != 0 {
			r.Syscall = b.Number
		}
	case abi.ThreadStopExited:
		r.Status = uint32(t.State.ExitCode)
		if s := state(); s.Acting == i {
			s.Acting = 0
		}
	}
	finishRecord(p.State.Owner, r)
}

// ProcessExited leaves the record of a process's end.
func ProcessExited(process abi.ProcessRef, status uint32) {
	p := kmem.Process(process)
	r := record(p.State.Owner)
	if r == nil {
		return
	}
	r.Stop, r.Tid, r.Pid = abi.ThreadStopProcessExited, p.State.Pid, p.State.Pid
	r.Thread = kmem.Handle(p.State.Leader)
	r.Process = kmem.Handle(process)
	r.Effects, r.Reason, r.Syscall, r.Status = abi.SyncEffectChildExit, abi.WaitReasonNone, 0, status
	finishRecord(p.State.Owner, r)
}
