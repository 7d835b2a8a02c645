package file

import (
	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/eventfd"
	"foreshore.dev/kernel/kmem"
	"foreshore.dev/kernel/sched"
)

// timerfd(2): a counter of expirations (package eventfd), and a timer in the OFD.

func releaseTimerfd(_ *sched.Ctx, o *abi.OfdSlot) {
	sched.TimerCancel(&o.Live.TimerfdLive().Timer)
	eventfd.Free(kmem.EventfdOf(o))
}

func pollTimerfd(o *abi.OfdSlot) abi.PollEvent { return eventfd.Poll(kmem.EventfdOf(o)) & pollIn }

// IsTimerfd says whether an OFD is a timerfd.
func IsTimerfd(i abi.OfdRef) bool { return kmem.Ofd(i).State.Kind == abi.OfdKindTimerfd }

// NewTimerfd makes a timerfd_create(2) OFD.
func NewTimerfd(clock abi.Clock, flags abi.OpenFlag) (abi.OfdRef, abi.Errno) {
	object := eventfd.New(0, 0)
	if object == 0 {
		return 0, abi.ENFILE
	}
	i := NewOfd(abi.OfdKindTimerfd, flags&abi.O_NONBLOCK|abi.O_RDWR)
	if i == 0 {
		eventfd.Free(object)
		return 0, abi.ENFILE
	}
	o := kmem.Ofd(i)
	kmem.SetObject(o, object)
	o.Live.TimerfdLive().Clock = uint32(clock)
	return i, abi.OK
}

// clockOffset turns the timer's clock into the machine's monotonic one.
func clockOffset(o *abi.OfdSlot) uint64 {
	if abi.Clock(o.Live.TimerfdLive().Clock) == abi.CLOCK_REALTIME {
		return kmem.Header().RealtimeOffsetNs
	}
	return 0
}

// SetTimer arms a timerfd for valueNs (0 disarms), absolute on its clock or
// from now, and then every intervalNs.
func SetTimer(i abi.OfdRef, valueNs, intervalNs uint64, absolute bool) {
	o := kmem.Ofd(i)
	l := o.Live.TimerfdLive()
	sched.TimerCancel(&l.Timer)
	eventfd.Clear(kmem.EventfdOf(o))
	l.IntervalNs = intervalNs
	if valueNs == 0 {
		return
	}
	deadline := valueNs
	if absolute {
		deadline -= min(deadline, clockOffset(o))
	} else if deadline += sched.NowNs(); deadline < valueNs {
		deadline = ^uint64(0)
	}
	sched.TimerSet(&l.Timer, deadline, sched.TimerTimerfd, uint32(i))
}

// TimerOf is what is left until the next expiration (0 when disarmed), and the
// interval.
func TimerOf(i abi.OfdRef) (leftNs, intervalNs uint64) {
	l := kmem.Ofd(i).Live.TimerfdLive()
	if l.Timer.HeapIndex == 0 {
		return 0, l.IntervalNs
	}
	now := sched.NowNs()
	if l.Timer.DeadlineNs <= now {
		return 1, l.IntervalNs
	}
	return l.Timer.DeadlineNs - now, l.IntervalNs
}

// ExpireTimerfd is told by sched that a timerfd's timer is due.
func ExpireTimerfd(object abi.OfdRef) {
	o := kmem.Ofd(object)
	l := o.Live.TimerfdLive()
	n := uint64(1)
	if every := l.IntervalNs; every != 0 {
		deadline, now := l.Timer.DeadlineNs, sched.NowNs()
		if now > deadline {
			n += (now - deadline) / every
		}
		next := deadline + (n-1)*every // not after now
		if next += every; next < every {
			next = ^uint64(0)
		}
		sched.TimerSet(&l.Timer, next, sched.TimerTimerfd, uint32(object))
	}
	eventfd.Expired(kmem.EventfdOf(o), n)
}
