package sched

import (
	"foreshore.dev/kernel/host"
	"foreshore.dev/kernel/kmem"
)

// clockStepNs is the step of the time CSR: clocks that are read by the vDSO and
// by system calls move together, and never run against each other.
const clockStepNs = 100

// NowNs is the machine's monotonic clock. It never goes back, whichever worker
// reads it: clocks of a host's threads may lie microseconds apart (browsers add
// jitter of their own to each), and a hart's next worker may be another thread.
// So whoever reads it publishes what it was told, and is told no less than what
// was published. It wants no lock.
func NowNs() uint64 {
	now := host.NowNs() / clockStepNs * clockStepNs
	for latest := &kmem.Header().ClockNs; ; {
		seen := latest.Load()
		if now <= seen {
			return seen
		}
		if latest.CompareAndSwap(seen, now) {
			return now
		}
	}
}

// TimeCsr is the time CSR, which counts the clock's steps: Linux's usual time
// base of 10 MHz.
func TimeCsr() uint64 { return NowNs() / clockStepNs }

// RealNs is CLOCK_REALTIME, nanoseconds since the epoch.
func RealNs() uint64 { return NowNs() + kmem.Header().RealtimeOffsetNs }
