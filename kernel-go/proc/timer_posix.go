package proc

import (
	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/kmem"
	"foreshore.dev/kernel/sched"
)

// POSIX timers (timer_create(2)). A timer has its signal record from the
// beginning, so that an expiration never lacks one, and at most one signal that
// is pending: the timer stands still until that is taken, and then counts what
// it missed as overruns.

const (
	// disarmed is the deadline of a timer that is not armed; armed ones end
	// before.
	disarmed = ^uint64(0)
	// ignoredTickNs is how soon a timer whose signal is ignored looks again.
	ignoredTickNs = 4_000_000
	maxOverrun    = 1<<31 - 1 // DELAYTIMER_MAX
)

// saturate adds a duration to a time of a timer.
func saturate(ns, d uint64) uint64 {
	if ns+d < ns {
		return disarmed - 1
	}
	return min(ns+d, disarmed-1)
}

// TimerSpec is what timer_create(2) asks for. Tid is 0 for signals to the
// process.
type TimerSpec struct {
	Clock  abi.Clock
	Notify abi.SigevNotify
	Signo  abi.Signal
	Tid    uint32
	Value  uint64
}

// FindTimer is the caller's timer with an id, 0 when there is none.
func FindTimer(c *sched.Ctx, id uint32) abi.PosixTimerRef {
	for i := c.P().Live.Timers; i != 0; i = kmem.PosixTimer(i).Next {
		if kmem.PosixTimer(i).Id == id {
			return i
		}
	}
	return 0
}

// NewTimer makes a timer of the caller's process. EINVAL for a clock that does
// not exist, EOPNOTSUPP for one that has no timers, EAGAIN beyond
// RLIMIT_SIGPENDING or when a table is full.
func NewTimer(c *sched.Ctx, s TimerSpec) (abi.PosixTimerRef, abi.Errno) {
	p := c.P()
	switch {
	case int32(s.Clock) < 0:
		if _, e := CpuNs(c.Process, s.Clock); e != abi.OK {
			return 0, e
		}
		if cpuClockProcess(c.Process, s.Clock) != c.Process {
			return 0, abi.EOPNOTSUPP // only its own threads look at a process's timers
		}
	case s.Clock == abi.CLOCK_PROCESS_CPUTIME_ID:
		s.Clock = processClock(p.State.Pid)
	case s.Clock == abi.CLOCK_THREAD_CPUTIME_ID:
		s.Clock = threadClock(c.T().State.Tid)
	case s.Clock == abi.CLOCK_REALTIME, s.Clock == abi.CLOCK_MONOTONIC, s.Clock == abi.CLOCK_BOOTTIME:
	case s.Clock == abi.CLOCK_MONOTONIC_RAW, s.Clock == abi.CLOCK_REALTIME_COARSE, s.Clock == abi.CLOCK_MONOTONIC_COARSE:
		return 0, abi.EOPNOTSUPP
	default:
		return 0, abi.EINVAL
	}
	if uint64(p.Live.TimerCount) >= p.State.Rlimits[abi.RLIMIT_SIGPENDING].Cur {
		return 0, abi.EAGAIN
	}
	info := kmem.Alloc[abi.SigInfoRef]()
	if info == 0 {
		return 0, abi.EAGAIN
	}
	i := kmem.Alloc[abi.PosixTimerRef]()
	if i == 0 {
		kmem.Free(info)
		return 0, abi.EAGAIN
	}
	for FindTimer(c, p.Live.NextTimerId) != 0 {
		p.Live.NextTimerId = (p.Live.NextTimerId + 1) & maxOverrun
	}
	t := kmem.PosixTimer(i)
	t.Process, t.Id, t.Clock, t.Notify = c.Process, p.Live.NextTimerId, uint32(s.Clock), s.Notify
	t.Signo, t.Tid, t.Value, t.Info, t.DeadlineNs = s.Signo, s.Tid, s.Value, info, disarmed
	kmem.SigInfo(info).Timer = i
	p.Live.NextTimerId = (p.Live.NextTimerId + 1) & maxOverrun
	t.Next, p.Live.Timers = p.Live.Timers, i
	p.Live.TimerCount++
	return i, abi.OK
}

// DeleteTimer ends a timer; a signal of it that is pending goes with it.
func DeleteTimer(i abi.PosixTimerRef) {
	t := kmem.PosixTimer(i)
	stopTimer(i)
	p := kmem.Process(t.Process)
	at := &p.Live.Timers
	for *at != i {
		at = &kmem.PosixTimer(*at).Next
	}
	*at = t.Next
	p.Live.TimerCount--
	kmem.Free(t.Info)
	kmem.Free(i)
}

// deleteTimers is what exec and exit do to a process's timers.
func deleteTimers(process abi.ProcessRef) {
	p := kmem.Process(process)
	queueOf(p).dropTimers()
	for i := p.Live.ThreadHead; i != 0; i = kmem.Thread(i).Live.NextInProcess {
		threadQueue(p, kmem.Thread(i)).dropTimers()
	}
	for i := p.Live.Timers; i != 0; i = p.Live.Timers {
		t := kmem.PosixTimer(i)
		sched.TimerCancel(&t.Live)
		p.Live.Timers = t.Next
		kmem.Free(t.Info)
		kmem.Free(i)
	}
	p.Live.TimerCount = 0
	countCpuTimers(process)
}

// stopTimer disarms a timer and takes its pending signal back.
func stopTimer(i abi.PosixTimerRef) {
	t := kmem.PosixTimer(i)
	sched.TimerCancel(&t.Live)
	t.DeadlineNs, t.IntervalNs, t.Overrun, t.LastOverrun = disarmed, 0, 0, 0
	cpuTimersChanged(t.Process)
	if t.Queued == 0 {
		return
	}
	t.Queued = 0
	k := queueOf(kmem.Process(t.Process))
	if t.Tid != 0 {
		k = threadQueue(kmem.Process(t.Process), kmem.Thread(FindThread(t.Tid)))
	}
	k.remove(t.Info)
}

