package file

import (
	"bytes"
	"math/rand"
	"testing"

	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/kmem"
	"foreshore.dev/kernel/mm"
	"foreshore.dev/kernel/pipe"
	"foreshore.dev/kernel/sched"
	"foreshore.dev/kernel/vfs"
)

func newPipe(t testing.TB, c *sched.Ctx, flags abi.OpenFlag) (r, w abi.OfdRef) {
	t.Helper()
	r, w, e := NewPipe(c, flags)
	if e != abi.OK {
		t.Fatal(e)
	}
	return r, w
}

// Random reads, writes and changes of size against a byte slice.
func TestPipeModel(t *testing.T) {
	for seed := range int64(12) {
		c := machine(t)
		free := kmem.FreeFrames()
		r, w := newPipe(t, c, abi.O_NONBLOCK)
		rng := rand.New(rand.NewSource(seed))
		var want []byte
		capacity := 65536
		block := make([]byte, 30000)
		for step := range 3000 {
			n := rng.Intn(len(block)) + 1
			if rng.Intn(2) == 0 {
				n = rng.Intn(5000) + 1
			}
			switch rng.Intn(20) {
			case 0:
				size := 4096 << rng.Intn(9)
				got, e := pipe.SetCapacity(kmem.PipeOf(kmem.Ofd(r)), uint64(size))
				if len(want) > size {
					if e != abi.EBUSY {
						t.Fatalf("seed %d step %d: size %d with %d inside: %v", seed, step, size, len(want), e)
					}
				} else if e != abi.OK || int(got) != size {
					t.Fatalf("seed %d step %d: size %d: %d, %v", seed, step, size, got, e)
				} else {
					capacity = size
				}
			case 1, 2, 3, 4, 5, 6, 7, 8, 9, 10:
				rng.Read(block[:n])
				copy(kmem.Bytes(c.Vec, uint32(n)), block)
				got, e := Write(c, w, &mm.Buf{Addr: uint64(c.Vec), Len: uint32(n)}, At{Pos: PosCurrent, Append: false})
				room := capacity - len(want)
				fits := min(room, n)
				if n <= 4096 && room < n {
					fits = 0 // not torn
				}
				if int(got) != fits || (fits == 0) != (e == abi.EAGAIN) {
					t.Fatalf("seed %d step %d: wrote %d of %d with room %d: %v", seed, step, got, n, room, e)
				}
				want = append(want, block[:fits]...)
			default:
				got, e := Read(c, r, &mm.Buf{Addr: uint64(c.Vec), Len: uint32(n)}, PosCurrent)
				fits := min(n, len(want))
				if int(got) != fits || (fits == 0) != (e == abi.EAGAIN) {
					t.Fatalf("seed %d step %d: read %d of %d: %v", seed, step, got, len(want), e)
				}
				if !bytes.Equal(kmem.Bytes(c.Vec, got), want[:fits]) {
					t.Fatalf("seed %d step %d: other bytes", seed, step)
				}
				want = want[fits:]
			}
			in, out := Poll(r)&abi.POLLIN != 0, Poll(w)&abi.POLLOUT != 0
			if in != (len(want) != 0) || out != (capacity-len(want) >= 4096) {
				t.Fatalf("seed %d step %d: poll in %v out %v with %d of %d", seed, step, in, out, len(want), capacity)
			}
			if n, _ := Readable(r); int(n) != len(want) {
				t.Fatalf("seed %d step %d: FIONREAD %d, want %d", seed, step, n, len(want))
			}
		}
		Put(c, r)
		Put(c, w)
		if now := kmem.FreeFrames(); now != free {
			t.Fatalf("seed %d: %d frames lost", seed, free-now)
		}
		if kmem.Table(abi.SlotKindPipe).InUse.Load() != 0 {
			t.Fatal("the pipe stays")
		}
	}
}

