package sched

import (
	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/kmem"
)

// The ready threads of an owner: a skew heap whose links lie in the threads'
// slots, ordered by key. Adding, taking and removing any of them cost O(log n)
// amortised, without memory of their own.

// fair is the bit that puts every SCHED_OTHER thread behind all real-time ones.
const fair = 1 << 63

// keyOf is a thread's place among the ready ones of its owner: real-time threads
// by priority, then the others by the virtual time that they have used.
func keyOf(t *abi.ThreadSlot) uint64 {
	if p := PriorityOf(t); p != 0 {
		return uint64(maxPriority - p)
	}
	return fair | t.State.VirtualTime
}

// before says whether a goes before b: by key, then in the order in which they
// became ready.
func before(a, b *abi.ThreadSlot) bool {
	if a.Live.ReadyKey != b.Live.ReadyKey {
		return a.Live.ReadyKey < b.Live.ReadyKey
	}
	return int32(a.Live.ReadySeq-b.Live.ReadySeq) < 0
}

// merge joins two heaps and returns the root. It goes down the right sides of
// both, and swaps the children of each node that it passes.
func merge(a, b abi.ThreadRef) abi.ThreadRef {
	root, up := abi.ThreadRef(0), abi.ThreadRef(0)
	for a != 0 || b != 0 {
		if a == 0 || b != 0 && before(kmem.Thread(b), kmem.Thread(a)) {
			a, b = b, a
		}
		t := kmem.Thread(a)
		t.Live.ReadyUp = up
		if up == 0 {
			root = a
		} else {
			kmem.Thread(up).Live.ReadyLeft = a
		}
		if b == 0 {
			break // what is below a is as it should be
		}
		right := t.Live.ReadyRight
		t.Live.ReadyRight, t.Live.ReadyLeft = t.Live.ReadyLeft, 0
		up, a = a, right
	}
	return root
}

func heapAdd(o *abi.OwnerSlot, thread abi.ThreadRef) {
	t := kmem.Thread(thread)
	t.Live.ReadyLeft, t.Live.ReadyRight, t.Live.ReadyUp = 0, 0, 0
	o.ReadyRoot = merge(o.ReadyRoot, thread)
}

func heapRemove(o *abi.OwnerSlot, thread abi.ThreadRef) {
	t := kmem.Thread(thread)
	up := t.Live.ReadyUp
	below := merge(t.Live.ReadyLeft, t.Live.ReadyRight)
	if below != 0 {
		kmem.Thread(below).Live.ReadyUp = up
	}
	switch {
	case up == 0:
		kmem.Assert(o.ReadyRoot == thread, "a ready thread stands in its owner's heap")
		o.ReadyRoot = below
	case kmem.Thread(up).Live.ReadyLeft == thread:
		kmem.Thread(up).Live.ReadyLeft = below
	default:
		kmem.Assert(kmem.Thread(up).Live.ReadyRight == thread, "a ready thread stands below its parent")
		kmem.Thread(up).Live.ReadyRight = below
	}
	t.Live.ReadyLeft, t.Live.ReadyRight, t.Live.ReadyUp = 0, 0, 0
}

// heapFirst is the first thread of an owner that may run on a hart (with
// realTime, or one that is not real-time), 0 when there is none. It looks below
// those only that may not.
func heapFirst(o *abi.OwnerSlot, hart uint32, realTime bool) abi.ThreadRef {
	best := abi.ThreadRef(0)
	for i := o.ReadyRoot; i != 0; {
		t := kmem.Thread(i)
		below := abi.ThreadRef(0)
		if best == 0 || before(t, kmem.Thread(best)) {
			if mayRun(t, hart) && (realTime || t.Live.ReadyKey&fair != 0) {
				best = i
			} else if below = t.Live.ReadyLeft; below == 0 {
				below = t.Live.ReadyRight
			}
		}
		if below == 0 {
			below = heapNext(i)
		}
		i = below
	}
	return best
}

// heapNext is where a walk goes on that is done with a node and all below it.
func heapNext(i abi.ThreadRef) abi.ThreadRef {
	for {
		up := kmem.Thread(i).Live.ReadyUp
		if up == 0 {
			return 0
		}
		u := kmem.Thread(up)
		if u.Live.ReadyLeft == i && u.Live.ReadyRight != 0 {
			return u.Live.ReadyRight
		}
		i = up
	}
}
