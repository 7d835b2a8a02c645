// Package procfs owns the contents of /proc: which names there are, and the
// texts that are made when they are read (proc(5)). The tables of processes and
// threads are read in place.
//
// It does not own open file descriptions (file) nor path walks (vfs), which
// calls it through vfs.Dynamic. Everything here wants the machine lock.
package procfs

import (
	"foreshore.dev/kernel/abi"
	"foreshore.dev/kernel/fdtable"
	"foreshore.dev/kernel/kmem"
	"foreshore.dev/kernel/sched"
	"foreshore.dev/kernel/vfs"
)

// A node's number, in InodeState.Node. ProcNode has the pid, and the tid of
// what is below task, or the descriptor of what is in fd and fdinfo.
type node uint32

const (
	nodeNone node = iota
	nodeRoot
	nodePid
	nodeTask
	nodeTid
	nodeFdDir
	nodeFdinfoDir
	nodeFd
	nodeFdinfo
	nodeSys
	nodeSysKernel
	nodeSysKernelRandom
	nodeSysVM
	nodeSysFs
	// nodeText is a file whose text never changes: TextNode has its entry.
	nodeText
	nodeSelf
	nodeThreadSelf
	// nodeTextLink is a link whose target never changes: as nodeText.
	nodeTextLink
	nodeExe
	nodeCwd
	nodeRootLink
	nodeCpuinfo
	nodeMeminfo
	nodeUptime
	nodeLoadavg
	nodeStat
	nodeVersion
	nodeVmstat
	nodeOsrelease
	nodeOstype
	nodeOsversion
	nodeHostname
	nodePidMax
	nodeThreadsMax
	nodeBootID
	nodeUUID
	nodeEntropyAvail
	nodeNgroupsMax
	nodeCapLastCap
	nodeMinFreeKbytes
	nodeFileNr
	nodeMaxMapCount
	nodeFileMax
	nodePipeMaxSize
	nodeNrOpen
	nodePidStat
	nodePidStatus
	nodePidStatm
	nodePidCmdline
	nodePidComm
	nodePidEnviron
	nodePidMaps
	nodePidSmaps
	nodePidSmapsRollup
	nodePidPagemap
	nodePidIo
	nodeTidChildren
	nodePidMounts
	nodePidMountinfo
	nodePidLimits
	nodePidAuxv
	nodePidOomScoreAdj
	nodePidOomScore
	nodePidCgroup
	nodePidPersonality
	nodeNet
	nodeNetTcp
	nodeNetTcp6
	nodeNetUdp
	nodeNetUdp6
	nodeNetUnix
	nodeNetNetlink
)

