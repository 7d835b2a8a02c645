package kmem

import (
	"unsafe"

	"foreshore.dev/kernel/abi"
)

func ptrOf[T any](p *T) unsafe.Pointer { return unsafe.Pointer(p) }

// assert stops the machine when an invariant of the kernel itself is broken.
// Operating errors are errnos; this is never reached by what guests do.
func assert(ok bool) {
	if !ok {
		fail("assertion failed in kmem")
	}
}

// Assert is assert for other packages, with what was expected.
func Assert(ok bool, what string) {
	if !ok {
		fail(what)
	}
}

// Linked asserts that a neighbour in a list names the one that leaves it.
func Linked(ok bool) { Assert(ok, "neighbours in a list name each other") }

func fail(what string) {
	Header().BootState.Store(uint32(abi.BootStateFailed))
	LogString(abi.LogLevelError, what)
	panic(what)
}

// Fail stops the machine: a broken invariant that `what` names.
func Fail(what string) { fail(what) }
