package mm

import (
	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/kmem"
	"foreshore.dev/kernel/sched"
)

// VdsoAddress is where the kernel's shared object lies in every address space:
// above the stack.
const VdsoAddress = StackTop + 0x1000

// MapFrame maps one frame that the kernel keeps, readable and executable, at
// a fixed page (the vDSO). The kernel's own reference makes every
// write to a copy.
func MapFrame(c *sched.Ctx, asIndex abi.AddressSpaceRef, page, frame uint32) abi.Errno {
	m := Mapping{Page: page, Pages: 1, Flags: abi.VmaFlagRead | abi.VmaFlagExec, NoReplace: true}
	if _, e := Map(c, asIndex, &m); e != abi.OK {
		return e
	}
	as := kmem.AddressSpace(asIndex)
	kmem.RefFrame(frame)
	if !setPte(as, page, frame|ptePresent|pteAnon|pteCow) {
		kmem.UnrefFrame(frame)
		return abi.ENOMEM
	}
	as.State.ResidentPages++
	as.State.AnonPages++
	return abi.OK
}

// SharedKey names the memory behind a page that several address spaces share:
// inode and file page. ok is false for private memory, once it was written.
func SharedKey(asIndex abi.AddressSpaceRef, page uint32) (inode abi.InodeRef, filePage uint32, ok bool) {
	as := kmem.AddressSpace(asIndex)
	i := find(as, page)
	if i == 0 {
		return 0, 0, false
	}
	v := kmem.Vma(i)
	if v.Inode == 0 || v.Flags&abi.VmaFlagShared == 0 && pteOf(as, page)&pteAnon != 0 {
		return 0, 0, false
	}
	return v.Inode, v.FilePage + (page - v.StartPage), true
}

// Resident writes what mincore(2) says of n pages to dst, a byte for each: 1 for
// one that has a frame.
func Resident(asIndex abi.AddressSpaceRef, page, n, dst uint32) {
	as := kmem.AddressSpace(asIndex)
	out := kmem.Bytes(dst, n)
	clear(out)
	for k := nextPresent(as, page, 0, n); k < n; k = nextPresent(as, page, k+1, n) {
		out[k] = 1
	}
}
