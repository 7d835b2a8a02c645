package mm

import (
	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/kmem"
	"foreshore.dev/kernel/sched"
)

// User is an address in an address space: of a program's memory, or with
// address space 0 of the machine's.
type User struct {
	As abi.AddressSpaceRef
	Va uint64
}

// linear translates one user page for the kernel; the machine lock keeps the
// translation valid.
func linear(c *sched.Ctx, u User, access Access) (uint32, abi.Errno) {
	if u.Va >= UserEnd {
		return 0, abi.EFAULT
	}
	as := kmem.AddressSpace(u.As)
	t := uint32(tableRt)
	if access == Write {
		t = tableWt
	}
	page := uint32(u.Va >> kmem.PageShift)
	for range 3 {
		if dir := dirOf(as, t, page); dir != 0 {
			if e := kmem.Load32(leafSlot(kmem.Load32(dirSlot(dir, page)), page)); e != absent {
				return uint32(u.Va) + e, abi.OK
			}
		}
		if f := HandleFault(c, u.As, u.Va, access); f.Err != abi.OK {
			return 0, f.Err
		}
	}
	return 0, abi.EFAULT
}

// Linear is the linear address behind a user address, valid while the machine
// lock is held and up to the end of its page.
func Linear(c *sched.Ctx, u User, access Access) (uint32, abi.Errno) {
	return linear(c, u, access)
}

// LinearWord is Linear of a word that is used in place: EINVAL when it is not
// aligned, which atomic instructions of WebAssembly trap at, and which might
// end in another's frame.
func LinearWord(c *sched.Ctx, u User, access Access) (uint32, abi.Errno) {
	if u.Va&3 != 0 {
		return 0, abi.EINVAL
	}
	return linear(c, u, access)
}

// copyUser moves n bytes between user memory and linear memory and returns how
// many it moved before an error.
func copyUser(c *sched.Ctx, u User, s kmem.Span, access Access) (uint32, abi.Errno) {
	done := uint32(0)
	for done < s.Len {
		lin, e := linear(c, u, access)
		if e != abi.OK {
			if e == abi.EBLOCKED || e == abi.ENOMEM {
				return done, e
			}
			return done, abi.EFAULT
		}
		part := min(s.Len-done, kmem.PageSize-uint32(u.Va)&kmem.PageMask)
		if access == Write {
			kmem.Copy(lin, s.Addr+done, part)
		} else {
			kmem.Copy(s.Addr+done, lin, part)
		}
		done += part
		u.Va += uint64(part)
	}
	return done, abi.OK
}

// CopyIn reads user memory into linear memory: EFAULT where there
// are none, EBLOCKED when a page must come in first.
func CopyIn(c *sched.Ctx, dst kmem.Span, va uint64) abi.Errno {
	_, e := copyUser(c, User{As: c.As, Va: va}, dst, Read)
	return e
}

// CopyOut writes n bytes from linear memory to user memory.
func CopyOut(c *sched.Ctx, va uint64, src kmem.Span) abi.Errno {
	_, e := copyUser(c, User{As: c.As, Va: va}, src, Write)
	return e
}

// CopyOutAs is CopyOut for another address space than the caller's.
func CopyOutAs(c *sched.Ctx, to User, src kmem.Span) abi.Errno {
	_, e := copyUser(c, to, src, Write)
	return e
}

// CopyInAs is CopyIn from another address space than the caller's; it returns
// how many bytes could be had.
func CopyInAs(c *sched.Ctx, dst kmem.Span, from User) (uint32, abi.Errno) {
	return copyUser(c, from, dst, Read)
}

// CopyInString reads a NUL-terminated string of at most max bytes with its
// NUL and returns its length without; ENAMETOOLONG when there is no NUL.
func CopyInString(c *sched.Ctx, dst kmem.Span, va uint64) (uint32, abi.Errno) {
	return CopyInStringAs(c, dst, User{As: c.As, Va: va})
}

// CopyInStringAs is CopyInString from any address space.
func CopyInStringAs(c *sched.Ctx, dst kmem.Span, from User) (uint32, abi.Errno) {
	n := uint32(0)
	for n < dst.Len {
		lin, e := linear(c, User{As: from.As, Va: from.Va + uint64(n)}, Read)
		if e != abi.OK {
			if e == abi.EBLOCKED || e == abi.ENOMEM {
				return 0, e
			}
			return 0, abi.EFAULT
		}
		part := min(dst.Len-n, kmem.PageSize-lin&kmem.PageMask)
		src, to := kmem.Bytes(lin, part), kmem.Bytes(dst.Addr+n, part)
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
	e := CopyIn(c, c.InPage(4), va)
	if e != abi.OK {
		return 0, e
	}
	return kmem.Load32(c.Page), abi.OK
}

// Store32 writes a word of user memory.
func Store32(c *sched.Ctx, va uint64, v uint32) abi.Errno {
	kmem.Store32(c.Page, v)
	return CopyOut(c, va, c.InPage(4))
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
		if _, e := linear(c, User{As: c.As, Va: at}, Write); e != abi.OK {
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
func BufOut(c *sched.Ctx, b *Buf, src kmem.Span) abi.Errno { return moveBuf(c, b, src, Write) }

// BufIn copies n bytes from the buffer into linear memory.
func BufIn(c *sched.Ctx, b *Buf, dst kmem.Span) abi.Errno { return moveBuf(c, b, dst, Read) }

func moveBuf(c *sched.Ctx, b *Buf, s kmem.Span, access Access) abi.Errno {
	kmem.Assert(s.Len <= b.Len, "transfer fits its buffer")
	done, e := s.Len, abi.OK
	switch {
	case b.As != 0:
		done, e = copyUser(c, User{As: b.As, Va: b.Addr}, s, access)
	case access == Write:
		kmem.Copy(uint32(b.Addr), s.Addr, s.Len)
	default:
		kmem.Copy(s.Addr, uint32(b.Addr), s.Len)
	}
	b.Addr += uint64(done)
	b.Len -= done
	return e
}

// BufZero writes n zero bytes into the buffer.
func BufZero(c *sched.Ctx, b *Buf, n uint32) abi.Errno {
	for n != 0 {
		part := min(n, kmem.PageSize)
		if e := BufOut(c, b, kmem.Span{Addr: kmem.ZeroFrame(), Len: part}); e != abi.OK {
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
func CopyString(c *sched.Ctx, src, dst User, max uint32) (uint32, abi.Errno) {
	n := uint32(0)
	for n < max {
		from, part := uint32(src.Va)+n, max-n
		if src.As != 0 {
			lin, e := linear(c, User{As: src.As, Va: src.Va + uint64(n)}, Read)
			if e != abi.OK {
				return 0, e
			}
			from, part = lin, min(part, kmem.PageSize-lin&kmem.PageMask)
		}
		to := uint32(0)
		if dst.As != 0 {
			lin, e := linear(c, User{As: dst.As, Va: dst.Va + uint64(n)}, Write)
			if e != abi.OK {
				return 0, e
			}
			to, part = lin, min(part, kmem.PageSize-lin&kmem.PageMask)
		}
		bytes := kmem.Bytes(from, part)
		for k := range bytes {
			b := bytes[k]
			if dst.As != 0 {
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
func ZeroUser(c *sched.Ctx, u User, n uint32) abi.Errno {
	b := Buf{As: u.As, Addr: u.Va, Len: n}
	return BufZero(c, &b, n)
}
