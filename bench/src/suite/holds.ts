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
  "close",
  "allocate",
  "punch",
  "mprotect",
  "munmap",
  "madvise",
  "mremap",
  "fork",
  "exit",
  "core",
  "populate",
  "lock",
  "rollup",
  "cut",
  "poll",
  "select",
  "epoll_wait",
  "epoll_close",
  "epoll_exit",
  "close_range",
  "wake",
  "wake_some",
  "kill",
  "kill_queued",
  "ignore",
  "orphans",
] as const;
const HARTS = 4;
const MEMORY_MIB = 1536;
/** How often each is made for a sample. */
const TIMES = 3;
/** Those of them that last for a long time. */
const LONG_CALLS = ["urandom", "mincore", "copy_file_range", "fork"] as const;

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

/** Milliseconds from SIGKILL to the end of a program that has begun a long call; 0 when the call was over before it. */
async function killed(guest: string, call: string): Promise<number> {
  const runtime = await machine(guest);
  try {
    const process = await runtime.spawn("/holds", [call], { stdin: "null", stderr: "null" });
    await process.stdout!.getReader().read();
    const from = performance.now();
    await process.kill("SIGKILL");
    const { signal } = await process.exit;
    return signal === "SIGKILL" ? performance.now() - from : 0;
  } finally {
    await runtime.stop();
  }
}

export const holds: readonly Benchmark[] = [
  {
    name: "holds/longest",
    description: `Longest time that the machine lock was held by one of ${CALLS.length} long system calls, each in a machine of its own with ${HARTS} harts: the least of ${TIMES} times, of the call that holds it longest (V8's compilers take the holder off its processor for 4 to 30 ms; facts have the medians).`,
    unit: "ms",
    better: "less",
    rounds: { full: 3, quick: 1 },
    warmup: 0,
    open: async (): Promise<Opened> => {
      const guest = await benchGuest("holds");
      const facts = new Map<string, string>();
      return {
        sides: [
          {
            name: "foreshore",
            sample: async () => {
              let longest = 0;
              for (const call of CALLS) {
                const held: { ms: number; what: string }[] = [];
                while (held.length < TIMES) held.push(await longestHold(guest, call));
                const all = held.map((hold) => hold.ms);
                const least = Math.min(...all);
                const { what } = held.find(({ ms }) => ms === least)!;
                facts.set(call, `${least} ms (${what}), median ${median(all)} ms`);
                longest = Math.max(longest, least);
              }
              return longest;
            },
          },
        ],
        facts: () => Object.fromEntries(facts),
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
              for (const call of LONG_CALLS) longest = Math.max(longest, await killed(guest, call));
              if (longest === 0) throw new Error("all calls were over before they could be killed");
              return longest;
            },
          },
        ],
      };
    },
  },
];
