package rpc_test

import (
	"encoding/binary"
	"testing"

	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/kmem"
)

// attached gives the machine a further client, by a request of c.
func (c *client) attached(id uint32) (*client, abi.SlotHandle) {
	c.t.Helper()
	c.put(abi.OpcodeAttachClient, id)
	c.service()
	r := c.reply(id)
	if r.Result != 0 {
		c.t.Fatalf("attach: %d", r.Result)
	}
	return &client{t: c.t, slot: kmem.Client(r.Handle.Index)}, r.Handle
}

func handleBytes(h abi.SlotHandle) []byte {
	b := binary.LittleEndian.AppendUint32(nil, h.Index)
	return binary.LittleEndian.AppendUint32(b, h.Generation)
}

// detach is DetachClient's result.
func (c *client) detach(id uint32, h abi.SlotHandle) int64 {
	c.t.Helper()
	c.put(abi.OpcodeDetachClient, id, handleBytes(h)...)
	c.service()
	return c.reply(id).Result
}

// owners is how many process owners there are.
func owners() uint32 { return kmem.Table(abi.SlotKindOwner).InUse.Load() }

// A client leaves by itself, or is detached: its slot, requests and owners are
// free again, and its handle is stale.
func TestClientsLeave(t *testing.T) {
	c := machine(t)
	before := owners()
	leave := func(s *client, h abi.SlotHandle) {
		s.slot.StoreState(abi.ClientStateLost)
		c.service()
	}
	detach := func(_ *client, h abi.SlotHandle) {
		if r := c.detach(2, h); r != 0 {
			t.Fatalf("detach: %d", r)
		}
	}
	var last abi.SlotHandle
	for round, end := range []func(*client, abi.SlotHandle){leave, detach, leave} {
		s, h := c.attached(1)
		if h.Index != 1 || h == last || h.Generation&1 != 1 {
			t.Fatalf("round %d: handle %v after %v", round, h, last)
		}
		last = h
		s.put(abi.OpcodeCreateOwner, 7, 0, 0, 0, 0)
		c.service()
		if r := s.reply(7); r.Result != 0 || kmem.Owner(abi.OwnerRef(r.Handle.Index)).Client != 1 || owners() != before+1 {
			t.Fatalf("owner: %+v, %d of them", r, owners())
		}
		// What it has left in its ring is nobody's.
		s.put(abi.OpcodeNoop, 9)
		s.slot.CompletionHead.Store(12345)
		end(s, h)
		if s.slot.LoadState() != abi.ClientStateFree || owners() != before || s.slot.InFlight != 0 {
			t.Fatalf("round %d: state %d, %d owners, %d in flight", round, s.slot.LoadState(), owners(), s.slot.InFlight)
		}
		if r := c.detach(3, h); r != -int64(abi.ESRCH) {
			t.Fatalf("a client that is gone: %d", r)
		}
	}
}

// Nobody detaches the Runtime, itself, or who has come since; and there are as
// many clients as there are.
func TestClientsRefused(t *testing.T) {
	c := machine(t)
	s, h := c.attached(1)
	c.put(abi.OpcodeAttachClient, 2)
	c.service()
	if r := c.reply(2); r.Result != -int64(abi.ENOSPC) {
		t.Fatalf("a third of two: %d", r.Result)
	}
	if r := s.detach(4, h); r != -int64(abi.EINVAL) {
		t.Fatalf("itself: %d", r)
	}
	if r := s.detach(5, kmem.HandleOf(abi.SlotKindClient, 0)); r != -int64(abi.EINVAL) {
		t.Fatalf("the Runtime: %d", r)
	}
	for _, wrong := range []abi.SlotHandle{{Index: 1, Generation: h.Generation + 2}, {Index: 1}, {Index: 99, Generation: 1}, {Index: ^uint32(0), Generation: ^uint32(0)}} {
		if r := c.detach(6, wrong); r != -int64(abi.ESRCH) {
			t.Fatalf("%v: %d", wrong, r)
		}
	}
	// The Runtime's own slot never counts as lost.
	c.slot.StoreState(abi.ClientStateLost)
	c.service()
	c.slot.StoreState(abi.ClientStateAttached)
	c.put(abi.OpcodeNoop, 8)
	c.service()
	if r := c.reply(8); r.Result != 0 {
		t.Fatal(r)
	}
}
