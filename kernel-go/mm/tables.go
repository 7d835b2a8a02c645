// Package mm owns address spaces: VMAs, page tables, the translation tables
// that guest code uses, faults, copy-on-write, and copies between the kernel
// and user memory.
//
// Each address space has three two-level tables with the same shape (a
// directory of 1,024 words, leaves of 1,024 words) for the first 4 GiB, and
// three more for every further 4 GiB that was used (high.go):
// PT says which frame backs a page (Pte bits below the frame address), RT and WT are what loads and
// stores of guest code look at, and hold only what is allowed right now. RT
// and WT may lack entries that PT and the VMA would permit (the fault brings
// them); they never hold one that these forbid.
//
// A translation that is taken away, or downgraded, goes in this order: change
// the tables; sched.Shootdown; only then share, copy or free the frame.
// Everything here wants the machine lock.
//
// # Rules
//
// A frame with decoded code (FrameState.code, a hint: the CPU's own table is the
// truth) has no write translation, so that a store to it is a fault, which drops the
// code. hart.fetchFault sets the hint, kmem.DropCode clears it.
//
// A word of user memory may lie across two pages, and behind a frame lies another
// one's: Load32 and Store32. Only what is aligned may be used by its linear address
// (futexes).
//
// Memory that a guest may change meanwhile is read once: what was checked is used
// from the copy (program headers, pollfds, sets).
//
// Sums of pages of a file are words: Map refuses those that wrap. Nothing with a
// file grows down.
//
// Who changes a VMA's first page, or the end of the one before it, refreshes what the
// tree knows of the gaps (treeRefresh; insertBetween and unlinkVma do).
//
// Memory of a range is emptied before its VMAs go (Empty): they keep the place while
// the call gives way.
package mm

import (
	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/kmem"
)

const (
	leafShift = 10
	leafPages = 1 << leafShift
	leafMask  = leafPages - 1
	absent    = uint32(abi.FixedAbsentEntry)
	// Pages lie below highPage; those that we choose below topPage where they fit.
	topPage  = uint32(abi.FixedUserTopPages)
	highPage = uint32(abi.FixedUserHighPages)

	pteMask    = kmem.PageMask
	ptePresent = uint32(abi.PteFlagPresent)
	pteCow     = uint32(abi.PteFlagCow)
	pteDirty   = uint32(abi.PteFlagDirty)
	pteAnon    = uint32(abi.PteFlagAnon)
)

// state is what address spaces share.
func state() *abi.AddressSpacesLive { return &kmem.Kernel().Spaces }

// absentLeaf is the leaf that all empty parts of all RT and WT share.
func absentLeaf() uint32 { return state().AbsentLeaf }

// Init makes what all address spaces share.
func Init() abi.Errno {
	leaf := kmem.AllocFrameRaw(abi.FrameTypePageTable)
	if leaf == 0 {
		return abi.ENOMEM
	}
	fillAbsent(leaf)
	state().AbsentLeaf = leaf
	return abi.OK
}

func fillAbsent(leaf uint32) {
	for a := leaf; a < leaf+kmem.PageSize; a += 8 {
		kmem.Store64(a, uint64(absent)<<32|uint64(absent))
	}
}

// newEpoch is a code TLB tag that nobody has: never 0 nor 1.
func newEpoch() uint32 {
	s := state()
	s.Epochs++
	return s.Epochs + 1
}

// entry is the RT/WT word that maps page to frame.
func entry(frame, page uint32) uint32 { return frame - page<<kmem.PageShift }

func dirSlot(dir, page uint32) uint32   { return dir + page&(topPage-1)>>leafShift*4 }
func leafSlot(leaf, page uint32) uint32 { return leaf + (page&leafMask)*4 }

// pteOf is the PT word of a page, 0 when its leaf does not exist.
func pteOf(as *abi.AddressSpaceSlot, page uint32) uint32 {
	leaf := ptLeaf(as, page)
	if leaf == 0 {
		return 0
	}
	return kmem.Load32(leafSlot(leaf, page))
}

// ptLeaf is the PT leaf of a page, 0 when there is none.
func ptLeaf(as *abi.AddressSpaceSlot, page uint32) uint32 {
	dir := dirOf(as, tablePt, page)
	if dir == 0 {
		return 0
	}
	return kmem.Load32(dirSlot(dir, page))
}

// makePtLeaf is ptLeaf, made when there is none; 0 when memory is used up.
func makePtLeaf(as *abi.AddressSpaceSlot, page uint32) uint32 {
	dir := makeDir(as, tablePt, page)
	if dir == 0 {
		return 0
	}
	d := dirSlot(dir, page)
	leaf := kmem.Load32(d)
	if leaf == 0 {
		if leaf = kmem.AllocFrame(abi.FrameTypePageTable); leaf != 0 {
			kmem.Store32(d, leaf)
		}
	}
	return leaf
}

// setPte writes the PT word of a page; false when a leaf could not be had.
func setPte(as *abi.AddressSpaceSlot, page, pte uint32) bool {
	leaf := ptLeaf(as, page)
	if leaf == 0 {
		if pte == 0 {
			return true
		}
		if leaf = makePtLeaf(as, page); leaf == 0 {
			return false
		}
	}
	kmem.Store32(leafSlot(leaf, page), pte)
	return true
}

