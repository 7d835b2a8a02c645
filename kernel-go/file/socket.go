package file

import (
	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/fs/procfs"
	"foreshore.dev/kernel/kmem"
	"foreshore.dev/kernel/mm"
	"foreshore.dev/kernel/sched"
	"foreshore.dev/kernel/sock"
	"foreshore.dev/kernel/vfs"
)

// Sockets as open files (package sock has what they are).

func releaseSocket(c *sched.Ctx, o *abi.OfdSlot) { sock.Release(c, kmem.SocketOf(o)) }

func sharedSocket(c *sched.Ctx, o *abi.OfdSlot) { sock.Dropped(c, kmem.SocketOf(o)) }

func readSocket(c *sched.Ctx, o *abi.OfdSlot, t transfer) (uint32, abi.Errno) {
	if t.buf.Len == 0 {
		return 0, abi.OK // recv(2) of nothing would wait for something
	}
	m := sock.Begin(c, 0)
	m.Whole(*t.buf)
	m.Nonblock = t.nonblock
	n, e := sock.Receive(c, kmem.SocketOf(o), m)
	*t.buf = m.Rest()
	m.DropRights(c)
	return n, e
}

func writeSocket(c *sched.Ctx, o *abi.OfdSlot, t transfer) (uint32, abi.Errno) {
	m := sock.Begin(c, 0)
	m.Whole(*t.buf)
	m.Nonblock = t.nonblock
	n, e := sock.Send(c, kmem.SocketOf(o), m)
	*t.buf = m.Rest()
	m.Abandon(c)
	return n, e
}

// vectorSocket moves iovecs as one message.
func vectorSocket(c *sched.Ctx, o *abi.OfdSlot, vec mm.Iovecs, write bool) (uint32, abi.Errno) {
	m := sock.Begin(c, 0)
	m.Scatter(vec, vec.Total())
	if m.Left == 0 && !write {
		return 0, abi.OK
	}
	m.Nonblock = o.State.Flags&abi.O_NONBLOCK != 0
	done := uint32(progressOf(c))
	m.Skip(c, done)
	var n uint32
	var e abi.Errno
	if write {
		n, e = sock.Send(c, kmem.SocketOf(o), m)
		m.Abandon(c)
	} else {
		n, e = sock.Receive(c, kmem.SocketOf(o), m)
		m.DropRights(c)
	}
	return Finish(c, done+n, e)
}

func pollSocket(o *abi.OfdSlot) abi.PollEvent { return sock.Poll(kmem.SocketOf(o)) }

func socketQueue(o *abi.OfdSlot, k int) *abi.WaitEntryRef { return sock.QueueOf(kmem.SocketOf(o), k) }

func unreadSocket(o *abi.OfdSlot) uint32 { return sock.Unread(kmem.SocketOf(o)) }

// controlSocket: of what a protocol's driver would do, what a loopback can answer.
func controlSocket(c *sched.Ctx, o *abi.OfdSlot, request uint32, arg uint64) (uint64, abi.Errno) {
	s := kmem.Socket(kmem.SocketOf(o))
	switch abi.Ioctl(request) {
	case abi.TIOCOUTQ:
		return 0, mm.Store32(c, arg, sock.Unsent(kmem.SocketOf(o)))
	case abi.SIOCATMARK:
		if s.State.Family == abi.AF_UNIX || s.State.Type == abi.SOCK_STREAM {
			return 0, mm.Store32(c, arg, 0) // there are no urgent data
		}
	}
	return 0, controlInterface(c, s, abi.Ioctl(request), arg)
}

func infoSocket(w *procfs.Text, o *abi.OfdSlot) {
	if s := kmem.Socket(kmem.SocketOf(o)); s.State.Family == abi.AF_UNIX {
		w.Count("scm_fds: ", uint64(sock.RightsIn(kmem.SocketOf(o))))
	}
}

// NewSocket makes the description of a socket, which it owns from now on: also when
// there is no room for it, and the socket goes at once.
func NewSocket(c *sched.Ctx, i abi.SocketRef, flags abi.OpenFlag) (abi.OfdRef, abi.Errno) {
	uid, gid := uint32(0), uint32(0)
	if c.Process != 0 {
		uid, gid = c.P().State.Fsuid, c.P().State.Fsgid
	}
	inode := vfs.NewInode(abi.FsTypeSockfs, abi.S_IFSOCK|0o777, uid, gid)
	if inode == 0 {
		sock.Release(c, i)
		return 0, abi.ENFILE
	}
	ofd := NewOfd(abi.OfdKindSocket, flags&abi.O_NONBLOCK|abi.O_RDWR)
	if ofd == 0 {
		vfs.DropInode(inode)
		sock.Release(c, i)
		return 0, abi.ENFILE
	}
	kmem.SetObject(kmem.Ofd(ofd), i)
	attach(ofd, inode, 0)
	vfs.DropInode(inode)
	sock.Opened(i, ofd, inode)
	return ofd, abi.OK
}

// SocketOf is the socket behind a description: ENOTSOCK for others.
func SocketOf(ofd abi.OfdRef) (abi.SocketRef, abi.Errno) {
	if o := kmem.Ofd(ofd); o.State.Kind == abi.OfdKindSocket {
		return kmem.SocketOf(o), abi.OK
	}
	return 0, abi.ENOTSOCK
}
