package vfs

import (
	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/kmem"
	"foreshore.dev/kernel/sched"
)

// SizeOf is st_size: of a directory, what tmpfs reports for its entries.
func SizeOf(inode abi.InodeRef) uint64 {
	in := kmem.Inode(inode)
	if in.State.Mode&abi.S_IFMT == abi.S_IFDIR && !Generated(inode) {
		return uint64(in.Live.ChildCount+2) * 20
	}
	return in.State.Size
}

// blocksOf is st_blocks, in units of 512 bytes.
func blocksOf(inode abi.InodeRef) uint64 {
	in := kmem.Inode(inode)
	pages := uint64(in.Live.Pages)
	if in.State.Source != 0 {
		// What is still with the host counts as if it were here.
		pages = max(pages, (in.State.SourceBytes+uint64(kmem.PageMask))>>kmem.PageShift)
	}
	return pages * uint64(kmem.PageSize/512)
}

const nsPerSec = 1_000_000_000

// split is a time as whole seconds, rounded down, and nanoseconds.
func split(ns uint64) (int64, uint64) {
	sec := int64(ns) / nsPerSec
	rest := int64(ns) % nsPerSec
	if rest < 0 {
		sec, rest = sec-1, rest+nsPerSec
	}
	return sec, uint64(rest)
}

// orAnon is an inode, or for 0 the one that all files share which have none.
func orAnon(inode abi.InodeRef) abi.InodeRef {
	if inode == 0 {
		return kmem.Header().AnonInode
	}
	return inode
}

// Stat writes a struct stat to dst; inode 0 is of a file that has none.
func Stat(inode abi.InodeRef, dst uint32) {
	inode = orAnon(inode)
	s := &kmem.Inode(inode).State
	kmem.Zero(dst, abi.StatSize)
	st := (*abi.Stat)(kmem.Ptr(dst))
	st.Dev, st.Ino = DevOf(inode), s.Ino
	st.Mode, st.Nlink, st.Uid, st.Gid, st.Rdev = s.Mode, s.Nlink, s.Uid, s.Gid, s.Rdev
	st.Size, st.Blksize, st.Blocks = int64(SizeOf(inode)), int32(kmem.PageSize), int64(blocksOf(inode))
	st.Atime, st.AtimeNsec = split(s.AtimeNs)
	st.Mtime, st.MtimeNsec = split(s.MtimeNs)
	st.Ctime, st.CtimeNsec = split(s.CtimeNs)
}

// Statx writes a struct statx to dst. It has all the basic fields and btime,
// whatever the mask asks for, as statx(2) allows.
func Statx(dentry abi.DentryRef, inode abi.InodeRef, dst uint32) {
	inode = orAnon(inode)
	s := &kmem.Inode(inode).State
	kmem.Zero(dst, abi.StatxSize)
	x := (*abi.Statx)(kmem.Ptr(dst))
	x.Mask = abi.STATX_BASIC_STATS | abi.STATX_BTIME | abi.StatxMask(abi.STATX_MNT_ID)
	x.Blksize, x.Nlink, x.Uid, x.Gid, x.Mode = kmem.PageSize, s.Nlink, s.Uid, s.Gid, uint16(s.Mode)
	x.Ino, x.Size, x.Blocks = s.Ino, SizeOf(inode), blocksOf(inode)
	x.AttributesMask = abi.STATX_ATTR_MOUNT_ROOT
	if dentry != 0 && kmem.Dentry(dentry).Parent == dentry {
		x.Attributes = abi.STATX_ATTR_MOUNT_ROOT
	}
	stamp(&x.Atime, s.AtimeNs)
	stamp(&x.Btime, s.BtimeNs)
	stamp(&x.Ctime, s.CtimeNs)
	stamp(&x.Mtime, s.MtimeNs)
	x.RdevMajor, x.RdevMinor = uint32(s.Rdev>>8)&0xfff, uint32(s.Rdev)&0xff
	dev := DevOf(inode)
	x.DevMajor, x.DevMinor = uint32(dev>>8)&0xfff, uint32(dev)&0xff
	x.MntId = dev
}

func stamp(t *abi.StatxTimestamp, ns uint64) {
	sec, nsec := split(ns)
	t.Sec, t.Nsec = sec, uint32(nsec)
}

// Statfs writes a struct statfs of the file system that an inode is on.
func Statfs(inode abi.InodeRef, dst uint32) {
	inode = orAnon(inode)
	kmem.Zero(dst, abi.StatfsSize)
	f := (*abi.Statfs)(kmem.Ptr(dst))
	f.Bsize, f.Frsize, f.Namelen = uint64(kmem.PageSize), uint64(kmem.PageSize), uint64(nameMax)
	f.Fsid[0] = int32(DevOf(inode))
	f.Flags = uint64(abi.ST_VALID) | uint64(abi.ST_RELATIME)
	fs := fsOf(inode)
	f.Type = fs.magic
	if fs.frames {
		h := kmem.Header()
		f.Blocks = uint64(h.MemoryMaxPages*16 - h.PoolFirstFrame)
		f.Bfree = uint64(kmem.FreeFrames())
		f.Bavail = f.Bfree
		t := kmem.Table(abi.SlotKindInode)
		f.Files, f.Ffree = uint64(t.Capacity), uint64(t.Capacity-t.InUse.Load())
	}
}

// Access is faccessat2(2) of an inode.
func Access(c *sched.Ctx, inode abi.InodeRef, want abi.FileMode, effective bool) abi.Errno {
	if effective {
		return Permission(c, inode, want)
	}
	return RealPermission(c, inode, want)
}
