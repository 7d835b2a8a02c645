package softfp

import "math"

// The functions in this file and in fast32.go compute with the host's floating
// point, which rounds to nearest even, as both WebAssembly and the native hosts
// define it. There are two kinds; each returns ok == false where it cannot vouch
// for the result or the flags, and its result is then without meaning:
//
//   - XFast: for RNE with NX already set in fflags, which is sticky. ok means: the
//     result is right and no flag but NX is raised.
//   - XExact: for RNE with NX clear. ok means: the result is exact, no flag is
//     raised. The first operation that is not exact sets NX, and from then on XFast
//     serves.
//
// Go may contract x*y + z where the host has FMA. An explicit conversion forbids it
// (Go specification, "Floating-point operators"), hence float64(x*y).

// finite64 says that r is neither infinite nor NaN.
func finite64(r uint64) bool { return r&inf64 != inf64 }

// safe64 says that r is normal and above twice the smallest normal number, so that
// no rounding to it can have overflowed or underflowed.
func safe64(r uint64) bool { return r<<1-2<<53 < 0x7fd<<53 }

func isZero64(a uint64) bool { return a<<1 == 0 }

// medium64 says that |a| lies in [2^-480, 2^510): the products of two such numbers,
// and all the terms of their exact products, are normal.
func medium64(a uint64) bool { return a<<1-(1023-480)<<53 < 990<<53 }

// AddFast64 is AddF64. A sum that is tiny is exact, so only overflow, infinities
// and NaNs are left to the exact function.
func AddFast64(a, b uint64) (r uint64, ok bool) {
	r = math.Float64bits(math.Float64frombits(a) + math.Float64frombits(b))
	return r, finite64(r)
}

// SubFast64 is SubF64; see AddFast64.
func SubFast64(a, b uint64) (r uint64, ok bool) {
	r = math.Float64bits(math.Float64frombits(a) - math.Float64frombits(b))
	return r, finite64(r)
}

// MulFast64 is MulF64.
func MulFast64(a, b uint64) (r uint64, ok bool) {
	r = math.Float64bits(float64(math.Float64frombits(a) * math.Float64frombits(b)))
	return r, safe64(r) || isZero64(r) && (isZero64(a) || isZero64(b))
}

// DivFast64 is DivF64.
func DivFast64(a, b uint64) (r uint64, ok bool) {
	r = math.Float64bits(math.Float64frombits(a) / math.Float64frombits(b))
	return r, safe64(r) || isZero64(r) && isZero64(a)
}

// SqrtFast64 is SqrtF64. Roots neither overflow nor underflow.
func SqrtFast64(a uint64) (r uint64, ok bool) {
	r = math.Float64bits(math.Sqrt(math.Float64frombits(a)))
	return r, finite64(r)
}

// twoSum64 returns the sum s of x and y, rounded, and its error: x + y = s + e
// (Knuth, The Art of Computer Programming, volume 2, 4.2.2, theorem B).
func twoSum64(x, y float64) (s, e float64) {
	s = x + y
	y2 := s - x
	x2 := s - y2
	return s, (x - x2) + (y - y2)
}

// twoProduct64 returns the product p of a and b, rounded, and its error: a·b = p + e.
// Both are medium64. As Dekker's (Numerische Mathematik 18, 1971), but the operands are
// split on their bit patterns: a into 26 bits and the 27 below, b by rounding into 26
// bits and a signed rest of at most 2^26 units. The four partial products then fit 53
// bits, and so does each difference, counted in the last place of its terms.
func twoProduct64(a, b uint64) (p, e float64) {
	const low = 1<<27 - 1
	x, y := math.Float64frombits(a), math.Float64frombits(b)
	xh := math.Float64frombits(a &^ low)
	yh := math.Float64frombits((b + 1<<26) &^ low)
	xl, yl := x-xh, y-yh
	p = float64(x * y)
	e = p - float64(xh*yh)
	e -= float64(xl * yh)
	e -= float64(xh * yl)
	return p, float64(xl*yl) - e
}

// FMAFast64 is FMAF64. The exact sum is s + t + e, of which t + e is rounded to w: it
// lies between w·(1 - 2^-51) and w·(1 + 2^-51). Where s plus either end rounds to the
// same number, that number is the result (Ziv's rounding test, ACM Transactions on
// Mathematical Software 17(3), 1991); where not, which takes a tie or a distance from
// one that is seen once in 2^50, the exact function decides. Sums that are subnormal are
// exact; the range checks exclude underflow in the product, and overflow anywhere.
//
// Measured in wasm (V8 11.3), ns for independent and for chained operations: this 8 and
// 15, rounding to odd (Boldo and Melquiond, IEEE Transactions on Computers 57(4), 2008) 28
// and 23, FMAF64 43 and 35.
func FMAFast64(a, b, c uint64) (r uint64, ok bool) {
	if !medium64(a) || !medium64(b) || c&inf64 >= 0x7fd<<52 {
		return fmaZero64(a, b, c)
	}
	p, e := twoProduct64(a, b)
	s, t := twoSum64(p, math.Float64frombits(c))
	w := t + e
	high := s + float64(w*(1+0x1p-51))
	low := s + float64(w*(1-0x1p-51))
	return math.Float64bits(high), high == low
}

