package sched

import (
	"math/rand/v2"
	"slices"
	"testing"

	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/kmem"
	"foreshore.dev/kernel/kmem/kmemtest"
)

// The heap of ready threads against a list: random joins, removals and picks by
// harts, with bound and real-time threads among them. A failure names its seed.
func TestQueueModel(t *testing.T) {
	for seed := range uint64(40) {
		queueModel(t, seed)
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}

func queueModel(t *testing.T, seed uint64) {
	kmemtest.New(t, 64)
	r := rand.New(rand.NewPCG(seed, 1))
	owner := kmem.Alloc[abi.OwnerRef]()
	kmem.Owner(owner).Budget = 1
	process := kmem.Alloc[abi.ProcessRef]()
	kmem.Process(process).State.Owner = owner
	var ready, others []abi.ThreadRef
	for range 60 {
		i := kmem.Alloc[abi.ThreadRef]()
		s := &kmem.Thread(i).State
		s.Process, s.Affinity = process, AllHarts
		if r.IntN(4) == 0 {
			s.Affinity = 1 << r.IntN(4)
		}
		if r.IntN(6) == 0 {
			s.Policy, s.Priority = abi.SCHED_RR, 1+r.Uint32N(3)
		}
		s.VirtualTime = r.Uint64N(20)
		others = append(others, i)
	}
	o := kmem.Owner(owner)
	for range 2000 {
		switch n := r.IntN(5); {
		case n < 2 && len(others) != 0:
			k := r.IntN(len(others))
			i := others[k]
			others = slices.Delete(others, k, k+1)
			kmem.Thread(i).State.StoreRunState(abi.ThreadRunStateRunning)
			Requeue(i, r.IntN(8) == 0)
			ready = append(ready, i)
		case n == 2 && len(ready) != 0:
			k := r.IntN(len(ready))
			Unready(ready[k])
			others = append(others, ready[k])
			ready = slices.Delete(ready, k, k+1)
		default:
			hart, best := r.Uint32N(4), abi.ThreadRef(0)
			for _, i := range ready {
				if mayRun(kmem.Thread(i), hart) && (best == 0 || before(kmem.Thread(i), kmem.Thread(best))) {
					best = i
				}
			}
			if got := PickReady(hart); got != best {
				t.Errorf("hart %d takes thread %d, want %d", hart, got, best)
				return
			}
			if best != 0 {
				ready = slices.DeleteFunc(ready, func(i abi.ThreadRef) bool { return i == best })
				kmem.Thread(best).State.VirtualTime += r.Uint64N(10)
				others = append(others, best)
			}
		}
		if n := checkHeap(t, o.ReadyRoot, 0); n != len(ready) || o.ReadyCount.Load() != uint32(n) || state().ReadyTotal != uint32(n) {
			t.Errorf("the heap has %d threads, the list %d, counted are %d", n, len(ready), state().ReadyTotal)
			return
		}
	}
}

// checkHeap checks links and order below a node and counts its threads.
func checkHeap(t *testing.T, i, up abi.ThreadRef) int {
	if i == 0 {
		return 0
	}
	th := kmem.Thread(i)
	if th.Live.ReadyUp != up || up != 0 && before(th, kmem.Thread(up)) {
		t.Errorf("thread %d below %d", i, up)
	}
	return 1 + checkHeap(t, th.Live.ReadyLeft, i) + checkHeap(t, th.Live.ReadyRight, i)
}
