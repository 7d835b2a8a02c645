package randseq

import (
	"encoding/binary"
	"os/exec"
	"testing"

	"foreshore.dev/kernel/riscv"
)

// The slice of `make test`; docs/notes/cpu.md has the command for the whole.
const (
	firstSeed = 1_000_001
	programs  = 16
	sequences = 500
)

func TestAgainstQemu(t *testing.T) {
	if _, err := exec.LookPath(Qemu); err != nil {
		t.Skip("qemu-riscv64-static is not installed: nothing to compare with")
	}
	for seed := uint64(firstSeed); seed < firstSeed+programs; seed++ {
		elf := Generate(seed, sequences)
		want, err := Oracle(elf, t.TempDir())
		if err != nil {
			t.Fatalf("seed %d: qemu: %v", seed, err)
		}
		got, err := Interpret(elf)
		if err != nil {
			t.Errorf("seed %d: %v", seed, err)
		}
		if diff := Compare(seed, sequences, got, want); diff != "" {
			t.Fatal(diff)
		}
	}
}

// The programs leave out no instruction, and the comparison sees a single wrong bit.
func TestCoverage(t *testing.T) {
	var seen [riscv.NumOps]bool
	for seed := uint64(firstSeed); seed < firstSeed+4; seed++ {
		starts, code := Start(seed, sequences)
		for i := 0; i < len(starts); i += 2 {
			for at := starts[i]; at < starts[i+1]; {
				insn, length := uint32(binary.LittleEndian.Uint16(code[at:])), 2
				if insn&3 == 3 {
					insn, length = binary.LittleEndian.Uint32(code[at:]), 4
				} else {
					insn, _ = riscv.Expand(uint16(insn))
				}
				op := riscv.Lookup(insn)
				if op == riscv.OpNone {
					t.Fatalf("seed %d: %#x is no instruction", seed, insn)
				}
				seen[op] = true
				at += length
			}
		}
	}
	for op, ok := range seen {
		if !ok && riscv.Op(op) != riscv.OpEcall && riscv.Op(op) != riscv.OpEbreak {
			t.Errorf("%s does not occur", riscv.InsnTable[op].Name)
		}
	}
	a := make([]byte, 2*DumpBytes)
	b := make([]byte, 2*DumpBytes)
	if diff := Compare(firstSeed, 2, a, b); diff != "" {
		t.Errorf("equal outputs differ: %s", diff)
	}
	b[2*DumpBytes-1] = 1
	if Compare(firstSeed, 2, a, b) == "" || Compare(firstSeed, 2, a[:DumpBytes], a) == "" {
		t.Error("a difference was not seen")
	}
}
