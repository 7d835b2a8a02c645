package main

import "fmt"

// Floating-point fast paths. fp is 0 when frm is not round-to-nearest-even, 1 when
// it is, 2 when in addition the inexact flag is already set (run.go). With fp == 2 an
// operation may round without a look at the flags, as long as its result shows that
// no other flag can be raised: it is finite, and not so small that it could have
// underflowed. With fp >= 1 an operation that is exact by nature needs no flag at all.
// All else leaves for softfp.

// inRange64 holds for results that raise at most NX: exponent field 2..0x7fe. (1 is
// left out: a result that rounds up to the smallest normal number underflows.)
const inRange64 = "uint32(r>>52)&0x7ff-2 <= 0x7fc"
const inRange32 = "r>>23&0xff-2 <= 0xfc"

func fast(name, body string) snippet { return snippet{name: name, size: 16, body: body} }

// arith64 and arith32 round once and test the result.
func arith64(name, expr, ok string) snippet {
	return fast(name, fmt.Sprintf("if fp < 2 LEAVE(whySlow)\nr := math.Float64bits(%s)\nif !(%s) LEAVE(whySlow)\nFa = r\n", expr, ok))
}

func arith32(name, boxed, expr, ok string) snippet {
	return fast(name, fmt.Sprintf("if fp < 2 || (%s)>>32 != 0xffffffff LEAVE(whySlow)\nr := math.Float32bits(%s)\nif !(%s) LEAVE(whySlow)\nFa = nanBox | uint64(r)\n", boxed, expr, ok))
}

// compare leaves for NaNs: they raise NV, or do not, by the instruction.
func compare(name, cond string, single bool) snippet {
	if single {
		return fast(name, fmt.Sprintf("if (Fb&Fc)>>32 != 0xffffffff LEAVE(whySlow)\nm, n := Sb, Sc\nif m != m || n != n LEAVE(whySlow)\nif %s { Xa = 1 } else { Xa = 0 }\n", cond))
	}
	return fast(name, fmt.Sprintf("m, n := Db, Dc\nif m != m || n != n LEAVE(whySlow)\nif %s { Xa = 1 } else { Xa = 0 }\n", cond))
}

// choose is fmin and fmax of operands that differ; equal ones (zeros of either sign) and NaNs leave.
func choose(name, op string, single bool) snippet {
	if single {
		return fast(name, fmt.Sprintf("v, w := Fb, Fc\nif (v&w)>>32 != 0xffffffff LEAVE(whySlow)\nm, n := Sb, Sc\nif m %s n { Fa = v } else if n %s m { Fa = w } else LEAVE(whySlow)\n", op, op))
	}
	return fast(name, fmt.Sprintf("v, w := Fb, Fc\nm, n := Db, Dc\nif m %s n { Fa = v } else if n %s m { Fa = w } else LEAVE(whySlow)\n", op, op))
}

// sign is the fsgnj family: n64 and n32 give the new sign's bits from v (the value) and s.
func sign(name, expr string, single bool) snippet {
	if single {
		return fast(name, fmt.Sprintf("v, s := Fb, Fc\nif v>>32 != 0xffffffff { v = nanBox|0x7fc00000 }\nif s>>32 != 0xffffffff { s = 0x7fc00000 }\nFa = v&^(1<<31) | (%s)&(1<<31)\n", expr))
	}
	return fast(name, fmt.Sprintf("v, s := Fb, Fc\nFa = v&^(1<<63) | (%s)&(1<<63)\n", expr))
}

// toInt truncates (the decoder sees to it that rm is RTZ) a double whose magnitude is
// below the limit: with NX set already no other flag is due.
func toInt(name, lo, hi, expr string) snippet {
	return fast(name, fmt.Sprintf("if fp < 2 LEAVE(whySlow)\nm := Db\nif !(m > %s && m < %s) LEAVE(whySlow)\nXa = %s\n", lo, hi, expr))
}

// fma64 is softfp.FMAFast64 with one range test, on the rounded product p: with |p| in
// [2^-960, 2^1021) the error of the product is exact, whatever the factors are, and a
// subnormal sum is exact. high-low is not 0 where the sum overflowed. A zero factor is
// told apart, since it is common: the sum is then exact.
func fma64(name, product, addend string) snippet {
	return fast(name, fmt.Sprintf(`if fp < 2 LEAVE(whySlow)
m, n, z := Fb, Fc, Dd
%s
%s
x, y := math.Float64frombits(m), math.Float64frombits(n)
p := float64(x * y)
if uint32(math.Float64bits(p)>>52)&0x7ff-63 < 1981 {
xh, yh := math.Float64frombits(m &^ (1<<27-1)), math.Float64frombits((n + 1<<26) &^ (1<<27-1))
xl, yl := x-xh, y-yh
e := p - float64(xh*yh)
e -= float64(xl*yh)
e -= float64(xh*yl)
e = float64(xl*yl) - e
s := p + z
z2 := s - p
w := (p - (s - z2)) + (z - z2) + e
high, low := s + float64(w*(1+0x1p-51)), s + float64(w*(1-0x1p-51))
if high-low != 0 LEAVE(whySlow)
Da = high
} else {
s := p + z
if x != 0 && y != 0 || s-s != 0 LEAVE(whySlow)
Da = s
}
`, product, addend))
}

