package file

import (
	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/fdtable"
	"foreshore.dev/kernel/kmem"
	"foreshore.dev/kernel/mm"
	"foreshore.dev/kernel/sched"
	"foreshore.dev/kernel/sock"
	"foreshore.dev/kernel/vfs"
)

// What a waiting call holds. A call that waits, or gives way, is made again from
// its beginning, but what it resolved at its first attempt it does not resolve
// anew: the files of its descriptors, the file that its path named, the arrays
// that it copied in, the memory of another process. Others may close, rename and unmap under it meanwhile, as on
// Linux, where all that lies on the kernel's stack. LetGo, at the call's end, gives
// the references back.

// HoldArgument has the call in progress go on with the file that a descriptor
// among its arguments names now.
func HoldArgument(c *sched.Ctx, fd int32) {
	h := &c.T().State.Blocked.Held
	ofd := fdtable.At(c.P().State.FdTable, uint32(fd))
	if ofd == 0 {
		return
	}
	for k := range h.Files {
		switch {
		case h.Files[k].Index == 0:
			Hold(ofd)
			h.Descriptors[k], h.Files[k] = fd, kmem.Handle(ofd)
			h.Held = 1
			return
		case h.Descriptors[k] == fd:
			return
		}
	}
	kmem.Fail("a call has no more than two descriptors among its arguments")
}

// argument is the file that the call in progress holds for a descriptor, 0 when
// it holds none.
func argument(h *abi.HeldReferences, fd int32) abi.OfdRef {
	for k := range h.Files {
		if h.Files[k].Index != 0 && h.Descriptors[k] == fd {
			return kmem.Held[abi.OfdRef](h.Files[k])
		}
	}
	return 0
}

// HoldMade has the call in progress go on with a description that it has made,
// whose reference passes to its record.
func HoldMade(c *sched.Ctx, ofd abi.OfdRef) {
	h := &c.T().State.Blocked.Held
	h.Made, h.Held = kmem.Handle(ofd), 1
}

// Made is the description that the call in progress has made in an earlier attempt, 0 for none.
func Made(c *sched.Ctx) abi.OfdRef {
	return kmem.Held[abi.OfdRef](c.T().State.Blocked.Held.Made)
}

// takeMade passes Made's reference to the caller.
func takeMade(c *sched.Ctx) abi.OfdRef {
	ofd := Made(c)
	c.T().State.Blocked.Held.Made = abi.SlotHandle{}
	return ofd
}

// HoldMemory has the call in progress go on with the memory of another process,
// also when that ends or executes another program.
func HoldMemory(c *sched.Ctx, as abi.AddressSpaceRef) {
	h := &c.T().State.Blocked.Held
	if h.Memory == 0 {
		mm.Hold(as)
		h.Memory, h.Held = as, 1
	}
}

// HeldMemory is the memory that the call in progress holds, 0 for none.
func HeldMemory(c *sched.Ctx) abi.AddressSpaceRef { return c.T().State.Blocked.Held.Memory }

// LetGo gives back what the call of a thread holds: it is over.
func LetGo(c *sched.Ctx, thread abi.ThreadRef) {
	h := &kmem.Thread(thread).State.Blocked.Held
	if h.Held == 0 {
		return
	}
	held := *h
	*h = abi.HeldReferences{}
	for _, f := range held.Files {
		putHeld(c, f)
	}
	putHeld(c, held.Made)
	if held.Message.Index != 0 {
		sock.Bury(c, kmem.Held[abi.SocketMessageRef](held.Message))
	}
	if held.Dentry.Index != 0 {
		vfs.Put(kmem.Held[abi.DentryRef](held.Dentry))
	}
	if held.Memory != 0 {
		mm.Drop(held.Memory)
	}
	if held.Array == abi.HeldArrayOpenPolls {
		for k := range held.Count {
			putHeld(c, (*abi.HeldPoll)(kmem.Ptr(elementOf(held.Frames, k))).Ofd)
		}
	}
	freeElements(held.Frames)
}

func putHeld(c *sched.Ctx, f abi.SlotHandle) {
	if f.Index != 0 {
		Put(c, kmem.Held[abi.OfdRef](f))
	}
}

// Elements of a held array have 16 bytes each and lie in frames. The first frame
// begins with the addresses of the others, behind which lie the first elements:
// enough for as many as there can be descriptors.
const (
	elementBytes  = uint32(16)
	elementFrames = uint32(256)
	firstElements = (kmem.PageSize - elementFrames*4) / elementBytes
	laterElements = kmem.PageSize / elementBytes
)

const (
	_ = elementBytes - abi.HeldPollSize
	_ = abi.HeldPollSize - elementBytes
	_ = elementBytes - abi.IovecSize
	_ = firstElements + elementFrames*laterElements - uint32(abi.LimitFds)
)

