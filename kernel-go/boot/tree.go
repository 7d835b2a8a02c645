package boot

import (
	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/fs/procfs"
	"foreshore.dev/kernel/fs/sysfs"
	"foreshore.dev/kernel/kmem"
	"foreshore.dev/kernel/rpc"
	"foreshore.dev/kernel/sched"
	"foreshore.dev/kernel/tty"
	"foreshore.dev/kernel/vfs"
)

// The directories and device nodes that programs take for granted. Layers and
// writes of the host come on top.

type node struct {
	path         string
	mode         abi.FileMode
	major, minor uint64
	target       string
}

// Device numbers are Linux's (Documentation/admin-guide/devices.txt).
var nodes = [...]node{
	{path: "/dev", mode: abi.S_IFDIR | 0o755},
	{path: "/proc", mode: abi.S_IFDIR | 0o555},
	{path: "/sys", mode: abi.S_IFDIR | 0o555},
	{path: "/tmp", mode: abi.S_IFDIR | 0o1777},
	{path: "/run", mode: abi.S_IFDIR | 0o755},
	{path: "/root", mode: abi.S_IFDIR | 0o700},
	{path: "/dev/null", mode: abi.S_IFCHR | 0o666, major: 1, minor: 3},
	{path: "/dev/zero", mode: abi.S_IFCHR | 0o666, major: 1, minor: 5},
	{path: "/dev/full", mode: abi.S_IFCHR | 0o666, major: 1, minor: 7},
	{path: "/dev/random", mode: abi.S_IFCHR | 0o666, major: 1, minor: 8},
	{path: "/dev/urandom", mode: abi.S_IFCHR | 0o666, major: 1, minor: 9},
	{path: "/dev/tty", mode: abi.S_IFCHR | 0o666, major: 5, minor: 0},
	{path: "/dev/fd", mode: abi.S_IFLNK, target: "/proc/self/fd"},
	{path: "/dev/stdin", mode: abi.S_IFLNK, target: "/proc/self/fd/0"},
	{path: "/dev/stdout", mode: abi.S_IFLNK, target: "/proc/self/fd/1"},
	{path: "/dev/stderr", mode: abi.S_IFLNK, target: "/proc/self/fd/2"},
	{path: "/dev/shm", mode: abi.S_IFDIR | 0o1777},
	{path: "/dev/ptmx", mode: abi.S_IFCHR | 0o666, major: 5, minor: 2},
	{path: "/dev/pts", mode: abi.S_IFDIR | 0o755},
}

// put writes a constant string with a NUL to a linear address.
func put(dst uint32, s string) uint32 {
	for i := range len(s) {
		*(*byte)(kmem.Ptr(dst + uint32(i))) = s[i]
	}
	*(*byte)(kmem.Ptr(dst + uint32(len(s)))) = 0
	return uint32(len(s))
}

func tree(c *sched.Ctx) abi.Errno {
	root := kmem.Header().RootDentry
	for i := range nodes {
		n := &nodes[i]
		length := put(c.Path, n.path)
		var e abi.Errno
		switch n.mode & abi.S_IFMT {
		case abi.S_IFDIR:
			var d abi.DentryRef
			if d, e = vfs.Mkdir(c, vfs.PathAt{Dir: root, Span: c.InPath(length)}, n.mode&0o7777); e == abi.OK {
				vfs.Put(d)
			}
		case abi.S_IFLNK:
			target := put(c.Path2, n.target)
			e = vfs.Symlink(c, c.InPath2(target), vfs.PathAt{Dir: root, Span: c.InPath(length)})
		default:
			e = vfs.Mknod(c, vfs.PathAt{Dir: root, Span: c.InPath(length)}, n.mode, n.major<<8|n.minor)
		}
		if e != abi.OK {
			return e
		}
	}
	null, e := vfs.Resolve(c, vfs.PathAt{Dir: root, Span: c.InPath(put(c.Path, "/dev/null"))}, 0)
	if e != abi.OK {
		return e
	}
	rpc.Init(null)
	d, e := vfs.Resolve(c, vfs.PathAt{Dir: root, Span: c.InPath(put(c.Path, "/proc"))}, vfs.Directory)
	if e != abi.OK {
		return e
	}
	e = procfs.Init(d)
	vfs.Put(d)
	if e != abi.OK {
		return e
	}
	if d, e = vfs.Resolve(c, vfs.PathAt{Dir: root, Span: c.InPath(put(c.Path, "/dev/pts"))}, vfs.Directory); e != abi.OK {
		return e
	}
	e = tty.InitDevpts(d)
	vfs.Put(d)
	if e != abi.OK {
		return e
	}
	if d, e = vfs.Resolve(c, vfs.PathAt{Dir: root, Span: c.InPath(put(c.Path, "/sys"))}, vfs.Directory); e != abi.OK {
		return e
	}
	e = sysfs.Init(c, d)
	vfs.Put(d)
	return e
}
