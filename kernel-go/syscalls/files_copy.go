package syscalls

import (
	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/file"
	"foreshore.dev/kernel/kmem"
	"foreshore.dev/kernel/mm"
	"foreshore.dev/kernel/sched"
)

// source is a regular file that may be read, to copy from.
func source(c *sched.Ctx, i int) (abi.OfdRef, abi.Errno) {
	ofd, e := file.Get(c, fdArg(c, i))
	if e != abi.OK {
		return 0, e
	}
	if !file.ForReading(ofd) {
		return 0, abi.EBADF
	}
	if file.IsDirectory(ofd) {
		return 0, abi.EISDIR
	}
	if !file.IsRegular(ofd) {
		return 0, abi.EINVAL
	}
	return ofd, abi.OK
}

// offsetIn reads the offset that argument i points to; without one it is the
// OFD's own position.
func offsetIn(c *sched.Ctx, i int, ofd abi.OfdRef) (uint64, abi.Errno) {
	if c.Arg(i) == 0 {
		return kmem.Ofd(ofd).State.Pos, abi.OK
	}
	if e := mm.CopyIn(c, c.InPage(8), c.Arg(i)); e != abi.OK {
		return 0, e
	}
	pos := kmem.Load64(c.Page)
	if int64(pos) < 0 {
		return 0, abi.EINVAL
	}
	return pos, abi.OK
}

func offsetOut(c *sched.Ctx, i int, pos uint64) abi.Errno {
	kmem.Store64(c.Page, pos)
	return mm.CopyOut(c, c.Arg(i), c.InPage(8))
}

// sendfile(2) from anything but a regular file is EINVAL: callers then copy.
func sysSendfile(c *sched.Ctx) (uint64, abi.Errno) {
	in, e := source(c, 1)
	if e != abi.OK {
		if e == abi.EISDIR {
			e = abi.EINVAL
		}
		return 0, e
	}
	out, e := file.Get(c, fdArg(c, 0))
	if e != abi.OK {
		return 0, e
	}
	o := kmem.Ofd(out)
	if !file.ForWriting(out) {
		return 0, abi.EBADF
	}
	if o.State.Flags&abi.O_APPEND != 0 {
		return 0, abi.EINVAL
	}
	pos, e := offsetIn(c, 2, in)
	if e != abi.OK {
		return 0, e
	}
	n, e := file.CopyOut(c, &file.Copy{From: in, To: out, FromPos: pos, ToPos: file.PosCurrent, Count: min(c.Arg(3), uint64(abi.MAX_RW_COUNT))})
	if e != abi.OK {
		return 0, e
	}
	if c.Arg(2) == 0 {
		file.Advance(in, n)
		return n, abi.OK
	}
	return n, offsetOut(c, 2, pos+n)
}

func sysCopyFileRange(c *sched.Ctx) (uint64, abi.Errno) {
	if arg32(c, 5) != 0 {
		return 0, abi.EINVAL
	}
	in, e := source(c, 0)
	if e != abi.OK {
		return 0, e
	}
	out, e := file.Get(c, fdArg(c, 2))
	if e != abi.OK {
		return 0, e
	}
	o := kmem.Ofd(out)
	switch {
	case file.IsDirectory(out):
		return 0, abi.EISDIR
	case !file.IsRegular(out):
		return 0, abi.EINVAL
	case !file.ForWriting(out), o.State.Flags&abi.O_APPEND != 0:
		return 0, abi.EBADF
	}
	from, e := offsetIn(c, 1, in)
	if e != abi.OK {
		return 0, e
	}
	to, e := offsetIn(c, 3, out)
	if e != abi.OK {
		return 0, e
	}
	count := min(c.Arg(4), uint64(abi.MAX_RW_COUNT))
	same := kmem.Ofd(in).State.Inode == o.State.Inode
	if same && from < to+count && to < from+count {
		return 0, abi.EINVAL
	}
	n, e := file.CopyOut(c, &file.Copy{From: in, To: out, FromPos: from, ToPos: to, Count: count})
	if e != abi.OK {
		return 0, e
	}
	if c.Arg(1) == 0 {
		file.Advance(in, n)
	} else if e := offsetOut(c, 1, from+n); e != abi.OK {
		return 0, e
	}
	if c.Arg(3) == 0 {
		file.Advance(out, n)
	} else if e := offsetOut(c, 3, to+n); e != abi.OK {
		return 0, e
	}
	return n, abi.OK
}
