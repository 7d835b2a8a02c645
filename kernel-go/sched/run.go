package sched

import (
	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/kmem"
)

// Who runs next. Of the owners with a ready thread, the one goes next that has
// used least of its share; of its threads the first of its heap: real-time ones
// by priority, the others by virtual time, which is the instructions that they
// have used over their weight. A thread that has slept begins a little before
// the one that was taken last, and so gets a hart within a slice however many
// others are busy.

const (
	// wakeCredit is by how much virtual time a thread that has slept goes before
	// those that have not: some slices of an ordinary one.
	wakeCredit = 1 << 20
	// yieldCost is the virtual time that sched_yield(2) gives away: about a slice.
	yieldCost = 1 << 18
)

// state is what sched remembers beside the slots.
func state() *abi.SchedulerLive { return &kmem.Kernel().Scheduler }

func ownerOf(t *abi.ThreadSlot) *abi.OwnerSlot {
	return kmem.Owner(kmem.Process(t.State.Process).State.Owner)
}

// MakeReady makes a thread ready that was not: it is new, was woken, or
// continues after a stop.
func MakeReady(thread abi.ThreadRef) {
	t := kmem.Thread(thread)
	becomesReady(t)
	o := ownerOf(t)
	if o.ReadyRoot == 0 && !ownerRuns(t.State.Process) {
		o.Pass = max(o.Pass, state().LeastPass)
	}
	t.State.VirtualTime = max(t.State.VirtualTime, o.VirtualTime-min(o.VirtualTime, wakeCredit))
	join(o, thread, false)
	if PriorityOf(t) != 0 {
		displaceFor(thread)
	}
}

// ownerRuns says whether a hart runs a thread of the owner of a process. The
// owner of one that does not rest, and keeps what it is owed.
func ownerRuns(process abi.ProcessRef) bool {
	owner := kmem.Process(process).State.Owner
	for i := range kmem.Header().HartCount {
		// A thread that has just ended is its hart's until that looks.
		if t := abi.ThreadRef(kmem.Hart(i).Thread.Load()); t != 0 && kmem.InUse(t) && kmem.Process(kmem.Thread(t).State.Process).State.Owner == owner {
			return true
		}
	}
	return false
}

// Requeue makes a thread ready again that ran until now. With `first` it goes
// before its equals: it was displaced, and did not give way (sched(7), SCHED_FIFO).
func Requeue(thread abi.ThreadRef, first bool) {
	t := kmem.Thread(thread)
	becomesReady(t)
	join(ownerOf(t), thread, first)
}

// becomesReady is the state of a thread that joins its owner's heap.
func becomesReady(t *abi.ThreadSlot) {
	kmem.WriteBegin(&t.Header)
	SetThreadState(t, abi.ThreadRunStateReady)
	kmem.WriteEnd(&t.Header)
}

// join puts a thread into its owner's heap.
func join(o *abi.OwnerSlot, thread abi.ThreadRef, first bool) {
	t := kmem.Thread(thread)
	s := state()
	t.Live.ReadyKey, t.Live.ReadySeq = keyOf(t), s.NextSeq
	if first {
		// Before all that have joined in the last 2^30 times; sequences wrap.
		t.Live.ReadySeq -= 1 << 30
	}
	s.NextSeq++
	heapAdd(o, thread)
	o.ReadyCount.Add(1)
	s.ReadyTotal++
	if pinned(t) {
		s.PinnedTotal++
	}
}

// Unready takes a ready thread off its queue (it is killed, stops, or runs).
func Unready(thread abi.ThreadRef) {
	t := kmem.Thread(thread)
	o := ownerOf(t)
	heapRemove(o, thread)
	o.ReadyCount.Add(^uint32(0))
	s := state()
	s.ReadyTotal--
	if pinned(t) {
		s.PinnedTotal--
	}
}

// HaveReady says whether a thread waits that this hart could run.
func HaveReady(hart uint32) bool {
	s := state()
	if s.ReadyTotal == 0 {
		return false
	}
	return s.ReadyTotal != s.PinnedTotal || peek(hart) != 0
}

// Charge counts what a thread has used: instructions for its owner's share and
// for its own virtual time, and of a real-time thread the time that it ran.
func Charge(thread abi.ThreadRef, insns int32, nowNs, ranNs uint64) {
	t := kmem.Thread(thread)
	o := ownerOf(t)
	used := uint64(max(insns, 0))
	o.Pass += used << 16 / uint64(o.Budget)
	t.State.VirtualTime += used * weightOne / weightOf(t)
	throttle(o, t, nowNs, ranNs)
}

// Yielded lets others of its owner go before a thread.
func Yielded(thread abi.ThreadRef) {
	kmem.Thread(thread).State.VirtualTime += yieldCost
}

// peek is the thread that a hart would take next, 0 when there is none.
func peek(hart uint32) abi.ThreadRef {
	n := kmem.End[abi.OwnerRef]()
	best, least := abi.ThreadRef(0), ^uint64(0)
	s := state()
	for range n {
		s.NextOwner++
		if s.NextOwner >= n {
			s.NextOwner = 1
		}
		o := kmem.Owner(s.NextOwner)
		if o.ReadyRoot == 0 || o.Pass >= least {
			continue
		}
		if t := firstOf(o, hart); t != 0 {
			best, least = t, o.Pass
		}
	}
	return best
}

// PickReady takes the next ready thread that a hart may run, 0 when there is
// none: of the owner that has used least of its share so far. An owner with many
// threads does not starve the others, and gets no more than one with a few.
func PickReady(hart uint32) abi.ThreadRef {
	s := state()
	if s.ReadyTotal == 0 {
		return 0
	}
	i := peek(hart)
	if i == 0 {
		return 0
	}
	t := kmem.Thread(i)
	s.NextOwner = kmem.Process(t.State.Process).State.Owner
	o := kmem.Owner(s.NextOwner)
	s.LeastPass = o.Pass
	if PriorityOf(t) == 0 {
		o.VirtualTime = max(o.VirtualTime, t.State.VirtualTime)
	}
	Unready(i)
	return i
}

// KickIdle wakes idle harts for the threads that wait, as many as there are and
// can be used. A hart calls it when it goes back to guest code: until then it
// may still block and take the ready thread itself.
func KickIdle() {
	s := state()
	want := s.ReadyTotal
	if want == 0 {
		return
	}
	for i := uint32(0); i < kmem.Header().HartCount && want != 0; i++ {
		h := kmem.Hart(i)
		if abi.HartState(h.State.Load()) != abi.HartStateIdle || s.PinnedTotal != 0 && peek(i) == 0 {
			continue
		}
		// Marked busy at once, so that the next kick finds another one.
		h.State.Store(uint32(abi.HartStateInKernel))
		kmem.Changed(1 << abi.SlotKindHart)
		h.Doorbell.Add(1)
		kmem.NotifyWord(&h.Doorbell, 1)
		want--
	}
}
