package mm

import (
	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/kmem"
	"foreshore.dev/kernel/sched"
)

// Fork copies an address space: private pages become copy-on-write in both,
// shared ones are mapped by both. 0 when memory is used up.
func Fork(c *sched.Ctx, parentIndex uint32) uint32 {
	childIndex := New()
	if childIndex == 0 {
		return 0
	}
	p, ch := kmem.AddressSpace(parentIndex), kmem.AddressSpace(childIndex)
	ch.State = p.State
	ch.State.VmaHead, ch.State.VmaCount, ch.State.MappedPages, ch.State.ResidentPages, ch.State.AnonPages, ch.State.PeakResidentPages = 0, 0, 0, 0, 0, 0
	downgraded := false
	last := uint32(0)
	for i := p.State.VmaHead; i != 0; i = kmem.Vma(i).Next {
		v := kmem.Vma(i)
		if v.Flags&abi.VmaFlagDontFork != 0 {
			continue
		}
		n := kmem.Alloc(abi.SlotKindVma)
		if n == 0 {
			Drop(childIndex)
			return 0
		}
		w := kmem.Vma(n)
		kmem.WriteBegin(&w.Header)
		w.StartPage, w.EndPage, w.Flags, w.Inode, w.FilePage, w.Dentry, w.As = v.StartPage, v.EndPage, v.Flags&^(vmLocked|vmLockOnFault), v.Inode, v.FilePage, v.Dentry, childIndex
		kmem.WriteEnd(&w.Header)
		holdFile(w)
		insertBetween(ch, n, last, 0)
		last = n
		ch.State.MappedPages += uint64(w.EndPage - w.StartPage)
		if v.Flags&abi.VmaFlagWipeOnFork != 0 {
			continue
		}
		private := v.Flags&vmShared == 0
		if private && removeRange(p, tableWt, v.StartPage, v.EndPage) {
			downgraded = true
		}
		if !copyTables(p, ch, v.StartPage, v.EndPage, private) {
			// Frames that are shared already stay marked copy-on-write in the
			// parent; its next writes sort that out.
			sched.Shootdown(c.Hart, parentIndex)
			Drop(childIndex)
			return 0
		}
	}
	if downgraded {
		sched.Shootdown(c.Hart, parentIndex)
	}
	kmem.Header().Counters.Forks++
	return childIndex
}

// copyTables shares the present pages of [from, to) with a child. The child's
// read translations are the parent's: both see the same frames.
func copyTables(p, ch *abi.AddressSpaceSlot, from, to uint32, private bool) bool {
	zero := kmem.ZeroFrame()
	resident, anon := uint64(0), uint32(0)
	for page := from; page < to; {
		if dirOf(p, tablePt, page) == 0 {
			page = nextRegion(page)
			continue
		}
		end := min((page|leafMask)+1, to)
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
		if parentRt != absentLeaf {
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
		return absentLeaf
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
	if rt == absentLeaf {
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
func ZapInode(c *sched.Ctx, inode, first, end uint32) {
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
		zap(c, v.As, v.StartPage+from, v.StartPage+to)
	}
}
