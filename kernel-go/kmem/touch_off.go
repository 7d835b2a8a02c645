//go:build !tinygo && !rewrite

package kmem

// Touches says whether Ptr tells of each address that it is asked for: only in
// builds with the tag rewrite.
const Touches = false

// OnTouch is never called here.
var OnTouch func(addr uint32)

func touch(uint32) {}
