package riscv

import (
	"unsafe"

	"foreshore.dev/kernel/abi"
)

//go:generate go run ./internal/gen

// tlbEntries is the size of a hart's code TLB; entry i holds a pc whose bits 1..10 are i.
const (
	tlbEntries = 1024
	tlbMask    = (tlbEntries - 1) << 4
	pageSlots  = 64
	spaceSlots = 8
	cutSlots   = 16
)

// tlbEntry maps a pc (low word of key; a guest pc is below 4 GiB) under a generation
// (high word) to the op that starts there.
type tlbEntry struct {
	key uint64
	ip  uint32
	_   uint32
}

// pageEntry maps a virtual page under a generation to its code map.
type pageEntry struct {
	page uint64
	gen  uint32
	code uint32
}

// spaceEntry remembers the generation of a recent address space, so that its entries
// serve again after a switch away and back.
type spaceEntry struct {
	as      abi.AddressSpaceRef
	asEpoch uint32 // abi.CpuContext.As, .CodeEpoch
	epoch   uint32 // of the arena
	gen     uint32
}

// cut is the decoded form of one instruction that straddles the end of a page, with
// the jump to what follows it. It is valid while the code TLB points to it.
type cut struct {
	ops [4 * 8]byte
	key uint64
}

// retryOp is the private copy of one op, with the jump to what follows it.
type retryOp struct {
	ops [4 * 8]byte
	pc  uint64
	ctx uint32 // context that it belongs to, 0 when there is none
	as  abi.AddressSpaceRef
}

// HartCpu is the interpreter's private state of one hart. It lies in the shared
// memory (every instance of the kernel has the same globals), is used by its hart
// alone, except for busy, and holds nothing that outlives a call of Run other than
// caches. Zeroed memory is a valid HartCpu.
type HartCpu struct {
	// Poll is the linear address of the word that others raise to call the hart out
	// of guest code (abi.HartSlot.Poll).
	Poll uint32
	// Hart is the hart's index, handed to FetchPage.
	Hart uint32

	// What the inner loop takes and gives.
	ctx    uint32
	rt, wt uint32
	tlb    uint32
	gen    uint32 // generation of the code TLB: of (as, epoch) below
	ip     uint32
	left   int32
	fp     uint32
	page   uint64
	target uint64

	// Generations are handed out by nextGen; the caches are cleared when it wraps.
	nextGen uint32
	epoch   uint32 // arena epoch that gen stands for
	spaces  [spaceSlots]spaceEntry

	// busy is not 0 while the hart may hold addresses of decoded code (arena.go).
	busy uint32
	link uint32 // next hart in the arena's list

	// retry is the op of the store or AMO that the last call of Run left with (run.go).
	retry retryOp

	code  [tlbEntries]tlbEntry
	pages [pageSlots]pageEntry
	cuts  [cutSlots]cut
}

// HartCpuBytes is the size of a HartCpu.
const HartCpuBytes = uint32(unsafe.Sizeof(HartCpu{}))

// Decoded code relies on these offsets: a register field is an offset into the context.
const (
	_ = -unsafe.Offsetof(abi.CpuContext{}.X)
	_ = unsafe.Offsetof(abi.CpuContext{}.F) - 32*8
	_ = 32*8 - unsafe.Offsetof(abi.CpuContext{}.F)
	_ = unsafe.Offsetof(tlbEntry{}.ip) - 2*4
	_ = 2*4 - unsafe.Offsetof(tlbEntry{}.ip)
)

// enter readies the hart for a context: tables, generation.
func (h *HartCpu) enter(c *abi.CpuContext) {
	h.ctx, h.rt, h.wt, h.tlb = addrOf(unsafe.Pointer(c)), c.RtDir, c.WtDir, addrOf(unsafe.Pointer(&h.code))
	h.epoch = arena.epoch.Load()
	s := &h.spaces[c.As%spaceSlots]
	if s.gen == 0 || s.as != c.As || s.asEpoch != c.CodeEpoch || s.epoch != h.epoch {
		h.nextGen++
		if h.nextGen == 0 {
			h.nextGen = 1
			h.code = [tlbEntries]tlbEntry{}
			h.pages = [pageSlots]pageEntry{}
			h.spaces = [spaceSlots]spaceEntry{}
		}
		*s = spaceEntry{c.As, c.CodeEpoch, h.epoch, h.nextGen}
	}
	h.gen = s.gen
}

// remember puts an op into the code TLB.
func (h *HartCpu) remember(pc uint64, ip uint32) {
	if pc>>32 != 0 {
		return // its key would be another pc's
	}
	e := &h.code[pc>>1%tlbEntries]
	e.key, e.ip = pc|uint64(h.gen)<<32, ip
}

// fpMode says which floating-point fast paths the state of fcsr allows (internal/gen/float.go).
func fpMode(fcsr uint32) uint32 {
	switch {
	case fcsr>>5&7 != 0:
		return 0
	case fcsr&1 == 0:
		return 1
	}
	return 2
}
