package proc

import (
	"unsafe"

	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/cred"
	"foreshore.dev/kernel/file"
	"foreshore.dev/kernel/kmem"
	"foreshore.dev/kernel/mm"
	"foreshore.dev/kernel/sched"
	"foreshore.dev/kernel/vfs"
)

// execve(2). A new address space is built beside the old one; until it is
// complete nothing of the caller changes, so an error, or a page of a file
// that must come in first, just drops it.

// Parts of the hart's Vec scratch area.
const (
	vecExecFn = 0    // the name that was executed
	vecScript = 4096 // name of the file at hand
	vecHeader = 8192 // first bytes of the file at hand
	vecPrefix = vecHeader + 512
	vecEnd    = kmem.VecBytes
)

// Strings are the arguments and environment of an exec: arrays of pointers in
// user memory of As, or strings one behind the other in linear memory.
type Strings struct {
	As         abi.AddressSpaceRef
	Argv, Envp uint64
	Linear     uint32
	Bytes      uint32
	Argc, Envc uint32
	// Dirfd bytes of c.Path2 are what comes before a path that a descriptor's
	// directory begins: "/dev/fd/N". Unreachable: that name is gone after the
	// exec (close-on-exec), so that no interpreter could open it.
	Dirfd       uint32
	Unreachable bool
}

// Program is what an exec is to run: the file that a path of PathLen bytes in c.Path
// names from Dir on, with vfs.Follow in Follow or not; or File, which is found
// already (execveat(2) with AT_EMPTY_PATH), and which the path only names.
type Program struct {
	Dir, File       abi.DentryRef
	PathLen, Follow uint32
	Strings
}

// plan is an exec in progress, in scratch memory of the hart.
type plan struct {
	main, interp image
	program      Program
	as           abi.AddressSpaceRef
	// linear is where the next string of linear memory begins.
	linear  uint32
	auxvLen int
	// prefix..vecEnd of Vec hold prefixCount strings that replace the first
	// `skip` arguments: what "#!" lines put in front.
	prefix, prefixCount, skip uint32
	execFnLen                 uint32
	// named is what the path names, behind which there may be an interpreter.
	named abi.DentryRef
}

const _ = unsafe.Sizeof(kmem.Scratch{}.Exec) - unsafe.Sizeof(plan{})

// Exec replaces what a thread of a process runs. It returns ENORETURN on success.
func Exec(c *sched.Ctx, process abi.ProcessRef, thread abi.ThreadRef, program *Program) abi.Errno {
	p := (*plan)(unsafe.Pointer(&kmem.ScratchOf(c.Hart).Exec))
	n, s := program.PathLen, &program.Strings
	*p = plan{prefix: vecEnd, execFnLen: n, program: *program}
	at := c.Vec + vecExecFn
	if s.Dirfd != 0 {
		if p.execFnLen += s.Dirfd + 1; p.execFnLen >= uint32(abi.FixedPathMax) {
			return abi.ENAMETOOLONG
		}
		kmem.Copy(at, c.Path2, s.Dirfd)
		*(*byte)(kmem.Ptr(at + s.Dirfd)) = '/'
		at += s.Dirfd + 1
	}
	kmem.Copy(at, c.Path, n)
	*(*byte)(kmem.Ptr(at + n)) = 0
	e := p.build(c)
	if e == abi.OK {
		var sp uint64
		c.Filling = p.as
		sp, e = p.pushArgs(c, process)
		c.Filling = 0
		if e == abi.OK {
			e = p.commit(c, process, thread, sp)
		}
	}
	if p.interp.dentry != 0 {
		vfs.Put(p.interp.dentry)
	}
	if p.named != 0 {
		if sched.GoesOn(e) {
			vfs.HoldDentry(c, p.named)
		}
		vfs.Put(p.named)
	}
	if e != abi.OK {
		if p.as != 0 {
			mm.Drop(p.as)
		}
		if p.main.dentry != 0 {
			vfs.Put(p.main.dentry)
		}
		return e
	}
	kmem.Header().Counters.Execs++
	return abi.ENORETURN
}

