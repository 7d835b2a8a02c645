package pagecache

import (
	"math/rand"
	"slices"
	"testing"

	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/kmem"
	"foreshore.dev/kernel/kmem/kmemtest"
	"foreshore.dev/kernel/sched"
)

// request is one RequestBlob that the test's host has seen.
type request struct {
	source       uint32
	position     uint64
	addr, length uint32
	token        uint32
}

var requests []request

func machine(t testing.TB, mib uint32) *sched.Ctx {
	t.Helper()
	kmemtest.New(t, mib)
	kmem.Reclaim = Evict
	sched.SendAsync, sched.Drain = func() {}, func() {}
	requests = nil
	RequestBlob = func(source uint32, position uint64, into kmem.Span, token uint32) {
		requests = append(requests, request{source: source, position: position, addr: into.Addr, length: into.Len, token: token})
	}
	kmem.Alloc[abi.OwnerRef]()
	return sched.For(0)
}

func newInode(t testing.TB) abi.InodeRef {
	t.Helper()
	i := kmem.Alloc[abi.InodeRef]()
	if i == 0 {
		t.Fatal("no inode")
	}
	return i
}

// backed makes an inode of `bytes` whose byte n at the host is pattern(n).
func backed(t testing.TB, bytes uint64) abi.InodeRef {
	t.Helper()
	i := newInode(t)
	s := &kmem.Inode(i).State
	s.Size, s.Source, s.SourceOffset, s.SourceBytes = bytes, 7, 1000, bytes
	return i
}

func pattern(position uint64) byte { return byte(position ^ position>>8 ^ position>>16) }

// thread makes the context act for a new thread.
func thread(t testing.TB, c *sched.Ctx) abi.ThreadRef {
	t.Helper()
	p := c.Process
	if p == 0 {
		p = kmem.Alloc[abi.ProcessRef]()
		kmem.Process(p).State.Owner = 1
	}
	i := kmem.Alloc[abi.ThreadRef]()
	kmem.Thread(i).State.Process = p
	c.Thread, c.Process = i, p
	return i
}

// blocked marks the thread as waiting, as the dispatcher does.
func blocked(t testing.TB, c *sched.Ctx, e abi.Errno) {
	t.Helper()
	if e != abi.EBLOCKED {
		t.Fatalf("%v, want to block", e)
	}
	c.T().State.Blocked.Attempt++
	c.T().State.StoreRunState(abi.ThreadRunStateBlocked)
}

func woken(t testing.TB, c *sched.Ctx) {
	t.Helper()
	if c.T().State.LoadRunState() != abi.ThreadRunStateReady {
		t.Fatal("the thread was not woken")
	}
	sched.Unready(c.Thread)
}

// serve has the host answer a request with the right bytes.
func serve(t testing.TB, r request) {
	t.Helper()
	for i := range kmem.Bytes(r.addr, r.length) {
		kmem.Bytes(r.addr, r.length)[i] = pattern(r.position + uint64(i) - 1000)
	}
	if e := FillDone(r.token, r.length, abi.OK); e != abi.OK {
		t.Fatalf("fill: %v", e)
	}
}

func checkPage(t testing.TB, inode abi.InodeRef, page uint32, bytes uint64) {
	t.Helper()
	frame := Lookup(inode, page)
	if frame == 0 {
		t.Fatalf("page %d is absent", page)
	}
	if f := kmem.Frame(frame); f.Inode != inode || f.Page != page || f.Refs != 1 || f.Flags&abi.FrameFlagBusy != 0 {
		t.Fatalf("page %d: frame %+v", page, f.Flags)
	}
	for i, b := range kmem.Bytes(frame, kmem.PageSize) {
		at := uint64(page)<<kmem.PageShift + uint64(i)
		want := byte(0)
		if at < bytes {
			want = pattern(at)
		}
		if b != want {
			t.Fatalf("byte %d is %d, want %d", at, b, want)
		}
	}
}

