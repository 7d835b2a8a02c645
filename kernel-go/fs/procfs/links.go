package procfs

import (
	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/cred"
	"foreshore.dev/kernel/kmem"
	"foreshore.dev/kernel/sched"
	"foreshore.dev/kernel/vfs"
)

// MayTrace is ptrace(2)'s check for looking into a process: root, or the same
// user, and the process has not given up being looked into.
func MayTrace(c *sched.Ctx, p abi.ProcessRef) bool {
	if c.Process == 0 || c.Process == p {
		return true
	}
	s, self := &kmem.Process(p).State, &c.P().State
	if cred.Has(c, abi.CAP_SYS_PTRACE) {
		return true
	}
	return self.Fsuid == s.Uid && self.Fsuid == s.Euid && self.Fsuid == s.Suid && s.Flags&abi.ProcessFlagDumpable != 0
}

// target is the dentry and OFD that a magic link leads to, not held; both 0
// for links that are text.
func target(c *sched.Ctx, inode abi.InodeRef) (dentry abi.DentryRef, ofd abi.OfdRef, e abi.Errno) {
	s := &kmem.Inode(inode).State
	n := node(s.Node)
	if n == nodeSelf || n == nodeThreadSelf || n == nodeTextLink {
		return 0, 0, abi.OK
	}
	p := findProcess(s.ProcNode().Pid)
	if p == 0 {
		return 0, 0, abi.ENOENT
	}
	if !MayTrace(c, p) {
		return 0, 0, abi.EACCES
	}
	ps := &kmem.Process(p).State
	switch n {
	case nodeExe:
		dentry = ps.ExeDentry
	case nodeCwd:
		if ps.FsContext != 0 {
			dentry = kmem.FsContext(ps.FsContext).Cwd
		}
	case nodeRootLink:
		if ps.FsContext != 0 {
			dentry = kmem.FsContext(ps.FsContext).Root
		}
	case nodeFd:
		if ofd = ofdAt(p, s.ProcNode().Number); ofd != 0 {
			return kmem.Ofd(ofd).State.Dentry, ofd, abi.OK
		}
	}
	if dentry == 0 {
		return 0, 0, abi.ENOENT
	}
	return dentry, 0, abi.OK
}

func follow(c *sched.Ctx, inode abi.InodeRef) (abi.DentryRef, abi.Errno) {
	d, ofd, e := target(c, inode)
	if e != abi.OK || d == 0 && ofd == 0 {
		return 0, e
	}
	if d != 0 {
		vfs.Hold(d)
		return d, abi.OK
	}
	// What has no place in the tree gets a name for as long as it is held.
	at := begunText(c)
	at = describe(at, ofd)
	return vfs.Nameless(kmem.Ofd(ofd).State.Inode, c.InPage(at-c.Page))
}

func begunText(c *sched.Ctx) uint32 { return c.Page }

func putText(at uint32, s string) uint32 {
	copy(kmem.Bytes(at, uint32(len(s))), s)
	return at + uint32(len(s))
}

// describe writes what Linux shows for an OFD that has no path.
func describe(at uint32, ofd abi.OfdRef) uint32 {
	o := kmem.Ofd(ofd)
	switch o.State.Kind.Object() {
	case abi.SlotKindPipe:
		at = putText(at, "pipe:[")
	case abi.SlotKindSocket:
		at = putText(at, "socket:[")
	default:
		return putText(at, o.State.Kind.Shown())
	}
	at += vfs.PutNumber(at, kmem.Inode(o.State.Inode).State.Ino)
	return putText(at, "]")
}

func readlink(c *sched.Ctx, inode abi.InodeRef, dst kmem.Span) (uint32, abi.Errno) {
	d, ofd, e := target(c, inode)
	if e != abi.OK {
		return 0, e
	}
	if d != 0 {
		// The path is made at the end of a page of its own, then moved: dst
		// may be any buffer of the caller.
		path, _, e := vfs.Path(c, d, c.InPage(kmem.PageSize-uint32(len(deleted))))
		if e != abi.OK {
			return 0, abi.ENAMETOOLONG
		}
		if !vfs.Linked(d) {
			path.Len = putText(path.Addr+path.Len, deleted) - path.Addr
		}
		return copyText(dst, path)
	}
	at := begunText(c)
	if ofd != 0 {
		at = describe(at, ofd)
	} else {
		at = selfText(c, at, &kmem.Inode(inode).State)
		if at == c.Page {
			return 0, abi.ENOENT
		}
	}
	return copyText(dst, c.InPage(at-c.Page))
}

const deleted = " (deleted)"

func copyText(dst, text kmem.Span) (uint32, abi.Errno) {
	if text.Len > dst.Len {
		return 0, abi.ENAMETOOLONG
	}
	kmem.Copy(dst.Addr, text.Addr, text.Len)
	return text.Len, abi.OK
}

// selfText writes the target of self and thread-self, nothing for a caller that is
// no process, and of what leads there.
func selfText(c *sched.Ctx, at uint32, s *abi.InodeState) uint32 {
	n := node(s.Node)
	if n == nodeTextLink {
		return putText(at, entries[s.TextNode().Entry].text)
	}
	if c.Process == 0 {
		return at
	}
	at += vfs.PutNumber(at, uint64(c.P().State.Pid))
	if n == nodeThreadSelf {
		at = putText(at, "/task/")
		at += vfs.PutNumber(at, uint64(c.T().State.Tid))
	}
	return at
}
