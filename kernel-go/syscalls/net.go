package syscalls

import (
	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/file"
	"foreshore.dev/kernel/sched"
)

const (
	afInet  = 2
	afInet6 = 10
)

// There is no network: what needs one is refused at once, so that nothing
// waits for a time-out. Other families are not there at all.
func sysSocket(c *sched.Ctx) (uint64, abi.Errno) {
	if f := arg32(c, 0); f == afInet || f == afInet6 {
		return 0, abi.ENETUNREACH
	}
	return 0, abi.EAFNOSUPPORT
}

// Internet families have no socketpair(2) on Linux either; AF_UNIX is not there.
func sysSocketpair(c *sched.Ctx) (uint64, abi.Errno) {
	if f := arg32(c, 0); f == afInet || f == afInet6 {
		return 0, abi.EOPNOTSUPP
	}
	return 0, abi.EAFNOSUPPORT
}

// sysNotSocket is every call on a socket: no descriptor is one.
func sysNotSocket(c *sched.Ctx) (uint64, abi.Errno) {
	if _, e := file.Get(c, fdArg(c, 0)); e != abi.OK {
		return 0, e
	}
	return 0, abi.ENOTSOCK
}