// The pages around every boundary of the tree, put in and taken out in random
// orders, against a set.
func TestRadixModel(t *testing.T) {
	var edges []uint32
	for _, b := range []uint64{0, 4, 1 << 10, 2 << 10, 1 << 20, 1<<20 + 1<<10, 1 << 30, 1<<32 - 2} {
		for d := range uint64(5) {
			if p := b + d - 2; p < 1<<32-1 {
				edges = append(edges, uint32(p))
			}
		}
	}
	for seed := range int64(6) {
		machine(t, 64)
		r := rand.New(rand.NewSource(seed))
		inode := newInode(t)
		model := map[uint32]uint32{}
		free := kmem.FreeFrames()
		for step := range 300 {
			page := edges[r.Intn(len(edges))]
			if r.Intn(3) != 0 {
				if model[page] == 0 {
					frame, e := InsertZero(inode, page)
					if e != abi.OK {
						t.Fatal(e)
					}
					model[page] = frame
				}
			} else {
				end := edges[r.Intn(len(edges))]
				if r.Intn(2) == 0 {
					end = page + 1
				}
				RemoveRange(nil, inode, page, end)
				for p := range model {
					if p >= page && p < end {
						delete(model, p)
					}
				}
			}
			var want, got []uint32
			for p, frame := range model {
				want = append(want, p)
				if Lookup(inode, p) != frame {
					t.Fatalf("seed %d step %d: page %d is %#x, want %#x", seed, step, p, Lookup(inode, p), frame)
				}
			}
			slices.Sort(want)
			for p, ok := NextPresent(inode, 0); ok; p, ok = NextPresent(inode, p+1) {
				got = append(got, p)
			}
			if !slices.Equal(got, want) {
				t.Fatalf("seed %d step %d: pages %v, want %v", seed, step, got, want)
			}
			for _, p := range edges {
				if model[p] == 0 && Lookup(inode, p) != 0 {
					t.Fatalf("seed %d step %d: page %d is present", seed, step, p)
				}
			}
			if n := kmem.Header().CachedFrames.Load(); int(n) != len(model) || int(kmem.Inode(inode).Live.Pages) != len(model) {
				t.Fatalf("seed %d step %d: %d cached, want %d", seed, step, n, len(model))
			}
		}
		FreeAll(inode)
		if now := kmem.FreeFrames(); now != free {
			t.Fatalf("seed %d: %d frames lost", seed, free-now)
		}
	}
}

func TestHolesAndSizes(t *testing.T) {
	c := machine(t, 64)
	inode := newInode(t)
	s := &kmem.Inode(inode).State
	SetSize(c, inode, 10<<kmem.PageShift)
	if f, e := Get(c, inode, 3, false); e != abi.OK || f != kmem.ZeroFrame() {
		t.Fatalf("hole: %#x, %v", f, e)
	}
	f, e := Get(c, inode, 3, true)
	if e != abi.OK || f == kmem.ZeroFrame() {
		t.Fatalf("made: %#x, %v", f, e)
	}
	for i := range kmem.Bytes(f, kmem.PageSize) {
		kmem.Bytes(f, kmem.PageSize)[i] = 9
	}
	MarkDirty(f)
	MarkDirty(f)
	if n := kmem.Header().DirtyFrames.Load(); n != 1 {
		t.Errorf("%d dirty", n)
	}
	// The rest of the page that a shorter file ends in is zero for good.
	seq := s.ChangeSeq.Load()
	SetSize(c, inode, 3<<kmem.PageShift+100)
	if s.ChangeSeq.Load() == seq {
		t.Error("changeSeq stays although bytes went")
	}
	SetSize(c, inode, 20<<kmem.PageShift)
	for i, b := range kmem.Bytes(f, kmem.PageSize) {
		if want := byte(9); (i < 100) != (b == want) || (i >= 100 && b != 0) {
			t.Fatalf("byte %d is %d", i, b)
		}
	}
	SetSize(c, inode, 3<<kmem.PageShift)
	if Lookup(inode, 3) != 0 || kmem.Header().DirtyFrames.Load() != 0 || kmem.Header().CachedFrames.Load() != 0 {
		t.Error("a truncated page stays")
	}
}

