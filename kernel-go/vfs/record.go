package vfs

import (
	"unsafe"

	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/kmem"
	"foreshore.dev/kernel/mm"
	"foreshore.dev/kernel/sched"
)

// Files that a host writes in bulk: FileRecords, each followed by its path and
// its data (contents, or a link's target), padded to 8 bytes each.

// fileRecord is one FileRecord, copied out of the client's memory before it is
// checked: what was checked is what is used. One is in progress at a time.
type fileRecord struct {
	abi.FileRecord
	path, data uint32
}

const _ = unsafe.Sizeof(kmem.Scratch{}.Record) - unsafe.Sizeof(fileRecord{})

// current is the record in progress.
func current(c *sched.Ctx) *fileRecord {
	return (*fileRecord)(unsafe.Pointer(&kmem.ScratchOf(c.Hart).Record))
}

func pad8(n uint32) uint32 { return (n + 7) &^ 7 }

// nextRecord reads the first record and returns its size. Its path is copied to
// c.Path. EINVAL for what does not fit or has no path.
func nextRecord(c *sched.Ctx, records kmem.Span) (uint32, abi.Errno) {
	at, left := records.Addr, records.Len
	const head = uint32(abi.FileRecordSize)
	if left < head || at&7 != 0 {
		return 0, abi.EINVAL
	}
	r := current(c)
	r.FileRecord = *(*abi.FileRecord)(kmem.Ptr(at))
	if r.PathLength > left || r.DataLength > left || uint64(head)+uint64(pad8(r.PathLength))+uint64(pad8(r.DataLength)) > uint64(left) {
		return 0, abi.EINVAL
	}
	if r.PathLength == 0 || r.Kind > abi.FileRecordKindWhiteout {
		return 0, abi.EINVAL
	}
	if r.PathLength >= pathMax {
		return 0, abi.ENAMETOOLONG
	}
	kmem.Copy(c.Path, at+head, r.PathLength)
	for _, b := range kmem.Bytes(c.Path, r.PathLength) {
		if b == 0 {
			return 0, abi.EINVAL
		}
	}
	r.path, r.data = c.Path, at+head+pad8(r.PathLength)
	return head + pad8(r.PathLength) + pad8(r.DataLength), abi.OK
}

// Records are Count FileRecords with their paths and data, and More behind these.
type Records struct {
	kmem.Span
	Count uint32
	More  bool
}

// WriteRecords applies records to the tree, one after the other, and returns how
// many it has done. It does not wait: what it writes replaces what was there.
func WriteRecords(c *sched.Ctx, records Records) (uint32, abi.Errno) {
	root := kmem.Header().RootDentry
	for i := range records.Count {
		n, e := nextRecord(c, records.Span)
		if e == abi.OK {
			e = applyRecord(c, root, 0)
		}
		if e != abi.OK {
			return i, e
		}
		records.Span = records.From(n)
	}
	return records.Count, abi.OK
}

// applyRecord makes what the record in progress says below a root. In a staged
// layer (`base` is then the directory that it will be merged into, 0 otherwise)
// a whiteout is an entry of its own, and hard links may lead into base.
func applyRecord(c *sched.Ctx, root, base abi.DentryRef) abi.Errno {
	r := current(c)
	staged := base != 0
	walk := uint32(Parent | makeParents)
	if staged {
		walk |= markImplied
	}
	if !staged && r.Kind == abi.FileRecordKindFile {
		walk |= Follow
	}
	f, e := Walk(c, root, PathAt{Dir: root, Span: kmem.Span{Addr: r.path, Len: r.PathLength}}, walk)
	if e != abi.OK {
		return e
	}
	e = applyAt(c, &f, root, base)
	f.Release()
	return e
}

func applyAt(c *sched.Ctx, f *Found, root, base abi.DentryRef) abi.Errno {
	r := current(c)
	staged := base != 0
	if f.Parent != 0 && kernelNames(InodeOf(f.Parent)) {
		return abi.EBUSY
	}
	if r.Kind == abi.FileRecordKindDirectory {
		return applyDirectory(c, f)
	}
	if f.Last != LastName || f.Slash {
		return abi.EISDIR
	}
	if f.Dentry != 0 {
		inPlace := !staged && (r.Kind == abi.FileRecordKindFile || r.Kind == abi.FileRecordKindLazyFile) && TypeOf(InodeOf(f.Dentry)) == abi.S_IFREG
		switch {
		case kmem.Dentry(f.Dentry).Covers != 0:
			return abi.EBUSY
		case isDir(f.Dentry) && r.Kind != abi.FileRecordKindWhiteout && kmem.Dentry(f.Dentry).Flags&abi.DentryFlagWhiteout == 0:
			return abi.EISDIR
		case inPlace:
			return fillFile(c, InodeOf(f.Dentry))
		}
		if mountBelow(f.Dentry) {
			return abi.EBUSY
		}
		if isDir(f.Dentry) {
			RemoveTree(f.Dentry)
		}
		removeName(f.Parent, f.Dentry)
	}
	return applyNew(c, f, root, base)
}

