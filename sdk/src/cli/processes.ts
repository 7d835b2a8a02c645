/** `foreshore ps` and `foreshore top`: the processes of a machine that runs already. */

import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { ReadStream, WriteStream } from "node:tty";
import type { HartRow, MemoryRow, ProcessStatus } from "@foreshore/abi";
import type { RemoteMachine } from "@foreshore/runtime";
import { connectMachine } from "../node/socket.ts";
import type { PsCommand, TopCommand } from "./control-arguments.ts";
import type { RunIo } from "./launch.ts";

const PAGE_KIB = 4;
const MIB = 1024 * 1024;
const REFRESH_MS = 1000;

const STATES: Readonly<Record<ProcessStatus["state"], string>> = {
  prepared: "P",
  running: "S",
  stopped: "T",
  zombie: "Z",
};

/** Prints the process table once. */
export async function ps(command: PsCommand, io: Pick<RunIo, "stdout">): Promise<number> {
  const remote = await connectMachine(command.control);
  try {
    const rows = await remote.processes();
    await write(io, command.json ? `${JSON.stringify(rows)}\n` : `${psTable(rows).join("\n")}\n`);
    return 0;
  } finally {
    await remote.close();
  }
}

/** Shows the process table until q is typed; once where the output is no terminal. */
export async function top(command: TopCommand, io: Pick<RunIo, "stdin" | "stdout">): Promise<number> {
  const remote = await connectMachine(command.control);
  try {
    return await show(remote, command, io);
  } finally {
    await remote.close();
  }
}

async function show(
  remote: RemoteMachine,
  command: TopCommand,
  { stdin, stdout }: Pick<RunIo, "stdin" | "stdout">,
): Promise<number> {
  if (command.once || !(stdout instanceof WriteStream)) {
    const sample = await take(remote);
    await write({ stdout }, `${topScreen(sample, undefined, Number.POSITIVE_INFINITY, false).join("\n")}\n`);
    return 0;
  }
  const quit = new AbortController();
  const keys = stdin instanceof ReadStream ? stdin : undefined;
  const typed = (bytes: Buffer): void => {
    // q, Ctrl-C, Ctrl-D.
    if (bytes.some((byte) => byte === 0x71 || byte === 3 || byte === 4)) quit.abort();
  };
  const end = (): void => quit.abort();
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, end);
  keys?.setRawMode(true);
  keys?.on("data", typed);
  stdout.write("\x1b[?25l\x1b[2J");
  try {
    const gone = remote.closed.then((why) => {
      throw why ?? new Error("closed");
    });
    gone.catch(() => undefined);
    const unlessQuit = (error: unknown): void => {
      if (!quit.signal.aborted) throw error;
    };
    const colour = !process.env["NO_COLOR"];
    const changed = remote.changes(["process", "hart", "memory"], { signal: quit.signal });
    let told: Promise<unknown> | undefined;
    const changesOr = (other: Promise<unknown>): Promise<unknown> => {
      // One that was left for something else is waited for on.
      told ??= changed.next().finally(() => {
        told = undefined;
      });
      return Promise.race([told, other]);
    };
    let last: Sample | undefined;
    while (!quit.signal.aborted) {
      const sample = await take(remote);
      const lines = topScreen(sample, last, stdout.rows, colour).map((line) => fit(line, stdout.columns));
      stdout.write(`\x1b[H${lines.map((line) => `${line}\x1b[K`).join("\r\n")}\x1b[J`);
      const still = last !== undefined && processorNs(sample) === processorNs(last);
      last = sample;
      await Promise.race([sleep(REFRESH_MS, undefined, { signal: quit.signal }), gone]).catch(unlessQuit);
      // Shares of what has run are shown once more when it runs no longer; then there is nothing to show until the machine says so.
      if (!still) continue;
      const waited = new AbortController();
      const resized = once(stdout, "resize", { signal: AbortSignal.any([quit.signal, waited.signal]) });
      await Promise.race([changesOr(resized), gone]).catch(unlessQuit);
      waited.abort();
    }
    return 0;
  } finally {
    keys?.off("data", typed);
    keys?.setRawMode(false);
    keys?.pause();
    stdout.write("\x1b[?25h\r\n");
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.off(signal, end);
  }
}

function write(io: Pick<RunIo, "stdout">, text: string): Promise<void> {
  return new Promise((resolve) => {
    io.stdout.on("error", () => resolve());
    io.stdout.write(text, () => resolve());
  });
}

