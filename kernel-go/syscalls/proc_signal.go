package syscalls

import (
	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/kmem"
	"foreshore.dev/kernel/mm"
	"foreshore.dev/kernel/proc"
	"foreshore.dev/kernel/sched"
)

const sigsetSize = 8

func validSignal(n uint64) bool { return n <= 64 }

// self fills in who sends a signal.
func self(c *sched.Ctx, signo abi.Signal, code int32) proc.Sig {
	s := &c.P().State
	return proc.Sig{Signo: signo, Code: code, Field0: uint64(s.Pid) | uint64(s.Uid)<<32}
}

func sysKill(c *sched.Ctx) (uint64, abi.Errno) {
	if !validSignal(c.Arg(1)) {
		return 0, abi.EINVAL
	}
	s := self(c, abi.Signal(c.Arg(1)), int32(abi.SI_USER))
	return 0, proc.Kill(c, int32(c.Arg(0)), &s)
}

func sendThread(c *sched.Ctx, tgid, tid int32, s *proc.Sig) (uint64, abi.Errno) {
	t := proc.FindThread(uint32(tid))
	if t == 0 || tgid > 0 && kmem.Process(kmem.Thread(t).State.Process).State.Pid != uint32(tgid) {
		return 0, abi.ESRCH
	}
	if !proc.MayKill(c, kmem.Thread(t).State.Process, s.Signo) {
		return 0, abi.EPERM
	}
	return 0, proc.SendThread(c, t, s)
}

func sysTkill(c *sched.Ctx) (uint64, abi.Errno) {
	if !validSignal(c.Arg(1)) || int32(c.Arg(0)) <= 0 {
		return 0, abi.EINVAL
	}
	s := self(c, abi.Signal(c.Arg(1)), int32(abi.SI_TKILL))
	return sendThread(c, 0, int32(c.Arg(0)), &s)
}

func sysTgkill(c *sched.Ctx) (uint64, abi.Errno) {
	if !validSignal(c.Arg(2)) || int32(c.Arg(0)) <= 0 || int32(c.Arg(1)) <= 0 {
		return 0, abi.EINVAL
	}
	s := self(c, abi.Signal(c.Arg(2)), int32(abi.SI_TKILL))
	return sendThread(c, int32(c.Arg(0)), int32(c.Arg(1)), &s)
}

// queued reads a siginfo_t of rt_sigqueueinfo(2).
func queued(c *sched.Ctx, signo, va uint64) (proc.Sig, abi.Errno) {
	if !validSignal(signo) {
		return proc.Sig{}, abi.EINVAL
	}
	if e := mm.CopyIn(c, c.InPage(abi.SiginfoSize), va); e != abi.OK {
		return proc.Sig{}, e
	}
	i := (*abi.Siginfo)(kmem.Ptr(c.Page))
	return proc.Sig{Signo: abi.Signal(signo), Code: i.Code, Errno: i.Errno, Field0: i.Field0, Field1: i.Field1, Field2: i.Field2, Field3: i.Field3}, abi.OK
}

func sysRtSigqueueinfo(c *sched.Ctx) (uint64, abi.Errno) {
	s, e := queued(c, c.Arg(1), c.Arg(2))
	if e != abi.OK {
		return 0, e
	}
	pid := int32(c.Arg(0))
	if (s.Code >= 0 || s.Code == int32(abi.SI_TKILL)) && uint32(pid) != c.P().State.Pid {
		return 0, abi.EPERM
	}
	if pid <= 0 {
		return 0, abi.ESRCH
	}
	return 0, proc.Kill(c, pid, &s)
}

func sysRtTgsigqueueinfo(c *sched.Ctx) (uint64, abi.Errno) {
	s, e := queued(c, c.Arg(2), c.Arg(3))
	if e != abi.OK {
		return 0, e
	}
	if int32(c.Arg(0)) <= 0 || int32(c.Arg(1)) <= 0 {
		return 0, abi.EINVAL
	}
	if (s.Code >= 0 || s.Code == int32(abi.SI_TKILL)) && uint32(c.Arg(0)) != c.P().State.Pid {
		return 0, abi.EPERM
	}
	return sendThread(c, int32(c.Arg(0)), int32(c.Arg(1)), &s)
}

func sysRtSigaction(c *sched.Ctx) (uint64, abi.Errno) {
	signo := c.Arg(0)
	if signo == 0 || !validSignal(signo) || c.Arg(3) != sigsetSize {
		return 0, abi.EINVAL
	}
	a := &kmem.Sighand(c.P().State.Sighand).Actions[signo-1]
	old := *a
	if va := c.Arg(1); va != 0 {
		if signo == uint64(abi.SIGKILL) || signo == uint64(abi.SIGSTOP) {
			return 0, abi.EINVAL
		}
		if e := mm.CopyIn(c, c.InPage(abi.SigactionSize), va); e != abi.OK {
			return 0, e
		}
		n := *(*abi.Sigaction)(kmem.Ptr(c.Page))
		if e := mm.Await(c, c.Arg(2), abi.SigactionSize); e != abi.OK {
			return 0, e
		}
		n.Mask &^= 1<<(abi.SIGKILL-1) | 1<<(abi.SIGSTOP-1)
		*a = n
		proc.ActionChanged(c, abi.Signal(signo))
	}
	if va := c.Arg(2); va != 0 {
		*(*abi.Sigaction)(kmem.Ptr(c.Page)) = old
		if e := mm.CopyOut(c, va, c.InPage(abi.SigactionSize)); e != abi.OK {
			return 0, e
		}
	}
	return 0, abi.OK
}

