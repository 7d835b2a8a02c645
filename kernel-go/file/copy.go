package file

import (
	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/kmem"
	"foreshore.dev/kernel/mm"
	"foreshore.dev/kernel/pagecache"
	"foreshore.dev/kernel/sched"
	"foreshore.dev/kernel/vfs"
)

// Copies between files inside the kernel: the source's page-cache frames are
// the buffer.

// copyPiece is after how many bytes a copy looks whether others are to have a turn.
const copyPiece = 64 << 10

// CopyOut sends up to count bytes of regular file `in`, from pos on, to OFD
// `out`: at outPos, or at its own position. What went out before it would block
// is the result; then the caller asks again for the rest. With ERESCHED the
// caller's positions have not moved, and pos is to be the same again.
func CopyOut(c *sched.Ctx, out, in abi.OfdRef, pos uint64, outPos, count uint64) (uint64, abi.Errno) {
	o := kmem.Ofd(out)
	inode := kmem.Ofd(in).State.Inode
	vfs.Accessed(inode)
	base := baseOf(c, o, outPos)
	done := min(progressOf(c), count)
	e := abi.OK
	for done < count && e == abi.OK {
		size := kmem.Inode(inode).State.Size
		at := pos + done
		if at >= size {
			break
		}
		offset := uint32(at) & kmem.PageMask
		n := min(uint64(kmem.PageSize-offset), size-at, count-done)
		var frame uint32
		if frame, e = pagecache.Get(c, inode, uint32(at>>kmem.PageShift), false); e != abi.OK {
			break
		}
		kmem.RefFrame(frame)
		c.Piece = mm.Buf{Addr: uint64(frame + offset), Len: uint32(n)}
		var moved uint32
		to := base + done
		if o.State.Flags&abi.O_APPEND != 0 && o.State.Kind == abi.OfdKindFile {
			to = kmem.Inode(o.State.Inode).State.Size
		}
		moved, e = writeSome(c, out, &c.Piece, to, o.State.Flags&abi.O_NONBLOCK != 0)
		kmem.UnrefFrame(frame)
		done += uint64(moved)
		if uint64(moved) < n {
			break
		}
		if e == abi.OK && done < count && done&(copyPiece-1) < n {
			e = sched.GiveWay(c)
		}
	}
	if e == abi.ERESCHED {
		b := &c.T().State.Blocked
		b.Progress, b.TransferWait().Base = done, base
		return 0, e
	}
	if done != 0 {
		if e == abi.EBLOCKED {
			sched.CancelWaits(c)
		}
		if outPos == PosCurrent && seekable(o) {
			setPos(o, base+done)
		}
		return done, abi.OK
	}
	return 0, e
}

// Advance moves an OFD's own position.
func Advance(i abi.OfdRef, n uint64) { setPos(kmem.Ofd(i), kmem.Ofd(i).State.Pos+n) }
