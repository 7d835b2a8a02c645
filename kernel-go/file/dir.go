package file

import (
	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/kmem"
	"foreshore.dev/kernel/sched"
	"foreshore.dev/kernel/vfs"
)

// Seekable says whether an OFD has positions.
func Seekable(i abi.OfdRef) bool { return seekable(kmem.Ofd(i)) }

func readDirectory(_ *sched.Ctx, _ *abi.OfdSlot, t transfer) (uint32, abi.Errno) {
	return 0, abi.EISDIR
}

// IsDirectory says whether an OFD is of a directory.
func IsDirectory(i abi.OfdRef) bool { return kmem.Ofd(i).State.Kind == abi.OfdKindDirectory }

// Readdir writes directory entries from the OFD's position on to dst. The
// position moves in ReaddirDone, when the entries have reached the caller.
func Readdir(c *sched.Ctx, i abi.OfdRef, dst kmem.Span) (uint32, abi.Errno) {
	o := kmem.Ofd(i)
	if !IsDirectory(i) {
		return 0, abi.ENOTDIR
	}
	d := o.State.Dentry
	if !vfs.Linked(d) {
		return 0, abi.ENOENT
	}
	c.Dir = sched.DirPlace{Pos: o.State.Pos, Next: o.State.OfdDirectory().Next}
	n, e := vfs.Readdir(c, d, &c.Dir, dst)
	if e == abi.OK && o.State.Flags&abi.O_NOATIME == 0 {
		vfs.Accessed(o.State.Inode)
	}
	return n, e
}

// ReaddirDone moves the OFD behind what Readdir gave.
func ReaddirDone(c *sched.Ctx, i abi.OfdRef) {
	o := kmem.Ofd(i)
	kmem.WriteBegin(&o.Header)
	o.State.Pos, o.State.OfdDirectory().Next = c.Dir.Pos, c.Dir.Next
	kmem.WriteEnd(&o.Header)
}
