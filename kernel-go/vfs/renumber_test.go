package vfs

import (
	"testing"

	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/kmem"
)

// Positions of a directory begin anew when they are used up: who goes on reads
// what comes later, and in the order in which it was made.
func TestPositionsAreUsedUp(t *testing.T) {
	c := machine(t, 64)
	for _, name := range []string{"/d", "/d/one", "/d/two"} {
		if e := mkdir(c, name, 0o755); e != abi.OK {
			t.Fatalf("%s: %v", name, e)
		}
	}
	dir := kmem.Dentry(kmem.Header().RootDentry).Inode
	dir = InodeOf(kmem.Inode(dir).Live.ChildTail)
	kmem.Inode(dir).Live.NextCookie = ^uint32(0)
	if e := mkdir(c, "/d/three", 0o755); e != abi.OK {
		t.Fatal(e)
	}
	kmem.Unlock() // the paranoid build looks at what has changed
	kmem.Lock(kmem.WorkerIndex)
	last := uint32(0)
	n := 0
	for i := kmem.Inode(dir).Live.ChildHead; i != 0; i = kmem.Dentry(i).NextChild {
		if kmem.Dentry(i).Cookie <= last {
			t.Fatalf("position %d behind %d", kmem.Dentry(i).Cookie, last)
		}
		last = kmem.Dentry(i).Cookie
		n++
	}
	if n != 3 || last >= 100 {
		t.Fatalf("%d entries, the last at %d", n, last)
	}
}
