package sock

import (
	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/cred"
	"foreshore.dev/kernel/kmem"
	"foreshore.dev/kernel/mm"
	"foreshore.dev/kernel/sched"
)

// rtnetlink(7), as much of it as tells that there is a loopback: lists of links and
// addresses; those of all else are empty. What would change the loopback is EPERM, or
// EOPNOTSUPP for who might. An answer is a datagram in the asker's own queue; one that
// has no room there is lost, and the asker told so with ENOBUFS.

// The loopback.
const (
	LoIndex   = 1
	LoMtu     = 65536
	LoTxQueue = 1000
	LoFlags   = abi.IFF_UP | abi.IFF_LOOPBACK | abi.IFF_RUNNING
)

const (
	netlinkBytes = abi.SockaddrNlSize
	headerBytes  = abi.NlmsghdrSize
	// statsBytes and stats64Bytes are struct rtnl_link_stats and rtnl_link_stats64,
	// ifaPermanent is IFA_F_PERMANENT, scopeHost RT_SCOPE_HOST.
	statsBytes, stats64Bytes = 96, 200
	ifaPermanent, scopeHost  = 0x80, 254
)

func putNetlink(a *abi.SocketAddress, pid uint32) {
	clearAddress(a, abi.AF_NETLINK)
	a.Length = netlinkBytes
	for k := range 4 {
		a.Bytes[4+k] = byte(pid >> (8 * k))
	}
}

// NetlinkPid is the number of a socket that a name has, 0 for the kernel's.
func NetlinkPid(a *abi.SocketAddress) (pid uint32) {
	for k := range 4 {
		pid |= uint32(a.Bytes[4+k]) << (8 * k)
	}
	return pid
}

// checkNetlink: only who is privileged may name another socket, and hears that nobody
// listens there.
func checkNetlink(c *sched.Ctx, a *abi.SocketAddress) abi.Errno {
	switch family, ok := FamilyOf(a); {
	case !ok || a.Length < netlinkBytes || family != abi.AF_NETLINK:
		return abi.EINVAL
	case NetlinkPid(a) != 0 && !cred.Has(c, abi.CAP_NET_ADMIN):
		return abi.EPERM
	}
	return abi.OK
}

// bindNetlink gives a socket its number: of its process, unless that is another
// socket's, or it asks for one. What groups it would hear never has anything to say.
func bindNetlink(c *sched.Ctx, i abi.SocketRef, a *abi.SocketAddress) abi.Errno {
	family, ok := FamilyOf(a)
	if !ok || a.Length < netlinkBytes || family != abi.AF_NETLINK {
		return abi.EINVAL
	}
	pid := NetlinkPid(a)
	if s := kmem.Socket(i); s.State.Local.Length != 0 {
		if pid != NetlinkPid(&s.State.Local) {
			return abi.EINVAL
		}
		return abi.OK
	}
	if pid == 0 {
		autonetlink(c, i)
		return abi.OK
	}
	to := made(c)
	putNetlink(to, pid)
	if netlinkAt(to) != 0 {
		return abi.EADDRINUSE
	}
	setLocal(i, to)
	return abi.OK
}

func autonetlink(c *sched.Ctx, i abi.SocketRef) {
	if kmem.Socket(i).State.Local.Length != 0 {
		return
	}
	to := made(c)
	putNetlink(to, Credentials(c).Pid)
	for k := uint32(1); NetlinkPid(to) == 0 || netlinkAt(to) != 0; k++ {
		putNetlink(to, -k-4096)
	}
	setLocal(i, to)
}

// netlinkAt is the socket with a number, 0 for none.
func netlinkAt(a *abi.SocketAddress) abi.SocketRef {
	for k := *bucketOf(a); k != 0; k = kmem.Socket(k).Live.BoundNext {
		if s := kmem.Socket(k); s.State.Family == abi.AF_NETLINK && sameName(&s.State.Local, a) {
			return k
		}
	}
	return 0
}

func connectNetlink(c *sched.Ctx, i abi.SocketRef, a *abi.SocketAddress) abi.Errno {
	if e := checkNetlink(c, a); e != abi.OK {
		return e
	}
	autonetlink(c, i)
	s := kmem.Socket(i)
	a.Length = netlinkBytes
	setRemote(s, a)
	setPhase(s, abi.SocketPhaseConnected)
	return abi.OK
}

// reply is the answer in the making, in a page of the caller's, to one request.
type reply struct {
	at, used uint32
	message  uint32
	seq, pid uint32
	request  kmem.Span
}

func (r *reply) put32(v uint32) {
	kmem.Store32(r.at+r.used, v)
	r.used += 4
}

func (r *reply) begin(kind abi.NetlinkType, flags abi.NetlinkFlag) {
	r.message = r.used
	r.put32(0)
	r.put32(uint32(kind) | uint32(flags)<<16)
	r.put32(r.seq)
	r.put32(r.pid)
}

func (r *reply) end() { kmem.Store32(r.at+r.message, r.used-r.message) }

