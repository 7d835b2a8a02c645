package proc

import (
	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/kmem"
	"foreshore.dev/kernel/mm"
	"foreshore.dev/kernel/sched"
)

// Futexes with priority inheritance (futex(2), "Priority-inheritance futexes";
// Linux kernel/futex/pi.c). The word is the owner's tid, and says whether
// threads wait; the kernel hands it from owner to owner, to the waiter with the
// highest priority, of several the first. All waiters of a key name the same owner
// (ThreadLive.pi_owner), which runs at least at their priority (sched.AwaitOwner):
// a key with waiters always has one, since the end of an owner hands the word
// on at once.

const (
	tidMask    = uint32(abi.FUTEX_TID_MASK)
	ownerDied  = uint32(abi.FUTEX_OWNER_DIED)
	hasWaiters = uint32(abi.FUTEX_WAITERS)
)

// What FutexWait.result says of a word that was handed over.
const (
	piOwned = 1
	// piUnwritten: the new owner has to write its tid there itself.
	piUnwritten = 2
)

func futexCmd(t *abi.ThreadSlot) abi.FutexOp {
	return abi.FutexOp(t.State.Blocked.Args[1]) &^ (abi.FUTEX_PRIVATE_FLAG | abi.FUTEX_CLOCK_REALTIME)
}

// inherits says whether a waiter takes part in priority inheritance: only
// FUTEX_UNLOCK_PI and FUTEX_CMP_REQUEUE_PI may wake or move it.
func inherits(t *abi.ThreadSlot) bool {
	switch futexCmd(t) {
	case abi.FUTEX_LOCK_PI, abi.FUTEX_LOCK_PI2, abi.FUTEX_WAIT_REQUEUE_PI:
		return true
	}
	return false
}

// piWait puts a thread at the end of the queue for a word with an owner.
func piWait(thread abi.ThreadRef, k futexKey, owner abi.ThreadRef) {
	futexEnqueue(thread, k, ^uint32(0))
	sched.AwaitOwner(thread, owner)
}

// lastOwner is the end of the chain of owners that wait for owners, from one of
// them: who waits for it waits for all of them.
func lastOwner(owner abi.ThreadRef) abi.ThreadRef {
	for kmem.Thread(owner).Live.PiOwner != 0 {
		owner = kmem.Thread(owner).Live.PiOwner
	}
	return owner
}

// piTop is the waiter of a key that is handed its word next: of the highest
// priority the first; 0 when nobody waits.
func piTop(k futexKey) abi.ThreadRef {
	top := futexTop(k)
	if top == 0 {
		return 0
	}
	best := sched.PriorityOf(kmem.Thread(top))
	for i := futexAfter(k, top); i != 0; i = futexAfter(k, i) {
		if p := sched.PriorityOf(kmem.Thread(i)); p > best {
			top, best = i, p
		}
	}
	return top
}

// piAcquire takes the word for a thread, or marks that threads wait for it and
// returns its owner. With waiters the word is marked in any case. (Linux
// futex_lock_pi_atomic.)
func piAcquire(w *uint32, k futexKey, thread abi.ThreadRef, waiters bool) (owner abi.ThreadRef, e abi.Errno) {
	tid := kmem.Thread(thread).State.Tid
	for {
		v := atomicLoad(w)
		if v&tidMask == tid {
			return 0, abi.EDEADLK
		}
		if top := futexTop(k); top != 0 {
			owner = kmem.Thread(top).Live.PiOwner
			if owner == 0 {
				return 0, abi.EINVAL // they wait for another operation
			}
			dead := v&ownerDied != 0 && v&tidMask == 0
			if !dead && v&tidMask != kmem.Thread(owner).State.Tid {
				return 0, abi.EINVAL // somebody wrote there
			}
			return owner, abi.OK
		}
		next := v | hasWaiters
		if v&tidMask == 0 {
			if next = v&ownerDied | tid; waiters {
				next |= hasWaiters
			}
		}
		if !atomicCas(w, v, next) {
			continue
		}
		if v&tidMask == 0 {
			return 0, abi.OK
		}
		owner = FindThread(v & tidMask)
		if owner == 0 {
			return 0, abi.ESRCH
		}
		switch kmem.Thread(owner).State.LoadRunState() {
		case abi.ThreadRunStateExited, abi.ThreadRunStatePrepared:
			return 0, abi.ESRCH
		}
		return owner, abi.OK
	}
}

// piHandOff makes a waiter of a key the owner of its word and wakes it;
// the others wait for that one from now on.
func piHandOff(k futexKey, top abi.ThreadRef, result int32) {
	FutexForget(top)
	for i := futexTop(k); i != 0; i = futexAfter(k, i) {
		sched.LeaveOwner(i)
		sched.AwaitOwner(i, top)
	}
	kmem.Thread(top).State.Blocked.FutexWait().Result = result
	sched.Unblock(top)
}

// futexAfter is the next waiter of a key behind one.
func futexAfter(k futexKey, i abi.ThreadRef) abi.ThreadRef {
	first := *bucketHead(k.bucket())
	for i = kmem.Thread(i).Live.FutexNext; i != first; i = kmem.Thread(i).Live.FutexNext {
		if k.isOf(kmem.Thread(i)) {
			return i
		}
	}
	return 0
}

