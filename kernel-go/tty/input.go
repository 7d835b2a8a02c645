package tty

import (
	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/kmem"
	"foreshore.dev/kernel/sched"
)

// The input side of the line discipline. What it does byte by byte is Linux's
// drivers/tty/n_tty.c, as termios(3) describes it.

// digest gives the line discipline what waits for it, as far as there is room.
func digest(c *sched.Ctx, t *abi.TtySlot) {
	s := &t.State
	begin := s.PendingHead
	for s.PendingHead != s.PendingTail && makeRoom(s) {
		b := *pendingRing().byteAt(t, s.PendingHead)
		s.PendingHead++
		receive(c, t, b)
	}
	if s.PendingHead == begin {
		return
	}
	flushEchoes(t)
	sched.Wake(&t.Live.MasterWriteWait, pollOut)
	if inputReady(s, false) {
		sched.Wake(&t.Live.ReadWait, pollIn)
	}
}

// makeRoom says whether one more byte may come in. A line that fills all of
// the buffer without an end loses its last byte, so that its end can come.
func makeRoom(s *abi.TtyState) bool {
	room := inputBytes - (s.InTail - s.InHead)
	if iflag(s, abi.PARMRK) {
		room = (room + 2) / 3
	}
	if room > 1 {
		return true
	}
	if !lflag(s, abi.ICANON) || s.InCanon != s.InHead {
		return false
	}
	if room == 0 {
		s.InTail--
	}
	return true
}

// put adds a byte to the input. What one typed byte becomes may be more than
// makeRoom has room for (PARMRK, the mark of VEOL): the last of it then counts.
func put(t *abi.TtySlot, b byte) {
	s := &t.State
	if s.InTail-s.InHead == inputBytes {
		s.InTail--
	}
	*inputByte(t, s.InTail) = b
	s.InTail++
	kmem.Assert(s.InTail-s.InHead <= inputBytes, "a terminal's input holds no more than its ring")
}

// putMarked is put; 0xff is doubled where marks begin with it (PARMRK).
func putMarked(t *abi.TtySlot, b byte) {
	if b == 0xff && iflag(&t.State, abi.PARMRK) {
		put(t, b)
	}
	put(t, b)
}

// receive takes one byte that was typed.
func receive(c *sched.Ctx, t *abi.TtySlot, b byte) {
	s := &t.State
	if iflag(s, abi.ISTRIP) {
		b &= 0x7f
	}
	if iflag(s, abi.IUCLC) && lflag(s, abi.IEXTEN) && (b >= 'A' && b <= 'Z' || b >= 0xc0 && b <= 0xde && b != 0xd7) {
		b += 'a' - 'A'
	}
	if s.Flags&abi.TtyFlagLiteralNext != 0 {
		s.Flags &^= abi.TtyFlagLiteralNext
		startAny(t)
		show(t, b, false)
		putMarked(t, b)
		return
	}
	if lflag(s, abi.EXTPROC) {
		put(t, b)
		return
	}
	// A control character that is 0 is switched off, so 0 is never special.
	if b != 0 && (flowControl(t, b) || signal(c, t, b)) {
		return
	}
	startAny(t)
	mapped := false
	switch {
	case b == '\r' && iflag(s, abi.IGNCR):
		return
	case b == '\r' && iflag(s, abi.ICRNL):
		b, mapped = '\n', true
	case b == '\n' && iflag(s, abi.INLCR):
		b, mapped = '\r', true
	}
	if lflag(s, abi.ICANON) && b != 0 && edit(t, b) {
		return
	}
	show(t, b, mapped)
	putMarked(t, b)
}

// show echoes a byte that goes into the input. A newline that was made of a
// carriage return moves the cursor even where control characters show as ^X.
func show(t *abi.TtySlot, b byte, mapped bool) {
	s := &t.State
	if !lflag(s, abi.ECHO) {
		return
	}
	endErasing(t)
	if mapped && b == '\n' {
		echo(t, echoPlain, b)
		return
	}
	if s.InCanon == s.InTail {
		echo(t, echoLineBegin, 0)
	}
	echoChar(t, b)
}

// flowControl acts on START and STOP.
func flowControl(t *abi.TtySlot, b byte) bool {
	s := &t.State
	switch {
	case !iflag(s, abi.IXON):
		return false
	case b == s.Termios.Cc[abi.VSTART]:
		start(t)
	case b == s.Termios.Cc[abi.VSTOP]:
		stop(t)
	default:
		return false
	}
	return true
}

// startAny: with IXANY every byte starts the output again.
func startAny(t *abi.TtySlot) {
	if iflag(&t.State, abi.IXON) && iflag(&t.State, abi.IXANY) {
		start(t)
	}
}

// start lets output go on, unless TCXONC stopped it.
func start(t *abi.TtySlot) {
	s := &t.State
	if s.Flags&abi.TtyFlagStopped == 0 || s.Flags&abi.TtyFlagStoppedByCall != 0 {
		return
	}
	s.Flags &^= abi.TtyFlagStopped
	tellMaster(t, abi.TIOCPKT_START, abi.TIOCPKT_STOP)
	flushEchoes(t)
	sched.Wake(&t.Live.WriteWait, pollOut)
}

