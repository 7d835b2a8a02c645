package procfs

import (
	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/kmem"
	"foreshore.dev/kernel/mm"
	"foreshore.dev/kernel/oom"
	"foreshore.dev/kernel/sched"
	"foreshore.dev/kernel/tty"
	"foreshore.dev/kernel/vfs"
)

// ofProcess writes the content of a file of a process or thread, or the piece of
// it that goes on at `from`. What a sum over memory has so far is u, before and after.
func (w *Text) ofProcess(c *sched.Ctx, s *abi.InodeState, from uint64, u *mm.Usage) abi.Errno {
	p := findProcess(s.ProcNode().Pid)
	if p == 0 {
		return abi.ESRCH
	}
	n := node(s.Node)
	t := kmem.Process(p).State.Leader
	if s.ProcNode().Number != 0 && n != nodeFdinfo {
		if t = findThread(s.ProcNode().Number); t == 0 {
			return abi.ESRCH
		}
	}
	ps := &kmem.Process(p).State
	as := ps.AddressSpace
	switch n {
	case nodePidStat:
		w.pidStat(c, p, t)
	case nodePidStatus:
		w.pidStatus(p, t)
	case nodePidStatm:
		w.statm(as)
	case nodePidComm:
		w.threadName(p, t)
		w.putByte('\n')
	case nodePidCmdline:
		if as != 0 {
			return w.user(c, as, ps.ArgStart, uint32(ps.ArgEnd-ps.ArgStart))
		}
	case nodePidEnviron:
		if !MayTrace(c, p) {
			return abi.EACCES
		}
		if as != 0 {
			return w.user(c, as, ps.EnvStart, uint32(ps.EnvEnd-ps.EnvStart))
		}
	case nodePidMaps:
		if !MayTrace(c, p) {
			return abi.EACCES
		}
		if as != 0 {
			w.maps(c, as, uint32(from))
		}
	case nodePidSmaps, nodePidSmapsRollup:
		if !MayTrace(c, p) {
			return abi.EACCES
		}
		if as == 0 {
			return abi.OK
		}
		if n == nodePidSmaps {
			w.smaps(c, as, uint32(from), u)
		} else {
			w.rollup(c, as, uint32(from), u)
		}
	case nodePidIo:
		if !MayTrace(c, p) {
			return abi.EACCES
		}
		w.io(p)
	case nodeTidChildren:
		w.children(p, t)
	case nodePidMounts:
		w.mounts(c, false)
	case nodePidMountinfo:
		w.mounts(c, true)
	case nodePidLimits:
		w.limits(ps)
	case nodePidAuxv:
		if !MayTrace(c, p) {
			return abi.EACCES
		}
		if as != 0 {
			a := kmem.AddressSpace(as)
			for _, v := range a.State.Auxv[:min(a.State.AuxvLen, uint32(len(a.State.Auxv)))] {
				for range 8 {
					w.putByte(byte(v))
					v >>= 8
				}
			}
		}
	case nodePidOomScoreAdj:
		w.score(int64(ps.OomScoreAdj))
	case nodePidOomScore:
		w.score(max(0, (1000+oom.Badness(p)*1000/oom.TotalPages())*2/3))
	case nodePidCgroup:
		w.str("0::/\n")
	case nodePidPersonality:
		w.hex(uint64(ps.Personality), 8)
		w.putByte('\n')
	case nodeFdinfo:
		w.fdinfo(ofdAt(p, s.ProcNode().Number))
	}
	return abi.OK
}

func (w *Text) score(v int64) {
	if v < 0 {
		w.putByte('-')
		v = -v
	}
	w.line(uint64(v))
}

// stateOf is the letter of ps(1) for a thread.
func stateOf(p abi.ProcessRef, t abi.ThreadRef) byte {
	ps := &kmem.Process(p).State
	switch ps.LoadRunState() {
	case abi.ProcessRunStateZombie:
		return 'Z'
	case abi.ProcessRunStateStopped:
		return 'T'
	}
	if t == 0 {
		return 'S'
	}
	switch ts := &kmem.Thread(t).State; ts.LoadRunState() {
	case abi.ThreadRunStateReady, abi.ThreadRunStateRunning:
		return 'R'
	case abi.ThreadRunStateStopped:
		return 'T'
	case abi.ThreadRunStateExited:
		return 'Z'
	case abi.ThreadRunStateBlocked:
		if ts.Blocked.Reason == abi.WaitReasonPageIn {
			return 'D'
		}
	}
	return 'S'
}

