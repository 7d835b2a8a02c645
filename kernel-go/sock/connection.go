package sock

import (
	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/kmem"
	"foreshore.dev/kernel/sched"
)

// Making connections: bind, listen, connect, accept.

// somaxconn is net.core.somaxconn.
const somaxconn = 4096

// Bind is bind(2).
func Bind(c *sched.Ctx, i abi.SocketRef, a *abi.SocketAddress) abi.Errno {
	switch s := kmem.Socket(i); {
	case unix(s):
		return bindUnix(c, i, a)
	case s.State.Family == abi.AF_NETLINK:
		return bindNetlink(c, i, a)
	}
	return bindInternet(c, i, a)
}

// Listen is listen(2).
func Listen(c *sched.Ctx, i abi.SocketRef, backlog int32) abi.Errno {
	s := kmem.Socket(i)
	if !connects(s) {
		return abi.EOPNOTSUPP
	}
	if s.State.Phase != abi.SocketPhaseIdle && s.State.Phase != abi.SocketPhaseListening && !(tcp(s) && s.State.Phase == abi.SocketPhaseClosed) {
		return abi.EINVAL
	}
	if internet(s) {
		if e := autoport(c, i); e != abi.OK {
			return e
		}
		if e := mayListen(i); e != abi.OK {
			return e
		}
	} else if s.State.Local.Length == 0 {
		return abi.EINVAL
	}
	more := min(uint32(backlog), somaxconn)
	kmem.WriteBegin(&s.Header)
	s.State.Phase, s.State.Backlog = abi.SocketPhaseListening, more
	s.State.Flags &^= abi.SocketFlagShutRead | abi.SocketFlagShutWrite
	s.State.Peer = Credentials(c)
	kmem.WriteEnd(&s.Header)
	admit(c, i)
	return abi.OK
}

// Connect is connect(2); the address is of the socket's family, or AF_UNSPEC.
func Connect(c *sched.Ctx, i abi.SocketRef, a *abi.SocketAddress, nonblock bool) abi.Errno {
	s := kmem.Socket(i)
	if family, ok := FamilyOf(a); !ok {
		return abi.EINVAL
	} else if family == abi.AF_UNSPEC && (!connects(s) || tcp(s)) {
		return disconnect(c, i)
	}
	switch {
	case s.State.Family == abi.AF_NETLINK:
		return connectNetlink(c, i, a)
	case internet(s) && connects(s):
		return connectTcp(c, i, a, nonblock)
	case internet(s):
		return connectUdp(c, i, a)
	case !connects(s):
		return connectDatagram(c, i, a)
	}
	if has(s, abi.SocketFlagPassCred) {
		if e := autobind(c, i); e != abi.OK {
			return e
		}
	}
	l, e := findUnix(c, s.State.Type, a)
	if e != abi.OK {
		return e
	}
	p := kmem.Socket(l)
	if p.State.Phase != abi.SocketPhaseListening || has(p, abi.SocketFlagShutRead) {
		return abi.ECONNREFUSED
	}
	if p.State.Waiting > p.State.Backlog {
		if nonblock {
			return abi.EAGAIN
		}
		return wait(c, &p.Live.RoomWait, pollOut, s.State.SendTimeoutNs)
	}
	switch s.State.Phase {
	case abi.SocketPhaseConnected, abi.SocketPhaseClosed:
		return abi.EISCONN
	case abi.SocketPhaseListening:
		return abi.EINVAL
	}
	return establish(c, i, l)
}

// connectDatagram gives a socket a default destination.
func connectDatagram(c *sched.Ctx, i abi.SocketRef, a *abi.SocketAddress) abi.Errno {
	s := kmem.Socket(i)
	to, e := findUnix(c, s.State.Type, a)
	if e != abi.OK {
		return e
	}
	if p := kmem.Socket(to); p.Live.Peer != 0 && p.Live.Peer != i {
		return abi.EPERM
	}
	if has(s, abi.SocketFlagPassCred) {
		if e := autobind(c, i); e != abi.OK {
			return e
		}
	}
	part(i)
	join(i, to)
	setRemote(s, &kmem.Socket(to).State.Local)
	setPhase(s, abi.SocketPhaseConnected)
	changed(s)
	return abi.OK
}

