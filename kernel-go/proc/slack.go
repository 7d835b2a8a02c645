package proc

import (
	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/kmem"
)

// usualSlackNs is the timer slack of a program that the host starts.
const usualSlackNs = 50_000

// TimerSlack is PR_GET_TIMERSLACK of a thread.
func TimerSlack(thread abi.ThreadRef) uint64 {
	if n := kmem.Thread(thread).State.TimerSlackNs; n != 0 {
		return n
	}
	return usualSlackNs
}

// DefaultTimerSlack is what a thread's slack is set back to: what its parent's
// was when it was made.
func DefaultTimerSlack(thread abi.ThreadRef) uint64 {
	if n := kmem.Thread(thread).State.DefaultTimerSlackNs; n != 0 {
		return n
	}
	return usualSlackNs
}
