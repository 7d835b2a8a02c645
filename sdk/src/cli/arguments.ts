/** The command line's arguments. */

import { parseArgs } from "node:util";
import { Limit } from "@foreshore/abi";
import { type KillCommand, type PsCommand, parseKill, socketPath, type TopCommand } from "./control-arguments.ts";
import { UsageError } from "./usage-error.ts";

export { UsageError } from "./usage-error.ts";

/** `--mount HOST:GUEST:ro`: a folder or archive of the host at a path of the machine. */
export interface Mount {
  host: string;
  guest: string;
}

export interface RunCommand {
  command: "run";
  roots: string[];
  mounts: Mount[];
  /** Undefined: the Runtime's default. */
  harts: number | undefined;
  /** MiB; undefined: the Runtime's default. */
  memoryMiB: number | undefined;
  /** `NAME=VALUE` as given, in order. */
  env: Map<string, string>;
  cwd: string;
  timeoutMs: number | undefined;
  strace: boolean;
  /** A file of the host that gets the trace; undefined: standard error. */
  straceFile: string | undefined;
  /** The program gets a terminal: the host's. */
  tty: boolean;
  /** It may set that terminal's title and reach its clipboard. */
  allowOsc: boolean;
  stats: "none" | "text" | "json";
  /** Path of a socket at which others use the machine. */
  control: string | undefined;
  /** Undefined: the shell that the machine has (`foreshore shell`). */
  program: string | undefined;
  args: string[];
}

/** What `foreshore exec` runs in a machine that runs already: of the options of `run` those that are the program's. */
export interface ExecCommand
  extends Pick<RunCommand, "env" | "cwd" | "timeoutMs" | "tty" | "allowOsc" | "program" | "args"> {
  command: "exec";
  control: string;
}

const TOPICS = ["run", "shell", "ps", "top", "exec", "kill", "doctor"] as const;
export type HelpTopic = "all" | (typeof TOPICS)[number];

export interface DoctorCommand {
  command: "doctor";
  json: boolean;
  /** A page whose headers are looked at. */
  url: string | undefined;
}

export type Command =
  | RunCommand
  | ExecCommand
  | PsCommand
  | TopCommand
  | KillCommand
  | DoctorCommand
  | { command: "help"; topic: HelpTopic }
  | { command: "version"; json: boolean };

/** Limits that the Runtime checks again; here they give a usage line. */
const MEMORY_MAX_MIB = 4096;
/** setTimeout's own limit, in seconds. */
const TIMEOUT_MAX = 2_147_483;

const COMMANDS = [...TOPICS, "help", "version"] as const;

/** @throws UsageError */
export function parseCommand(argv: readonly string[]): Command {
  const [first, ...rest] = argv;
  switch (first) {
    case "--help":
    case "-h":
      return { command: "help", topic: "all" };
    case "help":
      return { command: "help", topic: helpTopic(rest[0]) };
    case "--version":
    case "version":
      return { command: "version", json: flags(rest, ["json"])["json"] === true };
    case "doctor":
      return parseDoctor(rest);
    case "run":
      return parseRun(rest, false);
    case "shell":
      return parseRun(rest, true);
    case "exec":
      return parseExec(rest);
    case "ps": {
      const values = flags(rest, ["json", "help"], ["control"]);
      if (values["help"] === true) return { command: "help", topic: "ps" };
      return { command: "ps", control: socketPath(values["control"], "ps"), json: values["json"] === true };
    }
    case "top": {
      const values = flags(rest, ["once", "help"], ["control"]);
      if (values["help"] === true) return { command: "help", topic: "top" };
      return { command: "top", control: socketPath(values["control"], "top"), once: values["once"] === true };
    }
    case "kill":
      return parseKill(rest) ?? { command: "help", topic: "kill" };
    case undefined:
      throw new UsageError("a command is missing");
    default: {
      const what = first.startsWith("-") ? "option" : "command";
      throw new UsageError(`unknown ${what} ${first}${suggestion(first, COMMANDS)}`);
    }
  }
}

