package sched

import (
	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/kmem"
)

// The one blocking pattern. A function that cannot go on registers its caller
// on the queues that may change that and returns EBLOCKED; whoever changes it
// wakes the queue; the call is then made again from its beginning. Nothing is
// remembered on a stack, so a blocked thread can be moved, stored, or
// completed by someone else.

// What WaitEntry.IsRequest tells of the waiter.
const (
	waiterThread  = 0
	waiterRequest = 1
	// waiterItem: an epoll item, whose entries stay until Unwatch.
	waiterItem = 2
	// waiterAsync: an open file description with O_ASYNC; it stays, too.
	waiterAsync = 3
)

// Async is told of each wake of a queue that a description with O_ASYNC
// watches, like Notify; SendAsync runs when the wake is done. Hooks:
// boot/wire.go.
var (
	Async     func(ofd abi.OfdRef, events abi.PollEvent)
	SendAsync func()
)

// Notify is told of each wake of a queue that an epoll item watches; it must
// not touch wait queues. It is given, and returns, whether an item that wants
// to be the only one (EPOLLEXCLUSIVE) took the event. Drain runs when the wake
// is done, and may wake other queues. Hooks: boot/wire.go.
var (
	Notify func(item abi.EpollItemRef, events abi.PollEvent, taken bool) bool
	Drain  func()
)

// AllEvents are what a waiter asks for that is woken by anything.
const AllEvents = ^abi.PollEvent(0)

// Watch registers an epoll item on a queue until Unwatch; `list` heads the
// item's entries. ENOMEM when there are no wait entries left.
func Watch(item uint32, list, queue *abi.WaitEntryRef) abi.Errno {
	i := kmem.Alloc[abi.WaitEntryRef]()
	if i == 0 {
		return abi.ENOMEM
	}
	e := kmem.WaitEntry(i)
	e.Events, e.Queue = AllEvents, kmem.AddrOf(queue)
	e.IsRequest, e.Waiter = waiterItem, item
	e.NextOfWaiter, *list = *list, i
	enqueue(i, queue)
	return abi.OK
}

// WatchAsync registers an open file description on a queue until Unwatch.
func WatchAsync(ofd abi.OfdRef, list, queue *abi.WaitEntryRef, events abi.PollEvent) abi.Errno {
	e := Watch(uint32(ofd), list, queue)
	if e == abi.OK {
		w := kmem.WaitEntry(*list)
		w.IsRequest, w.Events = waiterAsync, events
	}
	return e
}

// Unwatch takes an epoll item or a description off all queues.
func Unwatch(list *abi.WaitEntryRef) { dropEntries(list) }

// WaitOn registers the caller on a queue for events (abi.POLL* bits) and
// returns EBLOCKED, or ENOMEM when there are no wait entries left.
func WaitOn(c *Ctx, queue *abi.WaitEntryRef, events abi.PollEvent) abi.Errno {
	i := kmem.Alloc[abi.WaitEntryRef]()
	if i == 0 {
		CancelWaits(c)
		return abi.ENOMEM
	}
	e := kmem.WaitEntry(i)
	e.Events = events
	e.Queue = kmem.AddrOf(queue)
	if c.Request != 0 {
		p := kmem.Pending(c.Request)
		e.IsRequest, e.Waiter = 1, uint32(c.Request)
		e.NextOfWaiter, p.WaitEntries = p.WaitEntries, i
	} else {
		kmem.Assert(c.Thread != 0, "who waits is a thread or a request")
		t := c.T()
		e.Waiter = uint32(c.Thread)
		e.NextOfWaiter, t.Live.WaitEntries = t.Live.WaitEntries, i
	}
	enqueue(i, queue)
	return abi.EBLOCKED
}

func enqueue(i abi.WaitEntryRef, queue *abi.WaitEntryRef) {
	e := kmem.WaitEntry(i)
	// Queues are rings whose head word names the oldest entry.
	if *queue == 0 {
		e.Next, e.Prev = i, i
		*queue = i
	} else {
		head := kmem.WaitEntry(*queue)
		e.Next, e.Prev = *queue, head.Prev
		kmem.WaitEntry(head.Prev).Next = i
		head.Prev = i
	}
}

func unlink(i abi.WaitEntryRef) {
	e := kmem.WaitEntry(i)
	queue := (*abi.WaitEntryRef)(kmem.Ptr(e.Queue))
	if e.Next == i {
		*queue = 0
	} else {
		kmem.Assert(kmem.WaitEntry(e.Next).Prev == i && kmem.WaitEntry(e.Prev).Next == i, "the neighbours in a wait queue know each other")
		kmem.WaitEntry(e.Next).Prev = e.Prev
		kmem.WaitEntry(e.Prev).Next = e.Next
		if *queue == i {
			*queue = e.Next
		}
	}
	kmem.Free(i)
}

func dropEntries(head *abi.WaitEntryRef) {
	for *head != 0 {
		i := *head
		*head = kmem.WaitEntry(i).NextOfWaiter
		unlink(i)
	}
}

