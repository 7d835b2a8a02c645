package syscalls

import (
	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/cred"
	"foreshore.dev/kernel/kmem"
	"foreshore.dev/kernel/mm"
	"foreshore.dev/kernel/proc"
	"foreshore.dev/kernel/sched"
)

// Scheduling policies, priorities and affinity (sched(7)). What they do is
// sched's; SCHED_DEADLINE is not there (EINVAL).

// threadOf is the thread that a pid argument names, 0 the caller: EINVAL for a
// negative one, ESRCH where there is none.
func threadOf(c *sched.Ctx, pid int32) (abi.ThreadRef, abi.Errno) {
	switch {
	case pid == 0:
		return c.Thread, abi.OK
	case pid < 0:
		return 0, abi.EINVAL
	}
	i := proc.FindThread(uint32(pid))
	if i == 0 || kmem.Thread(i).State.LoadRunState() == abi.ThreadRunStateExited {
		return 0, abi.ESRCH
	}
	return i, abi.OK
}

// ownsThread says whether the caller may change how a thread is scheduled: it is
// the caller's user's, or the caller has CAP_SYS_NICE.
func ownsThread(c *sched.Ctx, thread abi.ThreadRef) bool {
	s, euid := &kmem.Process(kmem.Thread(thread).State.Process).State, c.P().State.Euid
	return cred.Has(c, abi.CAP_SYS_NICE) || s.Uid == euid || s.Euid == euid
}

// priorityRange is which priorities a policy has: EINVAL for one that is not there.
func priorityRange(policy abi.SchedPolicy) (least, most uint32, e abi.Errno) {
	switch policy {
	case abi.SCHED_FIFO, abi.SCHED_RR:
		return 1, 99, abi.OK
	case abi.SCHED_OTHER, abi.SCHED_BATCH, abi.SCHED_IDLE:
		return 0, 0, abi.OK
	}
	return 0, 0, abi.EINVAL
}

// setPolicy is sched_setscheduler(2) of a thread; policy may hold
// SCHED_RESET_ON_FORK.
func setPolicy(c *sched.Ctx, thread abi.ThreadRef, policy abi.SchedPolicy, priority uint32) abi.Errno {

	kind := abi.SchedPolicy(policy &^ abi.SCHED_RESET_ON_FORK)
	least, most, e := priorityRange(kind)
	if e != abi.OK || priority < least || priority > most {
		return abi.EINVAL
	}
	t := kmem.Thread(thread)
	if !cred.Has(c, abi.CAP_SYS_NICE) {
		if !ownsThread(c, thread) {
			return abi.EPERM
		}
		limit := c.P().State.Rlimits[abi.RLIMIT_RTPRIO].Cur
		realTime := kind == abi.SCHED_FIFO || kind == abi.SCHED_RR
		lowers := sched.PolicyOf(t) == kind && priority <= t.State.Priority
		if realTime && uint64(priority) > limit && !lowers || t.State.Policy&abi.SCHED_RESET_ON_FORK != 0 && policy&abi.SCHED_RESET_ON_FORK == 0 {
			return abi.EPERM
		}
	}
	sched.SetPolicy(thread, policy, priority)
	return abi.OK
}

// priorityIn reads the struct sched_param of argument i: one int.
func priorityIn(c *sched.Ctx, i int) (uint32, abi.Errno) {
	if c.Arg(i) == 0 {
		return 0, abi.EINVAL
	}
	if e := mm.CopyIn(c, c.InPage(4), c.Arg(i)); e != abi.OK {
		return 0, e
	}
	return kmem.Load32(c.Page), abi.OK
}

func sysSchedSetscheduler(c *sched.Ctx) (uint64, abi.Errno) {
	if int32(arg32(c, 1)) < 0 {
		return 0, abi.EINVAL
	}
	priority, e := priorityIn(c, 2)
	if e != abi.OK {
		return 0, e
	}
	t, e := threadOf(c, int32(c.Arg(0)))
	if e != abi.OK {
		return 0, e
	}
	return 0, setPolicy(c, t, abi.SchedPolicy(arg32(c, 1)), priority)
}

