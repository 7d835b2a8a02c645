//lint:file-ignore U1000 exports.go calls these

// Command main is kernel.wasm: what its exports do, and nothing else. Their
// signatures, who may call them and in which order are abi/boundary.fbs.
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

func kernelBoot(maxPages, harts, clients uint32, realtimeNs uint64) abi.Errno {
	return boot.Boot(kmem.Config{MemoryMaxPages: maxPages, Harts: harts, Clients: clients, RealtimeOffsetNs: realtimeNs})
}

func hartRun(index uint32, budget int32) abi.HartExit { return hart.Run(index, budget) }

func kernelService() abi.ServiceStatus {
	kmem.Lock(kmem.WorkerIndex)
	sched.Act(0)
	hart.BuryDead(sched.For(kmem.WorkerIndex))
	rpc.Service(sched.For(kmem.WorkerIndex))
	sched.KickIdle()
	failed := kmem.Header().BootState.Load() == uint32(abi.BootStateFailed)
	kmem.Unlock()
	if failed {
		return abi.ServiceStatusFailed
	}
	return abi.ServiceStatusOk
}

func kernelPrepareSleep() float64 {
	kmem.Lock(kmem.WorkerIndex)
	ms := rpc.PrepareSleep()
	kmem.Unlock()
	return ms
}
