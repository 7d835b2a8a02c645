package riscv

import "foreshore.dev/kernel/abi"

// access describes a load or store for the paths outside the loop.
type access struct {
	bytes  uint32
	signed bool
	float  bool
	store  bool
}

// accesses is indexed by funct3 (0..6) of loads, plus 8 for stores, plus 16 for
// the floating-point ones.
func accessOf(op Op) access {
	row := &InsnTable[op]
	f3 := row.Match >> 12 & 7
	a := access{bytes: 1 << (f3 & 3), signed: f3 < 4}
	a.store = row.Class == ClassStore
	a.float = row.Format == FmtFLoad || row.Format == FmtFStore
	return a
}

// entry is the table entry of a guest address below 4 GiB.
func entry(dir uint32, va uint64) uint32 {
	leaf := *(*uint32)(ptr(dir + uint32(va)>>22<<2))
	return *(*uint32)(ptr(leaf + uint32(va)>>10&0xffc))
}

// absent holds for a guest address that has no translation.
func absent(dir uint32, va uint64) bool { return va>>32 != 0 || entry(dir, va)&1 != 0 }

// linear translates a present guest address.
func linear(dir uint32, va uint64) uint32 { return uint32(va) + entry(dir, va) }

// check finds the first byte of [va, va+n) that has no translation, n ≤ 8.
func check(dir uint32, va uint64, n uint32) (bad uint64, ok bool) {
	if absent(dir, va) {
		return va, false
	}
	last := va + uint64(n) - 1
	if last>>12 != va>>12 && absent(dir, last) {
		return last &^ (pageSize - 1), false
	}
	return 0, true
}

// memory does the load or store at h.ip, which is misaligned, crosses pages or
// faults. Both pages are checked before either is touched.
func (h *HartCpu) memory(c *abi.CpuContext) Exit {
	at := *opMemAt(h.ip)
	op := Op(at.code)
	if at.code >= codeFused {
		op = Op(fuseRules[at.code-codeFused].code[0])
	}
	va := *(*uint64)(ptr(h.ctx + uint32(at.b))) + uint64(at.imm)
	var exit Exit
	if InsnTable[op].Class == ClassStore {
		exit = storeSlow(c, op, uint32(at.a/8), va)
	} else {
		exit = loadSlow(c, op, uint32(at.a/8), va)
	}
	if exit != exitNone {
		h.stop(c, at.off)
		return exit
	}
	h.ip += 8
	return exitNone
}

// loadSlow loads into register d (x0: nothing is written).
func loadSlow(c *abi.CpuContext, op Op, d uint32, va uint64) Exit {
	a := accessOf(op)
	if bad, ok := check(c.RtDir, va, a.bytes); !ok {
		c.FaultAddr = bad
		return ExitLoadFault
	}
	var v uint64
	if va&uint64(a.bytes-1) == 0 {
		v = readAligned(linear(c.RtDir, va), a.bytes)
	} else {
		for i := uint32(0); i < a.bytes; i++ {
			v |= uint64(*(*uint8)(ptr(linear(c.RtDir, va+uint64(i))))) << (8 * i)
		}
	}
	switch {
	case a.float && a.bytes == 4:
		c.F[d] = nanBox | v
	case a.float:
		c.F[d] = v
	case d != 0:
		if a.signed {
			shift := 64 - 8*a.bytes
			v = uint64(int64(v<<shift) >> shift)
		}
		c.X[d] = v
	}
	return exitNone
}

// readAligned reads n bytes that are aligned to n, as one access.
func readAligned(at, n uint32) uint64 {
	switch n {
	case 1:
		return uint64(*(*uint8)(ptr(at)))
	case 2:
		return uint64(*(*uint16)(ptr(at)))
	case 4:
		return uint64(*(*uint32)(ptr(at)))
	}
	return *(*uint64)(ptr(at))
}

// storeSlow stores register d.
func storeSlow(c *abi.CpuContext, op Op, d uint32, va uint64) Exit {
	a := accessOf(op)
	if bad, ok := check(c.WtDir, va, a.bytes); !ok {
		c.FaultAddr = bad
		return ExitStoreFault
	}
	v := c.X[d]
	if a.float {
		v = c.F[d]
	}
	for i := uint32(0); i < a.bytes; i++ {
		*(*uint8)(ptr(linear(c.WtDir, va+uint64(i)))) = uint8(v >> (8 * i))
	}
	return exitNone
}
