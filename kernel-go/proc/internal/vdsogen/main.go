// Command vdsogen writes vdso_gen.go: the shared object that the kernel maps into every process, as arch/riscv/kernel/vdso
// of Linux does, so that programs read the clock without a system call. One page holds all of it: ELF header, symbols with
// version LINUX_4.15, code, and the one word of data that the kernel fills in (CLOCK_REALTIME at the machine's base).
//
// Run by `go generate ./proc`.
package main

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"go/format"
	"log"
	"os"

	"foreshore.dev/kernel/abi"
)

const (
	pageSize = 4096
	// realtimeAt is the word that the kernel writes.
	realtimeAt = pageSize - 8
	soname     = "linux-vdso.so.1"
	version    = "LINUX_4.15"
	// timeUnit is the nanoseconds of one step of the time CSR.
	timeUnit = 100
)

// The part of the psABI's register names that the code uses.
const (
	zero, ra       = 0, 1
	t0, t1, t2, t3 = 5, 6, 7, 28
	a0, a1, a7     = 10, 11, 17
)

// code is machine code at an address of the page, with branches to labels.
type code struct {
	base   uint32
	words  []uint32
	labels map[string]int
	fixups map[int]string
}

func (c *code) emit(w uint32)     { c.words = append(c.words, w) }
func (c *code) label(name string) { c.labels[name] = len(c.words) }
func (c *code) at() uint32        { return c.base + uint32(len(c.words))*4 }
func (c *code) imm(op, f3, rd, rs int, i int) {
	c.emit(uint32(i)<<20 | r(rs, 15) | r(f3, 12) | r(rd, 7) | uint32(op))
}
func (c *code) reg(f7, f3, rd, x, y int) {
	c.emit(r(f7, 25) | r(y, 20) | r(x, 15) | r(f3, 12) | r(rd, 7) | 0x33)
}
func (c *code) li(rd, i int) { c.imm(0x13, 0, rd, zero, i) }
func (c *code) ret()         { c.imm(0x67, 0, zero, ra, 0) }
func (c *code) sd(value, base, offset int) {
	c.emit(r(offset>>5, 25) | r(value, 20) | r(base, 15) | r(3, 12) | r(offset&31, 7) | 0x23)
}

// branch is BEQ (f3 0) or BNE (f3 1) with zero.
func (c *code) branch(f3, rs int, to string) {
	c.fixups[len(c.words)] = to
	c.emit(r(rs, 15) | r(f3, 12) | 0x63)
}

func r(v, shift int) uint32 { return uint32(v) << shift }

func (c *code) call(number abi.Syscall) {
	c.li(a7, int(number))
	c.emit(0x73)
}

func (c *code) fix() {
	for i, name := range c.fixups {
		to, ok := c.labels[name]
		if !ok {
			log.Fatalf("vdsogen: no label %s", name)
		}
		d := uint32((to - i) * 4)
		c.words[i] |= d>>12&1<<31 | d>>5&63<<25 | d>>1&15<<8 | d>>11&1<<7
	}
}

// now leaves nanoseconds of CLOCK_MONOTONIC in t1.
func (c *code) now() {
	c.imm(0x73, 2, t1, zero, 0xc01) // rdtime
	c.li(t2, timeUnit)
	c.reg(1, 0, t1, t1, t2)
}

// addRealtime adds the word of data to t1.
func (c *code) addRealtime() {
	d := int(realtimeAt) - int(c.at())
	c.emit(uint32(d+0x800)&^0xfff | r(t0, 7) | 0x17) // auipc
	c.imm(0x03, 3, t0, t0, d-(d+0x800)&^0xfff)       // ld
	c.reg(0, 0, t1, t1, t0)
}

// split leaves the seconds of t1 in t0, what is over in t1.
func (c *code) split() {
	const second = 1_000_000_000
	c.emit((second+0x800)&^0xfff | r(t2, 7) | 0x37)      // lui
	c.imm(0x1b, 0, t2, t2, second-(second+0x800)&^0xfff) // addiw
	c.reg(1, 5, t0, t1, t2)                              // divu
	c.reg(1, 0, t3, t0, t2)                              // mul
	c.reg(0x20, 0, t1, t1, t3)                           // sub
}