func applyNew(c *sched.Ctx, f *Found, root, base abi.DentryRef) abi.Errno {
	r := current(c)
	var d abi.DentryRef
	var e abi.Errno
	switch r.Kind {
	case abi.FileRecordKindFile, abi.FileRecordKindLazyFile:
		d, e = create(c, f.Parent, f.Name, made{mode: abi.S_IFREG | r.Mode&permBits})
		if e != abi.OK {
			return e
		}
		if e = fillFile(c, InodeOf(d)); e != abi.OK {
			removeName(f.Parent, d)
		}
		Put(d)
		return e
	case abi.FileRecordKindSymlink:
		if r.DataLength == 0 || r.DataLength >= pathMax {
			return abi.EINVAL
		}
		if e = symlinkIn(c, f.Parent, f.Name, kmem.Span{Addr: r.data, Len: r.DataLength}); e != abi.OK {
			return e
		}
		d = child(f.Parent, f.Name)
		Hold(d)
	case abi.FileRecordKindFifo:
		d, e = create(c, f.Parent, f.Name, made{mode: abi.S_IFIFO | r.Mode&permBits})
	case abi.FileRecordKindCharDevice:
		d, e = create(c, f.Parent, f.Name, made{abi.S_IFCHR | r.Mode&permBits, uint64(r.Rdev)})
	case abi.FileRecordKindHardLink:
		return applyHardLink(c, f, root, base)
	case abi.FileRecordKindWhiteout:
		if base == 0 {
			return abi.OK // what there was is gone
		}
		if d, e = create(c, f.Parent, f.Name, made{mode: abi.S_IFREG}); e == abi.OK {
			setFlags(d, abi.DentryFlagWhiteout, 0)
		}
	}
	if e != abi.OK {
		return e
	}
	setAttributes(c, InodeOf(d))
	Put(d)
	return abi.OK
}

func applyDirectory(c *sched.Ctx, f *Found) abi.Errno {
	r := current(c)
	d := f.Dentry
	if d != 0 && kmem.Dentry(d).Flags&abi.DentryFlagWhiteout != 0 {
		removeName(f.Parent, d)
		Put(d)
		f.Dentry, d = 0, 0
	}
	if d == 0 {
		var e abi.Errno
		if d, e = create(c, f.Parent, f.Name, made{mode: abi.S_IFDIR | r.Mode&permBits}); e != abi.OK {
			return e
		}
		f.Dentry = d
	}
	if !isDir(d) {
		return abi.EEXIST
	}
	setFlags(d, 0, abi.DentryFlagImplied)
	inode := InodeOf(d)
	SetMode(inode, r.Mode)
	setAttributes(c, inode)
	return abi.OK
}

// applyHardLink links to a path in the layer or, when that has none, in the
// tree that the layer will be merged into.
func applyHardLink(c *sched.Ctx, f *Found, root, base abi.DentryRef) abi.Errno {
	r := current(c)
	if r.DataLength == 0 || r.DataLength >= pathMax {
		return abi.EINVAL
	}
	old := abi.DentryRef(0)
	for _, top := range [2]abi.DentryRef{root, base} {
		if top == 0 {
			break
		}
		kmem.Copy(c.Path2, r.data, r.DataLength)
		t, e := Walk(c, top, PathAt{Dir: top, Span: c.InPath2(r.DataLength)}, 0)
		if e == abi.OK && t.Dentry != 0 {
			Put(t.Parent)
			old = t.Dentry
			break
		}
		t.Release()
	}
	if old == 0 {
		return abi.ENOENT
	}
	e := abi.ENOENT
	if kmem.Dentry(old).Flags&abi.DentryFlagWhiteout == 0 {
		e = linkIn(f.Parent, f.Name, old)
	}
	Put(old)
	return e
}

// fillFile gives a regular file the record's contents, or its place in a blob
// source, instead of what it had.
func fillFile(c *sched.Ctx, inode abi.InodeRef) abi.Errno {
	r := current(c)
	in := kmem.Inode(inode)
	if r.Kind == abi.FileRecordKindLazyFile && (r.Source == 0 || r.Size > maxLazyBytes || r.SourceOffset > maxLazyBytes) {
		return abi.EINVAL
	}
	if e := Truncate(c, inode, 0); e != abi.OK {
		return e
	}
	SetMode(inode, r.Mode)
	if r.Kind == abi.FileRecordKindLazyFile {
		kmem.WriteBegin(&in.Header)
		in.State.Source, in.State.SourceOffset = r.Source, r.SourceOffset
		in.State.SourceBytes, in.State.Size = r.Size, r.Size
		in.State.ChangeSeq.Add(1)
		kmem.WriteEnd(&in.Header)
	} else {
		kmem.WriteBegin(&in.Header)
		in.State.Source, in.State.SourceOffset, in.State.SourceBytes = 0, 0, 0
		kmem.WriteEnd(&in.Header)
		c.Buf = mm.Buf{Addr: uint64(r.data), Len: r.DataLength}
		if _, e := WriteAt(c, inode, 0, &c.Buf); e != abi.OK {
			return e
		}
	}
	setAttributes(c, inode)
	return abi.OK
}

// maxLazyBytes keeps offsets below 2^53, as the ABI says.
const maxLazyBytes = 1 << 44

// SetMode sets the permission bits of an inode.
func SetMode(inode abi.InodeRef, mode abi.FileMode) {
	in := kmem.Inode(inode)
	kmem.WriteBegin(&in.Header)
	in.State.Mode = in.State.Mode&abi.S_IFMT | mode&permBits
	kmem.WriteEnd(&in.Header)
}

// setAttributes sets the record's owner and times; a time of 0 is now.
func setAttributes(c *sched.Ctx, inode abi.InodeRef) {
	r := current(c)
	in := kmem.Inode(inode)
	kmem.WriteBegin(&in.Header)
	in.State.Uid, in.State.Gid = r.Uid, r.Gid
	if r.MtimeNs != 0 {
		in.State.MtimeNs, in.State.AtimeNs = r.MtimeNs, r.MtimeNs
	}
	in.State.CtimeNs = sched.RealNs()
	kmem.WriteEnd(&in.Header)
}

// mountBelow says whether something is mounted on or below a dentry.
func mountBelow(top abi.DentryRef) bool {
	for d := top; d != 0; d = nextBelow(d, top) {
		if kmem.Dentry(d).Mounted != 0 {
			return true
		}
	}
	return false
}
