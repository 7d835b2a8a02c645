package syscalls

import (
	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/cred"
	"foreshore.dev/kernel/kmem"
	"foreshore.dev/kernel/mm"
	"foreshore.dev/kernel/proc"
	"foreshore.dev/kernel/sched"
)

// Versions of capget(2)'s structures (uapi linux/capability.h).
const (
	capVersion1 = 0x19980330
	capVersion2 = 0x20071026
	capVersion3 = 0x20080522
)

// capHeader reads the header of capget(2) and capset(2): how many words each
// set has, and the process that is meant. Of a version that it does not know
// it tells the one that it prefers, with EINVAL.
func capHeader(c *sched.Ctx) (words uint32, pid int32, e abi.Errno) {
	if e := mm.CopyIn(c, c.InPage(8), c.Arg(0)); e != abi.OK {
		return 0, 0, e
	}
	pid = int32(kmem.Load32(c.Page + 4))
	switch kmem.Load32(c.Page) {
	case capVersion1:
		return 1, pid, abi.OK
	case capVersion2, capVersion3:
		return 2, pid, abi.OK
	}
	if e := mm.Store32(c, c.Arg(0), capVersion3); e != abi.OK {
		return 0, 0, e
	}
	return 0, 0, abi.EINVAL
}

func sysCapget(c *sched.Ctx) (uint64, abi.Errno) {
	words, pid, e := capHeader(c)
	if c.Arg(1) == 0 && (e == abi.OK || e == abi.EINVAL) {
		return 0, abi.OK // it only asks for the version
	}
	if e != abi.OK {
		return 0, e
	}
	p := c.Process
	if pid < 0 {
		return 0, abi.EINVAL
	}
	if pid != 0 {
		t := proc.FindThread(uint32(pid))
		if t == 0 {
			return 0, abi.ESRCH
		}
		p = kmem.Thread(t).State.Process
	}
	s := &kmem.Process(p).State
	for i := range words {
		kmem.Store32(c.Page+i*12, uint32(s.CapEffective>>(32*i)))
		kmem.Store32(c.Page+i*12+4, uint32(s.CapPermitted>>(32*i)))
		kmem.Store32(c.Page+i*12+8, uint32(s.CapInheritable>>(32*i)))
	}
	return 0, mm.CopyOut(c, c.Arg(1), c.InPage(words*12))
}

// capset(2) takes capabilities away, and moves them between the sets within
// what is permitted.
func sysCapset(c *sched.Ctx) (uint64, abi.Errno) {
	words, pid, e := capHeader(c)
	if e != abi.OK {
		return 0, e
	}
	if pid != 0 && uint32(pid) != c.T().State.Tid {
		return 0, abi.EPERM
	}
	kmem.Zero(c.Page, 24)
	if e := mm.CopyIn(c, c.InPage(words*12), c.Arg(1)); e != abi.OK {
		return 0, e
	}
	set := func(at uint32) uint64 {
		return (uint64(kmem.Load32(c.Page+at)) | uint64(kmem.Load32(c.Page+12+at))<<32) & cred.All
	}
	effective, permitted, inheritable := set(0), set(4), set(8)
	s := &c.P().State
	switch {
	case !cred.Has(c, abi.CAP_SETPCAP) && inheritable&^(s.CapInheritable|s.CapPermitted) != 0,
		inheritable&^(s.CapInheritable|s.CapBounding) != 0,
		permitted&^s.CapPermitted != 0,
		effective&^permitted != 0:
		return 0, abi.EPERM
	}
	s.CapEffective, s.CapPermitted, s.CapInheritable = effective, permitted, inheritable
	s.CapAmbient &= permitted & inheritable
	return 0, abi.OK
}
