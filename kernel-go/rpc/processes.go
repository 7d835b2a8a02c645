package rpc

import (
	"unsafe"

	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/fdtable"
	"foreshore.dev/kernel/kmem"
	"foreshore.dev/kernel/proc"
	"foreshore.dev/kernel/sched"
	"foreshore.dev/kernel/vfs"
)

const _ = unsafe.Sizeof(kmem.Scratch{}.Reply) - unsafe.Sizeof(abi.RegisterProcessReply{})

func registerProcess(c *sched.Ctx, p *abi.PendingRequestSlot, r *abi.RegisterProcessRequest, a *abi.RegisterProcessAnswer) abi.Errno {
	to, e := span(p.Client, r.Reply)
	if e != abi.OK || to.Len < abi.RegisterProcessReplySize || to.Addr&3 != 0 {
		return abi.EINVAL
	}
	strings, e := span(p.Client, r.Strings)
	if e != abi.OK {
		return e
	}
	cwd := rootDir()
	if r.Cwd.Length != 0 {
		if cwd, e = resolve(c, p.Client, r.Cwd, vfs.Follow|vfs.Directory); e != abi.OK {
			return e
		}
		defer vfs.Put(cwd)
	}
	x := proc.Program{Dir: cwd, Follow: vfs.Follow, Strings: proc.Strings{Linear: strings.Addr, Bytes: strings.Len, Argc: r.Argc, Envc: r.Envc}}
	if r.Program != 0 {
		if x.File, e = lentFile(p.Client, r.Program); e != abi.OK {
			return e
		}
	}
	at, e := path(c, p.Client, r.Path)
	if e != abi.OK {
		return e
	}
	x.PathLen = at.Len
	owner := r.Owner
	if owner == 0 {
		owner = proc.DefaultOwner
	}
	if owner >= kmem.End[abi.OwnerRef]() || kmem.Slot(owner).Generation.Load()&1 == 0 {
		return abi.ESRCH
	}
	process, e := proc.NewProgram(c, owner, &x)
	if e != abi.OK {
		return e
	}
	kmem.Process(process).Live.Client = p.Client
	registered := (*abi.RegisterProcessReply)(unsafe.Pointer(&kmem.ScratchOf(c.Hart).Reply))
	*registered = abi.RegisterProcessReply{Process: kmem.Handle(process), Pid: kmem.Process(process).State.Pid}
	if e := stdio(c, process, r, registered); e != abi.OK {
		proc.Discard(c, process)
		return e
	}
	*(*abi.RegisterProcessReply)(kmem.Ptr(to.Addr)) = *registered
	a.Bytes, a.Process, a.Pid = abi.RegisterProcessReplySize, registered.Process, uint64(registered.Pid)
	return abi.OK
}

func startProcess(c *sched.Ctx, p *abi.PendingRequestSlot, r *abi.StartProcessRequest) abi.Errno {
	i := kmem.Lookup[abi.ProcessRef](r.Process)
	if i == 0 {
		return abi.ESRCH
	}
	return proc.Start(i)
}

func waitProcess(c *sched.Ctx, p *abi.PendingRequestSlot, r *abi.WaitProcessRequest, a *abi.WaitProcessAnswer) abi.Errno {
	i := kmem.Lookup[abi.ProcessRef](r.Process)
	if i == 0 {
		return abi.ESRCH
	}
	child := kmem.Process(i)
	if child.State.Flags&abi.ProcessFlagOwnedByHost == 0 {
		return abi.ECHILD
	}
	if child.State.LoadRunState() != abi.ProcessRunStateZombie {
		return sched.WaitOn(c, &child.Live.ChildWait, sched.AllEvents)
	}
	a.Status, a.Instret = uint64(child.State.ExitStatus), child.State.Instret
	proc.Reap(i)
	return abi.OK
}

func killProcess(c *sched.Ctx, p *abi.PendingRequestSlot, r *abi.KillProcessRequest) abi.Errno {
	if r.Signal > 64 {
		return abi.EINVAL
	}
	s := proc.Sig{Signo: r.Signal, Code: int32(abi.SI_USER)}
	if r.Process.Index == 0 {
		if r.Pid == 0 {
			return abi.EINVAL
		}
		return proc.Kill(c, r.Pid, &s)
	}
	i := kmem.Lookup[abi.ProcessRef](r.Process)
	if i == 0 {
		return abi.ESRCH
	}
	if r.Pid < 0 {
		return proc.SendGroup(c, kmem.Process(i).State.Pgid, &s)
	}
	if r.Signal == abi.SIGKILL && kmem.Process(i).State.LoadRunState() == abi.ProcessRunStatePrepared {
		// Nothing of it has run: there is no end to be told.
		sched.WakeAll(&kmem.Process(i).Live.ChildWait)
		proc.Discard(c, i)
		return abi.OK
	}
	return proc.SendQueued(c, i, &s)
}

