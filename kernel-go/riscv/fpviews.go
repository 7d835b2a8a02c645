package riscv

// Views of a floating-point register at the address context + 8*register. The
// padding is what lies before the f registers in abi.CpuContext.

type fpBits struct {
	_ [32]uint64
	v uint64
}

type fpDouble struct {
	_ [32]uint64
	v float64
}

type fpSingle struct {
	_ [32]uint64
	v float32
}

// nanBox is the upper half of a register that holds a single-precision value.
const nanBox = 0xffffffff00000000
