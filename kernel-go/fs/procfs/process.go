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
func ofProcess(c *sched.Ctx, s *abi.InodeState, from uint64, u *mm.Usage) abi.Errno {
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
		pidStat(c, p, t)
	case nodePidStatus:
		pidStatus(p, t)
	case nodePidStatm:
		statm(as)
	case nodePidComm:
		threadName(p, t)
		putByte('\n')
	case nodePidCmdline:
		if as != 0 {
			return user(c, as, ps.ArgStart, uint32(ps.ArgEnd-ps.ArgStart))
		}
	case nodePidEnviron:
		if !MayTrace(c, p) {
			return abi.EACCES
		}
		if as != 0 {
			return user(c, as, ps.EnvStart, uint32(ps.EnvEnd-ps.EnvStart))
		}
	case nodePidMaps:
		if !MayTrace(c, p) {
			return abi.EACCES
		}
		if as != 0 {
			maps(c, as, uint32(from))
		}
	case nodePidSmaps, nodePidSmapsRollup:
		if !MayTrace(c, p) {
			return abi.EACCES
		}
		if as == 0 {
			return abi.OK
		}
		if n == nodePidSmaps {
			smaps(c, as, uint32(from), u)
		} else {
			rollup(c, as, uint32(from), u)
		}
	case nodePidIo:
		if !MayTrace(c, p) {
			return abi.EACCES
		}
		io(p)
	case nodeTidChildren:
		children(p, t)
	case nodePidMounts:
		mounts(c, false)
	case nodePidMountinfo:
		mounts(c, true)
	case nodePidLimits:
		limits(ps)
	case nodePidAuxv:
		if !MayTrace(c, p) {
			return abi.EACCES
		}
		if as != 0 {
			a := kmem.AddressSpace(as)
			for _, v := range a.State.Auxv[:min(a.State.AuxvLen, uint32(len(a.State.Auxv)))] {
				for range 8 {
					putByte(byte(v))
					v >>= 8
				}
			}
		}
	case nodePidOomScoreAdj:
		score(int64(ps.OomScoreAdj))
	case nodePidOomScore:
		score(max(0, (1000+oom.Badness(p)*1000/oom.TotalPages())*2/3))
	case nodePidCgroup:
		str("0::/\n")
	case nodePidPersonality:
		hex(uint64(ps.Personality), 8)
		putByte('\n')
	case nodeFdinfo:
		fdinfo(ofdAt(p, s.ProcNode().Number))
	}
	return abi.OK
}

func score(v int64) {
	if v < 0 {
		putByte('-')
		v = -v
	}
	line(uint64(v))
}

