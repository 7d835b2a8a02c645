/** System calls and the life of processes. */
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { type Benchmark, Unavailable } from "../benchmark.ts";
import { guestFigure } from "./guest-figure.ts";

const ROOT = join(import.meta.dirname, "../../..");
const NS_TO_MS = 1e-6;
const BYTES_TO_MIB = 2 ** -20;

/** Debian's static busybox for riscv64. */
async function busybox(): Promise<Record<string, string>> {
  try {
    const { stdout } = await promisify(execFile)(join(ROOT, "tools/guests"), ["busybox-static"]);
    const file = ["usr/bin/busybox", "bin/busybox"].map((path) => join(stdout.trim(), path)).find(existsSync);
    if (file === undefined) throw new Error(`no busybox in ${stdout.trim()}`);
    return { "/bin/busybox": file };
  } catch (error) {
    const { code, stderr } = error as { code?: number; stderr?: string };
    if (code === 3) throw new Unavailable((stderr ?? "").trim()); // the archive cannot be reached
    throw error;
  }
}

export const processes: readonly Benchmark[] = [
  guestFigure({
    name: "syscall/getpid",
    description: "One getpid, of 200,000 in a loop, by the guest's clock.",
    unit: "ns",
    better: "less",
    guest: "getpid",
    key: "ns",
  }),
  guestFigure({
    name: "process/fork",
    description: "fork, exit of the child, wait, of a small process, by the guest's clock.",
    unit: "ms",
    better: "less",
    guest: "fork",
    key: "ns",
    scale: NS_TO_MS,
  }),
  guestFigure({
    name: "process/fork-big",
    description: "fork, exit of the child at once, wait, of a process with 256 MiB of distinct data touched.",
    unit: "ms",
    better: "less",
    rounds: { full: 7, quick: 2 },
    warmup: 2,
    guest: "fork_big",
    args: ["256", "7"],
    key: "ns",
    scale: NS_TO_MS,
  }),
  guestFigure({
    name: "process/fork-big-writes",
    description:
      "From before that fork to the end of the child's writes to every 64th page (both verify all afterwards).",
    unit: "ms",
    better: "less",
    rounds: { full: 7, quick: 2 },
    warmup: 2,
    guest: "fork_big",
    args: ["256", "1"],
    key: "writtenNs",
    scale: NS_TO_MS,
  }),
  guestFigure({
    name: "process/fork-big-memory",
    description: "Memory that this fork took: free memory (sysinfo) before it and in the child before it writes.",
    unit: "MiB",
    better: "less",
    rounds: { full: 3, quick: 1 },
    warmup: 0,
    guest: "fork_big",
    args: ["256", "1"],
    key: "bytes",
    scale: BYTES_TO_MIB,
    peer: false,
  }),
  guestFigure({
    name: "process/exec",
    description: "fork, exec and wait of Debian's static busybox as `true`, by the guest's clock.",
    unit: "ms",
    better: "less",
    guest: "exec",
    args: ["5", "20", "/bin/busybox", "true"],
    key: "ns",
    scale: NS_TO_MS,
    files: busybox,
  }),
];
