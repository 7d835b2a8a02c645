package sched_test

import (
	"testing"

	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/kmem"
	"foreshore.dev/kernel/kmem/kmemtest"
	"foreshore.dev/kernel/sched"
)

// slice is what a thread of these tests uses each time, in instructions.
const slice = 100_000

// bench is a machine whose threads only use their slices, one hart after the other.
type bench struct {
	used map[uint32]int // slices by thread
	now  uint64
}

func newBench(t *testing.T) *bench {
	kmemtest.New(t, 64)
	return &bench{used: map[uint32]int{}}
}

// process makes a process of an owner (0: of a new one with this budget).
func (b *bench) process(owner abi.OwnerRef, budget uint32) (process abi.ProcessRef, ownerOf abi.OwnerRef) {
	if owner == 0 {
		owner = kmem.Alloc[abi.OwnerRef]()
		kmem.Owner(owner).Budget = budget
	}
	process = kmem.Alloc[abi.ProcessRef]()
	kmem.Process(process).State.Owner = owner
	return process, owner
}

func (b *bench) thread(process abi.ProcessRef) abi.ThreadRef {
	i := kmem.Alloc[abi.ThreadRef]()
	s := &kmem.Thread(i).State
	s.Process, s.Affinity = process, sched.AllHarts
	return i
}

func (b *bench) ready(process abi.ProcessRef) abi.ThreadRef {
	i := b.thread(process)
	sched.MakeReady(i)
	return i
}

// turn lets a hart take a thread for one slice; 0 when there is none.
func (b *bench) turn(hart uint32) abi.ThreadRef {
	i := b.take(hart)
	if i != 0 {
		b.leave(hart, i)
	}
	return i
}

func (b *bench) take(hart uint32) abi.ThreadRef {
	i := sched.PickReady(hart)
	if i != 0 {
		s := &kmem.Thread(i).State
		s.StoreRunState(abi.ThreadRunStateRunning)
		s.Hart = hart
		kmem.Hart(hart).Thread.Store(uint32(i))
	}
	return i
}

func (b *bench) leave(hart uint32, i abi.ThreadRef) {
	const ranNs = 1_000_000
	b.now += ranNs
	b.used[uint32(i)]++
	sched.Charge(i, slice, b.now, ranNs)
	kmem.Hart(hart).Thread.Store(0)
	sched.Requeue(i, sched.PolicyOf(kmem.Thread(i)) == abi.SCHED_FIFO)
}

func near(t *testing.T, what string, got, want, by int) {
	t.Helper()
	if got < want-by || got > want+by {
		t.Errorf("%s: %d, want %d (within %d)", what, got, want, by)
	}
}

// Owners get hart time by their shares, however many threads each has.
func TestShares(t *testing.T) {
	b := newBench(t)
	budgets := []uint32{1, 2, 5}
	threads := make([][]abi.ThreadRef, len(budgets))
	for k, budget := range budgets {
		p, _ := b.process(0, budget)
		for range 6 - 2*k {
			threads[k] = append(threads[k], b.ready(p))
		}
	}
	used := func(k int) (n int) {
		for _, i := range threads[k] {
			n += b.used[uint32(i)]
		}
		return n
	}
	run := func(n int) {
		for range n {
			b.turn(0)
		}
	}
	run(8000)
	for k, budget := range budgets {
		near(t, "slices of an owner", used(k), 1000*int(budget), 10)
	}
	// Who rested does not get what it left to the others.
	for _, i := range threads[2] {
		sched.Unready(i)
		kmem.Thread(i).State.StoreRunState(abi.ThreadRunStateBlocked)
	}
	run(3000)
	for _, i := range threads[2] {
		sched.MakeReady(i)
	}
	before := used(2)
	run(800)
	near(t, "after a rest", used(2)-before, 500, 10)
}

// An owner with a thread that runs has not rested when another is woken: with as
// many harts as threads of an owner its queue is empty most of the time.
func TestSharesOfFewThreads(t *testing.T) {
	b := newBench(t)
	few, _ := b.process(0, 4)
	many, _ := b.process(0, 1)
	var favoured, others []abi.ThreadRef
	for range 2 {
		favoured = append(favoured, b.ready(few))
	}
	for range 8 {
		others = append(others, b.ready(many))
	}
	// Three harts whose slices overlap; one of them is late, as on a busy host.
	var running [3]abi.ThreadRef
	for n := range 21_000 {
		hart := uint32(n % 3)
		if hart == 1 && n%21 != 1 {
			continue
		}
		if i := running[hart]; i != 0 {
			b.leave(hart, i)
			if n%2 == 0 {
				// It waits for a moment, as a program that reads files does.
				sched.Unready(i)
				kmem.Thread(i).State.StoreRunState(abi.ThreadRunStateBlocked)
				sched.MakeReady(i)
			}
		}
		running[hart] = b.take(hart)
	}
	sum := func(list []abi.ThreadRef) (n int) {
		for _, i := range list {
			n += b.used[uint32(i)]
		}
		return n
	}
	total := sum(favoured) + sum(others)
	near(t, "of all slices, the owner with four fifths", sum(favoured), total*4/5, total/100)
}

