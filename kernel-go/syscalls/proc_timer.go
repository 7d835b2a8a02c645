package syscalls

import (
	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/kmem"
	"foreshore.dev/kernel/mm"
	"foreshore.dev/kernel/proc"
	"foreshore.dev/kernel/sched"
)

// timerSpecOf reads timer_create(2)'s struct sigevent; without one the timer
// sends SIGALRM with its id, which the caller then fills in.
func timerSpecOf(c *sched.Ctx, clock abi.Clock, va uint64) (proc.TimerSpec, abi.Errno) {
	s := proc.TimerSpec{Clock: clock, Notify: abi.SIGEV_SIGNAL, Signo: abi.SIGALRM}
	if va == 0 {
		return s, abi.OK
	}
	if e := mm.CopyIn(c, c.InPage(abi.SigeventSize), va); e != abi.OK {
		return s, e
	}
	v := (*abi.Sigevent)(kmem.Ptr(c.Page))
	s.Notify, s.Signo, s.Value = abi.SigevNotify(v.Notify), abi.Signal(v.Signo), v.Value
	switch s.Notify {
	case abi.SIGEV_NONE:
		return s, abi.OK
	case abi.SIGEV_THREAD_ID:
		t := proc.FindThread(uint32(v.Tid))
		if t == 0 || kmem.Thread(t).State.Process != c.Process {
			return s, abi.EINVAL
		}
		s.Tid = uint32(v.Tid)
	case abi.SIGEV_SIGNAL, abi.SIGEV_THREAD:
		// The kernel's part of SIGEV_THREAD is a signal: libc makes the thread.
	default:
		return s, abi.EINVAL
	}
	if s.Signo == 0 || !validSignal(uint64(s.Signo)) {
		return s, abi.EINVAL
	}
	return s, abi.OK
}

func sysTimerCreate(c *sched.Ctx) (uint64, abi.Errno) {
	s, e := timerSpecOf(c, abi.Clock(c.Arg(0)), c.Arg(1))
	if e != abi.OK {
		return 0, e
	}
	i, e := proc.NewTimer(c, s)
	if e != abi.OK {
		return 0, e
	}
	t := kmem.PosixTimer(i)
	if c.Arg(1) == 0 {
		t.Value = uint64(t.Id)
	}
	kmem.Store32(c.Page, t.Id)
	if e := mm.CopyOut(c, c.Arg(2), c.InPage(4)); e != abi.OK {
		proc.DeleteTimer(i)
		return 0, e
	}
	return 0, abi.OK
}

// timerOf is the timer that argument 0 names: EINVAL when there is none.
func timerOf(c *sched.Ctx) (abi.PosixTimerRef, abi.Errno) {
	i := proc.FindTimer(c, arg32(c, 0))
	if i == 0 {
		return 0, abi.EINVAL
	}
	return i, abi.OK
}

func sysTimerDelete(c *sched.Ctx) (uint64, abi.Errno) {
	i, e := timerOf(c)
	if e == abi.OK {
		proc.DeleteTimer(i)
	}
	return 0, e
}

func sysTimerGetoverrun(c *sched.Ctx) (uint64, abi.Errno) {
	i, e := timerOf(c)
	if e != abi.OK {
		return 0, e
	}
	return uint64(kmem.PosixTimer(i).LastOverrun), abi.OK
}

func timerOut(c *sched.Ctx, va uint64, i abi.PosixTimerRef) abi.Errno {
	left, interval := proc.TimerLeft(i)
	v := (*abi.Itimerspec)(kmem.Ptr(c.Page))
	v.Value = abi.Timespec{Sec: int64(left / nsPerSec), Nsec: int64(left % nsPerSec)}
	v.Interval = abi.Timespec{Sec: int64(interval / nsPerSec), Nsec: int64(interval % nsPerSec)}
	return mm.CopyOut(c, va, c.InPage(abi.ItimerspecSize))
}

func sysTimerGettime(c *sched.Ctx) (uint64, abi.Errno) {
	i, e := timerOf(c)
	if e != abi.OK {
		return 0, e
	}
	return 0, timerOut(c, c.Arg(1), i)
}

func sysTimerSettime(c *sched.Ctx) (uint64, abi.Errno) {
	va := c.Arg(2)
	if va == 0 {
		return 0, abi.EINVAL
	}
	// struct itimerspec: the interval, then the value.
	interval, e := timespecIn(c, va)
	if e != abi.OK {
		return 0, e
	}
	value, e := timespecIn(c, va+abi.TimespecSize)
	if e != abi.OK {
		return 0, e
	}
	i, e := timerOf(c)
	if e != abi.OK {
		return 0, e
	}
	if old := c.Arg(3); old != 0 {
		if e := timerOut(c, old, i); e != abi.OK {
			return 0, e
		}
	}
	return 0, proc.SetTimer(i, value, interval, c.Arg(1)&uint64(abi.TIMER_ABSTIME) != 0)
}

func itimerOut(c *sched.Ctx, va uint64) abi.Errno {
	left, interval := proc.Itimer(c.Process, abi.ItimerWhich(c.Arg(0)))
	*(*abi.Itimerval)(kmem.Ptr(c.Page)) = abi.Itimerval{Interval: proc.TimevalOf(interval), Value: proc.TimevalOf(left)}
	return mm.CopyOut(c, va, c.InPage(abi.ItimervalSize))
}

func sysGetitimer(c *sched.Ctx) (uint64, abi.Errno) {
	if arg32(c, 0) > uint32(abi.ITIMER_PROF) {
		return 0, abi.EINVAL
	}
	return 0, itimerOut(c, c.Arg(1))
}

// itimerNs is a time of setitimer(2): EINVAL when it is none.
func itimerNs(t abi.Timeval) (uint64, abi.Errno) {
	if t.Sec < 0 || uint64(t.Usec) >= 1_000_000 {
		return 0, abi.EINVAL
	}
	return uint64(min(t.Sec, 1<<33))*nsPerSec + uint64(t.Usec)*1000, abi.OK
}

func sysSetitimer(c *sched.Ctx) (uint64, abi.Errno) {
	if arg32(c, 0) > uint32(abi.ITIMER_PROF) {
		return 0, abi.EINVAL
	}
	var v abi.Itimerval
	if va := c.Arg(1); va != 0 {
		if e := mm.CopyIn(c, c.InPage(abi.ItimervalSize), va); e != abi.OK {
			return 0, e
		}
		v = *(*abi.Itimerval)(kmem.Ptr(c.Page))
	}
	value, e := itimerNs(v.Value)
	if e != abi.OK {
		return 0, e
	}
	interval, e := itimerNs(v.Interval)
	if e != abi.OK {
		return 0, e
	}
	if va := c.Arg(2); va != 0 {
		if e := itimerOut(c, va); e != abi.OK {
			return 0, e
		}
	}
	proc.SetItimer(c.Process, abi.ItimerWhich(c.Arg(0)), value, interval)
	return 0, abi.OK
}
