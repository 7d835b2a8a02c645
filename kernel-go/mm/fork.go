package mm

import (
	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/kmem"
	"foreshore.dev/kernel/sched"
)

// forkVmas is how many mappings make a piece of a fork.
const forkVmas = 512

// Fork copies the caller's address space for a child: private pages become
// copy-on-write in both, shared ones are mapped by both. A large one is copied
// piece by piece: ERESCHED, and the record of the call says how far it came
// (ForkAbandoned, when the call ends there). What other threads of the parent do
// to it meanwhile comes before or after the fork for each page, as on Linux.
// ENOMEM when memory is used up.
func Fork(c *sched.Ctx, parentIndex abi.AddressSpaceRef) (abi.AddressSpaceRef, abi.Errno) {
	b := &c.T().State.Blocked
	w := b.ForkWait()
	childIndex, from := w.Child, uint32(0)
	if childIndex != 0 {
		from, w.Child, b.Progress = uint32(b.Progress), 0, 0
	} else if childIndex = New(); childIndex == 0 {
		return 0, abi.ENOMEM
	} else {
		p, ch := kmem.AddressSpace(parentIndex), kmem.AddressSpace(childIndex)
		ch.State = p.State
		ch.State.VmaHead, ch.State.VmaCount, ch.State.MappedPages, ch.State.ResidentPages, ch.State.AnonPages, ch.State.PeakResidentPages = 0, 0, 0, 0, 0, 0
	}
	for {
		next, e := forkPiece(c, parentIndex, childIndex, from)
		if e != abi.OK {
			Drop(childIndex)
			return 0, e
		}
		if from = next; from == highPage {
			kmem.Header().Counters.Forks++
			return childIndex, abi.OK
		}
		if sched.Overdue(c) {
			w.Child, b.Progress = childIndex, uint64(from)
			return 0, abi.ERESCHED
		}
	}
}

// ForkAbandoned drops what a thread that dies in the middle of clone(2) had made.
func ForkAbandoned(b *abi.BlockedSyscall) {
	clones := b.Number == abi.SYS_clone || b.Number == abi.SYS_clone3
	if w := b.ForkWait(); clones && b.Attempt != 0 && b.Reason != abi.WaitReasonVfork && w.Child != 0 {
		Drop(w.Child)
		w.Child = 0
	}
}

// forkPiece copies a piece of the parent's mappings, from a page on, and returns
// where the next one begins: highPage at the end.
func forkPiece(c *sched.Ctx, parentIndex, childIndex abi.AddressSpaceRef, from uint32) (uint32, abi.Errno) {
	p, ch := kmem.AddressSpace(parentIndex), kmem.AddressSpace(childIndex)
	left, downgraded, leaves, e := pieceLeaves, false, uint32(0), abi.OK
	i := firstFrom(p, from)
	for n := 0; i != 0 && left > 0 && n < forkVmas && e == abi.OK; n++ {
		v := kmem.Vma(i)
		start, end := max(v.StartPage, from), v.EndPage
		copied := v.Flags&(abi.VmaFlagDontFork|abi.VmaFlagWipeOnFork) == 0
		if copied && v.Flags&abi.VmaFlagGrowsDown == 0 {
			end = behindLeaves(p, start, end, &left)
		}
		from = end
		if v.Flags&abi.VmaFlagDontFork == 0 {
			e = addCopy(childIndex, v, Range{From: start, To: end})
		}
		if private := v.Flags&abi.VmaFlagShared == 0; copied && e == abi.OK {
			downgraded = private && dropRange(p, tableWt, Range{From: start, To: end}, &leaves) || downgraded
			if !copyTables(p, ch, Range{From: start, To: end}, private) {
				// Frames that are shared already stay marked copy-on-write in the
				// parent; its next writes sort that out.
				e = abi.ENOMEM
			}
		}
		if end == v.EndPage {
			i = v.Next
		}
	}
	if downgraded {
		sched.Shootdown(c.Hart, parentIndex)
	}
	freeChain(leaves)
	if i == 0 {
		from = highPage
	}
	return from, e
}

// behindLeaves is where a piece of [from, to) ends that has at most *left leaves
// of page tables, of which it takes those that it has.
func behindLeaves(as *abi.AddressSpaceSlot, from, to uint32, left *int) uint32 {
	for *left > 0 {
		p := nextLeaf(as, from, to)
		if p == to {
			return to
		}
		*left--
		if from = (p | leafMask) + 1; from >= to {
			return to
		}
	}
	return from
}

