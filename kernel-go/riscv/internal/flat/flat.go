// Package flat is the smallest machine that runs a static riscv64 program: one hart,
// one address space filled on first touch, and the handful of system calls that a
// static libc makes to print and exit. It exists to measure and test the interpreter
// without the kernel; nothing of the kernel uses it.
//
// All of its memory is a range of linear addresses that the caller gives it.
package flat

import (
	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/kmem"
	"foreshore.dev/kernel/riscv"
)

const (
	pageSize  = 4096
	absent    = 7
	stackTop  = 0x7f000000
	mmapBase  = 0x40000000
	arenaSize = 32 << 20
	dirWords  = 1024
)

// Machine is the state; Boot fills it in.
type Machine struct {
	Ctx  *abi.CpuContext
	Hart *riscv.HartCpu

	next, end  uint32 // free frames
	rt, wt     uint32 // directories
	none       uint32 // leaf of absent entries
	poll       uint32
	brk, mmap  uint64
	ExitCode   int32
	Exited     bool
	LastExit   riscv.Exit
	Syscalls   uint32
	LastNumber uint64

	// Write receives what the program writes; set by the caller.
	Write func(fd uint32, addr, n uint32)
}

// M is the machine; there is one, as FetchPage is one.
var M Machine

func (m *Machine) alloc(n uint32) uint32 {
	n = (n + pageSize - 1) &^ (pageSize - 1)
	at := m.next
	m.next += n
	if m.next > m.end {
		panic("flat: out of memory")
	}
	kmem.Zero(at, n)
	return at
}

// Boot lays the machine out in the linear addresses [base, end).
func Boot(base, end uint32) {
	M = Machine{}
	m := &M
	m.next, m.end = (base+pageSize-1)&^(pageSize-1), end
	arena := m.alloc(arenaSize)
	riscv.Init(arena, arenaSize)
	m.Hart = (*riscv.HartCpu)(kmem.Ptr(m.alloc(riscv.HartCpuBytes)))
	m.Ctx = (*abi.CpuContext)(kmem.Ptr(m.alloc(pageSize)))
	m.poll = m.alloc(pageSize)
	riscv.Register(m.Hart, 0, m.poll)
	m.none = m.alloc(pageSize)
	m.rt, m.wt = m.alloc(pageSize), m.alloc(pageSize)
	for i := uint32(0); i < dirWords; i++ {
		kmem.Store32(m.none+4*i, absent)
	}
	for i := uint32(0); i < dirWords; i++ {
		kmem.Store32(m.rt+4*i, m.none)
		kmem.Store32(m.wt+4*i, m.none)
	}
	m.Ctx.RtDir, m.Ctx.WtDir, m.Ctx.As, m.Ctx.CodeEpoch = m.rt, m.wt, 1, 1
	riscv.FetchPage = fetchPage
}

func fetchPage(_ uint32, _ abi.AddressSpaceRef, va uint64) (uint32, bool) {
	m := &M
	if va < pageSize || va>>32 != 0 {
		return 0, false
	}
	e := m.entry(m.rt, uint32(va))
	if e == absent {
		m.Touch(uint32(va))
		e = m.entry(m.rt, uint32(va))
	}
	frame := e + uint32(va)
	m.setEntry(m.wt, uint32(va), absent)
	riscv.MarkCode(frame)
	return frame, true
}

func (m *Machine) entry(dir, va uint32) uint32 {
	return kmem.Load32(kmem.Load32(dir+va>>22<<2) + va>>10&0xffc)
}

func (m *Machine) setEntry(dir, va, entry uint32) {
	slot := dir + va>>22<<2
	leaf := kmem.Load32(slot)
	if leaf == m.none {
		leaf = m.alloc(pageSize)
		for i := uint32(0); i < dirWords; i++ {
			kmem.Store32(leaf+4*i, absent)
		}
		kmem.Store32(slot, leaf)
	}
	kmem.Store32(leaf+va>>10&0xffc, entry)
}

// Touch makes the page of a guest address present, readable and writable.
func (m *Machine) Touch(va uint32) {
	va &^= pageSize - 1
	e := m.entry(m.rt, va)
	if e == absent {
		e = m.alloc(pageSize) - va
		m.setEntry(m.rt, va, e)
	}
	if riscv.HasCode(e + va) {
		riscv.InvalidateFrame(e + va)
	}
	m.setEntry(m.wt, va, e)
}

// Linear is the linear address of a guest address.
func (m *Machine) Linear(va uint64) uint32 {
	if m.entry(m.rt, uint32(va)) == absent {
		m.Touch(uint32(va))
	}
	return uint32(va) + m.entry(m.rt, uint32(va))
}

