/** Static Go programs: goroutines on several harts, the collector, timers, files, and the ways in which one can end. */
import { describe, expect, test } from "vitest";
import { guest, missingTool } from "./guests/build.ts";
import { runForeshore } from "./oracle/foreshore.ts";
import { runQemu } from "./oracle/qemu.ts";
import type { RunOptions, RunResult } from "./oracle/sandbox.ts";

const missing = missingTool("go-goroutines");

const text = (run: RunResult) => ({
  stdout: run.stdout.toString(),
  stderr: run.stderr.toString().replace(/^goroutine \d+ /gm, "goroutine N "), // the runtime's own come first
  code: run.code,
  signal: run.signal,
});

const programs: { name: string; args: string[]; options?: RunOptions }[] = [
  { name: "go-goroutines", args: [] },
  { name: "go-timers", args: [] },
  {
    name: "go-fileio",
    args: ["one", "two words"],
    options: { stdin: "from the host\n", env: { GREETING: "hello", HOME: "/tmp" } },
  },
  // Ends of a program. Traces of stacks hold addresses that another memory layout changes: these are left out below.
  ...["panic", "nil", "recover", "exit", "deadlock", "goroutine", "index"].map((how) => ({
    name: "go-crash",
    args: [how],
  })),
];

describe.skipIf(missing)("Go programs", () => {
  for (const { name, args, options } of programs) {
    for (const harts of [1, 4]) {
      test(`${name} ${args.join(" ")}, ${harts} hart${harts > 1 ? "s" : ""}`, { timeout: 120_000 }, async () => {
        const file = await guest(name);
        const want = text(await runQemu(file, args, options));
        const run = text(await runForeshore({ harts }, file, args, options));
        expect(run).toEqual(want);
      });
    }
  }

  test.for([1, 4])("a stack that has no end, %i harts", { timeout: 120_000 }, async (harts) => {
    const run = await runForeshore({ harts }, await guest("go-crash"), ["stack"]);
    expect(run.stderr.toString()).toContain("fatal error: stack overflow");
    expect(run.code).toBe(2);
  });
});
