package proc

import (
	"math/bits"

	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/kmem"
	"foreshore.dev/kernel/mm"
	"foreshore.dev/kernel/sched"
)

// Futexes (futex(2)). A waiter is a thread in a hash bucket with its key in
// its blocked record: (address space, address) for private words and for
// private memory, (inode, file page, offset) for shared memory, so that two
// processes that map a file at different addresses meet.

type futexKey struct{ a, b uint64 }

// FutexWord is the address of a futex in a process's memory; Private: only its
// own threads wait there (FUTEX_PRIVATE_FLAG).
type FutexWord struct {
	Va      uint64
	Private bool
}

// futexKeyOf is the key of a word. As in Linux's get_futex_key, a word that is
// not private must be there (EFAULT): writable for operations that write, and
// for others at least readable, in memory whose contents can change.
func futexKeyOf(c *sched.Ctx, as abi.AddressSpaceRef, at FutexWord, access mm.Access) (futexKey, abi.Errno) {
	if at.Va&3 != 0 {
		return futexKey{}, abi.EINVAL
	}
	if at.Va >= mm.UserEnd {
		return futexKey{}, abi.EFAULT
	}
	own := futexKey{uint64(as), at.Va}
	if at.Private {
		return own, abi.OK
	}
	_, e := mm.LinearWord(c, mm.User{As: as, Va: at.Va}, mm.Write)
	readOnly := e == abi.EFAULT && access == mm.Read
	if readOnly {
		_, e = mm.LinearWord(c, mm.User{As: as, Va: at.Va}, mm.Read)
	}
	if e != abi.OK {
		return futexKey{}, e
	}
	if inode, page, ok := mm.SharedKey(as, uint32(at.Va>>kmem.PageShift)); ok {
		return futexKey{uint64(inode) | 1<<63, uint64(page)<<kmem.PageShift | at.Va&uint64(kmem.PageMask)}, abi.OK
	}
	if readOnly {
		return futexKey{}, abi.EFAULT
	}
	return own, abi.OK
}

// futexWord is a word of the caller's, in place, and its key.
func futexWord(c *sched.Ctx, at FutexWord, access mm.Access) (*uint32, futexKey, abi.Errno) {
	k, e := futexKeyOf(c, c.As, at, access)
	if e != abi.OK {
		return nil, k, e
	}
	lin, e := mm.LinearWord(c, mm.User{As: c.As, Va: at.Va}, access)
	if e != abi.OK {
		return nil, k, e
	}
	return (*uint32)(kmem.Ptr(lin)), k, abi.OK
}

// bucket is where the waiters of a word stand. The machine's seed keeps a guest
// from choosing words that all stand in one.
func (k futexKey) bucket() uint32 {
	seed := &kmem.Header().FutexSeed
	hi, lo := bits.Mul64(k.a^seed[0], k.b^seed[1])
	return uint32((hi^lo)*0x9e3779b97f4a7c15>>40) & (kmem.Areas.FutexBucketCount - 1)
}

// isOf says whether a waiter waits at the key's word.
func (k futexKey) isOf(t *abi.ThreadSlot) bool {
	w := t.State.Blocked.FutexWait()
	return w.Space == k.a && w.Place == k.b
}

func bucketHead(b uint32) *abi.ThreadRef {
	return kmem.Word[abi.ThreadRef](kmem.Areas.FutexBuckets + b*4)
}

// futexEnqueue puts the calling thread at the end of its key's bucket.
func futexEnqueue(thread abi.ThreadRef, k futexKey, bitset uint32) {
	t := kmem.Thread(thread)
	t.State.Blocked.Reason = abi.WaitReasonFutex
	*t.State.Blocked.FutexWait() = abi.FutexWait{Space: k.a, Place: k.b, Bitset: bitset}
	b := k.bucket()
	w := bucketHead(b)
	t.Live.FutexBucket = b + 1
	head := *w
	if head == 0 {
		t.Live.FutexNext, t.Live.FutexPrev = thread, thread
		*w = thread
		return
	}
	h := kmem.Thread(head)
	t.Live.FutexNext, t.Live.FutexPrev = head, h.Live.FutexPrev
	kmem.Thread(h.Live.FutexPrev).Live.FutexNext = thread
	h.Live.FutexPrev = thread
}