// timerNow is the time in which the timer's deadline counts: CPU time or the
// machine's monotonic clock. EINVAL when its thread is gone.
func timerNow(t *abi.PosixTimerSlot) (uint64, abi.Errno) {
	if int32(t.Clock) < 0 {
		return CpuNs(t.Process, abi.Clock(t.Clock))
	}
	return sched.NowNs(), abi.OK
}

// SetTimer arms a timer for valueNs (0 disarms), absolute on its clock or from
// now, and then every intervalNs. ESRCH when the thread whose CPU time it
// measures is gone.
func SetTimer(i abi.PosixTimerRef, valueNs, intervalNs uint64, absolute bool) abi.Errno {
	t := kmem.PosixTimer(i)
	now, e := timerNow(t)
	if e != abi.OK {
		return abi.ESRCH
	}
	stopTimer(i)
	if valueNs == 0 {
		return abi.OK
	}
	t.IntervalNs = intervalNs
	if !absolute {
		t.DeadlineNs = saturate(now, valueNs)
	} else if t.DeadlineNs = min(valueNs, disarmed-1); abi.Clock(t.Clock) == abi.CLOCK_REALTIME {
		t.DeadlineNs -= min(t.DeadlineNs, kmem.Header().RealtimeOffsetNs)
	}
	armTimer(i)
	return abi.OK
}

// TimerLeft is what is left until a timer's next expiration (0 when it is
// disarmed), and its interval.
func TimerLeft(i abi.PosixTimerRef) (leftNs, intervalNs uint64) {
	t := kmem.PosixTimer(i)
	now, e := timerNow(t)
	if t.DeadlineNs == disarmed || e != abi.OK {
		return 0, 0
	}
	next := t.DeadlineNs
	if silent := t.Notify == abi.SIGEV_NONE; next <= now {
		switch {
		case t.IntervalNs != 0 && (silent || t.Queued != 0):
			next, _ = following(next, t.IntervalNs, now)
		case silent:
			return 0, 0
		default:
			next = saturate(now, 1) // due, but nobody has looked yet
		}
	}
	return next - now, t.IntervalNs
}

// following is the first expiration after `now` of a timer that was due at
// `at`, and how many expirations lie between.
func following(at, intervalNs, now uint64) (next, passed uint64) {
	if at > now {
		return at, 0
	}
	passed = (now - at) / intervalNs
	return saturate(at+passed*intervalNs, intervalNs), passed
}

// armTimer makes sure that somebody looks when the timer's deadline is there.
func armTimer(i abi.PosixTimerRef) {
	t := kmem.PosixTimer(i)
	if t.Notify == abi.SIGEV_NONE {
		return // nobody is told; who asks computes
	}
	if int32(t.Clock) < 0 {
		cpuTimersChanged(t.Process)
		if now, e := timerNow(t); e == abi.OK && t.DeadlineNs <= now {
			expireTimer(i, now)
		}
		return
	}
	if now := sched.NowNs(); t.DeadlineNs <= now {
		expireTimer(i, now)
		return
	}
	sched.TimerSet(&t.Live, t.DeadlineNs, sched.TimerPosix, uint32(i))
}

// expireTimer sends the signal of a timer that is due.
func expireTimer(i abi.PosixTimerRef, now uint64) {
	t := kmem.PosixTimer(i)
	due := t.DeadlineNs
	if t.IntervalNs == 0 {
		t.DeadlineNs = disarmed
	}
	thread := abi.ThreadRef(0)
	if t.Tid != 0 {
		thread = FindThread(t.Tid)
		if thread == 0 || kmem.Thread(thread).State.Process != t.Process || kmem.Thread(thread).State.LoadRunState() == abi.ThreadRunStateExited {
			t.DeadlineNs = disarmed // nobody to tell any more
			cpuTimersChanged(t.Process)
			return
		}
	}
	s := Sig{Signo: t.Signo, Code: int32(abi.SI_TIMER), Field0: uint64(t.Id), Field1: t.Value, Timer: i}
	_ = send(sched.For(kmem.WorkerIndex), t.Process, thread, &s)
	if t.Queued == 0 && t.IntervalNs != 0 {
		// The signal is ignored, which may change: go on, but without haste.
		t.DeadlineNs, _ = following(due, t.IntervalNs, saturate(now, ignoredTickNs))
		if int32(t.Clock) >= 0 {
			sched.TimerSet(&t.Live, t.DeadlineNs, sched.TimerPosix, uint32(i))
		}
	}
	cpuTimersChanged(t.Process)
}

// timerTaken lets a timer go on whose signal was taken; it returns how many
// expirations passed since the one that sent it.
func timerTaken(i abi.PosixTimerRef) uint32 {
	t := kmem.PosixTimer(i)
	t.Queued, t.LastOverrun = 0, 0
	if t.IntervalNs == 0 {
		return 0
	}
	now, e := timerNow(t)
	if e != abi.OK {
		return 0
	}
	passed := uint64(0)
	t.DeadlineNs, passed = following(t.DeadlineNs, t.IntervalNs, now)
	t.LastOverrun = uint32(min(passed, maxOverrun))
	if int32(t.Clock) < 0 {
		cpuTimersChanged(t.Process)
	} else {
		sched.TimerSet(&t.Live, t.DeadlineNs, sched.TimerPosix, uint32(i))
	}
	return t.LastOverrun
}
