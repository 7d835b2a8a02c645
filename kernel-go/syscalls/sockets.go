package syscalls

import (
	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/file"
	"foreshore.dev/kernel/kmem"
	"foreshore.dev/kernel/mm"
	"foreshore.dev/kernel/sched"
	"foreshore.dev/kernel/sock"
)

// Sockets: making, naming and connecting them, and their options. What moves bytes is
// in sockets_message.go.

const (
	socketFlags = abi.SOCK_NONBLOCK | abi.SOCK_CLOEXEC
	// addressMost is sizeof(struct sockaddr_storage).
	addressMost = 128
	ipv4Most    = 256
)

// socketKind checks what socket(2) and socketpair(2) are asked for.
func socketKind(c *sched.Ctx) (k sock.Kind, flags abi.OpenFlag, e abi.Errno) {
	family, kind, protocol := arg32(c, 0), abi.SocketType(arg32(c, 1)), arg32(c, 2)
	flags = abi.OpenFlag(kind & socketFlags)
	kind &^= socketFlags
	if kind > abi.SOCK_PACKET {
		return k, 0, abi.EINVAL
	}
	k = sock.Kind{Family: abi.AddressFamily(family), Type: kind, Protocol: protocol}
	if family > 0xffff {
		return k, 0, abi.EAFNOSUPPORT
	}
	e = sock.Check(&k) // first: it completes k
	return k, flags, e
}

// opened gives a socket its description and descriptor.
func opened(c *sched.Ctx, i abi.SocketRef, flags abi.OpenFlag) (uint64, abi.Errno) {
	ofd, e := file.NewSocket(c, i, flags)
	if e != abi.OK {
		return 0, e
	}
	fd, e := file.NewFd(c, ofd, flags&abi.O_CLOEXEC != 0)
	return uint64(fd), e
}

func sysSocket(c *sched.Ctx) (uint64, abi.Errno) {
	k, flags, e := socketKind(c)
	if e != abi.OK {
		return 0, e
	}
	i, e := sock.New(k)
	if e != abi.OK {
		return 0, e
	}
	return opened(c, i, flags)
}

func sysSocketpair(c *sched.Ctx) (uint64, abi.Errno) {
	k, flags, e := socketKind(c)
	if e != abi.OK {
		return 0, e
	}
	if k.Family != abi.AF_UNIX {
		return 0, abi.EOPNOTSUPP
	}
	if e := mm.Await(c, c.Arg(3), 8); e != abi.OK {
		return 0, e
	}
	a, e := sock.New(k)
	if e != abi.OK {
		return 0, e
	}
	b, e := sock.New(k)
	if e != abi.OK {
		sock.Release(c, a)
		return 0, e
	}
	sock.Pair(c, a, b)
	first, e := opened(c, a, flags)
	if e != abi.OK {
		sock.Release(c, b)
		return 0, e
	}
	second, e := opened(c, b, flags)
	if e == abi.OK {
		kmem.Store64(c.Page, first|second<<32)
		e = mm.CopyOut(c, c.Arg(3), c.InPage(8))
		if e != abi.OK {
			file.Close(c, int32(second))
		}
	}
	if e != abi.OK {
		file.Close(c, int32(first))
	}
	return 0, e
}

// socketArg is the socket of descriptor argument 0, and whether it is O_NONBLOCK.
func socketArg(c *sched.Ctx) (i abi.SocketRef, nonblock bool, e abi.Errno) {
	ofd, e := file.Get(c, fdArg(c, 0))
	if e != abi.OK {
		return 0, false, e
	}
	i, e = file.SocketOf(ofd)
	return i, kmem.Ofd(ofd).State.Flags&abi.O_NONBLOCK != 0, e
}

// addressIn copies a struct sockaddr of `length` bytes from a program: EINVAL for one
// that cannot be.
func addressIn(c *sched.Ctx, to *abi.SocketAddress, va uint64, length int32) abi.Errno {
	if length < 0 || length > addressMost {
		return abi.EINVAL
	}
	n := uint32(length)
	if e := mm.CopyIn(c, c.InPage(n), va); e != abi.OK {
		return e
	}
	sock.SetAddress(to, c.InPage(n))
	return abi.OK
}

// nameArg is the address of arguments 1 and 2.
func nameArg(c *sched.Ctx) (*abi.SocketAddress, abi.Errno) {
	m := sock.Begin(c, 0)
	e := addressIn(c, &m.Name, c.Arg(1), int32(arg32(c, 2)))
	return &m.Name, e
}

// addressOut copies an address to a program that has room for as much as the word at
// `lengthVa` says, and tells there how long it is.
func addressOut(c *sched.Ctx, a *abi.SocketAddress, va, lengthVa uint64) abi.Errno {
	room, e := mm.Load32(c, lengthVa)
	if e != abi.OK {
		return e
	}
	if int32(room) < 0 {
		return abi.EINVAL
	}
	n := addressToPage(c, a)
	if e := mm.CopyOut(c, va, c.InPage(min(n, room))); e != abi.OK {
		return e
	}
	return mm.Store32(c, lengthVa, n)
}

