package syscalls

import (
	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/file"
	"foreshore.dev/kernel/kmem"
	"foreshore.dev/kernel/mm"
	"foreshore.dev/kernel/sched"
	"foreshore.dev/kernel/vfs"
)

const (
	pathMax  = uint32(abi.FixedPathMax)
	atFdcwd  = int32(abi.AT_FDCWD)
	atEmpty  = abi.AT_EMPTY_PATH
	atNofoll = abi.AT_SYMLINK_NOFOLLOW

	// openFlags is what open(2) knows; it ignores the rest.
	openFlags = abi.O_ACCMODE | abi.O_CREAT | abi.O_EXCL | abi.O_NOCTTY | abi.O_TRUNC | abi.O_APPEND | abi.O_NONBLOCK |
		abi.O_DSYNC | abi.O_ASYNC | abi.O_DIRECT | abi.O_LARGEFILE | abi.O_DIRECTORY | abi.O_NOFOLLOW | abi.O_NOATIME |
		abi.O_CLOEXEC | abi.O_SYNC | abi.O_PATH | abi.O_TMPFILE
)

// fdArg is argument i, which is described as a descriptor: an int, whatever the upper half holds.
func fdArg(c *sched.Ctx, i int) int32 { return int32(uint32(c.Arg(i))) }

func arg32(c *sched.Ctx, i int) uint32 { return uint32(c.Arg(i)) }

// pathIn copies the path of argument i into a buffer: ENAMETOOLONG, EFAULT.
func pathIn(c *sched.Ctx, buf uint32, i int) (uint32, abi.Errno) {
	return mm.CopyInString(c, kmem.Span{Addr: buf, Len: pathMax}, c.Arg(i))
}

// dirOf is the directory that a relative path of n bytes in buf starts from,
// not held. An absolute path does not look at the descriptor.
func dirOf(c *sched.Ctx, fd int32, buf, n uint32) (abi.DentryRef, abi.Errno) {
	if fd == atFdcwd || (n != 0 && kmem.Bytes(buf, 1)[0] == '/') {
		return vfs.CwdOf(c), abi.OK
	}
	ofd, e := file.GetAny(c, fd)
	if e != abi.OK {
		return 0, e
	}
	d := kmem.Ofd(ofd).State.Dentry
	if d == 0 || vfs.TypeOf(vfs.InodeOf(d)) != abi.S_IFDIR {
		return 0, abi.ENOTDIR
	}
	return d, abi.OK
}

// placeIn reads a path argument into a buffer and finds where it starts.
func placeIn(c *sched.Ctx, fd int32, buf uint32, i int) (dir abi.DentryRef, n uint32, e abi.Errno) {
	if n, e = pathIn(c, buf, i); e != abi.OK {
		return 0, 0, e
	}
	dir, e = dirOf(c, fd, buf, n)
	return dir, n, e
}

// place is an inode that a call is about: the dentry is held when there is
// one; without one the inode is an open file's, or 0 for an anonymous object.
type place struct {
	dentry abi.DentryRef
	inode  abi.InodeRef
}

func (p place) release() {
	if p.dentry != 0 {
		vfs.Put(p.dentry)
	}
}

// pathArg is an argument of a call that is a path: from which descriptor, the how
// manyth, and flags of its walk.
type pathArg struct {
	fd   int32
	i    int
	walk uint32
}

// find is what a path names, or what it named when the call began to wait. With AT_EMPTY_PATH among flags an empty path (or none) is
// the descriptor's own file.
func find(c *sched.Ctx, at pathArg, flags abi.AtFlag) (place, abi.Errno) {
	if d := vfs.HeldDentry(c); d != 0 {
		vfs.Hold(d)
		return place{d, vfs.InodeOf(d)}, abi.OK
	}
	n := uint32(0)
	if flags&atEmpty == 0 || c.Arg(at.i) != 0 {
		var e abi.Errno
		if n, e = pathIn(c, c.Path, at.i); e != abi.OK {
			return place{}, e
		}
	}
	if n == 0 {
		if flags&atEmpty == 0 {
			return place{}, abi.ENOENT
		}
		return own(c, at.fd)
	}
	if flags&atNofoll == 0 {
		at.walk |= vfs.Follow
	}
	dir, e := dirOf(c, at.fd, c.Path, n)
	if e != abi.OK {
		return place{}, e
	}
	d, e := vfs.Resolve(c, vfs.PathAt{Dir: dir, Span: c.InPath(n)}, at.walk)
	if e != abi.OK {
		return place{}, e
	}
	return place{d, vfs.InodeOf(d)}, abi.OK
}

