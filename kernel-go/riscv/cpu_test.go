package riscv_test

import (
	"math"
	"testing"

	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/kmem"
	"foreshore.dev/kernel/riscv"
	"foreshore.dev/kernel/riscv/internal/flat"
)

const (
	codeAt = 0x10000
	dataAt = 0x20000
)

var region = make([]byte, 64<<20)

// machine is a fresh flat machine whose code page holds the given words; words whose
// low bits are not 11 are compressed.
func machine(t *testing.T, words ...uint32) *abi.CpuContext {
	t.Helper()
	kmem.UseRegion(region)
	flat.Boot(65536, uint32(len(region)))
	place(codeAt, words...)
	c := flat.M.Ctx
	c.Pc = codeAt
	flat.M.Touch(dataAt)
	return c
}

func place(va uint64, words ...uint32) {
	for _, w := range words {
		*(*uint16)(kmem.Ptr(flat.M.Linear(va))) = uint16(w)
		va += 2
		if w&3 == 3 {
			*(*uint16)(kmem.Ptr(flat.M.Linear(va))) = uint16(w >> 16)
			va += 2
		}
	}
}

const (
	ecall  = 0x00000073
	ebreak = 0x00100073
)

func run(c *abi.CpuContext, budget int32) riscv.Exit {
	c.Left = budget
	return riscv.Run(c, flat.M.Hart)
}

func word(op riscv.Op, rd, rs1, rs2 uint32) uint32 {
	return riscv.InsnTable[op].Match | rd<<7 | rs1<<15 | rs2<<20
}

func imm(op riscv.Op, rd, rs1 uint32, v int32) uint32 {
	return riscv.InsnTable[op].Match | rd<<7 | rs1<<15 | uint32(v)<<20
}

func expect(t *testing.T, name string, got, want uint64) {
	t.Helper()
	if got != want {
		t.Errorf("%s: %#x, want %#x", name, got, want)
	}
}

func wantExit(t *testing.T, got, want riscv.Exit) {
	t.Helper()
	if got != want {
		t.Fatalf("exit %d, want %d", got, want)
	}
}

const (
	min64 = 1 << 63
	max64 = 1<<63 - 1
	ones  = ^uint64(0)
	min32 = 0xffffffff80000000
)

func TestIntegerEdges(t *testing.T) {
	for _, test := range []struct {
		op         riscv.Op
		a, b, want uint64
	}{
		{riscv.OpAdd, ones, 1, 0},
		{riscv.OpSub, 0, 1, ones},
		{riscv.OpAddw, 0x7fffffff, 1, min32},
		{riscv.OpSubw, 0, 0x80000000, min32},
		{riscv.OpSlt, min64, 0, 1},
		{riscv.OpSltu, min64, 0, 0},
		{riscv.OpSltu, 0, ones, 1},
		{riscv.OpSll, 1, 64 + 63, min64},
		{riscv.OpSrl, min64, 63, 1},
		{riscv.OpSra, min64, 63, ones},
		{riscv.OpSllw, 1, 31, min32},
		{riscv.OpSllw, 1, 32, 1},
		{riscv.OpSrlw, 0xffffffff00000000 | 0x80000000, 31, 1},
		{riscv.OpSrlw, 0x80000000, 0, min32},
		{riscv.OpSraw, 0x80000000, 31, ones},
		{riscv.OpMul, 1 << 32, 1 << 32, 0},
		{riscv.OpMulh, ones, ones, 0},
		{riscv.OpMulh, min64, min64, 1 << 62},
		{riscv.OpMulh, min64, 1, ones},
		{riscv.OpMulhsu, ones, ones, ones},
		{riscv.OpMulhsu, min64, ones, min64},
		{riscv.OpMulhu, ones, ones, ones - 1},
		{riscv.OpMulw, 0xffffffff, 0xffffffff, 1},
		{riscv.OpDiv, 7, 0, ones},
		{riscv.OpDiv, min64, ones, min64},
		{riscv.OpDiv, ^uint64(6), 2, ^uint64(2)},
		{riscv.OpDivu, 7, 0, ones},
		{riscv.OpRem, 7, 0, 7},
		{riscv.OpRem, min64, ones, 0},
		{riscv.OpRem, ^uint64(6), 2, ones},
		{riscv.OpRemu, 7, 0, 7},
		{riscv.OpDivw, 0x80000000, 0xffffffff, min32},
		{riscv.OpDivw, 7, 1 << 32, ones},
		{riscv.OpDivuw, 0x80000000, 1, min32},
		{riscv.OpDivuw, 7, 0, ones},
		{riscv.OpRemw, 0x80000000, 0xffffffff, 0},
		{riscv.OpRemw, 0x80000000, 0, min32},
		{riscv.OpRemuw, 0x80000000, 0, min32},
	} {
		c := machine(t, word(test.op, 5, 6, 7), word(test.op, 0, 6, 7), word(test.op, 6, 6, 7), ecall)
		c.X[6], c.X[7] = test.a, test.b
		wantExit(t, run(c, 100), riscv.ExitEcall)
		name := riscv.InsnTable[test.op].Name
		expect(t, name, c.X[5], test.want)
		expect(t, name+" in place", c.X[6], test.want)
		expect(t, "x0", c.X[0], 0)
		expect(t, "instret", c.Instret, 3)
		expect(t, "pc", c.Pc, codeAt+12)
	}
}

