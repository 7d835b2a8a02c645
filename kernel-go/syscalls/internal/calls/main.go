// Command calls prints the system calls that the kernel has for the caller of
// random ones (test/random-calls), as C: number, name, and the letters of the arguments.
package main

import (
	"fmt"
	"strings"

	"foreshore.dev/kernel/abi"
)

func main() {
	for n, level := range abi.SyscallLevels {
		if level != 0 {
			fmt.Printf("{%d, %q, %q},\n", n, strings.TrimPrefix(abi.Syscall(n).String(), "SYS_"), abi.SyscallLetters[n])
		}
	}
}
