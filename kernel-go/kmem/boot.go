// Package kmem owns the machine's linear memory: the header, slot tables,
// frames, the machine lock and sleeping on words. It is the only package that
// turns addresses into pointers (the interpreter's inner loop apart).
//
// It does not know what the slots mean. All of its functions want the machine
// lock, except Lock itself, WaitWord and NotifyWord.
//
// # Rules
//
// The machine lock guards all kernel state. It is never held while guest code runs
// or across a wait of the host, and not for long (sched/hold.go).
//
// What other threads read of a slot changes between WriteBegin and WriteEnd, which
// make its sequence odd and even again. A slot that is freed has another generation:
// handles to it are stale, and Lookup answers 0. Counts of references change by Ref,
// Unref, Up and Down, which assert that none wraps.
//
// Frames of guest pages and of the page cache come from AllocUserFrame, which leaves
// the kernel a reserve; AllocFrame is for tables.
//
// There is no heap: a closure that captures, and a pointer to a stack's struct that
// reaches an interface or a table of functions, are allocations, which the linker
// refuses (`tools/kernel --allocs` names the lines). Large work structs are parts of
// Scratch. State is in slots and in KernelLive, never in a Go variable
// (boot/variables_test.go).
//
// The text of a log line that guests can cause is a constant (LogString): lines are
// counted by text, and limited.
package kmem

import (
	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/host"
)

// Header is the machine header at its fixed place.
func Header() *abi.MachineHeader { return (*abi.MachineHeader)(Ptr(uint32(abi.FixedHeaderAddress))) }

// Config says how large a machine is.
type Config struct {
	// MemoryMaxPages is the memory's maximum in 64 KiB pages.
	MemoryMaxPages uint32
	Harts          uint32
	Clients        uint32
	// RealtimeOffsetNs is CLOCK_REALTIME at the machine's base.
	RealtimeOffsetNs uint64
}

// Kernel is what the kernel remembers beside the slots, at its fixed place.
func Kernel() *abi.KernelLive { return (*abi.KernelLive)(Ptr(abi.FixedKernelAddress)) }

// It lies between the header and the first byte that the linker may use.
const (
	_ = uint32(abi.FixedKernelAddress - abi.FixedHeaderAddress - abi.MachineHeaderSize)
	_ = uint32(abi.FixedGlobalBase - abi.FixedKernelAddress - abi.KernelLiveSize)
)

// Areas says where boot put the areas that other packages own: a copy of
// KernelLive's, which boot or Attach made.
var Areas abi.BootAreas

// WorkerIndex is the lock and context index of the kernel worker.
const WorkerIndex = uint32(abi.LimitHarts)

const (
	arenaFirst = 2 << 20 // bytes of client 0's arena
	arenaOther = 256 << 10
	minPool    = 256 // wasm pages of frames below which a machine is refused
	// requestBuckets is for requests that wait, eventQueue for entries to client 0
	// without room in its ring (more than there can be fills).
	requestBuckets, eventQueue = 1024, 512
)

// cursor hands out boot memory, growing the memory as it goes.
var cursor uint32

func reserve(bytes, align uint32) (uint32, bool) {
	at := (uint64(cursor) + uint64(align) - 1) &^ (uint64(align) - 1)
	end := at + uint64(bytes)
	if end > uint64(Header().MemoryMaxPages)<<16 {
		return 0, false
	}
	if have := uint64(memoryPages()) << 16; end > have {
		if !memoryGrow(uint32((end - have + 0xFFFF) >> 16)) {
			return 0, false
		}
	}
	cursor = uint32(end)
	return uint32(at), true
}

// perGiB scales a per-GiB limit to the machine, with a floor.
func perGiB(limit, floor uint32) uint32 {
	n := uint32(uint64(limit) * uint64(Header().MemoryMaxPages) >> 14)
	return max(n, floor)
}

