package mm

import (
	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/kmem"
)

// Addresses above 4 GiB hold fixed mappings, and what finds no room below.
// Guest code reaches them outside the interpreter's loop; here each further 4 GiB that is used
// has a directory of its own in each table, listed in one frame per address
// space (AddressSpaceLive.High), so that a space without such mappings has
// nothing of it.

// Which table: its value is where that frame lists its directories, in words.
const (
	tableRt = 0
	tableWt = highRegions
	tablePt = 2 * highRegions

	highRegions = highPage / topPage
)

// nextRegion is the first page of the next 4 GiB.
func nextRegion(page uint32) uint32 { return (page | (topPage - 1)) + 1 }

// dirOf is the directory of a table that a page belongs to, 0 when there is none.
func dirOf(as *abi.AddressSpaceSlot, t, page uint32) uint32 {
	if page < topPage {
		switch t {
		case tableRt:
			return as.Live.RtDir
		case tableWt:
			return as.Live.WtDir
		}
		return as.Live.PtDir
	}
	if as.Live.High == 0 {
		return 0
	}
	return kmem.Load32(highSlot(as, t, page))
}

func highSlot(as *abi.AddressSpaceSlot, t, page uint32) uint32 {
	return as.Live.High + (t+page/topPage)*4
}

// makeDir is dirOf, made when there is none; 0 when memory is used up.
func makeDir(as *abi.AddressSpaceSlot, t, page uint32) uint32 {
	if dir := dirOf(as, t, page); dir != 0 {
		return dir
	}
	if as.Live.High == 0 {
		high := kmem.AllocFrame(abi.FrameTypePageTable)
		if high == 0 {
			return 0
		}
		as.Live.High = high
	}
	dir := kmem.AllocFrame(abi.FrameTypePageTable)
	if dir == 0 {
		return 0
	}
	if t != tablePt {
		clearDir(dir)
	}
	// Its words are visible before it is: harts walk these tables.
	kmem.Fence()
	kmem.Store32(highSlot(as, t, page), dir)
	return dir
}

// freeHigh frees the directories above 4 GiB and their leaves.
func freeHigh(as *abi.AddressSpaceSlot) {
	high := as.Live.High
	if high == 0 {
		return
	}
	for i := uint32(0); i < 3*highRegions; i++ {
		dir := kmem.Load32(high + i*4)
		if dir == 0 {
			continue
		}
		if i < tablePt {
			freeLeaves(dir)
		} else {
			freePtLeaves(dir)
		}
		kmem.UnrefFrame(dir)
	}
	as.Live.High = 0
	kmem.UnrefFrame(high)
}