// fmaZero64 is FMAF64 where a or b is zero. The sum is exact; adding the zero product
// settles the sign of a zero sum.
func fmaZero64(a, b, c uint64) (r uint64, ok bool) {
	if !isZero64(a) && !isZero64(b) {
		return 0, false
	}
	p := float64(math.Float64frombits(a) * math.Float64frombits(b))
	r = math.Float64bits(p + math.Float64frombits(c))
	return r, finite64(r)
}

// AddExact64 is AddF64.
func AddExact64(a, b uint64) (r uint64, ok bool) {
	s, e := twoSum64(math.Float64frombits(a), math.Float64frombits(b))
	return math.Float64bits(s), e == 0
}

// SubExact64 is SubF64.
func SubExact64(a, b uint64) (r uint64, ok bool) {
	return AddExact64(a, b^sign64)
}

// MulExact64 is MulF64.
func MulExact64(a, b uint64) (r uint64, ok bool) {
	if medium64(a) && medium64(b) {
		p, e := twoProduct64(a, b)
		return math.Float64bits(p), e == 0
	}
	r = math.Float64bits(float64(math.Float64frombits(a) * math.Float64frombits(b)))
	return r, isZero64(r) && (isZero64(a) || isZero64(b))
}

// DivExact64 is DivF64.
func DivExact64(a, b uint64) (r uint64, ok bool) {
	q := math.Float64bits(math.Float64frombits(a) / math.Float64frombits(b))
	if medium64(q) && medium64(b) {
		p, e := twoProduct64(q, b)
		return q, e == 0 && math.Float64bits(p) == a
	}
	return q, isZero64(q) && isZero64(a)
}

// SqrtExact64 is SqrtF64.
func SqrtExact64(a uint64) (r uint64, ok bool) {
	s := math.Float64bits(math.Sqrt(math.Float64frombits(a)))
	if medium64(s) {
		p, e := twoProduct64(s, s)
		return s, e == 0 && math.Float64bits(p) == a
	}
	return s, isZero64(a)
}

// FMAExact64 is FMAF64, where the product has no error and the sum has none.
func FMAExact64(a, b, c uint64) (r uint64, ok bool) {
	z := math.Float64frombits(c)
	if medium64(a) && medium64(b) {
		p, e := twoProduct64(a, b)
		s, e2 := twoSum64(p, z)
		return math.Float64bits(s), e == 0 && e2 == 0
	}
	return fmaZero64(a, b, c)
}

// LtFast64 is LtF64 (0 or 1), with NX set or clear: it is never inexact.
func LtFast64(a, b uint64) (r uint64, ok bool) {
	x, y := math.Float64frombits(a), math.Float64frombits(b)
	if x < y {
		return 1, true
	}
	return 0, x >= y
}

// LeFast64 is LeF64; see LtFast64.
func LeFast64(a, b uint64) (r uint64, ok bool) {
	x, y := math.Float64frombits(a), math.Float64frombits(b)
	if x <= y {
		return 1, true
	}
	return 0, x > y
}

// EqFast64 is EqF64; see LtFast64.
func EqFast64(a, b uint64) (r uint64, ok bool) {
	x, y := math.Float64frombits(a), math.Float64frombits(b)
	if x == y {
		return 1, true
	}
	return 0, x < y || x > y
}

// F64ToI32Fast is F64ToI32 with rounding mode RTZ, whatever frm says.
func F64ToI32Fast(a uint64) (r int32, ok bool) {
	x := math.Float64frombits(a)
	if x > -1<<31-1 && x < 1<<31 {
		return int32(x), true
	}
	return 0, false
}

// F64ToI64Fast is F64ToI64 with rounding mode RTZ, whatever frm says.
func F64ToI64Fast(a uint64) (r int64, ok bool) {
	x := math.Float64frombits(a)
	if x >= -1<<63 && x < 1<<63 {
		return int64(x), true
	}
	return 0, false
}

// I64ToF64Fast is I64ToF64, which has no way to fail.
func I64ToF64Fast(x int64) uint64 { return math.Float64bits(float64(x)) }

// U64ToF64Fast is U64ToF64, which has no way to fail.
func U64ToF64Fast(x uint64) uint64 { return math.Float64bits(float64(x)) }

// F64ToF32Fast is F64ToF32.
func F64ToF32Fast(a uint64) (r uint32, ok bool) {
	r = math.Float32bits(float32(math.Float64frombits(a)))
	return r, safe32(r) || isZero64(a)
}