// build finds the program behind any "#!" and loads it.
func (p *plan) build(c *sched.Ctx) abi.Errno {
	x := &p.program // Dir, PathLen and Follow are of what is looked up next
	found := x.File
	script := p.execFnLen // length of the name in vecScript
	kmem.Copy(c.Vec+vecScript, c.Vec+vecExecFn, script+1)
	for depth := 0; ; depth++ {
		if held := vfs.HeldDentry(c); depth == 0 && held != 0 {
			found = held // by an earlier attempt
		}
		d, e := found, abi.OK
		if found != 0 {
			vfs.Hold(d)
			e, found = mayExec(c, d, depth == 0), 0
		} else {
			d, e = openExec(c, vfs.PathAt{Dir: x.Dir, Span: c.InPath(x.PathLen)}, x.Follow, depth == 0)
		}
		if e != abi.OK {
			return e
		}
		if depth == 0 {
			p.named = d
			vfs.Hold(d)
		}
		p.main.dentry, p.main.inode = d, vfs.InodeOf(d)
		is, e := p.isScript(c)
		if e != abi.OK {
			return e
		}
		if !is {
			break
		}
		if depth == int(abi.LimitScriptDepth) {
			return abi.ELOOP
		}
		if x.Unreachable {
			return abi.ENOENT
		}
		if x.PathLen, e = p.unwrapScript(c, script); e != abi.OK {
			return e
		}
		script, x.Dir, x.Follow = x.PathLen, vfs.CwdOf(c), vfs.Follow
		vfs.Put(d)
		p.main.dentry = 0
	}
	if p.as = mm.New(); p.as == 0 {
		return abi.ENOMEM
	}
	if e := load(c, p.as, &p.main, pieBase); e != abi.OK {
		return e
	}
	if e := mm.MapStack(c, p.as, p.main.execStack); e != abi.OK {
		return e
	}
	if e := mm.MapFrame(c, p.as, uint32(vdsoAddress>>kmem.PageShift), state().Vdso); e != abi.OK {
		return e
	}
	as := kmem.AddressSpace(p.as)
	as.State.BrkStart, as.State.Brk = p.main.end, p.main.end
	if p.main.interp {
		return p.loadInterp(c)
	}
	return abi.OK
}

// isScript reads the file's first bytes and looks for "#!".
func (p *plan) isScript(c *sched.Ctx) (bool, abi.Errno) {
	head := c.Vec + vecHeader
	size := kmem.Inode(p.main.inode).State.Size
	n := uint32(min(size, 256))
	kmem.Zero(head, 512)
	if e := readAt(c, p.main.inode, 0, kmem.Span{Addr: head, Len: n}); e != abi.OK {
		return false, e
	}
	b := kmem.Bytes(head, 2)
	return b[0] == '#' && b[1] == '!', abi.OK
}

// unwrapScript puts the interpreter of a "#!" line, its argument and the
// script's name in front of the arguments, and the interpreter's path into
// c.Path (execve(2), "Interpreter scripts").
func (p *plan) unwrapScript(c *sched.Ctx, n uint32) (uint32, abi.Errno) {
	b := kmem.Bytes(c.Vec+vecHeader, 256)
	end := 2
	for end < 255 && b[end] != '\n' && b[end] != 0 {
		end++
	}
	cutOff := b[end] != '\n' && b[end] != 0
	from := 2
	for from < end && (b[from] == ' ' || b[from] == '\t') {
		from++
	}
	for end > from && (b[end-1] == ' ' || b[end-1] == '\t') {
		end--
	}
	nameEnd := from
	for nameEnd < end && b[nameEnd] != ' ' && b[nameEnd] != '\t' {
		nameEnd++
	}
	if nameEnd == from || cutOff && nameEnd == end {
		return 0, abi.ENOEXEC // no name, or one that does not end within the line's first 255 bytes
	}
	arg := nameEnd
	for arg < end && (b[arg] == ' ' || b[arg] == '\t') {
		arg++
	}
	// The first argument so far named the script: it goes.
	if p.prefixCount == 0 {
		p.skip = 1
	} else {
		for *(*byte)(kmem.Ptr(c.Vec + p.prefix)) != 0 {
			p.prefix++
		}
		p.prefix++
		p.prefixCount--
	}
	if !p.prepend(c, kmem.Span{Addr: c.Vec + vecScript, Len: n}) {
		return 0, abi.E2BIG
	}
	if arg < end && !p.prepend(c, kmem.Span{Addr: c.Vec + vecHeader + uint32(arg), Len: uint32(end - arg)}) {
		return 0, abi.E2BIG
	}
	length := uint32(nameEnd - from)
	if !p.prepend(c, kmem.Span{Addr: c.Vec + vecHeader + uint32(from), Len: length}) {
		return 0, abi.E2BIG
	}
	kmem.Copy(c.Path, c.Vec+p.prefix, length+1)
	kmem.Copy(c.Vec+vecScript, c.Path, length+1)
	return length, abi.OK
}

