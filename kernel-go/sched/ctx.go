// Package sched owns who runs: ready queues, the hart states, wait queues (the
// one blocking pattern of the kernel), and timers.
//
// It does not own what threads do when they run (proc, riscv) nor why they
// wait. Everything here wants the machine lock.
package sched

import (
	"unsafe"

	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/kmem"
)

// Ctx says for whom a kernel function acts. There is one for each hart and one
// for the kernel worker, in its scratch memory: a pointer to it, or into it,
// may go anywhere (through tables of functions, where one to a stack may not).
type Ctx struct {
	// Hart is the lock index: a hart's, or kmem.WorkerIndex.
	Hart uint32
	// Thread, Process and As are slots; all 0 when acting for a request.
	Thread  abi.ThreadRef
	Process abi.ProcessRef
	As      abi.AddressSpaceRef
	// Filling is the address space that exec fills; its stack grows as As's does.
	Filling abi.AddressSpaceRef
	// Request is the PendingRequest that is being served, or 0.
	Request abi.PendingRequestRef
	// Path, Path2 (Fixed.PathMax bytes each), Page (one page) and Vec (32 KiB)
	// are scratch memory of this hart, by linear address.
	Path, Path2, Page, Vec uint32
	// Buf is the buffer of the transfer in progress, and Piece the part of it that
	// package file moves just now.
	Buf, Piece Buf
	// DirPos and DirHint are where the directory read in progress ends.
	DirPos  uint64
	DirHint abi.SlotHandle

	hold hold
}

// Buf is where a transfer goes to or comes from: user memory of an address
// space, or linear memory when As is 0. It advances as bytes are moved (mm.BufIn,
// mm.BufOut).
type Buf struct {
	As   abi.AddressSpaceRef
	Len  uint32
	Addr uint64
}

const _ = unsafe.Sizeof(kmem.Scratch{}.Context) - unsafe.Sizeof(Ctx{})

// For is the context of a hart or of the kernel worker.
func For(hart uint32) *Ctx {
	s := kmem.ScratchOf(hart)
	c := (*Ctx)(unsafe.Pointer(&s.Context))
	if c.Path == 0 {
		c.Hart = hart
		c.Path, c.Path2, c.Page, c.Vec = addrOf(&s.Path), addrOf(&s.Path2), addrOf(&s.Page), addrOf(&s.Vec)
	}
	return c
}

func addrOf[T any](p *T) uint32 { return kmem.Addr(unsafe.Pointer(p)) }

// T is the thread that the context acts for.
func (c *Ctx) T() *abi.ThreadSlot { return kmem.Thread(c.Thread) }

// P is the process that the context acts for.
func (c *Ctx) P() *abi.ProcessSlot { return kmem.Process(c.Process) }

// Arg is argument i of the system call in progress.
func (c *Ctx) Arg(i int) uint64 { return kmem.Thread(c.Thread).State.Blocked.Args[i] }
