package syscalls

import (
	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/file"
	"foreshore.dev/kernel/kmem"
	"foreshore.dev/kernel/mm"
	"foreshore.dev/kernel/proc"
	"foreshore.dev/kernel/sched"
	"foreshore.dev/kernel/vfs"
)

func sysExit(c *sched.Ctx) (uint64, abi.Errno) {
	return ended(proc.ExitThread(c, uint32(c.Arg(0))&0xff))
}

func sysExitGroup(c *sched.Ctx) (uint64, abi.Errno) {
	if proc.Dumping(c) {
		return 0, proc.DumpCore(c)
	}
	if status, yes := proc.Ending(c); yes {
		return ended(proc.End(c, status))
	}
	return ended(proc.End(c, uint32(c.Arg(0))&0xff<<8))
}

// ended is what a call answers that has ended its thread, or goes on with that.
func ended(gone bool) (uint64, abi.Errno) {
	if gone {
		return 0, abi.ENORETURN
	}
	return 0, abi.ERESCHED
}

// clone makes the child and, for vfork, waits until it lets go of its memory.
func clone(c *sched.Ctx, a *proc.CloneArgs) (uint64, abi.Errno) {
	b := &c.T().State.Blocked
	if b.Reason == abi.WaitReasonVfork {
		if w := b.VforkWait(); w.Released != 0 {
			return uint64(w.Child), abi.OK
		}
		return 0, abi.EBLOCKED
	}
	tid, e := proc.Clone(c, a)
	if e != abi.OK {
		return 0, e
	}
	if a.Flags&abi.CLONE_VFORK == 0 {
		return uint64(tid), abi.OK
	}
	b.Reason, *b.VforkWait() = abi.WaitReasonVfork, abi.VforkWait{Child: tid}
	return 0, abi.EBLOCKED
}

// forking is a call of clone's kind that is over, unless it is to be made again:
// of an attempt that copied memory nothing is left.
func forking(c *sched.Ctx, v uint64, e abi.Errno) (uint64, abi.Errno) {
	if !sched.GoesOn(e) {
		mm.ForkAbandoned(&c.T().State.Blocked)
	}
	return v, e
}

func sysClone(c *sched.Ctx) (uint64, abi.Errno) {
	v, e := clone2(c)
	return forking(c, v, e)
}

func sysClone3(c *sched.Ctx) (uint64, abi.Errno) {
	v, e := clone3(c)
	return forking(c, v, e)
}

func clone2(c *sched.Ctx) (uint64, abi.Errno) {
	flags := abi.CloneFlag(c.Arg(0))
	a := proc.CloneArgs{Flags: flags &^ abi.CSIGNAL, ExitSignal: abi.Signal(flags & abi.CSIGNAL),
		Stack: c.Arg(1), ParentTid: c.Arg(2), Tls: c.Arg(3), ChildTid: c.Arg(4)}
	if a.Flags&abi.CLONE_PIDFD != 0 {
		// It has no argument of its own here.
		if a.Flags&abi.CLONE_PARENT_SETTID != 0 {
			return 0, abi.EINVAL
		}
		a.Pidfd = a.ParentTid
	}
	return clone(c, &a)
}

