package main

import (
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"syscall"
	"time"
	"unsafe"

	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/boot"
	"foreshore.dev/kernel/hart"
	"foreshore.dev/kernel/host"
	"foreshore.dev/kernel/kmem"
)

// budgetInsns is a hart's slice in instructions, as the Runtime's default.
const budgetInsns = 300_000

// machine is the one machine of this process: the kernel runs on one memory at a
// time (kmem.UseRegion).
//
// Loads and stores of guests on several harts are plain ones of Go, as they are
// of WebAssembly: who wants an order says so by fences and atomics, which are
// kmem's. The race detector would report the guests' races, not the kernel's; the
// packages that harts share run under it by themselves (tools/test-all.ts, go-race).
type machine struct {
	// failed gets the reason when the kernel or one of its loops is broken.
	failed chan error
}

// size is how large a machine is. Its memory is a file, if share names one.
type size struct {
	harts, memoryMiB, clients uint32
	share                     string
}

// memory is memory for a machine. Of the Go heap it costs what is used of it: large
// blocks are untouched.
func memory(bytes uintptr, share string) ([]byte, error) {
	if share == "" {
		mem := make([]byte, bytes+uintptr(kmem.PageSize))
		skip := -uintptr(unsafe.Pointer(unsafe.SliceData(mem))) & uintptr(kmem.PageMask)
		return mem[skip : skip+bytes], nil
	}
	file, err := os.OpenFile(share, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	if err := file.Truncate(int64(bytes)); err != nil {
		return nil, err
	}
	return syscall.Mmap(int(file.Fd()), 0, int(bytes), syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_SHARED)
}

// start boots a machine on memory of its own and has its harts and its kernel
// worker run. log gets the kernel's lines, trace the records of system call traces.
func start(of size, log func(string), trace func([]byte)) (*machine, error) {
	mem, err := memory(uintptr(of.memoryMiB)<<20, of.share)
	if err != nil {
		return nil, fmt.Errorf("-share %s: %w", of.share, err)
	}
	kmem.UseRegion(mem)
	host.Native.Log = func(_ abi.LogLevel, p []byte) { log(string(p)) }
	host.Native.Trace = trace
	config := kmem.Config{
		MemoryMaxPages:   of.memoryMiB << 4,
		Harts:            of.harts,
		Clients:          of.clients,
		RealtimeOffsetNs: uint64(time.Now().UnixNano()) - host.NowNs(),
	}
	if e := boot.Boot(config); e != abi.OK {
		return nil, fmt.Errorf("the machine does not boot: %v", e)
	}
	// A hart that is evicted must come to run although others are in guest code.
	runtime.GOMAXPROCS(max(runtime.GOMAXPROCS(0), int(of.harts)+2))
	m := &machine{failed: make(chan error, of.harts+1)}
	for i := range of.harts {
		go m.guard(fmt.Sprintf("hart %d", i), func() error { return runHart(i) })
	}
	go m.guard("the kernel worker", serve)
	return m, nil
}

// guard reports how a loop ended that should have no end.
func (m *machine) guard(who string, loop func() error) {
	defer func() {
		if broken := recover(); broken != nil {
			m.failed <- fmt.Errorf("%s: %v\n%s", who, broken, debug.Stack())
		}
	}()
	m.failed <- fmt.Errorf("%s: %w", who, loop())
}

// runHart is a hart's loop: see abi/boundary.fbs, hart_run.
func runHart(index uint32) error {
	slot := kmem.Hart(index)
	for {
		switch exit := hart.Run(index, budgetInsns); exit {
		case abi.HartExitBudget:
		case abi.HartExitIdle:
			// The doorbell value that the hart saw while it still held the lock:
			// a ring since then is not slept through.
			kmem.WaitWord(&slot.Doorbell, slot.DoorbellSeen, untilNs(slot.WakeAtNs))
		default:
			return fmt.Errorf("ended with %v", exit)
		}
	}
}

// untilNs is how long to sleep until the machine's clock shows `at`; negative for ever.
func untilNs(at uint64) int64 {
	if at == ^uint64(0) {
		return -1
	}
	return max(0, int64(at-min(at, host.NowNs())))
}

// serve is the kernel worker's loop.
func serve() error {
	h := kmem.Header()
	for {
		// Read before the work: whoever rings after this point ends the wait below at once.
		seen := h.KernelDoorbell.Load()
		if status := boot.Service(); status != abi.ServiceStatusOk {
			return fmt.Errorf("ended with %v", status)
		}
		ms := boot.PrepareSleep()
		if ms == 0 {
			continue
		}
		ns := int64(-1)
		if ms > 0 {
			ns = int64(ms * 1e6)
		}
		kmem.WaitWord(&h.KernelDoorbell, seen, ns)
		h.KernelSleeping.Store(0)
	}
}
