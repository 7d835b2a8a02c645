// Package fdtable owns the shape of a process's table of descriptors: a chain
// of FdTable slots. One has room for PerSlot descriptors, and most processes
// need no more. What the first slot says counts for all of them, and its
// sequence changes with any.
//
// It does not own the open file descriptions that the descriptors name (file).
// Everything here wants the machine lock.
package fdtable

import (
	"unsafe"

	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/kmem"
)

// PerSlot is how many descriptors one slot has room for.
const PerSlot = uint32(abi.LimitFdsPerTable)

// One frame lists the slots of a table.
const _ = uint32(abi.FixedPageSize) - uint32(abi.LimitFds)/PerSlot*4

// place is where a table's frame lists the slot of a descriptor.
func place(t abi.FdTableRef, fd uint32) *abi.FdTableRef {
	return kmem.Word[abi.FdTableRef](kmem.FdTable(t).Parts + fd/PerSlot*4)
}

// slotOf is the slot of a table that has a descriptor, for which there is room.
func slotOf(t abi.FdTableRef, fd uint32) abi.FdTableRef {
	if fd >= PerSlot {
		return *place(t, fd)
	}
	return t
}

// Entry is the place of a descriptor, which the table has room for.
func Entry(t abi.FdTableRef, fd uint32) *abi.FdEntryState {
	return &kmem.FdTable(slotOf(t, fd)).Entries[fd%PerSlot]
}

// At is the OFD of a descriptor, 0 when there is none.
func At(t abi.FdTableRef, fd uint32) abi.OfdRef {
	if fd >= kmem.FdTable(t).Count {
		return 0
	}
	return Entry(t, fd).Ofd
}

// Next is the lowest descriptor in use from `from` on; ok is false when there
// is none.
func Next(t abi.FdTableRef, from uint32) (fd uint32, ok bool) {
	count := kmem.FdTable(t).Count
	for fd = from; fd < count; {
		first := Entry(t, fd-fd%PerSlot)
		s := (*[PerSlot]abi.FdEntryState)(unsafe.Pointer(first))
		for end := min(count, fd-fd%PerSlot+PerSlot); fd < end; fd++ {
			if s[fd%PerSlot].Ofd != 0 {
				return fd, true
			}
		}
	}
	return 0, false
}

// LastInUse is one more than the highest descriptor in use.
func LastInUse(t abi.FdTableRef) uint32 {
	n := kmem.FdTable(t).Count
	for n != 0 && Entry(t, n-1).Ofd == 0 {
		n--
	}
	return n
}

// Room is how many descriptors a table has room for.
func Room(t abi.FdTableRef) uint32 {
	n := uint32(0)
	for ; t != 0; t = kmem.FdTable(t).Next {
		n += PerSlot
	}
	return n
}

// Grow gives a table room for a descriptor: ENOMEM when there is no memory.
func Grow(t abi.FdTableRef, fd uint32) abi.Errno {
	if fd < PerSlot {
		return abi.OK
	}
	first := kmem.FdTable(t)
	if first.Parts == 0 {
		if first.Parts = kmem.AllocFrame(abi.FrameTypeKernel); first.Parts == 0 {
			return abi.ENOMEM
		}
		*place(t, 0) = t
	}
	if *place(t, fd) != 0 {
		return abi.OK
	}
	for at := PerSlot; at <= fd; at += PerSlot {
		if *place(t, at) != 0 {
			continue
		}
		n := kmem.Alloc[abi.FdTableRef]()
		if n == 0 {
			Shrink(t)
			return abi.ENOMEM
		}
		*place(t, at) = n
		kmem.WriteBegin(&first.Header)
		kmem.FdTable(*place(t, at-PerSlot)).Next = n
		kmem.WriteEnd(&first.Header)
	}
	return abi.OK
}

// Begins makes the sequences of a table and of the slot that has descriptor fd odd,
// Ends makes them even again: readers of either see that fd changes.
func Begins(t abi.FdTableRef, fd uint32) {
	kmem.WriteBegin(&kmem.FdTable(t).Header)
	if part := slotOf(t, fd); part != t {
		kmem.WriteBegin(&kmem.FdTable(part).Header)
	}
}

// Ends is the other half of Begins.
func Ends(t abi.FdTableRef, fd uint32) {
	if part := slotOf(t, fd); part != t {
		kmem.WriteEnd(&kmem.FdTable(part).Header)
	}
	kmem.WriteEnd(&kmem.FdTable(t).Header)
}

// Shrink frees the slots behind what a table has in use.
func Shrink(t abi.FdTableRef) {
	first := kmem.FdTable(t)
	if first.Parts == 0 {
		return
	}
	last := kmem.FdTable(*place(t, max(first.Count, 1)-1))
	i := last.Next
	kmem.WriteBegin(&first.Header)
	last.Next = 0
	kmem.WriteEnd(&first.Header)
	for at := max(first.Count, 1) - 1 + PerSlot; i != 0; at += PerSlot {
		next := kmem.FdTable(i).Next
		kmem.Free(i)
		*place(t, at) = 0
		i = next
	}
	if first.Next == 0 {
		kmem.UnrefFrame(first.Parts)
		first.Parts = 0
	}
}

// Copy makes a table with the same descriptors; 0 when there are no slots.
func Copy(t abi.FdTableRef) abi.FdTableRef {
	n := kmem.Alloc[abi.FdTableRef]()
	if n == 0 {
		return 0
	}
	count := kmem.FdTable(t).Count
	if count > PerSlot && Grow(n, count-1) != abi.OK {
		kmem.Free(n)
		return 0
	}
	for fd := uint32(0); fd < count; fd += PerSlot {
		most := min(count-fd, PerSlot)
		Begins(n, fd)
		copy(kmem.FdTable(slotOf(n, fd)).Entries[:most], kmem.FdTable(slotOf(t, fd)).Entries[:most])
		Ends(n, fd)
	}
	first := kmem.FdTable(n)
	kmem.WriteBegin(&first.Header)
	first.Count, first.FirstFree = count, kmem.FdTable(t).FirstFree
	kmem.WriteEnd(&first.Header)
	return n
}
