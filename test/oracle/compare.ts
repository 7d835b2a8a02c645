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

interface KnownFailure {
  /** The guest and the case of it that does not hold in Foreshore. */
  test: string;
  case: string;
  reason: string;
  /** Day since when it is known. */
  since: string;
}

const known = JSON.parse(
  readFileSync(new URL("../guests/known-failures.json", import.meta.url), "utf8"),
) as KnownFailure[];

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

/** Whether a line belongs to this case of a guest. */
function ofCase(line: string, name: string): boolean {
  return line.startsWith(`ok ${name}.`) || line.startsWith(`FAIL ${name}.`);
}

/**
 * Foreshore's output without the cases that guests/known-failures.json lists, and whether one was left out.
 * @throws when a listed case holds: its entry must go
 */
function withoutKnown(test: string, lines: readonly string[]): { lines: string[]; some: boolean } {
  const mine = known.filter((entry) => entry.test === test);
  for (const entry of mine) {
    if (!lines.some((line) => line.startsWith(`FAIL ${entry.case}.`)))
      throw new Error(`known-failures.json: ${test} ${entry.case} holds now; remove its entry`);
  }
  const rest = lines.filter((line) => !mine.some((entry) => ofCase(line, entry.case)));
  return { lines: rest, some: mine.length > 0 };
}

/** What a guest printed in Foreshore and how it ended, beside what was expected: the two are to be equal. */
export function compared(test: string, qemu: RunResult, run: RunResult): { got: object; want: object } {
  const oracle = expected(test, qemu);
  const mine = withoutKnown(test, run.stdout.toString("utf8").split("\n"));
  const names = known.filter((entry) => entry.test === test).map((entry) => entry.case);
  const want = oracle.stdout.split("\n").filter((line) => !names.some((name) => ofCase(line, name)));
  return {
    got: {
      stdout: mine.lines.filter((line) => !oracle.left(line)).join("\n"),
      stderr: run.stderr.toString("utf8"),
      code: run.code,
      signal: run.signal,
    },
    // A guest with a known failure says so with its exit code, too.
    want: { stdout: want.join("\n"), stderr: "", code: mine.some ? 1 : 0, signal: null },
  };
}

/** What is expected of Foreshore, made of qemu's output: a different check must be ok, and so must be what qemu left out. */
function expected(test: string, qemu: RunResult): { stdout: string; left: (line: string) => boolean } {
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
