package proc

import (
	"unsafe"

	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/file"
	"foreshore.dev/kernel/kmem"
	"foreshore.dev/kernel/mm"
	"foreshore.dev/kernel/sched"
	"foreshore.dev/kernel/vfs"
)

// Core files (core(5)): `core` in the working directory of a process that a
// signal ends. Headers and notes are written at once, while all threads are
// there; then the others end, and the one that is left writes its memory piece
// by piece, as if it were in exit_group(2): the record of that call says how far
// it came.

const coreSignals = uint64(1)<<(abi.SIGQUIT-1) | uint64(1)<<(abi.SIGILL-1) | uint64(1)<<(abi.SIGTRAP-1) | uint64(1)<<(abi.SIGABRT-1) |
	uint64(1)<<(abi.SIGBUS-1) | uint64(1)<<(abi.SIGFPE-1) | uint64(1)<<(abi.SIGSEGV-1) | uint64(1)<<(abi.SIGXCPU-1) |
	uint64(1)<<(abi.SIGXFSZ-1) | uint64(1)<<(abi.SIGSYS-1)

const (
	// coreBit of a wait status says that a core file was written.
	coreBit  = 0x80
	coreMode = 0o600
	// coreMappings is how many mappings a process may have that leaves a core
	// file: all of them are described without others having a turn.
	coreMappings = 8192
	// coreBuffer is how much of c.Vec collects what is written.
	coreBuffer = uint32(16 << 10)
	// fpregBytes: f0 to f31 and fcsr, each in eight bytes.
	fpregBytes = 33 * 8
	noteName   = 8 // "CORE", padded
)

// What the arguments of the record are while a core file is written.
const (
	coreStatus = iota
	// corePage is the first page that is not written, corePos where in the file its
	// mapping begins.
	corePage
	corePos
	// coreLeft is how much RLIMIT_CORE leaves.
	coreLeft
)

// beginCore writes the beginning of a core file, where one is wanted and can be
// made; then the calling thread is in DumpCore.
func beginCore(c *sched.Ctx, s *Sig) bool {
	p := c.P()
	limit := p.State.Rlimits[abi.RLIMIT_CORE].Cur
	as := kmem.AddressSpace(c.As)
	// Whoever shares the memory goes on with it, and could change what is described.
	if limit < uint64(kmem.PageSize) || p.State.Flags&abi.ProcessFlagDumpable == 0 || as.Header.Refs != 1 || as.State.VmaCount > coreMappings {
		return false
	}
	abandon(c, c.Thread)
	ofd, e := openCore(c)
	if e != abi.OK {
		return false
	}
	f := (*coreFile)(unsafe.Pointer(&kmem.ScratchOf(c.Hart).Core))
	*f = coreFile{c: c, inode: kmem.Ofd(ofd).State.Inode}
	f.describe(s)
	if f.flush(); f.e != abi.OK {
		file.Put(c, ofd)
		return false
	}
	killOthers(c, uint32(s.Signo|coreBit))
	t := c.T()
	t.State.Sigmask, t.State.Restart = ^uint64(0), 0 // SIGKILL alone ends it sooner
	b := exits(t, abi.EndStageDumping)
	file.HoldMade(c, ofd)
	b.Args[coreStatus] = uint64(s.Signo | coreBit)
	b.Args[corePos] = alignUp(f.at, uint64(kmem.PageSize))
	b.Args[coreLeft] = limit - min(limit, f.at)
	return true
}

func alignUp(n, to uint64) uint64 { return (n + to - 1) &^ (to - 1) }

// openCore makes the file: a new one, whatever had its name.
func openCore(c *sched.Ctx) (abi.OfdRef, abi.Errno) {
	const flags = abi.O_CREAT | abi.O_EXCL | abi.O_RDWR | abi.O_NOFOLLOW | abi.O_LARGEFILE | abi.O_NONBLOCK
	n := uint32(len("core"))
	copy(kmem.Bytes(c.Path, n), "core")
	_ = vfs.Unlink(c, vfs.PathAt{Dir: vfs.CwdOf(c), Span: c.InPath(n)})
	copy(kmem.Bytes(c.Path, n), "core")
	return file.Open(c, vfs.RootOf(c), vfs.PathAt{Dir: vfs.CwdOf(c), Span: c.InPath(n)}, vfs.How{Flags: flags, Mode: coreMode})
}

// Dumping says whether the caller's exit_group(2) is one that writes a core file.
func Dumping(c *sched.Ctx) bool {
	return endsAt(&c.T().State.Blocked, abi.EndStageDumping)
}

