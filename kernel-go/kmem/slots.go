package kmem

import (
	"unsafe"

	"foreshore.dev/kernel/abi"
)

// bases and strides are copies of the header's tables (derive): two loads a slot.
var bases, strides [abi.SlotKinds]uint32

func slotAddr(kind abi.SlotKind, i uint32) uint32 { return bases[kind] + i*strides[kind] }

// used is slotAddr of a slot that is in use.
func used(kind abi.SlotKind, i uint32) uint32 {
	check(kind, i)
	return slotAddr(kind, i)
}

// SlotAt is the header of slot i of a table; every slot struct starts with one.
func SlotAt(kind abi.SlotKind, i uint32) *abi.SlotHeader {
	return (*abi.SlotHeader)(Ptr(slotAddr(kind, i)))
}

// Table describes a slot table.
func Table(kind abi.SlotKind) *abi.SlotTable { return &Header().Tables[kind] }

// AllocOf takes a zeroed slot with one reference; 0 when the table is full.
func AllocOf(kind abi.SlotKind) uint32 {
	t := Table(kind)
	i := t.FreeHead
	if i == 0 {
		i = t.HighWater.Load()
		if i >= t.Capacity {
			return 0
		}
		t.HighWater.Store(i + 1)
	} else {
		t.FreeHead = SlotAt(kind, i).NextFree
	}
	h := SlotAt(kind, i)
	WriteBegin(h)
	body := slotAddr(kind, i) + uint32(unsafe.Sizeof(abi.SlotHeader{}))
	Zero(body, t.Stride-uint32(unsafe.Sizeof(abi.SlotHeader{})))
	h.NextFree, h.Refs = 0, 1
	assert(h.Generation.Add(1)&1 == 1)
	WriteEnd(h)
	t.InUse.Add(1)
	return i
}

// FreeOf gives a slot back; handles to it are stale from now on.
func FreeOf(kind abi.SlotKind, i uint32) {
	t := Table(kind)
	h := SlotAt(kind, i)
	// Only what nobody else holds goes.
	assert(i != 0 && h.Generation.Load()&1 == 1 && h.Refs <= 1)
	WriteBegin(h)
	h.Generation.Add(1)
	h.NextFree, h.Refs = t.FreeHead, 0
	WriteEnd(h)
	t.FreeHead = i
	t.InUse.Add(^uint32(0))
}

// LookupOf turns a handle from outside into a slot index, 0 when it is stale or
// was never valid.
func LookupOf(kind abi.SlotKind, h abi.SlotHandle) uint32 {
	t := Table(kind)
	if h.Index == 0 || h.Index >= t.HighWater.Load() || h.Generation&1 == 0 || SlotAt(kind, h.Index).Generation.Load() != h.Generation {
		return 0
	}
	return h.Index
}

// HandleOf is how slot i is named outside the kernel.
func HandleOf(kind abi.SlotKind, i uint32) abi.SlotHandle {
	return abi.SlotHandle{Index: i, Generation: SlotAt(kind, i).Generation.Load()}
}

// The same where the type of the reference says of which table.

// Alloc takes a zeroed slot with one reference; 0 when the table is full.
func Alloc[R abi.Ref]() R {
	var r R
	return R(AllocOf(r.Kind()))
}

// Free gives a slot back; handles to it are stale from now on.
func Free[R abi.Ref](r R) { FreeOf(r.Kind(), uint32(r)) }

// Lookup turns a handle from outside into a reference, 0 when it is stale or was
// never valid.
func Lookup[R abi.Ref](h abi.SlotHandle) R {
	var r R
	return R(LookupOf(r.Kind(), h))
}

// Slot is the header of a slot.
func Slot[R abi.Ref](r R) *abi.SlotHeader { return SlotAt(r.Kind(), uint32(r)) }

// at is where a slot lies that is in use.
func at[R abi.Ref](r R) unsafe.Pointer { return Ptr(used(r.Kind(), uint32(r))) }

// InUse says whether a slot is in use: what whoever goes through a whole table
// asks first.
func InUse[R abi.Ref](r R) bool { return Slot(r).Generation.Load()&1 == 1 }

// End is one more than the highest index of a table that was ever used.
func End[R abi.Ref]() R {
	var r R
	return R(Table(r.Kind()).HighWater.Load())
}

