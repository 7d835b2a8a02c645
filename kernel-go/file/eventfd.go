package file

import (
	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/eventfd"
	"foreshore.dev/kernel/fs/procfs"
	"foreshore.dev/kernel/kmem"
	"foreshore.dev/kernel/sched"
)

// eventfd(2): a counter (package eventfd).

func releaseEventfd(_ *sched.Ctx, o *abi.OfdSlot) { eventfd.Free(kmem.EventfdOf(o)) }

func readEventfd(c *sched.Ctx, o *abi.OfdSlot, t transfer) (uint32, abi.Errno) {
	return eventfd.Read(c, kmem.EventfdOf(o), t.buf, t.nonblock)
}

func writeEventfd(c *sched.Ctx, o *abi.OfdSlot, t transfer) (uint32, abi.Errno) {
	return eventfd.Write(c, kmem.EventfdOf(o), t.buf, t.nonblock)
}

func pollEventfd(o *abi.OfdSlot) abi.PollEvent { return eventfd.Poll(kmem.EventfdOf(o)) }

func eventfdQueue(o *abi.OfdSlot, k int) *abi.WaitEntryRef {
	if k == 0 {
		return &kmem.Eventfd(kmem.EventfdOf(o)).Wait
	}
	return nil
}

func infoEventfd(w *procfs.Text, o *abi.OfdSlot) {
	w.Count("eventfd-count: ", kmem.Eventfd(kmem.EventfdOf(o)).Count)
}

// NewEventfd makes an eventfd(2) OFD.
func NewEventfd(count uint64, flags abi.OpenFlag) (abi.OfdRef, abi.Errno) {
	object := eventfd.New(count, uint32(flags&abi.OpenFlag(abi.EFD_SEMAPHORE)))
	if object == 0 {
		return 0, abi.ENFILE
	}
	i := NewOfd(abi.OfdKindEventfd, flags&abi.O_NONBLOCK|abi.O_RDWR)
	if i == 0 {
		eventfd.Free(object)
		return 0, abi.ENFILE
	}
	kmem.SetObject(kmem.Ofd(i), object)
	return i, abi.OK
}
