package syscalls

import (
	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/epoll"
	"foreshore.dev/kernel/file"
	"foreshore.dev/kernel/kmem"
	"foreshore.dev/kernel/mm"
	"foreshore.dev/kernel/proc"
	"foreshore.dev/kernel/sched"
)

// Waiting for several files. The deadline is set at the first attempt and kept
// in the thread's record; a wait that ends is made again from the beginning.

// vecBytes is the size of c.Vec.
const vecBytes = uint32(32 << 10)

// maskIn swaps the signal mask for the call's duration, if the user gives one.
func maskIn(c *sched.Ctx, va, size uint64) abi.Errno {
	if va == 0 {
		return abi.OK
	}
	if size != sigsetSize {
		return abi.EINVAL
	}
	if e := mm.CopyIn(c, c.Page, va, sigsetSize); e != abi.OK {
		return e
	}
	proc.SwapMask(c, kmem.Load64(c.Page))
	return abi.OK
}

// timeoutIn fixes the deadline at the first attempt: `va` is a struct timespec,
// 0 waits for ever.
func timeoutIn(c *sched.Ctx, va uint64) abi.Errno {
	b := &c.T().State.Blocked
	if b.Attempt != 0 || va == 0 {
		return abi.OK
	}
	ns, e := timespecIn(c, va)
	if e == abi.OK {
		b.DeadlineNs = addNs(sched.NowNs(), ns)
	}
	return e
}

// timeoutOut writes what is left of the time, as Linux's ppoll and pselect6 do.
// A page that cannot be written does not fail the call.
func timeoutOut(c *sched.Ctx, va uint64) {
	if va == 0 {
		return
	}
	left := uint64(0)
	if now, d := sched.NowNs(), c.T().State.Blocked.DeadlineNs; d > now {
		left = d - now
	}
	if timespecOut(c, va, left) == abi.EBLOCKED {
		sched.CancelWaits(c)
	}
}

// expired says whether the call's time is over.
func expired(c *sched.Ctx) bool {
	b := &c.T().State.Blocked
	return b.TimedOut != 0 || b.DeadlineNs <= sched.NowNs()
}

// sleepOn blocks the caller on the queues that it is registered on; e is what
// registering gave.
func sleepOn(c *sched.Ctx, reason abi.WaitReason, e abi.Errno) abi.Errno {
	if e != abi.OK && e != abi.EBLOCKED {
		sched.CancelWaits(c)
		return e
	}
	b := &c.T().State.Blocked
	b.Reason = reason
	sched.SetDeadline(c, b.DeadlineNs)
	return abi.EBLOCKED
}

// What calls keep in c.Vec fits it: select's sets, and iovecs.
const (
	_ = vecBytes - 3*setBytes
	_ = vecBytes - uint32(abi.IOV_MAX)*abi.IovecSize
)

func sysPpoll(c *sched.Ctx) (uint64, abi.Errno) {
	count := arg32(c, 1)
	if uint64(count) > c.P().State.Rlimits[abi.RLIMIT_NOFILE].Cur || count > uint32(abi.LimitFds) {
		return 0, abi.EINVAL
	}
	if e := timeoutIn(c, c.Arg(2)); e != abi.OK {
		return 0, e
	}
	if e := maskIn(c, c.Arg(3), c.Arg(4)); e != abi.OK {
		return 0, e
	}
	ready, e := pollAll(c, count, false)
	if e != abi.OK {
		return 0, e
	}
	if ready == 0 && !expired(c) {
		for k := uint32(0); k < count && (e == abi.OK || e == abi.EBLOCKED); k++ {
			if count > pollChunk && k%pollChunk == 0 {
				if e := pollIn(c, k, count); e != abi.OK {
					sched.CancelWaits(c)
					return 0, e
				}
			}
			if p := pollfdAt(c, k%pollChunk); p.Fd >= 0 {
				// Read once more, it may be another one now, or none.
				if ofd, gone := file.GetAny(c, p.Fd); gone == abi.OK {
					e = file.WaitFor(c, ofd, uint32(uint16(p.Events)))
				}
			}
		}
		return 0, sleepOn(c, abi.WaitReasonPoll, e)
	}
	if count > pollChunk {
		_, e = pollAll(c, count, true)
	} else {
		e = pollOut(c, 0, count)
	}
	if e != abi.OK {
		return 0, e
	}
	timeoutOut(c, c.Arg(2))
	return ready, abi.OK
}

// pollChunk is how many struct pollfd fit into c.Vec; more are looked at piece
// by piece.
const pollChunk = vecBytes / abi.PollfdSize

func pollfdAt(c *sched.Ctx, k uint32) *abi.Pollfd {
	return (*abi.Pollfd)(kmem.Ptr(c.Vec + k*abi.PollfdSize))
}

