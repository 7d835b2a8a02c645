//go:build !tinygo

package kmem

import "foreshore.dev/kernel/host"

// LogString sends a constant string to the host's log.
func LogString(level uint32, s string) { host.Native.Log(level, []byte(s)) }
