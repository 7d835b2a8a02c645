// Package sched owns who runs: ready queues, the hart states, wait queues (the
// one blocking pattern of the kernel), and timers.
//
// It does not own what threads do when they run (proc, riscv) nor why they
// wait. Everything here wants the machine lock.
package sched

import (
	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/kmem"
)

// Ctx says for whom a kernel function acts. There is one for each hart and one
// for the kernel worker, in static memory: a pointer to it may go anywhere.
type Ctx struct {
	// Hart is the lock index: a hart's, or kmem.WorkerIndex.
	Hart uint32
	// Thread, Process and As are slots; all 0 when acting for a request.
	Thread, Process, As uint32
	// Request is the PendingRequest that is being served, or 0.
	Request uint32
	// Path, Path2 (Fixed.PathMax bytes each), Page (one page) and Vec (32 KiB)
	// are scratch memory of this hart, by linear address.
	Path, Path2, Page, Vec uint32
}

var ctxs [abi.LimitHarts + 1]Ctx

// For is the context of a hart or of the kernel worker.
func For(hart uint32) *Ctx {
	c := &ctxs[hart]
	if c.Path == 0 {
		c.Hart = hart
		s := kmem.Scratch(hart)
		c.Path, c.Path2, c.Page, c.Vec = s, s+4096, s+8192, s+16384
	}
	return c
}

// Reset forgets all contexts: a new machine starts on this process (tests).
func Reset() { ctxs = [abi.LimitHarts + 1]Ctx{} }

// T is the thread that the context acts for.
func (c *Ctx) T() *abi.ThreadSlot { return kmem.Thread(c.Thread) }

// P is the process that the context acts for.
func (c *Ctx) P() *abi.ProcessSlot { return kmem.Process(c.Process) }

// Arg is argument i of the system call in progress.
func (c *Ctx) Arg(i int) uint64 { return kmem.Thread(c.Thread).State.Blocked.Args[i] }
