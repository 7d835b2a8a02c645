package proc

import (
	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/kmem"
	"foreshore.dev/kernel/sched"
)

// Orphaned process groups (POSIX): no member has a parent in another group of
// the same session, so that nobody is there to continue it.

// IsOrphaned says whether a process group is orphaned.
func IsOrphaned(pgid uint32) bool { return orphanedWithout(pgid, 0) }

// orphanedWithout is IsOrphaned of a group as it is without one process.
func orphanedWithout(pgid uint32, without abi.ProcessRef) bool {
	for i := firstOf(pgid); i != 0; i = nextOf(i, pgid) {
		p := &kmem.Process(i).State
		if i != without && p.LoadRunState() != abi.ProcessRunStateZombie && links(p, p.Parent) {
			return false
		}
	}
	return true
}

// links says whether a parent is one that keeps a process's group from being
// orphaned.
func links(p *abi.ProcessState, parent abi.ProcessRef) bool {
	if parent == 0 {
		return false
	}
	o := &kmem.Process(parent).State
	return o.Pgid != p.Pgid && o.Sid == p.Sid
}

// hangUpOrphans is called when a process ends (which then is `without`), or has
// lost its parent: when that was what kept its group from being
// orphaned, and some of the group are stopped, all get SIGHUP and SIGCONT (exit(3)).
func hangUpOrphans(c *sched.Ctx, process, parent, without abi.ProcessRef) {
	p := &kmem.Process(process).State
	if !links(p, parent) || !anyStopped(p.Pgid) || !orphanedWithout(p.Pgid, without) {
		return
	}
	SignalGroup(c, p.Pgid, abi.SIGHUP)
	SignalGroup(c, p.Pgid, abi.SIGCONT)
}

func anyStopped(pgid uint32) bool {
	for i := firstOf(pgid); i != 0; i = nextOf(i, pgid) {
		if p := &kmem.Process(i).State; p.LoadRunState() == abi.ProcessRunStateStopped {
			return true
		}
	}
	return false
}

// hangUpEach is hangUpOrphans of the processes that have lost a parent
// (ProcessLive.next_orphan), once for each group: to ask again for each member would
// take the square of their number.
func hangUpEach(c *sched.Ctx, first, parent abi.ProcessRef) {
	for i := first; i != 0; i = kmem.Process(i).Live.NextOrphan {
		if p := &kmem.Process(i).State; kmem.Process(i).Live.GroupSeen == 0 && links(p, parent) {
			markGroup(p.Pgid, 1)
			hangUpOrphans(c, i, parent, 0)
		}
	}
	for i := first; i != 0; i = kmem.Process(i).Live.NextOrphan {
		if kmem.Process(i).Live.GroupSeen != 0 {
			markGroup(kmem.Process(i).State.Pgid, 0)
		}
	}
}

func markGroup(pgid, seen uint32) {
	for i := firstOf(pgid); i != 0; i = nextOf(i, pgid) {
		kmem.Process(i).Live.GroupSeen = seen
	}
}
