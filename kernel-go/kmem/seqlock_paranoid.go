//go:build paranoid && !tinygo

package kmem

import (
	"bytes"

	"foreshore.dev/kernel/abi"
)

// What readers outside the kernel rely on: words that the schema says to lie under
// a slot's sequence change while that is odd, and at no other time, from when the
// slot counts until it is given back. Each slot's words are kept as its last change
// left them, and compared when its next one begins, at the end of the hold of the
// lock in which it changed, and some at the end of each hold, by turns.

// kept is a slot as its last change left it.
type kept struct {
	kind  abi.SlotKind
	words []byte
}

var (
	keptSlots = map[uint32]*kept{}
	// keptNow are those that have changed in this hold of the lock.
	keptNow []uint32
	// keptAll are all of them, of which keptTurn is compared next.
	keptAll  []uint32
	keptTurn int
)

// keptEach is how many are compared at the end of each hold, whichever they are.
const keptEach = 4

// forgetKept begins anew with another memory.
func forgetKept() {
	clear(keptSlots)
	keptNow, keptAll, keptTurn = nil, nil, 0
}

// keeps notes a slot as it is.
func keeps(addr uint32) {
	s := keptSlots[addr]
	if s == nil {
		kind := kindAt(addr)
		if len(abi.SeqlockRules[kind].Words) == 0 {
			return
		}
		s = &kept{kind: kind}
		keptSlots[addr] = s
		keptAll = append(keptAll, addr)
	}
	s.words = s.words[:0]
	for _, w := range abi.SeqlockRules[s.kind].Words {
		s.words = append(s.words, Bytes(addr+w.Offset, w.Bytes)...)
	}
	keptNow = append(keptNow, addr)
}

// counts says whether a slot is one for readers.
func (s *kept) counts(addr uint32) bool {
	if (*abi.SlotHeader)(Ptr(addr)).Generation.Load()&1 == 0 {
		return false
	}
	c := abi.SeqlockRules[s.kind].Counts
	return c.Bytes == 0 || !zeros(Bytes(addr+c.Offset, c.Bytes))
}

func zeros(b []byte) bool { return len(bytes.Trim(b, "\x00")) == 0 }

// compare fails when a word has changed since the slot's last change ended.
func compare(addr uint32) {
	s := keptSlots[addr]
	if s == nil || !s.counts(addr) {
		return
	}
	left := s.words
	for _, w := range abi.SeqlockRules[s.kind].Words {
		if !bytes.Equal(left[:w.Bytes], Bytes(addr+w.Offset, w.Bytes)) {
			fail("a word changes outside of its slot's sequence: " + s.kind.String() + "." + w.Name)
		}
		left = left[w.Bytes:]
	}
}

// compareSome is asked before the machine lock is given back.
func compareSome() {
	for _, addr := range keptNow {
		compare(addr)
	}
	keptNow = keptNow[:0]
	for range min(keptEach, len(keptAll)) {
		keptTurn = (keptTurn + 1) % len(keptAll)
		compare(keptAll[keptTurn])
	}
}
