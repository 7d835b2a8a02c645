package randseq

import (
	"encoding/binary"

	"foreshore.dev/kernel/riscv"
)

// sequence emits 8 to 40 random instructions, some of them in a counted loop.
func (g *generator) sequence() {
	count := 8 + int(g.n(33))
	loop := g.n(4) == 0
	if loop {
		g.op(riscv.OpAddi, tp, 0, 0, int32(1+g.n(6)))
	}
	top := len(g.code)
	for range count {
		g.any(true)
	}
	if loop {
		g.op(riscv.OpAddi, tp, tp, 0, -1)
		g.op(riscv.OpBne, 0, tp, 0, int32(top-len(g.code)))
	}
}

// any emits one random construct; flow allows those that contain others.
func (g *generator) any(flow bool) {
	switch k := g.n(20); {
	case k < 4:
		g.compressed()
	case k < 6 && flow:
		g.forward()
	case k < 9:
		g.rule()
	case k < 10:
		g.atomic()
	default:
		g.table()
	}
}

// forward emits a branch or jump over up to four constructs.
func (g *generator) forward() {
	kind := g.n(4)
	at := len(g.code)
	var target, link uint32
	if kind == 3 { // jalr to a computed address
		target, link = g.pointer(), g.dest()
		g.op(riscv.OpAuipc, target, 0, 0, 0)
	}
	hole := len(g.code)
	g.emit(0x13)
	for range g.n(4) {
		g.any(false)
	}
	distance := int32(len(g.code) - hole)
	var w uint32
	switch kind {
	case 2:
		w = encode(riscv.OpJal, g.dest(), 0, 0, distance)
	case 3:
		w = encode(riscv.OpJalr, link, target, 0, int32(len(g.code)-at)|int32(g.n(2)))
	default:
		branches := [...]riscv.Op{riscv.OpBeq, riscv.OpBne, riscv.OpBlt, riscv.OpBge, riscv.OpBltu, riscv.OpBgeu}
		a := g.source()
		b := a
		if g.n(3) != 0 {
			b = g.source()
		}
		w = encode(branches[g.n(6)], 0, a, b, distance)
	}
	binary.LittleEndian.PutUint32(g.code[hole:], w)
}

// pointer is a destination that is not x0.
func (g *generator) pointer() uint32 {
	for {
		if r := g.dest(); r != 0 {
			return r
		}
	}
}

// table emits a random row of the instruction table.
func (g *generator) table() {
	for {
		op := riscv.Op(g.n(int(riscv.NumOps)))
		row := &riscv.InsnTable[op]
		switch row.Class {
		case riscv.ClassSystem:
			if op != riscv.OpFenceI {
				continue
			}
		case riscv.ClassBranch, riscv.ClassJump, riscv.ClassAMO:
			continue
		}
		g.row(op, row)
		return
	}
}

func (g *generator) imm12() int32 {
	if g.n(4) == 0 {
		return int32(g.n(5)) - 2
	}
	return int32(g.n(4096)) - 2048
}

// offset is an offset from gp into the scratch area; mostly aligned.
func (g *generator) offset(bytes int32) int32 {
	at := int32(g.n(scratchBytes - 8))
	switch g.n(8) {
	case 0: // any alignment
	case 1: // around the end of the page
		at = 512 - 8 + int32(g.n(16))
	default:
		at &^= bytes - 1
	}
	return at - scratchBytes
}

func (g *generator) row(op riscv.Op, row *riscv.Insn) {
	rounding := [...]uint32{7, 7, 7, 7, 0, 0, 1, 2, 3, 4}[g.n(10)]
	f := func() uint32 { return g.n(32) }
	bytes := int32(1) << (row.Match >> 12 & 3)
	switch row.Format {
	case riscv.FmtR:
		g.op(op, g.dest(), g.source(), g.source(), 0)
	case riscv.FmtI:
		g.op(op, g.dest(), g.source(), 0, g.imm12())
	case riscv.FmtShift6:
		g.op(op, g.dest(), g.source(), 0, int32(g.n(64)))
	case riscv.FmtShift5:
		g.op(op, g.dest(), g.source(), 0, int32(g.n(32)))
	case riscv.FmtU:
		g.op(op, g.dest(), 0, 0, int32(g.r.Uint32()))
	case riscv.FmtLoad:
		g.op(op, g.dest(), gp, 0, g.offset(bytes))
	case riscv.FmtFLoad:
		g.op(op, f(), gp, 0, g.offset(bytes))
	case riscv.FmtStore:
		g.op(op, 0, gp, g.source(), g.offset(bytes))
	case riscv.FmtFStore:
		g.op(op, 0, gp, f(), g.offset(bytes))
	case riscv.FmtNone: // fence.i
		g.emit(row.Match)
	case riscv.FmtFence:
		g.emit(row.Match | g.n(256)<<20)
	case riscv.FmtCSR, riscv.FmtCSRI:
		g.csr(op, row)
	case riscv.FmtFR4, riscv.FmtFR:
		g.emit(withRM(encode(op, f(), f(), f(), int32(f())), rounding))
	case riscv.FmtFR2:
		g.emit(withRM(encode(op, f(), f(), 0, 0), rounding))
	case riscv.FmtFRNoRM:
		a := f()
		b := a
		if g.n(2) == 0 {
			b = f()
		}
		g.op(op, f(), a, b, 0)
	case riscv.FmtFCmp:
		g.op(op, g.dest(), f(), f(), 0)
	case riscv.FmtFToX:
		if g.n(2) == 0 {
			rounding = 1 // what compilers use
		}
		g.emit(withRM(encode(op, g.dest(), f(), 0, 0), rounding))
	case riscv.FmtFFromX:
		g.emit(withRM(encode(op, f(), g.source(), 0, 0), rounding))
	case riscv.FmtFToXNoRM:
		g.op(op, g.dest(), f(), 0, 0)
	case riscv.FmtFFromXNoRM:
		g.op(op, f(), g.source(), 0, 0)
	}
}

