package softfp

import "math/bits"

// fma computes a·b + c with nothing rounded but the last bit of a 64-bit
// significand, jammed.
func fma(a, b, c num, rm uint32) (num, uint32) {
	sign := a.sign ^ b.sign
	if a.exp >= expInf || b.exp >= expInf || c.exp >= expInf {
		return fmaSpecial(a, b, c)
	}
	if a.sig == 0 || b.sig == 0 {
		return add(num{sign: sign}, c, rm)
	}
	hi, lo, exp := product(a, b)
	if c.sig == 0 {
		if lo != 0 {
			hi |= 1
		}
		return num{hi, exp, sign}, 0
	}

	// Both addends as 128-bit significands; (hi, lo) becomes the larger one, but
	// for equal exponents. The product has zeros in its lower 22 bits and c in its
	// lower 75, so the argument in add about the jammed bit holds here too.
	hi2, lo2 := c.sig, uint64(0)
	sign2 := c.sign
	distance := exp - c.exp
	if distance < 0 {
		distance = -distance
		exp = c.exp
		hi, lo, hi2, lo2 = hi2, lo2, hi, lo
		sign, sign2 = sign2, sign
	}
	hi2, lo2 = shiftRightJam128(hi2, lo2, uint32(distance))

	if sign == sign2 {
		var carry uint64
		lo, carry = bits.Add64(lo, lo2, 0)
		hi, carry = bits.Add64(hi, hi2, carry)
		if carry != 0 {
			lo |= hi & 1
			hi = hi>>1 | 1<<63
			exp++
		}
		if lo != 0 {
			hi |= 1
		}
		return num{hi, exp, sign}, 0
	}

	var borrow uint64
	lo, borrow = bits.Sub64(lo, lo2, 0)
	hi, borrow = bits.Sub64(hi, hi2, borrow)
	if borrow != 0 {
		lo, borrow = bits.Sub64(0, lo, 0)
		hi, _ = bits.Sub64(0, hi, borrow)
		sign ^= 1
	}
	if hi == 0 {
		if lo == 0 {
			return zeroSum(rm), 0
		}
		hi, lo = lo, 0
		exp -= 64
	}
	lz := uint32(bits.LeadingZeros64(hi))
	if lz != 0 {
		hi = hi<<(lz&63) | lo>>((64-lz)&63)
		lo <<= lz & 63
		exp -= int32(lz)
	}
	if lo != 0 {
		hi |= 1
	}
	return num{hi, exp, sign}, 0
}

// fmaSpecial is fma where an operand is a NaN or an infinity. ∞·0 is invalid even
// if c is a quiet NaN ("F", section "Single-Precision Floating-Point Computational
// Instructions").
func fmaSpecial(a, b, c num) (num, uint32) {
	p, flags := mul(a, b)
	if flags != 0 || p.isNaN() || c.isNaN() {
		if c.isSignaling() {
			flags |= NV
		}
		return qNaN, flags
	}
	if p.isInf() {
		if c.isInf() && c.sign != p.sign {
			return invalidNaN()
		}
		return p, 0
	}
	return c, 0
}

// shiftRightJam128 is shiftRightJam for hi·2^64 + lo.
func shiftRightJam128(hi, lo uint64, n uint32) (uint64, uint64) {
	switch {
	case n == 0:
		return hi, lo
	case n < 64:
		jam := uint64(0)
		if lo<<((64-n)&63) != 0 {
			jam = 1
		}
		return hi >> (n & 63), hi<<((64-n)&63) | lo>>(n&63) | jam
	}
	jam := uint64(0)
	if lo != 0 {
		jam = 1
	}
	return 0, shiftRightJam(hi, n-64) | jam
}

// FMAF64 returns a · b + c, rounded once (fmadd.d). The other three fused
// instructions flip signs: fmsub (a, b, -c), fnmsub (-a, b, c), fnmadd (-a, b, -c).
func FMAF64(a, b, c uint64, rm uint32) (uint64, uint32) {
	n, f := fma(unpack64(a), unpack64(b), unpack64(c), rm)
	return pack64(n, f, rm)
}

// FMAF32 returns a · b + c, rounded once (fmadd.s); see FMAF64.
func FMAF32(a, b, c uint32, rm uint32) (uint32, uint32) {
	n, f := fma(unpack32(a), unpack32(b), unpack32(c), rm)
	return pack32(n, f, rm)
}
