package tty

import (
	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/kmem"
	"foreshore.dev/kernel/mm"
	"foreshore.dev/kernel/sched"
)

// The rings of a pair: which of its frames each one has.
const (
	pageSize = kmem.PageSize

	inputBytes   = uint32(abi.LimitTtyInputBytes)
	pendingBytes = uint32(abi.LimitTtyPendingBytes)
	outputBytes  = uint32(abi.LimitTtyOutputBytes)
	echoes       = uint32(abi.LimitTtyEchoes)

	inputFrame   = 0
	echoFrame    = 1
	pendingFrame = 2
	outputFrame  = 4
)

// ring is one of them: its first frame, and its size, a power of two.
type ring struct{ frame, bytes uint32 }

// ringSpan is n bytes of a ring from one on.
type ringSpan struct {
	ring
	at, n uint32
}

func inputRing() ring   { return ring{inputFrame, inputBytes} }
func pendingRing() ring { return ring{pendingFrame, pendingBytes} }
func outputRing() ring  { return ring{outputFrame, outputBytes} }

// All rings together are the pair's frames.
const _ = uint(int(abi.LimitTtyFrames) - (outputFrame + int(outputBytes/pageSize)))

func allocRings(t *abi.TtySlot) bool {
	for k := range t.Live.Frames {
		if t.Live.Frames[k] = kmem.AllocUserFrame(abi.FrameTypeTty, true); t.Live.Frames[k] == 0 {
			return false
		}
	}
	return true
}

func freeRings(t *abi.TtySlot) {
	for k := range t.Live.Frames {
		if t.Live.Frames[k] != 0 {
			kmem.UnrefFrame(t.Live.Frames[k])
			t.Live.Frames[k] = 0
		}
	}
}

// place is where byte `at` of a ring lies.
func (r ring) place(t *abi.TtySlot, at uint32) uint32 {
	at &= r.bytes - 1
	return t.Live.Frames[r.frame+at>>kmem.PageShift] + at&kmem.PageMask
}

func (r ring) byteAt(t *abi.TtySlot, at uint32) *byte { return (*byte)(kmem.Ptr(r.place(t, at))) }

func inputByte(t *abi.TtySlot, at uint32) *byte { return inputRing().byteAt(t, at) }

// copyOut copies bytes of a ring into a buffer, and returns how many it did.
func copyOut(c *sched.Ctx, t *abi.TtySlot, s ringSpan, b *mm.Buf) (uint32, abi.Errno) {
	done, e := uint32(0), abi.OK
	for done < s.n && e == abi.OK {
		part := min(s.n-done, pageSize-(s.at+done)&kmem.PageMask)
		before := b.Len
		e = mm.BufOut(c, b, kmem.Span{Addr: s.place(t, s.at+done), Len: part})
		done += before - b.Len
	}
	return done, e
}

// copyIn copies bytes of a buffer into a ring.
func copyIn(c *sched.Ctx, t *abi.TtySlot, s ringSpan, b *mm.Buf) (uint32, abi.Errno) {
	done, e := uint32(0), abi.OK
	for done < s.n && e == abi.OK {
		part := min(s.n-done, pageSize-(s.at+done)&kmem.PageMask)
		before := b.Len
		e = mm.BufIn(c, b, kmem.Span{Addr: s.place(t, s.at+done), Len: part})
		done += before - b.Len
	}
	return done, e
}

// lineEnd says whether an input byte ends a line; an end that is 0 is VEOF's.
func lineEnd(t *abi.TtySlot, at uint32) bool {
	at &= inputBytes - 1
	return t.Live.LineEnds[at/32]>>(at%32)&1 != 0
}

func setLineEnd(t *abi.TtySlot, at uint32) {
	at &= inputBytes - 1
	t.Live.LineEnds[at/32] |= 1 << (at % 32)
}

func clearLineEnd(t *abi.TtySlot, at uint32) {
	at &= inputBytes - 1
	t.Live.LineEnds[at/32] &^= 1 << (at % 32)
}
