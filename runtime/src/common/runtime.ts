/** The public face of one machine. */
import {
  AttachError,
  type CallOptions,
  type Duplex,
  handshake,
  type KernelRuntimeStateData,
  type KernelWorkerOutbound,
  Limit,
  type MachineFailed,
  MachineStartError,
  MachineStopped,
  noop,
  Opcode,
  type ProcessInfo,
  processes,
  type RpcClient,
  setTrace,
  syscallName,
} from "@foreshore/abi";
import { attachment, type RuntimeAttachment } from "./attachment.ts";
import { type BlobSource, BlobSources } from "./blobs.ts";
import { type ControlConnection, ControlServer } from "./control.ts";
import { type Diagnostics, diagnostics } from "./diagnostics.ts";
import { FileSystem } from "./fs.ts";
import { Machine } from "./machine.ts";
import { type OwnerOptions, ProcessOwner } from "./owner.ts";
import type { KernelSource, LogLevel, Platform } from "./platform.ts";
import { type Process, type SpawnOptions, spawnProcess } from "./process.ts";
import { PublishedView } from "./published-view.ts";

export interface RuntimeOptions {
  /** Workers that run guest threads. Default: the host's logical processors, at most Limit.Harts. */
  readonly harts?: number | undefined;
  /** Maximum of the machine's memory in MiB, 64 to 4096. Default 1024; halved when the host refuses it. */
  readonly memory?: number | undefined;
  /** Default: the kernel that comes with the package. */
  readonly kernel?: KernelSource | undefined;
  /** Script of the workers. Default: the one that comes with the package. With one of your own, `create` waits until it runs, so that it can refuse a wrong one. */
  readonly workerUrl?: string | URL | undefined;
  /** "message": one worker with a memory of its own. Default: "shared" where memory can be shared. */
  readonly transport?: "shared" | "message" | undefined;
  /** Lines of the kernel and of the runtime. Default: warnings and errors to the host's error stream. */
  readonly log?: ((level: LogLevel, text: string) => void) | undefined;
  readonly onEvent?: ((event: RuntimeEvent) => void) | undefined;
  /** Guest instructions per call of hart_run. Default 300,000: one to two milliseconds. */
  readonly budgetInsns?: number | undefined;
}

export type RuntimeEvent =
  /** A system call, ioctl or option that the kernel does not have: told once per number. */
  | {
      readonly type: "unsupported-syscall";
      readonly pid: number;
      readonly number: number;
      readonly name: string;
      readonly args: readonly bigint[];
    }
  /** A TraceRecord with its pieces (abi/trace.fbs), not always in the order of `sequence`: see `setTrace`. */
  | { readonly type: "trace"; readonly record: Uint8Array }
  | { readonly type: "failed"; readonly error: MachineFailed };

const DEFAULT_MEMORY_MIB = 1024;
const MIN_MEMORY_MIB = 64;
const MAX_MEMORY_MIB = 4096;
const DEFAULT_BUDGET_INSNS = 300_000;

export class Runtime {
  readonly fs: FileSystem;
  readonly #machine: Machine;
  readonly #blobs: BlobSources;
  readonly #view: PublishedView | undefined;

  readonly #control: ControlServer;

