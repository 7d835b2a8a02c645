// Package tty owns terminals: pairs of pseudo-terminals, the line discipline
// between master and slave, and which session a terminal controls (pty(7),
// termios(3), tty_ioctl(4)).
//
// It does not own open file descriptions (file) nor signals and process groups
// (proc). Everything here wants the machine lock.
//
// Bytes take this way: what the master writes waits in `pending` until the line
// discipline (receive) has room for it, which puts input for the slave's reader
// and echoes. Echoes and what the slave writes go, processed, to `output`,
// which the master reads.
//
// The line discipline runs at once, in the call that brings bytes or makes room
// (digest), not in the background as on Linux.
//
// A slave's description is dead once the pair was hung up more often than when it was
// opened (Hung). The slot lives while either side is open. Echoes have a queue of
// their own, since typing must not wait for output that is stopped or full.
package tty

import (
	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/cred"
	"foreshore.dev/kernel/kmem"
	"foreshore.dev/kernel/sched"
)

const (
	pollIn  = abi.POLLIN | abi.POLLRDNORM
	pollOut = abi.POLLOUT | abi.POLLWRNORM
)

// Signals is what terminals want of processes. Hooks: boot/wire.go.
var Signals struct {
	// Group sends a signal of the kernel to a process group.
	Group func(c *sched.Ctx, pgid uint32, signo abi.Signal)
	// Process sends one to a process.
	Process func(c *sched.Ctx, process abi.ProcessRef, signo abi.Signal)
	// Ignored says whether the caller blocks or ignores a signal.
	Ignored func(c *sched.Ctx, signo abi.Signal) bool
	// Orphaned says whether nobody outside could continue a process group.
	Orphaned func(pgid uint32) bool
}

// New makes a pair whose master is open once and whose slave is locked. ENOSPC
// when there are too many, ENOMEM without memory.
func New(c *sched.Ctx) (abi.TtyRef, abi.Errno) {
	i := kmem.Alloc[abi.TtyRef]()
	if i == 0 {
		return 0, abi.ENOSPC
	}
	t := kmem.Tty(i)
	t.State.Index = lowestIndex(i)
	t.State.Masters = 1
	t.State.Flags = abi.TtyFlagLocked
	usualTermios(&t.State.Termios)
	e := abi.ENOMEM
	if allocRings(t) {
		e = addNode(c, t)
	}
	if e != abi.OK {
		freeRings(t)
		kmem.Free(i)
		return 0, e
	}
	return i, abi.OK
}

// lowestIndex is the lowest number that no pair but `own` has.
func lowestIndex(own abi.TtyRef) uint32 {
	for index := uint32(0); ; index++ {
		if byIndex(index, own) == 0 {
			return index
		}
	}
}

// byIndex is the pair with a number, 0 when there is none beside `own`.
func byIndex(index uint32, own abi.TtyRef) abi.TtyRef {
	n := kmem.End[abi.TtyRef]()
	for i := abi.TtyRef(1); i < n; i++ {
		if i == own || !kmem.InUse(i) {
			continue
		}
		// A closed master's node is gone, and its number free.
		if t := kmem.Tty(i); t.State.Flags&abi.TtyFlagMasterClosed == 0 && t.State.Index == index {
			return i
		}
	}
	return 0
}

// usualTermios is tty_std_termios of Linux, as ptys have it.
func usualTermios(m *abi.Termios2) {
	m.Iflag = abi.ICRNL | abi.IXON
	m.Oflag = abi.OPOST | abi.ONLCR
	m.Cflag = abi.B38400 | abi.CS8 | abi.CREAD
	m.Lflag = abi.ISIG | abi.ICANON | abi.ECHO | abi.ECHOE | abi.ECHOK | abi.ECHOCTL | abi.ECHOKE | abi.IEXTEN
	m.Cc = [19]uint8{abi.VINTR: 'C' & 0x1f, abi.VQUIT: '\\' & 0x1f, abi.VERASE: 0x7f, abi.VKILL: 'U' & 0x1f, abi.VEOF: 'D' & 0x1f, abi.VMIN: 1,
		abi.VSTART: 'Q' & 0x1f, abi.VSTOP: 'S' & 0x1f, abi.VSUSP: 'Z' & 0x1f, abi.VREPRINT: 'R' & 0x1f, abi.VDISCARD: 'O' & 0x1f,
		abi.VWERASE: 'W' & 0x1f, abi.VLNEXT: 'V' & 0x1f}
	m.Ispeed, m.Ospeed = usualSpeed, usualSpeed
}

const usualSpeed = 38400

