/** The life of a machine: it starts, runs and ends, in this order, each at most once. */
import { MachineStopped } from "@foreshore/abi";

/**
 * "starting": nothing can be asked of it yet. "running": it answers. "ended": every call rejects with why: MachineStopped
 * after `stop`, MachineFailed when it broke. A start that fails leads from "starting" to "ended".
 */
export type MachineState = "starting" | "running" | "ended";

export class Lifecycle {
  #state: MachineState = "starting";
  #error: Error | undefined;
  readonly #ended = Promise.withResolvers<Error | undefined>();

  get state(): MachineState {
    return this.#state;
  }

  /** Why it has ended: what is asked of it from then on rejects with this. */
  get error(): Error | undefined {
    return this.#error;
  }

  /** Settles when it ends: with why, undefined when it was stopped. */
  get ended(): Promise<Error | undefined> {
    return this.#ended.promise;
  }

  /**
   * For a start between its steps.
   * @throws why it has ended meanwhile
   */
  check(): void {
    if (this.#error !== undefined) throw this.#error;
  }

  /**
   * From "starting" to "running".
   * @throws why it has ended meanwhile
   */
  run(): void {
    this.check();
    if (this.#state !== "starting") throw new Error(`a machine that is ${this.#state} cannot start`);
    this.#state = "running";
  }

  /**
   * To "ended". The first end counts.
   * @returns the state before it; "ended" when this one came too late
   */
  end(error: Error): MachineState {
    const before = this.#state;
    if (before !== "ended") {
      this.#state = "ended";
      this.#error = error;
      this.#ended.resolve(error instanceof MachineStopped ? undefined : error);
    }
    return before;
  }
}
