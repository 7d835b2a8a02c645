package rpc_test

import (
	"encoding/binary"
	"fmt"
	"math/rand"
	"os"
	"strconv"
	"testing"

	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/boot"
	"foreshore.dev/kernel/kmem"
)

func watchBody(kinds, since uint64) []byte {
	return binary.LittleEndian.AppendUint64(binary.LittleEndian.AppendUint64(nil, kinds), since)
}

// changed is a change of a slot that is there, as each package makes it.
func changed(kind abi.SlotKind) {
	kmem.Lock(0)
	h := kmem.SlotAt(kind, 1)
	kmem.WriteBegin(h)
	kmem.WriteEnd(h)
	kmem.Unlock()
}

var ofTest = []abi.SlotKind{abi.SlotKindProcess, abi.SlotKindThread, abi.SlotKindInode, abi.SlotKindMount, abi.SlotKindTty}

// What a viewer is told is what has changed since it looked, whoever else watches,
// comes and goes: a model knows when each table changed last.
func TestChangesAreTold(t *testing.T) {
	seed := int64(1)
	if s, err := strconv.ParseInt(os.Getenv("SEED"), 10, 64); err == nil {
		seed = s
	}
	for end := seed + 40; seed < end; seed++ {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) { changesBySeed(t, rand.New(rand.NewSource(seed))) })
	}
}

// viewer is one of those that watch, in one of two clients.
type viewer struct {
	c            *client
	kinds, since uint64
	// id names the request with which it waits, 0 when it does not.
	id uint32
	// knew is the step up to which it has been told.
	knew int
}

func changesBySeed(t *testing.T, random *rand.Rand) {
	c := machine(t)
	other, _ := c.attached(1 << 30)
	viewers := []*viewer{{c: c}, {c: c}, {c: other}, {c: other}}
	last := map[abi.SlotKind]int{}
	ids := uint32(0)
	for step := 1; step < 400; step++ {
		switch v := viewers[random.Intn(len(viewers))]; random.Intn(8) {
		default:
			kind := ofTest[random.Intn(len(ofTest))]
			changed(kind)
			last[kind] = step
		case 0, 1, 2:
			if v.id != 0 {
				continue
			}
			kinds := uint64(0)
			for _, kind := range ofTest {
				kinds |= uint64(random.Intn(2)) << kind
			}
			if kinds == 0 {
				continue
			}
			if kinds&^v.kinds != 0 {
				v.since = 0 // it knows nothing of some of them
			}
			ids++
			v.kinds, v.id = kinds, ids
			v.c.put(abi.OpcodeWatchChanges, v.id, watchBody(v.kinds, v.since)...)
		case 3:
			// One more viewer, which soon gives up.
			ids += 2
			v.c.put(abi.OpcodeWatchChanges, ids-1, watchBody(1<<abi.SlotKindTty, 1<<50)...)
			v.c.put(abi.OpcodeCancel, ids, span(ids-1, 0)...)
		}
		if random.Intn(3) == 0 {
			continue
		}
		for boot.PrepareSleep() == 0 || kmem.Kernel().Changes.Due != 0 {
			c.service()
		}
		c.service()
		answers := map[uint32]abi.ReplyEvent{}
		for _, each := range []*client{c, other} {
			for r, ok := each.take(); ok; r, ok = each.take() {
				answers[r.Header.RequestId] = r
			}
		}
		for _, v := range viewers {
			if v.id == 0 {
				continue
			}
			news := uint64(0)
			for kind, at := range last {
				if v.kinds>>kind&1 != 0 && at > v.knew {
					news |= 1 << kind
				}
			}
			r, answered := answers[v.id]
			if !answered {
				if news != 0 || v.since == 0 {
					t.Fatalf("step %d: %#x is not told to who knows of step %d", step, news, v.knew)
				}
				continue
			}
			if r.Result != 0 || r.Value&news != news || r.Value&^v.kinds != 0 || r.Value == 0 || r.Value2 <= v.since {
				t.Fatalf("step %d: %+v to who waits for %#x of %#x from %d", step, r, news, v.kinds, v.since)
			}
			v.id, v.since, v.knew = 0, r.Value2, step
		}
	}
}

