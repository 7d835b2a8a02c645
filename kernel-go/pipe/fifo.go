package pipe

import (
	"unsafe"

	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/kmem"
	"foreshore.dev/kernel/sched"
)

// Attach counts one more open end of a pipe.
func Attach(i uint32, read, write bool) {
	p := kmem.Pipe(i)
	kmem.WriteBegin(&p.Header)
	if read {
		kmem.Up(&p.State.Readers)
		p.State.ReaderOpens++
		p.State.Flags &^= flagReaderComing
	}
	if write {
		kmem.Up(&p.State.Writers)
		p.State.WriterOpens++
		p.State.Flags &^= flagWriterComing
	}
	kmem.WriteEnd(&p.Header)
}

// Detach counts one less. The other side is told at the last one; nobody left
// frees the pipe. The caller holds the inode.
func Detach(i uint32, read, write bool) {
	p := kmem.Pipe(i)
	kmem.WriteBegin(&p.Header)
	if read {
		kmem.Down(&p.State.Readers)
	}
	if write {
		kmem.Down(&p.State.Writers)
	}
	kmem.WriteEnd(&p.Header)
	if write && p.State.Writers == 0 {
		sched.Wake(&p.Live.ReadWait, pollIn|pollHup)
	}
	if read && p.State.Readers == 0 {
		sched.Wake(&p.Live.WriteWait, pollOut|pollErr)
	}
	if p.State.Readers == 0 && p.State.Writers == 0 && p.Live.OpenWait == 0 && p.State.Flags&(flagReaderComing|flagWriterComing) == 0 {
		release(i)
	}
}

// waitingFor says whether somebody waits in open(2) of the FIFO for events:
// readers wait for POLLIN, writers for POLLOUT.
func waitingFor(p *abi.PipeSlot, events uint32) bool {
	head := p.Live.OpenWait
	for i := head; i != 0; {
		e := kmem.WaitEntry(i)
		if e.Events&events != 0 {
			return true
		}
		if i = e.Next; i == head {
			break
		}
	}
	return false
}

// Open opens a FIFO (fifo(7)): for reading it waits for a writer and the other
// way round; O_NONBLOCK does not, but without a reader a writer gets ENXIO.
// `attach` says which ends are wanted. Whoever waits here counts as present for
// the other side, and has been met once the other side has opened, even if
// that closed again meanwhile.
func Open(c *sched.Ctx, inode uint32, read, write, nonblock bool) (uint32, abi.Errno) {
	i := kmem.Inode(inode).Live.Pipe
	if i == 0 {
		if i = newPipe(inode); i == 0 {
			return 0, abi.ENFILE
		}
		kmem.Pipe(i).State.Flags |= flagFifo
	}
	p := kmem.Pipe(i)
	switch {
	case p.State.Flags&flagFifo == 0:
		// A pipe without a name, through /proc/PID/fd: nobody else may ever open it.
	case read && write:
	case read:
		if p.State.Writers == 0 && !nonblock && !met(c, p.State.WriterOpens) && !waitingFor(p, pollOut) {
			return 0, waitOpen(c, p, pollIn, p.State.WriterOpens)
		}
	default:
		if p.State.Readers != 0 || met(c, p.State.ReaderOpens) {
			break
		}
		if waitingFor(p, pollIn) {
			p.State.Flags |= flagReaderComing
			break
		}
		if nonblock {
			drop(i)
			return 0, abi.ENXIO
		}
		return 0, waitOpen(c, p, pollOut, p.State.ReaderOpens)
	}
	if read && waitingFor(p, pollOut) {
		// It counts as a writer from now on: a read before it has run again
		// is not at the end of the file.
		p.State.Flags |= flagWriterComing
	}
	Attach(i, read, write)
	if read {
		sched.Wake(&p.Live.OpenWait, pollOut)
		// A writer that found no reader before may go on.
		sched.Wake(&p.Live.WriteWait, pollOut)
	}
	if write {
		sched.Wake(&p.Live.OpenWait, pollIn)
	}
	return i, abi.OK
}

// drop frees a FIFO's pipe again if nobody uses it.
func drop(i uint32) {
	p := kmem.Pipe(i)
	if p.State.Readers == 0 && p.State.Writers == 0 && p.Live.OpenWait == 0 && p.State.Flags&(flagReaderComing|flagWriterComing) == 0 {
		release(i)
	}
}

// metMark distinguishes a remembered count from an untouched record.
const metMark = 1 << 32

// met says whether the caller waited in an earlier attempt, and the other side
// has opened since.
func met(c *sched.Ctx, opens uint32) bool {
	if c.Thread == 0 {
		return false
	}
	b := &c.T().State.Blocked
	return b.Attempt != 0 && b.Reason == abi.WaitReasonPipe && b.Key0&metMark != 0 && uint32(b.Key0) != opens
}

func waitOpen(c *sched.Ctx, p *abi.PipeSlot, events, opens uint32) abi.Errno {
	if c.Thread == 0 {
		return abi.EAGAIN // a request of a host does not wait for a peer
	}
	b := &c.T().State.Blocked
	if b.Attempt == 0 || b.Reason != abi.WaitReasonPipe || b.Key0&metMark == 0 {
		b.Key0 = metMark | uint64(opens)
	}
	b.Reason = abi.WaitReasonPipe
	h := kmem.Handle(abi.SlotKindPipe, indexOf(p))
	b.Key1 = uint64(h.Generation)<<32 | uint64(h.Index)
	return sched.WaitOn(c, &p.Live.OpenWait, events)
}

// indexOf is the slot of a pipe.
func indexOf(p *abi.PipeSlot) uint32 {
	t := kmem.Table(abi.SlotKindPipe)
	return (kmem.Addr(unsafe.Pointer(p)) - t.Base) / t.Stride
}

// OpenerGone is told of a thread that dies while it waits in open(2) of a
// FIFO, or before it could go on: whoever counts on it looks again.
func OpenerGone(b *abi.BlockedSyscall) {
	opens := b.Number == uint32(abi.SYS_openat) || b.Number == uint32(abi.SYS_openat2)
	if !opens || b.Attempt == 0 || b.Reason != abi.WaitReasonPipe || b.Key0&metMark == 0 {
		return
	}
	// The FIFO may be gone, and its slot another's.
	i := kmem.Lookup(abi.SlotKindPipe, abi.SlotHandle{Index: uint32(b.Key1), Generation: uint32(b.Key1 >> 32)})
	if i == 0 {
		return
	}
	p := kmem.Pipe(i)
	p.State.Flags &^= flagReaderComing | flagWriterComing
	sched.WakeAll(&p.Live.ReadWait)
	sched.WakeAll(&p.Live.WriteWait)
	drop(i)
}
