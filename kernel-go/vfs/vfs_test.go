package vfs

import (
	"testing"

	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/cred"
	"foreshore.dev/kernel/kmem"
	"foreshore.dev/kernel/kmem/kmemtest"
	"foreshore.dev/kernel/mm"
	"foreshore.dev/kernel/pagecache"
	"foreshore.dev/kernel/sched"
)

// machine boots a machine with an empty root directory; requests act as root.
func machine(t testing.TB, mib uint32) *sched.Ctx {
	t.Helper()
	kmemtest.New(t, mib)
	if e := mm.Init(); e != abi.OK {
		t.Fatal(e)
	}
	if e := Init(); e != abi.OK {
		t.Fatal(e)
	}
	kmem.Reclaim, pagecache.Zap = mm.Reclaim, mm.ZapInode
	mm.InodeHold, mm.InodeDrop, mm.DentryHold, mm.DentryDrop = HoldOpen, DropOpen, Hold, Put
	FileTooLarge = func(*sched.Ctx) {}
	sched.SendAsync, sched.Drain = func() {}, func() {}
	return sched.For(0)
}

// as makes the context act for a process with these ids.
func as(t testing.TB, c *sched.Ctx, uid, gid uint32) {
	t.Helper()
	if c.Process == 0 {
		p := kmem.Alloc[abi.ProcessRef]()
		if p == 0 {
			t.Fatal("no process")
		}
		c.Process = p
		root := kmem.Header().RootDentry
		c.P().State.FsContext = NewContext(root, root, 0o022)
		for i := range c.P().State.Rlimits {
			c.P().State.Rlimits[i] = abi.Rlimit64{Cur: ^uint64(0), Max: ^uint64(0)}
		}
	}
	s := &c.P().State
	s.Uid, s.Euid, s.Suid, s.Fsuid = uid, uid, uid, uid
	s.Gid, s.Egid, s.Sgid, s.Fsgid = gid, gid, gid, gid
	s.CapEffective = 0
	if uid == 0 {
		cred.Init(s)
	}
}

func put(addr uint32, s string) uint32 {
	copy(kmem.Bytes(addr, uint32(len(s))), s)
	return uint32(len(s))
}

func start(c *sched.Ctx) abi.DentryRef { return CwdOf(c) }

func resolve(c *sched.Ctx, path string, flags uint32) (abi.DentryRef, abi.Errno) {
	return Resolve(c, PathAt{Dir: start(c), Span: c.InPath(put(c.Path, path))}, flags)
}

func mkdir(c *sched.Ctx, path string, mode abi.FileMode) abi.Errno {
	d, e := Mkdir(c, PathAt{Dir: start(c), Span: c.InPath(put(c.Path, path))}, mode)
	if e == abi.OK {
		Put(d)
	}
	return e
}

func mknod(c *sched.Ctx, path string, mode abi.FileMode) abi.Errno {
	return Mknod(c, PathAt{Dir: start(c), Span: c.InPath(put(c.Path, path))}, mode, 0)
}

func symlink(c *sched.Ctx, target, path string) abi.Errno {
	n := put(c.Path2, target)
	return Symlink(c, c.InPath2(n), PathAt{Dir: start(c), Span: c.InPath(put(c.Path, path))})
}

func link2(c *sched.Ctx, old, path string) abi.Errno {
	d, e := resolve(c, old, 0)
	if e != abi.OK {
		return e
	}
	e = Link(c, d, PathAt{Dir: start(c), Span: c.InPath(put(c.Path, path))})
	Put(d)
	return e
}

func unlink(c *sched.Ctx, path string) abi.Errno {
	return Unlink(c, PathAt{Dir: start(c), Span: c.InPath(put(c.Path, path))})
}
func rmdir(c *sched.Ctx, path string) abi.Errno {
	return Rmdir(c, PathAt{Dir: start(c), Span: c.InPath(put(c.Path, path))})
}

func rename(c *sched.Ctx, from, to string, flags abi.RenameFlag) abi.Errno {
	n := put(c.Path, from)
	return Rename(c, PathAt{start(c), c.InPath(n)}, PathAt{start(c), c.InPath2(put(c.Path2, to))}, flags)
}

// open returns a held dentry that the caller puts.
func open(c *sched.Ctx, path string, flags abi.OpenFlag, mode abi.FileMode) (abi.DentryRef, abi.Errno) {
	return Open(c, RootOf(c), PathAt{Dir: start(c), Span: c.InPath(put(c.Path, path))}, How{Flags: flags, Mode: mode})
}

func write(t testing.TB, c *sched.Ctx, path, data string) {
	t.Helper()
	d, e := open(c, path, abi.O_CREAT|abi.O_WRONLY|abi.O_TRUNC, 0o644)
	if e != abi.OK {
		t.Fatalf("open %s: %v", path, e)
	}
	if n := writeAt(t, c, InodeOf(d), 0, []byte(data)); int(n) != len(data) {
		t.Fatalf("write %s: %d of %d", path, n, len(data))
	}
	Put(d)
}

// area is linear memory for test data: frames that follow one another.
func area(t testing.TB, bytes uint32) uint32 {
	t.Helper()
	pages := (bytes + kmem.PageMask) >> kmem.PageShift
	first := kmem.AllocFrame(abi.FrameTypeKernel)
	for i := uint32(1); i < pages; i++ {
		if f := kmem.AllocFrame(abi.FrameTypeKernel); f != first+i*kmem.PageSize {
			t.Fatal("frames of a fresh machine do not follow one another")
		}
	}
	return first
}

