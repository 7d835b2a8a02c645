package syscalls

import (
	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/cred"
	"foreshore.dev/kernel/kmem"
	"foreshore.dev/kernel/mm"
	"foreshore.dev/kernel/proc"
	"foreshore.dev/kernel/sched"
)

// prctl(2). What is not in the table is EINVAL, as on a kernel without that
// option: among them PR_SET_VMA (names of anonymous memory), PR_SET_PTRACER
// (Yama), PR_GET_TSC and PR_SET_TSC (x86), PR_SET_SECCOMP.

type prctlEntry struct {
	op abi.PrctlOp
	// zeros is a bit for each argument, from the second on, that has to be 0.
	zeros   uint8
	handler Handler
}

// Which of the arguments have to be 0: those from the n-th on.
const (
	zerosFrom2 = 0b1111
	zerosFrom3 = 0b1110
)

var prctls = [...]prctlEntry{
	{abi.PR_SET_PDEATHSIG, 0, prctlSetPdeathsig},
	{abi.PR_GET_PDEATHSIG, 0, prctlGetPdeathsig},
	{abi.PR_GET_DUMPABLE, 0, prctlGetDumpable},
	{abi.PR_SET_DUMPABLE, 0, prctlSetDumpable},
	{abi.PR_GET_KEEPCAPS, 0, prctlGetKeepcaps},
	{abi.PR_SET_KEEPCAPS, 0, prctlSetKeepcaps},
	{abi.PR_GET_TIMING, 0, prctlGetTiming},
	{abi.PR_SET_TIMING, 0, prctlSetTiming},
	{abi.PR_SET_NAME, 0, prctlSetName},
	{abi.PR_GET_NAME, 0, prctlGetName},
	{abi.PR_GET_SECCOMP, 0, prctlGetSeccomp},
	{abi.PR_CAPBSET_READ, 0, prctlCapbsetRead},
	{abi.PR_CAPBSET_DROP, 0, prctlCapbsetDrop},
	{abi.PR_GET_SECUREBITS, 0, prctlGetSecurebits},
	{abi.PR_SET_SECUREBITS, 0, prctlSetSecurebits},
	{abi.PR_SET_TIMERSLACK, 0, prctlSetTimerslack},
	{abi.PR_GET_TIMERSLACK, 0, prctlGetTimerslack},
	{abi.PR_SET_CHILD_SUBREAPER, 0, prctlSetSubreaper},
	{abi.PR_GET_CHILD_SUBREAPER, 0, prctlGetSubreaper},
	{abi.PR_SET_NO_NEW_PRIVS, zerosFrom3, prctlSetNoNewPrivs},
	{abi.PR_GET_NO_NEW_PRIVS, zerosFrom2, prctlGetNoNewPrivs},
	{abi.PR_GET_TID_ADDRESS, 0, prctlGetTidAddress},
	{abi.PR_GET_THP_DISABLE, zerosFrom2, prctlGetThpDisable},
	{abi.PR_CAP_AMBIENT, 0, prctlCapAmbient},
}

func sysPrctl(c *sched.Ctx) (uint64, abi.Errno) {
	op := abi.PrctlOp(arg32(c, 0))
	for i := range prctls {
		x := &prctls[i]
		if x.op != op {
			continue
		}
		for k := range 4 {
			if x.zeros>>k&1 != 0 && c.Arg(k+1) != 0 {
				return 0, abi.EINVAL
			}
		}
		return x.handler(c)
	}
	return 0, abi.EINVAL
}

func prctlSetName(c *sched.Ctx) (uint64, abi.Errno) {
	t, p := c.T(), c.P()
	n, e := mm.CopyInString(c, c.InPage(16), c.Arg(1))
	if e == abi.ENAMETOOLONG {
		n, e = 15, abi.OK
	}
	if e != abi.OK {
		return 0, e
	}
	var name [16]byte
	copy(name[:15], kmem.Bytes(c.Page, n))
	kmem.SetName(&t.Header, &t.State.Name, &name)
	if c.Thread == p.State.Leader {
		kmem.SetName(&p.Header, &p.State.Comm, &name)
	}
	return 0, abi.OK
}

