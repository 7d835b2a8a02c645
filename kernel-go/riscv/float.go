package riscv

import (
	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/softfp"
)

// float executes a floating-point instruction exactly, whatever the rounding mode and
// flags; false when its dynamic rounding mode is reserved (an illegal instruction).
// The loop's fast paths (internal/gen) answer most before they come here.
func float(c *abi.CpuContext, op Op, insn uint32) bool {
	round := uint32(0)
	if InsnTable[op].hasRM() {
		round = rm(insn)
		if round == 7 {
			round = c.Fcsr >> 5 & 7
		}
		if round > softfp.RMM {
			return false
		}
	}
	var flags uint32
	switch InsnTable[op].Format {
	case FmtFR4:
		flags = fused(c, op, insn, round)
	case FmtFR, FmtFR2:
		flags = arithmetic(c, op, insn, round)
	case FmtFRNoRM:
		flags = select2(c, op, insn)
	case FmtFCmp:
		flags = compare(c, op, insn)
	case FmtFToX, FmtFToXNoRM:
		var v uint64
		v, flags = toInteger(op, c.F[rs1(insn)], round)
		setX(c, rd(insn), v)
	default:
		c.F[rd(insn)], flags = fromInteger(op, c.X[rs1(insn)], round)
	}
	c.Fcsr |= flags
	return true
}

const (
	sign32 = 1 << 31
	sign64 = 1 << 63
)

// fused is fmadd, fmsub, fnmsub, fnmadd: ±(rs1 × rs2) ± rs3 with one rounding.
func fused(c *abi.CpuContext, op Op, insn, round uint32) (flags uint32) {
	a, b, d := c.F[rs1(insn)], c.F[rs2(insn)], c.F[rs3(insn)]
	switch op {
	case OpFmaddS, OpFmsubS, OpFnmsubS, OpFnmaddS:
		x, y, z := softfp.Unbox(a), softfp.Unbox(b), softfp.Unbox(d)
		if op == OpFnmsubS || op == OpFnmaddS {
			x ^= sign32
		}
		if op == OpFmsubS || op == OpFnmaddS {
			z ^= sign32
		}
		r, f := softfp.FMAF32(x, y, z, round)
		c.F[rd(insn)] = softfp.Box(r)
		return f
	}
	if op == OpFnmsubD || op == OpFnmaddD {
		a ^= sign64
	}
	if op == OpFmsubD || op == OpFnmaddD {
		d ^= sign64
	}
	c.F[rd(insn)], flags = softfp.FMAF64(a, b, d, round)
	return flags
}

func arithmetic(c *abi.CpuContext, op Op, insn, round uint32) (flags uint32) {
	a, b := c.F[rs1(insn)], c.F[rs2(insn)]
	x, y := softfp.Unbox(a), softfp.Unbox(b)
	var r uint32
	d := &c.F[rd(insn)]
	switch op {
	case OpFaddD:
		*d, flags = softfp.AddF64(a, b, round)
		return flags
	case OpFsubD:
		*d, flags = softfp.SubF64(a, b, round)
		return flags
	case OpFmulD:
		*d, flags = softfp.MulF64(a, b, round)
		return flags
	case OpFdivD:
		*d, flags = softfp.DivF64(a, b, round)
		return flags
	case OpFsqrtD:
		*d, flags = softfp.SqrtF64(a, round)
		return flags
	case OpFcvtDS:
		*d, flags = softfp.F32ToF64(x)
		return flags
	case OpFcvtSD:
		r, flags = softfp.F64ToF32(a, round)
	case OpFaddS:
		r, flags = softfp.AddF32(x, y, round)
	case OpFsubS:
		r, flags = softfp.SubF32(x, y, round)
	case OpFmulS:
		r, flags = softfp.MulF32(x, y, round)
	case OpFdivS:
		r, flags = softfp.DivF32(x, y, round)
	case OpFsqrtS:
		r, flags = softfp.SqrtF32(x, round)
	}
	*d = softfp.Box(r)
	return flags
}

