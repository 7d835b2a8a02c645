package tty

import (
	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/kmem"
	"foreshore.dev/kernel/sched"
)

// What ioctl(2) asks of terminals (tty_ioctl(4)). Of a master, termios and size
// are the slave's.

// SetTermios is TCSETS and its kin; flush drops input that was not read. Speeds
// that are given as Bfoo bits are filled in.
func SetTermios(c *sched.Ctx, i abi.TtyRef, m *abi.Termios2, flush bool) abi.Errno {
	if e := MayUse(c, i, abi.SIGTTOU); e != abi.OK {
		return e
	}
	t := kmem.Tty(i)
	s := &t.State
	if flush {
		flushInput(t)
	}
	old := s.Termios
	kmem.WriteBegin(&t.Header)
	s.Termios = *m
	s.Termios.Cflag = m.Cflag&^(abi.CSIZE|abi.PARENB) | (abi.CS8 | abi.CREAD)
	settleSpeeds(&s.Termios)
	kmem.WriteEnd(&t.Header)
	tellChange(t, &old)
	if changed := old.Lflag ^ s.Termios.Lflag; changed&(abi.ICANON|abi.EXTPROC) != 0 {
		switchMode(t)
	}
	if old.Iflag&abi.IXON != 0 && !iflag(s, abi.IXON) {
		start(t)
	}
	digest(c, t)
	flushEchoes(t)
	sched.Wake(&t.Live.WriteWait, pollOut)
	sched.Wake(&t.Live.ReadWait, pollIn)
	return abi.OK
}

// switchMode: input that waits when canonical mode begins is a line; when it
// ends there are no lines any more.
func switchMode(t *abi.TtySlot) {
	s := &t.State
	t.Live.LineEnds = [len(t.Live.LineEnds)]uint32{}
	if lflag(s, abi.ICANON) && s.InHead != s.InTail {
		setLineEnd(t, s.InTail-1)
		s.InCanon = s.InTail
	} else {
		s.InCanon = s.InHead
	}
	s.Flags &^= abi.TtyFlagErasing | abi.TtyFlagLiteralNext
}

// tellChange tells a master in packet mode that ^S and ^Q began or ceased to
// stop output, and with EXTPROC of any change.
func tellChange(t *abi.TtySlot, old *abi.Termios2) {
	now := &t.State.Termios
	was, is := usualFlow(old), usualFlow(now)
	if was != is {
		set := abi.TIOCPKT_NOSTOP
		if is {
			set = abi.TIOCPKT_DOSTOP
		}
		tellMaster(t, set, abi.TIOCPKT_DOSTOP|abi.TIOCPKT_NOSTOP)
	}
	if (old.Lflag|now.Lflag)&abi.EXTPROC != 0 {
		tellMaster(t, abi.TIOCPKT_IOCTL, 0)
	}
}

func usualFlow(m *abi.Termios2) bool {
	return m.Iflag&abi.IXON != 0 && m.Cc[abi.VSTOP] == 'S'&0x1f && m.Cc[abi.VSTART] == 'Q'&0x1f
}

// bauds is what Bfoo bits mean (asm-generic/termbits-common.h), CBAUDEX as bit 4.
var bauds = [...]uint32{0, 50, 75, 110, 134, 150, 200, 300, 600, 1200, 1800, 2400, 4800, 9600, 19200, 38400,
	0, 57600, 115200, 230400, 460800, 500000, 576000, 921600, 1000000, 1152000, 1500000, 2000000, 2500000, 3000000, 3500000, 4000000}

func baud(bits abi.TermCflag, speed uint32) uint32 {
	switch {
	case bits == abi.CBAUDEX:
		return speed
	case bits&abi.CBAUDEX != 0:
		return bauds[16+bits&15]
	}
	return bauds[bits&15]
}

func settleSpeeds(m *abi.Termios2) {
	const inputShift = 16
	out, in := m.Cflag&abi.CBAUD, m.Cflag>>inputShift&abi.CBAUD
	m.Ospeed = baud(out, m.Ospeed)
	if in == 0 {
		m.Ispeed = m.Ospeed
	} else {
		m.Ispeed = baud(in, m.Ispeed)
	}
}

// TermiosOf is TCGETS2.
func TermiosOf(i abi.TtyRef) abi.Termios2 { return kmem.Tty(i).State.Termios }

// SizeOf is TIOCGWINSZ.
func SizeOf(i abi.TtyRef) abi.Winsize { return kmem.Tty(i).State.Winsize }

// Resize is TIOCSWINSZ: the foreground group hears of a change (SIGWINCH).
func Resize(c *sched.Ctx, i abi.TtyRef, w abi.Winsize) {
	t := kmem.Tty(i)
	if t.State.Winsize == w {
		return
	}
	kmem.WriteBegin(&t.Header)
	t.State.Winsize = w
	kmem.WriteEnd(&t.Header)
	if t.State.Pgrp != 0 {
		Signals.Group(c, t.State.Pgrp, abi.SIGWINCH)
	}
}

