package file

import (
	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/fs/procfs"
	"foreshore.dev/kernel/kmem"
	"foreshore.dev/kernel/mm"
	"foreshore.dev/kernel/sched"
)

// fileOps is what can be done with one kind of open file, like Linux's struct
// file_operations. What a row leaves out answers the errno that stands here: a
// kind can do nothing that nobody has written for it.
type fileOps struct {
	// release frees what a description has beside inode and dentry: its last
	// reference is gone.
	release func(c *sched.Ctx, o *abi.OfdSlot)
	// shared is told that a reference has gone, and that others are left.
	shared func(c *sched.Ctx, o *abi.OfdSlot)
	// read and write move bytes to or from a buffer, at a position if the kind has
	// such, and return how many with the error that ended that: EINVAL.
	read, write func(c *sched.Ctx, o *abi.OfdSlot, t transfer) (uint32, abi.Errno)
	// vector moves iovecs of the caller as one: each by itself.
	vector func(c *sched.Ctx, o *abi.OfdSlot, vec mm.Iovecs, write bool) (uint32, abi.Errno)
	// poll is the POLL* events that there are now: POLLNVAL.
	poll func(o *abi.OfdSlot) abi.PollEvent
	// queue is wait queue k, nil when there are no more: none.
	queue func(o *abi.OfdSlot, k int) *abi.WaitEntryRef
	// watched says whether epoll takes a description: those with a queue (EPERM).
	watched func(o *abi.OfdSlot) bool
	// seek is lseek(2). A kind that has it has positions: ESPIPE.
	seek func(o *abi.OfdSlot, offset int64, whence abi.SeekWhence) (uint64, abi.Errno)
	// unread is how many bytes a read would find (FIONREAD): ENOTTY.
	unread func(o *abi.OfdSlot) uint32
	// control is ioctl(2), of what does not concern all descriptions: ENOTTY.
	control func(c *sched.Ctx, o *abi.OfdSlot, request uint32, arg uint64) (uint64, abi.Errno)
	// mmap completes a mapping of the bytes from pos on, which the description's
	// access mode allows: ENODEV.
	mmap func(m *mm.Mapping, o *abi.OfdSlot, prot abi.Prot, pos uint64) abi.Errno
	// syncs: fsync(2) has something to do, or could have: EINVAL.
	syncs bool
	// info writes what /proc/PID/fdinfo says of it alone: nothing.
	info func(w *procfs.Text, o *abi.OfdSlot)
	// splice says which sides of splice(2) it can be, beside a pipe: EINVAL.
	splice spliceSides
	// signals are the events of which O_ASYNC tells: ENOTTY.
	signals abi.PollEvent
}

// transfer is what a read or write moves: a buffer, from or to a position if the
// kind has such. nonblock says EAGAIN instead of waiting.
type transfer struct {
	buf      *mm.Buf
	pos      uint64
	nonblock bool
}

type spliceSides uint32

const (
	spliceFrom spliceSides = 1 << iota
	spliceTo
)

