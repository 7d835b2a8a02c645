package syscalls

import (
	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/kmem"
	"foreshore.dev/kernel/mm"
	"foreshore.dev/kernel/proc"
	"foreshore.dev/kernel/sched"
)

const (
	nsPerSec = uint64(1_000_000_000)
	forever  = ^uint64(0)
)

// addNs adds a duration to a time; what overflows is for ever.
func addNs(t, d uint64) uint64 {
	if t+d < t {
		return forever
	}
	return t + d
}

// timespecIn reads a struct timespec as nanoseconds: EINVAL when it is not a
// valid duration.
func timespecIn(c *sched.Ctx, va uint64) (uint64, abi.Errno) {
	if e := mm.CopyIn(c, c.InPage(abi.TimespecSize), va); e != abi.OK {
		return 0, e
	}
	ts := (*abi.Timespec)(kmem.Ptr(c.Page))
	if ts.Sec < 0 || uint64(ts.Nsec) >= nsPerSec {
		return 0, abi.EINVAL
	}
	if uint64(ts.Sec) >= forever/nsPerSec-1 {
		return forever - 1, abi.OK
	}
	return uint64(ts.Sec)*nsPerSec + uint64(ts.Nsec), abi.OK
}

func timespecOut(c *sched.Ctx, va, ns uint64) abi.Errno {
	*(*abi.Timespec)(kmem.Ptr(c.Page)) = abi.Timespec{Sec: int64(ns / nsPerSec), Nsec: int64(ns % nsPerSec)}
	return mm.CopyOut(c, va, c.InPage(abi.TimespecSize))
}

func clockNs(c *sched.Ctx, id abi.Clock) (uint64, abi.Errno) {
	switch id {
	case abi.CLOCK_REALTIME, abi.CLOCK_REALTIME_COARSE:
		return sched.RealNs(), abi.OK
	case abi.CLOCK_MONOTONIC, abi.CLOCK_MONOTONIC_RAW, abi.CLOCK_MONOTONIC_COARSE, abi.CLOCK_BOOTTIME:
		return sched.NowNs(), abi.OK
	case abi.CLOCK_PROCESS_CPUTIME_ID:
		return proc.UserNs(c.P()) + proc.SystemNs(c.P()), abi.OK
	case abi.CLOCK_THREAD_CPUTIME_ID:
		return proc.ThreadNs(c.T()), abi.OK
	}
	return proc.CpuNs(c.Process, id)
}

func sysClockGettime(c *sched.Ctx) (uint64, abi.Errno) {
	ns, e := clockNs(c, abi.Clock(c.Arg(0)))
	if e != abi.OK {
		return 0, e
	}
	return 0, timespecOut(c, c.Arg(1), ns)
}

func sysClockGetres(c *sched.Ctx) (uint64, abi.Errno) {
	if _, e := clockNs(c, abi.Clock(c.Arg(0))); e != abi.OK {
		return 0, e
	}
	if c.Arg(1) == 0 {
		return 0, abi.OK
	}
	res := uint64(1)
	if k := abi.Clock(c.Arg(0)); k == abi.CLOCK_REALTIME_COARSE || k == abi.CLOCK_MONOTONIC_COARSE {
		res = 4_000_000
	}
	return 0, timespecOut(c, c.Arg(1), res)
}

// The host's time is nobody's to set: EPERM, once the call would have been right otherwise. What has no setter at all is EINVAL
// (kernel/time/posix-timers.c): every clock but the real-time clock and CPU clocks that are named by a pid.
func sysClockSettime(c *sched.Ctx) (uint64, abi.Errno) {
	id := abi.Clock(c.Arg(0))
	if id != abi.CLOCK_REALTIME && int32(id) >= 0 {
		return 0, abi.EINVAL
	}
	if _, e := timespecIn(c, c.Arg(1)); e != abi.OK {
		return 0, e
	}
	if _, e := clockNs(c, id); e != abi.OK {
		return 0, e
	}
	return 0, abi.EPERM
}

func sysSettimeofday(c *sched.Ctx) (uint64, abi.Errno) {
	if va := c.Arg(0); va != 0 {
		if e := mm.CopyIn(c, c.InPage(abi.TimevalSize), va); e != abi.OK {
			return 0, e
		}
		if tv := (*abi.Timeval)(kmem.Ptr(c.Page)); tv.Sec < 0 || uint64(tv.Usec) >= 1_000_000 {
			return 0, abi.EINVAL
		}
	}
	if va := c.Arg(1); va != 0 {
		// struct timezone: minutes west of Greenwich and daylight saving.
		if e := mm.CopyIn(c, c.InPage(8), va); e != abi.OK {
			return 0, e
		}
	}
	return 0, abi.EPERM
}

func sysGettimeofday(c *sched.Ctx) (uint64, abi.Errno) {
	if va := c.Arg(0); va != 0 {
		*(*abi.Timeval)(kmem.Ptr(c.Page)) = proc.TimevalOf(sched.RealNs())
		if e := mm.CopyOut(c, va, c.InPage(abi.TimevalSize)); e != abi.OK {
			return 0, e
		}
	}
	if va := c.Arg(1); va != 0 {
		kmem.Store64(c.Page, 0)
		return 0, mm.CopyOut(c, va, c.InPage(8))
	}
	return 0, abi.OK
}

