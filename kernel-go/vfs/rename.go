package vfs

import (
	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/kmem"
	"foreshore.dev/kernel/sched"
)

// PathAt is a path, walked from a directory when it is relative.
type PathAt struct {
	Dir abi.DentryRef
	kmem.Span
}

// Rename is renameat2(2). The two paths lie in different buffers.
func Rename(c *sched.Ctx, from, to PathAt, flags abi.RenameFlag) abi.Errno {
	exchange := flags&abi.RENAME_EXCHANGE != 0
	noReplace := flags&abi.RENAME_NOREPLACE != 0
	if flags&^(abi.RENAME_EXCHANGE|abi.RENAME_NOREPLACE) != 0 || (exchange && noReplace) {
		return abi.EINVAL
	}
	f, e := Walk(c, RootOf(c), from, Parent)
	if e != abi.OK {
		return e
	}
	t, e := Walk(c, RootOf(c), to, Parent)
	if e == abi.OK {
		e = mayRename(c, &f, &t, flags)
		if e == abi.OK && f.Dentry != t.Dentry && (t.Dentry == 0 || InodeOf(f.Dentry) != InodeOf(t.Dentry)) {
			if exchange {
				swapNames(&f, &t)
			} else {
				moveName(f.Dentry, t.Parent, t.Dentry, t.Name)
			}
		}
	}
	f.Release()
	t.Release()
	return e
}

// under says whether a dentry lies in the tree below (or is) `top`.
func under(d, top abi.DentryRef) bool {
	for {
		if d == top {
			return true
		}
		p := kmem.Dentry(d).Parent
		if p == d {
			return false
		}
		d = p
	}
}

func mayRename(c *sched.Ctx, from, to *Found, flags abi.RenameFlag) abi.Errno {
	exchange, noReplace := flags&abi.RENAME_EXCHANGE != 0, flags&abi.RENAME_NOREPLACE != 0
	switch {
	case from.Last != LastName:
		return abi.EBUSY
	case to.Last != LastName:
		if noReplace {
			return abi.EEXIST
		}
		return abi.EBUSY
	case DevOf(InodeOf(from.Parent)) != DevOf(InodeOf(to.Parent)):
		return abi.EXDEV
	case from.Dentry == 0:
		return abi.ENOENT
	case noReplace && to.Dentry != 0:
		return abi.EEXIST
	case exchange && to.Dentry == 0:
		return abi.ENOENT
	}
	oldIsDir := isDir(from.Dentry)
	newIsDir := to.Dentry != 0 && isDir(to.Dentry)
	if exchange && !newIsDir && to.Slash {
		return abi.ENOTDIR
	}
	if !oldIsDir && (from.Slash || (!exchange && to.Slash)) {
		return abi.ENOTDIR
	}
	if under(to.Parent, from.Dentry) {
		return abi.EINVAL
	}
	if to.Dentry != 0 && under(from.Parent, to.Dentry) {
		if exchange {
			return abi.EINVAL
		}
		return abi.ENOTEMPTY
	}
	if to.Dentry != 0 && InodeOf(from.Dentry) == InodeOf(to.Dentry) {
		return abi.OK // two names of one file: nothing happens
	}
	if e := mayRemove(c, from.Parent, from.Dentry); e != abi.OK {
		return e
	}
	if to.Dentry == 0 {
		if e := mayCreate(c, to.Parent); e != abi.OK {
			return e
		}
	} else if e := mayRemove(c, to.Parent, to.Dentry); e != abi.OK {
		return e
	}
	if !exchange && to.Dentry != 0 {
		if oldIsDir && !newIsDir {
			return abi.ENOTDIR
		}
		if !oldIsDir && newIsDir {
			return abi.EISDIR
		}
	}
	// A directory that gets another parent has its ".." changed.
	if from.Parent != to.Parent {
		if oldIsDir {
			if e := Permission(c, InodeOf(from.Dentry), MayWrite); e != abi.OK {
				return e
			}
		}
		if exchange && newIsDir {
			if e := Permission(c, InodeOf(to.Dentry), MayWrite); e != abi.OK {
				return e
			}
		}
	}
	if kmem.Dentry(from.Dentry).Covers != 0 || (to.Dentry != 0 && kmem.Dentry(to.Dentry).Covers != 0) {
		return abi.EBUSY
	}
	if !exchange && newIsDir && kmem.Inode(InodeOf(to.Dentry)).Live.ChildHead != 0 {
		return abi.ENOTEMPTY
	}
	return abi.OK
}

// moveName gives a dentry another name, in place of `replaced` when that is
// not 0. Nothing of it can fail.
func moveName(d, newParent, replaced abi.DentryRef, name kmem.Span) {
	oldDir, newDir := InodeOf(kmem.Dentry(d).Parent), InodeOf(newParent)
	gone := abi.InodeRef(0)
	treeBegin()
	if replaced != 0 {
		gone = InodeOf(replaced)
		holdInode(gone)
		unlinkDentry(replaced)
	}
	place(d, newParent, name)
	treeEnd()
	if isDir(d) && oldDir != newDir {
		setNlink(oldDir, kmem.Inode(oldDir).State.Nlink-1)
		setNlink(newDir, kmem.Inode(newDir).State.Nlink+1)
	}
	if gone != 0 {
		s := &kmem.Inode(gone).State
		if s.Mode&abi.S_IFMT == abi.S_IFDIR {
			setNlink(gone, 0)
			setNlink(newDir, kmem.Inode(newDir).State.Nlink-1)
		} else {
			setNlink(gone, s.Nlink-1)
		}
		change(gone, false)
		dropInode(gone)
	}
	change(InodeOf(d), false)
	change(oldDir, true)
	if newDir != oldDir {
		change(newDir, true)
	}
}

// place moves a linked dentry to another directory or name. In its own
// directory it keeps its readdir position, so that a reader of the directory
// sees it once.
func place(i, parent abi.DentryRef, name kmem.Span) {
	d := kmem.Dentry(i)
	unhash(i)
	old := d.Parent
	if old != parent {
		removeChild(InodeOf(old), i)
		Hold(parent)
	}
	kmem.WriteBegin(&d.Header)
	d.Parent = parent
	if name.Addr != nameAddr(i) {
		d.NameLength = uint16(name.Len)
		kmem.Copy(nameAddr(i), name.Addr, name.Len)
	}
	d.Hash = hashOf(parent, kmem.Span{Addr: nameAddr(i), Len: name.Len})
	kmem.WriteEnd(&d.Header)
	if old != parent {
		appendChild(InodeOf(parent), i)
		Put(old)
	}
	hashIn(i)
}

// swapNames is RENAME_EXCHANGE of two different files.
func swapNames(from, to *Found) {
	a, b := from.Dentry, to.Dentry
	oldDir, newDir := InodeOf(from.Parent), InodeOf(to.Parent)
	treeBegin()
	// The names lie in the paths' buffers, not in the dentries.
	place(a, to.Parent, to.Name)
	place(b, from.Parent, from.Name)
	treeEnd()
	if oldDir != newDir && isDir(a) != isDir(b) {
		up, down := newDir, oldDir
		if isDir(b) {
			up, down = oldDir, newDir
		}
		setNlink(up, kmem.Inode(up).State.Nlink+1)
		setNlink(down, kmem.Inode(down).State.Nlink-1)
	}
	change(InodeOf(a), false)
	change(InodeOf(b), false)
	change(oldDir, true)
	if newDir != oldDir {
		change(newDir, true)
	}
}
