package kmem

import (
	"unsafe"

	"foreshore.dev/kernel/abi"
)

// bases and strides are copies of the header's tables (derive): two loads a slot.
var bases, strides [abi.SlotKindCount]uint32

func slotAddr(kind abi.SlotKind, i uint32) uint32 { return bases[kind] + i*strides[kind] }

// used is slotAddr of a slot that is in use.
func used(kind abi.SlotKind, i uint32) uint32 {
	check(kind, i)
	return slotAddr(kind, i)
}

// InUse says whether slot i of a table is in use: what whoever goes through a
// whole table asks first.
func InUse(kind abi.SlotKind, i uint32) bool { return Slot(kind, i).Generation.Load()&1 == 1 }

// Slot is the header of slot i of a table; every slot struct starts with one.
func Slot(kind abi.SlotKind, i uint32) *abi.SlotHeader {
	return (*abi.SlotHeader)(Ptr(slotAddr(kind, i)))
}

// Table describes a slot table.
func Table(kind abi.SlotKind) *abi.SlotTable { return &Header().Tables[kind] }

// Alloc takes a zeroed slot with one reference; 0 when the table is full.
func Alloc(kind abi.SlotKind) uint32 {
	t := Table(kind)
	i := t.FreeHead
	if i == 0 {
		i = t.HighWater.Load()
		if i >= t.Capacity {
			return 0
		}
		t.HighWater.Store(i + 1)
	} else {
		t.FreeHead = Slot(kind, i).NextFree
	}
	h := Slot(kind, i)
	WriteBegin(h)
	body := slotAddr(kind, i) + uint32(unsafe.Sizeof(abi.SlotHeader{}))
	Zero(body, t.Stride-uint32(unsafe.Sizeof(abi.SlotHeader{})))
	h.NextFree, h.Refs = 0, 1
	assert(h.Generation.Add(1)&1 == 1)
	WriteEnd(h)
	t.InUse.Add(1)
	return i
}

// Free gives a slot back; handles to it are stale from now on.
func Free(kind abi.SlotKind, i uint32) {
	t := Table(kind)
	h := Slot(kind, i)
	// Only what nobody else holds goes.
	assert(i != 0 && h.Generation.Load()&1 == 1 && h.Refs <= 1)
	WriteBegin(h)
	h.Generation.Add(1)
	h.NextFree, h.Refs = t.FreeHead, 0
	WriteEnd(h)
	t.FreeHead = i
	t.InUse.Add(^uint32(0))
}

// Lookup turns a handle from outside into a slot index, 0 when it is stale or
// was never valid.
func Lookup(kind abi.SlotKind, h abi.SlotHandle) uint32 {
	t := Table(kind)
	if h.Index == 0 || h.Index >= t.HighWater.Load() || h.Generation&1 == 0 || Slot(kind, h.Index).Generation.Load() != h.Generation {
		return 0
	}
	return h.Index
}

// Handle is how slot i is named outside the kernel.
func Handle(kind abi.SlotKind, i uint32) abi.SlotHandle {
	return abi.SlotHandle{Index: i, Generation: Slot(kind, i).Generation.Load()}
}

// Held is the slot that a handle names which stands for a reference, 0 for none:
// it cannot have been freed meanwhile.
func Held(kind abi.SlotKind, h abi.SlotHandle) uint32 {
	Assert(h.Index == 0 || Slot(kind, h.Index).Generation.Load() == h.Generation, "what is held is not freed")
	return h.Index
}

// SetName gives a process or thread its name, which readers outside the kernel
// see whole.
func SetName(h *abi.SlotHeader, name, to *[16]uint8) {
	WriteBegin(h)
	*name = *to
	WriteEnd(h)
}

func Hart(i uint32) *abi.HartSlot     { return (*abi.HartSlot)(Ptr(used(abi.SlotKindHart, i))) }
func Client(i uint32) *abi.ClientSlot { return (*abi.ClientSlot)(Ptr(used(abi.SlotKindClient, i))) }
func Owner(i uint32) *abi.OwnerSlot   { return (*abi.OwnerSlot)(Ptr(used(abi.SlotKindOwner, i))) }
func Process(i uint32) *abi.ProcessSlot {
	return (*abi.ProcessSlot)(Ptr(used(abi.SlotKindProcess, i)))
}
func Thread(i uint32) *abi.ThreadSlot { return (*abi.ThreadSlot)(Ptr(used(abi.SlotKindThread, i))) }
func AddressSpace(i uint32) *abi.AddressSpaceSlot {
	return (*abi.AddressSpaceSlot)(Ptr(used(abi.SlotKindAddressSpace, i)))
}
func Vma(i uint32) *abi.VmaSlot { return (*abi.VmaSlot)(Ptr(used(abi.SlotKindVma, i))) }
func FdTable(i uint32) *abi.FdTableSlot {
	return (*abi.FdTableSlot)(Ptr(used(abi.SlotKindFdTable, i)))
}
func Ofd(i uint32) *abi.OfdSlot       { return (*abi.OfdSlot)(Ptr(used(abi.SlotKindOfd, i))) }
func Pipe(i uint32) *abi.PipeSlot     { return (*abi.PipeSlot)(Ptr(used(abi.SlotKindPipe, i))) }
func Inode(i uint32) *abi.InodeSlot   { return (*abi.InodeSlot)(Ptr(used(abi.SlotKindInode, i))) }
func Dentry(i uint32) *abi.DentrySlot { return (*abi.DentrySlot)(Ptr(used(abi.SlotKindDentry, i))) }
func Sighand(i uint32) *abi.SighandSlot {
	return (*abi.SighandSlot)(Ptr(used(abi.SlotKindSighand, i)))
}
func SigInfo(i uint32) *abi.SigInfoSlot {
	return (*abi.SigInfoSlot)(Ptr(used(abi.SlotKindSigInfo, i)))
}
func WaitEntry(i uint32) *abi.WaitEntrySlot {
	return (*abi.WaitEntrySlot)(Ptr(used(abi.SlotKindWaitEntry, i)))
}
func Epoll(i uint32) *abi.EpollSlot { return (*abi.EpollSlot)(Ptr(used(abi.SlotKindEpoll, i))) }
func EpollItem(i uint32) *abi.EpollItemSlot {
	return (*abi.EpollItemSlot)(Ptr(used(abi.SlotKindEpollItem, i)))
}
func Eventfd(i uint32) *abi.EventfdSlot {
	return (*abi.EventfdSlot)(Ptr(used(abi.SlotKindEventfd, i)))
}
func Tty(i uint32) *abi.TtySlot { return (*abi.TtySlot)(Ptr(used(abi.SlotKindTty, i))) }
func FsContext(i uint32) *abi.FsContextSlot {
	return (*abi.FsContextSlot)(Ptr(used(abi.SlotKindFsContext, i)))
}
func Pending(i uint32) *abi.PendingRequestSlot {
	return (*abi.PendingRequestSlot)(Ptr(used(abi.SlotKindPendingRequest, i)))
}
func FileLock(i uint32) *abi.FileLockSlot {
	return (*abi.FileLockSlot)(Ptr(used(abi.SlotKindFileLock, i)))
}
func Mount(i uint32) *abi.MountSlot { return (*abi.MountSlot)(Ptr(used(abi.SlotKindMount, i))) }
func User(i uint32) *abi.UserSlot {
	return (*abi.UserSlot)(Ptr(used(abi.SlotKindUser, i)))
}
func PosixTimer(i uint32) *abi.PosixTimerSlot {
	return (*abi.PosixTimerSlot)(Ptr(used(abi.SlotKindPosixTimer, i)))
}
