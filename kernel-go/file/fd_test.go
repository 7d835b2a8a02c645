package file

import (
	"testing"

	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/fdtable"
	"foreshore.dev/kernel/kmem"
	"foreshore.dev/kernel/mm"
	"foreshore.dev/kernel/pagecache"
	"foreshore.dev/kernel/sched"
)

func TestDescriptors(t *testing.T) {
	c := machine(t)
	used := kmem.Table(abi.SlotKindOfd).InUse.Load()
	fd := func(cloexec bool) uint32 {
		n, e := NewFd(c, open(t, c, "/f", abi.O_CREAT|abi.O_RDWR), cloexec)
		if e != abi.OK {
			t.Fatal(e)
		}
		return n
	}
	for want := range uint32(4) {
		if got := fd(want == 2); got != want {
			t.Errorf("fd %d, want %d", got, want)
		}
	}
	if e := Close(c, 1); e != abi.OK {
		t.Fatal(e)
	}
	if e := Close(c, 1); e != abi.EBADF {
		t.Errorf("closed twice: %v", e)
	}
	if got, _ := Dup(c, 0, 0, false); got != 1 {
		t.Errorf("the lowest is %d", got)
	}
	if got, _ := Dup(c, 0, 10, true); got != 10 || FlagsOf(c, 10) != abi.FD_CLOEXEC {
		t.Errorf("from 10: %d", got)
	}
	if _, e := Dup3(c, 0, 0, false); e != abi.EINVAL {
		t.Errorf("onto itself: %v", e)
	}
	if _, e := Dup3(c, 0, 1<<20, false); e != abi.EBADF {
		t.Errorf("beyond the limit: %v", e)
	}
	if _, e := Dup3(c, 5, 6, false); e != abi.EBADF {
		t.Errorf("from none: %v", e)
	}
	// Descriptors of one OFD share its position, those of a fork too.
	ofd, _ := Get(c, 0)
	write(t, c, ofd, "abcdef")
	copyTable := CloneTable(c.P().State.FdTable)
	if other := kmem.FdTable(copyTable).Entries[1].Ofd; other != ofd {
		t.Errorf("the copy has OFD %d, want %d", other, ofd)
	}
	if kmem.Ofd(ofd).State.Pos != 6 {
		t.Errorf("position %d", kmem.Ofd(ofd).State.Pos)
	}
	CloseOnExec(c, copyTable)
	if s := kmem.FdTable(copyTable); s.Entries[2].Ofd != 0 || s.Entries[10].Ofd != 0 || s.Entries[3].Ofd == 0 || s.Count != 4 {
		t.Error("close on exec")
	}
	DropTable(c, copyTable)
	closeFrom(t, c, 3)
	if s := tableOf(c); s.Count != 3 {
		t.Errorf("count %d after close_range", s.Count)
	}
	c.P().State.Rlimits[abi.RLIMIT_NOFILE].Cur = 4
	if got := fd(false); got != 3 {
		t.Errorf("fd %d below the limit", got)
	}
	if _, e := FreeFd(c, 0); e != abi.EMFILE {
		t.Errorf("at the limit: %v", e)
	}
	DropTable(c, c.P().State.FdTable)
	if now := kmem.Table(abi.SlotKindOfd).InUse.Load(); now != used {
		t.Errorf("%d OFDs left", now-used)
	}
}

func TestPositions(t *testing.T) {
	c := machine(t)
	f := open(t, c, "/f", abi.O_CREAT|abi.O_RDWR)
	write(t, c, f, "0123456789")
	for _, x := range []struct {
		offset int64
		whence abi.SeekWhence
		want   int64 // negative: an errno
	}{
		{2, abi.SEEK_SET, 2}, {3, abi.SEEK_CUR, 5}, {-6, abi.SEEK_CUR, -int64(abi.EINVAL)}, {-1, abi.SEEK_END, 9},
		{100, abi.SEEK_END, 110}, {-11, abi.SEEK_END, -int64(abi.EINVAL)}, {1 << 62, abi.SEEK_SET, -int64(abi.EINVAL)},
		{0, 9, -int64(abi.EINVAL)}, {4, abi.SEEK_DATA, 4}, {4, abi.SEEK_HOLE, 10}, {10, abi.SEEK_DATA, -int64(abi.ENXIO)},
	} {
		got, e := Seek(f, x.offset, x.whence)
		if e != abi.OK {
			got = uint64(-int64(e))
		}
		if int64(got) != x.want {
			t.Errorf("seek %d by %d: %d, want %d", x.offset, x.whence, int64(got), x.want)
		}
	}
	_, _ = Seek(f, 8, abi.SEEK_SET)
	if got := read(t, c, f, 100); got != "89" {
		t.Errorf("read %q", got)
	}
	if n, e := Read(c, f, &mm.Buf{Addr: uint64(c.Vec), Len: 3}, 4); n != 3 || e != abi.OK || string(kmem.Bytes(c.Vec, 3)) != "456" {
		t.Errorf("pread: %d, %v", n, e)
	}
	if kmem.Ofd(f).State.Pos != 10 {
		t.Errorf("pread moved the position to %d", kmem.Ofd(f).State.Pos)
	}
	a := open(t, c, "/f", abi.O_WRONLY|abi.O_APPEND)
	write(t, c, a, "end")
	if size := kmem.Inode(kmem.Ofd(a).State.Inode).State.Size; size != 13 || kmem.Ofd(a).State.Pos != 13 {
		t.Errorf("append: size %d, position %d", size, kmem.Ofd(a).State.Pos)
	}
	if _, e := Read(c, a, &mm.Buf{Addr: uint64(c.Vec), Len: 3}, PosCurrent); e != abi.EBADF {
		t.Errorf("read of a writer: %v", e)
	}
	r, _ := newPipe(t, c, 0)
	if _, e := Seek(r, 0, abi.SEEK_CUR); e != abi.ESPIPE {
		t.Errorf("seek of a pipe: %v", e)
	}
}

