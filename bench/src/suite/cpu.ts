/**
 * Programs that compute: the same binary in Foreshore and under qemu.
 *
 * A sample is the time of a whole run (spawn to exit) less that of a run of bench-empty just before, which is start-up
 * and nothing else. Both must print the same, and Foreshore's count of retired instructions must be the one that qemu
 * counted (retired/counts.json): an interpreter that is quick since it leaves work out is none.
 */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import type { Benchmark, Opened, Side } from "../benchmark.ts";
import { benchGuest } from "../guests.ts";
import { Foreshore } from "../subjects/foreshore.ts";
import { Qemu } from "../subjects/qemu.ts";
import type { Subject, SubjectRun } from "../subjects/subject.ts";

/**
 * By how many instructions counts may differ: what libc's start-up does depends on what the kernel says of itself
 * (auxiliary vector, hardware capabilities) and on how it flushes its output. The programs retire 10^8 and more.
 */
const START_UP_SLACK = 5_000;

interface Recorded {
  readonly programs: Readonly<Record<string, { readonly retired: number; readonly sha256: string }>>;
}

const recorded = JSON.parse(readFileSync(new URL("../../retired/counts.json", import.meta.url), "utf8")) as Recorded;

/** @throws Error when the count is not the recorded one of this very program */
export function checkRetired(
  program: string,
  sha256: string,
  instructions: number,
  counts: Recorded = recorded,
): string {
  const entry = counts.programs[program];
  if (entry === undefined) throw new Error(`${program}: no recorded count: run bench/retired/record`);
  if (entry.sha256 !== sha256) return "not checked: another compiler built another program (bench/retired/record)";
  if (Math.abs(entry.retired - instructions) > START_UP_SLACK)
    throw new Error(`${program}: ${instructions} instructions retired, qemu counted ${entry.retired}`);
  return "as qemu counts";
}

async function open(program: string): Promise<Opened> {
  const file = await benchGuest(program);
  const empty = await benchGuest("empty");
  const sha256 = createHash("sha256").update(readFileSync(file)).digest("hex");
  const qemu = Qemu.open();
  const foreshore = await Foreshore.open({ harts: 1 });
  let expected: string | undefined;
  let last: SubjectRun | undefined;
  let retired = "";
  let milliseconds = 0;
  const side = (subject: Subject): Side => ({
    name: subject.name,
    sample: async () => {
      const startUp = await subject.run(empty);
      const run = await subject.run(file);
      expected ??= run.stdout;
      if (run.stdout !== expected) throw new Error(`${subject.name} printed ${run.stdout}, not ${expected}`);
      const time = run.wallMs - startUp.wallMs;
      if (run.instructions !== undefined) {
        retired = checkRetired(program, sha256, run.instructions);
        last = run;
        milliseconds = time;
      }
      return time;
    },
  });
  return {
    sides: [side(foreshore), side(qemu)],
    facts: () => ({
      instructions: last?.instructions ?? 0,
      retired,
      mips: Number(((last?.instructions ?? 0) / 1000 / milliseconds).toFixed(1)),
    }),
    close: () => foreshore.close(),
  };
}

function program(group: "cpu" | "fp", name: string, what: string): Benchmark {
  return {
    name: `${group}/${name}`,
    description: `${what}: whole run less start-up, one hart against qemu-riscv64.`,
    unit: "ms",
    better: "less",
    rounds: { full: 5, quick: 1 },
    warmup: 3,
    open: () => open(name),
  };
}

export const cpu: readonly Benchmark[] = [
  program("cpu", "sieve", "Sieve of Eratosthenes over bytes"),
  program("cpu", "crc32", "CRC-32 by table"),
  program("cpu", "matrix", "Product of integer matrices"),
  program("cpu", "list", "Linked list, walked and reversed"),
  program("cpu", "sort", "Quicksort, heapsort, insertion sort"),
  program("cpu", "calls", "Recursion and calls through a table"),
  program("fp", "nbody", "N-body in double precision"),
  program("fp", "mandelbrot", "Mandelbrot set in double precision"),
  program("fp", "spectral", "Spectral norm"),
];
