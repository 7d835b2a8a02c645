package softfp

import "math/bits"

// invalidNaN answers an operation that has no operand NaN but no result either.
func invalidNaN() (num, uint32) { return qNaN, NV }

// nanFlags is what two operands raise of which at least one is a NaN.
func nanFlags(a, b num) uint32 {
	if a.isSignaling() || b.isSignaling() {
		return NV
	}
	return 0
}

// zeroSum is the zero that an exact cancellation leaves (IEEE 754-2019, 6.3).
func zeroSum(rm uint32) num {
	if rm == RDN {
		return num{sign: 1}
	}
	return num{}
}

func add(a, b num, rm uint32) (num, uint32) {
	if a.exp >= expInf || b.exp >= expInf {
		switch {
		case a.isNaN() || b.isNaN():
			return qNaN, nanFlags(a, b)
		case a.isInf() && b.isInf() && a.sign != b.sign:
			return invalidNaN()
		case a.isInf():
			return a, 0
		}
		return b, 0
	}
	if a.sig == 0 || b.sig == 0 {
		switch {
		case a.sig != 0:
			return a, 0
		case b.sig != 0:
			return b, 0
		case a.sign == b.sign:
			return a, 0
		}
		return zeroSum(rm), 0
	}
	// |a| >= |b| from here on, but for equal exponents.
	if a.exp < b.exp {
		a, b = b, a
	}
	// Operands have zeros below their fraction, so that nothing is lost for
	// exponents that differ by one; with a larger difference the leading bit moves
	// by one place at most, far above the jammed bit.
	small := shiftRightJam(b.sig, uint32(a.exp-b.exp))
	if a.sign == b.sign {
		sum := a.sig + small
		if sum < a.sig {
			return num{sum>>1 | sum&1 | 1<<63, a.exp + 1, a.sign}, 0
		}
		return num{sum, a.exp, a.sign}, 0
	}
	if a.sig == small {
		return zeroSum(rm), 0
	}
	diff := a.sig - small
	if a.sig < small {
		diff = -diff
		a.sign ^= 1
	}
	lz := uint32(bits.LeadingZeros64(diff))
	return num{diff << (lz & 63), a.exp - int32(lz), a.sign}, 0
}

func sub(a, b num, rm uint32) (num, uint32) {
	b.sign ^= 1
	return add(a, b, rm)
}

func mul(a, b num) (num, uint32) {
	sign := a.sign ^ b.sign
	if a.exp >= expInf || b.exp >= expInf {
		switch {
		case a.isNaN() || b.isNaN():
			return qNaN, nanFlags(a, b)
		case a.isZero() || b.isZero():
			return invalidNaN()
		}
		return num{1 << 63, expInf, sign}, 0
	}
	if a.sig == 0 || b.sig == 0 {
		return num{sign: sign}, 0
	}
	hi, lo, exp := product(a, b)
	if lo != 0 {
		hi |= 1
	}
	return num{hi, exp, sign}, 0
}

// product multiplies two finite numbers that are not zero: the result is
// (hi·2^64 + lo)/2^127 · 2^exp, with bit 63 of hi set.
func product(a, b num) (hi, lo uint64, exp int32) {
	hi, lo = bits.Mul64(a.sig, b.sig)
	exp = a.exp + b.exp + 1
	if hi>>63 == 0 {
		hi = hi<<1 | lo>>63
		lo <<= 1
		exp--
	}
	return hi, lo, exp
}

func div(a, b num) (num, uint32) {
	sign := a.sign ^ b.sign
	if a.exp >= expInf || b.exp >= expInf {
		switch {
		case a.isNaN() || b.isNaN():
			return qNaN, nanFlags(a, b)
		case a.isInf() && b.isInf():
			return invalidNaN()
		case a.isInf():
			return num{1 << 63, expInf, sign}, 0
		}
		return num{sign: sign}, 0
	}
	if b.sig == 0 {
		if a.sig == 0 {
			return invalidNaN()
		}
		return num{1 << 63, expInf, sign}, DZ
	}
	if a.sig == 0 {
		return num{sign: sign}, 0
	}
	// The dividend's upper half must be below the divisor; the quotient then has
	// 64 significant bits.
	exp := a.exp - b.exp
	hi, lo := a.sig>>1, a.sig<<63
	if a.sig < b.sig {
		hi, lo = a.sig, 0
		exp--
	}
	q, rem := bits.Div64(hi, lo, b.sig)
	if rem != 0 {
		q |= 1
	}
	return num{q, exp, sign}, 0
}

