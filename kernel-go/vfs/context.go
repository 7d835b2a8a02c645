package vfs

import (
	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/kmem"
)

// Working directory, root and umask of processes (CLONE_FS).

// NewContext makes a context at directories, which it holds; 0 when there are
// no more.
func NewContext(root, cwd abi.DentryRef, umask abi.FileMode) abi.FsContextRef {
	i := kmem.Alloc[abi.FsContextRef]()
	if i == 0 {
		return 0
	}
	s := kmem.FsContext(i)
	s.Root, s.Cwd, s.Umask = root, cwd, umask
	Hold(root)
	Hold(cwd)
	return i
}

// CloneContext copies a context (fork).
func CloneContext(i abi.FsContextRef) abi.FsContextRef {
	s := kmem.FsContext(i)
	return NewContext(s.Root, s.Cwd, s.Umask)
}

// DropContext gives a reference back.
func DropContext(i abi.FsContextRef) {
	s := kmem.FsContext(i)
	if !kmem.Unref(&s.Header) {
		return
	}
	Put(s.Root)
	Put(s.Cwd)
	kmem.Free(i)
}

// SetCwd changes the working directory; the reference passes to the context.
func SetCwd(i abi.FsContextRef, d abi.DentryRef) {
	s := kmem.FsContext(i)
	old := s.Cwd
	kmem.WriteBegin(&s.Header)
	s.Cwd = d
	kmem.WriteEnd(&s.Header)
	Put(old)
}

// SetRoot changes the root directory; the reference passes to the context.
func SetRoot(i abi.FsContextRef, d abi.DentryRef) {
	s := kmem.FsContext(i)
	old := s.Root
	kmem.WriteBegin(&s.Header)
	s.Root = d
	kmem.WriteEnd(&s.Header)
	Put(old)
}

// SetUmask is umask(2).
func SetUmask(i abi.FsContextRef, mask abi.FileMode) abi.FileMode {
	s := kmem.FsContext(i)
	old := s.Umask
	s.Umask = mask & 0o777
	return old
}
