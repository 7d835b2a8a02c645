// Package riscv executes RV64GC guest code: it decodes instructions into traces,
// keeps them in an arena that all harts share, and interprets them.
//
// It owns the arena of decoded code and the per-hart caches into it. It does not own
// guest memory, page tables or threads: mm gives it translation tables (below) and
// FetchPage, the scheduler gives it an abi.CpuContext and a budget.
//
// # Translation
//
// abi.CpuContext.RtDir and WtDir are linear addresses of directories of 1,024 words,
// indexed by bits 22..31 of a guest address; each holds the linear address of a leaf
// of 1,024 words, indexed by bits 12..21. A present page's entry is its frame's linear
// address less the page's guest address (mod 2^32: the low 12 bits are 0); an absent
// one is 7. No directory entry is 0: absent leaves are one shared leaf of sevens.
// Addresses from 4 GiB up leave the loop: abi.CpuContext.High has their directories
// (memory.go), and code there is looked up anew at each jump out of its page.
//
// # Locks
//
// One, the arena's (arena.go); FetchPage and TimeNow are called without it.
package riscv

import (
	"sync/atomic"

	"foreshore.dev/kernel/abi"
)

// FetchFunc finds, for a hart, the frame that holds the executable page at the guest address
// va (a multiple of 4096) of an address space. It calls MarkCode(frame) before it
// returns true; false means a fetch page fault.
type FetchFunc func(hart uint32, as abi.AddressSpaceRef, va uint64) (frame uint32, ok bool)

// FetchPage and TimeNow are hooks (boot/wire.go). TimeNow gives the value of the time
// CSR: ticks of the 10 MHz time base that /proc and hwprobe announce.
var (
	FetchPage FetchFunc
	TimeNow   func() uint64
)

// Exit says why Run came back. At every exit c.Pc is the instruction to go on with,
// and c.Instret and c.Left count exactly what retired.
type Exit uint32

// The exits. A fault's instruction has not retired, nor has ecall or ebreak: c.Pc is at it.
const (
	ExitBudget           Exit = iota // c.Left is 0 or below (by at most 30: budgets are checked at jumps)
	ExitPoll                         // the hart's poll word is not 0
	ExitEcall                        // system call; the kernel moves c.Pc on by 4
	ExitEbreak                       // c.FaultInsn tells ebreak (4 bytes) from c.ebreak (2)
	ExitIllegal                      // c.FaultInsn is the word, or the halfword of a compressed one
	ExitLoadFault                    // load page fault at c.FaultAddr
	ExitStoreFault                   // store or AMO page fault at c.FaultAddr
	ExitFetchFault                   // instruction page fault at c.FaultAddr
	ExitMisalignedAtomic             // LR, SC or AMO at the misaligned c.FaultAddr

	exitNone // internal: go on
)

// Why the inner loop left (loop_gen.go).
const (
	whySlow    = iota // the op at ip is to be executed outside
	whyMem            // the load or store at ip found no aligned present page
	whyBudget         // the branch at ip is taken and the slice is used up
	whyTarget         // an indirect jump to h.target has retired: TLB miss or slice used up
	whyResolve        // the stub at ip is to be linked
)

// Run executes guest code until something needs the kernel. c is the thread's
// context, h the hart that runs it (registered: Register). It is called again and
// again by the hart's loop; between calls anything in c may have changed.
func Run(c *abi.CpuContext, h *HartCpu) Exit {
	poll := (*uint32)(ptr(h.Poll))
	for {
		if atomic.LoadUint32(poll) != 0 {
			return ExitPoll
		}
		if c.Left <= 0 {
			return ExitBudget
		}
		h.enter(c)
		ip, exit := h.again(c)
		if ip == 0 {
			ip, exit = h.find(c, c.Pc)
		}
		if exit == exitNone && ip == 0 {
			continue // decoded code was dropped meanwhile
		}
		if exit != exitNone {
			return exit
		}
		atomic.StoreUint32(&h.busy, 1)
		if arena.epoch.Load() == h.epoch {
			exit = h.slice(c, ip)
		}
		atomic.StoreUint32(&h.busy, 0)
		if exit == ExitStoreFault {
			h.keep(c)
		}
		if exit != exitNone {
			return exit
		}
	}
}

