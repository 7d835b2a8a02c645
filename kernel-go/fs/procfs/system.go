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
func (w *Text) centiseconds(ns uint64) {
	w.num(ns / 1_000_000_000)
	w.putByte('.')
	w.pad(ns/10_000_000%100, 2, '0')
}

func (w *Text) line(v uint64) {
	w.num(v)
	w.putByte('\n')
}

// ofSystem writes the content of a file that belongs to no process, or the piece of it
// that goes on at `from`.
func (w *Text) ofSystem(c *sched.Ctx, n node, from uint64) {
	h := kmem.Header()
	switch n {
	case nodeCpuinfo:
		w.cpuinfo()
	case nodeMeminfo:
		w.meminfo()
	case nodeUptime:
		w.centiseconds(sched.NowNs())
		w.putByte(' ')
		now, busy := sched.NowNs()*uint64(h.HartCount), busyNs()
		w.centiseconds(now - min(now, busy))
		w.putByte('\n')
	case nodeLoadavg:
		w.loadavg()
	case nodeStat:
		w.stat()
	case nodeVersion:
		w.str(uts.Sysname + " version " + uts.Release + " (foreshore) " + uts.Version + "\n")
	case nodeVmstat:
		w.vmstat()
	case nodeOsrelease:
		w.str(uts.Release + "\n")
	case nodeOstype:
		w.str(uts.Sysname + "\n")
	case nodeOsversion:
		w.str(uts.Version + "\n")
	case nodeHostname:
		w.str(uts.Nodename + "\n")
	case nodePidMax:
		w.line(1 << 15)
	case nodeThreadsMax:
		w.line(uint64(kmem.Table(abi.SlotKindThread).Capacity - 1))
	case nodeBootID:
		w.uuid(&kmem.Kernel().BootId)
	case nodeUUID:
		entropy.Fill(kmem.Span{Addr: kmem.Addr(unsafe.Pointer(&w.id)), Len: 16})
		version4(&w.id)
		w.uuid(&w.id)
	case nodeEntropyAvail:
		w.line(256)
	case nodeNgroupsMax:
		w.line(uint64(abi.LimitSupplementary))
	case nodeCapLastCap:
		w.line(lastCap)
	case nodeMaxMapCount:
		w.line(uint64(abi.LimitMapCount))
	case nodeMinFreeKbytes:
		w.line(uint64(h.ReserveFrames) << kmem.PageShift >> 10)
	case nodeFileNr:
		t := kmem.Table(abi.SlotKindOfd)
		w.num(uint64(t.InUse.Load()))
		w.str("\t0\t")
		w.line(uint64(t.Capacity - 1))
	case nodeFileMax:
		w.line(uint64(kmem.Table(abi.SlotKindOfd).Capacity - 1))
	case nodeNrOpen:
		w.line(uint64(abi.LimitFds))
	case nodePipeMaxSize:
		w.line(uint64(abi.LimitPipeMaxBytes))
	case nodeNetTcp, nodeNetTcp6, nodeNetUdp, nodeNetUdp6, nodeNetUnix, nodeNetNetlink:
		w.sockets(c, n, from)
	}
}

// lastCap is CAP_CHECKPOINT_RESTORE (uapi linux/capability.h).
const lastCap = 40

func makeBootID() {
	id := &kmem.Kernel().BootId
	entropy.Fill(kmem.Span{Addr: kmem.Addr(unsafe.Pointer(id)), Len: 16})
	version4(id)
}

// version4 sets the version and variant of a random UUID (RFC 9562).
func version4(id *[16]byte) {
	id[6] = id[6]&0x0f | 0x40
	id[8] = id[8]&0x3f | 0x80
}

func (w *Text) uuid(id *[16]byte) {
	for i, b := range id {
		if i == 4 || i == 6 || i == 8 || i == 10 {
			w.putByte('-')
		}
		w.hex(uint64(b), 2)
	}
	w.putByte('\n')
}

func (w *Text) cpuinfo() {
	for i := range kmem.Header().HartCount {
		w.str("processor\t: ")
		w.line(uint64(i))
		w.str("hart\t\t: ")
		w.line(uint64(i))
		w.str("isa\t\t: rv64imafdc_zicsr_zifencei\nmmu\t\t: none\nuarch\t\t: foreshore\n\n")
	}
}

func (w *Text) kib(label string, frames uint64) {
	w.str(label)
	w.pad(frames<<kmem.PageShift>>10, 8, ' ')
	w.str(" kB\n")
}

func (w *Text) meminfo() {
	h := kmem.Header()
	free := uint64(kmem.FreeFrames())
	cached, dirty := uint64(h.CachedFrames.Load()), uint64(h.DirtyFrames.Load())
	w.kib("MemTotal:       ", uint64(kmem.TotalFrames()))
	w.kib("MemFree:        ", free)
	w.kib("MemAvailable:   ", free+cached-dirty)
	w.kib("Buffers:        ", 0)
	w.kib("Cached:         ", cached)
	w.kib("SwapCached:     ", 0)
	w.kib("Dirty:          ", 0)
	w.kib("Shmem:          ", dirty)
	w.kib("SwapTotal:      ", 0)
	w.kib("SwapFree:       ", 0)
}

// vmstat are the counters that this machine has of those that Linux tells.
func (w *Text) vmstat() {
	h := kmem.Header()
	cached, dirty := uint64(h.CachedFrames.Load()), uint64(h.DirtyFrames.Load())
	w.label("nr_free_pages ", uint64(kmem.FreeFrames()))
	w.label("nr_file_pages ", cached)
	w.label("nr_dirty ", 0)
	w.label("nr_writeback ", 0)
	w.label("nr_shmem ", dirty)
	w.label("pgpgin ", h.Counters.PageIns<<kmem.PageShift>>10)
	w.label("pgpgout ", 0)
	w.label("pswpin ", 0)
	w.label("pswpout ", 0)
	w.label("pgfault ", h.Counters.Faults)
	w.label("pgmajfault ", h.Counters.PageIns)
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
func (w *Text) loadavg() {
	threads, _ := counts()
	for _, average := range sched.LoadAverages() {
		v := average + 65536/200 // rounded to hundredths
		w.num(v >> 16)
		w.putByte('.')
		w.pad((v&0xffff)*100>>16, 2, '0')
		w.putByte(' ')
	}
	w.num(uint64(sched.Running()))
	w.putByte('/')
	w.num(uint64(threads))
	w.putByte(' ')
	w.line(uint64(kmem.Kernel().Processes.LastTid))
}

func (w *Text) stat() {
	h := kmem.Header()
	now := sched.NowNs()
	cpuLine := func(total, busy uint64) {
		w.putByte(' ')
		w.num(ticks(busy))
		w.str(" 0 0 ")
		w.num(ticks(total - min(total, busy)))
		w.str(" 0 0 0 0 0 0\n")
	}
	w.str("cpu ")
	cpuLine(now*uint64(h.HartCount), busyNs())
	for i := range h.HartCount {
		w.str("cpu")
		w.num(uint64(i))
		cpuLine(now, kmem.Hart(i).BusyNs)
	}
	w.str("ctxt ")
	w.line(h.Counters.ContextSwitches)
	w.str("btime ")
	w.line(h.RealtimeOffsetNs / 1_000_000_000)
	w.str("processes ")
	w.line(h.Counters.Forks)
	_, waiting := counts()
	w.str("procs_running ")
	w.line(uint64(sched.Running()))
	w.str("procs_blocked ")
	w.line(uint64(waiting))
}
