package syscalls

import (
	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/file"
	"foreshore.dev/kernel/kmem"
	"foreshore.dev/kernel/mm"
	"foreshore.dev/kernel/sched"
	"foreshore.dev/kernel/vfs"
)

// Extended attributes (xattr(7)) come by path, by path without following its
// last link, and by descriptor.

type xattrBy int

const (
	byPath xattrBy = iota
	byLink
	byFd
)

// xattrPlace is the file of argument 0.
func xattrPlace(c *sched.Ctx, by xattrBy) (place, abi.Errno) {
	p, e := place{}, abi.OK
	switch by {
	case byFd:
		if _, e = file.Get(c, fdArg(c, 0)); e == abi.OK {
			p, e = own(c, fdArg(c, 0))
		}
	case byLink:
		p, e = find(c, pathArg{fd: atFdcwd, i: 0}, atNofoll)
	default:
		p, e = find(c, pathArg{fd: atFdcwd, i: 0}, 0)
	}
	if e == abi.OK && p.inode == 0 {
		p.release()
		return place{}, abi.EOPNOTSUPP
	}
	return p, e
}

// xattrName reads the name of argument 1 into c.Path, after the file was found:
// ERANGE for a bad length.
func xattrName(c *sched.Ctx) (uint32, abi.Errno) {
	n, e := mm.CopyInString(c, c.InPath(vfs.XattrNameMax+1), c.Arg(1))
	if e == abi.ENAMETOOLONG || e == abi.OK && n == 0 {
		return 0, abi.ERANGE
	}
	return n, e
}

func getxattr(c *sched.Ctx, by xattrBy) (uint64, abi.Errno) {
	p, e := xattrPlace(c, by)
	if e != abi.OK {
		return 0, e
	}
	n, e := xattrName(c)
	value := kmem.Span{}
	if e == abi.OK {
		value, e = vfs.GetXattr(c, p.inode, c.InPath(n))
	}
	switch size := c.Arg(3); {
	case e != abi.OK, size == 0:
	case uint64(value.Len) > size:
		e = abi.ERANGE
	default:
		e = mm.CopyOut(c, c.Arg(2), value)
	}
	p.release()
	return uint64(value.Len), e
}

func setxattr(c *sched.Ctx, by xattrBy) (uint64, abi.Errno) {
	size, flags := c.Arg(3), abi.XattrFlag(arg32(c, 4))
	if flags&^(abi.XATTR_CREATE|abi.XATTR_REPLACE) != 0 {
		return 0, abi.EINVAL
	}
	p, e := xattrPlace(c, by)
	if e != abi.OK {
		return 0, e
	}
	n, e := xattrName(c)
	if e == abi.OK && size > vfs.XattrValueMax {
		e = abi.E2BIG
	}
	if e == abi.OK && size <= uint64(kmem.PageSize) {
		e = mm.CopyIn(c, c.InVec(uint32(size)), c.Arg(2))
	}
	if e == abi.OK {
		e = vfs.SetXattr(c, p.inode, vfs.Xattr{Name: c.InPath(n), Value: c.InVec(uint32(size))}, flags)
	}
	p.release()
	return 0, e
}

func listxattr(c *sched.Ctx, by xattrBy) (uint64, abi.Errno) {
	p, e := xattrPlace(c, by)
	if e != abi.OK {
		return 0, e
	}
	n := vfs.ListXattrs(c, p.inode, c.Page)
	p.release()
	switch size := c.Arg(2); {
	case size == 0:
	case uint64(n) > size:
		return 0, abi.ERANGE
	default:
		e = mm.CopyOut(c, c.Arg(1), c.InPage(n))
	}
	return uint64(n), e
}

func removexattr(c *sched.Ctx, by xattrBy) (uint64, abi.Errno) {
	p, e := xattrPlace(c, by)
	if e != abi.OK {
		return 0, e
	}
	n, e := xattrName(c)
	if e == abi.OK {
		e = vfs.RemoveXattr(c, p.inode, c.InPath(n))
	}
	p.release()
	return 0, e
}

func sysGetxattr(c *sched.Ctx) (uint64, abi.Errno)     { return getxattr(c, byPath) }
func sysLgetxattr(c *sched.Ctx) (uint64, abi.Errno)    { return getxattr(c, byLink) }
func sysFgetxattr(c *sched.Ctx) (uint64, abi.Errno)    { return getxattr(c, byFd) }
func sysSetxattr(c *sched.Ctx) (uint64, abi.Errno)     { return setxattr(c, byPath) }
func sysLsetxattr(c *sched.Ctx) (uint64, abi.Errno)    { return setxattr(c, byLink) }
func sysFsetxattr(c *sched.Ctx) (uint64, abi.Errno)    { return setxattr(c, byFd) }
func sysListxattr(c *sched.Ctx) (uint64, abi.Errno)    { return listxattr(c, byPath) }
func sysLlistxattr(c *sched.Ctx) (uint64, abi.Errno)   { return listxattr(c, byLink) }
func sysFlistxattr(c *sched.Ctx) (uint64, abi.Errno)   { return listxattr(c, byFd) }
func sysRemovexattr(c *sched.Ctx) (uint64, abi.Errno)  { return removexattr(c, byPath) }
func sysLremovexattr(c *sched.Ctx) (uint64, abi.Errno) { return removexattr(c, byLink) }
func sysFremovexattr(c *sched.Ctx) (uint64, abi.Errno) { return removexattr(c, byFd) }
