package procfs

import (
	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/kmem"
	"foreshore.dev/kernel/sched"
	"foreshore.dev/kernel/sock"
)

// /proc/net: the sockets of the machine (proc(5); net/ipv4/tcp_ipv4.c, net/ipv4/udp.c,
// net/unix/af_unix.c, net/netlink/af_netlink.c). Their order is that of their slots.

// turnSlots is after how many slots, most of which may have no line, others may have
// a turn.
const turnSlots = 256

// sockets writes a line for each socket of a kind. `from` is the slot to go on with and,
// above it, how many lines there were.
func (w *Text) sockets(c *sched.Ctx, n node, from uint64) {
	lines := from >> 32
	for i := max(abi.SocketRef(from), 1); i < kmem.End[abi.SocketRef](); {
		if kmem.InUse(i) && n.lists(kmem.Socket(i)) {
			w.socket(n, i, lines)
			lines++
		}
		i++
		if next := lines<<32 | uint64(i); w.pieceEnds(next) {
			return
		} else if i%turnSlots == 0 && sched.Overdue(c) {
			w.next = next
			return
		}
	}
}

// lists says whether a file has a line for a socket: of the Internet and of netlink for
// those with a name, of TCP for those that listen or have a peer.
func (n node) lists(s *abi.SocketSlot) bool {
	in := nodeNetTcp
	switch bound := s.State.Flags&abi.SocketFlagBound != 0; {
	case s.State.Family == abi.AF_UNIX:
		return n == nodeNetUnix
	case !bound:
		return false
	case s.State.Family == abi.AF_NETLINK:
		return n == nodeNetNetlink
	case s.State.Type != abi.SOCK_STREAM:
		in = nodeNetUdp
	case sock.TcpState(s) == abi.TCP_CLOSE:
		return false
	}
	if s.State.Family == abi.AF_INET6 {
		in++
	}
	return n == in
}

func (w *Text) socket(n node, i abi.SocketRef, line uint64) {
	start, ino, uid := w.bytes, uint64(0), uint64(0)
	s := kmem.Socket(i)
	if s.Live.Inode != 0 {
		in := &kmem.Inode(s.Live.Inode).State
		ino, uid = in.Ino, uint64(in.Uid)
	}
	switch n {
	case nodeNetUnix:
		w.unixSocket(i, ino)
	case nodeNetNetlink:
		w.netlinkSocket(i, ino)
	case nodeNetTcp, nodeNetTcp6:
		state := sock.TcpState(s)
		w.pad(line, 4, ' ')
		w.internet(s, state)
		w.owner(i, uid, ino)
		if state == abi.TCP_LISTEN {
			w.str(" 100 0 0 10 0")
		} else {
			w.str(" 20 0 0 10 -1")
		}
		if n == nodeNetTcp {
			w.align(start, 149)
		}
	default:
		state := abi.TCP_CLOSE
		if s.State.Phase == abi.SocketPhaseConnected {
			state = abi.TCP_ESTABLISHED
		}
		w.pad(line, 5, ' ')
		w.internet(s, state)
		w.owner(i, uid, ino)
		w.putByte(' ')
		w.num(uint64(s.State.Drops))
		if n == nodeNetUdp {
			w.align(start, 127)
		}
	}
	w.putByte('\n')
}

// internet is what lines of TCP and UDP have in common: nothing is ever on its way, nor
// sent again.
func (w *Text) internet(s *abi.SocketSlot, state abi.TcpState) {
	w.putByte(':')
	w.endpoint(s, &s.State.Local, true)
	w.endpoint(s, &s.State.Remote, state != abi.TCP_LISTEN && state != abi.TCP_CLOSE)
	w.putByte(' ')
	w.octet(byte(state))
	w.str(" 00000000:")
	for shift, v := 24, sock.Waits(s); shift >= 0; shift -= 8 {
		w.octet(byte(v >> shift))
	}
	w.str(" 00:00000000 00000000 ")
}

// owner is whose a socket is, with the number of its slot for its address.
func (w *Text) owner(i abi.SocketRef, uid, ino uint64) {
	w.pad(uid, 5, ' ')
	w.str("        0 ")
	w.num(ino)
	w.str(" 2 ")
	w.hex(uint64(i), 16)
}

// endpoint writes an address, each word of it as a number of the host, and a port; zeros
// for one that a socket does not have.
func (w *Text) endpoint(s *abi.SocketSlot, a *abi.SocketAddress, known bool) {
	at, n := 4, 4
	if s.State.Family == abi.AF_INET6 {
		at, n = 8, 16
	}
	w.putByte(' ')
	for k := range n + 2 {
		from := at + k ^ 3
		if k >= n {
			if from = 2 + k - n; k == n {
				w.putByte(':')
			}
		}
		b := byte(0)
		if known {
			b = a.Bytes[from]
		}
		w.octet(b)
	}
}

// octet writes a byte in two digits, in capitals.
func (w *Text) octet(b byte) {
	const digits = "0123456789ABCDEF"
	w.putByte(digits[b>>4])
	w.putByte(digits[b&15])
}

// unixSocket: a connection that waits for accept(2) is on its way, and has no inode.
func (w *Text) unixSocket(i abi.SocketRef, ino uint64) {
	s := kmem.Socket(i)
	state := byte('1') // SS_UNCONNECTED
	switch phase := s.State.Phase; {
	case phase == abi.SocketPhaseListening:
	case phase == abi.SocketPhaseConnected, phase == abi.SocketPhaseClosed, s.Live.ConnectedHead != 0:
		if state = '3'; s.Live.Inode == 0 { // SS_CONNECTED, SS_CONNECTING
			state = '2'
		}
	}
	references := uint64(2)
	if s.Live.ConnectedHead != 0 {
		references++
	}
	w.hex(uint64(i), 16)
	w.str(": ")
	w.hex(references, 8)
	if s.State.Phase == abi.SocketPhaseListening {
		w.str(" 00000000 00010000 ") // __SO_ACCEPTCON
	} else {
		w.str(" 00000000 00000000 ")
	}
	w.hex(uint64(s.State.Type), 4)
	w.str(" 0")
	w.putByte(state)
	w.putByte(' ')
	w.pad(ino, 5, ' ')
	a := &s.State.Local
	for k := uint16(2); k < a.Length; k++ {
		if k == 2 {
			w.putByte(' ')
		}
		b := a.Bytes[k]
		if b == 0 {
			b = '@'
		}
		w.putByte(b)
	}
}

func (w *Text) netlinkSocket(i abi.SocketRef, ino uint64) {
	s, start := kmem.Socket(i), w.bytes
	w.hex(uint64(i), 16)
	w.str(" 0   ")
	w.num(uint64(sock.NetlinkPid(&s.State.Local)))
	w.align(start, 32)
	w.str("00000000 ")
	w.num(uint64(sock.Waits(s)))
	w.align(start, 50)
	w.str("0        0     2        0        ")
	w.num(ino)
	w.align(start, 91)
}