func sysRtSigprocmask(c *sched.Ctx) (uint64, abi.Errno) {
	if c.Arg(3) != sigsetSize {
		return 0, abi.EINVAL
	}
	t := c.T()
	old, mask := t.State.Sigmask, t.State.Sigmask
	if va := c.Arg(1); va != 0 {
		if e := mm.CopyIn(c, c.InPage(sigsetSize), va); e != abi.OK {
			return 0, e
		}
		set := kmem.Load64(c.Page)
		switch abi.SigHow(c.Arg(0)) {
		case abi.SIG_BLOCK:
			mask |= set
		case abi.SIG_UNBLOCK:
			mask &^= set
		case abi.SIG_SETMASK:
			mask = set
		default:
			return 0, abi.EINVAL
		}
	}
	if va := c.Arg(2); va != 0 {
		kmem.Store64(c.Page, old)
		if e := mm.CopyOut(c, va, c.InPage(sigsetSize)); e != abi.OK {
			return 0, e
		}
	}
	t.State.Sigmask = mask &^ (1<<(abi.SIGKILL-1) | 1<<(abi.SIGSTOP-1))
	return 0, abi.OK
}

func sysRtSigpending(c *sched.Ctx) (uint64, abi.Errno) {
	if c.Arg(1) > sigsetSize {
		return 0, abi.EINVAL
	}
	kmem.Store64(c.Page, (c.T().State.Pending|c.P().State.Pending)&c.T().State.Sigmask)
	return 0, mm.CopyOut(c, c.Arg(0), c.InPage(uint32(c.Arg(1))))
}

func sysRtSigsuspend(c *sched.Ctx) (uint64, abi.Errno) {
	if c.Arg(1) != sigsetSize {
		return 0, abi.EINVAL
	}
	if e := swapMask(c, c.Arg(0)); e != abi.OK {
		return 0, e
	}
	c.T().State.Blocked.Reason = abi.WaitReasonSignal
	return 0, abi.EBLOCKED
}

func sysRtSigtimedwait(c *sched.Ctx) (uint64, abi.Errno) {
	if c.Arg(3) != sigsetSize {
		return 0, abi.EINVAL
	}
	b := &c.T().State.Blocked
	w := b.SignalWait()
	if w.Known == 0 {
		if e := mm.CopyIn(c, c.InPage(sigsetSize), c.Arg(0)); e != abi.OK {
			return 0, e
		}
		w.Set, w.Known = kmem.Load64(c.Page)&^(1<<(abi.SIGKILL-1)|1<<(abi.SIGSTOP-1)), 1
	}
	if e := mm.Await(c, c.Arg(1), abi.SiginfoSize); e != abi.OK {
		return 0, e
	}
	if s, ok := proc.TakeSignal(c.T(), c.P(), w.Set); ok {
		if va := c.Arg(1); va != 0 {
			if e := proc.WriteSiginfo(c, va, &s); e != abi.OK {
				return 0, e
			}
		}
		return uint64(s.Signo), abi.OK
	}
	if b.DeadlineNs == forever {
		if va := c.Arg(2); va != 0 {
			ns, e := timespecIn(c, va)
			if e != abi.OK {
				return 0, e
			}
			b.DeadlineNs = addNs(sched.NowNs(), ns)
		}
	}
	if b.TimedOut != 0 || b.DeadlineNs <= sched.NowNs() {
		return 0, abi.EAGAIN
	}
	b.Reason = abi.WaitReasonSignal
	sched.SetDeadline(c, b.DeadlineNs)
	return 0, abi.EBLOCKED
}

func sysRtSigreturn(c *sched.Ctx) (uint64, abi.Errno) { return 0, proc.Sigreturn(c) }

func sysSigaltstack(c *sched.Ctx) (uint64, abi.Errno) {
	t := c.T()
	old := t.State.AltStack
	sp := t.Cpu.X[2]
	on := old.Flags&abi.SS_DISABLE == 0 && sp > old.Sp && sp-old.Sp <= old.Size
	if va := c.Arg(0); va != 0 {
		if e := mm.CopyIn(c, c.InPage(abi.SigaltstackSize), va); e != abi.OK {
			return 0, e
		}
		n := *(*abi.Sigaltstack)(kmem.Ptr(c.Page))
		if e := mm.Await(c, c.Arg(1), abi.SigaltstackSize); e != abi.OK {
			return 0, e
		}
		if on {
			return 0, abi.EPERM
		}
		mode := n.Flags &^ abi.SS_AUTODISARM
		if mode != 0 && mode != abi.SS_DISABLE && mode != abi.SS_ONSTACK {
			return 0, abi.EINVAL
		}
		if mode == abi.SS_DISABLE {
			n.Sp, n.Size = 0, 0
		} else if n.Size < uint64(abi.MINSIGSTKSZ) {
			return 0, abi.ENOMEM
		}
		n.Flags &^= abi.SS_ONSTACK
		n.Pad = 0
		t.State.AltStack = n
	}
	if va := c.Arg(1); va != 0 {
		if on {
			old.Flags |= abi.SS_ONSTACK
		}
		*(*abi.Sigaltstack)(kmem.Ptr(c.Page)) = old
		return 0, mm.CopyOut(c, va, c.InPage(abi.SigaltstackSize))
	}
	return 0, abi.OK
}
