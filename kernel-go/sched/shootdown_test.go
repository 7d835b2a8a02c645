package sched_test

import (
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/kmem"
	"foreshore.dev/kernel/kmem/kmemtest"
	"foreshore.dev/kernel/sched"
)

const as = 3

// shootdownRounds has three harts store through a translation that a fourth
// takes away and gives back, each time with another content of the frame. With
// `wait` false it frees the frame without the shootdown: the planted mistake.
// It returns how many stores came after the frame was taken.
func shootdownRounds(t *testing.T, rounds int, wait bool) uint32 {
	kmemtest.New(t, 64)
	sched.Reset()
	sched.ResetQueues()
	kmem.Unlock()
	kmem.Lock(0)
	frame := kmem.AllocFrame(abi.FrameTypeAnon)
	kmem.Unlock()
	var translation atomic.Uint32
	var stop atomic.Bool
	var late uint32
	var harts sync.WaitGroup
	for hart := uint32(1); hart < 4; hart++ {
		harts.Go(func() {
			for !stop.Load() {
				kmem.Lock(hart)
				sched.EnterGuest(hart, as)
				kmem.Unlock()
				for kmem.Hart(hart).Poll.Load() == 0 && !stop.Load() {
					if at := translation.Load(); at != 0 {
						*(*uint32)(kmem.Ptr(at + hart*64)) = hart
					}
					runtime.Gosched()
				}
				sched.LeaveGuest(hart)
			}
		})
	}
	for range rounds {
		kmem.Lock(0)
		translation.Store(frame)
		kmem.Unlock()
		for hart := uint32(1); hart < 4; hart++ {
			for kmem.Hart(hart).State.Load()&0xff != uint32(abi.HartStateInGuest) {
				runtime.Gosched()
			}
		}
		for range 20 {
			runtime.Gosched()
		}
		kmem.Lock(0)
		translation.Store(0)
		if wait {
			sched.Shootdown(0, as)
		}
		// Nobody stores to it any more: it is the kernel's.
		kmem.Zero(frame, kmem.PageSize)
		for range 5 {
			runtime.Gosched()
		}
		for hart := uint32(1); hart < 4; hart++ {
			if kmem.Load32(frame+hart*64) != 0 {
				late++
			}
		}
		kmem.Unlock()
	}
	stop.Store(true)
	harts.Wait()
	return late
}

func TestShootdown(t *testing.T) {
	if late := shootdownRounds(t, 300, true); late != 0 {
		t.Errorf("%d stores after the translation was gone", late)
	}
}

// A hart whose worker died in guest code never acknowledges: it counts once it
// is marked, also for who waits already.
func TestShootdownOfDead(t *testing.T) {
	kmemtest.New(t, 64)
	sched.EnterGuest(1, as)
	waiting := make(chan struct{})
	go func() {
		sched.Shootdown(0, as)
		close(waiting)
	}()
	for kmem.Hart(1).Poll.Load() == 0 {
		runtime.Gosched()
	}
	kmem.Hart(1).State.Store(uint32(abi.HartStateDead))
	<-waiting
	sched.Shootdown(0, as)
	sched.StopAll(0)
	sched.EvictHart(1)
}

// Owners get hart time by their shares, however many threads each has.
func TestShares(t *testing.T) {
	kmemtest.New(t, 64)
	sched.Reset()
	sched.ResetQueues()
	budgets := []uint32{1, 2, 5}
	used := make([]int, len(budgets))
	owner := map[uint32]int{}
	for k, budget := range budgets {
		o := kmem.Alloc(abi.SlotKindOwner)
		kmem.Owner(o).Budget = budget
		p := kmem.Alloc(abi.SlotKindProcess)
		kmem.Process(p).State.Owner = o
		for range 6 - 2*k {
			i := kmem.Alloc(abi.SlotKindThread)
			kmem.Thread(i).State.Process = p
			owner[i] = k
			sched.MakeReady(i)
		}
	}
	run := func(n int) {
		for range n {
			i := sched.PickReady()
			used[owner[i]]++
			sched.Charge(kmem.Process(kmem.Thread(i).State.Process).State.Owner, 1000)
			sched.MakeReady(i)
		}
	}
	run(8000)
	for k, budget := range budgets {
		if want := 1000 * int(budget); used[k] < want-10 || used[k] > want+10 {
			t.Errorf("owner of %d: %d turns, want %d", budget, used[k], want)
		}
	}
	// Who rested does not get what it left to the others.
	var rested []uint32
	for i, k := range owner {
		if k == 2 {
			sched.Unready(i)
			rested = append(rested, i)
		}
	}
	run(3000)
	for _, i := range rested {
		sched.MakeReady(i)
	}
	before := used[2]
	run(800)
	if got := used[2] - before; got < 490 || got > 510 {
		t.Errorf("after a rest: %d of 800 turns, want 500", got)
	}
}
