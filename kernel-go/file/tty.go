package file

import (
	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/kmem"
	"foreshore.dev/kernel/sched"
	"foreshore.dev/kernel/tty"
	"foreshore.dev/kernel/vfs"
)

// Open file descriptions of terminals. State.Object is the pair; a slave's
// OfdTerminal.hangups counts the hang-ups that there had been when it was opened.

// IsTty says whether an OFD is a side of a terminal, and which.
func IsTty(i abi.OfdRef) (is, master bool) {
	o := kmem.Ofd(i)
	return ofTerminal(o), isMaster(o)
}

// HungUp says whether an OFD of a terminal's slave is dead.
func HungUp(i abi.OfdRef) bool { return hungUp(kmem.Ofd(i)) }

// HungUpError is what ioctl(2) answers then.
func HungUpError(request uint32) abi.Errno {
	if abi.Ioctl(request) == abi.TIOCSPGRP {
		return abi.ENOTTY
	}
	return abi.EIO
}

func hungUp(o *abi.OfdSlot) bool {
	return o.State.Kind == abi.OfdKindPtySlave && tty.Hung(kmem.TtyOf(o), o.State.OfdTerminal().Hangups)
}

func releaseMaster(c *sched.Ctx, o *abi.OfdSlot) { tty.CloseMaster(c, kmem.TtyOf(o)) }

func releaseSlave(_ *sched.Ctx, o *abi.OfdSlot) { tty.CloseSlave(kmem.TtyOf(o)) }

func readMaster(c *sched.Ctx, o *abi.OfdSlot, t transfer) (uint32, abi.Errno) {
	return tty.ReadMaster(c, kmem.TtyOf(o), tty.Transfer{Buf: t.buf, Before: uint32(progressOf(c)), Nonblock: t.nonblock})
}

func readSlave(c *sched.Ctx, o *abi.OfdSlot, t transfer) (uint32, abi.Errno) {
	return tty.ReadSlave(c, kmem.TtyOf(o), tty.Transfer{Buf: t.buf, Before: uint32(progressOf(c)), Hung: hungUp(o), Nonblock: t.nonblock})
}

func writeMaster(c *sched.Ctx, o *abi.OfdSlot, t transfer) (uint32, abi.Errno) {
	return tty.WriteMaster(c, kmem.TtyOf(o), tty.Transfer{Buf: t.buf, Nonblock: t.nonblock})
}

func writeSlave(c *sched.Ctx, o *abi.OfdSlot, t transfer) (uint32, abi.Errno) {
	return tty.WriteSlave(c, kmem.TtyOf(o), tty.Transfer{Buf: t.buf, Hung: hungUp(o), Nonblock: t.nonblock})
}

func ofTerminal(o *abi.OfdSlot) bool { return o.State.Kind.Object() == abi.SlotKindTty }

func isMaster(o *abi.OfdSlot) bool { return o.State.Kind == abi.OfdKindPtyMaster }

func pollTerminal(o *abi.OfdSlot) abi.PollEvent {
	return tty.Poll(kmem.TtyOf(o), isMaster(o), hungUp(o))
}

func terminalQueue(o *abi.OfdSlot, k int) *abi.WaitEntryRef {
	return tty.Queue(kmem.TtyOf(o), isMaster(o), k)
}

func unreadTerminal(o *abi.OfdSlot) uint32 { return tty.Readable(kmem.TtyOf(o), isMaster(o)) }

// isTerminal says whether a device number is a terminal's.
func isTerminal(rdev uint64) bool {
	return rdev == uint64(abi.DEV_TTY) || rdev == uint64(abi.DEV_PTMX) || tty.IsSlave(rdev)
}

// openTerminal is open(2) of a terminal's node: ptmx makes a pair, /dev/tty is
// the caller's controlling terminal.
func openTerminal(c *sched.Ctx, o *abi.OfdSlot, rdev uint64, flags abi.OpenFlag) (abi.OfdKind, abi.Errno) {
	switch abi.DeviceNumber(rdev) {
	case abi.DEV_PTMX:
		i, e := tty.New(c)
		if e == abi.OK {
			kmem.SetObject(o, i)
		}
		return abi.OfdKindPtyMaster, e
	case abi.DEV_TTY:
		if c.Process == 0 || c.P().State.Tty == 0 {
			return 0, abi.ENXIO
		}
		return abi.OfdKindPtySlave, openSlave(c, o, c.P().State.Tty, flags)
	}
	i := tty.OfNode(rdev)
	if i == 0 {
		return 0, abi.EIO
	}
	return abi.OfdKindPtySlave, openSlave(c, o, i, flags)
}

func openSlave(c *sched.Ctx, o *abi.OfdSlot, i abi.TtyRef, flags abi.OpenFlag) abi.Errno {
	if e := tty.OpenSlave(c, i); e != abi.OK {
		return e
	}
	kmem.SetObject(o, i)
	o.State.OfdTerminal().Hangups = kmem.Tty(i).State.Hangups
	if flags&abi.O_NOCTTY == 0 && readable(o) {
		tty.Acquire(c, i)
	}
	return abi.OK
}

// OpenPeer is TIOCGPTPEER: it opens the slave of a pair by its node, whatever
// /dev looks like to the caller.
func OpenPeer(c *sched.Ctx, pair abi.TtyRef, flags abi.OpenFlag) (abi.OfdRef, abi.Errno) {
	d := kmem.Tty(pair).Live.Dentry
	i := NewOfd(abi.OfdKindNone, flags)
	if i == 0 {
		return 0, abi.ENFILE
	}
	return finishOpen(c, i, d, flags)
}

// NewPty makes a pair with its slave unlocked for a host: the master's OFD, and
// one of the slave, which controls nobody yet.
func NewPty(c *sched.Ctx) (master, slave abi.OfdRef, e abi.Errno) {
	pair, e := tty.New(c)
	if e != abi.OK {
		return 0, 0, e
	}
	tty.Lock(pair, false)
	if master = NewOfd(abi.OfdKindPtyMaster, abi.O_RDWR); master == 0 {
		tty.CloseMaster(c, pair)
		return 0, 0, abi.ENFILE
	}
	d := kmem.Tty(pair).Live.Dentry
	kmem.SetObject(kmem.Ofd(master), pair)
	attach(master, vfs.InodeOf(d), 0)
	if slave, e = OpenPeer(c, pair, abi.O_RDWR|abi.O_NOCTTY); e != abi.OK {
		Put(c, master)
		return 0, 0, e
	}
	return master, slave, abi.OK
}
