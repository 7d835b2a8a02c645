package riscv

// Op names one instruction of the table below. It is also the code that a decoded
// op carries into the interpreter's switch (decode.go); codes past NumOps are
// internal forms and fused sequences.
type Op uint16

// The instructions, in the order of InsnTable.
const (
	OpLui Op = iota
	OpAuipc
	OpJal
	OpJalr
	OpBeq
	OpBne
	OpBlt
	OpBge
	OpBltu
	OpBgeu
	OpLb
	OpLh
	OpLw
	OpLd
	OpLbu
	OpLhu
	OpLwu
	OpSb
	OpSh
	OpSw
	OpSd
	OpAddi
	OpSlti
	OpSltiu
	OpXori
	OpOri
	OpAndi
	OpSlli
	OpSrli
	OpSrai
	OpAdd
	OpSub
	OpSll
	OpSlt
	OpSltu
	OpXor
	OpSrl
	OpSra
	OpOr
	OpAnd
	OpAddiw
	OpSlliw
	OpSrliw
	OpSraiw
	OpAddw
	OpSubw
	OpSllw
	OpSrlw
	OpSraw
	OpFence
	OpFenceI
	OpEcall
	OpEbreak
	OpCsrrw
	OpCsrrs
	OpCsrrc
	OpCsrrwi
	OpCsrrsi
	OpCsrrci
	OpMul
	OpMulh
	OpMulhsu
	OpMulhu
	OpDiv
	OpDivu
	OpRem
	OpRemu
	OpMulw
	OpDivw
	OpDivuw
	OpRemw
	OpRemuw
	OpLrW
	OpScW
	OpAmoswapW
	OpAmoaddW
	OpAmoxorW
	OpAmoandW
	OpAmoorW
	OpAmominW
	OpAmomaxW
	OpAmominuW
	OpAmomaxuW
	OpLrD
	OpScD
	OpAmoswapD
	OpAmoaddD
	OpAmoxorD
	OpAmoandD
	OpAmoorD
	OpAmominD
	OpAmomaxD
	OpAmominuD
	OpAmomaxuD
	OpFlw
	OpFsw
	OpFmaddS
	OpFmsubS
	OpFnmsubS
	OpFnmaddS
	OpFaddS
	OpFsubS
	OpFmulS
	OpFdivS
	OpFsqrtS
	OpFsgnjS
	OpFsgnjnS
	OpFsgnjxS
	OpFminS
	OpFmaxS
	OpFeqS
	OpFltS
	OpFleS
	OpFcvtWS
	OpFcvtWuS
	OpFcvtLS
	OpFcvtLuS
	OpFcvtSW
	OpFcvtSWu
	OpFcvtSL
	OpFcvtSLu
	OpFmvXW
	OpFclassS
	OpFmvWX
	OpFld
	OpFsd
	OpFmaddD
	OpFmsubD
	OpFnmsubD
	OpFnmaddD
	OpFaddD
	OpFsubD
	OpFmulD
	OpFdivD
	OpFsqrtD
	OpFsgnjD
	OpFsgnjnD
	OpFsgnjxD
	OpFminD
	OpFmaxD
	OpFeqD
	OpFltD
	OpFleD
	OpFcvtWD
	OpFcvtWuD
	OpFcvtLD
	OpFcvtLuD
	OpFcvtDW
	OpFcvtDWu
	OpFcvtDL
	OpFcvtDLu
	OpFmvXD
	OpFclassD
	OpFmvDX
	OpFcvtSD
	OpFcvtDS
	// NumOps is the number of instructions in InsnTable.
	NumOps
)

// Format says where an instruction keeps its operands (unprivileged ISA manual,
// chapters "RV32I" and "RV32/64G Instruction Set Listings").
type Format uint8

// The formats. NoRM ones have a fixed funct3 where others keep a rounding mode.
const (
	FmtNone       Format = iota // no operands
	FmtR                        // rd, rs1, rs2
	FmtI                        // rd, rs1, imm12
	FmtShift6                   // rd, rs1, shamt6
	FmtShift5                   // rd, rs1, shamt5
	FmtU                        // rd, imm20
	FmtJ                        // rd, offset21
	FmtB                        // rs1, rs2, offset13
	FmtLoad                     // rd, imm12(rs1)
	FmtStore                    // rs2, imm12(rs1)
	FmtFence                    // pred, succ
	FmtCSR                      // rd, csr, rs1
	FmtCSRI                     // rd, csr, uimm5
	FmtLR                       // rd, (rs1)
	FmtAMO                      // rd, rs2, (rs1)
	FmtFLoad                    // fd, imm12(rs1)
	FmtFStore                   // fs2, imm12(rs1)
	FmtFR4                      // fd, fs1, fs2, fs3, rm
	FmtFR                       // fd, fs1, fs2, rm
	FmtFR2                      // fd, fs1, rm
	FmtFRNoRM                   // fd, fs1, fs2
	FmtFCmp                     // rd, fs1, fs2
	FmtFToX                     // rd, fs1, rm
	FmtFFromX                   // fd, rs1, rm
	FmtFToXNoRM                 // rd, fs1
	FmtFFromXNoRM               // fd, rs1
)