// A page that holds decoded code is not writable, and a page that was made writable
// holds none: a store into the page that it is executed from would fault, be decoded
// again and fault again. So the op of a store that faulted is kept, and the next call
// of Run, when it is at the same instruction, executes that copy.

// keep readies the copy that slice made; the instruction's length is what it lacks.
func (h *HartCpu) keep(c *abi.CpuContext) {
	h.retry.ctx = 0
	fault := c.FaultAddr
	code, _ := h.codePage(c, c.Pc)
	c.FaultAddr = fault // a miss would have put the page of the pc there
	if code == 0 || mapAt(code).valid == 0 {
		return // what faulted is no longer what is there
	}
	off := uint32(c.Pc) & (pageSize - 1)
	_, length := fetch(mapAt(code).frame, off)
	if length == 0 {
		length = 4 // it straddles
	}
	ip := addrOf(ptrTo(&h.retry.ops[0]))
	op := half(ip)
	if op.code >= codeFused {
		op.code = fuseRules[op.code-codeFused].code[0]
	}
	op.off = uint16(off>>1 | 1<<11)
	next := ip + uint32(opBytes[op.code])
	if op.code == codeSlow {
		next = ip + opMaxBytes
	}
	*half(next) = opHalf{code: codeFar, c: 1}
	*tailAt(next) = opTail{0, int32(off + length)}
	h.retry.pc, h.retry.ctx, h.retry.as = c.Pc, h.ctx, c.As
}

// again returns the kept op when the context is still at it. It serves once.
func (h *HartCpu) again(c *abi.CpuContext) (uint32, Exit) {
	r := &h.retry
	if r.ctx == 0 {
		return 0, exitNone
	}
	kept := r.ctx == h.ctx && r.pc == c.Pc && r.as == c.As
	r.ctx = 0
	if !kept {
		return 0, exitNone
	}
	return addrOf(ptrTo(&r.ops[0])), exitNone
}

// slice runs from ip for up to sliceInsns instructions. The hart is busy.
//
//go:norace
func (h *HartCpu) slice(c *abi.CpuContext, ip uint32) Exit {
	limit := c.Left
	if limit > abi.FixedPollInsns {
		limit = abi.FixedPollInsns
	}
	h.ip, h.left, h.page = ip, limit, c.Pc&^(pageSize-1)
	h.fp = fpMode(c.Fcsr)
	exit := Exit(exitNone)
	for why := run(h); ; why = rerun(h) {
		switch why {
		case whyBudget:
			c.Pc = h.page + uint64(tailAt(branchAt(h.ip)).disp)
		case whyTarget:
			c.Pc = h.target
		case whyResolve:
			if h.resolve(c) {
				continue
			}
		case whyMem:
			if exit = h.memory(c); exit == exitNone {
				continue
			}
		case whySlow:
			var on bool
			if exit, on = h.execute(c, limit); on {
				continue
			}
		}
		if exit == ExitStoreFault {
			*half(addrOf(ptrTo(&h.retry.ops[0]))), *tailAt(addrOf(ptrTo(&h.retry.ops[0]))) = *half(h.ip), *tailAt(h.ip)
		}
		retired := limit - h.left
		c.Left -= retired
		c.Instret += uint64(retired)
		return exit
	}
}

// rerun is run. A function with one caller is inlined by binaryen whatever Go says, and
// the loop is much slower amid the calls of slice: so it has two.
//
//go:noinline
func rerun(h *HartCpu) uint32 { return run(h) }

// branchAt is the identity: whyBudget leaves with ip at the branch itself, also
// inside a fused sequence.
func branchAt(ip uint32) uint32 { return ip }

// stop leaves at the instruction of the op at h.ip, which has not retired.
func (h *HartCpu) stop(c *abi.CpuContext, off uint16) {
	c.Pc = h.page + uint64(offsetOf(off))
	h.left -= int32(ordinal(off)) - 1
}