// OpenSlave counts one more open slave: EIO while it is locked or without a
// master, EBUSY when it is exclusive and the caller is not root.
func OpenSlave(c *sched.Ctx, i abi.TtyRef) abi.Errno {
	t := kmem.Tty(i)
	if t.State.Flags&(abi.TtyFlagLocked|abi.TtyFlagMasterClosed) != 0 {
		return abi.EIO
	}
	if t.State.Flags&abi.TtyFlagExclusive != 0 && !cred.Has(c, abi.CAP_SYS_ADMIN) {
		return abi.EBUSY
	}
	kmem.Up(&t.State.Slaves)
	t.State.Flags &^= abi.TtyFlagSlaveClosed
	return abi.OK
}

// CloseSlave counts one open slave less: after the last the master reads EIO.
func CloseSlave(i abi.TtyRef) {
	t := kmem.Tty(i)
	kmem.Down(&t.State.Slaves)
	if t.State.Slaves != 0 {
		return
	}
	t.State.Flags |= abi.TtyFlagSlaveClosed
	sched.Wake(&t.Live.MasterReadWait, pollIn|abi.POLLHUP)
	sched.Wake(&t.Live.MasterWriteWait, pollOut|abi.POLLHUP)
	free(i)
}

// CloseMaster hangs the slave up and takes its node away.
func CloseMaster(c *sched.Ctx, i abi.TtyRef) {
	t := kmem.Tty(i)
	kmem.Down(&t.State.Masters)
	t.State.Flags |= abi.TtyFlagMasterClosed
	removeNode(t)
	HangUp(c, i)
	free(i)
}

// free gives a pair back that nobody has open.
func free(i abi.TtyRef) {
	t := kmem.Tty(i)
	if t.State.Masters != 0 || t.State.Slaves != 0 {
		return
	}
	wakeAll(t)
	freeRings(t)
	kmem.Free(i)
}

func wakeAll(t *abi.TtySlot) {
	sched.WakeAll(&t.Live.ReadWait)
	sched.WakeAll(&t.Live.WriteWait)
	sched.WakeAll(&t.Live.MasterReadWait)
	sched.WakeAll(&t.Live.MasterWriteWait)
}

// Hung says whether a slave that was opened after `seen` hang-ups is dead.
func Hung(i abi.TtyRef, seen uint32) bool { return kmem.Tty(i).State.Hangups != seen }

// Poll is the state of the master, or of a slave.
func Poll(i abi.TtyRef, master, hung bool) abi.PollEvent {
	t := kmem.Tty(i)
	s := &t.State
	if hung {
		return pollIn | pollOut | abi.POLLERR | abi.POLLHUP
	}
	events := abi.PollEvent(0)
	if master {
		if s.OutHead != s.OutTail {
			events |= pollIn
		}
		if s.Flags&abi.TtyFlagPacket != 0 && s.PacketStatus != 0 {
			events |= abi.POLLPRI | pollIn
		}
		if s.Flags&abi.TtyFlagSlaveClosed != 0 {
			events |= abi.POLLHUP
		}
		if masterRoom(s) != 0 {
			events |= pollOut
		}
		return events
	}
	if inputReady(s, true) {
		events |= pollIn
	}
	if outputRoom(s) != 0 {
		events |= pollOut
	}
	return events
}

// inputReady says whether a slave's reader finds something; for poll(2), VMIN
// counts when there is no VTIME.
func inputReady(s *abi.TtyState, poll bool) bool {
	if canonical(s) {
		return s.InCanon != s.InHead
	}
	want := uint32(1)
	if least := uint32(s.Termios.Cc[abi.VMIN]); poll && s.Termios.Cc[abi.VTIME] == 0 && least != 0 {
		want = least
	}
	return s.InTail-s.InHead >= want
}

// Queue is wait queue k of a side: 0 its readers', 1 its writers'; nil beyond.
func Queue(i abi.TtyRef, master bool, k int) *abi.WaitEntryRef {
	l := &kmem.Tty(i).Live
	switch {
	case k == 0 && master:
		return &l.MasterReadWait
	case k == 0:
		return &l.ReadWait
	case k == 1 && master:
		return &l.MasterWriteWait
	case k == 1:
		return &l.WriteWait
	}
	return nil
}

func iflag(s *abi.TtyState, f abi.TermIflag) bool { return s.Termios.Iflag&f != 0 }
func oflag(s *abi.TtyState, f abi.TermOflag) bool { return s.Termios.Oflag&f != 0 }
func lflag(s *abi.TtyState, f abi.TermLflag) bool { return s.Termios.Lflag&f != 0 }

// canonical says whether the slave reads lines. With EXTPROC somebody behind
// the master edits them.
func canonical(s *abi.TtyState) bool { return lflag(s, abi.ICANON) && !lflag(s, abi.EXTPROC) }