// Load maps a static ELF64 executable that lies at a linear address and readies the
// context to enter it. The file's headers are trusted: this is a test tool.
func Load(elf uint32) {
	m := &M
	entry, phoff := kmem.Load64(elf+24), uint32(kmem.Load64(elf+32))
	phnum := uint32(*(*uint16)(kmem.Ptr(elf + 56)))
	var phdr uint64
	for i := uint32(0); i < phnum; i++ {
		ph := elf + phoff + 56*i
		if kmem.Load32(ph) != 1 {
			continue
		}
		off, va, filesz, memsz := uint32(kmem.Load64(ph+8)), kmem.Load64(ph+16), kmem.Load64(ph+32), kmem.Load64(ph+40)
		if off == 0 {
			phdr = va + uint64(phoff)
		}
		for n := uint64(0); n < memsz; {
			chunk := min(pageSize-(va+n)&(pageSize-1), memsz-n)
			at := m.Linear(va + n)
			if n < filesz {
				kmem.Copy(at, elf+off+uint32(n), uint32(min(chunk, filesz-n)))
			}
			n += chunk
		}
		m.brk = max(m.brk, (va+memsz+pageSize-1)&^(pageSize-1))
	}
	m.mmap = mmapBase
	m.stack(entry, phdr, phnum)
}

// stack writes argc, argv, envp and the auxiliary vector.
func (m *Machine) stack(entry, phdr uint64, phnum uint32) {
	sp := uint64(stackTop - 1024)
	put := func(i int, v uint64) { kmem.Store64(m.Linear(sp+uint64(8*i)), v) }
	random, name := sp+512, sp+544
	kmem.Store64(m.Linear(random), 0x0123456789abcdef)
	kmem.Store32(m.Linear(name), 'p')
	words := [...]uint64{1, name, 0, 0, 3, phdr, 4, 56, 5, uint64(phnum), 6, pageSize, 9, entry, 11, 0, 12, 0, 13, 0, 14, 0, 16, 0x112d, 23, 0, 25, random, 0, 0}
	for i, w := range words {
		put(i, w)
	}
	m.Ctx.X[2], m.Ctx.Pc = sp, entry
}

// Run executes up to budget instructions; false when the program is over.
func (m *Machine) Run(budget int32) bool {
	m.Ctx.Left = budget
	for !m.Exited {
		m.LastExit = riscv.Run(m.Ctx, m.Hart)
		switch m.LastExit {
		case riscv.ExitBudget:
			return true
		case riscv.ExitEcall:
			m.Ctx.Pc += 4
			m.syscall()
		case riscv.ExitLoadFault, riscv.ExitStoreFault:
			if m.Ctx.FaultAddr < pageSize || m.Ctx.FaultAddr >= stackTop {
				return false
			}
			m.Touch(uint32(m.Ctx.FaultAddr))
		default:
			return false
		}
	}
	return false
}

// Numbers of the system calls that are served.
const (
	sysIoctl      = 29
	sysReadlinkat = 78
	sysWrite      = 64
	sysWritev     = 66
	sysExit       = 93
	sysExitGroup  = 94
	sysBrk        = 214
	sysMmap       = 222
)

func (m *Machine) syscall() {
	x := &m.Ctx.X
	m.Syscalls++
	m.LastNumber = x[17]
	r := int64(0)
	switch x[17] {
	case sysWrite:
		m.write(uint32(x[10]), x[11], x[12])
		r = int64(x[12])
	case sysWritev:
		for i := uint64(0); i < x[12]; i++ {
			n := kmem.Load64(m.Linear(x[11] + 16*i + 8))
			m.write(uint32(x[10]), kmem.Load64(m.Linear(x[11]+16*i)), n)
			r += int64(n)
		}
	case sysExit, sysExitGroup:
		m.Exited, m.ExitCode = true, int32(x[10])
	case sysBrk:
		if x[10] != 0 {
			m.brk = x[10]
		}
		r = int64(m.brk)
	case sysMmap:
		r = int64(m.mmap)
		m.mmap += (x[11] + 2*pageSize - 1) &^ (pageSize - 1)
	case sysIoctl:
		r = -25 // ENOTTY
	case sysReadlinkat, 79, 80, 261, 113: // readlinkat, newfstatat, fstat, prlimit64, clock_gettime
		r = -38 // ENOSYS
	}
	x[10] = uint64(r)
}

func (m *Machine) write(fd uint32, va, n uint64) {
	for n > 0 {
		chunk := min(n, pageSize-va&(pageSize-1))
		m.Write(fd, m.Linear(va), uint32(chunk))
		va += chunk
		n -= chunk
	}
}
