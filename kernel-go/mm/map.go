package mm

import (
	"unsafe"

	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/kmem"
	"foreshore.dev/kernel/sched"
)

const (
	lowestPage        = 16          // vm.mmap_min_addr = 65536
	mmapTop           = 0xF000_0000 // below the stack area
	stackTop          = 0xFFFF_0000 // first byte above the main stack
	stackGuardPages   = 256         // Linux stack_guard_gap
	defaultStackBytes = 8 << 20     // RLIMIT_STACK
	initialStackPages = 33          // 132 KiB, as Linux begins with
)

// UserEnd is one past the highest user address that can be mapped.
const UserEnd = uint64(highPage) << kmem.PageShift

// StackTop is the first address above the main thread's stack.
const StackTop = uint64(stackTop)

// Range is the pages [From, To) of an address space.
type Range struct{ From, To uint32 }

// RangeOf is n pages from one on.
func RangeOf(page, n uint32) Range { return Range{From: page, To: page + n} }

// Pages is how many they are.
func (r Range) Pages() uint32 { return r.To - r.From }

func addrOf(as *abi.AddressSpaceSlot) uint32 { return kmem.Addr(unsafe.Pointer(as)) }

// ProtFlags turns PROT_* bits into VMA flags.
func ProtFlags(prot abi.Prot) abi.VmaFlag {
	f := abi.VmaFlag(0)
	if prot&abi.PROT_READ != 0 {
		f |= abi.VmaFlagRead
	}
	if prot&abi.PROT_WRITE != 0 {
		f |= abi.VmaFlagWrite
	}
	if prot&abi.PROT_EXEC != 0 {
		f |= abi.VmaFlagExec
	}
	return f
}

// Mapping says what Map is to make.
type Mapping struct {
	// Page is the wished first page, Pages the length.
	Page, Pages uint32
	Flags       abi.VmaFlag
	// Inode and Dentry (0 for anonymous memory), FilePage the file's page at Page.
	Inode    abi.InodeRef
	Dentry   abi.DentryRef
	FilePage uint32
	// Fixed replaces what is there; NoReplace refuses with EEXIST instead.
	Fixed, NoReplace bool
	// Moved: it takes over the flags of another mapping, and is no new one that
	// mlockall(2) or RLIMIT_MEMLOCK would look at.
	Moved bool
}

// Map makes a mapping and returns its first page.
func Map(c *sched.Ctx, asIndex abi.AddressSpaceRef, m *Mapping) (uint32, abi.Errno) {
	sched.RecordEffect(abi.SyncEffectMemory)
	as := kmem.AddressSpace(asIndex)
	if m.Pages == 0 || m.Pages > highPage {
		return 0, abi.ENOMEM
	}
	// Page numbers of files are words, and sums of them must not wrap.
	if m.Inode != 0 && uint64(m.FilePage)+uint64(m.Pages) > 1<<32-1 {
		return 0, abi.EOVERFLOW
	}
	if !m.Moved {
		m.Flags |= as.Live.MapFlags
		if m.Flags&abi.VmaFlagLocked != 0 {
			if e := mayLock(c, asIndex, uint64(m.Pages), abi.EAGAIN); e != abi.OK {
				return 0, e
			}
		}
	}
	page := m.Page
	switch {
	case m.NoReplace:
		if page+m.Pages > highPage {
			return 0, abi.ENOMEM
		}
		if !free(as, RangeOf(page, m.Pages)) {
			return 0, abi.EEXIST
		}
	case m.Fixed:
		if page+m.Pages > highPage {
			return 0, abi.ENOMEM
		}
		if e := Unmap(c, asIndex, RangeOf(page, m.Pages)); e != abi.OK {
			return 0, e
		}
	default:
		if page = place(as, page, m.Pages); page == 0 {
			return 0, abi.ENOMEM
		}
	}
	if as.State.VmaCount >= uint32(abi.LimitMapCount) || overLimit(c, as, m.Pages, m.Flags) {
		return 0, abi.ENOMEM
	}
	i := kmem.Alloc[abi.VmaRef]()
	if i == 0 {
		return 0, abi.ENOMEM
	}
	v := kmem.Vma(i)
	kmem.WriteBegin(&v.Header)
	v.StartPage, v.EndPage = page, page+m.Pages
	v.Flags, v.Inode, v.Dentry, v.As = m.Flags, m.Inode, m.Dentry, asIndex
	if m.Inode != 0 {
		v.FilePage = m.FilePage
		v.Flags |= abi.VmaFlagFile
	}
	kmem.WriteEnd(&v.Header)
	holdFile(v)
	insert(as, i)
	as.State.MappedPages += uint64(m.Pages)
	mergeAround(as, i)
	return page, abi.OK
}

