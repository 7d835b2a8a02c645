package boot

import (
	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/epoll"
	"foreshore.dev/kernel/file"
	"foreshore.dev/kernel/fs/procfs"
	"foreshore.dev/kernel/hart"
	"foreshore.dev/kernel/kmem"
	"foreshore.dev/kernel/mm"
	"foreshore.dev/kernel/pagecache"
	"foreshore.dev/kernel/pipe"
	"foreshore.dev/kernel/proc"
	"foreshore.dev/kernel/riscv"
	"foreshore.dev/kernel/rpc"
	"foreshore.dev/kernel/sched"
	"foreshore.dev/kernel/sock"
	"foreshore.dev/kernel/syscalls"
	"foreshore.dev/kernel/tty"
	"foreshore.dev/kernel/vfs"
)

// The hooks: where a package calls one that stands on it. Each is a function
// variable of the package that asks, and all of them are set here and nowhere
// else; tests of single packages set those that they need. wire_test.go has every
// hook in both functions.

// wire says who answers each hook.
func wire() {
	// Memory: who gives frames back, and who has decoded a frame that goes.
	kmem.Reclaim = mm.Reclaim
	kmem.DropCode = hart.DropCode

	// Timers that are due, and wakes of what others than threads and requests wait for.
	sched.ExpireTimer = proc.TimerExpired
	sched.ExpireTimerfd = file.ExpireTimerfd
	sched.HasSignal = proc.HasSignal
	sched.Notify, sched.Drain = epoll.Notify, epoll.Drain
	sched.Async, sched.SendAsync = file.MarkAsync, file.SendAsync

	// File pages: who maps them, and who asks the host for their bytes.
	pagecache.Zap = mm.ZapInode
	pagecache.RequestBlob = rpc.BlobRequest

	// Mappings are users of their files and of these files' names.
	mm.InodeHold, mm.InodeDrop = vfs.HoldOpen, vfs.DropOpen
	mm.DentryHold, mm.DentryDrop = vfs.Hold, vfs.Put

	// Files: what lies behind a name, and what is not theirs to decide.
	vfs.ReleasePipe = pipe.Release
	vfs.LeaseBreaker = file.BreakLeases
	vfs.FileTooLarge = proc.FileTooLarge
	vfs.Generate(abi.FsTypeProcfs, &procfs.Files)
	procfs.FdInfo = file.FdInfo
	epoll.PollOfd, epoll.QueueOf = file.Poll, file.QueueOf

	// Signals.
	pipe.SigPipe, sock.SigPipe = proc.SigPipe, proc.SigPipe
	sock.PutOfd, sock.FindUser = file.Put, proc.FindUser
	file.SendSigio = proc.Sigio
	file.Signals.Pending, file.Signals.Take = proc.SignalPending, proc.TakeForSignalfd
	tty.Signals.Group, tty.Signals.Process = proc.SignalGroup, proc.SignalProcess
	tty.Signals.Ignored, tty.Signals.Orphaned = proc.IgnoredOrBlocked, proc.IsOrphaned

	// The host hears of calls that are not there.
	syscalls.Unsupported = rpc.Unsupported

	// The CPU: pages to fetch from, the time, harts that died.
	riscv.FetchPage = hart.FetchPage
	riscv.TimeNow = sched.TimeCsr
	riscv.HartDead = hart.Dead
}

// wired stops a machine that would run with a hook that nobody answers.
func wired() {
	kmem.Assert(kmem.Reclaim != nil && kmem.DropCode != nil, "hooks of kmem are set")
	kmem.Assert(sched.ExpireTimer != nil && sched.ExpireTimerfd != nil && sched.HasSignal != nil, "hooks of sched are set: timers and signals")
	kmem.Assert(sched.Notify != nil && sched.Drain != nil && sched.Async != nil && sched.SendAsync != nil, "hooks of sched are set: wakes")
	kmem.Assert(pagecache.Zap != nil && pagecache.RequestBlob != nil, "hooks of pagecache are set")
	kmem.Assert(mm.InodeHold != nil && mm.InodeDrop != nil && mm.DentryHold != nil && mm.DentryDrop != nil, "hooks of mm are set")
	kmem.Assert(vfs.ReleasePipe != nil && vfs.LeaseBreaker != nil && vfs.FileTooLarge != nil, "hooks of vfs are set")
	kmem.Assert(procfs.FdInfo != nil, "hooks of procfs are set")
	kmem.Assert(epoll.PollOfd != nil && epoll.QueueOf != nil, "hooks of epoll are set")
	kmem.Assert(pipe.SigPipe != nil && sock.SigPipe != nil && sock.PutOfd != nil && sock.FindUser != nil && file.SendSigio != nil, "hooks of pipe and file are set: signals")
	kmem.Assert(file.Signals.Pending != nil && file.Signals.Take != nil, "hooks of signalfd are set")
	kmem.Assert(tty.Signals.Group != nil && tty.Signals.Process != nil && tty.Signals.Ignored != nil && tty.Signals.Orphaned != nil, "hooks of tty are set")
	kmem.Assert(syscalls.Unsupported != nil, "hooks of syscalls are set")
	kmem.Assert(riscv.FetchPage != nil && riscv.TimeNow != nil && riscv.HartDead != nil, "hooks of riscv are set")
}
