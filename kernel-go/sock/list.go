package sock

import "foreshore.dev/kernel/abi"

// takes: a datagram of n bytes finds its place in a socket's buffer, an empty one of
// which takes any.
func takes(s *abi.SocketSlot, n uint32) bool {
	return n <= queueOf(s).Room() && (s.State.Messages == 0 || Waits(s)+udpOverhead+n <= s.State.ReceiveBuffer)
}

// Waits is what /proc/net says that a socket has received: bytes, of datagrams with what
// they take beside them, of a listening socket connections.
func Waits(s *abi.SocketSlot) uint32 {
	switch {
	case s.State.Phase == abi.SocketPhaseListening:
		return s.State.Waiting
	case connects(s):
		return queueOf(s).Bytes()
	}
	return queueOf(s).Bytes() + s.State.Messages*udpOverhead
}
