// Package softfp is the arithmetic of RISC-V's F and D extensions: IEEE 754
// binary32 and binary64 with all five rounding modes and all five exception
// flags, on bit patterns.
//
// It owns numbers only: no register file, no CSR. The caller resolves a dynamic
// rounding mode (frm), refuses the reserved ones, accumulates the returned
// flags into fflags, and boxes single-precision values (Box, Unbox).
//
// Two layers answer the same questions:
//
//   - The exact functions (AddF64, FMAF32, F64ToI64, ...) use integers only, so
//     that no host's contraction, flush-to-zero or NaN propagation shows. One
//     implementation on unpacked numbers serves every format; the tests run it
//     over the whole of a 6-bit and an 8-bit format.
//   - The fast functions (AddFast64, AddExact64, ..., files fast64.go and
//     fast32.go) use the host's own float64 and float32 for rounding mode RNE.
//     They say ok == false wherever the host's result or the flags could differ;
//     the caller then asks the exact function.
//
// Everything is pure: no state, no locks, no heap.
//
// Sources: IEEE 754-2019; RISC-V Unprivileged ISA 20240411, chapters "F" and "D".
package softfp

// Rounding modes, as the rm field of an instruction and frm encode them
// (RISC-V Unprivileged ISA, table "Rounding mode encoding"). The encodings 5 to 7
// never reach this package: 7 (DYN) is resolved, 5 and 6 are refused by the caller.
const (
	RNE uint32 = 0 // to nearest, ties to even
	RTZ uint32 = 1 // towards zero
	RDN uint32 = 2 // down, towards -infinity
	RUP uint32 = 3 // up, towards +infinity
	RMM uint32 = 4 // to nearest, ties to the larger magnitude
)

// Exception flags, as fflags encodes them (RISC-V Unprivileged ISA, table
// "Accrued exception flag encoding").
const (
	NX uint32 = 1  // inexact
	UF uint32 = 2  // underflow: tiny after rounding, and inexact
	OF uint32 = 4  // overflow
	DZ uint32 = 8  // division of a finite number by zero
	NV uint32 = 16 // invalid operation
)

// Canonical NaNs: the only NaNs that arithmetic produces ("F", section "NaN
// Generation and Propagation").
const (
	NaN64 uint64 = 0x7ff8_0000_0000_0000
	NaN32 uint32 = 0x7fc0_0000
)

// Box returns the f register that holds the single-precision value x: its upper
// half is all ones ("D", section "NaN Boxing of Narrower Values").
func Box(x uint32) uint64 {
	return 0xffff_ffff_0000_0000 | uint64(x)
}

// Unbox returns the single-precision value of f register r: the canonical NaN
// when r is not a boxed value. Moves, stores and fmv.x.w do not unbox; they take
// the low half as it is.
func Unbox(r uint64) uint32 {
	if r>>32 != 0xffff_ffff {
		return NaN32
	}
	return uint32(r)
}
