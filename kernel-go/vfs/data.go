package vfs

import (
	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/cred"
	"foreshore.dev/kernel/kmem"
	"foreshore.dev/kernel/mm"
	"foreshore.dev/kernel/pagecache"
	"foreshore.dev/kernel/sched"
)

// Contents of regular files. Transfers return how much they did together with
// the error that ended them: after EBLOCKED the caller remembers the amount
// and goes on there, after other errors it reports the amount if it is not 0.

// After how many bytes a transfer looks whether others are to have a turn. Writes
// look less often: whoever appends less than that at once (a log's lines, a
// record) finds it in one piece.
const readPiece, writePiece = 64 << 10, 4 << 20

// ReadAt reads from a regular file into a buffer, up to its end.
func ReadAt(c *sched.Ctx, inode abi.InodeRef, pos uint64, b *mm.Buf) (uint32, abi.Errno) {
	size := kmem.Inode(inode).State.Size
	done := uint32(0)
	for b.Len != 0 && pos < size {
		offset := uint32(pos) & kmem.PageMask
		part := min(b.Len, kmem.PageSize-offset)
		if left := size - pos; uint64(part) > left {
			part = uint32(left)
		}
		frame, e := pagecache.Get(c, inode, uint32(pos>>kmem.PageShift), false)
		if e != abi.OK {
			return done, e
		}
		before := b.Len
		kmem.RefFrame(frame) // copying may make room by eviction
		e = mm.BufOut(c, b, kmem.Span{Addr: frame + offset, Len: part})
		kmem.UnrefFrame(frame)
		moved := before - b.Len
		done += moved
		pos += uint64(moved)
		if e == abi.OK && done&(readPiece-1) < moved && sched.Overdue(c) {
			e = abi.ERESCHED
		}
		if e != abi.OK {
			return done, e
		}
	}
	return done, abi.OK
}

// WriteAt writes a buffer to a regular file. ENOSPC when memory is used up,
// EFBIG behind the largest file or RLIMIT_FSIZE.
func WriteAt(c *sched.Ctx, inode abi.InodeRef, pos uint64, b *mm.Buf) (uint32, abi.Errno) {
	if b.Len == 0 {
		return 0, abi.OK
	}
	in := kmem.Inode(inode)
	if in.Live.Seals&sealWrite != 0 {
		return 0, abi.EPERM
	}
	limit, e := sizeLimit(c, pos)
	if e != abi.OK {
		return 0, e
	}
	if size := in.State.Size; in.Live.Seals&abi.F_SEAL_GROW != 0 && pos+uint64(b.Len) > size {
		// Linux writes page by page, and refuses the one that would grow.
		if limit = min(limit, size&^uint64(kmem.PageMask)); pos >= limit {
			return 0, abi.EPERM
		}
	}
	dropPrivileges(c, inode)
	if pos > in.State.Size {
		// What a mapping wrote behind the old end does not show up now.
		pagecache.SetSize(c, inode, pos)
	}
	done := uint32(0)
	for b.Len != 0 && pos < limit {
		offset := uint32(pos) & kmem.PageMask
		part := min(b.Len, kmem.PageSize-offset)
		if left := limit - pos; uint64(part) > left {
			part = uint32(left)
		}
		page := uint32(pos >> kmem.PageShift)
		var frame uint32
		// A page of which no old byte stays need not come from the source.
		whole := offset == 0 && (part == kmem.PageSize || pos+uint64(part) >= in.State.Size)
		if whole && b.As == 0 {
			frame, e = pagecache.GetForOverwrite(c, inode, page)
		} else {
			frame, e = pagecache.Get(c, inode, page, true)
		}
		if e == abi.ENOMEM {
			e = abi.ENOSPC
		}
		if e != abi.OK {
			break
		}
		before := b.Len
		kmem.RefFrame(frame)
		e = mm.BufIn(c, b, kmem.Span{Addr: frame + offset, Len: part})
		dropCode(frame)
		pagecache.MarkDirty(frame)
		kmem.UnrefFrame(frame)
		moved := before - b.Len
		done += moved
		pos += uint64(moved)
		if pos > in.State.Size {
			kmem.WriteBegin(&in.Header)
			in.State.Size = pos
			kmem.WriteEnd(&in.Header)
		}
		if e == abi.OK && b.Len != 0 && done&(writePiece-1) < moved && sched.Overdue(c) {
			e = abi.ERESCHED
		}
		if e != abi.OK {
			break
		}
	}
	if done != 0 {
		change(inode, true)
	}
	return done, e
}

// dropCode throws away what was decoded from a frame that changes.
func dropCode(frame uint32) {
	if kmem.Frame(frame).Code.Load() != 0 {
		kmem.DropCode(frame)
	}
}

