package softfp

import "math/big"

// A second implementation on math/big, written from IEEE 754 and the RISC-V manual
// and not from the package: it computes exactly (or to 256 bits with a sticky bit) and
// rounds by looking at the two neighbours. It serves any binary format.

type format struct{ fracw, expw uint32 }

var (
	single = format{23, 8}
	double = format{52, 11}
)

func (f format) precision() int { return int(f.fracw) + 1 }
func (f format) bias() int      { return 1<<(f.expw-1) - 1 }
func (f format) minExp() int    { return 1 - f.bias() }
func (f format) maxExp() int    { return f.bias() }
func (f format) signBit() uint64 {
	return 1 << (f.fracw + f.expw)
}
func (f format) infinity() uint64 { return (1<<f.expw - 1) << f.fracw }
func (f format) nan() uint64      { return f.infinity() | 1<<(f.fracw-1) }
func (f format) isNaN(a uint64) bool {
	return a&^f.signBit() > f.infinity()
}
func (f format) isSignaling(a uint64) bool {
	return f.isNaN(a) && a&(1<<(f.fracw-1)) == 0
}
func (f format) isInf(a uint64) bool  { return a&^f.signBit() == f.infinity() }
func (f format) isZero(a uint64) bool { return a&^f.signBit() == 0 }
func (f format) negative(a uint64) bool {
	return a&f.signBit() != 0
}

// exact is a finite value, (-1)^neg · mant · 2^exp; with more, its magnitude lies above
// that by less than 2^exp.
type exact struct {
	neg  bool
	mant *big.Int
	exp  int
	more bool
}

func (f format) exact(a uint64) exact {
	field := int(a&f.infinity()) >> f.fracw
	frac := a & (1<<f.fracw - 1)
	if field == 0 {
		field = 1
	} else {
		frac |= 1 << f.fracw
	}
	return exact{f.negative(a), new(big.Int).SetUint64(frac), field - f.bias() - int(f.fracw), false}
}

// signed returns mant with its sign, scaled to exponent exp <= x.exp.
func (x exact) signed(exp int) *big.Int {
	m := new(big.Int).Lsh(x.mant, uint(x.exp-exp))
	if x.neg {
		m.Neg(m)
	}
	return m
}

func exactSum(x, y exact) exact {
	exp := min(x.exp, y.exp)
	sum := new(big.Int).Add(x.signed(exp), y.signed(exp))
	return exact{sum.Sign() < 0, sum.Abs(sum), exp, false}
}

func exactProduct(x, y exact) exact {
	return exact{x.neg != y.neg, new(big.Int).Mul(x.mant, y.mant), x.exp + y.exp, false}
}

// quantize returns x's magnitude in units of 2^unit, rounded, and whether it was exact.
func (x exact) quantize(unit int, rm uint32) (q *big.Int, isExact bool) {
	shift := unit - x.exp
	if shift <= 0 {
		if x.more {
			panic("reference: not enough bits")
		}
		return new(big.Int).Lsh(x.mant, uint(-shift)), true
	}
	q = new(big.Int).Rsh(x.mant, uint(shift))
	rest := new(big.Int).Sub(x.mant, new(big.Int).Lsh(q, uint(shift)))
	if rest.Sign() == 0 && !x.more {
		return q, true
	}
	half := rest.Cmp(new(big.Int).Lsh(big.NewInt(1), uint(shift-1)))
	if half == 0 && x.more {
		half = 1
	}
	var up bool
	switch rm {
	case RNE:
		up = half > 0 || half == 0 && q.Bit(0) == 1
	case RTZ:
		up = false
	case RDN:
		up = x.neg
	case RUP:
		up = !x.neg
	case RMM:
		up = half >= 0
	}
	if up {
		q.Add(q, big.NewInt(1))
	}
	return q, false
}

// round is the result of an operation whose exact value is x, which is not zero.
func (f format) round(x exact, rm uint32) (uint64, uint32) {
	sign := uint64(0)
	if x.neg {
		sign = f.signBit()
	}
	magnitude := x.exp + x.mant.BitLen() - 1
	smallest := new(big.Int).Lsh(big.NewInt(1), uint(f.fracw))

	unbounded, _ := x.quantize(magnitude-int(f.fracw), rm)
	tiny := magnitude < f.minExp()-1 ||
		magnitude == f.minExp()-1 && unbounded.Cmp(new(big.Int).Lsh(smallest, 1)) < 0

	unit := max(magnitude, f.minExp()) - int(f.fracw)
	q, isExact := x.quantize(unit, rm)
	if q.BitLen() > f.precision() {
		q.Rsh(q, 1)
		unit++
	}
	if unit+int(f.fracw) > f.maxExp() {
		away := rm == RNE || rm == RMM || rm == RDN && x.neg || rm == RUP && !x.neg
		if away {
			return sign | f.infinity(), OF | NX
		}
		return sign | (f.infinity() - 1), OF | NX
	}
	flags := uint32(0)
	if !isExact {
		flags = NX
		if tiny {
			flags |= UF
		}
	}
	r := q.Uint64()
	if q.Cmp(smallest) >= 0 {
		r = r - smallest.Uint64() + uint64(unit+int(f.fracw)+f.bias())<<f.fracw
	}
	return sign | r, flags
}

