package mm

import (
	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/kmem"
	"foreshore.dev/kernel/pagecache"
	"foreshore.dev/kernel/sched"
)

// Access is what a faulting access wanted.
type Access uint32

// Kinds of access.
const (
	Read Access = iota
	Write
	Exec
)

// Fault is the outcome of a page fault: Err is OK (make the access again),
// EBLOCKED (the thread waits for a page), ENOMEM (no frame to be had), or
// EFAULT, and then Signal and Code say what a guest gets for it.
type Fault struct {
	Err    abi.Errno
	Signal abi.Signal
	Code   int32
}

var (
	faultOK     = Fault{}
	faultMapErr = Fault{abi.EFAULT, abi.SIGSEGV, int32(abi.SEGV_MAPERR)}
	faultAccErr = Fault{abi.EFAULT, abi.SIGSEGV, int32(abi.SEGV_ACCERR)}
	faultBus    = Fault{abi.EFAULT, abi.SIGBUS, int32(abi.BUS_ADRERR)}
)

func faultErr(e abi.Errno) Fault {
	if e == abi.EIO {
		// The page's source failed: what Linux does for a read error.
		return faultBus
	}
	return Fault{Err: e, Signal: abi.SIGBUS, Code: int32(abi.BUS_ADRERR)}
}

// HandleFault makes the page of va accessible, or says why it cannot be.
func HandleFault(c *sched.Ctx, asIndex abi.AddressSpaceRef, va uint64, access Access) Fault {
	kmem.Header().Counters.Faults++
	if va >= UserEnd {
		return faultMapErr
	}
	as := kmem.AddressSpace(asIndex)
	page := uint32(va >> kmem.PageShift)
	i := find(as, page)
	if i == 0 {
		// A stack grows by its own threads' use: not by who looks into another process.
		if asIndex != c.As && asIndex != c.Filling {
			return faultMapErr
		}
		if i = growStack(as, c, page); i == 0 {
			return faultMapErr
		}
	}
	v := kmem.Vma(i)
	switch access {
	case Read:
		// RISC-V has no write-only pages: PROT_WRITE implies reading.
		if v.Flags&(abi.VmaFlagRead|abi.VmaFlagWrite) == 0 {
			return faultAccErr
		}
	case Write:
		if v.Flags&abi.VmaFlagWrite == 0 {
			return faultAccErr
		}
	case Exec:
		if v.Flags&abi.VmaFlagExec == 0 {
			return faultAccErr
		}
	}
	pte := pteOf(as, page)
	if pte&ptePresent == 0 {
		f := populate(c, v, page, access == Write)
		if f.Err != abi.OK {
			return f
		}
		pte = pteOf(as, page)
		if access == Write && v.Flags&abi.VmaFlagShared != 0 && v.Inode != 0 {
			modified(v.Inode)
		}
	}
	if access == Write {
		if pte&pteCow != 0 {
			var e abi.Errno
			if pte, e = breakCow(c, as, page, pte); e != abi.OK {
				return faultErr(e)
			}
		}
		frame := pte &^ pteMask
		if kmem.Frame(frame).Code.Load() != 0 {
			kmem.DropCode(frame)
		}
		if pte&pteAnon == 0 {
			pagecache.MarkDirty(frame)
		}
	}
	if !publish(v, page, pte, access == Write) {
		return faultErr(abi.ENOMEM)
	}
	if v.Inode != 0 && v.Flags&abi.VmaFlagWrite == 0 {
		faultAround(as, v, page)
	}
	return faultOK
}

// modified sets a file's times after a store through a mapping. As for Linux's
// tmpfs, where a page that was read is writable as well and its stores are not
// seen, only the first touch of a page counts.
func modified(inode abi.InodeRef) {
	in := kmem.Inode(inode)
	now := sched.RealNs()
	kmem.WriteBegin(&in.Header)
	in.State.CtimeNs, in.State.MtimeNs = now, now
	in.State.ChangeSeq.Add(1)
	kmem.WriteEnd(&in.Header)
}

// aroundPages is how many pages one fault makes accessible at most.
const aroundPages = 16

