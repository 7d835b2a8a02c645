package riscv

import (
	"sync/atomic"

	"foreshore.dev/kernel/abi"
)

// atomicOp executes LR, SC and the AMOs. All are sequentially consistent, whatever aq
// and rl say.
//
// A reservation is the address and the value that LR read; SC is a compare-exchange
// on that value, so that it can succeed after another hart wrote and restored it (as
// it can under qemu). The scheduler clears LrValid when it switches threads.
func atomicOp(c *abi.CpuContext, op Op, insn uint32) Exit {
	va := c.X[rs1(insn)]
	wide := InsnTable[op].Match>>12&7 == 3
	size := uint64(4)
	if wide {
		size = 8
	}
	if va&(size-1) != 0 {
		c.FaultAddr = va
		return ExitMisalignedAtomic
	}
	t, fault := writeTable, ExitStoreFault
	switch op {
	case OpLrW, OpLrD:
		t, fault = readTable, ExitLoadFault
	case OpScW, OpScD:
		if c.LrValid == 0 || c.LrAddr != va {
			c.LrValid = 0
			setX(c, rd(insn), 1)
			return exitNone
		}
	}
	at, ok := translate(c, t, va)
	if !ok {
		c.FaultAddr = va
		return fault
	}
	if wide {
		atomic64(c, op, insn, (*uint64)(ptr(at)))
	} else {
		atomic32(c, op, insn, (*uint32)(ptr(at)))
	}
	return exitNone
}

func setX(c *abi.CpuContext, d uint32, v uint64) {
	if d != 0 {
		c.X[d] = v
	}
}

func atomic32(c *abi.CpuContext, op Op, insn uint32, p *uint32) {
	src := uint32(c.X[rs2(insn)])
	var old uint32
	switch op {
	case OpLrW:
		old = atomic.LoadUint32(p)
		c.LrAddr, c.LrValue, c.LrValid = c.X[rs1(insn)], uint64(old), 1
	case OpScW:
		if !atomic.CompareAndSwapUint32(p, uint32(c.LrValue), src) {
			old = 1
		}
		c.LrValid = 0
	case OpAmoswapW:
		old = atomic.SwapUint32(p, src)
	case OpAmoaddW:
		old = atomic.AddUint32(p, src) - src
	default:
		for {
			old = atomic.LoadUint32(p)
			if atomic.CompareAndSwapUint32(p, old, combine32(op, old, src)) {
				break
			}
		}
	}
	setX(c, rd(insn), uint64(int64(int32(old))))
}

func combine32(op Op, old, src uint32) uint32 {
	switch op {
	case OpAmoxorW:
		return old ^ src
	case OpAmoandW:
		return old & src
	case OpAmoorW:
		return old | src
	case OpAmominW:
		return uint32(min(int32(old), int32(src)))
	case OpAmomaxW:
		return uint32(max(int32(old), int32(src)))
	case OpAmominuW:
		return min(old, src)
	}
	return max(old, src)
}

func atomic64(c *abi.CpuContext, op Op, insn uint32, p *uint64) {
	src := c.X[rs2(insn)]
	var old uint64
	switch op {
	case OpLrD:
		old = atomic.LoadUint64(p)
		c.LrAddr, c.LrValue, c.LrValid = c.X[rs1(insn)], old, 1
	case OpScD:
		if !atomic.CompareAndSwapUint64(p, c.LrValue, src) {
			old = 1
		}
		c.LrValid = 0
	case OpAmoswapD:
		old = atomic.SwapUint64(p, src)
	case OpAmoaddD:
		old = atomic.AddUint64(p, src) - src
	default:
		for {
			old = atomic.LoadUint64(p)
			if atomic.CompareAndSwapUint64(p, old, combine64(op, old, src)) {
				break
			}
		}
	}
	setX(c, rd(insn), old)
}

func combine64(op Op, old, src uint64) uint64 {
	switch op {
	case OpAmoxorD:
		return old ^ src
	case OpAmoandD:
		return old & src
	case OpAmoorD:
		return old | src
	case OpAmominD:
		return uint64(min(int64(old), int64(src)))
	case OpAmomaxD:
		return uint64(max(int64(old), int64(src)))
	case OpAmominuD:
		return min(old, src)
	}
	return max(old, src)
}
