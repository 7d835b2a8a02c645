package softfp

// Comparisons and classification work on the bit patterns: apart from NaNs and
// the two zeros, they order like sign-magnitude integers.

const (
	sign64 uint64 = 1 << 63
	inf64  uint64 = 0x7ff << 52
	sign32 uint32 = 1 << 31
	inf32  uint32 = 0xff << 23
)

func isNaN64(a uint64) bool       { return a<<1 > inf64<<1 }
func isSignaling64(a uint64) bool { return isNaN64(a) && a>>51&1 == 0 }
func isNaN32(a uint32) bool       { return a<<1 > inf32<<1 }
func isSignaling32(a uint32) bool { return isNaN32(a) && a>>22&1 == 0 }

// order64 maps a number to an integer that orders as the number does, with
// -0 just below +0.
func order64(a uint64) int64 {
	s := int64(a) >> 63
	return int64(a) ^ int64(uint64(s)>>1)
}

func order32(a uint32) int32 {
	s := int32(a) >> 31
	return int32(a) ^ int32(uint32(s)>>1)
}

// EqF64 returns a == b (feq.d, quiet: only a signalling NaN raises NV).
func EqF64(a, b uint64) (bool, uint32) {
	if isNaN64(a) || isNaN64(b) {
		if isSignaling64(a) || isSignaling64(b) {
			return false, NV
		}
		return false, 0
	}
	return a == b || (a|b)<<1 == 0, 0
}

// LtF64 returns a < b (flt.d, signalling: any NaN raises NV).
func LtF64(a, b uint64) (bool, uint32) {
	if isNaN64(a) || isNaN64(b) {
		return false, NV
	}
	return order64(a) < order64(b) && (a|b)<<1 != 0, 0
}

// LeF64 returns a <= b (fle.d, signalling: any NaN raises NV).
func LeF64(a, b uint64) (bool, uint32) {
	if isNaN64(a) || isNaN64(b) {
		return false, NV
	}
	return order64(a) <= order64(b) || (a|b)<<1 == 0, 0
}

// MinF64 returns the smaller operand (fmin.d, IEEE 754-2019 minimumNumber): the
// other one if one is a NaN, -0 before +0, the canonical NaN for two NaNs. A
// signalling NaN raises NV.
func MinF64(a, b uint64) (uint64, uint32) {
	if isNaN64(a) || isNaN64(b) {
		return notNaN64(a, b)
	}
	if order64(a) < order64(b) {
		return a, 0
	}
	return b, 0
}

// MaxF64 returns the larger operand (fmax.d, IEEE 754-2019 maximumNumber); see MinF64.
func MaxF64(a, b uint64) (uint64, uint32) {
	if isNaN64(a) || isNaN64(b) {
		return notNaN64(a, b)
	}
	if order64(a) > order64(b) {
		return a, 0
	}
	return b, 0
}

func notNaN64(a, b uint64) (uint64, uint32) {
	flags := uint32(0)
	if isSignaling64(a) || isSignaling64(b) {
		flags = NV
	}
	switch {
	case !isNaN64(a):
		return a, flags
	case !isNaN64(b):
		return b, flags
	}
	return NaN64, flags
}

// EqF32 returns a == b (feq.s); see EqF64.
func EqF32(a, b uint32) (bool, uint32) {
	if isNaN32(a) || isNaN32(b) {
		if isSignaling32(a) || isSignaling32(b) {
			return false, NV
		}
		return false, 0
	}
	return a == b || (a|b)<<1 == 0, 0
}

// LtF32 returns a < b (flt.s); see LtF64.
func LtF32(a, b uint32) (bool, uint32) {
	if isNaN32(a) || isNaN32(b) {
		return false, NV
	}
	return order32(a) < order32(b) && (a|b)<<1 != 0, 0
}

// LeF32 returns a <= b (fle.s); see LeF64.
func LeF32(a, b uint32) (bool, uint32) {
	if isNaN32(a) || isNaN32(b) {
		return false, NV
	}
	return order32(a) <= order32(b) || (a|b)<<1 == 0, 0
}

// MinF32 returns the smaller operand (fmin.s); see MinF64.
func MinF32(a, b uint32) (uint32, uint32) {
	if isNaN32(a) || isNaN32(b) {
		return notNaN32(a, b)
	}
	if order32(a) < order32(b) {
		return a, 0
	}
	return b, 0
}

// MaxF32 returns the larger operand (fmax.s); see MinF64.
func MaxF32(a, b uint32) (uint32, uint32) {
	if isNaN32(a) || isNaN32(b) {
		return notNaN32(a, b)
	}
	if order32(a) > order32(b) {
		return a, 0
	}
	return b, 0
}

func notNaN32(a, b uint32) (uint32, uint32) {
	flags := uint32(0)
	if isSignaling32(a) || isSignaling32(b) {
		flags = NV
	}
	switch {
	case !isNaN32(a):
		return a, flags
	case !isNaN32(b):
		return b, flags
	}
	return NaN32, flags
}

// Classes, one bit each, as fclass reports them (RISC-V Unprivileged ISA, table
// "Format of result of FCLASS instruction").
const (
	ClassNegInf       uint32 = 1 << 0
	ClassNegNormal    uint32 = 1 << 1
	ClassNegSubnormal uint32 = 1 << 2
	ClassNegZero      uint32 = 1 << 3
	ClassPosZero      uint32 = 1 << 4
	ClassPosSubnormal uint32 = 1 << 5
	ClassPosNormal    uint32 = 1 << 6
	ClassPosInf       uint32 = 1 << 7
	ClassSignalingNaN uint32 = 1 << 8
	ClassQuietNaN     uint32 = 1 << 9
)

// ClassF64 returns the one class bit of a (fclass.d).
func ClassF64(a uint64) uint32 {
	if isNaN64(a) {
		if isSignaling64(a) {
			return ClassSignalingNaN
		}
		return ClassQuietNaN
	}
	magnitude := a &^ sign64
	return classOf(a>>63 != 0, magnitude == 0, magnitude < 1<<52, magnitude == inf64)
}

// ClassF32 returns the one class bit of a (fclass.s); the register's content is
// unboxed first, as for all other operations.
func ClassF32(a uint32) uint32 {
	if isNaN32(a) {
		if isSignaling32(a) {
			return ClassSignalingNaN
		}
		return ClassQuietNaN
	}
	magnitude := a &^ sign32
	return classOf(a>>31 != 0, magnitude == 0, magnitude < 1<<23, magnitude == inf32)
}

func classOf(negative, zero, belowNormal, infinite bool) uint32 {
	step := uint32(0) // 0 for zero, to 3 for infinity
	switch {
	case zero:
	case belowNormal:
		step = 1
	case infinite:
		step = 3
	default:
		step = 2
	}
	if negative {
		return ClassNegZero >> step
	}
	return ClassPosZero << step
}
