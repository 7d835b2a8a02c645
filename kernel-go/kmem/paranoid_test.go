//go:build paranoid

package kmem_test

import (
	"testing"

	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/kmem"
	"foreshore.dev/kernel/kmem/kmemtest"
)

// Wrong uses of slots that other builds do not see end the machine here.
func TestParanoid(t *testing.T) {
	kmemtest.New(t, 64)
	defer kmem.Unlock()
	i := kmem.Alloc[abi.PipeRef]()
	p := kmem.Pipe(i)
	kmem.Free(i)
	fails(t, "a use of a freed slot", func() { kmem.Pipe(i) })
	fails(t, "a use of slot 0", func() { kmem.Pipe(0) })
	fails(t, "a use of a slot that never was", func() { kmem.Pipe(i + 1) })
	i = kmem.Alloc[abi.PipeRef]()
	if kmem.Pipe(i) != p {
		t.Fatal("another slot")
	}
	kmem.Unlock()
	fails(t, "a use without the machine lock", func() { kmem.Pipe(i) })
	kmem.Lock(kmem.WorkerIndex)
	fails(t, "an end without a begin", func() { kmem.WriteEnd(&p.Header) })
	p.Header.Seq.Store(0)
	kmem.WriteBegin(&p.Header)
	fails(t, "a begin within a change", func() { kmem.WriteBegin(&p.Header) })
	p.Header.Seq.Store(1)
	fails(t, "the lock given back within a change", kmem.Unlock)
	kmem.WriteEnd(&p.Header)
}

// What the schema says to lie under a slot's sequence changes with it only, from
// when the slot counts: readers outside the kernel rely on it.
func TestWordsUnderTheSequence(t *testing.T) {
	pipe := func(t *testing.T) *abi.PipeSlot {
		kmemtest.New(t, 64)
		return kmem.Pipe(kmem.Alloc[abi.PipeRef]())
	}
	change := func(p *abi.PipeSlot, inode abi.InodeRef, head uint32) {
		kmem.WriteBegin(&p.Header)
		p.Live.Inode, p.State.Queue.Head = inode, head
		kmem.WriteEnd(&p.Header)
	}
	t.Run("before it counts", func(t *testing.T) {
		p := pipe(t)
		p.State.Queue.Head = 5
		kmem.Unlock()
		kmem.Lock(kmem.WorkerIndex)
		change(p, 1, 6)
		kmem.Unlock()
	})
	t.Run("found when the lock is given back", func(t *testing.T) {
		p := pipe(t)
		change(p, 1, 0)
		p.State.Queue.Head = 5
		fails(t, "a change beside the sequence", kmem.Unlock)
	})
	t.Run("found at the next change", func(t *testing.T) {
		p := pipe(t)
		change(p, 1, 0)
		kmem.Unlock()
		kmem.Lock(kmem.WorkerIndex)
		p.State.Queue.Head = 5
		fails(t, "a change beside the sequence", func() { kmem.WriteBegin(&p.Header) })
		p.State.Queue.Head = 0
		p.Header.Seq.Store(0)
		kmem.Unlock()
	})
	t.Run("found in time where nothing changes", func(t *testing.T) {
		p := pipe(t)
		change(p, 1, 0)
		kmem.Unlock()
		p.State.Queue.Head = 5
		kmem.Lock(kmem.WorkerIndex)
		fails(t, "a change beside the sequence", kmem.Unlock)
	})
	t.Run("links are free", func(t *testing.T) {
		p := pipe(t)
		change(p, 1, 0)
		p.Live.ReadWait = 7
		kmem.Unlock()
	})
}
