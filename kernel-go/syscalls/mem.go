package syscalls

import (
	"unsafe"

	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/cred"
	"foreshore.dev/kernel/file"
	"foreshore.dev/kernel/kmem"
	"foreshore.dev/kernel/mm"
	"foreshore.dev/kernel/pagecache"
	"foreshore.dev/kernel/sched"
	"foreshore.dev/kernel/vfs"
)

const (
	topAddress = mm.UserEnd
	// minAddress is vm.mmap_min_addr: what lies below is root's only.
	minAddress = 1 << 16
)

// pagesOf is the page range of [addr, addr+len): EINVAL when addr is not page
// aligned, ENOMEM when the range leaves the address space.
func pagesOf(addr, length uint64) (mm.Range, abi.Errno) {
	mask := uint64(kmem.PageMask)
	if addr&mask != 0 {
		return mm.Range{}, abi.EINVAL
	}
	if addr > topAddress || length > topAddress-addr {
		return mm.Range{}, abi.ENOMEM
	}
	return mm.Range{From: uint32(addr >> kmem.PageShift), To: uint32((addr + length + mask) >> kmem.PageShift)}, abi.OK
}

// Flags that MAP_SHARED_VALIDATE knows of a file without further ones (Linux's
// LEGACY_MAP_MASK): MAP_SYNC and MAP_FIXED_NOREPLACE are not among them.
const legacyMapFlags = abi.MAP_TYPE | abi.MAP_FIXED | abi.MAP_ANONYMOUS | abi.MAP_DENYWRITE | abi.MAP_EXECUTABLE | abi.MAP_UNINITIALIZED |
	abi.MAP_GROWSDOWN | abi.MAP_LOCKED | abi.MAP_NORESERVE | abi.MAP_POPULATE | abi.MAP_NONBLOCK | abi.MAP_STACK | abi.MAP_HUGETLB

// mapFlags are the VMA flags that flags of mmap(2) ask for.
func mapFlags(flags abi.MapFlag, file bool) (abi.VmaFlag, abi.Errno) {
	f := abi.VmaFlag(0)
	switch abi.MapFlag(flags & abi.MAP_TYPE) {
	case abi.MAP_PRIVATE:
	case abi.MAP_SHARED:
		f |= abi.VmaFlagShared
	case abi.MAP_SHARED_VALIDATE:
		if !file {
			return 0, abi.EINVAL
		}
		if flags&^legacyMapFlags != 0 {
			return 0, abi.EOPNOTSUPP
		}
		f |= abi.VmaFlagShared
	default:
		return 0, abi.EINVAL
	}
	if flags&abi.MAP_GROWSDOWN != 0 {
		if file || f&abi.VmaFlagShared != 0 {
			return 0, abi.EINVAL
		}
		f |= abi.VmaFlagGrowsDown
	}
	if flags&abi.MAP_LOCKED != 0 {
		f |= mm.LockFlags(false)
	}
	if flags&abi.MAP_NORESERVE != 0 {
		f |= abi.VmaFlagNoReserve
	}
	return f, abi.OK
}