// A nice value is a weight: five steps are a third.
func TestNice(t *testing.T) {
	b := newBench(t)
	p, _ := b.process(0, 1)
	usual, nice, favoured := b.ready(p), b.ready(p), b.ready(p)
	sched.SetNice(nice, 5)
	sched.SetNice(favoured, -5)
	for range 13_000 {
		b.turn(0)
	}
	near(t, "nice 5 beside 0", b.used[uint32(nice)]*3052/1000, b.used[uint32(usual)], b.used[uint32(usual)]/50)
	near(t, "nice 0 beside -5", b.used[uint32(usual)]*3052/1000, b.used[uint32(favoured)], b.used[uint32(favoured)]/50)
}

// A thread that has slept goes next, however many are busy, and gets no more than they do afterwards.
func TestWokenGoesNext(t *testing.T) {
	b := newBench(t)
	p, _ := b.process(0, 1)
	for range 200 {
		b.ready(p)
	}
	sleeper := b.thread(p)
	for range 1000 {
		b.turn(0)
	}
	for range 100 {
		sched.MakeReady(sleeper)
		if i := sched.PickReady(0); i != sleeper {
			t.Fatalf("thread %d goes before the one that was woken", i)
		}
		kmem.Thread(sleeper).State.StoreRunState(abi.ThreadRunStateBlocked)
		for range 10 {
			b.turn(0)
		}
	}
	sched.MakeReady(sleeper)
	start := b.used[uint32(sleeper)]
	for range 201 * 20 {
		b.turn(0)
	}
	near(t, "slices of one that does not sleep any more", b.used[uint32(sleeper)]-start, 20+(1<<20)/slice, 2)
}

func TestAffinity(t *testing.T) {
	b := newBench(t)
	p, _ := b.process(0, 1)
	free, bound := b.ready(p), b.ready(p)
	if sched.SetAffinity(bound, 1<<60) || sched.SetAffinity(bound, 0) {
		t.Error("a mask without a hart of the machine is taken")
	}
	if !sched.SetAffinity(bound, 1<<2|1<<60) || sched.AffinityOf(bound) != 1<<2 {
		t.Errorf("the mask is %#x", sched.AffinityOf(bound))
	}
	for range 10 {
		if i := b.turn(0); i != free {
			t.Errorf("hart 0 takes thread %d", i)
		}
	}
	if got := b.turn(2); got != bound {
		t.Errorf("hart 2 takes thread %d, not the one that has waited for it", got)
	}
	sched.Unready(free)
	kmem.Thread(free).State.StoreRunState(abi.ThreadRunStateBlocked)
	if sched.HaveReady(0) || !sched.HaveReady(2) {
		t.Error("hart 2, and only that, has a thread to run")
	}
	// The hart that is woken is the one that can run it.
	kmem.Hart(0).State.Store(uint32(abi.HartStateIdle))
	kmem.Hart(2).State.Store(uint32(abi.HartStateIdle))
	sched.KickIdle()
	if kmem.Hart(0).Doorbell.Load() != 0 || kmem.Hart(2).Doorbell.Load() != 1 {
		t.Errorf("doorbells %d, %d", kmem.Hart(0).Doorbell.Load(), kmem.Hart(2).Doorbell.Load())
	}
}

func TestRealTime(t *testing.T) {
	b := newBench(t)
	p, _ := b.process(0, 1)
	usual, low, high := b.ready(p), b.ready(p), b.ready(p)
	running := b.take(0)
	sched.SetPolicy(low, abi.SCHED_FIFO, 10)
	if !sched.Displaced(running, 0) {
		t.Fatal("a real-time thread does not displace an ordinary one")
	}
	if kmem.Hart(0).Poll.Load() == 0 {
		t.Error("the hart was not told to look")
	}
	b.leave(0, running)
	sched.SetPolicy(high, abi.SCHED_RR, 20)
	for range 10 {
		if i := b.turn(0); i != high {
			t.Errorf("thread %d runs while one of a higher priority is ready", i)
		}
	}
	sched.Unready(high)
	kmem.Thread(high).State.StoreRunState(abi.ThreadRunStateBlocked)
	// One of SCHED_FIFO goes on before its equals, one of SCHED_RR behind them.
	equal := b.ready(p)
	sched.SetPolicy(equal, abi.SCHED_FIFO, 10)
	for range 5 {
		if i := b.turn(0); i != low {
			t.Errorf("thread %d displaces one of SCHED_FIFO and its priority", i)
		}
	}
	sched.SetPolicy(low, abi.SCHED_RR, 10)
	sched.SetPolicy(equal, abi.SCHED_RR, 10)
	a, c := b.turn(0), b.turn(0)
	if a == c || a == usual || c == usual {
		t.Errorf("threads %d, %d of SCHED_RR take turns", a, c)
	}
}

// Real-time threads leave a twentieth of each second to the others of their owner.
func TestThrottle(t *testing.T) {
	b := newBench(t)
	p, _ := b.process(0, 1)
	usual, urgent := b.ready(p), b.ready(p)
	sched.SetPolicy(urgent, abi.SCHED_FIFO, 99)
	harts := int(kmem.Header().HartCount)
	// One hart of four never reaches what all may use: its three fellows serve the others.
	kmem.Header().HartCount = 1
	for range 10_000 {
		b.turn(0)
	}
	kmem.Header().HartCount = uint32(harts)
	near(t, "slices of the ordinary thread in ten seconds", b.used[uint32(usual)], 500, 60)
}
