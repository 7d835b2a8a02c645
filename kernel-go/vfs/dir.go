package vfs

import (
	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/cred"
	"foreshore.dev/kernel/kmem"
	"foreshore.dev/kernel/pagecache"
	"foreshore.dev/kernel/sched"
)

// Adding and removing names. The paths lie in buffers of Fixed.PathMax bytes.

// placeFor walks to the place of a name that is to be added: EEXIST when it is there.
// Only directories may be named with a trailing slash.
func placeFor(c *sched.Ctx, at PathAt, directory bool) (Found, abi.Errno) {
	f, e := Walk(c, RootOf(c), at, Parent)
	if e != abi.OK {
		return f, e
	}
	switch {
	case f.Dentry != 0:
		e = abi.EEXIST
	case f.Slash && !directory:
		e = abi.ENOENT
	default:
		e = mayCreate(c, f.Parent)
	}
	if e != abi.OK {
		f.Release()
		return Found{}, e
	}
	return f, abi.OK
}

// made is what a new file is: its mode, with the type, and a device's number.
type made struct {
	mode abi.FileMode
	rdev uint64
}

// create makes a file of any type but directories' links: an inode with a name
// in a directory. The dentry is held. `parent` has been checked by mayCreate.
func create(c *sched.Ctx, parent abi.DentryRef, name kmem.Span, as made) (abi.DentryRef, abi.Errno) {
	mode := as.mode
	dir := InodeOf(parent)
	ds := &kmem.Inode(dir).State
	uid, gid := credentials(c)
	if ds.Mode&abi.S_ISGID != 0 {
		if mode&abi.S_IFMT == abi.S_IFDIR {
			mode |= abi.S_ISGID
		} else if mode&(abi.S_ISGID|0o010) == abi.S_ISGID|0o010 && !cred.Has(c, abi.CAP_FSETID) && !inGroup(c, gid, ds.Gid) {
			mode &^= abi.S_ISGID
		}
		gid = ds.Gid
	}
	inode := NewInode(ds.FsType, mode, uid, gid)
	if inode == 0 {
		return 0, abi.ENOSPC
	}
	setNode(inode, as.rdev, ds.Node)
	d := newDentry(parent, inode, name)
	dropInode(inode)
	if d == 0 {
		return 0, abi.ENOSPC
	}
	link(d)
	if mode&abi.S_IFMT == abi.S_IFDIR {
		setNlink(dir, ds.Nlink+1)
	}
	change(dir, true)
	return d, abi.OK
}

// Mkdir is mkdirat(2); the dentry is held.
func Mkdir(c *sched.Ctx, at PathAt, mode abi.FileMode) (abi.DentryRef, abi.Errno) {
	f, e := placeFor(c, at, true)
	if e != abi.OK {
		return 0, e
	}
	d, e := create(c, f.Parent, f.Name, made{mode: abi.S_IFDIR | mode&0o1777&^umaskOf(c)})
	f.Release()
	return d, e
}

// implied makes a directory that a path takes for granted. Held.
func implied(c *sched.Ctx, parent abi.DentryRef, name kmem.Span, mark bool) (abi.DentryRef, abi.Errno) {
	if e := mayCreate(c, parent); e != abi.OK {
		return 0, e
	}
	d, e := create(c, parent, name, made{mode: abi.S_IFDIR | 0o755})
	if e == abi.OK && mark {
		setFlags(d, abi.DentryFlagImplied, 0)
	}
	return d, e
}

// Mknod is mknodat(2) for regular files, FIFOs, sockets' names and character
// devices; mode holds the type. EPERM for what only root may make.
func Mknod(c *sched.Ctx, at PathAt, mode abi.FileMode, rdev uint64) abi.Errno {
	d, e := MakeNode(c, at, Node{Mode: mode, Rdev: rdev})
	if e == abi.OK {
		Put(d)
	}
	return e
}

// MakeNode is Mknod; the dentry is held. The node's owner is the caller.
func MakeNode(c *sched.Ctx, at PathAt, n Node) (abi.DentryRef, abi.Errno) {
	mode, rdev := n.Mode, n.Rdev
	if mode&abi.S_IFMT == 0 {
		mode |= abi.S_IFREG
	}
	switch mode & abi.S_IFMT {
	case abi.S_IFREG, abi.S_IFIFO, abi.S_IFSOCK:
		rdev = 0
	case abi.S_IFCHR, abi.S_IFBLK:
		if !cred.Has(c, abi.CAP_MKNOD) {
			return 0, abi.EPERM
		}
	case abi.S_IFDIR:
		return 0, abi.EPERM
	default:
		return 0, abi.EINVAL
	}
	f, e := placeFor(c, at, false)
	if e != abi.OK {
		return 0, e
	}
	d, e := create(c, f.Parent, f.Name, made{mode & (abi.S_IFMT | permBits) &^ umaskOf(c), rdev})
	f.Release()
	return d, e
}