// disconnect is connect(2) to nobody.
func disconnect(c *sched.Ctx, i abi.SocketRef) abi.Errno {
	s := kmem.Socket(i)
	sched.RecordEffect(abi.SyncEffectSocket)
	if tcp(s) {
		leaveListener(i)
		closeListener(c, i)
		for s.Live.ConnectedHead != 0 {
			other := s.Live.ConnectedHead
			part(other)
			ended(kmem.Socket(other), abi.ECONNRESET)
		}
		queueOf(s).Drop(queueOf(s).Bytes())
	}
	part(i)
	kmem.WriteBegin(&s.Header)
	s.State.Phase = abi.SocketPhaseIdle
	clearAddress(&s.State.Remote, abi.AF_UNSPEC)
	s.State.Flags &^= abi.SocketFlagShutRead | abi.SocketFlagShutWrite | abi.SocketFlagEstablishing
	kmem.WriteEnd(&s.Header)
	if has(s, abi.SocketFlagAutobound) {
		unname(i)
		kmem.WriteBegin(&s.Header)
		clearAddress(&s.State.Local, abi.AF_UNSPEC)
		kmem.WriteEnd(&s.Header)
	}
	changed(s)
	return abi.OK
}

// establish connects a socket to one that a listener will hand out.
func establish(c *sched.Ctx, i, listener abi.SocketRef) abi.Errno {
	s, l := kmem.Socket(i), kmem.Socket(listener)
	n, e := New(Kind{l.State.Family, l.State.Type, l.State.Protocol})
	if e != abi.OK {
		return abi.ENOMEM
	}
	t := kmem.Socket(n)
	kmem.WriteBegin(&t.Header)
	inherit(t, l)
	copyAddress(&t.State.Local, &l.State.Local)
	t.State.Peer = Credentials(c)
	t.State.Phase = abi.SocketPhaseConnected
	kmem.WriteEnd(&t.Header)
	kmem.WriteBegin(&s.Header)
	s.State.Phase, s.State.Peer = abi.SocketPhaseConnected, l.State.Peer
	kmem.WriteEnd(&s.Header)
	if internet(s) {
		named(c, n, s)
	} else {
		setRemote(s, &t.State.Local)
		setRemote(t, &s.State.Local)
	}
	join(i, n)
	join(n, i)
	setCapacities(s, t)
	t.Live.Listener = listener
	enqueue(&l.Live.AcceptHead, &l.Live.AcceptTail, n)
	waiting(l, 1)
	sched.RecordEffect(abi.SyncEffectSocket)
	sched.Wake(&l.Live.ReadWait, pollIn)
	return abi.OK
}

// inherit is what a connection has of its listener.
func inherit(t, l *abi.SocketSlot) {
	const options = abi.SocketFlagPassCred | abi.SocketFlagReuseAddress | abi.SocketFlagReusePort | abi.SocketFlagKeepAlive | abi.SocketFlagOobInline |
		abi.SocketFlagLinger | abi.SocketFlagNoDelay | abi.SocketFlagV6Only | abi.SocketFlagDontRoute
	t.State.Flags |= l.State.Flags & options
	t.State.SendBuffer, t.State.ReceiveBuffer, t.State.LowWater = l.State.SendBuffer, l.State.ReceiveBuffer, l.State.LowWater
	t.State.LingerS, t.State.Priority = l.State.LingerS, l.State.Priority
	t.State.ReceiveTimeoutNs, t.State.SendTimeoutNs = l.State.ReceiveTimeoutNs, l.State.SendTimeoutNs
	t.State.KeepIdleS, t.State.KeepIntervalS, t.State.KeepCount = l.State.KeepIdleS, l.State.KeepIntervalS, l.State.KeepCount
	t.State.UserTimeoutMs, t.State.TrafficClass, t.State.Hops = l.State.UserTimeoutMs, l.State.TrafficClass, l.State.Hops
}

