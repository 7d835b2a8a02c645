package softfp

import "math/bits"

// num is an unpacked number: (-1)^sign · sig/2^63 · 2^exp, with bit 63 of sig set,
// or zero when sig is 0. In a result that awaits rounding, bit 0 of sig also
// stands for all lower bits that were not zero ("jammed"): at least eight bits
// below the last one of any format are kept, so rounding cannot confuse the two.
//
// Three fields, so that TinyGo passes it in registers.
type num struct {
	sig  uint64
	exp  int32  // expInf: infinity; expNaN: NaN, signalling if sig is 1
	sign uint32 // 0 or 1
}

const (
	expInf int32 = 1 << 24
	expNaN int32 = 1 << 25
)

// A format is given by the widths of its fraction and its exponent field.
const (
	frac32, expw32 uint32 = 23, 8
	frac64, expw64 uint32 = 52, 11
)

var qNaN = num{exp: expNaN}

func (n num) isNaN() bool       { return n.exp == expNaN }
func (n num) isInf() bool       { return n.exp == expInf }
func (n num) isZero() bool      { return n.sig == 0 && n.exp != expNaN }
func (n num) isSignaling() bool { return n.exp == expNaN && n.sig != 0 }

// unpack reads a bit pattern of a format.
func unpack(a uint64, fracw, expw uint32) num {
	sign := uint32(a>>((fracw+expw)&63)) & 1
	maxExp := int32(1)<<(expw&31) - 1
	bias := maxExp >> 1
	e := int32(a>>(fracw&63)) & maxExp
	frac := a & (1<<(fracw&63) - 1)
	switch {
	case e == maxExp:
		if frac == 0 {
			return num{1 << 63, expInf, sign}
		}
		signaling := ^(frac >> ((fracw - 1) & 63)) & 1
		return num{signaling, expNaN, sign}
	case e != 0:
		return num{(frac | 1<<(fracw&63)) << ((63 - fracw) & 63), e - bias, sign}
	case frac == 0:
		return num{0, 0, sign}
	}
	lz := uint32(bits.LeadingZeros64(frac))
	return num{frac << (lz & 63), 64 - bias - int32(fracw) - int32(lz), sign}
}

func unpack64(a uint64) num { return unpack(a, frac64, expw64) }
func unpack32(a uint32) num { return unpack(uint64(a), frac32, expw32) }

// roundingIncrement is what rounding adds to a significand of which the bits in
// mask are dropped. Ties to even are settled afterwards, by clearing the last bit.
func roundingIncrement(rm, sign uint32, mask uint64) uint64 {
	switch rm {
	case RTZ:
		return 0
	case RDN:
		return mask & -uint64(sign)
	case RUP:
		return mask & (uint64(sign) - 1)
	}
	return mask>>1 + 1
}

// pack rounds n to a format. flags are those raised so far; those of the
// rounding are added.
func pack(n num, flags, rm, fracw, expw uint32) (uint64, uint32) {
	maxExp := int32(1)<<(expw&31) - 1
	sign := uint64(n.sign) << ((fracw + expw) & 63)
	infinity := uint64(maxExp) << (fracw & 63)
	if n.exp >= expInf {
		if n.exp == expInf {
			return sign | infinity, flags
		}
		return infinity | 1<<((fracw-1)&63), flags
	}
	if n.sig == 0 {
		return sign, flags
	}

	drop := 63 - fracw
	mask := uint64(1)<<(drop&63) - 1
	inc := roundingIncrement(rm, n.sign, mask)
	biased := n.exp + maxExp>>1
	sig := n.sig
	tiny := false
	if biased <= 0 {
		// Tininess is detected after rounding: just below the smallest normal
		// number, a value that would round up to it with an unbounded exponent
		// range is not tiny.
		tiny = biased < 0 || sig+inc >= sig
		sig = shiftRightJam(sig, uint32(1-biased))
		biased = 1
	}
	rest := sig & mask
	rounded := sig + inc
	// A carry out leaves the significand 1.0 and raises the exponent by one; so
	// does a subnormal that reaches bit 63. Adding the fields does both.
	carry := uint64(0)
	if rounded < sig {
		carry = 1
	}
	m := rounded>>(drop&63) | carry<<((fracw+1)&63)
	if rm == RNE && rest == mask>>1+1 {
		m &^= 1
	}
	if rest != 0 {
		flags |= NX
		if tiny {
			flags |= UF
		}
	}
	r := uint64(biased-1)<<(fracw&63) + m
	if r >= infinity { // no wrap: sums and products keep biased below 3·2^(expw-1)
		flags |= OF | NX
		r = infinity
		if inc == 0 {
			r-- // modes that round towards zero here stop at the largest number
		}
	}
	return sign | r, flags
}

func pack64(n num, flags, rm uint32) (uint64, uint32) {
	return pack(n, flags, rm, frac64, expw64)
}

func pack32(n num, flags, rm uint32) (uint32, uint32) {
	r, f := pack(n, flags, rm, frac32, expw32)
	return uint32(r), f
}

// shiftRightJam shifts x right by n places, of any number; bit 0 of the result
// also stands for what was shifted out.
func shiftRightJam(x uint64, n uint32) uint64 {
	if n >= 64 {
		if x != 0 {
			return 1
		}
		return 0
	}
	r := x >> (n & 63)
	if r<<(n&63) != x {
		r |= 1
	}
	return r
}