// Ext is the extension that an instruction belongs to.
type Ext uint8

// The extensions. C has no rows: its instructions are expanded into these (rvc.go).
const (
	ExtI Ext = iota
	ExtM
	ExtA
	ExtF
	ExtD
	ExtZicsr
	ExtZifencei
)

// Class groups instructions by what they can do to the program's flow.
type Class uint8

// The classes.
const (
	ClassALU    Class = iota // integer registers only, cannot trap
	ClassBranch              // conditional, pc-relative
	ClassJump                // unconditional
	ClassLoad                // can fault
	ClassStore               // can fault
	ClassAMO                 // can fault; atomic
	ClassFP                  // reads or writes the floating-point state
	ClassFence               // memory order
	ClassCSR                 // control and status registers
	ClassSystem              // always leaves the interpreter
)

// Insn is one row of the instruction table: an instruction word w is this
// instruction when w&Mask == Match.
type Insn struct {
	Name   string
	Mask   uint32
	Match  uint32
	Format Format
	Ext    Ext
	Class  Class
}

// InsnTable is the one description of the instruction set: RV64IMAFD, Zicsr,
// Zifencei. Decoder, interpreter generator, disassembler and tests are driven by it.
// Encodings: RISC-V unprivileged ISA manual, version 20191213, chapter 24.
var InsnTable = [NumOps]Insn{
	OpLui:      {"lui", 0x0000007f, 0x00000037, FmtU, ExtI, ClassALU},
	OpAuipc:    {"auipc", 0x0000007f, 0x00000017, FmtU, ExtI, ClassALU},
	OpJal:      {"jal", 0x0000007f, 0x0000006f, FmtJ, ExtI, ClassJump},
	OpJalr:     {"jalr", 0x0000707f, 0x00000067, FmtI, ExtI, ClassJump},
	OpBeq:      {"beq", 0x0000707f, 0x00000063, FmtB, ExtI, ClassBranch},
	OpBne:      {"bne", 0x0000707f, 0x00001063, FmtB, ExtI, ClassBranch},
	OpBlt:      {"blt", 0x0000707f, 0x00004063, FmtB, ExtI, ClassBranch},
	OpBge:      {"bge", 0x0000707f, 0x00005063, FmtB, ExtI, ClassBranch},
	OpBltu:     {"bltu", 0x0000707f, 0x00006063, FmtB, ExtI, ClassBranch},
	OpBgeu:     {"bgeu", 0x0000707f, 0x00007063, FmtB, ExtI, ClassBranch},
	OpLb:       {"lb", 0x0000707f, 0x00000003, FmtLoad, ExtI, ClassLoad},
	OpLh:       {"lh", 0x0000707f, 0x00001003, FmtLoad, ExtI, ClassLoad},
	OpLw:       {"lw", 0x0000707f, 0x00002003, FmtLoad, ExtI, ClassLoad},
	OpLd:       {"ld", 0x0000707f, 0x00003003, FmtLoad, ExtI, ClassLoad},
	OpLbu:      {"lbu", 0x0000707f, 0x00004003, FmtLoad, ExtI, ClassLoad},
	OpLhu:      {"lhu", 0x0000707f, 0x00005003, FmtLoad, ExtI, ClassLoad},
	OpLwu:      {"lwu", 0x0000707f, 0x00006003, FmtLoad, ExtI, ClassLoad},
	OpSb:       {"sb", 0x0000707f, 0x00000023, FmtStore, ExtI, ClassStore},
	OpSh:       {"sh", 0x0000707f, 0x00001023, FmtStore, ExtI, ClassStore},
	OpSw:       {"sw", 0x0000707f, 0x00002023, FmtStore, ExtI, ClassStore},
	OpSd:       {"sd", 0x0000707f, 0x00003023, FmtStore, ExtI, ClassStore},
	OpAddi:     {"addi", 0x0000707f, 0x00000013, FmtI, ExtI, ClassALU},
	OpSlti:     {"slti", 0x0000707f, 0x00002013, FmtI, ExtI, ClassALU},
	OpSltiu:    {"sltiu", 0x0000707f, 0x00003013, FmtI, ExtI, ClassALU},
	OpXori:     {"xori", 0x0000707f, 0x00004013, FmtI, ExtI, ClassALU},
	OpOri:      {"ori", 0x0000707f, 0x00006013, FmtI, ExtI, ClassALU},
	OpAndi:     {"andi", 0x0000707f, 0x00007013, FmtI, ExtI, ClassALU},
	OpSlli:     {"slli", 0xfc00707f, 0x00001013, FmtShift6, ExtI, ClassALU},
	OpSrli:     {"srli", 0xfc00707f, 0x00005013, FmtShift6, ExtI, ClassALU},
	OpSrai:     {"srai", 0xfc00707f, 0x40005013, FmtShift6, ExtI, ClassALU},
	OpAdd:      {"add", 0xfe00707f, 0x00000033, FmtR, ExtI, ClassALU},
	OpSub:      {"sub", 0xfe00707f, 0x40000033, FmtR, ExtI, ClassALU},
	OpSll:      {"sll", 0xfe00707f, 0x00001033, FmtR, ExtI, ClassALU},
	OpSlt:      {"slt", 0xfe00707f, 0x00002033, FmtR, ExtI, ClassALU},
	OpSltu:     {"sltu", 0xfe00707f, 0x00003033, FmtR, ExtI, ClassALU},
	OpXor:      {"xor", 0xfe00707f, 0x00004033, FmtR, ExtI, ClassALU},
	OpSrl:      {"srl", 0xfe00707f, 0x00005033, FmtR, ExtI, ClassALU},
	OpSra:      {"sra", 0xfe00707f, 0x40005033, FmtR, ExtI, ClassALU},
	OpOr:       {"or", 0xfe00707f, 0x00006033, FmtR, ExtI, ClassALU},
	OpAnd:      {"and", 0xfe00707f, 0x00007033, FmtR, ExtI, ClassALU},
	OpAddiw:    {"addiw", 0x0000707f, 0x0000001b, FmtI, ExtI, ClassALU},
	OpSlliw:    {"slliw", 0xfe00707f, 0x0000101b, FmtShift5, ExtI, ClassALU},
	OpSrliw:    {"srliw", 0xfe00707f, 0x0000501b, FmtShift5, ExtI, ClassALU},
	OpSraiw:    {"sraiw", 0xfe00707f, 0x4000501b, FmtShift5, ExtI, ClassALU},
	OpAddw:     {"addw", 0xfe00707f, 0x0000003b, FmtR, ExtI, ClassALU},
	OpSubw:     {"subw", 0xfe00707f, 0x4000003b, FmtR, ExtI, ClassALU},
	OpSllw:     {"sllw", 0xfe00707f, 0x0000103b, FmtR, ExtI, ClassALU},
	OpSrlw:     {"srlw", 0xfe00707f, 0x0000503b, FmtR, ExtI, ClassALU},
	OpSraw:     {"sraw", 0xfe00707f, 0x4000503b, FmtR, ExtI, ClassALU},
	OpFence:    {"fence", 0x0000707f, 0x0000000f, FmtFence, ExtI, ClassFence},
	OpFenceI:   {"fence.i", 0x0000707f, 0x0000100f, FmtNone, ExtZifencei, ClassSystem},
	OpEcall:    {"ecall", 0xffffffff, 0x00000073, FmtNone, ExtI, ClassSystem},
	OpEbreak:   {"ebreak", 0xffffffff, 0x00100073, FmtNone, ExtI, ClassSystem},
	OpCsrrw:    {"csrrw", 0x0000707f, 0x00001073, FmtCSR, ExtZicsr, ClassCSR},
	OpCsrrs:    {"csrrs", 0x0000707f, 0x00002073, FmtCSR, ExtZicsr, ClassCSR},
	OpCsrrc:    {"csrrc", 0x0000707f, 0x00003073, FmtCSR, ExtZicsr, ClassCSR},
	OpCsrrwi:   {"csrrwi", 0x0000707f, 0x00005073, FmtCSRI, ExtZicsr, ClassCSR},
	OpCsrrsi:   {"csrrsi", 0x0000707f, 0x00006073, FmtCSRI, ExtZicsr, ClassCSR},
	OpCsrrci:   {"csrrci", 0x0000707f, 0x00007073, FmtCSRI, ExtZicsr, ClassCSR},
	OpMul:      {"mul", 0xfe00707f, 0x02000033, FmtR, ExtM, ClassALU},
	OpMulh:     {"mulh", 0xfe00707f, 0x02001033, FmtR, ExtM, ClassALU},
	OpMulhsu:   {"mulhsu", 0xfe00707f, 0x02002033, FmtR, ExtM, ClassALU},
	OpMulhu:    {"mulhu", 0xfe00707f, 0x02003033, FmtR, ExtM, ClassALU},
	OpDiv:      {"div", 0xfe00707f, 0x02004033, FmtR, ExtM, ClassALU},
	OpDivu:     {"divu", 0xfe00707f, 0x02005033, FmtR, ExtM, ClassALU},
	OpRem:      {"rem", 0xfe00707f, 0x02006033, FmtR, ExtM, ClassALU},
	OpRemu:     {"remu", 0xfe00707f, 0x02007033, FmtR, ExtM, ClassALU},
	OpMulw:     {"mulw", 0xfe00707f, 0x0200003b, FmtR, ExtM, ClassALU},
	OpDivw:     {"divw", 0xfe00707f, 0x0200403b, FmtR, ExtM, ClassALU},
	OpDivuw:    {"divuw", 0xfe00707f, 0x0200503b, FmtR, ExtM, ClassALU},
	OpRemw:     {"remw", 0xfe00707f, 0x0200603b, FmtR, ExtM, ClassALU},
	OpRemuw:    {"remuw", 0xfe00707f, 0x0200703b, FmtR, ExtM, ClassALU},
	OpLrW:      {"lr.w", 0xf9f0707f, 0x1000202f, FmtLR, ExtA, ClassAMO},
	OpScW:      {"sc.w", 0xf800707f, 0x1800202f, FmtAMO, ExtA, ClassAMO},
	OpAmoswapW: {"amoswap.w", 0xf800707f, 0x0800202f, FmtAMO, ExtA, ClassAMO},
	OpAmoaddW:  {"amoadd.w", 0xf800707f, 0x0000202f, FmtAMO, ExtA, ClassAMO},
	OpAmoxorW:  {"amoxor.w", 0xf800707f, 0x2000202f, FmtAMO, ExtA, ClassAMO},
	OpAmoandW:  {"amoand.w", 0xf800707f, 0x6000202f, FmtAMO, ExtA, ClassAMO},
	OpAmoorW:   {"amoor.w", 0xf800707f, 0x4000202f, FmtAMO, ExtA, ClassAMO},
	OpAmominW:  {"amomin.w", 0xf800707f, 0x8000202f, FmtAMO, ExtA, ClassAMO},
	OpAmomaxW:  {"amomax.w", 0xf800707f, 0xa000202f, FmtAMO, ExtA, ClassAMO},
	OpAmominuW: {"amominu.w", 0xf800707f, 0xc000202f, FmtAMO, ExtA, ClassAMO},
	OpAmomaxuW: {"amomaxu.w", 0xf800707f, 0xe000202f, FmtAMO, ExtA, ClassAMO},
	OpLrD:      {"lr.d", 0xf9f0707f, 0x1000302f, FmtLR, ExtA, ClassAMO},
	OpScD:      {"sc.d", 0xf800707f, 0x1800302f, FmtAMO, ExtA, ClassAMO},
	OpAmoswapD: {"amoswap.d", 0xf800707f, 0x0800302f, FmtAMO, ExtA, ClassAMO},
	OpAmoaddD:  {"amoadd.d", 0xf800707f, 0x0000302f, FmtAMO, ExtA, ClassAMO},
	OpAmoxorD:  {"amoxor.d", 0xf800707f, 0x2000302f, FmtAMO, ExtA, ClassAMO},
	OpAmoandD:  {"amoand.d", 0xf800707f, 0x6000302f, FmtAMO, ExtA, ClassAMO},
	OpAmoorD:   {"amoor.d", 0xf800707f, 0x4000302f, FmtAMO, ExtA, ClassAMO},
	OpAmominD:  {"amomin.d", 0xf800707f, 0x8000302f, FmtAMO, ExtA, ClassAMO},
	OpAmomaxD:  {"amomax.d", 0xf800707f, 0xa000302f, FmtAMO, ExtA, ClassAMO},
	OpAmominuD: {"amominu.d", 0xf800707f, 0xc000302f, FmtAMO, ExtA, ClassAMO},
	OpAmomaxuD: {"amomaxu.d", 0xf800707f, 0xe000302f, FmtAMO, ExtA, ClassAMO},
	OpFlw:      {"flw", 0x0000707f, 0x00002007, FmtFLoad, ExtF, ClassLoad},
	OpFsw:      {"fsw", 0x0000707f, 0x00002027, FmtFStore, ExtF, ClassStore},
	OpFmaddS:   {"fmadd.s", 0x0600007f, 0x00000043, FmtFR4, ExtF, ClassFP},
	OpFmsubS:   {"fmsub.s", 0x0600007f, 0x00000047, FmtFR4, ExtF, ClassFP},
	OpFnmsubS:  {"fnmsub.s", 0x0600007f, 0x0000004b, FmtFR4, ExtF, ClassFP},
	OpFnmaddS:  {"fnmadd.s", 0x0600007f, 0x0000004f, FmtFR4, ExtF, ClassFP},
	OpFaddS:    {"fadd.s", 0xfe00007f, 0x00000053, FmtFR, ExtF, ClassFP},
	OpFsubS:    {"fsub.s", 0xfe00007f, 0x08000053, FmtFR, ExtF, ClassFP},
	OpFmulS:    {"fmul.s", 0xfe00007f, 0x10000053, FmtFR, ExtF, ClassFP},
	OpFdivS:    {"fdiv.s", 0xfe00007f, 0x18000053, FmtFR, ExtF, ClassFP},
	OpFsqrtS:   {"fsqrt.s", 0xfff0007f, 0x58000053, FmtFR2, ExtF, ClassFP},
	OpFsgnjS:   {"fsgnj.s", 0xfe00707f, 0x20000053, FmtFRNoRM, ExtF, ClassFP},
	OpFsgnjnS:  {"fsgnjn.s", 0xfe00707f, 0x20001053, FmtFRNoRM, ExtF, ClassFP},
	OpFsgnjxS:  {"fsgnjx.s", 0xfe00707f, 0x20002053, FmtFRNoRM, ExtF, ClassFP},
	OpFminS:    {"fmin.s", 0xfe00707f, 0x28000053, FmtFRNoRM, ExtF, ClassFP},
	OpFmaxS:    {"fmax.s", 0xfe00707f, 0x28001053, FmtFRNoRM, ExtF, ClassFP},
	OpFeqS:     {"feq.s", 0xfe00707f, 0xa0002053, FmtFCmp, ExtF, ClassFP},
	OpFltS:     {"flt.s", 0xfe00707f, 0xa0001053, FmtFCmp, ExtF, ClassFP},
	OpFleS:     {"fle.s", 0xfe00707f, 0xa0000053, FmtFCmp, ExtF, ClassFP},
	OpFcvtWS:   {"fcvt.w.s", 0xfff0007f, 0xc0000053, FmtFToX, ExtF, ClassFP},
	OpFcvtWuS:  {"fcvt.wu.s", 0xfff0007f, 0xc0100053, FmtFToX, ExtF, ClassFP},
	OpFcvtLS:   {"fcvt.l.s", 0xfff0007f, 0xc0200053, FmtFToX, ExtF, ClassFP},
	OpFcvtLuS:  {"fcvt.lu.s", 0xfff0007f, 0xc0300053, FmtFToX, ExtF, ClassFP},
	OpFcvtSW:   {"fcvt.s.w", 0xfff0007f, 0xd0000053, FmtFFromX, ExtF, ClassFP},
	OpFcvtSWu:  {"fcvt.s.wu", 0xfff0007f, 0xd0100053, FmtFFromX, ExtF, ClassFP},
	OpFcvtSL:   {"fcvt.s.l", 0xfff0007f, 0xd0200053, FmtFFromX, ExtF, ClassFP},
	OpFcvtSLu:  {"fcvt.s.lu", 0xfff0007f, 0xd0300053, FmtFFromX, ExtF, ClassFP},
	OpFmvXW:    {"fmv.x.w", 0xfff0707f, 0xe0000053, FmtFToXNoRM, ExtF, ClassFP},
	OpFclassS:  {"fclass.s", 0xfff0707f, 0xe0001053, FmtFToXNoRM, ExtF, ClassFP},
	OpFmvWX:    {"fmv.w.x", 0xfff0707f, 0xf0000053, FmtFFromXNoRM, ExtF, ClassFP},
	OpFld:      {"fld", 0x0000707f, 0x00003007, FmtFLoad, ExtD, ClassLoad},
	OpFsd:      {"fsd", 0x0000707f, 0x00003027, FmtFStore, ExtD, ClassStore},
	OpFmaddD:   {"fmadd.d", 0x0600007f, 0x02000043, FmtFR4, ExtD, ClassFP},
	OpFmsubD:   {"fmsub.d", 0x0600007f, 0x02000047, FmtFR4, ExtD, ClassFP},
	OpFnmsubD:  {"fnmsub.d", 0x0600007f, 0x0200004b, FmtFR4, ExtD, ClassFP},
	OpFnmaddD:  {"fnmadd.d", 0x0600007f, 0x0200004f, FmtFR4, ExtD, ClassFP},
	OpFaddD:    {"fadd.d", 0xfe00007f, 0x02000053, FmtFR, ExtD, ClassFP},
	OpFsubD:    {"fsub.d", 0xfe00007f, 0x0a000053, FmtFR, ExtD, ClassFP},
	OpFmulD:    {"fmul.d", 0xfe00007f, 0x12000053, FmtFR, ExtD, ClassFP},
	OpFdivD:    {"fdiv.d", 0xfe00007f, 0x1a000053, FmtFR, ExtD, ClassFP},
	OpFsqrtD:   {"fsqrt.d", 0xfff0007f, 0x5a000053, FmtFR2, ExtD, ClassFP},
	OpFsgnjD:   {"fsgnj.d", 0xfe00707f, 0x22000053, FmtFRNoRM, ExtD, ClassFP},
	OpFsgnjnD:  {"fsgnjn.d", 0xfe00707f, 0x22001053, FmtFRNoRM, ExtD, ClassFP},
	OpFsgnjxD:  {"fsgnjx.d", 0xfe00707f, 0x22002053, FmtFRNoRM, ExtD, ClassFP},
	OpFminD:    {"fmin.d", 0xfe00707f, 0x2a000053, FmtFRNoRM, ExtD, ClassFP},
	OpFmaxD:    {"fmax.d", 0xfe00707f, 0x2a001053, FmtFRNoRM, ExtD, ClassFP},
	OpFeqD:     {"feq.d", 0xfe00707f, 0xa2002053, FmtFCmp, ExtD, ClassFP},
	OpFltD:     {"flt.d", 0xfe00707f, 0xa2001053, FmtFCmp, ExtD, ClassFP},
	OpFleD:     {"fle.d", 0xfe00707f, 0xa2000053, FmtFCmp, ExtD, ClassFP},
	OpFcvtWD:   {"fcvt.w.d", 0xfff0007f, 0xc2000053, FmtFToX, ExtD, ClassFP},
	OpFcvtWuD:  {"fcvt.wu.d", 0xfff0007f, 0xc2100053, FmtFToX, ExtD, ClassFP},
	OpFcvtLD:   {"fcvt.l.d", 0xfff0007f, 0xc2200053, FmtFToX, ExtD, ClassFP},
	OpFcvtLuD:  {"fcvt.lu.d", 0xfff0007f, 0xc2300053, FmtFToX, ExtD, ClassFP},
	OpFcvtDW:   {"fcvt.d.w", 0xfff0007f, 0xd2000053, FmtFFromX, ExtD, ClassFP},
	OpFcvtDWu:  {"fcvt.d.wu", 0xfff0007f, 0xd2100053, FmtFFromX, ExtD, ClassFP},
	OpFcvtDL:   {"fcvt.d.l", 0xfff0007f, 0xd2200053, FmtFFromX, ExtD, ClassFP},
	OpFcvtDLu:  {"fcvt.d.lu", 0xfff0007f, 0xd2300053, FmtFFromX, ExtD, ClassFP},
	OpFmvXD:    {"fmv.x.d", 0xfff0707f, 0xe2000053, FmtFToXNoRM, ExtD, ClassFP},
	OpFclassD:  {"fclass.d", 0xfff0707f, 0xe2001053, FmtFToXNoRM, ExtD, ClassFP},
	OpFmvDX:    {"fmv.d.x", 0xfff0707f, 0xf2000053, FmtFFromXNoRM, ExtD, ClassFP},
	OpFcvtSD:   {"fcvt.s.d", 0xfff0007f, 0x40100053, FmtFR2, ExtD, ClassFP},
	OpFcvtDS:   {"fcvt.d.s", 0xfff0007f, 0x42000053, FmtFR2, ExtD, ClassFP},
}
