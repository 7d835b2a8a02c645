// Package file owns open file descriptions (OFDs) and descriptor tables, and
// sends reads, writes, polls and controls to what an OFD is.
//
// It does not own the tree of files (vfs), pipes, counters or epoll instances.
// Everything here wants the machine lock.
//
// # Rules
//
// What a kind of open file can do is its row in ops.go; nothing else asks for the
// kind if a function of the row can answer. Functions of a table make their pointer
// arguments escape: buffers go through them in the context (Ctx.Buf, and Piece for
// the part that this package moves), a mapping as a part of kmem.Scratch.
//
// An access mode is asked by ForReading and ForWriting, never compared: mode 3 is
// good for neither.
//
// kmem.Object gives the slot behind a description and checks its generation. Heads
// of wait queues lie only in slots that live as long as those who wait: an epoll item
// stays in a queue until its description goes. Signals for O_ASYNC are sent when a
// wake is done, since sending one changes queues.
//
// What a waiting call has resolved it holds (held.go); a call that a signal ends, and
// that is restarted (ERESTART*), holds nothing and keeps only its deadline.
package file

import (
	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/epoll"
	"foreshore.dev/kernel/fs/dev"
	"foreshore.dev/kernel/kmem"
	"foreshore.dev/kernel/sched"
	"foreshore.dev/kernel/vfs"
)

const (

	// statusFlags is what an OFD keeps of open(2)'s flags.
	statusFlags = ^(abi.O_CREAT | abi.O_EXCL | abi.O_NOCTTY | abi.O_TRUNC | abi.O_CLOEXEC)
	// setFlags is what F_SETFL may change.
	setFlags = abi.O_APPEND | abi.O_NONBLOCK | abi.O_NOATIME | abi.O_ASYNC | abi.O_DIRECT
)

// state is what open files remember beside their slots.
func state() *abi.OpenFilesLive { return &kmem.Kernel().OpenFiles }

// NewOfd makes an OFD with one reference; 0 when the table is full (ENFILE).
func NewOfd(kind abi.OfdKind, flags abi.OpenFlag) abi.OfdRef {
	sched.RecordEffect(abi.SyncEffectOfd)
	i := kmem.Alloc[abi.OfdRef]()
	if i == 0 {
		return 0
	}
	o := kmem.Ofd(i)
	kmem.WriteBegin(&o.Header)
	o.State.Kind, o.State.Flags = kind, flags&statusFlags
	kmem.WriteEnd(&o.Header)
	return i
}

// attach gives an OFD its inode and dentry (0 for none), holding both.
func attach(i abi.OfdRef, inode abi.InodeRef, dentry abi.DentryRef) {
	o := kmem.Ofd(i)
	kmem.WriteBegin(&o.Header)
	o.State.Inode, o.State.Dentry = inode, dentry
	kmem.WriteEnd(&o.Header)
	if inode != 0 {
		vfs.HoldOpen(inode)
	}
	if dentry != 0 {
		vfs.Hold(dentry)
	}
}

// Hold adds a reference to an OFD.
func Hold(i abi.OfdRef) { kmem.HoldOfd(i) }

func readable(o *abi.OfdSlot) bool { return vfs.Readable(o.State.Flags) }

func writable(o *abi.OfdSlot) bool { return vfs.Writable(o.State.Flags) }

// ForReading says whether an OFD was opened for reading.
func ForReading(i abi.OfdRef) bool { return readable(kmem.Ofd(i)) }

// ForWriting says whether an OFD was opened for writing.
func ForWriting(i abi.OfdRef) bool { return writable(kmem.Ofd(i)) }

// Put gives a reference back; the last one closes what is open.
func Put(c *sched.Ctx, i abi.OfdRef) {
	o := kmem.Ofd(i)
	kmem.Assert(o.Header.Refs != 0, "open file description has the reference that is put")
	if o.Header.Refs != 1 {
		o.Header.Refs--
		kmem.Changed(1 << abi.SlotKindOfd)
		if shared := opsOf(o).shared; shared != nil {
			shared(c, o)
		}
		return
	}
	// Readers outside the kernel see that what it names is about to go.
	kmem.WriteBegin(&o.Header)
	o.Header.Refs = 0
	kmem.WriteEnd(&o.Header)
	sched.RecordEffect(abi.SyncEffectOfd)
	epoll.OfdGone(i)
	sched.Unwatch(&o.Live.AsyncEntries)
	forgetAsync(i)
	if o.State.Inode != 0 {
		unlockOfd(i)
	}
	if release := opsOf(o).release; release != nil {
		release(c, o)
	}
	if o.State.Inode != 0 {
		vfs.DropOpen(o.State.Inode)
	}
	if o.State.Dentry != 0 {
		vfs.Put(o.State.Dentry)
	}
	kmem.Free(i)
}

