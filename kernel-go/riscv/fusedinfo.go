package riscv

// FusedMember describes a member of a fused sequence, for tests.
type FusedMember struct {
	Op      Op   // the instruction; OpAddi for Li and Mv
	Li, Mv  bool // addi from x0, addi of 0
	Ends    bool // an indirect jump or the end of a trace
	Memory  bool // load or store
	Defines bool // writes an integer register
	Ref     byte // 'a', 'b', 'c': the field that is the register written last, or 0
}

// FusedSequences lists the sequences that the inner loop executes in one case.
func FusedSequences() [][]FusedMember {
	var all [][]FusedMember
	for i := range fuseRules {
		rule := &fuseRules[i]
		var seq []FusedMember
		for k := range int(rule.n) {
			code := rule.code[k]
			m := FusedMember{Op: OpAddi, Li: code == codeLi, Mv: code == codeMv, Defines: definesInteger(code)}
			if code < uint16(NumOps) {
				m.Op = Op(code)
				m.Memory = InsnTable[code].Class == ClassLoad || InsnTable[code].Class == ClassStore
				m.Ends = InsnTable[code].Class == ClassJump
			} else {
				m.Ends = !m.Li && !m.Mv
			}
			if rule.ref[k] != 0 {
				m.Ref = 'a' + rule.ref[k] - 1
			}
			seq = append(seq, m)
		}
		all = append(all, seq)
	}
	return all
}
