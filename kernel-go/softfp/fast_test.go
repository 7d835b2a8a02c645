package softfp

import (
	"math"
	"testing"
)

// A fast function and the exact one that it stands for, on registers of one width.
type fastPair struct {
	name  string
	f     format
	fast  func(a, b, c uint64) (uint64, bool)
	exact func(a, b, c uint64) (uint64, uint32)
	// allowed are the flags that the exact function may raise where fast says ok.
	allowed uint32
}

type (
	unary64   = func(a uint64) (uint64, bool)
	binary64  = func(a, b uint64) (uint64, bool)
	ternary64 = func(a, b, c uint64) (uint64, bool)
	unary32   = func(a uint32) (uint32, bool)
	binary32  = func(a, b uint32) (uint32, bool)
	ternary32 = func(a, b, c uint32) (uint32, bool)
)

func widened(r uint32, ok bool) (uint64, bool)             { return uint64(r), ok }
func widenedFlags(r uint32, flags uint32) (uint64, uint32) { return uint64(r), flags }

func fastPairs() []fastPair {
	type u64 = uint64
	type u32 = uint32
	var pairs []fastPair
	// Each operation exists for sticky NX (fast) and for exact results (exactly).
	add64 := func(name string, fast, exactly ternary64, exact func(a, b, c u64) (u64, u32)) {
		pairs = append(pairs,
			fastPair{name + "Fast64", double, fast, exact, NX},
			fastPair{name + "Exact64", double, exactly, exact, 0})
	}
	add32 := func(name string, fast, exactly ternary32, exact func(a, b, c u32) (u32, u32)) {
		lift := func(f ternary32) ternary64 {
			return func(a, b, c u64) (u64, bool) { return widened(f(u32(a), u32(b), u32(c))) }
		}
		lifted := func(a, b, c u64) (u64, u32) { return widenedFlags(exact(u32(a), u32(b), u32(c))) }
		pairs = append(pairs,
			fastPair{name + "Fast32", single, lift(fast), lifted, NX},
			fastPair{name + "Exact32", single, lift(exactly), lifted, 0})
	}
	two64 := func(f binary64) ternary64 { return func(a, b, _ u64) (u64, bool) { return f(a, b) } }
	one64 := func(f unary64) ternary64 { return func(a, _, _ u64) (u64, bool) { return f(a) } }
	two32 := func(f binary32) ternary32 { return func(a, b, _ u32) (u32, bool) { return f(a, b) } }
	one32 := func(f unary32) ternary32 { return func(a, _, _ u32) (u32, bool) { return f(a) } }

	add64("Add", two64(AddFast64), two64(AddExact64), func(a, b, _ u64) (u64, u32) { return AddF64(a, b, RNE) })
	add64("Sub", two64(SubFast64), two64(SubExact64), func(a, b, _ u64) (u64, u32) { return SubF64(a, b, RNE) })
	add64("Mul", two64(MulFast64), two64(MulExact64), func(a, b, _ u64) (u64, u32) { return MulF64(a, b, RNE) })
	add64("Div", two64(DivFast64), two64(DivExact64), func(a, b, _ u64) (u64, u32) { return DivF64(a, b, RNE) })
	add64("Sqrt", one64(SqrtFast64), one64(SqrtExact64), func(a, _, _ u64) (u64, u32) { return SqrtF64(a, RNE) })
	add64("FMA", FMAFast64, FMAExact64, func(a, b, c u64) (u64, u32) { return FMAF64(a, b, c, RNE) })

	add32("Add", two32(AddFast32), two32(AddExact32), func(a, b, _ u32) (u32, u32) { return AddF32(a, b, RNE) })
	add32("Sub", two32(SubFast32), two32(SubExact32), func(a, b, _ u32) (u32, u32) { return SubF32(a, b, RNE) })
	add32("Mul", two32(MulFast32), two32(MulExact32), func(a, b, _ u32) (u32, u32) { return MulF32(a, b, RNE) })
	add32("Div", two32(DivFast32), two32(DivExact32), func(a, b, _ u32) (u32, u32) { return DivF32(a, b, RNE) })
	add32("Sqrt", one32(SqrtFast32), one32(SqrtExact32), func(a, _, _ u32) (u32, u32) { return SqrtF32(a, RNE) })
	add32("FMA", FMAFast32, FMAExact32, func(a, b, c u32) (u32, u32) { return FMAF32(a, b, c, RNE) })

	one := func(name string, f format, fast func(a, b u64) (u64, bool), exact func(a, b u64) (u64, u32)) {
		pairs = append(pairs, fastPair{name, f,
			func(a, b, _ u64) (u64, bool) { return fast(a, b) },
			func(a, b, _ u64) (u64, u32) { return exact(a, b) }, NX})
	}
	one("LtFast64", double, LtFast64, func(a, b u64) (u64, u32) { return truth(LtF64(a, b)) })
	one("LeFast64", double, LeFast64, func(a, b u64) (u64, u32) { return truth(LeF64(a, b)) })
	one("EqFast64", double, EqFast64, func(a, b u64) (u64, u32) { return truth(EqF64(a, b)) })
	one("F64ToF32Fast", double, func(a, _ u64) (u64, bool) { return widened(F64ToF32Fast(a)) },
		func(a, _ u64) (u64, u32) { return widenedFlags(F64ToF32(a, RNE)) })
	one("F64ToI32Fast", double, func(a, _ u64) (u64, bool) { r, ok := F64ToI32Fast(a); return u64(r), ok },
		func(a, _ u64) (u64, u32) { r, f := F64ToI32(a, RTZ); return u64(r), f })
	one("F64ToI64Fast", double, func(a, _ u64) (u64, bool) { r, ok := F64ToI64Fast(a); return u64(r), ok },
		func(a, _ u64) (u64, u32) { r, f := F64ToI64(a, RTZ); return u64(r), f })
	one("LtFast32", single, func(a, b u64) (u64, bool) { return LtFast32(u32(a), u32(b)) },
		func(a, b u64) (u64, u32) { return truth(LtF32(u32(a), u32(b))) })
	one("LeFast32", single, func(a, b u64) (u64, bool) { return LeFast32(u32(a), u32(b)) },
		func(a, b u64) (u64, u32) { return truth(LeF32(u32(a), u32(b))) })
	one("EqFast32", single, func(a, b u64) (u64, bool) { return EqFast32(u32(a), u32(b)) },
		func(a, b u64) (u64, u32) { return truth(EqF32(u32(a), u32(b))) })
	one("F32ToF64Fast", single, func(a, _ u64) (u64, bool) { return F32ToF64Fast(u32(a)) },
		func(a, _ u64) (u64, u32) { return F32ToF64(u32(a)) })
	one("F32ToI32Fast", single, func(a, _ u64) (u64, bool) { r, ok := F32ToI32Fast(u32(a)); return u64(r), ok },
		func(a, _ u64) (u64, u32) { r, f := F32ToI32(u32(a), RTZ); return u64(r), f })
	one("F32ToI64Fast", single, func(a, _ u64) (u64, bool) { r, ok := F32ToI64Fast(u32(a)); return u64(r), ok },
		func(a, _ u64) (u64, u32) { r, f := F32ToI64(u32(a), RTZ); return u64(r), f })
	return pairs
}

