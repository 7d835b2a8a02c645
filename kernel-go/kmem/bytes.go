package kmem

import "unsafe"

// Bytes is a slice over n bytes of the machine's memory.
func Bytes(addr, n uint32) []byte { return unsafe.Slice((*byte)(Ptr(addr)), n) }

// Zero clears n bytes.
func Zero(addr, n uint32) { clear(Bytes(addr, n)) }

// Copy copies n bytes; the ranges may overlap. It is the kernel's one way to
// copy, and counts: abi/README.md says how often each path's bytes come by.
func Copy(dst, src, n uint32) {
	copy(Bytes(dst, n), Bytes(src, n))
	Header().Counters.CopiedBytes += uint64(n)
}

// Load32 reads the word at addr.
func Load32(addr uint32) uint32 { return *(*uint32)(Ptr(addr)) }

// Store32 writes the word at addr.
func Store32(addr, v uint32) { *(*uint32)(Ptr(addr)) = v }

// Load64 reads the doubleword at addr.
func Load64(addr uint32) uint64 { return *(*uint64)(Ptr(addr)) }

// Store64 writes the doubleword at addr.
func Store64(addr uint32, v uint64) { *(*uint64)(Ptr(addr)) = v }

// Word is a word that holds a T.
func Word[T ~uint32](addr uint32) *T { return (*T)(Ptr(addr)) }

// AddrOf is the linear address of a word inside a slot.
func AddrOf[T ~uint32](p *T) uint32 { return Addr(unsafe.Pointer(p)) }
