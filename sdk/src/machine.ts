/** A machine with files in it: a Runtime and the layers that it was made of. */

import { Opcode } from "@foreshore/abi";
import { type Process, type ProcessOutput, Runtime, type RuntimeOptions, type SpawnOptions } from "@foreshore/runtime";
import { type ApplyLayerOptions, applyLayer } from "./layers/apply.ts";
import type { LayerSource } from "./layers/entry.ts";

export interface MachineOptions extends RuntimeOptions {
  /** Applied in order: later ones lie over earlier ones. */
  readonly layers?: readonly LayerSource[] | undefined;
  /** Gets what the layers have to say of themselves, one sentence each. Default: nowhere. */
  readonly note?: ((text: string) => void) | undefined;
}

export class Machine {
  /** All of the machine that the SDK does not wrap: files, processes, diagnostics. */
  readonly runtime: Runtime;
  readonly #note: (text: string) => void;

  private constructor(runtime: Runtime, note: (text: string) => void) {
    this.runtime = runtime;
    this.#note = note;
  }

  /**
   * Starts a machine and applies its layers.
   * @throws LayerError when a layer cannot be used, and what `Runtime.create` throws; nothing keeps running then
   */
  static async create(options: MachineOptions = {}): Promise<Machine> {
    const { layers = [], note = () => {}, ...runtimeOptions } = options;
    let runtime: Runtime;
    try {
      runtime = await Runtime.create(runtimeOptions);
    } catch (error) {
      await Promise.allSettled(layers.map((layer) => layer.close?.()));
      throw error;
    }
    const machine = new Machine(runtime, note);
    let applied = 0;
    try {
      for (const layer of layers) {
        await machine.addLayer(layer);
        applied++;
      }
    } catch (error) {
      await Promise.allSettled(layers.slice(applied + 1).map((layer) => layer.close?.()));
      await runtime.stop();
      throw error;
    }
    return machine;
  }

  /** Puts a layer over what is there. It is closed with the machine. */
  async addLayer(layer: LayerSource, options: ApplyLayerOptions = {}): Promise<void> {
    await applyLayer(this.runtime, layer, options);
    for (const note of layer.notes?.() ?? []) this.#note(note);
  }

  /** As `runtime.spawn`. */
  spawn(program: string | Uint8Array, args: readonly string[] = [], options: SpawnOptions = {}): Promise<Process> {
    return this.runtime.spawn(program, args, options);
  }

  /** Runs a program to its end; nothing on its standard input unless given. */
  async run(
    program: string | Uint8Array,
    args: readonly string[] = [],
    options: SpawnOptions = {},
  ): Promise<ProcessOutput> {
    const process = await this.spawn(program, args, { stdin: "null", ...options });
    return await process.output();
  }

  /**
   * kill(2) with its rules for `pid`: a negative one names a process group, -1 every process.
   * @throws SystemError ESRCH when there is none, EINVAL for what is no signal
   */
  async kill(pid: number, signal: number): Promise<void> {
    await this.runtime.rpc.call({
      syscall: "kill",
      bytes: 0,
      encode: () => ({
        opcode: Opcode.KillProcess,
        flags: 0,
        requestId: 0,
        pid,
        signal,
        process: { index: 0, generation: 0 },
      }),
      decode: () => undefined,
    });
  }

  /** Ends everything in the machine, frees its memory, closes its layers. */
  async stop(): Promise<void> {
    await this.runtime.stop();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}