// check compares and returns ok.
func (p *fastPair) check(t *testing.T, a, b, c uint64) bool {
	got, ok := p.fast(a, b, c)
	if !ok {
		return false
	}
	want, flags := p.exact(a, b, c)
	if got != want || flags&^p.allowed != 0 {
		t.Fatalf("%s(%#x, %#x, %#x): got %#x, exact %#x flags %#x", p.name, a, b, c, got, want, flags)
	}
	return true
}

// TestFast holds every fast function to its promise: ok only with the right result and
// no flag beyond what its caller assumes.
func TestFast(t *testing.T) {
	n := setting(t, "SOFTFP_VECTORS", 20_000) * 5
	seed := setting(t, "SOFTFP_SEED", 1)
	for i, p := range fastPairs() {
		t.Run(p.name, func(t *testing.T) {
			v := newVectors(seed + 2000 + uint64(i))
			for range n {
				a, b, c := v.triple(p.f)
				p.check(t, a, b, c)
			}
			if p.f == double {
				for range n {
					a, b, c := v.rangeLimits()
					p.check(t, a, b, c)
				}
				for range n / 5 {
					a, b, c := v.nearPower()
					p.check(t, a, b, c)
				}
			}
			short := p.f.shortEdges()
			for _, a := range p.f.signedEdges() {
				for _, b := range p.f.signedEdges() {
					for _, c := range short {
						p.check(t, a, b, c)
					}
				}
			}
		})
	}
}

