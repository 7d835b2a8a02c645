package vfs

import (
	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/kmem"
	"foreshore.dev/kernel/sched"
)

// Path walks (path_resolution(7)). A walk works in the buffer that holds the
// path, Fixed.PathMax bytes from its address on: the path is moved to the
// buffer's end, and the target of a symbolic link is written in front of what
// is left. So a link whose target and rest together do not fit gives
// ENAMETOOLONG, and nothing recurses.

// Walk flags.
const (
	// Follow the last component when it is a symbolic link.
	Follow = 1 << iota
	// Parent: the last component may be missing, a trailing slash does not
	// make it a directory, and the caller gets its name.
	Parent
	// Directory: the result must be a directory.
	Directory
	// NoSymlinks, NoMagic, NoXdev, Beneath: openat2(2)'s resolve.
	NoSymlinks
	NoMagic
	NoXdev
	Beneath
	// makeParents makes missing directories on the way.
	makeParents
	// markImplied flags those as dImplied.
	markImplied
)

// Last says what the last component is.
type Last uint32

const (
	LastName Last = iota
	LastDot
	LastDotDot
	LastRoot
)

// Found is the end of a walk. Dentry is 0 when the last component does not
// exist. Both dentries are held; Release gives them back.
type Found struct {
	Parent, Dentry abi.DentryRef
	// Name is the last component; it lies in the path's buffer.
	Name kmem.Span
	Last Last
	// Slash: the path ended in a slash.
	Slash bool
}

// Release gives the dentries of a walk back.
func (f Found) Release() {
	if f.Parent != 0 {
		Put(f.Parent)
	}
	if f.Dentry != 0 {
		Put(f.Dentry)
	}
}

// Resolve finds what a path names. The dentry is held.
func Resolve(c *sched.Ctx, at PathAt, flags uint32) (abi.DentryRef, abi.Errno) {
	f, e := Walk(c, RootOf(c), at, flags&^Parent)
	if e != abi.OK {
		return 0, e
	}
	Put(f.Parent)
	if f.Dentry == 0 {
		return 0, abi.ENOENT
	}
	if (f.Slash || flags&Directory != 0) && !isDir(f.Dentry) {
		Put(f.Dentry)
		return 0, abi.ENOTDIR
	}
	return f.Dentry, abi.OK
}

// lookup is the held dentry of a name in a directory, 0 when there is none.
func lookup(c *sched.Ctx, dir abi.DentryRef, name kmem.Span) (abi.DentryRef, abi.Errno) {
	inode := InodeOf(dir)
	d := child(dir, name)
	dynamic := fsOf(inode).dynamic
	if dynamic == nil {
		if d != 0 {
			Hold(d)
		}
		return d, abi.OK
	}
	if d != 0 {
		if dynamic.Valid(InodeOf(d)) {
			Hold(d)
			return d, abi.OK
		}
		// What it stood for is gone; a namesake is another file.
		unhash(d)
		setFlags(d, 0, abi.DentryFlagDynamic)
	}
	made, e := dynamic.Lookup(c, inode, name)
	if e == abi.ENOENT {
		return 0, abi.OK
	}
	if e != abi.OK {
		return 0, e
	}
	d = newDentry(dir, made, name)
	dropInode(made)
	if d == 0 {
		return 0, abi.ENOMEM
	}
	setFlags(d, abi.DentryFlagDynamic, 0)
	hashIn(d)
	return d, abi.OK
}

