/** What there is to load and to hold. */
import { execFile } from "node:child_process";
import { existsSync, statSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { type Benchmark, Unavailable } from "../benchmark.ts";
import { childFigure } from "../child-process.ts";

const KERNEL = join(import.meta.dirname, "../../../build/kernel.wasm");
const GENERATOR = join(import.meta.dirname, "../../../codegen/src/main.ts");

export const size: readonly Benchmark[] = [
  {
    name: "size/kernel",
    description: "build/kernel.wasm, uncompressed.",
    unit: "KiB",
    better: "less",
    rounds: { full: 1, quick: 1 },
    warmup: 0,
    open: async () => {
      if (!existsSync(KERNEL)) throw new Unavailable("build/kernel.wasm is missing: run `make kernel`");
      return { sides: [{ name: "foreshore", sample: async () => statSync(KERNEL).size / 1024 }] };
    },
  },
  {
    name: "size/idle-memory",
    description: "Resident set of a Node process with an idle machine (default options), and of a bare one.",
    unit: "MiB",
    better: "less",
    rounds: { full: 5, quick: 1 },
    warmup: 0,
    open: async () => ({
      sides: [
        { name: "foreshore", sample: () => childFigure("idle-memory.ts", "machine") },
        { name: "bare node", sample: () => childFigure("idle-memory.ts", "bare") },
      ],
    }),
  },
  {
    name: "size/generator",
    description: "The ABI's generator on the whole schema, writing nothing, as a process.",
    unit: "ms",
    better: "less",
    rounds: { full: 5, quick: 1 },
    warmup: 1,
    open: async () => ({
      sides: [
        {
          name: "foreshore",
          sample: async () => {
            const from = performance.now();
            await promisify(execFile)(process.execPath, [GENERATOR, "--check"]);
            return performance.now() - from;
          },
        },
      ],
    }),
  },
];