// dropPages forgets the frames of pages [from, to). Their translations are
// gone and no hart uses them any more.
func dropPages(as *abi.AddressSpaceSlot, pages Range) {
	as.State.PeakResidentPages = max(as.State.PeakResidentPages, as.State.ResidentPages)
	for p := pages.From; p < pages.To; {
		if dirOf(as, tablePt, p) == 0 {
			p = nextRegion(p)
			continue
		}
		end := min((p|leafMask)+1, pages.To)
		if leaf := ptLeaf(as, p); leaf != 0 {
			for s := leafSlot(leaf, p); p < end; p, s = p+1, s+4 {
				if pte := kmem.Load32(s); pte != 0 {
					kmem.Store32(s, 0)
					if as.Live.Quarantine.Load() == 0 {
						releasePte(pte)
					}
					as.State.ResidentPages--
					kmem.Changed(1 << abi.SlotKindAddressSpace)
					as.State.AnonPages -= anonPages(pte)
				}
			}
		}
		p = end
	}
}

// zap removes pages [from, to) from an address space; its VMAs stay.
func zap(c *sched.Ctx, asIndex abi.AddressSpaceRef, pages Range) {
	as := kmem.AddressSpace(asIndex)
	var leaves uint32
	read := dropRange(as, tableRt, pages, &leaves)
	write := dropRange(as, tableWt, pages, &leaves)
	exec := false
	for i := firstFrom(as, pages.From); i != 0 && kmem.Vma(i).StartPage < pages.To; i = kmem.Vma(i).Next {
		exec = exec || kmem.Vma(i).Flags&abi.VmaFlagExec != 0
	}
	if exec {
		as.Live.CodeEpoch.Store(newEpoch())
	}
	if read || write || exec {
		sched.Shootdown(c.Hart, asIndex)
	}
	freeChain(leaves)
	dropPages(as, pages)
}

// Unmap removes all mappings of pages [from, to). ERESCHED: their pages are going,
// and the call is to be made again.
func Unmap(c *sched.Ctx, asIndex abi.AddressSpaceRef, pages Range) abi.Errno {
	sched.RecordEffect(abi.SyncEffectMemory)
	as := kmem.AddressSpace(asIndex)
	if free(as, pages) {
		return abi.OK
	}
	if e := cut(as, pages); e != abi.OK {
		return e
	}
	if e := Empty(c, asIndex, pages); e != abi.OK {
		return e
	}
	deleteVmas(c, asIndex, pages)
	return abi.OK
}

// deleteVmas removes the mappings of [from, to), which are cut out, with whatever
// pages they have.
func deleteVmas(c *sched.Ctx, asIndex abi.AddressSpaceRef, pages Range) {
	as := kmem.AddressSpace(asIndex)
	zap(c, asIndex, pages)
	for i := firstFrom(as, pages.From); i != 0 && kmem.Vma(i).StartPage < pages.To; {
		next := kmem.Vma(i).Next
		deleteVma(as, i)
		i = next
	}
}

