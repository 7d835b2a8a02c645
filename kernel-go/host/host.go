// Package host is the one seam between the kernel and what runs it: clock,
// entropy, log and trace. Nothing else in the kernel calls out, so that a
// replay only has to answer these five functions as before.
//
// In wasm they are imports of module "host" (abi/boundary.fbs); natively they are the function
// values in Native.
package host

import "foreshore.dev/kernel/abi"

// NowNs is nanoseconds since the machine's base, the same in all workers.
func NowNs() uint64 { return uint64(now()) }

// Entropy fills n bytes at a linear address with the host's random bytes.
func Entropy(addr, n uint32) { entropy(addr, n) }

// Log hands n bytes of text at a linear address to the host's log.
func Log(level abi.LogLevel, addr, n uint32) { log(uint32(level), addr, n) }

// Trace hands an abi.TraceRecord with its pieces to the host.
func Trace(addr, n uint32) { trace(addr, n) }

// Kick tells the host that a client which cannot sleep on shared memory has
// completions to fetch.
func Kick(client uint32) { kick(client) }
