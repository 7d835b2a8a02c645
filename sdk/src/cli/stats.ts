/** What a run took: `--stats`. */

import type { Diagnostics } from "@foreshore/runtime";

/** Names are part of the command line's interface: `--stats=json` prints this object. */
export interface RunStats {
  /** From the start of the command to the first instruction of the program, and from there to its end. */
  startMs: number;
  runMs: number;
  instructions: number;
  syscalls: number;
  unsupportedSyscalls: number;
  /** Page faults: first touches, copies on write, pages read in. */
  faults: number;
  cowCopies: number;
  pageIns: number;
  forks: number;
  execs: number;
  contextSwitches: number;
  /** What the machine's memory has grown to, and how much of it is in the page cache; bytes. */
  memoryBytes: number | null;
  cacheBytes: number | null;
}

const FRAME_BYTES = 4096;

export function runStats(diagnostics: Diagnostics, startMs: number, runMs: number): RunStats {
  const { counters, live } = diagnostics;
  return {
    startMs: Math.round(startMs * 10) / 10,
    runMs: Math.round(runMs * 10) / 10,
    instructions: counters.instret,
    syscalls: counters.syscalls,
    unsupportedSyscalls: counters.unsupported,
    faults: counters.faults,
    cowCopies: counters.cowCopies,
    pageIns: counters.pageIns,
    forks: counters.forks,
    execs: counters.execs,
    contextSwitches: counters.contextSwitches,
    memoryBytes: live?.memoryBytes ?? null,
    cacheBytes: live === undefined ? null : live.cachedFrames * FRAME_BYTES,
  };
}

/** Several lines for people. */
export function formatStats(stats: RunStats): string {
  const count = (value: number) => value.toLocaleString("en-US");
  const mib = (bytes: number | null) => (bytes === null ? "unknown" : `${(bytes / 2 ** 20).toFixed(1)} MiB`);
  const mips = stats.runMs > 0 ? stats.instructions / stats.runMs / 1000 : 0;
  const rows: [string, string][] = [
    ["time", `${count(stats.runMs)} ms after ${count(stats.startMs)} ms of start`],
    ["guest instructions", `${count(stats.instructions)} (${mips.toFixed(0)} million a second)`],
    ["system calls", `${count(stats.syscalls)}, ${count(stats.unsupportedSyscalls)} of them not supported`],
    ["page faults", `${count(stats.faults)}: ${count(stats.cowCopies)} copies, ${count(stats.pageIns)} pages read in`],
    ["processes", `${count(stats.forks)} forks, ${count(stats.execs)} execs, ${count(stats.contextSwitches)} switches`],
    ["memory", `${mib(stats.memoryBytes)}, ${mib(stats.cacheBytes)} of it page cache`],
  ];
  return rows.map(([name, value]) => `${name.padEnd(20)}${value}\n`).join("");
}
