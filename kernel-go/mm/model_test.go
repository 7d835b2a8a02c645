package mm

import (
	"flag"
	"fmt"
	"math/rand"
	"testing"

	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/kmem"
	"foreshore.dev/kernel/kmem/kmemtest"
	"foreshore.dev/kernel/pagecache"
	"foreshore.dev/kernel/sched"
)

// Address spaces against a model in Go maps: random mappings, forks and
// accesses in two windows of pages, one across the border between two leaves
// of the tables, one across the border between two 4 GiB.

var seed = flag.Int64("seed", 0, "replay the model test from this seed alone")

const (
	window   = 64
	modelEnd = 2 * window
)

func pageAt(k int) uint32 {
	if k < window {
		return 0x20000 - window/2 + uint32(k)
	}
	return 2*topPage - window/2 + uint32(k-window)
}

// object is shared anonymous memory: a value per page of it.
type object map[uint32]uint64

// mapped is what the model knows of one page.
type mapped struct {
	prot   abi.Prot
	shared object
	index  uint32 // page of the object
	value  uint64 // of private memory
}

func (m *mapped) get() uint64 {
	if m.shared != nil {
		return m.shared[m.index]
	}
	return m.value
}

func (m *mapped) put(v uint64) {
	if m.shared != nil {
		m.shared[m.index] = v
	} else {
		m.value = v
	}
}

type space struct {
	as    abi.AddressSpaceRef
	pages [modelEnd]*mapped
}

type world struct {
	t      *testing.T
	c      *sched.Ctx
	r      *rand.Rand
	spaces []*space
	done   map[string]int
	log    []string
}

func (w *world) fail(format string, args ...any) {
	w.t.Helper()
	for _, line := range w.log[max(0, len(w.log)-12):] {
		w.t.Log(line)
	}
	w.t.Fatalf(format, args...)
}

func testMachine(t testing.TB) *sched.Ctx {
	kmemtest.New(t, 64)
	if e := Init(); e != abi.OK {
		t.Fatal(e)
	}
	kmem.Reclaim = Reclaim
	c := sched.For(0)
	c.Process, c.Thread = kmem.Alloc[abi.ProcessRef](), kmem.Alloc[abi.ThreadRef]()
	kmem.Thread(c.Thread).State.Process = c.Process
	refs := map[uint32]int{}
	InodeHold = func(i abi.InodeRef) { refs[uint32(i)]++ }
	DentryHold, DentryDrop = func(abi.DentryRef) {}, func(abi.DentryRef) {}
	InodeDrop = func(i abi.InodeRef) {
		if refs[uint32(i)]--; refs[uint32(i)] == 0 {
			pagecache.SetSize(c, i, 0)
			kmem.Free(i)
		}
	}
	return c
}

func newObject(t testing.TB) abi.InodeRef {
	i := kmem.Alloc[abi.InodeRef]()
	if i == 0 {
		t.Fatal("no inode")
	}
	kmem.Inode(i).State.Mode = abi.S_IFREG
	kmem.Inode(i).State.Size = 1 << 30
	return i
}

var prots = [...]abi.Prot{0, abi.PROT_READ, abi.PROT_READ | abi.PROT_WRITE, abi.PROT_READ | abi.PROT_WRITE, abi.PROT_READ | abi.PROT_WRITE, abi.PROT_WRITE}

// pick is a range of the model, inside one window.
func (w *world) pick() (k, n int) {
	k = w.r.Intn(modelEnd)
	return k, 1 + w.r.Intn(min(12, window-k%window))
}

func (w *world) mapPages(s *space) {
	k, n := w.pick()
	prot := prots[w.r.Intn(len(prots))]
	m := Mapping{Page: pageAt(k), Pages: uint32(n), Flags: ProtFlags(prot), Fixed: true}
	var o object
	if w.r.Intn(3) == 0 {
		o = object{}
		m.Inode, m.Flags = newObject(w.t), m.Flags|abi.VmaFlagShared|abi.VmaFlagMaybeWrite
	}
	taken := false
	if m.NoReplace = w.r.Intn(4) == 0; m.NoReplace {
		for i := range n {
			taken = taken || s.pages[k+i] != nil
		}
	}
	page, e := Map(w.c, s.as, &m)
	if taken {
		if e != abi.EEXIST {
			w.fail("map over something: %v", e)
		}
		if o != nil {
			kmem.Free(m.Inode)
		}
		return
	}
	if e != abi.OK || page != m.Page {
		w.fail("map %d+%d: page %#x, %v", k, n, page, e)
	}
	for i := range n {
		s.pages[k+i] = &mapped{prot: prot, shared: o, index: uint32(i)}
	}
}

