package file

import (
	"testing"

	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/epoll"
	"foreshore.dev/kernel/kmem"
	"foreshore.dev/kernel/mm"
	"foreshore.dev/kernel/sched"
)

func newEpoll(t testing.TB) (ofd abi.OfdRef, object abi.EpollRef) {
	t.Helper()
	ofd, e := NewEpoll()
	if e != abi.OK {
		t.Fatal(e)
	}
	return ofd, kmem.EpollOf(kmem.Ofd(ofd))
}

func newEventfd(t testing.TB, count uint64, flags abi.EventfdFlag) abi.OfdRef {
	t.Helper()
	i, e := NewEventfd(count, abi.OpenFlag(flags|abi.EFD_NONBLOCK))
	if e != abi.OK {
		t.Fatal(e)
	}
	return i
}

func add(t testing.TB, ep abi.EpollRef, fd uint32, ofd abi.OfdRef, events abi.PollEvent) {
	t.Helper()
	if e := epoll.Control(ep, abi.EPOLL_CTL_ADD, epoll.Watched{Fd: fd, Ofd: ofd}, epoll.Interest{Events: events, Data: uint64(fd)}); e != abi.OK {
		t.Fatal(e)
	}
}

// collect is the events of the fds that are ready.
func collect(c *sched.Ctx, ep abi.EpollRef, max uint32) map[uint64]uint32 {
	got := map[uint64]uint32{}
	for i := range epoll.Collect(ep, c.Vec, max) {
		e := (*abi.EpollEvent)(kmem.Ptr(c.Vec + i*abi.EpollEventSize))
		got[e.Data] = uint32(e.Events)
	}
	return got
}

func TestEpollTriggers(t *testing.T) {
	for _, x := range []struct {
		name   string
		events abi.PollEvent
		// What four looks find: after a write, again, after another write,
		// and after all was read.
		want [4]abi.PollEvent
	}{
		{"level", abi.POLLIN, [4]abi.PollEvent{abi.POLLIN, abi.POLLIN, abi.POLLIN, 0}},
		{"edge", abi.POLLIN | abi.EPOLLET, [4]abi.PollEvent{abi.POLLIN, 0, abi.POLLIN, 0}},
		{"oneshot", abi.POLLIN | abi.EPOLLONESHOT, [4]abi.PollEvent{abi.POLLIN, 0, 0, 0}},
		{"not asked for", abi.POLLPRI, [4]abi.PollEvent{}},
	} {
		t.Run(x.name, func(t *testing.T) {
			c := machine(t)
			_, ep := newEpoll(t)
			r, w := newPipe(t, c, abi.O_NONBLOCK)
			add(t, ep, 5, r, x.events)
			if got := collect(c, ep, 10); len(got) != 0 {
				t.Errorf("at first: %v", got)
			}
			write(t, c, w, "a")
			var got [4]abi.PollEvent
			got[0] = abi.PollEvent(collect(c, ep, 10)[5])
			got[1] = abi.PollEvent(collect(c, ep, 10)[5])
			write(t, c, w, "b")
			got[2] = abi.PollEvent(collect(c, ep, 10)[5])
			read(t, c, r, 10)
			got[3] = abi.PollEvent(collect(c, ep, 10)[5])
			if got != x.want {
				t.Errorf("%v, want %v", got, x.want)
			}
			// A hang-up is told whatever was asked for, unless it was shot.
			Put(c, w)
			want := abi.POLLHUP
			if x.name == "oneshot" {
				want = 0
			}
			if got := collect(c, ep, 10)[5]; got != uint32(want) {
				t.Errorf("hang-up: %#x", got)
			}
		})
	}
}

