package rpc_test

import (
	"encoding/binary"
	"testing"
	"unsafe"

	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/boot"
	"foreshore.dev/kernel/host"
	"foreshore.dev/kernel/kmem"
	"foreshore.dev/kernel/rpc"
	"foreshore.dev/kernel/sched"
)

const (
	ringEntries = uint32(abi.FixedRingEntries)
	entryBytes  = uint32(abi.FixedRingEntryBytes)
	replyRoom   = ringEntries - uint32(abi.FixedRingEventRoom)
)

// client drives the rings of one client slot as a host would.
type client struct {
	t    testing.TB
	slot *abi.ClientSlot
	head uint32
}

// machine boots a whole machine on fresh memory and gives its client 0.
func machine(t testing.TB) *client {
	t.Helper()
	const mib = 40
	mem := make([]byte, mib<<20+4096)
	skip := (4096 - uintptr(unsafe.Pointer(unsafe.SliceData(mem)))&4095) & 4095
	kmem.UseRegion(mem[skip : skip+mib<<20])
	host.Native.Log = func(abi.LogLevel, []byte) {}
	if e := boot.Boot(kmem.Config{MemoryMaxPages: mib << 4, Harts: 1, Clients: 2}); e != abi.OK {
		t.Fatalf("boot: %v", e)
	}
	return &client{t: t, slot: kmem.Client(0)}
}

func (c *client) service() {
	kmem.Lock(kmem.WorkerIndex)
	rpc.Service(sched.For(kmem.WorkerIndex))
	kmem.Unlock()
}

// put writes an entry to the next place of the submission ring, and publishes it.
func (c *client) put(opcode abi.Opcode, id uint32, body ...byte) {
	tail := c.slot.SubmissionTail.Load()
	entry := kmem.Bytes(c.slot.SubmissionBase+tail%ringEntries*entryBytes, entryBytes)
	clear(entry)
	binary.LittleEndian.PutUint16(entry, uint16(opcode))
	binary.LittleEndian.PutUint32(entry[4:], id)
	copy(entry[8:], body)
	c.slot.SubmissionTail.Store(tail + 1)
}

// take reads the next completion; ok is false when there is none.
func (c *client) take() (r abi.ReplyEvent, ok bool) {
	if c.head == c.slot.CompletionTail.Load() {
		return r, false
	}
	r = *(*abi.ReplyEvent)(kmem.Ptr(c.slot.CompletionBase + c.head%ringEntries*entryBytes))
	c.head++
	c.slot.CompletionHead.Store(c.head)
	return r, true
}

func (c *client) reply(id uint32) abi.ReplyEvent {
	c.t.Helper()
	r, ok := c.take()
	if !ok || r.Header.Opcode != abi.OpcodeReply || r.Header.RequestId != id {
		c.t.Fatalf("got %+v (%v), want the reply to %d", r, ok, id)
	}
	return r
}

// The rings are full, drained, and used past the end of their indices.
func TestRingsWrap(t *testing.T) {
	c := machine(t)
	const start = ^uint32(0) - 300
	c.slot.SubmissionTail.Store(start)
	c.slot.SubmissionHead.Store(start)
	c.slot.CompletionTail.Store(start)
	c.slot.CompletionHead.Store(start)
	c.head = start
	id, want := uint32(0), uint32(0)
	for range 20 {
		for range ringEntries {
			id++
			c.put(abi.OpcodeNoop, id)
		}
		// A client that takes nothing is served until its completions are full.
		for range 10 {
			c.service()
		}
		if n := c.slot.CompletionTail.Load() - c.head; n != replyRoom {
			t.Fatalf("%d completions, want %d", n, replyRoom)
		}
		if kmem.Header().KernelDoorbell.Load() == 0 {
			t.Fatal("nobody is told that there is more")
		}
		for {
			if c.head == c.slot.CompletionTail.Load() {
				c.service()
			}
			if c.head == c.slot.CompletionTail.Load() {
				break
			}
			want++
			c.reply(want)
		}
		if want != id {
			t.Fatalf("%d replies to %d requests", want, id)
		}
	}
}

func span(offset, length uint32) []byte {
	return binary.LittleEndian.AppendUint32(binary.LittleEndian.AppendUint32(nil, offset), length)
}

// A request that waits is answered once: by what it waits for, or by Cancel.
func TestCancel(t *testing.T) {
	c := machine(t)
	c.put(abi.OpcodeCreateOwner, 1)
	c.service()
	owner := c.reply(1).Handle
	handle := span(owner.Index, owner.Generation)
	// A FIFO has no reader: opening it for writing waits.
	arena := kmem.Bytes(c.slot.ArenaBase, 64)
	copy(arena, "/tmp/f")
	c.put(abi.OpcodeCancel, 2, span(99, 0)...)
	c.put(abi.OpcodeCloseOwner, 3, handle...)
	c.put(abi.OpcodeCloseOwner, 4, handle...)
	c.service()
	if r := c.reply(2); r.Result != -int64(abi.ENOENT) {
		t.Errorf("cancel of nothing: %d", r.Result)
	}
	if r := c.reply(3); r.Result != 0 {
		t.Errorf("close: %d", r.Result)
	}
	if r := c.reply(4); r.Result != -int64(abi.ESRCH) {
		t.Errorf("stale handle: %d", r.Result)
	}
	if _, more := c.take(); more || c.slot.InFlight != 0 {
		t.Errorf("more completions, or %d in flight", c.slot.InFlight)
	}
}

// Indices of the client that make no sense are nobody's problem but its own.
func TestHostileIndices(t *testing.T) {
	c := machine(t)
	for _, tail := range []uint32{1 << 31, ^uint32(0), ringEntries + 1, 1<<31 + 5} {
		c.slot.SubmissionTail.Store(tail)
		c.service()
		if c.slot.SubmissionHead.Load() != 0 || c.slot.CompletionTail.Load() != 0 {
			t.Fatalf("tail %d was believed", tail)
		}
		if !rpc.PrepareSleep() {
			t.Fatalf("tail %d keeps the kernel worker awake", tail)
		}
	}
	c.slot.SubmissionTail.Store(0)
	for _, head := range []uint32{1, 1 << 31, ^uint32(0) - 1000} {
		// A head beyond the tail counts as a full ring: nothing is served.
		c.slot.CompletionHead.Store(head)
		tail := c.slot.SubmissionTail.Load()
		c.put(abi.OpcodeNoop, 7)
		c.service()
		if c.slot.SubmissionHead.Load() != tail {
			t.Fatalf("head %d was believed", head)
		}
		c.slot.SubmissionTail.Store(tail)
	}
	c.slot.CompletionHead.Store(0)
	c.put(abi.OpcodeNoop, 8)
	c.service()
	c.reply(8)
}
