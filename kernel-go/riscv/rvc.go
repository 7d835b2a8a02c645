package riscv

// Builders of 32-bit words, for the expansion below.

func encI(match, rd, rs1 uint32, imm int32) uint32 {
	return match | rd<<7 | rs1<<15 | uint32(imm)<<20
}

func encR(match, rd, rs1, rs2 uint32) uint32 {
	return match | rd<<7 | rs1<<15 | rs2<<20
}

func encS(match, rs1, rs2 uint32, imm int32) uint32 {
	return match | rs1<<15 | rs2<<20 | uint32(imm)>>5<<25 | uint32(imm)&31<<7
}

func encB(match, rs1, rs2 uint32, off int32) uint32 {
	u := uint32(off)
	return match | rs1<<15 | rs2<<20 | u>>12&1<<31 | u>>5&63<<25 | u>>1&15<<8 | u>>11&1<<7
}

func encJ(match, rd uint32, off int32) uint32 {
	u := uint32(off)
	return match | rd<<7 | u>>20&1<<31 | u>>1&1023<<21 | u>>11&1<<20 | u>>12&255<<12
}

func match(op Op) uint32 { return InsnTable[op].Match }

// field moves the field of width n at bit from to bit to.
func field(c, from, n, to uint32) uint32 { return c >> from & (1<<n - 1) << to }

// signed sign-extends the low n bits of v.
func signed(v, n uint32) int32 { return int32(v<<(32-n)) >> (32 - n) }

// Expand gives the 32-bit instruction that a compressed one stands for, false when
// it is reserved. Source: unprivileged ISA manual, chapter 16 "C" (RV64C with D);
// HINTs expand to instructions that write x0.
func Expand(half uint16) (uint32, bool) {
	c := uint32(half)
	switch c & 3 {
	case 0:
		return expand0(c)
	case 1:
		return expand1(c)
	case 2:
		return expand2(c)
	}
	return 0, false
}

func expand0(c uint32) (uint32, bool) {
	rdc, rs1c := 8+c>>2&7, 8+c>>7&7
	immW := int32(field(c, 10, 3, 3) | field(c, 6, 1, 2) | field(c, 5, 1, 6))
	immD := int32(field(c, 10, 3, 3) | field(c, 5, 2, 6))
	switch c >> 13 {
	case 0: // c.addi4spn
		imm := field(c, 11, 2, 4) | field(c, 7, 4, 6) | field(c, 6, 1, 2) | field(c, 5, 1, 3)
		if imm == 0 {
			return 0, false
		}
		return encI(match(OpAddi), rdc, 2, int32(imm)), true
	case 1:
		return encI(match(OpFld), rdc, rs1c, immD), true
	case 2:
		return encI(match(OpLw), rdc, rs1c, immW), true
	case 3:
		return encI(match(OpLd), rdc, rs1c, immD), true
	case 5:
		return encS(match(OpFsd), rs1c, rdc, immD), true
	case 6:
		return encS(match(OpSw), rs1c, rdc, immW), true
	case 7:
		return encS(match(OpSd), rs1c, rdc, immD), true
	}
	return 0, false
}

func expand1(c uint32) (uint32, bool) {
	r := c >> 7 & 31
	imm6 := signed(field(c, 12, 1, 5)|field(c, 2, 5, 0), 6)
	switch c >> 13 {
	case 0: // c.addi, c.nop
		return encI(match(OpAddi), r, r, imm6), true
	case 1: // c.addiw
		if r == 0 {
			return 0, false
		}
		return encI(match(OpAddiw), r, r, imm6), true
	case 2: // c.li
		return encI(match(OpAddi), r, 0, imm6), true
	case 3:
		if r == 2 { // c.addi16sp
			imm := signed(field(c, 12, 1, 9)|field(c, 6, 1, 4)|field(c, 5, 1, 6)|field(c, 3, 2, 7)|field(c, 2, 1, 5), 10)
			if imm == 0 {
				return 0, false
			}
			return encI(match(OpAddi), 2, 2, imm), true
		}
		if imm6 == 0 { // c.lui
			return 0, false
		}
		return match(OpLui) | r<<7 | uint32(imm6)<<12, true
	case 4:
		return expandALU(c)
	case 5: // c.j
		off := signed(field(c, 12, 1, 11)|field(c, 11, 1, 4)|field(c, 9, 2, 8)|field(c, 8, 1, 10)|
			field(c, 7, 1, 6)|field(c, 6, 1, 7)|field(c, 3, 3, 1)|field(c, 2, 1, 5), 12)
		return encJ(match(OpJal), 0, off), true
	}
	off := signed(field(c, 12, 1, 8)|field(c, 10, 2, 3)|field(c, 5, 2, 6)|field(c, 3, 2, 1)|field(c, 2, 1, 5), 9)
	if c>>13 == 6 { // c.beqz
		return encB(match(OpBeq), 8+c>>7&7, 0, off), true
	}
	return encB(match(OpBne), 8+c>>7&7, 0, off), true // c.bnez
}