func sysMmap(c *sched.Ctx) (uint64, abi.Errno) {
	addr, length, prot, flags, pos := c.Arg(0), c.Arg(1), abi.Prot(c.Arg(2)), abi.MapFlag(c.Arg(3)), c.Arg(5)
	mask := uint64(kmem.PageMask)
	if w := c.T().State.Blocked.MapWait(); w.Made != 0 {
		return filled(c, w.Page, uint32((length+mask)>>kmem.PageShift))
	}
	if pos&mask != 0 {
		return 0, abi.EINVAL
	}
	ofd := abi.OfdRef(0)
	if flags&abi.MAP_ANONYMOUS == 0 {
		// Before anything that is wrong with the range, as on Linux.
		var e abi.Errno
		if ofd, e = file.Get(c, fdArg(c, 4)); e != abi.OK {
			return 0, e
		}
	}
	if length == 0 {
		return 0, abi.EINVAL
	}
	if flags&abi.MAP_HUGETLB != 0 {
		// There is no pool of huge pages, nor a file system of them.
		if ofd != 0 {
			return 0, abi.EINVAL
		}
		return 0, abi.ENOMEM
	}
	if length > topAddress {
		return 0, abi.ENOMEM
	}
	m := mappingOf(c)
	*m = mm.Mapping{}
	m.Pages = uint32((length + mask) >> kmem.PageShift)
	m.NoReplace = flags&abi.MAP_FIXED_NOREPLACE != 0
	m.Fixed = flags&abi.MAP_FIXED != 0 && !m.NoReplace
	if m.Fixed || m.NoReplace {
		if addr&mask != 0 {
			return 0, abi.EINVAL
		}
		if addr > topAddress || length > topAddress-addr {
			return 0, abi.ENOMEM
		}
		if addr < minAddress && !cred.Has(c, abi.CAP_SYS_RAWIO) {
			return 0, abi.EPERM
		}
	}
	if addr < topAddress {
		m.Page = uint32(addr >> kmem.PageShift)
	}
	var e abi.Errno
	if m.Flags, e = mapFlags(flags, ofd != 0); e != abi.OK {
		return 0, e
	}
	m.Flags |= mm.ProtFlags(prot)
	if ofd != 0 {
		if e := file.Map(m, ofd, prot, pos); e != abi.OK {
			return 0, e
		}
	} else {
		m.Flags |= abi.VmaFlagMaybeWrite
	}
	if m.Inode == 0 && (m.Flags&(abi.VmaFlagWrite|abi.VmaFlagShared) != 0) && m.Flags&abi.VmaFlagNoReserve == 0 && !mm.EnoughMemory(m.Pages) {
		return 0, abi.ENOMEM
	}
	anon := abi.InodeRef(0)
	if m.Inode == 0 && m.Flags&abi.VmaFlagShared != 0 {
		if anon = vfs.NewInode(abi.FsTypeAnon, abi.S_IFREG|0o600, 0, 0); anon == 0 {
			return 0, abi.ENOMEM
		}
		pagecache.SetSize(c, anon, uint64(m.Pages)<<kmem.PageShift)
		m.Inode = anon
	}
	page, e := mm.Map(c, c.As, m)
	if anon != 0 {
		vfs.DropInode(anon)
	}
	if e != abi.OK {
		return 0, e
	}
	if ofd != 0 && m.Dentry != 0 && kmem.Ofd(ofd).State.Flags&abi.O_NOATIME == 0 {
		vfs.Accessed(m.Inode)
	}
	if flags&abi.MAP_POPULATE != 0 && flags&abi.MAP_NONBLOCK == 0 || isLocked(c, mm.RangeOf(page, m.Pages)) {
		return filled(c, page, m.Pages)
	}
	return uint64(page) << kmem.PageShift, abi.OK
}

const _ = unsafe.Sizeof(kmem.Scratch{}.Mapping) - unsafe.Sizeof(mm.Mapping{})

// mappingOf is what the mmap(2) in progress asks for.
func mappingOf(c *sched.Ctx) *mm.Mapping {
	return (*mm.Mapping)(unsafe.Pointer(&kmem.ScratchOf(c.Hart).Mapping))
}

// filled is the end of an mmap(2) whose pages come in at once: what cannot be had
// is left for faults.
func filled(c *sched.Ctx, page, pages uint32) (uint64, abi.Errno) {
	switch mm.Populate(c, c.As, mm.RangeOf(page, pages)) {
	case abi.EBLOCKED:
		sched.CancelWaits(c)
	case abi.ERESCHED:
		*c.T().State.Blocked.MapWait() = abi.MapWait{Page: page, Made: 1}
		return 0, abi.ERESCHED
	}
	return uint64(page) << kmem.PageShift, abi.OK
}

// isLocked says whether the pages of a range are locked from their first moment on.
func isLocked(c *sched.Ctx, pages mm.Range) bool {
	return mm.FirstWith(c.As, pages, abi.VmaFlagLocked) < pages.To && mm.FirstWith(c.As, pages, abi.VmaFlagLockOnFault) == pages.To
}

func sysMunmap(c *sched.Ctx) (uint64, abi.Errno) {
	pages, e := pagesOf(c.Arg(0), c.Arg(1))
	if e != abi.OK || pages.Pages() == 0 {
		return 0, abi.EINVAL
	}
	return 0, mm.Unmap(c, c.As, pages)
}

func sysMprotect(c *sched.Ctx) (uint64, abi.Errno) {
	prot := abi.Prot(c.Arg(2))
	if prot&^(abi.PROT_READ|abi.PROT_WRITE|abi.PROT_EXEC|abi.PROT_GROWSDOWN|abi.PROT_GROWSUP) != 0 {
		return 0, abi.EINVAL
	}
	pages, e := pagesOf(c.Arg(0), c.Arg(1))
	if e != abi.OK || pages.Pages() == 0 {
		return 0, e
	}
	return 0, mm.Protect(c, c.As, pages, prot)
}

