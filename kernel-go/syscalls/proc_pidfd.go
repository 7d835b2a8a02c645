package syscalls

import (
	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/fdtable"
	"foreshore.dev/kernel/file"
	"foreshore.dev/kernel/fs/procfs"
	"foreshore.dev/kernel/kmem"
	"foreshore.dev/kernel/proc"
	"foreshore.dev/kernel/sched"
)

// Processes by descriptor (pidfd_open(2)).

func sysPidfdOpen(c *sched.Ctx) (uint64, abi.Errno) {
	pid, flags := int32(arg32(c, 0)), abi.OpenFlag(arg32(c, 1))
	if flags&^abi.OpenFlag(abi.PIDFD_NONBLOCK) != 0 || pid <= 0 {
		return 0, abi.EINVAL
	}
	process := proc.FindProcess(uint32(pid))
	switch {
	case process == 0 && proc.FindThread(uint32(pid)) != 0:
		return 0, abi.EINVAL // one thread of a process
	case process == 0:
		return 0, abi.ESRCH
	}
	ofd, e := file.NewPidfd(process, flags)
	if e != abi.OK {
		return 0, e
	}
	fd, e := file.NewFd(c, ofd, true)
	return uint64(fd), e
}

func sysPidfdSendSignal(c *sched.Ctx) (uint64, abi.Errno) {
	if c.Arg(3) != 0 {
		return 0, abi.EINVAL
	}
	ofd, e := file.Get(c, fdArg(c, 0))
	if e != abi.OK {
		return 0, e
	}
	process, e := file.ProcessOf(ofd)
	if e == abi.EBADF {
		return 0, e
	}
	if !validSignal(c.Arg(1)) {
		return 0, abi.EINVAL
	}
	s := self(c, abi.Signal(c.Arg(1)), int32(abi.SI_USER))
	if c.Arg(2) != 0 {
		var bad abi.Errno
		if s, bad = queued(c, c.Arg(1), c.Arg(2)); bad != abi.OK {
			return 0, bad
		}
		if signo := *(*abi.Signal)(kmem.Ptr(c.Page)); signo != s.Signo {
			return 0, abi.EINVAL
		}
		if (s.Code >= 0 || s.Code == int32(abi.SI_TKILL)) && process != c.Process {
			return 0, abi.EPERM // nobody speaks for the kernel, or for another
		}
	}
	switch {
	case e != abi.OK:
		return 0, e
	case !proc.MayKill(c, process, s.Signo):
		return 0, abi.EPERM
	}
	return 0, proc.SendQueued(c, process, &s)
}

func sysPidfdGetfd(c *sched.Ctx) (uint64, abi.Errno) {
	if arg32(c, 2) != 0 {
		return 0, abi.EINVAL
	}
	ofd, e := file.Get(c, fdArg(c, 0))
	if e != abi.OK {
		return 0, e
	}
	if !file.IsPidfd(ofd) {
		return 0, abi.EBADF
	}
	process, e := file.ProcessOf(ofd)
	if e != abi.OK {
		return 0, e
	}
	if !procfs.MayTrace(c, process) {
		return 0, abi.EPERM
	}
	table := kmem.Process(process).State.FdTable
	if table == 0 {
		return 0, abi.ESRCH // it has ended
	}
	got := fdtable.At(table, arg32(c, 1))
	if got == 0 {
		return 0, abi.EBADF
	}
	file.Hold(got)
	fd, e := file.NewFd(c, got, true)
	return uint64(fd), e
}

// waitedByPidfd is the process that waitid(2) means by a pidfd, and whether it
// is not to wait for it.
func waitedByPidfd(c *sched.Ctx) (process abi.ProcessRef, nonblock bool, e abi.Errno) {
	if fdArg(c, 1) < 0 {
		return 0, false, abi.EINVAL
	}
	ofd, e := file.Get(c, fdArg(c, 1))
	if e != abi.OK {
		return 0, false, e
	}
	if !file.IsPidfd(ofd) {
		return 0, false, abi.EBADF
	}
	if process, e = file.ProcessOf(ofd); e != abi.OK {
		return 0, false, abi.ECHILD
	}
	return process, kmem.Ofd(ofd).State.Flags&abi.O_NONBLOCK != 0, abi.OK
}
