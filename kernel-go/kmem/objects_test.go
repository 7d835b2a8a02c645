package kmem_test

import (
	"testing"

	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/kmem"
	"foreshore.dev/kernel/kmem/kmemtest"
)

// fails says whether something stops the machine.
func fails(t *testing.T, what string, do func()) {
	t.Helper()
	defer func() {
		if recover() == nil {
			t.Errorf("%s does not stop the machine", what)
		}
	}()
	do()
}

// Broken invariants of slots, references and objects are found where they begin.
func TestBrokenReferences(t *testing.T) {
	kmemtest.New(t, 64)
	pipe, ofd := kmem.Alloc[abi.PipeRef](), kmem.Alloc[abi.OfdRef]()
	o := kmem.Ofd(ofd)
	setKind := func(kind abi.OfdKind) {
		kmem.WriteBegin(&o.Header)
		o.State.Kind = kind
		kmem.WriteEnd(&o.Header)
	}
	setKind(abi.OfdKindFifo)
	kmem.SetObject(o, pipe)
	if got := kmem.PipeOf(o); got != pipe {
		t.Fatalf("object %d, want %d", got, pipe)
	}
	kmem.Free(pipe)
	fails(t, "an object that was freed", func() { kmem.PipeOf(o) })
	if again := kmem.Alloc[abi.PipeRef](); again != pipe {
		t.Fatalf("slot %d, want %d again", again, pipe)
	}
	fails(t, "an object whose slot is another's", func() { kmem.PipeOf(o) })
	setKind(abi.OfdKindFile)
	fails(t, "the object of a kind that has none", func() { kmem.PipeOf(o) })

	kmem.Ref(&o.Header)
	fails(t, "freeing what another holds", func() { kmem.Free(ofd) })
	if kmem.Unref(&o.Header) || !kmem.Unref(&o.Header) {
		t.Error("the second of two references is the last")
	}
	fails(t, "a reference below 0", func() { kmem.Unref(&o.Header) })
	fails(t, "a reference to what has none", func() { kmem.Ref(&o.Header) })
	kmem.Free(ofd)
	fails(t, "freeing twice", func() { kmem.Free(ofd) })

	frame := kmem.AllocFrame(abi.FrameTypeKernel)
	kmem.UnrefFrame(frame)
	fails(t, "a reference to a free frame", func() { kmem.RefFrame(frame) })
	fails(t, "a free frame's reference that goes", func() { kmem.UnrefFrame(frame) })
	none, all := uint32(0), ^uint32(0)
	fails(t, "a count below 0", func() { kmem.Down(&none) })
	fails(t, "a count that wraps", func() { kmem.Up(&all) })
}
