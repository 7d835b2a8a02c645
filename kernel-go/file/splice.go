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
	switch kmem.Ofd(i).State.Kind {
	case abi.OfdKindPipeRead, abi.OfdKindPipeWrite, abi.OfdKindFifo:
		return true
	}
	return false
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

// SpliceOut moves up to count bytes from pipe `from` to `to`, there at outPos or
// at its own position.
func SpliceOut(c *sched.Ctx, from, to abi.OfdRef, outPos, count uint64, nonblock bool) (uint64, abi.Errno) {
	if e := ready(c, from, to, nonblock); e != abi.OK {
		return 0, e
	}
	p, o := kmem.PipeOf(kmem.Ofd(from)), kmem.Ofd(to)
	base := baseOf(c, o, outPos)
	done, e := uint64(0), abi.OK
	for done < count && e == abi.OK {
		addr, n := pipe.Peek(p, 0)
		n = uint32(min(uint64(n), count-done))
		if IsPipe(to) {
			n = min(n, pipe.Room(kmem.PipeOf(o)))
		}
		if n == 0 {
			break
		}
		at := base + done
		if o.State.Flags&abi.O_APPEND != 0 && o.State.Kind == abi.OfdKindFile {
			at = kmem.Inode(o.State.Inode).State.Size
		}
		c.Piece = mm.Buf{Addr: uint64(addr), Len: n}
		var moved uint32
		moved, e = writeSome(c, to, &c.Piece, at, true)
		pipe.Consume(p, moved)
		done += uint64(moved)
	}
	return ended(c, o, outPos, base, done, e)
}

// ended is the result of a transfer that may report part of what was asked.
func ended(c *sched.Ctx, o *abi.OfdSlot, pos, base, done uint64, e abi.Errno) (uint64, abi.Errno) {
	if done == 0 {
		return 0, e
	}
	if e == abi.EBLOCKED {
		sched.CancelWaits(c)
	}
	if pos == PosCurrent && seekable(o) {
		setPos(o, base+done)
	}
	return done, abi.OK
}

// SpliceIn moves up to count bytes from `from`, there at inPos or at its own
// position, into pipe `to`.
func SpliceIn(c *sched.Ctx, from, to abi.OfdRef, inPos, count uint64, nonblock bool) (uint64, abi.Errno) {
	o, out := kmem.Ofd(from), kmem.Ofd(to)
	if e := pipe.AwaitRoom(c, kmem.PipeOf(out), nonblock || out.State.Flags&abi.O_NONBLOCK != 0); e != abi.OK {
		return 0, e
	}
	base := baseOf(c, o, inPos)
	done, e := uint64(0), abi.OK
	for done < count && e == abi.OK {
		n := uint32(min(uint64(min(pipe.Room(kmem.PipeOf(out)), kmem.PageSize)), count-done))
		if n == 0 {
			break
		}
		// Through a page of the kernel: what is read fits into the pipe.
		c.Piece = mm.Buf{Addr: uint64(c.Path2), Len: n}
		var got uint32
		got, e = readSome(c, from, &c.Piece, base+done, true)
		if got == 0 {
			break
		}
		c.Piece.Addr, c.Piece.Len = uint64(c.Path2), got
		var moved uint32
		moved, we := writeSome(c, to, &c.Piece, 0, true)
		done += uint64(moved)
		if we != abi.OK {
			e = we
		}
		if got < n {
			break
		}
	}
	return ended(c, o, inPos, base, done, e)
}

// Tee copies up to count bytes from one pipe to another and leaves them there.
func Tee(c *sched.Ctx, from, to abi.OfdRef, count uint64, nonblock bool) (uint64, abi.Errno) {
	if e := ready(c, from, to, nonblock); e != abi.OK {
		return 0, e
	}
	in, out := kmem.PipeOf(kmem.Ofd(from)), kmem.PipeOf(kmem.Ofd(to))
	done, e := uint32(0), abi.OK
	for uint64(done) < count && e == abi.OK {
		addr, n := pipe.Peek(in, done)
		n = min(uint32(min(uint64(n), count-uint64(done))), pipe.Room(out))
		if n == 0 {
			break
		}
		c.Piece = mm.Buf{Addr: uint64(addr), Len: n}
		var moved uint32
		moved, e = pipe.Write(c, out, &c.Piece, true)
		done += moved
	}
	if done != 0 {
		return uint64(done), abi.OK
	}
	return 0, e
}

// SpliceVec moves bytes between `count` struct iovecs (checked, in linear memory
// at vec) and a pipe: as many as fit, or as are inside. It waits for the first
// only.
func SpliceVec(c *sched.Ctx, i abi.OfdRef, vec, count uint32, into, nonblock bool) (uint32, abi.Errno) {
	p := kmem.PipeOf(kmem.Ofd(i))
	done, left, e := uint32(0), uint64(0), abi.OK
	for k := range count {
		left += iovec(vec, k).Len
	}
	switch {
	case left == 0:
		return 0, abi.OK
	case into:
		e = pipe.AwaitRoom(c, p, nonblock)
	default:
		e = pipe.AwaitBytes(c, p, nonblock)
	}
	for k := uint32(0); k < count && e == abi.OK; k++ {
		v := iovec(vec, k)
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