// entries are the names that are always there, by the directory they are in, and
// the text of those that never change, or with which a list begins.
// Those of nodePid are in every process's directory and in every thread's.
var entries = [...]struct {
	in   node
	name string
	node node
	mode abi.FileMode
	text string
}{
	{nodeRoot, "self", nodeSelf, abi.S_IFLNK | 0o777, ""},
	{nodeRoot, "thread-self", nodeThreadSelf, abi.S_IFLNK | 0o777, ""},
	{nodeRoot, "mounts", nodeTextLink, abi.S_IFLNK | 0o777, "self/mounts"},
	{nodeRoot, "net", nodeTextLink, abi.S_IFLNK | 0o777, "self/net"},
	{nodeRoot, "sys", nodeSys, abi.S_IFDIR | 0o555, ""},
	{nodeRoot, "cpuinfo", nodeCpuinfo, abi.S_IFREG | 0o444, ""},
	{nodeRoot, "meminfo", nodeMeminfo, abi.S_IFREG | 0o444, ""},
	{nodeRoot, "uptime", nodeUptime, abi.S_IFREG | 0o444, ""},
	{nodeRoot, "loadavg", nodeLoadavg, abi.S_IFREG | 0o444, ""},
	{nodeRoot, "stat", nodeStat, abi.S_IFREG | 0o444, ""},
	{nodeRoot, "version", nodeVersion, abi.S_IFREG | 0o444, ""},
	{nodeRoot, "vmstat", nodeVmstat, abi.S_IFREG | 0o444, ""},
	{nodeRoot, "filesystems", nodeText, abi.S_IFREG | 0o444, "nodev\tsysfs\nnodev\ttmpfs\nnodev\tproc\nnodev\tdevtmpfs\nnodev\tpipefs\nnodev\tdevpts\n"},
	{nodeRoot, "cmdline", nodeText, abi.S_IFREG | 0o444, "foreshore\n"},
	{nodeRoot, "devices", nodeText, abi.S_IFREG | 0o444, "Character devices:\n  1 mem\n  5 /dev/tty\n  5 /dev/ptmx\n128 ptm\n136 pts\n\nBlock devices:\n"},
	{nodeRoot, "diskstats", nodeText, abi.S_IFREG | 0o444, ""},
	{nodeRoot, "partitions", nodeText, abi.S_IFREG | 0o444, "major minor  #blocks  name\n\n"},
	{nodeRoot, "swaps", nodeText, abi.S_IFREG | 0o444, "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n"},
	{nodeSys, "kernel", nodeSysKernel, abi.S_IFDIR | 0o555, ""},
	{nodeSys, "vm", nodeSysVM, abi.S_IFDIR | 0o555, ""},
	{nodeSys, "fs", nodeSysFs, abi.S_IFDIR | 0o555, ""},
	{nodeSysKernel, "osrelease", nodeOsrelease, abi.S_IFREG | 0o444, ""},
	{nodeSysKernel, "ostype", nodeOstype, abi.S_IFREG | 0o444, ""},
	{nodeSysKernel, "version", nodeOsversion, abi.S_IFREG | 0o444, ""},
	{nodeSysKernel, "hostname", nodeHostname, abi.S_IFREG | 0o444, ""},
	{nodeSysKernel, "pid_max", nodePidMax, abi.S_IFREG | 0o444, ""},
	{nodeSysKernel, "threads-max", nodeThreadsMax, abi.S_IFREG | 0o444, ""},
	{nodeSysKernel, "ngroups_max", nodeNgroupsMax, abi.S_IFREG | 0o444, ""},
	{nodeSysKernel, "cap_last_cap", nodeCapLastCap, abi.S_IFREG | 0o444, ""},
	{nodeSysKernel, "random", nodeSysKernelRandom, abi.S_IFDIR | 0o555, ""},
	{nodeSysKernelRandom, "boot_id", nodeBootID, abi.S_IFREG | 0o444, ""},
	{nodeSysKernelRandom, "uuid", nodeUUID, abi.S_IFREG | 0o444, ""},
	{nodeSysKernelRandom, "entropy_avail", nodeEntropyAvail, abi.S_IFREG | 0o444, ""},
	{nodeSysKernel, "domainname", nodeText, abi.S_IFREG | 0o444, "(none)\n"},
	{nodeSysKernel, "tainted", nodeText, abi.S_IFREG | 0o444, "0\n"},
	{nodeSysKernel, "randomize_va_space", nodeText, abi.S_IFREG | 0o444, "0\n"},
	{nodeSysKernel, "core_pattern", nodeText, abi.S_IFREG | 0o444, "core\n"},
	{nodeSysKernel, "overflowuid", nodeText, abi.S_IFREG | 0o444, "65534\n"},
	{nodeSysKernel, "overflowgid", nodeText, abi.S_IFREG | 0o444, "65534\n"},
	{nodeSysKernel, "shmmax", nodeText, abi.S_IFREG | 0o444, "18446744073692774399\n"},
	{nodeSysKernel, "shmall", nodeText, abi.S_IFREG | 0o444, "18446744073692774399\n"},
	{nodeSysKernel, "shmmni", nodeText, abi.S_IFREG | 0o444, "4096\n"},
	{nodeSysKernel, "msgmax", nodeText, abi.S_IFREG | 0o444, "8192\n"},
	{nodeSysKernel, "msgmnb", nodeText, abi.S_IFREG | 0o444, "16384\n"},
	{nodeSysKernel, "msgmni", nodeText, abi.S_IFREG | 0o444, "32000\n"},
	{nodeSysKernel, "sem", nodeText, abi.S_IFREG | 0o444, "32000\t1024000000\t500\t32000\n"},
	{nodeSysKernelRandom, "poolsize", nodeText, abi.S_IFREG | 0o444, "256\n"},
	{nodeSysVM, "overcommit_memory", nodeText, abi.S_IFREG | 0o444, "0\n"},
	{nodeSysVM, "overcommit_ratio", nodeText, abi.S_IFREG | 0o444, "50\n"},
	{nodeSysVM, "overcommit_kbytes", nodeText, abi.S_IFREG | 0o444, "0\n"},
	{nodeSysVM, "swappiness", nodeText, abi.S_IFREG | 0o444, "60\n"},
	{nodeSysVM, "mmap_min_addr", nodeText, abi.S_IFREG | 0o444, "65536\n"},
	{nodeSysVM, "nr_hugepages", nodeText, abi.S_IFREG | 0o444, "0\n"},
	{nodeSysVM, "page-cluster", nodeText, abi.S_IFREG | 0o444, "3\n"},
	{nodeSysVM, "panic_on_oom", nodeText, abi.S_IFREG | 0o444, "0\n"},
	{nodeSysVM, "min_free_kbytes", nodeMinFreeKbytes, abi.S_IFREG | 0o444, ""},
	{nodeSysVM, "max_map_count", nodeMaxMapCount, abi.S_IFREG | 0o444, ""},
	{nodeSysFs, "file-max", nodeFileMax, abi.S_IFREG | 0o444, ""},
	{nodeSysFs, "file-nr", nodeFileNr, abi.S_IFREG | 0o444, ""},
	{nodeSysFs, "nr_open", nodeNrOpen, abi.S_IFREG | 0o444, ""},
	{nodeSysFs, "leases-enable", nodeText, abi.S_IFREG | 0o444, "1\n"},
	{nodeSysFs, "lease-break-time", nodeText, abi.S_IFREG | 0o444, "45\n"},
	{nodeSysFs, "pipe-max-size", nodePipeMaxSize, abi.S_IFREG | 0o444, ""},
	{nodePid, "task", nodeTask, abi.S_IFDIR | 0o555, ""},
	{nodePid, "fd", nodeFdDir, abi.S_IFDIR | 0o500, ""},
	{nodePid, "fdinfo", nodeFdinfoDir, abi.S_IFDIR | 0o555, ""},
	{nodePid, "exe", nodeExe, abi.S_IFLNK | 0o777, ""},
	{nodePid, "cwd", nodeCwd, abi.S_IFLNK | 0o777, ""},
	{nodePid, "root", nodeRootLink, abi.S_IFLNK | 0o777, ""},
	{nodePid, "stat", nodePidStat, abi.S_IFREG | 0o444, ""},
	{nodePid, "status", nodePidStatus, abi.S_IFREG | 0o444, ""},
	{nodePid, "statm", nodePidStatm, abi.S_IFREG | 0o444, ""},
	{nodePid, "cmdline", nodePidCmdline, abi.S_IFREG | 0o444, ""},
	{nodePid, "comm", nodePidComm, abi.S_IFREG | 0o644, ""},
	{nodePid, "environ", nodePidEnviron, abi.S_IFREG | 0o400, ""},
	{nodePid, "maps", nodePidMaps, abi.S_IFREG | 0o444, ""},
	{nodePid, "smaps", nodePidSmaps, abi.S_IFREG | 0o444, ""},
	{nodePid, "smaps_rollup", nodePidSmapsRollup, abi.S_IFREG | 0o444, ""},
	{nodePid, "pagemap", nodePidPagemap, abi.S_IFREG | 0o400, ""},
	{nodePid, "io", nodePidIo, abi.S_IFREG | 0o400, ""},
	{nodePid, "children", nodeTidChildren, abi.S_IFREG | 0o444, ""},
	{nodePid, "mounts", nodePidMounts, abi.S_IFREG | 0o444, ""},
	{nodePid, "mountinfo", nodePidMountinfo, abi.S_IFREG | 0o444, ""},
	{nodePid, "limits", nodePidLimits, abi.S_IFREG | 0o444, ""},
	{nodePid, "auxv", nodePidAuxv, abi.S_IFREG | 0o400, ""},
	{nodePid, "oom_score_adj", nodePidOomScoreAdj, abi.S_IFREG | 0o644, ""},
	{nodePid, "oom_score", nodePidOomScore, abi.S_IFREG | 0o444, ""},
	{nodePid, "cgroup", nodePidCgroup, abi.S_IFREG | 0o444, ""},
	{nodePid, "personality", nodePidPersonality, abi.S_IFREG | 0o400, ""},
	{nodePid, "net", nodeNet, abi.S_IFDIR | 0o555, ""},
	{nodeNet, "tcp", nodeNetTcp, abi.S_IFREG | 0o444, "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode                                                     \n"},
	{nodeNet, "tcp6", nodeNetTcp6, abi.S_IFREG | 0o444, "  sl  local_address                         remote_address                        st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"},
	{nodeNet, "udp", nodeNetUdp, abi.S_IFREG | 0o444, "   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops            \n"},
	{nodeNet, "udp6", nodeNetUdp6, abi.S_IFREG | 0o444, "  sl  local_address                         remote_address                        st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops\n"},
	{nodeNet, "unix", nodeNetUnix, abi.S_IFREG | 0o444, "Num       RefCount Protocol Flags    Type St Inode Path\n"},
	{nodeNet, "netlink", nodeNetNetlink, abi.S_IFREG | 0o444, "sk               Eth Pid        Groups   Rmem     Wmem     Dump  Locks    Drops    Inode\n"},
	{nodeNet, "dev", nodeText, abi.S_IFREG | 0o444, "Inter-|   Receive                                                |  Transmit\n face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed\n    lo:       0       0    0    0    0     0          0         0        0       0    0    0    0     0       0          0\n"},
	{nodeNet, "if_inet6", nodeText, abi.S_IFREG | 0o444, "00000000000000000000000000000001 01 80 10 80       lo\n"},
	{nodeNet, "route", nodeText, abi.S_IFREG | 0o444, "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT                                                       \n"},
}

