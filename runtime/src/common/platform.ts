/** What the Runtime needs of its host; node/ and browser/ each bring one. */
import type { KeepAlive } from "@foreshore/abi";
import type { FromWorker, ToWorker } from "./worker-protocol.ts";

/** A kernel: where it is, what was fetched, its bytes, or the compiled module. */
export type KernelSource = string | URL | Response | ArrayBuffer | ArrayBufferView<ArrayBuffer> | WebAssembly.Module;

/** Log levels of the kernel's own lines. */
export type LogLevel = "error" | "warn" | "info";

/** Called later than within `startWorker`. */
export interface HostWorkerEvents {
  message(message: FromWorker): void;
  /**
   * The worker ended, or could not be started. `error` is undefined when it ended by itself.
   * @param gone it executes nothing any more, for certain
   */
  ended(error: Error | undefined, gone: boolean): void;
}

export interface HostWorker {
  post(message: ToWorker, transfer?: ArrayBuffer[]): void;
  /** Ends the worker at once; resolves when the host says that it is gone. */
  terminate(): Promise<void>;
  /** The worker alone no longer keeps the host alive. */
  unref(): void;
}

export interface Platform {
  /** Logical processors. */
  readonly cores: number;
  /** A shared memory may be posted to workers here. */
  readonly canShareMemory: boolean;
  /** @param url of the worker's script; undefined for the runtime's own */
  startWorker(url: string | URL | undefined, name: string, events: HostWorkerEvents): HostWorker;
  /** Fetches or reads what is no module yet, and compiles it. */
  compileKernel(source: KernelSource | undefined): Promise<WebAssembly.Module>;
  keepAlive(): KeepAlive;
  /** Where log lines go that the application does not take. */
  log(level: LogLevel, text: string): void;
}
