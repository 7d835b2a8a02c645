// Package pagecache owns the frames that hold file pages: which frame is page
// n of an inode, pages that are absent because their bytes are still with the
// host, and getting frames back when memory runs out.
//
// It does not own what files are (vfs) nor who maps them (mm). Everything here
// wants the machine lock.
//
// A page is one of: present (a frame), a hole (reads as zeros), or backed
// (its bytes lie in the inode's blob source and come in when touched). A page
// is never shown before its bytes are complete.
//
// A frame leaves the cache only after the inode's ChangeSeq was raised and Zap has
// taken away every translation of it. A fill that is under way keeps its frames until
// the host has answered it (FillDone), whatever becomes of the file: the host may be
// writing to them.
package pagecache

import (
	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/kmem"
	"foreshore.dev/kernel/sched"
)

// MaxBytes is the largest file size: 2^32 pages, less one so that an end page
// fits a word.
const MaxBytes = uint64(1)<<44 - uint64(kmem.PageSize)

// Zap removes every translation of file pages [first, end) of an inode (a hook:
// boot/wire.go). It returns when no hart can use one any more.
var Zap func(c *sched.Ctx, inode abi.InodeRef, first, end uint32)

// state is what the page cache remembers beside frames and inodes.
func state() *abi.PageCacheLive { return &kmem.Kernel().PageCache }

// PagesOf is the number of pages that hold n bytes.
func PagesOf(n uint64) uint32 {
	return uint32((n + uint64(kmem.PageMask)) >> kmem.PageShift)
}

// Backed says whether an absent page's bytes lie in the inode's blob source.
func Backed(inode abi.InodeRef, page uint32) bool {
	s := &kmem.Inode(inode).State
	return s.Source != 0 && uint64(page)<<kmem.PageShift < s.SourceBytes
}

// Lookup is the frame of a page, 0 when the page is absent.
func Lookup(inode abi.InodeRef, page uint32) uint32 {
	if w := wordOf(inode, page); w != nil {
		return *w
	}
	return 0
}

// insert puts a frame, whose reference it takes over, in place of an absent
// page. ENOMEM leaves the frame with the caller.
func insert(inode abi.InodeRef, page, frame uint32) abi.Errno {
	w, e := makeWord(inode, page)
	if e != abi.OK {
		return e
	}
	kmem.Assert(*w == 0, "page cache: a page has one frame")
	f := kmem.Frame(frame)
	f.Inode, f.Page = inode, page
	*w = frame
	counted(inode, page)
	count(inode, 1, 0)
	kmem.Header().CachedFrames.Add(1)
	kmem.Changed(1 << abi.SlotKindFrame)
	return abi.OK
}

// count adds to an inode's pages and dirty pages, which readers outside the
// kernel see together.
func count(inode abi.InodeRef, pages, dirty uint32) {
	in := kmem.Inode(inode)
	kmem.WriteBegin(&in.Header)
	in.Live.Pages += pages
	in.Live.DirtyPages += dirty
	kmem.WriteEnd(&in.Header)
}

// InsertZero makes an absent page a frame of zeros, whatever its source has.
func InsertZero(inode abi.InodeRef, page uint32) (uint32, abi.Errno) {
	frame := kmem.AllocUserFrame(abi.FrameTypeFile, true)
	if frame == 0 {
		return 0, abi.ENOMEM
	}
	if e := insert(inode, page, frame); e != abi.OK {
		kmem.UnrefFrame(frame)
		return 0, e
	}
	kmem.Frame(frame).Flags |= abi.FrameFlagUptodate
	return frame, abi.OK
}

// MarkDirty says that a page's bytes differ from its source: it is kept.
func MarkDirty(frame uint32) {
	f := kmem.Frame(frame)
	if f.Inode != 0 && f.Flags&abi.FrameFlagDirty == 0 {
		f.Flags |= abi.FrameFlagDirty
		count(f.Inode, 0, 1)
		kmem.Header().DirtyFrames.Add(1)
		kmem.Changed(1 << abi.SlotKindFrame)
	}
}

// remove takes a page's frame out of the cache and drops the cache's
// reference. The caller has raised changeSeq and zapped translations.
func remove(inode abi.InodeRef, w *uint32) {
	frame := *w
	*w = 0
	f := kmem.Frame(frame)
	dirty := uint32(0)
	if f.Flags&abi.FrameFlagDirty != 0 {
		f.Flags &^= abi.FrameFlagDirty
		dirty = 1
		kmem.Header().DirtyFrames.Add(^uint32(0))
		kmem.Changed(1 << abi.SlotKindFrame)
	}
	f.Inode, f.Page = 0, 0
	count(inode, ^uint32(0), -dirty)
	kmem.Header().CachedFrames.Add(^uint32(0))
	kmem.Changed(1 << abi.SlotKindFrame)
	kmem.UnrefFrame(frame)
}

