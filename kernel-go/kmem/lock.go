package kmem

import (
	"sync/atomic"
	"unsafe"

	"foreshore.dev/kernel/abi"
)

// contended in the lock word says that somebody may sleep on it.
const contended = ^uint32(abi.FixedLockHolderMask)

// spins before a locker sleeps: sections are a few hundred nanoseconds, a
// sleep and its wake-up cost ten microseconds.
const spins = 400

// Lock takes the machine lock for hart self (0-based; the kernel worker is
// Limit.Harts). It guards everything in the machine's memory that has no
// other rule: see ARCHITECTURE.md. It is not reentrant.
func Lock(self uint32) {
	h := Header()
	for range spins {
		if h.Lock.Load() == 0 && h.Lock.CompareAndSwap(0, self+1) {
			return
		}
	}
	lockAmongSleepers(self)
}

// lockAmongSleepers takes the lock and leaves it marked as contended, whoever
// else may sleep on it.
func lockAmongSleepers(self uint32) {
	h := Header()
	for {
		v := h.Lock.Load()
		if v == 0 {
			// Others may sleep behind us: our release has to wake one.
			if h.Lock.CompareAndSwap(0, (self+1)|contended) {
				return
			}
			continue
		}
		if v&contended == 0 {
			if !h.Lock.CompareAndSwap(v, v|contended) {
				continue
			}
			v |= contended
		}
		WaitWord(&h.Lock, v, -1)
	}
}

// Unlock releases the machine lock.
func Unlock() {
	quiet()
	h := Header()
	if h.Lock.Swap(0)&contended != 0 {
		NotifyWord(&h.Lock, 1)
	}
}

// letInNs is how long somebody who let others in waits for one of them to come:
// a sleeper needs some ten microseconds.
const letInNs = 50_000

// never is a word that nobody changes.
var never atomic.Uint32

// UnlockToOthers is Unlock by somebody who will want the lock again at once, and
// so would always be there before one that sleeps on it.
func UnlockToOthers() {
	quiet()
	h := Header()
	if h.Lock.Swap(0)&contended == 0 {
		return
	}
	NotifyWord(&h.Lock, 1)
	if h.Lock.Load() == 0 {
		WaitWord(&never, 0, letInNs)
	}
}

// LockedBy says whether hart self holds the machine lock.
func LockedBy(self uint32) bool { return Header().Lock.Load()&^contended == self+1 }

// Holder is the hart, or the kernel worker, that has the machine lock, which
// somebody has: for functions without a context.
func Holder() uint32 {
	holder := Header().Lock.Load() &^ contended
	assert(holder != 0)
	return holder - 1
}

// WaitWord sleeps while *w == expect, until a notify, spuriously, or for
// timeoutNs nanoseconds (negative: for ever).
func WaitWord(w *atomic.Uint32, expect uint32, timeoutNs int64) {
	wasmWait32((*uint32)(unsafe.Pointer(w)), expect, timeoutNs)
}

// NotifyWord wakes up to count sleepers on w.
func NotifyWord(w *atomic.Uint32, count uint32) {
	wasmNotify((*uint32)(unsafe.Pointer(w)), count)
}

// RingKernel wakes the kernel worker.
func RingKernel() {
	h := Header()
	h.KernelDoorbell.Add(1)
	if h.KernelSleeping.Load() != 0 {
		NotifyWord(&h.KernelDoorbell, 1)
	}
}

// WriteBegin makes the slot's sequence odd: readers that see it retry. The
// fence keeps the payload's stores behind it on machines with weak ordering.
func WriteBegin(h *abi.SlotHeader) {
	h.Seq.Add(1)
	begins(h)
	Fence()
}

// WriteEnd publishes the slot, and tells who watches its table.
func WriteEnd(h *abi.SlotHeader) {
	Fence()
	h.Seq.Add(1)
	ends(h)
	if Kernel().Changes.Watched != 0 {
		changedSlot(h)
	}
}
