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
