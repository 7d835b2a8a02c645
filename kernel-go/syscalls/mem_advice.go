package syscalls

import (
	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/kmem"
	"foreshore.dev/kernel/mm"
	"foreshore.dev/kernel/sched"
	"foreshore.dev/kernel/vfs"
)

// refusing is in which mappings an advice of madvise(2) is EINVAL; ok
// is false for one that Linux does not know.
func refusing(advice abi.Madvice) (flags abi.VmaFlag, ok bool) {
	switch advice {
	case abi.MADV_DONTNEED, abi.MADV_COLD, abi.MADV_PAGEOUT:
		return abi.VmaFlagLocked, true
	case abi.MADV_FREE:
		return abi.VmaFlagLocked | abi.VmaFlagFile, true
	case abi.MADV_WIPEONFORK:
		return abi.VmaFlagFile, true
	case abi.MADV_NORMAL, abi.MADV_RANDOM, abi.MADV_SEQUENTIAL, abi.MADV_WILLNEED, abi.MADV_DONTNEED_LOCKED, abi.MADV_REMOVE,
		abi.MADV_DONTFORK, abi.MADV_DOFORK, abi.MADV_KEEPONFORK, abi.MADV_DONTDUMP, abi.MADV_DODUMP, abi.MADV_HUGEPAGE,
		abi.MADV_NOHUGEPAGE, abi.MADV_POPULATE_READ, abi.MADV_POPULATE_WRITE, abi.MADV_MERGEABLE, abi.MADV_UNMERGEABLE:
		return 0, true
	}
	return 0, false
}

func sysMadvise(c *sched.Ctx) (uint64, abi.Errno) {
	pages, e := pagesOf(c.Arg(0), c.Arg(1))
	if e != abi.OK {
		return 0, abi.EINVAL
	}
	advice := abi.Madvice(c.Arg(2))
	refused, ok := refusing(advice)
	if !ok {
		return 0, abi.EINVAL
	}
	if pages.Pages() == 0 {
		return 0, abi.OK
	}
	outcome := abi.OK
	if !mm.Covered(c.As, pages) {
		outcome = abi.ENOMEM // of what is mapped it is told all the same
	}
	if refused != 0 {
		if end := mm.FirstWith(c.As, pages, refused); end < pages.To {
			pages.To, outcome = end, abi.EINVAL
		}
	}
	switch advice {
	case abi.MADV_DONTNEED, abi.MADV_DONTNEED_LOCKED, abi.MADV_FREE:
		// Private pages read as zeros (or the file) again.
		if e = mm.Empty(c, c.As, pages); e != abi.OK {
			return 0, e
		}
	case abi.MADV_REMOVE:
		e = punchMapped(c, pages)
	case abi.MADV_DONTDUMP, abi.MADV_DODUMP:
		e = mm.SetVmaFlag(c.As, pages, abi.VmaFlagDontDump, advice == abi.MADV_DONTDUMP)
	case abi.MADV_DONTFORK, abi.MADV_DOFORK:
		e = mm.SetVmaFlag(c.As, pages, abi.VmaFlagDontFork, advice == abi.MADV_DONTFORK)
	case abi.MADV_WIPEONFORK, abi.MADV_KEEPONFORK:
		e = mm.SetVmaFlag(c.As, pages, abi.VmaFlagWipeOnFork, advice == abi.MADV_WIPEONFORK)
	case abi.MADV_POPULATE_READ:
		e = populated(mm.PopulateAs(c, c.As, pages, mm.Read))
	case abi.MADV_POPULATE_WRITE:
		e = populated(mm.PopulateAs(c, c.As, pages, mm.Write))
	}
	if e != abi.OK {
		return 0, e
	}
	return 0, outcome
}

// populated is what MADV_POPULATE_READ and _WRITE say of a fault.
func populated(f mm.Fault) abi.Errno {
	switch {
	case f.Err != abi.EFAULT:
		return f.Err
	case f.Signal == abi.SIGBUS:
		return abi.EFAULT
	case f.Code == int32(abi.SEGV_MAPERR):
		return abi.ENOMEM
	}
	return abi.EINVAL
}

