package rpc

import (
	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/kmem"
	"foreshore.dev/kernel/pagecache"
	"foreshore.dev/kernel/proc"
	"foreshore.dev/kernel/sched"
	"foreshore.dev/kernel/trace"
)

// Handlers make the requests of their names (dispatch.go). Each reads its entry
// and the arena of its client, of which nothing is trusted, or read twice; it may
// be made again from its beginning after EBLOCKED. What concerns one area is in
// its file, the rest here.

// span turns a place in the client's arena into a linear address.
func span(client uint32, a abi.ArenaSpan) (kmem.Span, abi.Errno) {
	s := kmem.Client(client)
	if a.Offset > s.ArenaBytes || a.Length > s.ArenaBytes-a.Offset {
		return kmem.Span{}, abi.EINVAL
	}
	return kmem.Span{Addr: s.ArenaBase + a.Offset, Len: a.Length}, abi.OK
}

// noop is answered before it gets a slot (begin).
func noop(*sched.Ctx, *abi.PendingRequestSlot, *abi.NoopRequest) abi.Errno { return abi.OK }

func blobFilled(_ *sched.Ctx, _ *abi.PendingRequestSlot, r *abi.BlobFilledRequest) abi.Errno {
	return pagecache.FillDone(r.Token, r.Bytes, abi.Errno(r.Result))
}

func resumeBlockedSyscall(c *sched.Ctx, _ *abi.PendingRequestSlot, r *abi.ResumeBlockedSyscallRequest) abi.Errno {
	i := kmem.Lookup[abi.ThreadRef](r.Thread)
	if i == 0 {
		return abi.ESRCH
	}
	return proc.ResumeBlocked(c, i, r.Result)
}

func setTrace(_ *sched.Ctx, _ *abi.PendingRequestSlot, r *abi.SetTraceRequest) abi.Errno {
	trace.Set(r.Syscalls != 0)
	return abi.OK
}
