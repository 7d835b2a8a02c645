package vfs

import (
	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/kmem"
)

// Device nodes that the kernel itself makes and removes in a file system that
// guests may not change (devpts).

// Node is what a device node is: its mode, owner and device number.
type Node struct {
	Mode     abi.FileMode
	Uid, Gid uint32
	Rdev     uint64
}

// AddNode makes a device node in directory `parent`, which has none of that name;
// the dentry is held. ENOSPC when a table is full.
func AddNode(parent abi.DentryRef, name kmem.Span, n Node) (abi.DentryRef, abi.Errno) {
	dir := InodeOf(parent)
	ds := &kmem.Inode(dir).State
	inode := NewInode(ds.FsType, n.Mode, n.Uid, n.Gid)
	if inode == 0 {
		return 0, abi.ENOSPC
	}
	setNode(inode, n.Rdev, ds.Node)
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
