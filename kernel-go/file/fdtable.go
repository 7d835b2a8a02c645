package file

import (
	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/kmem"
	"foreshore.dev/kernel/sched"
)

const fds = uint32(abi.LimitFds)

// NewTable makes an empty descriptor table with one reference; 0 when there
// are no more.
func NewTable() uint32 { return kmem.Alloc(abi.SlotKindFdTable) }

// HoldTable adds a reference (CLONE_FILES).
func HoldTable(t uint32) { kmem.FdTable(t).Header.Refs++ }

// CloneTable copies a table: the copy's descriptors share the OFDs (fork).
func CloneTable(t uint32) uint32 {
	n := kmem.Alloc(abi.SlotKindFdTable)
	if n == 0 {
		return 0
	}
	from, to := kmem.FdTable(t), kmem.FdTable(n)
	kmem.WriteBegin(&to.Header)
	to.Count, to.FirstFree = from.Count, from.FirstFree
	for fd := range from.Count {
		e := from.Entries[fd]
		to.Entries[fd] = e
		if e.Ofd != 0 {
			Hold(e.Ofd)
		}
	}
	kmem.WriteEnd(&to.Header)
	return n
}

// DropTable gives a reference back; the last one closes all descriptors.
func DropTable(c *sched.Ctx, t uint32) {
	s := kmem.FdTable(t)
	s.Header.Refs--
	if s.Header.Refs != 0 {
		return
	}
	for fd := range s.Count {
		if s.Entries[fd].Ofd != 0 {
			closeIn(c, t, fd)
		}
	}
	kmem.Free(abi.SlotKindFdTable, t)
}

// CloseOnExec closes the descriptors with FD_CLOEXEC.
func CloseOnExec(c *sched.Ctx, t uint32) {
	s := kmem.FdTable(t)
	for fd := range s.Count {
		if e := &s.Entries[fd]; e.Ofd != 0 && e.Flags&uint32(abi.FD_CLOEXEC) != 0 {
			closeIn(c, t, fd)
		}
	}
}

// closeIn frees descriptor fd of a table, which is in use, and drops its OFD.
func closeIn(c *sched.Ctx, t, fd uint32) {
	s := kmem.FdTable(t)
	ofd := s.Entries[fd].Ofd
	sched.Effect(abi.SyncEffectFd)
	kmem.WriteBegin(&s.Header)
	s.Entries[fd] = abi.FdEntryState{}
	if fd < s.FirstFree {
		s.FirstFree = fd
	}
	for s.Count != 0 && s.Entries[s.Count-1].Ofd == 0 {
		s.Count--
	}
	kmem.WriteEnd(&s.Header)
	unlockTable(t, kmem.Ofd(ofd).State.Inode)
	Put(c, ofd)
}

func tableOf(c *sched.Ctx) *abi.FdTableSlot { return kmem.FdTable(c.P().State.FdTable) }

// Get is the OFD of a descriptor, not held: EBADF when there is none, or when
// it is an O_PATH one, which most calls refuse.
func Get(c *sched.Ctx, fd int32) (uint32, abi.Errno) {
	ofd, e := GetAny(c, fd)
	if e == abi.OK && kmem.Ofd(ofd).State.Kind == abi.OfdKindPath {
		return 0, abi.EBADF
	}
	return ofd, e
}

// GetAny is Get that takes O_PATH descriptors too. Descriptors are ints.
func GetAny(c *sched.Ctx, fd int32) (uint32, abi.Errno) {
	if c.Process == 0 {
		return 0, abi.EBADF
	}
	t := tableOf(c)
	if uint32(fd) >= t.Count {
		return 0, abi.EBADF
	}
	ofd := t.Entries[uint32(fd)].Ofd
	if ofd == 0 {
		return 0, abi.EBADF
	}
	return ofd, abi.OK
}

// limitOf is RLIMIT_NOFILE, at most the size of a table.
func limitOf(c *sched.Ctx) uint32 {
	if r := c.P().State.Rlimits[abi.RLIMIT_NOFILE].Cur; r < uint64(fds) {
		return uint32(r)
	}
	return fds
}

// FreeFd is the lowest free descriptor from `from` on: EMFILE when the table
// is full.
func FreeFd(c *sched.Ctx, from uint32) (uint32, abi.Errno) {
	t := tableOf(c)
	limit := limitOf(c)
	fd := max(from, t.FirstFree)
	for fd < limit && fd < t.Count && t.Entries[fd].Ofd != 0 {
		fd++
	}
	if fd >= limit {
		return 0, abi.EMFILE
	}
	return fd, abi.OK
}

