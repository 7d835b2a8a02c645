package mm

import (
	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/kmem"
	"foreshore.dev/kernel/sched"
)

// isData says whether a mapping counts as data (Linux is_data_mapping):
// private memory that may be written, but for stacks.
func isData(f abi.VmaFlag) bool {
	return f&(abi.VmaFlagWrite|abi.VmaFlagShared|abi.VmaFlagGrowsDown) == abi.VmaFlagWrite
}

// DataPages is how many pages of an address space are data (VmData). They are
// counted where somebody asks: few processes have a limit.
func DataPages(asIndex abi.AddressSpaceRef) uint64 {
	n := uint64(0)
	for i := kmem.AddressSpace(asIndex).State.VmaHead; i != 0; i = kmem.Vma(i).Next {
		if v := kmem.Vma(i); isData(v.Flags) {
			n += uint64(v.EndPage - v.StartPage)
		}
	}
	return n
}

// PeakPages is the most pages of an address space that were in memory at once.
func PeakPages(asIndex abi.AddressSpaceRef) uint64 {
	s := &kmem.AddressSpace(asIndex).State
	return max(s.PeakResidentPages, s.ResidentPages)
}

// limitOf is one of the caller's limits in pages. A program that is being
// loaded into a space of its own is not held to them yet.
func limitOf(c *sched.Ctx, as *abi.AddressSpaceSlot, id abi.RlimitId) uint64 {
	if c.Process == 0 || c.As == 0 || kmem.AddressSpace(c.As) != as {
		return ^uint64(0)
	}
	return c.P().State.Rlimits[id].Cur >> kmem.PageShift
}

const unlimited = ^uint64(0) >> kmem.PageShift

// overLimit says whether more pages with these flags would pass the caller's
// RLIMIT_AS, or RLIMIT_DATA.
func overLimit(c *sched.Ctx, as *abi.AddressSpaceSlot, pages uint32, flags abi.VmaFlag) bool {
	return as.State.MappedPages+uint64(pages) > limitOf(c, as, abi.RLIMIT_AS) || isData(flags) && overData(c, as, pages)
}

// overData says whether more pages of data would pass RLIMIT_DATA.
func overData(c *sched.Ctx, as *abi.AddressSpaceSlot, pages uint32) bool {
	limit := limitOf(c, as, abi.RLIMIT_DATA)
	return limit < unlimited && DataPages(c.As)+uint64(pages) > limit
}

// overHeap says whether a heap of so many bytes would pass RLIMIT_DATA.
func overHeap(c *sched.Ctx, as *abi.AddressSpaceSlot, bytes uint64) bool {
	return bytes>>kmem.PageShift > limitOf(c, as, abi.RLIMIT_DATA)
}
