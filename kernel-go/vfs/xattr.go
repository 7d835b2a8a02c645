package vfs

import (
	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/cred"
	"foreshore.dev/kernel/kmem"
	"foreshore.dev/kernel/sched"
)

// Extended attributes (xattr(7)) of an inode lie in one frame: for each its name's
// length and its value's (16 bits each), the name and the value; a length of 0
// ends them. Like the one block that ext4 has for them, it may be full: ENOSPC.
// They are listed from the greatest name to the least, as Linux's tmpfs does.

const (
	xattrHead = 4
	// xattrLast is where the last entry must end: its end mark has room.
	xattrLast = kmem.PageSize - xattrHead
	// XattrNameMax and XattrValueMax bound names and values on Linux.
	XattrNameMax  = 255
	XattrValueMax = 65536
)

// xattrEntry is one attribute: where it lies in the frame, and its lengths.
type xattrEntry struct{ at, name, value uint32 }

func (x xattrEntry) size() uint32 { return xattrHead + x.name + x.value }

func xattrAt(frame, at uint32) xattrEntry {
	w := kmem.Bytes(frame+at, xattrHead)
	return xattrEntry{at, uint32(w[0]) | uint32(w[1])<<8, uint32(w[2]) | uint32(w[3])<<8}
}

// compareName orders an entry's name and n bytes: below, at or above 0.
func compareName(frame uint32, x xattrEntry, name, n uint32) int {
	a, b := kmem.Bytes(frame+x.at+xattrHead, x.name), kmem.Bytes(name, n)
	for i := range min(x.name, n) {
		if a[i] != b[i] {
			return int(a[i]) - int(b[i])
		}
	}
	return int(x.name) - int(n)
}

// findXattr is the entry of a name; without one, where it would lie.
func findXattr(frame, name, n uint32) (x xattrEntry, found bool) {
	for x = xattrAt(frame, 0); x.name != 0; x = xattrAt(frame, x.at+x.size()) {
		if order := compareName(frame, x, name, n); order <= 0 {
			return x, order == 0
		}
	}
	return x, false
}

// xattrEnd is where the entries end.
func xattrEnd(frame uint32) uint32 {
	x := xattrAt(frame, 0)
	for x.name != 0 {
		x = xattrAt(frame, x.at+x.size())
	}
	return x.at
}

// What a name's prefix says who may use it.
const (
	xattrUser = iota
	xattrTrusted
	xattrSecurity
	xattrUnknown
)

var xattrSpaces = [...]string{xattrUser: "user.", xattrTrusted: "trusted.", xattrSecurity: "security."}

func xattrSpace(name, n uint32) int {
	for k := range xattrSpaces {
		if hasPrefix(kmem.Bytes(name, n), xattrSpaces[k]) {
			return k
		}
	}
	return xattrUnknown
}

func hasPrefix(text []byte, prefix string) bool {
	for i := range len(prefix) {
		if i >= len(text) || text[i] != prefix[i] {
			return false
		}
	}
	return true
}

// mayXattr checks that the caller may read or write an attribute of a name, in
// Linux's order: EPERM or EACCES, ENODATA for what may not be seen, EOPNOTSUPP for a
// name or file system without, EINVAL for a prefix without a name.
func mayXattr(c *sched.Ctx, inode abi.InodeRef, name, n uint32, want abi.FileMode) abi.Errno {
	refused := abi.ENODATA
	if want == MayWrite {
		refused = abi.EPERM
	}
	s := &kmem.Inode(inode).State
	space := xattrSpace(name, n)
	switch space {
	case xattrTrusted:
		if !cred.Has(c, abi.CAP_SYS_ADMIN) {
			return refused
		}
	case xattrSecurity:
		if want == MayWrite && !cred.Has(c, abi.CAP_SYS_ADMIN) {
			return abi.EPERM
		}
	default:
		if space == xattrUser {
			kind := s.Mode & abi.S_IFMT
			if kind != abi.S_IFREG && kind != abi.S_IFDIR || kind == abi.S_IFDIR && s.Mode&abi.S_ISVTX != 0 && want == MayWrite && !ownerOrCapable(c, inode) {
				return refused
			}
		}
		if e := Permission(c, inode, want); e != abi.OK {
			return e
		}
	}
	if space == xattrUnknown || !fsOf(inode).xattrs {
		return abi.EOPNOTSUPP
	}
	if int(n) == len(xattrSpaces[space]) {
		return abi.EINVAL
	}
	return abi.OK
}

