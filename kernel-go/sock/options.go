package sock

import (
	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/cred"
	"foreshore.dev/kernel/kmem"
	"foreshore.dev/kernel/sched"
)

// Options (socket(7), tcp(7), ip(7)). Each is a row: where its value lies, and who
// has it. What changes nothing here is kept and told again, as far as a program may
// ask for it; an option without a row is ENOPROTOOPT.

const (
	// usualBuffer is net.core.wmem_default and rmem_default, mostBuffer their maxima
	// doubled, as SO_SNDBUF tells them.
	usualBuffer = 212992
	mostBuffer  = 425984
	leastSend   = 4608
	leastRead   = 2304
	tcpBuffer   = 131072
	// usualHops is net.ipv4.ip_default_ttl.
	usualHops = 64
)

// Option is an option's level and name.
type Option struct {
	Level abi.SocketLevel
	Name  uint32
}

// capacityOf is how many bytes a socket's queue holds, of what `from` sends.
func capacityOf(s, from *abi.SocketSlot) uint32 {
	switch {
	case tcp(s):
		return min(from.State.SendBuffer+s.State.ReceiveBuffer, uint32(abi.LimitPipeMaxBytes))
	case streams(s):
		return min(from.State.SendBuffer, uint32(abi.LimitPipeMaxBytes))
	}
	return uint32(abi.LimitPipeMaxBytes)
}

// setCapacities makes the queues of two connected sockets as large as their options say.
func setCapacities(s, t *abi.SocketSlot) {
	kmem.WriteBegin(&s.Header)
	s.State.Queue.Capacity = capacityOf(s, t)
	kmem.WriteEnd(&s.Header)
	kmem.WriteBegin(&t.Header)
	t.State.Queue.Capacity = capacityOf(t, s)
	kmem.WriteEnd(&t.Header)
}

// who has an option.
type who uint8

const (
	ofUnix who = 1 << iota
	ofNetlink
	ofTcp
	ofInternet
	ofInet6

	ofAll = ofUnix | ofNetlink | ofInternet
)

func whoIs(s *abi.SocketSlot) (w who) {
	switch s.State.Family {
	case abi.AF_UNIX:
		return ofUnix
	case abi.AF_NETLINK:
		return ofNetlink
	case abi.AF_INET6:
		w = ofInet6
	}
	if w |= ofInternet; streams(s) {
		w |= ofTcp
	}
	return w
}

// kept is an option that is a flag, or a number between two bounds, of the socket.
type kept struct {
	Option
	who  who
	flag abi.SocketFlag
	// word is where a number lies; usual is what -1 sets it to, where that means so.
	word               func(s *abi.SocketState) *uint32
	least, most, usual uint32
}

const (
	anyNumber = 1<<31 - 1
	noUsual   = ^uint32(0)
)

