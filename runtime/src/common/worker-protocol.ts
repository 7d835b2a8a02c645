/** Messages between the Runtime's thread and its workers; rings carry everything else. */
import type { RpcFromKernel, RpcToKernel } from "@foreshore/abi";
import type { BootOptions, FailureKind } from "./boot.ts";

/** Serves the rings of a booted machine. */
export interface StartKernel {
  readonly type: "kernel";
  /** See StartHart. */
  readonly hold: boolean;
  readonly module: WebAssembly.Module;
  readonly memory: WebAssembly.Memory;
  readonly baseMs: number;
}

/** Boots a machine of its own, is its kernel worker and only hart, and takes entries as messages. */
export interface StartSingle extends BootOptions {
  readonly type: "single";
  readonly budgetInsns: number;
}

export interface StartHart {
  readonly type: "hart";
  readonly module: WebAssembly.Module;
  readonly memory: WebAssembly.Memory;
  readonly hart: number;
  readonly baseMs: number;
  readonly budgetInsns: number;
  /** To instantiate the kernel, report it (WorkerPrepared) and enter it only after Go: until then another thread is there. */
  readonly hold: boolean;
}

/** The kernel is this worker's from now on. */
export interface Go {
  readonly type: "go";
}

/** Ends a single worker's loop; workers that sleep on words see BootState instead. */
export interface Stop {
  readonly type: "stop";
}

export type ToWorker = StartKernel | StartSingle | StartHart | Go | RpcToKernel | Stop;

/** All that takes time is done: the worker can take over at once. */
export interface WorkerPrepared {
  readonly type: "prepared";
}

/** The kernel worker serves requests from now on. */
export interface WorkerReady {
  readonly type: "ready";
  /** Of a machine of one worker: the maximum that was granted, in 64 KiB pages, and the size of client 0's arena. */
  readonly single: { readonly maxPages: number; readonly arenaBytes: number } | undefined;
}

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
  /** A TraceRecord with its pieces. */
  readonly record: Uint8Array<ArrayBuffer>;
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

export type FromWorker =
  | WorkerPrepared
  | WorkerReady
  | WorkerFailed
  | WorkerLog
  | WorkerTrace
  | WorkerKick
  | WorkerStopped
  | RpcFromKernel;
