package syscalls

import (
	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/cred"
	"foreshore.dev/kernel/kmem"
	"foreshore.dev/kernel/sched"
	"foreshore.dev/kernel/vfs"
)

func sysMkdirat(c *sched.Ctx) (uint64, abi.Errno) {
	dir, n, e := placeIn(c, fdArg(c, 0), c.Path, 1)
	if e != abi.OK {
		return 0, e
	}
	d, e := vfs.Mkdir(c, vfs.PathAt{Dir: dir, Span: c.InPath(n)}, abi.FileMode(arg32(c, 2)))
	if e == abi.OK {
		vfs.Put(d)
	}
	return 0, e
}

func sysMknodat(c *sched.Ctx) (uint64, abi.Errno) {
	dir, n, e := placeIn(c, fdArg(c, 0), c.Path, 1)
	if e != abi.OK {
		return 0, e
	}
	return 0, vfs.Mknod(c, vfs.PathAt{Dir: dir, Span: c.InPath(n)}, abi.FileMode(arg32(c, 2)), uint64(arg32(c, 3)))
}

func sysUnlinkat(c *sched.Ctx) (uint64, abi.Errno) {
	flags := abi.AtFlag(arg32(c, 2))
	if flags&^abi.AT_REMOVEDIR != 0 {
		return 0, abi.EINVAL
	}
	dir, n, e := placeIn(c, fdArg(c, 0), c.Path, 1)
	if e != abi.OK {
		return 0, e
	}
	if flags != 0 {
		return 0, vfs.Rmdir(c, vfs.PathAt{Dir: dir, Span: c.InPath(n)})
	}
	return 0, vfs.Unlink(c, vfs.PathAt{Dir: dir, Span: c.InPath(n)})
}

func sysSymlinkat(c *sched.Ctx) (uint64, abi.Errno) {
	length, e := pathIn(c, c.Path2, 0)
	if e != abi.OK {
		return 0, e
	}
	dir, n, e := placeIn(c, fdArg(c, 1), c.Path, 2)
	if e != abi.OK {
		return 0, e
	}
	return 0, vfs.Symlink(c, c.InPath2(length), vfs.PathAt{Dir: dir, Span: c.InPath(n)})
}

func sysLinkat(c *sched.Ctx) (uint64, abi.Errno) {
	flags := abi.AtFlag(arg32(c, 4))
	if flags&^(abi.AT_SYMLINK_FOLLOW|atEmpty) != 0 {
		return 0, abi.EINVAL
	}
	how := flags & atEmpty
	if flags&abi.AT_SYMLINK_FOLLOW == 0 {
		how |= atNofoll
	}
	old, e := find(c, pathArg{fd: fdArg(c, 0), i: 1}, how)
	if e != abi.OK {
		return 0, e
	}
	dir, n, e := placeIn(c, fdArg(c, 2), c.Path, 3)
	switch {
	case e != abi.OK:
	case old.dentry == 0:
		e = abi.EXDEV
	default:
		e = vfs.Link(c, old.dentry, vfs.PathAt{Dir: dir, Span: c.InPath(n)})
	}
	old.release()
	return 0, e
}

func rename(c *sched.Ctx, flags abi.RenameFlag) (uint64, abi.Errno) {
	oldDir, oldLen, e := placeIn(c, fdArg(c, 0), c.Path, 1)
	if e != abi.OK {
		return 0, e
	}
	newDir, newLen, e := placeIn(c, fdArg(c, 2), c.Path2, 3)
	if e != abi.OK {
		return 0, e
	}
	return 0, vfs.Rename(c, vfs.PathAt{Dir: oldDir, Span: c.InPath(oldLen)}, vfs.PathAt{Dir: newDir, Span: c.InPath2(newLen)}, flags)
}

func sysRenameat2(c *sched.Ctx) (uint64, abi.Errno) { return rename(c, abi.RenameFlag(arg32(c, 4))) }

func sysChdir(c *sched.Ctx) (uint64, abi.Errno) {
	p, e := find(c, pathArg{fd: atFdcwd, i: 0, walk: vfs.Directory}, 0)
	if e != abi.OK {
		return 0, e
	}
	return 0, enter(c, p, false)
}

func sysFchdir(c *sched.Ctx) (uint64, abi.Errno) {
	if fdArg(c, 0) == atFdcwd {
		return 0, abi.EBADF
	}
	p, e := own(c, fdArg(c, 0))
	if e != abi.OK {
		return 0, e
	}
	if p.dentry == 0 || vfs.TypeOf(p.inode) != abi.S_IFDIR {
		p.release()
		return 0, abi.ENOTDIR
	}
	return 0, enter(c, p, false)
}

func sysChroot(c *sched.Ctx) (uint64, abi.Errno) {
	p, e := find(c, pathArg{fd: atFdcwd, i: 0, walk: vfs.Directory}, 0)
	if e != abi.OK {
		return 0, e
	}
	if !cred.Has(c, abi.CAP_SYS_CHROOT) {
		p.release()
		return 0, abi.EPERM
	}
	return 0, enter(c, p, true)
}

// enter makes a directory the working directory or the root; it takes over the
// place's reference.
func enter(c *sched.Ctx, p place, root bool) abi.Errno {
	if e := vfs.Permission(c, p.inode, vfs.MayExec); e != abi.OK {
		p.release()
		return e
	}
	fs := c.P().State.FsContext
	if root {
		vfs.SetRoot(fs, p.dentry)
	} else {
		vfs.SetCwd(fs, p.dentry)
	}
	return abi.OK
}

func sysUmask(c *sched.Ctx) (uint64, abi.Errno) {
	return uint64(vfs.SetUmask(c.P().State.FsContext, abi.FileMode(arg32(c, 0)))), abi.OK
}

// mount(2) knows one thing: another tmpfs over a directory.
func sysMount(c *sched.Ctx) (uint64, abi.Errno) {
	if !cred.Has(c, abi.CAP_SYS_ADMIN) {
		return 0, abi.EPERM
	}
	n, e := pathIn(c, c.Path2, 2)
	if e != abi.OK {
		return 0, e
	}
	const quiet = uint64(abi.MS_NOSUID | abi.MS_NODEV | abi.MS_NOEXEC | abi.MS_SILENT | abi.MS_RELATIME | abi.MS_STRICTATIME)
	if !sameText(c.InPath2(n), "tmpfs") || c.Arg(3)&^quiet != 0 {
		return 0, abi.EPERM
	}
	p, e := find(c, pathArg{fd: atFdcwd, i: 1, walk: vfs.Directory}, 0)
	if e != abi.OK {
		return 0, e
	}
	_, e = vfs.Mount(abi.FsTypeTmpfs, p.dentry, 0o1777)
	p.release()
	return 0, e
}

func sameText(text kmem.Span, s string) bool {
	if int(text.Len) != len(s) {
		return false
	}
	for i, b := range text.Bytes() {
		if s[i] != b {
			return false
		}
	}
	return true
}

func sysUmount2(c *sched.Ctx) (uint64, abi.Errno) {
	if !cred.Has(c, abi.CAP_SYS_ADMIN) {
		return 0, abi.EPERM
	}
	if abi.UmountFlag(arg32(c, 1))&^(abi.MNT_FORCE|abi.UMOUNT_NOFOLLOW) != 0 {
		return 0, abi.EINVAL
	}
	p, e := find(c, pathArg{fd: atFdcwd, i: 0}, 0)
	if e != abi.OK {
		return 0, e
	}
	d := p.dentry
	p.release() // the mount holds its root
	return 0, vfs.Unmount(d)
}
