// Package sock owns sockets: what is between bind(2) and shutdown(2), the bytes and
// messages that wait in them, and descriptors on their way (unix(7), tcp(7), udp(7)).
//
// It does not own open file descriptions (file), nor the tree of files in which
// names lie (vfs). Everything here wants the machine lock.
//
// # Rules
//
// What has come in lies with the socket that will read it: a queue of bytes, and
// messages that say what belongs to some of them. A datagram is one message; a stream
// has messages only for bytes that carry descriptors or credentials. Nobody is asked
// for bytes that he has sent.
//
// A socket that is connected names its peer and is in that one's list; whoever goes
// takes himself out of both. A connection that waits for accept(2) is a socket
// without a description, held by its listener.
//
// A call that waits is made again from its beginning. What is under way meanwhile is
// in no socket: a message that waits for room is held by the call's record.
package sock

import (
	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/bytequeue"
	"foreshore.dev/kernel/kmem"
	"foreshore.dev/kernel/sched"
)

const (
	pollIn  = abi.POLLIN | abi.POLLRDNORM
	pollOut = abi.POLLOUT | abi.POLLWRNORM

	forever = ^uint64(0)
)

// SigPipe sends SIGPIPE to the caller, PutOfd gives a reference to a description back,
// FindUser is the user with an id, 0 for one without processes (hooks: boot/wire.go).
var (
	SigPipe  func(c *sched.Ctx)
	PutOfd   func(c *sched.Ctx, ofd abi.OfdRef)
	FindUser func(uid uint32) abi.UserRef
)

// Kind is what socket(2) asks for.
type Kind struct {
	Family   abi.AddressFamily
	Type     abi.SocketType
	Protocol uint32
}

// state is what sockets share.
func state() *abi.SocketsLive { return &kmem.Kernel().Sockets }

func queueOf(s *abi.SocketSlot) bytequeue.Queue {
	return bytequeue.Queue{Header: &s.Header, State: &s.State.Queue, Live: &s.Live.Queue}
}

func has(s *abi.SocketSlot, flag abi.SocketFlag) bool { return s.State.Flags&flag != 0 }

// set sets or takes away a flag.
func set(s *abi.SocketSlot, flag abi.SocketFlag, on bool) {
	kmem.WriteBegin(&s.Header)
	if s.State.Flags &^= flag; on {
		s.State.Flags |= flag
	}
	kmem.WriteEnd(&s.Header)
}

func setPhase(s *abi.SocketSlot, phase abi.SocketPhase) {
	kmem.WriteBegin(&s.Header)
	s.State.Phase = phase
	kmem.WriteEnd(&s.Header)
}

func setError(s *abi.SocketSlot, e abi.Errno) {
	kmem.WriteBegin(&s.Header)
	s.State.Error = e
	kmem.WriteEnd(&s.Header)
}

// TakeError is the error that waits for the next call (SO_ERROR), which has it then.
func TakeError(i abi.SocketRef) abi.Errno {
	s := kmem.Socket(i)
	e := s.State.Error
	if e != abi.OK {
		setError(s, abi.OK)
	}
	return e
}

// streams: its bytes have no borders. connects: it has a peer or nothing.
func streams(s *abi.SocketSlot) bool { return s.State.Type == abi.SOCK_STREAM }
func connects(s *abi.SocketSlot) bool {
	return streams(s) || s.State.Type == abi.SOCK_SEQPACKET
}
func unix(s *abi.SocketSlot) bool { return s.State.Family == abi.AF_UNIX }
func internet(s *abi.SocketSlot) bool {
	return s.State.Family == abi.AF_INET || s.State.Family == abi.AF_INET6
}
func tcp(s *abi.SocketSlot) bool { return internet(s) && streams(s) }

