package mm

import (
	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/kmem"
	"foreshore.dev/kernel/pagecache"
	"foreshore.dev/kernel/sched"
)

// Peek copies user memory as the trace sees them, without an effect
// that a guest could notice: no page is mapped, no stack grows, nothing counts.
// It returns how many bytes there were before an error: EFAULT for memory that
// may not be read, EBLOCKED (only when wait is set) where a page's bytes have yet
// to come in; the caller then is registered to be woken.
func Peek(c *sched.Ctx, dst kmem.Span, from User, wait bool) (uint32, abi.Errno) {
	done := uint32(0)
	for done < dst.Len {
		frame, e := peekFrame(c, from, wait)
		if e != abi.OK {
			return done, e
		}
		off := uint32(from.Va) & kmem.PageMask
		part := min(dst.Len-done, kmem.PageSize-off)
		copy(kmem.Bytes(dst.Addr+done, part), kmem.Bytes(frame+off, part))
		done += part
		from.Va += uint64(part)
	}
	return done, abi.OK
}

// peekFrame is the frame with the bytes of a user page.
func peekFrame(c *sched.Ctx, u User, wait bool) (uint32, abi.Errno) {
	if u.Va >= UserEnd || u.As == 0 {
		return 0, abi.EFAULT
	}
	as, page := kmem.AddressSpace(u.As), uint32(u.Va>>kmem.PageShift)
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
