package sched

import (
	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/kmem"
)

// What may follow each state of a thread, and of a process, as bits: a state that
// comes from elsewhere is a mistake of the kernel's.

const (
	threadReady   = 1 << abi.ThreadRunStateReady
	threadRunning = 1 << abi.ThreadRunStateRunning
	threadBlocked = 1 << abi.ThreadRunStateBlocked
	threadStopped = 1 << abi.ThreadRunStateStopped
	threadExited  = 1 << abi.ThreadRunStateExited

	processRunning = 1 << abi.ProcessRunStateRunning
	processStopped = 1 << abi.ProcessRunStateStopped
	processZombie  = 1 << abi.ProcessRunStateZombie
)

var threadFollows = [...]uint8{
	// Process 1's thread, which never runs, is blocked from the beginning.
	abi.ThreadRunStatePrepared: threadReady | threadBlocked | threadExited,
	abi.ThreadRunStateReady:    threadRunning | threadExited,
	abi.ThreadRunStateRunning:  threadReady | threadBlocked | threadStopped | threadExited,
	abi.ThreadRunStateBlocked:  threadReady | threadExited,
	abi.ThreadRunStateStopped:  threadReady | threadExited,
	abi.ThreadRunStateExited:   0,
}

var processFollows = [...]uint8{
	abi.ProcessRunStatePrepared: processRunning | processZombie,
	abi.ProcessRunStateRunning:  processStopped | processZombie,
	abi.ProcessRunStateStopped:  processRunning | processZombie,
	abi.ProcessRunStateZombie:   0,
}

// SetThreadState moves a thread to another state.
func SetThreadState(t *abi.ThreadSlot, to abi.ThreadRunState) {
	kmem.Assert(threadFollows[t.State.LoadRunState()]>>to&1 != 0, "this state of a thread does not follow the one before")
	t.State.StoreRunState(to)
}

// SetProcessState moves a process to another state.
func SetProcessState(p *abi.ProcessSlot, to abi.ProcessRunState) {
	kmem.Assert(processFollows[p.State.LoadRunState()]>>to&1 != 0, "this state of a process does not follow the one before")
	p.State.StoreRunState(to)
}
