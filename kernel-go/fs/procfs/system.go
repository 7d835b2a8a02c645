package procfs

import (
	"unsafe"

	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/entropy"
	"foreshore.dev/kernel/kmem"
	"foreshore.dev/kernel/sched"
	"foreshore.dev/kernel/uts"
)

// ticksPerSec is USER_HZ, the unit of CPU times in /proc.
const ticksPerSec = 100

func ticks(ns uint64) uint64 { return ns / (1_000_000_000 / ticksPerSec) }

// centiseconds writes a time as seconds with two decimals.
func centiseconds(ns uint64) {
	num(ns / 1_000_000_000)
	putByte('.')
	pad(ns/10_000_000%100, 2, '0')
}

func line(v uint64) {
	num(v)
	putByte('\n')
}

// ofSystem writes the content of a file that belongs to no process.
func ofSystem(n node) {
	h := kmem.Header()
	switch n {
	case nodeCpuinfo:
		cpuinfo()
	case nodeMeminfo:
		meminfo()
	case nodeUptime:
		centiseconds(sched.NowNs())
		putByte(' ')
		now, busy := sched.NowNs()*uint64(h.HartCount), busyNs()
		centiseconds(now - min(now, busy))
		putByte('\n')
	case nodeLoadavg:
		loadavg()
	case nodeStat:
		stat()
	case nodeVersion:
		str(uts.Sysname + " version " + uts.Release + " (foreshore) " + uts.Version + "\n")
	case nodeVmstat:
		vmstat()
	case nodeOsrelease:
		str(uts.Release + "\n")
	case nodeOstype:
		str(uts.Sysname + "\n")
	case nodeOsversion:
		str(uts.Version + "\n")
	case nodeHostname:
		str(uts.Nodename + "\n")
	case nodePidMax:
		line(1 << 15)
	case nodeThreadsMax:
		line(uint64(kmem.Table(abi.SlotKindThread).Capacity - 1))
	case nodeBootID:
		uuid(&kmem.Kernel().BootId)
	case nodeUUID:
		entropy.Fill(kmem.Scratch(kmem.WorkerIndex)+kmem.ScratchBytes-16, 16)
		id := (*[16]byte)(kmem.Ptr(kmem.Scratch(kmem.WorkerIndex) + kmem.ScratchBytes - 16))
		version4(id)
		uuid(id)
	case nodeEntropyAvail:
		line(256)
	case nodeNgroupsMax:
		line(uint64(abi.LimitSupplementary))
	case nodeCapLastCap:
		line(lastCap)
	case nodeMaxMapCount:
		line(uint64(abi.LimitMapCount))
	case nodeMinFreeKbytes:
		line(uint64(h.ReserveFrames) << kmem.PageShift >> 10)
	case nodeFileNr:
		t := kmem.Table(abi.SlotKindOfd)
		num(uint64(t.InUse.Load()))
		str("\t0\t")
		line(uint64(t.Capacity - 1))
	case nodeFileMax:
		line(uint64(kmem.Table(abi.SlotKindOfd).Capacity - 1))
	case nodeNrOpen:
		line(uint64(abi.LimitFds))
	case nodePipeMaxSize:
		line(uint64(abi.LimitPipeMaxBytes))
	}
}

// lastCap is CAP_CHECKPOINT_RESTORE (uapi linux/capability.h).
const lastCap = 40

func makeBootID() {
	id := &kmem.Kernel().BootId
	entropy.Fill(kmem.Addr(unsafe.Pointer(id)), 16)
	version4(id)
}

// version4 sets the version and variant of a random UUID (RFC 9562).
func version4(id *[16]byte) {
	id[6] = id[6]&0x0f | 0x40
	id[8] = id[8]&0x3f | 0x80
}

func uuid(id *[16]byte) {
	for i, b := range id {
		if i == 4 || i == 6 || i == 8 || i == 10 {
			putByte('-')
		}
		hex(uint64(b), 2)
	}
	putByte('\n')
}

