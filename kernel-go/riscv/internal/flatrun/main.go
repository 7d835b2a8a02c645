// Command flatrun runs a static riscv64 program natively on package flat:
//
//	go run ./riscv/internal/flatrun [-max INSTRUCTIONS] ELF
//
// It prints what the program prints, and on stderr how it ended.
package main

import (
	"flag"
	"fmt"
	"os"

	"foreshore.dev/kernel/kmem"
	"foreshore.dev/kernel/riscv/internal/flat"
)

const regionBytes = 512 << 20

func main() {
	most := flag.Uint64("max", 1<<62, "stop after so many instructions")
	flag.Parse()
	elf, err := os.ReadFile(flag.Arg(0))
	if err != nil {
		fmt.Fprintln(os.Stderr, "flatrun:", err)
		os.Exit(2)
	}
	kmem.UseRegion(make([]byte, regionBytes))
	copy(kmem.Bytes(65536, uint32(len(elf))), elf)
	flat.Boot(65536+uint32(len(elf)), regionBytes)
	flat.M.Write = func(fd, addr, n uint32) { os.NewFile(uintptr(fd), "").Write(kmem.Bytes(addr, n)) }
	flat.Load(65536)
	for flat.M.Run(1_000_000) && flat.M.Ctx.Instret < *most {
	}
	m := &flat.M
	fmt.Fprintf(os.Stderr, "exited %v, code %d, last exit %d at %#x, %d instructions\n", m.Exited, m.ExitCode, m.LastExit, m.Ctx.Pc, m.Ctx.Instret)
	if done != nil {
		done()
	}
	os.Exit(int(m.ExitCode))
}

// done is set by a profiling build.
var done func()
