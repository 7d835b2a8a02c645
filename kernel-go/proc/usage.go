package proc

import (
	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/kmem"
	"foreshore.dev/kernel/mm"
)

// Usage is what getrusage(2) and the wait calls report.
type Usage struct {
	UserNs, SystemNs         uint64
	MinorFaults, MajorFaults uint64
	PeakPages                uint64
	Voluntary, Involuntary   uint64
}

// UsageOf is what a process has used so far, its threads that ended included.
func UsageOf(process abi.ProcessRef) Usage {
	p := kmem.Process(process)
	s := &p.State
	u := Usage{UserNs(p), SystemNs(p), s.MinorFaults, s.MajorFaults, s.MaxResidentPages, s.VoluntarySwitches, s.InvoluntarySwitches}
	if s.AddressSpace != 0 {
		u.PeakPages = max(u.PeakPages, mm.PeakPages(s.AddressSpace))
	}
	for i := p.Live.ThreadHead; i != 0; i = kmem.Thread(i).Live.NextInProcess {
		u.Voluntary += uint64(kmem.Thread(i).State.VoluntarySwitches)
		u.Involuntary += uint64(kmem.Thread(i).State.InvoluntarySwitches)
	}
	return u
}

// UsageOfChildren is what those children have used that a process waited for.
func UsageOfChildren(process abi.ProcessRef) Usage {
	s := &kmem.Process(process).State
	return Usage{s.ChildUserNs, s.ChildSystemNs, s.ChildMinorFaults, s.ChildMajorFaults, s.ChildMaxResidentPages, s.ChildVoluntarySwitches, s.ChildInvoluntarySwitches}
}

// UsageOfThread is a thread's part. Faults are counted by process alone.
func UsageOfThread(thread abi.ThreadRef) Usage {
	s := &kmem.Thread(thread).State
	u := Usage{UserNs: s.UserNs, SystemNs: s.SystemNs, Voluntary: uint64(s.VoluntarySwitches), Involuntary: uint64(s.InvoluntarySwitches)}
	u.PeakPages = UsageOf(s.Process).PeakPages
	return u
}

// Add is the sum of two; of what was the most at once, the larger.
func (u Usage) Add(v Usage) Usage {
	return Usage{u.UserNs + v.UserNs, u.SystemNs + v.SystemNs, u.MinorFaults + v.MinorFaults, u.MajorFaults + v.MajorFaults,
		max(u.PeakPages, v.PeakPages), u.Voluntary + v.Voluntary, u.Involuntary + v.Involuntary}
}

// keepPeak remembers how large the address space was that a process is about
// to give up.
func keepPeak(p *abi.ProcessSlot) {
	if as := p.State.AddressSpace; as != 0 {
		p.State.MaxResidentPages = max(p.State.MaxResidentPages, mm.PeakPages(as))
	}
}

// passOn adds what a child used, with its own children, to its parent's.
func passOn(child abi.ProcessRef) {
	parent := kmem.Process(child).State.Parent
	if parent == 0 {
		return
	}
	u := UsageOf(child).Add(UsageOfChildren(child)).Add(UsageOfChildren(parent))
	s := &kmem.Process(parent).State
	s.ChildUserNs, s.ChildSystemNs, s.ChildMinorFaults, s.ChildMajorFaults = u.UserNs, u.SystemNs, u.MinorFaults, u.MajorFaults
	s.ChildMaxResidentPages, s.ChildVoluntarySwitches, s.ChildInvoluntarySwitches = u.PeakPages, u.Voluntary, u.Involuntary
}

// TimevalOf is a time in nanoseconds as a struct timeval.
func TimevalOf(ns uint64) abi.Timeval {
	return abi.Timeval{Sec: int64(ns / 1e9), Usec: int64(ns % 1e9 / 1000)}
}
