package syscalls

import (
	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/cred"
	"foreshore.dev/kernel/entropy"
	"foreshore.dev/kernel/kmem"
	"foreshore.dev/kernel/mm"
	"foreshore.dev/kernel/proc"
	"foreshore.dev/kernel/sched"
	"foreshore.dev/kernel/uts"
)

func put(dst *[65]byte, s string) {
	for i := range len(s) {
		dst[i] = s[i]
	}
}

func sysUname(c *sched.Ctx) (uint64, abi.Errno) {
	u := (*abi.Utsname)(kmem.Ptr(c.Page))
	kmem.Zero(c.Page, abi.UtsnameSize)
	put(&u.Sysname, uts.Sysname)
	put(&u.Nodename, uts.Nodename)
	put(&u.Release, uts.Release)
	put(&u.Version, uts.Version)
	put(&u.Machine, uts.Machine)
	put(&u.Domainname, uts.Domainname)
	return 0, mm.CopyOut(c, c.Arg(0), c.InPage(abi.UtsnameSize))
}

func sysSysinfo(c *sched.Ctx) (uint64, abi.Errno) {
	i := (*abi.Sysinfo)(kmem.Ptr(c.Page))
	*i = abi.Sysinfo{
		Uptime: int64(sched.NowNs() / nsPerSec), Totalram: uint64(kmem.TotalFrames()) << kmem.PageShift,
		Freeram: uint64(kmem.FreeFrames()) << kmem.PageShift, Sharedram: uint64(kmem.Header().DirtyFrames.Load()) << kmem.PageShift,
		Loads: sched.LoadAverages(),
		Procs: uint16(kmem.Table(abi.SlotKindThread).InUse.Load()), MemUnit: 1,
	}
	return 0, mm.CopyOut(c, c.Arg(0), c.InPage(abi.SysinfoSize))
}

func sysGetrandom(c *sched.Ctx) (uint64, abi.Errno) {
	if c.Arg(2)&^uint64(abi.GRND_NONBLOCK|abi.GRND_RANDOM|abi.GRND_INSECURE) != 0 {
		return 0, abi.EINVAL
	}
	// As many bytes as Linux gives at once (random(4)).
	n := uint32(min(c.Arg(1), 1<<25-1))
	b := &c.T().State.Blocked
	done, e := uint32(b.Progress), abi.OK
	for done < n && e == abi.OK {
		part := min(n-done, kmem.PageSize)
		entropy.Fill(c.InPage(part))
		if e = mm.CopyOut(c, c.Arg(0)+uint64(done), c.InPage(part)); e != abi.OK {
			break
		}
		if done += part; done&(1<<16-1) == 0 && done != n {
			e = sched.GiveWay(c)
		}
	}
	b.Progress = uint64(done)
	if e == abi.OK || sched.GoesOn(e) || done == 0 {
		return uint64(done), e
	}
	return uint64(done), abi.OK // as much as there was before the error, or the signal
}

// limitOf is the process whose limits the caller may see and set: EPERM for
// another user's without CAP_SYS_RESOURCE (prlimit(2)).
func limitOf(c *sched.Ctx, pid int32) (abi.ProcessRef, abi.Errno) {
	i, e := target(c, pid)
	if e != abi.OK {
		return 0, e
	}
	if !sameUser(c, i) {
		return 0, abi.EPERM
	}
	return i, abi.OK
}

// sameUser says whether all ids of a process are the caller's real ones, or the
// caller has CAP_SYS_RESOURCE.
func sameUser(c *sched.Ctx, i abi.ProcessRef) bool {
	a, b := &c.P().State, &kmem.Process(i).State
	return i == c.Process || cred.Has(c, abi.CAP_SYS_RESOURCE) ||
		a.Uid == b.Uid && a.Uid == b.Euid && a.Uid == b.Suid && a.Gid == b.Gid && a.Gid == b.Egid && a.Gid == b.Sgid
}

func sysPrlimit64(c *sched.Ctx) (uint64, abi.Errno) {
	return 0, prlimit(c, int32(c.Arg(0)), c.Arg(1), limitVas{c.Arg(2), c.Arg(3)})
}

func sysSetrlimit(c *sched.Ctx) (uint64, abi.Errno) {
	if c.Arg(1) == 0 {
		return 0, abi.EFAULT
	}
	return 0, prlimit(c, 0, c.Arg(0), limitVas{set: c.Arg(1)})
}

// limitVas are where a new limit lies and where the old one goes; 0 for neither.
type limitVas struct{ set, get uint64 }

// prlimit sets a limit and tells the old one.
func prlimit(c *sched.Ctx, pid int32, id uint64, va limitVas) abi.Errno {
	if id > uint64(abi.RLIMIT_RTTIME) {
		return abi.EINVAL
	}
	i, e := limitOf(c, pid)
	if e != abi.OK {
		return e
	}
	l := &kmem.Process(i).State.Rlimits[id]
	old := *l
	if va.set != 0 {
		if e := mm.CopyIn(c, c.InPage(abi.Rlimit64Size), va.set); e != abi.OK {
			return e
		}
		n := *(*abi.Rlimit64)(kmem.Ptr(c.Page))
		if n.Cur > n.Max {
			return abi.EINVAL
		}
		if n.Max > old.Max && !cred.Has(c, abi.CAP_SYS_RESOURCE) {
			return abi.EPERM
		}
		if id == uint64(abi.RLIMIT_NOFILE) && n.Max > uint64(abi.LimitFds) {
			return abi.EPERM
		}
		if e := mm.Await(c, va.get, abi.Rlimit64Size); e != abi.OK {
			return e
		}
		*l = n
		proc.LimitsChanged(i)
	}
	if va.get != 0 {
		*(*abi.Rlimit64)(kmem.Ptr(c.Page)) = old
		return mm.CopyOut(c, va.get, c.InPage(abi.Rlimit64Size))
	}
	return abi.OK
}

func sysGetrlimit(c *sched.Ctx) (uint64, abi.Errno) {
	if arg32(c, 0) > uint32(abi.RLIMIT_RTTIME) {
		return 0, abi.EINVAL
	}
	*(*abi.Rlimit64)(kmem.Ptr(c.Page)) = c.P().State.Rlimits[arg32(c, 0)]
	return 0, mm.CopyOut(c, c.Arg(1), c.InPage(abi.Rlimit64Size))
}

func sysGetcpu(c *sched.Ctx) (uint64, abi.Errno) {
	for i := range 2 {
		if va := c.Arg(i); va != 0 {
			v := c.Hart
			if i == 1 {
				v = 0
			}
			kmem.Store32(c.Page, v)
			if e := mm.CopyOut(c, va, c.InPage(4)); e != abi.OK {
				return 0, e
			}
		}
	}
	return 0, abi.OK
}

func sysSethostname(*sched.Ctx) (uint64, abi.Errno) { return 0, abi.EPERM }
