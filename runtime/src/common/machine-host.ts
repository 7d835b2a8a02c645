/**
 * The host's side of one machine: its memory, the rings of this thread, and who runs it. It starts on the thread that asks
 * for it, moves to its workers when they are there, and ends once (see lifecycle.ts).
 */
import {
  AbiMismatch,
  abortReason,
  BootState,
  ControlFrame,
  clientAddress,
  FrameTransport,
  type KernelWorkerOutbound,
  Limit,
  MachineFailed,
  type MachineHeader,
  MachineStartError,
  MachineStopped,
  Opcode,
  RpcClient,
  SharedTransport,
  type Transport,
} from "@foreshore/abi";
import { BlobSources } from "./blobs.ts";
import { type BootOptions, bootMachine, type FailureKind, messageOf, StartFailure } from "./boot.ts";
import { absoluteMs, openClock } from "./clock.ts";
import { CooperativeLoop } from "./cooperative.ts";
import { checkKernelModule } from "./kernel-module.ts";
import { Lifecycle, type MachineState } from "./lifecycle.ts";
import { type HostOptions, hostOptions, MIN_MEMORY_MIB, type RuntimeOptions, unsupportedSyscall } from "./options.ts";
import type { LogLevel, Platform } from "./platform.ts";
import { askToStop, publishEnd } from "./shutdown.ts";
import { type WorkerLoss, WorkerPool } from "./worker-pool.ts";
import type { FromWorker, StartHart, WorkerReady } from "./worker-protocol.ts";

const PAGES_PER_MIB = 16;
/** How long workers may take to see BootState.Stopping before they are terminated. */
const STOP_GRACE_MS = 300;
/** Guest instructions per turn on the thread that starts the machine, which has other things to do. */
const START_BUDGET_INSNS = 50_000;
/**
 * Workers take 60 ms and more of a processor each to start. On a host of few processors that holds up the first program,
 * which runs on this thread meanwhile: it gets this head start.
 */
const WORKERS_AFTER_MS = 30;
const LEVELS: readonly LogLevel[] = ["error", "warn", "info"];

/** What every worker of a machine on shared memory gets. */
type Shared = Pick<StartHart, "module" | "memory" | "baseMs">;

/** What there is once the kernel takes requests. */
interface Rings {
  readonly transport: Transport;
  readonly client: RpcClient;
  readonly blobs: BlobSources;
}

export class MachineHost {
  readonly #platform: Platform;
  readonly #options: HostOptions;
  readonly #life = new Lifecycle();
  readonly #workers: WorkerPool;
  #shared: Shared | undefined;
  #header: MachineHeader | undefined;
  #maxPages = 0;
  #rings: Rings | undefined;
  /** Rings that this thread drives beside the client's: those of control connections. */
  readonly #others = new Set<SharedTransport>();
  /** Runs the machine on this thread until its workers are there. */
  #loop: CooperativeLoop | undefined;
  #startTimer: ReturnType<typeof setTimeout> | undefined;
  readonly #ready = Promise.withResolvers<WorkerReady>();
  #started: Promise<void> | undefined;
  #stopped: Promise<void> | undefined;