func (w *Text) threadName(p abi.ProcessRef, t abi.ThreadRef) {
	if t != 0 {
		if s := &kmem.Thread(t).State; s.Name[0] != 0 {
			w.name(&s.Name)
			return
		}
	}
	w.name(&kmem.Process(p).State.Comm)
}

func ppid(p abi.ProcessRef) uint32 {
	parent := kmem.Process(p).State.Parent
	switch {
	case kmem.Process(p).State.Pid == 1:
		return 0
	case parent == 0:
		return 1 // the host plays init
	}
	return kmem.Process(parent).State.Pid
}

// cpuTimes is the CPU time of a process, its live threads' included, in guest
// code and in the kernel.
func cpuTimes(p abi.ProcessRef) (user, system uint64) {
	l := &kmem.Process(p).Live
	return l.UserNs, l.SystemNs
}

// handlers are the masks of ignored and of caught signals.
func handlers(p abi.ProcessRef) (ignored, caught uint64) {
	i := kmem.Process(p).State.Sighand
	if i == 0 {
		return 0, 0
	}
	for k := range kmem.Sighand(i).Actions {
		switch kmem.Sighand(i).Actions[k].Handler {
		case abi.SIG_DFL:
		case abi.SIG_IGN:
			ignored |= 1 << k
		default:
			caught |= 1 << k
		}
	}
	return ignored, caught
}

func (w *Text) field(v uint64) { w.num(v); w.putByte(' ') }

// terminal writes a controlling terminal's number and foreground group.
func (w *Text) terminal(i abi.TtyRef) {
	if i == 0 {
		w.str("0 -1 ")
		return
	}
	dev, pgrp := tty.Number(i)
	w.field(uint64(dev))
	if pgrp < 0 {
		w.str("-1 ")
		return
	}
	w.field(uint64(pgrp))
}

func (w *Text) pidStat(c *sched.Ctx, p abi.ProcessRef, t abi.ThreadRef) {
	ps := &kmem.Process(p).State
	id := ps.Pid
	var pending, blocked uint64
	var as *abi.AddressSpaceState
	user, system := cpuTimes(p)
	start := ps.StartNs
	if t != 0 {
		ts := &kmem.Thread(t).State
		if id != ts.Tid {
			user, system, start = ts.UserNs, ts.SystemNs, ts.StartNs
		}
		id, pending, blocked = ts.Tid, ts.Pending, ts.Sigmask
	}
	ignored, caught := handlers(p)
	var vsize, rss, stack uint64
	if ps.AddressSpace != 0 {
		as = &kmem.AddressSpace(ps.AddressSpace).State
		vsize, rss, stack = as.MappedPages<<kmem.PageShift, as.ResidentPages, as.StackStart
	}
	w.field(uint64(id))
	w.putByte('(')
	w.threadName(p, t)
	w.str(") ")
	w.putByte(stateOf(p, t))
	w.putByte(' ')
	w.field(uint64(ppid(p)))
	w.field(uint64(ps.Pgid))
	w.field(uint64(ps.Sid))
	w.terminal(ps.Tty)
	w.str("4194304 ") // flags: PF_RANDOMIZE as most programs have it
	w.field(ps.MinorFaults)
	w.field(ps.ChildMinorFaults)
	w.field(ps.MajorFaults)
	w.field(ps.ChildMajorFaults)
	w.field(ticks(user))
	w.field(ticks(system))
	w.field(ticks(ps.ChildUserNs))
	w.field(ticks(ps.ChildSystemNs))
	w.schedStat(t)
	w.field(uint64(kmem.Process(p).Live.LiveThreads))
	w.str("0 ")
	w.field(ticks(start))
	w.field(vsize)
	w.field(rss)
	w.field(ps.Rlimits[abi.RLIMIT_RSS].Cur)
	if MayTrace(c, p) && as != nil {
		w.str("1 1 ")
		w.field(stack)
	} else {
		w.str("1 1 0 ")
	}
	w.str("0 0 ")
	w.field(pending & 0x7fffffff)
	w.field(blocked & 0x7fffffff)
	w.field(ignored & 0x7fffffff)
	w.field(caught & 0x7fffffff)
	w.str("0 0 0 17 ")
	w.hartStat(t)
	w.str("0 0 0 0 0 ")
	if as != nil && MayTrace(c, p) {
		w.field(as.BrkStart)
		w.field(ps.ArgStart)
		w.field(ps.ArgEnd)
		w.field(ps.EnvStart)
		w.field(ps.EnvEnd)
	} else {
		w.str("0 0 0 0 0 ")
	}
	w.line(uint64(ps.ExitStatus))
}

