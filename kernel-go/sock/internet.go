package sock

import (
	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/cred"
	"foreshore.dev/kernel/kmem"
	"foreshore.dev/kernel/sched"
)

// Addresses and ports of AF_INET and AF_INET6. The machine has one interface, its
// loopback: 127.0.0.0/8 and ::1. What is elsewhere cannot be reached.

const (
	inetBytes      = abi.SockaddrInSize
	inet6Bytes     = abi.SockaddrIn6Size
	inet6LeastSize = 24 // RFC 2133's, without a scope

	// ephemeralFirst and ephemeralEnd are net.ipv4.ip_local_port_range.
	ephemeralFirst = 32768
	ephemeralEnd   = 61000
	privilegedEnd  = 1024

	mapped    = uint64(0xffff) << 32
	localhost = mapped | 127<<24 | 1
	// loBroadcast is the loopback's: 127.255.255.255.
	loBroadcast = 127<<24 | 0xffffff
)

// endpoint is an address and a port; an IPv4 address is the IPv6 address that stands
// for it (::ffff:a.b.c.d).
type endpoint struct {
	hi, lo uint64
	port   uint16
}

func (p endpoint) v4() bool       { return p.hi == 0 && p.lo>>32 == 0xffff }
func (p endpoint) any() bool      { return p.hi == 0 && (p.lo == 0 || p.lo == mapped) }
func (p endpoint) loopback() bool { return p.v4() && p.lo>>24&0xff == 127 || p.hi == 0 && p.lo == 1 }
func (p endpoint) broadcast() bool {
	return p.v4() && (uint32(p.lo) == ^uint32(0) || uint32(p.lo) == loBroadcast)
}
func (p endpoint) multicast() bool { return p.v4() && p.lo>>28&15 == 14 || p.hi>>56 == 0xff }
func (p endpoint) same(q endpoint) bool {
	return p.hi == q.hi && p.lo == q.lo
}

// orLoopback is where a packet to an address goes: one to no address goes to the loopback.
func (p endpoint) orLoopback() endpoint {
	switch {
	case p.any() && p.v4():
		p.lo = localhost
	case p.any():
		p.lo = 1
	}
	return p
}

func endpointOf(a *abi.SocketAddress) (p endpoint) {
	family, _ := FamilyOf(a)
	b := &a.Bytes
	p.port = uint16(b[2])<<8 | uint16(b[3])
	if family == abi.AF_INET6 {
		for k := range 8 {
			p.hi, p.lo = p.hi<<8|uint64(b[8+k]), p.lo<<8|uint64(b[16+k])
		}
		return p
	}
	p.lo = mapped
	for k := range 4 {
		p.lo |= uint64(b[4+k]) << (24 - 8*k)
	}
	return p
}

// putEndpoint writes an endpoint as an address of a family.
func putEndpoint(a *abi.SocketAddress, family abi.AddressFamily, p endpoint) {
	clearAddress(a, family)
	b := &a.Bytes
	b[2], b[3] = byte(p.port>>8), byte(p.port)
	if family == abi.AF_INET6 {
		a.Length = inet6Bytes
		for k := range 8 {
			b[8+k], b[16+k] = byte(p.hi>>(56-8*k)), byte(p.lo>>(56-8*k))
		}
		return
	}
	a.Length = inetBytes
	for k := range 4 {
		b[4+k] = byte(p.lo >> (24 - 8*k))
	}
}

// anyOf is no address of a family.
func anyOf(family abi.AddressFamily) endpoint {
	if family == abi.AF_INET {
		return endpoint{lo: mapped}
	}
	return endpoint{}
}

// setLocalTo and setRemoteTo give a socket its name, and its peer's, as endpoints.
func setLocalTo(c *sched.Ctx, i abi.SocketRef, p endpoint) {
	putEndpoint(made(c), kmem.Socket(i).State.Family, p)
	setLocal(i, made(c))
}