func stop(t *abi.TtySlot) {
	s := &t.State
	if s.Flags&abi.TtyFlagStopped != 0 {
		return
	}
	s.Flags |= abi.TtyFlagStopped
	tellMaster(t, abi.TIOCPKT_STOP, abi.TIOCPKT_START)
}

// tellMaster sets and clears status bits of packet mode.
func tellMaster(t *abi.TtySlot, set, clear abi.TermPacket) {
	s := &t.State
	if s.Flags&abi.TtyFlagPacket == 0 {
		return
	}
	s.PacketStatus = s.PacketStatus&^uint32(clear) | uint32(set)
	sched.Wake(&t.Live.MasterReadWait, pollIn|abi.POLLPRI)
}

// signal acts on INTR, QUIT and SUSP: the foreground group gets the signal, and
// unless NOFLSH says no, input and output that wait are dropped.
func signal(c *sched.Ctx, t *abi.TtySlot, b byte) bool {
	s := &t.State
	if !lflag(s, abi.ISIG) {
		return false
	}
	var signo abi.Signal
	switch b {
	case s.Termios.Cc[abi.VINTR]:
		signo = abi.SIGINT
	case s.Termios.Cc[abi.VQUIT]:
		signo = abi.SIGQUIT
	case s.Termios.Cc[abi.VSUSP]:
		signo = abi.SIGTSTP
	default:
		return false
	}
	if s.Pgrp != 0 {
		Signals.Group(c, s.Pgrp, signo)
	}
	if !lflag(s, abi.NOFLSH) {
		s.EchoHead = s.EchoTail
		flushOutput(t)
		flushInput(t)
	}
	if iflag(s, abi.IXON) {
		start(t)
	}
	if lflag(s, abi.ECHO) {
		echoChar(t, b)
	}
	return true
}

// flushInput drops what the slave has not read.
func flushInput(t *abi.TtySlot) {
	resetInput(t)
	tellMaster(t, abi.TIOCPKT_FLUSHREAD, 0)
}

func resetInput(t *abi.TtySlot) {
	s := &t.State
	s.InHead = s.InTail
	s.InCanon = s.InTail
	s.Flags &^= abi.TtyFlagErasing
	t.Live.LineEnds = [len(t.Live.LineEnds)]uint32{}
}

// flushOutput drops what the master has not read, but for as much as Linux has
// with the master's own reader already.
func flushOutput(t *abi.TtySlot) {
	s := &t.State
	s.OutTail = s.OutHead + min(s.OutTail-s.OutHead, inputBytes-1)
	tellMaster(t, abi.TIOCPKT_FLUSHWRITE, 0)
	sched.Wake(&t.Live.WriteWait, pollOut)
}

// edit is canonical mode's part: it returns false for a byte that is none of
// its business.
func edit(t *abi.TtySlot, b byte) bool {
	s := &t.State
	cc := &s.Termios.Cc
	extended, shown := lflag(s, abi.IEXTEN), lflag(s, abi.ECHO)
	switch {
	case b == cc[abi.VERASE], b == cc[abi.VKILL], b == cc[abi.VWERASE] && extended:
		erase(t, b)
	case b == cc[abi.VLNEXT] && extended:
		s.Flags |= abi.TtyFlagLiteralNext
		if shown {
			endErasing(t)
			if lflag(s, abi.ECHOCTL) {
				echo(t, echoPlain, '^')
				echo(t, echoPlain, '\b')
			}
		}
	case b == cc[abi.VREPRINT] && shown && extended:
		endErasing(t)
		echoChar(t, b)
		echo(t, echoPlain, '\n')
		for at := s.InCanon; at != s.InTail; at++ {
			echoChar(t, *inputByte(t, at))
		}
	case b == '\n':
		if shown || lflag(s, abi.ECHONL) {
			echo(t, echoPlain, '\n')
		}
		endLine(t, b)
	case b == cc[abi.VEOF]:
		endLine(t, 0)
	case b == cc[abi.VEOL], b == cc[abi.VEOL2] && extended:
		if shown {
			if s.InCanon == s.InTail {
				echo(t, echoLineBegin, 0)
			}
			echoChar(t, b)
		}
		if b == 0xff && iflag(s, abi.PARMRK) {
			put(t, b)
		}
		endLine(t, b)
	default:
		return false
	}
	return true
}

// endLine completes the line with byte b, 0 for VEOF.
func endLine(t *abi.TtySlot, b byte) {
	setLineEnd(t, t.State.InTail)
	put(t, b)
	t.State.InCanon = t.State.InTail
}

// waits says how many bytes the slave's reader would find (FIONREAD): those of
// complete lines without VEOF's marks, or all.
func waits(t *abi.TtySlot) uint32 {
	s := &t.State
	if !canonical(s) {
		return s.InTail - s.InHead
	}
	n := uint32(0)
	for at := s.InHead; at != s.InCanon; at++ {
		if !lineEnd(t, at) || *inputByte(t, at) != 0 {
			n++
		}
	}
	return n
}

// Readable is FIONREAD of a side.
func Readable(i abi.TtyRef, master bool) uint32 {
	t := kmem.Tty(i)
	if master {
		return t.State.OutTail - t.State.OutHead
	}
	return waits(t)
}