func processes(c *sched.Ctx, p *abi.PendingRequestSlot, r *abi.ProcessesRequest, a *abi.ProcessesAnswer) abi.Errno {
	to, e := span(p.Client, r.Reply)
	if e != abi.OK || to.Addr&7 != 0 {
		return abi.EINVAL
	}
	room := to.Len / abi.ProcessRowSize
	n := uint32(0)
	for i := kmem.Header().InitProcess; i != 0; i = kmem.Process(i).Live.NextProcess {
		if r.Owner != 0 && kmem.Process(i).State.Owner != r.Owner {
			continue
		}
		if n < room {
			row(i, (*abi.ProcessRow)(kmem.Ptr(to.Addr+n*abi.ProcessRowSize)))
		}
		n++
	}
	a.Bytes, a.Count = int64(min(n, room)*abi.ProcessRowSize), uint64(n)
	return abi.OK
}

func row(i abi.ProcessRef, r *abi.ProcessRow) {
	p := kmem.Process(i)
	*r = abi.ProcessRow{Handle: kmem.Handle(i), Pid: p.State.Pid, Ppid: proc.Ppid(p), Pgid: p.State.Pgid, Sid: p.State.Sid,
		State: p.State.LoadRunState(), Threads: p.Live.LiveThreads, Instret: p.State.Instret, Comm: p.State.Comm}
	for t := p.Live.ThreadHead; t != 0; t = kmem.Thread(t).Live.NextInProcess {
		r.Instret += kmem.Thread(t).Cpu.Instret
		r.Syscalls += kmem.Thread(t).State.Syscalls
	}
	if as := p.State.AddressSpace; as != 0 {
		r.ResidentPages = uint32(kmem.AddressSpace(as).State.ResidentPages)
	}
	if t := p.State.FdTable; t != 0 {
		for fd, ok := fdtable.Next(t, 0); ok; fd, ok = fdtable.Next(t, fd+1) {
			r.Fds++
		}
	}
}

func diagnostics(c *sched.Ctx, p *abi.PendingRequestSlot, r *abi.DiagnosticsRequest, a *abi.DiagnosticsAnswer) abi.Errno {
	to, e := span(p.Client, r.Reply)
	if e != abi.OK || to.Len < abi.MachineCountersSize || to.Addr&7 != 0 {
		return abi.EINVAL
	}
	n := (*abi.MachineCounters)(kmem.Ptr(to.Addr))
	*n = kmem.Header().Counters
	for i := kmem.Header().InitProcess; i != 0; i = kmem.Process(i).Live.NextProcess {
		running := kmem.Process(i)
		n.Instret += running.State.Instret
		for t := running.Live.ThreadHead; t != 0; t = kmem.Thread(t).Live.NextInProcess {
			n.Instret += kmem.Thread(t).Cpu.Instret
		}
	}
	a.Bytes = abi.MachineCountersSize
	return abi.OK
}

// BlobRequest tells the Runtime that pages of a blob source are wanted.
func BlobRequest(source uint32, position uint64, into kmem.Span, token uint32) {
	var e abi.BlobRequestEvent
	e.Header.Opcode = abi.OpcodeBlobRequest
	e.Source, e.Token, e.Position, e.Address, e.Length = source, token, position, into.Addr, into.Len
	send(unsafe.Pointer(&e), false)
}

// Unsupported reports a system call that is not there, once per process and number.
func Unsupported(c *sched.Ctx, number abi.Syscall) {
	p := c.P()
	key := uint64(p.State.Pid)<<32 | uint64(number) | 1<<63
	reported := &state().Reported
	slot := (p.State.Pid*31 + uint32(number)) % uint32(len(reported))
	if reported[slot] == key {
		return
	}
	reported[slot] = key
	var e abi.UnsupportedSyscallEvent
	e.Header.Opcode = abi.OpcodeUnsupportedSyscall
	e.Pid, e.Number = p.State.Pid, uint32(number)
	for i := range e.Args {
		e.Args[i] = c.Arg(i)
	}
	send(unsafe.Pointer(&e), true)
}
