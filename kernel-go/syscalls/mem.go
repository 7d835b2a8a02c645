package syscalls

import (
	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/file"
	"foreshore.dev/kernel/kmem"
	"foreshore.dev/kernel/mm"
	"foreshore.dev/kernel/sched"
	"foreshore.dev/kernel/vfs"
)

const (
	// Addresses that we choose lie below lowEnd; fixed mappings may lie above.
	lowEnd     = uint64(abi.FixedUserTopPages) << uint64(abi.FixedPageShift)
	topAddress = mm.UserEnd
	devZero    = 1<<8 | 5
)

// pagesOf is the page range of [addr, addr+len): EINVAL when addr is not page
// aligned, ENOMEM when the range leaves the address space.
func pagesOf(addr, length uint64) (from, to uint32, e abi.Errno) {
	mask := uint64(kmem.PageMask)
	if addr&mask != 0 {
		return 0, 0, abi.EINVAL
	}
	if addr > topAddress || length > topAddress-addr {
		return 0, 0, abi.ENOMEM
	}
	return uint32(addr >> kmem.PageShift), uint32((addr + length + mask) >> kmem.PageShift), abi.OK
}

func sysMmap(c *sched.Ctx) (uint64, abi.Errno) {
	addr, length, prot, flags, pos := c.Arg(0), c.Arg(1), uint32(c.Arg(2)), uint32(c.Arg(3)), c.Arg(5)
	mask := uint64(kmem.PageMask)
	if pos&mask != 0 {
		return 0, abi.EINVAL
	}
	ofd := uint32(0)
	if flags&uint32(abi.MAP_ANONYMOUS) == 0 {
		// Before anything that is wrong with the range, as on Linux.
		var e abi.Errno
		if ofd, e = file.Get(c, int32(c.Arg(4))); e != abi.OK {
			return 0, e
		}
	}
	if length == 0 {
		return 0, abi.EINVAL
	}
	if length > topAddress {
		return 0, abi.ENOMEM
	}
	var m mm.Mapping
	m.Pages = uint32((length + mask) >> kmem.PageShift)
	m.Flags = mm.ProtFlags(prot)
	m.NoReplace = flags&uint32(abi.MAP_FIXED_NOREPLACE) != 0
	m.Fixed = flags&uint32(abi.MAP_FIXED) != 0 && !m.NoReplace
	kind := flags & uint32(abi.MAP_TYPE)
	shared := kind == uint32(abi.MAP_SHARED) || kind == uint32(abi.MAP_SHARED_VALIDATE)
	if !shared && kind != uint32(abi.MAP_PRIVATE) {
		return 0, abi.EINVAL
	}
	if shared {
		m.Flags |= abi.VmaFlagShared
	}
	if m.Fixed || m.NoReplace {
		if addr&mask != 0 {
			return 0, abi.EINVAL
		}
		if addr > topAddress || length > topAddress-addr || addr < 0x1000 {
			return 0, abi.ENOMEM
		}
	}
	if addr < lowEnd || m.Fixed || m.NoReplace {
		m.Page = uint32((addr + mask) >> kmem.PageShift)
	}
	if flags&uint32(abi.MAP_GROWSDOWN) != 0 {
		m.Flags |= abi.VmaFlagGrowsDown
	}
	if ofd != 0 {
		if e := fileMapping(&m, ofd, prot, shared, pos); e != abi.OK {
			return 0, e
		}
	} else if shared {
		if m.Flags&abi.VmaFlagGrowsDown != 0 {
			return 0, abi.EINVAL
		}
		inode := vfs.NewInode(abi.FsTypeAnon, uint32(abi.S_IFREG)|0o600, 0, 0)
		if inode == 0 {
			return 0, abi.ENOMEM
		}
		kmem.Inode(inode).State.Size = uint64(m.Pages) << kmem.PageShift
		m.Inode, m.Flags = inode, m.Flags|abi.VmaFlagMaybeWrite
		page, e := mm.Map(c, c.As, &m)
		vfs.DropInode(inode)
		return uint64(page) << kmem.PageShift, e
	} else if prot&uint32(abi.PROT_WRITE) != 0 && flags&uint32(abi.MAP_NORESERVE) == 0 && m.Pages > kmem.FreeFrames() {
		// Linux's heuristic overcommit refuses what could never be backed.
		return 0, abi.ENOMEM
	}
	page, e := mm.Map(c, c.As, &m)
	if e == abi.OK && flags&uint32(abi.MAP_POPULATE) != 0 {
		populate(c, page, page+m.Pages, prot)
	}
	return uint64(page) << kmem.PageShift, e
}