// Boot lays the machine out in fresh, zeroed memory and fills in the header.
// It returns EINVAL for a bad configuration, ENOMEM when the memory is too
// small, EEXIST when this memory is already a machine.
func Boot(c Config) abi.Errno {
	h := Header()
	if h.Magic != 0 {
		return abi.EEXIST
	}
	if c.Harts == 0 || c.Harts > uint32(abi.LimitHarts) || c.Clients == 0 || c.Clients > uint32(abi.LimitClients) || c.MemoryMaxPages > 65536 {
		return abi.EINVAL
	}
	// A 4 GiB memory's last frame would end at 2^32: leave it out, so that
	// every end address fits a word.
	h.MemoryMaxPages = min(c.MemoryMaxPages, 65535)
	h.BootState.Store(uint32(abi.BootStateBooting))
	h.AbiMajor, h.AbiMinor = uint16(abi.AbiVersionMajor), uint16(abi.AbiVersionMinor)
	h.LayoutHashLo, h.LayoutHashHi = abi.LayoutHashLo, abi.LayoutHashHi
	h.HartCount, h.ClientCount = c.Harts, c.Clients
	h.RealtimeOffsetNs = c.RealtimeOffsetNs
	h.NextTimerNs = ^uint64(0)
	cursor = HeapBase()

	h.KernelLive = abi.FixedKernelAddress
	// Harts and clients have slots from the beginning: what finds slots comes first.
	if !reserveTables(c) {
		return abi.ENOMEM
	}
	derive()
	if !reserveHarts(c) || !reserveClients(c) || !reserveAreas() {
		return abi.ENOMEM
	}
	derive()
	if e := bootPool(); e != abi.OK {
		return e
	}
	host.Entropy(Addr(ptrOf(&h.Entropy)), 32)
	host.Entropy(Addr(ptrOf(&h.FutexSeed)), 16)
	h.Magic = uint32(abi.FixedMagic)
	return abi.OK
}

// Attach makes this kernel go on with a machine that lies in its memory, booted by
// a kernel of the same ABI. EINVAL: there is none.
func Attach() abi.Errno {
	h := Header()
	if h.Magic != uint32(abi.FixedMagic) || h.LayoutHashLo != abi.LayoutHashLo || h.LayoutHashHi != abi.LayoutHashHi {
		return abi.EINVAL
	}
	attachRegion(h.MemoryPages.Load())
	derive()
	return abi.OK
}

// derive makes the copies of the header's words that are asked for all the time.
func derive() {
	for kind := range abi.SlotKinds {
		bases[kind], strides[kind] = Table(kind).Base, Table(kind).Stride
	}
	forgetKept()
	Areas = Kernel().Areas
	frameBase, zeroFrame = bases[abi.SlotKindFrame], Kernel().Frames.ZeroFrame
}

