package softfp

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// The oracle is a riscv64 program that executes the instructions themselves, under
// qemu-riscv64. It reads records from standard input and answers each with the
// destination register and fflags.
const (
	recordBytes = 40 // operation, rounding mode, three operands: 64 bits each
	answerBytes = 16
)

const guestPrologue = `
typedef unsigned long u64;
static long call(long number, long fd, void *buffer, long bytes) {
	register long a7 asm("a7") = number;
	register long a0 asm("a0") = fd;
	register void *a1 asm("a1") = buffer;
	register long a2 asm("a2") = bytes;
	asm volatile("ecall" : "+r"(a0) : "r"(a7), "r"(a1), "r"(a2) : "memory");
	return a0;
}
enum { READ = 63, WRITE = 64, EXIT = 93, BATCH = 1024 };
static struct { u64 op, rm, a, b, c; } in[BATCH];
static struct { u64 r, flags; } out[BATCH];

static void run(long i) {
	u64 r = 0, flags, a = in[i].a;
	asm volatile("fscsr %0" :: "r"(in[i].rm << 5));
	asm volatile("fmv.d.x ft0,%0; fmv.d.x ft1,%1; fmv.d.x ft2,%2"
		:: "r"(in[i].a), "r"(in[i].b), "r"(in[i].c) : "ft0", "ft1", "ft2");
	switch (in[i].op) {
`

const guestEpilogue = `
	default: call(EXIT, 3, 0, 0);
	}
	asm volatile("frflags %0" : "=r"(flags));
	out[i].r = r;
	out[i].flags = flags;
}

void _start(void) {
	for (;;) {
		long bytes = 0, got;
		while (bytes < (long)sizeof in && (got = call(READ, 0, (char *)in + bytes, sizeof in - bytes)) > 0)
			bytes += got;
		long n = bytes / (long)sizeof in[0];
		for (long i = 0; i < n; i++)
			run(i);
		for (long done = 0; done < n * (long)sizeof out[0]; done += got)
			if ((got = call(WRITE, 1, (char *)out + done, n * sizeof out[0] - done)) <= 0)
				call(EXIT, 4, 0, 0);
		if (n < BATCH)
			call(EXIT, 0, 0, 0);
	}
}
`

// guestSource generates the program from the table of operations. The statements of a
// case are one asm, for the compiler must not touch ft0 between them.
func guestSource() string {
	var s strings.Builder
	s.WriteString(guestPrologue)
	for i, op := range operations {
		text := op.asm
		if op.result == toFloat {
			text += "; fmv.x.d %[r],ft0"
		}
		fmt.Fprintf(&s, "\tcase %d: asm volatile(%q : [r] \"=&r\"(r) : [a] \"r\"(a) : \"ft0\"); break;\n", i, text)
	}
	s.WriteString(guestEpilogue)
	return s.String()
}

func buildGuest(t *testing.T) (qemu, guest string) {
	qemu, err := exec.LookPath("qemu-riscv64-static")
	if err != nil {
		qemu, err = exec.LookPath("qemu-riscv64")
	}
	if err != nil {
		t.Skip("no qemu-riscv64-static and no qemu-riscv64 in PATH")
	}
	compiler, err := exec.LookPath("riscv64-linux-gnu-gcc")
	if err != nil {
		t.Skip("no riscv64-linux-gnu-gcc in PATH")
	}
	folder := t.TempDir()
	source := filepath.Join(folder, "oracle.c")
	if err := os.WriteFile(source, []byte(guestSource()), 0o644); err != nil {
		t.Fatal(err)
	}
	guest = filepath.Join(folder, "oracle")
	build := exec.Command(compiler, "-O1", "-march=rv64gc", "-nostdlib", "-static", "-ffreestanding", "-o", guest, source)
	if text, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %v\n%s", build.Args, err, text)
	}
	return qemu, guest
}

// TestQemu compares results and flags with qemu, all operations and modes.
func TestQemu(t *testing.T) {
	qemu, guest := buildGuest(t)
	n := setting(t, "SOFTFP_VECTORS", 20_000)
	v := newVectors(setting(t, "SOFTFP_SEED", 1) + 5000)
	const slice = 1 << 16 // records per run
	total := int(n) * len(operations)
	for start := 0; start < total; start += slice {
		records := make([]byte, 0, slice*recordBytes)
		for i := start; i < min(start+slice, total); i++ {
			op := i % len(operations)
			a, b, c := v.registers(&operations[op])
			for _, word := range []uint64{uint64(op), v.Uint64N(5), a, b, c} {
				records = binary.LittleEndian.AppendUint64(records, word)
			}
		}
		run := exec.Command(qemu, guest)
		run.Stdin = bytes.NewReader(records)
		var complaint bytes.Buffer
		run.Stderr = &complaint
		answers, err := run.Output()
		if err != nil || len(answers) != len(records)/recordBytes*answerBytes {
			t.Fatalf("%s: %v, %d bytes for %d records\n%s", guest, err, len(answers), len(records)/recordBytes, complaint.String())
		}
		word := binary.LittleEndian.Uint64
		for ; len(answers) > 0; records, answers = records[recordBytes:], answers[answerBytes:] {
			op := &operations[word(records)]
			rm, a, b, c := uint32(word(records[8:])), word(records[16:]), word(records[24:]), word(records[32:])
			got, gotFlags := op.soft(a, b, c, rm)
			if want, wantFlags := word(answers), word(answers[8:]); got != want || uint64(gotFlags) != wantFlags {
				t.Fatalf("%s a=%#x b=%#x c=%#x rm=%d: got %#x flags %#x, qemu %#x flags %#x",
					op.name, a, b, c, rm, got, gotFlags, want, wantFlags)
			}
		}
	}
	t.Logf("%d instructions executed", total)
}
