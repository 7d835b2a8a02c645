package softfp

import (
	"math"
	"os"
	"strconv"
	"testing"
)

// Random tests take their amount and seed from the environment, for long runs:
// SOFTFP_VECTORS (per operation) and SOFTFP_SEED.
func setting(t testing.TB, name string, value uint64) uint64 {
	text := os.Getenv(name)
	if text == "" {
		return value
	}
	v, err := strconv.ParseUint(text, 0, 64)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return v
}

// raceBuild says that the race detector is on. It has nothing to find in pure
// functions, and takes the exhaustive tests ten times as long.
var raceBuild bool

func skipInRaceBuild(t *testing.T) {
	if raceBuild {
		t.Skip("exhaustive over pure functions: run without -race")
	}
}

var allModes = []uint32{RNE, RTZ, RDN, RUP, RMM}

func compareRegister(t *testing.T, op *operation, a, b, c uint64, rm uint32) {
	got, gotFlags := op.soft(a, b, c, rm)
	want, wantFlags := op.ref(a, b, c, rm)
	if got != want || gotFlags != wantFlags {
		t.Fatalf("%s a=%#x b=%#x c=%#x rm=%d: got %#x flags %#x, want %#x flags %#x",
			op.name, a, b, c, rm, got, gotFlags, want, wantFlags)
	}
}

// TestSmallFormats runs the arithmetic over whole formats, which it does not know to
// be small: all pairs of an 8-bit format, all triples of a 6-bit one, all modes.
func TestSmallFormats(t *testing.T) {
	skipInRaceBuild(t)
	check := func(f format, name string, n num, flags uint32, rm uint32, operands []uint64, want uint64, wantFlags uint32) {
		got, gotFlags := pack(n, flags, rm, f.fracw, f.expw)
		if got != want || gotFlags != wantFlags {
			t.Fatalf("%s in format %+v of %#x rm=%d: got %#x flags %#x, want %#x flags %#x",
				name, f, operands, rm, got, gotFlags, want, wantFlags)
		}
	}
	pairs := format{fracw: 3, expw: 4}
	for _, rm := range allModes {
		for a := range uint64(256) {
			x := unpack(a, pairs.fracw, pairs.expw)
			n, f := sqrt(x, pairs.fracw+3)
			want, wantFlags := pairs.refSqrt(a, rm)
			check(pairs, "sqrt", n, f, rm, []uint64{a}, want, wantFlags)
			for b := range uint64(256) {
				y := unpack(b, pairs.fracw, pairs.expw)
				operands := []uint64{a, b}
				n, f = add(x, y, rm)
				want, wantFlags = pairs.refAdd(a, b, rm)
				check(pairs, "add", n, f, rm, operands, want, wantFlags)
				n, f = sub(x, y, rm)
				want, wantFlags = pairs.refSub(a, b, rm)
				check(pairs, "sub", n, f, rm, operands, want, wantFlags)
				n, f = mul(x, y)
				want, wantFlags = pairs.refMul(a, b, rm)
				check(pairs, "mul", n, f, rm, operands, want, wantFlags)
				n, f = div(x, y)
				want, wantFlags = pairs.refDiv(a, b, rm)
				check(pairs, "div", n, f, rm, operands, want, wantFlags)
			}
		}
	}
	triples := format{fracw: 2, expw: 3}
	for _, rm := range allModes {
		for i := range uint64(1) << 18 {
			a, b, c := i&63, i>>6&63, i>>12
			n, f := fma(unpack(a, 2, 3), unpack(b, 2, 3), unpack(c, 2, 3), rm)
			want, wantFlags := triples.refFMA(a, b, c, rm)
			check(triples, "fma", n, f, rm, []uint64{a, b, c}, want, wantFlags)
		}
	}
}

// TestEdges meets all edges with each other, and a selection in triples.
func TestEdges(t *testing.T) {
	skipInRaceBuild(t)
	integers := []uint64{0}
	for shift := range 64 {
		for _, d := range []uint64{0, 1, 2, ^uint64(0), ^uint64(1)} {
			integers = append(integers, 1<<shift+d, -(1<<shift + d))
		}
	}
	for i := range operations {
		op := &operations[i]
		t.Run(op.name, func(t *testing.T) {
			f, box := double, uint64(0)
			if op.source == 32 {
				f, box = single, 0xffff_ffff<<32
			}
			first, second, third := f.signedEdges(), []uint64{0}, []uint64{0}
			switch {
			case op.source == 1:
				first, box = integers, 0
			case op.operands == 2:
				second = first
			case op.operands == 3:
				first = f.shortEdges()
				second, third = first, first
			}
			for _, a := range first {
				for _, b := range second {
					for _, c := range third {
						for _, rm := range allModes {
							compareRegister(t, op, a|box, b|box, c|box, rm)
						}
					}
				}
			}
		})
	}
}

// TestReference compares random operands with math/big, in all modes.
func TestReference(t *testing.T) {
	n := setting(t, "SOFTFP_VECTORS", 20_000)
	seed := setting(t, "SOFTFP_SEED", 1)
	for i := range operations {
		op := &operations[i]
		t.Run(op.name, func(t *testing.T) {
			v := newVectors(seed + uint64(i))
			for range n {
				a, b, c := v.registers(op)
				compareRegister(t, op, a, b, c, v.Uint32N(5))
			}
		})
	}
}

