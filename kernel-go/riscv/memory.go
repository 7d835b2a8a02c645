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

// table says which translations an access uses: its value is where they begin in a
// context's table of high directories.
type table uint32

const (
	readTable  table = 0
	writeTable table = 64 * 4
	// userBits: guest addresses that may be mapped have no bits above these.
	userBits = 38
)

// dirOf is the directory for a guest address: the context's own below 4 GiB, above it
// one per 4 GiB (abi.AddressSpaceLive.High), 0 when there is none.
//
//go:norace
func dirOf(c *abi.CpuContext, t table, va uint64) uint32 {
	if va>>32 == 0 {
		if t == readTable {
			return c.RtDir
		}
		return c.WtDir
	}
	if c.High == 0 || va>>userBits != 0 {
		return 0
	}
	return *(*uint32)(ptr(c.High + uint32(t) + uint32(va>>32)<<2))
}

// translate finds the linear address behind a guest address.
//
//go:norace
func translate(c *abi.CpuContext, t table, va uint64) (at uint32, ok bool) {
	dir := dirOf(c, t, va)
	if dir == 0 {
		return 0, false
	}
	leaf := *(*uint32)(ptr(dir + uint32(va)>>22<<2))
	entry := *(*uint32)(ptr(leaf + uint32(va)>>10&0xffc))
	return uint32(va) + entry, entry&1 == 0
}

// span is where the bytes of an access lie: those from split on at rest, all others
// at first.
type span struct{ first, rest, split uint32 }

func (s span) at(i uint32) uint32 {
	if i < s.split {
		return s.first + i
	}
	return s.rest + i - s.split
}

// locate translates [va, va+n), n ≤ 8; bad is the first byte that has no translation.
func locate(c *abi.CpuContext, t table, va uint64, n uint32) (s span, bad uint64, ok bool) {
	if s.first, ok = translate(c, t, va); !ok {
		return s, va, false
	}
	s.split = n
	if last := va + uint64(n) - 1; last>>12 != va>>12 {
		next := last &^ (pageSize - 1)
		if s.rest, ok = translate(c, t, next); !ok {
			return s, next, false
		}
		s.split = uint32(next - va)
	}
	return s, 0, true
}

// memory does the load or store at h.ip, which is misaligned, crosses pages, lies
// above 4 GiB or faults. Both pages are checked before either is touched.
//
//go:norace
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
//
//go:norace
func loadSlow(c *abi.CpuContext, op Op, d uint32, va uint64) Exit {
	a := accessOf(op)
	s, bad, ok := locate(c, readTable, va, a.bytes)
	if !ok {
		c.FaultAddr = bad
		return ExitLoadFault
	}
	var v uint64
	if va&uint64(a.bytes-1) == 0 {
		v = readAligned(s.first, a.bytes)
	} else {
		for i := uint32(0); i < a.bytes; i++ {
			v |= uint64(*(*uint8)(ptr(s.at(i)))) << (8 * i)
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
//
//go:norace
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
//
//go:norace
func storeSlow(c *abi.CpuContext, op Op, d uint32, va uint64) Exit {
	a := accessOf(op)
	s, bad, ok := locate(c, writeTable, va, a.bytes)
	if !ok {
		c.FaultAddr = bad
		return ExitStoreFault
	}
	v := c.X[d]
	if a.float {
		v = c.F[d]
	}
	if va&uint64(a.bytes-1) == 0 {
		writeAligned(s.first, a.bytes, v)
		return exitNone
	}
	for i := uint32(0); i < a.bytes; i++ {
		*(*uint8)(ptr(s.at(i))) = uint8(v >> (8 * i))
	}
	return exitNone
}

// writeAligned writes the low n bytes of v to where they are aligned, as one access.
//
//go:norace
func writeAligned(at, n uint32, v uint64) {
	switch n {
	case 1:
		*(*uint8)(ptr(at)) = uint8(v)
	case 2:
		*(*uint16)(ptr(at)) = uint16(v)
	case 4:
		*(*uint32)(ptr(at)) = uint32(v)
	default:
		*(*uint64)(ptr(at)) = v
	}
}
