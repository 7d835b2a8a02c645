/** Messages between the Runtime's thread and its workers; rings carry everything else. */

/** Where a worker finds what it must touch before it may trust the header. */
export interface StartKernel {
  readonly type: "kernel";
  readonly module: WebAssembly.Module;
  /** Maximum of the memory in 64 KiB pages; halved until the host grants it. */
  readonly maxPages: number;
  readonly minPages: number;
  readonly harts: number;
  readonly clients: number;
  /** The machine's base on the clock of `absoluteMs`. */
  readonly baseMs: number;
  /** CLOCK_REALTIME at the base, in ns since the epoch. */
  readonly realtimeNs: bigint;
  /** This worker is also the only hart, and the client's entries come as messages. */
  readonly single: boolean;
  readonly budgetInsns: number;
}

export interface StartHart {
  readonly type: "hart";
  readonly module: WebAssembly.Module;
  readonly memory: WebAssembly.Memory;
  readonly hart: number;
  readonly baseMs: number;
  readonly budgetInsns: number;
}

/** Bytes of the client's arena. */
export interface SpanBytes {
  readonly offset: number;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** Arena bytes that go back with the reply to request `id`: `result` of them when counted, else all. */
export interface ReplySpan {
  readonly id: number;
  readonly offset: number;
  readonly length: number;
  readonly counted: boolean;
}

export interface RpcEntries {
  readonly type: "rpc";
  readonly entries: Uint8Array<ArrayBuffer>;
  readonly spans: readonly SpanBytes[];
  readonly replies: readonly ReplySpan[];
}

/** What a blob source delivered, for linear address `address`. */
export interface BlobBytes {
  readonly type: "blob";
  readonly address: number;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

export type RpcToWorker = RpcEntries | BlobBytes;

/** Ends a single worker's loop; workers that sleep on words see BootState instead. */
export interface Stop {
  readonly type: "stop";
}

export type ToWorker = StartKernel | StartHart | RpcToWorker | Stop;

export interface Booted {
  readonly type: "booted";
  readonly memory: WebAssembly.Memory | undefined;
  /** The maximum that was granted, in 64 KiB pages. */
  readonly maxPages: number;
  /** Size of client 0's arena. */
  readonly arenaBytes: number;
}

export type FailureKind = "abi" | "memory" | "boot" | "machine";

export interface WorkerFailed {
  readonly type: "failed";
  readonly kind: FailureKind;
  readonly message: string;
  readonly stack?: string | undefined;
}

export interface WorkerLog {
  readonly type: "log";
  readonly level: number;
  readonly text: string;
}

export interface WorkerTrace {
  readonly type: "trace";
  readonly text: string;
}

/** The kernel has completions for a client that cannot sleep on shared memory. */
export interface WorkerKick {
  readonly type: "kick";
  readonly client: number;
}

/** The worker's loop has ended as asked. */
export interface WorkerStopped {
  readonly type: "stopped";
}

export interface RpcFromWorker {
  readonly type: "rpc";
  readonly entries: Uint8Array<ArrayBuffer>;
  readonly spans: readonly SpanBytes[];
}

export type FromWorker = Booted | WorkerFailed | WorkerLog | WorkerTrace | WorkerKick | WorkerStopped | RpcFromWorker;