// Check is whether there are sockets of a kind, whose protocol it completes.
func Check(k *Kind) abi.Errno {
	switch k.Family {
	case abi.AF_UNIX:
		if k.Protocol != 0 && k.Protocol != uint32(abi.AF_UNIX) {
			return abi.EPROTONOSUPPORT
		}
		k.Protocol = 0
		switch k.Type {
		case abi.SOCK_RAW:
			k.Type = abi.SOCK_DGRAM // as in BSD
		case abi.SOCK_STREAM, abi.SOCK_DGRAM, abi.SOCK_SEQPACKET:
		default:
			return abi.ESOCKTNOSUPPORT
		}
		return abi.OK
	case abi.AF_INET, abi.AF_INET6:
		if k.Protocol > uint32(abi.IPPROTO_RAW) {
			return abi.EINVAL
		}
		usual := uint32(abi.IPPROTO_TCP)
		switch k.Type {
		case abi.SOCK_STREAM:
		case abi.SOCK_DGRAM:
			usual = uint32(abi.IPPROTO_UDP)
		case abi.SOCK_RAW:
			return abi.EPROTONOSUPPORT
		default:
			return abi.ESOCKTNOSUPPORT
		}
		if k.Protocol == 0 {
			k.Protocol = usual
		}
		if k.Protocol != usual {
			return abi.EPROTONOSUPPORT
		}
		return abi.OK
	case abi.AF_NETLINK:
		switch {
		case k.Type != abi.SOCK_RAW && k.Type != abi.SOCK_DGRAM:
			return abi.ESOCKTNOSUPPORT
		case k.Protocol != uint32(abi.NETLINK_ROUTE):
			return abi.EPROTONOSUPPORT
		}
		k.Type = abi.SOCK_RAW
		return abi.OK
	}
	return abi.EAFNOSUPPORT
}

// New makes a socket without a name; ENFILE when there is no room for more.
func New(k Kind) (abi.SocketRef, abi.Errno) {
	i := kmem.Alloc[abi.SocketRef]()
	if i == 0 {
		return 0, abi.ENFILE
	}
	sched.RecordEffect(abi.SyncEffectSocket)
	s := kmem.Socket(i)
	kmem.WriteBegin(&s.Header)
	s.State.Family, s.State.Protocol = k.Family, k.Protocol
	s.State.SendBuffer, s.State.ReceiveBuffer, s.State.LowWater = usualBuffer, usualBuffer, 1
	s.State.Peer = nobody()
	if k.Family == abi.AF_UNIX {
		s.State.Backlog = unixDatagrams
	}
	if internet(s) {
		s.State.Hops, s.State.KeepIdleS, s.State.KeepIntervalS, s.State.KeepCount = usualHops, 7200, 75, 9
	}
	s.State.Type = k.Type
	if tcp(s) {
		s.State.SendBuffer, s.State.ReceiveBuffer = tcpBuffer, tcpBuffer
	}
	s.State.Queue.Capacity = capacityOf(s, s)
	kmem.WriteEnd(&s.Header)
	return i, abi.OK
}

// Opened says which description, with which inode, a socket is the object of.
func Opened(i abi.SocketRef, ofd abi.OfdRef, inode abi.InodeRef) {
	s := kmem.Socket(i)
	kmem.WriteBegin(&s.Header)
	s.Live.Ofd, s.Live.Inode = ofd, inode
	kmem.WriteEnd(&s.Header)
}

// Pair connects two new sockets (socketpair(2)).
func Pair(c *sched.Ctx, a, b abi.SocketRef) {
	me := Credentials(c)
	for _, end := range [2][2]abi.SocketRef{{a, b}, {b, a}} {
		s := kmem.Socket(end[0])
		kmem.WriteBegin(&s.Header)
		s.State.Phase, s.State.Peer = abi.SocketPhaseConnected, me
		clearAddress(&s.State.Remote, abi.AF_UNIX)
		kmem.WriteEnd(&s.Header)
		join(end[0], end[1])
	}
}

// join makes `to` the peer of a socket.
func join(i, to abi.SocketRef) {
	s, p := kmem.Socket(i), kmem.Socket(to)
	kmem.WriteBegin(&s.Header)
	s.Live.Peer = to
	kmem.WriteEnd(&s.Header)
	s.Live.ConnectedNext, s.Live.ConnectedPrev = p.Live.ConnectedHead, 0
	if next := p.Live.ConnectedHead; next != 0 {
		kmem.Socket(next).Live.ConnectedPrev = i
	}
	p.Live.ConnectedHead = i
}