func (f format) invalid() (uint64, uint32) { return f.nan(), NV }

// operandNaN answers an operation with at least one NaN.
func (f format) operandNaN(operands ...uint64) (uint64, uint32) {
	for _, a := range operands {
		if f.isSignaling(a) {
			return f.nan(), NV
		}
	}
	return f.nan(), 0
}

func (f format) zero(neg bool) uint64 {
	if neg {
		return f.signBit()
	}
	return 0
}

func (f format) refAdd(a, b uint64, rm uint32) (uint64, uint32) {
	switch {
	case f.isNaN(a) || f.isNaN(b):
		return f.operandNaN(a, b)
	case f.isInf(a) && f.isInf(b) && a != b:
		return f.invalid()
	case f.isInf(a):
		return a, 0
	case f.isInf(b):
		return b, 0
	case f.isZero(a) && f.isZero(b) && a == b:
		return a, 0
	}
	sum := exactSum(f.exact(a), f.exact(b))
	if sum.mant.Sign() == 0 {
		return f.zero(rm == RDN), 0
	}
	return f.round(sum, rm)
}

func (f format) refSub(a, b uint64, rm uint32) (uint64, uint32) {
	if f.isNaN(b) {
		return f.operandNaN(a, b)
	}
	return f.refAdd(a, b^f.signBit(), rm)
}

func (f format) refMul(a, b uint64, rm uint32) (uint64, uint32) {
	neg := f.negative(a) != f.negative(b)
	switch {
	case f.isNaN(a) || f.isNaN(b):
		return f.operandNaN(a, b)
	case f.isInf(a) && f.isZero(b) || f.isZero(a) && f.isInf(b):
		return f.invalid()
	case f.isInf(a) || f.isInf(b):
		return f.zero(neg) | f.infinity(), 0
	case f.isZero(a) || f.isZero(b):
		return f.zero(neg), 0
	}
	return f.round(exactProduct(f.exact(a), f.exact(b)), rm)
}

func (f format) refDiv(a, b uint64, rm uint32) (uint64, uint32) {
	neg := f.negative(a) != f.negative(b)
	switch {
	case f.isNaN(a) || f.isNaN(b):
		return f.operandNaN(a, b)
	case f.isInf(a) && f.isInf(b) || f.isZero(a) && f.isZero(b):
		return f.invalid()
	case f.isInf(a):
		return f.zero(neg) | f.infinity(), 0
	case f.isZero(b):
		return f.zero(neg) | f.infinity(), DZ
	case f.isInf(b) || f.isZero(a):
		return f.zero(neg), 0
	}
	x, y := f.exact(a), f.exact(b)
	const extra = 256
	q, rem := new(big.Int).QuoRem(new(big.Int).Lsh(x.mant, extra), y.mant, new(big.Int))
	return f.round(exact{neg, q, x.exp - y.exp - extra, rem.Sign() != 0}, rm)
}

func (f format) refSqrt(a uint64, rm uint32) (uint64, uint32) {
	switch {
	case f.isNaN(a):
		return f.operandNaN(a)
	case f.isZero(a):
		return a, 0
	case f.negative(a):
		return f.invalid()
	case f.isInf(a):
		return a, 0
	}
	x := f.exact(a)
	extra := 256 + x.exp&1
	m := new(big.Int).Lsh(x.mant, uint(extra))
	root := new(big.Int).Sqrt(m)
	more := new(big.Int).Mul(root, root).Cmp(m) != 0
	return f.round(exact{false, root, (x.exp - extra) / 2, more}, rm)
}

