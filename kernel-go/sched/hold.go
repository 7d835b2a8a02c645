package sched

import (
	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/kmem"
)

// How long the machine lock is held, and what for. While it is, no other hart
// makes a system call and no request is answered, so nothing may take longer
// than a few milliseconds.
//
// The one pattern for long work: a function that may have much to do asks
// Overdue now and then (each 64 KiB, each few thousand pages), remembers in the
// blocked record (or the request) how far it came, and returns ERESCHED. Others
// then get the lock and the hart, and the call is made again, as after a wait.
// SIGKILL ends it there.

// holdNs is after how much time a holder lets others in, where it can.
const holdNs = 1_000_000

// A hold is what one holder does between taking the lock and giving it back, in
// stretches that each have a cause.
type hold struct {
	since, mark, worst uint64
	kind               abi.HoldKind
	number             uint16
}

// HoldBegins: the holder has the lock since now.
func HoldBegins(c *Ctx, nowNs uint64) {
	c.hold = hold{since: nowNs, mark: nowNs}
}

// HeldFor says what the time since the last mark went to.
func HeldFor(c *Ctx, nowNs uint64, kind abi.HoldKind, number uint32) {
	h := &c.hold
	if spent := nowNs - h.mark; spent >= h.worst {
		h.worst, h.kind, h.number = spent, kind, uint16(number)
	}
	h.mark = nowNs
}

// HoldEnds: the lock is about to be given back. The longest hold is kept in the
// machine's counters, with what most of it went to.
func HoldEnds(c *Ctx, nowNs uint64) {
	h, n := &c.hold, &kmem.Header().Counters
	if us := uint32((nowNs - h.since) / 1000); us > n.LongestHoldUs {
		n.LongestHoldUs, n.LongestHoldKind, n.LongestHoldNumber = us, h.kind, h.number
	}
}

// HeldLong says whether the holder was to let others in by now.
func HeldLong(c *Ctx, nowNs uint64) bool { return nowNs-c.hold.since > holdNs }

// Overdue says whether a thread's call is to stop where it is and return
// ERESCHED. It reads the clock. Requests go on: their arenas bound them.
func Overdue(c *Ctx) bool {
	return c != nil && c.Thread != 0 && HeldLong(c, NowNs())
}

// GoesOn says whether a call that returns e will be made again, and so has to
// remember what it has done.
func GoesOn(e abi.Errno) bool { return e == abi.EBLOCKED || e == abi.ERESCHED }

// HasSignal says whether a signal waits that would interrupt the caller's wait.
// A hook: boot/wire.go.
var HasSignal func(c *Ctx) bool

// GiveWay is what a long transfer asks between two pieces of which it could end
// after any: OK to go on, ERESCHED to let others in, EINTR when a signal waits,
// and the transfer is to end with what it has done.
func GiveWay(c *Ctx) abi.Errno {
	switch {
	case !Overdue(c):
		return abi.OK
	case HasSignal(c):
		return abi.EINTR
	}
	return abi.ERESCHED
}
