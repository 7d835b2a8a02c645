package randseq

import "encoding/binary"

// elf wraps code and initial states into an executable: one segment of text, one of
// data (scratch, dump, states).
func (g *generator) elf() []byte {
	le := binary.LittleEndian
	textOff := uint64(4096)
	dataOff := (textOff + uint64(len(g.code)) + 4095) &^ 4095
	dataLen := uint64(stateBase-dataBase) + uint64(len(g.data))
	out := make([]byte, dataOff+dataLen)
	copy(out, "\x7fELF\x02\x01\x01")
	le.PutUint16(out[16:], 2)   // ET_EXEC
	le.PutUint16(out[18:], 243) // EM_RISCV
	le.PutUint32(out[20:], 1)
	le.PutUint64(out[24:], textBase+textOff)
	le.PutUint64(out[32:], 64)
	le.PutUint32(out[48:], 5) // RVC, double-float ABI
	le.PutUint16(out[52:], 64)
	le.PutUint16(out[54:], 56)
	le.PutUint16(out[56:], 2)
	segment := func(i int, flags uint32, off, va, n uint64) {
		ph := out[64+56*i:]
		le.PutUint32(ph, 1) // PT_LOAD
		le.PutUint32(ph[4:], flags)
		le.PutUint64(ph[8:], off)
		le.PutUint64(ph[16:], va)
		le.PutUint64(ph[24:], va)
		le.PutUint64(ph[32:], n)
		le.PutUint64(ph[40:], n)
		le.PutUint64(ph[48:], 4096)
	}
	segment(0, 5, 0, textBase, textOff+uint64(len(g.code)))
	segment(1, 6, dataOff, dataBase, dataLen)
	copy(out[textOff:], g.code)
	copy(out[dataOff+stateBase-dataBase:], g.data)
	return out
}
