//lint:file-ignore U1000 the host calls these: TinyGo exports them by their comments

// Command main is kernel.wasm: the exports that workers call, and nothing
// else. Order of calls: the first instance runs _initialize and kernel_boot;
// after that every hart's worker calls hart_run in a loop, with a stack of its
// own, and the kernel worker kernel_service and kernel_prepare_sleep.
package main

import (
	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/boot"
	"foreshore.dev/kernel/hart"
	"foreshore.dev/kernel/kmem"
	"foreshore.dev/kernel/rpc"
	"foreshore.dev/kernel/sched"
)

func main() {}

// kernel_boot makes a machine of fresh memory that may grow to maxPages wasm
// pages. It answers 0 or a negative errno.
//
//export kernel_boot
func kernelBoot(maxPages, harts, clients uint32, realtimeNs uint64) int32 {
	return -int32(boot.Boot(kmem.Config{MemoryMaxPages: maxPages, Harts: harts, Clients: clients, RealtimeOffsetNs: realtimeNs}))
}

// hart_run runs threads for about budget instructions: an abi.HartExit.
//
//export hart_run
func hartRun(index uint32, budget int32) int32 {
	return int32(hart.Run(index, budget))
}

// kernel_service serves the clients' rings. It answers 0, or -1 when the
// machine has failed.
//
//export kernel_service
func kernelService() int32 {
	kmem.Lock(kmem.WorkerIndex)
	rpc.Service(sched.For(kmem.WorkerIndex))
	sched.KickIdle()
	failed := kmem.Header().BootState.Load() == uint32(abi.BootStateFailed)
	kmem.Unlock()
	if failed {
		return -1
	}
	return 0
}

// kernel_prepare_sleep says for how many milliseconds the kernel worker may
// sleep on its doorbell: 0 not at all, -1 until it rings.
//
//export kernel_prepare_sleep
func kernelPrepareSleep() float64 {
	kmem.Lock(kmem.WorkerIndex)
	ms := rpc.PrepareSleep()
	kmem.Unlock()
	return ms
}