func setRemoteTo(s *abi.SocketSlot, p endpoint) {
	kmem.WriteBegin(&s.Header)
	putEndpoint(&s.State.Remote, s.State.Family, p)
	kmem.WriteEnd(&s.Header)
}

// checkInternet is the endpoint that an address of a socket's family names.
func checkInternet(s *abi.SocketSlot, a *abi.SocketAddress) (p endpoint, e abi.Errno) {
	family, ok := FamilyOf(a)
	least := uint16(inetBytes)
	if s.State.Family == abi.AF_INET6 {
		least = inet6LeastSize
	}
	switch {
	case !ok || a.Length < least:
		return p, abi.EINVAL
	case family != s.State.Family:
		return p, abi.EAFNOSUPPORT
	}
	p = endpointOf(a)
	if s.State.Family == abi.AF_INET6 && p.v4() && has(s, abi.SocketFlagV6Only) {
		return p, abi.ENETUNREACH
	}
	return p, abi.OK
}

func localOf(s *abi.SocketSlot) endpoint { return endpointOf(&s.State.Local) }

func bindInternet(c *sched.Ctx, i abi.SocketRef, a *abi.SocketAddress) abi.Errno {
	s := kmem.Socket(i)
	if family, ok := FamilyOf(a); ok && s.State.Family == abi.AF_INET && family == abi.AF_UNSPEC && a.Length >= inetBytes && endpointOf(a).any() {
		a.Bytes[0] = byte(abi.AF_INET) // an old habit that Linux puts up with
	}
	p, e := checkInternet(s, a)
	switch {
	case e == abi.ENETUNREACH:
		return abi.EINVAL // a mapped address, of a socket for IPv6 only
	case e != abi.OK:
		return e
	case !p.any() && !p.loopback() && !(p.multicast() || p.broadcast()) || tcp(s) && (p.multicast() || p.broadcast()):
		return abi.EADDRNOTAVAIL
	case p.port != 0 && p.port < privilegedEnd && !cred.Has(c, abi.CAP_NET_BIND_SERVICE):
		return abi.EACCES
	case s.State.Local.Length != 0 || s.State.Phase != abi.SocketPhaseIdle:
		return abi.EINVAL
	}
	if p.port == 0 {
		if p.port = freePort(c, i, p); p.port == 0 {
			return abi.EADDRINUSE
		}
	} else if taken(c, i, p) {
		return abi.EADDRINUSE
	}
	setLocalTo(c, i, p)
	return abi.OK
}

// wide: a socket with this name takes packets of both families.
func wide(s *abi.SocketSlot, p endpoint) bool {
	return s.State.Family == abi.AF_INET6 && p.any() && !p.v4() && !has(s, abi.SocketFlagV6Only)
}

// overlaps: a packet could be for either of two sockets with the same port.
func overlaps(s, o *abi.SocketSlot, p, q endpoint) bool {
	switch {
	case wide(s, p) || wide(o, q):
		return true
	case p.v4() != q.v4():
		return false
	}
	return p.any() || q.any() || p.same(q)
}

// taken says whether another socket's name keeps a socket from having this one.
func taken(c *sched.Ctx, i abi.SocketRef, p endpoint) bool {
	s := kmem.Socket(i)
	for k := *portBucket(p.port); k != 0; k = kmem.Socket(k).Live.BoundNext {
		o := kmem.Socket(k)
		if k == i || !internet(o) || o.State.Type != s.State.Type {
			continue
		}
		q := localOf(o)
		if q.port != p.port || !overlaps(s, o, p, q) {
			continue
		}
		both := s.State.Flags & o.State.Flags
		if both&abi.SocketFlagReusePort != 0 && o.State.Peer.Uid == Credentials(c).Uid {
			continue
		}
		if both&abi.SocketFlagReuseAddress == 0 || tcp(o) && o.State.Phase == abi.SocketPhaseListening {
			return true
		}
	}
	return false
}

