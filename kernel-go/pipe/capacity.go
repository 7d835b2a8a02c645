package pipe

import (
	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/bytequeue"
	"foreshore.dev/kernel/kmem"
	"foreshore.dev/kernel/sched"
)

func queueOf(p *abi.PipeSlot) bytequeue.Queue {
	return bytequeue.Queue{Header: &p.Header, State: &p.State.Queue, Live: &p.Live.Queue}
}

// SetCapacity is F_SETPIPE_SZ: it rounds up to a power of two of pages. EBUSY
// when more is inside, EPERM above the limit, ENOMEM without a frame for a
// larger ring.
func SetCapacity(i abi.PipeRef, bytes uint64) (uint32, abi.Errno) {
	if bytes > uint64(bytequeue.MaxBytes) {
		if bytes > 1<<31 {
			return 0, abi.EINVAL
		}
		return 0, abi.EPERM
	}
	size := pageSize
	for size < uint32(bytes) {
		size <<= 1
	}
	p := kmem.Pipe(i)
	if Bytes(i) > size {
		return 0, abi.EBUSY
	}
	old := p.State.Queue.Capacity
	if e := queueOf(p).SetCapacity(size); e != abi.OK {
		return 0, e
	}
	if size > old {
		sched.Wake(&p.Live.WriteWait, pollOut)
	}
	return size, abi.OK
}

// Capacity is F_GETPIPE_SZ.
func Capacity(i abi.PipeRef) uint32 { return kmem.Pipe(i).State.Queue.Capacity }
