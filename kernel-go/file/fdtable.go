package file

import (
	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/fdtable"
	"foreshore.dev/kernel/kmem"
	"foreshore.dev/kernel/sched"
)

const fds = uint32(abi.LimitFds)

// NewTable makes an empty descriptor table with one reference; 0 when there
// are no more.
func NewTable() abi.FdTableRef { return kmem.Alloc[abi.FdTableRef]() }

// HoldTable adds a reference (CLONE_FILES).
func HoldTable(t abi.FdTableRef) { kmem.Ref(&kmem.FdTable(t).Header) }

// CloneTable copies a table: the copy's descriptors share the OFDs (fork).
func CloneTable(t abi.FdTableRef) abi.FdTableRef {
	n := fdtable.Copy(t)
	if n == 0 {
		return 0
	}
	for fd, ok := fdtable.Next(n, 0); ok; fd, ok = fdtable.Next(n, fd+1) {
		Hold(fdtable.At(n, fd))
	}
	return n
}

// UnshareTable gives a process a table of its own, with the same descriptors.
func UnshareTable(c *sched.Ctx, p *abi.ProcessSlot) abi.Errno {
	shared := p.State.FdTable
	if kmem.FdTable(shared).Header.Refs == 1 {
		return abi.OK
	}
	own := CloneTable(shared)
	if own == 0 {
		return abi.ENOMEM
	}
	kmem.WriteBegin(&p.Header)
	p.State.FdTable = own
	kmem.WriteEnd(&p.Header)
	DropTable(c, shared)
	return abi.OK
}

// DropTable gives a reference back; the last one closes all descriptors.
func DropTable(c *sched.Ctx, t abi.FdTableRef) {
	s := kmem.FdTable(t)
	if !kmem.Unref(&s.Header) {
		return
	}
	sched.RecordEffect(abi.SyncEffectFd)
	// Whoever reads the table meanwhile sees that it changes, not descriptions that are gone.
	kmem.WriteBegin(&s.Header)
	for fd, ok := fdtable.Next(t, 0); ok; fd, ok = fdtable.Next(t, fd+1) {
		ofd := fdtable.Entry(t, fd).Ofd
		Unlock(t, kmem.Ofd(ofd).State.Inode)
		Put(c, ofd)
	}
	s.Count = 0
	kmem.WriteEnd(&s.Header)
	fdtable.Shrink(t)
	kmem.Free(t)
}

// CloseOnExec closes the descriptors with FD_CLOEXEC.
func CloseOnExec(c *sched.Ctx, t abi.FdTableRef) {
	for fd, ok := fdtable.Next(t, 0); ok; fd, ok = fdtable.Next(t, fd+1) {
		if fdtable.Entry(t, fd).Flags&abi.FD_CLOEXEC != 0 {
			closeIn(c, t, fd)
		}
	}
}

// closeIn frees descriptor fd of a table, which is in use, and drops its OFD.
func closeIn(c *sched.Ctx, t abi.FdTableRef, fd uint32) {
	s := kmem.FdTable(t)
	e := fdtable.Entry(t, fd)
	ofd := e.Ofd
	sched.RecordEffect(abi.SyncEffectFd)
	fdtable.Begins(t, fd)
	*e = abi.FdEntryState{}
	if fd < s.FirstFree {
		s.FirstFree = fd
	}
	last := fd+1 == s.Count
	if last {
		s.Count = fdtable.LastInUse(t)
	}
	fdtable.Ends(t, fd)
	if last {
		fdtable.Shrink(t)
	}
	Unlock(t, kmem.Ofd(ofd).State.Inode)
	Put(c, ofd)
}

func tableOf(c *sched.Ctx) *abi.FdTableSlot { return kmem.FdTable(c.P().State.FdTable) }

// IsPath says whether an OFD only names its file (O_PATH).
func IsPath(i abi.OfdRef) bool { return kmem.Ofd(i).State.Kind == abi.OfdKindPath }

// Get is the OFD of a descriptor, not held: EBADF when there is none, or when
// it is an O_PATH one, which most calls refuse. A call that is made again gets what
// its descriptor named when it began to wait (held.go).
func Get(c *sched.Ctx, fd int32) (abi.OfdRef, abi.Errno) {
	ofd, e := GetAny(c, fd)
	if e == abi.OK && IsPath(ofd) {
		return 0, abi.EBADF
	}
	return ofd, e
}

// GetAny is Get that takes O_PATH descriptors too. Descriptors are ints.
func GetAny(c *sched.Ctx, fd int32) (abi.OfdRef, abi.Errno) {
	if c.Process == 0 {
		return 0, abi.EBADF
	}
	if h := &c.T().State.Blocked.Held; h.Held != 0 {
		if ofd := argument(h, fd); ofd != 0 {
			return ofd, abi.OK
		}
	}
	ofd := fdtable.At(c.P().State.FdTable, uint32(fd))
	if ofd == 0 {
		return 0, abi.EBADF
	}
	return ofd, abi.OK
}

// Names says whether a descriptor names an OFD now, whatever the call in progress holds.
func Names(c *sched.Ctx, fd int32, ofd abi.OfdRef) bool {
	return fdtable.At(c.P().State.FdTable, uint32(fd)) == ofd
}

