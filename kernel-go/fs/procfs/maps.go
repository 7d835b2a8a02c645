package procfs

import (
	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/kmem"
	"foreshore.dev/kernel/mm"
	"foreshore.dev/kernel/sched"
	"foreshore.dev/kernel/vfs"
)

// maps is /proc/PID/maps (proc_pid_maps(5)) from a page on.
func maps(c *sched.Ctx, as, from uint32) {
	for i := mm.First(as, from); i != 0; i = kmem.Vma(i).Next {
		v := kmem.Vma(i)
		if pieceEnds(uint64(v.StartPage)) {
			return
		}
		mapping(c, v)
	}
}

// mapping is the line of a mapping.
func mapping(c *sched.Ctx, v *abi.VmaSlot) {
	start := out.bytes
	hex(uint64(v.StartPage)<<kmem.PageShift, 8)
	putByte('-')
	hex(uint64(v.EndPage)<<kmem.PageShift, 8)
	putByte(' ')
	flag := func(bit abi.VmaFlag, b byte) {
		if v.Flags&bit == 0 {
			b = '-'
		}
		putByte(b)
	}
	flag(abi.VmaFlagRead, 'r')
	flag(abi.VmaFlagWrite, 'w')
	flag(abi.VmaFlagExec, 'x')
	if v.Flags&abi.VmaFlagShared != 0 {
		putByte('s')
	} else {
		putByte('p')
	}
	putByte(' ')
	if v.Inode == 0 {
		str("00000000 00:00 0 ")
	} else {
		hex(uint64(v.FilePage)<<kmem.PageShift, 8)
		putByte(' ')
		dev(vfs.DevOf(v.Inode), 2, ':')
		putByte(' ')
		field(kmem.Inode(v.Inode).State.Ino)
	}
	// Linux aligns what follows at column 73.
	column := func() {
		for out.bytes-start < 73 && !out.full {
			putByte(' ')
		}
	}
	switch {
	case v.Dentry != 0:
		column()
		path(c, v.Dentry)
	case v.Inode != 0:
		column()
		str("/dev/zero (deleted)")
	case v.Flags&abi.VmaFlagBrk != 0:
		column()
		str("[heap]")
	case v.Flags&abi.VmaFlagStack != 0:
		column()
		str("[stack]")
	case v.StartPage == uint32(mm.VdsoAddress>>kmem.PageShift):
		column()
		str("[vdso]")
	}
	putByte('\n')
}

// smaps is /proc/PID/smaps (proc_pid_smaps(5)) from a page on.
func smaps(c *sched.Ctx, as, from uint32, u *mm.Usage) {
	for i := mm.First(as, from); i != 0; i = kmem.Vma(i).Next {
		v := kmem.Vma(i)
		if pieceEnds(uint64(v.StartPage)) {
			*u = mm.Usage{}
			return
		}
		if from <= v.StartPage {
			*u, from = mm.Usage{}, v.StartPage
		}
		if from = u.AddMapping(c, as, v, from); from < v.EndPage {
			out.next = uint64(from)
			return
		}
		mapping(c, v)
		kib("Size:           ", uint64(v.EndPage-v.StartPage))
		kib("KernelPageSize: ", 1)
		kib("MMUPageSize:    ", 1)
		usage(u, false)
		str("THPeligible:           0\nVmFlags: ")
		vmFlags(v.Flags)
		putByte('\n')
	}
}

// rollup is /proc/PID/smaps_rollup, the sum of all mappings: `u` that of those
// below `from`. It has no text before it has seen all.
func rollup(c *sched.Ctx, as, from uint32, u *mm.Usage) {
	for i := mm.First(as, from); i != 0; i = kmem.Vma(i).Next {
		v := kmem.Vma(i)
		// Small mappings are many: each may be the last before others have a turn.
		if from = u.AddMapping(c, as, v, max(from, v.StartPage)); from < v.EndPage || v.Next != 0 && sched.Overdue(c) {
			out.next = uint64(from)
			return
		}
	}
	first := uint32(0)
	if i := mm.First(as, 0); i != 0 {
		first = kmem.Vma(i).StartPage
	}
	start := out.bytes
	hex(uint64(first)<<kmem.PageShift, 8)
	putByte('-')
	hex(uint64(from)<<kmem.PageShift, 8)
	str(" ---p 00000000 00:00 0 ")
	for out.bytes-start < 73 && !out.full {
		putByte(' ')
	}
	str("[rollup]\n")
	usage(u, true)
}