// install puts a translation into RT or WT. Without memory for a leaf the
// entry stays absent, and the access faults again: never wrong, only slow.
func install(as *abi.AddressSpaceSlot, t, page, word uint32) bool {
	dir := makeDir(as, t, page)
	if dir == 0 {
		return false
	}
	d := dirSlot(dir, page)
	leaf := kmem.Load32(d)
	if leaf == absentLeaf() {
		leaf = kmem.AllocFrameRaw(abi.FrameTypePageTable)
		if leaf == 0 {
			return false
		}
		fillAbsent(leaf)
		// The leaf's words are visible before the leaf is: another hart may
		// walk this directory right now.
		kmem.Fence()
		kmem.Store32(d, leaf)
	}
	kmem.Store32(leafSlot(leaf, page), word)
	return true
}

// remove makes a page absent in RT or WT and says whether it had been there.
func remove(as *abi.AddressSpaceSlot, t, page uint32) bool {
	dir := dirOf(as, t, page)
	if dir == 0 {
		return false
	}
	leaf := kmem.Load32(dirSlot(dir, page))
	if leaf == absentLeaf() {
		return false
	}
	s := leafSlot(leaf, page)
	if kmem.Load32(s) == absent {
		return false
	}
	kmem.Store32(s, absent)
	return true
}

// removeRange makes pages [from, to) absent in RT or WT.
func removeRange(as *abi.AddressSpaceSlot, t uint32, pages Range) bool {
	changed := false
	for p := pages.From; p < pages.To; {
		dir := dirOf(as, t, p)
		if dir == 0 {
			p = nextRegion(p)
			continue
		}
		end := min((p|leafMask)+1, pages.To)
		leaf := kmem.Load32(dirSlot(dir, p))
		if leaf != absentLeaf() {
			for s := leafSlot(leaf, p); p < end; p, s = p+1, s+4 {
				if kmem.Load32(s) != absent {
					kmem.Store32(s, absent)
					changed = true
				}
			}
		}
		p = end
	}
	return changed
}

// New makes an empty address space with one user; 0 when memory is used up.
func New() abi.AddressSpaceRef {
	i := kmem.Alloc[abi.AddressSpaceRef]()
	if i == 0 {
		return 0
	}
	as := kmem.AddressSpace(i)
	l := &as.Live
	l.PtDir = kmem.AllocFrame(abi.FrameTypePageTable)
	l.RtDir = kmem.AllocFrameRaw(abi.FrameTypePageTable)
	l.WtDir = kmem.AllocFrameRaw(abi.FrameTypePageTable)
	if l.PtDir == 0 || l.RtDir == 0 || l.WtDir == 0 {
		freeDirs(as)
		kmem.Free(i)
		return 0
	}
	clearDir(l.RtDir)
	clearDir(l.WtDir)
	l.CodeEpoch.Store(newEpoch())
	l.Users = 1
	as.State.MmapTop = mmapTop
	return i
}

func clearDir(dir uint32) {
	for a := dir; a < dir+kmem.PageSize; a += 8 {
		kmem.Store64(a, uint64(absentLeaf())<<32|uint64(absentLeaf()))
	}
}

// freeLeaves frees the leaves of RT or WT and empties the directory.
func freeLeaves(dir uint32) {
	for a := dir; a < dir+kmem.PageSize; a += 4 {
		if leaf := kmem.Load32(a); leaf != absentLeaf() {
			kmem.Store32(a, absentLeaf())
			kmem.UnrefFrame(leaf)
		}
	}
}

func freePtLeaves(dir uint32) {
	for a := dir; a < dir+kmem.PageSize; a += 4 {
		if leaf := kmem.Load32(a); leaf != 0 {
			kmem.UnrefFrame(leaf)
		}
	}
}

func freeDirs(as *abi.AddressSpaceSlot) {
	l := &as.Live
	if l.PtDir != 0 {
		kmem.UnrefFrame(l.PtDir)
	}
	if l.RtDir != 0 {
		kmem.UnrefFrame(l.RtDir)
	}
	if l.WtDir != 0 {
		kmem.UnrefFrame(l.WtDir)
	}
	l.PtDir, l.RtDir, l.WtDir = 0, 0, 0
	freeHigh(as)
}

// Hold adds a user of an address space (a process; vfork shares).
func Hold(i abi.AddressSpaceRef) { kmem.Up(&kmem.AddressSpace(i).Live.Users) }

// Drop removes a user; the last one frees all of it. No hart may be in the
// guest code of a last user; one whose worker may still be there although it
// was given up (quarantine) keeps the space and all its frames for ever.
func Drop(i abi.AddressSpaceRef) {
	as := kmem.AddressSpace(i)
	kmem.Down(&as.Live.Users)
	if as.Live.Users != 0 || as.Live.Quarantine.Load() != 0 {
		return
	}
	if as.State.ResidentPages > buryPages || as.Live.High != 0 {
		bury(i)
		return
	}
	freeLeaves(as.Live.RtDir)
	freeLeaves(as.Live.WtDir)
	for as.State.VmaHead != 0 {
		v := as.State.VmaHead
		dropPages(as, Range{From: kmem.Vma(v).StartPage, To: kmem.Vma(v).EndPage})
		deleteVma(as, v)
	}
	freePtLeaves(as.Live.PtDir)
	freeDirs(as)
	kmem.Free(i)
}
