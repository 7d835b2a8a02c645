// Package rpc serves the clients' rings: it turns submission entries into
// calls of the same kernel functions that system calls use, parks those that
// must wait, and writes completions and events.
//
// It does not own what the requests mean. It runs with the machine lock held,
// on the kernel worker; events are also written by harts.
package rpc

import (
	"unsafe"

	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/host"
	"foreshore.dev/kernel/kmem"
	"foreshore.dev/kernel/sched"
)

const (
	entries   = uint32(abi.FixedRingEntries)
	entryMask = entries - 1
	entrySize = uint32(abi.FixedRingEntryBytes)
	// eventRoom is what requests may not take of a completion ring: replies
	// always find a place, and so do a few events.
	eventRoom = uint32(abi.FixedRingEventRoom)
	maxFlight = entries - eventRoom
	// wantsKick in clientSleeping: the client cannot sleep on shared memory.
	wantsKick = 2
)

// used is how many completion entries the client has not taken yet. Its head
// word is the client's: nonsense there counts as a full ring.
func used(s *abi.ClientSlot) uint32 {
	n := s.CompletionTail.Load() - s.CompletionHead.Load()
	return min(n, entries)
}

// publish writes one completion entry and wakes a client that sleeps.
func publish(client uint32, src unsafe.Pointer) {
	s := kmem.Client(client)
	tail := s.CompletionTail.Load()
	at := s.CompletionBase + tail&entryMask*entrySize
	*(*[8]uint64)(kmem.Ptr(at)) = *(*[8]uint64)(src)
	// The entry is complete before the new tail can be seen (seq-cst store).
	s.CompletionTail.Store(tail + 1)
	// One wake per sleep: the client registers before it says that it sleeps, so
	// whoever clears the word finds it registered.
	sleeping := s.ClientSleeping.Load()
	if sleeping == 0 || !s.ClientSleeping.CompareAndSwap(sleeping, 0) {
		return
	}
	if sleeping == wantsKick {
		host.Kick(client)
	} else {
		kmem.NotifyWord(&s.CompletionTail, 1)
	}
}

// outbox is one scratch entry for completions that are being written.
var outbox [8]uint64

func out[T any]() *T {
	outbox = [8]uint64{}
	return (*T)(unsafe.Pointer(&outbox))
}

// reply answers a request.
func reply(client, id uint32, result int64, a *answer) {
	r := out[abi.ReplyEvent]()
	r.Header = abi.RpcHeader{Opcode: abi.OpcodeReply, RequestId: id}
	r.Result, r.Value, r.Value2, r.Handle = result, a.value, a.value2, a.handle
	publish(client, unsafe.Pointer(r))
}

// answer is what a request's handler returns beside its result.
type answer struct {
	result        int64
	value, value2 uint64
	handle        abi.SlotHandle
}

// Events that found no room wait here for the next service.
const eventQueue = 512

var (
	queue                [eventQueue][8]uint64
	queueHead, queueTail uint32
)

// send writes an event to client 0, the machine's Runtime, or queues it.
func send(e unsafe.Pointer, mayDrop bool) {
	s := kmem.Client(0)
	if s.State.Load() != uint32(abi.ClientStateAttached) {
		return
	}
	if queueHead == queueTail && used(s)+s.InFlight < entries {
		publish(0, e)
		return
	}
	if queueTail-queueHead == eventQueue {
		if !mayDrop {
			kmem.Fail("more events wait than there can be fills")
		}
		return
	}
	queue[queueTail%eventQueue] = *(*[8]uint64)(e)
	queueTail++
	sched.RingKernel()
}

func flushEvents() {
	s := kmem.Client(0)
	for queueHead != queueTail && used(s)+s.InFlight < entries {
		outbox = queue[queueHead%eventQueue]
		queueHead++
		publish(0, unsafe.Pointer(&outbox))
	}
}

// Service consumes what clients have submitted and what became ready of the
// requests that wait. It never waits itself.
func Service(c *sched.Ctx) {
	flushEvents()
	if sched.TakeReadyRequests() != 0 {
		retryReady(c)
	}
	for i := range kmem.Header().ClientCount {
		s := kmem.Client(i)
		switch abi.ClientState(s.State.Load()) {
		case abi.ClientStateAttached:
			consume(c, i, s)
		case abi.ClientStateLost:
			if i != 0 {
				releaseClient(c, i)
			}
		}
	}
	freeOrphans()
	if sched.TakeReadyRequests() != 0 {
		retryReady(c)
	}
}