func writeAt(t testing.TB, c *sched.Ctx, inode abi.InodeRef, pos uint64, data []byte) uint32 {
	t.Helper()
	done := uint32(0)
	for len(data) != 0 {
		n := min(len(data), 32<<10)
		copy(kmem.Bytes(c.Vec, uint32(n)), data[:n])
		b := mm.Buf{Addr: uint64(c.Vec), Len: uint32(n)}
		k, e := WriteAt(c, inode, pos, &b)
		done += k
		pos += uint64(k)
		if e != abi.OK || int(k) != n {
			t.Logf("write: %v", e)
			return done
		}
		data = data[n:]
	}
	return done
}

func readAt(t testing.TB, c *sched.Ctx, inode abi.InodeRef, pos uint64, n int) []byte {
	t.Helper()
	var out []byte
	for n > 0 {
		b := mm.Buf{Addr: uint64(c.Vec), Len: uint32(min(n, 32<<10))}
		k, e := ReadAt(c, inode, pos, &b)
		if e != abi.OK {
			t.Fatalf("read: %v", e)
		}
		if k == 0 {
			break
		}
		out = append(out, kmem.Bytes(c.Vec, k)...)
		pos += uint64(k)
		n -= int(k)
	}
	return out
}

func contentsOf(t testing.TB, c *sched.Ctx, path string) string {
	t.Helper()
	d, e := resolve(c, path, Follow)
	if e != abi.OK {
		t.Fatalf("%s: %v", path, e)
	}
	s := string(readAt(t, c, InodeOf(d), 0, int(kmem.Inode(InodeOf(d)).State.Size)))
	Put(d)
	return s
}

func stateOf(t testing.TB, c *sched.Ctx, path string) *abi.InodeState {
	t.Helper()
	d, e := resolve(c, path, 0)
	if e != abi.OK {
		t.Fatalf("%s: %v", path, e)
	}
	Put(d)
	return &kmem.Inode(InodeOf(d)).State
}

// list is the names of a directory in readdir order, read `room` bytes a time.
func list(t testing.TB, c *sched.Ctx, path string, room uint32) []string {
	t.Helper()
	d, e := resolve(c, path, Follow|Directory)
	if e != abi.OK {
		t.Fatalf("%s: %v", path, e)
	}
	defer Put(d)
	var names []string
	at := sched.DirPlace{}
	for {
		part, more := readSome(t, c, d, &at, room)
		if !more {
			return names
		}
		names = append(names, part...)
	}
}

func readSome(t testing.TB, c *sched.Ctx, d abi.DentryRef, at *sched.DirPlace, room uint32) ([]string, bool) {
	t.Helper()
	n, e := Readdir(c, d, at, c.InVec(room))
	if e != abi.OK {
		t.Fatalf("readdir: %v", e)
	}
	var names []string
	for at := uint32(0); at < n; {
		r := (*abi.Dirent64)(kmem.Ptr(c.Vec + at))
		name := kmem.Bytes(c.Vec+at+direntHeader, uint32(r.Reclen)-direntHeader)
		k := 0
		for name[k] != 0 {
			k++
		}
		names = append(names, string(name[:k]))
		at += uint32(r.Reclen)
	}
	return names, n != 0
}

// check goes through the whole tree and compares every count with what it
// counts: link counts, references, children, hash chains.
func check(t testing.TB) {
	t.Helper()
	root := kmem.Header().RootDentry
	names := map[uint32]int{}
	dentries := 0
	for d := nextBelow(root, root); d != 0; d = nextBelow(d, root) {
		s := kmem.Dentry(d)
		dentries++
		names[uint32(s.Inode)]++
		if s.Flags&abi.DentryFlagLinked == 0 {
			t.Fatalf("dentry %d is in a list but not linked", d)
		}
		if got := child(s.Parent, nameOf(d)); got != d {
			t.Fatalf("dentry %d is not found by its name: %d", d, got)
		}
	}
	for d := root; d != 0; d = nextBelow(d, root) {
		in := kmem.Inode(InodeOf(d))
		if in.State.Mode&abi.S_IFMT != abi.S_IFDIR {
			if int(in.State.Nlink) != names[uint32(InodeOf(d))] {
				t.Fatalf("inode %d: nlink %d, names %d", uint32(InodeOf(d)), in.State.Nlink, names[uint32(InodeOf(d))])
			}
			continue
		}
		children, dirs, last := uint32(0), uint32(0), uint32(0)
		prev := abi.DentryRef(0)
		for i := in.Live.ChildHead; i != 0; i = kmem.Dentry(i).NextChild {
			s := kmem.Dentry(i)
			if s.PrevChild != prev || s.Parent != d {
				t.Fatalf("dentry %d: links", i)
			}
			if s.Cookie <= last && children != 0 {
				t.Fatalf("dentry %d: cookie %d after %d", i, s.Cookie, last)
			}
			last, prev = s.Cookie, i
			children++
			if isDir(i) {
				dirs++
			}
		}
		if children != in.Live.ChildCount || prev != in.Live.ChildTail {
			t.Fatalf("dentry %d: %d children, counted %d", d, in.Live.ChildCount, children)
		}
		if in.State.Nlink != dirs+2 {
			t.Fatalf("directory %d: nlink %d, %d subdirectories", d, in.State.Nlink, dirs)
		}
	}
	if kmem.Header().TreeSeq.Load()&1 != 0 {
		t.Fatal("treeSeq is odd between calls")
	}
}

// inUse is what must be the same again after all has been removed.
func inUse() [3]uint32 {
	return [3]uint32{
		kmem.Table(abi.SlotKindInode).InUse.Load(), kmem.Table(abi.SlotKindDentry).InUse.Load(),
		kmem.Header().CachedFrames.Load(),
	}
}

func forTest() *sched.Ctx { return sched.For(0) }
