package riscv

import (
	"sync/atomic"
	"unsafe"

	"foreshore.dev/kernel/kmem"
)

// The arena holds all decoded code of the machine, shared by all harts and
// processes. It is a bump allocator that is emptied as a whole when full:
//
//	frame table   open hash of frames that have code: frame address → code map
//	code maps     per frame, the op at each halfword
//	traces        decoded ops (ops.go)
//
// The lock guards allocation, decoding and the frame table. Lock order: mm's locks,
// then this one; FetchPage is never called under it.
//
// Emptying waits until no hart is inside run (busy): a hart leaves within 1,000
// instructions because its poll word is raised, and waits for locks only while not busy.
type arenaState struct {
	lock  atomic.Uint32 // 0 free, else 1 + the hart's index, or kernelSide
	epoch atomic.Uint32 // raised when decoded code became invalid
	table uint32        // frame table
	mask  uint32        // its entries - 1
	start uint32        // first byte after the table
	next  uint32
	limit uint32
	used  uint32 // entries of the frame table in use
	harts uint32 // list of harts, by HartCpu.link
}

var arena arenaState

// frameEntry is an entry of the frame table; code is 0 where it is free and 1 where
// a frame was taken out.
type frameEntry struct {
	frame uint32
	code  uint32
}

const (
	entryFree    = 0
	entryRemoved = 1
)

// codeMap is what is decoded of one frame. It stays readable until the arena is
// emptied, also after the frame was invalidated.
type codeMap struct {
	frame uint32
	valid uint32
	ops   [pageSize / 2]uint32 // trace that starts at each halfword, 0 none
}

const codeMapBytes = uint32(unsafe.Sizeof(codeMap{}))

func mapAt(addr uint32) *codeMap { return (*codeMap)(ptr(addr)) }

// Init gives the arena its memory, size bytes at the linear address base (a multiple
// of 8; size at least 64 KiB). It is called once for each machine, before any hart runs.
func Init(base, size uint32) {
	entries := uint32(64)
	for entries*2*32*1024 <= size {
		entries *= 2
	}
	// Twice as many entries as 16 KiB units: the table is at most half full.
	entries *= 4
	arena.table, arena.mask = base, entries-1
	arena.start = base + entries*8
	arena.limit = base + size
	arena.lock.Store(0)
	arena.epoch.Store(1)
	arena.harts = 0
	reset()
}

// reset empties the arena. The lock is held, or nothing runs yet.
func reset() {
	for i := uint32(0); i <= arena.mask; i++ {
		*entryAt(i) = frameEntry{}
	}
	arena.next = arena.start
	arena.used = 0
}

func entryAt(i uint32) *frameEntry { return (*frameEntry)(ptr(arena.table + i&arena.mask*8)) }

// kernelSide holds the lock for whoever calls under mm's locks.
const kernelSide = 1 << 16

// HartDead says whether a hart's worker has died, so that nobody waits for it; nil when
// harts cannot die.
var HartDead func(hart uint32) bool

func dead(hart uint32) bool { return HartDead != nil && HartDead(hart) }

func lockArena() { lockArenaAs(kernelSide, nil) }

func (h *HartCpu) lockArena() { lockArenaAs(h.Hart+1, h) }

// looks is how often a locker looks between two questions whether the holder is dead.
const looks = 1024

func lockArenaAs(owner uint32, self *HartCpu) {
	for n := uint32(1); !arena.lock.CompareAndSwap(0, owner); n++ {
		relax()
		if n%looks != 0 {
			continue
		}
		holder := arena.lock.Load()
		if holder != 0 && holder != kernelSide && dead(holder-1) && arena.lock.CompareAndSwap(holder, owner) {
			// It may have died in the middle of anything.
			empty(self)
			return
		}
	}
}

func unlockArena() { arena.lock.Store(0) }

// Register makes a hart known to the arena. It is called once per hart before its
// first Run, on a zeroed HartCpu; hart is its index, poll is the linear address of the word that is
// raised to call the hart out of guest code.
func Register(h *HartCpu, hart, poll uint32) {
	h.Hart, h.Poll = hart, poll
	lockArena()
	h.link = arena.harts
	arena.harts = addrOf(unsafe.Pointer(h))
	unlockArena()
}

// Abandon clears what a dead worker left of its hart, so that another one can take the
// hart over. The caller holds mm's locks, and HartDead still holds for the hart.
func Abandon(h *HartCpu) {
	if arena.lock.CompareAndSwap(h.Hart+1, kernelSide) {
		empty(nil)
		unlockArena()
	}
	hart, poll, link := h.Hart, h.Poll, h.link
	kmem.Zero(addrOf(unsafe.Pointer(h)), HartCpuBytes)
	h.Hart, h.Poll, h.link = hart, poll, link
}

// hashFrame spreads frame numbers over the table.
func hashFrame(frame uint32) uint32 { return frame >> 12 * 2654435761 >> 7 }

// findMap returns the code map of a frame, 0 when it has none. The lock is held.
func findMap(frame uint32) uint32 {
	for i := hashFrame(frame); ; i++ {
		e := entryAt(i)
		if e.code == entryFree {
			return 0
		}
		if e.frame == frame && e.code != entryRemoved {
			return e.code
		}
	}
}

// HasCode tells whether a frame is marked as code. mm keeps the invariant that such
// a frame has no entry in any write table.
func HasCode(frame uint32) bool {
	lockArena()
	code := findMap(frame)
	unlockArena()
	return code != 0
}

// MarkCode makes a frame known as one that holds code. mm calls it while it serves
// FetchPage, under the lock that also orders InvalidateFrame, after it has removed the
// frame from every write table.
func MarkCode(frame uint32) {
	lockArena()
	if findMap(frame) == 0 {
		if arena.next+codeMapBytes > arena.limit || arena.used > arena.mask/2 {
			empty(nil)
		}
		addr := arena.next
		arena.next += codeMapBytes
		m := mapAt(addr)
		m.frame, m.valid = frame, 1
		for i := range m.ops {
			m.ops[i] = 0
		}
		i := hashFrame(frame)
		for entryAt(i).code > entryRemoved {
			i++
		}
		if entryAt(i).code == entryFree {
			arena.used++
		}
		*entryAt(i) = frameEntry{frame, addr}
	}
	unlockArena()
}

// InvalidateFrame drops all that was decoded of a frame, before its contents change
// or it is freed. Harts that are in the middle of it go on for at most 1,000 instructions.
func InvalidateFrame(frame uint32) {
	lockArena()
	for i := hashFrame(frame); ; i++ {
		e := entryAt(i)
		if e.code == entryFree {
			break
		}
		if e.frame == frame && e.code != entryRemoved {
			mapAt(e.code).valid = 0
			e.code = entryRemoved
			arena.epoch.Add(1)
			break
		}
	}
	unlockArena()
}

// FlushAll drops all decoded code.
func FlushAll() {
	lockArena()
	empty(nil)
	unlockArena()
}

// empty drops everything, once no other hart executes decoded code. The lock is
// held; the caller, when it is a hart, holds no address of an op.
func empty(self *HartCpu) {
	arena.epoch.Add(1)
	for at := arena.harts; at != 0; {
		h := (*HartCpu)(ptr(at))
		at = h.link
		if h == self || atomic.LoadUint32(&h.busy) == 0 {
			continue
		}
		atomic.StoreUint32((*uint32)(ptr(h.Poll)), 1)
		for atomic.LoadUint32(&h.busy) != 0 && !dead(h.Hart) {
			relax()
		}
	}
	reset()
	kmem.Header().Counters.DecodeFlushes++
}
