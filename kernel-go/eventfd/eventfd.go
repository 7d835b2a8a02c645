// Package eventfd owns the counters behind eventfd(2) and timerfd(2).
//
// It does not own open file descriptions (file) nor the timer heap (sched).
// Everything here wants the machine lock.
package eventfd

import (
	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/kmem"
	"foreshore.dev/kernel/mm"
	"foreshore.dev/kernel/sched"
)

const (
	pollIn  = abi.POLLIN | abi.POLLRDNORM
	pollOut = abi.POLLOUT | abi.POLLWRNORM
	// most is the largest count that a write may reach.
	most = ^uint64(0) - 1
)

// New makes a counter; 0 when the table is full. flags: EFD_SEMAPHORE.
func New(count uint64, flags uint32) abi.EventfdRef {
	i := kmem.Alloc[abi.EventfdRef]()
	if i != 0 {
		s := kmem.Eventfd(i)
		s.Count, s.Flags = count, flags
	}
	return i
}

// Free gives a counter back.
func Free(i abi.EventfdRef) {
	sched.WakeAll(&kmem.Eventfd(i).Wait)
	kmem.Free(i)
}

func set(s *abi.EventfdSlot, count uint64) {
	kmem.WriteBegin(&s.Header)
	s.Count = count
	kmem.WriteEnd(&s.Header)
}

// Read takes the count (with EFD_SEMAPHORE: 1 of it) as 8 bytes: EINVAL for a
// smaller buffer.
func Read(c *sched.Ctx, i abi.EventfdRef, b *mm.Buf, nonblock bool) (uint32, abi.Errno) {
	if b.Len < 8 {
		return 0, abi.EINVAL
	}
	s := kmem.Eventfd(i)
	if s.Count == 0 {
		return 0, wait(c, s, pollIn, nonblock)
	}
	take := s.Count
	if s.Flags&uint32(abi.EFD_SEMAPHORE) != 0 {
		take = 1
	}
	kmem.Store64(c.Page, take)
	if e := mm.BufOut(c, b, c.InPage(8)); e != abi.OK {
		return 0, e
	}
	set(s, s.Count-take)
	sched.Wake(&s.Wait, pollOut)
	return 8, abi.OK
}

// Write adds 8 bytes' value: EINVAL for all ones, EAGAIN or EBLOCKED when the
// count would pass its end.
func Write(c *sched.Ctx, i abi.EventfdRef, b *mm.Buf, nonblock bool) (uint32, abi.Errno) {
	if b.Len < 8 {
		return 0, abi.EINVAL
	}
	if e := mm.BufIn(c, b, c.InPage(8)); e != abi.OK {
		return 0, e
	}
	add := kmem.Load64(c.Page)
	if add == ^uint64(0) {
		return 0, abi.EINVAL
	}
	s := kmem.Eventfd(i)
	if add > most-s.Count {
		return 0, wait(c, s, pollOut, nonblock)
	}
	set(s, s.Count+add)
	if add != 0 {
		sched.Wake(&s.Wait, pollIn)
	}
	return 8, abi.OK
}

// Expired counts n expirations of a timer.
func Expired(i abi.EventfdRef, n uint64) {
	s := kmem.Eventfd(i)
	set(s, s.Count+n)
	sched.Wake(&s.Wait, pollIn)
}

// Clear sets the count to 0: a timer is armed anew.
func Clear(i abi.EventfdRef) { set(kmem.Eventfd(i), 0) }

func wait(c *sched.Ctx, s *abi.EventfdSlot, events abi.PollEvent, nonblock bool) abi.Errno {
	if nonblock {
		return abi.EAGAIN
	}
	if c.Thread != 0 {
		c.T().State.Blocked.Reason = abi.WaitReasonEventfd
	}
	return sched.WaitOn(c, &s.Wait, events)
}

// Poll is the counter's state.
func Poll(i abi.EventfdRef) abi.PollEvent {
	s := kmem.Eventfd(i)
	events := abi.PollEvent(0)
	if s.Count != 0 {
		events |= pollIn
	}
	if s.Count < most {
		events |= pollOut
	}
	return events
}
