package rpc

import (
	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/file"
	"foreshore.dev/kernel/kmem"
	"foreshore.dev/kernel/sched"
	"foreshore.dev/kernel/vfs"
)

// readGenerated reads a procfs file through an open file description.
func readGenerated(c *sched.Ctx, d abi.DentryRef, to uint32, r *abi.ReadFileRequest, a *abi.ReadFileAnswer) abi.Errno {
	o, e := file.OpenDentry(c, d, abi.O_RDONLY)
	if e != abi.OK {
		return e
	}
	n, e := file.Read(c, o, arenaBuf(c, kmem.Span{Addr: to, Len: r.Reply.Length}), r.Position)
	file.Put(c, o)
	a.Bytes, a.Size = int64(n), r.Position+uint64(n)
	if n == r.Reply.Length {
		// Its size is not known beforehand: there may be more.
		a.Size++
	}
	return e
}

func writeFiles(c *sched.Ctx, p *abi.PendingRequestSlot, r *abi.WriteFilesRequest, a *abi.WriteFilesAnswer) abi.Errno {
	at, e := span(p.Client, r.Records)
	if e != abi.OK {
		return e
	}
	n, e := vfs.WriteRecords(c, at, r.Records.Length, r.Count)
	a.Count = int64(n)
	return e
}

func applyFileLayer(c *sched.Ctx, p *abi.PendingRequestSlot, r *abi.ApplyFileLayerRequest, a *abi.ApplyFileLayerAnswer) abi.Errno {
	if r.More == abi.LayerMoreForget {
		vfs.DropLayer(p.Client)
		return abi.OK
	}
	if r.More > abi.LayerMoreForget {
		return abi.EINVAL
	}
	at, e := span(p.Client, r.Records)
	if e != abi.OK {
		return e
	}
	n := uint32(0)
	if r.Prefix.Length != 0 {
		if n, e = path(c, p.Client, r.Prefix); e != abi.OK {
			return e
		}
	}
	e = vfs.ApplyLayer(c, p.Client, vfs.PathAt{Span: c.InPath(n)}, vfs.Records{Addr: at, Bytes: r.Records.Length, Count: r.Count}, r.More == abi.LayerMoreFollow)
	a.Count = int64(r.Count)
	return e
}
