package vfs

import (
	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/kmem"
	"foreshore.dev/kernel/sched"
)

// firstCookie is the readdir position of a directory's first entry: 0 and 1
// are "." and "..".
const firstCookie = 2

// hashOf mixes a name with its directory (FNV-1a over the bytes).
func hashOf(parent abi.DentryRef, name kmem.Span) uint32 {
	h := uint32(2166136261) ^ uint32(parent*0x9E3779B1)
	for _, b := range name.Bytes() {
		h = (h ^ uint32(b)) * 16777619
	}
	return h ^ h>>15
}

func nameAddr(d abi.DentryRef) uint32 {
	return kmem.AddrOf(&kmem.Dentry(d).Covers) + 4
}

// nameOf is a dentry's name.
func nameOf(d abi.DentryRef) kmem.Span {
	return kmem.Span{Addr: nameAddr(d), Len: uint32(kmem.Dentry(d).NameLength)}
}

// sameName compares a dentry's name.
func sameName(d *abi.DentrySlot, name kmem.Span) bool {
	if uint32(d.NameLength) != name.Len {
		return false
	}
	for i, b := range name.Bytes() {
		if d.Name[i] != b {
			return false
		}
	}
	return true
}

// newDentry makes a held dentry, not linked anywhere. Parent 0 makes a root.
func newDentry(parent abi.DentryRef, inode abi.InodeRef, name kmem.Span) abi.DentryRef {
	i := kmem.Alloc[abi.DentryRef]()
	if i == 0 {
		return 0
	}
	d := kmem.Dentry(i)
	kmem.WriteBegin(&d.Header)
	d.Inode = inode
	holdInode(inode)
	if parent == 0 {
		d.Parent = i
		d.Flags = abi.DentryFlagLinked
	} else {
		d.Parent = parent
		Hold(parent)
		d.NameLength = uint16(name.Len)
		kmem.Copy(nameAddr(i), name.Addr, name.Len)
		d.Hash = hashOf(parent, name)
	}
	kmem.WriteEnd(&d.Header)
	if l := &kmem.Inode(inode).Live; l.Dentry == 0 {
		l.Dentry = i
	}
	return i
}

// setFlags adds and takes away flags of a dentry.
func setFlags(i abi.DentryRef, add, remove abi.DentryFlag) {
	d := kmem.Dentry(i)
	kmem.WriteBegin(&d.Header)
	d.Flags = d.Flags&^remove | add
	kmem.WriteEnd(&d.Header)
}

// Hold adds a reference.
func Hold(d abi.DentryRef) { kmem.Ref(&kmem.Dentry(d).Header) }

// Put gives a reference back. The last one frees the dentry, and so perhaps
// its removed parents.
func Put(i abi.DentryRef) {
	for i != 0 {
		d := kmem.Dentry(i)
		if !kmem.Unref(&d.Header) {
			return
		}
		if d.Flags&abi.DentryFlagDynamic != 0 {
			unhash(i)
		}
		if l := &kmem.Inode(d.Inode).Live; l.Dentry == i {
			l.Dentry = 0
		}
		parent := d.Parent
		if parent == i {
			parent = 0
		}
		dropInode(d.Inode)
		kmem.Free(i)
		i = parent
	}
}

func bucketOf(hash uint32) *abi.DentryRef {
	return kmem.Word[abi.DentryRef](kmem.Areas.DentryBuckets + hash&(kmem.Areas.DentryBucketCount-1)*4)
}

func hashIn(i abi.DentryRef) {
	d := kmem.Dentry(i)
	b := bucketOf(d.Hash)
	d.HashNext = *b
	kmem.Fence() // a reader that finds the entry finds all of it
	*b = i
}

func unhash(i abi.DentryRef) {
	d := kmem.Dentry(i)
	b := bucketOf(d.Hash)
	at := *b
	if at == i {
		*b = d.HashNext
		return
	}
	for ; at != 0 && kmem.Dentry(at).HashNext != i; at = kmem.Dentry(at).HashNext {
	}
	kmem.Linked(at != 0)
	kmem.Dentry(at).HashNext = d.HashNext
}

// child is the dentry of a name in a directory, not held; 0 when the table has
// none.
func child(parent abi.DentryRef, name kmem.Span) abi.DentryRef {
	h := hashOf(parent, name)
	for i := *bucketOf(h); i != 0; {
		d := kmem.Dentry(i)
		if d.Hash == h && d.Parent == parent && sameName(d, name) {
			return i
		}
		i = d.HashNext
	}
	return 0
}

// link puts a dentry into its directory; the tree holds it from now on.
func link(i abi.DentryRef) {
	d := kmem.Dentry(i)
	sched.RecordEffect(abi.SyncEffectFs)
	dir := InodeOf(d.Parent)
	appendChild(dir, i)
	setFlags(i, abi.DentryFlagLinked, 0)
	kmem.Ref(&d.Header)
	hashIn(i)
}

