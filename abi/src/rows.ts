/**
 * What viewers show of a machine, as rows: plain objects of numbers, strings and booleans, so that they can be
 * cloned, sent and compared. The same types are read from shared memory (`memoryRows`) and come over a control channel.
 */
import type { SlotHandleData } from "../ts/index.ts";

/** A process. */
export interface ProcessStatus {
  readonly handle: SlotHandleData;
  readonly pid: number;
  /** 1 where its parent is the host. */
  readonly ppid: number;
  readonly pgid: number;
  readonly sid: number;
  readonly uid: number;
  readonly state: "prepared" | "running" | "stopped" | "zombie";
  readonly threads: number;
  /** Threads that run or could run now. */
  readonly runnable: number;
  readonly nice: number;
  /** Pages of 4 KiB that have a frame. */
  readonly residentPages: number;
  readonly mappedPages: number;
  /** Processor time in ns. */
  readonly userNs: number;
  readonly systemNs: number;
  /** When it was made, on the machine's monotonic clock, in ns. */
  readonly startNs: number;
  /** Guest instructions retired. */
  readonly instructions: number;
  readonly syscalls: number;
  /** Name of the program, at most 15 bytes of it. */
  readonly command: string;
}

/** A thread. */
export interface ThreadRow {
  readonly handle: SlotHandleData;
  readonly tid: number;
  readonly pid: number;
  /** comm, at most 15 bytes. */
  readonly name: string;
  readonly state: "prepared" | "ready" | "running" | "blocked" | "stopped" | "exited" | "failed";
  /** Hart that runs it, or ran it last. */
  readonly hart: number;
  /** What a blocked thread waits for, as WaitReason names it; "None" otherwise. */
  readonly waitsFor: string;
  /** Number of the system call that a blocked thread waits in; -1 otherwise. */
  readonly syscall: number;
  readonly userNs: number;
  readonly systemNs: number;
  readonly syscalls: number;
  /** Guest instructions retired. */
  readonly instructions: number;
}

/** A file descriptor of a process. */
export interface FdRow {
  readonly pid: number;
  readonly fd: number;
  /** The open file description: `handle` of an OfdRow. */
  readonly ofd: SlotHandleData;
  /** FD_CLOEXEC. */
  readonly closeOnExec: boolean;
}

/** An open file description. */
export interface OfdRow {
  readonly handle: SlotHandleData;
  /** As OfdKind names it: "File", "PipeRead"… */
  readonly kind: string;
  /** As /proc/PID/fd shows it: a path, "pipe:[INODE]", "socket:[INODE]", "anon_inode:[eventpoll]"; " (deleted)" behind a name that is gone. */
  readonly path: string;
  /** Inode number, 0 none. */
  readonly inode: number;
  /** File position in bytes. */
  readonly offset: number;
  /** O_* status flags and access mode. */
  readonly flags: number;
  /** Descriptors, calls in progress and host streams that hold it. */
  readonly refs: number;
}

/** A pipe or FIFO. */
export interface PipeRow {
  readonly handle: SlotHandleData;
  readonly inode: number;
  /** Bytes inside. */
  readonly bytes: number;
  readonly capacity: number;
  /** Open ends. */
  readonly readers: number;
  readonly writers: number;
}

/** A socket. One that waits for accept(2) has inode 0. */
export interface SocketRow {
  readonly handle: SlotHandleData;
  readonly inode: number;
  /** As AddressFamily names it: "AF_UNIX", "AF_INET"… */
  readonly family: string;
  /** As SocketType names it: "SOCK_STREAM"… */
  readonly type: string;
  /** As SocketPhase names it: "Idle", "Listening", "Connected"… */
  readonly phase: string;
  /** "/run/x.sock", "@abstract", "127.0.0.1:80", "[::1]:80"; empty without a name. */
  readonly local: string;
  /** The same of its peer. */
  readonly remote: string;
  /** What has come in and was not read, in bytes. */
  readonly bytes: number;
  /** Messages among them: each datagram, and of a stream what carries descriptors or credentials. */
  readonly messages: number;
  /** Of a listening socket: connections that wait for accept(2), and how many may. */
  readonly waiting: number;
  readonly backlog: number;
  /** The socket to which it is connected, where that is one of this machine and has not gone. */
  readonly peer: SlotHandleData | undefined;
}

/** A mapping of a process, as a line of /proc/PID/maps. */
export interface VmaRow {
  readonly pid: number;
  readonly handle: SlotHandleData;
  /** First address. */
  readonly start: number;
  /** One past the last. */
  readonly end: number;
  /** "rwxp", or "s" at the end of a shared mapping. */
  readonly perms: string;
  /** Of `start` in the file, in bytes. */
  readonly offset: number;
  /** Inode number of the file, 0 none. */
  readonly inode: number;
  /** The file, "[heap]", "[stack]", or empty. */
  readonly path: string;
}

/** A file that has pages in memory. */
export interface CacheRow {
  /** Inode slot. */
  readonly handle: SlotHandleData;
  readonly inode: number;
  /** A name of it, empty when it has none that is known. */
  readonly path: string;
  /** Size of the file in bytes. */
  readonly size: number;
  /** Pages of 4 KiB in memory, and those of them that were written to. */
  readonly pages: number;
  readonly dirty: number;
}

/** A mounted file system, as a line of /proc/mounts. */
export interface MountRow {
  readonly handle: SlotHandleData;
  /** Where it is mounted. */
  readonly path: string;
  /** As /proc/filesystems names it: "tmpfs", "proc"… */
  readonly type: string;
  /** Inode number of its root. */
  readonly inode: number;
}

/** A hart. */
export interface HartRow {
  readonly hart: number;
  readonly state: "dead" | "idle" | "guest" | "kernel";
  /** What it runs; 0 nothing. */
  readonly pid: number;
  readonly tid: number;
  /** Time spent with threads. */
  readonly busyNs: number;
}

/** The machine's memory: always one row. Its numbers are each of their own moment. */
export interface MemoryRow {
  /** Size of the memory, and what it may grow to, in bytes. */
  readonly bytes: number;
  readonly maxBytes: number;
  /** Frames of 4 KiB: of the pool so far, in no use, with file pages, and those of them that are dirty. */
  readonly frames: number;
  readonly freeFrames: number;
  readonly cachedFrames: number;
  readonly dirtyFrames: number;
}

export interface RowTypes {
  readonly process: ProcessStatus;
  readonly thread: ThreadRow;
  readonly fd: FdRow;
  readonly ofd: OfdRow;
  readonly pipe: PipeRow;
  readonly socket: SocketRow;
  readonly vma: VmaRow;
  readonly cache: CacheRow;
  readonly mount: MountRow;
  readonly hart: HartRow;
  readonly memory: MemoryRow;
}

export type RowKind = keyof RowTypes;

export interface Rows<K extends RowKind> {
  /** Each is of one moment; two may be of different ones. Processes by pid, descriptors and mappings by pid and then by number and address. */
  readonly rows: readonly RowTypes[K][];
  /** Slots that changed at every try, and so are in no row: ask again. */
  readonly changing: number;
}

export interface RowFilter {
  /** Only what belongs to this process: of "process", "thread", "fd" and "vma". */
  readonly pid?: number | undefined;
}

/**
 * Reads all rows of a kind.
 * @throws MachineStopped or MachineFailed when the machine has ended
 */
export type RowSource = <K extends RowKind>(kind: K, filter?: RowFilter) => Promise<Rows<K>>;
