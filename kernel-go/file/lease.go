package file

import (
	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/cred"
	"foreshore.dev/kernel/kmem"
	"foreshore.dev/kernel/sched"
	"foreshore.dev/kernel/vfs"
)

// Leases (fcntl(2), F_SETLEASE). Whoever opens or truncates a leased file in a
// way that the lease forbids sends its holder a signal, and waits until the
// lease is given up, or its time is over.

// leaseBreakNs is how long a holder may take (/proc/sys/fs/lease-break-time).
const leaseBreakNs = vfs.LeaseBreakSeconds * 1_000_000_000

// leaseOf is the place of an OFD's lease in its inode's list, nil without one.
func leaseOf(inode abi.InodeRef, ofd abi.OfdRef) *abi.FileLockRef {
	for w := &kmem.Inode(inode).Live.LockHead; *w != 0; w = &kmem.FileLock(*w).Next {
		if l := kmem.FileLock(*w); l.Kind == abi.FileLockKindLease && l.Ofd == ofd {
			return w
		}
	}
	return nil
}

// becomes makes a lease one of another type; F_UNLCK ends it.
func becomes(w *abi.FileLockRef, kind abi.FlockType) {
	i := *w
	l := kmem.FileLock(i)
	inode := l.Inode
	if kind == abi.F_UNLCK {
		*w = l.Next
		kmem.Free(i)
	} else {
		l.Type = uint32(kind)
		if l.BreakTo == uint32(kind)+1 {
			l.BreakTo = 0
		}
	}
	sched.WakeAll(&kmem.Inode(inode).Live.PageWait)
}

// expire takes away leases whose holders have had their time.
func expire(inode abi.InodeRef) {
	now := sched.NowNs()
	for w := &kmem.Inode(inode).Live.LockHead; *w != 0; {
		i := *w
		l := kmem.FileLock(i)
		if l.Kind == abi.FileLockKindLease && l.BreakTo != 0 && l.BreakAtNs <= now {
			becomes(w, abi.FlockType(l.BreakTo-1))
		}
		if *w == i {
			w = &l.Next
		}
	}
}

// Lease is F_GETLEASE: the type of an OFD's lease, or what it is to become.
func Lease(i abi.OfdRef) abi.FlockType {
	inode := kmem.Ofd(i).State.Inode
	if inode == 0 {
		return abi.F_UNLCK
	}
	expire(inode)
	w := leaseOf(inode, i)
	switch {
	case w == nil:
		return abi.F_UNLCK
	case kmem.FileLock(*w).BreakTo != 0:
		return abi.FlockType(kmem.FileLock(*w).BreakTo - 1)
	}
	return abi.FlockType(kmem.FileLock(*w).Type)
}

// SetLease is F_SETLEASE through descriptor fd: EAGAIN when the file is open in
// a way that the lease would forbid, another lease stands against it, or (F_UNLCK)
// there is none; EACCES for who neither owns the file nor has CAP_LEASE; EINVAL
// for what is no regular file.
func SetLease(c *sched.Ctx, i abi.OfdRef, fd uint32, kind abi.FlockType) abi.Errno {
	o := kmem.Ofd(i)
	inode := o.State.Inode
	if kind == abi.F_UNLCK {
		if inode != 0 {
			if w := leaseOf(inode, i); w != nil {
				becomes(w, kind)
				return abi.OK
			}
		}
		return abi.EAGAIN
	}
	if kind != abi.F_RDLCK && kind != abi.F_WRLCK || !regular(o) {
		return abi.EINVAL
	}
	if kmem.Inode(inode).State.Uid != c.P().State.Fsuid && !cred.Has(c, abi.CAP_LEASE) {
		return abi.EACCES
	}
	expire(inode)
	if opened(inode, i, kind) {
		return abi.EAGAIN
	}
	own := (*abi.FileLockRef)(nil)
	for w := &kmem.Inode(inode).Live.LockHead; *w != 0; w = &kmem.FileLock(*w).Next {
		l := kmem.FileLock(*w)
		if l.Kind != abi.FileLockKindLease {
			continue
		}
		// What is being broken is wanted by who waits for it.
		if l.BreakTo == uint32(abi.F_UNLCK)+1 || l.BreakTo != 0 && kind == abi.F_WRLCK {
			return abi.EAGAIN
		}
		if l.Ofd == i {
			own = w
		} else if kind == abi.F_WRLCK {
			return abi.EAGAIN
		}
	}
	if own != nil {
		becomes(own, kind)
	} else {
		r := LockRange{Type: kind, Kind: abi.FileLockKindLease, End: ^uint64(0), Ofd: i}
		if e := replace(inode, &r); e != abi.OK {
			return e
		}
	}
	o.Live.AsyncFd = fd
	if o.State.OwnerPid == 0 {
		SetOwner(c, i, int32(c.P().State.Pid), false)
	}
	return abi.OK
}

// opened says whether a file is open in a way that a lease of a type on OFD i
// would forbid: for writing, or with F_WRLCK at all, through another OFD.
func opened(inode abi.InodeRef, i abi.OfdRef, kind abi.FlockType) bool {
	if kind == abi.F_RDLCK {
		return Written(inode)
	}
	t := kmem.Table(abi.SlotKindOfd)
	for k := abi.OfdRef(1); k < abi.OfdRef(t.HighWater.Load()); k++ {
		if k == i || !kmem.InUse(k) {
			continue
		}
		if o := kmem.Ofd(k); regular(o) && o.State.Inode == inode {
			return true
		}
	}
	return false
}

// BreakLeases is asked before a regular file is opened with `flags`, or truncated
// by name (O_WRONLY; O_TRUNC alone does not count, Linux fs/open.c): EBLOCKED
// while a holder has time to give its lease up, EAGAIN instead with O_NONBLOCK.
// The host's requests tell the holder and wait for nobody.
func BreakLeases(c *sched.Ctx, inode abi.InodeRef, flags abi.OpenFlag) abi.Errno {
	expire(inode)
	to, at := abi.F_RDLCK, ^uint64(0)
	if vfs.Writable(flags) {
		to = abi.F_UNLCK
	}
	for i := kmem.Inode(inode).Live.LockHead; i != 0; i = kmem.FileLock(i).Next {
		l := kmem.FileLock(i)
		if l.Kind != abi.FileLockKindLease || to == abi.F_RDLCK && abi.FlockType(l.Type) == abi.F_RDLCK {
			continue
		}
		if l.BreakTo == 0 || to == abi.F_UNLCK && l.BreakTo != uint32(to)+1 {
			l.BreakTo, l.BreakAtNs = uint32(to)+1, sched.NowNs()+leaseBreakNs
			SendSigio(l.Ofd, abi.POLLMSG)
		}
		at = min(at, l.BreakAtNs)
	}
	switch {
	case at == ^uint64(0) || c.Thread == 0:
		return abi.OK
	case flags&abi.O_NONBLOCK != 0:
		return abi.EAGAIN
	}
	c.T().State.Blocked.Reason = abi.WaitReasonLock
	sched.SetDeadline(c, at)
	return sched.WaitOn(c, &kmem.Inode(inode).Live.PageWait, sched.AllEvents)
}
