package file

import (
	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/kmem"
	"foreshore.dev/kernel/mm"
	"foreshore.dev/kernel/sched"
)

// Transfers. readSome and writeSome return how much they did together with the
// error that ended them. A whole call remembers what is done when it blocks
// (Resume, Block), and goes on behind it when it is made again.

// At is where a transfer takes place: at a position, or at the description's own
// (PosCurrent); Append says that a write goes to the end of the file whatever
// the position.
type At struct {
	Pos    uint64
	Append bool
	write  bool
}

// progressOf is where the caller's earlier attempts at this call are counted.
func progressOf(c *sched.Ctx) uint64 {
	if c.Request != 0 {
		return uint64(kmem.Pending(c.Request).Progress)
	}
	if c.Thread != 0 {
		if b := &c.T().State.Blocked; b.Attempt != 0 {
			return b.Progress
		}
	}
	return 0
}

func setProgress(c *sched.Ctx, done uint64) {
	if c.Request != 0 {
		kmem.Pending(c.Request).Progress = uint32(done)
	} else if c.Thread != 0 {
		c.T().State.Blocked.Progress = done
	}
}

// Resume moves a buffer behind what earlier attempts have transferred, and
// returns that amount.
func Resume(c *sched.Ctx, b *mm.Buf) uint32 {
	done := uint32(min(progressOf(c), uint64(b.Len)))
	b.Addr += uint64(done)
	b.Len -= done
	return done
}

// Finish ends a call that has done `done` bytes in all: EBLOCKED and ERESCHED are
// passed on with the amount remembered, other errors count only when nothing was done.
func Finish(c *sched.Ctx, done uint32, e abi.Errno) (uint32, abi.Errno) {
	if sched.GoesOn(e) {
		setProgress(c, uint64(done))
		return 0, e
	}
	if done != 0 {
		setProgress(c, 0)
		return done, abi.OK
	}
	return 0, e
}

// PosCurrent as a position means the OFD's own, which then moves.
const PosCurrent = ^uint64(0)

// readSome reads into a buffer from a position (PosCurrent: not seekable).
func readSome(c *sched.Ctx, i abi.OfdRef, t transfer) (uint32, abi.Errno) {
	o := kmem.Ofd(i)
	if read := opsOf(o).read; read != nil {
		return read(c, o, t)
	}
	return 0, abi.EINVAL
}

func writeSome(c *sched.Ctx, i abi.OfdRef, t transfer) (uint32, abi.Errno) {
	o := kmem.Ofd(i)
	if write := opsOf(o).write; write != nil {
		return write(c, o, t)
	}
	return 0, abi.EINVAL
}

// Direction checks of a transfer: EBADF when the OFD was not opened for it.
func checkRead(c *sched.Ctx, i abi.OfdRef) abi.Errno {
	if !readable(kmem.Ofd(i)) {
		return abi.EBADF
	}
	return abi.OK
}

func checkWrite(c *sched.Ctx, i abi.OfdRef) abi.Errno {
	if !writable(kmem.Ofd(i)) {
		return abi.EBADF
	}
	return abi.OK
}

// begin is where a call's transfer begins: what the call asks for, and which
// position that is.
type begin struct{ asked, base uint64 }

// beginOf is where a call's transfer begins. A call that is made again after it
// has done something remembers it: the OFD's position has moved with it.
func beginOf(c *sched.Ctx, o *abi.OfdSlot, pos uint64) begin {
	switch {
	case pos != PosCurrent:
		return begin{pos, pos}
	case c.Thread != 0 && seekable(o) && progressOf(c) != 0:
		return begin{pos, c.T().State.Blocked.TransferWait().Base}
	}
	return begin{pos, o.State.Pos}
}

// moveTo puts the OFD's own position, if it is used, behind what the call has
// done: also when it blocks in the middle, for a signal may end it there.
func (b begin) moveTo(c *sched.Ctx, o *abi.OfdSlot, end uint64, e abi.Errno) {
	if b.asked != PosCurrent || !seekable(o) {
		return
	}
	switch {
	case e == abi.OK:
		setPos(o, end)
	case sched.GoesOn(e) && c.Thread != 0 && c.T().State.Blocked.Progress != 0:
		c.T().State.Blocked.TransferWait().Base = b.base
		setPos(o, end)
	}
}

// target is where bytes for a position go: to the end of a regular file that is
// appended to.
func target(o *abi.OfdSlot, pos uint64, appended bool) uint64 {
	if (appended || o.State.Flags&abi.O_APPEND != 0) && regular(o) {
		return kmem.Inode(o.State.Inode).State.Size
	}
	return pos
}

// Read reads into a buffer at a position, or at the OFD's own (PosCurrent).
func Read(c *sched.Ctx, i abi.OfdRef, b *mm.Buf, pos uint64) (uint32, abi.Errno) {
	if e := checkRead(c, i); e != abi.OK {
		return 0, e
	}
	o := kmem.Ofd(i)
	from := beginOf(c, o, pos)
	before := Resume(c, b)
	n, e := readSome(c, i, transfer{buf: b, pos: from.base + uint64(before), nonblock: o.State.Flags&abi.O_NONBLOCK != 0})
	done, e := Finish(c, before+n, e)
	from.moveTo(c, o, from.base+uint64(before+n), e)
	return done, e
}

