package proc

import (
	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/kmem"
	"foreshore.dev/kernel/oom"
	"foreshore.dev/kernel/sched"
)

// OutOfMemory is called when the caller's thread needs a page and there is
// none: the process that package oom names is ended. It says whether that was
// the caller's; else the thread makes its access again until there is memory.
func OutOfMemory(c *sched.Ctx) bool {
	victim := oom.Victim()
	if victim == 0 {
		victim = c.Process // all are protected: whoever needs the memory goes
	}
	p := kmem.Process(victim)
	if victim != c.Process && p.State.Pending&bit(abi.SIGKILL) != 0 {
		return false // it is about to go
	}
	kmem.LogString(abi.LogLevelWarn, "out of memory: a process is killed")
	if victim == c.Process {
		ExitGroup(c, uint32(abi.SIGKILL))
		return true
	}
	_ = SendProcess(c, victim, abi.SIGKILL)
	return false
}