// Walk walks a path in its buffer. The caller of a walk without
// Parent wants Resolve.
func Walk(c *sched.Ctx, root abi.DentryRef, path PathAt, flags uint32) (Found, abi.Errno) {
	var f Found
	if path.Len == 0 {
		return f, abi.ENOENT
	}
	if path.Len >= pathMax {
		return f, abi.ENAMETOOLONG
	}
	end := path.Addr + pathMax
	at := end - path.Len
	kmem.Copy(at, path.Addr, path.Len)
	cur := path.Dir
	if byteAt(at) == '/' {
		if flags&Beneath != 0 {
			return f, abi.EXDEV
		}
		cur = root
	}
	start := cur
	cur = topMount(cur)
	Hold(cur)
	for end > at && byteAt(end-1) == '/' {
		end--
		f.Slash = true
	}
	links := 0
	for {
		for at < end && byteAt(at) == '/' {
			at++
		}
		if at == end {
			Hold(cur)
			f.Parent, f.Dentry, f.Last = cur, cur, LastRoot
			return f, abi.OK
		}
		name := kmem.Span{Addr: at}
		for at < end && byteAt(at) != '/' {
			at++
		}
		name.Len = at - name.Addr
		rest := at
		for rest < end && byteAt(rest) == '/' {
			rest++
		}
		last := rest == end
		inode := InodeOf(cur)
		e := abi.OK
		switch {
		case TypeOf(inode) != abi.S_IFDIR:
			e = abi.ENOTDIR
		case name.Len > nameMax:
			e = abi.ENAMETOOLONG
		default:
			e = Permission(c, inode, MayExec)
		}
		if e != abi.OK {
			Put(cur)
			return f, e
		}
		f.Name, f.Last = name, LastName

		var next abi.DentryRef
		switch {
		case name.Len == 1 && byteAt(name.Addr) == '.':
			next, f.Last = cur, LastDot
			Hold(next)
		case name.Len == 2 && byteAt(name.Addr) == '.' && byteAt(name.Addr+1) == '.':
			if flags&Beneath != 0 && cur == start {
				Put(cur)
				return f, abi.EXDEV
			}
			next, f.Last = parentOf(cur, root), LastDotDot
		default:
			next, e = lookup(c, cur, name)
			if e == abi.OK && next == 0 && flags&makeParents != 0 && !last {
				next, e = implied(c, cur, name, flags&markImplied != 0)
			}
			if e == abi.OK && next == 0 && !last {
				e = abi.ENOENT
			}
			if e != abi.OK {
				Put(cur)
				return f, e
			}
		}
		if next != 0 && f.Last == LastName && TypeOf(InodeOf(next)) == abi.S_IFLNK &&
			(!last || flags&Follow != 0 || (f.Slash && flags&Parent == 0)) {
			links++
			if links > int(abi.LimitSymlinks) || flags&NoSymlinks != 0 {
				Put(next)
				Put(cur)
				return f, abi.ELOOP
			}
			to, text, e := followLink(c, InodeOf(next), kmem.Span{Addr: path.Addr, Len: at - path.Addr}, flags)
			Put(next)
			if e != abi.OK {
				Put(cur)
				return f, e
			}
			if to == 0 {
				// The target now lies in front of the rest.
				at = text
				if byteAt(at) == '/' {
					if flags&Beneath != 0 {
						Put(cur)
						return f, abi.EXDEV
					}
					Put(cur)
					cur = topMount(root)
					Hold(cur)
				}
				if last {
					for end > at && byteAt(end-1) == '/' {
						end--
						f.Slash = true
					}
				}
				continue
			}
			next = to // a magic link: already at its end
		} else if next != 0 {
			below := next
			next = cross(next)
			if flags&NoXdev != 0 && (next != below || (f.Last == LastDotDot && DevOf(InodeOf(next)) != DevOf(inode))) {
				Put(next)
				Put(cur)
				return f, abi.EXDEV
			}
		}
		if last {
			f.Parent, f.Dentry = cur, next
			return f, abi.OK
		}
		Put(cur)
		cur = next
	}
}

func byteAt(addr uint32) byte { return kmem.Bytes(addr, 1)[0] }

// followLink reads a symbolic link. A magic link gives its held dentry; others
// have their target written to the end of a buffer, and give where it begins.
func followLink(c *sched.Ctx, inode abi.InodeRef, buffer kmem.Span, flags uint32) (to abi.DentryRef, text uint32, e abi.Errno) {
	if dynamic := fsOf(inode).dynamic; dynamic != nil {
		to, e = dynamic.Follow(c, inode)
		if e != abi.OK {
			return 0, 0, e
		}
		if to != 0 {
			if flags&NoMagic != 0 {
				Put(to)
				return 0, 0, abi.ELOOP
			}
			return to, 0, abi.OK
		}
	}
	// Into the low end of the buffer first: the link's own name is read no
	// more, and what is left of the path begins behind the buffer.
	n, e := ReadLink(c, inode, buffer)
	if e != abi.OK {
		return 0, 0, e
	}
	if n == 0 {
		return 0, 0, abi.ENOENT
	}
	kmem.Copy(buffer.Addr+buffer.Len-n, buffer.Addr, n)
	return 0, buffer.Addr + buffer.Len - n, abi.OK
}

// ReadLink writes a symbolic link's target: ENAMETOOLONG when it is longer
// than the buffer.
func ReadLink(c *sched.Ctx, inode abi.InodeRef, dst kmem.Span) (uint32, abi.Errno) {
	if dynamic := fsOf(inode).dynamic; dynamic != nil {
		return dynamic.Readlink(c, inode, dst)
	}
	in := kmem.Inode(inode)
	n := uint32(in.State.Size)
	if n > dst.Len {
		return 0, abi.ENAMETOOLONG
	}
	kmem.Copy(dst.Addr, in.Live.Direct[0], n)
	Accessed(inode)
	return n, abi.OK
}
