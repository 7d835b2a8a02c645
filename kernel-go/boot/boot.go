// Package boot puts a machine together: memory first, then each package in
// the order of their layers.
package boot

import (
	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/hart"
	"foreshore.dev/kernel/kmem"
	"foreshore.dev/kernel/mm"
	"foreshore.dev/kernel/proc"
	"foreshore.dev/kernel/sched"
	"foreshore.dev/kernel/vfs"
)

// Attach goes on with a machine that lies in the kernel's memory, whichever kernel of
// this ABI has run it: its memory is all of it. Nobody holds its lock, its harts are
// between two calls of hart.Run, none is dead, and the host's clock goes on where the
// machine's stood (MachineHeader.clock_ns). EINVAL when there is no machine of this ABI.
func Attach() abi.Errno {
	wire()
	wired()
	if e := kmem.Attach(); e != abi.OK {
		return e
	}
	hart.Attach()
	return abi.OK
}

// Boot makes a machine; when it returns OK the machine is ready.
func Boot(c kmem.Config) abi.Errno {
	wire()
	wired()
	if e := kmem.Boot(c); e != abi.OK {
		return e
	}
	kmem.Lock(kmem.WorkerIndex)
	defer kmem.Unlock()
	if e := mm.Init(); e != abi.OK {
		return e
	}
	if e := vfs.Init(); e != abi.OK {
		return e
	}
	if e := proc.InitOwner(); e != abi.OK {
		return e
	}
	if e := tree(sched.For(kmem.WorkerIndex)); e != abi.OK {
		return e
	}
	hart.Init()
	kmem.Header().StoreBootState(abi.BootStateReady)
	return abi.OK
}
