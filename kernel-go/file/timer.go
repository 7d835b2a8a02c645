package file

import (
	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/eventfd"
	"foreshore.dev/kernel/kmem"
	"foreshore.dev/kernel/mm"
	"foreshore.dev/kernel/sched"
)

// timerfd(2): a counter of expirations, and a timer in the OFD. Signal
// descriptors are signalfd(2)'s masks.

// NewTimerfd makes a timerfd_create(2) OFD.
func NewTimerfd(clock abi.Clock, flags uint32) (uint32, abi.Errno) {
	object := eventfd.New(0, 0)
	if object == 0 {
		return 0, abi.ENFILE
	}
	i := NewOfd(abi.OfdKindTimerfd, flags&oNonblock|oRdwr)
	if i == 0 {
		eventfd.Free(object)
		return 0, abi.ENFILE
	}
	o := kmem.Ofd(i)
	kmem.SetObject(o, abi.SlotKindEventfd, object)
	o.Live.Clock = uint32(clock)
	return i, abi.OK
}

// clockOffset turns the timer's clock into the machine's monotonic one.
func clockOffset(o *abi.OfdSlot) uint64 {
	if abi.Clock(o.Live.Clock) == abi.CLOCK_REALTIME {
		return kmem.Header().RealtimeOffsetNs
	}
	return 0
}

// SetTimer arms a timerfd for valueNs (0 disarms), absolute on its clock or
// from now, and then every intervalNs.
func SetTimer(i uint32, valueNs, intervalNs uint64, absolute bool) {
	o := kmem.Ofd(i)
	sched.TimerCancel(&o.Live.Timer)
	eventfd.Clear(kmem.Object(o))
	o.Live.IntervalNs = intervalNs
	if valueNs == 0 {
		return
	}
	deadline := valueNs
	if absolute {
		deadline -= min(deadline, clockOffset(o))
	} else if deadline += sched.NowNs(); deadline < valueNs {
		deadline = ^uint64(0)
	}
	sched.TimerSet(&o.Live.Timer, deadline, sched.TimerTimerfd, i)
}

// TimerOf is what is left until the next expiration (0 when disarmed), and the
// interval.
func TimerOf(i uint32) (leftNs, intervalNs uint64) {
	o := kmem.Ofd(i)
	if o.Live.Timer.HeapIndex == 0 {
		return 0, o.Live.IntervalNs
	}
	now := sched.NowNs()
	if o.Live.Timer.DeadlineNs <= now {
		return 1, o.Live.IntervalNs
	}
	return o.Live.Timer.DeadlineNs - now, o.Live.IntervalNs
}

// fired is told by sched that a timerfd's timer is due.
func fired(object uint32) {
	o := kmem.Ofd(object)
	n := uint64(1)
	if every := o.Live.IntervalNs; every != 0 {
		deadline, now := o.Live.Timer.DeadlineNs, sched.NowNs()
		if now > deadline {
			n += (now - deadline) / every
		}
		next := deadline + (n-1)*every // not after now
		if next += every; next < every {
			next = ^uint64(0)
		}
		sched.TimerSet(&o.Live.Timer, next, sched.TimerTimerfd, object)
	}
	eventfd.Expired(kmem.Object(o), n)
}

// signalSlot is an Eventfd slot in whose queue the readers of signal
// descriptors wait (heads of queues lie in the machine's memory); proc wakes
// them by SignalArrived when a signal becomes pending.
var signalSlot uint32

func signalWait() *uint32 { return &kmem.Eventfd(signalSlot).Wait }

// Signals are what signal descriptors ask of proc, which sets them. Pending
// says whether a signal of a mask waits for the caller's thread or process;
// Take removes one and writes a struct signalfd_siginfo to dst.
var Signals struct {
	Pending func(process, thread uint32, mask uint64) bool
	Take    func(c *sched.Ctx, mask uint64, dst uint32) bool
}

// SignalArrived wakes the readers of signal descriptors.
func SignalArrived() { sched.Wake(signalWait(), pollIn) }

// NewSignalfd makes a signalfd4(2) OFD for a mask of signals.
func NewSignalfd(c *sched.Ctx, mask uint64, flags uint32) (uint32, abi.Errno) {
	i := NewOfd(abi.OfdKindSignalfd, flags&oNonblock|oRdwr)
	if i == 0 {
		return 0, abi.ENFILE
	}
	o := kmem.Ofd(i)
	o.State.Cursor = mask
	kmem.SetObject(o, abi.SlotKindProcess, c.Process)
	return i, abi.OK
}

// SetSignals changes the mask of a signalfd.
func SetSignals(i uint32, mask uint64) {
	kmem.Ofd(i).State.Cursor = mask
	sched.Wake(signalWait(), pollIn)
}

// pollSignals is whether the process that made the descriptor has a signal.
func pollSignals(o *abi.OfdSlot) uint32 {
	p := kmem.Lookup(abi.SlotKindProcess, abi.SlotHandle{Index: o.State.Object, Generation: o.Live.ObjectGeneration})
	if Signals.Pending == nil || p == 0 {
		return 0 // its process is gone; who inherited it may still read
	}
	if !Signals.Pending(p, 0, o.State.Cursor) {
		return 0
	}
	return pollIn
}

// readSignals reads as many struct signalfd_siginfos as fit and there are.
func readSignals(c *sched.Ctx, o *abi.OfdSlot, b *mm.Buf, nonblock bool) (uint32, abi.Errno) {
	const size = uint32(abi.SignalfdSiginfoSize)
	if b.Len < size {
		return 0, abi.EINVAL
	}
	done := uint32(0)
	for b.Len >= size && Signals.Take != nil {
		// A signal that was taken cannot be put back.
		if b.As != 0 {
			if e := mm.Await(c, b.Addr, size); e != abi.OK {
				return done, e
			}
		}
		if !Signals.Take(c, o.State.Cursor, c.Page) {
			break
		}
		if e := mm.BufOut(c, b, c.Page, size); e != abi.OK {
			return done, e
		}
		done += size
	}
	switch {
	case done != 0:
		return done, abi.OK
	case nonblock:
		return 0, abi.EAGAIN
	}
	c.T().State.Blocked.Reason = abi.WaitReasonSignal
	return 0, sched.WaitOn(c, signalWait(), pollIn)
}