// stateOf is the letter of ps(1) for a thread.
func stateOf(p, t uint32) byte {
	ps := &kmem.Process(p).State
	switch abi.ProcessRunState(ps.RunState.Load()) {
	case abi.ProcessRunStateZombie:
		return 'Z'
	case abi.ProcessRunStateStopped:
		return 'T'
	}
	if t == 0 {
		return 'S'
	}
	switch ts := &kmem.Thread(t).State; abi.ThreadRunState(ts.RunState.Load()) {
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

func threadName(p, t uint32) {
	if t != 0 {
		if s := &kmem.Thread(t).State; s.Name[0] != 0 {
			name(&s.Name)
			return
		}
	}
	name(&kmem.Process(p).State.Comm)
}

func ppid(p uint32) uint32 {
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
func cpuTimes(p uint32) (user, system uint64) {
	l := &kmem.Process(p).Live
	return l.UserNs, l.SystemNs
}

// handlers are the masks of ignored and of caught signals.
func handlers(p uint32) (ignored, caught uint64) {
	i := kmem.Process(p).State.Sighand
	if i == 0 {
		return 0, 0
	}
	for k := range kmem.Sighand(i).Actions {
		switch kmem.Sighand(i).Actions[k].Handler {
		case uint64(abi.SIG_DFL):
		case uint64(abi.SIG_IGN):
			ignored |= 1 << k
		default:
			caught |= 1 << k
		}
	}
	return ignored, caught
}

func field(v uint64) { num(v); putByte(' ') }

// terminal writes a controlling terminal's number and foreground group.
func terminal(i uint32) {
	if i == 0 {
		str("0 -1 ")
		return
	}
	dev, pgrp := tty.Number(i)
	field(uint64(dev))
	if pgrp < 0 {
		str("-1 ")
		return
	}
	field(uint64(pgrp))
}

func pidStat(c *sched.Ctx, p, t uint32) {
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
	field(uint64(id))
	putByte('(')
	threadName(p, t)
	str(") ")
	putByte(stateOf(p, t))
	putByte(' ')
	field(uint64(ppid(p)))
	field(uint64(ps.Pgid))
	field(uint64(ps.Sid))
	terminal(ps.Tty)
	str("4194304 ") // flags: PF_RANDOMIZE as most programs have it
	field(ps.MinorFaults)
	field(ps.ChildMinorFaults)
	field(ps.MajorFaults)
	field(ps.ChildMajorFaults)
	field(ticks(user))
	field(ticks(system))
	field(ticks(ps.ChildUserNs))
	field(ticks(ps.ChildSystemNs))
	schedStat(t)
	field(uint64(kmem.Process(p).Live.LiveThreads))
	str("0 ")
	field(ticks(start))
	field(vsize)
	field(rss)
	field(ps.Rlimits[abi.RLIMIT_RSS].Cur)
	if MayTrace(c, p) && as != nil {
		str("1 1 ")
		field(stack)
	} else {
		str("1 1 0 ")
	}
	str("0 0 ")
	field(pending & 0x7fffffff)
	field(blocked & 0x7fffffff)
	field(ignored & 0x7fffffff)
	field(caught & 0x7fffffff)
	str("0 0 0 17 ")
	hartStat(t)
	str("0 0 0 0 0 ")
	if as != nil && MayTrace(c, p) {
		field(as.BrkStart)
		field(ps.ArgStart)
		field(ps.ArgEnd)
		field(ps.EnvStart)
		field(ps.EnvEnd)
	} else {
		str("0 0 0 0 0 ")
	}
	line(uint64(ps.ExitStatus))
}

// dev writes a device number as maps and mountinfo have it.
func dev(v uint64, width int, sep byte) {
	if width != 0 {
		hex(v>>8&0xfff, width)
		putByte(sep)
		hex(v&0xff, width)
		return
	}
	num(v >> 8 & 0xfff)
	putByte(sep)
	num(v & 0xff)
}

// path writes a dentry's path, with what is special for mounts and maps
// escaped in octal.
func path(c *sched.Ctx, d uint32) {
	addr, n, _, e := vfs.Path(c, d, c.Page, kmem.PageSize)
	if e != abi.OK {
		return
	}
	for i := range n {
		b := kmem.Bytes(addr+i, 1)[0]
		if b == '\n' || b == '\\' {
			putByte('\\')
			pad(uint64(b>>6&7*100+b>>3&7*10+b&7), 3, '0')
			continue
		}
		putByte(b)
	}
	if !vfs.Linked(d) {
		str(deleted)
	}
}

// mounts is /proc/PID/mounts, or mountinfo (proc_pid_mountinfo(5)).
func mounts(c *sched.Ctx, info bool) {
	for i := uint32(1); i < vfs.EndOfMounts(); i++ {
		root, fs, ok := vfs.MountAt(i)
		if !ok {
			continue
		}
		inode := vfs.InodeOf(root)
		if info {
			id := vfs.DevOf(inode)
			field(id)
			parent := id
			if over := kmem.Dentry(root).Covers; over != 0 {
				parent = vfs.DevOf(vfs.InodeOf(over))
			}
			field(parent)
			dev(id, 0, ':')
			str(" / ")
			path(c, root)
			str(" rw,relatime - ")
			str(fs.Shown())
			putByte(' ')
			str(fs.Shown())
			str(" rw\n")
			continue
		}
		str(fs.Shown())
		putByte(' ')
		path(c, root)
		putByte(' ')
		str(fs.Shown())
		str(" rw,relatime 0 0\n")
	}
}

var limitNames = [...]struct{ name, unit string }{
	{"Max cpu time", "seconds"}, {"Max file size", "bytes"}, {"Max data size", "bytes"}, {"Max stack size", "bytes"},
	{"Max core file size", "bytes"}, {"Max resident set", "bytes"}, {"Max processes", "processes"}, {"Max open files", "files"},
	{"Max locked memory", "bytes"}, {"Max address space", "bytes"}, {"Max file locks", "locks"}, {"Max pending signals", "signals"},
	{"Max msgqueue size", "bytes"}, {"Max nice priority", ""}, {"Max realtime priority", ""}, {"Max realtime timeout", "us"},
}

func limits(ps *abi.ProcessState) {
	str("Limit                     Soft Limit           Hard Limit           Units     \n")
	for i := range limitNames {
		x := &limitNames[i]
		column(x.name, 26)
		limit(ps.Rlimits[i].Cur)
		limit(ps.Rlimits[i].Max)
		column(x.unit, 10)
		putByte('\n')
	}
}

func column(s string, width int) {
	str(s)
	for n := len(s); n < width; n++ {
		putByte(' ')
	}
}

func limit(v uint64) {
	if v == ^uint64(0) {
		column("unlimited", 21)
		return
	}
	start := out.bytes
	num(v)
	for out.bytes-start < 21 && !out.full {
		putByte(' ')
	}
}

func fdinfo(ofd uint32) {
	if ofd == 0 {
		return
	}
	o := kmem.Ofd(ofd)
	label("pos:\t", o.State.Pos)
	str("flags:\t")
	octal(uint64(o.State.Flags))
	str("\nmnt_id:\t")
	id := uint64(0)
	if o.State.Inode != 0 {
		id = vfs.DevOf(o.State.Inode)
	}
	line(id)
	FdInfo(ofd)
}

// FdInfo writes what a kind of open file has to say beyond that (a hook:
// boot/wire.go).
var FdInfo func(ofd uint32)

// FdInfoCount is a line with a count, padded as Linux's %16llx.
func FdInfoCount(name string, v uint64) {
	str(name)
	pad(v, 16, ' ')
	putByte('\n')
}

// FdInfoNumber is a line with a number.
func FdInfoNumber(name string, v int32) {
	str(name)
	if v < 0 {
		putByte('-')
		v = -v
	}
	line(uint64(v))
}

// FdInfoMask is a line with a set of signals.
func FdInfoMask(name string, v uint64) { mask(name, v) }
