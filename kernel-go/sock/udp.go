package sock

import (
	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/kmem"
	"foreshore.dev/kernel/sched"
)

// UDP on the machine's loopback. A datagram that nobody hears comes back to a
// connected sender as ECONNREFUSED, which his next call is told.

func connectUdp(c *sched.Ctx, i abi.SocketRef, a *abi.SocketAddress) abi.Errno {
	s := kmem.Socket(i)
	p, e := checkInternet(s, a)
	if e != abi.OK {
		return e
	}
	if p.broadcast() && !has(s, abi.SocketFlagBroadcast) {
		return abi.EACCES
	}
	to, e := reach(p)
	if e != abi.OK {
		return e
	}
	if e := autoport(c, i); e != abi.OK {
		return e
	}
	sourceFor(i, to)
	setRemoteTo(s, to)
	setPhase(s, abi.SocketPhaseConnected)
	changed(s)
	return abi.OK
}

// checkDestination is the endpoint that a datagram's address names: one of IPv6 may
// send to both families.
func checkDestination(s *abi.SocketSlot, a *abi.SocketAddress) (p endpoint, e abi.Errno) {
	family, ok := FamilyOf(a)
	if s.State.Family == abi.AF_INET || !ok || family == abi.AF_INET6 {
		return checkInternet(s, a)
	}
	switch {
	case family != abi.AF_INET || a.Length < inetBytes:
		return p, abi.EINVAL
	case has(s, abi.SocketFlagV6Only):
		return p, abi.ENETUNREACH
	}
	return endpointOf(a), abi.OK
}

func sendUdp(c *sched.Ctx, i abi.SocketRef, m *Message) (uint32, abi.Errno) {
	s := kmem.Socket(i)
	if m.Flags&abi.MSG_OOB != 0 {
		return 0, abi.EOPNOTSUPP
	}
	var p endpoint
	switch {
	case m.Name.Length != 0:
		var e abi.Errno
		if p, e = checkDestination(s, &m.Name); e != abi.OK {
			return 0, e
		}
		if p.port == 0 {
			return 0, abi.EINVAL
		}
	case s.State.Phase == abi.SocketPhaseConnected:
		p = endpointOf(&s.State.Remote)
	default:
		return 0, abi.EDESTADDRREQ
	}
	if e := TakeError(i); e != abi.OK {
		return 0, e
	}
	switch {
	case has(s, abi.SocketFlagShutWrite):
		return 0, abi.EPIPE
	case m.Left > udp6Most, m.Left > udpMost && p.v4():
		return 0, abi.EMSGSIZE
	case p.broadcast() && !has(s, abi.SocketFlagBroadcast):
		return 0, abi.EACCES
	}
	to, e := reach(p)
	if e != abi.OK {
		return 0, e
	}
	if e := autoport(c, i); e != abi.OK {
		return 0, e
	}
	from := sourceOf(localOf(s), to)
	length := m.Left
	r := hearerOf(from, to)
	if r == 0 {
		if s.State.Phase == abi.SocketPhaseConnected || has(s, abi.SocketFlagReceiveErrors) {
			setError(s, abi.ECONNREFUSED)
			changed(s)
		}
		return length, abi.OK
	}
	t := kmem.Socket(r)
	if !takes(t, length) {
		kmem.WriteBegin(&t.Header)
		t.State.Drops++
		kmem.WriteEnd(&t.Header)
		return length, abi.OK
	}
	putEndpoint(&m.From, t.State.Family, from)
	return transmit(c, i, r, m)
}

// hearerOf is the socket that a datagram is for, 0 for none: one that is connected to
// its sender before others.
func hearerOf(from, to endpoint) abi.SocketRef {
	best, score := abi.SocketRef(0), uint32(0)
	for k := *portBucket(to.port); k != 0; k = kmem.Socket(k).Live.BoundNext {
		s := kmem.Socket(k)
		if !internet(s) || connects(s) {
			continue
		}
		n := hears(s, to)
		if n != 0 && s.State.Phase == abi.SocketPhaseConnected {
			if q := endpointOf(&s.State.Remote); !q.same(from) || q.port != from.port {
				continue
			}
			n += 8
		}
		if n > score {
			best, score = k, n
		}
	}
	return best
}
