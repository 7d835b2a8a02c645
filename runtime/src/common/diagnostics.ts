/** What people and tools see of a machine: counters, processes, memory, harts. */
import {
  AbiVersion,
  HartSlot,
  HartState,
  type KernelRuntimeStateData,
  LayoutHashHi,
  LayoutHashLo,
  MachineCounters,
  type MachineCountersData,
  type MachineHeader,
  Opcode,
  ProcessRow,
  ProcessRunState,
  type RpcClient,
  readKernelRuntimeState,
  SlotKind,
  slotKindName,
} from "@foreshore/abi";
import { decodeText } from "./text.ts";

export interface ProcessInfo {
  readonly pid: number;
  readonly ppid: number;
  readonly pgid: number;
  readonly sid: number;
  readonly state: "prepared" | "running" | "stopped" | "zombie";
  readonly threads: number;
  readonly residentPages: number;
  /** Open file descriptors. */
  readonly fds: number;
  /** Guest instructions retired. */
  readonly instructions: number;
  readonly syscalls: number;
  /** Name of the program, at most 15 bytes of it. */
  readonly command: string;
}

export interface HartInfo {
  readonly state: "dead" | "idle" | "guest" | "kernel";
  /** Address space slot of the guest code that it runs, 0 none. */
  readonly addressSpace: number;
  /** Thread slot that it runs, 0 none. */
  readonly thread: number;
  /** Time spent with threads. */
  readonly busyNs: number;
}

export interface SlotUse {
  readonly kind: string;
  readonly inUse: number;
  readonly highWater: number;
  readonly capacity: number;
}

export interface Diagnostics {
  /** Totals since boot; instructions and system calls include those of live threads. */
  readonly counters: MachineCountersData;
  /** File reads that the published view answered, and those that it left to a request. */
  readonly publishedReads: { readonly hits: number; readonly misses: number };
  /** What is read in place; undefined when this thread cannot see the machine's memory. */
  readonly live: LiveDiagnostics | undefined;
}

export interface LiveDiagnostics {
  /** Size and maximum of the memory in bytes. */
  readonly memoryBytes: number;
  readonly memoryMaxBytes: number;
  /** Frames of 4 KiB. */
  readonly freeFrames: number;
  readonly cachedFrames: number;
  readonly dirtyFrames: number;
  readonly harts: readonly HartInfo[];
  readonly slots: readonly SlotUse[];
}

const FIRST_ROWS = 64;
const STATES: Readonly<Record<number, ProcessInfo["state"]>> = {
  [ProcessRunState.Prepared]: "prepared",
  [ProcessRunState.Running]: "running",
  [ProcessRunState.Stopped]: "stopped",
  [ProcessRunState.Zombie]: "zombie",
};
const HART_STATES: Readonly<Record<number, HartInfo["state"]>> = {
  [HartState.Dead]: "dead",
  [HartState.Idle]: "idle",
  [HartState.InGuest]: "guest",
  [HartState.InKernel]: "kernel",
};

/** @param owner owner slot, 0 for all processes of the machine */
export async function processTable(client: RpcClient, owner = 0): Promise<ProcessInfo[]> {
  for (let room = FIRST_ROWS; ; ) {
    const answer = await readRows(client, owner, room);
    if (answer.count <= room) return answer.rows;
    // Some more than there were: processes come and go between the two requests.
    room = answer.count + FIRST_ROWS;
  }
}

function readRows(client: RpcClient, owner: number, room: number): Promise<{ count: number; rows: ProcessInfo[] }> {
  return client.call({
    syscall: "processes",
    bytes: room * ProcessRow.SIZE,
    encode: (at) => ({
      opcode: Opcode.Processes,
      flags: 0,
      requestId: 0,
      reply: { offset: at, length: room * ProcessRow.SIZE },
      owner,
    }),
    decode: (bytes, reply, at) => {
      const view = new ProcessRow(client.transport.mem);
      const row = (_: unknown, i: number): ProcessInfo =>
        processInfo(view.at(client.address(at) + i * ProcessRow.SIZE));
      const rows = Array.from({ length: Math.min(room, bytes / ProcessRow.SIZE) }, row);
      return { count: reply.valueLo, rows };
    },
  });
}

