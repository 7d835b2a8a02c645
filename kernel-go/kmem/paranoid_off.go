//go:build !paranoid || tinygo

package kmem

import "foreshore.dev/kernel/abi"

// Only builds with the tag paranoid check each use of a slot (paranoid_on.go).

func check(abi.SlotKind, uint32) {}
func begins(*abi.SlotHeader)     {}
func ends(*abi.SlotHeader)       {}
func forgetKept()                {}
func quiet()                     {}
