package vfs

import (
	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/kmem"
	"foreshore.dev/kernel/sched"
)

// fileSystem is what one type of file system is like. Its name stands at its
// number in the schema (FsType.Shown).
type fileSystem struct {
	// magic is what statfs(2) tells.
	magic uint64
	// dynamic is what a file system does whose files are made when they are asked
	// for; nil for those whose files are there.
	dynamic *Dynamic
	// creation is what whoever adds a name gets: OK for as their permissions say. In
	// others the names are the kernel's own to add and to remove.
	creation abi.Errno
	// frames: its contents are frames of the machine, which statfs(2) counts.
	frames bool
	// xattrs: its files take extended attributes.
	xattrs bool
}

// fileSystems has a row for each type.
var fileSystems = [...]fileSystem{
	abi.FsTypeTmpfs:  {magic: uint64(abi.TMPFS_MAGIC), frames: true, xattrs: true},
	abi.FsTypeDevfs:  {magic: uint64(abi.TMPFS_MAGIC), frames: true, xattrs: true},
	abi.FsTypeProcfs: {magic: uint64(abi.PROC_SUPER_MAGIC), creation: abi.ENOENT},
	abi.FsTypePipefs: {magic: uint64(abi.PIPEFS_MAGIC)},
	abi.FsTypeSysfs:  {magic: uint64(abi.SYSFS_MAGIC), creation: abi.EPERM},
	abi.FsTypeAnon:   {magic: uint64(abi.ANON_INODE_FS_MAGIC)},
	abi.FsTypeSockfs: {magic: uint64(abi.SOCKFS_MAGIC)},
	abi.FsTypeDevpts: {magic: uint64(abi.DEVPTS_SUPER_MAGIC), creation: abi.EPERM},
}

// Dynamic is what a file system does whose files are generated (procfs). The
// functions get inodes of that file system.
type Dynamic struct {
	// Lookup makes the inode of a name in a directory; its reference passes
	// to the caller. ENOENT when there is none.
	Lookup func(c *sched.Ctx, dir abi.InodeRef, name kmem.Span) (abi.InodeRef, abi.Errno)
	// Valid says whether what the inode stands for still exists.
	Valid func(inode abi.InodeRef) bool
	// Next is the first entry at or behind a position: its name is written to
	// dst. It returns the position behind it, 0 at the end.
	Next func(c *sched.Ctx, dir abi.InodeRef, pos uint64, dst uint32) (after uint64, n uint32, dtype abi.DirentType, ino uint64)
	// Readlink writes a link's target: ENAMETOOLONG when it does not fit.
	Readlink func(c *sched.Ctx, inode abi.InodeRef, dst kmem.Span) (uint32, abi.Errno)
	// Follow is the held dentry that a magic link leads to; 0 for a link
	// whose target is a path.
	Follow func(c *sched.Ctx, inode abi.InodeRef) (abi.DentryRef, abi.Errno)
}

// Generate says how the files of a type of file system are made.
func Generate(fs abi.FsType, d *Dynamic) { fileSystems[fs].dynamic = d }

func fsOf(inode abi.InodeRef) *fileSystem { return &fileSystems[kmem.Inode(inode).State.FsType] }

// Generated says whether a file's contents and names are made when they are asked for.
func Generated(inode abi.InodeRef) bool { return fsOf(inode).dynamic != nil }
