//go:build tinygo

package kmem

import "unsafe"

// In wasm the machine's memory is the instance's memory: addresses are pointers.

// Ptr turns a linear address into a pointer.
func Ptr(addr uint32) unsafe.Pointer { return unsafe.Pointer(uintptr(addr)) }

// Addr is the linear address of a pointer into the machine's memory.
func Addr(p unsafe.Pointer) uint32 { return uint32(uintptr(p)) }

//go:extern __heap_base
var heapBase [0]byte

// HeapBase is the first linear address that the linker left free.
func HeapBase() uint32 { return uint32(uintptr(unsafe.Pointer(&heapBase))) }

//export llvm.wasm.memory.grow.i32
func wasmMemoryGrow(index, delta int32) int32

//export llvm.wasm.memory.size.i32
func wasmMemorySize(index int32) int32

func memoryPages() uint32 { return uint32(wasmMemorySize(0)) }

func memoryGrow(pages uint32) bool { return wasmMemoryGrow(0, int32(pages)) != -1 }

// attachRegion: the memory is as large as the machine has grown it.
func attachRegion(uint32) {}

//export llvm.wasm.memory.atomic.wait32
func wasmWait32(addr *uint32, expect uint32, timeoutNs int64) uint32

//export llvm.wasm.memory.atomic.notify
func wasmNotify(addr *uint32, count uint32) uint32

//export kernel_fence
func wasmFence()

// Fence orders all memory accesses before it against all after it.
func Fence() { wasmFence() }
