package mm

import (
	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/kmem"
	"foreshore.dev/kernel/sched"
)

// Usage is what memory a mapping takes, as /proc/PID/smaps tells it: pages, and
// shares in bytes times 2^ShareShift, where each page is divided among those
// who map it. The frame of zeros belongs to nobody.
type Usage struct {
	Resident, Anonymous                                  uint64
	SharedClean, SharedDirty, PrivateClean, PrivateDirty uint64
	Share, ShareDirty, ShareAnon, ShareShmem             uint64
	ShareLocked                                          uint64
}

// ShareShift is the fixed point of shares.
const ShareShift = 12

// mappingsOf is how many PT words have the frame of a PT word.
func mappingsOf(pte uint32) uint32 {
	refs := kmem.Frame(pte &^ pteMask).Refs
	if pte&pteAnon == 0 {
		refs-- // the page cache's
	}
	return refs
}

// usagePages is after how many pages a look at memory asks whether others are to
// have a turn.
const usagePages = 4096

// AddMapping adds the pages of a mapping from `from` on, and returns how far it
// came: the mapping's end, or a page before it when others are to have a turn.
func (u *Usage) AddMapping(c *sched.Ctx, asIndex abi.AddressSpaceRef, v *abi.VmaSlot, from uint32) uint32 {
	as, pages, seen := kmem.AddressSpace(asIndex), v.EndPage-from, 0
	for k := nextPresent(as, from, 0, pages); k < pages; k = nextPresent(as, from, k+1, pages) {
		if seen++; seen == usagePages {
			if seen = 0; sched.Overdue(c) {
				return from + k
			}
		}
		pte := pteOf(as, from+k)
		frame := pte &^ pteMask
		if frame == kmem.ZeroFrame() {
			continue
		}
		n := mappingsOf(pte)
		share := uint64(kmem.PageSize) << ShareShift / uint64(max(n, 1))
		anon := pte&pteAnon != 0
		dirty := anon || kmem.Frame(frame).Flags&abi.FrameFlagDirty != 0
		u.Resident++
		u.Share += share
		switch {
		case anon:
			u.Anonymous++
			u.ShareAnon += share
		case v.Dentry == 0:
			u.ShareShmem += share
		}
		switch {
		case n > 1 && dirty:
			u.SharedDirty++
		case n > 1:
			u.SharedClean++
		case dirty:
			u.PrivateDirty++
		default:
			u.PrivateClean++
		}
		if dirty {
			u.ShareDirty += share
		}
		if v.Flags&abi.VmaFlagLocked != 0 {
			u.ShareLocked += share
		}
	}
	return v.EndPage
}

// PageOf says of a page whether it has a frame, whether that is a file's (or
// shared memory's), and how many mappings have it; none has the frame of zeros.
func PageOf(asIndex abi.AddressSpaceRef, page uint32) (present, file bool, mappings uint32) {
	pte := pteOf(kmem.AddressSpace(asIndex), page)
	if pte&ptePresent == 0 {
		return false, false, 0
	}
	if pte&^pteMask == kmem.ZeroFrame() {
		return true, false, 0
	}
	return true, pte&pteAnon == 0, mappingsOf(pte)
}
