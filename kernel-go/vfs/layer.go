package vfs

import (
	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/kmem"
	"foreshore.dev/kernel/sched"
)

// A layer is applied all or nothing. Its records build a tree aside, below a
// root that nobody can reach; conflicts within the layer show there. The last
// batch merges that tree into the real one: a first pass only looks and decides
// for each entry, the second moves dentries, which needs no memory and cannot
// fail.
//
// As package managers unpack: a directory that meets a directory is merged with
// it, also through a symbolic link to a directory, whose name stays; anything
// else replaces what has its name. A whiteout removes it.

// staged is the root of a client's layer in progress, 0 for none.
func staged(client uint32) *abi.DentryRef { return &state().Staged[client] }

// ApplyLayer adds a batch of records to the client's layer; with the last one the
// layer is then merged into the directory that prefix names (a path in c.Path, the
// root when it is empty), which is made when it is missing. On an error nothing of
// the layer stays.
func ApplyLayer(c *sched.Ctx, client uint32, prefix kmem.Span, records Records) abi.Errno {
	// The records' paths go through the same buffer.
	saved := c.InVec(prefix.Len)
	kmem.Copy(saved.Addr, prefix.Addr, prefix.Len)
	e := stage(c, client, saved, records)
	if e == abi.OK && !records.More {
		e = commit(c, *staged(client), saved)
	}
	if e != abi.OK || !records.More {
		DropLayer(client)
	}
	return e
}

// DropLayer forgets a client's layer in progress: it failed, or the client is
// gone.
func DropLayer(client uint32) {
	root := *staged(client)
	if root == 0 {
		return
	}
	*staged(client) = 0
	RemoveTree(root)
	Put(root)
}

func stage(c *sched.Ctx, client uint32, prefix kmem.Span, records Records) abi.Errno {
	if *staged(client) == 0 {
		root, e := newRoot(abi.FsTypeTmpfs, 0o755)
		if e != abi.OK {
			return e
		}
		// Its files will be the root file system's.
		kmem.Inode(InodeOf(root)).State.Node = kmem.Inode(InodeOf(kmem.Header().RootDentry)).State.Node
		*staged(client) = root
	}
	base, e := baseOf(c, prefix)
	if e != abi.OK {
		return e
	}
	for range records.Count {
		var size uint32
		if size, e = nextRecord(c, records.Span); e == abi.OK {
			e = applyRecord(c, *staged(client), base)
		}
		if e != abi.OK {
			break
		}
		records.Span = records.From(size)
	}
	Put(base)
	return e
}

// baseOf is the directory of the prefix, or as long as that does not exist the
// root. Held.
func baseOf(c *sched.Ctx, prefix kmem.Span) (abi.DentryRef, abi.Errno) {
	base := kmem.Header().RootDentry
	if prefix.Len != 0 {
		kmem.Copy(c.Path, prefix.Addr, prefix.Len)
		d, e := Resolve(c, PathAt{Dir: base, Span: c.InPath(prefix.Len)}, Follow|Directory)
		if e == abi.OK {
			return d, abi.OK
		}
		if e != abi.ENOENT {
			return 0, e
		}
	}
	Hold(base)
	return base, abi.OK
}

// The decision for a staged directory lies in its inode (StagedNode): the dentry
// that it is merged into, 0 to move it.
func mergeTarget(d abi.DentryRef) *abi.DentryRef {
	return &kmem.Inode(InodeOf(d)).State.StagedNode().Target
}

func commit(c *sched.Ctx, root abi.DentryRef, prefix kmem.Span) abi.Errno {
	base := kmem.Header().RootDentry
	made := abi.DentryRef(0)
	if prefix.Len != 0 {
		// The only thing that is made before all is decided.
		d, first, e := makePrefix(c, prefix)
		if e != abi.OK {
			return e
		}
		base, made = d, first
	} else {
		Hold(base)
	}
	e := decide(c, root, base)
	if e == abi.OK {
		treeBegin()
		merge(root)
		treeEnd()
	} else if made != 0 {
		RemoveTree(made)
		removeName(kmem.Dentry(made).Parent, made)
	}
	if made != 0 {
		Put(made)
	}
	Put(base)
	return e
}

// makePrefix finds or makes the directory of the prefix. Both results are held;
// `first` is the topmost directory that was made, 0 for none.
func makePrefix(c *sched.Ctx, prefix kmem.Span) (d, first abi.DentryRef, e abi.Errno) {
	root := kmem.Header().RootDentry
	kmem.Copy(c.Path, prefix.Addr, prefix.Len)
	f, e := Walk(c, root, PathAt{Dir: root, Span: c.InPath(prefix.Len)}, Parent|Follow|makeParents|markImplied)
	if e != abi.OK {
		return 0, 0, e
	}
	if d = f.Dentry; d != 0 {
		Hold(d)
	} else {
		d, e = implied(c, f.Parent, f.Name, true)
	}
	f.Release()
	if e != abi.OK {
		return 0, 0, e
	}
	for up := d; kmem.Dentry(up).Flags&abi.DentryFlagImplied != 0; up = kmem.Dentry(up).Parent {
		first = up
		setFlags(up, 0, abi.DentryFlagImplied)
	}
	if first != 0 {
		Hold(first)
	}
	if !isDir(d) || DevOf(InodeOf(d)) != DevOf(InodeOf(root)) {
		e = abi.ENOTDIR
		if isDir(d) {
			e = abi.EXDEV
		}
		if first != 0 {
			Put(first)
		}
		Put(d)
		return 0, 0, e
	}
	return d, first, abi.OK
}

