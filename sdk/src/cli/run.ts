/** `foreshore run`. */

import { closeSync, openSync, writeSync } from "node:fs";
import { stat } from "node:fs/promises";
import type { Writable } from "node:stream";
import { Signal } from "@foreshore/abi";
import type { RuntimeEvent } from "@foreshore/runtime";
import type { LayerSource } from "../layers/entry.ts";
import { Machine } from "../machine.ts";
import { directoryLayer } from "../node/directory.ts";
import { reason, tarFile } from "../node/host-file.ts";
import { controlSocket, type ListeningSocket } from "../node/socket.ts";
import { TraceFormatter } from "../strace/format.ts";
import { type RunCommand, UsageError } from "./arguments.ts";
import { ExitCode, exitCodeOf } from "./exit-code.ts";
import { checkCwd, Ended, environment, joinPipes, type RunIo, start } from "./launch.ts";
import { guestProgram, guestShell, hostProgram } from "./program.ts";
import { forwardSignals } from "./signals.ts";
import { formatStats, type RunStats, runStats } from "./stats.ts";
import { HostTerminal } from "./terminal.ts";

/** How long an ending machine may take to say what it did. */
const LAST_STATS_MS = 200;

/**
 * Runs one program in a machine of its own.
 * @returns the exit code of the command
 * @throws UsageError, LayerError, ProgramError, and what the Runtime throws
 */
export async function run(command: RunCommand, io: RunIo): Promise<number> {
  const terminal = command.tty ? HostTerminal.of(io.stdin, io.stdout, command.allowOsc) : undefined;
  const write = (text: string) => void io.stderr.write(terminal?.text(text) ?? text);
  const say = (text: string) => write(`foreshore: ${text}\n`);
  const ended = Promise.withResolvers<never>();
  ended.promise.catch(() => {});
  let timer: ReturnType<typeof setTimeout> | undefined;
  const started = () => {
    if (command.timeoutMs === undefined) return;
    timer = setTimeout(() => ended.reject(new Ended(ExitCode.TimedOut)), command.timeoutMs);
  };
  const signals = forwardSignals((exitCode) => ended.reject(new Ended(exitCode)));
  let machine: Machine | undefined;
  let control: ListeningSocket | undefined;
  const trace = openTrace(command, write);
  try {
    const work = async () => {
      const files = await machineFiles(command);
      const mounts = await Promise.all(
        command.mounts.map(async ({ host, guest }) => ({ layer: await hostLayer(`--mount ${host}`, host), guest })),
      );
      machine = await Machine.create({
        harts: command.harts,
        memory: command.memoryMiB,
        layers: files.layers,
        log: (level, text) => (level === "info" ? undefined : say(text)),
        note: say,
        onEvent: (event) => showEvent(event, trace.record, say),
      });
      for (const { layer, guest } of mounts) await machine.addLayer(layer, { prefix: guest });
      if (command.control !== undefined) control = await controlSocket(machine, command.control, say);
      return await runIn(machine, command, files.program, io, terminal, (send) => {
        started();
        signals.to(send);
      });
    };
    return await Promise.race([work(), ended.promise]);
  } catch (error) {
    if (!(error instanceof Ended)) throw error;
    terminal?.restore();
    if (machine !== undefined && command.stats !== "none") await lastStats(machine, command.stats, io);
    return error.exitCode;
  } finally {
    clearTimeout(timer);
    signals.stop();
    terminal?.restore();
    control?.close();
    await machine?.stop();
    trace.close();
  }
}

/** Where trace records go. */
interface Trace {
  record(bytes: Uint8Array): void;
  close(): void;
}

/** After so long without a record, a call that has not returned is shown as far as it is known. */
const TRACE_IDLE_MS = 100;

/** Where `--strace` goes; a file is created at once, so that a failure is reported before anything runs. */
function openTrace(command: RunCommand, write: (text: string) => void): Trace {
  const formatter = new TraceFormatter({ prefixAll: command.straceFile !== undefined });
  if (command.straceFile === undefined) return traceTo(formatter, write, () => {});
  let file: number;
  try {
    file = openSync(command.straceFile, "w");
  } catch (error) {
    throw new UsageError(`--strace=${command.straceFile}: ${reason(error)}`);
  }
  return traceTo(
    formatter,
    (text) => void writeSync(file, text),
    () => closeSync(file),
  );
}

