/**
 * Memory under stress on four harts: threads store while others fork, mprotect, munmap and truncate. The seeds are kept in
 * stress-seeds.json; one that ever found something stays there.
 */
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { guest, missingTool } from "./guests/build.ts";
import { runForeshore } from "./oracle/foreshore.ts";

const seeds = JSON.parse(readFileSync(new URL("stress-seeds.json", import.meta.url), "utf8")) as number[];

describe.skipIf(missingTool())("stores are never lost, nor land after their page was taken", () => {
  test.for(seeds)("seed %i", { timeout: 120_000 }, async (seed) => {
    const run = await runForeshore({ harts: 4 }, await guest("stress_memory"), [String(seed), "3"]);
    const lines = run.stdout.toString().trimEnd().split("\n");
    expect(lines[0]).toBe(`seed ${seed}`);
    expect(lines.filter((line) => !line.startsWith("ok ")).slice(1)).toEqual([]);
    expect(lines).toHaveLength(15);
    expect({ code: run.code, signal: run.signal, stderr: run.stderr.toString() }).toEqual({
      code: 0,
      signal: null,
      stderr: "",
    });
  });
});
