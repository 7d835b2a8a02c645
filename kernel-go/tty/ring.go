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

// place is where byte `at` of a ring of `bytes` that begins with a frame lies.
func place(t *abi.TtySlot, frame, bytes, at uint32) uint32 {
	at &= bytes - 1
	return t.Live.Frames[frame+at>>kmem.PageShift] + at&kmem.PageMask
}

func byteOf(t *abi.TtySlot, frame, bytes, at uint32) *byte {
	return (*byte)(kmem.Ptr(place(t, frame, bytes, at)))
}

func inputByte(t *abi.TtySlot, at uint32) *byte { return byteOf(t, inputFrame, inputBytes, at) }

// copyOut copies n bytes of a ring from `at` into a buffer, and returns how
// many it did.
func copyOut(c *sched.Ctx, t *abi.TtySlot, frame, bytes, at, n uint32, b *mm.Buf) (uint32, abi.Errno) {
	done, e := uint32(0), abi.OK
	for done < n && e == abi.OK {
		part := min(n-done, pageSize-(at+done)&kmem.PageMask)
		before := b.Len
		e = mm.BufOut(c, b, kmem.Span{Addr: place(t, frame, bytes, at+done), Len: part})
		done += before - b.Len
	}
	return done, e
}

// copyIn copies n bytes of a buffer to `at` of a ring.
func copyIn(c *sched.Ctx, t *abi.TtySlot, frame, bytes, at, n uint32, b *mm.Buf) (uint32, abi.Errno) {
	done, e := uint32(0), abi.OK
	for done < n && e == abi.OK {
		part := min(n-done, pageSize-(at+done)&kmem.PageMask)
		before := b.Len
		e = mm.BufIn(c, b, kmem.Span{Addr: place(t, frame, bytes, at+done), Len: part})
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
