package sched_test

import (
	"testing"

	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/kmem"
	"foreshore.dev/kernel/kmem/kmemtest"
	"foreshore.dev/kernel/sched"
)

// stops says whether f stops the machine.
func stops(f func()) (stopped bool) {
	defer func() { stopped = recover() != nil }()
	f()
	return false
}

// States follow each other as scheduling has them: nobody becomes ready who is
// ready or gone, and nothing comes after the end.
func TestStatesFollow(t *testing.T) {
	kmemtest.New(t, 64)
	threads := [][]bool{ // by state before, state after
		{false, true, false, true, false, true},
		{false, false, true, false, false, true},
		{false, true, false, true, true, true},
		{false, true, false, false, false, true},
		{false, true, false, false, false, true},
		{false, false, false, false, false, false},
	}
	thread := kmem.Thread(kmem.Alloc[abi.ThreadRef]())
	for before, row := range threads {
		for after, may := range row {
			thread.State.StoreRunState(abi.ThreadRunState(before))
			if stops(func() { sched.SetThreadState(thread, abi.ThreadRunState(after)) }) == may {
				t.Errorf("thread: %v, then %v: may it? %v", abi.ThreadRunState(before), abi.ThreadRunState(after), may)
			}
		}
	}
	processes := [][]bool{
		{false, true, false, true},
		{false, false, true, true},
		{false, true, false, true},
		{false, false, false, false},
	}
	process := kmem.Process(kmem.Alloc[abi.ProcessRef]())
	for before, row := range processes {
		for after, may := range row {
			process.State.StoreRunState(abi.ProcessRunState(before))
			if stops(func() { sched.SetProcessState(process, abi.ProcessRunState(after)) }) == may {
				t.Errorf("process: %v, then %v: may it? %v", abi.ProcessRunState(before), abi.ProcessRunState(after), may)
			}
		}
	}
}
