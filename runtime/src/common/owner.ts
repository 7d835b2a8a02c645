/** A process owner: a set of processes with a run queue and a share of hart time of its own. */
import {
  type MachineHeader,
  OwnerSlot,
  type ProcessInfo,
  processes,
  type RpcClient,
  readStatus,
  type SlotHandleData,
  SlotKind,
  type StatusRecords,
} from "@foreshore/abi";
import { type Process, type SpawnOptions, spawnProcess } from "./process.ts";

export interface OwnerOptions {
  /**
   * Share of hart time (in instructions) relative to other owners that have something to run: an owner of 3 gets three
   * times what one of 1 gets, however many threads each has. Default: 1, as for processes without an owner.
   */
  readonly budget?: number | undefined;
}

interface SeenMachine {
  /** Undefined where this thread cannot see the machine's memory, and when the machine has stopped. */
  readonly header: MachineHeader | undefined;
}

export class ProcessOwner {
  readonly #client: RpcClient;
  readonly #handle: SlotHandleData;
  readonly #machine: SeenMachine;

  private constructor(client: RpcClient, handle: SlotHandleData, machine: SeenMachine) {
    this.#machine = machine;
    this.#client = client;
    this.#handle = handle;
  }

  static async create(client: RpcClient, options: OwnerOptions, machine: SeenMachine): Promise<ProcessOwner> {
    const { owner: handle } = await client.request.createOwner({ budget: options.budget });
    return new ProcessOwner(client, handle, machine);
  }

  /** As `runtime.spawn`; the process and its children belong to this owner. */
  spawn(program: string | Uint8Array, args: readonly string[] = [], options: SpawnOptions = {}): Promise<Process> {
    return spawnProcess(this.#client, this.#handle.index, program, args, options);
  }

  /** The owner's processes. */
  async processes(): Promise<ProcessInfo[]> {
    return await processes(this.#client, this.#handle.index);
  }

  /**
   * What the stops of its threads left, from record number `from` on, read in place. Undefined when this thread cannot see
   * the machine's memory, the machine was stopped, or the owner is closed.
   */
  threadStatus(from = 0): StatusRecords | undefined {
    const { header } = this.#machine;
    if (header === undefined) return undefined;
    const table = header.tables(SlotKind.Owner);
    const slot = new OwnerSlot(header.$mem, table.base + this.#handle.index * table.stride);
    return slot.header.generation === this.#handle.generation ? readStatus(slot, from) : undefined;
  }

  /** Kills the owner's processes and gives its slot back. */
  close(): Promise<void> {
    return this.#client.request.closeOwner({ owner: this.#handle });
  }
}
