package vfs

import (
	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/kmem"
	"foreshore.dev/kernel/pagecache"
	"foreshore.dev/kernel/sched"
)

// NewInode makes an inode with one reference and no name; 0 when the table is
// full.
func NewInode(fs abi.FsType, mode abi.FileMode, uid, gid uint32) abi.InodeRef {
	i := kmem.Alloc[abi.InodeRef]()
	if i == 0 {
		return 0
	}
	in := kmem.Inode(i)
	now := sched.RealNs()
	kmem.WriteBegin(&in.Header)
	s := &in.State
	files := state()
	files.Inodes++
	s.Ino = files.Inodes
	s.FsType, s.Mode, s.Uid, s.Gid, s.Nlink = fs, mode, uid, gid, 1
	if mode&abi.S_IFMT == abi.S_IFDIR {
		s.Nlink = 2
	}
	s.AtimeNs, s.MtimeNs, s.CtimeNs, s.BtimeNs = now, now, now, now
	in.Live.NextCookie = firstCookie
	if fs == abi.FsTypeTmpfs {
		in.Live.Seals = abi.F_SEAL_SEAL
	}
	kmem.WriteEnd(&in.Header)
	return i
}

// setNode says of a new inode which device it is, and to which file system of its
// type it belongs.
func setNode(inode abi.InodeRef, rdev uint64, node uint32) {
	in := kmem.Inode(inode)
	kmem.WriteBegin(&in.Header)
	in.State.Rdev, in.State.Node = rdev, node
	kmem.WriteEnd(&in.Header)
}

func holdInode(inode abi.InodeRef) { kmem.Ref(&kmem.Inode(inode).Header) }

// dropInode gives a reference back; the last one frees the inode and its data.
func dropInode(inode abi.InodeRef) {
	in := kmem.Inode(inode)
	if !kmem.Unref(&in.Header) {
		return
	}
	kmem.Assert(in.Live.ChildHead == 0 && in.Live.VmaHead == 0 && in.Live.Opens == 0, "inode that goes away is unused")
	sched.WakeAll(&in.Live.PageWait)
	if in.Live.Pages != 0 || in.Live.FillsInFlight != 0 {
		pagecache.FreeAll(inode)
	}
	freeXattrs(inode)
	if in.Live.Pipe != 0 {
		ReleasePipe(in.Live.Pipe)
	}
	kmem.Free(inode)
}

// HoldOpen and DropOpen count open file descriptions and mappings.
func HoldOpen(inode abi.InodeRef) {
	in := kmem.Inode(inode)
	kmem.Ref(&in.Header)
	kmem.Up(&in.Live.Opens)
}

// DropOpen undoes HoldOpen.
func DropOpen(inode abi.InodeRef) {
	kmem.Down(&kmem.Inode(inode).Live.Opens)
	dropInode(inode)
}

// HoldInode adds a reference to an inode.
func HoldInode(inode abi.InodeRef) { holdInode(inode) }

// DropInode gives back a reference: NewInode's or HoldInode's.
func DropInode(inode abi.InodeRef) { dropInode(inode) }

// TypeOf is the S_IFMT part of an inode's mode.
func TypeOf(inode abi.InodeRef) abi.FileMode { return kmem.Inode(inode).State.Mode & abi.S_IFMT }

// InodeOf is the inode of a dentry.
func InodeOf(dentry abi.DentryRef) abi.InodeRef { return kmem.Dentry(dentry).Inode }

func isDir(dentry abi.DentryRef) bool { return TypeOf(InodeOf(dentry)) == abi.S_IFDIR }

// DevOf is st_dev: each file system has a device number of its own, with major 0.
func DevOf(inode abi.InodeRef) uint64 {
	s := &kmem.Inode(inode).State
	if s.FsType == abi.FsTypeTmpfs {
		return 0x20 + uint64(s.Node)
	}
	return 0x10 + uint64(s.FsType)
}

// change sets an inode's ctime to now, and with modified its mtime, too: its
// contents, or its names, are others.
func change(inode abi.InodeRef, modified bool) {
	in := kmem.Inode(inode)
	now := sched.RealNs()
	kmem.WriteBegin(&in.Header)
	in.State.CtimeNs = now
	if modified {
		in.State.MtimeNs = now
		in.State.ChangeSeq.Add(1)
	}
	kmem.WriteEnd(&in.Header)
}

// Accessed updates atime by the relatime rule (mount(8)): when it is not newer
// than mtime and ctime, or older than a day.
func Accessed(inode abi.InodeRef) {
	in := kmem.Inode(inode)
	s := &in.State
	now := sched.RealNs()
	// Times before 1970 are negative, and those of the future stay.
	atime := int64(s.AtimeNs)
	if atime > int64(s.MtimeNs) && atime > int64(s.CtimeNs) && int64(now)-atime < 24*3600*1e9 {
		return
	}
	kmem.WriteBegin(&in.Header)
	s.AtimeNs = now
	kmem.WriteEnd(&in.Header)
}

func setNlink(inode abi.InodeRef, nlink uint32) {
	in := kmem.Inode(inode)
	kmem.WriteBegin(&in.Header)
	in.State.Nlink = nlink
	kmem.WriteEnd(&in.Header)
}
