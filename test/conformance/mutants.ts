/** Subjects with one fault each, made of a sound one: the kit must tell every one of them apart from it. */
import {
  AbiVersion,
  ClientSlot,
  decodeKernelWorkerOutbound,
  decodeKernelWorkerRequest,
  encodeKernelWorkerOutbound,
  encodeKernelWorkerRequest,
  Fixed,
  type KernelWorkerOutbound,
  type KernelWorkerRequest,
  LayoutHashHi,
  LayoutHashLo,
  Mem,
  Opcode,
  type SlotHandleData,
} from "@foreshore/abi";
import type { Subject, SubjectMachine } from "@foreshore/abi/conformance";

const ENTRY = Fixed.RingEntryBytes;

/** Changes entries on their way: what `each` returns goes on, in order. */
function through<E>(
  bytes: Uint8Array,
  decode: (mem: Mem, at: number) => E | undefined,
  encode: (mem: Mem, at: number, entry: E) => void,
  each: (entry: E) => readonly E[],
): Uint8Array {
  const mem = new Mem(new ArrayBuffer(ENTRY));
  const out: number[] = [];
  for (let at = 0; at < bytes.length; at += ENTRY) {
    mem.u8.set(bytes.subarray(at, at + ENTRY));
    const entry = decode(mem, 0);
    if (entry === undefined) out.push(...bytes.subarray(at, at + ENTRY));
    else
      for (const next of each(entry)) {
        encode(mem, 0, next);
        out.push(...mem.u8);
      }
  }
  return Uint8Array.from(out);
}

const requests = (bytes: Uint8Array, each: (entry: KernelWorkerRequest) => KernelWorkerRequest): Uint8Array =>
  through(bytes, decodeKernelWorkerRequest, encodeKernelWorkerRequest, (entry) => [each(entry)]);

const outbound = (
  bytes: Uint8Array,
  each: (entry: KernelWorkerOutbound) => readonly KernelWorkerOutbound[],
): Uint8Array => through(bytes, decodeKernelWorkerOutbound, encodeKernelWorkerOutbound, each);

type Change = (machine: SubjectMachine) => Partial<SubjectMachine>;

function mutant(sound: Subject, name: string, change: Change): Subject {
  return {
    ...sound,
    name,
    open: async (options) => {
      const machine = await sound.open(options);
      return { ...machine, ...change(machine) };
    },
  };
}

/** Changes every so many entries, so that some requests go well. */
const every = (count: number): (() => boolean) => {
  let n = 0;
  return () => ++n % count === 0;
};

/** What is wrong with each, the family that must see it, and what it says then. */
export const FAULTS: Readonly<
  Record<string, { readonly family: string; readonly says: RegExp; readonly change: Change }>
