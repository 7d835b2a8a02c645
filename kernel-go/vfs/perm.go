package vfs

import (
	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/kmem"
	"foreshore.dev/kernel/sched"
)

// What a permission check asks for: access(2)'s bits.
const (
	MayExec  = uint32(abi.X_OK)
	MayWrite = uint32(abi.W_OK)
	MayRead  = uint32(abi.R_OK)
)

// credentials are the file system user and group that the context acts with.
func credentials(c *sched.Ctx) (uid, gid uint32) {
	if c.Process == 0 {
		return 0, 0
	}
	s := &c.P().State
	return s.Fsuid, s.Fsgid
}

// IsRoot says whether the context acts with file system user 0.
func IsRoot(c *sched.Ctx) bool { uid, _ := credentials(c); return uid == 0 }

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
func Permission(c *sched.Ctx, inode, want uint32) abi.Errno {
	uid, gid := credentials(c)
	return permissionAs(c, uid, gid, inode, want)
}

// RealPermission is Permission with the real user and group: access(2).
func RealPermission(c *sched.Ctx, inode, want uint32) abi.Errno {
	if c.Process == 0 {
		return permissionAs(c, 0, 0, inode, want)
	}
	s := &c.P().State
	return permissionAs(c, s.Uid, s.Gid, inode, want)
}

func permissionAs(c *sched.Ctx, uid, gid, inode, want uint32) abi.Errno {
	s := &kmem.Inode(inode).State
	if uid == 0 {
		// Root may do all, but execute only what somebody may execute.
		if want&MayExec != 0 && s.Mode&ifmt != ifdir && s.Mode&0o111 == 0 {
			return abi.EACCES
		}
		return abi.OK
	}
	bits := s.Mode
	switch {
	case uid == s.Uid:
		bits >>= 6
	case inGroup(c, gid, s.Gid):
		bits >>= 3
	}
	if want&^bits&7 != 0 {
		return abi.EACCES
	}
	return abi.OK
}

// ownerOrRoot is what chmod(2) and utimensat(2) want.
func ownerOrRoot(c *sched.Ctx, inode uint32) bool {
	uid, _ := credentials(c)
	return uid == 0 || uid == kmem.Inode(inode).State.Uid
}

// mayCreate checks that a name may be added to a directory.
func mayCreate(c *sched.Ctx, dir uint32) abi.Errno {
	if !Linked(dir) {
		return abi.ENOENT
	}
	inode := InodeOf(dir)
	switch kmem.Inode(inode).State.FsType {
	case abi.FsTypeProcfs:
		return abi.ENOENT
	case abi.FsTypeDevpts:
		return abi.EPERM
	case abi.FsTypeSysfs:
		// The kernel itself fills it at boot.
		if c.Process != 0 {
			return abi.EPERM
		}
	}
	return Permission(c, inode, MayWrite|MayExec)
}

// kernelNames says whether the names of a file system are the kernel's own to
// add and to remove.
func kernelNames(fs abi.FsType) bool {
	return fs == abi.FsTypeProcfs || fs == abi.FsTypeSysfs || fs == abi.FsTypeDevpts
}

// mayRemove checks that a name may be removed from its directory: write
// permission there, and with the sticky bit to be an owner (EPERM).
func mayRemove(c *sched.Ctx, dir, d uint32) abi.Errno {
	inode := InodeOf(dir)
	ds := &kmem.Inode(inode).State
	if kernelNames(ds.FsType) {
		return abi.EPERM
	}
	if e := Permission(c, inode, MayWrite|MayExec); e != abi.OK {
		return e
	}
	if ds.Mode&isvtx != 0 {
		uid, _ := credentials(c)
		if uid != 0 && uid != ds.Uid && uid != kmem.Inode(InodeOf(d)).State.Uid {
			return abi.EPERM
		}
	}
	return abi.OK
}

// Owns says whether the context owns a file, or is root.
func Owns(c *sched.Ctx, inode uint32) bool { return ownerOrRoot(c, inode) }
