package file

import (
	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/epoll"
	"foreshore.dev/kernel/eventfd"
	"foreshore.dev/kernel/fs/procfs"
	"foreshore.dev/kernel/kmem"
	"foreshore.dev/kernel/pipe"
	"foreshore.dev/kernel/sched"
	"foreshore.dev/kernel/tty"
	"foreshore.dev/kernel/vfs"
)

const (
	pollIn  = uint32(abi.POLLIN | abi.POLLRDNORM)
	pollOut = uint32(abi.POLLOUT | abi.POLLWRNORM)
	// PollAlways is reported whether it was asked for or not.
	PollAlways = uint32(abi.POLLERR | abi.POLLHUP | abi.POLLNVAL)
)

// Poll is the poll state of an OFD: POLL* bits. Files that cannot block are
// always ready.
func Poll(i uint32) uint32 {
	o := kmem.Ofd(i)
	switch o.State.Kind {
	case abi.OfdKindPipeRead:
		return pipe.Poll(kmem.Object(o), true, false, 0)
	case abi.OfdKindPipeWrite:
		return pipe.Poll(kmem.Object(o), false, true, 0)
	case abi.OfdKindFifo:
		return pipe.Poll(kmem.Object(o), readable(o), writable(o), uint32(o.State.Cursor))
	case abi.OfdKindEventfd:
		return eventfd.Poll(kmem.Object(o))
	case abi.OfdKindTimerfd:
		return eventfd.Poll(kmem.Object(o)) & pollIn
	case abi.OfdKindSignalfd:
		return pollSignals(o)
	case abi.OfdKindEpoll:
		return epoll.Poll(kmem.Object(o))
	case abi.OfdKindPtyMaster, abi.OfdKindPtySlave:
		return tty.Poll(kmem.Object(o), o.State.Kind == abi.OfdKindPtyMaster, hungUp(o))
	case abi.OfdKindProc:
		if procfs.TellsMounts(o.State.Inode) {
			return pollMounts(o)
		}
	case abi.OfdKindDevice:
		if kmem.Inode(o.State.Inode).State.Rdev == uint64(abi.DEV_RANDOM) {
			return pollIn
		}
	case abi.OfdKindPath:
		return uint32(abi.POLLNVAL)
	}
	return pollIn | pollOut
}

// pollMounts is the state of a list of mounts: readable, and once after each
// change an error and an exception. Asking takes that away, as on Linux.
func pollMounts(o *abi.OfdSlot) uint32 {
	if o.State.Cursor == uint64(vfs.MountEvents) {
		return pollIn
	}
	o.State.Cursor = uint64(vfs.MountEvents)
	return pollIn | uint32(abi.POLLERR|abi.POLLPRI)
}

// queueOf is wait queue k of an OFD, nil when it has no more; ok is false for
// what is always ready, which epoll refuses.
func queueOf(i uint32, k int) (*uint32, bool) {
	o := kmem.Ofd(i)
	switch o.State.Kind {
	case abi.OfdKindPipeRead, abi.OfdKindPipeWrite, abi.OfdKindFifo:
		p := kmem.Pipe(kmem.Object(o))
		read, write := readable(o), writable(o)
		switch {
		case k == 0 && read:
			return &p.Live.ReadWait, true
		case k == 0, k == 1 && read && write:
			return &p.Live.WriteWait, true
		}
		return nil, true
	case abi.OfdKindEventfd, abi.OfdKindTimerfd:
		if k == 0 {
			return &kmem.Eventfd(kmem.Object(o)).Wait, true
		}
		return nil, true
	case abi.OfdKindSignalfd:
		if k == 0 {
			return signalWait(), true
		}
		return nil, true
	case abi.OfdKindEpoll:
		if k == 0 {
			return epoll.WaitQueue(kmem.Object(o)), true
		}
		return nil, true
	case abi.OfdKindPtyMaster, abi.OfdKindPtySlave:
		return tty.Queue(kmem.Object(o), o.State.Kind == abi.OfdKindPtyMaster, k), true
	case abi.OfdKindDevice:
		// random(4) can be polled, and so is accepted; it never blocks.
		return nil, kmem.Inode(o.State.Inode).State.Rdev == uint64(abi.DEV_RANDOM)
	case abi.OfdKindProc:
		if procfs.TellsMounts(o.State.Inode) {
			if k == 0 {
				return vfs.MountWait(), true
			}
			return nil, true
		}
		return nil, !procfs.OfProcess(o.State.Inode)
	}
	return nil, false
}

// CanPoll says whether epoll takes an OFD: EPERM for others.
func CanPoll(i uint32) bool {
	_, ok := queueOf(i, 0)
	return ok
}

// WaitFor registers the caller on the queues of an OFD for POLL* events. It
// returns EBLOCKED or ENOMEM, and OK for an OFD without queues.
func WaitFor(c *sched.Ctx, i, events uint32) abi.Errno {
	result := abi.OK
	for k := range 2 {
		q, _ := queueOf(i, k)
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
func WakeWaiters(i uint32) {
	for k := range 2 {
		if q, _ := queueOf(i, k); q != nil {
			sched.WakeAll(q)
		}
	}
}
