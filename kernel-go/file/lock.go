package file

import (
	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/kmem"
	"foreshore.dev/kernel/sched"
)

// Advisory locks: records of fcntl(2), owned by a process or (F_OFD_*) by an
// OFD, and flock(2)'s, owned by an OFD and apart from the others. An inode
// lists its locks, and leases (lease.go); those of one owner neither overlap nor,
// of one type, touch.

// LockRange is one lock to set, test or clear; End is the last byte.
type LockRange struct {
	Type       abi.FlockType
	Kind       abi.FileLockKind
	Start, End uint64
	// Table (an FdTable slot) or Ofd is the owner.
	Table abi.FdTableRef
	Ofd   abi.OfdRef
}

func sameOwner(l *abi.FileLockSlot, r *LockRange) bool {
	return l.Kind == r.Kind && l.Table == r.Table && l.Ofd == r.Ofd
}

// conflict is the first lock that stands against r, 0 when there is none.
func conflict(inode abi.InodeRef, r *LockRange) abi.FileLockRef {
	for i := kmem.Inode(inode).Live.LockHead; i != 0; i = kmem.FileLock(i).Next {
		l := kmem.FileLock(i)
		if l.Kind != r.Kind || sameOwner(l, r) || l.Start > r.End || l.End < r.Start {
			continue
		}
		if r.Type == abi.F_WRLCK || abi.FlockType(l.Type) == abi.F_WRLCK {
			return i
		}
	}
	return 0
}

// SetLock sets or (F_UNLCK) clears a lock: EAGAIN when another's stands against
// it, or with `wait` EBLOCKED, EDEADLK when waiting would never end, ENOLCK when
// there are no lock slots left.
func SetLock(c *sched.Ctx, inode abi.InodeRef, r *LockRange, wait bool) abi.Errno {
	kmem.Assert(inode != 0, "what is locked is a file")
	if r.Type != abi.F_UNLCK {
		if i := conflict(inode, r); i != 0 {
			if !wait {
				return abi.EAGAIN
			}
			if r.Table != 0 && deadlock(kmem.FileLock(i).Table, r.Table) {
				return abi.EDEADLK
			}
			b := &c.T().State.Blocked
			b.Reason, b.LockWait().Holder = abi.WaitReasonLock, kmem.FileLock(i).Table
			return sched.WaitOn(c, &kmem.Inode(inode).Live.PageWait, sched.AllEvents)
		}
	}
	return replace(inode, r)
}

// waitsFor is the owner that every thread with a descriptor table waits for in
// SetLock, 0 when one of them may go on and let go of locks.
func waitsFor(table abi.FdTableRef) abi.FdTableRef {
	owner := abi.FdTableRef(0)
	for p := kmem.Header().InitProcess; p != 0; p = kmem.Process(p).Live.NextProcess {
		if kmem.Process(p).State.FdTable != table {
			continue
		}
		for t := kmem.Process(p).Live.ThreadHead; t != 0; t = kmem.Thread(t).Live.NextInProcess {
			s := &kmem.Thread(t).State
			if s.LoadRunState() != abi.ThreadRunStateBlocked || s.Blocked.Reason != abi.WaitReasonLock {
				return 0
			}
			owner = s.Blocked.LockWait().Holder
		}
	}
	return owner
}

// deadlock says whether the holder of a lock waits itself, perhaps through
// others, for a lock of `self` (fcntl(2), EDEADLK).
func deadlock(holder, self abi.FdTableRef) bool {
	for range 64 {
		if holder == 0 || holder == self {
			return holder == self
		}
		holder = waitsFor(holder)
	}
	return false
}