// limitOf is RLIMIT_NOFILE, at most the size of a table.
func limitOf(c *sched.Ctx) uint32 {
	if r := c.P().State.Rlimits[abi.RLIMIT_NOFILE].Cur; r < uint64(fds) {
		return uint32(r)
	}
	return fds
}

// FreeFd is the lowest free descriptor from `from` on, for which the table has
// room then: EMFILE at the limit, ENOMEM when there is no room to be had.
func FreeFd(c *sched.Ctx, from uint32) (uint32, abi.Errno) {
	t := c.P().State.FdTable
	limit := limitOf(c)
	fd := max(from, kmem.FdTable(t).FirstFree)
	for at, ok := fdtable.Next(t, fd); ok && at == fd && fd < limit; at, ok = fdtable.Next(t, fd) {
		fd++
	}
	if fd >= limit {
		return 0, abi.EMFILE
	}
	return fd, fdtable.Grow(t, fd)
}

// Install puts an OFD at a free descriptor; its reference passes to the table.
func Install(c *sched.Ctx, fd uint32, ofd abi.OfdRef, cloexec bool) {
	table := c.P().State.FdTable
	t, e := kmem.FdTable(table), fdtable.Entry(table, fd)
	kmem.Assert(e.Ofd == 0, "descriptor is free")
	sched.RecordEffect(abi.SyncEffectFd)
	flags := abi.FdFlag(0)
	if cloexec {
		flags = abi.FD_CLOEXEC
	}
	fdtable.Begins(table, fd)
	*e = abi.FdEntryState{Ofd: ofd, Flags: flags}
	if fd >= t.Count {
		t.Count = fd + 1
	}
	if fd == t.FirstFree {
		t.FirstFree = fd + 1
	}
	fdtable.Ends(table, fd)
}

// InstallIn puts an OFD at a low descriptor of any table: a process that is
// being made.
func InstallIn(table abi.FdTableRef, fd uint32, ofd abi.OfdRef) {
	t := kmem.FdTable(table)
	kmem.Assert(fd < fdtable.PerSlot && t.Entries[fd].Ofd == 0, "descriptor is free")
	kmem.WriteBegin(&t.Header)
	t.Entries[fd] = abi.FdEntryState{Ofd: ofd}
	t.Count = max(t.Count, fd+1)
	for t.FirstFree < min(t.Count, fdtable.PerSlot) && t.Entries[t.FirstFree].Ofd != 0 {
		t.FirstFree++
	}
	kmem.WriteEnd(&t.Header)
}

// NewFd puts an OFD at the lowest free descriptor. On EMFILE the OFD is put.
func NewFd(c *sched.Ctx, ofd abi.OfdRef, cloexec bool) (uint32, abi.Errno) {
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
	t := c.P().State.FdTable
	if fdtable.At(t, uint32(fd)) == 0 {
		return abi.EBADF
	}
	closeIn(c, t, uint32(fd))
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
	t := c.P().State.FdTable
	Hold(ofd)
	if fdtable.At(t, uint32(to)) != 0 {
		closeIn(c, t, uint32(to))
	}
	// What was just closed may have been the last one of its slot.
	if e := fdtable.Grow(t, uint32(to)); e != abi.OK {
		Put(c, ofd)
		return 0, e
	}
	Install(c, uint32(to), ofd, cloexec)
	return uint32(to), abi.OK
}

// CloseRange is close_range(2) on the caller's own table: it closes, or with
// mark sets FD_CLOEXEC.
func CloseRange(c *sched.Ctx, first, last uint32, mark bool) abi.Errno {
	t, done := c.P().State.FdTable, 0
	for fd, ok := fdtable.Next(t, first); ok && fd <= last; fd, ok = fdtable.Next(t, fd+1) {
		if mark {
			setFdFlags(t, fd, abi.FD_CLOEXEC)
			continue
		}
		closeIn(c, t, fd)
		if done++; done%closePiece == 0 && sched.Overdue(c) {
			return abi.ERESCHED
		}
	}
	return abi.OK
}

// HaveMany says whether the end of the caller is to close its descriptors piece by
// piece: they are many, and its own.
func HaveMany(c *sched.Ctx) bool {
	if c.P().State.FdTable == 0 {
		return false
	}
	t := tableOf(c)
	return t.Header.Refs == 1 && t.Count > closePiece
}

// closePiece is how many descriptors are closed before others may have a turn.
const closePiece = 256

// FlagsOf and SetFlagsOf are F_GETFD and F_SETFD of a descriptor that exists. One
// that was closed while its call waited has no flags.
func FlagsOf(c *sched.Ctx, fd int32) abi.FdFlag {
	if fdtable.At(c.P().State.FdTable, uint32(fd)) == 0 {
		return 0
	}
	return fdtable.Entry(c.P().State.FdTable, uint32(fd)).Flags
}

// SetFlagsOf sets the descriptor flags.
func SetFlagsOf(c *sched.Ctx, fd int32, flags abi.FdFlag) {
	setFdFlags(c.P().State.FdTable, uint32(fd), flags&abi.FD_CLOEXEC)
}

func setFdFlags(t abi.FdTableRef, fd uint32, flags abi.FdFlag) {
	sched.RecordEffect(abi.SyncEffectFd)
	fdtable.Begins(t, fd)
	fdtable.Entry(t, fd).Flags = flags
	fdtable.Ends(t, fd)
}