// sleep waits until the call's deadline, which its first attempt has set.
func sleep(c *sched.Ctx) (uint64, abi.Errno) {
	b := &c.T().State.Blocked
	if b.TimedOut != 0 || b.DeadlineNs <= sched.NowNs() {
		return 0, abi.OK
	}
	b.Reason = abi.WaitReasonSleep
	sched.SetDeadline(c, b.DeadlineNs)
	return 0, abi.EBLOCKED
}

// sleepInterrupted is the end of a sleep by a signal: what remains goes to
// `remain`. Without a handler the sleep goes on to the same deadline.
func sleepInterrupted(c *sched.Ctx, id abi.Clock, remain uint64) (uint64, abi.Errno) {
	deadline, now := c.T().State.Blocked.DeadlineNs, sched.NowNs()
	if id == abi.CLOCK_PROCESS_CPUTIME_ID || int32(id) < 0 {
		now, _ = clockNs(c, id)
	}
	if deadline <= now {
		return 0, abi.OK
	}
	if remain != 0 {
		if e := timespecOut(c, remain, deadline-now); e != abi.OK {
			return 0, e
		}
	}
	return 0, abi.ERESTARTBLOCK
}

func sysNanosleep(c *sched.Ctx) (uint64, abi.Errno) {
	b := &c.T().State.Blocked
	if b.DeadlineNs == forever {
		ns, e := timespecIn(c, c.Arg(0))
		if e != abi.OK {
			return 0, e
		}
		b.DeadlineNs = addNs(sched.NowNs(), ns)
	}
	return sleep(c)
}

func sysClockNanosleep(c *sched.Ctx) (uint64, abi.Errno) {
	b := &c.T().State.Blocked
	id, absolute := abi.Clock(arg32(c, 0)), c.Arg(1)&uint64(abi.TIMER_ABSTIME) != 0
	switch id {
	case abi.CLOCK_REALTIME_COARSE, abi.CLOCK_MONOTONIC_COARSE, abi.CLOCK_MONOTONIC_RAW, abi.CLOCK_THREAD_CPUTIME_ID:
		return 0, abi.EOPNOTSUPP
	case abi.CLOCK_PROCESS_CPUTIME_ID:
		id = proc.OwnProcessClock
	}
	clock, e := clockNs(c, id)
	if e != abi.OK {
		return 0, e
	}
	if b.DeadlineNs == forever {
		ns, e := timespecIn(c, c.Arg(2))
		if e != abi.OK {
			return 0, e
		}
		if int32(id) < 0 {
			if proc.IsThreadClock(c.Thread, id) {
				return 0, abi.EINVAL // it does not move while its thread sleeps
			}
			if b.DeadlineNs = ns; !absolute {
				b.DeadlineNs = addNs(clock, ns)
			}
		} else {
			b.DeadlineNs = addNs(sched.NowNs(), ns)
			if absolute {
				b.DeadlineNs = sched.NowNs()
				if ns > clock {
					b.DeadlineNs = addNs(b.DeadlineNs, ns-clock)
				}
			}
		}
	}
	if int32(id) < 0 {
		return 0, proc.SleepCpu(c, id, b.DeadlineNs)
	}
	return sleep(c)
}

func sysTimes(c *sched.Ctx) (uint64, abi.Errno) {
	const tick = 10_000_000
	s := &c.P().State
	if va := c.Arg(0); va != 0 {
		*(*abi.Tms)(kmem.Ptr(c.Page)) = abi.Tms{Utime: int64(proc.UserNs(c.P()) / tick), Stime: int64(proc.SystemNs(c.P()) / tick),
			Cutime: int64(s.ChildUserNs / tick), Cstime: int64(s.ChildSystemNs / tick)}
		if e := mm.CopyOut(c, va, c.InPage(abi.TmsSize)); e != abi.OK {
			return 0, e
		}
	}
	return sched.NowNs() / tick, abi.OK
}

func usageOut(c *sched.Ctx, va uint64, u proc.Usage) abi.Errno {
	r := (*abi.Rusage)(kmem.Ptr(c.Page))
	*r = abi.Rusage{Utime: proc.TimevalOf(u.UserNs), Stime: proc.TimevalOf(u.SystemNs), Minflt: int64(u.MinorFaults), Majflt: int64(u.MajorFaults),
		Maxrss: int64(u.PeakPages * 4), Nvcsw: int64(u.Voluntary), Nivcsw: int64(u.Involuntary)}
	return mm.CopyOut(c, va, c.InPage(abi.RusageSize))
}

func sysGetrusage(c *sched.Ctx) (uint64, abi.Errno) {
	var u proc.Usage
	switch abi.RusageWho(int32(arg32(c, 0))) {
	case abi.RUSAGE_SELF:
		u = proc.UsageOf(c.Process)
	case abi.RUSAGE_CHILDREN:
		u = proc.UsageOfChildren(c.Process)
	case abi.RUSAGE_THREAD:
		u = proc.UsageOfThread(c.Thread)
	default:
		return 0, abi.EINVAL
	}
	return 0, usageOut(c, c.Arg(1), u)
}

// usageOf is what a wait call says of a child, its own waited-for children
// included.
func usageOf(child abi.ProcessRef) proc.Usage {
	return proc.UsageOf(child).Add(proc.UsageOfChildren(child))
}