func reserveTables(c Config) bool {
	ok := true
	table := func(kind abi.SlotKind, stride, capacity uint32) {
		base, fits := reserve(stride*capacity, 64)
		ok = ok && fits
		t := Table(kind)
		t.Base, t.Stride, t.Capacity, t.Kind = base, stride, capacity, kind
		t.HighWater.Store(1)
	}
	table(abi.SlotKindHart, abi.HartSlotSize, c.Harts)
	table(abi.SlotKindClient, abi.ClientSlotSize, c.Clients)
	table(abi.SlotKindOwner, abi.OwnerSlotSize, uint32(abi.LimitOwners))
	table(abi.SlotKindProcess, abi.ProcessSlotSize, perGiB(abi.LimitProcessesPerGiB, 256))
	table(abi.SlotKindUser, abi.UserSlotSize, perGiB(abi.LimitProcessesPerGiB, 256))
	table(abi.SlotKindThread, abi.ThreadSlotSize, perGiB(abi.LimitThreadsPerGiB, 512))
	table(abi.SlotKindAddressSpace, abi.AddressSpaceSlotSize, perGiB(abi.LimitProcessesPerGiB, 256))
	table(abi.SlotKindVma, abi.VmaSlotSize, perGiB(abi.LimitVmasPerGiB, 16384))
	table(abi.SlotKindFdTable, abi.FdTableSlotSize, perGiB(abi.LimitFdTablesPerGiB, 512))
	table(abi.SlotKindOfd, abi.OfdSlotSize, perGiB(abi.LimitOfdsPerGiB, 4096))
	table(abi.SlotKindPipe, abi.PipeSlotSize, perGiB(abi.LimitPipesPerGiB, 1024))
	table(abi.SlotKindSocket, abi.SocketSlotSize, perGiB(abi.LimitSocketsPerGiB, 1024))
	table(abi.SlotKindSocketMessage, abi.SocketMessageSlotSize, perGiB(abi.LimitSocketMessagesPerGiB, 1024))
	table(abi.SlotKindInode, abi.InodeSlotSize, perGiB(abi.LimitInodesPerGiB, 16384))
	table(abi.SlotKindDentry, abi.DentrySlotSize, perGiB(abi.LimitDentriesPerGiB, 16384))
	table(abi.SlotKindSighand, abi.SighandSlotSize, perGiB(abi.LimitProcessesPerGiB, 256))
	table(abi.SlotKindSigInfo, abi.SigInfoSlotSize, perGiB(abi.LimitSigInfosPerGiB, 4096))
	table(abi.SlotKindWaitEntry, abi.WaitEntrySlotSize, perGiB(abi.LimitWaitEntriesPerGiB, 8192))
	table(abi.SlotKindEpoll, abi.EpollSlotSize, perGiB(abi.LimitPipesPerGiB, 1024))
	table(abi.SlotKindEpollItem, abi.EpollItemSlotSize, perGiB(abi.LimitEpollItemsPerGiB, 4096))
	table(abi.SlotKindEventfd, abi.EventfdSlotSize, perGiB(abi.LimitPipesPerGiB, 1024))
	table(abi.SlotKindFsContext, abi.FsContextSlotSize, perGiB(abi.LimitProcessesPerGiB, 256))
	table(abi.SlotKindFileLock, abi.FileLockSlotSize, perGiB(abi.LimitFileLocksPerGiB, 1024))
	table(abi.SlotKindPosixTimer, abi.PosixTimerSlotSize, perGiB(abi.LimitPosixTimersPerGiB, 1024))
	table(abi.SlotKindTty, abi.TtySlotSize, perGiB(abi.LimitPtysPerGiB, 64))
	table(abi.SlotKindMount, abi.MountSlotSize, abi.LimitMounts+1)
	table(abi.SlotKindPendingRequest, abi.PendingRequestSlotSize, perGiB(abi.LimitPendingRequestsPerGiB, 8192))
	return ok
}

// CpuBytes is the room for the interpreter's state of one hart.
const CpuBytes = 32 << 10

func reserveHarts(c Config) bool {
	h := Header()
	stack := uint32(abi.FixedKernelStackBytes)
	t := Table(abi.SlotKindHart)
	t.HighWater.Store(c.Harts)
	base, ok := reserve(c.Harts*stack, stack)
	if !ok {
		return false
	}
	h.StacksBase = base
	// One scratch area per hart and one for the kernel worker, then the TLBs.
	scratch, ok := reserve((uint32(abi.LimitHarts)+1)*ScratchBytes, 4096)
	if !ok {
		return false
	}
	Kernel().Areas.Scratch = scratch
	tlbs, ok := reserve(c.Harts*CpuBytes, 4096)
	if !ok {
		return false
	}
	for i := range c.Harts {
		s := Hart(i)
		s.Header.Generation.Store(1)
		s.Index = i
		s.StackTop = base + (i+1)*stack
		s.CodeTlb = tlbs + i*CpuBytes
		Store64(base+i*stack, StackCanary)
	}
	return true
}

// StackCanary lies at the low end of every kernel stack.
const StackCanary = 0x5ca1ab1e0ddba115

// StackIntact says whether a hart's kernel stack kept to its bounds.
func StackIntact(hart uint32) bool {
	return Load64(Header().StacksBase+hart*uint32(abi.FixedKernelStackBytes)) == StackCanary
}

