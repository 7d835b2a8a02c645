package mm

import (
	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/kmem"
	"foreshore.dev/kernel/sched"
)

// linear translates one user page for the kernel; the machine lock keeps the
// translation valid.
func linear(c *sched.Ctx, asIndex abi.AddressSpaceRef, va uint64, access Access) (uint32, abi.Errno) {
	if va >= UserEnd {
		return 0, abi.EFAULT
	}
	as := kmem.AddressSpace(asIndex)
	t := uint32(tableRt)
	if access == Write {
		t = tableWt
	}
	page := uint32(va >> kmem.PageShift)
	for range 3 {
		if dir := dirOf(as, t, page); dir != 0 {
			if e := kmem.Load32(leafSlot(kmem.Load32(dirSlot(dir, page)), page)); e != absent {
				return uint32(va) + e, abi.OK
			}
		}
		if f := HandleFault(c, asIndex, va, access); f.Err != abi.OK {
			return 0, f.Err
		}
	}
	return 0, abi.EFAULT
}

// Linear is the linear address behind a user address, valid while the machine
// lock is held and up to the end of its page.
func Linear(c *sched.Ctx, asIndex abi.AddressSpaceRef, va uint64, access Access) (uint32, abi.Errno) {
	return linear(c, asIndex, va, access)
}

// LinearWord is Linear of a word that is used in place: EINVAL when it is not
// aligned, which atomic instructions of WebAssembly trap at, and which might
// end in another's frame.
func LinearWord(c *sched.Ctx, asIndex abi.AddressSpaceRef, va uint64, access Access) (uint32, abi.Errno) {
	if va&3 != 0 {
		return 0, abi.EINVAL
	}
	return linear(c, asIndex, va, access)
}

// copyUser moves n bytes between user memory and linear memory and returns how
// many it moved before an error.
func copyUser(c *sched.Ctx, asIndex abi.AddressSpaceRef, va uint64, addr, n uint32, access Access) (uint32, abi.Errno) {
	done := uint32(0)
	for done < n {
		lin, e := linear(c, asIndex, va, access)
		if e != abi.OK {
			if e == abi.EBLOCKED || e == abi.ENOMEM {
				return done, e
			}
			return done, abi.EFAULT
		}
		part := min(n-done, kmem.PageSize-uint32(va)&kmem.PageMask)
		if access == Write {
			kmem.Copy(lin, addr+done, part)
		} else {
			kmem.Copy(addr+done, lin, part)
		}
		done += part
		va += uint64(part)
	}
	return done, abi.OK
}

// CopyIn reads n bytes of user memory into linear memory: EFAULT where there
// are none, EBLOCKED when a page must come in first.
func CopyIn(c *sched.Ctx, dst uint32, va uint64, n uint32) abi.Errno {
	_, e := copyUser(c, c.As, va, dst, n, Read)
	return e
}

// CopyOut writes n bytes from linear memory to user memory.
func CopyOut(c *sched.Ctx, va uint64, src, n uint32) abi.Errno {
	_, e := copyUser(c, c.As, va, src, n, Write)
	return e
}

// CopyOutAs is CopyOut for another address space than the caller's.
func CopyOutAs(c *sched.Ctx, asIndex abi.AddressSpaceRef, va uint64, src, n uint32) abi.Errno {
	_, e := copyUser(c, asIndex, va, src, n, Write)
	return e
}

// CopyInAs is CopyIn from another address space than the caller's; it returns
// how many bytes could be had.
func CopyInAs(c *sched.Ctx, asIndex abi.AddressSpaceRef, dst uint32, va uint64, n uint32) (uint32, abi.Errno) {
	return copyUser(c, asIndex, va, dst, n, Read)
}

// CopyInString reads a NUL-terminated string of at most max bytes with its
// NUL and returns its length without; ENAMETOOLONG when there is no NUL.
func CopyInString(c *sched.Ctx, dst, max uint32, va uint64) (uint32, abi.Errno) {
	return CopyInStringAs(c, c.As, dst, max, va)
}

// CopyInStringAs is CopyInString from any address space.
func CopyInStringAs(c *sched.Ctx, asIndex abi.AddressSpaceRef, dst, max uint32, va uint64) (uint32, abi.Errno) {
	n := uint32(0)
	for n < max {
		lin, e := linear(c, asIndex, va+uint64(n), Read)
		if e != abi.OK {
			if e == abi.EBLOCKED || e == abi.ENOMEM {
				return 0, e
			}
			return 0, abi.EFAULT
		}
		part := min(max-n, kmem.PageSize-lin&kmem.PageMask)
		src, to := kmem.Bytes(lin, part), kmem.Bytes(dst+n, part)
		for k := range src {
			to[k] = src[k]
			if src[k] == 0 {
				return n + uint32(k), abi.OK
			}
		}
		n += part
	}
	return 0, abi.ENAMETOOLONG
}

