package syscalls

import (
	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/file"
	"foreshore.dev/kernel/kmem"
	"foreshore.dev/kernel/mm"
	"foreshore.dev/kernel/sched"
	"foreshore.dev/kernel/vfs"
)

// ofFd is the inode of a descriptor that attributes are set of: O_PATH ones
// are refused, and what has no inode gives EINVAL.
func ofFd(c *sched.Ctx) (abi.InodeRef, abi.Errno) {
	ofd, e := file.Get(c, fdArg(c, 0))
	if e != abi.OK {
		return 0, e
	}
	inode := kmem.Ofd(ofd).State.Inode
	if inode == 0 {
		return 0, abi.EINVAL
	}
	return inode, abi.OK
}

func chmodAt(c *sched.Ctx, flags abi.AtFlag) (uint64, abi.Errno) {
	if flags&^(atNofoll|atEmpty) != 0 {
		return 0, abi.EINVAL
	}
	p, e := find(c, pathArg{fd: fdArg(c, 0), i: 1}, flags)
	if e != abi.OK {
		return 0, e
	}
	if p.inode == 0 {
		e = abi.EINVAL
	} else {
		e = vfs.Chmod(c, p.inode, abi.FileMode(arg32(c, 2)))
	}
	p.release()
	return 0, e
}

func sysFchmodat(c *sched.Ctx) (uint64, abi.Errno) { return chmodAt(c, 0) }

func sysFchmodat2(c *sched.Ctx) (uint64, abi.Errno) { return chmodAt(c, abi.AtFlag(arg32(c, 3))) }

func sysFchmod(c *sched.Ctx) (uint64, abi.Errno) {
	inode, e := ofFd(c)
	if e != abi.OK {
		return 0, e
	}
	return 0, vfs.Chmod(c, inode, abi.FileMode(arg32(c, 1)))
}

func sysFchownat(c *sched.Ctx) (uint64, abi.Errno) {
	flags := abi.AtFlag(arg32(c, 4))
	if flags&^(atNofoll|atEmpty) != 0 {
		return 0, abi.EINVAL
	}
	p, e := find(c, pathArg{fd: fdArg(c, 0), i: 1}, flags)
	if e != abi.OK {
		return 0, e
	}
	if p.inode == 0 {
		e = abi.EINVAL
	} else {
		e = vfs.Chown(c, p.inode, arg32(c, 2), arg32(c, 3))
	}
	p.release()
	return 0, e
}

func sysFchown(c *sched.Ctx) (uint64, abi.Errno) {
	inode, e := ofFd(c)
	if e != abi.OK {
		return 0, e
	}
	return 0, vfs.Chown(c, inode, arg32(c, 1), arg32(c, 2))
}

// utimeOf turns one struct timespec of utimensat(2) into what vfs wants.
func utimeOf(t *abi.Timespec) (uint64, abi.Errno) {
	switch uint64(t.Nsec) {
	case uint64(abi.UTIME_NOW):
		return vfs.TimeNow, abi.OK
	case uint64(abi.UTIME_OMIT):
		return vfs.TimeOmit, abi.OK
	}
	if uint64(t.Nsec) >= nsPerSec {
		return 0, abi.EINVAL
	}
	// Times that nanoseconds of 64 bits cannot hold are cut to their range,
	// as Linux does for file systems with a range.
	const most = int64(1<<63-1)/int64(nsPerSec) - 1
	sec := min(max(t.Sec, -most), most)
	return uint64(sec*int64(nsPerSec) + t.Nsec), abi.OK
}

func sysUtimensat(c *sched.Ctx) (uint64, abi.Errno) {
	flags := abi.AtFlag(arg32(c, 3))
	if flags&^(atNofoll|atEmpty) != 0 {
		return 0, abi.EINVAL
	}
	atime, mtime := vfs.TimeNow, vfs.TimeNow
	if va := c.Arg(2); va != 0 {
		if e := mm.CopyIn(c, c.InPage(2*abi.TimespecSize), va); e != abi.OK {
			return 0, e
		}
		var e abi.Errno
		if atime, e = utimeOf((*abi.Timespec)(kmem.Ptr(c.Page))); e != abi.OK {
			return 0, e
		}
		if mtime, e = utimeOf((*abi.Timespec)(kmem.Ptr(c.Page + abi.TimespecSize))); e != abi.OK {
			return 0, e
		}
		if atime == vfs.TimeOmit && mtime == vfs.TimeOmit {
			return 0, abi.OK
		}
	}
	var p place
	var e abi.Errno
	if c.Arg(1) == 0 {
		// Without a path: the descriptor's own file (futimens).
		if fdArg(c, 0) == atFdcwd {
			return 0, abi.EFAULT
		}
		if flags != 0 {
			return 0, abi.EINVAL
		}
		if _, e = file.Get(c, fdArg(c, 0)); e == abi.OK {
			p, e = own(c, fdArg(c, 0))
		}
	} else {
		p, e = find(c, pathArg{fd: fdArg(c, 0), i: 1}, flags)
	}
	if e != abi.OK {
		return 0, e
	}
	if p.inode != 0 {
		e = vfs.SetTimes(c, p.inode, atime, mtime)
	}
	p.release()
	return 0, e
}

