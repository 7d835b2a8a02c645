package rpc

import (
	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/file"
	"foreshore.dev/kernel/kmem"
	"foreshore.dev/kernel/sched"
	"foreshore.dev/kernel/vfs"
)

// readGenerated reads a procfs file through an open file description.
func readGenerated(c *sched.Ctx, d abi.DentryRef, dst kmem.Span, position uint64) (uint32, abi.Errno) {
	o, e := file.OpenDentry(c, d, abi.O_RDONLY)
	if e != abi.OK {
		return 0, e
	}
	n, e := file.Read(c, o, arenaBuf(c, dst), position)
	file.Put(c, o)
	return n, e
}

func writeFiles(c *sched.Ctx, p *abi.PendingRequestSlot, r *abi.WriteFilesRequest, a *abi.WriteFilesAnswer) abi.Errno {
	at, e := span(p.Client, r.Records)
	if e != abi.OK {
		return e
	}
	n, e := vfs.WriteRecords(c, vfs.Records{Span: at, Count: r.Count})
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
	records := vfs.Records{Span: at, Count: r.Count, More: r.More == abi.LayerMoreFollow}
	prefix := kmem.Span{}
	if r.Prefix.Length != 0 {
		if prefix, e = path(c, p.Client, r.Prefix); e != abi.OK {
			return e
		}
	}
	e = vfs.ApplyLayer(c, p.Client, prefix, records)
	a.Count = int64(r.Count)
	return e
}
