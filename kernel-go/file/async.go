package file

import (
	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/kmem"
	"foreshore.dev/kernel/sched"
)

// Signals for what can be read or written (fcntl(2), O_ASYNC). A description
// that wants them stands on the wait queues of its object, like an epoll item;
// a wake marks it, and the signals are sent when the wake is done, since they
// change queues themselves.

// asyncEnd is what the last marked description (AsyncHead) has for its next.
const asyncEnd = ^abi.OfdRef(0)

// SendSigio sends the signals of a description (a hook: boot/wire.go).
var SendSigio func(ofd abi.OfdRef, events abi.PollEvent)

// MarkAsync is told by sched of a wake of a queue that a description watches.
func MarkAsync(i abi.OfdRef, events abi.PollEvent) {
	l := &kmem.Ofd(i).Live
	l.AsyncEvents |= events
	if l.AsyncNext == 0 {
		l.AsyncNext = asyncEnd
		s := state()
		if s.AsyncHead != 0 {
			l.AsyncNext = s.AsyncHead
		}
		s.AsyncHead = i
	}
}

// SendAsync sends the signals of the descriptions that were marked.
func SendAsync() {
	s := state()
	for s.AsyncHead != 0 {
		i := s.AsyncHead
		events := kmem.Ofd(i).Live.AsyncEvents
		forgetAsync(i)
		SendSigio(i, events)
	}
}

// forgetAsync takes a description out of the marked ones.
func forgetAsync(i abi.OfdRef) {
	l := &kmem.Ofd(i).Live
	if l.AsyncNext == 0 {
		return
	}
	head := &state().AsyncHead
	at := head
	for *at != i {
		at = &kmem.Ofd(*at).Live.AsyncNext
	}
	if *at = l.AsyncNext; *at == asyncEnd && at == head {
		*head = 0
	}
	l.AsyncNext, l.AsyncEvents = 0, 0
}

// SetAsync is what setting and clearing O_ASYNC does: ENOTTY for kinds that
// tell nothing, which F_SETFL does not mind.
func SetAsync(c *sched.Ctx, i abi.OfdRef, fd uint32, on bool) abi.Errno {
	o := kmem.Ofd(i)
	tells := opsOf(o).signals
	if tells == 0 {
		return abi.ENOTTY
	}
	sched.Unwatch(&o.Live.AsyncEntries)
	forgetAsync(i)
	if !on {
		return abi.OK
	}
	o.Live.AsyncFd = fd
	if is, _ := IsTty(i); is && o.State.OwnerPid == 0 {
		SetOwner(c, i, int32(c.P().State.Pid), false)
	}
	for k := range 2 {
		q, _ := QueueOf(i, k)
		if q == nil {
			break
		}
		events := pollIn
		if k == 1 || !readable(o) && !ofTerminal(o) {
			events = pollOut
		}
		if events&tells == 0 {
			break
		}
		if e := sched.WatchAsync(i, &o.Live.AsyncEntries, q, events); e != abi.OK {
			sched.Unwatch(&o.Live.AsyncEntries)
			return e
		}
	}
	return abi.OK
}

// SetOwner says who gets a description's signals: a process, a group
// (negative), a thread, or nobody (0); and for whom that was said.
func SetOwner(c *sched.Ctx, i abi.OfdRef, pid int32, thread bool) {
	o := kmem.Ofd(i)
	kmem.WriteBegin(&o.Header)
	o.State.OwnerPid = pid
	kmem.WriteEnd(&o.Header)
	o.Live.OwnerIsThread = 0
	if thread {
		o.Live.OwnerIsThread = 1
	}
	o.Live.OwnerUid, o.Live.OwnerEuid = c.P().State.Uid, c.P().State.Euid
}
