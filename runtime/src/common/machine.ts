/** One running machine: its workers, its memory and the client that talks to its kernel. */
import {
  AbiMismatch,
  BootState,
  ClientSlot,
  ControlFrame,
  clientAddress,
  FrameTransport,
  HartSlot,
  type KernelWorkerOutbound,
  Limit,
  MachineFailed,
  type MachineHeader,
  MachineStartError,
  MachineStopped,
  RpcClient,
  SharedTransport,
  SlotKind,
  type Transport,
} from "@foreshore/abi";
import { type BootOptions, bootMachine, type FailureKind, messageOf, StartFailure } from "./boot.ts";
import { absoluteMs, openClock } from "./clock.ts";
import { CooperativeLoop } from "./cooperative.ts";
import { buryHart } from "./dead-hart.ts";
import { checkKernelModule } from "./kernel-module.ts";
import type { HostWorker, KernelSource, LogLevel, Platform } from "./platform.ts";
import type { FromWorker, WorkerFailed, WorkerReady } from "./worker-protocol.ts";

export interface MachineOptions {
  readonly harts: number;
  /** Maximum of the memory in MiB. */
  readonly memoryMiB: number;
  readonly kernel: KernelSource | undefined;
  readonly workerUrl: string | URL | undefined;
  readonly transport: "shared" | "message";
  readonly budgetInsns: number;
}

export interface MachineEvents {
  log(level: LogLevel, text: string): void;
  trace(record: Uint8Array): void;
  /** Unsolicited entries of the kernel. */
  event(event: KernelWorkerOutbound): void;
  failed(error: MachineFailed): void;
}

const PAGES_PER_MIB = 16;
/** Below this a kernel does not even boot; halving the memory ends here. */
const MIN_MEMORY_MIB = 64;
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

type State = "starting" | "running" | "stopped" | "failed";

interface WorkerRecord {
  readonly name: string;
  readonly host: HostWorker;
  /** It can take over from the thread that started the machine. */
  prepared: boolean;
  ended: boolean;
  /** Of a hart's worker: its hart has been given to another worker, or buried. */
  replaced: boolean;
}

export class Machine {
  readonly #platform: Platform;
  readonly #events: MachineEvents;
  readonly #workers: WorkerRecord[] = [];
  #state: State = "starting";
  #memory: WebAssembly.Memory | undefined;
  #header: MachineHeader | undefined;
  #client: RpcClient | undefined;
  #transport: Transport | undefined;
  /** Rings that this thread drives beside the client's: those of control connections. */
  readonly #others = new Set<SharedTransport>();
  #error: Error | undefined;
  #stopped: Promise<void> | undefined;
  /** Runs the machine on this thread until its workers are there. */
  #starting: CooperativeLoop | undefined;
  #handOver: () => void = () => undefined;
  /** Starts a worker for a hart; set when the machine has moved to its workers. */
  #startHart: ((hart: number) => void) | undefined;
  #startTimer: ReturnType<typeof setTimeout> | undefined;
  #rejectStart: (error: Error) => void = () => undefined;
  #resolveReady: (ready: WorkerReady) => void = () => undefined;
  /** Called when a worker ends, while `stop` waits for all of them. */
  #onEnded: () => void = () => undefined;

  private constructor(platform: Platform, events: MachineEvents) {
    this.#platform = platform;
    this.#events = events;
  }

  /** Starts workers, kernel and harts; the machine answers requests when this resolves. */
  static async start(platform: Platform, options: MachineOptions, events: MachineEvents): Promise<Machine> {
    const machine = new Machine(platform, events);
    try {
      await machine.#start(options);
      return machine;
    } catch (error) {
      const failure = error instanceof StartFailure ? startError(error.kind, error.message, error.stack) : error;
      machine.#fail(failure as Error);
      await machine.#terminateAll();
      throw failure;
    }
  }

  get client(): RpcClient {
    return this.#client!;
  }

  /** The shared memory; undefined when it is a single worker's own. */
  get memory(): WebAssembly.Memory | undefined {
    return this.#memory;
  }

  /** The machine header, in place; undefined as `memory` is. */
  get header(): MachineHeader | undefined {
    return this.#header;
  }

  /** Why the machine does not run any more. */
  get error(): Error | undefined {
    return this.#error;
  }

  get memoryMiB(): number {
    return this.#maxPages / PAGES_PER_MIB;
  }