func TestEpollWakes(t *testing.T) {
	c := machine(t)
	waiter := c.Thread
	other := newThread(t, newProcess(t, 200), 200)
	epOfd, ep := newEpoll(t)
	outerOfd, outer := newEpoll(t)
	ev := newEventfd(t, 0, 0)
	add(t, ep, 1, ev, abi.POLLIN)
	add(t, outer, 2, epOfd, abi.POLLIN)
	blocked(t, c, sched.WaitOn(c, epoll.WaitQueue(outer), abi.POLLIN))
	become(c, other)
	write(t, c, ev, "\x01\x00\x00\x00\x00\x00\x00\x00")
	again(t, c, waiter)
	if got := collect(c, outer, 10); got[2]&uint32(abi.POLLIN) == 0 {
		t.Errorf("outer: %v", got)
	}
	if got := collect(c, ep, 10); got[1] != uint32(abi.POLLIN) {
		t.Errorf("inner: %v", got)
	}
	read(t, c, ev, 8)
	if Poll(epOfd) != 0 || Poll(outerOfd) != 0 {
		t.Errorf("poll inner %#x outer %#x when nothing is ready", uint32(Poll(epOfd)), uint32(Poll(outerOfd)))
	}
}

func TestEpollControl(t *testing.T) {
	c := machine(t)
	_, ep := newEpoll(t)
	ev := newEventfd(t, 1, 0)
	f := open(t, c, "/file", abi.O_CREAT|abi.O_RDWR)
	add(t, ep, 3, ev, abi.POLLIN)
	for _, x := range []struct {
		name string
		op   abi.EpollOp
		fd   uint32
		ofd  abi.OfdRef
		want abi.Errno
	}{
		{"twice", abi.EPOLL_CTL_ADD, 3, ev, abi.EEXIST},
		{"another fd", abi.EPOLL_CTL_ADD, 4, ev, abi.OK},
		{"mod none", abi.EPOLL_CTL_MOD, 9, ev, abi.ENOENT},
		{"del none", abi.EPOLL_CTL_DEL, 9, ev, abi.ENOENT},
		{"unknown", 9, 3, ev, abi.EINVAL},
		{"mod to nothing", abi.EPOLL_CTL_MOD, 3, ev, abi.OK},
	} {
		if e := epoll.Control(ep, x.op, epoll.Watched{Fd: x.fd, Ofd: x.ofd}, epoll.Interest{Events: 0, Data: 0}); e != x.want {
			t.Errorf("%s: %v, want %v", x.name, e, x.want)
		}
	}
	if CanPoll(f) || !CanPoll(ev) {
		t.Error("a regular file can be watched, or an eventfd not")
	}
	// What is closed is watched no more.
	Put(c, ev)
	if epoll.Items(ep) != 0 || kmem.Table(abi.SlotKindEpollItem).InUse.Load() != 0 || kmem.Table(abi.SlotKindWaitEntry).InUse.Load() != 0 {
		t.Error("items of a closed file stay")
	}
}

func TestEpollNesting(t *testing.T) {
	machine(t)
	var ofds []abi.OfdRef
	var objects []abi.EpollRef
	for range 7 {
		o, ep := newEpoll(t)
		ofds, objects = append(ofds, o), append(objects, ep)
	}
	for i := range 4 { // 1 in 0, 2 in 1, …
		add(t, objects[3-i], 1, ofds[4-i], abi.POLLIN)
	}
	if e := epoll.Control(objects[4], abi.EPOLL_CTL_ADD, epoll.Watched{Fd: 1, Ofd: ofds[0]}, epoll.Interest{Events: abi.POLLIN, Data: 0}); e != abi.ELOOP {
		t.Errorf("a ring: %v", e)
	}
	if e := epoll.Control(objects[0], abi.EPOLL_CTL_ADD, epoll.Watched{Fd: 2, Ofd: ofds[0]}, epoll.Interest{Events: abi.POLLIN, Data: 0}); e != abi.ELOOP {
		t.Errorf("itself: %v", e)
	}
	if e := epoll.Control(objects[5], abi.EPOLL_CTL_ADD, epoll.Watched{Fd: 1, Ofd: ofds[0]}, epoll.Interest{Events: abi.POLLIN, Data: 0}); e != abi.ELOOP {
		t.Errorf("too deep: %v", e)
	}
}

