package sock

import "foreshore.dev/kernel/abi"

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
