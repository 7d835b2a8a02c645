/** State that is read live from the machine's memory. */
import { readFileSync } from "node:fs";
import { attach } from "@foreshore/abi";
import { Runtime } from "@foreshore/runtime";
import { guest } from "../../../test/guests/build.ts";
import type { Benchmark } from "../benchmark.ts";

const READS = 1_000_000;
const MIB = 1 << 20;

/** One process that lives as long as it is looked at. */
async function open(measure: (read: () => number) => number): Promise<Awaited<ReturnType<Benchmark["open"]>>> {
  const runtime = await Runtime.create({ harts: 1 });
  const process = await runtime.spawn(readFileSync(await guest("wild")), ["cat"]);
  const { processRows: processes } = attach(runtime.memory!);
  let index = 0;
  processes.forEach((slot, at) => {
    if (slot.state.pid === process.pid) index = at;
  });
  const read = (): number => {
    if (processes.load(index) !== "loaded") throw new Error("the process's slot could not be read");
    const { state } = processes.slot;
    return state.pid + state.runState + state.minorFaultsLo;
  };
  return {
    sides: [{ name: "foreshore", sample: async () => measure(read) }],
    close: async () => {
      await process.kill("SIGKILL");
      await runtime.stop();
    },
  };
}

function readMany(read: () => number): void {
  let sum = 0;
  for (let i = 0; i < READS; i++) sum += read();
  if (sum === 0) throw new Error("the fields that were read are empty");
}

export const views: readonly Benchmark[] = [
  {
    name: "views/process-row",
    description:
      "One process's slot copied from live memory under its sequence, and three fields of it: of a million reads.",
    unit: "ns",
    better: "less",
    open: () =>
      open((read) => {
        const from = performance.now();
        readMany(read);
        return ((performance.now() - from) * 1e6) / READS;
      }),
  },
  {
    name: "views/process-row-garbage",
    description: "Growth of the JavaScript heap over a million such reads.",
    unit: "MiB",
    better: "less",
    open: () =>
      open((read) => {
        const before = process.memoryUsage().heapUsed;
        readMany(read);
        return Math.max(0, process.memoryUsage().heapUsed - before) / MIB;
      }),
  },
];
