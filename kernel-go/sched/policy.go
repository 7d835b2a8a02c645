package sched

import (
	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/kmem"
)

// Policies, weights and affinity of threads (sched(7)).

const (
	// maxPriority is the highest priority of SCHED_FIFO and SCHED_RR.
	maxPriority = 99
	// weightOne is the weight of nice 0, weightIdle that of SCHED_IDLE.
	weightOne, weightIdle = 1024, 3
	// Real-time threads of an owner run for at most realtimeNs of each hart's
	// periodNs while others of it wait: Linux's defaults (sched_rt_runtime_us).
	periodNs, realtimeNs = 1_000_000_000, 950_000_000
)

// weights are 1024 / 1.25^nice for nice from -20: one step changes a thread's
// share beside another by about a tenth.
var weights = [40]uint32{
	88818, 71054, 56843, 45475, 36380, 29104, 23283, 18626, 14901, 11921,
	9537, 7629, 6104, 4883, 3906, 3125, 2500, 2000, 1600, 1280,
	1024, 819, 655, 524, 419, 336, 268, 215, 172, 137,
	110, 88, 70, 56, 45, 36, 29, 23, 18, 15,
}

// PolicyOf is a thread's policy without flags.
func PolicyOf(t *abi.ThreadSlot) abi.SchedPolicy {
	return t.State.Policy &^ abi.SCHED_RESET_ON_FORK
}

// RealTime says whether a thread is SCHED_FIFO or SCHED_RR.
func RealTime(t *abi.ThreadSlot) bool {
	p := PolicyOf(t)
	return p == abi.SCHED_FIFO || p == abi.SCHED_RR
}

func weightOf(t *abi.ThreadSlot) uint64 {
	if PolicyOf(t) == abi.SCHED_IDLE {
		return weightIdle
	}
	return uint64(weights[t.State.Nice+20])
}

// AllHarts is the affinity of a thread that was never bound.
const AllHarts = ^uint64(0)

func online() uint64 { return 1<<kmem.Header().HartCount - 1 }

func pinned(t *abi.ThreadSlot) bool { return t.State.Affinity&online() != online() }

func mayRun(t *abi.ThreadSlot, hart uint32) bool { return t.State.Affinity>>hart&1 != 0 }

// MayRun says whether a thread may run on a hart.
func MayRun(thread abi.ThreadRef, hart uint32) bool { return mayRun(kmem.Thread(thread), hart) }

// AffinityOf is which of the machine's harts a thread may run on, bit n for hart n.
func AffinityOf(thread abi.ThreadRef) uint64 { return kmem.Thread(thread).State.Affinity & online() }

// SetAffinity binds a thread to harts; false, and nothing changes, when the
// machine has none of them. One that runs elsewhere leaves its hart soon.
func SetAffinity(thread abi.ThreadRef, mask uint64) bool {
	if mask&online() == 0 {
		return false
	}
	ready := stepOut(thread)
	kmem.Thread(thread).State.Affinity = mask
	stepIn(thread, ready)
	return true
}

// SetPolicy gives a thread a policy (with SCHED_RESET_ON_FORK) and a real-time priority.
func SetPolicy(thread abi.ThreadRef, policy abi.SchedPolicy, priority uint32) {
	t := kmem.Thread(thread)
	before := PriorityOf(t)
	ready := stepOut(thread)
	t.State.Policy, t.State.Priority = policy, priority
	stepIn(thread, ready)
	repriced(t, before)
}

// SetNice gives a thread a nice value, -20 to 19.
func SetNice(thread abi.ThreadRef, nice int32) {
	ready := stepOut(thread)
	kmem.Thread(thread).State.Nice = nice
	stepIn(thread, ready)
}

// Inherit gives a new thread what it has of its parent's (sched(7), fork(2)).
func Inherit(thread, parent abi.ThreadRef) {
	n, o := &kmem.Thread(thread).State, &kmem.Thread(parent).State
	n.Affinity, n.VirtualTime = o.Affinity, o.VirtualTime
	n.Policy, n.Priority, n.Nice = o.Policy, o.Priority, o.Nice
	if o.Policy&abi.SCHED_RESET_ON_FORK != 0 {
		n.Nice = max(n.Nice, 0)
		if RealTime(kmem.Thread(parent)) {
			n.Policy, n.Priority, n.Nice = abi.SCHED_OTHER, 0, 0
		}
		n.Policy &^= abi.SCHED_RESET_ON_FORK
	}
}

// stepOut takes a thread off the ready queue, if it is there, while what decides
// on its place changes; stepIn puts it back, and makes one that runs look again.
func stepOut(thread abi.ThreadRef) bool {
	ready := kmem.Thread(thread).State.LoadRunState() == abi.ThreadRunStateReady
	if ready {
		Unready(thread)
	}
	return ready
}

func stepIn(thread abi.ThreadRef, ready bool) {
	t := kmem.Thread(thread)
	switch {
	case !ready:
		if t.State.LoadRunState() == abi.ThreadRunStateRunning {
			PollHart(t.State.Hart)
		}
	default:
		join(ownerOf(t), thread, false)
		if PriorityOf(t) != 0 {
			displaceFor(thread)
		}
	}
}

// throttle counts the time of real-time threads, and begins a period anew.
func throttle(o *abi.OwnerSlot, t *abi.ThreadSlot, nowNs, ranNs uint64) {
	if nowNs-o.PeriodStartNs >= periodNs {
		o.PeriodStartNs, o.RealtimeNs, o.Throttled = nowNs, 0, 0
	}
	if PriorityOf(t) == 0 {
		return
	}
	o.RealtimeNs += ranNs
	if o.RealtimeNs > realtimeNs*uint64(kmem.Header().HartCount) {
		o.Throttled = 1
	}
}

// firstOf is the thread of an owner that a hart takes first. While the owner's
// real-time threads are throttled, its others go first.
func firstOf(o *abi.OwnerSlot, hart uint32) abi.ThreadRef {
	if o.Throttled != 0 {
		if i := heapFirst(o, hart, false); i != 0 {
			return i
		}
	}
	return heapFirst(o, hart, true)
}

// displaceFor makes the least urgent thread of the same owner leave its hart
// for a real-time thread that is ready, when no hart is free for that.
func displaceFor(thread abi.ThreadRef) {
	t := kmem.Thread(thread)
	owner := kmem.Process(t.State.Process).State.Owner
	worst, key := uint32(0), t.Live.ReadyKey
	found := false
	for i := range kmem.Header().HartCount {
		h := kmem.Hart(i)
		if !mayRun(t, i) {
			continue
		}
		if abi.HartState(h.State.Load()) == abi.HartStateIdle {
			return
		}
		r := abi.ThreadRef(h.Thread.Load())
		if r == 0 || kmem.Process(kmem.Thread(r).State.Process).State.Owner != owner {
			continue
		}
		if k := keyOf(kmem.Thread(r)); k > key {
			worst, key, found = i, k, true
		}
	}
	if found {
		PollHart(worst)
	}
}

// Displaced says whether a real-time thread of the same owner waits that is to
// run on a hart instead of the thread that does.
func Displaced(thread abi.ThreadRef, hart uint32) bool {
	t := kmem.Thread(thread)
	o := ownerOf(t)
	if o.ReadyRoot == 0 || kmem.Thread(o.ReadyRoot).Live.ReadyKey&fair != 0 {
		return false
	}
	i := firstOf(o, hart)
	return i != 0 && kmem.Thread(i).Live.ReadyKey < min(keyOf(t), fair)
}