// find returns the op that starts at pc, or the exit that its fetch ends in; 0 and
// exitNone when the caller shall try again. The hart is not busy.
func (h *HartCpu) find(c *abi.CpuContext, pc uint64) (uint32, Exit) {
	if e := &h.code[pc>>1%tlbEntries]; e.key == pc|uint64(h.gen)<<32 && pc>>32 == 0 {
		return e.ip, exitNone
	}
	code, exit := h.codePage(c, pc)
	if code == 0 {
		return 0, exit
	}
	off := uint32(pc) & (pageSize - 1)
	h.lockArena()
	if arena.epoch.Load() != h.epoch || mapAt(code).valid == 0 {
		h.pages[pc>>12%pageSlots].page = ^uint64(0)
		unlockArena()
		return 0, exitNone
	}
	ip := mapAt(code).ops[off>>1]
	if ip == 0 {
		insn, length := fetch(mapAt(code).frame, off)
		if length == 0 {
			unlockArena()
			return h.straddle(c, pc, insn)
		}
		ip = decodeTrace(code, off)
		if ip == 0 {
			empty(h)
			unlockArena()
			return 0, exitNone
		}
	}
	unlockArena()
	h.remember(pc, ip)
	return ip, exitNone
}

// codePage returns the code map of the page of pc.
func (h *HartCpu) codePage(c *abi.CpuContext, pc uint64) (uint32, Exit) {
	page := pc &^ (pageSize - 1)
	e := &h.pages[pc>>12%pageSlots]
	if e.page == page && e.gen == h.gen {
		return e.code, exitNone
	}
	frame, ok := FetchPage(h.Hart, c.As, page)
	code := uint32(0)
	if ok {
		h.lockArena()
		code = findMap(frame)
		unlockArena()
	}
	if code == 0 {
		// No such page, or the arena was emptied since FetchPage marked it: its
		// caller marks it again.
		c.FaultAddr = pc
		return 0, ExitFetchFault
	}
	*e = pageEntry{page, h.gen, code}
	return code, exitNone
}

// straddle makes the op of an instruction whose first half, low, ends a page. It is
// not entered into any code map, but into one of the hart's own slots, and found again
// by the code TLB only.
func (h *HartCpu) straddle(c *abi.CpuContext, pc uint64, low uint32) (uint32, Exit) {
	next := pc + 2
	code, exit := h.codePage(c, next)
	if code == 0 {
		return 0, exit
	}
	h.lockArena()
	if arena.epoch.Load() != h.epoch || mapAt(code).valid == 0 {
		h.pages[next>>12%pageSlots].page = ^uint64(0)
		unlockArena()
		return 0, exitNone
	}
	insn := low | uint32(*(*uint16)(ptr(mapAt(code).frame)))<<16
	unlockArena()
	slot := &h.cuts[pc>>12%cutSlots]
	if old := &h.code[slot.key>>1%tlbEntries]; old.key == slot.key {
		old.key = 0
	}
	slot.key = pc | uint64(h.gen)<<32
	ip := addrOf(ptrTo(&slot.ops[0]))
	b := builder{at: ip, off: pageSize - 2, n: 1}
	if b.insn(insn, 4) {
		// A jump within the page moved off to its target; all else goes on behind.
		b.wide(codeFar, 0, 0, 0, int32(b.off))
	}
	// The only link there can be leads through the code TLB, wherever the target is.
	for i := 0; i < b.links; i++ {
		tail := tailAt(b.linked[i])
		*half(b.at) = opHalf{code: codeFar}
		*tailAt(b.at) = opTail{0, tail.disp}
		tail.link = b.at
		b.at += 16
	}
	h.remember(pc, ip)
	return ip, exitNone
}

// resolve links the branch whose stub is at h.ip and goes on at its target; false
// when the slice has to end with c.Pc at the target.
//
//go:norace
func (h *HartCpu) resolve(c *abi.CpuContext) bool {
	tail := *tailAt(h.ip)
	code := uint32(opImmAt(h.ip).imm)
	c.Pc = h.page + uint64(tail.disp)
	// Not busy while waiting for the lock: its holder may be waiting for this hart.
	atomic.StoreUint32(&h.busy, 0)
	h.lockArena()
	defer unlockArena()
	if arena.epoch.Load() != h.epoch || mapAt(code).valid == 0 {
		return false
	}
	ip := mapAt(code).ops[tail.disp>>1]
	if ip == 0 {
		if _, length := fetch(mapAt(code).frame, uint32(tail.disp)); length == 0 {
			return false // the target straddles: found by pc each time
		}
		if ip = decodeTrace(code, uint32(tail.disp)); ip == 0 {
			empty(h)
			return false
		}
	}
	// Ordered after the trace's own words; readers depend on the address.
	atomic.StoreUint32(&tailAt(tail.link).link, ip)
	atomic.StoreUint32(&h.busy, 1)
	h.ip = ip
	return true
}
