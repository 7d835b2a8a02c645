/**
 * Kernel worker and hart 0 in turns on one thread that returns to its event
 * loop between: a machine of a single worker, and every machine while its
 * workers are still starting. At a safepoint nothing of a machine is on a
 * stack, so hart 0 moves to its worker by not being called here any more.
 */
import { HartExit, type HartSlot } from "@foreshore/abi";
import type { BootedMachine } from "./boot.ts";
import { hartSlot, untilWakeMs } from "./hart-slot.ts";

/** setTimeout's largest delay. */
const MAX_TIMEOUT_MS = 2 ** 31 - 1;

/** Requests served before the event loop has its turn: a caller that awaits one after the other would starve it, and the guest. */
const MAX_AT_ONCE = 64;

export interface CooperativeOptions {
  /** Guest instructions per turn. */
  readonly budgetInsns: number;
  /** The machine's clock in ns: see clock.ts. */
  now(): number;
  /** The rings have been served: there may be completions. */
  served(): void;
  /** The kernel asked this hart to stop. */
  stopped(): void;
  /** The kernel is broken; the loop has ended. */
  failed(error: unknown): void;
}

/** Turns of the host's event loop. */
export interface Turns {
  /** Calls the function once, after the events that have arrived. */
  next(): void;
  close(): void;
}

/** A message to oneself is what browsers have; in Node the first event of a message port loads 60 ms of modules. */
export function openTurns(turn: () => void): Turns {
  const { setImmediate } = globalThis as { setImmediate?: (callback: () => void) => unknown };
  if (setImmediate !== undefined) return { next: () => setImmediate(turn), close: () => undefined };
  const { port1, port2 } = new MessageChannel();
  port1.onmessage = turn;
  return { next: () => port2.postMessage(0), close: () => port1.close() };
}

export class CooperativeLoop {
  readonly #machine: BootedMachine;
  readonly #options: CooperativeOptions;
  readonly #hart: HartSlot;
  readonly #turns: Turns;
  /** Where the kernel's own stack starts: each of the two roles has a stack. */
  readonly #kernelStack: number;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #scheduled = false;
  /** The hart had nothing to run when it was last asked. */
  #idle = false;
  #closed = false;
  /** Calls of `requests` since the last turn. */
  #atOnce = 0;

  constructor(machine: BootedMachine, options: CooperativeOptions) {
    this.#machine = machine;
    this.#options = options;
    this.#hart = hartSlot(machine.mem, 0);
    this.#kernelStack = machine.kernel.__stack_pointer.value;
    this.#turns = openTurns(() => {
      this.#scheduled = false;
      if (!this.#closed) this.#guarded(() => this.#round());
    });
  }

  /** Requests have been put into the rings: they are answered here and now, since a turn of the event loop for each would be slow. */
  requests(): void {
    if (this.#closed) return;
    if (++this.#atOnce <= MAX_AT_ONCE && this.#guarded(() => this.#serve()) && this.#idle && this.#sleep()) return;
    this.schedule();
  }

  /** A turn as soon as the events that have arrived are handled. */
  schedule(): void {
    if (this.#scheduled || this.#closed) return;
    this.#scheduled = true;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#turns.next();
  }

  /** The last turn has been: this thread is not in the kernel and enters it no more. */
  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#turns.close();
  }

  /** False when the machine has failed. */
  #guarded(work: () => void): boolean {
    try {
      work();
      return true;
    } catch (error) {
      this.close();
      this.#options.failed(error);
      return false;
    }
  }

  #serve(): void {
    const { kernel } = this.#machine;
    kernel.__stack_pointer.value = this.#kernelStack;
    if (kernel.kernel_service() < 0) throw new Error("kernel_service reports a broken invariant");
    this.#options.served();
  }

  /** What was asked, one slice of guest code and the requests that it completed; then sleep until there is a reason. */
  #round(): void {
    const { kernel } = this.#machine;
    if (this.#atOnce > MAX_AT_ONCE) this.#serve();
    this.#atOnce = 0;
    kernel.__stack_pointer.value = this.#hart.stackTop;
    const exit = kernel.hart_run(0, this.#options.budgetInsns);
    if (exit === HartExit.Stop) {
      this.close();
      this.#options.stopped();
      return;
    }
    if (exit !== HartExit.Budget && exit !== HartExit.Idle) {
      throw new Error(`hart 0 stopped with exit ${exit}: an invariant of the kernel is broken`);
    }
    this.#idle = exit === HartExit.Idle;
    this.#serve();
    if (this.#idle && this.#sleep()) return;
    this.schedule();
  }

  /** Arms the timer for the next thing that is due; false when that is now. */
  #sleep(): boolean {
    const { kernel, header } = this.#machine;
    const hart = this.#hart;
    if (this.#closed) return true;
    if (hart.doorbell !== hart.doorbellSeen) return false;
    const serviceMs = kernel.kernel_prepare_sleep();
    header.kernelSleeping = 0;
    if (serviceMs === 0) return false;
    const ms = Math.min(untilWakeMs(hart, this.#options.now()), serviceMs < 0 ? Number.POSITIVE_INFINITY : serviceMs);
    // Timers of hosts are no finer than this.
    if (ms < 1) return false;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (ms !== Number.POSITIVE_INFINITY) this.#timer = setTimeout(() => this.schedule(), Math.min(ms, MAX_TIMEOUT_MS));
    return true;
  }
}
