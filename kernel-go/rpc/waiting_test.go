package rpc_test

import (
	"testing"

	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/boot"
	"foreshore.dev/kernel/kmem"
	"foreshore.dev/kernel/sched"
)

// owned gives the client an owner with a process that never ends, so that
// CloseOwner waits; close answers for it.
func (c *client) owned() (body []byte, end func()) {
	c.t.Helper()
	c.put(abi.OpcodeCreateOwner, 0xfffffff1)
	c.service()
	h := c.reply(0xfffffff1).Handle
	o := kmem.Owner(abi.OwnerRef(h.Index))
	o.Processes.Store(1)
	return handleBytes(h), func() {
		kmem.Lock(kmem.WorkerIndex)
		o.Processes.Store(0)
		sched.WakeAll(&o.ExitWait)
		kmem.Unlock()
	}
}

func (c *client) all() map[uint32]int64 {
	results := map[uint32]int64{}
	for {
		c.service()
		r, ok := c.take()
		if !ok {
			return results
		}
		results[r.Header.RequestId] = r.Result
	}
}

// Requests that wait hold no place of a ring, each can be cancelled alone, and
// what they come to is never lost, however little of it the client takes.
func TestWaitingTakesNothing(t *testing.T) {
	c := machine(t)
	body, end := c.owned()
	const many = 1000
	for id := uint32(1); id <= many; id++ {
		c.put(abi.OpcodeCloseOwner, id, body...)
		c.service()
	}
	if _, answered := c.take(); answered || c.slot.InFlight != many {
		t.Fatalf("%d wait (%v)", c.slot.InFlight, answered)
	}
	for id := uint32(2000); id < 2000+3*ringEntries; id++ {
		c.put(abi.OpcodeNoop, id)
		c.service()
		c.reply(id)
	}
	for id := uint32(1); id <= many; id += 7 {
		c.put(abi.OpcodeCancel, 5000, span(id, 0)...)
		c.service()
		if r := c.reply(id); r.Result != -int64(abi.ECANCELED) {
			t.Fatalf("%d: %d", id, r.Result)
		}
		if r := c.reply(5000); r.Result != 0 {
			t.Fatalf("cancel: %d", r.Result)
		}
	}
	// They are marked, and one of them is cancelled before it is looked at.
	end()
	c.put(abi.OpcodeCancel, 5001, span(2, 0)...)
	results := c.all()
	cancelled, closed, gone := 0, 0, 0
	for _, r := range results {
		switch r {
		case -int64(abi.ECANCELED):
			cancelled++
		case 0:
			closed++
		case -int64(abi.ESRCH):
			gone++
		}
	}
	left := many - (many+6)/7
	if len(results) != left+1 || closed+cancelled+gone < left || c.slot.InFlight != 0 {
		t.Fatalf("%d answers to %d requests and a Cancel: %d closed, %d cancelled, %d gone; %d in flight", len(results), left, closed, cancelled, gone, c.slot.InFlight)
	}
}

// A client that waits for more than its part is refused; others are not, and a
// client that goes leaves nothing.
func TestWaitingIsBounded(t *testing.T) {
	c := machine(t)
	s, h := c.attached(1)
	most := kmem.Table(abi.SlotKindPendingRequest).Capacity / 2
	body, end := c.owned()
	refused := uint32(0)
	for id := uint32(1); id <= most+50; id++ {
		s.put(abi.OpcodeCloseOwner, id, body...)
		c.service()
		if r, ok := s.take(); ok {
			if r.Result != -int64(abi.EAGAIN) || r.Header.RequestId != id {
				t.Fatalf("%d: %+v", id, r)
			}
			refused++
		}
	}
	if refused != 50 || s.slot.InFlight != most {
		t.Fatalf("%d refused, %d wait", refused, s.slot.InFlight)
	}
	s.put(abi.OpcodeNoop, 9999)
	c.service()
	s.reply(9999)
	// Ready, half of them answered into a ring that nobody takes from.
	end()
	c.service()
	if used := s.slot.CompletionTail.Load() - s.slot.CompletionHead.Load(); used != replyRoom {
		t.Fatalf("%d completions in a ring that holds %d replies", used, replyRoom)
	}
	if s.slot.InFlight != most-replyRoom {
		t.Fatalf("%d in flight behind a full ring", s.slot.InFlight)
	}
	if r := c.detach(2, h); r != 0 {
		t.Fatalf("detach: %d", r)
	}
	if n := kmem.Table(abi.SlotKindPendingRequest).InUse.Load(); n != 0 {
		t.Fatalf("%d requests of a client that has left", n)
	}
	if boot.PrepareSleep() != -1 {
		t.Fatal("there is something to do")
	}
	// Its slot's next user finds a ring of its own.
	next, _ := c.attached(3)
	for id := uint32(1); id <= 2*ringEntries; id++ {
		next.put(abi.OpcodeNoop, id)
		c.service()
		next.reply(id)
	}
}

// A client that finds its submission ring full is woken when it has been read.
func TestRoomIsTold(t *testing.T) {
	c := machine(t)
	body, end := c.owned()
	for id := uint32(1); id <= ringEntries; id++ {
		c.put(abi.OpcodeCloseOwner, id, body...)
	}
	c.slot.StoreClientSleeping(1)
	for range 10 {
		c.service()
	}
	if c.slot.SubmissionHead.Load() != c.slot.SubmissionTail.Load() || c.slot.CompletionTail.Load() != c.head {
		t.Fatal("the ring was not read, or something was answered")
	}
	if c.slot.LoadClientSleeping() != 0 {
		t.Fatal("the client sleeps on")
	}
	// One that was not full wakes nobody.
	c.slot.StoreClientSleeping(1)
	c.put(abi.OpcodeCloseOwner, 9000, body...)
	c.service()
	if c.slot.LoadClientSleeping() != 1 {
		t.Fatal("the client was woken for nothing")
	}
	end()
	c.all()
}
