package syscalls

import (
	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/file"
	"foreshore.dev/kernel/kmem"
	"foreshore.dev/kernel/mm"
	"foreshore.dev/kernel/sched"
)

// bufOf makes the user buffer of arguments i (address) and i+1 (length) the one
// of the transfer; lengths are cut to MAX_RW_COUNT.
func bufOf(c *sched.Ctx, i int) *mm.Buf {
	b := &c.Buf
	b.As, b.Addr = c.As, c.Arg(i)
	b.Len = uint32(min(c.Arg(i+1), uint64(abi.MAX_RW_COUNT)))
	return b
}

func sysRead(c *sched.Ctx) (uint64, abi.Errno) {
	ofd, e := file.Get(c, fdArg(c, 0))
	if e != abi.OK {
		return 0, e
	}
	n, e := file.Read(c, ofd, bufOf(c, 1), file.PosCurrent)
	return uint64(n), e
}

func sysWrite(c *sched.Ctx) (uint64, abi.Errno) {
	ofd, e := file.Get(c, fdArg(c, 0))
	if e != abi.OK {
		return 0, e
	}
	n, e := file.Write(c, ofd, bufOf(c, 1), file.At{Pos: file.PosCurrent})
	return uint64(n), e
}

// positioned is the OFD of a transfer at a position of its own: EINVAL for a
// negative one, ESPIPE where there are none.
func positioned(c *sched.Ctx, pos uint64) (abi.OfdRef, abi.Errno) {
	if int64(pos) < 0 {
		return 0, abi.EINVAL
	}
	ofd, e := file.Get(c, fdArg(c, 0))
	if e == abi.OK && !file.Seekable(ofd) {
		return 0, abi.ESPIPE
	}
	return ofd, e
}

func sysPread64(c *sched.Ctx) (uint64, abi.Errno) {
	ofd, e := positioned(c, c.Arg(3))
	if e != abi.OK {
		return 0, e
	}
	n, e := file.Read(c, ofd, bufOf(c, 1), c.Arg(3))
	return uint64(n), e
}

func sysPwrite64(c *sched.Ctx) (uint64, abi.Errno) {
	ofd, e := positioned(c, c.Arg(3))
	if e != abi.OK {
		return 0, e
	}
	n, e := file.Write(c, ofd, bufOf(c, 1), file.At{Pos: c.Arg(3)})
	return uint64(n), e
}

// vecIn copies the iovecs of arguments 1 and 2 into c.Vec and checks them; the total
// is cut to MAX_RW_COUNT. A call that is made again goes on with those that it held
// (vecOver).
func vecIn(c *sched.Ctx) (mm.Iovecs, abi.Errno) {
	if vec, ok := file.HeldIovecs(c, c.Vec); ok {
		return vec, abi.OK
	}
	_, e := iovecsIn(c, c.Vec, 1)
	return mm.Iovecs{Addr: c.Vec, Count: arg32(c, 2)}, e
}

// iovecsIn copies the iovecs of arguments i (address) and i+1 (how many) to linear
// memory and returns how many bytes they are, cut to MAX_RW_COUNT: EINVAL for more than
// IOV_MAX or a negative length.
func iovecsIn(c *sched.Ctx, to uint32, i int) (total uint64, e abi.Errno) {
	count := c.Arg(i + 1)
	if count > uint64(abi.IOV_MAX) {
		return 0, abi.EINVAL
	}
	return iovecsAt(c, mm.Iovecs{Addr: to, Count: uint32(count)}, c.Arg(i))
}

// iovecsAt is iovecsIn from an address, of as many as there can be.
func iovecsAt(c *sched.Ctx, vec mm.Iovecs, va uint64) (total uint64, e abi.Errno) {
	if e := mm.CopyIn(c, kmem.Span{Addr: vec.Addr, Len: vec.Count * abi.IovecSize}, va); e != abi.OK {
		return 0, e
	}
	for k := range vec.Count {
		v := vec.At(k)
		if int64(v.Len) < 0 {
			return 0, abi.EINVAL
		}
		v.Len = min(v.Len, uint64(abi.MAX_RW_COUNT)-total)
		total += v.Len
	}
	return total, abi.OK
}