// Protect changes the protection of pages [from, to): mprotect(2).
func Protect(c *sched.Ctx, asIndex abi.AddressSpaceRef, pages Range, prot abi.Prot) abi.Errno {
	sched.RecordEffect(abi.SyncEffectMemory)
	as := kmem.AddressSpace(asIndex)
	// What lies before a hole, or before a mapping that may not be written,
	// changes all the same, as on Linux.
	outcome := abi.OK
	for p := pages.From; p < pages.To; {
		i := find(as, p)
		if i == 0 {
			outcome, pages.To = abi.ENOMEM, p
			break
		}
		v := kmem.Vma(i)
		if prot&abi.PROT_WRITE != 0 && !isData(v.Flags) && isData(v.Flags|abi.VmaFlagWrite) && overData(c, as, min(pages.To, v.EndPage)-p) {
			outcome, pages.To = abi.ENOMEM, p
			break
		}
		if prot&abi.PROT_WRITE != 0 && v.Flags&abi.VmaFlagShared != 0 && v.Inode != 0 && v.Flags&abi.VmaFlagMaybeWrite == 0 {
			outcome, pages.To = abi.EACCES, p
			break
		}
		end := min(v.EndPage, pages.To)
		if !Promised(v.Flags) && Promised(v.Flags|ProtFlags(prot)) && !EnoughMemory(end-p) {
			outcome, pages.To = abi.ENOMEM, p
			break
		}
		p = end
	}
	if pages.From >= pages.To {
		return outcome
	}
	if e := cut(as, pages); e != abi.OK {
		return e
	}
	want := ProtFlags(prot)
	lost := abi.VmaFlag(0)
	for i := firstFrom(as, pages.From); i != 0 && kmem.Vma(i).StartPage < pages.To; i = kmem.Vma(i).Next {
		v := kmem.Vma(i)
		lost |= v.Flags &^ want
		kmem.WriteBegin(&v.Header)
		v.Flags = v.Flags&^(abi.VmaFlagRead|abi.VmaFlagWrite|abi.VmaFlagExec) | want
		kmem.WriteEnd(&v.Header)
	}
	if lost&(abi.VmaFlagRead|abi.VmaFlagWrite|abi.VmaFlagExec) != 0 {
		var leaves uint32
		r := want&(abi.VmaFlagRead|abi.VmaFlagWrite) == 0 && dropRange(as, tableRt, pages, &leaves)
		w := dropRange(as, tableWt, pages, &leaves)
		if lost&abi.VmaFlagExec != 0 {
			as.Live.CodeEpoch.Store(newEpoch())
		}
		if r || w || lost&abi.VmaFlagExec != 0 {
			sched.Shootdown(c.Hart, asIndex)
		}
		freeChain(leaves)
	}
	for i := firstFrom(as, pages.From); i != 0 && kmem.Vma(i).StartPage < pages.To; {
		i = kmem.Vma(mergeAround(as, i)).Next
	}
	return outcome
}

// Covered says whether all of [from, to) is mapped.
func Covered(asIndex abi.AddressSpaceRef, pages Range) bool {
	return CoveredTo(asIndex, pages) == pages.To
}

// SetVmaFlag sets or clears flags on [from, to) (MADV_DONTFORK and its like).
func SetVmaFlag(asIndex abi.AddressSpaceRef, pages Range, flags abi.VmaFlag, on bool) abi.Errno {
	as := kmem.AddressSpace(asIndex)
	if e := cut(as, pages); e != abi.OK {
		return e
	}
	set := abi.VmaFlag(0)
	if on {
		set = flags
	}
	for i := firstFrom(as, pages.From); i != 0 && kmem.Vma(i).StartPage < pages.To; i = kmem.Vma(i).Next {
		setFlags(kmem.Vma(i), flags, set)
		i = mergeAround(as, i)
	}
	return abi.OK
}

// Brk moves the end of the heap to addr and returns where it is then; ERESCHED
// when it is to be asked again.
func Brk(c *sched.Ctx, asIndex abi.AddressSpaceRef, addr uint64) (uint64, abi.Errno) {
	sched.RecordEffect(abi.SyncEffectMemory)
	as := kmem.AddressSpace(asIndex)
	old := as.State.Brk
	if addr < as.State.BrkStart || addr > mmapTop || overHeap(c, as, addr-as.State.BrkStart) {
		return old, abi.OK
	}
	from := uint32((old + uint64(kmem.PageMask)) >> kmem.PageShift)
	to := uint32((addr + uint64(kmem.PageMask)) >> kmem.PageShift)
	if to < from {
		if e := Unmap(c, asIndex, Range{From: to, To: from}); sched.GoesOn(e) {
			return 0, e
		} else if e != abi.OK {
			return old, abi.OK
		}
	} else if to > from {
		if !free(as, Range{From: from, To: to}) || !EnoughMemory(to-from) {
			return old, abi.OK
		}
		m := Mapping{Page: from, Pages: to - from, Flags: abi.VmaFlagRead | abi.VmaFlagWrite | abi.VmaFlagBrk, NoReplace: true}
		if _, e := Map(c, asIndex, &m); e != abi.OK {
			return old, abi.OK
		}
	}
	as.State.Brk = addr
	return addr, abi.OK
}

