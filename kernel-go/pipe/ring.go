package pipe

import (
	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/kmem"
	"foreshore.dev/kernel/sched"
)

// The ring of frames: 16 of them in the slot, or for more than usualBytes 256
// in a frame of addresses. Page n of the stream lies in frame n mod their
// number; 0 where there is none.

const (
	usualFrames = uint32(abi.LimitPipeFrames)
	largeFrames = maxBytes / pageSize
)

func ringFrames(p *abi.PipeSlot) uint32 {
	if p.State.Flags&abi.PipeFlagLarge != 0 {
		return largeFrames
	}
	return usualFrames
}

// frameOf is where the address of a page's frame stands.
func frameOf(p *abi.PipeSlot, page uint32) *uint32 {
	if p.State.Flags&abi.PipeFlagLarge != 0 {
		return (*uint32)(kmem.Ptr(p.Live.Frames[0] + page%largeFrames*4))
	}
	return &p.Live.Frames[page%usualFrames]
}

// SetCapacity is F_SETPIPE_SZ: it rounds up to a power of two of pages. EBUSY
// when more is inside, EPERM above the limit, ENOMEM without a frame for a
// larger ring.
func SetCapacity(i abi.PipeRef, bytes uint64) (uint32, abi.Errno) {
	if bytes > uint64(maxBytes) {
		if bytes > 1<<31 {
			return 0, abi.EINVAL
		}
		return 0, abi.EPERM
	}
	size := pageSize
	for size < uint32(bytes) {
		size <<= 1
	}
	p := kmem.Pipe(i)
	if Bytes(i) > size {
		return 0, abi.EBUSY
	}
	if size > usualBytes && p.State.Flags&abi.PipeFlagLarge == 0 {
		if e := enlarge(p); e != abi.OK {
			return 0, e
		}
	}
	old := p.State.Capacity
	kmem.WriteBegin(&p.Header)
	p.State.Capacity = size
	kmem.WriteEnd(&p.Header)
	if size > old {
		sched.Wake(&p.Live.WriteWait, pollOut)
	}
	return size, abi.OK
}

// enlarge moves the slot's ring into a frame of addresses. A ring stays large
// once it is.
func enlarge(p *abi.PipeSlot) abi.Errno {
	table := kmem.AllocUserFrame(abi.FrameTypePipe, true)
	if table == 0 {
		return abi.ENOMEM
	}
	first, last := p.State.Head>>kmem.PageShift, (p.State.Tail-1)>>kmem.PageShift
	tail := uint32(0)
	if p.State.Head != p.State.Tail && (last-first)&(1<<20-1) == usualFrames {
		// The newest bytes share the oldest ones' frame; here they do not.
		if tail = kmem.AllocUserFrame(abi.FrameTypePipe, false); tail == 0 {
			kmem.UnrefFrame(table)
			return abi.ENOMEM
		}
		kmem.Copy(tail, p.Live.Frames[last%usualFrames], pageSize)
	}
	kmem.WriteBegin(&p.Header)
	for k := range usualFrames {
		kmem.Store32(table+(first+k)%largeFrames*4, p.Live.Frames[(first+k)%usualFrames])
	}
	if tail != 0 {
		kmem.Store32(table+last%largeFrames*4, tail)
	}
	p.Live.Frames = [usualFrames]uint32{table}
	p.State.Flags |= abi.PipeFlagLarge
	kmem.WriteEnd(&p.Header)
	return abi.OK
}

// Capacity is F_GETPIPE_SZ.
func Capacity(i abi.PipeRef) uint32 { return kmem.Pipe(i).State.Capacity }
