// Command calls prints the system calls that the kernel has for the caller of
// random ones (test/random-calls), as C: number, name, the letters of the arguments
// and their words, which arguments.h reads.
package main

import (
	"fmt"
	"strings"

	"foreshore.dev/kernel/abi"
)

func main() {
	for n, level := range abi.SyscallLevels {
		if level != 0 {
			name := strings.TrimPrefix(abi.Syscall(n).String(), "SYS_")
			fmt.Printf("{%d, %q, %q, %q},\n", n, name, abi.SyscallLetters[n], abi.SyscallArguments[n])
		}
	}
}