function helpTopic(name: string | undefined): HelpTopic {
  if (name === undefined) return "all";
  const topic = TOPICS.find((one) => one === name);
  if (topic !== undefined) return topic;
  throw new UsageError(`there is no help on ${name}`);
}

function parseDoctor(argv: string[]): Command {
  const values = flags(argv, ["json", "help"], ["url"]);
  if (values["help"] === true) return { command: "help", topic: "doctor" };
  const url = values["url"];
  if (url !== undefined && !(typeof url === "string" && URL.canParse(url))) {
    throw new UsageError(`--url ${url}: must be an address such as http://127.0.0.1:8080/`);
  }
  return { command: "doctor", json: values["json"] === true, url };
}

/** Options of commands that take nothing else. */
function flags(
  argv: string[],
  switches: readonly string[],
  strings: readonly string[] = [],
): Partial<Record<string, string | boolean>> {
  const known = Object.fromEntries([
    ...switches.map((name) => [name, { type: "boolean", ...(name === "help" ? { short: "h" } : {}) }] as const),
    ...strings.map((name) => [name, { type: "string" }] as const),
  ]) as Record<string, { type: "boolean" | "string"; short?: string }>;
  try {
    return parseArgs({ args: argv, options: known, allowPositionals: false }).values as Partial<
      Record<string, string | boolean>
    >;
  } catch (error) {
    // Node's own words, in our form: one line, without the advice on "--".
    throw new UsageError((error as Error).message.split(". ")[0]!.replace(/^./, (letter) => letter.toLowerCase()));
  }
}

/** ", did you mean X?" for what is a slip away from something known. */
function suggestion(given: string, known: readonly string[]): string {
  const near = known.find((name) => distance(given, name) <= (name.length > 4 ? 2 : 1));
  return near === undefined ? "" : ` (did you mean ${near}?)`;
}

/** Levenshtein's. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const change = row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(change, row[j]! + 1, next[j - 1]! + 1));
    }
    row = next;
  }
  return row[b.length]!;
}

const options = {
  root: { type: "string", multiple: true },
  mount: { type: "string", multiple: true },
  harts: { type: "string" },
  memory: { type: "string" },
  env: { type: "string", multiple: true },
  cwd: { type: "string" },
  timeout: { type: "string" },
  // As with stats: a value only after "=".
  strace: { type: "boolean" },
  tty: { type: "boolean", short: "t" },
  "allow-osc": { type: "boolean" },
  // A value only after "=": the program's name may follow at once.
  stats: { type: "boolean" },
  control: { type: "string" },
  help: { type: "boolean", short: "h" },
} as const;

/** Options that `exec` has, too. */
const EXEC_OPTIONS: readonly string[] = ["control", "env", "cwd", "timeout", "tty", "allow-osc", "help"];

function parseRun(argv: string[], shell: boolean): Command {
  const result = parseProgram(argv, Object.keys(options), shell);
  if (result === "help") return { command: "help", topic: shell ? "shell" : "run" };
  if (shell && result.roots.length === 0) throw new UsageError("shell needs a --root with a shell in it");
  if (result.program === undefined && !shell) throw new UsageError("PROGRAM is missing");
  return result;
}

function parseExec(argv: string[]): Command {
  const result = parseProgram(argv, EXEC_OPTIONS, false);
  if (result === "help") return { command: "help", topic: "exec" };
  const control = socketPath(result.control, "exec");
  if (result.program === undefined) throw new UsageError("PROGRAM is missing");
  const { env, cwd, timeoutMs, tty, allowOsc, program, args } = result;
  return { command: "exec", control, env, cwd, timeoutMs, tty, allowOsc, program, args };
}