// pollIn brings in the piece that begins at `from`, pollOut writes it back.
func pollIn(c *sched.Ctx, from, count uint32) abi.Errno {
	return mm.CopyIn(c, c.Vec, c.Arg(0)+uint64(from)*abi.PollfdSize, min(count-from, pollChunk)*abi.PollfdSize)
}

func pollOut(c *sched.Ctx, from, count uint32) abi.Errno {
	return mm.CopyOut(c, c.Arg(0)+uint64(from)*abi.PollfdSize, c.Vec, min(count-from, pollChunk)*abi.PollfdSize)
}

// pollAll asks all descriptors of the caller's array, and counts those that
// have something to tell; with `out` each piece is written back.
func pollAll(c *sched.Ctx, count uint32, out bool) (uint64, abi.Errno) {
	ready := uint64(0)
	for from := uint32(0); from < count; from += pollChunk {
		if e := pollIn(c, from, count); e != abi.OK {
			return 0, e
		}
		for k := range min(count-from, pollChunk) {
			p := pollfdAt(c, k)
			p.Revents = 0
			if p.Fd < 0 {
				continue
			}
			state := uint32(abi.POLLNVAL)
			if ofd, e := file.GetAny(c, p.Fd); e == abi.OK {
				state = file.Poll(ofd) & (uint32(uint16(p.Events)) | file.PollAlways)
			}
			if state != 0 {
				p.Revents = int16(state)
				ready++
			}
		}
		if out {
			if e := pollOut(c, from, count); e != abi.OK {
				return 0, e
			}
		}
	}
	return ready, abi.OK
}

// What select(2) means by its three sets.
const (
	selectIn  = uint32(abi.POLLIN | abi.POLLRDNORM | abi.POLLRDBAND | abi.POLLHUP | abi.POLLERR)
	selectOut = uint32(abi.POLLOUT | abi.POLLWRNORM | abi.POLLWRBAND | abi.POLLERR)
	selectPri = uint32(abi.POLLPRI)
	setBytes  = uint32(abi.LimitFds) / 8
)

// selected is which of select's events a bit in each of the three sets asks for.
func selected(sets, fd uint32) uint32 {
	events := uint32(0)
	for k, mask := range [3]uint32{selectIn, selectOut, selectPri} {
		if kmem.Bytes(sets+uint32(k)*setBytes+fd/8, 1)[0]>>(fd%8)&1 != 0 {
			events |= mask
		}
	}
	return events
}

// setLength is the size of an fd_set for n descriptors.
func setLength(n uint32) uint32 { return (n + 63) / 64 * 8 }

// setsIn reads select's three sets into c.Vec; those that are not given are empty.
func setsIn(c *sched.Ctx, n uint32) abi.Errno {
	for k := range uint32(3) {
		to := c.Vec + k*setBytes
		va := c.Arg(int(k) + 1)
		if va == 0 {
			kmem.Zero(to, setLength(n))
			continue
		}
		if e := mm.CopyIn(c, to, va, setLength(n)); e != abi.OK {
			return e
		}
	}
	return abi.OK
}

func sysPselect6(c *sched.Ctx) (uint64, abi.Errno) {
	if fdArg(c, 0) < 0 {
		return 0, abi.EINVAL
	}
	n := min(arg32(c, 0), uint32(abi.LimitFds))
	if e := timeoutIn(c, c.Arg(4)); e != abi.OK {
		return 0, e
	}
	if va := c.Arg(5); va != 0 {
		// The sixth argument points to the mask's address and size.
		if e := mm.CopyIn(c, c.Page, va, 16); e != abi.OK {
			return 0, e
		}
		if e := maskIn(c, kmem.Load64(c.Page), kmem.Load64(c.Page+8)); e != abi.OK {
			return 0, e
		}
	}
	sets := c.Vec
	if e := setsIn(c, n); e != abi.OK {
		return 0, e
	}
	// What is not ready is taken out of the sets, which are the answer then.
	ready := uint64(0)
	for fd := range n {
		want := selected(sets, fd)
		if want == 0 {
			continue
		}
		ofd, e := file.Get(c, int32(fd))
		if e != abi.OK {
			return 0, e
		}
		state := file.Poll(ofd)
		for k, mask := range [3]uint32{selectIn, selectOut, selectPri} {
			if b := &kmem.Bytes(sets+uint32(k)*setBytes+fd/8, 1)[0]; *b>>(fd%8)&1 != 0 {
				if state&mask != 0 {
					ready++
				} else {
					*b &^= 1 << (fd % 8)
				}
			}
		}
	}
	if ready == 0 && !expired(c) {
		e := setsIn(c, n)
		for fd := uint32(0); fd < n && (e == abi.OK || e == abi.EBLOCKED); fd++ {
			if want := selected(sets, fd); want != 0 {
				// Read once more, as above.
				if ofd, gone := file.Get(c, int32(fd)); gone == abi.OK {
					e = file.WaitFor(c, ofd, want)
				}
			}
		}
		return 0, sleepOn(c, abi.WaitReasonPoll, e)
	}
	for k := range uint32(3) {
		if va := c.Arg(int(k) + 1); va != 0 {
			if e := mm.CopyOut(c, va, sets+k*setBytes, setLength(n)); e != abi.OK {
				return 0, e
			}
		}
	}
	timeoutOut(c, c.Arg(4))
	return ready, abi.OK
}