func TestPipeBlocks(t *testing.T) {
	c := machine(t)
	reader := c.Thread
	writer := newThread(t, newProcess(t, 200), 200)
	r, w := newPipe(t, c, 0)

	_, e := Read(c, r, &mm.Buf{Addr: uint64(c.Vec), Len: 100}, PosCurrent)
	blocked(t, c, e)
	become(c, writer)
	write(t, c, w, "hello")
	again(t, c, reader)
	if got := read(t, c, r, 100); got != "hello" {
		t.Errorf("read %q", got)
	}

	// A write that is larger than the pipe goes on where it blocked.
	become(c, writer)
	const total = 100_000
	big := area(t, total)
	for i := range kmem.Bytes(big, total) {
		kmem.Bytes(big, total)[i] = byte(i * 7)
	}
	_, e = Write(c, w, &mm.Buf{Addr: uint64(big), Len: total}, At{Pos: PosCurrent, Append: false})
	blocked(t, c, e)
	if p := c.T().State.Blocked.Progress; p != 65536 {
		t.Errorf("progress %d", p)
	}
	var got []byte
	for len(got) < total {
		become(c, reader)
		n, e := Read(c, r, &mm.Buf{Addr: uint64(c.Vec), Len: 7000}, PosCurrent)
		if e != abi.OK {
			t.Fatal(e)
		}
		got = append(got, kmem.Bytes(c.Vec, n)...)
		if kmem.Thread(writer).State.LoadRunState() == abi.ThreadRunStateReady {
			again(t, c, writer)
			n, e := Write(c, w, &mm.Buf{Addr: uint64(big), Len: total}, At{Pos: PosCurrent, Append: false})
			if e == abi.EBLOCKED {
				blocked(t, c, e)
			} else if n != total || e != abi.OK {
				t.Fatalf("write: %d, %v", n, e)
			}
		}
	}
	if !bytes.Equal(got, kmem.Bytes(big, total)) {
		t.Error("other bytes")
	}

	// The end: a reader that waits is told when the last writer goes.
	become(c, reader)
	_, e = Read(c, r, &mm.Buf{Addr: uint64(c.Vec), Len: 1}, PosCurrent)
	blocked(t, c, e)
	Put(c, w)
	again(t, c, reader)
	if got := read(t, c, r, 1); got != "" {
		t.Errorf("read %q at the end", got)
	}
	if Poll(r) != abi.POLLHUP {
		t.Errorf("poll %#x at the end", uint32(Poll(r)))
	}
}

// area is linear memory for test data.
func area(t testing.TB, bytes uint32) uint32 {
	t.Helper()
	first := kmem.AllocFrame(abi.FrameTypeKernel)
	for i := uint32(1); i < (bytes+4095)/4096; i++ {
		if f := kmem.AllocFrame(abi.FrameTypeKernel); f != first+i*4096 {
			t.Fatal("frames of a fresh machine do not follow one another")
		}
	}
	return first
}

func TestPipeWithoutReaders(t *testing.T) {
	c := machine(t)
	signals := 0
	pipe.SigPipe = func(*sched.Ctx) { signals++ }
	r, w := newPipe(t, c, 0)
	writer := c.Thread
	big := area(t, 70000)
	_, e := Write(c, w, &mm.Buf{Addr: uint64(big), Len: 70000}, At{Pos: PosCurrent, Append: false})
	blocked(t, c, e)
	Put(c, r)
	again(t, c, writer)
	// What went in before counts, and the signal comes all the same.
	if n, e := Write(c, w, &mm.Buf{Addr: uint64(big), Len: 70000}, At{Pos: PosCurrent, Append: false}); n != 65536 || e != abi.OK || signals != 1 {
		t.Errorf("%d, %v, %d signals", n, e, signals)
	}
	become(c, writer)
	if _, e := Write(c, w, kernelBuf(c, "x"), At{Pos: PosCurrent, Append: false}); e != abi.EPIPE || signals != 2 {
		t.Errorf("%v, %d signals", e, signals)
	}
	if Poll(w)&abi.POLLERR == 0 {
		t.Error("poll does not say so")
	}
}

