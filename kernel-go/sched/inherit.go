package sched

import (
	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/kmem"
)

// Priority inheritance: who owns what real-time threads wait for runs at the
// highest of their priorities, and so does the one for whom that owner waits
// (futex(2), "Priority-inheritance futexes"). The threads that wait for an owner
// are in a list of its own. A priority that rises is passed on at once; one
// that may have fallen is computed when somebody asks, so that the end of many
// waiters costs no more than each of them.

// PriorityOf is the real-time priority that a thread runs at, its own or one
// that it has inherited; 0 when it has none.
func PriorityOf(t *abi.ThreadSlot) uint32 {
	if t.Pi.Stale != 0 {
		recompute(t)
	}
	if RealTime(t) {
		return max(t.State.Priority, t.Pi.Priority)
	}
	return t.Pi.Priority
}

// AwaitOwner: a thread begins to wait for what another one owns. The caller has
// seen to it that nobody waits for itself in the end.
func AwaitOwner(thread, owner abi.ThreadRef) {
	t, o := kmem.Thread(thread), kmem.Thread(owner)
	kmem.Assert(t.Live.PiOwner == 0, "a thread waits for one owner")
	t.Live.PiOwner, t.Pi.Next, t.Pi.Prev = owner, o.Live.PiFirst, 0
	if o.Live.PiFirst != 0 {
		kmem.Thread(o.Live.PiFirst).Pi.Prev = thread
	}
	o.Live.PiFirst = thread
	raise(owner, PriorityOf(t))
}

// LeaveOwner ends what AwaitOwner began, if anything.
func LeaveOwner(thread abi.ThreadRef) {
	t := kmem.Thread(thread)
	owner := t.Live.PiOwner
	if owner == 0 {
		return
	}
	if t.Pi.Prev != 0 {
		kmem.Thread(t.Pi.Prev).Pi.Next = t.Pi.Next
	} else {
		kmem.Thread(owner).Live.PiFirst = t.Pi.Next
	}
	if t.Pi.Next != 0 {
		kmem.Thread(t.Pi.Next).Pi.Prev = t.Pi.Prev
	}
	t.Live.PiOwner, t.Pi.Next, t.Pi.Prev = 0, 0, 0
	lower(owner, PriorityOf(t))
}

// raise passes a waiter's priority on to the owner, and from there.
func raise(owner abi.ThreadRef, priority uint32) {
	for o := owner; o != 0 && priority != 0; o = kmem.Thread(o).Live.PiOwner {
		t := kmem.Thread(o)
		if t.Pi.Stale == 0 {
			before := PriorityOf(t)
			t.Pi.Priority = max(t.Pi.Priority, priority)
			if before >= priority {
				return
			}
		}
		if stepOut(o) {
			stepIn(o, true)
		}
	}
}

// lower: of those that wait for the owner, one of a priority is gone.
func lower(owner abi.ThreadRef, priority uint32) {
	for o := owner; o != 0 && priority != 0; o = kmem.Thread(o).Live.PiOwner {
		t := kmem.Thread(o)
		if t.Pi.Stale != 0 || t.Pi.Priority != priority {
			return
		}
		t.Pi.Stale = 1
		if t.State.LoadRunState() == abi.ThreadRunStateRunning {
			PollHart(t.State.Hart) // others may go before it now
		}
	}
}

// repriced passes on that a thread's own priority has changed.
func repriced(t *abi.ThreadSlot, before uint32) {
	switch after := PriorityOf(t); {
	case after > before:
		raise(t.Live.PiOwner, after)
	case after < before:
		lower(t.Live.PiOwner, before)
	}
}

// recompute is what a thread inherits, from those that wait for it and are sure
// of theirs; the others' is computed first. It goes down into their lists and up
// again by their owners, without recursion: such a tree is as deep as there are threads.
func recompute(root *abi.ThreadSlot) {
	t := root
	t.Pi.Priority = 0
	for i := t.Live.PiFirst; ; {
		if i == 0 {
			t.Pi.Stale = 0
			if t == root {
				return
			}
			o := kmem.Thread(t.Live.PiOwner)
			o.Pi.Priority = max(o.Pi.Priority, PriorityOf(t))
			i, t = t.Pi.Next, o
			continue
		}
		w := kmem.Thread(i)
		if w.Pi.Stale != 0 {
			t = w
			t.Pi.Priority, i = 0, t.Live.PiFirst
			continue
		}
		t.Pi.Priority = max(t.Pi.Priority, PriorityOf(w))
		i = w.Pi.Next
	}
}
