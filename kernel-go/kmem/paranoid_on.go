//go:build paranoid && !tinygo

package kmem

import "foreshore.dev/kernel/abi"

// This build checks each use of a slot, and each change: tests of the native
// kernel, fuzz targets, random calls.

// writing counts slots between WriteBegin and WriteEnd.
var writing int

// check is asked of each slot before it is used: it is in use, and whoever asks
// has the machine lock. Tables of those that run beside it (harts, clients) have
// rules of their own; threads and what they belong to are also looked at by the
// hart that runs them.
func check(kind abi.SlotKind, i uint32) {
	switch kind {
	case abi.SlotKindHart, abi.SlotKindClient, abi.SlotKindOwner:
		return
	}
	if i == 0 {
		fail("slot 0 stands for none, and is used: " + kind.String())
	}
	if i >= Table(kind).HighWater.Load() {
		fail("a slot that never was is used: " + kind.String())
	}
	if SlotAt(kind, i).Generation.Load()&1 == 0 {
		fail("a freed slot is used: " + kind.String())
	}
	switch kind {
	case abi.SlotKindThread, abi.SlotKindProcess, abi.SlotKindAddressSpace:
	default:
		if Header().Lock.Load() == 0 {
			fail("a slot is used without the machine lock: " + kind.String())
		}
	}
}

// begins and ends are asked of a slot that changes.
func begins(h *abi.SlotHeader) {
	if h.Seq.Load()&1 != 1 {
		fail("a slot that changes begins to change")
	}
	compare(Addr(ptrOf(h)))
	writing++
}

func ends(h *abi.SlotHeader) {
	if h.Seq.Load()&1 != 0 {
		fail("a slot that does not change ends to change")
	}
	writing--
	keeps(Addr(ptrOf(h)))
}

// quiet is asked before the machine lock is given back.
func quiet() {
	if writing != 0 {
		fail("the machine lock is given back while a slot changes")
	}
	compareSome()
}