// attribute adds one attribute of n bytes, which are 0, and says where they lie.
func (r *reply) attribute(kind, n uint32) []byte {
	r.put32(n + 4 | kind<<16)
	b := kmem.Bytes(r.at+r.used, (n+3)&^3)
	clear(b)
	r.used += (n + 3) &^ 3
	return b
}

func (r *reply) word(kind, v uint32) {
	r.attribute(kind, 4)
	kmem.Store32(r.at+r.used-4, v)
}

func (r *reply) text(kind uint32, s string) { copy(r.attribute(kind, uint32(len(s))+1), s) }

// link describes the loopback.
func (r *reply) link(flags abi.NetlinkFlag) {
	r.begin(abi.RTM_NEWLINK, flags)
	r.put32(uint32(abi.ARPHRD_LOOPBACK) << 16)
	r.put32(LoIndex)
	r.put32(uint32(LoFlags | abi.IFF_LOWER_UP))
	r.put32(0)
	r.text(uint32(abi.IFLA_IFNAME), "lo")
	r.word(uint32(abi.IFLA_TXQLEN), LoTxQueue)
	r.word(uint32(abi.IFLA_MTU), LoMtu)
	r.text(uint32(abi.IFLA_QDISC), "noqueue")
	for k := range zeroAttributes {
		r.attribute(uint32(zeroAttributes[k].kind), uint32(zeroAttributes[k].bytes))
	}
	r.end()
}

// zeroAttributes are what else a link has: nothing of it is ever counted.
var zeroAttributes = [...]struct {
	kind  abi.LinkAttribute
	bytes uint16
}{
	{abi.IFLA_OPERSTATE, 1}, {abi.IFLA_LINKMODE, 1}, {abi.IFLA_GROUP, 4}, {abi.IFLA_ADDRESS, 6}, {abi.IFLA_BROADCAST, 6},
	{abi.IFLA_STATS, statsBytes}, {abi.IFLA_STATS64, stats64Bytes},
}

// address describes the loopback's address of a family.
func (r *reply) address(family abi.AddressFamily) {
	bits, n := uint32(8), uint32(4)
	if family == abi.AF_INET6 {
		bits, n = 128, 16
	}
	r.begin(abi.RTM_NEWADDR, abi.NLM_F_MULTI)
	r.put32(uint32(family) | bits<<8 | ifaPermanent<<16 | scopeHost<<24)
	r.put32(LoIndex)
	b := r.attribute(uint32(abi.IFA_ADDRESS), n)
	if b[n-1] = 1; family == abi.AF_INET {
		b[0] = 127
		copy(r.attribute(uint32(abi.IFA_LOCAL), n), b)
		r.text(uint32(abi.IFA_LABEL), "lo")
	}
	r.word(uint32(abi.IFA_FLAGS), ifaPermanent)
	b = r.attribute(uint32(abi.IFA_CACHEINFO), 16)
	for k := range 8 {
		b[k] = 0xff // valid and preferred for ever
	}
	r.end()
}

// acknowledge is the end of a request; with an error, it has all of it again.
func (r *reply) acknowledge(e abi.Errno) {
	n, flags := r.request.Len, abi.NetlinkFlag(0)
	if e == abi.OK || n > kmem.PageSize/2 {
		n, flags = headerBytes, abi.NLM_F_CAPPED
	}
	r.begin(abi.NLMSG_ERROR, flags)
	r.put32(uint32(-int32(e)))
	kmem.Copy(r.at+r.used, r.request.Addr, n)
	kmem.Zero(r.at+r.used+n, -n&3)
	r.used += n
	r.end()
	r.used += -n & 3
}

// sendNetlink answers each request in a message.
func sendNetlink(c *sched.Ctx, i abi.SocketRef, m *Message) (uint32, abi.Errno) {
	s := kmem.Socket(i)
	to := &m.Name
	if to.Length == 0 {
		to = &s.State.Remote
	}
	switch {
	case m.Flags&abi.MSG_OOB != 0:
		return 0, abi.EOPNOTSUPP
	case m.Left == 0:
		return 0, abi.ENODATA
	case to.Length == 0:
	default:
		if e := checkNetlink(c, to); e != abi.OK {
			return 0, e
		}
	}
	autonetlink(c, i)
	switch {
	case m.Left > kmem.PageSize:
		return 0, abi.EMSGSIZE
	case to.Length != 0 && NetlinkPid(to) != 0:
		return 0, abi.ECONNREFUSED
	}
	length := m.Left
	for at := uint32(0); at < length; {
		b := m.piece(c)
		n := min(b.Len, length-at)
		if e := mm.BufIn(c, b, kmem.Span{Addr: c.Path + at, Len: n}); e != abi.OK {
			return 0, e
		}
		at += n
	}
	m.Left = 0
	for at := uint32(0); at < length && length-at >= headerBytes; {
		n := kmem.Load32(c.Path + at)
		if n < headerBytes || n > length-at {
			break
		}
		answer(c, i, kmem.Span{Addr: c.Path + at, Len: n})
		at += (n + 3) &^ 3
	}
	return length, abi.OK
}

