package tty

import (
	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/kmem"
	"foreshore.dev/kernel/sched"
)

// The output side of the line discipline, and echoes. Echoes wait in a queue of
// their own while output is stopped or full, since typing must not wait for it.
// What they look like depends on the column where they come out.

// Kinds of echoes: the upper byte of a queue entry; the lower is the byte.
const (
	// echoPlain goes out as if the slave had written it.
	echoPlain = iota
	// echoControl shows as ^X.
	echoControl
	// echoLineBegin: the input line begins at this column.
	echoLineBegin
	// echoBack: the last byte took no column.
	echoBack
	// echoTab goes back over a tab that began so many columns (mod 8) after
	// another tab; echoTabFromBegin: after the begin of the line.
	echoTab
	echoTabFromBegin
)

// echo queues one echo; the oldest goes when there are too many.
func echo(t *abi.TtySlot, kind uint32, b byte) {
	s := &t.State
	if s.EchoTail-s.EchoHead == echoes {
		s.EchoHead++
	}
	*echoAt(t, s.EchoTail) = uint16(kind<<8) | uint16(b)
	s.EchoTail++
}

func echoAt(t *abi.TtySlot, at uint32) *uint16 {
	return (*uint16)(kmem.Ptr(t.Live.Frames[echoFrame] + at%echoes*2))
}

// echoChar echoes a byte of the input, as ^X when it is a control character
// and ECHOCTL is set.
func echoChar(t *abi.TtySlot, b byte) {
	kind := uint32(echoPlain)
	if control(b) && b != '\t' && lflag(&t.State, abi.ECHOCTL) {
		kind = echoControl
	}
	echo(t, kind, b)
}

// outputRoom is how much more output fits; none while it is stopped.
func outputRoom(s *abi.TtyState) uint32 {
	if s.Flags&abi.TtyFlagStopped != 0 {
		return 0
	}
	return outputBytes - (s.OutTail - s.OutHead)
}

// flushEchoes puts echoes into the output, as far as there is room.
func flushEchoes(t *abi.TtySlot) {
	s := &t.State
	begin := s.OutTail
	for s.EchoHead != s.EchoTail {
		e := *echoAt(t, s.EchoHead)
		if !showEcho(t, uint32(e>>8), byte(e), outputRoom(s)) {
			break
		}
		s.EchoHead++
	}
	if s.OutTail != begin {
		sched.Wake(&t.Live.MasterReadWait, pollIn)
	}
}

// showEcho puts one echo out; false when it needs more room.
func showEcho(t *abi.TtySlot, kind uint32, b byte, room uint32) bool {
	s := &t.State
	switch kind {
	case echoLineBegin:
		s.CanonColumn = s.Column
	case echoBack:
		back(s)
	case echoControl:
		if room < 2 {
			return false
		}
		emit(t, '^')
		emit(t, b^0x40)
		s.Column += 2
	case echoTab, echoTabFromBegin:
		columns := uint32(b)
		if kind == echoTabFromBegin {
			columns += s.CanonColumn
		}
		n := 8 - columns&7
		if room < n {
			return false
		}
		for range n {
			emit(t, '\b')
			back(s)
		}
	default:
		if oflag(s, abi.OPOST) {
			return process(t, b, room)
		}
		if room == 0 {
			return false
		}
		emit(t, b)
	}
	return true
}

func emit(t *abi.TtySlot, b byte) {
	*outputRing().byteAt(t, t.State.OutTail) = b
	t.State.OutTail++
}

func back(s *abi.TtyState) {
	if s.Column != 0 {
		s.Column--
	}
}

// process puts one byte out as OPOST says (termios(3), c_oflag); false when it
// needs more room.
func process(t *abi.TtySlot, b byte, room uint32) bool {
	s := &t.State
	if room == 0 {
		return false
	}
	switch b {
	case '\n':
		if oflag(s, abi.ONLRET) {
			s.Column = 0
		}
		if oflag(s, abi.ONLCR) {
			if room < 2 {
				return false
			}
			s.Column = 0
			emit(t, '\r')
		}
		s.CanonColumn = s.Column
	case '\r':
		if oflag(s, abi.ONOCR) && s.Column == 0 {
			return true
		}
		if !oflag(s, abi.OCRNL) {
			s.Column, s.CanonColumn = 0, 0
			break
		}
		b = '\n'
		if oflag(s, abi.ONLRET) {
			s.Column, s.CanonColumn = 0, 0
		}
	case '\t':
		n := 8 - s.Column&7
		if s.Termios.Oflag&abi.TABDLY == abi.XTABS {
			if room < n {
				return false
			}
			s.Column += n
			for range n {
				emit(t, ' ')
			}
			return true
		}
		s.Column += n
	case '\b':
		back(s)
	default:
		if control(b) {
			break
		}
		if oflag(s, abi.OLCUC) && (b >= 'a' && b <= 'z' || b >= 0xe0 && b <= 0xfe && b != 0xf7) {
			b -= 'a' - 'A'
		}
		if !continuation(s, b) {
			s.Column++
		}
	}
	emit(t, b)
	return true
}