// fma32 is softfp.FMAFast32: the product is exact in double precision.
func fma32(name, product, addend string) snippet {
	return fast(name, fmt.Sprintf(`if fp < 2 || (Fb&Fc&Fd)>>32 != 0xffffffff LEAVE(whySlow)
p, z := float64(Sb)*float64(Sc), float64(Sd)
%s
%s
s := p + z
r := math.Float32bits(float32(s))
if !(%s) && s != 0 || math.Float64bits(s)&(1<<29-1) == 1<<28 LEAVE(whySlow)
Fa = nanBox | uint64(r)
`, product, addend, inRange32))
}

const finite64 = "uint32(r>>52)&0x7ff != 0x7ff"
const finite32 = "r>>23&0xff != 0xff"

var float = []snippet{
	// A sum that is not infinite raises at most NX: a subnormal sum is exact.
	arith64("fadd.d", "Db + Dc", finite64),
	arith64("fsub.d", "Db - Dc", finite64),
	arith64("fmul.d", "Db * Dc", inRange64),
	arith64("fdiv.d", "Db / Dc", inRange64),
	arith64("fsqrt.d", "math.Sqrt(Db)", inRange64),
	fma64("fmadd.d", "", ""),
	fma64("fmsub.d", "", "z = -z"),
	fma64("fnmsub.d", "m ^= 1 << 63", ""),
	fma64("fnmadd.d", "m ^= 1 << 63", "z = -z"),
	fma32("fmadd.s", "", ""),
	fma32("fmsub.s", "", "z = -z"),
	fma32("fnmsub.s", "p = -p", ""),
	fma32("fnmadd.s", "p = -p", "z = -z"),
	arith32("fadd.s", "Fb & Fc", "Sb + Sc", finite32),
	arith32("fsub.s", "Fb & Fc", "Sb - Sc", finite32),
	arith32("fmul.s", "Fb & Fc", "Sb * Sc", inRange32),
	arith32("fdiv.s", "Fb & Fc", "Sb / Sc", inRange32),
	arith32("fsqrt.s", "Fb", "float32(math.Sqrt(float64(Sb)))", inRange32),
	compare("feq.d", "m == n", false),
	compare("flt.d", "m < n", false),
	compare("fle.d", "m <= n", false),
	compare("feq.s", "m == n", true),
	compare("flt.s", "m < n", true),
	compare("fle.s", "m <= n", true),
	choose("fmin.d", "<", false),
	choose("fmax.d", ">", false),
	choose("fmin.s", "<", true),
	choose("fmax.s", ">", true),
	sign("fsgnj.d", "s", false),
	sign("fsgnjn.d", "^s", false),
	sign("fsgnjx.d", "s ^ v", false),
	sign("fsgnj.s", "s", true),
	sign("fsgnjn.s", "^s", true),
	sign("fsgnjx.s", "s ^ v", true),
	fast("fmv.x.d", "Xa = Fb\n"),
	fast("fmv.d.x", "Fa = Xb\n"),
	fast("fmv.x.w", "Xa = uint64(int64(int32(Fb)))\n"),
	fast("fmv.w.x", "Fa = nanBox | uint64(uint32(Xb))\n"),
	fast("fcvt.d.w", "if fp == 0 LEAVE(whySlow)\nDa = float64(int32(Xb))\n"),
	fast("fcvt.d.wu", "if fp == 0 LEAVE(whySlow)\nDa = float64(uint32(Xb))\n"),
	fast("fcvt.d.l", "if fp < 2 LEAVE(whySlow)\nDa = float64(int64(Xb))\n"),
	fast("fcvt.d.lu", "if fp < 2 LEAVE(whySlow)\nDa = float64(Xb)\n"),
	fast("fcvt.s.w", "if fp < 2 LEAVE(whySlow)\nFa = nanBox | uint64(math.Float32bits(float32(int32(Xb))))\n"),
	fast("fcvt.s.l", "if fp < 2 LEAVE(whySlow)\nFa = nanBox | uint64(math.Float32bits(float32(int64(Xb))))\n"),
	fast("fcvt.d.s", "v := Fb\nm := Sb\nif fp == 0 || v>>32 != 0xffffffff || m != m LEAVE(whySlow)\nDa = float64(m)\n"),
	fast("fcvt.s.d", "if fp < 2 LEAVE(whySlow)\nr := math.Float32bits(float32(Db))\nif !("+inRange32+") LEAVE(whySlow)\nFa = nanBox | uint64(r)\n"),
	toInt("fcvt.w.d", "-2147483648", "2147483648", "uint64(int64(int32(m)))"),
	toInt("fcvt.l.d", "-9223372036854775808", "9223372036854775808", "uint64(int64(m))"),
}
