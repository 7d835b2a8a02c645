package sock

import (
	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/kmem"
	"foreshore.dev/kernel/sched"
)

// Streams of bytes, of AF_UNIX and TCP. What is sent lies with the reader at once.

// Send moves the bytes of a message into a socket's peer, or to where it is
// addressed, and says how many went, with EBLOCKED when the caller waits for room.
func Send(c *sched.Ctx, i abi.SocketRef, m *Message) (uint32, abi.Errno) {
	s := kmem.Socket(i)
	if s.State.Family == abi.AF_NETLINK {
		return sendNetlink(c, i, m)
	}
	if !streams(s) {
		return sendDatagram(c, i, m)
	}
	return sendStream(c, i, m)
}

// Receive moves what a socket has into a message, and says how much that was: 0 at
// the end, EAGAIN or EBLOCKED when there is nothing yet.
func Receive(c *sched.Ctx, i abi.SocketRef, m *Message) (uint32, abi.Errno) {
	if m.Flags&abi.MSG_ERRQUEUE != 0 && internet(kmem.Socket(i)) {
		return 0, abi.EAGAIN // nothing is ever there
	}
	if !streams(kmem.Socket(i)) {
		return receiveDatagram(c, i, m)
	}
	return receiveStream(c, i, m)
}

// Address checks where a message says that it goes.
func Address(c *sched.Ctx, i abi.SocketRef, m *Message) abi.Errno {
	s := kmem.Socket(i)
	if m.Name.Length == 0 || !unix(s) || !streams(s) {
		return abi.OK
	}
	if s.State.Phase == abi.SocketPhaseConnected {
		return abi.EISCONN
	}
	return abi.EOPNOTSUPP
}

// broken is the end of a call that writes a stream to who reads no more.
func broken(c *sched.Ctx, m *Message) abi.Errno {
	if m.Flags&abi.MSG_NOSIGNAL == 0 {
		SigPipe(c)
	}
	return abi.EPIPE
}

// maySend is the error that keeps a stream from sending.
func maySend(c *sched.Ctx, i abi.SocketRef, m *Message) abi.Errno {
	s := kmem.Socket(i)
	if m.Flags&(abi.MSG_OOB|abi.MSG_FASTOPEN) != 0 {
		return abi.EOPNOTSUPP
	}
	if !unix(s) { // there, a reader is told of an error, a writer of the end
		if e := TakeError(i); e == abi.EPIPE {
			return broken(c, m)
		} else if e != abi.OK {
			return e
		}
	}
	switch {
	case s.State.Phase == abi.SocketPhaseConnecting:
		if m.Nonblock {
			return abi.EAGAIN
		}
		return wait(c, &s.Live.WriteWait, pollOut, s.State.SendTimeoutNs)
	case has(s, abi.SocketFlagShutWrite), s.State.Phase == abi.SocketPhaseClosed:
		return broken(c, m)
	case s.State.Phase != abi.SocketPhaseConnected:
		if tcp(s) {
			return broken(c, m)
		}
		return abi.ENOTCONN
	}
	return abi.OK
}

func sendStream(c *sched.Ctx, i abi.SocketRef, m *Message) (uint32, abi.Errno) {
	if e := maySend(c, i, m); e != abi.OK {
		return 0, e
	}
	s := kmem.Socket(i)
	if m.Left == 0 {
		return 0, abi.OK // what it would have carried goes nowhere, as on Linux
	}
	if s.Live.Peer == 0 {
		return refused(s, m), abi.OK
	}
	p := kmem.Socket(s.Live.Peer)
	q := queueOf(p)
	done, e := uint32(0), abi.OK
	if room := q.Room(); room != 0 {
		if m.record != 0 || has(s, abi.SocketFlagPassCred) || has(p, abi.SocketFlagPassCred) {
			if e := m.newRecord(); e != abi.OK {
				return 0, e
			}
		}
		done, e = m.intoQueue(c, q, min(room, m.Left))
	}
	if done != 0 {
		sched.RecordEffect(abi.SyncEffectSocket)
		if m.record != 0 {
			m.describe(c, s, p, done)
			if failed := m.deliver(p); e == abi.OK {
				e = failed
			}
		}
		q.Put(done)
		if ready(p) {
			sched.Wake(&p.Live.ReadWait, pollIn)
		}
	}
	switch {
	case e != abi.OK:
		return done, e
	case m.Left == 0:
		return done, abi.OK
	case m.Nonblock:
		return done, abi.EAGAIN
	}
	return done, wait(c, &s.Live.WriteWait, pollOut, s.State.SendTimeoutNs)
}

