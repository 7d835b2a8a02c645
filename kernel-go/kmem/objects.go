package kmem

import "foreshore.dev/kernel/abi"

// What an open file description stands for: a slot of the table that its kind
// names (OfdKind.Object).

// SetObject gives an open file description its object.
func SetObject[R abi.Ref](o *abi.OfdSlot, r R) {
	WriteBegin(&o.Header)
	o.State.Object, o.Live.ObjectGeneration = uint32(r), Slot(r).Generation.Load()
	WriteEnd(&o.Header)
}

// Object is the slot that an open file description stands for. It is the one
// that the description was made for: a slot that was freed under it, and may be
// another's now, stops the machine.
func Object[R abi.Ref](o *abi.OfdSlot) R {
	r := R(o.State.Object)
	assert(o.State.Kind.Object() == r.Kind() && r != 0 && Slot(r).Generation.Load() == o.Live.ObjectGeneration)
	return r
}

// Ref adds a reference to a slot that has one.
func Ref(h *abi.SlotHeader) {
	assert(h.Refs != 0 && h.Refs != ^uint32(0))
	h.Refs++
}

// HoldOfd adds a reference to an open file description; viewers show how many hold it.
func HoldOfd(i abi.OfdRef) {
	Ref(&Ofd(i).Header)
	Changed(1 << abi.SlotKindOfd)
}

// Unref takes a reference away and says whether it was the last.
func Unref(h *abi.SlotHeader) bool {
	assert(h.Refs != 0)
	h.Refs--
	return h.Refs == 0
}

// Up adds one to a count of a slot's users, and Down takes one away: a count
// neither wraps nor goes below 0.
func Up(n *uint32) {
	assert(*n != ^uint32(0))
	*n++
}

// Down is the other half of Up.
func Down(n *uint32) {
	assert(*n != 0)
	*n--
}

// What a description of each kind stands for.

func PipeOf(o *abi.OfdSlot) abi.PipeRef       { return Object[abi.PipeRef](o) }
func EpollOf(o *abi.OfdSlot) abi.EpollRef     { return Object[abi.EpollRef](o) }
func EventfdOf(o *abi.OfdSlot) abi.EventfdRef { return Object[abi.EventfdRef](o) }
func SocketOf(o *abi.OfdSlot) abi.SocketRef   { return Object[abi.SocketRef](o) }
func TtyOf(o *abi.OfdSlot) abi.TtyRef         { return Object[abi.TtyRef](o) }