func cpuinfo() {
	for i := range kmem.Header().HartCount {
		str("processor\t: ")
		line(uint64(i))
		str("hart\t\t: ")
		line(uint64(i))
		str("isa\t\t: rv64imafdc_zicsr_zifencei\nmmu\t\t: none\nuarch\t\t: foreshore\n\n")
	}
}

func kib(label string, frames uint64) {
	str(label)
	pad(frames<<kmem.PageShift>>10, 8, ' ')
	str(" kB\n")
}

func meminfo() {
	h := kmem.Header()
	free := uint64(kmem.FreeFrames())
	cached, dirty := uint64(h.CachedFrames.Load()), uint64(h.DirtyFrames.Load())
	kib("MemTotal:       ", uint64(kmem.TotalFrames()))
	kib("MemFree:        ", free)
	kib("MemAvailable:   ", free+cached-dirty)
	kib("Buffers:        ", 0)
	kib("Cached:         ", cached)
	kib("SwapCached:     ", 0)
	kib("Dirty:          ", 0)
	kib("Shmem:          ", dirty)
	kib("SwapTotal:      ", 0)
	kib("SwapFree:       ", 0)
}

// vmstat are the counters that this machine has of those that Linux tells.
func vmstat() {
	h := kmem.Header()
	cached, dirty := uint64(h.CachedFrames.Load()), uint64(h.DirtyFrames.Load())
	label("nr_free_pages ", uint64(kmem.FreeFrames()))
	label("nr_file_pages ", cached)
	label("nr_dirty ", 0)
	label("nr_writeback ", 0)
	label("nr_shmem ", dirty)
	label("pgpgin ", h.Counters.PageIns<<kmem.PageShift>>10)
	label("pgpgout ", 0)
	label("pswpin ", 0)
	label("pswpout ", 0)
	label("pgfault ", h.Counters.Faults)
	label("pgmajfault ", h.Counters.PageIns)
}

func busyNs() uint64 {
	total := uint64(0)
	for i := range kmem.Header().HartCount {
		total += kmem.Hart(i).BusyNs
	}
	return total
}

// counts are how many threads there are, and how many of them wait for bytes of files.
func counts() (threads, waiting uint32) {
	for p := kmem.Header().InitProcess; p != 0; p = kmem.Process(p).Live.NextProcess {
		for t := kmem.Process(p).Live.ThreadHead; t != 0; t = kmem.Thread(t).Live.NextInProcess {
			threads++
			if stateOf(p, t) == 'D' {
				waiting++
			}
		}
	}
	return threads, waiting
}

// loadavg is proc_loadavg(5).
func loadavg() {
	threads, _ := counts()
	for _, average := range sched.LoadAverages() {
		v := average + 65536/200 // rounded to hundredths
		num(v >> 16)
		putByte('.')
		pad((v&0xffff)*100>>16, 2, '0')
		putByte(' ')
	}
	num(uint64(sched.Running()))
	putByte('/')
	num(uint64(threads))
	putByte(' ')
	line(uint64(kmem.Kernel().Processes.LastTid))
}

func stat() {
	h := kmem.Header()
	now := sched.NowNs()
	cpuLine := func(total, busy uint64) {
		putByte(' ')
		num(ticks(busy))
		str(" 0 0 ")
		num(ticks(total - min(total, busy)))
		str(" 0 0 0 0 0 0\n")
	}
	str("cpu ")
	cpuLine(now*uint64(h.HartCount), busyNs())
	for i := range h.HartCount {
		str("cpu")
		num(uint64(i))
		cpuLine(now, kmem.Hart(i).BusyNs)
	}
	str("ctxt ")
	line(h.Counters.ContextSwitches)
	str("btime ")
	line(h.RealtimeOffsetNs / 1_000_000_000)
	str("processes ")
	line(h.Counters.Forks)
	_, waiting := counts()
	str("procs_running ")
	line(uint64(sched.Running()))
	str("procs_blocked ")
	line(uint64(waiting))
}
