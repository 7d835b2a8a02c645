package riscv

var xNames = [32]string{
	"zero", "ra", "sp", "gp", "tp", "t0", "t1", "t2", "s0", "s1", "a0", "a1", "a2", "a3", "a4", "a5",
	"a6", "a7", "s2", "s3", "s4", "s5", "s6", "s7", "s8", "s9", "s10", "s11", "t3", "t4", "t5", "t6",
}

var fNames = [32]string{
	"ft0", "ft1", "ft2", "ft3", "ft4", "ft5", "ft6", "ft7", "fs0", "fs1", "fa0", "fa1", "fa2", "fa3", "fa4", "fa5",
	"fa6", "fa7", "fs2", "fs3", "fs4", "fs5", "fs6", "fs7", "fs8", "fs9", "fs10", "fs11", "ft8", "ft9", "ft10", "ft11",
}

var rmNames = [8]string{"rne", "rtz", "rdn", "rup", "rmm", "", "", "dyn"}

// csrNames: the CSRs that exist, in the order of csrNumbers.
var csrNumbers = [...]uint32{csrFflags, csrFrm, csrFcsr, csrCycle, csrTime, csrInstret}
var csrNames = [...]string{"fflags", "frm", "fcsr", "cycle", "time", "instret"}

// text collects a line in a caller's buffer; what does not fit is dropped.
type text struct {
	dst []byte
	n   int
}

func (t *text) str(s string) {
	for i := 0; i < len(s); i++ {
		t.chr(s[i])
	}
}

func (t *text) chr(c byte) {
	if t.n < len(t.dst) {
		t.dst[t.n] = c
		t.n++
	}
}

func (t *text) dec(v int32) {
	u := uint32(v)
	if v < 0 {
		t.chr('-')
		u = -u
	}
	div := uint32(1)
	for u/div >= 10 {
		div *= 10
	}
	for ; div > 0; div /= 10 {
		t.chr('0' + byte(u/div%10))
	}
}

func (t *text) hex(u uint32) {
	t.str("0x")
	shift := uint32(28)
	for shift > 0 && u>>shift == 0 {
		shift -= 4
	}
	for ; ; shift -= 4 {
		t.chr("0123456789abcdef"[u>>shift&15])
		if shift == 0 {
			return
		}
	}
}

func (t *text) x(r uint32) { t.str(xNames[r]) }
func (t *text) f(r uint32) { t.str(fNames[r]) }
func (t *text) sep()       { t.chr(',') }

func (t *text) mem(imm int32, base uint32) {
	t.dec(imm)
	t.chr('(')
	t.x(base)
	t.chr(')')
}

func (t *text) fence(set uint32) {
	if set == 0 {
		t.chr('0')
	}
	for i := uint32(0); i < 4; i++ {
		if set>>(3-i)&1 != 0 {
			t.chr("iorw"[i])
		}
	}
}

func (t *text) csr(number uint32) {
	for i, n := range csrNumbers {
		if n == number {
			t.str(csrNames[i])
			return
		}
	}
	t.hex(number)
}

func (t *text) round(insn uint32) {
	if rm(insn) != 7 {
		t.sep()
		t.str(rmNames[rm(insn)])
	}
}

// Disassemble writes one instruction as text, without a trailing newline, and
// returns the length. A word whose low bits are not 11 is taken as compressed and
// shown as what it expands to; offsets are relative to the instruction.
func Disassemble(insn uint32, dst []byte) int {
	t := text{dst: dst}
	if insn&3 != 3 {
		wide, ok := Expand(uint16(insn))
		if !ok {
			t.str("unimp ")
			t.hex(insn & 0xffff)
			return t.n
		}
		insn = wide
	}
	op := Lookup(insn)
	if op == OpNone {
		t.str("unimp ")
		t.hex(insn)
		return t.n
	}
	row := &InsnTable[op]
	t.str(row.Name)
	if row.Class == ClassAMO {
		t.str([4]string{"", ".rl", ".aq", ".aqrl"}[insn>>25&3])
	}
	if row.Format != FmtNone {
		t.chr(' ')
		t.operands(insn, row)
	}
	return t.n
}

func (t *text) operands(insn uint32, row *Insn) {
	d, s1, s2 := rd(insn), rs1(insn), rs2(insn)
	switch row.Format {
	case FmtR:
		t.x(d)
		t.sep()
		t.x(s1)
		t.sep()
		t.x(s2)
	case FmtI:
		t.x(d)
		t.sep()
		t.x(s1)
		t.sep()
		t.dec(immI(insn))
	case FmtShift6, FmtShift5:
		t.x(d)
		t.sep()
		t.x(s1)
		t.sep()
		t.dec(immI(insn) & 63)
	case FmtU:
		t.x(d)
		t.sep()
		t.hex(insn >> 12)
	case FmtJ:
		t.x(d)
		t.sep()
		t.dec(immJ(insn))
	case FmtB:
		t.x(s1)
		t.sep()
		t.x(s2)
		t.sep()
		t.dec(immB(insn))
	case FmtLoad:
		t.x(d)
		t.sep()
		t.mem(immI(insn), s1)
	case FmtStore:
		t.x(s2)
		t.sep()
		t.mem(immS(insn), s1)
	case FmtFence:
		t.fence(insn >> 24 & 15)
		t.sep()
		t.fence(insn >> 20 & 15)
	case FmtCSR, FmtCSRI:
		t.x(d)
		t.sep()
		t.csr(insn >> 20)
		t.sep()
		if row.Format == FmtCSR {
			t.x(s1)
		} else {
			t.dec(int32(s1))
		}
	case FmtLR, FmtAMO:
		t.x(d)
		t.sep()
		if row.Format == FmtAMO {
			t.x(s2)
			t.sep()
		}
		t.chr('(')
		t.x(s1)
		t.chr(')')
	default:
		t.floatOperands(insn, row)
	}
}

func (t *text) floatOperands(insn uint32, row *Insn) {
	d, s1, s2 := rd(insn), rs1(insn), rs2(insn)
	switch row.Format {
	case FmtFLoad:
		t.f(d)
		t.sep()
		t.mem(immI(insn), s1)
		return
	case FmtFStore:
		t.f(s2)
		t.sep()
		t.mem(immS(insn), s1)
		return
	case FmtFCmp, FmtFToX, FmtFToXNoRM:
		t.x(d)
	default:
		t.f(d)
	}
	t.sep()
	if row.Format == FmtFFromX || row.Format == FmtFFromXNoRM {
		t.x(s1)
	} else {
		t.f(s1)
	}
	switch row.Format {
	case FmtFR, FmtFRNoRM, FmtFCmp, FmtFR4:
		t.sep()
		t.f(s2)
	}
	if row.Format == FmtFR4 {
		t.sep()
		t.f(rs3(insn))
	}
	if row.hasRM() {
		t.round(insn)
	}
}
