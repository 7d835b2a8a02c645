/** The command line's arguments. */

import { parseArgs } from "node:util";

export interface RunCommand {
  command: "run";
  roots: string[];
  /** Undefined: the Runtime's default. */
  harts: number | undefined;
  /** MiB; undefined: the Runtime's default. */
  memoryMiB: number | undefined;
  /** `NAME=VALUE` as given, in order. */
  env: Map<string, string>;
  cwd: string;
  timeoutMs: number | undefined;
  strace: boolean;
  /** The program gets a terminal: the host's. */
  tty: boolean;
  stats: "none" | "text" | "json";
  /** Undefined: the shell that the machine has (`foreshore shell`). */
  program: string | undefined;
  args: string[];
}

export type Command = RunCommand | { command: "help" } | { command: "version" };

/** The command line was not understood; the message says why in one line. */
export class UsageError extends Error {
  constructor(message: string) {
    super(message);
    this.name = "UsageError";
  }
}

/** Limits that the Runtime checks again; here they give a usage line. */
const HARTS_MAX = 64;
const MEMORY_MAX_MIB = 4096;
/** setTimeout's own limit, in seconds. */
const TIMEOUT_MAX = 2_147_483;

/** @throws UsageError */
export function parseCommand(argv: readonly string[]): Command {
  const [first, ...rest] = argv;
  switch (first) {
    case "--help":
    case "-h":
    case "help":
      return { command: "help" };
    case "--version":
    case "version":
      return { command: "version" };
    case "run":
      return parseRun(rest, false);
    case "shell":
      return parseRun(rest, true);
    case undefined:
      throw new UsageError("a command is missing");
    default:
      throw new UsageError(`unknown ${first.startsWith("-") ? "option" : "command"} ${first}`);
  }
}

const options = {
  root: { type: "string", multiple: true },
  harts: { type: "string" },
  memory: { type: "string" },
  env: { type: "string", multiple: true },
  cwd: { type: "string" },
  timeout: { type: "string" },
  strace: { type: "boolean" },
  tty: { type: "boolean", short: "t" },
  // A value only after "=": the program's name may follow at once.
  stats: { type: "boolean" },
  help: { type: "boolean", short: "h" },
} as const;

function parseRun(argv: string[], shell: boolean): Command {
  // Not strict, so that whatever comes after PROGRAM is left alone: what comes before is checked here.
  const { tokens } = parseArgs({ args: argv, options, strict: false, allowPositionals: true, tokens: true });
  const result: RunCommand = {
    command: "run",
    roots: [],
    harts: undefined,
    memoryMiB: undefined,
    env: new Map(),
    cwd: "/",
    timeoutMs: undefined,
    strace: false,
    tty: shell,
    stats: "none",
    program: undefined,
    args: [],
  };
  let end = argv.length;
  for (const token of tokens) {
    if (token.kind !== "option") {
      end = token.kind === "positional" ? token.index : token.index + 1;
      break;
    }
    if (!Object.hasOwn(options, token.name)) throw new UsageError(`unknown option ${token.rawName}`);
    const name = token.name as keyof typeof options;
    if (name === "help") return { command: "help" };
    apply(result, name, token.rawName, token.value);
  }
  const [program, ...args] = argv.slice(end);
  if (shell && result.roots.length === 0) throw new UsageError("shell needs a --root with a shell in it");
  if (program === undefined && !shell) throw new UsageError("PROGRAM is missing");
  if (program === "") throw new UsageError("PROGRAM is empty");
  return { ...result, program, args };
}

function apply(
  result: RunCommand,
  name: Exclude<keyof typeof options, "help">,
  rawName: string,
  value: string | undefined,
): void {
  if (name === "strace" || name === "tty") {
    if (value !== undefined) throw new UsageError(`${rawName} takes no value`);
    result[name] = true;
    return;
  }
  if (name === "stats") {
    if (value !== undefined && value !== "json") throw new UsageError(`--stats=${value}: the only form is json`);
    result.stats = value === "json" ? "json" : "text";
    return;
  }
  if (value === undefined || value === "") throw new UsageError(`${rawName} needs a value`);
  if (value.includes("\0")) throw new UsageError(`${rawName}: a value with a NUL`);
  switch (name) {
    case "root":
      result.roots.push(value);
      break;
    case "harts":
      result.harts = integer(rawName, value, 1, HARTS_MAX);
      break;
    case "memory":
      result.memoryMiB = integer(rawName, value, 1, MEMORY_MAX_MIB);
      break;
    case "env": {
      const equals = value.indexOf("=");
      if (equals <= 0) throw new UsageError(`--env ${value}: NAME=VALUE is the form`);
      result.env.set(value.slice(0, equals), value.slice(equals + 1));
      break;
    }
    case "cwd":
      if (!value.startsWith("/")) throw new UsageError(`--cwd ${value}: an absolute path in the machine is the form`);
      result.cwd = value;
      break;
    case "timeout": {
      const seconds = /^[0-9]{1,9}(\.[0-9]{1,9})?$/.test(value) ? Number(value) : Number.NaN;
      if (!(seconds > 0 && seconds <= TIMEOUT_MAX)) {
        throw new UsageError(`--timeout ${value}: a number of seconds above 0 is the form`);
      }
      result.timeoutMs = Math.max(1, Math.round(seconds * 1000));
      break;
    }
  }
}

function integer(rawName: string, value: string, min: number, max: number): number {
  const number = /^[0-9]{1,9}$/.test(value) ? Number(value) : Number.NaN;
  if (!(number >= min && number <= max)) {
    throw new UsageError(`${rawName} ${value}: a whole number from ${min} to ${max} is the form`);
  }
  return number;
}
