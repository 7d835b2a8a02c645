package file

import (
	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/kmem"
	"foreshore.dev/kernel/mm"
	"foreshore.dev/kernel/sched"
	"foreshore.dev/kernel/vfs"
)

// Seekable says whether an OFD has positions.
func Seekable(i abi.OfdRef) bool { return seekable(kmem.Ofd(i)) }

func readDirectory(*sched.Ctx, *abi.OfdSlot, *mm.Buf, uint64, bool) (uint32, abi.Errno) {
	return 0, abi.EISDIR
}

// Readdir writes directory entries from the OFD's position on to dst. The
// position moves in ReaddirDone, when the entries have reached the caller.
func Readdir(c *sched.Ctx, i abi.OfdRef, dst, max uint32) (uint32, abi.Errno) {
	o := kmem.Ofd(i)
	if o.State.Kind != abi.OfdKindDirectory {
		return 0, abi.ENOTDIR
	}
	d := o.State.Dentry
	if !vfs.Linked(d) {
		return 0, abi.ENOENT
	}
	c.DirPos, c.DirHint = o.State.Pos, o.State.OfdDirectory().Next
	n, e := vfs.Readdir(c, d, &c.DirPos, &c.DirHint, dst, max)
	if e == abi.OK && o.State.Flags&abi.O_NOATIME == 0 {
		vfs.Accessed(o.State.Inode)
	}
	return n, e
}

// ReaddirDone moves the OFD behind what Readdir gave.
func ReaddirDone(c *sched.Ctx, i abi.OfdRef) {
	o := kmem.Ofd(i)
	kmem.WriteBegin(&o.Header)
	o.State.Pos, o.State.OfdDirectory().Next = c.DirPos, c.DirHint
	kmem.WriteEnd(&o.Header)
}
