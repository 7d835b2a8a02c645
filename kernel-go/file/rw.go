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
func readSome(c *sched.Ctx, i abi.OfdRef, b *mm.Buf, pos uint64, nonblock bool) (uint32, abi.Errno) {
	o := kmem.Ofd(i)
	if read := opsOf(o).read; read != nil {
		return read(c, o, b, pos, nonblock)
	}
	return 0, abi.EINVAL
}

func writeSome(c *sched.Ctx, i abi.OfdRef, b *mm.Buf, pos uint64, nonblock bool) (uint32, abi.Errno) {
	o := kmem.Ofd(i)
	if write := opsOf(o).write; write != nil {
		return write(c, o, b, pos, nonblock)
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

// baseOf is where a call's transfer begins. A call that is made again after it
// has done something remembers it: the OFD's position has moved with it.
func baseOf(c *sched.Ctx, o *abi.OfdSlot, pos uint64) uint64 {
	switch {
	case pos != PosCurrent:
		return pos
	case c.Thread != 0 && seekable(o) && progressOf(c) != 0:
		return c.T().State.Blocked.TransferWait().Base
	}
	return o.State.Pos
}

// moveTo puts the OFD's own position, if it is used, behind what the call has
// done: also when it blocks in the middle, for a signal may end it there.
func moveTo(c *sched.Ctx, o *abi.OfdSlot, pos, base, end uint64, e abi.Errno) {
	if pos != PosCurrent || !seekable(o) {
		return
	}
	switch {
	case e == abi.OK:
		setPos(o, end)
	case sched.GoesOn(e) && c.Thread != 0 && c.T().State.Blocked.Progress != 0:
		c.T().State.Blocked.TransferWait().Base = base
		setPos(o, end)
	}
}

// Read reads into a buffer at a position, or at the OFD's own (PosCurrent).
func Read(c *sched.Ctx, i abi.OfdRef, b *mm.Buf, pos uint64) (uint32, abi.Errno) {
	if e := checkRead(c, i); e != abi.OK {
		return 0, e
	}
	o := kmem.Ofd(i)
	base := baseOf(c, o, pos)
	before := Resume(c, b)
	n, e := readSome(c, i, b, base+uint64(before), o.State.Flags&abi.O_NONBLOCK != 0)
	done, e := Finish(c, before+n, e)
	moveTo(c, o, pos, base, base+uint64(before+n), e)
	return done, e
}

// Write writes a buffer at a position, or at the OFD's own; appended says that
// it goes to the end of the file whatever the position.
func Write(c *sched.Ctx, i abi.OfdRef, b *mm.Buf, pos uint64, appended bool) (uint32, abi.Errno) {
	if e := checkWrite(c, i); e != abi.OK {
		return 0, e
	}
	o := kmem.Ofd(i)
	base := baseOf(c, o, pos)
	appended = (appended || o.State.Flags&abi.O_APPEND != 0) && o.State.Kind == abi.OfdKindFile
	done := Resume(c, b)
	at := base + uint64(done)
	if appended {
		// What earlier attempts have appended lies before the end already.
		at = kmem.Inode(o.State.Inode).State.Size
	}
	n, e := writeSome(c, i, b, at, o.State.Flags&abi.O_NONBLOCK != 0)
	done, e = Finish(c, done+n, e)
	moveTo(c, o, pos, base, at+uint64(n), e)
	return done, e
}

// ReadVec reads into `count` struct iovecs (checked, in linear memory at vec).
func ReadVec(c *sched.Ctx, i abi.OfdRef, vec, count uint32, pos uint64) (uint32, abi.Errno) {
	if e := checkRead(c, i); e != abi.OK {
		return 0, e
	}
	return moveVec(c, i, vec, count, pos, false, false)
}

// WriteVec writes from `count` struct iovecs.
func WriteVec(c *sched.Ctx, i abi.OfdRef, vec, count uint32, pos uint64, appended bool) (uint32, abi.Errno) {
	if e := checkWrite(c, i); e != abi.OK {
		return 0, e
	}
	o := kmem.Ofd(i)
	total := uint64(0)
	for k := range count {
		total += iovec(vec, k).Len
	}
	if o.State.Kind != abi.OfdKindFile && total <= uint64(kmem.PageSize) {
		// Small writes are one write: pipes must not tear them, and what
		// takes records (eventfd, /proc) gets them whole.
		at := c.Path2
		for k := range count {
			v := iovec(vec, k)
			if e := mm.CopyIn(c, at, v.Base, uint32(v.Len)); e != abi.OK {
				return 0, e
			}
			at += uint32(v.Len)
		}
		c.Piece = mm.Buf{Addr: uint64(c.Path2), Len: uint32(total)}
		return Write(c, i, &c.Piece, pos, appended)
	}
	return moveVec(c, i, vec, count, pos, true, appended || o.State.Flags&abi.O_APPEND != 0)
}

func iovec(vec, k uint32) *abi.Iovec { return (*abi.Iovec)(kmem.Ptr(vec + k*abi.IovecSize)) }

func moveVec(c *sched.Ctx, i abi.OfdRef, vec, count uint32, pos uint64, write, appended bool) (uint32, abi.Errno) {
	o := kmem.Ofd(i)
	base := baseOf(c, o, pos)
	done := uint32(progressOf(c)) // of all attempts
	skip := done
	nonblock := o.State.Flags&abi.O_NONBLOCK != 0
	end := base + uint64(done)
	part := &c.Piece
	e := abi.OK
	for k := uint32(0); k < count && e == abi.OK; k++ {
		v := iovec(vec, k)
		length := uint32(v.Len)
		if length <= skip {
			skip -= length
			continue
		}
		part.As, part.Addr, part.Len = c.As, v.Base+uint64(skip), length-skip
		skip = 0
		n := uint32(0)
		if write {
			at := base + uint64(done)
			if appended && o.State.Kind == abi.OfdKindFile {
				at = kmem.Inode(o.State.Inode).State.Size
			}
			n, e = writeSome(c, i, part, at, nonblock)
			end = at + uint64(n)
		} else {
			// Having read something, a call does not wait for more.
			n, e = readSome(c, i, part, base+uint64(done), nonblock || (done != 0 && !seekable(o)))
			end = base + uint64(done) + uint64(n)
		}
		done += n
		if part.Len != 0 {
			break
		}
	}
	done, e = Finish(c, done, e)
	moveTo(c, o, pos, base, end, e)
	return done, e
}

// StreamRead reads what an OFD has for a host: at least one byte, 0 at the
// end, or EAGAIN.
func StreamRead(c *sched.Ctx, i abi.OfdRef, b *mm.Buf) (uint32, abi.Errno) {
	if e := checkRead(c, i); e != abi.OK {
		return 0, e
	}
	o := kmem.Ofd(i)
	n, e := readSome(c, i, b, o.State.Pos, true)
	return stepped(o, n, e)
}

// StreamWrite writes what an OFD takes of a host's buffer: at least one byte,
// or EAGAIN.
func StreamWrite(c *sched.Ctx, i abi.OfdRef, b *mm.Buf) (uint32, abi.Errno) {
	if e := checkWrite(c, i); e != abi.OK {
		return 0, e
	}
	o := kmem.Ofd(i)
	n, e := writeSome(c, i, b, o.State.Pos, true)
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
