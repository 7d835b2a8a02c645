package procfs

import (
	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/kmem"
	"foreshore.dev/kernel/sched"
)

// What /proc says of how a thread is scheduled. A zombie's thread is gone: 0.

func (w *Text) signed(v int32) {
	if v < 0 {
		w.putByte('-')
		v = -v
	}
	w.field(uint64(v))
}

// schedStat is priority and nice of stat: 20 + nice, or of real-time threads
// -1 - the priority, inherited ones too (proc(5)).
func (w *Text) schedStat(t abi.ThreadRef) {
	if t == 0 {
		w.str("20 0 ")
		return
	}
	s := &kmem.Thread(t).State
	if p := sched.PriorityOf(kmem.Thread(t)); p != 0 {
		w.signed(-1 - int32(p))
	} else {
		w.signed(20 + s.Nice)
	}
	w.signed(s.Nice)
}

// hartStat is processor, rt_priority and policy of stat.
func (w *Text) hartStat(t abi.ThreadRef) {
	if t == 0 {
		w.str("0 0 0 ")
		return
	}
	s := &kmem.Thread(t).State
	w.field(uint64(s.Hart))
	w.field(uint64(s.Priority))
	w.field(uint64(s.Policy &^ abi.SCHED_RESET_ON_FORK))
}

// cpusAllowed is the two lines of status: as a mask, and as a list of ranges.
func (w *Text) cpusAllowed(t abi.ThreadRef) {
	mask := sched.AllHarts & (1<<kmem.Header().HartCount - 1)
	if t != 0 {
		mask = sched.AffinityOf(t)
	}
	w.str("Cpus_allowed:\t")
	w.hex(mask, 1)
	w.str("\nCpus_allowed_list:\t")
	for first, comma := uint32(0), false; first < kmem.Header().HartCount; first++ {
		if mask>>first&1 == 0 {
			continue
		}
		last := first
		for mask>>(last+1)&1 != 0 {
			last++
		}
		if comma {
			w.putByte(',')
		}
		w.num(uint64(first))
		if last != first {
			w.putByte('-')
			w.num(uint64(last))
		}
		first, comma = last, true
	}
	w.putByte('\n')
}
