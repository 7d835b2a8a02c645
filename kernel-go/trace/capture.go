package trace

import (
	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/kmem"
	"foreshore.dev/kernel/mm"
	"foreshore.dev/kernel/sched"
)

const pieceAlign = 8

// room is how many bytes the next piece may have.
func (r *record) room() uint32 {
	used := r.n + abi.TracePieceSize + pieceAlign
	if used >= recordBytes {
		return 0
	}
	return recordBytes - used
}

// add finishes a piece whose bytes were put behind its head already.
func (r *record) add(va uint64, bytes, count uint32) {
	p := (*abi.TracePiece)(kmem.Ptr(r.base + r.n))
	p.Address, p.Bytes, p.Count = va, bytes, count
	end := r.n + abi.TracePieceSize + bytes
	r.n = (end + pieceAlign - 1) &^ (pieceAlign - 1)
	kmem.Zero(r.base+end, r.n-end)
	r.head().Pieces++
}

// data is where the bytes of the next piece go.
func (r *record) data() uint32 { return r.base + r.n + abi.TracePieceSize }

// peek reads memory to a place of the record. Only EBLOCKED is an error that
// the caller must act on; others mean that there is nothing to show.
func (r *record) peek(c *sched.Ctx, dst uint32, va uint64, n uint32) (uint32, abi.Errno) {
	return mm.Peek(c, kmem.Span{Addr: dst, Len: n}, mm.User{As: r.as, Va: va}, r.wait)
}

// take adds n bytes of memory, or those in front of where it ends.
func (r *record) take(c *sched.Ctx, va uint64, n uint32) abi.Errno {
	r.got = 0
	if va == 0 || n == 0 || n > r.room() {
		return abi.OK
	}
	got, e := r.peek(c, r.data(), va, n)
	if e == abi.EBLOCKED {
		return e
	}
	if got != 0 {
		r.add(va, got, 0)
	}
	r.got = got
	return abi.OK
}

// takeString adds a string with its NUL, or its first max bytes; nothing where
// memory ends before.
func (r *record) takeString(c *sched.Ctx, va uint64, max uint32) abi.Errno {
	if va == 0 || max > r.room() {
		return abi.OK
	}
	n := uint32(0)
	for n < max {
		at := va + uint64(n)
		part := min(max-n, kmem.PageSize-uint32(at)&kmem.PageMask)
		if _, e := r.peek(c, r.data()+n, at, part); e != abi.OK {
			if e == abi.EBLOCKED {
				return e
			}
			return abi.OK
		}
		bytes := kmem.Bytes(r.data()+n, part)
		for k := range bytes {
			if bytes[k] == 0 {
				r.add(va, n+uint32(k)+1, 0)
				return abi.OK
			}
		}
		n += part
	}
	r.add(va, n, 0)
	return abi.OK
}

// takeVector adds the first addresses of a vector of strings (argv) and, with
// strings, what they point at; otherwise only how many there are.
func (r *record) takeVector(c *sched.Ctx, va uint64, strings bool) abi.Errno {
	const room = (showElements + 1) * 8
	if va == 0 || r.room() < room+kmem.PageSize {
		return abi.OK
	}
	shown := r.data()
	chunk := shown + room
	count, end := uint32(0), false
	for !end && count < countMax {
		at := va + uint64(count)*8
		part := (kmem.PageSize - uint32(at)&kmem.PageMask) &^ 7
		if part == 0 {
			// An address across two pages.
			part = 8
		}
		if _, e := r.peek(c, chunk, at, part); e != abi.OK {
			if e == abi.EBLOCKED {
				return e
			}
			return abi.OK
		}
		for k := uint32(0); k < part; k += 8 {
			word := kmem.Load64(chunk + k)
			if word == 0 {
				end = true
				break
			}
			if count <= showElements {
				kmem.Store64(shown+count*8, word)
			}
			count++
		}
	}
	if !end {
		return abi.OK
	}
	bytes := uint32(0)
	if strings {
		bytes = min(count, showElements+1) * 8
	}
	r.add(va, bytes, count)
	for k := uint32(0); k < min(bytes/8, showElements); k++ {
		if e := r.takeString(c, kmem.Load64(shown+k*8), showBytes+1); e != abi.OK {
			return e
		}
	}
	return abi.OK
}

