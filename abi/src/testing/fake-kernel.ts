/** The kernel's side of one client's rings, on a plain SharedArrayBuffer, driven step by step by a test. */
import {
  ClientSlot,
  ClientState,
  decodeKernelWorkerRequest,
  encodeKernelWorkerOutbound,
  Fixed,
  type KernelWorkerOutbound,
  type KernelWorkerRequest,
  MachineHeader,
  Opcode,
  SlotKind,
} from "../../ts/index.ts";
import { Mem } from "../core/mem.ts";

const SLOT = 65536;
const SUBMISSION = SLOT + 4096;
const RING = Fixed.RingEntries * Fixed.RingEntryBytes;
const COMPLETION = SUBMISSION + RING;
const ARENA = COMPLETION + RING;
const MASK = Fixed.RingEntries - 1;

export interface FakeKernelOptions {
  readonly arenaBytes?: number;
  /** Value of all ring indices at first: they are free-running, so any is legal. */
  readonly start?: number;
}

export interface ReplyFields {
  readonly result?: number;
  readonly value?: number;
}

export class FakeKernel {
  readonly mem: Mem;
  readonly header: MachineHeader;
  readonly slot: ClientSlot;
  readonly slotAddress = SLOT;
  /** Notifies that found the client asleep. */
  wakes = 0;

  constructor(options: FakeKernelOptions = {}) {
    const arenaBytes = options.arenaBytes ?? 65536;
    this.mem = new Mem(new SharedArrayBuffer(ARENA + arenaBytes));
    this.header = new MachineHeader(this.mem, Fixed.HeaderAddress);
    const table = this.header.tables(SlotKind.Client);
    table.base = SLOT;
    table.stride = ClientSlot.SIZE;
    table.capacity = 1;
    this.slot = new ClientSlot(this.mem, SLOT);
    this.slot.state = ClientState.Attached;
    this.slot.submissionBase = SUBMISSION;
    this.slot.completionBase = COMPLETION;
    this.slot.arenaBase = ARENA;
    this.slot.arenaBytes = arenaBytes;
    const start = options.start ?? 0;
    this.slot.submissionTail = start;
    this.slot.submissionHead = start;
    this.slot.completionTail = start;
    this.slot.completionHead = start;
  }

  /** Requests that wait in the submission ring. */
  get waiting(): number {
    return (this.slot.submissionTail - this.slot.submissionHead) >>> 0;
  }

  /** Completions that the client has not taken. */
  get completions(): number {
    return (this.slot.completionTail - this.slot.completionHead) >>> 0;
  }

  /** Takes the next request; undefined when there is none. */
  take(): KernelWorkerRequest | undefined {
    if (this.waiting === 0) return undefined;
    const head = this.slot.submissionHead;
    const entry = decodeKernelWorkerRequest(this.mem, SUBMISSION + (head & MASK) * Fixed.RingEntryBytes);
    this.slot.submissionHead = (head + 1) >>> 0;
    if (entry === undefined) throw new Error("the client submitted an entry without a known opcode");
    return entry;
  }

  takeAll(): KernelWorkerRequest[] {
    const all: KernelWorkerRequest[] = [];
    for (let entry = this.take(); entry !== undefined; entry = this.take()) all.push(entry);
    return all;
  }

  /** Puts an entry into the completion ring without waking anybody. */
  push(entry: KernelWorkerOutbound): void {
    const tail = this.slot.completionTail;
    if ((tail - this.slot.completionHead) >>> 0 >= Fixed.RingEntries) throw new Error("the completion ring is full");
    encodeKernelWorkerOutbound(this.mem, COMPLETION + (tail & MASK) * Fixed.RingEntryBytes, entry);
    this.slot.completionTail = (tail + 1) >>> 0;
  }

  wake(): void {
    if (Atomics.exchange(this.mem.u32, this.slot.clientSleepingIndex(), 0) === 0) return;
    this.wakes++;
    Atomics.notify(this.mem.i32, this.slot.completionTailIndex());
  }

  reply(requestId: number, fields: ReplyFields = {}): void {
    this.push(replyEntry(requestId, fields));
    this.wake();
  }

  /** Answers every request as it comes, in a turn of its own, until `stop` is called. */
  serve(answer: (request: KernelWorkerRequest) => ReplyFields | undefined): { stop(): void } {
    let running = true;
    const turn = (): void => {
      if (!running) return;
      for (const request of this.takeAll()) {
        const fields = answer(request);
        if (fields !== undefined) this.push(replyEntry(request.requestId, fields));
      }
      this.wake();
      setTimeout(turn, 0);
    };
    turn();
    return {
      stop: () => {
        running = false;
      },
    };
  }

  arena(offset: number, length: number): Uint8Array {
    return this.mem.u8.subarray(ARENA + offset, ARENA + offset + length);
  }

  /** Address of the completion entry at ring position `index`. */
  completionAddress(index: number): number {
    return COMPLETION + (index & MASK) * Fixed.RingEntryBytes;
  }
}

export function replyEntry(requestId: number, fields: ReplyFields = {}): KernelWorkerOutbound {
  return {
    opcode: Opcode.Reply,
    flags: 0,
    requestId,
    result: BigInt(fields.result ?? 0),
    value: BigInt(fields.value ?? 0),
    value2: 0n,
    handle: { index: 0, generation: 0 },
  };
}