// A read that waits for a page in its middle has moved the position so far, in
// case a signal ends it there; made again, it goes on and counts all.
func TestReadWaitsInTheMiddle(t *testing.T) {
	c := machine(t)
	pagecache.RequestBlob = func(_ uint32, position uint64, into kmem.Span, token uint32) {
		for i := range into.Bytes() {
			into.Bytes()[i] = byte((position+uint64(i))>>12) + 1
		}
		tokens = append(tokens, [2]uint32{token, into.Len})
	}
	f := open(t, c, "/f", abi.O_CREAT|abi.O_RDWR)
	in := kmem.Inode(kmem.Ofd(f).State.Inode)
	kmem.WriteBegin(&in.Header)
	in.State.Source, in.State.SourceBytes, in.State.Size = 1, 3*4096, 3*4096
	kmem.WriteEnd(&in.Header)
	first, e := pagecache.InsertZero(kmem.Ofd(f).State.Inode, 0)
	if e != abi.OK {
		t.Fatal(e)
	}
	kmem.Bytes(first, 1)[0] = 0xAA
	tokens = nil
	_, e = Read(c, f, &mm.Buf{Addr: uint64(c.Vec), Len: 3 * 4096}, PosCurrent)
	blocked(t, c, e)
	if p, done := kmem.Ofd(f).State.Pos, c.T().State.Blocked.Progress; p != 4096 || done != 4096 {
		t.Errorf("position %d, progress %d while it waits", p, done)
	}
	for _, x := range tokens {
		if e := pagecache.FillDone(x[0], x[1], abi.OK); e != abi.OK {
			t.Fatal(e)
		}
	}
	again(t, c, c.Thread)
	n, e := Read(c, f, &mm.Buf{Addr: uint64(c.Vec), Len: 3 * 4096}, PosCurrent)
	if n != 3*4096 || e != abi.OK || kmem.Ofd(f).State.Pos != 3*4096 {
		t.Errorf("%d, %v, position %d", n, e, kmem.Ofd(f).State.Pos)
	}
	if got := kmem.Bytes(c.Vec, n); got[0] != 0xAA || got[4096] != 2 || got[8192] != 3 {
		t.Errorf("bytes %d %d %d", got[0], got[4096], got[8192])
	}
}

var tokens [][2]uint32

func TestManyDescriptors(t *testing.T) {
	c := machine(t)
	used, tables := kmem.Table(abi.SlotKindOfd).InUse.Load(), kmem.Table(abi.SlotKindFdTable).InUse.Load()
	ofd, e := NewEventfd(0, 0)
	if e != abi.OK {
		t.Fatal(e)
	}
	if fd, e := NewFd(c, ofd, false); fd != 0 || e != abi.OK {
		t.Fatal(fd, e)
	}
	const most = uint32(abi.LimitFds)
	for want := uint32(1); want < most; want++ {
		if fd, e := Dup(c, 0, 0, want%2 == 0); fd != want || e != abi.OK {
			t.Fatalf("descriptor %d, want %d: %v", fd, want, e)
		}
	}
	if _, e := Dup(c, 0, 0, false); e != abi.EMFILE {
		t.Errorf("one too many: %v", e)
	}
	if e := Close(c, int32(most-1000)); e != abi.OK {
		t.Error(e)
	}
	if fd, e := Dup(c, 0, 0, false); fd != most-1000 || e != abi.OK {
		t.Errorf("descriptor %d in the gap: %v", fd, e)
	}
	copied := CloneTable(c.P().State.FdTable)
	if copied == 0 || fdtable.At(copied, most-1) != ofd || kmem.Ofd(ofd).Header.Refs != 2*most {
		t.Errorf("the copy: %d references", kmem.Ofd(ofd).Header.Refs)
	}
	CloseOnExec(c, copied)
	if n := kmem.FdTable(copied).Count; n != most || kmem.Ofd(ofd).Header.Refs != most+most/2+2 {
		t.Errorf("close on exec: count %d, %d references", n, kmem.Ofd(ofd).Header.Refs)
	}
	DropTable(c, copied)
	closeFrom(t, c, 300)
	if s := tableOf(c); s.Count != 300 || fdtable.Room(c.P().State.FdTable) != 2*fdtable.PerSlot {
		t.Errorf("count %d, room for %d", s.Count, fdtable.Room(c.P().State.FdTable))
	}
	if fd, e := Dup3(c, 0, int32(most-1), false); fd != most-1 || e != abi.OK {
		t.Error(fd, e)
	}
	closeFrom(t, c, 0)
	if now := kmem.Table(abi.SlotKindOfd).InUse.Load(); now != used {
		t.Errorf("%d open files, %d before", now, used)
	}
	if now := kmem.Table(abi.SlotKindFdTable).InUse.Load(); now != tables {
		t.Errorf("%d tables, %d before", now, tables)
	}
}

// closeFrom closes all descriptors from one on, in as many attempts as the time
// that others get makes of it: each closes some.
func closeFrom(t testing.TB, c *sched.Ctx, first uint32) {
	t.Helper()
	for attempts := fds; CloseRange(c, first, ^uint32(0), false) == abi.ERESCHED; attempts-- {
		if attempts == 0 {
			t.Fatal("close_range does not end")
		}
	}
}