// Install puts an OFD at a free descriptor; its reference passes to the table.
func Install(c *sched.Ctx, fd, ofd uint32, cloexec bool) {
	t := tableOf(c)
	kmem.Assert(t.Entries[fd].Ofd == 0, "descriptor is free")
	sched.Effect(abi.SyncEffectFd)
	flags := uint32(0)
	if cloexec {
		flags = uint32(abi.FD_CLOEXEC)
	}
	kmem.WriteBegin(&t.Header)
	t.Entries[fd] = abi.FdEntryState{Ofd: ofd, Flags: flags}
	if fd >= t.Count {
		t.Count = fd + 1
	}
	if fd == t.FirstFree {
		t.FirstFree = fd + 1
	}
	kmem.WriteEnd(&t.Header)
}

// InstallIn puts an OFD at a descriptor of any table: a process that is being
// made.
func InstallIn(table, fd, ofd uint32) {
	t := kmem.FdTable(table)
	kmem.Assert(t.Entries[fd].Ofd == 0, "descriptor is free")
	kmem.WriteBegin(&t.Header)
	t.Entries[fd] = abi.FdEntryState{Ofd: ofd}
	t.Count = max(t.Count, fd+1)
	kmem.WriteEnd(&t.Header)
	for t.FirstFree < t.Count && t.Entries[t.FirstFree].Ofd != 0 {
		t.FirstFree++
	}
}

// NewFd puts an OFD at the lowest free descriptor. On EMFILE the OFD is put.
func NewFd(c *sched.Ctx, ofd uint32, cloexec bool) (uint32, abi.Errno) {
	fd, e := FreeFd(c, 0)
	if e != abi.OK {
		Put(c, ofd)
		return 0, e
	}
	Install(c, fd, ofd, cloexec)
	return fd, abi.OK
}

// Close is close(2).
func Close(c *sched.Ctx, fd int32) abi.Errno {
	if _, e := GetAny(c, fd); e != abi.OK {
		return e
	}
	closeIn(c, c.P().State.FdTable, uint32(fd))
	return abi.OK
}

// Dup is dup(2) and F_DUPFD: a descriptor from `from` on.
func Dup(c *sched.Ctx, fd int32, from uint32, cloexec bool) (uint32, abi.Errno) {
	ofd, e := GetAny(c, fd)
	if e != abi.OK {
		return 0, e
	}
	to, e := FreeFd(c, from)
	if e != abi.OK {
		return 0, e
	}
	Hold(ofd)
	Install(c, to, ofd, cloexec)
	return to, abi.OK
}

// Dup3 is dup3(2): what `to` was is closed. EBADF for a `to` above the limit.
func Dup3(c *sched.Ctx, fd, to int32, cloexec bool) (uint32, abi.Errno) {
	if uint32(fd) == uint32(to) {
		return 0, abi.EINVAL
	}
	ofd, e := GetAny(c, fd)
	if e != abi.OK {
		return 0, e
	}
	if uint32(to) >= limitOf(c) {
		return 0, abi.EBADF
	}
	Hold(ofd)
	t := tableOf(c)
	if t.Entries[uint32(to)].Ofd != 0 {
		closeIn(c, c.P().State.FdTable, uint32(to))
	}
	Install(c, uint32(to), ofd, cloexec)
	return uint32(to), abi.OK
}

// CloseRange is close_range(2) on the caller's own table: it closes, or with
// mark sets FD_CLOEXEC.
func CloseRange(c *sched.Ctx, first, last uint32, mark bool) {
	t := tableOf(c)
	for fd := first; fd < t.Count && fd <= last; fd++ {
		e := &t.Entries[fd]
		switch {
		case e.Ofd == 0:
		case mark:
			e.Flags |= uint32(abi.FD_CLOEXEC)
		default:
			closeIn(c, c.P().State.FdTable, fd)
		}
	}
}

// FlagsOf and SetFlagsOf are F_GETFD and F_SETFD of a descriptor that exists.
func FlagsOf(c *sched.Ctx, fd int32) uint32 { return tableOf(c).Entries[uint32(fd)].Flags }

// SetFlagsOf sets the descriptor flags.
func SetFlagsOf(c *sched.Ctx, fd int32, flags uint32) {
	t := tableOf(c)
	sched.Effect(abi.SyncEffectFd)
	kmem.WriteBegin(&t.Header)
	t.Entries[uint32(fd)].Flags = flags & uint32(abi.FD_CLOEXEC)
	kmem.WriteEnd(&t.Header)
}
