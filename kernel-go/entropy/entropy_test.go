package entropy

import (
	"bytes"
	"testing"
	"unsafe"

	"foreshore.dev/kernel/kmem"
	"foreshore.dev/kernel/kmem/kmemtest"
)

// The block function's test vector of RFC 8439, section 2.3.2.
func TestBlock(t *testing.T) {
	var key [4]uint64
	for i := range 32 {
		key[i/8] |= uint64(i) << (i % 8 * 8)
	}
	var g generator
	g.begin(&key)
	g.state[12], g.state[13], g.state[14], g.state[15] = 1, 0x09000000, 0x4a000000, 0
	g.block()
	want := [16]uint32{
		0xe4e7f110, 0x15593bd1, 0x1fdd0f50, 0xc47120a3, 0xc7f4d1c7, 0x0368c033, 0x9aaa2204, 0x4e6cd4c3,
		0x466482d2, 0x09aa9f07, 0x05d7c214, 0xa2028bd9, 0xd19c12b5, 0xb94e16de, 0xe883d0cb, 0x4e3c50a2,
	}
	if g.work != want {
		t.Errorf("block %08x, want %08x", g.work, want)
	}
}

// The same key gives the same bytes; each call replaces the key; what was
// handed out is not in memory any more.
func TestFill(t *testing.T) {
	kmemtest.New(t, 64)
	buffer := kmem.Addr(unsafe.Pointer(&kmem.ScratchOf(0).Vec))
	key := &kmem.Header().Entropy
	*key = [4]uint64{1, 2, 3, 4}
	Fill(kmem.Span{Addr: buffer, Len: 1000})
	first := bytes.Clone(kmem.Bytes(buffer, 1000))
	if *key == [4]uint64{1, 2, 3, 4} || *at(0) != (generator{}) {
		t.Error("the key or the generator's state stays")
	}
	Fill(kmem.Span{Addr: buffer, Len: 1000})
	if bytes.Equal(first, kmem.Bytes(buffer, 1000)) {
		t.Error("the same bytes twice")
	}
	*key = [4]uint64{1, 2, 3, 4}
	Fill(kmem.Span{Addr: buffer, Len: 1000})
	if !bytes.Equal(first, kmem.Bytes(buffer, 1000)) {
		t.Error("a replay gives other bytes")
	}
	*key = [4]uint64{1, 2, 3, 4}
	copy(kmem.Bytes(buffer+2000, 5), "stirs")
	Mix(kmem.Span{Addr: buffer + 2000, Len: 5})
	Fill(kmem.Span{Addr: buffer, Len: 1000})
	if bytes.Equal(first, kmem.Bytes(buffer, 1000)) {
		t.Error("what was written to /dev/random changes nothing")
	}
}

// Where the bytes go does not change what they are.
func TestFillUnaligned(t *testing.T) {
	kmemtest.New(t, 64)
	buffer, key := kmem.Addr(unsafe.Pointer(&kmem.ScratchOf(0).Vec)), &kmem.Header().Entropy
	*key = [4]uint64{5, 6, 7, 8}
	Fill(kmem.Span{Addr: buffer, Len: 500})
	want := bytes.Clone(kmem.Bytes(buffer, 500))
	for off := uint32(1); off < 4; off++ {
		*key = [4]uint64{5, 6, 7, 8}
		Fill(kmem.Span{Addr: buffer + off, Len: 500})
		if !bytes.Equal(kmem.Bytes(buffer+off, 500), want) {
			t.Errorf("other bytes at an address that is off by %d", off)
		}
	}
}
