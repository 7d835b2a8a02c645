package syscalls

import (
	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/kmem"
	"foreshore.dev/kernel/mm"
	"foreshore.dev/kernel/proc"
	"foreshore.dev/kernel/sched"
)

const futexAny = uint32(abi.FUTEX_BITSET_MATCH_ANY)

func sysFutex(c *sched.Ctx) (uint64, abi.Errno) {
	op := abi.FutexOp(arg32(c, 1))
	private := op&abi.FUTEX_PRIVATE_FLAG != 0
	realtime := op&abi.FUTEX_CLOCK_REALTIME != 0
	cmd := op &^ (abi.FUTEX_PRIVATE_FLAG | abi.FUTEX_CLOCK_REALTIME)
	deadline := forever
	switch cmd {
	case abi.FUTEX_WAIT, abi.FUTEX_WAIT_BITSET, abi.FUTEX_WAIT_REQUEUE_PI, abi.FUTEX_LOCK_PI, abi.FUTEX_LOCK_PI2:
		if realtime && (cmd == abi.FUTEX_WAIT || cmd == abi.FUTEX_LOCK_PI) {
			return 0, abi.ENOSYS
		}
		var e abi.Errno
		if deadline, e = futexDeadline(c, cmd != abi.FUTEX_WAIT, realtime || cmd == abi.FUTEX_LOCK_PI); e != abi.OK {
			return 0, e
		}
	default:
		if realtime {
			return 0, abi.ENOSYS
		}
	}
	val, limit, val3 := arg32(c, 2), arg32(c, 3), arg32(c, 5)
	word := proc.FutexWord{Va: c.Arg(0), Private: private}
	pair := proc.FutexPair{First: word, Second: proc.FutexWord{Va: c.Arg(4), Private: private}, Wake: val, Limit: limit, Value: val3}
	sleep := proc.FutexSleep{Expect: val, Bitset: futexAny, DeadlineNs: deadline}
	switch cmd {
	case abi.FUTEX_WAIT:
		return proc.FutexWait(c, word, sleep)
	case abi.FUTEX_WAIT_BITSET:
		sleep.Bitset = val3
		return proc.FutexWait(c, word, sleep)
	case abi.FUTEX_WAKE:
		return proc.FutexWake(c, word, max(val, 1), futexAny)
	case abi.FUTEX_WAKE_BITSET:
		return proc.FutexWake(c, word, max(val, 1), val3)
	case abi.FUTEX_WAKE_OP:
		return proc.FutexWakeOp(c, &pair)
	case abi.FUTEX_REQUEUE, abi.FUTEX_CMP_REQUEUE, abi.FUTEX_CMP_REQUEUE_PI:
		if int32(val) < 0 || int32(limit) < 0 {
			return 0, abi.EINVAL
		}
		if cmd == abi.FUTEX_CMP_REQUEUE_PI {
			return proc.FutexRequeuePi(c, &pair)
		}
		return proc.FutexRequeue(c, &pair, cmd == abi.FUTEX_CMP_REQUEUE)
	case abi.FUTEX_WAIT_REQUEUE_PI:
		return proc.FutexWaitRequeuePi(c, &pair, sleep)
	case abi.FUTEX_LOCK_PI, abi.FUTEX_LOCK_PI2:
		return proc.FutexLockPi(c, word, false, deadline)
	case abi.FUTEX_TRYLOCK_PI:
		return proc.FutexLockPi(c, word, true, forever)
	case abi.FUTEX_UNLOCK_PI:
		return proc.FutexUnlockPi(c, word)
	}
	return 0, abi.ENOSYS
}

// futexDeadline is the monotonic deadline of a wait: relative for FUTEX_WAIT,
// absolute for the others. A second attempt keeps the first's.
func futexDeadline(c *sched.Ctx, absolute, realtime bool) (uint64, abi.Errno) {
	b := &c.T().State.Blocked
	if b.DeadlineNs != forever || c.Arg(3) == 0 {
		return b.DeadlineNs, abi.OK
	}
	ns, e := timespecIn(c, c.Arg(3))
	if e != abi.OK {
		return 0, e
	}
	now := sched.NowNs()
	switch {
	case !absolute:
		b.DeadlineNs = addNs(now, ns)
	case realtime:
		b.DeadlineNs = now
		if real := sched.RealNs(); ns > real {
			b.DeadlineNs = addNs(now, ns-real)
		}
	default:
		b.DeadlineNs = ns
	}
	return b.DeadlineNs, abi.OK
}

func sysSetRobustList(c *sched.Ctx) (uint64, abi.Errno) {
	if c.Arg(1) != abi.RobustListHeadSize {
		return 0, abi.EINVAL
	}
	c.T().State.RobustList = c.Arg(0)
	return 0, abi.OK
}

func sysGetRobustList(c *sched.Ctx) (uint64, abi.Errno) {
	t := c.Thread
	if tid := uint32(c.Arg(0)); tid != 0 {
		if t = proc.FindThread(tid); t == 0 {
			return 0, abi.ESRCH
		}
		if !sameUser(c, kmem.Thread(t).State.Process) {
			return 0, abi.EPERM
		}
	}
	kmem.Store64(c.Page, kmem.Thread(t).State.RobustList)
	if e := mm.CopyOut(c, c.Arg(1), c.InPage(8)); e != abi.OK {
		return 0, e
	}
	kmem.Store64(c.Page, abi.RobustListHeadSize)
	return 0, mm.CopyOut(c, c.Arg(2), c.InPage(8))
}

// rseq(2) is declined the way kernels without it do; libc then goes without.
func sysRseq(*sched.Ctx) (uint64, abi.Errno) { return 0, abi.ENOSYS }

// membarrier(2): every change of address space and every system call is a full
// fence here, and other harts are called out of guest code.
func sysMembarrier(c *sched.Ctx) (uint64, abi.Errno) {
	if c.Arg(1) != 0 {
		return 0, abi.EINVAL
	}
	supported := uint64(abi.MEMBARRIER_CMD_GLOBAL | abi.MEMBARRIER_CMD_PRIVATE_EXPEDITED | abi.MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED)
	switch abi.MembarrierCmd(c.Arg(0)) {
	case abi.MEMBARRIER_CMD_QUERY:
		return supported, abi.OK
	case abi.MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED:
		return 0, abi.OK
	case abi.MEMBARRIER_CMD_GLOBAL:
		sched.StopAll(c.Hart)
		return 0, abi.OK
	case abi.MEMBARRIER_CMD_PRIVATE_EXPEDITED:
		sched.Shootdown(c.Hart, c.As)
		return 0, abi.OK
	}
	return 0, abi.EINVAL
}