func reserveClients(c Config) bool {
	ring := uint32(abi.FixedRingEntries) * uint32(abi.FixedRingEntryBytes)
	Table(abi.SlotKindClient).HighWater.Store(c.Clients)
	for i := range c.Clients {
		s := Client(i)
		bytes := uint32(arenaOther)
		if i == 0 {
			bytes = arenaFirst
			s.Header.Generation.Store(1)
			s.State.Store(uint32(abi.ClientStateAttached))
		}
		base, ok := reserve(2*ring+bytes, 4096)
		if !ok {
			return false
		}
		s.SubmissionBase, s.CompletionBase, s.ArenaBase, s.ArenaBytes = base, base+ring, base+2*ring, bytes
	}
	return true
}

// pow2Below is the largest power of two that is not above n.
func pow2Below(n uint32) uint32 {
	p := uint32(1)
	for p<<1 != 0 && p<<1 <= n {
		p <<= 1
	}
	return p
}

func reserveAreas() bool {
	h := Header()
	ok := true
	area := func(words uint32) uint32 {
		at, fits := reserve(words*4, 64)
		ok = ok && fits
		return at
	}
	a := &Kernel().Areas
	a.DentryBucketCount = pow2Below(Table(abi.SlotKindDentry).Capacity / 2)
	a.DentryBuckets = area(a.DentryBucketCount)
	a.FutexBucketCount = 4096
	a.FutexBuckets = area(a.FutexBucketCount)
	a.PidBucketCount = pow2Below(Table(abi.SlotKindThread).Capacity)
	a.PidBuckets = area(a.PidBucketCount)
	a.GroupBucketCount = pow2Below(Table(abi.SlotKindProcess).Capacity)
	a.GroupBuckets = area(a.GroupBucketCount)
	a.UserBucketCount = a.GroupBucketCount
	a.UserBuckets = area(a.UserBucketCount)
	a.RequestBucketCount = requestBuckets
	a.RequestBuckets = area(requestBuckets)
	a.EventQueueCapacity = eventQueue
	a.EventQueue = area(eventQueue * (uint32(abi.FixedRingEntryBytes) / 4))
	a.TimerHeapCapacity = Table(abi.SlotKindThread).Capacity + Table(abi.SlotKindProcess).Capacity + Table(abi.SlotKindOfd).Capacity +
		Table(abi.SlotKindPosixTimer).Capacity + Table(abi.SlotKindPendingRequest).Capacity
	a.TimerHeap = area(a.TimerHeapCapacity)
	frames := h.MemoryMaxPages * abiWasmFrames
	t := Table(abi.SlotKindFrame)
	t.Base, t.Stride, t.Capacity, t.Kind = area(frames*(abi.FrameStateSize/4)), abi.FrameStateSize, frames, abi.SlotKindFrame
	t.HighWater.Store(frames)
	// Decoded code: a 64th of the memory; it is flushed when full.
	h.DecodeArenaBytes = min(max(h.MemoryMaxPages<<10, 2<<20), 64<<20)
	base, fits := reserve(h.DecodeArenaBytes, 4096)
	h.DecodeArenaBase = base
	return ok && fits
}

func bootPool() abi.Errno {
	h := Header()
	first, ok := reserve(0, PageSize)
	if !ok {
		return abi.ENOMEM
	}
	end := memoryPages()
	if h.MemoryMaxPages < first>>16+minPool {
		return abi.ENOMEM
	}
	poolFirst := first >> PageShift
	h.PoolFirstFrame = poolFirst
	h.PoolEndFrame.Store(poolFirst)
	h.MemoryPages.Store(end)
	if e := end * abiWasmFrames; e > poolFirst {
		addFrames(poolFirst, e)
	}
	h.ReserveFrames = min((h.MemoryMaxPages*abiWasmFrames-h.PoolEndFrame.Load())/32, 2048)
	zero := AllocFrame(abi.FrameTypeReserved)
	if zero == 0 {
		return abi.ENOMEM
	}
	Frame(zero).Pinned = 1
	Kernel().Frames.ZeroFrame = zero
	zeroFrame = zero
	return abi.OK
}
