package softfp

import (
	"math"
	"testing"
)

// Operands as programs have them: magnitudes around 1, all fraction bits in use.
func benchmarkOperands() (a, b, c [1024]uint64) {
	v := newVectors(1)
	draw := func() uint64 {
		return v.Uint64()&(sign64|1<<52-1) | (1013+v.Uint64N(20))<<52
	}
	for i := range a {
		a[i], b[i], c[i] = draw(), draw(), draw()
	}
	return a, b, c
}

var sink uint64

func BenchmarkExact(bench *testing.B) {
	a, b, c := benchmarkOperands()
	for _, op := range operations {
		bench.Run(op.name, func(bench *testing.B) {
			acc := uint64(0)
			for i := range bench.N {
				j := i & 1023
				x, y, z := a[j], b[j], c[j]
				if op.source == 32 {
					x, y, z = narrow(x), narrow(y), narrow(z)
				}
				r, _ := op.soft(x, y, z, RNE)
				acc ^= r
			}
			sink = acc
		})
	}
}

func BenchmarkFast(bench *testing.B) {
	a, b, c := benchmarkOperands()
	for _, p := range fastPairs() {
		bench.Run(p.name, func(bench *testing.B) {
			acc := uint64(0)
			for i := range bench.N {
				j := i & 1023
				x, y, z := a[j], b[j], c[j]
				if p.f == single {
					x, y, z = narrow(x)&0xffff_ffff, narrow(y)&0xffff_ffff, narrow(z)&0xffff_ffff
				}
				r, _ := p.fast(x, y, z)
				acc ^= r
			}
			sink = acc
		})
	}
}

func narrow(a uint64) uint64 {
	return Box(math.Float32bits(float32(math.Float64frombits(a))))
}
