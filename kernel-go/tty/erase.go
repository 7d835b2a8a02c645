package tty

import "foreshore.dev/kernel/abi"

// Erasing in canonical mode, and how it shows.

// control says whether a byte is a control character. Bytes above 0x7f are not.
func control(b byte) bool { return b < ' ' || b == 0x7f }

// wordByte says whether VWERASE takes a byte for part of a word; letters are
// those of Latin-1, so that UTF-8's first bytes are too.
func wordByte(b byte) bool {
	return b >= '0' && b <= '9' || b >= 'A' && b <= 'Z' || b >= 'a' && b <= 'z' || b == '_' || b >= 0xc0 && b != 0xd7 && b != 0xf7
}

// continuation says whether a byte is a later one of a UTF-8 character (IUTF8).
func continuation(s *abi.TtyState, b byte) bool { return iflag(s, abi.IUTF8) && b&0xc0 == 0x80 }

// erase takes a character (VERASE), a word (VWERASE) or all (VKILL) off the
// line that is being typed.
func erase(t *abi.TtySlot, b byte) {
	s := &t.State
	if s.InTail == s.InCanon {
		return
	}
	one := b == s.Termios.Cc[abi.VERASE]
	word := !one && b == s.Termios.Cc[abi.VWERASE]
	if !one && !word {
		shown := lflag(s, abi.ECHO)
		if !shown || !lflag(s, abi.ECHOK) || !lflag(s, abi.ECHOKE) || !lflag(s, abi.ECHOE) {
			s.InTail = s.InCanon
			if shown {
				endErasing(t)
				echoChar(t, b)
				if lflag(s, abi.ECHOK) {
					echo(t, echoPlain, '\n')
				}
			}
			return
		}
	}
	inWord := false
	for s.InTail != s.InCanon {
		at := s.InTail - 1
		for continuation(s, *inputByte(t, at)) && at != s.InCanon {
			at--
		}
		first := *inputByte(t, at)
		if continuation(s, first) {
			break // the rest of a character whose begin is in an earlier line
		}
		if word {
			if wordByte(first) {
				inWord = true
			} else if inWord {
				break
			}
		}
		bytes := s.InTail - at
		s.InTail = at
		if lflag(s, abi.ECHO) {
			showErased(t, first, bytes, one)
		}
		if one {
			break
		}
	}
	if s.InTail == s.InCanon && lflag(s, abi.ECHO) {
		endErasing(t)
	}
}

// showErased echoes that a character of some bytes behind the input's end went.
func showErased(t *abi.TtySlot, first byte, bytes uint32, one bool) {
	s := &t.State
	switch {
	case lflag(s, abi.ECHOPRT):
		if s.Flags&abi.TtyFlagErasing == 0 {
			echo(t, echoPlain, '\\')
			s.Flags |= abi.TtyFlagErasing
		}
		echoChar(t, first)
		for k := uint32(1); k < bytes; k++ {
			echo(t, echoPlain, *inputByte(t, s.InTail+k))
			echo(t, echoBack, 0)
		}
	case one && !lflag(s, abi.ECHOE):
		echoChar(t, s.Termios.Cc[abi.VERASE])
	case first == '\t':
		columns, afterTab := columnsBefore(t)
		op := uint32(echoTabFromBegin)
		if afterTab {
			op = echoTab
		}
		echo(t, op, byte(columns&7))
	default:
		if control(first) && lflag(s, abi.ECHOCTL) {
			echoErase(t)
		}
		if !control(first) || lflag(s, abi.ECHOCTL) {
			echoErase(t)
		}
	}
}

func echoErase(t *abi.TtySlot) {
	echo(t, echoPlain, '\b')
	echo(t, echoPlain, ' ')
	echo(t, echoPlain, '\b')
}

// columnsBefore counts the columns of the line up to its end, from its begin or
// from the last tab in it.
func columnsBefore(t *abi.TtySlot) (columns uint32, afterTab bool) {
	s := &t.State
	for at := s.InTail; at != s.InCanon; {
		at--
		switch b := *inputByte(t, at); {
		case b == '\t':
			return columns, true
		case control(b):
			if lflag(s, abi.ECHOCTL) {
				columns += 2
			}
		case !continuation(s, b):
			columns++
		}
	}
	return columns, false
}

// endErasing closes what ECHOPRT shows of erased characters.
func endErasing(t *abi.TtySlot) {
	if t.State.Flags&abi.TtyFlagErasing != 0 {
		t.State.Flags &^= abi.TtyFlagErasing
		echo(t, echoPlain, '/')
	}
}
