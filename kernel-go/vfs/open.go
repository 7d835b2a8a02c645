package vfs

import (
	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/kmem"
	"foreshore.dev/kernel/pagecache"
	"foreshore.dev/kernel/sched"
)

// Readable says whether the access mode of open(2)'s flags allows reading.
// Mode 3 allows neither: such a descriptor is for ioctl(2) alone.
func Readable(flags abi.OpenFlag) bool {
	return flags&abi.O_ACCMODE == 0 || flags&abi.O_ACCMODE == abi.O_RDWR
}

// Writable is the same for writing.
func Writable(flags abi.OpenFlag) bool {
	return flags&abi.O_ACCMODE == abi.O_WRONLY || flags&abi.O_ACCMODE == abi.O_RDWR
}

// WantOf is the permission that an open for these flags needs.
func WantOf(flags abi.OpenFlag) abi.FileMode {
	want := abi.FileMode(0)
	switch flags & abi.O_ACCMODE {
	case 0:
		want = MayRead
	case abi.O_WRONLY:
		want = MayWrite
	default: // O_RDWR, and 3, which wants both and gives neither
		want = MayRead | MayWrite
	}
	if flags&abi.O_TRUNC != 0 {
		want |= MayWrite
	}
	return want
}

// How says how a file is opened: open(2)'s flags and mode, further flags of the walk,
// and whether its start is its root too (openat2(2)).
type How struct {
	Flags  abi.OpenFlag
	Mode   abi.FileMode
	Walk   uint32
	InRoot bool
}

// Open does what open(2) does to the tree: it finds or makes the file that a path
// of n bytes names from `dir` on, checks permissions and truncates. The dentry is
// held. `root` bounds the walk.
func Open(c *sched.Ctx, root abi.DentryRef, at PathAt, how How) (abi.DentryRef, abi.Errno) {
	if how.Flags&abi.O_TMPFILE == abi.O_TMPFILE {
		return openTmpfile(c, root, at, how)
	}
	if how.Flags&abi.O_PATH != 0 {
		how.Flags &= abi.O_PATH | abi.O_DIRECTORY | abi.O_NOFOLLOW
	}
	if how.Flags&(abi.O_CREAT|abi.O_DIRECTORY) == abi.O_CREAT|abi.O_DIRECTORY {
		return 0, abi.EINVAL
	}
	if how.Flags&abi.O_NOFOLLOW == 0 && how.Flags&(abi.O_CREAT|abi.O_EXCL) != abi.O_CREAT|abi.O_EXCL {
		how.Walk |= Follow
	}
	if how.Flags&abi.O_CREAT != 0 {
		how.Walk |= Parent
	}
	f, e := Walk(c, root, at, how.Walk)
	if e != abi.OK {
		return 0, e
	}
	d, e := openFound(c, &f, how)
	if e == abi.OK {
		Hold(d)
	}
	f.Release()
	return d, e
}

// openFound gives the dentry that is opened; f holds it.
func openFound(c *sched.Ctx, f *Found, how How) (abi.DentryRef, abi.Errno) {
	if f.Dentry == 0 {
		if how.Flags&abi.O_CREAT == 0 {
			return 0, abi.ENOENT
		}
		if f.Slash {
			return 0, abi.EISDIR
		}
		if e := mayCreate(c, f.Parent); e != abi.OK {
			return 0, e
		}
		d, e := create(c, f.Parent, f.Name, made{mode: abi.S_IFREG | how.Mode&permBits&^umaskOf(c)})
		f.Dentry = d
		return d, e // a new file may be opened whatever its how.Mode
	}
	d := f.Dentry
	kind := TypeOf(InodeOf(d))
	switch {
	case how.Flags&(abi.O_CREAT|abi.O_EXCL) == abi.O_CREAT|abi.O_EXCL:
		return 0, abi.EEXIST
	case how.Flags&abi.O_CREAT != 0 && (kind == abi.S_IFDIR || f.Slash):
		return 0, abi.EISDIR
	case (f.Slash || how.Flags&abi.O_DIRECTORY != 0) && kind != abi.S_IFDIR:
		return 0, abi.ENOTDIR
	}
	return d, MayOpen(c, d, how.Flags)
}

// HoldDentry has the call in progress go on with a file that its path named.
func HoldDentry(c *sched.Ctx, d abi.DentryRef) {
	if c.Thread == 0 || HeldDentry(c) != 0 {
		return
	}
	Hold(d)
	h := &c.T().State.Blocked.Held
	h.Dentry, h.Held = kmem.Handle(d), 1
}

// HeldDentry is what HoldDentry has held at an earlier attempt, 0 for nothing.
func HeldDentry(c *sched.Ctx) abi.DentryRef {
	if c.Thread == 0 {
		return 0
	}
	return kmem.Held[abi.DentryRef](c.T().State.Blocked.Held.Dentry)
}

// ForgetDentry gives back what HoldDentry has held: the part of the call that it was
// for is over.
func ForgetDentry(c *sched.Ctx) {
	if d := HeldDentry(c); d != 0 {
		c.T().State.Blocked.Held.Dentry = abi.SlotHandle{}
		Put(d)
	}
}

