/** A machine with files in it: a Runtime and the layers that it was made of. */

import { abortReason } from "@foreshore/abi";
import { type ProcessOutput, Runtime, type RuntimeOptions, type SpawnOptions } from "@foreshore/runtime";
import { type ApplyLayerOptions, applyLayer } from "./layers/apply.ts";
import type { LayerSource } from "./layers/entry.ts";

export interface MachineOptions extends RuntimeOptions {
  /** Applied in order: later ones lie over earlier ones. */
  readonly layers?: readonly LayerSource[] | undefined;
  /** Gets what the layers have to say of themselves, one sentence each. Default: nowhere. */
  readonly note?: ((text: string) => void) | undefined;
}

/**
 * What users meet: files, processes and streams are the Runtime's, the layers are its own. Frontends that bring their own files use
 * `Runtime` by itself.
 */
export class Machine extends Runtime {
  #note: (text: string) => void = () => {};

  /**
   * Starts a machine and applies its layers.
   * @throws LayerError when a layer cannot be used, and what `Runtime.create` throws; nothing keeps running then
   */
  static override async create(options: MachineOptions = {}): Promise<Machine> {
    const { layers = [], note, ...runtimeOptions } = options;
    const left = [...layers];
    try {
      const machine = new Machine(await Runtime.startHost(runtimeOptions));
      if (note !== undefined) machine.#note = note;
      await machine.#addFirst(left, options.signal);
      return machine;
    } catch (error) {
      await Promise.allSettled(left.map(async (layer) => layer.close?.()));
      throw error;
    }
  }

  /** Takes the layers one by one out of `left`; stops the machine when one cannot be used, or the start is aborted. */
  async #addFirst(left: LayerSource[], signal: AbortSignal | undefined): Promise<void> {
    const aborted = Promise.withResolvers<never>();
    const abort = (): void => aborted.reject(abortReason(signal!));
    signal?.addEventListener("abort", abort);
    const all = async (): Promise<void> => {
      for (let layer = left.shift(); layer !== undefined; layer = left.shift()) {
        await this.addLayer(layer);
        signal?.throwIfAborted();
      }
    };
    try {
      await Promise.race([all(), aborted.promise]);
    } catch (error) {
      await this.stop();
      throw error;
    } finally {
      signal?.removeEventListener("abort", abort);
    }
  }

  /** Puts a layer over what is there. It is closed with the machine. */
  async addLayer(layer: LayerSource, options: ApplyLayerOptions = {}): Promise<void> {
    await applyLayer(this, layer, options);
    for (const note of layer.notes?.() ?? []) this.#note(note);
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
}
