package softfp

import (
	"math"
	"math/rand/v2"
)

// edges are the bit patterns of a format at which rounding, range or class changes,
// positive ones.
func (f format) edges() []uint64 {
	p := int(f.fracw) + 1
	power := func(exp int) uint64 { // 2^exp, which must be normal
		return uint64(exp+f.bias()) << f.fracw
	}
	one, smallest, inf := power(0), uint64(1)<<f.fracw, f.infinity()
	values := []uint64{
		0, 1, 2, 3, smallest/2 - 1, smallest / 2, smallest/2 + 1, smallest - 2, smallest - 1,
		smallest, smallest + 1, 2*smallest - 1, 2 * smallest, 2*smallest + 1,
		one - 2, one - 1, one, one + 1, one + 2, one + smallest/2, one + smallest/2 - 1,
		power(-1) - 1, power(-1), power(-1) + 1, power(1) - 1, power(1), power(1) + 1,
		power(1) + smallest/2, power(2), power(-2),
		inf - smallest - 1, inf - smallest, inf - smallest + 1, inf - 2, inf - 1, inf,
		inf | smallest>>1, inf | smallest>>1 | 1, inf | 1, inf | (smallest>>1 - 1), inf | (smallest - 1),
	}
	// Halfway addends of 1, the end of the integers, the ends of the square roots of
	// the range, the ends of the integer types.
	for _, exp := range []int{-p - 1, -p, 1 - p, p - 2, p - 1, p, p + 1,
		f.minExp() / 2, f.minExp()/2 - p, f.maxExp() / 2, f.minExp() + p, f.maxExp() - p,
		31, 32, 63, 64} {
		if exp > f.minExp() && exp < f.maxExp() {
			values = append(values, power(exp)-1, power(exp), power(exp)+1)
		}
	}
	if f == double { // around the ends of the 32-bit integers there are fractions
		for _, end := range []uint64{power(31), power(32)} {
			ulp := uint64(1) << 21 // of 2^31: one integer
			values = append(values, end-ulp, end-ulp/2, end-ulp/2+1, end-ulp/2-1, end+ulp/2, end+ulp/4)
		}
	}
	return values
}

// signedEdges are the edges with both signs.
func (f format) signedEdges() []uint64 {
	var values []uint64
	for _, v := range f.edges() {
		values = append(values, v, v|f.signBit())
	}
	return values
}

// shortEdges is a selection for triples.
func (f format) shortEdges() []uint64 {
	one, smallest, inf := uint64(f.bias())<<f.fracw, uint64(1)<<f.fracw, f.infinity()
	ulp := one - uint64(f.fracw)<<f.fracw // the last bit of 1
	var values []uint64
	for _, v := range []uint64{
		0, 1, smallest - 1, smallest, smallest + 1, ulp - smallest, ulp, one - 1, one, one + 1,
		one + smallest/2, uint64(f.bias()/2) << f.fracw, uint64(f.bias()/2)<<f.fracw - 1,
		inf - smallest, inf - 1, inf, inf | smallest>>1, inf | 1,
	} {
		values = append(values, v, v|f.signBit())
	}
	return values
}

// vectors makes random operands that meet each other: special values, few or many
// bits set, near exponents, sums that cancel, products that end in a tie.
type vectors struct {
	*rand.Rand
	edges32, edges64 []uint64
}

func newVectors(seed uint64) *vectors {
	return &vectors{rand.New(rand.NewPCG(seed, 0x5eed)), single.signedEdges(), double.signedEdges()}
}

func (v *vectors) operand(f format) uint64 {
	edges := v.edges64
	if f == single {
		edges = v.edges32
	}
	all := 2*f.signBit() - 1
	bits := v.Uint64() & all
	sign := bits & f.signBit()
	frac := uint64(1)<<f.fracw - 1
	// An exponent near that of 1.
	near := uint64(f.bias()+v.IntN(4*f.precision())-2*f.precision()) << f.fracw
	switch v.IntN(10) {
	case 0:
		return edges[v.IntN(len(edges))]
	case 1:
		return (edges[v.IntN(len(edges))] + v.Uint64N(7) - 3) & all
	case 2: // subnormal, of any length
		return sign | bits&frac>>v.IntN(int(f.fracw))
	case 3: // few bits
		return sign | near | bits&v.Uint64()&v.Uint64()&v.Uint64()&frac
	case 4: // a run of ones
		run := frac >> v.IntN(int(f.fracw)) << v.IntN(int(f.fracw)) & frac
		return sign | near | run
	case 5: // a short significand: exact results and ties
		return sign | near | bits&frac&^(frac>>v.IntN(f.precision()))
	case 6:
		return bits
	}
	return sign | near | bits&frac
}