// vecOver is a transfer that is over, unless it goes on with the same iovecs.
func vecOver(c *sched.Ctx, vec mm.Iovecs, n uint32, e abi.Errno) (uint64, abi.Errno) {
	if sched.GoesOn(e) {
		file.HoldIovecs(c, vec)
	}
	return uint64(n), e
}

// vectored is a read or write of iovecs at a position; RWF_* flags as
// preadv2(2) has them.
func vectored(c *sched.Ctx, pos uint64, flags abi.RwfFlag, write bool) (uint64, abi.Errno) {
	known := abi.RWF_HIPRI | abi.RWF_DSYNC | abi.RWF_SYNC
	if write {
		known |= abi.RWF_APPEND
	}
	if flags&^known != 0 {
		return 0, abi.EOPNOTSUPP
	}
	var ofd abi.OfdRef
	var e abi.Errno
	if pos == file.PosCurrent {
		ofd, e = file.Get(c, fdArg(c, 0))
	} else {
		ofd, e = positioned(c, pos)
	}
	if e != abi.OK {
		return 0, e
	}
	vec, e := vecIn(c)
	if e != abi.OK {
		return 0, e
	}
	var n uint32
	if write {
		n, e = file.WriteVec(c, ofd, vec, file.At{Pos: pos, Append: flags&abi.RWF_APPEND != 0})
	} else {
		n, e = file.ReadVec(c, ofd, vec, pos)
	}
	return vecOver(c, vec, n, e)
}

func sysReadv(c *sched.Ctx) (uint64, abi.Errno) { return vectored(c, file.PosCurrent, 0, false) }

func sysWritev(c *sched.Ctx) (uint64, abi.Errno) { return vectored(c, file.PosCurrent, 0, true) }

func sysPreadv(c *sched.Ctx) (uint64, abi.Errno) {
	if int64(c.Arg(3)) < 0 {
		return 0, abi.EINVAL
	}
	return vectored(c, c.Arg(3), 0, false)
}

func sysPwritev(c *sched.Ctx) (uint64, abi.Errno) {
	if int64(c.Arg(3)) < 0 {
		return 0, abi.EINVAL
	}
	return vectored(c, c.Arg(3), 0, true)
}

func sysPreadv2(c *sched.Ctx) (uint64, abi.Errno) {
	return vectored(c, c.Arg(3), abi.RwfFlag(arg32(c, 5)), false)
}

func sysPwritev2(c *sched.Ctx) (uint64, abi.Errno) {
	return vectored(c, c.Arg(3), abi.RwfFlag(arg32(c, 5)), true)
}

func sysLseek(c *sched.Ctx) (uint64, abi.Errno) {
	ofd, e := file.Get(c, fdArg(c, 0))
	if e != abi.OK {
		return 0, e
	}
	return file.Seek(ofd, int64(c.Arg(1)), abi.SeekWhence(arg32(c, 2)))
}

func sysGetdents64(c *sched.Ctx) (uint64, abi.Errno) {
	ofd, e := file.Get(c, fdArg(c, 0))
	if e != abi.OK {
		return 0, e
	}
	// Through the scratch area: what is there goes out, the rest comes next
	// time.
	max := min(arg32(c, 2), kmem.VecBytes)
	n, e := file.Readdir(c, ofd, c.InVec(max))
	if e != abi.OK || n == 0 {
		return 0, e
	}
	if e := mm.CopyOut(c, c.Arg(1), c.InVec(n)); e != abi.OK {
		return 0, e
	}
	file.ReaddirDone(c, ofd)
	return uint64(n), abi.OK
}