// ops has a row for each kind; its functions are in the kind's own file.
var ops = [...]fileOps{
	abi.OfdKindNone: {},
	abi.OfdKindFile: {read: readRegular, write: writeRegular, poll: alwaysReady, seek: seekRegular, unread: unreadRegular,
		control: controlRegular, mmap: mapRegular, syncs: true, splice: spliceFrom | spliceTo},
	abi.OfdKindDirectory: {read: readDirectory, poll: alwaysReady, seek: seekRecords, syncs: true},
	abi.OfdKindPipeRead: {release: releasePipe, read: readPipe, poll: pollPipeRead, queue: pipeQueue, unread: unreadPipe,
		splice: spliceFrom | spliceTo, signals: pollIn | pollOut},
	abi.OfdKindPipeWrite: {release: releasePipe, write: writePipe, poll: pollPipeWrite, queue: pipeQueue, unread: unreadPipe,
		splice: spliceFrom | spliceTo, signals: pollIn | pollOut},
	abi.OfdKindFifo: {release: releasePipe, read: readPipe, write: writePipe, poll: pollFifo, queue: pipeQueue, unread: unreadPipe,
		splice: spliceFrom | spliceTo, signals: pollIn | pollOut},
	abi.OfdKindDevice: {read: readDevice, write: writeDevice, poll: pollDevice, watched: watchedDevice, seek: seekDevice,
		mmap: mapDevice, splice: spliceFrom | spliceTo},
	abi.OfdKindProc: {release: releaseProc, read: readProc, write: writeProc, poll: pollProc, queue: procQueue, watched: watchedProc,
		seek: seekRecords, splice: spliceFrom},
	abi.OfdKindEpoll: {release: releaseEpoll, poll: pollEpoll, queue: epollQueue},
	abi.OfdKindEventfd: {release: releaseEventfd, read: readEventfd, write: writeEventfd, poll: pollEventfd, queue: eventfdQueue,
		info: infoEventfd},
	abi.OfdKindTimerfd:  {release: releaseTimerfd, read: readEventfd, poll: pollTimerfd, queue: eventfdQueue},
	abi.OfdKindSignalfd: {read: readSignals, poll: pollSignals, queue: signalQueue, info: infoSignalfd},
	abi.OfdKindPtyMaster: {release: releaseMaster, read: readMaster, write: writeMaster, poll: pollTerminal, queue: terminalQueue,
		unread: unreadTerminal, control: controlTerminal, splice: spliceFrom | spliceTo, signals: pollIn},
	abi.OfdKindPtySlave: {release: releaseSlave, read: readSlave, write: writeSlave, poll: pollTerminal, queue: terminalQueue,
		unread: unreadTerminal, control: controlTerminal, splice: spliceFrom | spliceTo, signals: pollIn},
	abi.OfdKindPath:  {},
	abi.OfdKindPidfd: {release: releasePidfd, poll: pollPidfd, queue: pidfdQueue, info: infoPidfd},
	abi.OfdKindSocket: {release: releaseSocket, shared: sharedSocket, read: readSocket, write: writeSocket, vector: vectorSocket,
		poll: pollSocket, queue: socketQueue, unread: unreadSocket, control: controlSocket, info: infoSocket, splice: spliceFrom | spliceTo,
		signals: pollIn | pollOut},
}

func opsOf(o *abi.OfdSlot) *fileOps { return &ops[o.State.Kind] }

// alwaysReady is poll of what never blocks.
func alwaysReady(*abi.OfdSlot) abi.PollEvent { return pollIn | pollOut }

// seekable says whether an OFD has positions: ESPIPE for others.
func seekable(o *abi.OfdSlot) bool { return opsOf(o).seek != nil }

// QueueOf is wait queue k of an OFD, nil when it has no more; ok is false for
// what epoll refuses.
func QueueOf(i abi.OfdRef, k int) (queue *abi.WaitEntryRef, ok bool) {
	o := kmem.Ofd(i)
	row := opsOf(o)
	ok = row.queue != nil
	if row.watched != nil {
		ok = row.watched(o)
	}
	if row.queue != nil {
		queue = row.queue(o, k)
	}
	return queue, ok
}

// Splices says whether an OFD that is no pipe can be a side of a splice: what
// transfers records cannot.
func Splices(i abi.OfdRef, write bool) bool {
	side := spliceFrom
	if write {
		side = spliceTo
	}
	return opsOf(kmem.Ofd(i)).splice&side != 0
}

// Control is ioctl(2) of an OFD's kind.
func Control(c *sched.Ctx, i abi.OfdRef, request uint32, arg uint64) (uint64, abi.Errno) {
	o := kmem.Ofd(i)
	if control := opsOf(o).control; control != nil {
		return control(c, o, request, arg)
	}
	return 0, abi.ENOTTY
}

// FdInfo is what /proc/PID/fdinfo says of an OFD's kind.
func FdInfo(w *procfs.Text, i abi.OfdRef) {
	if say := opsOf(kmem.Ofd(i)).info; say != nil {
		say(w, kmem.Ofd(i))
	}
}