func TestLoadsAndStores(t *testing.T) {
	const value = 0x8182838485868788
	for _, test := range []struct {
		load, store riscv.Op
		bytes       uint64
		want        uint64
	}{
		{riscv.OpLb, riscv.OpSb, 1, 0xffffffffffffff88},
		{riscv.OpLbu, riscv.OpSb, 1, 0x88},
		{riscv.OpLh, riscv.OpSh, 2, 0xffffffffffff8788},
		{riscv.OpLhu, riscv.OpSh, 2, 0x8788},
		{riscv.OpLw, riscv.OpSw, 4, 0xffffffff85868788},
		{riscv.OpLwu, riscv.OpSw, 4, 0x85868788},
		{riscv.OpLd, riscv.OpSd, 8, value},
	} {
		for _, at := range []uint64{0, 1, 7, 0xffc, 0xffd, 0xfff} {
			store := word(test.store, 0, 6, 7)
			c := machine(t, store, imm(test.load, 5, 6, 0), imm(test.load, 0, 6, 0), ecall)
			flat.M.Touch(dataAt + 4096)
			c.X[6], c.X[7] = dataAt+at, value
			wantExit(t, run(c, 100), riscv.ExitEcall)
			expect(t, riscv.InsnTable[test.load].Name, c.X[5], test.want)
			for i := range uint64(16) {
				want := uint64(0)
				if i < test.bytes {
					want = value >> (8 * i) & 255
				}
				expect(t, "memory", uint64(*(*uint8)(kmem.Ptr(flat.M.Linear(dataAt + at + i)))), want)
			}
		}
	}
}

func TestFaultsAreExact(t *testing.T) {
	const bad = 0x7fff_fff0_0000
	nops := []uint32{imm(riscv.OpAddi, 9, 9, 1), imm(riscv.OpAddi, 9, 9, 1)}
	for _, test := range []struct {
		name string
		insn uint32
		addr uint64
		exit riscv.Exit
		at   uint64 // fault address
	}{
		{"load", imm(riscv.OpLd, 5, 6, 0), bad, riscv.ExitLoadFault, bad},
		{"load to x0", imm(riscv.OpLd, 0, 6, 0), bad, riscv.ExitLoadFault, bad},
		{"load across the end", imm(riscv.OpLd, 5, 6, 0), dataAt + 4092, riscv.ExitLoadFault, dataAt + 4096},
		{"load at 4 GiB", imm(riscv.OpLbu, 5, 6, 0), 1<<32 + dataAt, riscv.ExitLoadFault, 1<<32 + dataAt},
		{"load below 0", imm(riscv.OpLw, 5, 6, -4), 0, riscv.ExitLoadFault, ^uint64(3)},
		{"store", word(riscv.OpSb, 0, 6, 7), bad, riscv.ExitStoreFault, bad},
		{"store at 4 GiB", word(riscv.OpSb, 0, 6, 7), 1<<32 + dataAt, riscv.ExitStoreFault, 1<<32 + dataAt},
		{"store across the end", word(riscv.OpSd, 0, 6, 7), dataAt + 4095, riscv.ExitStoreFault, dataAt + 4096},
		{"store to code", word(riscv.OpSw, 0, 6, 7), codeAt, riscv.ExitStoreFault, codeAt},
		{"fld", imm(riscv.OpFld, 5, 6, 0), bad, riscv.ExitLoadFault, bad},
		{"fsw", word(riscv.OpFsw, 0, 6, 7), bad, riscv.ExitStoreFault, bad},
		{"amo", word(riscv.OpAmoaddW, 5, 6, 7), bad, riscv.ExitStoreFault, bad},
		{"lr", word(riscv.OpLrD, 5, 6, 0), bad, riscv.ExitLoadFault, bad},
		{"misaligned amo", word(riscv.OpAmoaddD, 5, 6, 7), dataAt + 4, riscv.ExitMisalignedAtomic, dataAt + 4},
		{"misaligned lr", word(riscv.OpLrW, 5, 6, 0), dataAt + 2, riscv.ExitMisalignedAtomic, dataAt + 2},
		{"misaligned sc", word(riscv.OpScW, 5, 6, 7), dataAt + 2, riscv.ExitMisalignedAtomic, dataAt + 2},
	} {
		c := machine(t, append(nops, test.insn, ecall)...)
		c.X[5], c.X[6], c.X[7] = 55, test.addr, ones
		wantExit(t, run(c, 1000), test.exit)
		expect(t, test.name+": pc", c.Pc, codeAt+8)
		expect(t, test.name+": address", c.FaultAddr, test.at)
		expect(t, test.name+": instret", c.Instret, 2)
		expect(t, test.name+": left", uint64(c.Left), 998)
		expect(t, test.name+": x9", c.X[9], 2)
		expect(t, test.name+": x5", c.X[5], 55)
		// Nothing of a store that faults in its second page may show in the first.
		expect(t, test.name+": memory", *(*uint64)(kmem.Ptr(flat.M.Linear(dataAt + 4088))), 0)
	}
}

