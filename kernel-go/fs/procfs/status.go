package procfs

import (
	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/fdtable"
	"foreshore.dev/kernel/kmem"
	"foreshore.dev/kernel/mm"
)

func label(s string, v uint64) {
	str(s)
	line(v)
}

func mask(s string, v uint64) {
	str(s)
	hex(v, 16)
	putByte('\n')
}

func four(s string, a, b, c, d uint32) {
	str(s)
	num(uint64(a))
	putByte('\t')
	num(uint64(b))
	putByte('\t')
	num(uint64(c))
	putByte('\t')
	line(uint64(d))
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

func pidStatus(p, t uint32) {
	ps, pl := &kmem.Process(p).State, &kmem.Process(p).Live
	id := ps.Pid
	var pending, blocked uint64
	if t != 0 {
		ts := &kmem.Thread(t).State
		id, pending, blocked = ts.Tid, ts.Pending, ts.Sigmask
	}
	ignored, caught := handlers(p)
	str("Name:\t")
	threadName(p, t)
	str("\n")
	if ps.FsContext != 0 {
		str("Umask:\t0")
		u := kmem.FsContext(ps.FsContext).Umask
		for shift := 6; shift >= 0; shift -= 3 {
			putByte(byte('0' + u>>shift&7))
		}
		putByte('\n')
	}
	str("State:\t")
	str(stateName(stateOf(p, t)))
	label("Tgid:\t", uint64(ps.Pid))
	label("Ngid:\t", 0)
	label("Pid:\t", uint64(id))
	label("PPid:\t", uint64(ppid(p)))
	label("TracerPid:\t", 0)
	four("Uid:\t", ps.Uid, ps.Euid, ps.Suid, ps.Fsuid)
	four("Gid:\t", ps.Gid, ps.Egid, ps.Sgid, ps.Fsgid)
	fdSize := uint64(0)
	if ps.FdTable != 0 {
		fdSize = uint64(fdtable.Room(ps.FdTable))
	}
	label("FDSize:\t", fdSize)
	str("Groups:\t")
	for i := range ps.GroupCount {
		field(uint64(ps.Groups[i]))
	}
	putByte('\n')
	if ps.AddressSpace != 0 {
		as := &kmem.AddressSpace(ps.AddressSpace).State
		kib("VmPeak:\t", as.MappedPages)
		kib("VmSize:\t", as.MappedPages)
		kib("VmLck:\t", mm.LockedPages(ps.AddressSpace))
		kib("VmPin:\t", 0)
		kib("VmHWM:\t", mm.PeakPages(ps.AddressSpace))
		kib("VmRSS:\t", as.ResidentPages)
		kib("RssAnon:\t", uint64(as.AnonPages))
		kib("RssFile:\t", as.ResidentPages-uint64(as.AnonPages))
		kib("RssShmem:\t", 0)
		kib("VmData:\t", mm.DataPages(ps.AddressSpace))
		kib("VmSwap:\t", 0)
	}
	label("Threads:\t", uint64(pl.LiveThreads))
	str("SigQ:\t")
	queued := uint64(0)
	if pl.User != 0 { // a process that is reaped has none
		queued = uint64(kmem.User(pl.User).Queued)
	}
	num(queued)
	putByte('/')
	line(ps.Rlimits[abi.RLIMIT_SIGPENDING].Cur)
	mask("SigPnd:\t", pending)
	mask("ShdPnd:\t", ps.Pending)
	mask("SigBlk:\t", blocked)
	mask("SigIgn:\t", ignored)
	mask("SigCgt:\t", caught)
	mask("CapInh:\t", ps.CapInheritable)
	mask("CapPrm:\t", ps.CapPermitted)
	mask("CapEff:\t", ps.CapEffective)
	mask("CapBnd:\t", ps.CapBounding)
	mask("CapAmb:\t", ps.CapAmbient)
	nnp := uint64(0)
	if ps.Flags&abi.ProcessFlagNoNewPrivs != 0 {
		nnp = 1
	}
	label("NoNewPrivs:\t", nnp)
	label("Seccomp:\t", 0)
	cpusAllowed(t)
	str("Mems_allowed:\t1\nMems_allowed_list:\t0\n")
	if t != 0 {
		ts := &kmem.Thread(t).State
		label("voluntary_ctxt_switches:\t", uint64(ts.VoluntarySwitches))
		label("nonvoluntary_ctxt_switches:\t", uint64(ts.InvoluntarySwitches))
	}
}

func statm(as uint32) {
	if as == 0 {
		str("0 0 0 0 0 0 0\n")
		return
	}
	s := &kmem.AddressSpace(as).State
	field(s.MappedPages)
	field(s.ResidentPages)
	field(s.ResidentPages - uint64(s.AnonPages))
	str("0 0 ")
	field(s.MappedPages)
	str("0\n")
}

// io is /proc/PID/io. What comes in from blob sources is read for whoever touches it
// first and for all; what is written stays in memory.
func io(p uint32) {
	l := &kmem.Process(p).Live
	label("rchar: ", l.ReadChars)
	label("wchar: ", l.WrittenChars)
	label("syscr: ", l.ReadCalls)
	label("syscw: ", l.WriteCalls)
	str("read_bytes: 0\nwrite_bytes: 0\ncancelled_write_bytes: 0\n")
}

// children are the pids of a process's children, the eldest first. They are its
// main thread's: which of its threads made them is not kept.
func children(p, t uint32) {
	if t != kmem.Process(p).State.Leader {
		return
	}
	last := kmem.Process(p).Live.ChildHead
	for last != 0 && kmem.Process(last).Live.NextSibling != 0 {
		last = kmem.Process(last).Live.NextSibling
	}
	for ; last != 0; last = kmem.Process(last).Live.PrevSibling {
		field(uint64(kmem.Process(last).State.Pid))
	}
}
