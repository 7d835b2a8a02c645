package file

import (
	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/kmem"
	"foreshore.dev/kernel/pipe"
	"foreshore.dev/kernel/sched"
	"foreshore.dev/kernel/vfs"
)

// Ends of pipes and FIFOs. OfdFifo.writer_opens is how often it had been opened
// for writing when a hang-up was last seen.

func releasePipe(_ *sched.Ctx, o *abi.OfdSlot) {
	pipe.Detach(kmem.PipeOf(o), readable(o), writable(o))
}

func readPipe(c *sched.Ctx, o *abi.OfdSlot, t transfer) (uint32, abi.Errno) {
	return pipe.Read(c, kmem.PipeOf(o), t.buf, t.nonblock)
}

func writePipe(c *sched.Ctx, o *abi.OfdSlot, t transfer) (uint32, abi.Errno) {
	return pipe.Write(c, kmem.PipeOf(o), t.buf, t.nonblock)
}

func pollPipeRead(o *abi.OfdSlot) abi.PollEvent { return pipe.Poll(kmem.PipeOf(o), true, false, 0) }

func pollPipeWrite(o *abi.OfdSlot) abi.PollEvent { return pipe.Poll(kmem.PipeOf(o), false, true, 0) }

func pollFifo(o *abi.OfdSlot) abi.PollEvent {
	return pipe.Poll(kmem.PipeOf(o), readable(o), writable(o), o.State.OfdFifo().WriterOpens)
}

func pipeQueue(o *abi.OfdSlot, k int) *abi.WaitEntryRef {
	p := kmem.Pipe(kmem.PipeOf(o))
	read, write := readable(o), writable(o)
	switch {
	case k == 0 && read:
		return &p.Live.ReadWait
	case k == 0, k == 1 && read && write:
		return &p.Live.WriteWait
	}
	return nil
}

func unreadPipe(o *abi.OfdSlot) uint32 { return pipe.Bytes(kmem.PipeOf(o)) }

// openFifo makes a description the end of a FIFO, or both. `waits`: the other side
// has nobody yet, and the call is to wait for it (awaitOther).
func openFifo(c *sched.Ctx, o *abi.OfdSlot, inode abi.InodeRef, flags abi.OpenFlag) (waits bool, e abi.Errno) {
	if !readable(o) && !writable(o) {
		return false, abi.EINVAL // no end of the pipe (Linux fs/pipe.c, fifo_open)
	}
	object, waits, e := pipe.Open(c, inode, o.State.Flags&abi.O_ACCMODE|flags&abi.O_NONBLOCK)
	if e != abi.OK {
		return false, e
	}
	kmem.SetObject(o, object)
	// Only a reader that did not wait, and found no writer, hears of no hang-up
	// before the first one (Linux fs/pipe.c, fifo_open).
	p := &kmem.Pipe(object).State
	o.State.OfdFifo().WriterOpens = p.WriterOpens - 1
	if !writable(o) && flags&abi.O_NONBLOCK != 0 && p.Writers == 0 {
		o.State.OfdFifo().WriterOpens = p.WriterOpens
	}
	if waits {
		pipe.Begin(c, object, readable(o))
	}
	return waits, abi.OK
}

// awaitOther waits until the other side of a FIFO that the call opens has been opened.
func awaitOther(c *sched.Ctx, o *abi.OfdSlot) abi.Errno {
	return pipe.Await(c, kmem.PipeOf(o), readable(o))
}

// NewPipe makes a pipe and its two OFDs; flags may hold O_NONBLOCK.
func NewPipe(c *sched.Ctx, flags abi.OpenFlag) (r, w abi.OfdRef, e abi.Errno) {
	p, e := pipe.New(c)
	if e != abi.OK {
		return 0, 0, e
	}
	inode := kmem.Pipe(p).Live.Inode
	r = NewOfd(abi.OfdKindPipeRead, flags&abi.O_NONBLOCK)
	if r != 0 {
		w = NewOfd(abi.OfdKindPipeWrite, flags&abi.O_NONBLOCK|abi.O_WRONLY)
	}
	if w == 0 {
		if r != 0 {
			kmem.Free(r)
		}
		vfs.DropInode(inode)
		return 0, 0, abi.ENFILE
	}
	kmem.SetObject(kmem.Ofd(r), p)
	kmem.SetObject(kmem.Ofd(w), p)
	attach(r, inode, 0)
	attach(w, inode, 0)
	vfs.DropInode(inode)
	pipe.Attach(p, true, false)
	pipe.Attach(p, false, true)
	return r, w, abi.OK
}
