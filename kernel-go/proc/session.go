package proc

import (
	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/cred"
	"foreshore.dev/kernel/kmem"
	"foreshore.dev/kernel/sched"
)

// MayKill says whether the caller may signal a process (kill(2)).
func MayKill(c *sched.Ctx, process abi.ProcessRef, signo abi.Signal) bool {
	if c.Process == 0 {
		return true
	}
	a, b := &c.P().State, &kmem.Process(process).State
	return cred.Has(c, abi.CAP_KILL) || a.Uid == b.Uid || a.Uid == b.Suid || a.Euid == b.Uid || a.Euid == b.Suid ||
		signo == abi.SIGCONT && a.Sid == b.Sid
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
	e := abi.ESRCH
	if pid == -1 {
		for i := kmem.Header().InitProcess; i != 0; {
			next := kmem.Process(i).Live.NextProcess
			if i != c.Process && kmem.Process(i).State.Pid != hostPid {
				e = killOne(c, i, s, e)
			}
			i = next
		}
		return e
	}
	group := uint32(-pid)
	if pid == 0 {
		group = c.P().State.Pgid
	}
	for i := firstOf(group); i != 0; {
		next := nextOf(i, group)
		e = killOne(c, i, s, e)
		i = next
	}
	return e
}

// killOne signals one of several processes that a call means. e is what the call
// would answer without it: OK with the first that may be signalled, EPERM when
// there are only others.
func killOne(c *sched.Ctx, i abi.ProcessRef, s *Sig, e abi.Errno) abi.Errno {
	if MayKill(c, i, s.Signo) {
		_ = SendQueued(c, i, s)
		return abi.OK
	}
	if e == abi.ESRCH {
		return abi.EPERM
	}
	return e
}

// What terminals ask of processes (tty.Signals).

// SignalGroup signals a process group.
func SignalGroup(c *sched.Ctx, pgid uint32, signo abi.Signal) {
	s := Sig{Signo: signo, Code: int32(abi.SI_KERNEL)}
	_ = SendGroup(c, pgid, &s)
}

// SignalProcess signals a process.
func SignalProcess(c *sched.Ctx, process abi.ProcessRef, signo abi.Signal) {
	_ = SendProcess(c, process, signo)
}

// IgnoredOrBlocked says whether the caller would not notice a signal.
func IgnoredOrBlocked(c *sched.Ctx, signo abi.Signal) bool {
	return c.T().State.Sigmask&bit(signo) != 0 || action(c.P(), signo).Handler == abi.SIG_IGN
}
