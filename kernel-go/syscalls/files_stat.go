package syscalls

import (
	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/file"
	"foreshore.dev/kernel/kmem"
	"foreshore.dev/kernel/mm"
	"foreshore.dev/kernel/sched"
	"foreshore.dev/kernel/vfs"
)

// statOut copies the struct stat of a place out.
func statOut(c *sched.Ctx, p place, va uint64) abi.Errno {
	vfs.Stat(p.inode, c.Page)
	return mm.CopyOut(c, va, c.InPage(abi.StatSize))
}

func sysNewfstatat(c *sched.Ctx) (uint64, abi.Errno) {
	flags := abi.AtFlag(arg32(c, 3))
	if flags&^(atNofoll|atEmpty|abi.AT_NO_AUTOMOUNT) != 0 {
		return 0, abi.EINVAL
	}
	p, e := find(c, pathArg{fd: fdArg(c, 0), i: 1}, flags)
	if e != abi.OK {
		return 0, e
	}
	e = statOut(c, p, c.Arg(2))
	p.release()
	return 0, e
}

func sysFstat(c *sched.Ctx) (uint64, abi.Errno) {
	ofd, e := file.GetAny(c, fdArg(c, 0))
	if e != abi.OK {
		return 0, e
	}
	return 0, statOut(c, place{inode: kmem.Ofd(ofd).State.Inode}, c.Arg(1))
}

func sysStatx(c *sched.Ctx) (uint64, abi.Errno) {
	flags, mask := abi.AtFlag(arg32(c, 2)), arg32(c, 3)
	sync := abi.AtFlag(abi.AT_STATX_SYNC_TYPE)
	if flags&^(atNofoll|atEmpty|abi.AT_NO_AUTOMOUNT|sync) != 0 || flags&sync == sync || mask&uint32(abi.STATX__RESERVED) != 0 {
		return 0, abi.EINVAL
	}
	p, e := find(c, pathArg{fd: fdArg(c, 0), i: 1}, flags)
	if e != abi.OK {
		return 0, e
	}
	vfs.Statx(p.dentry, p.inode, c.Page)
	e = mm.CopyOut(c, c.Arg(4), c.InPage(abi.StatxSize))
	p.release()
	return 0, e
}

func sysStatfs(c *sched.Ctx) (uint64, abi.Errno) {
	p, e := find(c, pathArg{fd: atFdcwd, i: 0}, 0)
	if e != abi.OK {
		return 0, e
	}
	vfs.Statfs(p.inode, c.Page)
	p.release()
	return 0, mm.CopyOut(c, c.Arg(1), c.InPage(abi.StatfsSize))
}

func sysFstatfs(c *sched.Ctx) (uint64, abi.Errno) {
	ofd, e := file.GetAny(c, fdArg(c, 0))
	if e != abi.OK {
		return 0, e
	}
	vfs.Statfs(kmem.Ofd(ofd).State.Inode, c.Page)
	return 0, mm.CopyOut(c, c.Arg(1), c.InPage(abi.StatfsSize))
}

func access(c *sched.Ctx, flags abi.AtFlag) (uint64, abi.Errno) {
	want := abi.FileMode(arg32(c, 2))
	if want&^abi.FileMode(abi.R_OK|abi.W_OK|abi.X_OK) != 0 {
		return 0, abi.EINVAL
	}
	p, e := find(c, pathArg{fd: fdArg(c, 0), i: 1}, flags)
	if e != abi.OK {
		return 0, e
	}
	if p.inode != 0 {
		e = vfs.Access(c, p.inode, want, flags&abi.AT_EACCESS != 0)
	}
	p.release()
	return 0, e
}

func sysFaccessat(c *sched.Ctx) (uint64, abi.Errno) { return access(c, 0) }

func sysFaccessat2(c *sched.Ctx) (uint64, abi.Errno) {
	flags := abi.AtFlag(arg32(c, 3))
	if flags&^(atNofoll|atEmpty|abi.AT_EACCESS) != 0 {
		return 0, abi.EINVAL
	}
	return access(c, flags)
}

func sysReadlinkat(c *sched.Ctx) (uint64, abi.Errno) {
	size := int32(arg32(c, 3))
	if size <= 0 {
		return 0, abi.EINVAL
	}
	// An empty path is the link that an O_PATH descriptor has.
	if e := mm.CopyIn(c, c.InPage(1), c.Arg(1)); e != abi.OK {
		return 0, e
	}
	empty := kmem.Bytes(c.Page, 1)[0] == 0
	p, e := find(c, pathArg{fd: fdArg(c, 0), i: 1}, atNofoll|atEmpty)
	if e != abi.OK {
		return 0, e
	}
	n := uint32(0)
	switch {
	case p.inode == 0 || vfs.TypeOf(p.inode) != abi.S_IFLNK:
		if e = abi.EINVAL; empty {
			e = abi.ENOENT
		}
	default:
		n, e = vfs.ReadLink(c, p.inode, c.InPath2(pathMax))
	}
	p.release()
	if e != abi.OK {
		return 0, e
	}
	n = min(n, uint32(size))
	return uint64(n), mm.CopyOut(c, c.Arg(2), c.InPath2(n))
}

func sysGetcwd(c *sched.Ctx) (uint64, abi.Errno) {
	size := uint32(min(c.Arg(1), uint64(pathMax)))
	cwd := vfs.CwdOf(c)
	if !vfs.Linked(cwd) {
		return 0, abi.ENOENT
	}
	path, reachable, e := vfs.Path(c, cwd, c.InPage(pathMax-1))
	if e != abi.OK {
		return 0, abi.ENAMETOOLONG
	}
	const outside = "(unreachable)"
	if !reachable {
		prefix := c.InPath(uint32(len(outside)))
		kmem.Copy(prefix.Addr+prefix.Len, path.Addr, path.Len)
		copy(prefix.Bytes(), outside)
		path = c.InPath(prefix.Len + path.Len)
	}
	if path.Len++; path.Len > size {
		return 0, abi.ERANGE
	}
	path.Bytes()[path.Len-1] = 0
	return uint64(path.Len), mm.CopyOut(c, c.Arg(0), path)
}
