package kmem

import (
	"math/bits"

	"foreshore.dev/kernel/abi"
)

// Kinds is a set of tables: 1 << SlotKind of each.
type Kinds uint64

// Ran are the tables in which a stretch of guest code leaves times and counts.
const Ran = Kinds(1<<abi.SlotKindHart | 1<<abi.SlotKindThread | 1<<abi.SlotKindProcess | 1<<abi.SlotKindAddressSpace)

// Changed notes that slots of tables have changed, for those who watch them
// (rpc/changes.go); WriteEnd does it by itself. Where nobody watches, it costs the
// look at one word.
func Changed(kinds Kinds) {
	w := &Kernel().Changes
	if kinds &= Kinds(w.Watched); kinds != 0 {
		note(w, kinds)
	}
}

// changedSlot is Changed for the table in which a slot lies. Apart from WriteEnd, which
// is in a hundred places, for the size of the kernel.
//
//go:noinline
func changedSlot(h *abi.SlotHeader) { Changed(1 << kindAt(Addr(ptrOf(h)))) }

// kindAt is the table in which a slot lies, None where it lies in none.
func kindAt(addr uint32) abi.SlotKind {
	for kind := abi.SlotKind(1); kind < abi.SlotKinds; kind++ {
		if t := Table(kind); addr-t.Base < t.Capacity*t.Stride {
			return kind
		}
	}
	return abi.SlotKindNone
}

// note marks changes with the number that the next answer has: many are one.
//
//go:noinline
func note(w *abi.ChangesLive, kinds Kinds) {
	for left := kinds; left != 0; left &= left - 1 {
		w.Changed[bits.TrailingZeros64(uint64(left))] = w.Number + 1
	}
	if due := w.Awaited & uint64(kinds); due != 0 {
		w.Awaited &^= due
		w.Due |= due
		RingKernel()
	}
}