// DumpCore writes memory to the core file, and ends the process when that is
// done: ENORETURN. ERESCHED when others are to have a turn, EBLOCKED when a page
// must come in.
func DumpCore(c *sched.Ctx) abi.Errno {
	b := &c.T().State.Blocked
	inode := kmem.Ofd(file.Made(c)).State.Inode
	e := dumpMemory(c, inode, b)
	if sched.GoesOn(e) {
		return e
	}
	if e == abi.OK {
		// What ends in zeros has its size all the same.
		_ = vfs.Truncate(c, inode, b.Args[corePos])
	}
	status := uint32(b.Args[coreStatus])
	file.LetGo(c, c.Thread)
	if !End(c, status) {
		return abi.ERESCHED
	}
	return abi.ENORETURN
}

// corePages is how many pages are written before others may have a turn.
const corePages = 64

// dumpMemory writes pages until all are there, or as many as the limit allows
// (EFBIG), or there is no room for more.
func dumpMemory(c *sched.Ctx, inode abi.InodeRef, b *abi.BlockedSyscall) abi.Errno {
	written := 0
	for i := mm.First(c.As, uint32(b.Args[corePage])); i != 0; i = kmem.Vma(i).Next {
		v := kmem.Vma(i)
		pages := mm.DumpedPages(c.As, v)
		for end := v.StartPage + pages; ; {
			page, frame, e := mm.NextDumped(c, c.As, v, mm.Range{From: max(uint32(b.Args[corePage]), v.StartPage), To: end})
			b.Args[corePage] = uint64(page)
			switch {
			case e != abi.OK:
				return e
			case frame != 0 && b.Args[coreLeft] < uint64(kmem.PageSize):
				return abi.EFBIG
			case frame != 0:
				if e := writeCore(c, inode, b.Args[corePos]+uint64(page-v.StartPage)<<kmem.PageShift, kmem.Span{Addr: frame, Len: kmem.PageSize}); e != abi.OK {
					return e
				}
				b.Args[coreLeft] -= uint64(kmem.PageSize)
				b.Args[corePage]++
				if written++; written%corePages == 0 && sched.Overdue(c) {
					return abi.ERESCHED
				}
				continue
			}
			break
		}
		b.Args[corePos] += uint64(pages) << kmem.PageShift
		b.Args[corePage] = uint64(v.EndPage)
	}
	return abi.OK
}

func writeCore(c *sched.Ctx, inode abi.InodeRef, at uint64, src kmem.Span) abi.Errno {
	c.Buf = mm.Buf{Addr: uint64(src.Addr), Len: src.Len}
	_, e := vfs.WriteAt(c, inode, at, &c.Buf)
	return e
}

// A coreFile collects the beginning of a core file in c.Vec.
type coreFile struct {
	c     *sched.Ctx
	inode abi.InodeRef
	fill  uint32
	// at is where in the file the next byte goes.
	at uint64
	e  abi.Errno
}

const _ = unsafe.Sizeof(kmem.Scratch{}.Core) - unsafe.Sizeof(coreFile{})

func (f *coreFile) flush() {
	if f.fill != 0 && f.e == abi.OK {
		f.e = writeCore(f.c, f.inode, f.at-uint64(f.fill), kmem.Span{Addr: f.c.Vec, Len: f.fill})
	}
	f.fill = 0
}

// put adds n bytes of memory.
func (f *coreFile) put(src kmem.Span) {
	for src.Len != 0 {
		part := min(src.Len, coreBuffer-f.fill)
		kmem.Copy(f.c.Vec+f.fill, src.Addr, part)
		f.fill += part
		f.at += uint64(part)
		src.Addr += part
		src.Len -= part
		if f.fill == coreBuffer {
			f.flush()
		}
	}
}

// word adds a number of n bytes.
func (f *coreFile) word(v uint64, n uint32) {
	kmem.Store64(f.c.Page, v)
	f.put(kmem.Span{Addr: f.c.Page, Len: n})
}

// blank is a struct of n bytes of zeros in c.Page, which put then adds.
func blank[T any](f *coreFile, n uint32) *T {
	kmem.Zero(f.c.Page, n)
	return (*T)(kmem.Ptr(f.c.Page))
}

// note adds the header of a note of n bytes.
func (f *coreFile) note(kind abi.CoreNote, n uint32) {
	h := blank[abi.Elf64Nhdr](f, abi.Elf64NhdrSize+noteName)
	h.Namesz, h.Descsz, h.Type = uint32(len("CORE")+1), n, uint32(kind)
	copy(kmem.Bytes(f.c.Page+abi.Elf64NhdrSize, noteName), "CORE")
	f.put(kmem.Span{Addr: f.c.Page, Len: abi.Elf64NhdrSize + noteName})
}

