package kmem

import "unsafe"

// VecBytes is the size of a hart's largest buffer.
const VecBytes = uint32(32 << 10)

// Scratch is memory of one hart, or of the kernel worker: what is too large for a
// kernel stack, and what packages keep of a hart. Nothing in it is state of the
// machine: it means something while its hart has the machine lock or runs a
// thread, and a machine that begins finds zeros. Each part belongs to one package,
// which proves that its type fits the room: `const _ = unsafe.Sizeof(Scratch{}.Exec)
// - unsafe.Sizeof(plan{})`.
type Scratch struct {
	// Path, Path2 and Page are for whoever has the context: c.Path, c.Path2, c.Page.
	Path, Path2, Page [PageSize]byte
	// Context is sched's Ctx.
	Context [256]byte
	// Hart is what package hart keeps of the worker.
	Hart [256]byte
	// Exec is the exec in progress (proc).
	Exec [512]byte
	// Core is the core file that is being begun (proc).
	Core [64]byte
	// Mapping is the mmap(2) in progress (syscalls).
	Mapping [64]byte
	// Record is the FileRecord in progress (vfs).
	Record [128]byte
	// Content is the piece of content that is being written (procfs).
	Content [64]byte
	// Reply is the reply in progress (rpc).
	Reply [128]byte
	// Message is the message in progress (sock).
	Message [512]byte
	// Random is the generator at work (entropy), and zeros otherwise.
	Random [128]byte
	// Trace is the record of a trace in the making, whose bytes are in TraceBytes.
	Trace [32]byte
	_     [PageSize - 256 - 256 - 512 - 64 - 64 - 128 - 64 - 128 - 512 - 128 - 32]byte
	// Vec is c.Vec.
	Vec [VecBytes]byte
	// TraceBytes are not c.Page or c.Vec, since a signal may be told while these are in use.
	TraceBytes [16 << 10]byte
}

// ScratchBytes is a multiple of a frame, so that all pages of it begin at one.
const ScratchBytes = uint32(unsafe.Sizeof(Scratch{}))

const _ = -(ScratchBytes & PageMask) // no remainder

// ScratchOf is the scratch memory of a hart, or of the kernel worker.
func ScratchOf(hart uint32) *Scratch { return (*Scratch)(Ptr(Areas.Scratch + hart*ScratchBytes)) }
