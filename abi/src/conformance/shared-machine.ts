/** Subjects that hold the machine's memory themselves: rings used as a client would, but without a client's manners. */
import { ClientSlot, Fixed, type MachineHeader, SlotKind } from "../../ts/index.ts";
import { clientAddress } from "../attach.ts";
import type { Mem } from "../core/mem.ts";
import type { Feature, OpenOptions, SubjectMachine } from "./subject.ts";

const ENTRY = Fixed.RingEntryBytes;
const MASK = Fixed.RingEntries - 1;

export interface SharedMachineOptions {
  readonly mem: Mem;
  readonly header: MachineHeader;
  /** Slot of the kit's client, which nobody else uses. */
  readonly client: number;
  readonly open: OpenOptions;
  /** Wakes the kernel, after the doorbell's word was moved. */
  wake(): void;
  /** Lets the machine go on for a while; awaited between two looks at a ring that has nothing. */
  turn(): Promise<void>;
  close(): Promise<void>;
}

/** A machine on shared memory, driven through its rings. */
export function sharedMachine(options: SharedMachineOptions): SubjectMachine {
  const { mem, header, client } = options;
  const slots = new Map<number, ClientSlot>();
  const slotOf = (index: number): ClientSlot => {
    if (index >= header.tables(SlotKind.Client).capacity) throw new RangeError(`there is no client slot ${index}`);
    const slot = slots.get(index) ?? new ClientSlot(mem, clientAddress(header, index));
    slots.set(index, slot);
    return slot;
  };
  const start = options.open.ringStart;
  if (start !== undefined) {
    const slot = slotOf(client);
    // Nothing was ever submitted: any value is as good as another.
    slot.submissionTail = slot.submissionHead = slot.completionTail = slot.completionHead = start;
  }
  const wake = (): void => {
    Atomics.add(mem.u32, header.kernelDoorbellIndex(), 1);
    options.wake();
  };
  const arena = (index: number, offset: number, length: number): number => {
    const { arenaBase, arenaBytes } = slotOf(index);
    if (offset + length > arenaBytes) throw new RangeError(`${length} bytes at ${offset} lie outside the arena`);
    return arenaBase + offset;
  };
  const features: Feature[] = ["memory", "clients", "ring-start", "raw"];
  if (client === 0) features.push("events");
  const arenaBytes = Array.from({ length: header.clientCount }, (_, index) => slotOf(index).arenaBytes);
  return {
    features: new Set(features),
    client,
    arenaBytes: Math.min(...arenaBytes),
    async submit(index, entries) {
      const slot = slotOf(index);
      const tail = slot.submissionTail;
      const room = Fixed.RingEntries - ((tail - slot.submissionHead) >>> 0);
      const count = Math.min(Math.max(room, 0), entries.length / ENTRY);
      for (let i = 0; i < count; i++) {
        const at = slot.submissionBase + ((tail + i) & MASK) * ENTRY;
        mem.u8.set(entries.subarray(i * ENTRY, (i + 1) * ENTRY), at);
      }
      slot.submissionTail = (tail + count) >>> 0;
      wake();
      return count;
    },
    async completions(index, most, timeoutMs) {
      const slot = slotOf(index);
      const until = performance.now() + timeoutMs;
      // One turn in any case: what the kernel has to say by itself is said then.
      do await options.turn();
      while (slot.completionTail === slot.completionHead && performance.now() < until);
      const head = slot.completionHead;
      const count = Math.min((slot.completionTail - head) >>> 0, most, Fixed.RingEntries);
      const bytes = new Uint8Array(count * ENTRY);
      for (let i = 0; i < count; i++) {
        const at = slot.completionBase + ((head + i) & MASK) * ENTRY;
        bytes.set(mem.u8.subarray(at, at + ENTRY), i * ENTRY);
      }
      if (count > 0) {
        slot.completionHead = (head + count) >>> 0;
        // The kernel may wait for room.
        wake();
      }
      return bytes;
    },
    async writeArena(index, offset, bytes) {
      mem.u8.set(bytes, arena(index, offset, bytes.length));
    },
    async readArena(index, offset, length) {
      const from = arena(index, offset, length);
      return mem.u8.slice(from, from + length);
    },
    async wake() {
      wake();
      await options.turn();
    },
    async read(address, length) {
      mem.check(address, length, 1);
      return mem.u8.slice(address, address + length);
    },
    async write(address, bytes) {
      mem.check(address, bytes.length, 1);
      if (bytes.length === 4 && address % 4 === 0) {
        const word = new DataView(bytes.buffer, bytes.byteOffset, 4).getUint32(0, true);
        Atomics.store(mem.u32, address >>> 2, word);
      } else mem.u8.set(bytes, address);
    },
    close: () => options.close(),
  };
}