func TestFetchFaults(t *testing.T) {
	for _, target := range []uint64{0, 1 << 32, 1<<32 | codeAt, ones &^ 1, 0x100} {
		c := machine(t, imm(riscv.OpJalr, 1, 6, 0))
		c.X[6] = target
		wantExit(t, run(c, 100), riscv.ExitFetchFault)
		expect(t, "pc", c.Pc, target)
		expect(t, "address", c.FaultAddr, target)
		expect(t, "link", c.X[1], codeAt+4)
		expect(t, "instret", c.Instret, 1)
	}
}

func TestIllegal(t *testing.T) {
	for _, insn := range []uint32{
		0x00000000, 0xffffffff, 0x0000006b | 3<<12,
		0x02a5d5d3,                                 // fadd.d, rounding mode 5
		imm(riscv.OpCsrrs, 5, 0, 0x300),            // mstatus
		imm(riscv.OpCsrrw, 0, 0, -1024),            // cycle (0xc00), written
		imm(riscv.OpCsrrs, 5, 6, -1024),            // likewise
		riscv.InsnTable[riscv.OpLrW].Match | 1<<20, // lr with rs2
		0x9c61, // reserved compressed
		riscv.InsnTable[riscv.OpFaddS].Match | 2<<25, // half precision
	} {
		c := machine(t, imm(riscv.OpAddi, 9, 9, 1), insn, ecall)
		wantExit(t, run(c, 100), riscv.ExitIllegal)
		expect(t, "pc", c.Pc, codeAt+4)
		expect(t, "instret", c.Instret, 1)
		if insn&3 == 3 {
			expect(t, "instruction", uint64(c.FaultInsn), uint64(insn))
		}
	}
	// A dynamic rounding mode is refused when it is used, not before.
	for frm := uint32(0); frm < 8; frm++ {
		c := machine(t, word(riscv.OpFaddD, 1, 2, 3)|7<<12, ecall)
		c.Fcsr = frm << 5
		want := riscv.ExitEcall
		if frm > 4 {
			want = riscv.ExitIllegal
		}
		wantExit(t, run(c, 100), want)
	}
}

func TestEnvironmentCalls(t *testing.T) {
	c := machine(t, imm(riscv.OpAddi, 9, 9, 1), ebreak, 0x9002, ecall)
	wantExit(t, run(c, 100), riscv.ExitEbreak)
	expect(t, "pc", c.Pc, codeAt+4)
	c.Pc += 4
	wantExit(t, run(c, 100), riscv.ExitEbreak)
	expect(t, "c.ebreak", uint64(c.FaultInsn)&3, 3)
	c.Pc += 2
	wantExit(t, run(c, 100), riscv.ExitEcall)
	expect(t, "pc", c.Pc, codeAt+10)
	expect(t, "instret", c.Instret, 1)
}

