package mm

import (
	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/kmem"
	"foreshore.dev/kernel/pagecache"
)

// What a large address space held is freed piece by piece, after its last user
// is gone: harts do it between two slices and when they have nothing to run, and
// whoever finds no free frame does it first.

const (
	// buryPages is how much is freed at once: half a millisecond's work.
	buryPages = 8192
	// buryVmas is how many mappings make a piece.
	buryVmas = 256
)

// HaveBuried says whether there is something for Reap to do.
func HaveBuried() bool { return state().Buried != 0 || pagecache.HaveBuried() }

func bury(i abi.AddressSpaceRef) {
	s, l := state(), &kmem.AddressSpace(i).Live
	l.BuriedFrom, l.NextBuried, s.Buried = 0, s.Buried, i
}

// Reap frees a piece of what nobody has any more: an address space, or a file.
func Reap() {
	i := state().Buried
	if i == 0 {
		pagecache.Reap()
		return
	}
	as := kmem.AddressSpace(i)
	if from := as.Live.BuriedFrom; from < highPage {
		as.Live.BuriedFrom = reapLeaves(as, from)
		return
	}
	for range buryVmas {
		if as.State.VmaHead == 0 {
			state().Buried = as.Live.NextBuried
			freeDirs(as)
			kmem.Free(i)
			return
		}
		deleteVma(as, as.State.VmaHead)
	}
}

// reapLeaves frees a piece of the tables from a page on, with what they name, and
// returns where the next one begins.
func reapLeaves(as *abi.AddressSpaceSlot, from uint32) uint32 {
	for range pieceLeaves {
		p := nextLeaf(as, from, highPage)
		if p == highPage {
			return p
		}
		for _, t := range [2]uint32{tableRt, tableWt} {
			if leaf := takeLeaf(as, t, p); leaf != 0 {
				kmem.UnrefFrame(leaf)
			}
		}
		from = (p | leafMask) + 1
		dropPages(as, Range{From: p, To: from})
		dropPtLeaves(as, Range{From: p &^ leafMask, To: from})
	}
	return from
}

// Reclaim is asked for frames when there are none left.
func Reclaim(want uint32) uint32 {
	for free := kmem.FreeFrames(); state().Buried != 0; {
		Reap()
		if got := kmem.FreeFrames() - free; got >= want {
			return got
		}
	}
	return pagecache.Evict(want)
}
