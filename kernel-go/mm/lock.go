package mm

import (
	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/cred"
	"foreshore.dev/kernel/kmem"
	"foreshore.dev/kernel/sched"
)

// Nothing is ever swapped out. What locking memory means here is what programs
// can see of it: the pages are there, and some calls refuse them.

const lockFlags = abi.VmaFlagLocked | abi.VmaFlagLockOnFault

// LockFlags are the VMA flags of locked memory whose pages come in at once, or
// when they are touched.
func LockFlags(onFault bool) abi.VmaFlag {
	if onFault {
		return lockFlags
	}
	return abi.VmaFlagLocked
}

// mayLock says whether `more` further pages may be locked: EPERM for who may lock
// none, `over` beyond RLIMIT_MEMLOCK.
func mayLock(c *sched.Ctx, asIndex abi.AddressSpaceRef, more uint64, over abi.Errno) abi.Errno {
	limit := limitOf(c, kmem.AddressSpace(asIndex), abi.RLIMIT_MEMLOCK)
	switch {
	case limit >= unlimited || cred.Has(c, abi.CAP_IPC_LOCK):
		return abi.OK
	case limit == 0:
		return abi.EPERM
	case lockedPages(asIndex, Range{From: 0, To: highPage})+more > limit:
		return over
	}
	return abi.OK
}

// Lock gives pages [from, to) one of LockFlags, or takes them away (0), and
// brings the pages in (mlock(2)). ENOMEM where there is a hole, or no access;
// what lies before it is locked all the same, as on Linux. EBLOCKED when
// a page's bytes must come in first.
func Lock(c *sched.Ctx, asIndex abi.AddressSpaceRef, pages Range, flags abi.VmaFlag) abi.Errno {
	as := kmem.AddressSpace(asIndex)
	if flags != 0 {
		if e := mayLock(c, asIndex, uint64(pages.To-pages.From)-lockedPages(asIndex, pages), abi.ENOMEM); e != abi.OK {
			return e
		}
	}
	end := CoveredTo(asIndex, pages)
	if pages.From < end {
		if e := cut(as, Range{From: pages.From, To: end}); e != abi.OK {
			return e
		}
		for i := firstFrom(as, pages.From); i != 0 && kmem.Vma(i).StartPage < end; i = kmem.Vma(i).Next {
			setFlags(kmem.Vma(i), lockFlags, flags)
			i = mergeAround(as, i)
		}
	}
	if flags == abi.VmaFlagLocked {
		if e := Populate(c, asIndex, Range{From: pages.From, To: end}); sched.GoesOn(e) {
			return e
		} else if e != abi.OK {
			return abi.ENOMEM
		}
	}
	if end < pages.To {
		return abi.ENOMEM
	}
	return abi.OK
}

// LockAll is mlockall(2): now of what is mapped, later of what will be; 0 for neither.
func LockAll(c *sched.Ctx, asIndex abi.AddressSpaceRef, now, later abi.VmaFlag) abi.Errno {
	as := kmem.AddressSpace(asIndex)
	if now|later != 0 {
		more := uint64(0)
		if now != 0 {
			more = as.State.MappedPages - lockedPages(asIndex, Range{From: 0, To: highPage})
		}
		if e := mayLock(c, asIndex, more, abi.ENOMEM); e != abi.OK {
			return e
		}
	}
	as.Live.MapFlags = later
	if now == 0 && later != 0 {
		return abi.OK
	}
	for i := as.State.VmaHead; i != 0; i = kmem.Vma(i).Next {
		setFlags(kmem.Vma(i), lockFlags, now)
		i = mergeAround(as, i)
	}
	if now != abi.VmaFlagLocked {
		return abi.OK
	}
	for i := as.State.VmaHead; i != 0; i = kmem.Vma(i).Next {
		v := kmem.Vma(i)
		// Pages without access, or without memory, are left out.
		if e := Populate(c, asIndex, Range{From: v.StartPage, To: v.EndPage}); sched.GoesOn(e) {
			return e
		}
	}
	return abi.OK
}

// LockedPages is how many pages of an address space are locked.
func LockedPages(asIndex abi.AddressSpaceRef) uint64 {
	return lockedPages(asIndex, Range{From: 0, To: highPage})
}

