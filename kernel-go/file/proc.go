package file

import (
	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/fs/procfs"
	"foreshore.dev/kernel/sched"
	"foreshore.dev/kernel/vfs"
)

// Files of /proc. OfdMounts.seen is how many changes of the mounts a list of them
// has told of.

func releaseProc(_ *sched.Ctx, o *abi.OfdSlot) { procfs.FreeContent(o.Live.ContentLive().Frames) }

func readProc(c *sched.Ctx, o *abi.OfdSlot, t transfer) (uint32, abi.Errno) {
	return procfs.Read(c, o, t.pos, t.buf)
}

func writeProc(c *sched.Ctx, o *abi.OfdSlot, t transfer) (uint32, abi.Errno) {
	return procfs.Write(c, o.State.Inode, t.buf)
}

// pollProc: a list of mounts is readable, and has once after each change an
// error and an exception. Asking takes that away, as on Linux.
func pollProc(o *abi.OfdSlot) abi.PollEvent {
	if !procfs.TellsMounts(o.State.Inode) {
		return pollIn | pollOut
	}
	if o.State.OfdMounts().Seen == vfs.MountEvents() {
		return pollIn
	}
	o.State.OfdMounts().Seen = vfs.MountEvents()
	return pollIn | (abi.POLLERR | abi.POLLPRI)
}

func procQueue(o *abi.OfdSlot, k int) *abi.WaitEntryRef {
	if k == 0 && procfs.TellsMounts(o.State.Inode) {
		return vfs.MountWait()
	}
	return nil
}

func watchedProc(o *abi.OfdSlot) bool {
	return procfs.TellsMounts(o.State.Inode) || !procfs.OfProcess(o.State.Inode)
}
