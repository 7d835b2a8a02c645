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

var holds [abi.LimitHarts + 1]hold

// HoldBegins: the holder has the lock since now.
func HoldBegins(c *Ctx, nowNs uint64) {
	holds[c.Hart] = hold{since: nowNs, mark: nowNs}
}

// HeldFor says what the time since the last mark went to.
func HeldFor(c *Ctx, nowNs uint64, kind abi.HoldKind, number uint32) {
	h := &holds[c.Hart]
	if spent := nowNs - h.mark; spent >= h.worst {
		h.worst, h.kind, h.number = spent, kind, uint16(number)
	}
	h.mark = nowNs
}

// HoldEnds: the lock is about to be given back. The longest hold is kept in the
// machine's counters, with what most of it went to.
func HoldEnds(c *Ctx, nowNs uint64) {
	h, n := &holds[c.Hart], &kmem.Header().Counters
	if us := uint32((nowNs - h.since) / 1000); us > n.LongestHoldUs {
		n.LongestHoldUs, n.LongestHoldKind, n.LongestHoldNumber = us, h.kind, h.number
	}
}

// HeldLong says whether the holder was to let others in by now.
func HeldLong(c *Ctx, nowNs uint64) bool { return nowNs-holds[c.Hart].since > holdNs }

// Overdue says whether a call is to stop where it is and return ERESCHED. It
// reads the clock. Who acts for neither a thread nor a request goes on.
func Overdue(c *Ctx) bool {
	return c != nil && c.Thread|c.Request != 0 && HeldLong(c, NowNs())
}
