package mm

import (
	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/kmem"
)

// Iovecs is Count struct iovecs, checked, in the machine's memory.
type Iovecs struct{ Addr, Count uint32 }

// At is one of them.
func (v Iovecs) At(k uint32) *abi.Iovec { return (*abi.Iovec)(kmem.Ptr(v.Addr + k*abi.IovecSize)) }

// Total is how many bytes they are.
func (v Iovecs) Total() uint32 {
	total := uint32(0)
	for k := range v.Count {
		total += uint32(v.At(k).Len)
	}
	return total
}
