package proc

import (
	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/kmem"
)

// Users: what the processes of one real user id have together. A user's slot is
// held by its processes, zombies among them, so that there are never more
// users than processes, and a slot for each.

func userBucket(uid uint32) *abi.UserRef {
	return kmem.Word[abi.UserRef](kmem.Areas.UserBuckets + uid&(kmem.Areas.UserBucketCount-1)*4)
}

// FindUser is the user with an id, 0 for one without processes.
func FindUser(uid uint32) abi.UserRef {
	i := *userBucket(uid)
	for i != 0 && kmem.User(i).Uid != uid {
		i = kmem.User(i).Next
	}
	return i
}

// joinUser counts a process, and what is queued for it, to its real user.
func joinUser(process abi.ProcessRef) {
	p := kmem.Process(process)
	uid := p.State.Uid
	i := FindUser(uid)
	if i != 0 {
		kmem.Ref(&kmem.User(i).Header)
	} else {
		i = kmem.Alloc[abi.UserRef]()
		kmem.Assert(i != 0, "there are as many users as processes")
		u := kmem.User(i)
		u.Uid, u.Next = uid, *userBucket(uid)
		*userBucket(uid) = i
	}
	p.Live.User = i
	kmem.User(i).Queued += queuedFor(p)
}

// leaveUser ends what joinUser began, if anything.
func leaveUser(process abi.ProcessRef) {
	p := kmem.Process(process)
	i := p.Live.User
	if i == 0 {
		return
	}
	p.Live.User = 0
	u := kmem.User(i)
	u.Queued -= queuedFor(p)
	if !kmem.Unref(&u.Header) {
		return
	}
	b := userBucket(u.Uid)
	if *b == i {
		*b = u.Next
	} else {
		k := *b
		for kmem.User(k).Next != i {
			k = kmem.User(k).Next
		}
		kmem.User(k).Next = u.Next
	}
	kmem.Free(i)
}

// UserChanged is called when the real user id of a process has changed.
func UserChanged(process abi.ProcessRef) {
	p := kmem.Process(process)
	if kmem.User(p.Live.User).Uid == p.State.Uid {
		return
	}
	leaveUser(process)
	joinUser(process)
}

// queuedFor counts the signals that are queued for a process and its threads.
func queuedFor(p *abi.ProcessSlot) uint32 {
	n := p.Live.Queued
	for t := p.Live.ThreadHead; t != 0; t = kmem.Thread(t).Live.NextInProcess {
		n += kmem.Thread(t).Live.Queued
	}
	return n
}

// processesOf counts the processes of a user, for RLIMIT_NPROC.
func processesOf(uid uint32) uint64 {
	if i := FindUser(uid); i != 0 {
		return uint64(kmem.User(i).Header.Refs)
	}
	return 0
}
