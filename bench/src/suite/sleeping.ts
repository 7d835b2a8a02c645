/** What a machine holds for, and does beside, a thousand processes that sleep. */
import { readFileSync } from "node:fs";
import { type Diagnostics, type Process, Runtime } from "@foreshore/runtime";
import type { Benchmark, Opened } from "../benchmark.ts";
import { benchGuest } from "../guests.ts";

export const PROCESSES = 1_000;
const FRAME_KIB = 4;
/** How long the host's processor time is watched; V8 compiles what has just run for a second longer. */
const SETTLE_MS = 2_000;
const WATCH_MS = 2_000;
const pass = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Starts a program whose processes all sleep, and waits until they are there. */
export async function sleepers(runtime: Runtime): Promise<Process> {
  const process = await runtime.spawn(readFileSync(await benchGuest("sleepers")), [String(PROCESSES)]);
  await process.stdout!.getReader().read();
  return process;
}

/** KiB that a machine has given out: frames, and slots of its tables. */
function usedKib({ live }: Diagnostics): number {
  const slots = live!.slots.reduce((sum, { inUse, slotBytes }) => sum + inUse * slotBytes, 0);
  return (slots + live!.memoryBytes) / 1024 - live!.freeFrames * FRAME_KIB;
}

/** KiB of pages of all processes; what several map is divided among them (smaps_rollup's Pss). */
async function pagesKib(runtime: Runtime): Promise<number> {
  let sum = 0;
  for (const { pid } of await runtime.processes()) {
    const text = new TextDecoder().decode(await runtime.fs.readFile(`/proc/${pid}/smaps_rollup`));
    sum += Number(/^Pss: +(\d+) kB/m.exec(text)?.[1] ?? 0);
  }
  return sum;
}

async function memory(): Promise<number> {
  const runtime = await Runtime.create({ harts: 2 });
  try {
    const before = usedKib(await runtime.diagnostics());
    await sleepers(runtime);
    const taken = usedKib(await runtime.diagnostics()) - before;
    return (taken - (await pagesKib(runtime))) / PROCESSES;
  } finally {
    await runtime.stop();
  }
}

/** Percent of a processor that this program uses from now on, once what has just begun has settled. */
export async function processorShare(): Promise<number> {
  await pass(SETTLE_MS);
  const from = performance.now();
  const before = process.cpuUsage();
  await pass(WATCH_MS);
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 10 / (performance.now() - from);
}

/** The same of a machine whose processes sleep. */
async function processor(): Promise<number> {
  const runtime = await Runtime.create({ harts: 2 });
  try {
    await sleepers(runtime);
    return await processorShare();
  } finally {
    await runtime.stop();
  }
}

const opened = (sample: () => Promise<number>): Opened => ({ sides: [{ name: "foreshore", sample }] });

export const sleeping: readonly Benchmark[] = [
  {
    name: "sleeping/memory",
    description: "Memory for each of 1,000 sleeping processes beyond its own pages: frames of page tables, slots.",
    unit: "KiB",
    better: "less",
    rounds: { full: 3, quick: 1 },
    warmup: 0,
    open: async () => opened(memory),
  },
  {
    name: "sleeping/processor",
    description: "Processor time of the host's process while 1,000 processes sleep on two harts, over two seconds.",
    unit: "%",
    better: "less",
    rounds: { full: 5, quick: 1 },
    warmup: 1,
    open: async () => opened(processor),
  },
];