func sysSchedSetparam(c *sched.Ctx) (uint64, abi.Errno) {
	priority, e := priorityIn(c, 1)
	if e != abi.OK {
		return 0, e
	}
	t, e := threadOf(c, int32(c.Arg(0)))
	if e != abi.OK {
		return 0, e
	}
	return 0, setPolicy(c, t, kmem.Thread(t).State.Policy, priority)
}

func sysSchedGetscheduler(c *sched.Ctx) (uint64, abi.Errno) {
	t, e := threadOf(c, int32(c.Arg(0)))
	if e != abi.OK {
		return 0, e
	}
	return uint64(kmem.Thread(t).State.Policy), abi.OK
}

func sysSchedGetparam(c *sched.Ctx) (uint64, abi.Errno) {
	if c.Arg(1) == 0 {
		return 0, abi.EINVAL
	}
	t, e := threadOf(c, int32(c.Arg(0)))
	if e != abi.OK {
		return 0, e
	}
	kmem.Store32(c.Page, kmem.Thread(t).State.Priority)
	return 0, mm.CopyOut(c, c.Arg(1), c.InPage(4))
}

func sysSchedGetPriorityMax(c *sched.Ctx) (uint64, abi.Errno) {
	_, most, e := priorityRange(abi.SchedPolicy(arg32(c, 0)))
	return uint64(most), deadlineHasNone(c, e)
}

func sysSchedGetPriorityMin(c *sched.Ctx) (uint64, abi.Errno) {
	least, _, e := priorityRange(abi.SchedPolicy(arg32(c, 0)))
	return uint64(least), deadlineHasNone(c, e)
}

// deadlineHasNone: SCHED_DEADLINE's range is 0 to 0 also where it is not there.
func deadlineHasNone(c *sched.Ctx, e abi.Errno) abi.Errno {
	if abi.SchedPolicy(arg32(c, 0)) == abi.SCHED_DEADLINE {
		return abi.OK
	}
	return e
}

// sched_rr_get_interval(2): Linux's 100 ms for SCHED_RR and none for SCHED_FIFO
// are what programs expect; slices here are counted in instructions.
func sysSchedRrGetInterval(c *sched.Ctx) (uint64, abi.Errno) {
	t, e := threadOf(c, int32(c.Arg(0)))
	if e != abi.OK {
		return 0, e
	}
	const roundRobinNs, othersNs = 100_000_000, 4_000_000
	ns := uint64(othersNs)
	switch sched.PolicyOf(kmem.Thread(t)) {
	case abi.SCHED_RR:
		ns = roundRobinNs
	case abi.SCHED_FIFO:
		ns = 0
	}
	return 0, timespecOut(c, c.Arg(1), ns)
}

// attrFirst is the size of the first struct sched_attr.
const attrFirst = 48

func sysSchedSetattr(c *sched.Ctx) (uint64, abi.Errno) {
	va := c.Arg(1)
	if va == 0 || int32(c.Arg(0)) < 0 || arg32(c, 2) != 0 {
		return 0, abi.EINVAL
	}
	size, e := mm.Load32(c, va)
	if e != abi.OK {
		return 0, e
	}
	if size == 0 {
		size = attrFirst
	}
	if size < attrFirst || size > kmem.PageSize {
		return 0, tooBigAttr(c, va)
	}
	kmem.Zero(c.Page, abi.SchedAttrSize)
	if e := mm.CopyIn(c, c.InPage(size), va); e != abi.OK {
		return 0, e
	}
	for _, b := range kmem.Bytes(c.Page+min(size, abi.SchedAttrSize), size-min(size, abi.SchedAttrSize)) {
		if b != 0 {
			return 0, tooBigAttr(c, va)
		}
	}
	a := *(*abi.SchedAttr)(kmem.Ptr(c.Page))
	const known = abi.SCHED_FLAG_RESET_ON_FORK | abi.SCHED_FLAG_KEEP_POLICY | abi.SCHED_FLAG_KEEP_PARAMS
	if a.Flags&^uint64(known) != 0 || int32(a.Policy) < 0 {
		return 0, abi.EINVAL
	}
	t, e := threadOf(c, int32(c.Arg(0)))
	if e != abi.OK {
		return 0, e
	}
	return 0, setAttr(c, t, &a)
}

