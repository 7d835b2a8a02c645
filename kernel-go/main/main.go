//lint:file-ignore U1000 exports.go calls these

// Command main is kernel.wasm: what its exports do, and nothing else. Their
// signatures, who may call them and in which order are abi/boundary.fbs.
package main

import (
	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/boot"
	"foreshore.dev/kernel/hart"
	"foreshore.dev/kernel/kmem"
)

func main() {}

func kernelBoot(maxPages, harts, clients uint32, realtimeNs uint64) abi.Errno {
	return boot.Boot(kmem.Config{MemoryMaxPages: maxPages, Harts: harts, Clients: clients, RealtimeOffsetNs: realtimeNs})
}

func hartRun(index uint32, budget int32) abi.HartExit { return hart.Run(index, budget) }

func kernelService() abi.ServiceStatus { return boot.Service() }

func kernelPrepareSleep() float64 { return boot.PrepareSleep() }