func (f format) refFMA(a, b, c uint64, rm uint32) (uint64, uint32) {
	neg := f.negative(a) != f.negative(b)
	switch {
	case f.isInf(a) && f.isZero(b) || f.isZero(a) && f.isInf(b):
		return f.invalid()
	case f.isNaN(a) || f.isNaN(b) || f.isNaN(c):
		return f.operandNaN(a, b, c)
	case f.isInf(a) || f.isInf(b):
		if f.isInf(c) && f.negative(c) != neg {
			return f.invalid()
		}
		return f.zero(neg) | f.infinity(), 0
	case f.isInf(c):
		return c, 0
	}
	p := exactProduct(f.exact(a), f.exact(b))
	sum := exactSum(p, f.exact(c))
	if sum.mant.Sign() == 0 {
		if p.mant.Sign() == 0 && f.isZero(c) && neg == f.negative(c) {
			return c, 0
		}
		return f.zero(rm == RDN), 0
	}
	return f.round(sum, rm)
}

// refToInt is a float to integer conversion; the result is the 64-bit register's.
func (f format) refToInt(a uint64, rm uint32, width uint, unsigned bool) (uint64, uint32) {
	low, high := new(big.Int), new(big.Int).Lsh(big.NewInt(1), width)
	if !unsigned {
		high.Rsh(high, 1)
		low.Neg(high)
	}
	high.Sub(high, big.NewInt(1))
	register := func(v *big.Int) uint64 {
		r := new(big.Int).And(v, new(big.Int).SetUint64(1<<64-1)).Uint64()
		if width == 32 {
			r = uint64(int64(int32(r)))
		}
		return r
	}
	switch {
	case f.isNaN(a), f.isInf(a) && !f.negative(a):
		return register(high), NV
	case f.isInf(a):
		return register(low), NV
	}
	x := f.exact(a)
	q, isExact := x.quantize(0, rm)
	if x.neg {
		q.Neg(q)
	}
	switch {
	case q.Cmp(high) > 0:
		return register(high), NV
	case q.Cmp(low) < 0:
		return register(low), NV
	case isExact:
		return register(q), 0
	}
	return register(q), NX
}

// refFromInt converts an integer, of which a magnitude and a sign are given.
func (f format) refFromInt(magnitude uint64, neg bool, rm uint32) (uint64, uint32) {
	if magnitude == 0 {
		return 0, 0
	}
	return f.round(exact{neg, new(big.Int).SetUint64(magnitude), 0, false}, rm)
}

// refConvert is a conversion between formats.
func (f format) refConvert(to format, a uint64, rm uint32) (uint64, uint32) {
	switch {
	case f.isNaN(a):
		_, flags := f.operandNaN(a)
		return to.nan(), flags
	case f.isInf(a):
		return to.zero(f.negative(a)) | to.infinity(), 0
	case f.isZero(a):
		return to.zero(f.negative(a)), 0
	}
	return to.round(f.exact(a), rm)
}

// refCompare orders two operands that are no NaNs.
func (f format) refCompare(a, b uint64) int {
	rank := func(a uint64) *big.Int {
		m := new(big.Int).SetUint64(a &^ f.signBit())
		if f.negative(a) {
			m.Neg(m)
		}
		return m
	}
	return rank(a).Cmp(rank(b))
}

// refRelation is feq (quiet), flt or fle: holds tells it from the order.
func (f format) refRelation(a, b uint64, quiet bool, holds func(order int) bool) (uint64, uint32) {
	if f.isNaN(a) || f.isNaN(b) {
		if quiet && !f.isSignaling(a) && !f.isSignaling(b) {
			return 0, 0
		}
		return 0, NV
	}
	if holds(f.refCompare(a, b)) {
		return 1, 0
	}
	return 0, 0
}

// refSelect is fmin (want -1) or fmax (want 1).
func (f format) refSelect(a, b uint64, want int) (uint64, uint32) {
	_, flags := f.operandNaN(a, b)
	switch {
	case f.isNaN(a) && f.isNaN(b):
		return f.nan(), flags
	case f.isNaN(a):
		return b, flags
	case f.isNaN(b):
		return a, flags
	}
	order := f.refCompare(a, b)
	if order == 0 && f.negative(a) != f.negative(b) { // two zeros
		order = 1
		if f.negative(a) {
			order = -1
		}
	}
	if order == want {
		return a, 0
	}
	return b, 0
}

func (f format) refClass(a uint64) uint64 {
	x := f.exact(a)
	subnormal := x.mant.BitLen() < f.precision()
	bit := 0
	switch {
	case f.isSignaling(a):
		return 1 << 8
	case f.isNaN(a):
		return 1 << 9
	case f.isInf(a):
		bit = 0
	case f.isZero(a):
		bit = 3
	case subnormal:
		bit = 2
	default:
		bit = 1
	}
	if !f.negative(a) {
		bit = 7 - bit
	}
	return 1 << bit
}
