package file

import (
	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/cred"
	"foreshore.dev/kernel/kmem"
	"foreshore.dev/kernel/mm"
	"foreshore.dev/kernel/sched"
	"foreshore.dev/kernel/tty"
)

// ioctl(2) on terminals (tty_ioctl(4)).

func store32(c *sched.Ctx, arg uint64, v uint32) (uint64, abi.Errno) { return 0, mm.Store32(c, arg, v) }

func storeFlag(c *sched.Ctx, arg uint64, on bool) (uint64, abi.Errno) {
	if on {
		return store32(c, arg, 1)
	}
	return store32(c, arg, 0)
}

func controlTerminal(c *sched.Ctx, o *abi.OfdSlot, number uint32, arg uint64) (uint64, abi.Errno) {
	i, master, request := kmem.TtyOf(o), isMaster(o), abi.Ioctl(number)
	switch request {
	case abi.TCGETS:
		m := tty.TermiosOf(i)
		*(*abi.Termios2)(kmem.Ptr(c.Page)) = m
		return 0, mm.CopyOut(c, arg, c.InPage(abi.TermiosSize))
	case abi.TCGETS2:
		*(*abi.Termios2)(kmem.Ptr(c.Page)) = tty.TermiosOf(i)
		return 0, mm.CopyOut(c, arg, c.InPage(abi.Termios2Size))
	case abi.TCSETS, abi.TCSETSW, abi.TCSETSF, abi.TCSETS2, abi.TCSETSW2, abi.TCSETSF2:
		return 0, setTermios(c, i, request, arg)
	case abi.TIOCGWINSZ:
		*(*abi.Winsize)(kmem.Ptr(c.Page)) = tty.SizeOf(i)
		return 0, mm.CopyOut(c, arg, c.InPage(abi.WinsizeSize))
	case abi.TIOCSWINSZ:
		if e := mm.CopyIn(c, c.InPage(abi.WinsizeSize), arg); e != abi.OK {
			return 0, e
		}
		tty.Resize(c, i, *(*abi.Winsize)(kmem.Ptr(c.Page)))
		return 0, abi.OK
	case abi.TCSBRK, abi.TCSBRKP, abi.TIOCSBRK:
		// A pty has no line to break, and its output is never on its way.
		if master {
			return 0, abi.OK
		}
		return 0, tty.MayUse(c, i, abi.SIGTTOU)
	case abi.TIOCCBRK:
		return 0, abi.OK
	case abi.TCXONC:
		return 0, tty.Flow(c, i, master, arg)
	case abi.TCFLSH:
		return 0, tty.Flush(c, i, master, arg)
	case abi.TIOCOUTQ:
		return store32(c, arg, 0) // what was written is with the master
	case abi.TIOCEXCL, abi.TIOCNXCL:
		tty.Exclude(i, request == abi.TIOCEXCL)
		return 0, abi.OK
	case abi.TIOCGEXCL:
		return storeFlag(c, arg, tty.Has(i, abi.TtyFlagExclusive))
	case abi.TIOCGETD:
		return store32(c, arg, 0) // N_TTY
	case abi.TIOCSETD:
		n, e := mm.Load32(c, arg)
		if e == abi.OK && n != 0 {
			e = abi.EINVAL
		}
		return 0, e
	case abi.TIOCGDEV:
		return store32(c, arg, tty.DeviceOf(i, master))
	case abi.TIOCSTI:
		return 0, insert(c, i, arg, master)
	case abi.TIOCVHANGUP:
		if !cred.Has(c, abi.CAP_SYS_ADMIN) {
			return 0, abi.EPERM
		}
		if !master {
			tty.HangUp(c, i)
		}
		return 0, abi.OK
	}
	return controlSession(c, o, request, arg)
}

