package proc

import (
	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/kmem"
	"foreshore.dev/kernel/sched"
)

// Process groups. The processes whose groups' ids have the same hash are in one
// list, zombies among them until they are reaped; a group has no record of its own.

func groupBucket(pgid uint32) *abi.ProcessRef {
	return kmem.Word[abi.ProcessRef](kmem.Areas.GroupBuckets + pgid&(kmem.Areas.GroupBucketCount-1)*4)
}

// joinGroup moves a process to a group.
func joinGroup(i abi.ProcessRef, pgid uint32) {
	leaveGroup(i)
	p := kmem.Process(i)
	p.State.Pgid, p.Live.GroupNext, p.Live.GroupPrev = pgid, 0, 0
	head := *groupBucket(pgid)
	if p.Live.GroupNext = head; head != 0 {
		kmem.Process(head).Live.GroupPrev = i
	}
	*groupBucket(pgid) = i
}

// leaveGroup takes a process out of its group's list, if it is in one. It keeps the
// group's id: readers outside the kernel see it until the slot is freed.
func leaveGroup(i abi.ProcessRef) {
	p := kmem.Process(i)
	old := p.State.Pgid
	if old == 0 {
		return
	}
	if p.Live.GroupPrev != 0 {
		kmem.Process(p.Live.GroupPrev).Live.GroupNext = p.Live.GroupNext
	} else {
		kmem.Assert(*groupBucket(old) == i, "a process without one before it is the first of its list of groups")
		*groupBucket(old) = p.Live.GroupNext
	}
	if p.Live.GroupNext != 0 {
		kmem.Process(p.Live.GroupNext).Live.GroupPrev = p.Live.GroupPrev
	}
}

// firstOf is the first process of a group, nextOf the next one behind i; 0 at the end.
func firstOf(pgid uint32) abi.ProcessRef {
	return memberFrom(*groupBucket(pgid), pgid)
}

func nextOf(i abi.ProcessRef, pgid uint32) abi.ProcessRef {
	return memberFrom(kmem.Process(i).Live.GroupNext, pgid)
}

func memberFrom(i abi.ProcessRef, pgid uint32) abi.ProcessRef {
	for i != 0 && kmem.Process(i).State.Pgid != pgid {
		i = kmem.Process(i).Live.GroupNext
	}
	return i
}

// GroupExists says whether a process is in a group.
func GroupExists(pgid uint32) bool { return firstOf(pgid) != 0 }

func groupInSession(pgid, sid uint32) bool {
	for i := firstOf(pgid); i != 0; i = nextOf(i, pgid) {
		if kmem.Process(i).State.Sid == sid {
			return true
		}
	}
	return false
}

// SetGroup is setpgid(2): pgid 0 means the process's own id.
func SetGroup(c *sched.Ctx, process abi.ProcessRef, pgid uint32) abi.Errno {
	p := kmem.Process(process)
	if process != c.Process {
		if p.State.Parent != c.Process {
			return abi.ESRCH
		}
		if p.State.Sid != c.P().State.Sid {
			return abi.EPERM
		}
		if p.State.Flags&abi.ProcessFlagForkNoExec == 0 {
			return abi.EACCES
		}
	}
	if p.State.Sid == p.State.Pid {
		return abi.EPERM
	}
	if pgid == 0 {
		pgid = p.State.Pid
	}
	if pgid != p.State.Pid && !groupInSession(pgid, c.P().State.Sid) {
		return abi.EPERM
	}
	joinGroup(process, pgid)
	return abi.OK
}

// SetSession is setsid(2).
func SetSession(c *sched.Ctx) (uint64, abi.Errno) {
	s := &c.P().State
	if s.Sid == s.Pid || GroupExists(s.Pid) {
		return 0, abi.EPERM
	}
	joinGroup(c.Process, s.Pid)
	s.Sid, s.Tty = s.Pid, 0
	return uint64(s.Pid), abi.OK
}

// SendGroup sends a signal to every member of a process group; ESRCH when it
// has none.
func SendGroup(c *sched.Ctx, pgid uint32, s *Sig) abi.Errno {
	i := firstOf(pgid)
	if i == 0 {
		return abi.ESRCH
	}
	for i != 0 {
		next := nextOf(i, pgid)
		_ = SendQueued(c, i, s)
		i = next
	}
	return abi.OK
}
