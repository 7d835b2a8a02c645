// Package pipe owns pipes and FIFOs: a ring of frames between two free-running
// byte counters, who has it open, and who waits (pipe(7), fifo(7)).
//
// It does not own open file descriptions (file). Everything here wants the
// machine lock.
package pipe

import (
	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/kmem"
	"foreshore.dev/kernel/mm"
	"foreshore.dev/kernel/sched"
	"foreshore.dev/kernel/vfs"
)

const (
	pageSize = kmem.PageSize
	// AtomicBytes is PIPE_BUF: a write of no more is not torn (pipe(7)).
	AtomicBytes = uint32(abi.FixedPageSize)
	// usualBytes is the capacity that a pipe begins with, maxBytes the largest.
	usualBytes = uint32(abi.LimitPipeBytes)
	maxBytes   = uint32(abi.LimitPipeMaxBytes)

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
	p.State.Capacity, p.State.Flags = usualBytes, flags
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
	for k := range ringFrames(p) {
		if w := frameOf(p, k); *w != 0 {
			kmem.UnrefFrame(*w)
		}
	}
	if p.State.Flags&abi.PipeFlagLarge != 0 {
		kmem.UnrefFrame(p.Live.Frames[0])
	}
	kmem.Inode(p.Live.Inode).Live.Pipe = 0
	kmem.Free(i)
}

// Bytes is how many bytes are inside (FIONREAD).
func Bytes(i abi.PipeRef) uint32 { s := &kmem.Pipe(i).State; return s.Tail - s.Head }

// Read takes bytes out. It blocks (EBLOCKED) while the pipe is empty and has
// writers, EAGAIN with nonblock; 0 bytes mean the end.
func Read(c *sched.Ctx, i abi.PipeRef, b *mm.Buf, nonblock bool) (uint32, abi.Errno) {
	p := kmem.Pipe(i)
	if b.Len == 0 {
		return 0, abi.OK
	}
	if p.State.Head == p.State.Tail {
		switch {
		case p.State.Writers == 0:
			return 0, abi.OK
		case nonblock:
			return 0, abi.EAGAIN
		}
		return 0, wait(c, &p.Live.ReadWait, pollIn|abi.POLLHUP)
	}
	done, e := uint32(0), abi.OK
	room := p.State.Capacity - (p.State.Tail - p.State.Head)
	for b.Len != 0 && p.State.Head != p.State.Tail && e == abi.OK {
		head := p.State.Head
		offset := head & kmem.PageMask
		part := min(b.Len, pageSize-offset, p.State.Tail-head)
		before := b.Len
		e = mm.BufOut(c, b, kmem.Span{Addr: *frameOf(p, head>>kmem.PageShift) + offset, Len: part})
		moved := before - b.Len
		done += moved
		consume(p, moved)
	}
	// Those who wait for room were told so when there was less than PIPE_BUF.
	if free := p.State.Capacity - (p.State.Tail - p.State.Head); room < AtomicBytes && free >= AtomicBytes {
		sched.Wake(&p.Live.WriteWait, pollOut)
	}
	if done != 0 {
		// What could not be copied stays inside: a short read is a read.
		return done, abi.OK
	}
	return 0, e
}

// consume moves the head on and frees the frame that it leaves.
func consume(p *abi.PipeSlot, n uint32) {
	kmem.Assert(n <= p.State.Tail-p.State.Head, "no more leaves a pipe than it holds")
	sched.RecordEffect(abi.SyncEffectPipe)
	kmem.WriteBegin(&p.Header)
	head := p.State.Head + n
	p.State.Head = head
	kmem.WriteEnd(&p.Header)
	// A full ring whose head was in the middle of a frame has its newest bytes
	// in that same frame.
	if n != 0 && head&kmem.PageMask == 0 && p.State.Tail-head <= (ringFrames(p)-1)*pageSize {
		w := frameOf(p, head>>kmem.PageShift-1)
		if *w != 0 {
			kmem.UnrefFrame(*w)
			*w = 0
		}
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
	room := p.State.Capacity - (p.State.Tail - p.State.Head)
	done, e := uint32(0), abi.OK
	if room != 0 && (!atomic || room >= b.Len) {
		done, e = fill(c, p, b, min(room, b.Len))
	}
	if done != 0 {
		kmem.WriteBegin(&p.Header)
		p.State.Tail += done
		kmem.Assert(p.State.Tail-p.State.Head <= p.State.Capacity, "a pipe holds no more than its capacity")
		kmem.WriteEnd(&p.Header)
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
	done := uint32(0)
	for done < n {
		at := p.State.Tail + done
		offset := at & kmem.PageMask
		w := frameOf(p, at>>kmem.PageShift)
		if *w == 0 {
			*w = kmem.AllocUserFrame(abi.FrameTypePipe, false)
			if *w == 0 {
				return undo(b, &start, atomic, done), abi.ENOMEM
			}
		}
		before := b.Len
		e := mm.BufIn(c, b, kmem.Span{Addr: *w + offset, Len: min(n-done, pageSize-offset)})
		done += before - b.Len
		if e != abi.OK {
			return undo(b, &start, atomic, done), e
		}
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
		if s.Head != s.Tail {
			events |= pollIn
		}
		if s.Writers == 0 && s.WriterOpens != seen {
			events |= abi.POLLHUP
		}
	}
	if write {
		if s.Capacity-(s.Tail-s.Head) >= AtomicBytes {
			events |= pollOut
		}
		if s.Readers == 0 {
			events |= abi.POLLERR
		}
	}
	return events
}