// unlinkDentry removes a name. Holders keep the dentry; bracketed by the caller
// with treeBegin and treeEnd.
func unlinkDentry(i abi.DentryRef) {
	d := kmem.Dentry(i)
	sched.RecordEffect(abi.SyncEffectFs)
	unhash(i)
	removeChild(InodeOf(d.Parent), i)
	setFlags(i, 0, abi.DentryFlagLinked)
	Put(i)
}

// appendChild puts a dentry at the end of a directory's list, with the next
// readdir position.
func appendChild(dir abi.InodeRef, i abi.DentryRef) {
	in := kmem.Inode(dir)
	l := &in.Live
	if l.NextCookie == ^uint32(0) {
		renumber(dir)
	}
	d := kmem.Dentry(i)
	kmem.WriteBegin(&d.Header)
	d.Cookie = l.NextCookie
	d.PrevChild, d.NextChild = l.ChildTail, 0
	kmem.WriteEnd(&d.Header)
	l.NextCookie++
	kmem.WriteBegin(&in.Header)
	if l.ChildTail == 0 {
		l.ChildHead = i
	} else {
		kmem.Dentry(l.ChildTail).NextChild = i
	}
	l.ChildTail = i
	l.ChildCount++
	kmem.WriteEnd(&in.Header)
}

func removeChild(dir abi.InodeRef, i abi.DentryRef) {
	in := kmem.Inode(dir)
	d := kmem.Dentry(i)
	kmem.WriteBegin(&in.Header)
	l := &in.Live
	if d.PrevChild == 0 {
		kmem.Linked(l.ChildHead == i)
		l.ChildHead = d.NextChild
	} else {
		before := kmem.Dentry(d.PrevChild)
		kmem.Linked(before.NextChild == i)
		before.NextChild = d.NextChild
	}
	if d.NextChild == 0 {
		kmem.Linked(l.ChildTail == i)
		l.ChildTail = d.PrevChild
	} else {
		after := kmem.Dentry(d.NextChild)
		kmem.Linked(after.PrevChild == i)
		after.PrevChild = d.PrevChild
	}
	l.ChildCount--
	kmem.WriteEnd(&in.Header)
	d.PrevChild, d.NextChild = 0, 0
}

// renumber gives a directory's entries small positions again, after four
// billion creations. Readers in the middle of it may see entries twice.
func renumber(dir abi.InodeRef) {
	l := &kmem.Inode(dir).Live
	l.NextCookie = firstCookie
	for i := l.ChildHead; i != 0; i = kmem.Dentry(i).NextChild {
		d := kmem.Dentry(i)
		kmem.WriteBegin(&d.Header)
		d.Cookie = l.NextCookie
		kmem.WriteEnd(&d.Header)
		l.NextCookie++
	}
}

// Linked says whether the dentry's name still exists.
func Linked(d abi.DentryRef) bool {
	return kmem.Dentry(d).Flags&(abi.DentryFlagLinked|abi.DentryFlagDynamic) != 0
}

// parentOf is "..": it goes up through mounts and stays at the root. Held.
func parentOf(d, root abi.DentryRef) abi.DentryRef {
	for d != root {
		s := kmem.Dentry(d)
		if s.Covers != 0 {
			d = s.Covers
			continue
		}
		d = s.Parent
		break
	}
	d = topMount(d)
	Hold(d)
	return d
}

// topMount is what is visible at a dentry: the root of what is mounted there.
func topMount(d abi.DentryRef) abi.DentryRef {
	for kmem.Dentry(d).Mounted != 0 {
		d = kmem.Dentry(d).Mounted
	}
	return d
}

// cross gives a held dentry back for what is mounted on it.
func cross(d abi.DentryRef) abi.DentryRef {
	if kmem.Dentry(d).Mounted == 0 {
		return d
	}
	top := topMount(d)
	Hold(top)
	Put(d)
	return top
}

// Path writes the absolute path of a dentry, as the context sees it, to the end
// of a buffer. reachable is false when the dentry lies outside of the context's
// root. ERANGE when the buffer is too small.
func Path(c *sched.Ctx, d abi.DentryRef, dst kmem.Span) (path kmem.Span, reachable bool, e abi.Errno) {
	root := RootOf(c)
	end := dst.Addr + dst.Len
	at := end
	for d != root {
		s := kmem.Dentry(d)
		if s.Covers != 0 {
			d = s.Covers
			continue
		}
		if s.Parent == d {
			break
		}
		length := uint32(s.NameLength)
		if at-dst.Addr < length+1 {
			return kmem.Span{}, false, abi.ERANGE
		}
		at -= length
		kmem.Copy(at, nameAddr(d), length)
		at--
		kmem.Bytes(at, 1)[0] = '/'
		d = s.Parent
	}
	if at == end {
		if dst.Len == 0 {
			return kmem.Span{}, false, abi.ERANGE
		}
		at--
		kmem.Bytes(at, 1)[0] = '/'
	}
	return kmem.Span{Addr: at, Len: end - at}, d == root, abi.OK
}