// replace cuts r out of its owner's locks and puts it in, joined with its
// neighbours of the same type.
func replace(inode abi.InodeRef, r *LockRange) abi.Errno {
	in := kmem.Inode(inode)
	// At most two new locks are needed: r itself, and the tail of one that is
	// cut in two. Take them first, so that nothing is left half done.
	spare := [2]abi.FileLockRef{kmem.Alloc[abi.FileLockRef](), kmem.Alloc[abi.FileLockRef]()}
	if spare[1] == 0 {
		if spare[0] != 0 {
			kmem.Free(spare[0])
		}
		return abi.ENOLCK
	}
	used := 0
	start, end := r.Start, r.End
	for w := &in.Live.LockHead; *w != 0; {
		i := *w
		l := kmem.FileLock(i)
		if !sameOwner(l, r) {
			w = &l.Next
			continue
		}
		if r.Type != abi.F_UNLCK && abi.FlockType(l.Type) == r.Type && l.Start <= grow(end) && grow(l.End) >= start {
			start, end = min(start, l.Start), max(end, l.End)
			*w = l.Next
			kmem.Free(i)
			continue
		}
		if l.Start > r.End || l.End < r.Start {
			w = &l.Next
			continue
		}
		switch {
		case l.Start < r.Start && l.End > r.End:
			tail := kmem.FileLock(spare[used])
			tail.Inode, tail.Table, tail.Ofd, tail.Type, tail.Kind = inode, l.Table, l.Ofd, l.Type, l.Kind
			tail.Start, tail.End, tail.Next = r.End+1, l.End, l.Next
			l.End, l.Next = r.Start-1, spare[used]
			used++
			w = &tail.Next
		case l.Start < r.Start:
			l.End = r.Start - 1
			w = &l.Next
		case l.End > r.End:
			l.Start = r.End + 1
			w = &l.Next
		default:
			*w = l.Next
			kmem.Free(i)
		}
	}
	if r.Type != abi.F_UNLCK {
		l := kmem.FileLock(spare[used])
		l.Inode, l.Table, l.Ofd, l.Type, l.Kind = inode, r.Table, r.Ofd, uint32(r.Type), r.Kind
		l.Start, l.End = start, end
		w := &in.Live.LockHead
		for *w != 0 && kmem.FileLock(*w).Start <= start {
			w = &kmem.FileLock(*w).Next
		}
		l.Next = *w
		*w = spare[used]
		used++
	}
	for ; used < 2; used++ {
		kmem.Free(spare[used])
	}
	sched.WakeAll(&in.Live.PageWait)
	return abi.OK
}

// grow is the byte behind an end, without wrapping at the last.
func grow(end uint64) uint64 {
	if end == ^uint64(0) {
		return end
	}
	return end + 1
}

// TestLock looks for a lock that stands against r, for F_GETLK: it describes
// that in r, or sets the type to F_UNLCK. It returns the holder's pid, -1 for
// a lock of an OFD.
func TestLock(inode abi.InodeRef, r *LockRange) int32 {
	i := conflict(inode, r)
	if i == 0 {
		r.Type = abi.F_UNLCK
		return 0
	}
	l := kmem.FileLock(i)
	r.Type, r.Start, r.End = abi.FlockType(l.Type), l.Start, l.End
	for p := kmem.Header().InitProcess; p != 0 && l.Table != 0; p = kmem.Process(p).Live.NextProcess {
		if kmem.Process(p).State.FdTable == l.Table {
			return int32(kmem.Process(p).State.Pid)
		}
	}
	return -1
}

// drop removes the locks of an inode that belong to a table, or to an OFD.
func drop(inode abi.InodeRef, table abi.FdTableRef, ofd abi.OfdRef) {
	in := kmem.Inode(inode)
	found := false
	for w := &in.Live.LockHead; *w != 0; {
		i := *w
		l := kmem.FileLock(i)
		if l.Table == table && l.Ofd == ofd {
			*w = l.Next
			kmem.Free(i)
			found = true
		} else {
			w = &l.Next
		}
	}
	if found {
		sched.WakeAll(&in.Live.PageWait)
	}
}

// Unlock drops the locks of a file that belong to a descriptor table: any
// of its descriptors of that file is closed (fcntl(2), "advisory record
// locking").
func Unlock(table abi.FdTableRef, inode abi.InodeRef) {
	if inode != 0 && kmem.Inode(inode).Live.LockHead != 0 {
		drop(inode, table, 0)
	}
}

func unlockOfd(i abi.OfdRef) {
	inode := kmem.Ofd(i).State.Inode
	if kmem.Inode(inode).Live.LockHead != 0 {
		drop(inode, 0, i)
	}
}