// TestFastAccepts states for which operands the fast functions must not give up:
// they would be right, and useless, if they always did.
func TestFastAccepts(t *testing.T) {
	v := newVectors(setting(t, "SOFTFP_SEED", 1) + 3000)
	ordinary := func(f format) uint64 { // magnitudes in [2^-28, 2^28)
		exp := uint64(f.bias() - 28 + v.IntN(56))
		return v.Uint64()&(f.signBit()|1<<f.fracw-1) | exp<<f.fracw
	}
	short := func(f format) uint64 { // small integers, and zero
		r, _ := F64ToF32(I32ToF64(v.Int32N(41)-20), RNE)
		if f == single {
			return uint64(r)
		}
		d, _ := F32ToF64(r)
		return d
	}
	for _, p := range fastPairs() {
		t.Run(p.name, func(t *testing.T) {
			for range 20_000 {
				a, b, c := ordinary(p.f), ordinary(p.f), ordinary(p.f)
				if p.name == "SqrtFast64" || p.name == "SqrtFast32" {
					a &^= p.f.signBit()
				}
				if p.allowed == NX && !p.check(t, a, b, c) && !doubleTie(p.name, a, b, c) {
					t.Fatalf("%s(%#x, %#x, %#x) refuses ordinary operands", p.name, a, b, c)
				}
				a, b, c = short(p.f), short(p.f), short(p.f)
				_, flags := p.exact(a, b, c)
				if flags&^p.allowed == 0 && !p.check(t, a, b, c) {
					t.Fatalf("%s(%#x, %#x, %#x) refuses small integers", p.name, a, b, c)
				}
			}
		})
	}
}

// doubleTie says that an FMAFast32 was right to refuse: the sum in double precision
// is a tie in single precision.
func doubleTie(name string, a, b, c uint64) bool {
	x, y, z := math.Float32frombits(uint32(a)), math.Float32frombits(uint32(b)), math.Float32frombits(uint32(c))
	s := math.FMA(float64(x), float64(y), float64(z))
	return name == "FMAFast32" && math.Float64bits(s)&(1<<29-1) == 1<<28
}

// TestFastIntegers are the conversions that cannot fail.
func TestFastIntegers(t *testing.T) {
	v := newVectors(setting(t, "SOFTFP_SEED", 1) + 4000)
	for range setting(t, "SOFTFP_VECTORS", 20_000) * 5 {
		i := v.integer()
		d, _ := I64ToF64(int64(i), RNE)
		ud, _ := U64ToF64(i, RNE)
		s, _ := I64ToF32(int64(i), RNE)
		us, _ := U64ToF32(i, RNE)
		if I64ToF64Fast(int64(i)) != d || U64ToF64Fast(i) != ud || I64ToF32Fast(int64(i)) != s || U64ToF32Fast(i) != us {
			t.Fatalf("%#x: got %#x %#x %#x %#x, want %#x %#x %#x %#x", i,
				I64ToF64Fast(int64(i)), U64ToF64Fast(i), I64ToF32Fast(int64(i)), U64ToF32Fast(i), d, ud, s, us)
		}
	}
}