> = {
  "answers twice": {
    family: "rings",
    says: /which is not in flight/,
    change: (machine) => {
      const now = every(50);
      return {
        completions: async (client, most, timeoutMs) =>
          outbound(await machine.completions(client, most, timeoutMs), (entry) => (now() ? [entry, entry] : [entry])),
      };
    },
  },
  "never has room": {
    family: "rings",
    says: /no entry of \d+ found room/,
    change: () => ({ submit: async () => 0 }),
  },
  "answers with a wrong request id": {
    family: "rings",
    says: /which is not in flight/,
    change: (machine) => {
      const now = every(100);
      return {
        completions: async (client, most, timeoutMs) =>
          outbound(await machine.completions(client, most, timeoutMs), (entry) => [
            now() ? { ...entry, requestId: entry.requestId + 7 } : entry,
          ]),
      };
    },
  },
  "drops an answer": {
    family: "rings",
    says: /was not answered within/,
    change: (machine) => {
      const now = every(200);
      return {
        completions: async (client, most, timeoutMs) =>
          outbound(await machine.completions(client, most, timeoutMs), (entry) => (now() ? [] : [entry])),
      };
    },
  },
  "ignores generations": {
    family: "handles",
    says: /CloseOwner answers 0, not ESRCH/,
    change: (machine) => {
      // By index alone: what it gave out last is what is meant.
      const last = new Map<number, SlotHandleData>();
      return {
        submit: (client, entries) =>
          machine.submit(
            client,
            requests(entries, (entry) =>
              entry.opcode === Opcode.CloseOwner
                ? { ...entry, owner: last.get(entry.owner.index) ?? entry.owner }
                : entry,
            ),
          ),
        completions: async (client, most, timeoutMs) =>
          outbound(await machine.completions(client, most, timeoutMs), (entry) => {
            if (entry.opcode === Opcode.Reply && entry.handle.index !== 0) last.set(entry.handle.index, entry.handle);
            return [entry];
          }),
      };
    },
  },
  "believes a wrong tail": {
    family: "rings",
    says: /submission_head, while an index is off/,
    change: (machine) => ({
      // What lies in the ring is taken for entries: it moves its head up to the tail.
      write: async (address, bytes) => {
        const tailOffset = ClientSlot.OFFSET.submissionTail;
        await machine.write(address, bytes);
        const slot = new ClientSlot(
          new Mem(new Uint8Array(await machine.read(address - tailOffset, ClientSlot.SIZE)).buffer),
          0,
        );
        if ((slot.submissionTail - slot.submissionHead) >>> 0 > Fixed.RingEntries)
          await machine.write(address - tailOffset + ClientSlot.OFFSET.submissionHead, bytes);
      },
    }),
  },
  "accepts every version": {
    family: "version",
    says: /not EPROTO/,
    change: (machine) => ({
      submit: (client, entries) =>
        machine.submit(
          client,
          requests(entries, (entry) =>
            entry.opcode === Opcode.KernelInit
              ? {
                  ...entry,
                  abiMajor: AbiVersion.Major,
                  abiMinor: AbiVersion.Minor,
                  layoutHashLo: LayoutHashLo,
                  layoutHashHi: LayoutHashHi,
                }
              : entry,
          ),
        ),
    }),
  },
  "refuses without naming its version": {
    family: "version",
    says: /the version in the reply's value is 0/,
    change: (machine) => ({
      completions: async (client, most, timeoutMs) =>
        outbound(await machine.completions(client, most, timeoutMs), (entry) => [
          entry.opcode === Opcode.Reply && entry.result < 0n ? { ...entry, value: 0n } : entry,
        ]),
    }),
  },
  "never cancels": {
    family: "opcodes",
    says: /StreamPoll: cancelled: .*was not answered/,
    change: (machine) => ({
      submit: (client, entries) =>
        machine.submit(
          client,
          requests(entries, (entry) =>
            entry.opcode === Opcode.Cancel ? { opcode: Opcode.Noop, flags: 0, requestId: entry.requestId } : entry,
          ),
        ),
    }),
  },
  "writes a byte behind its span": {
    family: "opcodes",
    says: /ReadFile: good: a byte was written 1 behind a span of 4 bytes/,
    change: (machine) => ({
      submit: async (client, entries) => {
        const ends: number[] = [];
        requests(entries, (entry) => {
          if (entry.opcode === Opcode.ReadFile) ends.push(entry.reply.offset + entry.reply.length);
          return entry;
        });
        const count = await machine.submit(client, entries);
        for (const end of ends.filter((at) => at < machine.arenaBytes))
          await machine.writeArena(client, end, Uint8Array.of(0));
        return count;
      },
    }),
  },
  "answers an errno that it does not declare": {
    family: "opcodes",
    says: /answers EPROTO, which it does not declare/,
    change: (machine) => ({
      completions: async (client, most, timeoutMs) =>
        outbound(await machine.completions(client, most, timeoutMs), (entry) => [
          entry.opcode === Opcode.Reply && entry.result === -2n ? { ...entry, result: -71n } : entry,
        ]),
    }),
  },
  "forgets what it was told to wait for": {
    family: "opcodes",
    says: /StreamPoll does not wait/,
    change: (machine) => ({
      submit: (client, entries) =>
        machine.submit(
          client,
          requests(entries, (entry) =>
            entry.opcode === Opcode.StreamPoll ? { opcode: Opcode.Noop, flags: 0, requestId: entry.requestId } : entry,
          ),
        ),
    }),
  },
  "answers what nobody asked when it is woken": {
    family: "rings",
    says: /which is not in flight/,
    change: (machine) => ({
      wake: async () => {
        await machine.wake();
        const noop = new Uint8Array(ENTRY);
        const words = new DataView(noop.buffer);
        words.setUint16(0, Opcode.Noop, true);
        words.setUint32(4, 0x12345678, true);
        await machine.submit(machine.client, noop);
      },
    }),
  },
};

export function mutants(
  sound: Subject,
): { readonly name: string; readonly subject: Subject; readonly family: string; readonly says: RegExp }[] {
  return Object.entries(FAULTS).map(([name, { family, says, change }]) => ({
    name,
    subject: mutant(sound, name, change),
    family,
    says,
  }));
}

/** A codec with one struct wrong, and one that believes every table. */
export function wrongCodecs(sound: Subject): Subject[] {
  const { codec } = sound;
  if (codec === undefined) return [];
  return [
    {
      ...sound,
      name: "reads a field of another offset",
      codec: {
        ...codec,
        decode: async (struct, bytes) => {
          const values = await codec.decode(struct, bytes);
          return struct === "SlotHandle" ? { ...values, index: values["generation"] ?? 0 } : values;
        },
      },
    },
    { ...sound, name: "verifies nothing", codec: { ...codec, verify: async () => true } },
  ];
}
