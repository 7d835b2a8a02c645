package rpc

import (
	"unsafe"

	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/kmem"
	"foreshore.dev/kernel/pagecache"
	"foreshore.dev/kernel/proc"
	"foreshore.dev/kernel/sched"
	"foreshore.dev/kernel/trace"
)

// span turns a place in the client's arena into a linear address.
func span(client uint32, a abi.ArenaSpan) (uint32, abi.Errno) {
	s := kmem.Client(client)
	if a.Offset > s.ArenaBytes || a.Length > s.ArenaBytes-a.Offset {
		return 0, abi.EINVAL
	}
	return s.ArenaBase + a.Offset, abi.OK
}

// as reads the request as the struct of its opcode.
func as[T any](p *abi.PendingRequestSlot) *T { return (*T)(unsafe.Pointer(&p.Entry)) }

// handle makes one request. Nothing that it reads from the arena is trusted,
// or read twice.
func handle(c *sched.Ctx, p *abi.PendingRequestSlot, a *answer) abi.Errno {
	client := p.Client
	switch as[abi.RpcHeader](p).Opcode {
	case abi.OpcodeKernelInit:
		return kernelInit(c, client, as[abi.KernelInitRequest](p), a)
	case abi.OpcodeWriteFile:
		return writeFile(c, p, as[abi.WriteFileRequest](p), a)
	case abi.OpcodeWriteFiles:
		r := as[abi.WriteFilesRequest](p)
		return writeFiles(c, client, r.Records, r.Count, a)
	case abi.OpcodeApplyFileLayer:
		return applyFileLayer(c, client, as[abi.ApplyFileLayerRequest](p), a)
	case abi.OpcodeSymlink:
		return symlink(c, client, as[abi.SymlinkRequest](p))
	case abi.OpcodeReadFile:
		return readFile(c, client, as[abi.ReadFileRequest](p), a)
	case abi.OpcodeReadlink:
		return readlink(c, client, as[abi.ReadlinkRequest](p), a)
	case abi.OpcodeMkdir:
		return mkdir(c, client, as[abi.MkdirRequest](p))
	case abi.OpcodeStat:
		return stat(c, client, as[abi.StatRequest](p), a)
	case abi.OpcodeReaddir:
		return readdir(c, client, as[abi.ReaddirRequest](p), a)
	case abi.OpcodeUnlink:
		return unlink(c, client, as[abi.UnlinkRequest](p))
	case abi.OpcodeRename:
		return rename(c, client, as[abi.RenameRequest](p))
	case abi.OpcodeChmod:
		return chmod(c, client, as[abi.ChmodRequest](p))
	case abi.OpcodeRegisterProcess:
		return registerProcess(c, client, as[abi.RegisterProcessRequest](p), a)
	case abi.OpcodeStartProcess:
		return startProcess(as[abi.StartProcessRequest](p))
	case abi.OpcodeWaitProcess:
		return waitProcess(c, as[abi.WaitProcessRequest](p), a)
	case abi.OpcodeKillProcess:
		return killProcess(c, as[abi.KillProcessRequest](p))
	case abi.OpcodeStreamRead:
		return streamRead(c, client, as[abi.StreamReadRequest](p), a)
	case abi.OpcodeStreamWrite:
		return streamWrite(c, client, as[abi.StreamWriteRequest](p), a)
	case abi.OpcodeStreamPoll:
		return streamPoll(c, as[abi.StreamPollRequest](p), a)
	case abi.OpcodeStreamClose:
		return streamClose(c, as[abi.StreamCloseRequest](p))
	case abi.OpcodeMakeMemfd:
		return makeMemfd(c, client, as[abi.MakeMemfdRequest](p), a)
	case abi.OpcodeResizeTerminal:
		return resizeTerminal(c, as[abi.ResizeTerminalRequest](p))
	case abi.OpcodeCancel:
		return cancel(c, client, as[abi.CancelRequest](p).Target)
	case abi.OpcodeBlobFilled:
		r := as[abi.BlobFilledRequest](p)
		return pagecache.FillDone(r.Token, r.Bytes, abi.Errno(r.Result))
	case abi.OpcodeResumeBlockedSyscall:
		r := as[abi.ResumeBlockedSyscallRequest](p)
		i := kmem.Lookup(abi.SlotKindThread, r.Thread)
		if i == 0 {
			return abi.ESRCH
		}
		return proc.ResumeBlocked(c, i, r.Result)
	case abi.OpcodeProcesses:
		return processes(client, as[abi.ProcessesRequest](p), a)
	case abi.OpcodeDiagnostics:
		return diagnostics(client, as[abi.DiagnosticsRequest](p).Reply, a)
	case abi.OpcodeCreateOwner:
		return createOwner(client, as[abi.CreateOwnerRequest](p).Budget, a)
	case abi.OpcodeCloseOwner:
		return closeOwner(c, as[abi.CloseOwnerRequest](p).Owner)
	case abi.OpcodeAttachClient:
		return attachClient(a)
	case abi.OpcodeDetachClient:
		return detachClient(c, client, as[abi.DetachClientRequest](p).Client)
	case abi.OpcodeSetTrace:
		trace.Set(as[abi.SetTraceRequest](p).Syscalls != 0)
		return abi.OK
	}
	return abi.EOPNOTSUPP
}

func createOwner(client, budget uint32, a *answer) abi.Errno {
	i := kmem.Alloc(abi.SlotKindOwner)
	if i == 0 {
		return abi.ENOSPC
	}
	o := kmem.Owner(i)
	if !sched.NewStatusRing(o) {
		kmem.Free(abi.SlotKindOwner, i)
		return abi.ENOMEM
	}
	o.Client, o.Budget = client, max(budget, 1)
	a.handle = kmem.Handle(abi.SlotKindOwner, i)
	return abi.OK
}

// closeOwner kills the owner's processes and answers when they are gone.
func closeOwner(c *sched.Ctx, h abi.SlotHandle) abi.Errno {
	i := kmem.Lookup(abi.SlotKindOwner, h)
	if i == 0 {
		return abi.ESRCH
	}
	if i == proc.DefaultOwner {
		return abi.EPERM
	}
	proc.KillOwned(c, i)
	if kmem.Owner(i).Processes.Load() != 0 {
		return sched.WaitOn(c, &kmem.Owner(i).ExitWait, ^uint32(0))
	}
	freeOwner(i)
	return abi.OK
}