func TestBudgetAndPoll(t *testing.T) {
	// addi x9,x9,1; j .-4
	c := machine(t, imm(riscv.OpAddi, 9, 9, 1), 0xffdff06f)
	for _, budget := range []int32{1, 30, 1000, 12345} {
		before := c.Instret
		wantExit(t, run(c, budget), riscv.ExitBudget)
		retired := c.Instret - before
		if retired < uint64(budget) || retired > uint64(budget)+31 {
			t.Errorf("budget %d: %d instructions", budget, retired)
		}
		expect(t, "left", uint64(int64(c.Left)), uint64(int64(budget)-int64(retired)))
		expect(t, "x9", c.X[9], (c.Instret+1)/2)
	}
	*(*uint32)(kmem.Ptr(flat.M.Hart.Poll)) = 1
	wantExit(t, run(c, 100), riscv.ExitPoll)
	*(*uint32)(kmem.Ptr(flat.M.Hart.Poll)) = 0
}

func TestLrSc(t *testing.T) {
	lr, sc := word(riscv.OpLrW, 5, 6, 0), word(riscv.OpScW, 10, 6, 7)
	for _, test := range []struct {
		name   string
		words  []uint32
		fails  uint64
		memory uint64
	}{
		{"pair", []uint32{lr, sc}, 0, 99},
		{"no reservation", []uint32{sc}, 1, 0xfffffffe},
		{"second sc", []uint32{lr, word(riscv.OpScW, 0, 6, 5), sc}, 1, 0xfffffffe},
		{"other address", []uint32{lr, imm(riscv.OpAddi, 6, 6, 4), sc}, 1, 0xfffffffe},
		{"changed between", []uint32{lr, word(riscv.OpSw, 0, 6, 9), sc}, 1, 1},
	} {
		c := machine(t, append(test.words, ecall)...)
		c.X[6], c.X[7], c.X[9] = dataAt, 99, 1
		word := (*uint32)(kmem.Ptr(flat.M.Linear(dataAt)))
		*word = 0xfffffffe
		wantExit(t, run(c, 100), riscv.ExitEcall)
		expect(t, test.name+": result", c.X[10], test.fails)
		expect(t, test.name+": memory", uint64(*word), test.memory)
	}
}

func TestAmo(t *testing.T) {
	const memory, source = 0x80000001, 0x7ffffffe
	for op, want := range map[riscv.Op]uint32{
		riscv.OpAmoswapW: source, riscv.OpAmoaddW: 0xffffffff, riscv.OpAmoxorW: 0xffffffff, riscv.OpAmoandW: 0, riscv.OpAmoorW: 0xffffffff,
		riscv.OpAmominW: memory, riscv.OpAmomaxW: source, riscv.OpAmominuW: source, riscv.OpAmomaxuW: memory,
	} {
		c := machine(t, word(op, 5, 6, 7), ecall)
		c.X[6], c.X[7] = dataAt, 0x1234567800000000|source
		word := (*uint32)(kmem.Ptr(flat.M.Linear(dataAt)))
		*word = memory
		wantExit(t, run(c, 100), riscv.ExitEcall)
		expect(t, riscv.InsnTable[op].Name, uint64(*word), uint64(want))
		expect(t, "old value", c.X[5], 0xffffffff80000001)
	}
}

func TestFloatBoxing(t *testing.T) {
	c := machine(t, word(riscv.OpFaddS, 1, 2, 3)|7<<12, word(riscv.OpFmvXW, 5, 2, 0), word(riscv.OpFsgnjS, 4, 2, 2), ecall)
	c.F[2] = 0x3f800000 // 1.0 that is not boxed: a NaN to arithmetic
	c.F[3] = 0xffffffff3f800000
	wantExit(t, run(c, 100), riscv.ExitEcall)
	expect(t, "sum", c.F[1], 0xffffffff7fc00000)
	expect(t, "fmv.x.w", c.X[5], 0x3f800000)
	expect(t, "fsgnj.s", c.F[4], 0xffffffff7fc00000)
	expect(t, "flags", uint64(c.Fcsr), 0)
}

