package proc

import (
	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/cred"
	"foreshore.dev/kernel/sched"
)

// MayClaim says whether the caller may say of itself that it has these ids
// (unix(7), SCM_CREDENTIALS): its own, or any with the capability. ESRCH when there is
// no such process.
func MayClaim(c *sched.Ctx, pid, uid, gid uint32) abi.Errno {
	p := &c.P().State
	switch {
	case uid == ^uint32(0) || gid == ^uint32(0):
		return abi.EINVAL
	case pid != p.Pid && !cred.Has(c, abi.CAP_SYS_ADMIN),
		uid != p.Uid && uid != p.Euid && uid != p.Suid && !cred.Has(c, abi.CAP_SETUID),
		gid != p.Gid && gid != p.Egid && gid != p.Sgid && !cred.Has(c, abi.CAP_SETGID):
		return abi.EPERM
	case pid != p.Pid && FindProcess(pid) == 0:
		return abi.ESRCH
	}
	return abi.OK
}