function processInfo(row: ProcessRow): ProcessInfo {
  const comm = row.commBytes().slice();
  const end = comm.indexOf(0);
  return {
    pid: row.pid,
    ppid: row.ppid,
    pgid: row.pgid,
    sid: row.sid,
    state: STATES[row.state] ?? "running",
    threads: row.threads,
    residentPages: row.residentPages,
    fds: row.fds,
    instructions: row.instret,
    syscalls: row.syscalls,
    command: decodeText(end < 0 ? comm : comm.subarray(0, end)),
  };
}

/** @param header the machine header, where this thread sees it */
export async function diagnostics(
  client: RpcClient,
  header: MachineHeader | undefined,
  reads: { readonly hits: number; readonly misses: number },
): Promise<Diagnostics> {
  const counters = await client.call({
    syscall: "diagnostics",
    bytes: MachineCounters.SIZE,
    encode: (at) => ({
      opcode: Opcode.Diagnostics,
      flags: 0,
      requestId: 0,
      reply: { offset: at, length: MachineCounters.SIZE },
    }),
    decode: (_result, _reply, at) => new MachineCounters(client.transport.mem, client.address(at)).toData(),
  });
  const publishedReads = { hits: reads.hits, misses: reads.misses };
  return { counters, publishedReads, live: header === undefined ? undefined : liveDiagnostics(header) };
}

/** Room for a KernelRuntimeState, which grows with the versions. */
const STATE_BYTES = 8192;

/**
 * The handshake of a client, and what the machine is.
 * @throws SystemError EPROTO when the machine speaks another ABI
 */
export function kernelState(client: RpcClient): Promise<KernelRuntimeStateData> {
  return client.call({
    syscall: "kernel-init",
    bytes: STATE_BYTES,
    encode: (at) => ({
      opcode: Opcode.KernelInit,
      flags: 0,
      requestId: 0,
      abiMajor: AbiVersion.Major,
      abiMinor: AbiVersion.Minor,
      layoutHashLo: LayoutHashLo,
      layoutHashHi: LayoutHashHi,
      reply: { offset: at, length: STATE_BYTES },
    }),
    decode: (result, _reply, at) => readKernelRuntimeState(client.bytes(at, result)),
  });
}

const WASM_PAGE = 65536;

/** Read from the header and slots in place, without a request. */
export function liveDiagnostics(header: MachineHeader): LiveDiagnostics {
  const kinds = Object.values(SlotKind).filter((kind) => kind !== SlotKind.None && kind !== SlotKind.Count);
  return {
    memoryBytes: header.memoryPages * WASM_PAGE,
    memoryMaxBytes: header.memoryMaxPages * WASM_PAGE,
    freeFrames: header.freeFrames,
    cachedFrames: header.cachedFrames,
    dirtyFrames: header.dirtyFrames,
    harts: harts(header),
    slots: kinds.flatMap((kind): SlotUse[] => {
      const table = header.tables(kind);
      if (table.capacity === 0) return [];
      return [{ kind: slotKindName(kind), inUse: table.inUse, highWater: table.highWater, capacity: table.capacity }];
    }),
  };
}

function harts(header: MachineHeader): HartInfo[] {
  const { base, stride } = header.tables(SlotKind.Hart);
  const slot = new HartSlot(header.$mem);
  return Array.from({ length: header.hartCount }, (_, i): HartInfo => {
    slot.at(base + i * stride);
    const state = slot.state;
    return {
      state: HART_STATES[state & 0xff] ?? "dead",
      addressSpace: state >>> 8,
      thread: slot.thread,
      busyNs: Number(slot.busyNs),
    };
  });
}
