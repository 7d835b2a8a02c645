package file

import (
	"testing"

	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/epoll"
	"foreshore.dev/kernel/fs/procfs"
	"foreshore.dev/kernel/kmem"
	"foreshore.dev/kernel/kmem/kmemtest"
	"foreshore.dev/kernel/mm"
	"foreshore.dev/kernel/pagecache"
	"foreshore.dev/kernel/pipe"
	"foreshore.dev/kernel/sched"
	"foreshore.dev/kernel/sock"
	"foreshore.dev/kernel/vfs"
)

// machine boots a machine with /proc and a process that has one thread.
func machine(t testing.TB) *sched.Ctx {
	t.Helper()
	kmemtest.New(t, 64)
	if e := mm.Init(); e != abi.OK {
		t.Fatal(e)
	}
	if e := vfs.Init(); e != abi.OK {
		t.Fatal(e)
	}
	wire()
	c := sched.For(0)
	d, e := vfs.Mkdir(c, vfs.PathAt{Dir: kmem.Header().RootDentry, Span: c.InPath(put(c.Path, "/proc"))}, 0o555)
	if e == abi.OK {
		e = procfs.Init(d)
		vfs.Put(d)
	}
	if e != abi.OK {
		t.Fatal(e)
	}
	kmem.Alloc[abi.OwnerRef]()
	become(c, newThread(t, newProcess(t, 100), 100))
	return c
}

// wire sets the hooks that files need; of processes there is nothing.
func wire() {
	kmem.Reclaim, pagecache.Zap = mm.Reclaim, mm.ZapInode
	mm.InodeHold, mm.InodeDrop, mm.DentryHold, mm.DentryDrop = vfs.HoldOpen, vfs.DropOpen, vfs.Hold, vfs.Put
	sched.Notify, sched.Drain = epoll.Notify, epoll.Drain
	sched.Async, sched.SendAsync = MarkAsync, SendAsync
	sched.ExpireTimerfd = ExpireTimerfd
	epoll.PollOfd, epoll.QueueOf = Poll, QueueOf
	vfs.ReleasePipe, vfs.LeaseBreaker = pipe.Release, BreakLeases
	vfs.Generate(abi.FsTypeProcfs, &procfs.Files)
	procfs.FdInfo = FdInfo
	kmem.Kernel().Processes.LastTid = 100
	pipe.SigPipe = func(*sched.Ctx) {}
	sock.SigPipe, sock.PutOfd = pipe.SigPipe, Put
	sock.FindUser = func(uint32) abi.UserRef { return 0 }
	Signals.Take = func(*sched.Ctx, uint64, uint32) bool { return false }
}

func put(addr uint32, s string) uint32 {
	copy(kmem.Bytes(addr, uint32(len(s))), s)
	return uint32(len(s))
}

func newProcess(t testing.TB, pid uint32) abi.ProcessRef {
	t.Helper()
	p := kmem.Alloc[abi.ProcessRef]()
	s := kmem.Process(p)
	kmem.WriteBegin(&s.Header)
	defer kmem.WriteEnd(&s.Header)
	s.State.Pid, s.State.Owner = pid, 1
	root := kmem.Header().RootDentry
	s.State.FsContext, s.State.FdTable = vfs.NewContext(root, root, 0o022), NewTable()
	for i := range s.State.Rlimits {
		s.State.Rlimits[i] = abi.Rlimit64{Cur: ^uint64(0), Max: ^uint64(0)}
	}
	s.Live.NextProcess, kmem.Header().InitProcess = kmem.Header().InitProcess, p
	return p
}

func newThread(t testing.TB, p abi.ProcessRef, tid uint32) abi.ThreadRef {
	t.Helper()
	i := kmem.Alloc[abi.ThreadRef]()
	s, ps := kmem.Thread(i), kmem.Process(p)
	kmem.WriteBegin(&s.Header)
	s.State.Tid, s.State.Process = tid, p
	kmem.WriteEnd(&s.Header)
	s.Live.NextInProcess, ps.Live.ThreadHead = ps.Live.ThreadHead, i
	if ps.State.Leader == 0 {
		kmem.WriteBegin(&ps.Header)
		ps.State.Leader = i
		kmem.WriteEnd(&ps.Header)
	}
	b := kmem.Word[abi.ThreadRef](kmem.Areas.PidBuckets + tid&(kmem.Areas.PidBucketCount-1)*4)
	s.Live.TidNext = *b
	*b = i
	s.State.StoreRunState(abi.ThreadRunStateRunning)
	return i
}

// become makes the context act for a thread, at the begin of a call.
func become(c *sched.Ctx, thread abi.ThreadRef) {
	c.Thread, c.Process = thread, kmem.Thread(thread).State.Process
	c.T().State.Blocked = abi.BlockedSyscall{DeadlineNs: ^uint64(0)}
}

// blocked marks the current thread as waiting, as the dispatcher does.
func blocked(t testing.TB, c *sched.Ctx, e abi.Errno) {
	t.Helper()
	if e != abi.EBLOCKED {
		t.Fatalf("%v, want to block", e)
	}
	c.T().State.Blocked.Attempt++
	c.T().State.StoreRunState(abi.ThreadRunStateBlocked)
}

// again makes the context act for a thread that was woken.
func again(t testing.TB, c *sched.Ctx, thread abi.ThreadRef) {
	t.Helper()
	if s := kmem.Thread(thread).State.LoadRunState(); s != abi.ThreadRunStateReady {
		t.Fatalf("thread is %v, not woken", s)
	}
	sched.Unready(thread)
	kmem.Thread(thread).State.StoreRunState(abi.ThreadRunStateRunning)
	c.Thread, c.Process = thread, kmem.Thread(thread).State.Process
}

func open(t testing.TB, c *sched.Ctx, path string, flags abi.OpenFlag) abi.OfdRef {
	t.Helper()
	i, e := Open(c, vfs.RootOf(c), vfs.PathAt{Dir: vfs.CwdOf(c), Span: c.InPath(put(c.Path, path))}, vfs.How{Flags: flags, Mode: 0o644})
	if e != abi.OK {
		t.Fatalf("open %s: %v", path, e)
	}
	return i
}

// kernelBuf is a buffer in linear memory with contents.
func kernelBuf(c *sched.Ctx, s string) *mm.Buf {
	return &mm.Buf{Addr: uint64(c.Vec), Len: put(c.Vec, s)}
}

func write(t testing.TB, c *sched.Ctx, ofd abi.OfdRef, s string) {
	t.Helper()
	if n, e := Write(c, ofd, kernelBuf(c, s), At{Pos: PosCurrent, Append: false}); e != abi.OK || int(n) != len(s) {
		t.Fatalf("write %q: %d, %v", s, n, e)
	}
}

func read(t testing.TB, c *sched.Ctx, ofd abi.OfdRef, max uint32) string {
	t.Helper()
	n, e := Read(c, ofd, &mm.Buf{Addr: uint64(c.Vec), Len: max}, PosCurrent)
	if e != abi.OK {
		t.Fatalf("read: %v", e)
	}
	return string(kmem.Bytes(c.Vec, n))
}
