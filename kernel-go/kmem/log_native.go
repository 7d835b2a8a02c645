//go:build !tinygo

package kmem

import "foreshore.dev/kernel/host"

func logLine(level uint32, s string) { host.Native.Log(level, []byte(s)) }

func logBytes(level uint32, p []byte) { host.Native.Log(level, p) }
