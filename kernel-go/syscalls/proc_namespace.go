package syscalls

import (
	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/file"
	"foreshore.dev/kernel/kmem"
	"foreshore.dev/kernel/proc"
	"foreshore.dev/kernel/sched"
	"foreshore.dev/kernel/vfs"
)

// unshare(2) and setns(2), as a kernel answers that was built without
// namespaces: whoever may not ask for one is EPERM, whoever may is told that
// there are none (EINVAL), and user namespaces, for which nobody needs a
// privilege, are EINVAL for all. Programs then go on without, or say so.

// sharedWithThreads is what only a process with one thread can stop sharing.
const sharedWithThreads = abi.CLONE_THREAD | abi.CLONE_SIGHAND | abi.CLONE_VM

func sysUnshare(c *sched.Ctx) (uint64, abi.Errno) {
	flags := abi.CloneFlag(c.Arg(0))
	if c.Arg(0)>>32 != 0 || flags&^(sharedWithThreads|proc.Namespaces|abi.CLONE_FS|abi.CLONE_FILES|abi.CLONE_SYSVSEM) != 0 {
		return 0, abi.EINVAL
	}
	// Threads of a process share their descriptors and directories here.
	single := c.P().Live.LiveThreads == 1
	if flags&(sharedWithThreads|abi.CLONE_FS|abi.CLONE_FILES) != 0 && !single {
		return 0, abi.EINVAL
	}
	if e := proc.MayEnterNew(c, flags); e != abi.OK {
		return 0, e
	}
	s := &c.P().State
	if flags&abi.CLONE_FS != 0 && kmem.FsContext(s.FsContext).Header.Refs > 1 {
		own := vfs.CloneContext(s.FsContext)
		if own == 0 {
			return 0, abi.ENOMEM
		}
		shared := s.FsContext
		kmem.WriteBegin(&c.P().Header)
		s.FsContext = own
		kmem.WriteEnd(&c.P().Header)
		vfs.DropContext(shared)
	}
	if flags&abi.CLONE_FILES != 0 {
		return 0, file.UnshareTable(c, c.P())
	}
	return 0, abi.OK
}

// No descriptor is one of a namespace.
func sysSetns(c *sched.Ctx) (uint64, abi.Errno) {
	if _, e := file.Get(c, fdArg(c, 0)); e != abi.OK {
		return 0, e
	}
	return 0, abi.EINVAL
}
