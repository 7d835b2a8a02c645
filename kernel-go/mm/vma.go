package mm

import (
	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/kmem"
)

// find is the VMA that contains page, 0 when there is none.
func find(as *abi.AddressSpaceSlot, page uint32) abi.VmaRef {
	if i := as.Live.LastVma; i != 0 {
		v := kmem.Vma(i)
		if page >= v.StartPage && page < v.EndPage {
			return i
		}
	}
	i := firstFrom(as, page)
	if i == 0 || page < kmem.Vma(i).StartPage {
		return 0
	}
	as.Live.LastVma = i
	return i
}

// insert links a VMA in address order and into its inode's list.
func insert(as *abi.AddressSpaceSlot, i abi.VmaRef) {
	next := firstFrom(as, kmem.Vma(i).StartPage)
	prev := abi.VmaRef(0)
	if next != 0 {
		prev = kmem.Vma(next).Prev
	} else {
		prev = lastVma(as)
	}
	insertBetween(as, i, prev, next)
}

// insertBetween is insert for a VMA whose neighbours are known.
func insertBetween(as *abi.AddressSpaceSlot, i, prev, next abi.VmaRef) {
	v := kmem.Vma(i)
	v.Next, v.Prev = next, prev
	if prev != 0 {
		kmem.Vma(prev).Next = i
	} else {
		as.State.VmaHead = i
	}
	if next != 0 {
		kmem.Vma(next).Prev = i
	}
	as.Live.VmaRoot = treeInsert(as.Live.VmaRoot, i)
	as.State.VmaCount++
	linkInode(i)
}

func linkInode(i abi.VmaRef) {
	v := kmem.Vma(i)
	if v.Inode == 0 {
		return
	}
	l := &kmem.Inode(v.Inode).Live
	v.InodePrev, v.InodeNext = 0, l.VmaHead
	if l.VmaHead != 0 {
		kmem.Vma(l.VmaHead).InodePrev = i
	}
	l.VmaHead = i
}

func unlinkInode(i abi.VmaRef) {
	v := kmem.Vma(i)
	if v.Inode == 0 {
		return
	}
	if v.InodePrev != 0 {
		before := kmem.Vma(v.InodePrev)
		kmem.Linked(before.InodeNext == i)
		before.InodeNext = v.InodeNext
	} else {
		l := &kmem.Inode(v.Inode).Live
		kmem.Linked(l.VmaHead == i)
		l.VmaHead = v.InodeNext
	}
	if v.InodeNext != 0 {
		after := kmem.Vma(v.InodeNext)
		kmem.Linked(after.InodePrev == i)
		after.InodePrev = v.InodePrev
	}
	v.InodeNext, v.InodePrev = 0, 0
}

// InodeHold and InodeDrop count mappings as users of an inode, and dentries as
// users of a name. Hooks: boot/wire.go.
var (
	InodeHold  func(inode abi.InodeRef)
	InodeDrop  func(inode abi.InodeRef)
	DentryHold func(dentry abi.DentryRef)
	DentryDrop func(dentry abi.DentryRef)
)

func holdFile(v *abi.VmaSlot) {
	if v.Inode != 0 {
		InodeHold(v.Inode)
	}
	if v.Dentry != 0 {
		DentryHold(v.Dentry)
	}
}

// freeVma gives an unlinked VMA back. Its file goes after it: readers outside
// the kernel follow what a slot in use names.
func freeVma(i abi.VmaRef) {
	v := kmem.Vma(i)
	inode, dentry := v.Inode, v.Dentry
	kmem.Free(i)
	if inode != 0 {
		InodeDrop(inode)
	}
	if dentry != 0 {
		DentryDrop(dentry)
	}
}

// deleteVma unlinks and frees a VMA whose pages are gone.
func deleteVma(as *abi.AddressSpaceSlot, i abi.VmaRef) {
	v := kmem.Vma(i)
	as.State.MappedPages -= uint64(v.EndPage - v.StartPage)
	unlinkVma(as, i)
	freeVma(i)
}