// futexJoin is futexEnqueue of a thread that goes before those of its key that
// have a lower real-time priority, as in Linux's lists.
func futexJoin(thread abi.ThreadRef, k futexKey, bitset uint32) {
	futexEnqueue(thread, k, bitset)
	t := kmem.Thread(thread)
	priority := sched.PriorityOf(t)
	if priority == 0 {
		return
	}
	w := bucketHead(t.Live.FutexBucket - 1)
	head, at := *w, thread
	for i := t.Live.FutexPrev; i != thread; i = kmem.Thread(i).Live.FutexPrev {
		o := kmem.Thread(i)
		if k.isOf(o) {
			if sched.PriorityOf(o) >= priority {
				break
			}
			at = i
		}
		if i == head {
			break
		}
	}
	if at == thread {
		return
	}
	// It stands at the end of a ring, before the head: move it before `at`.
	kmem.Thread(t.Live.FutexPrev).Live.FutexNext = t.Live.FutexNext
	kmem.Thread(t.Live.FutexNext).Live.FutexPrev = t.Live.FutexPrev
	a := kmem.Thread(at)
	t.Live.FutexNext, t.Live.FutexPrev = at, a.Live.FutexPrev
	kmem.Thread(a.Live.FutexPrev).Live.FutexNext = thread
	a.Live.FutexPrev = thread
	if at == head {
		*w = thread
	}
}

// FutexForget takes a thread out of its bucket, if it is in one.
func FutexForget(thread abi.ThreadRef) {
	t := kmem.Thread(thread)
	if t.Live.FutexBucket == 0 {
		return
	}
	sched.LeaveOwner(thread)
	w := bucketHead(t.Live.FutexBucket - 1)
	t.Live.FutexBucket = 0
	if t.Live.FutexNext == thread {
		*w = 0
		return
	}
	kmem.Thread(t.Live.FutexNext).Live.FutexPrev = t.Live.FutexPrev
	kmem.Thread(t.Live.FutexPrev).Live.FutexNext = t.Live.FutexNext
	if *w == thread {
		*w = t.Live.FutexNext
	}
}

// futexTop is the first waiter of a key, 0 when there is none.
func futexTop(k futexKey) abi.ThreadRef {
	first := *bucketHead(k.bucket())
	for i := first; i != 0; {
		t := kmem.Thread(i)
		if k.isOf(t) {
			return i
		}
		if i = t.Live.FutexNext; i == first {
			break
		}
	}
	return 0
}

// futexMove is where waiters are moved to, and how many at most.
type futexMove struct {
	to    futexKey
	limit uint32
}

// futexScan wakes up to `wake` waiters of a key, in order, and moves others. EINVAL at the first one that only the
// operations of priority inheritance may wake; what was done before is done.
func futexScan(k futexKey, bitset, wake uint32, move *futexMove) (woken, moved uint32, e abi.Errno) {
	w := bucketHead(k.bucket())
	for i := *w; i != 0; {
		t := kmem.Thread(i)
		s := t.State.Blocked.FutexWait()
		next := t.Live.FutexNext
		last := next == *w
		if k.isOf(t) {
			switch {
			case woken == wake && (move == nil || moved == move.limit):
				return woken, moved, abi.OK
			case inherits(t):
				return woken, moved, abi.EINVAL
			case s.Bitset&bitset == 0:
			case woken < wake:
				FutexForget(i)
				s.Result = 1
				sched.Unblock(i)
				woken++
			default:
				bits := s.Bitset
				FutexForget(i)
				futexEnqueue(i, move.to, bits)
				moved++
			}
		}
		if last || *w == 0 {
			break
		}
		i = next
	}
	return woken, moved, abi.OK
}

// FutexWakeAt wakes up to n waiters on a word, shared or private.
func FutexWakeAt(c *sched.Ctx, at mm.User, n uint32) {
	if k, e := futexKeyOf(c, at.As, FutexWord{Va: at.Va}, mm.Read); e == abi.OK {
		_, _, _ = futexScan(k, ^uint32(0), n, nil)
	}
	if k, e := futexKeyOf(c, at.As, FutexWord{Va: at.Va, Private: true}, mm.Read); e == abi.OK {
		_, _, _ = futexScan(k, ^uint32(0), n, nil)
	}
}

// FutexWake is FUTEX_WAKE and FUTEX_WAKE_BITSET.
func FutexWake(c *sched.Ctx, at FutexWord, n, bitset uint32) (uint64, abi.Errno) {
	if bitset == 0 {
		return 0, abi.EINVAL
	}
	k, e := futexKeyOf(c, c.As, at, mm.Read)
	if e != abi.OK {
		return 0, e
	}
	woken, _, e := futexScan(k, bitset, n, nil)
	return uint64(woken), e
}