// prepend puts a string of n bytes in front of the prefix strings.
func (p *plan) prepend(c *sched.Ctx, src kmem.Span) bool {
	if p.prefix-vecPrefix < src.Len+1 {
		return false
	}
	p.prefix -= src.Len + 1
	kmem.Copy(c.Vec+p.prefix, src.Addr, src.Len)
	*(*byte)(kmem.Ptr(c.Vec + p.prefix + src.Len)) = 0
	p.prefixCount++
	return true
}

// loadInterp loads the dynamic linker that PT_INTERP names.
func (p *plan) loadInterp(c *sched.Ctx) abi.Errno {
	n := uint32(0) // the program's headers are still where load read them
	for i := range p.main.phnum {
		if ph := phdrAt(c, i); ph.Type == abi.PT_INTERP {
			n = uint32(ph.Filesz)
			if e := readAt(c, p.main.inode, ph.Offset, c.InPath(n)); e != abi.OK {
				return e
			}
			break
		}
	}
	if n == 0 || *(*byte)(kmem.Ptr(c.Path + n - 1)) != 0 {
		return abi.ENOEXEC
	}
	d, e := openExec(c, vfs.PathAt{Dir: vfs.CwdOf(c), Span: c.InPath(n - 1)}, vfs.Follow, false)
	if e != abi.OK {
		return e
	}
	p.interp.dentry, p.interp.inode = d, vfs.InodeOf(d)
	if e = load(c, p.as, &p.interp, 0); e == abi.ENOEXEC {
		e = abi.ELIBBAD
	}
	return e
}

// commit is the point of no return: the process becomes the new program.
func (p *plan) commit(c *sched.Ctx, process abi.ProcessRef, thread abi.ThreadRef, sp uint64) abi.Errno {
	pr := kmem.Process(process)
	bounds := *(*argsAt)(kmem.Ptr(c.Vec + vecHeader))
	old := pr.State.AddressSpace
	if pr.State.AddressSpace != 0 {
		if e := unshareForExec(c, pr); e != abi.OK {
			return e
		}
		deleteTimers(process) // they may name threads by their tids
		killOthers(c, 0)
		becomeLeader(process, thread)
		leaveMemory(c, thread, pr.State.AddressSpace)
		piOwnerGone(c, thread)
		sched.CancelWaits(c) // for pages of memory that is left
		file.CloseOnExec(c, pr.State.FdTable)
		releaseVfork(pr)
	}
	keepPeak(pr)
	dropExe(pr)
	kmem.Up(&kmem.Inode(p.main.inode).Live.Execs)
	kmem.WriteBegin(&pr.Header)
	s := &pr.State
	s.ExeDentry, s.AddressSpace = p.main.dentry, p.as
	s.ArgStart, s.ArgEnd, s.EnvStart, s.EnvEnd = bounds.argStart, bounds.argEnd, bounds.envStart, bounds.envEnd
	s.Flags &^= abi.ProcessFlagForkNoExec
	// Linux does the same (fs/exec.c, de_thread): who chose it is gone.
	s.ExitSignal = abi.SIGCHLD
	setComm(c, pr, p.execFnLen)
	in, euid, egid := kmem.Inode(p.main.inode), s.Euid, s.Egid
	if in.State.Mode&abi.S_ISUID != 0 && s.Flags&abi.ProcessFlagNoNewPrivs == 0 {
		s.Euid = in.State.Uid
	}
	if in.State.Mode&abi.S_ISGID != 0 && s.Flags&abi.ProcessFlagNoNewPrivs == 0 {
		s.Egid = in.State.Gid
	}
	cred.Exec(s, s.Euid != s.Uid && s.Euid != euid || s.Egid != s.Gid && s.Egid != egid)
	s.Suid, s.Fsuid, s.Sgid, s.Fsgid = s.Euid, s.Euid, s.Egid, s.Egid
	kmem.WriteEnd(&pr.Header)
	if old != 0 {
		mm.Drop(old)
	}
	resetActions(s.Sighand)
	t := kmem.Thread(thread)
	t.State.AltStack = abi.Sigaltstack{Flags: abi.SS_DISABLE}
	t.State.ClearChildTid, t.State.RobustList = 0, 0
	kmem.SetName(&t.Header, &t.State.Name, &s.Comm)
	instret := t.Cpu.Instret
	t.Cpu = abi.CpuContext{}
	t.Cpu.Instret = instret
	t.Cpu.Pc = pcOf(p.main.entry)
	if p.main.interp {
		t.Cpu.Pc = pcOf(p.interp.entry)
	}
	t.Cpu.X[regSP] = sp
	t.Cpu.As = p.as
	if c.Thread == thread {
		c.As = p.as
	}
	return abi.OK
}