// Load32 reads a word of user memory, which may lie across two pages.
func Load32(c *sched.Ctx, va uint64) (uint32, abi.Errno) {
	e := CopyIn(c, c.Page, va, 4)
	if e != abi.OK {
		return 0, e
	}
	return kmem.Load32(c.Page), abi.OK
}

// Store32 writes a word of user memory.
func Store32(c *sched.Ctx, va uint64, v uint32) abi.Errno {
	kmem.Store32(c.Page, v)
	return CopyOut(c, va, c.Page, 4)
}

// Await makes sure that n bytes of user memory, which an answer will go to, need
// not come in first: for calls whose effect comes before their answer, and which
// must not be made again. It returns EBLOCKED or OK; memory that cannot be
// written is an error where the answer is stored. va 0 stands for no answer.
func Await(c *sched.Ctx, va uint64, n uint32) abi.Errno {
	if va == 0 {
		return abi.OK
	}
	for at := va; ; at = (at | uint64(kmem.PageMask)) + 1 {
		if at-va >= uint64(n) {
			return abi.OK
		}
		if _, e := linear(c, c.As, at, Write); e != abi.OK {
			if e != abi.EBLOCKED {
				e = abi.OK
			}
			return e
		}
	}
}

// Buf is sched.Buf.
type Buf = sched.Buf

// BufOut copies n bytes from linear memory into the buffer. What was copied
// before an error counts: the buffer has advanced by it.
func BufOut(c *sched.Ctx, b *Buf, src, n uint32) abi.Errno { return moveBuf(c, b, src, n, Write) }

// BufIn copies n bytes from the buffer into linear memory.
func BufIn(c *sched.Ctx, b *Buf, dst, n uint32) abi.Errno { return moveBuf(c, b, dst, n, Read) }

func moveBuf(c *sched.Ctx, b *Buf, addr, n uint32, access Access) abi.Errno {
	kmem.Assert(n <= b.Len, "transfer fits its buffer")
	done, e := n, abi.OK
	switch {
	case b.As != 0:
		done, e = copyUser(c, b.As, b.Addr, addr, n, access)
	case access == Write:
		kmem.Copy(uint32(b.Addr), addr, n)
	default:
		kmem.Copy(addr, uint32(b.Addr), n)
	}
	b.Addr += uint64(done)
	b.Len -= done
	return e
}

// BufZero writes n zero bytes into the buffer.
func BufZero(c *sched.Ctx, b *Buf, n uint32) abi.Errno {
	for n != 0 {
		part := min(n, kmem.PageSize)
		if e := BufOut(c, b, kmem.ZeroFrame(), part); e != abi.OK {
			return e
		}
		n -= part
	}
	return abi.OK
}

// CopyString copies a NUL-terminated string of at most max bytes, with its
// NUL, from one address space to another (from linear memory when srcAs is 0)
// and returns its length with the NUL. E2BIG when there is no NUL in max
// bytes. dstAs 0 only measures.
func CopyString(c *sched.Ctx, srcAs abi.AddressSpaceRef, src uint64, dstAs abi.AddressSpaceRef, dst uint64, max uint32) (uint32, abi.Errno) {
	n := uint32(0)
	for n < max {
		from, part := uint32(src)+n, max-n
		if srcAs != 0 {
			lin, e := linear(c, srcAs, src+uint64(n), Read)
			if e != abi.OK {
				return 0, e
			}
			from, part = lin, min(part, kmem.PageSize-lin&kmem.PageMask)
		}
		to := uint32(0)
		if dstAs != 0 {
			lin, e := linear(c, dstAs, dst+uint64(n), Write)
			if e != abi.OK {
				return 0, e
			}
			to, part = lin, min(part, kmem.PageSize-lin&kmem.PageMask)
		}
		bytes := kmem.Bytes(from, part)
		for k := range bytes {
			b := bytes[k]
			if dstAs != 0 {
				*(*byte)(kmem.Ptr(to + uint32(k))) = b
			}
			if b == 0 {
				return n + uint32(k) + 1, abi.OK
			}
		}
		n += part
	}
	return 0, abi.E2BIG
}

// ZeroUser writes n zero bytes to user memory of an address space.
func ZeroUser(c *sched.Ctx, asIndex abi.AddressSpaceRef, va uint64, n uint32) abi.Errno {
	b := Buf{As: asIndex, Addr: va, Len: n}
	return BufZero(c, &b, n)
}
