package rpc

import (
	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/kmem"
	"foreshore.dev/kernel/proc"
	"foreshore.dev/kernel/sched"
	"foreshore.dev/kernel/vfs"
)

// Clients come and go: what one held is freed when it leaves (it writes
// ClientStateLost), and when another one takes its rings back.

func attachClient(_ *sched.Ctx, _ *abi.PendingRequestSlot, _ *abi.AttachClientRequest, a *abi.AttachClientAnswer) abi.Errno {
	for i := range kmem.Header().ClientCount {
		s := kmem.Client(i)
		if s.LoadState() != abi.ClientStateFree {
			continue
		}
		// The user before may have left the words of its side anywhere.
		s.SubmissionTail.Store(0)
		s.SubmissionHead.Store(0)
		s.CompletionTail.Store(0)
		s.CompletionHead.Store(0)
		s.StoreClientSleeping(0)
		s.Connected.Store(0)
		s.Header.Generation.Add(1)
		s.StoreState(abi.ClientStateAttached)
		kmem.Changed(1 << abi.SlotKindClient)
		a.Client = kmem.HandleOf(abi.SlotKindClient, i)
		return abi.OK
	}
	return abi.ENOSPC
}

// detachClient takes a client's rings back. Client 0 stays, and no client saws
// off the ring that its answer is to go to.
func detachClient(c *sched.Ctx, p *abi.PendingRequestSlot, r *abi.DetachClientRequest) abi.Errno {
	if r.Client.Index == 0 || r.Client.Index == p.Client {
		return abi.EINVAL
	}
	i := kmem.Lookup[abi.ClientRef](r.Client)
	if i == 0 {
		return abi.ESRCH
	}
	releaseClient(c, uint32(i))
	return abi.OK
}

// releaseClient frees what a client holds, and its slot.
func releaseClient(c *sched.Ctx, i uint32) {
	s := kmem.Client(i)
	dropRequests(i)
	watch(i, 0)
	vfs.DropLayer(i)
	dropOwners(c, i)
	proc.LeaveToThemselves(c, i)
	closeStreams(c, i)
	s.Header.Generation.Add(1)
	s.StoreState(abi.ClientStateFree)
	kmem.Changed(1 << abi.SlotKindClient)
	// One that closed waits for this; one that was detached is to look.
	kmem.NotifyWord(&s.State, ^uint32(0))
	kmem.NotifyWord(&s.CompletionTail, ^uint32(0))
}

// dropOwners ends a client's owners with their processes.
func dropOwners(c *sched.Ctx, client uint32) {
	n := kmem.End[abi.OwnerRef]()
	for i := abi.OwnerRef(proc.DefaultOwner + 1); i < n; i++ {
		o := kmem.Owner(i)
		if o.Header.Generation.Load()&1 == 1 && o.Client == client {
			o.Client = proc.NoClient
			state().Orphans++
			proc.KillOwned(c, i)
		}
	}
	freeOrphans()
}

// freeOrphans frees owners without a client whose last process has ended.
func freeOrphans() {
	if state().Orphans == 0 {
		return
	}
	n := kmem.End[abi.OwnerRef]()
	for i := abi.OwnerRef(proc.DefaultOwner + 1); i < n; i++ {
		o := kmem.Owner(i)
		if o.Header.Generation.Load()&1 == 1 && o.Client == proc.NoClient && o.Processes.Load() == 0 {
			state().Orphans--
			freeOwner(i)
		}
	}
}

func createOwner(_ *sched.Ctx, p *abi.PendingRequestSlot, r *abi.CreateOwnerRequest, a *abi.CreateOwnerAnswer) abi.Errno {
	i := kmem.Alloc[abi.OwnerRef]()
	if i == 0 {
		return abi.ENOSPC
	}
	o := kmem.Owner(i)
	if !sched.NewStatusRing(o) {
		kmem.Free(i)
		return abi.ENOMEM
	}
	o.Client, o.Budget = p.Client, max(r.Budget, 1)
	a.Owner = kmem.Handle(i)
	return abi.OK
}

// closeOwner kills the owner's processes and answers when they are gone.
func closeOwner(c *sched.Ctx, _ *abi.PendingRequestSlot, r *abi.CloseOwnerRequest) abi.Errno {
	i := kmem.Lookup[abi.OwnerRef](r.Owner)
	if i == 0 {
		return abi.ESRCH
	}
	if i == proc.DefaultOwner {
		return abi.EPERM
	}
	proc.KillOwned(c, i)
	if kmem.Owner(i).Processes.Load() != 0 {
		return sched.WaitOn(c, &kmem.Owner(i).ExitWait, sched.AllEvents)
	}
	freeOwner(i)
	return abi.OK
}

func freeOwner(i abi.OwnerRef) {
	kmem.UnrefFrame(kmem.Owner(i).StatusBase)
	kmem.Free(i)
}