// What seals forbid (F_ADD_SEALS of fcntl(2)). Files of a tmpfs that are no
// memfd_create(2) with MFD_ALLOW_SEALING are sealed against sealing.
const (
	sealWrite = abi.F_SEAL_WRITE | abi.F_SEAL_FUTURE_WRITE
)

// maySize says whether seals let a file have another size.
func maySize(in *abi.InodeSlot, size uint64) bool {
	return !(size > in.State.Size && in.Live.Seals&abi.F_SEAL_GROW != 0 || size < in.State.Size && in.Live.Seals&abi.F_SEAL_SHRINK != 0)
}

// sizeLimit is where writes that begin at pos must end.
func sizeLimit(c *sched.Ctx, pos uint64) (uint64, abi.Errno) {
	limit := pagecache.MaxBytes
	if pos >= limit {
		return 0, abi.EFBIG
	}
	if c.Process != 0 {
		if r := c.P().State.Rlimits[abi.RLIMIT_FSIZE].Cur; r < limit {
			limit = r
			if pos >= limit {
				FileTooLarge(c)
				return 0, abi.EFBIG
			}
		}
	}
	return limit, abi.OK
}

// dropPrivileges clears set-user-ID and set-group-ID when somebody without
// privilege changes a file's contents (write(2), truncate(2)).
func dropPrivileges(c *sched.Ctx, inode abi.InodeRef) {
	in := kmem.Inode(inode)
	mode := in.State.Mode
	if mode&(abi.S_ISUID|abi.S_ISGID) == 0 || cred.Has(c, abi.CAP_FSETID) {
		return
	}
	mode &^= abi.S_ISUID
	if mode&0o010 != 0 {
		mode &^= abi.S_ISGID
	}
	kmem.WriteBegin(&in.Header)
	in.State.Mode = mode
	kmem.WriteEnd(&in.Header)
}

// TruncateNamed is truncate(2) of the file that a name stands for.
func TruncateNamed(c *sched.Ctx, inode abi.InodeRef, size uint64) abi.Errno {
	switch TypeOf(inode) {
	case abi.S_IFDIR:
		return abi.EISDIR
	case abi.S_IFREG:
	default:
		return abi.EINVAL
	}
	if e := Permission(c, inode, MayWrite); e != abi.OK {
		return e
	}
	if kmem.Inode(inode).Live.Execs != 0 {
		return abi.ETXTBSY
	}
	if e := BreakLeases(c, inode, abi.O_WRONLY); e != abi.OK {
		return e
	}
	return Truncate(c, inode, size)
}

// Truncate is truncate(2) of a file that the caller may write.
func Truncate(c *sched.Ctx, inode abi.InodeRef, size uint64) abi.Errno {
	in := kmem.Inode(inode)
	switch {
	case in.State.Mode&abi.S_IFMT == abi.S_IFDIR:
		return abi.EISDIR
	case in.State.Mode&abi.S_IFMT != abi.S_IFREG || Generated(inode):
		return abi.EINVAL
	case !maySize(in, size):
		return abi.EPERM
	}
	if size > in.State.Size {
		if size > pagecache.MaxBytes {
			return abi.EFBIG
		}
		if _, e := sizeLimit(c, size-1); e != abi.OK {
			return e
		}
	}
	dropPrivileges(c, inode)
	pagecache.SetSize(c, inode, size)
	change(inode, true)
	return abi.OK
}

// Extent is Length bytes of a file from Offset on.
type Extent struct{ Offset, Length uint64 }

// Allocate is fallocate(2) on a regular file that is open for writing. ERESCHED
// when others are to have a turn before the rest.
func Allocate(c *sched.Ctx, inode abi.InodeRef, mode abi.FallocFlag, bytes Extent) abi.Errno {
	const ()
	if mode&^(abi.FALLOC_FL_KEEP_SIZE|abi.FALLOC_FL_PUNCH_HOLE|abi.FALLOC_FL_ZERO_RANGE) != 0 || mode&(abi.FALLOC_FL_PUNCH_HOLE|abi.FALLOC_FL_ZERO_RANGE) == abi.FALLOC_FL_PUNCH_HOLE|abi.FALLOC_FL_ZERO_RANGE || mode&(abi.FALLOC_FL_PUNCH_HOLE|abi.FALLOC_FL_KEEP_SIZE) == abi.FALLOC_FL_PUNCH_HOLE {
		return abi.EOPNOTSUPP
	}
	in := kmem.Inode(inode)
	end := bytes.Offset + bytes.Length
	if end > pagecache.MaxBytes || end < bytes.Offset {
		return abi.EFBIG
	}
	// What would only reserve is refused behind the end, too.
	if in.Live.Seals&sealWrite != 0 && mode&(abi.FALLOC_FL_PUNCH_HOLE|abi.FALLOC_FL_ZERO_RANGE) != 0 || in.Live.Seals&abi.F_SEAL_GROW != 0 && mode&abi.FALLOC_FL_PUNCH_HOLE == 0 && end > in.State.Size {
		return abi.EPERM
	}
	if mode&abi.FALLOC_FL_KEEP_SIZE == 0 && end > in.State.Size {
		if _, e := sizeLimit(c, end-1); e != abi.OK {
			return e
		}
	}
	if mode&(abi.FALLOC_FL_PUNCH_HOLE|abi.FALLOC_FL_ZERO_RANGE) != 0 {
		if e := zeroRange(c, inode, bytes.Offset, end); e != abi.OK {
			return e
		}
	} else if e := reservePages(c, inode, bytes.Offset, end); e != abi.OK {
		return e
	}
	if mode&abi.FALLOC_FL_KEEP_SIZE == 0 && end > in.State.Size {
		pagecache.SetSize(c, inode, end)
	}
	change(inode, mode&(abi.FALLOC_FL_PUNCH_HOLE|abi.FALLOC_FL_ZERO_RANGE) != 0)
	return abi.OK
}

