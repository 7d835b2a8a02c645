// Package epoll owns epoll instances: their items, and the lists of items that
// may be ready (epoll(7)).
//
// An item stands in the wait queues of what it watches. A wake of such a queue
// puts the item on its epoll's ready list, and when the wake is done the
// epoll's own waiters are woken. Whether an item really is ready is asked when
// the list is read. Everything here wants the machine lock.
//
// An item always has EPOLLERR and EPOLLHUP among its events; one without any is a
// one-shot that has fired. A ready item is polled once for each wait (Collect): polling
// a list of mounts takes its event away.
package epoll

import (
	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/kmem"
	"foreshore.dev/kernel/sched"
)

const (
	always = abi.POLLERR | abi.POLLHUP
	pollIn = abi.POLLIN | abi.POLLRDNORM

	private = abi.EPOLLET | abi.EPOLLONESHOT | abi.EPOLLWAKEUP | abi.EPOLLEXCLUSIVE

	// withExclusive is what may be asked for together with it.
	withExclusive = (abi.POLLIN | abi.POLLOUT) | always | abi.EPOLLET | abi.EPOLLWAKEUP | abi.EPOLLEXCLUSIVE
	maxNests      = 5
)

// What epoll asks of open file descriptions (hooks: boot/wire.go).
var (
	// PollOfd is the poll state of an open file description.
	PollOfd func(ofd abi.OfdRef) abi.PollEvent
	// QueueOf is wait queue k (0, 1) of an open file description, nil when
	// there are no more. ok is false for what epoll cannot watch.
	QueueOf func(ofd abi.OfdRef, k int) (queue *abi.WaitEntryRef, ok bool)
)

// state is what epolls remember beside their slots.
func state() *abi.OpenFilesLive { return &kmem.Kernel().OpenFiles }

// New makes an epoll instance; 0 when the table is full.
func New() abi.EpollRef { return kmem.Alloc[abi.EpollRef]() }

// Free removes all items and the instance; who still waits tries again.
func Free(e abi.EpollRef) {
	s := kmem.Epoll(e)
	sched.WakeAll(&s.Wait)
	for s.ItemHead != 0 {
		remove(s.ItemHead)
	}
	if s.Notified != 0 {
		unnotify(e)
	}
	kmem.Free(e)
}

// OfdGone removes the items that watch an open file description.
func OfdGone(ofd abi.OfdRef) {
	l := &kmem.Ofd(ofd).Live
	for l.EpollHead != 0 {
		remove(l.EpollHead)
	}
}

func find(e abi.EpollRef, ofd abi.OfdRef, fd uint32) abi.EpollItemRef {
	for i := kmem.Ofd(ofd).Live.EpollHead; i != 0; i = kmem.EpollItem(i).NextInOfd {
		if it := kmem.EpollItem(i); it.Epoll == e && it.Fd == fd {
			return i
		}
	}
	return 0
}

// Watched is what an item watches: a description, and under which descriptor, which
// tells apart items of one description.
type Watched struct {
	Fd  uint32
	Ofd abi.OfdRef
}

// Interest is what is wanted of it: events, and what is told with them.
type Interest struct {
	Events abi.PollEvent
	Data   uint64
}

// IsEpoll says whether an OFD is of an epoll.
func IsEpoll(o *abi.OfdSlot) bool { return o.State.Kind.Object() == abi.SlotKindEpoll }

// Control is epoll_ctl(2) on open file descriptions that can be watched; the fd
// tells apart items of one description.
func Control(e abi.EpollRef, op abi.EpollOp, to Watched, in Interest) abi.Errno {
	if op != abi.EPOLL_CTL_DEL && in.Events&abi.EPOLLEXCLUSIVE != 0 {
		if op == abi.EPOLL_CTL_MOD || in.Events&^withExclusive != 0 || IsEpoll(kmem.Ofd(to.Ofd)) {
			return abi.EINVAL
		}
	}
	// Errors and hang-ups are told without being asked for. They are among the
	// events of an item that is armed: one without any is a one-shot that was shot.
	in.Events |= always
	i := find(e, to.Ofd, to.Fd)
	switch op {
	case abi.EPOLL_CTL_ADD:
		if i != 0 {
			return abi.EEXIST
		}
		return add(e, to, in)
	case abi.EPOLL_CTL_DEL:
		if i == 0 {
			return abi.ENOENT
		}
		remove(i)
		return abi.OK
	case abi.EPOLL_CTL_MOD:
		if i == 0 {
			return abi.ENOENT
		}
		it := kmem.EpollItem(i)
		if it.Events&abi.EPOLLEXCLUSIVE != 0 {
			return abi.EINVAL
		}
		it.Events, it.Data = in.Events, in.Data
		arm(i)
		return abi.OK
	}
	return abi.EINVAL
}

