package pagecache

import (
	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/kmem"
	"foreshore.dev/kernel/sched"
)

// An inode's first pages have their words in the inode; the others lie in a
// radix tree of frames with 1,024 words each, indexed by the page number's
// bits from the top. A node of height 1 holds frames of pages. A node's
// FrameState.words counts its words that are not 0; a node without any is
// freed at once.

const (
	directPages = 4
	fanShift    = 10
	fan         = 1 << fanShift
	maxHeight   = 4
)

func node(addr uint32) *[fan]uint32 { return (*[fan]uint32)(kmem.Ptr(addr)) }

// covers says whether a tree of a height has a word for the page.
func covers(height, page uint32) bool {
	return height*fanShift >= 32 || page>>(height*fanShift) == 0
}

func indexAt(level, page uint32) uint32 { return page >> (level * fanShift) & (fan - 1) }

// wordOf is the word of a page, nil when the tree has none.
func wordOf(inode abi.InodeRef, page uint32) *uint32 {
	l := &kmem.Inode(inode).Live
	if page < directPages {
		return &l.Direct[page]
	}
	if l.RadixRoot == 0 || !covers(l.RadixHeight, page) {
		return nil
	}
	at := l.RadixRoot
	for level := l.RadixHeight - 1; level != 0; level-- {
		at = node(at)[indexAt(level, page)]
		if at == 0 {
			return nil
		}
	}
	return &node(at)[indexAt(0, page)]
}

func allocNode(inode abi.InodeRef) uint32 {
	s := state()
	s.Building = inode
	frame := kmem.AllocFrame(abi.FrameTypeRadix)
	s.Building = 0
	return frame
}

// makeWord is wordOf that builds what is missing. ENOMEM leaves no empty node.
func makeWord(inode abi.InodeRef, page uint32) (*uint32, abi.Errno) {
	in := kmem.Inode(inode)
	l := &in.Live
	if page < directPages {
		return &l.Direct[page], abi.OK
	}
	for l.RadixRoot == 0 || !covers(l.RadixHeight, page) {
		root := allocNode(inode)
		if root == 0 {
			pruneEmpty(inode, page)
			return nil, abi.ENOMEM
		}
		if l.RadixRoot != 0 {
			node(root)[0] = l.RadixRoot
			kmem.Frame(root).Words = 1
		}
		height := l.RadixHeight + 1
		if l.RadixRoot == 0 {
			// A first root is as high as it must be: growing an empty one
			// would leave nodes that hold nothing.
			for !covers(height, page) {
				height++
			}
		}
		// Readers outside the kernel need root and height together.
		kmem.WriteBegin(&in.Header)
		l.RadixRoot = root
		l.RadixHeight = height
		kmem.WriteEnd(&in.Header)
	}
	at := l.RadixRoot
	for level := l.RadixHeight - 1; level != 0; level-- {
		w := &node(at)[indexAt(level, page)]
		if *w == 0 {
			child := allocNode(inode)
			if child == 0 {
				pruneEmpty(inode, page)
				return nil, abi.ENOMEM
			}
			*w = child
			kmem.Frame(at).Words++
		}
		at = *w
	}
	return &node(at)[indexAt(0, page)], abi.OK
}

// counted notes that the word of a page is now used.
func counted(inode abi.InodeRef, page uint32) {
	if page >= directPages {
		kmem.Frame(leafOf(inode, page)).Words++
	}
}

func leafOf(inode abi.InodeRef, page uint32) uint32 {
	l := &kmem.Inode(inode).Live
	at := l.RadixRoot
	for level := l.RadixHeight - 1; level != 0; level-- {
		at = node(at)[indexAt(level, page)]
	}
	return at
}

// uncounted notes that the word of a page is now free.
func uncounted(inode abi.InodeRef, page uint32) {
	if page < directPages {
		return
	}
	kmem.Frame(leafOf(inode, page)).Words--
	pruneEmpty(inode, page)
}

// pruneEmpty frees the empty nodes on the way to a page, from below.
func pruneEmpty(inode abi.InodeRef, page uint32) {
	if page < directPages {
		return
	}
	in := kmem.Inode(inode)
	l := &in.Live
	for l.RadixRoot != 0 {
		parent, at := uint32(0), l.RadixRoot
		level := l.RadixHeight - 1
		if covers(l.RadixHeight, page) {
			for ; level != 0; level-- {
				next := node(at)[indexAt(level, page)]
				if next == 0 {
					break
				}
				parent, at = at, next
			}
		}
		if kmem.Frame(at).Words != 0 {
			return
		}
		in.State.ChangeSeq.Add(1)
		sched.RecordEffect(abi.SyncEffectFs)
		if parent == 0 {
			kmem.WriteBegin(&in.Header)
			l.RadixRoot, l.RadixHeight = 0, 0
			kmem.WriteEnd(&in.Header)
		} else {
			node(parent)[indexAt(level+1, page)] = 0
			kmem.Frame(parent).Words--
		}
		kmem.UnrefFrame(at)
	}
}

// NextPresent is the first present page at or behind `page`.
func NextPresent(inode abi.InodeRef, page uint32) (uint32, bool) {
	l := &kmem.Inode(inode).Live
	for ; page < directPages; page++ {
		if l.Direct[page] != 0 {
			return page, true
		}
	}
	for l.RadixRoot != 0 && covers(l.RadixHeight, page) {
		at := l.RadixRoot
		level := l.RadixHeight - 1
		for level != 0 {
			next := node(at)[indexAt(level, page)]
			if next == 0 {
				break
			}
			at = next
			level--
		}
		// Look through the rest of the node that the walk ended in.
		words := node(at)
		i := indexAt(level, page)
		if words[i] == 0 {
			first := i
			for i++; i < fan && words[i] == 0; i++ {
			}
			step := (uint64(page>>(level*fanShift)) + uint64(i-first)) << (level * fanShift)
			if step > uint64(^uint32(0)) {
				return 0, false
			}
			page = uint32(step)
		}
		if i < fan && level == 0 {
			return page, true
		}
		// Another node, or one further down: walk again from the root.
	}
	return 0, false
}