// Remapping is what mremap(2) is asked for: pages that become so many, to lie at
// Target where Flags say so.
type Remapping struct {
	Old    Range
	Pages  uint32
	Flags  abi.MremapFlag
	Target uint32
}

// Remap is mremap(2) on whole pages of one VMA.
func Remap(c *sched.Ctx, asIndex abi.AddressSpaceRef, r Remapping) (uint32, abi.Errno) {
	sched.RecordEffect(abi.SyncEffectMemory)
	from, oldPages, newPages, flags, target := r.Old.From, r.Old.Pages(), r.Pages, r.Flags, r.Target
	as := kmem.AddressSpace(asIndex)
	mayMove := flags&abi.MREMAP_MAYMOVE != 0
	fixed := flags&abi.MREMAP_FIXED != 0
	keep := flags&abi.MREMAP_DONTUNMAP != 0
	i := find(as, from)
	if i == 0 {
		return 0, abi.EFAULT
	}
	if (fixed || keep) && target < from+oldPages && from < target+newPages {
		return 0, abi.EINVAL
	}
	if !fixed && !keep {
		switch {
		case oldPages > newPages:
			return from, Unmap(c, asIndex, Range{From: from + newPages, To: from + oldPages})
		case oldPages == newPages:
			return from, abi.OK
		}
	}
	v := kmem.Vma(i)
	if from+oldPages > v.EndPage {
		return 0, abi.EFAULT
	}
	if oldPages == 0 && v.Flags&abi.VmaFlagShared == 0 {
		return 0, abi.EINVAL // a second mapping of the same memory, which is nobody else's
	}
	if newPages > oldPages && Promised(v.Flags) && !EnoughMemory(newPages-oldPages) {
		return 0, abi.ENOMEM
	}
	if newPages > oldPages && v.Flags&abi.VmaFlagLocked != 0 {
		if e := mayLock(c, asIndex, uint64(newPages-oldPages), abi.EAGAIN); e != abi.OK {
			return 0, e
		}
	}
	if !fixed && !keep {
		if from+oldPages == v.EndPage && oldPages != 0 && from+newPages <= highPage && free(as, Range{From: v.EndPage, To: from + newPages}) {
			m := Mapping{Page: v.EndPage, Pages: newPages - oldPages, Flags: v.Flags, Inode: v.Inode, Dentry: v.Dentry, NoReplace: true, Moved: true}
			m.FilePage = v.FilePage + (v.EndPage - v.StartPage)
			_, e := Map(c, asIndex, &m)
			if e == abi.EOVERFLOW {
				e = abi.EINVAL
			}
			return from, e
		}
		if !mayMove {
			return 0, abi.ENOMEM
		}
	}
	if oldPages != 0 {
		if e := cut(as, r.Old); e != abi.OK {
			return 0, e
		}
	}
	v = kmem.Vma(find(as, from))
	if !fixed && target == 0 && oldPages >= 2*leafPages {
		target = placeAlike(as, from, newPages)
	}
	m := Mapping{Page: target, Pages: newPages, Flags: v.Flags &^ abi.VmaFlagGrowsDown, Inode: v.Inode, Dentry: v.Dentry, Fixed: fixed, Moved: true}
	m.FilePage = v.FilePage + (from - v.StartPage)
	to, e := Map(c, asIndex, &m)
	if e == abi.EOVERFLOW {
		e = abi.EINVAL
	}
	if e != abi.OK {
		return 0, e
	}
	if !movePages(c, asIndex, RangeOf(from, min(oldPages, newPages)), to) {
		if e := cut(as, RangeOf(to, newPages)); e != abi.OK {
			return 0, e
		}
		deleteVmas(c, asIndex, RangeOf(to, newPages))
		return 0, abi.ENOMEM
	}
	if keep {
		// What is left behind reads as zeros, or as the file, and is not locked.
		return to, SetVmaFlag(asIndex, r.Old, abi.VmaFlagLocked|abi.VmaFlagLockOnFault, false)
	}
	if oldPages == 0 {
		return to, abi.OK
	}
	// It is empty; where it was may have become one mapping with where it is now.
	if e := cut(as, r.Old); e != abi.OK {
		return to, e
	}
	deleteVmas(c, asIndex, r.Old)
	return to, abi.OK
}

