package syscalls

import (
	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/file"
	"foreshore.dev/kernel/kmem"
	"foreshore.dev/kernel/mm"
	"foreshore.dev/kernel/proc"
	"foreshore.dev/kernel/sched"
)

// Who hears of what a descriptor can do (fcntl(2), "Managing signals").

// setFlags is F_SETFL: O_ASYNC begins or ends with its bit.
func setFlags(c *sched.Ctx, fd int32, ofd abi.OfdRef, flags abi.OpenFlag) abi.Errno {

	if (kmem.Ofd(ofd).State.Flags^flags)&abi.O_ASYNC != 0 {
		if e := file.SetAsync(c, ofd, uint32(fd), flags&abi.O_ASYNC != 0); e != abi.OK && e != abi.ENOTTY {
			return e
		}
	}
	return file.SetStatusFlags(c, ofd, flags)
}

// setAsync is FIOASYNC.
func setAsync(c *sched.Ctx, fd int32, ofd abi.OfdRef) abi.Errno {
	on, e := mm.Load32(c, c.Arg(2))
	if e != abi.OK {
		return e
	}
	flags := kmem.Ofd(ofd).State.Flags &^ abi.O_ASYNC
	if on != 0 {
		flags |= abi.O_ASYNC
	}
	if flags == kmem.Ofd(ofd).State.Flags {
		return abi.OK
	}
	if e := file.SetAsync(c, ofd, uint32(fd), on != 0); e != abi.OK {
		return e
	}
	return file.SetStatusFlags(c, ofd, flags)
}

// ownerExists says whether a process, thread or group goes by an id.
func ownerExists(kind abi.FileOwner, id uint32) bool {
	if kind == abi.F_OWNER_PGRP {
		return proc.GroupExists(id)
	}
	return proc.FindThread(id) != 0
}

// setOwner is F_SETOWN and F_SETOWN_EX; id 0 is nobody.
func setOwner(c *sched.Ctx, ofd abi.OfdRef, kind abi.FileOwner, id int32) (uint64, abi.Errno) {
	if id != 0 && (id < 0 || !ownerExists(kind, uint32(id))) {
		return 0, abi.ESRCH
	}
	if kind == abi.F_OWNER_PGRP {
		id = -id
	}
	file.SetOwner(c, ofd, id, kind == abi.F_OWNER_TID && id != 0)
	return 0, abi.OK
}

// ownerOf is the owner, 0 when it is gone.
func ownerOf(ofd abi.OfdRef) (kind abi.FileOwner, id int32) {
	o := kmem.Ofd(ofd)
	kind, id = abi.F_OWNER_PID, o.State.OwnerPid
	switch {
	case o.Live.OwnerIsThread != 0:
		kind = abi.F_OWNER_TID
	case id < 0:
		kind, id = abi.F_OWNER_PGRP, -id
	}
	if id != 0 && !ownerExists(kind, uint32(id)) {
		id = 0
	}
	return kind, id
}

// fcntlOwner makes the commands of fcntl(2) that are about owners; ok is false
// for others.
func fcntlOwner(c *sched.Ctx, ofd abi.OfdRef, cmd abi.FcntlCmd) (v uint64, e abi.Errno, ok bool) {
	l := &kmem.Ofd(ofd).Live
	switch cmd {
	case abi.F_SETOWN:
		id := int32(arg32(c, 2))
		if id == -1<<31 {
			return 0, abi.EINVAL, true
		}
		if id < 0 {
			v, e = setOwner(c, ofd, abi.F_OWNER_PGRP, -id)
		} else {
			v, e = setOwner(c, ofd, abi.F_OWNER_PID, id)
		}
		return v, e, true
	case abi.F_GETOWN:
		kind, id := ownerOf(ofd)
		if kind == abi.F_OWNER_PGRP {
			id = -id
		}
		return uint64(int64(id)), abi.OK, true
	case abi.F_SETOWN_EX:
		if e := mm.CopyIn(c, c.InPage(8), c.Arg(2)); e != abi.OK {
			return 0, e, true
		}
		kind := abi.FileOwner(kmem.Load32(c.Page))
		if kind > abi.F_OWNER_PGRP {
			return 0, abi.EINVAL, true
		}
		v, e = setOwner(c, ofd, kind, int32(kmem.Load32(c.Page+4)))
		return v, e, true
	case abi.F_GETOWN_EX:
		kind, id := ownerOf(ofd)
		kmem.Store32(c.Page, uint32(kind))
		kmem.Store32(c.Page+4, uint32(id))
		return 0, mm.CopyOut(c, c.Arg(2), c.InPage(8)), true
	case abi.F_SETSIG:
		if !validSignal(c.Arg(2)) {
			return 0, abi.EINVAL, true
		}
		l.AsyncSignal = abi.Signal(arg32(c, 2))
		return 0, abi.OK, true
	case abi.F_GETSIG:
		return uint64(l.AsyncSignal), abi.OK, true
	}
	return 0, abi.OK, false
}
