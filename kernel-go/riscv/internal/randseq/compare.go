package randseq

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"foreshore.dev/kernel/kmem"
	"foreshore.dev/kernel/riscv"
	"foreshore.dev/kernel/riscv/internal/flat"
)

const (
	regionBytes = 128 << 20
	elfAt       = 65536
)

var region []byte

// Interpret runs an ELF on the interpreter and returns what it wrote. hart may be
// used to change the machine before it starts.
func Interpret(elf []byte) ([]byte, error) {
	if region == nil {
		region = make([]byte, regionBytes)
	}
	kmem.UseRegion(region)
	copy(kmem.Bytes(elfAt, uint32(len(elf))), elf)
	flat.Boot(elfAt+uint32(len(elf)), regionBytes)
	var out bytes.Buffer
	flat.M.Write = func(_, addr, n uint32) { out.Write(kmem.Bytes(addr, n)) }
	flat.Load(elfAt)
	for flat.M.Run(1_000_000) {
	}
	if !flat.M.Exited {
		return out.Bytes(), fmt.Errorf("stopped by exit %d at %#x (address %#x, instruction %#x)",
			flat.M.LastExit, flat.M.Ctx.Pc, flat.M.Ctx.FaultAddr, flat.M.Ctx.FaultInsn)
	}
	return out.Bytes(), nil
}

// Qemu is the oracle's name.
const Qemu = "qemu-riscv64-static"

// Oracle runs an ELF under qemu.
func Oracle(elf []byte, dir string) ([]byte, error) {
	path := filepath.Join(dir, "sequences.elf")
	if err := os.WriteFile(path, elf, 0o755); err != nil {
		return nil, err
	}
	return exec.Command(Qemu, path).Output()
}

// Compare describes the first difference between two outputs of the program of
// (seed, n), "" when there is none.
func Compare(seed uint64, n int, got, want []byte) string {
	if bytes.Equal(got, want) && len(want) == n*DumpBytes {
		return ""
	}
	starts, code := Start(seed, n)
	for i := range n {
		at := i * DumpBytes
		if at+DumpBytes > len(got) || at+DumpBytes > len(want) {
			return fmt.Sprintf("seed %d: sequence %d is missing: %d and %d bytes of %d\n%s", seed, i, len(got), len(want), n*DumpBytes, listing(code, starts, i))
		}
		g, w := got[at:at+DumpBytes], want[at:at+DumpBytes]
		if !bytes.Equal(g, w) {
			return fmt.Sprintf("seed %d: sequence %d differs\n%s\n%s", seed, i, difference(g, w), listing(code, starts, i))
		}
	}
	return fmt.Sprintf("seed %d: %d bytes more than expected", seed, len(got)-len(want))
}

func difference(got, want []byte) string {
	var b strings.Builder
	for i := 0; i+8 <= len(got); i += 8 {
		g, w := binary.LittleEndian.Uint64(got[i:]), binary.LittleEndian.Uint64(want[i:])
		if g == w {
			continue
		}
		name := fmt.Sprintf("scratch+%d", i)
		if r := (i - scratchBytes) / 8; i >= scratchBytes {
			switch {
			case r < 32:
				name = fmt.Sprintf("x%d", r)
			case r < 64:
				name = fmt.Sprintf("f%d", r-32)
			default:
				name = "fcsr"
			}
		}
		fmt.Fprintf(&b, "  %s: got %#016x, want %#016x\n", name, g, w)
	}
	return b.String()
}

func listing(code []byte, starts []int, i int) string {
	var b strings.Builder
	var line [80]byte
	for at := starts[2*i]; at < starts[2*i+1]; {
		insn := uint32(binary.LittleEndian.Uint16(code[at:]))
		length := 2
		if insn&3 == 3 {
			insn, length = binary.LittleEndian.Uint32(code[at:]), 4
		}
		fmt.Fprintf(&b, "  %#x: %s\n", textBase+4096+at, line[:riscv.Disassemble(insn, line[:])])
		at += length
	}
	return b.String()
}