// nothing is why a stream has no bytes: its end (OK), an error, or that they have yet
// to come.
func nothing(c *sched.Ctx, i abi.SocketRef, m *Message) (end bool, e abi.Errno) {
	s := kmem.Socket(i)
	if e := TakeError(i); e != abi.OK {
		return false, e
	}
	switch {
	case has(s, abi.SocketFlagShutRead), s.State.Phase == abi.SocketPhaseClosed && connects(s):
		return true, abi.OK
	case m.Nonblock:
		return false, abi.EAGAIN
	}
	return false, wait(c, &s.Live.ReadWait, pollIn|abi.POLLRDHUP|abi.POLLHUP|abi.POLLERR, s.State.ReceiveTimeoutNs)
}

func receiveStream(c *sched.Ctx, i abi.SocketRef, m *Message) (uint32, abi.Errno) {
	s := kmem.Socket(i)
	if m.Flags&abi.MSG_OOB != 0 {
		if tcp(s) {
			return 0, abi.EINVAL // no urgent data, as on Linux where none came
		}
		return 0, abi.EOPNOTSUPP
	}
	switch s.State.Phase {
	case abi.SocketPhaseIdle, abi.SocketPhaseListening:
		if unix(s) {
			return 0, abi.EINVAL
		}
		if e := TakeError(i); e != abi.OK {
			return 0, e
		}
		if !has(s, abi.SocketFlagShutRead) {
			return 0, abi.ENOTCONN
		}
	}
	least := max(min(s.State.LowWater, m.Left), 1)
	if m.Flags&abi.MSG_WAITALL != 0 {
		least = max(m.Left, 1)
	}
	if m.Left == 0 && queueOf(s).Bytes() != 0 {
		return 0, abi.OK
	}
	peek := m.Flags&abi.MSG_PEEK != 0
	if peek && queueOf(s).Bytes() < least {
		// It takes nothing, and so it waits until all is there.
		if end, e := nothing(c, i, m); !end && (e != abi.EAGAIN || queueOf(s).Bytes() == 0) {
			return 0, e
		}
		sched.CancelWaits(c)
	}
	done, e := takeStream(c, i, m)
	if e != abi.OK || done >= least || done != 0 && (m.Rights != 0 || peek || m.Nonblock) {
		return done, e
	}
	end, e := nothing(c, i, m)
	if end || done != 0 && e == abi.EAGAIN {
		return done, abi.OK
	}
	return done, e
}

// takeStream takes what is there, up to where other credentials or rights begin.
func takeStream(c *sched.Ctx, i abi.SocketRef, m *Message) (done uint32, e abi.Errno) {
	s := kmem.Socket(i)
	q := queueOf(s)
	peek := m.Flags&abi.MSG_PEEK != 0
	before := q.Bytes()
	message := s.Live.MessageHead
	for m.Left != 0 && e == abi.OK {
		at := q.State.Head
		if peek {
			at += done
		}
		n := min(q.State.Tail-at, m.Left)
		if n == 0 {
			break
		}
		inside := false
		if message != 0 {
			r := kmem.SocketMessage(message)
			if inside = at-r.Start < r.Length; inside {
				n = min(n, r.Start+r.Length-at)
			} else {
				n = min(n, r.Start-at)
			}
		}
		sender := nobody()
		if inside {
			sender = kmem.SocketMessage(message).Sender
		}
		if done != 0 && has(s, abi.SocketFlagPassCred) && sender != m.Sender {
			break
		}
		m.Sender = sender
		moved, skip := n, at-q.State.Head
		if tcp(s) && m.Flags&abi.MSG_TRUNC != 0 {
			m.Left -= n // nobody wants them
		} else {
			moved, e = m.fromQueue(c, q, skip, n)
		}
		if !peek {
			q.Drop(moved)
		}
		done += moved
		if !inside || moved == 0 {
			continue
		}
		r := kmem.SocketMessage(message)
		ended := at+moved == r.Start+r.Length
		carries := r.Rights != 0
		if carries {
			m.receiveRights(c, message, peek)
		}
		if ended {
			next := r.Next
			if !peek {
				kmem.Free(takeMessage(s))
			}
			message = next
		}
		if carries {
			break
		}
	}
	if done == 0 {
		return 0, e
	}
	if !peek {
		sched.RecordEffect(abi.SyncEffectSocket)
		drained(s, before)
	}
	return done, abi.OK
}

// drained tells whoever writes to a stream that there is room again. They were told
// to wait when there was not enough of it.
func drained(s *abi.SocketSlot, before uint32) {
	if s.Live.Peer == 0 {
		return
	}
	if q := queueOf(s); roomy(s) && (before > q.State.Capacity/4 || !unix(s)) {
		sched.Wake(&kmem.Socket(s.Live.Peer).Live.WriteWait, pollOut)
	}
}
