package procfs

import (
	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/fdtable"
	"foreshore.dev/kernel/kmem"
	"foreshore.dev/kernel/mm"
)

func (w *Text) label(s string, v uint64) {
	w.str(s)
	w.line(v)
}

func (w *Text) mask(s string, v uint64) {
	w.str(s)
	w.hex(v, 16)
	w.putByte('\n')
}

func (w *Text) four(s string, v [4]uint32) {
	w.str(s)
	for _, x := range v[:3] {
		w.num(uint64(x))
		w.putByte('\t')
	}
	w.line(uint64(v[3]))
}

func stateName(b byte) string {
	switch b {
	case 'R':
		return "R (running)\n"
	case 'D':
		return "D (disk sleep)\n"
	case 'T':
		return "T (stopped)\n"
	case 'Z':
		return "Z (zombie)\n"
	}
	return "S (sleeping)\n"
}

func (w *Text) pidStatus(p abi.ProcessRef, t abi.ThreadRef) {
	ps, pl := &kmem.Process(p).State, &kmem.Process(p).Live
	id := ps.Pid
	var pending, blocked uint64
	if t != 0 {
		ts := &kmem.Thread(t).State
		id, pending, blocked = ts.Tid, ts.Pending, ts.Sigmask
	}
	ignored, caught := handlers(p)
	w.str("Name:\t")
	w.threadName(p, t)
	w.str("\n")
	if ps.FsContext != 0 {
		w.str("Umask:\t0")
		u := kmem.FsContext(ps.FsContext).Umask
		for shift := 6; shift >= 0; shift -= 3 {
			w.putByte(byte('0' + u>>shift&7))
		}
		w.putByte('\n')
	}
	w.str("State:\t")
	w.str(stateName(stateOf(p, t)))
	w.label("Tgid:\t", uint64(ps.Pid))
	w.label("Ngid:\t", 0)
	w.label("Pid:\t", uint64(id))
	w.label("PPid:\t", uint64(ppid(p)))
	w.label("TracerPid:\t", 0)
	w.four("Uid:\t", [4]uint32{ps.Uid, ps.Euid, ps.Suid, ps.Fsuid})
	w.four("Gid:\t", [4]uint32{ps.Gid, ps.Egid, ps.Sgid, ps.Fsgid})
	fdSize := uint64(0)
	if ps.FdTable != 0 {
		fdSize = uint64(fdtable.Room(ps.FdTable))
	}
	w.label("FDSize:\t", fdSize)
	w.str("Groups:\t")
	for i := range ps.GroupCount {
		w.field(uint64(ps.Groups[i]))
	}
	w.putByte('\n')
	if ps.AddressSpace != 0 {
		as := &kmem.AddressSpace(ps.AddressSpace).State
		w.kib("VmPeak:\t", as.MappedPages)
		w.kib("VmSize:\t", as.MappedPages)
		w.kib("VmLck:\t", mm.LockedPages(ps.AddressSpace))
		w.kib("VmPin:\t", 0)
		w.kib("VmHWM:\t", mm.PeakPages(ps.AddressSpace))
		w.kib("VmRSS:\t", as.ResidentPages)
		w.kib("RssAnon:\t", uint64(as.AnonPages))
		w.kib("RssFile:\t", as.ResidentPages-uint64(as.AnonPages))
		w.kib("RssShmem:\t", 0)
		w.kib("VmData:\t", mm.DataPages(ps.AddressSpace))
		w.kib("VmSwap:\t", 0)
	}
	w.label("Threads:\t", uint64(pl.LiveThreads))
	w.str("SigQ:\t")
	queued := uint64(0)
	if pl.User != 0 { // a process that is reaped has none
		queued = uint64(kmem.User(pl.User).Queued)
	}
	w.num(queued)
	w.putByte('/')
	w.line(ps.Rlimits[abi.RLIMIT_SIGPENDING].Cur)
	w.mask("SigPnd:\t", pending)
	w.mask("ShdPnd:\t", ps.Pending)
	w.mask("SigBlk:\t", blocked)
	w.mask("SigIgn:\t", ignored)
	w.mask("SigCgt:\t", caught)
	w.mask("CapInh:\t", ps.CapInheritable)
	w.mask("CapPrm:\t", ps.CapPermitted)
	w.mask("CapEff:\t", ps.CapEffective)
	w.mask("CapBnd:\t", ps.CapBounding)
	w.mask("CapAmb:\t", ps.CapAmbient)
	nnp := uint64(0)
	if ps.Flags&abi.ProcessFlagNoNewPrivs != 0 {
		nnp = 1
	}
	w.label("NoNewPrivs:\t", nnp)
	w.label("Seccomp:\t", 0)
	w.cpusAllowed(t)
	w.str("Mems_allowed:\t1\nMems_allowed_list:\t0\n")
	if t != 0 {
		ts := &kmem.Thread(t).State
		w.label("voluntary_ctxt_switches:\t", uint64(ts.VoluntarySwitches))
		w.label("nonvoluntary_ctxt_switches:\t", uint64(ts.InvoluntarySwitches))
	}
}

func (w *Text) statm(as abi.AddressSpaceRef) {
	if as == 0 {
		w.str("0 0 0 0 0 0 0\n")
		return
	}
	s := &kmem.AddressSpace(as).State
	w.field(s.MappedPages)
	w.field(s.ResidentPages)
	w.field(s.ResidentPages - uint64(s.AnonPages))
	w.str("0 0 ")
	w.field(s.MappedPages)
	w.str("0\n")
}

// io is /proc/PID/io. What comes in from blob sources is read for whoever touches it
// first and for all; what is written stays in memory.
func (w *Text) io(p abi.ProcessRef) {
	l := &kmem.Process(p).Live
	w.label("rchar: ", l.ReadChars)
	w.label("wchar: ", l.WrittenChars)
	w.label("syscr: ", l.ReadCalls)
	w.label("syscw: ", l.WriteCalls)
	w.str("read_bytes: 0\nwrite_bytes: 0\ncancelled_write_bytes: 0\n")
}

// children are the pids of a process's children, the eldest first. They are its
// main thread's: which of its threads made them is not kept.
func (w *Text) children(p abi.ProcessRef, t abi.ThreadRef) {
	if t != kmem.Process(p).State.Leader {
		return
	}
	last := kmem.Process(p).Live.ChildHead
	for last != 0 && kmem.Process(last).Live.NextSibling != 0 {
		last = kmem.Process(last).Live.NextSibling
	}
	for ; last != 0; last = kmem.Process(last).Live.PrevSibling {
		w.field(uint64(kmem.Process(last).State.Pid))
	}
}
