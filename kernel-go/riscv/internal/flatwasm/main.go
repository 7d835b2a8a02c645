//go:build tinygo

// Command flatwasm is package flat as a WebAssembly module, for measuring the
// interpreter in V8 (test/cpu).
package main

import (
	"foreshore.dev/kernel/kmem"
	"foreshore.dev/kernel/riscv/internal/flat"
)

//go:wasmimport host write
func hostWrite(fd, addr, n uint32)

// base is where JavaScript puts the ELF file.
//
//export base
func base() uint32 { return (kmem.HeapBase() + 0xffff) &^ 0xffff }

//export boot
func boot(elf, elfBytes, end uint32) {
	flat.Boot(elf+elfBytes, end)
	flat.M.Write = func(fd, addr, n uint32) { hostWrite(fd, addr, n) }
	flat.Load(elf)
}

//export run
func run(budget int32) int32 {
	if flat.M.Run(budget) {
		return 1
	}
	return 0
}

//export exited
func exited() int32 {
	if flat.M.Exited {
		return flat.M.ExitCode
	}
	return -1 - int32(flat.M.LastExit)
}

//export instret
func instret() uint64 { return flat.M.Ctx.Instret }

//export pc
func pc() uint64 { return flat.M.Ctx.Pc }

func main() {}