// faultAround maps the pages beside one that was touched whose bytes are in the
// page cache already: a program's text and tables come in by dozens of pages,
// and most of these faults would only look up what is there. Pages that may be
// written are left out, since a copy that follows would cost more than it saved.
func faultAround(as *abi.AddressSpaceSlot, v *abi.VmaSlot, page uint32) {
	first := max(page&^(aroundPages-1), v.StartPage)
	last := min(page|(aroundPages-1), v.EndPage-1)
	size := kmem.Inode(v.Inode).State.Size
	for p := first; p <= last; p++ {
		index := v.FilePage + (p - v.StartPage)
		if p == page || uint64(index)<<kmem.PageShift >= size || pteOf(as, p) != 0 {
			continue
		}
		frame := pagecache.Lookup(v.Inode, index)
		if frame == 0 {
			continue
		}
		pte := frame | ptePresent
		if v.Flags&abi.VmaFlagShared == 0 {
			pte |= pteCow
		}
		if !setPte(as, p, pte) {
			return
		}
		kmem.RefFrame(frame)
		as.State.ResidentPages++
		if !publish(v, p, pte, false) {
			return
		}
	}
}

// publish puts what is allowed into RT and WT.
func publish(v *abi.VmaSlot, page, pte uint32, wrote bool) bool {
	as := kmem.AddressSpace(v.As)
	word := entry(pte&^pteMask, page)
	if v.Flags&(abi.VmaFlagRead|abi.VmaFlagWrite) != 0 && !install(as, tableRt, page, word) {
		return false
	}
	if wrote {
		return install(as, tableWt, page, word)
	}
	return true
}

// populate gives a page its frame for the first time.
func populate(c *sched.Ctx, v *abi.VmaSlot, page uint32, write bool) Fault {
	as := kmem.AddressSpace(v.As)
	pte := ptePresent
	if v.Inode != 0 {
		index := v.FilePage + (page - v.StartPage)
		in := kmem.Inode(v.Inode)
		if uint64(index)<<kmem.PageShift >= in.State.Size {
			return faultBus
		}
		frame, e := pagecache.Get(c, v.Inode, index, true)
		if e != abi.OK {
			return faultErr(e)
		}
		if v.Flags&abi.VmaFlagShared != 0 || !write {
			if v.Flags&abi.VmaFlagShared == 0 {
				pte |= pteCow
			}
			kmem.RefFrame(frame)
			pte |= frame
		} else {
			// The cache frame stays where it is while we allocate: reclaim
			// takes only frames without other references.
			kmem.RefFrame(frame)
			own := kmem.AllocUserFrame(abi.FrameTypeAnon, false)
			if own != 0 {
				kmem.Copy(own, frame, kmem.PageSize)
			}
			kmem.UnrefFrame(frame)
			if own == 0 {
				return faultErr(abi.ENOMEM)
			}
			pte |= own | pteAnon
			setFlags(v, 0, abi.VmaFlagCopied)
		}
	} else if write {
		own := kmem.AllocUserFrame(abi.FrameTypeAnon, true)
		if own == 0 {
			return faultErr(abi.ENOMEM)
		}
		pte |= own | pteAnon
	} else {
		pte |= kmem.ZeroFrame() | pteAnon | pteCow
	}
	if !setPte(as, page, pte) {
		releasePte(pte)
		return faultErr(abi.ENOMEM)
	}
	as.State.ResidentPages++
	as.State.AnonPages += anonPages(pte)
	return faultOK
}

// anonPages is 1 for a PT word whose frame is memory of processes alone, else 0.
func anonPages(pte uint32) uint32 {
	if pte&pteAnon != 0 && pte&^pteMask != kmem.ZeroFrame() {
		return 1
	}
	return 0
}

// releasePte drops the reference that a PT word holds.
func releasePte(pte uint32) {
	if frame := pte &^ pteMask; frame != kmem.ZeroFrame() {
		kmem.UnrefFrame(frame)
	}
}

// breakCow gives the page a frame of its own that may be written.
func breakCow(c *sched.Ctx, as *abi.AddressSpaceSlot, page, pte uint32) (uint32, abi.Errno) {
	frame := pte &^ pteMask
	if pte&pteAnon != 0 && frame != kmem.ZeroFrame() && kmem.Frame(frame).Refs == 1 {
		pte &^= pteCow
		setPte(as, page, pte)
		return pte, abi.OK
	}
	zero := frame == kmem.ZeroFrame()
	own := kmem.AllocUserFrame(abi.FrameTypeAnon, zero)
	if own == 0 {
		return 0, abi.ENOMEM
	}
	if !zero {
		kmem.Copy(own, frame, kmem.PageSize)
		kmem.Header().Counters.CowCopies++
	}
	// Other harts of this address space may read the old frame right now;
	// it must stay what it is until they no longer can.
	if remove(as, tableRt, page) {
		sched.Shootdown(c.Hart, asIndexOf(as))
	}
	if pte&pteAnon == 0 {
		// A file page that was mapped for execution gets another frame.
		as.Live.CodeEpoch.Store(newEpoch())
		setFlags(kmem.Vma(find(as, page)), 0, abi.VmaFlagCopied)
	}
	releasePte(pte)
	as.State.AnonPages += 1 - anonPages(pte)
	pte = own | ptePresent | pteAnon
	setPte(as, page, pte)
	return pte, abi.OK
}