func add(e abi.EpollRef, to Watched, in Interest) abi.Errno {
	if o := kmem.Ofd(to.Ofd); IsEpoll(o) {
		if kmem.EpollOf(o) == e || !mayNest(kmem.EpollOf(o), e) {
			return abi.ELOOP
		}
	}
	i := kmem.Alloc[abi.EpollItemRef]()
	if i == 0 {
		return abi.ENOSPC
	}
	it := kmem.EpollItem(i)
	it.Epoll, it.Ofd, it.Fd, it.Events, it.Data = e, to.Ofd, to.Fd, in.Events, in.Data
	for k := 0; k < 2; k++ {
		queue, _ := QueueOf(to.Ofd, k)
		if queue == nil {
			break
		}
		if err := sched.Watch(uint32(i), &it.WaitEntries, queue); err != abi.OK {
			sched.Unwatch(&it.WaitEntries)
			kmem.Free(i)
			return err
		}
	}
	s := kmem.Epoll(e)
	it.NextInEpoll = s.ItemHead
	if s.ItemHead != 0 {
		kmem.EpollItem(s.ItemHead).PrevInEpoll = i
	}
	s.ItemHead = i
	s.ItemCount++
	l := &kmem.Ofd(to.Ofd).Live
	it.NextInOfd = l.EpollHead
	if l.EpollHead != 0 {
		kmem.EpollItem(l.EpollHead).PrevInOfd = i
	}
	l.EpollHead = i
	arm(i)
	return abi.OK
}

func remove(i abi.EpollItemRef) {
	it := kmem.EpollItem(i)
	s := kmem.Epoll(it.Epoll)
	sched.Unwatch(&it.WaitEntries)
	if it.Queued != 0 {
		unqueue(i)
	}
	if it.PrevInEpoll != 0 {
		kmem.EpollItem(it.PrevInEpoll).NextInEpoll = it.NextInEpoll
	} else {
		s.ItemHead = it.NextInEpoll
	}
	if it.NextInEpoll != 0 {
		kmem.EpollItem(it.NextInEpoll).PrevInEpoll = it.PrevInEpoll
	}
	s.ItemCount--
	l := &kmem.Ofd(it.Ofd).Live
	if it.PrevInOfd != 0 {
		kmem.EpollItem(it.PrevInOfd).NextInOfd = it.NextInOfd
	} else {
		l.EpollHead = it.NextInOfd
	}
	if it.NextInOfd != 0 {
		kmem.EpollItem(it.NextInOfd).PrevInOfd = it.PrevInOfd
	}
	kmem.Free(i)
}

// mayNest says whether epoll `inner` may be put into `outer`: not when outer
// is among what inner watches, and not more than maxNests deep. It goes
// through the items in depth without recursion, and through those of an epoll again
// only where it lies deeper than before: wide nests have many ways to the same.
// NestChecks numbers the checks, in steps of maxNests: an epoll that a check finds
// at some depth is marked with both.
func mayNest(inner, outer abi.EpollRef) bool {
	s := state()
	if s.NestChecks += maxNests; s.NestChecks > ^uint32(0)-maxNests {
		s.NestChecks = maxNests
		t := kmem.Table(abi.SlotKindEpoll)
		for e := abi.EpollRef(1); e < abi.EpollRef(t.HighWater.Load()); e++ {
			kmem.Epoll(e).NestMark = 0
		}
	}
	var path [maxNests]abi.EpollItemRef // items that are being looked through
	depth := 0
	path[0] = kmem.Epoll(inner).ItemHead
	for depth >= 0 {
		i := path[depth]
		if i == 0 {
			depth--
			continue
		}
		it := kmem.EpollItem(i)
		path[depth] = it.NextInEpoll
		o := kmem.Ofd(it.Ofd)
		if !IsEpoll(o) {
			continue
		}
		e := kmem.EpollOf(o)
		if e == outer || depth == maxNests-2 {
			return false
		}
		mark := s.NestChecks + uint32(depth)
		if kmem.Epoll(e).NestMark >= mark {
			continue
		}
		kmem.Epoll(e).NestMark = mark
		depth++
		path[depth] = kmem.Epoll(e).ItemHead
	}
	return true
}

// stateOf is which of the item's events there are now.
func stateOf(it *abi.EpollItemSlot) abi.PollEvent {
	if it.Events&^private == 0 {
		return 0 // one-shot, and shot
	}
	return PollOfd(it.Ofd) & it.Events &^ private
}

// arm looks at an item anew after it was added or changed.
func arm(i abi.EpollItemRef) {
	it := kmem.EpollItem(i)
	if stateOf(it) != 0 {
		enqueue(i)
		sched.Wake(&kmem.Epoll(it.Epoll).Wait, pollIn)
	}
}

func enqueue(i abi.EpollItemRef) {
	it := kmem.EpollItem(i)
	if it.Queued != 0 {
		return
	}
	s := kmem.Epoll(it.Epoll)
	it.Queued, it.NextReady, it.PrevReady = 1, 0, s.ReadyTail
	if s.ReadyTail == 0 {
		s.ReadyHead = i
	} else {
		kmem.EpollItem(s.ReadyTail).NextReady = i
	}
	s.ReadyTail = i
}

