package file

import (
	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/cred"
	"foreshore.dev/kernel/kmem"
	"foreshore.dev/kernel/mm"
	"foreshore.dev/kernel/sched"
	"foreshore.dev/kernel/sock"
)

// Interfaces as ioctl(2) of any socket tells of them (netdevice(7)): there is the
// loopback, and nobody changes it.

// ofFamilies are the sockets that know a request: all, those of IPv4, or of the
// Internet.
type ofFamilies uint8

const (
	ofAll ofFamilies = iota
	ofIpv4
	ofInternet
)

const nameBytes = uint32(len(abi.Ifreq{}.Name))

// loAnswers are the requests and how many bytes of an answer they have, the first eight
// of which are given; those without are for the privileged.
var loAnswers = [...]struct {
	value   uint64
	request uint16
	bytes   uint8
	of      ofFamilies
}{
	{uint64(sock.LoFlags), uint16(abi.SIOCGIFFLAGS), 2, ofAll},
	{sock.LoIndex, uint16(abi.SIOCGIFINDEX), 4, ofAll},
	{sock.LoMtu, uint16(abi.SIOCGIFMTU), 4, ofAll},
	{sock.LoTxQueue, uint16(abi.SIOCGIFTXQLEN), 4, ofAll},
	{uint64(abi.ARPHRD_LOOPBACK), uint16(abi.SIOCGIFHWADDR), 8, ofAll},
	{0, uint16(abi.SIOCGIFMETRIC), 4, ofAll},
	{0, uint16(abi.SIOCGIFMAP), 21, ofAll},
	{loAddress, uint16(abi.SIOCGIFADDR), abi.SockaddrInSize, ofIpv4},
	{loAddress, uint16(abi.SIOCGIFDSTADDR), abi.SockaddrInSize, ofIpv4},
	{uint64(abi.AF_INET), uint16(abi.SIOCGIFBRDADDR), abi.SockaddrInSize, ofIpv4},
	{uint64(abi.AF_INET) | 255<<32, uint16(abi.SIOCGIFNETMASK), abi.SockaddrInSize, ofIpv4},
	{0, uint16(abi.SIOCSIFFLAGS), 0, ofAll},
	{0, uint16(abi.SIOCSIFMETRIC), 0, ofAll},
	{0, uint16(abi.SIOCSIFMTU), 0, ofAll},
	{0, uint16(abi.SIOCSIFNAME), 0, ofAll},
	{0, uint16(abi.SIOCSIFHWADDR), 0, ofAll},
	{0, uint16(abi.SIOCSIFTXQLEN), 0, ofAll},
	{0, uint16(abi.SIOCADDMULTI), 0, ofAll},
	{0, uint16(abi.SIOCDELMULTI), 0, ofAll},
	{0, uint16(abi.SIOCSIFADDR), 0, ofInternet},
	{0, uint16(abi.SIOCADDRT), 0, ofInternet},
	{0, uint16(abi.SIOCDELRT), 0, ofInternet},
	{0, uint16(abi.SIOCSIFDSTADDR), 0, ofIpv4},
	{0, uint16(abi.SIOCSIFBRDADDR), 0, ofIpv4},
	{0, uint16(abi.SIOCSIFNETMASK), 0, ofIpv4},
}

// loAddress is 127.0.0.1 as the first half of a struct sockaddr_in.
const loAddress = uint64(abi.AF_INET) | (127|1<<24)<<32

// controlInterface is ioctl(2) of a socket, about interfaces: ENOTTY for what is not.
func controlInterface(c *sched.Ctx, s *abi.SocketSlot, request abi.Ioctl, va uint64) abi.Errno {
	switch request {
	case abi.SIOCGIFCONF:
		return listInterfaces(c, va)
	case abi.SIOCGIFNAME:
		return nameInterface(c, va)
	}
	for k := range loAnswers {
		x := &loAnswers[k]
		if uint32(x.request) != uint32(request) {
			continue
		}
		if family := s.State.Family; x.of != ofAll && family != abi.AF_INET && (x.of == ofIpv4 || family != abi.AF_INET6) {
			break
		}
		if e := mm.CopyIn(c, c.InPage(abi.IfreqSize), va); e != abi.OK {
			return e
		}
		if x.bytes == 0 && !cred.Has(c, abi.CAP_NET_ADMIN) {
			return abi.EPERM
		}
		if !namesLoopback(kmem.Bytes(c.Page, nameBytes)) {
			return abi.ENODEV
		}
		if x.bytes == 0 {
			if request == abi.SIOCSIFFLAGS && kmem.Load32(c.Page+nameBytes)&uint32(abi.IFF_UP) != 0 {
				return abi.OK // it is up already
			}
			return abi.EOPNOTSUPP
		}
		kmem.Zero(c.Page, abi.IfreqSize)
		kmem.Store64(c.Page, x.value)
		return mm.CopyOut(c, va+uint64(nameBytes), c.InPage(uint32(x.bytes)))
	}
	return abi.ENOTTY
}

// namesLoopback: what follows a colon is somebody's label.
func namesLoopback(name []byte) bool {
	return name[0] == 'l' && name[1] == 'o' && (name[2] == 0 || name[2] == ':')
}

// putLoopback makes a struct ifreq in c.Page, of the loopback.
func putLoopback(c *sched.Ctx) {
	kmem.Zero(c.Page, abi.IfreqSize)
	copy(kmem.Bytes(c.Page, 2), "lo")
}

func nameInterface(c *sched.Ctx, va uint64) abi.Errno {
	index, e := mm.Load32(c, va+uint64(nameBytes))
	switch {
	case e != abi.OK:
		return e
	case index != sock.LoIndex:
		return abi.ENODEV
	}
	putLoopback(c)
	return mm.CopyOut(c, va, c.InPage(nameBytes))
}

// listInterfaces tells of all that have an address of IPv4, or how much room that takes.
func listInterfaces(c *sched.Ctx, va uint64) abi.Errno {
	if e := mm.CopyIn(c, c.InPage(abi.IfconfSize), va); e != abi.OK {
		return e
	}
	f := (*abi.Ifconf)(kmem.Ptr(c.Page))
	room, buf, n := f.Len, f.Buf, uint32(abi.IfreqSize)
	if buf != 0 {
		if room < int32(n) {
			n = 0
		}
		putLoopback(c)
		kmem.Store64(c.Page+nameBytes, loAddress)
		if e := mm.CopyOut(c, buf, c.InPage(n)); e != abi.OK {
			return e
		}
	}
	return mm.Store32(c, va, n)
}
