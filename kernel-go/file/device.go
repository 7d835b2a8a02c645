package file

import (
	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/fs/dev"
	"foreshore.dev/kernel/kmem"
	"foreshore.dev/kernel/mm"
	"foreshore.dev/kernel/sched"
)

// Memory devices, which a device number tells apart (fs/dev).

func rdevOf(o *abi.OfdSlot) uint64 { return kmem.Inode(o.State.Inode).State.Rdev }

func readDevice(c *sched.Ctx, o *abi.OfdSlot, t transfer) (uint32, abi.Errno) {
	return dev.Read(c, rdevOf(o), t.buf)
}

func writeDevice(c *sched.Ctx, o *abi.OfdSlot, t transfer) (uint32, abi.Errno) {
	return dev.Write(c, rdevOf(o), t.buf)
}

func pollDevice(o *abi.OfdSlot) abi.PollEvent {
	if watchedDevice(o) {
		return pollIn
	}
	return pollIn | pollOut
}

// random(4) can be polled, and so is accepted; it never blocks.
func watchedDevice(o *abi.OfdSlot) bool { return rdevOf(o) == uint64(abi.DEV_RANDOM) }

// Memory devices have no position (Linux drivers/char/mem.c).
func seekDevice(_ *abi.OfdSlot, _ int64, whence abi.SeekWhence) (uint64, abi.Errno) {
	switch whence {
	case abi.SEEK_SET, abi.SEEK_CUR, abi.SEEK_END:
		return 0, abi.OK
	}
	return 0, abi.EINVAL
}

// mapDevice: only /dev/zero, as anonymous memory.
func mapDevice(_ *mm.Mapping, o *abi.OfdSlot, _ abi.Prot, _ uint64) abi.Errno {
	if rdevOf(o) == uint64(abi.DEV_ZERO) {
		return abi.OK
	}
	return abi.ENODEV
}
