package proc

import (
	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/kmem"
	"foreshore.dev/kernel/sched"
)

// CPU clocks and the timers that run on them. CPU time moves when a hart comes
// out of guest code; only there, and only for processes that have such a timer,
// are they looked at.

// Parts of a CPU clock's id (linux/posix-timers.h): ^pid in bits 3.., whose
// time, and of which kind. They are what clock_getcpuclockid(3) and
// pthread_getcpuclockid(3) make.
const (
	cpuClockThread = 4
	cpuClockKinds  = 3
	cpuClockVirt   = 1 // user time alone
	cpuClockSched  = 2
	cpuClockFd     = 3 // not a CPU clock, but a device's
)

// OwnProcessClock is the id of the clock of the asking process's CPU time.
const OwnProcessClock = abi.Clock(0xffff_fff8 | cpuClockSched)

// IsThreadClock says whether a clock counts this thread's own CPU time.
func IsThreadClock(thread abi.ThreadRef, clock abi.Clock) bool {
	tid := cpuClockPid(clock)
	return clock&cpuClockThread != 0 && (tid == 0 || tid == kmem.Thread(thread).State.Tid)
}

func processClock(pid uint32) abi.Clock { return abi.Clock(^pid<<3 | cpuClockSched) }
func threadClock(tid uint32) abi.Clock  { return abi.Clock(^tid<<3 | cpuClockThread | cpuClockSched) }

// UserNs is the user time of a process so far, its live threads included. What
// another hart's guest code has used since it was entered is not in it yet.
func UserNs(p *abi.ProcessSlot) uint64 { return p.Live.UserNs }

// SystemNs is the time of a process in the kernel so far, like UserNs.
func SystemNs(p *abi.ProcessSlot) uint64 { return p.Live.SystemNs }

// ThreadNs is the CPU time of one thread.
func ThreadNs(t *abi.ThreadSlot) uint64 { return t.State.UserNs + t.State.SystemNs }

// cpuClockPid is the pid or tid in a CPU clock's id.
func cpuClockPid(clock abi.Clock) uint32 { return uint32(^(int32(clock) >> 3)) }

// cpuClockThreadOf is the thread of a thread's clock: one of the process.
func cpuClockThreadOf(process abi.ProcessRef, clock abi.Clock) abi.ThreadRef {
	i := FindThread(cpuClockPid(clock))
	if i == 0 || kmem.Thread(i).State.Process != process {
		return 0
	}
	return i
}

// cpuClockProcess is the process whose CPU time a clock counts, or of whose
// thread; pid 0 is the asking process itself.
func cpuClockProcess(process abi.ProcessRef, clock abi.Clock) abi.ProcessRef {
	if clock&cpuClockThread != 0 || cpuClockPid(clock) == 0 {
		return process
	}
	return FindProcess(cpuClockPid(clock))
}

// CpuNs is the CPU time that a clock with a negative id shows to a process:
// EINVAL when it is none, or its process or thread does not exist.
func CpuNs(process abi.ProcessRef, clock abi.Clock) (uint64, abi.Errno) {
	kind := clock & cpuClockKinds
	if int32(clock) >= 0 || kind == cpuClockFd {
		return 0, abi.EINVAL
	}
	if clock&cpuClockThread != 0 && cpuClockPid(clock) != 0 {
		i := cpuClockThreadOf(process, clock)
		if i == 0 {
			return 0, abi.EINVAL
		}
		if kind == cpuClockVirt {
			return kmem.Thread(i).State.UserNs, abi.OK
		}
		return ThreadNs(kmem.Thread(i)), abi.OK
	}
	i := cpuClockProcess(process, clock)
	if i == 0 {
		return 0, abi.EINVAL
	}
	p := kmem.Process(i)
	if kind == cpuClockVirt {
		return UserNs(p), abi.OK
	}
	return UserNs(p) + SystemNs(p), abi.OK
}

// cpuTimersChanged has the next look at CPU time count what it may make due.
func cpuTimersChanged(process abi.ProcessRef) { kmem.Process(process).Live.CpuTimers |= 1 }

