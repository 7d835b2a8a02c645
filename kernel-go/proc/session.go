package proc

import (
	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/cred"
	"foreshore.dev/kernel/kmem"
	"foreshore.dev/kernel/sched"
)

// SetGroup is setpgid(2): pgid 0 means the process's own id.
func SetGroup(c *sched.Ctx, process, pgid uint32) abi.Errno {
	p := kmem.Process(process)
	if process != c.Process {
		if p.State.Parent != c.Process {
			return abi.ESRCH
		}
		if p.State.Sid != c.P().State.Sid {
			return abi.EPERM
		}
		if p.State.Flags&abi.ProcessFlagForkNoExec == 0 {
			return abi.EACCES
		}
	}
	if p.State.Sid == p.State.Pid {
		return abi.EPERM
	}
	if pgid == 0 {
		pgid = p.State.Pid
	}
	if pgid != p.State.Pid && !groupInSession(pgid, c.P().State.Sid) {
		return abi.EPERM
	}
	p.State.Pgid = pgid
	return abi.OK
}

func groupInSession(pgid, sid uint32) bool {
	for i := kmem.Header().InitProcess; i != 0; i = kmem.Process(i).Live.NextProcess {
		if s := &kmem.Process(i).State; s.Pgid == pgid && s.Sid == sid {
			return true
		}
	}
	return false
}

// SetSession is setsid(2).
func SetSession(c *sched.Ctx) (uint64, abi.Errno) {
	s := &c.P().State
	if s.Sid == s.Pid || GroupExists(s.Pid) {
		return 0, abi.EPERM
	}
	s.Sid, s.Pgid, s.Tty = s.Pid, s.Pid, 0
	return uint64(s.Pid), abi.OK
}

// SendGroup sends a signal to every member of a process group; ESRCH when it
// has none.
func SendGroup(c *sched.Ctx, pgid uint32, s *Sig) abi.Errno {
	found := false
	for i := kmem.Header().InitProcess; i != 0; {
		next := kmem.Process(i).Live.NextProcess
		if kmem.Process(i).State.Pgid == pgid {
			found = true
			_ = SendQueued(c, i, s)
		}
		i = next
	}
	if !found {
		return abi.ESRCH
	}
	return abi.OK
}

// MayKill says whether the caller may signal a process (kill(2)).
func MayKill(c *sched.Ctx, process, signo uint32) bool {
	if c.Process == 0 {
		return true
	}
	a, b := &c.P().State, &kmem.Process(process).State
	return cred.Has(c, abi.CAP_KILL) || a.Uid == b.Uid || a.Uid == b.Suid || a.Euid == b.Uid || a.Euid == b.Suid ||
		signo == uint32(abi.SIGCONT) && a.Sid == b.Sid
}

// Kill is kill(2).
func Kill(c *sched.Ctx, pid int32, s *Sig) abi.Errno {
	if pid > 0 {
		p := FindProcess(uint32(pid))
		if p == 0 {
			return abi.ESRCH
		}
		if !MayKill(c, p, s.Signo) {
			return abi.EPERM
		}
		return SendQueued(c, p, s)
	}
	group := uint32(-pid)
	if pid == 0 {
		group = c.P().State.Pgid
	}
	e := abi.ESRCH
	for i := kmem.Header().InitProcess; i != 0; {
		next := kmem.Process(i).Live.NextProcess
		if pid == -1 && i != c.Process && kmem.Process(i).State.Pid != hostPid || pid != -1 && kmem.Process(i).State.Pgid == group {
			switch {
			case MayKill(c, i, s.Signo):
				e = abi.OK
				_ = SendQueued(c, i, s)
			case e == abi.ESRCH:
				e = abi.EPERM
			}
		}
		i = next
	}
	return e
}

// What terminals ask of processes (tty.Signals).

func signalGroup(c *sched.Ctx, pgid, signo uint32) {
	s := Sig{Signo: signo, Code: int32(abi.SI_KERNEL)}
	_ = SendGroup(c, pgid, &s)
}

func signalProcess(c *sched.Ctx, process, signo uint32) {
	_ = SendProcess(c, process, signo, int32(abi.SI_KERNEL), 0, 0)
}

func ignoredOrBlocked(c *sched.Ctx, signo uint32) bool {
	return c.T().State.Sigmask&bit(signo) != 0 || action(c.P(), signo).Handler == uint64(abi.SIG_IGN)
}
