package mm

import (
	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/kmem"
	"foreshore.dev/kernel/sched"
)

// Taking away what large ranges have in the tables. A range that was touched
// here and there can have tens of thousands of leaves, each with a thousand
// words to look at, so it goes piece by piece: others get the machine lock
// between two of them. The mappings stay until the last piece is gone, so nothing
// else can be put there meanwhile; a page that is touched again before that is
// as if it had been touched before the call.

// pieceLeaves is how many leaves make a piece.
const pieceLeaves = 32

// whole says whether [from, to) covers all of the leaf of a page.
func whole(page uint32, pages Range) bool {
	return page&^leafMask >= pages.From && page|leafMask < pages.To
}

// nextLeaf is the first page from p on, below to, that has a leaf in PT, RT or
// WT; to when there is none.
func nextLeaf(as *abi.AddressSpaceSlot, p, to uint32) uint32 {
	for p < to {
		pt, rt, wt := dirOf(as, tablePt, p), dirOf(as, tableRt, p), dirOf(as, tableWt, p)
		if pt|rt|wt == 0 {
			p = nextRegion(p)
			continue
		}
		if pt != 0 && kmem.Load32(dirSlot(pt, p)) != 0 || hasLeaf(rt, p) || hasLeaf(wt, p) {
			return p
		}
		p = (p | leafMask) + 1
	}
	return to
}

// hasLeaf says whether a directory of RT or WT, 0 for none, has a leaf of its own for a page.
func hasLeaf(dir, page uint32) bool {
	return dir != 0 && kmem.Load32(dirSlot(dir, page)) != absentLeaf()
}

// takeLeaf takes the RT or WT leaf of a page out of its directory, if it has one
// of its own; 0 otherwise.
func takeLeaf(as *abi.AddressSpaceSlot, t, page uint32) uint32 {
	dir := dirOf(as, t, page)
	if !hasLeaf(dir, page) {
		return 0
	}
	leaf := kmem.Load32(dirSlot(dir, page))
	kmem.Store32(dirSlot(dir, page), absentLeaf())
	return leaf
}

// emptied is Empty for one piece: it returns the page behind it.
func emptied(c *sched.Ctx, asIndex abi.AddressSpaceRef, pages Range) uint32 {
	as := kmem.AddressSpace(asIndex)
	end := pages.From
	for range pieceLeaves {
		if end = nextLeaf(as, end, pages.To); end == pages.To {
			break
		}
		end = min((end|leafMask)+1, pages.To)
	}
	zap(c, asIndex, Range{From: pages.From, To: end})
	dropPtLeaves(as, Range{From: pages.From, To: end})
	return end
}

// dropPtLeaves frees the page-table leaves that [from, to) covers, whose words are all 0.
func dropPtLeaves(as *abi.AddressSpaceSlot, pages Range) {
	for p := nextLeaf(as, pages.From, pages.To); p < pages.To; p = nextLeaf(as, (p|leafMask)+1, pages.To) {
		if leaf := ptLeaf(as, p); leaf != 0 && whole(p, pages) {
			kmem.Store32(dirSlot(dirOf(as, tablePt, p), p), 0)
			kmem.UnrefFrame(leaf)
		}
	}
}

// Empty takes away all pages of [from, to), and the tables that held them; their
// mappings stay. ERESCHED: there is more to do, and others are to have a turn; how
// far it came is in the record of the thread's call.
func Empty(c *sched.Ctx, asIndex abi.AddressSpaceRef, pages Range) abi.Errno {
	var progress *uint64
	if c.Thread != 0 {
		progress = &c.T().State.Blocked.Progress
		if p := *progress; p > uint64(pages.From) && p < uint64(pages.To) {
			pages.From = uint32(p)
		}
	}
	for as := kmem.AddressSpace(asIndex); ; {
		if pages.From = nextLeaf(as, pages.From, pages.To); pages.From == pages.To {
			return abi.OK
		}
		if pages.From = emptied(c, asIndex, pages); pages.From < pages.To && sched.Overdue(c) {
			*progress = uint64(pages.From)
			return abi.ERESCHED
		}
	}
}

// dropRange makes pages absent in RT or WT, whole leaves at once, and
// returns whether any had been there. The leaves are chained through `chain`
// until freeChain: harts may look into them until the shootdown.
func dropRange(as *abi.AddressSpaceSlot, t uint32, pages Range, chain *uint32) bool {
	changed := false
	for p := pages.From; p < pages.To; {
		dir := dirOf(as, t, p)
		if dir == 0 {
			p = nextRegion(p)
			continue
		}
		end := min((p|leafMask)+1, pages.To)
		switch {
		case !hasLeaf(dir, p):
		case whole(p, pages):
			leaf := takeLeaf(as, t, p)
			// The frame's own record holds the link, since its words are still read.
			kmem.Frame(leaf).Next = *chain >> kmem.PageShift
			*chain = leaf
			changed = true
		default:
			changed = removeRange(as, t, Range{From: p, To: end}) || changed
		}
		p = end
	}
	return changed
}

// freeChain frees the leaves that dropRange has taken out.
func freeChain(chain uint32) {
	for chain != 0 {
		next := kmem.Frame(chain).Next << kmem.PageShift
		kmem.UnrefFrame(chain)
		chain = next
	}
}
