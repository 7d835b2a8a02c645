package proc

import (
	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/kmem"
	"foreshore.dev/kernel/sched"
)

// Interval timers (setitimer(2)): one of each kind per process. ITIMER_REAL is
// in the timer heap, the others count CPU time.

// pendingTickNs bounds how often an ITIMER_REAL whose signal is still pending
// fires: signals merge, so that more would only cost.
const pendingTickNs = 1_000_000

// itimerCpu is where a CPU-time interval timer of a process is, and its clock
// now.
func itimerCpu(p *abi.ProcessSlot, which abi.ItimerWhich) (deadlineNs, intervalNs *uint64, now uint64) {
	if which == abi.ITIMER_VIRTUAL {
		return &p.State.ItimerVirtualNs, &p.State.ItimerVirtualIntervalNs, UserNs(p)
	}
	return &p.State.ItimerProfNs, &p.State.ItimerProfIntervalNs, UserNs(p) + SystemNs(p)
}

// Itimer is what is left of an interval timer (0 when it is disarmed, else at
// least a microsecond, which is what a caller can see), and its interval.
func Itimer(process abi.ProcessRef, which abi.ItimerWhich) (leftNs, intervalNs uint64) {
	p := kmem.Process(process)
	deadline, interval, now := p.Live.Itimer.DeadlineNs, p.State.ItimerIntervalNs, sched.NowNs()
	armed := p.Live.Itimer.HeapIndex != 0
	if which != abi.ITIMER_REAL {
		d, i, n := itimerCpu(p, which)
		deadline, interval, now, armed = *d, *i, n, *d != 0
	}
	if !armed {
		return 0, 0
	}
	if deadline <= now+1000 {
		return 1000, interval
	}
	return deadline - now, interval
}

// SetItimer arms an interval timer for valueNs from now (0 disarms) and then
// every intervalNs.
func SetItimer(process abi.ProcessRef, which abi.ItimerWhich, valueNs, intervalNs uint64) {
	p := kmem.Process(process)
	if which != abi.ITIMER_REAL {
		deadline, interval, now := itimerCpu(p, which)
		*deadline, *interval = 0, intervalNs
		if valueNs != 0 {
			*deadline = saturate(now, valueNs)
		}
		cpuTimersChanged(process)
		return
	}
	p.State.ItimerIntervalNs = intervalNs
	if valueNs == 0 {
		sched.TimerCancel(&p.Live.Itimer)
		return
	}
	sched.TimerSet(&p.Live.Itimer, saturate(sched.NowNs(), valueNs), sched.TimerItimer, uint32(process))
}

// TimerExpired is what sched calls for a timer of this package that is due.
func TimerExpired(kind, object uint32) {
	if kind == sched.TimerPosix {
		expireTimer(abi.PosixTimerRef(object), sched.NowNs())
		return
	}
	kmem.Assert(kind == sched.TimerItimer, "the other timers of proc are interval timers")
	p := kmem.Process(abi.ProcessRef(object))
	if n := p.State.ItimerIntervalNs; n != 0 {
		// Missed periods are not made up for.
		now := sched.NowNs()
		if p.State.Pending&bit(abi.SIGALRM) != 0 {
			now = saturate(now, pendingTickNs)
		}
		next, _ := following(p.Live.Itimer.DeadlineNs, n, now)
		sched.TimerSet(&p.Live.Itimer, next, sched.TimerItimer, object)
	}
	_ = SendProcess(sched.For(kmem.WorkerIndex), abi.ProcessRef(object), abi.SIGALRM)
}