// tooBigAttr is E2BIG, and tells the caller what size this kernel knows.
func tooBigAttr(c *sched.Ctx, va uint64) abi.Errno {
	if e := mm.Store32(c, va, abi.SchedAttrSize); e != abi.OK {
		return e
	}
	return abi.E2BIG
}

func setAttr(c *sched.Ctx, thread abi.ThreadRef, a *abi.SchedAttr) abi.Errno {
	s := &kmem.Thread(thread).State
	policy, priority, nice := a.Policy, a.Priority, a.Nice
	if _, _, e := priorityRange(policy); e != abi.OK {
		return e
	}
	if a.Flags&uint64(abi.SCHED_FLAG_KEEP_POLICY) != 0 {
		policy = s.Policy
	} else if a.Flags&uint64(abi.SCHED_FLAG_RESET_ON_FORK) != 0 {
		policy |= abi.SCHED_RESET_ON_FORK
	}
	if a.Flags&uint64(abi.SCHED_FLAG_KEEP_PARAMS) != 0 {
		// Linux then leaves the policy alone as well.
		policy, priority, nice = s.Policy, s.Priority, s.Nice
	}
	nice = min(max(nice, -20), 19)
	switch policy &^ abi.SCHED_RESET_ON_FORK {
	case abi.SCHED_OTHER, abi.SCHED_BATCH:
		if nice != s.Nice {
			if e := mayRenice(c, thread, nice); e != abi.OK {
				return e
			}
		}
	default:
		nice = s.Nice
	}
	if e := setPolicy(c, thread, policy, priority); e != abi.OK {
		return e
	}
	proc.SetNice(thread, nice)
	return abi.OK
}

func sysSchedGetattr(c *sched.Ctx) (uint64, abi.Errno) {
	size := arg32(c, 2)
	if c.Arg(1) == 0 || int32(c.Arg(0)) < 0 || size < attrFirst || size > kmem.PageSize || arg32(c, 3) != 0 {
		return 0, abi.EINVAL
	}
	t, e := threadOf(c, int32(c.Arg(0)))
	if e != abi.OK {
		return 0, e
	}
	s := &kmem.Thread(t).State
	a := (*abi.SchedAttr)(kmem.Ptr(c.Page))
	*a = abi.SchedAttr{Size: min(size, abi.SchedAttrSize), Policy: sched.PolicyOf(kmem.Thread(t)), Nice: s.Nice, Priority: s.Priority, UtilMax: 1024}
	if s.Policy&abi.SCHED_RESET_ON_FORK != 0 {
		a.Flags = uint64(abi.SCHED_FLAG_RESET_ON_FORK)
	}
	if sched.RealTime(kmem.Thread(t)) {
		a.Nice = 0
	}
	return 0, mm.CopyOut(c, c.Arg(1), c.InPage(a.Size))
}

func sysSchedGetaffinity(c *sched.Ctx) (uint64, abi.Errno) {
	if c.Arg(1) < 8 || c.Arg(1)&7 != 0 {
		return 0, abi.EINVAL
	}
	t, e := threadOf(c, int32(c.Arg(0)))
	if e != abi.OK {
		return 0, e
	}
	kmem.Store64(c.Page, sched.AffinityOf(t))
	return 8, mm.CopyOut(c, c.Arg(2), c.InPage(8))
}

func sysSchedSetaffinity(c *sched.Ctx) (uint64, abi.Errno) {
	kmem.Store64(c.Page, 0)
	if e := mm.CopyIn(c, c.InPage(uint32(min(c.Arg(1), 8))), c.Arg(2)); e != abi.OK {
		return 0, e
	}
	mask := kmem.Load64(c.Page)
	t, e := threadOf(c, int32(c.Arg(0)))
	if e != abi.OK {
		return 0, e
	}
	if !ownsThread(c, t) {
		return 0, abi.EPERM
	}
	if !sched.SetAffinity(t, mask) {
		return 0, abi.EINVAL
	}
	return 0, abi.OK
}

// sched_yield(2) is made when the call returns: see the hart's loop.
func sysSchedYield(c *sched.Ctx) (uint64, abi.Errno) {
	c.T().State.Flags |= abi.ThreadFlagYields
	return 0, abi.OK
}
