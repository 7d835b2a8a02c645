//go:build !tinygo

package host

import (
	"crypto/rand"
	"os"
	"time"

	"foreshore.dev/kernel/abi"
)

var start = time.Now()

// Native is what a native host may replace: the test's or tool's own clock,
// entropy and outputs. Bytes is set by kmem (host must not import it).
var Native = struct {
	Now     func() float64
	Entropy func(p []byte)
	Log     func(level abi.LogLevel, p []byte)
	Trace   func(p []byte)
	Kick    func(client uint32)
	Bytes   func(addr, n uint32) []byte
}{
	Now:     func() float64 { return float64(time.Since(start).Nanoseconds()) },
	Entropy: func(p []byte) { _, _ = rand.Read(p) },
	Log: func(_ abi.LogLevel, p []byte) {
		_, _ = os.Stderr.Write(p)
		_, _ = os.Stderr.Write([]byte("\n"))
	},
	Trace: func([]byte) {},
	Kick:  func(uint32) {},
}

func now() float64              { return Native.Now() }
func entropy(addr, n uint32)    { Native.Entropy(Native.Bytes(addr, n)) }
func log(level, addr, n uint32) { Native.Log(abi.LogLevel(level), Native.Bytes(addr, n)) }
func trace(addr, n uint32)      { Native.Trace(Native.Bytes(addr, n)) }
func kick(client uint32)        { Native.Kick(client) }
