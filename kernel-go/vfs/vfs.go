// Package vfs owns the tree of files: inodes, dentries, path walks,
// permissions, and what changes directories and file contents.
//
// It does not own open file descriptions and descriptors (file), pipes, or the
// contents of generated file systems (fs/procfs). Everything here wants the
// machine lock.
//
// A dentry of a tmpfs-like file system is a directory's entry: it exists as
// long as the name does, and longer while somebody holds it. Dentries of
// procfs are made by lookups and go with their last holder. Functions that
// return a dentry return it held: Put gives it back.
//
// # Rules
//
// Readers outside the kernel walk the tree without the machine lock. An inode or a
// dentry is filled between kmem.WriteBegin and WriteEnd before it is linked; what
// removes or moves names is bracketed by treeBegin and treeEnd, which make the
// header's tree_seq odd and even again.
//
// Readable and Writable say what an access mode allows; it is never compared.
//
// Seals are asked (maySize, sealWrite) where sizes and contents change, BreakLeases
// where a regular file is opened, executed or truncated by name.
//
// A walk overwrites the context's Path: it moves the path to the buffer's end.
package vfs

import (
	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/kmem"
	"foreshore.dev/kernel/sched"
)

// File types and permission bits as inode modes hold them.
const (

	// permBits is what chmod(2) may set.
	permBits = abi.FileMode(0o7777)

	pathMax = uint32(abi.FixedPathMax)
	nameMax = uint32(abi.FixedNameMax)
)

// ReleasePipe frees the pipe of a FIFO whose inode goes away (a hook: boot/wire.go).
var ReleasePipe func(pipe abi.PipeRef)

// LeaseBreakSeconds is how long a holder may keep a lease that is being broken.
const LeaseBreakSeconds = 45

// LeaseBreaker tells the holders of leases on a file of an open with flags, or of
// a truncation (O_WRONLY). A hook: boot/wire.go; see file/lease.go.
var LeaseBreaker func(c *sched.Ctx, inode abi.InodeRef, flags abi.OpenFlag) abi.Errno

// BreakLeases is asked before a file that may be opened with flags is opened:
// EBLOCKED, or EAGAIN with O_NONBLOCK, while somebody has a lease against it.
func BreakLeases(c *sched.Ctx, inode abi.InodeRef, flags abi.OpenFlag) abi.Errno {
	if in := kmem.Inode(inode); in.State.Mode&abi.S_IFMT != abi.S_IFREG || in.Live.LockHead == 0 {
		return abi.OK
	}
	return LeaseBreaker(c, inode, flags)
}

// FileTooLarge is told when a write meets RLIMIT_FSIZE (SIGXFSZ). A hook: boot/wire.go.
var FileTooLarge func(c *sched.Ctx)

// state is what the tree of files remembers beside its slots.
func state() *abi.FilesLive { return &kmem.Kernel().Files }

// Init makes the root directory.
func Init() abi.Errno {
	root, e := newRoot(abi.FsTypeTmpfs, 0o755)
	if e != abi.OK {
		return e
	}
	kmem.Header().RootDentry = root
	if kmem.Header().AnonInode = NewInode(abi.FsTypeAnon, 0o600, 0, 0); kmem.Header().AnonInode == 0 {
		return abi.ENFILE
	}
	if newMount(root, 0, abi.FsTypeTmpfs) == 0 {
		return abi.ENOSPC
	}
	return abi.OK
}

// newRoot makes the root directory of a file system.
func newRoot(fs abi.FsType, mode abi.FileMode) (abi.DentryRef, abi.Errno) {
	inode := NewInode(fs, abi.S_IFDIR|mode, 0, 0)
	if inode == 0 {
		return 0, abi.ENFILE
	}
	s := state()
	s.FileSystems++
	setNode(inode, 0, s.FileSystems)
	d := newDentry(0, inode, kmem.Span{Addr: 0, Len: 0})
	dropInode(inode)
	if d == 0 {
		return 0, abi.ENFILE
	}
	return d, abi.OK
}

// RootOf is the root directory of the context: its process's, or the machine's.
func RootOf(c *sched.Ctx) abi.DentryRef {
	if c.Process != 0 {
		if fs := c.P().State.FsContext; fs != 0 {
			return kmem.FsContext(fs).Root
		}
	}
	return kmem.Header().RootDentry
}

// CwdOf is the working directory of the context.
func CwdOf(c *sched.Ctx) abi.DentryRef {
	if c.Process != 0 {
		if fs := c.P().State.FsContext; fs != 0 {
			return kmem.FsContext(fs).Cwd
		}
	}
	return kmem.Header().RootDentry
}

func umaskOf(c *sched.Ctx) abi.FileMode {
	if c.Process != 0 {
		if fs := c.P().State.FsContext; fs != 0 {
			return kmem.FsContext(fs).Umask
		}
	}
	return 0
}

// treeBegin and treeEnd bracket what moves or removes names: readers outside
// the kernel that saw an odd or a changed sequence look again.
func treeBegin() {
	s := state()
	if s.TreeDepth == 0 {
		kmem.Header().TreeSeq.Add(1)
		kmem.Fence()
	}
	s.TreeDepth++
}

func treeEnd() {
	s := state()
	s.TreeDepth--
	if s.TreeDepth == 0 {
		kmem.Fence()
		kmem.Header().TreeSeq.Add(1)
	}
}
