package riscv

// OpNone is what Lookup returns for a word that is no instruction.
const OpNone = NumOps

// opChain links the table's rows of one major opcode (bits 6:2), so that a look-up
// tries a handful of rows: opHead[major] is the first row + 1, opNext[row] the next.
var (
	opHead [32]uint16
	opNext [NumOps]uint16
)

func init() {
	for i := int(NumOps) - 1; i >= 0; i-- {
		major := InsnTable[i].Match >> 2 & 31
		opNext[i] = opHead[major]
		opHead[major] = uint16(i + 1)
	}
}

// Lookup finds the table row of a 32-bit instruction word, OpNone when there is
// none. A reserved static rounding mode (5, 6) makes a word no instruction.
func Lookup(insn uint32) Op {
	if insn&3 != 3 {
		return OpNone
	}
	for i := opHead[insn>>2&31]; i != 0; i = opNext[i-1] {
		row := &InsnTable[i-1]
		if insn&row.Mask != row.Match {
			continue
		}
		if row.hasRM() && (rm(insn) == 5 || rm(insn) == 6) {
			return OpNone
		}
		return Op(i - 1)
	}
	return OpNone
}

// hasRM tells whether the instruction has a rounding mode in bits 14:12.
func (r *Insn) hasRM() bool {
	switch r.Format {
	case FmtFR4, FmtFR, FmtFR2, FmtFToX, FmtFFromX:
		return true
	}
	return false
}

// Operand fields and immediates (unprivileged ISA manual, section 2.3).

func rd(insn uint32) uint32  { return insn >> 7 & 31 }
func rs1(insn uint32) uint32 { return insn >> 15 & 31 }
func rs2(insn uint32) uint32 { return insn >> 20 & 31 }
func rs3(insn uint32) uint32 { return insn >> 27 & 31 }
func rm(insn uint32) uint32  { return insn >> 12 & 7 }

func immI(insn uint32) int32 { return int32(insn) >> 20 }
func immS(insn uint32) int32 { return int32(insn)>>25<<5 | int32(insn>>7&31) }
func immU(insn uint32) int32 { return int32(insn & 0xfffff000) }

func immB(insn uint32) int32 {
	return int32(insn)>>31<<12 | int32(insn<<4&0x800|insn>>20&0x7e0|insn>>7&0x1e)
}

func immJ(insn uint32) int32 {
	return int32(insn)>>31<<20 | int32(insn&0xff000|insn>>9&0x800|insn>>20&0x7fe)
}
