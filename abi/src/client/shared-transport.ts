/**
 * The rings in the machine's shared memory.
 *
 * Memory order: every index is read and written with sequentially consistent
 * atomics. An entry is written before the tail that publishes it; it is read
 * before the head that gives its place back. Each word has one writer.
 */
import {
  BootState,
  ClientSleep,
  ClientSlot,
  encodeKernelWorkerRequest,
  Fixed,
  type KernelWorkerRequest,
  MachineHeader,
} from "../../ts/index.ts";
import type { Mem } from "../core/mem.ts";
import { MachineFailed, MachineStopped, RpcProtocolError, SessionClosed } from "./errors.ts";
import type { Transport } from "./transport.ts";

const MASK = Fixed.RingEntries - 1;
/**
 * The kernel waits for room when there are so many completions. What it found is at most one taken entry ago: it has looked at
 * the head before that was moved.
 */
const NO_ROOM = Fixed.RingEntries - Fixed.RingEventRoom - 1;

/** Why a machine answers no more, by its memory; undefined while it runs. */
export function endOf(header: MachineHeader): Error | undefined {
  switch (header.bootState) {
    case BootState.Stopping:
      return new MachineStopped();
    case BootState.Failed:
      return new MachineFailed("the machine has failed; its Runtime knows why");
    default:
      return undefined;
  }
}

export interface SharedTransportOptions {
  /** True where Atomics.waitAsync is missing: the owner calls `kicked()` when the kernel asks for it. */
  readonly useKick?: boolean | undefined;
  /** Has this very thread serve the rings and then call `kicked()`, until `handOver`. */
  readonly inPlace?: (() => void) | undefined;
  /** Generation of the client slot, for a client that only has the memory: it then sees by itself when the machine has ended, or the slot is another's. */
  readonly generation?: number | undefined;
  /** Called once by `close`. */
  readonly onClose?: (() => void) | undefined;
}

export class SharedTransport implements Transport {
  readonly kind = "shared";
  readonly mem: Mem;
  readonly arenaBase: number;
  readonly arenaBytes: number;
  readonly #slot: ClientSlot;
  readonly #submissionBase: number;
  readonly #completionBase: number;
  readonly #doorbell: number;
  readonly #kernelSleeping: number;
  readonly #completionTail: number;
  readonly #useKick: boolean;
  readonly #header: MachineHeader;
  readonly #generation: number | undefined;
  #tail: number;
  #head: number;
  #sawFull = false;
  #ready: (() => void) | undefined;
  /** Has this very thread serve the rings, while there is no kernel worker yet. */
  #inPlace: (() => void) | undefined;
  readonly #onClose: () => void;
  #closed = false;