// own is the file of a descriptor, or the working directory for AT_FDCWD.
func own(c *sched.Ctx, fd int32) (place, abi.Errno) {
	d := abi.DentryRef(0)
	inode := abi.InodeRef(0)
	if fd == atFdcwd {
		d = vfs.CwdOf(c)
		inode = vfs.InodeOf(d)
	} else {
		ofd, e := file.GetAny(c, fd)
		if e != abi.OK {
			return place{}, e
		}
		d, inode = kmem.Ofd(ofd).State.Dentry, kmem.Ofd(ofd).State.Inode
	}
	if d != 0 {
		vfs.Hold(d)
	}
	return place{d, inode}, abi.OK
}

// openAt opens the path of n bytes in c.Path.
func openAt(c *sched.Ctx, fd int32, n uint32, how vfs.How) (uint64, abi.Errno) {
	// The descriptor first: a table without room changes nothing.
	at, e := file.FreeFd(c, 0)
	if e != abi.OK {
		return 0, e
	}
	var dir abi.DentryRef
	root := vfs.RootOf(c)
	if how.InRoot && n != 0 {
		// Even an absolute path starts at the descriptor.
		if dir, e = dirOf(c, fd, c.Path, 0); e == abi.OK {
			root = dir
		}
	} else {
		dir, e = dirOf(c, fd, c.Path, n)
	}
	if e != abi.OK {
		return 0, e
	}
	ofd, e := file.Open(c, root, vfs.PathAt{Dir: dir, Span: c.InPath(n)}, how)
	if file.Found(c) {
		c.T().State.Blocked.OpenWait().Flags = how.Flags
	}
	if e != abi.OK {
		return 0, e
	}
	file.Install(c, at, ofd, how.Flags&abi.O_CLOEXEC != 0)
	return uint64(at), abi.OK
}

// openAgain is an open(2) made again that has found its file.
func openAgain(c *sched.Ctx) (uint64, abi.Errno) {
	flags := c.T().State.Blocked.OpenWait().Flags
	ofd, e := file.Reopen(c, flags)
	if e != abi.OK {
		return 0, e
	}
	fd, e := file.NewFd(c, ofd, flags&abi.O_CLOEXEC != 0)
	return uint64(fd), e
}

func sysOpenat(c *sched.Ctx) (uint64, abi.Errno) {
	if file.Found(c) {
		return openAgain(c)
	}
	n, e := pathIn(c, c.Path, 1)
	if e != abi.OK {
		return 0, e
	}
	flags := abi.OpenFlag(arg32(c, 2))&openFlags | abi.O_LARGEFILE
	return openAt(c, fdArg(c, 0), n, vfs.How{Flags: flags, Mode: abi.FileMode(arg32(c, 3))})
}

func sysOpenat2(c *sched.Ctx) (uint64, abi.Errno) {
	if file.Found(c) {
		return openAgain(c)
	}
	size := c.Arg(3)
	if size < abi.OpenHowSize {
		return 0, abi.EINVAL
	}
	if size > uint64(kmem.PageSize) {
		return 0, abi.E2BIG
	}
	if e := mm.CopyIn(c, c.InPage(uint32(size)), c.Arg(2)); e != abi.OK {
		return 0, e
	}
	// A caller of a later kernel may pass more, as long as it is 0.
	for _, b := range kmem.Bytes(c.Page+abi.OpenHowSize, uint32(size)-abi.OpenHowSize) {
		if b != 0 {
			return 0, abi.E2BIG
		}
	}
	how := *(*abi.OpenHow)(kmem.Ptr(c.Page))
	flags := abi.OpenFlag(how.Flags)
	creates := flags&abi.O_CREAT != 0 || flags&abi.O_TMPFILE == abi.O_TMPFILE
	if how.Flags&^uint64(openFlags) != 0 || how.Mode&^0o7777 != 0 || (!creates && how.Mode != 0) {
		return 0, abi.EINVAL
	}
	walk, inRoot, e := resolveFlags(how.Resolve)
	if e != abi.OK {
		return 0, e
	}
	n, e := pathIn(c, c.Path, 1)
	if e != abi.OK {
		return 0, e
	}
	return openAt(c, fdArg(c, 0), n, vfs.How{Flags: flags | abi.O_LARGEFILE, Mode: abi.FileMode(how.Mode), Walk: walk, InRoot: inRoot})
}