func clone3(c *sched.Ctx) (uint64, abi.Errno) {
	size := c.Arg(1)
	if size < 64 {
		return 0, abi.EINVAL
	}
	if size > uint64(kmem.PageSize) {
		return 0, abi.E2BIG
	}
	kmem.Zero(c.Page, abi.CloneArgsSize)
	if e := mm.CopyIn(c, c.InPage(min(uint32(size), abi.CloneArgsSize)), c.Arg(0)); e != abi.OK {
		return 0, e
	}
	u := *(*abi.CloneArgs)(kmem.Ptr(c.Page))
	// A caller of a later kernel may pass more, as long as it is 0.
	if rest := uint32(size) - min(uint32(size), abi.CloneArgsSize); rest != 0 {
		if e := mm.CopyIn(c, c.InPage(rest), c.Arg(0)+uint64(abi.CloneArgsSize)); e != abi.OK {
			return 0, e
		}
		for _, b := range kmem.Bytes(c.Page, rest) {
			if b != 0 {
				return 0, abi.E2BIG
			}
		}
	}
	flags := abi.CloneFlag(u.Flags)
	if flags&abi.CSIGNAL != 0 || u.ExitSignal > 64 || u.SetTidSize != 0 || u.Flags>>32 != 0 || (u.Stack == 0) != (u.StackSize == 0) {
		return 0, abi.EINVAL
	}
	if flags&(abi.CLONE_THREAD|abi.CLONE_PARENT) != 0 && u.ExitSignal != 0 || flags&abi.CLONE_DETACHED != 0 {
		return 0, abi.EINVAL
	}
	const both = abi.CLONE_PIDFD | abi.CLONE_PARENT_SETTID
	if flags&both == both && u.Pidfd == u.ParentTid {
		return 0, abi.EINVAL
	}
	a := proc.CloneArgs{Flags: flags, ExitSignal: abi.Signal(u.ExitSignal), Tls: u.Tls, ParentTid: u.ParentTid, ChildTid: u.ChildTid, Pidfd: u.Pidfd}
	if u.Stack != 0 {
		a.Stack = u.Stack + u.StackSize
	}
	return clone(c, &a)
}

// exec runs what the path of argument i names, with the argv and envp of the two
// behind it.
func exec(c *sched.Ctx, dirfd int32, i int, flags abi.AtFlag) (uint64, abi.Errno) {
	n, e := mm.CopyInString(c, c.InPath(uint32(abi.FixedPathMax)), c.Arg(i))
	if e != abi.OK {
		return 0, e
	}
	p := proc.Program{PathLen: n, Follow: vfs.Follow, Strings: proc.Strings{As: c.As, Argv: c.Arg(i + 1), Envp: c.Arg(i + 2)}}
	if n == 0 && flags&abi.AT_EMPTY_PATH != 0 {
		ofd, e := file.GetAny(c, dirfd)
		if e != abi.OK {
			return 0, e
		}
		if p.File = kmem.Ofd(ofd).State.Dentry; p.File == 0 {
			return 0, abi.EACCES
		}
		p.Unreachable = file.FlagsOf(c, dirfd)&abi.FD_CLOEXEC != 0
		p.PathLen = putFdName(c.Path, uint32(dirfd))
		return 0, proc.Exec(c, c.Process, c.Thread, &p)
	}
	if n == 0 {
		return 0, abi.ENOENT
	}
	if p.Dir, e = dirOf(c, dirfd, c.Path, n); e != abi.OK {
		return 0, e
	}
	if dirfd != int32(abi.AT_FDCWD) && *(*byte)(kmem.Ptr(c.Path)) != '/' {
		p.Dirfd = putFdName(c.Path2, uint32(dirfd))
		p.Unreachable = file.FlagsOf(c, dirfd)&abi.FD_CLOEXEC != 0
	}
	if flags&abi.AT_SYMLINK_NOFOLLOW != 0 {
		p.Follow = 0
	}
	return 0, proc.Exec(c, c.Process, c.Thread, &p)
}

// putFdName writes the name that Linux gives a program that has none:
// /dev/fd/N. It returns its length.
func putFdName(dst, fd uint32) uint32 {
	const prefix = "/dev/fd/"
	for i := range len(prefix) {
		*(*byte)(kmem.Ptr(dst + uint32(i))) = prefix[i]
	}
	n := uint32(len(prefix))
	n += vfs.PutNumber(dst+n, uint64(fd))
	*(*byte)(kmem.Ptr(dst + n)) = 0
	return n
}

func sysExecve(c *sched.Ctx) (uint64, abi.Errno) {
	return exec(c, int32(abi.AT_FDCWD), 0, 0)
}

