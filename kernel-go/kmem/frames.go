package kmem

import "foreshore.dev/kernel/abi"

const (
	PageSize  = uint32(abi.FixedPageSize)
	PageShift = uint32(abi.FixedPageShift)
	PageMask  = PageSize - 1
	// growPages is by how much the pool grows at a time, in 64 KiB pages.
	growPages = 64
)

var (
	frameBase, zeroFrame uint32 // FrameState of frame 0, and the frame of zeros: copies (derive)
	// Reclaim is asked for frames when the pool is empty and memory cannot
	// grow: it returns how many it freed. A hook: boot/wire.go.
	Reclaim func(want uint32) uint32
)

// Frame is the state of the frame at a frame address.
func Frame(addr uint32) *abi.FrameState {
	return (*abi.FrameState)(Ptr(frameBase + addr>>PageShift*abi.FrameStateSize))
}

// ZeroFrame is the one frame of zeros that read faults on untouched memory
// share. It is never written and never freed.
func ZeroFrame() uint32 { return zeroFrame }

// FreeFrames counts what could be allocated without reclaim.
func FreeFrames() uint32 {
	h := Header()
	return h.FreeFrames.Load() + (h.MemoryMaxPages-h.MemoryPages.Load())*(abiWasmFrames)
}

// TotalFrames counts what guests, page cache and tables share: MemTotal.
func TotalFrames() uint32 {
	h := Header()
	return h.MemoryMaxPages*abiWasmFrames - h.PoolFirstFrame
}

const abiWasmFrames = uint32(abi.FixedWasmPageSize) / uint32(abi.FixedPageSize)

// AllocFrame takes a zeroed frame with one reference; 0 when memory is used up.
func AllocFrame(t abi.FrameType) uint32 {
	a := AllocFrameRaw(t)
	if a != 0 {
		Zero(a, PageSize)
	}
	return a
}

// AllocFrameRaw takes a frame whose bytes are whatever they were: only for a
// caller that overwrites all of them before anyone else can read.
func AllocFrameRaw(t abi.FrameType) uint32 {
	pool := &Kernel().Frames
	if pool.FreeHead == 0 && !refill() {
		return 0
	}
	n := pool.FreeHead
	a := n << PageShift
	f := Frame(a)
	assert(f.Type == abi.FrameTypeFree && f.Refs == 0)
	pool.FreeHead = f.Next
	f.Refs, f.Type, f.Flags, f.Pinned = 1, t, 0, 0
	f.Inode, f.Page, f.Next, f.Words = 0, 0, 0, 0
	if f.Code.Load() != 0 {
		fail("frame freed with decoded code")
	}
	counted(^uint32(0))
	return a
}

// counted notes that there are n more free frames: the holder of the machine lock
// alone writes that word, and others read it.
func counted(n uint32) {
	h := Header()
	h.FreeFrames.Store(h.FreeFrames.Load() + n)
	Changed(1 << abi.SlotKindFrame)
}

// AllocUserFrame is AllocFrame for guest pages and page cache: it leaves the
// kernel's reserve alone, so that page tables and exits always find frames.
func AllocUserFrame(t abi.FrameType, zero bool) uint32 {
	if FreeFrames() <= Header().ReserveFrames {
		if Reclaim(64) == 0 {
			return 0
		}
	}
	if zero {
		return AllocFrame(t)
	}
	return AllocFrameRaw(t)
}

func refill() bool {
	h := Header()
	step := uint32(growPages)
	if left := h.MemoryMaxPages - h.MemoryPages.Load(); left < step {
		step = left
	}
	if step != 0 && memoryGrow(step) {
		h.MemoryPages.Store(memoryPages())
		end := h.PoolEndFrame.Load()
		addFrames(end, end+step*abiWasmFrames)
		return true
	}
	return Reclaim(64) != 0 && Kernel().Frames.FreeHead != 0
}

// addFrames puts frames [from, to) into the pool, lowest first.
func addFrames(from, to uint32) {
	pool := &Kernel().Frames
	for n := to; n > from; n-- {
		f := Frame((n - 1) << PageShift)
		f.Type, f.Refs, f.Next = abi.FrameTypeFree, 0, pool.FreeHead
		pool.FreeHead = n - 1
	}
	Header().PoolEndFrame.Store(to)
	counted(to - from)
}

// RefFrame adds a reference to a frame that has one.
func RefFrame(addr uint32) {
	f := Frame(addr)
	assert(f.Refs != 0 && f.Refs != ^uint32(0))
	f.Refs++
}

// DropCode is called for a frame that is freed while it has decoded code. A hook:
// boot/wire.go.
var DropCode func(frame uint32)

// UnrefFrame drops a reference and frees the frame at the last one.
func UnrefFrame(addr uint32) {
	f := Frame(addr)
	assert(f.Refs > 0)
	f.Refs--
	if f.Refs != 0 {
		return
	}
	assert(addr != zeroFrame)
	if f.Code.Load() != 0 {
		DropCode(addr)
	}
	f.Type = abi.FrameTypeFree
	pool := &Kernel().Frames
	f.Next = pool.FreeHead
	pool.FreeHead = addr >> PageShift
	counted(1)
}