// asIndexOf is the slot index of an address space.
func asIndexOf(as *abi.AddressSpaceSlot) abi.AddressSpaceRef {
	t := kmem.Table(abi.SlotKindAddressSpace)
	return abi.AddressSpaceRef((addrOf(as) - t.Base) / t.Stride)
}

// growStack extends a stack VMA down to page when that is allowed.
func growStack(as *abi.AddressSpaceSlot, c *sched.Ctx, page uint32) abi.VmaRef {
	i := firstFrom(as, page)
	if i == 0 {
		return 0
	}
	v := kmem.Vma(i)
	if v.Flags&abi.VmaFlagGrowsDown == 0 || page >= v.StartPage {
		return 0
	}
	limit := uint64(defaultStackBytes)
	if c.Process != 0 {
		limit = c.P().State.Rlimits[abi.RLIMIT_STACK].Cur
	}
	if uint64(v.EndPage-page)<<kmem.PageShift > limit {
		return 0
	}
	if v.Prev != 0 && kmem.Vma(v.Prev).EndPage+stackGuardPages > page && kmem.Vma(v.Prev).Flags&(abi.VmaFlagRead|abi.VmaFlagWrite|abi.VmaFlagExec) != 0 {
		return 0
	}
	if overLimit(c, as, v.StartPage-page, v.Flags) {
		return 0
	}
	as.State.MappedPages += uint64(v.StartPage - page)
	kmem.WriteBegin(&v.Header)
	v.StartPage = page
	kmem.WriteEnd(&v.Header)
	treeRefresh(as.Live.VmaRoot, i)
	return i
}

// ExecFrame is the frame that holds the instructions at va: the CPU asks when
// its code TLB misses. A frame that is about to hold decoded code loses all
// write translations first, so that every store to it becomes a fault.
func ExecFrame(c *sched.Ctx, asIndex abi.AddressSpaceRef, va uint64) (uint32, Fault) {
	if va >= UserEnd {
		return 0, faultMapErr
	}
	as := kmem.AddressSpace(asIndex)
	page := uint32(va >> kmem.PageShift)
	i := find(as, page)
	if i == 0 || kmem.Vma(i).Flags&abi.VmaFlagExec == 0 || pteOf(as, page)&ptePresent == 0 {
		if f := HandleFault(c, asIndex, va, Exec); f.Err != abi.OK {
			return 0, f
		}
	}
	pte := pteOf(as, page)
	frame := pte &^ pteMask
	if frame == kmem.ZeroFrame() {
		// Zeros are no instructions, but decoding needs a frame of its own.
		pte, e := breakCow(c, as, page, pte)
		if e != abi.OK {
			return 0, faultErr(e)
		}
		frame = pte &^ pteMask
	}
	if kmem.Frame(frame).Code.Load() == 0 {
		protectFrame(c, asIndex, page, pte)
	}
	return frame, faultOK
}

// protectFrame removes the write translations of a frame.
func protectFrame(c *sched.Ctx, asIndex abi.AddressSpaceRef, page, pte uint32) {
	if pte&pteAnon != 0 {
		// Private frames with write translations have exactly one mapping:
		// a second one would have made both copy-on-write.
		if remove(kmem.AddressSpace(asIndex), tableWt, page) {
			sched.Shootdown(c.Hart, asIndex)
		}
		return
	}
	f := kmem.Frame(pte &^ pteMask)
	for i := kmem.Inode(f.Inode).Live.VmaHead; i != 0; i = kmem.Vma(i).InodeNext {
		v := kmem.Vma(i)
		if v.Flags&abi.VmaFlagShared == 0 || f.Page < v.FilePage || f.Page-v.FilePage >= v.EndPage-v.StartPage {
			continue
		}
		if remove(kmem.AddressSpace(v.As), tableWt, v.StartPage+(f.Page-v.FilePage)) {
			sched.Shootdown(c.Hart, v.As)
		}
	}
}