// punchMapped is MADV_REMOVE: holes in the files behind shared mappings. EINVAL
// for other or locked memory, EACCES for what may not be written.
func punchMapped(c *sched.Ctx, pages mm.Range) abi.Errno {
	for page := pages.From; page < pages.To; {
		v, end := mm.MappingAt(c.As, page)
		if v == nil {
			page = end
			continue
		}
		switch {
		case v.Flags&abi.VmaFlagLocked != 0, v.Inode == 0:
			return abi.EINVAL
		case v.Flags&(abi.VmaFlagShared|abi.VmaFlagMaybeWrite) != abi.VmaFlagShared|abi.VmaFlagMaybeWrite:
			return abi.EACCES
		}
		end = min(end, pages.To)
		at := uint64(v.FilePage+(page-v.StartPage)) << kmem.PageShift
		mode := abi.FALLOC_FL_PUNCH_HOLE | abi.FALLOC_FL_KEEP_SIZE
		if e := vfs.Allocate(c, v.Inode, mode, vfs.Extent{Offset: at, Length: uint64(end-page) << kmem.PageShift}); e != abi.OK {
			return e
		}
		page = end
	}
	return abi.OK
}

// msync(2): a file's pages are its mappings' pages, so that nothing is to be written.
func sysMsync(c *sched.Ctx) (uint64, abi.Errno) {
	flags := abi.MsyncFlag(c.Arg(2))
	if flags&^(abi.MS_ASYNC|abi.MS_INVALIDATE|abi.MS_SYNC) != 0 || flags&abi.MS_ASYNC != 0 && flags&abi.MS_SYNC != 0 {
		return 0, abi.EINVAL
	}
	pages, e := pagesOf(c.Arg(0), c.Arg(1))
	switch {
	case e != abi.OK:
		return 0, e
	case flags&abi.MS_INVALIDATE != 0 && mm.FirstWith(c.As, pages, abi.VmaFlagLocked) < pages.To:
		return 0, abi.EBUSY
	case !mm.Covered(c.As, pages):
		return 0, abi.ENOMEM
	}
	return 0, abi.OK
}

func mlock(c *sched.Ctx, flags abi.VmaFlag) (uint64, abi.Errno) {
	addr := c.Arg(0) &^ uint64(kmem.PageMask)
	pages, e := pagesOf(addr, c.Arg(1)+(c.Arg(0)-addr))
	if e != abi.OK {
		return 0, e
	}
	return 0, mm.Lock(c, c.As, pages, flags)
}

func sysMlock(c *sched.Ctx) (uint64, abi.Errno) { return mlock(c, mm.LockFlags(false)) }

func sysMlock2(c *sched.Ctx) (uint64, abi.Errno) {
	flags := abi.MlockFlag(c.Arg(2))
	if flags&^abi.MLOCK_ONFAULT != 0 {
		return 0, abi.EINVAL
	}
	return mlock(c, mm.LockFlags(flags != 0))
}

func sysMunlock(c *sched.Ctx) (uint64, abi.Errno) { return mlock(c, 0) }

func sysMlockall(c *sched.Ctx) (uint64, abi.Errno) {
	flags := abi.MclFlag(c.Arg(0))
	onFault := flags&abi.MCL_ONFAULT != 0
	if flags&^(abi.MCL_CURRENT|abi.MCL_FUTURE|abi.MCL_ONFAULT) != 0 || flags&(abi.MCL_CURRENT|abi.MCL_FUTURE) == 0 {
		return 0, abi.EINVAL
	}
	now, later := abi.VmaFlag(0), abi.VmaFlag(0)
	if flags&abi.MCL_CURRENT != 0 {
		now = mm.LockFlags(onFault)
	}
	if flags&abi.MCL_FUTURE != 0 {
		later = mm.LockFlags(onFault)
	}
	return 0, mm.LockAll(c, c.As, now, later)
}

func sysMunlockall(c *sched.Ctx) (uint64, abi.Errno) { return 0, mm.LockAll(c, c.As, 0, 0) }