// keptOptions has a row for each.
var keptOptions = [...]kept{
	{Option: Option{abi.SOL_SOCKET, uint32(abi.SO_REUSEADDR)}, who: ofAll, flag: abi.SocketFlagReuseAddress},
	{Option: Option{abi.SOL_SOCKET, uint32(abi.SO_REUSEPORT)}, who: ofAll, flag: abi.SocketFlagReusePort},
	{Option: Option{abi.SOL_SOCKET, uint32(abi.SO_KEEPALIVE)}, who: ofAll, flag: abi.SocketFlagKeepAlive},
	{Option: Option{abi.SOL_SOCKET, uint32(abi.SO_BROADCAST)}, who: ofAll, flag: abi.SocketFlagBroadcast},
	{Option: Option{abi.SOL_SOCKET, uint32(abi.SO_OOBINLINE)}, who: ofAll, flag: abi.SocketFlagOobInline},
	{Option: Option{abi.SOL_SOCKET, uint32(abi.SO_DONTROUTE)}, who: ofAll, flag: abi.SocketFlagDontRoute},
	{Option: Option{abi.SOL_SOCKET, uint32(abi.SO_TIMESTAMP)}, who: ofAll, flag: abi.SocketFlagTimestamp},
	{Option: Option{abi.SOL_SOCKET, uint32(abi.SO_PASSCRED)}, who: ofUnix | ofNetlink, flag: abi.SocketFlagPassCred},
	{Option: Option{abi.SOL_TCP, uint32(abi.TCP_NODELAY)}, who: ofTcp, flag: abi.SocketFlagNoDelay},
	{Option: Option{abi.SOL_TCP, uint32(abi.TCP_CORK)}, who: ofTcp, flag: abi.SocketFlagCork},
	{Option: Option{abi.SOL_IP, uint32(abi.IP_RECVERR)}, who: ofInternet, flag: abi.SocketFlagReceiveErrors},
	{Option: Option{abi.SOL_IPV6, uint32(abi.IPV6_RECVERR)}, who: ofInet6, flag: abi.SocketFlagReceiveErrors},
	{Option: Option{abi.SOL_IPV6, uint32(abi.IPV6_V6ONLY)}, who: ofInet6, flag: abi.SocketFlagV6Only},

	{Option: Option{abi.SOL_SOCKET, uint32(abi.SO_PRIORITY)}, who: ofAll, word: priority, most: ^uint32(0), usual: noUsual},
	{Option: Option{abi.SOL_SOCKET, uint32(abi.SO_RCVLOWAT)}, who: ofAll, word: lowWater, most: ^uint32(0), usual: noUsual},
	{Option: Option{abi.SOL_TCP, uint32(abi.TCP_KEEPIDLE)}, who: ofTcp, word: keepIdle, least: 1, most: 32767, usual: noUsual},
	{Option: Option{abi.SOL_TCP, uint32(abi.TCP_KEEPINTVL)}, who: ofTcp, word: keepInterval, least: 1, most: 32767, usual: noUsual},
	{Option: Option{abi.SOL_TCP, uint32(abi.TCP_KEEPCNT)}, who: ofTcp, word: keepCount, least: 1, most: 127, usual: noUsual},
	{Option: Option{abi.SOL_TCP, uint32(abi.TCP_USER_TIMEOUT)}, who: ofTcp, word: userTimeout, most: anyNumber, usual: noUsual},
	{Option: Option{abi.SOL_IP, uint32(abi.IP_TOS)}, who: ofInternet, word: trafficClass, most: 255},
	{Option: Option{abi.SOL_IP, uint32(abi.IP_TTL)}, who: ofInternet, word: hops, least: 1, most: 255, usual: usualHops},
	{Option: Option{abi.SOL_IPV6, uint32(abi.IPV6_TCLASS)}, who: ofInet6, word: trafficClass, most: 255},
	{Option: Option{abi.SOL_IPV6, uint32(abi.IPV6_UNICAST_HOPS)}, who: ofInet6, word: hops, most: 255, usual: usualHops},
}

func priority(s *abi.SocketState) *uint32     { return &s.Priority }
func lowWater(s *abi.SocketState) *uint32     { return &s.LowWater }
func keepIdle(s *abi.SocketState) *uint32     { return &s.KeepIdleS }
func keepInterval(s *abi.SocketState) *uint32 { return &s.KeepIntervalS }
func keepCount(s *abi.SocketState) *uint32    { return &s.KeepCount }
func userTimeout(s *abi.SocketState) *uint32  { return &s.UserTimeoutMs }
func trafficClass(s *abi.SocketState) *uint32 { return &s.TrafficClass }
func hops(s *abi.SocketState) *uint32         { return &s.Hops }

// keptOf is the row of an option that a socket has, nil for others.
func keptOf(s *abi.SocketSlot, o Option) *kept {
	is := whoIs(s)
	for k := range keptOptions {
		if row := &keptOptions[k]; row.Option == o && row.who&is != 0 {
			return row
		}
	}
	return nil
}

func word(dst kmem.Span, v uint32) uint32 {
	kmem.Store32(dst.Addr, v)
	return 4
}

