/** The public face of one machine. */
import {
  AttachError,
  type CallOptions,
  changes,
  type Duplex,
  handshake,
  type KernelRuntimeStateData,
  killProcess,
  type ProcessInfo,
  processes,
  type RowKind,
  type RpcClient,
} from "@foreshore/abi";
import { attachment, type RuntimeAttachment } from "./common/attachment.ts";
import type { BlobSource } from "./common/blobs.ts";
import { type ControlConnection, ControlServer } from "./common/control.ts";
import { type Diagnostics, diagnostics } from "./common/diagnostics.ts";
import { FileSystem } from "./common/fs.ts";
import type { MachineState } from "./common/lifecycle.ts";
import { MachineHost } from "./common/machine-host.ts";
import type { RuntimeOptions } from "./common/options.ts";
import { type OwnerOptions, ProcessOwner } from "./common/owner.ts";
import type { Platform } from "./common/platform.ts";
import { type Process, type SpawnOptions, spawnProcess } from "./common/process.ts";
import { PublishedView } from "./common/published-view.ts";

/** Where workers and the kernel come from here. */
async function hostPlatform(): Promise<Platform> {
  const node = (globalThis as { process?: { versions?: { node?: string } } }).process?.versions?.node !== undefined;
  if (node) return (await import("./node/platform.ts")).nodePlatform;
  return (await import("./browser/platform.ts")).browserPlatform;
}

/** A machine, from the moment when it runs. */
export class Runtime {
  readonly fs: FileSystem;
  readonly #host: MachineHost;
  readonly #view: PublishedView | undefined;
  readonly #control: ControlServer;
  #stopped: Promise<void> | undefined;

  /** Machines are made by `create`. */
  constructor(host: MachineHost) {
    const { client, blobs, header } = host;
    const view = header === undefined ? undefined : new PublishedView(header);
    this.#host = host;
    this.#view = view;
    // What a memory still holds is no answer of a machine that has ended.
    this.fs = new FileSystem(client, blobs, {
      read: (path) => (host.state === "running" ? view?.read(path) : undefined),
    });
    this.#control = new ControlServer(host, host.log);
    void host.ended.then(() => this.#control.end(host.error!));
  }

  /**
   * Starts a machine: memory, kernel, workers.
   * @throws RangeError, MachineStartError, AbiMismatch, and the reason of an aborted signal; nothing is left of the machine then
   */
  static async create(options: RuntimeOptions = {}): Promise<Runtime> {
    return new Runtime(await Runtime.startHost(options));
  }

  /** What `create` of this class and of those that extend it make a machine of. */
  protected static async startHost(options: RuntimeOptions): Promise<MachineHost> {
    return await MachineHost.start(await hostPlatform(), options);
  }

  /** "running" until it ends; after that every call rejects with why: MachineStopped after `stop`, MachineFailed when it broke. */
  get state(): MachineState {
    return this.#host.state;
  }

  /** Settles when the machine ends, whoever ends it: with why it broke, undefined when it was stopped. Workers may still be ending. */
  get ended(): Promise<Error | undefined> {
    return this.#host.ended;
  }

  /** The RPC client under this API, for requests that it does not wrap. */
  get rpc(): RpcClient {
    return this.#host.client;
  }

  /** The machine's shared memory; undefined in a machine of a single worker, and once it has stopped. */
  get memory(): WebAssembly.Memory | undefined {
    return this.#host.memory;
  }

  /** Maximum of the memory that the host granted, in MiB. */
  get memoryMiB(): number {
    return this.#host.memoryMiB;
  }

  /**
   * Starts a program: a path in the machine, or the bytes of an ELF file.
   * @param args argv without argv[0]
   * @throws SystemError as execve(2): ENOENT, EACCES, ENOEXEC, ENOMEM, E2BIG…
   */
  spawn(program: string | Uint8Array, args: readonly string[] = [], options: SpawnOptions = {}): Promise<Process> {
    return spawnProcess(this.#host.client, 0, program, args, options);
  }

  /**
   * kill(2) with its rules for `pid`: a negative one names a process group, -1 every process.
   * @throws SystemError ESRCH when there is none, EINVAL for what is no signal
   */
  async kill(pid: number, signal: number): Promise<void> {
    await killProcess(this.#host.client, { pid }, signal);
  }

  /** As `runtime.fs.readFile`. */
  readonly readFile: FileSystem["readFile"] = ((...args: Parameters<FileSystem["readFile"]>) =>
    this.fs.readFile(...args)) as FileSystem["readFile"];

  /** A process owner with a run queue of its own. */
  createOwner(options: OwnerOptions = {}): Promise<ProcessOwner> {
    return ProcessOwner.create(this.#host.client, options, this.#host);
  }

  /** All processes of the machine. */
  processes(): Promise<ProcessInfo[]> {
    return processes(this.#host.client);
  }

  /** Goes on when rows of `kinds` have changed: see `changes` of @foreshore/abi. */
  changes<K extends RowKind>(kinds: readonly K[], options?: CallOptions): AsyncGenerator<readonly K[], void> {
    return changes(this.#host.client, kinds, options);
  }

  /**
   * Rings for another worker or a frame of this process: post it there and call `connect` of @foreshore/abi. Each is for one
   * connection; `detach` takes it back from a peer that is gone without closing.
   * @throws AttachError "host": this machine has a single worker, whose memory nobody shares; "full": all Limit.Clients have users
   */
  async attachment(): Promise<RuntimeAttachment> {
    for (;;) {
      try {
        return await attachment(this.#host);
      } catch (error) {
        // A control connection that is idle gives its place up.
        if (!(error instanceof AttachError && error.kind === "full" && (await this.#control.freeIdleSlot())))
          throw error;
      }
    }
  }

  /** What the machine is, as its kernel describes itself to a client of this ABI. */
  kernelState(): Promise<KernelRuntimeStateData> {
    return handshake(this.#host.client);
  }

  diagnostics(): Promise<Diagnostics> {
    return diagnostics(this.#host.client, this.#host.header, this.#view ?? { hits: 0, misses: 0 });
  }

  /** A source of lazy files' bytes; its id goes into layer entries of kind "lazy". */
  addBlobSource(source: BlobSource): number {
    return this.#host.blobs.add(source);
  }

  /** Turns the trace of system calls on or off: events of type "trace". */
  setTrace(on: boolean): Promise<void> {
    return this.#host.client.request.setTrace({ syscalls: on });
  }

  /**
   * Lets a peer use the machine over a byte stream or a MessagePort, as a client of its own: requests, and what viewers
   * read (see abi/README.md for what a peer may do, and what becomes of what it starts when it goes). What it does wrong
   * ends its connection and nothing else. A machine of a single worker refuses every peer.
   */
  serveControl(duplex: Duplex): ControlConnection {
    return this.#control.serve(duplex);
  }

  /** A request that does nothing: resolves when the kernel worker has answered. */
  noop(options?: CallOptions): Promise<void> {
    return this.#host.client.request.noop(options);
  }

  /**
   * Ends all processes and workers and frees the memory, within a second. Pending calls reject with MachineStopped. Calling it
   * again, or on a machine that has failed, is harmless.
   */
  stop(): Promise<void> {
    this.#stopped ??= this.#stop();
    return this.#stopped;
  }

  async #stop(): Promise<void> {
    const stopped = this.#host.stop();
    await Promise.all([stopped, this.#control.end(this.#host.error!)]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}
