// Package randseq makes random programs for comparing RISC-V implementations: a static
// ELF without libc that runs sequences of random instructions, each from a random
// register state, and writes the state after each to standard output. Two
// implementations agree when they write the same bytes.
//
// The instructions come from riscv's table, so that an instruction cannot be forgotten;
// memory accesses stay in a scratch area that crosses a page; branches go forward, or
// backward in counted loops.
package randseq

import (
	"encoding/binary"
	"math/rand/v2"

	"foreshore.dev/kernel/riscv"
)

// Guest addresses. The scratch area ends where the dump begins; a page ends in its middle.
const (
	textBase  = 0x100000
	dataBase  = 0x4000000
	gpAddr    = dataBase + 4096 + 512 // scratch: [gp-1024, gp), dump: from gp-1024
	spAddr    = gpAddr - 1024 + 8
	s0Addr    = gpAddr - 512 - 64
	stateBase = dataBase + 3*4096

	scratchBytes = 1024
	stateBytes   = 8 * (32 + 32 + 1)
)

// DumpBytes is what a sequence writes: the scratch area, x0..x31, f0..f31, fcsr.
const DumpBytes = scratchBytes + stateBytes

// Registers that keep their value: base pointers and the loop counter.
const (
	sp = 2
	gp = 3
	tp = 4
	s0 = 8
)

type generator struct {
	r     *rand.Rand
	code  []byte
	data  []byte // initial states
	rules [][]riscv.FusedMember
}

// Generate makes the ELF of n sequences from a seed.
func Generate(seed uint64, n int) []byte {
	g := &generator{r: rand.New(rand.NewPCG(seed, 0x5eed)), rules: riscv.FusedSequences()}
	for i := range n {
		g.prologue(i)
		g.sequence()
		g.epilogue()
	}
	g.li(17, 93)
	g.li(10, 0)
	g.op(riscv.OpEcall, 0, 0, 0, 0)
	return g.elf()
}

// Start returns the offset in the text, in bytes, of each sequence, for a report.
func Start(seed uint64, n int) (starts []int, code []byte) {
	g := &generator{r: rand.New(rand.NewPCG(seed, 0x5eed)), rules: riscv.FusedSequences()}
	for i := range n {
		g.prologue(i)
		starts = append(starts, len(g.code))
		g.sequence()
		starts = append(starts, len(g.code))
		g.epilogue()
	}
	return starts, g.code
}

func (g *generator) n(n int) uint32 { return uint32(g.r.IntN(n)) }

func (g *generator) emit(insn uint32) {
	if insn&3 != 3 {
		g.code = binary.LittleEndian.AppendUint16(g.code, uint16(insn))
		return
	}
	g.code = binary.LittleEndian.AppendUint32(g.code, insn)
}

// op emits a table instruction; imm is an immediate of its format.
func (g *generator) op(op riscv.Op, rd, rs1, rs2 uint32, imm int32) {
	g.emit(encode(op, rd, rs1, rs2, imm))
}

func encode(op riscv.Op, rd, rs1, rs2 uint32, imm int32) uint32 {
	row := &riscv.InsnTable[op]
	u := uint32(imm)
	w := row.Match
	switch row.Format {
	case riscv.FmtU:
		return w | rd<<7 | u&0xfffff000
	case riscv.FmtJ:
		return w | rd<<7 | u>>20&1<<31 | u>>1&1023<<21 | u>>11&1<<20 | u>>12&255<<12
	case riscv.FmtB:
		return w | rs1<<15 | rs2<<20 | u>>12&1<<31 | u>>5&63<<25 | u>>1&15<<8 | u>>11&1<<7
	case riscv.FmtStore, riscv.FmtFStore:
		return w | rs1<<15 | rs2<<20 | u>>5&127<<25 | u&31<<7
	case riscv.FmtI, riscv.FmtLoad, riscv.FmtFLoad, riscv.FmtCSR, riscv.FmtCSRI, riscv.FmtShift6, riscv.FmtShift5:
		return w | rd<<7 | rs1<<15 | u<<20
	case riscv.FmtFR4:
		return w | rd<<7 | rs1<<15 | rs2<<20 | u&31<<27
	case riscv.FmtFR2, riscv.FmtFToX, riscv.FmtFFromX, riscv.FmtFToXNoRM, riscv.FmtFFromXNoRM, riscv.FmtLR:
		return w | rd<<7 | rs1<<15
	}
	return w | rd<<7 | rs1<<15 | rs2<<20
}

func withRM(insn, rm uint32) uint32 { return insn | rm<<12 }

// li loads a 32-bit constant.
func (g *generator) li(rd uint32, v int32) {
	if low := v << 20 >> 20; low != v {
		g.op(riscv.OpLui, rd, 0, 0, v-low)
		g.op(riscv.OpAddiw, rd, rd, 0, low)
	} else {
		g.op(riscv.OpAddi, rd, 0, 0, v)
	}
}

