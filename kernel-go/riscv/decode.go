package riscv

// builder makes one trace (ops.go). The arena's lock is held.
type builder struct {
	code uint32 // linear address of the code map
	at   uint32 // where the next op goes
	off  uint32 // byte offset in the page of the next instruction
	n    uint32 // instructions so far
	last uint32 // integer register written last: operands are ordered by it

	count  int // ops so far
	ops    [maxOrdinal + 1]uint32
	links  int // branches whose link is to be made
	linked [maxOrdinal + 1]uint32
}

// fetch reads the instruction at a byte offset of a frame. Its length is 0 when it
// straddles the end of the page.
func fetch(frame, off uint32) (insn, length uint32) {
	low := uint32(*(*uint16)(ptr(frame + off)))
	if low&3 != 3 {
		return low, 2
	}
	if off == pageSize-2 {
		return low, 0
	}
	return low | uint32(*(*uint16)(ptr(frame + off + 2)))<<16, 4
}

// decodeTrace decodes what starts at a byte offset of a frame and enters it into the
// code map. It returns 0 when the arena has no room; the first instruction must not
// straddle the page's end. The lock is held.
func decodeTrace(code, off uint32) uint32 {
	if arena.next+traceMaxBytes > arena.limit {
		return 0
	}
	start := arena.next
	b := builder{code: code, at: start, off: off}
	frame := mapAt(code).frame
	for open := true; open; {
		switch {
		case b.n == maxOrdinal || b.off >= pageSize:
			b.close(int32(b.off))
			open = false
		default:
			insn, length := fetch(frame, b.off)
			if length == 0 {
				b.close(int32(b.off))
				open = false
				break
			}
			b.n++
			open = b.insn(insn, length)
		}
	}
	b.fuse()
	b.makeLinks()
	arena.next = (b.at + 7) &^ 7
	mapAt(code).ops[off>>1] = start
	return start
}

// place is the off field of the current instruction's op.
func (b *builder) place() uint16 { return uint16(b.off>>1 | b.n<<11) }

// push starts an op of the given size.
func (b *builder) push(size uint32) uint32 {
	at := b.at
	b.ops[b.count] = at
	b.count++
	b.at += size
	return at
}

func (b *builder) imm(code uint16, a, r uint32, imm int32) {
	*opImmAt(b.push(8)) = opImm{code, uint8(a * 8), uint8(r * 8), imm}
}

func (b *builder) reg(code uint16, a, r, c uint32) {
	*half(b.push(8)) = opHalf{code: code, a: uint8(a * 8), b: uint8(r * 8), c: uint8(c * 8)}
}

func (b *builder) mem(code uint16, a, r uint32, imm int32) {
	*opMemAt(b.push(8)) = opMem{code, uint8(a * 8), uint8(r * 8), int16(imm), b.place()}
}

// wide pushes a 16-byte op that has its ordinal in c.
func (b *builder) wide(code uint16, a, r uint32, link uint32, disp int32) uint32 {
	at := b.push(16)
	*half(at) = opHalf{code: code, a: uint8(a * 8), b: uint8(r * 8), c: uint8(b.n), off: b.place()}
	*tailAt(at) = opTail{link, disp}
	return at
}

// close ends the trace with a jump to a byte offset from the page's start.
func (b *builder) close(target int32) {
	if uint32(target) >= pageSize {
		b.wide(codeFar, 0, 0, 0, target)
		return
	}
	b.linkLater(b.wide(codeChain, 0, 0, 0, target))
}

func (b *builder) linkLater(at uint32) {
	b.linked[b.links] = at
	b.links++
}

// makeLinks points each branch to its target's trace if that exists, and otherwise
// to a stub behind the trace.
func (b *builder) makeLinks() {
	for i := 0; i < b.links; i++ {
		tail := tailAt(b.linked[i])
		if uint32(tail.disp) < pageSize {
			if known := mapAt(b.code).ops[tail.disp>>1]; known != 0 {
				tail.link = known
				continue
			}
			*opImmAt(b.at) = opImm{code: codeResolve, imm: int32(b.code)}
			*tailAt(b.at) = opTail{b.linked[i], tail.disp}
		} else {
			*half(b.at) = opHalf{code: codeFar}
			*tailAt(b.at) = opTail{0, tail.disp}
		}
		tail.link = b.at
		b.at += 16
	}
}

