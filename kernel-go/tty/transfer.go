package tty

import (
	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/kmem"
	"foreshore.dev/kernel/mm"
	"foreshore.dev/kernel/sched"
)

// Reads and writes of both sides. They return how much they did together with
// the error that ended them (EBLOCKED: the rest is asked for again).

func wait(c *sched.Ctx, queue *abi.WaitEntryRef, events abi.PollEvent) abi.Errno {
	if c.Thread != 0 {
		c.T().State.Blocked.Reason = abi.WaitReasonTty
	}
	return sched.WaitOn(c, queue, events)
}

// Transfer is a read or write of one side: its buffer, and what earlier attempts of
// this call have moved. Hung: the slave was hung up. Nonblock: EAGAIN instead of
// waiting.
type Transfer struct {
	*mm.Buf
	Before         uint32
	Hung, Nonblock bool
}

// ReadSlave reads what was typed: one line, or in raw mode as VMIN and VTIME
// say. A slave that was hung up is at its end.
func ReadSlave(c *sched.Ctx, i abi.TtyRef, x Transfer) (uint32, abi.Errno) {
	t := kmem.Tty(i)
	if x.Hung {
		return 0, abi.OK
	}
	if e := MayUse(c, i, abi.SIGTTIN); e != abi.OK {
		return 0, e
	}
	if x.Len == 0 {
		return 0, abi.OK
	}
	if canonical(&t.State) {
		if t.State.InHead != t.State.InCanon {
			done, e := takeLine(c, t, x.Buf)
			digest(c, t)
			return done, e
		}
		if x.Before != 0 {
			return 0, abi.OK
		}
		return 0, noInput(c, t, x.Nonblock)
	}
	return readRaw(c, t, x)
}

func noInput(c *sched.Ctx, t *abi.TtySlot, nonblock bool) abi.Errno {
	if nonblock {
		return abi.EAGAIN
	}
	return wait(c, &t.Live.ReadWait, pollIn|abi.POLLHUP)
}

// takeLine reads the first line, or as much of it as fits.
func takeLine(c *sched.Ctx, t *abi.TtySlot, b *mm.Buf) (uint32, abi.Errno) {
	s := &t.State
	n := uint32(0)
	for n < b.Len && s.InHead+n != s.InCanon && !lineEnd(t, s.InHead+n) {
		n++
	}
	// The end itself is read too, unless it is VEOF's.
	whole := n < b.Len && s.InHead+n != s.InCanon && *inputByte(t, s.InHead+n) != 0
	if whole {
		n++
	}
	done, e := copyOut(c, t, ringSpan{inputRing(), s.InHead, n}, b)
	for k := range done {
		clearLineEnd(t, s.InHead+k)
	}
	s.InHead += done
	// VEOF's mark goes with the last byte before it, so that it is no end of
	// file of its own.
	if e == abi.OK && !whole && s.InHead != s.InCanon && lineEnd(t, s.InHead) && *inputByte(t, s.InHead) == 0 {
		clearLineEnd(t, s.InHead)
		s.InHead++
	}
	return done, e
}

// tenth is the unit of VTIME in nanoseconds.
const tenth = 100_000_000

// readRaw reads in raw mode: the four cases of termios(3).
func readRaw(c *sched.Ctx, t *abi.TtySlot, x Transfer) (uint32, abi.Errno) {
	s := &t.State
	least, time := uint32(s.Termios.Cc[abi.VMIN]), uint64(s.Termios.Cc[abi.VTIME])*tenth
	done, e := uint32(0), abi.OK
	if n := min(s.InTail-s.InHead, x.Len); n != 0 {
		done, e = copyOut(c, t, ringSpan{inputRing(), s.InHead, n}, x.Buf)
		s.InHead += done
		s.InCanon = s.InHead
		digest(c, t)
	}
	if e != abi.OK || x.Len == 0 || done+x.Before >= max(least, 1) {
		return done, e
	}
	if c.Thread == 0 {
		return done, noInput(c, t, x.Nonblock)
	}
	call := &c.T().State.Blocked
	waited := call.TimedOut != 0 && done == 0
	switch {
	case least == 0 && (time == 0 || waited):
		return done, abi.OK
	case least != 0 && time != 0 && waited:
		return done, abi.OK
	case x.Nonblock:
		return done, abi.EAGAIN
	}
	// VTIME runs from the call, or with VMIN from the last byte that came.
	if time != 0 && (least == 0 || done+x.Before != 0) {
		if done != 0 || call.DeadlineNs == ^uint64(0) {
			call.DeadlineNs = sched.NowNs() + time
		}
		call.TimedOut = 0
		sched.SetDeadline(c, call.DeadlineNs)
	}
	return done, wait(c, &t.Live.ReadWait, pollIn|abi.POLLHUP)
}