// countCpuTimers says in the process's slot how many timers CPU time may make
// due: those whose signal is pending wait for that first.
func countCpuTimers(process abi.ProcessRef) {
	p := kmem.Process(process)
	n := uint32(0)
	if p.State.ItimerVirtualNs != 0 {
		n++
	}
	if p.State.ItimerProfNs != 0 {
		n++
	}
	for i := p.Live.Timers; i != 0; i = kmem.PosixTimer(i).Next {
		if t := kmem.PosixTimer(i); cpuTimerArmed(t) {
			n++
		}
	}
	if p.State.Rlimits[abi.RLIMIT_CPU].Cur != infinite {
		n++
	}
	if p.Live.CpuWait != 0 {
		n++
	}
	p.Live.CpuTimers = n
}

// LimitsChanged has the kernel look at a new limit of CPU time.
func LimitsChanged(process abi.ProcessRef) { cpuTimersChanged(process) }

func cpuTimerArmed(t *abi.PosixTimerSlot) bool {
	return int32(t.Clock) < 0 && t.DeadlineNs != disarmed && t.Queued == 0 && t.Notify != abi.SIGEV_NONE
}

// CheckCpuTimers acts on the CPU-time timers of the caller's process that are
// due. A hart calls it when it has counted guest time and CpuTimers is not 0.
func CheckCpuTimers(c *sched.Ctx) {
	p := c.P()
	user := UserNs(p)
	if itimerDue(&p.State.ItimerVirtualNs, p.State.ItimerVirtualIntervalNs, user) {
		_ = SendProcess(c, c.Process, abi.SIGVTALRM)
	}
	total := user + SystemNs(p)
	if itimerDue(&p.State.ItimerProfNs, p.State.ItimerProfIntervalNs, total) {
		_ = SendProcess(c, c.Process, abi.SIGPROF)
	}
	checkCpuLimit(c, total)
	if p.Live.CpuWait != 0 && total >= p.Live.CpuWaitNs {
		sched.WakeAll(&p.Live.CpuWait)
	}
	for i := p.Live.Timers; i != 0; i = kmem.PosixTimer(i).Next {
		t := kmem.PosixTimer(i)
		if !cpuTimerArmed(t) {
			continue
		}
		if now, e := CpuNs(c.Process, abi.Clock(t.Clock)); e == abi.OK && t.DeadlineNs <= now {
			expireTimer(i, now)
		}
	}
	countCpuTimers(c.Process)
}

// itimerDue says whether an interval timer is due, and sets it anew.
func itimerDue(deadlineNs *uint64, intervalNs, now uint64) bool {
	if *deadlineNs == 0 || *deadlineNs > now {
		return false
	}
	if intervalNs == 0 {
		*deadlineNs = 0
	} else {
		*deadlineNs, _ = following(*deadlineNs, intervalNs, now)
	}
	return true
}

// checkCpuLimit holds the caller's process to RLIMIT_CPU: SIGXCPU each second
// from the soft limit on, which moves with it as on Linux; SIGKILL at the hard one.
func checkCpuLimit(c *sched.Ctx, total uint64) {
	l := &c.P().State.Rlimits[abi.RLIMIT_CPU]
	switch seconds := total / 1_000_000_000; {
	case l.Cur == infinite:
	case seconds >= l.Max:
		_ = SendProcess(c, c.Process, abi.SIGKILL)
	case seconds >= l.Cur:
		l.Cur++
		_ = SendProcess(c, c.Process, abi.SIGXCPU)
	}
}

// SleepCpu waits until a CPU clock shows deadlineNs. The clock moves no faster
// than its process's CPU time, which says when to look again.
func SleepCpu(c *sched.Ctx, clock abi.Clock, deadlineNs uint64) abi.Errno {
	now, e := CpuNs(c.Process, clock)
	if e != abi.OK || now >= deadlineNs {
		return e
	}
	process := cpuClockProcess(c.Process, clock)
	p := kmem.Process(process)
	at := saturate(UserNs(p)+SystemNs(p), deadlineNs-now)
	if p.Live.CpuWait == 0 || at < p.Live.CpuWaitNs {
		p.Live.CpuWaitNs = at
	}
	c.T().State.Blocked.Reason = abi.WaitReasonSleep
	e = sched.WaitOn(c, &p.Live.CpuWait, sched.AllEvents)
	cpuTimersChanged(process)
	return e
}