func unqueue(i abi.EpollItemRef) {
	it := kmem.EpollItem(i)
	s := kmem.Epoll(it.Epoll)
	if it.PrevReady == 0 {
		kmem.Assert(s.ReadyHead == i, "an item without one before it is the first of its epoll's ready ones")
		s.ReadyHead = it.NextReady
	} else {
		kmem.EpollItem(it.PrevReady).NextReady = it.NextReady
	}
	if it.NextReady == 0 {
		s.ReadyTail = it.PrevReady
	} else {
		kmem.EpollItem(it.NextReady).PrevReady = it.PrevReady
	}
	it.Queued, it.NextReady, it.PrevReady = 0, 0, 0
}

// Notify is told by sched that what an item watches has events, and whether an
// exclusive item took them already; it returns that. An item takes what it asked
// for if somebody waits for its epoll just now. As on Linux, ends and errors are
// for everybody, and so is what can be read and written at once.
func Notify(i abi.EpollItemRef, events abi.PollEvent, taken bool) bool {
	it := kmem.EpollItem(i)
	if it.Events&^private&events == 0 || it.Events&abi.EPOLLEXCLUSIVE != 0 && taken {
		return taken
	}
	enqueue(i)
	s := kmem.Epoll(it.Epoll)
	if s.Notified == 0 && s.Wait != 0 {
		s.Notified, s.NextNotified = 1, 0
		l := state()
		if l.NotifiedTail == 0 {
			l.NotifiedHead = it.Epoll
		} else {
			kmem.Epoll(l.NotifiedTail).NextNotified = it.Epoll
		}
		l.NotifiedTail = it.Epoll
	}
	if it.Events&abi.EPOLLEXCLUSIVE == 0 || events&always != 0 || !sched.Awaited(&s.Wait) {
		return taken
	}
	switch direction := events & (abi.POLLIN | abi.POLLOUT); direction {
	case (abi.POLLIN | abi.POLLOUT):
		return taken
	case 0:
		return true
	default:
		return taken || it.Events&direction != 0
	}
}

// Drain wakes the waiters of the epolls that were notified. Waking one may
// notify others, which come to the end of the list.
func Drain() {
	l := state()
	for l.NotifiedHead != 0 {
		e := l.NotifiedHead
		unnotify(e)
		sched.Wake(&kmem.Epoll(e).Wait, pollIn)
	}
}

func unnotify(e abi.EpollRef) {
	l, prev := state(), abi.EpollRef(0)
	for at := l.NotifiedHead; at != e; at = kmem.Epoll(at).NextNotified {
		prev = at
	}
	s := kmem.Epoll(e)
	if prev == 0 {
		l.NotifiedHead = s.NextNotified
	} else {
		kmem.Epoll(prev).NextNotified = s.NextNotified
	}
	if l.NotifiedTail == e {
		l.NotifiedTail = prev
	}
	s.Notified, s.NextNotified = 0, 0
}

// Listed says whether items may be ready: Collect finds out.
func Listed(e abi.EpollRef) bool { return kmem.Epoll(e).ReadyHead != 0 }

// Poll is an epoll's own state: readable when an item is ready. Items that
// turn out not to be are taken off the list. An item that is an epoll itself
// counts as ready while its list is not empty.
func Poll(e abi.EpollRef) abi.PollEvent {
	s := kmem.Epoll(e)
	for i := s.ReadyHead; i != 0; {
		it := kmem.EpollItem(i)
		next := it.NextReady
		if o := kmem.Ofd(it.Ofd); IsEpoll(o) {
			if kmem.Epoll(kmem.EpollOf(o)).ReadyHead != 0 {
				return pollIn
			}
		} else if stateOf(it) != 0 {
			return pollIn
		}
		unqueue(i)
		i = next
	}
	return 0
}

// Collect writes up to `max` struct epoll_events of ready items to dst and
// returns how many. Level-triggered items stay on the list, behind the others.
func Collect(e abi.EpollRef, dst, max uint32) uint32 {
	s := kmem.Epoll(e)
	n := uint32(0)
	last := s.ReadyTail
	for i := s.ReadyHead; i != 0 && n < max; {
		it := kmem.EpollItem(i)
		next := it.NextReady
		isLast := i == last
		state := stateOf(it)
		unqueue(i)
		if state != 0 {
			ev := (*abi.EpollEvent)(kmem.Ptr(dst + n*abi.EpollEventSize))
			ev.Events, ev.Pad, ev.Data = state, 0, it.Data
			n++
			if it.Events&abi.EPOLLONESHOT != 0 {
				it.Events &= private
			} else if it.Events&abi.EPOLLET == 0 {
				enqueue(i)
			}
		}
		if isLast {
			break
		}
		i = next
	}
	return n
}

// WaitQueue is where those wait who want an item to be ready.
func WaitQueue(e abi.EpollRef) *abi.WaitEntryRef { return &kmem.Epoll(e).Wait }

// Items is how many items an epoll has: no more events can be collected.
func Items(e abi.EpollRef) uint32 { return kmem.Epoll(e).ItemCount }