// Files are what vfs asks of procfs.
var Files = vfs.Dynamic{Lookup: lookup, Valid: valid, Next: next, Readlink: readlink, Follow: follow}

// Init mounts /proc on a directory, which must exist.
func Init(over abi.DentryRef) abi.Errno {
	root, e := vfs.Mount(abi.FsTypeProcfs, over, 0o555)
	if e != abi.OK {
		return e
	}
	in := kmem.Inode(vfs.InodeOf(root))
	kmem.WriteBegin(&in.Header)
	in.State.Ino, in.State.Node = 1, uint32(nodeRoot)
	kmem.WriteEnd(&in.Header)
	makeBootID()
	return abi.OK
}

// findThread is the thread with a tid, by the hash that proc keeps.
func findThread(tid uint32) abi.ThreadRef {
	b := kmem.Word[abi.ThreadRef](kmem.Areas.PidBuckets + tid&(kmem.Areas.PidBucketCount-1)*4)
	for i := *b; i != 0; i = kmem.Thread(i).Live.TidNext {
		if kmem.Thread(i).State.Tid == tid {
			return i
		}
	}
	return 0
}

// findProcess is the process with a pid, zombies included.
func findProcess(pid uint32) abi.ProcessRef {
	t := findThread(pid)
	if t == 0 {
		return 0
	}
	p := kmem.Thread(t).State.Process
	if kmem.Process(p).State.Pid != pid {
		return 0
	}
	return p
}