// Accept takes the connection that has waited longest; it has no description yet.
func Accept(c *sched.Ctx, i abi.SocketRef, nonblock bool) (abi.SocketRef, abi.Errno) {
	l := kmem.Socket(i)
	switch {
	case !connects(l):
		return 0, abi.EOPNOTSUPP
	case l.State.Phase != abi.SocketPhaseListening:
		return 0, abi.EINVAL
	case l.Live.AcceptHead != 0:
	case has(l, abi.SocketFlagShutRead):
		return 0, abi.EINVAL
	case nonblock:
		return 0, abi.EAGAIN
	default:
		return 0, wait(c, &l.Live.ReadWait, pollIn|abi.POLLHUP, l.State.ReceiveTimeoutNs)
	}
	n := dequeue(&l.Live.AcceptHead, &l.Live.AcceptTail)
	kmem.Socket(n).Live.Listener = 0
	waiting(l, -1)
	sched.RecordEffect(abi.SyncEffectSocket)
	admit(c, i)
	sched.WakeAll(&l.Live.RoomWait)
	return n, abi.OK
}

func waiting(l *abi.SocketSlot, n int32) {
	kmem.WriteBegin(&l.Header)
	l.State.Waiting += uint32(n)
	kmem.WriteEnd(&l.Header)
}

// admit connects those that have waited for room in a listener's queue.
func admit(c *sched.Ctx, i abi.SocketRef) {
	l := kmem.Socket(i)
	for l.Live.PendingHead != 0 && l.State.Waiting <= l.State.Backlog {
		n := dequeue(&l.Live.PendingHead, &l.Live.PendingTail)
		s := kmem.Socket(n)
		s.Live.Listener = 0
		if e := establish(c, n, i); e != abi.OK {
			fail(s, abi.ETIMEDOUT)
			continue
		}
		changed(s)
	}
}

// fail ends a connect(2) that is under way: the socket is at an end until that was
// asked about.
func fail(s *abi.SocketSlot, e abi.Errno) {
	kmem.WriteBegin(&s.Header)
	s.State.Phase, s.State.Error = abi.SocketPhaseIdle, e
	s.State.Flags |= abi.SocketFlagEstablishing | abi.SocketFlagShutRead | abi.SocketFlagShutWrite
	kmem.WriteEnd(&s.Header)
	changed(s)
}

// enqueue and dequeue are the two ends of a listener's queues.
func enqueue(head, tail *abi.SocketRef, i abi.SocketRef) {
	kmem.Socket(i).Live.QueueNext = 0
	if *tail != 0 {
		kmem.Socket(*tail).Live.QueueNext = i
	} else {
		*head = i
	}
	*tail = i
}

func dequeue(head, tail *abi.SocketRef) abi.SocketRef {
	i := *head
	s := kmem.Socket(i)
	if *head = s.Live.QueueNext; *head == 0 {
		*tail = 0
	}
	s.Live.QueueNext = 0
	return i
}

// leaveListener takes a socket out of the queue of those that wait for room.
func leaveListener(i abi.SocketRef) {
	s := kmem.Socket(i)
	if s.Live.Listener == 0 {
		return
	}
	l := kmem.Socket(s.Live.Listener)
	s.Live.Listener = 0
	before := abi.SocketRef(0)
	for at := l.Live.PendingHead; at != 0; at = kmem.Socket(at).Live.QueueNext {
		if at != i {
			before = at
			continue
		}
		if before == 0 {
			l.Live.PendingHead = s.Live.QueueNext
		} else {
			kmem.Socket(before).Live.QueueNext = s.Live.QueueNext
		}
		if l.Live.PendingTail == i {
			l.Live.PendingTail = before
		}
		s.Live.QueueNext = 0
		return
	}
}

// closeListener ends what waits at a listener: connections are reset, and those that
// wait for room are refused.
func closeListener(c *sched.Ctx, i abi.SocketRef) {
	l := kmem.Socket(i)
	for l.Live.PendingHead != 0 {
		s := kmem.Socket(dequeue(&l.Live.PendingHead, &l.Live.PendingTail))
		s.Live.Listener = 0
		fail(s, abi.ECONNREFUSED)
	}
	for l.Live.AcceptHead != 0 {
		n := dequeue(&l.Live.AcceptHead, &l.Live.AcceptTail)
		s := kmem.Socket(n)
		s.Live.Listener = 0
		waiting(l, -1)
		if other := s.Live.ConnectedHead; other != 0 {
			part(other)
			ended(kmem.Socket(other), abi.ECONNRESET)
		}
		Release(c, n)
	}
	sched.WakeAll(&l.Live.RoomWait)
}