// takeIovecs adds iovecs and the bytes that they point at, at most `left`.
func (r *record) takeIovecs(c *sched.Ctx, va, count, left uint64) abi.Errno {
	vec := r.data()
	if e := r.take(c, va, uint32(min(count, showElements))*abi.IovecSize); e != abi.OK {
		return e
	}
	for k := range r.got / abi.IovecSize {
		v := (*abi.Iovec)(kmem.Ptr(vec + k*abi.IovecSize))
		bytes := min(v.Len, left)
		left -= bytes
		if e := r.take(c, v.Base, uint32(min(bytes, showBytes))); e != abi.OK {
			return e
		}
	}
	return abi.OK
}

// takeMessages adds headers of messages: of the kinds that are read, with what they
// point at, the bytes of vectors to their first, whatever of them was filled.
func (r *record) takeMessages(c *sched.Ctx, letter byte, va, count uint64) abi.Errno {
	step := uint32(abi.MmsghdrSize)
	if letter == '(' || letter == ')' {
		step, count = abi.MsghdrSize, 1
	}
	heads := r.data()
	if e := r.take(c, va, uint32(min(count, showElements))*step); e != abi.OK || letter == ')' || letter == ']' {
		return e
	}
	for k := range r.got / step {
		h := (*abi.Msghdr)(kmem.Ptr(heads + k*step))
		e := r.take(c, h.Name, min(h.Namelen, namedBytes))
		if e == abi.OK {
			e = r.takeIovecs(c, h.Iov, h.Iovlen, ^uint64(0))
		}
		if e == abi.OK {
			e = r.take(c, h.Control, uint32(min(h.Controllen, controlBytes)))
		}
		if e != abi.OK {
			return e
		}
	}
	return abi.OK
}

// countEntries adds how many directory entries there are in n bytes.
func (r *record) countEntries(c *sched.Ctx, va uint64, n uint32) {

	if r.room() < abi.Dirent64Size {
		return
	}
	count := uint32(0)
	for at := uint32(0); at+19 < n; count++ {
		if _, e := r.peek(c, r.data(), va+uint64(at), 19); e != abi.OK {
			return
		}
		length := uint32((*abi.Dirent64)(kmem.Ptr(r.data())).Reclen)
		if length < 19 {
			return
		}
		at += length
	}
	r.add(va, 0, count)
}

// takeMask adds pselect6's sixth argument and the mask that it points to.
func (r *record) takeMask(c *sched.Ctx, va uint64) abi.Errno {
	at := r.data()
	if e := r.take(c, va, 16); e != abi.OK || r.got != 16 {
		return e
	}
	return r.take(c, kmem.Load64(at), abi.SigsetSize)
}

// setBytes is the size of an fd_set for so many descriptors.
func setBytes(count uint64) uint32 {
	return (uint32(min(count, uint64(abi.LimitFds))) + 63) / 64 * 8
}

// lockCommand says whether a command of fcntl(2) reads or writes a struct flock.
func lockCommand(command abi.FcntlCmd) (reads, writes bool) {
	switch command {
	case abi.F_GETLK, abi.F_OFD_GETLK:
		return true, true
	case abi.F_SETLK, abi.F_SETLKW, abi.F_OFD_SETLK, abi.F_OFD_SETLKW:
		return true, false
	}
	return false, false
}

