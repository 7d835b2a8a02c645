package mm

import (
	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/kmem"
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

// Add adds the usage of another mapping.
func (u *Usage) Add(v *Usage) {
	u.Resident += v.Resident
	u.Anonymous += v.Anonymous
	u.SharedClean += v.SharedClean
	u.SharedDirty += v.SharedDirty
	u.PrivateClean += v.PrivateClean
	u.PrivateDirty += v.PrivateDirty
	u.Share += v.Share
	u.ShareDirty += v.ShareDirty
	u.ShareAnon += v.ShareAnon
	u.ShareShmem += v.ShareShmem
	u.ShareLocked += v.ShareLocked
}

// mappingsOf is how many PT words have the frame of a PT word.
func mappingsOf(pte uint32) uint32 {
	refs := kmem.Frame(pte &^ pteMask).Refs
	if pte&pteAnon == 0 {
		refs-- // the page cache's
	}
	return refs
}

// UsageOf looks at every page of a mapping.
func UsageOf(asIndex uint32, v *abi.VmaSlot) Usage {
	var u Usage
	as, pages := kmem.AddressSpace(asIndex), v.EndPage-v.StartPage
	for k := nextPresent(as, v.StartPage, 0, pages); k < pages; k = nextPresent(as, v.StartPage, k+1, pages) {
		pte := pteOf(as, v.StartPage+k)
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
		if v.Flags&vmLocked != 0 {
			u.ShareLocked += share
		}
	}
	return u
}

// PageOf says of a page whether it has a frame, whether that is a file's (or
// shared memory's), and how many mappings have it; none has the frame of zeros.
func PageOf(asIndex, page uint32) (present, file bool, mappings uint32) {
	pte := pteOf(kmem.AddressSpace(asIndex), page)
	if pte&ptePresent == 0 {
		return false, false, 0
	}
	if pte&^pteMask == kmem.ZeroFrame() {
		return true, false, 0
	}
	return true, pte&pteAnon == 0, mappingsOf(pte)
}
