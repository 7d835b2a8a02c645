package sock

import (
	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/kmem"
	"foreshore.dev/kernel/sched"
	"foreshore.dev/kernel/vfs"
)

// Names of AF_UNIX: in the tree of files, where the inode names the socket, and
// abstract ones, which begin with a NUL and lie in a table.

const (
	// pathMost is sun_path.
	pathMost = 108
	// writes is what connecting to a name asks of its permissions.
	writes = abi.FileMode(2)
)

// checkUnix says of what kind a name is, and cuts it at its NUL when it is a path.
func checkUnix(a *abi.SocketAddress) (path bool, e abi.Errno) {
	family, ok := FamilyOf(a)
	if !ok || family != abi.AF_UNIX || a.Length > familyBytes+pathMost {
		return false, abi.EINVAL
	}
	if a.Length == familyBytes || a.Bytes[familyBytes] == 0 {
		return false, abi.OK
	}
	length := a.Length
	for k := uint16(familyBytes); k < uint16(len(a.Bytes)); k++ {
		if k < length && a.Bytes[k] == 0 {
			length = k
		}
		if k >= length {
			a.Bytes[k] = 0
		}
	}
	a.Length = length
	return true, abi.OK
}

// pathOf copies the path of a name to where paths are walked.
func pathOf(c *sched.Ctx, a *abi.SocketAddress) vfs.PathAt {
	path := bytesOf(a).From(familyBytes)
	kmem.Copy(c.Path, path.Addr, path.Len)
	return vfs.PathAt{Dir: vfs.CwdOf(c), Span: c.InPath(path.Len)}
}

func bindUnix(c *sched.Ctx, i abi.SocketRef, a *abi.SocketAddress) abi.Errno {
	path, e := checkUnix(a)
	if e != abi.OK {
		return e
	}
	s := kmem.Socket(i)
	if a.Length == familyBytes {
		return autobind(c, i)
	}
	if s.State.Local.Length != 0 {
		if path {
			// A name that is there already is the first thing to be wrong.
			if d, e := vfs.Resolve(c, pathOf(c, a), 0); e == abi.OK {
				vfs.Put(d)
				return abi.EADDRINUSE
			}
		}
		return abi.EINVAL
	}
	if !path {
		if abstract(s.State.Type, a) != 0 {
			return abi.EADDRINUSE
		}
		setLocal(i, a)
		return abi.OK
	}
	mode := abi.S_IFSOCK | abi.FileMode(0o777)
	if s.Live.Inode != 0 {
		mode = kmem.Inode(s.Live.Inode).State.Mode
	}
	d, e := vfs.MakeNode(c, pathOf(c, a), vfs.Node{Mode: mode})
	if e == abi.EEXIST {
		return abi.EADDRINUSE
	}
	if e != abi.OK {
		return e
	}
	inode := vfs.InodeOf(d)
	vfs.HoldInode(inode)
	vfs.Put(d)
	kmem.Inode(inode).Live.Socket = i
	s.Live.NameInode = inode
	setLocal(i, a)
	return abi.OK
}

// autobind gives a socket an abstract name of five digits, if it has none.
func autobind(c *sched.Ctx, i abi.SocketRef) abi.Errno {
	if kmem.Socket(i).State.Local.Length != 0 {
		return abi.OK
	}
	const digits, names = 5, 1 << 20
	a := made(c)
	clearAddress(a, abi.AF_UNIX)
	a.Length += 1 + digits
	l := state()
	for range names {
		l.Autobound = (l.Autobound + 1) % names
		for k := range digits {
			a.Bytes[familyBytes+1+k] = "0123456789abcdef"[l.Autobound>>(4*(digits-1-k))&15]
		}
		if abstract(kmem.Socket(i).State.Type, a) == 0 {
			setLocal(i, a)
			return abi.OK
		}
	}
	return abi.ENOSPC
}

// unname takes a socket's name away: it can be another's.
func unname(i abi.SocketRef) {
	s := kmem.Socket(i)
	if s.State.Local.Length == 0 || !has(s, abi.SocketFlagBound) {
		return
	}
	next, prev := s.Live.BoundNext, s.Live.BoundPrev
	if next != 0 {
		kmem.Socket(next).Live.BoundPrev = prev
	}
	if prev != 0 {
		kmem.Socket(prev).Live.BoundNext = next
	} else {
		*bucketOf(&s.State.Local) = next
	}
	s.Live.BoundNext, s.Live.BoundPrev = 0, 0
	if inode := s.Live.NameInode; inode != 0 {
		kmem.Inode(inode).Live.Socket = 0
		s.Live.NameInode = 0
		vfs.DropInode(inode)
	}
	kmem.WriteBegin(&s.Header)
	s.State.Flags &^= abi.SocketFlagBound | abi.SocketFlagAutobound
	kmem.WriteEnd(&s.Header)
}

// abstract is the socket of a type with an abstract name, 0 for none: each type has
// names of its own.
func abstract(kind abi.SocketType, a *abi.SocketAddress) abi.SocketRef {
	for i := *bucketOf(a); i != 0; i = kmem.Socket(i).Live.BoundNext {
		if s := kmem.Socket(i); unix(s) && s.State.Type == kind && s.Live.NameInode == 0 && sameName(&s.State.Local, a) {
			return i
		}
	}
	return 0
}

// findUnix is the socket of a type with a name: ECONNREFUSED when nobody has it,
// EPROTOTYPE when it is of another type. A path that is found is held by the call,
// which looks for it once.
func findUnix(c *sched.Ctx, kind abi.SocketType, a *abi.SocketAddress) (abi.SocketRef, abi.Errno) {
	path, e := checkUnix(a)
	if e != abi.OK {
		return 0, e
	}
	i := abi.SocketRef(0)
	switch {
	case a.Length == familyBytes:
		return 0, abi.EINVAL
	case path:
		d := vfs.HeldDentry(c)
		if d == 0 {
			if d, e = vfs.Resolve(c, pathOf(c, a), vfs.Follow); e != abi.OK {
				return 0, e
			}
			vfs.HoldDentry(c, d)
			vfs.Put(d)
		}
		inode := vfs.InodeOf(d)
		if e := vfs.Permission(c, inode, writes); e != abi.OK {
			return 0, e
		}
		if vfs.TypeOf(inode) == abi.S_IFSOCK {
			i = kmem.Inode(inode).Live.Socket
		}
	default:
		i = abstract(kind, a)
	}
	switch {
	case i == 0:
		return 0, abi.ECONNREFUSED
	case kmem.Socket(i).State.Type != kind:
		return 0, abi.EPROTOTYPE
	}
	return i, abi.OK
}
