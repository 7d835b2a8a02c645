// Command calls prints THE table for the caller of random system calls
// (test/random-calls): number, name, and the letters of the arguments, as C.
package main

import (
	"fmt"
	"strings"

	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/syscalls"
)

func main() {
	for n := range uint32(syscalls.Count) {
		if syscalls.Known(n) {
			fmt.Printf("{%d, %q, %q},\n", n, strings.TrimPrefix(abi.Syscall(n).String(), "SYS_"), syscalls.Letters(n))
		}
	}
}
