package procfs

import (
	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/kmem"
	"foreshore.dev/kernel/mm"
	"foreshore.dev/kernel/sched"
	"foreshore.dev/kernel/vfs"
)

// maps is /proc/PID/maps (proc_pid_maps(5)) from a page on.
func (w *Text) maps(c *sched.Ctx, as abi.AddressSpaceRef, from uint32) {
	for i := mm.First(as, from); i != 0; i = kmem.Vma(i).Next {
		v := kmem.Vma(i)
		if w.pieceEnds(uint64(v.StartPage)) {
			return
		}
		w.mapping(c, v)
	}
}

// nameColumn is where Linux aligns the name of a mapping.
const nameColumn = 73

func (w *Text) flag(v *abi.VmaSlot, bit abi.VmaFlag, b byte) {
	if v.Flags&bit == 0 {
		b = '-'
	}
	w.putByte(b)
}

// mapping is the line of a mapping.
func (w *Text) mapping(c *sched.Ctx, v *abi.VmaSlot) {
	start := w.bytes
	w.hex(uint64(v.StartPage)<<kmem.PageShift, 8)
	w.putByte('-')
	w.hex(uint64(v.EndPage)<<kmem.PageShift, 8)
	w.putByte(' ')
	w.flag(v, abi.VmaFlagRead, 'r')
	w.flag(v, abi.VmaFlagWrite, 'w')
	w.flag(v, abi.VmaFlagExec, 'x')
	if v.Flags&abi.VmaFlagShared != 0 {
		w.putByte('s')
	} else {
		w.putByte('p')
	}
	w.putByte(' ')
	if v.Inode == 0 {
		w.str("00000000 00:00 0 ")
	} else {
		w.hex(uint64(v.FilePage)<<kmem.PageShift, 8)
		w.putByte(' ')
		w.dev(vfs.DevOf(v.Inode), 2, ':')
		w.putByte(' ')
		w.field(kmem.Inode(v.Inode).State.Ino)
	}
	switch {
	case v.Dentry != 0:
		w.align(start, nameColumn)
		w.path(c, v.Dentry)
	case v.Inode != 0:
		w.align(start, nameColumn)
		w.str("/dev/zero (deleted)")
	case v.Flags&abi.VmaFlagBrk != 0:
		w.align(start, nameColumn)
		w.str("[heap]")
	case v.Flags&abi.VmaFlagStack != 0:
		w.align(start, nameColumn)
		w.str("[stack]")
	case v.StartPage == uint32(mm.VdsoAddress>>kmem.PageShift):
		w.align(start, nameColumn)
		w.str("[vdso]")
	}
	w.putByte('\n')
}

// smaps is /proc/PID/smaps (proc_pid_smaps(5)) from a page on.
func (w *Text) smaps(c *sched.Ctx, as abi.AddressSpaceRef, from uint32, u *mm.Usage) {
	for i := mm.First(as, from); i != 0; i = kmem.Vma(i).Next {
		v := kmem.Vma(i)
		if w.pieceEnds(uint64(v.StartPage)) {
			*u = mm.Usage{}
			return
		}
		if from <= v.StartPage {
			*u, from = mm.Usage{}, v.StartPage
		}
		if from = u.AddMapping(c, as, v, from); from < v.EndPage {
			w.next = uint64(from)
			return
		}
		w.mapping(c, v)
		w.kib("Size:           ", uint64(v.EndPage-v.StartPage))
		w.kib("KernelPageSize: ", 1)
		w.kib("MMUPageSize:    ", 1)
		w.usage(u, false)
		w.str("THPeligible:           0\nVmFlags: ")
		w.vmFlags(v.Flags)
		w.putByte('\n')
	}
}

// rollup is /proc/PID/smaps_rollup, the sum of all mappings: `u` that of those
// below `from`. It has no text before it has seen all.
func (w *Text) rollup(c *sched.Ctx, as abi.AddressSpaceRef, from uint32, u *mm.Usage) {
	for i := mm.First(as, from); i != 0; i = kmem.Vma(i).Next {
		v := kmem.Vma(i)
		// Small mappings are many: each may be the last before others have a turn.
		if from = u.AddMapping(c, as, v, max(from, v.StartPage)); from < v.EndPage || v.Next != 0 && sched.Overdue(c) {
			w.next = uint64(from)
			return
		}
	}
	first := uint32(0)
	if i := mm.First(as, 0); i != 0 {
		first = kmem.Vma(i).StartPage
	}
	start := w.bytes
	w.hex(uint64(first)<<kmem.PageShift, 8)
	w.putByte('-')
	w.hex(uint64(from)<<kmem.PageShift, 8)
	w.str(" ---p 00000000 00:00 0 ")
	w.align(start, nameColumn)
	w.str("[rollup]\n")
	w.usage(u, true)
}

// usage writes what memory a mapping, or all of them, takes.
func (w *Text) usage(u *mm.Usage, rollup bool) {
	w.kib("Rss:            ", u.Resident)
	w.share("Pss:            ", u.Share)
	w.share("Pss_Dirty:      ", u.ShareDirty)
	if rollup {
		w.share("Pss_Anon:       ", u.ShareAnon)
		w.share("Pss_File:       ", u.Share-u.ShareAnon-u.ShareShmem)
		w.share("Pss_Shmem:      ", u.ShareShmem)
	}
	w.kib("Shared_Clean:   ", u.SharedClean)
	w.kib("Shared_Dirty:   ", u.SharedDirty)
	w.kib("Private_Clean:  ", u.PrivateClean)
	w.kib("Private_Dirty:  ", u.PrivateDirty)
	w.kib("Referenced:     ", u.Resident)
	w.kib("Anonymous:      ", u.Anonymous)
	for _, s := range [...]string{"KSM:            ", "LazyFree:       ", "AnonHugePages:  ", "ShmemPmdMapped: ", "FilePmdMapped:  ",
		"Shared_Hugetlb: ", "Private_Hugetlb:", "Swap:           ", "SwapPss:        "} {
		w.kib(s, 0)
	}
	w.share("Locked:         ", u.ShareLocked)
}

// share writes a proportional share.
func (w *Text) share(label string, v uint64) {
	w.str(label)
	w.pad(v>>mm.ShareShift>>10, 8, ' ')
	w.str(" kB\n")
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

func (w *Text) vmFlags(f abi.VmaFlag) {
	for i := range vmFlagNames {
		if f&vmFlagNames[i].flag != 0 {
			w.str(vmFlagNames[i].name)
		}
	}
	w.str("mr ")
	if f&abi.VmaFlagShared == 0 || f&abi.VmaFlagMaybeWrite != 0 {
		w.str("mw ")
	}
	w.str("me ")
	for i := range moreVMFlagNames {
		if f&moreVMFlagNames[i].flag != 0 {
			w.str(moreVMFlagNames[i].name)
		}
	}
	if mm.Promised(f) {
		w.str("ac ")
	}
	w.str("sd ")
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
		e := mm.BufOut(c, b, c.InPage(n*8))
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

func pagemapWord(as abi.AddressSpaceRef, page uint32) uint64 {
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
