package rpc

import (
	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/kmem"
	"foreshore.dev/kernel/sched"
	"foreshore.dev/kernel/vfs"
)

// path copies a path from the arena into c.Path: a copy, so that what was
// checked is what is walked.
func path(c *sched.Ctx, client uint32, a abi.ArenaSpan) (kmem.Span, abi.Errno) {
	return pathTo(c.Path, client, a)
}

func pathTo(dst, client uint32, a abi.ArenaSpan) (kmem.Span, abi.Errno) {
	from, e := span(client, a)
	if e != abi.OK {
		return from, e
	}
	if from.Len == 0 {
		return from, abi.ENOENT
	}
	if from.Len >= uint32(abi.FixedPathMax) {
		return from, abi.ENAMETOOLONG
	}
	kmem.Copy(dst, from.Addr, from.Len)
	for _, b := range kmem.Bytes(dst, from.Len) {
		if b == 0 {
			return from, abi.EINVAL
		}
	}
	*(*byte)(kmem.Ptr(dst + from.Len)) = 0
	return kmem.Span{Addr: dst, Len: from.Len}, abi.OK
}

func rootDir() abi.DentryRef { return kmem.Header().RootDentry }

// resolve finds what a path in the arena names; the dentry is held.
func resolve(c *sched.Ctx, client uint32, a abi.ArenaSpan, flags uint32) (abi.DentryRef, abi.Errno) {
	at, e := path(c, client, a)
	if e != abi.OK {
		return 0, e
	}
	return vfs.Resolve(c, vfs.PathAt{Dir: rootDir(), Span: at}, flags)
}

// writeFile: p.Progress is 1 + the bytes written, 0 before the file is open.
func writeFile(c *sched.Ctx, p *abi.PendingRequestSlot, r *abi.WriteFileRequest, a *abi.WriteFileAnswer) abi.Errno {
	at, e := path(c, p.Client, r.Path)
	if e != abi.OK {
		return e
	}
	from, e := span(p.Client, r.Data)
	if e != abi.OK {
		return e
	}
	known := abi.O_WRONLY | abi.O_CREAT | abi.O_EXCL | abi.O_TRUNC | abi.O_APPEND
	if r.OpenFlags&^known != 0 {
		return abi.EINVAL
	}
	flags := r.OpenFlags | abi.O_WRONLY
	if p.Progress != 0 {
		flags &^= abi.O_TRUNC | abi.O_EXCL
	}
	d, e := vfs.Open(c, rootDir(), vfs.PathAt{Dir: rootDir(), Span: at}, vfs.How{Flags: flags, Mode: r.Mode})
	if e != abi.OK {
		return e
	}
	defer vfs.Put(d)
	inode := vfs.InodeOf(d)
	if vfs.TypeOf(inode) != abi.S_IFREG {
		return abi.EINVAL
	}
	if p.Progress == 0 {
		p.Progress = 1
	}
	done := p.Progress - 1
	if done > from.Len {
		return abi.EINVAL
	}
	pos := r.Position + uint64(done)
	if flags&abi.O_APPEND != 0 {
		pos = kmem.Inode(inode).State.Size
	}
	k, e := vfs.WriteAt(c, inode, pos, arenaBuf(c, kmem.Span{Addr: from.Addr + done, Len: from.Len - done}))
	p.Progress += k
	a.Bytes = int64(p.Progress - 1)
	if e != abi.OK && e != abi.EBLOCKED && p.Progress > 1 {
		return abi.OK
	}
	return e
}