// populate brings pages in ahead; what cannot be had is left for faults.
func populate(c *sched.Ctx, from, to, prot uint32) {
	access := mm.Read
	if prot&uint32(abi.PROT_WRITE) != 0 {
		access = mm.Write
	}
	for p := from; p < to; p++ {
		if f := mm.HandleFault(c, c.As, uint64(p)<<kmem.PageShift, access); f.Err != abi.OK {
			if f.Err == abi.EBLOCKED {
				sched.CancelWaits(c)
			}
			return
		}
	}
}

func fileMapping(m *mm.Mapping, ofd, prot uint32, shared bool, pos uint64) abi.Errno {
	o := kmem.Ofd(ofd)
	if !file.ForReading(ofd) || shared && prot&uint32(abi.PROT_WRITE) != 0 && !file.ForWriting(ofd) {
		return abi.EACCES
	}
	if o.State.Kind != abi.OfdKindFile {
		if o.State.Kind == abi.OfdKindDevice && kmem.Inode(o.State.Inode).State.Rdev == devZero {
			// A private mapping of /dev/zero is anonymous memory.
			return abi.OK
		}
		return abi.ENODEV
	}
	if pos>>kmem.PageShift+uint64(m.Pages) > 1<<32-1 {
		return abi.EOVERFLOW
	}
	if m.Flags&abi.VmaFlagGrowsDown != 0 {
		return abi.EINVAL // only private memory without a file grows down
	}
	m.Inode, m.Dentry, m.FilePage = o.State.Inode, o.State.Dentry, uint32(pos>>kmem.PageShift)
	if sealed := kmem.Inode(m.Inode).Live.Seals&uint32(abi.F_SEAL_WRITE|abi.F_SEAL_FUTURE_WRITE) != 0; sealed {
		// It may be mapped for reading, and not be made writable later.
		if shared && prot&uint32(abi.PROT_WRITE) != 0 {
			return abi.EPERM
		}
		return abi.OK
	}
	if shared && file.ForWriting(ofd) {
		m.Flags |= abi.VmaFlagMaybeWrite
	}
	return abi.OK
}

func sysMunmap(c *sched.Ctx) (uint64, abi.Errno) {
	from, to, e := pagesOf(c.Arg(0), c.Arg(1))
	if e != abi.OK || from == to {
		return 0, abi.EINVAL
	}
	return 0, mm.Unmap(c, c.As, from, to)
}

func sysMprotect(c *sched.Ctx) (uint64, abi.Errno) {
	prot := uint32(c.Arg(2))
	if prot&^uint32(abi.PROT_READ|abi.PROT_WRITE|abi.PROT_EXEC|abi.PROT_GROWSDOWN|abi.PROT_GROWSUP) != 0 {
		return 0, abi.EINVAL
	}
	from, to, e := pagesOf(c.Arg(0), c.Arg(1))
	if e != abi.OK || from == to {
		return 0, e
	}
	return 0, mm.Protect(c, c.As, from, to, prot)
}

func sysMremap(c *sched.Ctx) (uint64, abi.Errno) {
	flags := uint32(c.Arg(3))
	if flags&^uint32(abi.MREMAP_MAYMOVE|abi.MREMAP_FIXED) != 0 || flags&uint32(abi.MREMAP_FIXED) != 0 && flags&uint32(abi.MREMAP_MAYMOVE) == 0 {
		return 0, abi.EINVAL
	}
	from, to, e := pagesOf(c.Arg(0), c.Arg(1))
	if e != abi.OK || c.Arg(2) == 0 {
		return 0, abi.EINVAL
	}
	if c.Arg(2) > topAddress {
		return 0, abi.ENOMEM
	}
	pages := uint32((c.Arg(2) + uint64(kmem.PageMask)) >> kmem.PageShift)
	target := uint32(0)
	if flags&uint32(abi.MREMAP_FIXED) != 0 {
		first, _, e := pagesOf(c.Arg(4), c.Arg(2))
		if e != abi.OK {
			return 0, abi.EINVAL
		}
		target = first
	}
	page, e := mm.Remap(c, c.As, from, to-from, pages, flags, target)
	return uint64(page) << kmem.PageShift, e
}