// TestLeavesAreBuried: whole leaves go at once, those of a large file later, and
// what stays of the file is right at every moment.
func TestLeavesAreBuried(t *testing.T) {
	c := machine(t, 128)
	free, i := kmem.FreeFrames(), newInode(t)
	const leaves = leavesNow + 6
	const pages = leaves*fan + 10
	for page := uint32(0); page < pages; page++ {
		frame, e := InsertZero(i, page)
		if e != abi.OK {
			t.Fatal(page, e)
		}
		if page%3 == 0 {
			MarkDirty(frame)
		}
	}
	held := Lookup(i, 5*fan)
	kmem.RefFrame(held) // somebody copies from it
	check := func(what string, want uint32) {
		t.Helper()
		dirty, present := uint32(0), uint32(0)
		for page, ok := NextPresent(i, 0); ok; page, ok = NextPresent(i, page+1) {
			f := kmem.Frame(Lookup(i, page))
			if f.Inode != i || f.Page != page {
				t.Fatalf("%s: page %d has the frame of page %d", what, page, f.Page)
			}
			if f.Flags&abi.FrameFlagDirty != 0 {
				dirty++
			}
			present++
		}
		h, l := kmem.Header(), &kmem.Inode(i).Live
		if present != want || l.Pages != want || h.CachedFrames.Load() != want {
			t.Errorf("%s: %d pages, %d counted, %d in all, want %d", what, present, l.Pages, h.CachedFrames.Load(), want)
		}
		if l.DirtyPages != dirty || h.DirtyFrames.Load() != dirty {
			t.Errorf("%s: %d dirty, %d counted, %d in all", what, dirty, l.DirtyPages, h.DirtyFrames.Load())
		}
	}
	check("before", pages)
	RemoveRange(c, i, fan+7, 3*fan+1) // the rest of a leaf, one whole, one page
	check("range", pages-(2*fan+1-7))
	if HaveBuried() {
		t.Error("a few leaves are freed at once")
	}
	RemoveRange(c, i, 2, ^uint32(0))
	check("tail", 2)
	if !HaveBuried() {
		t.Error("many leaves are freed later")
	}
	if f := kmem.Frame(held); f.Refs != 1 || f.Inode != 0 {
		t.Errorf("a held page: %d references, inode %d", f.Refs, f.Inode)
	}
	if Evict(1) == 0 {
		t.Error("who has no frame finds those that are buried")
	}
	for HaveBuried() {
		Reap()
	}
	kmem.UnrefFrame(held)
	FreeAll(i)
	if now := kmem.FreeFrames(); now != free {
		t.Errorf("%d free frames, %d before", now, free)
	}
}

func TestFillReadsAhead(t *testing.T) {
	c := machine(t, 64)
	thread(t, c)
	const bytes = 40*4096 + 123
	inode := backed(t, bytes)
	_, e := Get(c, inode, 5, false)
	blocked(t, c, e)
	got := uint32(0)
	for _, r := range requests {
		if r.source != 7 || r.position != 1000+5*4096+uint64(got) {
			t.Errorf("request %+v after %d bytes", r, got)
		}
		got += r.length
	}
	if got != readAhead*4096 {
		t.Errorf("asked for %d bytes", got)
	}
	// Another reader of a page on its way asks for nothing.
	before := len(requests)
	one := c.Thread
	thread(t, c)
	_, e = Get(c, inode, 6, false)
	blocked(t, c, e)
	if len(requests) != before {
		t.Errorf("asked again: %+v", requests[before:])
	}
	if Lookup(inode, 5) != 0 {
		t.Error("a page shows before its bytes are there")
	}
	for _, r := range requests {
		serve(t, r)
	}
	woken(t, c)
	c.Thread = one
	woken(t, c)
	if _, e = Get(c, inode, 5, false); e != abi.OK {
		t.Fatal(e)
	}
	for p := uint32(5); p < 21; p++ {
		checkPage(t, inode, p, bytes)
	}
	// The last page ends in zeros.
	requests = nil
	_, e = Get(c, inode, 40, false)
	blocked(t, c, e)
	if len(requests) != 1 || requests[0].length != 123 {
		t.Fatalf("requests %+v", requests)
	}
	serve(t, requests[0])
	woken(t, c)
	checkPage(t, inode, 40, bytes)
	if _, e := Get(c, inode, 41, false); e != abi.OK {
		t.Errorf("behind the source: %v", e)
	}
	if e := FillDone(requests[0].token, 123, abi.OK); e != abi.EINVAL {
		t.Errorf("a token of the past: %v", e)
	}
}

func TestFillFails(t *testing.T) {
	for _, x := range []struct {
		name  string
		bytes uint32
		errno abi.Errno
		want  abi.Errno
	}{{"error", 0, abi.ENOENT, abi.ENOENT}, {"short", 100, abi.OK, abi.EIO}} {
		t.Run(x.name, func(t *testing.T) {
			c := machine(t, 64)
			thread(t, c)
			inode := backed(t, 4096)
			free := kmem.FreeFrames()
			_, e := Get(c, inode, 0, false)
			blocked(t, c, e)
			if e := FillDone(requests[0].token, x.bytes, x.errno); e != abi.OK {
				t.Fatal(e)
			}
			woken(t, c)
			if _, e := Get(c, inode, 0, false); e != x.want {
				t.Fatalf("%v, want %v", e, x.want)
			}
			if now := kmem.FreeFrames(); now != free {
				t.Errorf("%d frames lost", free-now)
			}
			// The next call asks the host again, and may succeed.
			c.T().State.Blocked = abi.BlockedSyscall{}
			_, e = Get(c, inode, 0, false)
			blocked(t, c, e)
			serve(t, requests[1])
			woken(t, c)
			if _, e := Get(c, inode, 0, false); e != abi.OK {
				t.Fatal(e)
			}
			checkPage(t, inode, 0, 4096)
		})
	}
}

