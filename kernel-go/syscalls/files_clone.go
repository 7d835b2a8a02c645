package syscalls

import (
	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/file"
	"foreshore.dev/kernel/kmem"
	"foreshore.dev/kernel/mm"
	"foreshore.dev/kernel/sched"
	"foreshore.dev/kernel/vfs"
)

// Files that share their contents (ioctl_ficlone(2), ioctl_fideduperange(2)):
// no file system here does, as Linux's tmpfs does not. Programs tell EOPNOTSUPP,
// after which they copy, from what is wrong with their descriptors.

// superOf is the file system of an OFD, 0 for what has none.
func superOf(ofd abi.OfdRef) uint64 {
	if inode := kmem.Ofd(ofd).State.Inode; inode != 0 {
		return vfs.DevOf(inode)
	}
	return 0
}

// cloneRange is FICLONE and FICLONERANGE onto an OFD.
func cloneRange(c *sched.Ctx, dst abi.OfdRef) abi.Errno {
	fd := fdArg(c, 2)
	if abi.IoctlFile(arg32(c, 1)) == abi.FICLONERANGE {
		if e := mm.CopyIn(c, c.InPage(abi.FileCloneRangeSize), c.Arg(2)); e != abi.OK {
			return e
		}
		fd = int32((*abi.FileCloneRange)(kmem.Ptr(c.Page)).SrcFd)
	}
	src, e := file.Get(c, fd)
	if e != abi.OK {
		return e
	}
	from, to := kmem.Ofd(src), kmem.Ofd(dst)
	if s := superOf(src); s == 0 || s != superOf(dst) {
		return abi.EXDEV
	}
	for _, inode := range [2]abi.InodeRef{from.State.Inode, to.State.Inode} {
		if vfs.TypeOf(inode) == abi.S_IFDIR {
			return abi.EISDIR
		}
	}
	for _, inode := range [2]abi.InodeRef{from.State.Inode, to.State.Inode} {
		if vfs.TypeOf(inode) != abi.S_IFREG {
			return abi.EINVAL
		}
	}
	accmode := abi.O_ACCMODE
	if from.State.Flags&accmode == abi.O_WRONLY || to.State.Flags&accmode == 0 || to.State.Flags&abi.O_APPEND != 0 {
		return abi.EBADF
	}
	return abi.EOPNOTSUPP
}

// dedupeRange is FIDEDUPERANGE of an OFD.
func dedupeRange(c *sched.Ctx, src abi.OfdRef) abi.Errno {
	if e := mm.CopyIn(c, c.InPage(abi.FileDedupeRangeSize), c.Arg(2)); e != abi.OK {
		return e
	}
	r := *(*abi.FileDedupeRange)(kmem.Ptr(c.Page))
	size := abi.FileDedupeRangeSize + uint32(r.DestCount)*abi.FileDedupeRangeInfoSize
	if size > kmem.PageSize {
		return abi.ENOMEM
	}
	if e := mm.CopyIn(c, c.InPage(size), c.Arg(2)); e != abi.OK {
		return e
	}
	o := kmem.Ofd(src)
	if o.State.Flags&abi.O_ACCMODE == abi.O_WRONLY || r.Reserved1 != 0 || r.Reserved2 != 0 {
		return abi.EINVAL
	}
	switch {
	case file.IsDirectory(src):
		return abi.EISDIR
	case file.IsRegular(src):
		return abi.EOPNOTSUPP
	}
	return abi.EINVAL
}
