package syscalls

import (
	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/cred"
	"foreshore.dev/kernel/kmem"
	"foreshore.dev/kernel/mm"
	"foreshore.dev/kernel/proc"
	"foreshore.dev/kernel/sched"
)

// Users and groups (credentials(7)). With CAP_SETUID and CAP_SETGID one may
// become anyone; others may only move among their real, effective and saved ids.

const noID = ^uint32(0)

// isOneOf says whether v leaves an id alone or is one that the process has.
func isOneOf(v, r, e, s uint32) bool { return v == noID || v == r || v == e || v == s }

func setIDs(privileged bool, r, e, s, f *uint32, nr, ne, ns uint32) abi.Errno {
	if !privileged && !(isOneOf(nr, *r, *e, *s) && isOneOf(ne, *r, *e, *s) && isOneOf(ns, *r, *e, *s)) {
		return abi.EPERM
	}
	if nr != noID {
		*r = nr
	}
	if ne != noID {
		*e = ne
	}
	if ns != noID {
		*s = ns
	}
	*f = *e
	return abi.OK
}

// setUsers is setIDs for users, of which the capabilities depend.
func setUsers(c *sched.Ctx, privileged bool, nr, ne, ns uint32) abi.Errno {
	s := &c.P().State
	old := cred.IDsOf(s)
	e := setIDs(privileged, &s.Uid, &s.Euid, &s.Suid, &s.Fsuid, nr, ne, ns)
	if e == abi.OK {
		proc.UserChanged(c.Process)
		cred.UsersChanged(s, old)
		cred.FileUserChanged(s, old.Fsuid)
	}
	return e
}

func sysSetresuid(c *sched.Ctx) (uint64, abi.Errno) {
	return 0, setUsers(c, cred.Has(c, abi.CAP_SETUID), uint32(c.Arg(0)), uint32(c.Arg(1)), uint32(c.Arg(2)))
}

func sysSetresgid(c *sched.Ctx) (uint64, abi.Errno) {
	s := &c.P().State
	return 0, setIDs(cred.Has(c, abi.CAP_SETGID), &s.Gid, &s.Egid, &s.Sgid, &s.Fsgid, uint32(c.Arg(0)), uint32(c.Arg(1)), uint32(c.Arg(2)))
}

func sysSetuid(c *sched.Ctx) (uint64, abi.Errno) {
	v := uint32(c.Arg(0))
	if cred.Has(c, abi.CAP_SETUID) {
		return 0, setUsers(c, true, v, v, v)
	}
	return 0, setUsers(c, false, noID, v, noID)
}

func sysSetgid(c *sched.Ctx) (uint64, abi.Errno) {
	s := &c.P().State
	v := uint32(c.Arg(0))
	if cred.Has(c, abi.CAP_SETGID) {
		return 0, setIDs(true, &s.Gid, &s.Egid, &s.Sgid, &s.Fsgid, v, v, v)
	}
	return 0, setIDs(false, &s.Gid, &s.Egid, &s.Sgid, &s.Fsgid, noID, v, noID)
}

// savedOf is what setreuid(2) makes the saved id: the new effective one, when
// the real id is set or the effective id differs from the old real one.
func savedOf(oldReal, nr, ne uint32) uint32 {
	if nr != noID || ne != noID && ne != oldReal {
		return ne
	}
	return noID
}

func sysSetreuid(c *sched.Ctx) (uint64, abi.Errno) {
	s := &c.P().State
	r, e := uint32(c.Arg(0)), uint32(c.Arg(1))
	saved := savedOf(s.Uid, r, e)
	if saved == noID && r != noID {
		saved = s.Euid
	}
	old := cred.IDsOf(s)
	err := setIDs(cred.Has(c, abi.CAP_SETUID), &s.Uid, &s.Euid, &s.Suid, &s.Fsuid, r, e, noID)
	if err == abi.OK {
		if saved != noID {
			s.Suid = saved
		}
		proc.UserChanged(c.Process)
		cred.UsersChanged(s, old)
		cred.FileUserChanged(s, old.Fsuid)
	}
	return 0, err
}

func sysSetregid(c *sched.Ctx) (uint64, abi.Errno) {
	s := &c.P().State
	r, e := uint32(c.Arg(0)), uint32(c.Arg(1))
	saved := savedOf(s.Gid, r, e)
	if saved == noID && r != noID {
		saved = s.Egid
	}
	err := setIDs(cred.Has(c, abi.CAP_SETGID), &s.Gid, &s.Egid, &s.Sgid, &s.Fsgid, r, e, noID)
	if err == abi.OK && saved != noID {
		s.Sgid = saved
	}
	return 0, err
}

// setfsuid(2) answers the old id, and changes it only where it may.
func sysSetfsuid(c *sched.Ctx) (uint64, abi.Errno) {
	s := &c.P().State
	old, v := s.Fsuid, uint32(c.Arg(0))
	if cred.Has(c, abi.CAP_SETUID) || v == s.Uid || v == s.Euid || v == s.Suid || v == s.Fsuid {
		s.Fsuid = v
		cred.FileUserChanged(s, old)
	}
	return uint64(old), abi.OK
}

func sysSetfsgid(c *sched.Ctx) (uint64, abi.Errno) {
	s := &c.P().State
	old, v := s.Fsgid, uint32(c.Arg(0))
	if cred.Has(c, abi.CAP_SETGID) || v == s.Gid || v == s.Egid || v == s.Sgid || v == s.Fsgid {
		s.Fsgid = v
	}
	return uint64(old), abi.OK
}

func threeOut(c *sched.Ctx, a, b, d uint32) (uint64, abi.Errno) {
	for i, v := range [3]uint32{a, b, d} {
		kmem.Store32(c.Page, v)
		if e := mm.CopyOut(c, c.Arg(i), c.InPage(4)); e != abi.OK {
			return 0, e
		}
	}
	return 0, abi.OK
}

func sysGetresuid(c *sched.Ctx) (uint64, abi.Errno) {
	s := &c.P().State
	return threeOut(c, s.Uid, s.Euid, s.Suid)
}

func sysGetresgid(c *sched.Ctx) (uint64, abi.Errno) {
	s := &c.P().State
	return threeOut(c, s.Gid, s.Egid, s.Sgid)
}

func sysGetgroups(c *sched.Ctx) (uint64, abi.Errno) {
	s := &c.P().State
	n := int32(c.Arg(0))
	if n == 0 {
		return uint64(s.GroupCount), abi.OK
	}
	if n < int32(s.GroupCount) {
		return 0, abi.EINVAL
	}
	for i := range s.GroupCount {
		kmem.Store32(c.Page+i*4, s.Groups[i])
	}
	return uint64(s.GroupCount), mm.CopyOut(c, c.Arg(1), c.InPage(s.GroupCount*4))
}

func sysSetgroups(c *sched.Ctx) (uint64, abi.Errno) {
	if !cred.Has(c, abi.CAP_SETGID) {
		return 0, abi.EPERM
	}
	n := c.Arg(0)
	if n > uint64(abi.LimitSupplementary) {
		return 0, abi.EINVAL
	}
	if e := mm.CopyIn(c, c.InPage(uint32(n)*4), c.Arg(1)); e != abi.OK {
		return 0, e
	}
	s := &c.P().State
	s.GroupCount = uint32(n)
	for i := range uint32(n) {
		s.Groups[i] = kmem.Load32(c.Page + i*4)
	}
	return 0, abi.OK
}