func sysMremap(c *sched.Ctx) (uint64, abi.Errno) {
	flags := abi.MremapFlag(c.Arg(3))
	fixed, keep := flags&abi.MREMAP_FIXED != 0, flags&abi.MREMAP_DONTUNMAP != 0
	if flags&^(abi.MREMAP_MAYMOVE|abi.MREMAP_FIXED|abi.MREMAP_DONTUNMAP) != 0 || (fixed || keep) && flags&abi.MREMAP_MAYMOVE == 0 {
		return 0, abi.EINVAL
	}
	old, e := pagesOf(c.Arg(0), c.Arg(1))
	if e != abi.OK || c.Arg(2) == 0 {
		return 0, abi.EINVAL
	}
	if c.Arg(2) > topAddress {
		if fixed || keep {
			return 0, abi.EINVAL
		}
		return 0, abi.ENOMEM
	}
	pages := uint32((c.Arg(2) + uint64(kmem.PageMask)) >> kmem.PageShift)
	if keep && pages != old.Pages() {
		return 0, abi.EINVAL
	}
	target := mm.Range{}
	if fixed || keep {
		if target, e = pagesOf(c.Arg(4), c.Arg(2)); e != abi.OK {
			return 0, abi.EINVAL
		}
	}
	page, e := mm.Remap(c, c.As, mm.Remapping{Old: old, Pages: pages, Flags: flags, Target: target.From})
	if e == abi.OK && pages > old.Pages() {
		// As many as there is time for; the others come when they are touched.
		if more := (mm.Range{From: page + old.Pages(), To: page + pages}); isLocked(c, more) && mm.Populate(c, c.As, more) == abi.EBLOCKED {
			sched.CancelWaits(c)
		}
	}
	return uint64(page) << kmem.PageShift, e
}

func sysBrk(c *sched.Ctx) (uint64, abi.Errno) { return mm.Brk(c, c.As, c.Arg(0)) }

func sysMincore(c *sched.Ctx) (uint64, abi.Errno) {
	pages, e := pagesOf(c.Arg(0), c.Arg(1))
	if e != abi.OK {
		return 0, e
	}
	if !mm.Covered(c.As, pages) {
		return 0, abi.ENOMEM
	}
	b := &c.T().State.Blocked
	for done := uint32(b.Progress); pages.From+done < pages.To; {
		n := min(pages.Pages()-done, kmem.PageSize)
		mm.Resident(c.As, pages.From+done, n, c.Page)
		if e := mm.CopyOut(c, c.Arg(2)+uint64(done), c.InPage(n)); e != abi.OK {
			return 0, e
		}
		done += n
		b.Progress = uint64(done)
		if sched.Overdue(c) {
			return 0, abi.ERESCHED
		}
	}
	return 0, abi.OK
}

// hwprobe keys and values (uapi asm/hwprobe.h).
const (
	hwprobeMvendorid    = 0
	hwprobeMarchid      = 1
	hwprobeMimpid       = 2
	hwprobeBaseBehavior = 3
	hwprobeImaExt0      = 4
	hwprobeCpuperf0     = 5
	hwprobeZicbozBlock  = 6
	hwprobeHighestVa    = 7
	hwprobeTimeCsrFreq  = 8
	hwprobeScalarPerf   = 9

	baseBehaviorIma = 1
	imaFd           = 1 << 0
	imaC            = 1 << 1
	// Misaligned accesses work but leave the interpreter's loop: string
	// functions do better with aligned words.
	misalignedSlow = 2
)

func sysRiscvHwprobe(c *sched.Ctx) (uint64, abi.Errno) {
	if c.Arg(4) != 0 || c.Arg(1) > 4096 {
		return 0, abi.EINVAL
	}
	for i := range c.Arg(1) {
		va := c.Arg(0) + i*abi.RiscvHwprobeSize
		if e := mm.CopyIn(c, c.InPage(abi.RiscvHwprobeSize), va); e != abi.OK {
			return 0, e
		}
		p := (*abi.RiscvHwprobe)(kmem.Ptr(c.Page))
		switch p.Key {
		case hwprobeMvendorid, hwprobeMarchid, hwprobeMimpid, hwprobeZicbozBlock:
			p.Value = 0
		case hwprobeBaseBehavior:
			p.Value = baseBehaviorIma
		case hwprobeImaExt0:
			p.Value = imaFd | imaC
		case hwprobeCpuperf0, hwprobeScalarPerf:
			p.Value = misalignedSlow
		case hwprobeHighestVa:
			p.Value = topAddress - 1
		case hwprobeTimeCsrFreq:
			p.Value = 10_000_000
		default:
			p.Key, p.Value = -1, 0
		}
		if e := mm.CopyOut(c, va, c.InPage(abi.RiscvHwprobeSize)); e != abi.OK {
			return 0, e
		}
	}
	return 0, abi.OK
}

// riscv_flush_icache(2): decoded code of pages that were written is dropped
// when they are written, so only harts that are in the middle of it matter.
func sysRiscvFlushIcache(c *sched.Ctx) (uint64, abi.Errno) {
	if c.Arg(2)&^1 != 0 {
		return 0, abi.EINVAL
	}
	sched.Shootdown(c.Hart, c.As)
	return 0, abi.OK
}
