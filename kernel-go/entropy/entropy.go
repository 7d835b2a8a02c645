// Package entropy is the kernel's random number generator: ChaCha20 (RFC 8439)
// with a key that each call replaces by its own first output, so that what is
// in memory later says nothing about what was handed out before. The key is in
// the machine header; the host's entropy filled it at boot, so a replay with
// the same key gives the same bytes.
//
// It wants the machine lock.
package entropy

import (
	"math/bits"
	"unsafe"

	"foreshore.dev/kernel/kmem"
)

// generator is the state of one call, and the block that it made last.
type generator struct{ state, work [16]uint32 }

const _ = unsafe.Sizeof(kmem.Scratch{}.Random) - unsafe.Sizeof(generator{})

// at is a hart's generator, zeros between two calls: kernel stacks keep what was on
// them.
func at(hart uint32) *generator {
	return (*generator)(unsafe.Pointer(&kmem.ScratchOf(hart).Random))
}

// quarter is the quarter round of four words (RFC 8439, 2.1).
func quarter(a, b, c, d uint32) (uint32, uint32, uint32, uint32) {
	a += b
	d = bits.RotateLeft32(d^a, 16)
	c += d
	b = bits.RotateLeft32(b^c, 12)
	a += b
	d = bits.RotateLeft32(d^a, 8)
	c += d
	b = bits.RotateLeft32(b^c, 7)
	return a, b, c, d
}

// block makes the next 64 bytes in work. The words are variables of their own,
// not elements of an array: they stay in registers.
func (g *generator) block() {
	s := &g.state
	x0, x1, x2, x3, x4, x5, x6, x7 := s[0], s[1], s[2], s[3], s[4], s[5], s[6], s[7]
	x8, x9, x10, x11, x12, x13, x14, x15 := s[8], s[9], s[10], s[11], s[12], s[13], s[14], s[15]
	for range 10 {
		x0, x4, x8, x12 = quarter(x0, x4, x8, x12)
		x1, x5, x9, x13 = quarter(x1, x5, x9, x13)
		x2, x6, x10, x14 = quarter(x2, x6, x10, x14)
		x3, x7, x11, x15 = quarter(x3, x7, x11, x15)
		x0, x5, x10, x15 = quarter(x0, x5, x10, x15)
		x1, x6, x11, x12 = quarter(x1, x6, x11, x12)
		x2, x7, x8, x13 = quarter(x2, x7, x8, x13)
		x3, x4, x9, x14 = quarter(x3, x4, x9, x14)
	}
	g.work = [16]uint32{
		x0 + s[0], x1 + s[1], x2 + s[2], x3 + s[3], x4 + s[4], x5 + s[5], x6 + s[6], x7 + s[7],
		x8 + s[8], x9 + s[9], x10 + s[10], x11 + s[11], x12 + s[12], x13 + s[13], x14 + s[14], x15 + s[15],
	}
	s[12]++
	if s[12] == 0 {
		s[13]++
	}
}

func (g *generator) byteAt(i int) byte { return byte(g.work[i>>2] >> (i & 3 * 8)) }

// Fill writes n random bytes at a linear address.
func Fill(dst kmem.Span) {
	g := at(kmem.Holder())
	key := &kmem.Header().Entropy
	g.begin(key)
	g.block()
	for i := range key {
		key[i] = uint64(g.work[2*i]) | uint64(g.work[2*i+1])<<32
	}
	used := 32
	for dst.Len != 0 {
		if used == 64 {
			g.block()
			used = 0
		}
		if dst.Len >= 4 && dst.Addr&3 == 0 && used&3 == 0 {
			kmem.Store32(dst.Addr, g.work[used>>2])
			dst.Addr, dst.Len, used = dst.Addr+4, dst.Len-4, used+4
			continue
		}
		kmem.Bytes(dst.Addr, 1)[0] = g.byteAt(used)
		dst.Addr, dst.Len, used = dst.Addr+1, dst.Len-1, used+1
	}
	*g = generator{}
}

// begin sets up the block for a key, counter and nonce 0.
func (g *generator) begin(key *[4]uint64) {
	g.state = [16]uint32{0x61707865, 0x3320646e, 0x79622d32, 0x6b206574}
	for i, k := range key {
		g.state[4+2*i], g.state[5+2*i] = uint32(k), uint32(k>>32)
	}
}

// Mix stirs n bytes at a linear address into the key: what is written to
// /dev/random.
func Mix(src kmem.Span) {
	g := at(kmem.Holder())
	key := &kmem.Header().Entropy
	for from := uint32(0); from < src.Len; from += 32 {
		for i, b := range kmem.Bytes(src.Addr+from, min(32, src.Len-from)) {
			key[i>>3] ^= uint64(b) << (i & 7 * 8)
		}
		g.begin(key)
		g.block()
		for i := range key {
			key[i] = uint64(g.work[2*i]) | uint64(g.work[2*i+1])<<32
		}
	}
	*g = generator{}
}
