package softfp

import "testing"

// FuzzOperation lets the fuzzer choose an operation, a mode and the registers; math/big
// judges, and the fast functions are held to the exact ones.
func FuzzOperation(f *testing.F) {
	for i := range operations {
		f.Add(uint8(i), uint8(i%5), uint64(0x3ff0_0000_0000_0001), uint64(0xbfe5_5555_5555_5555), uint64(0x0010_0000_0000_0000))
		f.Add(uint8(i), uint8(i/5%5), Box(0x3f80_0001), Box(0x0080_0000), Box(0xbf80_0000))
	}
	f.Add(uint8(0), uint8(0), uint64(0x7fef_ffff_ffff_ffff), uint64(0x7c90_0000_0000_0000), uint64(0))
	pairs := fastPairs()
	f.Fuzz(func(t *testing.T, op, mode uint8, a, b, c uint64) {
		o := &operations[int(op)%len(operations)]
		compareRegister(t, o, a, b, c, uint32(mode)%5)
		p := &pairs[int(op)%len(pairs)]
		if p.f == single {
			a, b, c = a&0xffff_ffff, b&0xffff_ffff, c&0xffff_ffff
		}
		p.check(t, a, b, c)
	})
}
