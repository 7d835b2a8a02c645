package pagecache

import (
	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/kmem"
)

// Pages that nobody has any more are taken out of an inode by leaves of its
// tree, 4 MiB at a time, since a file may have all of memory. Those of a large
// file are freed later: harts do it between two slices, the kernel worker before
// it sleeps, and whoever finds no free frame does it first.

// leavesNow is how many leaves a call frees itself: some tenths of a
// millisecond's work.
const leavesNow = 8

// HaveBuried says whether there is something for Reap to do.
func HaveBuried() bool { return state().Buried != 0 }

// removeLeaf takes all pages of the leaf that holds `page` out of the cache. Like
// remove, it wants changeSeq raised and translations zapped.
func removeLeaf(inode abi.InodeRef, page uint32, now bool) {
	leaf := leafOf(inode, page)
	pages, dirty := uint32(0), uint32(0)
	for _, frame := range node(leaf) {
		if frame == 0 {
			continue
		}
		f := kmem.Frame(frame)
		if f.Flags&abi.FrameFlagDirty != 0 {
			f.Flags &^= abi.FrameFlagDirty
			dirty++
		}
		f.Inode, f.Page = 0, 0
		pages++
	}
	count(inode, -pages, -dirty)
	kmem.Header().CachedFrames.Add(-pages)
	kmem.Header().DirtyFrames.Add(-dirty)
	kmem.Changed(1 << abi.SlotKindFrame)
	kmem.RefFrame(leaf)
	kmem.Frame(leaf).Words = 0
	pruneEmpty(inode, page)
	if now {
		freeLeaf(leaf)
		return
	}
	s := state()
	kmem.Frame(leaf).Next, s.Buried = s.Buried>>kmem.PageShift, leaf
}

// Reap frees a leaf that is buried, and says how many frames that were.
func Reap() uint32 {
	s := state()
	leaf := s.Buried
	s.Buried = kmem.Frame(leaf).Next << kmem.PageShift
	return freeLeaf(leaf)
}

func freeLeaf(leaf uint32) uint32 {
	freed := uint32(1)
	for _, frame := range node(leaf) {
		if frame != 0 {
			kmem.UnrefFrame(frame)
			freed++
		}
	}
	kmem.UnrefFrame(leaf)
	return freed
}