// MayOpen checks that an existing file may be opened, and truncates it when
// the flags say so.
func MayOpen(c *sched.Ctx, d abi.DentryRef, flags abi.OpenFlag) abi.Errno {
	inode := InodeOf(d)
	in := kmem.Inode(inode)
	if flags&abi.O_PATH != 0 {
		return abi.OK
	}
	want := WantOf(flags)
	switch in.State.Mode & abi.S_IFMT {
	case abi.S_IFLNK:
		return abi.ELOOP
	case abi.S_IFDIR:
		if want&MayWrite != 0 {
			return abi.EISDIR
		}
	case abi.S_IFSOCK, abi.S_IFBLK:
		return abi.ENXIO
	}
	if e := Permission(c, inode, want); e != abi.OK {
		return e
	}
	if (Writable(flags) || flags&abi.O_TRUNC != 0) && in.Live.Execs != 0 {
		return abi.ETXTBSY
	}
	if flags&abi.O_NOATIME != 0 && !ownerOrCapable(c, inode) {
		return abi.EPERM
	}
	if e := BreakLeases(c, inode, flags); e != abi.OK {
		if sched.GoesOn(e) {
			HoldDentry(c, d)
		}
		return e
	}
	if flags&abi.O_TRUNC != 0 && in.State.Mode&abi.S_IFMT == abi.S_IFREG && !Generated(inode) {
		if !maySize(in, 0) {
			return abi.EPERM
		}
		dropPrivileges(c, inode)
		pagecache.SetSize(c, inode, 0)
		change(inode, true)
	}
	return abi.OK
}

// openTmpfile makes a file without a name in a directory (open(2), O_TMPFILE).
func openTmpfile(c *sched.Ctx, root abi.DentryRef, at PathAt, how How) (abi.DentryRef, abi.Errno) {
	if !Writable(how.Flags) {
		return 0, abi.EINVAL
	}
	f, e := Walk(c, root, at, how.Walk|Follow)
	if e != abi.OK {
		return 0, e
	}
	d, e := tmpfileIn(c, f.Dentry, how)
	f.Release()
	return d, e
}

func tmpfileIn(c *sched.Ctx, parent abi.DentryRef, how How) (abi.DentryRef, abi.Errno) {
	if parent == 0 {
		return 0, abi.ENOENT
	}
	if !isDir(parent) {
		return 0, abi.ENOTDIR
	}
	dir := InodeOf(parent)
	ds := &kmem.Inode(dir).State
	if Generated(dir) {
		return 0, abi.EOPNOTSUPP
	}
	if e := Permission(c, dir, MayWrite|MayExec); e != abi.OK {
		return 0, e
	}
	uid, gid := credentials(c)
	if ds.Mode&abi.S_ISGID != 0 {
		gid = ds.Gid
	}
	inode := NewInode(ds.FsType, abi.S_IFREG|how.Mode&permBits&^umaskOf(c), uid, gid)
	if inode == 0 {
		return 0, abi.ENOSPC
	}
	s := &kmem.Inode(inode).State
	s.Node = ds.Node
	setNlink(inode, 0)
	// Named "#" and its number, as Linux shows it in /proc.
	name := c.Page
	kmem.Bytes(name, 1)[0] = '#'
	length := 1 + PutNumber(name+1, s.Ino)
	d := newDentry(parent, inode, kmem.Span{Addr: name, Len: length})
	dropInode(inode)
	if d == 0 {
		return 0, abi.ENOSPC
	}
	if how.Flags&abi.O_EXCL == 0 {
		setFlags(d, abi.DentryFlagTmpfile, 0)
	}
	return d, abi.OK
}

// PutNumber writes a number in decimal and returns its length (at most 20).
func PutNumber(dst uint32, v uint64) uint32 {
	n := uint32(1)
	for t := v; t >= 10; t /= 10 {
		n++
	}
	out := kmem.Bytes(dst, n)
	for i := int(n) - 1; i >= 0; i-- {
		out[i] = byte('0' + v%10)
		v /= 10
	}
	return n
}

// NewAnon makes a file without a place in the tree: memfd_create(2). The dentry
// is held, its parent is the root, its name as given.
func NewAnon(c *sched.Ctx, fs abi.FsType, mode abi.FileMode, name kmem.Span) (abi.DentryRef, abi.Errno) {
	uid, gid := credentials(c)
	inode := NewInode(fs, mode, uid, gid)
	if inode == 0 {
		return 0, abi.ENFILE
	}
	setNlink(inode, 0)
	d := newDentry(kmem.Header().RootDentry, inode, name)
	dropInode(inode)
	if d == 0 {
		return 0, abi.ENFILE
	}
	return d, abi.OK
}

// Nameless gives an inode without a place in the tree (a pipe's; 0 makes one
// for an object that has none) a held dentry with a name to show.
func Nameless(inode abi.InodeRef, name kmem.Span) (abi.DentryRef, abi.Errno) {
	if inode == 0 {
		if inode = NewInode(abi.FsTypeAnon, 0o600, 0, 0); inode == 0 {
			return 0, abi.ENFILE
		}
	} else {
		holdInode(inode)
	}
	d := newDentry(kmem.Header().RootDentry, inode, name)
	dropInode(inode)
	if d == 0 {
		return 0, abi.ENFILE
	}
	return d, abi.OK
}
