package proc

import (
	"testing"

	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/file"
	"foreshore.dev/kernel/host"
	"foreshore.dev/kernel/kmem"
	"foreshore.dev/kernel/kmem/kmemtest"
	"foreshore.dev/kernel/sched"
)

const ms = uint64(1_000_000)

// clock is the machine's time, which only these tests move.
var clock uint64

func advance(ns uint64) {
	clock += ns
	sched.RunTimers(clock)
}

// timerMachine is a machine with one process of one thread, which catches all
// signals and blocks them.
func timerMachine(t *testing.T) *sched.Ctx {
	t.Helper()
	before := host.Native.Now
	clock = 1000 * ms
	host.Native.Now = func() float64 { return float64(clock) }
	t.Cleanup(func() { host.Native.Now = before })
	kmemtest.New(t, 64)
	t.Cleanup(kmem.Unlock)
	sched.ExpireTimer, sched.ExpireTimerfd = TimerExpired, file.ExpireTimerfd
	sched.SendAsync, sched.Drain = file.SendAsync, func() {}
	owner := kmem.Alloc[abi.OwnerRef]()
	p := newProcess(0, owner)
	s := kmem.Process(p)
	th := newThread(p, newTid())
	kmem.WriteBegin(&s.Header)
	s.State.Pid, s.State.Leader = kmem.Thread(th).State.Tid, th
	kmem.WriteEnd(&s.Header)
	s.State.StoreRunState(abi.ProcessRunStateRunning)
	s.State.Sighand = kmem.Alloc[abi.SighandRef]()
	for i := range kmem.Sighand(s.State.Sighand).Actions {
		kmem.Sighand(s.State.Sighand).Actions[i].Handler = 0x1000
	}
	defaultLimits(s)
	joinUser(p)
	kmem.Thread(th).State.Sigmask = ^uint64(0)
	c := sched.For(0)
	c.Thread, c.Process = th, p
	return c
}

func newTimer(t *testing.T, c *sched.Ctx, clock abi.Clock, signo abi.Signal, value uint64) abi.PosixTimerRef {
	t.Helper()
	i, e := NewTimer(c, TimerSpec{Clock: clock, Signo: signo, Value: value})
	if e != abi.OK {
		t.Fatalf("timer of clock %v: %v", clock, e)
	}
	return i
}

// take removes the pending signal, which must be of the timer.
func take(t *testing.T, c *sched.Ctx, i abi.PosixTimerRef) (overrun uint32) {
	t.Helper()
	v := kmem.PosixTimer(i)
	s, ok := TakeSignal(c.T(), c.P(), ^uint64(0))
	if !ok {
		t.Fatal("no signal is pending")
	}
	if s.Code != int32(abi.SI_TIMER) || s.Signo != v.Signo || uint32(s.Field0) != v.Id || s.Field1 != v.Value {
		t.Fatalf("signal %+v, want that of timer %d", s, v.Id)
	}
	if over := uint32(s.Field0 >> 32); over != v.LastOverrun {
		t.Fatalf("si_overrun is %d, timer_getoverrun %d", over, v.LastOverrun)
	}
	return v.LastOverrun
}

func nothingPending(t *testing.T, c *sched.Ctx) {
	t.Helper()
	if s, ok := TakeSignal(c.T(), c.P(), ^uint64(0)); ok {
		t.Fatalf("signal %+v is pending", s)
	}
}

func TestTimerExpiresOnce(t *testing.T) {
	c := timerMachine(t)
	i := newTimer(t, c, abi.CLOCK_MONOTONIC, abi.SIGUSR1, 7)
	SetTimer(i, 5*ms, 0, false)
	if left, _ := TimerLeft(i); left != 5*ms {
		t.Fatalf("%d ns left, want 5 ms", left)
	}
	advance(5*ms - 1)
	nothingPending(t, c)
	advance(1)
	if n := take(t, c, i); n != 0 {
		t.Fatalf("%d overruns of a timer without interval", n)
	}
	advance(100 * ms)
	nothingPending(t, c)
	if left, interval := TimerLeft(i); left != 0 || interval != 0 {
		t.Fatalf("an expired timer has %d left, interval %d", left, interval)
	}
}

func TestTimerOverruns(t *testing.T) {
	c := timerMachine(t)
	i := newTimer(t, c, abi.CLOCK_BOOTTIME, abi.SIGRTMIN, 1)
	SetTimer(i, 10*ms, 10*ms, false)
	advance(35 * ms) // due at 10, 20, 30: one signal stands for all
	if n := take(t, c, i); n != 2 {
		t.Fatalf("%d overruns, want 2", n)
	}
	nothingPending(t, c)
	if left, interval := TimerLeft(i); left != 5*ms || interval != 10*ms {
		t.Fatalf("%d left, interval %d; want 5 and 10 ms", left, interval)
	}
	advance(5 * ms)
	if n := take(t, c, i); n != 0 {
		t.Fatalf("%d overruns of a signal that was taken at once", n)
	}
}

func TestTimersShareASignal(t *testing.T) {
	c := timerMachine(t)
	a, b := newTimer(t, c, abi.CLOCK_MONOTONIC, abi.SIGALRM, 1), newTimer(t, c, abi.CLOCK_REALTIME, abi.SIGALRM, 2)
	SetTimer(a, ms, 0, false)
	SetTimer(b, sched.RealNs()+2*ms, 0, true)
	advance(3 * ms)
	take(t, c, a)
	take(t, c, b)
	nothingPending(t, c)
}

