package softfp

// An operation as an instruction sees it: f registers as 64-bit patterns in, the
// destination register out. One table drives the comparisons with math/big and with
// qemu, whose guest is generated from the assembler text.
type operation struct {
	name     string
	asm      string // operands in ft0, ft1, ft2 or a; result in ft0 or r
	operands int
	source   int // width of the operands: 32, 64; 1 for an integer register
	result   byte
	soft     func(a, b, c uint64, rm uint32) (uint64, uint32)
	ref      func(a, b, c uint64, rm uint32) (uint64, uint32)
}

// Results of an operation.
const (
	toFloat   = 'f' // ft0
	toInteger = 'x' // r
)

func truth(b bool, flags uint32) (uint64, uint32) {
	if b {
		return 1, flags
	}
	return 0, flags
}

func boxed(r, flags uint32) (uint64, uint32)          { return Box(r), flags }
func boxed64(r uint64, flags uint32) (uint64, uint32) { return Box(uint32(r)), flags }

func signExtended[T int32 | uint32](r T, flags uint32) (uint64, uint32) {
	return uint64(int64(int32(r))), flags
}

func unboxed(r uint64) uint64 { return uint64(Unbox(r)) }

func isZeroOrder(o int) bool     { return o == 0 }
func isNegativeOrder(o int) bool { return o < 0 }
func isNoPositive(o int) bool    { return o <= 0 }

func absInt64(x int64) (uint64, bool) {
	if x < 0 {
		return -uint64(x), true
	}
	return uint64(x), false
}

var operations = append(doubleOperations(), singleOperations()...)