func TestFloatFlags(t *testing.T) {
	d := math.Float64bits
	inf := d(math.Inf(1))
	const nan = 0x7ff8000000000000
	for _, test := range []struct {
		op      riscv.Op
		a, b    uint64
		want    uint64
		flags   uint64
		integer bool
		rm      uint32
	}{
		{riscv.OpFaddD, d(1), d(1), d(2), 0, false, 7},
		{riscv.OpFaddD, d(1), d(0x1p-60), d(1), 1, false, 7},
		{riscv.OpFaddD, d(1), d(0x1p-60), d(1) + 1, 1, false, 3},
		{riscv.OpFaddD, inf, d(math.Inf(-1)), nan, 16, false, 7},
		{riscv.OpFmulD, d(math.MaxFloat64), d(2), inf, 5, false, 7},
		{riscv.OpFmulD, d(math.MaxFloat64), d(2), d(math.MaxFloat64), 5, false, 1},
		{riscv.OpFmulD, d(0x1p-1000), d(0x1p-1000), 0, 3, false, 7},
		{riscv.OpFmulD, 0, inf, nan, 16, false, 7},
		{riscv.OpFdivD, d(1), 0, inf, 8, false, 7},
		{riscv.OpFdivD, 0, 0, nan, 16, false, 7},
		{riscv.OpFdivD, d(1), d(3), d(1.0 / 3), 1, false, 7},
		{riscv.OpFsqrtD, d(-1), 0, nan, 16, false, 7},
		{riscv.OpFsqrtD, min64, 0, min64, 0, false, 7},
		{riscv.OpFminD, min64, 0, min64, 0, false, 0},
		{riscv.OpFmaxD, min64, 0, 0, 0, false, 1},
		{riscv.OpFminD, 0x7ff0000000000001, d(1), d(1), 16, false, 0},
		{riscv.OpFeqD, nan, d(1), 0, 0, true, 2},
		{riscv.OpFltD, nan, d(1), 0, 16, true, 1},
		{riscv.OpFcvtWD, d(3e9), 0, 0x7fffffff, 16, true, 1},
		{riscv.OpFcvtWD, d(-1.5), 0, ones, 1, true, 1},
		{riscv.OpFcvtWD, d(2.5), 0, 2, 1, true, 0},
		{riscv.OpFcvtWD, d(2.5), 0, 3, 1, true, 4},
		{riscv.OpFcvtWuD, d(3e9), 0, 0xffffffffb2d05e00, 0, true, 1},
		{riscv.OpFcvtWuD, d(-1), 0, 0, 16, true, 1},
		{riscv.OpFcvtLD, nan, 0, max64, 16, true, 1},
		{riscv.OpFcvtLuD, inf, 0, ones, 16, true, 1},
		{riscv.OpFclassD, 0x7ff0000000000001, 0, 1 << 8, 0, true, 1},
		{riscv.OpFcvtSD, d(0x1p-160), 0, 0xffffffff00000000, 3, false, 7},
	} {
		// Once with clear flags and once with NX set, where the fast paths serve.
		for _, before := range []uint32{0, 1} {
			insn := word(test.op, 1, 2, 3) | test.rm<<12
			switch riscv.InsnTable[test.op].Format {
			case riscv.FmtFR2, riscv.FmtFToX, riscv.FmtFToXNoRM:
				insn = word(test.op, 1, 2, 0) | test.rm<<12
			}
			c := machine(t, insn, ecall)
			c.F[2], c.F[3], c.Fcsr = test.a, test.b, before
			wantExit(t, run(c, 100), riscv.ExitEcall)
			got := c.F[1]
			if test.integer {
				got = c.X[1]
			}
			name := riscv.InsnTable[test.op].Name
			expect(t, name, got, test.want)
			expect(t, name+" flags", uint64(c.Fcsr), test.flags|uint64(before))
		}
	}
}

func TestCsr(t *testing.T) {
	riscv.TimeNow = func() uint64 { return 4242 }
	c := machine(t,
		imm(riscv.OpCsrrwi, 5, 31, 1),      // fflags = 31
		imm(riscv.OpCsrrci, 6, 3, 1),       // clear NX, UF
		imm(riscv.OpCsrrwi, 7, 3, 2),       // frm = 3
		imm(riscv.OpCsrrs, 10, 0, 3),       // fcsr
		imm(riscv.OpCsrrs, 11, 0, -1024+2), // instret
		imm(riscv.OpCsrrs, 12, 0, -1024+1), // time
		imm(riscv.OpCsrrs, 13, 0, -1024),   // cycle
		imm(riscv.OpCsrrw, 14, 15, 3),      // fcsr = x15
		ecall)
	c.X[15] = 0xfffff021
	wantExit(t, run(c, 100), riscv.ExitEcall)
	for i, want := range map[int]uint64{5: 0, 6: 31, 7: 0, 10: 0x7c, 11: 4, 12: 4242, 13: 6, 14: 0x7c} {
		expect(t, "x", c.X[i], want)
	}
	expect(t, "fcsr", uint64(c.Fcsr), 0x21)
}