// A request of a host has its own memory of what it waited for.
func TestFillFailsForRequest(t *testing.T) {
	c := machine(t, 64)
	c.Request = kmem.Alloc[abi.PendingRequestRef]()
	inode := backed(t, 4096)
	if _, e := Get(c, inode, 0, false); e != abi.EBLOCKED {
		t.Fatal(e)
	}
	_ = FillDone(requests[0].token, 0, abi.EIO)
	if kmem.Pending(c.Request).Ready == 0 {
		t.Fatal("the request was not woken")
	}
	if _, e := Get(c, inode, 0, false); e != abi.EIO {
		t.Fatal(e)
	}
	if _, e := Get(c, inode, 0, false); e != abi.EBLOCKED || len(requests) != 2 {
		t.Fatalf("%v after %d requests", e, len(requests))
	}
}

func TestTruncateDuringFill(t *testing.T) {
	c := machine(t, 64)
	thread(t, c)
	inode := backed(t, 8*4096)
	free := kmem.FreeFrames()
	_, e := Get(c, inode, 0, false)
	blocked(t, c, e)
	SetSize(c, inode, 4096+50)
	woken(t, c) // it looks again: its page may be gone
	SetSize(c, inode, 8*4096)
	_, e = Get(c, inode, 0, false)
	blocked(t, c, e)
	for _, r := range requests {
		serve(t, r)
	}
	woken(t, c)
	checkPage(t, inode, 0, 4096+50)
	checkPage(t, inode, 1, 4096+50)
	for p := uint32(2); p < 8; p++ {
		if Lookup(inode, p) != 0 {
			t.Errorf("page %d came in although it was cut off", p)
		}
	}
	// An inode that goes away leaves its frames to the host's answer.
	requests = nil
	gone := backed(t, 4096)
	_, e = Get(c, gone, 0, false)
	blocked(t, c, e)
	FreeAll(gone)
	kmem.Free(gone)
	serve(t, requests[0])
	FreeAll(inode)
	if now := kmem.FreeFrames(); now != free {
		t.Errorf("%d frames lost", free-now)
	}
}

func TestOverwriteDuringFill(t *testing.T) {
	c := machine(t, 64)
	thread(t, c)
	inode := backed(t, 2*4096)
	_, e := Get(c, inode, 0, false)
	blocked(t, c, e)
	f, e := GetForOverwrite(c, inode, 1)
	if e != abi.OK {
		t.Fatal(e)
	}
	kmem.Bytes(f, 1)[0] = 0xEE
	for _, r := range requests {
		serve(t, r)
	}
	checkPage(t, inode, 0, 2*4096)
	if Lookup(inode, 1) != f || kmem.Bytes(f, 1)[0] != 0xEE {
		t.Error("the host's bytes replaced newer ones")
	}
}

