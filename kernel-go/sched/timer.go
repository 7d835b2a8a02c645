package sched

import (
	"unsafe"

	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/kmem"
)

// Timers are a binary heap of addresses of TimerLive records; each record
// knows its place, so that it can be moved and removed in O(log n).

// Kinds of timers: what TimerLive.Kind may be.
const (
	TimerThread  = 1 // a thread's deadline
	TimerItimer  = 2 // a process's ITIMER_REAL
	TimerTimerfd = 3
	TimerPosix   = 4 // a PosixTimer slot
)

// ExpireTimer is called for timers of proc's kinds, ExpireTimerfd with the OFD of a
// TimerTimerfd. Hooks: boot/wire.go.
var (
	ExpireTimer   func(kind, object uint32)
	ExpireTimerfd func(ofd abi.OfdRef)
)

func timerAt(i uint32) *abi.TimerLive {
	return (*abi.TimerLive)(kmem.Ptr(kmem.Load32(kmem.Areas.TimerHeap + (i-1)*4)))
}

func timerPut(i uint32, t *abi.TimerLive) {
	kmem.Store32(kmem.Areas.TimerHeap+(i-1)*4, kmem.Addr(unsafe.Pointer(t)))
	t.HeapIndex = i
}

// TimerSet arms t, or moves it when it is armed. A slot that holds an armed
// timer must not be freed: TimerCancel first.
func TimerSet(t *abi.TimerLive, deadlineNs uint64, kind, object uint32) {
	t.Kind, t.Object = kind, object
	if t.HeapIndex != 0 {
		TimerCancel(t)
	}
	s := state()
	kmem.Assert(s.TimerCount < kmem.Areas.TimerHeapCapacity, "timer heap has a place for every timer")
	t.DeadlineNs = deadlineNs
	s.TimerCount++
	siftUp(s.TimerCount, t)
	publish()
}

// TimerCancel disarms t.
func TimerCancel(t *abi.TimerLive) {
	i := t.HeapIndex
	if i == 0 {
		return
	}
	s := state()
	last := timerAt(s.TimerCount)
	s.TimerCount--
	t.HeapIndex = 0
	if last != t {
		if i > 1 && last.DeadlineNs < timerAt(i/2).DeadlineNs {
			siftUp(i, last)
		} else {
			siftDown(i, last)
		}
	}
	publish()
}

func siftUp(i uint32, t *abi.TimerLive) {
	for i > 1 {
		parent := timerAt(i / 2)
		if parent.DeadlineNs <= t.DeadlineNs {
			break
		}
		timerPut(i, parent)
		i /= 2
	}
	timerPut(i, t)
}

func siftDown(i uint32, t *abi.TimerLive) {
	n := state().TimerCount
	for {
		child := 2 * i
		if child > n {
			break
		}
		next := timerAt(child)
		if child < n {
			if right := timerAt(child + 1); right.DeadlineNs < next.DeadlineNs {
				child, next = child+1, right
			}
		}
		if t.DeadlineNs <= next.DeadlineNs {
			break
		}
		timerPut(i, next)
		i = child
	}
	timerPut(i, t)
}

func publish() {
	next := ^uint64(0)
	if state().TimerCount != 0 {
		next = timerAt(1).DeadlineNs
	}
	kmem.Header().NextTimerNs = next
}

// RunTimers fires everything that is due.
func RunTimers(nowNs uint64) {
	for state().TimerCount != 0 {
		t := timerAt(1)
		if t.DeadlineNs > nowNs {
			return
		}
		TimerCancel(t)
		switch t.Kind {
		case TimerThread:
			kmem.Thread(abi.ThreadRef(t.Object)).State.Blocked.TimedOut = 1
			Unblock(abi.ThreadRef(t.Object))
		case TimerTimerfd:
			ExpireTimerfd(abi.OfdRef(t.Object))
		default:
			ExpireTimer(t.Kind, t.Object)
		}
	}
}
