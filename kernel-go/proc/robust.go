package proc

import (
	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/kmem"
	"foreshore.dev/kernel/mm"
	"foreshore.dev/kernel/sched"
)

// Robust futexes (get_robust_list(2), Documentation/locking/robust-futexes):
// the words that a thread's list names are marked when it ends.

const (
	// robustMax is how far a list is followed (ROBUST_LIST_LIMIT).
	robustMax = 2048
	// robustPi in an entry's address says that its word is one of FUTEX_LOCK_PI.
	robustPi = uint64(1)
)

// walkRobust marks the robust futexes that a dying thread holds as
// OWNER_DIED; the list is the guest's and may be nonsense.
func walkRobust(c *sched.Ctx, t *abi.ThreadSlot, as abi.AddressSpaceRef) {
	head := t.State.RobustList
	t.State.RobustList = 0
	if n, e := mm.CopyInAs(c, c.InPage(abi.RobustListHeadSize), mm.User{As: as, Va: head}); e != abi.OK || n != abi.RobustListHeadSize {
		return
	}
	h := *(*abi.RobustListHead)(kmem.Ptr(c.Page))
	entry := h.Next
	for range robustMax {
		at := entry &^ robustPi
		if at == head || at == 0 {
			break
		}
		pi := entry&robustPi != 0
		if n, e := mm.CopyInAs(c, c.InPage(8), mm.User{As: as, Va: at}); e != abi.OK || n != 8 {
			return
		}
		entry = kmem.Load64(c.Page)
		// The one that is being locked or unlocked is looked at last.
		if at != h.Pending&^robustPi && !markDead(c, t, robustWord{mm.User{As: as, Va: at + uint64(h.FutexOffset)}, pi, false}) {
			return
		}
	}
	if at := h.Pending &^ robustPi; at != 0 {
		_ = markDead(c, t, robustWord{mm.User{As: as, Va: at + uint64(h.FutexOffset)}, h.Pending&robustPi != 0, true})
	}
}

// robustWord is a word of a list: of FUTEX_LOCK_PI, or not; pending: it is the one that
// is being locked or unlocked.
type robustWord struct {
	at          mm.User
	pi, pending bool
}

// markDead marks one word, when the thread owns it, and wakes who waits for it.
// Who waits for a word of priority inheritance becomes its owner (piOwnerGone).
// It says whether there was a word.
func markDead(c *sched.Ctx, t *abi.ThreadSlot, w robustWord) bool {
	if w.at.Va&3 != 0 {
		return false
	}
	lin, e := mm.LinearWord(c, w.at, mm.Write)
	if e != abi.OK {
		return false
	}
	word := (*uint32)(kmem.Ptr(lin))
	for {
		v := atomicLoad(word)
		owner := v & tidMask
		if owner == 0 && w.pending && !w.pi {
			// It died between giving the word back and waking the next one,
			// or was the one that was woken.
			FutexWakeAt(c, w.at, 1)
			return true
		}
		if owner != t.State.Tid {
			return true
		}
		if atomicCas(word, v, v&hasWaiters|ownerDied) {
			if !w.pi && v&hasWaiters != 0 {
				FutexWakeAt(c, w.at, 1)
			}
			return true
		}
	}
}