// Handle is how a slot is named outside the kernel.
func Handle[R abi.Ref](r R) abi.SlotHandle { return HandleOf(r.Kind(), uint32(r)) }

// Held is the slot that a handle names which stands for a reference, 0 for none:
// it cannot have been freed meanwhile.
func Held[R abi.Ref](h abi.SlotHandle) R {
	var r R
	Assert(h.Index == 0 || SlotAt(r.Kind(), h.Index).Generation.Load() == h.Generation, "what is held is not freed")
	return R(h.Index)
}

// SetName gives a process or thread its name, which readers outside the kernel
// see whole.
func SetName(h *abi.SlotHeader, name, to *[16]uint8) {
	WriteBegin(h)
	*name = *to
	WriteEnd(h)
}

func Hart(i uint32) *abi.HartSlot                              { return (*abi.HartSlot)(Ptr(used(abi.SlotKindHart, i))) }
func Client(i uint32) *abi.ClientSlot                          { return (*abi.ClientSlot)(Ptr(used(abi.SlotKindClient, i))) }
func Owner(i abi.OwnerRef) *abi.OwnerSlot                      { return (*abi.OwnerSlot)(at(i)) }
func Process(i abi.ProcessRef) *abi.ProcessSlot                { return (*abi.ProcessSlot)(at(i)) }
func Thread(i abi.ThreadRef) *abi.ThreadSlot                   { return (*abi.ThreadSlot)(at(i)) }
func AddressSpace(i abi.AddressSpaceRef) *abi.AddressSpaceSlot { return (*abi.AddressSpaceSlot)(at(i)) }
func Vma(i abi.VmaRef) *abi.VmaSlot                            { return (*abi.VmaSlot)(at(i)) }
func FdTable(i abi.FdTableRef) *abi.FdTableSlot                { return (*abi.FdTableSlot)(at(i)) }
func Ofd(i abi.OfdRef) *abi.OfdSlot                            { return (*abi.OfdSlot)(at(i)) }
func Pipe(i abi.PipeRef) *abi.PipeSlot                         { return (*abi.PipeSlot)(at(i)) }
func Inode(i abi.InodeRef) *abi.InodeSlot                      { return (*abi.InodeSlot)(at(i)) }
func Dentry(i abi.DentryRef) *abi.DentrySlot                   { return (*abi.DentrySlot)(at(i)) }
func Sighand(i abi.SighandRef) *abi.SighandSlot                { return (*abi.SighandSlot)(at(i)) }
func SigInfo(i abi.SigInfoRef) *abi.SigInfoSlot                { return (*abi.SigInfoSlot)(at(i)) }
func WaitEntry(i abi.WaitEntryRef) *abi.WaitEntrySlot          { return (*abi.WaitEntrySlot)(at(i)) }
func Epoll(i abi.EpollRef) *abi.EpollSlot                      { return (*abi.EpollSlot)(at(i)) }
func EpollItem(i abi.EpollItemRef) *abi.EpollItemSlot          { return (*abi.EpollItemSlot)(at(i)) }
func Eventfd(i abi.EventfdRef) *abi.EventfdSlot                { return (*abi.EventfdSlot)(at(i)) }
func Tty(i abi.TtyRef) *abi.TtySlot                            { return (*abi.TtySlot)(at(i)) }
func FsContext(i abi.FsContextRef) *abi.FsContextSlot          { return (*abi.FsContextSlot)(at(i)) }
func Pending(i abi.PendingRequestRef) *abi.PendingRequestSlot {
	return (*abi.PendingRequestSlot)(at(i))
}
func FileLock(i abi.FileLockRef) *abi.FileLockSlot { return (*abi.FileLockSlot)(at(i)) }
func Mount(i abi.MountRef) *abi.MountSlot          { return (*abi.MountSlot)(at(i)) }
func Socket(i abi.SocketRef) *abi.SocketSlot       { return (*abi.SocketSlot)(at(i)) }
func SocketMessage(i abi.SocketMessageRef) *abi.SocketMessageSlot {
	return (*abi.SocketMessageSlot)(at(i))
}
func User(i abi.UserRef) *abi.UserSlot                   { return (*abi.UserSlot)(at(i)) }
func PosixTimer(i abi.PosixTimerRef) *abi.PosixTimerSlot { return (*abi.PosixTimerSlot)(at(i)) }
