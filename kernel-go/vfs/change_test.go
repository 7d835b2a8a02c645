package vfs

import (
	"testing"

	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/kmem"
	"foreshore.dev/kernel/mm"
)

// A reader who finds InodeState.change_seq as it was reads the same contents; what
// changes no contents leaves it alone.
func TestChangeSeq(t *testing.T) {
	c := machine(t, 64)
	path := func(s string) PathAt { return PathAt{start(c), c.InPath(put(c.Path, s))} }
	d, e := Open(c, start(c), path("/f"), How{Flags: abi.O_CREAT | abi.O_RDWR, Mode: 0o644})
	if e != abi.OK {
		t.Fatal(e)
	}
	defer Put(d)
	f, root := InodeOf(d), InodeOf(start(c))
	write := func(pos uint64, n uint32) abi.Errno {
		c.Buf = mm.Buf{Addr: uint64(c.Vec), Len: n}
		_, e := WriteAt(c, f, pos, &c.Buf)
		return e
	}
	for _, step := range []struct {
		what    string
		inode   abi.InodeRef
		changes bool
		work    func() abi.Errno
	}{
		{"a write at the end", f, true, func() abi.Errno { return write(0, 5000) }},
		{"a write in place", f, true, func() abi.Errno { return write(10, 1) }},
		{"a write of nothing", f, false, func() abi.Errno { return write(10, 0) }},
		{"a read", f, false, func() abi.Errno {
			c.Buf = mm.Buf{Addr: uint64(c.Vec), Len: 100}
			_, e := ReadAt(c, f, 0, &c.Buf)
			return e
		}},
		{"truncating", f, true, func() abi.Errno { return Truncate(c, f, 4000) }},
		{"growing", f, true, func() abi.Errno { return Truncate(c, f, 9000) }},
		{"growing by what is reserved", f, true, func() abi.Errno { return Allocate(c, f, 0, Extent{9000, 5000}) }},
		{"reserving what is there", f, false, func() abi.Errno { return Allocate(c, f, 0, Extent{0, 100}) }},
		{"a hole", f, true, func() abi.Errno {
			return Allocate(c, f, abi.FALLOC_FL_PUNCH_HOLE|abi.FALLOC_FL_KEEP_SIZE, Extent{0, 4096})
		}},
		{"zeros", f, true, func() abi.Errno { return Allocate(c, f, abi.FALLOC_FL_ZERO_RANGE, Extent{100, 50}) }},
		{"another mode", f, false, func() abi.Errno { return Chmod(c, f, 0o600) }},
		{"a link to it", f, false, func() abi.Errno { return Link(c, d, path("/g")) }},
		{"a name more in a directory", root, true, func() abi.Errno { return Link(c, d, path("/h")) }},
		{"a name less", root, true, func() abi.Errno { return Unlink(c, path("/h")) }},
	} {
		seq := &kmem.Inode(step.inode).State.ChangeSeq
		before := seq.Load()
		if e := step.work(); e != abi.OK {
			t.Fatalf("%s: %v", step.what, e)
		}
		if changed := seq.Load() != before; changed != step.changes {
			t.Errorf("%s: change_seq is another: %v", step.what, changed)
		}
	}
}