// triple returns the operands of an operation; the second and third often depend on
// those before.
func (v *vectors) triple(f format) (a, b, c uint64) {
	a, b, c = v.operand(f), v.operand(f), v.operand(f)
	nudge := v.Uint64N(9) - 4
	switch v.IntN(6) {
	case 0: // a + b and a - b: next to each other
		b = (a + nudge) ^ v.Uint64()&f.signBit()
	case 1: // exponents that differ by about the precision
		shift := uint64(v.IntN(f.precision()+4)) << f.fracw
		b = b&f.signBit() | (a&^f.signBit()+shift)&(f.signBit()-1)
	}
	// The product, for c to cancel or to tie with.
	p := uint64(0)
	if f == single {
		r, _ := MulF32(uint32(a), uint32(b), v.Uint32N(5))
		p = uint64(r)
	} else {
		p, _ = MulF64(a, b, v.Uint32N(5))
	}
	switch v.IntN(4) {
	case 0:
		c = (p + nudge) ^ f.signBit()
	case 1:
		shift := uint64(v.IntN(3*f.precision())) << f.fracw
		if v.IntN(2) == 0 {
			shift = -shift
		}
		frac := uint64(1)<<f.fracw - 1
		c = (p &^ frac) + shift | c&frac>>v.IntN(f.precision())
		c ^= v.Uint64() & f.signBit()
	}
	all := 2*f.signBit() - 1
	return a & all, b & all, c & all
}

// integer returns a register for a conversion from an integer.
func (v *vectors) integer() uint64 {
	switch v.IntN(4) {
	case 0:
		return uint64(1)<<v.IntN(64) + v.Uint64N(5) - 2
	case 1:
		return -(uint64(1) << v.IntN(64)) + v.Uint64N(5) - 2
	case 2:
		return v.Uint64() >> v.IntN(64) << v.IntN(64)
	}
	return uint64(int64(v.Uint64()) >> v.IntN(64))
}

// registers returns the operands of op as the registers hold them; a single-precision
// one is now and then not boxed.
func (v *vectors) registers(op *operation) (a, b, c uint64) {
	switch op.source {
	case 1:
		return v.integer(), 0, 0
	case 64:
		return v.triple(double)
	}
	a, b, c = v.triple(single)
	a, b, c = Box(uint32(a)), Box(uint32(b)), Box(uint32(c))
	if v.IntN(32) == 0 {
		a ^= v.Uint64() << 32
	}
	if v.IntN(32) == 0 {
		b ^= v.Uint64() << 32
	}
	return a, b, c
}

// nearPower returns two doubles in [1, 2) whose product differs from 2 by less than 2^-69,
// but differs, and an addend for which the product is about half a unit in the last place:
// a tie, were it not for the product's last bits.
//
// In integers, (2^52 + k)(2^53 - 2k + m) = 2^105 + r with r = 2^52·m - 2k² + k·m. For k
// near the positive root of r, |r| is below 4k.
func (v *vectors) nearPower() (a, b, c uint64) {
	const fraction = 1<<52 - 1
	m := v.Uint64N(32)
	k := uint64(math.Sqrt(float64(m<<51))) + m/4 + v.Uint64N(3)
	if m == 0 {
		k = 1 + v.Uint64N(1<<15)
	}
	one := uint64(1023) << 52
	a, b = one|k, one|(1<<53-2*k+m)&fraction
	c = one + uint64(50+v.IntN(8))<<52
	if v.IntN(2) == 0 {
		c |= v.Uint64() & fraction
	}
	sign := v.Uint64()
	return a ^ sign&sign64, b, c ^ sign<<1&sign64
}

// rangeLimits returns doubles at the ends of the exponents that the fast functions accept.
func (v *vectors) rangeLimits() (a, b, c uint64) {
	limits := [...]uint64{0, 1, 2, 3, 540, 542, 543, 544, 546, 1020, 1023, 1026, 1500, 1530, 1532, 1533, 1534, 2043, 2044, 2045, 2046, 2047}
	draw := func() uint64 {
		r := v.Uint64()&(sign64|1<<52-1) | limits[v.IntN(len(limits))]<<52
		switch v.IntN(3) {
		case 0:
			r |= 1<<52 - 1
		case 1:
			r &^= 1<<(v.Uint32()%53) - 1
		}
		return r
	}
	return draw(), draw(), draw()
}