  private constructor(machine: Machine, blobs: BlobSources, log: NonNullable<RuntimeOptions["log"]>) {
    this.#machine = machine;
    this.#blobs = blobs;
    this.#view = machine.header === undefined ? undefined : new PublishedView(machine.header);
    this.fs = new FileSystem(machine.client, blobs, this.#view);
    this.#control = new ControlServer(machine, log);
  }

  /** `Runtime.create` of node/ and browser/, each with its platform. */
  static async start(platform: Platform, options: RuntimeOptions = {}): Promise<Runtime> {
    const transport = options.transport ?? (platform.canShareMemory ? "shared" : "message");
    if (transport === "shared" && !platform.canShareMemory) {
      throw new MachineStartError(
        "memory cannot be shared here: serve the page with Cross-Origin-Opener-Policy: same-origin and Cross-Origin-Embedder-Policy: require-corp, or leave `transport` out",
      );
    }
    const harts =
      transport === "message"
        ? 1
        : checked("harts", options.harts ?? Math.min(platform.cores, Limit.Harts), 1, Limit.Harts);
    const log = options.log ?? ((level, text) => platform.log(level, text));
    const emit = (event: RuntimeEvent): void => options.onEvent?.(event);
    let blobs: BlobSources | undefined;
    let runtime: Runtime | undefined;
    const machine = await Machine.start(
      platform,
      {
        harts,
        memoryMiB: checked("memory", options.memory ?? DEFAULT_MEMORY_MIB, MIN_MEMORY_MIB, MAX_MEMORY_MIB),
        kernel: options.kernel,
        workerUrl: options.workerUrl,
        transport,
        budgetInsns: checked("budgetInsns", options.budgetInsns ?? DEFAULT_BUDGET_INSNS, 1, 2 ** 31 - 1),
      },
      {
        log,
        trace: (record) => emit({ type: "trace", record }),
        event: (event) => dispatch(event, blobs, emit),
        failed: (error) => {
          log("error", error.message);
          emit({ type: "failed", error });
          if (runtime !== undefined) void runtime.#control.end(error);
        },
      },
    );
    blobs = new BlobSources(machine.client, log);
    runtime = new Runtime(machine, blobs, log);
    return runtime;
  }

  /** The RPC client under this API, for requests that it does not wrap. */
  get rpc(): RpcClient {
    return this.#machine.client;
  }

  /** The machine's shared memory; undefined in a machine of a single worker, and once it has stopped. */
  get memory(): WebAssembly.Memory | undefined {
    return this.#machine.memory;
  }

  /** Maximum of the memory that the host granted, in MiB. */
  get memoryMiB(): number {
    return this.#machine.memoryMiB;
  }

  /** As `runtime.fs.readFile`. */
  readonly readFile: FileSystem["readFile"] = ((...args: Parameters<FileSystem["readFile"]>) =>
    this.fs.readFile(...args)) as FileSystem["readFile"];

  /**
   * Starts a program: a path in the machine, or the bytes of an ELF file.
   * @param args argv without argv[0]
   * @throws SystemError as execve(2): ENOENT, EACCES, ENOEXEC, ENOMEM, E2BIG…
   */
  spawn(program: string | Uint8Array, args: readonly string[] = [], options: SpawnOptions = {}): Promise<Process> {
    return spawnProcess(this.#machine.client, 0, program, args, options);
  }

  /** A process owner with a run queue of its own. */
  createOwner(options: OwnerOptions = {}): Promise<ProcessOwner> {
    return ProcessOwner.create(this.#machine.client, options, this.#machine.header);
  }

  /** All processes of the machine. */
  processes(): Promise<ProcessInfo[]> {
    return processes(this.#machine.client);
  }

  /**
   * Rings for another worker or a frame of this process: post it there and call `connect` of @foreshore/abi. Each is for one
   * connection; `detach` takes it back from a peer that is gone without closing.
   * @throws AttachError "host": this machine has a single worker, whose memory nobody shares; "full": all Limit.Clients have users
   */
  async attachment(): Promise<RuntimeAttachment> {
    for (;;) {
      try {
        return await attachment(this.#machine);
      } catch (error) {
        // A control connection that is idle gives its place up.
        if (!(error instanceof AttachError && error.kind === "full" && (await this.#control.vacate()))) throw error;
      }
    }
  }

  /** What the machine is, as its kernel tells a client of this ABI. */
  kernelState(): Promise<KernelRuntimeStateData> {
    return handshake(this.#machine.client);
  }

  diagnostics(): Promise<Diagnostics> {
    return diagnostics(this.#machine.client, this.#machine.header, this.#view ?? { hits: 0, misses: 0 });
  }

  /** A source of lazy files' bytes; its id goes into layer entries of kind "lazy". */
  addBlobSource(source: BlobSource): number {
    return this.#blobs.add(source);
  }

  /** Turns the trace of system calls on or off: events of type "trace". */
  setTrace(on: boolean): Promise<void> {
    return setTrace(this.#machine.client, on);
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
    return noop(this.#machine.client, options);
  }

  /** Ends all processes and workers and frees the memory, within a second. Pending calls reject with MachineStopped. */
  async stop(): Promise<void> {
    const stopped = this.#machine.stop();
    const why = this.#machine.error ?? new MachineStopped();
    await Promise.all([stopped, this.#control.end(why), this.#blobs.close(why)]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}

function dispatch(
  event: KernelWorkerOutbound,
  blobs: BlobSources | undefined,
  emit: (event: RuntimeEvent) => void,
): void {
  switch (event.opcode) {
    case Opcode.BlobRequest:
      void blobs?.serve(event);
      break;
    case Opcode.UnsupportedSyscall: {
      const { pid, number } = event;
      emit({
        type: "unsupported-syscall",
        pid,
        number,
        name: syscallName(number).replace(/^SYS_/, ""),
        args: [...event.args],
      });
      break;
    }
    case Opcode.Reply:
      break;
  }
}

function checked(name: string, value: number, min: number, max: number): number {
  if (!Number.isInteger(value) || value < min || value > max)
    throw new RangeError(`${name} is ${value}; it is a whole number from ${min} to ${max}`);
  return value;
}
