package mm

import (
	"math/rand"
	"testing"

	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/kmem"
)

// checkTree compares the tree with the list, which is walked by hand.
func checkTree(t *testing.T, as *abi.AddressSpaceSlot) []abi.VmaRef {
	t.Helper()
	var list []abi.VmaRef
	prev := abi.VmaRef(0)
	for i := as.State.VmaHead; i != 0; i = kmem.Vma(i).Next {
		v := kmem.Vma(i)
		if v.Prev != prev || v.StartPage >= v.EndPage || prev != 0 && kmem.Vma(prev).EndPage > v.StartPage {
			t.Fatalf("list is broken at VMA %d [%x, %x)", i, v.StartPage, v.EndPage)
		}
		list, prev = append(list, i), i
	}
	at := 0
	var walk func(i abi.VmaRef) (height, gap uint32)
	walk = func(i abi.VmaRef) (uint32, uint32) {
		if i == 0 {
			return 0, 0
		}
		v := kmem.Vma(i)
		lh, lg := walk(v.Left)
		if at >= len(list) || list[at] != i {
			t.Fatalf("the tree's VMA number %d is %d, the list has another", at, i)
		}
		at++
		rh, rg := walk(v.Right)
		if d := int(lh) - int(rh); d < -1 || d > 1 || v.Height != 1+max(lh, rh) {
			t.Fatalf("VMA %d: height %d over %d and %d", i, v.Height, lh, rh)
		}
		if gap := max(gapBefore(v), lg, rg); v.Gap != gap {
			t.Fatalf("VMA %d: gap %d, is %d", i, v.Gap, gap)
		}
		return v.Height, v.Gap
	}
	walk(as.Live.VmaRoot)
	if at != len(list) || at != int(as.State.VmaCount) {
		t.Fatalf("tree has %d VMAs, list %d, count says %d", at, len(list), as.State.VmaCount)
	}
	return list
}

// slowGap is gap by looking at every VMA.
func slowGap(list []abi.VmaRef, pages, low, top uint32) uint32 {
	best, from := uint32(0), low
	for k := 0; k <= len(list); k++ {
		end := top
		if k < len(list) {
			end = min(end, guarded(kmem.Vma(list[k])))
		}
		if from < end && end-from >= pages {
			best = end - pages
		}
		if k < len(list) {
			from = max(from, kmem.Vma(list[k]).EndPage)
		}
	}
	return best
}

func TestTree(t *testing.T) {
	c := testMachine(t)
	asIndex := New()
	as := kmem.AddressSpace(asIndex)
	r := rand.New(rand.NewSource(max(*seed, 1)))
	const low, window = uint32(0x1000), uint32(4096)
	made, most := 0, 0
	for step := range 6000 {
		page, pages := low+uint32(r.Intn(int(window))), 1+uint32(r.Intn(12))
		switch r.Intn(5) {
		case 0, 1, 2:
			m := Mapping{Page: page, Pages: pages, Flags: ProtFlags(prots[r.Intn(len(prots))]), Fixed: r.Intn(2) == 0}
			if r.Intn(16) == 0 {
				m.Flags |= abi.VmaFlagGrowsDown
			}
			if _, e := Map(c, asIndex, &m); e != abi.OK {
				t.Fatalf("step %d: map %v", step, e)
			}
			made++
		case 3:
			if e := Unmap(c, asIndex, RangeOf(page, pages)); e != abi.OK {
				t.Fatalf("step %d: unmap %v", step, e)
			}
		case 4:
			Protect(c, asIndex, RangeOf(page, pages), prots[r.Intn(len(prots))])
		}
		list := checkTree(t, as)
		most = max(most, len(list))
		want := abi.VmaRef(0)
		for _, i := range list {
			if v := kmem.Vma(i); page >= v.StartPage && page < v.EndPage {
				want = i
			}
		}
		if got := find(as, page); got != want {
			t.Fatalf("step %d: page %x is in VMA %d, want %d", step, page, got, want)
		}
		// Also where what is sought is cut off at either end.
		bottom := low - 64 + uint32(r.Intn(128))
		top := bottom + uint32(r.Intn(int(window)))
		if got, want := gap(as, pages, bottom, top), slowGap(list, pages, bottom, top); got != want {
			t.Fatalf("step %d: %d pages in [%x, %x): at %x, want %x", step, pages, bottom, top, got, want)
		}
	}
	if most < 100 {
		t.Fatalf("%d mappings at most, of %d that were made", most, made)
	}
	child, e := Fork(c, asIndex)
	for e == abi.ERESCHED {
		child, e = Fork(c, asIndex)
	}
	if e != abi.OK {
		t.Fatalf("fork: %v", e)
	}
	checkTree(t, kmem.AddressSpace(child))
	Drop(child)
	Drop(asIndex)
}

func TestPlaces(t *testing.T) {
	c := testMachine(t)
	asIndex := New()
	place := func(hint, pages uint32) uint32 {
		t.Helper()
		m := Mapping{Page: hint, Pages: pages}
		page, e := Map(c, asIndex, &m)
		if e != abi.OK {
			t.Fatalf("%d pages at %x: %v", pages, hint, e)
		}
		return page
	}
	const gib = uint32(1) << (30 - kmem.PageShift)
	if p := place(0, 2*gib); p+2*gib > topPage {
		t.Errorf("2 GiB lie at %x though there is room below", p)
	}
	if p := place(0, 64*gib); p != highTop-64*gib {
		t.Errorf("64 GiB lie at %x", p)
	}
	if p := place(40*gib, gib); p+gib > topPage {
		t.Errorf("a hint above 4 GiB gave %x though there is room below", p)
	}
	if p := place(40*gib, 8*gib); p != 40*gib {
		t.Errorf("a free hint above 4 GiB gave %x", p)
	}
	if p := place(44*gib, 8*gib); p != highTop-72*gib {
		t.Errorf("a hint that is taken gave %x", p)
	}
	m := Mapping{Pages: highPage - topPage}
	if _, e := Map(c, asIndex, &m); e != abi.ENOMEM {
		t.Errorf("more than is free: %v", e)
	}
	Drop(asIndex)
}

// A list of areas that somebody has broken is noticed when an area leaves it.
func TestBrokenListsAreNoticed(t *testing.T) {
	for _, broken := range []func(v *abi.VmaSlot){
		func(v *abi.VmaSlot) { kmem.Vma(v.Prev).Next = v.Next },
		func(v *abi.VmaSlot) { kmem.Vma(v.Next).Prev = v.Prev },
	} {
		c := testMachine(t)
		i := New()
		as := kmem.AddressSpace(i)
		for page := uint32(0x1000); page < 0x1030; page += 0x10 {
			if _, e := Map(c, i, &Mapping{Page: page, Pages: 1, Flags: ProtFlags(abi.PROT_READ), Fixed: true}); e != abi.OK {
				t.Fatal(e)
			}
		}
		middle := find(as, 0x1010)
		broken(kmem.Vma(middle))
		stopped := func() (stopped bool) {
			defer func() { stopped = recover() != nil }()
			unlinkVma(as, middle)
			return false
		}()
		if !stopped {
			t.Error("an area left a list that was broken")
		}
	}
}