// batch bounds what one client may have done before the others get a turn.
const batch = 64

func consume(c *sched.Ctx, client uint32, s *abi.ClientSlot) {
	head := s.SubmissionHead.Load()
	for range batch {
		// The tail is the client's word: no more than a ring's worth counts.
		if n := s.SubmissionTail.Load() - head; n == 0 || n > entries {
			return
		}
		if s.InFlight+used(s) >= maxFlight {
			return
		}
		at := s.SubmissionBase + head&entryMask*entrySize
		entry := *(*[8]uint64)(kmem.Ptr(at)) // read once: the client may rewrite it
		head++
		s.SubmissionHead.Store(head)
		kmem.Header().Counters.RpcRequests++
		begin(c, client, s, &entry)
	}
	sched.RingKernel()
}

// begin serves a new request; one that must wait is parked.
func begin(c *sched.Ctx, client uint32, s *abi.ClientSlot, entry *[8]uint64) {
	h := (*abi.RpcHeader)(unsafe.Pointer(entry))
	if h.Opcode == abi.OpcodeNoop {
		var none answer
		reply(client, h.RequestId, 0, &none)
		return
	}
	i := kmem.Alloc(abi.SlotKindPendingRequest)
	if i == 0 {
		var none answer
		reply(client, h.RequestId, -int64(abi.EAGAIN), &none)
		return
	}
	p := kmem.Pending(i)
	p.Client, p.Entry = client, *entry
	s.InFlight++
	attempt(c, i)
}

func retryReady(c *sched.Ctx) {
	n := kmem.Table(abi.SlotKindPendingRequest).HighWater.Load()
	for i := uint32(1); i < n; i++ {
		p := kmem.Pending(i)
		if p.Header.Generation.Load()&1 == 1 && p.Ready != 0 {
			p.Ready = 0
			attempt(c, i)
		}
	}
}

// attempt makes a request, for the first time or again.
func attempt(c *sched.Ctx, i uint32) {
	p := kmem.Pending(i)
	c.Request = i
	c.Thread, c.Process, c.As = 0, 0, 0
	var a answer
	e := handle(c, p, &a)
	c.Request = 0
	if e == abi.EBLOCKED {
		return
	}
	finish(i, e, &a)
}

// finish answers a request and forgets it.
func finish(i uint32, e abi.Errno, a *answer) {
	p := kmem.Pending(i)
	sched.DropRequestWaits(i)
	result := a.result
	if e != abi.OK {
		result = -int64(e)
	}
	client := p.Client
	id := (*abi.RpcHeader)(unsafe.Pointer(&p.Entry)).RequestId
	kmem.Client(client).InFlight--
	kmem.Free(abi.SlotKindPendingRequest, i)
	reply(client, id, result, a)
}

// cancel ends the waiting request `id` of a client with ECANCELED; the request
// that asks for it is none of those.
func cancel(c *sched.Ctx, client, id uint32) abi.Errno {
	n := kmem.Table(abi.SlotKindPendingRequest).HighWater.Load()
	for i := uint32(1); i < n; i++ {
		p := kmem.Pending(i)
		if i != c.Request && p.Header.Generation.Load()&1 == 1 && p.Client == client && (*abi.RpcHeader)(unsafe.Pointer(&p.Entry)).RequestId == id {
			var none answer
			finish(i, abi.ECANCELED, &none)
			return abi.OK
		}
	}
	return abi.ENOENT
}

// PrepareSleep says how long the kernel worker may sleep on its doorbell, in
// milliseconds: 0 not at all, -1 until it rings. Harts keep the timers.
func PrepareSleep() float64 {
	h := kmem.Header()
	h.KernelSleeping.Store(1)
	if sched.ReadyRequests() != 0 {
		return 0
	}
	for i := range h.ClientCount {
		s := kmem.Client(i)
		if i != 0 && s.State.Load() == uint32(abi.ClientStateLost) {
			return 0
		}
		// A tail that cannot be is waited for like none: consume does not look at it either.
		n := s.SubmissionTail.Load() - s.SubmissionHead.Load()
		if s.State.Load() == uint32(abi.ClientStateAttached) && n != 0 && n <= entries && s.InFlight+used(s) < maxFlight {
			return 0
		}
	}
	return -1
}