// expandALU is quadrant 1, funct3 4: shifts, c.andi and register-register forms.
func expandALU(c uint32) (uint32, bool) {
	r, r2 := 8+c>>7&7, 8+c>>2&7
	shamt := int32(field(c, 12, 1, 5) | field(c, 2, 5, 0))
	switch c >> 10 & 3 {
	case 0:
		return encI(match(OpSrli), r, r, shamt), true
	case 1:
		return encI(match(OpSrai), r, r, shamt), true
	case 2:
		return encI(match(OpAndi), r, r, signed(uint32(shamt), 6)), true
	}
	switch c>>10&4 | c>>5&3 {
	case 0:
		return encR(match(OpSub), r, r, r2), true
	case 1:
		return encR(match(OpXor), r, r, r2), true
	case 2:
		return encR(match(OpOr), r, r, r2), true
	case 3:
		return encR(match(OpAnd), r, r, r2), true
	case 4:
		return encR(match(OpSubw), r, r, r2), true
	case 5:
		return encR(match(OpAddw), r, r, r2), true
	}
	return 0, false
}

func expand2(c uint32) (uint32, bool) {
	r, r2 := c>>7&31, c>>2&31
	switch c >> 13 {
	case 0: // c.slli
		return encI(match(OpSlli), r, r, int32(field(c, 12, 1, 5)|field(c, 2, 5, 0))), true
	case 1: // c.fldsp
		return encI(match(OpFld), r, 2, int32(field(c, 12, 1, 5)|field(c, 5, 2, 3)|field(c, 2, 3, 6))), true
	case 2: // c.lwsp
		if r == 0 {
			return 0, false
		}
		return encI(match(OpLw), r, 2, int32(field(c, 12, 1, 5)|field(c, 4, 3, 2)|field(c, 2, 2, 6))), true
	case 3: // c.ldsp
		if r == 0 {
			return 0, false
		}
		return encI(match(OpLd), r, 2, int32(field(c, 12, 1, 5)|field(c, 5, 2, 3)|field(c, 2, 3, 6))), true
	case 4:
		return expandJumps(c, r, r2)
	case 5: // c.fsdsp
		return encS(match(OpFsd), 2, r2, int32(field(c, 10, 3, 3)|field(c, 7, 3, 6))), true
	case 6: // c.swsp
		return encS(match(OpSw), 2, r2, int32(field(c, 9, 4, 2)|field(c, 7, 2, 6))), true
	}
	// c.sdsp
	return encS(match(OpSd), 2, r2, int32(field(c, 10, 3, 3)|field(c, 7, 3, 6))), true
}

// expandJumps is quadrant 2, funct3 4: c.jr, c.mv, c.ebreak, c.jalr, c.add.
func expandJumps(c, r, r2 uint32) (uint32, bool) {
	link := c >> 12 & 1
	switch {
	case r2 != 0 && link == 0:
		return encR(match(OpAdd), r, 0, r2), true
	case r2 != 0:
		return encR(match(OpAdd), r, r, r2), true
	case r != 0:
		return encI(match(OpJalr), link, r, 0), true
	case link != 0:
		return match(OpEbreak), true
	}
	return 0, false
}
