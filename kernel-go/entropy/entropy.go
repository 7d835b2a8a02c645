// Package entropy is the kernel's random number generator: ChaCha20 (RFC 8439)
// with a key that each call replaces by its own first output, so that what is
// in memory later says nothing about what was handed out before. The key is in
// the machine header; the host's entropy filled it at boot, so a replay with
// the same key gives the same bytes.
//
// It wants the machine lock.
package entropy

import (
	"foreshore.dev/kernel/kmem"
)

// state is the generator's working block; static because kernel stacks are small.
var state, work [16]uint32

func quarter(a, b, c, d int) {
	w := &work
	w[a] += w[b]
	w[d] ^= w[a]
	w[d] = w[d]<<16 | w[d]>>16
	w[c] += w[d]
	w[b] ^= w[c]
	w[b] = w[b]<<12 | w[b]>>20
	w[a] += w[b]
	w[d] ^= w[a]
	w[d] = w[d]<<8 | w[d]>>24
	w[c] += w[d]
	w[b] ^= w[c]
	w[b] = w[b]<<7 | w[b]>>25
}

// block makes the next 64 bytes in work.
func block() {
	work = state
	for range 10 {
		quarter(0, 4, 8, 12)
		quarter(1, 5, 9, 13)
		quarter(2, 6, 10, 14)
		quarter(3, 7, 11, 15)
		quarter(0, 5, 10, 15)
		quarter(1, 6, 11, 12)
		quarter(2, 7, 8, 13)
		quarter(3, 4, 9, 14)
	}
	for i := range work {
		work[i] += state[i]
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
	out := kmem.Bytes(addr, n)
	used := 32
	for i := range out {
		if used == 64 {
			block()
			used = 0
		}
		out[i] = wordBytes(used)
		used++
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
