package mm

import (
	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/kmem"
)

// highTop is the end of what we choose above 4 GiB. As on Linux, where the stack
// lies behind it, no such mapping ends where all addresses end.
const highTop = highPage - 128<<20>>kmem.PageShift

// place chooses the first page of a mapping without a fixed place, 0 when there
// is none. Memory below 4 GiB is faster to reach (high.go): what fits there is
// put there, at the hint where that lies below and is free; the rest goes above,
// where a hint counts as well.
func place(as *abi.AddressSpaceSlot, hint, pages uint32) uint32 {
	if hint != 0 {
		hint = max(hint, lowestPage)
	}
	wanted := hint != 0 && hint <= highPage-pages
	if next := firstFrom(as, hint); next != 0 && guarded(kmem.Vma(next)) < hint+pages {
		wanted = false
	}
	if wanted && hint+pages <= topPage {
		return hint
	}
	if page := gap(as, pages, lowestPage, uint32(as.State.MmapTop>>kmem.PageShift)); page != 0 {
		return page
	}
	if wanted {
		return hint
	}
	return gap(as, pages, topPage, highTop)
}

// EnoughMemory says whether memory that may all be written can be promised: Linux's
// heuristic overcommit (vm.overcommit_memory 0) refuses one request for more
// than the machine has, and nothing else.
func EnoughMemory(pages uint32) bool { return pages <= kmem.TotalFrames() }

// Promised says whether writing to a mapping with these flags takes memory that
// was, or is to be, asked of Commit.
func Promised(f abi.VmaFlag) bool {
	return f&(abi.VmaFlagWrite|abi.VmaFlagShared|abi.VmaFlagNoReserve) == abi.VmaFlagWrite
}

// placeAlike is a free place for pages that lie there as they do from `from` on, so
// that whole leaves of page tables can move; 0 when there is none.
func placeAlike(as *abi.AddressSpaceSlot, from, pages uint32) uint32 {
	page := place(as, 0, pages+leafMask)
	if page == 0 {
		return 0
	}
	return page + (from-page)&leafMask
}
