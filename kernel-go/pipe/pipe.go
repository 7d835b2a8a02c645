// Package pipe owns pipes and FIFOs: a ring of frames between two free-running
// byte counters, who has it open, and who waits (pipe(7), fifo(7)).
//
// It does not own open file descriptions (file). Everything here wants the
// machine lock.
package pipe

import (
	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/bytequeue"
	"foreshore.dev/kernel/kmem"
	"foreshore.dev/kernel/mm"
	"foreshore.dev/kernel/sched"
	"foreshore.dev/kernel/vfs"
)

const (
	pageSize = kmem.PageSize
	// AtomicBytes is PIPE_BUF: a write of no more is not torn (pipe(7)).
	AtomicBytes = uint32(abi.FixedPageSize)

	pollIn  = abi.POLLIN | abi.POLLRDNORM
	pollOut = abi.POLLOUT | abi.POLLWRNORM
)

// SigPipe sends SIGPIPE to the caller (a hook: boot/wire.go).
var SigPipe func(c *sched.Ctx)

// New makes an anonymous pipe; nobody has it open yet. The reference of its
// inode passes to the caller (vfs.DropInode). ENFILE when a table is full.
func New(c *sched.Ctx) (pipe abi.PipeRef, e abi.Errno) {
	uid, gid := uint32(0), uint32(0)
	if c.Process != 0 {
		uid, gid = c.P().State.Fsuid, c.P().State.Fsgid
	}
	inode := vfs.NewInode(abi.FsTypePipefs, abi.S_IFIFO|0o600, uid, gid)
	if inode == 0 {
		return 0, abi.ENFILE
	}
	i := newPipe(inode, 0)
	if i == 0 {
		vfs.DropInode(inode)
		return 0, abi.ENFILE
	}
	return i, abi.OK
}

// newPipe gives an inode a pipe. The inode is held by those who open it.
func newPipe(inode abi.InodeRef, flags abi.PipeFlag) abi.PipeRef {
	i := kmem.Alloc[abi.PipeRef]()
	if i == 0 {
		return 0
	}
	sched.RecordEffect(abi.SyncEffectPipe)
	p := kmem.Pipe(i)
	kmem.WriteBegin(&p.Header)
	p.State.Queue.Capacity, p.State.Flags = bytequeue.UsualBytes, flags
	p.Live.Inode = inode
	kmem.WriteEnd(&p.Header)
	kmem.Inode(inode).Live.Pipe = i
	return i
}

// Release frees a pipe that nobody has open.
func Release(i abi.PipeRef) {
	p := kmem.Pipe(i)
	// Who waits holds an end; an epoll item may be left.
	sched.WakeAll(&p.Live.ReadWait)
	sched.WakeAll(&p.Live.WriteWait)
	queueOf(p).Release()
	kmem.Inode(p.Live.Inode).Live.Pipe = 0
	kmem.Free(i)
}

// Bytes is how many bytes are inside (FIONREAD).
func Bytes(i abi.PipeRef) uint32 { return queueOf(kmem.Pipe(i)).Bytes() }

// Read takes bytes out. It blocks (EBLOCKED) while the pipe is empty and has
// writers, EAGAIN with nonblock; 0 bytes mean the end.
func Read(c *sched.Ctx, i abi.PipeRef, b *mm.Buf, nonblock bool) (uint32, abi.Errno) {
	p := kmem.Pipe(i)
	if b.Len == 0 {
		return 0, abi.OK
	}
	q := queueOf(p)
	if q.Bytes() == 0 {
		switch {
		case p.State.Writers == 0:
			return 0, abi.OK
		case nonblock:
			return 0, abi.EAGAIN
		}
		return 0, wait(c, &p.Live.ReadWait, pollIn|abi.POLLHUP)
	}
	room := q.Room()
	sched.RecordEffect(abi.SyncEffectPipe)
	done, e := q.Take(c, b, b.Len)
	drained(p, room)
	if done != 0 {
		// What could not be copied stays inside: a short read is a read.
		return done, abi.OK
	}
	return 0, e
}

// drained tells those who wait for room that there is some again. They were told so
// when there was less than PIPE_BUF.
func drained(p *abi.PipeSlot, before uint32) {
	if before < AtomicBytes && queueOf(p).Room() >= AtomicBytes {
		sched.Wake(&p.Live.WriteWait, pollOut)
	}
}

// Write puts bytes in. Up to AtomicBytes go in together or not at all. It
// returns what went in together with EBLOCKED (then the caller goes on there)
// or EAGAIN when no room is left; EPIPE, after SIGPIPE, without readers.
func Write(c *sched.Ctx, i abi.PipeRef, b *mm.Buf, nonblock bool) (uint32, abi.Errno) {
	p := kmem.Pipe(i)
	if b.Len == 0 {
		return 0, abi.OK
	}
	if p.State.Readers == 0 {
		SigPipe(c)
		return 0, abi.EPIPE
	}
	atomic := b.Len <= AtomicBytes
	room := queueOf(p).Room()
	done, e := uint32(0), abi.OK
	if room != 0 && (!atomic || room >= b.Len) {
		done, e = fill(c, p, b, min(room, b.Len))
	}
	if done != 0 {
		queueOf(p).Put(done)
		kmem.Assert(Bytes(i) <= Capacity(i), "a pipe holds no more than its capacity")
		sched.Wake(&p.Live.ReadWait, pollIn)
	}
	switch {
	case e != abi.OK:
		return done, e
	case b.Len == 0:
		return done, abi.OK
	case nonblock:
		return done, abi.EAGAIN
	}
	return done, wait(c, &p.Live.WriteWait, pollOut|abi.POLLERR)
}

// fill copies n bytes behind the tail, which it does not move. An atomic write
// that meets an error half-way has put nothing in.
func fill(c *sched.Ctx, p *abi.PipeSlot, b *mm.Buf, n uint32) (uint32, abi.Errno) {
	sched.RecordEffect(abi.SyncEffectPipe)
	atomic := b.Len <= AtomicBytes
	start := *b
	done, e := queueOf(p).CopyIn(c, b, 0, n)
	if e != abi.OK {
		return undo(b, &start, atomic, done), e
	}
	return done, abi.OK
}

func undo(b, start *mm.Buf, atomic bool, done uint32) uint32 {
	if !atomic {
		return done
	}
	*b = *start
	return 0
}

func wait(c *sched.Ctx, queue *abi.WaitEntryRef, events abi.PollEvent) abi.Errno {
	if c.Thread != 0 {
		c.T().State.Blocked.Reason = abi.WaitReasonPipe
	}
	return sched.WaitOn(c, queue, events)
}

// Poll is the state of an end that may read, write, or both (a FIFO opened
// O_RDWR). `seen` is how many opens for writing there had been when a FIFO was
// opened for reading: before the first one there is no hang-up.
func Poll(i abi.PipeRef, read, write bool, seen uint32) abi.PollEvent {
	s := &kmem.Pipe(i).State
	events := abi.PollEvent(0)
	if read {
		if s.Queue.Head != s.Queue.Tail {
			events |= pollIn
		}
		if s.Writers == 0 && s.WriterOpens != seen {
			events |= abi.POLLHUP
		}
	}
	if write {
		if queueOf(kmem.Pipe(i)).Room() >= AtomicBytes {
			events |= pollOut
		}
		if s.Readers == 0 {
			events |= abi.POLLERR
		}
	}
	return events
}
