// Package sysfs owns the few files of /sys that programs read to count
// processors. They never change while a machine runs, so they are ordinary
// files that are written once, at boot; guests may not change them.
package sysfs

import (
	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/kmem"
	"foreshore.dev/kernel/mm"
	"foreshore.dev/kernel/sched"
	"foreshore.dev/kernel/vfs"
)

// Directories come before what is in them.
var directories = [...]string{"devices", "devices/system", "devices/system/cpu", "kernel"}

var cpuLists = [...]string{"devices/system/cpu/online", "devices/system/cpu/possible", "devices/system/cpu/present"}

// Init mounts /sys on a directory, which must exist. The context acts for no
// process.
func Init(c *sched.Ctx, over abi.DentryRef) abi.Errno {
	root, e := vfs.Mount(abi.FsTypeSysfs, over, 0o555)
	if e != abi.OK {
		return e
	}
	for _, name := range directories {
		d, e := vfs.Mkdir(c, vfs.PathAt{Dir: root, Span: c.InPath(put(c.Path, name))}, 0o755)
		if e != abi.OK {
			return e
		}
		vfs.Put(d)
	}
	for _, name := range cpuLists {
		if e := write(c, root, name, cpuList(c.Page)); e != abi.OK {
			return e
		}
	}
	return abi.OK
}

func put(dst uint32, s string) uint32 {
	copy(kmem.Bytes(dst, uint32(len(s))), s)
	return uint32(len(s))
}

// cpuList writes the processors as the kernel lists them: "0" or "0-3".
func cpuList(dst uint32) uint32 {
	n := put(dst, "0")
	if last := kmem.Header().HartCount - 1; last != 0 {
		n += put(dst+n, "-")
		n += vfs.PutNumber(dst+n, uint64(last))
	}
	return n + put(dst+n, "\n")
}

// write makes a file of n bytes from c.Page.
func write(c *sched.Ctx, root abi.DentryRef, name string, n uint32) abi.Errno {
	how := vfs.How{Flags: abi.O_CREAT | abi.O_WRONLY, Mode: 0o444}
	d, e := vfs.Open(c, root, vfs.PathAt{Dir: root, Span: c.InPath(put(c.Path, name))}, how)
	if e != abi.OK {
		return e
	}
	c.Buf = mm.Buf{Addr: uint64(c.Page), Len: n}
	_, e = vfs.WriteAt(c, vfs.InodeOf(d), 0, &c.Buf)
	vfs.Put(d)
	return e
}
