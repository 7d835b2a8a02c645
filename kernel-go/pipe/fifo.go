package pipe

import (
	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/kmem"
	"foreshore.dev/kernel/sched"
)

// Attach counts one more open end of a pipe.
func Attach(i abi.PipeRef, read, write bool) {
	p := kmem.Pipe(i)
	kmem.WriteBegin(&p.Header)
	if read {
		kmem.Up(&p.State.Readers)
		p.State.ReaderOpens++
	}
	if write {
		kmem.Up(&p.State.Writers)
		p.State.WriterOpens++
	}
	kmem.WriteEnd(&p.Header)
}

// Detach counts one less. The other side is told at the last one; nobody left
// frees the pipe. The caller holds the inode.
func Detach(i abi.PipeRef, read, write bool) {
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
		sched.Wake(&p.Live.ReadWait, pollIn|abi.POLLHUP)
	}
	if read && p.State.Readers == 0 {
		sched.Wake(&p.Live.WriteWait, pollOut|abi.POLLERR)
	}
	drop(i)
}

// Open counts the ends that an open(2) of a FIFO asks for (fifo(7)), and says
// whether the caller has to wait then until the other side is opened (Await): it
// counts as there for that side already. O_NONBLOCK does not wait, but without
// a reader a writer gets ENXIO.
func Open(c *sched.Ctx, inode abi.InodeRef, flags abi.OpenFlag) (i abi.PipeRef, waits bool, e abi.Errno) {
	read, write, nonblock := flags&abi.O_ACCMODE != abi.O_WRONLY, flags&abi.O_ACCMODE != abi.O_RDONLY, flags&abi.O_NONBLOCK != 0
	if i = kmem.Inode(inode).Live.Pipe; i == 0 {
		if i = newPipe(inode, abi.PipeFlagFifo); i == 0 {
			return 0, false, abi.ENFILE
		}
	}
	p := kmem.Pipe(i)
	// A pipe without a name, through /proc/PID/fd, has no other side that may come.
	alone := p.State.Flags&abi.PipeFlagFifo != 0 && (read != write) && (read && p.State.Writers == 0 || write && p.State.Readers == 0)
	switch {
	case !alone:
	case nonblock && write:
		drop(i)
		return 0, false, abi.ENXIO
	case !nonblock && c.Thread == 0:
		drop(i)
		return 0, false, abi.EAGAIN // a request of a host does not wait for a peer
	}
	Attach(i, read, write)
	if read {
		sched.Wake(&p.Live.OpenWait, pollOut)
	}
	if write {
		sched.Wake(&p.Live.OpenWait, pollIn)
	}
	return i, alone && !nonblock, abi.OK
}

// Begin remembers, for Await, how often the other side has been opened so far.
func Begin(c *sched.Ctx, i abi.PipeRef, read bool) {
	c.T().State.Blocked.OpenWait().Opens = otherOpens(i, read)
}

// Await waits in open(2) of a FIFO until the other side has been opened, even if
// that has closed again meanwhile.
func Await(c *sched.Ctx, i abi.PipeRef, read bool) abi.Errno {
	b := &c.T().State.Blocked
	if b.OpenWait().Opens != otherOpens(i, read) {
		return abi.OK
	}
	events := pollOut
	if read {
		events = pollIn
	}
	b.Reason = abi.WaitReasonPipe
	return sched.WaitOn(c, &kmem.Pipe(i).Live.OpenWait, events)
}

func otherOpens(i abi.PipeRef, read bool) uint32 {
	if read {
		return kmem.Pipe(i).State.WriterOpens
	}
	return kmem.Pipe(i).State.ReaderOpens
}

// drop frees a pipe that nobody has open.
func drop(i abi.PipeRef) {
	if s := &kmem.Pipe(i).State; s.Readers == 0 && s.Writers == 0 {
		Release(i)
	}
}