  #maxPages = 0;

  async #start(options: MachineOptions): Promise<void> {
    const single = options.transport === "message";
    const ready = new Promise<WorkerReady>((resolve, reject) => {
      this.#resolveReady = resolve;
      this.#rejectStart = reject;
    });
    ready.catch(() => undefined);
    const module = await this.#platform.compileKernel(options.kernel);
    checkKernelModule(module);
    const boot: BootOptions = {
      module,
      maxPages: options.memoryMiB * PAGES_PER_MIB,
      minPages: Math.min(options.memoryMiB, MIN_MEMORY_MIB) * PAGES_PER_MIB,
      harts: single ? 1 : options.harts,
      clients: single ? 1 : Limit.Clients,
      baseMs: absoluteMs(),
      realtimeNs: BigInt(Date.now()) * 1_000_000n,
    };
    if (single) {
      const worker = this.#startWorker(options.workerUrl, "kernel");
      worker.post({ type: "single", ...boot, budgetInsns: options.budgetInsns });
      this.#useSingle((await ready).single, worker);
    } else {
      await this.#bootShared(boot, options);
      // A script of the caller's own may not be there: that is told here, not later.
      if (options.workerUrl !== undefined) await ready;
    }
    if (this.#error !== undefined) throw this.#error;
    if (this.memoryMiB < options.memoryMiB) {
      const granted = `the host grants ${this.memoryMiB} MiB of shared memory instead of ${options.memoryMiB}`;
      this.#events.log("warn", granted);
    }
    this.#state = "running";
    this.#unrefWorkers();
  }

  #unrefWorkers(): void {
    for (const worker of this.#workers) worker.host.unref();
  }