// select2 is fsgnj*, fmin, fmax.
func select2(c *abi.CpuContext, op Op, insn uint32) (flags uint32) {
	a, b := c.F[rs1(insn)], c.F[rs2(insn)]
	x, y := softfp.Unbox(a), softfp.Unbox(b)
	var r uint32
	d := &c.F[rd(insn)]
	switch op {
	case OpFsgnjD:
		*d = a&^sign64 | b&sign64
		return 0
	case OpFsgnjnD:
		*d = a&^sign64 | ^b&sign64
		return 0
	case OpFsgnjxD:
		*d = a ^ b&sign64
		return 0
	case OpFminD:
		*d, flags = softfp.MinF64(a, b)
		return flags
	case OpFmaxD:
		*d, flags = softfp.MaxF64(a, b)
		return flags
	case OpFsgnjS:
		r = x&^sign32 | y&sign32
	case OpFsgnjnS:
		r = x&^sign32 | ^y&sign32
	case OpFsgnjxS:
		r = x ^ y&sign32
	case OpFminS:
		r, flags = softfp.MinF32(x, y)
	case OpFmaxS:
		r, flags = softfp.MaxF32(x, y)
	}
	*d = softfp.Box(r)
	return flags
}

func compare(c *abi.CpuContext, op Op, insn uint32) (flags uint32) {
	a, b := c.F[rs1(insn)], c.F[rs2(insn)]
	x, y := softfp.Unbox(a), softfp.Unbox(b)
	var holds bool
	switch op {
	case OpFeqD:
		holds, flags = softfp.EqF64(a, b)
	case OpFltD:
		holds, flags = softfp.LtF64(a, b)
	case OpFleD:
		holds, flags = softfp.LeF64(a, b)
	case OpFeqS:
		holds, flags = softfp.EqF32(x, y)
	case OpFltS:
		holds, flags = softfp.LtF32(x, y)
	case OpFleS:
		holds, flags = softfp.LeF32(x, y)
	}
	v := uint64(0)
	if holds {
		v = 1
	}
	setX(c, rd(insn), v)
	return flags
}

// toInteger gives the x register's value: 32-bit results, also unsigned ones, are
// sign-extended.
func toInteger(op Op, a uint64, round uint32) (v uint64, flags uint32) {
	x := softfp.Unbox(a)
	switch op {
	case OpFcvtWD:
		r, f := softfp.F64ToI32(a, round)
		return uint64(int64(r)), f
	case OpFcvtWuD:
		r, f := softfp.F64ToU32(a, round)
		return uint64(int64(int32(r))), f
	case OpFcvtLD:
		r, f := softfp.F64ToI64(a, round)
		return uint64(r), f
	case OpFcvtLuD:
		return softfp.F64ToU64(a, round)
	case OpFcvtWS:
		r, f := softfp.F32ToI32(x, round)
		return uint64(int64(r)), f
	case OpFcvtWuS:
		r, f := softfp.F32ToU32(x, round)
		return uint64(int64(int32(r))), f
	case OpFcvtLS:
		r, f := softfp.F32ToI64(x, round)
		return uint64(r), f
	case OpFcvtLuS:
		return softfp.F32ToU64(x, round)
	case OpFclassD:
		return uint64(softfp.ClassF64(a)), 0
	case OpFclassS:
		return uint64(softfp.ClassF32(x)), 0
	case OpFmvXW:
		return uint64(int64(int32(a))), 0
	}
	return a, 0 // fmv.x.d
}

func fromInteger(op Op, x uint64, round uint32) (v uint64, flags uint32) {
	var r uint32
	switch op {
	case OpFcvtDW:
		return softfp.I32ToF64(int32(x)), 0
	case OpFcvtDWu:
		return softfp.U32ToF64(uint32(x)), 0
	case OpFcvtDL:
		return softfp.I64ToF64(int64(x), round)
	case OpFcvtDLu:
		return softfp.U64ToF64(x, round)
	case OpFmvDX:
		return x, 0
	case OpFcvtSW:
		r, flags = softfp.I32ToF32(int32(x), round)
	case OpFcvtSWu:
		r, flags = softfp.U32ToF32(uint32(x), round)
	case OpFcvtSL:
		r, flags = softfp.I64ToF32(int64(x), round)
	case OpFcvtSLu:
		r, flags = softfp.U64ToF32(x, round)
	case OpFmvWX:
		r = uint32(x)
	}
	return softfp.Box(r), flags
}