func (w *world) unmap(s *space) {
	k, n := w.pick()
	if e := Unmap(w.c, s.as, RangeOf(pageAt(k), uint32(n))); e != abi.OK {
		w.fail("unmap: %v", e)
	}
	for i := range n {
		s.pages[k+i] = nil
	}
}

func (w *world) protect(s *space) {
	k, n := w.pick()
	prot := prots[w.r.Intn(len(prots))]
	e, want := Protect(w.c, s.as, RangeOf(pageAt(k), uint32(n)), prot), abi.OK
	for i := range n {
		if s.pages[k+i] == nil {
			want = abi.ENOMEM
			break
		}
		s.pages[k+i].prot = prot
	}
	if e != want {
		w.fail("protect: %v, want %v", e, want)
	}
}

func (w *world) discard(s *space) {
	k, n := w.pick()
	_ = Empty(w.c, s.as, RangeOf(pageAt(k), uint32(n)))
	for i := range n {
		if p := s.pages[k+i]; p != nil && p.shared == nil {
			p.value = 0
		}
	}
}

func (w *world) remap(s *space) {
	k, n := w.pick()
	to, size := w.pick()
	e := abi.OK
	var page uint32
	flags := abi.MREMAP_MAYMOVE | abi.MREMAP_FIXED
	page, e = Remap(w.c, s.as, Remapping{Old: RangeOf(pageAt(k), uint32(n)), Pages: uint32(size), Flags: flags, Target: pageAt(to)})
	overlaps := to < k+n && k < to+size
	whole := s.pages[k] != nil
	for i := 1; i < n && whole; i++ {
		a, b := s.pages[k+i-1], s.pages[k+i]
		whole = b != nil && a.prot == b.prot && (a.shared == nil) == (b.shared == nil) && (a.shared == nil || fmt.Sprintf("%p", a.shared) == fmt.Sprintf("%p", b.shared) && a.index+1 == b.index)
	}
	switch {
	case s.pages[k] != nil && overlaps:
		if e != abi.EINVAL {
			w.fail("remap onto itself: %v", e)
		}
		return
	case !whole:
		if e != abi.EFAULT {
			w.fail("remap of what is no single mapping: %v", e)
		}
		return
	case e != abi.OK || page != pageAt(to):
		w.fail("remap %d+%d to %d+%d: %#x, %v", k, n, to, size, page, e)
	}
	moved := make([]*mapped, size)
	for i := range size {
		if i < n {
			moved[i] = s.pages[k+i]
		} else {
			first := s.pages[k]
			moved[i] = &mapped{prot: first.prot, shared: first.shared, index: first.index + uint32(i)}
		}
	}
	for i := range n {
		s.pages[k+i] = nil
	}
	copy(s.pages[to:], moved)
	w.done["moved"]++
}

func (w *world) fork(s *space) {
	if len(w.spaces) == 4 {
		return
	}
	as, _ := Fork(w.c, s.as)
	if as == 0 {
		w.fail("fork")
	}
	child := &space{as: as}
	for k, p := range s.pages {
		if p != nil {
			q := *p
			child.pages[k] = &q
		}
	}
	w.spaces = append(w.spaces, child)
}

func (w *world) drop(s *space) {
	if len(w.spaces) == 1 {
		return
	}
	Drop(s.as)
	for i := range w.spaces {
		if w.spaces[i] == s {
			w.spaces = append(w.spaces[:i], w.spaces[i+1:]...)
			return
		}
	}
}

func address(k int) uint64 { return uint64(pageAt(k))<<kmem.PageShift + 64 }

func (w *world) store(s *space) {
	k, v := w.r.Intn(modelEnd), w.r.Uint64()
	kmem.Store64(w.c.Page, v)
	e, want := CopyOutAs(w.c, User{As: s.as, Va: address(k)}, kmem.Span{Addr: w.c.Page, Len: 8}), abi.OK
	if p := s.pages[k]; p == nil || p.prot&abi.PROT_WRITE == 0 {
		want = abi.EFAULT
	} else {
		p.put(v)
	}
	if e != want {
		w.fail("store to %d: %v, want %v", k, e, want)
	}
}

func (w *world) load(s *space, k int) {
	n, e := CopyInAs(w.c, kmem.Span{Addr: w.c.Page, Len: 8}, User{As: s.as, Va: address(k)})
	p := s.pages[k]
	if p == nil || p.prot == 0 {
		if e != abi.EFAULT {
			w.fail("load of %d: %v", k, e)
		}
		return
	}
	if e != abi.OK || n != 8 || kmem.Load64(w.c.Page) != p.get() {
		w.fail("load of %d: %#x (%v), want %#x", k, kmem.Load64(w.c.Page), e, p.get())
	}
}