// usage writes what memory a mapping, or all of them, takes.
func usage(u *mm.Usage, rollup bool) {
	kib("Rss:            ", u.Resident)
	share("Pss:            ", u.Share)
	share("Pss_Dirty:      ", u.ShareDirty)
	if rollup {
		share("Pss_Anon:       ", u.ShareAnon)
		share("Pss_File:       ", u.Share-u.ShareAnon-u.ShareShmem)
		share("Pss_Shmem:      ", u.ShareShmem)
	}
	kib("Shared_Clean:   ", u.SharedClean)
	kib("Shared_Dirty:   ", u.SharedDirty)
	kib("Private_Clean:  ", u.PrivateClean)
	kib("Private_Dirty:  ", u.PrivateDirty)
	kib("Referenced:     ", u.Resident)
	kib("Anonymous:      ", u.Anonymous)
	for _, s := range [...]string{"KSM:            ", "LazyFree:       ", "AnonHugePages:  ", "ShmemPmdMapped: ", "FilePmdMapped:  ",
		"Shared_Hugetlb: ", "Private_Hugetlb:", "Swap:           ", "SwapPss:        "} {
		kib(s, 0)
	}
	share("Locked:         ", u.ShareLocked)
}

// share writes a proportional share.
func share(label string, v uint64) {
	str(label)
	pad(v>>mm.ShareShift>>10, 8, ' ')
	str(" kB\n")
}

// vmFlagNames are the letters of VmFlags for what a mapping has. Dirty bits of
// pages are never cleared, so that all are as soft-dirty as new.
var vmFlagNames = [...]struct {
	flag abi.VmaFlag
	name string
}{
	{abi.VmaFlagRead, "rd "}, {abi.VmaFlagWrite, "wr "}, {abi.VmaFlagExec, "ex "}, {abi.VmaFlagShared, "sh "},
}

var moreVMFlagNames = [...]struct {
	flag abi.VmaFlag
	name string
}{
	{abi.VmaFlagShared, "ms "}, {abi.VmaFlagGrowsDown, "gd "}, {abi.VmaFlagLocked, "lo "}, {abi.VmaFlagDontFork, "dc "},
	{abi.VmaFlagNoReserve, "nr "}, {abi.VmaFlagLockOnFault, "lf "}, {abi.VmaFlagWipeOnFork, "wf "}, {abi.VmaFlagDontDump, "dd "},
}

func vmFlags(f abi.VmaFlag) {
	for i := range vmFlagNames {
		if f&vmFlagNames[i].flag != 0 {
			str(vmFlagNames[i].name)
		}
	}
	str("mr ")
	if f&abi.VmaFlagShared == 0 || f&abi.VmaFlagMaybeWrite != 0 {
		str("mw ")
	}
	str("me ")
	for i := range moreVMFlagNames {
		if f&moreVMFlagNames[i].flag != 0 {
			str(moreVMFlagNames[i].name)
		}
	}
	if mm.Promised(f) {
		str("ac ")
	}
	str("sd ")
}

// Words of /proc/PID/pagemap (uapi of Documentation/admin-guide/mm/pagemap.rst).
const (
	pagemapPresent   = uint64(1) << 63
	pagemapFile      = uint64(1) << 61
	pagemapExclusive = uint64(1) << 56
	pagemapSoftDirty = uint64(1) << 55
)

// pagemap reads a word for each page of the address space. Where frames lie is
// told to nobody, as on Linux to readers without privilege. EINVAL for what is
// no whole number of words.
func pagemap(c *sched.Ctx, s *abi.InodeState, pos uint64, b *mm.Buf) (uint32, abi.Errno) {
	p := findProcess(s.ProcNode().Pid)
	switch {
	case p == 0:
		return 0, abi.ESRCH
	case !MayTrace(c, p):
		return 0, abi.EACCES
	case pos%8 != 0 || b.Len%8 != 0:
		return 0, abi.EINVAL
	}
	as, end := kmem.Process(p).State.AddressSpace, mm.UserEnd>>kmem.PageShift
	done := uint32(0)
	for page := pos / 8; as != 0 && b.Len != 0 && page < end; {
		n := uint32(min(uint64(b.Len/8), uint64(kmem.PageSize/8), end-page))
		for k := range n {
			kmem.Store64(c.Page+k*8, pagemapWord(as, uint32(page)+k))
		}
		before := b.Len
		e := mm.BufOut(c, b, c.Page, n*8)
		done += before - b.Len
		if e != abi.OK {
			return done, e
		}
		page += uint64(n)
		if e := sched.GiveWay(c); e != abi.OK {
			return done, e
		}
	}
	return done, abi.OK
}

func pagemapWord(as, page uint32) uint64 {
	v, _ := mm.MappingAt(as, page)
	if v == nil {
		return 0
	}
	word := pagemapSoftDirty
	present, file, mappings := mm.PageOf(as, page)
	if present {
		word |= pagemapPresent
	}
	if file {
		word |= pagemapFile
	}
	if mappings == 1 {
		word |= pagemapExclusive
	}
	return word
}
