package riscv

// Decoded code. A trace is a row of ops that starts where control can arrive and
// goes on through not-taken branches and jumps within the page, up to 31
// instructions. An op is 8 bytes, or 16 where it needs a target or the instruction
// word; the first four bytes are always code, a, b. Register fields are scaled by 8,
// so that they are offsets into abi.CpuContext.
//
// An op that can leave the interpreter's loop carries `off`: bits 0..10 hold its
// halfword offset in the page, bits 11..15 its ordinal, its place among the trace's
// instructions, counted from 1. From these the exact pc and number of retired
// instructions follow, so that ops which cannot trap need no bookkeeping.

// opHalf is the general view of 8 bytes.
type opHalf struct {
	code uint16
	a, b uint8
	c, d uint8
	off  uint16
}

// opImm is an op with a 32-bit immediate.
type opImm struct {
	code uint16
	a, b uint8
	imm  int32
}

// opMem is a load or a store: a is the data register, b the base.
type opMem struct {
	code uint16
	a, b uint8
	imm  int16
	off  uint16
}

// opTail is the second half of a 16-byte op. Its meaning depends on the op:
//
//	branch, codeChain   link = address of the op to go on with, disp = target in bytes from the page's start
//	codeFar             disp = target in bytes from the page's start
//	codeResolve         link = address of the op whose link is to be set, disp as above,
//	                    and the code map's address in the immediate
//	jalr, codeJr        link = immediate, disp = return address in bytes from the page's start
//	all others          link = instruction word, disp = Op | length << 16
type opTail struct {
	link uint32
	disp int32
}

// Codes of ops that are no instruction of the table.
const (
	codeLi      = uint16(NumOps) + iota // x[a] = imm
	codeMv                              // x[a] = x[b]
	codeJr                              // jalr without link
	codeChain                           // go on at link
	codeFar                             // go on in another page
	codeResolve                         // a link that is not known yet
	codeSlow                            // leave, the instruction is executed outside
	codeFused                           // first of the fused sequences (loop_gen.go)
)

// maxOrdinal is the most instructions that a trace holds.
const maxOrdinal = 31

const (
	pageSize   = 4096
	opMaxBytes = 16
	// traceMaxBytes: every instruction at its largest with a stub, and the closing op with one.
	traceMaxBytes = (maxOrdinal + 1) * opMaxBytes * 2
)

// half, imm, mem and tail view the decoded op at a linear address.
func half(ip uint32) *opHalf    { return (*opHalf)(ptr(ip)) }
func opImmAt(ip uint32) *opImm  { return (*opImm)(ptr(ip)) }
func opMemAt(ip uint32) *opMem  { return (*opMem)(ptr(ip)) }
func tailAt(ip uint32) *opTail  { return (*opTail)(ptr(ip + 8)) }
func ordinal(off uint16) uint32 { return uint32(off >> 11) }
func offsetOf(off uint16) uint32 {
	return uint32(off&0x7ff) << 1
}

// nanBox is the upper half of a floating-point register that holds a single-precision value.
const nanBox = 0xffffffff00000000

// MaxFused is the most members of a fused sequence.
const MaxFused = 6

// fuseRule is a sequence of ops that the loop executes in one case. ref[i], when not 0,
// says that a field of member i (1: a, 2: b, 3: c) is the register that an earlier
// member wrote last.
type fuseRule struct {
	n    uint8
	code [MaxFused]uint16
	ref  [MaxFused]uint8
}