// elementOf is the address of element k of an array.
func elementOf(frames, k uint32) uint32 {
	if k < firstElements {
		return frames + elementFrames*4 + k*elementBytes
	}
	k -= firstElements
	return kmem.Load32(frames+k/laterElements*4) + k%laterElements*elementBytes
}

// addElement is the address of one more element; 0 when no frame is to be had.
func addElement(h *abi.HeldReferences, array abi.HeldArray) uint32 {
	if h.Frames == 0 {
		if h.Frames = kmem.AllocUserFrame(abi.FrameTypeKernel, true); h.Frames == 0 {
			return 0
		}
		h.Array, h.Held = array, 1
	}
	k := h.Count
	if k >= firstElements && (k-firstElements)%laterElements == 0 {
		frame := kmem.AllocUserFrame(abi.FrameTypeKernel, false)
		if frame == 0 {
			return 0
		}
		kmem.Store32(h.Frames+(k-firstElements)/laterElements*4, frame)
	}
	h.Count++
	return elementOf(h.Frames, k)
}

func freeElements(frames uint32) {
	if frames == 0 {
		return
	}
	for k := range elementFrames {
		if f := kmem.Load32(frames + k*4); f != 0 {
			kmem.UnrefFrame(f)
		}
	}
	kmem.UnrefFrame(frames)
}

// HoldIovecs has the call in progress go on with these iovecs. Where there is no memory for that, it reads the caller's again.
func HoldIovecs(c *sched.Ctx, vec mm.Iovecs) {
	h := &c.T().State.Blocked.Held
	if h.Frames != 0 {
		return
	}
	for k := range vec.Count {
		to := addElement(h, abi.HeldArrayIovecs)
		if to == 0 {
			freeElements(h.Frames)
			h.Frames, h.Count, h.Array = 0, 0, abi.HeldArrayNone
			return
		}
		*(*abi.Iovec)(kmem.Ptr(to)) = *vec.At(k)
	}
}

// HeldIovecs copies the iovecs that the call in progress holds to linear memory at
// `to`; ok is false when it holds none.
func HeldIovecs(c *sched.Ctx, to uint32) (vec mm.Iovecs, ok bool) {
	h := &c.T().State.Blocked.Held
	if h.Array != abi.HeldArrayIovecs {
		return mm.Iovecs{}, false
	}
	vec = mm.Iovecs{Addr: to, Count: h.Count}
	for k := range h.Count {
		*vec.At(k) = *(*abi.Iovec)(kmem.Ptr(elementOf(h.Frames, k)))
	}
	return vec, true
}

// HoldPoll holds one more descriptor of poll(2) or select(2), negative for none, and
// what its caller wants to know of it (PollEvent, or sets of select): the file stays
// open while the call waits. False where there is no memory: then the caller's is
// read again.
func HoldPoll(c *sched.Ctx, fd int32, events uint16, sets uint8) bool {
	h := &c.T().State.Blocked.Held
	to := addElement(h, abi.HeldArrayPolls)
	if to == 0 {
		return false
	}
	p := (*abi.HeldPoll)(kmem.Ptr(to))
	*p = abi.HeldPoll{Fd: fd, Events: events, Sets: sets}
	if fd < 0 {
		return true
	}
	if ofd, e := GetAny(c, fd); e == abi.OK {
		Hold(ofd)
		p.Ofd = kmem.Handle(ofd)
		h.Array = abi.HeldArrayOpenPolls
	}
	return true
}

// Cover says that of select's descriptors below n those in its sets are held, and
// Covered is that number.
func Cover(c *sched.Ctx, n uint32) { c.T().State.Blocked.Held.Covered = n }

// Covered is what Cover has said of the call in progress.
func Covered(c *sched.Ctx) uint32 { return c.T().State.Blocked.Held.Covered }

// HeldPolls is how many descriptors HoldPoll has held of the call in progress.
func HeldPolls(c *sched.Ctx) uint32 { return c.T().State.Blocked.Held.Count }

// HeldPoll is one of them.
func HeldPoll(c *sched.Ctx, k uint32) *abi.HeldPoll {
	return (*abi.HeldPoll)(kmem.Ptr(elementOf(c.T().State.Blocked.Held.Frames, k)))
}

// NextMessage gives back what a call of several messages holds for the one that is
// through.
func NextMessage(c *sched.Ctx) {
	vfs.ForgetDentry(c)
	h := &c.T().State.Blocked.Held
	if h.Array == abi.HeldArrayIovecs {
		freeElements(h.Frames)
		h.Frames, h.Count, h.Array = 0, 0, abi.HeldArrayNone
	}
}
