package syscalls

import (
	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/kmem"
	"foreshore.dev/kernel/proc"
	"foreshore.dev/kernel/sched"
)

// Nice values are a process's (Linux has one per thread) and have no effect on
// who runs.

// prioTarget is what getpriority(2)'s first two arguments name.
type prioTarget struct {
	which   abi.PrioWhich
	process uint32
	id      uint32
}

// prioTargetOf reads them: EINVAL for a kind that is none, ESRCH for a thread
// that is none.
func prioTargetOf(c *sched.Ctx) (prioTarget, abi.Errno) {
	t := prioTarget{which: abi.PrioWhich(arg32(c, 0)), process: c.Process, id: arg32(c, 1)}
	switch t.which {
	case abi.PRIO_PROCESS:
		if t.id != 0 {
			i := proc.FindThread(t.id)
			if i == 0 {
				return t, abi.ESRCH
			}
			t.process = kmem.Thread(i).State.Process
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

func (t prioTarget) matches(i uint32) bool {
	s := &kmem.Process(i).State
	switch t.which {
	case abi.PRIO_PROCESS:
		return i == t.process
	case abi.PRIO_PGRP:
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
	for i := kmem.Header().InitProcess; i != 0; i = kmem.Process(i).Live.NextProcess {
		if t.matches(i) {
			best = max(best, 20-kmem.Process(i).State.Nice)
		}
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
	for i := kmem.Header().InitProcess; i != 0; i = kmem.Process(i).Live.NextProcess {
		if !t.matches(i) {
			continue
		}
		if e := mayRenice(c, i, nice); e != abi.OK {
			result = e
			continue
		}
		kmem.Process(i).State.Nice = nice
		if result == abi.ESRCH {
			result = abi.OK
		}
	}
	return 0, result
}

// mayRenice: EPERM for another user's process, EACCES to favour one beyond
// RLIMIT_NICE; root may.
func mayRenice(c *sched.Ctx, i uint32, nice int32) abi.Errno {
	if root(c) {
		return abi.OK
	}
	s, euid := &kmem.Process(i).State, c.P().State.Euid
	if s.Uid != euid && s.Euid != euid {
		return abi.EPERM
	}
	if nice < s.Nice && uint64(20-nice) > s.Rlimits[abi.RLIMIT_NICE].Cur {
		return abi.EACCES
	}
	return abi.OK
}
