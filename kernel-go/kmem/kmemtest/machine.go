//go:build !tinygo

// Package kmemtest makes machines for native tests.
package kmemtest

import (
	"testing"
	"unsafe"

	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/kmem"
)

// New boots a machine of mib MiB on a fresh region from the Go heap (where the
// race detector sees it) and takes the machine lock for the test. One machine
// at a time: tests that use it do not run in parallel. The hooks of kmem do nothing.
func New(t testing.TB, mib uint32) {
	t.Helper()
	mem := make([]byte, (mib<<20)+4096)
	skip := (4096 - uintptr(unsafe.Pointer(unsafe.SliceData(mem)))&4095) & 4095
	kmem.UseRegion(mem[skip : skip+uintptr(mib)<<20])
	if e := kmem.Boot(kmem.Config{MemoryMaxPages: mib << 4, Harts: 4, Clients: 2, RealtimeOffsetNs: 1_700_000_000_000_000_000}); e != abi.OK {
		t.Fatalf("boot of %d MiB: %v", mib, e)
	}
	kmem.Reclaim = func(uint32) uint32 { return 0 }
	kmem.DropCode = func(frame uint32) { kmem.Frame(frame).Code.Store(0) }
	kmem.Lock(0)
}