// GetXattr is the value of an attribute, by address and length: ENODATA when
// there is none.
func GetXattr(c *sched.Ctx, inode abi.InodeRef, name, n uint32) (value, length uint32, e abi.Errno) {
	if e := mayXattr(c, inode, name, n, MayRead); e != abi.OK {
		return 0, 0, e
	}
	frame := kmem.Inode(inode).Live.Xattrs
	if frame == 0 {
		return 0, 0, abi.ENODATA
	}
	x, found := findXattr(frame, name, n)
	if !found {
		return 0, 0, abi.ENODATA
	}
	return frame + x.at + xattrHead + x.name, x.value, abi.OK
}

// SetXattr gives an attribute a value; flags are XATTR_CREATE and XATTR_REPLACE.
// A value longer than a page cannot be kept whatever it is, and is not looked at.
func SetXattr(c *sched.Ctx, inode abi.InodeRef, name, n, value, length uint32, flags abi.XattrFlag) abi.Errno {
	if e := mayXattr(c, inode, name, n, MayWrite); e != abi.OK {
		return e
	}
	l := &kmem.Inode(inode).Live
	x, found := xattrEntry{}, false
	if l.Xattrs != 0 {
		x, found = findXattr(l.Xattrs, name, n)
	}
	switch {
	case found && flags&abi.XATTR_CREATE != 0:
		return abi.EEXIST
	case !found && flags&abi.XATTR_REPLACE != 0:
		return abi.ENODATA
	case length > kmem.PageSize:
		return abi.ENOSPC
	}
	if l.Xattrs == 0 {
		if l.Xattrs = kmem.AllocUserFrame(abi.FrameTypeKernel, true); l.Xattrs == 0 {
			return abi.ENOSPC
		}
	}
	frame, end, old := l.Xattrs, xattrEnd(l.Xattrs), uint32(0)
	if found {
		old = x.size()
	}
	size := xattrHead + n + length
	if end-old+size > xattrLast {
		return abi.ENOSPC
	}
	moveXattrs(frame, x.at+old, x.at+size, end)
	w := kmem.Bytes(frame+x.at, size)
	w[0], w[1], w[2], w[3] = byte(n), byte(n>>8), byte(length), byte(length>>8)
	copy(w[xattrHead:], kmem.Bytes(name, n))
	copy(w[xattrHead+n:], kmem.Bytes(value, length))
	change(inode, false)
	return abi.OK
}

// moveXattrs moves the entries from `from` to `end`, and clears what lies behind.
func moveXattrs(frame, from, to, end uint32) {
	all := kmem.Bytes(frame, kmem.PageSize)
	copy(all[to:], all[from:end])
	if to < from {
		kmem.Zero(frame+end-(from-to), from-to)
	}
}

// RemoveXattr takes an attribute away: ENODATA when there is none.
func RemoveXattr(c *sched.Ctx, inode abi.InodeRef, name, n uint32) abi.Errno {
	if e := mayXattr(c, inode, name, n, MayWrite); e != abi.OK {
		return e
	}
	frame := kmem.Inode(inode).Live.Xattrs
	if frame == 0 {
		return abi.ENODATA
	}
	x, found := findXattr(frame, name, n)
	if !found {
		return abi.ENODATA
	}
	moveXattrs(frame, x.at+x.size(), x.at, xattrEnd(frame))
	if xattrAt(frame, 0).name == 0 {
		freeXattrs(inode)
	}
	change(inode, false)
	return abi.OK
}

// ListXattrs writes the names that the caller may see, each with a NUL, to dst
// (a page) and returns their length.
func ListXattrs(c *sched.Ctx, inode abi.InodeRef, dst uint32) uint32 {
	frame, n := kmem.Inode(inode).Live.Xattrs, uint32(0)
	if frame == 0 {
		return 0
	}
	for x := xattrAt(frame, 0); x.name != 0; x = xattrAt(frame, x.at+x.size()) {
		name := frame + x.at + xattrHead
		if xattrSpace(name, x.name) == xattrTrusted && !cred.Has(c, abi.CAP_SYS_ADMIN) {
			continue
		}
		kmem.Copy(dst+n, name, x.name)
		kmem.Bytes(dst+n+x.name, 1)[0] = 0
		n += x.name + 1
	}
	return n
}

func freeXattrs(inode abi.InodeRef) {
	if l := &kmem.Inode(inode).Live; l.Xattrs != 0 {
		kmem.UnrefFrame(l.Xattrs)
		l.Xattrs = 0
	}
}
