//go:build tinygo

package kmem

import (
	"unsafe"

	"foreshore.dev/kernel/host"
)

// LogString sends a constant string to the host's log.
func LogString(level uint32, s string) {
	host.Log(level, uint32(uintptr(unsafe.Pointer(unsafe.StringData(s)))), uint32(len(s)))
}
