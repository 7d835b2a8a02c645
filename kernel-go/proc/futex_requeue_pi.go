package proc

import (
	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/kmem"
	"foreshore.dev/kernel/mm"
	"foreshore.dev/kernel/sched"
)

// Condition variables of mutexes with priority inheritance: a thread waits at
// one word (FUTEX_WAIT_REQUEUE_PI), and is moved to the queue of a word with
// an owner, or gets that word (FUTEX_CMP_REQUEUE_PI; Linux
// kernel/futex/requeue.c).

// FutexWaitRequeuePi is FUTEX_WAIT_REQUEUE_PI. It returns as the owner of the second
// word.
func FutexWaitRequeuePi(c *sched.Ctx, q *FutexPair, s FutexSleep) (uint64, abi.Errno) {
	if e, done := piResume(c, s.DeadlineNs); done {
		return 0, e
	}
	if q.First.Va == q.Second.Va {
		return 0, abi.EINVAL
	}
	k2, e := futexKeyOf(c, c.As, q.Second, mm.Write)
	if e != abi.OK {
		return 0, e
	}
	w, k, e := futexWord(c, q.First, mm.Read)
	switch {
	case e != abi.OK:
		return 0, e
	case atomicLoad(w) != s.Expect:
		return 0, abi.EAGAIN
	case k == k2:
		return 0, abi.EINVAL
	}
	futexJoin(c.Thread, k, s.Bitset)
	sched.SetDeadline(c, s.DeadlineNs)
	return 0, abi.EBLOCKED
}

// mayMoveTo says whether a waiter called FUTEX_WAIT_REQUEUE_PI with this
// second key.
func mayMoveTo(c *sched.Ctx, thread abi.ThreadRef, k2 futexKey) bool {
	t := kmem.Thread(thread)
	b := &t.State.Blocked
	if futexCmd(t) != abi.FUTEX_WAIT_REQUEUE_PI || t.Live.PiOwner != 0 {
		return false
	}
	private := abi.FutexOp(b.Args[1])&abi.FUTEX_PRIVATE_FLAG != 0
	k, e := futexKeyOf(c, kmem.Process(t.State.Process).State.AddressSpace, FutexWord{Va: b.Args[4], Private: private}, mm.Write)
	if e == abi.EBLOCKED {
		sched.CancelWaits(c)
	}
	return e == abi.OK && k == k2
}

// FutexRequeuePi is FUTEX_CMP_REQUEUE_PI: the first waiter gets the second word
// when that is free; up to Limit more are moved to its queue.
func FutexRequeuePi(c *sched.Ctx, q *FutexPair) (uint64, abi.Errno) {
	if q.First.Va == q.Second.Va || q.Wake != 1 {
		return 0, abi.EINVAL
	}
	k, e := futexKeyOf(c, c.As, q.First, mm.Read)
	if e != abi.OK {
		return 0, e
	}
	k2, e := futexKeyOf(c, c.As, q.Second, mm.Write)
	if e != abi.OK {
		return 0, e
	}
	if k == k2 {
		return 0, abi.EINVAL
	}
	lin, e := mm.LinearWord(c, mm.User{As: c.As, Va: q.First.Va}, mm.Read)
	if e != abi.OK {
		return 0, e
	}
	if atomicLoad((*uint32)(kmem.Ptr(lin))) != q.Value {
		return 0, abi.EAGAIN
	}
	lin2, e := mm.LinearWord(c, mm.User{As: c.As, Va: q.Second.Va}, mm.Write)
	if e != abi.OK {
		return 0, e
	}
	top := futexTop(k)
	if top == 0 {
		return 0, abi.OK
	}
	if !mayMoveTo(c, top, k2) {
		return 0, abi.EINVAL
	}
	owner, e := piAcquire((*uint32)(kmem.Ptr(lin2)), k2, top, q.Limit != 0)
	if e != abi.OK {
		return 0, e
	}
	moved, left := uint64(0), uint64(q.Limit)+1
	if owner == 0 {
		FutexForget(top)
		kmem.Thread(top).State.Blocked.FutexWait().Result = piOwned
		sched.Unblock(top)
		owner, moved = top, 1
	}
	last := lastOwner(owner)
	for i := futexTop(k); i != 0 && moved < left; i = futexTop(k) {
		if !mayMoveTo(c, i, k2) {
			return 0, abi.EINVAL
		}
		if i == last {
			return 0, abi.EDEADLK
		}
		FutexForget(i)
		piWait(i, k2, owner)
		moved++
	}
	return moved, abi.OK
}