// existing is the dentry with a staged entry's name in a directory, not held.
func existing(target, d abi.DentryRef) abi.DentryRef {
	return child(target, nameOf(d))
}

// decide goes through the staged tree and notes what becomes of each
// directory. It refuses what would touch a mount.
func decide(c *sched.Ctx, root, base abi.DentryRef) abi.Errno {
	*mergeTarget(root) = base
	for d := nextDecision(root, root, true); d != 0; {
		x := existing(*mergeTarget(kmem.Dentry(d).Parent), d)
		descend := false
		switch {
		case isDir(d):
			into, e := mergeInto(c, d, x)
			if e != abi.OK {
				return e
			}
			*mergeTarget(d) = into
			descend = into != 0
		case x != 0 && mountBelow(x):
			return abi.EBUSY
		}
		d = nextDecision(d, root, descend)
	}
	return abi.OK
}

// nextDecision is the next staged entry in preorder; the children of a
// directory that is moved as a whole are left out.
func nextDecision(d, root abi.DentryRef, descend bool) abi.DentryRef {
	if descend {
		if first := kmem.Inode(InodeOf(d)).Live.ChildHead; first != 0 {
			return first
		}
	}
	for d != root {
		if n := kmem.Dentry(d).NextChild; n != 0 {
			return n
		}
		d = kmem.Dentry(d).Parent
	}
	return 0
}

// mergeInto is the directory that a staged directory is merged with, 0 when it
// replaces x or is new.
func mergeInto(c *sched.Ctx, d, x abi.DentryRef) (abi.DentryRef, abi.Errno) {
	if x == 0 {
		return 0, abi.OK
	}
	if kmem.Dentry(x).Mounted != 0 {
		// A root file system's empty /proc does no harm.
		if kmem.Inode(InodeOf(d)).Live.ChildHead != 0 {
			return 0, abi.EBUSY
		}
		return x, abi.OK
	}
	if isDir(x) {
		return x, abi.OK
	}
	if TypeOf(InodeOf(x)) != abi.S_IFLNK {
		return 0, abi.OK
	}
	n := uint32(kmem.Dentry(x).NameLength)
	kmem.Copy(c.Path, nameAddr(x), n)
	to, e := Resolve(c, PathAt{Dir: kmem.Dentry(x).Parent, Span: c.InPath(n)}, Follow|Directory)
	if e != abi.OK {
		return 0, abi.OK // a link to nowhere is replaced
	}
	same := DevOf(InodeOf(to)) == DevOf(InodeOf(x)) && kmem.Dentry(to).Mounted == 0
	Put(to) // a name of the tree: it stays
	if !same {
		return 0, abi.EBUSY
	}
	return to, abi.OK
}

// merge moves the staged tree into place.
func merge(root abi.DentryRef) {
	dir := root
	for {
		d := kmem.Inode(InodeOf(dir)).Live.ChildHead
		if d == 0 {
			if dir == root {
				return
			}
			// All of a merged directory is in place: now its attributes.
			parent := kmem.Dentry(dir).Parent
			if kmem.Dentry(dir).Flags&abi.DentryFlagImplied == 0 {
				copyAttributes(InodeOf(*mergeTarget(dir)), InodeOf(dir))
			}
			Put(*mergeTarget(dir))
			removeName(parent, dir)
			dir = parent
			continue
		}
		target := *mergeTarget(dir)
		if !Linked(target) {
			// Through links, the layer has removed its own target.
			RemoveTree(dir)
			continue
		}
		x := existing(target, d)
		if isDir(d) {
			into := *mergeTarget(d)
			if into != 0 && Linked(into) {
				Hold(into)
				dir = d
				continue
			}
			settle(d)
		}
		if x != 0 && isDir(x) {
			RemoveTree(x)
			removeName(target, x)
			x = 0
		}
		if kmem.Dentry(d).Flags&abi.DentryFlagWhiteout != 0 {
			if x != 0 {
				removeName(target, x)
			}
			removeName(dir, d)
			continue
		}
		moveName(d, target, x, nameOf(d))
	}
}

// settle readies a staged tree to be moved as a whole: whiteouts in it have
// nothing to remove, and directories get their times: entries that were added
// have changed mtime, but not atime.
func settle(top abi.DentryRef) {
	for d := top; d != 0; {
		s := kmem.Dentry(d)
		next := nextBelow(d, top)
		if s.Flags&abi.DentryFlagWhiteout != 0 {
			removeName(s.Parent, d)
		}
		d = next
	}
	for d := top; d != 0; d = nextBelow(d, top) {
		setFlags(d, 0, abi.DentryFlagImplied)
		in := kmem.Inode(InodeOf(d))
		if in.State.Mode&abi.S_IFMT == abi.S_IFDIR {
			kmem.WriteBegin(&in.Header)
			in.State.MtimeNs, in.State.StagedNode().Target = in.State.AtimeNs, 0
			kmem.WriteEnd(&in.Header)
		}
	}
}

// copyAttributes gives a directory what a staged one has.
func copyAttributes(to, from abi.InodeRef) {
	in, s := kmem.Inode(to), &kmem.Inode(from).State
	kmem.WriteBegin(&in.Header)
	in.State.Mode, in.State.Uid, in.State.Gid = s.Mode, s.Uid, s.Gid
	in.State.MtimeNs = s.AtimeNs
	in.State.CtimeNs = sched.RealNs()
	kmem.WriteEnd(&in.Header)
}
