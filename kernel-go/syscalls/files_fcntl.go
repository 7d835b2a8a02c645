package syscalls

import (
	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/file"
	"foreshore.dev/kernel/kmem"
	"foreshore.dev/kernel/mm"
	"foreshore.dev/kernel/pipe"
	"foreshore.dev/kernel/sched"
)

func sysFcntl(c *sched.Ctx) (uint64, abi.Errno) {
	fd := fdArg(c, 0)
	ofd, e := file.GetAny(c, fd)
	if e != abi.OK {
		return 0, e
	}
	o := kmem.Ofd(ofd)
	cmd := abi.FcntlCmd(arg32(c, 1))
	switch cmd {
	case abi.F_DUPFD, abi.F_DUPFD_CLOEXEC:
		if c.Arg(2) >= c.P().State.Rlimits[abi.RLIMIT_NOFILE].Cur || c.Arg(2) >= uint64(abi.LimitFds) {
			return 0, abi.EINVAL
		}
		to, e := file.Dup(c, fd, arg32(c, 2), cmd == abi.F_DUPFD_CLOEXEC)
		return uint64(to), e
	case abi.F_GETFD:
		return uint64(file.FlagsOf(c, fd)), abi.OK
	case abi.F_SETFD:
		file.SetFlagsOf(c, fd, abi.FdFlag(arg32(c, 2)))
		return 0, abi.OK
	case abi.F_GETFL:
		return uint64(o.State.Flags), abi.OK
	}
	if file.IsPath(ofd) {
		return 0, abi.EBADF
	}
	switch cmd {
	case abi.F_SETFL:
		return 0, setFlags(c, fd, ofd, abi.OpenFlag(arg32(c, 2)))
	case abi.F_GETLK, abi.F_SETLK, abi.F_SETLKW:
		return fcntlLock(c, ofd, cmd, false)
	case abi.F_SETPIPE_SZ, abi.F_GETPIPE_SZ:
		if !file.IsPipe(ofd) {
			return 0, abi.EBADF
		}
		if cmd == abi.F_GETPIPE_SZ {
			return uint64(pipe.Capacity(kmem.PipeOf(o))), abi.OK
		}
		n, e := pipe.SetCapacity(kmem.PipeOf(o), uint64(arg32(c, 2)))
		return uint64(n), e
	case abi.F_ADD_SEALS:
		return 0, file.AddSeals(ofd, abi.SealFlag(arg32(c, 2)))
	case abi.F_GET_SEALS:
		seals, e := file.Seals(ofd)
		if e != abi.OK {
			return 0, e
		}
		return uint64(*seals), abi.OK
	case abi.F_OFD_GETLK:
		return fcntlLock(c, ofd, abi.F_GETLK, true)
	case abi.F_OFD_SETLK:
		return fcntlLock(c, ofd, abi.F_SETLK, true)
	case abi.F_OFD_SETLKW:
		return fcntlLock(c, ofd, abi.F_SETLKW, true)
	case abi.F_SETLEASE:
		if arg32(c, 2) > uint32(abi.F_UNLCK) {
			return 0, abi.EINVAL
		}
		return 0, file.SetLease(c, ofd, uint32(fd), abi.FlockType(arg32(c, 2)))
	case abi.F_GETLEASE:
		return uint64(file.Lease(ofd)), abi.OK
	}
	if v, e, ok := fcntlOwner(c, ofd, cmd); ok {
		return v, e
	}
	return 0, abi.EINVAL
}

// lockRange is the bytes that a struct flock means: EINVAL for what begins
// before the file, EOVERFLOW for what ends too far.
func lockRange(o *abi.OfdSlot, l *abi.Flock, r *file.LockRange) abi.Errno {
	base := int64(0)
	switch abi.SeekWhence(uint16(l.Whence)) {
	case abi.SEEK_SET:
	case abi.SEEK_CUR:
		base = int64(o.State.Pos)
	case abi.SEEK_END:
		base = int64(kmem.Inode(o.State.Inode).State.Size)
	default:
		return abi.EINVAL
	}
	start := base + l.Start
	if l.Start > 0 && start < base {
		return abi.EOVERFLOW
	}
	if start < 0 {
		return abi.EINVAL
	}
	end := int64(1<<63 - 1)
	switch {
	case l.Len > 0:
		end = start + l.Len - 1
		if end < start {
			return abi.EOVERFLOW
		}
	case l.Len < 0:
		start, end = start+l.Len, start-1
	}
	if start < 0 {
		return abi.EINVAL
	}
	r.Start, r.End = uint64(start), uint64(end)
	return abi.OK
}