  /** @throws as `hostOptions` */
  constructor(platform: Platform, options: RuntimeOptions) {
    this.#platform = platform;
    this.#options = hostOptions(platform, options);
    this.#workers = new WorkerPool(platform, options.workerUrl, {
      message: (message) => this.#message(message),
      prepared: () => this.#moveToWorkers(),
      lost: (loss) => this.#lost(loss),
    });
    this.#ready.promise.catch(() => undefined);
  }

  /** A machine that runs. */
  static async start(platform: Platform, options: RuntimeOptions): Promise<MachineHost> {
    const host = new MachineHost(platform, options);
    await host.start();
    return host;
  }

  get state(): MachineState {
    return this.#life.state;
  }

  /** Why the machine has ended. */
  get error(): Error | undefined {
    return this.#life.error;
  }

  /** Settles when the machine ends: with why, undefined when it was stopped. */
  get ended(): Promise<Error | undefined> {
    return this.#life.ended;
  }

  /** @throws MachineStartError until the machine runs; of one that never did, why */
  get client(): RpcClient {
    return this.#answering().client;
  }

  /** @throws as `client` */
  get blobs(): BlobSources {
    return this.#answering().blobs;
  }

  #answering(): Rings {
    if (this.#life.state !== "starting" && this.#rings !== undefined) return this.#rings;
    throw this.#life.error ?? new MachineStartError("the machine is still starting");
  }

  /** The shared memory; undefined when it is a single worker's own, and once the machine has stopped. */
  get memory(): WebAssembly.Memory | undefined {
    return this.#shared?.memory;
  }

  /** The machine header, in place; undefined as `memory` is. */
  get header(): MachineHeader | undefined {
    return this.#header;
  }

  /** Maximum of the memory that the host granted, in MiB. */
  get memoryMiB(): number {
    return this.#maxPages / PAGES_PER_MIB;
  }

  log(level: LogLevel, text: string): void {
    this.#options.log(level, text);
  }

  /**
   * Boots the machine, which answers requests when this resolves. When it rejects, nothing of the machine is left.
   * @throws MachineStartError, AbiMismatch; the reason of an aborted signal; MachineStopped when `stop` was called meanwhile
   */
  start(): Promise<void> {
    this.#started ??= this.#start();
    return this.#started;
  }

  async #start(): Promise<void> {
    const { signal, memoryMiB, log } = this.#options;
    const abort = (): void => void this.#end(abortReason(signal!));
    if (signal?.aborted === true) abort();
    signal?.addEventListener("abort", abort);
    try {
      await this.#boot();
      this.#life.run();
    } catch (error) {
      const failure = error instanceof StartFailure ? startError(error.kind, error.message, error.stack) : error;
      this.#end(failure as Error);
      this.#rings?.client.fail(this.#life.error!);
      this.#rings = undefined;
      await this.#release();
      throw this.#life.error;
    } finally {
      signal?.removeEventListener("abort", abort);
    }
    this.#workers.unref();
    if (this.memoryMiB < memoryMiB) {
      log("warn", `the host grants ${this.memoryMiB} MiB of shared memory instead of ${memoryMiB}`);
    }
  }

  /** All that a start does; it goes no further when the machine has ended meanwhile. */
  async #boot(): Promise<void> {
    const { kernel, memoryMiB, harts, transport, workerUrl } = this.#options;
    this.#life.check();
    const module = await this.#platform.compileKernel(kernel);
    this.#life.check();
    checkKernelModule(module);
    const boot: BootOptions = {
      module,
      maxPages: memoryMiB * PAGES_PER_MIB,
      minPages: Math.min(memoryMiB, MIN_MEMORY_MIB) * PAGES_PER_MIB,
      harts,
      clients: transport === "message" ? 1 : Limit.Clients,
      baseMs: absoluteMs(),
      realtimeNs: BigInt(Date.now()) * 1_000_000n,
    };
    if (transport === "message") {
      await this.#bootSingle(boot);
      return;
    }
    await this.#bootShared(boot);
    // A script of the caller's own may not be there: `create` rejects then, not a later call.
    if (workerUrl !== undefined) await this.#ready.promise;
  }

  /** One worker boots a machine in a memory of its own, and is all that runs it. */
  async #bootSingle(boot: BootOptions): Promise<void> {
    const worker = this.#workers.start({ type: "single", ...boot, budgetInsns: this.#options.budgetInsns });
    const { single } = await this.#ready.promise;
    if (single === undefined) throw new MachineStartError("the single worker names no arena");
    this.#maxPages = single.maxPages;
    this.#openRings(
      new FrameTransport(single.arenaBytes, {
        frame: (frame) => worker.post({ type: "rpc", frame }, [frame.buffer]),
        blob: (address, bytes) => worker.post({ type: "blob", address, bytes }, [bytes.buffer]),
      }),
    );
  }

  /** Boots the machine and runs it on this thread until its workers are there. */
  async #bootShared(boot: BootOptions): Promise<void> {
    const { budgetInsns, workerUrl, log, emit } = this.#options;
    const booted = await bootMachine(boot, {
      log: (level, text) => log(LEVELS[level] ?? "info", text),
      trace: (record) => emit({ type: "trace", record }),
      kick: () => undefined,
    });
    this.#life.check();
    const { memory, mem, header, maxPages } = booted;
    this.#shared = { module: boot.module, memory, baseMs: boot.baseMs };
    this.#header = header;
    this.#maxPages = maxPages;
    const loop = new CooperativeLoop(booted, {
      budgetInsns: Math.min(budgetInsns, START_BUDGET_INSNS),
      now: openClock(boot.baseMs),
      served: () => this.#kicked(),
      stopped: () => undefined,
      failed: (error) => {
        const what = `the machine failed while its workers started: ${messageOf(error)}`;
        this.#fail(new MachineFailed(what, { cause: error }));
      },
    });
    this.#loop = loop;
    this.#openRings(new SharedTransport(mem, clientAddress(header, 0), { inPlace: () => loop.requests() }));
    if (workerUrl !== undefined) this.#startWorkers();
    else this.#startTimer = setTimeout(() => this.#startWorkers(), WORKERS_AFTER_MS);
  }

  /** The two that the machine cannot do without; they are held until both can take over at once: guests stand still meanwhile. */
  #startWorkers(): void {
    const shared = this.#shared;
    if (shared === undefined) return;
    this.#workers.start({ type: "kernel", ...shared, hold: true });
    this.#startHart(0, shared, true);
  }

  #startHart(hart: number, shared: Shared, hold: boolean): void {
    this.#workers.start({ type: "hart", ...shared, hart, budgetInsns: this.#options.budgetInsns, hold });
  }

  #moveToWorkers(): void {
    const shared = this.#shared;
    if (shared === undefined || !this.#leaveThread()) return;
    this.#workers.release();
    for (const each of this.#transports()) each.handOver();
    for (let hart = 1; hart < this.#options.harts; hart++) this.#startHart(hart, shared, false);
  }

  /** Ends the loop on this thread; false when there was none any more. */
  #leaveThread(): boolean {
    const loop = this.#loop;
    clearTimeout(this.#startTimer);
    this.#loop = undefined;
    loop?.close();
    return loop !== undefined;
  }

  #openRings(transport: Transport): void {
    const client = new RpcClient(transport, {
      keepAlive: this.#platform.keepAlive(),
      onEvent: (event) => this.#event(event),
      onFailure: (error) => this.#fail(error),
    });
    this.#rings = { transport, client, blobs: new BlobSources(client, this.#options.log) };
  }

  /**
   * The rings of another client slot, driven by this thread; closed by the caller.
   * @throws MachineFailed where this thread cannot see the machine's memory; why the machine has ended
   */
  openTransport(client: number): Transport {
    const header = this.#header;
    this.#life.check();
    if (header === undefined) throw new MachineFailed("the machine's memory cannot be seen here");
    const inPlace = this.#loop === undefined ? undefined : (): void => this.#loop?.requests();
    const transport: SharedTransport = new SharedTransport(header.$mem, clientAddress(header, client), {
      inPlace,
      onClose: () => this.#others.delete(transport),
    });
    this.#others.add(transport);
    return transport;
  }

  #transports(): SharedTransport[] {
    const own = this.#rings?.transport;
    return own instanceof SharedTransport ? [own, ...this.#others] : [];
  }

  /** There may be completions that nobody sleeps for. */
  #kicked(): void {
    for (const each of this.#transports()) each.kicked();
  }

  #event(event: KernelWorkerOutbound): void {
    switch (event.opcode) {
      case Opcode.BlobRequest:
        void this.#rings?.blobs.serve(event);
        break;
      case Opcode.UnsupportedSyscall:
        this.#options.emit(unsupportedSyscall(event));
        break;
      case Opcode.Reply:
        break;
    }
  }

  #message(message: FromWorker): void {
    switch (message.type) {
      case "ready":
        this.#ready.resolve(message);
        break;
      case "log":
        this.#options.log(LEVELS[message.level] ?? "info", message.text);
        break;
      case "trace":
        this.#options.emit({ type: "trace", record: message.record });
        break;
      case "kick":
        this.#kicked();
        break;
      case "rpc": {
        const own = this.#rings?.transport;
        if (own instanceof FrameTransport) own.receive(message.frame.subarray(ControlFrame.SIZE));
        break;
      }
      case "failed":
      case "prepared":
      case "stopped":
        break;
    }
  }

  /** A worker that is lost ends a start; of a machine that runs, one of a hart's takes at most its process with it. */
  #lost(loss: WorkerLoss): void {
    const { what, cause, kind } = loss;
    switch (this.#life.state) {
      case "starting":
        this.#end(startError(kind ?? "machine", what, cause));
        break;
      case "running": {
        const why = this.#workers.replace(loss, this.#header);
        if (why === undefined) this.#options.log("warn", `${what}; the process that it ran is killed`);
        else this.#fail(new MachineFailed(`${what}; ${why}`, { cause }));
        break;
      }
      case "ended":
        break;
    }
  }

  /** The machine is broken. */
  #fail(error: Error): void {
    const before = this.#end(error);
    this.#leaveThread();
    if (before === "running") this.#options.log("error", error.message);
    if (before !== "ended") void this.#workers.terminate();
  }

  /** Every call rejects from now on, those under way too, and other clients see that it has ended. Its workers are left to the caller. */
  #end(error: Error): MachineState {
    const before = this.#life.end(error);
    if (before === "ended") return before;
    if (this.#header !== undefined) {
      publishEnd(this.#header, error instanceof MachineStopped ? BootState.Stopping : BootState.Failed);
    }
    this.#ready.reject(error);
    this.#rings?.client.fail(error);
    return before;
  }

  /** Ends the machine and gives its memory back, within a second whatever guests do. Calling it again is harmless. */
  stop(): Promise<void> {
    this.#stopped ??= this.#stop();
    return this.#stopped;
  }

  async #stop(): Promise<void> {
    const before = this.#end(new MachineStopped());
    const closed = this.#rings?.blobs.close(this.#life.error!);
    // Workers that the machine has not moved to have nothing to finish.
    if (!this.#leaveThread() && before === "running") {
      if (this.#header === undefined) this.#workers.askToStop();
      else askToStop(this.#header);
      await this.#workers.allEnded(STOP_GRACE_MS);
    }
    await this.#release();
    await closed;
  }

  /** Ends what still runs and lets go of the memory. */
  async #release(): Promise<void> {
    this.#leaveThread();
    await this.#workers.terminate();
    this.#shared = undefined;
    this.#header = undefined;
  }
}

function startError(kind: FailureKind, message: string, cause: unknown): Error {
  return kind === "abi" ? new AbiMismatch(message, { cause }) : new MachineStartError(message, { cause });
}
