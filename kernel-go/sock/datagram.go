package sock

import (
	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/kmem"
	"foreshore.dev/kernel/sched"
)

// Messages with borders: SOCK_DGRAM and SOCK_SEQPACKET. Each is there as a whole or
// not at all.

const (
	// unixDatagrams is net.unix.max_dgram_qlen: as many, and one, wait unread.
	unixDatagrams = 10
	// unixOverhead and udpOverhead are what a message takes of a buffer beside its bytes.
	unixOverhead = 32
	udpOverhead  = 512
	// udpMost and udp6Most are the longest datagrams: what the lengths in IPv4's and
	// UDP's headers leave.
	udpMost  = 65507
	udp6Most = 65527
)

// destination is where a datagram goes.
func destination(c *sched.Ctx, i abi.SocketRef, m *Message) (abi.SocketRef, abi.Errno) {
	s := kmem.Socket(i)
	switch {
	case m.Name.Length != 0 && !connects(s):
		return findUnix(c, s.State.Type, &m.Name)
	case s.Live.Peer != 0:
		return s.Live.Peer, abi.OK
	case s.State.Phase == abi.SocketPhaseClosed && !connects(s):
		// The first to find its destination gone is told so; then it has none.
		setPhase(s, abi.SocketPhaseIdle)
		return 0, abi.ECONNREFUSED
	}
	return 0, abi.ENOTCONN
}

func sendDatagram(c *sched.Ctx, i abi.SocketRef, m *Message) (uint32, abi.Errno) {
	s := kmem.Socket(i)
	if internet(s) {
		return sendUdp(c, i, m)
	}
	if m.Flags&abi.MSG_OOB != 0 {
		return 0, abi.EOPNOTSUPP
	}
	if has(s, abi.SocketFlagPassCred) {
		if e := autobind(c, i); e != abi.OK {
			return 0, e
		}
	}
	if connects(s) && s.State.Phase == abi.SocketPhaseIdle {
		return 0, abi.ENOTCONN
	}
	if has(s, abi.SocketFlagShutWrite) {
		return 0, abi.EPIPE
	}
	if e := TakeError(i); e != abi.OK {
		return 0, e
	}
	if m.Left > s.State.SendBuffer-unixOverhead {
		return 0, abi.EMSGSIZE
	}
	to, e := destination(c, i, m)
	if e != abi.OK {
		return 0, e
	}
	p := kmem.Socket(to)
	switch {
	case p.Live.Peer != 0 && p.Live.Peer != i:
		return 0, abi.EPERM // it hears one sender only
	case has(p, abi.SocketFlagShutRead):
		return 0, abi.EPIPE
	case to != i && p.State.Messages > p.State.Backlog, queueOf(p).Room() < m.Left:
		if m.Nonblock {
			return 0, abi.EAGAIN
		}
		return 0, wait(c, &p.Live.RoomWait, pollOut, s.State.SendTimeoutNs)
	}
	return transmit(c, i, to, m)
}

// transmit puts a datagram into the queue of a socket.
func transmit(c *sched.Ctx, i, to abi.SocketRef, m *Message) (uint32, abi.Errno) {
	s, p := kmem.Socket(i), kmem.Socket(to)
	if e := m.newRecord(); e != abi.OK {
		return 0, e
	}
	q, length := queueOf(p), m.Left
	done, e := m.intoQueue(c, q, length)
	if e != abi.OK {
		return 0, e
	}
	sched.RecordEffect(abi.SyncEffectSocket)
	m.describe(c, s, p, done)
	_ = m.deliver(p) // all of it is there: there is nothing left that could claim
	q.Put(done)
	sched.Wake(&p.Live.ReadWait, pollIn)
	return length, abi.OK
}

func receiveDatagram(c *sched.Ctx, i abi.SocketRef, m *Message) (uint32, abi.Errno) {
	s := kmem.Socket(i)
	if m.Flags&abi.MSG_OOB != 0 {
		return 0, abi.EOPNOTSUPP
	}
	if connects(s) && (s.State.Phase == abi.SocketPhaseIdle || s.State.Phase == abi.SocketPhaseListening) {
		return 0, abi.ENOTCONN
	}
	if s.State.Error != 0 {
		return 0, TakeError(i)
	}
	message := s.Live.MessageHead
	if message == 0 {
		end, e := nothing(c, i, m)
		if end && !connects(s) && internet(s) && m.Nonblock {
			return 0, abi.EAGAIN
		}
		return 0, e
	}
	r := kmem.SocketMessage(message)
	q, peek := queueOf(s), m.Flags&abi.MSG_PEEK != 0
	n := min(r.Length, m.Left)
	done, e := m.fromQueue(c, q, 0, n)
	if e != abi.OK {
		return 0, e
	}
	full := r.Length
	if full > done {
		m.Out |= abi.MSG_TRUNC
	}
	m.Sender, m.ArrivedNs = r.Sender, r.ArrivedNs
	copyAddress(&m.Name, &r.From)
	if r.Rights != 0 {
		m.receiveRights(c, message, peek)
	}
	if !peek {
		sched.RecordEffect(abi.SyncEffectSocket)
		q.Drop(full)
		kmem.Free(takeMessage(s))
		roomAgain(s)
	}
	if m.Flags&abi.MSG_TRUNC != 0 {
		return full, abi.OK
	}
	return done, abi.OK
}

// roomAgain tells those who send datagrams to a socket that it has taken one.
func roomAgain(s *abi.SocketSlot) {
	sched.WakeAll(&s.Live.RoomWait)
	for i := s.Live.ConnectedHead; i != 0; i = kmem.Socket(i).Live.ConnectedNext {
		sched.Wake(&kmem.Socket(i).Live.WriteWait, pollOut)
	}
}
