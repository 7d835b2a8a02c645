// Package sched owns who runs: ready queues, the hart states, wait queues (the
// one blocking pattern of the kernel), and timers.
//
// It does not own what threads do when they run (proc, riscv) nor why they
// wait. Everything here wants the machine lock.
//
// # Rules
//
// A call that waits is made again from its beginning (wait.go), and so is one that
// gives way (hold.go). Hence, in every function that may return EBLOCKED or
// ERESCHED, and in all of its callers:
//
//   - Nothing has an effect before the last point at which it can be made again,
//     unless the call's record (BlockedSyscall) says how far it came. Arguments are
//     not changed. Where an effect comes before the answer, mm.Await makes sure
//     first that the answer's pages are there.
//   - Nothing is remembered on a stack or in a Go variable. What the call remembers
//     of its own is a struct among the views of BlockedSyscall.kept, which the call's
//     number tells apart: ask for the number before taking a word for a mark, since
//     callers choose some of these words. Only page_ticket may change in any call.
//   - A slot that is remembered across a wait is remembered with its generation
//     (kmem.Lookup).
//   - Who gives way has got on before: Overdue is asked after a piece of the work,
//     never at its beginning, or the call would never end.
//
// As soon as a hart has called LeaveGuest, another one may free the thread that it
// ran (exit_group, execve): after taking the lock look at HartSlot.thread before
// touching the thread.
//
// Who takes the machine lock says for which thread it acts (Act, 0 for none). A
// function that changes descriptors, OFDs, pipes, mappings or files calls Effect at
// the one place where it does, for that thread's next ThreadStatus.
//
// MakeReady is for a thread that rested, Requeue for one that ran: an owner that
// rests forgets what it is owed. A thread's key in the ready heap changes only while
// it is outside (stepOut, stepIn). Timers are run by harts, not by the kernel worker.
//
// Path, Path2, Page and Vec of the context are scratch memory: a function that takes
// a path overwrites Path.
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
	// Dir is where the directory read in progress ends.
	Dir DirPlace

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

// DirPlace is a place in a directory: a position, and the entry there, as long as
// it is that, which saves a search.
type DirPlace struct {
	Pos  uint64
	Next abi.SlotHandle
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

// InPath, InPath2, InPage and InVec are the first n bytes of scratch memory.

func (c *Ctx) InPath(n uint32) kmem.Span  { return kmem.Span{Addr: c.Path, Len: n} }
func (c *Ctx) InPath2(n uint32) kmem.Span { return kmem.Span{Addr: c.Path2, Len: n} }
func (c *Ctx) InPage(n uint32) kmem.Span  { return kmem.Span{Addr: c.Page, Len: n} }
func (c *Ctx) InVec(n uint32) kmem.Span   { return kmem.Span{Addr: c.Vec, Len: n} }

// T is the thread that the context acts for.
func (c *Ctx) T() *abi.ThreadSlot { return kmem.Thread(c.Thread) }

// P is the process that the context acts for.
func (c *Ctx) P() *abi.ProcessSlot { return kmem.Process(c.Process) }

// Arg is argument i of the system call in progress.
func (c *Ctx) Arg(i int) uint64 { return kmem.Thread(c.Thread).State.Blocked.Args[i] }