func sysExecveat(c *sched.Ctx) (uint64, abi.Errno) {
	flags := abi.AtFlag(c.Arg(4))
	if flags&^(abi.AT_SYMLINK_NOFOLLOW|abi.AT_EMPTY_PATH) != 0 {
		return 0, abi.EINVAL
	}
	return exec(c, fdArg(c, 0), 1, flags)
}

func sysWait4(c *sched.Ctx) (uint64, abi.Errno) {
	options := abi.WaitFlag(c.Arg(2))
	known := abi.WNOHANG | abi.WUNTRACED | abi.WCONTINUED | abi.WALL | abi.WCLONE | abi.WNOTHREAD
	if options&^known != 0 {
		return 0, abi.EINVAL
	}
	w := proc.Which{Type: abi.P_PID}
	switch pid := int32(c.Arg(0)); {
	case pid == -1<<31:
		return 0, abi.ESRCH // no group has the number that this would negate to
	case pid == -1:
		w.Type = abi.P_ALL
	case pid == 0:
		w.Type, w.ID = abi.P_PGID, c.P().State.Pgid
	case pid < -1:
		w.Type, w.ID = abi.P_PGID, uint32(-pid)
	default:
		w.ID = uint32(pid)
	}
	if e := awaitBoth(c, c.Arg(1), 4, c.Arg(3)); e != abi.OK {
		return 0, e
	}
	got, e := proc.Wait(c, w, options|abi.WEXITED)
	if e != abi.OK || got.Process == 0 {
		return 0, e
	}
	// As on Linux, the child is gone even when its status has nowhere to go.
	usage := usageOf(got.Process)
	reapIfDead(got)
	if a := c.Arg(1); a != 0 {
		kmem.Store32(c.Page, got.Status)
		if e := mm.CopyOut(c, a, c.InPage(4)); e != abi.OK {
			return 0, e
		}
	}
	if a := c.Arg(3); a != 0 {
		if e := usageOut(c, a, usage); e != abi.OK {
			return 0, e
		}
	}
	return uint64(got.Pid), abi.OK
}

// awaitBoth is mm.Await for what a wait call says of a child, n bytes, and for its usage.
func awaitBoth(c *sched.Ctx, va uint64, n uint32, usage uint64) abi.Errno {
	e := mm.Await(c, va, n)
	if e == abi.OK {
		e = mm.Await(c, usage, abi.RusageSize)
	}
	return e
}

func reapIfDead(w proc.Waited) {
	if kmem.Process(w.Process).State.LoadRunState() == abi.ProcessRunStateZombie {
		proc.Collect(w.Process)
	}
}

func sysWaitid(c *sched.Ctx) (uint64, abi.Errno) {
	options := abi.WaitFlag(c.Arg(3))
	events := abi.WEXITED | abi.WUNTRACED | abi.WCONTINUED
	known := events | (abi.WNOHANG | abi.WNOWAIT | abi.WALL | abi.WCLONE | abi.WNOTHREAD)
	if options&^known != 0 || options&events == 0 {
		return 0, abi.EINVAL
	}
	w, never := proc.Which{Type: abi.IdType(c.Arg(0)), ID: uint32(c.Arg(1))}, false
	switch w.Type {
	case abi.P_ALL:
	case abi.P_PID:
		if int32(w.ID) <= 0 {
			return 0, abi.EINVAL
		}
	case abi.P_PGID:
		if int32(w.ID) < 0 {
			return 0, abi.EINVAL
		}
		if w.ID == 0 {
			w.ID = c.P().State.Pgid
		}
	case abi.P_PIDFD:
		process, nonblock, e := waitedByPidfd(c)
		if e != abi.OK {
			return 0, e
		}
		w.Type, w.ID = abi.P_PID, kmem.Process(process).State.Pid
		if never = nonblock && options&abi.WNOHANG == 0; never {
			options |= abi.WNOHANG
		}
	default:
		return 0, abi.EINVAL
	}
	if e := awaitBoth(c, c.Arg(2), abi.SiginfoSize, c.Arg(4)); e != abi.OK {
		return 0, e
	}
	got, e := proc.Wait(c, w, options)
	if e != abi.OK {
		if sched.GoesOn(e) && abi.IdType(c.Arg(0)) == abi.P_PIDFD {
			file.HoldArgument(c, fdArg(c, 1))
		}
		return 0, e
	}
	if never && got.Process == 0 {
		return 0, abi.EAGAIN
	}
	var usage proc.Usage
	if got.Process != 0 {
		usage = usageOf(got.Process)
		if options&abi.WNOWAIT == 0 {
			reapIfDead(got)
		}
	}
	if a := c.Arg(2); a != 0 {
		s := proc.Sig{}
		if got.Process != 0 {
			s = proc.Sig{Signo: abi.SIGCHLD, Code: got.Code, Field0: uint64(got.Pid) | uint64(got.Uid)<<32, Field1: uint64(got.Value)}
		}
		if e := proc.WriteSiginfo(c, a, &s); e != abi.OK {
			return 0, e
		}
	}
	if a := c.Arg(4); a != 0 && got.Process != 0 {
		return 0, usageOut(c, a, usage)
	}
	return 0, abi.OK
}

