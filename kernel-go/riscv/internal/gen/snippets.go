package main

import (
	"fmt"
	"strings"
)

// A snippet is what one op does, as Go text in which
//
//	Xa Xb Xc          are the integer registers of the fields a, b, c
//	Fa Da Sa …        the floating-point registers as bits, float64, float32
//	DEF(value)        writes Xa, and keeps the value for a fused member that follows
//	IMM16 IMM32 SHAMT the immediate, sign-extended to uint64; a shift amount
//	ORDINAL LINK DISP fields of branches and jumps (ops.go)
//	LEAVE(why)        leaves the loop with ip at this op
//	page              is the virtual address of the code page, left the budget,
//	fp                the state of the floating-point fast paths (run.go)
type snippet struct {
	name string
	size int  // bytes of the op
	ends bool // control never goes on to the next op
	body string
}

func alu(name, expr string) snippet {
	return snippet{name: name, size: 8, body: "DEF(" + expr + ")\n"}
}

// word is an ALU op whose 32-bit result is sign-extended.
func word(name, expr string) snippet { return alu(name, "uint64(int64(int32("+expr+")))") }

func setIf(name, cond string) snippet {
	return snippet{name: name, size: 8, body: "t := uint64(0)\nif " + cond + " { t = 1 }\nDEF(t)\n"}
}

func branch(name, cond string) snippet {
	return snippet{name: name, size: 16, body: "if " + cond + " {\nCHAIN\ncontinue\n}\n"}
}

// divide guards against the two cases in which the ISA gives a value and the host traps.
func divide(name, guard, guarded, expr string) snippet {
	return snippet{name: name, size: 8, body: "if d := " + guard + "; d == 0 {\nXa = " + guarded + "\n} else {\nXa = " + expr + "\n}\n"}
}

// load is an inline load: the translation is one table walk and one test of
// absent | misaligned | beyond 4 GiB (mm's tables: run.go).
func load(name string, bytes int, dst, value string) snippet {
	return snippet{name: name, size: 8, body: fmt.Sprintf("WALK(rt, %d)\n%s(%s)\n", bytes, dst, value)}
}

func store(name string, bytes int, typ, value string) snippet {
	return snippet{name: name, size: 8, body: fmt.Sprintf("WALK(wt, %d)\n*(*%s)(ptr(uint32(va) + e)) = %s\n", bytes, typ, value)}
}

// macros expands the shared pieces of the snippets.
func macros(body string) string {
	for _, table := range []string{"rt", "wt"} {
		for n, test := range map[int]string{
			1: "va>>32|uint64(e&1) != 0",
			2: "bits.RotateLeft64(va|uint64(e), -1) > 0x7fffffff",
			4: "bits.RotateLeft64(va|uint64(e), -2) > 0x3fffffff",
			8: "bits.RotateLeft64(va|uint64(e), -3) > 0x1fffffff",
		} {
			body = strings.ReplaceAll(body, fmt.Sprintf("WALK(%s, %d)", table, n), fmt.Sprintf(`va := Xb + IMM16
e := *(*uint32)(ptr(*(*uint32)(ptr(%s + uint32(va)>>22<<2)) + uint32(va)>>10&0xffc))
if %s LEAVE(whyMem)`, table, test))
		}
	}
	body = strings.ReplaceAll(body, "CHAIN", `if left -= ORDINAL; left < 0 LEAVE(whyBudget)
ip = LINK`)
	// An indirect jump to va: the hart's code TLB maps pc and generation to an op.
	body = strings.ReplaceAll(body, "JUMP", `left -= ORDINAL
t := hc + uint32(va)<<3&tlbMask
if *(*uint64)(ptr(t)) != va|gen || va>>32 != 0 || left < 0 {
h.target = va
why = whyTarget
break loop
}
ip, page = (*[4]uint32)(ptr(t))[2], va&^(pageSize-1)
`)
	return body
}

var snippets = concat(integer, memory, control, float)

func concat(lists ...[]snippet) (all []snippet) {
	for _, l := range lists {
		all = append(all, l...)
	}
	return all
}

