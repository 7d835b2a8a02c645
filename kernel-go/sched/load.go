package sched

import "foreshore.dev/kernel/kmem"

// The load averages of proc_loadavg(5): how many threads run or could run, looked
// at every 5 s, averaged over 1, 5 and 15 minutes with exponential weights.

const (
	loadEveryNs = 5_000_000_000
	// loadShift is the fixed point of the averages, and loadWeights are
	// exp(-5 s / period) in it (Linux's FSHIFT, EXP_1, EXP_5 and EXP_15).
	loadShift = 11
	loadOne   = 1 << loadShift
	// loadForgets is after how many looks at one number only that number is left.
	loadForgets = 4096
)

// They are looked at when LoadNextNs is due, 0 before the first time.
var loadWeights = [3]uint64{1884, 2014, 2037}

// Running is how many threads run or are ready to.
func Running() uint32 {
	n := state().ReadyTotal
	for i := range kmem.Header().HartCount {
		if kmem.Hart(i).Thread.Load() != 0 {
			n++
		}
	}
	return n
}

// SampleLoad makes the looks that are due. It is called before anything else
// happens after a rest, and at least once in each slice otherwise: what runs at
// that moment has run since the look was due.
func SampleLoad(nowNs uint64) {
	s := state()
	if nowNs < s.LoadNextNs {
		return
	}
	if s.LoadNextNs == 0 {
		s.LoadNextNs = nowNs + loadEveryNs
		return
	}
	looks := (nowNs-s.LoadNextNs)/loadEveryNs + 1
	s.LoadNextNs += looks * loadEveryNs
	active := uint64(Running()) << loadShift
	for i := range s.LoadAverages {
		s.LoadAverages[i] = decayed(s.LoadAverages[i], active, loadWeights[i], looks)
	}
}

// decayed is an average after some looks that all saw `active`; it is rounded
// towards what was seen, so that it gets there.
func decayed(average, active, weight, looks uint64) uint64 {
	for range min(looks, loadForgets) {
		next := average*weight + active*(loadOne-weight)
		if active >= average {
			next += loadOne - 1
		}
		average = next >> loadShift
	}
	return average
}

// LoadAverages are those over 1, 5 and 15 minutes, times 65,536 (sysinfo(2)).
func LoadAverages() (averages [3]uint64) {
	for i, v := range state().LoadAverages {
		averages[i] = v << (16 - loadShift)
	}
	return averages
}
