/** The arguments of the commands that use a machine over its control channel. */
import { Signal } from "@foreshore/abi";
import { UsageError } from "./usage-error.ts";

export interface PsCommand {
  command: "ps";
  /** Path of the socket. */
  control: string;
  json: boolean;
}

export interface TopCommand {
  command: "top";
  control: string;
  once: boolean;
}

export interface KillCommand {
  command: "kill";
  control: string;
  signal: number;
  /** As kill(2) takes them. */
  pids: number[];
}

/** Signal numbers end here. */
const SIGNAL_MAX = 64;
const PID_MAX = 2 ** 31 - 1;

/** `--control` of commands that cannot do without it. */
export function socketPath(value: unknown, command: string): string {
  if (value === undefined) {
    throw new UsageError(`${command} needs --control SOCKET, the one that foreshore run --control has made`);
  }
  if (typeof value !== "string" || value === "" || value.includes("\0")) {
    throw new UsageError("--control: must be the path of a socket");
  }
  return value;
}

/**
 * The arguments of `foreshore kill`: those of kill(1), and `--control`.
 * @returns undefined when help is asked for
 */
export function parseKill(argv: readonly string[]): KillCommand | undefined {
  let control: string | undefined;
  let signal: number = Signal.SIGTERM;
  const pids: number[] = [];
  let options = true;
  for (let i = 0; i < argv.length; i++) {
    const arg = argv[i]!;
    if (options && arg === "--") options = false;
    else if (options && (arg === "--help" || arg === "-h")) return undefined;
    else if (options && arg === "--control") control = socketPath(argv[++i] ?? "", "kill");
    else if (options && arg.startsWith("--control=")) control = socketPath(arg.slice("--control=".length), "kill");
    else if (options && arg === "-s") signal = signalOf(argv[++i] ?? "");
    else if (options && arg.startsWith("--")) throw new UsageError(`unknown option ${arg}`);
    // As in kill(1), only the first may be a signal: what follows it are process groups.
    else if (options && /^-./.test(arg) && pids.length === 0) {
      signal = signalOf(arg.slice(1));
      options = false;
      // Options of ours may still follow the signal.
      if (argv[i + 1]?.startsWith("--")) options = true;
    } else pids.push(pidOf(arg));
  }
  if (pids.length === 0) throw new UsageError("PID is missing");
  return { command: "kill", control: socketPath(control, "kill"), signal, pids };
}

function signalOf(text: string): number {
  if (/^[0-9]{1,2}$/.test(text) && Number(text) <= SIGNAL_MAX) return Number(text);
  const name = text.toUpperCase();
  const known = Object.entries(Signal).find(([key]) => key === name || key === `SIG${name}`);
  if (known === undefined) throw new UsageError(`-${text}: must be a signal's name or number, such as -TERM or -9`);
  return known[1];
}

function pidOf(text: string): number {
  const pid = /^-?[0-9]{1,10}$/.test(text) ? Number(text) : Number.NaN;
  if (!(Math.abs(pid) <= PID_MAX) || pid === 0) {
    throw new UsageError(`${text}: must be a process id, or -N for the process group N`);
  }
  return pid;
}