// CloseOfd is Put for those who hold an OFD without a descriptor (hosts).
func CloseOfd(c *sched.Ctx, i abi.OfdRef) { Put(c, i) }

// Open opens a path of n bytes in its buffer, from directory `dir`, as open(2)
// does; root bounds the walk.
func Open(c *sched.Ctx, root abi.DentryRef, at vfs.PathAt, how vfs.How) (abi.OfdRef, abi.Errno) {
	i := NewOfd(abi.OfdKindNone, how.Flags)
	if i == 0 {
		return 0, abi.ENFILE
	}
	d, e := vfs.Open(c, root, at, how)
	if e != abi.OK {
		kmem.Free(i)
		return 0, e
	}
	i, e = finishOpen(c, i, d, how.Flags)
	vfs.Put(d)
	return i, e
}

// finishOpen makes OFD i, which is freed on an error, one of the dentry's file, and
// waits for the other side of a FIFO.
func finishOpen(c *sched.Ctx, i abi.OfdRef, d abi.DentryRef, flags abi.OpenFlag) (abi.OfdRef, abi.Errno) {
	waits, e := openDentry(c, i, d, flags)
	if e != abi.OK {
		kmem.Free(i)
		return 0, e
	}
	if waits {
		HoldMade(c, i)
		return 0, awaitOther(c, kmem.Ofd(i))
	}
	return i, abi.OK
}

// Reopen is Open made again, of a call that has found its file or made its
// description already (Found): neither the path nor its memory counts any more.
func Reopen(c *sched.Ctx, flags abi.OpenFlag) (abi.OfdRef, abi.Errno) {
	if i := Made(c); i != 0 {
		if e := awaitOther(c, kmem.Ofd(i)); e != abi.OK {
			return 0, e
		}
		return takeMade(c), abi.OK
	}
	return OpenDentry(c, vfs.HeldDentry(c), flags)
}

// Found says whether the open(2) in progress goes on with Reopen.
func Found(c *sched.Ctx) bool { return Made(c) != 0 || vfs.HeldDentry(c) != 0 }

// OpenDentry opens a file that is already found, checking permissions: exec
// uses it.
func OpenDentry(c *sched.Ctx, d abi.DentryRef, flags abi.OpenFlag) (abi.OfdRef, abi.Errno) {
	if e := vfs.MayOpen(c, d, flags); e != abi.OK {
		return 0, e
	}
	i := NewOfd(abi.OfdKindNone, flags)
	if i == 0 {
		return 0, abi.ENFILE
	}
	return finishOpen(c, i, d, flags)
}

// openDentry makes OFD i one of the dentry's file. `waits`: it is one end of a
// FIFO whose other side has nobody. On an error it has changed nothing that a
// second attempt would repeat.
func openDentry(c *sched.Ctx, i abi.OfdRef, d abi.DentryRef, flags abi.OpenFlag) (waits bool, e abi.Errno) {
	o := kmem.Ofd(i)
	inode := vfs.InodeOf(d)
	in := kmem.Inode(inode)
	kind := abi.OfdKindFile
	switch in.State.Mode & abi.S_IFMT {
	case abi.S_IFDIR:
		kind = abi.OfdKindDirectory
	case abi.S_IFIFO:
		if flags&abi.O_PATH == 0 {
			if waits, e = openFifo(c, o, inode, flags); e != abi.OK {
				return false, e
			}
		}
		kind = abi.OfdKindFifo
	case abi.S_IFCHR:
		kind = abi.OfdKindDevice
		switch {
		case flags&abi.O_PATH != 0:
		case isTerminal(in.State.Rdev):
			if kind, e = openTerminal(c, o, in.State.Rdev, flags); e != abi.OK {
				return false, e
			}
		default:
			if e := dev.Open(in.State.Rdev); e != abi.OK {
				return false, e
			}
		}
	case abi.S_IFREG:
		if vfs.Generated(inode) {
			kind = abi.OfdKindProc
			o.State.OfdMounts().Seen = vfs.MountEvents()
		}
	default:
		if flags&abi.O_PATH == 0 {
			return false, abi.ENXIO
		}
	}
	if flags&abi.O_PATH != 0 {
		kind = abi.OfdKindPath
	}
	kmem.WriteBegin(&o.Header)
	o.State.Kind = kind
	if kind == abi.OfdKindPath {
		o.State.Flags = flags & (abi.O_PATH | abi.O_DIRECTORY | abi.O_NOFOLLOW)
	}
	kmem.WriteEnd(&o.Header)
	attach(i, inode, d)
	return waits, abi.OK
}