// prologue sets all registers from the sequence's state block.
func (g *generator) prologue(i int) {
	g.state()
	g.li(31, int32(stateBase+i*stateBytes))
	g.op(riscv.OpLd, 5, 31, 0, 8*64)
	g.op(riscv.OpCsrrw, 0, 5, 0, 3)
	for f := uint32(0); f < 32; f++ {
		g.op(riscv.OpFld, f, 31, 0, int32(8*(32+f)))
	}
	for x := uint32(1); x < 32; x++ {
		g.op(riscv.OpLd, x, 31, 0, int32(8*x))
	}
}

// epilogue stores all registers behind the scratch area and writes it all.
func (g *generator) epilogue() {
	for x := uint32(0); x < 32; x++ {
		g.op(riscv.OpSd, 0, gp, x, int32(8*x))
	}
	for f := uint32(0); f < 32; f++ {
		g.op(riscv.OpFsd, 0, gp, f, int32(8*(32+f)))
	}
	g.op(riscv.OpCsrrs, 5, 0, 0, 3)
	g.op(riscv.OpSd, 0, gp, 5, 8*64)
	g.li(17, 64)
	g.li(10, 1)
	g.op(riscv.OpAddi, 11, gp, 0, -scratchBytes)
	g.li(12, DumpBytes)
	g.op(riscv.OpEcall, 0, 0, 0, 0)
}

// state appends a random initial state: x, f, fcsr.
func (g *generator) state() {
	put := func(v uint64) { g.data = binary.LittleEndian.AppendUint64(g.data, v) }
	for x := range 32 {
		switch x {
		case sp:
			put(spAddr)
		case gp:
			put(gpAddr)
		case s0:
			put(s0Addr)
		default:
			put(g.integer())
		}
	}
	single := g.n(3) == 0
	for range 32 {
		put(g.float(single))
	}
	fcsr := uint64(g.n(32))
	if g.n(2) == 0 {
		fcsr |= uint64(g.n(5)) << 5
	}
	if g.n(2) == 0 {
		fcsr |= 1 // the interpreter's fast paths
	}
	put(fcsr)
}

func (g *generator) integer() uint64 {
	switch g.n(6) {
	case 0:
		return uint64(int64(g.n(33)) - 16)
	case 1:
		edges := [...]uint64{1 << 63, 1<<63 - 1, 1 << 31, 1<<31 - 1, 0xffffffff80000000, 0xffffffff, ^uint64(0), 1 << 32}
		return edges[g.n(len(edges))]
	case 2:
		return 1 << g.n(64)
	case 3:
		return uint64(int64(int32(g.r.Uint32())))
	}
	return g.r.Uint64()
}

func (g *generator) float(single bool) uint64 {
	if single && g.n(8) != 0 {
		return 0xffffffff00000000 | uint64(g.float32())
	}
	sign := uint64(g.n(2)) << 63
	switch g.n(10) {
	case 0:
		edges := [...]uint64{0, 1, 0x000fffffffffffff, 0x0010000000000000, 0x0010000000000001, 0x7fefffffffffffff,
			0x7ff0000000000000, 0x7ff8000000000000, 0x7ff0000000000001, 0x7ff4000000000000, 0x3ff0000000000000, 0x43e0000000000000, 0x41dfffffffc00000, 0x36a0000000000000, 0x47efffffe0000000}
		return sign | edges[g.n(len(edges))]
	case 1:
		return g.r.Uint64()
	case 2: // short significands: exact results and ties
		return sign | uint64(1023-8+g.n(60))<<52 | uint64(g.n(64))<<46
	case 3:
		return sign | uint64(g.n(80))<<52 | g.r.Uint64()>>12 // near underflow
	case 4:
		return sign | uint64(2046-g.n(80))<<52 | g.r.Uint64()>>12 // near overflow
	case 5:
		return sign | uint64(1023+g.n(3)-1)<<52 | (1<<52 - 1 - uint64(g.n(4))) // all ones
	}
	return sign | uint64(1023-40+g.n(80))<<52 | g.r.Uint64()>>12
}

func (g *generator) float32() uint32 {
	sign := g.n(2) << 31
	switch g.n(8) {
	case 0:
		edges := [...]uint32{0, 1, 0x7fffff, 0x800000, 0x800001, 0x7f7fffff, 0x7f800000, 0x7fc00000, 0x7f800001, 0x3f800000, 0x4f000000, 0x5f000000}
		return sign | edges[g.n(len(edges))]
	case 1:
		return g.r.Uint32()
	case 2:
		return sign | (127-8+g.n(40))<<23 | g.n(16)<<19
	case 3:
		return sign | g.n(40)<<23 | g.r.Uint32()>>9
	case 4:
		return sign | (254-g.n(40))<<23 | g.r.Uint32()>>9
	}
	return sign | (127-20+g.n(40))<<23 | g.r.Uint32()>>9
}

// dest is a random destination register.
func (g *generator) dest() uint32 {
	for {
		r := g.n(32)
		if r == 0 && g.n(4) != 0 {
			continue
		}
		if r != sp && r != gp && r != tp && r != s0 {
			return r
		}
	}
}

func (g *generator) source() uint32 { return g.n(32) }
