/** The workers of one machine: started, watched, replaced when a hart's is lost, and ended. */
import type { MachineHeader } from "@foreshore/abi";
import type { FailureKind } from "./boot.ts";
import { markHartDead } from "./dead-hart.ts";
import type { HostWorker, Platform } from "./platform.ts";
import type { FromWorker, StartHart, StartKernel, StartSingle, WorkerFailed } from "./worker-protocol.ts";

export interface PooledWorker {
  /** "kernel", or "hart N". */
  readonly name: string;
  readonly start: StartKernel | StartSingle | StartHart;
  readonly host: HostWorker;
  /** It can take over from the thread that started the machine. */
  prepared: boolean;
  /** The host says that it has ended. */
  ended: boolean;
  /** Its hart has been given to another worker, or is marked Dead: its messages are ignored. */
  replaced: boolean;
}

/** A worker that is there no more, without having been asked to end. */
export interface WorkerLoss {
  readonly worker: PooledWorker;
  /** The beginning of a sentence: "the hart 1 worker died: …". */
  readonly what: string;
  readonly cause: unknown;
  /** What the worker itself says was the matter, if it could. */
  readonly kind: FailureKind | undefined;
  /** It executes nothing any more, for certain. */
  readonly gone: boolean;
}

export interface PoolEvents {
  /** What a worker says that concerns the machine. */
  message(message: FromWorker): void;
  /** All workers that are held can take over. */
  prepared(): void;
  lost(loss: WorkerLoss): void;
}

export class WorkerPool {
  readonly #platform: Platform;
  readonly #url: string | URL | undefined;
  readonly #events: PoolEvents;
  readonly #workers: PooledWorker[] = [];
  /** The machine has moved to these workers. */
  #released = false;
  #keepsHostAlive = true;
  /** Called when a worker ends, while somebody waits for all of them. */
  #onEnded: () => void = () => undefined;

  /** @param url of the workers' script; undefined for the runtime's own */
  constructor(platform: Platform, url: string | URL | undefined, events: PoolEvents) {
    this.#platform = platform;
    this.#url = url;
    this.#events = events;
  }

  /** Starts a worker, with its role in its first message. */
  start(start: PooledWorker["start"]): HostWorker {
    const name = start.type === "hart" ? `hart ${start.hart}` : "kernel";
    let worker: PooledWorker | undefined;
    const host = this.#platform.startWorker(this.#url, `foreshore ${name}`, {
      message: (message) => this.#message(worker!, message),
      ended: (error, gone) => this.#ended(worker!, error, gone),
    });
    worker = { name, start, host, prepared: false, ended: false, replaced: false };
    this.#workers.push(worker);
    host.post(start);
    if (!this.#keepsHostAlive) host.unref();
    return host;
  }

  /** Lets the workers that are held enter the kernel, which nobody else does from now on. */
  release(): void {
    this.#released = true;
    for (const { host } of this.#workers) host.post({ type: "go" });
  }

  /** From now on workers alone do not keep the host alive. */
  unref(): void {
    this.#keepsHostAlive = false;
    for (const { host } of this.#workers) host.unref();
  }

  /**
   * Has another worker take over the hart of one that is lost; the process that it ran is killed.
   * @returns why that cannot be, which is the machine's end; undefined when it goes on
   */
  replace({ worker, gone }: WorkerLoss, header: MachineHeader | undefined): string | undefined {
    const { start } = worker;
    if (header === undefined || start.type !== "hart") return "none can take its place";
    if (!this.#released) return "the machine had not moved to its workers";
    const why = markHartDead(header, start.hart, gone);
    if (why !== undefined) return why;
    worker.replaced = true;
    if (gone) this.start({ ...start, hold: false });
    else if (this.#workers.every((each) => each.replaced || each.start.type !== "hart")) return "no hart is left";
    return undefined;
  }

  /** Asks workers that listen to messages to end. */
  askToStop(): void {
    for (const { host } of this.#workers) host.post({ type: "stop" });
  }

  /** Resolves when all workers have ended, or after the grace time. */
  allEnded(graceMs: number): Promise<void> {
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

  /** Ends all workers at once; resolves when the host says that they are gone. */
  async terminate(): Promise<void> {
    await Promise.all(this.#workers.filter((worker) => !worker.ended).map((worker) => worker.host.terminate()));
  }

  #message(worker: PooledWorker, message: FromWorker): void {
    if (message.type === "failed") this.#failed(worker, message);
    else if (message.type === "prepared") {
      worker.prepared = true;
      if (!this.#released && this.#workers.every((each) => each.prepared)) this.#events.prepared();
    } else this.#events.message(message);
  }

  /** Its loop has left the kernel: the worker executes no guest any more. */
  #failed(worker: PooledWorker, { kind, message, stack }: WorkerFailed): void {
    const what = kind === "machine" ? `the ${worker.name} worker failed: ${message}` : message;
    this.#events.lost({ worker, what, cause: stack, kind, gone: true });
  }

  #ended(worker: PooledWorker, error: Error | undefined, gone: boolean): void {
    worker.ended = true;
    this.#onEnded();
    if (worker.replaced) return;
    const what = `the ${worker.name} worker ${error === undefined ? "ended" : `died: ${error.message}`}`;
    this.#events.lost({ worker, what, cause: error, kind: undefined, gone });
  }
}
