package vfs

import (
	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/kmem"
	"foreshore.dev/kernel/sched"
)

// Directory reading. A position is the cookie of the next entry: 0 is ".", 1
// is "..", the others are the entries' own cookies, which only ever grow. So a
// removal or an addition between two reads neither hides nor repeats another
// entry.

const direntHeader = 19 // offset of d_name in struct linux_dirent64

func direntType(mode abi.FileMode) abi.DirentType { return abi.DirentType(mode & abi.S_IFMT >> 12) }

// Readdir writes linux_dirent64 records from a place on, as many as fit, and moves
// it behind them. It returns the bytes; EINVAL when not even the first record fits.
func Readdir(c *sched.Ctx, dir abi.DentryRef, at *sched.DirPlace, dst kmem.Span) (uint32, abi.Errno) {
	inode := InodeOf(dir)
	done := uint32(0)
	for at.Pos < firstCookie {
		ino := kmem.Inode(inode).State.Ino
		n := uint32(1)
		if at.Pos == 1 {
			up := parentOf(dir, RootOf(c))
			ino = kmem.Inode(InodeOf(up)).State.Ino
			Put(up)
			n = 2
		}
		name := dirent{abi.DT_DIR, ino, at.Pos + 1}.put(dst.From(done), n)
		if name == 0 {
			return ended(done)
		}
		copy(kmem.Bytes(name, n), "..")
		done += recordLen(n)
		at.Pos++
	}
	if Generated(inode) {
		n, e := readDynamic(c, inode, at, dst.From(done))
		if e == abi.EINVAL && done != 0 {
			e = abi.OK
		}
		return done + n, e
	}
	for i := firstFrom(dir, at.Pos, at.Next); i != 0; i = kmem.Dentry(i).NextChild {
		d := kmem.Dentry(i)
		s := &kmem.Inode(d.Inode).State
		to := dirent{direntType(s.Mode), s.Ino, uint64(d.Cookie) + 1}.put(dst.From(done), uint32(d.NameLength))
		if to == 0 {
			at.Next = abi.SlotHandle{Index: uint32(i), Generation: d.Header.Generation.Load()}
			return ended(done)
		}
		kmem.Copy(to, nameAddr(i), uint32(d.NameLength))
		done += recordLen(uint32(d.NameLength))
		at.Pos = uint64(d.Cookie) + 1
	}
	at.Next = abi.SlotHandle{}
	return done, abi.OK
}

// firstFrom is the first entry at or behind a position. The hint is the entry
// that the last read ended at, if it is still that.
func firstFrom(dir abi.DentryRef, pos uint64, hint abi.SlotHandle) abi.DentryRef {
	l := &kmem.Inode(InodeOf(dir)).Live
	if i := kmem.Lookup[abi.DentryRef](hint); i != 0 {
		d := kmem.Dentry(i)
		if d.Flags&abi.DentryFlagLinked != 0 && d.Parent == dir && uint64(d.Cookie) >= pos {
			if d.PrevChild == 0 || uint64(kmem.Dentry(d.PrevChild).Cookie) < pos {
				return i
			}
		}
	}
	if tail := l.ChildTail; tail == 0 || uint64(kmem.Dentry(tail).Cookie) < pos {
		return 0
	}
	for i := l.ChildHead; i != 0; i = kmem.Dentry(i).NextChild {
		if uint64(kmem.Dentry(i).Cookie) >= pos {
			return i
		}
	}
	return 0
}

// ended is the result of a read that found no room for another record.
func ended(done uint32) (uint32, abi.Errno) {
	if done == 0 {
		return 0, abi.EINVAL
	}
	return done, abi.OK
}

func recordLen(name uint32) uint32 { return (direntHeader + name + 1 + 7) &^ 7 }

// dirent is what an entry says beside its name; next is the position behind it.
type dirent struct {
	kind      abi.DirentType
	ino, next uint64
}

// put writes an entry with room for a name of n bytes to where that is returned; 0
// when it does not fit.
func (d dirent) put(dst kmem.Span, n uint32) (name uint32) {
	if recordLen(n) > dst.Len {
		return 0
	}
	kmem.Zero(dst.Addr, recordLen(n))
	r := (*abi.Dirent64)(kmem.Ptr(dst.Addr))
	r.Ino, r.Off, r.Reclen, r.Type = d.ino, int64(d.next), uint16(recordLen(n)), uint8(d.kind)
	return dst.Addr + direntHeader
}

func readDynamic(c *sched.Ctx, inode abi.InodeRef, at *sched.DirPlace, dst kmem.Span) (uint32, abi.Errno) {
	done := uint32(0)
	name := c.Page
	for {
		after, n, dtype, ino := fsOf(inode).dynamic.Next(c, inode, at.Pos, name)
		if after == 0 {
			return done, abi.OK
		}
		to := dirent{dtype, ino, after}.put(dst.From(done), n)
		if to == 0 {
			return ended(done)
		}
		kmem.Copy(to, name, n)
		done += recordLen(n)
		at.Pos = after
	}
}