// Who watches and does not ask costs the kernel worker nothing, and who leaves
// watches nothing.
func TestChangesRingForWhoWaits(t *testing.T) {
	c := machine(t)
	other, handle := c.attached(1)
	doorbell := &kmem.Header().KernelDoorbell
	kinds := uint64(1)<<abi.SlotKindMount | 1<<abi.SlotKindTty
	other.put(abi.OpcodeWatchChanges, 2, watchBody(kinds, 0)...)
	c.service()
	since := other.reply(2).Value2
	before := doorbell.Load()
	changed(abi.SlotKindMount)
	if doorbell.Load() != before {
		t.Fatal("a change rings that nobody waits for")
	}
	other.put(abi.OpcodeWatchChanges, 3, watchBody(kinds, since)...)
	c.service()
	if r := other.reply(3); r.Value != 1<<abi.SlotKindMount {
		t.Fatalf("told of %#x", r.Value)
	} else {
		since = r.Value2
	}
	other.put(abi.OpcodeWatchChanges, 4, watchBody(kinds, since)...)
	c.service()
	before = doorbell.Load()
	for range 5 {
		changed(abi.SlotKindTty)
		changed(abi.SlotKindProcess)
	}
	if n := doorbell.Load() - before; n != 1 {
		t.Fatalf("five changes and five of a table that nobody watches ring %d times", n)
	}
	c.service()
	other.reply(4)
	if kmem.Kernel().Changes.Watched != kinds {
		t.Fatalf("%#x are watched", kmem.Kernel().Changes.Watched)
	}
	if r := c.detach(5, handle); r != 0 {
		t.Fatalf("detach: %d", r)
	}
	if kmem.Kernel().Changes.Watched != 0 {
		t.Fatalf("%#x are watched by nobody", kmem.Kernel().Changes.Watched)
	}
}

// Who waits for other tables is left alone, and who waits for none that has changed
// is not answered when another viewer of its client comes or goes.
func TestChangesWakeWhoWaitsForThem(t *testing.T) {
	c := machine(t)
	mounts, ttys := uint64(1)<<abi.SlotKindMount, uint64(1)<<abi.SlotKindTty
	c.put(abi.OpcodeWatchChanges, 1, watchBody(mounts|ttys, 0)...)
	c.service()
	since := c.reply(1).Value2
	const many = 100
	for id := uint32(10); id < 10+many; id++ {
		c.put(abi.OpcodeWatchChanges, id, watchBody(mounts, since)...)
	}
	c.put(abi.OpcodeWatchChanges, 2, watchBody(ttys, since)...)
	for range 4 {
		c.service()
	}
	entries := kmem.Table(abi.SlotKindWaitEntry).InUse.Load()
	changed(abi.SlotKindTty)
	kmem.Lock(kmem.WorkerIndex)
	woken := kmem.Kernel().Changes.Due
	kmem.Unlock()
	c.service()
	if r := c.reply(2); r.Value != ttys || woken != ttys {
		t.Fatalf("told of %#x, woken for %#x", r.Value, woken)
	}
	if left := kmem.Table(abi.SlotKindWaitEntry).InUse.Load(); left != entries-1 {
		t.Fatalf("%d entries of %d wait on", left, entries)
	}
	c.put(abi.OpcodeWatchChanges, 3, watchBody(mounts|ttys, 0)...)
	c.service()
	c.reply(3)
	if _, answered := c.take(); answered {
		t.Fatal("one that waits is told of another viewer")
	}
	changed(abi.SlotKindMount)
	for range 4 {
		c.service()
	}
	for range many {
		if r, ok := c.take(); !ok || r.Value != mounts {
			t.Fatalf("%+v, %v", r, ok)
		}
	}
}

// Requests that wait for changes change nothing that can be watched: or each would
// wake the others for ever.
func TestWatchingIsNoChange(t *testing.T) {
	c := machine(t)
	all := uint64(1)<<abi.SlotKinds - 1
	all &^= 1<<abi.SlotKindNone | 1<<abi.SlotKindWaitEntry | 1<<abi.SlotKindPendingRequest
	c.put(abi.OpcodeWatchChanges, 1, watchBody(all, 0)...)
	c.service()
	since := c.reply(1).Value2
	for id := uint32(2); id < 50; id++ {
		c.put(abi.OpcodeWatchChanges, id, watchBody(all, since)...)
		c.put(abi.OpcodeNoop, 1000+id)
		c.service()
		c.reply(1000 + id)
		c.put(abi.OpcodeCancel, 2000+id, span(id, 0)...)
		c.service()
		if r := c.reply(id); r.Result != -int64(abi.ECANCELED) {
			t.Fatalf("%d: %+v", id, r)
		}
		c.reply(2000 + id)
	}
	if boot.PrepareSleep() != -1 {
		t.Fatal("the kernel worker has something to do")
	}
}