func readFile(c *sched.Ctx, p *abi.PendingRequestSlot, r *abi.ReadFileRequest, a *abi.ReadFileAnswer) abi.Errno {
	to, e := span(p.Client, r.Reply)
	if e != abi.OK {
		return e
	}
	d, e := resolve(c, p.Client, r.Path, vfs.Follow)
	if e != abi.OK {
		return e
	}
	defer vfs.Put(d)
	inode := vfs.InodeOf(d)
	switch vfs.TypeOf(inode) {
	case abi.S_IFREG:
	case abi.S_IFDIR:
		return abi.EISDIR
	default:
		return abi.EINVAL
	}
	in := kmem.Inode(inode)
	if in.State.FsType == abi.FsTypeProcfs || in.State.FsType == abi.FsTypeSysfs {
		n, e := readGenerated(c, d, to, r.Position)
		a.Bytes, a.Size = int64(n), r.Position+uint64(n)
		if n == to.Len {
			// Its size is not known beforehand: there may be more.
			a.Size++
		}
		return e
	}
	n, e := vfs.ReadAt(c, inode, r.Position, arenaBuf(c, to))
	a.Bytes, a.Size, a.ChangeSeq = int64(n), in.State.Size, uint64(in.State.ChangeSeq.Load())
	a.Inode = kmem.Handle(inode)
	return e
}

func readlink(c *sched.Ctx, p *abi.PendingRequestSlot, r *abi.ReadlinkRequest, a *abi.ReadlinkAnswer) abi.Errno {
	to, e := span(p.Client, r.Reply)
	if e != abi.OK {
		return e
	}
	d, e := resolve(c, p.Client, r.Path, 0)
	if e != abi.OK {
		return e
	}
	defer vfs.Put(d)
	if vfs.TypeOf(vfs.InodeOf(d)) != abi.S_IFLNK {
		return abi.EINVAL
	}
	n, e := vfs.ReadLink(c, vfs.InodeOf(d), to)
	a.Bytes = int64(n)
	return e
}

func symlink(c *sched.Ctx, p *abi.PendingRequestSlot, r *abi.SymlinkRequest) abi.Errno {
	t, e := pathTo(c.Path2, p.Client, r.Target)
	if e != abi.OK {
		return e
	}
	at, e := path(c, p.Client, r.Path)
	if e != abi.OK {
		return e
	}
	return vfs.Symlink(c, t, vfs.PathAt{Dir: rootDir(), Span: at})
}

func mkdir(c *sched.Ctx, p *abi.PendingRequestSlot, r *abi.MkdirRequest) abi.Errno {
	whole, e := path(c, p.Client, r.Path)
	if e != abi.OK {
		return e
	}
	if r.Parents == 0 {
		d, e := vfs.Mkdir(c, vfs.PathAt{Dir: rootDir(), Span: whole}, r.Mode)
		if e == abi.OK {
			vfs.Put(d)
		}
		return e
	}
	n := whole.Len
	// Each prefix in turn; the walk eats the buffer, so it is copied anew.
	for at := uint32(1); at <= n; at++ {
		from, _ := span(p.Client, r.Path)
		kmem.Copy(c.Path2, from.Addr, n)
		if at < n && *(*byte)(kmem.Ptr(c.Path2 + at)) != '/' {
			continue
		}
		kmem.Copy(c.Path, c.Path2, at)
		*(*byte)(kmem.Ptr(c.Path + at)) = 0
		d, e := vfs.Mkdir(c, vfs.PathAt{Dir: rootDir(), Span: c.InPath(at)}, r.Mode)
		if e == abi.OK {
			vfs.Put(d)
		} else if e != abi.EEXIST {
			return e
		}
	}
	d, e := resolve(c, p.Client, r.Path, vfs.Follow|vfs.Directory)
	if e == abi.OK {
		vfs.Put(d)
	} else if e == abi.ENOTDIR {
		e = abi.EEXIST
	}
	return e
}

func stat(c *sched.Ctx, p *abi.PendingRequestSlot, r *abi.StatRequest, a *abi.StatAnswer) abi.Errno {
	to, e := span(p.Client, r.Reply)
	if e != abi.OK || to.Len < abi.StatSize || to.Addr&7 != 0 {
		return abi.EINVAL
	}
	d, e := resolve(c, p.Client, r.Path, followed(r.Follow))
	if e != abi.OK {
		return e
	}
	vfs.Stat(vfs.InodeOf(d), to.Addr)
	a.ChangeSeq = uint64(kmem.Inode(vfs.InodeOf(d)).State.ChangeSeq.Load())
	a.Bytes = abi.StatSize
	vfs.Put(d)
	return abi.OK
}