// ofdAt is the OFD of a process's descriptor.
func ofdAt(p abi.ProcessRef, fd uint32) abi.OfdRef {
	t := kmem.Process(p).State.FdTable
	if t == 0 {
		return 0
	}
	return fdtable.At(t, fd)
}

func sameName(name kmem.Span, s string) bool {
	if int(name.Len) != len(s) {
		return false
	}
	for i, b := range name.Bytes() {
		if s[i] != b {
			return false
		}
	}
	return true
}

// number reads a name as a decimal number without leading zeros.
func number(name kmem.Span) (uint32, bool) {
	if name.Len == 0 || name.Len > 9 {
		return 0, false
	}
	v := uint32(0)
	for i, b := range name.Bytes() {
		if b < '0' || b > '9' || (b == '0' && i == 0 && name.Len > 1) {
			return 0, false
		}
		v = v*10 + uint32(b-'0')
	}
	return v, true
}

func nodeOf(inode abi.InodeRef) node { return node(kmem.Inode(inode).State.Node) }

// TellsMounts says whether a file lists mounts: it can be polled for changes of them.
func TellsMounts(inode abi.InodeRef) bool {
	n := nodeOf(inode)
	return n == nodePidMounts || n == nodePidMountinfo
}

// OfProcess says whether a file is in the directory of a process.
func OfProcess(inode abi.InodeRef) bool { return kmem.Inode(inode).State.ProcNode().Pid != 0 }

