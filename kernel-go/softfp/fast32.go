package softfp

import "math"

// Single precision by the host; fast64.go says what XFast and XExact promise.

func finite32(r uint32) bool { return r&inf32 != inf32 }

// safe32 is safe64 for single precision.
func safe32(r uint32) bool { return r<<1-2<<24 < 0xfd<<24 }

func isZero32(a uint32) bool { return a<<1 == 0 }

// AddFast32 is AddF32; see AddFast64.
func AddFast32(a, b uint32) (r uint32, ok bool) {
	r = math.Float32bits(math.Float32frombits(a) + math.Float32frombits(b))
	return r, finite32(r)
}

// SubFast32 is SubF32; see AddFast64.
func SubFast32(a, b uint32) (r uint32, ok bool) {
	r = math.Float32bits(math.Float32frombits(a) - math.Float32frombits(b))
	return r, finite32(r)
}

// MulFast32 is MulF32.
func MulFast32(a, b uint32) (r uint32, ok bool) {
	r = math.Float32bits(float32(math.Float32frombits(a) * math.Float32frombits(b)))
	return r, safe32(r) || isZero32(r) && (isZero32(a) || isZero32(b))
}

// DivFast32 is DivF32.
func DivFast32(a, b uint32) (r uint32, ok bool) {
	r = math.Float32bits(math.Float32frombits(a) / math.Float32frombits(b))
	return r, safe32(r) || isZero32(r) && isZero32(a)
}

// sqrt32 rounds the root of a double, which is innocuous: a root of 24 bits is never
// that close to a tie (Figueroa, "When is double rounding innocuous?", 1995).
func sqrt32(x float32) float32 { return float32(math.Sqrt(float64(x))) }

// SqrtFast32 is SqrtF32.
func SqrtFast32(a uint32) (r uint32, ok bool) {
	r = math.Float32bits(sqrt32(math.Float32frombits(a)))
	return r, finite32(r)
}

// FMAFast32 is FMAF32. The product of two singles is exact in double precision. The
// sum is rounded twice, which is wrong only if the first rounding hit a tie of the
// second; such sums (one in 2^29, but for short ones) are left to the exact function.
func FMAFast32(a, b, c uint32) (r uint32, ok bool) {
	p := float64(float64(math.Float32frombits(a)) * float64(math.Float32frombits(b)))
	s := p + float64(math.Float32frombits(c))
	r = math.Float32bits(float32(s))
	return r, (safe32(r) || s == 0) && math.Float64bits(s)&(1<<29-1) != 1<<28
}

// AddExact32 is AddF32.
func AddExact32(a, b uint32) (r uint32, ok bool) {
	x, y := math.Float32frombits(a), math.Float32frombits(b)
	s := x + y
	y2 := s - x
	x2 := s - y2
	return math.Float32bits(s), (x-x2)+(y-y2) == 0
}

// SubExact32 is SubF32.
func SubExact32(a, b uint32) (r uint32, ok bool) {
	return AddExact32(a, b^sign32)
}

// MulExact32 is MulF32: the product is exact in double precision.
func MulExact32(a, b uint32) (r uint32, ok bool) {
	p := float64(float64(math.Float32frombits(a)) * float64(math.Float32frombits(b)))
	s := float32(p)
	return math.Float32bits(s), float64(s) == p
}

// DivExact32 is DivF32: the quotient times the divisor is exact in double precision.
func DivExact32(a, b uint32) (r uint32, ok bool) {
	x, y := math.Float32frombits(a), math.Float32frombits(b)
	q := x / y
	return math.Float32bits(q), float64(q)*float64(y) == float64(x) && finite32(math.Float32bits(q))
}

// SqrtExact32 is SqrtF32.
func SqrtExact32(a uint32) (r uint32, ok bool) {
	x := math.Float32frombits(a)
	s := sqrt32(x)
	return math.Float32bits(s), float64(s)*float64(s) == float64(x)
}

// FMAExact32 is FMAF32.
func FMAExact32(a, b, c uint32) (r uint32, ok bool) {
	p := float64(float64(math.Float32frombits(a)) * float64(math.Float32frombits(b)))
	s, e := twoSum64(p, float64(math.Float32frombits(c)))
	t := float32(s)
	return math.Float32bits(t), e == 0 && float64(t) == s
}

// LtFast32 is LtF32 (0 or 1); see LtFast64.
func LtFast32(a, b uint32) (r uint64, ok bool) {
	x, y := math.Float32frombits(a), math.Float32frombits(b)
	if x < y {
		return 1, true
	}
	return 0, x >= y
}

// LeFast32 is LeF32; see LtFast64.
func LeFast32(a, b uint32) (r uint64, ok bool) {
	x, y := math.Float32frombits(a), math.Float32frombits(b)
	if x <= y {
		return 1, true
	}
	return 0, x > y
}

// EqFast32 is EqF32; see LtFast64.
func EqFast32(a, b uint32) (r uint64, ok bool) {
	x, y := math.Float32frombits(a), math.Float32frombits(b)
	if x == y {
		return 1, true
	}
	return 0, x < y || x > y
}

// F32ToI32Fast is F32ToI32 with rounding mode RTZ, whatever frm says.
func F32ToI32Fast(a uint32) (r int32, ok bool) {
	x := math.Float32frombits(a)
	if x >= -1<<31 && x < 1<<31 {
		return int32(x), true
	}
	return 0, false
}

// F32ToI64Fast is F32ToI64 with rounding mode RTZ, whatever frm says.
func F32ToI64Fast(a uint32) (r int64, ok bool) {
	x := math.Float32frombits(a)
	if x >= -1<<63 && x < 1<<63 {
		return int64(x), true
	}
	return 0, false
}

// I64ToF32Fast is I64ToF32, which has no way to fail.
func I64ToF32Fast(x int64) uint32 { return math.Float32bits(float32(x)) }

// U64ToF32Fast is U64ToF32, which has no way to fail.
func U64ToF32Fast(x uint64) uint32 { return math.Float32bits(float32(x)) }

// F32ToF64Fast is F32ToF64, with NX set or clear: it is never inexact.
func F32ToF64Fast(a uint32) (r uint64, ok bool) {
	r = math.Float64bits(float64(math.Float32frombits(a)))
	return r, finite32(a)
}
