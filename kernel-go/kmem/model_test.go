package kmem_test

import (
	"math/rand"
	"sync"
	"testing"
	"unsafe"

	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/kmem"
	"foreshore.dev/kernel/kmem/kmemtest"
)

// Frames against a model: no frame twice, all of them zero, references
// counted, and after exhaustion and its end as many as before.
func TestFrames(t *testing.T) {
	kmemtest.New(t, 64)
	r := rand.New(rand.NewSource(1))
	start := kmem.FreeFrames()
	held := map[uint32]int{} // frame → references
	var order []uint32
	for range 200_000 {
		switch {
		case r.Intn(5) != 0:
			a := kmem.AllocFrame(abi.FrameTypeKernel)
			if a == 0 {
				if kmem.FreeFrames() != 0 {
					t.Fatalf("refused with %d frames free", kmem.FreeFrames())
				}
				// Exhausted: most of it comes back.
				for len(order) > 100 {
					a := order[len(order)-1]
					order = order[:len(order)-1]
					for range held[a] {
						kmem.UnrefFrame(a)
					}
					delete(held, a)
				}
				continue
			}
			if held[a] != 0 || a&kmem.PageMask != 0 {
				t.Fatalf("frame %#x is in use or no frame", a)
			}
			for i := uint32(0); i < kmem.PageSize; i += 8 {
				if kmem.Load64(a+i) != 0 {
					t.Fatalf("frame %#x is not zero", a)
				}
			}
			kmem.Store64(a+uint32(r.Intn(512))*8, ^uint64(0))
			held[a] = 1
			order = append(order, a)
		case len(order) != 0:
			a := order[r.Intn(len(order))]
			kmem.RefFrame(a)
			held[a]++
		}
	}
	for a, n := range held {
		if got := kmem.Frame(a).Refs; int(got) != n {
			t.Fatalf("frame %#x has %d references, want %d", a, got, n)
		}
		for range n {
			kmem.UnrefFrame(a)
		}
	}
	if kmem.FreeFrames() != start {
		t.Errorf("%d frames free, %d at first", kmem.FreeFrames(), start)
	}
}

// Guest pages leave the kernel its reserve, and ask for reclaim before they fail.
func TestReserve(t *testing.T) {
	kmemtest.New(t, 64)
	var last, asked uint32
	kmem.Reclaim = func(want uint32) uint32 {
		asked++
		if last == 0 || asked > 1 {
			return 0
		}
		kmem.UnrefFrame(last)
		return 1
	}
	for {
		a := kmem.AllocUserFrame(abi.FrameTypeAnon, false)
		if a == 0 {
			break
		}
		last = a
	}
	if asked != 2 {
		t.Errorf("reclaim was asked %d times", asked)
	}
	reserve := kmem.Header().ReserveFrames
	if free := kmem.FreeFrames(); free > reserve+1 || free+2 < reserve {
		t.Errorf("%d frames left of a reserve of %d", free, reserve)
	}
	if kmem.AllocFrame(abi.FrameTypePageTable) == 0 {
		t.Error("the kernel finds none of its reserve")
	}
}

// Slots: none twice, zeroed, stale handles found out, and the table full at
// its capacity.
func TestSlots(t *testing.T) {
	kmemtest.New(t, 64)

	r := rand.New(rand.NewSource(2))
	live := map[uint32]abi.SlotHandle{}
	var stale []abi.SlotHandle
	full := 0
	for range 100_000 {
		if r.Intn(5) < 3 {
			i := kmem.AllocOf(abi.SlotKindPipe)
			if i == 0 {
				if len(live) != int(kmem.Table(abi.SlotKindPipe).Capacity)-1 {
					t.Fatalf("full with %d of %d", len(live), kmem.Table(abi.SlotKindPipe).Capacity)
				}
				full++
				for i, h := range live {
					if len(live) < 50 {
						break
					}
					kmem.FreeOf(abi.SlotKindPipe, i)
					delete(live, i)
					stale = append(stale, h)
				}
				continue
			}
			if _, taken := live[i]; taken {
				t.Fatalf("slot %d is in use", i)
			}
			kmem.WriteBegin(kmem.SlotAt(abi.SlotKindPipe, i))
			body := kmem.Bytes(kmem.Addr(unsafe.Pointer(kmem.SlotAt(abi.SlotKindPipe, i)))+uint32(unsafe.Sizeof(abi.SlotHeader{})), kmem.Table(abi.SlotKindPipe).Stride-uint32(unsafe.Sizeof(abi.SlotHeader{})))
			for k, b := range body {
				if b != 0 {
					t.Fatalf("slot %d: byte %d is %d", i, k, b)
				}
				body[k] = 0xee
			}
			kmem.WriteEnd(kmem.SlotAt(abi.SlotKindPipe, i))
			live[i] = kmem.HandleOf(abi.SlotKindPipe, i)
		} else {
			for i, h := range live {
				kmem.FreeOf(abi.SlotKindPipe, i)
				delete(live, i)
				stale = append(stale, h)
				break
			}
		}
	}
	if full == 0 {
		t.Error("the table was never full")
	}
	for i, h := range live {
		if kmem.LookupOf(abi.SlotKindPipe, h) != i {
			t.Errorf("handle of live slot %d is stale", i)
		}
	}
	for _, h := range stale {
		if kmem.LookupOf(abi.SlotKindPipe, h) != 0 {
			t.Errorf("handle %+v of a freed slot is taken", h)
		}
	}
	for _, h := range []abi.SlotHandle{{}, {Index: 1 << 31, Generation: 1}, {Index: kmem.Table(abi.SlotKindPipe).Capacity, Generation: 1}, {Index: 1, Generation: 2}} {
		if kmem.LookupOf(abi.SlotKindPipe, h) != 0 {
			t.Errorf("handle %+v is taken", h)
		}
	}
	if got := kmem.Table(abi.SlotKindPipe).InUse.Load(); got != uint32(len(live)) {
		t.Errorf("%d in use, want %d", got, len(live))
	}
}

// The machine lock lets one in at a time and wakes those who sleep on it.
func TestLock(t *testing.T) {
	kmemtest.New(t, 64)
	kmem.Unlock()
	counter := 0 // the race detector sees an access without the lock
	var all sync.WaitGroup
	for self := range uint32(4) {
		all.Go(func() {
			for range 5000 {
				kmem.Lock(self)
				if !kmem.LockedBy(self) {
					t.Error("held by another")
				}
				counter++
				kmem.Unlock()
			}
		})
	}
	all.Wait()
	if counter != 20_000 {
		t.Errorf("%d sections, want 20000", counter)
	}
}
