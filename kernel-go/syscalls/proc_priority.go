package syscalls

import (
	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/cred"
	"foreshore.dev/kernel/kmem"
	"foreshore.dev/kernel/proc"
	"foreshore.dev/kernel/sched"
)

// Nice values (setpriority(2)). A thread has its own, as on Linux.

// prioTarget is what getpriority(2)'s first two arguments name.
type prioTarget struct {
	which  abi.PrioWhich
	thread abi.ThreadRef
	id     uint32
}

// prioTargetOf reads them: EINVAL for a kind that is none, ESRCH for a thread
// that is none.
func prioTargetOf(c *sched.Ctx) (prioTarget, abi.Errno) {
	t := prioTarget{which: abi.PrioWhich(arg32(c, 0)), thread: c.Thread, id: arg32(c, 1)}
	switch t.which {
	case abi.PRIO_PROCESS:
		if t.id != 0 {
			if t.thread = proc.FindThread(t.id); t.thread == 0 {
				return t, abi.ESRCH
			}
		}
	case abi.PRIO_PGRP:
		if t.id == 0 {
			t.id = c.P().State.Pgid
		}
	case abi.PRIO_USER:
		if t.id == 0 {
			t.id = c.P().State.Uid
		}
	default:
		return t, abi.EINVAL
	}
	return t, abi.OK
}

// next is the first target behind thread `after` (0: the first of all), 0 at the end.
func (t prioTarget) next(after abi.ThreadRef) abi.ThreadRef {
	if t.which == abi.PRIO_PROCESS {
		if after == 0 {
			return t.thread
		}
		return 0
	}
	i, p := abi.ThreadRef(0), kmem.Header().InitProcess
	if after != 0 {
		p = kmem.Thread(after).State.Process
		i = kmem.Thread(after).Live.NextInProcess
		if i == 0 {
			p = kmem.Process(p).Live.NextProcess
		}
	}
	for ; i == 0 && p != 0; p = kmem.Process(p).Live.NextProcess {
		if t.matches(p) {
			i = kmem.Process(p).Live.ThreadHead
		}
	}
	return i
}

func (t prioTarget) matches(process abi.ProcessRef) bool {
	s := &kmem.Process(process).State
	if t.which == abi.PRIO_PGRP {
		return s.Pgid == t.id
	}
	return s.Uid == t.id
}

// getpriority(2) answers 20 - nice, the most favoured one of those that are meant.
func sysGetpriority(c *sched.Ctx) (uint64, abi.Errno) {
	t, e := prioTargetOf(c)
	if e != abi.OK {
		return 0, e
	}
	best := int32(0)
	for i := t.next(0); i != 0; i = t.next(i) {
		best = max(best, 20-kmem.Thread(i).State.Nice)
	}
	if best == 0 {
		return 0, abi.ESRCH
	}
	return uint64(best), abi.OK
}

func sysSetpriority(c *sched.Ctx) (uint64, abi.Errno) {
	t, e := prioTargetOf(c)
	if e != abi.OK {
		return 0, e
	}
	nice := min(max(int32(arg32(c, 2)), -20), 19)
	result := abi.ESRCH
	for i := t.next(0); i != 0; i = t.next(i) {
		if e := mayRenice(c, i, nice); e != abi.OK {
			result = e
			continue
		}
		proc.SetNice(i, nice)
		if result == abi.ESRCH {
			result = abi.OK
		}
	}
	return 0, result
}

// mayRenice: EPERM for another user's thread, EACCES to favour one beyond
// RLIMIT_NICE; root may.
func mayRenice(c *sched.Ctx, thread abi.ThreadRef, nice int32) abi.Errno {
	if !ownsThread(c, thread) {
		return abi.EPERM
	}
	t := kmem.Thread(thread)
	if !cred.Has(c, abi.CAP_SYS_NICE) && nice < t.State.Nice && uint64(20-nice) > kmem.Process(t.State.Process).State.Rlimits[abi.RLIMIT_NICE].Cur {
		return abi.EACCES
	}
	return abi.OK
}
