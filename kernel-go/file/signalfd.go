package file

import (
	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/fs/procfs"
	"foreshore.dev/kernel/kmem"
	"foreshore.dev/kernel/mm"
	"foreshore.dev/kernel/sched"
)

// signalfd(2). State.Object is the process that made the description, whose
// signals its poll tells; OfdSignalfd has the mask.

// signalWait is where the readers of signal descriptors wait; proc wakes them by
// SignalArrived when a signal becomes pending.
func signalWait() *abi.WaitEntryRef { return &state().SignalWait }

func signalQueue(_ *abi.OfdSlot, k int) *abi.WaitEntryRef {
	if k == 0 {
		return signalWait()
	}
	return nil
}

// Signals are what signal descriptors ask of proc (hooks: boot/wire.go). Pending
// says whether a signal of a mask waits for the caller's thread or process;
// Take removes one and writes a struct signalfd_siginfo to dst.
var Signals struct {
	Pending func(process abi.ProcessRef, thread abi.ThreadRef, mask uint64) bool
	Take    func(c *sched.Ctx, mask uint64, dst uint32) bool
}

// SignalArrived wakes the readers of signal descriptors.
func SignalArrived() { sched.Wake(signalWait(), pollIn) }

func infoSignalfd(w *procfs.Text, o *abi.OfdSlot) { w.Mask("sigmask:\t", o.State.OfdSignalfd().Mask) }

// IsSignalfd says whether an OFD is a signalfd.
func IsSignalfd(i abi.OfdRef) bool { return kmem.Ofd(i).State.Kind == abi.OfdKindSignalfd }

// NewSignalfd makes a signalfd4(2) OFD for a mask of signals.
func NewSignalfd(c *sched.Ctx, mask uint64, flags abi.OpenFlag) (abi.OfdRef, abi.Errno) {
	i := NewOfd(abi.OfdKindSignalfd, flags&abi.O_NONBLOCK|abi.O_RDWR)
	if i == 0 {
		return 0, abi.ENFILE
	}
	o := kmem.Ofd(i)
	o.State.OfdSignalfd().Mask = mask
	kmem.SetObject(o, c.Process)
	return i, abi.OK
}

// SetSignals changes the mask of a signalfd.
func SetSignals(i abi.OfdRef, mask uint64) {
	kmem.Ofd(i).State.OfdSignalfd().Mask = mask
	sched.Wake(signalWait(), pollIn)
}

// pollSignals is whether the process that made the descriptor has a signal.
func pollSignals(o *abi.OfdSlot) abi.PollEvent {
	p := kmem.Lookup[abi.ProcessRef](abi.SlotHandle{Index: o.State.Object, Generation: o.Live.ObjectGeneration})
	if Signals.Pending == nil || p == 0 {
		return 0 // its process is gone; who inherited it may still read
	}
	if !Signals.Pending(p, 0, o.State.OfdSignalfd().Mask) {
		return 0
	}
	return pollIn
}

// readSignals reads as many struct signalfd_siginfos as fit and there are.
func readSignals(c *sched.Ctx, o *abi.OfdSlot, t transfer) (uint32, abi.Errno) {
	const size = uint32(abi.SignalfdSiginfoSize)
	if t.buf.Len < size {
		return 0, abi.EINVAL
	}
	done := uint32(0)
	for t.buf.Len >= size {
		// A signal that was taken cannot be put back.
		if t.buf.As != 0 {
			if e := mm.Await(c, t.buf.Addr, size); e != abi.OK {
				return done, e
			}
		}
		if !Signals.Take(c, o.State.OfdSignalfd().Mask, c.Page) {
			break
		}
		if e := mm.BufOut(c, t.buf, c.InPage(size)); e != abi.OK {
			return done, e
		}
		done += size
	}
	switch {
	case done != 0:
		return done, abi.OK
	case t.nonblock:
		return 0, abi.EAGAIN
	}
	c.T().State.Blocked.Reason = abi.WaitReasonSignal
	return 0, sched.WaitOn(c, signalWait(), pollIn)
}