func sysEpollCreate1(c *sched.Ctx) (uint64, abi.Errno) {
	flags := arg32(c, 0)
	if flags&^uint32(abi.EPOLL_CLOEXEC) != 0 {
		return 0, abi.EINVAL
	}
	ofd, e := file.NewEpoll()
	if e != abi.OK {
		return 0, e
	}
	fd, e := file.NewFd(c, ofd, flags != 0)
	return uint64(fd), e
}

// epollOf is the epoll instance of a descriptor: EINVAL for other files.
func epollOf(c *sched.Ctx, i int) (uint32, abi.Errno) {
	ofd, e := file.Get(c, fdArg(c, i))
	if e != abi.OK {
		return 0, e
	}
	if o := kmem.Ofd(ofd); o.State.Kind == abi.OfdKindEpoll {
		return kmem.Object(o), abi.OK
	}
	return 0, abi.EINVAL
}

func sysEpollCtl(c *sched.Ctx) (uint64, abi.Errno) {
	op := abi.EpollOp(arg32(c, 1))
	var ev abi.EpollEvent
	if op != abi.EPOLL_CTL_DEL {
		if e := mm.CopyIn(c, c.Page, c.Arg(3), abi.EpollEventSize); e != abi.OK {
			return 0, e
		}
		ev = *(*abi.EpollEvent)(kmem.Ptr(c.Page))
	}
	if _, e := file.Get(c, fdArg(c, 0)); e != abi.OK {
		return 0, e
	}
	ofd, e := file.Get(c, fdArg(c, 2))
	if e != abi.OK {
		return 0, e
	}
	if !file.CanPoll(ofd) {
		return 0, abi.EPERM
	}
	ep, e := epollOf(c, 0)
	if e != abi.OK {
		return 0, e
	}
	if o := kmem.Ofd(ofd); o.State.Kind == abi.OfdKindEpoll && kmem.Object(o) == ep {
		return 0, abi.EINVAL
	}
	return 0, epoll.Control(ep, op, arg32(c, 2), ofd, ev.Events, ev.Data)
}

// maxEvents is how many events epoll_wait(2) can be asked for.
const maxEvents = (1<<31 - 1) / int32(abi.EpollEventSize)

// epollWait is the wait of both calls; the deadline is set.
func epollWait(c *sched.Ctx, mask, maskSize uint64) (uint64, abi.Errno) {
	most := int32(arg32(c, 2))
	if most <= 0 || most > maxEvents {
		return 0, abi.EINVAL
	}
	ep, e := epollOf(c, 0)
	if e != abi.OK {
		return 0, e
	}
	if e := maskIn(c, mask, maskSize); e != abi.OK {
		return 0, e
	}
	// As many as the scratch area holds; the others come next time.
	n := min(uint32(most), vecBytes/abi.EpollEventSize)
	if epoll.Listed(ep) {
		// An event that was taken cannot be put back: see first that there is
		// somewhere to write.
		end := c.Arg(1) + uint64(min(n, epoll.Items(ep)))*abi.EpollEventSize
		for va := c.Arg(1); va < end; va = (va | uint64(kmem.PageMask)) + 1 {
			if _, e := mm.Linear(c, c.As, va, mm.Write); e != abi.OK {
				if e != abi.EBLOCKED && e != abi.ENOMEM {
					e = abi.EFAULT
				}
				return 0, e
			}
		}
		if got := epoll.Collect(ep, c.Vec, n); got != 0 {
			return uint64(got), mm.CopyOut(c, c.Arg(1), c.Vec, got*abi.EpollEventSize)
		}
	}
	if expired(c) {
		return 0, abi.OK
	}
	return 0, sleepOn(c, abi.WaitReasonEpoll, sched.WaitOn(c, epoll.WaitQueue(ep), uint32(abi.POLLIN)))
}

func sysEpollPwait(c *sched.Ctx) (uint64, abi.Errno) {
	b := &c.T().State.Blocked
	if ms := int32(arg32(c, 3)); b.Attempt == 0 && ms >= 0 {
		b.DeadlineNs = addNs(sched.NowNs(), uint64(ms)*1_000_000)
	}
	return epollWait(c, c.Arg(4), c.Arg(5))
}

func sysEpollPwait2(c *sched.Ctx) (uint64, abi.Errno) {
	if e := timeoutIn(c, c.Arg(3)); e != abi.OK {
		return 0, e
	}
	return epollWait(c, c.Arg(4), c.Arg(5))
}