// controlSession is what concerns sessions, and what only masters have.
func controlSession(c *sched.Ctx, o *abi.OfdSlot, request abi.Ioctl, arg uint64) (uint64, abi.Errno) {
	i, master := kmem.TtyOf(o), isMaster(o)
	switch request {
	case abi.TIOCSCTTY:
		return 0, tty.SetControlling(c, i, readable(o), arg)
	case abi.TIOCNOTTY:
		if master {
			return 0, abi.ENOTTY
		}
		return 0, tty.GiveUp(c, i)
	case abi.TIOCGPGRP:
		pgrp, e := tty.Foreground(c, i, master)
		if e != abi.OK {
			return 0, e
		}
		return store32(c, arg, pgrp)
	case abi.TIOCGSID:
		sid, e := tty.SessionOf(c, i, master)
		if e != abi.OK {
			return 0, e
		}
		return store32(c, arg, sid)
	case abi.TIOCSPGRP:
		if e := tty.MayUse(c, i, abi.SIGTTOU); e == abi.EIO {
			return 0, abi.ENOTTY
		} else if e != abi.OK {
			return 0, e
		}
		pgrp, e := mm.Load32(c, arg)
		if e != abi.OK {
			return 0, e
		}
		return 0, tty.SetForeground(c, i, int32(pgrp))
	}
	if !master {
		switch request {
		case abi.TIOCGPTPEER:
			return 0, abi.EIO
		}
		return 0, abi.ENOTTY
	}
	switch request {
	case abi.TIOCGPTN:
		return store32(c, arg, tty.IndexOf(i))
	case abi.TIOCSPTLCK:
		on, e := mm.Load32(c, arg)
		if e == abi.OK {
			tty.Lock(i, on != 0)
		}
		return 0, e
	case abi.TIOCGPTLCK:
		return storeFlag(c, arg, tty.Has(i, abi.TtyFlagLocked))
	case abi.TIOCPKT:
		on, e := mm.Load32(c, arg)
		if e == abi.OK {
			tty.SetPacket(i, on != 0)
		}
		return 0, e
	case abi.TIOCGPKT:
		return storeFlag(c, arg, tty.Has(i, abi.TtyFlagPacket))
	case abi.TIOCSIG:
		return 0, tty.SignalFront(c, i, arg)
	case abi.TIOCGPTPEER:
		at, e := FreeFd(c, 0)
		if e != abi.OK {
			return 0, e
		}
		flags := abi.OpenFlag(arg)
		peer, e := OpenPeer(c, i, flags)
		if e != abi.OK {
			return 0, e
		}
		Install(c, at, peer, flags&abi.O_CLOEXEC != 0)
		return uint64(at), abi.OK
	}
	return 0, abi.ENOTTY
}

// setTermios takes struct termios, or termios2 with its speeds; TCSETSF throws away
// what was typed.
func setTermios(c *sched.Ctx, i abi.TtyRef, request abi.Ioctl, arg uint64) abi.Errno {
	size, flush := abi.Termios2Size, request == abi.TCSETSF || request == abi.TCSETSF2
	if request == abi.TCSETS || request == abi.TCSETSW || request == abi.TCSETSF {
		size = abi.TermiosSize
	}
	*(*abi.Termios2)(kmem.Ptr(c.Page)) = tty.TermiosOf(i)
	if e := mm.CopyIn(c, c.InPage(uint32(size)), arg); e != abi.OK {
		return e
	}
	return tty.SetTermios(c, i, (*abi.Termios2)(kmem.Ptr(c.Page)), flush)
}

// insert is TIOCSTI as Linux has it without dev.tty.legacy_tiocsti: root's.
func insert(c *sched.Ctx, i abi.TtyRef, arg uint64, master bool) abi.Errno {
	if !cred.Has(c, abi.CAP_SYS_ADMIN) {
		return abi.EIO
	}
	if e := mm.CopyIn(c, c.InPage(1), arg); e != abi.OK {
		return e
	}
	tty.Insert(c, i, master, kmem.Bytes(c.Page, 1)[0])
	return abi.OK
}
