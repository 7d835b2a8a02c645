// Package rpc serves the clients' rings: it turns submission entries into
// calls of the same kernel functions that system calls use, parks those that
// must wait, and writes completions and events.
//
// It does not own what the requests mean. It runs with the machine lock held,
// on the kernel worker; events are also written by harts.
//
// # Rules
//
// Nothing in a ring or an arena is trusted, or read twice: its client may write there
// at any time.
//
// A request that waits keeps a PendingRequest slot and nothing else (waiting.go); it
// may be made again from its beginning, like a system call (package sched). Streams
// are polled before they are read, so that no arena bytes lie under a program that
// says nothing.
//
// What a request gives to a client is marked with the client's slot, and freed when it
// leaves (clients.go).
//
// Each side finds the other's word at most one entry old: the number at which it wakes
// the other of a full ring is one entry early (consume; NO_ROOM in shared-transport.ts).
//
// The host's null device is the dentry that boot made, held (Init): what lies at
// /dev/null is up to the guests.
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
	// replyRoom is what replies may take of a completion ring: the rest is for
	// events.
	replyRoom = entries - uint32(abi.FixedRingEventRoom)
)

// used is how many completion entries the client has not taken yet. Its head
// word is the client's: nonsense there counts as a full ring.
func used(s *abi.ClientSlot) uint32 {
	n := s.CompletionTail.Load() - s.CompletionHead.Load()
	return min(n, entries)
}

// publish writes one completion entry, for which there is room, and wakes a
// client that sleeps.
func publish(client uint32, src unsafe.Pointer) {
	s := kmem.Client(client)
	tail := s.CompletionTail.Load()
	at := s.CompletionBase + tail&entryMask*entrySize
	*(*[8]uint64)(kmem.Ptr(at)) = *(*[8]uint64)(src)
	// The entry is complete before the new tail can be seen (seq-cst store).
	s.CompletionTail.Store(tail + 1)
	wake(client)
}

// wake wakes a client that sleeps.
func wake(client uint32) {
	s := kmem.Client(client)
	// One wake per sleep: the client registers before it says that it sleeps, so
	// whoever clears the word finds it registered.
	sleeping := s.LoadClientSleeping()
	if sleeping == 0 || !s.CompareAndSwapClientSleeping(sleeping, 0) {
		return
	}
	if sleeping == abi.ClientSleepWantsKick {
		host.Kick(client)
	} else {
		kmem.NotifyWord(&s.CompletionTail, 1)
	}
}

// seal makes the words that a handler has written the entry that answers a request.
func seal(words *abi.ReplyEvent, id uint32, e abi.Errno) {
	words.Header = abi.RpcHeader{Opcode: abi.OpcodeReply, RequestId: id}
	if e != abi.OK {
		words.Result = -int64(e)
	}
}

// state is what rpc remembers beside its slots.
func state() *abi.RequestsLive { return &kmem.Kernel().Requests }

// queued is event n of those that found no room and wait for the next service.
func queued(n uint32) *[8]uint64 {
	a := &kmem.Areas
	return (*[8]uint64)(kmem.Ptr(a.EventQueue + n%a.EventQueueCapacity*entrySize))
}

// send writes an event to client 0, the machine's Runtime, or queues it.
func send(e unsafe.Pointer, mayDrop bool) {
	s := kmem.Client(0)
	if s.LoadState() != abi.ClientStateAttached {
		return
	}
	q := state()
	if q.EventHead == q.EventTail && used(s) < entries {
		publish(0, e)
		return
	}
	if q.EventTail-q.EventHead == kmem.Areas.EventQueueCapacity {
		if !mayDrop {
			kmem.Fail("more events wait than there can be fills")
		}
		return
	}
	*queued(q.EventTail) = *(*[8]uint64)(e)
	q.EventTail++
	kmem.RingKernel()
}

func flushEvents() {
	s, q := kmem.Client(0), state()
	for q.EventHead != q.EventTail && used(s) < entries {
		e := queued(q.EventHead)
		q.EventHead++
		publish(0, unsafe.Pointer(e))
	}
}

// Service consumes what clients have submitted and what became ready of the
// requests that wait. It never waits itself.
func Service(c *sched.Ctx) {
	flushEvents()
	tellChanges()
	retryReady(c)
	for i := range kmem.Header().ClientCount {
		s := kmem.Client(i)
		switch s.LoadState() {
		case abi.ClientStateAttached:
			flushAnswers(i, s)
			consume(c, i, s)
		case abi.ClientStateLost:
			if i != 0 {
				releaseClient(c, i)
			}
		}
	}
	freeOrphans()
	retryReady(c)
}

// batch bounds what one client may have done before the others get a turn.
const batch = 64

func consume(c *sched.Ctx, client uint32, s *abi.ClientSlot) {
	head := s.SubmissionHead.Load()
	wasFull := false
	for done := 0; ; done++ {
		// The tail is the client's word: no more than a ring's worth counts.
		n := s.SubmissionTail.Load() - head
		if n == 0 || n > entries || used(s) >= replyRoom {
			break
		}
		// A client that finds the ring full waits for room. What it found is at most
		// one entry ago: it has looked at the head before this was moved.
		wasFull = wasFull || n >= entries-1
		if done == batch {
			kmem.RingKernel()
			break
		}
		at := s.SubmissionBase + head&entryMask*entrySize
		entry := *(*[8]uint64)(kmem.Ptr(at)) // read once: the client may rewrite it
		head++
		s.SubmissionHead.Store(head)
		kmem.Header().Counters.RpcRequests++
		begin(c, client, &entry)
	}
	if wasFull {
		wake(client)
	}
}

// PrepareSleep says whether the kernel worker may sleep until its doorbell
// rings. Harts keep the timers.
func PrepareSleep() bool {
	h := kmem.Header()
	h.KernelSleeping.Store(1)
	if sched.RequestsReady() || changes().Due != 0 {
		return false
	}
	for i := range h.ClientCount {
		s := kmem.Client(i)
		if i != 0 && s.LoadState() == abi.ClientStateLost {
			return false
		}
		if s.LoadState() != abi.ClientStateAttached || used(s) >= replyRoom {
			continue
		}
		// A tail that cannot be is waited for like none: consume does not look at it either.
		if n := s.SubmissionTail.Load() - s.SubmissionHead.Load(); answersWait(i) || n != 0 && n <= entries {
			return false
		}
	}
	return true
}
