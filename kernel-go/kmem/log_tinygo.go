//go:build tinygo

package kmem

import (
	"unsafe"

	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/host"
)

func logLine(level abi.LogLevel, s string) {
	host.Log(level, uint32(uintptr(unsafe.Pointer(unsafe.StringData(s)))), uint32(len(s)))
}

func logBytes(level abi.LogLevel, p []byte) {
	host.Log(level, uint32(uintptr(unsafe.Pointer(unsafe.SliceData(p)))), uint32(len(p)))
}