// freePort is a port of the machine's choice, 0 when all are taken.
func freePort(c *sched.Ctx, i abi.SocketRef, p endpoint) uint16 {
	const ports = ephemeralEnd - ephemeralFirst
	l := state()
	for range ports {
		l.Ephemeral = (l.Ephemeral + 1) % ports
		p.port = ephemeralFirst + uint16(l.Ephemeral)
		if !taken(c, i, p) {
			return p.port
		}
	}
	return 0
}

// autoport gives a socket that has none a port, of no address.
func autoport(c *sched.Ctx, i abi.SocketRef) abi.Errno {
	s := kmem.Socket(i)
	if has(s, abi.SocketFlagBound) {
		return abi.OK
	}
	p := anyOf(s.State.Family)
	if s.State.Local.Length != 0 {
		p = localOf(s)
	}
	if p.port = freePort(c, i, p); p.port == 0 {
		return abi.EAGAIN
	}
	setLocalTo(c, i, p)
	set(s, abi.SocketFlagAutobound, true)
	return abi.OK
}

// mayListen: nobody else listens at the same name, unless both share it.
func mayListen(i abi.SocketRef) abi.Errno {
	s := kmem.Socket(i)
	p := localOf(s)
	for k := *portBucket(p.port); k != 0; k = kmem.Socket(k).Live.BoundNext {
		o := kmem.Socket(k)
		if k == i || !internet(o) || !streams(o) || o.State.Phase != abi.SocketPhaseListening {
			continue
		}
		if q := localOf(o); q.port == p.port && overlaps(s, o, p, q) && s.State.Flags&o.State.Flags&abi.SocketFlagReusePort == 0 {
			return abi.EADDRINUSE
		}
	}
	return abi.OK
}

// hears: packets to an endpoint are for a socket, and how well they fit: 0 not at all.
func hears(s *abi.SocketSlot, to endpoint) uint32 {
	q := localOf(s)
	switch {
	case q.port != to.port:
		return 0
	case q.same(to):
		return 4
	case to.broadcast() && !q.any():
		return 0
	case !q.any():
		return 0
	case s.State.Family == abi.AF_INET:
		if to.v4() {
			return 3
		}
		return 0
	case to.v4():
		if q.v4() || !has(s, abi.SocketFlagV6Only) {
			return 2
		}
		return 0
	case q.v4():
		return 0
	}
	return 3
}

// listenerAt is the socket that listens where a connection goes, 0 for none. Those
// that share a port take turns.
func listenerAt(to endpoint) abi.SocketRef {
	best, score, sharing := abi.SocketRef(0), uint32(0), uint32(0)
	for k := *portBucket(to.port); k != 0; k = kmem.Socket(k).Live.BoundNext {
		s := kmem.Socket(k)
		if !tcp(s) || s.State.Phase != abi.SocketPhaseListening {
			continue
		}
		switch n := hears(s, to); {
		case n > score:
			best, score, sharing = k, n, 1
		case n == score && n != 0:
			sharing++
			l := state()
			if l.Turn++; l.Turn%sharing == 0 {
				best = k
			}
		}
	}
	return best
}

// sourceOf is the address from which a socket with this name reaches another.
func sourceOf(p, to endpoint) endpoint {
	if p.any() {
		if p.hi, p.lo = 0, 1; to.v4() {
			p.lo = localhost
		}
	}
	return p
}

// sourceFor gives a socket that is bound to no address the one from which it reaches
// another.
func sourceFor(i abi.SocketRef, to endpoint) {
	s := kmem.Socket(i)
	p := sourceOf(localOf(s), to)
	kmem.WriteBegin(&s.Header)
	putEndpoint(&s.State.Local, s.State.Family, p)
	kmem.WriteEnd(&s.Header)
}

// reach is where packets to an endpoint go: ENETUNREACH for what is not here.
func reach(p endpoint) (endpoint, abi.Errno) {
	if p = p.orLoopback(); !p.loopback() {
		return p, abi.ENETUNREACH
	}
	return p, abi.OK
}
