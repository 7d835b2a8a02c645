package sched

import (
	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/kmem"
)

// nextOwner is where the search for a ready thread begins: of owners that have
// used as much, each has its turn.
var nextOwner uint32

// leastPass is what the owner that was served last had used: one that comes
// back after a rest begins there, and cannot claim the time that it did not use.
var leastPass uint64

// readyTotal counts ready threads of all owners.
var readyTotal uint32

// ResetQueues forgets what earlier machines of this process had.
func ResetQueues() { nextOwner, readyTotal, readyRequests, leastPass = 0, 0, 0, 0 }

// MakeReady puts a thread at the end of its owner's run queue.
func MakeReady(thread uint32) {
	t := kmem.Thread(thread)
	p := kmem.Process(t.State.Process)
	kmem.WriteBegin(&t.Header)
	t.State.RunState.Store(uint32(abi.ThreadRunStateReady))
	kmem.WriteEnd(&t.Header)
	o := kmem.Owner(p.State.Owner)
	t.Live.NextReady, t.Live.PrevReady = 0, o.ReadyTail
	if o.ReadyTail == 0 {
		o.ReadyHead = thread
		o.Pass = max(o.Pass, leastPass)
	} else {
		kmem.Thread(o.ReadyTail).Live.NextReady = thread
	}
	o.ReadyTail = thread
	o.ReadyCount.Add(1)
	readyTotal++
}

// Unready takes a ready thread off its queue (it is killed, or stops).
func Unready(thread uint32) {
	t := kmem.Thread(thread)
	o := kmem.Owner(kmem.Process(t.State.Process).State.Owner)
	if t.Live.PrevReady == 0 {
		o.ReadyHead = t.Live.NextReady
	} else {
		kmem.Thread(t.Live.PrevReady).Live.NextReady = t.Live.NextReady
	}
	if t.Live.NextReady == 0 {
		o.ReadyTail = t.Live.PrevReady
	} else {
		kmem.Thread(t.Live.NextReady).Live.PrevReady = t.Live.PrevReady
	}
	t.Live.NextReady, t.Live.PrevReady = 0, 0
	o.ReadyCount.Add(^uint32(0))
	readyTotal--
}

// HaveReady says whether a thread waits for a hart.
func HaveReady() bool { return readyTotal != 0 }

// Charge counts instructions that an owner's thread has used.
func Charge(owner uint32, insns int32) {
	o := kmem.Owner(owner)
	o.Pass += uint64(max(insns, 0)) << 16 / uint64(o.Budget)
}

// PickReady takes the next ready thread, 0 when there is none: of the owner
// that has used least of its share so far. An owner with many threads does not
// starve the others, and gets no more than one with a few.
func PickReady() uint32 {
	if readyTotal == 0 {
		return 0
	}
	n := kmem.Table(abi.SlotKindOwner).HighWater.Load()
	best, least := uint32(0), ^uint64(0)
	for range n {
		nextOwner++
		if nextOwner >= n {
			nextOwner = 1
		}
		if o := kmem.Owner(nextOwner); o.ReadyHead != 0 && o.Pass < least {
			best, least = nextOwner, o.Pass
		}
	}
	if best == 0 {
		return 0
	}
	nextOwner, leastPass = best, least
	t := kmem.Owner(best).ReadyHead
	Unready(t)
	return t
}

// KickIdle wakes one idle hart when threads wait and a hart has nothing to
// do. A hart calls it when it goes back to guest code: until then it may
// still block and take the ready thread itself.
func KickIdle() {
	if readyTotal == 0 {
		return
	}
	n := kmem.Header().HartCount
	want := readyTotal
	for i := uint32(0); i < n && want != 0; i++ {
		h := kmem.Hart(i)
		if h.State.Load() == uint32(abi.HartStateIdle) {
			// Marked busy at once, so that the next kick finds another one.
			h.State.Store(uint32(abi.HartStateInKernel))
			h.Doorbell.Add(1)
			kmem.NotifyWord(&h.Doorbell, 1)
			want--
		}
	}
}

// stateMask cuts the HartState out of a state word.
const stateMask = 1<<uint32(abi.FixedHartStateShift) - 1

// guestState is the state word of a hart that runs guest code of an address space.
func guestState(as uint32) uint32 {
	return uint32(abi.HartStateInGuest) | as<<uint32(abi.FixedHartStateShift)
}

// EnterGuest publishes that the hart uses translations of an address space.
// The machine lock is held: nobody can be in the middle of a shootdown.
func EnterGuest(hart, as uint32) { kmem.Hart(hart).State.Store(guestState(as)) }

// LeaveGuest publishes that it uses none. It wants no lock, and comes before
// taking it. A hart that was asked to leave says so to who waits.
func LeaveGuest(hart uint32) {
	h := kmem.Hart(hart)
	h.State.Store(uint32(abi.HartStateInKernel))
	if h.Poll.Load() != 0 {
		h.Poll.Store(0)
		kmem.NotifyWord(&h.Poll, 1)
	}
}

// spinsForAck is how long a shootdown spins before it sleeps: a guest slice of
// Fixed.PollInsns instructions takes a few microseconds.
const spinsForAck = 2000

// Shootdown returns when no other hart uses a translation of the address
// space that it loaded before the call. The caller has changed the tables and
// holds the machine lock, so that none can enter anew. A hart whose worker died
// counts as gone as soon as the Runtime has marked it Dead.
func Shootdown(self, as uint32) {
	want := guestState(as)
	n := kmem.Header().HartCount
	for i := range n {
		if i == self {
			continue
		}
		h := kmem.Hart(i)
		if h.State.Load() != want {
			continue
		}
		kmem.Header().Counters.Shootdowns++
		evict(h, want)
	}
}

// StopAll returns when no other hart runs guest code at all.
func StopAll(self uint32) {
	for i := range kmem.Header().HartCount {
		if i == self {
			continue
		}
		h := kmem.Hart(i)
		if s := h.State.Load(); s&stateMask == uint32(abi.HartStateInGuest) {
			evict(h, s)
		}
	}
}

func evict(h *abi.HartSlot, state uint32) {
	h.Poll.Store(1)
	for spin := 0; h.State.Load() == state; spin++ {
		if spin > spinsForAck {
			kmem.WaitWord(&h.Poll, 1, 1_000_000)
		}
	}
}

// PollHart asks a hart to leave guest code soon (a signal, a kill).
func PollHart(hart uint32) { kmem.Hart(hart).Poll.Store(1) }

// EvictHart returns when the hart runs no guest code: it waits for the machine
// lock, which the caller holds, and will find what the caller did to its thread.
func EvictHart(hart uint32) {
	h := kmem.Hart(hart)
	if s := h.State.Load(); s&stateMask == uint32(abi.HartStateInGuest) {
		evict(h, s)
	}
}