// Get writes the value of an option to dst and says how long it is (getsockopt(2)).
func Get(c *sched.Ctx, i abi.SocketRef, o Option, dst kmem.Span) (uint32, abi.Errno) {
	s := kmem.Socket(i)
	if row := keptOf(s, o); row != nil {
		v := uint32(0)
		switch {
		case row.word != nil:
			v = *row.word(&s.State)
		case has(s, row.flag):
			v = 1
		}
		return word(dst, v), abi.OK
	}
	switch o.Level {
	case abi.SOL_SOCKET:
		return getOfSocket(c, i, abi.SocketOption(o.Name), dst)
	case abi.SOL_TCP:
		if tcp(s) {
			return getOfTcp(s, abi.TcpOption(o.Name), dst)
		}
		return 0, abi.EOPNOTSUPP
	case abi.SOL_IP:
		if internet(s) && abi.IpOption(o.Name) == abi.IP_MTU_DISCOVER {
			return word(dst, 1), abi.OK
		}
	case abi.SOL_IPV6:
		if s.State.Family == abi.AF_INET6 && abi.Ipv6Option(o.Name) == abi.IPV6_MTU_DISCOVER {
			return word(dst, 1), abi.OK
		}
	}
	if known := o.Level == abi.SOL_IP || o.Level == abi.SOL_IPV6 && s.State.Family == abi.AF_INET6; internet(s) && known {
		return 0, abi.ENOPROTOOPT
	}
	return 0, abi.EOPNOTSUPP
}

func getOfSocket(c *sched.Ctx, i abi.SocketRef, name abi.SocketOption, dst kmem.Span) (uint32, abi.Errno) {
	s := kmem.Socket(i)
	v := uint32(0)
	switch name {
	case abi.SO_TYPE:
		v = uint32(s.State.Type)
	case abi.SO_DOMAIN:
		v = uint32(s.State.Family)
	case abi.SO_PROTOCOL:
		v = s.State.Protocol
	case abi.SO_ERROR:
		v = uint32(TakeError(i))
	case abi.SO_SNDBUF:
		v = s.State.SendBuffer
	case abi.SO_RCVBUF:
		v = s.State.ReceiveBuffer
	case abi.SO_SNDLOWAT:
		v = 1
	case abi.SO_ACCEPTCONN:
		if s.State.Phase == abi.SocketPhaseListening {
			v = 1
		}
	case abi.SO_DEBUG, abi.SO_TIMESTAMPNS, abi.SO_MARK, abi.SO_RXQ_OVFL, abi.SO_BUSY_POLL, abi.SO_ZEROCOPY, abi.SO_NO_CHECK:
	case abi.SO_LINGER:
		if has(s, abi.SocketFlagLinger) {
			v = 1
		}
		*(*abi.Linger)(kmem.Ptr(dst.Addr)) = abi.Linger{Onoff: int32(v), Seconds: int32(s.State.LingerS)}
		return abi.LingerSize, abi.OK
	case abi.SO_RCVTIMEO:
		return timeval(dst, s.State.ReceiveTimeoutNs), abi.OK
	case abi.SO_SNDTIMEO:
		return timeval(dst, s.State.SendTimeoutNs), abi.OK
	case abi.SO_PEERCRED:
		u := s.State.Peer
		if !unix(s) {
			u = nobody()
		}
		*(*abi.Ucred)(kmem.Ptr(dst.Addr)) = abi.Ucred{Pid: u.Pid, Uid: u.Uid, Gid: u.Gid}
		return abi.UcredSize, abi.OK
	case abi.SO_BINDTODEVICE:
		return 0, abi.OK // to none
	case abi.SO_COOKIE:
		kmem.Store64(dst.Addr, uint64(s.Header.Generation.Load())<<32|uint64(i))
		return 8, abi.OK
	case abi.SO_PEERNAME:
		a, e := Name(c, i, true)
		if e != abi.OK {
			return 0, e
		}
		kmem.Copy(dst.Addr, bytesOf(a).Addr, uint32(a.Length))
		return uint32(a.Length), abi.OK
	default:
		return 0, abi.ENOPROTOOPT
	}
	kmem.Store32(dst.Addr, v)
	return 4, abi.OK
}

func timeval(dst kmem.Span, ns uint64) uint32 {
	*(*abi.Timeval)(kmem.Ptr(dst.Addr)) = abi.Timeval{Sec: int64(ns / 1e9), Usec: int64(ns % 1e9 / 1000)}
	return abi.TimevalSize
}

// tcpInfoBytes is how much of struct tcp_info is told: its state and no more.
const tcpInfoBytes = 104

