package proc

import (
	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/file"
	"foreshore.dev/kernel/kmem"
	"foreshore.dev/kernel/mm"
	"foreshore.dev/kernel/pagecache"
	"foreshore.dev/kernel/sched"
	"foreshore.dev/kernel/vfs"
)

// ELF loading (elf(5), System V gABI). Files are hostile: every field is
// checked before it is used, in 64-bit arithmetic.

const (
	// pieBase is where position-independent programs go: the heap behind
	// them has room up to the mmap area.
	pieBase = 0x2000_0000
	// userEnd is the first address that a segment may not reach.
	userEnd = mm.StackTop - 8<<20
	// maxPhdrs keeps all program headers within c.Path2.
	maxPhdrs = uint32(abi.FixedPathMax) / abi.Elf64PhdrSize
)

// image is what is known of a loaded ELF file.
type image struct {
	dentry      abi.DentryRef
	inode       abi.InodeRef
	bias        uint64
	entry, phdr uint64
	phnum       uint32
	// first and end are the span of its segments, page aligned, with bias.
	first, end uint64
	// interp says that PT_INTERP was found; its path is in buffer interpPath.
	interp    bool
	execStack bool
	dyn       bool
}

// readAt copies n bytes of a file into linear memory: ENOEXEC when it has not
// as many, EBLOCKED when they must come in first.
func readAt(c *sched.Ctx, inode abi.InodeRef, pos uint64, dst kmem.Span) abi.Errno {
	size := kmem.Inode(inode).State.Size
	if pos > size || uint64(dst.Len) > size-pos {
		return abi.ENOEXEC
	}
	for dst.Len != 0 {
		frame, e := pagecache.Get(c, inode, uint32(pos>>kmem.PageShift), false)
		if e != abi.OK {
			return e
		}
		off := uint32(pos) & kmem.PageMask
		part := min(dst.Len, kmem.PageSize-off)
		kmem.Copy(dst.Addr, frame+off, part)
		dst.Addr, dst.Len, pos = dst.Addr+part, dst.Len-part, pos+uint64(part)
	}
	return abi.OK
}

// openExec finds a file that the caller may execute. The dentry is held. `named`: it
// is the file that the call names, not an interpreter.
func openExec(c *sched.Ctx, at vfs.PathAt, flags uint32, named bool) (abi.DentryRef, abi.Errno) {
	d, e := vfs.Resolve(c, at, flags)
	if e != abi.OK {
		return 0, e
	}
	return d, mayExec(c, d, named)
}

// mayExec checks that a held file may be executed; it is given back when not. What
// the call itself has named it goes on with when that is to be asked again.
func mayExec(c *sched.Ctx, d abi.DentryRef, named bool) abi.Errno {
	inode := vfs.InodeOf(d)
	e := abi.EACCES
	if vfs.TypeOf(inode) == abi.S_IFREG {
		if e = vfs.Permission(c, inode, vfs.MayExec); e == abi.OK {
			if e = vfs.BreakLeases(c, inode, abi.O_RDONLY); e == abi.OK && file.Written(inode) {
				e = abi.ETXTBSY
			}
		}
	}
	if e != abi.OK {
		if named && sched.GoesOn(e) {
			vfs.HoldDentry(c, d)
		}
		vfs.Put(d)
	}
	return e
}

// readHeaders checks the ELF header and reads the program headers into c.Path2.
// Both are read once: another hart may be writing to the file (a mapped memfd),
// and what was checked is what is used.
func readHeaders(c *sched.Ctx, im *image) (*abi.Elf64Ehdr, abi.Errno) {
	head := c.Vec + vecHeader
	if e := readAt(c, im.inode, 0, kmem.Span{Addr: head, Len: abi.Elf64EhdrSize}); e != abi.OK {
		return nil, e
	}
	h := (*abi.Elf64Ehdr)(kmem.Ptr(head))
	id := &h.Ident
	if id[0] != 0x7f || id[1] != 'E' || id[2] != 'L' || id[3] != 'F' || id[4] != byte(abi.ELFCLASS64) || id[5] != byte(abi.ELFDATA2LSB) {
		return nil, abi.ENOEXEC
	}
	if h.Machine != abi.EM_RISCV || h.Type != abi.ET_EXEC && h.Type != abi.ET_DYN {
		return nil, abi.ENOEXEC
	}
	if uint32(h.Phentsize) != abi.Elf64PhdrSize || h.Phnum == 0 || uint32(h.Phnum) > maxPhdrs {
		return nil, abi.ENOEXEC
	}
	if e := readAt(c, im.inode, h.Phoff, c.InPath2(uint32(h.Phnum)*abi.Elf64PhdrSize)); e != abi.OK {
		return nil, e
	}
	im.phnum, im.dyn = uint32(h.Phnum), h.Type == abi.ET_DYN
	im.entry = h.Entry
	return h, abi.OK
}

func phdrAt(c *sched.Ctx, i uint32) *abi.Elf64Phdr {
	return (*abi.Elf64Phdr)(kmem.Ptr(c.Path2 + i*abi.Elf64PhdrSize))
}