// read adds what the kernel is going to read of argument i.
func (r *record) read(c *sched.Ctx, letter byte, i int, args *[6]uint64) abi.Errno {
	va, next := args[i], uint64(0)
	if i < 5 {
		next = args[i+1]
	}
	switch letter {
	case 's':
		return r.takeString(c, va, pathBytes)
	case 'w':
		return r.take(c, va, uint32(min(next, showBytes)))
	case 'i':
		return r.takeIovecs(c, va, next, ^uint64(0))
	case ':':
		return r.take(c, va, uint32(min(next, showElements))*abi.IovecSize)
	case 'p':
		return r.take(c, va, uint32(min(next, showElements))*abi.PollfdSize)
	case '*', '#':
		return r.takeVector(c, va, letter == '*')
	case '=':
		return r.take(c, va, 8)
	case '&':
		return r.take(c, va, abi.TimespecSize)
	case '+':
		return r.take(c, va, abi.CloneArgsSize)
	case 'S':
		return r.take(c, va, setBytes(args[0]))
	case '@':
		return r.takeMask(c, va)
	case '$':
		return r.take(c, va, uint32(min(next, namedBytes)))
	case ';':
		return r.take(c, va, 4)
	case '(', ')', '[', ']':
		return r.takeMessages(c, letter, va, uint64(uint32(next)))
	case '!':
		if n, reads := ioctlSize(uint32(args[1])); reads {
			return r.take(c, va, n)
		}
	case '|':
		if reads, _ := lockCommand(abi.FcntlCmd(args[1])); reads {
			return r.take(c, va, abi.FlockSize)
		}
	case '~':
		switch op := abi.FutexOp(args[1]) &^ (abi.FUTEX_PRIVATE_FLAG | abi.FUTEX_CLOCK_REALTIME); op {
		case abi.FUTEX_WAIT, abi.FUTEX_WAIT_BITSET, abi.FUTEX_LOCK_PI, abi.FUTEX_LOCK_PI2, abi.FUTEX_WAIT_REQUEUE_PI:
			return r.take(c, va, abi.TimespecSize)
		}
	case '%':
		if uint32(args[0]) == uint32(abi.PR_SET_NAME) {
			return r.takeString(c, va, 16)
		}
	default:
		if n, reads := sizeOf(letter); n != 0 && reads {
			return r.take(c, va, n)
		}
	}
	return abi.OK
}

// written adds what the kernel has written where argument i points.
func (r *record) written(c *sched.Ctx, call Call, i int, result uint32) {
	letter, args := call.Letters[i], call.Args
	va, next := args[i], uint64(0)
	if i < 5 {
		next = args[i+1]
	}
	switch letter {
	case 'W':
		_ = r.take(c, va, min(result, showBytes))
	case 'I':
		_ = r.takeIovecs(c, va, next, uint64(result))
	case 'p':
		_ = r.take(c, va, uint32(min(next, showElements))*abi.PollfdSize)
	case 'E':
		_ = r.take(c, va, min(result, showElements)*abi.EpollEventSize)
	case '/':
		r.countEntries(c, va, result)
	case '=':
		_ = r.take(c, va, 8)
	case '&':
		_ = r.take(c, va, abi.TimespecSize)
	case 'S':
		_ = r.take(c, va, setBytes(args[0]))
	case ';':
		_ = r.take(c, va, 4)
	case '^':
		if at := r.data(); r.room() >= 4 {
			if got, _ := r.peek(c, at, next, 4); got == 4 {
				_ = r.take(c, va, min(kmem.Load32(at), namedBytes))
			}
		}
	case ')':
		_ = r.takeMessages(c, '(', va, 1)
	case '[':
		_ = r.takeMessages(c, ']', va, uint64(result))
	case ']':
		_ = r.takeMessages(c, '[', va, uint64(result))
	case '+':
		if at := r.data(); va != 0 && abi.CloneArgsSize <= r.room() {
			if _, e := r.peek(c, at, va, abi.CloneArgsSize); e == abi.OK {
				_ = r.take(c, (*abi.CloneArgs)(kmem.Ptr(at)).ParentTid, 4)
			}
		}
	case '!':
		if n, reads := ioctlSize(uint32(args[1])); !reads {
			_ = r.take(c, va, n)
		}
	case '|':
		if _, writes := lockCommand(abi.FcntlCmd(args[1])); writes {
			_ = r.take(c, va, abi.FlockSize)
		}
	case '%':
		if uint32(args[0]) == uint32(abi.PR_GET_NAME) {
			_ = r.takeString(c, va, 16)
		}
	default:
		if n, reads := sizeOf(letter); !reads {
			_ = r.take(c, va, n)
		}
	}
}