// IsProcess says whether an inode is a process's directory, /proc/PID.
func IsProcess(inode abi.InodeRef) bool {
	s := &kmem.Inode(inode).State
	return s.FsType == abi.FsTypeProcfs && node(s.Node) == nodePid
}

// ProcessOf is the process whose directory an inode is, 0 when it is gone.
func ProcessOf(inode abi.InodeRef) abi.ProcessRef {
	return findProcess(kmem.Inode(inode).State.ProcNode().Pid)
}

// inoOf numbers a node: the same each time that it is looked up.
func inoOf(n node, pid, arg uint32) uint64 {
	return uint64(pid)<<32 | uint64(arg&0xFFFFFF)<<8 | uint64(n)
}

func makeInode(n node, mode abi.FileMode, pid, arg uint32) (abi.InodeRef, abi.Errno) {
	uid, gid := uint32(0), uint32(0)
	if pid != 0 {
		p := kmem.Process(findProcess(pid))
		uid, gid = p.State.Euid, p.State.Egid
	}
	i := vfs.NewInode(abi.FsTypeProcfs, mode, uid, gid)
	if i == 0 {
		return 0, abi.ENOMEM
	}
	in := kmem.Inode(i)
	kmem.WriteBegin(&in.Header)
	s := &in.State
	s.Node, s.Ino = uint32(n), inoOf(n, pid, arg)
	*s.ProcNode() = abi.ProcNode{Pid: pid, Number: arg}
	kmem.WriteEnd(&in.Header)
	return i, abi.OK
}

// isIn says whether an entry of a directory's table is in directory d: threads
// have what processes have, but for what makes sense of one only.
func (n node) isIn(d, table node) bool {
	switch {
	case d == nodeTid:
		return table == nodePid && n != nodeTask && n != nodePidSmapsRollup
	case d == nodePid:
		return table == nodePid && n != nodeTidChildren
	}
	return table == d
}

// idsOf are the two numbers of entry i in a directory: its own where its text must be
// found again, else the thread. Those of net are of no process: all have the same.
func idsOf(i int, dir *abi.InodeState) abi.ProcNode {
	d := *dir.ProcNode()
	if entries[i].in == nodeNet {
		d.Pid = 0
	}
	if entries[i].node == nodeText || entries[i].text != "" {
		d.Number = uint32(i)
	}
	return d
}

func lookup(_ *sched.Ctx, in abi.InodeRef, name kmem.Span) (abi.InodeRef, abi.Errno) {
	s := &kmem.Inode(in).State
	pid := s.ProcNode().Pid
	if pid != 0 && findProcess(pid) == 0 {
		return 0, abi.ENOENT
	}
	for i := range entries {
		x := &entries[i]
		if !x.node.isIn(node(s.Node), x.in) || !sameName(name, x.name) {
			continue
		}
		ids := idsOf(i, s)
		return makeInode(x.node, x.mode, ids.Pid, ids.Number)
	}
	v, ok := number(name)
	if !ok {
		return 0, abi.ENOENT
	}
	switch node(s.Node) {
	case nodeRoot:
		// A thread's id may be looked up here too, but is not listed.
		t := findThread(v)
		if t == 0 {
			return 0, abi.ENOENT
		}
		if p := kmem.Thread(t).State.Process; kmem.Process(p).State.Pid != v {
			return makeInode(nodeTid, abi.S_IFDIR|0o555, kmem.Process(p).State.Pid, v)
		}
		return makeInode(nodePid, abi.S_IFDIR|0o555, v, 0)
	case nodeTask:
		if t := findThread(v); t != 0 && kmem.Process(kmem.Thread(t).State.Process).State.Pid == pid {
			return makeInode(nodeTid, abi.S_IFDIR|0o555, pid, v)
		}
	case nodeFdDir, nodeFdinfoDir:
		ofd := ofdAt(findProcess(pid), v)
		if ofd == 0 {
			return 0, abi.ENOENT
		}
		if node(s.Node) == nodeFdinfoDir {
			return makeInode(nodeFdinfo, abi.S_IFREG|0o444, pid, v)
		}
		mode := abi.S_IFLNK | 0o100
		flags := kmem.Ofd(ofd).State.Flags
		if vfs.Readable(flags) {
			mode |= 0o400
		}
		if vfs.Writable(flags) {
			mode |= 0o200
		}
		return makeInode(nodeFd, mode, pid, v)
	}
	return 0, abi.ENOENT
}