func sysSetTidAddress(c *sched.Ctx) (uint64, abi.Errno) {
	c.T().State.ClearChildTid = c.Arg(0)
	return uint64(c.T().State.Tid), abi.OK
}

func sysGetpid(c *sched.Ctx) (uint64, abi.Errno)  { return uint64(c.P().State.Pid), abi.OK }
func sysGettid(c *sched.Ctx) (uint64, abi.Errno)  { return uint64(c.T().State.Tid), abi.OK }
func sysGetppid(c *sched.Ctx) (uint64, abi.Errno) { return uint64(proc.Ppid(c.P())), abi.OK }
func sysGetuid(c *sched.Ctx) (uint64, abi.Errno)  { return uint64(c.P().State.Uid), abi.OK }
func sysGeteuid(c *sched.Ctx) (uint64, abi.Errno) { return uint64(c.P().State.Euid), abi.OK }
func sysGetgid(c *sched.Ctx) (uint64, abi.Errno)  { return uint64(c.P().State.Gid), abi.OK }
func sysGetegid(c *sched.Ctx) (uint64, abi.Errno) { return uint64(c.P().State.Egid), abi.OK }

// target is the process that a pid argument names; 0 is the caller.
func target(c *sched.Ctx, pid int32) (abi.ProcessRef, abi.Errno) {
	if pid == 0 {
		return c.Process, abi.OK
	}
	if pid > 0 {
		if p := proc.FindProcess(uint32(pid)); p != 0 {
			return p, abi.OK
		}
	}
	return 0, abi.ESRCH
}

func sysGetpgid(c *sched.Ctx) (uint64, abi.Errno) {
	p, e := target(c, int32(c.Arg(0)))
	if e != abi.OK {
		return 0, e
	}
	return uint64(kmem.Process(p).State.Pgid), abi.OK
}

func sysGetsid(c *sched.Ctx) (uint64, abi.Errno) {
	p, e := target(c, int32(c.Arg(0)))
	if e != abi.OK {
		return 0, e
	}
	return uint64(kmem.Process(p).State.Sid), abi.OK
}

func sysSetpgid(c *sched.Ctx) (uint64, abi.Errno) {
	if group := int32(c.Arg(1)); group < 0 || group == 0 && int32(c.Arg(0)) < 0 {
		return 0, abi.EINVAL
	}
	p, e := target(c, int32(c.Arg(0)))
	if e != abi.OK {
		return 0, e
	}
	return 0, proc.SetGroup(c, p, uint32(c.Arg(1)))
}

func sysSetsid(c *sched.Ctx) (uint64, abi.Errno) { return proc.SetSession(c) }

func sysPersonality(c *sched.Ctx) (uint64, abi.Errno) {
	s := &c.P().State
	old := s.Personality
	if p := uint32(c.Arg(0)); p != 0xffffffff {
		if p&0xff != 0 {
			return 0, abi.EINVAL
		}
		s.Personality = p
	}
	return uint64(old), abi.OK
}
