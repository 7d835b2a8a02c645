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
func compareName(frame uint32, x xattrEntry, name kmem.Span) int {
	a, b := kmem.Bytes(frame+x.at+xattrHead, x.name), name.Bytes()
	for i := range min(x.name, name.Len) {
		if a[i] != b[i] {
			return int(a[i]) - int(b[i])
		}
	}
	return int(x.name) - int(name.Len)
}

// findXattr is the entry of a name; without one, where it would lie.
func findXattr(frame uint32, name kmem.Span) (x xattrEntry, found bool) {
	for x = xattrAt(frame, 0); x.name != 0; x = xattrAt(frame, x.at+x.size()) {
		if order := compareName(frame, x, name); order <= 0 {
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

func xattrSpace(name kmem.Span) int {
	for k := range xattrSpaces {
		if hasPrefix(name.Bytes(), xattrSpaces[k]) {
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
func mayXattr(c *sched.Ctx, inode abi.InodeRef, name kmem.Span, want abi.FileMode) abi.Errno {
	refused := abi.ENODATA
	if want == MayWrite {
		refused = abi.EPERM
	}
	s := &kmem.Inode(inode).State
	space := xattrSpace(name)
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
	if int(name.Len) == len(xattrSpaces[space]) {
		return abi.EINVAL
	}
	return abi.OK
}

// GetXattr is the value of an attribute: ENODATA when there is none.
func GetXattr(c *sched.Ctx, inode abi.InodeRef, name kmem.Span) (kmem.Span, abi.Errno) {
	if e := mayXattr(c, inode, name, MayRead); e != abi.OK {
		return kmem.Span{}, e
	}
	frame := kmem.Inode(inode).Live.Xattrs
	if frame == 0 {
		return kmem.Span{}, abi.ENODATA
	}
	x, found := findXattr(frame, name)
	if !found {
		return kmem.Span{}, abi.ENODATA
	}
	return kmem.Span{Addr: frame + x.at + xattrHead + x.name, Len: x.value}, abi.OK
}

// Xattr is an extended attribute.
type Xattr struct{ Name, Value kmem.Span }

// SetXattr gives an attribute a value; flags are XATTR_CREATE and XATTR_REPLACE.
// A value longer than a page cannot be kept whatever it is, and is not looked at.
func SetXattr(c *sched.Ctx, inode abi.InodeRef, a Xattr, flags abi.XattrFlag) abi.Errno {
	name, value := a.Name, a.Value
	if e := mayXattr(c, inode, name, MayWrite); e != abi.OK {
		return e
	}
	l := &kmem.Inode(inode).Live
	x, found := xattrEntry{}, false
	if l.Xattrs != 0 {
		x, found = findXattr(l.Xattrs, name)
	}
	switch {
	case found && flags&abi.XATTR_CREATE != 0:
		return abi.EEXIST
	case !found && flags&abi.XATTR_REPLACE != 0:
		return abi.ENODATA
	case value.Len > kmem.PageSize:
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
	size := xattrHead + name.Len + value.Len
	if end-old+size > xattrLast {
		return abi.ENOSPC
	}
	moveXattrs(frame, x.at+old, x.at+size, end)
	w := kmem.Bytes(frame+x.at, size)
	w[0], w[1], w[2], w[3] = byte(name.Len), byte(name.Len>>8), byte(value.Len), byte(value.Len>>8)
	copy(w[xattrHead:], name.Bytes())
	copy(w[xattrHead+name.Len:], value.Bytes())
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
func RemoveXattr(c *sched.Ctx, inode abi.InodeRef, name kmem.Span) abi.Errno {
	if e := mayXattr(c, inode, name, MayWrite); e != abi.OK {
		return e
	}
	frame := kmem.Inode(inode).Live.Xattrs
	if frame == 0 {
		return abi.ENODATA
	}
	x, found := findXattr(frame, name)
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
		if xattrSpace(kmem.Span{Addr: name, Len: x.name}) == xattrTrusted && !cred.Has(c, abi.CAP_SYS_ADMIN) {
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
