package pipe

import (
	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/kmem"
	"foreshore.dev/kernel/sched"
)

// What splice(2) and tee(2) want of a pipe: to look at its bytes in place.

// Peek is where the bytes behind the first `skip` lie, and how many of them
// follow one another; 0 at the end.
func Peek(i abi.PipeRef, skip uint32) kmem.Span { return queueOf(kmem.Pipe(i)).Peek(skip) }

// Consume takes n bytes, which are inside, out.
func Consume(i abi.PipeRef, n uint32) {
	p := kmem.Pipe(i)
	room := Room(i)
	sched.RecordEffect(abi.SyncEffectPipe)
	queueOf(p).Drop(n)
	drained(p, room)
}

// Room is how many bytes could be put in.
func Room(i abi.PipeRef) uint32 { return queueOf(kmem.Pipe(i)).Room() }

// AwaitBytes is what a reader without a buffer gets while the pipe is empty:
// OK when there are bytes, or no writers (the end); EAGAIN or EBLOCKED.
func AwaitBytes(c *sched.Ctx, i abi.PipeRef, nonblock bool) abi.Errno {
	p := kmem.Pipe(i)
	switch {
	case Bytes(i) != 0, p.State.Writers == 0:
		return abi.OK
	case nonblock:
		return abi.EAGAIN
	}
	return wait(c, &p.Live.ReadWait, pollIn|abi.POLLHUP)
}

// AwaitRoom is the same for writers: EPIPE, after SIGPIPE, without readers.
func AwaitRoom(c *sched.Ctx, i abi.PipeRef, nonblock bool) abi.Errno {
	p := kmem.Pipe(i)
	switch {
	case p.State.Readers == 0:
		SigPipe(c)
		return abi.EPIPE
	case Room(i) != 0:
		return abi.OK
	case nonblock:
		return abi.EAGAIN
	}
	return wait(c, &p.Live.WriteWait, pollOut|abi.POLLERR)
}