func lockedPages(asIndex abi.AddressSpaceRef, pages Range) uint64 {
	n := uint64(0)
	for i := firstFrom(kmem.AddressSpace(asIndex), pages.From); i != 0 && kmem.Vma(i).StartPage < pages.To; i = kmem.Vma(i).Next {
		if v := kmem.Vma(i); v.Flags&abi.VmaFlagLocked != 0 {
			n += uint64(min(v.EndPage, pages.To) - max(v.StartPage, pages.From))
		}
	}
	return n
}

// setFlags replaces some flags of a VMA.
func setFlags(v *abi.VmaSlot, mask, flags abi.VmaFlag) {
	kmem.WriteBegin(&v.Header)
	v.Flags = v.Flags&^mask | flags
	kmem.WriteEnd(&v.Header)
}

// Populate brings in the pages of mappings in [from, to): those of private
// memory that may be written as copies of its own. EFAULT where there is no
// access, EBLOCKED when a page's bytes must come in first, ERESCHED when others
// are to have a turn.
func Populate(c *sched.Ctx, asIndex abi.AddressSpaceRef, pages Range) abi.Errno {
	as := kmem.AddressSpace(asIndex)
	for i := firstFrom(as, pages.From); i != 0 && kmem.Vma(i).StartPage < pages.To; i = kmem.Vma(i).Next {
		v := kmem.Vma(i)
		access := Read
		if v.Flags&(abi.VmaFlagWrite|abi.VmaFlagShared) == abi.VmaFlagWrite {
			access = Write
		}
		if f := PopulateAs(c, asIndex, Range{From: max(pages.From, v.StartPage), To: min(pages.To, v.EndPage)}, access); f.Err != abi.OK {
			return f.Err
		}
	}
	return abi.OK
}

// populatePages is after how many pages that were brought in others may have a turn.
const populatePages = 256

// PopulateAs makes pages accessible for one kind of access; it stops
// at the first that is not. ERESCHED when it is to be called again, for others to
// have a turn.
func PopulateAs(c *sched.Ctx, asIndex abi.AddressSpaceRef, pages Range, access Access) Fault {
	as := kmem.AddressSpace(asIndex)
	done := 0
	for p := pages.From; p < pages.To; p++ {
		pte := pteOf(as, p)
		if pte&ptePresent != 0 && (access == Read || pte&(pteCow|pteAnon) == pteAnon) {
			continue
		}
		if f := HandleFault(c, asIndex, uint64(p)<<kmem.PageShift, access); f.Err != abi.OK {
			return f
		}
		if done++; done%populatePages == 0 && sched.Overdue(c) {
			return Fault{Err: abi.ERESCHED}
		}
	}
	return faultOK
}

// CoveredTo is where the mappings that begin at `from` without a hole end, at most `to`.
func CoveredTo(asIndex abi.AddressSpaceRef, pages Range) uint32 {
	as := kmem.AddressSpace(asIndex)
	p := pages.From
	for i := find(as, p); i != 0 && p < pages.To && kmem.Vma(i).StartPage <= p; i = kmem.Vma(i).Next {
		p = kmem.Vma(i).EndPage
	}
	return min(p, pages.To)
}

// FirstWith is the first page of [from, to) that lies in a mapping with one of
// the flags, `to` when there is none.
func FirstWith(asIndex abi.AddressSpaceRef, pages Range, flags abi.VmaFlag) uint32 {
	for i := firstFrom(kmem.AddressSpace(asIndex), pages.From); i != 0 && kmem.Vma(i).StartPage < pages.To; i = kmem.Vma(i).Next {
		if kmem.Vma(i).Flags&flags != 0 {
			return max(pages.From, kmem.Vma(i).StartPage)
		}
	}
	return pages.To
}

// First is the first mapping that ends above a page, 0 when there is none.
func First(asIndex abi.AddressSpaceRef, page uint32) abi.VmaRef {
	return firstFrom(kmem.AddressSpace(asIndex), page)
}

// MappingAt is the mapping of a page and its end; nil and where the next begins
// (the end of all addresses when none does) for a page without one.
func MappingAt(asIndex abi.AddressSpaceRef, page uint32) (*abi.VmaSlot, uint32) {
	i := firstFrom(kmem.AddressSpace(asIndex), page)
	if i == 0 {
		return nil, highPage
	}
	v := kmem.Vma(i)
	if v.StartPage > page {
		return nil, v.StartPage
	}
	return v, v.EndPage
}
