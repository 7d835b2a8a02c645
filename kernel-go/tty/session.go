package tty

import (
	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/cred"
	"foreshore.dev/kernel/kmem"
	"foreshore.dev/kernel/sched"
)

// Controlling terminals and job control (credentials(7), setsid(2)).

// MayUse is the job control check of a process that uses its controlling
// terminal from the background: its group gets the signal and the call is made
// again (ERESTARTSYS), unless it blocks or ignores the signal (fine for
// SIGTTOU, EIO for SIGTTIN) or nobody could continue the group (EIO).
func MayUse(c *sched.Ctx, i abi.TtyRef, signo abi.Signal) abi.Errno {
	if c.Process == 0 || c.P().State.Tty != i {
		return abi.OK
	}
	own, front := c.P().State.Pgid, kmem.Tty(i).State.Pgrp
	if front == 0 || front == own {
		return abi.OK
	}
	if Signals.Ignored(c, signo) {
		if signo == abi.SIGTTIN {
			return abi.EIO
		}
		return abi.OK
	}
	if Signals.Orphaned(own) {
		return abi.EIO
	}
	Signals.Group(c, own, signo)
	return abi.ERESTARTSYS
}

// Acquire makes the pair the controlling terminal of the caller's session when
// open(2) does: for a session leader that has none, of a terminal that
// controls none.
func Acquire(c *sched.Ctx, i abi.TtyRef) {
	if c.Process == 0 {
		return
	}
	p := &c.P().State
	if p.Sid == p.Pid && p.Tty == 0 && kmem.Tty(i).State.Session == 0 {
		Control(c.Process, i)
	}
}

// Control makes the pair the controlling terminal of a session leader.
func Control(process abi.ProcessRef, i abi.TtyRef) {
	p := &kmem.Process(process).State
	t := &kmem.Tty(i).State
	t.Session, t.Pgrp = p.Sid, p.Pgid
	p.Tty = i
}

// forgetSession takes the controlling terminal from all of a session.
func forgetSession(sid uint32) {
	for i := kmem.Header().InitProcess; i != 0; i = kmem.Process(i).Live.NextProcess {
		if s := &kmem.Process(i).State; s.Sid == sid {
			s.Tty = 0
		}
	}
}

// SetControlling is TIOCSCTTY: EPERM unless the caller leads a session without
// a terminal and this one controls none, which root may take away (arg 1).
func SetControlling(c *sched.Ctx, i abi.TtyRef, readable bool, arg uint64) abi.Errno {
	p := &c.P().State
	t := &kmem.Tty(i).State
	leader := p.Sid == p.Pid
	if leader && t.Session == p.Sid {
		return abi.OK
	}
	if !leader || p.Tty != 0 {
		return abi.EPERM
	}
	if t.Session != 0 {
		if arg != 1 || !cred.Has(c, abi.CAP_SYS_ADMIN) {
			return abi.EPERM
		}
		forgetSession(t.Session)
	}
	if !readable && !cred.Has(c, abi.CAP_SYS_ADMIN) {
		return abi.EPERM
	}
	Control(c.Process, i)
	return abi.OK
}

// GiveUp is TIOCNOTTY: a leader's whole session loses the terminal.
func GiveUp(c *sched.Ctx, i abi.TtyRef) abi.Errno {
	p := &c.P().State
	if p.Tty != i {
		return abi.ENOTTY
	}
	if p.Sid == p.Pid {
		disassociate(c, c.Process, true)
	}
	p.Tty = 0
	return abi.OK
}

// LeaderGone is told of a session leader that ends: the foreground group of its
// terminal gets SIGHUP, and the session has no terminal any more. When the
// terminal was hung up before, the group that was in front gets SIGCONT too.
func LeaderGone(c *sched.Ctx, process abi.ProcessRef) {
	p := &kmem.Process(process).State
	if p.Sid != p.Pid {
		return
	}
	if p.Tty != 0 {
		disassociate(c, process, false)
		return
	}
	if p.HungUpGroup != 0 {
		Signals.Group(c, p.HungUpGroup, abi.SIGHUP)
		Signals.Group(c, p.HungUpGroup, abi.SIGCONT)
		p.HungUpGroup = 0
	}
}

