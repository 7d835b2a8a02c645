package vfs

import (
	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/kmem"
	"foreshore.dev/kernel/sched"
)

// Mounts: the root dentry of a file system covers a directory. Each has a slot, so
// that whoever reads a machine sees them.

// MountEvents counts changes of the mounts; whoever waits for the next one
// (proc_pid_mounts(5)) stands in MountWait.
func MountEvents() uint32 { return state().MountEvents }

// MountWait is where those wait who want to hear of changes of the mounts.
func MountWait() *abi.WaitEntryRef { return &state().MountWait }

func mountsChanged() {
	state().MountEvents++
	sched.Wake(MountWait(), (abi.POLLERR | abi.POLLPRI))
}

// newMount notes that a root covers a directory (0: it is the machine's root); 0
// when there are too many mounts.
func newMount(root, covers abi.DentryRef, fs abi.FsType) abi.MountRef {
	i := kmem.Alloc[abi.MountRef]()
	if i != 0 {
		m := kmem.Mount(i)
		kmem.WriteBegin(&m.Header)
		m.Root, m.Covers, m.Fs = root, covers, fs
		kmem.WriteEnd(&m.Header)
	}
	return i
}

// Mount puts a new file system of a type over a directory and returns its root,
// not held: the mount holds it. ENOSPC when there are too many mounts.
func Mount(fs abi.FsType, over abi.DentryRef, mode abi.FileMode) (abi.DentryRef, abi.Errno) {
	if !isDir(over) {
		return 0, abi.ENOTDIR
	}
	over = topMount(over)
	i := newMount(0, over, fs)
	if i == 0 {
		return 0, abi.ENOSPC
	}
	root, e := newRoot(fs, mode)
	if e != abi.OK {
		kmem.Free(i)
		return 0, e
	}
	Hold(over)
	setCovering(root, over, true)
	m := kmem.Mount(i)
	kmem.WriteBegin(&m.Header)
	m.Root = root
	kmem.WriteEnd(&m.Header)
	mountsChanged()
	return root, abi.OK
}

// setCovering has a root lie over a directory, or take itself away from it.
func setCovering(root, over abi.DentryRef, covering bool) {
	covers, mounted := over, root
	if !covering {
		covers, mounted = 0, 0
	}
	treeBegin()
	d := kmem.Dentry(root)
	kmem.WriteBegin(&d.Header)
	d.Covers = covers
	kmem.WriteEnd(&d.Header)
	d = kmem.Dentry(over)
	kmem.WriteBegin(&d.Header)
	d.Mounted = mounted
	kmem.WriteEnd(&d.Header)
	treeEnd()
}

// Unmount takes away the file system whose root is given: EINVAL when it is
// none, EBUSY while it is used.
func Unmount(root abi.DentryRef) abi.Errno {
	for i := abi.MountRef(1); i < EndOfMounts(); i++ {
		if at, _, ok := MountAt(i); !ok || at != root {
			continue
		}
		d := kmem.Dentry(root)
		// Anything in use below it holds its parents up to the root; names
		// that are merely there are the file system's own.
		over := d.Covers
		if over == 0 || d.Mounted != 0 || busyBelow(root) {
			return abi.EBUSY
		}
		setCovering(root, over, false)
		kmem.Free(i)
		RemoveTree(root)
		Put(over)
		Put(root)
		mountsChanged()
		return abi.OK
	}
	return abi.EINVAL
}

// busyBelow says whether somebody holds a dentry below (or is) the root, or
// has a file of it open.
func busyBelow(root abi.DentryRef) bool {
	// The mount holds the root once, and each child of it once more.
	if kmem.Dentry(root).Header.Refs != 1+kmem.Inode(InodeOf(root)).Live.ChildCount {
		return true
	}
	for d := nextBelow(root, root); d != 0; d = nextBelow(d, root) {
		s := kmem.Dentry(d)
		in := kmem.Inode(s.Inode)
		refs := uint32(1)
		if in.State.Mode&abi.S_IFMT == abi.S_IFDIR {
			refs += in.Live.ChildCount
		}
		if s.Header.Refs != refs || in.Live.Opens != 0 || s.Mounted != 0 {
			return true
		}
	}
	return false
}

// nextBelow goes through a tree in preorder; 0 at its end.
func nextBelow(d, root abi.DentryRef) abi.DentryRef {
	if in := kmem.Inode(InodeOf(d)); in.State.Mode&abi.S_IFMT == abi.S_IFDIR && in.Live.ChildHead != 0 {
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
func RemoveTree(root abi.DentryRef) {
	for {
		d := root
		for {
			in := kmem.Inode(InodeOf(d))
			if in.State.Mode&abi.S_IFMT != abi.S_IFDIR || in.Live.ChildHead == 0 {
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

// MountAt is mount i, from 1 on: its root and type; ok is false when there is none.
func MountAt(i abi.MountRef) (root abi.DentryRef, fs abi.FsType, ok bool) {
	if !kmem.InUse(i) {
		return 0, 0, false
	}
	m := kmem.Mount(i)
	return m.Root, m.Fs, true
}

// EndOfMounts is one past the last mount.
func EndOfMounts() abi.MountRef { return kmem.End[abi.MountRef]() }
