// Package oom says whom to end when memory is used up (Linux mm/oom_kill.c).
//
// It does not end anybody (proc). Everything here wants the machine lock.
package oom

import (
	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/kmem"
)

// never is the oom_score_adj of who is not to be ended.
const never = -1000

// TotalPages is how much memory programs may have in all, in pages.
func TotalPages() int64 {
	h := kmem.Header()
	return int64(h.MemoryMaxPages*(uint32(abi.FixedWasmPageSize)/uint32(abi.FixedPageSize)) - h.PoolFirstFrame)
}

// Badness is how much memory would be had by ending a process, in pages, moved
// by its oom_score_adj in thousandths of all memory. What nobody is to end has
// less than any other.
func Badness(process abi.ProcessRef) int64 {
	s := &kmem.Process(process).State
	if s.OomScoreAdj == never {
		return -2 * TotalPages()
	}
	points := int64(s.OomScoreAdj) * TotalPages() / 1000
	if s.AddressSpace != 0 {
		points += int64(kmem.AddressSpace(s.AddressSpace).State.ResidentPages)
	}
	return points + heldPages(process)
}

// heldPages is what the waiting calls of a process have copied in.
func heldPages(process abi.ProcessRef) int64 {
	pages := int64(0)
	for t := kmem.Process(process).Live.ThreadHead; t != 0; t = kmem.Thread(t).Live.NextInProcess {
		if h := &kmem.Thread(t).State.Blocked.Held; h.Frames != 0 {
			pages += 1 + int64(h.Count)*int64(abi.HeldPollSize)/int64(kmem.PageSize)
		}
	}
	return pages
}

// Victim is the process that is to be ended, 0 when there is none.
func Victim() abi.ProcessRef {
	victim, most := abi.ProcessRef(0), int64(0)
	for i := kmem.Header().InitProcess; i != 0; i = kmem.Process(i).Live.NextProcess {
		s := &kmem.Process(i).State
		if s.AddressSpace == 0 || s.OomScoreAdj == never || s.LoadRunState() == abi.ProcessRunStatePrepared {
			continue
		}
		if b := Badness(i); victim == 0 || b > most {
			victim, most = i, b
		}
	}
	return victim
}