// RemoveRange drops pages [first, end): they are holes, or backed, again.
func RemoveRange(c *sched.Ctx, inode abi.InodeRef, first, end uint32) {
	if first >= end {
		return
	}
	cancelFills(inode, first, end)
	// Private copies of absent pages are translations too.
	if kmem.Inode(inode).Live.VmaHead != 0 {
		Zap(c, inode, first, end)
	}
	if kmem.Inode(inode).Live.Pages == 0 {
		return
	}
	kmem.Inode(inode).State.ChangeSeq.Add(1)
	sched.RecordEffect(abi.SyncEffectFs)
	leaves := 0
	for page := first; ; page++ {
		next, ok := NextPresent(inode, page)
		if !ok || next >= end {
			return
		}
		page = next
		if base := page &^ (fan - 1); base >= first && end-base >= fan && page >= directPages {
			removeLeaf(inode, page, leaves < leavesNow)
			leaves++
			page = base | (fan - 1)
		} else {
			remove(inode, wordOf(inode, page))
			uncounted(inode, page)
		}
		if page == ^uint32(0) {
			return
		}
	}
}

// SetSize changes the size of a file. Shrinking drops pages and zeroes the
// rest of the last one; growing leaves a hole whose bytes are zero.
func SetSize(c *sched.Ctx, inode abi.InodeRef, size uint64) {
	in := kmem.Inode(inode)
	old := in.State.Size
	kmem.WriteBegin(&in.Header)
	in.State.Size = size
	if in.State.SourceBytes > size {
		in.State.SourceBytes = size
	}
	if size != old {
		in.State.ChangeSeq.Add(1)
	}
	kmem.WriteEnd(&in.Header)
	if size < old {
		RemoveRange(c, inode, PagesOf(size), ^uint32(0))
		sched.RecordEffect(abi.SyncEffectFs)
		zeroTail(inode, size)
	} else {
		// Bytes behind the old end may have been written through a mapping.
		zeroTail(inode, old)
	}
}

// zeroTail clears what lies behind `size` in its page.
func zeroTail(inode abi.InodeRef, size uint64) {
	offset := uint32(size) & kmem.PageMask
	if offset == 0 {
		return
	}
	if frame := Lookup(inode, uint32(size>>kmem.PageShift)); frame != 0 {
		kmem.Zero(frame+offset, kmem.PageSize-offset)
		MarkDirty(frame)
	}
}

// FreeAll drops everything: the inode goes away. No mapping is left.
func FreeAll(inode abi.InodeRef) {
	RemoveRange(nil, inode, 0, ^uint32(0))
	l := &kmem.Inode(inode).Live
	kmem.Assert(l.Pages == 0 && l.RadixRoot == 0, "page cache: a freed inode has no pages")
}

// Evict drops up to `want` clean pages that nobody maps and whose bytes the
// source still has. Pages that were used since the hand last passed get a
// second chance. What is buried goes first. It returns how many frames it freed.
func Evict(want uint32) uint32 {
	s, h := state(), kmem.Header()
	first, end := h.PoolFirstFrame, h.PoolEndFrame.Load()
	freed := uint32(0)
	for s.Buried != 0 && freed < want {
		freed += Reap()
	}
	if s.Hand < first || s.Hand >= end {
		s.Hand = first
	}
	for left := 2 * (end - first); left != 0 && freed < want; left-- {
		frame := s.Hand << kmem.PageShift
		s.Hand++
		if s.Hand == end {
			s.Hand = first
		}
		f := kmem.Frame(frame)
		if f.Type != abi.FrameTypeFile || f.Refs != 1 || f.Pinned != 0 || f.Inode == 0 || f.Inode == s.Building || f.Flags&abi.FrameFlagDirty != 0 {
			continue
		}
		if f.Flags&abi.FrameFlagReferenced != 0 {
			f.Flags &^= abi.FrameFlagReferenced
			continue
		}
		inode, page := f.Inode, f.Page
		if !Backed(inode, page) {
			continue
		}
		kmem.Inode(inode).State.ChangeSeq.Add(1)
		sched.RecordEffect(abi.SyncEffectFs)
		remove(inode, wordOf(inode, page))
		uncounted(inode, page)
		freed++
	}
	return freed
}