// slow pushes an op that is executed outside the loop.
func (b *builder) slow(op Op, insn, length uint32) {
	b.float(codeSlow, op, insn, length)
}

// float pushes an op with up to four register fields and the instruction itself.
func (b *builder) float(code uint16, op Op, insn, length uint32) {
	at := b.push(16)
	*half(at) = opHalf{code, uint8(rd(insn) * 8), uint8(rs1(insn) * 8), uint8(rs2(insn) * 8), uint8(rs3(insn) * 8), b.place()}
	*tailAt(at) = opTail{insn, int32(uint32(op) | length<<16)}
}

// insn decodes one instruction and moves off to where the trace goes on; false when
// the trace ends with it.
func (b *builder) insn(insn, length uint32) bool {
	word := insn
	op := Op(OpNone)
	if length == 4 {
		op = Lookup(insn)
	} else if wide, ok := Expand(uint16(insn)); ok {
		word, op = wide, Lookup(wide)
	}
	if op == OpNone {
		b.slow(OpNone, insn, length)
		return false
	}
	row := &InsnTable[op]
	d, s1, s2 := rd(word), rs1(word), rs2(word)
	switch row.Class {
	case ClassALU:
		if d != 0 {
			b.alu(op, row.Format, word)
			b.last = d
		}
	case ClassLoad:
		if d == 0 && row.Format == FmtLoad {
			b.slow(op, word, length)
		} else {
			b.mem(uint16(op), d, s1, immI(word))
			if row.Format == FmtLoad {
				b.last = d
			}
		}
	case ClassStore:
		b.mem(uint16(op), s2, s1, immS(word))
	case ClassBranch:
		if (op == OpBeq || op == OpBne) && s2 == b.last {
			s1, s2 = s2, s1
		}
		b.linkLater(b.wide(uint16(op), s1, s2, 0, int32(b.off)+immB(word)))
	case ClassJump:
		return b.jump(op, word, length)
	case ClassFP:
		if hasFastPath(op, row.Format, word) {
			b.float(uint16(op), op, word, length)
		} else {
			b.slow(op, word, length)
		}
	case ClassSystem:
		b.slow(op, word, length)
		return false
	default:
		b.slow(op, word, length)
	}
	b.off += length
	return true
}

func (b *builder) alu(op Op, format Format, word uint32) {
	d, s1, s2 := rd(word), rs1(word), rs2(word)
	switch format {
	case FmtU:
		if op == OpLui {
			b.imm(codeLi, d, 0, immU(word))
		} else {
			b.imm(uint16(op), d, 0, int32(b.off)+immU(word))
		}
	case FmtR:
		if s2 == b.last && commutes(op) {
			s1, s2 = s2, s1
		}
		switch {
		case op == OpAdd && s1 == 0:
			b.reg(codeMv, d, s2, 0)
		case op == OpAdd && s2 == 0:
			b.reg(codeMv, d, s1, 0)
		default:
			b.reg(uint16(op), d, s1, s2)
		}
	default: // FmtI, shifts
		imm := immI(word)
		switch {
		case format == FmtShift6 || format == FmtShift5:
			b.imm(uint16(op), d, s1, imm&63)
		case s1 == 0 && (op == OpAddi || op == OpAddiw):
			b.imm(codeLi, d, 0, imm)
		case imm == 0 && op == OpAddi:
			b.reg(codeMv, d, s1, 0)
		default:
			b.imm(uint16(op), d, s1, imm)
		}
	}
}

// commutes tells whether the operands may be exchanged. The one that the previous
// instruction made comes first then: fused sequences look for it there.
func commutes(op Op) bool {
	switch op {
	case OpAdd, OpAddw, OpXor, OpOr, OpAnd, OpMul, OpMulw:
		return true
	}
	return false
}

