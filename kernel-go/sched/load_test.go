package sched

import (
	"testing"

	"foreshore.dev/kernel/kmem/kmemtest"
)

func TestLoadAverages(t *testing.T) {
	kmemtest.New(t, 64)
	const minute = 60_000_000_000
	now := uint64(1)
	SampleLoad(now)
	// Two threads are ready for ten minutes, seen in every slice.
	state().ReadyTotal = 2
	for range 12000 {
		now += 50_000_000
		SampleLoad(now)
	}
	got := LoadAverages()
	// 2 · (1 - exp(-10/1)), … exp(-10/5), … exp(-10/15), within a hundredth.
	for i, want := range [3]float64{2.0, 1.73, 0.97} {
		if v := float64(got[i]) / 65536; v < want-0.02 || v > want+0.02 {
			t.Errorf("average %d is %.3f, want %.2f", i, v, want)
		}
	}
	// All rest, and nobody looks for five minutes. Each of 60 looks rounds down, by a 2,048th at most (as on Linux).
	state().ReadyTotal = 0
	SampleLoad(now + 5*minute)
	after := LoadAverages()
	for i, share := range [3]float64{0.0067, 0.368, 0.717} {
		if v, want := float64(after[i]), float64(got[i])*share; v < want-1300 || v > want+1300 {
			t.Errorf("average %d fell to %.3f, want %.3f", i, v/65536, want/65536)
		}
	}
	SampleLoad(now + 1_000_000*minute)
	if v := LoadAverages(); v != [3]uint64{} {
		t.Errorf("a day without work leaves %v", v)
	}
}