  /** Boots the machine and runs it on this thread until its workers are there. */
  async #bootShared(boot: BootOptions, options: MachineOptions): Promise<void> {
    const booted = await bootMachine(boot, {
      log: (level, text) => this.#events.log(LEVELS[level] ?? "info", text),
      trace: (record) => this.#events.trace(record),
      kick: () => undefined,
    });
    this.#memory = booted.memory;
    this.#header = booted.header;
    this.#maxPages = booted.maxPages;
    const slot = clientAddress(booted.header, 0);
    const transport: SharedTransport = new SharedTransport(booted.mem, slot, { inPlace: () => loop.requests() });
    const loop = new CooperativeLoop(booted, {
      budgetInsns: Math.min(options.budgetInsns, START_BUDGET_INSNS),
      now: openClock(boot.baseMs),
      served: () => this.#kicked(),
      stopped: () => undefined,
      failed: (error) =>
        this.#fail(
          new MachineFailed(`the machine failed while its workers started: ${messageOf(error)}`, { cause: error }),
        ),
    });
    this.#starting = loop;
    this.#openClient(transport);
    const { module, baseMs } = boot;
    const { memory } = booted;
    const { budgetInsns, workerUrl } = options;
    const startWorkers = (): void => {
      const kernelWorker = this.#startWorker(workerUrl, "kernel");
      const firstHart = this.#startWorker(workerUrl, "hart 0", 0);
      kernelWorker.post({ type: "kernel", module, memory, baseMs, hold: true });
      firstHart.post({ type: "hart", module, memory, hart: 0, baseMs, budgetInsns, hold: true });
      this.#handOver = () => {
        loop.close();
        this.#starting = undefined;
        this.#handOver = () => undefined;
        firstHart.post({ type: "go" });
        kernelWorker.post({ type: "go" });
        for (const each of this.#rings()) each.handOver();
        this.#startHart = (hart) => {
          const worker = this.#startWorker(workerUrl, `hart ${hart}`, hart);
          worker.post({ type: "hart", module, memory, hart, baseMs, budgetInsns, hold: false });
          if (this.#state === "running") worker.unref();
        };
        for (let hart = 1; hart < options.harts; hart++) this.#startHart(hart);
        if (this.#state === "running") this.#unrefWorkers();
      };
      if (this.#state === "running") this.#unrefWorkers();
    };
    if (workerUrl !== undefined) startWorkers();
    else this.#startTimer = setTimeout(startWorkers, WORKERS_AFTER_MS);
  }

  /** The machine moves to its workers when the two that it cannot do without can take over at once: guests stand still meanwhile. */
  #workerPrepared(): void {
    if (this.#workers.every((worker) => worker.prepared)) this.#handOver();
  }

  #useSingle(single: WorkerReady["single"], worker: HostWorker): void {
    if (single === undefined) throw new MachineStartError("the single worker names no arena");
    this.#maxPages = single.maxPages;
    const transport = new FrameTransport(single.arenaBytes, {
      frame: (frame) => worker.post({ type: "rpc", frame }, [frame.buffer]),
      blob: (address, bytes) => worker.post({ type: "blob", address, bytes }, [bytes.buffer]),
    });
    this.#openClient(transport);
  }

  #openClient(transport: Transport): void {
    this.#transport = transport;
    this.#client = new RpcClient(transport, {
      keepAlive: this.#platform.keepAlive(),
      onEvent: (event) => this.#events.event(event),
      onFailure: (error) => this.#fail(error),
    });
  }

  /**
   * The rings of another client slot, driven by this thread; closed by the caller.
   * @throws MachineFailed where this thread cannot see the machine's memory
   */
  openTransport(client: number): Transport {
    const header = this.#header;
    if (header === undefined) throw new MachineFailed("the machine's memory cannot be seen here");
    const inPlace = this.#starting === undefined ? undefined : (): void => this.#starting?.requests();
    const transport: SharedTransport = new SharedTransport(header.$mem, clientAddress(header, client), {
      inPlace,
      onClose: () => this.#others.delete(transport),
    });
    this.#others.add(transport);
    return transport;
  }

  #rings(): SharedTransport[] {
    return this.#transport instanceof SharedTransport ? [this.#transport, ...this.#others] : [];
  }

  /** There may be completions that nobody sleeps for. */
  #kicked(): void {
    for (const each of this.#rings()) each.kicked();
  }

  #startWorker(url: string | URL | undefined, name: string, hart?: number): HostWorker {
    let record: WorkerRecord | undefined;
    const host = this.#platform.startWorker(url, `foreshore ${name}`, {
      message: (message) => {
        if (message.type === "prepared" && record !== undefined) {
          record.prepared = true;
          this.#workerPrepared();
        } else if (message.type === "failed") this.#workerFailed(name, message, hart, record);
        else this.#message(message);
      },
      ended: (error, gone) => {
        if (record !== undefined) record.ended = true;
        this.#workerEnded(name, error, gone, hart, record);
      },
    });
    record = { name, host, prepared: false, ended: false, replaced: false };
    this.#workers.push(record);
    return host;
  }

  #message(message: FromWorker): void {
    switch (message.type) {
      case "ready":
        this.#resolveReady(message);
        break;
      case "log":
        this.#events.log(LEVELS[message.level] ?? "info", message.text);
        break;
      case "trace":
        this.#events.trace(message.record);
        break;
      case "kick":
        this.#kicked();
        break;
      case "rpc":
        if (this.#transport instanceof FrameTransport) {
          this.#transport.receive(message.frame.subarray(ControlFrame.SIZE));
        }
        break;
      case "failed":
      case "prepared":
      case "stopped":
        break;
    }
  }

  #workerFailed(name: string, failed: WorkerFailed, hart: number | undefined, record: WorkerRecord | undefined): void {
    const what = failed.kind === "machine" ? `the ${name} worker failed: ${failed.message}` : failed.message;
    const cause = { cause: failed.stack };
    // Its loop has left the kernel: the worker executes no guest any more.
    if (this.#state === "running") this.#workerGone(what, cause, true, hart, record);
    else this.#fail(startError(failed.kind, what, failed.stack));
  }

  #workerEnded(
    name: string,
    error: Error | undefined,
    gone: boolean,
    hart: number | undefined,
    record: WorkerRecord | undefined,
  ): void {
    this.#onEnded();
    if (this.#state === "stopped" || this.#state === "failed" || record?.replaced === true) return;
    const what = `the ${name} worker ${error === undefined ? "ended" : `died: ${error.message}`}`;
    const cause = error === undefined ? undefined : { cause: error };
    if (this.#state === "running") this.#workerGone(what, cause, gone, hart, record);
    else this.#fail(new MachineStartError(what, cause));
  }

  /** A worker of a running machine is gone: of a hart that was in guest code, it takes only that process with it. */
  #workerGone(
    what: string,
    cause: ErrorOptions | undefined,
    gone: boolean,
    hart: number | undefined,
    record: WorkerRecord | undefined,
  ): void {
    const header = this.#header;
    const startHart = this.#startHart;
    if (header === undefined || hart === undefined || record === undefined || startHart === undefined) {
      this.#fail(new MachineFailed(what, cause));
      return;
    }
    const why = buryHart(header, hart, gone);
    if (why !== undefined) {
      this.#fail(new MachineFailed(`${what}; ${why}`, cause));
      return;
    }
    record.replaced = true;
    this.#events.log("warn", `${what}; the process that it ran is killed`);
    if (gone) startHart(hart);
    else if (this.#workers.every((worker) => !worker.name.startsWith("hart") || worker.replaced)) {
      this.#fail(new MachineFailed(`${what}; no hart is left`, cause));
    }
  }

  /** The machine is gone: every call rejects, every worker ends. */
  #fail(error: Error): void {
    if (this.#state === "stopped" || this.#state === "failed") return;
    const wasRunning = this.#state === "running";
    this.#state = "failed";
    this.#error = error;
    this.#publishEnd(BootState.Failed);
    this.#leaveStart();
    this.#rejectStart(error);
    this.#client?.fail(error);
    void this.#terminateAll();
    if (wasRunning && error instanceof MachineFailed) this.#events.failed(error);
  }

  /** For clients in other workers, which only see the memory: the state, and a wake-up to look at it. */
  #publishEnd(state: typeof BootState.Failed | typeof BootState.Stopping): void {
    const header = this.#header;
    if (header === undefined) return;
    header.bootState = state;
    const { $mem: mem } = header;
    for (let i = 1; i < header.clientCount; i++) {
      const slot = new ClientSlot(mem, clientAddress(header, i));
      Atomics.notify(mem.i32, slot.completionTailIndex());
      Atomics.notify(mem.i32, slot.stateIndex());
    }
  }

  /** Ends the start on this thread; false when it was over. */
  #leaveStart(): boolean {
    const loop = this.#starting;
    clearTimeout(this.#startTimer);
    this.#starting = undefined;
    this.#handOver = () => undefined;
    loop?.close();
    return loop !== undefined;
  }

  /** Ends the machine and gives its memory back, within a second whatever guests do. Calling it again is harmless. */
  stop(): Promise<void> {
    this.#stopped ??= this.#stop();
    return this.#stopped;
  }

  async #stop(): Promise<void> {
    if (this.#state === "running") {
      this.#state = "stopped";
      this.#error = new MachineStopped();
      this.#client?.fail(this.#error);
      this.#publishEnd(BootState.Stopping);
      // Workers that the machine has not moved to have nothing to finish.
      if (!this.#leaveStart()) {
        this.#askToStop();
        await this.#allEnded(STOP_GRACE_MS);
      }
    }
    await this.#terminateAll();
    this.#memory = undefined;
    this.#header = undefined;
  }

  /** Wakes everyone who may sleep, to see that the machine stops, and makes guests leave their slice. */
  #askToStop(): void {
    const header = this.#header;
    if (header === undefined) {
      for (const worker of this.#workers) worker.host.post({ type: "stop" });
      return;
    }
    const { $mem: mem } = header;
    const harts = header.tables(SlotKind.Hart);
    for (let i = 0; i < header.hartCount; i++) {
      const hart = new HartSlot(mem, harts.base + i * harts.stride);
      hart.poll = 1;
      Atomics.add(mem.i32, hart.doorbellIndex(), 1);
      Atomics.notify(mem.i32, hart.doorbellIndex());
    }
    Atomics.add(mem.i32, header.kernelDoorbellIndex(), 1);
    Atomics.notify(mem.i32, header.kernelDoorbellIndex());
  }

  /** Resolves when all workers have ended, or after the grace time. */
  #allEnded(graceMs: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, graceMs);
      this.#onEnded = () => {
        if (!this.#workers.every((worker) => worker.ended)) return;
        clearTimeout(timer);
        resolve();
      };
      this.#onEnded();
    });
  }

  async #terminateAll(): Promise<void> {
    await Promise.all(this.#workers.filter((worker) => !worker.ended).map((worker) => worker.host.terminate()));
  }
}

function startError(kind: FailureKind, message: string, stack: string | undefined): Error {
  return kind === "abi" ? new AbiMismatch(message, { cause: stack }) : new MachineStartError(message, { cause: stack });
}