var integer = []snippet{
	alu("codeLi", "IMM32"),
	alu("codeMv", "Xb"),
	alu("auipc", "page + IMM32"),
	alu("addi", "Xb + IMM32"),
	alu("xori", "Xb ^ IMM32"),
	alu("ori", "Xb | IMM32"),
	alu("andi", "Xb & IMM32"),
	setIf("slti", "int64(Xb) < int64(IMM32)"),
	setIf("sltiu", "Xb < IMM32"),
	alu("slli", "Xb << SHAMT"),
	alu("srli", "Xb >> SHAMT"),
	alu("srai", "uint64(int64(Xb) >> SHAMT)"),
	word("addiw", "Xb + IMM32"),
	word("slliw", "uint32(Xb) << (SHAMT & 31)"),
	word("srliw", "uint32(Xb) >> (SHAMT & 31)"),
	word("sraiw", "int32(Xb) >> (SHAMT & 31)"),
	alu("add", "Xb + Xc"),
	alu("sub", "Xb - Xc"),
	alu("xor", "Xb ^ Xc"),
	alu("or", "Xb | Xc"),
	alu("and", "Xb & Xc"),
	setIf("slt", "int64(Xb) < int64(Xc)"),
	setIf("sltu", "Xb < Xc"),
	alu("sll", "Xb << (Xc & 63)"),
	alu("srl", "Xb >> (Xc & 63)"),
	alu("sra", "uint64(int64(Xb) >> (Xc & 63))"),
	word("addw", "Xb + Xc"),
	word("subw", "Xb - Xc"),
	word("sllw", "uint32(Xb) << (Xc & 31)"),
	word("srlw", "uint32(Xb) >> (Xc & 31)"),
	word("sraw", "int32(Xb) >> (Xc & 31)"),
	alu("mul", "Xb * Xc"),
	word("mulw", "uint32(Xb) * uint32(Xc)"),
	{name: "mulhu", size: 8, body: "hi, _ := bits.Mul64(Xb, Xc)\nXa = hi\n"},
	{name: "mulh", size: 8, body: `m, n := Xb, Xc
hi, _ := bits.Mul64(m, n)
Xa = hi - uint64(int64(m)>>63)&n - uint64(int64(n)>>63)&m
`},
	{name: "mulhsu", size: 8, body: `m, n := Xb, Xc
hi, _ := bits.Mul64(m, n)
Xa = hi - uint64(int64(m)>>63)&n
`},
	divide("divu", "Xc", "^uint64(0)", "Xb / d"),
	divide("remu", "Xc", "Xb", "Xb % d"),
	divide("divuw", "uint32(Xc)", "^uint64(0)", "uint64(int64(int32(uint32(Xb) / d)))"),
	divide("remuw", "uint32(Xc)", "uint64(int64(int32(Xb)))", "uint64(int64(int32(uint32(Xb) % d)))"),
	// x / -1 is written as a negation: the most negative dividend overflows.
	{name: "div", size: 8, body: `n, d := int64(Xb), int64(Xc)
if d == 0 {
Xa = ^uint64(0)
} else if d == -1 {
Xa = uint64(-n)
} else {
Xa = uint64(n / d)
}
`},
	{name: "rem", size: 8, body: `n, d := int64(Xb), int64(Xc)
if d == 0 {
Xa = uint64(n)
} else if d == -1 {
Xa = 0
} else {
Xa = uint64(n % d)
}
`},
	{name: "divw", size: 8, body: `n, d := int64(int32(Xb)), int64(int32(Xc))
if d == 0 {
Xa = ^uint64(0)
} else {
Xa = uint64(int64(int32(n / d)))
}
`},
	{name: "remw", size: 8, body: `n, d := int64(int32(Xb)), int64(int32(Xc))
if d == 0 {
Xa = uint64(n)
} else {
Xa = uint64(int64(int32(n % d)))
}
`},
}

var memory = []snippet{
	load("lb", 1, "DEF", "uint64(*(*int8)(ptr(uint32(va) + e)))"),
	load("lbu", 1, "DEF", "uint64(*(*uint8)(ptr(uint32(va) + e)))"),
	load("lh", 2, "DEF", "uint64(*(*int16)(ptr(uint32(va) + e)))"),
	load("lhu", 2, "DEF", "uint64(*(*uint16)(ptr(uint32(va) + e)))"),
	load("lw", 4, "DEF", "uint64(*(*int32)(ptr(uint32(va) + e)))"),
	load("lwu", 4, "DEF", "uint64(*(*uint32)(ptr(uint32(va) + e)))"),
	load("ld", 8, "DEF", "*(*uint64)(ptr(uint32(va) + e))"),
	load("flw", 4, "Fa = ", "nanBox | uint64(*(*uint32)(ptr(uint32(va) + e)))"),
	load("fld", 8, "Fa = ", "*(*uint64)(ptr(uint32(va) + e))"),
	store("sb", 1, "uint8", "uint8(Xa)"),
	store("sh", 2, "uint16", "uint16(Xa)"),
	store("sw", 4, "uint32", "uint32(Xa)"),
	store("sd", 8, "uint64", "Xa"),
	store("fsw", 4, "uint32", "uint32(Fa)"),
	store("fsd", 8, "uint64", "Fa"),
}

var control = []snippet{
	branch("beq", "Xa == Xb"),
	branch("bne", "Xa != Xb"),
	branch("blt", "int64(Xa) < int64(Xb)"),
	branch("bge", "int64(Xa) >= int64(Xb)"),
	branch("bltu", "Xa < Xb"),
	branch("bgeu", "Xa >= Xb"),
	{name: "codeChain", size: 16, ends: true, body: "CHAIN\n"},
	{name: "codeFar", size: 16, ends: true, body: "va := page + uint64(DISP)\nJUMP"},
	{name: "codeJr", size: 16, ends: true, body: "va := (Xb + uint64(int32(LINK))) &^ 1\nJUMP"},
	{name: "jalr", size: 16, ends: true, body: "va := (Xb + uint64(int32(LINK))) &^ 1\nXa = page + uint64(DISP)\nJUMP"},
	{name: "codeResolve", size: 16, ends: true, body: "LEAVE(whyResolve)\n"},
}