// disassociate parts a session leader, and so its session, from the terminal.
func disassociate(c *sched.Ctx, process abi.ProcessRef, goesOn bool) {
	p := &kmem.Process(process).State
	t := &kmem.Tty(p.Tty).State
	if t.Pgrp != 0 {
		Signals.Group(c, t.Pgrp, abi.SIGHUP)
		if goesOn {
			Signals.Group(c, t.Pgrp, abi.SIGCONT)
		}
	}
	t.Session, t.Pgrp = 0, 0
	forgetSession(p.Sid)
}

// HangUp ends all that has the slave open: reads are at the end, writes fail.
// The session leader gets SIGHUP and SIGCONT.
func HangUp(c *sched.Ctx, i abi.TtyRef) {
	t := kmem.Tty(i)
	s := &t.State
	s.Hangups++
	if s.Session != 0 {
		for k := kmem.Header().InitProcess; k != 0; {
			p := kmem.Process(k)
			next := p.Live.NextProcess
			if p.State.Sid == s.Session {
				p.State.Tty = 0
				if p.State.Pid == s.Session {
					p.State.HungUpGroup = s.Pgrp
					Signals.Process(c, k, abi.SIGHUP)
					Signals.Process(c, k, abi.SIGCONT)
				}
			}
			k = next
		}
	}
	s.Session, s.Pgrp, s.PacketStatus = 0, 0, 0
	s.PendingHead, s.EchoHead = s.PendingTail, s.EchoTail
	s.Flags &^= abi.TtyFlagStopped | abi.TtyFlagStoppedByCall | abi.TtyFlagLiteralNext
	resetInput(t)
	wakeAll(t)
}

// Foreground is TIOCGPGRP: of a slave only for its own session (ENOTTY).
func Foreground(c *sched.Ctx, i abi.TtyRef, master bool) (uint32, abi.Errno) {
	if !master && c.P().State.Tty != i {
		return 0, abi.ENOTTY
	}
	return kmem.Tty(i).State.Pgrp, abi.OK
}

// SetForeground is TIOCSPGRP.
func SetForeground(c *sched.Ctx, i abi.TtyRef, pgid int32) abi.Errno {
	s := &kmem.Tty(i).State
	p := &c.P().State
	switch {
	case pgid < 0:
		return abi.EINVAL
	case p.Tty != i || s.Session != p.Sid:
		return abi.ENOTTY
	}
	found := abi.ESRCH
	for k := kmem.Header().InitProcess; k != 0; k = kmem.Process(k).Live.NextProcess {
		o := &kmem.Process(k).State
		if o.Pgid != uint32(pgid) && o.Pid != uint32(pgid) {
			continue
		}
		if o.Sid == p.Sid {
			s.Pgrp = uint32(pgid)
			return abi.OK
		}
		found = abi.EPERM
	}
	return found
}

// SessionOf is TIOCGSID.
func SessionOf(c *sched.Ctx, i abi.TtyRef, master bool) (uint32, abi.Errno) {
	sid := kmem.Tty(i).State.Session
	if !master && c.P().State.Tty != i || sid == 0 {
		return 0, abi.ENOTTY
	}
	return sid, abi.OK
}

// Number is a terminal's device number as /proc shows it (new_encode_dev), and
// its foreground group, -1 when it has none.
func Number(i abi.TtyRef) (dev uint32, pgrp int32) {
	s := &kmem.Tty(i).State
	dev = uint32(slaveMajor)<<8 | s.Index&0xff | s.Index&^0xff<<12
	if s.Pgrp == 0 {
		return dev, -1
	}
	return dev, int32(s.Pgrp)
}
