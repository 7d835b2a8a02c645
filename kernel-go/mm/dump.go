package mm

import (
	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/kmem"
	"foreshore.dev/kernel/pagecache"
	"foreshore.dev/kernel/sched"
)

// What of a mapping belongs into a core file (core(5), the usual
// coredump_filter): memory that no file has, all of a mapping of a file of which
// some was written, and the first page of a program.

// elfMagic are the first four bytes of a program: "\x7fELF".
const elfMagic = 0x464c457f

// DumpedPages is how many pages from the mapping's begin on are in a core file.
func DumpedPages(asIndex abi.AddressSpaceRef, v *abi.VmaSlot) uint32 {
	pages := v.EndPage - v.StartPage
	switch {
	case v.Flags&abi.VmaFlagDontDump != 0:
		return 0
	case v.Flags&abi.VmaFlagShared != 0:
		if v.Dentry != 0 {
			return 0
		}
		return pages
	}
	if v.Inode == 0 {
		if nextPresent(kmem.AddressSpace(asIndex), v.StartPage, 0, pages) < pages {
			return pages
		}
		return 0
	}
	if v.Flags&abi.VmaFlagCopied != 0 {
		return pages
	}
	if v.FilePage == 0 && v.Flags&abi.VmaFlagRead != 0 {
		if frame := pagecache.Lookup(v.Inode, 0); frame != 0 && kmem.Load32(frame) == elfMagic {
			return 1
		}
	}
	return 0
}

// NextDumped is the first page of a range of a mapping that has bytes other than
// zeros, and its frame; the range's end and 0 when none has. EBLOCKED, and the page,
// when they must come in first.
func NextDumped(c *sched.Ctx, asIndex abi.AddressSpaceRef, v *abi.VmaSlot, pages Range) (page, frame uint32, e abi.Errno) {
	as := kmem.AddressSpace(asIndex)
	for page = pages.From; page < pages.To; page++ {
		if page = nextKept(as, v, Range{From: page, To: pages.To}); page >= pages.To {
			break
		}
		if frame = pteOf(as, page) &^ pteMask; frame == 0 {
			frame, e = pagecache.Get(c, v.Inode, v.FilePage+page-v.StartPage, false)
			if e == abi.EBLOCKED {
				return page, 0, e
			}
		}
		if frame != 0 && frame != kmem.ZeroFrame() {
			return page, frame, abi.OK
		}
	}
	return pages.To, 0, abi.OK
}

// nextKept is the first page of a range of a mapping that has a frame, in the
// tables or the page cache, or that the file's source has.
func nextKept(as *abi.AddressSpaceSlot, v *abi.VmaSlot, pages Range) uint32 {
	page := pages.From + nextPresent(as, pages.From, 0, pages.To-pages.From)
	if v.Inode == 0 || page == pages.From {
		return page
	}
	at := v.FilePage + pages.From - v.StartPage
	if pagecache.Backed(v.Inode, at) {
		return pages.From
	}
	if next, ok := pagecache.NextPresent(v.Inode, at); ok && next-at < page-pages.From {
		return pages.From + next - at
	}
	return page
}