// Random touches of several files; answers come in any order, some fail, files
// are cut meanwhile. In the end every page is right and no frame is lost.
func TestFillModel(t *testing.T) {
	for seed := range int64(40) {
		c := machine(t, 64)
		r := rand.New(rand.NewSource(seed))
		free := kmem.FreeFrames()
		var inodes [4]abi.InodeRef
		var sizes [4]uint64
		for i := range inodes {
			sizes[i] = uint64(r.Intn(80*4096) + 1)
			inodes[i] = backed(t, sizes[i])
		}
		for range 400 {
			k := r.Intn(len(inodes))
			switch r.Intn(6) {
			case 0, 1, 2:
				if pages := PagesOf(sizes[k]); pages != 0 {
					thread(t, c)
					page := uint32(r.Intn(int(pages)))
					if f, e := Get(c, inodes[k], page, false); e == abi.EBLOCKED {
						c.T().State.StoreRunState(abi.ThreadRunStateBlocked)
					} else if e != abi.OK || f == 0 {
						t.Fatalf("seed %d: %v", seed, e)
					}
				}
			case 3, 4:
				if len(requests) != 0 {
					at := r.Intn(len(requests))
					q := requests[at]
					requests = slices.Delete(requests, at, at+1)
					if r.Intn(4) == 0 {
						if e := FillDone(q.token, 0, abi.EIO); e != abi.OK {
							t.Fatal(e)
						}
					} else {
						serve(t, q)
					}
				}
			case 5:
				if r.Intn(4) == 0 {
					sizes[k] = uint64(r.Int63n(int64(sizes[k]) + 1))
					SetSize(c, inodes[k], sizes[k])
				}
			}
		}
		for len(requests) != 0 {
			q := requests[0]
			requests = requests[1:]
			serve(t, q)
		}
		for i, inode := range inodes {
			for p, ok := NextPresent(inode, 0); ok; p, ok = NextPresent(inode, p+1) {
				checkPage(t, inode, p, sizes[i])
			}
			if n := kmem.Inode(inode).Live.FillsInFlight; n != 0 {
				t.Errorf("seed %d: %d fills in flight", seed, n)
			}
			FreeAll(inode)
		}
		if now := kmem.FreeFrames(); now != free {
			t.Fatalf("seed %d: %d frames lost", seed, free-now)
		}
		for w := range kmem.End[abi.ThreadRef]() {
			if w != 0 && kmem.Thread(w).State.LoadRunState() == abi.ThreadRunStateBlocked {
				t.Fatalf("seed %d: thread %d still waits", seed, w)
			}
		}
	}
}

// More fills than there are records: the others wait for one.
func TestFillTableFull(t *testing.T) {
	c := machine(t, 64)
	var inodes []abi.InodeRef
	for range maxFills + 3 {
		inodes = append(inodes, backed(t, 4096))
		thread(t, c)
		_, e := Get(c, inodes[len(inodes)-1], 0, false)
		blocked(t, c, e)
	}
	if uint32(len(requests)) != maxFills {
		t.Fatalf("%d requests", len(requests))
	}
	serve(t, requests[0])
	woken(t, c)
	_, e := Get(c, inodes[len(inodes)-1], 0, false)
	if e != abi.EBLOCKED || uint32(len(requests)) != maxFills+1 {
		t.Fatalf("%v, %d requests", e, len(requests))
	}
}

func TestEvict(t *testing.T) {
	c := machine(t, 64)
	inode := backed(t, 8*4096)
	plain := newInode(t)
	keep, _ := InsertZero(plain, 0)
	thread(t, c)
	_, e := Get(c, inode, 0, false)
	blocked(t, c, e)
	for _, r := range requests {
		serve(t, r)
	}
	dirty, pinned := Lookup(inode, 2), Lookup(inode, 3)
	MarkDirty(dirty)
	kmem.RefFrame(pinned)
	seq := kmem.Inode(inode).State.ChangeSeq.Load()
	if n := Evict(100); n != 6 {
		t.Errorf("%d frames evicted, want 6", n)
	}
	if kmem.Inode(inode).State.ChangeSeq.Load() == seq {
		t.Error("changeSeq stays although frames left")
	}
	if Lookup(inode, 2) != dirty || Lookup(inode, 3) != pinned || Lookup(plain, 0) != keep {
		t.Error("a page that only memory has was evicted")
	}
	requests = nil
	c.T().State.Blocked = abi.BlockedSyscall{}
	sched.Unready(c.Thread)
	_, e = Get(c, inode, 0, false)
	blocked(t, c, e)
	for _, r := range requests {
		serve(t, r)
	}
	checkPage(t, inode, 1, 8*4096)
}

// A file larger than memory can be read through: pages that were read make
// room for the next.
func TestReadThroughSmallMemory(t *testing.T) {
	c := machine(t, 64)
	const pages = 40000
	inode := backed(t, pages<<kmem.PageShift)
	thread(t, c)
	for p := uint32(0); p < pages; p++ {
		for {
			f, e := Get(c, inode, p, false)
			if e == abi.OK {
				if at := uint64(p) << kmem.PageShift; kmem.Bytes(f, 1)[0] != pattern(at) {
					t.Fatalf("page %d: wrong bytes", p)
				}
				break
			}
			if e != abi.EBLOCKED {
				t.Fatalf("page %d: %v", p, e)
			}
			sched.CancelWaits(c)
			for _, r := range requests {
				serve(t, r)
			}
			requests = requests[:0]
		}
	}
	FreeAll(inode)
}