func prctlGetName(c *sched.Ctx) (uint64, abi.Errno) {
	*(*[16]byte)(kmem.Ptr(c.Page)) = c.T().State.Name
	return 0, mm.CopyOut(c, c.Arg(1), c.InPage(16))
}

func prctlSetPdeathsig(c *sched.Ctx) (uint64, abi.Errno) {
	if !validSignal(c.Arg(1)) {
		return 0, abi.EINVAL
	}
	c.P().State.Pdeathsig = abi.Signal(arg32(c, 1))
	return 0, abi.OK
}

func prctlGetPdeathsig(c *sched.Ctx) (uint64, abi.Errno) {
	kmem.Store32(c.Page, uint32(c.P().State.Pdeathsig))
	return 0, mm.CopyOut(c, c.Arg(1), c.InPage(4))
}

func flagBit(p *abi.ProcessSlot, f abi.ProcessFlag) uint32 {
	if p.State.Flags&f != 0 {
		return 1
	}
	return 0
}

func setFlag(p *abi.ProcessSlot, f abi.ProcessFlag, v uint64) (uint64, abi.Errno) {
	switch v {
	case 0:
		p.State.Flags &^= f
	case 1:
		p.State.Flags |= f
	default:
		return 0, abi.EINVAL
	}
	return 0, abi.OK
}

func prctlGetDumpable(c *sched.Ctx) (uint64, abi.Errno) {
	return uint64(flagBit(c.P(), abi.ProcessFlagDumpable)), abi.OK
}

func prctlSetDumpable(c *sched.Ctx) (uint64, abi.Errno) {
	return setFlag(c.P(), abi.ProcessFlagDumpable, c.Arg(1))
}

func prctlSetSubreaper(c *sched.Ctx) (uint64, abi.Errno) {
	return setFlag(c.P(), abi.ProcessFlagSubreaper, min(c.Arg(1), 1))
}

func prctlGetSubreaper(c *sched.Ctx) (uint64, abi.Errno) {
	return 0, mm.Store32(c, c.Arg(1), flagBit(c.P(), abi.ProcessFlagSubreaper))
}

func prctlSetNoNewPrivs(c *sched.Ctx) (uint64, abi.Errno) {
	if c.Arg(1) != 1 {
		return 0, abi.EINVAL
	}
	return setFlag(c.P(), abi.ProcessFlagNoNewPrivs, 1)
}

func prctlGetNoNewPrivs(c *sched.Ctx) (uint64, abi.Errno) {
	return uint64(flagBit(c.P(), abi.ProcessFlagNoNewPrivs)), abi.OK
}

// Statistical timing is the one that there is.
func prctlGetTiming(*sched.Ctx) (uint64, abi.Errno) { return 0, abi.OK }

func prctlSetTiming(c *sched.Ctx) (uint64, abi.Errno) {
	if c.Arg(1) != 0 {
		return 0, abi.EINVAL
	}
	return 0, abi.OK
}

// No process is ever confined.
func prctlGetSeccomp(*sched.Ctx) (uint64, abi.Errno) { return 0, abi.OK }

// There are no huge pages to be disabled.
func prctlGetThpDisable(*sched.Ctx) (uint64, abi.Errno) { return 0, abi.OK }

func prctlGetTidAddress(c *sched.Ctx) (uint64, abi.Errno) {
	kmem.Store64(c.Page, c.T().State.ClearChildTid)
	return 0, mm.CopyOut(c, c.Arg(1), c.InPage(8))
}

// The slack of timers is kept and told, and has no effect: a timer is
// run as soon as a hart finds it due, and none is put off to meet another.
func prctlSetTimerslack(c *sched.Ctx) (uint64, abi.Errno) {
	s := &c.T().State
	s.TimerSlackNs = c.Arg(1)
	if int64(c.Arg(1)) <= 0 {
		s.TimerSlackNs = proc.DefaultTimerSlack(c.Thread)
	}
	return 0, abi.OK
}