function traceTo(formatter: TraceFormatter, write: (text: string) => void, close: () => void): Trace {
  const show = (text: string) => (text === "" ? undefined : write(text));
  let idle: NodeJS.Timeout | undefined;
  return {
    record: (bytes) => {
      show(formatter.push(bytes));
      idle ??= setTimeout(() => show(formatter.idle()), TRACE_IDLE_MS).unref();
      idle.refresh();
    },
    close: () => {
      clearTimeout(idle);
      show(formatter.end());
      close();
    },
  };
}

/** The layers of `--root`, or the one that holds a program of the host. */
async function machineFiles(command: RunCommand): Promise<{ layers: LayerSource[]; program: string | undefined }> {
  if (command.roots.length === 0 && command.program !== undefined) {
    const { at, layer } = await hostProgram(command.program);
    return { layers: [layer], program: at };
  }
  const layers: LayerSource[] = [];
  for (const root of command.roots) layers.push(await hostLayer(`--root ${root}`, root));
  return { layers, program: undefined };
}

/** A folder or an archive of the host. */
async function hostLayer(option: string, place: string): Promise<LayerSource> {
  let isDirectory: boolean;
  try {
    isDirectory = (await stat(place)).isDirectory();
  } catch (error) {
    throw new UsageError(`${option}: ${reason(error)}`);
  }
  return isDirectory ? directoryLayer(place) : tarFile(place);
}

async function runIn(
  machine: Machine,
  command: RunCommand,
  hostPath: string | undefined,
  io: RunIo,
  terminal: HostTerminal | undefined,
  started: (send: (signal: keyof typeof Signal) => void) => void,
): Promise<number> {
  const env = environment(command, terminal);
  await checkCwd(machine, command.cwd);
  const program =
    hostPath ??
    (command.program === undefined
      ? await guestShell(machine)
      : await guestProgram(machine, command.program, command.cwd, env["PATH"] ?? ""));
  if (command.strace) await machine.setTrace(true);
  const startMs = io.elapsedMs();
  const process = await start(machine, program, command, env, terminal);
  started((signal) => {
    // The program's group, as a terminal would; one that is gone needs no signal.
    machine.kill(-process.pid, Signal[signal]).catch(() => {});
  });
  const stopInput = new AbortController();
  const streams = terminal === undefined ? joinPipes(process, io, stopInput.signal) : terminal.join(process, io.stdout);
  // A failed output stream ends the command only after the program has seen it.
  streams.catch(() => {});
  const exit = await process.exit;
  const runMs = io.elapsedMs() - startMs;
  stopInput.abort();
  // What still runs in the background would keep the streams open: the machine ends with its program.
  await machine.kill(-1, Signal.SIGKILL).catch(() => {});
  await streams;
  if (command.strace) await machine.setTrace(false);
  if (command.stats !== "none") {
    const stats = runStats(await machine.diagnostics(), startMs, runMs);
    await writeStats(io.stderr, stats, command.stats);
  }
  return exitCodeOf({ code: exit.code, signal: exit.signal === null ? null : exit.signalNumber });
}

/** Statistics of a machine that is about to be ended, if it answers soon. */
async function lastStats(machine: Machine, form: "text" | "json", io: RunIo): Promise<void> {
  const late = new Promise<undefined>((resolve) => {
    setTimeout(() => resolve(undefined), LAST_STATS_MS);
  });
  const diagnostics = await Promise.race([machine.diagnostics().catch(() => undefined), late]);
  if (diagnostics !== undefined) void writeStats(io.stderr, runStats(diagnostics, 0, io.elapsedMs()), form);
}

function showEvent(event: RuntimeEvent, trace: (record: Uint8Array) => void, say: (text: string) => void): void {
  switch (event.type) {
    case "trace":
      trace(event.record);
      break;
    case "unsupported-syscall": {
      const args = event.args.map((arg) => `0x${arg.toString(16)}`).join(", ");
      say(`process ${event.pid}: ${event.name.replace(/^SYS_/, "")}(${args}) is not supported`);
      break;
    }
  }
}

function writeStats(stderr: Writable, stats: RunStats, form: "text" | "json"): Promise<void> {
  const text = form === "json" ? `${JSON.stringify(stats)}\n` : formatStats(stats);
  return new Promise((resolve) => {
    stderr.write(text, () => resolve());
  });
}
