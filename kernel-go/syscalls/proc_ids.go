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

// ids are real, effective and saved ids; in a call noID stands for one that stays.
type ids struct{ r, e, s uint32 }

// idWords are where a process has them, and that for files.
type idWords struct{ r, e, s, fs *uint32 }

func usersOf(s *abi.ProcessState) idWords  { return idWords{&s.Uid, &s.Euid, &s.Suid, &s.Fsuid} }
func groupsOf(s *abi.ProcessState) idWords { return idWords{&s.Gid, &s.Egid, &s.Sgid, &s.Fsgid} }

// has says whether v leaves an id alone or is one of these.
func (i ids) has(v uint32) bool { return v == noID || v == i.r || v == i.e || v == i.s }

// set gives a process ids: EPERM for those that only the privileged may have.
func (w idWords) set(privileged bool, to ids) abi.Errno {
	now := ids{*w.r, *w.e, *w.s}
	if !privileged && !(now.has(to.r) && now.has(to.e) && now.has(to.s)) {
		return abi.EPERM
	}
	if to.r != noID {
		*w.r = to.r
	}
	if to.e != noID {
		*w.e = to.e
	}
	if to.s != noID {
		*w.s = to.s
	}
	*w.fs = *w.e
	return abi.OK
}

// setUsers is set for users, of which the capabilities depend.
func setUsers(c *sched.Ctx, privileged bool, to ids) abi.Errno {
	s := &c.P().State
	old := cred.IDsOf(s)
	e := usersOf(s).set(privileged, to)
	if e == abi.OK {
		proc.UserChanged(c.Process)
		cred.UsersChanged(s, old)
		cred.FileUserChanged(s, old.Fsuid)
	}
	return e
}

func sysSetresuid(c *sched.Ctx) (uint64, abi.Errno) {
	return 0, setUsers(c, cred.Has(c, abi.CAP_SETUID), ids{uint32(c.Arg(0)), uint32(c.Arg(1)), uint32(c.Arg(2))})
}

func sysSetresgid(c *sched.Ctx) (uint64, abi.Errno) {
	s := &c.P().State
	return 0, groupsOf(s).set(cred.Has(c, abi.CAP_SETGID), ids{uint32(c.Arg(0)), uint32(c.Arg(1)), uint32(c.Arg(2))})
}

func sysSetuid(c *sched.Ctx) (uint64, abi.Errno) {
	v := uint32(c.Arg(0))
	if cred.Has(c, abi.CAP_SETUID) {
		return 0, setUsers(c, true, ids{v, v, v})
	}
	return 0, setUsers(c, false, ids{noID, v, noID})
}

func sysSetgid(c *sched.Ctx) (uint64, abi.Errno) {
	s := &c.P().State
	v := uint32(c.Arg(0))
	if cred.Has(c, abi.CAP_SETGID) {
		return 0, groupsOf(s).set(true, ids{v, v, v})
	}
	return 0, groupsOf(s).set(false, ids{noID, v, noID})
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
	err := usersOf(s).set(cred.Has(c, abi.CAP_SETUID), ids{r, e, noID})
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
	err := groupsOf(s).set(cred.Has(c, abi.CAP_SETGID), ids{r, e, noID})
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
