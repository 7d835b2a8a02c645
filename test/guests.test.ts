/**
 * Each C guest in Foreshore, with one hart and with four, byte by byte as under qemu; in kernel.wasm, and on the same kernel built
 * as a native program.
 */
import { describe, expect, test } from "vitest";
import { guest, guestList, missingTool } from "./guests/build.ts";
import { compared, qemuArguments } from "./oracle/compare.ts";
import { runForeshore } from "./oracle/foreshore.ts";
import { runNativeKernel } from "./oracle/native-kernel.ts";
import { runQemu } from "./oracle/qemu.ts";
import type { RunResult } from "./oracle/sandbox.ts";

const missing = missingTool();

/** Guests that are no table of checks, or have tests of their own. */
const OTHERS = new Set(["hello", "wild", "pie", "outside"]);
const names = guestList()
  .filter((entry) => /^test\/guests\/\w+\.c$/.test(entry.source) && !OTHERS.has(entry.name))
  .map((entry) => entry.name);

/** What a machine of one's own may be asked for, that a shared host may not. */
const env: Record<string, Record<string, string>> = {
  stress_fork: { PATH: "/bin", FILL_TABLE: "1" },
  stress_hog: { PATH: "/bin", HOG_MIB: "64" },
};
/** Memory of the machine in MiB where the guest fills it. */
const memory: Record<string, number> = { stress_hog: 256 };

const runs = new Map<string, Promise<RunResult>>();
function qemu(name: string, file: string): Promise<RunResult> {
  let run = runs.get(name);
  if (!run) {
    run = runQemu(file, qemuArguments(name));
    runs.set(name, run);
  }
  return run;
}

describe.skipIf(missing).each([
  ["C guests", runForeshore],
  ["C guests on the native kernel", runNativeKernel],
] as const)("%s", (_, runMachine) => {
  for (const name of names) {
    for (const harts of [1, 4]) {
      test(`${name}, ${harts} hart${harts > 1 ? "s" : ""}`, { timeout: 120_000 }, async () => {
        const file = await guest(name);
        const machine = memory[name] ? { harts, memory: memory[name] } : { harts };
        const run = await runMachine(machine, file, [], env[name] ? { env: env[name] } : {});
        const { got, want } = compared(name, await qemu(name, file), run);
        expect(got).toEqual(want);
      });
    }
  }

  test.for([1, 4])("hello and pie, %i harts", async (harts) => {
    for (const [name, args] of [
      ["hello", ["7", "two words"]],
      ["pie", []],
    ] as const) {
      const file = await guest(name);
      const run = await runMachine({ harts }, file, args);
      const oracle = await runQemu(file, args);
      expect(run.stdout.toString()).toBe(oracle.stdout.toString());
      expect({ code: run.code, signal: run.signal }).toEqual({ code: oracle.code, signal: oracle.signal });
    }
  });
});
