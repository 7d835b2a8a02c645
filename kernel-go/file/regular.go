package file

import (
	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/kmem"
	"foreshore.dev/kernel/mm"
	"foreshore.dev/kernel/pagecache"
	"foreshore.dev/kernel/sched"
	"foreshore.dev/kernel/vfs"
)

// Regular files.

func readRegular(c *sched.Ctx, o *abi.OfdSlot, t transfer) (uint32, abi.Errno) {
	if o.State.Flags&abi.O_NOATIME == 0 && t.buf.Len != 0 {
		vfs.Accessed(o.State.Inode)
	}
	return vfs.ReadAt(c, o.State.Inode, t.pos, t.buf)
}

func writeRegular(c *sched.Ctx, o *abi.OfdSlot, t transfer) (uint32, abi.Errno) {
	return vfs.WriteAt(c, o.State.Inode, t.pos, t.buf)
}

func unreadRegular(o *abi.OfdSlot) uint32 {
	size := kmem.Inode(o.State.Inode).State.Size
	return uint32(min(size-min(size, o.State.Pos), 1<<31-1))
}

func seekRegular(o *abi.OfdSlot, offset int64, whence abi.SeekWhence) (uint64, abi.Errno) {
	size := kmem.Inode(o.State.Inode).State.Size
	if whence != abi.SEEK_DATA && whence != abi.SEEK_HOLE {
		return extent{int64(size), int64(pagecache.MaxBytes)}.seekTo(o, offset, whence)
	}
	if offset < 0 {
		return 0, abi.ENXIO
	}
	pos, e := vfs.Seek(o.State.Inode, uint64(offset), whence == abi.SEEK_HOLE)
	if e == abi.OK {
		setPos(o, pos)
	}
	return pos, e
}

func controlRegular(c *sched.Ctx, _ *abi.OfdSlot, request uint32, arg uint64) (uint64, abi.Errno) {
	if abi.IoctlFile(request) == abi.FIGETBSZ {
		return 0, mm.Store32(c, arg, kmem.PageSize)
	}
	return 0, abi.ENOTTY
}

func mapRegular(m *mm.Mapping, o *abi.OfdSlot, prot abi.Prot, pos uint64) abi.Errno {
	if pos>>kmem.PageShift+uint64(m.Pages) > 1<<32-1 {
		return abi.EOVERFLOW
	}
	m.Inode, m.Dentry, m.FilePage = o.State.Inode, o.State.Dentry, uint32(pos>>kmem.PageShift)
	if kmem.Inode(m.Inode).Live.Seals&(abi.F_SEAL_WRITE|abi.F_SEAL_FUTURE_WRITE) != 0 {
		// It may be mapped for reading, and not be made writable later.
		if m.Flags&abi.VmaFlagShared != 0 && prot&abi.PROT_WRITE != 0 {
			return abi.EPERM
		}
		m.Flags &^= abi.VmaFlagMaybeWrite
	}
	return abi.OK
}

// seekRecords is lseek(2) on what has positions and no end: directories and
// files of /proc.
func seekRecords(o *abi.OfdSlot, offset int64, whence abi.SeekWhence) (uint64, abi.Errno) {
	return extent{noEnd, 1<<63 - 1}.seekTo(o, offset, whence)
}

// noEnd as the end of a file means that SEEK_END is EINVAL.
const noEnd = -1

// regular says whether a description is of a regular file, which alone has bytes
// to append to, to lock, to copy and to allocate.
func regular(o *abi.OfdSlot) bool { return o.State.Kind == abi.OfdKindFile }

// IsRegular is regular, of others' descriptions.
func IsRegular(i abi.OfdRef) bool { return regular(kmem.Ofd(i)) }

// extent is how far a description's positions go, and where its file ends.
type extent struct{ end, most int64 }

// seekTo moves an OFD's own position.
func (x extent) seekTo(o *abi.OfdSlot, offset int64, whence abi.SeekWhence) (uint64, abi.Errno) {
	base := int64(0)
	switch whence {
	case abi.SEEK_SET:
	case abi.SEEK_CUR:
		base = int64(o.State.Pos)
	case abi.SEEK_END:
		if base = x.end; base == noEnd {
			return 0, abi.EINVAL
		}
	default:
		return 0, abi.EINVAL
	}
	pos := base + offset
	if offset > 0 && pos < base || pos < 0 || pos > x.most {
		return 0, abi.EINVAL
	}
	setPos(o, uint64(pos))
	return uint64(pos), abi.OK
}

func setPos(o *abi.OfdSlot, pos uint64) {
	sched.RecordEffect(abi.SyncEffectOfd)
	kmem.WriteBegin(&o.Header)
	o.State.Pos = pos
	kmem.WriteEnd(&o.Header)
}

// NewMemfd makes a memfd_create(2) OFD; the name, n bytes, is what /proc shows.
func NewMemfd(c *sched.Ctx, name kmem.Span, sealing bool) (abi.OfdRef, abi.Errno) {
	i := NewOfd(abi.OfdKindFile, abi.O_RDWR|abi.O_LARGEFILE)
	if i == 0 {
		return 0, abi.ENFILE
	}
	d, e := vfs.NewAnon(c, abi.FsTypeTmpfs, abi.S_IFREG|0o777, name)
	if e != abi.OK {
		kmem.Free(i)
		return 0, e
	}
	kmem.Inode(vfs.InodeOf(d)).Live.Memfd = 1
	if sealing {
		kmem.Inode(vfs.InodeOf(d)).Live.Seals = 0
	}
	attach(i, vfs.InodeOf(d), d)
	vfs.Put(d)
	return i, abi.OK
}
