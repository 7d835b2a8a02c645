package sched

import (
	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/kmem"
)

// What harts do right now, and calling them out of guest code.

// stateMask cuts the HartState out of a state word.
const stateMask = 1<<uint32(abi.FixedHartStateShift) - 1

// guestState is the state word of a hart that runs guest code of an address space.
func guestState(as abi.AddressSpaceRef) abi.HartState {
	return abi.HartStateInGuest | abi.HartState(as)<<uint32(abi.FixedHartStateShift)
}

// EnterGuest publishes that the hart uses translations of an address space.
// The machine lock is held: nobody can be in the middle of a shootdown.
func EnterGuest(hart uint32, as abi.AddressSpaceRef) {
	kmem.Hart(hart).State.Store(uint32(guestState(as)))
}

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
func Shootdown(self uint32, as abi.AddressSpaceRef) {
	want := guestState(as)
	n := kmem.Header().HartCount
	for i := range n {
		if i == self {
			continue
		}
		h := kmem.Hart(i)
		if abi.HartState(h.State.Load()) != want {
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
		if s := abi.HartState(h.State.Load()); s&stateMask == abi.HartStateInGuest {
			evict(h, s)
		}
	}
}

func evict(h *abi.HartSlot, state abi.HartState) {
	h.Poll.Store(1)
	for spin := 0; abi.HartState(h.State.Load()) == state; spin++ {
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
	if s := abi.HartState(h.State.Load()); s&stateMask == abi.HartStateInGuest {
		evict(h, s)
	}
}