func noteBytes(n uint32) uint64 { return uint64(abi.Elf64NhdrSize+noteName) + alignUp(uint64(n), 4) }

// nextOther is the thread behind i, 0 the first, that lives and is not the
// caller's; 0 when there is none.
func nextOther(c *sched.Ctx, i abi.ThreadRef) abi.ThreadRef {
	if i == 0 {
		i = c.P().Live.ThreadHead
	} else {
		i = kmem.Thread(i).Live.NextInProcess
	}
	for i != 0 && (i == c.Thread || kmem.Thread(i).State.LoadRunState() == abi.ThreadRunStateExited) {
		i = kmem.Thread(i).Live.NextInProcess
	}
	return i
}

// describe writes the headers and notes of the caller's process, which ends by
// a signal.
func (f *coreFile) describe(s *Sig) {
	c, as := f.c, kmem.AddressSpace(f.c.As)
	files, fileBytes := fileNoteSize(c)
	auxv := min(as.State.AuxvLen, uint32(len(as.State.Auxv)))
	threads := uint64(1)
	for i := nextOther(c, 0); i != 0; i = nextOther(c, i) {
		threads++
		if t := kmem.Thread(i); t.State.LoadRunState() == abi.ThreadRunStateRunning {
			sched.EvictHart(t.State.Hart) // its registers stay as they are
		}
	}
	notes := noteBytes(abi.ElfPrpsinfoSize) + noteBytes(abi.SiginfoSize) + noteBytes(auxv*8) + noteBytes(fileBytes) +
		threads*(noteBytes(abi.ElfPrstatusSize)+noteBytes(fpregBytes))
	headers := as.State.VmaCount + 1
	at := uint64(abi.Elf64EhdrSize + headers*abi.Elf64PhdrSize)
	h := blank[abi.Elf64Ehdr](f, abi.Elf64EhdrSize)
	copy(h.Ident[:], "\x7fELF")
	h.Ident[4], h.Ident[5], h.Ident[6] = byte(abi.ELFCLASS64), byte(abi.ELFDATA2LSB), 1
	h.Type, h.Machine, h.Version, h.Flags = abi.ET_CORE, abi.EM_RISCV, 1, coreFlags
	h.Ehsize, h.Phoff, h.Phentsize, h.Phnum = uint16(abi.Elf64EhdrSize), uint64(abi.Elf64EhdrSize), uint16(abi.Elf64PhdrSize), uint16(headers)
	f.put(c.InPage(abi.Elf64EhdrSize))
	n := blank[abi.Elf64Phdr](f, abi.Elf64PhdrSize)
	n.Type, n.Offset, n.Filesz = abi.PT_NOTE, at, notes
	f.put(c.InPage(abi.Elf64PhdrSize))
	f.segments(alignUp(at+notes, uint64(kmem.PageSize)))
	f.thread(c.Thread, s)
	f.process()
	f.note(abi.NT_SIGINFO, abi.SiginfoSize)
	fillSiginfo(blank[abi.Siginfo](f, abi.SiginfoSize), s)
	f.put(c.InPage(abi.SiginfoSize))
	f.note(abi.NT_AUXV, auxv*8)
	for _, v := range as.State.Auxv[:auxv] {
		f.word(v, 8)
	}
	f.note(abi.NT_FILE, fileBytes)
	f.fileNote(files)
	f.floats(c.Thread)
	for i := nextOther(c, 0); i != 0; i = nextOther(c, i) {
		f.thread(i, s)
		f.floats(i)
	}
}

// coreFlags are the ELF flags of RV64GC programs: compressed instructions, and
// doubles in registers.
const coreFlags = 0x5

// segments adds the headers of all mappings; the first one's bytes are at `at`.
func (f *coreFile) segments(at uint64) {
	for i := kmem.AddressSpace(f.c.As).State.VmaHead; i != 0; i = kmem.Vma(i).Next {
		v := kmem.Vma(i)
		size := uint64(mm.DumpedPages(f.c.As, v)) << kmem.PageShift
		h := blank[abi.Elf64Phdr](f, abi.Elf64PhdrSize)
		h.Type, h.Offset, h.Align, h.Filesz = abi.PT_LOAD, at, uint64(kmem.PageSize), size
		h.Vaddr, h.Memsz = uint64(v.StartPage)<<kmem.PageShift, uint64(v.EndPage-v.StartPage)<<kmem.PageShift
		if v.Flags&abi.VmaFlagRead != 0 {
			h.Flags |= abi.PF_R
		}
		if v.Flags&abi.VmaFlagWrite != 0 {
			h.Flags |= abi.PF_W
		}
		if v.Flags&abi.VmaFlagExec != 0 {
			h.Flags |= abi.PF_X
		}
		f.put(kmem.Span{Addr: f.c.Page, Len: abi.Elf64PhdrSize})
		at += size
	}
}

