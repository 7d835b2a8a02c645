//go:build !paranoid || tinygo

package kmem

import "foreshore.dev/kernel/abi"

// Paranoid says whether this build checks each use of a slot: only with the tag
// paranoid (tests of the native kernel, fuzz targets, random calls).
const Paranoid = false

func check(abi.SlotKind, uint32) {}
func begins(*abi.SlotHeader)     {}
func ends(*abi.SlotHeader)       {}
func quiet()                     {}