// FutexSleep is what a waiter waits with: while the word is Expect, for who wakes one
// of the bits, until an absolute deadline.
type FutexSleep struct {
	Expect, Bitset uint32
	DeadlineNs     uint64
}

// FutexWait is FUTEX_WAIT and FUTEX_WAIT_BITSET.
func FutexWait(c *sched.Ctx, at FutexWord, s FutexSleep) (uint64, abi.Errno) {
	b := &c.T().State.Blocked
	if b.Attempt != 0 && b.Reason == abi.WaitReasonFutex {
		FutexForget(c.Thread)
		switch {
		case b.FutexWait().Result != 0:
			return 0, abi.OK
		case b.TimedOut != 0:
			return 0, abi.ETIMEDOUT
		}
		// Woken by a signal, or for nothing: without a signal wait on.
	}
	if s.Bitset == 0 {
		return 0, abi.EINVAL
	}
	w, k, e := futexWord(c, at, mm.Read)
	if e != abi.OK {
		return 0, e
	}
	if b.Attempt == 0 || b.Reason != abi.WaitReasonFutex {
		if atomicLoad(w) != s.Expect {
			return 0, abi.EAGAIN
		}
	} else if HasSignal(c) {
		return 0, FutexInterrupted(c)
	}
	futexJoin(c.Thread, k, s.Bitset)
	sched.SetDeadline(c, s.DeadlineNs)
	return 0, abi.EBLOCKED
}

// FutexPair is what the operations on two words are asked with: at most Wake waiters
// of the first are woken, Limit others go on to the second (are woken there by
// FUTEX_WAKE_OP). Value is what the first must have, or FUTEX_WAKE_OP's operation.
type FutexPair struct {
	First, Second      FutexWord
	Wake, Limit, Value uint32
}

// FutexRequeue is FUTEX_REQUEUE and, with compare, FUTEX_CMP_REQUEUE.
func FutexRequeue(c *sched.Ctx, q *FutexPair, compare bool) (uint64, abi.Errno) {
	k, e := futexKeyOf(c, c.As, q.First, mm.Read)
	if e != abi.OK {
		return 0, e
	}
	k2, e := futexKeyOf(c, c.As, q.Second, mm.Read)
	if e != abi.OK {
		return 0, e
	}
	if compare {
		lin, e := mm.LinearWord(c, mm.User{As: c.As, Va: q.First.Va}, mm.Read)
		if e != abi.OK {
			return 0, e
		}
		if atomicLoad((*uint32)(kmem.Ptr(lin))) != q.Value {
			return 0, abi.EAGAIN
		}
	}
	if k == k2 {
		woken, _, e := futexScan(k, ^uint32(0), q.Wake, nil)
		return uint64(woken), e
	}
	woken, moved, e := futexScan(k, ^uint32(0), q.Wake, &futexMove{k2, q.Limit})
	return uint64(woken + moved), e
}

// FutexWakeOp is FUTEX_WAKE_OP.
func FutexWakeOp(c *sched.Ctx, q *FutexPair) (uint64, abi.Errno) {
	op := q.Value
	k, e := futexKeyOf(c, c.As, q.First, mm.Read)
	if e != abi.OK {
		return 0, e
	}
	w, k2, e := futexWord(c, q.Second, mm.Write)
	if e != abi.OK {
		return 0, e
	}
	oparg, cmparg := uint32(int32(op<<8)>>20), uint32(int32(op<<20)>>20)
	if op>>28&8 != 0 {
		oparg = 1 << (oparg & 31)
	}
	var old uint32
	for {
		old = atomicLoad(w)
		var v uint32
		switch op >> 28 & 7 {
		case 0:
			v = oparg
		case 1:
			v = old + oparg
		case 2:
			v = old | oparg
		case 3:
			v = old &^ oparg
		case 4:
			v = old ^ oparg
		default:
			return 0, abi.ENOSYS
		}
		if atomicCas(w, old, v) {
			break
		}
	}
	woken, _, e := futexScan(k, ^uint32(0), q.Wake, nil)
	if e != abi.OK {
		return 0, e
	}
	hit := false
	a, b := int32(old), int32(cmparg)
	switch op >> 24 & 15 {
	case 0:
		hit = a == b
	case 1:
		hit = a != b
	case 2:
		hit = a < b
	case 3:
		hit = a <= b
	case 4:
		hit = a > b
	case 5:
		hit = a >= b
	default:
		return 0, abi.ENOSYS
	}
	if hit {
		more, _, e := futexScan(k2, ^uint32(0), q.Limit, nil)
		if e != abi.OK {
			return 0, e
		}
		woken += more
	}
	return uint64(woken), abi.OK
}