// addressToPage puts an address into c.Page as programs see it: paths end with a NUL.
func addressToPage(c *sched.Ctx, a *abi.SocketAddress) uint32 {
	kmem.Zero(c.Page, addressMost)
	n := sock.PutAddress(c.InPage(addressMost), a)
	if a.Bytes[0] == byte(abi.AF_UNIX) && n > 2 && a.Bytes[2] != 0 {
		n++
	}
	return n
}

func sysBind(c *sched.Ctx) (uint64, abi.Errno) {
	i, _, e := socketArg(c)
	if e != abi.OK {
		return 0, e
	}
	a, e := nameArg(c)
	if e != abi.OK {
		return 0, e
	}
	return 0, sock.Bind(c, i, a)
}

func sysListen(c *sched.Ctx) (uint64, abi.Errno) {
	i, _, e := socketArg(c)
	if e != abi.OK {
		return 0, e
	}
	return 0, sock.Listen(c, i, int32(arg32(c, 1)))
}

func sysConnect(c *sched.Ctx) (uint64, abi.Errno) {
	i, nonblock, e := socketArg(c)
	if e != abi.OK {
		return 0, e
	}
	a, e := nameArg(c)
	if e != abi.OK {
		return 0, e
	}
	return 0, sock.Connect(c, i, a, nonblock)
}

func sysAccept(c *sched.Ctx) (uint64, abi.Errno) { return accept(c, 0) }

func sysAccept4(c *sched.Ctx) (uint64, abi.Errno) { return accept(c, abi.SocketType(arg32(c, 3))) }

func accept(c *sched.Ctx, flags abi.SocketType) (uint64, abi.Errno) {
	i, nonblock, e := socketArg(c)
	switch {
	case e != abi.OK:
		return 0, e
	case flags&^socketFlags != 0:
		return 0, abi.EINVAL
	}
	if _, e := file.FreeFd(c, 0); e != abi.OK {
		return 0, e
	}
	if c.Arg(1) != 0 {
		if e := mm.Await(c, c.Arg(1), addressMost); e != abi.OK {
			return 0, e
		}
		if e := mm.Await(c, c.Arg(2), 4); e != abi.OK {
			return 0, e
		}
	}
	n, e := sock.Accept(c, i, nonblock)
	if e != abi.OK {
		return 0, e
	}
	fd, e := opened(c, n, abi.OpenFlag(flags))
	if e != abi.OK || c.Arg(1) == 0 {
		return fd, e
	}
	a, e := sock.Name(c, n, true)
	if e != abi.OK {
		a, _ = sock.Name(c, n, false) // it has gone already
	}
	if e := addressOut(c, a, c.Arg(1), c.Arg(2)); e != abi.OK {
		file.Close(c, int32(fd))
		return 0, e
	}
	return fd, abi.OK
}

func sysGetsockname(c *sched.Ctx) (uint64, abi.Errno) { return nameOut(c, false) }

func sysGetpeername(c *sched.Ctx) (uint64, abi.Errno) { return nameOut(c, true) }

func nameOut(c *sched.Ctx, peer bool) (uint64, abi.Errno) {
	i, _, e := socketArg(c)
	if e != abi.OK {
		return 0, e
	}
	a, e := sock.Name(c, i, peer)
	if e != abi.OK {
		return 0, e
	}
	return 0, addressOut(c, a, c.Arg(1), c.Arg(2))
}

func sysShutdown(c *sched.Ctx) (uint64, abi.Errno) {
	i, _, e := socketArg(c)
	if e != abi.OK {
		return 0, e
	}
	return 0, sock.Shutdown(c, i, abi.ShutdownHow(arg32(c, 1)))
}

func optionArg(c *sched.Ctx) sock.Option {
	return sock.Option{Level: abi.SocketLevel(arg32(c, 1)), Name: arg32(c, 2)}
}

// optionMost is as much of an option's value as is looked at.
const optionMost = 1024

func sysSetsockopt(c *sched.Ctx) (uint64, abi.Errno) {
	i, _, e := socketArg(c)
	if e != abi.OK {
		return 0, e
	}
	length := int32(arg32(c, 4))
	if length < 0 {
		return 0, abi.EINVAL
	}
	value := c.InPage(min(uint32(length), optionMost))
	kmem.Zero(c.Page, optionMost)
	if e := mm.CopyIn(c, value, c.Arg(3)); e != abi.OK {
		return 0, e
	}
	return 0, sock.Set(c, i, optionArg(c), value)
}

func sysGetsockopt(c *sched.Ctx) (uint64, abi.Errno) {
	i, _, e := socketArg(c)
	if e != abi.OK {
		return 0, e
	}
	room, e := mm.Load32(c, c.Arg(4))
	if e != abi.OK {
		return 0, e
	}
	if int32(room) < 0 {
		return 0, abi.EINVAL
	}
	if e := mm.Await(c, c.Arg(3), min(room, optionMost)); e != abi.OK {
		return 0, e
	}
	n, e := sock.Get(c, i, optionArg(c), c.InVec(optionMost))
	if e != abi.OK {
		return 0, e
	}
	n = min(n, room)
	if e := mm.CopyOut(c, c.Arg(3), c.InVec(n)); e != abi.OK {
		return 0, e
	}
	return 0, mm.Store32(c, c.Arg(4), n)
}
