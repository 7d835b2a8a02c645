package vfs

import (
	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/cred"
	"foreshore.dev/kernel/kmem"
	"foreshore.dev/kernel/sched"
)

// Chmod is fchmod(2): EPERM when the caller does not own the file.
func Chmod(c *sched.Ctx, inode abi.InodeRef, mode abi.FileMode) abi.Errno {
	in := kmem.Inode(inode)
	if Generated(inode) {
		return abi.EPERM
	}
	if in.State.Mode&abi.S_IFMT == abi.S_IFLNK {
		return abi.EOPNOTSUPP
	}
	if !ownerOrCapable(c, inode) {
		return abi.EPERM
	}
	mode &= permBits
	if in.Live.Seals&abi.F_SEAL_EXEC != 0 && (in.State.Mode^mode)&0o111 != 0 {
		return abi.EPERM
	}
	_, gid := credentials(c)
	if !cred.Has(c, abi.CAP_FSETID) && !inGroup(c, gid, in.State.Gid) {
		mode &^= abi.S_ISGID
	}
	kmem.WriteBegin(&in.Header)
	in.State.Mode = in.State.Mode&abi.S_IFMT | mode
	in.State.CtimeNs = sched.RealNs()
	kmem.WriteEnd(&in.Header)
	return abi.OK
}

// keepID is the user or group that chown(2) leaves alone.
const keepID = ^uint32(0)

// Chown is fchown(2): only root gives files away; an owner may choose among
// its groups.
func Chown(c *sched.Ctx, inode abi.InodeRef, uid, gid uint32) abi.Errno {
	in := kmem.Inode(inode)
	s := &in.State
	if Generated(inode) {
		return abi.EPERM
	}
	self, group := credentials(c)
	if !cred.Has(c, abi.CAP_CHOWN) {
		if uid != keepID && (self != s.Uid || uid != s.Uid) {
			return abi.EPERM
		}
		if gid != keepID && (self != s.Uid || (gid != s.Gid && !inGroup(c, group, gid))) {
			return abi.EPERM
		}
	}
	mode := s.Mode
	if mode&abi.S_IFMT != abi.S_IFDIR {
		mode &^= abi.S_ISUID
		if mode&0o010 != 0 || (!cred.Has(c, abi.CAP_FSETID) && !inGroup(c, group, s.Gid)) {
			mode &^= abi.S_ISGID
		}
	}
	kmem.WriteBegin(&in.Header)
	if uid != keepID {
		s.Uid = uid
	}
	if gid != keepID {
		s.Gid = gid
	}
	s.Mode = mode
	s.CtimeNs = sched.RealNs()
	kmem.WriteEnd(&in.Header)
	return abi.OK
}

// SetTimes is utimensat(2). Each time is nanoseconds since the epoch (two's
// complement before it), TimeNow or TimeOmit.
func SetTimes(c *sched.Ctx, inode abi.InodeRef, atime, mtime uint64) abi.Errno {
	in := kmem.Inode(inode)
	if atime == TimeOmit && mtime == TimeOmit {
		return abi.OK
	}
	if Generated(inode) {
		return abi.EPERM
	}
	if !ownerOrCapable(c, inode) {
		// Who may write the file may set both times to now.
		if atime != TimeNow || mtime != TimeNow {
			return abi.EPERM
		}
		if e := Permission(c, inode, MayWrite); e != abi.OK {
			return e
		}
	}
	now := sched.RealNs()
	kmem.WriteBegin(&in.Header)
	setTime(&in.State.AtimeNs, atime, now)
	setTime(&in.State.MtimeNs, mtime, now)
	in.State.CtimeNs = now
	kmem.WriteEnd(&in.Header)
	return abi.OK
}

// What SetTimes takes besides times.
const (
	TimeNow  = uint64(1) << 63
	TimeOmit = TimeNow + 1
)

func setTime(field *uint64, v, now uint64) {
	switch v {
	case TimeOmit:
	case TimeNow:
		*field = now
	default:
		*field = v
	}
}