func TestFifoOpen(t *testing.T) {
	c := machine(t)
	reader := c.Thread
	writer := newThread(t, newProcess(t, 200), 200)
	if e := vfs.Mknod(c, vfs.PathAt{Dir: vfs.CwdOf(c), Span: c.InPath(put(c.Path, "/f"))}, abi.S_IFIFO|0o644, 0); e != abi.OK {
		t.Fatal(e)
	}
	try := func(flags abi.OpenFlag) (abi.OfdRef, abi.Errno) {
		if Found(c) {
			return Reopen(c, flags)
		}
		return Open(c, vfs.RootOf(c), vfs.PathAt{Dir: vfs.CwdOf(c), Span: c.InPath(put(c.Path, "/f"))}, vfs.How{Flags: flags})
	}
	if _, e := try(abi.O_WRONLY | abi.O_NONBLOCK); e != abi.ENXIO {
		t.Errorf("a writer without a reader: %v", e)
	}
	// Each waits for the other.
	_, e := try(abi.O_RDONLY)
	blocked(t, c, e)
	become(c, writer)
	w, e := try(abi.O_WRONLY)
	if e != abi.OK {
		t.Fatalf("a writer while a reader waits: %v", e)
	}
	// The reader has met the writer, even if that is gone before it looks.
	write(t, c, w, "left behind")
	Put(c, w)
	again(t, c, reader)
	r, e := try(abi.O_RDONLY)
	if e != abi.OK {
		t.Fatalf("the reader: %v", e)
	}
	if got := read(t, c, r, 100); got != "left behind" {
		t.Errorf("read %q", got)
	}
	Put(c, r)
	// The other way round, a second later.
	become(c, writer)
	_, e = try(abi.O_WRONLY)
	blocked(t, c, e)
	become(c, reader)
	r, e = try(abi.O_RDONLY)
	if e != abi.OK {
		t.Fatal(e)
	}
	again(t, c, writer)
	if w, e = try(abi.O_WRONLY); e != abi.OK {
		t.Fatal(e)
	}
	Put(c, w)
	Put(c, r)
	// A reader that waited in open is told when the writer that it met goes.
	become(c, reader)
	_, e = try(abi.O_RDONLY)
	blocked(t, c, e)
	become(c, writer)
	if w, e = try(abi.O_WRONLY); e != abi.OK {
		t.Fatal(e)
	}
	again(t, c, reader)
	if r, e = try(abi.O_RDONLY); e != abi.OK {
		t.Fatal(e)
	}
	if Poll(r) != 0 {
		t.Errorf("poll %#x while the writer is there", uint32(Poll(r)))
	}
	Put(c, w)
	if Poll(r) != abi.POLLHUP {
		t.Errorf("poll %#x when the writer that was met is gone", uint32(Poll(r)))
	}
	Put(c, r)
	// Before the first writer there is no hang-up, behind the last there is.
	if r, e = try(abi.O_RDONLY | abi.O_NONBLOCK); e != abi.OK {
		t.Fatal(e)
	}
	if Poll(r) != 0 {
		t.Errorf("poll %#x before the first writer", uint32(Poll(r)))
	}
	if w, e = try(abi.O_WRONLY); e != abi.OK {
		t.Fatal(e)
	}
	Put(c, w)
	if Poll(r) != abi.POLLHUP {
		t.Errorf("poll %#x behind the last writer", uint32(Poll(r)))
	}
	Put(c, r)
	if rw, e := try(abi.O_RDWR); e != abi.OK {
		t.Errorf("both: %v", e)
	} else {
		write(t, c, rw, "self")
		if got := read(t, c, rw, 10); got != "self" {
			t.Errorf("read %q", got)
		}
		Put(c, rw)
	}
	if kmem.Table(abi.SlotKindPipe).InUse.Load() != 0 {
		t.Error("the pipe stays")
	}
}
