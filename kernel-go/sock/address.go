package sock

import (
	"unsafe"

	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/kmem"
	"foreshore.dev/kernel/sched"
)

// Addresses lie in slots, or in the message in progress, and are written in place: as
// values, of a hundred bytes each, they would be a good part of the kernel.

const familyBytes = 2

func addrOf(a *abi.SocketAddress) uint32 { return kmem.Addr(unsafe.Pointer(a)) }

func copyAddress(to, from *abi.SocketAddress) {
	kmem.Copy(addrOf(to), addrOf(from), abi.SocketAddressSize)
}

// clearAddress makes an address of none, or of a family's without a name.
func clearAddress(a *abi.SocketAddress, family abi.AddressFamily) {
	kmem.Zero(addrOf(a), abi.SocketAddressSize)
	if family != abi.AF_UNSPEC {
		a.Length, a.Bytes[0] = familyBytes, byte(family)
	}
}

// bytesOf is an address as Linux has it.
func bytesOf(a *abi.SocketAddress) kmem.Span {
	return kmem.Span{Addr: addrOf(a) + abi.SocketAddressSize - uint32(len(a.Bytes)), Len: uint32(a.Length)}
}

// SetAddress makes an address of what a program has given. What is longer than any
// address keeps its length, and is refused by that.
func SetAddress(a *abi.SocketAddress, from kmem.Span) {
	kmem.Zero(addrOf(a), abi.SocketAddressSize)
	a.Length = uint16(from.Len)
	kmem.Copy(bytesOf(a).Addr, from.Addr, min(from.Len, uint32(len(a.Bytes))))
}

// PutAddress writes an address to dst, and says how long it is.
func PutAddress(dst kmem.Span, a *abi.SocketAddress) uint32 {
	kmem.Copy(dst.Addr, bytesOf(a).Addr, uint32(a.Length))
	return uint32(a.Length)
}

func sameName(a, b *abi.SocketAddress) bool {
	if a.Length != b.Length {
		return false
	}
	to := bytesOf(b).Bytes()
	for k, v := range bytesOf(a).Bytes() {
		if to[k] != v {
			return false
		}
	}
	return true
}

// FamilyOf is the family of an address: ok is false for one that is too short.
func FamilyOf(a *abi.SocketAddress) (family abi.AddressFamily, ok bool) {
	return abi.AddressFamily(a.Bytes[0]) | abi.AddressFamily(a.Bytes[1])<<8, a.Length >= familyBytes
}

// made is where an address is written that is made while a call runs.
func made(c *sched.Ctx) *abi.SocketAddress { return &current(c).made }

func setRemote(s *abi.SocketSlot, a *abi.SocketAddress) {
	kmem.WriteBegin(&s.Header)
	if copyAddress(&s.State.Remote, a); a.Length == 0 {
		clearAddress(&s.State.Remote, s.State.Family)
	}
	kmem.WriteEnd(&s.Header)
}

// setLocal gives a socket its name, and its peer the same for its peer's.
func setLocal(i abi.SocketRef, a *abi.SocketAddress) {
	s := kmem.Socket(i)
	sched.RecordEffect(abi.SyncEffectSocket)
	kmem.WriteBegin(&s.Header)
	copyAddress(&s.State.Local, a)
	s.State.Flags |= abi.SocketFlagBound
	kmem.WriteEnd(&s.Header)
	hashIn(i)
	if unix(s) && connects(s) && s.Live.Peer != 0 {
		setRemote(kmem.Socket(s.Live.Peer), a)
	}
}

// Bound sockets are found by their names: abstract ones by all bytes, those of the
// Internet by their port. A path's is found by its inode.

func bucketOf(a *abi.SocketAddress) *abi.SocketRef {
	if family, _ := FamilyOf(a); family == abi.AF_INET || family == abi.AF_INET6 {
		return portBucket(endpointOf(a).port)
	}
	h := uint32(2166136261)
	for _, b := range bytesOf(a).Bytes() {
		h = (h ^ uint32(b)) * 16777619
	}
	return bucket(h ^ h>>16)
}

func portBucket(port uint16) *abi.SocketRef { return bucket(uint32(port)) }

func bucket(h uint32) *abi.SocketRef {
	l := state()
	return &l.Bound[h%uint32(len(l.Bound))]
}

func hashIn(i abi.SocketRef) {
	s := kmem.Socket(i)
	head := bucketOf(&s.State.Local)
	s.Live.BoundNext, s.Live.BoundPrev = *head, 0
	if *head != 0 {
		kmem.Socket(*head).Live.BoundPrev = i
	}
	*head = i
}

// Name is the socket's own name, or its peer's: ENOTCONN without one.
func Name(c *sched.Ctx, i abi.SocketRef, peer bool) (*abi.SocketAddress, abi.Errno) {
	s := kmem.Socket(i)
	switch {
	case !peer && s.State.Local.Length != 0:
		return &s.State.Local, abi.OK
	case !peer && internet(s):
		putEndpoint(made(c), s.State.Family, anyOf(s.State.Family))
		return made(c), abi.OK
	case !peer && s.State.Family == abi.AF_NETLINK:
		putNetlink(made(c), 0)
		return made(c), abi.OK
	case !peer:
		clearAddress(made(c), s.State.Family)
		return made(c), abi.OK
	case s.State.Remote.Length == 0 || s.State.Phase == abi.SocketPhaseIdle || s.State.Phase == abi.SocketPhaseConnecting,
		tcp(s) && s.State.Phase == abi.SocketPhaseClosed:
		return nil, abi.ENOTCONN
	}
	return &s.State.Remote, abi.OK
}