func getOfTcp(s *abi.SocketSlot, name abi.TcpOption, dst kmem.Span) (uint32, abi.Errno) {
	v := uint32(0)
	switch name {
	case abi.TCP_MAXSEG:
		v = 65483
	case abi.TCP_INFO:
		kmem.Zero(dst.Addr, tcpInfoBytes)
		kmem.Bytes(dst.Addr, 1)[0] = byte(TcpState(s))
		return tcpInfoBytes, abi.OK
	case abi.TCP_CONGESTION:
		const name = "cubic"
		kmem.Zero(dst.Addr, 16)
		copy(kmem.Bytes(dst.Addr, 16), name)
		return 16, abi.OK
	case abi.TCP_QUICKACK:
		v = 1
	case abi.TCP_SYNCNT:
		v = 6
	case abi.TCP_LINGER2:
		v = 60
	case abi.TCP_DEFER_ACCEPT, abi.TCP_FASTOPEN, abi.TCP_FASTOPEN_CONNECT, abi.TCP_WINDOW_CLAMP, abi.TCP_NOTSENT_LOWAT:
	default:
		return 0, abi.ENOPROTOOPT
	}
	kmem.Store32(dst.Addr, v)
	return 4, abi.OK
}

// TcpState is the state that a socket is in, as TCP_INFO and /proc/net/tcp tell it.
func TcpState(s *abi.SocketSlot) abi.TcpState {
	switch s.State.Phase {
	case abi.SocketPhaseListening:
		return abi.TCP_LISTEN
	case abi.SocketPhaseConnecting:
		return abi.TCP_SYN_SENT
	case abi.SocketPhaseConnected:
		theirs := s.Live.Peer == 0 || has(kmem.Socket(s.Live.Peer), abi.SocketFlagShutWrite)
		switch write := has(s, abi.SocketFlagShutWrite); {
		case theirs && write:
			return abi.TCP_CLOSE
		case theirs:
			return abi.TCP_CLOSE_WAIT
		case write:
			return abi.TCP_FIN_WAIT2
		}
		return abi.TCP_ESTABLISHED
	}
	return abi.TCP_CLOSE
}

// Set gives an option the value of `bytes` bytes at src (setsockopt(2)).
func Set(c *sched.Ctx, i abi.SocketRef, o Option, src kmem.Span) abi.Errno {
	s := kmem.Socket(i)
	if o.Level == abi.SOL_SOCKET {
		switch name := abi.SocketOption(o.Name); name {
		case abi.SO_LINGER:
			if src.Len < abi.LingerSize {
				return abi.EINVAL
			}
			l := (*abi.Linger)(kmem.Ptr(src.Addr))
			set(s, abi.SocketFlagLinger, l.Onoff != 0)
			kmem.WriteBegin(&s.Header)
			s.State.LingerS = uint32(max(l.Seconds, 0))
			kmem.WriteEnd(&s.Header)
			return abi.OK
		case abi.SO_RCVTIMEO, abi.SO_SNDTIMEO:
			return setTimeout(s, name, src)
		case abi.SO_TYPE, abi.SO_DOMAIN, abi.SO_PROTOCOL, abi.SO_ERROR, abi.SO_ACCEPTCONN, abi.SO_PEERCRED, abi.SO_SNDLOWAT:
			return abi.ENOPROTOOPT
		}
	}
	if src.Len < 4 {
		if o.Level != abi.SOL_IP || src.Len == 0 {
			return abi.EINVAL
		}
		kmem.Store32(src.Addr, uint32(kmem.Bytes(src.Addr, 1)[0]))
	}
	v := kmem.Load32(src.Addr)
	if row := keptOf(s, o); row != nil {
		if row.word != nil {
			return setWord(c, s, row, v)
		}
		return setFlag(c, s, row, v != 0)
	}
	switch o.Level {
	case abi.SOL_SOCKET:
		return setOfSocket(c, i, abi.SocketOption(o.Name), v)
	case abi.SOL_TCP:
		if tcp(s) {
			return setOfTcp(abi.TcpOption(o.Name))
		}
	case abi.SOL_IP:
		if internet(s) && abi.IpOption(o.Name) == abi.IP_MTU_DISCOVER {
			return abi.OK // a loopback has no path to discover
		}
	case abi.SOL_IPV6:
		if s.State.Family == abi.AF_INET6 && abi.Ipv6Option(o.Name) == abi.IPV6_MTU_DISCOVER {
			return abi.OK
		}
	}
	if unix(s) {
		return abi.EOPNOTSUPP
	}
	return abi.ENOPROTOOPT
}

