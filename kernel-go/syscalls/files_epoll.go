package syscalls

import (
	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/epoll"
	"foreshore.dev/kernel/file"
	"foreshore.dev/kernel/kmem"
	"foreshore.dev/kernel/mm"
	"foreshore.dev/kernel/sched"
)

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
func epollOf(c *sched.Ctx, i int) (abi.EpollRef, abi.Errno) {
	ofd, e := file.Get(c, fdArg(c, i))
	if e != abi.OK {
		return 0, e
	}
	if o := kmem.Ofd(ofd); epoll.IsEpoll(o) {
		return kmem.EpollOf(o), abi.OK
	}
	return 0, abi.EINVAL
}

func sysEpollCtl(c *sched.Ctx) (uint64, abi.Errno) {
	op := abi.EpollOp(arg32(c, 1))
	var ev abi.EpollEvent
	if op != abi.EPOLL_CTL_DEL {
		if e := mm.CopyIn(c, c.InPage(abi.EpollEventSize), c.Arg(3)); e != abi.OK {
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
	if o := kmem.Ofd(ofd); epoll.IsEpoll(o) && kmem.EpollOf(o) == ep {
		return 0, abi.EINVAL
	}
	return 0, epoll.Control(ep, op, epoll.Watched{Fd: arg32(c, 2), Ofd: ofd}, epoll.Interest{Events: ev.Events, Data: ev.Data})
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
	n := min(uint32(most), kmem.VecBytes/abi.EpollEventSize)
	if epoll.Listed(ep) {
		// An event that was taken cannot be put back: see first that there is
		// somewhere to write.
		end := c.Arg(1) + uint64(min(n, epoll.Items(ep)))*abi.EpollEventSize
		for va := c.Arg(1); va < end; va = (va | uint64(kmem.PageMask)) + 1 {
			if _, e := mm.Linear(c, mm.User{As: c.As, Va: va}, mm.Write); e != abi.OK {
				if e != abi.EBLOCKED && e != abi.ENOMEM {
					e = abi.EFAULT
				}
				return 0, e
			}
		}
		if got := epoll.Collect(ep, c.Vec, n); got != 0 {
			return uint64(got), mm.CopyOut(c, c.Arg(1), c.InVec(got*abi.EpollEventSize))
		}
	}
	if expired(c) {
		return 0, abi.OK
	}
	return 0, sleepOn(c, abi.WaitReasonEpoll, sched.WaitOn(c, epoll.WaitQueue(ep), abi.POLLIN))
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
