//go:build tinygo

package host

//go:wasmimport host now
func now() float64

//go:wasmimport host entropy
func entropy(addr, n uint32)

//go:wasmimport host log
func log(level, addr, n uint32)

//go:wasmimport host trace
func trace(addr, n uint32)

//go:wasmimport host kick
func kick(client uint32)
