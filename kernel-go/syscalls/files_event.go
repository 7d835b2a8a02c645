package syscalls

import (
	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/file"
	"foreshore.dev/kernel/kmem"
	"foreshore.dev/kernel/mm"
	"foreshore.dev/kernel/sched"
	"foreshore.dev/kernel/vfs"
)

func sysEventfd2(c *sched.Ctx) (uint64, abi.Errno) {
	flags := abi.OpenFlag(arg32(c, 1))
	if flags&^abi.OpenFlag(abi.EFD_SEMAPHORE|abi.EFD_NONBLOCK|abi.EFD_CLOEXEC) != 0 {
		return 0, abi.EINVAL
	}
	ofd, e := file.NewEventfd(uint64(arg32(c, 0)), flags)
	if e != abi.OK {
		return 0, e
	}
	fd, e := file.NewFd(c, ofd, flags&abi.OpenFlag(abi.EFD_CLOEXEC) != 0)
	return uint64(fd), e
}

func sysTimerfdCreate(c *sched.Ctx) (uint64, abi.Errno) {
	flags := abi.OpenFlag(arg32(c, 1))
	if flags&^abi.OpenFlag(abi.TFD_NONBLOCK|abi.TFD_CLOEXEC) != 0 {
		return 0, abi.EINVAL
	}
	clock := abi.Clock(arg32(c, 0))
	switch clock {
	case abi.CLOCK_REALTIME, abi.CLOCK_MONOTONIC, abi.CLOCK_BOOTTIME:
	default:
		return 0, abi.EINVAL
	}
	ofd, e := file.NewTimerfd(clock, flags)
	if e != abi.OK {
		return 0, e
	}
	fd, e := file.NewFd(c, ofd, flags&abi.OpenFlag(abi.TFD_CLOEXEC) != 0)
	return uint64(fd), e
}

func timerfdOf(c *sched.Ctx) (abi.OfdRef, abi.Errno) {
	ofd, e := file.Get(c, fdArg(c, 0))
	if e == abi.OK && !file.IsTimerfd(ofd) {
		return 0, abi.EINVAL
	}
	return ofd, e
}

// durationOf is a struct timespec as nanoseconds: EINVAL when it is no duration.
func durationOf(t *abi.Timespec) (uint64, abi.Errno) {
	if t.Sec < 0 || uint64(t.Nsec) >= nsPerSec {
		return 0, abi.EINVAL
	}
	if uint64(t.Sec) >= forever/nsPerSec-1 {
		return forever - 1, abi.OK
	}
	return uint64(t.Sec)*nsPerSec + uint64(t.Nsec), abi.OK
}

func itimerspecOut(c *sched.Ctx, va uint64, ofd abi.OfdRef) abi.Errno {
	left, every := file.TimerOf(ofd)
	t := (*abi.Itimerspec)(kmem.Ptr(c.Page))
	t.Interval.Sec, t.Interval.Nsec = int64(every/nsPerSec), int64(every%nsPerSec)
	t.Value.Sec, t.Value.Nsec = int64(left/nsPerSec), int64(left%nsPerSec)
	return mm.CopyOut(c, va, c.InPage(abi.ItimerspecSize))
}

func sysTimerfdSettime(c *sched.Ctx) (uint64, abi.Errno) {
	flags := arg32(c, 1)
	if flags&^uint32(abi.TFD_TIMER_ABSTIME|abi.TFD_TIMER_CANCEL_ON_SET) != 0 {
		return 0, abi.EINVAL
	}
	if e := mm.CopyIn(c, c.InPage(abi.ItimerspecSize), c.Arg(2)); e != abi.OK {
		return 0, e
	}
	t := (*abi.Itimerspec)(kmem.Ptr(c.Page))
	value, e := durationOf(&t.Value)
	if e != abi.OK {
		return 0, e
	}
	every, e := durationOf(&t.Interval)
	if e != abi.OK {
		return 0, e
	}
	ofd, e := timerfdOf(c)
	if e != abi.OK {
		return 0, e
	}
	if va := c.Arg(3); va != 0 {
		if e := itimerspecOut(c, va, ofd); e != abi.OK {
			return 0, e
		}
	}
	file.SetTimer(ofd, value, every, flags&uint32(abi.TFD_TIMER_ABSTIME) != 0)
	return 0, abi.OK
}

func sysTimerfdGettime(c *sched.Ctx) (uint64, abi.Errno) {
	ofd, e := timerfdOf(c)
	if e != abi.OK {
		return 0, e
	}
	return 0, itimerspecOut(c, c.Arg(1), ofd)
}

func sysSignalfd4(c *sched.Ctx) (uint64, abi.Errno) {
	flags := abi.OpenFlag(arg32(c, 3))
	if flags&^abi.OpenFlag(abi.SFD_NONBLOCK|abi.SFD_CLOEXEC) != 0 || c.Arg(2) != sigsetSize {
		return 0, abi.EINVAL
	}
	if e := mm.CopyIn(c, c.InPage(sigsetSize), c.Arg(1)); e != abi.OK {
		return 0, e
	}
	mask := kmem.Load64(c.Page) &^ (1<<(abi.SIGKILL-1) | 1<<(abi.SIGSTOP-1))
	if fdArg(c, 0) != -1 {
		ofd, e := file.Get(c, fdArg(c, 0))
		if e != abi.OK {
			return 0, e
		}
		if !file.IsSignalfd(ofd) {
			return 0, abi.EINVAL
		}
		file.SetSignals(ofd, mask)
		return uint64(arg32(c, 0)), abi.OK
	}
	ofd, e := file.NewSignalfd(c, mask, flags)
	if e != abi.OK {
		return 0, e
	}
	fd, e := file.NewFd(c, ofd, flags&abi.OpenFlag(abi.SFD_CLOEXEC) != 0)
	return uint64(fd), e
}

func sysMemfdCreate(c *sched.Ctx) (uint64, abi.Errno) {
	flags := abi.MemfdFlag(arg32(c, 1))
	known := (abi.MFD_CLOEXEC | abi.MFD_ALLOW_SEALING) | abi.MemfdFlag(abi.MFD_NOEXEC_SEAL|abi.MFD_EXEC)
	both := abi.MemfdFlag(abi.MFD_NOEXEC_SEAL | abi.MFD_EXEC)
	if flags&^known != 0 || flags&both == both {
		return 0, abi.EINVAL
	}
	const prefix, longest = "memfd:", 249
	copy(kmem.Bytes(c.Path, uint32(len(prefix))), prefix)
	n, e := mm.CopyInString(c, kmem.Span{Addr: c.Path + uint32(len(prefix)), Len: longest + 1}, c.Arg(0))
	if e == abi.ENAMETOOLONG {
		e = abi.EINVAL
	}
	if e != abi.OK {
		return 0, e
	}
	noexec := flags&abi.MemfdFlag(abi.MFD_NOEXEC_SEAL) != 0
	sealing := noexec || flags&abi.MFD_ALLOW_SEALING != 0
	ofd, e := file.NewMemfd(c, c.InPath(n+uint32(len(prefix))), sealing)
	if e != abi.OK {
		return 0, e
	}
	if noexec {
		in := kmem.Inode(kmem.Ofd(ofd).State.Inode)
		vfs.SetMode(kmem.Ofd(ofd).State.Inode, in.State.Mode&^0o111)
		in.Live.Seals |= abi.F_SEAL_EXEC
	}
	fd, e := file.NewFd(c, ofd, flags&abi.MFD_CLOEXEC != 0)
	return uint64(fd), e
}
