/** What people and tools see of a machine: counters, processes, memory, harts. */
import {
  HartSlot,
  HartState,
  type MachineCountersData,
  type MachineHeader,
  type RpcClient,
  SlotKind,
  slotKindName,
} from "@foreshore/abi";

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
  /** Bytes of a slot. */
  readonly slotBytes: number;
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

const HART_STATES: Readonly<Record<number, HartInfo["state"]>> = {
  [HartState.Dead]: "dead",
  [HartState.Idle]: "idle",
  [HartState.InGuest]: "guest",
  [HartState.InKernel]: "kernel",
};

/** @param header the machine header, where this thread sees it */
export async function diagnostics(
  client: RpcClient,
  header: MachineHeader | undefined,
  reads: { readonly hits: number; readonly misses: number },
): Promise<Diagnostics> {
  const { payload: counters } = await client.request.diagnostics();
  const publishedReads = { hits: reads.hits, misses: reads.misses };
  return { counters, publishedReads, live: header === undefined ? undefined : liveDiagnostics(header) };
}

const WASM_PAGE = 65536;

/** Read from the header and slots in place, without a request. */
export function liveDiagnostics(header: MachineHeader): LiveDiagnostics {
  const kinds = Object.values(SlotKind).filter((kind) => kind !== SlotKind.None);
  return {
    memoryBytes: header.memoryPages * WASM_PAGE,
    memoryMaxBytes: header.memoryMaxPages * WASM_PAGE,
    freeFrames: header.freeFrames,
    cachedFrames: header.cachedFrames,
    dirtyFrames: header.dirtyFrames,
    harts: harts(header),
    slots: kinds.flatMap((kind): SlotUse[] => {
      const { capacity, inUse, highWater, stride } = header.tables(kind);
      return capacity === 0 ? [] : [{ kind: slotKindName(kind), inUse, highWater, capacity, slotBytes: stride }];
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