// Level-triggered items take turns when fewer are asked for than are ready.
func TestEpollTurns(t *testing.T) {
	c := machine(t)
	_, ep := newEpoll(t)
	for fd := range uint32(5) {
		add(t, ep, fd, newEventfd(t, 1, 0), abi.POLLIN)
	}
	seen := map[uint64]int{}
	for range 5 {
		for fd := range collect(c, ep, 2) {
			seen[fd]++
		}
	}
	for fd := range uint64(5) {
		if seen[fd] != 2 {
			t.Errorf("fd %d was told %d times of 10", fd, seen[fd])
		}
	}
}

func TestEventfd(t *testing.T) {
	c := machine(t)
	number := func(v uint64) *mm.Buf {
		kmem.Store64(c.Vec, v)
		return &mm.Buf{Addr: uint64(c.Vec), Len: 8}
	}
	get := func(i abi.OfdRef) (uint64, abi.Errno) {
		_, e := Read(c, i, &mm.Buf{Addr: uint64(c.Vec), Len: 8}, PosCurrent)
		return kmem.Load64(c.Vec), e
	}
	i := newEventfd(t, 3, 0)
	if v, e := get(i); v != 3 || e != abi.OK {
		t.Errorf("%d, %v", v, e)
	}
	if _, e := get(i); e != abi.EAGAIN {
		t.Errorf("empty: %v", e)
	}
	if _, e := Write(c, i, number(^uint64(0)), At{Pos: PosCurrent, Append: false}); e != abi.EINVAL {
		t.Errorf("all ones: %v", e)
	}
	if _, e := Write(c, i, number(^uint64(0)-1), At{Pos: PosCurrent, Append: false}); e != abi.OK {
		t.Errorf("most: %v", e)
	}
	if _, e := Write(c, i, number(1), At{Pos: PosCurrent, Append: false}); e != abi.EAGAIN {
		t.Errorf("full: %v", e)
	}
	if Poll(i) != pollIn {
		t.Errorf("poll %#x when full", uint32(Poll(i)))
	}
	if _, e := Read(c, i, &mm.Buf{Addr: uint64(c.Vec), Len: 7}, PosCurrent); e != abi.EINVAL {
		t.Errorf("short: %v", e)
	}
	s := newEventfd(t, 2, abi.EFD_SEMAPHORE)
	for range 2 {
		if v, e := get(s); v != 1 || e != abi.OK {
			t.Errorf("semaphore: %d, %v", v, e)
		}
	}
	if _, e := get(s); e != abi.EAGAIN {
		t.Errorf("semaphore at 0: %v", e)
	}
}

func TestTimerfd(t *testing.T) {
	c := machine(t)
	i, e := NewTimerfd(abi.CLOCK_MONOTONIC, abi.O_NONBLOCK)
	if e != abi.OK {
		t.Fatal(e)
	}
	start := sched.NowNs()
	SetTimer(i, start+1_000_000, 10_000_000_000, true)
	if left, every := TimerOf(i); left > 1_000_000 || every != 10_000_000_000 {
		t.Errorf("left %d, every %d", left, every)
	}
	sched.RunTimers(start)
	if Poll(i) != 0 {
		t.Error("it is early")
	}
	sched.RunTimers(start + 1_000_000)
	if Poll(i) != pollIn {
		t.Error("it did not fire")
	}
	if left, _ := TimerOf(i); left == 0 {
		t.Error("the interval is not armed")
	}
	if _, e := Read(c, i, &mm.Buf{Addr: uint64(c.Vec), Len: 8}, PosCurrent); e != abi.OK || kmem.Load64(c.Vec) == 0 {
		t.Errorf("count %d, %v", kmem.Load64(c.Vec), e)
	}
	SetTimer(i, 0, 0, false)
	if left, _ := TimerOf(i); left != 0 {
		t.Error("disarmed, but not")
	}
	SetTimer(i, 1_000_000, 0, false)
	Put(c, i) // an armed timer of a closed file is gone
	sched.RunTimers(^uint64(0) - 1)
}