// answer puts the answer to one request into the asker's queue (net/netlink/af_netlink.c
// netlink_rcv_skb).
func answer(c *sched.Ctx, i abi.SocketRef, request kmem.Span) {
	h := (*abi.Nlmsghdr)(kmem.Ptr(request.Addr))
	r := reply{at: c.Page, seq: h.Seq, pid: NetlinkPid(&kmem.Socket(i).State.Local), request: request}
	e, ack := abi.OK, h.Flags&abi.NLM_F_ACK != 0
	if h.Flags&abi.NLM_F_REQUEST != 0 && h.Type >= abi.RTM_NEWLINK && request.Len > headerBytes {
		if h.Type&3 == abi.RTM_GETLINK&3 && h.Flags&abi.NLM_F_DUMP != 0 {
			e, ack = r.list(h), false
		} else {
			e = r.one(c, h)
		}
		if r.used != 0 {
			r.deliver(c, i)
		}
	}
	if e != abi.OK || ack {
		r.acknowledge(e)
		r.deliver(c, i)
	}
}

// list tells of all objects of a kind.
func (r *reply) list(h *abi.Nlmsghdr) abi.Errno {
	family := abi.AddressFamily(kmem.Bytes(r.request.Addr+headerBytes, 1)[0])
	switch {
	case h.Type > abi.RTM_MAX:
		return abi.EOPNOTSUPP
	case h.Type == abi.RTM_GETLINK:
		r.link(abi.NLM_F_MULTI)
	case h.Type == abi.RTM_GETADDR:
		if family != abi.AF_INET6 {
			r.address(abi.AF_INET)
		}
		if family != abi.AF_INET {
			r.address(abi.AF_INET6)
		}
	}
	r.begin(abi.NLMSG_DONE, abi.NLM_F_MULTI)
	r.put32(0)
	r.end()
	return abi.OK
}

// one is a request about one object.
func (r *reply) one(c *sched.Ctx, h *abi.Nlmsghdr) abi.Errno {
	switch {
	case h.Type > abi.RTM_MAX:
	case h.Type&3 != abi.RTM_GETLINK&3 && !cred.Has(c, abi.CAP_NET_ADMIN):
		return abi.EPERM
	case h.Type == abi.RTM_GETROUTE:
		return abi.ENETUNREACH
	case h.Type <= abi.RTM_SETLINK:
		e := r.names()
		switch {
		case e != abi.OK:
			return e
		case h.Type == abi.RTM_GETLINK:
			r.link(0)
			return abi.OK
		case r.request.Len == headerBytes+abi.IfinfomsgSize && kmem.Load32(r.request.Addr+headerBytes+8)&uint32(abi.IFF_UP) != 0:
			return abi.OK // it is up already
		}
	}
	return abi.EOPNOTSUPP
}

// names says whether a request about a link is about the loopback: by its number, or
// else by its name.
func (r *reply) names() abi.Errno {
	at, end := r.request.Addr+headerBytes, r.request.Addr+r.request.Len
	if end-at < abi.IfinfomsgSize {
		return abi.EINVAL
	}
	switch kmem.Load32(at + 4) {
	case LoIndex:
		return abi.OK
	case 0:
	default:
		return abi.ENODEV
	}
	for at += abi.IfinfomsgSize; at < end && end-at >= 4; {
		n, kind := kmem.Load32(at)&0xffff, abi.LinkAttribute(kmem.Load32(at)>>16)
		if n < 4 || n > end-at {
			break
		}
		if kind == abi.IFLA_IFNAME || kind == abi.IFLA_ALT_IFNAME {
			if b := kmem.Bytes(at+4, n-4); len(b) < 2 || b[0] != 'l' || b[1] != 'o' || len(b) > 2 && b[2] != 0 {
				return abi.ENODEV
			}
			return abi.OK
		}
		at += (n + 3) &^ 3
	}
	return abi.EINVAL
}

// deliver puts the answer as a datagram into a socket's queue.
func (r *reply) deliver(c *sched.Ctx, i abi.SocketRef) {
	s := kmem.Socket(i)
	q, n := queueOf(s), r.used
	r.used = 0
	record, e := abi.SocketMessageRef(0), abi.ENOBUFS
	if takes(s, n) {
		record = kmem.Alloc[abi.SocketMessageRef]()
	}
	if record != 0 {
		c.Piece = mm.Buf{Addr: uint64(r.at), Len: n}
		if _, e = q.CopyIn(c, &c.Piece, 0, n); e != abi.OK {
			kmem.Free(record)
		}
	}
	if e != abi.OK {
		setError(s, abi.ENOBUFS)
		changed(s)
		return
	}
	t := kmem.SocketMessage(record)
	kmem.WriteBegin(&t.Header)
	t.Start, t.Length = s.State.Queue.Tail, n
	putNetlink(&t.From, 0)
	kmem.WriteEnd(&t.Header)
	appendMessage(s, record)
	q.Put(n)
	sched.Wake(&s.Live.ReadWait, pollIn)
}
