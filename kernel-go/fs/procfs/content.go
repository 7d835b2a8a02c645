package procfs

import (
	"unsafe"

	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/kmem"
	"foreshore.dev/kernel/mm"
	"foreshore.dev/kernel/sched"
)

// Content is text in frames. It is made when a read is at its begin; what may
// become long (a line or more for each mapping) is made piece by piece, as
// Linux's seq_file does: a piece ends behind a record, and says where the next
// one goes on. So a file of any length takes one piece of memory, and
// is of one moment only as far as a piece goes.
//
// A piece may have no text: a sum over much memory is made in several, between
// which others have a turn.
//
// A piece's index frame holds the addresses of its frames, and at its end what
// the sum is so far, and two words of 64 bits: where in the file it begins, and
// where the next goes on.

const (
	startAt     = kmem.PageSize - 16
	nextAt      = kmem.PageSize - 8
	sumAt       = startAt - uint32(unsafe.Sizeof(mm.Usage{}))
	pieceFrames = sumAt / 4
	// pieceBytes is the length after which no further record is begun.
	pieceBytes = 32 << 10
	// noMore says of a piece that it is the last.
	noMore = ^uint64(0)
)

// pieceEnds says, between two records, whether the piece ends here; the next
// then goes on at `next`.
func (w *Text) pieceEnds(next uint64) bool {
	if w.bytes < pieceBytes {
		return false
	}
	w.next = next
	return true
}

// FreeContent frees a piece; 0 is nothing.
func FreeContent(index uint32) {
	if index == 0 {
		return
	}
	for i := range uint32(pieceFrames) {
		f := kmem.Load32(index + i*4)
		if f == 0 {
			break
		}
		kmem.UnrefFrame(f)
	}
	kmem.UnrefFrame(index)
}

// Read reads from the file of an OFD. Like Linux, it may give less than was
// asked for before the end. EBLOCKED when something of the content must come in
// first, ERESCHED when it takes long, ESRCH when its process is gone.
func Read(c *sched.Ctx, o *abi.OfdSlot, pos uint64, b *mm.Buf) (uint32, abi.Errno) {
	s := &kmem.Inode(o.State.Inode).State
	if node(s.Node) == nodePidPagemap {
		return pagemap(c, s, pos, b)
	}
	if e := find(c, o, pos); e != abi.OK {
		return 0, e
	}
	l, done := o.Live.ContentLive(), uint32(0)
	index := l.Frames
	for at := pos - kmem.Load64(index+startAt); b.Len != 0 && at < uint64(l.Bytes); {
		offset := uint32(at) & kmem.PageMask
		n := min(b.Len, kmem.PageSize-offset, l.Bytes-uint32(at))
		before := b.Len
		e := mm.BufOut(c, b, kmem.Span{Addr: kmem.Load32(index+uint32(at)>>kmem.PageShift*4) + offset, Len: n})
		moved := before - b.Len
		done += moved
		at += uint64(moved)
		if e != abi.OK {
			return done, e
		}
	}
	return done, abi.OK
}

// find makes the piece that holds a position the content of an OFD, or the last
// one when the position lies behind the end.
func find(c *sched.Ctx, o *abi.OfdSlot, pos uint64) abi.Errno {
	l := o.Live.ContentLive()
	if pos == 0 && !again(c) {
		FreeContent(l.Frames)
		l.Frames = 0
	}
	if l.Frames == 0 || pos < kmem.Load64(l.Frames+startAt) {
		if e := generate(c, o, 0, 0); e != abi.OK {
			return e
		}
	}
	for {
		index := l.Frames
		end, next := kmem.Load64(index+startAt)+uint64(l.Bytes), kmem.Load64(index+nextAt)
		if pos < end || next == noMore {
			return abi.OK
		}
		if sched.Overdue(c) {
			return abi.ERESCHED
		}
		if e := generate(c, o, end, next); e != abi.OK {
			return e
		}
	}
}

// again says whether a call is made again, and goes on with the piece that it
// has made.
func again(c *sched.Ctx) bool { return c.Thread != 0 && c.T().State.Blocked.Attempt != 0 }

// generate makes the piece that begins at `start` and goes on at `from`.
func generate(c *sched.Ctx, o *abi.OfdSlot, start, from uint64) abi.Errno {
	w := textOf(c)
	w.begin()
	var sum mm.Usage
	if from != 0 {
		sum = *sumOf(o.Live.ContentLive().Frames)
	}
	e := abi.OK
	if s := &kmem.Inode(o.State.Inode).State; s.ProcNode().Pid != 0 {
		e = w.ofProcess(c, s, from, &sum)
	} else {
		if from == 0 { // of a file that has none, the entry is 0, which has none either
			w.str(entries[s.TextNode().Entry].text)
		}
		w.ofSystem(c, node(s.Node), from)
	}
	if e == abi.OK && w.full {
		e = abi.ENOMEM
	}
	if e != abi.OK {
		FreeContent(w.index)
		return e
	}
	kmem.Store64(w.index+startAt, start)
	kmem.Store64(w.index+nextAt, w.next)
	*sumOf(w.index) = sum
	l := o.Live.ContentLive()
	FreeContent(l.Frames)
	l.Frames, l.Bytes = w.index, w.bytes
	return abi.OK
}

func sumOf(index uint32) *mm.Usage { return (*mm.Usage)(kmem.Ptr(index + sumAt)) }
