package file

import (
	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/kmem"
	"foreshore.dev/kernel/mm"
	"foreshore.dev/kernel/pipe"
	"foreshore.dev/kernel/sched"
)

// splice(2) and tee(2): transfers with a pipe on at least one side.

// IsPipe says whether an OFD is an end of a pipe or FIFO.
func IsPipe(i abi.OfdRef) bool {
	return kmem.Ofd(i).State.Kind.Object() == abi.SlotKindPipe
}

// ready waits until a pipe has bytes and, when `to` is a pipe too, that has
// room. It returns OK also at the end of the bytes.
func ready(c *sched.Ctx, from, to abi.OfdRef, nonblock bool) abi.Errno {
	if e := pipe.AwaitBytes(c, kmem.PipeOf(kmem.Ofd(from)), nonblock || kmem.Ofd(from).State.Flags&abi.O_NONBLOCK != 0); e != abi.OK {
		return e
	}
	if IsPipe(to) {
		return pipe.AwaitRoom(c, kmem.PipeOf(kmem.Ofd(to)), nonblock || kmem.Ofd(to).State.Flags&abi.O_NONBLOCK != 0)
	}
	return abi.OK
}

// Splice is a transfer of up to Count bytes between a pipe and another file, of
// which Pos is the position: its own, with PosCurrent.
type Splice struct {
	From, To   abi.OfdRef
	Pos, Count uint64
	Nonblock   bool
}

// SpliceOut moves bytes from a pipe to another file.
func SpliceOut(c *sched.Ctx, s *Splice) (uint64, abi.Errno) {
	if e := ready(c, s.From, s.To, s.Nonblock); e != abi.OK {
		return 0, e
	}
	p, o := kmem.PipeOf(kmem.Ofd(s.From)), kmem.Ofd(s.To)
	from := beginOf(c, o, s.Pos)
	done, e := uint64(0), abi.OK
	for done < s.Count && e == abi.OK {
		piece := pipe.Peek(p, 0)
		n := uint32(min(uint64(piece.Len), s.Count-done))
		if IsPipe(s.To) {
			n = min(n, pipe.Room(kmem.PipeOf(o)))
		}
		if n == 0 {
			break
		}
		c.Piece = mm.Buf{Addr: uint64(piece.Addr), Len: n}
		var moved uint32
		moved, e = writeSome(c, s.To, transfer{buf: &c.Piece, pos: target(o, from.base+done, false), nonblock: done != 0 || s.Nonblock || o.State.Flags&abi.O_NONBLOCK != 0})
		pipe.Consume(p, moved)
		done += uint64(moved)
	}
	return from.ended(c, o, done, e)
}

// ended is the result of a transfer that may report part of what was asked.
func (b begin) ended(c *sched.Ctx, o *abi.OfdSlot, done uint64, e abi.Errno) (uint64, abi.Errno) {
	if done == 0 {
		return 0, e
	}
	if e == abi.EBLOCKED {
		sched.CancelWaits(c)
	}
	if b.asked == PosCurrent && seekable(o) {
		setPos(o, b.base+done)
	}
	return done, abi.OK
}

// SpliceIn moves bytes from another file into a pipe.
func SpliceIn(c *sched.Ctx, s *Splice) (uint64, abi.Errno) {
	o, out := kmem.Ofd(s.From), kmem.Ofd(s.To)
	if e := pipe.AwaitRoom(c, kmem.PipeOf(out), s.Nonblock || out.State.Flags&abi.O_NONBLOCK != 0); e != abi.OK {
		return 0, e
	}
	from := beginOf(c, o, s.Pos)
	done, e := uint64(0), abi.OK
	for done < s.Count && e == abi.OK {
		n := uint32(min(uint64(min(pipe.Room(kmem.PipeOf(out)), kmem.PageSize)), s.Count-done))
		if n == 0 {
			break
		}
		// Through a page of the kernel: what is read fits into the pipe.
		c.Piece = mm.Buf{Addr: uint64(c.Path2), Len: n}
		var got uint32
		got, e = readSome(c, s.From, transfer{buf: &c.Piece, pos: from.base + done, nonblock: done != 0 || s.Nonblock || o.State.Flags&abi.O_NONBLOCK != 0})
		if got == 0 {
			break
		}
		c.Piece.Addr, c.Piece.Len = uint64(c.Path2), got
		var moved uint32
		moved, we := writeSome(c, s.To, transfer{buf: &c.Piece, pos: 0, nonblock: true})
		done += uint64(moved)
		if we != abi.OK {
			e = we
		}
		if got < n {
			break
		}
	}
	return from.ended(c, o, done, e)
}

// Tee copies bytes from one pipe to another and leaves them there.
func Tee(c *sched.Ctx, s *Splice) (uint64, abi.Errno) {
	if e := ready(c, s.From, s.To, s.Nonblock); e != abi.OK {
		return 0, e
	}
	in, out := kmem.PipeOf(kmem.Ofd(s.From)), kmem.PipeOf(kmem.Ofd(s.To))
	done, e := uint32(0), abi.OK
	for uint64(done) < s.Count && e == abi.OK {
		piece := pipe.Peek(in, done)
		n := min(uint32(min(uint64(piece.Len), s.Count-uint64(done))), pipe.Room(out))
		if n == 0 {
			break
		}
		c.Piece = mm.Buf{Addr: uint64(piece.Addr), Len: n}
		var moved uint32
		moved, e = pipe.Write(c, out, &c.Piece, true)
		done += moved
	}
	if done != 0 {
		return uint64(done), abi.OK
	}
	return 0, e
}

// SpliceVec moves bytes from iovecs into a pipe of which this is the end for
// writing, or from the other end into them: as many as fit, or as are inside. It
// waits for the first only.
func SpliceVec(c *sched.Ctx, i abi.OfdRef, vec mm.Iovecs, nonblock bool) (uint32, abi.Errno) {
	into := ForWriting(i)
	p := kmem.PipeOf(kmem.Ofd(i))
	done, left, e := uint32(0), uint64(0), abi.OK
	for k := range vec.Count {
		left += vec.At(k).Len
	}
	switch {
	case left == 0:
		return 0, abi.OK
	case into:
		e = pipe.AwaitRoom(c, p, nonblock)
	default:
		e = pipe.AwaitBytes(c, p, nonblock)
	}
	for k := uint32(0); k < vec.Count && e == abi.OK; k++ {
		v := vec.At(k)
		limit := pipe.Bytes(p)
		if into {
			limit = pipe.Room(p)
		}
		part := &c.Piece
		*part = mm.Buf{As: c.As, Addr: v.Base, Len: uint32(min(v.Len, uint64(limit)))}
		if part.Len == 0 {
			continue
		}
		n := uint32(0)
		if into {
			n, e = pipe.Write(c, p, part, true)
		} else {
			n, e = pipe.Read(c, p, part, true)
		}
		done += n
		if part.Len != 0 {
			break
		}
	}
	if done == 0 {
		return 0, e
	}
	if e == abi.EBLOCKED {
		sched.CancelWaits(c)
	}
	return done, abi.OK
}
