/**
 * A guest's lines against qemu's. Where qemu-user differs from Linux, guests/qemu-differs.json says so, and there the guest
 * must say "ok" in Foreshore; an entry that qemu no longer needs is an error, so that the list shrinks.
 */
import { readFileSync } from "node:fs";
import type { RunResult } from "./sandbox.ts";

interface Difference {
  /** The guest. */
  test: string;
  /** "case.check", or only the case when it is not run under qemu at all. */
  check: string;
  /** false: the whole case is left out under qemu, where it would not end or mean nothing. */
  run?: false;
  reason: string;
}

const differences = JSON.parse(
  readFileSync(new URL("../guests/qemu-differs.json", import.meta.url), "utf8"),
) as Difference[];

/** Arguments that make the guest leave out what qemu cannot run. */
export function qemuArguments(test: string): string[] {
  return differences.filter((d) => d.test === test && d.run === false).map((d) => `-${d.check}`);
}

/** "case.check" of an "ok" or "FAIL" line, else null. */
function checkOf(line: string): string | null {
  return /^(?:ok|FAIL) ([\w.-]+)/.exec(line)?.[1] ?? null;
}

/** What is expected of Foreshore, made of qemu's output: a different check must be ok, and so must be what qemu left out. */
export function expected(test: string, qemu: RunResult): { stdout: string; left: (line: string) => boolean } {
  const mine = differences.filter((d) => d.test === test);
  const apart = new Set(mine.filter((d) => d.run !== false).map((d) => d.check));
  const leftOut = mine.filter((d) => d.run === false).map((d) => `${d.check}.`);
  const lines: string[] = [];
  const needed = new Set<string>();
  for (const line of qemu.stdout.toString("utf8").split("\n")) {
    const check = checkOf(line);
    if (line.startsWith("FAIL ") && check && apart.has(check)) {
      needed.add(check);
      lines.push(`ok ${check}`);
    } else lines.push(line);
  }
  const stale = [...apart].filter((check) => !needed.has(check));
  if (stale.length > 0) throw new Error(`qemu-differs.json: qemu no longer differs in ${test}: ${stale.join(", ")}`);
  const wrong = lines.filter((line) => line.startsWith("FAIL "));
  if (wrong.length > 0) throw new Error(`${test} does not pass under qemu itself:\n${wrong.join("\n")}`);
  return { stdout: lines.join("\n"), left: (line) => leftOut.some((prefix) => line.startsWith(`ok ${prefix}`)) };
}
