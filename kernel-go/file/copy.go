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

// Copy is up to Count bytes of a regular file, from a position, for another file:
// to a position, or with PosCurrent to its own.
type Copy struct {
	From, To              abi.OfdRef
	FromPos, ToPos, Count uint64
}

// CopyOut makes a copy. What went out before it would block is the result; then
// the caller asks again for the rest. With ERESCHED the caller's positions have
// not moved, and FromPos is to be the same again.
func CopyOut(c *sched.Ctx, s *Copy) (uint64, abi.Errno) {
	o := kmem.Ofd(s.To)
	inode := kmem.Ofd(s.From).State.Inode
	vfs.Accessed(inode)
	to := beginOf(c, o, s.ToPos)
	done := min(progressOf(c), s.Count)
	e := abi.OK
	for done < s.Count && e == abi.OK {
		size := kmem.Inode(inode).State.Size
		at := s.FromPos + done
		if at >= size {
			break
		}
		offset := uint32(at) & kmem.PageMask
		n := min(uint64(kmem.PageSize-offset), size-at, s.Count-done)
		var frame uint32
		if frame, e = pagecache.Get(c, inode, uint32(at>>kmem.PageShift), false); e != abi.OK {
			break
		}
		kmem.RefFrame(frame)
		c.Piece = mm.Buf{Addr: uint64(frame + offset), Len: uint32(n)}
		var moved uint32
		moved, e = writeSome(c, s.To, transfer{buf: &c.Piece, pos: target(o, to.base+done, false), nonblock: o.State.Flags&abi.O_NONBLOCK != 0})
		kmem.UnrefFrame(frame)
		done += uint64(moved)
		if uint64(moved) < n {
			break
		}
		if e == abi.OK && done < s.Count && done&(copyPiece-1) < n {
			e = sched.GiveWay(c)
		}
	}
	if e == abi.ERESCHED {
		b := &c.T().State.Blocked
		b.Progress, b.TransferWait().Base = done, to.base
		return 0, e
	}
	return to.ended(c, o, done, e)
}

// Advance moves an OFD's own position.
func Advance(i abi.OfdRef, n uint64) { setPos(kmem.Ofd(i), kmem.Ofd(i).State.Pos+n) }
