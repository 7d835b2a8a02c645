// Package bytequeue owns queues of bytes: a ring of frames between two
// free-running counters, the same in pipes and in sockets.
//
// It knows nothing of who waits, nor of what the bytes mean (pipe, sock).
// Everything here wants the machine lock.
package bytequeue

import (
	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/kmem"
	"foreshore.dev/kernel/mm"
	"foreshore.dev/kernel/sched"
)

const (
	pageSize = kmem.PageSize
	// UsualBytes is what a queue holds without a table, MaxBytes the most that any holds.
	UsualBytes = uint32(abi.LimitPipeBytes)
	MaxBytes   = uint32(abi.LimitPipeMaxBytes)

	usualFrames = uint32(abi.LimitPipeFrames)
	largeFrames = MaxBytes / pageSize
)

// Queue is the queue of a slot: the slot's header, which readers look at, and the
// two parts of it.
type Queue struct {
	Header *abi.SlotHeader
	State  *abi.ByteQueue
	Live   *abi.ByteQueueLive
}

// Bytes is how many bytes are inside.
func (q Queue) Bytes() uint32 { return q.State.Tail - q.State.Head }

// Room is how many bytes could be put in.
func (q Queue) Room() uint32 {
	if n := q.Bytes(); n < q.State.Capacity {
		return q.State.Capacity - n
	}
	return 0
}

func (q Queue) frames() uint32 {
	if q.Live.Table != 0 {
		return largeFrames
	}
	return usualFrames
}

// frame is where the address of the frame of a page of the stream stands.
func (q Queue) frame(page uint32) *uint32 {
	if q.Live.Table != 0 {
		return (*uint32)(kmem.Ptr(q.Live.Table + page%largeFrames*4))
	}
	return &q.Live.Frames[page%usualFrames]
}

// Peek is where the bytes behind the first `skip` lie, and how many of them follow
// one another; none at the end.
func (q Queue) Peek(skip uint32) kmem.Span {
	if skip >= q.Bytes() {
		return kmem.Span{}
	}
	at := q.State.Head + skip
	offset := at & kmem.PageMask
	return kmem.Span{Addr: *q.frame(at >> kmem.PageShift) + offset, Len: min(pageSize-offset, q.State.Tail-at)}
}

// CopyOut copies up to n bytes behind the first `skip` to a buffer, as far as that
// goes, and leaves them inside.
func (q Queue) CopyOut(c *sched.Ctx, b *mm.Buf, skip, n uint32) (done uint32, e abi.Errno) {
	for n = min(n, b.Len); done < n && e == abi.OK; {
		piece := q.Peek(skip + done)
		if piece.Len == 0 {
			break
		}
		before := b.Len
		e = mm.BufOut(c, b, kmem.Span{Addr: piece.Addr, Len: min(piece.Len, n-done)})
		done += before - b.Len
	}
	return done, e
}

// Take copies up to n bytes to a buffer, and takes out those that got there.
func (q Queue) Take(c *sched.Ctx, b *mm.Buf, n uint32) (done uint32, e abi.Errno) {
	done, e = q.CopyOut(c, b, 0, n)
	q.Drop(done)
	return done, e
}

// Drop takes n bytes, which are inside, out.
func (q Queue) Drop(n uint32) {
	for n != 0 {
		part := min(n, pageSize-q.State.Head&kmem.PageMask)
		q.drop(part)
		n -= part
	}
}

// drop moves the head on by no more than a page and frees the frame that it leaves.
func (q Queue) drop(n uint32) {
	kmem.Assert(n <= q.Bytes(), "no more leaves a queue than it holds")
	kmem.WriteBegin(q.Header)
	head := q.State.Head + n
	q.State.Head = head
	kmem.WriteEnd(q.Header)
	// A full ring whose head was in the middle of a frame has its newest bytes
	// in that same frame.
	if n != 0 && head&kmem.PageMask == 0 && q.State.Tail-head <= (q.frames()-1)*pageSize {
		w := q.frame(head>>kmem.PageShift - 1)
		if *w != 0 {
			kmem.UnrefFrame(*w)
			*w = 0
		}
	}
}

// CopyIn copies n bytes, for which there is room, to where they would lie behind
// the first `ahead` that were copied so before. They are inside when Put says so.
func (q Queue) CopyIn(c *sched.Ctx, b *mm.Buf, ahead, n uint32) (done uint32, e abi.Errno) {
	if q.Bytes()+ahead+n > UsualBytes && q.Live.Table == 0 {
		if e = q.enlarge(ahead); e != abi.OK {
			return 0, e
		}
	}
	for done < n {
		at := q.State.Tail + ahead + done
		offset := at & kmem.PageMask
		w := q.frame(at >> kmem.PageShift)
		if *w == 0 {
			if *w = kmem.AllocUserFrame(abi.FrameTypePipe, false); *w == 0 {
				return done, abi.ENOMEM
			}
		}
		before := b.Len
		e = mm.BufIn(c, b, kmem.Span{Addr: *w + offset, Len: min(n-done, pageSize-offset)})
		done += before - b.Len
		if e != abi.OK {
			break
		}
	}
	return done, e
}

// Put says that n bytes that were copied in are inside.
func (q Queue) Put(n uint32) {
	kmem.WriteBegin(q.Header)
	q.State.Tail += n
	kmem.Assert(q.Bytes() <= MaxBytes, "a queue holds no more than its frames")
	kmem.WriteEnd(q.Header)
}

// SetCapacity says how many bytes the queue holds from now on; ENOMEM without a
// frame for a larger ring.
func (q Queue) SetCapacity(bytes uint32) abi.Errno {
	if bytes > UsualBytes && q.Live.Table == 0 {
		if e := q.enlarge(0); e != abi.OK {
			return e
		}
	}
	kmem.WriteBegin(q.Header)
	q.State.Capacity = bytes
	kmem.WriteEnd(q.Header)
	return abi.OK
}

// enlarge moves the slot's ring, with `ahead` bytes behind its end, into a frame of
// addresses. A ring stays large once it is.
func (q Queue) enlarge(ahead uint32) abi.Errno {
	table := kmem.AllocUserFrame(abi.FrameTypePipe, true)
	if table == 0 {
		return abi.ENOMEM
	}
	head, end := q.State.Head, q.State.Tail+ahead
	first, last := head>>kmem.PageShift, (end-1)>>kmem.PageShift
	tail := uint32(0)
	if head != end && (last-first)&(1<<20-1) == usualFrames {
		// The newest bytes share the oldest ones' frame; here they do not.
		if tail = kmem.AllocUserFrame(abi.FrameTypePipe, false); tail == 0 {
			kmem.UnrefFrame(table)
			return abi.ENOMEM
		}
		kmem.Copy(tail, q.Live.Frames[last%usualFrames], pageSize)
	}
	kmem.WriteBegin(q.Header)
	for k := range usualFrames {
		kmem.Store32(table+(first+k)%largeFrames*4, q.Live.Frames[(first+k)%usualFrames])
	}
	if tail != 0 {
		kmem.Store32(table+last%largeFrames*4, tail)
	}
	q.Live.Frames, q.Live.Table = [usualFrames]uint32{}, table
	kmem.WriteEnd(q.Header)
	return abi.OK
}

// Release frees the frames of a queue.
func (q Queue) Release() {
	for k := range q.frames() {
		if w := q.frame(k); *w != 0 {
			kmem.UnrefFrame(*w)
			*w = 0
		}
	}
	if q.Live.Table != 0 {
		kmem.UnrefFrame(q.Live.Table)
		q.Live.Table = 0
	}
}