// symbol is a function of the object.
type symbol struct {
	name string
	body func(c *code)
}

func syscall(number abi.Syscall) func(*code) {
	return func(c *code) { c.call(number); c.ret() }
}

var symbols = []symbol{
	// Two instructions by which unwinders know a signal frame.
	{"__vdso_rt_sigreturn", func(c *code) { c.call(abi.SYS_rt_sigreturn) }},
	{"__vdso_gettimeofday", func(c *code) {
		c.branch(0, a0, "tod-slow")
		c.branch(1, a1, "tod-slow")
		c.now()
		c.addRealtime()
		c.split()
		c.li(t2, 1000)
		c.reg(1, 5, t1, t1, t2)
		c.sd(t0, a0, 0)
		c.sd(t1, a0, 8)
		c.li(a0, 0)
		c.ret()
		c.label("tod-slow")
		syscall(abi.SYS_gettimeofday)(c)
	}},
	{"__vdso_clock_gettime", func(c *code) {
		clocks := 0
		for _, k := range []abi.Clock{abi.CLOCK_REALTIME, abi.CLOCK_MONOTONIC, abi.CLOCK_MONOTONIC_RAW,
			abi.CLOCK_REALTIME_COARSE, abi.CLOCK_MONOTONIC_COARSE, abi.CLOCK_BOOTTIME} {
			clocks |= 1 << k
		}
		c.imm(0x13, 3, t1, a0, 8) // sltiu
		c.branch(0, t1, "slow")
		c.li(t0, clocks)
		c.reg(0, 5, t0, t0, a0) // srl
		c.imm(0x13, 7, t0, t0, 1)
		c.branch(0, t0, "slow")
		c.now()
		c.branch(0, a0, "real")
		c.imm(0x13, 0, t0, a0, -int(abi.CLOCK_REALTIME_COARSE)&0xfff)
		c.branch(1, t0, "monotonic")
		c.label("real")
		c.addRealtime()
		c.label("monotonic")
		c.split()
		c.sd(t0, a1, 0)
		c.sd(t1, a1, 8)
		c.li(a0, 0)
		c.ret()
		c.label("slow")
		syscall(abi.SYS_clock_gettime)(c)
	}},
	{"__vdso_clock_getres", syscall(abi.SYS_clock_getres)},
	{"__vdso_getcpu", syscall(abi.SYS_getcpu)},
	{"__vdso_flush_icache", syscall(abi.SYS_riscv_flush_icache)},
	{"__vdso_riscv_hwprobe", syscall(abi.SYS_riscv_hwprobe)},
}

// elfHash is the hash function of DT_HASH and of version definitions (gABI, "Hash Table").
func elfHash(name string) uint32 {
	h := uint32(0)
	for i := range len(name) {
		h = h<<4 + uint32(name[i])
		g := h & 0xf0000000
		h = (h ^ g>>24) &^ g
	}
	return h
}

// page is the object as it is built, from low to high addresses.
type page struct{ bytes.Buffer }

func (p *page) put(values ...any) {
	for _, v := range values {
		if err := binary.Write(p, binary.LittleEndian, v); err != nil {
			log.Fatalf("vdsogen: %v", err)
		}
	}
}

func (p *page) align(n int) uint64 {
	for p.Len()%n != 0 {
		p.WriteByte(0)
	}
	return uint64(p.Len())
}

func main() {
	log.SetFlags(0)
	image, offsets := build()
	var out bytes.Buffer
	fmt.Fprintf(&out, "// Code generated by vdsogen; DO NOT EDIT.\n\npackage proc\n\n")
	fmt.Fprintf(&out, "const (\n\tvdsoSigreturn = %#x\n\tvdsoRealtime = %#x\n)\n\n", offsets["__vdso_rt_sigreturn"], realtimeAt)
	fmt.Fprintf(&out, "const vdsoImage = \"\"")
	for i := 0; i < len(image); i += 32 {
		fmt.Fprintf(&out, " +\n\t\"")
		for _, b := range image[i:min(i+32, len(image))] {
			fmt.Fprintf(&out, "\\x%02x", b)
		}
		fmt.Fprintf(&out, "\"")
	}
	out.WriteString("\n")
	src, err := format.Source(out.Bytes())
	if err != nil {
		log.Fatalf("vdsogen: %v", err)
	}
	if err := os.WriteFile("vdso_gen.go", src, 0o644); err != nil {
		log.Fatalf("vdsogen: %v", err)
	}
}