func readdir(c *sched.Ctx, p *abi.PendingRequestSlot, r *abi.ReaddirRequest, a *abi.ReaddirAnswer) abi.Errno {
	to, e := span(p.Client, r.Reply)
	if e != abi.OK || to.Addr&7 != 0 {
		return abi.EINVAL
	}
	d, e := resolve(c, p.Client, r.Path, vfs.Follow|vfs.Directory)
	if e != abi.OK {
		return e
	}
	at := sched.DirPlace{Pos: uint64(r.Cookie)}
	n, e := vfs.Readdir(c, d, &at, to)
	vfs.Put(d)
	a.Bytes, a.Cookie = int64(n), at.Pos
	return e
}

func unlink(c *sched.Ctx, p *abi.PendingRequestSlot, r *abi.UnlinkRequest) abi.Errno {
	at, e := path(c, p.Client, r.Path)
	if e != abi.OK {
		return e
	}
	switch r.AtFlags {
	case 0:
		return vfs.Unlink(c, vfs.PathAt{Dir: rootDir(), Span: at})
	case uint32(abi.AT_REMOVEDIR):
		return vfs.Rmdir(c, vfs.PathAt{Dir: rootDir(), Span: at})
	}
	return abi.EINVAL
}

func rename(c *sched.Ctx, p *abi.PendingRequestSlot, r *abi.RenameRequest) abi.Errno {
	at, e := path(c, p.Client, r.Path)
	if e != abi.OK {
		return e
	}
	m, e := pathTo(c.Path2, p.Client, r.NewPath)
	if e != abi.OK {
		return e
	}
	return vfs.Rename(c, vfs.PathAt{Dir: rootDir(), Span: at}, vfs.PathAt{Dir: rootDir(), Span: m}, r.RenameFlags)
}

func chmod(c *sched.Ctx, p *abi.PendingRequestSlot, r *abi.ChmodRequest) abi.Errno {
	d, e := resolve(c, p.Client, r.Path, vfs.Follow)
	if e != abi.OK {
		return e
	}
	e = vfs.Chmod(c, vfs.InodeOf(d), r.Mode)
	vfs.Put(d)
	return e
}

// followed are the walk flags of a request that says whether it is about a
// symbolic link itself.
func followed(follow uint32) uint32 {
	if follow != 0 {
		return vfs.Follow
	}
	return 0
}

func chown(c *sched.Ctx, p *abi.PendingRequestSlot, r *abi.ChownRequest) abi.Errno {
	d, e := resolve(c, p.Client, r.Path, followed(r.Follow))
	if e != abi.OK {
		return e
	}
	e = vfs.Chown(c, vfs.InodeOf(d), r.Uid, r.Gid)
	vfs.Put(d)
	return e
}

func utimes(c *sched.Ctx, p *abi.PendingRequestSlot, r *abi.UtimesRequest) abi.Errno {
	// The two earliest are words of SetTimes.
	if min(r.AtimeNs, r.MtimeNs) < -1<<63+2 {
		return abi.EINVAL
	}
	d, e := resolve(c, p.Client, r.Path, followed(r.Follow))
	if e != abi.OK {
		return e
	}
	e = vfs.SetTimes(c, vfs.InodeOf(d), uint64(r.AtimeNs), uint64(r.MtimeNs))
	vfs.Put(d)
	return e
}

func truncate(c *sched.Ctx, p *abi.PendingRequestSlot, r *abi.TruncateRequest) abi.Errno {
	d, e := resolve(c, p.Client, r.Path, vfs.Follow)
	if e != abi.OK {
		return e
	}
	e = vfs.TruncateNamed(c, vfs.InodeOf(d), r.Size)
	vfs.Put(d)
	return e
}