func setFlag(c *sched.Ctx, s *abi.SocketSlot, row *kept, on bool) abi.Errno {
	switch row.flag {
	case abi.SocketFlagV6Only:
		if has(s, abi.SocketFlagBound) {
			return abi.EINVAL
		}
	case abi.SocketFlagReusePort:
		kmem.WriteBegin(&s.Header)
		s.State.Peer.Uid = Credentials(c).Uid
		kmem.WriteEnd(&s.Header)
	}
	set(s, row.flag, on)
	return abi.OK
}

func setWord(c *sched.Ctx, s *abi.SocketSlot, row *kept, v uint32) abi.Errno {
	at := row.word(&s.State)
	switch at {
	case &s.State.LowWater:
		v = max(min(v, anyNumber), 1)
	case &s.State.Priority:
		if v > 6 && !cred.Has(c, abi.CAP_NET_ADMIN) {
			return abi.EPERM
		}
	}
	if v == ^uint32(0) && row.usual != noUsual {
		v = row.usual
	}
	if v < row.least || v > row.most {
		return abi.EINVAL
	}
	kmem.WriteBegin(&s.Header)
	*at = v
	kmem.WriteEnd(&s.Header)
	if at == &s.State.LowWater && ready(s) {
		sched.Wake(&s.Live.ReadWait, pollIn)
	}
	return abi.OK
}

func setTimeout(s *abi.SocketSlot, name abi.SocketOption, src kmem.Span) abi.Errno {
	if src.Len < abi.TimevalSize {
		return abi.EINVAL
	}
	t := (*abi.Timeval)(kmem.Ptr(src.Addr))
	if uint64(t.Usec) >= 1e6 {
		return abi.EDOM
	}
	ns := uint64(0)
	if t.Sec >= 0 && t.Sec < 1<<33 {
		ns = uint64(t.Sec)*1e9 + uint64(t.Usec)*1000
	}
	if t.Sec < 0 {
		ns = 1
	}
	kmem.WriteBegin(&s.Header)
	if name == abi.SO_RCVTIMEO {
		s.State.ReceiveTimeoutNs = ns
	} else {
		s.State.SendTimeoutNs = ns
	}
	kmem.WriteEnd(&s.Header)
	return abi.OK
}

func setOfSocket(c *sched.Ctx, i abi.SocketRef, name abi.SocketOption, v uint32) abi.Errno {
	s := kmem.Socket(i)
	send, receive := s.State.SendBuffer, s.State.ReceiveBuffer
	switch name {
	case abi.SO_SNDBUFFORCE, abi.SO_RCVBUFFORCE:
		if !cred.Has(c, abi.CAP_NET_ADMIN) {
			return abi.EPERM
		}
		if v = min(v, uint32(abi.LimitPipeMaxBytes)/2) * 2; name == abi.SO_SNDBUFFORCE {
			send = max(v, leastSend)
		} else {
			receive = max(v, leastRead)
		}
	case abi.SO_SNDBUF:
		send = max(min(v, mostBuffer/2)*2, leastSend)
	case abi.SO_RCVBUF:
		receive = max(min(v, mostBuffer/2)*2, leastRead)
	case abi.SO_DEBUG, abi.SO_MARK:
		if v != 0 && !cred.Has(c, abi.CAP_NET_ADMIN) {
			return abi.EACCES
		}
		return abi.ENOPROTOOPT
	case abi.SO_NO_CHECK, abi.SO_BSDCOMPAT:
		return abi.OK
	default:
		return abi.ENOPROTOOPT
	}
	kmem.WriteBegin(&s.Header)
	s.State.SendBuffer, s.State.ReceiveBuffer = send, receive
	kmem.WriteEnd(&s.Header)
	if streams(s) && s.Live.Peer != 0 {
		setCapacities(s, kmem.Socket(s.Live.Peer))
		changed(s)
		changed(kmem.Socket(s.Live.Peer))
	}
	return abi.OK
}

// setOfTcp: what asks for how segments are made is granted, since there are none.
func setOfTcp(name abi.TcpOption) abi.Errno {
	switch name {
	case abi.TCP_QUICKACK, abi.TCP_SYNCNT, abi.TCP_LINGER2, abi.TCP_DEFER_ACCEPT, abi.TCP_MAXSEG, abi.TCP_WINDOW_CLAMP, abi.TCP_NOTSENT_LOWAT:
		return abi.OK
	}
	return abi.ENOPROTOOPT
}