func sysBrk(c *sched.Ctx) (uint64, abi.Errno) { return mm.Brk(c, c.As, c.Arg(0)), abi.OK }

func sysMadvise(c *sched.Ctx) (uint64, abi.Errno) {
	from, to, e := pagesOf(c.Arg(0), c.Arg(1))
	if e != abi.OK {
		return 0, abi.EINVAL
	}
	advice := abi.Madvice(c.Arg(2))
	switch advice {
	case abi.MADV_NORMAL, abi.MADV_RANDOM, abi.MADV_SEQUENTIAL, abi.MADV_WILLNEED, abi.MADV_DONTNEED, abi.MADV_FREE, abi.MADV_DONTFORK, abi.MADV_DOFORK,
		abi.MADV_WIPEONFORK, abi.MADV_KEEPONFORK, abi.MADV_DONTDUMP, abi.MADV_DODUMP, abi.MADV_HUGEPAGE, abi.MADV_NOHUGEPAGE, abi.MADV_COLD, abi.MADV_PAGEOUT,
		abi.MADV_POPULATE_READ, abi.MADV_POPULATE_WRITE, abi.MADV_MERGEABLE, abi.MADV_UNMERGEABLE:
	default:
		return 0, abi.EINVAL
	}
	if from == to {
		return 0, abi.OK
	}
	covered := mm.Covered(c.As, from, to)
	switch advice {
	case abi.MADV_DONTNEED, abi.MADV_FREE:
		mm.Discard(c, c.As, from, to)
	case abi.MADV_DONTFORK, abi.MADV_DOFORK:
		e = mm.SetVmaFlag(c.As, from, to, abi.VmaFlagDontFork, advice == abi.MADV_DONTFORK)
	case abi.MADV_WIPEONFORK, abi.MADV_KEEPONFORK:
		e = mm.SetVmaFlag(c.As, from, to, abi.VmaFlagWipeOnFork, advice == abi.MADV_WIPEONFORK)
	case abi.MADV_POPULATE_READ, abi.MADV_POPULATE_WRITE:
		prot := uint32(abi.PROT_READ)
		if advice == abi.MADV_POPULATE_WRITE {
			prot = uint32(abi.PROT_WRITE)
		}
		populate(c, from, to, prot)
	}
	if e == abi.OK && !covered {
		e = abi.ENOMEM
	}
	return 0, e
}

func sysMincore(c *sched.Ctx) (uint64, abi.Errno) {
	from, to, e := pagesOf(c.Arg(0), c.Arg(1))
	if e != abi.OK {
		return 0, e
	}
	if !mm.Covered(c.As, from, to) {
		return 0, abi.ENOMEM
	}
	b := &c.T().State.Blocked
	for done := uint32(b.Progress); from+done < to; {
		n := min(to-from-done, kmem.PageSize)
		mm.Resident(c.As, from+done, n, c.Page)
		if e := mm.CopyOut(c, c.Arg(2)+uint64(done), c.Page, n); e != abi.OK {
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

func sysMsync(c *sched.Ctx) (uint64, abi.Errno) {
	flags := uint32(c.Arg(2))
	if flags&^uint32(abi.MS_ASYNC|abi.MS_INVALIDATE|abi.MS_SYNC) != 0 || flags&uint32(abi.MS_ASYNC) != 0 && flags&uint32(abi.MS_SYNC) != 0 {
		return 0, abi.EINVAL
	}
	from, to, e := pagesOf(c.Arg(0), c.Arg(1))
	if e == abi.OK && !mm.Covered(c.As, from, to) {
		e = abi.ENOMEM
	}
	return 0, e
}

// Nothing is ever swapped out: locking memory only checks the range.
func sysMlock(c *sched.Ctx) (uint64, abi.Errno) {
	addr := c.Arg(0) &^ uint64(kmem.PageMask)
	from, to, e := pagesOf(addr, c.Arg(1)+(c.Arg(0)-addr))
	if e == abi.OK && !mm.Covered(c.As, from, to) {
		e = abi.ENOMEM
	}
	return 0, e
}

func sysMlockall(*sched.Ctx) (uint64, abi.Errno) { return 0, abi.OK }

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
		if e := mm.CopyIn(c, c.Page, va, abi.RiscvHwprobeSize); e != abi.OK {
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
		if e := mm.CopyOut(c, va, c.Page, abi.RiscvHwprobeSize); e != abi.OK {
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