func fcntlLock(c *sched.Ctx, ofd abi.OfdRef, cmd abi.FcntlCmd, byOfd bool) (uint64, abi.Errno) {
	o := kmem.Ofd(ofd)
	if w := c.T().State.Blocked.LockWait(); w.Type != 0 {
		r := file.LockRange{Type: abi.FlockType(w.Type - 1), Start: w.Start, End: w.End, Table: c.P().State.FdTable}
		if byOfd {
			r.Table, r.Ofd = 0, ofd
		}
		return 0, setLock(c, ofd, &r)
	}
	if e := mm.CopyIn(c, c.InPage(abi.FlockSize), c.Arg(2)); e != abi.OK {
		return 0, e
	}
	l := *(*abi.Flock)(kmem.Ptr(c.Page))
	if o.State.Inode == 0 {
		return 0, abi.EINVAL
	}
	r := file.LockRange{Type: abi.FlockType(l.Type), Table: c.P().State.FdTable}
	if byOfd {
		if l.Pid != 0 {
			return 0, abi.EINVAL
		}
		r.Table, r.Ofd = 0, ofd
	}
	if e := lockRange(o, &l, &r); e != abi.OK {
		return 0, e
	}
	switch r.Type {
	case abi.F_RDLCK:
		if cmd != abi.F_GETLK && !file.ForReading(ofd) {
			return 0, abi.EBADF
		}
	case abi.F_WRLCK:
		if cmd != abi.F_GETLK && !file.ForWriting(ofd) {
			return 0, abi.EBADF
		}
	case abi.F_UNLCK:
		if cmd == abi.F_GETLK {
			return 0, abi.EINVAL
		}
	default:
		return 0, abi.EINVAL
	}
	switch cmd {
	case abi.F_SETLK:
		return 0, file.SetLock(c, o.State.Inode, &r, false)
	case abi.F_SETLKW:
		return 0, setLock(c, ofd, &r)
	}
	l.Pid = file.TestLock(o.State.Inode, &r)
	l.Type = int16(r.Type)
	if r.Type == abi.F_UNLCK {
		l.Pid = (*abi.Flock)(kmem.Ptr(c.Page)).Pid
	} else {
		l.Whence, l.Start, l.Len = int16(abi.SEEK_SET), int64(r.Start), int64(r.End-r.Start)+1
		if r.End == 1<<63-1 {
			l.Len = 0
		}
	}
	*(*abi.Flock)(kmem.Ptr(c.Page)) = l
	return 0, mm.CopyOut(c, c.Arg(2), c.InPage(abi.FlockSize))
}

// setLock is F_SETLKW: what is asked for is kept while it waits. A lock of a process
// that comes when its descriptor has become another's is given back with all others
// of that file, as the close would have done (Linux fs/locks.c, fcntl_setlk).
func setLock(c *sched.Ctx, ofd abi.OfdRef, r *file.LockRange) abi.Errno {
	inode, w := kmem.Ofd(ofd).State.Inode, c.T().State.Blocked.LockWait()
	e := file.SetLock(c, inode, r, true)
	if sched.GoesOn(e) {
		w.Type, w.Start, w.End = uint32(r.Type)+1, r.Start, r.End
		return e
	}
	if e == abi.OK && w.Type != 0 && r.Table != 0 && r.Type != abi.F_UNLCK && !file.Names(c, fdArg(c, 0), ofd) {
		file.Unlock(r.Table, inode)
		return abi.EBADF
	}
	return e
}

func sysFlock(c *sched.Ctx) (uint64, abi.Errno) {
	ofd, e := file.Get(c, fdArg(c, 0))
	if e != abi.OK {
		return 0, e
	}
	op := abi.FlockOp(arg32(c, 1))
	r := file.LockRange{Kind: abi.FileLockKindFlock, End: 1<<63 - 1, Ofd: ofd}
	switch op &^ abi.LOCK_NB {
	case abi.LOCK_SH:
		r.Type = abi.F_RDLCK
	case abi.LOCK_EX:
		r.Type = abi.F_WRLCK
	case abi.LOCK_UN:
		r.Type = abi.F_UNLCK
	default:
		return 0, abi.EINVAL
	}
	inode := kmem.Ofd(ofd).State.Inode
	if inode == 0 {
		return 0, abi.EBADF
	}
	return 0, file.SetLock(c, inode, &r, op&abi.LOCK_NB == 0)
}

func sysIoctl(c *sched.Ctx) (uint64, abi.Errno) {
	fd := fdArg(c, 0)
	ofd, e := file.Get(c, fd)
	if e != abi.OK {
		return 0, e
	}
	if file.HungUp(ofd) {
		return 0, file.HungUpError(arg32(c, 1))
	}
	switch abi.Ioctl(arg32(c, 1)) {
	case abi.FIOCLEX:
		file.SetFlagsOf(c, fd, abi.FD_CLOEXEC)
		return 0, abi.OK
	case abi.FIONCLEX:
		file.SetFlagsOf(c, fd, 0)
		return 0, abi.OK
	case abi.FIOASYNC:
		return 0, setAsync(c, fd, ofd)
	case abi.FIONBIO:
		on, e := mm.Load32(c, c.Arg(2))
		if e != abi.OK {
			return 0, e
		}
		flags := kmem.Ofd(ofd).State.Flags &^ abi.O_NONBLOCK
		if on != 0 {
			flags |= abi.O_NONBLOCK
		}
		return 0, file.SetStatusFlags(c, ofd, flags)
	case abi.FIONREAD:
		n, e := file.Readable(ofd)
		if e != abi.OK {
			return 0, e
		}
		return 0, mm.Store32(c, c.Arg(2), n)
	}
	switch abi.IoctlFile(arg32(c, 1)) {
	case abi.FICLONE, abi.FICLONERANGE:
		return 0, cloneRange(c, ofd)
	case abi.FIDEDUPERANGE:
		return 0, dedupeRange(c, ofd)
	}
	return file.Control(c, ofd, arg32(c, 1), c.Arg(2))
}