// movePages moves what backs pages from one place to another; false, and
// nothing was moved, when there is no memory for page tables. Where both lie
// alike in their leaves, whole leaves move.
func movePages(c *sched.Ctx, asIndex abi.AddressSpaceRef, old Range, to uint32) bool {
	as, from, pages := kmem.AddressSpace(asIndex), old.From, old.Pages()
	if !makeRoom(as, from, to, pages) {
		return false
	}
	var leaves uint32
	r := dropRange(as, tableRt, old, &leaves)
	w := dropRange(as, tableWt, old, &leaves)
	if r || w {
		sched.Shootdown(c.Hart, asIndex)
	}
	freeChain(leaves)
	for k := uint32(0); k < pages; {
		end, some := leafEnd(as, from, k, pages)
		switch {
		case !some:
		case movesWhole(from, to, k, end):
			moveLeaf(as, from+k, to+k)
		default:
			for ; k < end; k++ {
				if pte := pteOf(as, from+k); pte != 0 {
					setPte(as, to+k, pte)
					setPte(as, from+k, 0)
				}
			}
		}
		k = end
	}
	return true
}

// leafEnd is where the part of a page-table leaf ends, below n, in which page
// from+k lies, and whether there is such a leaf.
func leafEnd(as *abi.AddressSpaceSlot, from, k, n uint32) (uint32, bool) {
	p := from + k
	if dirOf(as, tablePt, p) == 0 {
		return min(nextRegion(p)-from, n), false
	}
	return min((p|leafMask)+1-from, n), ptLeaf(as, p) != 0
}

// movesWhole says whether pages from+k to from+end are a leaf, and become one.
func movesWhole(from, to, k, end uint32) bool {
	return (from^to)&leafMask == 0 && end-k == leafPages
}

// makeRoom makes the page tables that movePages wants: a directory for a leaf
// that moves, leaves for single pages.
func makeRoom(as *abi.AddressSpaceSlot, from, to, pages uint32) bool {
	for k := uint32(0); k < pages; {
		end, some := leafEnd(as, from, k, pages)
		switch {
		case !some:
		case movesWhole(from, to, k, end):
			if makeDir(as, tablePt, to+k) == 0 {
				return false
			}
		default:
			for k = nextPresent(as, from, k, end); k < end; k = nextPresent(as, from, k+1, end) {
				if makePtLeaf(as, to+k) == 0 {
					return false
				}
			}
		}
		k = end
	}
	return true
}

// moveLeaf puts the page-table leaf of one page in the place of another's, whose
// words are all 0.
func moveLeaf(as *abi.AddressSpaceSlot, from, to uint32) {
	source := dirSlot(dirOf(as, tablePt, from), from)
	target := dirSlot(dirOf(as, tablePt, to), to)
	if old := kmem.Load32(target); old != 0 {
		kmem.UnrefFrame(old)
	}
	kmem.Store32(target, kmem.Load32(source))
	kmem.Store32(source, 0)
}

// nextPresent is the first k' ≥ k, or n, for which page from+k' has a PT word.
func nextPresent(as *abi.AddressSpaceSlot, from, k, n uint32) uint32 {
	for k < n {
		p := from + k
		switch {
		case dirOf(as, tablePt, p) == 0:
			k = nextRegion(p) - from
		case ptLeaf(as, p) == 0:
			k = (p | leafMask) + 1 - from
		case pteOf(as, p) == 0:
			k++
		default:
			return k
		}
	}
	return n
}

// MapStack makes the main stack of a new program.
func MapStack(c *sched.Ctx, asIndex abi.AddressSpaceRef, exec bool) abi.Errno {
	flags := abi.VmaFlagRead | abi.VmaFlagWrite | abi.VmaFlagGrowsDown | abi.VmaFlagStack
	if exec {
		flags |= abi.VmaFlagExec
	}
	top := uint32(stackTop >> kmem.PageShift)
	m := Mapping{Page: top - initialStackPages, Pages: initialStackPages, Flags: flags, NoReplace: true}
	_, e := Map(c, asIndex, &m)
	return e
}
