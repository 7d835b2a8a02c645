package file

import (
	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/epoll"
	"foreshore.dev/kernel/kmem"
	"foreshore.dev/kernel/sched"
)

// epoll(7) instances (package epoll).

func releaseEpoll(_ *sched.Ctx, o *abi.OfdSlot) { epoll.Free(kmem.EpollOf(o)) }

func pollEpoll(o *abi.OfdSlot) abi.PollEvent { return epoll.Poll(kmem.EpollOf(o)) }

func epollQueue(o *abi.OfdSlot, k int) *abi.WaitEntryRef {
	if k == 0 {
		return epoll.WaitQueue(kmem.EpollOf(o))
	}
	return nil
}

// NewEpoll makes an epoll_create1(2) OFD.
func NewEpoll() (abi.OfdRef, abi.Errno) {
	object := epoll.New()
	if object == 0 {
		return 0, abi.ENFILE
	}
	i := NewOfd(abi.OfdKindEpoll, abi.O_RDWR)
	if i == 0 {
		epoll.Free(object)
		return 0, abi.ENFILE
	}
	kmem.SetObject(kmem.Ofd(i), object)
	return i, abi.OK
}
