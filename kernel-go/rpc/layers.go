package rpc

import (
	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/file"
	"foreshore.dev/kernel/sched"
	"foreshore.dev/kernel/vfs"
)

// readGenerated reads a procfs file through an open file description.
func readGenerated(c *sched.Ctx, d, to uint32, r *abi.ReadFileRequest, a *answer) abi.Errno {
	o, e := file.OpenDentry(c, d, uint32(abi.O_RDONLY))
	if e != abi.OK {
		return e
	}
	n, e := file.Read(c, o, arenaBuf(c, to, r.Reply.Length), r.Position)
	file.Put(c, o)
	a.result, a.value = int64(n), r.Position+uint64(n)
	if n == r.Reply.Length {
		// Its size is not known beforehand: there may be more.
		a.value++
	}
	return e
}

func writeFiles(c *sched.Ctx, client uint32, records abi.ArenaSpan, count uint32, a *answer) abi.Errno {
	at, e := span(client, records)
	if e != abi.OK {
		return e
	}
	n, e := vfs.WriteRecords(c, at, records.Length, count)
	a.result = int64(n)
	return e
}

// What ApplyFileLayer's `more` says of the batches that follow.
const (
	moreNone = iota
	moreFollow
	moreForget
)

func applyFileLayer(c *sched.Ctx, client uint32, r *abi.ApplyFileLayerRequest, a *answer) abi.Errno {
	if r.More == moreForget {
		vfs.DropLayer(client)
		return abi.OK
	}
	if r.More > moreForget {
		return abi.EINVAL
	}
	at, e := span(client, r.Records)
	if e != abi.OK {
		return e
	}
	n := uint32(0)
	if r.Prefix.Length != 0 {
		if n, e = path(c, client, r.Prefix); e != abi.OK {
			return e
		}
	}
	e = vfs.ApplyLayer(c, client, c.Path, n, at, r.Records.Length, r.Count, r.More == moreFollow)
	a.result = int64(r.Count)
	return e
}