func TestTimerThatIsStoppedTakesItsSignalBack(t *testing.T) {
	c := timerMachine(t)
	i, other := newTimer(t, c, abi.CLOCK_MONOTONIC, abi.SIGALRM, 0), newTimer(t, c, abi.CLOCK_MONOTONIC, abi.SIGALRM, 0)
	SetTimer(i, 1, 0, true) // long ago: due at once
	if c.P().State.Pending&bit(abi.SIGALRM) == 0 {
		t.Fatal("a timer of the past has not expired")
	}
	SetTimer(other, 1, 0, true)
	SetTimer(i, 0, 0, false)
	take(t, c, other)
	nothingPending(t, c)
	SetTimer(i, 1, 0, true)
	used := kmem.Table(abi.SlotKindSigInfo).InUse.Load()
	deleteTimers(c.Process)
	nothingPending(t, c)
	if n := kmem.Table(abi.SlotKindSigInfo).InUse.Load(); n != used-2 || kmem.Table(abi.SlotKindPosixTimer).InUse.Load() != 0 {
		t.Fatalf("%d signal records of %d are left", n, used)
	}
}

func TestIgnoredTimerGoesOn(t *testing.T) {
	c := timerMachine(t)
	c.T().State.Sigmask = 0
	a := action(c.P(), abi.SIGUSR1)
	a.Handler = abi.SIG_IGN
	i := newTimer(t, c, abi.CLOCK_MONOTONIC, abi.SIGUSR1, 0)
	SetTimer(i, 1, 1, false) // every nanosecond
	advance(1)
	nothingPending(t, c)
	if left, _ := TimerLeft(i); left < ignoredTickNs {
		t.Fatalf("an ignored timer looks again after %d ns", left)
	}
	a.Handler = 0x1000
	advance(2 * ignoredTickNs)
	take(t, c, i)
}

func TestCpuTimers(t *testing.T) {
	c := timerMachine(t)
	i := newTimer(t, c, abi.CLOCK_THREAD_CPUTIME_ID, abi.SIGUSR2, 3)
	SetTimer(i, 2*ms, 2*ms, false)
	SetItimer(c.Process, abi.ITIMER_PROF, 5*ms, 5*ms)
	SetItimer(c.Process, abi.ITIMER_VIRTUAL, 6*ms, 0)
	CheckCpuTimers(c)
	if n := c.P().Live.CpuTimers; n != 3 {
		t.Fatalf("%d CPU timers are armed, want 3", n)
	}
	advance(1000 * ms) // time without work is none of theirs
	CheckCpuTimers(c)
	nothingPending(t, c)
	c.T().State.UserNs += 5 * ms
	c.P().Live.UserNs += 5 * ms
	CheckCpuTimers(c)
	if n := take(t, c, i); n != 1 {
		t.Fatalf("%d overruns, want 1", n)
	}
	if s, ok := TakeSignal(c.T(), c.P(), ^uint64(0)); !ok || s.Signo != abi.SIGPROF {
		t.Fatalf("signal %+v, want SIGPROF", s)
	}
	if left, interval := Itimer(c.Process, abi.ITIMER_VIRTUAL); left != ms || interval != 0 {
		t.Fatalf("ITIMER_VIRTUAL has %d left, interval %d", left, interval)
	}
	c.T().State.UserNs += ms
	c.P().Live.UserNs += ms
	CheckCpuTimers(c)
	take(t, c, i)
	if s, ok := TakeSignal(c.T(), c.P(), ^uint64(0)); !ok || s.Signo != abi.SIGVTALRM {
		t.Fatalf("signal %+v, want SIGVTALRM", s)
	}
	deleteTimers(c.Process)
	SetItimer(c.Process, abi.ITIMER_PROF, 0, 0)
	CheckCpuTimers(c)
	if n := c.P().Live.CpuTimers; n != 0 {
		t.Fatalf("%d CPU timers are armed at the end", n)
	}
}

func TestTimerRefusals(t *testing.T) {
	c := timerMachine(t)
	for _, want := range []struct {
		clock abi.Clock
		errno abi.Errno
	}{{99, abi.EINVAL}, {abi.CLOCK_MONOTONIC_RAW, abi.EOPNOTSUPP}, {threadClock(4711), abi.EINVAL}, {processClock(4711), abi.EINVAL}} {
		if _, e := NewTimer(c, TimerSpec{Clock: want.clock, Signo: 10}); e != want.errno {
			t.Errorf("clock %d: %v, want %v", int32(want.clock), e, want.errno)
		}
	}
	c.P().State.Rlimits[abi.RLIMIT_SIGPENDING].Cur = 1
	newTimer(t, c, abi.CLOCK_MONOTONIC, abi.SIGUSR1, 0)
	if _, e := NewTimer(c, TimerSpec{Clock: abi.CLOCK_MONOTONIC, Signo: 10}); e != abi.EAGAIN {
		t.Errorf("beyond RLIMIT_SIGPENDING: %v, want EAGAIN", e)
	}
}
