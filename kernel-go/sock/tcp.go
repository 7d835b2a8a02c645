package sock

import (
	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/kmem"
	"foreshore.dev/kernel/sched"
)

// TCP on the machine's loopback: what is sent has arrived, so that there are no
// segments, and of the states of a connection only those that a program can see.

func connectTcp(c *sched.Ctx, i abi.SocketRef, a *abi.SocketAddress, nonblock bool) abi.Errno {
	s := kmem.Socket(i)
	// A call that was made again for a page of its memory has begun nothing yet.
	goesOn := c.Thread != 0 && c.T().State.Blocked.SocketWait().Connects != 0
	switch s.State.Phase {
	case abi.SocketPhaseConnected:
		if goesOn || has(s, abi.SocketFlagEstablishing) {
			set(s, abi.SocketFlagEstablishing, false)
			return abi.OK
		}
		return abi.EISCONN
	case abi.SocketPhaseListening, abi.SocketPhaseClosed:
		return abi.EISCONN
	case abi.SocketPhaseConnecting:
		if nonblock {
			return abi.EALREADY
		}
		return awaitConnection(c, s)
	}
	if has(s, abi.SocketFlagEstablishing) {
		e := TakeError(i)
		set(s, abi.SocketFlagEstablishing|abi.SocketFlagShutRead|abi.SocketFlagShutWrite, false)
		if e == abi.OK {
			e = abi.ECONNABORTED
		}
		return e
	}
	p, e := checkInternet(s, a)
	if e != abi.OK {
		return e
	}
	to, e := reach(p)
	if e != abi.OK {
		return e
	}
	if e := autoport(c, i); e != abi.OK {
		return abi.EADDRNOTAVAIL
	}
	sourceFor(i, to)
	setRemoteTo(s, to)
	l := listenerAt(to)
	if l == 0 {
		if nonblock {
			fail(s, abi.ECONNREFUSED)
			return abi.EINPROGRESS
		}
		return abi.ECONNREFUSED
	}
	if t := kmem.Socket(l); t.State.Waiting > t.State.Backlog {
		setPhase(s, abi.SocketPhaseConnecting)
		set(s, abi.SocketFlagEstablishing, nonblock)
		s.Live.Listener = l
		enqueue(&t.Live.PendingHead, &t.Live.PendingTail, i)
		if nonblock {
			return abi.EINPROGRESS
		}
		return awaitConnection(c, s)
	}
	if e := establish(c, i, l); e != abi.OK {
		return e
	}
	if nonblock {
		set(s, abi.SocketFlagEstablishing, true)
		sched.Wake(&s.Live.WriteWait, pollOut)
		return abi.EINPROGRESS
	}
	return abi.OK
}

// awaitConnection waits until a connect(2) that is under way has ended.
func awaitConnection(c *sched.Ctx, s *abi.SocketSlot) abi.Errno {
	if c.Thread != 0 {
		c.T().State.Blocked.SocketWait().Connects = 1
	}
	e := wait(c, &s.Live.WriteWait, pollOut|abi.POLLERR|abi.POLLHUP, s.State.SendTimeoutNs)
	if e == abi.EAGAIN {
		return abi.EINPROGRESS
	}
	return e
}

// named gives the two ends of a connection of the Internet their names: each has the
// other's in the form of its own family.
func named(c *sched.Ctx, i abi.SocketRef, s *abi.SocketSlot) {
	setLocalTo(c, i, endpointOf(&s.State.Remote))
	setRemoteTo(kmem.Socket(i), localOf(s))
}

// finished tells a socket that its peer has closed and will send no more. What it
// sends itself from now on meets nobody.
func finished(s *abi.SocketSlot) { shut(s, true, false) }

// refused is a write to a peer that has closed: it went out, and a reset came back.
func refused(s *abi.SocketSlot, m *Message) uint32 {
	done := m.Left
	m.Left = 0
	ended(s, abi.EPIPE)
	return done
}

// stopListening is shutdown(2) of a listening socket.
func stopListening(c *sched.Ctx, i abi.SocketRef) {
	closeListener(c, i)
	setPhase(kmem.Socket(i), abi.SocketPhaseIdle)
	changed(kmem.Socket(i))
}