// An instruction that straddles two pages, entered by fall-through and by a jump.
func TestStraddle(t *testing.T) {
	c := machine(t)
	const end = codeAt + 4096
	place(end-6, imm(riscv.OpAddi, 5, 5, 1), imm(riscv.OpAddi, 5, 5, 100), imm(riscv.OpAddi, 6, 6, -1), 0xfe031ce3, ecall) // bnez x6, .-8
	c.Pc, c.X[6] = end-6, 50
	wantExit(t, run(c, 1000), riscv.ExitEcall)
	expect(t, "x5", c.X[5], 1+50*100)
	expect(t, "instret", c.Instret, 1+50*3)
	expect(t, "pc", c.Pc, end+10)
}

func TestStraddleIntoNothing(t *testing.T) {
	c := machine(t)
	fetch := riscv.FetchPage
	riscv.FetchPage = func(hart uint32, as abi.AddressSpaceRef, va uint64) (uint32, bool) {
		if va >= codeAt+4096 {
			return 0, false
		}
		return fetch(hart, as, va)
	}
	place(codeAt+4092, 0x0001, 0x0000b503) // c.nop, then half of an ld
	c.Pc = codeAt + 4092
	wantExit(t, run(c, 1000), riscv.ExitFetchFault)
	expect(t, "pc", c.Pc, codeAt+4094)
	expect(t, "address", c.FaultAddr, codeAt+4096)
	expect(t, "instret", c.Instret, 1)
}

// Code that changes is executed as changed after the write and a fence.i.
func TestSelfModifyingCode(t *testing.T) {
	store := word(riscv.OpSw, 0, 6, 7)
	fencei := riscv.InsnTable[riscv.OpFenceI].Match
	c := machine(t,
		imm(riscv.OpAddi, 5, 0, 1), // becomes addi x5,x0,2
		imm(riscv.OpAddi, 9, 9, -1),
		0x00048863, // beqz x9, ecall
		store, fencei,
		0xfedff06f, // j to the first
		ecall)
	place(codeAt+0x18, ecall)
	c.X[6], c.X[7], c.X[9] = codeAt, uint64(imm(riscv.OpAddi, 5, 0, 2)), 2
	if !flat.M.Run(0) && flat.M.LastExit != riscv.ExitBudget {
		t.Fatal("setup")
	}
	for {
		exit := run(c, 1000)
		if exit == riscv.ExitStoreFault {
			expect(t, "address", c.FaultAddr, codeAt)
			flat.M.Touch(codeAt)
			continue
		}
		wantExit(t, exit, riscv.ExitEcall)
		break
	}
	expect(t, "x5", c.X[5], 2)
}

// A full arena is emptied and execution goes on.
func TestArenaFull(t *testing.T) {
	c := machine(t)
	// 100 pages of distinct code, more than a 128 KiB arena holds, run three times.
	const pages = 100
	for p := range uint64(pages) {
		at := codeAt + p*4096
		for i := range uint64(40) {
			place(at+8*i, imm(riscv.OpAddi, 5, 5, 1), 0x0040006f) // j .+4
		}
		next := uint32(4096 - 320)
		place(at+320, 0x6f|next>>1&1023<<21|next>>11&1<<20|next>>12&255<<12) // j to the next page
	}
	place(codeAt+pages*4096, ecall)
	before := kmem.Header().Counters.DecodeFlushes
	riscv.Init(48<<20, 128<<10)
	riscv.Register(flat.M.Hart, 0, flat.M.Hart.Poll)
	for round := range uint64(3) {
		c.Pc = codeAt
		wantExit(t, run(c, 1_000_000), riscv.ExitEcall)
		expect(t, "x5", c.X[5], (round+1)*pages*40)
		expect(t, "instret", c.Instret, (round+1)*pages*81)
	}
	if kmem.Header().Counters.DecodeFlushes == before {
		t.Error("the arena was never emptied")
	}
}