/** The table of `ps`, with its heading. */
export function psTable(rows: readonly ProcessStatus[]): string[] {
  const cells = rows.map((row) => [
    String(row.pid),
    String(row.ppid),
    state(row),
    String(row.threads),
    String(row.residentPages * PAGE_KIB),
    time(row.userNs + row.systemNs),
    printable(row.command),
  ]);
  return columns(["PID", "PPID", "STAT", "THR", "RSS", "TIME", "COMMAND"], cells);
}

interface Sample {
  readonly rows: readonly ProcessStatus[];
  readonly harts: readonly HartRow[];
  readonly memory: MemoryRow;
  readonly atMs: number;
}

async function take(remote: RemoteMachine): Promise<Sample> {
  const [processes, harts, memory] = await Promise.all([
    remote.rows("process"),
    remote.rows("hart"),
    remote.rows("memory"),
  ]);
  return { rows: processes.rows, harts: harts.rows, memory: memory.rows[0]!, atMs: performance.now() };
}

/** Processor time of all processes that are there. */
function processorNs({ rows }: Sample): number {
  return rows.reduce((sum, { userNs, systemNs }) => sum + userNs + systemNs, 0);
}

/** What `top` shows; the share of a processor is of the time since the last sample, or of a process's life. */
export function topScreen(sample: Sample, last: Sample | undefined, height: number, colour: boolean): string[] {
  const { rows, harts, memory } = sample;
  const used = new Map(last?.rows.map((row) => [row.pid, row.userNs + row.systemNs]));
  const elapsedNs = last === undefined ? 0 : (sample.atMs - last.atMs) * 1e6;
  const share = (row: ProcessStatus): number =>
    elapsedNs === 0 ? 0 : ((row.userNs + row.systemNs - (used.get(row.pid) ?? 0)) / elapsedNs) * 100;
  const sorted = rows.map((row) => ({ row, share: share(row) }));
  sorted.sort((a, b) => b.share - a.share || b.row.userNs - a.row.userNs || a.row.pid - b.row.pid);
  const count = (what: (row: ProcessStatus) => boolean): number => rows.filter(what).length;
  const busy = harts.filter(({ state: is }) => is === "guest" || is === "kernel").length;
  const mib = (bytes: number): string => (bytes / MIB).toFixed(0);
  const heading = [
    `${rows.length} processes, ${count((row) => row.runnable > 0)} runnable, ${count((row) => row.state === "zombie")} zombies; ${busy} of ${harts.length} harts busy`,
    `memory ${mib(memory.bytes)} of ${mib(memory.maxBytes)} MiB, free ${mib(memory.freeFrames * PAGE_KIB * 1024)}, files ${mib(memory.cachedFrames * PAGE_KIB * 1024)}`,
    "",
  ];
  const cells = sorted.map(({ row, share: percent }) => [
    String(row.pid),
    String(row.ppid),
    state(row),
    String(row.threads),
    last === undefined ? "-" : percent.toFixed(1),
    String(row.residentPages * PAGE_KIB),
    time(row.userNs + row.systemNs),
    printable(row.command),
  ]);
  const [names, ...table] = columns(["PID", "PPID", "STAT", "THR", "%CPU", "RSS", "TIME", "COMMAND"], cells);
  const room = Math.max(1, height - heading.length - 2);
  return [...heading, colour ? `\x1b[7m${names}\x1b[m` : names!, ...table.slice(0, room)];
}

/** Numbers to the right, the last column as it comes. */
function columns(names: readonly string[], cells: readonly (readonly string[])[]): string[] {
  const widths = names.map((name, i) => cells.reduce((most, row) => Math.max(most, row[i]!.length), name.length));
  const last = names.length - 1;
  return [names, ...cells].map((row) =>
    row.map((cell, i) => (i === last ? cell : cell.padStart(widths[i]!))).join(" "),
  );
}

function state(row: ProcessStatus): string {
  return row.state === "running" && row.runnable > 0 ? "R" : STATES[row.state];
}

/** [D-]HH:MM:SS, as ps(1) does. */
function time(ns: number): string {
  const seconds = Math.floor(ns / 1e9);
  const two = (value: number): string => String(value).padStart(2, "0");
  const days = Math.floor(seconds / 86_400);
  const clock = [Math.floor(seconds / 3600) % 24, Math.floor(seconds / 60) % 60, seconds % 60].map(two).join(":");
  return days === 0 ? clock : `${days}-${clock}`;
}

/** A program's name is the guest's: nothing of it drives the terminal. */
function printable(text: string): string {
  return text.replace(/\p{C}/gu, "?");
}

/** Cut to the terminal's width, which a sequence that switches the colour does not count for. */
function fit(line: string, width: number): string {
  if (!line.startsWith("\x1b[7m")) return line.slice(0, width);
  return `\x1b[7m${line.slice(4, -3).slice(0, width)}\x1b[m`;
}
