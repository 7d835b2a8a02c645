package vfs

import (
	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/kmem"
	"foreshore.dev/kernel/sched"
)

// Mounts: the root dentry of a file system covers a directory.

const maxMounts = 32

type mount struct {
	root uint32
	fs   abi.FsType
}

// mounts[0] is the root file system; root 0 marks a free entry.
var mounts [maxMounts]mount

// MountEvents counts changes of the mounts; whoever waits for the next one
// (proc_pid_mounts(5)) stands in MountWait.
var MountEvents uint32

// mountSlot is an Eventfd slot whose queue that is.
var mountSlot uint32

// MountWait is where those wait who want to hear of changes of the mounts.
func MountWait() *uint32 { return &kmem.Eventfd(mountSlot).Wait }

func mountsChanged() {
	MountEvents++
	sched.Wake(MountWait(), uint32(abi.POLLERR|abi.POLLPRI))
}

// Mount puts a new file system of a type over a directory and returns its root,
// not held: the mount holds it. ENOSPC when there are too many mounts.
func Mount(fs abi.FsType, over, mode uint32) (uint32, abi.Errno) {
	if !isDir(over) {
		return 0, abi.ENOTDIR
	}
	for i := range mounts {
		m := &mounts[i]
		if m.root != 0 {
			continue
		}
		root, e := newRoot(fs, mode)
		if e != abi.OK {
			return 0, e
		}
		over = topMount(over)
		Hold(over)
		treeBegin()
		kmem.Dentry(root).Covers = over
		kmem.Dentry(over).Mounted = root
		treeEnd()
		*m = mount{root, fs}
		mountsChanged()
		return root, abi.OK
	}
	return 0, abi.ENOSPC
}

// Unmount takes away the file system whose root is given: EINVAL when it is
// none, EBUSY while it is used.
func Unmount(root uint32) abi.Errno {
	for i := range mounts {
		m := &mounts[i]
		if m.root != root || root == 0 {
			continue
		}
		d := kmem.Dentry(root)
		// Anything in use below it holds its parents up to the root; names
		// that are merely there are the file system's own.
		if i == 0 || d.Mounted != 0 || busyBelow(root) {
			return abi.EBUSY
		}
		over := d.Covers
		treeBegin()
		kmem.Dentry(over).Mounted = 0
		d.Covers = 0
		treeEnd()
		RemoveTree(root)
		Put(over)
		Put(root)
		*m = mount{}
		mountsChanged()
		return abi.OK
	}
	return abi.EINVAL
}

// busyBelow says whether somebody holds a dentry below (or is) the root, or
// has a file of it open.
func busyBelow(root uint32) bool {
	// The mount holds the root once, and each child of it once more.
	if kmem.Dentry(root).Header.Refs != 1+kmem.Inode(InodeOf(root)).Live.ChildCount {
		return true
	}
	for d := nextBelow(root, root); d != 0; d = nextBelow(d, root) {
		s := kmem.Dentry(d)
		in := kmem.Inode(s.Inode)
		refs := uint32(1)
		if in.State.Mode&ifmt == ifdir {
			refs += in.Live.ChildCount
		}
		if s.Header.Refs != refs || in.Live.Opens != 0 || s.Mounted != 0 {
			return true
		}
	}
	return false
}

// nextBelow goes through a tree in preorder; 0 at its end.
func nextBelow(d, root uint32) uint32 {
	if in := kmem.Inode(InodeOf(d)); in.State.Mode&ifmt == ifdir && in.Live.ChildHead != 0 {
		return in.Live.ChildHead
	}
	for d != root {
		if n := kmem.Dentry(d).NextChild; n != 0 {
			return n
		}
		d = kmem.Dentry(d).Parent
	}
	return 0
}

// RemoveTree removes every name below a dentry, not the dentry's own.
func RemoveTree(root uint32) {
	for {
		d := root
		for {
			in := kmem.Inode(InodeOf(d))
			if in.State.Mode&ifmt != ifdir || in.Live.ChildHead == 0 {
				break
			}
			d = in.Live.ChildHead
		}
		if d == root {
			return
		}
		removeName(kmem.Dentry(d).Parent, d)
	}
}

// MountAt is mount i: its root and type; ok is false when there is none.
func MountAt(i uint32) (root uint32, fs abi.FsType, ok bool) {
	if i >= maxMounts || mounts[i].root == 0 {
		return 0, 0, false
	}
	return mounts[i].root, mounts[i].fs, true
}

// MaxMounts bounds MountAt's index.
const MaxMounts = maxMounts
