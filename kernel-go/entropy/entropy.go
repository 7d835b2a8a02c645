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

	"foreshore.dev/kernel/kmem"
)

// state is the generator's working block; static because kernel stacks are small.
var state, work [16]uint32

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
func block() {
	s := &state
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
	work = [16]uint32{
		x0 + s[0], x1 + s[1], x2 + s[2], x3 + s[3], x4 + s[4], x5 + s[5], x6 + s[6], x7 + s[7],
		x8 + s[8], x9 + s[9], x10 + s[10], x11 + s[11], x12 + s[12], x13 + s[13], x14 + s[14], x15 + s[15],
	}
	state[12]++
	if state[12] == 0 {
		state[13]++
	}
}

func wordBytes(i int) byte { return byte(work[i>>2] >> (i & 3 * 8)) }

// Fill writes n random bytes at a linear address.
func Fill(addr, n uint32) {
	key := &kmem.Header().Entropy
	begin(key)
	block()
	for i := range key {
		key[i] = uint64(work[2*i]) | uint64(work[2*i+1])<<32
	}
	used := 32
	for n != 0 {
		if used == 64 {
			block()
			used = 0
		}
		if n >= 4 && addr&3 == 0 && used&3 == 0 {
			kmem.Store32(addr, work[used>>2])
			addr, n, used = addr+4, n-4, used+4
			continue
		}
		kmem.Bytes(addr, 1)[0] = wordBytes(used)
		addr, n, used = addr+1, n-1, used+1
	}
	state, work = [16]uint32{}, [16]uint32{}
}

// begin sets up the block for a key, counter and nonce 0.
func begin(key *[4]uint64) {
	state = [16]uint32{0x61707865, 0x3320646e, 0x79622d32, 0x6b206574}
	for i, k := range key {
		state[4+2*i], state[5+2*i] = uint32(k), uint32(k>>32)
	}
}

// Mix stirs n bytes at a linear address into the key: what is written to
// /dev/random.
func Mix(addr, n uint32) {
	key := &kmem.Header().Entropy
	for at := uint32(0); at < n; at += 32 {
		for i, b := range kmem.Bytes(addr+at, min(32, n-at)) {
			key[i>>3] ^= uint64(b) << (i & 7 * 8)
		}
		begin(key)
		block()
		for i := range key {
			key[i] = uint64(work[2*i]) | uint64(work[2*i+1])<<32
		}
	}
	state, work = [16]uint32{}, [16]uint32{}
}
