/** A process owner: whose processes these are, with a run queue and a share of hart time of its own. */
import { Opcode, type SlotHandleData } from "@foreshore/abi";
import { type ProcessInfo, processTable } from "./diagnostics.ts";
import type { FileSystem } from "./fs.ts";
import { type Process, ProgramBytes, type SpawnOptions, spawnProcess } from "./process.ts";
import type { RpcClient } from "./rpc-client.ts";

export interface OwnerOptions {
  /** Share of hart time relative to other owners; 0 or none is the default share. */
  readonly budget?: number | undefined;
}

export class ProcessOwner {
  readonly #client: RpcClient;
  readonly #fs: FileSystem;
  readonly #handle: SlotHandleData;

  private constructor(client: RpcClient, fs: FileSystem, handle: SlotHandleData) {
    this.#client = client;
    this.#fs = fs;
    this.#handle = handle;
  }

  static async create(client: RpcClient, fs: FileSystem, options: OwnerOptions): Promise<ProcessOwner> {
    const handle = await client.call({
      syscall: "create-owner",
      bytes: 0,
      encode: () => ({ opcode: Opcode.CreateOwner, flags: 0, requestId: 0, budget: options.budget ?? 0 }),
      decode: (_result, reply) => reply.handle.toData(),
    });
    return new ProcessOwner(client, fs, handle);
  }

  /** As `runtime.spawn`; the process and its children belong to this owner. */
  spawn(program: string | Uint8Array, args: readonly string[] = [], options: SpawnOptions = {}): Promise<Process> {
    const what = typeof program === "string" ? program : new ProgramBytes(program);
    return spawnProcess(this.#client, this.#fs, this.#handle.index, what, args, options);
  }

  /** The owner's processes. */
  async processes(): Promise<ProcessInfo[]> {
    return await processTable(this.#client, this.#handle.index);
  }

  /** Kills the owner's processes and gives its slot back. */
  close(): Promise<void> {
    return this.#client.call({
      syscall: "close-owner",
      bytes: 0,
      encode: () => ({ opcode: Opcode.CloseOwner, flags: 0, requestId: 0, owner: this.#handle }),
      decode: () => undefined,
    });
  }
}
