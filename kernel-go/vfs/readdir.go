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

// Readdir writes linux_dirent64 records from *pos on, at most max bytes, and
// moves *pos behind them. It returns the bytes; EINVAL when not even the first
// record fits. *hint may hold what an earlier call left there.
func Readdir(c *sched.Ctx, dir abi.DentryRef, pos *uint64, hint *abi.SlotHandle, dst, max uint32) (uint32, abi.Errno) {
	inode := InodeOf(dir)
	done := uint32(0)
	for *pos < firstCookie {
		ino := kmem.Inode(inode).State.Ino
		n := uint32(1)
		if *pos == 1 {
			up := parentOf(dir, RootOf(c))
			ino = kmem.Inode(InodeOf(up)).State.Ino
			Put(up)
			n = 2
		}
		if !dots(dst+done, max-done, n, ino, *pos+1) {
			return ended(done)
		}
		done += recordLen(n)
		*pos++
	}
	if Generated(inode) {
		return readDynamic(c, inode, pos, dst, max, done)
	}
	for i := firstFrom(dir, *pos, *hint); i != 0; i = kmem.Dentry(i).NextChild {
		d := kmem.Dentry(i)
		s := &kmem.Inode(d.Inode).State
		if !record(dst+done, max-done, nameAddr(i), uint32(d.NameLength), direntType(s.Mode), s.Ino, uint64(d.Cookie)+1) {
			*hint = abi.SlotHandle{Index: uint32(i), Generation: d.Header.Generation.Load()}
			return ended(done)
		}
		done += recordLen(uint32(d.NameLength))
		*pos = uint64(d.Cookie) + 1
	}
	*hint = abi.SlotHandle{}
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

func header(dst, n uint32, dtype abi.DirentType, ino, next uint64) {
	kmem.Zero(dst, recordLen(n))
	r := (*abi.Dirent64)(kmem.Ptr(dst))
	r.Ino, r.Off, r.Reclen, r.Type = ino, int64(next), uint16(recordLen(n)), uint8(dtype)
}

// record writes one entry; false when it does not fit.
func record(dst, room, name, n uint32, dtype abi.DirentType, ino, next uint64) bool {
	if recordLen(n) > room {
		return false
	}
	header(dst, n, dtype, ino, next)
	kmem.Copy(dst+direntHeader, name, n)
	return true
}

// dots writes "." or "..".
func dots(dst, room, n uint32, ino, next uint64) bool {
	if recordLen(n) > room {
		return false
	}
	header(dst, n, abi.DT_DIR, ino, next)
	name := kmem.Bytes(dst+direntHeader, n)
	for i := range name {
		name[i] = '.'
	}
	return true
}

func readDynamic(c *sched.Ctx, inode abi.InodeRef, pos *uint64, dst, max, done uint32) (uint32, abi.Errno) {
	name := c.Page
	for {
		after, n, dtype, ino := fsOf(inode).dynamic.Next(c, inode, *pos, name)
		if after == 0 {
			return done, abi.OK
		}
		if !record(dst+done, max-done, name, n, dtype, ino, after) {
			return ended(done)
		}
		done += recordLen(n)
		*pos = after
	}
}
