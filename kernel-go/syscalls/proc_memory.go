package syscalls

import (
	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/file"
	"foreshore.dev/kernel/fs/procfs"
	"foreshore.dev/kernel/kmem"
	"foreshore.dev/kernel/mm"
	"foreshore.dev/kernel/proc"
	"foreshore.dev/kernel/sched"
)

// Memory of another process (process_vm_readv(2), process_vm_writev(2)).

func sysProcessVmReadv(c *sched.Ctx) (uint64, abi.Errno) { return processVm(c, false) }

func sysProcessVmWritev(c *sched.Ctx) (uint64, abi.Errno) { return processVm(c, true) }

// processVm copies between the caller's iovecs (arguments 1, 2) and those of a
// process (3, 4). What was copied before memory that is not there counts. The
// iovecs of both lie in c.Vec, one behind the other.
func processVm(c *sched.Ctx, write bool) (uint64, abi.Errno) {
	mine, theirs := arg32(c, 2), arg32(c, 4)
	if _, again := file.HeldIovecs(c, c.Vec); !again {
		if c.Arg(5) != 0 {
			return 0, abi.EINVAL
		}
		total, e := iovecsIn(c, c.Vec, 1)
		if e != abi.OK || total == 0 {
			return 0, e
		}
		if total, e = iovecsIn(c, c.Vec+mine*abi.IovecSize, 3); e != abi.OK || total == 0 {
			return 0, e
		}
	}
	as, e := memoryOf(c)
	if e != abi.OK {
		return 0, e
	}
	x := exchange{vecWalk{vec: c.Vec, left: mine}, vecWalk{vec: c.Vec + mine*abi.IovecSize, left: theirs}, write}
	done, e := x.copy(c, as)
	switch {
	case sched.GoesOn(e):
		file.HoldIovecs(c, mm.Iovecs{Addr: c.Vec, Count: mine + theirs})
		file.HoldMemory(c, as)
		return 0, e
	case done != 0:
		return done, abi.OK
	}
	return 0, e
}

// memoryOf is the address space of the process that argument 0 names by any of its
// threads: ESRCH when there is none (any more), EPERM when the caller may not look
// into it. A call that is made again goes on with that which it held.
func memoryOf(c *sched.Ctx) (abi.AddressSpaceRef, abi.Errno) {
	if as := file.HeldMemory(c); as != 0 {
		return as, abi.OK
	}
	pid := int32(arg32(c, 0))
	if pid <= 0 {
		return 0, abi.ESRCH
	}
	thread := proc.FindThread(uint32(pid))
	if thread == 0 {
		return 0, abi.ESRCH
	}
	process := kmem.Thread(thread).State.Process
	as := kmem.Process(process).State.AddressSpace
	switch {
	case as == 0: // it has ended, or has no program yet
		return 0, abi.ESRCH
	case as != c.As && !procfs.MayTrace(c, process):
		return 0, abi.EPERM
	}
	return as, abi.OK
}

// exchange is a transfer between the caller's iovecs and a process's, from or to the
// process.
type exchange struct {
	local, remote vecWalk
	write         bool
}

// copy goes on with the transfer where it stopped. It lets others in each time that
// the machine lock was held for long.
func (x *exchange) copy(c *sched.Ctx, as abi.AddressSpaceRef) (uint64, abi.Errno) {
	b := &c.T().State.Blocked
	x.local.advance(b.Progress)
	x.remote.advance(b.Progress)
	for x.local.left != 0 && x.remote.left != 0 {
		here, n := x.local.piece()
		there, m := x.remote.piece()
		n = min(n, m)
		var e abi.Errno
		if x.write {
			if e = mm.CopyIn(c, c.InPage(n), here); e == abi.OK {
				e = mm.CopyOutAs(c, mm.User{As: as, Va: there}, c.InPage(n))
			}
		} else if _, e = mm.CopyInAs(c, c.InPage(n), mm.User{As: as, Va: there}); e == abi.OK {
			e = mm.CopyOut(c, here, c.InPage(n))
		}
		if e != abi.OK {
			return b.Progress, e
		}
		x.local.advance(uint64(n))
		x.remote.advance(uint64(n))
		before := b.Progress
		b.Progress += uint64(n)
		const looksEach = 64 << 10
		if before/looksEach != b.Progress/looksEach && sched.Overdue(c) {
			return b.Progress, abi.ERESCHED
		}
	}
	return b.Progress, abi.OK
}

// vecWalk is a place in iovecs: `done` bytes of the first of `left` are behind it.
type vecWalk struct {
	vec, left uint32
	done      uint64
}

func (w *vecWalk) first() *abi.Iovec { return (*abi.Iovec)(kmem.Ptr(w.vec)) }

// piece is the memory from the place to the end of its iovec or page.
func (w *vecWalk) piece() (va uint64, n uint32) {
	va = w.first().Base + w.done
	return va, uint32(min(w.first().Len-w.done, uint64(kmem.PageSize-uint32(va)&kmem.PageMask)))
}

// advance goes n bytes on, and behind iovecs that are at their end.
func (w *vecWalk) advance(n uint64) {
	w.done += n
	for w.left != 0 && w.done >= w.first().Len {
		w.done -= w.first().Len
		w.vec += abi.IovecSize
		w.left--
	}
}