// reservePages makes the holes of a range pages of zeros; the call's progress
// counts those that it has seen to.
func reservePages(c *sched.Ctx, inode abi.InodeRef, offset, end uint64) abi.Errno {
	first, last := uint32(offset>>kmem.PageShift), pagecache.PagesOf(end)
	if last-first > kmem.FreeFrames()+kmem.Inode(inode).Live.Pages {
		return abi.ENOSPC
	}
	page := first
	if c.Thread != 0 && c.T().State.Blocked.Attempt != 0 {
		page += uint32(c.T().State.Blocked.Progress)
	}
	for ; page < last; page++ {
		if pagecache.Lookup(inode, page) == 0 && !pagecache.Backed(inode, page) {
			if _, e := pagecache.InsertZero(inode, page); e != abi.OK {
				return abi.ENOSPC
			}
		}
		if next := page + 1; next%reservePiece == 0 && next < last && sched.Overdue(c) {
			c.T().State.Blocked.Progress = uint64(next - first)
			return abi.ERESCHED
		}
	}
	return abi.OK
}

// reservePiece is how many pages are reserved before others may have a turn.
const reservePiece = 64

// zeroRange makes a range read as zeros; whole pages become holes, or pages of
// zeros where the source has other bytes.
func zeroRange(c *sched.Ctx, inode abi.InodeRef, offset, end uint64) abi.Errno {
	in := kmem.Inode(inode)
	if end > in.State.Size {
		end = max(in.State.Size, offset)
	}
	first, last := pagecache.PagesOf(offset), uint32(end>>kmem.PageShift)
	// The partial pages first: they may have to come in.
	for _, edge := range [2]uint32{uint32(offset >> kmem.PageShift), last} {
		from, to := uint64(edge)<<kmem.PageShift, (uint64(edge)+1)<<kmem.PageShift
		lo, hi := max(from, offset), min(to, end)
		if lo >= hi || (lo == from && hi == to) {
			continue
		}
		if pagecache.Lookup(inode, edge) == 0 && !pagecache.Backed(inode, edge) {
			continue
		}
		frame, e := pagecache.Get(c, inode, edge, true)
		if e != abi.OK {
			return e
		}
		kmem.Zero(frame+uint32(lo-from), uint32(hi-lo))
		dropCode(frame)
		pagecache.MarkDirty(frame)
		// The other page may have to be waited for, or never come.
		in.State.ChangeSeq.Add(1)
	}
	if first >= last {
		return abi.OK
	}
	pagecache.RemoveRange(c, inode, first, last)
	for page := first; page < last && pagecache.Backed(inode, page); page++ {
		frame, e := pagecache.InsertZero(inode, page)
		if e != abi.OK {
			return abi.ENOSPC
		}
		pagecache.MarkDirty(frame)
	}
	return abi.OK
}

// Seek finds the next data or hole of a regular file (lseek(2), SEEK_DATA and
// SEEK_HOLE); ENXIO behind the end.
func Seek(inode abi.InodeRef, pos uint64, hole bool) (uint64, abi.Errno) {
	size := kmem.Inode(inode).State.Size
	if pos >= size {
		return 0, abi.ENXIO
	}
	page, last := uint32(pos>>kmem.PageShift), pagecache.PagesOf(size)
	for ; page < last; page++ {
		data := pagecache.Lookup(inode, page) != 0 || pagecache.Backed(inode, page)
		if data != hole {
			return max(pos, uint64(page)<<kmem.PageShift), abi.OK
		}
		if !hole {
			// Over holes in one step.
			next, ok := pagecache.NextPresent(inode, page)
			if !ok || next >= last {
				return 0, abi.ENXIO
			}
			page = next - 1
		}
	}
	if hole {
		return size, abi.OK
	}
	return 0, abi.ENXIO
}