// build makes the page without its last word and says where each function begins.
func build() ([]byte, map[string]uint32) {
	const headerBytes, programBytes = 64, 2 * 56
	names := "\x00"
	nameAt := func(s string) uint32 {
		at := uint32(len(names))
		names += s + "\x00"
		return at
	}
	var p page
	p.Write(make([]byte, headerBytes+programBytes))

	hash := p.align(8)
	count := uint32(len(symbols) + 1)
	p.put(uint32(1), count, uint32(1)) // one bucket: a chain of all symbols
	for i := range count {
		p.put((i + 1) % count)
	}
	symtab := p.align(8)
	p.Write(make([]byte, 24*count)) // written below, when addresses are known
	verdef := p.align(8)
	soNameAt, versionAt := nameAt(soname), nameAt(version)
	// Elf64_Verdef and its Verdaux: the file itself, then the version.
	p.put(uint16(1), uint16(1), uint16(1), uint16(1), elfHash(soname), uint32(20), uint32(28), soNameAt, uint32(0))
	p.put(uint16(1), uint16(0), uint16(2), uint16(1), elfHash(version), uint32(20), uint32(0), versionAt, uint32(0))
	versym := p.align(8)
	p.put(uint16(0))
	for range symbols {
		p.put(uint16(2))
	}
	var symbolNames []uint32
	for _, s := range symbols {
		symbolNames = append(symbolNames, nameAt(s.name))
	}
	strtab := p.align(8)
	p.WriteString(names)
	dynamic := p.align(8)
	const dtHash, dtStrtab, dtSymtab, dtStrsz, dtSyment, dtSoname = 4, 5, 6, 10, 11, 14
	const dtVersym, dtVerdef, dtVerdefnum = 0x6ffffff0, 0x6ffffffc, 0x6ffffffd
	for _, d := range [][2]uint64{{dtSoname, uint64(soNameAt)}, {dtHash, hash}, {dtStrtab, strtab}, {dtSymtab, symtab}, {dtStrsz, uint64(len(names))},
		{dtSyment, 24}, {dtVersym, versym}, {dtVerdef, verdef}, {dtVerdefnum, 2}, {0, 0}} {
		p.put(d[:])
	}
	dynamicEnd := uint64(p.Len())
	text := p.align(16)

	c := code{base: uint32(text), labels: map[string]int{}, fixups: map[int]string{}}
	offsets := map[string]uint32{}
	var table page
	table.Write(make([]byte, 24))
	for i, s := range symbols {
		begin := c.at()
		offsets[s.name] = begin
		s.body(&c)
		// Elf64_Sym: a global function of a defined section.
		table.put(symbolNames[i], uint8(1<<4|2), uint8(0), uint16(1), uint64(begin), uint64(c.at()-begin))
	}
	c.fix()
	p.put(c.words)
	if p.Len() > realtimeAt {
		log.Fatalf("vdsogen: %d bytes do not fit a page", p.Len())
	}
	image := p.Bytes()
	copy(image[symtab:], table.Bytes())

	var head page
	head.WriteString("\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00")
	// e_type, e_machine, e_version, e_entry, e_phoff, e_shoff, e_flags (RVC, double-float), sizes and counts.
	head.put(uint16(abi.ET_DYN), uint16(abi.EM_RISCV), uint32(1), uint64(0), uint64(headerBytes), uint64(0), uint32(5),
		uint16(headerBytes), uint16(56), uint16(2), uint16(64), uint16(0), uint16(0))
	segment := func(kind uint32, flags uint32, from, to, align uint64) {
		head.put(kind, flags, from, from, from, to-from, to-from, align)
	}
	segment(uint32(abi.PT_LOAD), uint32(abi.PF_R|abi.PF_X), 0, pageSize, pageSize)
	segment(uint32(2), uint32(abi.PF_R), dynamic, dynamicEnd, 8) // PT_DYNAMIC
	copy(image, head.Bytes())
	return image, offsets
}
