package main

import (
	"sync"
	"unsafe"

	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/kmem"
)

const (
	ringEntries = uint32(abi.FixedRingEntries)
	entryBytes  = uint32(abi.FixedRingEntryBytes)
)

// noRoom is how many completions the kernel finds no room behind.
const noRoom = ringEntries - uint32(abi.FixedRingEventRoom)

// entry is one place of a ring.
type entry [8]uint64

// The most calls that are under way, and of them those that answer the kernel:
// together they fit the rings, so that none finds them full.
const (
	maxCalls   = 64
	maxAnswers = 64
)

// client drives the rings of client 0, the machine's host.
type client struct {
	slot *abi.ClientSlot
	// onEvent gets what answers nothing; it must not wait for a call.
	onEvent func(*entry)
	calls   chan struct{}
	answers chan struct{}

	mu      sync.Mutex
	nextID  uint32
	waiting map[uint32]chan abi.ReplyEvent
	// carved is how much of the arena is given away, spare what came back of it.
	carved uint32
	spare  []region
}

func newClient(onEvent func(*entry)) *client {
	c := &client{
		slot: kmem.Client(0), onEvent: onEvent, waiting: map[uint32]chan abi.ReplyEvent{},
		calls: make(chan struct{}, maxCalls), answers: make(chan struct{}, maxAnswers),
	}
	go c.receive()
	return c
}

// region is a part of the arena with one user at a time.
type region struct{ offset, length uint32 }

// carve gives a part of the arena away, until it is given back.
func (c *client) carve(length uint32) region {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i, r := range c.spare {
		if r.length == length {
			c.spare = append(c.spare[:i], c.spare[i+1:]...)
			return r
		}
	}
	r := region{c.carved, length}
	if c.carved += (length + 7) &^ 7; c.carved > c.slot.ArenaBytes {
		panic("the arena is smaller than what is carved out of it")
	}
	return r
}

// giveBack ends the use of a part of the arena.
func (c *client) giveBack(r region) {
	c.mu.Lock()
	c.spare = append(c.spare, r)
	c.mu.Unlock()
}

// bytes is the memory of the region.
func (c *client) bytes(r region) []byte { return kmem.Bytes(c.slot.ArenaBase+r.offset, r.length) }

// span names n bytes at a place of the region.
func (r region) span(at, n uint32) abi.ArenaSpan {
	return abi.ArenaSpan{Offset: r.offset + at, Length: n}
}

// entryOf is a request as a ring carries it; T is a struct of 64 bytes that
// begins with an RpcHeader.
func entryOf[T any](opcode abi.Opcode, request T) entry {
	if unsafe.Sizeof(request) != uintptr(entryBytes) {
		panic("not a request")
	}
	e := *(*entry)(unsafe.Pointer(&request))
	header(&e).Opcode = opcode
	return e
}

func header(e *entry) *abi.RpcHeader { return (*abi.RpcHeader)(unsafe.Pointer(e)) }

// call makes a request and waits for its reply.
func (c *client) call(e entry) (abi.ReplyEvent, abi.Errno) {
	c.calls <- struct{}{}
	defer func() { <-c.calls }()
	return c.send(e)
}

// answer makes a request that the kernel waits for itself: it never waits
// behind other calls.
func (c *client) answer(e entry) {
	c.answers <- struct{}{}
	defer func() { <-c.answers }()
	// EINVAL says that nobody wants it any more.
	_, _ = c.send(e)
}

func (c *client) send(e entry) (abi.ReplyEvent, abi.Errno) {
	done := make(chan abi.ReplyEvent, 1)
	c.mu.Lock()
	c.nextID++
	if c.nextID == 0 {
		c.nextID = 1 // 0 marks an event
	}
	header(&e).RequestId = c.nextID
	c.waiting[c.nextID] = done
	tail := c.slot.SubmissionTail.Load()
	*(*entry)(kmem.Ptr(c.slot.SubmissionBase + tail%ringEntries*entryBytes)) = e
	// Publishes the entry that was just written.
	c.slot.SubmissionTail.Store(tail + 1)
	c.mu.Unlock()
	ringKernel()
	reply := <-done
	if reply.Result < 0 {
		return reply, abi.Errno(-reply.Result)
	}
	return reply, abi.OK
}

// ringKernel wakes the kernel worker.
func ringKernel() {
	h := kmem.Header()
	h.KernelDoorbell.Add(1)
	if h.KernelSleeping.Load() != 0 {
		kmem.NotifyWord(&h.KernelDoorbell, 1)
	}
}

// receive takes completions for ever.
func (c *client) receive() {
	head := c.slot.CompletionHead.Load()
	for {
		tail := c.slot.CompletionTail.Load()
		if tail == head {
			// Said before the look inside WaitWord: a completion after it clears the
			// word and notifies, one before it has moved the tail.
			c.slot.StoreClientSleeping(abi.ClientSleepOnWord)
			kmem.WaitWord(&c.slot.CompletionTail, head, -1)
			c.slot.StoreClientSleeping(abi.ClientSleepAwake)
			continue
		}
		full := false
		for ; head != tail; head++ {
			// What the kernel found is at most one taken entry ago.
			full = full || c.slot.CompletionTail.Load()-head >= noRoom-1
			e := *(*entry)(kmem.Ptr(c.slot.CompletionBase + head%ringEntries*entryBytes))
			// The entry has been read, its place is free.
			c.slot.CompletionHead.Store(head + 1)
			c.dispatch(&e)
		}
		if full {
			ringKernel() // the kernel waits for room
		}
	}
}

func (c *client) dispatch(e *entry) {
	if header(e).Opcode != abi.OpcodeReply {
		c.onEvent(e)
		return
	}
	reply := (*abi.ReplyEvent)(unsafe.Pointer(e))
	c.mu.Lock()
	done := c.waiting[reply.Header.RequestId]
	delete(c.waiting, reply.Header.RequestId)
	c.mu.Unlock()
	if done == nil {
		panic("the kernel answers what was not asked")
	}
	done <- *reply
}
