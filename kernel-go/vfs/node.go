package vfs

import (
	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/kmem"
)

// Device nodes that the kernel itself makes and removes in a file system that
// guests may not change (devpts).

// AddNode makes a device node with a name of n bytes in directory `parent`,
// which has none of that name; the dentry is held. ENOSPC when a table is full.
func AddNode(parent abi.DentryRef, name kmem.Span, mode abi.FileMode, uid, gid uint32, rdev uint64) (abi.DentryRef, abi.Errno) {
	dir := InodeOf(parent)
	ds := &kmem.Inode(dir).State
	inode := NewInode(ds.FsType, mode, uid, gid)
	if inode == 0 {
		return 0, abi.ENOSPC
	}
	s := &kmem.Inode(inode).State
	s.Rdev, s.Node = rdev, ds.Node
	d := newDentry(parent, inode, name)
	dropInode(inode)
	if d == 0 {
		return 0, abi.ENOSPC
	}
	link(d)
	change(dir, true)
	return d, abi.OK
}

// RemoveNode takes the name of a node away and gives the dentry back.
func RemoveNode(d abi.DentryRef) {
	removeName(kmem.Dentry(d).Parent, d)
	Put(d)
}