function parseProgram(argv: string[], allowed: readonly string[], shell: boolean): RunCommand | "help" {
  // Not strict, so that whatever comes after PROGRAM is left alone: what comes before is checked here.
  const { tokens } = parseArgs({ args: argv, options, strict: false, allowPositionals: true, tokens: true });
  const result: RunCommand = {
    command: "run",
    roots: [],
    mounts: [],
    harts: undefined,
    memoryMiB: undefined,
    env: new Map(),
    cwd: "/",
    timeoutMs: undefined,
    strace: false,
    straceFile: undefined,
    tty: shell,
    allowOsc: false,
    stats: "none",
    control: undefined,
    program: undefined,
    args: [],
  };
  let end = argv.length;
  for (const token of tokens) {
    if (token.kind !== "option") {
      end = token.kind === "positional" ? token.index : token.index + 1;
      break;
    }
    if (!allowed.includes(token.name)) {
      const names = allowed.map((name) => `--${name}`);
      throw new UsageError(`unknown option ${token.rawName}${suggestion(token.rawName, names)}`);
    }
    const name = token.name as keyof typeof options;
    if (name === "help") return "help";
    // --control --root x: a value was forgotten.
    if (token.inlineValue === false && token.value.startsWith("--"))
      throw new UsageError(
        `${token.rawName} needs a value; one like ${token.value} is written ${token.rawName}=${token.value}`,
      );
    apply(result, name, token.rawName, token.value);
  }
  const [program, ...args] = argv.slice(end);
  if (program === "") throw new UsageError("PROGRAM is empty");
  return { ...result, program, args };
}

function apply(
  result: RunCommand,
  name: Exclude<keyof typeof options, "help">,
  rawName: string,
  value: string | undefined,
): void {
  if (name === "tty" || name === "allow-osc") {
    if (value !== undefined) throw new UsageError(`${rawName} takes no value`);
    result[name === "tty" ? "tty" : "allowOsc"] = true;
    return;
  }
  if (name === "strace") {
    if (value === "" || value?.includes("\0")) throw new UsageError("--strace=FILE: not a name of a file");
    result.strace = true;
    result.straceFile = value;
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
    case "control":
      result.control = value;
      break;
    case "mount":
      result.mounts.push(mount(value));
      break;
    case "harts":
      result.harts = integer(rawName, value, 1, Limit.Harts);
      break;
    case "memory":
      result.memoryMiB = integer(rawName, value, 1, MEMORY_MAX_MIB);
      break;
    case "env": {
      const equals = value.indexOf("=");
      if (equals <= 0) throw new UsageError(`--env ${value}: must be NAME=VALUE`);
      result.env.set(value.slice(0, equals), value.slice(equals + 1));
      break;
    }
    case "cwd":
      if (!value.startsWith("/")) throw new UsageError(`--cwd ${value}: must be an absolute path in the machine`);
      result.cwd = value;
      break;
    case "timeout": {
      const seconds = /^[0-9]{1,9}(\.[0-9]{1,9})?$/.test(value) ? Number(value) : Number.NaN;
      if (!(seconds > 0 && seconds <= TIMEOUT_MAX)) {
        throw new UsageError(`--timeout ${value}: must be a number of seconds above 0`);
      }
      result.timeoutMs = Math.max(1, Math.round(seconds * 1000));
      break;
    }
  }
}

function mount(value: string): Mount {
  // The host's path may hold colons, the machine's may not.
  const [, host, guest, mode] = /^(.+):(\/[^:]*):([^:]*)$/.exec(value) ?? [];
  if (host === undefined || guest === undefined) {
    throw new UsageError(`--mount ${value}: must be HOST:GUEST:ro, GUEST an absolute path in the machine`);
  }
  if (mode !== "ro")
    throw new UsageError(`--mount ${value}: ro is the only mode: what a program writes stays in the machine`);
  return { host, guest };
}

function integer(rawName: string, value: string, min: number, max: number): number {
  const number = /^[0-9]{1,9}$/.test(value) ? Number(value) : Number.NaN;
  if (!(number >= min && number <= max)) {
    throw new UsageError(`${rawName} ${value}: must be a whole number from ${min} to ${max}`);
  }
  return number;
}