// resolveFlags turns openat2(2)'s resolve into walk flags.
func resolveFlags(resolve uint64) (walk uint32, inRoot bool, e abi.Errno) {
	r := abi.ResolveFlag(resolve)
	const known = abi.RESOLVE_NO_XDEV | abi.RESOLVE_NO_MAGICLINKS | abi.RESOLVE_NO_SYMLINKS | abi.RESOLVE_BENEATH | abi.RESOLVE_IN_ROOT | abi.RESOLVE_CACHED
	if resolve&^uint64(known) != 0 || r&(abi.RESOLVE_BENEATH|abi.RESOLVE_IN_ROOT) == abi.RESOLVE_BENEATH|abi.RESOLVE_IN_ROOT {
		return 0, false, abi.EINVAL
	}
	if r&abi.RESOLVE_NO_XDEV != 0 {
		walk |= vfs.NoXdev
	}
	if r&(abi.RESOLVE_NO_MAGICLINKS|abi.RESOLVE_BENEATH|abi.RESOLVE_IN_ROOT) != 0 {
		walk |= vfs.NoMagic
	}
	if r&abi.RESOLVE_NO_SYMLINKS != 0 {
		walk |= vfs.NoSymlinks
	}
	if r&abi.RESOLVE_BENEATH != 0 {
		walk |= vfs.Beneath
	}
	return walk, r&abi.RESOLVE_IN_ROOT != 0, abi.OK
}

func sysClose(c *sched.Ctx) (uint64, abi.Errno) { return 0, file.Close(c, fdArg(c, 0)) }

func sysCloseRange(c *sched.Ctx) (uint64, abi.Errno) {
	first, last, flags := arg32(c, 0), arg32(c, 1), abi.CloseRangeFlag(arg32(c, 2))
	const known = abi.CLOSE_RANGE_UNSHARE | abi.CLOSE_RANGE_CLOEXEC
	if flags&^known != 0 || first > last {
		return 0, abi.EINVAL
	}
	if flags&abi.CLOSE_RANGE_UNSHARE != 0 {
		if e := file.UnshareTable(c, c.P()); e != abi.OK {
			return 0, e
		}
	}
	return 0, file.CloseRange(c, first, last, flags&abi.CLOSE_RANGE_CLOEXEC != 0)
}

func sysDup(c *sched.Ctx) (uint64, abi.Errno) {
	fd, e := file.Dup(c, fdArg(c, 0), 0, false)
	return uint64(fd), e
}

func sysDup3(c *sched.Ctx) (uint64, abi.Errno) {
	flags := abi.OpenFlag(arg32(c, 2))
	if flags&^abi.O_CLOEXEC != 0 {
		return 0, abi.EINVAL
	}
	fd, e := file.Dup3(c, fdArg(c, 0), int32(c.Arg(1)), flags != 0)
	return uint64(fd), e
}

func sysPipe2(c *sched.Ctx) (uint64, abi.Errno) {
	flags := abi.OpenFlag(arg32(c, 1))
	if flags&^(abi.O_CLOEXEC|abi.O_NONBLOCK|abi.O_DIRECT) != 0 {
		return 0, abi.EINVAL
	}
	if flags&abi.O_DIRECT != 0 {
		return 0, abi.EINVAL // packet mode is not there; Linux before 3.4 said so too
	}
	r, w, e := file.NewPipe(c, flags)
	if e != abi.OK {
		return 0, e
	}
	cloexec := flags&abi.O_CLOEXEC != 0
	a, e := file.NewFd(c, r, cloexec)
	if e != abi.OK {
		file.Put(c, w)
		return 0, e
	}
	b, e := file.NewFd(c, w, cloexec)
	if e == abi.OK {
		kmem.Store32(c.Page, a)
		kmem.Store32(c.Page+4, b)
		if e = mm.CopyOut(c, c.Arg(0), c.InPage(8)); e == abi.OK {
			return 0, abi.OK
		}
		_ = file.Close(c, int32(b))
	}
	_ = file.Close(c, int32(a))
	return 0, e
}
