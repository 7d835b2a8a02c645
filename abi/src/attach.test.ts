/** What `attach` refuses, and slots that change while they are read. */
import { Worker } from "node:worker_threads";
import { describe, expect, test } from "vitest";
import {
  AbiVersion,
  Fixed,
  LayoutHashHi,
  LayoutHashLo,
  MachineHeader,
  ProcessSlot,
  SlotHeader,
  SlotKind,
} from "../ts/index.ts";
import { AttachError, attach, SlotReader } from "./attach.ts";
import { Mem } from "./core/mem.ts";

const TABLE = 65536;
const CAPACITY = 16;

/** A memory with a header and one process table, as a kernel would have made them. */
function machine(): { memory: WebAssembly.Memory; header: MachineHeader } {
  const memory = new WebAssembly.Memory({ initial: 4, maximum: 64, shared: true });
  const header = new MachineHeader(new Mem(memory), Fixed.HeaderAddress);
  header.abiMajor = AbiVersion.Major;
  header.abiMinor = AbiVersion.Minor;
  header.layoutHashHi = LayoutHashHi;
  header.layoutHashLo = LayoutHashLo;
  for (const kind of Object.values(SlotKind)) {
    if (kind === SlotKind.None) continue;
    const table = header.tables(kind);
    // All tables lie at one place: only one of them is used.
    table.base = TABLE;
    table.stride = TABLE;
    table.capacity = 2;
  }
  const processes = header.tables(SlotKind.Process);
  processes.stride = ProcessSlot.SIZE;
  processes.capacity = CAPACITY;
  processes.highWater = CAPACITY;
  header.magic = Fixed.Magic;
  return { memory, header };
}

function refusal(work: () => unknown): AttachError {
  try {
    work();
  } catch (error) {
    expect(error).toBeInstanceOf(AttachError);
    return error as AttachError;
  }
  throw new Error("it was not refused");
}

describe("attach", () => {
  test("refuses what holds no machine", () => {
    expect(refusal(() => attach(new SharedArrayBuffer(64))).kind).toBe("none");
    expect(refusal(() => attach(new ArrayBuffer(1 << 20))).kind).toBe("none");
  });

  test("refuses another version or layout, and names both", () => {
    const { memory, header } = machine();
    header.abiMajor = AbiVersion.Major + 6;
    const version = refusal(() => attach(memory));
    expect(version.kind).toBe("abi");
    expect(version.message).toContain(`speak ABI ${AbiVersion.Major}.`);
    expect(version.message).toContain(`the machine ${AbiVersion.Major + 6}.`);
    header.abiMajor = AbiVersion.Major;
    header.layoutHashLo = 0x1234abcd;
    expect(refusal(() => attach(memory)).message).toContain("1234abcd");
  });

  test.each([
    ["base", 0xffff0000],
    ["base", TABLE + 4],
    ["stride", 16],
    ["capacity", 0x40000000],
  ] as const)("refuses a table whose %s is %i", (field, value) => {
    const { memory, header } = machine();
    header.tables(SlotKind.Process)[field] = value;
    expect(refusal(() => attach(memory)).kind).toBe("bounds");
  });

  test("a slot is free, in use, or gone, by its generation; indices outside are free", () => {
    const { memory, header } = machine();
    const { processes } = attach(memory);
    const slot = new ProcessSlot(header.$mem, TABLE + 3 * ProcessSlot.SIZE);
    expect(processes.load(3)).toBe("free");
    slot.header.generation = 1;
    slot.state.pid = 77;
    expect(processes.load(3)).toBe("loaded");
    expect([processes.slot.state.pid, processes.index]).toEqual([77, 3]);
    slot.header.generation = 2;
    expect(processes.load(3)).toBe("free");
    for (const index of [0, -1, CAPACITY, 2 ** 31, Number.NaN, 1.5]) expect(processes.load(index)).toBe("free");
  });

  test("a slot that never comes to rest is told so, not waited for", () => {
    const { memory, header } = machine();
    const { processes } = attach(memory);
    new SlotHeader(header.$mem, TABLE + ProcessSlot.SIZE).seq = 7;
    expect(processes.load(1)).toBe("changing");
    expect(processes.forEach(() => {})).toBe(1);
  });

  test("follows the stride of the header, not the size that it knows", () => {
    const { memory, header } = machine();
    header.tables(SlotKind.Process).stride = ProcessSlot.SIZE + 64;
    const slot = new ProcessSlot(header.$mem, TABLE + 2 * (ProcessSlot.SIZE + 64));
    slot.header.generation = 1;
    slot.state.pid = 5;
    const reader = new SlotReader(header, SlotKind.Process, ProcessSlot);
    expect(attach(memory).processes.load(2)).toBe("loaded");
    expect(reader.load(2)).toBe("loaded");
    expect(reader.slot.state.pid).toBe(5);
  });

  test("never shows a mixture of two moments, while a writer changes slots and the memory grows", async () => {
    const { memory } = machine();
    const { processes } = attach(memory);
    const words = ProcessSlot.SIZE / 4;
    // Writes all words of slot 1 with one number, under the slot's sequence, until it is told to end.
    const source = `
      const { workerData, parentPort } = require("node:worker_threads");
      const u32 = new Uint32Array(workerData.memory.buffer);
      const at = ${TABLE + ProcessSlot.SIZE} / 4, stop = 8;
      Atomics.store(u32, at + 1, 1);
      let rounds = 0;
      parentPort.postMessage("writes");
      for (let n = 1; Atomics.load(u32, stop) === 0; n++, rounds++) {
        Atomics.add(u32, at, 1);
        for (let i = 2; i < ${words}; i++) u32[at + i] = n;
        Atomics.add(u32, at, 1);
        // Some rest, as a kernel has other things to do.
        for (let i = 0; i < 2000; i++) Atomics.load(u32, stop);
      }
      parentPort.postMessage(rounds);`;
    const worker = new Worker(source, { eval: true, workerData: { memory } });
    const next = (): Promise<unknown> => new Promise((resolve) => worker.once("message", resolve));
    await next();
    const seen = new Set<number>();
    let torn = 0;
    let loaded = 0;
    const raw = new Uint32Array(processes.slot.$mem.buffer);
    for (let i = 0; i < 200_000 || seen.size < 100; i++) {
      if (i % 20_000 === 0 && i < 800_000) memory.grow(1);
      if (processes.load(1) !== "loaded") continue;
      loaded++;
      const first = raw[2]!;
      for (let word = 3; word < words; word++) if (raw[word] !== first) torn++;
      seen.add(first);
    }
    const end = next();
    Atomics.store(new Uint32Array(memory.buffer), 8, 1);
    expect(await end).toBeGreaterThan(100);
    await worker.terminate();
    expect(torn).toBe(0);
    expect(loaded).toBeGreaterThan(1000);
  });
});
