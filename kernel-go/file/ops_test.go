package file

import (
	"testing"

	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/epoll"
	"foreshore.dev/kernel/kmem"
	"foreshore.dev/kernel/mm"
)

// kinds are all that the schema knows.
func kinds() []abi.OfdKind {
	var all []abi.OfdKind
	for k := abi.OfdKindNone; k.String() != "OfdKind(?)"; k++ {
		all = append(all, k)
	}
	return all
}

// bare are the kinds with which nothing can be done, and why.
var bare = map[abi.OfdKind]string{
	abi.OfdKindNone: "it is being opened",
	abi.OfdKindPath: "it only names a file (O_PATH)",
}

func TestEveryKindHasItsRow(t *testing.T) {
	if len(ops) != len(kinds()) {
		t.Fatalf("%d rows for %d kinds", len(ops), len(kinds()))
	}
	for _, k := range kinds() {
		row := &ops[k]
		does := row.read != nil || row.write != nil || row.poll != nil || row.queue != nil || row.seek != nil || row.mmap != nil
		if _, is := bare[k]; is == does {
			t.Errorf("%v: has operations: %v", k, does)
		}
		if does && row.poll == nil {
			t.Errorf("%v cannot be polled: a program would spin on it", k)
		}
		if row.signals != 0 && row.queue == nil {
			t.Errorf("%v tells of events without a queue", k)
		}
	}
}

func TestWhatARowLeavesOut(t *testing.T) {
	c := machine(t)
	for k := range bare {
		i := NewOfd(k, abi.O_RDWR)
		b := &mm.Buf{As: 0, Addr: uint64(c.Page), Len: 8}
		if _, e := Read(c, i, b, PosCurrent); e != abi.EINVAL {
			t.Errorf("%v: read: %v", k, e)
		}
		if _, e := Write(c, i, b, At{Pos: PosCurrent, Append: false}); e != abi.EINVAL {
			t.Errorf("%v: write: %v", k, e)
		}
		if _, e := Seek(i, 0, abi.SEEK_SET); e != abi.ESPIPE {
			t.Errorf("%v: seek: %v", k, e)
		}
		if _, e := Readable(i); e != abi.ENOTTY {
			t.Errorf("%v: FIONREAD: %v", k, e)
		}
		if _, e := Control(c, i, uint32(abi.TCGETS), 0); e != abi.ENOTTY {
			t.Errorf("%v: ioctl: %v", k, e)
		}
		if e := SetAsync(c, i, 3, true); e != abi.ENOTTY {
			t.Errorf("%v: O_ASYNC: %v", k, e)
		}
		if e := Map(&mm.Mapping{Pages: 1}, i, abi.PROT_READ, 0); e != abi.ENODEV {
			t.Errorf("%v: mmap: %v", k, e)
		}
		if Poll(i) != abi.POLLNVAL || CanPoll(i) || Syncs(i) || Splices(i, false) || Splices(i, true) {
			t.Errorf("%v can be polled, synced or spliced", k)
		}
		if e := WaitFor(c, i, pollIn); e != abi.OK {
			t.Errorf("%v: waits: %v", k, e)
		}
		Put(c, i)
	}
}

// What each kind takes of calls that only some do: as Linux, by its own row.
func TestWhatKindsTake(t *testing.T) {
	c := machine(t)
	make1 := func(i abi.OfdRef, e abi.Errno) abi.OfdRef {
		t.Helper()
		if e != abi.OK {
			t.Fatal(e)
		}
		return i
	}
	event := make1(NewEventfd(0, 0))
	timer := make1(NewTimerfd(abi.CLOCK_MONOTONIC, 0))
	signals := make1(NewSignalfd(c, 1, 0))
	instance := make1(NewEpoll())
	r, w, e := NewPipe(c, 0)
	if e != abi.OK {
		t.Fatal(e)
	}
	memory := make1(NewMemfd(c, c.InPath(put(c.Path, "m")), false))
	for _, one := range []struct {
		ofd                                 abi.OfdRef
		watched, seeks, splices, maps, told bool
	}{
		{event, true, false, false, false, false},
		{timer, true, false, false, false, false},
		{signals, true, false, false, false, false},
		{instance, true, false, false, false, false},
		{r, true, false, true, false, true},
		{w, true, false, true, false, true},
		{memory, false, true, true, true, false},
	} {
		o := kmem.Ofd(one.ofd)
		row := opsOf(o)
		if CanPoll(one.ofd) != one.watched || seekable(o) != one.seeks || Splices(one.ofd, true) != one.splices || (row.mmap != nil) != one.maps || (row.signals != 0) != one.told {
			t.Errorf("%v takes other calls than Linux's", o.State.Kind)
		}
	}
	// An epoll takes all that it can watch, and nothing else.
	for fd, ofd := range []abi.OfdRef{event, timer, signals, r, w} {
		if e := epoll.Control(kmem.EpollOf(kmem.Ofd(instance)), abi.EPOLL_CTL_ADD, epoll.Watched{Fd: uint32(fd), Ofd: ofd}, epoll.Interest{Events: pollIn, Data: 0}); e != abi.OK {
			t.Errorf("%v: %v", kmem.Ofd(ofd).State.Kind, e)
		}
	}
	for _, ofd := range []abi.OfdRef{event, timer, signals, r, w, memory, instance} {
		Put(c, ofd)
	}
}