func doubleOperations() []operation {
	type u64 = uint64
	type u32 = uint32
	return []operation{
		{"fadd.d", "fadd.d ft0,ft0,ft1,dyn", 2, 64, toFloat,
			func(a, b, _ u64, rm u32) (u64, u32) { return AddF64(a, b, rm) },
			func(a, b, _ u64, rm u32) (u64, u32) { return double.refAdd(a, b, rm) }},
		{"fsub.d", "fsub.d ft0,ft0,ft1,dyn", 2, 64, toFloat,
			func(a, b, _ u64, rm u32) (u64, u32) { return SubF64(a, b, rm) },
			func(a, b, _ u64, rm u32) (u64, u32) { return double.refSub(a, b, rm) }},
		{"fmul.d", "fmul.d ft0,ft0,ft1,dyn", 2, 64, toFloat,
			func(a, b, _ u64, rm u32) (u64, u32) { return MulF64(a, b, rm) },
			func(a, b, _ u64, rm u32) (u64, u32) { return double.refMul(a, b, rm) }},
		{"fdiv.d", "fdiv.d ft0,ft0,ft1,dyn", 2, 64, toFloat,
			func(a, b, _ u64, rm u32) (u64, u32) { return DivF64(a, b, rm) },
			func(a, b, _ u64, rm u32) (u64, u32) { return double.refDiv(a, b, rm) }},
		{"fsqrt.d", "fsqrt.d ft0,ft0,dyn", 1, 64, toFloat,
			func(a, _, _ u64, rm u32) (u64, u32) { return SqrtF64(a, rm) },
			func(a, _, _ u64, rm u32) (u64, u32) { return double.refSqrt(a, rm) }},
		{"fmadd.d", "fmadd.d ft0,ft0,ft1,ft2,dyn", 3, 64, toFloat,
			FMAF64, double.refFMA},
		{"fmsub.d", "fmsub.d ft0,ft0,ft1,ft2,dyn", 3, 64, toFloat,
			func(a, b, c u64, rm u32) (u64, u32) { return FMAF64(a, b, c^sign64, rm) },
			func(a, b, c u64, rm u32) (u64, u32) { return double.refFMA(a, b, c^sign64, rm) }},
		{"fnmsub.d", "fnmsub.d ft0,ft0,ft1,ft2,dyn", 3, 64, toFloat,
			func(a, b, c u64, rm u32) (u64, u32) { return FMAF64(a^sign64, b, c, rm) },
			func(a, b, c u64, rm u32) (u64, u32) { return double.refFMA(a^sign64, b, c, rm) }},
		{"fnmadd.d", "fnmadd.d ft0,ft0,ft1,ft2,dyn", 3, 64, toFloat,
			func(a, b, c u64, rm u32) (u64, u32) { return FMAF64(a^sign64, b, c^sign64, rm) },
			func(a, b, c u64, rm u32) (u64, u32) { return double.refFMA(a^sign64, b, c^sign64, rm) }},
		{"fmin.d", "fmin.d ft0,ft0,ft1", 2, 64, toFloat,
			func(a, b, _ u64, _ u32) (u64, u32) { return MinF64(a, b) },
			func(a, b, _ u64, _ u32) (u64, u32) { return double.refSelect(a, b, -1) }},
		{"fmax.d", "fmax.d ft0,ft0,ft1", 2, 64, toFloat,
			func(a, b, _ u64, _ u32) (u64, u32) { return MaxF64(a, b) },
			func(a, b, _ u64, _ u32) (u64, u32) { return double.refSelect(a, b, 1) }},
		{"feq.d", "feq.d %[r],ft0,ft1", 2, 64, toInteger,
			func(a, b, _ u64, _ u32) (u64, u32) { return truth(EqF64(a, b)) },
			func(a, b, _ u64, _ u32) (u64, u32) { return double.refRelation(a, b, true, isZeroOrder) }},
		{"flt.d", "flt.d %[r],ft0,ft1", 2, 64, toInteger,
			func(a, b, _ u64, _ u32) (u64, u32) { return truth(LtF64(a, b)) },
			func(a, b, _ u64, _ u32) (u64, u32) { return double.refRelation(a, b, false, isNegativeOrder) }},
		{"fle.d", "fle.d %[r],ft0,ft1", 2, 64, toInteger,
			func(a, b, _ u64, _ u32) (u64, u32) { return truth(LeF64(a, b)) },
			func(a, b, _ u64, _ u32) (u64, u32) { return double.refRelation(a, b, false, isNoPositive) }},
		{"fclass.d", "fclass.d %[r],ft0", 1, 64, toInteger,
			func(a, _, _ u64, _ u32) (u64, u32) { return u64(ClassF64(a)), 0 },
			func(a, _, _ u64, _ u32) (u64, u32) { return double.refClass(a), 0 }},
		{"fcvt.s.d", "fcvt.s.d ft0,ft0,dyn", 1, 64, toFloat,
			func(a, _, _ u64, rm u32) (u64, u32) { return boxed(F64ToF32(a, rm)) },
			func(a, _, _ u64, rm u32) (u64, u32) { return boxed64(double.refConvert(single, a, rm)) }},
		{"fcvt.w.d", "fcvt.w.d %[r],ft0,dyn", 1, 64, toInteger,
			func(a, _, _ u64, rm u32) (u64, u32) { return signExtended(F64ToI32(a, rm)) },
			func(a, _, _ u64, rm u32) (u64, u32) { return double.refToInt(a, rm, 32, false) }},
		{"fcvt.wu.d", "fcvt.wu.d %[r],ft0,dyn", 1, 64, toInteger,
			func(a, _, _ u64, rm u32) (u64, u32) { return signExtended(F64ToU32(a, rm)) },
			func(a, _, _ u64, rm u32) (u64, u32) { return double.refToInt(a, rm, 32, true) }},
		{"fcvt.l.d", "fcvt.l.d %[r],ft0,dyn", 1, 64, toInteger,
			func(a, _, _ u64, rm u32) (u64, u32) { r, f := F64ToI64(a, rm); return u64(r), f },
			func(a, _, _ u64, rm u32) (u64, u32) { return double.refToInt(a, rm, 64, false) }},
		{"fcvt.lu.d", "fcvt.lu.d %[r],ft0,dyn", 1, 64, toInteger,
			func(a, _, _ u64, rm u32) (u64, u32) { return F64ToU64(a, rm) },
			func(a, _, _ u64, rm u32) (u64, u32) { return double.refToInt(a, rm, 64, true) }},
		{"fcvt.d.w", "fcvt.d.w ft0,%[a]", 1, 1, toFloat,
			func(a, _, _ u64, _ u32) (u64, u32) { return I32ToF64(int32(a)), 0 },
			func(a, _, _ u64, rm u32) (u64, u32) {
				m, neg := absInt64(int64(int32(a)))
				return double.refFromInt(m, neg, rm)
			}},
		{"fcvt.d.wu", "fcvt.d.wu ft0,%[a]", 1, 1, toFloat,
			func(a, _, _ u64, _ u32) (u64, u32) { return U32ToF64(u32(a)), 0 },
			func(a, _, _ u64, rm u32) (u64, u32) { return double.refFromInt(u64(u32(a)), false, rm) }},
		{"fcvt.d.l", "fcvt.d.l ft0,%[a],dyn", 1, 1, toFloat,
			func(a, _, _ u64, rm u32) (u64, u32) { return I64ToF64(int64(a), rm) },
			func(a, _, _ u64, rm u32) (u64, u32) {
				m, neg := absInt64(int64(a))
				return double.refFromInt(m, neg, rm)
			}},
		{"fcvt.d.lu", "fcvt.d.lu ft0,%[a],dyn", 1, 1, toFloat,
			func(a, _, _ u64, rm u32) (u64, u32) { return U64ToF64(a, rm) },
			func(a, _, _ u64, rm u32) (u64, u32) { return double.refFromInt(a, false, rm) }},
	}
}