// dev writes a device number as maps and mountinfo have it.
func (w *Text) dev(v uint64, width int, sep byte) {
	if width != 0 {
		w.hex(v>>8&0xfff, width)
		w.putByte(sep)
		w.hex(v&0xff, width)
		return
	}
	w.num(v >> 8 & 0xfff)
	w.putByte(sep)
	w.num(v & 0xff)
}

// path writes a dentry's path, with what is special for mounts and maps
// escaped in octal.
func (w *Text) path(c *sched.Ctx, d abi.DentryRef) {
	path, _, e := vfs.Path(c, d, c.InPage(kmem.PageSize))
	if e != abi.OK {
		return
	}
	for _, b := range path.Bytes() {
		if b == '\n' || b == '\\' {
			w.putByte('\\')
			w.pad(uint64(b>>6&7*100+b>>3&7*10+b&7), 3, '0')
			continue
		}
		w.putByte(b)
	}
	if !vfs.Linked(d) {
		w.str(deleted)
	}
}

// mounts is /proc/PID/mounts, or mountinfo (proc_pid_mountinfo(5)).
func (w *Text) mounts(c *sched.Ctx, info bool) {
	for i := abi.MountRef(1); i < vfs.EndOfMounts(); i++ {
		root, fs, ok := vfs.MountAt(i)
		if !ok {
			continue
		}
		inode := vfs.InodeOf(root)
		if info {
			id := vfs.DevOf(inode)
			w.field(id)
			parent := id
			if over := kmem.Dentry(root).Covers; over != 0 {
				parent = vfs.DevOf(vfs.InodeOf(over))
			}
			w.field(parent)
			w.dev(id, 0, ':')
			w.str(" / ")
			w.path(c, root)
			w.str(" rw,relatime - ")
			w.str(fs.Shown())
			w.putByte(' ')
			w.str(fs.Shown())
			w.str(" rw\n")
			continue
		}
		w.str(fs.Shown())
		w.putByte(' ')
		w.path(c, root)
		w.putByte(' ')
		w.str(fs.Shown())
		w.str(" rw,relatime 0 0\n")
	}
}

var limitNames = [...]struct{ name, unit string }{
	{"Max cpu time", "seconds"}, {"Max file size", "bytes"}, {"Max data size", "bytes"}, {"Max stack size", "bytes"},
	{"Max core file size", "bytes"}, {"Max resident set", "bytes"}, {"Max processes", "processes"}, {"Max open files", "files"},
	{"Max locked memory", "bytes"}, {"Max address space", "bytes"}, {"Max file locks", "locks"}, {"Max pending signals", "signals"},
	{"Max msgqueue size", "bytes"}, {"Max nice priority", ""}, {"Max realtime priority", ""}, {"Max realtime timeout", "us"},
}

func (w *Text) limits(ps *abi.ProcessState) {
	w.str("Limit                     Soft Limit           Hard Limit           Units     \n")
	for i := range limitNames {
		x := &limitNames[i]
		w.column(x.name, 26)
		w.limit(ps.Rlimits[i].Cur)
		w.limit(ps.Rlimits[i].Max)
		w.column(x.unit, 10)
		w.putByte('\n')
	}
}

func (w *Text) column(s string, width int) {
	w.str(s)
	for n := len(s); n < width; n++ {
		w.putByte(' ')
	}
}

func (w *Text) limit(v uint64) {
	if v == ^uint64(0) {
		w.column("unlimited", 21)
		return
	}
	start := w.bytes
	w.num(v)
	w.align(start, 21)
}

func (w *Text) fdinfo(ofd abi.OfdRef) {
	if ofd == 0 {
		return
	}
	o := kmem.Ofd(ofd)
	w.label("pos:\t", o.State.Pos)
	w.str("flags:\t")
	w.octal(uint64(o.State.Flags))
	w.str("\nmnt_id:\t")
	id := uint64(0)
	if o.State.Inode != 0 {
		id = vfs.DevOf(o.State.Inode)
	}
	w.line(id)
	FdInfo(w, ofd)
}

// FdInfo writes what a kind of open file has to say beyond that (a hook:
// boot/wire.go).
var FdInfo func(w *Text, ofd abi.OfdRef)

// Count is a line with a count, padded as Linux's %16llx.
func (w *Text) Count(name string, v uint64) {
	w.str(name)
	w.pad(v, 16, ' ')
	w.putByte('\n')
}

// Number is a line with a number.
func (w *Text) Number(name string, v int32) {
	w.str(name)
	if v < 0 {
		w.putByte('-')
		v = -v
	}
	w.line(uint64(v))
}

// Mask is a line with a set of signals.
func (w *Text) Mask(name string, v uint64) { w.mask(name, v) }
