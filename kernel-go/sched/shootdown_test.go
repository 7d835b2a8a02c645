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
			for abi.HartState(kmem.Hart(hart).State.Load())&0xff != abi.HartStateInGuest {
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
