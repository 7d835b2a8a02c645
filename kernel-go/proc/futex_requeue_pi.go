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

// FutexWaitRequeuePi is FUTEX_WAIT_REQUEUE_PI until an absolute deadline. It
// returns as the owner of the word at va2.
func FutexWaitRequeuePi(c *sched.Ctx, va, va2 uint64, private bool, expect uint32, deadlineNs uint64) (uint64, abi.Errno) {
	if e, done := piResume(c, deadlineNs); done {
		return 0, e
	}
	if va == va2 {
		return 0, abi.EINVAL
	}
	k2, e := futexKeyOf(c, c.As, va2, private, mm.Write)
	if e != abi.OK {
		return 0, e
	}
	w, k, e := futexWord(c, va, private, mm.Read)
	switch {
	case e != abi.OK:
		return 0, e
	case atomicLoad(w) != expect:
		return 0, abi.EAGAIN
	case k == k2:
		return 0, abi.EINVAL
	}
	futexJoin(c.Thread, k, ^uint32(0))
	sched.SetDeadline(c, deadlineNs)
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
	private := uint32(b.Args[1])&uint32(abi.FUTEX_PRIVATE_FLAG) != 0
	k, e := futexKeyOf(c, kmem.Process(t.State.Process).State.AddressSpace, b.Args[4], private, mm.Write)
	if e == abi.EBLOCKED {
		sched.CancelWaits(c)
	}
	return e == abi.OK && k == k2
}

// FutexRequeuePi is FUTEX_CMP_REQUEUE_PI: the first waiter gets the second word
// when that is free; up to Limit more are moved to its queue.
func FutexRequeuePi(c *sched.Ctx, q *FutexPair) (uint64, abi.Errno) {
	if q.Va == q.Va2 || q.Wake != 1 {
		return 0, abi.EINVAL
	}
	k, e := futexKeyOf(c, c.As, q.Va, q.Private, mm.Read)
	if e != abi.OK {
		return 0, e
	}
	k2, e := futexKeyOf(c, c.As, q.Va2, q.Private, mm.Write)
	if e != abi.OK {
		return 0, e
	}
	if k == k2 {
		return 0, abi.EINVAL
	}
	lin, e := mm.LinearWord(c, mm.User{As: c.As, Va: q.Va}, mm.Read)
	if e != abi.OK {
		return 0, e
	}
	if atomicLoad((*uint32)(kmem.Ptr(lin))) != q.Value {
		return 0, abi.EAGAIN
	}
	lin2, e := mm.LinearWord(c, mm.User{As: c.As, Va: q.Va2}, mm.Write)
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