// piOwnerGone hands on what an ending thread owns and others wait for.
func piOwnerGone(c *sched.Ctx, thread abi.ThreadRef) {
	t := kmem.Thread(thread)
	for t.Live.PiFirst != 0 {
		w := kmem.Thread(t.Live.PiFirst).State.Blocked.FutexWait()
		k := futexKey{w.Space, w.Place}
		top := piTop(k)
		kmem.Assert(top != 0 && kmem.Thread(top).Live.PiOwner == thread, "who waits for an owner stands in the queue of its key")
		result := int32(piOwned)
		if !piTakeDead(c, top) {
			result = piUnwritten
		}
		piHandOff(k, top, result)
	}
}

// piTakeDead writes a waiter into the word whose owner has died; false when
// the word cannot be reached now.
func piTakeDead(c *sched.Ctx, thread abi.ThreadRef) bool {
	t := kmem.Thread(thread)
	va := t.State.Blocked.Args[0]
	if futexCmd(t) == abi.FUTEX_WAIT_REQUEUE_PI {
		va = t.State.Blocked.Args[4]
	}
	lin, e := mm.LinearWord(c, mm.User{As: kmem.Process(t.State.Process).State.AddressSpace, Va: va}, mm.Write)
	if e != abi.OK {
		if e == abi.EBLOCKED {
			sched.CancelWaits(c)
		}
		return false
	}
	w := (*uint32)(kmem.Ptr(lin))
	for {
		if v := atomicLoad(w); atomicCas(w, v, t.State.Tid|ownerDied|hasWaiters) {
			return true
		}
	}
}

// piResume looks what has become of a wait. done: the call is over with e, or
// goes on waiting (EBLOCKED), its place in the queue kept.
func piResume(c *sched.Ctx, deadlineNs uint64) (e abi.Errno, done bool) {
	t := c.T()
	b := &t.State.Blocked
	if b.Attempt == 0 || b.Reason != abi.WaitReasonFutex {
		return abi.OK, false
	}
	switch {
	case b.FutexWait().Result == piUnwritten:
		if !piTakeDead(c, c.Thread) {
			return abi.EFAULT, true
		}
		return abi.OK, true
	case b.FutexWait().Result != 0:
		return abi.OK, true
	case b.TimedOut != 0:
		FutexForget(c.Thread)
		return abi.ETIMEDOUT, true
	case HasSignal(c):
		e = FutexInterrupted(c)
		FutexForget(c.Thread)
		return e, true
	case t.Live.FutexBucket != 0:
		sched.SetDeadline(c, deadlineNs)
		return abi.EBLOCKED, true
	}
	return abi.OK, false // made again after a signal without a handler
}

// FutexInterrupted is how a wait that a signal ends is restarted. A lock is
// never left without; a wait with a time-out is, when a handler runs.
func FutexInterrupted(c *sched.Ctx) abi.Errno {
	t := c.T()
	switch futexCmd(t) {
	case abi.FUTEX_WAIT_REQUEUE_PI:
		if t.Live.PiOwner != 0 {
			return abi.EAGAIN // it was moved: the first word has changed
		}
		return abi.ERESTARTNOINTR
	case abi.FUTEX_LOCK_PI, abi.FUTEX_LOCK_PI2:
		return abi.ERESTARTNOINTR
	}
	if t.State.Blocked.DeadlineNs != ^uint64(0) {
		return abi.ERESTARTBLOCK
	}
	return abi.ERESTARTSYS
}

// FutexLockPi is FUTEX_LOCK_PI and FUTEX_LOCK_PI2 until an absolute deadline,
// and FUTEX_TRYLOCK_PI.
func FutexLockPi(c *sched.Ctx, at FutexWord, try bool, deadlineNs uint64) (uint64, abi.Errno) {
	if e, done := piResume(c, deadlineNs); done {
		return 0, e
	}
	w, k, e := futexWord(c, at, mm.Write)
	if e != abi.OK {
		return 0, e
	}
	owner, e := piAcquire(w, k, c.Thread, false)
	switch {
	case e != abi.OK || owner == 0:
		return 0, e
	case try:
		return 0, abi.EAGAIN
	case lastOwner(owner) == c.Thread:
		return 0, abi.EDEADLK
	}
	piWait(c.Thread, k, owner)
	sched.SetDeadline(c, deadlineNs)
	return 0, abi.EBLOCKED
}

// FutexUnlockPi is FUTEX_UNLOCK_PI.
func FutexUnlockPi(c *sched.Ctx, at FutexWord) (uint64, abi.Errno) {
	v, e := mm.Load32(c, at.Va)
	if e != abi.OK {
		return 0, e
	}
	if v&tidMask != c.T().State.Tid {
		return 0, abi.EPERM // whether or not it could be a futex
	}
	w, k, e := futexWord(c, at, mm.Write)
	if e != abi.OK {
		return 0, e
	}
	top, next := piTop(k), uint32(0)
	if top != 0 {
		if kmem.Thread(top).Live.PiOwner != c.Thread {
			return 0, abi.EINVAL
		}
		next = kmem.Thread(top).State.Tid | hasWaiters
	}
	if !atomicCas(w, v, next) {
		return 0, abi.EAGAIN // another thread wrote there: the caller looks again
	}
	if top != 0 {
		piHandOff(k, top, piOwned)
	}
	return 0, abi.OK
}