// TestNearTies are sums of which the last bits of a product decide the rounding.
func TestNearTies(t *testing.T) {
	v := newVectors(setting(t, "SOFTFP_SEED", 1) + 500)
	for range setting(t, "SOFTFP_VECTORS", 20_000) / 10 {
		a, b, c := v.nearPower()
		for _, rm := range allModes {
			got, gotFlags := FMAF64(a, b, c, rm)
			want, wantFlags := double.refFMA(a, b, c, rm)
			if got != want || gotFlags != wantFlags {
				t.Fatalf("FMAF64(%#x, %#x, %#x, %d): got %#x flags %#x, want %#x flags %#x",
					a, b, c, rm, got, gotFlags, want, wantFlags)
			}
		}
	}
}

func canonical64(x float64) uint64 {
	if x != x {
		return NaN64
	}
	return math.Float64bits(x)
}

func canonical32(x float32) uint32 {
	if x != x {
		return NaN32
	}
	return math.Float32bits(x)
}

// TestHost compares RNE results, not flags, with the host's floating point: many
// more operands than math/big can take.
func TestHost(t *testing.T) {
	n := setting(t, "SOFTFP_VECTORS", 20_000) * 25
	v := newVectors(setting(t, "SOFTFP_SEED", 1) + 1000)
	expect := func(name string, got, want, a, b, c uint64) {
		if got != want {
			t.Fatalf("%s(%#x, %#x, %#x): got %#x, want %#x", name, a, b, c, got, want)
		}
	}
	check64 := func(a, b, c uint64) {
		x, y, z := math.Float64frombits(a), math.Float64frombits(b), math.Float64frombits(c)
		r, _ := AddF64(a, b, RNE)
		expect("AddF64", r, canonical64(x+y), a, b, c)
		r, _ = SubF64(a, b, RNE)
		expect("SubF64", r, canonical64(x-y), a, b, c)
		r, _ = MulF64(a, b, RNE)
		expect("MulF64", r, canonical64(float64(x*y)), a, b, c)
		r, _ = DivF64(a, b, RNE)
		expect("DivF64", r, canonical64(x/y), a, b, c)
		r, _ = SqrtF64(a, RNE)
		expect("SqrtF64", r, canonical64(math.Sqrt(x)), a, b, c)
		r, _ = FMAF64(a, b, c, RNE)
		expect("FMAF64", r, canonical64(math.FMA(x, y, z)), a, b, c)
		s, _ := F64ToF32(a, RNE)
		expect("F64ToF32", uint64(s), uint64(canonical32(float32(x))), a, b, c)
	}
	check32 := func(a32, b32 uint32) {
		x, y := math.Float32frombits(a32), math.Float32frombits(b32)
		a, b := uint64(a32), uint64(b32)
		r, _ := AddF32(a32, b32, RNE)
		expect("AddF32", uint64(r), uint64(canonical32(x+y)), a, b, 0)
		r, _ = SubF32(a32, b32, RNE)
		expect("SubF32", uint64(r), uint64(canonical32(x-y)), a, b, 0)
		r, _ = MulF32(a32, b32, RNE)
		expect("MulF32", uint64(r), uint64(canonical32(float32(x*y))), a, b, 0)
		r, _ = DivF32(a32, b32, RNE)
		expect("DivF32", uint64(r), uint64(canonical32(x/y)), a, b, 0)
		r, _ = SqrtF32(a32, RNE)
		expect("SqrtF32", uint64(r), uint64(canonical32(float32(math.Sqrt(float64(x))))), a, b, 0)
		d, _ := F32ToF64(a32)
		expect("F32ToF64", d, canonical64(float64(x)), a, b, 0)
	}
	for range n {
		a, b, c := v.triple(double)
		check64(a, b, c)
		a, b, _ = v.triple(single)
		check32(uint32(a), uint32(b))
		i := v.integer()
		r, _ := I64ToF64(int64(i), RNE)
		expect("I64ToF64", r, math.Float64bits(float64(int64(i))), i, 0, 0)
		r, _ = U64ToF64(i, RNE)
		expect("U64ToF64", r, math.Float64bits(float64(i)), i, 0, 0)
		s, _ := I64ToF32(int64(i), RNE)
		expect("I64ToF32", uint64(s), uint64(math.Float32bits(float32(int64(i)))), i, 0, 0)
		s, _ = U64ToF32(i, RNE)
		expect("U64ToF32", uint64(s), uint64(math.Float32bits(float32(i))), i, 0, 0)
	}
	short := double.shortEdges()
	for _, a := range double.signedEdges() {
		for _, b := range double.signedEdges() {
			for _, c := range short {
				check64(a, b, c)
			}
		}
	}
}

func TestBoxing(t *testing.T) {
	for _, c := range []struct {
		register uint64
		value    uint32
	}{
		{0xffff_ffff_3f80_0000, 0x3f80_0000},
		{0xffff_fffe_3f80_0000, NaN32},
		{0x0000_0000_3f80_0000, NaN32},
		{0x7fff_ffff_3f80_0000, NaN32},
		{0xffff_ffff_7f80_0001, 0x7f80_0001}, // a boxed signalling NaN stays one
	} {
		if got := Unbox(c.register); got != c.value {
			t.Errorf("Unbox(%#x) = %#x, want %#x", c.register, got, c.value)
		}
	}
	if got := Box(0x3f80_0000); got != 0xffff_ffff_3f80_0000 {
		t.Errorf("Box: got %#x", got)
	}
}