func valid(inode abi.InodeRef) bool {
	s := &kmem.Inode(inode).State
	if s.ProcNode().Pid == 0 {
		return true
	}
	p := findProcess(s.ProcNode().Pid)
	if p == 0 {
		return false
	}
	switch node(s.Node) {
	case nodeFd, nodeFdinfo:
		return ofdAt(p, s.ProcNode().Number) != 0
	}
	return true
}

// Positions in directories: the fixed names from fixedPos on, then numbers from
// numberPos on, by their value. So a listing is stable while processes come
// and go.
const (
	fixedPos  = 2
	numberPos = 256
)

func next(_ *sched.Ctx, in abi.InodeRef, pos uint64, dst uint32) (after uint64, n uint32, dtype abi.DirentType, ino uint64) {
	s := &kmem.Inode(in).State
	if s.ProcNode().Pid != 0 && findProcess(s.ProcNode().Pid) == 0 {
		return 0, 0, 0, 0
	}
	if pos < numberPos {
		for i := int(pos) - fixedPos; i < len(entries); i++ {
			x := &entries[i]
			if !x.node.isIn(node(s.Node), x.in) {
				continue
			}
			copy(kmem.Bytes(dst, uint32(len(x.name))), x.name)
			ids := idsOf(i, s)
			return uint64(i) + fixedPos + 1, uint32(len(x.name)), abi.DirentType(x.mode >> 12), inoOf(x.node, ids.Pid, ids.Number)
		}
		pos = numberPos
	}
	if pos-numberPos > 1<<32-1 {
		return 0, 0, 0, 0 // lseek(2) takes any position
	}
	v, kind, ok := nextNumber(s, uint32(pos-numberPos))
	if !ok {
		return 0, 0, 0, 0
	}
	n = vfs.PutNumber(dst, uint64(v))
	switch kind {
	case nodePid:
		return numberPos + uint64(v) + 1, n, abi.DT_DIR, inoOf(kind, v, 0)
	case nodeTid:
		return numberPos + uint64(v) + 1, n, abi.DT_DIR, inoOf(kind, s.ProcNode().Pid, v)
	case nodeFd:
		return numberPos + uint64(v) + 1, n, abi.DT_LNK, inoOf(kind, s.ProcNode().Pid, v)
	}
	return numberPos + uint64(v) + 1, n, abi.DT_REG, inoOf(kind, s.ProcNode().Pid, v)
}

// nextNumber is the lowest numeric name of a directory that is not below `from`.
func nextNumber(s *abi.InodeState, from uint32) (uint32, node, bool) {
	best := ^uint32(0)
	switch node(s.Node) {
	case nodeRoot:
		for p := kmem.Header().InitProcess; p != 0; p = kmem.Process(p).Live.NextProcess {
			if pid := kmem.Process(p).State.Pid; pid >= from && pid != 0 {
				best = min(best, pid)
			}
		}
		return best, nodePid, best != ^uint32(0)
	case nodeTask:
		p := kmem.Process(findProcess(s.ProcNode().Pid))
		for t := p.Live.ThreadHead; t != 0; t = kmem.Thread(t).Live.NextInProcess {
			if tid := kmem.Thread(t).State.Tid; tid >= from {
				best = min(best, tid)
			}
		}
		return best, nodeTid, best != ^uint32(0)
	case nodeFdDir, nodeFdinfoDir:
		kind := nodeFd
		if node(s.Node) == nodeFdinfoDir {
			kind = nodeFdinfo
		}
		t := kmem.Process(findProcess(s.ProcNode().Pid)).State.FdTable
		if t == 0 {
			return 0, kind, false
		}
		if fd, ok := fdtable.Next(t, from); ok {
			return fd, kind, true
		}
	}
	return 0, nodeNone, false
}
