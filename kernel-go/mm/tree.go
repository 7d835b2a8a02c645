package mm

import (
	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/kmem"
)

// The VMAs of an address space are a list in address order and, over the same
// slots, an AVL tree by first page. Each node knows the largest gap in front of
// a VMA of its subtree, so that lookups and the search for a free place take
// logarithmic time with the 65,530 mappings that a space may have. Recursion
// is as deep as the tree, which is at most 23 then.

// gapBefore is how many pages are free in front of a VMA. A stack keeps its
// guard gap for itself.
func gapBefore(v *abi.VmaSlot) uint32 {
	from := uint32(0)
	if v.Prev != 0 {
		from = kmem.Vma(v.Prev).EndPage
	}
	return guarded(v) - min(from, guarded(v))
}

// guarded is the first page that belongs to a VMA, its guard gap included.
func guarded(v *abi.VmaSlot) uint32 {
	if v.Flags&abi.VmaFlagGrowsDown != 0 {
		return v.StartPage - min(stackGuardPages, v.StartPage)
	}
	return v.StartPage
}

func height(i abi.VmaRef) uint32 {
	if i == 0 {
		return 0
	}
	return kmem.Vma(i).Height
}

// refresh computes what a node knows of its subtree.
func refresh(i abi.VmaRef) {
	v := kmem.Vma(i)
	v.Height, v.Gap = 1+max(height(v.Left), height(v.Right)), gapBefore(v)
	if v.Left != 0 {
		v.Gap = max(v.Gap, kmem.Vma(v.Left).Gap)
	}
	if v.Right != 0 {
		v.Gap = max(v.Gap, kmem.Vma(v.Right).Gap)
	}
}

func rotateLeft(i abi.VmaRef) abi.VmaRef {
	top := kmem.Vma(i).Right
	kmem.Vma(i).Right, kmem.Vma(top).Left = kmem.Vma(top).Left, i
	refresh(i)
	refresh(top)
	return top
}

func rotateRight(i abi.VmaRef) abi.VmaRef {
	top := kmem.Vma(i).Left
	kmem.Vma(i).Left, kmem.Vma(top).Right = kmem.Vma(top).Right, i
	refresh(i)
	refresh(top)
	return top
}

// balance puts a subtree in order after one of its branches grew or shrank by
// one level, and returns its new root.
func balance(i abi.VmaRef) abi.VmaRef {
	v := kmem.Vma(i)
	switch left, right := height(v.Left), height(v.Right); {
	case left > right+1:
		if l := kmem.Vma(v.Left); height(l.Left) < height(l.Right) {
			v.Left = rotateLeft(v.Left)
		}
		return rotateRight(i)
	case right > left+1:
		if r := kmem.Vma(v.Right); height(r.Right) < height(r.Left) {
			v.Right = rotateRight(v.Right)
		}
		return rotateLeft(i)
	}
	refresh(i)
	return i
}

// treeInsert adds VMA i, which is in the list, to a subtree.
func treeInsert(root, i abi.VmaRef) abi.VmaRef {
	if root == 0 {
		v := kmem.Vma(i)
		v.Left, v.Right = 0, 0
		refresh(i)
		return i
	}
	if v := kmem.Vma(root); kmem.Vma(i).StartPage < v.StartPage {
		v.Left = treeInsert(v.Left, i)
	} else {
		v.Right = treeInsert(v.Right, i)
	}
	return balance(root)
}

// treeRemove takes VMA i, which has left the list, out of a subtree.
func treeRemove(root, i abi.VmaRef) abi.VmaRef {
	v := kmem.Vma(root)
	switch at := kmem.Vma(i).StartPage; {
	case at < v.StartPage:
		v.Left = treeRemove(v.Left, i)
	case at > v.StartPage:
		v.Right = treeRemove(v.Right, i)
	case v.Right == 0:
		return v.Left
	default:
		right, first := treeTakeFirst(v.Right)
		kmem.Vma(first).Left, kmem.Vma(first).Right = v.Left, right
		return balance(first)
	}
	return balance(root)
}

// treeTakeFirst takes the lowest VMA out of a subtree.
func treeTakeFirst(root abi.VmaRef) (rest, first abi.VmaRef) {
	v := kmem.Vma(root)
	if v.Left == 0 {
		return v.Right, root
	}
	v.Left, first = treeTakeFirst(v.Left)
	return balance(root), first
}

// treeRefresh follows a change of VMA i's first page, which kept its place.
func treeRefresh(root, i abi.VmaRef) {
	if v := kmem.Vma(root); root != i {
		if kmem.Vma(i).StartPage < v.StartPage {
			treeRefresh(v.Left, i)
		} else {
			treeRefresh(v.Right, i)
		}
	}
	refresh(root)
}

// gap is the highest free range of pages between low and top, 0 when there is
// none. low is not 0.
func gap(as *abi.AddressSpaceSlot, pages, low, top uint32) uint32 {
	end := low
	if last := lastVma(as); last != 0 {
		end = max(end, kmem.Vma(last).EndPage)
	}
	if end < top && top-end >= pages {
		return top - pages
	}
	return gapIn(as.Live.VmaRoot, pages, low, top)
}

// gapIn is gap in front of the VMAs of a subtree.
func gapIn(i abi.VmaRef, pages, low, top uint32) uint32 {
	for i != 0 && kmem.Vma(i).Gap >= pages {
		v := kmem.Vma(i)
		if v.EndPage < top && v.Right != 0 {
			if page := gapIn(v.Right, pages, low, top); page != 0 {
				return page
			}
		}
		end := min(guarded(v), top)
		from := max(low, guarded(v)-gapBefore(v))
		if from < end && end-from >= pages {
			return end - pages
		}
		if v.StartPage <= low {
			return 0
		}
		i = v.Left
	}
	return 0
}

// firstFrom is the first VMA that ends above page, 0 when there is none.
func firstFrom(as *abi.AddressSpaceSlot, page uint32) abi.VmaRef {
	best := abi.VmaRef(0)
	for i := as.Live.VmaRoot; i != 0; {
		if v := kmem.Vma(i); v.EndPage > page {
			best, i = i, v.Left
		} else {
			i = v.Right
		}
	}
	return best
}

// lastVma is the VMA with the highest addresses, 0 when there is none.
func lastVma(as *abi.AddressSpaceSlot) abi.VmaRef {
	i := as.Live.VmaRoot
	for i != 0 && kmem.Vma(i).Right != 0 {
		i = kmem.Vma(i).Right
	}
	return i
}