// Flush is TCFLSH.
func Flush(c *sched.Ctx, i abi.TtyRef, master bool, what uint64) abi.Errno {
	if what > uint64(abi.TCIOFLUSH) {
		return abi.EINVAL
	}
	t := kmem.Tty(i)
	s := &t.State
	if !master {
		if e := MayUse(c, i, abi.SIGTTOU); e != abi.OK {
			return e
		}
	}
	input, output := what != uint64(abi.TCOFLUSH), what != uint64(abi.TCIFLUSH)
	if master {
		// The master's input is the slave's output.
		if input {
			s.OutHead = s.OutTail
			sched.Wake(&t.Live.WriteWait, pollOut)
		}
		if output {
			dropPending(t)
		}
		return abi.OK
	}
	if input {
		dropPending(t)
		flushInput(t)
	}
	if output {
		flushOutput(t)
	}
	return abi.OK
}

func dropPending(t *abi.TtySlot) {
	t.State.PendingHead = t.State.PendingTail
	sched.Wake(&t.Live.MasterWriteWait, pollOut)
}

// Flow is TCXONC: it stops and starts output, or has the other side do so.
func Flow(c *sched.Ctx, i abi.TtyRef, master bool, what uint64) abi.Errno {
	t := kmem.Tty(i)
	s := &t.State
	if !master {
		if e := MayUse(c, i, abi.SIGTTOU); e != abi.OK {
			return e
		}
	}
	switch what {
	case uint64(abi.TCOOFF):
		if master {
			s.Flags |= abi.TtyFlagMasterStopped
			return abi.OK
		}
		if s.Flags&abi.TtyFlagStoppedByCall == 0 {
			s.Flags |= abi.TtyFlagStoppedByCall
			stop(t)
		}
	case uint64(abi.TCOON):
		if master {
			s.Flags &^= abi.TtyFlagMasterStopped
			sched.Wake(&t.Live.MasterWriteWait, pollOut)
			return abi.OK
		}
		if s.Flags&abi.TtyFlagStoppedByCall != 0 {
			s.Flags &^= abi.TtyFlagStoppedByCall
			start(t)
		}
	case uint64(abi.TCIOFF):
		sendFlow(c, t, master, s.Termios.Cc[abi.VSTOP])
	case uint64(abi.TCION):
		sendFlow(c, t, master, s.Termios.Cc[abi.VSTART])
	default:
		return abi.EINVAL
	}
	return abi.OK
}

// sendFlow sends START or STOP to the other side, stopped or not; 0 is none.
func sendFlow(c *sched.Ctx, t *abi.TtySlot, master bool, b byte) {
	if b == 0 {
		return
	}
	if master {
		typeByte(c, t, b)
		return
	}
	if s := &t.State; s.OutTail-s.OutHead < outputBytes {
		emit(t, b)
		sched.Wake(&t.Live.MasterReadWait, pollIn)
	}
}

// typeByte is what the master types, if it fits.
func typeByte(c *sched.Ctx, t *abi.TtySlot, b byte) {
	s := &t.State
	if s.PendingTail-s.PendingHead < pendingBytes {
		*pendingRing().byteAt(t, s.PendingTail) = b
		s.PendingTail++
		digest(c, t)
	}
}

// Insert is TIOCSTI, which Linux leaves to root: it pretends that a byte came.
func Insert(c *sched.Ctx, i abi.TtyRef, master bool, b byte) {
	t := kmem.Tty(i)
	if !master {
		typeByte(c, t, b)
		return
	}
	if s := &t.State; s.OutTail-s.OutHead < outputBytes {
		emit(t, b)
		sched.Wake(&t.Live.MasterReadWait, pollIn)
	}
}

// Lock is TIOCSPTLCK.
func Lock(i abi.TtyRef, on bool) { setFlag(i, abi.TtyFlagLocked, on) }

// Exclude is TIOCEXCL and TIOCNXCL.
func Exclude(i abi.TtyRef, on bool) { setFlag(i, abi.TtyFlagExclusive, on) }

// SetPacket is TIOCPKT; status of before does not count.
func SetPacket(i abi.TtyRef, on bool) {
	if s := &kmem.Tty(i).State; on && s.Flags&abi.TtyFlagPacket == 0 {
		s.PacketStatus = 0
	}
	setFlag(i, abi.TtyFlagPacket, on)
}

func setFlag(i abi.TtyRef, f abi.TtyFlag, on bool) {
	s := &kmem.Tty(i).State
	s.Flags &^= f
	if on {
		s.Flags |= f
	}
}

// Has says whether a pair has a flag.
func Has(i abi.TtyRef, f abi.TtyFlag) bool { return kmem.Tty(i).State.Flags&f != 0 }

// IndexOf is TIOCGPTN, and DeviceOf TIOCGDEV.
func IndexOf(i abi.TtyRef) uint32 { return kmem.Tty(i).State.Index }

// DeviceOf is the device number of a side.
func DeviceOf(i abi.TtyRef, master bool) uint32 {
	if master {
		return uint32(abi.DEV_PTMX)
	}
	dev, _ := Number(i)
	return dev
}

// SignalFront is TIOCSIG: the master signals the foreground group; EINVAL for
// others than what keys send.
func SignalFront(c *sched.Ctx, i abi.TtyRef, signo uint64) abi.Errno {
	switch abi.Signal(signo) {
	case abi.SIGINT, abi.SIGQUIT, abi.SIGTSTP:
	default:
		return abi.EINVAL
	}
	if p := kmem.Tty(i).State.Pgrp; p != 0 {
		Signals.Group(c, p, abi.Signal(signo))
	}
	return abi.OK
}
