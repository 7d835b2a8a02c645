//go:build !tinygo && rewrite

package kmem

// Touches says whether Ptr tells of each address that it is asked for.
const Touches = true

// OnTouch, when set, is called with each linear address before the kernel gets
// a pointer for it: a fuzz target changes there what the kernel is about to
// read once more.
var OnTouch func(addr uint32)

func touch(addr uint32) {
	if OnTouch != nil {
		OnTouch(addr)
	}
}
