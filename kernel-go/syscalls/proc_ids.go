package syscalls

import (
	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/kmem"
	"foreshore.dev/kernel/mm"
	"foreshore.dev/kernel/sched"
)

// Users and groups (credentials(7)). Root may become anyone; others may only
// move among their real, effective and saved ids.

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

func root(c *sched.Ctx) bool { return c.P().State.Euid == 0 }

func sysSetresuid(c *sched.Ctx) (uint64, abi.Errno) {
	s := &c.P().State
	return 0, setIDs(root(c), &s.Uid, &s.Euid, &s.Suid, &s.Fsuid, uint32(c.Arg(0)), uint32(c.Arg(1)), uint32(c.Arg(2)))
}

func sysSetresgid(c *sched.Ctx) (uint64, abi.Errno) {
	s := &c.P().State
	return 0, setIDs(root(c), &s.Gid, &s.Egid, &s.Sgid, &s.Fsgid, uint32(c.Arg(0)), uint32(c.Arg(1)), uint32(c.Arg(2)))
}

func sysSetuid(c *sched.Ctx) (uint64, abi.Errno) {
	s := &c.P().State
	v := uint32(c.Arg(0))
	if root(c) {
		return 0, setIDs(true, &s.Uid, &s.Euid, &s.Suid, &s.Fsuid, v, v, v)
	}
	return 0, setIDs(false, &s.Uid, &s.Euid, &s.Suid, &s.Fsuid, noID, v, noID)
}

func sysSetgid(c *sched.Ctx) (uint64, abi.Errno) {
	s := &c.P().State
	v := uint32(c.Arg(0))
	if root(c) {
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
	err := setIDs(root(c), &s.Uid, &s.Euid, &s.Suid, &s.Fsuid, r, e, noID)
	if err == abi.OK && saved != noID {
		s.Suid = saved
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
	err := setIDs(root(c), &s.Gid, &s.Egid, &s.Sgid, &s.Fsgid, r, e, noID)
	if err == abi.OK && saved != noID {
		s.Sgid = saved
	}
	return 0, err
}

// setfsuid(2) answers the old id, and changes it only where it may.
func sysSetfsuid(c *sched.Ctx) (uint64, abi.Errno) {
	s := &c.P().State
	old, v := s.Fsuid, uint32(c.Arg(0))
	if root(c) || v == s.Uid || v == s.Euid || v == s.Suid || v == s.Fsuid {
		s.Fsuid = v
	}
	return uint64(old), abi.OK
}

func sysSetfsgid(c *sched.Ctx) (uint64, abi.Errno) {
	s := &c.P().State
	old, v := s.Fsgid, uint32(c.Arg(0))
	if root(c) || v == s.Gid || v == s.Egid || v == s.Sgid || v == s.Fsgid {
		s.Fsgid = v
	}
	return uint64(old), abi.OK
}

func threeOut(c *sched.Ctx, a, b, d uint32) (uint64, abi.Errno) {
	for i, v := range [3]uint32{a, b, d} {
		kmem.Store32(c.Page, v)
		if e := mm.CopyOut(c, c.Arg(i), c.Page, 4); e != abi.OK {
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
	return uint64(s.GroupCount), mm.CopyOut(c, c.Arg(1), c.Page, s.GroupCount*4)
}

func sysSetgroups(c *sched.Ctx) (uint64, abi.Errno) {
	if !root(c) {
		return 0, abi.EPERM
	}
	n := c.Arg(0)
	if n > uint64(abi.LimitSupplementary) {
		return 0, abi.EINVAL
	}
	if e := mm.CopyIn(c, c.Page, c.Arg(1), uint32(n)*4); e != abi.OK {
		return 0, e
	}
	s := &c.P().State
	s.GroupCount = uint32(n)
	for i := range uint32(n) {
		s.Groups[i] = kmem.Load32(c.Page + i*4)
	}
	return 0, abi.OK
}

// capget(2): root has all capabilities, others none (version 3, two words each).
func sysCapget(c *sched.Ctx) (uint64, abi.Errno) {
	const version3 = 0x20080522
	if e := mm.CopyIn(c, c.Page, c.Arg(0), 8); e != abi.OK {
		return 0, e
	}
	if kmem.Load32(c.Page) != version3 {
		kmem.Store32(c.Page, version3)
		if e := mm.CopyOut(c, c.Arg(0), c.Page, 4); e != abi.OK {
			return 0, e
		}
		if c.Arg(1) == 0 {
			return 0, abi.OK
		}
		return 0, abi.EINVAL
	}
	if c.Arg(1) == 0 {
		return 0, abi.OK
	}
	all := uint64(0)
	if root(c) {
		all = 1<<(lastCap+1) - 1
	}
	for i := range uint32(2) {
		w := uint32(all >> (32 * i))
		kmem.Store32(c.Page+i*12, w)
		kmem.Store32(c.Page+i*12+4, w)
		kmem.Store32(c.Page+i*12+8, 0)
	}
	return 0, mm.CopyOut(c, c.Arg(1), c.Page, 24)
}

func sysCapset(c *sched.Ctx) (uint64, abi.Errno) {
	if !root(c) {
		return 0, abi.EPERM
	}
	return 0, abi.OK
}
