package procfs

import (
	"unsafe"

	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/cred"
	"foreshore.dev/kernel/kmem"
	"foreshore.dev/kernel/mm"
	"foreshore.dev/kernel/sched"
)

// Text is the piece of content that is being written (content.go).
type Text struct {
	index, bytes, frame uint32
	full                bool
	// next is where the next piece goes on, noMore when there is none.
	next uint64
	// id is where a random UUID is made.
	id [16]byte
}

const _ = unsafe.Sizeof(kmem.Scratch{}.Content) - unsafe.Sizeof(Text{})

func textOf(c *sched.Ctx) *Text {
	return (*Text)(unsafe.Pointer(&kmem.ScratchOf(c.Hart).Content))
}

func (w *Text) begin() {
	w.index, w.bytes, w.frame = kmem.AllocUserFrame(abi.FrameTypeKernel, true), 0, 0
	w.full, w.next = w.index == 0, noMore
}

// room is what is left of the frame that is being filled; nil when there is no more.
func (w *Text) room() []byte {
	if w.full {
		return nil
	}
	offset := w.bytes & kmem.PageMask
	if offset == 0 {
		w.frame = 0
		if w.bytes>>kmem.PageShift < pieceFrames {
			w.frame = kmem.AllocUserFrame(abi.FrameTypeKernel, false)
		}
		if w.frame == 0 {
			w.full = true
			return nil
		}
		kmem.Store32(w.index+w.bytes>>kmem.PageShift*4, w.frame)
	}
	return kmem.Bytes(w.frame+offset, kmem.PageSize-offset)
}

// write adds a text; what finds no room is left out.
func write[T string | []byte](w *Text, s T) {
	for done := 0; done < len(s); {
		to := w.room()
		if to == nil {
			return
		}
		n := copy(to, s[done:])
		w.bytes += uint32(n)
		done += n
	}
}

func (w *Text) putByte(b byte) {
	if to := w.room(); to != nil {
		to[0] = b
		w.bytes++
	}
}

func (w *Text) str(s string) { write(w, s) }

func (w *Text) raw(text kmem.Span) { write(w, text.Bytes()) }

// align writes spaces up to a column of the line that began at `start`.
func (w *Text) align(start, column uint32) {
	for w.bytes-start < column && !w.full {
		w.putByte(' ')
	}
}

// num writes a number in decimal.
func (w *Text) num(v uint64) {
	var digits [20]byte
	i := len(digits)
	for more := true; more; more = v != 0 {
		i--
		digits[i] = byte('0' + v%10)
		v /= 10
	}
	write(w, digits[i:])
}

// pad writes a number in at least `width` characters, right-aligned.
func (w *Text) pad(v uint64, width int, fill byte) {
	digits := 1
	for t := v; t >= 10; t /= 10 {
		digits++
	}
	for ; digits < width; digits++ {
		w.putByte(fill)
	}
	w.num(v)
}

// hex writes a number in at least `width` hexadecimal digits.
func (w *Text) hex(v uint64, width int) {
	digits := 1
	for t := v >> 4; t != 0; t >>= 4 {
		digits++
	}
	for i := max(digits, width) - 1; i >= 0; i-- {
		w.putByte("0123456789abcdef"[v>>(4*i)&15])
	}
}

// octal writes a number in octal, with a leading 0.
func (w *Text) octal(v uint64) {
	w.putByte('0')
	shift := 0
	for v>>(shift+3) != 0 {
		shift += 3
	}
	for ; shift >= 0; shift -= 3 {
		w.putByte(byte('0' + v>>shift&7))
	}
}

// name writes a NUL-terminated name of a fixed field.
func (w *Text) name(s *[16]uint8) {
	for _, b := range s {
		if b == 0 {
			return
		}
		w.putByte(b)
	}
}

// user writes n bytes of another address space; they end where it has none.
func (w *Text) user(c *sched.Ctx, as abi.AddressSpaceRef, va uint64, n uint32) abi.Errno {
	for n != 0 {
		part := min(n, kmem.PageSize)
		got, e := mm.CopyInAs(c, c.InPage(part), mm.User{As: as, Va: va})
		if e == abi.EBLOCKED {
			return e
		}
		w.raw(c.InPage(got))
		if got < part {
			return abi.OK
		}
		va += uint64(part)
		n -= part
	}
	return abi.OK
}

// Write writes to the few files that take it.
func Write(c *sched.Ctx, inode abi.InodeRef, b *mm.Buf) (uint32, abi.Errno) {
	s := &kmem.Inode(inode).State
	p := findProcess(s.ProcNode().Pid)
	if s.ProcNode().Pid == 0 || p == 0 {
		return 0, abi.EINVAL
	}
	n := b.Len
	switch node(s.Node) {
	case nodePidComm:
		part := min(n, 15)
		if e := mm.BufIn(c, b, c.InPage(part)); e != abi.OK {
			return 0, e
		}
		setComm(p, s.ProcNode().Number, c.InPage(part))
		return n, abi.OK
	case nodePidOomScoreAdj:
		if n > 16 {
			return 0, abi.EINVAL
		}
		if e := mm.BufIn(c, b, c.InPage(n)); e != abi.OK {
			return 0, e
		}
		v, ok := scoreOf(kmem.Bytes(c.Page, n))
		if !ok {
			return 0, abi.EINVAL
		}
		if e := setScore(c, &kmem.Process(p).State, v); e != abi.OK {
			return 0, e
		}
		return n, abi.OK
	}
	return 0, abi.EACCES
}

// scoreOf reads a number from -1000 to 1000.
func scoreOf(text []byte) (int32, bool) {
	v, digits, minus := int32(0), 0, false
	for i, b := range text {
		switch {
		case b == '-' && i == 0:
			minus = true
		case b >= '0' && b <= '9' && v <= 1000:
			v, digits = v*10+int32(b-'0'), digits+1
		case b == '\n' && i == len(text)-1:
		default:
			return 0, false
		}
	}
	if minus {
		v = -v
	}
	return v, digits != 0 && v >= -1000 && v <= 1000
}

// setScore is a write to oom_score_adj: below what somebody privileged has set
// last only with CAP_SYS_RESOURCE.
func setScore(c *sched.Ctx, s *abi.ProcessState, v int32) abi.Errno {
	if v < s.OomScoreAdjMin && !cred.Has(c, abi.CAP_SYS_RESOURCE) {
		return abi.EACCES
	}
	s.OomScoreAdj = v
	if cred.Has(c, abi.CAP_SYS_RESOURCE) {
		s.OomScoreAdjMin = v
	}
	return abi.OK
}

func setComm(p abi.ProcessRef, tid uint32, text kmem.Span) {
	for i, b := range text.Bytes() {
		if b == '\n' {
			text.Len = uint32(i)
			break
		}
	}
	ps := kmem.Process(p)
	t := ps.State.Leader
	if tid != 0 {
		t = findThread(tid)
	}
	var name [16]uint8
	copy(name[:15], text.Bytes())
	if t != 0 {
		kmem.SetName(&kmem.Thread(t).Header, &kmem.Thread(t).State.Name, &name)
	}
	if tid == 0 || tid == ps.State.Pid {
		kmem.SetName(&ps.Header, &ps.State.Comm, &name)
	}
}