func prctlGetTimerslack(c *sched.Ctx) (uint64, abi.Errno) {
	return proc.TimerSlack(c.Thread), abi.OK
}

func prctlGetKeepcaps(c *sched.Ctx) (uint64, abi.Errno) {
	if c.P().State.Securebits&abi.SECBIT_KEEP_CAPS != 0 {
		return 1, abi.OK
	}
	return 0, abi.OK
}

func prctlSetKeepcaps(c *sched.Ctx) (uint64, abi.Errno) {
	s := &c.P().State
	if c.Arg(1) > 1 {
		return 0, abi.EINVAL
	}
	if s.Securebits&(abi.SECBIT_KEEP_CAPS<<1) != 0 {
		return 0, abi.EPERM // locked
	}
	s.Securebits &^= abi.SECBIT_KEEP_CAPS
	if c.Arg(1) != 0 {
		s.Securebits |= abi.SECBIT_KEEP_CAPS
	}
	return 0, abi.OK
}

func prctlCapbsetRead(c *sched.Ctx) (uint64, abi.Errno) {
	if c.Arg(1) > uint64(abi.CAP_LAST_CAP) {
		return 0, abi.EINVAL
	}
	return c.P().State.CapBounding >> c.Arg(1) & 1, abi.OK
}

func prctlCapbsetDrop(c *sched.Ctx) (uint64, abi.Errno) {
	if !cred.Has(c, abi.CAP_SETPCAP) {
		return 0, abi.EPERM
	}
	if c.Arg(1) > uint64(abi.CAP_LAST_CAP) {
		return 0, abi.EINVAL
	}
	c.P().State.CapBounding &^= 1 << c.Arg(1)
	return 0, abi.OK
}

func prctlGetSecurebits(c *sched.Ctx) (uint64, abi.Errno) {
	return uint64(c.P().State.Securebits), abi.OK
}

// securebits are all bits and their locks.
const (
	secureBits  = abi.SECBIT_NOROOT | abi.SECBIT_NO_SETUID_FIXUP | abi.SECBIT_KEEP_CAPS | abi.SECBIT_NO_CAP_AMBIENT_RAISE
	secureLocks = secureBits << 1
)

func prctlSetSecurebits(c *sched.Ctx) (uint64, abi.Errno) {
	s := &c.P().State
	now, next := s.Securebits, abi.SecureBit(c.Arg(1))
	switch {
	case now&secureLocks>>1&(now^next) != 0, // locked bits stay,
		now&secureLocks&^next != 0,                    // and so do locks
		c.Arg(1)&^uint64(secureBits|secureLocks) != 0, // nothing that there is not
		!cred.Has(c, abi.CAP_SETPCAP):
		return 0, abi.EPERM
	}
	s.Securebits = next
	return 0, abi.OK
}

func prctlCapAmbient(c *sched.Ctx) (uint64, abi.Errno) {
	s := &c.P().State
	op := abi.CapAmbientOp(c.Arg(1))
	if op == abi.PR_CAP_AMBIENT_CLEAR_ALL {
		if c.Arg(2)|c.Arg(3)|c.Arg(4) != 0 {
			return 0, abi.EINVAL
		}
		s.CapAmbient = 0
		return 0, abi.OK
	}
	if c.Arg(3)|c.Arg(4) != 0 || c.Arg(2) > uint64(abi.CAP_LAST_CAP) {
		return 0, abi.EINVAL
	}
	bit := uint64(1) << c.Arg(2)
	switch op {
	case abi.PR_CAP_AMBIENT_IS_SET:
		return s.CapAmbient >> c.Arg(2) & 1, abi.OK
	case abi.PR_CAP_AMBIENT_RAISE:
		if s.CapPermitted&s.CapInheritable&bit == 0 || s.Securebits&abi.SECBIT_NO_CAP_AMBIENT_RAISE != 0 {
			return 0, abi.EPERM
		}
		s.CapAmbient |= bit
	case abi.PR_CAP_AMBIENT_LOWER:
		s.CapAmbient &^= bit
	default:
		return 0, abi.EINVAL
	}
	return 0, abi.OK
}
