/** A machine that runs elsewhere, over its control channel: what the Runtime offers of it. */
import {
  type CallOptions,
  ControlClient,
  type ControlOptions,
  changes,
  type Duplex,
  killProcess,
  type ProcessStatus,
  type RowKind,
  type RowSource,
  type RpcClient,
} from "@foreshore/abi";
import { BlobSources } from "./blobs.ts";
import { FileSystem } from "./fs.ts";
import { type Process, type SpawnOptions, spawnProcess } from "./process.ts";

export class RemoteMachine {
  /** The machine's files. Lazy contents cannot come from here: entries of kind "lazy" read as errors. */
  readonly fs: FileSystem;
  readonly #control: ControlClient;

  private constructor(control: ControlClient) {
    this.#control = control;
    this.fs = new FileSystem(control.client, new BlobSources(control.client, () => undefined));
  }

  /**
   * Connects to a machine that serves the other end (`runtime.serveControl`).
   * @throws AbiMismatch when the versions do not fit, ControlError when it refuses or nobody answers
   */
  static async connect(duplex: Duplex, options?: ControlOptions): Promise<RemoteMachine> {
    return new RemoteMachine(await ControlClient.open(duplex, options));
  }

  /** The RPC client under this API, for requests that it does not wrap. */
  get rpc(): RpcClient {
    return this.#control.client;
  }

  /** State records and queries under this API. */
  get control(): ControlClient {
    return this.#control;
  }

  /** Settles when the connection has ended: with why, undefined when `close` was called. */
  get closed(): Promise<Error | undefined> {
    return this.#control.closed;
  }

  /** A request that does nothing: resolves when the kernel worker has answered. */
  noop(options?: CallOptions): Promise<void> {
    return this.rpc.request.noop(options);
  }

  /** As `runtime.spawn` of a program in the machine. When the connection goes, the process is hung up on (SIGHUP). */
  spawn(program: string, args: readonly string[] = [], options: SpawnOptions = {}): Promise<Process> {
    return spawnProcess(this.rpc, 0, program, args, options);
  }

  /** Rows of the machine's tables: `await remote.rows("process")`. */
  get rows(): RowSource {
    return this.#control.rows;
  }

  /** Goes on when rows of `kinds` have changed: see `changes` of @foreshore/abi. */
  changes<K extends RowKind>(kinds: readonly K[], options?: CallOptions): AsyncGenerator<readonly K[], void> {
    return changes(this.rpc, kinds, options);
  }

  /** All processes, by pid. */
  async processes(): Promise<readonly ProcessStatus[]> {
    return (await this.rows("process")).rows;
  }

  /**
   * kill(2) with its rules for `pid`: a negative one names a process group, -1 every process.
   * @throws SystemError ESRCH when there is none, EINVAL for what is no signal
   */
  async kill(pid: number, signal: number): Promise<void> {
    await killProcess(this.rpc, { pid }, signal);
  }

  /** Ends the connection, not the machine. Calling it again is harmless. */
  close(): Promise<void> {
    return this.#control.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}