// checkSegments validates the program headers and finds the file's span.
func checkSegments(c *sched.Ctx, im *image, phoff uint64) abi.Errno {
	size := kmem.Inode(im.inode).State.Size
	im.first, im.end = ^uint64(0), 0
	for i := range im.phnum {
		p := phdrAt(c, i)
		switch p.Type {
		case abi.PT_GNU_STACK:
			im.execStack = p.Flags&abi.PF_X != 0
		case abi.PT_INTERP:
			if p.Filesz < 2 || p.Filesz > uint64(abi.FixedPathMax) || p.Offset > size || p.Filesz > size-p.Offset {
				return abi.ENOEXEC
			}
			im.interp = true
		case abi.PT_LOAD:
			if p.Memsz == 0 {
				continue
			}
			// A segment may reach beyond the file, as on Linux: its pages there
			// are SIGBUS.
			if p.Filesz > p.Memsz || p.Offset>>43 != 0 || (p.Vaddr^p.Offset)&uint64(kmem.PageMask) != 0 {
				return abi.ENOEXEC
			}
			if p.Vaddr+p.Memsz < p.Vaddr || p.Memsz > uint64(userEnd) || p.Vaddr > uint64(userEnd)-p.Memsz {
				return abi.ENOMEM
			}
			im.first = min(im.first, p.Vaddr&^uint64(kmem.PageMask))
			im.end = max(im.end, (p.Vaddr+p.Memsz+uint64(kmem.PageMask))&^uint64(kmem.PageMask))
			if phoff >= p.Offset && phoff-p.Offset < p.Filesz {
				im.phdr = phoff - p.Offset + p.Vaddr
			}
		}
	}
	if im.end == 0 {
		return abi.ENOEXEC
	}
	return abi.OK
}

// load maps an ELF file into an address space. For ET_DYN, base is where its
// first page goes; 0 lets the kernel choose.
func load(c *sched.Ctx, as abi.AddressSpaceRef, im *image, base uint64) abi.Errno {
	h, e := readHeaders(c, im)
	if e != abi.OK {
		return e
	}
	if e := checkSegments(c, im, h.Phoff); e != abi.OK {
		return e
	}
	if im.dyn {
		if base == 0 {
			pages := uint32((im.end - im.first) >> kmem.PageShift)
			m := mm.Mapping{Pages: pages}
			page, e := mm.Map(c, as, &m)
			if e != abi.OK {
				return e
			}
			if e := mm.Unmap(c, as, mm.RangeOf(page, pages)); e != abi.OK {
				return e
			}
			base = uint64(page) << kmem.PageShift
		}
		im.bias = base - im.first
		if im.end+im.bias > uint64(userEnd) {
			return abi.ENOMEM
		}
	} else if im.first < mmapMin {
		return abi.ENOMEM
	}
	im.first, im.end = im.first+im.bias, im.end+im.bias
	im.entry += im.bias
	if im.phdr != 0 {
		im.phdr += im.bias
	}
	for i := range im.phnum {
		if p := phdrAt(c, i); p.Type == abi.PT_LOAD && p.Memsz != 0 {
			if e := mapSegment(c, as, im, *p); e != abi.OK {
				return e
			}
		}
	}
	return abi.OK
}

const mmapMin = 0x10000

func mapSegment(c *sched.Ctx, as abi.AddressSpaceRef, im *image, p abi.Elf64Phdr) abi.Errno {
	flags := abi.VmaFlag(0)
	if p.Flags&abi.PF_R != 0 {
		flags |= abi.VmaFlagRead
	}
	if p.Flags&abi.PF_W != 0 {
		flags |= abi.VmaFlagWrite
	}
	if p.Flags&abi.PF_X != 0 {
		flags |= abi.VmaFlagExec
	}
	start := p.Vaddr + im.bias
	fileEnd := start + p.Filesz
	memEnd := start + p.Memsz
	page := uint32(start >> kmem.PageShift)
	fileEndPage := uint32((fileEnd + uint64(kmem.PageMask)) >> kmem.PageShift)
	memEndPage := uint32((memEnd + uint64(kmem.PageMask)) >> kmem.PageShift)
	if p.Filesz != 0 {
		m := mm.Mapping{Page: page, Pages: fileEndPage - page, Flags: flags, Inode: im.inode, Dentry: im.dentry,
			FilePage: uint32(p.Offset >> kmem.PageShift), NoReplace: true}
		if _, e := mm.Map(c, as, &m); e != abi.OK {
			return segmentError(e)
		}
		page = fileEndPage
	}
	if memEndPage > page {
		m := mm.Mapping{Page: page, Pages: memEndPage - page, Flags: flags, NoReplace: true}
		if _, e := mm.Map(c, as, &m); e != abi.OK {
			return segmentError(e)
		}
	}
	if tail := uint32(fileEnd) & kmem.PageMask; tail != 0 && p.Filesz != 0 && memEnd > fileEnd && flags&abi.VmaFlagWrite != 0 {
		// A file that was cut off there has no such page. Linux notices when the old
		// program is gone already, and kills the process.
		if e := mm.ZeroUser(c, mm.User{As: as, Va: fileEnd}, kmem.PageSize-tail); e == abi.EFAULT {
			return abi.ENOEXEC
		} else if e != abi.OK {
			return e
		}
	}
	return abi.OK
}

// segmentError: segments that overlap make a file that cannot be executed.
func segmentError(e abi.Errno) abi.Errno {
	if e == abi.EEXIST {
		return abi.ENOEXEC
	}
	return e
}
