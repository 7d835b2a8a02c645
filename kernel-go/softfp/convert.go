package softfp

import (
	"math"
	"math/bits"
)

// F64ToF32 rounds a to single precision (fcvt.s.d).
func F64ToF32(a uint64, rm uint32) (uint32, uint32) {
	n := unpack64(a)
	return pack32(n, nanFlags(n, n), rm)
}

// F32ToF64 widens a (fcvt.d.s): exact, but a signalling NaN raises NV.
func F32ToF64(a uint32) (uint64, uint32) {
	n := unpack32(a)
	return pack64(n, nanFlags(n, n), RNE)
}

// magnitude rounds |n| to an integer. ok is false from 2^64 on. n is finite.
func (n num) magnitude(rm uint32) (m uint64, flags uint32, ok bool) {
	if n.exp >= 64 {
		return 0, 0, n.sig == 0
	}
	// The value is sig·2^(exp-63). Split it into an integer and a fraction of 64
	// bits, whose bit 0 is jammed.
	shift := uint32(63 - n.exp)
	rest := uint64(0)
	switch {
	case shift == 0:
		m = n.sig
	case shift < 64:
		m = n.sig >> (shift & 63)
		rest = n.sig << ((64 - shift) & 63)
	default:
		rest = shiftRightJam(n.sig, shift-64)
	}
	if rest == 0 {
		return m, 0, true
	}
	const half = 1 << 63
	up := false
	switch rm {
	case RTZ:
	case RDN:
		up = n.sign != 0
	case RUP:
		up = n.sign == 0
	case RMM:
		up = rest >= half
	default:
		up = rest > half || rest == half && m&1 != 0
	}
	if up {
		m++ // no overflow: a fraction is left, so m < 2^63
	}
	return m, NX, true
}

// toSigned rounds n to a signed integer not below lowest or above ^lowest.
// Out of range, an infinity or a NaN gives the nearest end of the range (a NaN the
// upper one) and NV instead of NX ("F", table "Domains of float-to-integer
// conversions and behavior for invalid inputs").
func toSigned(n num, rm uint32, lowest int64) (int64, uint32) {
	if n.isNaN() {
		return ^lowest, NV
	}
	m, flags, ok := n.magnitude(rm)
	if n.sign != 0 {
		if !ok || m > -uint64(lowest) {
			return lowest, NV
		}
		return int64(-m), flags
	}
	if !ok || m > uint64(^lowest) {
		return ^lowest, NV
	}
	return int64(m), flags
}

// toUnsigned is toSigned for the range from 0 to highest.
func toUnsigned(n num, rm uint32, highest uint64) (uint64, uint32) {
	if n.isNaN() {
		return highest, NV
	}
	m, flags, ok := n.magnitude(rm)
	if n.sign != 0 && (!ok || m != 0) {
		return 0, NV
	}
	if !ok || m > highest {
		return highest, NV
	}
	return m, flags
}

const (
	minInt32  = -1 << 31
	minInt64  = -1 << 63
	maxUint32 = 1<<32 - 1
	maxUint64 = 1<<64 - 1
)

// F64ToI32 rounds a to an integer (fcvt.w.d); the register gets it sign-extended.
func F64ToI32(a uint64, rm uint32) (int32, uint32) {
	r, f := toSigned(unpack64(a), rm, minInt32)
	return int32(r), f
}

// F64ToU32 rounds a to an integer (fcvt.wu.d); the register gets it sign-extended
// from bit 31, although it is unsigned.
func F64ToU32(a uint64, rm uint32) (uint32, uint32) {
	r, f := toUnsigned(unpack64(a), rm, maxUint32)
	return uint32(r), f
}

// F64ToI64 rounds a to an integer (fcvt.l.d).
func F64ToI64(a uint64, rm uint32) (int64, uint32) {
	return toSigned(unpack64(a), rm, minInt64)
}

// F64ToU64 rounds a to an integer (fcvt.lu.d).
func F64ToU64(a uint64, rm uint32) (uint64, uint32) {
	return toUnsigned(unpack64(a), rm, maxUint64)
}

// F32ToI32 rounds a to an integer (fcvt.w.s); see F64ToI32.
func F32ToI32(a uint32, rm uint32) (int32, uint32) {
	r, f := toSigned(unpack32(a), rm, minInt32)
	return int32(r), f
}

// F32ToU32 rounds a to an integer (fcvt.wu.s); see F64ToU32.
func F32ToU32(a uint32, rm uint32) (uint32, uint32) {
	r, f := toUnsigned(unpack32(a), rm, maxUint32)
	return uint32(r), f
}

// F32ToI64 rounds a to an integer (fcvt.l.s).
func F32ToI64(a uint32, rm uint32) (int64, uint32) {
	return toSigned(unpack32(a), rm, minInt64)
}

// F32ToU64 rounds a to an integer (fcvt.lu.s).
func F32ToU64(a uint32, rm uint32) (uint64, uint32) {
	return toUnsigned(unpack32(a), rm, maxUint64)
}

// fromUnsigned unpacks an integer and its sign. Zero is +0 whatever the sign.
func fromUnsigned(m uint64, sign uint32) num {
	if m == 0 {
		return num{}
	}
	lz := uint32(bits.LeadingZeros64(m))
	return num{m << (lz & 63), 63 - int32(lz), sign}
}

func fromSigned(x int64) num {
	if x < 0 {
		return fromUnsigned(-uint64(x), 1)
	}
	return fromUnsigned(uint64(x), 0)
}

// I32ToF64 converts x (fcvt.d.w). It is exact on every host, so it takes the host's.
func I32ToF64(x int32) uint64 { return math.Float64bits(float64(x)) }

// U32ToF64 converts x (fcvt.d.wu); exact, as I32ToF64.
func U32ToF64(x uint32) uint64 { return math.Float64bits(float64(x)) }

// I64ToF64 rounds x to double precision (fcvt.d.l).
func I64ToF64(x int64, rm uint32) (uint64, uint32) {
	return pack64(fromSigned(x), 0, rm)
}

// U64ToF64 rounds x to double precision (fcvt.d.lu).
func U64ToF64(x uint64, rm uint32) (uint64, uint32) {
	return pack64(fromUnsigned(x, 0), 0, rm)
}

// I32ToF32 rounds x to single precision (fcvt.s.w).
func I32ToF32(x int32, rm uint32) (uint32, uint32) {
	return pack32(fromSigned(int64(x)), 0, rm)
}

// U32ToF32 rounds x to single precision (fcvt.s.wu).
func U32ToF32(x uint32, rm uint32) (uint32, uint32) {
	return pack32(fromUnsigned(uint64(x), 0), 0, rm)
}

// I64ToF32 rounds x to single precision (fcvt.s.l).
func I64ToF32(x int64, rm uint32) (uint32, uint32) {
	return pack32(fromSigned(x), 0, rm)
}

// U64ToF32 rounds x to single precision (fcvt.s.lu).
func U64ToF32(x uint64, rm uint32) (uint32, uint32) {
	return pack32(fromUnsigned(x, 0), 0, rm)
}
