package sched_test

import (
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"

	"foreshore.dev/kernel/host"
	"foreshore.dev/kernel/kmem"
	"foreshore.dev/kernel/kmem/kmemtest"
	"foreshore.dev/kernel/sched"
)

// What one thread has read of the clock and told others is never later than what
// they read then, although each reading of the host's clock is off by something else.
func TestClockNeverGoesBack(t *testing.T) {
	kmemtest.New(t, 64)
	kmem.Unlock()
	clock := host.Native.Now
	defer func() { host.Native.Now = clock }()
	host.Native.Now = func() float64 { return max(0, clock()+float64(rand.IntN(2_000_000))-1_000_000) }
	var told atomic.Uint64
	var back atomic.Uint32
	var readers sync.WaitGroup
	for range 4 {
		readers.Go(func() {
			for range 20_000 {
				before := told.Load()
				now := sched.NowNs()
				if now < before {
					back.Add(1)
				}
				for seen := told.Load(); seen < now && !told.CompareAndSwap(seen, now); seen = told.Load() {
				}
			}
		})
	}
	readers.Wait()
	if n := back.Load(); n != 0 {
		t.Errorf("the clock went back %d times", n)
	}
	if now := sched.NowNs(); now%100 != 0 || sched.TimeCsr() < now/100 {
		t.Errorf("%d ns, time CSR %d", now, sched.TimeCsr())
	}
}
