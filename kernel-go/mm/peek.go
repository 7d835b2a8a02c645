package mm

import (
	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/kmem"
	"foreshore.dev/kernel/pagecache"
	"foreshore.dev/kernel/sched"
)

// Peek copies n bytes of user memory as the trace sees them, without an effect
// that a guest could notice: no page is mapped, no stack grows, nothing counts.
// It returns how many bytes there were before an error: EFAULT for memory that
// may not be read, EBLOCKED (only when wait is set) where a page's bytes have yet
// to come in; the caller then is registered to be woken.
func Peek(c *sched.Ctx, asIndex abi.AddressSpaceRef, dst uint32, va uint64, n uint32, wait bool) (uint32, abi.Errno) {
	done := uint32(0)
	for done < n {
		frame, e := peekFrame(c, asIndex, va, wait)
		if e != abi.OK {
			return done, e
		}
		off := uint32(va) & kmem.PageMask
		part := min(n-done, kmem.PageSize-off)
		copy(kmem.Bytes(dst+done, part), kmem.Bytes(frame+off, part))
		done += part
		va += uint64(part)
	}
	return done, abi.OK
}

// peekFrame is the frame with the bytes of a user page.
func peekFrame(c *sched.Ctx, asIndex abi.AddressSpaceRef, va uint64, wait bool) (uint32, abi.Errno) {
	if va >= UserEnd || asIndex == 0 {
		return 0, abi.EFAULT
	}
	as, page := kmem.AddressSpace(asIndex), uint32(va>>kmem.PageShift)
	i := find(as, page)
	if i == 0 {
		return 0, abi.EFAULT
	}
	v := kmem.Vma(i)
	if v.Flags&(abi.VmaFlagRead|abi.VmaFlagWrite) == 0 {
		return 0, abi.EFAULT
	}
	if pte := pteOf(as, page); pte&ptePresent != 0 {
		return pte &^ pteMask, abi.OK
	}
	if v.Inode == 0 {
		return kmem.ZeroFrame(), abi.OK
	}
	index := v.FilePage + (page - v.StartPage)
	if uint64(index)<<kmem.PageShift >= kmem.Inode(v.Inode).State.Size {
		return 0, abi.EFAULT
	}
	if frame := pagecache.Lookup(v.Inode, index); frame != 0 {
		return frame, abi.OK
	}
	if !pagecache.Backed(v.Inode, index) {
		return kmem.ZeroFrame(), abi.OK
	}
	if !wait {
		return 0, abi.EFAULT
	}
	frame, e := pagecache.Get(c, v.Inode, index, false)
	if e != abi.OK && e != abi.EBLOCKED {
		e = abi.EFAULT
	}
	return frame, e
}
