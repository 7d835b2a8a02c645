package riscv

import (
	"foreshore.dev/kernel/abi"
)

// CSR numbers (unprivileged ISA manual, chapters 10 and 11).
const (
	csrFflags  = 0x001
	csrFrm     = 0x002
	csrFcsr    = 0x003
	csrCycle   = 0xc00
	csrTime    = 0xc01
	csrInstret = 0xc02
)

// execute does the op at h.ip outside the loop: CSRs, atomics, fences, floating point
// that has no fast path, and what leaves for the kernel. on is true when the loop
// shall go on at h.ip; else c.Pc and h.left are as the exit needs them (exitNone: look
// c.Pc up again). limit is the slice's size.
//
//go:noinline
//go:norace
func (h *HartCpu) execute(c *abi.CpuContext, limit int32) (exit Exit, on bool) {
	at, tail := half(h.ip), tailAt(h.ip)
	insn, op := tail.link, Op(tail.disp&0xffff)
	length := uint64(uint32(tail.disp) >> 16)
	exit = ExitIllegal
	if op != OpNone {
		switch InsnTable[op].Class {
		case ClassFP:
			if float(c, op, insn) {
				exit = exitNone
			}
		case ClassAMO:
			exit = atomicOp(c, op, insn)
		case ClassCSR:
			retired := c.Instret + uint64(limit-h.left) + uint64(ordinal(at.off)) - 1
			if csr(c, op, insn, retired) {
				exit = exitNone
			}
		case ClassFence:
			fence()
			exit = exitNone
		case ClassSystem:
			exit = h.system(c, op, at.off, length)
			if exit == exitNone {
				return exit, false
			}
		case ClassLoad: // into x0
			exit = loadSlow(c, op, 0, c.X[rs1(insn)]+uint64(immI(insn)))
		}
	}
	if exit != exitNone {
		c.FaultInsn = insn
		h.stop(c, at.off)
		return exit, false
	}
	h.fp = fpMode(c.Fcsr)
	h.ip += 16
	return exitNone, true
}

// system is ecall, ebreak and fence.i. The last retires and ends the slice: the next
// instruction is looked up again, in what is decoded now. (mm drops decoded code when
// its page is written, so that nothing else is to be done.)
func (h *HartCpu) system(c *abi.CpuContext, op Op, off uint16, length uint64) Exit {
	switch op {
	case OpEcall:
		return ExitEcall
	case OpEbreak:
		return ExitEbreak
	}
	h.stop(c, off)
	h.left--
	c.Pc += length
	fence()
	return exitNone
}

// csr executes the Zicsr instructions on the user-level registers; false for any
// other register and for writes to the counters. retired is the value of instret.
func csr(c *abi.CpuContext, op Op, insn uint32, retired uint64) bool {
	number, source := insn>>20, rs1(insn)
	operand := uint64(source)
	if InsnTable[op].Format == FmtCSR {
		operand = c.X[source]
	}
	swaps := op == OpCsrrw || op == OpCsrrwi
	var old uint64
	switch number {
	case csrFflags:
		old = uint64(c.Fcsr & 31)
	case csrFrm:
		old = uint64(c.Fcsr >> 5 & 7)
	case csrFcsr:
		old = uint64(c.Fcsr & 255)
	case csrCycle, csrInstret:
		old = retired // one instruction per cycle
	case csrTime:
		old = TimeNow()
	default:
		return false
	}
	if swaps || source != 0 {
		value := uint32(operand)
		switch op {
		case OpCsrrs, OpCsrrsi:
			value = uint32(old | operand)
		case OpCsrrc, OpCsrrci:
			value = uint32(old &^ operand)
		}
		switch number {
		case csrFflags:
			c.Fcsr = c.Fcsr&^31 | value&31
		case csrFrm:
			c.Fcsr = c.Fcsr&^0xe0 | value&7<<5
		case csrFcsr:
			c.Fcsr = value & 255
		default:
			return false // read-only
		}
	}
	if d := rd(insn); d != 0 {
		c.X[d] = old
	}
	return true
}
