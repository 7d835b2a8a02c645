//go:build !tinygo

package kmem

import (
	"sync"
	"sync/atomic"
	"time"
	"unsafe"

	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/host"
)

// Natively the machine's memory is a Go byte slice, so that the race detector
// sees it (it is blind in mapped memory); a linear address is an offset.
var (
	region     []byte
	regionBase uintptr
	regionSize uint32 // in wasm pages
)

// UseRegion makes the kernel run on mem, whose length is the machine's maximum: on
// zeroed memory Boot makes a machine, with one that lies there Attach goes on.
func UseRegion(mem []byte) {
	region = mem
	regionBase = uintptr(unsafe.Pointer(unsafe.SliceData(mem)))
	regionSize = 2
	host.Native.Bytes = func(addr, n uint32) []byte { return region[addr : addr+n] }
}

// attachRegion says how much of the memory a machine has grown to.
func attachRegion(pages uint32) { regionSize = pages }

// Ptr turns a linear address into a pointer.
func Ptr(addr uint32) unsafe.Pointer {
	touch(addr)
	return unsafe.Add(unsafe.Pointer(unsafe.SliceData(region)), addr)
}

// Addr is the linear address of a pointer into the machine's memory.
func Addr(p unsafe.Pointer) uint32 { return uint32(uintptr(p) - regionBase) }

// HeapBase is the first linear address that boot may use.
func HeapBase() uint32 { return abi.FixedGlobalBase }

func memoryPages() uint32 { return regionSize }

func memoryGrow(pages uint32) bool {
	if uint64(regionSize+pages)<<16 > uint64(len(region)) {
		return false
	}
	regionSize += pages
	return true
}

// Fence orders all memory accesses before it against all after it.
func Fence() { var x atomic.Uint32; x.Add(1) }

// waiters stands in for memory.atomic.wait and notify.
var waiters = struct {
	sync.Mutex
	byAddr map[*uint32][]chan struct{}
}{byAddr: map[*uint32][]chan struct{}{}}

func wasmWait32(addr *uint32, expect uint32, timeoutNs int64) uint32 {
	waiters.Lock()
	if atomic.LoadUint32(addr) != expect {
		waiters.Unlock()
		return 1
	}
	ch := make(chan struct{})
	waiters.byAddr[addr] = append(waiters.byAddr[addr], ch)
	waiters.Unlock()
	if timeoutNs < 0 {
		<-ch
		return 0
	}
	select {
	case <-ch:
		return 0
	case <-time.After(time.Duration(timeoutNs)):
	}
	waiters.Lock()
	defer waiters.Unlock()
	list := waiters.byAddr[addr]
	for i, c := range list {
		if c == ch {
			waiters.byAddr[addr] = append(list[:i:i], list[i+1:]...)
			return 2
		}
	}
	return 0
}

func wasmNotify(addr *uint32, count uint32) uint32 {
	waiters.Lock()
	defer waiters.Unlock()
	list := waiters.byAddr[addr]
	n := uint32(0)
	for n < count && len(list) > 0 {
		close(list[0])
		list = list[1:]
		n++
	}
	if len(list) == 0 {
		delete(waiters.byAddr, addr)
	} else {
		waiters.byAddr[addr] = list
	}
	return n
}