// thread adds the note of a thread's registers.
func (f *coreFile) thread(i abi.ThreadRef, s *Sig) {
	t, p := kmem.Thread(i), f.c.P()
	f.note(abi.NT_PRSTATUS, abi.ElfPrstatusSize)
	r := blank[abi.ElfPrstatus](f, abi.ElfPrstatusSize)
	r.Signo, r.Cursig = int32(s.Signo), int16(s.Signo)
	r.Sigpend, r.Sighold = t.State.Pending, t.State.Sigmask
	r.Pid, r.Ppid, r.Pgrp, r.Sid = int32(t.State.Tid), int32(Ppid(p)), int32(p.State.Pgid), int32(p.State.Sid)
	r.Utime, r.Stime = TimevalOf(t.State.UserNs), TimevalOf(t.State.SystemNs)
	r.Cutime, r.Cstime = TimevalOf(p.State.ChildUserNs), TimevalOf(p.State.ChildSystemNs)
	r.Regs.Pc = t.Cpu.Pc
	for k := range r.Regs.X {
		r.Regs.X[k] = t.Cpu.X[k+1]
	}
	r.Fpvalid = 1
	f.put(kmem.Span{Addr: f.c.Page, Len: abi.ElfPrstatusSize})
}

// floats adds the note of a thread's floating-point registers.
func (f *coreFile) floats(i abi.ThreadRef) {
	cpu := &kmem.Thread(i).Cpu
	f.note(abi.NT_PRFPREG, fpregBytes)
	for _, v := range cpu.F {
		f.word(v, 8)
	}
	f.word(uint64(cpu.Fcsr), 8)
}

// process adds the note of what ps(1) tells of the process.
func (f *coreFile) process() {
	c, p := f.c, f.c.P()
	s := &p.State
	n, e := mm.CopyInAs(c, c.InPath(uint32(min(s.ArgEnd-s.ArgStart, 79))), mm.User{As: c.As, Va: s.ArgStart})
	if e == abi.EBLOCKED {
		sched.CancelWaits(c)
	}
	f.note(abi.NT_PRPSINFO, abi.ElfPrpsinfoSize)
	r := blank[abi.ElfPrpsinfo](f, abi.ElfPrpsinfoSize)
	r.Sname, r.Nice = 'R', int8(c.T().State.Nice)
	r.Uid, r.Gid = s.Uid, s.Gid
	r.Pid, r.Ppid, r.Pgrp, r.Sid = int32(s.Pid), int32(Ppid(p)), int32(s.Pgid), int32(s.Sid)
	copy(r.Fname[:15], s.Comm[:])
	for k, b := range kmem.Bytes(c.Path, n) {
		if b == 0 {
			b = ' '
		}
		r.Psargs[k] = b
	}
	f.put(c.InPage(abi.ElfPrpsinfoSize))
}

// filePath is the path of a mapped file, in c.Path2: c.Page collects records.
func filePath(c *sched.Ctx, v *abi.VmaSlot) kmem.Span {
	path, _, e := vfs.Path(c, v.Dentry, c.InPath2(uint32(abi.FixedPathMax)))
	if e != abi.OK {
		return c.InPath2(0)
	}
	return path
}

// fileNoteSize is how many mappings are of files, and the length of their note.
func fileNoteSize(c *sched.Ctx) (count, length uint32) {
	length = 16
	for i := kmem.AddressSpace(c.As).State.VmaHead; i != 0; i = kmem.Vma(i).Next {
		if v := kmem.Vma(i); v.Dentry != 0 {
			count++
			length += 24 + filePath(c, v).Len + 1
		}
	}
	return count, length
}

// fileNote adds the note of mapped files: where they lie, then their paths.
func (f *coreFile) fileNote(count uint32) {
	from, first := f.at, kmem.AddressSpace(f.c.As).State.VmaHead
	f.word(uint64(count), 8)
	f.word(uint64(kmem.PageSize), 8)
	for i := first; i != 0; i = kmem.Vma(i).Next {
		if v := kmem.Vma(i); v.Dentry != 0 {
			f.word(uint64(v.StartPage)<<kmem.PageShift, 8)
			f.word(uint64(v.EndPage)<<kmem.PageShift, 8)
			f.word(uint64(v.FilePage), 8)
		}
	}
	for i := first; i != 0; i = kmem.Vma(i).Next {
		if v := kmem.Vma(i); v.Dentry != 0 {
			f.put(filePath(f.c, v))
			f.word(0, 1)
		}
	}
	f.word(0, uint32(-(f.at-from)&3))
}
