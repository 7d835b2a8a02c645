package vfs

import (
	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/cred"
	"foreshore.dev/kernel/kmem"
	"foreshore.dev/kernel/sched"
)

// What a permission check asks for: access(2)'s bits.
const (
	MayExec  = abi.FileMode(abi.X_OK)
	MayWrite = abi.FileMode(abi.W_OK)
	MayRead  = abi.FileMode(abi.R_OK)
)

// credentials are the file system user and group that the context acts with.
func credentials(c *sched.Ctx) (uid, gid uint32) {
	if c.Process == 0 {
		return 0, 0
	}
	s := &c.P().State
	return s.Fsuid, s.Fsgid
}

func inGroup(c *sched.Ctx, own, gid uint32) bool {
	if own == gid {
		return true
	}
	if c.Process == 0 {
		return false
	}
	s := &c.P().State
	for i := range s.GroupCount {
		if s.Groups[i] == gid {
			return true
		}
	}
	return false
}

// Permission checks access to an inode with the context's credentials
// (path_resolution(7)); EACCES when it is refused.
func Permission(c *sched.Ctx, inode abi.InodeRef, want abi.FileMode) abi.Errno {
	uid, gid := credentials(c)
	return permissionAs(c, subject{uid, gid, cred.Of(c)}, inode, want)
}

// RealPermission is Permission with the real user and group: access(2).
func RealPermission(c *sched.Ctx, inode abi.InodeRef, want abi.FileMode) abi.Errno {
	if c.Process == 0 {
		return permissionAs(c, subject{caps: cred.All}, inode, want)
	}
	s := &c.P().State
	return permissionAs(c, subject{s.Uid, s.Gid, cred.Real(c)}, inode, want)
}

// subject is whose access is checked.
type subject struct {
	uid, gid uint32
	caps     uint64
}

func permissionAs(c *sched.Ctx, who subject, inode abi.InodeRef, want abi.FileMode) abi.Errno {
	s := &kmem.Inode(inode).State
	bits := s.Mode
	switch {
	case who.uid == s.Uid:
		bits >>= 6
	case inGroup(c, who.gid, s.Gid):
		bits >>= 3
	}
	if want&^bits&7 == 0 || overrides(who.caps, s.Mode, want) {
		return abi.OK
	}
	return abi.EACCES
}

// overrides says whether capabilities permit what a mode does not (Linux
// generic_permission): CAP_DAC_OVERRIDE all but to execute what nobody may
// execute, CAP_DAC_READ_SEARCH to read and to search directories.
func overrides(caps uint64, mode, want abi.FileMode) bool {
	isDir := mode&abi.S_IFMT == abi.S_IFDIR
	if caps&cred.Bit(abi.CAP_DAC_OVERRIDE) != 0 && (isDir || want&MayExec == 0 || mode&0o111 != 0) {
		return true
	}
	return caps&cred.Bit(abi.CAP_DAC_READ_SEARCH) != 0 && want&MayWrite == 0 && (isDir || want&MayExec == 0)
}

// ownerOrCapable is what chmod(2) and utimensat(2) want.
func ownerOrCapable(c *sched.Ctx, inode abi.InodeRef) bool {
	uid, _ := credentials(c)
	return cred.Has(c, abi.CAP_FOWNER) || uid == kmem.Inode(inode).State.Uid
}

// mayCreate checks that a name may be added to a directory.
func mayCreate(c *sched.Ctx, dir abi.DentryRef) abi.Errno {
	if !Linked(dir) {
		return abi.ENOENT
	}
	inode := InodeOf(dir)
	// The kernel itself, acting for no process, fills its file systems at boot.
	boots := c.Process == 0 && kmem.Header().LoadBootState() != abi.BootStateReady
	if e := fsOf(inode).creation; e != abi.OK && !boots {
		return e
	}
	return Permission(c, inode, MayWrite|MayExec)
}

// kernelNames says whether the names in a directory are the kernel's own to add and
// to remove.
func kernelNames(inode abi.InodeRef) bool { return fsOf(inode).creation != abi.OK }

// mayRemove checks that a name may be removed from its directory: write
// permission there, and with the sticky bit to be an owner (EPERM).
func mayRemove(c *sched.Ctx, dir, d abi.DentryRef) abi.Errno {
	inode := InodeOf(dir)
	ds := &kmem.Inode(inode).State
	if kernelNames(inode) {
		return abi.EPERM
	}
	if e := Permission(c, inode, MayWrite|MayExec); e != abi.OK {
		return e
	}
	if ds.Mode&abi.S_ISVTX != 0 {
		uid, _ := credentials(c)
		if !cred.Has(c, abi.CAP_FOWNER) && uid != ds.Uid && uid != kmem.Inode(InodeOf(d)).State.Uid {
			return abi.EPERM
		}
	}
	return abi.OK
}

// Owns says whether the context owns a file, or may act as its owner.
func Owns(c *sched.Ctx, inode abi.InodeRef) bool { return ownerOrCapable(c, inode) }
