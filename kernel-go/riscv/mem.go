package riscv

import (
	"unsafe"

	"foreshore.dev/kernel/kmem"
)

// ptr and addrOf turn linear addresses into pointers and back. In wasm they are the same.
func ptr(addr uint32) unsafe.Pointer   { return kmem.Ptr(addr) }
func addrOf(p unsafe.Pointer) uint32   { return kmem.Addr(p) }
func ptrTo[T any](p *T) unsafe.Pointer { return unsafe.Pointer(p) }

// fence orders all earlier memory accesses before all later ones.
func fence() { kmem.Fence() }
