package file

import (
	"testing"

	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/host"
	"foreshore.dev/kernel/kmem"
	"foreshore.dev/kernel/sched"
	"foreshore.dev/kernel/vfs"
)

// TestLeaseIsTakenAway: a holder that does not hear has its time, then whoever
// waits gets the file, and the lease becomes what was asked for.
func TestLeaseIsTakenAway(t *testing.T) {
	clock := host.Native.Now
	defer func() { host.Native.Now = clock }()
	now := clock()
	host.Native.Now = func() float64 { return now }
	told := 0
	SendSigio = func(_ abi.OfdRef, events abi.PollEvent) {
		if events != abi.POLLMSG {
			t.Errorf("told of %#x", uint32(events))
		}
		told++
	}
	for _, test := range []struct {
		lease, left abi.FlockType
		flags       abi.OpenFlag
	}{
		{abi.F_WRLCK, abi.F_RDLCK, abi.O_RDONLY},
		{abi.F_WRLCK, abi.F_UNLCK, abi.O_RDWR},
		{abi.F_RDLCK, abi.F_UNLCK, abi.O_WRONLY},
	} {
		c := machine(t)
		holder := open(t, c, "/leased", abi.O_CREAT)
		if e := SetLease(c, holder, 3, test.lease); e != abi.OK {
			t.Fatal(e)
		}
		opener := newThread(t, newProcess(t, 200), 200)
		become(c, opener)
		openAs := func() abi.Errno {
			_, e := Open(c, vfs.RootOf(c), vfs.PathAt{Dir: vfs.CwdOf(c), Span: c.InPath(put(c.Path, "/leased"))}, vfs.How{Flags: test.flags})
			return e
		}
		told = 0
		blocked(t, c, openAs())
		if told != 1 || Lease(holder) != test.left {
			t.Errorf("told %d times, the lease is to become %d", told, Lease(holder))
		}
		now += 44.999e9
		sched.RunTimers(sched.NowNs())
		if s := kmem.Thread(opener).State.LoadRunState(); s != abi.ThreadRunStateBlocked {
			t.Errorf("the opener is %d before its time", s)
		}
		now += 0.002e9
		sched.RunTimers(sched.NowNs())
		again(t, c, opener)
		if e := openAs(); e != abi.OK || told != 1 {
			t.Errorf("%v, told %d times", e, told)
		}
		if w := leaseOf(kmem.Ofd(holder).State.Inode, holder); (w == nil) != (test.left == abi.F_UNLCK) || w != nil && kmem.FileLock(*w).BreakTo != 0 {
			t.Error("the lease is not what it is to be")
		}
		Put(c, holder)
		if n := kmem.Table(abi.SlotKindFileLock).InUse.Load(); n != 0 {
			t.Errorf("%d locks left", n)
		}
		if n := kmem.Table(abi.SlotKindWaitEntry).InUse.Load(); n != 0 {
			t.Errorf("%d waits left", n)
		}
	}
}

// TestLeaseAndTheHost: a request of the host tells the holder, and waits for nobody.
func TestLeaseAndTheHost(t *testing.T) {
	c := machine(t)
	told := 0
	SendSigio = func(abi.OfdRef, abi.PollEvent) { told++ }
	holder := open(t, c, "/leased", abi.O_CREAT)
	if e := SetLease(c, holder, 3, abi.F_RDLCK); e != abi.OK {
		t.Fatal(e)
	}
	c.Thread, c.Process = 0, 0
	if e := vfs.BreakLeases(c, kmem.Ofd(holder).State.Inode, abi.O_WRONLY); e != abi.OK || told != 1 {
		t.Errorf("%v, told %d times", e, told)
	}
	if Lease(holder) != abi.F_UNLCK {
		t.Error("the lease is not to go")
	}
}