// sqrt computes the first rootBits bits of the square root, and jams the rest.
// Callers ask for two bits more than the significand of the format has.
func sqrt(a num, rootBits uint32) (num, uint32) {
	switch {
	case a.isNaN():
		return qNaN, nanFlags(a, a)
	case a.sig == 0:
		return a, 0
	case a.sign != 0:
		return invalidNaN()
	case a.isInf():
		return a, 0
	}
	// Digit by digit: root² + rem is the radicand's part that was consumed, two bits
	// a step. An even exponent takes one integer bit, an odd one two.
	exp := a.exp >> 1
	radicand := a.sig
	rem, root := uint64(0), uint64(0)
	if a.exp&1 == 0 {
		rem = 1 // the first digit pair is 01: root 1, nothing remains
		radicand <<= 1
	} else {
		rem = radicand >> 62
		radicand <<= 2
	}
	rem--
	root = 1
	for i := uint32(1); i < rootBits; i++ {
		rem = rem<<2 | radicand>>62
		radicand <<= 2
		root <<= 1
		if t := root<<1 | 1; rem >= t {
			rem -= t
			root |= 1
		}
	}
	// The steps have consumed all of the radicand, which has rootBits-2 bits.
	sig := root << ((64 - rootBits) & 63)
	if rem != 0 {
		sig |= 1
	}
	return num{sig, exp, 0}, 0
}

// AddF64 returns a + b (fadd.d) and the flags raised. rm is one of RNE to RMM,
// here and below.
func AddF64(a, b uint64, rm uint32) (uint64, uint32) {
	n, f := add(unpack64(a), unpack64(b), rm)
	return pack64(n, f, rm)
}

// SubF64 returns a - b (fsub.d).
func SubF64(a, b uint64, rm uint32) (uint64, uint32) {
	n, f := sub(unpack64(a), unpack64(b), rm)
	return pack64(n, f, rm)
}

// MulF64 returns a · b (fmul.d).
func MulF64(a, b uint64, rm uint32) (uint64, uint32) {
	n, f := mul(unpack64(a), unpack64(b))
	return pack64(n, f, rm)
}

// DivF64 returns a / b (fdiv.d).
func DivF64(a, b uint64, rm uint32) (uint64, uint32) {
	n, f := div(unpack64(a), unpack64(b))
	return pack64(n, f, rm)
}

// SqrtF64 returns the square root of a (fsqrt.d).
func SqrtF64(a uint64, rm uint32) (uint64, uint32) {
	n, f := sqrt(unpack64(a), frac64+3)
	return pack64(n, f, rm)
}

// AddF32 returns a + b (fadd.s).
func AddF32(a, b uint32, rm uint32) (uint32, uint32) {
	n, f := add(unpack32(a), unpack32(b), rm)
	return pack32(n, f, rm)
}

// SubF32 returns a - b (fsub.s).
func SubF32(a, b uint32, rm uint32) (uint32, uint32) {
	n, f := sub(unpack32(a), unpack32(b), rm)
	return pack32(n, f, rm)
}

// MulF32 returns a · b (fmul.s).
func MulF32(a, b uint32, rm uint32) (uint32, uint32) {
	n, f := mul(unpack32(a), unpack32(b))
	return pack32(n, f, rm)
}

// DivF32 returns a / b (fdiv.s).
func DivF32(a, b uint32, rm uint32) (uint32, uint32) {
	n, f := div(unpack32(a), unpack32(b))
	return pack32(n, f, rm)
}

// SqrtF32 returns the square root of a (fsqrt.s).
func SqrtF32(a uint32, rm uint32) (uint32, uint32) {
	n, f := sqrt(unpack32(a), frac32+3)
	return pack32(n, f, rm)
}