// part takes a socket from its peer.
func part(i abi.SocketRef) {
	s := kmem.Socket(i)
	if s.Live.Peer == 0 {
		return
	}
	next, prev := s.Live.ConnectedNext, s.Live.ConnectedPrev
	if next != 0 {
		kmem.Socket(next).Live.ConnectedPrev = prev
	}
	if prev != 0 {
		kmem.Socket(prev).Live.ConnectedNext = next
	} else {
		kmem.Socket(s.Live.Peer).Live.ConnectedHead = next
	}
	kmem.WriteBegin(&s.Header)
	s.Live.Peer = 0
	kmem.WriteEnd(&s.Header)
	s.Live.ConnectedNext, s.Live.ConnectedPrev = 0, 0
}

// ended tells a socket that its peer has gone: with an error, or at the end of what
// it has sent.
func ended(s *abi.SocketSlot, e abi.Errno) {
	kmem.WriteBegin(&s.Header)
	s.State.Flags |= abi.SocketFlagShutRead | abi.SocketFlagShutWrite
	s.State.Phase = abi.SocketPhaseClosed
	if e != abi.OK {
		s.State.Error = e
	}
	kmem.WriteEnd(&s.Header)
	changed(s)
}

// changed wakes all that wait for a socket.
func changed(s *abi.SocketSlot) {
	sched.WakeAll(&s.Live.ReadWait)
	sched.WakeAll(&s.Live.WriteWait)
}

// Release ends a socket: its description, or its place with a listener, has gone.
func Release(c *sched.Ctx, i abi.SocketRef) {
	sched.RecordEffect(abi.SyncEffectSocket)
	s := kmem.Socket(i)
	// What was never read, or should not wait for that, comes back as a reset.
	resets := queueOf(s).Bytes() != 0 || s.Live.MessageHead != 0 || tcp(s) && has(s, abi.SocketFlagLinger) && s.State.LingerS == 0
	leaveListener(i)
	closeListener(c, i)
	unname(i)
	part(i)
	// Who was connected to it: of a connection the peer, of datagrams all that send here.
	for s.Live.ConnectedHead != 0 {
		other := s.Live.ConnectedHead
		part(other)
		o := kmem.Socket(other)
		switch {
		case !connects(o):
			// Its next message is refused, and then it has no destination.
			setPhase(o, abi.SocketPhaseClosed)
			sched.WakeAll(&o.Live.WriteWait)
		case resets:
			ended(o, abi.ECONNRESET)
		case tcp(s):
			finished(o)
		default:
			ended(o, abi.OK)
		}
	}
	for s.Live.MessageHead != 0 {
		bury(takeMessage(s))
	}
	queueOf(s).Release()
	sched.WakeAll(&s.Live.RoomWait)
	sched.WakeAll(&s.Live.ReadWait)
	sched.WakeAll(&s.Live.WriteWait)
	kmem.Free(i)
	Reap(c)
}

// Shutdown is shutdown(2).
func Shutdown(c *sched.Ctx, i abi.SocketRef, how abi.ShutdownHow) abi.Errno {
	if how > abi.SHUT_RDWR {
		return abi.EINVAL
	}
	s := kmem.Socket(i)
	read, write := how != abi.SHUT_WR, how != abi.SHUT_RD
	if internet(s) {
		if s.State.Phase == abi.SocketPhaseListening && read {
			stopListening(c, i)
			return abi.OK
		}
		if s.State.Phase != abi.SocketPhaseConnected {
			return abi.ENOTCONN
		}
	}
	sched.RecordEffect(abi.SyncEffectSocket)
	shut(s, read, write)
	if s.Live.Peer != 0 && connects(s) {
		p := kmem.Socket(s.Live.Peer)
		// A peer of AF_UNIX may write no more to who does not read.
		shut(p, write, read && unix(s))
	}
	return abi.OK
}

func shut(s *abi.SocketSlot, read, write bool) {
	if read {
		set(s, abi.SocketFlagShutRead, true)
	}
	if write {
		set(s, abi.SocketFlagShutWrite, true)
	}
	if read || write {
		changed(s)
	}
}

// wait has the caller wait at a queue of a socket, for at most the time that the
// socket's option says: EAGAIN when that is over.
func wait(c *sched.Ctx, queue *abi.WaitEntryRef, events abi.PollEvent, timeoutNs uint64) abi.Errno {
	if c.Thread != 0 {
		b := &c.T().State.Blocked
		b.Reason = abi.WaitReasonSocket
		if timeoutNs != 0 {
			if b.DeadlineNs == forever {
				b.DeadlineNs = sched.NowNs() + timeoutNs
			}
			if b.TimedOut != 0 || b.DeadlineNs <= sched.NowNs() {
				return abi.EAGAIN
			}
			sched.SetDeadline(c, b.DeadlineNs)
		}
	}
	return sched.WaitOn(c, queue, events)
}

