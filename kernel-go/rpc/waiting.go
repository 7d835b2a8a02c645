package rpc

import (
	"unsafe"

	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/kmem"
	"foreshore.dev/kernel/sched"
)

// Requests that wait. One that cannot be answered at once keeps a slot of the
// PendingRequest table and nothing else: no place in a ring, so that what can
// be answered always is. When it is over and the client's completion ring has
// no room, the slot keeps the answer.

// spare are slots that requests which wait leave to those that are answered at
// once; each of these needs one for a moment.
const spare = 8

// bucket is where what waits is found by client and request id, for Cancel.
func bucket(client, id uint32) *abi.PendingRequestRef {
	a := &kmem.Areas
	return (*abi.PendingRequestRef)(kmem.Ptr(a.RequestBuckets + (id^client<<7)&(a.RequestBucketCount-1)*4))
}

// answersOf are a client's answers without room, oldest first.
func answersOf(client uint32) *abi.WaitingAnswers { return &state().Answers[client] }

func idOf(p *abi.PendingRequestSlot) uint32 {
	return (*abi.RpcHeader)(unsafe.Pointer(&p.Entry)).RequestId
}

// begin serves a new request; one that must wait is parked. The completion
// ring has room for its answer.
func begin(c *sched.Ctx, client uint32, entry *[8]uint64) {
	h := (*abi.RpcHeader)(unsafe.Pointer(entry))
	if h.Opcode == abi.OpcodeNoop {
		var none abi.ReplyEvent
		seal(&none, h.RequestId, abi.OK)
		publish(client, unsafe.Pointer(&none))
		return
	}
	i := kmem.Alloc[abi.PendingRequestRef]()
	kmem.Assert(i != 0, "requests that wait leave no slot to others")
	p := kmem.Pending(i)
	p.Client, p.Entry = client, *entry
	b := bucket(client, h.RequestId)
	p.NextOfHash, *b = *b, i
	kmem.Client(client).InFlight++
	attempt(c, i)
	if kmem.InUse(i) && p.Answered == 0 && !mayWait(client) {
		var none abi.ReplyEvent
		finish(i, abi.EAGAIN, &none)
	}
}

// mayWait says whether one more request of a client, which has its slot
// already, may keep it.
func mayWait(client uint32) bool {
	t := kmem.Table(abi.SlotKindPendingRequest)
	return kmem.Client(client).InFlight <= t.Capacity/2 && t.InUse.Load()+spare < t.Capacity
}

// retryReady makes the requests again whose wait may be over: those that are
// there now, for some of them wake each other.
func retryReady(c *sched.Ctx) {
	for n := kmem.Table(abi.SlotKindPendingRequest).InUse.Load(); n != 0; n-- {
		i := sched.TakeReadyRequest()
		if i == 0 {
			return
		}
		attempt(c, i)
	}
}

// attempt makes a request, for the first time or again.
func attempt(c *sched.Ctx, i abi.PendingRequestRef) {
	p := kmem.Pending(i)
	c.Request = i
	c.Thread, c.Process, c.As = 0, 0, 0
	var words abi.ReplyEvent
	e := dispatch(c, p, &words)
	c.Request = 0
	if e != abi.EBLOCKED {
		finish(i, e, &words)
	}
}

// finish answers a request. It is forgotten when its answer is in the ring.
func finish(i abi.PendingRequestRef, e abi.Errno, words *abi.ReplyEvent) {
	forget(i)
	p := kmem.Pending(i)
	client := p.Client
	// A refusal is its errno and no more; only who was refused for its version is told ours.
	if e != abi.OK && (*abi.RpcHeader)(unsafe.Pointer(&p.Entry)).Opcode != abi.OpcodeKernelInit {
		*words = abi.ReplyEvent{}
	}
	seal(words, idOf(p), e)
	if q := answersOf(client); q.Head != 0 || used(kmem.Client(client)) >= replyRoom {
		p.Entry, p.Answered = *(*[8]uint64)(unsafe.Pointer(words)), 1
		if q.Head == 0 {
			q.Head = i
		} else {
			kmem.Pending(q.Tail).Next = i
		}
		q.Tail = i
		return
	}
	kmem.Client(client).InFlight--
	kmem.Free(i)
	publish(client, unsafe.Pointer(words))
}

// forget takes a request off all queues and lists but that of the answers.
func forget(i abi.PendingRequestRef) {
	p := kmem.Pending(i)
	sched.DropRequest(i)
	at := bucket(p.Client, idOf(p))
	for *at != i {
		at = &kmem.Pending(*at).NextOfHash
	}
	*at = p.NextOfHash
	p.NextOfHash = 0
}

func answersWait(client uint32) bool { return answersOf(client).Head != 0 }

// flushAnswers puts answers into a client's ring while there is room.
func flushAnswers(client uint32, s *abi.ClientSlot) {
	q := answersOf(client)
	for q.Head != 0 && used(s) < replyRoom {
		i := q.Head
		p := kmem.Pending(i)
		q.Head = p.Next
		entry := p.Entry
		s.InFlight--
		kmem.Free(i)
		publish(client, unsafe.Pointer(&entry))
	}
}

// dropRequests frees what a client that leaves has left.
func dropRequests(client uint32) {
	*answersOf(client) = abi.WaitingAnswers{}
	n := kmem.End[abi.PendingRequestRef]()
	for i := abi.PendingRequestRef(1); i < n; i++ {
		if !kmem.InUse(i) || kmem.Pending(i).Client != client {
			continue
		}
		if kmem.Pending(i).Answered == 0 {
			forget(i)
		}
		kmem.Free(i)
	}
	kmem.Client(client).InFlight = 0
}

// cancel ends another request of its client with ECANCELED, if that waits.
func cancel(c *sched.Ctx, p *abi.PendingRequestSlot, r *abi.CancelRequest) abi.Errno {
	for i := *bucket(p.Client, r.Target); i != 0; i = kmem.Pending(i).NextOfHash {
		if other := kmem.Pending(i); i != c.Request && other.Client == p.Client && idOf(other) == r.Target {
			var none abi.ReplyEvent
			finish(i, abi.ECANCELED, &none)
			return abi.OK
		}
	}
	return abi.ENOENT
}
