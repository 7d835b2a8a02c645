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
	kmem.Header().BootState.Store(uint32(abi.BootStateReady))
	return abi.OK
}
