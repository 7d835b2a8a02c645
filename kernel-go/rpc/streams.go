package rpc

import (
	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/file"
	"foreshore.dev/kernel/kmem"
	"foreshore.dev/kernel/mm"
	"foreshore.dev/kernel/sched"
)

// Open file descriptions that clients hold: the ends of a process's streams
// that are the host's, and files without a name. Reads and writes never wait,
// so that nobody's arena is held by a program that says nothing; polls do.

// arenaBuf is the buffer of n bytes at an address in a client's arena.
func arenaBuf(c *sched.Ctx, s kmem.Span) *mm.Buf {
	c.Buf = mm.Buf{Addr: uint64(s.Addr), Len: s.Len}
	return &c.Buf
}

func streamRead(c *sched.Ctx, p *abi.PendingRequestSlot, r *abi.StreamReadRequest, a *abi.StreamReadAnswer) abi.Errno {
	i := kmem.Lookup[abi.OfdRef](r.Ofd)
	if i == 0 {
		return abi.EBADF
	}
	to, e := span(p.Client, r.Reply)
	if e != abi.OK {
		return e
	}
	n, e := file.StreamRead(c, i, arenaBuf(c, to))
	if _, master := file.IsTty(i); master && e == abi.EIO {
		e = abi.OK // the last slave is closed: the end of what a terminal shows
	}
	a.Bytes = int64(n)
	return e
}

func streamWrite(c *sched.Ctx, p *abi.PendingRequestSlot, r *abi.StreamWriteRequest, a *abi.StreamWriteAnswer) abi.Errno {
	i := kmem.Lookup[abi.OfdRef](r.Ofd)
	if i == 0 {
		return abi.EBADF
	}
	from, e := span(p.Client, r.Data)
	if e != abi.OK {
		return e
	}
	n, e := file.StreamWrite(c, i, arenaBuf(c, from))
	a.Bytes = int64(n)
	return e
}

func streamPoll(c *sched.Ctx, p *abi.PendingRequestSlot, r *abi.StreamPollRequest, a *abi.StreamPollAnswer) abi.Errno {
	i := kmem.Lookup[abi.OfdRef](r.Ofd)
	if i == 0 {
		return abi.EBADF
	}
	events, e := file.StreamPoll(c, i, r.Events)
	a.Events = int64(events)
	if n, counted := file.Readable(i); counted == abi.OK {
		a.Bytes = uint64(n)
	}
	return e
}

func streamClose(c *sched.Ctx, p *abi.PendingRequestSlot, r *abi.StreamCloseRequest) abi.Errno {
	i := kmem.Lookup[abi.OfdRef](r.Ofd)
	if i == 0 {
		return abi.EBADF
	}
	return closeStream(c, i)
}

const memfdPrefix, memfdLongest = "memfd:", 249

func makeMemfd(c *sched.Ctx, p *abi.PendingRequestSlot, r *abi.MakeMemfdRequest, a *abi.MakeMemfdAnswer) abi.Errno {
	from, e := span(p.Client, r.Name)
	if e != abi.OK {
		return e
	}
	if from.Len > memfdLongest {
		return abi.EINVAL
	}
	prefix := uint32(len(memfdPrefix))
	copy(kmem.Bytes(c.Path, prefix), memfdPrefix)
	kmem.Copy(c.Path+prefix, from.Addr, from.Len)
	for _, b := range kmem.Bytes(c.Path+prefix, from.Len) {
		if b == 0 {
			return abi.EINVAL
		}
	}
	i, e := file.NewMemfd(c, c.InPath(prefix+from.Len), false)
	if e != abi.OK {
		return e
	}
	lend(p.Client, i)
	a.Ofd = kmem.Handle(i)
	return abi.OK
}

// lend counts a reference to an OFD that a client's stream holds.
func lend(client uint32, ofd abi.OfdRef) {
	o := kmem.Ofd(ofd)
	o.Live.Client = client
	kmem.Up(&o.Live.HostRefs)
}

// lentFile is the dentry of a file that MakeMemfd has made for a client.
func lentFile(client uint32, ofd abi.OfdRef) (abi.DentryRef, abi.Errno) {
	if ofd == 0 || ofd >= kmem.End[abi.OfdRef]() || !kmem.InUse(ofd) {
		return 0, abi.EBADF
	}
	o := kmem.Ofd(ofd)
	if o.Live.HostRefs == 0 || o.Live.Client != client || !file.IsRegular(ofd) {
		return 0, abi.EBADF
	}
	return o.State.Dentry, abi.OK
}

// closeStream gives a client's reference back; those of guests are none of its
// business.
func closeStream(c *sched.Ctx, ofd abi.OfdRef) abi.Errno {
	o := kmem.Ofd(ofd)
	if o.Live.HostRefs == 0 {
		return abi.EBADF
	}
	kmem.Down(&o.Live.HostRefs)
	file.WakeWaiters(ofd)
	file.CloseOfd(c, ofd)
	return abi.OK
}

func closeStreams(c *sched.Ctx, client uint32) {
	n := kmem.End[abi.OfdRef]()
	for i := abi.OfdRef(1); i < n; i++ {
		for kmem.InUse(i) && kmem.Ofd(i).Live.Client == client && kmem.Ofd(i).Live.HostRefs != 0 {
			_ = closeStream(c, i)
		}
	}
}
