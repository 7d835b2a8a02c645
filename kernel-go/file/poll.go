package file

import (
	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/kmem"
	"foreshore.dev/kernel/sched"
)

const (
	pollIn  = abi.POLLIN | abi.POLLRDNORM
	pollOut = abi.POLLOUT | abi.POLLWRNORM
	// PollAlways is reported whether it was asked for or not.
	PollAlways = abi.POLLERR | abi.POLLHUP | abi.POLLNVAL
)

// Poll is the poll state of an OFD: POLL* bits.
func Poll(i abi.OfdRef) abi.PollEvent {
	o := kmem.Ofd(i)
	if poll := opsOf(o).poll; poll != nil {
		return poll(o)
	}
	return abi.POLLNVAL
}

// CanPoll says whether epoll takes an OFD: EPERM for others.
func CanPoll(i abi.OfdRef) bool {
	_, ok := QueueOf(i, 0)
	return ok
}

// WaitFor registers the caller on the queues of an OFD for POLL* events. It
// returns EBLOCKED or ENOMEM, and OK for an OFD without queues.
func WaitFor(c *sched.Ctx, i abi.OfdRef, events abi.PollEvent) abi.Errno {
	result := abi.OK
	for k := range 2 {
		q, _ := QueueOf(i, k)
		if q == nil {
			break
		}
		if result = sched.WaitOn(c, q, events|PollAlways); result != abi.EBLOCKED {
			return result
		}
	}
	return result
}

// WakeWaiters has all that wait for an OFD look again: it is about to be
// taken from one of them.
func WakeWaiters(i abi.OfdRef) {
	for k := range 2 {
		if q, _ := QueueOf(i, k); q != nil {
			sched.WakeAll(q)
		}
	}
}
