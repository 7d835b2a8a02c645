/**
 * Attachments that are forged, stale, of another version or to machines that ended, and client slots that say anything: `connect`
 * refuses by a typed error, or is told when its rings are taken back; a refusal leaves the memory alone, but for the three
 * words by which a client of another version gives its slot back.
 */
import { expect, test } from "vitest";
import kept from "../../testdata/fuzz/attachment.json" with { type: "json" };
import { ClientSlot, Fixed, MachineHeader, SlotKind } from "../../ts/index.ts";
import { AttachError } from "../attach.ts";
import { Mem } from "../core/mem.ts";
import { differs, type Edit, type FuzzTarget, fuzz, fuzzTestMs, mutateEdits, type Random } from "../testing/fuzz.ts";
import { sampleMachine } from "../testing/sample-machine.ts";
import { versionOf } from "../version.ts";
import { attachmentWords, connect } from "./attachment.ts";
import { AbiMismatch, MachineFailed, MachineStopped, SessionClosed, SystemError } from "./errors.ts";

interface Input {
  /** Client slot and its generation, as the attachment says. */
  readonly client: readonly [index: number, generation: number];
  /** What is added to the words of the attachment's version: major, minor, hash. */
  readonly abi: readonly number[];
  /** What is added to the addresses of the slot's words. */
  readonly words: readonly number[];
  /** Words of the client's slot that are other than a kernel left them: [index in the slot, value]. */
  readonly slot: readonly Edit[];
  /** As `slot`, of the header. */
  readonly header: readonly Edit[];
}

const sample = sampleMachine();
const plain = new MachineHeader(new Mem(sample.bytes.buffer as ArrayBuffer), Fixed.HeaderAddress);
const GOOD: Input = { client: [1, 1], abi: [], words: [], slot: [], header: [] };
/** What the machine's tables are is the other target's; here the slot is found. */
const HEADER_WORDS = [plain.bootStateIndex(), plain.lockIndex()].map((word) => word - Fixed.HeaderAddress / 4);

const SEEDS: Input[] = [
  GOOD,
  ...[0, 2, 3, -1, 2 ** 32, Number.MAX_SAFE_INTEGER, 0.5].map((index) => ({ ...GOOD, client: [index, 1] as const })),
  ...[0, 2, 3, -1].map((generation) => ({ ...GOOD, client: [1, generation] as const })),
  ...[[1], [0, 1], [0, 0, 1], [0, 0, 0, -1]].map((abi) => ({ ...GOOD, abi })),
  ...[1, 4, -(2 ** 40), 2 ** 40, 0.5].flatMap((by) =>
    [0, 1, 2, 3].map((word) => ({ ...GOOD, abi: [1], words: [0, 1, 2, 3].map((at) => (at === word ? by : 0)) })),
  ),
  ...[0, 1, 3, 4, 77].map((state) => ({ ...GOOD, header: [[HEADER_WORDS[0]!, state]] as const })),
  ...Array.from({ length: 16 }, (_, word) => ({ ...GOOD, slot: [[word, 0xffff_fff8]] as const })),
];

function mutate(random: Random, input: Input): Input {
  const value = () => random.value();
  switch (random.below(7)) {
    case 6:
      return { ...input, abi: [1], words: [0, 1, 2, 3].map(() => (random.once(2) ? 0 : random.value())) };
    case 0:
      return { ...input, client: [random.once(2) ? 1 : random.value(), random.once(2) ? 1 : random.value()] };
    case 1:
      return { ...input, abi: random.once(2) ? [] : [0, 1, 2, 3].map(() => (random.once(2) ? 0 : random.value())) };
    case 2:
      return { ...input, header: mutateEdits(random, input.header, () => random.pick(HEADER_WORDS), value, 4) };
    default:
      return {
        ...input,
        slot: mutateEdits(random, input.slot, () => random.below(ClientSlot.SIZE / 4), value, 6),
      };
  }
}

/** A connection that is neither made nor refused by then hangs. */
const LATE_MS = 3000;

async function run(input: Input): Promise<string> {
  const buffer = new SharedArrayBuffer(sample.bytes.length);
  const bytes = new Uint8Array(buffer);
  bytes.set(sample.bytes);
  const mem = new Mem(buffer);
  const header = new MachineHeader(mem, Fixed.HeaderAddress);
  const table = header.tables(SlotKind.Client);
  const slot = new ClientSlot(mem, table.base + table.stride);
  for (const [word, value] of input.slot) mem.u32[slot.$base / 4 + word] = value;
  for (const [word, value] of input.header) mem.u32[Fixed.HeaderAddress / 4 + word] = value;
  const before = bytes.slice();
  const abi = versionOf(plain);
  const [major = 0, minor = 0, hi = 0, lo = 0] = input.abi;
  let outcome: string | undefined;
  const [index, generation] = input.client;
  const right = attachmentWords(header, 1);
  const [atGeneration = 0, atState = 0, atDoorbell = 0, atConnected = 0] = input.words;
  const words = {
    generation: right.generation + atGeneration,
    state: right.state + atState,
    connected: right.connected + atConnected,
    doorbell: right.doorbell + atDoorbell,
  };
  const done = connect({
    // All that is asked of a memory, its buffer has too.
    memory: buffer as unknown as WebAssembly.Memory,
    abi: {
      abiMajor: abi.abiMajor + major,
      abiMinor: abi.abiMinor + minor,
      layoutHashHi: abi.layoutHashHi + hi,
      layoutHashLo: abi.layoutHashLo + lo,
    },
    client: { index, generation },
    words,
  }).then(
    async (connection) => {
      outcome = "connected";
      await connection.close();
    },
    (error: unknown) => {
      outcome = nameOf(error);
      if (!(error instanceof AttachError)) return;
      const back = error.kind === "abi" ? [words.connected, words.state, words.doorbell] : [];
      for (const at of back.filter((place) => place >= 0 && place + 4 <= bytes.length))
        bytes.set(before.subarray(at, at + 4), at);
      expect(differs(before, bytes), "a refusal writes nothing else").toBe(-1);
    },
  );
  for (let i = 0; i < 8; i++) await undefined;
  if (outcome === undefined) {
    // The machine takes the rings back, as a kernel does: one generation later it is free.
    slot.header.generation += 1;
    Atomics.notify(mem.i32, slot.completionTailIndex());
    Atomics.notify(mem.i32, slot.stateIndex());
  }
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, fail) => {
    timer = setTimeout(() => fail(new Error("connect neither connects nor fails")), LATE_MS);
  });
  try {
    await Promise.race([done, late]);
  } finally {
    clearTimeout(timer);
  }
  return outcome ?? "";
}

function nameOf(error: unknown): string {
  const types = [AttachError, AbiMismatch, MachineFailed, MachineStopped, SessionClosed, SystemError, RangeError];
  if (!types.some((type) => error instanceof type)) throw error;
  const { name, message, cause } = error as Error;
  if (cause instanceof TypeError) throw cause;
  return `${name}: ${message.replace(/[\da-f]{8,}|-?\d+/g, "#")}`;
}

const target: FuzzTarget<Input> = {
  name: "attachment",
  corpus: [...SEEDS, ...(kept as unknown as Input[])],
  mutate,
  run,
};

test(
  "attachments that are no good",
  async () => {
    const { executions, outcomes } = await fuzz(target);
    expect(executions).toBeGreaterThan(target.corpus.length - 1);
    expect(outcomes).toBeGreaterThan(5);
  },
  fuzzTestMs,
);
