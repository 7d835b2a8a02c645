/** What one program's long system calls, and many busy programs, cost the others. */
import { readFile } from "node:fs/promises";
import { HoldKind, holdKindName, syscallName } from "@foreshore/abi";
import { Runtime } from "@foreshore/runtime";
import type { Benchmark, Opened } from "../benchmark.ts";
import { benchGuest } from "../guests.ts";
import { median } from "../stats.ts";

/** The calls of guests/holds.c. */
const CALLS = [
  "mincore",
  "urandom",
  "zero",
  "getrandom",
  "read",
  "write",
  "sendfile",
  "copy_file_range",
  "ftruncate",
  "mprotect",
  "munmap",
  "madvise",
  "mremap",
  "fork",
  "exit",
  "populate",
] as const;
const HARTS = 4;
const MEMORY_MIB = 1536;
/** After how long a call is killed: it has begun, and those that end by themselves are longer than that or over. */
const KILL_AFTER_MS = 100;

async function machine(guest: string): Promise<Runtime> {
  const runtime = await Runtime.create({ harts: HARTS, memory: MEMORY_MIB, log: () => undefined });
  await runtime.fs.writeFile("/holds", await readFile(guest), { mode: 0o755 });
  return runtime;
}

/** Milliseconds of the longest hold while a program makes a call, and what it was for. */
async function longestHold(guest: string, call: string): Promise<{ ms: number; what: string }> {
  const runtime = await machine(guest);
  try {
    const process = await runtime.spawn("/holds", [call], { stdin: "null", stdout: "null", stderr: "null" });
    const { code, signal } = await process.exit;
    if (code !== 0) throw new Error(`holds ${call} ended with ${signal ?? code}`);
    const { longestHoldUs, longestHoldKind, longestHoldNumber } = (await runtime.diagnostics()).counters;
    const what =
      longestHoldKind === HoldKind.SystemCall ? syscallName(longestHoldNumber) : holdKindName(longestHoldKind);
    return { ms: longestHoldUs / 1000, what };
  } finally {
    await runtime.stop();
  }
}

/** Milliseconds from SIGKILL to the end of a program that is in a long call. */
async function killed(guest: string, call: string): Promise<number> {
  const runtime = await machine(guest);
  try {
    const process = await runtime.spawn("/holds", [call], { stdin: "null", stdout: "null", stderr: "null" });
    await new Promise((resolve) => setTimeout(resolve, KILL_AFTER_MS));
    const from = performance.now();
    await process.kill("SIGKILL").catch(() => undefined); // it may have ended by itself
    await process.exit;
    return performance.now() - from;
  } finally {
    await runtime.stop();
  }
}

export const holds: readonly Benchmark[] = [
  {
    name: "holds/longest",
    description: `Longest time that the machine lock was held by one of ${CALLS.length} long system calls, each in a machine of its own with ${HARTS} harts.`,
    unit: "ms",
    better: "less",
    rounds: { full: 5, quick: 1 },
    warmup: 0,
    open: async (): Promise<Opened> => {
      const guest = await benchGuest("holds");
      const worst = new Map<string, { ms: number[]; what: string }>();
      return {
        sides: [
          {
            name: "foreshore",
            sample: async () => {
              let longest = 0;
              for (const call of CALLS) {
                const { ms, what } = await longestHold(guest, call);
                worst.set(call, { ms: [...(worst.get(call)?.ms ?? []), ms], what });
                longest = Math.max(longest, ms);
              }
              return longest;
            },
          },
        ],
        facts: () => Object.fromEntries([...worst].map(([call, { ms, what }]) => [call, `${median(ms)} ms (${what})`])),
      };
    },
  },
  {
    name: "holds/kill",
    description:
      "From SIGKILL to the end of a program that is in one of the longest of these calls: the worst of them.",
    unit: "ms",
    better: "less",
    rounds: { full: 5, quick: 1 },
    warmup: 0,
    open: async (): Promise<Opened> => {
      const guest = await benchGuest("holds");
      return {
        sides: [
          {
            name: "foreshore",
            sample: async () => {
              let longest = 0;
              for (const call of ["urandom", "mincore", "copy_file_range", "fork"]) {
                longest = Math.max(longest, await killed(guest, call));
              }
              return longest;
            },
          },
        ],
      };
    },
  },
];
