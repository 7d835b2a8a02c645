package hart

import (
	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/kmem"
	"foreshore.dev/kernel/proc"
	"foreshore.dev/kernel/riscv"
	"foreshore.dev/kernel/sched"
)

// A hart whose worker ended while it did not hold the machine lock was in
// guest code, idle, or between the two: nothing of the kernel is half done.
// The Runtime marks it Dead; its thread's registers may be any old ones, so
// the process cannot go on.

// Dead says whether the Runtime has found a hart's worker gone.
func Dead(hart uint32) bool {
	return abi.HartState(kmem.Hart(hart).State.Load()) == abi.HartStateDead
}

// BuryDead ends the processes that dead harts ran. The kernel worker calls it.
func BuryDead(c *sched.Ctx) {
	if kmem.Header().LoadBootState() != abi.BootStateReady {
		return
	}
	for i := range kmem.Header().HartCount {
		if Dead(i) {
			bury(c, kmem.Hart(i))
		}
	}
}

// bury ends the process of the thread that a dead hart ran.
func bury(c *sched.Ctx, h *abi.HartSlot) {
	if h.Thread.Load() == 0 {
		return
	}
	bind(c, h)
	switchOut(h)
	proc.ExitGroup(c, uint32(abi.SIGKILL))
}

// takeOver readies a hart for a new worker, which is the caller.
func takeOver(c *sched.Ctx, h *abi.HartSlot) {
	bury(c, h)
	riscv.Abandon(cpuOf(h))
	localOf(c.Hart).fetches = [fetchSlots]fetched{}
	h.Poll.Store(0)
	setState(h, abi.HartStateInKernel)
}
