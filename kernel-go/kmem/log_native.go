//go:build !tinygo

package kmem

import (
	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/host"
)

func logLine(level abi.LogLevel, s string) { host.Native.Log(level, []byte(s)) }

func logBytes(level abi.LogLevel, p []byte) { host.Native.Log(level, p) }
