package rpc

import (
	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/kmem"
	"foreshore.dev/kernel/sched"
)

// Who watches tables. A client's subscription is what it has asked for since it
// came; the request alone says from which change on it wants to know, so that several
// viewers may share a client. Nothing is counted per change: a table has
// the number of the answer that tells of its last one, and a change rings the
// kernel worker only where a request waits for it, which is then answered. Who is
// slow to ask again costs nothing meanwhile.

// unwatchable are the tables in which a slot changes because somebody waits.
const unwatchable = kmem.Kinds(1<<abi.SlotKindNone | 1<<abi.SlotKindWaitEntry | 1<<abi.SlotKindPendingRequest)

const watchable = kmem.Kinds(1<<abi.SlotKinds-1) &^ unwatchable

func changes() *abi.ChangesLive { return &kmem.Kernel().Changes }

func watchChanges(c *sched.Ctx, p *abi.PendingRequestSlot, r *abi.WatchChangesRequest, a *abi.WatchChangesAnswer) abi.Errno {
	w, kinds := changes(), kmem.Kinds(r.Kinds)
	if kinds == 0 || kinds&^watchable != 0 {
		return abi.EINVAL
	}
	watch(p.Client, kinds|kmem.Kinds(w.Kinds[p.Client]))
	told := kmem.Kinds(0)
	for kind := abi.SlotKind(1); kind < abi.SlotKinds; kind++ {
		if kinds>>kind&1 != 0 && (w.Changed[kind] > r.Since || r.Since > w.Number) {
			told |= 1 << kind
		}
	}
	if told == 0 {
		e := sched.WaitOn(c, &w.Wait, eventsOf(kinds))
		if e == abi.EBLOCKED {
			w.Awaited |= r.Kinds
		}
		return e
	}
	w.Number++
	a.Kinds, a.Number = uint64(told), w.Number
	return abi.OK
}

// watch is what a client watches from now on. A table that nobody has watched has
// changed, for all that anybody knows.
func watch(client uint32, kinds kmem.Kinds) {
	w := changes()
	before := kmem.Kinds(w.Watched)
	w.Kinds[client], w.Watched = uint64(kinds), 0
	for _, k := range w.Kinds {
		w.Watched |= k
	}
	kmem.Changed(kmem.Kinds(w.Watched) &^ before)
}

// tellChanges has the requests look again that wait for what has changed.
func tellChanges() {
	w := changes()
	if due := kmem.Kinds(w.Due); due != 0 {
		w.Due = 0
		sched.Wake(&w.Wait, eventsOf(due))
	}
}

// eventsOf is a set of tables as wait queues tell waiters apart: some more of them
// may look again than have to.
func eventsOf(kinds kmem.Kinds) abi.PollEvent { return abi.PollEvent(kinds | kinds>>32) }