// nobody is who has said nothing.
func nobody() abi.SocketCredentials { return abi.SocketCredentials{Uid: ^uint32(0), Gid: ^uint32(0)} }

// Credentials are those of the caller.
func Credentials(c *sched.Ctx) abi.SocketCredentials {
	if c.Process == 0 {
		return abi.SocketCredentials{}
	}
	p := &c.P().State
	return abi.SocketCredentials{Pid: p.Pid, Uid: p.Euid, Gid: p.Egid}
}

// realCredentials are those of the caller as a message tells them: with its real ids.
func realCredentials(c *sched.Ctx) abi.SocketCredentials {
	u := Credentials(c)
	if c.Process != 0 {
		u.Uid, u.Gid = c.P().State.Uid, c.P().State.Gid
	}
	return u
}

// Unread is how many bytes a read would find (FIONREAD): of datagrams those of
// the first.
func Unread(i abi.SocketRef) uint32 {
	s := kmem.Socket(i)
	if connects(s) {
		return queueOf(s).Bytes()
	}
	if s.Live.MessageHead != 0 {
		return kmem.SocketMessage(s.Live.MessageHead).Length
	}
	return 0
}

// Unsent is how many bytes wait at the peer (SIOCOUTQ).
func Unsent(i abi.SocketRef) uint32 {
	if s := kmem.Socket(i); connects(s) && s.Live.Peer != 0 {
		return queueOf(kmem.Socket(s.Live.Peer)).Bytes()
	}
	return 0
}

// QueueOf is wait queue k of a socket, nil when there are no more.
func QueueOf(i abi.SocketRef, k int) *abi.WaitEntryRef {
	l := &kmem.Socket(i).Live
	switch k {
	case 0:
		return &l.ReadWait
	case 1:
		return &l.WriteWait
	}
	return nil
}

// Poll is a socket's POLL* events (net/unix/af_unix.c unix_poll, unix_dgram_poll;
// net/ipv4/tcp.c tcp_poll; net/core/datagram.c datagram_poll).
func Poll(i abi.SocketRef) abi.PollEvent {
	s := kmem.Socket(i)
	events := abi.PollEvent(0)
	if s.State.Error != 0 {
		events |= abi.POLLERR
	}
	listens := s.State.Phase == abi.SocketPhaseListening
	if s.Live.AcceptHead != 0 {
		events |= pollIn
	}
	if listens && internet(s) {
		return events
	}
	read, write := has(s, abi.SocketFlagShutRead), has(s, abi.SocketFlagShutWrite)
	if read && write {
		events |= abi.POLLHUP
	}
	if read {
		events |= pollIn | abi.POLLRDHUP
	}
	if s.Live.MessageHead != 0 || streams(s) && ready(s) {
		events |= pollIn
	}
	if connects(s) && (s.State.Phase == abi.SocketPhaseIdle || s.State.Phase == abi.SocketPhaseClosed) {
		events |= abi.POLLHUP
	}
	if s.State.Phase != abi.SocketPhaseConnecting && !listens && (writable(s) || write && internet(s)) {
		events |= pollOut
		if unix(s) {
			events |= abi.POLLWRBAND
		}
	}
	return events
}

// ready: a stream has as many bytes as its reader wants at least; of AF_UNIX, any.
func ready(s *abi.SocketSlot) bool {
	n := queueOf(s).Bytes()
	return n != 0 && (unix(s) || n >= min(s.State.LowWater, s.State.Queue.Capacity))
}

// writable: there is room enough that whoever waits for it is told.
func writable(s *abi.SocketSlot) bool {
	if s.Live.Peer == 0 {
		return true
	}
	p := kmem.Socket(s.Live.Peer)
	if streams(s) {
		return roomy(p)
	}
	return p.State.Messages <= p.State.Backlog
}

// roomy: a stream's queue is as empty as its writer wants it to go on.
func roomy(s *abi.SocketSlot) bool {
	q := queueOf(s)
	if unix(s) {
		return q.Bytes() <= q.State.Capacity/4
	}
	return q.Bytes() <= q.State.Capacity/3*2
}