  /** @param slot address of the client's slot */
  constructor(mem: Mem, slot: number, options: SharedTransportOptions = {}) {
    this.mem = mem;
    this.#slot = new ClientSlot(mem, slot);
    this.arenaBase = this.#slot.arenaBase;
    this.arenaBytes = this.#slot.arenaBytes;
    this.#submissionBase = this.#slot.submissionBase;
    this.#completionBase = this.#slot.completionBase;
    const ring = Fixed.RingEntries * Fixed.RingEntryBytes;
    mem.check(this.#submissionBase, ring, 8);
    mem.check(this.#completionBase, ring, 8);
    mem.check(this.arenaBase, this.arenaBytes, 8);
    const header = new MachineHeader(mem, Fixed.HeaderAddress);
    this.#header = header;
    this.#generation = options.generation;
    this.#doorbell = header.kernelDoorbellIndex();
    this.#kernelSleeping = header.kernelSleepingIndex();
    this.#completionTail = this.#slot.completionTailIndex();
    this.#tail = this.#slot.submissionTail;
    this.#head = this.#slot.completionHead;
    this.#useKick = options.useKick ?? typeof Atomics.waitAsync !== "function";
    this.#inPlace = options.inPlace;
    this.#onClose = options.onClose ?? (() => undefined);
  }

  /** A kernel worker serves the rings from now on. */
  handOver(): void {
    this.#inPlace = undefined;
    if (this.#ready !== undefined) this.wait(this.#ready);
    this.flush();
  }

  /** Why nothing comes any more, for who sees only the memory. */
  #ended(): Error | undefined {
    if (this.#generation === undefined) return undefined;
    if (this.#slot.header.generation !== this.#generation) {
      return new SessionClosed("the machine's Runtime has taken the rings back");
    }
    return endOf(this.#header);
  }

  submit(entry: KernelWorkerRequest): boolean {
    // A waiter is about to be woken.
    if (this.#ended() !== undefined) return false;
    // Seq-cst load of the kernel's head: the entries below it have been read.
    if ((this.#tail - this.#slot.submissionHead) >>> 0 >= Fixed.RingEntries) return false;
    encodeKernelWorkerRequest(this.mem, this.#submissionBase + (this.#tail & MASK) * Fixed.RingEntryBytes, entry);
    this.#tail = (this.#tail + 1) >>> 0;
    // Seq-cst store: publishes the entry that was just written.
    this.#slot.submissionTail = this.#tail;
    return true;
  }

  flush(): void {
    if (this.#inPlace !== undefined) {
      this.#inPlace();
      return;
    }
    // The doorbell moves first: a kernel worker that is about to sleep compares it, so the notify may be spared.
    Atomics.add(this.mem.u32, this.#doorbell, 1);
    if (Atomics.load(this.mem.u32, this.#kernelSleeping) !== 0) Atomics.notify(this.mem.i32, this.#doorbell, 1);
  }

  next(): number {
    const ended = this.#ended();
    if (ended !== undefined) throw ended;
    // Seq-cst load: the entries below the tail are complete.
    const count = (this.#slot.completionTail - this.#head) >>> 0;
    if (count === 0) {
      // The kernel may wait for room; it looks again when the doorbell rings.
      if (this.#sawFull) {
        this.#sawFull = false;
        this.flush();
      }
      return -1;
    }
    if (count > Fixed.RingEntries) {
      throw new RpcProtocolError(`the completion ring claims ${count} entries; it has room for ${Fixed.RingEntries}`);
    }
    if (count >= NO_ROOM) this.#sawFull = true;
    return this.#completionBase + (this.#head & MASK) * Fixed.RingEntryBytes;
  }

  consume(): void {
    this.#head = (this.#head + 1) >>> 0;
    // Seq-cst store: the entry has been read, its place is free.
    this.#slot.completionHead = this.#head;
  }

  wait(ready: () => void): void {
    if (this.#closed) return;
    this.#ready = ready;
    if (this.#inPlace !== undefined) {
      if (this.#slot.completionTail !== this.#head) queueMicrotask(this.#wake);
      return;
    }
    if (this.#useKick) {
      this.#slot.clientSleeping = ClientSleep.WantsKick;
      // Published before the look: a completion after it is followed by a kick.
      if (this.#slot.completionTail !== this.#head) queueMicrotask(this.#wake);
      return;
    }
    // waitAsync compares the tail with what we have seen.
    const wait = Atomics.waitAsync(this.mem.i32, this.#completionTail, this.#head | 0);
    if (!wait.async) {
      queueMicrotask(this.#wake);
      return;
    }
    void wait.value.then(this.#wake);
    // Published when registered: the kernel clears the word and then wakes who is registered. The look after it
    // finds what was completed by a kernel that did not yet see us sleep.
    this.#slot.clientSleeping = ClientSleep.OnWord;
    if (this.#slot.completionTail !== this.#head || this.#ended() !== undefined)
      Atomics.notify(this.mem.i32, this.#completionTail);
  }

  /** The kernel called host.kick for this client, or was served in place. */
  kicked(): void {
    this.#wake();
  }

  readonly #wake = (): void => {
    const ready = this.#ready;
    if (ready === undefined || this.#closed) return;
    this.#ready = undefined;
    this.#slot.clientSleeping = ClientSleep.Awake;
    ready();
  };

  blobTarget(address: number, length: number): Uint8Array {
    this.mem.check(address, length, 1);
    return this.mem.u8.subarray(address, address + length);
  }

  blobCommit(): void {}

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#ready = undefined;
    this.#onClose();
    // Ends a pending waitAsync, whose promise would otherwise keep the memory.
    Atomics.notify(this.mem.i32, this.#completionTail);
  }
}
