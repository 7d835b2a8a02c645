package boot

import (
	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/hart"
	"foreshore.dev/kernel/kmem"
	"foreshore.dev/kernel/mm"
	"foreshore.dev/kernel/rpc"
	"foreshore.dev/kernel/sched"
)

// What a machine's kernel worker does between two sleeps, whoever hosts it.

// Service serves the clients' rings; it never waits.
func Service() abi.ServiceStatus {
	kmem.Lock(kmem.WorkerIndex)
	sched.SetCurrent(0)
	hart.BuryDead(sched.For(kmem.WorkerIndex))
	rpc.Service(sched.For(kmem.WorkerIndex))
	sched.KickIdle()
	failed := kmem.Header().LoadBootState() == abi.BootStateFailed
	kmem.Unlock()
	if failed {
		return abi.ServiceStatusFailed
	}
	return abi.ServiceStatusOk
}

// PrepareSleep says for how many milliseconds the kernel worker may sleep on
// its doorbell: 0 not at all, -1 until it rings.
func PrepareSleep() float64 {
	kmem.Lock(kmem.WorkerIndex)
	ms := kmem.FlushLog()
	if mm.HaveBuried() {
		mm.Reap() // of what a request has removed: no hart may be awake
		ms = 0
	}
	if !rpc.PrepareSleep() {
		ms = 0
	}
	kmem.Unlock()
	return ms
}