// CancelWaits takes the caller off all queues: it goes on after all.
func CancelWaits(c *Ctx) {
	if c.Request != 0 {
		dropEntries(&kmem.Pending(c.Request).WaitEntries)
		return
	}
	if c.Thread != 0 {
		dropEntries(&c.T().Live.WaitEntries)
	}
}

// DropRequest takes a parked request off all queues: it is over.
func DropRequest(r abi.PendingRequestRef) {
	p := kmem.Pending(r)
	dropEntries(&p.WaitEntries)
	if p.Ready == 0 {
		return
	}
	s := state()
	at, before := &s.RequestHead, abi.PendingRequestRef(0)
	for *at != r {
		before = *at
		at = &kmem.Pending(before).Next
	}
	*at = p.Next
	if s.RequestTail == r {
		s.RequestTail = before
	}
	p.Ready, p.Next = 0, 0
}

// Wake makes every waiter of the queue that waits for one of events try again.
func Wake(queue *abi.WaitEntryRef, events abi.PollEvent) {
	if *queue == 0 {
		return
	}
	notifyItems(queue, events)
	wakeWaiters(queue, events)
	if s := state(); s.Draining == 0 {
		s.Draining = 1
		SendAsync()
		Drain()
		s.Draining = 0
	}
}

func notifyItems(queue *abi.WaitEntryRef, events abi.PollEvent) {
	taken := false
	for i := *queue; ; {
		e := kmem.WaitEntry(i)
		switch e.IsRequest {
		case waiterItem:
			taken = Notify(abi.EpollItemRef(e.Waiter), events, taken)
		case waiterAsync:
			Async(abi.OfdRef(e.Waiter), e.Events)
		}
		if i = e.Next; i == *queue {
			return
		}
	}
}

func wakeWaiters(queue *abi.WaitEntryRef, events abi.PollEvent) {
	for i := *queue; i != 0; {
		e := kmem.WaitEntry(i)
		if e.Events&events == 0 || e.IsRequest >= waiterItem {
			i = e.Next
			if i == *queue {
				return
			}
			continue
		}
		// All entries of that waiter go, maybe several of this queue. The search
		// goes on behind the last entry of another that it has passed: to pass
		// them all again for each waiter would take a product of their numbers.
		passed := abi.WaitEntryRef(0)
		for at := i; at != *queue && passed == 0; {
			at = kmem.WaitEntry(at).Prev
			if p := kmem.WaitEntry(at); p.Waiter != e.Waiter || p.IsRequest != e.IsRequest {
				passed = at
			}
		}
		if e.IsRequest == waiterRequest {
			wakeRequest(abi.PendingRequestRef(e.Waiter))
		} else {
			Unblock(abi.ThreadRef(e.Waiter))
		}
		if passed == 0 {
			i = *queue
			continue
		}
		if i = kmem.WaitEntry(passed).Next; i == *queue {
			return
		}
	}
}

// Awaited says whether a thread or a request waits on a queue: more than items.
func Awaited(queue *abi.WaitEntryRef) bool {
	if *queue == 0 {
		return false
	}
	for i := *queue; ; {
		e := kmem.WaitEntry(i)
		if e.IsRequest < waiterItem {
			return true
		}
		if i = e.Next; i == *queue {
			return false
		}
	}
}

// WakeAll is Wake for any event.
func WakeAll(queue *abi.WaitEntryRef) { Wake(queue, AllEvents) }

func wakeRequest(r abi.PendingRequestRef) {
	dropEntries(&kmem.Pending(r).WaitEntries)
	MarkRequestReady(r)
}

// MarkRequestReady has the kernel worker make a parked request again.
func MarkRequestReady(r abi.PendingRequestRef) {
	p := kmem.Pending(r)
	if p.Ready == 0 {
		s := state()
		p.Ready, p.Next = 1, 0
		if s.RequestHead == 0 {
			s.RequestHead = r
		} else {
			kmem.Pending(s.RequestTail).Next = r
		}
		s.RequestTail = r
	}
	kmem.RingKernel()
}

// TakeReadyRequest takes the oldest request that is to be made again, 0 when
// there is none.
func TakeReadyRequest() abi.PendingRequestRef {
	s := state()
	r := s.RequestHead
	if r != 0 {
		p := kmem.Pending(r)
		s.RequestHead = p.Next
		p.Ready, p.Next = 0, 0
	}
	return r
}

// RequestsReady says whether parked requests are to be made again.
func RequestsReady() bool { return state().RequestHead != 0 }

// Unblock makes a blocked thread ready, whatever it waits for. It does nothing
// to a thread that is not blocked.
func Unblock(thread abi.ThreadRef) {
	t := kmem.Thread(thread)
	dropEntries(&t.Live.WaitEntries)
	TimerCancel(&t.Live.Timer)
	if t.State.LoadRunState() == abi.ThreadRunStateBlocked {
		MakeReady(thread)
	}
}

// SetDeadline bounds the wait that the caller is about to begin: at absNs it
// is woken with Blocked.TimedOut set. Only for threads; requests have their
// deadlines in the client.
func SetDeadline(c *Ctx, absNs uint64) {
	if c.Thread == 0 || absNs == ^uint64(0) {
		return
	}
	TimerSet(&c.T().Live.Timer, absNs, TimerThread, uint32(c.Thread))
}
