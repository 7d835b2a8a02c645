package file

import (
	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/kmem"
	"foreshore.dev/kernel/mm"
	"foreshore.dev/kernel/sched"
	"foreshore.dev/kernel/vfs"
)

// SetStatusFlags is F_SETFL: what may not change is ignored. EPERM for
// O_NOATIME on a file that the caller does not own.
func SetStatusFlags(c *sched.Ctx, i abi.OfdRef, flags abi.OpenFlag) abi.Errno {
	o := kmem.Ofd(i)
	if flags&abi.O_NOATIME != 0 && o.State.Flags&abi.O_NOATIME == 0 && o.State.Inode != 0 && !vfs.Owns(c, o.State.Inode) {
		return abi.EPERM
	}
	kmem.WriteBegin(&o.Header)
	o.State.Flags = o.State.Flags&^setFlags | flags&setFlags
	kmem.WriteEnd(&o.Header)
	return abi.OK
}

// Readable is FIONREAD: how many bytes a read would find.
func Readable(i abi.OfdRef) (uint32, abi.Errno) {
	o := kmem.Ofd(i)
	if unread := opsOf(o).unread; unread != nil {
		return unread(o), abi.OK
	}
	return 0, abi.ENOTTY
}

// Map completes a mapping of an OFD, and says what may not be mapped.
func Map(m *mm.Mapping, i abi.OfdRef, prot abi.Prot, pos uint64) abi.Errno {
	o := kmem.Ofd(i)
	shared := m.Flags&abi.VmaFlagShared != 0
	if !readable(o) || shared && prot&abi.PROT_WRITE != 0 && !writable(o) {
		return abi.EACCES
	}
	if shared && writable(o) {
		m.Flags |= abi.VmaFlagMaybeWrite
	}
	if mmap := opsOf(o).mmap; mmap != nil {
		return mmap(m, o, prot, pos)
	}
	return abi.ENODEV
}

// Syncs says whether fsync(2) takes an OFD.
func Syncs(i abi.OfdRef) bool { return opsOf(kmem.Ofd(i)).syncs }

// Written says whether a file is open for writing, or mapped so, by anyone: it
// must not be executed (ETXTBSY). Files of memfd_create(2) are not asked for:
// on Linux their first descriptor counts as no writer. (One that was opened
// anew through /proc does there.)
func Written(inode abi.InodeRef) bool {
	if kmem.Inode(inode).Live.Memfd != 0 {
		return false
	}
	t := kmem.Table(abi.SlotKindOfd)
	for i := abi.OfdRef(1); i < abi.OfdRef(t.HighWater.Load()); i++ {
		if !kmem.InUse(i) {
			continue
		}
		if o := kmem.Ofd(i); regular(o) && o.State.Inode == inode && writable(o) {
			return true
		}
	}
	return mappedWritable(kmem.Inode(inode))
}

// mappedWritable says whether a shared mapping of a file may be written, or made so.
func mappedWritable(in *abi.InodeSlot) bool {
	const both = abi.VmaFlagShared | abi.VmaFlagMaybeWrite
	for v := in.Live.VmaHead; v != 0; v = kmem.Vma(v).InodeNext {
		if kmem.Vma(v).Flags&both == both {
			return true
		}
	}
	return false
}

// Seals are the F_SEAL_* bits of a file, EINVAL for what has none.
func Seals(i abi.OfdRef) (*abi.SealFlag, abi.Errno) {
	o := kmem.Ofd(i)
	if !regular(o) || kmem.Inode(o.State.Inode).State.FsType != abi.FsTypeTmpfs {
		return nil, abi.EINVAL
	}
	return &kmem.Inode(o.State.Inode).Live.Seals, abi.OK
}

// AddSeals is F_ADD_SEALS: EPERM when the file is sealed against that or
// not open for writing, EBUSY when F_SEAL_WRITE would contradict a mapping.
func AddSeals(i abi.OfdRef, seals abi.SealFlag) abi.Errno {
	o := kmem.Ofd(i)
	const known = abi.F_SEAL_SEAL | abi.F_SEAL_SHRINK | abi.F_SEAL_GROW | abi.F_SEAL_WRITE | abi.F_SEAL_FUTURE_WRITE | abi.F_SEAL_EXEC
	if !writable(o) {
		return abi.EPERM
	}
	has, e := Seals(i)
	if e != abi.OK || seals&^known != 0 {
		return abi.EINVAL
	}
	if *has&abi.F_SEAL_SEAL != 0 {
		return abi.EPERM
	}
	in := kmem.Inode(o.State.Inode)
	if seals&abi.F_SEAL_EXEC != 0 && in.State.Mode&0o111 != 0 {
		// A program that is to stay executable is to stay what it is (memfd_create(2)).
		seals |= abi.F_SEAL_SHRINK | abi.F_SEAL_GROW | abi.F_SEAL_WRITE | abi.F_SEAL_FUTURE_WRITE
	}
	if seals&abi.F_SEAL_WRITE != 0 && *has&abi.F_SEAL_WRITE == 0 && mappedWritable(in) {
		return abi.EBUSY
	}
	*has |= seals
	return abi.OK
}
