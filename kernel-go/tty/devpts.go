package tty

import (
	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/kmem"
	"foreshore.dev/kernel/sched"
	"foreshore.dev/kernel/vfs"
)

// /dev/pts: a file system that holds a node for each pair, and ptmx.

const (
	slaveMajor = uint64(136)
	// slaveMode and group tty are Debian's mount options of devpts.
	slaveMode = abi.S_IFCHR | 0o620
	ttyGroup  = 5
)

// root is the directory /dev/pts.
func root() abi.DentryRef { return kmem.Kernel().OpenFiles.PtsRoot }

// InitDevpts mounts devpts on a directory, which must exist.
func InitDevpts(over abi.DentryRef) abi.Errno {
	at, e := vfs.Mount(abi.FsTypeDevpts, over, 0o755)
	if e != abi.OK {
		return e
	}
	kmem.Kernel().OpenFiles.PtsRoot = at
	c := sched.For(kmem.WorkerIndex)
	const name = "ptmx"
	copy(kmem.Bytes(c.Page, uint32(len(name))), name)
	d, e := vfs.AddNode(root(), c.InPage(uint32(len(name))), vfs.Node{Mode: abi.S_IFCHR | 0o666, Rdev: uint64(abi.DEV_PTMX)})
	if e == abi.OK {
		vfs.Put(d)
	}
	return e
}

// slaveNumber is the slave's device number as inodes hold it (makedev(3)).
func slaveNumber(index uint32) uint64 {
	return slaveMajor<<8 | uint64(index&0xff) | uint64(index&^0xff)<<12
}

// addNode makes the node of a pair: the creator's, group tty.
func addNode(c *sched.Ctx, t *abi.TtySlot) abi.Errno {
	uid := uint32(0)
	if c.Process != 0 {
		uid = c.P().State.Fsuid
	}
	n := vfs.PutNumber(c.Page, uint64(t.State.Index))
	var e abi.Errno
	t.Live.Dentry, e = vfs.AddNode(root(), c.InPage(n), vfs.Node{Mode: slaveMode, Uid: uid, Gid: ttyGroup, Rdev: slaveNumber(t.State.Index)})
	return e
}

func removeNode(t *abi.TtySlot) {
	vfs.RemoveNode(t.Live.Dentry)
	t.Live.Dentry = 0
}

// OfNode is the pair whose slave a device number is, 0 when there is none.
func OfNode(rdev uint64) abi.TtyRef {
	if rdev>>8&0xfff != slaveMajor {
		return 0
	}
	return byIndex(uint32(rdev&0xff|rdev>>12&^0xff), 0)
}

// IsSlave says whether a device number is one of slaves.
func IsSlave(rdev uint64) bool { return rdev>>8&0xfff == slaveMajor }