// Symlink is symlinkat(2): the target is n bytes, at most 4095.
func Symlink(c *sched.Ctx, target kmem.Span, at PathAt) abi.Errno {
	if target.Len == 0 {
		return abi.ENOENT
	}
	if target.Len >= pathMax {
		return abi.ENAMETOOLONG
	}
	f, e := placeFor(c, at, false)
	if e != abi.OK {
		return e
	}
	e = symlinkIn(c, f.Parent, f.Name, target)
	f.Release()
	return e
}

func symlinkIn(c *sched.Ctx, parent abi.DentryRef, name, target kmem.Span) abi.Errno {
	d, e := create(c, parent, name, made{mode: abi.S_IFLNK | 0o777})
	if e != abi.OK {
		return e
	}
	inode := InodeOf(d)
	frame, e := pagecache.InsertZero(inode, 0)
	if e != abi.OK {
		removeName(parent, d)
		Put(d)
		return abi.ENOSPC
	}
	kmem.Copy(frame, target.Addr, target.Len)
	pagecache.MarkDirty(frame)
	in := kmem.Inode(inode)
	kmem.WriteBegin(&in.Header)
	in.State.Size = uint64(target.Len)
	kmem.WriteEnd(&in.Header)
	Put(d)
	return abi.OK
}

// Link is linkat(2) of a held dentry to a path.
func Link(c *sched.Ctx, old abi.DentryRef, at PathAt) abi.Errno {
	f, e := placeFor(c, at, false)
	if e != abi.OK {
		return e
	}
	e = linkIn(f.Parent, f.Name, old)
	f.Release()
	return e
}

func linkIn(parent abi.DentryRef, name kmem.Span, old abi.DentryRef) abi.Errno {
	inode := InodeOf(old)
	s := &kmem.Inode(inode).State
	switch {
	case DevOf(inode) != DevOf(InodeOf(parent)):
		return abi.EXDEV
	case s.Mode&abi.S_IFMT == abi.S_IFDIR:
		return abi.EPERM
	case s.Nlink == 0 && kmem.Dentry(old).Flags&abi.DentryFlagTmpfile == 0:
		return abi.ENOENT
	case s.Nlink == maxLinks:
		return abi.EMLINK
	}
	d := newDentry(parent, inode, name)
	if d == 0 {
		return abi.ENOSPC
	}
	link(d)
	Put(d)
	setFlags(old, 0, abi.DentryFlagTmpfile)
	setNlink(inode, s.Nlink+1)
	change(inode, false)
	change(InodeOf(parent), true)
	return abi.OK
}

// maxLinks bounds st_nlink, as most file systems do (link(2), EMLINK).
const maxLinks = 1<<31 - 1

// removeName takes a name out of its directory and counts the link down.
func removeName(parent, d abi.DentryRef) {
	inode := InodeOf(d)
	dir := InodeOf(parent)
	s := &kmem.Inode(inode).State
	holdInode(inode)
	treeBegin()
	unlinkDentry(d)
	treeEnd()
	if s.Mode&abi.S_IFMT == abi.S_IFDIR {
		setNlink(inode, 0)
		setNlink(dir, kmem.Inode(dir).State.Nlink-1)
	} else {
		setNlink(inode, s.Nlink-1)
	}
	change(inode, false)
	change(dir, true)
	dropInode(inode)
}

// Unlink is unlinkat(2) without AT_REMOVEDIR.
func Unlink(c *sched.Ctx, at PathAt) abi.Errno {
	f, e := Walk(c, RootOf(c), at, Parent)
	if e != abi.OK {
		return e
	}
	switch {
	case f.Last != LastName:
		e = abi.EISDIR
	case f.Dentry == 0:
		e = abi.ENOENT
	case f.Slash && !isDir(f.Dentry):
		e = abi.ENOTDIR
	default:
		e = mayRemove(c, f.Parent, f.Dentry)
		if e == abi.OK && isDir(f.Dentry) {
			e = abi.EISDIR
		}
	}
	if e == abi.OK {
		removeName(f.Parent, f.Dentry)
	}
	f.Release()
	return e
}

// Rmdir is rmdir(2).
func Rmdir(c *sched.Ctx, at PathAt) abi.Errno {
	f, e := Walk(c, RootOf(c), at, Parent)
	if e != abi.OK {
		return e
	}
	switch {
	case f.Last == LastDot:
		e = abi.EINVAL
	case f.Last == LastDotDot:
		e = abi.ENOTEMPTY
	case f.Last == LastRoot:
		e = abi.EBUSY
	case f.Dentry == 0:
		e = abi.ENOENT
	default:
		e = mayRemove(c, f.Parent, f.Dentry)
		switch {
		case e != abi.OK:
		case kmem.Dentry(f.Dentry).Covers != 0:
			e = abi.EBUSY
		case !isDir(f.Dentry):
			e = abi.ENOTDIR
		case kmem.Inode(InodeOf(f.Dentry)).Live.ChildHead != 0:
			e = abi.ENOTEMPTY
		}
	}
	if e == abi.OK {
		removeName(f.Parent, f.Dentry)
	}
	f.Release()
	return e
}