func singleOperations() []operation {
	type u64 = uint64
	type u32 = uint32
	// lift makes register operations of one on single-precision operands.
	soft2 := func(f func(a, b, rm u32) (u32, u32)) func(a, b, c u64, rm u32) (u64, u32) {
		return func(a, b, _ u64, rm u32) (u64, u32) { return boxed(f(Unbox(a), Unbox(b), rm)) }
	}
	ref2 := func(f func(a, b u64, rm u32) (u64, u32)) func(a, b, c u64, rm u32) (u64, u32) {
		return func(a, b, _ u64, rm u32) (u64, u32) { return boxed64(f(unboxed(a), unboxed(b), rm)) }
	}
	fused := func(signA, signC u32) (soft, ref func(a, b, c u64, rm u32) (u64, u32)) {
		soft = func(a, b, c u64, rm u32) (u64, u32) {
			return boxed(FMAF32(Unbox(a)^signA, Unbox(b), Unbox(c)^signC, rm))
		}
		ref = func(a, b, c u64, rm u32) (u64, u32) {
			return boxed64(single.refFMA(unboxed(a)^u64(signA), unboxed(b), unboxed(c)^u64(signC), rm))
		}
		return soft, ref
	}
	maddSoft, maddRef := fused(0, 0)
	msubSoft, msubRef := fused(0, sign32)
	nmsubSoft, nmsubRef := fused(sign32, 0)
	nmaddSoft, nmaddRef := fused(sign32, sign32)
	relation := func(quiet bool, holds func(int) bool) func(a, b, c u64, rm u32) (u64, u32) {
		return func(a, b, _ u64, _ u32) (u64, u32) {
			return single.refRelation(unboxed(a), unboxed(b), quiet, holds)
		}
	}
	selection := func(want int) func(a, b, c u64, rm u32) (u64, u32) {
		return func(a, b, _ u64, _ u32) (u64, u32) {
			return boxed64(single.refSelect(unboxed(a), unboxed(b), want))
		}
	}
	toInt := func(width uint, unsigned bool) func(a, b, c u64, rm u32) (u64, u32) {
		return func(a, _, _ u64, rm u32) (u64, u32) {
			return single.refToInt(unboxed(a), rm, width, unsigned)
		}
	}
	return []operation{
		{"fadd.s", "fadd.s ft0,ft0,ft1,dyn", 2, 32, toFloat, soft2(AddF32), ref2(single.refAdd)},
		{"fsub.s", "fsub.s ft0,ft0,ft1,dyn", 2, 32, toFloat, soft2(SubF32), ref2(single.refSub)},
		{"fmul.s", "fmul.s ft0,ft0,ft1,dyn", 2, 32, toFloat, soft2(MulF32), ref2(single.refMul)},
		{"fdiv.s", "fdiv.s ft0,ft0,ft1,dyn", 2, 32, toFloat, soft2(DivF32), ref2(single.refDiv)},
		{"fsqrt.s", "fsqrt.s ft0,ft0,dyn", 1, 32, toFloat,
			func(a, _, _ u64, rm u32) (u64, u32) { return boxed(SqrtF32(Unbox(a), rm)) },
			func(a, _, _ u64, rm u32) (u64, u32) { return boxed64(single.refSqrt(unboxed(a), rm)) }},
		{"fmadd.s", "fmadd.s ft0,ft0,ft1,ft2,dyn", 3, 32, toFloat, maddSoft, maddRef},
		{"fmsub.s", "fmsub.s ft0,ft0,ft1,ft2,dyn", 3, 32, toFloat, msubSoft, msubRef},
		{"fnmsub.s", "fnmsub.s ft0,ft0,ft1,ft2,dyn", 3, 32, toFloat, nmsubSoft, nmsubRef},
		{"fnmadd.s", "fnmadd.s ft0,ft0,ft1,ft2,dyn", 3, 32, toFloat, nmaddSoft, nmaddRef},
		{"fmin.s", "fmin.s ft0,ft0,ft1", 2, 32, toFloat,
			func(a, b, _ u64, _ u32) (u64, u32) { return boxed(MinF32(Unbox(a), Unbox(b))) }, selection(-1)},
		{"fmax.s", "fmax.s ft0,ft0,ft1", 2, 32, toFloat,
			func(a, b, _ u64, _ u32) (u64, u32) { return boxed(MaxF32(Unbox(a), Unbox(b))) }, selection(1)},
		{"feq.s", "feq.s %[r],ft0,ft1", 2, 32, toInteger,
			func(a, b, _ u64, _ u32) (u64, u32) { return truth(EqF32(Unbox(a), Unbox(b))) }, relation(true, isZeroOrder)},
		{"flt.s", "flt.s %[r],ft0,ft1", 2, 32, toInteger,
			func(a, b, _ u64, _ u32) (u64, u32) { return truth(LtF32(Unbox(a), Unbox(b))) }, relation(false, isNegativeOrder)},
		{"fle.s", "fle.s %[r],ft0,ft1", 2, 32, toInteger,
			func(a, b, _ u64, _ u32) (u64, u32) { return truth(LeF32(Unbox(a), Unbox(b))) }, relation(false, isNoPositive)},
		{"fclass.s", "fclass.s %[r],ft0", 1, 32, toInteger,
			func(a, _, _ u64, _ u32) (u64, u32) { return u64(ClassF32(Unbox(a))), 0 },
			func(a, _, _ u64, _ u32) (u64, u32) { return single.refClass(unboxed(a)), 0 }},
		{"fcvt.d.s", "fcvt.d.s ft0,ft0", 1, 32, toFloat,
			func(a, _, _ u64, _ u32) (u64, u32) { return F32ToF64(Unbox(a)) },
			func(a, _, _ u64, rm u32) (u64, u32) { return single.refConvert(double, unboxed(a), rm) }},
		{"fcvt.w.s", "fcvt.w.s %[r],ft0,dyn", 1, 32, toInteger,
			func(a, _, _ u64, rm u32) (u64, u32) { return signExtended(F32ToI32(Unbox(a), rm)) }, toInt(32, false)},
		{"fcvt.wu.s", "fcvt.wu.s %[r],ft0,dyn", 1, 32, toInteger,
			func(a, _, _ u64, rm u32) (u64, u32) { return signExtended(F32ToU32(Unbox(a), rm)) }, toInt(32, true)},
		{"fcvt.l.s", "fcvt.l.s %[r],ft0,dyn", 1, 32, toInteger,
			func(a, _, _ u64, rm u32) (u64, u32) { r, f := F32ToI64(Unbox(a), rm); return u64(r), f }, toInt(64, false)},
		{"fcvt.lu.s", "fcvt.lu.s %[r],ft0,dyn", 1, 32, toInteger,
			func(a, _, _ u64, rm u32) (u64, u32) { return F32ToU64(Unbox(a), rm) }, toInt(64, true)},
		{"fcvt.s.w", "fcvt.s.w ft0,%[a],dyn", 1, 1, toFloat,
			func(a, _, _ u64, rm u32) (u64, u32) { return boxed(I32ToF32(int32(a), rm)) },
			func(a, _, _ u64, rm u32) (u64, u32) {
				m, neg := absInt64(int64(int32(a)))
				return boxed64(single.refFromInt(m, neg, rm))
			}},
		{"fcvt.s.wu", "fcvt.s.wu ft0,%[a],dyn", 1, 1, toFloat,
			func(a, _, _ u64, rm u32) (u64, u32) { return boxed(U32ToF32(u32(a), rm)) },
			func(a, _, _ u64, rm u32) (u64, u32) { return boxed64(single.refFromInt(u64(u32(a)), false, rm)) }},
		{"fcvt.s.l", "fcvt.s.l ft0,%[a],dyn", 1, 1, toFloat,
			func(a, _, _ u64, rm u32) (u64, u32) { return boxed(I64ToF32(int64(a), rm)) },
			func(a, _, _ u64, rm u32) (u64, u32) {
				m, neg := absInt64(int64(a))
				return boxed64(single.refFromInt(m, neg, rm))
			}},
		{"fcvt.s.lu", "fcvt.s.lu ft0,%[a],dyn", 1, 1, toFloat,
			func(a, _, _ u64, rm u32) (u64, u32) { return boxed(U64ToF32(a, rm)) },
			func(a, _, _ u64, rm u32) (u64, u32) { return boxed64(single.refFromInt(a, false, rm)) }},
	}
}
