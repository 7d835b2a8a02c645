package syscalls

import (
	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/file"
	"foreshore.dev/kernel/kmem"
	"foreshore.dev/kernel/sched"
)

const spliceFlags = abi.SPLICE_F_MOVE | abi.SPLICE_F_NONBLOCK | abi.SPLICE_F_MORE | abi.SPLICE_F_GIFT

// ends are the OFDs of a splice's descriptors a and b, open for reading and
// for writing.
func ends(c *sched.Ctx, a, b int) (from, to abi.OfdRef, e abi.Errno) {
	if from, e = file.Get(c, fdArg(c, a)); e != abi.OK {
		return 0, 0, e
	}
	if to, e = file.Get(c, fdArg(c, b)); e != abi.OK {
		return 0, 0, e
	}
	if !file.ForReading(from) || !file.ForWriting(to) {
		return 0, 0, abi.EBADF
	}
	return from, to, abi.OK
}

func samePipe(a, b abi.OfdRef) bool {
	return file.IsPipe(a) && file.IsPipe(b) && kmem.PipeOf(kmem.Ofd(a)) == kmem.PipeOf(kmem.Ofd(b))
}

// spliceOffset is the position on the side of argument i that is no pipe, or
// file.PosCurrent.
func spliceOffset(c *sched.Ctx, i int, ofd abi.OfdRef) (uint64, abi.Errno) {
	if c.Arg(i) == 0 {
		return file.PosCurrent, abi.OK
	}
	if !file.Seekable(ofd) {
		return 0, abi.EINVAL
	}
	return offsetIn(c, i, ofd)
}

func sysSplice(c *sched.Ctx) (uint64, abi.Errno) {
	flags := abi.SpliceFlag(arg32(c, 5))
	count := min(c.Arg(4), uint64(abi.MAX_RW_COUNT))
	if count == 0 {
		return 0, abi.OK
	}
	if flags&^spliceFlags != 0 {
		return 0, abi.EINVAL
	}
	from, to, e := ends(c, 0, 2)
	if e != abi.OK {
		return 0, e
	}
	inPipe, outPipe := file.IsPipe(from), file.IsPipe(to)
	switch {
	case !inPipe && !outPipe, samePipe(from, to):
		return 0, abi.EINVAL
	case inPipe && c.Arg(1) != 0, outPipe && c.Arg(3) != 0:
		return 0, abi.ESPIPE
	case !inPipe && !file.Splices(from, false), !outPipe && !file.Splices(to, true):
		return 0, abi.EINVAL
	}
	s := file.Splice{From: from, To: to, Count: count, Nonblock: flags&abi.SPLICE_F_NONBLOCK != 0}
	var n uint64
	if inPipe {
		if kmem.Ofd(to).State.Flags&abi.O_APPEND != 0 {
			return 0, abi.EINVAL
		}
		if s.Pos, e = spliceOffset(c, 3, to); e != abi.OK {
			return 0, e
		}
		if n, e = file.SpliceOut(c, &s); e != abi.OK || c.Arg(3) == 0 {
			return n, e
		}
		return n, offsetOut(c, 3, s.Pos+n)
	}
	if s.Pos, e = spliceOffset(c, 1, from); e != abi.OK {
		return 0, e
	}
	if n, e = file.SpliceIn(c, &s); e != abi.OK || c.Arg(1) == 0 {
		return n, e
	}
	return n, offsetOut(c, 1, s.Pos+n)
}

func sysTee(c *sched.Ctx) (uint64, abi.Errno) {
	flags := abi.SpliceFlag(arg32(c, 3))
	if flags&^spliceFlags != 0 {
		return 0, abi.EINVAL
	}
	if c.Arg(2) == 0 {
		return 0, abi.OK
	}
	from, to, e := ends(c, 0, 1)
	if e != abi.OK {
		return 0, e
	}
	if !file.IsPipe(from) || !file.IsPipe(to) || samePipe(from, to) {
		return 0, abi.EINVAL
	}
	return file.Tee(c, &file.Splice{From: from, To: to, Count: min(c.Arg(2), uint64(abi.MAX_RW_COUNT)), Nonblock: flags&abi.SPLICE_F_NONBLOCK != 0})
}

// vmsplice(2) copies: pages are not given away. Its descriptor's O_NONBLOCK does
// not count, as on Linux.
func sysVmsplice(c *sched.Ctx) (uint64, abi.Errno) {
	flags := abi.SpliceFlag(arg32(c, 3))
	if flags&^spliceFlags != 0 {
		return 0, abi.EINVAL
	}
	ofd, e := file.Get(c, fdArg(c, 0))
	if e != abi.OK {
		return 0, e
	}
	if !file.IsPipe(ofd) {
		return 0, abi.EBADF
	}
	vec, e := vecIn(c)
	if e != abi.OK {
		return 0, e
	}
	n, e := file.SpliceVec(c, ofd, vec, flags&abi.SPLICE_F_NONBLOCK != 0)
	return vecOver(c, vec, n, e)
}