// consistent checks what guest code looks at: no translation that PT and the
// mapping do not allow. The counts of pages are those of PT.
func (w *world) consistent(s *space) {
	as := kmem.AddressSpace(s.as)
	resident, anon := uint64(0), uint32(0)
	for k := range modelEnd {
		page := pageAt(k)
		pte, rt, wt := pteOf(as, page), translation(as, tableRt, page), translation(as, tableWt, page)
		p := s.pages[k]
		want := entry(pte&^pteMask, page)
		if rt != absent && (p == nil || p.prot == 0 || pte&ptePresent == 0 || rt != want) {
			w.fail("page %d: RT %#x, PT %#x", k, rt, pte)
		}
		if wt != absent && (p == nil || p.prot&abi.PROT_WRITE == 0 || pte&pteCow != 0 || wt != want) {
			w.fail("page %d: WT %#x, PT %#x", k, wt, pte)
		}
		if p == nil && pte != 0 {
			w.fail("page %d: PT %#x without a mapping", k, pte)
		}
		if pte != 0 {
			resident++
			anon += anonPages(pte)
		}
	}
	if as.State.ResidentPages != resident || as.State.AnonPages != anon {
		w.fail("%d pages resident, %d anonymous; PT has %d and %d", as.State.ResidentPages, as.State.AnonPages, resident, anon)
	}
}

func translation(as *abi.AddressSpaceSlot, t, page uint32) uint32 {
	dir := dirOf(as, t, page)
	if dir == 0 {
		return absent
	}
	return kmem.Load32(leafSlot(kmem.Load32(dirSlot(dir, page)), page))
}

func runModel(t *testing.T, seed int64, steps int) map[string]int {
	c := testMachine(t)
	free := kmem.FreeFrames()
	w := &world{t: t, c: c, r: rand.New(rand.NewSource(seed)), done: map[string]int{}}
	w.spaces = []*space{{as: New()}}
	ops := []struct {
		name string
		run  func(*space)
	}{{"map", w.mapPages}, {"unmap", w.unmap}, {"protect", w.protect}, {"discard", w.discard}, {"remap", w.remap}, {"fork", w.fork}, {"drop", w.drop},
		{"store", w.store}, {"store", w.store}, {"store", w.store}, {"load", func(s *space) { w.load(s, w.r.Intn(modelEnd)) }}}
	for step := range steps {
		op := ops[w.r.Intn(len(ops))]
		which := w.r.Intn(len(w.spaces))
		w.log = append(w.log, fmt.Sprintf("step %d: %s in space %d", step, op.name, which))
		op.run(w.spaces[which])
		w.done[op.name]++
		if step%16 == 0 {
			for _, s := range w.spaces {
				w.consistent(s)
				for k := range modelEnd {
					w.load(s, k)
				}
			}
		}
	}
	for _, s := range w.spaces {
		Drop(s.as)
	}
	for HaveBuried() {
		Reap()
	}
	if now := kmem.FreeFrames(); now != free {
		w.fail("%d frames are free when all is gone, %d were", now, free)
	}
	for _, kind := range []abi.SlotKind{abi.SlotKindVma, abi.SlotKindInode, abi.SlotKindAddressSpace} {
		if n := kmem.Table(kind).InUse.Load(); n != 0 {
			w.fail("%d slots of kind %d are left", n, kind)
		}
	}
	return w.done
}

func TestModel(t *testing.T) {
	if *seed != 0 {
		runModel(t, *seed, 3000)
		return
	}
	moved := 0
	for s := int64(1); s <= 20; s++ {
		if !t.Run(fmt.Sprint("seed", s), func(t *testing.T) { moved += runModel(t, s, 1500)["moved"] }) {
			return
		}
	}
	if moved < 100 {
		t.Errorf("only %d mappings were moved", moved)
	}
}

// A space that a dead worker may still write to keeps its frames for ever.
func TestQuarantine(t *testing.T) {
	c := testMachine(t)
	as := New()
	m := Mapping{Page: 0x1000, Pages: 8, Flags: abi.VmaFlagRead | abi.VmaFlagWrite, Fixed: true}
	if _, e := Map(c, as, &m); e != abi.OK {
		t.Fatal(e)
	}
	for k := range uint64(8) {
		kmem.Store64(c.Page, k)
		if e := CopyOutAs(c, User{As: as, Va: (0x1000 + k) << kmem.PageShift}, c.InPage(8)); e != abi.OK {
			t.Fatal(e)
		}
	}
	free := kmem.FreeFrames()
	kmem.AddressSpace(as).Live.Quarantine.Store(1)
	if e := Unmap(c, as, Range{From: 0x1000, To: 0x1004}); e != abi.OK {
		t.Fatal(e)
	}
	Drop(as)
	if now := kmem.FreeFrames(); now != free {
		t.Errorf("%d frames came back", int(now)-int(free))
	}
}