// addCopy gives a child a part of a mapping, behind all that it has.
func addCopy(childIndex abi.AddressSpaceRef, v *abi.VmaSlot, pages Range) abi.Errno {
	ch := kmem.AddressSpace(childIndex)
	n := kmem.Alloc[abi.VmaRef]()
	if n == 0 {
		return abi.ENOMEM
	}
	w := kmem.Vma(n)
	kmem.WriteBegin(&w.Header)
	w.StartPage, w.EndPage, w.Flags, w.Inode, w.Dentry, w.As = pages.From, pages.To, v.Flags&^(abi.VmaFlagLocked|abi.VmaFlagLockOnFault), v.Inode, v.Dentry, childIndex
	if v.Inode != 0 {
		w.FilePage = v.FilePage + (pages.From - v.StartPage)
	}
	kmem.WriteEnd(&w.Header)
	holdFile(w)
	last := ch.Live.LastVma
	insertBetween(ch, n, last, 0)
	ch.State.MappedPages += uint64(pages.To - pages.From)
	ch.Live.LastVma = mergeAround(ch, n)
	return abi.OK
}

// copyTables shares the present pages of a range with a child. The child's
// read translations are the parent's: both see the same frames.
func copyTables(p, ch *abi.AddressSpaceSlot, pages Range, private bool) bool {
	zero := kmem.ZeroFrame()
	resident, anon := uint64(0), uint32(0)
	for page := pages.From; page < pages.To; {
		if dirOf(p, tablePt, page) == 0 {
			page = nextRegion(page)
			continue
		}
		end := min((page|leafMask)+1, pages.To)
		leaf := ptLeaf(p, page)
		if leaf == 0 {
			page = end
			continue
		}
		own := makePtLeaf(ch, page)
		if own == 0 {
			return false
		}
		parentRt, rt := rtLeaf(p, page), uint32(0)
		if parentRt != absentLeaf() {
			rt = makeRtLeaf(ch, page)
		}
		for ; page < end; page++ {
			s := leafSlot(leaf, page)
			pte := kmem.Load32(s)
			if pte == 0 {
				continue
			}
			if private && pte&pteCow == 0 {
				pte |= pteCow
				kmem.Store32(s, pte)
			}
			kmem.Store32(leafSlot(own, page), pte)
			if frame := pte &^ pteMask; frame != zero {
				kmem.RefFrame(frame)
			}
			if rt != 0 {
				kmem.Store32(leafSlot(rt, page), kmem.Load32(leafSlot(parentRt, page)))
			}
			resident++
			anon += anonPages(pte)
		}
	}
	ch.State.ResidentPages += resident
	ch.State.AnonPages += anon
	return true
}

// rtLeaf is the RT leaf of a page, absentLeaf when it has none of its own.
func rtLeaf(as *abi.AddressSpaceSlot, page uint32) uint32 {
	dir := dirOf(as, tableRt, page)
	if dir == 0 {
		return absentLeaf()
	}
	return kmem.Load32(dirSlot(dir, page))
}

// makeRtLeaf gives a space that no hart uses yet an RT leaf; 0 when memory is used up.
func makeRtLeaf(as *abi.AddressSpaceSlot, page uint32) uint32 {
	dir := makeDir(as, tableRt, page)
	if dir == 0 {
		return 0
	}
	rt := kmem.Load32(dirSlot(dir, page))
	if rt == absentLeaf() {
		if rt = kmem.AllocFrameRaw(abi.FrameTypePageTable); rt != 0 {
			fillAbsent(rt)
			kmem.Store32(dirSlot(dir, page), rt)
		}
	}
	return rt
}

// ZapInode removes every translation of file pages [first, end) of an inode:
// they are about to leave the page cache, or to change under their readers.
// Private copies go too, as truncation demands (mmap(2)).
func ZapInode(c *sched.Ctx, inode abi.InodeRef, first, end uint32) {
	for i := kmem.Inode(inode).Live.VmaHead; i != 0; i = kmem.Vma(i).InodeNext {
		v := kmem.Vma(i)
		pages := v.EndPage - v.StartPage
		if first >= v.FilePage+pages || end <= v.FilePage {
			continue
		}
		from, to := uint32(0), pages
		if first > v.FilePage {
			from = first - v.FilePage
		}
		if end-v.FilePage < pages {
			to = end - v.FilePage
		}
		zap(c, v.As, Range{From: v.StartPage + from, To: v.StartPage + to})
	}
}