// WriteSlave writes to the terminal: EIO after a hang-up.
func WriteSlave(c *sched.Ctx, i abi.TtyRef, x Transfer) (uint32, abi.Errno) {
	t, b := kmem.Tty(i), x.Buf
	s := &t.State
	if x.Hung {
		return 0, abi.EIO
	}
	if lflag(s, abi.TOSTOP) {
		if e := MayUse(c, i, abi.SIGTTOU); e != abi.OK {
			return 0, e
		}
	}
	flushEchoes(t)
	begin := s.OutTail
	done, e := uint32(0), abi.OK
	for b.Len != 0 && e == abi.OK {
		n := min(b.Len, pageSize, outputRoom(s))
		if n == 0 {
			break
		}
		if !oflag(s, abi.OPOST) {
			var moved uint32
			moved, e = copyIn(c, t, ringSpan{outputRing(), s.OutTail, n}, b)
			s.OutTail += moved
			done += moved
			continue
		}
		from := *b
		e = mm.BufIn(c, b, c.InPage(n))
		taken := uint32(0)
		for _, v := range kmem.Bytes(c.Page, from.Len-b.Len) {
			if !process(t, v, outputRoom(s)) {
				break
			}
			taken++
		}
		short := taken < from.Len-b.Len
		b.Addr, b.Len = from.Addr+uint64(taken), from.Len-taken
		done += taken
		if short {
			break
		}
	}
	if s.OutTail != begin {
		sched.Wake(&t.Live.MasterReadWait, pollIn)
	}
	switch {
	case e != abi.OK || b.Len == 0:
		return done, e
	case x.Nonblock:
		return done, abi.EAGAIN
	}
	return done, wait(c, &t.Live.WriteWait, pollOut|abi.POLLHUP)
}

// ReadMaster reads what the terminal shows; in packet mode a status byte comes
// first. EIO at the end, after the last slave was closed.
func ReadMaster(c *sched.Ctx, i abi.TtyRef, x Transfer) (uint32, abi.Errno) {
	t, b := kmem.Tty(i), x.Buf
	s := &t.State
	if b.Len == 0 {
		return 0, abi.OK
	}
	packet := s.Flags&abi.TtyFlagPacket != 0 && x.Before == 0
	if packet && s.PacketStatus != 0 {
		return header(c, b, byte(s.PacketStatus), &s.PacketStatus)
	}
	if s.OutHead == s.OutTail {
		switch {
		case x.Before != 0:
			return 0, abi.OK
		case s.Flags&abi.TtyFlagSlaveClosed != 0:
			return 0, abi.EIO
		case x.Nonblock:
			return 0, abi.EAGAIN
		}
		return 0, wait(c, &t.Live.MasterReadWait, pollIn|abi.POLLPRI|abi.POLLHUP)
	}
	done := uint32(0)
	if packet {
		n, e := header(c, b, byte(abi.TIOCPKT_DATA), nil)
		if e != abi.OK || b.Len == 0 {
			return n, e
		}
		done = n
	}
	n, e := copyOut(c, t, ringSpan{outputRing(), s.OutHead, min(s.OutTail-s.OutHead, b.Len)}, b)
	s.OutHead += n
	if n != 0 {
		flushEchoes(t)
		sched.Wake(&t.Live.WriteWait, pollOut)
	}
	return done + n, e
}

// header copies packet mode's byte, and clears the status that it told of.
func header(c *sched.Ctx, b *mm.Buf, v byte, status *uint32) (uint32, abi.Errno) {
	kmem.Bytes(c.Page, 1)[0] = v
	if e := mm.BufOut(c, b, c.InPage(1)); e != abi.OK {
		return 0, e
	}
	if status != nil {
		*status = 0
	}
	return 1, abi.OK
}

// masterRoom is how much more the master may write.
func masterRoom(s *abi.TtyState) uint32 {
	if s.Flags&abi.TtyFlagMasterStopped != 0 {
		return 0
	}
	return pendingBytes - (s.PendingTail - s.PendingHead)
}

// WriteMaster types: it waits while the line discipline has no room.
func WriteMaster(c *sched.Ctx, i abi.TtyRef, x Transfer) (uint32, abi.Errno) {
	t, b := kmem.Tty(i), x.Buf
	s := &t.State
	done, e := uint32(0), abi.OK
	for b.Len != 0 && e == abi.OK {
		n := min(b.Len, masterRoom(s))
		if n == 0 {
			break
		}
		n, e = copyIn(c, t, ringSpan{pendingRing(), s.PendingTail, n}, b)
		s.PendingTail += n
		done += n
		digest(c, t)
	}
	switch {
	case e != abi.OK || b.Len == 0:
		return done, e
	case x.Nonblock:
		return done, abi.EAGAIN
	}
	return done, wait(c, &t.Live.MasterWriteWait, pollOut|abi.POLLHUP)
}