// csr emits an access to fflags, frm or fcsr that leaves a defined rounding mode.
func (g *generator) csr(op riscv.Op, row *riscv.Insn) {
	number := int32(1 + g.n(3))
	if number == 1 || row.Format == riscv.FmtCSRI && number == 3 {
		// fflags takes anything; the immediate forms of fcsr cannot reach frm, but csrrwi clears it.
		g.op(op, g.dest(), g.source(), 0, number)
		return
	}
	if row.Format == riscv.FmtCSRI && op == riscv.OpCsrrwi {
		g.op(op, g.dest(), g.n(5), 0, number)
		return
	}
	g.op(riscv.OpCsrrs, g.dest(), 0, 0, number) // read
}

// atomic emits an AMO or an LR/SC pair on an aligned word of the scratch area.
func (g *generator) atomic() {
	for {
		op := riscv.Op(g.n(int(riscv.NumOps)))
		row := &riscv.InsnTable[op]
		if row.Class != riscv.ClassAMO {
			continue
		}
		at := g.pointer()
		bytes := int32(4)
		if row.Match>>12&7 == 3 {
			bytes = 8
		}
		g.op(riscv.OpAddi, at, gp, 0, (int32(g.n(scratchBytes-8))-scratchBytes)&^(bytes-1))
		order := g.n(4) << 25
		switch op {
		case riscv.OpLrW, riscv.OpLrD:
			sc := riscv.OpScW
			if op == riscv.OpLrD {
				sc = riscv.OpScD
			}
			var d uint32
			for d = g.dest(); d == at; d = g.dest() {
			}
			g.emit(encode(op, d, at, 0, 0) | order)
			g.emit(encode(sc, g.dest(), at, g.source(), 0) | g.n(4)<<25)
		default:
			g.emit(encode(op, g.dest(), at, g.source(), 0) | order)
		}
		return
	}
}

// compressed emits a random 16-bit instruction that neither jumps nor writes a
// register that must keep its value, nor leaves the scratch area.
func (g *generator) compressed() {
	for {
		half := uint16(g.n(1 << 16))
		w, ok := riscv.Expand(half)
		if !ok {
			continue
		}
		op := riscv.Lookup(w)
		if op == riscv.OpNone {
			continue
		}
		d, base := w>>7&31, w>>15&31
		switch riscv.InsnTable[op].Class {
		case riscv.ClassALU:
			if d == sp || d == gp || d == tp || d == s0 {
				continue
			}
		case riscv.ClassLoad:
			float := riscv.InsnTable[op].Format == riscv.FmtFLoad
			if base != sp && base != s0 || !float && (d == sp || d == gp || d == tp || d == s0) {
				continue
			}
		case riscv.ClassStore:
			if base != sp && base != s0 {
				continue
			}
		default:
			continue
		}
		g.emit(uint32(half))
		return
	}
}

// rule emits the members of a fused sequence of the interpreter. Memory accesses stay
// based on gp, except where the rule asks for a base that was just computed: such rules
// are left to programs.
func (g *generator) rule() {
	if len(g.rules) == 0 {
		return
	}
	seq := g.rules[g.n(len(g.rules))]
	for _, m := range seq {
		if m.Ends || m.Memory && m.Ref == 'b' {
			return
		}
	}
	last := uint32(0)
	for _, m := range seq {
		row := &riscv.InsnTable[m.Op]
		d, a, b := g.pointer(), g.source(), g.source()
		switch m.Ref {
		case 'a': // the data of a store, the first operand of a branch
			a = last
			if row.Class == riscv.ClassStore {
				b = last
			}
		case 'b':
			a = last
			if row.Class == riscv.ClassBranch {
				a, b = b, last
			}
		case 'c':
			b = last
		}
		switch {
		case m.Li:
			g.op(riscv.OpAddi, d, 0, 0, g.imm12())
		case m.Mv:
			if a == 0 {
				a = 1
			}
			g.op(riscv.OpAddi, d, a, 0, 0)
		case row.Class == riscv.ClassBranch:
			// Over the next instruction, when taken.
			g.op(m.Op, 0, a, b, 8)
			g.op(riscv.OpAddi, g.dest(), g.source(), 0, 1)
			return
		case row.Class == riscv.ClassALU && row.Format == riscv.FmtR:
			g.op(m.Op, d, a, b, 0)
		case row.Class == riscv.ClassALU:
			imm := g.imm12()
			if row.Format == riscv.FmtShift6 || row.Format == riscv.FmtShift5 {
				imm = int32(g.n(32))
			}
			g.op(m.Op, d, a, 0, imm|1)
		case row.Class == riscv.ClassStore && row.Format == riscv.FmtStore:
			g.op(m.Op, 0, gp, b, g.offset(1<<(row.Match>>12&3)))
		case row.Class == riscv.ClassLoad && row.Format == riscv.FmtLoad:
			g.op(m.Op, d, gp, 0, g.offset(1<<(row.Match>>12&3)))
		default:
			g.row(m.Op, row)
		}
		if m.Defines {
			last = d
		}
	}
}
