package rpc

import (
	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/kmem"
	"foreshore.dev/kernel/sched"
	"foreshore.dev/kernel/uts"
)

// kernelInit is the handshake: a client of another ABI is refused, and told
// what this machine speaks.
func kernelInit(c *sched.Ctx, p *abi.PendingRequestSlot, r *abi.KernelInitRequest, a *abi.KernelInitAnswer) abi.Errno {
	h := kmem.Header()
	hash := uint64(h.LayoutHashHi)<<32 | uint64(h.LayoutHashLo)
	a.Version = uint64(h.AbiMajor) | uint64(h.AbiMinor)<<16
	a.LayoutHash = hash
	if !abi.Fits(r.AbiMajor, r.AbiMinor, r.LayoutHashLo, r.LayoutHashHi) {
		return abi.EPROTO
	}
	if r.Reply.Length == 0 {
		return abi.OK
	}
	to, e := span(p.Client, r.Reply)
	if e != abi.OK {
		return e
	}
	// The table is built in scratch memory: the arena is the client's, who may write
	// there at any time.
	release := kmem.Bytes(c.Path, uint32(len(uts.Release)))
	copy(release, uts.Release)
	var d abi.KernelRuntimeStateData
	d.AbiMajor, d.AbiMinor, d.LayoutHash, d.FeatureBits = h.AbiMajor, h.AbiMinor, hash, h.FeatureBits
	d.BootState, d.Client, d.Harts, d.Clients = h.LoadBootState(), p.Client, h.HartCount, h.ClientCount
	d.MemoryPages, d.MemoryMaxPages = h.MemoryPages.Load(), h.MemoryMaxPages
	d.RealtimeOffsetNs, d.HeaderAddress = h.RealtimeOffsetNs, uint32(abi.FixedHeaderAddress)
	d.Tables, d.Counters, d.Release = h.Tables[:abi.SlotKinds], &h.Counters, release
	n, ok := d.Build(kmem.Bytes(c.Page, kmem.PageSize))
	if !ok || n > to.Len {
		return abi.EOVERFLOW
	}
	kmem.Copy(to.Addr, c.Page, n)
	a.Bytes = int64(n)
	return abi.OK
}