func sysTruncate(c *sched.Ctx) (uint64, abi.Errno) {
	if int64(c.Arg(1)) < 0 {
		return 0, abi.EINVAL
	}
	p, e := find(c, pathArg{fd: atFdcwd, i: 0}, 0)
	if e != abi.OK {
		return 0, e
	}
	e = vfs.TruncateNamed(c, p.inode, c.Arg(1))
	if sched.GoesOn(e) {
		vfs.HoldDentry(c, p.dentry)
	}
	p.release()
	return 0, e
}

// writableFile is the inode of a regular file that a descriptor may write.
func writableFile(c *sched.Ctx, fd int32, other abi.Errno) (abi.InodeRef, abi.Errno) {
	ofd, e := file.Get(c, fd)
	if e != abi.OK {
		return 0, e
	}
	if !file.IsRegular(ofd) || !file.ForWriting(ofd) {
		return 0, other
	}
	return kmem.Ofd(ofd).State.Inode, abi.OK
}

func sysFtruncate(c *sched.Ctx) (uint64, abi.Errno) {
	if int64(c.Arg(1)) < 0 {
		return 0, abi.EINVAL
	}
	inode, e := writableFile(c, fdArg(c, 0), abi.EINVAL)
	if e != abi.OK {
		return 0, e
	}
	return 0, vfs.Truncate(c, inode, c.Arg(1))
}

func sysFallocate(c *sched.Ctx) (uint64, abi.Errno) {
	offset, length := int64(c.Arg(2)), int64(c.Arg(3))
	if offset < 0 || length <= 0 {
		return 0, abi.EINVAL
	}
	ofd, e := file.Get(c, fdArg(c, 0))
	if e != abi.OK {
		return 0, e
	}
	switch {
	case !file.ForWriting(ofd):
		return 0, abi.EBADF
	case file.IsPipe(ofd):
		return 0, abi.ESPIPE
	case !file.IsRegular(ofd):
		return 0, abi.ENODEV
	}
	return 0, vfs.Allocate(c, kmem.Ofd(ofd).State.Inode, abi.FallocFlag(arg32(c, 1)), vfs.Extent{Offset: uint64(offset), Length: uint64(length)})
}

// synced is what fsync(2) and its like say: all files are in memory, so there
// is nothing to wait for.
func synced(c *sched.Ctx) (uint64, abi.Errno) {
	ofd, e := file.Get(c, fdArg(c, 0))
	if e != abi.OK {
		return 0, e
	}
	if !file.Syncs(ofd) {
		return 0, abi.EINVAL
	}
	return 0, abi.OK
}

func sysFsync(c *sched.Ctx) (uint64, abi.Errno) { return synced(c) }

func sysFdatasync(c *sched.Ctx) (uint64, abi.Errno) { return synced(c) }

func sysSync(*sched.Ctx) (uint64, abi.Errno) { return 0, abi.OK }

func sysSyncfs(c *sched.Ctx) (uint64, abi.Errno) {
	_, e := file.Get(c, fdArg(c, 0))
	return 0, e
}

func sysSyncFileRange(c *sched.Ctx) (uint64, abi.Errno) {
	known := abi.SYNC_FILE_RANGE_WAIT_BEFORE | abi.SYNC_FILE_RANGE_WRITE | abi.SYNC_FILE_RANGE_WAIT_AFTER
	if abi.SyncRangeFlag(arg32(c, 3))&^known != 0 || int64(c.Arg(1)) < 0 || int64(c.Arg(2)) < 0 || int64(c.Arg(1)+c.Arg(2)) < 0 {
		return 0, abi.EINVAL
	}
	ofd, e := file.Get(c, fdArg(c, 0))
	if e == abi.OK && !file.Seekable(ofd) {
		e = abi.ESPIPE
	}
	return 0, e
}

func sysFadvise64(c *sched.Ctx) (uint64, abi.Errno) {
	ofd, e := file.Get(c, fdArg(c, 0))
	if e != abi.OK {
		return 0, e
	}
	switch {
	case !file.Seekable(ofd):
		return 0, abi.ESPIPE
	case abi.Fadvice(arg32(c, 3)) > abi.POSIX_FADV_NOREUSE, int64(c.Arg(2)) < 0:
		return 0, abi.EINVAL
	}
	return 0, abi.OK // advice; pages come in when they are touched
}

func sysReadahead(c *sched.Ctx) (uint64, abi.Errno) {
	ofd, e := file.Get(c, fdArg(c, 0))
	if e != abi.OK {
		return 0, e
	}
	switch {
	case !file.ForReading(ofd):
		return 0, abi.EBADF
	case !file.IsRegular(ofd):
		return 0, abi.EINVAL
	}
	return 0, abi.OK
}