func unlinkVma(as *abi.AddressSpaceSlot, i abi.VmaRef) {
	v := kmem.Vma(i)
	unlinkInode(i)
	if v.Prev != 0 {
		before := kmem.Vma(v.Prev)
		kmem.Linked(before.Next == i)
		before.Next = v.Next
	} else {
		kmem.Linked(as.State.VmaHead == i)
		as.State.VmaHead = v.Next
	}
	if v.Next != 0 {
		after := kmem.Vma(v.Next)
		kmem.Linked(after.Prev == i)
		after.Prev = v.Prev
	}
	as.Live.VmaRoot = treeRemove(as.Live.VmaRoot, i)
	if as.Live.LastVma == i {
		as.Live.LastVma = 0
	}
	as.State.VmaCount--
}

// split cuts VMA i at page, which lies inside it; the new VMA is the upper part.
func split(as *abi.AddressSpaceSlot, i abi.VmaRef, page uint32) abi.Errno {
	if as.State.VmaCount >= uint32(abi.LimitMapCount) {
		return abi.ENOMEM
	}
	n := kmem.Alloc[abi.VmaRef]()
	if n == 0 {
		return abi.ENOMEM
	}
	v, w := kmem.Vma(i), kmem.Vma(n)
	kmem.WriteBegin(&w.Header)
	w.StartPage, w.EndPage = page, v.EndPage
	w.Flags, w.Inode, w.As, w.Dentry = v.Flags, v.Inode, v.As, v.Dentry
	w.FilePage = v.FilePage + (page - v.StartPage)
	kmem.WriteEnd(&w.Header)
	holdFile(w)
	kmem.WriteBegin(&v.Header)
	v.EndPage = page
	kmem.WriteEnd(&v.Header)
	insertBetween(as, n, i, v.Next)
	return abi.OK
}

// cut makes from and to VMA boundaries.
func cut(as *abi.AddressSpaceSlot, pages Range) abi.Errno {
	if i := find(as, pages.From); i != 0 && kmem.Vma(i).StartPage < pages.From {
		if e := split(as, i, pages.From); e != abi.OK {
			return e
		}
	}
	if pages.To < highPage {
		if i := find(as, pages.To); i != 0 && kmem.Vma(i).StartPage < pages.To {
			return split(as, i, pages.To)
		}
	}
	return abi.OK
}

// mergeable says whether VMA b continues VMA a.
func mergeable(a, b *abi.VmaSlot) bool {
	return a.EndPage == b.StartPage && (a.Flags^b.Flags)&^abi.VmaFlagCopied == 0 && a.Inode == b.Inode && a.Dentry == b.Dentry &&
		a.Flags&abi.VmaFlagGrowsDown == 0 && (a.Inode == 0 || a.FilePage+(a.EndPage-a.StartPage) == b.FilePage)
}

// mergeAround joins VMA i with its neighbours where they are alike, and
// returns the VMA that then holds its pages.
func mergeAround(as *abi.AddressSpaceSlot, i abi.VmaRef) abi.VmaRef {
	if p := kmem.Vma(i).Prev; p != 0 && mergeable(kmem.Vma(p), kmem.Vma(i)) {
		absorb(as, p, i)
		i = p
	}
	if n := kmem.Vma(i).Next; n != 0 && mergeable(kmem.Vma(i), kmem.Vma(n)) {
		absorb(as, i, n)
	}
	return i
}

func absorb(as *abi.AddressSpaceSlot, i, next abi.VmaRef) {
	v, n := kmem.Vma(i), kmem.Vma(next)
	kmem.WriteBegin(&v.Header)
	v.EndPage, v.Flags = n.EndPage, v.Flags|n.Flags
	kmem.WriteEnd(&v.Header)
	unlinkVma(as, next)
	freeVma(next)
}

// free says whether pages [from, to) hold no mapping.
func free(as *abi.AddressSpaceSlot, pages Range) bool {
	i := firstFrom(as, pages.From)
	return i == 0 || kmem.Vma(i).StartPage >= pages.To
}
