/**
 * Damaged machines: memories that are cut, of something else, of another version, or whose tables and slots say anything. Attaching
 * refuses with an AttachError or gives views that only ever answer; nothing is written, nothing takes long.
 */
import { expect, test } from "vitest";
import kept from "../testdata/fuzz/attach.json" with { type: "json" };
import { AbiVersion, Fixed, LayoutHashHi, LayoutHashLo, MachineHeader, OwnerSlot, SlotKind } from "../ts/index.ts";
import { AttachError, attach, checkedHeader, clientAddress, type MachineView, type SlotReader } from "./attach.ts";
import { SharedTransport } from "./client/index.ts";
import { Mem } from "./core/mem.ts";
import { memoryRows } from "./memory-rows.ts";
import { processTable } from "./processes.ts";
import { ROW_KINDS } from "./row-tables.ts";
import { readStatus } from "./status.ts";
import { differs, type Edit, type FuzzTarget, fuzz, fuzzTestMs, mutateEdits, type Random } from "./testing/fuzz.ts";
import { sampleMachine } from "./testing/sample-machine.ts";

interface Input {
  /** Bytes of the memory; all of the sample's when absent. */
  readonly length?: number;
  /** Words that are other than the sample's: [index, value]. */
  readonly edits: readonly Edit[];
}

const sample = sampleMachine();
/** Words that decide whether the memory is believed at all. */
const headerWords = (): Edit[] => {
  const header = new MachineHeader(new Mem(new ArrayBuffer(65536)), Fixed.HeaderAddress);
  const before = header.$mem.u32.slice();
  header.magic = 1;
  header.abiMajor = 1;
  header.abiMinor = 1;
  header.layoutHashHi = 1;
  header.layoutHashLo = 1;
  const words: Edit[] = [];
  header.$mem.u32.forEach((word, index) => {
    if (word !== before[index]) words.push([index, 0]);
  });
  return words;
};
const TRUST = headerWords().map(([word]) => word);

const SEEDS: Input[] = [
  { edits: [] },
  ...[0, 64, Fixed.HeaderAddress, Fixed.HeaderAddress + 64, 65536, 100_000].map((length) => ({ length, edits: [] })),
  ...TRUST.map((word) => ({ edits: [[word, 0x7f45_4c46] as const] })),
  { edits: TRUST.map((word) => [word, 0] as const) },
];

function mutate(random: Random, input: Input): Input {
  if (random.once(12))
    return { ...input, length: random.once(4) ? random.below(64) : random.below(sample.bytes.length + 64) };
  if (random.once(12)) return { edits: input.edits };
  const place = (): number => {
    if (random.once(40)) return random.pick(TRUST);
    const { at, bytes } = random.once(4) ? sample.places[0]! : random.pick(sample.places);
    // What decides lies at the beginning of most slots.
    return (at + random.below(random.once(4) ? bytes : Math.min(bytes, 192))) >>> 2;
  };
  return { ...input, edits: mutateEdits(random, input.edits, place, () => random.value()) };
}

function run(input: Input): string {
  const buffer = new SharedArrayBuffer(input.length ?? sample.bytes.length);
  const bytes = new Uint8Array(buffer);
  bytes.set(sample.bytes.subarray(0, bytes.length));
  const words = new Uint32Array(buffer, 0, bytes.length >>> 2);
  for (const [word, value] of input.edits) if (word < words.length) words[word] = value;
  const before = bytes.slice();
  const outcome = attempt(buffer);
  const written = differs(before, bytes);
  if (written >= 0) throw new Error(`byte ${written} of the memory was written`);
  return outcome;
}

function attempt(buffer: SharedArrayBuffer): string {
  let view: MachineView;
  try {
    view = attach(buffer);
  } catch (error) {
    if (!(error instanceof AttachError)) throw error;
    return `${error.kind} ${error.message.replace(/[\da-f]{3,}|\d+/g, "#")}`;
  }
  const parts: string[] = [];
  for (const kind of ROW_KINDS) {
    const { rows, changing } = memoryRows(view, kind);
    // Rows are to be cloned and sent.
    structuredClone(rows);
    parts.push(`${kind[0]}${rows.length}+${changing}`);
  }
  processTable(view);
  memoryRows(view, "fd", { pid: 2 });
  memoryRows(view, "vma", { pid: 2 });
  for (const reader of Object.values(view)) if (isReader(reader)) parts.push(...everySlot(reader));
  parts.push(
    typed(() => status(view)),
    typed(() => transport(view)),
  );
  return parts.join(" ");
}

function isReader(value: unknown): value is SlotReader<unknown> {
  return typeof value === "object" && value !== null && "forEach" in value && "unchanged" in value;
}

function everySlot(reader: SlotReader<unknown>): string[] {
  let loaded = 0;
  const missed = reader.forEach(() => {
    loaded++;
  });
  for (const index of [-1, 0, 2 ** 31, 2 ** 32, Number.NaN, 0.5]) {
    reader.load(index);
    reader.seqOf(index);
    reader.generationOf(index);
  }
  return loaded === 2 && missed === 0 ? [] : [`${reader.kind}:${loaded}-${missed}`];
}

/** What follows an address out of the memory says so: by RangeError, as every view does. */
function typed(work: () => string): string {
  try {
    return work();
  } catch (error) {
    if (error instanceof RangeError || error instanceof AttachError) return error.name;
    throw error;
  }
}

function status({ header, mem }: MachineView): string {
  const table = header.tables(SlotKind.Owner);
  const { records, lost } = readStatus(new OwnerSlot(mem, table.base + table.stride), 0);
  return `s${records.length}-${lost}`;
}

function transport({ header, mem }: MachineView): string {
  const made = new SharedTransport(mem, clientAddress(header, 1));
  made.close();
  return "t";
}

const target: FuzzTarget<Input> = { name: "attach", corpus: [...SEEDS, ...(kept as unknown as Input[])], mutate, run };

test("the sample itself is a machine with rows of every kind", () => {
  const view = attach(sample.bytes.buffer as ArrayBuffer);
  expect(checkedHeader(view.mem).magic).toBe(Fixed.Magic);
  expect([AbiVersion.Major, LayoutHashHi, LayoutHashLo]).toEqual([
    view.header.abiMajor,
    view.header.layoutHashHi,
    view.header.layoutHashLo,
  ]);
  for (const kind of ROW_KINDS) {
    const { rows, changing } = memoryRows(view, kind);
    expect([kind, rows.length > 0, changing]).toEqual([kind, true, 0]);
  }
  expect(memoryRows(view, "ofd").rows.map((row) => row.path)).toContain("/file");
});

test(
  "damaged machines are refused, or read without harm",
  async () => {
    const { executions, outcomes } = await fuzz(target);
    expect(executions).toBeGreaterThan(target.corpus.length);
    expect(outcomes).toBeGreaterThan(5);
  },
  fuzzTestMs,
);
