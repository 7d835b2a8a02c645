package riscv

import (
	"math/rand/v2"
	"strings"
	"testing"
)

func TestRowsAreDisjoint(t *testing.T) {
	for i := range InsnTable {
		a := &InsnTable[i]
		if a.Name == "" || a.Match&^a.Mask != 0 || a.Match&3 != 3 {
			t.Errorf("row %d (%q): match %#x, mask %#x", i, a.Name, a.Match, a.Mask)
		}
		for j := range i {
			b := &InsnTable[j]
			if a.Name == b.Name || (a.Match^b.Match)&a.Mask&b.Mask == 0 {
				t.Errorf("%s and %s overlap", a.Name, b.Name)
			}
		}
	}
}

func TestLookupFindsEveryRow(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	for op := range NumOps {
		row := &InsnTable[op]
		for range 200 {
			insn := row.Match | r.Uint32()&^row.Mask
			want := op
			if row.hasRM() && (rm(insn) == 5 || rm(insn) == 6) {
				want = OpNone
			}
			if got := Lookup(insn); got != want {
				t.Fatalf("%s: Lookup(%#08x) = %d, want %d", row.Name, insn, got, want)
			}
			var line [80]byte
			text := string(line[:Disassemble(insn, line[:])])
			if want != OpNone && text != row.Name && !strings.HasPrefix(text, row.Name+" ") && !strings.HasPrefix(text, row.Name+".") {
				t.Fatalf("%s: disassembled as %q", row.Name, text)
			}
		}
	}
}

func TestDisassemble(t *testing.T) {
	for insn, want := range map[uint32]string{
		0x00a58533: "add a0,a1,a0",
		0xff010113: "addi sp,sp,-16",
		0x00113423: "sd ra,8(sp)",
		0xfe5ff06f: "jal zero,-28",
		0x00c5f463: "bgeu a1,a2,8",
		0x12345537: "lui a0,0x12345",
		0x02a5f5d3: "fadd.d fa1,fa1,fa0",
		0x02a585d3: "fadd.d fa1,fa1,fa0,rne",
		0x1ae7f7c3: "fmadd.d fa5,fa5,fa4,ft3",
		0xc20517d3: "fcvt.w.d a5,fa0,rtz",
		0x00302573: "csrrs a0,fcsr,zero",
		0xc0102573: "csrrs a0,time,zero",
		0x0ff0000f: "fence iorw,iorw",
		0x1605252f: "lr.w.aqrl a0,(a0)",
		0x00b6252f: "amoadd.w a0,a1,(a2)",
		0x40555513: "srai a0,a0,5",
		0x00000073: "ecall",
		0x0000852e: "add a0,zero,a1", // c.mv
		0x00000000: "unimp 0x0",
		0xffffffff: "unimp 0xffffffff",
	} {
		var line [80]byte
		if got := string(line[:Disassemble(insn, line[:])]); got != want {
			t.Errorf("%#08x: %q, want %q", insn, got, want)
		}
	}
}

// Every compressed word is either reserved or stands for an instruction of the table
// that is not compressed itself.
func TestExpandAll(t *testing.T) {
	valid := 0
	for half := range 1 << 16 {
		insn, ok := Expand(uint16(half))
		if ok != (insn != 0) {
			t.Fatalf("%#04x: %#x, %v", half, insn, ok)
		}
		if ok {
			valid++
			if Lookup(insn) == OpNone {
				t.Fatalf("%#04x expands to %#08x, which is no instruction", half, insn)
			}
		}
		var line [80]byte
		if Disassemble(uint32(half), line[:]) == 0 {
			t.Fatalf("%#04x: no text", half)
		}
	}
	// binutils' disassembler knows the same ones and c.addi16sp of 0, which is reserved.
	if valid != 46743 {
		t.Fatalf("%d valid compressed instructions", valid)
	}
	for _, half := range []uint16{0x0000, 0x8000, 0x2001, 0x6101, 0x6001 | 5<<7, 0x4002, 0x6002, 0x8002, 0x9c61} {
		if insn, ok := Expand(half); ok {
			t.Errorf("%#04x is reserved, expanded to %#08x", half, insn)
		}
	}
}

func FuzzLookup(f *testing.F) {
	f.Add(uint32(0x00a58533))
	f.Add(uint32(0xffffffff))
	f.Fuzz(func(t *testing.T, insn uint32) {
		var line [80]byte
		if n := Disassemble(insn, line[:]); n == 0 {
			t.Fatalf("%#08x: no text", insn)
		}
		op := Lookup(insn)
		if op != OpNone && insn&InsnTable[op].Mask != InsnTable[op].Match {
			t.Fatalf("%#08x is not %s", insn, InsnTable[op].Name)
		}
	})
}
