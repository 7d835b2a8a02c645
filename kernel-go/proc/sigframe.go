package proc

import (
	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/kmem"
	"foreshore.dev/kernel/mm"
	"foreshore.dev/kernel/sched"
)

// Signal frames: struct rt_sigframe of arch/riscv/kernel/signal.c, as guests
// (and their unwinders) know it.

const (
	regRA = 1
	regSP = 2
	regA0 = 10
	regA1 = 11
	regA2 = 12
)

// pcOf is where a guest's address makes a thread go on: as in the sepc register,
// bit 0 does not count (privileged ISA manual, 4.1.7).
func pcOf(va uint64) uint64 { return va &^ 1 }

func onAltStack(t *abi.ThreadSlot, sp uint64) bool {
	a := &t.State.AltStack
	return a.Flags&abi.SS_DISABLE == 0 && sp > a.Sp && sp-a.Sp <= a.Size
}

// pushFrame makes the thread run a handler; false when its stack cannot take
// the frame.
func pushFrame(c *sched.Ctx, s *Sig, a *abi.Sigaction) bool {
	t := c.T()
	cpu := &t.Cpu
	sp := cpu.X[regSP]
	if a.Flags&abi.SA_ONSTACK != 0 && t.State.AltStack.Flags&abi.SS_DISABLE == 0 && !onAltStack(t, sp) {
		sp = t.State.AltStack.Sp + t.State.AltStack.Size
	} else if onAltStack(t, sp) && !onAltStack(t, sp-abi.RtSigframeSize) {
		return false
	}
	sp = (sp - abi.RtSigframeSize) &^ 15
	kmem.Zero(c.Page, abi.RtSigframeSize)
	f := (*abi.RtSigframe)(kmem.Ptr(c.Page))
	fillSiginfo(&f.Info, s)
	f.Uc.Stack = t.State.AltStack
	if onAltStack(t, cpu.X[regSP]) {
		f.Uc.Stack.Flags |= abi.SS_ONSTACK
	}
	mask := t.State.Sigmask
	if t.State.Flags&abi.ThreadFlagHasSavedSigmask != 0 {
		mask = t.State.SavedSigmask
	}
	f.Uc.Sigmask = mask
	m := &f.Uc.Mcontext
	m.Regs.Pc = cpu.Pc
	for i := range m.Regs.X {
		m.Regs.X[i] = cpu.X[i+1]
	}
	m.Fp.F, m.Fp.Fcsr = cpu.F, cpu.Fcsr
	if mm.CopyOut(c, sp, c.InPage(abi.RtSigframeSize)) != abi.OK {
		return false
	}
	t.State.Flags &^= abi.ThreadFlagHasSavedSigmask
	if t.State.AltStack.Flags&abi.SS_AUTODISARM != 0 {
		t.State.AltStack = abi.Sigaltstack{Flags: abi.SS_DISABLE}
	}
	cpu.X[regRA] = vdsoAddress + vdsoSigreturn
	cpu.X[regSP] = sp
	cpu.X[regA0] = uint64(s.Signo)
	cpu.X[regA1] = sp
	cpu.X[regA2] = sp + abi.SiginfoSize
	cpu.Pc = pcOf(uint64(a.Handler))
	cpu.LrValid = 0
	t.State.Sigmask |= a.Mask &^ unmaskable
	if a.Flags&abi.SA_NODEFER == 0 {
		t.State.Sigmask |= bit(s.Signo)
	}
	return true
}

func fillSiginfo(i *abi.Siginfo, s *Sig) {
	i.Signo, i.Errno, i.Code = int32(s.Signo), s.Errno, s.Code
	i.Field0, i.Field1, i.Field2, i.Field3 = s.Field0, s.Field1, s.Field2, s.Field3
}

// WriteSiginfo stores a siginfo_t in user memory.
func WriteSiginfo(c *sched.Ctx, va uint64, s *Sig) abi.Errno {
	kmem.Zero(c.Page, abi.SiginfoSize)
	fillSiginfo((*abi.Siginfo)(kmem.Ptr(c.Page)), s)
	return mm.CopyOut(c, va, c.InPage(abi.SiginfoSize))
}

// Sigreturn is rt_sigreturn(2): the frame is the guest's, and so is whatever
// registers it now holds.
func Sigreturn(c *sched.Ctx) abi.Errno {
	t := c.T()
	cpu := &t.Cpu
	sp := cpu.X[regSP]
	if sp&15 != 0 || mm.CopyIn(c, c.InPage(abi.RtSigframeSize), sp) != abi.OK {
		s := Sig{Signo: abi.SIGSEGV, Code: int32(abi.SI_KERNEL)}
		ForceSignal(c, &s)
		return abi.ENORETURN
	}
	f := (*abi.RtSigframe)(kmem.Ptr(c.Page))
	t.State.Sigmask = f.Uc.Sigmask &^ unmaskable
	m := &f.Uc.Mcontext
	cpu.Pc = pcOf(m.Regs.Pc)
	for i := range m.Regs.X {
		cpu.X[i+1] = m.Regs.X[i]
	}
	cpu.F, cpu.Fcsr = m.Fp.F, m.Fp.Fcsr&0xff
	cpu.LrValid = 0
	st := f.Uc.Stack
	st.Flags &^= abi.SS_ONSTACK
	if st.Flags&^(abi.SS_DISABLE|abi.SS_AUTODISARM) == 0 && (st.Flags&abi.SS_DISABLE != 0 || st.Size >= uint64(abi.MINSIGSTKSZ)) {
		t.State.AltStack = st
	}
	return abi.ENORETURN
}