// Write writes a buffer.
func Write(c *sched.Ctx, i abi.OfdRef, b *mm.Buf, at At) (uint32, abi.Errno) {
	if e := checkWrite(c, i); e != abi.OK {
		return 0, e
	}
	o := kmem.Ofd(i)
	from := beginOf(c, o, at.Pos)
	done := Resume(c, b)
	// What earlier attempts have appended lies before the end already.
	to := target(o, from.base+uint64(done), at.Append)
	n, e := writeSome(c, i, transfer{buf: b, pos: to, nonblock: o.State.Flags&abi.O_NONBLOCK != 0})
	done, e = Finish(c, done+n, e)
	from.moveTo(c, o, to+uint64(n), e)
	return done, e
}

// ReadVec reads into iovecs.
func ReadVec(c *sched.Ctx, i abi.OfdRef, vec mm.Iovecs, pos uint64) (uint32, abi.Errno) {
	if e := checkRead(c, i); e != abi.OK {
		return 0, e
	}
	if o := kmem.Ofd(i); opsOf(o).vector != nil {
		return opsOf(o).vector(c, o, vec, false)
	}
	return moveVec(c, i, vec, At{Pos: pos})
}

// WriteVec writes from iovecs.
func WriteVec(c *sched.Ctx, i abi.OfdRef, vec mm.Iovecs, at At) (uint32, abi.Errno) {
	if e := checkWrite(c, i); e != abi.OK {
		return 0, e
	}
	o := kmem.Ofd(i)
	if vector := opsOf(o).vector; vector != nil {
		return vector(c, o, vec, true)
	}
	total := uint64(0)
	for k := range vec.Count {
		total += vec.At(k).Len
	}
	if !regular(o) && total <= uint64(kmem.PageSize) {
		// Small writes are one write: pipes must not tear them, and what
		// takes records (eventfd, /proc) gets them whole.
		to := c.Path2
		for k := range vec.Count {
			v := vec.At(k)
			if e := mm.CopyIn(c, kmem.Span{Addr: to, Len: uint32(v.Len)}, v.Base); e != abi.OK {
				return 0, e
			}
			to += uint32(v.Len)
		}
		c.Piece = mm.Buf{Addr: uint64(c.Path2), Len: uint32(total)}
		return Write(c, i, &c.Piece, at)
	}
	at.write = true
	return moveVec(c, i, vec, at)
}

func moveVec(c *sched.Ctx, i abi.OfdRef, vec mm.Iovecs, at At) (uint32, abi.Errno) {
	o := kmem.Ofd(i)
	from := beginOf(c, o, at.Pos)
	done := uint32(progressOf(c)) // of all attempts
	skip := done
	nonblock := o.State.Flags&abi.O_NONBLOCK != 0
	end := from.base + uint64(done)
	part := &c.Piece
	e := abi.OK
	for k := uint32(0); k < vec.Count && e == abi.OK; k++ {
		v := vec.At(k)
		length := uint32(v.Len)
		if length <= skip {
			skip -= length
			continue
		}
		part.As, part.Addr, part.Len = c.As, v.Base+uint64(skip), length-skip
		skip = 0
		n := uint32(0)
		end = from.base + uint64(done)
		if at.write {
			end = target(o, end, at.Append)
			n, e = writeSome(c, i, transfer{buf: part, pos: end, nonblock: nonblock})
		} else {
			// Having read something, a call does not wait for more.
			n, e = readSome(c, i, transfer{buf: part, pos: end, nonblock: nonblock || (done != 0 && !seekable(o))})
		}
		end += uint64(n)
		done += n
		if part.Len != 0 {
			break
		}
	}
	done, e = Finish(c, done, e)
	from.moveTo(c, o, end, e)
	return done, e
}

// StreamRead reads what an OFD has for a host: at least one byte, 0 at the
// end, or EAGAIN.
func StreamRead(c *sched.Ctx, i abi.OfdRef, b *mm.Buf) (uint32, abi.Errno) {
	if e := checkRead(c, i); e != abi.OK {
		return 0, e
	}
	o := kmem.Ofd(i)
	n, e := readSome(c, i, transfer{buf: b, pos: o.State.Pos, nonblock: true})
	return stepped(o, n, e)
}

// StreamWrite writes what an OFD takes of a host's buffer: at least one byte,
// or EAGAIN.
func StreamWrite(c *sched.Ctx, i abi.OfdRef, b *mm.Buf) (uint32, abi.Errno) {
	if e := checkWrite(c, i); e != abi.OK {
		return 0, e
	}
	o := kmem.Ofd(i)
	n, e := writeSome(c, i, transfer{buf: b, pos: o.State.Pos, nonblock: true})
	return stepped(o, n, e)
}

// stepped ends a transfer at an OFD's own position: an error counts only when
// nothing was done.
func stepped(o *abi.OfdSlot, n uint32, e abi.Errno) (uint32, abi.Errno) {
	if n == 0 {
		return 0, e
	}
	if seekable(o) {
		setPos(o, o.State.Pos+uint64(n))
	}
	return n, abi.OK
}

// StreamPoll is poll(2) on one OFD for a host.
func StreamPoll(c *sched.Ctx, i abi.OfdRef, events abi.PollEvent) (abi.PollEvent, abi.Errno) {
	if is := Poll(i) & (events | PollAlways); is != 0 {
		return is, abi.OK
	}
	return 0, WaitFor(c, i, events)
}

// Seek is lseek(2).
func Seek(i abi.OfdRef, offset int64, whence abi.SeekWhence) (uint64, abi.Errno) {
	o := kmem.Ofd(i)
	if seek := opsOf(o).seek; seek != nil {
		return seek(o, offset, whence)
	}
	return 0, abi.ESPIPE
}