// unshareForExec gives the process files and actions of its own.
func unshareForExec(c *sched.Ctx, p *abi.ProcessSlot) abi.Errno {
	if e := file.UnshareTable(c, p); e != abi.OK {
		return e
	}
	if kmem.Sighand(p.State.Sighand).Header.Refs > 1 {
		own := kmem.Alloc[abi.SighandRef]()
		if own == 0 {
			return abi.ENOMEM
		}
		kmem.Sighand(own).Actions = kmem.Sighand(p.State.Sighand).Actions
		dropSighand(p.State.Sighand)
		p.State.Sighand = own
	}
	return abi.OK
}

// becomeLeader: the thread that calls execve goes on as its process's only
// thread, under the process's id.
func becomeLeader(process abi.ProcessRef, thread abi.ThreadRef) {
	p := kmem.Process(process)
	old := p.State.Leader
	if old == thread {
		return
	}
	pid := p.State.Pid
	kmem.WriteBegin(&p.Header)
	p.State.Leader = thread
	kmem.WriteEnd(&p.Header)
	freeThread(old)
	unhashThread(thread)
	t := kmem.Thread(thread)
	kmem.WriteBegin(&t.Header)
	t.State.Tid = pid
	kmem.WriteEnd(&t.Header)
	t.State.Flags |= abi.ThreadFlagLeader
	hashThread(thread)
}

// resetActions: handlers are gone with the program, ignored signals stay so.
func resetActions(sighand abi.SighandRef) {
	h := kmem.Sighand(sighand)
	for i := range h.Actions {
		a := &h.Actions[i]
		if a.Handler != abi.SIG_IGN {
			a.Handler = abi.SIG_DFL
		}
		a.Flags, a.Mask = 0, 0
	}
}

// setComm names the process after the last component of what was executed.
func setComm(c *sched.Ctx, p *abi.ProcessSlot, n uint32) {
	name := kmem.Bytes(c.Vec+vecExecFn, n)
	from := uint32(0)
	for i := range n {
		if name[i] == '/' {
			from = i + 1
		}
	}
	p.State.Comm = [16]byte{}
	for i := uint32(0); i < 15 && from+i < n; i++ {
		p.State.Comm[i] = name[from+i]
	}
}

func ptrOf[T any](p *T) unsafe.Pointer { return unsafe.Pointer(p) }

// holdExe and dropExe count a process as one that executes its file: nobody
// may open it for writing meanwhile (ETXTBSY).
func holdExe(p *abi.ProcessSlot) {
	if d := p.State.ExeDentry; d != 0 {
		vfs.Hold(d)
		kmem.Up(&kmem.Inode(vfs.InodeOf(d)).Live.Execs)
	}
}

func dropExe(p *abi.ProcessSlot) {
	if d := p.State.ExeDentry; d != 0 {
		p.State.ExeDentry = 0
		kmem.Down(&kmem.Inode(vfs.InodeOf(d)).Live.Execs)
		vfs.Put(d)
	}
}