// jump decodes jal, whose target the trace follows within the page, and jalr.
func (b *builder) jump(op Op, word, length uint32) bool {
	after := int32(b.off + length)
	if op == OpJalr {
		code := uint16(OpJalr)
		if rd(word) == 0 {
			code = codeJr
		}
		b.wide(code, rd(word), rs1(word), uint32(immI(word)), after)
		return false
	}
	if rd(word) != 0 {
		b.imm(uint16(OpAuipc), rd(word), 0, after)
	}
	target := int32(b.off) + immJ(word)
	if uint32(target) >= pageSize {
		b.close(target)
		return false
	}
	b.off = uint32(target)
	return true
}

// hasFastPath tells whether the loop executes this floating-point instruction
// itself: it has a snippet, which assumes a rounding mode.
func hasFastPath(op Op, format Format, word uint32) bool {
	if opBytes[op] == 0 {
		return false
	}
	switch format {
	case FmtFR4, FmtFR, FmtFR2, FmtFFromX:
		return rm(word) == 0 || rm(word) == 7
	case FmtFToX:
		return rm(word) == 1 && rd(word) != 0
	case FmtFToXNoRM, FmtFCmp:
		return rd(word) != 0
	}
	return true
}

// ruleHead[code] is the first fusing rule that starts with the code, plus 1; ruleNext the
// next. ruleCost is what a rule costs to execute, a single op being opCost.
var (
	ruleHead [codeFused]uint16
	ruleNext [numFused + 1]uint16
	ruleCost [numFused + 1]uint8
)

// opCost stands for one dispatch; a value that goes from member to member without
// passing through the register file saves refGain.
const (
	opCost  = 12
	refGain = 2
)

func init() {
	for i := numFused - 1; i >= 0; i-- {
		rule := &fuseRules[i]
		ruleNext[i] = ruleHead[rule.code[0]]
		ruleHead[rule.code[0]] = uint16(i + 1)
		cost := uint8(opCost)
		for _, ref := range rule.ref {
			if ref != 0 {
				cost -= refGain
			}
		}
		ruleCost[i] = cost
	}
}

// fuse covers the trace with fused sequences at the least cost and sets the code of
// each one's first op. The other members keep theirs: a trace can be entered at any op.
func (b *builder) fuse() {
	var cost [maxOrdinal + 2]uint16 // of the ops from i on
	var rule [maxOrdinal + 1]uint16 // best at i, plus 1
	for i := b.count - 1; i >= 0; i-- {
		cost[i] = cost[i+1] + opCost
		for r := ruleHead[half(b.ops[i]).code]; r != 0; r = ruleNext[r-1] {
			if n := int(fuseRules[r-1].n); i+n <= b.count && b.matches(i, &fuseRules[r-1]) {
				if c := cost[i+n] + uint16(ruleCost[r-1]); c < cost[i] {
					cost[i], rule[i] = c, r
				}
			}
		}
	}
	for i := 0; i < b.count; {
		r := rule[i]
		if r == 0 {
			i++
			continue
		}
		half(b.ops[i]).code = codeFused + r - 1
		i += int(fuseRules[r-1].n)
	}
}

// matches tells whether the ops from i on are the members of a rule.
func (b *builder) matches(i int, rule *fuseRule) bool {
	last := -1
	for k := 0; k < int(rule.n); k++ {
		op := half(b.ops[i+k])
		if op.code != rule.code[k] {
			return false
		}
		switch rule.ref[k] {
		case 1:
			if int(op.a) != last {
				return false
			}
		case 2:
			if int(op.b) != last {
				return false
			}
		case 3:
			if int(op.c) != last {
				return false
			}
		}
		if definesInteger(op.code) {
			last = int(op.a)
		}
	}
	return true
}

// definesInteger tells whether an op's snippet keeps its result for later members.
func definesInteger(code uint16) bool {
	if code >= uint16(NumOps) {
		return code == codeLi || code == codeMv
	}
	row := &InsnTable[code]
	return row.Class == ClassALU || row.Format == FmtLoad
}
