/** From nothing to the first output. */
import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import type { Benchmark } from "../benchmark.ts";
import { childFigure } from "../child-process.ts";
import { benchGuest } from "../guests.ts";
import { Qemu } from "../subjects/qemu.ts";

const CLI = join(import.meta.dirname, "../../../bin/foreshore");

export const start: readonly Benchmark[] = [
  {
    name: "start/first-output",
    description: "Runtime.create to the first byte of a static program's output, in a fresh Node process each time.",
    unit: "ms",
    better: "less",
    rounds: { full: 15, quick: 3 },
    warmup: 2,
    open: async () => {
      const file = await benchGuest("empty");
      return { sides: [{ name: "foreshore", sample: () => childFigure("first-output.ts", file) }] };
    },
  },
  {
    name: "start/command-line",
    description: "`foreshore run` of a static program, the whole process from the shell's view; peer: qemu-riscv64.",
    unit: "ms",
    better: "less",
    warmup: 2,
    open: async () => {
      const file = await benchGuest("empty");
      const qemu = Qemu.open();
      const cli = async (): Promise<number> => {
        const from = performance.now();
        const { stdout } = await promisify(execFile)(CLI, ["run", file]);
        const ms = performance.now() - from;
        if (stdout !== "empty\n") throw new Error(`the program printed ${JSON.stringify(stdout)}`);
        return ms;
      };
      return {
        sides: [
          { name: "foreshore", sample: cli },
          { name: "qemu", sample: async () => (await qemu.run(file)).wallMs },
        ],
      };
    },
  },
];
